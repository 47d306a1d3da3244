"""CSV files as people make them: every trap ends in true addresses, a reported row, or a sentence."""

import contextlib
import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from node.datasets import open_table
from node.datasets.csv_source import MAX_LINE_CHARACTERS
from node.datasets.tables import MAX_CELL_CHARACTERS
from node.errors import UserError
from tests.support.intake import CANARIES, write_csv
from tests.support.tree import ROOT


def read(path, **options):
    with open_table(path, **options) as table:
        return table, list(table.rows())


def test_rows_and_columns_have_the_addresses_of_the_spreadsheet(tmp_path):
    path = write_csv(tmp_path, '\nref,note\n1,"two\nlines"\n\n2,x\n')
    table, rows = read(path)
    assert (table.header, table.facts.header_row) == (("ref", "note"), 2)
    assert [(row.number, row.cells) for row in rows] == [(3, ("1", "two\nlines")), (4, ()), (5, ("2", "x"))]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("ref;nume\n1;Ștefănescu Țurcanu\n2;Brânză\n", "utf-8"),
        ("ref;nume\n1;Ștefănescu\n", "utf-8-sig"),
        ("ref;име\n1;Мария Иванова\n", "utf-16"),
        ("ref;име\n1;Мария Иванова\n2;x\n", "utf-16-le"),
        ("ref;име\n1;Мария Иванова\n2;x\n", "utf-16-be"),
        ("ref;име\n1;Мария\n", "utf-32"),
        ("номер;име;град\n1;Мария Иванова;Пловдив\n2;Пламен Петров;София\n", "cp1251"),
        ("Fall;Name;Ort\n1;Jürgen Müller;Köln\n2;Weiß;Straße\n", "cp1252"),
        ("Réf;Nom\n1;Étienne François\n2;Hélène Lefèvre\n3;Gaël Bénoît\n", "cp1252"),
        ("номер;име;град\n1;Мария Иванова;Пловдив\n2;Пламен Петров;София\n", "koi8-u"),
        ("НОМЕР;ИМЕ;ГРАД\n1;МАРИЯ ИВАНОВА;ПЛОВДИВ\n2;ПЛАМЕН ПЕТРОВ;СОФИЯ\n", "koi8-u"),
        ("НОМЕР;ИМЕ;ГРАД\n1;МАРИЯ ИВАНОВА;ПЛОВДИВ\n2;ПЛАМЕН ПЕТРОВ;СОФИЯ\n", "cp1251"),
        ("номер;ім'я;місто\n1;Олена Гнатюк;Київ\n2;Юлія Ґудзь;Львів\n", "koi8-u"),
        ("Broj;Ime\n1;Ana Šimić\n2;Žarko Đurić\n3;Maša Žižek\n", "iso8859-2"),
        ("Broj;Ime\n1;Ana Šimić\n2;Žarko Đurić\n3;Maša Žižek\n", "cp1250"),
        ("Referinţă;Nume\n1;Ionuţ Şerban\n2;Pătraşcu Ţîrlea\n3;Ştefan Brânză\n", "cp1250"),
    ],
)
def test_the_encodings_of_our_languages_are_found(tmp_path, text, encoding):
    table, rows = read(write_csv(tmp_path, text, encoding=encoding))
    lines = text.splitlines()
    assert table.header == tuple(lines[0].split(";"))
    assert [row.cells for row in rows] == [tuple(line.split(";")) for line in lines[1:]]
    assert table.facts.encoding_guessed == (encoding not in ("utf-8", "utf-8-sig", "utf-16", "utf-32"))


