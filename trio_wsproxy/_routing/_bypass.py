"""Which hosts are reached without a proxy: ``no_proxy`` and the operating system's list.

A list becomes entries, an entry becomes a rule and maybe a port, and a rule answers one question:
does it cover this host? One small class per kind of rule. Hosts come in the one spelling that
:func:`~trio_wsproxy._urls.normalise_host` makes, so case, trailing dot and IDNA are settled
before. Nothing is ever resolved: a rule about addresses covers IP literals only.

An IPv4-mapped IPv6 address (``::ffff:10.0.0.1``, RFC 4291 section 2.5.5.2) is the IPv4 address
to every rule, for that is where its packets go; a zone (``%eth0``) is no part of an address.

The kinds of list differ in one thing. In ``no_proxy`` and in KDE's list, a name covers itself and all names
below it, with or without a leading ``.``. In the list of Windows or macOS, a name covers itself alone,
and ``.example.org`` only what is below, as ``*.example.org`` does in all of these; in GNOME's, that covers
``example.org``, too, as GLib has it.

A list is shared by all programs of a machine, and not all of them read it alike. So an entry that makes
no sense here covers nothing and stops nothing: it is odd, which whoever looks for a reason is told.

A list is read in linear time, up to :data:`MAX_LIST` characters and :data:`MAX_ENTRIES` entries, and once
for each value; a host is compared with all entries at each dial, in time that is linear in both.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import NamedTuple, Protocol

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import HIDDEN, escaped, holds_secret, shown_setting
from trio_wsproxy._urls import (
    Malformed,
    Target,
    bare_host,
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
    "OddEntry",
    "PatternRule",
    "Rule",
    "is_loopback",
    "parse_bypass",
]

_MAPPED_IPV4 = IPv6Network("::ffff:0:0/96")
_LOOPBACK_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_URL_SCHEME = lazy_pattern(r"\A[a-z][a-z0-9+.\-]*://")
_PATTERN = lazy_pattern(r"[a-z0-9_.*\-]+")
_NUMERIC_PATTERN = lazy_pattern(r"(?=[.*]*[0-9])[0-9.*]+")
_RANGE = lazy_pattern(r"[0-9.*]+-[0-9.*\-]+")
# What most entries are, found out in one step: a name whose last label is no number.
_PLAIN = lazy_pattern(r"\.?((?:[a-z0-9_\-]{1,63}\.)*[a-z][a-z0-9_\-]{0,62})")
_STARS = lazy_pattern(r"\*+")
_SHORT_BASE = lazy_pattern(r"[0-9]+(?:\.[0-9]+){0,2}")

MAX_LIST = 2**17  # characters; what Linux allows for all of a variable
MAX_ENTRIES = 10_000  # of which 4,000 have been seen
MAX_PATTERN = 512  # characters; a name has 253, and half of a pattern may be stars
MAX_TOLD = 10  # odd entries that are named; more of them are counted
MAX_ENTRY = 60  # characters of an odd entry that are shown
LISTS = 8  # values that are kept; there are two at a time, and tests change them
HOSTS = 64  # that were compared with a list, likewise


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
        return _fits(self.pattern, text)


def _fits(pattern: str, text: str) -> bool:
    """Find the parts between the stars, each as far to the left as it goes: that is enough."""
    first, *others = pattern.split("*")
    if not others:
        return text == pattern
    *middle, last = others
    position, end = len(first), len(text) - len(last)
    if position > end or not (text.startswith(first) and text.endswith(last)):
        return False
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True


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


@lru_cache(HOSTS)  # each entry about addresses asks for it
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
      host: A host in its normal spelling; a trailing dot does not matter.

    Returns:
      Whether it is.

    """
    host = bare_host(host)
    if DomainRule("localhost").covers(host):
        return True
    return any(NetworkRule(network).covers(host) for network in _LOOPBACK_NETWORKS)


# --- lists -------------------------------------------------------------------------------


class BypassEntry(NamedTuple):
    """One entry of a list: its text, its rule, and the port it is limited to, if any."""

    text: str
    rule: Rule
    port: int | None = None


class OddEntry(NamedTuple):
    """An entry that makes no sense: its text, fit to be shown, and why."""

    text: str
    problem: str


class BypassList(NamedTuple):
    """A whole list.

    Attributes:
      entries: The entries in their order.
      proxies_loopback: Whether the list has ``<-loopback>``, which switches off the rule that
        loopback hosts are never proxied.
      odd: The first :data:`MAX_TOLD` entries that make no sense, and cover nothing.
      more_odd: How many others make none.
      shown: The list as it stood there, fit to be shown.
      secret: Whether there seems to be a password in the list, so that no entry may be shown.

    """

    entries: tuple[BypassEntry, ...] = ()
    proxies_loopback: bool = False
    odd: tuple[OddEntry, ...] = ()
    more_odd: int = 0
    shown: str = ""
    secret: bool = False

    def find(self, target: Target) -> BypassEntry | None:
        """Find the first entry that covers a target."""
        host, port = bare_host(target.host), target.port
        for entry in self.entries:
            if entry.port in (None, port) and entry.rule.covers(host):
                return entry
        return None

    @property
    def oddities(self) -> str:
        """Name the odd entries and what is wrong with them; empty if there are none."""
        told = [f"{odd.text!r} ({odd.problem})" for odd in self.odd]
        if not told:
            return ""
        said = ", ".join([*told, f"and {self.more_odd:,} more"] if self.more_odd else told)
        return f"no sense can be made of {said}: ignored"


