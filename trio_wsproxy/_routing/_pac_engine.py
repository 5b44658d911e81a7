"""One run of a PAC script, in the engine, in the thread of whoever calls: the one user of quickjs.

A run has a context of its own, which nothing outlives: neither what the script leaves in its
variables, nor the memory that it took. It has limits, and no way out: the engine knows no file, no
network and no timer, and with a limit on time it calls no Python either. What the script asks for
comes in before the run (``known``), or is told behind it (:attr:`Run.wanted`).

The limit on time is one on the processor time of the whole process, for that is what the engine
measures; and some functions of the language are not interrupted at all (``Array(1e9).sort()``). So
it ends what goes wrong by mistake, soon and tidily; whoever calls has a clock for the rest.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import secret, shown_page

CPU_SECONDS = 1.0  # scripts of 1 MB with thousands of rules take some hundredths
MEMORY = 64 * 2**20  # bytes; a script of 1 MB that is one table takes ten of them
STACK = 512 * 1024  # bytes; the smallest stack of a thread that CPython makes anywhere is 1 MiB
MINE = "\0mine"  # what is wanted where the script asks for this machine's own addresses
_LINE = lazy_pattern(r"<input>:([0-9]{1,7})")


class Outcome(enum.Enum):
    """What came of a run."""

    ANSWERED = enum.auto()  # with a text
    NO_TEXT = enum.auto()  # with something else
    NO_FUNCTION = enum.auto()  # there is no FindProxyForURL
    MALFORMED = enum.auto()  # it is no JavaScript
    THREW = enum.auto()
    TOO_LONG = enum.auto()  # it took too much time
    TOO_LARGE = enum.auto()  # … memory
    TOO_DEEP = enum.auto()  # … stack


class Run(NamedTuple):
    """What came of a run.

    Attributes:
      outcome: What.
      text: The answer; else its type, or what the engine said, fit to be shown.
      wanted: A name that was not known: then nothing else counts.
      alerts: What the script told with ``alert()``.

    """

    outcome: Outcome
    text: str
    wanted: str | None = None
    alerts: tuple[str, ...] = ()


def engine_is_there() -> bool:
    """Tell whether there is an engine; the first call imports it, which takes some milliseconds."""
    return _engine() is not None


@lru_cache(1)
def _engine() -> ModuleType | None:
    try:
        import quickjs  # type: ignore[import-untyped]  # it has annotations, and no py.typed
    except ImportError:
        return None
    engine: ModuleType = quickjs
    return engine


@lru_cache(1)
def _helpers() -> str:
    from pathlib import Path  # likewise for the few who have a script

    return Path(__file__).with_name("_pac_helpers.js").read_text(encoding="utf-8")


def run_script(
    script: str, url: str, host: str, known: Mapping[str, Sequence[str]], now: float
) -> Run:
    """Run a script once.

    Args:
      script: Its text.
      url: The first argument of ``FindProxyForURL``.
      host: The second one.
      known: The addresses of each name that was looked up so far; none for one that has none.
      now: The time that its functions about time go by, in seconds since 1970: the same for all
        runs that belong together.

    Returns:
      What came of it; nothing is raised that the script could be the reason for.

    """
    import json

    engine = _engine()
    assert engine is not None  # whoever calls has asked
    context = engine.Context()
    context.set_memory_limit(MEMORY)
    context.set_max_stack_size(STACK)
    context.set_time_limit(CPU_SECONDS)
    bridge = context.eval(_helpers())
    bridge("begin", json.dumps({name: list(found) for name, found in known.items()}), now * 1000)
    loaded = False
    try:
        context.eval(script)
        loaded = True
        run = _read(json.loads(bridge("ask", url, host)))
    except Exception as exc:
        run = _failed(exc, engine, loaded=loaded)
    wanted, alerts = _state(bridge)
    return run._replace(wanted=wanted, alerts=alerts)


def _read(answer: Any) -> Run:
    """Read what the bridge says: ``=`` and a text, or what it is instead."""
    if not isinstance(answer, str):
        return Run(Outcome.NO_TEXT, "something else")
    if answer.startswith("="):
        return Run(Outcome.ANSWERED, secret(answer[1:]))
    if answer == "long":
        return Run(Outcome.NO_TEXT, "a text that is too long")
    if answer == "none":
        return Run(Outcome.NO_FUNCTION, "")
    return Run(Outcome.NO_TEXT, shown_page(answer))


def _state(bridge: Any) -> tuple[str | None, tuple[str, ...]]:
    import json

    try:
        told = json.loads(bridge("state"))
        wanted, alerts = told["wanted"], [*told["alerts"].values()]
    except Exception:  # no memory is left, or the script has broken the language: it failed anyway
        return None, ()
    if not (isinstance(wanted, str) or wanted is None):
        return None, ()
    return wanted, tuple(shown_page(str(alert)) for alert in alerts)


def _failed(exc: Exception, engine: ModuleType, *, loaded: bool) -> Run:
    said = str(exc)
    first = said.partition("\n")[0]
    if isinstance(exc, engine.StackOverflow):
        return Run(Outcome.TOO_DEEP, "")
    # The engine has no other way to tell these. A script can throw the same; it is none the worse.
    if first == "InternalError: interrupted":
        return Run(Outcome.TOO_LONG, "")
    if first in ("null", "") or first.startswith(("InternalError: out of memory", "MemoryError")):
        return Run(Outcome.TOO_LARGE, "")
    if first.startswith("SyntaxError: ") and not loaded:
        line = _LINE.search(said)
        where = f" in line {line[1]}" if line else ""
        return Run(Outcome.MALFORMED, f"{shown_page(first)}{where}")
    if not isinstance(exc, engine.JSException):  # a NUL, or half a character, in the script
        return Run(Outcome.MALFORMED, f"{type(exc).__name__} while it was read")
    return Run(Outcome.THREW, shown_page(first))
