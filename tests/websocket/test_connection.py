"""The connection against a peer that does exactly what a test says.

Nothing here waits for a real clock or a real network: where time matters the clock is
virtual, so "after 1 second" means exactly that.
"""

from __future__ import annotations

import copy
import gc
import itertools
import math
import random
import signal
import sys
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from _peer import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    CancelAtStep,
    ImmediateWire,
    Peer,
    close_payload,
    connect,
    frame,
)
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import (
    MockClock,
    assert_checkpoints,
    assert_no_checkpoints,
    wait_all_tasks_blocked,
)
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from trio_wsproxy._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    DisconnectionTimeout,
    failure_of,
    told,
)
from trio_wsproxy._failures import PARAMETERS, Kind
from trio_wsproxy._websocket import WebSocketConnection
from trio_wsproxy._websocket._deflate import Deflate
from trio_wsproxy._websocket._inbox import READ_AHEAD, SLOT, Inbox
from trio_wsproxy._websocket._outbox import HIGH_WATER, MAX_PONGS
from trio_wsproxy._websocket._pings import MAX_LATE
from trio_wsproxy._websocket._protocol import Protocol
from trio_wsproxy._websocket._state import State

# The public methods that talk to the peer. (trio's own ``__anext__`` stands on receive().)
SENDING: dict[str, Callable[[WebSocketConnection], Awaitable[object]]] = {
    "send": lambda ws: ws.send("x"),
    "send_message": lambda ws: ws.send_message("x"),
    "ping": lambda ws: ws.ping(),
    "pong": lambda ws: ws.pong(),
}
RECEIVING: dict[str, Callable[[WebSocketConnection], Awaitable[object]]] = {
    "receive": lambda ws: ws.receive(),
    "get_message": lambda ws: ws.get_message(),
}
OPERATIONS = {**SENDING, **RECEIVING}
# Trio-websocket's names, which raise its own error, for programs that catch trio's around them.
PLAIN = [OPERATIONS[name] for name in ("send_message", "ping", "pong", "get_message")]


async def error_of(
    operation: Callable[[WebSocketConnection], Awaitable[object]], ws: WebSocketConnection
) -> ConnectionClosed:
    """What an operation on a closed connection raises, or what its trio-websocket's error stands for."""
    with pytest.raises(ConnectionClosed) as caught:
        await operation(ws)
    error = caught.value
    if operation not in PLAIN:
        return error
    assert type(error) is ConnectionClosed
    assert isinstance(error.__cause__, ConnectionClosed)
    assert error.reason is error.__cause__.reason
    return error.__cause__


def closes(code: int, reason: str | None = None) -> CloseConnection:
    """The event of a close frame; wsproto has "" where there is no text."""
    return CloseConnection(code=code, reason=reason or "")


# --- messages -------------------------------------------------------------------------------


async def test_receive(nursery: trio.Nursery) -> None:
    """Text comes as str and binary as bytes, in order, however they are fragmented."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="a"), BytesMessage(data=b"b"))
    peer.say(TextMessage(data="", message_finished=False), Ping(payload=b"between"))
    peer.say(TextMessage(data="c", message_finished=False))
    peer.say(TextMessage(data="d"), BytesMessage(data=b""))
    assert [await ws.receive() for _ in range(4)] == ["a", b"b", "cd", b""]


async def test_receive_byte_by_byte(nursery: trio.Nursery) -> None:
    """Frames may arrive one byte at a time."""
    ws, peer = connect(nursery)
    data = frame(TEXT, "ü".encode()) + frame(PING, b"1") + frame(BINARY, b"b") + frame(CLOSE)
    peer.say_bytes(*(data[i : i + 1] for i in range(len(data))))
    assert [message async for message in ws] == ["ü", b"b"]
    await wait_all_tasks_blocked()
    assert peer.heard() == [Pong(payload=b"1"), closes(1005)]


async def test_first_messages_behind_the_handshake(nursery: trio.Nursery) -> None:
    """Bytes that came with the server's answer are the first that are looked at."""
    data = frame(TEXT, b"one") + frame(PING, b"p") + frame(TEXT, b"two")
    ws, peer = connect(nursery, trailing=data[:-1])
    assert await ws.receive() == "one"
    assert await peer.next() == Pong(payload=b"p")
    peer.say_bytes(data[-1:])
    assert await ws.receive() == "two"


async def test_closed_behind_the_handshake(nursery: trio.Nursery) -> None:
    """A server may say all it has to say together with its answer."""
    ws, peer = connect(nursery, trailing=frame(TEXT, b"bye") + frame(CLOSE, close_payload(1000)))
    assert [message async for message in ws] == ["bye"]
    assert await peer.next() == closes(1000)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ("grüß", TextMessage(data="grüß")),
        ("", TextMessage(data="")),
        (b"\0\xff", BytesMessage(data=b"\0\xff")),
        (bytearray(b"ba"), BytesMessage(data=b"ba")),
        (memoryview(b"m-v-")[::2], BytesMessage(data=b"mv")),
        (b"x" * (HIGH_WATER + 1), BytesMessage(data=b"x" * (HIGH_WATER + 1))),
    ],
)
@pytest.mark.parametrize("method", ["send", "send_message", "send_nowait"])
async def test_send(nursery: trio.Nursery, method: str, message: Any, event: Event) -> None:
    """A str goes out as text, anything with bytes as binary."""
    ws, peer = connect(nursery)
    sent = getattr(ws, method)(message)
    if sent is not None:
        await sent
    assert await peer.next() == event


async def test_send_copies(nursery: trio.Nursery) -> None:
    """A buffer may be used again as soon as send() has returned."""
    ws, peer = connect(nursery)
    peer.stop_reading()
    await ws.send("in the socket")
    await wait_all_tasks_blocked()
    buffer = bytearray(b"old")
    await ws.send(buffer)
    await ws.send(memoryview(buffer))
    buffer[:] = b"new"
    peer.read_on()
    await wait_all_tasks_blocked()
    assert peer.heard()[1:] == [BytesMessage(data=b"old")] * 2


@pytest.mark.parametrize(
    ("method", "message", "error"),
    [
        ("send", 5, TypeError),
        ("send", None, TypeError),
        ("send", ["a"], TypeError),
        ("send_nowait", object(), TypeError),
        ("send_message", 5, ValueError),  # as trio-websocket has it
        ("send", "\ud800", ValueError),  # UTF-8 has no surrogates
        ("send_nowait", "\ud800", ValueError),
    ],
)
async def test_send_refuses(
    nursery: trio.Nursery, method: str, message: Any, error: type[Exception]
) -> None:
    """What is no message is refused, and harms nothing."""
    ws, peer = connect(nursery)
    with pytest.raises(error):
        await getattr(ws, method)(message)
    await ws.send("fine")
    assert await peer.next() == TextMessage(data="fine")


async def test_burst_in_one_write(nursery: trio.Nursery) -> None:
    """A burst leaves in one write, where its first frame does not leave at once before it."""
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    for i in range(100):
        ws.send_nowait(str(i))
    await wait_all_tasks_blocked()
    assert len(peer.stream.writes) == (2 if isinstance(peer.stream, ImmediateWire) else 1)
    assert peer.heard() == [TextMessage(data=str(i)) for i in range(100)]


