"""What ``proxy=`` may be, and the route of one that names its proxies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import PARAMETERS, Topic, Value, words
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import hiding, kind_of, secret, shown_url
from trio_wsproxy._urls import Proxy, Target, parse_proxy

from ._pac_value import PAC
from ._route import Look, Route
from ._schemes import equip

ARGUMENT = PARAMETERS[Topic.ARGUMENT]

# Words in place of a proxy; in a variable they are hosts, as for curl.
MEANS_NONE = frozenset(
    ("none", "null", "nil", "undefined", "direct", "false", "no", "off", "disable", "disabled")
)
_SYSTEM_S = frozenset(("true", "yes", "on", "system", "auto", "default", "env", "environment"))


class Failover(Record):
    """Several ways, in order of preference, for the parameter ``proxy``.

    ::

        proxy=Failover("http://proxy.corp:3128", "socks5h://backup.corp", None)

    The next one is tried where a proxy's name, TCP or TLS fails, where it hangs up, or where it answers
    502, 503 or 504; never where it refuses. One that failed is tried last for five minutes. There is no
    direct connection unless ``None`` is listed.

    Args:
      alternatives: One or more; each is anything that ``proxy`` takes: a URL, a :class:`Proxy`, a
        sequence of them (a chain), a :class:`PAC`, ``True`` for the system's settings, ``None`` for a
        direct connection, another ``Failover``.

    Raises:
      ProxyConfigError: There is none, or one is malformed; the message says which.
      TypeError: One is something else.

    Attributes:
      alternatives (tuple): As given; a chain as a tuple.

    """

    __slots__ = ("alternatives",)

    alternatives: tuple[ProxyArgument, ...]

    def __init__(self, *alternatives: ProxyArgument) -> None:
        alternatives = hiding(alternatives)  # error trackers show our variables
        if not alternatives:
            raise misconfigured(
                words("Failover() needs one alternative at least"),
                words("for a direct connection give {direct}", direct=Topic.DIRECT),
            )
        object.__setattr__(self, "alternatives", _checked(alternatives))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Failover is frozen: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return Failover, self.alternatives

    def __repr__(self) -> str:
        made = getattr(self, "alternatives", ())  # it is shown, too, when one was refused
        return f"Failover({', '.join(map(_shown, made))})"


ProxyArgument: TypeAlias = (
    Literal[True] | str | Proxy | Sequence[str | Proxy] | PAC | Failover | None
)


def _shown(alternative: ProxyArgument) -> str:
    """Show an alternative without its password."""
    if isinstance(alternative, str):
        return repr(shown_url(alternative))
    if isinstance(alternative, Sequence):
        return f"[{', '.join(map(_shown, alternative))}]"
    return repr(alternative)


def _checked(alternatives: tuple[ProxyArgument, ...]) -> tuple[ProxyArgument, ...]:
    """Check what a Failover is made of; its lists become tuples."""
    checked: list[ProxyArgument] = []
    for number, one in enumerate(alternatives, start=1):
        if one is not True and not isinstance(one, (PAC, Failover)):
            place = words("Failover(), alternative {number}", number=number)
            if not _parse_argument(one, place) and one is not None:
                what = words("{place}: the chain is empty", place=place)
                meant = words("for a direct connection give {direct}", direct=Topic.DIRECT)
                raise misconfigured(what, meant)
        checked.append(hidden(one))
    return tuple(checked)


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


def _parse_argument(
    proxy: str | Proxy | Sequence[str | Proxy] | None, place: Value = Topic.ARGUMENT
) -> tuple[Proxy, ...]:
    if proxy is None:
        return ()
    if isinstance(proxy, (str, Proxy)):
        _check_word(proxy, place)
        return (parse_proxy(proxy, source=place),)
    if isinstance(proxy, Sequence) and not isinstance(proxy, (bytes, bytearray, memoryview)):
        for hop in proxy:
            _check_hop(hop)
            _check_word(hop, place)
        return tuple(
            parse_proxy(hop, source=words("{place}, hop {number}", place=place, number=number))
            for number, hop in enumerate(proxy, start=1)
        )
    option, none = ("proxy=", "proxy=None") if place is Topic.ARGUMENT else (str(place), "None")
    hint = f"; use {none} for a direct connection" if isinstance(proxy, bool) else ""
    raise TypeError(
        f"{option} takes True, None, a proxy URL, a Proxy, a sequence of them, a PAC or a Failover, "
        f"not {kind_of(proxy)}{hint}"
    )


def _check_hop(hop: object) -> None:
    """Refuse what has several ways in it where one proxy is meant."""
    if isinstance(hop, (PAC, Failover)):
        raise TypeError(
            f"a chain is made of proxy URLs and Proxy objects, not of a {type(hop).__name__}; "
            "put the chains into a Failover"
        )


def _check_word(proxy: str | Proxy, place: Value) -> None:
    """Refuse what means None or True and would be taken for a host of that name."""
    word = proxy.strip().lower() if isinstance(proxy, str) else ""
    if word in MEANS_NONE:
        meant = words("for a direct connection give {direct}", direct=Topic.DIRECT)
    elif word in _SYSTEM_S:
        meant = words("for the system's settings leave it out")
    else:
        return
    what = words("{place}: {word!r} names no proxy", place=place, word=word)
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
