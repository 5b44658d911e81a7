"""How far away a host is: anywhere in the world, in a network of one's own, or this machine.

A redirect may lead as far away as it likes, and not nearer: a server out in the world that sends its
client to a private address wants something there that it cannot reach itself (server-side request
forgery; https://wicg.github.io/private-network-access/ has the same three spaces). Nothing is
resolved here.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

from trio_wsproxy._urls import ip_literal


class Space:
    """The greater, the nearer; plain numbers, for an enumeration takes long to make at import."""

    PUBLIC = 0
    PRIVATE = 1  # RFC 1918 and 4193, link-local, shared, reserved: all that is not global
    LOOPBACK = 2


# RFC 6761, 6762 with its appendix G, and 8375; ICANN has reserved .internal. None is delegated.
_PRIVATE_NAMES = (
    "local",
    "localdomain",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
)
# Besides localhost, what Linux distributions call it in /etc/hosts.
_LOOPBACK_NAMES = ("localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6")
_LOOPBACK_ALIASES = ("ip6-localhost", "ip6-loopback")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NAT64_HERE = IPv6Network("64:ff9b:1::/48")  # RFC 8215; older Pythons call it global
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")  # RFC 2765 section 2.1; Pythons call it global
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291 section 2.5.5.1


def space_of(host: str) -> int:
    """Tell how far away a host is by itself.

    Args:
      host: In the spelling of a :class:`Target`; a trailing dot does not matter.

    Returns:
      For an address, where it is. For a name, what it says of itself: ``localhost``, ``*.local``, a
      name of one label; any other may be anywhere and counts as public.

    """
    address = ip_literal(host.partition("%")[0])
    if address is not None:
        return _space_of_address(address)
    name = host.removesuffix(".")
    if name in _LOOPBACK_ALIASES or _is_below(name, _LOOPBACK_NAMES):
        return Space.LOOPBACK
    if "." not in name or _is_below(name, _PRIVATE_NAMES):
        return Space.PRIVATE
    return Space.PUBLIC


def farthest(addresses: Iterable[str]) -> int:
    """Tell how far away a host is that has these addresses; it is as far as the farthest."""
    return min(map(space_of, addresses), default=Space.PUBLIC)


def _is_below(name: str, domains: Iterable[str]) -> bool:
    return any(name == domain or name.endswith(f".{domain}") for domain in domains)


def _space_of_address(address: IPv4Address | IPv6Address) -> int:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _space_of_address(address.ipv4_mapped)
        hidden = _hidden_ipv4(address)
        if hidden is not None and not (address.is_loopback or address.is_unspecified):
            return max(_space_of_address(hidden), _space_itself(address))
    return _space_itself(address)


def _hidden_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Take the IPv4 address out that a gateway on the way would send this to."""
    if any(address in network for network in (_NAT64, _TRANSLATED, _COMPATIBLE)):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.sixtofour


def _space_itself(address: IPv4Address | IPv6Address) -> int:
    # To 0.0.0.0 and :: a socket connects on this machine.
    if address.is_loopback or address.is_unspecified:
        return Space.LOOPBACK
    odd = address.is_multicast or (
        isinstance(address, IPv6Address) and (address.is_site_local or address in _NAT64_HERE)
    )
    if address.is_global and not odd:
        return Space.PUBLIC
    return Space.PRIVATE