async def test_two_connections_share_no_messages(nursery: trio.Nursery) -> None:
    """What one connection has received is not another's, from the first message on."""
    (ws, peer), (other, _) = connect(nursery), connect(nursery)
    peer.say(TextMessage(data="a"))
    await wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        other.receive_nowait()
    assert ws.receive_nowait() == "a"


async def test_receive_nowait(nursery: trio.Nursery) -> None:
    """It gives out what is there, and says when there is nothing yet, or never will be."""
    ws, peer = connect(nursery)
    with pytest.raises(trio.WouldBlock):
        ws.receive_nowait()
    peer.say(TextMessage(data="a"), BytesMessage(data=b"b"), CloseConnection(code=1000))
    await wait_all_tasks_blocked()
    assert ws.receive_nowait() == "a"
    assert ws.receive_nowait() == b"b"
    with pytest.raises(ConnectionEnded):
        ws.receive_nowait()


async def test_nowait_methods_are_no_checkpoints(nursery: trio.Nursery) -> None:
    """send_nowait and receive_nowait never yield."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="a"))
    await wait_all_tasks_blocked()
    with assert_no_checkpoints():
        ws.send_nowait("b")
        ws.receive_nowait()


async def test_many_receivers(nursery: trio.Nursery) -> None:
    """Several tasks may receive; each message goes to one of them."""
    ws, peer = connect(nursery)
    got: list[object] = []

    async def receiver() -> None:
        got.append(await ws.receive())

    for _ in range(3):
        nursery.start_soon(receiver)
    await wait_all_tasks_blocked()
    peer.say(TextMessage(data="a"), TextMessage(data="b"))
    await wait_all_tasks_blocked()
    assert got == ["a", "b"]
    peer.say(TextMessage(data="c"))
    await wait_all_tasks_blocked()
    assert got == ["a", "b", "c"]


async def test_receivers_and_receive_nowait(nursery: trio.Nursery) -> None:
    """A receiver whose message was snatched away waits for the next one."""
    ws, peer = connect(nursery)
    got = []

    async def receiver() -> None:
        got.append(await ws.receive())

    nursery.start_soon(receiver)
    await wait_all_tasks_blocked()
    ws._attendant.handle("snatched")
    assert ws.receive_nowait() == "snatched"
    await wait_all_tasks_blocked()
    assert got == []
    peer.say(TextMessage(data="next"))
    await wait_all_tasks_blocked()
    assert got == ["next"]


# --- the limit ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frames",
    [
        frame(BINARY, b"x" * 101),
        frame(TEXT, "ü".encode() * 51),
        frame(BINARY, b"x" * 60, fin=False) + frame(0, b"x" * 60, fin=False),
        frame(BINARY, b"x" * 2**16)[:120],
    ],
    ids=["whole", "text", "fragments", "the head is enough"],
)
async def test_max_message_size(nursery: trio.Nursery, frames: bytes) -> None:
    """A message above the limit ends the connection with 1009; those before it are received."""
    ws, peer = connect(nursery, max_message_size=100)
    peer.say_bytes(frame(BINARY, b"x" * 100) + frame(TEXT, "ü".encode() * 50) + frames)
    assert await ws.receive() == b"x" * 100
    assert await ws.receive() == "ü" * 50
    with pytest.raises(ConnectionLost, match="1009 MESSAGE_TOO_BIG"):
        await ws.receive()
    assert await peer.next() == closes(1009, "a message of more than 100 bytes")
    with pytest.raises(ConnectionLost) as caught:
        await ws.receive()
    for error in (caught.value, copy.copy(caught.value)):
        assert str(error) == (
            "the connection is lost (1009 MESSAGE_TOO_BIG: a message of more than 100 bytes); "
            "max_message_size is the limit here: raise it if the peer may send so much"
        )


async def test_limit_of_the_peer(nursery: trio.Nursery) -> None:
    """Where it is the peer that finds a message too big, no limit of ours is named."""
    ws, peer = connect(nursery, max_message_size=100)
    peer.say(closes(1009, "a message of more than 100 bytes"))
    with pytest.raises(ConnectionLost, match="1009 MESSAGE_TOO_BIG") as caught:
        await ws.receive()
    assert "max_message_size" not in str(caught.value)


async def test_no_max_message_size(nursery: trio.Nursery) -> None:
    """None is no limit."""
    ws, peer = connect(nursery, max_message_size=None)
    peer.say_bytes(frame(BINARY, b"x" * 2**21))
    assert len(await ws.receive()) == 2**21


async def test_empty_fragments_take_no_memory(nursery: trio.Nursery) -> None:
    """A peer cannot get around the limit with endless fragments of nothing."""
    ws, peer = connect(nursery, max_message_size=10)
    peer.say_bytes(frame(TEXT, fin=False) + frame(0, fin=False) * 2000)
    await wait_all_tasks_blocked()
    assert ws._inbox.unread < 200
    peer.say_bytes(frame(0, b"end"))
    assert await ws.receive() == "end"


# --- pings ----------------------------------------------------------------------------------


async def test_pings_are_answered_while_nobody_reads(nursery: trio.Nursery) -> None:
    """1,000 unread messages do not keep a ping from its pong."""
    ws, peer = connect(nursery)
    for i in range(1000):
        peer.say(TextMessage(data=str(i)))
    peer.say(Ping(payload=b"alive?"))
    assert await peer.next() == Pong(payload=b"alive?")
    assert await ws.receive() == "0"


async def test_pong_flood(nursery: trio.Nursery) -> None:
    """Pings that cannot be answered for now cost a bounded number of pongs; the last gets one."""
    ws, peer = connect(nursery)
    peer.stop_reading()
    ws.send_nowait("stuck")
    await wait_all_tasks_blocked()
    peer.say(*(Ping(payload=b"%d" % i) for i in range(20_000)))
    await wait_all_tasks_blocked()
    assert MAX_PONGS <= ws._outbox._pongs < MAX_PONGS + 200
    peer.read_on()
    await wait_all_tasks_blocked()
    stuck, *pongs, last = peer.heard()
    assert stuck == TextMessage(data="stuck")
    assert len(pongs) > 1000
    assert pongs == [Pong(payload=b"%d" % i) for i in range(len(pongs))]
    assert last == Pong(payload=b"19999")
    peer.say(Ping(payload=b"again"))
    assert await peer.next() == Pong(payload=b"again")


async def test_no_pong_behind_the_close_frame(nursery: trio.Nursery) -> None:
    """Nothing follows our close frame, not even an answer to a ping that came before it."""
    ws, peer = connect(nursery)
    peer.stop_reading()
    ws.send_nowait("stuck")
    await wait_all_tasks_blocked()
    peer.say(*(Ping(payload=bytes(125)) for i in range(MAX_PONGS // 125 + 5)))
    await wait_all_tasks_blocked()
    nursery.start_soon(ws.aclose)
    await wait_all_tasks_blocked()
    peer.say(Ping(payload=b"late"))
    peer.read_on()
    await wait_all_tasks_blocked()
    heard = peer.heard()
    assert heard[-1] == closes(1000)
    assert len(heard) == 1 + math.ceil(MAX_PONGS / (125 + 6)) + 1


async def test_ping_measures_the_round_trip(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """ping() returns the seconds until its pong, and latency keeps them."""
    ws, peer = connect(nursery)
    assert ws.latency is None

    async def answer() -> None:
        ping = await peer.next()
        assert isinstance(ping, Ping)
        await trio.sleep(3)
        peer.say(Pong(payload=b"unsolicited"), ping.response())

    nursery.start_soon(answer)
    assert await ws.ping() == 3
    assert ws.latency == 3


async def test_a_later_pong_answers_earlier_pings(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """RFC 6455 section 5.5.3: a peer may answer the latest ping only."""
    ws, peer = connect(nursery)
    results = {}

    async def ping(payload: bytes) -> None:
        results[payload] = await ws.ping(payload)

    for payload in (b"1", b"2", b"3"):
        nursery.start_soon(ping, payload)
        await trio.sleep(1)
    peer.say(Pong(payload=b"2"))
    await trio.sleep(1)
    assert results == {b"1": 3, b"2": 2}
    assert ws.latency == 2
    peer.say(Pong(payload=b"3"))
    await wait_all_tasks_blocked()
    assert results[b"3"] == 2


@pytest.mark.parametrize(
    ("payload", "error"), [(b"x" * 126, ValueError), ("text", TypeError), (5, TypeError)]
)
async def test_ping_and_pong_refuse(
    nursery: trio.Nursery, payload: Any, error: type[Exception]
) -> None:
    """What no ping can carry is refused, leaves nothing behind, and nothing is sent."""
    ws, peer = connect(nursery)
    methods: list[Callable[[Any], Awaitable[object]]] = [ws.ping, ws.pong]
    for method in methods:
        for _ in range(2):
            with pytest.raises(error):
                await method(payload)
    assert ws._pings.in_flight == {}
    await ws.pong(b"fine")
    await wait_all_tasks_blocked()
    assert peer.heard() == [Pong(payload=b"fine")]


async def test_two_pings_with_one_payload(nursery: trio.Nursery) -> None:
    """Two equal pings at the same time could not be told apart."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.ping, b"same")
    await wait_all_tasks_blocked()
    with pytest.raises(ValueError, match="in flight"):
        await ws.ping(b"same")
    peer.say(Pong(payload=b"same"))
    await wait_all_tasks_blocked()
    nursery.start_soon(ws.ping, b"same")
    await wait_all_tasks_blocked()
    assert peer.heard() == [Ping(payload=b"same")] * 2


