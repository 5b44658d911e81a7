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

from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio
import trio_websocket
from trio_websocket import CloseReason, ConnectionClosed

from ._failures import Failure, Kind, Place, StageName, Topic, Value, Vocabulary, Words, words
from ._http import refused_by_server
from ._redaction import escaped, shown_url

if TYPE_CHECKING:
    from ._report import DialReport

    # trio-websocket's own, with what those have that leave this package: a checker sees that, and
    # nothing else tells it.
    class HandshakeError(trio_websocket.HandshakeError):
        dial_report: DialReport

    class ConnectionTimeout(HandshakeError, trio_websocket.ConnectionTimeout): ...

    class DisconnectionTimeout(HandshakeError, trio_websocket.DisconnectionTimeout): ...

    class ConnectionRejected(HandshakeError, trio_websocket.ConnectionRejected): ...

else:
    from trio_websocket import (
        ConnectionRejected,
        ConnectionTimeout,
        DisconnectionTimeout,
        HandshakeError,
    )

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
ABNORMAL_CLOSURE = 1006  # RFC 6455 section 7.4.1: no close frame came
ErrorT = TypeVar("ErrorT", bound=HandshakeError)


def failed(kind: type[ErrorT], failure: Failure, **more: Any) -> ErrorT:
    """Make an error out of a failure, which it carries from then on.

    Args:
      kind: Its class.
      failure: What happened.
      **more: Other attributes that the class takes, such as ``status_code``.

    """
    if issubclass(kind, ProxyError):
        more |= {"proxy": failure.place.url, "hop": failure.place.hop, "stage": failure.stage}
    elif issubclass(kind, ServerUnreachable):
        more["stage"] = failure.stage
    error = kind(str(failure.words), **more)
    vars(error)["_failure"] = failure  # trio-websocket's classes declare no such attribute
    return error


def misconfigured(
    what: Value, remedy: Words | None = None, place: Place | None = None
) -> ProxyConfigError:
    """Make the error for a setting that cannot be used; ``place`` is its proxy, where one is known."""
    what = what if isinstance(what, Words) else words("{what}", what=what)
    failure = Failure(Kind.MISCONFIGURED, "config", what, remedy, place or Place())
    return failed(ProxyConfigError, failure)


def failure_of(error: BaseException) -> Failure | None:
    """Give the failure that an error carries; ``None`` where somebody else has made it."""
    return cast("Failure | None", getattr(error, "_failure", None))


def told(error: BaseException, vocabulary: Vocabulary) -> str:
    """Give the message of any error to a reader with this vocabulary.

    An error that knows no words of ours, says what ``str()`` does.
    """
    known = _words_of(error)
    return str(error) if known is None else known.render(vocabulary)


def _words_of(error: BaseException) -> Words | None:
    failure = failure_of(error)
    if failure is not None:
        return failure.words
    if isinstance(error, ConnectionLost):
        return _lost(error)
    first = error.args[0] if error.args else None
    return first if isinstance(first, Words) else None


class ServerUnreachable(HandshakeError, OSError):
    """The server's name, its TCP port or its TLS could not be reached.

    Raised for a direct route, and for the TLS handshake with the server at the end of a
    tunnel. The original error is the ``__cause__``.

    Attributes:
      stage (str): ``"setup"``, ``"resolve"``, ``"tcp"`` or ``"server_tls"``.

    """

    def __init__(self, message: str, *, stage: StageName) -> None:
        super().__init__(message)
        self.stage: StageName = stage

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, {"stage": self.stage}), vars(self)


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
        self.args = (status_code,)  # headers and body hold secrets, and repr() shows args
        self._url = url

    def __str__(self) -> str:
        return str(self._failure.words)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.status_code, self.headers, self.body)
        return _rebuilt, (type(self), arguments, {"url": self._url}), vars(self)

    @property
    def _failure(self) -> Failure:
        """Made when somebody asks: a redirect that is followed is never told."""
        from http import HTTPStatus  # an enumeration of sixty members, for this alone

        try:
            phrase = f" {HTTPStatus(self.status_code).phrase}"
        except ValueError:
            phrase = ""
        what = words(
            "the server {url} answered {status}{phrase} to the WebSocket request",
            url=self._url,
            status=self.status_code,
            phrase=phrase,
        )
        return Failure(Kind.REFUSED, "upgrade", what, self._remedy())

    def _remedy(self) -> Words | None:
        status = self.status_code
        hint = refused_by_server(self._url, status, self.headers or (), self.body or b"")
        if hint is not None:
            return hint
        if 300 <= status < 400:
            location = dict(self.headers).get(b"location", b"").decode("latin-1")
            location = shown_url(location)
            return words("it redirects to {location}", location=location) if location else None
        if status == 401:
            use = Topic.BY_EXTRA_HEADERS
            return words("it wants an Authorization header: use {headers}", headers=use)
        if status in _REMEDIES:
            return Words(_REMEDIES[status])
        return words("{see}", see=Topic.SEE_ANSWER)


