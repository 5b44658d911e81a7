"""The line that runs a universe once more: for a shell where it can be, in Python where it cannot.

A shell can name a function of a module; what it is given is written as code. So the line is
``cd ROOT && python -m trio_wsproxy.testing.simulate MODULE:FUNCTION --seed …``: all that belongs to this machine alone
stands before the ``&&``. A function within a function has no such name, nor has an argument that cannot be written down;
then the line is a call of :func:`.run`, for the place where the function is known.
"""

from __future__ import annotations

import ast
import math
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._faults import At
from ._network import Network

if TYPE_CHECKING:
    from ._universe import Universe

PACKAGE = "trio_wsproxy.testing.simulate"


def line_for(universe: Universe, main: Any, args: tuple[Any, ...]) -> str:
    """Write the line that runs a program once more in the same universe; it may be no function at all."""
    while isinstance(main, partial) and not main.keywords:
        main, args = main.func, (*main.args, *args)
    place = _place_of(main)
    names = {} if place is None else vars(sys.modules[main.__module__])
    network = as_code(universe.network, universe.faults, names)
    if place is None or network is None or not _is_literal(args):
        return _in_python(universe, main, args, network)
    root, name = place
    options = [f"{name}", "--seed", str(universe.seed)]
    if universe.network != Network():
        options += ["--network", network]
    if args:
        options += ["--args", repr(args)]
    options += [text for option in _numbers(universe) for text in option]
    return in_shell(root, ["-m", PACKAGE, *options])


def _numbers(universe: Universe) -> Iterable[tuple[str, str]]:
    """Write what bounds a universe, where it is not as usual."""
    usual = type(universe)(0)
    for name in ("at_most", "limit"):
        value = getattr(universe, name)
        if value != getattr(usual, name):
            yield f"--{name.replace('_', '-')}", repr(value)


def in_shell(root: Path, arguments: list[str]) -> str:
    """Write a call of this Python from a folder."""
    told = os.environ.get("PYTHONHASHSEED", "random")
    python = shutil.which("python")
    known = python is not None and Path(python).absolute() == Path(sys.executable).absolute()
    words = " ".join(_quoted(word) for word in ["python" if known else sys.executable, *arguments])
    if os.name == "nt":
        return f"cd /d {_quoted(str(root))} && {words}"
    order = f"PYTHONHASHSEED={told} " if told != "random" else ""
    return f"cd {_quoted(str(root))} && {order}{words}"


def _quoted(word: str) -> str:
    """Quote a word for a shell, readably where code has single quotes in it."""
    if shlex.quote(word) == word:
        return word
    if os.name == "nt":
        return '"' + word.replace('"', r"\"") + '"'
    return f'"{word}"' if "'" in word and not set(word) & set('"$`\\!') else shlex.quote(word)


def _in_python(
    universe: Universe, main: Callable[..., Any], args: tuple[Any, ...], network: str | None
) -> str:
    parts = [getattr(main, "__qualname__", repr(main)), *map(repr, args), f"seed={universe.seed}"]
    if universe.network != Network():
        parts.append(f"network={network or universe.network}")
    parts += [f"{o[2:].replace('-', '_')}={value}" for o, value in _numbers(universe)]
    return f"simulate.run({', '.join(parts)})"


def as_code(network: Network, faults: At, names: Mapping[str, Any]) -> str | None:
    """Write a network as code, with the faults that have struck where their plan cannot be written.

    Args:
      network: What to write.
      faults: Those that have struck.
      names: What the program's module knows, beside what this package exports.

    Returns:
      An expression; ``None`` if there is none.

    """
    for candidate in (network, replace(network, faults=faults)):
        try:
            if evaluated(repr(candidate), names) == candidate:
                return repr(candidate)
        except Exception:  # noqa: S112  # a repr may be anything, and need not be code
            continue
    return None


def evaluated(code: str, names: Mapping[str, Any]) -> Any:
    """Evaluate an expression over this package's names and those of a program's module."""
    package = sys.modules[PACKAGE]  # which imports this module
    own = {name: getattr(package, name) for name in package.__all__}
    # From the program itself or from the command line of whoever may run any program.
    return eval(code, {**own, "inf": math.inf, **names})  # noqa: S307


def _is_literal(args: tuple[Any, ...]) -> bool:
    try:
        return bool(ast.literal_eval(repr(args)) == args)
    except (ValueError, SyntaxError):
        return False


def _place_of(main: Callable[..., Any]) -> tuple[Path, str] | None:
    """Find the folder to start from, and the name of a function there; or nothing, if it has none."""
    module = sys.modules.get(getattr(main, "__module__", None) or "")
    file, name = getattr(module, "__file__", None), getattr(main, "__qualname__", None)
    if module is None or file is None or name is None or found_in(module, name) is not main:
        return None
    path = Path(file).absolute().with_suffix("")
    if path.name == "__init__":
        path = path.parent
    spec = getattr(module, "__spec__", None)  # python -m knows a name beside "__main__"
    parts = (module.__name__ if spec is None else spec.name).split(".")
    if tuple(parts) != path.parts[-len(parts) :]:  # a script, or a test module as pytest imports it
        parts = [path.name]
    return path.parents[len(parts) - 1], f"{'.'.join(parts)}:{name}"


def found_in(module: ModuleType, name: str) -> Any:
    """Find what has a dotted name in a module; ``None`` if nothing has."""
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found
