"""Readers of frames: both lanes against each other and against wsproto; and the masking of ours."""

from __future__ import annotations

import struct
import zlib

from _peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    close_payload,
    frame,
    put_together,
    received,
)
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.extensions import PerMessageDeflate as WsprotoDeflate

from trio_wsproxy._websocket import _frames
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._events import (
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
)
from trio_wsproxy._websocket._protocol import Protocol

from ._reader import Reader, chunks, holds, pump

DEFLATE, LIMIT, FORGETS = 1, 2, 4  # the bits of an input's first byte
TOO_BIG = 200  # bytes; the limit, if there is one
BAD_GATEWAY = 1014  # a close code that wsproto does not know
# What the limits of our own refuse, and wsproto does not know.
OUR_LIMITS = {1008, 1009}

Outcome = list[Event | int]  # of what a peer broke the code


def _whole(events: list[Event]) -> Outcome:
    """Put messages together, and tell of an error its code alone."""
    return [x.code if isinstance(x, PeerBrokeProtocol) else x for x in put_together(events)]


def _of_lane(data: list[bytes], flags: int, *, fast_lane: bool) -> Outcome:
    limit = TOO_BIG if flags & LIMIT else None
    extensions: list[Extension] = []
    if flags & DEFLATE:
        ours = PerMessageDeflate(Deflate(), limit)
        ours.finalize(_answer(flags))
        extensions.append(ours)
    return _whole(received(Protocol(extensions, limit, fast_lane=fast_lane), *data))


def _answer(flags: int) -> str:
    forgets = "; server_no_context_takeover" if flags & FORGETS else ""
    return f"permessage-deflate{forgets}"


def _of_wsproto(data: list[bytes], flags: int) -> Outcome:
    """What wsproto alone makes of it, with an extension of its own."""
    theirs: list[Extension] = []
    if flags & DEFLATE:
        extension = WsprotoDeflate()
        extension.finalize(_answer(flags))
        theirs.append(extension)
    connection = Connection(ConnectionType.CLIENT, theirs)
    result: list[Event] = []
    for chunk in data:
        connection.receive_data(chunk)
        for event in connection.events():
            if isinstance(event, Ping):
                result.append(PingReceived(bytes(event.payload)))
            elif isinstance(event, Pong):
                result.append(PongReceived(bytes(event.payload)))
            elif isinstance(event, (TextMessage, BytesMessage)):
                part = event.data if isinstance(event.data, str) else bytes(event.data)
                result.append(Fragment(part, event.message_finished))
            elif isinstance(event, CloseConnection):
                closed = connection.state is ConnectionState.REMOTE_CLOSING
                kind = CloseReceived if closed else PeerBrokeProtocol
                return _whole([*result, kind(int(event.code), event.reason or "")])
    return _whole(result)


def _error(outcome: Outcome) -> int | None:
    last = outcome[-1] if outcome else None
    return last if isinstance(last, int) else None


def _without_error(outcome: Outcome) -> Outcome:
    return outcome if _error(outcome) is None else outcome[:-1]


def read_frames(data: bytes) -> None:
    """An input is flags, the size of chunks, and what a server sends."""
    if len(data) < 2:
        return
    flags, size, wire = data[0], data[1], data[2:]
    pieces = chunks(wire, size)
    fast = _of_lane(pieces, flags, fast_lane=True)
    if fast and isinstance(fast[-1], CloseReceived) and fast[-1].code == BAD_GATEWAY:
        fast[-1] = 1002
    slow = _of_lane(pieces, flags, fast_lane=False)
    # An error of a frame that is not whole may be told sooner or later; of several either first.
    one, other = _without_error(fast), _without_error(slow)
    if _error(fast) is None and _error(slow) is None:
        holds(one == other, f"the lanes differ: {fast!r:.300} {slow!r:.300}")
        _compare_with_wsproto(fast, pieces, flags)
    else:
        shorter = min(len(one), len(other))
        holds(one[:shorter] == other[:shorter], f"the lanes differ: {fast!r:.300} {slow!r:.300}")
        holds(
            flags & LIMIT or OUR_LIMITS & {_error(fast), _error(slow)} or one == other,
            f"one lane reads on behind an error: {fast!r:.300} {slow!r:.300}",
        )


