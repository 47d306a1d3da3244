"""What somebody who reads every application message, every file and every log can learn: nothing about anyone.

Three rounds between the same real processes, over 3, 10 and 60 rows, some with missing fields, with different numbers
of hits and two rows released in each. A tap inside TLS keeps every message. Two checks look at the whole, and both
must also catch nodes that were sabotaged: one that sends values as they are (or hashed, or hidden), one that does not
pad.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from anyascii import anyascii

from node.agreement.manifest import Manifest
from node.rounds import conversation
from node.rounds.preparing import LINK_BYTES, Taking
from node.wire.envelope import EnvelopeKind
from psi.messages import Blinded, Evaluated, decode
from psi.protocol.terms import PairTerms
from psi.spool import MemorySpool
from tests.support.canaries import LEAST_BYTES, PIECE_BYTES, Search, files_of
from tests.support.nodes import Running, three, wait_for
from tests.support.people import people, values_of, write_people
from tests.support.processes import World, three_processes
from tests.support.signing import sign
from tests.support.small_rounds import lead_numbers
from tests.support.tap import Caught, Sent, Tap, arrivals, length_findings, listening, sent

# Name of the round -> rows of the shelter, rows of the police unit, people in both.
SIZES = {"three rows": (3, 60, 2), "ten rows": (10, 10, 3), "sixty rows": (60, 3, 2)}
RELEASED = 2
TERMS: dict[str, dict[str, Any]] = {
    "shelter": {"record_class": "victim", "region": "DE"},
    "police": {
        "record_class": "victim",
        "region": "DE",
        "basis": "legal_duty",
        "legal_reference": "Police Act, article 1",
    },
}


def rows_of(office: str, size: str) -> list[Any]:
    shelter, police, shared = SIZES[size]
    return people(office, shelter if office == "shelter" else police, shared)


def search_for(sizes: Iterable[str]) -> Search:
    return Search({name: value for size in sizes for office in TERMS for name, value in _values(office, size)})


def _values(office: str, size: str) -> Iterable[tuple[str, str]]:
    return values_of(rows_of(office, size)).items()


def message_findings(search: Search, caught: Iterable[Caught]) -> list[str]:
    """What of the values crosses between nodes."""
    return [finding for call in caught for finding in search.findings("a message", call.plaintext)]


@dataclass
class Recording:
    world: World
    rounds: dict[str, list[Sent]] = field(default_factory=dict)
    caught: list[Caught] = field(default_factory=list)
    on_disk: list[str] = field(default_factory=list)
    leads: dict[str, dict[str, int]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def search() -> Search:
    return search_for(SIZES)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory, search: Search) -> Iterator[Recording]:
    files = tmp_path_factory.mktemp("files")
    with three_processes(tmp_path_factory.mktemp("w")) as world:
        found = Recording(world)
        names = {}
        for number, size in enumerate(SIZES):
            for office in (world.shelter, world.police):
                path = write_people(files / f"{office.alias}-{number}.csv", rows_of(office.alias, size))
                office.ask("dataset.add", path=str(path), name=f"set-{number}", by="ada", **TERMS[office.alias])
            names[size] = f"set-{number}"
        rounds = {}
        for size, name in names.items():
            rounds[size] = world.agree("J1", (name, name))
            world.shelter.wait(rounds[size], "deciding")
            # Lists, answers, leads and waiting messages are all there now.
            found.on_disk += disk_findings(search, world)
            world.release(rounds[size], [person.reference for person in rows_of("shelter", size)[:RELEASED]])
            found.leads[size] = {
                office.alias: len(office.ask("round.results", round=rounds[size])["leads"]) for office in world.offices
            }
        found.on_disk += disk_findings(search, world)
        for office in world.offices:
            assert office.stop() == 0
        found.on_disk += disk_findings(search, world)
        found.caught = world.caught()
        found.rounds = {size: sent(found.caught, round_id) for size, round_id in rounds.items()}
        yield found


def disk_findings(search: Search, world: World) -> list[str]:
    """What of the values lies in the nodes' folders, their logs or their temporary files."""
    findings = []
    for office in world.offices:
        for path in (*files_of(office.state_folder), *files_of(office.temporary), office.log):
            try:
                findings += search.in_files([path])
            except FileNotFoundError:
                continue  # a running node has just deleted it
    return findings


# The two checks on the real thing.


def test_the_rounds_came_to_their_ends_with_different_numbers_of_hits(recording: Recording) -> None:
    assert recording.leads == {
        size: {"shelter": shared, "police": RELEASED, "board": 0} for size, (_, _, shared) in SIZES.items()
    }


