"""Messages read in parts: as they arrive, none lost, and the connection well afterwards."""

from __future__ import annotations

import pytest
import trio
from _peer import BINARY, CLOSE, CONTINUATION, PING, TEXT, Peer, close_payload, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import wait_all_tasks_blocked
from wsproto.events import Ping, Pong, TextMessage

from trio_wsproxy._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
)
from trio_wsproxy._websocket import WebSocketConnection
from trio_wsproxy._websocket._deflate import Deflate
from trio_wsproxy._websocket._inbox import READ_AHEAD
from trio_wsproxy._websocket._message_stream import Message, MessageStream


async def parts_of(stream: MessageStream) -> list[Message]:
    """All parts of a message."""
    return [part async for part in stream]


async def begin(ws: WebSocketConnection, peer: Peer) -> MessageStream:
    """A stream that has received the first part of a message, which goes on."""
    peer.say_bytes(frame(TEXT, b"first", fin=False))
    stream = ws.receive_stream()
    assert await stream.receive() == "first"
    return stream


async def test_parts_as_they_arrive(nursery: trio.Nursery) -> None:
    """Each part is there as soon as it has arrived, and control frames are answered meanwhile."""
    ws, peer = connect(nursery)
    stream = ws.receive_stream()
    peer.say_bytes(frame(TEXT, b"one", fin=False))
    assert await stream.receive() == "one"
    peer.say_bytes(frame(PING, b"p") + frame(CONTINUATION, b"two", fin=False))
    assert await stream.receive() == "two"
    assert await peer.next() == Pong(payload=b"p")
    peer.say_bytes(frame(CONTINUATION, b"three"))
    assert await stream.receive() == "three"
    for _ in range(2):
        with pytest.raises(trio.EndOfChannel):
            await stream.receive()


async def test_what_arrived_together_comes_together(nursery: trio.Nursery) -> None:
    """A slow reader gets all there is in one part."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CONTINUATION, b"a", fin=False), frame(CONTINUATION, b"b", fin=False))
    await wait_all_tasks_blocked()
    assert await stream.receive() == "ab"
    peer.say_bytes(frame(CONTINUATION, b"c", fin=False) + frame(CONTINUATION, b"d"))
    assert await parts_of(stream) == ["cd"]


async def test_a_message_that_began_before(nursery: trio.Nursery) -> None:
    """Parts that arrived before anybody asked for them are the first part."""
    ws, peer = connect(nursery)
    peer.say_bytes(frame(BINARY, b"a", fin=False), frame(CONTINUATION, b"b", fin=False))
    await wait_all_tasks_blocked()
    stream = ws.receive_stream()
    assert await stream.receive() == b"ab"
    peer.say_bytes(frame(CONTINUATION, b"c"))
    assert await parts_of(stream) == [b"c"]


@pytest.mark.parametrize("message", ["", b"", "whole", b"whole", b"x" * 100_000])
async def test_a_whole_message(nursery: trio.Nursery, message: str | bytes) -> None:
    """A message that is there as a whole is one part, an empty one too."""
    ws, peer = connect(nursery)
    opcode, payload = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
    peer.say_bytes(frame(opcode, payload) + frame(TEXT, b"next"))
    await wait_all_tasks_blocked()
    assert await parts_of(ws.receive_stream()) == [message]
    assert await ws.receive() == "next"


async def test_a_large_frame(nursery: trio.Nursery) -> None:
    """A large frame comes in the pieces in which the network delivers it."""
    ws, peer = connect(nursery)
    data = frame(BINARY, b"x" * 100_000)
    peer.say_bytes(data[:50_000])
    stream = ws.receive_stream()
    first = await stream.receive()
    assert 0 < len(first) < 50_000
    peer.say_bytes(data[50_000:] + frame(TEXT, b"next"))
    assert first + b"".join(await parts_of(stream)) == b"x" * 100_000  # type: ignore[arg-type, operator]
    assert await ws.receive() == "next"


async def test_no_empty_part_at_the_end(nursery: trio.Nursery) -> None:
    """A message that ends with an empty frame ends without an empty part."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CONTINUATION, b"") + frame(TEXT, b"next"))
    assert await parts_of(stream) == []
    assert await ws.receive() == "next"


