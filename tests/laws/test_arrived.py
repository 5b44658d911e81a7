"""What has arrived counts, however late somebody looks: no clock ends a connection over its head.

A program may stand still for seconds, and a machine that is loaded is no better: then a clock is up
before anybody has read what came in time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
from _peer import Peer, connect
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, TextMessage

from trio_wsproxy import (
    CloseReason,
    ConnectionClosed,
    ConnectionLost,
    DisconnectionTimeout,
    WebSocketConnection,
)

ROUNDS = range(10)  # trio lets tasks that are ready at once run in any order
LATE = 1000  # seconds
BYE = CloseConnection(code=4001, reason="bye")


async def _receive_all(ws: WebSocketConnection, got: list[object]) -> None:
    try:
        while True:
            got.append(await ws.receive())
    except ConnectionClosed as exc:
        got.append(exc.reason)


def _say(peer: Peer, messages: int) -> None:
    """Say so much and then good-bye, each in a piece of its own, as a socket may give it."""
    for number in range(messages):
        peer.say(TextMessage(data=str(number)))
    peer.say(BYE)
    peer.hang_up()


FAILING: dict[str, Callable[[WebSocketConnection], Awaitable[object]]] = {
    "send": lambda ws: ws.send("lost"),
    "send_message": lambda ws: ws.send_message("lost"),
    "ping": lambda ws: ws.ping(),
    "pong": lambda ws: ws.pong(),
}


@pytest.mark.parametrize("messages", [0, 1, 30])
@pytest.mark.parametrize("waits", [False, True], ids=["before", "while somebody waits"])
@pytest.mark.parametrize("name", FAILING)
async def test_writing_fails(
    nursery: trio.Nursery, mock_clock: MockClock, name: str, waits: bool, messages: int
) -> None:
    """Where writing fails, messages and close frame that had arrived are still told, in order."""
    for _ in ROUNDS:
        ws, peer = connect(nursery)
        got: list[object] = []
        if waits:
            nursery.start_soon(_receive_all, ws, got)
        await wait_all_tasks_blocked()
        peer.stream.write_error = trio.BrokenResourceError("EPIPE")
        errors: list[ConnectionClosed] = []

        async def fail() -> None:
            try:
                await FAILING[name](ws)  # noqa: B023  # of this round
            except ConnectionClosed as exc:
                errors.append(exc)  # noqa: B023

        nursery.start_soon(fail)
        while ws._life.write_error is None:
            await trio.lowlevel.checkpoint()
        _say(peer, messages)
        mock_clock.jump(LATE)
        if not waits:
            await ws._attendant.wait_finished()
            await _receive_all(ws, got)
        await wait_all_tasks_blocked()
        *told, reason = got
        assert told == [str(number) for number in range(messages)]
        assert isinstance(reason, CloseReason)
        assert (reason.code, reason.reason) == (4001, "bye")
        assert ws.closed == reason


@pytest.mark.parametrize("messages", [0, 1, 30])
async def test_the_answer_to_our_close(
    nursery: trio.Nursery, mock_clock: MockClock, messages: int
) -> None:
    """The answer to our close frame that came in time ends the handshake, whatever lies before it."""
    for _ in ROUNDS:
        ws, peer = connect(nursery)
        errors: list[Exception] = []

        async def close() -> None:
            try:
                await ws.aclose(4001, "bye")  # noqa: B023  # of this round
            except DisconnectionTimeout as exc:
                errors.append(exc)  # noqa: B023

        nursery.start_soon(close)
        await wait_all_tasks_blocked()
        _say(peer, messages)
        mock_clock.jump(LATE)
        await ws._attendant.wait_finished()
        await wait_all_tasks_blocked()
        assert errors == []
        assert ws.closed is not None
        assert (ws.closed.code, ws.closed.reason) == (4001, "bye")


async def test_a_flood_ends(nursery: trio.Nursery, mock_clock: MockClock) -> None:
    """A peer that never stops talking does not keep a connection whose time is up."""
    ws, peer = connect(nursery)
    await wait_all_tasks_blocked()
    peer.stream.write_error = trio.BrokenResourceError("EPIPE")
    ws.send_nowait("lost")
    await wait_all_tasks_blocked()
    for _ in range(10_000):
        peer.say(Ping(payload=b"more"))
    mock_clock.jump(LATE)
    await ws._attendant.wait_finished()
    assert len(peer.stream.chunks) > 1000
    with pytest.raises(ConnectionLost):
        await ws.receive()
