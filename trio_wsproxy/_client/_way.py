"""From a target to a stream, where there may be several ways: the rule of ``_routing/_failover`` at work.

Mostly there is one way, and it is dialed. Where there are more, each has its share of the time, and
those that failed stand in the report. A PAC script is asked when its turn comes, not before: in
``Failover("http://proxy", PAC(…))`` nobody loads it while the proxy works.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_wsproxy._exceptions import (
    ProxyError,
    ProxyUnreachable,
    ServerUnreachable,
    failed,
    failure_of,
)
from trio_wsproxy._failures import Failure, Kind, Place, words
from trio_wsproxy._report import ScriptAnswer, StageLog, reporting
from trio_wsproxy._routing import (
    PATIENCE,
    Look,
    ProxyArgument,
    Question,
    Route,
    chosen,
    equip,
    hidden_url,
    in_order,
    is_worth_another,
    note_failure,
    note_success,
    read_target,
    steps_to,
)
from trio_wsproxy._urls import Target

from ._options import check_proxy_ssl_context

if TYPE_CHECKING:
    from trio_wsproxy._routing._pac import Answer

_Problem = ProxyError | ServerUnreachable


# Dials one route.
Dial: TypeAlias = Callable[[Route], Awaitable[trio.abc.Stream]]


async def resolve_proxy_async(
    url: str, *, proxy: ProxyArgument = True, environ: Mapping[str, str] | None = None
) -> Route:
    """Find out which proxies a connection goes through, asking PAC scripts.

    The twin of :func:`resolve_proxy` for any setting: ``(await resolve_proxy_async(url)).explain()``
    shows the script's answer, the names that were looked up for it, the time that it took, all
    alternatives, and which would be tried. The script is loaded and run; nothing else is connected to.

    Args:
      url: As for :func:`resolve_proxy`.
      proxy: As there; a :class:`PAC` and a :class:`Failover` with one in it, too.
      environ: As there.

    Returns:
      The route that would be tried first; ``.alternatives`` has all of them.

    Raises:
      ValueError: The URL is malformed.
      ProxyConfigError: A setting is, or the PAC script cannot be loaded, fails, or makes no sense.
      ProxyUnreachable: The server of the script cannot be reached.
      TypeError: ``proxy`` is something else.

    There is no timeout here; use :func:`trio.fail_after`. A cancelled call may leave a thread behind,
    until the script's limit on time strikes.

    """
    url = hidden_url(url)
    await trio.lowlevel.checkpoint()
    target = read_target(url)
    log = StageLog()
    with reporting(target.url, log):
        routes: list[Route] = []
        problems: list[ProxyError] = []
        notes: list[str] = []
        for step in steps_to(target, proxy, environ):
            if isinstance(step, Route):
                routes.append(step)
                continue
            try:
                routes += await _answered(step, log)
            except ProxyError as exc:
                problems.append(exc)
                notes.append(str(exc))
        if not routes:
            raise problems[0]
        route = chosen(routes)
        failures = (Look("an alternative", None, note) for note in notes)
        return replace(route, trail=(*failures, *route.trail), notes=(*notes, *route.notes))


async def open_way(
    target: Target,
    proxy: ProxyArgument,
    dial: Dial,
    report: reporting,
    proxy_ssl_context: ssl.SSLContext | None,
) -> trio.abc.Stream:
    """Open the stream to a target; ``report`` gets the route that it took.

    Args:
      target: The target.
      proxy: The setting.
      dial: Dials one route.
      report: As above.
      proxy_ssl_context: What there is for TLS with proxies.

    Raises:
      ProxyError: The last alternative failed, or one that refused.
      ServerUnreachable: The target failed.
      ValueError: There is a context, and no proxy that is to have it.

    A cancelled call leaves nothing behind.

    """
    steps = steps_to(target, proxy)
    first = steps[0]
    if len(steps) > 1 or isinstance(first, Question):
        # Which of them is taken, a program cannot know, and may bring the context in any case.
        return await _Ways(in_order(steps), dial, report).open()
    report.route = first
    check_proxy_ssl_context(proxy_ssl_context, proxy, first)
    return await dial(first)


class _Ways:
    """The alternatives of one dial."""

    def __init__(self, steps: list[Route | Question], dial: Dial, report: reporting) -> None:
        self._steps = steps
        self._dial_route = dial
        self._report = report
        self._tried: list[Look] = []

    async def open(self) -> trio.abc.Stream:
        """Try one after the other; the stream of the first that works."""
        problem: _Problem | None = None
        try:
            while True:
                step = self._steps.pop(0)
                problem = None
                try:
                    if isinstance(step, Question):
                        self._report.route = replace(step.route, tried=tuple(self._tried))
                        routes = await _answered(step, self._report.log)
                        self._steps = in_order([*routes, *self._steps])
                        continue
                    return await self._dial(step)
                except (ProxyError, ServerUnreachable) as exc:
                    if isinstance(step, Route):
                        worth = is_worth_another(exc, step)
                        if worth:
                            note_failure(step, exc)
                    else:
                        worth = True
                    if not (worth and self._steps):
                        problem = self._with_history(exc)
                        raise problem from exc.__cause__
                    self._note(step, exc)
        finally:
            del problem  # its traceback leads here, which would be a cycle

    def _note(self, step: Route | Question, exc: _Problem) -> None:
        failure = failure_of(exc)
        said = str(failure.what if failure else exc)
        way = step.way if isinstance(step, Route) else f"PAC script {step.pac.shown}"
        self._tried.append(Look(way, None, said))

    async def _dial(self, route: Route) -> trio.abc.Stream:
        steps = self._steps
        others = [step for step in steps if isinstance(step, Route)]
        shown = chosen([route, *others])
        self._report.route = replace(
            shown,
            hops=route.hops,
            source=route.source,
            given=route.given,
            tried=tuple(self._tried),
        )
        stream: trio.abc.Stream | None = None
        if steps:
            left = trio.current_effective_deadline() - trio.current_time()
            share = min(PATIENCE, left / (len(steps) + 1))
            with trio.move_on_after(share):
                stream = await self._dial_route(route)
            if stream is None:
                raise self._too_slow(route, share)
        else:
            stream = await self._dial_route(route)
        note_success(route)
        return stream

    def _too_slow(self, route: Route, share: float) -> ProxyUnreachable | ServerUnreachable:
        log = self._report.log
        running = next((x for x in reversed(log.running) if x.stage().ok is False), None)
        what = words(
            "{way} took longer than {share:.1f} s; was waiting for {waiting_for}",
            way=route.way,
            share=share,
            waiting_for=log.waiting_for,
        )
        stage = running.name if running else "tcp"
        if not route.hops:
            return failed(ServerUnreachable, Failure(Kind.TIMED_OUT, stage, what))
        place = Place(route.hops[0].url, 1)
        return failed(ProxyUnreachable, Failure(Kind.TIMED_OUT, stage, what, place=place))

    def _with_history(self, exc: _Problem) -> _Problem:
        """Let an error tell of those that were tried before."""
        failure = failure_of(exc)
        if not self._tried or failure is None:
            return exc
        what = words(
            "{what} (tried before: {others})",
            what=failure.what,
            others=" / ".join(look.outcome for look in self._tried),
        )
        names = ("status_code", "headers", "body", "reply_code")
        more = {name: getattr(exc, name) for name in names if hasattr(exc, name)}
        return failed(type(exc), failure._replace(what=what), **more)


async def _answered(question: Question, log: StageLog) -> list[Route]:
    """Ask a PAC script; a route for each alternative that it names."""
    # For the few who have a script.
    from trio_wsproxy._routing._pac import ask

    from ._pac_world import world

    pac, route = question.pac, question.route
    waiting_for = words("the PAC script {pac}", pac=pac.shown)
    with log.stage("pac", None, pac.shown, waiting_for) as stage:
        answer = await ask(pac, route.target, question.source, world())
        stage.evidence = ScriptAnswer(answer.text, answer.names, answer.runs)
    return _routes(question, answer)


def _routes(question: Question, answer: Answer) -> list[Route]:
    pac, route = question.pac, question.route
    place = f"PAC script {pac.shown}"
    runs = "one run" if answer.runs == 1 else f"{answer.runs} runs"
    looks = [
        *route.trail,
        Look("PAC script", None, f"{answer.size:,} characters, asked about {answer.asked}"),
        *(
            Look(f"name {name}", None, ", ".join(found) or "has no address")
            for name, found in answer.names
        ),
        Look(
            "PAC script",
            answer.text,
            f"its answer, after {answer.seconds * 1000:.1f} ms and {runs}",
        ),
    ]
    odd = [Look(place, None, f"passed over: {line}") for line in answer.odd]
    trail, notes = (*looks, *odd), (*route.notes, *map(str, odd))
    return [
        replace(
            route,
            hops=equipped.hops,
            source=place,
            given=False,
            trail=(*trail, *equipped.looks),
            notes=(*notes, *equipped.notes),
        )
        for equipped in (equip(hops, question.schemes) for hops in answer.ways)
    ]
