"""A server that hears what is asked and never answers, for commands that are ended while they wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import trio

from trio_wsproxy.testing import open_tcp_server


class DeafServer(NamedTuple):
    """Where it is, and whether somebody has asked it.

    Attributes:
      authority: Its host and port.
      asked: Set once it has read something.

    """

    authority: str
    asked: trio.Event


@asynccontextmanager
async def open_deaf_server() -> AsyncIterator[DeafServer]:
    """Run one on loopback while the block runs."""
    asked = trio.Event()

    async def never_answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        asked.set()
        await trio.sleep_forever()

    async with open_tcp_server(never_answer) as server:
        yield DeafServer(server.authority, asked)
