"""The client's public functions, and nothing else: from a URL to a connection.

Each puts what it was given together (:func:`make_plan` checks it) and has it carried out: see
``_attempt.py`` for how, ``_options.py`` for the options, ``_hosting.py`` for how the ``open_…``
context managers end.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Literal

import trio

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._defaults import (
    CONNECT_TIMEOUT,
    DISCONNECT_TIMEOUT,
    MAX_MESSAGE_SIZE,
    PING_INTERVAL,
    PING_TIMEOUT,
)
from trio_wsproxy._http import HeadersArgument, ProxyHeadersArgument
from trio_wsproxy._redaction import hiding, kind_of
from trio_wsproxy._report import Trace
from trio_wsproxy._routing import ProxyArgument
from trio_wsproxy._transport import MakeProxyHeaders
from trio_wsproxy._urls import Target, make_target
from trio_wsproxy._websocket import Deflate, WebSocketConnection

from ._attempt import connect, opened, wrap
from ._misuse import checks_first, host_at, no_stream_first, nursery_first, read_target
from ._options import Options, StreamOptions
from ._plan import make_plan
from ._redirects import RedirectPolicy

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on


def open_websocket_url(
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    *,
    subprotocols: Iterable[str] | None = None,
    extra_headers: HeadersArgument | None = None,
    proxy: ProxyArgument = True,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
    local_address: str | None = None,
    happy_eyeballs_delay: float | None = None,
    trace: Trace | None = None,
    compression: Literal["deflate"] | Deflate | None = None,
    max_redirects: int = 0,
    redirect_policy: RedirectPolicy | None = None,
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
        for a direct connection; a URL or a :class:`Proxy`; a sequence of them, nearest
        first; a :class:`PAC` script; or a :class:`Failover` of any of these.
      proxy_ssl_context: For TLS with ``https://`` proxies, and with the server of a PAC script; by
        default the platform's trust store.
      proxy_auth: How to authenticate with each HTTP proxy: a scheme such as
        :class:`NegotiateAuth`, or several, of which the strongest that the proxy offers is
        taken; or names out of ``"negotiate"``, ``"ntlm"``, ``"digest"``, ``"basic"``, in order
        of preference. Credentials in a proxy's URL are for these schemes, whatever the
        objects have themselves; without them a name is single sign-on. ``"netrc"`` looks in
        ``~/.netrc`` (or the file ``NETRC`` names), ``"keyring"`` in the system's keyring, for a
        proxy without. :class:`Proxy` has the same for one proxy.
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
      max_redirects: Redirects (301, 302, 303, 307, 308) to follow, 0 by default. Credentials,
        ``extra_headers``, ``subprotocols`` and ``ssl_context`` are for the same origin only,
        ``wss://`` never becomes ``ws://``, no redirect leads from a public host to a private,
        link-local or loopback address, and the proxy is resolved anew for each target.
      redirect_policy: Called with each :class:`Redirect` before it is followed; returns
        ``False`` to refuse it, a :class:`RedirectGrant` to let more go along or let it lead to a
        private address, ``True`` or ``None`` for the usual. ``None`` by default.
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
    # Error trackers send our variables, and in these may be secrets.
    url, extra_headers = hiding(url), hiding(extra_headers)
    proxy, proxy_headers = hiding(proxy), hiding(proxy_headers)
    options = Options(
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
        redirect_policy=redirect_policy,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        connect_timeout=connect_timeout,
        disconnect_timeout=disconnect_timeout,
        max_message_size=max_message_size,
        message_queue_size=message_queue_size,
        receive_buffer_size=receive_buffer_size,
    )
    return opened(make_plan(read_target(url), ssl_context, options), "open_websocket_url(…)")


@checks_first(host_at(0, "open_websocket", "open_websocket_url({url})"))
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
    plan = make_plan(*_target_and_context(host, port, resource, use_ssl), options)
    return opened(plan, "open_websocket(…)")


@checks_first(nursery_first("connect_websocket_url", "url"))
@trio.lowlevel.enable_ki_protection
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
    return await connect(make_plan(read_target(url), ssl_context, options), nursery.start_soon)


@checks_first(
    nursery_first(
        "connect_websocket",
        "host, port, resource, use_ssl=True",
    ),
    host_at(1, "connect_websocket", "await connect_websocket_url(nursery, {url})"),
)
@trio.lowlevel.enable_ki_protection
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
    plan = make_plan(*_target_and_context(host, port, resource, use_ssl), options)
    return await connect(plan, nursery.start_soon)


@checks_first(no_stream_first)
@trio.lowlevel.enable_ki_protection
async def wrap_client_stream(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    host: str,
    resource: str,
    **options: Unpack[StreamOptions],
) -> WebSocketConnection:
    """Speak WebSocket over a stream that is connected already.

    For Unix sockets, SSH channels, streams of :func:`open_tcp_stream`, and tests.

    Args:
      nursery: Runs the connection's background tasks.
      stream: Connected to the server, its TLS done. The connection owns it from now on, and
        closes it also when this call fails.
      host: The value of the ``Host`` header.
      resource: Path and query.
      options: Those keyword arguments of :func:`open_websocket_url` that do not concern the
        way: ``subprotocols``, ``extra_headers``, ``trace``, ``compression``, ``ping_interval``,
        ``ping_timeout``, ``connect_timeout`` (for the opening handshake here),
        ``disconnect_timeout``, ``max_message_size``, ``message_queue_size``,
        ``receive_buffer_size``.

    Returns:
      The open connection.

    Raises:
      ValueError: An argument is malformed; nothing was sent.
      ConnectionRejected: The server refused the WebSocket request.
      ConnectionTimeout: ``connect_timeout`` is over.
      HandshakeError: The server does not speak WebSocket.

    A cancelled call has closed the stream.

    """
    return await wrap(nursery, stream, host, resource, options)


def _target_and_context(
    host: str, port: int, resource: str, use_ssl: bool | ssl.SSLContext
) -> tuple[Target, ssl.SSLContext | None]:
    if not isinstance(use_ssl, (bool, ssl.SSLContext)):
        raise TypeError(f"use_ssl is a bool or an ssl.SSLContext, not {kind_of(use_ssl)}")
    target = make_target("wss" if use_ssl else "ws", host, port, resource)
    return target, (use_ssl if isinstance(use_ssl, ssl.SSLContext) else None)
