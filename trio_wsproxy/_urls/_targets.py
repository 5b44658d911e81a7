"""Where a connection is to end: a WebSocket URL, or the parts of one, become a :class:`Target`.

Nothing here touches the network or the environment. Whatever is refused is refused here, before
anything is dialed, with :class:`ValueError`. The syntax is that of RFC 3986 section 3, RFC 6455 section 3
(ws and wss) and RFC 6874 (IPv6 zones).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeVar, cast
from urllib.parse import quote

from trio_wsproxy._redaction import HIDDEN, hide_userinfo, holds_userinfo, secret

from ._hosts import (
    Malformed,
    authority_of,
    bracketed,
    check_port,
    decode_host,
    normalise_host,
    split_host_port,
)
from ._parts import (
    BEHIND_AUTHORITY,
    SCHEME,
    check_authority,
    check_basic,
    check_controls,
    check_length,
    cut,
    encode_hint,
    parse_userinfo,
    unescaped,
)
from ._slips import nearest_scheme, shown_target

TargetScheme = Literal["ws", "wss", "http", "https", "tcp", "tls"]
ReadT = TypeVar("ReadT")

# What nothing makes a URL of by str().
NO_URL = (bytes, bytearray, memoryview, int, float, type(None), list, tuple, dict)
_TARGET_PORTS: dict[TargetScheme, int | None] = {
    "ws": 80,
    "wss": 443,
    "http": 80,
    "https": 443,
    "tcp": None,
    "tls": None,
}
# RFC 3986: unreserved and reserved characters, and "%" for what is encoded already.
# Schemes that may be written for those of a WebSocket URL, or be near them.
_MEANT: dict[str, str] = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_BROKEN_SCHEME = r"(wss?|https?)(?::/|[.;]?//|;://|:://|:\\{1,2}|//:)([^/\\:].*)"
_KEPT_IN_RESOURCE = "!$%&'()*+,/:;=?@[]~"
_ENCODED = re.compile(rf"[A-Za-z0-9_.\-{re.escape(_KEPT_IN_RESOURCE)}]*")


@dataclass(frozen=True, repr=False, slots=True)
class Target:
    """Where a connection is to end: a WebSocket or HTTP server, or a host and port for the dialer.

    Made by :func:`parse_target` and :func:`make_target`, which do the checking.

    Attributes:
      scheme: ``"ws"``, ``"wss"``, ``"http"``, ``"https"``, ``"tcp"`` or ``"tls"``.
      host: A-labels in lower case, or an IP literal without brackets; a zone such as
        ``%eth0`` is kept for dialing, and so is a trailing dot, which says that no search
        domain is to be tried.
      port: 1 to 65535.
      resource: Path and query, percent-encoded, starting with ``/``.
      username: User name for the server, decoded, or ``None``.
      password: Password for the server, decoded, or ``None``.

    """

    scheme: TargetScheme
    host: str
    port: int
    resource: str = "/"
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken with the server."""
        return self.scheme in ("wss", "https", "tls")

    @property
    def authority(self) -> str:
        """``host:port``, always with the port, IPv6 in brackets, without a zone.

        A zone means something on this machine only (RFC 6874 section 1), so it is never sent.
        """
        return authority_of(self.host, self.port)

    @property
    def host_header(self) -> str:
        """The authority without the port where it is the scheme's own (RFC 6455 section 4.1)."""
        if self.port == _TARGET_PORTS[self.scheme]:
            return bracketed(self.host.partition("%")[0])
        return self.authority

    @property
    def url(self) -> str:
        """The URL for messages: no credentials, and no query, for tokens are sent in queries."""
        port = "" if self.port == _TARGET_PORTS[self.scheme] else f":{self.port}"
        path, question_mark, query = self.resource.partition("?")
        path = "" if self.scheme in ("tcp", "tls") else path
        # In ws://user:12/34@host and ws://user:/12?34@host the password was not escaped, and its
        # end became the path, or path and query.
        hidden = bool(query) and holds_userinfo(query)
        path = f"/{HIDDEN}@" if hidden else path[:1] + hide_userinfo(path[1:])
        query = "?…" if question_mark else ""
        return f"{self.scheme}://{bracketed(self.host)}{port}{path}{query}"

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Target({self.url!r})"


