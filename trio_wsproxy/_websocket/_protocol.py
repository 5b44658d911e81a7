"""Frames in, events out; messages in, frames out. No I/O.

Two lanes lead from bytes to events. The **fast lane** takes whole, unfragmented, uncompressed
data frames, which is what nearly all traffic is: it cuts the payload straight out of what was
received. It also takes the usual close frame, with which nearly every connection ends, and a compressed
message that is there as a whole. Everything else goes through **wsproto**, which keeps the rules
of RFC 6455: pings, pongs, fragments, and whatever is not legal. Both are exact at the same place,
the boundary between two frames: :meth:`Protocol._measure` reads each frame's header just far
enough to know its lane and where it ends, and a frame goes one way or the other, whole.

A large frame is not collected here: its pieces are given out as they come, as fragments.

What a peer breaks is told apart from what it closes (wsproto reports both as a close), and
nothing is parsed behind either.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, Pong
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

from ._deflate import PerMessageDeflate
from ._frames import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT, build_frame

NO_CODE = 1005  # RFC 6455 section 7.1.5; never on the wire
MAX_CONTROL_PAYLOAD = 125  # bytes, RFC 6455 section 5.5
WANTED = 64 * 1024  # bytes; what trio asks a socket for
MOST_WANTED = 256 * 1024  # bytes; more is seldom there, and making room for it costs time
COLLECT = 16 * 1024  # bytes of a frame up to which it is awaited whole, not given out in pieces

_NO_LIMIT = 1 << 64  # bytes; no frame has so many
_USUAL_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, *range(3000, 5000)))
_FAST = {FIN | TEXT: True, FIN | BINARY: False}  # first byte → whether it is text
_FAST_COMPRESSED = {FIN | RSV1 | TEXT: True, FIN | RSV1 | BINARY: False}


@dataclass(frozen=True)
class PingReceived:
    """The peer wants a pong with this payload."""

    payload: bytes


@dataclass(frozen=True)
class PongReceived:
    """The peer answers a ping."""

    payload: bytes


@dataclass(frozen=True)
class CloseReceived:
    """The peer's close frame; 1005 stands for "no code" (RFC 6455 section 7.1.5)."""

    code: int
    reason: str


@dataclass(frozen=True)
class PeerBrokeProtocol:
    """The peer sent what it must not send; ``code`` is the one to close with."""

    code: int
    reason: str


@dataclass(frozen=True)
class Fragment:
    """A piece of a message that is not complete in one piece, in order.

    ``last`` ends the message.
    """

    data: str | bytes
    last: bool


Event = str | bytes | Fragment | PingReceived | PongReceived | CloseReceived | PeerBrokeProtocol


