"""From a target to a stream, where there may be several ways: the rule of ``_routing/_failover`` at work.

Mostly there is one way, and it is dialed. Where there are more, each has its share of the time, and
those that failed stand in the report. A PAC script is asked when its turn comes, not before: in
``Failover("http://proxy", PAC(…))`` nobody loads it while the proxy works. What the alternatives have
in common is a step: a route, which is dialed, or a question, which is asked and gives more routes.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

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
    PAC,
    PATIENCE,
    Look,
    ProxyArgument,
    Question,
    Route,
    Unread,
    chosen,
    each_once,
    equip,
    hidden_url,
    in_order,
    is_worth_another,
    note_failure,
    note_success,
    steps_to,
    told_of,
)
from trio_wsproxy._urls import Target, parse_any_target

from ._options import check_proxy_ssl_context

if TYPE_CHECKING:
    from trio_wsproxy._routing._pac import Answer

_Problem = ProxyError | ServerUnreachable
ResultT = TypeVar("ResultT")

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
    return (await find_ways(hidden_url(url), proxy, environ)).route


class Found(NamedTuple):
    """What there is to say of the ways to a target, without going them.

    Attributes:
      route: The one that would be tried first.
      scripts: The PAC scripts that were asked, where from each is, and what it said.

    """

    route: Route
    scripts: tuple[tuple[PAC, Answer], ...]


async def find_ways(
    url: str, proxy: ProxyArgument = True, environ: Mapping[str, str] | None = None
) -> Found:
    """Do what :func:`resolve_proxy_async` does, and tell more of it."""
    target = parse_any_target(url)
    log = StageLog()
    routes: list[Route] = []
    problems: list[ProxyError] = []
    scripts: list[tuple[PAC, Answer]] = []
    with reporting(target.url, log):
        for step in await _steps(target, proxy, log, environ):
            if isinstance(step, Route):
                routes.append(step)
                continue
            try:
                answer = await _answered(step, log)
            except ProxyError as exc:
                if step.instead is None:
                    problems.append(exc)
                else:
                    routes.append(_instead(step.instead, exc))
            else:
                scripts.append((step.pac, answer))
                routes += _routes(step, answer)
        try:
            if not routes:
                raise problems[0]
            route, notes = chosen(routes), tuple(map(str, problems))
        finally:
            problems.clear()  # their tracebacks lead here, which would be a cycle
    failures = (Look("an alternative", None, note) for note in notes)
    route = replace(route, trail=(*failures, *route.trail), notes=(*notes, *route.notes))
    return Found(route, tuple(scripts))


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
    steps = await _steps(target, proxy, report.log)
    check_proxy_ssl_context(proxy_ssl_context, steps)
    steps = each_once(steps) if len(steps) > 1 else steps
    first = steps[0]
    if len(steps) > 1 or isinstance(first, Question):
        return await _Ways(in_order(steps), dial, report, proxy_ssl_context).open()
    report.route = first
    return await dial(first)


async def _steps(
    target: Target,
    proxy: ProxyArgument,
    log: StageLog,
    environ: Mapping[str, str] | None = None,
) -> list[Route | Question]:
    """List the alternatives, reading the desktop's settings first where they count."""
    try:
        return steps_to(target, proxy, environ)
    except Unread as exc:
        wanted = exc.wanted
    # For those who have a desktop.
    from trio_wsproxy._routing._desktop import fetch

    with log.stage("desktop", None, wanted.place, words("the desktop's settings")):
        settings = await fetch(wanted)
    return steps_to(target, proxy, environ, lambda _: settings)


