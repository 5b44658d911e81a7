"""From the desktop's settings to a route: the part of precedence that is about them.

Nothing here waits: what has to be read first ends in :exc:`Unread`, and whoever catches it reads
(:mod:`._desktop`, which is imported where there is a desktop), in its own way, and asks again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from trio_wsproxy._exceptions import ProxyConfigError, failed, failure_of
from trio_wsproxy._failures import Failure
from trio_wsproxy._redaction import secret
from trio_wsproxy._urls import Proxy, Target, TargetScheme, parse_shared_proxy

from . import _system
from ._bypass import BypassList, is_loopback, parse_bypass
from ._route import Look, Trail

if TYPE_CHECKING:
    from ._desktop import DesktopSettings, Wanted

# The desktops know proxies for these protocols.
_LOOKED_AT: dict[TargetScheme, tuple[str, ...]] = {
    "wss": ("socks", "https"),
    "ws": ("socks", "https", "http"),
    "https": ("https", "socks"),  # as browsers have it
    "http": ("http", "socks"),
    "tcp": ("socks", "https"),
    "tls": ("socks", "https"),
}


class Unread(Exception):  # it never leaves this package
    """The desktop's settings have to be read first.

    Attributes:
      wanted: What is to be read.

    """

    def __init__(self, wanted: Wanted) -> None:
        super().__init__("the desktop's settings have to be read")
        self.wanted = wanted


class Exceptions(NamedTuple):
    """A list of exceptions that counts.

    Attributes:
      place: Where it stands.
      source: What a route that comes of it calls its source.
      entries: The list.
      reversed: Whether it names the hosts that do go through a proxy.

    """

    place: str
    source: str
    entries: BypassList
    reversed: bool = False


def desktop_settings(target: Target) -> DesktopSettings | None:
    """Give the settings of the desktop, as they were read lately.

    Args:
      target: Where to; only a portal's answer depends on it.

    Returns:
      The settings, or ``None`` where there is no desktop.

    Raises:
      Unread: They have to be read first.

    """
    if not _system.may_have_desktop():
        return None
    # On a server, never.
    from ._desktop import Desktop, at_hand, wanted
    from ._desktop._which import desktops

    environ = _system.environment()
    found = desktops(environ, sys.platform)
    # No list of exceptions on Linux makes this machine's own names go to a proxy.
    if not found or (is_loopback(target.host) and found[0] not in (Desktop.WINDOWS, Desktop.MACOS)):
        return None
    what = wanted(found, target, environ)
    settings, fresh = at_hand(what)
    if not fresh:
        raise Unread(what)
    return settings


def exceptions_of(settings: DesktopSettings, target: Target) -> Exceptions | None:
    """Give the list of exceptions, if it counts."""
    bypass = settings.bypass
    # Without a proxy to bypass, the list does not matter.
    if bypass is None or not (
        bypass.for_pac if settings.pac is not None else _proxy_for(target, settings)
    ):
        return None
    system, gnome = bypass.style == "system", bypass.style == "GNOME"
    entries = parse_bypass(bypass.value, system=system, gnome=gnome)
    return Exceptions(bypass.place, settings.source, entries, bypass.reversed)


def proxy_of(settings: DesktopSettings, target: Target, trail: Trail) -> tuple[Proxy | None, str]:
    """Find the proxy for a target, and its source."""
    found = _proxy_for(target, settings)
    if found is None:
        trail.append(Look(settings.place, None, f"name no proxy for {target.scheme}://"))
        return None, "direct"
    protocol, place, url = found
    if protocol == "socks":
        # The platforms write socks://, socks4:// or http:// before it, and mean "SOCKS".
        url = secret("socks5h://" + url.rpartition("://")[2])
    proxy, passed_over = parse_shared_proxy(url, source=place)
    trail.append(Look(place, proxy.url, "used"))
    if passed_over:
        trail.note(place, passed_over)
    return proxy, settings.source


def ways_of(settings: DesktopSettings, trail: Trail) -> list[tuple[Proxy, ...]]:
    """Read what a portal says: the hops of each alternative.

    Raises:
      ProxyConfigError: Not one of them makes sense.

    """
    ways: list[tuple[Proxy, ...]] = []
    problem: Failure | None = None
    for place, value in settings.ways:
        if value.partition(":")[0].lower() == "direct":
            ways.append(())
            continue
        scheme, sign, rest = value.partition("://")
        # As everywhere, socks:// is version 5, and names go to the proxy.
        url = secret("socks5h://" + rest) if sign and scheme.lower() == "socks" else value
        try:
            proxy, _ = parse_shared_proxy(url, source=place)
        except ProxyConfigError as exc:
            problem = problem or failure_of(exc)
            trail.note(place, f"an alternative is passed over ({exc})")
            continue
        ways.append((proxy,))
    if problem is not None and not ways:
        raise failed(ProxyConfigError, problem)
    return ways


def _proxy_for(target: Target, settings: DesktopSettings) -> tuple[str, str, str] | None:
    """Protocol, place and URL of the proxy for a target."""
    for protocol in _LOOKED_AT[target.scheme]:
        setting = settings.proxies.get(protocol)
        if setting is not None and setting.value.strip():
            return protocol, setting.place, secret(setting.value.strip())
    return None
