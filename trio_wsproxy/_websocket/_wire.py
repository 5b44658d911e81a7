"""What a connection needs of a stream, whichever kind of stream it is.

======  ====================================  ==============================================
kind    stream                                how bytes leave
======  ====================================  ==============================================
plain   one that takes and gives at once      in the step of whoever sends
TLS     TLS, any number of layers, over       in the sender's task: to encrypt and to hand
        such a stream                         over is bounded, so it is shielded
other   any :class:`trio.abc.Stream`          by a task of the connection's own
======  ====================================  ==============================================

The first two are read by whoever waits for a message: waiting for the socket can be cancelled
without a byte being lost. Of other streams only one task reads, for nobody promises that.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable
from typing import Any, Protocol, cast

import trio


class Immediate(Protocol):
    """A stream that takes and gives without waiting; see the transport's ``TCPStream``.

    Attributes:
      accepted: Bytes that were given to :meth:`take` so far.
      pending: Those of them that the kernel has not taken.
      error: Why it takes nothing more.

    """

    accepted: int
    pending: int
    error: Exception | None

    def never_block(self) -> None:
        """Let ``send_all`` keep what the kernel does not take, from now on."""

    def take(self, data: bytes) -> None:
        """Hand over bytes; keep what is not taken."""

    def flush(self) -> bool:
        """Hand over what was kept; tell whether something was taken."""

    def give(self, size: int) -> bytes | None:
        """Give what has arrived; ``None`` is nothing yet, ``b""`` the end."""

    def wait_gives(self) -> Awaitable[None]:
        """Wait until there may be something to give; a checkpoint."""

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until more is taken."""

    def interrupt(self) -> None:
        """Let whoever waits get a :exc:`trio.ClosedResourceError`."""

    def close(self) -> None:
        """Close at once."""


class Kind(enum.Enum):
    """See the table at the head of this file."""

    PLAIN = "plain"
    TLS = "TLS"
    OTHER = "other"


class Wire:
    """A stream, as a connection uses it, and the one place that knows which kind it is.

    Args:
      stream: After the opening handshake; the connection owns it from now on.

    Attributes:
      stream (trio.abc.Stream): As given.
      kind (Kind): See the table at the head of this file.
      bottom (Immediate | None): What takes and gives, below all layers.
      layers (int): Streams above it.
      plain (Immediate | None): The same where there are no layers.

    """

    __slots__ = ("bottom", "kind", "layers", "plain", "stream")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.bottom: Immediate | None = None
        self.plain: Immediate | None = None
        self.layers = 0
        self.kind = Kind.OTHER
        if takes_and_gives(stream):
            self.kind = Kind.PLAIN
            self.plain = self.bottom = cast("Immediate", stream)
        elif isinstance(stream, trio.SSLStream):
            lowest: Any = stream
            while not takes_and_gives(lowest) and hasattr(lowest, "transport_stream"):
                lowest = lowest.transport_stream
                self.layers += 1
            if takes_and_gives(lowest):
                self.kind, self.bottom = Kind.TLS, lowest
        if self.bottom is not None:
            self.bottom.never_block()

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
        if self.kind is Kind.PLAIN:
            assert self.bottom is not None
            self.bottom.close()
        elif type(self.stream) is trio.SocketStream:
            self.stream.socket.close()  # all that its aclose() does, but for two checkpoints
        else:
            await trio.aclose_forcefully(self.stream)


def takes_and_gives(stream: object) -> bool:
    """Tell whether a stream has the two methods that never wait."""
    return hasattr(stream, "take") and hasattr(stream, "give")
