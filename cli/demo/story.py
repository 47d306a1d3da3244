"""What happens in the demo, as the commands that people at three organisations would type.

Each command is really run, by the same code as `blindmatch` itself, on nodes that are processes of their own. Two
people act at each organisation, because a card needs a second one to be trusted, and a round with records of victims a
second one to be signed.
"""

import io
import os
import sys
import textwrap
import time
from contextlib import redirect_stderr, redirect_stdout
from importlib.resources import as_file, files
from typing import Any

import typer

from cli._exit import Exit
from cli._output import note
from cli._run import run
from cli.demo.stage import Office, Signals, Stage
from node.errors import UserError

__all__ = ["Narrator", "play"]

ROUND_SECONDS = 60.0
"""How long each step of the round may take."""
_POLL_SECONDS = 0.2

SHELTER, POLICE, COORDINATOR = "shelter", "police", "coordinator"

_PROFILES = {
    SHELTER: ("Harbour Shelter", "ngo", "Duty desk, weekdays 9 to 17"),
    POLICE: ("Riverside Police Unit", "police", "Victim liaison officer"),
    COORDINATOR: ("Lowland Coordination Office", "coordinator", "Secretariat"),
}


class Narrator:
    """Says what happens: on standard output, or beside the result with --json."""

    def __init__(self, aside: bool) -> None:
        self._stream = sys.stderr if aside else sys.stdout

    def chapter(self, title: str) -> None:
        self._say(f"\n{title}\n")

    def text(self, text: str, indent: int = 2) -> None:
        blank = " " * indent
        self._say(textwrap.fill(text, 80, initial_indent=blank, subsequent_indent=blank) + "\n")

    def block(self, text: str) -> None:
        self._say(textwrap.indent(text.strip("\n"), "      ") + "\n")

    def command(self, office: Office, words: list[str]) -> None:
        shown = [f"'{word}'" if " " in word else word for word in words]
        self._say(f"  {office.name:>11}$ blindmatch {' '.join(shown)}\n")

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


