"""README's table of what others can do: each cell is tried, with all of them installed from PyPI.

A row that says ``yes`` of a client is one in which that client gets a message to a server and back,
through the proxies of that row; ``no`` is one in which it does not. All of it runs on trio.
"""

from __future__ import annotations

import gc
import re
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
import trio_websocket

import trio_wsproxy
from trio_wsproxy.testing import (
    Certificates,
    Fail,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

README = Path(__file__).parent.parent.parent / "README.md"
CERTIFICATES = Certificates()
ENVIRONMENT = "the environment"  # in the place of a proxy
PATIENCE = 20  # seconds, for a client that waits where it should fail


class Way(NamedTuple):
    """Where to, through what; a sequence of proxies is a chain."""

    url: str
    proxy: str | list[str] | trio_wsproxy.PAC | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """One that trusts server and proxies."""
        return CERTIFICATES.client_context()

    def only_url(self) -> str | None:
        """The proxy, for clients that know no other kinds of values."""
        if isinstance(self.proxy, str) or self.proxy is None:
            return self.proxy
        raise NotImplementedError


async def ours(way: Way) -> None:
    """With this package."""
    proxy: Any = True if way.proxy == ENVIRONMENT else way.proxy
    secure = way.context if way.url.startswith("wss") else None
    to_proxy = way.context if str(proxy).startswith("https") else None
    async with trio_wsproxy.open_websocket_url(
        way.url, secure, proxy=proxy, proxy_ssl_context=to_proxy, compression="deflate"
    ) as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"


async def websockets(way: Way) -> None:
    """With websockets' client for trio."""
    client = pytest.importorskip("websockets.trio.client")
    options: dict[str, Any] = {}
    if way.url.startswith("wss"):
        options["ssl"] = way.context
    if (way.only_url() or "").startswith("https"):
        options["proxy_ssl"] = way.context
    proxy = True if way.proxy == ENVIRONMENT else way.proxy
    async with client.connect(way.url, proxy=proxy, **options) as ws:
        await ws.send("hello")
        assert await ws.recv() == "hello"


async def trio_websocket_(way: Way) -> None:
    """With trio-websocket, which has no argument for a proxy."""
    if way.proxy not in (None, ENVIRONMENT):
        raise NotImplementedError
    secure = way.context if way.url.startswith("wss") else None
    async with trio_websocket.open_websocket_url(way.url, secure) as ws:
        await ws.send_message("hello")
        assert await ws.get_message() == "hello"


async def httpx_ws(way: Way) -> None:
    """With httpx-ws, in an httpx client on trio."""
    httpx, aconnect = pytest.importorskip("httpx"), pytest.importorskip("httpx_ws").aconnect_ws
    proxy = way.only_url()
    to_proxy = way.context if (proxy or "").startswith("https") else None
    given = None if proxy in (None, ENVIRONMENT) else httpx.Proxy(proxy, ssl_context=to_proxy)
    async with httpx.AsyncClient(verify=way.context, proxy=given) as client:
        async with aconnect(way.url.replace("ws", "http", 1), client) as ws:
            await ws.send_text("hello")
            assert await ws.receive_text() == "hello"


CLIENTS: dict[str, Callable[[Way], Awaitable[None]]] = {
    "trio_wsproxy": ours,
    "websockets": websockets,
    "trio-websocket": trio_websocket_,
    "httpx-ws": httpx_ws,
}


@asynccontextmanager
async def direct() -> AsyncIterator[Way]:
    """No proxy."""
    async with open_echo_server() as echo:
        yield Way(echo.url)


@asynccontextmanager
async def http() -> AsyncIterator[Way]:
    """A proxy with a password."""
    context = CERTIFICATES.server_context()
    async with (
        open_echo_server(ssl_context=context) as echo,
        open_http_proxy(credentials=("ada", "pw")) as proxy,
    ):
        yield Way(echo.url_for("localhost"), proxy.url)
        assert proxy.logins


@asynccontextmanager
async def tls_in_tls() -> AsyncIterator[Way]:
    """A proxy that is spoken to in TLS, and a server that is, too."""
    context = CERTIFICATES.server_context
    async with (
        open_echo_server(ssl_context=context()) as echo,
        open_http_proxy(ssl_context=context()) as proxy,
    ):
        yield Way(echo.url_for("localhost"), proxy.url)


@asynccontextmanager
async def socks5h() -> AsyncIterator[Way]:
    """A name that only the proxy knows."""
    async with (
        open_echo_server() as echo,
        open_socks_proxy(resolve={"echo.test": echo.host}, credentials=("ada", "pw")) as proxy,
    ):
        yield Way(echo.url_for("echo.test"), proxy.url)


@asynccontextmanager
async def socks4a() -> AsyncIterator[Way]:
    """Likewise, of SOCKS4."""
    async with (
        open_echo_server() as echo,
        open_socks_proxy(resolve={"echo.test": echo.host}, versions=(4,)) as proxy,
    ):
        yield Way(echo.url_for("echo.test"), proxy.url_for("socks4a"))


@asynccontextmanager
async def chain() -> AsyncIterator[Way]:
    """Two proxies, one behind the other."""
    async with (
        open_echo_server() as echo,
        open_http_proxy() as first,
        open_socks_proxy() as second,
    ):
        yield Way(echo.url, [first.url, second.url])


@asynccontextmanager
async def settings() -> AsyncIterator[Way]:
    """A proxy that a variable names; the server's name is known to it alone."""
    async with (
        open_echo_server(ssl_context=CERTIFICATES.server_context("echo.test")) as echo,
        open_http_proxy(resolve={"echo.test": echo.host}) as proxy,
    ):
        with pytest.MonkeyPatch.context() as patch:
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                patch.setenv(name, proxy.url)
            patch.delenv("no_proxy", raising=False)
            patch.delenv("NO_PROXY", raising=False)
            yield Way(echo.url_for("echo.test"), ENVIRONMENT)


@asynccontextmanager
async def pac() -> AsyncIterator[Way]:
    """A proxy that a PAC script names."""
    pytest.importorskip("quickjs")
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        answer = f'function FindProxyForURL(url, host) {{ return "PROXY {proxy.authority}"; }}'
        yield Way(echo.url, trio_wsproxy.PAC(answer))


@asynccontextmanager
async def digest() -> AsyncIterator[Way]:
    """A proxy that wants Digest; whoever has sent it a Digest answer gets by."""
    challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256')
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        proxy.script = [Fail(407, headers=[challenge])]
        try:
            yield Way(echo.url, proxy.url_for(credentials=("ada", "pw")))
        except Exception:
            sent = [request.header("proxy-authorization") or "" for request in proxy.requests]
            if not any(value.startswith("Digest ") for value in sent):
                raise


@asynccontextmanager
async def compressed() -> AsyncIterator[Way]:
    """A server that looks whether permessage-deflate is offered, and hangs up."""
    heads = []

    async def server(stream: trio.abc.Stream) -> None:
        heads.append(await stream.receive_some(65536))

    async with open_tcp_server(server) as listening:
        try:
            yield Way(f"ws://{listening.authority}/")
        except Exception:
            if b"permessage-deflate" not in heads[0]:
                raise


ROWS = {
    "connects on trio": direct,
    "HTTP proxy with a password": http,
    "`https://` proxy, `wss://` in it (TLS in TLS)": tls_in_tls,
    "SOCKS 5, names resolved by the proxy": socks5h,
    "SOCKS 4a": socks4a,
    "a chain of proxies": chain,
    "`http_proxy` and the like, unasked": settings,
    "a PAC script": pac,
    "Digest with a proxy": digest,
    "offers compression": compressed,
}


def table() -> dict[tuple[str, str], str]:
    """The cells of README's table, by row and client."""
    text = README.read_text(encoding="utf-8").partition("\n## Why not")[2].partition("\n## ")[0]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    lines = [[re.sub("&shy;|&#8203;", "", cell) for cell in line] for line in lines]
    clients = [re.sub(r"[`*]|\[([^]]*)\]\(.*?\)", r"\1", cell) for cell in lines[0]]
    clients[0] = clients[0].removeprefix("what ").removesuffix(" does")
    return {
        (row[0], client): cell
        for row in lines[2:]
        # The first column says what trio_wsproxy does, so all of it is a yes.
        for client, cell in zip(clients, ["yes", *row[1:]], strict=True)
    }


TABLE = table()


@pytest.fixture(autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """Sweep up what other clients leave behind, or it is found in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_all_is_tried() -> None:
    """The table has a cell for each row here and each client, or for a row that says where it is shown."""
    for row in ROWS:
        assert {client for shown, client in TABLE if shown == row} == set(CLIENTS), row
    others = {row for row, _ in TABLE} - set(ROWS)
    assert all(re.search(r"\]\(", row) for row in others), others


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("row", ROWS)
async def test_cell(row: str, client: str) -> None:
    """It says ``yes`` where the client gets a message through, and ``no`` where it does not."""
    expected = TABLE[row, client].startswith("yes")
    works = True
    try:
        async with AsyncExitStack() as stack:
            way = await stack.enter_async_context(ROWS[row]())
            with trio.fail_after(PATIENCE):
                await CLIENTS[client](way)
    except ModuleNotFoundError:
        raise
    except Exception as exc:
        works = False
        print(repr(exc))  # noqa: T201  # shown by pytest where the cell is wrong
    assert works is expected
