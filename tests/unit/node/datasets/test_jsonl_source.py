"""JSON Lines: names become columns, lists become cells or rows, and a bad line costs itself only."""

import json
import os

import pytest

from node.datasets import json_shape, jsonl_source, open_table
from node.datasets.tables import MAX_CELL_CHARACTERS
from node.errors import UserError
from tests.support.intake import CANARIES, write_csv


def write(folder, *lines):
    return write_csv(
        folder, "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n", name="t.jsonl"
    )


def read(path, **options):
    with open_table(path, **options) as table:
        return table, [(row.number, row.cells, row.problem) for row in table.rows()]


def test_names_of_the_first_lines_are_the_columns_and_rows_are_lines(tmp_path):
    path = write(tmp_path, {"ref": "A1", "tel": "0721"}, "", {"tel": None, "mail": "a@b.example", "ref": "A2"}, "   ")
    table, rows = read(path)
    assert table.header == ("ref", "tel", "mail")
    assert (table.facts.format, table.facts.header_row, table.facts.numbering) == ("jsonl", 0, "line of the file")
    assert rows == [(1, ("A1", "0721", ""), ""), (3, ("A2", "", "a@b.example"), "")]


def test_objects_are_flattened_with_dots_and_plain_lists_joined(tmp_path):
    path = write(
        tmp_path,
        {"ref": 7, "contact": {"phone": {"home": "0721"}, "tags": ["a", None, 5, True]}, "group/q1": "x", "one": [5]},
        {"ref": 8, "contact": {"phone": {}, "tags": []}, "one": []},
    )
    table, rows = read(path)
    assert table.header == ("ref", "contact.phone.home", "contact.tags", "group/q1", "one")
    assert rows == [(1, (7.0, "0721", "a; 5; TRUE", "x", 5.0), ""), (2, (8.0, "", "[]", "", "[]"), "")]


HOUSEHOLD = [
    {"ref": "K1", "house": {"members": [{"name": "Ana", "tel": ["1", "2"]}, {"name": "Ion"}], "n": 2}},
    {"ref": "K2", "house": {"members": []}},
    {"ref": "K3", "house": {"members": ["plain"]}},
    {"ref": "K4"},
]


def test_a_list_of_entries_becomes_rows_if_the_profile_says_so(tmp_path):
    table, rows = read(write(tmp_path, *HOUSEHOLD), explode="house.members")
    assert table.header == ("ref", "house.n", "house.members.name", "house.members.tel", "house.members")
    assert table.facts.explode == "house.members"
    assert rows == [
        (1, ("K1", 2.0, "Ana", "1; 2", ""), ""),
        (1, ("K1", 2.0, "Ion", "", ""), ""),
        (2, ("K2", "", "", "", ""), ""),
        (3, ("K3", "", "", "", "plain"), ""),
        (4, ("K4", "", "", "", ""), ""),
    ]


def test_a_list_of_entries_that_is_not_taken_apart_is_named_and_left_out(tmp_path):
    table, rows = read(write(tmp_path, *HOUSEHOLD[:2]))
    assert table.header == ("ref", "house.n", "house.members")  # an empty list is an empty cell
    assert "house.members" in table.facts.notes[0]
    assert rows[0] == (1, ("K1", 2.0, ""), "")


