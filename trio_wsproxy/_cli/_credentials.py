"""What proxies are told of whoever sits here: from options, the environment, or a prompt."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from trio_wsproxy import BasicAuth, DigestAuth, NegotiateAuth, NTLMAuth, ProxyAuth
from trio_wsproxy._auth import lacks_library, parse_names
from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._failures import Topic
from trio_wsproxy._redaction import secret, shown_url
from trio_wsproxy._routing import PAC, ProxyArgument, environment, forget_variable

from ._secrets import PASSWORD, USER, Refused, ask_password

AUTH = "TRIO_WSPROXY_AUTH"

#: Where user and password may be looked up, in place of schemes.
_PLACES = ("netrc", "keyring")
_SINGLE_SIGN_ON = ("negotiate", "ntlm")
_SCHEMES: dict[str, Callable[[str, str], ProxyAuth]] = {
    "basic": BasicAuth,
    "digest": DigestAuth,
    "ntlm": NTLMAuth,
    "negotiate": NegotiateAuth,
}


class Told(NamedTuple):
    """What the options and the environment say about proxies.

    Attributes:
      proxy: The parameter ``proxy``: URLs have the credentials that belong there.
      auth: The parameter ``proxy_auth``: for proxies whose URL has none, and those of the environment.

    """

    proxy: ProxyArgument
    auth: Any = None


def told_to_proxies(arguments: argparse.Namespace) -> Told:
    """Find what proxies are told; may ask the user, so it is to be called before trio runs.

    A scheme that was typed goes before one that is exported: that variable is taken out of this process's
    environment, for the client lets it go before its parameter.

    Raises:
      Refused: There is no such scheme, or a proxy is empty.

    """
    proxy = proxy_argument(arguments)
    if arguments.no_proxy or arguments.unix:
        return Told(proxy)
    wanted = _wanted(arguments.proxy_auth)
    if wanted is not None:
        forget_variable(AUTH)
    given = arguments.proxy_user or environment().get(USER) or ""
    user, _, password = given.partition(":")
    auth: Any = wanted
    if arguments.proxy:
        look_up = wanted in _PLACES
        urls = [_complete(url, user, password, look_up=look_up) for url in arguments.proxy]
        proxy = _alone_or_chain(urls)
    elif user and not isinstance(wanted, str):
        password = password or _password(user, "the proxy")
        auth = _schemes(user, password, wanted)
    if given == ":" and wanted is None:
        auth = _SINGLE_SIGN_ON
    return Told(proxy, auth)


def proxy_argument(arguments: argparse.Namespace) -> ProxyArgument:
    """Say what the options about the way are as the parameter ``proxy``, without credentials.

    Raises:
      Refused: One is empty.

    """
    if arguments.no_proxy:
        return None
    if arguments.pac is not None:
        return PAC(arguments.pac, place=Topic.PAC_ARGUMENT)
    proxies: list[str] = arguments.proxy or []
    if not all(url.strip() for url in proxies):
        raise Refused("--proxy is empty; for a direct connection give --no-proxy")
    return _alone_or_chain(proxies) if proxies else True


def _alone_or_chain(proxies: list[str]) -> ProxyArgument:
    """Give one proxy as itself: of a list an error would tell the number of the only hop."""
    return proxies[0] if len(proxies) == 1 else proxies


def _complete(url: str, user: str, password: str, *, look_up: bool) -> str:
    """Put user and password into a proxy URL that lacks them, but not what is looked up elsewhere."""
    scheme, separator, rest = url.rpartition("://")
    userinfo, at, host = rest.rpartition("@")
    if not at and user:
        userinfo, colon = _quoted(user), ""
    else:
        colon = ":" if ":" in userinfo else ""
        user, password = userinfo, ""
    if not userinfo or colon or scheme.lower().startswith("socks4"):
        # There is nobody, or all is said already, or there is no password to be said.
        return secret(url if at or not userinfo else f"{scheme}{separator}{userinfo}@{host}")
    if not look_up:
        password = password or _password(user, shown_url(f"{scheme}{separator}{host}"))
    password = f":{_quoted(password)}" if password else ""
    return secret(f"{scheme}{separator}{userinfo}{password}@{host}")


def _quoted(text: str) -> str:
    """Percent-encode what was typed, bytes that are not UTF-8 as they are."""
    return quote(text, safe="", errors="surrogateescape")


def _password(user: str, proxy: str) -> str:
    """Find a password in the environment, or ask for it where somebody sits there."""
    known = environment().get(PASSWORD)
    return ask_password(user, proxy) if known is None else secret(known)


def _wanted(text: str | None) -> str | tuple[str, ...] | None:
    if text is None:
        return None
    place = text.strip().lower()
    if place in _PLACES:
        return place
    try:
        names = parse_names(text, "--proxy-auth")
    except ProxyConfigError as exc:
        problem = f"{exc}; or netrc or keyring alone"
    else:
        if names:
            return names
        problem = f"--proxy-auth is empty; use some of {', '.join(_SCHEMES)}"
    raise Refused(problem)


def _schemes(
    user: str, password: str, wanted: tuple[str, ...] | None
) -> tuple[ProxyAuth | str, ...]:
    """Make schemes for the proxies of the environment, with their names before them where those were given."""
    if wanted is None:
        names = ("basic", "digest") if lacks_library("ntlm") else ("basic", "digest", "ntlm")
        return tuple(_SCHEMES[name](user, password) for name in names)
    return (*wanted, *(_SCHEMES[name](user, password) for name in wanted))