async def test_text_split_within_a_character(nursery: trio.Nursery) -> None:
    """Each part of a text is text; a character in two frames comes with the second."""
    ws, peer = connect(nursery)
    data = "aü🌍".encode()
    stream = ws.receive_stream()
    peer.say_bytes(frame(TEXT, data[:2], fin=False))
    assert await stream.receive() == "a"
    peer.say_bytes(frame(CONTINUATION, data[2:4], fin=False))
    assert await stream.receive() == "ü"
    peer.say_bytes(frame(CONTINUATION, data[4:5], fin=False), frame(CONTINUATION, data[5:]))
    assert await parts_of(stream) == ["🌍"]


async def test_cancelled_between_parts(nursery: trio.Nursery) -> None:
    """A cancelled wait for a part has taken nothing, and the stream goes on."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    with trio.move_on_after(0) as scope:
        await stream.receive()
    assert scope.cancelled_caught
    peer.say_bytes(frame(CONTINUATION, b"second", fin=False))
    await wait_all_tasks_blocked()
    with trio.move_on_after(0) as scope:
        await stream.receive()
    assert scope.cancelled_caught
    peer.say_bytes(frame(CONTINUATION, b"third"))
    assert "".join(map(str, await parts_of(stream))) == "secondthird"


async def test_cancelled_before_the_first_part(nursery: trio.Nursery) -> None:
    """A stream that never received anything stands in nobody's way."""
    ws, peer = connect(nursery)
    stream = ws.receive_stream()
    with trio.move_on_after(0):
        await stream.receive()
    peer.say_bytes(frame(TEXT, b"a"), frame(TEXT, b"b"))
    assert await ws.receive() == "a"
    assert await stream.receive() == "b"


async def test_the_next_message(nursery: trio.Nursery) -> None:
    """Behind the last part receive() works again, and so does another stream."""
    ws, peer = connect(nursery)
    for _ in range(3):
        stream = await begin(ws, peer)
        peer.say_bytes(frame(CONTINUATION, b"last") + frame(TEXT, b"x") + frame(BINARY, b"y"))
        assert await parts_of(stream) == ["last"]
        assert await ws.receive() == "x"
        assert await parts_of(ws.receive_stream()) == [b"y"]


async def test_aclose_discards_the_rest(nursery: trio.Nursery) -> None:
    """What is left of the message is discarded, whether it is there or still to come."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CONTINUATION, b"there", fin=False))
    await wait_all_tasks_blocked()
    await stream.aclose()
    with pytest.raises(trio.WouldBlock):
        ws.receive_nowait()
    peer.say_bytes(frame(CONTINUATION, b"to come", fin=False), frame(PING, b"p"))
    peer.say_bytes(frame(CONTINUATION, b"end") + frame(TEXT, b"ne", fin=False) + frame(0, b"xt"))
    assert await ws.receive() == "next"
    assert await peer.next() == Pong(payload=b"p")
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive()
    await stream.aclose()  # any number of times
    assert ws._inbox.unread == 0


async def test_aclose_when_all_is_there(nursery: trio.Nursery) -> None:
    """Only this message is discarded, not the one behind it that has arrived too."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CONTINUATION, b"end") + frame(TEXT, b"a") + frame(TEXT, b"b", fin=False))
    await wait_all_tasks_blocked()
    async with stream:
        pass
    assert ws.receive_nowait() == "a"
    peer.say_bytes(frame(CONTINUATION, b"c"))
    assert await ws.receive() == "bc"
    assert ws._inbox.unread == 0


async def test_aclose_before_the_first_part(nursery: trio.Nursery) -> None:
    """A stream that has not begun has nothing to discard."""
    ws, peer = connect(nursery)
    peer.say_bytes(frame(TEXT, b"a"))
    await wait_all_tasks_blocked()
    await ws.receive_stream().aclose()
    assert await ws.receive() == "a"


async def test_aclose_behind_the_end(nursery: trio.Nursery) -> None:
    """A stream that was read to its end discards nothing of the next message."""
    ws, peer = connect(nursery)
    peer.say_bytes(frame(TEXT, b"a") + frame(TEXT, b"b"))
    async with ws.receive_stream() as stream:
        assert await parts_of(stream) == ["a"]
    assert await ws.receive() == "b"


