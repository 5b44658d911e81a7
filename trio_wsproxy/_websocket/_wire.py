"""What a connection needs of a stream, whichever kind of stream it is.

======  ========================================  ====================================
kind    stream                                    how bytes leave
======  ========================================  ====================================
plain   one that takes and gives at once, TLS or  in the step of whoever sends
        not; there may be layers of it
other   any :class:`trio.abc.Stream`              by a task of the connection's own
======  ========================================  ====================================

The first is read by whoever waits for a message: waiting for the socket can be cancelled
without a byte being lost. Of other streams only one task reads, for nobody promises that.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from typing import Any, Protocol

import trio


class Immediate(Protocol):
    """A stream that takes and gives without waiting; see the transport's ``TCPStream``."""

    def never_block(self) -> None:
        """Let ``send_all`` keep what the kernel does not take, from now on."""

    def take(self, data: bytes) -> None:
        """Hand over bytes; keep what is not taken."""

    def give(self, size: int) -> bytes | None:
        """Give what has arrived; ``None`` is nothing yet, ``b""`` the end."""

    def wait_gives(self) -> Awaitable[None]:
        """Wait until there may be something to give; a checkpoint."""

    def interrupt(self) -> None:
        """Let whoever waits get a :exc:`trio.ClosedResourceError`."""

    def close(self) -> None:
        """Close at once."""


class Bottom(Immediate, Protocol):
    """The one that hands bytes to the kernel, below all layers.

    Attributes:
      accepted: Bytes that were given to :meth:`take` so far.
      pending: Those of them that the kernel has not taken.
      error: Why it takes nothing more.

    """

    accepted: int
    pending: int
    error: Exception | None

    def flush(self) -> bool:
        """Hand over what was kept; tell whether something was taken."""

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until more is taken."""


class Kind(enum.Enum):
    """See the table at the head of this file."""

    PLAIN = "plain"
    OTHER = "other"


class Wire:
    """A stream, as a connection uses it, and the one place that knows which kind it is.

    Args:
      stream: After the opening handshake; the connection owns it from now on.

    Attributes:
      stream (trio.abc.Stream): As given.
      kind (Kind): See the table at the head of this file.
      plain (Immediate | None): The same, if it is plain.
      bottom (Bottom | None): What is below all its layers, if it is plain.

    """

    __slots__ = ("bottom", "kind", "plain", "stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.bottom: Bottom | None = None
        self.plain: Immediate | None = None
        self.kind = Kind.OTHER
        if takes_and_gives(stream):
            self.kind = Kind.PLAIN
            lowest: Any = stream
            self.plain = lowest
            while hasattr(lowest, "transport_stream"):
                lowest = lowest.transport_stream
            self.bottom = lowest
            lowest.never_block()

    @property
    def pending(self) -> int:
        """Bytes that were handed over and not taken by the kernel."""
        return self.bottom.pending if self.bottom is not None else 0

    def interrupt(self) -> None:
        """Wake who waits to receive or to send, so that it looks what has changed."""
        if self.bottom is not None:
            self.bottom.interrupt()

    async def close(self) -> None:
        """Close at once, without a word."""
        if self.plain is not None:
            self.plain.close()
        elif type(self.stream) is trio.SocketStream:
            self.stream.socket.close()  # all that its aclose() does, but for two checkpoints
        else:
            await trio.aclose_forcefully(self.stream)


def takes_and_gives(stream: object) -> bool:
    """Tell whether a stream has the two methods that never wait."""
    return hasattr(stream, "take") and hasattr(stream, "give")
