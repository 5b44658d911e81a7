"""Client frames: header, masking key, masked payload (RFC 6455 section 5.2).

``SPEEDUPS`` says whether the C extension does it; it is optional. Both build the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable

FrameBuilder = Callable[[int, bytes, bytes], bytes]

frame_in_c: FrameBuilder | None
try:
    from ._speedups import frame as frame_in_c
except ImportError:  # no compiler where the package was built
    frame_in_c = None

FIN = 0x80
RSV1 = 0x40  # "this message is compressed" (RFC 7692 section 6)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

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
    # Whole payload and repeated key as two integers: the one way in Python whose loop is C.
    repeated = key * (size // 4) + key[: size % 4]
    masked = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return header + key + masked.to_bytes(size, "little")


SPEEDUPS = frame_in_c is not None
_frame: FrameBuilder = frame_in_python if frame_in_c is None else frame_in_c


def build_frame(first: int, payload: bytes) -> bytes:
    """Build a masked frame; ``first`` is its first byte: FIN, RSV and opcode."""
    return _frame(first, payload, _KEYS.next())
