"""What the URLs of targets and of proxies have in common: schemes, user information."""

from __future__ import annotations

import re

from trio_wsproxy._redaction import has_controls

from ._hosts import Malformed, percent_decode

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
BEHIND_AUTHORITY = re.compile(r"[/?#]")

ENCODE_HINT = (
    "write '@' as %40, ':' as %3A, '/' as %2F, '?' as %3F, '#' as %23 and '%' as %25 "
    "inside a user name or a password"
)


def check_controls(text: str) -> None:
    """Refuse what no URL has in it, before anything is made of it."""
    if has_controls(text):
        raise Malformed("there are control characters, or bytes that are not UTF-8, in it")


def cut(text: str, characters: re.Pattern[str]) -> tuple[str, str]:
    """Cut before the first of these characters."""
    match = characters.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def parse_userinfo(text: str) -> tuple[str | None, str | None]:
    """Cut ``user:password`` in two and decode both; nothing at all is no credentials."""
    user_text, colon, password_text = text.partition(":")
    username, password = percent_decode(user_text), percent_decode(password_text)
    if username is None or password is None:
        raise Malformed(f"the credentials are not UTF-8 when percent-decoded; {ENCODE_HINT}")
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
