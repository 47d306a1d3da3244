"""What a relay learns, and what a dishonest one can do: names, sizes and times; and delay.

Whole nodes that cannot call each other have their rounds through one relay, which keeps a copy of everything it is
given. Three rounds over 3, 10 and 60 rows show what it sees. Then it lies: it drops, repeats, reorders, swaps, alters
and invents parcels, and shows old ones again. Each check has a sabotaged twin.
"""

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from node.identity.reach import Way
from node.relay.mailbox import Trouble
from node.relay.running import RelayParts
from node.rounds import fetched
from node.rounds.fetched import Fetched
from node.rounds.outgoing import Outgoing, Waiting
from node.rounds.seals import Seals
from node.transport import relay as transport
from node.transport.relay import RelayClient
from node.wire.envelope import Envelope, EnvelopeKind
from node.wire.parcels import Parcel, SealedParcel, read_content, seal_parcel
from node.wire.receipts import Receipt, Receipts, Status
from node.wire.sealing import NOTE_GROWTH_BYTES
from tests.support.canaries import Search, files_of
from tests.support.nodes import Running, introduce, run, wait_for
from tests.support.people import people, values_of, write_people
from tests.support.reaches import make
from tests.support.relays import relayed
from tests.support.signing import sign
from tests.support.small_rounds import agree, go, knows, lead_numbers, plant, run_through

# Name of the data sets -> rows of the shelter, rows of the police unit, people in both.
SIZES = {"three": (3, 60, 2), "ten": (10, 10, 3), "sixty": (60, 3, 2)}
RELEASED = 2
CONTACT = "The office"


@dataclass
class Curious:
    """A relay that copies everything it is given, and what each copy was, as its sender knew it."""

    parts: RelayParts | None = None
    copies: list[SealedParcel] = field(default_factory=list)
    kinds: dict[bytes, tuple[str, str, int]] = field(default_factory=dict)
    """Mark -> kind, round, number (of receipts: number of lines)."""

    def adapt(self, parts: RelayParts) -> None:
        self.parts = parts
        put = parts.mailbox.put

        def noted(parcels: Sequence[SealedParcel]) -> tuple[int, int, Trouble | None]:
            self.copies += parcels
            return put(parcels)

        parts.mailbox.put = noted  # type: ignore[method-assign]

    def lies_empty(self) -> bool:
        assert self.parts is not None
        return self.parts.mailbox.totals().parcels == 0

    def note(self, parcel: Parcel, key: bytes) -> SealedParcel:
        sealed = seal_parcel(parcel, key)
        if parcel.envelope:
            envelope = Envelope.from_bytes(parcel.envelope)
            self.kinds[sealed.mark] = (envelope.kind.name, envelope.round_id, envelope.sequence)
        else:
            self.kinds[sealed.mark] = ("RECEIPTS", "", len(Receipts.from_bytes(parcel.receipts).lines))
        return sealed


class Pair:
    """A shelter and a police unit without a port, and a relay that both know."""

    def __init__(self, shelter: Running, police: Running, relay: Curious) -> None:
        self.shelter, self.police, self.relay = shelter, police, relay

    def round_over(self, name: str) -> str:
        """A whole round over the data sets of that name; two of the shelter's rows are released."""
        proposed = self.shelter.ask("round.propose", template="J1", members=["me", "police"], by="carl")
        round_id = str(proposed["round"]["round_id"])
        wait_for(lambda: knows(self.police, round_id))
        for node in (self.shelter, self.police):
            sign(node, round_id, name)
        wait_for(lambda: self.shelter.state(round_id) == self.police.state(round_id) == "agreed")
        self.shelter.ask("round.start", round=round_id, by="carl")
        wait_for(lambda: self.shelter.state(round_id) == "deciding")
        references = [person.reference for person in people("shelter", *SIZES[name][::2])[:RELEASED]]
        chosen = lead_numbers(self.shelter, round_id, references)
        self.shelter.ask("round.release", round=round_id, leads=chosen, by="ada")
        wait_for(lambda: self.shelter.state(round_id) == self.police.state(round_id) == "finished")
        return round_id


