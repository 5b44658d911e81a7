"""One attempt to connect: deadline, route, dial, upgrade, redirects.

What a call asks for is checked and frozen in a :class:`Plan` first (``_plan.py``); nothing has been
sent then.
:func:`connect` carries it out: it resolves the route, has it dialed, shakes hands, and makes
the connection, everything in the caller's task and under one deadline. Only then is a nursery
needed: the caller's, for the ``connect_…`` functions, or one of our own (:class:`opened`), for
the ``open_…`` context managers. Whoever fails while holding the stream closes it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeAlias

import trio

from trio_wsproxy._auth import basic
from trio_wsproxy._exceptions import (
    ConnectionTimeout,
    HandshakeError,
    ServerRejected,
    ServerUnreachable,
    carry,
    failed,
    failure_of,
    was_last_redirect,
)
from trio_wsproxy._failures import Failure, Kind, Place, Topic, Words, words
from trio_wsproxy._http import HeaderPairs
from trio_wsproxy._redaction import secret, shown_text
from trio_wsproxy._report import StageLog, reporting
from trio_wsproxy._routing import Route, told_of
from trio_wsproxy._transport import (
    HTTP_1_1,
    dial,
    failure_behind_handshake,
    socket_of,
    speaks_tls,
)
from trio_wsproxy._urls import Target, check_text
from trio_wsproxy._websocket import (
    Address,
    Attendant,
    ConnectionInfo,
    ConnectionSettings,
    Deflate,
    OpeningRequest,
    PerMessageDeflate,
    WebSocketConnection,
    attendant_of,
    shake_hands,
)

from ._hosting import Leave, entered_already, hosted
from ._misuse import WRAP, check_nursery, check_stream, check_trio
from ._options import (
    FOR_STREAMS,
    StreamOptions,
    checked,
    connection_settings,
)
from ._plan import Plan, redirected, without_context
from ._way import open_way

StartSoon: TypeAlias = Callable[..., object]  # a nursery's


class Start(NamedTuple):
    """How the task of a connection is started.

    Attributes:
      soon: A nursery's, or the like; ``None`` leaves it to whoever gets the connection.
      shielded: Whether the task is shielded from cancellation.

    """

    soon: StartSoon | None
    shielded: bool


class opened(hosted[WebSocketConnection]):  # noqa: N801  # used like a function
    """Dial, then host the connection."""

    __slots__ = ("_plan", "call")

    guest = "ws"

    def __init__(self, plan: Plan, call: str) -> None:
        self._plan: Plan | None = plan
        self.call = call

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> WebSocketConnection:
        plan, self._plan = self._plan, None  # nobody needs it later, and that may be long
        if plan is None:
            raise entered_already()
        connection = await connect(plan)
        attendant = attendant_of(connection)

        def begin(nursery: trio.Nursery) -> tuple[WebSocketConnection, Leave]:
            nursery.start_soon(attendant.run)
            return connection, attendant.leave

        self._begin = begin
        return await super().__aenter__()


@trio.lowlevel.enable_ki_protection
async def connect(
    plan: Plan, start_soon: StartSoon | None = None, *, shielded: bool = False
) -> WebSocketConnection:
    """Do everything that comes before the nursery: dial and upgrade, following redirects.

    Args:
      plan: What to do.
      start_soon: Starts the connection's task; where it raises, the stream is closed. Without it
        the caller starts that task.
      shielded: Whether the task is shielded from cancellation, as it is where the caller starts it:
        the end of a block decides then.

    """
    check_trio()
    start = Start(start_soon, shielded or start_soon is None)
    with reporting(plan.target.url, StageLog(plan.trace)) as report:
        with trio.move_on_after(plan.connect_timeout):
            for followed in itertools.count():
                try:
                    return await _attempt(plan, report, start)
                except KeyboardInterrupt as exc:
                    _tell(exc, report)
                    raise
                except ServerRejected as exc:
                    if followed == plan.max_redirects:
                        was_last_redirect(exc, followed)
                        raise
                    plan = redirected(plan, exc, report.log.stages)
                except HandshakeError as exc:
                    failure = failure_of(exc)
                    if not plan.withheld or failure is None or failure.stage != "server_tls":
                        raise
                    raise failed(type(exc), without_context(failure)) from exc.__cause__
        raise timed_out(plan.target.url, plan.connect_timeout, report)


@trio.lowlevel.enable_ki_protection
async def wrap(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    host: str,
    resource: str,
    options: StreamOptions,
) -> WebSocketConnection:
    """Do what is left where there is a stream already: upgrade it, or close it.

    Args:
      nursery: The user's.
      stream: Connected to the server.
      host: The value of the ``Host`` header.
      resource: Path and query.
      options: Not checked yet.

    """
    check_trio()
    check_stream(stream)
    try:
        check_nursery(nursery, *WRAP)
        check_text("host", host)
        check_text("resource", resource)
        values = checked(options, FOR_STREAMS)
        request = _request(host, host, resource, values["subprotocols"], values["extra_headers"])
        settings, deflate = connection_settings(values), values["compression"]
        timeout: float = values["connect_timeout"]
        with reporting(host, StageLog(values["trace"])) as report:
            with trio.move_on_after(timeout):
                start = Start(nursery.start_soon, shielded=False)
                try:
                    return await _upgrade(stream, request, deflate, settings, report, start)
                except KeyboardInterrupt as exc:
                    _tell(exc, report)
                    raise
            raise timed_out(request.url, timeout, report)  # noqa: TRY301  # closes, too
    except BaseException:
        await _throw_away(stream)
        raise


async def _attempt(plan: Plan, report: reporting, start: Start) -> WebSocketConnection:
    target, url = plan.target, plan.target.url
    report.url, report.route = url, None
    headers = plan.headers + _credentials(target, plan.headers)
    request = _request(url, target.host_header, target.resource, plan.subprotocols, headers)
    dial_route = partial(  # no function of ours, each step through which costs
        dial,
        options=plan.dial_options,
        log=report.log,
        ssl_context=plan.ssl_context,
        alpn=HTTP_1_1,
        immediate=True,
    )
    context = plan.dial_options.proxy_ssl_context
    stream = await open_way(target, plan.proxy, dial_route, report, context)
    try:
        return await _upgrade(stream, request, plan.deflate, plan.settings, report, start)
    except BaseException:
        await _throw_away(stream)
        raise


async def _throw_away(stream: trio.abc.Stream) -> None:
    """Close a stream at once; why that is done matters more than what it says to that."""
    with suppress(Exception):
        await trio.aclose_forcefully(stream)


def _request(
    url: str, host: str, resource: str, subprotocols: tuple[str, ...], headers: HeaderPairs
) -> OpeningRequest:
    """Put the WebSocket request together; a Host header of the user's replaces ours."""
    hosts = [value.decode("latin-1") for name, value in headers if name.lower() == b"host"]
    return OpeningRequest(
        url=url,
        host=hosts[-1] if hosts else host,
        resource=resource,
        subprotocols=subprotocols,
        headers=tuple(pair for pair in headers if pair[0].lower() != b"host"),
    )


