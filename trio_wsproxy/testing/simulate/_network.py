"""What a simulated network is like: hosts, links, what goes wrong. Frozen, so that a line of text makes it again."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ._checks import (
    canonical,
    check_mapping,
    check_members,
    check_number,
    check_probability,
    check_range,
    check_type,
    check_whole,
    folded,
)
from ._faults import Chance, FaultPlan, Nothing, what_differs

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
        check_number("bandwidth", self.bandwidth, above=0)  # a Fault stops a connection
        check_number("jitter", self.jitter, least=0)  # nothing arrives early
        for name in ("send_buffers", "receive_buffers"):
            sizes = check_members(name, getattr(self, name), int, "(4096, 65536)")
            if not sizes:
                raise ValueError(f"{name}=(): at least one size in bytes")
            for size in sizes:
                check_whole(f"{name}, each of {sizes}", size, least=1)

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
        check_mapping("hosts", self.hosts, '{"echo.test": ("10.0.0.2", "fd00::2")}')
        check_mapping("links", self.links, '{("here", "echo.test"): Link()}')
        hosts = [_checked(*item) for item in self.hosts.items()]
        if len(dict(hosts)) < len(hosts):
            raise ValueError(f"hosts={self.hosts!r}: each name once, whatever its spelling")
        black_holes = check_members("black_holes", self.black_holes, str, '("10.0.0.9",)')
        # Names and addresses are compared as text from here on.
        self._set(hosts=dict(hosts))
        self._set(black_holes=tuple(canonical("black_holes", a) for a in black_holes))
        self._set(_machines=_machines({HERE: HERE_ADDRESSES, **self.hosts}))
        check_type("link", self.link, Link)
        self._set(links=dict(self._checked_link(*item) for item in self.links.items()))
        check_range("dns_latency", self.dns_latency)
        self._check_faults()

    def _checked_link(self, pair: tuple[str, str], link: Link) -> tuple[tuple[str, str], Link]:
        """See that a link is one, and runs between two machines that there are."""
        names = check_members("a key of links", pair, str, '("here", "echo.test")')
        check_type(f"links[{pair!r}]", link, Link)
        if len({self.machine(name) for name in names}) != 2 or len(names) != 2:
            raise ValueError(f"links={{{pair!r}: …}}: a pair of names, of two machines")
        return (folded(names[0]), folded(names[1])), link

    def _check_faults(self) -> None:
        if isinstance(self.faults, type) or not callable(getattr(self.faults, "strike", None)):
            raise TypeError(
                f"faults is a plan such as Chance(0.01) or At({{3: Fault.FAIL}}), not {self.faults!r}"
            )
        if isinstance(self.faults, Chance) and self.faults.host is not None:
            self._set(faults=replace(self.faults, host=self.machine(self.faults.host)))

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
            return known[folded(host)]
        except (KeyError, AttributeError):  # no such name, or no text
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
        names = [folded(host), *(n for n in known if self.machine(n) == machine)]
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


def _checked(name: str, addresses: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """See that a host makes sense, and spell it as all others."""
    told = f"hosts={{{name!r}: {addresses!r}}}"
    if not isinstance(name, str) or folded(name) in (HERE, "") or isinstance(addresses, str):
        raise ValueError(f"{told}: names other than {HERE!r}, with tuples of addresses")
    if folded(name).rpartition(".")[2] == "localhost" or _is_address(name):
        raise ValueError(
            f"{told}: no name server is asked for this; each host has localhost itself"
        )
    members = check_members(told, addresses, str, '("10.0.0.2", "fd00::2")')
    spelled = tuple(canonical(told, address) for address in members)
    for address in map(ipaddress.ip_address, spelled):
        if address.is_loopback or address.is_unspecified or address.is_multicast:
            raise ValueError(f"{told}: {address} belongs to no host that others can reach")
    return folded(name), spelled


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _machines(hosts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Find which names are one machine: the first name of each."""
    first: dict[str, str] = {}
    for name, addresses in hosts.items():
        same = {first[other] for other in first if set(hosts[other]) & set(addresses)}
        chosen = next((known for known in first.values() if known in same), name)
        first = {known: chosen if m in same else m for known, m in first.items()}
        first[name] = chosen
    return first