def test_utf8_is_decided_by_the_whole_file_and_not_by_its_start(tmp_path):
    text = "ref,name\n" + "1,plain\n" * 100_000
    table, rows = read(write_csv(tmp_path, text.encode() + "2,Müller\n3,Größe\n".encode("cp1252")))
    assert table.facts.encoding_guessed
    assert rows[-1].cells == ("3", "Größe")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_delimiters_are_found(tmp_path, mark):
    text = f"ref{mark}name{mark}tel\n1{mark}Ana{mark}0721\n2{mark}Ion{mark}0722\n"
    table, rows = read(write_csv(tmp_path, text))
    assert table.facts.delimiter == mark
    assert rows[0].cells == ("1", "Ana", "0721")


@pytest.mark.parametrize("mark", ["^", "~", "#", ":", "¦"])
def test_an_unusual_delimiter_is_used_if_it_is_named(tmp_path, mark):
    path = write_csv(tmp_path, f"ref{mark}name\n1{mark}Ana, Ion\n")
    table, rows = read(path, delimiter=mark)
    assert (table.facts.delimiter, rows[0].cells) == (mark, ("1", "Ana, Ion"))
    assert read(path)[0].facts.delimiter != mark


@pytest.mark.parametrize(
    ("name", "text"),
    [("mac-roman", "réf;nom\n1;Étienne\n"), ("cp852", "ref;nume\n1;Ţîrlea\n"), ("cp866", "ref;имя\n1;Яна\n")],
)
def test_an_encoding_that_is_not_guessed_is_read_if_it_is_named(tmp_path, name, text):
    table, rows = read(write_csv(tmp_path, text, encoding=name), encoding=name)
    assert (table.header, rows[0].cells) == tuple(tuple(line.split(";")) for line in text.splitlines())


def test_a_comma_inside_values_does_not_win_over_semicolons(tmp_path):
    table, _ = read(write_csv(tmp_path, "ref;name, first;tel\n1;Pop, Ana;0721\n2;Pop, Ion;0722\n"))
    assert table.header == ("ref", "name, first", "tel")


def test_the_separator_line_of_spreadsheet_programs_is_obeyed_and_not_counted(tmp_path):
    table, rows = read(write_csv(tmp_path, "sep=;\nref;tel\n1;0721,0722\n"))
    assert (table.facts.delimiter, table.facts.header_row, rows[0].number) == (";", 1, 2)


def test_detected_facts_can_be_overridden(tmp_path):
    path = write_csv(tmp_path, "title\nref;name\n1;Müller\n".encode("cp1252"))
    table, rows = read(path, encoding="latin-1", delimiter="semicolon", header_row=2)
    assert (table.header, rows[0].cells, rows[0].number) == (("ref", "name"), ("1", "Müller"), 3)


def test_a_million_character_cell_costs_its_row_and_no_other(tmp_path):
    text = "ref,note\n1,x\n2," + "a" * 1_000_000 + "\n3," + "b" * (MAX_CELL_CHARACTERS + 1) + "\n4,y\n"
    _, rows = read(write_csv(tmp_path, text))
    assert [(row.number, row.problem) for row in rows] == [
        (2, ""),
        (3, "cell/too-long"),
        (4, "cell/too-long"),
        (5, ""),
    ]


def test_a_cell_at_the_limit_is_read(tmp_path):
    _, rows = read(write_csv(tmp_path, "ref,note\n1," + "a" * MAX_CELL_CHARACTERS + "\n"))
    assert rows[0].problem == ""


def test_text_after_a_closing_quotation_mark_costs_its_row_and_no_other(tmp_path):
    _, rows = read(write_csv(tmp_path, 'ref,note\n1,"a" b\n2,c\n'))
    assert [(row.number, row.problem) for row in rows] == [(2, "row/quotation-mark"), (3, "")]


@pytest.mark.parametrize(
    "text",
    [
        'ref,note\n1,"never closed\n2,b\n3,c\n',
        'ref,note\n1,"never closed\n' + "2,bbbbbbbbbb\n" * 40_000,
        'ref,note\n1,"closed\nlate" or not\n2,b\n',
    ],
    ids=["to the end", "beyond the limit of a cell", "over two lines"],
)
def test_an_open_quotation_mark_refuses_the_file_instead_of_swallowing_rows(tmp_path, text):
    with pytest.raises(UserError, match="row 2"):
        read(write_csv(tmp_path, text))


