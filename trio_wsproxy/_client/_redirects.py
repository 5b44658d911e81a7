"""Redirects of the WebSocket request (RFC 6455 section 4.1, RFC 9110 section 15.4): pure rules."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import urljoin

from trio_wsproxy._exceptions import HandshakeError, ServerRejected, failed
from trio_wsproxy._failures import Failure, Kind, words
from trio_wsproxy._http import HeaderPairs
from trio_wsproxy._redaction import shown_url
from trio_wsproxy._urls import Target, parse_target

REDIRECTS = (301, 302, 303, 307, 308)  # the other 3xx need a person, or a cache
# What is meant for one origin is not for another one (RFC 9110 section 15.4).
FOR_ORIGIN = (b"authorization", b"cookie", b"host")


def redirect_target(target: Target, refusal: ServerRejected) -> Target | None:
    """Read where a server redirects to.

    Args:
      target: What was asked for.
      refusal: The server's answer.

    Returns:
      The new target; ``None`` where the answer is not a redirect.

    Raises:
      HandshakeError: It must not be followed: it leaves TLS, or leads to no WebSocket URL.

    """
    location = dict(refusal.headers).get(b"location", b"").decode("latin-1")
    if refusal.status_code not in REDIRECTS or not location:
        return None
    # urljoin knows http, not ws; where a redirect names http, a WebSocket is meant.
    base = f"http{'s' if target.secure else ''}://{target.authority}{target.resource}"
    new = _parsed(base, location)
    if new is None:
        problem = "which is no WebSocket URL"
    elif target.secure and not new.secure:
        problem = "which would leave TLS"
    elif _same_origin(target, new) and new.username is None:
        return replace(new, username=target.username, password=target.password)
    else:
        return new
    what = words(
        "the server {url} redirects to {location}, {problem}",
        url=target.url,
        location=shown_url(location),
        problem=problem,
    )
    raise failed(HandshakeError, Failure(Kind.REFUSED, "upgrade", what))


def headers_for(headers: HeaderPairs, old: Target, new: Target) -> HeaderPairs:
    """Leave out what is meant for the old origin only.

    Args:
      headers: The headers of the request to ``old``.
      old: The target that redirected.
      new: The target it redirected to.

    """
    if _same_origin(old, new):
        return headers
    return tuple(pair for pair in headers if pair[0].lower() not in FOR_ORIGIN)


def _same_origin(one: Target, other: Target) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _parsed(base: str, location: str) -> Target | None:
    try:
        url = urljoin(base, location).partition("#")[0]
        return parse_target(re.sub(r"^http(s?):", r"ws\1:", url, flags=re.IGNORECASE))
    except ValueError:
        return None