def parse_target(url: str) -> Target:
    """Read a WebSocket URL (RFC 6455 section 3).

    Args:
      url: A ``ws://`` or ``wss://`` URL, or any object whose ``str()`` is one. A host may be
        non-ASCII; so may path and query, which are percent-encoded as UTF-8, as are spaces.

    Returns:
      The target, with user name and password taken out of the URL.

    Raises:
      ValueError: The URL is not ws or wss, has a fragment, control characters, no host or an
        invalid one, or a port out of range.

    """
    url = secret(str(url).strip(" "))  # error trackers show our variables
    if "@" in url or "?" in url:  # there are passwords and tokens, which nothing here is to keep
        return _read("WebSocket URL", url, _read_websocket_url)
    return _read_kept(url)


@lru_cache(16)  # a program opens a few URLs again and again
def _read_kept(url: str) -> Target:
    return _read("WebSocket URL", url, _read_websocket_url)


def parse_tcp_target(url: str) -> Target:
    """Read ``tcp://host:port`` or ``tls://host:port``, which name a target of the dialer.

    Args:
      url: The URL; it has nothing but scheme, host and port.

    Returns:
      The target.

    Raises:
      ValueError: The URL is anything else.

    """
    url = secret(str(url).strip(" "))
    return _read("URL", url, _read_tcp_url)


def parse_http_target(url: str) -> Target:
    """Read an HTTP URL (RFC 9110 section 4.2); of it only the way to its server is asked for.

    Args:
      url: An ``http://`` or ``https://`` URL; what is behind ``#`` is left out.

    Returns:
      The target.

    Raises:
      ValueError: The URL is anything else.

    """
    url = secret(str(url).strip(" "))
    return _read("URL", url, _read_http_url)


def parse_any_target(url: str) -> Target:
    """Read the URL of anything that there is a way to.

    Args:
      url: As for :func:`parse_target`, :func:`parse_tcp_target` or :func:`parse_http_target`.

    Returns:
      The target.

    Raises:
      ValueError: The URL is of neither kind, or malformed.

    """
    scheme = url.lstrip(" ")[:8].partition("://")[0].lower()
    if scheme in ("ws", "wss"):
        return parse_target(url)
    if scheme in ("http", "https"):
        return parse_http_target(url)
    if scheme in ("tcp", "tls"):
        return parse_tcp_target(url)
    return _read("URL", secret(url.strip(" ")), _read_any_url)


def make_target(scheme: TargetScheme, host: str, port: int, resource: str = "/") -> Target:
    """Make a target out of its parts, with the checks of :func:`parse_target`.

    Args:
      scheme: As in :class:`Target`.
      host: A name or an IP address, IPv6 with or without brackets.
      port: 1 to 65535.
      resource: Path and query; it starts with ``/``, or with ``?`` where the path is ``/``.

    Returns:
      The target.

    Raises:
      ValueError: A part is invalid.
      TypeError: ``host`` or ``resource`` is not a string, or ``port`` not an integer.

    """
    check_text("host", host)
    check_text("resource", resource)
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"port must be an integer, not {type(port).__name__}")
    if scheme not in _TARGET_PORTS:
        raise ValueError(
            f"target scheme {scheme!r} is not supported; use ws, wss, http, https, tcp or tls"
        )
    _read("host", host, check_controls)
    _read("resource", resource, check_controls)
    return Target(
        scheme=scheme,
        host=_read("host", host, normalise_host),
        port=_read("port", str(port), lambda _text: check_port(port)),
        resource=_read("resource", resource, _normalise_resource),
    )


def check_text(name: str, value: object) -> None:
    """Refuse a part of a target that is no text, by the name of its parameter."""
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {type(value).__name__}")


def _read(what: str, text: str, reader: Callable[[str], ReadT]) -> ReadT:
    """Let a reader read a text, or raise :class:`ValueError` with what and where its problem is."""
    try:
        return reader(text)
    except Malformed as exc:
        problem = exc.problem
    raise ValueError(f"{what} {shown_target(text)!r}: {problem}")


def _read_websocket_url(text: str) -> Target:
    scheme, rest = _split_target_scheme(text, ("ws", "wss"))
    authority, resource = cut(rest, BEHIND_AUTHORITY)
    try:
        check_authority(authority)
        return _read_parts(scheme, authority, resource)
    except Malformed as exc:
        problem = exc.problem
    # Not an error by itself, but where an error follows, this is its likely reason.
    if "@" in resource and "@" not in authority:
        found = unescaped(resource.rpartition("@")[0])
        raise Malformed(f"{problem}; {encode_hint(found)}")
    raise Malformed(problem)