_REMEDIES = {
    400: "it did not like the request: are path, Host, Origin and subprotocols right?",
    403: "it forbids it: are the credentials, the Origin header and the path right?",
    404: "it knows no such path",
    426: "it wants another protocol version",
}


def _rebuilt(
    kind: type[Exception], arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> Exception:
    """Make a copy of an error, whose class takes keywords that pickle knows nothing of."""
    return kind(*arguments, **keywords)


class ProxyError(HandshakeError, OSError):
    """A proxy on the way failed; the base of all errors that name a hop.

    Attributes:
      proxy (str | None): The proxy's URL with its password masked; ``None`` when no proxy
        could be made out of the setting.
      hop (int | None): The place of the proxy in the chain, counted from 1, nearest first;
        ``None`` when nothing was dialed yet.
      stage (str): What was going on: ``"config"``, ``"setup"``, ``"resolve"``, ``"tcp"``,
        ``"proxy_tls"``, ``"connect"`` or ``"socks"``.

    """

    def __init__(
        self,
        message: str,
        *,
        proxy: str | None = None,
        hop: int | None = None,
        stage: StageName = "config",
    ) -> None:
        super().__init__(message)
        self.proxy = proxy
        self.hop = hop
        self.stage: StageName = stage


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
      body (bytes): The first bytes of the body of that answer, 64 KiB at most.
      reply_code (int | None): The reply code of a SOCKS proxy (RFC 1928 section 6; 90 to 93
        for SOCKS4).

    """

    def __init__(
        self,
        message: str,
        *,
        proxy: str | None = None,
        hop: int | None = None,
        stage: StageName = "connect",
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


def _lost(error: ConnectionLost) -> Words:
    reason, unsent = error.reason, _unsent(error.unsent_messages, error.unsent_bytes)
    if reason is not None and reason.code == ABNORMAL_CLOSURE and not reason.reason:
        return words("the connection is lost {end}{unsent}", end=Topic.LOST, unsent=unsent)
    return words(
        "the connection is lost ({reason}){unsent}", reason=_describe(reason), unsent=unsent
    )


def _unsent(messages: int, size: int) -> str:
    if not messages:
        return ""
    what = "a message was" if messages == 1 else f"{messages:,} messages were"
    return f"; {what} not sent ({size:,} bytes)"


def _describe(reason: CloseReason | None) -> str:
    if reason is None:
        return "no close code"
    text = f"{reason.code} {reason.name}"
    # What a peer says is escaped, not cut: it is short, and meant to be read.
    said = escaped(reason.reason or "")
    return f"{text}: {said}" if said else text


def _shown(error: ConnectionClosed) -> str:
    """What ``repr()`` gives of an error in which a peer's words are."""
    return escaped(ConnectionClosed.__repr__(error))


class ConnectionEnded(ConnectionClosed, trio.EndOfChannel):
    """The peer closed the connection normally: code 1000, 1001 or none.

    Being a :class:`trio.EndOfChannel`, it ends an ``async for`` over the connection.

    Attributes:
      reason (CloseReason): The code and the text of the peer's close frame.

    """

    __repr__ = _shown

    def __str__(self) -> str:
        return f"the peer closed the connection ({_describe(self.reason)})"


class ConnectionLost(ConnectionClosed, trio.BrokenResourceError):
    """The connection ended abnormally.

    The peer's close frame had another code than 1000 or 1001, there was none (code 1006), or
    the peer broke the protocol. What the operating system or TLS said is the ``__cause__``.

    Attributes:
      reason (CloseReason): What is known about the end.
      unsent_messages (int): Messages that were accepted, and that the kernel has not taken whole.
        Told when the connection is closed or left; 0 elsewhere.
      unsent_bytes (int): Bytes of them, as they stand on the wire.

    """

    def __init__(
        self, reason: CloseReason | None, *, unsent_messages: int = 0, unsent_bytes: int = 0
    ) -> None:
        super().__init__(reason)
        self.unsent_messages = unsent_messages
        self.unsent_bytes = unsent_bytes

    __repr__ = _shown

    def __str__(self) -> str:
        return str(_lost(self))


class ConnectionClosedLocally(ConnectionClosed, trio.ClosedResourceError):
    """This side closed the connection, by ``aclose()`` or by leaving its ``async with``.

    Attributes:
      reason (CloseReason): The code and the text of the close frame that was sent.

    """

    __repr__ = _shown

    def __str__(self) -> str:
        return f"the connection was closed by this side ({_describe(self.reason)})"
