"""The client: from a URL to a connection.

The one file that knows all three rooms. It resolves the route, has it dialed, shakes hands,
and makes the connection, everything in the caller's task and under one deadline. Only then
is a nursery needed: the caller's, for the ``connect_…`` functions, or one of our own, for
the ``open_…`` context managers.

How the ``open_…`` context managers end
---------------------------------------

==========================  ============================  ==============================
the block ends by           meanwhile, leaving            the caller sees
==========================  ============================  ==============================
its end                     succeeds                      nothing
its end                     takes ``disconnect_timeout``  DisconnectionTimeout
its end                     is cancelled                  Cancelled, passed on
its end                     meets Ctrl-C                  KeyboardInterrupt
an exception of the user's  anything but Ctrl-C           that exception itself
an exception of the user's  Ctrl-C                        KeyboardInterrupt; the exception
                                                          is its ``__context__``
Cancelled                   closes at once                Cancelled, passed on
==========================  ============================  ==============================

Never a group: the block's exception is kept while the nursery ends and raised outside of
it, and the connection's own tasks record what happened instead of raising.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, TypeVar

import trio

from trio_wsproxy._auth._scheme import ProxyAuthArgument
from trio_wsproxy._auth._schemes import basic
from trio_wsproxy._exceptions import ConnectionTimeout, HandshakeError, ServerRejected
from trio_wsproxy._http._head import HeaderPairs, HeadersArgument
from trio_wsproxy._report._dial_report import reporting
from trio_wsproxy._report._stages import StageLog, Trace
from trio_wsproxy._routing import ProxyArgument, resolve_target
from trio_wsproxy._transport import HTTP_1_1, DialOptions, default_context, dial, socket_of
from trio_wsproxy._urls._proxies import Target, make_target, parse_target
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
    check_extra_headers,
    shake_hands,
)

from ._redirects import headers_for, redirect_target
from ._streams import ProxyHeadersOption, check_proxy_ssl_context, dial_options

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

CONNECT_TIMEOUT = 60  # seconds; trio-websocket's
DISCONNECT_TIMEOUT = 60  # seconds; trio-websocket's
MAX_MESSAGE_SIZE = 2**20  # bytes; trio-websocket's
PING_INTERVAL = 20  # seconds; below the idle timeouts of common proxies (nginx 60, ELB 60)
PING_TIMEOUT = 20  # seconds

StartSoon: TypeAlias = Callable[..., object]  # a nursery's

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2


@dataclass(frozen=True)
class Plan:
    """A checked call of one of the functions below."""

    target: Target
    ssl_context: ssl.SSLContext | None
    subprotocols: tuple[str, ...]
    headers: HeaderPairs
    deflate: Deflate | None
    max_redirects: int
    trace: Trace | None
    proxy: ProxyArgument
    dial_options: DialOptions
    connect_timeout: float
    settings: ConnectionSettings


def open_websocket_url(
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: HeadersArgument | None = None,
    proxy: ProxyArgument = True,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersOption = None,
    local_address: str | None = None,
    happy_eyeballs_delay: float | None = None,
    trace: Trace | None = None,
    compression: Literal["deflate"] | Deflate | None = None,
    max_redirects: int = 0,
    ping_interval: float | None = PING_INTERVAL,
    ping_timeout: float | None = PING_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    disconnect_timeout: float = DISCONNECT_TIMEOUT,
    max_message_size: int | None = MAX_MESSAGE_SIZE,
    message_queue_size: int | None = None,
    receive_buffer_size: int | None = None,
) -> AbstractAsyncContextManager[WebSocketConnection]:
    """Open a WebSocket to a URL, through the system's proxy if there is one.

    ::

        async with open_websocket_url("wss://example.org/chat") as ws:
            await ws.send("hello")
            print(await ws.receive())

    The connection lives in the block. Leaving it normally sends what is queued and does the
    closing handshake; leaving it by an exception does the same, but waits one second at
    most; cancellation closes at once.

    Args:
      url: ``ws://`` or ``wss://``, with host, optional port, path and query. A user name and
        password in it are sent to the server as Basic credentials.
      ssl_context: For TLS with a ``wss://`` server; by default the platform's trust store.
      subprotocols: The subprotocols to offer, in order of preference; none by default.
      extra_headers: Additional headers of the WebSocket request, as pairs or a mapping.
      proxy: ``True`` (default) for what the system says, see :func:`resolve_proxy`; ``None``
        for a direct connection; a URL or a :class:`Proxy`; or a sequence of them, nearest
        first.
      proxy_ssl_context: For TLS with ``https://`` proxies; by default the platform's trust
        store.
      proxy_auth: How to authenticate with each HTTP proxy whose URL has no credentials: a
        scheme such as :class:`NegotiateAuth`, or several, of which the strongest that the
        proxy offers is taken; or ``"netrc"`` for ``~/.netrc`` (or the file ``NETRC`` names).
        :class:`Proxy` has the same for one proxy.
      proxy_headers: Additional headers of each ``CONNECT`` request, or an async function that
        gives them when called with the :class:`Proxy` and the authority (``"host:port"``)
        that it will be asked for. The value ``None`` takes a header away: ``User-Agent`` is
        sent otherwise.
      local_address: The address of this machine to connect from; any by default.
      happy_eyeballs_delay: Seconds after which another address of the first hop is tried
        beside the first (RFC 8305); ``None`` (default) is 0.25.
      trace: Called with ``"begin"`` or ``"end"`` and the :class:`Stage`
        whenever one begins or ends, for logs and tracing. It must not block; an exception of
        its is logged. None by default.
      compression: ``"deflate"`` or a :class:`Deflate` offers permessage-deflate (RFC 7692);
        ``None`` (default) does not compress.
      max_redirects: Redirects (301, 302, 303, 307, 308) to follow, 0 by default. Credentials
        and cookies go to the same origin only, ``wss://`` never becomes ``ws://``, and the
        proxy is resolved anew for each target.
      ping_interval: Seconds of silence after which a ping is sent, 20 by default; ``None``
        sends none.
      ping_timeout: Seconds of silence after a ping after which the connection is lost, 20 by
        default; ``None`` never gives up.
      connect_timeout: Seconds for everything until the connection is open, 60 by default.
      disconnect_timeout: Seconds for the closing handshake, 60 by default.
      max_message_size: Bytes of a message beyond which the connection is closed with code
        1009, 1 MiB by default; ``None`` is no limit.
      message_queue_size: Unread messages above which reading stops; ``None`` (default) counts
        bytes only and stops at 1 MiB of unread messages.
      receive_buffer_size: Bytes to ask the stream for at once; ``None`` (default) is 64 KiB, and
        256 KiB in the middle of a larger message.

    Returns:
      An async context manager that gives the open :class:`WebSocketConnection`.

    Raises:
      ValueError: An argument is malformed; nothing was sent.
      ProxyConfigError: A proxy setting is malformed (also a :exc:`ValueError`); nothing was
        sent.
      ProxyError: A proxy failed; its subclasses tell how, ``.hop`` and ``.stage`` where.
      ServerUnreachable: The server's name, TCP port or TLS failed.
      ConnectionRejected: The server refused the WebSocket request.
      ConnectionTimeout: ``connect_timeout`` is over; the message says what was waited for.
      HandshakeError: The base of these; also raised where the server does not speak WebSocket.
      DisconnectionTimeout: On leaving, ``disconnect_timeout`` is over; the connection is closed.

    A cancelled call leaves nothing behind. RFC 6455 sections 4.1 and 7.

    """
    return _open(
        make_plan(
            parse_target(url),
            ssl_context,
            subprotocols=subprotocols,
            extra_headers=extra_headers,
            proxy=proxy,
            proxy_ssl_context=proxy_ssl_context,
            proxy_auth=proxy_auth,
            proxy_headers=proxy_headers,
            local_address=local_address,
            happy_eyeballs_delay=happy_eyeballs_delay,
            trace=trace,
            compression=compression,
            max_redirects=max_redirects,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            connect_timeout=connect_timeout,
            disconnect_timeout=disconnect_timeout,
            max_message_size=max_message_size,
            message_queue_size=message_queue_size,
            receive_buffer_size=receive_buffer_size,
        )
    )


def open_websocket(
    host: str,
    port: int,
    resource: str,
    *,
    use_ssl: bool | ssl.SSLContext,
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[WebSocketConnection]:
    """Open a WebSocket to a host; :func:`open_websocket_url` with the URL in parts.

    Args:
      host: A name or an IP address.
      port: 1 to 65535.
      resource: Path and query, for example ``"/chat?room=1"``.
      use_ssl: ``True`` for TLS with the platform's trust store, a context for TLS with that,
        ``False`` for none.
      options: The keyword arguments of :func:`open_websocket_url`.

    Returns:
      An async context manager that gives the open :class:`WebSocketConnection`.

    Raises:
      TypeError: ``use_ssl`` is neither a bool nor a context.
      ValueError: And all others as for :func:`open_websocket_url`.

    A cancelled call leaves nothing behind.

    """
    return _open(make_plan(*_target_and_context(host, port, resource, use_ssl), **options))


async def connect_websocket_url(
    nursery: trio.Nursery,
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    **options: Unpack[Options],
) -> WebSocketConnection:
    """Open a WebSocket whose tasks run in a nursery of yours.

    For connections that outlive one block of code. Whoever opens it closes it with
    :meth:`WebSocketConnection.aclose`; when the nursery is cancelled it is closed at once.

    Args:
      nursery: Runs the connection's background tasks.
      url: As for :func:`open_websocket_url`.
      ssl_context: As for :func:`open_websocket_url`.
      options: The keyword arguments of :func:`open_websocket_url`.

    Returns:
      The open connection.

    Raises:
      ValueError: And all others as for :func:`open_websocket_url`.

    A cancelled call leaves nothing behind.

    """
    return await connect(make_plan(parse_target(url), ssl_context, **options), nursery.start_soon)


async def connect_websocket(
    nursery: trio.Nursery,
    host: str,
    port: int,
    resource: str,
    *,
    use_ssl: bool | ssl.SSLContext,
    **options: Unpack[Options],
) -> WebSocketConnection:
    """Open a WebSocket whose tasks run in a nursery of yours, from a URL in parts.

    Args:
      nursery: Runs the connection's background tasks.
      host: As for :func:`open_websocket`.
      port: As for :func:`open_websocket`.
      resource: As for :func:`open_websocket`.
      use_ssl: As for :func:`open_websocket`.
      options: The keyword arguments of :func:`open_websocket_url`.

    Returns:
      The open connection.

    Raises:
      ValueError: And all others as for :func:`open_websocket`.

    A cancelled call leaves nothing behind.

    """
    plan = make_plan(*_target_and_context(host, port, resource, use_ssl), **options)
    return await connect(plan, nursery.start_soon)


async def wrap_client_stream(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    host: str,
    resource: str,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: HeadersArgument | None = None,
    trace: Trace | None = None,
    compression: Literal["deflate"] | Deflate | None = None,
    ping_interval: float | None = PING_INTERVAL,
    ping_timeout: float | None = PING_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    disconnect_timeout: float = DISCONNECT_TIMEOUT,
    max_message_size: int | None = MAX_MESSAGE_SIZE,
    message_queue_size: int | None = None,
    receive_buffer_size: int | None = None,
) -> WebSocketConnection:
    """Speak WebSocket over a stream that is connected already.

    For Unix sockets, SSH channels, streams of :func:`open_tcp_stream`, and tests.

    Args:
      nursery: Runs the connection's background tasks.
      stream: Connected to the server, its TLS done. The connection owns it from now on, and
        closes it also when this call fails.
      host: The value of the ``Host`` header.
      resource: Path and query.
      subprotocols: As for :func:`open_websocket_url`, like all that follow.
      extra_headers: See there.
      trace: See there.
      compression: See there.
      ping_interval: See there.
      ping_timeout: See there.
      connect_timeout: Seconds for the opening handshake, 60 by default.
      disconnect_timeout: See there.
      max_message_size: See there.
      message_queue_size: See there.
      receive_buffer_size: See there.

    Returns:
      The open connection.

    Raises:
      ValueError: An argument is malformed; nothing was sent.
      ConnectionRejected: The server refused the WebSocket request.
      ConnectionTimeout: ``connect_timeout`` is over.
      HandshakeError: The server does not speak WebSocket.

    A cancelled call has closed the stream.

    """
    try:
        request = _request(
            host,
            host,
            resource,
            _check_subprotocols(subprotocols),
            check_extra_headers(extra_headers),
        )
        settings = ConnectionSettings(
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            disconnect_timeout=disconnect_timeout,
            max_message_size=max_message_size,
            message_queue_size=message_queue_size,
            receive_buffer_size=receive_buffer_size,
        )
        with reporting(host, StageLog(trace)) as report:
            with trio.move_on_after(connect_timeout):
                offer = _deflate(compression)
                return await _upgrade(stream, request, offer, settings, report, nursery.start_soon)
            raise _timed_out(request.url, connect_timeout, report.log)  # noqa: TRY301  # closes, too
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


class Options(TypedDict, total=False):
    """The keyword arguments that all functions share; see :func:`open_websocket_url`."""

    subprotocols: Iterable[str] | None
    extra_headers: HeadersArgument | None
    proxy: ProxyArgument
    proxy_ssl_context: ssl.SSLContext | None
    proxy_auth: ProxyAuthArgument
    proxy_headers: ProxyHeadersOption
    local_address: str | None
    happy_eyeballs_delay: float | None
    trace: Trace | None
    compression: Literal["deflate"] | Deflate | None
    max_redirects: int
    ping_interval: float | None
    ping_timeout: float | None
    connect_timeout: float
    disconnect_timeout: float
    max_message_size: int | None
    message_queue_size: int | None
    receive_buffer_size: int | None


def _target_and_context(
    host: str, port: int, resource: str, use_ssl: bool | ssl.SSLContext
) -> tuple[Target, ssl.SSLContext | None]:
    if not isinstance(use_ssl, (bool, ssl.SSLContext)):
        raise TypeError(f"use_ssl is a bool or an ssl.SSLContext, not {type(use_ssl).__name__}")
    target = make_target("wss" if use_ssl else "ws", host, port, resource)
    return target, (use_ssl if isinstance(use_ssl, ssl.SSLContext) else None)


def make_plan(
    target: Target,
    ssl_context: ssl.SSLContext | None,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: HeadersArgument | None = None,
    proxy: ProxyArgument = True,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersOption = None,
    local_address: str | None = None,
    happy_eyeballs_delay: float | None = None,
    trace: Trace | None = None,
    compression: Literal["deflate"] | Deflate | None = None,
    max_redirects: int = 0,
    ping_interval: float | None = PING_INTERVAL,
    ping_timeout: float | None = PING_TIMEOUT,
    connect_timeout: float = CONNECT_TIMEOUT,
    disconnect_timeout: float = DISCONNECT_TIMEOUT,
    max_message_size: int | None = MAX_MESSAGE_SIZE,
    message_queue_size: int | None = None,
    receive_buffer_size: int | None = None,
) -> Plan:
    """Check all arguments; nothing has been sent yet."""
    if ssl_context is not None and not target.secure:
        raise ValueError(f"ssl_context needs a wss:// URL, but this is {target.url}")
    if max_redirects < 0:
        raise ValueError(f"max_redirects cannot be negative, but is {max_redirects}")
    return Plan(
        target=target,
        ssl_context=ssl_context,
        subprotocols=_check_subprotocols(subprotocols),
        headers=check_extra_headers(extra_headers),
        deflate=_deflate(compression),
        max_redirects=max_redirects,
        trace=trace,
        proxy=proxy,
        dial_options=dial_options(
            proxy_ssl_context=proxy_ssl_context,
            proxy_auth=proxy_auth,
            proxy_headers=proxy_headers,
            local_address=local_address,
            happy_eyeballs_delay=happy_eyeballs_delay,
        ),
        connect_timeout=connect_timeout,
        settings=ConnectionSettings(
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            disconnect_timeout=disconnect_timeout,
            max_message_size=max_message_size,
            message_queue_size=message_queue_size,
            receive_buffer_size=receive_buffer_size,
        ),
    )


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


def _deflate(compression: Literal["deflate"] | Deflate | None) -> Deflate | None:
    if compression is None or isinstance(compression, Deflate):
        return compression
    if compression == "deflate":
        return Deflate()
    raise ValueError(f'compression is None, "deflate" or a Deflate, not {compression!r}')


def _check_subprotocols(subprotocols: Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(subprotocols, str):
        raise TypeError(f"subprotocols is a sequence of str: [{subprotocols!r}]")
    names = tuple(subprotocols or ())
    for name in names:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"subprotocols: {name!r} is not a token (RFC 6455 section 4.1)")
    if len(set(names)) != len(names):
        raise ValueError(f"subprotocols: each must be offered once (RFC 6455 section 4.1): {names}")
    return names


def _credentials(target: Target, headers: HeaderPairs) -> HeaderPairs:
    """Turn the URL's user name and password into a header, as curl and browsers do."""
    if target.username is None or any(name.lower() == b"authorization" for name, _ in headers):
        return ()
    value = basic(target.username, target.password or "")
    return ((b"Authorization", value.encode("ascii")),)


