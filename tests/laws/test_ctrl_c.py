"""Ctrl-C at each line of ours in turn: it comes out, at once, and nothing is left waiting.

SIGINT is raised wherever the interpreter is about to run a line of the connection or of the streams
below it, whoever runs it: the task of the user's that sends, receives or closes, or the attendant.
Python's handler is trio's, which decides whether it comes right there or at the next checkpoint.
"""

from __future__ import annotations

import functools
import itertools
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import pytest
import trio

import trio_wsproxy
from trio_wsproxy import Proxy, WebSocketConnection, open_websocket_url
from trio_wsproxy.testing import Certificates, open_echo_server, open_http_proxy

OURS = tuple(
    f"{trio_wsproxy.__path__[0]}/{room}"
    for room in ("_websocket/", "_transport/_t", "_client/_hosting")
)
PATIENCE = 30  # seconds for what takes milliseconds: half of a disconnect_timeout


class PressedAt:
    """Presses Ctrl-C at the line of ours with this number, from now on."""

    def __init__(self, number: int) -> None:
        self._left = number
        self.pressed = False

    def __enter__(self) -> None:
        sys.settrace(self._trace)
        frame = sys._getframe(1)
        while frame.f_back is not None:  # those that run already
            if frame.f_code.co_filename.startswith(OURS):
                frame.f_trace = self._trace
            frame = frame.f_back

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if event == "line":
            self._left -= 1
            if self._left < 0 and not self.pressed:
                self.pressed = True
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._trace


async def echo(ws: WebSocketConnection) -> None:
    """Send, and receive what comes back."""
    await ws.send("hello")
    assert await ws.receive() == "hello"


async def send_much(ws: WebSocketConnection) -> None:
    """Send more than the kernel takes at once."""
    await ws.send(b"x" * 2**18)
    await ws.drain()


async def close(ws: WebSocketConnection) -> None:
    """Close in the block."""
    await ws.aclose()


async def ping(ws: WebSocketConnection) -> None:
    """Wait for a pong."""
    await ws.ping()


async def press(
    use: Callable[[WebSocketConnection], Awaitable[None]], layers: int, number: int, seen: list[Any]
) -> None:
    """Open a connection, use it, and leave it, while somebody presses Ctrl-C."""
    certificates = _certificates()
    client = certificates.client_context() if layers else None
    server = certificates.server_context() if layers else None
    async with (
        open_echo_server(ssl_context=server) as echo_server,
        open_http_proxy(ssl_context=server) as relay,
    ):
        proxy = Proxy(relay.url, ssl_context=client) if layers == 2 else None
        began = 0.0
        ws: WebSocketConnection | None = None
        try:
            async with open_websocket_url(echo_server.url, client, proxy=proxy) as ws:
                pressed = PressedAt(number)
                began = time.monotonic()
                with pressed:
                    await use(ws)
                    await ws.aclose()
                await trio.sleep(0)
        finally:
            assert ws is not None
            seen.append((pressed.pressed, time.monotonic() - began, ws))
        if pressed.pressed:
            await trio.sleep_forever()  # where it comes at the latest


@functools.cache
def _certificates() -> Certificates:
    return Certificates()


@pytest.mark.parametrize("layers", [0, 1, 2], ids=["plain", "TLS", "TLS in TLS"])
@pytest.mark.parametrize("use", [echo, send_much, close, ping])
def test_ctrl_c_at_each_line(
    use: Callable[[WebSocketConnection], Awaitable[None]], layers: int
) -> None:
    """It comes out, the block is left promptly, and the connection is closed."""
    step = 41 if layers else 13  # one line of so many is tried: each is a connection
    for number in itertools.count(layers, step):
        seen: list[Any] = []

        async def main(number: int = number, seen: list[Any] = seen) -> None:
            with trio.fail_after(PATIENCE):
                await press(use, layers, number, seen)

        try:
            trio.run(main)
        except BaseException as exc:  # a server's nursery may have put it into a group
            assert _is_interrupt(exc), repr(exc)
        ((pressed, seconds, ws),) = seen
        assert ws.closed is not None
        assert ws._attendant.finished
        assert seconds < PATIENCE
        if not pressed:
            break
    assert number > 50


def _is_interrupt(exc: BaseException) -> bool:
    within: Any = getattr(exc, "exceptions", ())  # of a group
    if within:
        return all(_is_interrupt(one) for one in within)
    return isinstance(exc, KeyboardInterrupt)
