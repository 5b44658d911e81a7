"""The error tree.

trio-websocket's classes are re-exported, not copied, so that an ``except`` written for it
goes on working; the new ones hang below them::

    trio_websocket.HandshakeError            no connection
    ├─ trio_websocket.ConnectionTimeout, DisconnectionTimeout
    ├─ trio_websocket.ConnectionRejected     the server answered the upgrade, and said no
    │  └─ ServerRejected                     … in words that a person can read
    ├─ ServerUnreachable                     also an OSError: name, TCP or TLS of the server
    └─ ProxyError                            also an OSError: a hop on the way failed
       ├─ ProxyConfigError                   also a ValueError: nothing was sent yet
       ├─ ProxyUnreachable                   name, TCP or TLS to the proxy
       ├─ ProxyRejected                      the proxy answered, and said no
       │  └─ ProxyAuthenticationError        … because of the credentials
       └─ ProxyProtocolError                 not the protocol of its scheme, or cut half-way

    trio_websocket.ConnectionClosed          no connection any more
    ├─ ConnectionEnded                       also trio.EndOfChannel: the peer closed normally
    ├─ ConnectionLost                        also trio.BrokenResourceError: anything abnormal
    └─ ConnectionClosedLocally               also trio.ClosedResourceError: this side closed it

Nothing in a message, an attribute or a ``repr`` here may hold a secret: whoever raises
passes masked URLs only.
"""

from __future__ import annotations

from http import HTTPStatus

import trio
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
)

from ._http._proof import refused_by_server
from ._redaction import masked_reference

__all__ = [
    "ConnectionClosed",
    "ConnectionClosedLocally",
    "ConnectionEnded",
    "ConnectionLost",
    "ConnectionRejected",
    "ConnectionTimeout",
    "DisconnectionTimeout",
    "HandshakeError",
    "ProxyAuthenticationError",
    "ProxyConfigError",
    "ProxyError",
    "ProxyProtocolError",
    "ProxyRejected",
    "ProxyUnreachable",
    "ServerRejected",
    "ServerUnreachable",
]

Headers = tuple[tuple[bytes, bytes], ...]


