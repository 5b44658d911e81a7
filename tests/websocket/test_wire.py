"""Which streams are plain or other, and what is below them."""

from __future__ import annotations

import ssl

import pytest
import trio
from _peer import ImmediateWire
from _peer import Wire as AnyStream

from trio_wsproxy._websocket._wire import Kind, Wire, takes_and_gives


def tls(stream: trio.abc.Stream) -> trio.SSLStream[trio.abc.Stream]:
    """Put a layer of TLS above."""
    return trio.SSLStream(stream, ssl.create_default_context(), server_hostname="example.org")


class Layer(ImmediateWire):
    """A layer that takes and gives, above another one."""

    def __init__(self, transport_stream: ImmediateWire) -> None:
        super().__init__()
        self.transport_stream = transport_stream


class Veil(trio.abc.Stream):
    """A stream above another one that is no TLS."""

    def __init__(self, transport_stream: trio.abc.Stream) -> None:
        self.transport_stream = transport_stream
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.transport_stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.transport_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.transport_stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


def test_plain() -> None:
    """A stream that takes and gives is plain, and never blocks from now on."""
    stream = ImmediateWire()
    wire = Wire(stream)
    assert takes_and_gives(stream)
    assert wire.kind is Kind.PLAIN
    assert wire.plain is wire.bottom is stream
    assert stream.never_blocks


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_layers(layers: int) -> None:
    """Any number of layers that take and give is plain; what pends, pends at the bottom."""
    bottom = stream = ImmediateWire()
    for _ in range(layers):
        stream = Layer(stream)
    wire = Wire(stream)
    assert (wire.kind, wire.plain) == (Kind.PLAIN, stream)
    assert wire.bottom is bottom
    assert bottom.never_blocks


@pytest.mark.parametrize(
    "stream",
    [
        AnyStream(),
        Veil(ImmediateWire()),  # type: ignore[abstract, unused-ignore]
        tls(AnyStream()),
        tls(tls(AnyStream())),
        tls(ImmediateWire()),
    ],
    ids=["any", "above one that takes", "TLS above any", "TLS twice above any", "TLS of trio's"],
)
def test_other(stream: trio.abc.Stream) -> None:
    """Everything else is another kind, of which nothing is known."""
    wire = Wire(stream)
    assert (wire.kind, wire.bottom, wire.plain) == (Kind.OTHER, None, None)
    assert wire.pending == 0
    wire.interrupt()  # nothing to do


def test_pending() -> None:
    """Tells what the bottom has not handed over."""
    bottom = ImmediateWire()
    wire = Wire(Layer(bottom))
    bottom.writable = trio.Event()
    bottom.take(b"abc")
    assert wire.pending == 3


@pytest.mark.parametrize("kind", [ImmediateWire, AnyStream, lambda: Veil(ImmediateWire())])
async def test_close(kind: type[AnyStream]) -> None:
    """Whichever kind it is, it is closed at once."""
    stream = kind()
    await Wire(stream).close()
    assert stream.closed


async def test_close_a_socket() -> None:
    """So is a socket of trio's."""
    ours, theirs = trio.socket.socketpair()
    with theirs:
        stream = trio.SocketStream(ours)
        wire = Wire(stream)
        assert wire.kind is Kind.OTHER
        await wire.close()
        assert stream.socket.fileno() == -1
