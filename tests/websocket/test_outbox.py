"""What goes out: in order, whole, and counted until the kernel has it."""

from __future__ import annotations

import random

import pytest
import trio
from _peer import ImmediateWire
from _peer import Wire as AnyStream
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._websocket._outbox import HIGH_WATER, MAX_PONGS, Outbox
from trio_wsproxy._websocket._protocol import Protocol
from trio_wsproxy._websocket._state import Unsent
from trio_wsproxy._websocket._waiting import Bell
from trio_wsproxy._websocket._wire import Kind, Wire


class Trickle(ImmediateWire):
    """Takes as many bytes as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.room = 0
        self.got = b""

    def take(self, data: bytes) -> None:
        self.accepted += len(data)
        self.pending += len(data)
        self._kept.append(bytes(data))
        self.flush()

    def flush(self) -> bool:
        data = b"".join(self._kept)
        self.got += data[: self.room]
        taken = min(self.room, len(data))
        self.room -= taken
        self._kept = [data[taken:]]
        self.pending -= taken
        return taken > 0


class Sealed(Trickle):
    """Stands in for TLS; what it makes of data is longer by two marks."""

    def __init__(self, bottom: Trickle) -> None:
        super().__init__()
        self.transport_stream = bottom

    def take(self, data: bytes | memoryview) -> None:
        self.transport_stream.take(b"<" + bytes(data) + b">")


def make(stream: trio.abc.Stream) -> Outbox:
    """Make an outbox above it."""
    return Outbox(Wire(stream), Protocol((), None), Bell(), None)


def pongs(outbox: Outbox) -> int:
    """How many pongs are queued."""
    return len(outbox._frames)


async def test_the_count_is_exact() -> None:
    """After each byte that leaves, so many messages and bytes are not sent."""
    bottom = Trickle()
    outbox = make(bottom)
    chance = random.Random(1)
    ends, size = [], 0
    for _ in range(60):
        data = b"x" * chance.randrange(1, 9)
        message = chance.random() < 0.7
        outbox.put(data, message=message)
        size += len(data)
        if message:
            ends.append(size)
        if chance.random() < 0.5:
            outbox.leave()
    assert outbox.unsent == Unsent(len(ends), size)
    outbox.leave()
    for taken in range(size + 1):
        assert outbox.unsent == Unsent(sum(end > taken for end in ends), size - taken)
        assert outbox.backlog == size - taken
        bottom.room = 1
        outbox.flush()
    assert outbox.idle


async def test_a_message_leaves_at_once() -> None:
    """Where there is room nothing is kept, and nobody has to be called."""
    bottom = Trickle()
    bottom.room = 100
    outbox = make(bottom)
    outbox.put(b"abc", message=True)
    assert not outbox.idle
    outbox.leave()
    assert outbox.idle
    assert bottom.got == b"abc"
    assert outbox.unsent == Unsent(0, 0)


async def test_an_error_keeps_the_count() -> None:
    """What was not taken before an error is known after it, and nothing leaves any more."""
    bottom = Trickle()
    bottom.room = 4
    outbox = make(bottom)
    outbox.put(b"abc", message=True)
    outbox.put(b"def", message=True)
    outbox.leave()
    bottom.error = trio.BrokenResourceError()
    outbox.flush()
    assert outbox.error is bottom.error
    assert outbox.unsent == Unsent(1, 2)
    outbox.put(b"ghi", message=True)
    outbox.leave()
    assert outbox.unsent == Unsent(2, 5)
    assert not outbox.queued


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
async def test_pongs_are_bounded_by_bytes(payload: bytes) -> None:
    """So many bytes of them are kept; past that only the latest ping is answered, later."""
    bottom = Trickle()
    outbox = make(bottom)
    for number in range(10_000):
        outbox.put_pong(payload or b"%d" % number)
    assert MAX_PONGS <= outbox.backlog <= MAX_PONGS + 131
    few = pongs(outbox)
    outbox.leave()
    for _ in range(100):
        outbox.put_pong(b"not the last")
    outbox.put_pong(b"last")
    assert pongs(outbox) == 0  # it waits until the others have left
    bottom.room = 10**6
    outbox.flush()
    assert few < 10_000
    assert outbox.backlog == 0
    assert bottom.got[-6:-4] != b""
    mask, masked = bottom.got[-8:-4], bottom.got[-4:]
    assert bytes(a ^ b for a, b in zip(mask, masked, strict=True)) == b"last"
    before = len(bottom.got)
    outbox.put_pong(b"again")
    outbox.leave()
    assert len(bottom.got) == before + 11


async def test_no_pong_behind_the_close_frame() -> None:
    """The close frame is the last, and there is one."""
    bottom = Trickle()
    outbox = make(bottom)
    while not outbox._late_pong:
        outbox.put_pong(b"x" * 125)
    outbox.put_close(1000, "")
    outbox.put_close(1001, "")
    outbox.put_pong(b"late")
    frames = pongs(outbox)
    outbox.leave()
    bottom.room = 10**6
    outbox.flush()
    assert frames == MAX_PONGS // 131 + 2
    assert bottom.got[-8] == 0x88
    assert outbox.backlog == 0


def test_sealed_in_one_step() -> None:
    """What is queued leaves through a layer in one piece, in the step in which it is let go."""
    bottom = Trickle()
    bottom.room = 1000
    outbox = make(Sealed(bottom))
    assert outbox._wire.kind is Kind.PLAIN
    outbox.put(b"one", message=True)
    outbox.put(b"two", message=True)
    assert outbox.queued
    assert outbox.unsent == Unsent(2, 6)
    outbox.leave()
    assert bottom.got == b"<onetwo>"
    assert not outbox.queued
    assert outbox.unsent == Unsent(0, 0)


async def test_sealing_cannot_be_cancelled() -> None:
    """Half a record would be the end."""
    bottom = Trickle()
    bottom.room = 1000
    outbox = make(Sealed(bottom))
    outbox.put(b"x", message=True)
    with trio.CancelScope() as scope:
        scope.cancel()
        outbox.leave()
    assert bottom.got == b"<x>"


async def test_sealed_messages_are_counted() -> None:
    """Those whose last byte pends are not sent."""
    bottom = Trickle()
    outbox = make(Sealed(bottom))
    for data in (b"one", b"two"):
        outbox.put(data, message=True)
        outbox.leave()
    for taken in range(11):
        assert outbox.unsent == Unsent((taken < 5) + (taken < 10), 10 - taken)
        bottom.room = 1
        outbox.flush()


async def test_messages_that_are_sealed_together_are_sent_together() -> None:
    """Where one of them ends within a record, nobody knows; none counts as sent too early."""
    bottom = Trickle()
    outbox = make(Sealed(bottom))
    outbox.put(b"one", message=True)
    outbox.put(b"two", message=True)
    outbox.leave()
    for taken in range(9):
        assert outbox.unsent == Unsent(2 if taken < 8 else 0, 8 - taken)
        bottom.room = 1
        outbox.flush()


def test_a_layer_that_takes_nothing_more_is_the_end() -> None:
    """What it was given counts as not sent."""

    class Broken(Sealed):
        def take(self, data: bytes | memoryview) -> None:
            bottom.error = trio.BrokenResourceError("no more")
            bottom.take(bytes(data))

    bottom = Trickle()
    outbox = make(Broken(bottom))
    outbox.put(b"x", message=True)
    outbox.leave()
    assert isinstance(outbox.error, trio.BrokenResourceError)
    assert outbox.unsent == Unsent(1, 1)


async def test_settle(nursery: trio.Nursery) -> None:
    """Waits until the backlog is below high water."""
    bottom = Trickle()
    outbox = make(bottom)
    outbox.put(b"x" * (HIGH_WATER + 10), message=True)
    outbox.leave()
    settled = trio.Event()

    async def settle() -> None:
        await outbox.settle()
        settled.set()

    nursery.start_soon(settle)
    for room, is_settled in ((9, False), (1, True)):
        bottom.room = room
        outbox.flush()
        await wait_all_tasks_blocked()
        assert settled.is_set() is is_settled


async def test_settle_ends_early_in_silence_when_cancelled() -> None:
    """The message is sent: a cancellation that is due is raised by the next checkpoint, not here."""
    outbox = make(Trickle())
    outbox.put(b"x" * (HIGH_WATER + 1), message=True)
    outbox.leave()
    passed = False
    with trio.move_on_after(0) as scope:
        await outbox.settle()
        passed = True
        await trio.lowlevel.checkpoint()
    assert passed
    assert scope.cancelled_caught
    assert not outbox._settling
    outbox.wake_senders()


async def test_write() -> None:
    """Any other stream gets it in slices, and what is not sent is counted."""
    stream = AnyStream()
    outbox = make(stream)
    outbox.put(b"x" * 2**20, message=True)
    outbox.put(b"y", message=True)
    counts: list[Unsent] = []
    stream.on_write = lambda: counts.append(outbox.unsent)
    await outbox.write()
    assert b"".join(stream.writes) == b"x" * 2**20 + b"y"
    assert [count.messages for count in counts] == [2] * (len(stream.writes) - 1) + [1]
    assert len(stream.writes) > 3
    assert [count.size for count in counts] == sorted((x.size for x in counts), reverse=True)
    assert outbox.unsent == Unsent(0, 0)


@pytest.mark.parametrize("closing", [False, True])
async def test_another_stream_tells_how_far_it_is(closing: bool) -> None:
    """What is written to it counts slice by slice: messages, bytes, and that something has left."""
    stream = AnyStream()
    outbox = make(stream)
    for _ in range(3):
        outbox.put(b"x" * 100_000, message=True)
    if closing:
        outbox.put_close(1000, "")
    total = outbox.backlog
    before: list[Unsent] = []
    stream.on_write = lambda: before.append(outbox.unsent)
    await outbox.write()
    left = [total - sum(map(len, stream.writes[:number])) for number in range(len(stream.writes))]
    assert [unsent.size for unsent in before] == left
    ends = [100_000, 200_000, 300_000]
    assert [unsent.messages for unsent in before] == [
        sum(end > total - size for end in ends) for size in left
    ]
    assert max(map(len, stream.writes)) == (16 if closing else 64) * 1024
    assert outbox.unsent == Unsent(0, 0)
