"""Bytes to and from a server, for requests that may be cancelled at any time.

Theory of operation
-------------------

With HTTP/2 all requests to a server share one stream, and the library has handed over its frames when it
calls :meth:`Carrier.write`: it cannot take them back. If a request that is cancelled left half a frame on
the wire, or half a TLS record, all others would end with it. So a stream that takes bytes without
waiting (:class:`~trio_wsproxy._transport.TCPStream`, TLS over it) takes each piece whole, in the step of the caller; only
waiting for the kernel can be cancelled, and what it did not take then leaves with the next write. The
piece is larger than any frame.

Where that does not work (other streams; an upload that is cut between two pieces) the stream is broken for
everybody from then on, and says so, rather than going on with garbage.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_wsproxy._transport import socket_of

# Bytes that are handed over in one step. HTTP/2's frames have 16 KiB unless the server allows more, and
# encrypting this much takes a tenth of a millisecond.
PIECE = 256 * 1024


class Carrier:
    """A stream, as it is shared by requests; see the theory of operation above.

    Args:
      stream: The stream; this one owns it.

    """

    __slots__ = ("_bottom", "_broken", "_closed", "_stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._broken = False
        self._closed = False
        self._bottom: Any = None  # of a stream that takes without waiting
        if hasattr(stream, "take"):
            self._bottom = stream
            while hasattr(self._bottom, "transport_stream"):
                self._bottom = self._bottom.transport_stream

    async def read(self, max_bytes: int) -> bytes:
        """Receive what has arrived; nothing (``b""``) is the end. A cancelled call loses nothing.

        Raises:
          trio.BrokenResourceError: The connection is broken.
          trio.ClosedResourceError: This side has closed it.

        """
        self._check()
        return bytes(await self._stream.receive_some(max_bytes))

    async def write(self, data: bytes) -> None:
        """Send all.

        Raises:
          trio.BrokenResourceError: The connection is broken.
          trio.ClosedResourceError: This side has closed it.

        A cancelled call leaves the stream whole if the data was one piece; else it is broken.

        """
        self._check()
        rest = memoryview(data)
        try:
            while rest:
                piece, rest = rest[:PIECE], rest[PIECE:]
                await self._send(piece)
        except BaseException:
            self._broken = self._broken or bool(rest)
            raise

    async def _send(self, piece: memoryview) -> None:
        bottom, stream = self._bottom, self._stream
        if bottom is None:
            try:
                await stream.send_all(piece)
            except BaseException:
                self._broken = True
                raise
            return
        stream.take(bytes(piece))  # type: ignore[attr-defined]  # see __init__
        while bottom.pending and bottom.error is None:
            await bottom.wait_send_all_might_not_block()
            bottom.flush()
        if bottom.error is not None:
            error = bottom.error
            raise type(error)(str(error)) from error.__cause__
        await trio.lowlevel.checkpoint()

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._broken:
            raise trio.BrokenResourceError("another request was cancelled while it was being sent")

    @property
    def is_readable(self) -> bool:
        """Whether the peer has sent something, or hung up, while nobody waited for it."""
        socket = socket_of(self._stream)
        return self._broken or socket is None or socket.fileno() < 0 or socket.is_readable()

    async def aclose(self) -> None:
        """Close at once, without a word: HTTP has its own marks for the end."""
        self._closed = True
        await trio.aclose_forcefully(self._stream)