class _Ways:
    """The alternatives of one dial."""

    def __init__(
        self,
        steps: list[Route | Question],
        dial: Dial,
        report: reporting,
        context: ssl.SSLContext | None,
    ) -> None:
        self._steps = steps
        self._dial_route = dial
        self._report = report
        self._context = context
        self._done: list[Route | Question] = []
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
                        steps = [*await self._ask(step), *self._steps]
                        # What has failed in this dial is not tried again, if there is anything else.
                        self._steps = in_order(each_once(steps, self._done) or each_once(steps))
                        continue
                    return await self._dial(step)
                except (ProxyError, ServerUnreachable) as exc:
                    worth = is_worth_another(exc, step)
                    if worth:
                        note_failure(step, exc)
                    if not (worth and self._steps):
                        problem = self._with_history(exc)
                        raise problem from exc.__cause__
                    self._done.append(step)
                    self._note(step, exc)
        finally:
            del problem  # its traceback leads here, which would be a cycle

    def _note(self, step: Route | Question, exc: _Problem) -> None:
        failure = failure_of(exc)
        said = str(failure.what if failure else exc)
        self._tried.append(Look(_name(step), None, said))

    async def _dial(self, route: Route) -> trio.abc.Stream:
        others = [step for step in self._steps if isinstance(step, Route)]
        self._report.route = replace(
            chosen([route, *others]),
            hops=route.hops,
            source=route.source,
            given=route.given,
            tried=tuple(self._tried),
        )
        stream = await self._in_time(route, lambda: self._dial_route(route))
        note_success(route)
        return stream

    async def _ask(self, question: Question) -> list[Route]:
        self._report.route = replace(question.route, tried=tuple(self._tried), known=False)
        pac = question.pac
        if pac.is_https and pac.ssl_context is None and self._context is not None:
            pac = PAC(pac.source, ssl_context=self._context)
        asked = question._replace(pac=pac)
        try:
            answer = await self._in_time(question, lambda: _answered(asked, self._report.log))
        except ProxyError as exc:
            if question.instead is None:
                raise
            return [_instead(question.instead, exc)]
        note_success(question)
        return _routes(question, answer)

    async def _in_time(
        self, step: Route | Question, work: Callable[[], Awaitable[ResultT]]
    ) -> ResultT:
        """Do something for a step; while others wait, in its share of the time that is left."""
        others = len(self._steps)
        if isinstance(step, Question) and step.instead is not None:
            others += 1
        if not others:
            return await work()
        now = trio.current_time()
        share = (trio.current_effective_deadline() - now) / (others + 1)
        share = max(0.0, min(PATIENCE, share))  # all may be over already
        with trio.move_on_after(share):
            return await work()
        raise self._too_slow(step, share)

    def _too_slow(self, step: Route | Question, share: float) -> _Problem:
        log = self._report.log
        running = next((x for x in reversed(log.running) if x.stage().ok is False), None)
        what = words(
            "{way} took longer than {share:.1f} s; was waiting for {waiting_for}",
            way=_name(step),
            share=share,
            waiting_for=log.waiting_for,
        )
        stage = running.name if running else "tcp"
        if isinstance(step, Question):
            return failed(ProxyUnreachable, Failure(Kind.TIMED_OUT, "pac", what))
        if not step.hops:
            return failed(ServerUnreachable, Failure(Kind.TIMED_OUT, stage, what))
        place = Place(step.hops[0].url, 1)
        return failed(ProxyUnreachable, Failure(Kind.TIMED_OUT, stage, what, place=place))

    def _with_history(self, exc: _Problem) -> _Problem:
        """Let an error tell of those that were tried before."""
        failure = failure_of(exc)
        if not self._tried or failure is None:
            return exc
        what = told_of(failure.what, self._tried)
        names = ("status_code", "headers", "body", "reply_code")
        more = {name: getattr(exc, name) for name in names if hasattr(exc, name)}
        return failed(type(exc), failure._replace(what=what), **more)


def _name(step: Route | Question) -> str:
    return step.way if isinstance(step, Route) else f"PAC script {step.pac.shown}"


async def _answered(question: Question, log: StageLog) -> Answer:
    """Ask a PAC script."""
    # For the few who have a script.
    from trio_wsproxy._routing._pac import ask

    from ._pac_world import world

    pac, route = question.pac, question.route
    waiting_for = words("the PAC script {pac}", pac=pac.shown)
    with log.stage("pac", None, pac.shown, waiting_for) as stage:
        answer = await ask(pac, route.target, question.source, world())
        stage.evidence = ScriptAnswer(answer.text, answer.names, answer.runs)
    return answer


def _instead(route: Route, exc: ProxyError) -> Route:
    """Take what the setting has for the case that its script gives no answer."""
    look = Look("PAC script", None, f"no answer, so the other settings count ({exc})")
    return replace(route, trail=(look, *route.trail), notes=(str(look), *route.notes))


def _routes(question: Question, answer: Answer) -> list[Route]:
    """Make a route of each alternative that a script has named."""
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
    odd = [f"passed over: {line}" for line in answer.odd]
    trail = (*looks, *(Look("PAC script", None, line) for line in odd))
    notes = (*route.notes, *(f"{place}: {line}" for line in odd))
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
