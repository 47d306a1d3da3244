"""Writes down what a release leaves on the disk, so that every later one can be shown to go on with it.

    cd CHECKOUT_OF_THAT_RELEASE
    PYTHONPATH=. python .../tests/support/record_release.py FOLDER      # 0.1.0 and later
    PYTHONPATH=. python .../tests/support/record_release.py FOLDER --link

It runs under the code of the release, never under today's: everything it imports is that checkout's. It is done once
for each release, before the next one's first change; its files are never made again (tests/data/releases/README.md).

The first form records two nodes that carry files, so that their rounds need neither certificates nor ports when they go
on years later, a node with a passphrase and recovery shares, a relay with a parcel, and the papers of a finished round.
`--link` is for shapes of the database from before there were carried files: one of two nodes that were linked, with a
round that is finished and one that waits for a person. People, numbers and passphrases are made up.
"""

import io
import json
import lzma
import shutil
import sys
import tarfile
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PASSPHRASE = "made up for a recording"
ALIASES = (("shelter", "ngo"), ("police", "police"))


def pack(folder: Path, target: Path) -> None:
    """A folder as .tar.xz, without sockets; names and bytes only, since times and owners say nothing."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_socket():
                continue
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            entry.mode = path.stat().st_mode & 0o777
            if path.is_dir():
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = path.stat().st_size
                with path.open("rb") as file:
                    archive.addfile(entry, file)
    target.write_bytes(lzma.compress(held.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def about(**more: Any) -> dict[str, Any]:
    from node import __version__
    from psi.identifiers import NORMALISER_VERSION
    from psi.messages import PROTOCOL_VERSION

    return {
        "software": __version__,
        "protocol": PROTOCOL_VERSION,
        "normaliser": NORMALISER_VERSION,
        "recorded_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **more,
    }


def link(place: Path, target: Path) -> None:
    """Two nodes over TLS on this machine: one round finished, one in which a person must decide."""
    from tests.support import nodes, small_rounds

    with ExitStack() as stack:
        pair = []
        for alias, member_class in ALIASES:
            nodes.make_folder(place / alias, alias, member_class)
            pair.append(stack.enter_context(nodes.run(place / alias, alias)))
        shelter, police = pair
        nodes.introduce(shelter, police)
        data = place.with_name("data")
        data.mkdir()
        small_rounds.plant(data, shelter, police)
        finished = small_rounds.run_through(shelter, shelter, police)
        deciding = small_rounds.agree(shelter, shelter, police)
        small_rounds.go(shelter, deciding)
        nodes.wait_for(lambda: shelter.state(deciding) == "deciding")
        nodes.wait_for(lambda: police.state(deciding) == "running")
        learned = small_rounds.learned(shelter, finished)
        entries = {node.alias: node.parts.audit.size() for node in pair}
    shutil.rmtree(place / "police")  # one node is enough to show what becomes of its database
    pack(place, target / "nodes.tar.xz")
    said = about(rounds={"finished": finished, "deciding": deciding}, learned=learned, entries=entries)
    (target / "about.json").write_text(json.dumps(said, indent=1) + "\n")


class Resting:
    """A node that does not run, spoken to as the command line does."""

    def __init__(self, folder: Path, alias: str, member_class: str) -> None:
        from tests.support.reaches import make

        make(folder / alias, alias, member_class, dials_out=True)
        self.folder, self.alias = folder / alias, alias

    def ask(self, operation: str, **request: Any) -> Any:
        from node.app import open_node
        from node.operations import OPERATIONS, Dispatcher

        with open_node(self.folder, None) as parts:
            said = Dispatcher(parts, OPERATIONS).invoke(operation, json.dumps(request).encode(), lambda _step: None)
            return json.loads(said)

    def state(self, round_id: str) -> str:
        return str(self.ask("round.status", round=round_id)["round"]["state"])


class Table:
    """The two nodes, and the way between them."""

    def __init__(self, place: Path) -> None:
        from tests.support.nodes import introduce
        from tests.support.small_rounds import plant

        self.legs = place.with_name("legs")
        data = place.with_name("data")
        for folder in (self.legs, data):
            folder.mkdir()
        self.shelter, self.police = (Resting(place, *one) for one in ALIASES)
        introduce(self.shelter, self.police)  # type: ignore[arg-type]
        plant(data, self.shelter, self.police)
        for here, there in ((self.shelter, self.police), (self.police, self.shelter)):
            here.ask("member.reach", name=there.alias, reach="file", by="ada")

    def export(self, here: Resting, there: Resting, round_id: str) -> Path:
        return Path(here.ask("round.export", round=round_id, file=str(self.legs), to=there.alias)["file"])

    def carry(self, here: Resting, there: Resting, round_id: str) -> None:
        there.ask("round.import", file=str(self.export(here, there, round_id)))

    def propose(self) -> str:
        from tests.support.small_rounds import SETTINGS

        asked = {"template": "J1", "members": ["me", "police"], "settings": SETTINGS, "by": "carl"}
        return str(self.shelter.ask("round.propose", **asked)["round"]["round_id"])

    def agreed(self) -> str:
        from tests.support.signing import sign

        round_id = self.propose()
        self.carry(self.shelter, self.police, round_id)
        sign(self.police, round_id, "files")
        self.carry(self.police, self.shelter, round_id)
        sign(self.shelter, round_id, "cases")
        self.carry(self.shelter, self.police, round_id)
        return round_id

    def until(self, round_id: str, shelter: str) -> None:
        """Carry to and fro until the shelter's side has this state."""
        self.shelter.ask("round.start", round=round_id, by="carl")
        for _ in range(10):
            for here, there in ((self.shelter, self.police), (self.police, self.shelter)):
                if self.shelter.state(round_id) == shelter:
                    return
                self.carry(here, there, round_id)
        raise SystemExit("the round did not get there")

    def finished(self) -> str:
        round_id = self.agreed()
        self.until(round_id, "deciding")
        self.shelter.ask("round.release", round=round_id, by="ada", everything=True)
        for _ in range(6):
            if self.shelter.state(round_id) == self.police.state(round_id) == "finished":
                return round_id
            self.carry(self.shelter, self.police, round_id)
            self.carry(self.police, self.shelter, round_id)
        raise SystemExit("the round did not end")


