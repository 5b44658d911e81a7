"""What goes out: whole frames, in the order in which they were put here.

Theory of operation
-------------------

A frame is put here in one step, so that a cancellation finds either all of it here or nothing. From
then on it leaves whole, whatever becomes of the task that has put it.

How it leaves depends on the :class:`Wire`. Where that is *plain* and nothing is queued, the frame goes
to the kernel in the same step, through TLS if there is some; what the kernel does not take stays below,
``pending``, and the attendant hands it over as there is room. Any *other* stream is written to by a
task of the attendant's.

A burst (``send_nowait``) writes its first frame and queues the rest until somebody of this connection
waits or the attendant has its turn, so that it leaves in one write.

What is lost is told: :attr:`Outbox.unsent` counts the messages whose last byte the kernel has not
taken, and the bytes that it has not. Messages wait in front of the outbox while it is above high
water, and behind it until it is below; control frames never wait, but pongs are bounded, and the close
frame is the last.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable

import trio

from ._events import describe_frame
from ._protocol import Protocol
from ._state import Unsent
from ._waiting import Bell, Bench
from ._wire import Wire

HIGH_WATER = 64 * 1024  # bytes queued or pending, above which send() waits
# Bytes of pongs queued; past that only the latest ping is answered (RFC 6455 section 5.5.3). It is more
# than the pings make that are worked on in one go: a peer that reads gets an answer to each.
MAX_PONGS = 64 * 1024
# Bytes that a task writes in one go. Only behind each of them it is known that something has left, and
# the clocks of closing give a slow peer a second for them; a tenth as many would double the turns.
SLICE = 64 * 1024
LAST_SLICE = 16 * 1024  # once the close frame is there, and those clocks run


class Outbox:
    """The frames of one connection that the kernel has not taken yet.

    Args:
      wire: Where they go.
      protocol: Builds the frames.
      log: Is told of each frame, if there is one.

    Attributes:
      closed (bool): The close frame is here, or has left.
      within_message (bool): Some fragments of a message are sent, not yet its last.
      filled (Bell): Called where somebody else has to see to it that something leaves.
      progressed (float): When the kernel last took something that had had to wait.
      error (Exception | None): Why nothing more can be sent.

    """

    __slots__ = (
        "_bottom",
        "_draining",
        "_ends",
        "_frames",
        "_in_flight",
        "_in_flight_messages",
        "_late_pong",
        "_log",
        "_marks",
        "_pongs",
        "_protocol",
        "_senders",
        "_settling",
        "_size",
        "_wire",
        "bursting",
        "closed",
        "error",
        "filled",
        "progressed",
        "within_message",
    )

    def __init__(
        self,
        wire: Wire,
        protocol: Protocol,
        filled: Bell,
        log: logging.LoggerAdapter[logging.Logger] | None,
    ) -> None:
        self._wire = wire
        self._bottom = wire.bottom
        self._protocol = protocol
        self._log = log
        self._frames: list[bytes] = []
        self._size = 0  # bytes of them
        self._ends: list[int] = []  # of the messages among them: bytes up to there
        self._in_flight = self._in_flight_messages = 0  # being written by a task
        self._marks: deque[int] | None = None  # where messages end among the bytes that pend
        self._pongs = 0  # bytes of pongs that were put here and have not left
        self._late_pong: bytes | None = None  # payload; see MAX_PONGS
        self._senders = Bench()
        self._settling = Bench()
        self._draining = Bench()
        self.bursting = False  # a frame of a burst has left; the others wait
        self.closed = False
        self.within_message = False
        self.filled = filled
        self.progressed = -math.inf
        self.error: Exception | None = None

    # -- for messages -------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether a message can be handed over at once, with nothing in front of it."""
        bottom = self._bottom
        return (
            bottom is not None
            and not self._frames
            and not bottom.pending
            and not self._in_flight
            and not self.within_message
            and self.error is None
        )

    @property
    def backlog(self) -> int:
        """Bytes that the kernel has not taken."""
        bottom = self._bottom
        return self._size + self._in_flight + (bottom.pending if bottom is not None else 0)

    def has_to_wait(self) -> bool:
        """Tell whether a message has to wait."""
        return self.within_message or self.backlog > HIGH_WATER

    async def wait(self) -> None:
        """Wait until that may have changed; a cancelled call has put nothing here."""
        await self._senders.wait()

    async def settle(self) -> None:
        """Wait until the backlog is below high water; ends early, in silence, when cancelled."""
        while self.backlog > HIGH_WATER and self.error is None:
            if not await self._settling.wait_in_vain():
                return

    async def wait_for_empty(self) -> None:
        """Wait until the backlog may be gone; a cancelled call changes nothing."""
        await self._draining.wait()

    def wake_senders(self) -> None:
        """Let all who wait look again."""
        self._senders.wake_all()
        self._settling.wake_all()
        self._draining.wake_all()

    def give_up(self) -> None:
        """Let nobody wait any longer: nothing more will leave."""
        if self.backlog and self.error is None:
            self.error = trio.ClosedResourceError("the connection ended before")
        self.wake_senders()

    @property
    def unsent(self) -> Unsent:
        """What the kernel has not taken."""
        messages = len(self._ends) + self._in_flight_messages + len(self._marks or ())
        return Unsent(messages, self.backlog)

    # -- putting ------------------------------------------------------------------------

    def put(self, frame: bytes, *, message: bool = False) -> None:
        """Queue a whole frame; ``message`` where it ends one."""
        if self._log is not None:
            self._log.debug("sends %s", describe_frame(frame))
        self._frames.append(frame)
        self._size += len(frame)
        if message:
            self._ends.append(self._size)

    def put_pong(self, payload: bytes) -> None:
        """Answer a ping, or note that it is to be answered when there is room."""
        if self.closed:
            return
        if self._pongs >= MAX_PONGS:
            self._late_pong = payload
            return
        frame = self._protocol.pong(payload)
        self._pongs += len(frame)
        self.put(frame)

    def put_close(self, code: int, reason: str) -> None:
        """Put the close frame here, unless that was done before."""
        if not self.closed:
            self.put(self._protocol.close(code, reason))
            self.closed = True

    # -- leaving ------------------------------------------------------------------------

    @property
    def queued(self) -> bool:
        """Whether frames wait for somebody to let them leave."""
        return bool(self._frames) and self.error is None

    def call(self) -> None:
        """Call who lets leave what is queued, when it has its turn."""
        self.filled.call()

    def leave(self) -> None:
        """Let what is queued leave at once, where that is possible without waiting.

        Elsewhere somebody is called who does it.
        """
        self.bursting = False
        if not self._frames or self.error is not None:
            return
        wire = self._wire
        if wire.plain is None:
            self.filled.call()
            return
        bottom = self._bottom
        assert bottom is not None
        start = bottom.accepted
        data, ends = self._take()
        wire.plain.take(data)
        if bottom.pending:
            if wire.plain is bottom:
                self._mark(start + end for end in ends)
            else:  # where each of them ends in what TLS has made of it, nobody knows
                self._mark([bottom.accepted] * len(ends))
        else:
            self._pongs = 0

    async def write(self) -> None:
        """Let what is queued leave through any other stream; the attendant's alone."""
        self.bursting = False
        data, ends = self._take()
        pongs = self._pongs
        self._in_flight, self._in_flight_messages = len(data), len(ends)
        self.wake_if_below()
        view = memoryview(data)
        try:
            while view:
                size = LAST_SLICE if self.closed else SLICE
                await self._wire.stream.send_all(
                    view[:size] if len(view) > size else data[-len(view) :]
                )
                view = view[size:]
                self._in_flight = len(view)
                self._in_flight_messages = sum(end > len(data) - len(view) for end in ends)
                self.progressed = trio.current_time()
                self.wake_if_below()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            self.error = exc.with_traceback(None)
        else:
            self._in_flight_messages = 0
            self._pongs -= pongs
            if not self._frames:
                self._take_late_pong()

    def flush(self) -> None:
        """Hand over what pends below, as far as the kernel takes it."""
        bottom = self._bottom
        assert bottom is not None
        if bottom.flush():
            self.progressed = trio.current_time()
        self.error = self.error or bottom.error
        marks, taken = self._marks, bottom.accepted - bottom.pending
        while marks and marks[0] <= taken:
            marks.popleft()
        if not bottom.pending:
            self._pongs, self._marks = 0, None
            if self._late_pong is not None:
                self._take_late_pong()
                self.leave()
        self.wake_if_below()

    def _mark(self, ends: Iterable[int]) -> None:
        """Remember where messages end among the bytes that pend, and call the attendant."""
        bottom = self._bottom
        assert bottom is not None
        self.error = self.error or bottom.error
        taken = bottom.accepted - bottom.pending
        self._marks = self._marks or deque()
        self._marks.extend(end for end in ends if end > taken)
        self.filled.call()

    def _take(self) -> tuple[bytes, list[int]]:
        """Take all that is queued, for one write, and where its messages end."""
        if self._late_pong is not None and not self._wire.pending:
            self._take_late_pong()
        frames, ends = self._frames, self._ends
        self._frames, self._ends, self._size = [], [], 0
        return frames[0] if len(frames) == 1 else b"".join(frames), ends

    def _take_late_pong(self) -> None:
        # The close frame, if there is one, is the last; no pong may follow it.
        if self._late_pong is not None and not self.closed:
            self.put(self._protocol.pong(self._late_pong))
        self._late_pong = None

    def wake_if_below(self) -> None:
        """Let those look again who wait for less to be left, if that has come."""
        if (self._senders or self._settling or self._draining) and self.backlog <= HIGH_WATER:
            self.wake_senders()
