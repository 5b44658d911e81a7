"""URLs in, frozen values out: a WebSocket URL becomes a Target, a proxy URL a Proxy.

Nothing here touches the network or the environment. Three rules hold throughout:

* Whatever is refused is refused here, before anything is dialed. Targets raise
  :class:`ValueError`, proxies :class:`~trio_wsproxy.ProxyConfigError`, which is one too.
* No message, ``repr`` or chained exception holds a secret. Messages show the whole offending
  text through :func:`shown_url`, never a piece of it that a wrong cut may have taken out of a
  password. Checks that end in an exception (``ipaddress``, ``idna``, UTF-8) are wrapped in
  small functions that return ``None``, so that the refusal is raised outside of the ``except``
  block: ``raise … from None`` would still leave the original in ``__context__``.
* A host leaves this file in one spelling only: lower case, A-labels (RFC 5890), no trailing
  dot, no brackets, IP literals as :mod:`ipaddress` writes them. So names compare with ``==``.

The syntax is that of RFC 3986 section 3, RFC 6455 section 3 (ws and wss) and RFC 6874 (IPv6
zones), with what users of curl and desktops write into proxy settings on top.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, NoReturn, cast
from urllib.parse import quote, unquote_to_bytes

import idna

from trio_wsproxy._auth import CheckedProxyAuth, ProxyAuthArgument, check_proxy_auth
from trio_wsproxy._exceptions import Headers, ProxyConfigError, failed
from trio_wsproxy._failures import Failure, Kind, Topic, Value, Words, words
from trio_wsproxy._http import ProxyHeadersArgument, proxy_header_pairs
from trio_wsproxy._redaction import HIDDEN, has_controls, hide_userinfo, shown_url

__all__ = [
    "Fail",
    "Proxy",
    "ProxyScheme",
    "Target",
    "TargetScheme",
    "ip_literal",
    "make_target",
    "normalise_host",
    "parse_proxy",
    "parse_target",
    "parse_tcp_target",
    "split_host_port",
]

TargetScheme = Literal["ws", "wss", "tcp", "tls"]
ProxyScheme = Literal["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

# Raises the error of its caller, with the caller's words about what was being read.
Fail = Callable[[str | Words], NoReturn]

_TARGET_PORTS: dict[TargetScheme, int | None] = {"ws": 80, "wss": 443, "tcp": None, "tls": None}
_PROXY_PORTS: dict[ProxyScheme, int] = {
    "http": 80,
    "https": 443,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
_PROXY_SCHEME_ALIASES = {"socks": "socks5h"}  # what curl's and desktops' users mean by it

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")
_LABEL = re.compile(r"[a-z0-9_\-]{1,63}")  # Docker's service names have underscores
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")  # what inet_aton(3) reads as a part of an address
_ZONE = re.compile(r"[A-Za-z0-9._~\-]+")  # RFC 6874: unreserved characters
_BEHIND_AUTHORITY = re.compile(r"[/?#]")
_BEHIND_PATH = re.compile(r"[?#]")
_MAX_NAME = 253  # RFC 1035 section 2.3.4: 255 octets on the wire
_MAX_RFC1929 = 255  # the length of a user name and of a password is one byte
# RFC 3986: unreserved and reserved characters, and "%" for what is encoded already.
_KEPT_IN_RESOURCE = "!$%&'()*+,/:;=?@[]~"
_ENCODED = re.compile(rf"[A-Za-z0-9_.\-{re.escape(_KEPT_IN_RESOURCE)}]*")

_ENCODE_HINT = (
    "write '@' as %40, ':' as %3A, '/' as %2F, '?' as %3F, '#' as %23 and '%' as %25 "
    "inside a user name or a password"
)
_PAC_HINT = (
    "this looks like a proxy auto-configuration (PAC) file, which is a program and is not run "
    "here; name the proxy that it chooses, for example http://proxy.example:3128"
)


# --- hosts and ports ---------------------------------------------------------------------


def ip_literal(host: str) -> IPv4Address | IPv6Address | None:
    """Read a host as an IP literal.

    Args:
      host: A host without brackets.

    Returns:
      The address, or ``None`` if the host is a name.

    """
    try:
        return ip_address(host)
    except ValueError:
        return None


def split_host_port(text: str, fail: Fail) -> tuple[str, int | None]:
    """Cut ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` in two.

    Args:
      text: The text, without user information.
      fail: Raises the caller's error.

    Returns:
      The host as written, with its brackets, and the port if there is one. An empty port is
      none (RFC 3986 section 3.2.3).

    """
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host += bracket
        if not bracket or (rest and not rest.startswith(":")):
            fail("an IPv6 address is written [address] or [address]:port")
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
        if ":" in port:
            fail(
                "there are too many colons; an IPv6 address goes into brackets, as in [::1]:3128, "
                "and credentials go before the host, as in user:password@host:port"
            )
    return host, _parse_port(port, fail) if port else None


def _parse_port(text: str, fail: Fail) -> int:
    if not (text.isascii() and text.isdigit()):
        fail("the port is not a number; it stands after the host, as in host:3128")
    # int() itself refuses thousands of digits, with a message of its own.
    port = int(text) if len(text) <= len("65535") else 0
    return _check_port(port, fail)


def _check_port(port: int, fail: Fail) -> int:
    if not 1 <= port <= 65535:
        fail("the port is out of range; use 1 to 65535")
    return port


def normalise_host(text: str, fail: Fail) -> str:
    """Bring a host into the one spelling that is used everywhere else.

    Texts that ``inet_aton(3)`` takes for an IPv4 address although they are none in RFC 3986
    (``127.1``, ``0x7f.1``, ``2130706433``, ``010.0.0.1``) are refused: some resolvers would read
    them as an address behind the back of every rule about addresses.

    Args:
      text: A name, an IPv4 address, or an IPv6 address with or without brackets; names may be
        non-ASCII.
      fail: Raises the caller's error.

    Returns:
      The host in lower case, as A-labels, without brackets and trailing dot; an IPv6 zone is
      kept.

    """
    if not text:
        fail("the host is missing")
    if text.startswith("[") or ":" in text:
        return _normalise_ipv6(text, fail)
    name = _to_ascii(text)
    if name is None:
        fail("the host is not a valid name (IDNA refuses it)")
    name = name.lower().removesuffix(".")
    address = ip_literal(name)
    if address is not None:
        return str(address)
    labels = name.split(".")
    if all(_NUMBER.fullmatch(label) for label in labels):
        fail("the host is a number but no IPv4 address; write all four parts, as in 127.0.0.1")
    if len(name) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        fail(
            "the host is not a valid name; its labels have 1 to 63 letters, digits, hyphens or "
            "underscores, 253 characters in all"
        )
    return name


def _normalise_ipv6(text: str, fail: Fail) -> str:
    inner = text
    if text.startswith("["):
        if not text.endswith("]"):
            fail("the bracket of the IPv6 address is not closed")
        inner = text[1:-1]
    literal, percent, zone = inner.partition("%")
    # RFC 6874 section 2: in a URL the "%" before the zone is itself written %25.
    zone = zone[2:] if zone.startswith("25") and len(zone) > 2 else zone
    address = ip_literal(literal)
    if not isinstance(address, IPv6Address) or (percent and not _ZONE.fullmatch(zone)):
        fail("this is not an IPv6 address; one looks like [2001:db8::1] or [fe80::1%25eth0]")
    return f"{address}{percent}{zone}"


def _to_ascii(name: str) -> str | None:
    if name.isascii():
        return name
    if len(name) > _MAX_NAME:  # IDNA takes long over what cannot be a name anyway
        return None
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except UnicodeError:
        return None


def _percent_decode(text: str) -> str | None:
    """Decode ``%XX`` as UTF-8; a ``%`` without two digits behind it stands for itself."""
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _decode_host(text: str, fail: Fail) -> str:
    if text.startswith("["):
        return text  # RFC 6874: the zone has an encoding of its own
    host = _percent_decode(text)
    if host is None:
        fail("the host is not UTF-8 when percent-decoded")
    if ":" in host:
        fail("the host is not a valid name")
    return host


def _authority(host: str, port: int) -> str:
    return f"{_bracketed(host.partition('%')[0])}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


# --- user information --------------------------------------------------------------------


def _parse_userinfo(text: str, fail: Fail) -> tuple[str | None, str | None]:
    """Cut ``user:password`` in two and decode both; nothing at all is no credentials."""
    user_text, colon, password_text = text.partition(":")
    username, password = _percent_decode(user_text), _percent_decode(password_text)
    if username is None or password is None:
        fail(f"the credentials are not UTF-8 when percent-decoded; {_ENCODE_HINT}")
    if not username and not password:
        return None, None
    return username, password if colon else None


def _check_basic(username: str | None, password: str | None, fail: Fail) -> None:
    """Refuse what HTTP Basic cannot carry (RFC 7617 section 2)."""
    if username is not None and ":" in username:
        fail("HTTP Basic authentication cannot carry a user name with ':' in it")
    if has_controls(f"{username or ''}{password or ''}"):
        fail("HTTP Basic authentication cannot carry control characters in the credentials")


def _check_socks4(username: str | None, password: str | None, fail: Fail) -> None:
    if password:
        fail("SOCKS4 has no passwords, only a user name; remove the password or use socks5h")
    if username is not None and "\0" in username:
        fail("SOCKS4 cannot carry a user name with a NUL character in it")


def _check_socks5(username: str | None, password: str | None, fail: Fail) -> None:
    """Refuse what RFC 1929 section 2 cannot carry."""
    if password and not username:
        fail("SOCKS5 cannot carry a password without a user name; write user:password@host")
    for what, value in (("user name", username), ("password", password)):
        if value is not None and len(value.encode("utf-8")) > _MAX_RFC1929:
            fail(f"SOCKS5 cannot carry a {what} of more than 255 bytes (RFC 1929)")


_CREDENTIAL_CHECKS: dict[str, Callable[[str | None, str | None, Fail], None]] = {
    "http": _check_basic,
    "https": _check_basic,
    "socks4": _check_socks4,
    "socks4a": _check_socks4,
    "socks5": _check_socks5,
    "socks5h": _check_socks5,
}


# --- targets -----------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, slots=True)
class Target:
    """Where a connection is to end: a WebSocket server, or a host and port for the dialer.

    Made by :func:`parse_target` and :func:`make_target`, which do the checking.

    Attributes:
      scheme: ``"ws"``, ``"wss"``, ``"tcp"`` or ``"tls"``.
      host: A-labels in lower case, or an IP literal without brackets; a zone such as
        ``%eth0`` is kept for dialing.
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
        return self.scheme in ("wss", "tls")

    @property
    def authority(self) -> str:
        """``host:port``, always with the port, IPv6 in brackets, without a zone.

        A zone means something on this machine only (RFC 6874 section 1), so it is never sent.
        """
        return _authority(self.host, self.port)

    @property
    def host_header(self) -> str:
        """The authority without the port where it is the scheme's own (RFC 6455 section 4.1)."""
        if self.port == _TARGET_PORTS[self.scheme]:
            return _bracketed(self.host.partition("%")[0])
        return self.authority

    @property
    def url(self) -> str:
        """The URL for messages: no credentials, and no query, for tokens are sent in queries."""
        port = "" if self.port == _TARGET_PORTS[self.scheme] else f":{self.port}"
        path, question_mark, _ = self.resource.partition("?")
        path = "" if self.scheme in ("tcp", "tls") else path
        # In ws://user:12/34@host the password was not escaped, and its end became the path.
        path = path[:1] + hide_userinfo(path[1:])
        query = "?…" if question_mark else ""
        return f"{self.scheme}://{_bracketed(self.host)}{port}{path}{query}"

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
    text = str(url).strip(" ")
    fail = _failing_with("WebSocket URL", text)
    scheme, rest = _split_target_scheme(text, ("ws", "wss"), fail)
    authority, resource = _cut(rest, _BEHIND_AUTHORITY)
    if "@" in resource and "@" not in authority:
        # Not an error by itself, but where an error follows, this is its likely reason.
        fail = _failing_with("WebSocket URL", text, f"; {_ENCODE_HINT}")
    userinfo, _, host_port = authority.rpartition("@")
    username, password = _parse_userinfo(userinfo, fail) if userinfo else (None, None)
    _check_basic(username, password, fail)
    host, port = split_host_port(host_port, fail)
    return Target(
        scheme=scheme,
        host=normalise_host(_decode_host(host, fail), fail),
        port=port or cast("int", _TARGET_PORTS[scheme]),
        resource=_normalise_resource(resource, fail),
        username=username,
        password=password,
    )


def parse_tcp_target(url: str) -> Target:
    """Read ``tcp://host:port`` or ``tls://host:port``, which name a target of the dialer.

    Args:
      url: The URL; it has nothing but scheme, host and port.

    Returns:
      The target.

    Raises:
      ValueError: The URL is anything else.

    """
    text = str(url).strip(" ")
    fail = _failing_with("URL", text)
    scheme, rest = _split_target_scheme(text, ("tcp", "tls"), fail)
    if "@" in rest:
        fail(f"{scheme}:// takes no credentials")
    authority, tail = _cut(rest, _BEHIND_AUTHORITY)
    host, port = split_host_port(authority, fail)
    if tail not in ("", "/") or port is None:
        fail(f"write {scheme}://host:port, with nothing behind the port")
    return Target(scheme, normalise_host(_decode_host(host, fail), fail), port)


def make_target(scheme: TargetScheme, host: str, port: int, resource: str = "/") -> Target:
    """Make a target out of its parts, with the checks of :func:`parse_target`.

    Args:
      scheme: ``"ws"``, ``"wss"``, ``"tcp"`` or ``"tls"``.
      host: A name or an IP address, IPv6 with or without brackets.
      port: 1 to 65535.
      resource: Path and query; it starts with ``/``, or with ``?`` where the path is ``/``.

    Returns:
      The target.

    Raises:
      ValueError: A part is invalid.
      TypeError: ``host`` or ``resource`` is not a string, or ``port`` not an integer.

    """
    if not isinstance(host, str) or not isinstance(resource, str):
        raise TypeError("host and resource must be strings")
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"port must be an integer, not {type(port).__name__}")
    if scheme not in _TARGET_PORTS:
        raise ValueError(f"target scheme {scheme!r} is not supported; use ws, wss, tcp or tls")
    host_fail = _failing_with("host", host)
    _check_controls(host, host_fail)
    resource_fail = _failing_with("resource", resource)
    _check_controls(resource, resource_fail)
    return Target(
        scheme=scheme,
        host=normalise_host(host, host_fail),
        port=_check_port(port, _failing_with("port", str(port))),
        resource=_normalise_resource(resource, resource_fail),
    )


def _failing_with(what: str, text: str, hint: str = "") -> Fail:
    def fail(problem: str | Words) -> NoReturn:
        raise ValueError(f"{what} {shown_url(text)!r}: {problem}{hint}")

    return fail


def _check_controls(text: str, fail: Fail) -> None:
    if has_controls(text):
        fail("there are control characters, or bytes that are not UTF-8, in it")


def _split_target_scheme(
    text: str, schemes: tuple[TargetScheme, ...], fail: Fail
) -> tuple[TargetScheme, str]:
    _check_controls(text, fail)
    match = _SCHEME.match(text)
    names = " or ".join(f"{scheme}://" for scheme in schemes)
    if match is None:
        fail(f"the scheme is missing; a URL here starts with {names}")
    name = match[1].lower()
    scheme = next((scheme for scheme in schemes if scheme == name), None)
    if scheme is None:
        fail(f"the scheme {match[1]!r} is not supported; use {names}")
    return scheme, text[match.end() :]


def _cut(text: str, characters: re.Pattern[str]) -> tuple[str, str]:
    """Cut before the first of these characters."""
    match = characters.search(text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def _normalise_resource(text: str, fail: Fail) -> str:
    if "#" in text:
        # RFC 6455 section 3: fragments are meaningless here, "#" is to be written %23.
        fail("a WebSocket URL has no fragment; write '#' as %23 if it belongs to the path or query")
    if text and not text.startswith(("/", "?")):
        fail("the path does not start with '/'")
    if not text.startswith("/"):
        text = "/" + text
    # Most need no encoding, and finding that out is faster than encoding nothing.
    return text if _ENCODED.fullmatch(text) else quote(text, safe=_KEPT_IN_RESOURCE)


# --- proxies -----------------------------------------------------------------------------


@dataclass(frozen=True, init=False, repr=False)
class Proxy:
    """One proxy, parsed and checked; ``str()`` and ``repr()`` mask its password.

    A plain URL does wherever a ``Proxy`` is taken; make one to give a single hop of a chain its
    own TLS context or its own headers. Instances are frozen, can be compared, copied, used as
    keys, and (without ``ssl_context``) pickled; a pickle holds the password.

    Args:
      url: ``[scheme://][user[:password]@]host[:port]``. The scheme is ``http``, ``https``
        (TLS to the proxy), ``socks4``, ``socks4a``, ``socks5`` or ``socks5h``; ``socks`` means
        ``socks5h``, and none means ``http``. The port is 80, 443 or 1080 if there is none.
        User name and password are percent-decoded as UTF-8.
      ssl_context: The TLS context for the proxy itself; default: the system's trust store. For
        ``https`` only.
      headers: More headers for the ``CONNECT`` request; the value ``None`` stands for one that
        is not sent to this proxy, such as ``User-Agent``. For ``http`` and ``https`` only.
      auth: How to authenticate, where a URL cannot say it: a scheme such as
        :class:`NegotiateAuth`, several of them, or ``"netrc"``. For ``http`` and ``https`` only.

    Raises:
      ProxyConfigError: The URL is malformed, its scheme unknown, or scheme, credentials,
        ``ssl_context`` and headers do not fit together. The message shows the URL masked.
      TypeError: An argument is of another type.

    Attributes:
      scheme: The scheme in lower case, ``socks`` replaced by what it means.
      host: A-labels in lower case, or an IP literal without brackets.
      port: 1 to 65535.
      username: The decoded user name, or ``None``.
      password: The decoded password, or ``None``.
      ssl_context: As given.
      headers: As pairs of bytes.
      omitted_headers: The names, in lower case, of headers that are not sent.
      auth: The schemes as a tuple, or ``"netrc"``.

    """

    scheme: ProxyScheme
    host: str
    port: int
    username: str | None
    password: str | None = field(repr=False)
    ssl_context: ssl.SSLContext | None
    headers: Headers = field(repr=False)
    omitted_headers: frozenset[bytes] = field(repr=False)
    auth: CheckedProxyAuth = field(repr=False)

    def __init__(
        self,
        url: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        headers: ProxyHeadersArgument | None = None,
        auth: ProxyAuthArgument = None,
    ) -> None:
        self._fill(url, ssl_context, headers, auth, source="Proxy()", default_scheme="http")

    def _fill(
        self,
        url: str,
        ssl_context: ssl.SSLContext | None,
        headers: ProxyHeadersArgument | None,
        auth: ProxyAuthArgument,
        *,
        source: Value,
        default_scheme: ProxyScheme,
    ) -> None:
        if not isinstance(url, str):
            kind = type(url).__name__
            raise TypeError(
                words(
                    "{source}: a proxy URL must be a string, not {kind}", source=source, kind=kind
                )
            )
        fail = _proxy_failing_with(source, url)
        scheme, username, password, host, port = _parse_proxy_url(url, default_scheme, fail)
        _CREDENTIAL_CHECKS[scheme](username, password, fail)
        _check_ssl_context(scheme, ssl_context, fail)
        pairs, omitted = _parse_headers(scheme, headers, fail)
        # The way around "frozen" that dataclasses themselves use.
        for name, value in (
            ("scheme", scheme),
            ("host", host),
            ("port", port),
            ("username", username),
            ("password", password),
            ("ssl_context", ssl_context),
            ("headers", pairs),
            ("omitted_headers", omitted),
            ("auth", _check_auth(scheme, username, auth, fail)),
        ):
            object.__setattr__(self, name, value)

    @property
    def authority(self) -> str:
        """``host:port``, IPv6 in brackets, without a zone."""
        return _authority(self.host, self.port)

    @property
    def url(self) -> str:
        """The URL for messages, with the port always shown and ``***`` for the password.

        A user name is shown beside a password, and for SOCKS4, which has no passwords. Alone,
        it is likely to be the secret itself (an API key) and is masked.
        """
        return f"{self.scheme}://{self._masked_userinfo()}{_bracketed(self.host)}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether the proxy speaks SOCKS, of whatever version."""
        return self.scheme.startswith("socks")

    @property
    def resolves_locally(self) -> bool:
        """Whether this machine resolves the next host's name: for ``socks4`` and ``socks5``."""
        return self.scheme in ("socks4", "socks5")

    def _masked_userinfo(self) -> str:
        if self.username is None:
            return ""
        user = quote(self.username, safe="")
        if self.scheme.startswith("socks4"):
            return f"{user}@"
        return f"{user}:{HIDDEN}@" if self.password else f"{HIDDEN}@"

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"Proxy({self.url!r})"


def parse_proxy(
    value: str | Proxy, *, source: Value, default_scheme: ProxyScheme = "http"
) -> Proxy:
    """Read a proxy setting.

    Args:
      value: A proxy URL, or a :class:`Proxy`, which is returned as it is.
      source: Where the setting stood, for messages: ``"environment variable https_proxy"``.
      default_scheme: The scheme of a URL without one.

    Returns:
      The proxy.

    Raises:
      ProxyConfigError: The URL cannot be used; the message names the source.
      TypeError: The value is neither a string nor a proxy.

    """
    if isinstance(value, Proxy):
        return value
    proxy = Proxy.__new__(Proxy)
    proxy._fill(value, None, None, None, source=source, default_scheme=default_scheme)  # noqa: SLF001 - its own file
    return proxy


def _proxy_failing_with(source: Value, url: str) -> Fail:
    def fail(problem: str | Words) -> NoReturn:
        what = words(
            "{source}: {problem} (in {url!r})", source=source, problem=problem, url=shown_url(url)
        )
        raise failed(ProxyConfigError, Failure(Kind.MISCONFIGURED, "config", what))

    return fail


def _parse_proxy_url(
    url: str, default_scheme: ProxyScheme, fail: Fail
) -> tuple[ProxyScheme, str | None, str | None, str, int]:
    text = url.strip()
    if not text:
        fail(
            words(
                "the proxy URL is empty; for a direct connection use {direct}, or unset the variable",
                direct=Topic.DIRECT,
            )
        )
    _check_controls(text, fail)
    if text[0] in "\"'":
        fail("the quotation marks are part of the value; remove them")
    match = _SCHEME.match(text)
    scheme = _parse_proxy_scheme(match[1], fail) if match else default_scheme
    rest = text[match.end() :] if match else text
    # Cutting at the last "@" first keeps a password with "/", "?" or "#" in it in one piece,
    # and so out of the host and out of every message.
    userinfo, _, rest = rest.rpartition("@")
    if re.search(r"[/?#@]", userinfo):
        fail(f"there is an unescaped '/', '?', '#' or '@' before the host; {_ENCODE_HINT}")
    username, password = _parse_userinfo(userinfo, fail)
    authority, tail = _cut(rest, _BEHIND_AUTHORITY)
    _check_tail(tail, fail)
    host, port = split_host_port(authority, fail)
    host = normalise_host(_decode_host(host, fail), fail)
    return scheme, username, password, host, port or _PROXY_PORTS[scheme]


def _parse_proxy_scheme(text: str, fail: Fail) -> ProxyScheme:
    name = text.lower()
    name = _PROXY_SCHEME_ALIASES.get(name, name)
    if name == "file" or name.startswith("pac+"):
        fail(_PAC_HINT)
    scheme = next((scheme for scheme in _PROXY_PORTS if scheme == name), None)
    if scheme is None:
        fail(
            f"proxy URL scheme {text!r} is not supported; "
            "use http, https, socks4, socks4a, socks5 or socks5h"
        )
    return scheme


def _check_tail(tail: str, fail: Fail) -> None:
    if tail in ("", "/"):
        return
    path = _cut(tail, _BEHIND_PATH)[0].lower()
    if path.endswith((".pac", "/wpad.dat", "/wpad.da")):
        fail(_PAC_HINT)
    fail("a proxy URL ends with host and port; remove the path, query or fragment behind them")


def _check_ssl_context(scheme: str, ssl_context: ssl.SSLContext | None, fail: Fail) -> None:
    if ssl_context is None:
        return
    if not isinstance(ssl_context, ssl.SSLContext):
        raise TypeError(f"ssl_context must be an SSLContext, not {type(ssl_context).__name__}")
    if scheme != "https":
        fail(f"ssl_context is for https:// proxies; no TLS is spoken with a {scheme}:// proxy")


def _parse_headers(
    scheme: str, headers: ProxyHeadersArgument | None, fail: Fail
) -> tuple[Headers, frozenset[bytes]]:
    problem = ""
    pairs: Headers = ()
    omitted: frozenset[bytes] = frozenset()
    try:
        pairs, omitted = proxy_header_pairs(headers, name="headers")
    except ValueError as exc:
        problem = str(exc)  # raised below, outside of this block, for "fail" adds the source
    if problem:
        fail(problem)
    if (pairs or omitted) and scheme.startswith("socks"):
        fail(f"headers are for http:// and https:// proxies; {scheme} has none")
    return pairs, omitted


def _check_auth(
    scheme: str, username: str | None, auth: ProxyAuthArgument, fail: Fail
) -> CheckedProxyAuth:
    checked = check_proxy_auth(auth, name="auth")
    if checked and scheme.startswith("socks"):
        fail(f"auth is for http:// and https:// proxies; {scheme} has user:password@ in its URL")
    if checked and checked != "netrc" and username is not None:
        fail("there are credentials in the URL and in auth=; remove those that are not meant")
    return checked
