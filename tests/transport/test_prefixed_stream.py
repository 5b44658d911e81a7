"""Bytes put back in front of a stream."""

from __future__ import annotations

import pytest
import trio
from _wire import Peer, rest_of

from trio_wsproxy._transport._prefixed_stream import with_prefix


class WholeStream(trio.abc.Stream):
    """A stream without halves, as TLS is."""

    def __init__(self, below: trio.abc.Stream) -> None:
        self.below = below

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.below.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.below.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.below.receive_some(max_bytes)

    async def aclose(self) -> None:
        await self.below.aclose()


@pytest.mark.parametrize("max_bytes", [None, 1, 2, 5, 6, 100])
async def test_prefix_comes_first(max_bytes: int | None) -> None:
    """The prefix is read first, in pieces if so asked, then the stream's own bytes."""
    peer = Peer(b" and the rest")
    stream = with_prefix(b"first", peer)
    await stream.send_all(b"go")
    received = []
    while data := await stream.receive_some(max_bytes):
        assert max_bytes is None or len(data) <= max_bytes
        received.append(bytes(data))
    assert b"".join(received) == b"first and the rest"


@pytest.mark.parametrize("max_bytes", [0, -1])
async def test_no_bytes_are_no_end(max_bytes: int) -> None:
    """As with trio's streams, asking for no bytes is an error and not the end."""
    stream = with_prefix(b"first", Peer())
    with pytest.raises(ValueError, match="max_bytes"):
        await stream.receive_some(max_bytes)
    assert await stream.receive_some() == b"first"


async def test_no_prefix() -> None:
    """Without bytes to put back there is no wrapper."""
    peer = Peer()
    assert with_prefix(b"", peer) is peer


async def test_cancelled_receive_takes_nothing() -> None:
    """A receive that is cancelled has taken nothing of the prefix."""
    stream = with_prefix(b"first", Peer())
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.receive_some()
    assert scope.cancelled_caught
    assert await stream.receive_some() == b"first"


async def test_receive_is_a_checkpoint() -> None:
    """Reading the prefix lets other tasks run."""
    stream = with_prefix(b"first", Peer())
    with trio.testing.assert_checkpoints():
        await stream.receive_some(1)


async def test_two_receivers() -> None:
    """Two tasks that read at once share the bytes; neither is told of an end."""
    received = []
    stream = with_prefix(b"first", Peer(b"second", then="silence"))
    await stream.send_all(b"go")

    async def receive() -> None:
        received.append(await stream.receive_some())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(receive)
    assert sorted(received) == [b"first", b"second"]


async def test_closed_while_reading() -> None:
    """Closing during a read makes no end of file: the read has the bytes, or the error."""
    one, _other = trio.testing.memory_stream_pair()
    stream = with_prefix(b"first", one)
    received = []

    async def receive() -> None:
        try:
            received.append(await stream.receive_some())
        except trio.ClosedResourceError:
            received.append(b"closed")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        nursery.start_soon(stream.aclose)
    assert received in ([b"first"], [b"closed"])  # trio's scheduler throws a coin


async def test_closing() -> None:
    """Closing closes the stream below, and what was not read is gone."""
    peer = Peer()
    stream = with_prefix(b"first", peer)
    await stream.aclose()
    assert peer.closed
    assert await rest_of(stream) == b""  # the peer's own answer


async def test_sending_goes_through() -> None:
    """Sending and its end are the business of the stream below."""
    peer = Peer()
    stream = with_prefix(b"first", peer)
    assert isinstance(stream, trio.abc.HalfCloseableStream)
    await stream.wait_send_all_might_not_block()
    await stream.send_all(b"one")
    await stream.send_eof()
    assert peer.heard == [b"one"]
    assert peer.ended


async def test_only_halves_are_half_closed() -> None:
    """A tunnel through TLS does not pretend to be half-closeable when bytes came early."""
    stream = with_prefix(b"first", WholeStream(Peer()))
    assert not isinstance(stream, trio.abc.HalfCloseableStream)
    assert not hasattr(stream, "send_eof")


async def test_stream_contract() -> None:
    """It passes trio's own tests for half-closeable streams."""

    async def make() -> tuple[trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream]:
        streams = []
        for one in trio.testing.memory_stream_pair():
            stream = with_prefix(b"x", one)
            assert await stream.receive_some() == b"x"
            assert isinstance(stream, trio.abc.HalfCloseableStream)
            streams.append(stream)
        return streams[0], streams[1]

    await trio.testing.check_half_closeable_stream(make, None)
