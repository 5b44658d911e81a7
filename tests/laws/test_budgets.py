"""The common budget: whatever one read brings, between two checkpoints stands some work at most.

Nothing here is timed. Work is counted: calls of Python functions within one step of a task, and bytes
that zlib gives out within one.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import trio
from _peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    ImmediateWire,
    close_payload,
    connect,
    frame,
)
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import wait_all_tasks_blocked
from wsproto.events import CloseConnection, Pong

from trio_wsproxy import ConnectionLost
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._inbox import READ_AHEAD
from trio_wsproxy._websocket._protocol import INFLATED, MAX_SMALL_FRAGMENTS, WORK

KiB, MiB = 1024, 1024 * 1024
COMPRESSED = 0x40  # the first reserved bit: this message is compressed
CALLS = 25 * WORK  # Python functions in one step; some for each unit of work


class Calls(trio.abc.Instrument):
    """Counts the functions that tasks call, step by step.

    Attributes:
      most: In one step.
      total: In all.

    """

    def __init__(self) -> None:
        self.most = self.total = self._calls = 0

    def _count(self, _: FrameType, event: str, __: object) -> None:
        self._calls += event == "call"

    def before_task_step(self, _: trio.lowlevel.Task) -> None:
        """Begin to count."""
        self._calls = 0
        sys.setprofile(self._count)

    def after_task_step(self, _: trio.lowlevel.Task) -> None:
        """Note what was counted."""
        sys.setprofile(None)
        self.most = max(self.most, self._calls)
        self.total += self._calls


@contextmanager
def counted() -> Iterator[Calls]:
    """Count in this block."""
    calls = Calls()
    trio.lowlevel.add_instrument(calls)
    try:
        yield calls
    finally:
        trio.lowlevel.remove_instrument(calls)
        sys.setprofile(None)


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many bytes each call of the decompressor gives out."""
    sizes: list[int] = []
    original = PerMessageDeflate.inflate

    def inflate(self: PerMessageDeflate, data: bytes, *, last: bool) -> object:
        result = original(self, data, last=last)
        sizes.append(len(result) if isinstance(result, bytes) else 0)
        return result

    monkeypatch.setattr(PerMessageDeflate, "inflate", inflate)
    return sizes


