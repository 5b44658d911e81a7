"""One universe: a route, a behaviour, a plan of faults, all chosen by its number; and the verdict about it."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
from _behaviours import BEHAVIOURS
from _laws import LAWS, LAWS_BEHIND
from _memory import left_in_memory
from _places import HOSTS, places
from _record import Record
from _routes import ROUTES, Route
from _talks import Behaviour

import trio_wsproxy
from trio_wsproxy.testing.simulate import (
    At,
    Chance,
    Fault,
    FaultPlan,
    LeftOpen,
    Link,
    Network,
    Nothing,
    NothingHappens,
    Universe,
    current_universe,
    shrink,
)

PACKAGE = str(Path(trio_wsproxy.__file__).parent)
LIMIT = 2.5 * 3600  # seconds, of which the longest behaviour takes half
CROWDED = ("many", "failover", "pac")  # more than one way is tried
# They cut hosts off themselves, or have little time.
DISTURBED = ("dead link", "hour of outages", "sorry", "reconnecting, cancelled")
DEBUGGED = 8  # universes, of which one writes all records
LINKS = (
    Link(),
    Link(latency=(0.0001, 0.001)),
    Link(latency=(0.05, 0.4), jitter=0.1),
    Link(bandwidth=20_000, send_buffers=(2048,), receive_buffers=(2048,)),
    Link(fragmentation=1.0),
    Link(latency=(0.3, 0.3), jitter=0.0),  # on which several things arrive at the same moment
)


@dataclass
class Case:
    """What a universe is made of; ``repr`` makes it again."""

    seed: int
    route: int
    behaviour: str
    link: int
    faults: FaultPlan
    at_most: int | None = None

    @property
    def way(self) -> Route:
        """The universe's route."""
        return ROUTES[self.route]

    @property
    def network(self) -> Network:
        """The universe's network."""
        return Network(
            hosts=HOSTS, link=LINKS[self.link], black_holes=("10.8.8.8",), faults=self.faults
        )


@dataclass
class Verdict:
    """What came of it.

    Attributes:
      broken: Laws, and how they were broken.

    """

    case: Case
    universe: Universe
    broken: list[tuple[str, str]] = field(default_factory=list)
    error: BaseException | None = None


def case_of(seed: int, only: str | None = None) -> Case:
    """Choose what a universe of this number is made of; ``only`` has one behaviour."""
    dice = random.Random(f"case {seed}")
    # Each is there once in a row of universes, or what only one of them meets would be met late.
    row = [*BEHAVIOURS]
    random.Random(f"row {seed // len(row)}").shuffle(row)
    behaviour = row[seed % len(row)]
    route = dice.randrange(len(ROUTES))
    if behaviour in ("hour of outages", "bulk") and dice.random() < 0.9:  # they take much longer
        behaviour = "echo"
    behaviour = only or behaviour
    return Case(seed, route, behaviour, dice.randrange(len(LINKS)), _plan(dice, behaviour))


def _plan(dice: random.Random, behaviour: str) -> FaultPlan:
    if behaviour == "cancelled calls":
        return Chance(dice.choice((0.0, 0.1, 0.4)), (Fault.CANCEL,), host="here")
    kinds = [*Fault]
    if behaviour != "cancelled":
        kinds.remove(Fault.CANCEL)
    if behaviour == "hour of outages":
        return Chance(dice.choice((0.0, 0.005, 0.02)), tuple(kinds), until=3600.0)
    what = dice.random()
    if what < 0.25:
        return Nothing()
    if what < 0.6:
        return At({_operation(dice): dice.choice(kinds)})
    if what < 0.8:
        return At({_operation(dice): dice.choice(kinds) for _ in range(2)})
    return Chance(dice.choice((0.003, 0.02, 0.1)), tuple(kinds))


def _operation(dice: random.Random) -> int:
    """Choose a number; the first ones matter most, and a universe has some hundreds."""
    return int(dice.choice((10, 40, 120)) * dice.random()) + 1


