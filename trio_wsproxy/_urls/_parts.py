"""What the URLs of targets and of proxies have in common: schemes, user information."""

from __future__ import annotations

import re
from unicodedata import normalize

from trio_wsproxy._auth import check_carried
from trio_wsproxy._exceptions import ProxyConfigError, failure_of
from trio_wsproxy._redaction import has_controls

from ._hosts import Malformed, percent_decode

MAX_URL = 2**16  # characters; no server takes as many, nor has a header for credentials as many
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
BEHIND_AUTHORITY = re.compile(r"[/?#]")
_MAX_RFC1929 = 255  # the length of a user name and of a password is one byte
_DELIMITERS = frozenset("/?#@:\\")

_ENCODED = {"@": "%40", "/": "%2F", "?": "%3F", "#": "%23"}


def check_controls(text: str) -> None:
    """Refuse what no URL has in it, before anything is made of it."""
    if has_controls(text):
        raise Malformed("there are control characters, or bytes that are not UTF-8, in it")


def check_length(text: str) -> None:
    """Refuse what is longer than any URL is, before any time is spent on it."""
    if len(text) > MAX_URL:
        raise Malformed(f"it is too long; a URL has at most {MAX_URL:,} characters")


def check_backslash(authority: str) -> None:
    """Refuse a backslash before the path: to browsers it is a slash, to others a letter."""
    if "\\" in authority:
        raise Malformed(
            "there is a backslash in it, which some programs take for the beginning of the path; "
            "write it as %5C inside a user name or a password"
        )


def check_authority(authority: str) -> None:
    """Refuse characters that let others find another host in a URL than is found here."""
    check_backslash(authority)
    if " " in authority.rpartition("@")[0]:  # a host has none anyway
        raise Malformed(
            "there is a blank before the host; write it as %20 inside a user name or a password"
        )
    # What IDNA makes a delimiter of (UTS 46 maps as NFKC does); each alone, for time's sake.
    if not authority.isascii() and any(
        set(normalize("NFKC", character)) & _DELIMITERS
        for character in set(authority)
        if not character.isascii()
    ):
        raise Malformed(
            "there is a character before the path that looks like one of / ? # @ : and may be "
            "taken for it; percent-encode it inside a user name or a password"
        )


def unescaped(userinfo: str) -> list[str]:
    """List the characters in user information that end it, or begin it anew, as they are."""
    return [character for character in _ENCODED if character in userinfo]


def encode_hint(characters: list[str]) -> str:
    """Say how such characters are written; what else stands there is not told."""
    ways = " and ".join(f"{character!r} as {_ENCODED[character]}" for character in characters)
    return f"write {ways} inside a user name or a password"


def cut(text: str, characters: re.Pattern[str]) -> tuple[str, str]:
    """Cut before the first of these characters."""
    match = characters.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def parse_userinfo(text: str) -> tuple[str | None, str | None]:
    """Cut ``user:password`` in two and decode both; nothing at all is no credentials."""
    user_text, colon, password_text = text.partition(":")
    username, password = percent_decode(user_text), percent_decode(password_text)
    if username is None or password is None:
        raise Malformed(
            "the credentials are not UTF-8 when percent-decoded; UTF-8 is meant, so é is %C3%A9 and "
            "not %E9; write a '%' that stands for itself as %25"
        )
    if not username and not password:
        return None, None
    return username, password if colon else None


def check_basic(username: str | None, password: str | None) -> None:
    """Refuse what HTTP Basic cannot carry (RFC 7617 section 2)."""
    if username is not None and ":" in username:
        raise Malformed("HTTP Basic authentication cannot carry a user name with ':' in it")
    if has_controls(f"{username or ''}{password or ''}"):
        raise Malformed(
            "HTTP Basic authentication cannot carry control characters in the credentials"
        )


def _check_socks4(username: str | None, password: str | None) -> None:
    if password:
        raise Malformed(
            "SOCKS4 has no passwords, only a user name; remove the password or use socks5h"
        )
    if username is not None and "\0" in username:
        raise Malformed("SOCKS4 cannot carry a user name with a NUL character in it")


def _check_socks5(username: str | None, password: str | None) -> None:
    """Refuse what RFC 1929 section 2 cannot carry."""
    if password and not username:
        raise Malformed(
            "SOCKS5 cannot carry a password without a user name; write user:password@host"
        )
    for what, value in (("user name", username), ("password", password)):
        if value is not None and len(value.encode("utf-8")) > _MAX_RFC1929:
            raise Malformed(f"SOCKS5 cannot carry a {what} of more than 255 bytes (RFC 1929)")


def _check_http(username: str | None, password: str | None) -> None:
    """Refuse what none of the schemes can carry that user and password are for."""
    problem = None
    try:
        check_carried(username, password)
    except ProxyConfigError as exc:
        problem = failure_of(exc)
    if problem is not None:
        raise Malformed(problem.words)


def check_credentials(scheme: str, username: str | None, password: str | None) -> None:
    """Refuse what the proxies of a scheme cannot be told."""
    if scheme in ("http", "https"):
        _check_http(username, password)
    elif scheme.startswith("socks4"):
        _check_socks4(username, password)
    else:
        _check_socks5(username, password)