class ServerUnreachable(HandshakeError, OSError):
    """The server's name, its TCP port or its TLS could not be reached.

    Raised for a direct route, and for the TLS handshake with the server at the end of a
    tunnel. The original error is the ``__cause__``.

    Attributes:
      stage (str): ``"resolve"``, ``"tcp"`` or ``"server_tls"``.

    """

    def __init__(self, message: str, *, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class ServerRejected(ConnectionRejected):
    """The server answered the WebSocket request with another status than 101.

    What is raised is always this class; catch :exc:`ConnectionRejected`, as with
    trio-websocket.

    Attributes:
      status_code (int): The HTTP status.
      headers (tuple[tuple[bytes, bytes], ...]): The headers of the answer, names in lower case.
      body (bytes): The body of the answer, 64 KiB at most.

    """

    def __init__(self, status_code: int, headers: Headers, body: bytes, *, url: str) -> None:
        super().__init__(status_code, headers, body)
        self._url = url

    def __str__(self) -> str:
        try:
            phrase = f" {HTTPStatus(self.status_code).phrase}"
        except ValueError:
            phrase = ""
        return (
            f"the server {self._url} answered {self.status_code}{phrase} to the WebSocket "
            f"request{self._remedy()}"
        )

    def _remedy(self) -> str:
        status = self.status_code
        hint = refused_by_server(self._url, status, self.headers or (), self.body or b"")
        if hint is not None:
            return f"; {hint}"
        if 300 <= status < 400:
            location = dict(self.headers).get(b"location", b"").decode("latin-1")
            location = masked_reference(location)
            return f"; it redirects to {location}" if location else ""
        return {
            400: "; it did not like the request: are path, Host, Origin and subprotocols right?",
            401: "; it wants an Authorization header: use extra_headers=",
            403: "; it forbids it: are the credentials, the Origin header and the path right?",
            404: "; it knows no such path",
            426: "; it wants another protocol version",
        }.get(status, "; see the error's .headers and .body for what it says")


class ProxyError(HandshakeError, OSError):
    """A proxy on the way failed; the base of all errors that name a hop.

    Attributes:
      proxy (str | None): The proxy's URL with its password masked; ``None`` when no proxy
        could be made out of the setting.
      hop (int | None): The place of the proxy in the chain, counted from 1, nearest first;
        ``None`` when nothing was dialed yet.
      stage (str): What was going on: ``"config"``, ``"resolve"``, ``"tcp"``,
        ``"proxy_tls"``, ``"connect"`` or ``"socks"``.

    """

    def __init__(
        self,
        message: str,
        *,
        proxy: str | None = None,
        hop: int | None = None,
        stage: str = "config",
    ) -> None:
        super().__init__(message)
        self.proxy = proxy
        self.hop = hop
        self.stage = stage


class ProxyConfigError(ProxyError, ValueError):
    """A proxy setting cannot be used; raised before anything is sent.

    The message names the variable or the argument that the setting came from.
    """


class ProxyUnreachable(ProxyError):
    """The proxy's name does not resolve, or no TCP or TLS connection to it could be made."""


class ProxyRejected(ProxyError):
    """The proxy answered in its protocol, and refused.

    Attributes:
      status_code (int | None): The HTTP status of a ``CONNECT`` answer.
      headers (tuple[tuple[bytes, bytes], ...]): The headers of that answer, names in lower
        case.
      body (bytes): The first bytes of the body of that answer, 8 KiB at most.
      reply_code (int | None): The reply code of a SOCKS proxy (RFC 1928 section 6; 90 to 93
        for SOCKS4).

    """

    def __init__(
        self,
        message: str,
        *,
        proxy: str | None = None,
        hop: int | None = None,
        stage: str = "connect",
        status_code: int | None = None,
        headers: Headers = (),
        body: bytes = b"",
        reply_code: int | None = None,
    ) -> None:
        super().__init__(message, proxy=proxy, hop=hop, stage=stage)
        self.status_code = status_code
        self.headers = headers
        self.body = body
        self.reply_code = reply_code


class ProxyAuthenticationError(ProxyRejected):
    """The proxy wants other credentials: HTTP 407, SOCKS5 method 0xFF, RFC 1929 status ≠ 0."""


class ProxyProtocolError(ProxyError):
    """The proxy does not speak the protocol of its scheme, or was cut off half-way."""


def _describe(reason: CloseReason | None) -> str:
    if reason is None:
        return "no close code"
    text = f"{reason.code} {reason.name}"
    # What a peer says is escaped, not cut: it is short, and meant to be read.
    said = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in reason.reason or "")
    return f"{text}: {said}" if said else text


class ConnectionEnded(ConnectionClosed, trio.EndOfChannel):
    """The peer closed the connection normally: code 1000, 1001 or none.

    Being a :class:`trio.EndOfChannel`, it ends an ``async for`` over the connection.

    Attributes:
      reason (CloseReason): The code and the text of the peer's close frame.

    """

    def __str__(self) -> str:
        return f"the peer closed the connection ({_describe(self.reason)})"


class ConnectionLost(ConnectionClosed, trio.BrokenResourceError):
    """The connection ended abnormally.

    The peer's close frame had another code than 1000 or 1001, there was none (code 1006), or
    the peer broke the protocol. What the operating system or TLS said is the ``__cause__``.

    Attributes:
      reason (CloseReason): What is known about the end.

    """

    def __str__(self) -> str:
        return f"the connection is lost ({_describe(self.reason)})"


class ConnectionClosedLocally(ConnectionClosed, trio.ClosedResourceError):
    """This side closed the connection, by ``aclose()`` or by leaving its ``async with``.

    Attributes:
      reason (CloseReason): The code and the text of the close frame that was sent.

    """

    def __str__(self) -> str:
        return f"the connection was closed by this side ({_describe(self.reason)})"
