"""What the documentation shows of Python runs: each block that is no program of its own, and what it prints.

A block is executed as a module, among the hosts that it names (``_named_hosts``). Its function ``main`` is
run then, and another one by what stands below. Programs that bring their own servers run in tests/test_docs.py.
"""

from __future__ import annotations

import ast
import gc
import logging
import re
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trio
import trio_websocket
from _named_hosts import Hosts, named_hosts
from _pages import PAGES, Block, blocks, is_snippet

from trio_wsproxy import ServerRejected, open_websocket_url
from trio_wsproxy.testing import Fail, open_echo_server, open_http_proxy, open_tcp_server

MASKS = {
    r"[\d.]+ (m?s)\b": r"TIME \1",
    r"█+": "",
    r"127\.0\.0\.1": "192.0.2.7",
    r"[ \n]+": " ",
}
Names = Any  # what a block has defined


def snippets() -> list[Any]:
    """The blocks, each with what it prints, if that is shown."""
    found = []
    for page in PAGES:
        of_page = blocks(page)
        for number, block in enumerate(of_page):
            if not is_snippet(block):
                continue
            following = [other for other in of_page[number + 1 : number + 2] if other.output]
            shown = following[0].text if following else ""
            found.append(pytest.param(block, shown, id=f"{block.page}-{block.line}"))
    return found


@pytest.fixture
async def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    """What the examples name."""
    async with named_hosts(tmp_path, monkeypatch) as running:
        yield running


async def save(names: Names, hosts: Hosts) -> None:
    """Connection: a message goes into a file, and comes out of one."""
    Path("sent").write_bytes(b"x" * 100_000)
    async with open_websocket_url("wss://example.org") as ws:
        await ws.send(b"x" * 100_000)
        await names.save(ws, "received")
    assert Path("received").read_bytes() == b"x" * 100_000


async def upload(names: Names, hosts: Hosts) -> None:
    """Connection: what a file has is one message."""
    Path("file").write_bytes(b"y" * 100_000)
    async with open_websocket_url("wss://example.org") as ws:
        await names.upload(ws, "file")
        assert await ws.receive() == b"y" * 100_000


async def send_all(names: Names, hosts: Hosts) -> None:
    """Connection: all of them arrive."""
    messages = [str(number) for number in range(100)]
    async with open_websocket_url("wss://example.org") as ws:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(names.send_all, ws, messages)
            assert [await ws.receive() for _ in messages] == messages


async def follow(names: Names, hosts: Hosts) -> None:
    """Connection: the loop goes on after a connection was lost, until the server says goodbye for good."""
    seen: list[str | bytes] = []
    enough = trio.Event()

    async def cut(request: trio_websocket.WebSocketRequest) -> None:
        ws = await request.accept()
        seen.append(await ws.get_message())
        if len(seen) == 2:
            enough.set()
        await trio.aclose_forcefully(ws._stream)

    async with open_echo_server(handler=cut) as server, trio.open_nursery() as nursery:
        nursery.start_soon(names.follow, server.url)
        await enough.wait()
        nursery.cancel_scope.cancel()
    assert seen == ["subscribe", "subscribe"]


async def retry(names: Names, hosts: Hosts) -> None:
    """Connection: 500 is tried again, the rest is as usual."""
    refused = ServerRejected(500, (), b"", url="wss://example.org")
    assert names.retry(refused) is True
    assert names.retry(OSError()) is None


async def first_part(names: Names, hosts: Hosts) -> None:
    """HTTP: a stream is left before its end, and its connection closed."""
    from trio_wsproxy.httpcore import AsyncHTTPTransport

    left = trio.Event()

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello")
        with suppress(trio.BrokenResourceError):  # as Windows has it
            assert await stream.receive_some() == b""
        left.set()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of the generators in httpx
        async with open_tcp_server(answer) as server:
            async with httpx.AsyncClient(transport=AsyncHTTPTransport()) as client:
                assert await names.first_part(client, f"http://{server.authority}/") == b"hello"
                await left.wait()
        gc.collect()


async def ticket(names: Names, hosts: Hosts) -> None:
    """Proxies: a scheme of one's own answers its challenge."""
    script = [Fail(407, headers=[("Proxy-Authenticate", 'Ticket realm="corp"')])]
    async with open_http_proxy(script=script) as proxy:
        hosts.add(proxy, "proxy.corp:3128")
        with pytest.raises(OSError, match="it refuses these credentials"):
            async with open_websocket_url("wss://example.org", proxy=names.proxy):
                pass
    said = [request.header("proxy-authorization") for request in proxy.requests]
    assert said == [None, "Ticket corp-for-example.org:443"]


async def headers(names: Names, hosts: Hosts) -> None:
    """Proxies: a function makes the headers of a tunnel."""
    Path("tickets").mkdir()
    Path("tickets", "proxy.corp").write_text("t0ken\n", encoding="utf-8")
    async with names.open_websocket_url(
        names.url, proxy="http://proxy.corp:3128", proxy_headers=names.headers
    ):
        pass
    assert hosts.proxy.requests[0].header("x-ticket") == "t0ken"


async def open_chat(names: Names, hosts: Hosts) -> None:
    """Reference: a function that passes on its options."""
    async with names.open_chat("lobby", subprotocols=["chat"]) as ws:
        assert ws.path == "/lobby"


DRIVERS: dict[str, Callable[[Names, Hosts], Awaitable[None]]] = {
    "make_ticket": ticket,
    **{
        function.__name__: function
        for function in (save, upload, send_all, follow, retry, first_part, headers, open_chat)
    },
}


def masked(text: str) -> str:
    """What is compared."""
    for pattern, replacement in MASKS.items():
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text.strip()


@pytest.mark.parametrize(("block", "shown"), snippets())
async def test_snippet(
    block: Block,
    shown: str,
    hosts: Hosts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It runs, with all that it defines, and prints what stands below it."""
    if "import truststore" in block.text and sys.platform in ("darwin", "win32"):
        pytest.skip("there it asks the system, which no test changes")
    name = "connect_websocket_url"  # which one block replaces
    monkeypatch.setattr(trio_websocket, name, getattr(trio_websocket, name))
    monkeypatch.setattr(logging.getLogger("trio_wsproxy"), "filters", [])
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(block.text, block.name, "exec", dont_inherit=True), names)
    functions = [
        node.name
        for node in ast.parse(block.text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    if "main" in functions:
        await names["main"]()
    elif functions:
        await DRIVERS[functions[-1]](SimpleNamespace(**names), hosts)
    printed = capsys.readouterr().out
    if shown:
        assert masked(printed) == masked(shown), printed
