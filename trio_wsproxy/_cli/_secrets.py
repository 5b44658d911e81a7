"""Secrets for a command that do not stand in its arguments, which every user of the machine can read.

Headers come from a file (``--header @FILE``, as curl has it); a proxy's user and password from a file, from the
environment, from netrc or a keyring, or from whoever sits at the terminal and types what is not shown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from trio_wsproxy import BasicAuth, DigestAuth, NegotiateAuth, NTLMAuth, ProxyAuth
from trio_wsproxy._auth import lacks_library, parse_names
from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._redaction import secret, shown_text, shown_url
from trio_wsproxy._routing import environment, forget_variable

USER = "TRIO_WSPROXY_PROXY_USER"
AUTH = "TRIO_WSPROXY_AUTH"
PASSWORD = "TRIO_WSPROXY_PROXY_PASSWORD"  # noqa: S105  # the variable's name
MAX_FILE = 64 * 1024  # bytes; no server takes more headers

#: Where user and password may be looked up, in place of schemes.
_PLACES = ("netrc", "keyring")
_SINGLE_SIGN_ON = ("negotiate", "ntlm")
_SCHEMES: dict[str, Callable[[str, str], ProxyAuth]] = {
    "basic": BasicAuth,
    "digest": DigestAuth,
    "ntlm": NTLMAuth,
    "negotiate": NegotiateAuth,
}


def add_credentials(parser: argparse._ArgumentGroup) -> None:
    """Add the options for what proxies are told of whoever sits here."""
    parser.add_argument(
        "--proxy-user",
        type=_user,
        metavar="USER",
        help="user name for the proxies whose URL has none, or @FILE with USER:PASSWORD in it "
        f"(also {USER}); the password is asked for, or stands in {PASSWORD}; ':' is single sign-on",
    )
    parser.add_argument(
        "--proxy-auth",
        type=_wanted,
        metavar="SCHEMES",
        help="which of negotiate, ntlm, digest and basic to speak with proxies, in order of preference, "
        "with commas between them (also TRIO_WSPROXY_AUTH); negotiate without a user is single "
        "sign-on; or netrc, or keyring, where user and password are looked up",
    )


def headers(text: str) -> list[tuple[str, str]]:
    """Read a header, or with ``@FILE`` all that are in a file, a line each.

    Raises:
      argparse.ArgumentTypeError: One is malformed, or the file cannot be read.

    """
    if not text.startswith("@"):
        return [_header(text, "a header is written 'Name: value', or @FILE")]
    path = text[1:]
    return [
        _header(line, f"{path!r}, line {number}: a header is written 'Name: value'")
        for number, line in enumerate(_lines(path), start=1)
        if line.strip()
    ]


def _header(text: str, problem: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name.strip() and colon):
        # Without the text: it may be a secret that was meant to have a name.
        raise argparse.ArgumentTypeError(problem)
    return name.strip(), secret(value.strip())


def _lines(path: str) -> list[str]:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or "no such name"
        raise argparse.ArgumentTypeError(f"cannot read {path!r}: {reason}") from None
    if len(data) > MAX_FILE:
        raise argparse.ArgumentTypeError(f"{path!r} has more than {MAX_FILE // 1024} KiB")
    return data.decode("utf-8-sig", "surrogateescape").splitlines()


def _user(text: str) -> str:
    if not text.startswith("@"):
        return secret(text)
    lines = [line for line in _lines(text[1:]) if line.strip()]
    if len(lines) != 1 or not lines[0].partition(":")[2]:
        raise argparse.ArgumentTypeError(f"{text[1:]!r} has to be one line, USER:PASSWORD")
    return secret(lines[0])


def _wanted(text: str) -> str | tuple[str, ...]:
    place = text.strip().lower()
    if place in _PLACES:
        return place
    try:
        names = parse_names(text, "the list")
    except ProxyConfigError as exc:
        raise argparse.ArgumentTypeError(f"{exc}; or netrc or keyring alone") from None
    if not names:
        raise argparse.ArgumentTypeError(f"the list is empty; use some of {', '.join(_SCHEMES)}")
    return names


def take_secrets(arguments: argparse.Namespace) -> None:
    """Fill in what is not in the arguments; may ask the user, so it is to be called before trio runs.

    Afterwards ``arguments.proxy`` has credentials where they belong into a URL, and
    ``arguments.proxy_auth`` has the schemes for proxies without, and those of the environment.
    """
    if arguments.no_proxy:
        arguments.proxy_auth = None
        return
    wanted = arguments.proxy_auth
    if wanted is not None:  # what was typed goes before what is exported
        forget_variable(AUTH)
    given = arguments.proxy_user or environment().get(USER) or ""
    user, _, password = given.partition(":")
    if arguments.proxy:
        look_up = wanted in _PLACES
        arguments.proxy = [
            _complete(url, user, password, look_up=look_up) for url in arguments.proxy
        ]
    elif user and wanted not in _PLACES:
        password = password or _password(user, "the proxy")
        arguments.proxy_auth = _schemes(user, password, wanted)
    if given == ":" and wanted is None:
        arguments.proxy_auth = _SINGLE_SIGN_ON


def _complete(url: str, user: str, password: str, *, look_up: bool) -> str:
    """Put user and password into a proxy URL that lacks them, but not what is looked up elsewhere."""
    scheme, separator, rest = url.rpartition("://")
    userinfo, at, host = rest.rpartition("@")
    if not at and user:
        userinfo, colon = quote(user, safe=""), ""
    else:
        colon = ":" if ":" in userinfo else ""
        user, password = userinfo, ""
    if not userinfo or colon or scheme.lower().startswith("socks4"):
        # There is nobody, or all is said already, or there is no password to be said.
        return secret(url if at or not userinfo else f"{scheme}{separator}{userinfo}@{host}")
    if not look_up:
        password = password or _password(user, shown_url(f"{scheme}{separator}{host}"))
    password = f":{quote(password, safe='')}" if password else ""
    return secret(f"{scheme}{separator}{userinfo}{password}@{host}")


def _password(user: str, proxy: str) -> str:
    """Find a password in the environment, or ask for it where somebody sits there."""
    known = environment().get(PASSWORD)
    if known is not None:
        return secret(known)
    if sys.stdin is None or not sys.stdin.isatty():
        return ""
    import getpass

    try:
        return secret(getpass.getpass(f"Password of {shown_text(user)} at {proxy}: "))
    except EOFError:  # Ctrl-D
        return ""


def _schemes(
    user: str, password: str, wanted: tuple[str, ...] | None
) -> tuple[ProxyAuth | str, ...]:
    """Make schemes for the proxies of the environment, with their names before them where those were given."""
    if wanted is None:
        names = ("basic", "digest") if lacks_library("ntlm") else ("basic", "digest", "ntlm")
        return tuple(_SCHEMES[name](user, password) for name in names)
    return (*wanted, *(_SCHEMES[name](user, password) for name in wanted))
