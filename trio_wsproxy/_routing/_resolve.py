"""Precedence, in one place: from a target and the settings to a route.

The order is that of the table in the documentation (RFC 6455 section 4.1 and what users of other
libraries know):

1. bypass rules: ``no_proxy``, the desktop's list, the loopback rule → direct;
2. ``wss_proxy`` or ``ws_proxy``, by the scheme;
3. ``socks_proxy``;
4. ``https_proxy``;
5. ``http_proxy``, for ``ws`` only;
6. ``all_proxy``;
7. ``TRIO_WSPROXY_PAC``, the address of a PAC script;
8. only if none of these variables is set: the settings of the desktop or the operating system: its
   PAC script, or its proxies, SOCKS first;
9. direct.

For ``https`` the second is ``https_proxy``, for ``http`` it is ``http_proxy``, and neither looks at the other's.

Names are found in any spelling: lower case wins over upper case, that over others. An empty value means
unset. ``HTTP_PROXY`` is ignored under CGI, where any client can set it by sending a ``Proxy`` header
(CVE-2016-5385 and its siblings), and so is all that is not ``http_proxy``.

A proxy's value may be a secret, and error trackers show the variables of our frames: so such values hide
themselves (:func:`secret`), and of the environment nothing else is carried about.
An explicit ``proxy=`` wins over everything, the bypass rules included.

What comes of it is a list of steps (:func:`steps_to`): a route for each alternative, or a
:class:`Question` where a PAC script has to be asked first, which takes a running program of trio. Where
the desktop's settings are to count and have not been read lately, it ends in :exc:`Unread`; who catches
that reads them, in a thread or not, and calls again with what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from trio_wsproxy._exceptions import ProxyConfigError, misconfigured
from trio_wsproxy._failures import Topic, Value, words
from trio_wsproxy._redaction import secret, shown_setting
from trio_wsproxy._urls import (
    NO_URL,
    Proxy,
    ProxyScheme,
    Target,
    TargetScheme,
    parse_any_target,
    parse_shared_proxy,
)

from . import _by_desktop, _system
from ._argument import ARGUMENT, Failover, ProxyArgument, explicit_route, hidden
from ._by_desktop import Unread
from ._bypass import parse_bypass
from ._bypassing import bypassed_by
from ._failover import chosen
from ._pac_value import PAC
from ._route import SYSTEM, Look, Route, Trail, place_of
from ._schemes import VARIABLE as AUTH_VARIABLE
from ._schemes import Schemes, equip
from ._variables import (
    DESKTOP_VARIABLE,
    NAMES,
    ORDER,
    PAC_VARIABLE,
    of_proxies,
    spellings,
    variable_named,
)

if TYPE_CHECKING:
    from ._desktop import DesktopSettings

__all__ = ["ProxyArgument", "Question", "resolve_proxy", "resolve_target", "steps_to"]

_DESKTOP = "the desktop's settings"
_LOOKED_AT: dict[TargetScheme, tuple[str, ...]] = {
    "wss": ("wss_proxy", "socks_proxy", "https_proxy", "all_proxy"),
    "ws": ("ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy"),
    # As programs for HTTP have it: a variable for each of the two, and none for both but all_proxy.
    "https": ("https_proxy", "socks_proxy", "all_proxy"),
    "http": ("http_proxy", "socks_proxy", "all_proxy"),
    # The dialer does not know what its caller speaks, so only the general ones count.
    "tcp": ("socks_proxy", "https_proxy", "all_proxy"),
    "tls": ("socks_proxy", "https_proxy", "all_proxy"),
}
# Who writes socks_proxy=host:1080 means SOCKS; everywhere else no scheme means http.
_DEFAULT_SCHEMES: dict[str, ProxyScheme] = {"socks_proxy": "socks5h"}


class Question(NamedTuple):
    """A PAC script that is to be asked.

    Attributes:
      pac: The script.
      source: Where the setting stood.
      route: The target, and what was looked at so far; its hops are not known yet.
      schemes: How the system's proxies are spoken with, where it is the system's script.
      instead: What counts where the script gives no answer, if the setting has something for that: the
        manual settings of Windows and macOS.

    """

    pac: PAC
    source: Value
    route: Route
    schemes: Schemes | None = None
    instead: Route | None = None


def resolve_proxy(
    url: str, *, proxy: ProxyArgument = True, environ: Mapping[str, str] | None = None
) -> Route:
    """Find out which proxies a connection goes through, without connecting.

    ``resolve_proxy(url).explain()`` answers the question "why does it use this proxy?".

    Where the desktop's settings count and have not been read within the last five seconds, they are read
    now, which takes some hundredths of a second, and two seconds at most; the calling thread waits, trio's
    event loop included. :func:`~trio_wsproxy.resolve_proxy_async` does not stop that.

    Args:
      url: A ``ws://`` or ``wss://`` URL; ``tcp://host:port`` or ``tls://host:port`` for what
        :func:`~trio_wsproxy.open_tcp_stream` and
        :func:`~trio_wsproxy.open_ssl_over_tcp_stream` do; ``http://`` or ``https://`` for what
        :mod:`trio_wsproxy.httpcore` does.
      proxy: ``True`` for what the system says, ``None`` for a direct connection, or a proxy URL, a
        :class:`~trio_wsproxy.Proxy`, or a sequence of them, nearest first; or a
        :class:`~trio_wsproxy.Failover` of these. An explicit proxy wins over all bypass rules.
      environ: The environment to look at, and nothing else. Default: the process's own, and the
        settings of the desktop or the operating system if it names no proxy.

    Returns:
      The route: its hops, where they came from, and what was looked at on the way.

    Raises:
      ValueError: The URL is malformed.
      ProxyConfigError: A setting is; the message names the variable or the argument. Or a PAC
        script has to be asked, which :func:`~trio_wsproxy.resolve_proxy_async` does.
      TypeError: ``proxy`` is something else, ``url`` no text, or ``environ`` not of texts.

    """
    proxy, environ = hidden(proxy), None if environ is None else of_proxies(environ)
    url = hidden_url(url)
    return resolve_target(parse_any_target(url), proxy=proxy, environ=environ)


def hidden_url(url: str) -> str:
    """Let a URL hide itself in the frames that error trackers show.

    Raises:
      TypeError: It is none.

    """
    if isinstance(url, NO_URL):
        raise TypeError(f"url is a str, not {type(url).__name__}")
    return secret(str(url))


def resolve_target(
    target: Target, *, proxy: ProxyArgument = True, environ: Mapping[str, str] | None = None
) -> Route:
    """Find the route to a target; see :func:`resolve_proxy`.

    Args:
      target: The target.
      proxy: As there.
      environ: As there.

    Returns:
      The route.

    Raises:
      ProxyConfigError: A setting is malformed, or a PAC script has to be asked.
      TypeError: ``proxy`` is not what it may be.

    """
    try:
        steps = steps_to(target, proxy, environ)
    except Unread as exc:
        wanted = exc.wanted
    else:
        return _one_of(steps)
    # For the few who have a desktop.
    from ._desktop import read_now

    settings = read_now(wanted)
    return _one_of(steps_to(target, proxy, environ, lambda _: settings))


def _one_of(steps: list[Route | Question]) -> Route:
    routes = []
    for step in steps:
        if isinstance(step, Question):
            what = words("{source}: a PAC script has to be asked", source=step.source)
            raise misconfigured(what, words("use: await resolve_proxy_async(…)"))
        routes.append(step)
    return chosen(routes)


# Gives the settings of the desktop, or raises Unread.
Find: TypeAlias = "Callable[[Target], DesktopSettings | None]"


def steps_to(
    target: Target,
    proxy: ProxyArgument,
    environ: Mapping[str, str] | None = None,
    find: Find | None = None,
) -> list[Route | Question]:
    """List the alternatives to a target in the order of the setting; see :func:`resolve_proxy`.

    Args:
      target: The target.
      proxy: As there.
      environ: As there.
      find: Gives the settings of the desktop, where they count. Default: those that were read lately.

    Raises:
      Unread: They have to be read first.
      ProxyConfigError: A setting is malformed.
      TypeError: ``proxy`` is not what it may be.

    """
    proxy, environ = hidden(proxy), None if environ is None else of_proxies(environ)
    if isinstance(proxy, Failover):
        return [x for one in proxy.alternatives for x in steps_to(target, one, environ, find)]
    if isinstance(proxy, PAC):
        look = Look(ARGUMENT, proxy.shown, "a PAC script; it wins over bypass rules")
        route = Route((), target, look.place, (look,), given=True)
        return [Question(proxy, Topic.PAC_ARGUMENT, route)]
    if proxy is not True:
        return [explicit_route(target, proxy)]
    if environ is not None:
        return _steps(target, environ, None, given=True)
    # A copy has the names as they are; on Windows, os.environ finds them by any spelling.
    variables = of_proxies(_system.environment(NAMES))
    desktop = None
    if _desktop_counts(target, variables):
        desktop = (find or _by_desktop.desktop_settings)(target)
    return _steps(target, variables, desktop)


# --- the system's ------------------------------------------------------------------------


def _desktop_counts(target: Target, variables: Mapping[str, str]) -> bool:
    """Tell whether the environment leaves anything to the desktop."""
    for name in (*_LOOKED_AT[target.scheme], PAC_VARIABLE):
        if variable_named(name, variables):
            return False
    switch, bypass = (
        variable_named(DESKTOP_VARIABLE, variables),
        variable_named("no_proxy", variables),
    )
    if switch is not None and switch.value == "0":
        return False
    return bypass is None or parse_bypass(bypass.value).find(target) is None


def _steps(
    target: Target,
    variables: Mapping[str, str],
    desktop: DesktopSettings | None,
    *,
    given: bool = False,
) -> list[Route | Question]:
    trail, schemes = Trail(), _schemes(variables)

    def route(source: str, *hops: Proxy) -> Route:
        equipped = equip(hops, schemes)
        looks, notes = (*trail, *equipped.looks), (*trail.notes, *equipped.notes)
        return Route(equipped.hops, target, source, looks, notes=notes)

    source = bypassed_by(target, variables, desktop, trail)
    if source is not None:
        return [route(source)]
    proxy, source = _proxy_from_environment(target, variables, trail)
    if proxy is not None:
        return [route(source, proxy)]
    pac = variable_named(PAC_VARIABLE, variables)
    if pac is not None:
        script = PAC(pac.value, place=pac.place)
        trail.append(Look(pac.place, script.shown, "a PAC script"))
        return [Question(script, pac.place, route(pac.place), schemes)]
    _tell_of_switch(variables, trail, given=given)
    if desktop is not None and desktop.pac is not None:
        place, address = desktop.pac
        script = PAC(address, place=place)
        trail.append(Look(place, script.shown, "a PAC script"))
        instead = _instead_of_pac(target, variables, desktop)
        return [Question(script, place, route(desktop.source), schemes, instead)]
    if desktop is not None and desktop.ways:
        ways = _by_desktop.ways_of(desktop, trail)
        return [route(desktop.source, *hops) for hops in ways]
    if desktop is not None:
        proxy, source = _by_desktop.proxy_of(desktop, target, trail)
    if proxy is not None:
        return [route(source, proxy)]
    trail.append(Look("direct", None, "no proxy is set"))
    return [route(source)]


def _schemes(variables: Mapping[str, str]) -> Schemes | None:
    variable = variable_named(AUTH_VARIABLE, variables)
    return None if variable is None else Schemes(variable.place, variable.value)


def _tell_of_switch(variables: Mapping[str, str], trail: Trail, *, given: bool) -> None:
    switch = variable_named(DESKTOP_VARIABLE, variables)
    if given:
        trail.append(Look(SYSTEM, None, "not looked at: an environment was given"))
    elif switch is not None and switch.value == "0":
        trail.append(Look(switch.place, "0", f"{_DESKTOP} are not looked at"))
    elif switch is not None:
        outcome = f"{_DESKTOP} are looked at, unless it is 0"
        trail.append(Look(switch.place, shown_setting(switch.value), outcome))


def _instead_of_pac(
    target: Target, variables: Mapping[str, str], desktop: DesktopSettings
) -> Route | None:
    """Give what counts where the script of a desktop gives no answer: its other settings."""
    if not desktop.proxies:
        return None
    manual = desktop._replace(pac=None, looks=(), notes=())
    with suppress(ProxyConfigError):  # malformed, and not needed yet
        for step in _steps(target, variables, manual):
            if isinstance(step, Route) and step.source == desktop.source:
                return step
    return None


def _proxy_from_environment(
    target: Target, variables: Mapping[str, str], trail: Trail
) -> tuple[Proxy | None, str]:
    for name in _order(target.scheme):
        variable = variable_named(name, variables)
        if name not in _LOOKED_AT[target.scheme]:
            if variable is not None:
                outcome = f"set, but not looked at for {target.scheme}://"
                trail.append(Look(variable.place, None, outcome))
        elif variable is None:
            trail.append(_unset(name, variables))
        else:
            scheme = _DEFAULT_SCHEMES.get(name, "http")
            proxy, passed_over = parse_shared_proxy(
                variable.value, source=variable.place, default_scheme=scheme
            )
            trail.append(Look(variable.place, proxy.url, "used"))
            if passed_over:
                trail.note(variable.place, passed_over)
            return proxy, variable.place
    return None, "direct"


def _order(scheme: TargetScheme) -> tuple[str, ...]:
    """The variables as they are looked at; for HTTP its own goes first, as programs for it have it."""
    own = f"{scheme}_proxy"
    return (own, *(x for x in ORDER if x != own)) if scheme in ("http", "https") else ORDER


def _unset(name: str, variables: Mapping[str, str]) -> Look:
    for variable in spellings(name, variables):
        return Look(
            variable.place,
            None,
            "not looked at: REQUEST_METHOD is set, so this is a CGI program, and there the "
            "client can set it; use http_proxy",
        )
    return _not_set(name)


@lru_cache(16)  # most variables are not, at each dial
def _not_set(name: str) -> Look:
    return Look(place_of(name), None, "not set")
