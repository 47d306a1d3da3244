"""Bad input to a whole node: a sentence that helps, nothing half-written, and the node goes on.

What each reader says about each broken file stands in `tests/unit/node/datasets`, and what the command line prints and
returns in `tests/cli`. Here a running node is given such things, and its folder and its database are compared before
and after.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.agreement.manifest import Manifest
from node.app import serving
from node.errors import Busy, NodeError, NotFound, PeerUnreachable, RefusedByPolicy, UserError
from node.wire import strict_json
from psi.errors import PsiError
from tests.support.nodes import Running, make_folder, run, wait_for
from tests.support.signing import sign
from tests.support.small_rounds import OURS, knows, run_through, write_numbers
from tests.support.two_nodes import ShiftedClock, two

MAPPING = {"Case": "reference", "Phone": "phone", "Consent": "consent"}
TABLES = ("members", "datasets", "rounds", "signatures", "outbox", "inbox", "results", "charges", "reviews", "grants")
"""Not `settings`: a key for digests of our own is made there when it is first needed."""
CANARY = "+49 1512 3456789"


@pytest.fixture(scope="module")
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, clock: ShiftedClock) -> Iterator[tuple[Running, Running]]:
    folder = tmp_path_factory.mktemp("bad-input")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        with two(folder, clock) as nodes:
            yield nodes


def everything(node: Running) -> tuple[list[str], dict[str, int]]:
    """Files of the node's folder (but not SQLite's own), and rows of every table but the log."""
    folder = node.parts.folder.path
    files = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if not one.name.startswith("db-"))
    with node.parts.store.read() as connection:
        counts = {name: connection.exec_driver_sql(f"select count(*) from {name}").scalar_one() for name in TABLES}
    return files, counts


def told(error: BaseException) -> None:
    """One sentence for a person, with no trace of the machine or of the data in it."""
    assert isinstance(error, NodeError | PsiError)
    assert error.sentence.endswith(".")
    for trace in ("Traceback", "Error(", "errno", "<class", CANARY, CANARY.replace(" ", "")):
        assert trace not in error.diagnostics()


def file_of(path: Path, name: str) -> Path:
    """The file of a case below, made."""
    made = path / f"{name.replace(' ', '-')}.csv"
    header = "Case,Phone,Consent\n"
    row = f"A-1,{CANARY},yes\n"
    contents: dict[str, bytes] = {
        "an empty file": b"",
        "a header and no row": header.encode(),
        "no usable row": (header + f"A-1,{CANARY},no\n").encode(),
        "no number that is one": (header + "A-1,hello,yes\n").encode(),
        "another header": ("Akte,Telefon,Ja\n" + row).encode(),
        "utf-16 cut in half": (header + row).encode("utf-16")[:-1],
        "bytes that are no text": bytes(range(256)) * 8,
        "an open quotation mark": (header + 'A-1,"' + CANARY + ",yes\n").encode(),
        "a workbook that is none": b"PK\x03\x04" + bytes(200),
        "only a million characters": (header + "A-1," + "9" * 1_000_000 + ",yes\n").encode(),
    }
    if name == "a folder":
        made.mkdir()
    elif name != "no file":
        made.write_bytes(contents[name])
    return made


FILES = [
    "no file",
    "a folder",
    "an empty file",
    "a header and no row",
    "no usable row",
    "no number that is one",
    "another header",
    "utf-16 cut in half",
    "bytes that are no text",
    "an open quotation mark",
    "a workbook that is none",
    "only a million characters",
]


@pytest.mark.tm("TM-58")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_gives_no_data_set_leaves_nothing(pair: tuple[Running, Running], tmp_path: Path, name: str) -> None:
    shelter = pair[0]
    before, events = everything(shelter), len(shelter.events())
    with pytest.raises((NodeError, PsiError)) as caught:
        shelter.ask(
            "dataset.add",
            path=str(file_of(tmp_path, name)),
            name="bad",
            record_class="victim",
            region="DE",
            mapping=MAPPING,
            by="ada",
        )
    told(caught.value)
    assert everything(shelter) == before
    assert len(shelter.events()) == events


def test_a_good_file_would_be_seen(pair: tuple[Running, Running], tmp_path: Path) -> None:
    """The sabotaged twin: the comparison above does notice what is written."""
    shelter = pair[0]
    before = everything(shelter)
    good = write_numbers(tmp_path / "good.csv", OURS, 0)
    asked: dict[str, Any] = {"record_class": "victim", "region": "DE", "mapping": MAPPING, "by": "ada"}
    shelter.ask("dataset.add", path=str(good), name="good", **asked)
    after = everything(shelter)
    assert after[0] != before[0]
    assert after[1] != before[1]
    shelter.ask("dataset.remove", name="good", by="ada")
    assert everything(shelter)[0] == before[0]


VERSIONS: dict[str, tuple[str, Any, str]] = {
    "another protocol": ("protocol_version", 2, "protocol"),
    "another normaliser": ("normaliser_version", "bm1.pn8.0.0.uc13", "spelling|normaliser|version"),
    "another suite": ("suite", "p256-SHA256", "suite"),
}


@pytest.mark.tm("TM-59")
@pytest.mark.parametrize("name", VERSIONS)
def test_an_agreement_of_another_version_is_not_signed(pair: tuple[Running, Running], name: str) -> None:
    shelter, police = pair
    field, value, word = VERSIONS[name]
    asked = {"template": "J1", "members": ["me", "shelter"], "by": "carl", "dry_run": True}
    drawn = police.ask("round.propose", **asked)["manifest"]
    manifest = Manifest.parse(strict_json.canonical(drawn | {field: value}))
    round_id = police.parts.negotiation.propose(manifest, by="carl").round_id
    wait_for(lambda: knows(shelter, round_id))
    before = everything(shelter)
    with pytest.raises(RefusedByPolicy, match=f"(?i){word}") as caught:
        sign(shelter, round_id, "cases")
    told(caught.value)
    assert everything(shelter) == before
    assert shelter.state(round_id) == "proposed"
    shelter.ask("round.refuse", round=round_id, by="ada")
    wait_for(lambda: police.state(round_id) == "refused")


@pytest.mark.tm("TM-59")
def test_a_data_set_that_holds_more_than_was_agreed_is_not_signed_with(
    pair: tuple[Running, Running], tmp_path: Path
) -> None:
    """A list leaves no value out, so the round would fail when it is made: better to hear it now."""
    shelter, police = pair
    crowded = tmp_path / "crowded.csv"
    rows = [f"S-{n},+49 30 9018 {n:04},+49 30 9017 {n:04},yes" for n in range(4)]
    rows += [f"S-{n},+49 30 9018 {n:04},,yes" for n in range(4, 8)]
    crowded.write_text("\n".join(["Case,Phone,Mobile,Consent", *rows]))
    asked: dict[str, Any] = {"record_class": "victim", "region": "DE", "by": "ada"}
    shelter.ask("dataset.add", path=str(crowded), name="crowded", mapping=MAPPING | {"Mobile": "phone"}, **asked)
    settings = {"match": [{"kind": "phone", "per_record": 1}]}
    proposal: dict[str, Any] = {"template": "J1", "members": ["me", "shelter"], "by": "carl"}
    round_id = police.ask("round.propose", settings=settings, **proposal)["round"]["round_id"]
    wait_for(lambda: knows(shelter, round_id))
    before, events = everything(shelter), len(shelter.events())
    with pytest.raises(UserError, match=r"^4 records .* kind phone .*\(1 a record\)") as caught:
        sign(shelter, round_id, "crowded")
    told(caught.value)
    assert "Nothing was signed" in caught.value.advice
    assert everything(shelter) == before
    assert len(shelter.events()) == events
    sign(shelter, round_id, "cases")  # the other one has room
    police.ask("round.cancel", round=round_id, by="carl")
    wait_for(lambda: shelter.state(round_id) == "cancelled")
    shelter.ask("dataset.remove", name="crowded", by="ada")


@pytest.mark.tm("TM-59")
@pytest.mark.parametrize(
    ("operation", "request_", "error"),
    [
        ("round.show", {"round": "ffff"}, NotFound),
        ("round.show", {"round": ""}, NotFound),
        ("round.sign", {"round": "%", "dataset": "cases", "by": "ada"}, NotFound),
        ("round.propose", {"template": "J99", "members": ["me", "police"], "by": "ada"}, NotFound),
        ("round.propose", {"template": "J12", "members": ["me", "police"], "by": "ada"}, RefusedByPolicy),
        ("round.propose", {"template": "J1", "members": ["me", "me"], "by": "ada"}, UserError),
        ("round.propose", {"template": "J1", "members": ["me", "nobody"], "by": "ada"}, NotFound),
        ("round.propose", {"template": "J1", "members": ["me", "police"], "by": CANARY}, UserError),
        ("member.add", {"file": "{}", "by": "ada"}, UserError),
        ("member.remove", {"name": "nobody", "by": "ada"}, NotFound),
        ("nothing.like.it", {}, UserError),
        ("round.list", {"extra": 1}, UserError),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(
    pair: tuple[Running, Running], operation: str, request_: dict[str, Any], error: type[NodeError]
) -> None:
    before = everything(pair[0])
    with pytest.raises(error) as caught:
        pair[0].ask(operation, **request_)
    told(caught.value)
    assert everything(pair[0]) == before


@pytest.mark.tm("TM-59")
def test_a_second_node_on_the_folder_and_a_busy_port(pair: tuple[Running, Running], tmp_path: Path) -> None:
    shelter = pair[0]
    before = everything(shelter)
    with pytest.raises(Busy, match="already using the folder") as caught, serving(shelter.parts.folder.path, None):
        pass
    told(caught.value)
    assert everything(shelter) == before
    port = make_folder(tmp_path / "third", "third", "ngo")
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(UserError, match="already listens") as taken, serving(tmp_path / "third", None):
            pass
        told(taken.value)
    with run(tmp_path / "third", "third") as third:  # and nothing is in its way afterwards
        assert third.events() == ["node-created", "node-started"]


@pytest.mark.tm("TM-59")
def test_a_node_that_has_not_taken_us_in(pair: tuple[Running, Running], tmp_path: Path) -> None:
    """One-sided introduction: the certificate is valid, and pinned nowhere."""
    shelter = pair[0]
    make_folder(tmp_path / "third", "third", "police")
    with run(tmp_path / "third", "third") as third:
        words = third.ask("member.add", file=shelter.ask("card.show")["file"], by="ada", alias="shelter")["words"]
        third.ask("member.confirm", name="shelter", words=" ".join(words), by="ben")
        before = everything(shelter)
        with pytest.raises(PeerUnreachable, match="has not confirmed your card") as caught:
            third.ask("member.check", name="shelter")
        told(caught.value)
        assert everything(shelter) == before


@pytest.mark.tm("TM-59")
def test_a_certificate_that_ran_out(pair: tuple[Running, Running], clock: ShiftedClock) -> None:
    shelter = pair[0]
    clock.days = 1200
    try:
        with pytest.raises(PeerUnreachable, match="certificate") as caught:
            shelter.ask("member.check", name="police")
        told(caught.value)
        assert "clock" in caught.value.advice
    finally:
        clock.days = 0


def test_after_all_that_a_round_runs(pair: tuple[Running, Running]) -> None:
    """Last in this file."""
    run_through(pair[0], *pair)
