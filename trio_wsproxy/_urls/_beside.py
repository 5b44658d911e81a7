"""What stands beside the URL of a :class:`Proxy`: context, headers, scheme, name; each checked against it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import NamedTuple

from trio_wsproxy._auth import (
    CheckedProxyAuth,
    ProxyAuth,
    ProxyAuthArgument,
    SchemeName,
    check_proxy_auth,
)
from trio_wsproxy._exceptions import Headers
from trio_wsproxy._http import ProxyHeadersArgument, proxy_header_pairs

from ._hosts import Malformed, bare_host, normalise_host


class Beside(NamedTuple):
    """The arguments of a :class:`Proxy` behind its URL, as they were given."""

    ssl_context: ssl.SSLContext | None = None
    headers: ProxyHeadersArgument | None = None
    auth: ProxyAuthArgument = None
    server_hostname: str | None = None

    def checked(self, scheme: str, username: str | None) -> Mapping[str, object]:
        """Give the fields of a proxy that they make.

        Args:
          scheme: That of its URL.
          username: That of its URL.

        Raises:
          Malformed: One of them does not fit to the URL.
          TypeError: One is of another type.

        """
        _check_ssl_context(scheme, self.ssl_context)
        pairs, omitted = _parse_headers(scheme, self.headers)
        return {
            "ssl_context": self.ssl_context,
            "headers": pairs,
            "omitted_headers": omitted,
            "auth": _check_auth(scheme, username, self.auth),
            "server_hostname": _parse_server_hostname(scheme, self.server_hostname),
        }


def _check_ssl_context(scheme: str, ssl_context: ssl.SSLContext | None) -> None:
    if ssl_context is None:
        return
    if not isinstance(ssl_context, ssl.SSLContext):
        raise TypeError(f"ssl_context must be an SSLContext, not {type(ssl_context).__name__}")
    if scheme != "https":
        raise Malformed(
            f"ssl_context is for https:// proxies; no TLS is spoken with a {scheme}:// proxy"
        )


def _parse_headers(
    scheme: str, headers: ProxyHeadersArgument | None
) -> tuple[Headers, frozenset[bytes]]:
    if headers is None:
        return (), frozenset()
    problem = ""
    pairs: Headers = ()
    omitted: frozenset[bytes] = frozenset()
    try:
        pairs, omitted = proxy_header_pairs(headers, name="headers")
    except ValueError as exc:
        problem = str(exc)  # raised below, outside of this block
    if problem:
        raise Malformed(problem)
    if (pairs or omitted) and scheme.startswith("socks"):
        raise Malformed(f"headers are for http:// and https:// proxies; {scheme} has none")
    return pairs, omitted


def _check_auth(scheme: str, username: str | None, auth: ProxyAuthArgument) -> CheckedProxyAuth:
    checked = check_proxy_auth(auth, name="auth")
    if checked and scheme.startswith("socks"):
        raise Malformed(
            f"auth is for http:// and https:// proxies; {scheme} has user:password@ in its URL"
        )
    if isinstance(checked, tuple) and username is not None and any(map(_has_its_own, checked)):
        raise Malformed(
            "there are credentials in the URL and in auth=; remove those that are not meant, or name "
            'the schemes alone that the URL\'s are for: auth="ntlm"'
        )
    return checked


def _has_its_own(scheme: ProxyAuth | SchemeName) -> bool:
    """Tell whether a scheme brings credentials: NTLMAuth() does not, nor does a name."""
    return not isinstance(scheme, str) and getattr(scheme, "username", scheme) is not None


def _parse_server_hostname(scheme: str, name: str | None) -> str | None:
    """Read the name for TLS, in the spelling that certificates have."""
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"server_hostname must be a str, not {type(name).__name__}")
    if scheme != "https":
        raise Malformed(
            f"server_hostname is for https:// proxies; no TLS is spoken with a {scheme}:// proxy"
        )
    problem = ""
    try:
        return bare_host(normalise_host(name))
    except Malformed as exc:
        problem = str(exc)  # raised below, outside of this block
    raise Malformed(f"server_hostname: {problem}")
