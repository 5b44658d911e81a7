"""Through whom: a proxy URL becomes a :class:`Proxy`.

Nothing here touches the network or the environment. Whatever is refused is refused here, before
anything is dialed, with :class:`~trio_wsproxy.ProxyConfigError`. No message, ``repr`` or chained
exception holds a secret: messages show of an offending text through :func:`shown_proxy` what is
proven to be harmless.

The syntax is that of RFC 3986 section 3, with what users of curl and desktops write into proxy
settings on top.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from trio_wsproxy._auth import CheckedProxyAuth, ProxyAuthArgument
from trio_wsproxy._exceptions import Headers, misconfigured
from trio_wsproxy._failures import Topic, Value, words
from trio_wsproxy._http import ProxyHeadersArgument
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import HIDDEN, secret

from ._beside import Beside
from ._hosts import (
    Malformed,
    authority_of,
    bracketed,
    decode_host,
    normalise_host,
    split_host_port,
)
from ._parts import (
    BEHIND_AUTHORITY,
    SCHEME,
    check_backslash,
    check_controls,
    check_credentials,
    check_length,
    cut,
    encode_hint,
    parse_userinfo,
    unescaped,
)
from ._slips import likely_slip, nearest_scheme, shown_proxy, shown_scheme

ProxyScheme = Literal["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

_PROXY_PORTS: dict[ProxyScheme, int] = {
    "http": 80,
    "https": 443,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
_PROXY_SCHEME_ALIASES = {"socks": "socks5h"}  # what curl's and desktops' users mean by it

_UNESCAPED = re.compile(r"[/?#@]")
_DOMAIN_AND_USER = lazy_pattern(r"[^\\:]+\\[^\\:]+(?::[^\\]*)?\Z")
_BEHIND_PATH = re.compile(r"[?#]")

_PAC_HINT = words(
    "this looks like a proxy auto-configuration (PAC) file; {name_it}", name_it=Topic.NAME_PAC
)


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
        User name and password are percent-decoded as UTF-8; both empty (``http://:@host``) stand
        for whoever has logged in (single sign-on).
      ssl_context: The TLS context for the proxy itself; default: the system's trust store. For
        ``https`` only.
      headers: More headers for the ``CONNECT`` request; the value ``None`` stands for one that
        is not sent to this proxy, such as ``User-Agent``. For ``http`` and ``https`` only.
      auth: How to authenticate: a scheme such as :class:`NegotiateAuth`, a name (``"negotiate"``,
        ``"ntlm"``, ``"digest"``, ``"basic"``), several of them, or ``"netrc"`` or ``"keyring"``. Names,
        and objects without a user name, are for the credentials of the URL. For ``http`` and
        ``https`` only.
      server_hostname: The name or IP address that TLS asks for (SNI, RFC 6066 section 3; none for
        an address) and that the proxy's certificate is to be valid for, where its URL has
        another: an address, or a name of the network between. Default: the URL's host. For
        ``https`` only.

    Raises:
      ProxyConfigError: The URL is malformed, its scheme unknown, or scheme, credentials,
        ``ssl_context``, headers and ``server_hostname`` do not fit together. The message shows the URL masked.
      TypeError: An argument is of another type.

    Attributes:
      scheme: The scheme in lower case, ``socks`` replaced by what it means.
      host: A-labels in lower case, with a trailing dot if it was written, or an IP literal
        without brackets.
      port: 1 to 65535.
      username: The decoded user name, or ``None``.
      password: The decoded password, or ``None``.
      ssl_context: As given.
      headers: As pairs of bytes.
      omitted_headers: The names, in lower case, of headers that are not sent.
      auth: The schemes and names of schemes as a tuple, or ``"netrc"`` or ``"keyring"``.
      server_hostname: In the spelling of ``host``, without a trailing dot; ``None`` if it is the
        URL's host.

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
    server_hostname: str | None

    def __init__(
        self,
        url: str,
        *,
        ssl_context: ssl.SSLContext | None = None,
        headers: ProxyHeadersArgument | None = None,
        auth: ProxyAuthArgument = None,
        server_hostname: str | None = None,
    ) -> None:
        url = secret(url) if isinstance(url, str) else url  # error trackers show our variables
        beside = Beside(ssl_context, headers, auth, server_hostname)
        self._fill(_read(url, beside, source="Proxy()", default_scheme="http"))

    def _fill(self, fields: Mapping[str, object]) -> None:
        # The way around "frozen" that dataclasses themselves use.
        for name, value in fields.items():
            if name in self.__dataclass_fields__:
                object.__setattr__(self, name, value)

    @property
    def authority(self) -> str:
        """``host:port``, IPv6 in brackets, without a zone."""
        return authority_of(self.host, self.port)

    @property
    def url(self) -> str:
        """The URL for messages, with the port always shown and ``***`` for the password.

        A user name is shown beside a password, and for SOCKS4, which has no passwords. Alone,
        it is likely to be the secret itself (an API key) and is masked.
        """
        return f"{self.scheme}://{self._masked_userinfo()}{bracketed(self.host)}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether the proxy speaks SOCKS, of whatever version."""
        return self.scheme.startswith("socks")

    @property
    def resolves_locally(self) -> bool:
        """Whether this machine resolves the next host's name: for ``socks4`` and ``socks5``."""
        return self.scheme in ("socks4", "socks5")

    @property
    def is_single_sign_on(self) -> bool:
        """Whether its URL has ``:@``: who has logged in on this machine is to be known there."""
        return self.username == "" and self.password == "" and not self.is_socks

    def _masked_userinfo(self) -> str:
        if self.username is None:
            return ""
        if not self.username and self.password == "":
            return ":@"
        plain = (
            self.username.isascii() and self.username.isalnum()
        )  # quote() takes ten times as long
        user = self.username if plain else quote(self.username, safe="")
        if self.scheme.startswith("socks4"):
            return f"{user}@"
        return f"{user}:{HIDDEN}@" if self.password else f"{HIDDEN}@"

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        made = "scheme" in vars(self)  # it is shown, too, when its URL was refused
        name = self.server_hostname if made else None
        more = f", server_hostname={name!r}" if name else ""
        return f"Proxy({self.url if made else HIDDEN!r}{more})"


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
    value = secret(value) if isinstance(value, str) else value
    fields = _read(value, Beside(), source=source, default_scheme=default_scheme)
    proxy = Proxy.__new__(Proxy)
    proxy._fill(fields)  # noqa: SLF001 - its own file
    return proxy


