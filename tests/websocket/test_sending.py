"""Messages sent in fragments: one at a time, never mixed, and never half a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from _peer import CLOSE, PING, Peer, close_payload, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from trio_wsproxy._exceptions import ConnectionClosedLocally, ConnectionEnded, ConnectionLost
from trio_wsproxy._websocket import WebSocketConnection
from trio_wsproxy._websocket._deflate import Deflate
from trio_wsproxy._websocket._outbox import HIGH_WATER

ABANDONED = CloseConnection(code=1011, reason="a message in fragments was abandoned")


async def parts(*items: Any) -> AsyncIterator[Any]:
    """These parts, one after the other; an exception among them is raised."""
    for item in items:
        await trio.lowlevel.checkpoint()
        if isinstance(item, BaseException):
            raise item
        yield item


class Slow:
    """Parts that a test gives one by one."""

    def __init__(self) -> None:
        self._send, self.receive = trio.open_memory_channel[Any](0)

    async def give(self, *items: Any) -> None:
        for item in items:
            await self._send.send(item)
        await wait_all_tasks_blocked()

    async def end(self) -> None:
        await self._send.aclose()
        await wait_all_tasks_blocked()


async def begin(nursery: trio.Nursery, ws: WebSocketConnection, *items: Any) -> Slow:
    """Begin to send a message with these parts; more may follow."""
    slow = Slow()
    nursery.start_soon(ws.send, slow.receive)
    await slow.give(*items)
    return slow


def texts(*data: str, last: bool = True) -> list[TextMessage]:
    """The events of a message in these fragments."""
    return [
        TextMessage(data=part, message_finished=last and i == len(data) - 1)
        for i, part in enumerate(data)
    ]


@pytest.mark.parametrize("compression", [None, Deflate(), Deflate(client_no_context_takeover=True)])
@pytest.mark.parametrize(
    ("items", "whole"),
    [
        (["a", "b", "c"], "abc"),
        (["alone"], "alone"),
        (["", "a", ""], "a"),
        (["", ""], ""),
        ([b"a", bytearray(b"b"), memoryview(b"c-d-")[::2]], b"abcd"),
        ([b"x" * 100_000] * 5, b"x" * 500_000),
        (["grüß 🌍"] * 3, "grüß 🌍" * 3),
    ],
)
async def test_one_message(
    nursery: trio.Nursery, compression: Deflate | None, items: list[Any], whole: str | bytes
) -> None:
    """The parts arrive as fragments of one message, and the next message is one of its own."""
    ws, peer = connect(nursery, compression=compression)
    for _ in range(2):
        await ws.send(parts(*items))
        await ws.send("next")
        await wait_all_tasks_blocked()
        *fragments, following = peer.heard()
        assert following == TextMessage(data="next")
        assert type(whole)().join(event.data for event in fragments) == whole  # type: ignore[attr-defined]
        finished: list[bool] = [event.message_finished for event in fragments]  # type: ignore[attr-defined]
        assert finished.index(True) == len(finished) - 1
        assert len(fragments) > len(items)


@pytest.mark.parametrize("compression", [None, Deflate()])
async def test_each_part_as_it_comes(nursery: trio.Nursery, compression: Deflate | None) -> None:
    """A part is on the wire before the next one is asked for, compressed or not."""
    ws, peer = connect(nursery, compression=compression)
    slow = await begin(nursery, ws, "one")
    assert peer.heard() == texts("one", last=False)
    await slow.give("two")
    assert peer.heard() == texts("two", last=False)
    await slow.end()
    assert peer.heard() == texts("")


async def test_a_memory_channel_is_an_async_iterable(nursery: trio.Nursery) -> None:
    """Whatever ``async for`` takes can be sent."""
    ws, peer = connect(nursery)
    slow = await begin(nursery, ws, b"a", b"b")
    await slow.end()
    assert [event.data for event in peer.heard()] == [b"a", b"b", b""]  # type: ignore[attr-defined]


async def test_nothing_is_held_in_memory(nursery: trio.Nursery) -> None:
    """While the peer is slow no more parts are asked for than fit into the queue."""
    ws, peer = connect(nursery)
    peer.stop_reading()
    asked = 0

    async def many() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield b"x" * 10_000

    nursery.start_soon(ws.send, many())
    await wait_all_tasks_blocked()
    assert asked * 10_000 <= 2 * HIGH_WATER + 50_000
    peer.read_on()
    await wait_all_tasks_blocked()
    assert asked == 100
    sizes: list[int] = [len(event.data) for event in peer.heard()]  # type: ignore[attr-defined]
    assert sum(sizes) == 1_000_000


# --- others meanwhile ---------------------------------------------------------------------


async def test_others_wait(nursery: trio.Nursery) -> None:
    """Other messages, in fragments or not, wait until this one is complete, and none gets lost."""
    ws, peer = connect(nursery)
    slow = await begin(nursery, ws, "a")
    nursery.start_soon(ws.send, "other")
    nursery.start_soon(ws.send_message, "another")
    nursery.start_soon(ws.send, parts("1", "2"))
    nursery.start_soon(ws.send, parts("3", "4"))
    await wait_all_tasks_blocked()
    with pytest.raises(trio.WouldBlock):
        ws.send_nowait("now")
    with trio.move_on_after(0) as scope:
        await ws.send("cancelled")
    assert scope.cancelled_caught
    await slow.give("b")
    assert peer.heard() == texts("a", "b", last=False)
    await slow.end()
    events = peer.heard()
    assert events.pop(0) == texts("")[0]
    messages, current = [], ""
    for event in events:
        assert isinstance(event, TextMessage)
        current += event.data
        if event.message_finished:
            messages.append(current)
            current = ""
    assert sorted(messages) == ["12", "34", "another", "other"]
    ws.send_nowait("now")


async def test_control_frames_do_not_wait(nursery: trio.Nursery) -> None:
    """Pings, pongs and answers to the peer's pings go out between two fragments."""
    ws, peer = connect(nursery)
    slow = await begin(nursery, ws, "a")
    nursery.start_soon(ws.ping, b"ping")
    await ws.pong(b"pong")
    peer.say(Ping(payload=b"theirs"))
    await wait_all_tasks_blocked()
    heard = peer.heard()
    assert heard[0] == texts("a", last=False)[0]
    assert sorted(map(repr, heard[1:])) == sorted(
        map(repr, [Ping(payload=b"ping"), Pong(payload=b"pong"), Pong(payload=b"theirs")])
    )
    peer.say(Pong(payload=b"ping"))
    await slow.end()
    assert peer.heard() == texts("")