def test_a_list_to_take_apart_that_is_not_there_is_refused(tmp_path):
    for name in ("people", "house", "house.members.name", "house."):
        with pytest.raises(UserError, match="in none of the lines"):
            read(write(tmp_path, *HOUSEHOLD), explode=name)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("721123456", 721123456.0),
        ("999999999999999", 999999999999999.0),
        ("1000000000000000", "1000000000000000"),
        ("-40721123456789012", "-40721123456789012"),
        ("9" * 6000, "9" * 6000),
        ("721123456.0", 721123456.0),
        ("7.2E+8", 720000000.0),
        ("1e999", "1e999"),
        ("true", "TRUE"),
        ("null", ""),
        (r'"\u0660\ud83d\ude00"', "٠😀"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_values_keep_every_digit(tmp_path, text, cell):
    assert read(write(tmp_path, f'{{"a": {text}, "b": 1}}'))[1] == [(1, (cell, 1.0), "")]


BAD = [
    ("{", "row/not-json"),
    ("[1]", "row/not-json"),
    ('"text"', "row/not-json"),
    ('{"a": 1} {"a": 2}', "row/not-json"),
    ('{"a": NaN}', "row/not-json"),
    ('{"a": Infinity}', "row/not-json"),
    ("{'a': 1}", "row/not-json"),
    ('{"a": 1,}', "row/not-json"),
    ('{"a": "\t"}', "row/not-json"),
    ('{"a": 1, "a": 2}', "row/repeated-key"),
    ('{"x": {"y": 1, "y": 1}}', "row/repeated-key"),
    ('{"x.y": 1, "x": {"y": 1}}', "row/repeated-key"),
    ('{"a": ' * 21 + "1" + "}" * 21, "row/nested-too-deep"),
    ('{"a": ' * 50_000 + "1" + "}" * 50_000, "row/nested-too-deep"),
    ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "row/nested-too-deep"),
    (r'{"a": "\ud83d"}', "cell/not-text"),
    (r'{"\udc00": 1}', "cell/not-text"),
    ("\xff", "row/not-json"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[line[:20] for line, _ in BAD])
def test_a_bad_line_costs_itself_and_no_other(tmp_path, line, reason):
    _, rows = read(write(tmp_path, '{"a": 1}', line, '{"a": 3}'))
    assert rows == [(1, (1.0,), ""), (2, (), reason), (3, (3.0,), "")]


def test_bytes_that_are_not_utf8_cost_their_line(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "x"}\r\n{"a": "\xe9"}\n{"a": "y"}')
    assert read(path)[1] == [(1, ("x",), ""), (2, (), "cell/not-text"), (3, ("y",), "")]


def test_a_field_that_first_comes_after_the_columns_are_known_costs_its_row(tmp_path, monkeypatch):
    """It may be the one that says "withdrawn"; an empty one says nothing."""
    monkeypatch.setattr(jsonl_source, "HEADER_LINES", 2)
    _, rows = read(write(tmp_path, {"a": 1}, {"a": 2}, {"a": 3, "withdrawn": "yes"}, {"a": 4, "withdrawn": None}))
    assert [(number, problem) for number, _, problem in rows] == [(1, ""), (2, ""), (3, "row/late-field"), (4, "")]


def test_a_line_without_end_costs_itself_and_is_never_held(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl_source, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(jsonl_source, "_CHUNK_BYTES", 100)
    whole = json.dumps({"a": "x" * 985})
    _, rows = read(write(tmp_path, {"a": 1}, {"a": "x" * 5000}, whole, {"a": 4}))
    assert [(number, problem) for number, _, problem in rows] == [(1, ""), (2, "cell/too-long"), (3, ""), (4, "")]


def test_a_long_text_is_cut_and_costs_nothing(tmp_path):
    _, rows = read(write(tmp_path, {"ref": "A", "html": "x" * 100_000}))
    assert (rows[0][1][0], rows[0][2], len(rows[0][1][1])) == ("A", "", MAX_CELL_CHARACTERS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{\n  "a": 1\n}\n', "one object on each line"),
        ('[\n  {"a": 1}\n]\n', "one JSON list"),
        ('[{"a": 1}]', "one JSON list"),
        ("{}\n{}\n", "one object on each line"),
        ("\n".join(json.dumps({f"k{n}": 1}) for n in range(2001)), "2,000 different names"),
    ],
)
def test_what_is_json_but_no_table_is_refused(tmp_path, text, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        read(write_csv(tmp_path, text, name="t.json"))
    assert caught.value.advice


def test_options_of_other_files_are_refused(tmp_path):
    path = write(tmp_path, {"a": 1})
    for option in ({"sheet": "S"}, {"header_row": 1}, {"encoding": "utf-8"}, {"delimiter": ","}, {"password": b"x"}):
        with pytest.raises(UserError, match="JSON Lines file has no"):
            read(path, **option)


@pytest.mark.tm("TM-84")
def test_the_source_is_not_touched(tmp_path):
    path = write(tmp_path, {"a": 1})
    path.chmod(0o400)
    before = (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path))
    read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, os.listdir(tmp_path)) == before


@pytest.mark.tm("TM-83")
def test_no_value_and_no_name_reaches_an_error_or_a_repr(tmp_path):
    values = dict.fromkeys(CANARIES, CANARIES[0])
    with open_table(write(tmp_path, values, json.dumps(values)[:-1])) as table:
        shown = repr(list(table.rows()))
    with pytest.raises(UserError) as caught:
        read(write(tmp_path, values), explode=CANARIES[0])
    shown += repr(caught.value) + caught.value.diagnostics() + repr(caught.value.__cause__)
    assert not any(canary in shown for canary in CANARIES)


def test_one_line_cannot_fill_the_memory_with_its_names(tmp_path):
    """Each cell keeps the whole way down: a long name above many others is their product."""
    wide = {"k" * 1_000_000: {f"{number:x}": 1 for number in range(100)}}
    _, rows = read(write(tmp_path, {"ref": "A1"}, wide, {"ref": "A3"}))
    assert rows == [(1, ("A1",), ""), (2, (), "row/too-large"), (3, ("A3",), "")]


def test_one_line_cannot_become_any_number_of_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(json_shape, "MAX_EXPLODED_CELLS", 20)
    lines = [{"ref": "A1", "n": 1, "m": list(range(entries))} for entries in (6, 7)]
    _, rows = read(write(tmp_path, *lines), explode="m")
    assert [(number, problem) for number, _, problem in rows] == [(1, "")] * 6 + [(2, "row/too-large")]