def parse_shared_proxy(
    value: str, *, source: Value, default_scheme: ProxyScheme = "http"
) -> tuple[Proxy, str]:
    """Read a proxy setting that other programs go by, too; see :func:`parse_proxy`.

    Returns:
      The proxy, and what was too much in the setting and is passed over; empty if nothing was.

    """
    value = secret(value)
    if "@" in value or "%" in value:  # there are passwords, which nothing here is to keep
        return _read_shared(value, source, default_scheme)
    return _read_shared_once(value, source, default_scheme)


def _read_shared(value: str, source: Value, default_scheme: ProxyScheme) -> tuple[Proxy, str]:
    fields = _read(value, Beside(), source=source, default_scheme=default_scheme, shared=True)
    proxy = Proxy.__new__(Proxy)
    proxy._fill(fields)  # noqa: SLF001 - its own file
    return proxy, str(fields["passed_over"])


_read_shared_once = lru_cache(16)(_read_shared)  # each dial asks, and the setting is the same


def with_auth(proxy: Proxy, auth: CheckedProxyAuth) -> Proxy:
    """Give a copy of a proxy with these schemes, which have been checked."""
    copy = Proxy.__new__(Proxy)
    copy._fill({**vars(proxy), "auth": auth})  # noqa: SLF001 - its own file
    return copy


def _read(
    url: str,
    beside: Beside,
    *,
    source: Value,
    default_scheme: ProxyScheme,
    shared: bool = False,
) -> Mapping[str, object]:
    """Read and check all that makes a proxy, or raise what is wrong with its source and URL."""
    if not isinstance(url, str):
        kind = type(url).__name__
        raise TypeError(
            words("{source}: a proxy URL must be a string, not {kind}", source=source, kind=kind)
        )
    try:
        return _read_fields(url, beside, default_scheme, shared=shared)
    except Malformed as exc:
        problem = likely_slip(url) or exc.problem
    what = words(
        "{source}: {problem} (in {url!r})", source=source, problem=problem, url=shown_proxy(url)
    )
    raise misconfigured(what)


