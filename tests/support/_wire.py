"""What the tests of this folder share: a hop, a peer with a script, and a census.

The peer is a stream in memory, so a test can put a cut, an end or a silence behind any byte
without a network and without waiting. Its script has one answer for each message that it is
sent, which is how all proxy protocols go.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import trio
from _left import open_sockets

from trio_wsproxy import Proxy
from trio_wsproxy._transport._hop import Hop

# What comes in one piece, or in several.
Chunks = bytes | Sequence[bytes]


def hop(url: str, *, number: int = 1, count: int = 1, **options: Any) -> Hop:
    """Make a hop out of a proxy URL."""
    return Hop(Proxy(url, **options), number, count, "argument proxy=")


def one_by_one(data: bytes) -> list[bytes]:
    """Cut data behind every byte."""
    return [data[i : i + 1] for i in range(len(data))]


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Cut data in all ways that matter: not at all, behind every byte, and once anywhere."""
    yield [data]
    yield one_by_one(data)
    for i in range(1, len(data)):
        yield [data[:i], data[i:]]


class Peer(trio.abc.HalfCloseableStream):
    """A stream to a proxy that follows a script.

    Attributes:
      heard: The messages it was sent, one entry for each write.
      early: Whether a message was sent before the answer to the one before it was read.
      closed: Whether the stream was closed.

    """

    def __init__(self, *answers: Chunks, then: Literal["eof", "reset", "silence"] = "eof") -> None:
        self._answers = [[a] if isinstance(a, bytes) else list(a) for a in answers]
        self._waiting: list[bytes] = []  # to be received, one piece at a time
        self._then = then
        self.heard: list[bytes] = []
        self.early = False
        self.ended = False
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.early = self.early or bool(self._waiting)
        self.heard.append(bytes(data))
        if self._answers:
            self._waiting += filter(None, self._answers.pop(0))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if self._waiting:
            piece = self._waiting.pop(0)
            size = len(piece) if max_bytes is None else max_bytes
            if piece[size:]:
                self._waiting.insert(0, piece[size:])
            return piece[:size]
        if self._then == "silence":
            await trio.sleep_forever()
        if self._then == "reset":
            raise trio.BrokenResourceError from ConnectionResetError(
                104, "Connection reset by peer"
            )
        return b""

    async def send_eof(self) -> None:
        await trio.lowlevel.checkpoint()
        self.ended = True

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def cancelled_after(
    steps: int, function: Callable[..., Awaitable[object]], *args: object
) -> bool:
    """Run a function that only makes checkpoints, cancel it at one, and tell whether it was.

    A checkpoint of a :class:`Peer` is one round of the scheduler, so counting the rounds
    is counting the checkpoints.
    """

    async def count_down() -> None:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    finished = False
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            nursery.start_soon(count_down)
            await function(*args)
            finished = True
    return not finished


async def rest_of(stream: trio.abc.Stream) -> bytes:
    """Read a stream to its end."""
    return b"".join([bytes(chunk) async for chunk in stream])


def tasks() -> set[trio.lowlevel.Task]:
    """Tell which tasks there are below the one that runs the test."""
    found: set[trio.lowlevel.Task] = set()
    pending = [trio.lowlevel.current_task()]
    while pending:
        task = pending.pop()
        found.add(task)
        for nursery in task.child_nurseries:
            pending += nursery.child_tasks
    return found


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Hold that the block, servers and all, leaves no socket and no task.

    A socket that nobody closed but the garbage collector is a ResourceWarning, which pytest
    is told to make an error of.
    """
    sockets, before = open_sockets(), tasks()
    yield
    assert open_sockets() <= sockets
    assert tasks() <= before


def all_texts(error: BaseException) -> str:
    """Everything that a user, a log or a traceback can show of an error."""
    texts = []
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        pending += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
    return "\n".join(texts)


@contextmanager
def ntlm_users(user: str, password: str) -> Iterator[None]:
    """Make pyspnego's NTLM acceptor know one user, named by domain and name."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        file = Path(directory, "users")
        file.write_text(":".join([*user.split("\\"), password]) + "\n", encoding="utf-8")
        patch.setenv("NTLM_USER_FILE", str(file))
        yield
