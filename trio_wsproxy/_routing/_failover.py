"""Several ways to one target: which is tried first, and when another one is tried at all.

The rule
--------

Alternatives are tried in their order. The next one is tried where the last one is to blame, or cannot
do it now:

* name, TCP or TLS of one of its proxies failed, or it hung up before it had answered;
* its proxy said 502, 503 or 504 to ``CONNECT``, or that it could not connect (RFC 1928 section 6);
* it took too long while others were waiting;
* it is the direct connection, and the server's name or TCP failed.

Who refuses (403, 407, a rule of a SOCKS proxy) has decided, and going round that is not for a program
to do; a certificate or a setting that is wrong must be mended. Such a failure ends the attempt.

A bad alternative goes to the end for five minutes: the whole of it where its proxies failed, for this
one target where a proxy could not reach that. It is still tried, when all others have failed. The
direct connection is never put back: what failed was the server. After that time the list is what it was.

This is remembered for a run of trio, by its clock, under the masked URLs of the proxies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import trio

from trio_wsproxy._exceptions import (
    ProxyAuthenticationError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
    failure_of,
    misconfigured,
)
from trio_wsproxy._failures import Kind
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import shown_url

from ._route import Look, Route

if TYPE_CHECKING:
    from ._argument import ProxyArgument

BAD_FOR = 300.0  # seconds; Chromium's and Firefox's figure is the same
PATIENCE = 15.0  # seconds for one alternative while others wait; a healthy proxy needs one or two
MAX_REMEMBERED = 256  # bad alternatives; a program knows some dozens of targets
_BEHIND_PROXY = ("connect", "socks", "server_tls")
_CANNOT_NOW = frozenset((502, 503, 504))
_CANNOT_CONNECT = frozenset((1, 3, 4, 5, 6))  # RFC 1928; 2 is a rule, and so 91 may be

StepT = TypeVar("StepT")
_Key: TypeAlias = tuple[tuple[str, ...], str]  # masked URLs of the hops; the target, or nothing

_bad: trio.lowlevel.RunVar[dict[_Key, float]] = trio.lowlevel.RunVar("trio_wsproxy.failover")


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
        direct connection.

    Raises:
      ProxyConfigError: There is none.

    Attributes:
      alternatives (tuple): As given.

    """

    __slots__ = ("alternatives",)

    alternatives: tuple[ProxyArgument, ...]

    def __init__(self, *alternatives: ProxyArgument) -> None:
        if not alternatives:
            raise misconfigured("Failover() needs one alternative at least")
        object.__setattr__(self, "alternatives", alternatives)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Failover is frozen: {name} cannot be set")

    def __reduce__(self) -> tuple[Any, ...]:
        return Failover, self.alternatives

    def __repr__(self) -> str:
        return f"Failover({', '.join(map(_shown, self.alternatives))})"


def _shown(alternative: ProxyArgument) -> str:
    """Show an alternative without its password."""
    if isinstance(alternative, str):
        return repr(shown_url(alternative))
    if isinstance(alternative, Sequence):
        return f"[{', '.join(map(_shown, alternative))}]"
    return repr(alternative)


def is_worth_another(error: Exception, route: Route) -> bool:
    """Tell whether the next alternative is tried after this error.

    Args:
      error: What the dial of an alternative raised.
      route: The alternative.

    """
    failure = failure_of(error)
    if failure is not None and failure.kind is Kind.EXHAUSTED:
        return False  # this machine's, whichever way is taken
    if isinstance(error, ProxyAuthenticationError):
        return False
    if isinstance(error, ProxyRejected):
        return error.status_code in _CANNOT_NOW or error.reply_code in _CANNOT_CONNECT
    if isinstance(error, ProxyProtocolError):
        return failure is not None and failure.kind is Kind.CUT_OFF
    if isinstance(error, ServerUnreachable):
        if failure is not None and failure.kind is Kind.TIMED_OUT:
            return True
        # Behind socks4:// and socks5:// this machine looks the server's name up.
        return error.stage == "resolve" or (error.stage == "tcp" and not route.hops)
    return isinstance(error, ProxyUnreachable)


def in_order(routes: Iterable[StepT]) -> list[StepT]:
    """Put the bad ones to the end, the one that was bad first before the others."""
    return sorted(routes, key=lambda x: bad_for(x) if isinstance(x, Route) else 0.0)


def chosen(routes: Sequence[Route]) -> Route:
    """Make one route of several alternatives: the first to be tried, which knows the others.

    Args:
      routes: In the order of the setting; one at least.

    """
    if len(routes) == 1:
        return routes[0]
    ordered = in_order(routes)
    trail = list(dict.fromkeys(look for route in routes for look in route.trail))
    for number, route in enumerate(ordered, start=1):
        seconds = bad_for(route)
        outcome = (
            "would be tried first" if number == 1 else "would be tried if those before it fail"
        )
        if seconds:
            outcome = f"failed lately, so it is at the end for another {seconds:.0f} s"
        trail.append(Look(f"alternative {number} of {len(routes)}", route.way, outcome))
    notes = tuple(dict.fromkeys(note for route in routes for note in route.notes))
    first = ordered[0]
    return replace(first, trail=tuple(trail), notes=notes, alternatives=tuple(ordered), _said=())


def note_failure(route: Route, error: ProxyError | ServerUnreachable) -> None:
    """Put an alternative to the end of all lists for a while."""
    if not route.hops:
        return
    failure = failure_of(error)
    slow = failure is not None and failure.kind is Kind.TIMED_OUT
    # Whether a proxy that was asked and gave no answer is to blame, or the server, nobody knows.
    whole = isinstance(error, (ProxyUnreachable, ProxyProtocolError)) and not (
        slow and error.stage in _BEHIND_PROXY
    )
    now, bad = trio.current_time(), _remembered()
    for key in [key for key, until in bad.items() if until <= now]:
        del bad[key]
    if len(bad) >= MAX_REMEMBERED:
        del bad[min(bad, key=bad.__getitem__)]
    bad[_key(route, whole=whole)] = now + BAD_FOR


def note_success(route: Route) -> None:
    """Forget that an alternative was bad."""
    bad = _remembered()
    if bad:
        for whole in (True, False):
            bad.pop(_key(route, whole=whole), None)


def bad_for(route: Route) -> float:
    """Seconds for which an alternative is still at the end of its list; 0 if it is not."""
    bad = _remembered()
    if not bad:
        return 0.0
    until = max(bad.get(_key(route, whole=whole), 0.0) for whole in (True, False))
    return max(0.0, until - trio.current_time())


def _remembered() -> dict[_Key, float]:
    try:
        return _bad.get()
    except LookupError:
        known: dict[_Key, float] = {}
        _bad.set(known)
        return known
    except RuntimeError:  # outside of trio, where nothing was dialed
        return {}


def _key(route: Route, *, whole: bool) -> _Key:
    return tuple(hop.url for hop in route.hops), "" if whole else route.target.authority
