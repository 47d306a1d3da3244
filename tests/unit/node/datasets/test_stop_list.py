"""Stop-lists: own contacts are kept sealed, told by counts, and take no part."""

import pytest

from node.datasets import Mapping, Terms, open_table
from node.datasets import stop_list as module
from node.datasets.stop_list import read_entries
from node.errors import NotFound, UserError
from tests.support.intake import PHONE_TERMS, PHONES, Recorder, make_book, write_csv

HOTLINE = ("phone", "+40721123456")


def test_a_value_is_canonical_whatever_its_spelling() -> None:
    spellings = ["phone +40 721 123 456", "phone 0040721123456", "phone +40721123456"]
    assert {read_entries(line, region="RO") for line in spellings} == {frozenset({HOTLINE})}
    assert read_entries("0721 123 456\n\n", kind="phone", region="RO") == {HOTLINE}
    assert read_entries("\ufeffemail Desk@Example.org") == {("email", "desk@example.org")}
    assert read_entries("handle:telegram @harbour_desk") == {("handle", "telegram:harbour_desk")}
    assert read_entries("0721123456; 0722123456", kind="phone", region="RO") == {HOTLINE, ("phone", "+40722123456")}


REFUSED = [
    ("nothing", "", {}, "nothing in this list"),
    ("blank lines", "\n  \n", {}, "nothing in this list"),
    ("no kind", "+40721123456", {}, "line 1 cannot be read"),
    ("a kind that does not exist", "fax +40721123456", {}, "line 1 cannot be read"),
    ("a person", "person Ana Pop", {}, "line 1 cannot be read"),
    ("a role of rows", "consent yes", {}, "line 1 cannot be read"),
    ("a person's field", "family_name Pop", {}, "line 1 cannot be read"),
    ("a kind without a value", "phone", {"region": "RO"}, "line 1 cannot be read"),
    ("a placeholder", "phone n/a", {"region": "RO"}, "no value in it"),
    ("no country", "phone 0721123456", {}, "needs a region"),
    ("one bad line among good ones", "phone +40721123456\nphone 12", {"region": "RO"}, "line 2 cannot be read"),
    ("many bad lines", "phone 1\n" * 12, {"region": "RO"}, "and 2 more"),
    ("too long", "x" * (module.MAX_STOP_TEXT_BYTES + 1), {}, "too long"),
]


@pytest.mark.parametrize(("name", "text", "options", "told"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_cannot_be_read_is_refused_whole(name, text, options, told) -> None:
    with pytest.raises(UserError, match=told) as caught:
        read_entries(text, **options)
    assert "0721" not in str(caught.value) + caught.value.advice.replace("+40 721 123 456", "")


def test_lists_grow_are_counted_and_are_removed(tmp_path) -> None:
    audit = Recorder()
    book = make_book(tmp_path, audit=audit)
    assert book.change_stop_list("own", frozenset({HOTLINE, ("email", "a@example.org")}), by="anna") == 2
    assert book.change_stop_list("own", frozenset({HOTLINE}), by="anna") == 0
    (shown,) = book.stop_lists.list()
    assert (shown.name, shown.counts) == ("own", {"email": 1, "phone": 1})
    assert book.read_stop_list("own", by="anna") == (("email", "a@example.org"), HOTLINE)
    assert book.change_stop_list("own", None, by="anna") == 2
    assert (book.stop_lists.list(), book.stop_lists.everything()) == ((), frozenset())
    assert [event for event, _ in audit.entries] == [
        "stop-list-changed", "stop-list-changed", "stop-list-read", "stop-list-changed"
    ]  # fmt: skip
    assert "example.org" not in repr(audit.entries) + repr(shown)


def test_what_is_impossible(tmp_path, monkeypatch) -> None:
    book = make_book(tmp_path)
    for name in ("", "Own", "a b", "../x", "ä"):
        with pytest.raises(UserError, match="small letters"):
            book.change_stop_list(name, frozenset({HOTLINE}), by="anna")
    for ask in (lambda: book.read_stop_list("own", by="anna"), lambda: book.change_stop_list("own", None, by="anna")):
        with pytest.raises(NotFound):
            ask()
    monkeypatch.setattr(module, "MAX_STOP_VALUES", 2)
    book.change_stop_list("own", frozenset({HOTLINE}), by="anna")
    with pytest.raises(UserError, match="at most 2"):
        book.change_stop_list("more", frozenset({("phone", "+40721000001"), ("phone", "+40721000002")}), by="anna")


@pytest.mark.tm("TM-105")
def test_nothing_readable_is_on_the_disk(tmp_path) -> None:
    make_book(tmp_path).change_stop_list("own", frozenset({HOTLINE}), by="anna")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"721123456" not in everything
    assert b'{"phone": 1}' in everything, "the check does look at the database"


@pytest.mark.tm("TM-105")
def test_an_own_contact_takes_no_part_and_is_reported(tmp_path) -> None:
    book = make_book(tmp_path)
    book.change_stop_list("own", frozenset({HOTLINE}), by="anna")
    path = write_csv(tmp_path, "ref,tel\nA,0721123456\nB,0722000001; +40 721 123 456\nC,0722000002\n")
    with open_table(path) as table:
        dataset, report = book.add("cases", table, PHONE_TERMS, PHONES, by="anna")
    assert [(r.reference, r.identifiers) for r in book.records("cases")] == [
        ("B", {"phone": ("+40722000001",)}),
        ("C", {"phone": ("+40722000002",)}),
    ]
    told = [(problem.address, problem.reason) for problem in report.problems]
    assert told[:1] == [("B2", "stop-list/own-contact")]
    assert ("B3", "stop-list/own-contact") in told
    assert report.columns[1].to_dict() == {"accepted": 2, "repaired": 0, "refused": 1, "blank": 0}
    assert dataset.details["problems"][0]["reason"] == "stop-list/own-contact"


def test_a_data_set_knows_that_the_stop_list_changed(tmp_path) -> None:
    book = make_book(tmp_path)
    path = write_csv(tmp_path, "ref,tel\nA,0721123456\nB,0722000001\n")
    with open_table(path) as table:
        book.add("cases", table, PHONE_TERMS, PHONES, by="anna")
        assert book.outdated(book.get("cases")) == ()
        book.change_stop_list("own", frozenset({HOTLINE}), by="anna")
        assert "before the stop-list changed" in book.outdated(book.get("cases"))[0]
        _, _, changes = book.refresh("cases", table, PHONES, by="anna")
        assert (book.outdated(book.get("cases")), changes.gone) == ((), 1)
        book.change_stop_list("own", None, by="anna")
        assert book.outdated(book.get("cases")) != ()


def test_a_kind_found_in_another_column_is_stopped_too(tmp_path) -> None:
    """A wa.me address is a telephone number."""
    book = make_book(tmp_path)
    book.change_stop_list("own", frozenset({HOTLINE}), by="anna")
    mapping = Mapping.of({"ref": "reference", "acc": "handle", "mail": "email"})
    path = write_csv(tmp_path, "ref,acc,mail\nA,https://wa.me/40721123456,a@example.org\n")
    with open_table(path) as table:
        book.add("cases", table, Terms("contact", "legal_duty", "Act 1"), mapping, by="anna")
    (record,) = book.records("cases")
    assert record.identifiers == {"email": ("a@example.org",)}