async def test_a_ping_takes_only_itself_away(nursery: trio.Nursery) -> None:
    """A payload may be used again as soon as its pong is there, before ping() has returned."""
    ws, _ = connect(nursery)
    nursery.start_soon(ws.ping, b"same")
    await wait_all_tasks_blocked()
    ws._pings.match(b"same")
    second = ws._attendant.put_ping(b"same")
    await wait_all_tasks_blocked()  # the first ping() returns
    assert ws._pings.in_flight == {b"same": second}


async def test_the_pong_of_a_cancelled_ping_answers_those_before(nursery: trio.Nursery) -> None:
    """A peer may answer the latest ping only (RFC 6455 section 5.5.3), whether it is still waited for or not."""
    ws, peer = connect(nursery, ping_interval=None)
    with trio.fail_after(5):
        async with trio.open_nursery() as others:
            others.start_soon(ws.ping, b"first")
            await wait_all_tasks_blocked()
            with trio.CancelScope() as scope:
                nursery.start_soon(after_all_are_blocked, scope.cancel)
                await ws.ping(b"second")
            others.start_soon(ws.ping, b"third")
            await wait_all_tasks_blocked()
            peer.say(Pong(payload=b"second"))
            await wait_all_tasks_blocked()
            assert [*ws._pings.in_flight] == [b"third"], "it was sent behind that one"
            peer.say(Pong(payload=b"third"))
    assert ws._pings._late is None, "nobody is answered by a late pong any more"


async def test_cancelled_pings_do_not_pile_up(nursery: trio.Nursery) -> None:
    """However many are cancelled behind one that gets no pong, few are remembered."""
    ws, _ = connect(nursery, ping_interval=None)
    nursery.start_soon(ws.ping, b"first")
    await wait_all_tasks_blocked()
    for _ in range(MAX_LATE + 10):
        with trio.move_on_after(0):
            await ws.ping()
        ping = ws._attendant.put_ping(payload := ws._pings.fresh_payload())
        ws._pings.forget(payload, ping)
    assert len(ws._pings._late or ()) == MAX_LATE
    nursery.cancel_scope.cancel()


async def test_a_cancelled_ping_leaves_nothing(nursery: trio.Nursery) -> None:
    """Nothing waits for its pong, and the pong that comes late is ignored."""
    ws, peer = connect(nursery)
    with trio.CancelScope() as scope:
        nursery.start_soon(after_all_are_blocked, scope.cancel)
        await ws.ping(b"1")
    assert scope.cancelled_caught
    assert ws._pings.in_flight == {}
    assert peer.heard() == [Ping(payload=b"1")]
    peer.say(Pong(payload=b"1"))
    await wait_all_tasks_blocked()
    assert ws.latency is None


async def test_pong(nursery: trio.Nursery) -> None:
    """An unsolicited pong can be sent, with and without a payload."""
    ws, peer = connect(nursery)
    await ws.pong()
    await ws.pong(b"heartbeat")
    await wait_all_tasks_blocked()
    assert peer.heard() == [Pong(payload=b""), Pong(payload=b"heartbeat")]


# --- back-pressure --------------------------------------------------------------------------


async def fill(ws: WebSocketConnection, peer: Peer) -> None:
    """Queue for sending what the peer does not read, up to the brim."""
    peer.stop_reading()
    ws.send_nowait("in the socket")
    await wait_all_tasks_blocked()
    ws.send_nowait(b"x" * HIGH_WATER)  # and its head is above


async def test_send_waits_for_a_slow_peer(nursery: trio.Nursery) -> None:
    """Above the high-water mark send() waits and send_nowait() says that it would."""
    ws, peer = connect(nursery)
    await fill(ws, peer)
    with pytest.raises(trio.WouldBlock):
        ws.send_nowait("y")
    done = []

    async def sender(name: str) -> None:
        await ws.send(name)
        done.append(name)

    nursery.start_soon(sender, "a")
    nursery.start_soon(sender, "b")
    await wait_all_tasks_blocked()
    assert done == []
    peer.read_on()
    await wait_all_tasks_blocked()
    assert sorted(done) == ["a", "b"]
    assert sorted(event.data for event in peer.heard()[2:]) == ["a", "b"]  # type: ignore[attr-defined]


async def test_control_frames_do_not_wait(nursery: trio.Nursery) -> None:
    """Pings, pongs and the close frame are queued however much is queued already."""
    ws, peer = connect(nursery)
    await fill(ws, peer)
    await ws.pong(b"1")
    nursery.start_soon(ws.aclose)
    await wait_all_tasks_blocked()
    peer.read_on()
    await wait_all_tasks_blocked()
    assert peer.heard()[2:] == [Pong(payload=b"1"), closes(1000)]


