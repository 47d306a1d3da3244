"""What an agreement means, in plain sentences: who brings what, who would learn what, and what a side could guess.

Printed by `round show` and by a dry run before anyone signs. Everything follows from the manifest alone, so both sides
read the same facts; only "you" and the names change places. Sentences, not advice: the rules of `node.policy` judge.
What somebody else wrote (names, texts) stands in quotation marks that it cannot close.
"""

from node.agreement.ladder import PAYLOAD_FIELDS, ladder
from node.agreement.manifest import Manifest
from node.agreement.terms import Match, MemberTerms
from node.datasets.room import USUAL_ROOM
from node.policy.firewall import PROTECTED
from psi.identifiers import NEAR_VARIANTS, NOT_COUNTED, POPULATION

__all__ = ["explain"]


def explain(manifest: Manifest, me: str) -> list[str]:
    """Sentences for the member `me`; for a convener that brings no records, both members go by their names."""
    sentences = [f"The purpose is to {_words(manifest.purpose)}: {_quoted(manifest.purpose_text)}."]
    sentences += [_brings(member, me) for member in manifest.members]
    sentences += [_approved(member, me) for member in manifest.members if member.approvers > 1]
    if manifest.children != "only":  # which always takes two
        alone = (one for one in manifest.members if one.approvers == 1 and one.record_class in PROTECTED)
        sentences += [_signed_by_one(member, me) for member in alone]
    sentences.append(f"Compared are {_and([_match(match) for match in manifest.match])}.")
    sentences += _near(manifest)
    sentences += [_left_out(left) for rule in manifest.rules() if (left := rule.left_out())]
    if manifest.protocol == "pair":
        for member in sorted(manifest.members, key=lambda one: one.member_id != manifest.first_learner):
            other = manifest.other(member.member_id)
            sentences.append(_learns(manifest, member, other, me))
            sentences.append(_guesses(manifest, member, other, me))
    sentences += _contact(manifest)
    sentences.append(_steps(manifest))
    sentences.append(
        "Nobody learns the other side's record references, its true number of records, or anything about records "
        "that do not agree."
    )
    if any(match.kind == "person" for match in manifest.match):
        sentences.append(
            "A hit is a lead, not a proof: different people, relatives above all, can agree in some details."
        )
    sentences.append(
        f"Records about children are {'left out' if manifest.children == 'excluded' else 'the only ones'}."
    )
    use = "for nothing else" if manifest.onward_use == "purpose_only" else "for anything else only after asking"
    sentences.append(f"Results may be used for this purpose, {use}.")
    sentences += [
        f"{_name(member, me)} {_verb(member, me, 'keep')} results for {member.retention_days} days at most."
        for member in manifest.members
    ]
    sentences.append(
        f"These times run from the end of the round, at the latest from {manifest.expires_at}. Then each node deletes "
        "its results by itself; what a person has written down elsewhere it does not know of."
    )
    sentences.append(
        f"Lists are exchanged from {manifest.start_not_before} to {manifest.deadline}; "
        f"nothing is released after {manifest.expires_at}."
    )
    return sentences


def _brings(member: MemberTerms, me: str) -> str:
    return (
        f"{_name(member, me)} ({_words(member.member_class)}, {member.country}) {_verb(member, me, 'bring')} between "
        f"{member.minimum_records:,} and {member.records:,} records ({_words(member.record_class)}), on the basis of "
        f"{_words(member.basis)} ({_words(member.legal_regime)}: {_quoted(member.legal_basis)})."
    )


def _approved(member: MemberTerms, me: str) -> str:
    who, whose = _object(member, me), "your organisation" if member.member_id == me else "that organisation"
    return f"Before {who} {_verb(member, me, 'sign')}, {member.approvers} people of {whose} have to agree."


def _signed_by_one(member: MemberTerms, me: str) -> str:
    who, whose = _object(member, me), "your organisation" if member.member_id == me else "that organisation"
    return (
        f"Before {who} {_verb(member, me, 'sign')}, one person of {whose} is enough, although it brings records that "
        "need protection."
    )


def _match(match: Match) -> str:
    if match.kind == "person":
        counted = [field for field in match.fields if field not in NOT_COUNTED]
        beside = [_BESIDE[field] for field in match.fields if field in NOT_COUNTED]
        fields = _and([_field(field) for field in counted])
        return f"persons ({'; '.join([f'any {match.at_least} of {len(counted)} agree: {fields}', *beside])})"
    usual = USUAL_ROOM.get(match.kind)
    room = "one" if match.per_record == 1 else f"up to {match.per_record}"
    return f"{_words(match.kind) if usual is None else usual.words} ({room} a record)"


_FIELDS = {
    "called": "given name or alias",
    "called_letters": "given name or alias, letter by letter",
    "family_letters": "family name, letter by letter",
    "given_slip": "given name but for one letter",
    "family_slip": "family name but for one letter",
    "family_start": "beginning of the family name",
    "letters": "name, letter by letter",
    "birth_near": "year of birth or the one beside it",
    "birth_day": "birthday without its year",
    "sex_check": "sex, where it is known",
}
"""Person fields whose names are not what a caseworker would call them."""


def _field(name: str) -> str:
    return _FIELDS.get(name, _words(name))