# --- what goes wrong ----------------------------------------------------------------------


async def end_of(ws: WebSocketConnection, peer: Peer) -> None:
    """The connection is closed with 1011, the peer knows why, and nothing is sent any more."""
    await wait_all_tasks_blocked()
    assert peer.heard()[-1] == ABANDONED
    assert ws.closed is not None
    assert (ws.closed.code, ws.closed.reason) == (ABANDONED.code, ABANDONED.reason)
    with pytest.raises(ConnectionClosedLocally):
        await ws.send("more")
    with pytest.raises(ConnectionClosedLocally):
        await ws.receive()
    peer.say_bytes(frame(CLOSE, close_payload(1011)))
    peer.hang_up()


@pytest.mark.parametrize("compression", [None, Deflate()])
@pytest.mark.parametrize(
    ("items", "error"),
    [
        (["a", KeyError("mine")], KeyError),
        (["a", b"b"], TypeError),
        ([b"a", "b"], TypeError),
        (["a", 5], TypeError),
        (["a", None], TypeError),
        (["a", "\ud800"], UnicodeEncodeError),
    ],
)
async def test_an_error_between_parts(
    nursery: trio.Nursery, compression: Deflate | None, items: list[Any], error: type[Exception]
) -> None:
    """A message that cannot be completed ends the connection; the error reaches the caller."""
    ws, peer = connect(nursery, compression=compression)
    with pytest.raises(error):
        await ws.send(parts(*items))
    await end_of(ws, peer)