class _Listening(logging.Handler):
    """Keeps the words of all log records."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self._record = record

    def emit(self, record: logging.LogRecord) -> None:
        self._record.logged.append(record.getMessage())


async def _program(record: Record, route: Route, behaviour: Behaviour) -> None:
    universe = current_universe()
    async with places(universe, route, record) as found:
        before = _tasks()
        threads = _threads()
        with trio.CancelScope():  # so that what is left behind is seen while the servers run
            await behaviour(universe, found, record)
        await trio.lowlevel.checkpoint()
        ours = [text for text in universe.open_sockets if "'here'" in text]
        if ours:
            record.left.append(f"sockets: {ours}")
        if _tasks() > before:
            record.left.append("tasks")
        if _threads() - threads:
            record.left.append(f"threads: {_threads() - threads}")


def _threads() -> set[str]:
    """Name the threads, but for the one that QuickJS keeps for as long as the process lives."""
    return {t.name for t in threading.enumerate() if not t.name.startswith("quickjs-worker")}


def _tasks() -> int:
    """Count the client's tasks below this one."""
    count = 0
    tasks = [trio.lowlevel.current_task()]
    while tasks:
        for nursery in tasks.pop().child_nurseries:
            tasks += nursery.child_tasks
            count += sum(_is_ours(task) for task in nursery.child_tasks)
    return count


def _is_ours(task: trio.lowlevel.Task) -> bool:
    file = getattr(getattr(task.coro, "cr_code", None), "co_filename", "")
    return file.startswith(PACKAGE) and not file.startswith(PACKAGE + "/testing")


def try_case(case: Case, universe: Universe | None = None) -> Verdict:
    """Run a universe, and look whether all laws hold in it, and behind it."""
    route = ROUTES[case.route]
    with left_in_memory() as left:
        verdict = _live(case, route, universe)
    if verdict.error is None:  # whose traceback holds all that was there
        behind = Record(in_memory=left)
        verdict.broken += [
            (name, how)
            for name, law in LAWS_BEHIND.items()
            for how in law(verdict.universe, route, behind)
        ]
    return verdict


def _live(case: Case, route: Route, universe: Universe | None) -> Verdict:
    record = Record(disturbed=case.behaviour in DISTURBED, crowded=case.behaviour in CROWDED)
    if universe is None:
        universe = Universe(case.seed, case.network, at_most=case.at_most, limit=LIMIT)
    verdict = Verdict(case, universe)
    handler = _Listening(record)
    logger = logging.getLogger("trio_wsproxy")
    logger.addHandler(handler)
    level, propagates = logger.level, logger.propagate
    logger.propagate = False  # who keeps records, as pytest does, keeps what they tell of
    logger.setLevel(logging.INFO if case.seed % DEBUGGED else logging.DEBUG)
    try:
        universe.run(_program, record, route, BEHAVIOURS[case.behaviour])
    except LeftOpen as exc:
        verdict.broken.append(("nothing_is_left", str(exc)))
    except NothingHappens as exc:
        verdict.broken.append(("in_time", str(exc)))
    except Exception as exc:  # whatever it is, it is nothing that a user was told about
        verdict.broken.append(("only_documented_errors", f"{exc!r}"))
        verdict.error = exc
    finally:
        logger.setLevel(level)
        logger.propagate = propagates
        logger.removeHandler(handler)
    for name, law in LAWS.items():
        verdict.broken += [(name, how) for how in law(universe, route, record)]
    return verdict


def smaller(verdict: Verdict) -> Case:
    """Find a case with fewer faults and fewer operations that breaks the same law."""
    law, case = verdict.broken[0][0], verdict.case

    def fails(universe: Universe) -> bool:
        other = try_case(
            replace(case, faults=universe.network.faults, at_most=universe.at_most), universe
        )
        return any(name == law for name, _ in other.broken)

    try:
        found = shrink(_nothing, seed=case.seed, network=case.network, fails=fails)
    except ValueError:  # memory, for example, is left once only
        return case
    return replace(case, faults=found.network.faults, at_most=found.at_most)


async def _nothing() -> None: ...
