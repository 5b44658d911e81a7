"""Streams on streams: bytes put back in front of one, and the socket at the bottom of all."""

from __future__ import annotations

import trio


class PrefixedStream(trio.abc.HalfCloseableStream):
    """A stream with bytes put back in front of what it receives.

    A proxy may send the tunnel's first bytes together with its answer; here they wait for
    the tunnel's user.

    Attributes:
      transport_stream: The stream below.

    """

    def __init__(self, prefix: bytes, transport_stream: trio.abc.Stream) -> None:
        self._prefix = prefix
        self.transport_stream = transport_stream

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Give the bytes put back first, then the stream's own."""
        if not self._prefix:
            return await self.transport_stream.receive_some(max_bytes)
        await trio.lowlevel.checkpoint()
        size = len(self._prefix) if max_bytes is None else max_bytes
        data, self._prefix = self._prefix[:size], self._prefix[size:]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send through the stream below."""
        await self.transport_stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the stream below."""
        await self.transport_stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        """Close the sending half of the stream below, where it has halves (TLS has not)."""
        if not isinstance(self.transport_stream, trio.abc.HalfCloseableStream):
            raise NotImplementedError("a TLS stream cannot be closed for sending alone")
        await self.transport_stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream below; bytes not read yet are gone."""
        self._prefix = b""
        await self.transport_stream.aclose()


def with_prefix(prefix: bytes, stream: trio.abc.Stream) -> trio.abc.Stream:
    """Put bytes back in front of a stream, or leave it alone when there are none."""
    return PrefixedStream(prefix, stream) if prefix else stream


def socket_of(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """Find the TCP socket below any number of TLS layers, or ``None``."""
    while isinstance(stream, (trio.SSLStream, PrefixedStream)):
        stream = stream.transport_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None