@pytest.mark.parametrize("end", ["aclose", "close frame", "reset", "cancelled"])
async def test_waiting_senders_are_told_of_the_end(nursery: trio.Nursery, end: str) -> None:
    """Whoever waits in send() when the connection ends is woken, and has sent nothing."""
    async with trio.open_nursery() as inner:
        ws, peer = connect(inner)
        await fill(ws, peer)
        told = []

        async def sender() -> None:
            told.append(await error_of(SENDING["send"], ws))

        nursery.start_soon(sender)
        await wait_all_tasks_blocked()
        if end == "aclose":
            nursery.start_soon(ws.aclose)
        elif end == "close frame":
            peer.say(CloseConnection(code=1000))
        elif end == "reset":
            peer.reset()
        else:
            inner.cancel_scope.cancel()
        await wait_all_tasks_blocked()
        assert told == [] if end == "cancelled" else len(told) == 1
        peer.hang_up()
        peer.read_on()
    await wait_all_tasks_blocked()
    assert len(told) == 1
    assert TextMessage(data="x") not in peer.heard()


@pytest.mark.parametrize(
    ("settings", "size", "unread"),
    [
        ({}, 32 * 1024, READ_AHEAD // (sys.getsizeof(bytes(32 * 1024)) + SLOT) + 1),
        ({"message_queue_size": 0}, 1, 1),  # as in trio-websocket: one more is on its way
        ({"message_queue_size": 1}, 1, 2),
        ({"message_queue_size": 7}, 1, 8),
    ],
)
async def test_reading_stops_for_a_slow_consumer(
    nursery: trio.Nursery, settings: dict[str, Any], size: int, unread: int
) -> None:
    """When so much waits unread nothing more is read, until the consumer has caught up."""
    ws, peer = connect(nursery, **settings)
    for i in range(50):
        peer.say_bytes(frame(BINARY, bytes([i]) * size))
    await wait_all_tasks_blocked()
    assert len(ws._inbox.messages) == unread
    assert len(peer.stream.chunks) == 50 - unread
    received = [await ws.receive() for _ in range(50)]
    assert received == [bytes([i]) * size for i in range(50)]
    assert ws._inbox.unread == 0


async def test_tiny_messages_count_with_their_cost(nursery: trio.Nursery) -> None:
    """A million empty messages are not free: each counts what Python needs for it."""
    ws, peer = connect(nursery)
    for _ in range(20):
        peer.say_bytes(frame(TEXT) * 1000)
    await wait_all_tasks_blocked()
    assert len(ws._inbox.messages) <= READ_AHEAD // (sys.getsizeof(b"") + SLOT) + 1000


async def test_the_end_is_noticed_behind_a_backlog(nursery: trio.Nursery) -> None:
    """When writing fails while too much waits unread, nobody waits for the consumer."""
    ws, peer = connect(nursery, message_queue_size=1)
    peer.say(TextMessage(data="1"))
    peer.say(TextMessage(data="2"))
    await wait_all_tasks_blocked()
    peer.reset()
    ws.send_nowait("x")
    with trio.fail_after(60):
        await ws._attendant.wait_finished()
    assert [await ws.receive(), await ws.receive()] == ["1", "2"]
    with pytest.raises(ConnectionLost):
        await ws.receive()


# --- how a connection ends ------------------------------------------------------------------

ENDS: dict[str, tuple[Callable[[Peer], None], type[ConnectionClosed], int, str | None, int | None]]
ENDS = {
    #                    what the peer does, what is raised, its code and reason, our close frame
    "1000": (lambda p: p.say(closes(1000)), ConnectionEnded, 1000, None, 1000),
    "1001": (lambda p: p.say(closes(1001, "gone")), ConnectionEnded, 1001, "gone", 1001),
    "no code": (lambda p: p.say_bytes(frame(CLOSE)), ConnectionEnded, 1005, None, 1005),
    "1002": (lambda p: p.say(closes(1002, "you!")), ConnectionLost, 1002, "you!", 1002),
    "1011": (lambda p: p.say(closes(1011)), ConnectionLost, 1011, None, 1011),
    "1013": (lambda p: p.say(closes(1013, "later")), ConnectionLost, 1013, "later", 1013),
    "3000": (lambda p: p.say(closes(3000)), ConnectionLost, 3000, None, 3000),
    "4999": (lambda p: p.say(closes(4999, "x")), ConnectionLost, 4999, "x", 4999),
    "hangs up": (Peer.hang_up, ConnectionLost, 1006, None, None),
    "resets": (Peer.reset, ConnectionLost, 1006, None, None),
    "half a frame": (
        lambda p: (p.say_bytes(b"\x81"), p.hang_up())[1],  # type: ignore[func-returns-value]
        ConnectionLost,
        1006,
        None,
        None,
    ),
    "breaks the protocol": (
        lambda p: p.say_bytes(frame(3)),
        ConnectionLost,
        1002,
        "Invalid opcode 0x3",
        1002,
    ),
    "no UTF-8": (
        lambda p: p.say_bytes(frame(TEXT, b"\xff")),
        ConnectionLost,
        1007,
        "text that is not UTF-8: invalid start byte",
        1007,
    ),
}


@pytest.mark.parametrize("name", ENDS)
async def test_ends(nursery: trio.Nursery, name: str, autojump_clock: MockClock) -> None:
    """Each end has its exception, raised by every operation, with code, reason and cause."""
    act, kind, code, reason, reply = ENDS[name]
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="before"))
    await wait_all_tasks_blocked()
    assert ws.closed is None
    act(peer)
    await wait_all_tasks_blocked()
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (code, reason)
    assert await ws.receive() == "before"
    errors = [await error_of(operation, ws) for operation in OPERATIONS.values()]
    for sync in (ws.receive_nowait, lambda: ws.send_nowait("x")):
        with pytest.raises(ConnectionClosed) as caught:
            sync()
        errors.append(caught.value)
    for error in errors:
        assert type(error) is kind
        assert error.reason is ws.closed
        assert isinstance(error.__cause__, trio.BrokenResourceError) is (name == "resets")
    assert len(set(map(id, errors))) == len(errors), "each raise has a traceback of its own"
    await ws.aclose()  # nothing to be closed any more, nothing raised
    assert peer.stream.closed
    assert [x.code for x in peer.heard() if isinstance(x, CloseConnection)] == (
        [] if reply is None else [reply]
    )


@pytest.mark.parametrize("name", ENDS)
async def test_ends_while_waiting(nursery: trio.Nursery, name: str) -> None:
    """Operations that wait when the end comes are told of it at once."""
    act, kind, code, _, _ = ENDS[name]
    ws, peer = connect(nursery)
    errors: list[ConnectionClosed] = []

    async def wait_for_the_end(
        operation: Callable[[WebSocketConnection], Awaitable[object]],
    ) -> None:
        errors.append(await error_of(operation, ws))

    for operation in (OPERATIONS["receive"], OPERATIONS["get_message"], OPERATIONS["ping"]):
        nursery.start_soon(wait_for_the_end, operation)
    await wait_all_tasks_blocked()
    act(peer)
    await wait_all_tasks_blocked()
    assert [type(error) for error in errors] == [kind] * 3
    assert all(error.reason is not None and error.reason.code == code for error in errors)


async def test_async_for(nursery: trio.Nursery) -> None:
    """Iteration ends where the peer closed normally, and raises where it did not."""
    for code in (1000, 1001, 1005):
        ws, peer = connect(nursery)
        peer.say(TextMessage(data="a"), TextMessage(data="b"), CloseConnection(code=code))
        assert [message async for message in ws] == ["a", "b"]
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="a"), TextMessage(data="b"), CloseConnection(code=1011))
    assert [await ws.__anext__(), await ws.__anext__()] == ["a", "b"]
    with pytest.raises(ConnectionLost):
        await ws.__anext__()


