"""The keepalive on a virtual clock, alone and within a connection."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from _peer import CLOSE, TEXT, Peer, close_payload, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, TextMessage

from trio_wsproxy._exceptions import ConnectionClosed, ConnectionLost
from trio_wsproxy._websocket import _pings
from trio_wsproxy._websocket._pings import JITTER, Keepalive, Pings, Verdict


@pytest.fixture
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every pause take the whole interval."""
    monkeypatch.setattr(_pings, "JITTER", 0)


class Line:
    """What a keepalive sees of a connection."""

    def __init__(self) -> None:
        self.last_byte = 0.0
        self.pings: list[float] = []
        self.given_up: float | None = None
        self.paused = False

    async def watch(self, interval: float, timeout: float | None, until: float) -> None:
        """Run a keepalive from 0 seconds to ``until``."""
        with trio.move_on_at(until):
            keepalive = Keepalive(interval, timeout, trio.current_time())
            while self.given_up is None:
                now = trio.current_time()
                verdict, due = keepalive.check(now, now if self.paused else self.last_byte)
                if verdict is Verdict.PING:
                    self.pings.append(now)
                elif verdict is Verdict.GIVE_UP:
                    self.given_up = now
                else:
                    await trio.sleep_until(due)

    async def hear(self, *times: float) -> None:
        """Let bytes arrive at these times."""
        for time in times:
            await trio.sleep_until(time)
            self.last_byte = trio.current_time()


@pytest.mark.parametrize(
    ("interval", "timeout", "bytes_at", "pings_at", "given_up_at"),
    [
        (20, 20, [], [20, 40], 40),
        (20, 5, [], [20], 25),
        (20, 50, [], [20, 40, 60], 70),
        (20, None, [], [20, 40, 60, 80], None),
        (20, 20, [10], [30, 50], 50),  # a ping follows silence only
        (20, 20, [*range(10, 100, 10)], [], None),
        (20, 5, [24], [20, 44], 49),  # any byte in time proves life
        (20, 5, [26], [20], 25),  # this one is too late
        (20, 30, [45], [20, 40, 65, 85], 95),
        (1000, 20, [], [], None),
        (math.inf, 20, [], [], None),
    ],
)
async def test_keep_alive(
    *,
    interval: float,
    timeout: float | None,
    bytes_at: list[float],
    pings_at: list[float],
    given_up_at: float | None,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
    no_jitter: None,
) -> None:
    """Pings follow silence; the end comes so long after the first ping that nothing follows."""
    line = Line()
    nursery.start_soon(line.hear, *bytes_at)
    await line.watch(interval, timeout, until=99)
    # Where both are due at once, it is over before another ping is sent.
    assert line.pings == [t for t in pings_at if given_up_at is None or t < given_up_at]
    assert line.given_up == given_up_at


async def test_jitter(autojump_clock: MockClock) -> None:
    """Each pause is shortened by a random part, one tenth at most, and never lengthened."""
    line = Line()
    await line.watch(100, None, until=100_000)
    pauses = [b - a for a, b in zip([0, *line.pings], line.pings, strict=False)]
    assert len(pauses) >= 1000
    assert all(100 * (1 - JITTER) <= pause <= 100 for pause in pauses)
    assert max(pauses) - min(pauses) > 5


async def test_silence_of_our_making(
    nursery: trio.Nursery, autojump_clock: MockClock, no_jitter: None
) -> None:
    """While we do not read nothing is asked and nothing given up; afterwards the clock goes on."""
    line = Line()
    nursery.start_soon(line.watch, 20, 20, 1000)
    await trio.sleep(25)  # the ping of second 20 is on its way
    line.paused = True
    await trio.sleep(600)
    assert line.pings == [20]
    assert line.given_up is None
    line.paused, line.last_byte = False, trio.current_time()
    await trio.sleep(100)
    assert line.pings == [20, 645]
    assert line.given_up == 665


async def answer_pings(peer: Peer) -> None:
    """Do what a good server does with pings, until the client closes."""
    while True:
        event = await peer.next()
        if isinstance(event, CloseConnection):
            peer.hang_up()
            return
        if isinstance(event, Ping):
            peer.say(event.response())


async def test_a_silent_peer(
    nursery: trio.Nursery, autojump_clock: MockClock, no_jitter: None
) -> None:
    """A connection to a peer that does not answer is lost after interval and timeout."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=10)
    with pytest.raises(ConnectionLost, match=r"1011 .* keepalive ping timeout"):
        await ws.receive()
    assert trio.current_time() == 30
    await wait_all_tasks_blocked()
    ping, close = peer.heard()
    assert isinstance(ping, Ping)
    assert isinstance(close, CloseConnection)
    await ws._attendant.wait_finished()
    assert trio.current_time() == 31
    assert peer.stream.closed


async def test_a_peer_that_neither_reads_nor_writes(
    nursery: trio.Nursery, autojump_clock: MockClock, no_jitter: None
) -> None:
    """A ping that cannot even be written counts as unanswered."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=10)
    peer.stop_reading()
    ws.send_nowait("stuck")
    with pytest.raises(ConnectionLost):
        await ws.receive()
    assert trio.current_time() == 30
    await ws._attendant.wait_finished()
    assert peer.stream.closed