def test_a_stray_nul_stays_in_its_cell(tmp_path):
    _, rows = read(write_csv(tmp_path, "ref,name\n1,A\0na\n2,Ion\n"))
    assert [row.cells for row in rows] == [("1", "A\0na"), ("2", "Ion")]


def test_every_line_end_is_a_line_end(tmp_path):
    _, rows = read(write_csv(tmp_path, b"ref,n\r1,a\r\n2,b\n3,c"))
    assert [row.cells for row in rows] == [("1", "a"), ("2", "b"), ("3", "c")]


def test_a_table_can_be_read_twice(tmp_path):
    with open_table(write_csv(tmp_path, "ref,n\n1,a\n")) as table:
        assert list(table.rows()) == list(table.rows()) != []


@pytest.mark.tm("TM-84")
def test_the_source_is_not_touched(tmp_path):
    path = write_csv(tmp_path, "ref,n\n1,a\n")
    path.chmod(0o400)
    before = (path.read_bytes(), path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode), os.listdir(tmp_path))
    read(path)
    assert before == (
        path.read_bytes(),
        path.stat().st_mtime_ns,
        stat.S_IMODE(path.stat().st_mode),
        os.listdir(tmp_path),
    )


REFUSED = [
    (b"", {}, "empty"),
    (b"\n\n  \n", {}, "no header"),
    (b"%PDF-1.7 ...", {}, "PDF"),
    (b"\x89PNG\r\n\x1a\n0000", {}, "picture"),
    (bytes(range(256)) * 40, {}, "not a text table"),
    (b"ref\x00\x01\x02\x03\x04,n\n", {}, "not a text table"),
    ("ref,n\n1,é\n".encode("cp1252"), {"encoding": "utf-8"}, "encoding utf-8"),
    ("ref,n\n1,é\n".encode("cp1252"), {"encoding": "utf-16"}, "encoding utf-16"),
    (b"ref,n\n1,a\n", {"encoding": "klingon"}, "encoding is not known"),
    *(
        (b"ref,n\n1,a\n", {"encoding": name}, "encoding is not known")
        for name in ("hex", "utf-7", "unicode_escape", "idna")
    ),
    (b"ref,n\n1,a\n", {"delimiter": "+"}, "delimiter"),
    (b"ref,n\n1,a\n", {"sheet": "One"}, "no sheets"),
    (b"ref,n\n1,a\n", {"header_row": 9}, "no row 9"),
    (b"ref,n\n1,a\n", {"header_row": 0}, "counted from 1"),
    (b",".join([b"c"] * 2001) + b"\n", {}, "more than 2,000 columns"),
    (b'"ref" x,n\n1,a\n', {}, "header row cannot be read"),
    (b"ref,n\n1," + b"a" * (MAX_LINE_CHARACTERS + 1), {}, "longer than"),
    (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, {}, "damaged"),
    (b"\x1f\x8b\x08" + b"\0" * 60, {}, "compressed"),
    (b"SQLite format 3\0" + b"\0" * 60, {}, "SQLite database"),
    (b'[{"ref": 1}]', {}, "JSON list"),
    (b"ref,n\n1,a\n", {"password": b"secret"}, "has no password"),
    (b"ref,n\n1,a\n", {"explode": "members"}, "has no lists"),
]