async def test_busy(nursery: trio.Nursery) -> None:
    """In the middle of a message nobody else receives; that harms neither."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    for rest in (b"", frame(CONTINUATION, b"last") + frame(TEXT, b"behind")):
        peer.say_bytes(rest or frame(PING))
        await wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="receive_stream"):
            await ws.receive()
        with pytest.raises(trio.BusyResourceError):
            ws.receive_nowait()
        with pytest.raises(trio.BusyResourceError):
            await ws.receive_stream().receive()
    assert await stream.receive() == "last"
    assert ws.receive_nowait() == "behind"


async def test_a_waiting_receive_is_told(nursery: trio.Nursery) -> None:
    """A receive() that waits when a stream takes hold of the message is told, and none hangs."""
    ws, peer = connect(nursery)
    stream = ws.receive_stream()
    outcome: list[object] = []

    async def receive() -> None:
        with pytest.raises(trio.BusyResourceError):
            await ws.receive()
        outcome.append("busy")

    async def receive_part() -> None:
        outcome.append(await stream.receive())

    nursery.start_soon(receive_part)
    await wait_all_tasks_blocked()
    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(TEXT, b"a", fin=False))
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(CONTINUATION, b"b"))
    await wait_all_tasks_blocked()
    assert sorted(map(str, outcome)) == ["a", "busy"]


# --- the end of the connection ------------------------------------------------------------


async def test_lost_within_a_message(nursery: trio.Nursery) -> None:
    """What has arrived is given out, then the loss is raised, by all operations."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CONTINUATION, b"half", fin=False))
    peer.hang_up()
    await wait_all_tasks_blocked()
    assert await stream.receive() == "half"
    for _ in range(2):
        with pytest.raises(ConnectionLost):
            await stream.receive()
    with pytest.raises(ConnectionLost):
        await ws.receive()
    with pytest.raises(ConnectionLost):
        ws.receive_nowait()
    with pytest.raises(ConnectionLost):
        await ws.receive_stream().receive()


async def test_lost_while_waiting(nursery: trio.Nursery) -> None:
    """A wait for a part ends with the connection."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)

    async def hang_up() -> None:
        await wait_all_tasks_blocked()
        peer.hang_up()

    nursery.start_soon(hang_up)
    with pytest.raises(ConnectionLost):
        await parts_of(stream)


async def test_closed_within_a_message(nursery: trio.Nursery) -> None:
    """A peer that closes in the middle of a message has not sent it, however polite it is."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(frame(CLOSE, close_payload(1000)))
    with pytest.raises(ConnectionClosed) as caught:
        await parts_of(stream)
    assert isinstance(caught.value.__cause__, ConnectionEnded)
    assert not isinstance(
        caught.value, trio.EndOfChannel
    )  # with which the loop would end in silence


async def test_closed_before_a_message(nursery: trio.Nursery) -> None:
    """Nor is there an empty message where the peer has closed before another one."""
    ws, peer = connect(nursery)
    peer.say_bytes(frame(CLOSE, close_payload(1000)))
    with pytest.raises(ConnectionClosed):
        await parts_of(ws.receive_stream())


async def test_closed_behind_the_message(nursery: trio.Nursery) -> None:
    """Where the message is complete, its parts come before the end is told."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    peer.say_bytes(
        frame(CONTINUATION, b"a", fin=False)
        + frame(CONTINUATION, b"b")
        + frame(TEXT, b"behind")
        + frame(CLOSE, close_payload(1000))
    )
    await wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await ws.receive()  # not the end: there are messages
    assert await parts_of(stream) == ["ab"]
    assert [message async for message in ws] == ["behind"]


async def test_closed_here(nursery: trio.Nursery) -> None:
    """aclose() ends a wait for a part, and what comes after it is thrown away."""
    ws, peer = connect(nursery)
    stream = await begin(ws, peer)
    outcome: list[BaseException] = []

    async def wait() -> None:
        try:
            await stream.receive()
        except ConnectionClosedLocally as exc:
            outcome.append(exc)

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    nursery.start_soon(ws.aclose)
    await wait_all_tasks_blocked()
    assert len(outcome) == 1
    for _ in range(3):
        peer.say_bytes(frame(CONTINUATION, b"x" * 10_000, fin=False))
    await wait_all_tasks_blocked()
    assert ws._inbox.unread == 0
    with pytest.raises(ConnectionClosedLocally):
        await stream.receive()
    with pytest.raises(ConnectionClosedLocally):
        await ws.receive()
    peer.say_bytes(frame(CLOSE, close_payload(1000)))
    peer.hang_up()


async def test_a_flood_of_fragments_after_aclose(nursery: trio.Nursery) -> None:
    """While the peer's close frame is awaited, parts of a message take no memory."""
    ws, peer = connect(nursery, max_message_size=None)
    nursery.start_soon(ws.aclose)
    await wait_all_tasks_blocked()
    peer.say_bytes(frame(BINARY, b"", fin=False))
    for _ in range(50):
        peer.say_bytes(frame(CONTINUATION, b"x" * 10_000, fin=False))
    await wait_all_tasks_blocked()
    assert not ws._inbox._arriving
    peer.hang_up()


