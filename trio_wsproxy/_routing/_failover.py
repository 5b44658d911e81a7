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
to do; a server's certificate or a setting that is wrong must be mended. Such a failure ends the attempt.
SOCKS4 has one reply for all of it, 91, and so that is a refusal. A PAC script that cannot be loaded,
fails or makes no sense is one alternative that failed.

A bad alternative goes to the end for five minutes: the whole of it where its proxies failed, or the
server of its script; for this one target where a proxy could not reach that. It is still tried, when all
others have failed. The direct connection is never put back: what failed was the server. Nor is a script
that fails, which costs no time. After that time the list is what it was.

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
)
from trio_wsproxy._failures import Kind, Words, words

from ._pac_value import PAC
from ._route import Look, Route

if TYPE_CHECKING:
    from ._resolve import Question

BAD_FOR = 300.0  # seconds; Chromium's and Firefox's figure is the same
PATIENCE = 15.0  # seconds for one alternative while others wait; a healthy proxy needs one or two
MAX_REMEMBERED = 256  # bad alternatives; a program knows some dozens of targets
_BEHIND_PROXY = ("connect", "socks", "server_tls")
_CANNOT_NOW = frozenset((502, 503, 504))
_CANNOT_CONNECT = frozenset((1, 3, 4, 5, 6))  # RFC 1928; 2 is a rule, and so 91 may be

StepT = TypeVar("StepT")
# Masked URLs of the hops, or where the script is from; the target, or nothing.
_Key: TypeAlias = tuple[tuple[str, ...] | PAC, str]

_bad: trio.lowlevel.RunVar[dict[_Key, float]] = trio.lowlevel.RunVar("trio_wsproxy.failover")


def is_worth_another(error: Exception, step: Route | Question) -> bool:
    """Tell whether the next alternative is tried after this error.

    Args:
      error: What the dial of an alternative raised, or asking a script.
      step: The alternative.

    """
    failure = failure_of(error)
    if failure is not None and failure.kind is Kind.EXHAUSTED:
        return False  # this machine's, whichever way is taken
    if not isinstance(step, Route):
        return True
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
        return error.stage == "resolve" or (error.stage == "tcp" and not step.hops)
    return isinstance(error, ProxyUnreachable)


def in_order(steps: Iterable[StepT]) -> list[StepT]:
    """Put the bad ones to the end, the one that was bad first before the others."""
    return sorted(steps, key=bad_for)


def chosen(routes: Sequence[Route]) -> Route:
    """Make one route of several alternatives: the first to be tried, which knows the others.

    Args:
      routes: In the order of the setting; one at least.

    """
    ordered = in_order(each_once(routes))
    if len(ordered) == 1:
        return ordered[0]
    trail = list(dict.fromkeys(look for route in routes for look in route.trail))
    for number, route in enumerate(ordered, start=1):
        seconds = bad_for(route)
        outcome = (
            "would be tried first" if number == 1 else "would be tried if those before it fail"
        )
        if seconds:
            outcome = f"failed lately, so it is at the end for another {seconds:.0f} s"
        trail.append(Look(f"alternative {number} of {len(ordered)}", route.way, outcome))
    notes = tuple(dict.fromkeys(note for route in routes for note in route.notes))
    first = ordered[0]
    return replace(first, trail=tuple(trail), notes=notes, alternatives=tuple(ordered))


def each_once(steps: Iterable[StepT], done: Iterable[StepT] = ()) -> list[StepT]:
    """Leave out ways that stand in the list before, or are done: what is dead is not tried again."""
    ways, kept = [_way(step) for step in done], []
    for step in steps:
        if _way(step) not in ways:  # no set: an authentication scheme of a user's may have no hash
            ways.append(_way(step))
            kept.append(step)
    return kept


def told_of(what: Words, tried: Sequence[Look]) -> Words:
    """Let what went wrong tell of those that had failed before."""
    if not tried:
        return what
    others = " / ".join(look.outcome for look in tried)
    return words("{what} (tried before: {others})", what=what, others=others)


def note_failure(step: Route | Question, error: ProxyError | ServerUnreachable) -> None:
    """Put an alternative to the end of all lists for a while."""
    if not (step.hops if isinstance(step, Route) else isinstance(error, ProxyUnreachable)):
        return
    now, bad = trio.current_time(), _remembered()
    for key in [key for key, until in bad.items() if until <= now]:
        del bad[key]
    if len(bad) >= MAX_REMEMBERED:
        del bad[min(bad, key=bad.__getitem__)]
    bad[_key(step, whole=_is_whole(step, error))] = now + BAD_FOR


def _is_whole(step: Route | Question, error: ProxyError | ServerUnreachable) -> bool:
    """Tell whether an alternative is bad for all targets, or for this one."""
    if not isinstance(step, Route):
        return True
    failure = failure_of(error)
    slow = failure is not None and failure.kind is Kind.TIMED_OUT
    # Whether a proxy that was asked and gave no answer is to blame, or the server, nobody knows.
    return isinstance(error, (ProxyUnreachable, ProxyProtocolError)) and not (
        slow and error.stage in _BEHIND_PROXY
    )


def note_success(step: Route | Question) -> None:
    """Forget that an alternative was bad."""
    bad = _remembered()
    if bad:
        for whole in (True, False):
            bad.pop(_key(step, whole=whole), None)


def bad_for(step: Any) -> float:
    """Seconds for which an alternative is still at the end of its list; 0 if it is not."""
    bad = _remembered()
    if not bad:
        return 0.0
    until = max(bad.get(_key(step, whole=whole), 0.0) for whole in (True, False))
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


def _way(step: Any) -> Any:
    """What two alternatives that are the same have in common."""
    return step.hops if isinstance(step, Route) else step.pac


def _key(step: Route | Question, *, whole: bool) -> _Key:
    way = tuple(hop.url for hop in step.hops) if isinstance(step, Route) else step.pac
    target = step.target if isinstance(step, Route) else step.route.target
    return way, "" if whole else target.authority
