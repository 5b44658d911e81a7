"""PAC: a script of the company's says which proxies a connection goes through.

Theory of operation
-------------------

*Loading.* A script is loaded once, and again when it is an hour old; who comes meanwhile waits for the
first one, and has its failure, too. It may have 1 MB. Where it comes from (the
network, through no proxy, or a file) is the business of a :class:`World`, which whoever asks brings
along: nothing here opens anything. Where it cannot be loaded again, that is an error, as in Chromium:
what an old script says may be forbidden by now. The next question tries again.

*Running.* A script is a program of somebody else's. It runs in an engine without I/O
(:mod:`._pac_engine`), with limits on time, memory and stack, in a thread, so that the event loop goes on.
What the engine cannot interrupt is left behind when :data:`PATIENCE` is over; there are
:data:`MAX_THREADS` such threads at most, and beyond that no script is run.

*Running again.* A script may ask for addresses, in the middle of anything. There is no way out of the
engine to look them up, and a thread that waited for them would be one that a name server can hold. So
a name that is not known ends the run, trio looks it up, and the script is run again from its beginning
with what is known by then, as Chromium does it, until it asks for nothing new. All runs of one question
see the same time of day. A script that asks for more than :data:`MAX_NAMES` names is given up.

*Asked each time.* Answers are not remembered, nor do two equal questions at the same time share one: it may
go by the clock, or draw lots to spread load, and a few milliseconds are what a dial through a proxy
takes anyway. Chromium and Firefox ask each time, too; Internet Explorer, which kept answers by host, defeated
spreading and fail-over with that.

*What it is told.* Scheme, host and port; path and query only of ``ws://``, where anybody on the way can
read them. ``tcp`` and ``tls`` targets, which scripts do not know, are called ``https``: that is what
proxies are asked to tunnel.

*What it answers.* A list such as ``PROXY a:8080; SOCKS5 b:1080; DIRECT``. What makes no sense in it is
passed over and noted, if anything else does make sense; otherwise it is an error. There is no direct
connection that nobody has listed.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import trio

from trio_wsproxy._exceptions import ProxyConfigError, failed, misconfigured
from trio_wsproxy._failures import Failure, Kind, Topic, Value, Words, words
from trio_wsproxy._redaction import escaped, has_controls, secret, shown_page
from trio_wsproxy._threads import ThreadsHang, Workers
from trio_wsproxy._urls import Malformed, Proxy, Target, normalise_host

from ._pac_answer import parse_answer, question, shown_answer
from ._pac_engine import CPU_SECONDS, MEMORY, MINE, Outcome, Run, engine_is_there, run_script
from ._pac_value import PAC

logger = logging.getLogger("trio_wsproxy")

MAX_AGE = 3600.0  # seconds
MAX_KEPT = 16  # scripts in memory; a program has one
MAX_NAMES = 20  # Chromium's limit
NAME_PATIENCE = 5.0  # seconds for a name; one that nobody answers has no address then
PATIENCE = 5.0  # seconds for a run, whatever the engine thinks of its own limit
MAX_THREADS = 4  # that do not come back; each takes a core


_RUNS = Workers("PAC scripts", awaited=2, most=MAX_THREADS)


class World(NamedTuple):
    """What a script needs of the world.

    Attributes:
      load: Gives the text behind a source; raises :exc:`Unloadable`.
      look_up: Gives the addresses of a name, none if it has none.
      own: Gives this machine's addresses.

    """

    load: Callable[[PAC], Awaitable[str]]
    look_up: Callable[[str], Awaitable[tuple[str, ...]]]
    own: Callable[[], Awaitable[tuple[str, ...]]]


class Unloadable(Exception):  # it never leaves this package
    """A script cannot be loaded.

    Attributes:
      problem: Why.
      remedy: What to try.
      error: The class of what is raised in its place.
      kind: What kind of failure that is.

    """

    def __init__(
        self,
        problem: Value,
        remedy: Words | None = None,
        error: type[Any] = ProxyConfigError,
        kind: Kind = Kind.MISCONFIGURED,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.error = error
        self.kind = kind


class Answer(NamedTuple):
    """What a script says.

    Attributes:
      text: The answer, fit to be shown.
      ways: The alternatives in order: hops of each, none for a direct connection.
      odd: What was passed over, a line each.
      names: The addresses of each name that it asked for, fit to be shown.
      runs: How often it was run.
      seconds: How long that took, with the look-ups.
      size: Characters of the script.
      asked: The URL that it was asked about, fit to be shown.

    """

    text: str
    ways: tuple[tuple[Proxy, ...], ...]
    odd: tuple[str, ...]
    names: tuple[tuple[str, tuple[str, ...]], ...]
    runs: int
    seconds: float
    size: int
    asked: str

    def details(self) -> dict[str, Any]:
        """Give what JSON has of it."""
        names = [{"name": name, "addresses": [*found]} for name, found in self.names]
        return {
            "asked": self.asked,
            "answer": self.text,
            "odd": [*self.odd],
            "names": names,
            "runs": self.runs,
            "seconds": self.seconds,
        }


class _Kept:
    """A script in memory."""

    __slots__ = ("attempts", "loaded", "loading", "problem", "text")

    def __init__(self) -> None:
        self.loading = trio.Lock()
        self.text = ""
        self.loaded = -math.inf
        self.attempts = 0  # that have come to an end
        self.problem: Unloadable | None = None  # of the last one


_kept: trio.lowlevel.RunVar[dict[PAC, _Kept]] = trio.lowlevel.RunVar("trio_wsproxy.pac")


async def ask(pac: PAC, target: Target, source: Value, world: World) -> Answer:
    """Ask a script for the way to a target.

    Args:
      pac: The script.
      target: The target.
      source: Where the setting stood, for messages.
      world: For what it needs.

    Returns:
      What it says; one alternative at least.

    Raises:
      ProxyConfigError: There is no engine, the script cannot be loaded, it fails, or its answer makes
        no sense.
      ProxyUnreachable: The server of the script cannot be reached.

    A cancelled call leaves a thread behind until the script's limit on time strikes.

    """
    name = words("{source}: the PAC script {pac}", source=source, pac=pac.shown)
    script = await _loaded(pac, name, world)
    began = trio.current_time()
    url, host = question(target)
    run, known, runs = await _settled(script, url, host, name, world)
    query = secret(target.resource.partition("?")[2] if target.scheme == "ws" else "")

    def shown(text: str) -> str:
        return shown_answer(text.replace(query, "…") if query else text)

    for alert in run.alerts:
        logger.debug("the PAC script %s says: %s", pac.shown, shown(alert))
    if run.outcome is not Outcome.ANSWERED:
        raise _failure(name, run, shown)
    ways, odd = parse_answer(run.text, shown)
    if not ways:
        raise misconfigured(
            words(
                "{name} answered {answer!r} for {target}, which names no way ({odd})",
                name=name,
                answer=shown(run.text),
                target=target.authority,
                odd="; ".join(odd) or "it is empty",
            ),
            words("an answer is such as 'PROXY host:port; DIRECT'; {ask}", ask=_ASK),
        )
    return Answer(
        text=shown(run.text),
        ways=ways,
        odd=odd,
        names=tuple((_shown_name(x), found) for x, found in known.items()),
        runs=runs,
        seconds=trio.current_time() - began,
        size=len(script),
        asked=shown(url),
    )


# --- loading -----------------------------------------------------------------------------


async def _loaded(pac: PAC, name: Words, world: World) -> str:
    """Give the text of a script, from memory if it is not too old."""
    if pac.is_script:
        return pac.source
    kept = _place_of(pac)
    attempts = kept.attempts
    async with kept.loading:
        if trio.current_time() - kept.loaded >= MAX_AGE and attempts == kept.attempts:
            await _load(kept, pac, world)
        text, problem = kept.text, kept.problem
    if problem is None:
        return text
    what = words("{name} cannot be loaded: {why}", name=name, why=problem.problem)
    remedy = problem.remedy or _ASK
    raise failed(problem.error, Failure(problem.kind, "pac", what, remedy)) from problem.__cause__


def _place_of(pac: PAC) -> _Kept:
    try:
        scripts = _kept.get()
    except LookupError:
        scripts = {}
        _kept.set(scripts)
    if len(scripts) >= MAX_KEPT and pac not in scripts:
        del scripts[next(iter(scripts))]  # the one that was loaded first
    return scripts.setdefault(pac, _Kept())


async def _load(kept: _Kept, pac: PAC, world: World) -> None:
    """Load a script, or note why that fails; a cancelled call notes nothing."""
    try:
        text = await world.load(pac)
    except Unloadable as exc:
        kept.text, kept.problem = "", exc.with_traceback(None)
    else:
        kept.text, kept.problem, kept.loaded = secret(text), None, trio.current_time()
    kept.attempts += 1


# --- running -----------------------------------------------------------------------------


async def _settled(
    script: str, url: str, host: str, name: Words, world: World
) -> tuple[Run, dict[str, tuple[str, ...]], int]:
    """Run a script until it asks for no name that is not known."""
    known: dict[str, tuple[str, ...]] = {}
    now = time.time()
    for runs in range(1, MAX_NAMES + 2):
        run = await _run(script, url, host, known, now, name)
        if run.wanted is None:
            return run, known, runs
        if len(known) < MAX_NAMES:
            known[run.wanted] = await _addresses(run.wanted, world)
    raise misconfigured(
        words(
            "{name} asks for the addresses of more than {count} names", name=name, count=MAX_NAMES
        ),
        words("it should compare names, not addresses; {ask}", ask=_ASK),
    )


async def _run(
    script: str,
    url: str,
    host: str,
    known: dict[str, tuple[str, ...]],
    now: float,
    name: Words,
) -> Run:
    def work() -> Run | None:
        return run_script(script, url, host, known, now) if engine_is_there() else None

    run: Run | None = None
    hang = False
    try:
        run = await _RUNS.run(work, patience=PATIENCE)
    except trio.TooSlowError:
        return Run(Outcome.TOO_LONG, "")
    except ThreadsHang:
        hang = True
    if hang:
        raise misconfigured(
            words("{name} is not run: {n} runs do not end", name=name, n=MAX_THREADS), _ASK
        )
    if run is None:
        remedy = words("pip install quickjs-ng, or name the proxy {by}", by=Topic.BY_PROXY)
        raise misconfigured(
            words("{name} cannot be run: there is no JavaScript engine", name=name), remedy
        )
    return run


async def _addresses(name: str, world: World) -> tuple[str, ...]:
    """Look up what a script asks for; () if it has no address, or nobody answers in time."""
    with trio.move_on_after(NAME_PATIENCE):
        if name == MINE:
            return await world.own()
        if not name or len(name) > 253 or has_controls(name) or " " in name:
            return ()
        try:
            return await world.look_up(normalise_host(name))
        except Malformed:
            return ()
    return ()


_ASK = words("ask who runs it, or name the proxy {by}", by=Topic.BY_PROXY)
_FAILED: dict[Outcome, str] = {
    Outcome.NO_TEXT: "answered with {text}, which is no list of proxies",
    Outcome.NO_FUNCTION: "has no function FindProxyForURL",
    Outcome.MALFORMED: "is no JavaScript ({text})",
    Outcome.THREW: "failed: {text}",
    Outcome.TOO_LONG: (
        f"did not end in time ({CPU_SECONDS:g} s of processor time, {PATIENCE:g} s by the clock)"
    ),
    Outcome.TOO_LARGE: f"took more than {MEMORY // 2**20} MiB of memory",
    Outcome.TOO_DEEP: "called itself too deeply",
}


def _failure(name: Words, run: Run, shown: Callable[[str], str]) -> ProxyConfigError:
    template = _FAILED[run.outcome]
    what = Words("{name} " + template, (("name", name), ("text", shown(run.text))))
    remedy = _ASK
    if run.outcome in (Outcome.MALFORMED, Outcome.NO_FUNCTION):
        remedy = words("is its address right, or is a portal's page there? Else {ask}", ask=_ASK)
    return failed(ProxyConfigError, Failure(Kind.MISCONFIGURED, "pac", what, remedy))


def _shown_name(name: str) -> str:
    return "this machine" if name == MINE else escaped(shown_page(name))
