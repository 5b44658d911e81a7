"""Which hosts are reached without a proxy: ``no_proxy`` and the operating system's list.

A list becomes entries, an entry becomes a rule and maybe a port, and a rule answers one question:
does it cover this host? One small class per kind of rule. Hosts come in the one spelling that
:func:`~trio_wsproxy._urls.normalise_host` makes, so case, trailing dot and IDNA are settled
before. Nothing is ever resolved: a rule about addresses covers IP literals only.

An IPv4-mapped IPv6 address (``::ffff:10.0.0.1``, RFC 4291 section 2.5.5.2) is the IPv4 address
to every rule, for that is where its packets go; a zone (``%eth0``) is no part of an address.

The two kinds of list differ in one thing. In ``no_proxy``, a name covers itself and all names
below it, with or without a leading ``.`` or ``*.``. In the list of Windows or macOS, a name covers
itself alone, and ``*.example.org`` and ``.example.org`` only what is below.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple, Protocol

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import words
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import HIDDEN, holds_secret
from trio_wsproxy._urls import (
    Malformed,
    Target,
    ip_literal,
    normalise_host,
    split_host_port,
)

__all__ = [
    "AddressRule",
    "AllRule",
    "BypassEntry",
    "BypassList",
    "DomainRule",
    "DotlessRule",
    "NetworkRule",
    "PatternRule",
    "Rule",
    "is_loopback",
    "parse_bypass",
]

_MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")
_LOOPBACK_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_URL_SCHEME = lazy_pattern(r"[a-z][a-z0-9+.\-]*://")
_PATTERN = lazy_pattern(r"[a-z0-9_.*\-]+")
_NUMERIC_PATTERN = lazy_pattern(r"[0-9.*]+")
_SHORT_BASE = lazy_pattern(r"[0-9]+(?:\.[0-9]+){0,2}")


# --- rules -------------------------------------------------------------------------------


class Rule(Protocol):
    """What all rules do."""

    def covers(self, host: str) -> bool:
        """Tell whether a host, in its normal spelling, is covered."""


class AllRule(Record):
    """``*``: every host."""

    __slots__ = ()

    def covers(self, host: str) -> bool:
        """Tell whether a host is covered: it is."""
        del host
        return True


class DomainRule(NamedTuple):
    """``example.org``: the name itself and everything below, at a label's edge."""

    name: str

    def covers(self, host: str) -> bool:
        """Tell whether a host is this name or below it."""
        return host == self.name or host.endswith(f".{self.name}")


class PatternRule(NamedTuple):
    """``*.internal.*``, ``192.168.*``: a text in which ``*`` stands for any characters.

    A pattern of digits, dots and stars is about IPv4 addresses, and covers no name: ``10.*`` does
    not cover ``10.example.org``.
    """

    pattern: str

    def covers(self, host: str) -> bool:
        """Tell whether the whole host, or the IPv4 address it stands for, fits the pattern."""
        address = _address(host)
        if address is None and _NUMERIC_PATTERN.fullmatch(self.pattern):
            return False
        text = host if address is None else str(address)
        parts = (re.escape(part) for part in self.pattern.split("*"))
        return re.fullmatch(".*".join(parts), text) is not None


class AddressRule(NamedTuple):
    """``192.0.2.1``, ``2001:db8::1``: an IP literal, compared as an address."""

    address: IPv4Address | IPv6Address

    def covers(self, host: str) -> bool:
        """Tell whether a host is this address."""
        return self.address == _address(host)


class NetworkRule(NamedTuple):
    """``10.0.0.0/8``, ``fd00::/8``: the IP literals of a network (CIDR)."""

    network: IPv4Network | IPv6Network

    def covers(self, host: str) -> bool:
        """Tell whether a host is an address in this network."""
        address = _address(host)
        return address is not None and address in self.network


class DotlessRule(Record):
    """``<local>``: names without a dot in them, as an intranet has."""

    __slots__ = ()

    def covers(self, host: str) -> bool:
        """Tell whether a host is a name without dots."""
        return "." not in host and ip_literal(host) is None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, if it is one: without its zone, IPv4 taken out of IPv6."""
    address = ip_literal(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name.

    That is ``localhost``, ``*.localhost`` (RFC 6761 section 6.3), 127.0.0.0/8 and ``::1``: the hosts
    that Go and Chromium never send to a proxy either.

    Args:
      host: A host in its normal spelling.

    Returns:
      Whether it is.

    """
    if DomainRule("localhost").covers(host):
        return True
    return any(NetworkRule(network).covers(host) for network in _LOOPBACK_NETWORKS)