def papers(table: Table, round_id: str, target: Path) -> None:
    shelter = table.shelter
    for node in (shelter, table.police):
        (target / f"{node.alias}.card").write_text(node.ask("card.show")["file"])
    from node.app import open_node

    with open_node(shelter.folder, None) as parts:
        (target / "agreement.json").write_bytes(parts.book.find(round_id).manifest.canonical())
    handle = next(
        one["handle"]
        for lead in shelter.ask("round.results", round=round_id)["leads"]
        for one in lead["agreements"]
        if one["handle"]
    )
    for name, more in (("round", {}), ("lead", {"handle": handle})):
        made = shelter.ask("audit.certificate", round=round_id, by="dora", **more)
        (target / f"{name}.certificate").write_text(made["text"])
    shelter.ask("audit.export", file=str(target / "log.jsonl"), by="dora")
    shelter.ask("node.backup", path=str(target / "shelter.backup"), by="ada")


def vault(place: Path, target: Path) -> str:
    """A node with a passphrase and recovery shares; its backup and the shares."""
    from node.app import create_node, open_node
    from node.identity.cards import Profile
    from node.keeping.passphrases import split_keys
    from node.operations import OPERATIONS, Dispatcher
    from tests.support.stores import secret

    folder = place.with_name("vault") / "node"
    profile = Profile.of(
        {
            "name": "Vault",
            "member_class": "ngo",
            "country": "DE",
            "languages": ["de"],
            "contact": "The office",
            "endpoint": "none",
        }
    )
    member = create_node(folder, profile, secret(PASSPHRASE.encode()), listen="none")
    with open_node(folder, secret(PASSPHRASE.encode())) as parts:
        split_keys(
            target / "shares",
            needed=2,
            officers=3,
            state=parts.folder,
            store=parts.store,
            keys=parts.keys,
            audit=parts.audit,
            clock=parts.clock,
            random_bytes=parts.random_bytes,
            organisation="Vault",
            member_id=member,
            by="ada",
        )
        asked = json.dumps({"path": str(target / "vault.backup"), "by": "ada"}).encode()
        Dispatcher(parts, OPERATIONS).invoke("node.backup", asked, lambda _step: None)
    pack(folder.parent, target / "vault.tar.xz")
    return member


def mail(place: Path, table: Table, target: Path) -> None:
    """A relay that serves both, with one parcel for the police unit."""
    from node.app import open_node
    from node.relay.running import serving
    from node.wire.parcels import Parcel, seal_parcel
    from tests.support.relays import make_relay

    folder = place.with_name("mail") / "relay"
    make_relay(folder)
    with serving(folder) as parts:
        for node in (table.shelter, table.police):
            with open_node(node.folder, None) as opened:
                parts.members.admit(opened.identity.signed_card.to_bytes())
        with open_node(table.shelter.folder, None) as opened:
            other = opened.members.get("police")
            mine = opened.identity.member_id
            parcel = seal_parcel(Parcel(mine, other.member_id, envelope=b"kept"), bytes.fromhex(other.card.sealing_key))
        parts.mailbox.put([parcel])
    pack(folder.parent, target / "relay.tar.xz")


def carried(place: Path, target: Path) -> None:
    table = Table(place)
    rounds = {"finished": table.finished()}
    papers(table, rounds["finished"], target)
    rounds["deciding"] = table.agreed()
    table.until(rounds["deciding"], "deciding")
    rounds["agreed"] = table.agreed()
    rounds["running"] = table.agreed()
    table.shelter.ask("round.start", round=rounds["running"], by="carl")
    table.carry(table.shelter, table.police, rounds["running"])
    shutil.copy(table.export(table.police, table.shelter, rounds["running"]), target / "running.leg")
    rounds["proposed"] = table.propose()
    shutil.copy(table.export(table.shelter, table.police, rounds["proposed"]), target / "proposed.leg")
    states = {name: {node.alias: node.state(one) for node in (table.shelter, table.police) if
                     (name, node.alias) != ("proposed", "police")} for name, one in rounds.items()}  # fmt: skip
    mail(place, table, target)
    member = vault(place, target)
    pack(place, target / "nodes.tar.xz")
    said = about(rounds=rounds, states=states, vault=member, passphrase=PASSPHRASE)
    (target / "about.json").write_text(json.dumps(said, indent=1) + "\n")


def main() -> None:
    from node.identity import words

    words.SCRYPT_COST = 2  # check words are compared, never kept
    target = Path(sys.argv[1]).absolute()
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "nodes"
        place.mkdir()
        (link if "--link" in sys.argv else carried)(place, target)


if __name__ == "__main__":
    main()
