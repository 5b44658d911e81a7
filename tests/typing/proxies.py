"""Proxies, routes, authentication, the dialer's streams."""

from __future__ import annotations

import ssl

import trio
from typing_extensions import assert_type

from trio_wsproxy import (
    PAC,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    Failover,
    Look,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyArgument,
    ProxyAuthConversation,
    ProxyAuthRequest,
    ProxyChallenge,
    Route,
    Target,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
    resolve_proxy,
)

URL = "wss://example.org/chat"


def routes() -> None:
    route = resolve_proxy(URL, environ={"https_proxy": "proxy:3128"})
    assert_type(route, Route)
    assert_type(route.hops, tuple[Proxy, ...])
    assert_type(route.target, Target)
    assert_type(route.target.host, str)
    assert_type(route.target.port, int)
    assert_type(route.trail, tuple[Look, ...])
    assert_type(route.trail[0].value, str | None)
    assert_type(route.explain(), str)
    route.source = "me"  # type: ignore[misc]
    resolve_proxy(URL, proxy=("http://one", Proxy("https://two")))
    resolve_proxy(URL, proxy=Failover("http://one", PAC("http://wpad/proxy.pac"), ["a", "b"], None))
    assert_type(route.alternatives, tuple[Route, ...])
    assert_type(Failover(None).alternatives, tuple[ProxyArgument, ...])
    assert_type(PAC("/etc/proxy.pac").source, str)
    assert_type(
        PAC("https://wpad/proxy.pac", ssl_context=ssl.create_default_context()).ssl_context,
        ssl.SSLContext | None,
    )
    Failover(5)  # type: ignore[arg-type]
    PAC(5)  # type: ignore[arg-type]
    resolve_proxy(URL, proxy=False)  # type: ignore[arg-type]
    resolve_proxy(URL, environ={"https_proxy": None})  # type: ignore[dict-item]


def proxies() -> None:
    proxy = Proxy("https://proxy", ssl_context=ssl.create_default_context(), auth="netrc")
    assert_type(proxy.host, str)
    assert_type(proxy.port, int)
    assert_type(proxy.url, str)
    assert_type(proxy.username, str | None)
    Proxy("http://proxy", headers={"X-Ticket": "1", "User-Agent": None})
    Proxy("http://proxy", auth="keyring")
    open_websocket_url(URL, proxy_auth="keyring")
    open_websocket_url(URL, proxy_auth=["keyring"])  # type: ignore[list-item]
    assert_type(Proxy("https://10.0.0.1", server_hostname="proxy.corp").server_hostname, str | None)
    Proxy("https://10.0.0.1", server_hostname=b"proxy.corp")  # type: ignore[arg-type]
    Proxy("http://proxy", auth="negotiate")
    Proxy("http://ada:x@proxy", auth=["ntlm", NegotiateAuth()])
    Proxy("http://proxy", auth="kerberos")  # type: ignore[arg-type]
    Proxy(3128)  # type: ignore[arg-type]
    proxy.port = 3129  # type: ignore[misc]


class Ticket:
    """A scheme of a user's own; no base class is needed."""

    name = "Ticket"

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        assert_type(request.channel_binding, bytes | None)
        return TicketConversation(request.target)


class TicketConversation:
    """What it says to one proxy."""

    needs_same_connection = False

    def __init__(self, target: str) -> None:
        self.target = target

    def first(self) -> None:
        return None

    async def answer(self, challenge: ProxyChallenge) -> str | None:
        assert_type(challenge.scheme, str)
        await trio.sleep(1)
        return f"Ticket {self.target}"

    def accepted(self, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        print(headers)


class NoScheme:
    """Has a name, and begins nothing."""

    name = "None"


def authentication() -> None:
    open_websocket_url(URL, proxy_auth=Ticket())
    NegotiateAuth(hostname="proxy.corp", service="HTTP")
    NegotiateAuth(hostname=b"proxy.corp")  # type: ignore[arg-type]
    assert_type(NegotiateAuth().hostname, str | None)
    open_websocket_url(URL, proxy_auth=[NegotiateAuth(), NTLMAuth("ada", "x"), Ticket()])
    open_websocket_url(URL, proxy=Proxy("http://proxy", auth=[DigestAuth("ada", "x")]))
    open_websocket_url(URL, proxy_auth=(BearerAuth("token"), BasicAuth("ada", "x")))
    schemes = [NegotiateAuth(), DigestAuth("ada", "x")]
    open_websocket_url(URL, proxy_auth=schemes)
    open_websocket_url(URL, proxy_auth=NoScheme())  # type: ignore[arg-type]
    open_websocket_url(URL, proxy_auth=("ada", "x"))  # type: ignore[arg-type]


async def streams() -> None:
    stream = await open_tcp_stream("example.org", 22, proxy="socks5h://proxy")
    assert_type(stream, trio.abc.Stream)
    secure = await open_ssl_over_tcp_stream("example.org", 443, https_compatible=True)
    assert_type(secure, trio.SSLStream[trio.abc.Stream])
    await open_tcp_stream("example.org", 22, ssl_context=None)  # type: ignore[call-arg]
    await open_tcp_stream("example.org", "22")  # type: ignore[arg-type]