@pytest.mark.parametrize(("data", "options", "sentence"), REFUSED, ids=[case[2] for case in REFUSED])
def test_what_is_no_table_is_refused_with_a_sentence_and_advice(tmp_path, data, options, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        read(write_csv(tmp_path, data), **options)
    assert caught.value.advice


def test_a_file_that_is_not_there_or_not_a_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    write_csv(tmp_path, "ref,n\n", name="file")
    for name, sentence in (
        ("missing", "no file"),
        ("folder", "folder"),
        ("pipe", "ordinary file"),
        ("file/x", "no file"),
        ("nul\0", "cannot be read"),
        ("n" * 300, "cannot be read"),
    ):
        with pytest.raises(UserError, match=sentence):
            open_table(tmp_path / name)


def test_a_name_that_becomes_a_pipe_after_it_was_looked_at_blocks_nobody(tmp_path):
    """Opened once, without waiting: whatever is put in its place later is never opened."""
    path = write_csv(tmp_path, "ref,n\n1,a\n", name="t")
    os.mkfifo(tmp_path / "pipe")
    with open_table(path) as table:
        (tmp_path / "pipe").replace(path)
        assert [row.cells for row in table.rows()] == [("1", "a")]
        first, second = table.rows(), table.rows()
        assert next(first).cells == next(second).cells == ("1", "a")
    with pytest.raises(UserError, match="ordinary file"):
        open_table(path)


def test_a_file_that_is_refused_or_closed_is_not_held_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for text in ("", "%PDF", "a,b\n", 'a\n"'):
        with contextlib.suppress(UserError), open_table(write_csv(tmp_path, text)) as table:
            list(table.rows())
    with pytest.raises(UserError):
        open_table(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


AS_NOBODY = """
import os, sys
from node.datasets import open_table
from node.errors import UserError

open_table(sys.argv[1]).close()  # loads what is loaded late: the checkout may be closed to other accounts
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for path in sys.argv[1:]:
    try:
        open_table(path).close()
        print("opened")
    except UserError as error:
        print(error.sentence)
"""
"""Opens files in a process that is not root: root may read everything. 65534 is the account that owns nothing."""


def test_a_file_without_permission_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        # pytest's own folders are closed to other accounts; here only one file is.
        os.chmod(folder, 0o755)
        paths = [write_csv(Path(folder), "ref,n\n1,a\n", name=name) for name in ("open", "closed")]
        for path, mode in zip(paths, (0o644, 0), strict=True):
            path.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *map(str, paths)], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.stdout.splitlines() == ["opened", "This file may not be read by the account that runs the node."], done


def test_permission_errors_become_a_sentence_for_every_account(tmp_path, monkeypatch):
    path = write_csv(tmp_path, "ref,n\n")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("node.datasets.sourcefile.os.open", refuse)
    with pytest.raises(UserError, match="may not be read"):
        open_table(path)


@pytest.mark.tm("TM-83")
def test_no_value_reaches_an_error_or_a_repr(tmp_path):
    line = ",".join(CANARIES)
    broken = [
        f'{line}\n{line},"open\n',
        f"{line}\n" + line + "x" * (MAX_LINE_CHARACTERS + 1),
    ]
    for text in broken:
        with pytest.raises(UserError) as caught:
            read(write_csv(tmp_path, text))
        shown = repr(caught.value) + caught.value.diagnostics() + repr(caught.value.__cause__)
        assert not any(canary in shown for canary in CANARIES)
    with pytest.raises(UserError) as caught:
        read(write_csv(tmp_path, (line + "é").encode("cp1252")), encoding="utf-8")
    assert caught.value.__suppress_context__
    _, rows = read(write_csv(tmp_path, f"a,b,c,d\n{line}\n"))
    assert not any(canary in repr(rows) for canary in CANARIES)


def test_a_disk_that_fails_while_it_is_read_is_a_sentence(tmp_path, monkeypatch):
    path = write_csv(tmp_path, "Nr,Tel\n" + "A1,0721123456\n" * 40_000)
    reads = iter([os.preadv] * 4)

    def fail(descriptor, buffers, offset):
        if (real := next(reads, None)) is None:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, buffers, offset)

    monkeypatch.setattr("node.datasets.sourcefile.os.preadv", fail)
    with pytest.raises(UserError, match="cannot be read: input/output error"), open_table(path) as table:
        for _ in table.rows():
            pass
