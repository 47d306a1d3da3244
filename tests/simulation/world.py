"""One run of the simulation: a seed decides who takes part, what people do, and what goes wrong.

    people    propose, sign, refuse, start, release, cancel, read results, refresh a data set, remove and re-add a
              member, rotate a data key
    faults    calls lost, late, doubled, answered into the void; nodes parted; a node killed at a failpoint or at a
              write; a full disk; a clock set forward or back; a restart; a message that a cheat changed
    between   each node steps a few rounds, as its scheduler would have it; seconds pass

Then everything heals, people finish what they began, and time runs on: every round must end (`LIVE_TURNS`), and
`verdict` compares all ends with the records in clear. One thread; all time is the run's own; all randomness that
decides anything comes from the seed. The trace says what happened in words and numbers that do not depend on keys:
the same seed gives the same trace in every process.
"""

import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from node.errors import Busy
from node.rounds.states import ENDS
from tests.simulation import organisations
from tests.simulation.deeds import Deeds
from tests.simulation.network import Line, Network, Weather
from tests.simulation.office import POINTS, Blow, Down, Office, SkewedClock, Told
from tests.simulation.organisations import START
from tests.simulation.verdict import judge
from tests.simulation.watch import Broken, Watch

__all__ = ["OPERATIONS", "Outcome", "World", "simulate"]

OPERATIONS = 36
"""Operations of a run, in number: what people do and what goes wrong. Steps of the engines come between."""

LIVE_TURNS = 60
"""After everything has healed, so often at most does every node look at every round until all are over."""

TURN_SECONDS = 130.0
"""Between two such looks: longer than the longest pause before a node tries again."""

LATER_DAYS = 40
"""Then no agreement holds any more."""

DAY = 86_400.0

_OPEN = """select 1 from rounds where round_id = ? and state not in ('finished', 'refused', 'cancelled', 'failed')
    union all select 1 from inbox where round_id = ? and not processed
    union all select 1 from outbox where round_id = ? and not acknowledged limit 1"""


@dataclass
class Outcome:
    """What a run did. `trace`: one line for each thing that happened; `ends`: how rounds ended, per node."""

    seed: int
    trace: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    ends: dict[str, int] = field(default_factory=dict)
    envelopes: int = 0
    disclosures: int = 0
    lists: int = 0

    @property
    def operations(self) -> int:
        return self.done.total()

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def simulate(seed: int, *, tell: Callable[[str], None] | None = None) -> Outcome:
    """Run one seed; Broken, or whatever a node raised that it should not have, with the seed in its notes."""
    folder = Path(mkdtemp(prefix="run-", dir=organisations.template()))
    world = World(seed, folder, tell)
    try:
        return world.run()
    except BaseException as error:
        error.add_note(f"seed {seed}: python -m tests.simulation {seed} -v")
        raise
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)


