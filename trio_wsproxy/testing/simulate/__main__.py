"""Runs a program in universes, from a shell: what the line behind a failure calls.

``python -m trio_wsproxy.testing.simulate feed:main --seed 17`` calls ``main`` of the module ``feed`` in the universe of that seed.
Without ``--seed`` there are many, until it fails.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from typing import Any

from ._again import evaluated, found_in
from ._many import RunUniverses
from ._search import shrink
from ._universe import DAY, Universe


def _arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m trio_wsproxy.testing.simulate", description=__doc__
    )
    parser.add_argument("program", metavar="MODULE:FUNCTION", help="an async function")
    parser.add_argument("--seed", type=int, metavar="N", help="of the universe; 20 of them without")
    parser.add_argument(
        "--universes", type=int, metavar="N", default=20, help="how many, without --seed"
    )
    parser.add_argument("--network", metavar="CODE", default="Network()", help="Network(…)")
    parser.add_argument(
        "--args", metavar="CODE", default="()", help="a tuple: what it is called with"
    )
    parser.add_argument("--at-most", type=int, metavar="N", help="bounds Universe.times")
    parser.add_argument(
        "--limit", type=float, default=7 * DAY, metavar="SECONDS", help="of virtual time"
    )
    parser.add_argument("--trace", action="store_true", help="print what happens on the network")
    parser.add_argument("--shrink", action="store_true", help="look for a smaller one that fails")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run it; what it raises is raised."""
    arguments = _arguments(words)
    module_name, _, name = arguments.program.partition(":")
    module = importlib.import_module(module_name)
    program = found_in(module, name)
    if not callable(program):
        print(f"{module_name} has no function {name!r}", file=sys.stderr)
        return 2
    network = evaluated(arguments.network, vars(module))
    args: tuple[Any, ...] = evaluated(arguments.args, vars(module))
    if arguments.seed is None:
        # Without a handler warnings go to stderr, those of all universes in a heap.
        logging.getLogger().addHandler(logging.NullHandler())
        RunUniverses(count=arguments.universes)(program, *args, network=network)
        print(f"{arguments.universes} universes: nothing failed")
        return 0
    seed = arguments.seed
    if arguments.shrink:
        smallest = shrink(lambda: program(*args), seed=seed, network=network)
        network, arguments.at_most = smallest.network, smallest.at_most
    universe = Universe(seed, network, at_most=arguments.at_most, limit=arguments.limit)
    try:
        result = universe.run(program, *args)
    finally:
        if arguments.trace:
            print(*universe.trace.lines, sep="\n")
    print(f"universe {seed}: nothing failed" + ("" if result is None else f"; it gave {result!r}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
