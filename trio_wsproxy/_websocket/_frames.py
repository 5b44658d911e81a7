"""Client frames: header, masking key, masked payload (RFC 6455 section 5.2).

``SPEEDUPS`` says whether the C extension does it; it is optional. Both build the same bytes.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from typing import NamedTuple

FrameBuilder = Callable[[int, bytes, bytes], bytes]

frame_in_c: FrameBuilder | None
try:
    from ._speedups import frame as frame_in_c
except ImportError:  # no compiler where the package was built
    frame_in_c = None

FIN = 0x80
RSV1 = 0x40  # "this message is compressed" (RFC 7692 section 6)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

CHUNK = (
    16 * 1024
)  # bytes masked at once in Python; what a processor's cache holds, a multiple of four
NO_LIMIT = 1 << 64  # bytes; no frame has so many
KEYS_AT_ONCE = 256  # masking keys per call of the operating system, which costs more than a frame


class _Keys:
    """Masking keys, from the operating system's randomness, each used once (section 5.3)."""

    def __init__(self) -> None:
        self._pool: list[bytes] = []

    def next(self) -> bytes:
        while True:
            try:
                return self._pool.pop()  # in one step: other threads may have a trio of their own
            except IndexError:
                fresh = os.urandom(4 * KEYS_AT_ONCE)
                self._pool += [fresh[i : i + 4] for i in range(0, len(fresh), 4)]

    def forget(self) -> None:
        """Begin with a new pool: after a fork, two processes would share the rest of this one."""
        self._pool.clear()


_KEYS = _Keys()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_KEYS.forget)


def frame_in_python(first: int, payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        header = bytes((first, 0x80 | size))
    elif size < 65536:
        header = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    if size <= CHUNK:
        return header + key + _masked(payload, key)
    chunks = (payload[start : start + CHUNK] for start in range(0, size, CHUNK))
    return b"".join((header, key, *(_masked(chunk, key) for chunk in chunks)))


def _masked(payload: bytes, key: bytes) -> bytes:
    # Payload and repeated key as two integers: the fastest way in Python, for its loops are C. Slices
    # of every fourth byte through bytes.translate() are a match for it, no more.
    size = len(payload)
    repeated = key * (size // 4) + key[: size % 4]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return masked.to_bytes(size, "little")


SPEEDUPS = frame_in_c is not None
_frame: FrameBuilder = frame_in_python if frame_in_c is None else frame_in_c


def forget_masking_keys() -> None:
    """Draw the next key anew: what was drawn ahead came from a source that is not to be used."""
    _KEYS.forget()


def random_label() -> bytes:
    """Give four random bytes, for whoever needs a few: fresh, and seldom a system call."""
    return _KEYS.next()


def build_frame(first: int, payload: bytes) -> bytes:
    """Build a masked frame; ``first`` is its first byte: FIN, RSV and opcode."""
    return _frame(first, payload, _KEYS.next())


def measure(buffer: bytes | bytearray, start: int, end: int) -> tuple[int, int] | None:
    """Find where a frame's payload begins and its size (RFC 6455 section 5.2).

    Returns:
      ``None`` where the header is not complete; the size :data:`NO_LIMIT` where it is not
      legal, so that wsproto gets all there is and says what is wrong.

    """
    if end - start < 2:
        return None
    size = buffer[start + 1]
    if size < 126:
        return start + 2, size
    if size > 127:  # masked, which a server's frames must not be (section 5.1)
        return start, NO_LIMIT
    begin = start + (4 if size == 126 else 10)
    if begin > end:
        return None
    length = int.from_bytes(buffer[start + 2 : begin], "big")
    if length < (126 if size == 126 else 65536) or length >> 63:
        return start, NO_LIMIT
    return begin, length


class Kind(enum.IntEnum):
    """What a frame is to the fast lane."""

    WHOLE = 0
    BEGIN = 1
    GO_ON = 2
    END = 3
    PING = 4
    PONG = 5
    CLOSE = 6


class Frame(NamedTuple):
    """What a first byte means.

    Attributes:
      kind: See there.
      text: Whether it begins text.
      compressed: Whether it begins a compressed message.

    """

    kind: Kind
    text: bool = False
    compressed: bool = False


_CONTROL = {
    FIN | PING: Frame(Kind.PING),
    FIN | PONG: Frame(Kind.PONG),
    FIN | CLOSE: Frame(Kind.CLOSE),
}
# RFC 6455 section 5.4: what may stand between two messages, and within one. What is absent is odd.
BETWEEN = _CONTROL | {
    FIN | TEXT: Frame(Kind.WHOLE, text=True),
    FIN | BINARY: Frame(Kind.WHOLE),
    TEXT: Frame(Kind.BEGIN, text=True),
    BINARY: Frame(Kind.BEGIN),
}
WITHIN = _CONTROL | {CONTINUATION: Frame(Kind.GO_ON), FIN | CONTINUATION: Frame(Kind.END)}
SMALL = {
    FIN | TEXT: True,
    FIN | BINARY: False,
}  # first byte of a whole message → whether it is text
# RFC 7692 section 6: between two messages, where compression was agreed on.
BETWEEN_COMPRESSED = BETWEEN | {
    FIN | RSV1 | TEXT: Frame(Kind.WHOLE, text=True, compressed=True),
    FIN | RSV1 | BINARY: Frame(Kind.WHOLE, compressed=True),
    RSV1 | TEXT: Frame(Kind.BEGIN, text=True, compressed=True),
    RSV1 | BINARY: Frame(Kind.BEGIN, compressed=True),
}
