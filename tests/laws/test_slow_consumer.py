"""A consumer that does not read: what goes on without it, and for how long. Virtual time."""

from __future__ import annotations

import pytest
import trio
from _peer import BINARY, Peer, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from trio_wsproxy import ConnectionEnded, ConnectionLost
from trio_wsproxy._websocket._inbox import READ_AHEAD


async def be_good(peer: Peer) -> None:
    """Do the server's part of the closing handshake."""
    while not peer.stream.closed:
        await peer.stream.wait_for_write()
        for event in peer.heard():
            if isinstance(event, CloseConnection):
                peer.say(event.response())
                peer.hang_up()


async def test_pings_are_answered(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """A server's ping behind a thousand unread messages is answered in no time."""
    ws, peer = connect(nursery)
    for number in range(1000):
        peer.say(TextMessage(data=str(number)))
        if number % 100 == 99:
            peer.say(Ping(payload=b"%d" % number))
            assert await peer.next() == Pong(payload=b"%d" % number)
    assert trio.current_time() == 0
    assert [await ws.receive() for _ in range(1000)] == [str(number) for number in range(1000)]
    nursery.cancel_scope.cancel()


async def test_pongs_are_seen(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """So is the pong for a ping of ours."""
    ws, peer = connect(nursery)
    peer.say(*(TextMessage(data="x") for _ in range(1000)))

    async def answer() -> None:
        event = await peer.next()
        assert isinstance(event, Ping)
        await trio.sleep(0.25)
        peer.say(event.response())

    nursery.start_soon(answer)
    assert await ws.ping() == 0.25
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("message_size", [0, 10, 100_000])
async def test_ten_idle_minutes(
    message_size: int, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Past the byte budget reading stops, the keepalive waits, and nothing is lost."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    count = 2 * READ_AHEAD // (message_size + 41)
    message = frame(BINARY, b"x" * message_size)
    at_once = max(1, min(count // 20, 50_000 // len(message)))
    for _ in range(0, count, at_once):
        peer.say_bytes(message * at_once)
    await trio.sleep(600)
    assert ws.closed is None
    assert peer.stream.chunks  # some of it is unread: the budget has an end
    peer.say_bytes(frame(BINARY, b"last"))
    number = 0
    while await ws.receive() != b"last":
        number += 1
    assert number >= count
    assert ws.closed is None
    nursery.cancel_scope.cancel()


async def test_a_dead_peer_is_noticed_afterwards(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """When the consumer has caught up the keepalive clock runs again, from the start."""
    ws, peer = connect(nursery, ping_interval=20, ping_timeout=20)
    for _ in range(30):
        peer.say_bytes(frame(BINARY, b"x" * 100_000))
    await trio.sleep(600)
    for _ in range(30):
        await ws.receive()
    started = trio.current_time()
    with pytest.raises(ConnectionLost, match="keepalive"):
        await ws.receive()
    assert 36 <= trio.current_time() - started <= 45
    nursery.cancel_scope.cancel()


async def test_leaving_with_a_backlog(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Two hundred unread messages do not delay the end."""
    ws, peer = connect(nursery)
    peer.say(*(TextMessage(data="x" * 1000) for _ in range(200)))
    nursery.start_soon(be_good, peer)
    await wait_all_tasks_blocked()
    await ws.aclose()
    assert trio.current_time() == 0
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert peer.stream.closed


async def test_a_close_is_noticed(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The peer's close is answered at once, and the messages before it can still be read."""
    ws, peer = connect(nursery)
    peer.say(*(TextMessage(data=str(number)) for number in range(1000)))
    peer.say(CloseConnection(code=1001, reason="bye"))
    assert await peer.next() == CloseConnection(code=1001, reason="")
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (1001, "bye")
    with pytest.raises(ConnectionEnded):
        await ws.send("x")
    assert [await ws.receive() for _ in range(1000)] == [str(number) for number in range(1000)]
    with pytest.raises(ConnectionEnded):
        await ws.receive()
    assert trio.current_time() == 0