def _read_fields(
    url: str, beside: Beside, default_scheme: ProxyScheme, *, shared: bool
) -> Mapping[str, object]:
    scheme, username, password, host, port = _parse_proxy_url(url, default_scheme)
    passed_over = ""
    if shared and password and scheme.startswith("socks4"):
        username, password = username or None, None
        passed_over = "SOCKS4 has no passwords, so the one in it is not sent; socks5h:// has"
    check_credentials(scheme, username, password)
    return {
        "scheme": scheme,
        "host": host,
        "port": port,
        "username": username,
        "password": password,
        "passed_over": passed_over,
        **beside.checked(scheme, username),
    }


def _parse_proxy_url(
    url: str, default_scheme: ProxyScheme
) -> tuple[ProxyScheme, str | None, str | None, str, int]:
    text = url.strip()
    check_length(text)
    if not text:
        raise Malformed(
            words(
                "the proxy URL is empty; for a direct connection use {direct}, or unset the variable",
                direct=Topic.DIRECT,
            )
        )
    check_controls(text)
    if text[0] in "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb":
        raise Malformed("the quotation marks are part of the value; remove them")
    match = SCHEME.match(text)
    scheme = _parse_proxy_scheme(match[1]) if match else default_scheme
    rest = text[match.end() :] if match else text
    # Cutting at the last "@" first keeps a password with "/", "?" or "#" in it in one piece,
    # and so out of the host and out of every message.
    userinfo, _, rest = rest.rpartition("@")
    if _UNESCAPED.search(userinfo):
        found = unescaped(userinfo)
        shown = " and ".join(map(repr, found))
        stands = "stands" if len(found) == 1 else "stand"
        raise Malformed(f"{shown} {stands} unescaped before the host; {encode_hint(found)}")
    username, password = parse_userinfo(userinfo)
    if userinfo == ":" and not scheme.startswith("socks4"):
        username = password = ""  # as curl has it; SOCKS4 sends the same in either case
    authority, tail = cut(rest, BEHIND_AUTHORITY)
    if not _DOMAIN_AND_USER.match(
        userinfo
    ):  # as people write it for a Windows domain, and curl takes it
        check_backslash(userinfo)
    check_backslash(authority)
    _check_tail(scheme, tail)
    host, port = split_host_port(authority)
    host = normalise_host(decode_host(host))
    return scheme, username, password, host, port or _PROXY_PORTS[scheme]


def _parse_proxy_scheme(text: str) -> ProxyScheme:
    name = text.lower()
    name = _PROXY_SCHEME_ALIASES.get(name, name)
    if name == "file" or name.startswith("pac+"):
        raise Malformed(_PAC_HINT)
    scheme = next((scheme for scheme in _PROXY_PORTS if scheme == name), None)
    if scheme is None:
        shown = repr(shown_scheme(text)) if shown_scheme(text) else "(not shown here)"
        near = nearest_scheme(name)
        raise Malformed(
            f"proxy URL scheme {shown} is not supported; "
            "use http, https, socks4, socks4a, socks5 or socks5h"
            + (f"; {near}:// was probably meant" if near else "")
        )
    return scheme


def _check_tail(scheme: str, tail: str) -> None:
    if tail in ("", "/"):
        return
    path = cut(tail, _BEHIND_PATH)[0].lower()
    if path.endswith((".pac", "/wpad.dat", "/wpad.da")):
        raise Malformed(_PAC_HINT)
    problem = words(
        "a proxy URL ends with host and port; remove the path, query or fragment behind them"
    )
    if len(path) > 1 and scheme in ("http", "https"):
        problem = words(
            "{problem}; or, if this is the address of a proxy auto-configuration (PAC) file, {name_it}",
            problem=problem,
            name_it=Topic.NAME_PAC,
        )
    raise Malformed(problem)