def deflated(messages: list[bytes], opcode: int = TEXT) -> bytes:
    """The frames of these messages, compressed with one window."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    result = []
    for message in messages:
        data = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
        result.append(frame(opcode, data[:-4], first_bits=COMPRESSED))
    return b"".join(result)


@pytest.mark.parametrize(("size", "payload"), [(64 * KiB, b""), (256 * KiB, b"x" * 10)])
@pytest.mark.parametrize("receives", [True, False])
async def test_pings(nursery: trio.Nursery, size: int, payload: bytes, receives: bool) -> None:
    """So many bytes of pings are worked on in many steps, and each is answered."""
    ws, peer = connect(nursery)
    if receives:
        nursery.start_soon(ws.receive)
    await wait_all_tasks_blocked()
    ping = frame(PING, payload)
    number = size // len(ping)
    with counted() as calls:
        peer.say_bytes(ping * number)
        await wait_all_tasks_blocked()
    assert calls.total > number
    assert calls.most <= CALLS
    pongs = peer.heard()
    assert set(pongs) == {Pong(payload=payload)}
    # A stream that may wait to write gets them later; those past MAX_PONGS are then left out.
    assert len(pongs) >= (number if isinstance(peer.stream, ImmediateWire) else number // 2)
    nursery.cancel_scope.cancel()


async def test_others_run_meanwhile(nursery: trio.Nursery) -> None:
    """While a flood is worked on other tasks have their turns."""
    _, peer = connect(nursery)
    await wait_all_tasks_blocked()
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    number = 16 * KiB
    async with trio.open_nursery() as inner:
        inner.start_soon(others)
        await trio.lowlevel.checkpoint()
        peer.say_bytes(frame(PING) * number + frame(PING, b"last"))
        while Pong(payload=b"last") not in peer.heard():
            await trio.lowlevel.checkpoint()
        inner.cancel_scope.cancel()
    assert turns >= number // WORK
    nursery.cancel_scope.cancel()


async def test_empty_fragments(nursery: trio.Nursery) -> None:
    """So are 64 KiB of empty fragments, which are refused when they are too many."""
    _, peer = connect(nursery)
    await wait_all_tasks_blocked()
    with counted() as calls:
        peer.say_bytes(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * (32 * KiB - 1))
        await wait_all_tasks_blocked()
    assert calls.most <= CALLS
    (close,) = peer.heard()
    assert isinstance(close, CloseConnection)
    assert close.code == 1008
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("payload", [b"", b"\0", b"\x02\0"])
async def test_compressed_empty_messages(nursery: trio.Nursery, payload: bytes) -> None:
    """So are empty messages that are compressed, however that is written."""
    ws, peer = connect(nursery, compression=Deflate())
    await wait_all_tasks_blocked()
    message = frame(TEXT, payload, first_bits=COMPRESSED)
    number = 64 * KiB // len(message)
    with counted() as calls:
        peer.say_bytes(message * number)
        for _ in range(number):
            assert await ws.receive() == ""
    assert calls.most <= CALLS
    assert ws.closed is None
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("whole", [True, False])
async def test_final_blocks(nursery: trio.Nursery, whole: bool) -> None:
    """Streams of zlib's that end and begin are few in one message's piece, or it is refused."""
    ws, peer = connect(nursery, compression=Deflate())
    await wait_all_tasks_blocked()
    with counted() as calls:
        if whole:
            peer.say_bytes(frame(BINARY, b"\x03\x00" * 32 * KiB, first_bits=COMPRESSED))
        else:
            part = frame(CONTINUATION, b"\x03\x00" * 40, fin=False)
            peer.say_bytes(
                frame(BINARY, b"\x03\x00", fin=False, first_bits=COMPRESSED) + part * 800
            )
        await wait_all_tasks_blocked()
    assert calls.most <= CALLS
    if whole:
        assert ws.closed is not None
        assert ws.closed.code == 1008
    else:
        assert ws.closed is None
    nursery.cancel_scope.cancel()


async def test_bytes_that_inflate(nursery: trio.Nursery, inflated: list[int]) -> None:
    """What little inflates to much is inflated in steps, a part of a message in each."""
    ws, peer = connect(nursery, compression=Deflate(), max_message_size=None)
    await wait_all_tasks_blocked()
    data = deflated([b"\0" * 16 * MiB])
    assert len(data) < 32 * KiB
    most = 0

    class InOneStep(trio.abc.Instrument):
        def after_task_step(self, _: trio.lowlevel.Task) -> None:
            nonlocal most
            most = max(most, sum(inflated))
            inflated.clear()

    instrument = InOneStep()
    trio.lowlevel.add_instrument(instrument)
    peer.say_bytes(data)
    total = 0
    async for part in ws.receive_stream():
        total += len(part)
    trio.lowlevel.remove_instrument(instrument)
    assert total == 16 * MiB
    assert most <= WORK * INFLATED + 2 * MiB + 4096  # a thousand times the bytes of a slice
    nursery.cancel_scope.cancel()


async def test_memory_of_what_inflates(nursery: trio.Nursery) -> None:
    """63 KiB that inflate to 62 MiB of text, four bytes for each character: only some of it does."""
    ws, peer = connect(nursery, compression=Deflate())
    await wait_all_tasks_blocked()
    data = deflated(["🌍".encode() + b"x" * (MiB - 4)] * 62)
    assert len(data) < 80 * KiB
    gc.collect()
    tracemalloc.start()
    try:
        peer.say_bytes(data)
        await wait_all_tasks_blocked()
        unread = ws._inbox.unread
        current, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert unread <= READ_AHEAD + 4 * MiB + KiB  # the budget, and one message above it
    assert current < 8 * MiB
    assert peak < 16 * MiB  # zlib's bytes, the decoder's text before and after its first emoji
    for _ in range(62):
        text = await ws.receive()
        assert (len(text), text[:2]) == (MiB - 3, "🌍x")
    assert ws.closed is None
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("size", [2, 64, 200])
async def test_memory_of_fragments(nursery: trio.Nursery, size: int) -> None:
    """Fragments take about the memory of what is in them."""
    ws, peer = connect(nursery, max_message_size=None)
    await wait_all_tasks_blocked()
    number = 4000 if size < 64 else 100 * (5 * KiB // size)
    first, more = (frame(x, b"x" * size, fin=False) for x in (BINARY, CONTINUATION))
    gc.collect()
    tracemalloc.start()
    try:
        peer.say_bytes(first)
        for _ in range(number // 100):
            peer.say_bytes(more * 100)
        await wait_all_tasks_blocked()
        current = tracemalloc.get_traced_memory()[0]
        unread = ws._inbox.unread
    finally:
        tracemalloc.stop()
    assert number * size <= unread <= 1.2 * number * size + 64 * KiB
    assert current <= 1.5 * unread + 128 * KiB
    assert ws.closed is None
    nursery.cancel_scope.cancel()


async def test_unread_small_messages(nursery: trio.Nursery) -> None:
    """Messages of two bytes count with the memory that Python takes for each."""
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    gc.collect()
    tracemalloc.start()
    try:
        peer.say_bytes(*[frame(BINARY, b"xy") * 1000] * 100)
        await wait_all_tasks_blocked()
        current = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert current < 1.5 * READ_AHEAD + MiB
    assert peer.stream.chunks  # reading has stopped
    for _ in range(100_000):
        assert await ws.receive() == b"xy"
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2, 63])
async def test_a_million_fragments(nursery: trio.Nursery, size: int, compressed: bool) -> None:
    """A message in a million small fragments is refused with 1008 after some thousand."""
    ws, peer = connect(
        nursery, max_message_size=None, compression=Deflate() if compressed else None
    )
    await wait_all_tasks_blocked()
    # Compressed, it is stored blocks without anything, one fragment or more for each.
    payload = (b"\0\0\0\xff\xff" * 13)[:size] if compressed else b"x" * size
    peer.say_bytes(frame(BINARY, fin=False, first_bits=COMPRESSED if compressed else 0))
    fragment = frame(CONTINUATION, payload, fin=False)
    asked = 0
    while ws.closed is None and asked < 1000:
        asked += 1
        peer.say_bytes(fragment * 1000)
        await wait_all_tasks_blocked()
    assert ws.closed is not None
    assert ws.closed.code in ((1007, 1008) if compressed else (1008,))
    assert (asked - 1) * 1000 <= MAX_SMALL_FRAGMENTS
    with pytest.raises(ConnectionLost):
        await ws.receive()
    nursery.cancel_scope.cancel()


async def test_the_limit_of_fragments(nursery: trio.Nursery) -> None:
    """As many small fragments as are allowed make a message, and again; one more is refused."""
    ws, peer = connect(nursery)
    first, more = (frame(x, b"x", fin=False) for x in (TEXT, CONTINUATION))
    for _ in range(2):
        peer.say_bytes(first + more * (MAX_SMALL_FRAGMENTS - 2) + frame(CONTINUATION, b"x"))
        assert await ws.receive() == "x" * MAX_SMALL_FRAGMENTS
    peer.say_bytes(first + more * (MAX_SMALL_FRAGMENTS - 1) + frame(CONTINUATION, b"x"))
    with pytest.raises(ConnectionLost) as caught:
        await ws.receive()
    assert caught.value.reason is not None
    assert caught.value.reason.code == 1008
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_the_fragments_of_autobahn(nursery: trio.Nursery, opcode: int) -> None:
    """Its 9.3.1 and 9.4.1 send 4 MiB in 65,536 fragments of 64 bytes, which is legal."""
    ws, peer = connect(nursery, max_message_size=None)
    await wait_all_tasks_blocked()
    more = frame(CONTINUATION, b"x" * 64, fin=False)
    with counted() as calls:
        peer.say_bytes(frame(opcode, b"x" * 64, fin=False), more * (65_536 - 2))
        peer.say_bytes(frame(CONTINUATION, b"x" * 64))
        message = await ws.receive()
    assert message == ("x" if opcode == TEXT else b"x") * (4 * MiB)
    assert calls.most <= CALLS
    nursery.cancel_scope.cancel()


async def test_a_hundred_pings_that_are_counted(nursery: trio.Nursery) -> None:
    """A peer may send many pings and count the pongs, also while it does not read for a moment."""
    _, peer = connect(nursery)
    peer.stop_reading()
    await wait_all_tasks_blocked()
    peer.say_bytes(b"".join(frame(PING, b"%d" % number) for number in range(1000)))
    await wait_all_tasks_blocked()
    peer.read_on()
    await wait_all_tasks_blocked()
    assert peer.heard() == [Pong(payload=b"%d" % number) for number in range(1000)]
    nursery.cancel_scope.cancel()


async def test_pongs_for_a_peer_that_does_not_read(nursery: trio.Nursery) -> None:
    """They are bounded by bytes, and the last ping is answered when there is room again."""
    ws, peer = connect(nursery)
    peer.stop_reading()
    await wait_all_tasks_blocked()
    for number in range(100):
        peer.say_bytes(frame(PING, b"%03d" % number + b"x" * 100) * 100)
    await wait_all_tasks_blocked()
    assert ws._outbox.backlog <= 64 * KiB + 131
    peer.read_on()
    await wait_all_tasks_blocked()
    pongs = peer.heard()
    assert len(pongs) < 1000
    assert pongs[-1] == Pong(payload=b"099" + b"x" * 100)
    nursery.cancel_scope.cancel()


async def test_the_close_behind_a_flood(nursery: trio.Nursery) -> None:
    """What stands behind a flood is found, and the messages between are kept in order."""
    ws, peer = connect(nursery)
    flood = frame(PING) * 5000
    peer.say_bytes(
        b"".join((frame(TEXT, b"1"), flood, frame(TEXT, b"2"), flood))
        + frame(CLOSE, close_payload(1000, "bye"))
    )
    assert [message async for message in ws] == ["1", "2"]
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (1000, "bye")
    nursery.cancel_scope.cancel()
