"""Precedence, in one place: from a target and the settings to a route.

The order is that of the table in the documentation (RFC 6455 section 4.1 and what users of other
libraries know):

1. bypass rules: ``no_proxy``, the operating system's list, the loopback rule → direct;
2. ``wss_proxy`` or ``ws_proxy``, by the scheme;
3. ``socks_proxy``;
4. ``https_proxy``;
5. ``http_proxy``, for ``ws`` only;
6. ``all_proxy``;
7. ``TRIO_WSPROXY_PAC``, the address of a PAC script;
8. only if none of these variables is set: the operating system's proxies, SOCKS first;
9. direct.

Names are found in any spelling: lower case wins over upper case, that over others. An empty value means
unset. ``HTTP_PROXY`` is ignored under CGI, where any client can set it by sending a ``Proxy`` header
(CVE-2016-5385 and its siblings), and so is all that is not ``http_proxy``.

A proxy's value may be a secret, and error trackers show the variables of our frames: so such values hide
themselves (:func:`secret`), and of the environment nothing else is carried about.
An explicit ``proxy=`` wins over everything, the bypass rules included.

What comes of it is a list of steps (:func:`steps_to`): a route for each alternative, or a
:class:`Question` where a PAC script has to be asked first, which takes a running program of trio.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Topic, Value, words
from trio_wsproxy._redaction import HIDDEN, secret
from trio_wsproxy._urls import (
    NO_URL,
    Proxy,
    ProxyScheme,
    Target,
    TargetScheme,
    parse_shared_proxy,
    parse_target,
    parse_tcp_target,
)

from . import _system
from ._argument import ARGUMENT, Failover, ProxyArgument, explicit_route, hidden
from ._bypass import BypassList, is_loopback, parse_bypass
from ._failover import chosen
from ._pac_value import PAC
from ._route import Look, Route, Trail, place_of
from ._schemes import VARIABLE, Schemes, equip

logger = logging.getLogger("trio_wsproxy")

__all__ = ["ProxyArgument", "Question", "resolve_proxy", "resolve_target", "steps_to"]

_SYSTEM = "operating system settings"
_LOOPBACK = "loopback rule"
_PAC = "trio_wsproxy_pac"

_ORDER = ("wss_proxy", "ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy")
_NAMES = frozenset([*_ORDER, "no_proxy", _PAC, VARIABLE])
_CGI = "REQUEST_METHOD"
_LOOKED_AT: dict[TargetScheme, tuple[str, ...]] = {
    "wss": ("wss_proxy", "socks_proxy", "https_proxy", "all_proxy"),
    "ws": ("ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy"),
    # The dialer does not know what its caller speaks, so only the general ones count.
    "tcp": ("socks_proxy", "https_proxy", "all_proxy"),
    "tls": ("socks_proxy", "https_proxy", "all_proxy"),
}
# The operating systems know proxies for these protocols.
_SYSTEM_LOOKED_AT: dict[TargetScheme, tuple[str, ...]] = {
    "wss": ("socks", "https"),
    "ws": ("socks", "https", "http"),
    "tcp": ("socks", "https"),
    "tls": ("socks", "https"),
}
# Who writes socks_proxy=host:1080 means SOCKS; everywhere else no scheme means http.
_DEFAULT_SCHEMES: dict[str, ProxyScheme] = {"socks_proxy": "socks5h"}


class _Variable(NamedTuple):
    """A variable that is set."""

    spelling: str
    value: str

    @property
    def place(self) -> str:
        return place_of(self.spelling)


class Question(NamedTuple):
    """A PAC script that is to be asked.

    Attributes:
      pac: The script.
      source: Where the setting stood.
      route: The target, and what was looked at so far; its hops are not known yet.
      schemes: How the system's proxies are spoken with, where it is the system's script.

    """

    pac: PAC
    source: Value
    route: Route
    schemes: Schemes | None = None


def resolve_proxy(
    url: str, *, proxy: ProxyArgument = True, environ: Mapping[str, str] | None = None
) -> Route:
    """Find out which proxies a connection goes through, without connecting.

    ``resolve_proxy(url).explain()`` answers the question "why does it use this proxy?".

    Args:
      url: A ``ws://`` or ``wss://`` URL, or ``tcp://host:port`` and ``tls://host:port`` for what
        :func:`~trio_wsproxy.open_tcp_stream` and
        :func:`~trio_wsproxy.open_ssl_over_tcp_stream` do.
      proxy: ``True`` for what the system says, ``None`` for a direct connection, or a proxy URL, a
        :class:`~trio_wsproxy.Proxy`, or a sequence of them, nearest first; or a
        :class:`~trio_wsproxy.Failover` of these. An explicit proxy wins over all bypass rules.
      environ: The environment to look at, and nothing else. Default: the process's own, and the
        settings of Windows or macOS if it names no proxy.

    Returns:
      The route: its hops, where they came from, and what was looked at on the way.

    Raises:
      ValueError: The URL is malformed.
      ProxyConfigError: A setting is; the message names the variable or the argument. Or a PAC
        script has to be asked, which :func:`~trio_wsproxy.resolve_proxy_async` does.
      TypeError: ``proxy`` is something else, ``url`` no text, or ``environ`` not of texts.

    """
    proxy, environ = hidden(proxy), None if environ is None else _of_proxies(environ)
    url = hidden_url(url)
    return resolve_target(read_target(url), proxy=proxy, environ=environ)


def hidden_url(url: str) -> str:
    """Let a URL hide itself in the frames that error trackers show.

    Raises:
      TypeError: It is none.

    """
    if isinstance(url, NO_URL):
        raise TypeError(f"url is a str, not {type(url).__name__}")
    return secret(str(url))


def read_target(url: str) -> Target:
    """Read what :func:`resolve_proxy` takes."""
    is_tcp = url.lstrip(" ")[:6].lower() in ("tcp://", "tls://")
    return parse_tcp_target(url) if is_tcp else parse_target(url)


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
    routes = []
    for step in steps_to(target, proxy, environ):
        if isinstance(step, Question):
            what = words("{source}: a PAC script has to be asked", source=step.source)
            raise misconfigured(what, words("use: await resolve_proxy_async(…)"))
        routes.append(step)
    return chosen(routes)


def steps_to(
    target: Target, proxy: ProxyArgument, environ: Mapping[str, str] | None = None
) -> list[Route | Question]:
    """List the alternatives to a target in the order of the setting; see :func:`resolve_proxy`."""
    proxy, environ = hidden(proxy), None if environ is None else _of_proxies(environ)
    if isinstance(proxy, Failover):
        return [x for one in proxy.alternatives for x in steps_to(target, one, environ)]
    if isinstance(proxy, PAC):
        look = Look(ARGUMENT, proxy.shown, "a PAC script; it wins over bypass rules")
        route = Route((), target, look.place, (look,), given=True)
        return [Question(proxy, Topic.ARGUMENT, route)]
    return [_system_route(target, environ) if proxy is True else explicit_route(target, proxy)]


# --- the system's ------------------------------------------------------------------------


def _system_route(target: Target, environ: Mapping[str, str] | None) -> Route | Question:
    # A copy has the names as they are; on Windows, os.environ finds them by any spelling.
    variables = _of_proxies(_system.environment() if environ is None else environ)
    system = _system_settings(target, variables) if environ is None else None
    trail = Trail()
    source = _bypassed_by(target, variables, system, trail)
    if source is not None:
        return Route((), target, source, tuple(trail), notes=tuple(trail.notes))
    proxy, source = _proxy_from_environment(target, variables, trail)
    pac = _variable(_PAC, variables) if proxy is None else None
    if pac is not None:
        script = PAC(pac.value, place=pac.place)
        trail.append(Look(pac.place, script.shown, "a PAC script"))
        route = Route((), target, pac.place, tuple(trail), notes=tuple(trail.notes))
        return Question(script, pac.place, route, _schemes(variables))
    if proxy is None:
        if environ is not None:
            trail.append(Look(_SYSTEM, None, "not looked at: an environment was given"))
        proxy, source = _proxy_from_system(target, system, trail)
    if proxy is None:
        trail.append(Look("direct", None, "no proxy is set"))
    equipped = equip(() if proxy is None else (proxy,), _schemes(variables))
    notes, said = (*trail.notes, *equipped.notes), tuple(trail.said.items())
    looks = (*trail, *equipped.looks)
    return Route(equipped.hops, target, source, looks, notes=notes, _said=said)


def _schemes(variables: Mapping[str, str]) -> Schemes | None:
    variable = _variable(VARIABLE, variables)
    return None if variable is None else Schemes(variable.place, variable.value)


def _of_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Take what is about proxies out of an environment, in the order in which spellings count."""
    if not isinstance(environ, Mapping):
        raise TypeError(f"environ is a mapping or None, not {type(environ).__name__}")
    found = [name for name in environ if name.lower() in _NAMES or name == _CGI]
    found.sort(key=lambda name: (not name.islower(), not name.isupper(), name))
    for name in found:
        if not isinstance(environ[name], str):
            raise TypeError(f"{name} in environ is a str, not {type(environ[name]).__name__}")
    return {name: secret(environ[name].strip()) for name in found}


