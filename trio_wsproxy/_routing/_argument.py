"""What ``proxy=`` may be, and the route of one that names its proxies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import PARAMETERS, Topic, words
from trio_wsproxy._redaction import secret
from trio_wsproxy._urls import Proxy, Target, parse_proxy

from ._failover import Failover
from ._pac_value import PAC
from ._route import Look, Route
from ._schemes import equip

ProxyArgument: TypeAlias = (
    Literal[True] | str | Proxy | Sequence[str | Proxy] | PAC | Failover | None
)

ARGUMENT = PARAMETERS[Topic.ARGUMENT]

# Words in place of a proxy; in a variable they are hosts, as for curl.
MEANS_NONE = frozenset(
    ("none", "null", "nil", "undefined", "direct", "false", "no", "off", "disable", "disabled")
)
_SYSTEM_S = frozenset(("true", "yes", "on", "system", "auto", "default", "env", "environment"))


def explicit_route(target: Target, proxy: str | Proxy | Sequence[str | Proxy] | None) -> Route:
    """Make the route of an argument that names its proxies, or says that there are none."""
    hops = _parse_argument(proxy)
    if not hops:
        look = Look(ARGUMENT, str(proxy), "a direct connection")
    else:
        shown = ", ".join(hop.url for hop in hops)
        outcome = "used; it wins over bypass rules and the loopback rule"
        look = Look(ARGUMENT, shown, outcome)
    equipped = equip(hops, None)
    looks = (look, *equipped.looks)
    return Route(equipped.hops, target, look.place, looks, given=True, notes=equipped.notes)


def _parse_argument(proxy: str | Proxy | Sequence[str | Proxy] | None) -> tuple[Proxy, ...]:
    if proxy is None:
        return ()
    if isinstance(proxy, (str, Proxy)):
        _check_word(proxy)
        return (parse_proxy(proxy, source=Topic.ARGUMENT),)
    if isinstance(proxy, Sequence) and not isinstance(proxy, (bytes, bytearray, memoryview)):
        for hop in proxy:
            _check_word(hop)
        return tuple(
            parse_proxy(
                hop, source=words("{place}, hop {number}", place=Topic.ARGUMENT, number=number)
            )
            for number, hop in enumerate(proxy, start=1)
        )
    hint = "; use proxy=None for a direct connection" if isinstance(proxy, bool) else ""
    raise TypeError(
        "proxy= takes True, None, a proxy URL, a Proxy, a sequence of them, a PAC or a Failover, "
        f"not {type(proxy).__name__}{hint}"
    )


def _check_word(proxy: str | Proxy) -> None:
    """Refuse what means None or True and would be taken for a host of that name."""
    word = proxy.strip().lower() if isinstance(proxy, str) else ""
    if word in MEANS_NONE:
        meant = words("for a direct connection give {direct}", direct=Topic.DIRECT)
    elif word in _SYSTEM_S:
        meant = words("for the system's settings leave it out")
    else:
        return
    what = words("{place}: {word!r} names no proxy", place=Topic.ARGUMENT, word=word)
    raise misconfigured(
        what, words("{meant}; a host of that name is http://{word}", meant=meant, word=word)
    )


def hidden(proxy: ProxyArgument) -> ProxyArgument:
    """Give the same argument, in which URLs hide themselves."""
    if isinstance(proxy, str):
        return secret(proxy)
    if isinstance(proxy, Sequence) and not isinstance(proxy, (bytes, bytearray, memoryview)):
        return tuple(secret(hop) if isinstance(hop, str) else hop for hop in proxy)
    return proxy
