"""Simulated universes by the thousand: ``python -m tests.simulation --minutes N``.

``--hours``, ``--universes``: how long, or how many; ``--first N`` begins at a number, otherwise at one that is new. Prints
universes per second, counts by law, fault and scenario, and for each broken law the line that runs its universe
once more and a smaller one. ``--replay SEED`` runs one. ``--mutations`` plants the faults of ``_mutations.py`` one by one and
tells after how many universes each was found. Exits with 1 if a law was broken, or a mutation was not found.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(HERE)]

UNIVERSES = 200  # in which a mutation must have been found


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--hours", type=float, default=0)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--universes", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, help="the number of the first universe")
    parser.add_argument("--replay", type=int, metavar="SEED")
    parser.add_argument("--behaviour", help="of this kind only")
    parser.add_argument(
        "--mutations", nargs="?", const="", metavar="REGEX", help="whose name matches"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.mutations is not None:
        from _planting import plant_all

        return plant_all(arguments.mutations, UNIVERSES, arguments.jobs)
    if arguments.replay is not None:
        return replay(arguments.replay, arguments.behaviour)
    seconds = arguments.hours * 3600 + arguments.minutes * 60
    if not seconds and arguments.universes == sys.maxsize:
        seconds = 60
    first = (
        arguments.first if arguments.first is not None else random.SystemRandom().randrange(10**9)
    )
    return search(first, arguments.universes, seconds or float("inf"), arguments.behaviour)


def replay(seed: int, behaviour: str | None) -> int:
    """Run one universe; print all that happened on its network."""
    from _scenarios import case_of, try_case

    verdict = try_case(case_of(seed, behaviour))
    print(*verdict.universe.trace.lines, sep="\n")
    print(verdict.case)
    for law, how in verdict.broken:
        print(f"{law}: {how}")
    return bool(verdict.broken)


def search(first: int, most: int, seconds: float, behaviour: str | None) -> int:
    """Try universes until time is over; print what came of it."""
    from _scenarios import case_of, smaller, try_case

    print(f"universes from {first} on", flush=True)
    began, count, broken = time.monotonic(), 0, 0
    tally: dict[str, Counter[str]] = {
        "scenario": Counter(),
        "route": Counter(),
        "fault": Counter(),
        "law": Counter(),
    }
    while count < most and time.monotonic() - began < seconds:
        case = case_of(first + count, behaviour)
        verdict = try_case(case)
        count += 1
        tally["scenario"][case.behaviour] += 1
        tally["route"][case.way.name] += 1
        for struck in verdict.universe.struck:
            tally["fault"][f"{struck.fault.value} {struck.operation.kind}"] += 1
        for law, how in verdict.broken:
            tally["law"][law] += 1
            print(f"BROKEN {law}: {how}\n    {case}", flush=True)
        if verdict.broken:
            broken += 1
            only = f" --behaviour {behaviour!r}" if behaviour else ""
            print(f"    python -m tests.simulation --replay {case.seed}{only}")
            print(f"    smaller: {smaller(verdict)}", flush=True)
    passed = time.monotonic() - began
    print(
        f"{count} universes in {passed:.0f} s, {count / passed:.1f} a second; {broken} with a broken law"
    )
    for kind, counted in tally.items():
        print(f"by {kind}: " + ", ".join(f"{name} {n}" for name, n in sorted(counted.items())))
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