GuestT = TypeVar("GuestT")
Leave: TypeAlias = Callable[[BaseException | None], Awaitable[None]]


# Ctrl-C between two lines of this would leave a task that nothing can stop. It is kept off
# here, and not off the user's block; where this waits, trio delivers it.
class hosted(AbstractAsyncContextManager[GuestT]):  # noqa: N801  # used like a function
    """Give something a nursery of its own for the length of a block, and no exception group.

    See the table at the head of this file. A class, for two generators, one around the other,
    would cost each connection a kilobyte.

    Args:
      begin: Makes it, in the nursery; gives it, and what ends it when the block has ended, by an
        exception or normally.

    """

    __slots__ = ("_begin", "_leave", "_nursery_manager")

    def __init__(self, begin: Callable[[trio.Nursery], tuple[GuestT, Leave]]) -> None:
        self._begin: Callable[[trio.Nursery], tuple[GuestT, Leave]] | None = begin

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> GuestT:
        begin, self._begin = self._begin, None
        if begin is None:
            raise _entered_already()
        self._nursery_manager = trio.open_nursery()
        nursery = await self._nursery_manager.__aenter__()
        guest, self._leave = begin(nursery)
        return guest

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leaving: BaseException | None = None
        try:
            # Whatever is raised here is kept, for the nursery would wrap it in a group.
            try:
                await self._leave(error)
            except BaseException as exc:
                leaving = exc
            await self._nursery_manager.__aexit__(None, None, None)
            if leaving is not None and (error is None or isinstance(leaving, KeyboardInterrupt)):
                leaving.__context__ = error or leaving.__context__
                raise leaving
        finally:
            del error, leaving  # no cycle through this frame


