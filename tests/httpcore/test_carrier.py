"""The stream that requests share: what a cancelled write leaves behind."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_wsproxy._httpcore._carrier import PIECE, Carrier
from trio_wsproxy._transport._tcp_stream import CAN_READ_AND_WRITE, TCPStream
from trio_wsproxy._transport._tls_stream import TLSStream
from trio_wsproxy.testing import Certificates

immediate = pytest.mark.skipif(not CAN_READ_AND_WRITE, reason="no such streams on this system")


def pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Two ends of a connection with small buffers."""
    ends = trio.socket.socketpair()
    for end in ends:
        end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 4096)
        end.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    return trio.SocketStream(ends[0]), trio.SocketStream(ends[1])


async def read_exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes:
    """Receive so many bytes."""
    data = b""
    while len(data) < size:
        more = await stream.receive_some()
        assert more
        data += more
    return data


async def cancelled_write(carrier: Carrier, data: bytes) -> None:
    """Write, and be cancelled when the kernel takes no more."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.write, data)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


@immediate
async def test_cancelled_write_is_whole() -> None:
    """What was handed over when the write was cancelled, leaves whole and in front of the next."""
    ours, peer = pair()
    carrier = Carrier(TCPStream(ours))
    first, second = b"a" * PIECE, b"b" * 10
    await cancelled_write(carrier, first)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.write, second)
        assert await read_exactly(peer, len(first) + len(second)) == first + second
    await carrier.aclose()
    await peer.aclose()


@immediate
@pytest.mark.parametrize("already", [False, True])
async def test_cancelled_write_in_tls(already: bool) -> None:
    """Inside TLS no record is cut, whether the cancellation comes before or while it waits."""
    certificates = Certificates()
    ours, theirs = pair()
    server = trio.SSLStream(theirs, certificates.server_context("web.test"), server_side=True)
    client = TLSStream(TCPStream(ours), certificates.client_context(), "web.test")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.do_handshake()
    carrier = Carrier(client)
    first = b"a" * (1000 if already else PIECE)
    if already:
        with trio.CancelScope() as scope:
            scope.cancel()
            await carrier.write(first)
        assert scope.cancelled_caught
    else:
        await cancelled_write(carrier, first)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.write, b"next")
        assert await read_exactly(server, len(first) + 4) == first + b"next"
    await carrier.aclose()
    await trio.aclose_forcefully(server)


@immediate
async def test_cut_between_pieces() -> None:
    """What was cut between two pieces is broken for all, to read and to write, and says why."""
    ours, peer = pair()
    carrier = Carrier(TCPStream(ours))
    await cancelled_write(carrier, b"a" * (PIECE + 1))
    for use in (carrier.write(b"b"), carrier.read(1)):
        with pytest.raises(trio.BrokenResourceError, match="another request was cancelled"):
            await use
    assert carrier.is_readable  # so that no pool uses it again
    await carrier.aclose()
    await peer.aclose()


async def test_other_streams() -> None:
    """A stream of another kind is broken by any write that is cancelled."""
    ours, peer = pair()
    carrier = Carrier(ours)
    await carrier.write(b"hello")
    assert await read_exactly(peer, 5) == b"hello"
    await cancelled_write(carrier, b"a" * PIECE)
    with pytest.raises(trio.BrokenResourceError):
        await carrier.write(b"b")
    await carrier.aclose()
    await peer.aclose()


@pytest.mark.parametrize(
    "wrap",
    [pytest.param(TCPStream, marks=immediate, id="immediate"), pytest.param(None, id="other")],
)
async def test_cancelled_read_loses_nothing(wrap: type[TCPStream] | None) -> None:
    """A read that is cancelled has taken nothing, and the stream is as it was."""
    ours, peer = pair()
    carrier = Carrier(wrap(ours) if wrap else ours)
    with trio.move_on_after(0):
        await carrier.read(10)
    await peer.send_all(b"hello")
    assert await carrier.read(10) == b"hello"
    await peer.aclose()
    assert await carrier.read(10) == b""
    await carrier.aclose()


@immediate
async def test_peer_is_gone() -> None:
    """A write after the peer has gone raises each time."""
    ours, peer = pair()
    carrier = Carrier(TCPStream(ours))
    await peer.aclose()
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            await carrier.write(b"x")
    await carrier.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await carrier.read(1)
    assert carrier.is_readable


async def test_is_readable() -> None:
    """A stream with something to read, or an end, is not fit for another request."""
    ours, peer = pair()
    carrier = Carrier(ours)
    assert not carrier.is_readable
    await peer.send_all(b"x")
    assert carrier.is_readable
    await carrier.read(1)
    await peer.aclose()
    assert carrier.is_readable
    await carrier.aclose()
    assert Carrier(trio.testing.memory_stream_pair()[0]).is_readable  # nobody can tell


@immediate
async def test_a_checkpoint_each() -> None:
    """Reading and writing are checkpoints."""
    ours, peer = pair()
    carrier = Carrier(TCPStream(ours))
    with trio.testing.assert_checkpoints():
        await carrier.write(b"x")
    await peer.send_all(b"x")
    with trio.testing.assert_checkpoints():
        await carrier.read(1)
    with trio.testing.assert_checkpoints():
        await carrier.aclose()
    await peer.aclose()
