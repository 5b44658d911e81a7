"""Ctrl-C at the end of any function of ours while a connection is opened leaves no socket.

A socket that a function returns is in no variable of its caller's yet: Ctrl-C there, and only the
garbage collector knows it. So SIGINT is raised there, at each of these ends in turn.
"""

from __future__ import annotations

import gc
import inspect
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing
from _left import open_sockets

import trio_wsproxy
from trio_wsproxy import (
    connect_websocket_url,
    open_tcp_stream,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy.testing import open_echo_server, open_socks_proxy

OURS = str(Path(trio_wsproxy.__file__).parent)
EVERY = 3  # the n-th end; all of them take a minute
Open = Callable[[str, int, str], Awaitable[None]]


class Interrupter:
    """Raises SIGINT at the n-th end of a function of ours."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        """Watch the functions of the client, and no server's."""
        code = frame.f_code
        if code.co_flags & inspect.CO_GENERATOR:
            return None  # its end may be the garbage collector's doing
        file = code.co_filename
        return self._at if file.startswith(OURS) and "testing" not in file else None

    def _at(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "return":
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return self._at


async def directly(host: str, port: int, _: str) -> None:
    """Open a stream."""
    await (await open_tcp_stream(host, port, proxy=None)).aclose()


async def through_socks(host: str, port: int, proxy: str) -> None:
    """Open a stream through a proxy."""
    await (await open_tcp_stream(host, port, proxy=proxy)).aclose()


async def in_a_block(host: str, port: int, _: str) -> None:
    """Open a connection for a block."""
    async with open_websocket_url(f"ws://{host}:{port}", proxy=None):
        pass


async def in_a_nursery(host: str, port: int, _: str) -> None:
    """Open a connection in a nursery."""
    async with trio.open_nursery() as nursery:
        await connect_websocket_url(nursery, f"ws://{host}:{port}", proxy=None)
        nursery.cancel_scope.cancel()


async def over_a_stream(host: str, port: int, _: str) -> None:
    """Open a connection over a stream."""
    async with trio.open_nursery() as nursery:
        stream = await trio.open_tcp_stream(host, port)
        await wrap_client_stream(nursery, stream, host, "/")
        nursery.cancel_scope.cancel()


def interrupted_at(number: int, way: Open) -> bool:
    """Interrupt a program; tell whether it got as far as that."""
    interrupter = Interrupter(number)

    async def main() -> None:
        async with open_echo_server() as server, open_socks_proxy() as proxy:
            await trio.testing.wait_all_tasks_blocked()
            before = open_sockets()
            sys.settrace(interrupter)
            try:
                await way(server.host, server.port, proxy.url)
            except BaseException as exc:  # in a group, where a nursery is the user's
                exc.__traceback__ = None
            finally:
                sys.settrace(None)
            await settle()
            assert open_sockets() <= before, f"left by Ctrl-C at end {number} of {way.__name__}"

    async def settle() -> None:
        """Let the servers see the ends; Ctrl-C that was kept back is delivered here."""
        for _ in range(5):
            with suppress(KeyboardInterrupt):
                await trio.testing.wait_all_tasks_blocked(0.001)

    with suppress(KeyboardInterrupt):
        trio.run(main)
    return interrupter.left <= 0


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts CPython's calls")
@pytest.mark.parametrize("way", [directly, through_socks, in_a_block, in_a_nursery, over_a_stream])
def test_ctrl_c_anywhere(way: Open) -> None:
    """No socket is left that only the garbage collector would close."""
    trace = sys.gettrace()
    gc.collect()
    gc.disable()
    try:
        number = 1
        while interrupted_at(number, way):
            number += EVERY
    finally:
        gc.enable()
        sys.settrace(trace)
    assert number > 10 * EVERY
