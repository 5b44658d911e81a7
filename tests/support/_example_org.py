"""``wss://example.org``, which the documentation's examples connect to, behind a proxy on loopback.

Nobody looks the name up but that proxy, and the certificate is good for whoever trusts the file: an
example runs as it stands, in an environment that names both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from trio_websocket import WebSocketRequest

from trio_wsproxy.testing import (
    Certificates,
    EchoServer,
    ProxyServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)

NAME = "example.org"


@dataclass(frozen=True)
class ExampleOrg:
    """What runs.

    Attributes:
      server: The one that is called so.
      proxy: The only one who knows.
      trusted: A file with the authority that has signed for it.

    """

    server: EchoServer
    proxy: ProxyServer
    trusted: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which everybody gets there."""
        return {"wss_proxy": self.proxy.url, "SSL_CERT_FILE": str(self.trusted)}


@asynccontextmanager
async def example_org(
    home: Path,
    *,
    handler: Callable[[WebSocketRequest], Awaitable[object]] | None = None,
    socks: bool = False,
) -> AsyncIterator[ExampleOrg]:
    """Run it.

    Args:
      home: A directory for files.
      handler: What the server does; without one it says what it is told.
      socks: Whether the proxy speaks SOCKS.

    Yields:
      What runs.

    """
    certificates = Certificates()
    trusted = home / "example.org.pem"
    trusted.write_bytes(certificates.ca_pem)
    context = certificates.server_context(NAME)
    async with open_echo_server(ssl_context=context, handler=handler) as server:
        names = {NAME: (server.host, server.port)}
        async with (open_socks_proxy if socks else open_http_proxy)(resolve=names) as proxy:
            yield ExampleOrg(server, proxy, trusted)
