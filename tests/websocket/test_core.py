"""Who reads: receivers and the attendant hand the stream over to each other, and lose nothing."""

from __future__ import annotations

import pytest
import trio
from _peer import BINARY, CONTINUATION, PING, TEXT, ImmediateWire, Peer, connect, frame
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from trio_wsproxy import ConnectionClosedLocally, ConnectionLost, WebSocketConnection
from trio_wsproxy._websocket._core import DELAY
from trio_wsproxy._websocket._inbox import READ_AHEAD


@pytest.fixture(autouse=True)
def takes_and_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each peer have a wire that takes and gives; of others one task reads, always."""
    monkeypatch.setattr("_peer.KIND_OF_WIRE", [ImmediateWire])


class Steps(trio.abc.Instrument):
    """Counts the steps of attendants."""

    def __init__(self) -> None:
        self.attendant = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count."""
        self.attendant += "Attendant.run" in task.name


async def echo(peer: Peer) -> None:
    """Answer each text."""
    while True:
        event = await peer.next()
        if isinstance(event, TextMessage):
            peer.say(event)


async def test_in_turn_the_attendant_sleeps(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Question and answer in turn never wake the attendant."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    nursery.start_soon(echo, peer)
    await ws.send("first")
    assert await ws.receive() == "first"
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    for number in range(500):
        await ws.send(str(number))
        assert await ws.receive() == str(number)
    trio.lowlevel.remove_instrument(steps)
    assert steps.attendant == 0
    nursery.cancel_scope.cancel()


async def test_a_ping_while_nobody_receives(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """It is answered at once, and soon where somebody has received just before."""
    ws, peer = connect(nursery)
    await trio.sleep(1)
    peer.say(Ping(payload=b"1"))
    assert await peer.next() == Pong(payload=b"1")
    assert trio.current_time() == 1
    peer.say(TextMessage(data="x"))
    assert await ws.receive() == "x"
    began = trio.current_time()
    peer.say(Ping(payload=b"2"))
    assert await peer.next() == Pong(payload=b"2")
    assert trio.current_time() - began <= DELAY + 1e-6
    nursery.cancel_scope.cancel()


async def test_a_ping_while_somebody_receives(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """It is answered by the receiver, at once."""
    ws, peer = connect(nursery)
    nursery.start_soon(ws.receive)
    await trio.sleep(1)
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    peer.say(Ping(payload=b"1"))
    assert await peer.next() == Pong(payload=b"1")
    trio.lowlevel.remove_instrument(steps)
    assert trio.current_time() == 1
    assert steps.attendant == 0
    nursery.cancel_scope.cancel()


async def test_two_receivers(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """One reads, the other waits; when the first has its message, the second goes on."""
    ws, peer = connect(nursery)
    received = []

    async def receive(name: str) -> None:
        received.append((name, await ws.receive()))

    for name in ("first", "second"):
        nursery.start_soon(receive, name)
        await wait_all_tasks_blocked()
    peer.say(TextMessage(data="1"))
    await wait_all_tasks_blocked()
    peer.say(TextMessage(data="2"))
    await wait_all_tasks_blocked()
    assert sorted(message for _, message in received) == ["1", "2"]
    assert {name for name, _ in received} == {"first", "second"}
    assert trio.current_time() == 0
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_receiver_is_cancelled_in_the_middle(
    cancelled: int, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Whoever reads when half a frame is there, the others get its message."""
    ws, peer = connect(nursery)
    received: list[str | bytes] = []
    scopes = [trio.CancelScope() for _ in range(3)]

    async def receive(scope: trio.CancelScope) -> None:
        with scope:
            received.append(await ws.receive())

    for scope in scopes:
        nursery.start_soon(receive, scope)
        await wait_all_tasks_blocked()
    data = frame(TEXT, b"first") + frame(TEXT, b"second")
    peer.say_bytes(data[:4])
    await wait_all_tasks_blocked()
    scopes[cancelled].cancel()
    await wait_all_tasks_blocked()
    peer.say_bytes(data[4:])
    await wait_all_tasks_blocked()
    assert received == ["first", "second"]
    assert trio.current_time() == 0
    nursery.cancel_scope.cancel()


async def test_the_last_receiver_is_cancelled(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Then the attendant reads on behind what that one has read."""
    ws, peer = connect(nursery)
    data = frame(TEXT, b"first") + frame(PING, b"x")
    with trio.move_on_after(1):
        peer.say_bytes(data[:4])
        await ws.receive()
    peer.say_bytes(data[4:])
    assert await peer.next() == Pong(payload=b"x")
    assert trio.current_time() <= 1 + DELAY + 1e-6
    assert await ws.receive() == "first"
    nursery.cancel_scope.cancel()


async def test_undigested(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """What a receiver has read and not worked on to its end, the attendant works on."""
    ws, peer = connect(nursery)
    await trio.sleep(1)
    peer.say_bytes(frame(TEXT, b"x") * 5000 + frame(PING, b"behind"))
    assert await ws.receive() == "x"
    assert ws._protocol.undigested
    assert await peer.next() == Pong(payload=b"behind")
    assert [await ws.receive() for _ in range(4999)] == ["x"] * 4999
    nursery.cancel_scope.cancel()


async def test_undigested_without_waiting(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """So does who asks without waiting."""
    ws, peer = connect(nursery)
    peer.say_bytes(frame(TEXT, b"x") * 5000)
    assert await ws.receive() == "x"
    for _ in range(4999):
        assert ws.receive_nowait() == "x"
    with pytest.raises(trio.WouldBlock):
        ws.receive_nowait()
    nursery.cancel_scope.cancel()


async def dies(ws: WebSocketConnection) -> float:
    """Receive until keepalive gives up; tell how long that takes."""
    began = trio.current_time()
    with pytest.raises(ConnectionLost, match="keepalive"):
        await ws.receive()
    return trio.current_time() - began


async def test_keepalive_while_a_receiver_reads(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A peer that answers stays, one that is silent is noticed."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)

    async def answer() -> None:
        for _ in range(3):
            event = await peer.next()
            assert isinstance(event, Ping)
            peer.say(event.response())

    nursery.start_soon(answer)
    assert 60 < await dies(ws) <= 110
    nursery.cancel_scope.cancel()


async def test_keepalive_behind_a_half_message(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Parts past the budget stop reading; once a receiver reads on, the clocks run again."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20, max_message_size=None)
    part = b"x" * 50_000
    peer.say_bytes(frame(BINARY, part, fin=False))
    for _ in range(2 * READ_AHEAD // len(part)):
        peer.say_bytes(frame(CONTINUATION, part, fin=False))
    await trio.sleep(100)
    assert peer.stream.chunks
    assert ws.closed is None
    assert 20 < await dies(ws) <= 60
    nursery.cancel_scope.cancel()


async def test_closed_by_another_task(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A receiver that reads is interrupted, and so is one that waits for it."""
    ws, peer = connect(nursery)
    ended = 0

    async def receive() -> None:
        nonlocal ended
        with pytest.raises(ConnectionClosedLocally):
            await ws.receive()
        ended += 1

    for _ in range(3):
        nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    nursery.start_soon(ws.aclose)
    await wait_all_tasks_blocked()
    assert ended == 3
    assert await peer.next() == CloseConnection(code=1000, reason="")
    assert trio.current_time() == 0
    nursery.cancel_scope.cancel()


async def test_a_stream_reads(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """While ``receive_stream`` reads a message in parts pings are answered, and it is whole."""
    ws, peer = connect(nursery)
    parts: list[str | bytes] = []

    async def read() -> None:
        parts.extend([part async for part in ws.receive_stream()])

    nursery.start_soon(read)
    await trio.sleep(1)
    peer.say_bytes(frame(TEXT, b"a", fin=False) + frame(PING, b"1"))
    assert await peer.next() == Pong(payload=b"1")
    peer.say_bytes(frame(CONTINUATION, b"b", fin=False))
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(CONTINUATION, b"c"))
    await wait_all_tasks_blocked()
    assert "".join(str(part) for part in parts) == "abc"
    peer.say(TextMessage(data="next"))
    assert await ws.receive() == "next"
    assert trio.current_time() == 1
    nursery.cancel_scope.cancel()


async def test_a_ping_calls_the_attendant(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Who waits for a pong need not wait for the attendant's delay."""
    ws, peer = connect(nursery)
    peer.say(TextMessage(data="x"))
    assert await ws.receive() == "x"

    async def answer() -> None:
        event = await peer.next()
        assert isinstance(event, Ping)
        peer.say(event.response())

    nursery.start_soon(answer)
    assert await ws.ping() == 0
    assert trio.current_time() == 0
    nursery.cancel_scope.cancel()


class Wakes(trio.abc.Instrument):
    """Counts how often a connection's tasks have a turn."""

    def __init__(self) -> None:
        self.attendant = self.receiver = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count."""
        self.attendant += "Attendant.run" in task.name
        self.receiver += "receive" in task.name


@pytest.mark.parametrize("receiving", [False, True])
async def test_a_ping_and_its_pong_take_two_turns(
    nursery: trio.Nursery, autojump_clock: MockClock, receiving: bool
) -> None:
    """The clock wakes the attendant, the pong whoever reads; nobody wakes up for nothing."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    if receiving:
        nursery.start_soon(ws.receive)

    async def answer() -> None:
        while True:
            event = await peer.next()
            assert isinstance(event, Ping)
            await trio.sleep(0.01)
            peer.say(event.response())

    nursery.start_soon(answer)
    await trio.sleep(50)
    wakes = Wakes()
    trio.lowlevel.add_instrument(wakes)
    await trio.sleep(400)
    trio.lowlevel.remove_instrument(wakes)
    assert 19 <= (wakes.attendant + wakes.receiver) / 2 <= 24  # of 20 to 22 pings
    assert ws.latency == pytest.approx(0.01)
    nursery.cancel_scope.cancel()


async def test_a_ping_of_the_keepalive_summons_nobody(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """While it is not answered, receivers take messages without the attendant, also after ping()."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=None)

    async def answer_last() -> None:
        first, second = await peer.next(), await peer.next()
        assert isinstance(first, Ping)
        assert isinstance(second, Ping)
        peer.say(
            second.response()
        )  # RFC 6455 section 5.5.3: the first one is answered by that, too
        ws._attendant.put_ping(b"of keepalive")
        ws._attendant.leave_now()

    nursery.start_soon(answer_last)
    await trio.sleep(20)
    await ws.ping()
    wakes = Wakes()
    trio.lowlevel.add_instrument(wakes)
    for _ in range(50):
        nursery.start_soon(sleep_and_say, peer)
        await ws.receive()
    trio.lowlevel.remove_instrument(wakes)
    assert ws._pings.in_flight
    assert wakes.attendant <= 3
    nursery.cancel_scope.cancel()


async def sleep_and_say(peer: Peer) -> None:
    """Say something in the next turn."""
    await trio.sleep(0)
    peer.say_bytes(frame(TEXT, b"x"))