def _compare_with_wsproto(ours: Outcome, pieces: list[bytes], flags: int) -> None:
    theirs = _of_wsproto(pieces, flags)
    if _error(theirs) is None and flags & DEFLATE:
        # It reads nothing behind a final block (RFC 7692 section 7.2.3.5), whatever is said there.
        kinds = [[type(event) for event in events] for events in (ours, theirs)]
        holds(kinds[0] == kinds[1], f"wsproto differs: {ours!r:.300} {theirs!r:.300}")
    elif _error(theirs) is None:
        holds(ours == theirs, f"wsproto differs: {ours!r:.300} {theirs!r:.300}")
    else:
        # It knows no final blocks and no empty payloads of compressed messages, and is sooner.
        common = _without_error(theirs)
        holds(ours[: len(common)] == common, f"wsproto differs: {ours!r:.300} {theirs!r:.300}")


def read_masking(data: bytes) -> None:
    """An input is a first byte, a key, and a payload: C and Python build the same frame."""
    if len(data) < 5:
        return
    first, key, payload = data[0], data[1:5], data[5:]
    expected = _frames.frame_in_python(first, payload, key)
    if _frames.frame_in_c is not None:
        holds(_frames.frame_in_c(first, payload, key) == expected, "C and Python differ")
    masked = expected[len(expected) - len(payload) :]
    unmasked = bytes(byte ^ key[i % 4] for i, byte in enumerate(masked[:4096]))
    holds(unmasked == payload[:4096], "unmasked it is another payload")


def _deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


_RSV1 = 0x40
_FRAMES = (
    frame(TEXT, "grüß".encode()),
    frame(BINARY, b"\0\xff" * 70),
    frame(BINARY, b"x" * 70_000),
    frame(PING, b"ping") + frame(10, b"pong"),
    frame(TEXT, b"a\xc3", fin=False) + frame(PING) + frame(CONTINUATION, b"\xbc"),
    frame(TEXT, b"\xff"),
    frame(3) + frame(TEXT, b"behind"),
    *(frame(CLOSE, close_payload(code, "bye")) for code in (1000, 1012, 1014, 1015, 3000, 5000)),
    frame(CLOSE, b"\x03"),
    frame(TEXT, _deflated(b"Hello"), first_bits=_RSV1),
    frame(BINARY, _deflated(b"again" * 100), first_bits=_RSV1) + frame(TEXT, b"", first_bits=_RSV1),
    frame(TEXT, _deflated(b"in parts")[:3], fin=False, first_bits=_RSV1)
    + frame(CONTINUATION, _deflated(b"in parts")[3:]),
    frame(BINARY, zlib.compress(b"final")[2:-4], first_bits=_RSV1),
    frame(BINARY, b"\x03\x00" * 20, first_bits=_RSV1),
    b"\x81\x81mask\x0c",
    b"\x81\x7e\x00\x01a",
    b"\x82\x7f" + struct.pack("!Q", 2**63),
)

FRAMES = Reader(
    "frames",
    read_frames,
    (
        *(bytes((flags, size)) + data for data in _FRAMES for flags, size in ((0, 0), (5, 1))),
        *(bytes((DEFLATE | LIMIT, 3)) + data for data in _FRAMES),
        pump(b"\0\0", frame(PING)),
        pump(b"\0\0" + frame(TEXT, fin=False), frame(CONTINUATION, b"x", fin=False)),
        pump(b"\1\0", frame(TEXT, _deflated(b"z" * 1000), first_bits=_RSV1)),
    ),
    (
        b"\x81",
        b"\x82",
        b"\xc1",
        b"\xc2",
        b"\x41",
        b"\x00",
        b"\x80",
        b"\x88\x02\x03\xe8",
        b"\x89\x00",
    ),
    2048,  # three parsers read each frame; tests/laws counts what a flood costs
)
MASKING = Reader(
    "masking",
    read_masking,
    (
        *(b"\x82mask" + b"p" * size for size in (0, 1, 7, 8, 9, 125, 126, 127, 511, 65535, 65536)),
        pump(b"\x81\0\0\0\0", b"\xff"),
    ),
)