class World:
    def __init__(self, seed: int, folder: Path, tell: Callable[[str], None] | None = None) -> None:
        self.outcome = Outcome(seed)
        self.random = random.Random(f"simulation {seed}")
        self._tell = tell
        self.rounds: list[str] = []
        members = self.random.choice((2, 3, 3, 4))
        names = ["shelter", "police", *self.random.sample(["haven", "board"], members - 2)]
        per_peer = self.random.choice((70, 70, 150, 20_000))
        limits = (per_peer, max(per_peer, self.random.choice((160, 100_000))), 1)
        self.watch = Watch(limits, most_waiting=10)
        self.offices: dict[str, Office] = {}
        told = Told(self.happened, self.watch.blinds)
        for name in sorted(names, key=organisations.NAMES.index):
            shutil.copytree(organisations.template() / name, folder / name)
            (folder / name / "config.toml").write_text(_settings(*limits))
            clock = SkewedClock(START)
            seeded = random.Random(f"{name} {seed}")
            self.offices[name] = Office(name, folder / name, clock, seeded, told, self._furnish)
        by_id: dict[str, Office] = {}
        self.network = Network(
            by_id,
            random.Random(f"network {seed}"),
            self._weather(),
            self.watch.leaves,
            self.happened,
            self.tell,
        )
        for office in self.offices.values():
            office.start()
            by_id[office.running.identity.member_id] = office
        self.deeds = Deeds(self)
        # Some cannot be called by some others, which have to wait for their visits.
        pairs = [(host, visitor) for host in self.offices.values() for visitor in self.offices.values()]
        self.visits = [pair for pair in pairs if pair[0] is not pair[1] and self.random.random() < 0.15]
        for host, visitor in self.visits:
            host.ask("member.reach", name=visitor.name, reach="collects", by="ada")
        self.tell("members", *self.offices, "budget", *limits)

    def close(self) -> None:
        for office in self.offices.values():
            office.kill()

    # What happens.

    def run(self) -> Outcome:
        out = self.outcome
        while out.operations < OPERATIONS:
            self.operate()
            for _ in range(self.random.randrange(1, 7)):
                self.step_somewhere()
            self.pass_time(self.random.choice((0.05, 0.3, 1.0, 7.0)))
        self.heal()
        self.live()
        self.end()
        out.envelopes, out.disclosures, out.lists = self.watch.envelopes, self.watch.disclosures, self.watch.lists
        return out

    def operate(self) -> None:
        """Somebody does something, or something goes wrong."""
        deed = self.deeds.choose() if self.random.random() < 0.6 else None
        name, act = deed or self._misfortune()
        self.outcome.done[name] += 1
        self.tell("->", name)
        act()
        self.find_rounds()
        for office in self.offices.values():
            self.watch.check(office)

    def step_somewhere(self) -> None:
        office = self.random.choice(list(self.offices.values()))
        if self.visits and self.random.random() < 0.3:
            self.visit(*self.random.choice(self.visits))
        elif self.rounds:
            round_id = self.random.choice(self.rounds)
            # What is over and quiet is looked at now and then, as a scheduler does when it is woken for nothing.
            if office.rows(_OPEN, round_id, round_id, round_id) or self.random.random() < 0.1:
                self.step(office, round_id)

    def visit(self, host: Office, visitor: Office) -> None:
        self.network.visit(visitor, host)
        for office in (host, visitor):
            self.watch.check(office)

    def step(self, office: Office, round_id: str) -> bool:
        """As the scheduler does; what it could not explain is a defect. True if anything was done."""
        try:
            step = office.step(round_id)
        except Down:
            return False
        except Busy:
            self.tell("busy", office.name)
            return False
        if step.moved:
            self.watch.check(office)
        if step.free_at is not None:
            self.happened("budget spent")
        self.tell("step", office.name, self.rounds.index(round_id), step.moved, step.retry_in is not None)
        return step.moved

    def pass_time(self, seconds: float) -> None:
        for office in self.offices.values():
            office.clock.passed += seconds

    def find_rounds(self) -> None:
        """Rounds that came to be, in whatever way, get a number."""
        for office in self.offices.values():
            for (round_id,) in office.rows("select round_id from rounds"):
                if round_id not in self.rounds:
                    self.rounds.append(round_id)

    # What goes wrong.

    def _weather(self) -> Weather:
        share = self.random.choice((0.0, 0.05, 0.15, 0.3))
        return Weather(*(share * self.random.random() for _ in range(4)))

    def _misfortune(self) -> tuple[str, Callable[[], None]]:
        office = self.random.choice(list(self.offices.values()))
        if not office.up:
            return "start again", lambda: self._start(office)
        kinds: dict[str, tuple[float, Callable[[], None]]] = {
            "kill at a point": (9, lambda: self._aim(office, self._point(), 2)),
            "kill at a write": (4, lambda: self._aim(office, "write", 40)),
            "kill between steps": (1, lambda: self._kill(office)),
            "restart": (1, lambda: self._restart(office)),
            "disk full": (2.5, lambda: self._fill(office)),
            "part": (2, self._part),
            "meet again": (2, self.network.parted.clear),
            "weather": (1, self._change_weather),
            "clock": (2, lambda: self._set_clock(office)),
            "cheat": (0.6 * bool(self.network.taken), self._cheat),
            "late copy": (4 * bool(self.network.late), self._arrive),
        }
        names = list(kinds)
        name = self.random.choices(names, [kinds[one][0] for one in names])[0]
        return name, kinds[name][1]

    def _aim(self, office: Office, place: str, most: int) -> None:
        office.blow = Blow(place, self.random.randint(1, most))

    def _point(self) -> str:
        """A step of a round; now and then one of a key rotation."""
        of_rounds = [name for name in POINTS if name.startswith("round.")]
        return self.random.choice(of_rounds if self.random.random() < 0.9 else POINTS)

    def _kill(self, office: Office) -> None:
        self.happened("kill between steps")
        office.kill()

    def _restart(self, office: Office) -> None:
        self.happened("restart")
        office.running.engine.stop()
        office.kill()
        self._start(office)

    def _start(self, office: Office) -> None:
        """Service managers try again: a start that fails for want of disk, or dies, is a start later."""
        with suppress(Down, Busy):
            office.start()
        self.tell("started" if office.up else "not started", office.name)

    def _fill(self, office: Office) -> None:
        office.full = self.random.randint(1, 6)

    def _part(self) -> None:
        self.network.parted.add(frozenset(self.random.sample(list(self.offices), 2)))

    def _change_weather(self) -> None:
        self.network.weather = self._weather()

    def _set_clock(self, office: Office) -> None:
        """By minutes, hours or days, to either side; or right again."""
        off = self.random.choice((0.0, 90.0, 1_800.0, 7_200.0, DAY, 3 * DAY)) * self.random.choice((-1, 1))
        if off != office.clock.off:
            self.happened("clock forward" if off > office.clock.off else "clock back")
        office.clock.off = off

    def _arrive(self) -> None:
        self.network.arrive(self.random.randrange(len(self.network.late)))

    def _cheat(self) -> None:
        if (round_id := self.network.cheat(self.random.randrange(len(self.network.taken)))) is not None:
            self.deeds.excused.add(round_id)

    # The end.

    def heal(self) -> None:
        """No more faults: all nodes run, all clocks are right, all roads are open, and everybody trusts everybody."""
        self.tell("heal")
        self.network.calm()
        for office in self.offices.values():
            office.full, office.blow, office.clock.off = 0, None, 0.0
            if not office.up:
                office.start()
        while self.network.late:
            self.network.arrive(0)
        self.deeds.trust_again()
        self.find_rounds()

    def live(self) -> None:
        """People do what is theirs to do; every round comes to its end."""
        for turn in range(LIVE_TURNS):
            self.find_rounds()
            if self._all_over():
                break
            self.deeds.finish(patient=turn < LIVE_TURNS // 2)
            self._look()
            # Budgets that are spent are free again after a day.
            self.pass_time(TURN_SECONDS if turn % 10 else DAY)
        else:
            self._must_wait_for_its_end()
        self.pass_time(LATER_DAYS * DAY)
        for _turn in range(LIVE_TURNS):
            self._look(everywhere=True)
            if self._all_over():
                break
            self.pass_time(TURN_SECONDS)
        else:
            raise Broken("a round did not end")

    def _look(self, *, everywhere: bool = False) -> None:
        """Every node looks at its rounds; without `everywhere` at those that are not over or have something waiting."""
        for pair in self.visits:
            self.visit(*pair)
        for round_id in self.rounds:
            for office in self.offices.values():
                if everywhere or office.rows(_OPEN, round_id, round_id, round_id):
                    self.step(office, round_id)

    def _all_over(self) -> bool:
        states = [state for office in self.offices.values() for (state,) in office.rows("select state from rounds")]
        quiet = all(
            not any(office.rows(f"select 1 from {box} where not {done} limit 1"))
            for office in self.offices.values()
            for box, done in (("inbox", "processed"), ("outbox", "acknowledged"))
        )
        return all(state in ENDS for state in states) and quiet

    def _must_wait_for_its_end(self) -> None:
        """What did not end by itself was cut off from one side: its members had removed each other meanwhile."""
        for office in self.offices.values():
            for round_id, state in office.rows("select round_id, state from rounds"):
                if state not in ENDS and not self._excused(round_id):
                    raise Broken(f"a round at {office.name} stands still, {state}, though everything has healed")

    def _excused(self, round_id: str) -> bool:
        return self.deeds.removals > 0 or round_id in self.deeds.excused

    def end(self) -> None:
        """One more start from what is stored, at one node, and the verdict."""
        office = self.random.choice(list(self.offices.values()))
        office.kill()
        office.start()
        for round_id in self.rounds:
            self.step(office, round_id)
        self.outcome.ends = judge(
            list(self.offices.values()),
            self.rounds,
            self.deeds.versions,
            self.watch,
            self.deeds.excused,
            calm=self.deeds.removals == 0,
        )
        self.tell(
            "ends", *(f"{state.replace(': ', ':')}={count}" for state, count in sorted(self.outcome.ends.items()))
        )

    # Helpers.

    def happened(self, what: str) -> None:
        self.outcome.happened[what] += 1
        self.tell("!", what)

    def tell(self, *words: Any) -> None:
        line = " ".join(map(str, words))
        self.outcome.trace.append(line)
        if self._tell is not None:
            self._tell(line)

    def _furnish(self, office: Office) -> None:
        parts = office.running
        parts.engine.post.carrier = Line(office, self.network)
        backend = parts.engine.workshop.backend
        new_scalar = backend.new_scalar
        backend.new_scalar = lambda random_bytes=None: new_scalar(random_bytes or office.random.randbytes)  # type: ignore[method-assign]
        self.watch.listen(office)


def _settings(per_peer: int, in_all: int, days: int) -> str:
    return (
        f"[budget]\nelements = {per_peer}\nelements_in_all = {in_all}\ndays = {days}\n"
        "[limits]\ninbox_messages = 10\narithmetic_threads = 1\n"
    )
