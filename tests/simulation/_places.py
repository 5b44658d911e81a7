"""The hosts of a scenario: a server, and the proxies on the way to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from _asking_proxy import ntlm_user, open_asking_proxy
from _handler import Handler
from _record import Record
from _routes import DOMAIN, LOGINS, PASSWORD, USER, Route, Scheme, speaks_tls

from trio_wsproxy import Proxy
from trio_wsproxy.testing import (
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)
from trio_wsproxy.testing.simulate import Certificates, Universe

TOKEN = "t0p-s3cret-t0ken"

SERVER = "echo.test"
PROXIES = ("one.test", "two.test", "three.test")
HOSTS = {
    SERVER: ("10.0.0.2", "fd00::2"),
    "half.test": ("10.8.8.8", "10.0.0.2"),  # the same, and nobody answers at its first address
    "wrong.test": (
        "10.0.0.9",
        "10.0.0.2",
    ),  # the same, and who is at its first address does not listen
    "one.test": ("10.0.1.1",),
    "two.test": ("10.0.1.2",),
    "three.test": ("10.0.1.3",),
}

CERTIFICATES = Certificates()


@dataclass
class Places:
    """What a client needs to know of the hosts.

    Attributes:
      proxies: The URLs of the hops, nearest first.
      client_context: For TLS with the server.

    """

    route: Route
    port: int
    raw_port: int
    proxies: list[str] = field(default_factory=list)

    def url(self, path: str = "/", *, raw: bool = False) -> str:
        """The server's URL."""
        port = self.raw_port if raw else self.port
        return f"{'wss' if self.route.tls else 'ws'}://{SERVER}:{port}{path}"

    @property
    def options(self) -> dict[str, Any]:
        """What ``open_websocket_url`` is to be called with."""
        context = CERTIFICATES.client_context()
        proxy: list[str | Proxy] = [*self.proxies]
        if self.route.asks:
            proxy[-1] = Proxy(self.proxies[-1], auth=LOGINS[self.route.asks])
        return {
            "ssl_context": context if self.route.tls else None,
            "proxy": proxy or None,
            "proxy_ssl_context": context if any(map(speaks_tls, self.route.hops)) else None,
            "extra_headers": [("Authorization", f"Bearer {TOKEN}")],
            "connect_timeout": CONNECT_TIMEOUT,
            "disconnect_timeout": DISCONNECT_TIMEOUT,
        }


CONNECT_TIMEOUT = 30.0
DISCONNECT_TIMEOUT = 10.0


def context_of(host: str, *, tls: bool) -> ssl.SSLContext | None:
    """The server-side context of a host, where it speaks TLS."""
    return CERTIFICATES.server_context(host) if tls else None


@asynccontextmanager
async def places(universe: Universe, route: Route, record: Record) -> AsyncIterator[Places]:
    """Run the servers of a route."""
    async with trio.open_nursery() as nursery:
        async with AsyncExitStack() as stack:
            if route.asks == "ntlm":
                stack.enter_context(ntlm_user(DOMAIN, USER, PASSWORD))
            server_tls = context_of(SERVER, tls=route.tls)
            handler = Handler(universe, record)
            echo = await stack.enter_async_context(
                universe.serve(
                    SERVER,
                    open_echo_server,
                    address="::",
                    ssl_context=server_tls,
                    handler=handler.serve,
                )
            )
            raw = await stack.enter_async_context(
                universe.serve(
                    SERVER,
                    open_tcp_server,
                    address="::",
                    handler=handler.raw,
                    ssl_context=server_tls,
                )
            )
            found = Places(route, echo.port, raw.port)
            handler.elsewhere = found.url("/moved")
            for number, (scheme, host) in enumerate(
                zip(route.hops, PROXIES, strict=False), start=1
            ):
                proxy = await stack.enter_async_context(
                    _proxy(universe, scheme, host, route, record)
                )
                record.tunnels[number] = []
                nursery.start_soon(_note_tunnels, proxy, record.tunnels[number])
                # Only one of a chain wants to know who comes, or credentials would not be told apart.
                last = number == len(route.hops)
                password = None if scheme == "socks4" else PASSWORD  # it knows user ids only
                login = (USER, password) if route.login and last else None
                name = None if last and route.asks else scheme
                found.proxies.append(proxy.url_for(name, host=host, credentials=login))
                record.asked.append((scheme, getattr(proxy, "requests", [])))
                record.secrets = getattr(proxy, "secrets", record.secrets)
            yield found
        nursery.cancel_scope.cancel()


def _proxy(universe: Universe, scheme: Scheme, host: str, route: Route, record: Record) -> Any:
    last = host == PROXIES[len(route.hops) - 1]
    credentials = (USER, PASSWORD) if route.login and last else None
    context = context_of(host, tls=speaks_tls(scheme))
    if last and route.asks:
        return universe.serve(
            host,
            open_asking_proxy,
            scheme=route.asks,
            ssl_context=context,
            credentials=(USER, PASSWORD),
            odd=record.odd,
        )
    if scheme in ("http", "https"):
        return universe.serve(
            host, open_http_proxy, address="::", ssl_context=context, credentials=credentials
        )
    return universe.serve(host, open_socks_proxy, credentials=credentials)


async def _note_tunnels(proxy: Any, times: list[float]) -> None:
    while True:
        await proxy.wait_for("tunnel", len(times) + 1)
        times.append(trio.current_time())