def _ignored_under_cgi(spelling: str, variables: Mapping[str, str]) -> bool:
    return spelling.lower() == "http_proxy" and not spelling.islower() and _CGI in variables


def _set(name: str, variables: Mapping[str, str]) -> Iterator[_Variable]:
    """The spellings of a variable that are set."""
    for spelling, value in variables.items():
        if value and spelling.lower() == name:
            yield _Variable(spelling, value)


def _variable(name: str, variables: Mapping[str, str]) -> _Variable | None:
    for variable in _set(name, variables):
        if not _ignored_under_cgi(variable.spelling, variables):
            return variable
    return None


def _system_settings(target: Target, variables: Mapping[str, str]) -> _system.SystemSettings | None:
    """Read the operating system's settings, unless the environment names a proxy."""
    if any(_variable(name, variables) for name in (*_LOOKED_AT[target.scheme], _PAC)):
        return None
    return _system.operating_system_settings()


def _system_proxy(target: Target, system: _system.SystemSettings) -> tuple[str, str] | None:
    """The protocol and the URL of the operating system's proxy for a target."""
    for protocol in _SYSTEM_LOOKED_AT[target.scheme]:
        url = system.proxies.get(protocol, "").strip()
        if url:
            return protocol, secret(url)
    return None


def _bypassed_by(
    target: Target,
    variables: Mapping[str, str],
    system: _system.SystemSettings | None,
    trail: Trail,
) -> str | None:
    """Try the bypass rules; the source of the one that covers the target, if any does."""
    proxies_loopback = False
    for place, source, bypass in _bypass_lists(target, variables, system):
        entry = bypass.find(target)
        outcome = f"covers {target.authority} with no entry" if bypass.shown else "not set"
        if entry is not None:
            shown = HIDDEN if bypass.secret else entry.text
            outcome = f"the entry {shown!r} covers {target.authority}: direct"
        trail.append(Look(place, bypass.shown or None, outcome))
        if bypass.odd:
            trail.note(place, bypass.oddities)
            _warn_once(trail.notes[-1])
        if entry is not None:
            return source
        proxies_loopback = proxies_loopback or bypass.proxies_loopback
    if not is_loopback(target.host):
        trail.append(Look(_LOOPBACK, None, f"{target.host} is no loopback host"))
    elif proxies_loopback:
        trail.append(Look(_LOOPBACK, None, "switched off by the entry '<-loopback>'"))
    else:
        trail.append(Look(_LOOPBACK, None, f"{target.host} is a loopback host: direct"))
        return _LOOPBACK
    return None


