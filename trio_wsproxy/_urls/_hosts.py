"""Hosts and ports: texts in, one spelling out.

A host leaves this file in lower case, as A-labels (RFC 5890), without brackets, IP literals as
:mod:`ipaddress` writes them. So names compare with ``==``; but for the dot at the end of one, which
says that the name is whole, and that no search domain is to be tried behind it. Who looks a name up,
here or at a proxy, gets it as it was written; certificates, TLS, ``no_proxy`` and whoever else knows
names by themselves get :func:`bare_host`.

Whatever is malformed is told with :class:`Malformed`, by readers that do not know where the text
stood. Checks of others that end in an exception (``ipaddress``, ``idna``, UTF-8) are wrapped in small
functions that return ``None``, so that nothing is raised inside of an ``except`` block:
``raise … from None`` would still leave the original, which quotes its text, in ``__context__``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote_to_bytes

import idna

from trio_wsproxy._failures import Words

_LABEL = re.compile(r"[a-z0-9_\-]{1,63}")  # Docker's service names have underscores
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")  # what inet_aton(3) reads as a part of an address
_ZONE = re.compile(r"[A-Za-z0-9._~\-]+")  # RFC 6874: unreserved characters
_DOTS = 3  # in an IPv4 address
_MAX_NAME = 253  # RFC 1035 section 2.3.4: 255 octets on the wire


class Malformed(Exception):
    """What is wrong with a text, said by a reader that does not know where the text stood.

    It never leaves the rooms that read settings: each function that others call catches it once, and
    raises the error of its own, with the text's source and the whole text masked, behind the
    ``except`` block.

    Args:
      what: What is wrong, without any piece of the text that may be secret.
      remedy: What to write instead.

    Attributes:
      what (str | Words): As given.
      problem (str | Words): The same, with the remedy behind it.

    """

    def __init__(self, what: str | Words, remedy: str = "") -> None:
        self.what = what
        self.problem = f"{what}; {remedy}" if remedy else what
        super().__init__(self.problem)


def ip_literal(host: str) -> IPv4Address | IPv6Address | None:
    """Read a host as an IP literal.

    Args:
      host: A host without brackets.

    Returns:
      The address, or ``None`` if the host is a name.

    """
    if ":" not in host and host.count(".") != _DOTS:
        return None  # as nearly always, and an exception costs more than all the rest
    try:
        return ip_address(host)
    except ValueError:
        return None


def split_host_port(text: str) -> tuple[str, int | None]:
    """Cut ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` in two.

    Args:
      text: The text, without user information.

    Returns:
      The host as written, with its brackets, and the port if there is one. An empty port is
      none (RFC 3986 section 3.2.3).

    Raises:
      Malformed: It is none of these.

    """
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
        if not bracket or (rest and not rest.startswith(":")):
            raise Malformed("an IPv6 address is written [address] or [address]:port")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
        if ":" in port:
            raise Malformed(
                "there are too many colons; an IPv6 address goes into brackets, as in [::1]:3128, "
                "and credentials go before the host, as in user:password@host:port"
            )
    return host, _parse_port(port) if port else None


def _parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise Malformed("the port is not a number", "it stands after the host, as in host:3128")
    # int() itself refuses thousands of digits, with a message of its own.
    text = text.lstrip("0")
    port = int(text or "0") if len(text) <= len("65535") else 0
    return check_port(port)


def check_port(port: int) -> int:
    """Refuse a number that is no port."""
    if not 1 <= port <= 65535:
        raise Malformed("the port is out of range", "use 1 to 65535")
    return port


@lru_cache(32)  # a program dials a few hosts again and again
def normalise_host(text: str) -> str:
    """Bring a host into the one spelling that is used everywhere else.

    Texts that ``inet_aton(3)`` takes for an IPv4 address although they are none in RFC 3986
    (``127.1``, ``0x7f.1``, ``2130706433``, ``010.0.0.1``) are refused: some resolvers would read
    them as an address behind the back of every rule about addresses.

    Args:
      text: A name, an IPv4 address, or an IPv6 address with or without brackets; names may be
        non-ASCII.

    Returns:
      The host in lower case, as A-labels, without brackets; an IPv6 zone is kept, and so is
      the trailing dot of a name.

    Raises:
      Malformed: It is no host.

    """
    if not text:
        raise Malformed("the host is missing")
    if text.startswith("[") or ":" in text:
        return _normalise_ipv6(text)
    if any(map(str.isspace, text)):
        raise Malformed("there is a blank in the host")
    name = _to_ascii(text)
    if name is None:
        raise Malformed("the host is not a valid name (IDNA refuses it)")
    written = name.lower()
    name = written.removesuffix(".")
    address = ip_literal(name)
    if address is not None:
        return str(address)
    labels = name.split(".")
    if all(_NUMBER.fullmatch(label) for label in labels):
        raise Malformed(
            "the host is a number but no IPv4 address",
            "write all four parts, as in 127.0.0.1",
        )
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise Malformed(
            "the host is not a valid name",
            "its labels have 1 to 63 letters, digits, hyphens or underscores, 253 characters in all",
        )
    return written


def _normalise_ipv6(text: str) -> str:
    inner = text
    if text.startswith("["):
        if not text.endswith("]"):
            raise Malformed("the bracket of the IPv6 address is not closed")
        inner = text[1:-1]
    elif text.count(":") == 1:
        raise Malformed("a host goes here alone, without a port")
    literal, percent, zone = inner.partition("%")
    # RFC 6874 section 2: in a URL the "%" before the zone is itself written %25.
    zone = zone[2:] if zone.startswith("25") and len(zone) > 2 else zone
    address = ip_literal(literal)
    if not isinstance(address, IPv6Address) or (percent and not _ZONE.fullmatch(zone)):
        raise Malformed(
            "this is not an IPv6 address", "one looks like [2001:db8::1] or [fe80::1%25eth0]"
        )
    return f"{address}{percent}{zone}"


def _to_ascii(name: str) -> str | None:
    if name.isascii():
        return name
    if len(name) > _MAX_NAME:  # IDNA takes long over what cannot be a name anyway
        return None
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except UnicodeError:
        return None


def percent_decode(text: str) -> str | None:
    """Decode ``%XX`` as UTF-8; a ``%`` without two digits behind it stands for itself."""
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None


def decode_host(text: str) -> str:
    """Percent-decode a host of a URL, whose port has been cut off."""
    if text.startswith("["):
        return text  # RFC 6874: the zone has an encoding of its own
    host = percent_decode(text)
    if host is None:
        raise Malformed("the host is not UTF-8 when percent-decoded")
    if ":" in host:
        raise Malformed("the host is not a valid name")
    return host


def authority_of(host: str, port: int) -> str:
    """Write ``host:port`` for others to read, so without a zone (RFC 6874 section 1)."""
    return f"{bracketed(host.partition('%')[0])}:{port}"


def bare_host(host: str) -> str:
    """Write a host as certificates have it, and TLS: no trailing dot (RFC 6066 section 3), no zone."""
    return host.partition("%")[0].removesuffix(".")


def bracketed(host: str) -> str:
    """Write a host as URLs have it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host