@contextmanager
def through_a_relay(folder: Path, relay: Curious, patch: pytest.MonkeyPatch) -> Iterator[Pair]:
    patch.setattr("node.identity.words.SCRYPT_COST", 2)
    patch.setattr("node.rounds.fetched.RESEND_SECONDS", 0.5)
    patch.setitem(fetched.FIRST_LATER_SECONDS, Way.RELAY, 0.05)
    patch.setitem(fetched.LONGEST_LATER_SECONDS, Way.RELAY, 0.5)
    patch.setattr("node.transport.visits.LONGEST_PAUSE_SECONDS", 0.3)
    with ExitStack() as stack:
        nodes = []
        for alias, member_class in (("shelter", "ngo"), ("police", "police")):
            make(folder / alias, alias, member_class, dials_out=True)
            nodes.append(stack.enter_context(run(folder / alias, alias)))
        introduce(*nodes)
        card = stack.enter_context(relayed(folder / "relay", [node.parts for node in nodes], relay.adapt))
        for here, there in (nodes, nodes[::-1]):
            words = here.ask("member.add", file=card, by="ada", alias="post")["words"]
            here.ask("member.confirm", name="post", words=" ".join(words), by="ben")
            here.ask("member.reach", name=there.alias, reach="relay:post", by="ada")
        yield Pair(nodes[0], nodes[1], relay)


# What it sees.


@dataclass
class Seen:
    """`folder`: findings in the relay's files; `given`: everything that it was given, as bytes."""

    rounds: dict[str, str]
    relay: Curious
    manifest: str
    folder: list[str]

    @property
    def given(self) -> bytes:
        return b"\n".join(one.to_proto().SerializeToString() for one in self.relay.copies)


def canaries(manifest: str, rounds: dict[str, str]) -> Search:
    """Every value of every row; every text of an agreement that is no name of a member; contacts; the rounds' ids."""
    values = {
        name: value
        for key, (ours, theirs, shared) in SIZES.items()
        for office, rows in (("shelter", ours), ("police", theirs))
        for name, value in values_of(people(office, rows, shared)).items()
    }
    # Times are not what is looked for: a card may have been issued in the second in which a round was proposed.
    said = [text for text in _strings(json.loads(manifest)) if not re.fullmatch(r"[\d:TZ-]{20}", text)]
    texts = [text for text in said if len(text) >= 8 and len(text) != 32]
    assert len(texts) > 10
    values |= {f"manifest text {number}": text for number, text in enumerate(texts)}
    values |= {f"round {name}": round_id for name, round_id in rounds.items()}
    return Search(values | {"contact": CONTACT})


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def findings(seen: Seen) -> set[str]:
    """What of the canaries stands in what the relay was given, by what it is."""
    given = seen.given
    found = canaries(seen.manifest, seen.rounds).findings("a parcel", given)
    found += [f"round {name} as bytes" for name, one in seen.rounds.items() if bytes.fromhex(one) in given]
    return {" ".join(finding.split()[:2]) for finding in found}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder, relay = tmp_path_factory.mktemp("curious"), Curious()
    with pytest.MonkeyPatch.context() as patch, through_a_relay(folder, relay, patch) as pair:
        patch.setattr(transport, "seal_parcel", relay.note)
        rounds, on_disk = {}, []
        for name, (ours, theirs, shared) in SIZES.items():
            for node, rows in ((pair.shelter, ours), (pair.police, theirs)):
                path = write_people(folder / f"{node.alias}.csv", people(node.alias, rows, shared))
                terms = {"record_class": "victim", "region": "DE", "by": "ada"}
                if node is pair.police:
                    terms |= {"basis": "legal_duty", "legal_reference": "Police Act, article 1"}
                node.ask("dataset.add", path=str(path), name=name, **terms)
            rounds[name] = pair.round_over(name)
            manifest = pair.shelter.parts.book.get(rounds[name]).manifest.model_dump_json()
            assert relay.parts is not None
            on_disk += canaries(manifest, rounds).in_files(files_of(relay.parts.folder.path))
        yield Seen(rounds, relay, manifest, on_disk)


@pytest.mark.tm("TM-124")
def test_a_relay_finds_nothing_of_a_round_in_what_it_is_given(seen: Seen) -> None:
    assert len(seen.relay.copies) > 3 * 20
    assert len(seen.given) > 100_000
    assert findings(seen) == set()
    assert seen.folder == []