@lru_cache(32)  # a program that connects again and again says it once
def _warn_once(note: str) -> None:
    logger.warning("%s", note)


def _bypass_lists(
    target: Target, variables: Mapping[str, str], system: _system.SystemSettings | None
) -> Iterator[tuple[str, str, BypassList]]:
    """Place, source and rules of each bypass list that counts."""
    variable = _variable("no_proxy", variables)
    place = place_of("no_proxy") if variable is None else variable.place
    value = "" if variable is None else variable.value
    yield place, place, parse_bypass(value)
    # Without a proxy to bypass, the list of the operating system does not matter.
    if system is not None and _system_proxy(target, system) is not None:
        place = f"{system.place}, exceptions"
        yield place, _SYSTEM, parse_bypass(system.bypass, system=True)


def _proxy_from_environment(
    target: Target, variables: Mapping[str, str], trail: Trail
) -> tuple[Proxy | None, str]:
    for name in _ORDER:
        variable = _variable(name, variables)
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
                _warn_once(trail.notes[-1])
            return proxy, variable.place
    return None, "direct"


def _unset(name: str, variables: Mapping[str, str]) -> Look:
    for variable in _set(name, variables):
        return Look(
            variable.place,
            None,
            "not looked at: REQUEST_METHOD is set, so this is a CGI program, and there the "
            "client can set it; use http_proxy",
        )
    return Look(place_of(name), None, "not set")


def _proxy_from_system(
    target: Target, system: _system.SystemSettings | None, trail: Trail
) -> tuple[Proxy | None, str]:
    if system is None:
        return None, "direct"
    found = _system_proxy(target, system)
    if found is None:
        trail.append(Look(system.place, None, f"name no proxy for {target.scheme}://"))
        if system.auto_config:
            outcome = words(
                "set, but a PAC file is a program and is not run; name its proxy {by_proxy}",
                by_proxy=Topic.BY_PROXY,
            )
            trail.tell(f"{system.place}, AutoConfigURL", outcome)
        return None, "direct"
    protocol, url = found
    if protocol == "socks":
        # The platforms write socks://, socks4:// or http:// before it, and mean "SOCKS".
        url = secret("socks5h://" + url.rpartition("://")[2])
    place = f"{system.place}, {protocol}"
    proxy, _ = parse_shared_proxy(url, source=place)
    trail.append(Look(place, proxy.url, "used"))
    return proxy, _SYSTEM
