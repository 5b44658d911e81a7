"""What any desktop's settings come to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple
from urllib.parse import quote

from trio_wsproxy._redaction import secret
from trio_wsproxy._routing._route import Look
from trio_wsproxy._urls import ip_literal


class Setting(NamedTuple):
    """One value, and where it stands.

    Attributes:
      place: In full, for messages: ``"GNOME's settings, org.gnome.system.proxy.https host"``.
      value: A proxy URL, perhaps without its scheme, or where a PAC script is; it hides itself.

    """

    place: str
    value: str


class Bypass(NamedTuple):
    """A list of exceptions.

    Attributes:
      place: Where it stands.
      value: Its entries, with blanks, commas or (``"system"``) semicolons between them.
      style: How it is read; see :func:`~trio_wsproxy._routing.parse_bypass`.
      reversed: Whether it names the hosts that do go through a proxy.
      for_pac: Whether it counts before a PAC script is asked, too.

    """

    place: str
    value: str
    style: Literal["system", "GNOME", "KDE"]
    reversed: bool = False
    for_pac: bool = False


class DesktopSettings(NamedTuple):
    """What a desktop says.

    Attributes:
      place: The name of the place, for messages.
      source: What a route that comes of it calls its source.
      looks: What stands there and decides, in order.
      proxies: Proxies by the protocol they are for: ``"http"``, ``"https"``, ``"socks"``.
      bypass: The hosts to reach directly.
      pac: The PAC script, if one is to be asked.
      ways: What the portal says for one target: a setting for each alternative. No other desktop has it.
      notes: Place and words of what is odd.
      answered: Whether it was read at all.

    """

    place: str
    source: str
    looks: tuple[Look, ...] = ()
    proxies: Mapping[str, Setting] = MappingProxyType({})
    bypass: Bypass | None = None
    pac: Setting | None = None
    ways: tuple[Setting, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    answered: bool = True


_PORT = re.compile(r":[0-9]*\Z")


def url_of(host: str, port: int, username: str = "", password: str = "") -> str:
    """Put together what a desktop keeps in several fields; malformed parts stay as they are.

    Args:
      host: A name or an address; people write whole URLs there, which have a port of their own.
      port: Its port; 0 is none.
      username: For the proxy; empty is none.
      password: Likewise.

    Returns:
      A proxy URL, perhaps without a scheme; it hides itself.

    """
    scheme, sign, rest = host.strip().rpartition("://")
    rest = rest.rstrip("/")
    userinfo, at, host = rest.rpartition("@")
    if ip_literal(host) and ":" in host:
        host = f"[{host}]"
    if port and not _PORT.search(host):
        host = f"{host}:{port}"
    if username and not at:
        userinfo, at = quote(username, safe="", errors="replace"), "@"
        if password:
            userinfo += ":" + quote(password, safe="", errors="replace")
    return secret(f"{scheme}{sign}{userinfo}{at}{host}")
