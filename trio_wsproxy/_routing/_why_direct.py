"""Why a connection goes to its server without a proxy, for the message of one that has come to nothing.

It is asked when a direct connection has failed, and reads the settings once more, so that no connection
that succeeds pays for it. Nothing here waits: of the desktop's settings counts what was read lately.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._failures import Topic, Value, Words, words
from trio_wsproxy._redaction import HIDDEN
from trio_wsproxy._urls import Target

from . import _by_desktop, _system
from ._bypass import BypassList, is_loopback, parse_bypass
from ._bypassing import LOOPBACK
from ._resolve import Question, steps_to
from ._route import DESKTOP_SOURCES, SYSTEM, Route, Trail, variable_of
from ._variables import NAMES, of_proxies, variable_named

# What to try where no setting names a proxy: a variable, by what is spoken with the target, or the option.
_VARIABLES = {"http": "http_proxy"}
_USUAL_VARIABLE = "https_proxy"


def and_why_direct(question: Words, route: Route, *, advise: bool = True) -> Words:
    """Put :func:`why_direct` behind what is asked of whoever reads of the failure."""
    why = why_direct(route, advise=advise)
    return question if why is None else words("{question} {why}", question=question, why=why)


def why_direct(route: Route, *, advise: bool = True) -> Words | None:
    """Say which rule kept a target from which proxy, or how to name one.

    Args:
      route: The way that was taken.
      advise: Whether to say how to name a proxy where there is none.

    Returns:
      A sentence; ``None`` where there is nothing to say: the route has proxies, or is one of several.

    """
    if route.hops or route.alternatives or route.tried:
        return None
    target = route.target
    variables = of_proxies(_system.environment(NAMES))
    kept = _kept(route, variables)
    if kept is not None:
        return words("{rule} kept it from {proxy}", rule=kept[0], proxy=kept[1])
    if route.source in DESKTOP_SOURCES or route.source == SYSTEM:
        return _by_the_desktop(route)
    by_rule = route.source in ("direct", LOOPBACK) or variable_of(route.source) is not None
    if not (by_rule or route.given):  # it is the script's name
        return words("{source} sent it past all proxies", source=route.source)
    if not advise or is_loopback(target.host):
        return None
    places: Value = Topic.BY_PROXY  # which wins over all rules
    if route.source == "direct":
        variable = _VARIABLES.get(target.scheme, _USUAL_VARIABLE)
        places = words("in {variable} or {by}", variable=variable, by=places)
    return words("If only a proxy gets there, name it {places}", places=places)


def _kept(route: Route, variables: Mapping[str, str]) -> tuple[Value, Words] | None:
    """Name what kept a target from a proxy of the environment, and that proxy, if there is one."""
    target = route.target
    rule: Value | None = None
    if route.given:
        rule = Topic.ASKED_DIRECT
    else:
        if route.source == LOOPBACK:
            rule = words("The loopback rule (which '<-loopback>' in no_proxy switches off)")
        elif variable_of(route.source) is not None:
            variable = variable_named("no_proxy", variables)
            rule = variable and _entry(parse_bypass(variable.value), target, variable.place)
        others = {name: value for name, value in variables.items() if name.lower() != "no_proxy"}
        variables = {**others, "no_proxy": "<-loopback>"}
    proxy = rule and _proxy_of(target, variables)
    return (rule, proxy) if rule and proxy else None


def _entry(bypass: BypassList, target: Target, place: str) -> Words | None:
    """Name the entry of a list that covers a target."""
    entry = bypass.find(target)
    if entry is None:
        return None
    shown = HIDDEN if bypass.secret else entry.text
    return words("The entry {entry!r} of {place}", entry=shown, place=place)


def _proxy_of(target: Target, variables: Mapping[str, str]) -> Words | None:
    """Name the proxy that an environment has for a target, or the script that would be asked."""
    with suppress(ProxyConfigError):
        for step in steps_to(target, True, variables):
            if isinstance(step, Question):
                return words("PAC script {script}", script=step.pac.shown)
            if step.hops:
                return _named(step.hops[0].url, step.source)
    return None


def _by_the_desktop(route: Route) -> Words:
    """Name the entry of a desktop's list, and its proxy, as far as that is known without reading it anew."""
    with suppress(_by_desktop.Unread, ProxyConfigError):
        settings = _by_desktop.desktop_settings(route.target)
        exceptions = settings and _by_desktop.exceptions_of(settings, route.target)
        if settings and exceptions and not exceptions.reversed:
            rule = _entry(exceptions.entries, route.target, exceptions.place)
            proxy, source = _by_desktop.proxy_of(settings, route.target, Trail())
            if rule and proxy:
                return words(
                    "{rule} kept it from {proxy}", rule=rule, proxy=_named(proxy.url, source)
                )
    return words("{source} sent it past all proxies", source=route.source)


def _named(url: str, source: str) -> Words:
    return words("proxy {url} (from {source})", url=url, source=source)