async def test_the_peer_says_why_while_writing_fails(nursery: trio.Nursery) -> None:
    """A close frame that is still to be read tells more than a write that failed."""
    ws, peer = connect(nursery)
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    ws.send_nowait("lost")
    await wait_all_tasks_blocked()
    with pytest.raises(ConnectionLost):
        await ws.send("too late")
    peer.say(TextMessage(data="last words"), closes(1001, "restart"))
    peer.hang_up()
    assert await ws.receive() == "last words"
    with pytest.raises(ConnectionEnded, match="1001 GOING_AWAY: restart"):
        await ws.receive()


@pytest.mark.parametrize("when", ["before", "behind"])
async def test_a_ping_hears_why_while_writing_fails(
    nursery: trio.Nursery, when: str, autojump_clock: MockClock
) -> None:
    """A ping that cannot be written, or is sent then, tells what the peer said last, too."""
    ws, peer = connect(nursery)
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    if when == "behind":
        ws.send_nowait("lost")
        await wait_all_tasks_blocked()

    async def say_why() -> None:
        await wait_all_tasks_blocked()
        peer.say(closes(4000, "go away"))
        peer.hang_up()

    nursery.start_soon(say_why)
    with pytest.raises(ConnectionClosed, match="4000") as caught:
        await ws.ping()
    assert isinstance(caught.value.__cause__, ConnectionLost)


async def test_a_ping_is_not_kept_waiting(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Where the peer says nothing more, a ping fails after a second."""
    ws, peer = connect(nursery)
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    with pytest.raises(ConnectionClosed, match="1006") as caught:
        await ws.ping()
    assert isinstance(caught.value.__cause__, ConnectionLost)
    assert trio.current_time() == 1


async def test_the_peer_hangs_up_behind_its_close_frame(nursery: trio.Nursery) -> None:
    """It has closed TCP for its own direction at least, and still gets our close frame."""
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    peer.stream.put(frame(CLOSE, close_payload(1000)))
    peer.hang_up()
    await ws._attendant.wait_finished()
    assert peer.heard() == [closes(1000)]


@pytest.mark.parametrize(
    ("code", "name"),
    [(1012, "SERVICE_RESTART"), (1013, "TRY_AGAIN_LATER"), (1014, "BAD_GATEWAY")],
)
async def test_codes_of_gateways(
    nursery: trio.Nursery, autojump_clock: MockClock, code: int, name: str
) -> None:
    """Codes that stand in IANA's registry alone are told with name and reason, and answered."""
    ws, peer = connect(nursery, compression=Deflate())
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(CLOSE, close_payload(code, "back in a minute")))
    with pytest.raises(ConnectionLost, match=rf"{code}.*back in a minute") as caught:
        await ws.receive()
    await ws._attendant.wait_finished()
    reason = caught.value.reason
    assert reason is not None
    assert (reason.code, reason.name, reason.reason) == (code, name, "back in a minute")
    written = b"".join(peer.stream.writes)
    assert written[0] == 0x80 | CLOSE
    key, payload = written[2:6], written[6:8]
    assert bytes(a ^ b for a, b in zip(payload, key, strict=False)) == close_payload(code)


async def test_writing_fails_and_nothing_can_be_read(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """After a failed write the peer's last words are waited for, for a second at most."""
    ws, peer = connect(nursery)
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    ws.send_nowait("lost")
    with pytest.raises(ConnectionLost) as caught:
        await ws.receive()
    assert caught.value.__cause__ is peer.stream.write_error
    assert trio.current_time() == 1
    await ws._attendant.wait_finished()
    assert peer.stream.closed


async def test_the_first_end_stays(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Once this side has closed, operations say so; what the peer said instead of an answer stays."""
    ws, peer = connect(nursery)
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    nursery.start_soon(ws.aclose, 3000, "ours")
    await wait_all_tasks_blocked()
    peer.say(closes(1011, "crossed our close frame"))
    await ws.aclose()
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (1011, "crossed our close frame")
    for operation in OPERATIONS.values():
        assert isinstance(await error_of(operation, ws), ConnectionClosedLocally)


async def test_no_wait_behind_the_peers_close(nursery: trio.Nursery) -> None:
    """When our answer to the peer's close frame cannot be written, receive() does not wait."""
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    peer.say(closes(1000))
    await wait_all_tasks_blocked()
    with pytest.raises(ConnectionEnded):
        ws.receive_nowait()


@pytest.mark.parametrize(
    "where", ["reading", "writing", "closing the stream", "acting on an event"]
)
async def test_a_stream_that_raises_anything(
    nursery: trio.Nursery, where: str, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that no stream should raise, or one of ours, ends the connection, not the nursery."""
    ws, peer = connect(nursery)
    problem = OSError("not what trio.abc.Stream promises")
    await wait_all_tasks_blocked()
    if where == "reading":
        peer.stream.put(problem)
    elif where == "writing":
        peer.stream.write_error = problem
        ws.send_nowait("x")
    elif where == "closing the stream":
        peer.stream.close_error = problem
        peer.hang_up()
    else:
        monkeypatch.setattr(Inbox, "deliver", None)
        peer.say(TextMessage(data="x"))
    with pytest.raises(ConnectionLost) as caught:
        await ws.receive()
    if where in ("reading", "writing"):
        assert caught.value.__cause__ is problem
    await ws.aclose()
    assert peer.stream.closed


# --- aclose ---------------------------------------------------------------------------------


async def answer_close(peer: Peer, hang_up: bool = True) -> None:
    """Do what a good server does when the client closes."""
    while not isinstance(event := await peer.next(), CloseConnection):
        pass
    peer.say(event.response())
    if hang_up:
        peer.hang_up()


async def test_aclose(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What is queued is sent, then the close frame; it returns when the peer is done."""
    ws, peer = connect(nursery)
    await ws.send("last words")
    nursery.start_soon(answer_close, peer)
    await ws.aclose(4000, "tschüß")
    assert trio.current_time() == 0
    assert peer.stream.closed
    # What is sent leaves at once where that takes no waiting.
    assert len(peer.stream.writes) == (2 if isinstance(peer.stream, ImmediateWire) else 1)
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (4000, "tschüß")


async def test_aclose_frames(nursery: trio.Nursery) -> None:
    """The peer gets code and reason."""
    for code, reason in ((1000, None), (1001, ""), (4999, "x" * 123), (3000, "ü" * 61)):
        ws, peer = connect(nursery)
        nursery.start_soon(ws.aclose, code, reason)
        assert await peer.next() == closes(code, reason)
        peer.hang_up()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, None),
        (999, None),
        (1004, None),
        (1016, None),
        (2999, None),
        (5000, None),
    ],
)
async def test_aclose_refuses(nursery: trio.Nursery, code: int, reason: str | None) -> None:
    """A number that is no close code is refused, and the connection goes on."""
    ws, peer = connect(nursery)
    with pytest.raises(ValueError, match="close code"):
        await ws.aclose(code, reason)
    await ws.send("still here")
    assert await peer.next() == TextMessage(data="still here")
    assert ws.closed is None


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (1000.0, None, "code is an integer, not float"),
        ("1000", None, "code is an integer, not str"),
        (1000, b"bye", "reason is a str or None, not bytes"),
        (1000, 5, "reason is a str or None, not int"),
    ],
)
async def test_aclose_of_another_type(
    nursery: trio.Nursery, code: Any, reason: Any, says: str
) -> None:
    """A code that is no integer and a reason that is no text are named, and the connection goes on."""
    ws, peer = connect(nursery)
    with pytest.raises(TypeError, match=f"^{says}$"):
        await ws.aclose(code, reason)
    await ws.send("still here")
    assert await peer.next() == TextMessage(data="still here")
    assert ws.closed is None