@lru_cache(LISTS)
def parse_bypass(value: str, *, system: bool = False, gnome: bool = False) -> BypassList:
    """Read a list of hosts to be reached without a proxy.

    Args:
      value: The list: commas or blanks between its entries.
      system: Whether it is the list of an operating system: ``;`` separates too, and a name
        covers itself alone.
      gnome: Whether it is GNOME's: ``*.example.org`` covers ``example.org``, too.

    Returns:
      The list; what makes no sense in it is in ``odd``.

    """
    texts = re.split(r"[\s,;]+" if system else r"[\s,]+", value[: MAX_LIST + 1])
    entries: list[BypassEntry] = []
    odd: list[OddEntry] = []
    # With a password in the list, no entry can be told from a piece of it.
    secret = holds_secret(value)
    proxies_loopback, more_odd = False, 0
    if len(value) > MAX_LIST:
        texts.pop()  # half an entry may cover more than a whole one
    different = list(dict.fromkeys(filter(None, texts)))
    if len(value) > MAX_LIST or len(different) > MAX_ENTRIES:
        limits = f"{MAX_LIST:,} characters and {MAX_ENTRIES:,} entries"
        odd.append(OddEntry("…", f"of a list, {limits} are read"))
    for text in different[:MAX_ENTRIES]:
        if text.lower() == "<-loopback>":
            proxies_loopback = True
            continue
        try:
            entries.append(_parse_entry(text, system=system, gnome=gnome))
        except Malformed as exc:
            if len(odd) < MAX_TOLD:
                odd.append(OddEntry(HIDDEN if secret else _shown(text), _problem(text, exc)))
            else:
                more_odd += 1
    shown = shown_setting(value)
    return BypassList(tuple(entries), proxies_loopback, tuple(odd), more_odd, shown, secret)


def _shown(text: str) -> str:
    return escaped(text if len(text) <= MAX_ENTRY else text[:MAX_ENTRY] + "…")


# What is likely to be meant by an entry that makes no sense, by the first of these in it.
_LIKELY = (
    ("://", "a URL stands where a host belongs"),
    ("$", "a variable was not put in"),
    ("\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb", "quotation marks are a part of it"),
    (";", "commas or blanks go between entries"),
    ("\\", "a backslash is in no name"),
)


def _problem(text: str, exc: Malformed) -> str:
    for marks, problem in _LIKELY:
        if marks in text or (marks != "://" and any(mark in text for mark in marks)):
            return problem
    return str(exc.what)


def _parse_entry(text: str, *, system: bool, gnome: bool) -> BypassEntry:
    entry = text.lower()
    if gnome and entry.startswith("*."):
        entry = entry[1:]
    if not system and len(entry) < MAX_PATTERN and (plain := _PLAIN.fullmatch(entry)):
        return BypassEntry(text, DomainRule(normalise_host(plain[1])))
    if entry == "<local>":
        return BypassEntry(text, DotlessRule())
    if len(entry) > MAX_PATTERN:
        raise Malformed("it is longer than any name")
    if system and (scheme := _URL_SCHEME.match(entry)):
        entry = entry[scheme.end() :]  # Windows lets one write http://host
    if "/" in entry:
        return BypassEntry(text, NetworkRule(_parse_network(entry)))
    # IPv6 without brackets has no port.
    host, port = (entry, None) if ip_literal(entry) else split_host_port(entry)
    return BypassEntry(text, _parse_rule(_STARS.sub("*", host), system=system), port)


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
    if host and not any(map(str.isalnum, host)) and set(host) != set("*."):
        raise Malformed("there is no letter and no digit in it")
    if "." in host and _RANGE.fullmatch(host):
        raise Malformed("this is a range of addresses", "write a network, such as 10.0.0.0/24")
    name = host.removeprefix(".")
    if "*" in name or (system and name != host):
        return PatternRule(_parse_pattern(f"*{host}" if host.startswith(".") else host))
    name = bare_host(normalise_host(name))
    address = _address(name)
    if address is not None:
        return AddressRule(address)
    return PatternRule(name) if system else DomainRule(name)


def _parse_pattern(text: str) -> str:
    labels = text.removesuffix(".").split(".")
    # A whole label can be brought into its A-label form, a piece of one cannot.
    pattern = ".".join(
        label if label.isascii() or "*" in label else normalise_host(label) for label in labels
    )
    if not _PATTERN.fullmatch(pattern) or "" in labels or text == "*.":
        raise Malformed("this is not a pattern for names or IPv4 addresses")
    return pattern