class _Desk:
    """Runs commands as a person at one organisation."""

    def __init__(self, stage: Stage, office: Office, narrator: Narrator, signals: Signals) -> None:
        self._stage = stage
        self.office = office
        self._narrator = narrator
        self._signals = signals

    def run(self, *words: str, shown: bool = False) -> str:
        """Run a command, say so, give what it printed. A command that fails ends the demo with its exit code."""
        short = [word.replace(f"{self._stage.folder}{os.sep}", "") for word in words]
        self._narrator.command(self.office, short)
        out, err = io.StringIO(), io.StringIO()
        names = {"BLINDMATCH_STATE": self.office.folder, "BLINDMATCH_PASSPHRASE_FILE": self.office.passphrase}
        before = {name: os.environ.get(name) for name in names}
        os.environ.update({name: str(value) for name, value in names.items()})
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = run(list(words))
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        self._signals.check()
        if code != Exit.OK:
            note(f"The demo ended at this command, with exit code {code}:")
            sys.stderr.write(err.getvalue())
            raise typer.Exit(code)
        if shown:
            self._narrator.block(out.getvalue())
        return out.getvalue()

    def ask(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.office.session.call(operation, request)

    def wait_for_state(self, round_id: str, *states: str) -> dict[str, Any]:
        """Until the round is in one of the states at this node."""
        until = time.monotonic() + ROUND_SECONDS
        with self.office.session.connect(running=True) as ask:
            while time.monotonic() < until:
                self._signals.check()
                found: list[dict[str, Any]] = [
                    one for one in ask("round.list", {})["rounds"] if one["round_id"] == round_id
                ]
                if found and found[0]["state"] in states:
                    return found[0]
                if found and found[0]["state"] in ("failed", "refused", "cancelled"):
                    break
                time.sleep(_POLL_SECONDS)
        says = "it never came" if not found else f"{found[0]['turn']} {found[0]['failure'] or ''}"
        raise UserError(
            f"At the {self.office.name} the round did not become {states[0]}: {says}",
            advice="Run `blindmatch doctor`; if nothing is wrong there, please report this.",
        )


def play(stage: Stage, narrator: Narrator, signals: Signals) -> dict[str, Any]:
    """The whole story; what each side learned, and what it cost."""
    desks = {name: _Desk(stage, stage.add(name), narrator, signals) for name in _PROFILES}
    shelter, police, coordinator = desks.values()
    narrator.chapter("1. Three organisations each make and start a node of their own")
    for name, desk in desks.items():
        _found(desk, *_PROFILES[name])
    for desk in desks.values():
        stage.start(desk.office, "node", "run")
        narrator.command(desk.office, ["node", "run"])
    for desk in desks.values():
        desk.office.wait_until_running()
    narrator.chapter("2. They exchange cards; a second person compares words by voice and confirms")
    for desk in desks.values():
        desk.run("card", "export", str(desk.office.card))
    for one, other in ((shelter, police), (shelter, coordinator), (police, coordinator)):
        _introduce(one, other, narrator)
    narrator.chapter("3. Each prepares its own records; they never leave its node")
    with as_file(files("cli") / "demo_data") as data:
        shelter.run(
            "dataset", "add", str(data / "harbour_shelter.xlsx"), "--name", "cases", "--record-class", "victim",
            "--basis", "consent", "--region", "DE", "--by", "lena", shown=True,
        )  # fmt: skip
        police.run(
            "dataset", "add", str(data / "riverside_police_unit.csv"), "--name", "files", "--record-class", "victim",
            "--basis", "legal_duty", "--legal-reference", "Police Act, section 4", "--region", "DE", "--by", "milan",
            shown=True,
        )  # fmt: skip
    narrator.chapter("4. The coordinator, who holds no data, proposes a round; both sides read and sign it")
    round_id = _agree(shelter, police, coordinator, narrator)
    narrator.chapter("5. The round runs")
    before = _traffic(stage)
    started = time.monotonic()
    coordinator.run("round", "start", round_id[:8], "--by", "carla")
    shelter.wait_for_state(round_id, "deciding")
    took = time.monotonic() - started
    narrator.text(f"The shelter has learned first, after {took:.1f} s:")
    shelter.run("round", "results", round_id[:8], shown=True)
    narrator.chapter("6. A person at the shelter decides: two leads may be shared, the third may not")
    shelter.run("round", "release", round_id[:8], "--lead", "1", "--lead", "2", "--by", "lena")
    for desk in (shelter, police, coordinator):
        desk.wait_for_state(round_id, "finished")
    police.run("round", "results", round_id[:8], shown=True)
    shelter.run("audit", "verify", shown=False)
    return _result(desks, round_id, took, before, _traffic(stage))


def _found(desk: _Desk, name: str, member_class: str, contact: str) -> None:
    # The card names the meter's address, so that what others send can be counted.
    desk.run(
        "node", "init", "--name", name, "--class", member_class, "--country", "DE", "--language", "de",
        "--contact", contact, "--endpoint", f"127.0.0.1:{desk.office.meter.port}", "--listen", "127.0.0.1:0",
    )  # fmt: skip


def _introduce(one: _Desk, other: _Desk, narrator: Narrator) -> None:
    seen = []
    for here, there in ((one, other), (other, one)):
        said = here.run("member", "add", str(there.office.card), "--alias", there.office.name, "--by", "ana")
        seen.append(said.partition("Check words:\n")[2].partition("\n")[0].strip())
    narrator.text(f"On the telephone, each reads what it sees: {seen[0]}", 6)
    for here, there, heard in ((one, other, seen[1]), (other, one, seen[0])):
        here.run("member", "confirm", there.office.name, "--words", heard, "--by", "ben")


def _agree(shelter: _Desk, police: _Desk, coordinator: _Desk, narrator: Narrator) -> str:
    coordinator.run("round", "propose", "J1", "--with", "shelter", "--with", "police", "--by", "carla")
    round_id = str(coordinator.ask("round.list")["rounds"][0]["round_id"])
    for desk in (shelter, police):
        desk.wait_for_state(round_id, "proposed")
    shelter.run("round", "show", round_id[:8])
    for sentence in shelter.ask("round.show", round=round_id)["sentences"]:
        if " learn" in sentence:
            narrator.text(f"... {sentence}", 6)
    narrator.text("Records of victims take two people at each side: one signs, a second one approves.", 6)
    for desk, dataset, person in ((shelter, "cases", "lena"), (police, "files", "milan")):
        desk.run("round", "sign", round_id[:8], "--dataset", dataset, "--by", person)
        desk.run("round", "approve", round_id[:8], "--by", "ben")
    coordinator.wait_for_state(round_id, "agreed")
    return round_id


def _traffic(stage: Stage) -> dict[str, tuple[int, int]]:
    return {name: (office.meter.inward, office.meter.outward) for name, office in stage.offices.items()}


def _result(
    desks: dict[str, _Desk],
    round_id: str,
    took: float,
    before: dict[str, tuple[int, int]],
    after: dict[str, tuple[int, int]],
) -> dict[str, Any]:
    members = {}
    for name, desk in desks.items():
        seen = desk.ask("round.results", round=round_id)
        members[name] = {
            "name": _PROFILES[name][0],
            "records": [
                {
                    "reference": lead["reference"],
                    "keys": sorted(agreement["key"] for agreement in lead["agreements"]),
                    "status": lead["status"],
                }
                for lead in seen["leads"]
            ],
            "count": seen["count"],
            "bytes_to_it": after[name][0] - before[name][0],
            "bytes_answered": after[name][1] - before[name][1],
        }
    return {"round_id": round_id, "first_answer_seconds": round(took, 2), "members": members}
