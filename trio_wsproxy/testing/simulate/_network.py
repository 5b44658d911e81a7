"""What a simulated network is like: hosts, links, what goes wrong. Frozen, so that a line of text makes it again."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._faults import FaultPlan, Nothing, check_probability, check_range, what_differs

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
        check_range("latency", self.latency)
        for name in ("fragmentation", "late_ends", "lost_on_reset"):
            check_probability(name, getattr(self, name))
        if self.bandwidth <= 0 or min(*self.send_buffers, *self.receive_buffers) <= 0:
            raise ValueError("bandwidth and buffers must be above 0: a Fault stops a connection")
        if self.jitter < 0:
            raise ValueError(f"jitter {self.jitter} must not be below 0: nothing arrives early")

    def __repr__(self) -> str:
        return what_differs(self)


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
      hosts: Names and the addresses that the simulated DNS knows for them, in its order. Names with a common
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
        hosts = dict(_checked(*item) for item in self.hosts.items())
        # Names and addresses are compared as text from here on.
        self._set(hosts=hosts, black_holes=tuple(_canonical(a) for a in self.black_holes))
        self._set(_machines=_machines({HERE: HERE_ADDRESSES, **hosts}))
        self._set(links={(_folded(a), _folded(b)): x for (a, b), x in self.links.items()})
        for name in itertools.chain.from_iterable(self.links):
            self.machine(name)  # raises ValueError
        check_range("dns_latency", self.dns_latency)

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return what_differs(self)

    def machine(self, host: str) -> str:
        """Give the first name of the machine that has a name.

        Raises:
          ValueError: None has.

        """
        known: dict[str, str] = self.__dict__["_machines"]
        try:
            return known[_folded(host)]
        except KeyError:
            names = ", ".join(map(repr, known))
            raise ValueError(f"this network has no host {host!r}; it has {names}") from None

    def host_of(self, address: str) -> str | None:
        """Give the first name of the machine that has an address."""
        if address in HERE_ADDRESSES:
            return HERE
        return next((self.machine(n) for n, known in self.hosts.items() if address in known), None)

    def addresses_of(self, host: str) -> tuple[str, ...]:
        """Give the addresses of a machine, those of the name first, without loopback."""
        machine, known = self.machine(host), {HERE: HERE_ADDRESSES, **self.hosts}
        names = [_folded(host), *(n for n in known if self.machine(n) == machine)]
        return tuple(dict.fromkeys(a for name in names for a in known[name]))

    def between(self, one: str, other: str) -> Link:
        """Give the link between two machines."""
        ends = {self.machine(one), self.machine(other)}
        if len(ends) == 1:
            return LOOPBACK
        for pair, link in self.links.items():
            if set(map(self.machine, pair)) == ends:
                return link
        return self.link


def _folded(name: str) -> str:
    return name.lower().rstrip(".")


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))  # raises ValueError


def _checked(name: str, addresses: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """See that a host makes sense, and spell it as all others."""
    if _folded(name) in (HERE, "") or isinstance(addresses, str):
        raise ValueError(
            f"hosts={{{name!r}: {addresses!r}}}: names other than {HERE!r}, with tuples of addresses"
        )
    return _folded(name), tuple(map(_canonical, addresses))


def _machines(hosts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Find which names are one machine: the first name of each."""
    first: dict[str, str] = {}
    for name, addresses in hosts.items():
        same = {first[other] for other in first if set(hosts[other]) & set(addresses)}
        chosen = next((known for known in first.values() if known in same), name)
        first = {known: chosen if m in same else m for known, m in first.items()}
        first[name] = chosen
    return first
