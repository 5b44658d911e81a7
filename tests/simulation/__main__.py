"""Simulated universes by the thousand: ``python -m tests.simulation --minutes N``.

``--hours``, ``--universes``: how long, or how many; ``--first N`` begins at a number, otherwise at one that is new. Prints
universes per second, counts by law, fault and scenario, and for each broken law the line that runs its universe
once more and a smaller one. ``--replay SEED`` runs one. ``--bounded SECONDS`` is for CI: 1200 that are always the same,
then new ones. ``--mutations`` plants the faults of ``_mutations.py`` one by one and tells after how many universes each
was found. Exits with 1 if a law was broken, or a mutation was not found; ``--bounded`` with 3 if one was broken in
new universes alone.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(HERE)]

UNIVERSES = 200  # in which a mutation must have been found
FIXED = 1200  # universes that are tried at each change; some 20 seconds on two processors


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
    parser.add_argument("--bounded", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    if arguments.mutations is not None:
        from _planting import plant_all

        return plant_all(arguments.mutations, UNIVERSES, arguments.jobs)
    if arguments.replay is not None:
        return replay(arguments.replay, arguments.behaviour)
    from _searching import bounded, search

    first = arguments.first
    if first is None:
        first = random.SystemRandom().randrange(10**9)
    if arguments.bounded is not None:
        return bounded(FIXED, first, arguments.bounded, arguments.jobs)
    seconds = arguments.hours * 3600 + arguments.minutes * 60
    if not seconds and arguments.universes == sys.maxsize:
        seconds = 60
    try:
        found = search(
            first,
            arguments.universes,
            seconds or float("inf"),
            behaviour=arguments.behaviour,
            jobs=arguments.jobs,
        )
    except BrokenProcessPool:
        return 1  # one hangs, and has said so
    return bool(found.broken)


def replay(seed: int, behaviour: str | None) -> int:
    """Run one universe; print all that happened on its network."""
    from _scenarios import case_of, try_case

    verdict = try_case(case_of(seed, behaviour))
    print(*verdict.universe.trace.lines, sep="\n")
    print(verdict.case)
    for law, how in verdict.broken:
        print(f"{law}: {how}")
    return bool(verdict.broken)


if __name__ == "__main__":
    sys.exit(main())