@pytest.mark.parametrize("name", ["ping", "pong"])
@pytest.mark.parametrize("payload", ["text", 5, [b"x"]])
async def test_control_payload_of_another_type(
    nursery: trio.Nursery, name: str, payload: Any
) -> None:
    """What a ping or a pong carries is bytes; else it is named, and nothing is sent."""
    ws, peer = connect(nursery)
    with pytest.raises(TypeError, match=f"^payload is bytes or None, not {type(payload).__name__}"):
        await getattr(ws, name)(payload)
    await ws.pong(bytearray(b"like bytes"))  # type: ignore[arg-type]  # the types are stricter
    assert await peer.next() == Pong(payload=b"like bytes")


@pytest.mark.parametrize(
    ("code", "reason", "sent"),
    [
        (1005, None, (1000, None)),
        (None, None, (1000, None)),
        (1006, "lost", (1000, "lost")),
        (1015, "x", (1000, "x")),
        (1000, "x" * 123, (1000, "x" * 123)),
        (1000, "x" * 124, (1000, "x" * 123)),
        (4000, "ü" * 62, (4000, "ü" * 61)),
        (4000, "x" + "ü" * 61, (4000, "x" + "ü" * 61)),
        (1011, "€" * 100, (1011, "€" * 41)),
        (1011, "👩" * 100, (1011, "👩" * 30)),
        (1011, "a\ud800b", (1011, "a?b")),
        (1011, "", (1011, None)),
    ],
)
async def test_aclose_never_fails_for_its_words(
    nursery: trio.Nursery, code: int | None, reason: str | None, sent: tuple[int, str | None]
) -> None:
    """What no frame can carry is sent as trio-websocket sends it: who closes is often in trouble."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.aclose, code, reason)
    frame = await peer.next()
    assert isinstance(frame, CloseConnection)
    assert (frame.code, frame.reason or None) == sent
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == sent
    peer.say(closes(frame.code))
    peer.hang_up()


async def test_the_loss_gets_through_to_who_waits_for_it(nursery: trio.Nursery) -> None:
    """An ``except`` for somebody else's stream does not swallow the end of the connection."""
    ws, peer = connect(nursery)
    peer.hang_up()
    await wait_all_tasks_blocked()
    for operation in PLAIN:
        caught: Exception | None = None
        try:
            await operation(ws)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.EndOfChannel):
            pytest.fail("it is not theirs")
        except ConnectionClosed as error:
            caught = error
        assert caught is not None
        full = await error_of(RECEIVING["receive"], ws)
        assert told(caught, PARAMETERS) == told(full, PARAMETERS) == str(full)


async def test_attributes_of_others(nursery: trio.Nursery) -> None:
    """Programs may note something on a connection; those that do not pay 8 bytes for it."""
    ws, peer = connect(nursery)
    slots = [name for name in WebSocketConnection.__slots__ if name != "__dict__"]
    bare = type("Bare", (), {"__slots__": slots})()
    assert sys.getsizeof(ws) <= sys.getsizeof(bare) + 16  # a pointer, and what 3.11 counts for it
    ws.room = "lobby"  # type: ignore[attr-defined]
    assert vars(ws) == {"room": "lobby"}
    with pytest.raises(AttributeError):
        ws.closed = None  # type: ignore[misc]
    peer.hang_up()


async def test_everything_is_over_after_aclose(nursery: trio.Nursery) -> None:
    """Unread messages are discarded, and every operation says that this side has closed."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="unread"))
    await wait_all_tasks_blocked()
    nursery.start_soon(answer_close, peer)
    await ws.aclose()
    for operation in OPERATIONS.values():
        assert type(await error_of(operation, ws)) is ConnectionClosedLocally
    with pytest.raises(ConnectionClosedLocally):
        ws.receive_nowait()
    with pytest.raises(ConnectionClosedLocally):
        ws.send_nowait("x")


async def test_messages_that_cross_the_close_frame(nursery: trio.Nursery) -> None:
    """What the peer had sent before it saw our close frame is discarded."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.aclose)
    await peer.next()
    peer.say_bytes(frame(TEXT, b"crossed") + frame(PING, b"too") + frame(CLOSE))
    peer.hang_up()
    await wait_all_tasks_blocked()
    assert peer.heard() == []
    assert type(await error_of(OPERATIONS["receive"], ws)) is ConnectionClosedLocally


@pytest.mark.parametrize("unread", [0, 200, 1000])
async def test_aclose_with_a_backlog(
    nursery: trio.Nursery, unread: int, autojump_clock: MockClock
) -> None:
    """Unread messages, also those that keep the reader from reading, never block it."""
    ws, peer = connect(nursery, message_queue_size=100)
    for i in range(unread):
        peer.say(TextMessage(data=str(i)))
    await wait_all_tasks_blocked()
    nursery.start_soon(answer_close, peer)
    await ws.aclose()
    assert trio.current_time() == 0