@pytest.mark.tm("TM-124")
def test_what_it_is_given_has_the_same_lengths_for_three_ten_and_sixty_rows(seen: Seen) -> None:
    lengths: dict[str, dict[tuple[str, str], list[tuple[int, int]]]] = {name: defaultdict(list) for name in SIZES}
    receipts: dict[int, set[int]] = defaultdict(set)
    names = {round_id: name for name, round_id in seen.rounds.items()}
    for one in {copy.mark: copy for copy in seen.relay.copies}.values():
        kind, round_id, number = seen.relay.kinds[one.mark]
        if kind == "RECEIPTS":
            receipts[number].add(len(one.content))  # how many lines go into one list is a matter of timing
        elif kind != EnvelopeKind.STATUS.name:
            # Which comes first, a WITNESS or a STATUS, which share one line of numbers, is a matter of timing, too.
            place = 0 if kind == EnvelopeKind.WITNESS.name else number
            lengths[names[round_id]][one.sender, kind].append((place, len(one.content)))
    flat = [{key: sorted(value) for key, value in lengths[name].items()} for name in SIZES]
    assert flat[0] == flat[1] == flat[2]
    assert {kind for _, kind in flat[0]} >= {"PROPOSAL", "SIGNATURE", "START", "ROUND"}
    assert sum(len(value) for value in flat[0].values()) > 10
    assert all(len(sizes) == 1 for sizes in receipts.values())


@pytest.mark.tm("TM-124")
def test_what_a_relay_sees_is_names_and_sizes(seen: Seen) -> None:
    """Its own view, field by field: the rest is a mark and sealed bytes."""
    copy = seen.relay.copies[0].to_proto()
    assert {field.name for field, _ in copy.ListFields()} <= {"sender", "recipient", "mark", "content", "number"}
    assert len({(one.sender, one.recipient) for one in seen.relay.copies}) == 2
    # Nothing of the sealed bytes repeats: not a frame, not a key, not a header.
    starts = Counter(one.content[:16] for one in seen.relay.copies)
    assert max(starts.values()) == 1


def bare_parcel(parcel: Parcel, key: bytes) -> SealedParcel:
    return replace(seal_parcel(parcel, key), content=parcel.plaintext() + bytes(NOTE_GROWTH_BYTES))


def open_bare(_self: RelayClient, message: Any) -> Parcel:
    sealed = SealedParcel.from_proto(message)
    return read_content(sealed, sealed.content[:-NOTE_GROWTH_BYTES])


