"""Why there is no connection: the errors below trio-websocket's ``HandshakeError``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio_websocket
from trio_websocket import ConnectionClosed

from trio_wsproxy._failures import (
    Failure,
    Kind,
    Place,
    StageName,
    Topic,
    Value,
    Vocabulary,
    Words,
    words,
)
from trio_wsproxy._http import redirected, refused_by_server, said_in

from ._closed import ConnectionLost, words_of_loss

if TYPE_CHECKING:
    from trio_wsproxy._report import DialReport

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
    "ConnectionRejected",
    "ConnectionTimeout",
    "DisconnectionTimeout",
    "HandshakeError",
    "Headers",
    "ProxyAuthenticationError",
    "ProxyConfigError",
    "ProxyError",
    "ProxyProtocolError",
    "ProxyRejected",
    "ProxyUnreachable",
    "ServerRejected",
    "ServerUnreachable",
    "carry",
    "failed",
    "failure_of",
    "misconfigured",
    "told",
]

Headers = tuple[tuple[bytes, bytes], ...]
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
    carry(error, failure)
    return error


def carry(error: BaseException, failure: Failure) -> None:
    """Let an error carry a failure: one of ours, or Ctrl-C, of which is told where it struck."""
    vars(error)["_failure"] = failure  # whatever class declares no such attribute


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
    if type(error) is ConnectionClosed and error.__cause__ is not None:
        error = error.__cause__  # which says it in a sentence
    return str(error) if known is None else known.render(vocabulary)


def _words_of(error: BaseException) -> Words | None:
    failure = failure_of(error)
    if failure is not None:
        return failure.words
    cause = error.__cause__ if type(error) is ConnectionClosed else error
    if isinstance(cause, ConnectionLost):
        return words_of_loss(cause)
    first = error.args[0] if error.args else None
    return first if isinstance(first, Words) else None


def was_last_redirect(error: ServerRejected, followed: int) -> None:
    """Let the message of a redirect say that no more are followed than these, before it."""
    vars(error)["_followed"] = followed


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


def _for_users(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Give what a peer said as bytes that ``repr()`` shows: whoever prints them, wants to see them."""
    return tuple((bytes(name), bytes(value)) for name, value in headers or ()), bytes(body or b"")


class ServerRejected(ConnectionRejected):
    """The server answered the WebSocket request with another status than 101.

    What is raised is always this class; catch :exc:`ConnectionRejected`, as with
    trio-websocket.

    Attributes:
      status_code (int): The HTTP status.
      headers (tuple[tuple[bytes, bytes], ...]): The headers of the answer, names in lower case.
      body (bytes): The body of the answer, 64 KiB at most.

    """

    def __init__(
        self,
        status_code: int,
        headers: Headers,
        body: bytes,
        *,
        url: str,
        told: tuple[Headers, bytes] | None = None,
    ) -> None:
        super().__init__(status_code, *_for_users(headers, body))
        self.args = (status_code,)  # headers and body hold secrets, and repr() shows args
        self._url = url
        self._told = _for_users(*(told or (headers, body)))
        self._said = said_in(*self._told)
        self._followed: int | None = None

    def __str__(self) -> str:
        return str(self._failure.words)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.status_code, self.headers, self.body)
        return _rebuilt, (type(self), arguments, {"url": self._url}), vars(self)

    @property
    def _failure(self) -> Failure:
        """Made when somebody asks: a redirect that is followed is never told."""
        phrase = self._phrase
        what = words(
            "the server {url} answered {status}{phrase} to the WebSocket request",
            url=self._url,
            status=self.status_code,
            phrase=f" {phrase}" if phrase else "",
        )
        return Failure(Kind.REFUSED, "upgrade", what, self._remedy())

    @property
    def _phrase(self) -> str:
        try:
            from http import HTTPStatus  # an enumeration of sixty members, for this alone

            return HTTPStatus(self.status_code).phrase
        except (ValueError, ImportError, OSError):  # no such status; no free file descriptor
            return ""

    def _remedy(self) -> Words | None:
        """What the server says itself, if anything, and what that proves, or may mean."""
        advice = self._advice()
        if self._said.strip(".!0123456789 ").lower() in ("", self._phrase.lower()):
            return advice
        says = words("it says {said!r}", said=self._said)
        if advice is None or advice == _SEE:
            return says
        return words("{says}; {more}", says=says, more=advice)

    def _advice(self) -> Words | None:
        status = self.status_code
        hint = refused_by_server(self._url, status, *self._told)
        redirect = redirected(status, self._told[0], self._followed)
        if hint is not None:
            return words("{hint}; or {more}", hint=hint, more=redirect) if redirect else hint
        if 300 <= status < 400:
            return redirect
        if status == 401:
            use = Topic.BY_EXTRA_HEADERS
            return words("it wants an Authorization header: use {headers}", headers=use)
        if status in _REMEDIES:
            return Words(_REMEDIES[status])
        return _SEE


_SEE = words("{see}", see=Topic.SEE_ANSWER)
_REMEDIES = {
    400: "it did not like the request: are path, Host, Origin and subprotocols right?",
    403: "it forbids it: are the credentials, the Origin header and the path right?",
    404: "it knows no such path",
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
      stage (str): What was going on: ``"config"``, ``"pac"``, ``"setup"``, ``"resolve"``, ``"tcp"``,
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
    """A proxy setting cannot be used; raised before anything is sent to a proxy.

    The message names the variable or the argument that the setting came from. A PAC script that is no
    good is one, too: ``stage`` is ``"pac"`` then.
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
        self.headers, self.body = _for_users(headers, body)
        self.reply_code = reply_code


class ProxyAuthenticationError(ProxyRejected):
    """The proxy wants other credentials: HTTP 407, SOCKS5 method 0xFF, RFC 1929 status ≠ 0."""


class ProxyProtocolError(ProxyError):
    """The proxy does not speak the protocol of its scheme, or was cut off half-way."""