async def test_simultaneous_close(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Close frames that cross are the closing handshake; each side sends one."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.aclose, 1000, "mine")
    peer.say(closes(1001, "yours"))
    peer.hang_up()
    await wait_all_tasks_blocked()
    assert [type(x) for x in peer.heard()] == [CloseConnection]
    await ws.aclose()
    assert trio.current_time() == 0


async def test_aclose_behind_the_peers_close(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """After the peer's close frame aclose() sends no second one, and the end stays theirs."""
    ws, peer = connect(nursery)
    peer.say(closes(1000))
    assert await peer.next() == closes(1000)
    peer.hang_up()
    await ws.aclose(4000)
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert peer.heard() == []


@pytest.mark.parametrize("who", ["we", "the peer"])
async def test_tcp_stays_open(nursery: trio.Nursery, who: str, autojump_clock: MockClock) -> None:
    """When both close frames are there, the peer's TCP end is awaited for one second."""
    ws, peer = connect(nursery)
    if who == "we":
        nursery.start_soon(answer_close, peer, False)
    else:
        peer.say(closes(1000))
        await wait_all_tasks_blocked()
    await ws.aclose()
    assert trio.current_time() == 1
    assert peer.stream.closed


@pytest.mark.parametrize("code", [1000, 1011])
async def test_nobody_has_to_call_aclose(
    nursery: trio.Nursery, code: int, autojump_clock: MockClock
) -> None:
    """A connection that the peer closed goes away by itself."""
    ws, peer = connect(nursery)
    peer.say(closes(code))
    await ws._attendant.wait_finished()
    assert trio.current_time() == 1
    assert peer.stream.closed


@pytest.mark.parametrize("settings", [{}, {"ping_interval": 20, "ping_timeout": 20}])
async def test_no_answer(
    nursery: trio.Nursery, settings: dict[str, Any], autojump_clock: MockClock
) -> None:
    """A peer that never answers costs disconnect_timeout and an error; everything is closed."""
    ws, peer = connect(nursery, disconnect_timeout=60, **settings)
    with pytest.raises(DisconnectionTimeout, match=r"did not finish .* within 60 s") as caught:
        await ws.aclose()
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.TIMED_OUT, "close")
    assert trio.current_time() == 60
    assert peer.stream.closed
    await ws.aclose()  # the second time there is nothing left to wait for


async def test_a_peer_that_does_not_read(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A close frame that cannot even be written counts the same."""
    ws, peer = connect(nursery, disconnect_timeout=5)
    await fill(ws, peer)
    with pytest.raises(DisconnectionTimeout):
        await ws.aclose()
    assert trio.current_time() == 5
    assert peer.stream.closed


@pytest.mark.parametrize("answers", [True, False])
async def test_a_peer_that_floods(
    nursery: trio.Nursery, answers: bool, autojump_clock: MockClock
) -> None:
    """Messages without end behind our close frame, or theirs, prolong nothing and are not kept."""
    ws, peer = connect(nursery, disconnect_timeout=5)

    async def flood() -> None:
        while not peer.stream.closed:
            peer.say_bytes(frame(BINARY, b"x" * 1000) * 10 + frame(PING))
            await trio.sleep(0.1)

    nursery.start_soon(flood)
    await trio.sleep(1)
    if answers:
        nursery.start_soon(answer_close, peer, False)
        await ws.aclose()
    else:
        with pytest.raises(DisconnectionTimeout):
            await ws.aclose()
    assert trio.current_time() == 1 + (1 if answers else 5)
    assert len(ws._inbox.messages) == 0
    assert peer.stream.closed


async def test_the_peer_hangs_up_instead_of_answering(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A TCP end, or a reset, in place of the peer's close frame is good enough."""
    for goes_away in (Peer.hang_up, Peer.reset):
        ws, peer = connect(nursery)
        nursery.start_soon(ws.aclose)
        await peer.next()
        goes_away(peer)
        await ws.aclose()
        assert trio.current_time() == 0
        assert peer.stream.closed


async def test_a_broken_frame_instead_of_an_answer(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A peer that breaks the protocol behind our close frame is not listened to for long."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.aclose)
    await peer.next()
    peer.say_bytes(frame(3))
    await ws.aclose()
    assert trio.current_time() == 1
    assert peer.heard() == []


async def test_many_acloses(nursery: trio.Nursery) -> None:
    """Any number of tasks may close, before, while and after; one close frame is sent."""
    ws, peer = connect(nursery)
    async with trio.open_nursery() as inner:
        for code in (1000, 1001, 4000):
            inner.start_soon(ws.aclose, code)
        inner.start_soon(answer_close, peer)
    await ws.aclose()
    async with ws:
        pass
    await wait_all_tasks_blocked()
    assert peer.heard() == []


async def test_a_cancelled_aclose_closes_at_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Cancelled at any checkpoint, aclose() has closed the stream when it is through."""
    for steps in itertools.count():
        ws, peer = connect(nursery)
        await wait_all_tasks_blocked()
        peer.say_bytes(frame(CLOSE))
        peer.hang_up()
        cancelled = await cancel_after(steps, ws.aclose)
        assert peer.stream.closed
        if not cancelled:
            break
    assert steps >= 1
    assert trio.current_time() == 0


async def test_one_aclose_is_cancelled(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Others that wait in aclose() are through then too."""
    ws, peer = connect(nursery)
    with trio.move_on_after(1):
        nursery.start_soon(ws.aclose)
        await ws.aclose()
    await wait_all_tasks_blocked()
    assert trio.current_time() == 1
    assert peer.stream.closed


# --- cancellation ---------------------------------------------------------------------------


async def cancel_after(steps: int, operation: Callable[[], Awaitable[object]]) -> bool:
    """Cancel an operation when it has taken so many steps; tell whether that was in time."""
    with trio.CancelScope() as scope:
        instrument = CancelAtStep(scope, steps)
        trio.lowlevel.add_instrument(instrument)
        try:
            await operation()
        finally:
            trio.lowlevel.remove_instrument(instrument)
    return scope.cancelled_caught


@pytest.mark.parametrize("slow", [False, True], ids=["at ease", "under back-pressure"])
@pytest.mark.parametrize("message", ["short", "x" * 3 * HIGH_WATER], ids=["short", "long"])
async def test_send_is_atomic(nursery: trio.Nursery, message: str, slow: bool) -> None:
    """send() that is cancelled has sent nothing, one that is not has sent all."""
    for steps in itertools.count():
        ws, peer = connect(nursery)
        await wait_all_tasks_blocked()
        if slow:
            await fill(ws, peer)
            nursery.start_soon(after_all_are_blocked, peer.read_on)
        cancelled = await cancel_after(steps, lambda: ws.send(message))  # noqa: B023
        await ws.send("next")
        await wait_all_tasks_blocked()
        heard = "".join(x.data for x in peer.heard()[2 if slow else 0 :])  # type: ignore[attr-defined]
        assert heard == ("next" if cancelled else message + "next")
        if not cancelled:
            break
    # At ease there is no wait to cancel: the message is queued before the first turn ends.
    assert steps >= (1 if slow else 0)


async def after_all_are_blocked(function: Callable[[], object]) -> None:
    """Do this when there is nothing else to do."""
    await wait_all_tasks_blocked()
    function()


async def test_sends_under_fire(nursery: trio.Nursery) -> None:
    """Through a stream that takes a few bytes at a time, senders cancelled at random mix nothing."""
    ws, peer = connect(nursery)
    dice = random.Random(6455)
    sent: list[str] = []

    async def sender(name: str) -> None:
        for i in range(100):
            message = f"{name}{i} " + "x" * dice.randrange(9000)
            if not await cancel_after(dice.randrange(4), lambda: ws.send(message)):  # noqa: B023
                sent.append(message)

    async def reader() -> None:
        while True:
            peer.stop_reading()
            for _ in range(dice.randrange(100)):
                await trio.lowlevel.checkpoint()
            peer.read_on()
            await trio.lowlevel.checkpoint()

    nursery.start_soon(reader)
    async with trio.open_nursery() as inner:
        for name in "abcde":
            inner.start_soon(sender, name)
    await ws.send("end")
    heard = []
    while (event := await peer.next()) != TextMessage(data="end"):
        assert isinstance(event, TextMessage)
        heard.append(event.data)
    assert 50 < len(sent) < 500
    assert heard.count("") == 0
    assert sorted(heard) == sorted(sent)
    for name in "abcde":
        mine = [m for m in heard if m.startswith(name)]
        assert mine == [m for m in sent if m.startswith(name)]


async def test_receive_loses_nothing(nursery: trio.Nursery) -> None:
    """receive() cancelled at random a thousand times loses, repeats and reorders no message."""
    ws, peer = connect(nursery)
    dice = random.Random(6455)
    total = 1500

    async def talk() -> None:
        said = 0
        while said < total:
            count = min(1 + dice.randrange(6), total - said)
            peer.say(*(TextMessage(data=str(said + i)) for i in range(count)))
            said += count
            for _ in range(dice.randrange(8)):
                await trio.lowlevel.checkpoint()

    nursery.start_soon(talk)
    got: list[str] = []
    cancelled = 0

    async def take() -> None:
        got.append(str(await ws.receive()))

    while len(got) < total:
        cancelled += await cancel_after(dice.randrange(4), take)
    assert got == [str(i) for i in range(total)]
    assert cancelled > 300


@pytest.mark.parametrize("busy", ["idle", "sending", "closing"])
async def test_the_nursery_is_cancelled(
    nursery: trio.Nursery, busy: str, autojump_clock: MockClock
) -> None:
    """A cancelled nursery closes the connection at once, and the others are told."""
    errors: list[ConnectionClosed] = []
    async with trio.open_nursery() as inner:
        ws, peer = connect(inner)

        async def wait_for_the_end(
            operation: Callable[[WebSocketConnection], Awaitable[object]],
        ) -> None:
            errors.append(await error_of(operation, ws))

        if busy == "sending":
            await fill(ws, peer)
        elif busy == "closing":
            nursery.start_soon(ws.aclose)
        else:
            nursery.start_soon(wait_for_the_end, OPERATIONS["receive"])
            nursery.start_soon(wait_for_the_end, OPERATIONS["ping"])
        await wait_all_tasks_blocked()
        inner.cancel_scope.cancel()
    assert peer.stream.closed
    await wait_all_tasks_blocked()
    assert trio.current_time() == 0
    assert len(errors) == (2 if busy == "idle" else 0)
    for error in [*errors, await error_of(OPERATIONS["receive"], ws)]:
        assert type(error) is ConnectionClosedLocally
        assert error.reason is not None
        assert error.reason.code == (1000 if busy == "closing" else 1006)


async def test_a_nursery_that_is_cancelled_before_the_start() -> None:
    """The stream is closed even if the connection never got to run."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            scope.cancel()
            ws, peer = connect(nursery)
    assert peer.stream.closed
    assert isinstance(await error_of(OPERATIONS["receive"], ws), ConnectionClosedLocally)
    await ws.aclose()


# --- checkpoints ----------------------------------------------------------------------------


async def test_operations_are_checkpoints(nursery: trio.Nursery) -> None:
    """Every operation that succeeds yields to trio, also where it has nothing to wait for."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="a"), TextMessage(data="b"))
    await wait_all_tasks_blocked()
    nursery.start_soon(answer_pings, peer)
    for operation in OPERATIONS.values():
        with assert_checkpoints():
            await operation(ws)
    peer.say(closes(1000))
    for _ in range(2):
        with assert_checkpoints():
            await ws.aclose()


async def answer_pings(peer: Peer) -> None:
    """Do what a good server does with pings, until the client closes."""
    while not isinstance(event := await peer.next(), CloseConnection):
        if isinstance(event, Ping):
            peer.say(event.response())
    peer.hang_up()


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("name", [*OPERATIONS, "aclose"])
async def test_operations_can_be_cancelled(nursery: trio.Nursery, name: str, state: State) -> None:
    """In every state, an operation in a cancelled scope raises Cancelled and takes nothing."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="kept"))
    if state is State.CLOSING:
        nursery.start_soon(ws.aclose)
    elif state is State.LEAVING:
        peer.say(closes(1000))
    elif state is State.CLOSED:
        peer.hang_up()
    await wait_all_tasks_blocked()
    assert ws._life.state is state
    unread = len(ws._inbox.messages)
    with trio.CancelScope() as scope:
        scope.cancel()
        await (ws.aclose() if name == "aclose" else OPERATIONS[name](ws))
    assert scope.cancelled_caught
    assert len(ws._inbox.messages) == (0 if name == "aclose" and state is State.OPEN else unread)


# --- Ctrl-C ---------------------------------------------------------------------------------


class InterruptedDeque(deque[Any]):
    """Somebody presses Ctrl-C between the taking of an item and what follows it."""

    def popleft(self) -> Any:
        item = super().popleft()
        signal.raise_signal(signal.SIGINT)
        return item


@pytest.mark.parametrize("method", ["receive", "receive_nowait"])
def test_ctrl_c_loses_no_message(method: str) -> None:
    """Ctrl-C in the middle of receive() waits until the message is handed over."""
    got = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            ws, peer = connect(nursery)
            peer.say(TextMessage(data="a"))
            await wait_all_tasks_blocked()
            ws._inbox.messages = InterruptedDeque(ws._inbox.messages)
            got.append(await ws.receive() if method == "receive" else ws.receive_nowait())
            nursery.cancel_scope.cancel()

    with pytest.raises(KeyboardInterrupt):
        unwrapped(trio.run, main)
    assert got == ["a"]


@pytest.mark.parametrize("method", ["send", "send_nowait"])
def test_ctrl_c_sends_whole_messages(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of send() waits until the frame is queued."""
    queued = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            ws, peer = connect(nursery)
            await wait_all_tasks_blocked()
            build = Protocol.message

            def interrupted(self: Protocol, data: Any) -> bytes:
                built = build(self, data)
                signal.raise_signal(signal.SIGINT)
                return built

            monkeypatch.setattr(Protocol, "message", interrupted)
            sent = getattr(ws, method)("x")
            if sent is not None:
                await sent
            queued.append(ws._outbox.unsent.messages + len(peer.stream.writes))
            nursery.cancel_scope.cancel()

    with pytest.raises(KeyboardInterrupt):
        unwrapped(trio.run, main)
    assert queued == [1]


def unwrapped(function: Callable[..., object], *args: object) -> None:
    """Call it, and take the one exception out of the nursery's group."""
    try:
        function(*args)
    except BaseException as exc:
        error = exc
        while len(inner := getattr(error, "exceptions", [])) == 1:
            error = inner[0]
        raise error from None


# --- what is told, what is left -------------------------------------------------------------


async def test_repr(nursery: trio.Nursery) -> None:
    """It shows state, peer and how it ended."""
    ws, peer = connect(nursery)
    assert repr(ws) == "<WebSocketConnection open to the peer>"
    peer.say(closes(1001, "bye"))
    await wait_all_tasks_blocked()
    assert repr(ws).startswith("<WebSocketConnection leaving to the peer CloseReason<code=1001")


# From about Python 3.12 on the frames of an error's traceback hold those below them, down to ours.
holds_frames = pytest.mark.skipif(sys.version_info >= (3, 12), reason="tracebacks hold all frames")


@pytest.mark.parametrize(
    "end",
    [
        "closed",
        pytest.param("reset", marks=holds_frames),
        pytest.param("write error", marks=holds_frames),
        "cancelled",
    ],
)
async def test_no_garbage(end: str, autojump_clock: MockClock) -> None:
    """A connection that is over is freed at once, without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        async with trio.open_nursery() as nursery:
            ws, peer = connect(nursery)
            await wait_all_tasks_blocked()
            if end == "closed":
                peer.say(closes(1011))
            elif end == "reset":
                peer.reset()
            elif end == "write error":
                peer.stream.write_error = trio.BrokenResourceError()
                ws.send_nowait("x")
            else:
                nursery.cancel_scope.cancel()
        with pytest.raises(ConnectionClosed) as caught:
            await ws.receive()
        del caught
        alive = weakref.ref(ws)
        del ws, peer, nursery
        assert alive() is None
    finally:
        gc.enable()
