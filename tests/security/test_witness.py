"""What one member cosigned of another's log stays the beginning of one and the same log.

A member shows its log at each opening and closing. Here it grows, overlaps, is cut off, rewritten, forked and restored;
what the other member then says is judged. The twins take the proofs out.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from node.audit import Checkpoint, continuity
from node.audit.cosign import Cosignature, cosigned_note
from node.audit.merkle import leaf_hash
from node.audit.witness import ShrunkenLog
from node.audit.witness_notes import Ask, Cannot, Cosigned, Restored, Show, read_note
from node.store.schema import audit_entries, cosignatures
from psi.errors import BadSignature, MalformedMessage
from tests.support.signed_notes import read_cosigned
from tests.support.witnesses import Office, meet, office, rows_of

ROUNDS = [f"{number:032x}" for number in range(1, 40)]


@pytest.fixture
def alder(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "alder") as made:
        yield made


@pytest.fixture
def birch(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path / "birch") as made:
        yield made


def events(here: Office) -> list[str]:
    return [entry.event.value for entry in here.audit.entries()]


@pytest.mark.tm("TM-212")
def test_openings_and_closings_are_cosigned_and_kept_at_both(alder: Office, birch: Office) -> None:
    for round_id in ROUNDS[:3]:
        for moment in ("open", "close"):
            alder.grow()
            assert meet(alder, birch, round_id, moment) == "cosigned"
    given, got = rows_of(birch, "theirs"), rows_of(alder, "ours")
    assert len(given) == len(got) == 6
    assert sorted(row.tree_size for row in given) == sorted(row.tree_size for row in got) == [3, 7, 11, 15, 19, 23]
    assert events(birch).count("checkpoint-cosigned") == events(alder).count("cosignature-received") == 6
    assert alder.audit.verify([Checkpoint(row.tree_size, row.root, row.signature) for row in got]).ok


@pytest.mark.tm("TM-212")
def test_a_cosignature_holds_by_another_implementation_and_the_words_of_the_specification(
    alder: Office, birch: Office
) -> None:
    alder.grow()
    meet(alder, birch, ROUNDS[0])
    (row,) = rows_of(alder, "ours")
    shown = Checkpoint(row.tree_size, row.root, row.signature)
    note = cosigned_note(shown, alder.signer.key, [(Cosignature(row.cosigned_at, row.cosignature), birch.signer.key)])
    text, signed, time = read_cosigned(note, alder.signer.key, birch.signer.key)
    assert text.split("\n")[1] == "3"
    assert (signed, time) == (True, row.cosigned_at)
    assert time == int(birch.node.clock.now().timestamp())


def out_of_order(alder: Office, birch: Office, order: tuple[int, ...]) -> list[str]:
    notes = []
    for _ in order:
        alder.grow()
        notes.append(alder.show(birch, "open", alder.checkpoint()))
    return [meet(alder, birch, ROUNDS[place], note=notes[place]) for place in order]


@pytest.mark.tm("TM-213")
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_rounds_that_overlap_are_proven_in_any_order(alder: Office, birch: Office, order: tuple[int, ...]) -> None:
    alder.grow()
    meet(alder, birch, ROUNDS[10])
    assert out_of_order(alder, birch, order) == ["cosigned"] * 3
    # In the order in which they were given, never of less than was seen.
    sizes = [row.tree_size for row in rows_of(birch, "theirs")]
    assert sizes == sorted(sizes)
    assert alder.audit.verify([Checkpoint(r.tree_size, r.root, r.signature) for r in rows_of(alder, "ours")]).ok


def cut(alder: Office) -> None:
    alder.cut(5)
    alder.grow(2)


def cut_and_grown_past(alder: Office) -> None:
    alder.cut(5)
    alder.grow(30)


def rewritten(alder: Office) -> None:
    body = '{"event":"budget-charged","facts":{"elements":7},"position":2,"time":"2026-01-02T03:04:05Z"}'
    change = update(audit_entries).where(audit_entries.c.position == 2)
    with alder.node.store.transaction() as tx:
        tx.execute(change.values(body=body, at="2026-01-02T03:04:05Z", leaf_hash=leaf_hash(body.encode())))
    alder.cut(alder.size())


def rewritten_and_grown(alder: Office) -> None:
    rewritten(alder)
    alder.grow(4)


FORGERIES: dict[str, Callable[[Office], None]] = {
    "cut off": cut,
    "cut off and grown past": cut_and_grown_past,
    "rewritten and signed again": rewritten,
    "rewritten and grown": rewritten_and_grown,
}


def forged(alder: Office, birch: Office, forge: Callable[[Office], None]) -> str:
    alder.grow(10)
    meet(alder, birch, ROUNDS[0])
    alder.grow(3)
    meet(alder, birch, ROUNDS[0], "close")
    forge(alder)
    return meet(alder, birch, ROUNDS[1])


@pytest.mark.tm("TM-214")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_shrunken_or_rewritten_log_is_refused_and_the_evidence_kept(name: str, alder: Office, birch: Office) -> None:
    with pytest.raises(ShrunkenLog):
        forged(alder, birch, FORGERIES[name])
    with birch.node.store.read() as connection:
        assert not birch.witness.proven(connection, alder.member_id, ROUNDS[1])
    assert events(birch)[-1] == "cosignature-refused"
    (kept,) = rows_of(birch, "refused")
    # Two checkpoints that alder signed and that are not of one log: anybody can see it.
    Checkpoint(kept.tree_size, kept.root, kept.signature).verify(alder.signer.key)
    assert "checkpoint-cosigned" not in events(birch)[-1:]
    assert not alder.audit.verify(
        [Checkpoint(row.tree_size, row.root, row.signature) for row in rows_of(birch, "theirs")]
    ).ok


@pytest.mark.tm("TM-214")
def test_twin_without_proofs_forged_logs_are_cosigned(
    alder: Office, birch: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.audit.witness.goes_on", lambda one, note: True)
    assert forged(alder, birch, cut_and_grown_past) == "cosigned"


@pytest.mark.tm("TM-214")
def test_who_shows_a_forked_log_and_no_proof_is_never_proven(alder: Office, birch: Office) -> None:
    """And who proves it with what is no proof is refused at once."""
    alder.grow(10)
    meet(alder, birch, ROUNDS[0])
    cut_and_grown_past(alder)
    bare = Show("open", alder.checkpoint(), {})
    with birch.node.store.transaction() as tx:
        assert isinstance(birch.witness.shown(tx, alder.card, ROUNDS[1], bare), Ask)
        assert not birch.witness.proven(tx, alder.member_id, ROUNDS[1])
    false = replace(bare, proofs={10: [bytes(32)] * 5})
    with pytest.raises(ShrunkenLog), birch.node.store.transaction() as tx:
        birch.witness.shown(tx, alder.card, ROUNDS[1], false)


@pytest.mark.tm("TM-214")
def test_a_fork_that_was_signed_once_cannot_be_hidden_later(alder: Office, birch: Office) -> None:
    """A closing of another log, inside the protocol and without a proof; then the first log again."""
    alder.grow(10)
    meet(alder, birch, ROUNDS[0])
    other = Checkpoint.signed(14, b"\x07" * 32, alder.signer)
    with birch.node.store.transaction() as tx:
        birch.witness.see(tx, alder.card, ROUNDS[0], "close", other)
    alder.grow(8)
    with pytest.raises(ShrunkenLog):
        meet(alder, birch, ROUNDS[1])


@pytest.mark.tm("TM-214")
def test_two_logs_at_one_moment_or_a_shorter_one_within_a_round_are_refused(alder: Office, birch: Office) -> None:
    alder.grow(4)
    early = alder.checkpoint()
    alder.grow(4)
    meet(alder, birch, ROUNDS[0])
    with pytest.raises(ShrunkenLog, match="two audit logs"), birch.node.store.transaction() as tx:
        birch.witness.see(tx, alder.card, ROUNDS[0], "open", early)
    with pytest.raises(ShrunkenLog, match="shorter"), birch.node.store.transaction() as tx:
        birch.witness.see(tx, alder.card, ROUNDS[0], "close", early)
    with pytest.raises(BadSignature), birch.node.store.transaction() as tx:
        birch.witness.see(tx, alder.card, ROUNDS[2], "open", replace(early, signature=bytes(64)))


# A log that was restored from a backup.


@pytest.mark.tm("TM-215")
def test_a_restored_log_goes_on_and_what_is_gone_is_written_down(alder: Office, birch: Office) -> None:
    alder.grow(10)
    meet(alder, birch, ROUNDS[0])
    backup = alder.size()
    alder.grow(6)
    meet(alder, birch, ROUNDS[1])
    alder.restore(backup)
    alder.grow(2)
    assert meet(alder, birch, ROUNDS[2]) == "cosigned"
    last = birch.audit.entries()[-1]
    assert (last.event.value, last.facts["gone"]) == ("checkpoint-cosigned", 17 - backup)
    # It goes on from there, also past what it had before.
    alder.grow(30)
    assert meet(alder, birch, ROUNDS[3]) == "cosigned"
    assert "gone" not in birch.audit.entries()[-1].facts


@pytest.mark.tm("TM-215")
def test_restored_twice_to_older_and_older_backups(alder: Office, birch: Office) -> None:
    sizes = []
    for round_id in ROUNDS[:4]:
        alder.grow(5)
        sizes.append(alder.size())
        meet(alder, birch, round_id)
    alder.restore(sizes[3])
    alder.grow(2)
    assert meet(alder, birch, ROUNDS[4]) == "cosigned"
    alder.restore(sizes[1])
    alder.grow(1)
    assert meet(alder, birch, ROUNDS[5]) == "cosigned"
    alder.restore(sizes[0])
    assert meet(alder, birch, ROUNDS[6]) == "cosigned"


@pytest.mark.tm("TM-215")
def test_restored_twice_between_two_rounds(alder: Office, birch: Office) -> None:
    alder.grow(5)
    meet(alder, birch, ROUNDS[0])
    first = alder.size()
    alder.grow(9)
    meet(alder, birch, ROUNDS[1])
    alder.restore(first)
    alder.grow(3)
    alder.restore(alder.size())
    alder.grow(3)
    assert meet(alder, birch, ROUNDS[2]) == "cosigned"


def after_an_old_restore(alder: Office, birch: Office) -> str:
    """Restored once, rightly and seen; later everything after that is rewritten, with the same old entry as excuse."""
    alder.grow(5)
    meet(alder, birch, ROUNDS[0])
    kept = alder.size()
    alder.grow(5)
    meet(alder, birch, ROUNDS[1])
    alder.restore(kept)
    alder.grow(4)
    meet(alder, birch, ROUNDS[2])
    alder.cut(kept + 1)
    alder.grow(9)
    return meet(alder, birch, ROUNDS[3])


@pytest.mark.tm("TM-215")
def test_an_old_restore_excuses_nothing_that_came_after_it(alder: Office, birch: Office) -> None:
    with suppress(ShrunkenLog):
        assert after_an_old_restore(alder, birch) == "unproven"
    with birch.node.store.read() as connection:
        assert not birch.witness.proven(connection, alder.member_id, ROUNDS[3])


@pytest.mark.tm("TM-215")
def test_twin_an_old_restore_that_is_taken_again_excuses_everything(
    alder: Office, birch: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.audit.witness.seen_before", lambda *parts: False)
    assert after_an_old_restore(alder, birch) == "cosigned"


@pytest.mark.tm("TM-215")
def test_a_restore_that_lost_more_than_it_says_is_not_taken(alder: Office, birch: Office) -> None:
    """The entry says 12 entries are kept; those up to 10, which birch saw, were changed."""
    alder.grow(10)
    meet(alder, birch, ROUNDS[0])
    alder.grow(10)
    meet(alder, birch, ROUNDS[1])
    rewritten(alder)
    alder.restore(12)
    with suppress(ShrunkenLog):
        assert meet(alder, birch, ROUNDS[2]) == "unproven"
    with birch.node.store.read() as connection:
        assert not birch.witness.proven(connection, alder.member_id, ROUNDS[2])


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"\xff", b'{"event":"node-restored","facts":{"tree_size":3},"position":4}']
)
def test_what_is_no_entry_of_a_restore_claims_nothing(alder: Office, body: bytes) -> None:
    alder.grow(5)
    with suppress(UnicodeDecodeError):
        note = Show("open", alder.checkpoint(), {}, Restored(body, [bytes(32)] * 3))
        assert continuity.claimed_restore(note) is None


# Cosignatures.


@pytest.mark.tm("TM-212")
def test_a_cosignature_that_does_not_hold_is_refused(alder: Office, birch: Office) -> None:
    alder.grow(4)
    shown = alder.checkpoint()
    good = Cosignature.made(shown, alder.signer.key, 1_800_000_000, birch.signer)
    forged = [
        Cosigned("open", shown, good.time + 1, good.signature),
        Cosigned("open", shown, good.time, bytes(64)),
        Cosigned("open", replace(shown, tree_size=3), good.time, good.signature),
        Cosigned("open", Checkpoint.signed(4, bytes(32), birch.signer), good.time, good.signature),
    ]
    for note in forged:
        with pytest.raises(BadSignature), alder.node.store.transaction() as tx:
            alder.witness.received(tx, birch.card, ROUNDS[0], note)
    assert rows_of(alder, "ours") == []


@pytest.mark.tm("TM-212")
def test_a_clock_that_was_set_back_makes_no_earlier_statement_untrue(alder: Office, birch: Office) -> None:
    alder.grow()
    meet(alder, birch, ROUNDS[0])
    birch.node.clock.advance(-86_400)
    alder.grow()
    meet(alder, birch, ROUNDS[1])
    times = [row.cosigned_at for row in rows_of(birch, "theirs")]
    assert times == sorted(times)


def test_a_question_about_what_we_did_not_sign_is_refused(alder: Office, birch: Office) -> None:
    alder.grow()
    shown = alder.checkpoint()
    foreign = Checkpoint.signed(2, bytes(32), birch.signer)
    with pytest.raises(BadSignature), alder.node.store.read() as connection:
        alder.witness.asked(connection, Ask("open", shown, (foreign,), ()))


def test_the_same_note_twice_is_cosigned_once(alder: Office, birch: Office) -> None:
    alder.grow()
    note = alder.show(birch, "open", alder.checkpoint())
    assert [meet(alder, birch, ROUNDS[0], note=note) for _ in range(3)] == ["cosigned", "known", "known"]
    assert events(birch).count("checkpoint-cosigned") == 1


# Notes.

NOTES = [
    Show("open", Checkpoint(3, bytes(32), bytes(64)), {2: [bytes(32)]}, Restored(b"{}", [bytes(32)])).to_bytes(),
    Ask(
        "close", Checkpoint(3, bytes(32), bytes(64)), (Checkpoint(1, bytes(32), bytes(64)),), ((1, bytes(32)),)
    ).to_bytes(),
    Cannot("open").to_bytes(),
    Cosigned("open", Checkpoint(3, bytes(32), bytes(64)), 5, bytes(64)).to_bytes(),
]


def test_notes_come_back() -> None:
    for data in NOTES:
        assert read_note(data).to_bytes() == data


@given(st.one_of(st.binary(max_size=400), st.sampled_from(NOTES)), st.integers(0, 10_000), st.binary(max_size=3))
def test_any_bytes_are_a_note_in_its_one_form_or_our_error(data: bytes, place: int, put: bytes) -> None:
    changed = data[: place % (len(data) + 1)] + put + data[place % (len(data) + 1) + len(put) :]
    with suppress(MalformedMessage):
        assert read_note(changed).to_bytes() == changed


def test_one_cosignature_comes_back_once_whatever_the_file_says_of_its_round(alder: Office, birch: Office) -> None:
    """Round and moment of a cosignature are not signed: a file could repeat one under any number of them."""
    alder.grow()
    meet(alder, birch, ROUNDS[0])
    (row,) = rows_of(alder, "ours")
    state, made = Checkpoint(row.tree_size, row.root, row.signature), Cosignature(row.cosigned_at, row.cosignature)
    with alder.node.store.transaction() as tx:
        tx.execute(cosignatures.delete())
        back = [alder.witness.recover(tx, birch.card, one, "open", state, made) for one in ROUNDS]
    assert back == [True] + [False] * (len(ROUNDS) - 1)
    assert len(rows_of(alder, "ours")) == 1


@pytest.mark.parametrize("restored", [True, False])
def test_a_cosignature_of_what_a_restore_lost_comes_too_late(alder: Office, birch: Office, *, restored: bool) -> None:
    """Kept back, or on its way, while the log was put back: it must not make an honest log look tampered with. The
    twin, a log that was cut off and does not say so, is found out by the same note."""
    alder.grow(8)
    lost = alder.checkpoint()
    cosigned = Cosignature.made(lost, alder.signer.key, 1_772_366_500, birch.signer)
    (alder.restore if restored else alder.cut)(4)
    alder.grow()
    with alder.node.store.transaction() as tx:
        note = Cosigned("open", lost, cosigned.time, cosigned.signature)
        alder.witness.received(tx, birch.card, ROUNDS[0], note)
    kept = [Checkpoint(row.tree_size, row.root, row.signature) for row in rows_of(alder, "ours")]
    assert len(kept) == int(not restored)
    assert alder.audit.verify(kept).ok is restored
