"""A TCP stream that also takes and gives bytes without waiting.

A connection does most of its work in the step of whoever calls it: what is sent goes to the kernel
at once, and what has arrived is read by the task that waits for it. For that a stream needs two
methods that never wait: :meth:`TCPStream.take` and :meth:`TCPStream.give`. All else is as in
:class:`trio.SocketStream`, until :meth:`TCPStream.never_block` is called: from then on
``send_all`` never waits either. What the kernel does not take is kept, counts as ``pending``,
and whoever has switched it on sees to it that :meth:`TCPStream.flush` is called when there is room.
So a TLS layer on top can encrypt and send as one bounded piece of work, which may be shielded from
cancellation, and no record is ever cut.

Where a socket is no file descriptor that can be read and written (Windows) there is no such stream, and
everything goes the ordinary way. A socket of a simulated network brings what stands in for the system
calls as its attribute ``kernel``.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import trio

CAN_READ_AND_WRITE = os.name == "posix"  # there a socket is a file descriptor like any other
WANTED = 64 * 1024  # bytes to read at once; what trio asks a socket for


class Kernel(NamedTuple):
    """The system calls that a stream here makes; each is given a descriptor first."""

    read: Callable[[int, int], bytes]
    write: Callable[[int, Any], int]
    wait_readable: Callable[[int], Awaitable[None]]
    notify_closing: Callable[[int], None]


KERNEL = Kernel(os.read, os.write, trio.lowlevel.wait_readable, trio.lowlevel.notify_closing)


class TCPStream(trio.abc.HalfCloseableStream):
    """See the theory of operation above.

    Args:
      socket_stream: The connected stream; this one owns it.

    Attributes:
      socket_stream (trio.SocketStream): As given.
      accepted (int): Bytes that were given to :meth:`take` so far.
      pending (int): Those of them that the kernel has not taken.
      error (Exception | None): Why it takes nothing more. It is kept here rather than raised, for a TLS
        layer above would then refuse to read what the peer has said before it went.

    """

    __slots__ = (
        "_buffers",
        "_emptied",
        "_fd",
        "_kernel",
        "_never_blocks",
        "accepted",
        "error",
        "pending",
        "socket_stream",
    )

    def __init__(self, socket_stream: trio.SocketStream) -> None:
        self.socket_stream = socket_stream
        self._fd = socket_stream.socket.fileno()
        self._kernel: Kernel = getattr(socket_stream.socket, "kernel", KERNEL)
        self._buffers: deque[memoryview] | None = None  # made when it is needed: it is large
        self._never_blocks = False
        # By the last read, or nobody has spoken yet: another one would be futile.
        self._emptied = True
        self.accepted = 0
        self.pending = 0
        self.error: Exception | None = None

    # -- without waiting ----------------------------------------------------------------

    def never_block(self) -> None:
        """Let ``send_all`` keep what the kernel does not take, from now on."""
        self._never_blocks = True

    def take(self, data: bytes | memoryview) -> None:
        """Hand bytes to the kernel, in order; keep what it does not take."""
        size = len(data)
        self.accepted += size
        if not self.pending and self.error is None:
            sent = self._write(data)
            if sent == size:
                return
            data = memoryview(data)[sent:]
        self.pending += len(data)
        if self._buffers is None:
            self._buffers = deque()
        self._buffers.append(memoryview(data))

    def flush(self) -> bool:
        """Hand over what was kept; tell whether the kernel took something."""
        before = self.pending
        while self._buffers and self.error is None:
            data = self._buffers[0]
            sent = self._write(data)
            self.pending -= sent
            if sent < len(data):
                self._buffers[0] = data[sent:]
                break
            self._buffers.popleft()
        if not self._buffers:
            self._buffers = None
        return self.pending < before

    def _write(self, data: bytes | memoryview) -> int:
        if self._fd < 0:
            self.error = trio.ClosedResourceError("this stream was closed")
            return 0
        try:
            return self._kernel.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            self.error = trio.BrokenResourceError(f"socket connection broken: {exc}")
            self.error.__cause__ = exc.with_traceback(None)  # which leads here: a cycle
            return 0

    def give(self, size: int = WANTED) -> bytes | None:
        """Give what has arrived.

        Args:
          size: Bytes at most.

        Returns:
          ``None`` where nothing has; nothing (``b""``) where nothing will.

        Raises:
          trio.BrokenResourceError: The connection is broken.
          trio.ClosedResourceError: This stream is closed.

        """
        if self._fd < 0:
            raise trio.ClosedResourceError("this stream was closed")
        try:
            data = self._kernel.read(self._fd, size)
        except BlockingIOError:
            self._emptied = True
            return None
        except OSError as exc:
            raise trio.BrokenResourceError(f"socket connection broken: {exc}") from exc
        self._emptied = len(data) < size
        return data

    def wait_gives(self) -> Awaitable[None]:
        """Wait until :meth:`give` may have something; returns at once where it may have now.

        Raises:
          trio.ClosedResourceError: This stream was closed, or :meth:`interrupt` was called.

        """
        # No coroutine of its own: that would be one more to resume, at each message.
        if self._emptied:
            return self._kernel.wait_readable(self._fd)
        return trio.lowlevel.checkpoint()  # noqa: ASYNC105  # likewise

    def interrupt(self) -> None:
        """Let whoever waits here get a :exc:`trio.ClosedResourceError`; nothing is closed."""
        if self._fd >= 0:
            self._kernel.notify_closing(self._fd)

    # -- as any stream ------------------------------------------------------------------

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all; a checkpoint only where the kernel does not take it at once.

        After :meth:`never_block` it never waits. A call that is cancelled has sent a part.
        """
        if self._never_blocks:
            self.take(bytes(data))
            return
        view = memoryview(data)
        sent = self._write(view)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if sent < len(view):
            await self.socket_stream.send_all(view[sent:])

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes bytes again."""
        await self.socket_stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive what has arrived, at least something."""
        while True:
            await self.wait_gives()
            data = self.give(max_bytes or WANTED)
            if data is not None:
                return data

    async def send_eof(self) -> None:
        """Close the sending half."""
        await self.socket_stream.send_eof()

    def close(self) -> None:
        """Close at once; all that its :meth:`aclose` does, but for a checkpoint."""
        self._fd = -1
        self.socket_stream.socket.close()

    async def aclose(self) -> None:
        """Close; bytes that are pending are lost."""
        self.close()
        await trio.lowlevel.checkpoint()
