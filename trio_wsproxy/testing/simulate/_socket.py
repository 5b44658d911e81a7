"""Sockets of a simulated network, with trio's interface and the kernel's manners.

What Linux does is done here: a socket that is closed with bytes unread resets its connection, as does
``SO_LINGER`` with 0 seconds; bytes that arrive at a closed socket are answered by a reset; what was sent before
``close()`` is delivered after it. A socket has a :attr:`~SimulatedSocket.kernel` of its own, for who
reads and writes without waiting; its descriptor is a number that no system call knows.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket as stdlib
import struct
from collections import deque
from typing import TYPE_CHECKING, Any, NoReturn

import trio

from ._connection import Connection
from ._faults import Fault
from ._transfer import Transfer, error, missing

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._world import World

SYN_RETRIES = 127.0  # seconds until connect() gives up, see tcp_syn_retries in Linux's tcp(7)
ARP_TIMEOUT = 3.0  # seconds until an address that nobody has is unreachable
BACKLOG = 128
LOOPBACK = ("127.0.0.1", "::1")
SO_DOMAIN = getattr(stdlib, "SO_DOMAIN", 39)  # Linux's number where the system has none
OPTIONS: dict[
    tuple[int, int], int | bytes
] = {  # what has another value than 0 before anybody has set it
    (stdlib.SOL_SOCKET, stdlib.SO_TYPE): int(stdlib.SOCK_STREAM),
    (stdlib.SOL_SOCKET, getattr(stdlib, "SO_PROTOCOL", 38)): stdlib.IPPROTO_TCP,
    (stdlib.SOL_SOCKET, stdlib.SO_RCVBUF): 131072,  # as Linux has it
    (stdlib.SOL_SOCKET, stdlib.SO_SNDBUF): 131072,
}
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # no system is asked to bind them


def told(address: str, port: int) -> str:
    """Write where a socket is."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class SimulatedSocket(Transfer):
    """A TCP socket; see :mod:`socket` for what its methods do."""

    def __init__(self, world: World, family: int) -> None:
        super().__init__(world)
        self._family = stdlib.AddressFamily(family)
        self._options: dict[tuple[int, int], int | bytes]
        self._options = OPTIONS | {(stdlib.SOL_SOCKET, SO_DOMAIN): int(family)}
        self._local: tuple[str, int] | None = None
        self._peer: tuple[str, int] | None = None
        self._waiting: deque[SimulatedSocket] | None = None  # connections to accept
        self._backlog = BACKLOG
        self._shut = False
        self._both_families = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<simulated socket of {self.host!r}, {self._local} to {self._peer}>"

    # -- what it is -------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._fd

    @property
    def family(self) -> stdlib.AddressFamily:
        return self._family

    @property
    def type(self) -> stdlib.SocketKind:
        return stdlib.SOCK_STREAM

    @property
    def proto(self) -> int:
        return stdlib.IPPROTO_TCP

    @property
    def did_shutdown_SHUT_WR(self) -> bool:  # noqa: N802  # trio's name
        return self._shut

    def getsockname(self) -> Any:
        self._check_open()
        return self._address(self._local or (self._any, 0))

    def getpeername(self) -> Any:
        self._check_open()
        if self._peer is None:
            raise error(errno.ENOTCONN)
        return self._address(self._peer)

    @property
    def _any(self) -> str:
        return EVERYWHERE[self._family == stdlib.AF_INET6]

    def _address(self, pair: tuple[str, int]) -> tuple[str, int] | tuple[str, int, int, int]:
        return (*pair, 0, 0) if self._family == stdlib.AF_INET6 else pair

    def getsockopt(self, level: int, optname: int, buflen: int | None = None) -> Any:
        self._check_open()
        if (level, optname) == (stdlib.SOL_SOCKET, stdlib.SO_ACCEPTCONN):
            return int(self._waiting is not None)
        value = self._options.get((level, optname), 0)
        if buflen is not None:
            return (struct.pack("i", value) if isinstance(value, int) else value)[:buflen]
        return value if isinstance(value, int) else struct.unpack_from("i", value)[0]

    def setsockopt(
        self, level: int, optname: int, value: Any = None, optlen: int | None = None
    ) -> None:
        self._check_open()
        if isinstance(value, int):
            self._options[level, optname] = int(value)
        elif value is None and isinstance(optlen, int):
            self._options[level, optname] = bytes(optlen)
        elif isinstance(value, bytes | bytearray | memoryview):
            self._options[level, optname] = bytes(value).ljust(4, b"\0")
        else:
            raise TypeError(f"an option's value is a number or bytes, not {value!r}")

    # -- beginning --------------------------------------------------------------------------

    async def bind(self, address: Any) -> None:
        await trio.lowlevel.checkpoint()
        self._check_open()
        host, port = await self._resolved(address, self._any)
        known = (*EVERYWHERE, *self._world.network.addresses_of(self.host))
        if host not in known and not ipaddress.ip_address(host).is_loopback:
            raise error(errno.EADDRNOTAVAIL)
        port = port or self._world.free_port()
        self._check_free(host, port)
        self._local = (host, port)

    def _check_free(self, address: str, port: int) -> None:
        """See that nobody listens where this socket would, at one address or at all of them."""
        for (host, taken, number), other in self._world.listeners.items():
            if (host, number) == (self.host, port) and (
                taken == address
                or (address in EVERYWHERE and self.hears(taken))
                or (taken in EVERYWHERE and other.hears(address))
            ):
                raise error(errno.EADDRINUSE)

    def hears(self, address: str) -> bool:
        """Tell whether a connection to an address may arrive here: IPv4 at ``::`` where both families are wanted."""
        if (":" in address) == (self._family == stdlib.AF_INET6):
            return True
        v6_only = self._options.get((stdlib.IPPROTO_IPV6, stdlib.IPV6_V6ONLY))
        return self._family == stdlib.AF_INET6 and (self._both_families or not v6_only)

    async def _resolved(self, address: Any, default: str) -> tuple[str, int]:
        """Look up what may be a name, as trio does it."""
        host, port = address[:2]
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(host)), int(port)
        found = await trio.socket.getaddrinfo(
            host or default, port, self._family, stdlib.SOCK_STREAM
        )
        where = found[0][4]
        return str(where[0]), int(where[1])

    def listen(self, backlog: int = BACKLOG) -> None:
        self._check_open()
        self._local = self._local or (self._any, self._world.free_port())
        self._both_families = self._world.both_families
        if self._waiting is None:
            self._check_free(*self._local)
            self._waiting = deque()
        self._backlog = backlog
        key = (self.host, *self._local)
        self._world.listeners[key] = self
        self._world.note(self.host, f"listen at {told(*self._local)}")

    async def accept(self) -> tuple[trio.socket.SocketType, Any]:
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            self._check_open()
            if self._waiting is None:
                raise error(errno.EINVAL)
            if self._waiting:
                await trio.lowlevel.cancel_shielded_checkpoint()
                if self._waiting:  # nobody has closed this one, or was faster
                    accepted = self._waiting.popleft()
                    return accepted, accepted.getpeername()
            else:
                await self._waiting_gate.wait()

    async def connect(self, address: Any) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._check_open()
        if self.connection is not None:
            raise error(errno.EISCONN)
        host, port = await self._resolved(address, LOOPBACK[self._family == stdlib.AF_INET6])
        try:
            await self._connect(host, port)
        except BaseException as exc:
            if isinstance(exc, OSError):
                self._world.note(self.host, f"connect to {told(host, port)}: {exc.strerror}")
            self.close()  # as trio does it: nobody knows what becomes of the attempt
            raise

    async def _connect(self, address: str, port: int) -> None:
        world = self._world
        loopback = ipaddress.ip_address(address).is_loopback
        target = self.host if loopback else world.network.host_of(address)
        self.peer_name = target or address
        fault = world.operation("connect", self.host, self.peer_name)
        latency = 0.0
        if target is not None:
            latency = world.chance.uniform(*world.network.between(self.host, target).latency)
        await self._syn(fault, latency)
        if world.is_silent(self.host, target, address):
            await trio.sleep(SYN_RETRIES)
            raise error(errno.ETIMEDOUT)
        if target is None:
            await trio.sleep(ARP_TIMEOUT)
            raise error(errno.EHOSTUNREACH)
        listener = await self._knock(target, address, port)
        self._check_open()
        own = address if loopback else self._own_address(address)
        self._local = self._local or (own, world.free_port())
        if self._local[0] in EVERYWHERE:
            self._local = (own, self._local[1])
        self._peer = (address, port)
        number = listener.enqueue(self).number
        world.note(f"#{number} {self.host}>{listener.host}", f"connect to {told(address, port)}")
        await trio.sleep(latency)

    async def _syn(self, fault: Fault | None, latency: float) -> None:
        """Let the first packet travel, unless something happens to it."""
        if fault is Fault.STALL:
            await trio.sleep(SYN_RETRIES)
            raise error(errno.ETIMEDOUT)
        if fault in (Fault.SLOW, Fault.FULL):
            await trio.sleep(self._world.some_seconds())
        await trio.sleep(latency)
        if fault is Fault.FAIL:
            raise error(errno.ECONNREFUSED)
        if fault is Fault.CUT:
            raise error(errno.EHOSTUNREACH)

    async def _knock(self, host: str, address: str, port: int) -> SimulatedSocket:
        """Find who listens, and wait until there is room in the queue."""
        pause = 1.0
        while True:
            listener = self._world.listener_at(host, address, port)
            if listener is None:
                raise error(errno.ECONNREFUSED)
            if listener.has_room():
                return listener
            await trio.sleep(pause)
            pause *= 2

    def _own_address(self, address: str) -> str:
        """Choose the address to connect from."""
        own = self._world.network.addresses_of(self.host)
        same = [a for a in own if (":" in a) == (":" in address)]
        if not same:
            raise error(errno.ENETUNREACH)
        return same[0]

    def has_room(self) -> bool:
        """Tell whether another connection may wait here."""
        return self._waiting is not None and len(self._waiting) <= self._backlog

    def enqueue(self, caller: SimulatedSocket) -> Connection:
        """Let a connection wait to be accepted."""
        with self._world.on(self.host):
            accepted = SimulatedSocket(self._world, self._family)
        accepted._local, accepted._peer = caller._peer, caller._local  # the same class
        accepted.peer_name = caller.host
        connection = Connection(self._world, caller, accepted)
        assert self._waiting is not None
        self._waiting.append(accepted)
        self._waiting_gate.open()
        return connection

    # -- what there is not ------------------------------------------------------------------------

    def dup(self) -> NoReturn:
        raise missing("dup()")

    def detach(self) -> NoReturn:
        raise missing("detach()")

    def get_inheritable(self) -> bool:
        return False

    def recvfrom(self, *_: Any) -> NoReturn:
        raise missing("recvfrom(): it is TCP's")

    def sendto(self, *_: Any) -> NoReturn:
        raise missing("sendto(): it is TCP's")

    def recvmsg(self, *_: Any) -> NoReturn:
        raise missing("recvmsg()")

    def sendmsg(self, *_: Any) -> NoReturn:
        raise missing("sendmsg()")

    # -- the end --------------------------------------------------------------------------------

    def shutdown(self, flag: int) -> None:
        self._joined()
        if flag in (stdlib.SHUT_RD, stdlib.SHUT_RDWR):
            self.incoming.end_now()
        if flag in (stdlib.SHUT_WR, stdlib.SHUT_RDWR) and not self._shut:
            self._shut = True
            self.outgoing.finish()

    def close(self) -> None:
        if self._fd < 0:
            return
        del self._world.sockets[self._fd]
        self._fd = -1
        self.interrupt()
        if self._waiting is not None:
            assert self._local is not None
            self._world.listeners.pop((self.host, *self._local), None)
            self._world.note(self.host, f"close {told(*self._local)}")
            for waiting in self._waiting:
                waiting.close()
            self._waiting = None
        if self.connection is not None:
            self._world.note(f"#{self.connection.number} {self.host}", "close")
            if self.incoming.unread or self._lingers_not():
                self.connection.reset(by=self)
            else:
                self.outgoing.finish()
            self.incoming.leave()

    def _lingers_not(self) -> bool:
        value = self._options.get((stdlib.SOL_SOCKET, stdlib.SO_LINGER))
        return value == struct.pack("ii", 1, 0)