def _credentials(target: Target, headers: HeaderPairs) -> HeaderPairs:
    """Turn the URL's user name and password into a header, as curl and browsers do."""
    if target.username is None or any(name.lower() == b"authorization" for name, _ in headers):
        return ()
    value = basic(target.username, target.password or "")
    return ((b"Authorization", secret(value.encode("ascii"))),)


def _behind_handshake(
    stream: trio.abc.Stream, url: str, error: HandshakeError
) -> ServerUnreachable | None:
    """Make the error for an answer that did not come because of TLS, if that is why."""
    if isinstance(error, ServerRejected):
        return None
    tls = failure_behind_handshake(stream, error, Topic.SSL_CONTEXT)
    if tls is None:
        return None
    what = words("the server {url} {what}", url=url, what=tls.what)
    return failed(ServerUnreachable, Failure(tls.kind, "server_tls", what, tls.remedy))


async def _upgrade(
    stream: trio.abc.Stream,
    request: OpeningRequest,
    deflate: Deflate | None,
    settings: ConnectionSettings,
    report: reporting,
    start: Start,
) -> WebSocketConnection:
    """Shake hands, make the connection, and start it in the user's nursery if there is one."""
    waiting_for = words("the answer of {url} to the WebSocket request", url=request.url)
    with report.log.stage("upgrade", None, request.host, waiting_for) as stage:
        extensions = [PerMessageDeflate(deflate, settings.max_message_size)] if deflate else []
        try:
            answer = await shake_hands(stream, request, extensions, stage)
        except HandshakeError as exc:
            better = _behind_handshake(stream, request.url, exc)
            if better is None:
                raise
            raise better from exc.__cause__
        except (trio.ClosedResourceError, trio.BusyResourceError, OSError) as exc:
            raise _not_ours(request.url, exc) from exc
    route = report.route
    info = ConnectionInfo(
        path=request.resource,
        subprotocol=answer.subprotocol,
        headers=answer.headers,
        extensions=answer.extensions,
        trailing=answer.trailing,
        sent=answer.sent,
        local=_address(stream, local=True),
        remote=_address(stream, local=False),
        route=route,
        dial_report=report.report(),
    )
    attendant = Attendant(stream, info, settings, shielded=start.shielded)
    if start.soon is not None:
        start.soon(attendant.run)  # raises where the nursery is closed already
    return WebSocketConnection(attendant)