class Protocol:
    """The protocol state of one client connection after its opening handshake.

    Args:
      extensions: The extensions as they were agreed on.
      max_message_size: Bytes (of text: of its UTF-8) beyond which a message is refused with
        1009; ``None`` is no limit.
      fast_lane: Whether there is one; without it wsproto does everything, which a test
        compares.

    """

    def __init__(
        self,
        extensions: Sequence[Extension],
        max_message_size: int | None,
        *,
        fast_lane: bool = True,
    ) -> None:
        self._extensions = list(extensions)
        self._wsproto_connection: Connection | None = None  # made when it is needed
        self._deflate = next((x for x in extensions if isinstance(x, PerMessageDeflate)), None)
        self._limit = _NO_LIMIT if max_message_size is None else max_message_size
        self._fast = _FAST if fast_lane else {}
        self._parsing = True
        self._pending = b""  # received, but not enough for a header or for a small frame
        self._to_wsproto = 0  # bytes of the current frame that are still to go there
        self._large = 0  # bytes of the current large frame that are still to come
        self._decoder: codecs.IncrementalDecoder | None = None  # of that frame, if it is text
        self._within_message = False  # wsproto has begun a message in fragments
        self._size = 0  # bytes of that message so far

    @property
    def _wsproto(self) -> Connection:
        if self._wsproto_connection is None:
            self._wsproto_connection = Connection(ConnectionType.CLIENT, self._extensions)
        return self._wsproto_connection

    # -- receiving ----------------------------------------------------------------------

    def receive(self, data: bytes | bytearray) -> Iterator[Event]:
        """Take bytes from the peer, give the events they complete, one by one.

        A whole message comes as ``str`` or ``bytes``, one in pieces as :class:`Fragment`
        objects. Nothing comes behind a :class:`CloseReceived` or :class:`PeerBrokeProtocol`.

        The caller acts on each event before it takes the next: a ping that stands in front
        of a close frame can then still be answered.
        """
        buffer = self._pending + data if self._pending else bytes(data)
        self._pending = b""
        start, end = 0, len(buffer)
        while start < end and self._parsing:
            if self._to_wsproto:
                stop = min(end, start + self._to_wsproto)
                self._to_wsproto -= stop - start
                yield from self._receive_in_wsproto(buffer[start:stop])
                start = stop
                continue
            if self._large:
                stop = min(end, start + self._large)
                yield self._piece(buffer[start:stop])
                start = stop
                continue
            # Here a frame begins. A small one's header is read without another call.
            if end - start < 2:
                break
            begin, size = start + 2, buffer[start + 1]
            if size > 125:
                header = _measure(buffer, start, end)
                if header is None:
                    break
                begin, size = header
            text = self._fast.get(buffer[start])
            if text is None or self._within_message or size >= _NO_LIMIT:
                event = self._shortcut(buffer[start], buffer[begin : begin + size], size)
                if event is not None:
                    start = begin + size
                    yield event
                    continue
                self._to_wsproto = begin - start + size
                continue
            stop = begin + size
            if size > self._limit:
                yield self._too_big()
            elif stop <= end:
                yield self._whole(buffer[begin:stop], text)
                start = stop
            elif size > COLLECT:
                self._large = size
                self._decoder = _utf8() if text else None
                start = begin
            else:
                break
        if start < end and self._parsing:
            self._pending = buffer[start:]

    def wanted(self) -> int:
        """How many bytes to ask the stream for: more in the middle of a large frame."""
        return MOST_WANTED if self._large > WANTED else WANTED

    def _shortcut(self, first: int, payload: bytes, size: int) -> Event | None:
        """Read a close frame or a compressed message if it is whole and nothing is odd about it."""
        if not self._fast or len(payload) < size:
            return None
        if first == FIN | CLOSE:
            event = _usual_close(payload)
            self._parsing = event is None
            return event
        text = _FAST_COMPRESSED.get(first)
        if text is None or self._deflate is None or self._within_message:
            return None
        data = self._deflate.inflate(payload)
        if isinstance(data, bytes):
            return self._whole(data, text)
        if data is CloseReason.MESSAGE_TOO_BIG:
            return self._too_big()
        self._parsing = False
        return PeerBrokeProtocol(data, "what cannot be inflated")

    def _whole(self, payload: bytes, text: bool) -> Event:
        if not text:
            return payload
        try:
            return str(payload, "utf-8")
        except UnicodeDecodeError as exc:
            return self._not_utf8(exc)

    def _piece(self, payload: bytes) -> Event:
        self._large -= len(payload)
        last = not self._large
        if self._decoder is None:
            return Fragment(payload, last)
        try:
            return Fragment(self._decoder.decode(payload, last), last)
        except UnicodeDecodeError as exc:
            return self._not_utf8(exc)

    def _not_utf8(self, exc: UnicodeDecodeError) -> PeerBrokeProtocol:
        self._parsing = False
        return PeerBrokeProtocol(1007, f"text that is not UTF-8: {exc.reason}")

    def _too_big(self) -> PeerBrokeProtocol:
        self._parsing = False
        return PeerBrokeProtocol(1009, f"a message of more than {self._limit} bytes")

    def _receive_in_wsproto(self, data: bytes) -> Iterator[Event]:
        self._wsproto.receive_data(data)
        for event in self._wsproto.events():
            if isinstance(event, Message):
                yield self._message(event)
            elif isinstance(event, Ping):
                yield PingReceived(bytes(event.payload))
            elif isinstance(event, Pong):
                yield PongReceived(bytes(event.payload))
            else:
                assert isinstance(event, CloseConnection)  # wsproto has no other event here
                yield self._close(event)
            if not self._parsing:
                return

    def _message(self, event: Message[str] | Message[bytes | bytearray]) -> Event:
        whole = event.message_finished and not self._within_message
        data: str | bytes = event.data if isinstance(event.data, str) else bytes(event.data)
        self._size += len(data.encode()) if isinstance(data, str) else len(data)
        if self._size > self._limit:
            return self._too_big()
        self._within_message = not event.message_finished
        if event.message_finished:
            self._size = 0
        return data if whole else Fragment(data, event.message_finished)

    def _close(self, event: CloseConnection) -> CloseReceived | PeerBrokeProtocol:
        self._parsing = False
        code, reason = int(event.code), event.reason or ""
        # A parse failure is reported as a close event too, but leaves the state as it was.
        if self._wsproto.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED):
            return CloseReceived(code, reason)
        if code == CloseReason.MESSAGE_TOO_BIG:
            return self._too_big()  # where the inflated message is; wsproto has no words for it
        return PeerBrokeProtocol(code, reason)

    # -- sending ------------------------------------------------------------------------

    def message(self, data: str | bytes | bytearray | memoryview) -> bytes:
        """Build the frame of a whole message."""
        return self.fragment(data, first=True, last=True)

    def fragment(
        self, data: str | bytes | bytearray | memoryview, *, first: bool, last: bool
    ) -> bytes:
        """Build a frame of a message; its first frame has the type, the others continue it."""
        if isinstance(data, str):
            opcode, payload = TEXT, data.encode()
        else:
            opcode, payload = BINARY, bytes(data)
        byte = (opcode if first else CONTINUATION) | (FIN if last else 0)
        if self._deflate is not None:
            payload = self._deflate.compress(payload, last=last)
            byte |= RSV1 if first else 0
        return build_frame(byte, payload)

    def ping(self, payload: bytes) -> bytes:
        """Build a ping frame."""
        return build_frame(FIN | PING, payload)

    def pong(self, payload: bytes) -> bytes:
        """Build a pong frame."""
        return build_frame(FIN | PONG, payload)

    def close(self, code: int, reason: str) -> bytes:
        """Build the close frame; 1005 means one without a code. Nothing can follow it."""
        if code == NO_CODE:
            return build_frame(FIN | CLOSE, b"")
        # Cut off where it is too long, between two characters.
        text = reason.encode()[: MAX_CONTROL_PAYLOAD - 2].decode(errors="ignore").encode()
        return build_frame(FIN | CLOSE, code.to_bytes(2, "big") + text)