def _read_parts(scheme: TargetScheme, authority: str, resource: str) -> Target:
    userinfo, _, host_port = authority.rpartition("@")
    username, password = parse_userinfo(userinfo) if userinfo else (None, None)
    check_basic(username, password)
    host, port = split_host_port(host_port)
    return Target(
        scheme=scheme,
        host=normalise_host(decode_host(host)),
        port=port or cast("int", _TARGET_PORTS[scheme]),
        resource=_normalise_resource(resource),
        username=username,
        password=password,
    )


def _read_tcp_url(text: str) -> Target:
    scheme, rest = _split_target_scheme(text, ("tcp", "tls"))
    if "@" in rest:
        raise Malformed(f"{scheme}:// takes no credentials")
    authority, tail = cut(rest, BEHIND_AUTHORITY)
    check_authority(authority)
    host, port = split_host_port(authority)
    if tail not in ("", "/") or port is None:
        raise Malformed(f"write {scheme}://host:port, with nothing behind the port")
    return Target(scheme, normalise_host(decode_host(host)), port)


def _read_http_url(text: str) -> Target:
    scheme, rest = _split_target_scheme(text.partition("#")[0], ("http", "https"))
    authority, resource = cut(rest, BEHIND_AUTHORITY)
    check_authority(authority)
    return _read_parts(scheme, authority, resource)


def _read_any_url(text: str) -> Target:
    """Say what is wrong with a URL whose scheme is none of those that are known."""
    check_length(text)
    check_controls(text)
    raise Malformed(_scheme_problem(text, tuple(_TARGET_PORTS)))


def _split_target_scheme(text: str, schemes: tuple[TargetScheme, ...]) -> tuple[TargetScheme, str]:
    check_length(text)
    check_controls(text)
    match = SCHEME.match(text)
    name = match[1].lower() if match else ""
    scheme = next((scheme for scheme in schemes if scheme == name), None)
    if match is None or scheme is None:
        raise Malformed(_scheme_problem(text, schemes))
    return scheme, text[match.end() :]


def _scheme_problem(text: str, schemes: tuple[TargetScheme, ...]) -> str:
    """Say what is wrong with a URL that has none of these schemes, and what was probably meant."""
    *first, last = (f"{scheme}://" for scheme in schemes)
    names = f"{', '.join(first)} or {last}"
    meaning = _MEANT if "wss" in schemes else {}
    if "https" in schemes:
        meaning = {name: name for name in meaning}
    match = SCHEME.match(text)
    if match is None:
        return _without_scheme(text, names, meaning)
    near = nearest_scheme(match[1].lower(), tuple(meaning)) if meaning else ""
    meant = f"; {meaning[near]}:// was probably meant" if near else ""
    return f"the scheme {match[1]!r} is not supported; use {names}{meant}"


def _without_scheme(text: str, names: str, meaning: Mapping[str, str]) -> str:
    """Say what is wrong with what has no scheme, and what was probably meant, if that is known."""
    if not text:
        return f"it is empty; a URL here starts with {names}"
    if not meaning:
        return f"the scheme is missing; a URL here starts with {names}"
    slip = re.fullmatch(_BROKEN_SCHEME, text, re.IGNORECASE | re.DOTALL)
    if slip is not None:
        meant = _meant(slip[2], meaning[slip[1].lower()])
        return f"'://' goes between the scheme and the host{meant}"
    meant = _meant(text.removeprefix(":").removeprefix("//"))
    return f"the scheme is missing; a URL here starts with {names}{meant}"


def _meant(text: str, scheme: str = "") -> str:
    """Say which URL was probably meant by a host alone; what stands behind it may be a secret."""
    authority, _ = cut(text, BEHIND_AUTHORITY)
    if not authority or not all(c.isalnum() or c in "-._:[]" for c in authority):
        return ""
    try:
        host = normalise_host(split_host_port(authority)[0])
    except Malformed:
        return ""
    near = host in ("localhost", "::1", "[::1]") or host.startswith("127.")
    return f"; {scheme or ('ws' if near else 'wss')}://{authority} was probably meant"


def _normalise_resource(text: str) -> str:
    if "#" in text:
        # RFC 6455 section 3: fragments are meaningless here, "#" is to be written %23.
        raise Malformed(
            "a WebSocket URL has no fragment; write '#' as %23 if it belongs to the path or query"
        )
    if text and not text.startswith(("/", "?")):
        raise Malformed("the path does not start with '/'")
    if not text.startswith("/"):
        text = "/" + text
    # Most need no encoding, and finding that out is faster than encoding nothing.
    return text if _ENCODED.fullmatch(text) else quote(text, safe=_KEPT_IN_RESOURCE)
