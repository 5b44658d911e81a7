"""The pages of the command line: what they show of servers and proxies on loopback is printed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from _pages import checked_by
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
# The pages' script, and what of its names stands for what.
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


async def test_talk(tmp_path: Path) -> None:
    """What stands there is to be seen in a terminal, where a message comes while a line is typed."""
    from _conversations import conversation

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
    asked = trio.Event()

    async def never_answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        asked.set()
        await trio.sleep_forever()

    async with open_tcp_server(never_answer) as server:
        commands = replaced(shown, {"127.0.0.1:41893": server.authority})
        process = await trio.lowlevel.open_process(
            ["sh", "-c", f"exec {commands}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=environ(tmp_path),
        )
        await asked.wait()
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

        async def web_server(stream: trio.abc.Stream) -> None:
            await stream.receive_some()
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(script)
            await stream.send_all(head + script.encode())

        web = await stack.enter_async_context(open_tcp_server(web_server))
        printed = await typed(commands, tmp_path, {"wpad.corp": web.authority})
    stands_for = {bad.authority: "10.0.0.5:3128", good.authority: "10.0.0.6:3128"}
    printed = replaced(printed, {**stands_for, web.authority: "wpad.corp"})
    masks = {
        r"(\n  pac +)\S+": r"\1SCRIPT",  # a long one is shortened
        r"(127\.0\.0\.1|10\.0\.0\.\d) (connected|Connection refused)": r"ADDRESS \2",
    }
    assert masked(printed, masks) == masked(output, masks), printed
