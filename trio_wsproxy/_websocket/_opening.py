"""The opening handshake (RFC 6455 section 4.1), in the caller's task.

One request goes out; informational answers are skipped; then the answer is either 101 with
the right proofs, and what follows its blank line are the first bytes of the WebSocket, or a
refusal with a body worth keeping.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request
from wsproto.extensions import Extension
from wsproto.utilities import ProtocolError

from trio_wsproxy._exceptions import HandshakeError, Headers, ServerRejected
from trio_wsproxy._http._head import (
    FRAMING,
    Head,
    HeaderPairs,
    HeadersArgument,
    LoggedHead,
    NotHTTP,
    complaint,
    header_pairs,
    status_code,
    without_framing,
)
from trio_wsproxy._report._stages import Running

logger = logging.getLogger("trio_wsproxy")

MAX_REFUSAL = 64 * 1024  # bytes of a refusal's body that are kept; services explain in JSON there
PATIENCE = 5  # seconds for that body; the refusal itself is known already
RECEIVE_SIZE = 4096  # bytes; the answer fits

# RFC 6455 section 4.1 gives these values to the handshake itself.
_OWNED = frozenset(
    (
        b"connection",
        b"upgrade",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
    )
)
_INSTEAD = {
    b"sec-websocket-protocol": "use subprotocols=",
    b"proxy-authorization": (
        "it would go to the server, not to the proxy; "
        "put user:password@ into the proxy URL, or use proxy_headers="
    ),
}


@dataclass(frozen=True)
class OpeningRequest:
    """What the client asks for.

    Attributes:
      url: The server's URL for messages; masked.
      host: The value of the ``Host`` header.
      resource: Path and query.
      subprotocols: In order of preference.
      headers: Additional headers; see :func:`check_extra_headers`.

    """

    url: str
    host: str
    resource: str
    subprotocols: tuple[str, ...] = ()
    headers: HeaderPairs = ()

    def __post_init__(self) -> None:
        """Refuse early, with a ValueError, what wsproto and h11 would refuse when it is sent."""
        if _can_be_sent(self.host, self.resource):
            return
        for name, host, target in (
            ("host", self.host, "/"),
            ("resource", "localhost", self.resource),
        ):
            if not _can_be_sent(host, target):
                shown = getattr(self, name).partition("?")[0]  # a query may hold a token
                raise ValueError(f"the {name} {shown!r} cannot stand in a WebSocket request")


# What nearly all are: labels that IDNA leaves alone, or an address, with or without a port.
_USUAL_HOST = re.compile(r"[A-Za-z0-9_-]{1,57}(?:\.[A-Za-z0-9_-]{1,57})*(?::[0-9]{1,5})?")
_USUAL_TARGET = re.compile(r"/[!-~]*")


def _can_be_sent(host: str, target: str) -> bool:
    if _USUAL_HOST.fullmatch(host) and _USUAL_TARGET.fullmatch(target):
        return True
    try:
        headers = [(b"Host", host.encode("idna"))]  # as wsproto does it
        h11.Request(method=b"GET", target=target.encode("ascii"), headers=headers)
    except (h11.LocalProtocolError, UnicodeError):
        return False
    return True


@dataclass(frozen=True)
class OpeningAnswer:
    """What the server agreed to.

    Attributes:
      subprotocol: The one it chose, or ``None``.
      headers: Its other headers, names in lower case.
      extensions: wsproto's extensions, finalised.
      trailing: The bytes behind the answer: the WebSocket's first.

    """

    subprotocol: str | None
    headers: Headers
    extensions: tuple[Extension, ...]
    trailing: bytes


def check_extra_headers(headers: HeadersArgument | None) -> HeaderPairs:
    """Bring ``extra_headers`` into h11's form.

    Raises:
      ValueError: HTTP cannot carry a name or value, or the header is not the caller's to set.

    """
    pairs = header_pairs(headers, name="extra_headers", reserved=FRAMING)
    for name, _ in pairs:
        key = name.lower()
        if key in _OWNED:
            raise ValueError(f"extra_headers: {name.decode()!r} is set by the handshake itself")
        if key in _INSTEAD:
            raise ValueError(f"extra_headers: {name.decode()!r} is not sent: {_INSTEAD[key]}")
    return pairs


async def shake_hands(
    stream: trio.abc.Stream,
    request: OpeningRequest,
    extensions: Sequence[Extension] = (),
    stage: Running | None = None,
) -> OpeningAnswer:
    """Ask a server to speak WebSocket.

    Args:
      stream: An open connection to the server; its TLS, if any, is done.
      request: What to ask for.
      extensions: wsproto's extensions to offer.
      stage: Gets the head of the answer as its evidence.

    Raises:
      ConnectionRejected: The server answered with another status than 101.
      HandshakeError: Its answer is not a WebSocket handshake, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    ws = WSConnection(ConnectionType.CLIENT)
    hello = ws.send(
        Request(
            host=request.host,
            target=request.resource,
            extensions=list(extensions),
            extra_headers=list(request.headers),
            subprotocols=list(request.subprotocols),
        )
    )
    logger.debug("asks %s: %s", request.url, LoggedHead(hello))
    try:
        await stream.send_all(hello)
        status, head, trailing = await _receive_final_head(stream, request)
        if stage is not None:
            stage.evidence = head
    except trio.BrokenResourceError as exc:
        raise HandshakeError(
            f"the server {request.url} broke the connection during the opening handshake; "
            f"does it speak WebSocket there{_or_tls(request)}?"
        ) from exc
    if status != 101:
        http, refusal = _parse_refusal(head, request)
        body = await _receive_body(http, stream, trailing)
        raise ServerRejected(status, _pairs(refusal.headers), body, url=request.url)
    accepted = _parse_accepted(ws, head, request)
    return OpeningAnswer(
        accepted.subprotocol,
        _pairs(accepted.extra_headers),
        tuple(accepted.extensions),
        trailing,
    )