@pytest.mark.parametrize(
    ("items", "error"),
    [
        ([KeyError("mine")], KeyError),
        ([5], TypeError),
        ([["a"]], TypeError),
        (["\ud800"], UnicodeEncodeError),
    ],
)
async def test_an_error_before_the_first_part(
    nursery: trio.Nursery, items: list[Any], error: type[Exception]
) -> None:
    """Nothing was sent, so nothing has to end."""
    ws, peer = connect(nursery)
    with pytest.raises(error):
        await ws.send(parts(*items))
    await ws.send("fine")
    assert await peer.next() == TextMessage(data="fine")


async def test_no_parts(nursery: trio.Nursery) -> None:
    """An iterable without a part sends nothing."""
    ws, peer = connect(nursery)
    await ws.send(parts())
    await ws.send("next")
    assert await peer.next() == TextMessage(data="next")


async def test_cancelled_before_the_first_part(nursery: trio.Nursery) -> None:
    """A send that is cancelled while it waits for its first part has sent nothing."""
    ws, peer = connect(nursery)
    with trio.move_on_after(0) as scope:
        await ws.send(Slow().receive)
    assert scope.cancelled_caught
    scope = trio.CancelScope()

    async def send() -> None:
        with scope:
            await ws.send(Slow().receive)

    nursery.start_soon(send)
    await wait_all_tasks_blocked()
    nursery.start_soon(ws.send, "waits")
    await wait_all_tasks_blocked()
    scope.cancel()
    assert await peer.next() == TextMessage(data="waits")
    assert ws.closed is None


@pytest.mark.parametrize("where", ["within the iterable", "while the peer is slow"])
async def test_cancelled_between_parts(nursery: trio.Nursery, where: str) -> None:
    """Then the connection is closed: waiting senders are told, and nothing is mixed."""
    ws, peer = connect(nursery)
    scope = trio.CancelScope()
    slow = Slow()

    async def send() -> None:
        with scope:
            await ws.send(slow.receive)

    async def wait() -> None:
        with pytest.raises(ConnectionClosedLocally):
            await ws.send("waits")

    nursery.start_soon(send)
    if where == "while the peer is slow":
        peer.stop_reading()
        await slow.give("a" * HIGH_WATER * 2, "b")
    else:
        await slow.give("a")
    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    scope.cancel()
    await wait_all_tasks_blocked()
    assert scope.cancelled_caught
    peer.read_on()
    await wait_all_tasks_blocked()
    *fragments, end = peer.heard()
    assert fragments
    assert not any(event.message_finished for event in fragments)  # type: ignore[attr-defined]
    assert {char for event in fragments for char in event.data} == {"a"}  # type: ignore[attr-defined]
    assert end == ABANDONED
    peer.hang_up()


async def test_the_peer_closes_between_parts(nursery: trio.Nursery) -> None:
    """The next part finds the connection closed; the peer's reason stays."""
    ws, peer = connect(nursery)
    slow = Slow()
    errors: list[Exception] = []

    async def send() -> None:
        try:
            await ws.send(slow.receive)
        except ConnectionEnded as exc:
            errors.append(exc)

    nursery.start_soon(send)
    await slow.give("a")
    peer.say_bytes(frame(PING) + frame(CLOSE, close_payload(1000)))
    await wait_all_tasks_blocked()
    await slow.give("b")
    assert len(errors) == 1
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert peer.heard()[-1] == CloseConnection(code=1000, reason="")


async def test_on_a_closed_connection(nursery: trio.Nursery) -> None:
    """A closed connection does not wait for a part first."""
    ws, peer = connect(nursery)
    peer.hang_up()
    await wait_all_tasks_blocked()
    with pytest.raises(ConnectionLost):
        await ws.send(Slow().receive)


async def test_send_nowait_takes_no_iterable(nursery: trio.Nursery) -> None:
    """Parts have to be waited for, which send_nowait() does not."""
    ws, _ = connect(nursery)
    iterable: Any = parts()
    with pytest.raises(TypeError):
        ws.send_nowait(iterable)
    with pytest.raises(TypeError):
        await ws.send(iter(["a"]))  # type: ignore[arg-type]  # nor is this an async one
    async for _ in iterable:
        pass


def test_the_reason_fits() -> None:
    """The reason of an abandoned message can stand in a close frame."""
    assert len((ABANDONED.reason or "").encode()) <= 123
