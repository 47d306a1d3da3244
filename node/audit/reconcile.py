"""Do two members' logs tell the same of the rounds between them? What does not agree, in sentences.

    their log holds            the export itself (`export`), and everything that we cosigned of it is in it
    ours is what they saw      everything that they cosigned of ours is still in our log
    round by round             `_SAME`: a number or digest that both must have written
                               `_TOLD`: what one side has received, the other has sent; and the reverse, once both
                               sides closed the round
                               a round that one side tells of and the other does not

A difference is no proof of a lie: a node may have been restored from a backup, or not have heard of the end of a round
when the file was made. It is what two compliance officers have to talk about. What both leave out nobody finds here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.audit.checkpoint import Checkpoint
from node.audit.export import ExportReport
from node.facts import check_fact

__all__ = ["Difference", "Ours", "RoundEntries", "gather", "reconcile"]

RoundEntries = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""Round -> event -> facts of each entry."""


@dataclass(frozen=True)
class Difference:
    """`sentence` for a person; `round_id` is empty where it is about the logs as a whole."""

    sentence: str
    round_id: str = ""


@dataclass(frozen=True)
class Ours:
    """What this node brings: its id, the entries of its rounds with the other member up to the time of the export, what
    it cosigned of the other's log as (round, moment, checkpoint), and the root of its own log at a size (None if it has
    not so many entries)."""

    me: str
    rounds: RoundEntries
    cosigned: Iterable[tuple[str, str, Checkpoint]]
    root_at: Mapping[int, bytes]


@dataclass(frozen=True)
class _Same:
    """What `ours` says at our side must be what `theirs` says there, for each moment if both have one."""

    ours: str
    fact: str
    theirs: str
    sentence: str


@dataclass(frozen=True)
class _Told:
    """Who has `received` something was sent it, by one of `sent`. `what` completes "they received ...".

    `closing`: the reverse holds too, once both sides closed the round.
    """

    sent: tuple[str, ...]
    received: str
    what: str
    closing: bool = False


_SAME = (
    _Same("round-closed", "digest", "round-closed", "The two sides closed it over different transcripts."),
    _Same("list-committed", "elements", "answer-sent", "We brought {ours} elements, they say they answered {theirs}."),
    _Same("answer-sent", "elements", "list-committed", "We answered {ours} elements, they say they brought {theirs}."),
    _Same(
        "checkpoint-cosigned",
        "tree_size",
        "cosignature-received",
        "We cosigned {ours} entries of their log, they say they received a cosignature of {theirs}.",
    ),
    _Same(
        "cosignature-received",
        "tree_size",
        "checkpoint-cosigned",
        "We received a cosignature of {ours} entries, they say they gave one of {theirs}.",
    ),
)

_TOLD = (
    _Told(("count-sent",), "count-received", "a count of records that agree", closing=True),
    _Told(("release-sent",), "release-received", "released records", closing=True),
    _Told(("answer-sent", "release-sent"), "overlap-learned", "an answer"),
    _Told(("contact-given",), "contact-received", "a contact card or agreed fields"),
    _Told(("feedback-sent",), "feedback-received", "feedback on a lead"),
    _Told(("checkpoint-cosigned",), "cosignature-received", "a cosignature of a log"),
)

_DIGESTS = ("round-proposed", "round-received", "round-signed")
_ENDS = {
    "round-closed": "finished",
    "round-failed": "failed",
    "round-cancelled": "cancelled",
    "round-refused": "refused",
}


