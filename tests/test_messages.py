"""Messages that the documentation shows are those that a failure has; each one is made to happen.

A block behind the comment ``.. Shown by: NAME.`` is what the function of that name here brings about.
Compared are the words: ports, the names that stand for loopback, and how lines are broken are not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio_websocket
from _pages import all_blocks

from trio_wsproxy import BasicAuth, DigestAuth, open_websocket_url, resolve_proxy
from trio_wsproxy.testing import (
    Answer,
    Certificates,
    CutAnswer,
    Fail,
    Stall,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

OFFERS = [("Proxy-Authenticate", "Negotiate"), ("Proxy-Authenticate", "NTLM")]
MASKS = {
    r"127\.0\.0\.1:\d+": "proxy.corp:3128",
    r"(example\.org|proxy\.corp|echo\.test):\d+": r"\1:PORT",
    r"\(Name or service not known\)|\(No address associated with hostname\)": "(WHY)",
    r"Error connecting to \('127\.0\.0\.1', \d+\)|Error connecting to \('proxy.corp', \d+\)": "ERROR",
    r"; it was issued by '[^']*'": "",  # which Python knows from 3.13 on
    r"\s+": " ",
}


async def connect(proxy: Any, url: str = "wss://example.org/", **options: Any) -> None:
    """Open a connection through a proxy."""
    async with open_websocket_url(url, proxy=proxy, **options) as ws:
        await ws.receive()


async def unescaped() -> None:
    """A password with an @ in it."""
    await connect("http://ada:p@ss/word@proxy.corp:3128")


async def scheme() -> None:
    """A scheme with a letter missing."""
    resolve_proxy("wss://example.org/", environ={"https_proxy": "htp://ada:secret@proxy.corp:3128"})


async def refused() -> None:
    """Nobody listens."""
    async with open_http_proxy() as proxy:
        url = proxy.url
    await connect(url)


async def wants_credentials() -> None:
    """A proxy that wants to know who it is."""
    async with open_http_proxy(script=[Fail(407, headers=OFFERS)]) as proxy:
        await connect(proxy.url)


async def wrong_credentials() -> None:
    """A proxy that knows somebody else."""
    async with open_http_proxy(credentials=("ada", "secret")) as proxy:
        await connect(proxy.url_for(credentials=("ada", "guess")))


async def forbidden() -> None:
    """A proxy with rules."""
    async with open_http_proxy(script=[Fail(403)]) as proxy:
        await connect(proxy.url, "ws://example.org:8080/")


async def silent() -> None:
    """A proxy that never answers."""
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        await connect(proxy.url, connect_timeout=0.5)


async def not_http() -> None:
    """The scheme of HTTP, the port of SOCKS."""
    async with open_socks_proxy() as proxy:
        await connect(proxy.url_for("http"))


async def hangs_up() -> None:
    """What ssh -D does where the server is down."""
    async with open_socks_proxy(script=[CutAnswer(0)]) as proxy:
        await connect(proxy.url, "ws://example.org:8080/")


async def unknown_name() -> None:
    """A name that the proxy knows, looked up here."""
    async with open_socks_proxy(resolve={"echo.test": "127.0.0.1"}) as proxy:
        await connect(proxy.url_for("socks5"), "ws://echo.test:8000/")


async def distrusted() -> None:
    """A certificate of an authority that nobody knows."""
    context = Certificates().server_context("example.org")
    async with open_echo_server(ssl_context=context) as echo:
        resolve = {"example.org": (echo.host, echo.port)}
        async with open_http_proxy(resolve=resolve) as proxy:
            await connect(proxy.url)


async def no_websocket() -> None:
    """A web server that has no such page."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async with open_tcp_server(answer) as server:
        resolve = {"example.org": (server.host, server.port)}
        async with open_http_proxy(resolve=resolve) as proxy:
            await connect(proxy.url, "ws://example.org/chat")


async def too_big() -> None:
    """A message above the limit."""

    async def send(request: trio_websocket.WebSocketRequest) -> None:
        ws = await request.accept()
        await ws.send_message("x" * 2_000_000)

    async with open_echo_server(handler=send) as server:
        await connect(None, server.url)


async def went_away() -> None:
    """A connection that is cut."""

    async def go(request: trio_websocket.WebSocketRequest) -> None:
        ws = await request.accept()
        await trio.aclose_forcefully(ws._stream)

    async with open_echo_server(handler=go) as server:
        await connect(None, server.url)


async def colon() -> None:
    """A user name that most schemes cannot carry, and no library for the one that can."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "spnego", None)
        await connect("http://ad%3Aa:secret@proxy.corp:3128")


async def no_such_scheme() -> None:
    """A variable with another word in it."""
    environ = {"https_proxy": "http://proxy.corp:3128", "TRIO_WSPROXY_AUTH": "kerberos"}
    resolve_proxy("wss://example.org/", environ=environ)


async def without_tls() -> None:
    """A password that must not be readable, and a proxy where it would be."""
    auth = BasicAuth("ada", "secret", require_tls=True)
    await connect("http://proxy.corp:3128", proxy_auth=auth)


async def by_the_environment() -> None:
    """As "wants credentials", where a variable names the proxy."""
    async with open_http_proxy(script=[Fail(407, headers=OFFERS)]) as proxy:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("https_proxy", proxy.url)
            await connect(True)


async def names_no_scheme() -> None:
    """A proxy that wants something, and does not say what."""
    answer = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    script = [Answer(answer)]
    async with open_http_proxy(script=script) as proxy:
        await connect(proxy.url, proxy_auth=DigestAuth("ada", "secret"))


SCENARIOS: dict[str, Callable[[], Awaitable[None]]] = {
    function.__name__.replace("_", " "): function
    for function in (
        *(unescaped, scheme, refused, wants_credentials, wrong_credentials, forbidden, silent),
        *(colon, no_such_scheme, without_tls, by_the_environment, names_no_scheme),
        *(not_http, hangs_up, unknown_name, distrusted, no_websocket, too_big, went_away),
    )
}
SHOWN = [
    pytest.param(
        block.comment.removeprefix("Shown by: ").rstrip("."),
        block.text,
        id=f"{block.page}-{block.line}",
    )
    for block in all_blocks()
    if block.comment.startswith("Shown by: ")
]


def masked(text: str) -> str:
    """What is compared."""
    for pattern, replacement in MASKS.items():
        text = re.sub(pattern, replacement, text)
    return text.strip()


async def said(name: str) -> str:
    """The message of a failure, with the name of its class."""
    try:
        await SCENARIOS[name]()
    except Exception as exc:
        while inner := getattr(exc, "exceptions", None):  # of a server's nursery
            exc = inner[0]
        return f"{type(exc).__name__}: {exc}"
    raise AssertionError(name)


@pytest.mark.parametrize(("name", "shown"), SHOWN)
async def test_message(name: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there is said."""
    assert masked(await said(name)) == masked(shown)


def test_all_are_shown() -> None:
    """Each failure here is shown by a page."""
    assert {param.values[0] for param in SHOWN} == set(SCENARIOS)
