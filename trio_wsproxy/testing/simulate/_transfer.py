"""What a connected socket does: bytes, and what happens to them.

``read_now`` and ``write_now`` never wait and count as operations of the universe where bytes pass, so a fault may
strike there; all else waits until they may be called.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from ._connection import Connection, Kernel
from ._faults import Fault, OperationKind
from ._pipe import Gate, Pipe

if TYPE_CHECKING:
    from ._world import World

ResultT = TypeVar("ResultT")


def error(code: int) -> OSError:
    """Make the error of a system call."""
    return OSError(code, os.strerror(code))


def missing(what: str) -> NotImplementedError:
    """Make the error for what is not simulated."""
    return NotImplementedError(f"a simulated socket has no {what}")


class Transfer(trio.socket.SocketType):
    """The part of a socket that bytes go through.

    Attributes:
      host (str): Where it is.
      peer_name (str): The host at its other end.
      connection (Connection | None): Once it has one.
      incoming (Pipe): Of that.
      outgoing (Pipe): Likewise.
      kernel (Kernel): For who reads and writes without waiting.

    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._hidden_until = 0.0  # what has arrived is not shown before
        self._waiting_gate = Gate()  # who accepts
        self.host = world.here
        self.peer_name = ""
        self.connection: Connection | None = None
        self.incoming: Pipe
        self.outgoing: Pipe
        self.kernel = Kernel(self)
        self._fd = world.adopt(self)

    def _check_open(self) -> None:
        if self._fd < 0:
            raise error(errno.EBADF)

    def join(self, connection: Connection, incoming: Pipe, outgoing: Pipe) -> None:
        """Become an end of a connection."""
        self.connection, self.incoming, self.outgoing = connection, incoming, outgoing

    # -- bytes, without waiting -----------------------------------------------------------------

    def read_now(self, size: int) -> bytes:
        """Read what has arrived; see :meth:`Pipe.read`."""
        connection = self._joined()
        if self._world.now < self._hidden_until:
            raise error(errno.EAGAIN)
        if self.incoming.unread:
            fault = self._operation("receive", connection)
            if fault is not None:
                size = self._receive_badly(fault, connection, size)
        return self.incoming.read(size)

    def _operation(self, kind: OperationKind, connection: Connection) -> Fault | None:
        """Ask the plan; the host is the socket's, whoever uses it."""
        return self._world.operation(kind, self.host, self.peer_name, connection.number)

    def _receive_badly(self, fault: Fault, connection: Connection, size: int) -> int:
        """Play a fault; give how many bytes may be read now."""
        if fault is Fault.FAIL:
            connection.break_now()
            self.incoming.fail_reader(errno.ECONNRESET, discard=True)
        elif fault is Fault.CUT:
            size = min(size, self._world.chance.randint(1, self.incoming.unread))
            connection.other(self).outgoing.discard()
            self._world.at(self._world.now, lambda: self._cut_off(connection))
        elif fault is Fault.STALL:
            connection.die()
            self.incoming.discard_arrived()
            raise error(errno.EAGAIN)
        elif fault in (Fault.SLOW, Fault.FULL):
            self._hidden_until = self._world.now + self._world.some_seconds()
            self._world.at(self._hidden_until, self.incoming.readable.open)
            raise error(errno.EAGAIN)
        return size

    def _cut_off(self, connection: Connection) -> None:
        """Show the end to this side, and a reset to the other."""
        self.incoming.discard_arrived()
        self.incoming.end_now()
        connection.reset(by=self)

    def write_now(self, data: bytes | memoryview) -> int:
        """Write what is taken; see :meth:`Pipe.write`."""
        connection = self._joined()
        if self.outgoing.room and len(data):
            fault = self._operation("send", connection)
            if fault is not None:
                return self._send_badly(fault, connection, data)
        return self.outgoing.write(data)

    def _send_badly(self, fault: Fault, connection: Connection, data: bytes | memoryview) -> int:
        """Play a fault; give how many bytes were taken."""
        if fault is Fault.FAIL:
            connection.break_now()
        elif fault is Fault.CUT:
            size = self._world.chance.randint(0, min(len(data), self.outgoing.room) - 1)
            if size:
                self.outgoing.write(data[:size])
            self.outgoing.finish()
            connection.other(self).outgoing.discard()
            self.incoming.fail_reader(errno.ECONNRESET, discard=False)
            self.outgoing.fail_writer_softly(errno.EPIPE)
            return len(data)  # the kernel had taken it all
        elif fault is Fault.STALL:
            connection.die()
        elif fault is Fault.SLOW:
            self.outgoing.delay(self._world.some_seconds())
        elif fault is Fault.FULL:
            self.outgoing.freeze(self._world.some_seconds())
        return self.outgoing.write(data)

    def _joined(self) -> Connection:
        self._check_open()
        if self.connection is None:
            raise error(errno.ENOTCONN)
        return self.connection

    def _can_read(self) -> bool:
        return self._world.now >= self._hidden_until and self.incoming.can_read()

    async def wait_readable(self) -> None:
        """Wait until a read would not block; at least a checkpoint."""
        self._joined()
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._can_read():
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        while not self._can_read():
            await self.incoming.readable.wait()

    def interrupt(self) -> None:
        """Let who waits here get a :exc:`trio.ClosedResourceError`."""
        if self.connection is not None:
            self.incoming.readable.refuse()
            self.outgoing.writable.refuse()
        self._waiting_gate.refuse()

    # -- bytes, as any socket of trio's ----------------------------------------------------------

    def is_readable(self) -> bool:
        return self.connection is not None and self._can_read()

    async def wait_writable(self) -> None:
        self._joined()
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.outgoing.can_write():
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        while not self.outgoing.can_write():
            await self.outgoing.writable.wait()

    async def recv(self, buflen: int, flags: int = 0, /) -> bytes:
        if flags:
            raise missing(f"flags for recv(): {flags}")
        if buflen < 0:
            raise ValueError("negative buffersize in recv")
        return await _done(lambda: self.read_now(buflen), self.wait_readable)

    async def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = await self.recv(nbytes or len(view), flags)
        view[: len(data)] = data
        return len(data)

    async def send(self, data: Any, flags: int = 0, /) -> int:
        if flags:
            raise missing(f"flags for send(): {flags}")
        return await _done(lambda: self.write_now(data), self.wait_writable)


async def _done(now: Callable[[], ResultT], ready: Callable[[], Awaitable[None]]) -> ResultT:
    """Do what never waits as soon as it can be done; a checkpoint, as each call of a socket of trio's is."""
    await trio.lowlevel.checkpoint_if_cancelled()
    try:
        result = now()
    except BlockingIOError:
        pass
    except OSError:
        await trio.lowlevel.cancel_shielded_checkpoint()
        raise
    else:
        await trio.lowlevel.cancel_shielded_checkpoint()
        return result
    while True:
        await ready()
        try:
            return now()
        except BlockingIOError:
            continue
