"""Functions of a program's own that pass options on, and the aliases in their annotations."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

import trio
from typing_extensions import Unpack

from trio_wsproxy import (
    HeadersArgument,
    Look,
    MakeProxyHeaders,
    Options,
    Proxy,
    ProxyArgument,
    ProxyAuthArgument,
    ProxyHeadersArgument,
    Reconnections,
    Route,
    Stage,
    StageName,
    StreamOptions,
    Target,
    Trace,
    WebSocketConnection,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    reconnecting_websocket_url,
    wrap_client_stream,
)

URL = "wss://example.org/chat"


def open_chat(
    room: str, **options: Unpack[Options]
) -> AbstractAsyncContextManager[WebSocketConnection]:
    options.setdefault("ping_interval", None)
    return open_websocket_url(f"{URL}/{room}", **options)


def open_parts(**options: Unpack[Options]) -> AbstractAsyncContextManager[WebSocketConnection]:
    return open_websocket("example.org", 443, "/", use_ssl=True, **options)


def follow(**options: Unpack[Options]) -> AbstractAsyncContextManager[Reconnections]:
    return reconnecting_websocket_url(URL, max_delay=5, **options)


async def connect(nursery: trio.Nursery, **options: Unpack[Options]) -> WebSocketConnection:
    return await connect_websocket_url(nursery, URL, **options)


async def wrap(
    nursery: trio.Nursery, stream: trio.abc.Stream, **options: Unpack[StreamOptions]
) -> WebSocketConnection:
    return await wrap_client_stream(nursery, stream, "example.org", "/", **options)


async def calls(nursery: trio.Nursery, stream: trio.abc.Stream) -> None:
    open_chat("lobby", proxy="socks5h://proxy", connect_timeout=7)
    open_chat("lobby", proxies="socks5h://proxy")  # type: ignore[call-arg]
    open_chat("lobby", connect_timeout="7")  # type: ignore[arg-type]
    open_parts(proxy=7)  # type: ignore[arg-type]
    follow(compression="deflate", ping_timeout=None)
    follow(compression=True)  # type: ignore[arg-type]
    await connect(nursery, max_redirects=3)
    await wrap(nursery, stream, subprotocols=("a", "b"))
    await wrap(nursery, stream, proxy=None)  # type: ignore[call-arg]
    await wrap_client_stream(nursery, stream, "example.org", "/", max_redirects=1)  # type: ignore[call-arg]


def kept(debug: bool) -> Options:
    options = Options(proxy=None, trace=print if debug else None)
    options["max_message_size"] = None
    options["happy_eyeballs_delay"] = "soon"  # type: ignore[typeddict-item]
    options["retries"] = 3  # type: ignore[typeddict-unknown-key]
    return options


class Client:
    """What a library keeps of what it was given."""

    def __init__(
        self,
        proxy: ProxyArgument = True,
        headers: HeadersArgument | None = None,
        proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
        proxy_auth: ProxyAuthArgument = None,
        trace: Trace | None = None,
    ) -> None:
        self.proxy: ProxyArgument = proxy
        self.headers = headers
        self.proxy_headers = proxy_headers
        self.proxy_auth: ProxyAuthArgument = proxy_auth
        self.trace = trace
        self.stage: StageName | None = None

    def connect(self) -> AbstractAsyncContextManager[WebSocketConnection]:
        return open_websocket_url(
            URL,
            extra_headers=self.headers,
            proxy=self.proxy,
            proxy_headers=self.proxy_headers,
            proxy_auth=self.proxy_auth,
            trace=self.trace,
        )


def way(route: Route) -> tuple[Target, list[Look], list[Proxy]]:
    return route.target, list(route.trail), list(route.hops)


def traces(event: str, stage: Stage) -> None:
    print(event, stage.name)


async def proxy_headers(proxy: Proxy, authority: str) -> ProxyHeadersArgument | None:
    return {"X-Ticket": proxy.host, "User-Agent": None} if authority else None


Client("http://proxy", {"A": "1"}, proxy_headers, "netrc", traces)
Client(["http://proxy", Proxy("socks5h://gateway")], trace=print)
Client(proxy=False)  # type: ignore[arg-type]
Client(proxy_auth="basic")
Client(proxy_auth="ada:x")  # type: ignore[arg-type]
Client(proxy_headers={"A": 1})  # type: ignore[arg-type]
Client(trace=lambda: None)  # type: ignore[arg-type, misc]
