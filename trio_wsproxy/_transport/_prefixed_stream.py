"""Bytes put back in front of a stream."""

from __future__ import annotations

import trio


class PrefixedStream(trio.abc.Stream):
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
        size = len(self._prefix) if max_bytes is None else max_bytes
        if size < 1:
            raise ValueError("max_bytes must be >= 1")
        # Taken in one go between the two halves of a checkpoint: a cancelled call has taken
        # nothing, and another task's call or aclose() meanwhile cannot make an end of it.
        await trio.lowlevel.checkpoint_if_cancelled()
        data, self._prefix = self._prefix[:size], self._prefix[size:]
        await trio.lowlevel.cancel_shielded_checkpoint()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send through the stream below."""
        await self.transport_stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the stream below."""
        await self.transport_stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below; bytes not read yet are gone."""
        self._prefix = b""
        await self.transport_stream.aclose()


class HalfCloseablePrefixedStream(PrefixedStream, trio.abc.HalfCloseableStream):
    """The same where the stream below can be closed for sending alone; TLS cannot.

    Attributes:
      transport_stream: The stream below.

    """

    transport_stream: trio.abc.HalfCloseableStream

    async def send_eof(self) -> None:
        """Close the sending half of the stream below."""
        await self.transport_stream.send_eof()


def with_prefix(prefix: bytes, stream: trio.abc.Stream) -> trio.abc.Stream:
    """Put bytes back in front of a stream, or leave it alone when there are none."""
    if not prefix:
        return stream
    if isinstance(stream, trio.abc.HalfCloseableStream):
        return HalfCloseablePrefixedStream(prefix, stream)
    return PrefixedStream(prefix, stream)