async def test_an_idle_consumer(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A healthy link survives ten minutes in which nobody receives, and keeps its latency."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    nursery.start_soon(answer_pings, peer)
    await trio.sleep(600)
    assert ws.closed is None
    assert ws.latency == 0
    assert len(peer.stream.writes) >= 30


async def test_a_full_backlog(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """So does one whose peer has more to say than is kept unread."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20, message_queue_size=10)
    for i in range(1000):
        peer.say(TextMessage(data=str(i)))
    await trio.sleep(600)
    assert peer.heard() == []
    for i in range(1000):
        assert await ws.receive() == str(i)
        await trio.sleep(1)
    assert ws.closed is None


async def test_the_clock_starts_anew(
    nursery: trio.Nursery, autojump_clock: MockClock, no_jitter: None
) -> None:
    """When a backlog is gone the peer has a whole interval to say more, before it is asked."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20, message_queue_size=1)
    peer.say(TextMessage(data="1"), TextMessage(data="2"))
    await trio.sleep(615)
    await ws.receive()
    await trio.sleep(19)
    assert peer.heard() == []
    await trio.sleep(2)
    assert len(peer.heard()) == 1


async def test_any_byte_proves_life(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A long message that takes its time is an answer too."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    data = frame(TEXT, b"x" * 60)
    for i in range(len(data)):
        await trio.sleep(30)
        peer.say_bytes(data[i : i + 1])
    assert await ws.receive() == "x" * 60


async def test_traffic_makes_pings_unnecessary(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """While bytes come in, no ping goes out."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    for _ in range(100):
        peer.say(TextMessage(data="tick"))
        assert await ws.receive() == "tick"
        await trio.sleep(15)
    assert peer.heard() == []


@pytest.mark.parametrize(
    ("settings", "pings"),
    [
        ({"ping_interval": None}, 0),
        ({"ping_interval": None, "ping_timeout": None}, 0),
        ({"ping_interval": 20, "ping_timeout": None}, 30),
    ],
)
async def test_switched_off(
    settings: dict[str, Any], pings: int, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Without an interval nothing is sent, without a timeout nothing is given up."""
    ws, peer = connect(nursery, **settings)
    await trio.sleep(605)
    assert ws.closed is None
    heard = peer.heard()
    assert pings <= len(heard) <= pings / 0.9
    assert all(isinstance(event, Ping) for event in heard)
    assert len(ws._pings.in_flight) <= 1, "unanswered pings do not pile up"


async def test_the_keepalive_ends_with_the_connection(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """When the connection is closed no task is left."""
    ws, peer = connect(nursery)
    nursery.start_soon(answer_pings, peer)
    await ws.aclose()
    await wait_all_tasks_blocked()
    assert nursery.child_tasks == frozenset()


def test_payloads_leave_the_programs_random_numbers_alone() -> None:
    """Payloads and jitter neither take from the random module's state nor depend on it."""
    payloads = []
    for _ in range(2):
        random.seed(1)
        state = random.getstate()
        pings = Pings()
        payloads += [pings.fresh_payload() for _ in range(3)]
        Keepalive(20, 20, 0).check(30, 0)
        assert random.getstate() == state
    assert len(set(payloads)) == 6
    assert {len(payload) for payload in payloads} == {4}


def test_payloads_cost_no_system_call_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of them come out of a few calls of the operating system."""
    calls = 0
    urandom = os.urandom

    def counted(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return urandom(size)

    monkeypatch.setattr(os, "urandom", counted)
    pings = Pings()
    assert len({pings.fresh_payload() for _ in range(1000)}) > 990
    assert calls <= 5


async def test_a_payload_in_flight_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever chance says."""
    labels = iter([b"aaaa", b"aaaa", b"bbbb"])
    monkeypatch.setattr(_pings, "random_label", lambda: next(labels))
    pings = Pings()
    pings.sent(pings.fresh_payload())
    assert pings.fresh_payload() == b"bbbb"


@pytest.mark.parametrize("attempt", range(12))
@pytest.mark.usefixtures("no_jitter")
async def test_a_pong_in_the_socket_while_the_event_loop_stood_still(
    nursery: trio.Nursery, autojump_clock: MockClock, attempt: int
) -> None:
    """It proves life, although the clock is looked at in the turn in which it is read."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    if attempt % 2:
        nursery.start_soon(ws.receive)
    event = await peer.next()
    assert isinstance(event, Ping)
    await wait_all_tasks_blocked()
    peer.say(event.response())
    autojump_clock.jump(25)  # as time.sleep(25) does it, in anybody's task
    await trio.sleep(5)
    assert ws.closed is None
    nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("no_jitter")
async def test_a_dead_peer_while_the_event_loop_stood_still(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """It is given up a moment later, however often the event loop stands still."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    assert isinstance(await peer.next(), Ping)
    await wait_all_tasks_blocked()
    autojump_clock.jump(25)
    await trio.sleep(0)
    autojump_clock.jump(25)
    await trio.sleep(1)
    assert ws.closed is not None
    nursery.cancel_scope.cancel()


async def test_a_close_frame_behind_a_failed_write_wakes_all(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Receivers and pings that waited for what the peer may say learn of the end at once."""
    ws, peer = connect(nursery)
    ended: list[float] = []

    async def wait(call: Callable[[], Awaitable[object]]) -> None:
        with pytest.raises(ConnectionClosed) as caught:
            await call()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1000
        ended.append(trio.current_time())

    for call in (ws.receive, ws.receive, ws.ping, ws.receive):
        nursery.start_soon(wait, call)
    await wait_all_tasks_blocked()
    peer.stream.write_error = trio.BrokenResourceError("gone")
    ws.send_nowait("x")
    await wait_all_tasks_blocked()
    assert ws._life.write_error is not None
    assert ended == []
    peer.say_bytes(frame(CLOSE, close_payload(1000)))  # and TCP stays open
    await wait_all_tasks_blocked()
    assert ended == [0] * 4
    nursery.cancel_scope.cancel()
