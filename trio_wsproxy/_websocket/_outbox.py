"""What goes out: whole frames, in the order in which they were put here.

A frame is put here in one step, so that a cancellation finds either all of it here or nothing.
Messages wait in front of the outbox while it is above high water; control frames never wait, but
pongs are bounded, and the close frame is the last.
"""

from __future__ import annotations

import logging

import trio

from ._doorbell import Doorbell
from ._protocol import Protocol, describe_frame

HIGH_WATER = 64 * 1024  # bytes queued or being sent, above which send() waits
MAX_PONGS = 64  # pongs queued; past that only the latest ping is answered (RFC 6455 section 5.5.3)


class Outbox:
    """The frames that were not handed to the stream yet.

    Args:
      protocol: Builds the frames.
      log: Is told of each frame, if there is one.

    Attributes:
      closed (bool): The close frame is here, or has left.
      within_message (bool): Some fragments of a message are sent, not yet its last.
      in_flight (int): Bytes that are being written.
      filled (Doorbell): Where who writes waits for something to write.

    """

    __slots__ = (
        "_frames",
        "_late_pong",
        "_log",
        "_pongs",
        "_protocol",
        "_senders",
        "_size",
        "closed",
        "filled",
        "in_flight",
        "within_message",
    )

    def __init__(
        self, protocol: Protocol, log: logging.LoggerAdapter[logging.Logger] | None
    ) -> None:
        self._protocol = protocol
        self._log = log
        self._frames: list[bytes] = []
        self._size = 0
        self._pongs = 0  # among the frames
        self._late_pong: bytes | None = None  # payload; see MAX_PONGS
        self._senders = trio.lowlevel.ParkingLot()
        self.closed = False
        self.within_message = False
        self.in_flight = 0
        self.filled = Doorbell()

    def __len__(self) -> int:
        """How many frames wait here."""
        return len(self._frames)

    # -- for messages -------------------------------------------------------------------

    def above_high_water(self) -> bool:
        """Tell whether a fragment has to wait."""
        return self._size + self.in_flight > HIGH_WATER

    def has_to_wait(self) -> bool:
        """Tell whether a message has to wait."""
        return self._size + self.in_flight > HIGH_WATER or self.within_message

    async def wait(self) -> None:
        """Wait until that may have changed; a cancelled call has put nothing here."""
        await self._senders.park()

    def wake_senders(self) -> None:
        """Let all who wait look again."""
        if self._senders:
            self._senders.unpark_all()

    # -- putting ------------------------------------------------------------------------

    def put(self, frame: bytes) -> None:
        """Put a whole frame behind the others."""
        if self._log is not None:
            self._log.debug("sends %s", describe_frame(frame))
        self._frames.append(frame)
        self._size += len(frame)
        self.filled.ring()

    def put_pong(self, payload: bytes) -> None:
        """Answer a ping, or note that it is to be answered when there is room."""
        if self.closed:
            return
        if self._pongs >= MAX_PONGS:
            self._late_pong = payload
            return
        self._pongs += 1
        self.put(self._protocol.pong(payload))

    def put_close(self, code: int, reason: str) -> None:
        """Put the close frame here, unless that was done before."""
        if not self.closed:
            self.put(self._protocol.close(code, reason))
            self.closed = True

    # -- taking -------------------------------------------------------------------------

    def take(self) -> bytes:
        """Take all there is, for one write."""
        frames = self._frames
        if self._late_pong is not None:
            # The close frame, if there is one, is the last; no pong may follow it.
            if not self.closed:
                frames.append(self._protocol.pong(self._late_pong))
            self._late_pong = None
        self._frames = []
        self._size = self._pongs = 0
        self.wake_senders()
        return frames[0] if len(frames) == 1 else b"".join(frames)
