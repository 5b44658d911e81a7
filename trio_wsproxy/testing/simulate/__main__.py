"""Runs a program in universes, from a shell: what the line behind a failure calls.

``python -m trio_wsproxy.testing.simulate feed:main --seed 17`` calls ``main`` of the module ``feed`` in the universe of that seed.
Without ``--seed`` there are many, until it fails.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

from ._again import evaluated, found_in
from ._checks import check_whole
from ._many import USUAL, RunUniverses
from ._search import shrink
from ._universe import DAY, Universe


class MistakeError(Exception):
    """The command line means nothing; the message says why."""


def _arguments(words: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m trio_wsproxy.testing.simulate", description=__doc__
    )
    parser.add_argument("program", metavar="MODULE:FUNCTION", help="an async function")
    parser.add_argument("--seed", type=int, metavar="N", help="of the universe; 20 of them without")
    parser.add_argument("--universes", type=int, metavar="N", help="how many, without --seed (20)")
    parser.add_argument("--network", metavar="CODE", default="Network()", help="Network(…)")
    parser.add_argument(
        "--args", metavar="CODE", default="()", help="a tuple: what it is called with"
    )
    parser.add_argument("--at-most", type=int, metavar="N", help="bounds Universe.times")
    parser.add_argument(
        "--limit", type=float, default=7 * DAY, metavar="SECONDS", help="of virtual time"
    )
    parser.add_argument(
        "--trace", action="store_true", help="print what happens on the network; with --seed"
    )
    parser.add_argument(
        "--shrink", action="store_true", help="look for a smaller one that fails; with --seed"
    )
    arguments = parser.parse_args(words)
    if arguments.seed is None and (arguments.trace or arguments.shrink):
        parser.error("--trace and --shrink are for one universe: name it with --seed")
    if arguments.seed is not None and arguments.universes is not None:
        parser.error("--seed is one universe, --universes says how many")
    return arguments


def _find(arguments: argparse.Namespace) -> None:
    """Put what the words mean in the place of the words.

    Raises:
      MistakeError: They mean nothing.

    """
    name, _, function = arguments.program.partition(":")
    if not (name and function):
        raise MistakeError(f"{arguments.program!r} is not MODULE:FUNCTION, such as feed:main")
    module = _imported(name)
    arguments.program = found_in(module, function)
    if not callable(arguments.program):
        raise MistakeError(f"{name} has no function {function!r}")
    for option in ("network", "args"):
        code = getattr(arguments, option)
        try:
            setattr(arguments, option, evaluated(code, vars(module)))
        except Exception as exc:  # whatever the code does
            raise MistakeError(f"--{option} {code}: {type(exc).__name__}: {exc}") from exc
    if not isinstance(arguments.args, tuple | list):
        raise MistakeError(f"--args {arguments.args!r}: a tuple, such as '(5,)'")
    try:
        if arguments.universes is not None:
            check_whole("--universes", arguments.universes, least=1)
        Universe(0, arguments.network, at_most=arguments.at_most, limit=arguments.limit)
    except (TypeError, ValueError) as exc:
        raise MistakeError(str(exc)) from exc


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        # One that the program itself cannot import shows where it tries to.
        if exc.name is None or not f"{name}.".startswith(f"{exc.name}."):
            raise
        hint = f"; it is MODULE:FUNCTION, so {name[:-3]}:…" if name.endswith(".py") else ""
        where = f"{Path.cwd()} and where Python looks for modules"
        raise MistakeError(f"no module {exc.name!r} in {where}{hint}") from None


def main(words: list[str] | None = None) -> int:
    """Run it; what it raises is raised."""
    arguments = _arguments(words)
    try:
        _find(arguments)
    except MistakeError as exc:
        print(exc, file=sys.stderr)
        return 2
    program, args, seed = arguments.program, arguments.args, arguments.seed
    network, bounds = arguments.network, {"at_most": arguments.at_most, "limit": arguments.limit}
    if seed is None:
        count = USUAL if arguments.universes is None else arguments.universes
        # Without a handler warnings go to stderr, those of all universes in a heap.
        logging.getLogger().addHandler(logging.NullHandler())
        RunUniverses(count=count)(program, *args, network=network, **bounds)
        print(f"{count} universes: nothing failed")
        return 0
    if arguments.shrink:
        smallest = shrink(partial(program, *args), seed=seed, network=network, **bounds)
        network, bounds["at_most"] = smallest.network, smallest.at_most
    universe = Universe(seed, network, **bounds)
    try:
        result = universe.run(program, *args)
    finally:
        if arguments.trace:
            print(*universe.trace.lines, sep="\n")
    print(f"universe {seed}: nothing failed" + ("" if result is None else f"; it gave {result!r}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
