"""The opening handshake (RFC 6455 section 4.1), in the caller's task.

One request goes out; informational answers are skipped; then the answer is either 101 with
the right proofs, and what follows its blank line are the first bytes of the WebSocket, or a
refusal with a body worth keeping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request
from wsproto.extensions import Extension
from wsproto.utilities import ProtocolError

from trio_wsproxy._exceptions import HandshakeError, Headers, ServerRejected
from trio_wsproxy._http import (
    FRAMING,
    Head,
    HeaderPairs,
    HeadersArgument,
    NotHTTP,
    header_pairs,
    status_code,
)

MAX_REFUSAL = 64 * 1024  # bytes of a refusal's body that are kept; services explain in JSON there
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
    stream: trio.abc.Stream, request: OpeningRequest, extensions: Sequence[Extension] = ()
) -> OpeningAnswer:
    """Ask a server to speak WebSocket.

    Args:
      stream: An open connection to the server; its TLS, if any, is done.
      request: What to ask for.
      extensions: wsproto's extensions to offer.

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
    try:
        await stream.send_all(hello)
        head, trailing = await _receive_final_head(stream, request)
        event = _parse(ws, head, request)
        if isinstance(event, AcceptConnection):
            return OpeningAnswer(
                event.subprotocol,
                tuple((bytes(k), bytes(v)) for k, v in event.extra_headers),
                tuple(event.extensions),
                trailing,
            )
        body = await _receive_body(ws, stream, trailing)
    except trio.BrokenResourceError as exc:
        raise HandshakeError(
            f"the server {request.url} broke the connection during the opening handshake; "
            "does it speak WebSocket there?"
        ) from exc
    headers = tuple((bytes(k), bytes(v)) for k, v in event.headers)
    raise ServerRejected(event.status_code, headers, body, url=request.url)


async def _receive_final_head(
    stream: trio.abc.Stream, request: OpeningRequest
) -> tuple[bytes, bytes]:
    """Read the first answer that is not informational (RFC 9110 section 15.2), or 101."""
    rest = b""
    try:
        while True:
            head, rest = await _receive_head(stream, request, rest)
            status = status_code(head)
            if status == 101 or status >= 200:
                return head, rest
    except NotHTTP as exc:
        raise HandshakeError(
            f"the server {request.url} answered the WebSocket request with {exc}"
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
                "WebSocket request; does it speak WebSocket there?"
            )
        cut = reader.feed(data)
    return cut


def _parse(
    ws: WSConnection, head: bytes, request: OpeningRequest
) -> AcceptConnection | RejectConnection:
    try:
        ws.receive_data(head)
        event = next(ws.events())
    except (ProtocolError, h11.ProtocolError, UnicodeDecodeError, StopIteration) as exc:
        raise HandshakeError(
            f"the server {request.url} answered the WebSocket request with something that is "
            f"not a WebSocket handshake: {exc}"
        ) from None
    assert isinstance(event, (AcceptConnection, RejectConnection))  # a final head makes no other
    return event


async def _receive_body(ws: WSConnection, stream: trio.abc.Stream, trailing: bytes) -> bytes:
    """Read what explains a refusal; whatever goes wrong, the refusal itself matters more."""
    body = bytearray()
    data: bytes | bytearray = trailing
    try:
        if trailing:
            ws.receive_data(trailing)
        while len(body) < MAX_REFUSAL:
            for event in ws.events():
                assert isinstance(event, RejectData)
                body += event.data
                if event.body_finished:
                    return bytes(body[:MAX_REFUSAL])
            data = await stream.receive_some(RECEIVE_SIZE)
            ws.receive_data(bytes(data))
    except (ProtocolError, h11.ProtocolError, trio.BrokenResourceError):
        pass  # an odd body, or one cut off
    return bytes(body[:MAX_REFUSAL])
