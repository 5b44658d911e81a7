"""Frames in, events out; messages in, frames out. No I/O.

Two lanes lead from bytes to events. The **fast lane** takes every frame that is well formed where it
stands: its first byte and what stands before it are looked up in a table, and its payload is cut
straight out of what was received. Everything else (reserved bits, unknown opcodes, fragments out of
place, lengths and close codes that are not legal) goes to **wsproto**, which keeps the rules of
RFC 6455 and says what is wrong. The lanes part at the boundary between two frames: wsproto is told
where in a message it stands, and gets everything from the odd frame on.

A large frame is not collected here: its pieces are given out as they come, as fragments.

Work is bounded: :meth:`Protocol.events` stops when it has cost some milliseconds, wherever that is in
what was received, and goes on where it is called again. A small frame costs one unit, and so do so
many bytes, inflated ones more than others. The number of a message's small fragments is bounded, too:
without a limit, a megabyte could come in a million frames.

What a peer breaks is told apart from what it closes (wsproto reports both as a close), and
nothing is parsed behind either.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

from ._deflate import PerMessageDeflate
from ._events import (
    MAX_CONTROL_PAYLOAD,
    NO_CODE,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
    usual_close,
)
from ._frames import (
    BETWEEN,
    BETWEEN_COMPRESSED,
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    NO_LIMIT,
    PING,
    PONG,
    RSV1,
    SMALL,
    TEXT,
    WITHIN,
    Frame,
    Kind,
    build_frame,
    measure,
)
from ._slow_lane import SlowLane, too_big

WANTED = 64 * 1024  # bytes; what trio asks a socket for
MOST_WANTED = 256 * 1024  # bytes; more is seldom there, and making room for it costs time
COLLECT = 16 * 1024  # bytes of a frame up to which it is awaited whole, not given out in pieces

WORK = 500  # units that may be worked on between two checkpoints: a few milliseconds
BYTES = 2048  # bytes that cost one unit: to copy, to decode
INFLATED = 512  # bytes that cost one unit where they are inflated
SLICE = 2048  # bytes that are inflated at once: at most a thousand times as many come out
STREAM = 4  # units that it costs to begin a new stream of zlib's
SMALL_FRAGMENT = 64  # bytes of payload below which a fragment is small
MAX_SMALL_FRAGMENTS = 4096  # of one message; websockets has the same limit


class Protocol:
    """The protocol state of one client connection after its opening handshake.

    Args:
      extensions: The extensions as they were agreed on.
      max_message_size: Bytes (of text: of its UTF-8) beyond which a message is refused with
        1009; ``None`` is no limit.
      fast_lane: Whether there is one; without it wsproto does everything, which a test
        compares.

    """

    __slots__ = (
        "_between",
        "_buffer",
        "_decoder",
        "_deflate",
        "_ends",
        "_extensions",
        "_inflating",
        "_left",
        "_limit",
        "_message",
        "_parsing",
        "_position",
        "_size",
        "_slice",
        "_small",
        "_small_limit",
        "_stuck",
        "_wsproto",
    )

    def __init__(
        self,
        extensions: Sequence[Extension],
        max_message_size: int | None,
        *,
        fast_lane: bool = True,
    ) -> None:
        self._extensions = extensions
        self._deflate = next((x for x in extensions if isinstance(x, PerMessageDeflate)), None)
        self._between = BETWEEN if self._deflate is None else BETWEEN_COMPRESSED
        self._limit = NO_LIMIT if max_message_size is None else max_message_size
        self._small_limit = min(
            125, self._limit
        )  # bytes of a message in the smallest kind of frame
        self._parsing = True
        self._buffer: bytes | bytearray = b""
        self._position = 0  # of what was not looked at yet
        self._stuck = True  # what is there is not enough
        self._left = 0  # bytes of the current large frame that are still to come
        # Of the message that comes in fragments, or in the pieces of a large frame:
        self._message: Frame | None = None  # how it began
        self._decoder: codecs.IncrementalDecoder | None = None  # if it is text
        self._inflating = False
        self._slice = NO_LIMIT  # bytes of it to work on at once
        self._ends = False  # the current frame is its last
        self._size = 0  # bytes of it so far, inflated
        self._small = 0  # small fragments of it so far
        # Made when it is needed, and has all from then on.
        self._wsproto = None if fast_lane else SlowLane(extensions, self._limit)

    # -- receiving ----------------------------------------------------------------------

    def feed(self, data: bytes | bytearray) -> None:
        """Take bytes from the peer."""
        if not self._parsing:
            return
        if self._position < len(self._buffer):
            data = self._buffer[self._position :] + data
        self._buffer, self._position = data, 0
        self._stuck = False

    @property
    def undigested(self) -> bool:
        """Whether :meth:`events` has something to do without more bytes."""
        return self._parsing and not self._stuck

    def wanted(self) -> int:
        """How many bytes to ask the stream for: more in the middle of a large frame."""
        return MOST_WANTED if self._left > WANTED else WANTED

    def events(self) -> list[Event]:
        """Give the next events of what was fed, as many as some milliseconds of work make.

        A whole message comes as ``str`` or ``bytes``, one in pieces as :class:`Fragment`
        objects. Nothing comes behind a :class:`CloseReceived` or :class:`PeerBrokeProtocol`.
        """
        events: list[Event] = []
        if not self._parsing:
            return events
        if self._wsproto is not None:
            self._receive_in_wsproto(events)
            return events
        buffer, end = self._buffer, len(self._buffer)
        start = self._position
        work = WORK
        while start < end and work > 0 and self._parsing:
            if self._left:
                stop = min(end, start + min(self._left, self._slice))
                self._left -= stop - start
                work -= self._piece(buffer[start:stop], events)
                start = stop
                continue
            # Here a frame begins. A small whole message is read without another call.
            if end - start < 2:
                break
            size = buffer[start + 1]
            stop = start + 2 + size
            text = SMALL.get(buffer[start]) if size <= self._small_limit else None
            if text is not None and stop <= end and self._message is None:
                self._whole(bytes(buffer[start + 2 : stop]), text, events)
                start = stop
                work -= 1
                continue
            self._position = start
            taken, units = self._frame(events)
            if not taken:
                if self._wsproto is not None:
                    return events
                break
            start += taken
            work -= units
        self._position = start
        self._stuck = start >= end or work > 0
        if start >= end:
            self._buffer, self._position = b"", 0
        return events

    def _frame(self, events: list[Event]) -> tuple[int, int]:
        """Read the frame that begins here, or its first piece.

        Returns:
          The bytes that were taken, and the units of work. No bytes where there are not enough, or
          wsproto has all that is left.

        """
        buffer, start, end = self._buffer, self._position, len(self._buffer)
        header = measure(buffer, start, end)
        if header is None:
            return 0, 0
        begin, size = header
        frame = (self._between if self._message is None else WITHIN).get(buffer[start])
        if frame is None or size >= NO_LIMIT or (size > 125 and frame.kind >= Kind.PING):
            self._turn_to_wsproto(events)
            return 0, 0
        stop = begin + size
        if stop > end and (frame.kind >= Kind.PING or size <= COLLECT):
            if frame.kind < Kind.PING and not self._inflates(frame) and self._exceeds(size):
                self._too_big(events)
            return 0, 0
        if frame.kind >= Kind.PING:
            if not self._control(frame.kind, bytes(buffer[begin:stop]), events):
                self._turn_to_wsproto(events)
                return 0, 0
            return stop - start, 1
        if frame.kind is Kind.WHOLE and stop <= end and not frame.compressed:
            if size > self._limit:
                self._too_big(events)
            else:
                self._whole(bytes(buffer[begin:stop]), frame.text, events)
            return stop - start, 1 + size // BYTES
        stop = min(stop, end, begin + (SLICE if self._inflates(frame) else size))
        units = self._fragment(frame, bytes(buffer[begin:stop]), size, events)
        return stop - start, units

    def _whole(self, payload: bytes, text: bool, events: list[Event]) -> None:
        if not text:
            events.append(payload)
            return
        try:
            events.append(str(payload, "utf-8"))
        except UnicodeDecodeError as exc:
            self._not_utf8(exc, events)

    def _control(self, kind: Kind, payload: bytes, events: list[Event]) -> bool:
        """Read a control frame; tell whether that could be done here."""
        if kind is Kind.PING:
            events.append(PingReceived(payload))
        elif kind is Kind.PONG:
            events.append(PongReceived(payload))
        else:
            event = usual_close(payload)
            if event is None:
                return False
            self._parsing = False
            events.append(event)
        return True

    def _fragment(self, frame: Frame, data: bytes, size: int, events: list[Event]) -> int:
        """Begin to read a fragment, or a frame in pieces; give the units of work."""
        kind = frame.kind
        if kind is Kind.WHOLE or kind is Kind.BEGIN:
            self._message = frame
            self._decoder = _utf8() if frame.text else None
            self._inflating = frame.compressed
            self._slice = SLICE if frame.compressed else NO_LIMIT
            self._size = self._small = 0
            if self._deflate is not None:
                self._deflate.begin()
        if size < SMALL_FRAGMENT and kind is not Kind.WHOLE:
            self._small += 1
            if self._small > MAX_SMALL_FRAGMENTS:
                self._fail(
                    1008, f"a message in more than {MAX_SMALL_FRAGMENTS} small fragments", events
                )
                return 1
        if not self._inflating and self._exceeds(size):
            self._too_big(events)
            return 1
        self._left = size - len(data)
        self._ends = kind is Kind.WHOLE or kind is Kind.END
        return self._piece(data, events, whole=kind is Kind.WHOLE and not self._left)

    def _inflates(self, frame: Frame) -> bool:
        """Tell whether what a data frame carries is compressed."""
        return frame.compressed or (self._message is not None and self._inflating)

    def _exceeds(self, size: int) -> bool:
        """Tell whether so many bytes more are too many for the message."""
        return (self._size if self._message is not None else 0) + size > self._limit

    def _piece(self, data: bytes | bytearray, events: list[Event], *, whole: bool = False) -> int:
        """Give out a piece of a message, or all of it; give the units of work."""
        last = self._ends and not self._left
        payload = bytes(data)
        work = 1 + len(data) // BYTES
        if self._inflating:
            assert self._deflate is not None
            inflated = self._deflate.inflate(payload, last=last)
            if not isinstance(inflated, bytes):
                self._not_inflated(inflated, events)
                return work
            payload = inflated
            work += len(payload) // INFLATED + STREAM * self._deflate.streams
        self._size += len(payload)
        if self._size > self._limit:
            self._too_big(events)
            return work
        text: str | bytes = payload
        if self._decoder is not None:
            try:
                text = self._decoder.decode(payload, last)
            except UnicodeDecodeError as exc:
                self._not_utf8(exc, events)
                return work
        if last:
            self._message = self._decoder = None
        if whole:
            events.append(text)
        elif text or last:
            events.append(Fragment(text, last))
        return work

    def _fail(self, code: int, reason: str, events: list[Event]) -> None:
        self._parsing = False
        events.append(PeerBrokeProtocol(code, reason))

    def _not_utf8(self, exc: UnicodeDecodeError, events: list[Event]) -> None:
        self._fail(1007, f"text that is not UTF-8: {exc.reason}", events)

    def _not_inflated(self, problem: CloseReason, events: list[Event]) -> None:
        if problem is CloseReason.MESSAGE_TOO_BIG:
            self._too_big(events)
        else:
            self._fail(problem, "what cannot be inflated", events)

    def _too_big(self, events: list[Event]) -> None:
        self._fail(1009, too_big(self._limit), events)

    def _turn_to_wsproto(self, events: list[Event]) -> None:
        """Let wsproto judge the frame that begins here, and have all behind it."""
        within = None if self._message is None else TEXT if self._decoder is not None else BINARY
        self._wsproto = SlowLane(self._extensions, self._limit, self._size, within)
        self._receive_in_wsproto(events)

    def _receive_in_wsproto(self, events: list[Event]) -> None:
        assert self._wsproto is not None
        data = bytes(self._buffer[self._position :])
        self._buffer, self._position, self._stuck = b"", 0, True
        self._parsing = self._wsproto.receive(data, events)

    # -- sending ------------------------------------------------------------------------

    def message(self, data: str | bytes | bytearray | memoryview) -> bytes:
        """Build the frame of a whole message."""
        if self._deflate is not None:
            return self.fragment(data, first=True, last=True)
        if isinstance(data, str):
            return build_frame(FIN | TEXT, data.encode())
        return build_frame(FIN | BINARY, data if type(data) is bytes else bytes(data))

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


def _utf8() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")()
