"""Two sockets and the pipes between them, and how that ends."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ._pipe import Pipe

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ._transfer import Transfer
    from ._world import World


class Connection:
    """Two sockets and the pipes between them.

    Attributes:
      number (int): Counted from 1.
      ends (tuple[Transfer, Transfer]): Who has connected, and who has accepted.
      hosts (tuple[str, str]): Where they are.

    """

    def __init__(self, world: World, near: Transfer, far: Transfer) -> None:
        self.world = world
        self.number = len(world.connections) + 1
        self.ends = (near, far)
        self.hosts = (near.host, far.host)
        world.connections.append(self)
        link = world.network.between(near.host, far.host)
        self._lost_on_reset = world.chance.random() < link.lost_on_reset
        there = Pipe(world, link, f"#{self.number} {near.host}>{far.host}")
        back = Pipe(world, link, f"#{self.number} {far.host}>{near.host}")
        near.join(self, back, there)
        far.join(self, there, back)
        there.refuses = lambda: self.reset(by=far)
        back.refuses = lambda: self.reset(by=near)
        there.gives_up = lambda: back.fail_reader(errno.ETIMEDOUT, discard=False)
        back.gives_up = lambda: there.fail_reader(errno.ETIMEDOUT, discard=False)

    def reset(self, *, by: Transfer) -> None:
        """Let one end send a reset; the other is told when it arrives."""
        if by.outgoing.dead:
            return
        by.outgoing.discard()
        latency = self.world.network.between(*self.hosts).latency[0]
        self.world.at(self.world.now + latency, lambda: self._reset_arrives(self.other(by)))

    def _reset_arrives(self, end: Transfer) -> None:
        if end.incoming.dead:
            return
        self.world.trace.add(self.world.now, f"#{self.number} {end.host}", "is reset")
        end.incoming.fail_reader(errno.ECONNRESET, discard=self._lost_on_reset)
        end.outgoing.fail_writer(errno.ECONNRESET if self._lost_on_reset else errno.EPIPE)

    def break_now(self) -> None:
        """Reset it from the middle, as some box on the way may do: both ends are told at once."""
        for end in self.ends:
            self._reset_arrives(end)

    def die(self) -> None:
        """Let nothing pass any more, and tell nobody."""
        for end in self.ends:
            end.outgoing.die()

    def other(self, end: Transfer) -> Transfer:
        """Give the other end."""
        return self.ends[1] if end is self.ends[0] else self.ends[0]


class Kernel:
    """What stands in for the system calls where somebody reads and writes without waiting."""

    __slots__ = ("_socket",)

    def __init__(self, socket: Transfer) -> None:
        self._socket = socket

    def read(self, _: int, size: int) -> bytes:
        """As :func:`os.read`."""
        return self._socket.read_now(size)

    def write(self, _: int, data: bytes | memoryview) -> int:
        """As :func:`os.write`."""
        return self._socket.write_now(data)

    def wait_readable(self, _: int) -> Awaitable[None]:
        """As :func:`trio.lowlevel.wait_readable`."""
        return self._socket.wait_readable()

    def notify_closing(self, _: int) -> None:
        """As :func:`trio.lowlevel.notify_closing`."""
        self._socket.interrupt()
