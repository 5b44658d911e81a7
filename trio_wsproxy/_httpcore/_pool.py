"""httpcore's pool, whose connections go through any proxies."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any, ClassVar

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._http import ProxyHeadersArgument
from trio_wsproxy._redaction import hiding
from trio_wsproxy._report import Trace
from trio_wsproxy._routing import ProxyArgument
from trio_wsproxy._transport import MakeProxyHeaders

from ._network import NetworkBackend, PlatformTrust, SocketOption
from ._transport import check_http2


class ConnectionPool:
    """What the pools of httpcore and of httpcore2 have in common; a base before the library's own class."""

    _backend_class: ClassVar[type[NetworkBackend]]

    def __init__(
        self,
        proxy: ProxyArgument = True,
        *,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int | None = 10,
        max_keepalive_connections: int | None = None,
        keepalive_expiry: float | None = None,
        http1: bool = True,
        http2: bool = False,
        retries: int = 0,
        local_address: str | None = None,
        uds: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
        proxy_ssl_context: ssl.SSLContext | None = None,
        proxy_auth: ProxyAuthArgument = None,
        proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
        happy_eyeballs_delay: float | None = None,
        trace: Trace | None = None,
    ) -> None:
        # What concerns single connections, create_connection() gives them.
        library: Any = super()
        library.__init__(
            max_connections=max_connections, max_keepalive_connections=max_keepalive_connections
        )
        check_http2(http2)
        proxy, proxy_headers = hiding(proxy), hiding(proxy_headers)
        self._backend = self._backend_class(
            proxy,
            proxy_ssl_context=proxy_ssl_context,
            proxy_auth=proxy_auth,
            proxy_headers=proxy_headers,
            happy_eyeballs_delay=happy_eyeballs_delay,
            trace=trace,
        )
        self._of_connections: dict[str, Any] = {
            "ssl_context": PlatformTrust() if ssl_context is None else ssl_context,
            "keepalive_expiry": keepalive_expiry,
            "http1": http1,
            "http2": http2,
            "retries": retries,
            "local_address": local_address,
            "uds": uds,
            "socket_options": None if socket_options is None else list(socket_options),
        }