@pytest.mark.tm("TM-31")
def test_messages_have_the_same_lengths_for_three_ten_and_sixty_rows(recording: Recording) -> None:
    assert length_findings(recording.rounds) == []
    kinds = [one.kind for one in recording.rounds["three rows"]]
    assert {"PROPOSAL", "SIGNATURE", "START", "STATUS"} < set(kinds)
    assert {"Open", "Blinded", "Evaluated", "Count", "Released", "Close"} < set(kinds)
    assert kinds.count("Blinded") == 2
    assert all(one.reply_length for messages in recording.rounds.values() for one in messages)


@pytest.mark.tm("TM-31")
def test_lists_are_as_long_as_the_agreement_says(recording: Recording) -> None:
    for messages in recording.rounds.values():
        manifest = Manifest.parse(next(one.payload for one in messages if one.kind == "PROPOSAL"))
        for one in messages:
            if isinstance(message := one.message if one.kind in ("Blinded", "Evaluated") else None, Blinded):
                assert len(message.elements) == 32 * manifest.size_class(one.envelope.sender)
            elif isinstance(message, Evaluated):
                assert len(message.elements) == 32 * manifest.size_class(one.envelope.recipient)


@pytest.mark.tm("TM-32")
def test_no_value_crosses_in_any_message(recording: Recording, search: Search) -> None:
    assert search.size > 10_000
    assert len(recording.caught) > 3 * 20
    assert message_findings(search, recording.caught) == []


@pytest.mark.tm("TM-32")
def test_the_tap_misses_nothing(recording: Recording) -> None:
    assert {call.request for call in recording.caught if call.side == "caller"} == arrivals(recording.caught)


@pytest.mark.tm("TM-33")
def test_no_value_lies_in_a_folder_a_log_or_a_temporary_file(recording: Recording, search: Search) -> None:
    assert recording.on_disk == []
    for office in recording.world.offices:
        assert {"db", "key"} <= {path.name for path in files_of(office.state_folder)}
        assert office.log.stat().st_size < 10_000
        assert files_of(office.temporary) == []
    datasets = files_of(recording.world.shelter.state_folder / "datasets")
    assert len(datasets) == len(SIZES)


@pytest.mark.tm("TM-33")
def test_the_search_of_a_folder_catches_a_source_file_that_was_left_there(
    recording: Recording, search: Search, tmp_path: Path
) -> None:
    left = write_people(tmp_path / "upload.csv", rows_of("shelter", "three rows"))
    assert search.in_files([left])
    left.write_bytes(left.read_bytes().decode().encode("utf-16"))
    assert search.in_files(files_of(tmp_path))


# The search itself.

HIDDEN: dict[str, Callable[[str], bytes]] = {
    "as it is": lambda text: text.encode(),
    "capitals": lambda text: text.upper().encode(),
    "transliterated": lambda text: anyascii(text).encode(),
    "UTF-16": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32-le"),
    "hex": lambda text: text.encode().hex().encode(),
    "capital hex": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 inside": lambda text: base64.b64encode(b'{"a":"' + text.encode() + b'"}'),
    "base64 inside, shifted": lambda text: base64.b64encode(b"{'" + text.encode() + b"'}"),
    "JSON": lambda text: json.dumps(text).encode(),
    "SHA-256": lambda text: hashlib.sha256(text.encode()).digest(),
    "hex of MD5": lambda text: hashlib.md5(text.encode()).hexdigest().encode(),
}


@pytest.mark.tm("TM-32")
@pytest.mark.parametrize("way", HIDDEN)
@pytest.mark.parametrize("text", ["Małgorzata Zielińska", "Коваленко Олена", "+491713920012", "abc.def@example.org"])
def test_the_search_finds_a_value_however_it_is_hidden(way: str, text: str) -> None:
    search, hidden = Search({"it": text}), HIDDEN[way](text)
    noise = os.urandom(PIECE_BYTES + 4096)
    assert search.findings("noise", noise) == []
    for place in (0, 1, PIECE_BYTES - 5, PIECE_BYTES - 1, len(noise) - len(hidden)):
        around = slice(max(0, place - 1000), place + 1000)
        assert search.findings("there", (noise[:place] + hidden + noise[place + len(hidden) :])[around])
    assert search.findings("there", noise[: PIECE_BYTES - 5] + hidden)


def test_the_search_leaves_out_what_chance_would_find() -> None:
    assert Search({"short": "Anna"}).findings("there", b"Anna") == []
    assert len("Anna") < LEAST_BYTES


# Sabotaged nodes.