def _usual_close(payload: bytes) -> CloseReceived | None:
    """Read a close frame that is beyond doubt (RFC 6455 section 5.5.1), and no other."""
    if len(payload) > MAX_CONTROL_PAYLOAD:
        return None
    if not payload:
        return CloseReceived(NO_CODE, "")
    code = int.from_bytes(payload[:2], "big")
    if code not in _USUAL_CODES:
        return None
    try:
        return CloseReceived(code, str(payload[2:], "utf-8"))
    except UnicodeDecodeError:
        return None


def _utf8() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")()


def _measure(buffer: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Find where a frame's payload begins and its size (RFC 6455 section 5.2).

    Returns:
      ``None`` where the header is not complete; the size :data:`_NO_LIMIT` where it is not
      legal, so that wsproto gets all there is and says what is wrong.

    """
    if end - start < 2:
        return None
    size = buffer[start + 1]
    if size < 126:
        return start + 2, size
    if size > 127:  # masked, which a server's frames must not be (section 5.1)
        return start, _NO_LIMIT
    begin = start + (4 if size == 126 else 10)
    if begin > end:
        return None
    length = int.from_bytes(buffer[start + 2 : begin], "big")
    if length < (126 if size == 126 else 65536) or length >> 63:
        return start, _NO_LIMIT
    return begin, length


_NAMES = {0x0: "continuation", 0x1: "text", 0x2: "binary", 0x8: "close", 0x9: "ping", 0xA: "pong"}


class Described(NamedTuple):
    """What the log says of a frame or an event; ``str()`` is its text.

    Attributes:
      kind: ``"text"``, ``"binary"``, ``"continuation"``, ``"close"``, ``"ping"``, …
      rest: What stands behind that: sizes and codes, never what is in it.
      name: What the text begins with, where that is not the kind.

    """

    kind: str
    rest: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.name or self.kind}{self.rest}"


def describe_frame(frame: bytes) -> Described:
    """Describe a frame of ours for the log: its kind and size, never what is in it."""
    header = _measure(frame[:1] + bytes((frame[1] & 0x7F,)) + frame[2:10], 0, 10)
    size = header[1] if header else 0
    more = "" if frame[0] & FIN else ", more to come"
    return Described(_NAMES[frame[0] & 0x0F], f", {size} bytes{more}")


def describe_event(event: Event) -> Described:
    """Describe what arrived for the log: its kind and size, never what is in it."""
    if isinstance(event, str):
        return Described("text", f", {len(event)} characters")
    if isinstance(event, bytes):
        return Described("binary", f", {len(event)} bytes")
    if isinstance(event, Fragment):
        more = "" if event.last else ", more to come"
        return Described("continuation", f" of {len(event.data)}{more}", "a part")
    if isinstance(event, (PingReceived, PongReceived)):
        kind = "ping" if isinstance(event, PingReceived) else "pong"
        return Described(kind, f", {len(event.payload)} bytes")
    name = type(event).__name__
    return Described("close" if isinstance(event, CloseReceived) else name, f" {event.code}", name)
