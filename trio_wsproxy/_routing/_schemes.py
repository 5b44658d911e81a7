"""``TRIO_WSPROXY_AUTH``: in which schemes the proxies of the system's settings are spoken with.

The variable is for all proxies that are found where nobody has given one: in the environment, in the
desktop's or the operating system's settings, or by their PAC script. It is read when such a proxy is
about to be used over HTTP, and not before: what is wrong in it stops nobody who goes another way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trio_wsproxy._auth import lacks_library, parse_names, titles
from trio_wsproxy._urls import Proxy, with_auth

from ._route import Look, warn_once

VARIABLE = "trio_wsproxy_auth"
_FOR_HTTP = "set, but not looked at: it is for HTTP proxies, and SOCKS has schemes of its own"


class Schemes(NamedTuple):
    """The variable, as it stands.

    Attributes:
      place: Its name, for messages.
      value: A list of names; it may be anything.

    """

    place: str
    value: str


class Equipped(NamedTuple):
    """Proxies with the schemes that they are spoken with.

    Attributes:
      hops: The proxies.
      looks: What came of looking at the variable.
      notes: What is passed over, a line each; these stand in the looks, too.

    """

    hops: tuple[Proxy, ...]
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()


def equip(hops: tuple[Proxy, ...], schemes: Schemes | None) -> Equipped:
    """Let proxies be spoken with as the variable says, where it is set.

    Args:
      hops: The proxies of a route; SOCKS has schemes of its own, and is left alone.
      schemes: The variable, for proxies of the system's settings.

    Raises:
      ProxyConfigError: A word in it is no scheme.

    """
    if not hops:
        return Equipped(hops)
    if all(hop.is_socks for hop in hops):
        looks = (Look(schemes.place, None, _FOR_HTTP),) if schemes else ()
        return Equipped(hops, looks)
    names = parse_names(schemes.value, schemes.place) if schemes else ()
    looks = ()
    if schemes and names:
        what = "the schemes that it is spoken with, in order of preference"
        looks = (Look(schemes.place, ", ".join(names), what),)
        hops = tuple(hop if hop.is_socks else with_auth(hop, names) for hop in hops)
    lacking = [Look(place, None, what) for place, what in dict.fromkeys(_lacking(hops, schemes))]
    notes = tuple(map(str, lacking))
    for note in notes:
        warn_once(note)
    return Equipped(hops, (*looks, *lacking), notes)


def _lacking(hops: tuple[Proxy, ...], schemes: Schemes | None) -> Iterator[tuple[str, str]]:
    """Say which schemes are passed over for want of a library, or do not fit the credentials."""
    for hop in hops:
        given = hop.auth if isinstance(hop.auth, tuple) else ()
        names = [scheme for scheme in given if isinstance(scheme, str)]
        if not (names or hop.is_single_sign_on):
            continue  # nearly always
        place = schemes.place if schemes and names else f"proxy {hop.url}"
        alone = bool(names) and len(names) == len(given)
        if alone and hop.is_single_sign_on and not {"negotiate", "ntlm"} & set(names):
            yield place, f"no single sign-on (:@) is possible with {titles(names)}"
        for name in names or ["negotiate"]:
            if problem := lacks_library(name):
                yield place, f"passed over: {problem}"
