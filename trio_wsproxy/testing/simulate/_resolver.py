"""The simulated DNS, and the factory of simulated sockets: what trio is given in place of the system's."""

from __future__ import annotations

import contextlib
import enum
import ipaddress
import socket as stdlib
from typing import TYPE_CHECKING, Any

import trio

from ._faults import Fault
from ._network import HERE, HERE_ADDRESSES
from ._socket import SimulatedSocket

if TYPE_CHECKING:
    from ._world import World


class Resolver(trio.abc.HostnameResolver):
    """Knows the names of one universe, and ``localhost``."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  # trio's name
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Look up a name; see :func:`socket.getaddrinfo`."""
        name = (host or b"localhost").decode().lower().rstrip(".")
        number = _port(port)
        local = name == "localhost" or name.endswith(".localhost")
        if not local:
            try:
                await self._ask(name)
            except stdlib.gaierror as exc:
                self._world.note(self._world.here, f"looks up {name}: {exc.strerror}")
                raise
        known = ("127.0.0.1", "::1") if local else self._addresses(name)
        if not local:
            told = ", ".join(known) or "no such name"
            self._world.note(self._world.here, f"looks up {name}: {told}")
        infos = []
        for address in known:
            six = ipaddress.ip_address(address).version == 6
            kind = stdlib.AF_INET6 if six else stdlib.AF_INET
            if family in (stdlib.AF_UNSPEC, kind):
                where = (address, number, 0, 0) if six else (address, number)
                infos.append((kind, stdlib.SOCK_STREAM, stdlib.IPPROTO_TCP, "", where))
        if not infos:
            raise stdlib.gaierror(stdlib.EAI_NONAME, "Name or service not known")
        return infos

    def _addresses(self, name: str) -> tuple[str, ...]:
        return HERE_ADDRESSES if name == HERE else self._world.network.hosts.get(name, ())

    async def _ask(self, name: str) -> None:
        """Let the question travel, unless something happens to it."""
        world = self._world
        fault = world.operation("resolve", world.here, name)
        if fault is Fault.STALL:
            await trio.sleep_forever()
        if fault in (Fault.SLOW, Fault.FULL):
            await trio.sleep(world.some_seconds())
        await trio.sleep(world.chance.uniform(*world.network.dns_latency))
        if fault is Fault.FAIL:
            raise stdlib.gaierror(stdlib.EAI_NONAME, "Name or service not known")
        if fault is Fault.CUT or world.here in world.down:
            raise stdlib.gaierror(stdlib.EAI_AGAIN, "Temporary failure in name resolution")

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        """Look up an address; see :func:`socket.getnameinfo`."""
        await trio.lowlevel.checkpoint()
        address, port = sockaddr[:2]
        name, service = self._world.network.host_of(address), str(port)
        if not flags & stdlib.NI_NUMERICSERV:
            with contextlib.suppress(OSError):  # the port has no name
                service = stdlib.getservbyport(port, "tcp")
        return address if name is None or flags & stdlib.NI_NUMERICHOST else name, service


def _port(port: bytes | str | int | None) -> int:
    """Read a port, which may be the name of a service."""
    text = port.decode() if isinstance(port, bytes) else str(port or 0)
    if text.isdecimal():
        return int(text)
    try:
        return stdlib.getservbyname(text, "tcp")
    except OSError:
        raise stdlib.gaierror(stdlib.EAI_SERVICE, "Servname not supported") from None


# Linux takes them with the type; each socket of trio's is what they say.
SOCKET_FLAGS = getattr(stdlib, "SOCK_NONBLOCK", 0) | getattr(stdlib, "SOCK_CLOEXEC", 0)


def _named(kind: type[enum.IntEnum], value: int) -> str:
    return kind(value).name if value in set(kind) else str(value)


class Factory(trio.abc.SocketFactory):
    """Makes the TCP sockets of one universe."""

    def __init__(self, world: World) -> None:
        self._world = world

    def socket(
        self,
        family: stdlib.AddressFamily | int = stdlib.AF_INET,
        type: stdlib.SocketKind | int = stdlib.SOCK_STREAM,  # noqa: A002  # trio's name
        proto: int = 0,
    ) -> trio.socket.SocketType:
        """Make one.

        Raises:
          ValueError: It is to be something else than TCP.

        """
        kind = type & ~SOCKET_FLAGS
        if kind != stdlib.SOCK_STREAM or family not in (stdlib.AF_INET, stdlib.AF_INET6):
            what = f"{_named(stdlib.AddressFamily, family)}, {_named(stdlib.SocketKind, kind)}"
            raise ValueError(
                f"{what}: a simulated network has TCP over IPv4 and IPv6, and nothing else"
            )
        return SimulatedSocket(self._world, family)
