"""TLS that also takes and gives bytes without waiting.

OpenSSL reads and writes memory here, so encrypting and decrypting need no turn of a scheduler: what
is sent is encrypted and handed to the stream below in the step of whoever sends, and what arrives is
decrypted in the step of whoever waits for it, as with the :class:`TCPStream` at the bottom. Layers
stand on each other (TLS in TLS). No call that encrypts can be cancelled in the middle, for nothing
in it waits, so no record is ever cut.

:class:`trio.SSLStream` does the same for any stream; its locks, and its calls of a stream that waits,
take some ten turns of the scheduler for each connection, and two for each message.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import trio

from ._tcp_stream import TCPStream

if TYPE_CHECKING:
    from typing_extensions import Self

RECORD = 16 * 1024  # bytes; OpenSSL gives no more than one record at once (RFC 8446 section 5.1)
RECEIVE_SIZE = 64 * 1024  # bytes to ask the stream below for
SLICE = 256 * 1024  # bytes that are encrypted before they are handed on: they are there twice


class TLSStream(trio.abc.Stream):
    """A client's TLS over a :class:`TCPStream`, or over another one of these.

    Args:
      stream: The stream below; this one owns it.
      context: The context; it is not changed.
      host: The name or address that the certificate must be valid for.

    Attributes:
      transport_stream (TCPStream | TLSStream): The stream below.

    An end without TLS's own good-bye is an end like any other: HTTP and WebSocket have their own marks.

    """

    __slots__ = ("_incoming", "_more", "_outgoing", "_ssl", "_unwritten", "transport_stream")

    def __init__(self, stream: TCPStream | TLSStream, context: ssl.SSLContext, host: str) -> None:
        self.transport_stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=host.encode("ascii")
        )
        self._more = False  # there is something to decrypt, or decrypted already
        self._unwritten = b""  # while a server of TLS 1.2 negotiates anew

    # -- what the handshake agreed on ----------------------------------------------------

    async def do_handshake(self) -> Self:
        """Shake hands; a failed or cancelled call leaves the stream useless.

        Raises:
          trio.BrokenResourceError: It failed; OpenSSL's error is the cause.

        """
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                await self._send_outgoing()
                self._feed(await self.transport_stream.receive_some(RECEIVE_SIZE))
            except ssl.SSLError as exc:  # a refused certificate is one, too
                with contextlib.suppress(trio.BrokenResourceError):
                    await self._send_outgoing()  # tell the peer why
                raise trio.BrokenResourceError from exc
            else:
                self._more = self._incoming.pending > 0
                await self._send_outgoing()
                return self

    def version(self) -> str | None:
        """Give the version of TLS; see :meth:`ssl.SSLSocket.version`, and the others there, too."""
        return self._ssl.version()

    def cipher(self) -> tuple[str, str, int] | None:
        """Give the cipher."""
        return self._ssl.cipher()

    def selected_alpn_protocol(self) -> str | None:
        """Give the protocol above, where one was agreed on."""
        return self._ssl.selected_alpn_protocol()

    def getpeercert(self, binary_form: bool = False) -> Any:  # ssl's
        """Give the certificate of the peer."""
        return self._ssl.getpeercert(binary_form)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Give what binds credentials to this connection."""
        return self._ssl.get_channel_binding(cb_type)

    # -- without waiting -------------------------------------------------------------------

    @property
    def error(self) -> Exception | None:
        """Why nothing more is taken, here or below."""
        return self.transport_stream.error

    @error.setter
    def error(self, error: Exception) -> None:
        self.transport_stream.error = error

    def never_block(self) -> None:
        """Let the stream at the bottom keep what the kernel does not take, from now on."""
        self.transport_stream.never_block()

    def take(self, data: bytes | memoryview) -> None:
        """Encrypt bytes and hand them on, in order."""
        if len(data) <= SLICE:
            self.transport_stream.take(self._encrypted(data))
            return
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            self.transport_stream.take(self._encrypted(view[start : start + SLICE]))

    def _encrypted(self, data: bytes | memoryview) -> bytes | memoryview:
        if self._unwritten:  # nothing may overtake it
            self._unwritten += data
            return b""
        try:
            self._ssl.write(data)
        except ssl.SSLWantReadError:
            self._unwritten = bytes(data)
        except ssl.SSLError as exc:
            error = trio.BrokenResourceError("TLS takes nothing more")
            error.__cause__ = exc.with_traceback(None)  # which leads here: a cycle
            self.error = error
            return data  # the stream at the bottom keeps it from now on: so it counts as not sent
        return self._outgoing.read()

    def give(self, size: int = RECORD) -> bytes | None:
        """Give what has arrived; as :meth:`TCPStream.give`.

        Raises:
          trio.BrokenResourceError: The connection is broken, or what has arrived is no TLS.
          trio.ClosedResourceError: This stream is closed.

        """
        data = self._decrypted(size) if self._more else None
        if data is None:
            arrived = self.transport_stream.give(RECEIVE_SIZE)
            if arrived is None:
                return None
            self._feed(arrived)
            data = self._decrypted(size)
        return data

    def _feed(self, data: bytes) -> None:
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _decrypted(self, size: int) -> bytes | None:
        """Decrypt what is there; ``None`` is no whole record, ``b""`` the end."""
        try:
            data = self._ssl.read(min(size, RECORD))
            self._more = not data or self._incoming.pending > 0 or self._ssl.pending() > 0
            if self._more and data:
                data = self._with_next_records(data, size)
        except ssl.SSLWantReadError:
            self._more = False
            data = None
        except ssl.SSLError as exc:
            if _is_end(exc):
                return b""
            raise trio.BrokenResourceError from exc
        if self._outgoing.pending:  # an answer to a change of keys
            self.transport_stream.take(self._outgoing.read())
        if self._unwritten:
            waiting, self._unwritten = self._unwritten, b""
            self.take(waiting)
        return data

    def _with_next_records(self, data: bytes, size: int) -> bytes:
        """Add what is complete behind it; an end or an error there is for the next call."""
        parts = [data]
        left = size - len(data)
        try:
            while left > 0 and (more := self._ssl.read(min(left, RECORD))):
                parts.append(more)
                left -= len(more)
        except ssl.SSLWantReadError:
            self._more = False
        except ssl.SSLError:
            pass  # OpenSSL raises it again
        return b"".join(parts)

    def wait_gives(self) -> Awaitable[None]:
        """Wait until :meth:`give` may have something; returns at once where it may have now.

        Raises:
          trio.ClosedResourceError: This stream was closed, or :meth:`interrupt` was called.

        """
        if self._more:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105  # the caller awaits it
        return self.transport_stream.wait_gives()

    def interrupt(self) -> None:
        """Let whoever waits here get a :exc:`trio.ClosedResourceError`; nothing is closed."""
        self.transport_stream.interrupt()

    # -- as any stream -----------------------------------------------------------------------

    async def _send_outgoing(self) -> None:
        if self._outgoing.pending:
            await self.transport_stream.send_all(self._outgoing.read())

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all; a cancelled call leaves the stream useless."""
        try:
            self._ssl.write(data)
        except ssl.SSLError as exc:
            raise trio.BrokenResourceError from exc
        await self._send_outgoing()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes bytes again."""
        await self.transport_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what has arrived, at least something; a cancelled call loses nothing."""
        while True:
            await self.wait_gives()
            data = self.give(max_bytes or RECORD)
            if data is not None:
                return data

    def close(self) -> None:
        """Close at once, without a word."""
        self.transport_stream.close()

    async def aclose(self) -> None:
        """Close; bytes that are pending are lost."""
        await self.transport_stream.aclose()


def _is_end(exc: ssl.SSLError) -> bool:
    """Tell whether that is the end of the stream below."""
    return isinstance(exc, ssl.SSLEOFError) or "UNEXPECTED_EOF_WHILE_READING" in str(exc.strerror)
