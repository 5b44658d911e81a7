"""One direction of a TCP connection: what was accepted, what is on its way, what has arrived.

Theory of operation
-------------------

::

    write() ─▶ unsent ──cut into segments──▶ in flight ──latency──▶ arrived ─▶ read()
               └──────── send buffer ──────────────┘               └ receive buffer

``write`` takes what fits into the send buffer. Segments are cut at bytes that chance chooses, leave one behind the
other as bandwidth allows, and arrive in order. None leaves that would not fit into the receive buffer,
so a reader that does not read stops the writer, as TCP's window does. A segment that arrives leaves the send
buffer (acknowledgements take no time here). Several that arrive before somebody reads are one read: so
bytes are both fragmented and coalesced at any place.

The end (FIN) arrives behind all bytes, perhaps later than it need. A reset overtakes what was not sent yet.
A pipe that has died carries nothing any more and tells nobody; who has sent into it is told after
:data:`GIVE_UP` seconds, as by the kernel.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import outcome
import trio

if TYPE_CHECKING:
    from ._network import Link
    from ._world import World

MSS = 1460  # bytes of a segment on Ethernet
GIVE_UP = 924.6  # seconds; Linux retransmits for so long, see tcp_retries2 in its tcp(7)


class Gate:
    """Lets tasks wait until something may be done, or must not be done any more."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[trio.lowlevel.Task, None] = {}

    async def wait(self) -> None:
        """Wait for :meth:`open`; a cancelled call waits no more.

        Raises:
          trio.ClosedResourceError: :meth:`refuse` was called.

        """
        task = trio.lowlevel.current_task()
        self._tasks[task] = None

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._tasks[task]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def open(self) -> None:
        """Wake all who wait."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            trio.lowlevel.reschedule(task)

    def refuse(self) -> None:
        """Let all who wait get a :exc:`trio.ClosedResourceError`."""
        tasks, self._tasks = self._tasks, {}
        for task in tasks:
            trio.lowlevel.reschedule(
                task, outcome.Error(trio.ClosedResourceError("another task closed this socket"))
            )


class Pipe:
    """See the theory of operation above.

    Args:
      world: Where it is.
      link: What it runs over.
      name: For the trace.

    Attributes:
      readable (Gate): For who reads.
      writable (Gate): For who writes.
      error (int | None): What who reads is told once there is nothing to read; an ``errno``.
      write_error (int | None): What who writes is told.
      ended (bool): The end has arrived.
      dead (bool): Nothing passes any more.
      frozen_until (float): The writer is told that the buffer is full, up to this time.
      refuses (Callable | None): Called where bytes arrive after the reader has closed.
      gives_up (Callable | None): Called where the writer's end is told that nobody answers.

    """

    def __init__(self, world: World, link: Link, name: str) -> None:
        self._world = world
        self._link = link
        self._name = name
        chance = world.chance
        self._latency = chance.uniform(*link.latency)
        self._capacity: int = chance.choice(link.send_buffers)
        self._window: int = chance.choice(link.receive_buffers)
        self._crumbs = chance.random() < link.fragmentation
        self._unsent = bytearray()
        self._in_flight = 0
        self._arrived = bytearray()
        self._sender_free_at = self._last_arrival = 0.0
        self._eof_wanted = self._eof_sent = False
        self._watching = False  # the kernel has begun to count the time without an answer
        self.readable, self.writable = Gate(), Gate()
        self.error: int | None = None
        self.write_error: int | None = None
        self.ended = self.dead = self._reader_gone = False
        self.frozen_until = 0.0
        self.refuses: Callable[[], None] | None = None
        self.gives_up: Callable[[], None] | None = None

    # -- the writer's end -----------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many bytes would be taken now."""
        if self._world.now < self.frozen_until:
            return 0
        return max(0, self._capacity - len(self._unsent) - self._in_flight)

    def can_write(self) -> bool:
        """Tell whether a write is worth while.

        Kernels say so where a third of the buffer is free (Linux's ``sk_stream_is_writeable``), not at each
        byte: or bytes that arrive one by one would leave one by one, for ever.
        """
        roomy = self.room * 3 >= self._capacity
        return roomy or self.write_error is not None or self._eof_wanted

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes, as many as fit.

        Raises:
          BlockingIOError: None fits.
          OSError: The connection is gone, or this direction was shut down.

        """
        if self.write_error is not None:
            raise OSError(self.write_error, os.strerror(self.write_error))
        if self._eof_wanted:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        size = min(len(data), self.room)
        if size == 0 and len(data):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        taken = bytes(data[:size])
        self._world.trace.add(self._world.now, self._name, "send", taken)
        self._unsent += taken
        self._transmit()
        return size

    def freeze(self, seconds: float) -> None:
        """Take nothing for some time."""
        self.frozen_until = self._world.now + seconds
        self._world.at(self.frozen_until, self.writable.open)

    def delay(self, seconds: float) -> None:
        """Let nothing arrive for some time."""
        self._last_arrival = max(self._last_arrival, self._world.now + seconds)

    def finish(self, delay: float = 0.0) -> None:
        """Shut this direction down: the end arrives behind all bytes."""
        if not self._eof_wanted:
            self._world.note(self._name, "end is sent")
        self._eof_wanted = True
        self.delay(delay)
        self._transmit()
        self.writable.open()

    def discard(self) -> None:
        """Forget what was not sent yet."""
        self._unsent.clear()

    def _transmit(self) -> None:
        if self.dead:
            self._watch()
            return
        while self._unsent:
            size = min(len(self._unsent), self._window - self._in_flight - len(self._arrived))
            # As kernels do it (RFC 9293 section 3.8.6.2.1), or each byte that is read would be a segment.
            if size < min(len(self._unsent), self._window // 4, MSS):
                return
            segment = bytes(self._unsent[: self._cut(size)])
            del self._unsent[: len(segment)]
            self._in_flight += len(segment)
            self._world.at(self._arrival(len(segment)), partial(self._arrive, segment))
        if self._eof_wanted and not self._eof_sent:
            self._eof_sent = True
            late = 0.0
            if self._world.chance.random() < self._link.late_ends:
                late = self._world.chance.uniform(0.0, 3.0)
            self._world.at(self._arrival(0) + late, self._end)

    def _cut(self, size: int) -> int:
        """Choose how many bytes the next segment has."""
        chance = self._world.chance
        if not self._crumbs:
            return min(size, 44 * MSS)  # as network cards cut them, out of the kernel's sight
        if size <= 4 or chance.random() < 0.3:
            return min(size, chance.randint(1, 4))
        return chance.randint(1, min(size, 44 * MSS))

    def _arrival(self, size: int) -> float:
        """When a segment that is sent now arrives, behind the ones before it."""
        now = self._world.now
        self._sender_free_at = max(now, self._sender_free_at) + size / self._link.bandwidth
        # Seldom, for what is late makes all behind it late, and then nothing is cut.
        chance = self._world.chance
        jitter = chance.random() * self._link.jitter if chance.random() < 0.3 else 0.0
        self._last_arrival = max(self._last_arrival, self._sender_free_at + self._latency + jitter)
        return self._last_arrival

    def _watch(self) -> None:
        """Begin to count the time without an answer."""
        if not self._watching and (self._unsent or self._eof_wanted):
            self._watching = True
            self._world.at(self._world.now + GIVE_UP, self._give_up)

    def _give_up(self) -> None:
        self._world.note(self._name, "times out")
        self.fail_writer(errno.ETIMEDOUT)
        if self.gives_up is not None:
            self.gives_up()

    def fail_writer(self, error: int) -> None:
        """Tell who writes that the connection is gone."""
        if self.write_error is None:
            self.write_error = error
        self._unsent.clear()
        self.writable.open()

    def fail_writer_softly(self, error: int) -> None:
        """Tell who writes next that the connection is gone; what was taken goes on."""
        self.write_error = error
        self.writable.open()

    def die(self) -> None:
        """Carry nothing any more, and tell nobody."""
        if not self.dead:
            self._world.note(self._name, "dies silently")
        self.dead = True
        self._watch()

    # -- on the way -----------------------------------------------------------------------

    def _arrive(self, data: bytes) -> None:
        self._in_flight -= len(data)
        if self.dead:  # it stays in the send buffer, for it is never acknowledged
            self._unsent[:0] = data
            self._watch()
            return
        if self._reader_gone:
            if self.refuses is not None:
                self.refuses()
            return
        if self.error is None and not self.ended:  # which it has, where it was cut off
            self._arrived += data
            self.readable.open()
        self._transmit()
        if self.can_write():
            self.writable.open()

    def _end(self) -> None:
        if not self.dead:
            self._world.note(self._name, "end is there")
            self.ended = True
            self.readable.open()

    # -- the reader's end -----------------------------------------------------------------

    @property
    def unread(self) -> int:
        """How many bytes wait to be read."""
        return len(self._arrived)

    def can_read(self) -> bool:
        """Tell whether a read would not block."""
        return bool(self._arrived) or self.ended or self.error is not None

    def read(self, size: int) -> bytes:
        """Give what has arrived; ``b""`` is the end.

        Raises:
          BlockingIOError: Nothing has.
          OSError: The connection is gone.

        """
        if self._arrived:
            data = bytes(self._arrived[:size])
            del self._arrived[:size]
            self._world.trace.add(self._world.now, self._name, "receive", data)
            self._transmit()
            return data
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        if self.ended:
            return b""
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def fail_reader(self, error: int, *, discard: bool) -> None:
        """Tell who reads that the connection is gone, behind what has arrived or at once."""
        if self.error is None:
            self.error = error
        if discard:
            self._arrived.clear()
        self.readable.open()

    def discard_arrived(self) -> None:
        """Forget what has arrived."""
        self._arrived.clear()

    def end_now(self) -> None:
        """Show the end."""
        self.ended = True
        self.readable.open()

    def leave(self) -> None:
        """Note that nobody reads any more."""
        self._reader_gone = True
        self._arrived.clear()