@dataclass
class Lab:
    """Three nodes in this process, tapped, with the data sets of two sizes."""

    shelter: Running
    police: Running
    board: Running
    tap: Tap

    def agree(self, size: str) -> str:
        name = size.replace(" ", "-")
        proposal = self.board.ask("round.propose", template="J1", members=["shelter", "police"], by="carl")
        round_id = str(proposal["round"]["round_id"])
        for node in (self.shelter, self.police):
            wait_for(lambda node=node: node.parts.book.peek(round_id) is not None)  # type: ignore[misc]
            sign(node, round_id, name)
        wait_for(lambda: self.board.state(round_id) == "agreed")
        self.board.ask("round.start", round=round_id, by="carl")
        return round_id

    def finish(self, round_id: str, size: str) -> None:
        wait_for(lambda: self.shelter.state(round_id) in ("deciding", "failed"))
        references = [person.reference for person in rows_of("shelter", size)[:RELEASED]]
        chosen = lead_numbers(self.shelter, round_id, references)
        self.shelter.ask("round.release", round=round_id, leads=chosen, by="ada")
        for node in (self.shelter, self.police, self.board):
            wait_for(lambda node=node: node.state(round_id) == "finished")  # type: ignore[misc]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    tap = Tap()
    with listening(tap), three(folder) as (shelter, police, board):
        for size in ("three rows", "ten rows"):
            for node in (shelter, police):
                path = write_people(folder / f"{node.alias}.csv", rows_of(node.alias, size))
                node.ask("dataset.add", path=str(path), name=size.replace(" ", "-"), by="ada", **TERMS[node.alias])
        yield Lab(shelter, police, board, tap)


def values_instead(elements: bytes, values: list[bytes]) -> bytes:
    """A list in which values stand in the places of blinded elements."""
    rows = b"".join(value[:32].ljust(32, b"\0") for value in values)
    return rows + elements[len(rows) :]


SPOILED: dict[str, Callable[[str], bytes]] = {
    "raw values": lambda value: value.encode(),
    "hashed values": lambda value: hashlib.sha256(value.encode()).digest(),
    "values in UTF-16": lambda value: value.encode("utf-16-le"),
}


@pytest.mark.tm("TM-32")
@pytest.mark.parametrize("way", SPOILED)
def test_a_node_that_sends_values_is_caught(lab: Lab, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    put_all = lab.shelter.parts.outbox.put_all

    def spoiled(tx: Any, *, round_id: str, recipient: str, kind: EnvelopeKind, payloads: Sequence[bytes]) -> None:
        said = []
        for payload in payloads:
            message = decode(payload) if kind is EnvelopeKind.ROUND else None
            if isinstance(message, Blinded):
                records = lab.shelter.parts.negotiation.records(lab.shelter.parts.book.get(round_id))
                values = [SPOILED[way](value) for record in records for value in record.identifiers.get("phone", ())]
                said.append(Blinded(message.chunk, values_instead(message.elements, values)).encode())
            else:
                said.append(payload)
        put_all(tx, round_id=round_id, recipient=recipient, kind=kind, payloads=said)

    monkeypatch.setattr(lab.shelter.parts.outbox, "put_all", spoiled)
    before = len(lab.tap.caught)
    round_id = lab.agree("three rows")
    for node in (lab.shelter, lab.police):
        wait_for(lambda node=node: node.state(round_id) == "failed")  # type: ignore[misc]
    findings = message_findings(search_for(["three rows"]), lab.tap.caught[before:])
    assert {finding.split(" of ")[0] for finding in findings} == {"phone"}
    # What it sends is no list either, so the other side has found it out as well.
    blamed = lab.police.ask("round.status", round=round_id)["round"]["blamed"]
    assert blamed == "Shelter"


@contextmanager
def no_padding(lab: Lab) -> Iterator[None]:
    """Both sides make their lists as long as they have identifiers, and expect that of each other."""
    sizes: dict[tuple[bytes, str], int] = {}
    honest = conversation.pair_terms

    def true_size(manifest: Manifest, member_id: str) -> int:
        here = (manifest.digest(), member_id)
        if here not in sizes:
            node = next(one for one in (lab.shelter, lab.police) if one.parts.identity.member_id == member_id)
            parts = node.parts
            links, today = MemorySpool(LINK_BYTES), parts.clock.now().date()
            walk = Taking(manifest, me=member_id, today=today, links=links, backend=parts.backend)
            found = next(one for one in parts.book.all() if one.manifest.digest() == manifest.digest())
            list(walk.batches(parts.negotiation.records(found)))
            sizes[here] = walk.counts.identifiers
        return sizes[here]

    def bare(manifest: Manifest, me: str) -> PairTerms:
        terms = honest(manifest, me)
        return replace(terms, my_size=true_size(manifest, me), peer_size=true_size(manifest, terms.peer))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversation, "pair_terms", bare)
        yield


@pytest.mark.tm("TM-31")
def test_nodes_that_do_not_pad_are_caught(lab: Lab) -> None:
    rounds = {}
    with no_padding(lab):
        for size in ("three rows", "ten rows"):
            rounds[size] = lab.agree(size)
            lab.finish(rounds[size], size)
    findings = length_findings({size: sent(lab.tap.caught, round_id) for size, round_id in rounds.items()})
    assert {kind for kind in ("Blinded", "Evaluated") if any(kind in finding for finding in findings)} == {
        "Blinded",
        "Evaluated",
    }