def _pairs(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((bytes(name), bytes(value)) for name, value in headers)


async def _receive_final_head(
    stream: trio.abc.Stream, request: OpeningRequest
) -> tuple[int, bytes, bytes]:
    """Read the first answer that is not informational (RFC 9110 section 15.2), or 101."""
    rest = b""
    try:
        while True:
            head, rest = await _receive_head(stream, request, rest)
            logger.debug("%s answers: %s", request.url, LoggedHead(head))
            status = status_code(head)
            if status == 101 or status >= 200:
                return status, head, rest
    except NotHTTP as exc:
        hint = "; use wss://" if exc.speaks == "TLS" else ""
        raise HandshakeError(
            f"the server {request.url} answered the WebSocket request with {exc}{hint}"
        ) from None


async def _receive_head(
    stream: trio.abc.Stream, request: OpeningRequest, rest: bytes
) -> tuple[bytes, bytes]:
    reader = Head()
    cut = reader.feed(rest)
    while cut is None:
        data = await stream.receive_some(RECEIVE_SIZE)
        if not data:
            middle = "in the middle of" if reader.partial else "without"
            raise HandshakeError(
                f"the server {request.url} closed the connection {middle} an answer to the "
                f"WebSocket request; does it speak WebSocket there{_or_tls(request)}?"
            ) from trio.BrokenResourceError("end of file")  # as for a connection that is reset
        cut = reader.feed(data)
    return cut


def _or_tls(request: OpeningRequest) -> str:
    return ", or want TLS (wss://)" if request.url.startswith("ws://") else ""


def _parse_accepted(ws: WSConnection, head: bytes, request: OpeningRequest) -> AcceptConnection:
    try:
        ws.receive_data(head)
        event = next(ws.events())
    except (ProtocolError, h11.ProtocolError, UnicodeDecodeError, StopIteration) as exc:
        problem = complaint(exc)  # not chained, not even as a context: it quotes headers
    else:
        assert isinstance(event, AcceptConnection)  # a 101 makes no other
        return event
    raise _not_a_handshake(request, problem)


def _parse_refusal(head: bytes, request: OpeningRequest) -> tuple[h11.Connection, h11.Response]:
    """Read a refusal's head; where it contradicts itself about its body, that ends with TCP."""
    problem = ""
    for candidate in (head, without_framing(head)):
        http = h11.Connection(h11.CLIENT)
        try:
            http.receive_data(candidate)
            event = http.next_event()
        except h11.RemoteProtocolError as exc:
            problem = complaint(exc)
        else:
            assert isinstance(event, h11.Response)  # a final head makes no other
            return http, event
    raise _not_a_handshake(request, problem)


def _not_a_handshake(request: OpeningRequest, problem: str) -> HandshakeError:
    return HandshakeError(
        f"the server {request.url} answered the WebSocket request with something that is "
        f"not a WebSocket handshake: {problem}"
    )


async def _receive_body(http: h11.Connection, stream: trio.abc.Stream, trailing: bytes) -> bytes:
    """Read what explains a refusal; whatever goes wrong, the refusal itself matters more."""
    body = bytearray()
    try:
        if trailing:
            http.receive_data(trailing)
        with trio.move_on_after(PATIENCE):
            while len(body) < MAX_REFUSAL:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    http.receive_data(bytes(await stream.receive_some(RECEIVE_SIZE)))
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    break
    except (h11.RemoteProtocolError, trio.BrokenResourceError):
        pass  # an odd body, or one cut off
    return bytes(body[:MAX_REFUSAL])