@pytest.mark.tm("TM-124")
def test_the_search_catches_nodes_that_do_not_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sabotaged twins: without the outer sealing the frame shows, without the inner one the agreement as well."""
    relay = Curious()
    with through_a_relay(tmp_path, relay, monkeypatch) as pair:

        def found_of_a_proposal() -> set[str]:
            relay.copies.clear()
            proposed = pair.shelter.ask("round.propose", template="J1", members=["me", "police"], by="carl")
            round_id = str(proposed["round"]["round_id"])
            wait_for(lambda: knows(pair.police, round_id))
            manifest = pair.shelter.parts.book.get(round_id).manifest.model_dump_json()
            # Nothing sealed in one way is to be opened in the other.
            wait_for(lambda: not pair.shelter.parts.outbox.recipients(round_id) and relay.lies_empty())
            return findings(Seen({"one": round_id}, relay, manifest, []))

        assert found_of_a_proposal() == set()
        monkeypatch.setattr(transport, "seal_parcel", bare_parcel)
        monkeypatch.setattr(RelayClient, "_opened", open_bare)
        assert found_of_a_proposal() == {"round one"}
        monkeypatch.setattr(Seals, "sealer", lambda *_about: lambda _place, payload: bytes(payload))
        monkeypatch.setattr(Seals, "open", lambda _self, envelope: envelope.payload)
        assert found_of_a_proposal() >= {"round one", "manifest text"}


# What it can do.


class Dishonest:
    """A relay that does `tricks` to a third of what passes, each as its dice fall; and how often it did."""

    def __init__(self, tricks: Sequence[str], seed: int) -> None:
        self.tricks, self.done = tricks, Counter[str]()
        self._dice = random.Random(seed)
        self._shown: dict[str, list[SealedParcel]] = defaultdict(list)
        self._number = 2**40

    def adapt(self, parts: RelayParts) -> None:
        self._put, self._take = parts.mailbox.put, parts.mailbox.take
        parts.mailbox.put = self.put  # type: ignore[method-assign]
        parts.mailbox.take = self.take  # type: ignore[method-assign]

    def put(self, parcels: Sequence[SealedParcel]) -> tuple[int, int, Trouble | None]:
        for parcel in parcels:
            if not self._plays("drop"):
                stored = self._put([parcel])
                assert stored[2] is None
        return len(parcels), 0, None

    def take(self, recipient: str, limit: int) -> Iterator[SealedParcel]:
        parcels = list(self._take(recipient, limit))
        self._shown[recipient] += parcels
        given: list[SealedParcel] = []
        for parcel in parcels:
            given.append(parcel)
            if self._plays("repeat"):
                given.append(parcel)
            if self._plays("replay"):
                given.append(self._as_new(self._dice.choice(self._shown[recipient])))
            if self._plays("alter"):
                place = self._dice.randrange(len(parcel.content))
                content = parcel.content[:place] + bytes([parcel.content[place] ^ 1]) + parcel.content[place + 1 :]
                given[-1] = replace(parcel, content=content)
            if self._plays("invent"):
                given.append(self._as_new(replace(parcel, content=self._dice.randbytes(200))))
            if self._plays("rename"):
                given.append(self._as_new(replace(parcel, sender=recipient)))
        if len(given) > 1 and self._plays("reorder"):
            self._dice.shuffle(given)
        yield from given

    def _plays(self, trick: str) -> bool:
        played = trick in self.tricks and self._dice.random() < 1 / 3
        self.done[trick] += played
        return played

    def _as_new(self, parcel: SealedParcel) -> SealedParcel:
        self._number += 1
        return replace(parcel, number=self._number)


TRICKS = ("drop", "repeat", "replay", "alter", "invent", "rename", "reorder")
LIES = [
    pytest.param(TRICKS, 1, id="all at once"),
    *(pytest.param((trick,), seed, id=trick, marks=pytest.mark.ci) for seed, trick in enumerate(TRICKS)),
    *(pytest.param(TRICKS, seed, id=f"all at once {seed}", marks=pytest.mark.soak) for seed in range(100, 200)),
]


@pytest.mark.tm("TM-125")
@pytest.mark.parametrize(("tricks", "seed"), LIES)
def test_a_dishonest_relay_changes_nothing_but_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tricks: tuple[str, ...], seed: int
) -> None:
    liar = Dishonest(tricks, seed)
    with through_a_relay(tmp_path, liar, monkeypatch) as pair:  # type: ignore[arg-type]
        plant(tmp_path, pair.shelter, pair.police)
        round_id = run_through(pair.shelter, pair.shelter, pair.police)
        if len(tricks) == 1:
            assert liar.done[tricks[0]] > 0, "it never lied"
        else:
            assert sum(count > 0 for count in liar.done.values()) >= 4
        for node in (pair.shelter, pair.police):
            entries = node.ask("audit.show", limit=1000)["entries"]
            events = [entry["event"] for entry in entries if entry["facts"].get("round_id", round_id) == round_id]
            assert events.count("budget-charged") == events.count("list-committed") == 1
            assert "peer-blamed" not in events  # a relay's lies are put down to no member


def test_a_node_that_takes_the_relay_s_word_loses_what_it_drops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotaged twin: what was put counts as delivered."""
    liar = Dishonest(("drop",), 3)
    with through_a_relay(tmp_path, liar, monkeypatch) as pair:  # type: ignore[arg-type]
        plant(tmp_path, pair.shelter, pair.police)
        round_id = agree(pair.shelter, pair.shelter, pair.police)
        honest: Callable[[RelayClient, Sequence[Parcel]], int] = RelayClient.put

        def trusting(self: RelayClient, parcels: Sequence[Parcel]) -> int:
            stored = honest(self, parcels)
            node = next(one for one in (pair.shelter, pair.police) if one.parts.identity is self._identity)
            for parcel in parcels[:stored]:
                if parcel.envelope:
                    line = Receipt.of(Envelope.from_bytes(parcel.envelope), Status.ACCEPTED)
                    node.parts.engine.post.settle(parcel.recipient, [line])
            return stored

        monkeypatch.setattr(RelayClient, "put", trusting)
        monkeypatch.setattr(liar, "_plays", lambda trick: trick == "drop")
        go(pair.shelter, round_id)
        with pytest.raises(AssertionError, match="in time"):
            wait_for(lambda: pair.shelter.state(round_id) == "deciding", 3)
        monkeypatch.setattr(liar, "_plays", lambda _trick: False)