def gather(entries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Entries (event, facts) by round and event; those about no round are left out, and facts that no log can hold: a
    file is whatever its sender wrote."""
    rounds: dict[str, dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        facts = {name: value for name, value in entry["facts"].items() if _is_fact(name, value)}
        if "round_id" in facts:
            rounds[facts["round_id"]][entry["event"]].append(facts)
    return rounds


def _is_fact(name: str, value: Any) -> bool:
    try:
        check_fact(name, value)
    except ValueError:
        return False
    return True


def reconcile(ours: Ours, theirs: ExportReport, rounds: RoundEntries) -> list[Difference]:
    """Everything that does not agree. `rounds`: the entries of the other's log; `theirs` is its verified export."""
    assert theirs.owner is not None
    found = [Difference(f"Their file does not hold: {sentence}") for sentence in theirs.problems]
    found += _logs(ours, theirs)
    peer = theirs.owner.member_id
    for round_id in sorted(set(ours.rounds) | {one for one in rounds if _with(rounds[one], ours.me)}):
        mine, other = ours.rounds.get(round_id, {}), rounds.get(round_id, {})
        if not mine:
            found.append(Difference("Their log tells of this round with us, and ours does not know it.", round_id))
        elif not other:
            if theirs.first == 0 and _signed_by(mine, peer):
                found.append(Difference("Our log tells of this round with them, and theirs does not.", round_id))
        else:
            found += [Difference(sentence, round_id) for sentence in _round(mine, other, whole=theirs.first == 0)]
    return found


def _logs(ours: Ours, theirs: ExportReport) -> Iterable[Difference]:
    for round_id, moment, checkpoint in ours.cosigned:
        size = checkpoint.tree_size
        if size > theirs.size:
            yield Difference(
                f"At the {moment} of the round they showed us a log of {size} entries, and the file has {theirs.size}: "
                "the end is missing.",
                round_id,
            )
        elif size >= theirs.first and theirs.roots.get(size) != checkpoint.root:
            yield Difference(
                f"It is not the log that they showed us at the {moment} of the round: entries before number {size} "
                "were changed since.",
                round_id,
            )
    for one in theirs.witnessed:
        if one.other.member_id == ours.me and ours.root_at.get(one.checkpoint.tree_size) != one.checkpoint.root:
            yield Difference(
                f"They hold a checkpoint that we signed at the {one.moment} of the round, over "
                f"{one.checkpoint.tree_size} entries, and our log does not go on from it: it was changed, cut off, or "
                "restored from a backup.",
                one.round_id,
            )


def _round(
    mine: Mapping[str, Sequence[Mapping[str, Any]]], other: Mapping[str, Sequence[Mapping[str, Any]]], *, whole: bool
) -> Iterable[str]:
    digests = [
        {one.get("manifest_digest") for name in _DIGESTS for one in side.get(name, ())} for side in (mine, other)
    ]
    known = [found - {None} for found in digests]
    if all(known) and known[0] != known[1]:
        yield "The two logs name different agreements."
    for rule in _SAME:
        yield from _numbers(rule, mine, other)
    closed = all("round-closed" in side for side in (mine, other))
    for told in _TOLD:
        if told.received in other and not mine.keys() & set(told.sent):
            yield f"Their log says that they received {told.what} from us, and ours does not say that it was sent."
        if told.received in mine and not other.keys() & set(told.sent) and whole:
            yield f"Our log says that we received {told.what} from them, and theirs does not say that it was sent."
    if closed:
        yield from _not_received(mine, other, whole=whole)
    ends = [next((word for event, word in _ENDS.items() if event in side), "") for side in (mine, other)]
    if all(ends) and ends[0] != ends[1]:
        yield f"It {_past(ends[0])} here and {_past(ends[1])} there."


def _not_received(
    mine: Mapping[str, Sequence[Mapping[str, Any]]], other: Mapping[str, Sequence[Mapping[str, Any]]], *, whole: bool
) -> Iterable[str]:
    """In a round that both sides closed, what was sent of the protocol has arrived."""
    for told in (one for one in _TOLD if one.closing):
        if mine.keys() & set(told.sent) and told.received not in other and whole:
            yield f"Our log says that we sent {told.what}, and theirs does not say that it arrived."
        if other.keys() & set(told.sent) and told.received not in mine:
            yield f"Their log says that they sent {told.what}, and ours does not say that it arrived."


def _numbers(
    rule: _Same, mine: Mapping[str, Sequence[Mapping[str, Any]]], other: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterable[str]:
    here = {one.get("moment", ""): one.get(rule.fact) for one in mine.get(rule.ours, ())}
    there = {one.get("moment", ""): one.get(rule.fact) for one in other.get(rule.theirs, ())}
    for moment in sorted(set(here) & set(there)):
        if here[moment] != there[moment]:
            yield rule.sentence.format(ours=here[moment], theirs=there[moment])


def _with(entries: Mapping[str, Sequence[Mapping[str, Any]]], member_id: str) -> bool:
    """Whether a round of the other's log was between it and this member."""
    named = {fact.get(name) for facts in entries.values() for fact in facts for name in ("peer", "member")}
    return member_id in named


def _signed_by(entries: Mapping[str, Sequence[Mapping[str, Any]]], member_id: str) -> bool:
    return any(one.get("member") == member_id for one in entries.get("round-signed", ()))


def _past(word: str) -> str:
    return word if word in ("finished", "failed") else f"was {word}"