# --- lists -------------------------------------------------------------------------------


class BypassEntry(NamedTuple):
    """One entry of a list: its text, its rule, and the port it is limited to, if any."""

    text: str
    rule: Rule
    port: int | None = None

    def covers(self, target: Target) -> bool:
        """Tell whether a target is covered."""
        return self.port in (None, target.port) and self.rule.covers(target.host)


class BypassList(NamedTuple):
    """A whole list.

    Attributes:
      entries: The entries in their order.
      proxies_loopback: Whether the list has ``<-loopback>``, which switches off the rule that
        loopback hosts are never proxied.

    """

    entries: tuple[BypassEntry, ...] = ()
    proxies_loopback: bool = False

    def find(self, target: Target) -> BypassEntry | None:
        """Find the first entry that covers a target."""
        return next((entry for entry in self.entries if entry.covers(target)), None)


def parse_bypass(value: str, *, source: str, system: bool = False) -> BypassList:
    """Read a list of hosts to be reached without a proxy.

    Args:
      value: The list: commas or blanks between its entries.
      source: Where the list stood, for messages.
      system: Whether it is the list of an operating system: ``;`` separates too, and a name
        covers itself alone.

    Returns:
      The list.

    Raises:
      ProxyConfigError: An entry makes no sense; the message names source and entry.

    """
    texts = [text for text in re.split(r"[\s,;]+" if system else r"[\s,]+", value) if text]
    # With a password in the list, no entry can be told from a piece of it.
    secret = holds_secret(value)
    return BypassList(
        entries=tuple(
            _read_entry(text, source, HIDDEN if secret else text, system=system)
            for text in texts
            if text.lower() != "<-loopback>"
        ),
        proxies_loopback=any(text.lower() == "<-loopback>" for text in texts),
    )


def _read_entry(text: str, source: str, shown: str, *, system: bool) -> BypassEntry:
    try:
        return _parse_entry(text, system=system)
    except Malformed as exc:
        problem = exc.problem
    what = words(
        "{source}: {problem}; an entry is a name, an IP address, a network such as "
        "10.0.0.0/8, host:port, [v6]:port or '*' (the entry is {shown!r})",
        source=source,
        problem=problem,
        shown=shown,
    )
    raise misconfigured(what)


def _parse_entry(text: str, *, system: bool) -> BypassEntry:
    entry = text.lower()
    if entry == "<local>":
        return BypassEntry(text, DotlessRule())
    if system:
        entry = _URL_SCHEME.sub("", entry, count=1)  # Windows lets one write http://host
    if "/" in entry:
        return BypassEntry(text, NetworkRule(_parse_network(entry)))
    # IPv6 without brackets has no port.
    host, port = (entry, None) if ip_literal(entry) else split_host_port(entry)
    return BypassEntry(text, _parse_rule(host, system=system), port)


def _parse_network(text: str) -> IPv4Network | IPv6Network:
    base, _, prefix = text.partition("/")
    if base.startswith("[") and base.endswith("]"):
        base = base[1:-1]
    if _SHORT_BASE.fullmatch(base):  # every Mac has 169.254/16 in its list
        base += ".0" * (3 - base.count("."))
    try:
        network = ip_network(f"{base}/{prefix}", strict=False)
    except ValueError:
        network = None
    if network is None:
        raise Malformed("this is not a network")
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED_IPV4):
        mapped = network.network_address.ipv4_mapped
        return ip_network(f"{mapped}/{network.prefixlen - _MAPPED_IPV4.prefixlen}")
    return network


def _parse_rule(host: str, *, system: bool) -> Rule:
    if host == "*":
        return AllRule()
    name = host.removeprefix("*").removeprefix(".") if host.startswith((".", "*.")) else host
    if "*" in name or (system and name != host):
        return PatternRule(_parse_pattern(f"*{host}" if host.startswith(".") else host))
    host = name
    host = normalise_host(host)
    address = _address(host)
    if address is not None:
        return AddressRule(address)
    return PatternRule(host) if system else DomainRule(host)


def _parse_pattern(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    # A whole label can be brought into its A-label form, a piece of one cannot.
    pattern = ".".join(
        label if label.isascii() or "*" in label else normalise_host(label) for label in labels
    )
    if not _PATTERN.fullmatch(pattern):
        raise Malformed("this is not a pattern for names or IPv4 addresses")
    return pattern