class Withholding(Curious):
    """A relay that keeps one receipt of the police unit: "later", for a report whose forerunner it holds back. From
    then on the shelter gets no other one, and this one with each visit."""

    def __init__(self, shelter: str, police: str) -> None:
        super().__init__()
        self.shelter, self.police = shelter, police
        self.kept: SealedParcel | None = None
        self.baits, self.lies, self.shown = False, False, 0

    def adapt(self, parts: RelayParts) -> None:
        super().adapt(parts)
        self._put, self._take = parts.mailbox.put, parts.mailbox.take
        parts.mailbox.put = self.put  # type: ignore[method-assign]
        parts.mailbox.take = self.take  # type: ignore[method-assign]

    def put(self, parcels: Sequence[SealedParcel]) -> tuple[int, int, Trouble | None]:
        for parcel in parcels:
            if self.baits and parcel.sender == self.police and self._kind(parcel) == "RECEIPTS":
                self.kept, self.baits, self.lies = parcel, False, True
        return self._put(parcels)

    def take(self, recipient: str, limit: int) -> Iterator[SealedParcel]:
        for parcel in list(self._take(recipient, 256)):
            if recipient == self.police and self.baits and self._kind(parcel) != EnvelopeKind.STATUS.name:
                continue
            if recipient == self.shelter and (self.baits or self.lies):
                continue
            yield parcel
        if recipient == self.shelter and self.lies and self.kept is not None:
            self.shown += 1
            yield replace(self.kept, number=2**40 + self.shown)

    def _kind(self, parcel: SealedParcel) -> str:
        return self.kinds.get(parcel.mark, ("",))[0]


def giving_up(patch: pytest.MonkeyPatch, tries: int) -> None:
    """A node that withdraws a report, and all notes after it, when its recipient has said "later" so often."""
    hold, settle = Fetched._hold, Fetched.settle
    asked: Counter[int] = Counter()

    def counting(self: Fetched, recipient: str, one: Waiting) -> None:
        asked[one.row] += one.kind is EnvelopeKind.STATUS
        hold(self, recipient, one)

    def settling(self: Fetched, recipient: str, receipts: Sequence[Receipt]) -> bool:
        final = settle(self, recipient, receipts)
        for row in [row for row, count in asked.items() if count >= tries]:
            del asked[row]
            with self.store.transaction() as tx:
                self.outbox.withdraw(tx, row)
        return final

    patch.setattr(Fetched, "_hold", counting)
    patch.setattr(Fetched, "settle", settling)


@pytest.mark.tm("TM-125")
@pytest.mark.parametrize("sabotaged", [False, True], ids=["as it is", "sabotaged"])
def test_an_old_later_shown_again_and_again_makes_nobody_take_a_word_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotaged: bool
) -> None:
    """The report stays, and what is said after it comes after it. The twin gives up: the number of a report that the
    police unit has goes to a cancellation, and the shelter stands there as one that changed its words."""
    monkeypatch.setattr(fetched, "LONGEST_REPORT_LATER_SECONDS", 0.1)
    liar = Withholding("", "")
    with through_a_relay(tmp_path, liar, monkeypatch) as pair:
        monkeypatch.setattr(transport, "seal_parcel", liar.note)
        if sabotaged:
            giving_up(monkeypatch, 5)
        shelter, police = pair.shelter, pair.police
        plant(tmp_path, shelter, police)
        round_id = agree(shelter, shelter, police)
        liar.shelter, liar.police = shelter.parts.identity.member_id, police.parts.identity.member_id
        wait_for(lambda: not shelter.parts.outbox.recipients(round_id) + police.parts.outbox.recipients(round_id))

        def notes() -> list[EnvelopeKind]:
            waiting = Outgoing(shelter.parts.store).of_round(liar.police, round_id)
            return [one.kind for one in waiting if not one.of_protocol]

        liar.baits = True
        go(shelter, round_id)
        wait_for(lambda: liar.lies)
        wait_for(lambda: police.state(round_id) == "running")
        seen = liar.shown
        wait_for(lambda: liar.shown >= seen + 8)
        assert (EnvelopeKind.STATUS in notes()) is not sabotaged
        shelter.ask("round.cancel", round=round_id, by="carl")
        wait_for(lambda: EnvelopeKind.CANCEL in notes())
        if not sabotaged:
            liar.lies = False
        wait_for(lambda: police.state(round_id) in ("cancelled", "failed"))
        found = police.parts.book.get(round_id)
        assert (found.state.value, found.blamed) == (("failed", liar.shelter) if sabotaged else ("cancelled", None))
        blamed = [entry for entry in police.ask("audit.show", limit=1000)["entries"] if entry["event"] == "peer-blamed"]
        assert bool(blamed) is sabotaged
