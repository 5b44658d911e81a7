"""What arrives, as events; and what the log says of frames and events, never of what is in them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from trio_wsproxy._records import Record

from ._frames import FIN, measure

NO_CODE = 1005  # RFC 6455 section 7.1.5; never on the wire
MAX_CONTROL_PAYLOAD = 125  # bytes, RFC 6455 section 5.5

# What may be on the wire: IANA's registry (RFC 6455 section 11.7), of which wsproto lacks 1014, and what
# libraries and programs have for themselves (section 7.4.2). 1004 to 1006 and 1015 never are.
_USUAL_CODES = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))


class PingReceived(Record):
    """The peer wants a pong with this payload."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class PongReceived(Record):
    """The peer answers a ping."""

    __slots__ = ("payload",)

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class CloseReceived(Record):
    """The peer's close frame; 1005 stands for "no code" (RFC 6455 section 7.1.5)."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class PeerBrokeProtocol(Record):
    """The peer sent what it must not send; ``code`` is the one to close with."""

    __slots__ = ("code", "reason")

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason


class Fragment(Record):
    """A piece of a message that is not complete in one piece, in order.

    ``last`` ends the message.
    """

    __slots__ = ("data", "last")

    def __init__(self, data: str | bytes, last: bool) -> None:
        self.data = data
        self.last = last


Event: TypeAlias = (
    str | bytes | Fragment | PingReceived | PongReceived | CloseReceived | PeerBrokeProtocol
)


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
    header = measure(frame[:1] + bytes((frame[1] & 0x7F,)) + frame[2:10], 0, 10)
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


def usual_close(payload: bytes) -> CloseReceived | PeerBrokeProtocol | None:
    """Read a close frame whose code may be on the wire (RFC 6455 section 5.5.1), and no other."""
    if len(payload) > MAX_CONTROL_PAYLOAD:
        return None
    if not payload:
        return CloseReceived(NO_CODE, "")
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or code not in _USUAL_CODES:
        return None
    try:
        return CloseReceived(code, str(payload[2:], "utf-8"))
    except UnicodeDecodeError as exc:
        return PeerBrokeProtocol(1007, f"a close reason that is not UTF-8: {exc.reason}")
