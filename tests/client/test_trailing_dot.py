"""The dot at the end of a name: who is to see it, and who is not, on the wire."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pytest
import trio

from trio_wsproxy import Proxy, open_websocket_url, resolve_proxy
from trio_wsproxy.testing import (
    Certificates,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)

NAME = "api.test"


class Names(trio.abc.HostnameResolver):
    """A name service that knows whole names, with their dot, and tells what it was asked."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.asked: list[str] = []
        self._addresses = addresses
        trio.socket.set_custom_hostname_resolver(self)  # until the end of this trio run

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if name not in self._addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        end = (self._addresses[name], port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", end)]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


def server_names(context: ssl.SSLContext) -> list[str | None]:
    """Have a server note the names that clients ask it for in TLS."""
    seen: list[str | None] = []
    context.sni_callback = lambda _, name, __: seen.append(name)
    return seen


@pytest.mark.parametrize("scheme", [None, "socks4", "socks5"])
async def test_name_that_is_looked_up_here(scheme: str | None) -> None:
    """The resolver of this machine gets the dot, and so no search domain is tried."""
    async with open_echo_server() as server, open_socks_proxy() as proxy:
        names = Names({f"{NAME}.": server.host})
        way = scheme and proxy.url_for(scheme)
        url = server.url_for(f"{NAME}.")
        async with open_websocket_url(url, proxy=way) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
        assert names.asked == [f"{NAME}."]
        assert server.requests[0].header("host") == f"{NAME}.:{server.port}"


@pytest.mark.parametrize("scheme", ["http", "socks4a", "socks5h"])
async def test_name_that_a_proxy_looks_up(scheme: str) -> None:
    """CONNECT, SOCKS and the Host header get it, too."""
    async with open_echo_server() as server:
        opener: Any = open_http_proxy if scheme == "http" else open_socks_proxy
        async with opener(resolve={f"{NAME}.": server.host}) as proxy:
            url = server.url_for(f"{NAME}.")
            async with open_websocket_url(url, proxy=proxy.url_for(scheme)):
                pass
            assert proxy.requests[0].host == f"{NAME}."
            assert server.requests[0].header("host") == f"{NAME}.:{server.port}"


async def test_tls_does_not_see_it() -> None:
    """The server name in TLS and the name in the certificate have no dot (RFC 6066 section 3)."""
    certificates = Certificates()
    context = certificates.server_context(NAME)
    seen = server_names(context)
    async with open_echo_server(ssl_context=context) as server:
        Names({f"{NAME}.": server.host})
        url = server.url_for(f"{NAME}.")
        async with open_websocket_url(url, certificates.client_context(), proxy=None):
            pass
        assert seen == [NAME]
        assert server.requests[0].header("host") == f"{NAME}.:{server.port}"


async def test_proxy() -> None:
    """So it is with the name of a proxy: looked up with it, certified without it."""
    certificates = Certificates()
    context = certificates.server_context("proxy.test")
    seen = server_names(context)
    async with open_echo_server() as server, open_http_proxy(ssl_context=context) as proxy:
        names = Names({"proxy.test.": proxy.host})
        hop = Proxy(f"https://proxy.test.:{proxy.port}", ssl_context=certificates.client_context())
        async with open_websocket_url(server.url, proxy=hop):
            pass
        assert names.asked == ["proxy.test."]
        assert seen == ["proxy.test"]
        assert hop.url == f"https://proxy.test.:{proxy.port}"


async def test_localhost() -> None:
    """No search domain is tried for localhost (RFC 6761), so it is looked up as it is known."""
    async with open_echo_server() as server:
        names = Names({"localhost": server.host})
        async with open_websocket_url(server.url_for("LOCALHOST.")):
            pass
        assert names.asked == ["localhost"]


@pytest.mark.parametrize("entry", [NAME, f"{NAME}.", f".{NAME}", "test", "*.test", "*.test."])
@pytest.mark.parametrize("host", [NAME, f"{NAME}."])
def test_no_proxy_does_not_see_it(entry: str, host: str) -> None:
    """In no_proxy the dot does not matter, on either side."""
    environ = {"https_proxy": "http://p", "no_proxy": entry}
    assert not resolve_proxy(f"wss://{host}", environ=environ).hops
    assert resolve_proxy("wss://other", environ=environ).hops