def _not_ours(url: str, exc: Exception) -> HandshakeError:
    """Make the error for a stream that somebody else has closed, or uses, or that is no good."""
    if isinstance(exc, trio.ClosedResourceError):
        how = words("was closed on this side")
    elif isinstance(exc, trio.BusyResourceError):
        how = words("is in use by another task")
    else:
        how = words("failed ({problem})", problem=shown_text(str(exc)))
    what = words(
        "the stream to {url} {how} during the opening handshake; "
        "it belongs to the connection from the call on",
        url=url,
        how=how,
    )
    return failed(HandshakeError, Failure(Kind.CUT_OFF, "upgrade", what))


def _address(stream: trio.abc.Stream, *, local: bool) -> Address:
    socket = socket_of(stream)
    if socket is None:
        return repr(stream)
    try:
        address, port, *_ = socket.getsockname() if local else socket.getpeername()
    except (OSError, ValueError):  # reset already; or a Unix socket, which has neither
        return repr(stream)
    return address, port, speaks_tls(stream)


def timed_out(url: str, timeout: float, report: reporting) -> HandshakeError:
    """Make the error for a connection that took too long: what was waited for, and what to ask.

    Args:
      url: What was to be reached.
      timeout: Seconds.
      report: Of the dial.

    """
    what = words(
        "no connection to {url} within {timeout:g} s; was waiting for {waiting_for}",
        url=url,
        timeout=timeout,
        waiting_for=report.log.waiting_for,
    )
    return failed(ConnectionTimeout, _stopped(report, what, late=True))


def _tell(interrupt: KeyboardInterrupt, report: reporting) -> None:
    """Let Ctrl-C carry what was waited for, and what to ask: the command line shows it."""
    what = words("was waiting for {waiting_for}", waiting_for=report.log.waiting_for)
    carry(interrupt, _stopped(report, what, late=False))


def _stopped(report: reporting, what: Words, *, late: bool) -> Failure:
    """Make the failure of a connection that was waited for long enough; see :func:`_question`."""
    running = report.log.running[-1] if report.log.running else None
    return Failure(
        kind=Kind.TIMED_OUT,
        stage=running.name if running else "config",
        what=told_of(what, report.route.tried if report.route else ()),
        remedy=_question(report, late=late),
        place=_place(running.stage().hop if running else None, report.route),
    )


def _question(report: reporting, *, late: bool) -> Words:
    """Say what to ask where somebody has waited long enough.

    Args:
      report: Of the dial.
      late: Whether that was ``connect_timeout``, which may be too short.

    """
    running = report.log.running[-1] if report.log.running else None
    if running is not None and running.question is not None:
        return running.question
    question, between = words("does that one answer at all"), ","
    if running is not None and running.name == "socks" and running.evidence is None:
        # squid and tinyproxy, for example, take a SOCKS greeting for the beginning of a request.
        question = words(
            "it has not sent a byte; if it is an HTTP proxy, use http:// for its scheme"
        )
        between = ";"
    elif running is not None and running.name == "resolve":
        question = words("does this machine's name server answer")
    if late:
        question = words(
            "{question}{between} or is {connect_timeout} too short?",
            question=question,
            between=between,
            connect_timeout=Topic.CONNECT_TIMEOUT,
        )
    elif between == ",":
        question = words("{question}?", question=question)
    if running is not None and running.name in ("resolve", "tcp") and report.route is not None:
        from trio_wsproxy._routing._why_direct import and_why_direct  # for errors alone

        question = and_why_direct(question, report.route)
    return question


def _place(hop: int | None, route: Route | None) -> Place:
    hops = route.hops if route is not None else ()
    return Place(hops[hop - 1].url if hop is not None and hop <= len(hops) else None, hop)