# --- slow consumers -----------------------------------------------------------------------


async def test_back_pressure(nursery: trio.Nursery) -> None:
    """While a stream's reader is slow, reading stops, and goes on when it has caught up."""
    ws, peer = connect(nursery, max_message_size=None)
    stream = await begin(ws, peer)
    piece = frame(CONTINUATION, b"x" * 100_000, fin=False)
    count = 3 * READ_AHEAD // 100_000
    peer.say_bytes(*[piece] * count, frame(CONTINUATION, b"end"))
    await wait_all_tasks_blocked()
    left = len(peer.stream.chunks)
    assert count // 2 < left < count  # the rest is up to TCP
    size = len(await stream.receive())
    assert READ_AHEAD <= size < READ_AHEAD + 2 * 100_000
    await wait_all_tasks_blocked()
    assert 0 < len(peer.stream.chunks) < left
    size += sum(map(len, await parts_of(stream)))
    assert size == count * 100_000 + len("end")
    assert ws._inbox.unread == 0


async def test_back_pressure_ends_with_aclose(nursery: trio.Nursery) -> None:
    """A discarded message does not hold up what is behind it."""
    ws, peer = connect(nursery, max_message_size=None)
    stream = await begin(ws, peer)
    peer.say_bytes(*[frame(CONTINUATION, b"x" * 100_000, fin=False)] * 30)
    peer.say_bytes(frame(CONTINUATION, b"end") + frame(TEXT, b"next"))
    await wait_all_tasks_blocked()
    assert peer.stream.chunks
    await stream.aclose()
    assert await ws.receive() == "next"


@pytest.mark.parametrize("fragmented", [False, True])
@pytest.mark.parametrize("waiting", [False, True])
async def test_larger_than_the_read_ahead(
    nursery: trio.Nursery, fragmented: bool, waiting: bool
) -> None:
    """receive() gets a message that is larger than what is read ahead, whoever came first."""
    ws, peer = connect(nursery, max_message_size=None)
    size = 2 * READ_AHEAD
    received: list[str | bytes] = []

    async def receive() -> None:
        received.append(await ws.receive())

    if waiting:
        nursery.start_soon(receive)
        await wait_all_tasks_blocked()
    if fragmented:
        peer.say_bytes(frame(BINARY, b"", fin=False))
        peer.say_bytes(*[frame(CONTINUATION, b"x" * 2**16, fin=False)] * (size // 2**16))
        peer.say_bytes(frame(CONTINUATION, b""))
    else:
        data = frame(BINARY, b"x" * size)
        peer.say_bytes(*(data[i : i + 2**16] for i in range(0, len(data), 2**16)))
    await wait_all_tasks_blocked()
    if not waiting:
        assert peer.stream.chunks
        await receive()
    assert [len(message) for message in received] == [size]
    peer.say(TextMessage(data="next"), Ping(payload=b"p"))
    assert await ws.receive() == "next"
    assert await peer.next() == Pong(payload=b"p")


async def test_compressed(nursery: trio.Nursery) -> None:
    """A compressed message comes in parts too."""
    ws, peer = connect(nursery, compression=Deflate())
    stream = ws.receive_stream()
    text = "".join(chr(0x100 + (i * i) % 30_000) for i in range(20_000))
    peer.say(
        TextMessage(data=text[:10_000], message_finished=False), TextMessage(data=text[10_000:])
    )
    peer.say(TextMessage(data="next"))
    assert "".join(map(str, await parts_of(stream))) == text
    assert await ws.receive() == "next"
