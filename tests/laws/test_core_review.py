"""What a hostile review of the core found: who waits is woken, what is lost is told."""

from __future__ import annotations

import gc
import random
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from _peer import BINARY, CONTINUATION, close_payload, connect, frame, received
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_wsproxy._exceptions import ConnectionClosed, ConnectionLost, DisconnectionTimeout
from trio_wsproxy._websocket import WebSocketConnection
from trio_wsproxy._websocket._core import Core
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._events import Fragment
from trio_wsproxy._websocket._outbox import HIGH_WATER
from trio_wsproxy._websocket._protocol import Protocol

BIG = b"x" * (HIGH_WATER * 8)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("wait", ["drain", "send"])
async def test_a_burst_that_leaves_in_one_write_wakes_who_waits_for_it(
    nursery: trio.Nursery, wait: str, seed: int
) -> None:
    """Whoever waits for a burst goes on when all of it is taken at once."""
    random.seed(seed)
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    ws.send_nowait("first")
    ws.send_nowait(b"x" * (HIGH_WATER + 1))
    with trio.fail_after(60):
        await (ws.drain() if wait == "drain" else ws.send("behind"))
    with pytest.raises(trio.WouldBlock):
        ws.receive_nowait()
    peer.hang_up()


def waits(how: str) -> Callable[[WebSocketConnection], Awaitable[object]]:
    """What waits until the backlog is gone, or small enough."""
    return (lambda ws: ws.send(BIG)) if how == "send" else (lambda ws: ws.drain())


async def ends(
    wait: Callable[[WebSocketConnection], Awaitable[object]],
    ws: WebSocketConnection,
    errors: list[BaseException],
) -> None:
    """Note the error that this raises."""
    try:
        await wait(ws)
    except ConnectionClosed as exc:
        errors.append(exc)


@pytest.mark.parametrize("how", ["send", "drain"])
@pytest.mark.parametrize("end", ["timeout", "cancelled", "hung up", "closed by peer", "odd error"])
async def test_who_waits_to_send_learns_of_every_end(
    autojump_clock: MockClock, how: str, end: str
) -> None:
    """send() and drain() raise when the connection ends before their bytes have left."""
    errors: list[BaseException] = []
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as outer:
            ws, peer = connect(outer, disconnect_timeout=1)
            peer.stop_reading()
            if how == "drain":
                ws.send_nowait(BIG)
            nursery.start_soon(ends, waits(how), ws, errors)
            await wait_all_tasks_blocked()
            with trio.move_on_after(100) as scope:
                if end == "timeout":
                    with pytest.raises(DisconnectionTimeout):
                        await ws.aclose()
                elif end == "cancelled":
                    outer.cancel_scope.cancel()
                elif end == "hung up":
                    peer.hang_up()
                elif end == "closed by peer":
                    peer.say_bytes(frame(0x8, close_payload(1000)))
                else:
                    peer.stream.write_error = ValueError("odd")
                    peer.read_on()
            assert not scope.cancelled_caught
        with trio.move_on_after(100) as scope:
            while not errors:
                await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert len(errors) == 1


async def test_a_loss_of_nothing_does_not_hide_what_was_lost_later(
    autojump_clock: MockClock,
) -> None:
    """An error from before it was known what is not sent does not keep aclose() from telling it."""
    async with trio.open_nursery() as nursery:
        ws, peer = connect(nursery)
        peer.stop_reading()
        ws.send_nowait(BIG)
        peer.hang_up()
        with pytest.raises(ConnectionLost) as early:
            await ws.receive()
        if early.value.unsent_messages:
            return
        with pytest.raises(ConnectionLost) as told:
            await ws.aclose()
        assert told.value.unsent_messages == 1
        await ws.aclose()  # once


async def test_a_cancelled_drain_says_so(autojump_clock: MockClock) -> None:
    """drain() that is cancelled does not return as if all had left."""
    async with trio.open_nursery() as nursery:
        ws, peer = connect(nursery)
        peer.stop_reading()
        ws.send_nowait(BIG)
        await wait_all_tasks_blocked()
        peer.stream.write_error = trio.BrokenResourceError("gone")
        peer.read_on()
        await wait_all_tasks_blocked()
        with trio.move_on_after(0.5) as scope:
            await ws.drain()
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def test_ctrl_c_is_kept_off_all_work(
    nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever task acts on what arrives or lets leave what is queued is protected."""
    protected: set[tuple[str, bool]] = set()
    work = Core._work

    def watched_work(self: Core, **options: Any) -> Any:
        protected.add(("work", trio.lowlevel.currently_ki_protected()))
        return work(self, **options)

    monkeypatch.setattr(Core, "_work", watched_work)
    ws, peer = connect(nursery)
    take = peer.stream.send_all

    async def watched_send_all(data: Any) -> None:
        protected.add(("write", trio.lowlevel.currently_ki_protected()))
        await take(data)

    monkeypatch.setattr(peer.stream, "send_all", watched_send_all)
    flush = getattr(peer.stream, "flush", None)
    if flush is not None:

        def watched_flush() -> bool:
            protected.add(("flush", trio.lowlevel.currently_ki_protected()))
            return bool(flush())

        monkeypatch.setattr(peer.stream, "flush", watched_flush)
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(0x1, b"a"))
    await wait_all_tasks_blocked()
    assert await ws.receive() == "a"
    stream = ws.receive_stream()
    nursery.start_soon(stream.receive)
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(0x1, b"b"))
    await wait_all_tasks_blocked()
    peer.stop_reading()
    ws.send_nowait("c")
    await wait_all_tasks_blocked()
    peer.read_on()
    await wait_all_tasks_blocked()
    assert [what for what, yes in protected if not yes] == []
    nursery.cancel_scope.cancel()


async def test_a_failed_write_leaves_no_cycle() -> None:
    """A connection whose writing failed is freed without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        async with trio.open_nursery() as nursery:
            ws, peer = connect(nursery)
            await wait_all_tasks_blocked()
            peer.stream.write_error = trio.BrokenResourceError("gone")
            with pytest.raises(ConnectionLost):  # noqa: PT012  # at which of them, depends on the wire
                await ws.send("a")
                await ws.drain()
                await ws.send("b")
            nursery.cancel_scope.cancel()
        before = sum(isinstance(thing, Core) for thing in gc.get_objects())
        del ws, peer, nursery
        assert sum(isinstance(thing, Core) for thing in gc.get_objects()) == before - 1
    finally:
        gc.enable()


@pytest.mark.parametrize("cut", [-3, -8, -12])
def test_the_limit_counts_what_is_inflated_wherever_the_bytes_are_cut(cut: int) -> None:
    """A last fragment that is larger compressed than inflated is not refused for coming in two reads."""
    limit = 1000
    data = random.Random(0).randbytes(limit)
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = deflater.compress(data[:-10]) + deflater.flush(zlib.Z_SYNC_FLUSH)
    end = (deflater.compress(data[-10:]) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
    said = frame(BINARY, begin, fin=False, first_bits=0x40) + frame(CONTINUATION, end)
    deflate = PerMessageDeflate(Deflate(), limit)
    deflate.finalize("permessage-deflate")
    events = received(Protocol([deflate], limit), said[:cut], said[cut:])
    parts = [event for event in events if isinstance(event, Fragment)]
    assert len(parts) == len(events)
    assert b"".join(bytes(part.data) for part in parts if isinstance(part.data, bytes)) == data