def _entered_already() -> RuntimeError:
    return RuntimeError("this context manager has been entered already; make another one")


class _open(hosted[WebSocketConnection]):  # noqa: N801
    """Dial, then host the connection."""

    __slots__ = ("_plan",)

    def __init__(self, plan: Plan) -> None:
        self._plan: Plan | None = plan

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> WebSocketConnection:
        plan, self._plan = self._plan, None  # nobody needs it later, and that may be long
        if plan is None:
            raise _entered_already()
        connection = await connect(plan)

        attendant = attendant_of(connection)

        def begin(nursery: trio.Nursery) -> tuple[WebSocketConnection, Leave]:
            nursery.start_soon(attendant.run)
            return connection, attendant.leave

        self._begin = begin
        return await super().__aenter__()


@trio.lowlevel.enable_ki_protection
async def connect(plan: Plan, start_soon: StartSoon | None = None) -> WebSocketConnection:
    """Do everything that comes before the nursery: dial and upgrade, following redirects.

    Args:
      plan: What to do.
      start_soon: Of the user's nursery, if there is one; else the caller starts the
        connection's task, which is then shielded from cancellation.

    """
    with reporting(plan.target.url, StageLog(plan.trace)) as report:
        with trio.move_on_after(plan.connect_timeout):
            for _ in range(plan.max_redirects):
                try:
                    return await _attempt(plan, report, start_soon)
                except ServerRejected as exc:
                    target = redirect_target(plan.target, exc)
                    if target is None:
                        raise
                    headers = headers_for(plan.headers, plan.target, target)
                    plan = replace(plan, target=target, headers=headers)
            return await _attempt(plan, report, start_soon)
        raise _timed_out(plan.target.url, plan.connect_timeout, report.log)


