"""The pages of the command line: what they show of servers and proxies on loopback is printed."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trio
from _deaf import open_deaf_server
from _example_org import example_org
from _pages import ROOT, checked_by
from _typed import environ, masked, replaced, session, typed
from trio_websocket import ConnectionClosed, WebSocketRequest

from trio_wsproxy.testing import (
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's words")

SESSIONS = {name: session(block) for name, block in checked_by(__file__).items()}
SERVER = "127.0.0.1:33185"
# Nobody is asked who example.org is.
NAMES = """\
import socket
ask = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **by_name: ask(
    "93.184.215.14" if host in ("example.org", b"example.org") else host, *more, **by_name
)
"""
# That of cli-check.rst.
SCRIPT = """\
function FindProxyForURL(url, host) {
  if (isInNet(dnsResolve("localhost"), "10.0.0.0", "255.0.0.0")) return "DIRECT";
  return "PROXY 10.0.0.5:3128; PROXY 10.0.0.6:3128; DIRECT";
}
"""


@pytest.mark.parametrize("name", [name for name in SESSIONS if name.startswith("pipe")])
async def test_pipe(name: str, tmp_path: Path) -> None:
    """What stands there is printed: the messages, and what is told beside them."""
    commands, output = SESSIONS[name]
    async with open_echo_server() as echo:
        async with open_tcp_server(lambda stream: stream.aclose()) as nobody:
            pass
        known = {SERVER: echo.authority, "127.0.0.1:9": nobody.authority}
        printed = await typed(commands, tmp_path, known)
    assert apart(printed) == apart(output), printed


def apart(text: str) -> tuple[str, str]:
    """What is told about a connection, and all else: a message may come while something is told."""
    lines = text.splitlines(keepends=True)
    told = [line for line in lines if re.match(r"[*<>] ", line)]
    return masked("".join(told)), masked("".join(line for line in lines if line not in told))


async def test_anywhere(tmp_path: Path) -> None:
    """The example of all commands is answered by a server that only a SOCKS proxy knows."""
    async with example_org(tmp_path, socks=True) as org:
        known = {"127.0.0.1:1080": org.proxy.authority}
        commands = SESSIONS["anywhere"].commands
        printed = await typed(commands, tmp_path, known, {"SSL_CERT_FILE": str(org.trusted)})
    assert printed == "hello\n"
    assert org.server.requests[0].path == "/chat"


async def test_waits(tmp_path: Path) -> None:
    """A file is sent, a subscription lasts until the server ends it, and a reader may have enough."""
    sends, subscribes, listens = SESSIONS["waits"].commands.splitlines()
    got: list[str | bytes] = []

    async def handle(request: WebSocketRequest) -> None:
        """Take what comes; where somebody subscribes, say three things and close, else go on and on."""
        ws = await request.accept()
        try:
            while request.path == "/inbox":
                got.append(await ws.get_message())
            if "subscribe" not in got:
                got.append(await ws.get_message())
                for number in range(3):
                    await ws.send_message(f"[{number}]")
                return
            for number in itertools.count():
                await ws.send_message(f"[{number}]")
        except ConnectionClosed:
            pass

    (tmp_path / "messages").write_text("one\ntwo\n", encoding="utf-8")
    async with example_org(tmp_path, handler=handle) as org:
        assert await typed(sends, tmp_path, variables=org.variables) == ""
        printed = await typed(subscribes, tmp_path, variables=org.variables)
        objects, _, end = printed.rpartition("\n* ")
        assert objects.replace(" ", "") == "\n".join(f"[\n{number}\n]" for number in range(3))
        assert "closed" in end
        printed = await typed(listens, tmp_path, variables=org.variables)
        assert printed == "[0]\n[1]\n[2]\n"
    assert got == ["one", "two", "subscribe"]


async def test_completion(tmp_path: Path) -> None:
    """The scripts are where the shells look for them."""
    pytest.importorskip("shtab")
    commands = SESSIONS["completion"].commands
    paths = [Path(path) for path in re.findall(r"~/(\S+)", commands)]
    assert len(paths) == 3
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True)
    assert await typed(commands, tmp_path) == ""
    for path in paths:
        assert "--proxy" in (tmp_path / path).read_text(encoding="utf-8")


async def test_demo(tmp_path: Path) -> None:
    """The tables of the page and of README have the rows of a run, in all but their times."""
    masks = {r"(?<=[ ])\d+(\.\d)?(?=[ ,\n]|$)(?! legs)": "TIME"}
    commands, output = SESSIONS["demo"]
    printed = await typed(commands, tmp_path)
    assert masked(printed, masks) == masked(output, masks), printed
    rows = [masked(row, masks) for row in printed.splitlines()]
    shown = SESSIONS["demo in README"].output.splitlines()
    assert len(shown) == 4
    assert {masked(row, masks) for row in shown} <= set(rows)


async def test_explain(tmp_path: Path) -> None:
    """What a script says is explained, with a name that it has asked for."""
    pytest.importorskip("quickjs")
    script = checked_by(__file__)["script"].text.strip().encode()
    commands, output = SESSIONS["explain"]
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "sitecustomize.py").write_text(NAMES, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path / "names"), str(ROOT)])
    async with serving(script) as authority:
        printed = await typed(commands, tmp_path, {"wpad.corp": authority}, {"PYTHONPATH": path})
    printed = printed.replace(authority, "wpad.corp")
    assert masked(printed) == masked(output), printed


@asynccontextmanager
async def serving(script: bytes) -> AsyncIterator[str]:
    """Run a web server that gives a PAC script to whoever asks."""

    async def handle(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(script)
        await stream.send_all(head + script)

    async with open_tcp_server(handle) as server:
        yield server.authority


async def test_talk(tmp_path: Path) -> None:
    """What stands there is to be seen in a terminal, where a message comes while a line is typed."""
    from _conversations import conversation  # which skips what imports it where there is no tmux

    async def handle(request: WebSocketRequest) -> None:
        """Say what is said; to the first message, say more than that."""
        ws = await request.accept()
        try:
            await ws.send_message(await ws.get_message())
            await ws.send_message('{"price":1.10,"symbols":["EUR","USD"]}')
            await ws.send_message(b"\x00\xff")
            while True:
                await ws.send_message(await ws.get_message())
        except ConnectionClosed:
            pass

    shown = SESSIONS["conversation"]
    async with open_echo_server(handler=handle) as echo, open_socks_proxy() as proxy:
        known = {SERVER: echo.authority, "127.0.0.1:43881": proxy.authority}
        seen = await conversation(shown, known, tmp_path)
    assert masked(seen) == masked(shown.output), seen


async def test_interrupted(tmp_path: Path) -> None:
    """The report of a check that waits is shown as far as it came at Ctrl-C."""
    shown, output = SESSIONS["interrupted"]
    async with open_deaf_server() as server:
        commands = replaced(shown, {"127.0.0.1:41893": server.authority})
        process = await trio.lowlevel.open_process(
            ["sh", "-c", f"exec {commands}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environ(tmp_path),
        )
        await server.asked.wait()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        async with process.stdout:
            printed = b"".join([piece async for piece in process.stdout]).decode()
        assert await process.wait() == 130
    assert masked(printed) == masked(output), printed


async def test_pac(tmp_path: Path) -> None:
    """The script's answer is shown, and the alternative that failed."""
    pytest.importorskip("quickjs")
    commands, output = SESSIONS["pac"]
    async with AsyncExitStack() as stack:
        async with open_http_proxy() as bad:
            pass
        echo = await stack.enter_async_context(open_echo_server())
        names = {"echo.example": (echo.host, echo.port)}
        good = await stack.enter_async_context(open_http_proxy(resolve=names))
        script = replaced(SCRIPT, {"10.0.0.5:3128": bad.authority, "10.0.0.6:3128": good.authority})
        web = await stack.enter_async_context(serving(script.encode()))
        printed = await typed(commands, tmp_path, {"wpad.corp": web})
    stands_for = {bad.authority: "10.0.0.5:3128", good.authority: "10.0.0.6:3128"}
    printed = replaced(printed, {**stands_for, web: "wpad.corp"})
    masks = {
        r"(\n  pac +)\S+": r"\1SCRIPT",  # a long one is shortened
        r"(127\.0\.0\.1|10\.0\.0\.\d) (connected|Connection refused)": r"ADDRESS \2",
    }
    assert masked(printed, masks) == masked(output, masks), printed