_BESIDE = {
    "given_initial": "where no given name is among them, its first sound has to agree too",
    "birth_check": "where no date of birth is among them, its year tells four in five namesakes apart",
}


def _near(manifest: Manifest) -> list[str]:
    kinds = [rule.kind for rule in manifest.rules() if rule.near]
    if not kinds:
        return []
    variants = _and([f"{NEAR_VARIANTS[kind]} variants of each {_words(kind)}" for kind in kinds])
    return [
        f"Near matches are compared too, by up to {variants}: one slip of the hand apart, shown as near and never as "
        "the same. Numbers and accounts of strangers meet that way as well."
    ]


def _left_out(left: tuple[tuple[str, int], ...]) -> str:
    key, people = max(left, key=lambda one: one[1])
    fields = _and([_field(slot) for slot in key.removeprefix("person:").split("+")])
    return (
        f"Not compared, because too many people share them: {len(left)} combinations of person fields, such as "
        f"{fields} (about {people:,} people in a country of {POPULATION // 1_000_000} million)."
    )


def _learns(manifest: Manifest, member: MemberTerms, other: MemberTerms, me: str) -> str:
    who, verb, whose = _name(member, me), _verb(member, me, "learn"), _whose(member, me)
    rest = _object(other, me)
    if member.member_id == manifest.first_learner:
        return f"{who} {verb} first: which of {whose} own records {rest} also {_verb(other, me, 'hold')}, and by what."
    count = {
        "none": "",
        "yes_no": "whether any record agrees",
        "banded": f"in which of these bands the number of agreeing records lies ({_bands(manifest)})",
        "exact": "how many records agree",
    }[manifest.reply.count]
    match manifest.mode:
        case "ordered":
            rows = f"which of {whose} own records {rest} also {_verb(other, me, 'hold')}, and by what"
            return f"{who} {verb} second: {rows}."
        case "released":
            most = f"{manifest.reply.max_released:,} records at most"
            rows = (
                f"those of {whose} own records for which a person at {_at(other, me)} releases the agreement ({most})"
            )
            return f"{who} {verb} second: {f'{count}, then ' if count else ''}{rows}."
        case "count":
            return f"{who} {verb} second: {count}, as {rest} {_verb(other, me, 'declare')} it, and no rows."
        case "none":
            return f"{who} {verb} nothing."


def _guesses(manifest: Manifest, member: MemberTerms, other: MemberTerms, me: str) -> str:
    elements = manifest.size_class(member.member_id)
    room = (
        f"this round's padding lets {_object(member, me)} test up to {elements:,} named persons or identifiers "
        f"({member.records:,} if every match key of each is tried)"
    )
    if member.member_id == manifest.first_learner or manifest.mode == "ordered":
        return f"A blinded list cannot be inspected: {room}."
    seen = {
        "released": f"{_verb(member, me, 'see')} only what a person releases"
        + (", and the count" if manifest.reply.count_then_release else ""),
        "count": f"{_verb(member, me, 'see')} only the count of all of them together",
        "none": f"{_verb(member, me, 'see')} no answer",
    }[manifest.mode]
    return f"A blinded list cannot be inspected: {room}, but {_subject(member, me)} {seen}."


def _contact(manifest: Manifest) -> list[str]:
    if not manifest.contact_card:
        return []
    words = [PAYLOAD_FIELDS.get(field, _words(field)) for field in manifest.payload]
    fields = f", and with it {_and(words)}" if words else ""
    return [
        "For a record that both sides know to agree, each side gets the other's contact card (desk, telephone, e-mail, "
        f"hours){fields}, once a person at either side has offered theirs. No hit, no card; none from one side alone."
    ]


def _steps(manifest: Manifest) -> str:
    """The output ladder in a sentence: what this agreement gives, and what it does not."""
    steps = ladder(manifest)
    given = [f"{step.words} ({step.lets_go})" for step in steps if step.enabled]
    closed = [step.words for step in steps if not step.enabled]
    opened = _and(given) if given else "nothing"
    rest = f"; not {_or(closed)}" if closed else ""
    return f"Steps of the output ladder for the side that learns second: {opened}{rest}."


def _or(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


def _bands(manifest: Manifest) -> str:
    return ", ".join(f"{low:,} to {high:,}" if high > low else f"{low:,}" for low, high in manifest.count_bands())


def _quoted(text: str) -> str:
    return f"“{text.translate(_INNER_MARKS)}”"


_INNER_MARKS = str.maketrans(dict.fromkeys('"“”„‟«»＂〝〞〟', "'"))


def _name(member: MemberTerms, me: str) -> str:
    return "You" if member.member_id == me else _quoted(member.name)


def _object(member: MemberTerms, me: str) -> str:
    return "you" if member.member_id == me else _quoted(member.name)


def _subject(member: MemberTerms, me: str) -> str:
    return "you" if member.member_id == me else "it"


def _at(member: MemberTerms, me: str) -> str:
    return "your organisation" if member.member_id == me else _quoted(member.name)


def _whose(member: MemberTerms, me: str) -> str:
    return "your" if member.member_id == me else "its"


def _verb(member: MemberTerms, me: str, verb: str) -> str:
    return verb if member.member_id == me else f"{verb}s"


def _words(slug: str) -> str:
    return slug.replace("_", " ")


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
