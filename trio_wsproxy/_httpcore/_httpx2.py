"""The classes of httpcore2 and httpx2 over ours; ``trio_wsproxy.httpcore2`` shows them.

Line for line ``_httpx``, for other libraries: what names their types has to be written out to be checked.
"""

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

with check_libraries("httpcore2", "httpx2"):
    import httpcore2
    import httpx2

_ERRORS = Errors(
    connect=httpcore2.ConnectError,
    connect_timeout=httpcore2.ConnectTimeout,
    read=httpcore2.ReadError,
    read_timeout=httpcore2.ReadTimeout,
    write=httpcore2.WriteError,
    write_timeout=httpcore2.WriteTimeout,
    proxy=httpcore2.ProxyError,
)


class AsyncNetworkStream(NetworkStream, httpcore2.AsyncNetworkStream):
    """As :class:`trio_wsproxy.httpcore.AsyncNetworkStream`."""

    _errors = _ERRORS


class AsyncNetworkBackend(NetworkBackend, httpcore2.AsyncNetworkBackend):
    """As :class:`trio_wsproxy.httpcore.AsyncNetworkBackend`."""

    _errors = _ERRORS
    _stream = AsyncNetworkStream


class AsyncConnectionPool(ConnectionPool, httpcore2.AsyncConnectionPool):
    """As :class:`trio_wsproxy.httpcore.AsyncConnectionPool`."""

    _backend_class = AsyncNetworkBackend

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        """Make a connection to an origin; httpcore2 calls it."""
        return httpcore2.AsyncHTTPConnection(
            origin,
            network_backend=self._backend.for_origin(origin.scheme, origin.host, origin.port),
            **self._of_connections,
        )


class _Body(ResponseStream, httpx2.AsyncByteStream):
    _libraries = (httpcore2, httpx2)


class AsyncHTTPTransport(Transport, httpx2.AsyncBaseTransport):
    """As :class:`trio_wsproxy.httpcore.AsyncHTTPTransport`, for ``httpx2.AsyncClient``."""

    _libraries = (httpcore2, httpx2)
    _body = _Body

    def __init__(
        self,
        proxy: ProxyArgument = True,
        *,
        verify: ssl.SSLContext | bool = True,
        http1: bool = True,
        http2: bool = False,
        limits: httpx2.Limits | None = None,
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
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20)
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

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; httpx2's clients call it."""
        given = Given(request)
        del request  # its repr() shows the whole URL, and error trackers show variables
        response: httpx2.Response = await self._handle(given)
        return response