async def _attempt(
    plan: Plan, report: reporting, start_soon: StartSoon | None
) -> WebSocketConnection:
    target = plan.target
    report.url, report.route = target.url, None
    report.route = route = resolve_target(target, proxy=plan.proxy)
    check_proxy_ssl_context(plan.dial_options.proxy_ssl_context, plan.proxy, route)
    context = (plan.ssl_context or default_context(HTTP_1_1)) if target.secure else None
    headers = plan.headers + _credentials(target, plan.headers)
    request = _request(target.url, target.host_header, target.resource, plan.subprotocols, headers)
    stream = await dial(route, plan.dial_options, report.log, ssl_context=context)
    try:
        return await _upgrade(stream, request, plan.deflate, plan.settings, report, start_soon)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise


async def _upgrade(
    stream: trio.abc.Stream,
    request: OpeningRequest,
    deflate: Deflate | None,
    settings: ConnectionSettings,
    report: reporting,
    start_soon: StartSoon | None,
) -> WebSocketConnection:
    """Shake hands, make the connection, and start it in the user's nursery if there is one."""
    waiting_for = f"the answer of {request.url} to the WebSocket request"
    with report.log.stage("upgrade", None, request.host, waiting_for) as stage:
        extensions = [PerMessageDeflate(deflate, settings.max_message_size)] if deflate else []
        answer = await shake_hands(stream, request, extensions, stage)
    route = report.route
    info = ConnectionInfo(
        path=request.resource,
        subprotocol=answer.subprotocol,
        headers=answer.headers,
        extensions=answer.extensions,
        trailing=answer.trailing,
        local=_address(stream, local=True),
        remote=_address(stream, local=False),
        route=route,
        dial_report=report.report(),
    )
    attendant = Attendant(stream, info, settings, shielded=start_soon is None)
    if start_soon is not None:
        start_soon(attendant.run)  # raises where the nursery is closed already
    return WebSocketConnection(attendant)


def _address(stream: trio.abc.Stream, *, local: bool) -> Address:
    socket = socket_of(stream)
    if socket is None:
        return repr(stream)
    try:
        address, port, *_ = socket.getsockname() if local else socket.getpeername()
    except (OSError, ValueError):  # reset already; or a Unix socket, which has neither
        return repr(stream)
    return address, port, isinstance(stream, trio.SSLStream)


def _timed_out(url: str, timeout: float, log: StageLog) -> HandshakeError:
    question = "does that one answer at all, or is connect_timeout too short?"
    silent = log.stages[-1:]
    if silent and silent[0].name == "socks" and "reply" not in silent[0].details:
        # squid and tinyproxy, for example, take a SOCKS greeting for the beginning of a request.
        question = (
            "it has not sent a byte; if it is an HTTP proxy, use http:// for its scheme; "
            "or is connect_timeout too short?"
        )
    return ConnectionTimeout(
        f"no connection to {url} within {timeout:g} s; was waiting for {log.waiting_for}; {question}"
    )
