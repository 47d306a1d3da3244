"""Each of the twelve runbooks, tried step by step: what a page says is typed, in its order, at real nodes.

Two organisations, Harbour (a shelter, ours) and River (a police unit), each with a folder, keys and a port of its own,
in this process. What a page leaves to another program (systemctl, mv, psql) is acted out and counted; what only people
do (telephone, decide, burn paper) cannot be tried, nor can these, which are not here:

    a machine of somebody else      the restored folder is opened on this one
    installing another version      upgrade.md, step 4: the same version runs before and after (deploy/upgrades.md has
                                    tests of its own, with what version 0.1.0 left behind)
    a terminal                      what a person is asked for is handed in by option or on standard input
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cli._exit import Exit
from node import __version__
from node.errors import PeerRefused, PeerUnreachable
from node.keeping.moving import ASIDE
from node.tripwires import Decoy
from tests.support.nodes import introduce, wait_for
from tests.support.postgres import Server
from tests.support.runbook_town import (
    FIRST,
    GONE,
    OURS,
    SECOND,
    Town,
    agreed,
    make_friends,
    make_strangers,
    private,
    proposed,
    waiting,
)
from tests.support.runbooks import PAGES, Play, Stage
from tests.support.small_rounds import SETTINGS, SHARED, knows
from tests.support.tree import ROOT

pytestmark = [pytest.mark.ci, pytest.mark.timeout(900), pytest.mark.tm("TM-256")]


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.identity.words.SCRYPT_COST", 2)
        patch.setattr("node.rounds.scheduler.TICK_SECONDS", 0.2)
        yield


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    make_strangers(folder)
    return folder


@pytest.fixture(scope="module")
def friends(strangers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("friends")
    make_friends(strangers, folder)
    return folder


@pytest.fixture
def town(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """The nodes of `friends`, or of `strangers`, for one page; not running yet."""
    page, source = request.param
    folder = tmp_path / "town"
    shutil.copytree(request.getfixturevalue(source), folder, ignore=GONE)
    for alias in ("harbour", "river"):
        (folder / alias).chmod(0o700)
    folders = {"": folder / "harbour", "River": folder / "river"}
    with ExitStack() as stack:
        yield Town(folder, Stage(stack), Play(page, folders, folder, monkeypatch))


def on(page: str, source: str = "friends") -> pytest.MarkDecorator:
    return pytest.mark.parametrize("town", [pytest.param((page, source), id=page)], indirect=True)


def round_of(town: Town) -> str:
    return (town.folder / "round").read_text()


@on("enrol-a-member", "strangers")
def test_enrol_a_member(town: Town, record_property: Any) -> None:
    play = town.play
    town.start()
    play.next("blindmatch card export")
    (town.folder / "their.card").write_text(town.river.ask("card.show")["file"])
    play.next("blindmatch member add")
    card = (town.folder / "our.card").read_text()
    heard = " ".join(town.river.ask("member.add", file=card, alias="harbour", by="milan")["words"])
    assert heard in play.next("blindmatch member words").line
    wrong = " ".join(reversed(heard.split()))
    play.at("", "member", "confirm", "river", "--by", "bela", "--words", wrong, code=Exit.USER)
    play.at("", "member", "confirm", "river", "--by", "anna", "--words", heard, code=Exit.NOT_ALLOWED)
    play.next("blindmatch member confirm", {}, "--words", heard)
    town.river.ask("member.confirm", name="harbour", words=heard, by="vera")
    play.next("blindmatch member children")
    play.next("blindmatch approval approve", {"1": waiting(town.harbour)})
    assert "river answers" in play.next("blindmatch member check").line
    assert "confirmed" in play.next("blindmatch member list").line
    assert "The office" in play.next("blindmatch member list --contacts").line
    assert town.harbour.ask("member.show", name="river")["member"]["children"]
    record_property("ran", play.done())


@on("first-round", "strangers")
def test_first_round(town: Town, record_property: Any) -> None:
    play = town.play
    town.start()
    introduce(town.harbour, town.river)
    town.harbour.ask("dataset.remove", name="clients", by="anna")
    play.next("blindmatch dataset preview")
    play.next("blindmatch dataset add")
    assert town.harbour.ask("round.list")["rounds"] == []
    play.next("blindmatch round propose")
    assert town.harbour.ask("round.list")["rounds"] == [], "--dry-run sends nothing"
    play.next("blindmatch round propose")
    (only,) = town.harbour.ask("round.list")["rounds"]
    round_id = only["round_id"]
    this = {"4f1c": round_id[:8]}
    wait_for(lambda: knows(town.river, round_id))
    assert "victim" in play.next("blindmatch round show", this).line
    play.next("blindmatch round sign", this)
    play.next("blindmatch round approve", this)
    assert "legal duty" in play.next("blindmatch round show", this).line
    play.next("blindmatch round sign", this)
    play.next("blindmatch round approve", this)
    wait_for(lambda: town.harbour.state(round_id) == "agreed")
    play.next("blindmatch round start", this)
    wait_for(lambda: town.harbour.state(round_id) == "deciding")
    assert "release" in play.next("blindmatch round status", this).line
    assert "HS-09" in play.next("blindmatch round results", this).line
    play.next("blindmatch round release", this)
    wait_for(lambda: town.harbour.state(round_id) == town.river.state(round_id) == "finished")
    assert "finished" in play.next("blindmatch round status", this).line
    assert "legal duty" in play.next("blindmatch report round", this).line
    play.next("blindmatch audit verify")
    assert len(town.river.ask("round.results", round=round_id)["leads"]) == 2, "what was released, and nothing else"
    record_property("ran", play.done())


@on("lost-key")
def test_lost_key(town: Town, record_property: Any) -> None:
    play, folder = town.play, town.folder
    one, two = private(folder / "one", FIRST), private(folder / "two", SECOND)
    play.at("", "key", "passphrase", "--by", "anna", "--new-passphrase-file", str(one))
    play.passphrases[""] = one
    play.next("blindmatch key split")
    town.stage.start(town.ours, FIRST)
    play.instead("systemctl stop", lambda: town.stage.stop(town.ours))
    del play.passphrases[""]
    play.next("blindmatch key recover", {}, "--new-passphrase-file", two)
    play.passphrases[""] = one
    assert "wrong" in play.at("", "audit", "verify", code=Exit.USER).line, "the lost one opens nothing any more"
    play.passphrases[""] = two
    play.next("blindmatch key rotate")
    play.next("blindmatch key split")
    play.instead("systemctl start", lambda: town.stage.start(town.ours, SECOND))
    play.next("blindmatch backup")
    play.next("blindmatch audit verify")
    shown = play.next("blindmatch audit show").line
    assert "officers" in shown
    town.stage.stop(town.ours)
    old = [str(folder / "stick" / "shares" / f"share-{number}-of-3.txt") for number in (1, 2)]
    play.at("", "key", "recover", *old, "--by", "anna", "--new-passphrase-file", str(one), code=Exit.USER)
    record_property("ran", play.done())


@on("stolen-laptop")
def test_stolen_laptop(town: Town, record_property: Any) -> None:
    """Both ways: locked, and the same node goes on; open, and it is dead."""
    play, folder, stage = town.play, town.folder, town.stage
    one, two = private(folder / "one", FIRST), private(folder / "two", SECOND)
    play.at("", "key", "passphrase", "--by", "anna", "--new-passphrase-file", str(one))
    play.passphrases[""] = one
    play.at("", "backup", str(folder / "stick" / "today"), "--by", "timer")
    stage.start(town.theirs)
    stolen, again = town.ours, folder / "again"
    play.next("blindmatch member freeze")
    with_thief = stage.start(stolen, FIRST)
    round_id = with_thief.ask(
        "round.propose", template="J1", members=["me", "river"], settings=SETTINGS, by="thief"
    )["round"]["round_id"]  # fmt: skip
    wait_for(lambda: knows(town.river, round_id))
    sign_it = ("round", "sign", round_id[:8], "--dataset", "cases", "--by", "milan")
    refused = play.at("River", *sign_it, code=Exit.NOT_ALLOWED)
    assert "frozen" in refused.line
    stage.stop(stolen)
    play.next("blindmatch restore", {"~/.local/share/blindmatch": again})
    play.folders[""] = again
    assert "river River The office" in play.next("blindmatch member list --contacts").line
    assert "clients" in play.next("blindmatch dataset list").line
    play.next("blindmatch round list")
    play.next("blindmatch retention show")
    play.next("blindmatch report period", town.quarter())
    evidence = folder / "evidence"
    shutil.copytree(again, evidence)
    play.next("blindmatch key passphrase", {}, "--new-passphrase-file", two)
    play.passphrases[""] = two
    play.next("blindmatch key rotate")
    play.next("blindmatch card renew")
    play.next("blindmatch card export")
    stage.start(again, SECOND)
    play.next("blindmatch member renew")
    play.next("blindmatch member accept")
    play.next("blindmatch member unfreeze")
    play.next("blindmatch approval approve", {"1": waiting(town.river)})
    assert "river answers" in play.at("", "member", "check", "river").line
    stage.stop(again)
    thief = stage.start(stolen, FIRST)
    with pytest.raises((PeerUnreachable, PeerRefused)):
        thief.ask("member.check", name="river")
    stage.stop(stolen)
    # The other way: it was open.
    evidence.chmod(0o700)
    play.folders[""], play.passphrases[""] = evidence, one
    play.next("blindmatch audit export")
    assert (folder / "evidence.jsonl").exists()
    del play.passphrases[""]
    play.folders[""] = folder / "new"
    play.next("blindmatch node init", {}, "--name", "Harbour", "--class", "ngo", "--country", "DE", "--language", "de",
              "--contact", "Desk", "--endpoint", "127.0.0.1:7999", "--passphrase-file", two)  # fmt: skip
    play.next("blindmatch member remove")
    assert town.river.ask("member.show", name="harbour")["member"]["state"] == "removed"
    stage.start(again, SECOND)
    play.folders[""], play.passphrases[""] = again, two
    play.next("blindmatch member check", code=Exit.UNREACHABLE)  # after the second way nobody answers the old node
    record_property("ran", play.done())


@on("suspected-peer")
def test_suspected_peer(town: Town, record_property: Any) -> None:
    play = town.play
    town.start()
    open_round = agreed(town.harbour, town.river)
    assert "FROZEN" in play.next("blindmatch member freeze").line
    refused = play.at("", "round", "start", open_round[:8], "--by", "anna", code=Exit.NOT_ALLOWED)
    assert "frozen" in refused.line
    assert "River" in play.next("blindmatch report period", town.quarter()).line
    play.next("blindmatch budget show")
    assert "anna" in play.next("blindmatch audit show").line
    play.next("blindmatch audit witness")
    theirs = str(town.folder / "their-log.jsonl")
    town.river.ask("audit.share", member="harbour", file=theirs, by="milan")
    play.next("blindmatch audit reconcile")
    play.next("blindmatch member unfreeze")
    number = waiting(town.harbour)
    play.at("", "approval", "approve", number, "--by", "anna", code=Exit.NOT_ALLOWED)
    play.next("blindmatch approval approve", {"1": number})
    assert not town.harbour.ask("member.show", name="river")["member"]["frozen"]
    left = play.next("blindmatch node leave").line
    assert "Removed: river" in left
    assert town.harbour.state(open_round) == "cancelled"
    play.next("blindmatch audit export")
    assert "removed" in play.next("blindmatch member show").line
    record_property("ran", play.done())


@on("tripwire-alarm")
def test_tripwire_alarm(town: Town, record_property: Any) -> None:
    play = town.play
    town.start()
    round_id = agreed(town.harbour, town.river)
    this = {"4f1c": round_id[:8]}
    decoys = [Decoy("phone", "phone", f"+49309018{number:04}", free=True) for number in (11, 12)]
    play.patch.setattr(town.harbour.parts.engine.tripwires, "draw", lambda _found, _walk, room: decoys[:room])
    town.harbour.ask("round.start", round=round_id, by="anna")
    wait_for(lambda: town.harbour.parts.book.get(round_id).over)
    assert "asked about 2 of the 2 decoys" in play.next("blindmatch member show").line
    play.next("blindmatch round status", this)
    assert "+4930" in play.next("blindmatch tripwire evidence", this).line
    play.next("blindmatch audit certificate", this)
    assert "+4930" not in (town.folder / "alarm.json").read_text()
    play.next("blindmatch report period", town.quarter())
    play.next("blindmatch member unfreeze")
    play.next("blindmatch approval approve", {"1": waiting(town.harbour)})
    assert "FROZEN" not in play.next("blindmatch member list").line
    assert "anna" in play.next("blindmatch audit show").line
    record_property("ran", play.done())


@on("restore")
def test_restore(town: Town, record_property: Any) -> None:
    play, folder, stage = town.play, town.folder, town.stage
    town.start()
    made = town.harbour.ask("node.backup", path=str(folder / "stick" / "today"), by="timer")
    assert "is running" in play.at(
        "", "restore", str(folder / "stick" / "today"), str(folder / "b"), "--by", "anna", code=Exit.BUSY
    ).line  # fmt: skip
    play.instead("systemctl disable", lambda: stage.stop(town.ours))
    play.instead("sha256sum", lambda: made["digest"])
    new, old = folder / "blindmatch-new", town.ours
    assert "counts as spent" in play.next("blindmatch restore", {"/var/backups/blindmatch/new": new}).line
    play.instead("mv", lambda: old.rename(folder / "blindmatch-broken"))
    play.instead("mv", lambda: new.rename(old))
    play.next("blindmatch audit verify")
    assert "river" in play.next("blindmatch member list").line
    assert "clients" in play.next("blindmatch dataset list").line
    play.instead("systemctl enable", lambda: stage.start(old))
    play.next("blindmatch dataset refresh")
    play.next("blindmatch backup")
    play.next("blindmatch node status")
    play.next("blindmatch budget show")
    assert town.harbour.parts.budget.closed_until() is not None
    assert "river answers" in play.next("blindmatch member check").line
    record_property("ran", play.done())


@on("upgrade")
def test_upgrade(town: Town, record_property: Any) -> None:
    play, stage = town.play, town.stage
    town.start()
    open_round = agreed(town.harbour, town.river)
    assert "river answers" in play.next("blindmatch member check").line
    play.next("blindmatch round list")
    play.next("blindmatch audit verify")
    play.next("blindmatch backup")
    play.instead("systemctl stop", lambda: stage.stop(town.ours))
    assert play.next("blindmatch --version").line == f"blindmatch {__version__}"
    play.next("blindmatch doctor")
    play.instead("systemctl start", lambda: stage.start(town.ours))
    assert __version__ in play.next("blindmatch node status").line
    assert "river answers" in play.next("blindmatch member check").line
    play.next("blindmatch audit verify")
    assert town.harbour.state(open_round) == "agreed"
    record_property("ran", play.done())


@pytest.mark.tm("TM-255")
@on("move-to-postgresql")
def test_move_to_postgresql(town: Town, postgres: Server, record_property: Any) -> None:
    """In the middle of a round, which goes on and ends on the server with what it would have given."""
    play, stage, database = town.play, town.stage, postgres.database()
    town.start()
    round_id = agreed(town.harbour, town.river)
    town.harbour.ask("round.start", round=round_id, by="anna")
    wait_for(lambda: town.harbour.state(round_id) == "deciding")
    before = town.harbour.ask("round.results", round=round_id)["leads"]
    address = town.folder / "address"
    play.instead("install", lambda: database.file(address))
    play.next("blindmatch backup")
    play.next("blindmatch audit verify")
    running = play.at("", "node", "move", "--database-file", str(address), "--by", "anna", code=Exit.BUSY)
    assert "stopped" in running.line
    play.instead("systemctl stop", lambda: stage.stop(town.ours))
    said = play.next("blindmatch node move", {"/etc/blindmatch/database": address})
    assert "fireweed" not in said.text
    play.instead("systemctl start", lambda: stage.start(town.ours))
    assert town.harbour.parts.budget.closed_until() is None
    play.next("blindmatch backup")
    play.instead("rm", (town.ours / ASIDE).unlink)
    assert "PostgreSQL" in play.next("blindmatch doctor").line
    assert "anna" in play.next("blindmatch audit show").line
    assert round_id[:8] in play.next("blindmatch round list").line
    assert town.harbour.ask("round.results", round=round_id)["leads"] == before
    town.harbour.ask("round.release", round=round_id, everything=True, by="bela")
    wait_for(lambda: town.harbour.state(round_id) == town.river.state(round_id) == "finished")
    assert len(town.river.ask("round.results", round=round_id)["leads"]) == SHARED
    record_property("ran", play.done())


@on("leave")
def test_leave(town: Town, record_property: Any) -> None:
    play, stage = town.play, town.stage
    town.start()
    unsigned, signed = proposed(town.harbour, town.river), agreed(town.harbour, town.river)
    play.next("blindmatch round list")
    play.next("blindmatch lead list")
    play.next("blindmatch audit export")
    play.next("blindmatch audit share")
    stage.stop(town.theirs)
    waits = play.next("blindmatch node leave").line
    assert "river has not heard yet of the end of 2 rounds" in waits
    assert town.harbour.ask("member.show", name="river")["member"]["state"] == "confirmed"
    stage.start(town.theirs)
    wait_for(lambda: all(town.river.state(one) in ("refused", "cancelled", "failed") for one in (unsigned, signed)))
    wait_for(lambda: not town.harbour.parts.outbox.waiting_for())
    said = play.at("", "node", "leave", "--by", "anna").line
    assert "Removed: river" in said
    assert "Let the node run until" in said, "what the finished round gave is kept for the agreed days"
    play.next("blindmatch member remove")
    play.next("blindmatch dataset remove")
    assert "kept until" in play.next("blindmatch retention show").line
    play.instead("systemctl disable", lambda: stage.stop(town.ours))
    assert "removed" in play.next("blindmatch member list").line
    assert "left the consortium" in play.next("blindmatch audit show").line
    record_property("ran", play.done())


@on("persons-request")
def test_persons_request(town: Town, record_property: Any) -> None:
    play, round_id = town.play, round_of(town)
    town.start()
    lead = town.harbour.ask("round.results", round=round_id)["leads"][0]
    person, handle = lead["reference"], lead["agreements"][0]["handle"]
    assert person in OURS
    play.next("blindmatch report person", types=f"{person}\n")
    assert (town.folder / "answer.pdf").read_bytes().startswith(b"%PDF")
    play.next("blindmatch audit certificate", {"4f1c": round_id[:8], "21196b5d44a22016": handle})
    play.next("blindmatch card export")
    play.next("blindmatch verify")
    changed = town.folder / "changed.json"
    changed.write_text((town.folder / "lead.json").read_text().replace(handle, "0" * len(handle)))
    refused = play.at("", "verify", str(changed), "--card", "our.card", code=Exit.NOT_VERIFIED)
    assert refused.text
    (town.folder / "withdrawn.txt").write_text(f"{OURS[0]}\n")
    play.next("blindmatch dataset withdraw")
    assert "Erased" in play.next("blindmatch erase", types=f"{person}\n").line
    play.next("blindmatch backup")
    nothing = play.next("blindmatch report person", types=f"{person}\n")
    assert person not in nothing.text
    assert "bela" in play.next("blindmatch retention show").line
    record_property("ran", play.done())


@on("regulators-visit")
def test_regulators_visit(town: Town, record_property: Any) -> None:
    play, this = town.play, {"4f1c": round_of(town)[:8]}
    town.start()
    said = [
        play.next("blindmatch doctor"),
        play.next("blindmatch audit verify"),
        play.next("blindmatch approval list"),
        play.next("blindmatch node status"),
        play.next("blindmatch member list"),
        play.next("blindmatch policy show"),
        play.next("blindmatch report period", town.quarter()),
        play.next("blindmatch report round", this),
        play.next("blindmatch round coverage", this),
        play.next("blindmatch budget show"),
        play.next("blindmatch tripwire table"),
        play.next("blindmatch retention show"),
        play.next("blindmatch audit show"),
        play.next("blindmatch audit show"),
        play.next("blindmatch staff list"),
        play.next("blindmatch audit witness"),
        play.next("blindmatch audit export"),
        play.next("blindmatch card export"),
        play.next("blindmatch verify"),
        play.next("blindmatch audit show"),
    ]
    assert [one.text for one in said for name in (*OURS, "9018") if name in one.text] == [], "nobody is shown"
    assert "dpo" in said[-1].line
    assert "anna" in said[13].line
    assert "node was started" not in said[13].line, "only what this person did"
    assert {path.name for path in town.folder.glob("*.pdf")} == {"quarter.pdf", "log.pdf"}
    record_property("ran", play.done())


def test_no_page_is_left_out() -> None:
    source = (ROOT / "tests" / "deploy" / "test_runbooks_tried.py").read_text(encoding="utf-8")
    assert [page for page in PAGES if f'@on("{page}"' not in source] == []
    assert len(PAGES) == 12


@on("leave")
def test_a_page_that_changed_has_to_be_tried_again(town: Town) -> None:
    town.start()
    town.play.next("blindmatch round list")
    with pytest.raises(AssertionError, match="was expected"):
        town.play.next("blindmatch audit export")
    with pytest.raises(AssertionError, match="not tried"):
        town.play.done()
