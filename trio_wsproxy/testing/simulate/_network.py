"""What a simulated network is like: hosts, links, what goes wrong. Frozen, so that a line of text makes it again."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from ._faults import FaultPlan, Nothing

HERE = "here"  # the host that main runs on
HERE_ADDRESSES = ("10.0.0.1", "fd00::1")


@dataclass(frozen=True)
class Link:
    """What runs between two hosts; ranges are drawn from anew for each connection.

    Args:
      latency: Seconds that a byte is on its way, from and to.
      jitter: Seconds that each segment may take longer.
      bandwidth: Bytes per second, each way.
      fragmentation: The probability that a connection is one whose bytes are cut at any place, often one by
        one. Elsewhere segments are as long as they can be.
      late_ends: The probability that the end of a connection (FIN) arrives seconds later than it could.
      lost_on_reset: The probability that a reset throws away what has arrived and was not read, as some
        systems do.
      send_buffers: Sizes of the sender's buffer in bytes, one of which is chosen.
      receive_buffers: Likewise the receiver's.

    """

    latency: tuple[float, float] = (0.0005, 0.05)
    jitter: float = 0.002
    bandwidth: float = 10e6
    fragmentation: float = 0.3
    late_ends: float = 0.1
    lost_on_reset: float = 0.3
    send_buffers: tuple[int, ...] = (4096, 65536, 262144)
    receive_buffers: tuple[int, ...] = (2048, 65536, 262144)

    def __post_init__(self) -> None:
        low, high = self.latency
        if not 0 <= low <= high:
            raise ValueError(f"latency {self.latency} is no range: from what to what?")
        if self.bandwidth <= 0 or min(*self.send_buffers, *self.receive_buffers) <= 0:
            raise ValueError("bandwidth and buffers must be above 0: a Fault stops a connection")

    def __repr__(self) -> str:
        return _changed(self)


LOOPBACK = Link(latency=(0.00001, 0.00001), jitter=0.0, bandwidth=1e9, late_ends=0.0)


@dataclass(frozen=True)
class Network:
    """A network of named hosts.

    ::

        Network(
            hosts={"echo.test": ("10.0.0.2", "fd00::2"), "proxy.test": ("10.0.0.3",)},
            link=Link(latency=(0.02, 0.2)),
            faults=Chance(0.01),
        )

    Args:
      hosts: Names and the addresses that the simulated DNS knows for them, in its order. Those with a common
        address are one machine. The one that the program runs on is ``"here"``, with 10.0.0.1 and fd00::1.
        Every host also has ``localhost``, 127.0.0.1 and ::1, for itself alone.
      link: Between any two hosts.
      links: Between some pairs of names, in either order, instead.
      dns_latency: Seconds that a look-up takes, from and to.
      black_holes: Addresses from which no answer ever comes; the name may be known.
      faults: What goes wrong.

    An address that no host has is unreachable (``EHOSTUNREACH``); a port where nobody listens refuses.

    """

    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link: Link = field(default_factory=Link)
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    dns_latency: tuple[float, float] = (0.0, 0.1)
    black_holes: tuple[str, ...] = ()
    faults: FaultPlan = field(default_factory=Nothing)

    def __post_init__(self) -> None:
        for name, addresses in self.hosts.items():
            if name == HERE or isinstance(addresses, str):
                raise ValueError(
                    f"hosts={{{name!r}: {addresses!r}}}: names other than {HERE!r}, with tuples of addresses"
                )
            for address in addresses:
                ipaddress.ip_address(address)  # raises ValueError

    def __repr__(self) -> str:
        return _changed(self)

    def host_of(self, address: str) -> str | None:
        """Give the name of the machine that has an address."""
        if address in HERE_ADDRESSES:
            return HERE
        return next((name for name, known in self.hosts.items() if address in known), None)

    def addresses_of(self, host: str) -> tuple[str, ...]:
        """Give the addresses of a machine, without loopback."""
        return HERE_ADDRESSES if host == HERE else self.hosts[host]

    def between(self, one: str, other: str) -> Link:
        """Give the link between two machines."""
        if one == other:
            return LOOPBACK
        return self.links.get((one, other)) or self.links.get((other, one)) or self.link


def _changed(value: Link | Network) -> str:
    """Write what differs from the default, as code."""
    usual = type(value)()
    parts = [
        f"{f.name}={getattr(value, f.name)!r}"
        for f in fields(value)
        if getattr(value, f.name) != getattr(usual, f.name)
    ]
    return f"{type(value).__name__}({', '.join(parts)})"
