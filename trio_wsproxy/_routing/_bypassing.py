"""The bypass rules of one target, in their order: ``no_proxy``, the desktop's list, the loopback rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from trio_wsproxy._redaction import HIDDEN
from trio_wsproxy._urls import Target

from ._by_desktop import Exceptions, exceptions_of
from ._bypass import is_loopback, parse_bypass
from ._route import Look, Trail, place_of
from ._variables import variable_named

if TYPE_CHECKING:
    from ._desktop import DesktopSettings

LOOPBACK = "loopback rule"
_WHATEVER_IS_SET = (
    ", whatever proxy is set elsewhere; the entry '<-loopback>' in no_proxy switches this rule off"
)


def bypassed_by(
    target: Target,
    variables: Mapping[str, str],
    desktop: DesktopSettings | None,
    trail: Trail,
) -> str | None:
    """Try the bypass rules; the source of the one that covers the target, if any does."""
    proxies_loopback = False
    for place, source, bypass, turned in _bypass_lists(target, variables, desktop, trail):
        entry = bypass.find(target)
        outcome = f"covers {target.authority} with no entry" if bypass.shown else "not set"
        if entry is not None:
            shown = HIDDEN if bypass.secret else entry.text
            outcome = f"the entry {shown!r} covers {target.authority}"
        direct = (entry is None) is turned
        if turned:
            outcome += "; the list has what goes through a proxy"
        if direct:
            outcome += ": direct"
        trail.append(Look(place, bypass.shown or None, outcome))
        if bypass.odd:
            trail.note(place, bypass.oddities)
        if direct:
            return source
        proxies_loopback = proxies_loopback or bypass.proxies_loopback
    if not is_loopback(target.host):
        trail.append(Look(LOOPBACK, None, f"{target.host} is no loopback host"))
    elif proxies_loopback:
        trail.append(Look(LOOPBACK, None, "switched off by the entry '<-loopback>'"))
    else:
        outcome = f"{target.host} is a loopback host: direct{_WHATEVER_IS_SET}"
        trail.append(Look(LOOPBACK, None, outcome))
        return LOOPBACK
    return None


def _bypass_lists(
    target: Target,
    variables: Mapping[str, str],
    desktop: DesktopSettings | None,
    trail: Trail,
) -> Iterator[Exceptions]:
    """Each bypass list that counts; what the desktop says stands in the trail before its own."""
    variable = variable_named("no_proxy", variables)
    place = place_of("no_proxy") if variable is None else variable.place
    value = "" if variable is None else variable.value
    yield Exceptions(place, place, parse_bypass(value))
    if desktop is None:
        return
    trail.extend(desktop.looks)
    for place, note in desktop.notes:
        trail.note(place, note)
    exceptions = exceptions_of(desktop, target)
    if exceptions is not None:
        yield exceptions
