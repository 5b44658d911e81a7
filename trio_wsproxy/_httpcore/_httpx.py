"""The classes of httpcore and httpx over ours; ``trio_wsproxy.httpcore`` shows them."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._http import ProxyHeadersArgument
from trio_wsproxy._redaction import hiding
from trio_wsproxy._report import Trace
from trio_wsproxy._routing import ProxyArgument
from trio_wsproxy._transport import MakeProxyHeaders

from ._errors import Errors
from ._network import NetworkBackend, NetworkStream, SocketOption
from ._pool import ConnectionPool
from ._transport import (
    Given,
    ResponseStream,
    Transport,
    check_libraries,
    checked_verify,
    options_called_as_there,
)

with check_libraries("httpcore", "httpx"):
    import httpcore
    import httpx

_ERRORS = Errors(
    connect=httpcore.ConnectError,
    connect_timeout=httpcore.ConnectTimeout,
    read=httpcore.ReadError,
    read_timeout=httpcore.ReadTimeout,
    write=httpcore.WriteError,
    write_timeout=httpcore.WriteTimeout,
    proxy=httpcore.ProxyError,
)


class AsyncNetworkStream(NetworkStream, httpcore.AsyncNetworkStream):
    """A connection to a server, as ``response.extensions["network_stream"]`` has it.

    ``get_extra_info()`` knows what httpcore's own streams know: ``"client_addr"``, ``"server_addr"`` (of the first
    proxy, if there is one), ``"socket"``, ``"is_readable"`` and ``"ssl_object"``, which has the methods of
    :class:`ssl.SSLObject` that tell of the handshake: ``version()``, ``cipher()``, ``getpeercert()``,
    ``selected_alpn_protocol()``. Besides: ``"route"``, the :class:`~trio_wsproxy.Route`, and ``"dial_report"``,
    the :class:`~trio_wsproxy.DialReport`.

    Reading and writing raise ``httpcore.ReadError``, ``ReadTimeout``, ``WriteError`` and ``WriteTimeout``,
    :meth:`start_tls` as :meth:`AsyncNetworkBackend.connect_tcp` does. A cancelled read has lost nothing. A cancelled
    write leaves the stream whole, so that other requests of HTTP/2 go on, unless it was larger than 256 KiB or
    the stream is one of Windows; then all that follows raises.

    """

    _errors = _ERRORS


class AsyncNetworkBackend(NetworkBackend, httpcore.AsyncNetworkBackend):
    """The network for httpcore: TCP through any proxies, and TLS.

    For ``httpcore.AsyncConnectionPool(network_backend=…)`` and whatever else takes one. Such a network is not
    told whether HTTPS is going to be spoken; that matters for ``proxy=True`` alone, which takes port 80 for
    ``http://``, 443 for ``https://``, and else looks at the settings of ``https://``, as
    :func:`~trio_wsproxy.open_tcp_stream` does. :class:`AsyncConnectionPool` knows.

    Args:
      proxy: ``True`` (default) for what the system says; else as for
        :func:`~trio_wsproxy.open_tcp_stream`.
      proxy_ssl_context: As there; and so are the following.
      proxy_auth: How to authenticate with HTTP proxies whose URL has no credentials.
      proxy_headers: Additional headers of each ``CONNECT``.
      happy_eyeballs_delay: Seconds between attempts at several addresses.
      trace: Called at the begin and the end of each stage of each dial.

    Raises:
      ProxyConfigError: ``proxy`` is malformed. What the system says is looked at by each connection.
      ValueError: Another argument is.
      TypeError: An argument is of another type.

    """

    _errors = _ERRORS
    _stream = AsyncNetworkStream


class AsyncConnectionPool(ConnectionPool, httpcore.AsyncConnectionPool):
    """httpcore's pool, with connections that are opened through any proxies.

    Args:
      proxy: As for :class:`AsyncNetworkBackend`; with ``True``, ``https://`` goes by ``https_proxy``,
        ``http://`` by ``http_proxy``, both by ``socks_proxy``, ``all_proxy`` and ``no_proxy``.
      ssl_context: For TLS with servers; the platform's trust store by default. httpcore sets the
        protocols that it offers.
      max_connections: Of all together, 10 by default; ``None`` is no limit.
      max_keepalive_connections: Of those that wait for a request; ``None`` (default) is no other limit.
      keepalive_expiry: Seconds for which one waits; ``None`` (default) is no limit.
      http1: Whether HTTP/1.1 is spoken, ``True`` by default.
      http2: Whether HTTP/2 is, where the server agrees; ``False`` by default. Needs h2.
      retries: How many times more to connect where that fails, 0 by default.
      local_address: The address of this machine to connect from; any by default.
      uds: Path of a Unix socket to connect to, whatever the URL; no proxy leads there. None by default.
      socket_options: For the socket to the first hop, as for :meth:`socket.socket.setsockopt`.
      proxy_ssl_context: As for :class:`AsyncNetworkBackend`; and so are the following.
      proxy_auth: How to authenticate with HTTP proxies whose URL has no credentials.
      proxy_headers: Additional headers of each ``CONNECT``.
      happy_eyeballs_delay: Seconds between attempts at several addresses.
      trace: Called at the begin and the end of each stage of each dial.

    Raises:
      ProxyConfigError: ``proxy`` is malformed.
      ValueError: Another argument is.
      TypeError: An argument is of another type.
      ImportError: ``http2`` needs h2.

    """

    _backend_class = AsyncNetworkBackend

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        """Make a connection to an origin; httpcore calls it."""
        return httpcore.AsyncHTTPConnection(
            origin,
            network_backend=self._backend.for_origin(origin.scheme, origin.host, origin.port),
            **self._of_connections,
        )


class _Body(ResponseStream, httpx.AsyncByteStream):
    _libraries = (httpcore, httpx)


class AsyncHTTPTransport(Transport, httpx.AsyncBaseTransport):
    """A transport for ``httpx.AsyncClient`` whose connections go through any proxies.

    It takes the place of httpx's own ``AsyncHTTPTransport``, has its parameters, and those of this
    package's dialer. ``http://`` goes through HTTP proxies by ``CONNECT``, too: what passes is then
    nobody else's business; a proxy whose rules forbid that says so.

    Give it as ``transport=``. httpx looks at proxy variables by itself where it makes its own transports;
    with ``mounts=`` also say ``trust_env=False``, and never give ``proxy=`` to the client, or those ways
    are taken instead of this one.

    Args:
      proxy: As for :class:`AsyncConnectionPool`.
      verify: ``True`` (default) trusts what the platform trusts; ``False`` trusts anybody; or an
        :class:`ssl.SSLContext`, whose ALPN protocols are then set.
      http1: As for :class:`AsyncConnectionPool`.
      http2: As there.
      limits: As for httpx, whose default it is: 100 connections, 20 kept for 5 seconds.
      uds: As for :class:`AsyncConnectionPool`; and so are the following.
      local_address: The address of this machine to connect from.
      retries: How many times more to connect where that fails.
      socket_options: For the socket to the first hop.
      proxy_ssl_context: For TLS with ``https://`` proxies.
      proxy_auth: How to authenticate with HTTP proxies whose URL has no credentials.
      proxy_headers: Additional headers of each ``CONNECT``.
      happy_eyeballs_delay: Seconds between attempts at several addresses.
      trace: Called at the begin and the end of each stage of each dial.

    Raises:
      ProxyConfigError: ``proxy`` is malformed.
      ValueError: Another argument is.
      TypeError: An argument is of another type.
      ImportError: ``http2`` needs h2.

    Requests raise httpx's exceptions, with messages of this package:

    * ``httpx.ProxyError``: a proxy refused, did not speak its protocol, or its setting is malformed;
    * ``httpx.ConnectError``: proxy or server cannot be reached or trusted;
    * ``httpx.ConnectTimeout``: connecting took too long. ``Timeout(connect=…)`` counts for all proxies
      together, and anew for TLS with the server.

    ``__cause__`` of these is this package's own exception, with ``.hop``, ``.stage`` and ``.dial_report``.

    """

    _libraries = (httpcore, httpx)
    _body = _Body

    def __init__(
        self,
        proxy: ProxyArgument = True,
        *,
        verify: ssl.SSLContext | bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: httpx.Limits | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[SocketOption] | None = None,
        proxy_ssl_context: ssl.SSLContext | None = None,
        proxy_auth: ProxyAuthArgument = None,
        proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
        happy_eyeballs_delay: float | None = None,
        trace: Trace | None = None,
    ) -> None:
        proxy, proxy_headers = hiding(proxy), hiding(proxy_headers)
        if limits is None:
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
        with options_called_as_there():
            self._pool = AsyncConnectionPool(
                proxy,
                ssl_context=checked_verify(verify),
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                http1=http1,
                http2=http2,
                uds=uds,
                local_address=local_address,
                retries=retries,
                socket_options=socket_options,
                proxy_ssl_context=proxy_ssl_context,
                proxy_auth=proxy_auth,
                proxy_headers=proxy_headers,
                happy_eyeballs_delay=happy_eyeballs_delay,
                trace=trace,
            )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; httpx's clients call it."""
        given = Given(request)
        del request  # its repr() shows the whole URL, and error trackers show variables
        response: httpx.Response = await self._handle(given)
        return response
