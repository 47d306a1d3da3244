"""Somebody leaves: what they could see and what they did, and what is left to do.

The access list is made of the audit log and of what the node holds. There are no accounts, so whoever knew the
passphrase, or could use the account of the node on its machine, had all of it; what was done under their label says
where it was used.
"""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select

from node.audit import AuditLog
from node.errors import NotAllowed, UserError
from node.facts import is_staff_label
from node.store import Store
from node.store.schema import datasets, members, results, rounds, stop_lists

__all__ = ["Access", "access_of", "check_people", "checklist", "note_handover"]

_DONE = {
    "dataset-added": "added a data set",
    "dataset-refreshed": "refreshed a data set",
    "dataset-removed": "removed a data set",
    "stop-list-changed": "changed a stop-list",
    "stop-list-read": "read a stop-list",
    "member-added": "added a member",
    "member-confirmed": "confirmed a member",
    "member-removed": "removed a member",
    "member-left": "left a member of a consortium",
    "member-frozen": "froze a member",
    "member-renewal-added": "took in a newer card of a member",
    "member-renewed": "accepted a newer card of a member",
    "round-proposed": "proposed a round",
    "round-signed": "signed a round",
    "round-refused": "refused a round",
    "round-cancelled": "cancelled a round",
    "round-started": "started a round",
    "approval-asked": "asked a second person",
    "approval-given": "approved as a second person",
    "approval-declined": "declined as a second person",
    "approval-overridden": "acted alone, as urgent",
    "staff-added": "registered a colleague",
    "staff-removed": "removed a colleague",
    "release-decided": "decided what is released",
    "results-read": "read results",
    "backup-made": "made a backup",
    "node-restored": "restored the node",
    "database-moved": "moved the database to a server",
    "passphrase-changed": "changed the passphrase",
    "key-split": "had recovery shares made",
    "key-recovered": "set a passphrase with recovery shares",
    "key-rotated": "rotated the keys",
    "card-renewed": "renewed the card",
    "staff-handover": "handed over for somebody",
}


@dataclass(frozen=True)
class Access:
    """What somebody could see, and what was done under their label, as sentences."""

    could_see: list[str]
    did: list[str]


def check_people(leaving: str, joining: str, by: str) -> None:
    """UserError for a label that cannot be one, NotAllowed if the one who leaves hands over or takes over."""
    if not all(is_staff_label(label) for label in (leaving, joining, by)):
        raise UserError(
            "A staff label must begin with a letter and hold letters, points, dashes and at most four digits.",
            advice="Use the labels that stand in the audit log.",
        )
    if leaving.casefold() in (joining.casefold(), by.casefold()):
        raise NotAllowed(
            "Whoever leaves cannot choose the new passphrase.", advice="Let somebody who stays run this: --by NAME."
        )


def note_handover(store: Store, audit: AuditLog, leaving: str, joining: str, by: str) -> None:
    """The entry, before anything changes."""
    with store.transaction() as tx:
        audit.append(tx, "staff-handover", leaving=leaving, joining=joining, by=by)


def access_of(store: Store, audit: AuditLog, leaving: str) -> Access:
    """What somebody with this label could see, and did."""
    with store.read() as connection:

        def count(what: object) -> int:
            return int(connection.execute(what).scalar_one())  # type: ignore[call-overload]

        sets = list(connection.execute(select(datasets.c.name).order_by(datasets.c.name)).scalars())
        lists = count(select(func.count()).select_from(stop_lists))
        held = count(select(func.count()).select_from(members).where(members.c.state == "confirmed"))
        agreements = count(select(func.count()).select_from(rounds))
        leads = count(select(func.coalesce(func.sum(func.length(results.c.statuses)), 0)))
    could_see = [
        f"data sets, with every record in them: {len(sets)}" + (f" ({', '.join(sets)})" if sets else ""),
        f"rounds: {agreements}, with leads: {leads}",
        f"stop-lists: {lists}; cards of confirmed members: {held}",
        "the private keys of the node, as long as they held its folder and knew its passphrase",
    ]
    done: Counter[str] = Counter()
    first, total = 0, audit.size()
    while first < total:
        entries = audit.entries(first=first)
        if not entries:
            break
        first += len(entries)
        for entry in entries:
            labels = (str(entry.facts.get(name, "")).casefold() for name in ("by", "second"))
            begun = entry.facts.get("state") == "begun"  # of a rotation, its end is counted
            if leaving.casefold() in labels and entry.event in _DONE and not begun:
                done[_DONE[entry.event]] += 1
    did = [f"{what}: {times} time{'s' if times > 1 else ''}" for what, times in done.most_common()]
    return Access(could_see, did)


def checklist(leaving: str, joining: str, *, had_shares: bool) -> list[str]:
    """What the program cannot do itself."""
    return [
        f"Take {leaving} out of the account of the node on this machine (sudo, ssh keys), and let {joining} in.",
        "Bring the file with the passphrase up to date where the node is started with one, and keep a copy elsewhere.",
        "Recovery shares are void now: have new ones made with `blindmatch key split`."
        if had_shares
        else "There are no recovery shares: have some made with `blindmatch key split`.",
        f"Make a new backup, and destroy older ones that {leaving} can reach: the old passphrase opens those.",
        f"Ask {leaving} for exported results, marked copies and source files, and for papers with old shares.",
        f"Tell the members you work with whom they ring now, if the card names {leaving}.",
    ]
