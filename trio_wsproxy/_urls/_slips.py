"""What a proxy setting that cannot be used may have meant, and what of it may be shown.

A malformed value may hold a password anywhere: ``user:password:host:port``, ``host:port@user:password``,
``http://user:password``. No rule that looks for passwords finds them all, so here the rule is the other
way round: shown is only what is proven to be harmless, a scheme that is one, and a host with a port
where nothing else can stand. Messages name the variable or argument, so whoever may see the value
finds it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import HIDDEN, shown_url

from ._hosts import Malformed, bracketed, ip_literal, normalise_host, split_host_port
from ._parts import BEHIND_AUTHORITY, SCHEME, cut

# Schemes that people write into proxy settings; another word may be anything.
_USUAL_SCHEMES = (
    *("http", "https", "socks", "socks4", "socks4a", "socks5", "socks5h", "socks6"),
    *(
        "ftp",
        "file",
        "ws",
        "wss",
        "tcp",
        "tls",
        "ssl",
        "ssh",
        "quic",
        "data",
        "gopher",
        "proxy",
        "direct",
    ),
    *("pac", "pac+http", "pac+https", "pac+file"),
)
_NEARLY = 0.7  # of difflib's measure: "htp", "sock5", "hhttp" are near enough
_LONGEST_SHOWN = 500  # characters of a target; it is the beginning that tells which one it is
_LONGEST_SCHEME = 10
# A user name and a password that is no port, so that this is no host:port before user:password.
_CREDENTIALS = lazy_pattern(r"[^:/?#@\\]+:(?![0-9]{1,5}\Z)[^:/?#@\\]+")

_BEHIND_USER = lazy_pattern(r":(?![0-9]{0,5}\Z)|[\s;,\\]")
_KNOWN = r"(?i:https?|socks(?:4a?|5h?)?)"


class _Slip(NamedTuple):
    """A way to write a proxy wrongly: what it looks like, what is wrong, what is right."""

    looks: re.Pattern[str]
    problem: str
    right: str


def _slip(looks: str, problem: str, right: str) -> _Slip:
    return _Slip(lazy_pattern(looks, re.DOTALL), problem, right)


# The first one that the whole value looks like.
_SLIPS = (
    _slip(r"\w{0,10}(?i:proxy)=(.+)", "the name of the variable is a part of the value", r"\1"),
    _slip(
        r"(?i:socks)=([^\s;=/]+)(?:[\s;][^@]*)?",
        "this is how Windows names one proxy for each protocol",
        r"socks5h://\1",
    ),
    _slip(
        rf"{_KNOWN}=(?:https?://)?([^\s;=/]+)(?:[\s;][^@]*)?",
        "this is how Windows names one proxy for each protocol",
        r"http://\1",
    ),
    _slip(r"(?:PROXY|HTTP)\s+([^\s;]+)(?:\s*;.*)?", "this is what a PAC file says", r"http://\1"),
    _slip(r"HTTPS\s+([^\s;]+)(?:\s*;.*)?", "this is what a PAC file says", r"https://\1"),
    _slip(r"SOCKS5?\s+([^\s;]+)(?:\s*;.*)?", "this is what a PAC file says", r"socks5h://\1"),
    _slip(r"SOCKS4\s+([^\s;]+)(?:\s*;.*)?", "this is what a PAC file says", r"socks4a://\1"),
    _slip(
        rf"(?:{_KNOWN}://){{1,2}}({_KNOWN}://.+)", "the scheme stands there more than once", r"\1"
    ),
    _slip(
        rf"({_KNOWN})(?::[/\\]?|[;.]?//|:///+|[:;]\\\\|:://|;://)([^/\\:].*)",
        "the scheme and the host go on both sides of '://'",
        r"\1://\2",
    ),
    _slip(r":?//([^/].*)", "the scheme is missing", r"http://\1"),
    _slip(r"\$.+|%\w+%", "this is a variable that was not put in", ""),
    _slip(r"([^@;,]+)[;,]", "a separator stands behind it", r"\1"),
    _slip(r"([^@;,\s]+:[0-9]+/?)[;,\s][^@]*", "one proxy goes here, and nothing behind it", r"\1"),
)


def likely_slip(text: str) -> str:
    """Say what is wrong with a malformed proxy setting, and what was probably meant.

    Args:
      text: The value as it stood there.

    Returns:
      A problem with nothing in it that is not harmless; empty where nothing is likely.

    """
    text = text.strip()
    for slip in _SLIPS:
        found = slip.looks.fullmatch(text)
        if found is not None:
            shown = shown_proxy(found.expand(slip.right)) if slip.right else HIDDEN
            host = shown.partition("://")[2] or shown
            # A word alone may be anything.
            meant = ("." in host or ":" in host) and not shown.endswith((HIDDEN, "…"))
            return f"{slip.problem}; {shown} was probably meant" if meant else slip.problem
    return ""


def shown_proxy(text: str) -> str:
    """Show of a proxy setting that is malformed what is proven to be harmless.

    Args:
      text: The value as it stood there.

    Returns:
      The value, with ``***`` for credentials and for whatever may be some, and ``…`` for a path.

    """
    text = text.strip()
    match = SCHEME.match(text)
    rest = text[match.end() :] if match else text
    start = f"{shown_scheme(match[1]) or HIDDEN}://" if match else ""
    userinfo, at, address = rest.rpartition("@")
    authority, tail = cut(address, BEHIND_AUTHORITY)
    host = _address(authority)
    if host is None:
        return start + HIDDEN if rest else start
    behind = tail if tail in ("", "/") else f"{tail[0]}…"
    if not at:
        return start + host + behind
    sure = ":" in authority and ("." in host or "[" in host)
    if sure and _CREDENTIALS.fullmatch(userinfo):
        return f"{start}{HIDDEN}@{host}{behind}"
    return start + HIDDEN


def shown_target(text: str) -> str:
    """Show of a target that is malformed what stands where a password cannot.

    Args:
      text: The URL or the host as it was given; a URL's path is no secret, its query may be one.

    Returns:
      The text, masked as every URL is, and cut behind what may be a user name: at a ``:`` with no
      port behind it, at a blank or another separator; and where nobody reads on.

    """
    shown = shown_url(text)
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    match = SCHEME.match(shown)
    start = match.end() if match else 0
    authority, _ = cut(shown[start:], BEHIND_AUTHORITY)
    if "[" in authority or ip_literal(authority) is not None:
        return shown
    found = _BEHIND_USER.search(shown, start, start + len(authority))
    return shown[: found.end()] + HIDDEN if found else shown


def shown_scheme(text: str) -> str:
    """Give a scheme that is one, or may be one; an empty text else, for it may be a secret."""
    name = text.lower()
    is_word = name.isalpha() and len(name) <= _LONGEST_SCHEME
    return text if is_word or name in _USUAL_SCHEMES or nearest_scheme(name) else ""


def nearest_scheme(
    text: str,
    supported: tuple[str, ...] = (
        *("http", "https", "socks5h", "socks5"),
        *("socks4a", "socks4", "socks"),
    ),
) -> str:
    """Give the scheme that was probably meant by one that is none; of a proxy by default."""
    if len(text) > _LONGEST_SCHEME:
        return ""
    import difflib  # for errors alone

    return next(iter(difflib.get_close_matches(text, supported, 1, _NEARLY)), "")


def _address(authority: str) -> str | None:
    """Bring a host with or without a port into its spelling; ``None`` if it is none."""
    try:
        host, port = split_host_port(authority)
        name = normalise_host(host)
    except Malformed:
        return None
    is_name = ip_literal(name.partition("%")[0]) is None
    if authority.endswith(":") or (is_name and not any(map(str.isalpha, name))):
        return None
    return bracketed(name) + (f":{port}" if port else "")
