"""Frames in, events out; messages in, frames out. No I/O.

wsproto keeps the rules of RFC 6455; this file gives its events the shape the connection
wants, holds the limit on a message's size, and closes the two gaps that wsproto leaves: what
a peer breaks is told apart from what it closes (wsproto reports both as a close), and
nothing is parsed behind either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

NO_CODE = 1005  # RFC 6455 section 7.1.5; never on the wire
MAX_CONTROL_PAYLOAD = 125  # bytes, RFC 6455 section 5.5


@dataclass(frozen=True)
class PingReceived:
    """The peer wants a pong with this payload."""

    payload: bytes


@dataclass(frozen=True)
class PongReceived:
    """The peer answers a ping."""

    payload: bytes


@dataclass(frozen=True)
class CloseReceived:
    """The peer's close frame; 1005 stands for "no code" (RFC 6455 section 7.1.5)."""

    code: int
    reason: str


@dataclass(frozen=True)
class PeerBrokeProtocol:
    """The peer sent what it must not send; ``code`` is the one to close with."""

    code: int
    reason: str


@dataclass(frozen=True)
class Fragment:
    """A piece of a message that is not complete in one piece, in order.

    ``last`` ends the message.
    """

    data: str | bytes
    last: bool


Event = str | bytes | Fragment | PingReceived | PongReceived | CloseReceived | PeerBrokeProtocol


class Protocol:
    """The protocol state of one client connection after its opening handshake.

    Args:
      extensions: wsproto's extensions as they were agreed on.
      max_message_size: Bytes (of text: of its UTF-8) beyond which a message is refused with
        1009; ``None`` is no limit.

    """

    def __init__(self, extensions: Sequence[Extension], max_message_size: int | None) -> None:
        self._wsproto = Connection(ConnectionType.CLIENT, list(extensions))
        self._max_message_size = max_message_size
        self._within_message = False  # a message's last fragment is still to come
        self._size = 0  # bytes of that message so far
        self._parsing = True

    def receive(self, data: bytes | bytearray) -> Iterator[Event]:
        """Take bytes from the peer, give the events they complete, one by one.

        A whole message comes as ``str`` or ``bytes``, one in pieces as :class:`Fragment`
        objects. Nothing comes behind a :class:`CloseReceived` or :class:`PeerBrokeProtocol`.

        The caller acts on each event before it takes the next: a ping that stands in front
        of a close frame can then still be answered.
        """
        if not self._parsing:
            return
        self._wsproto.receive_data(bytes(data))
        for event in self._wsproto.events():
            if isinstance(event, Message):
                result = self._message(event)
            elif isinstance(event, Ping):
                result = PingReceived(bytes(event.payload))
            elif isinstance(event, Pong):
                result = PongReceived(bytes(event.payload))
            else:
                assert isinstance(event, CloseConnection)  # wsproto has no other event here
                result = self._close(event)
            self._parsing = not isinstance(result, (CloseReceived, PeerBrokeProtocol))
            yield result
            if not self._parsing:
                return

    def _message(self, event: Message[str] | Message[bytes | bytearray]) -> Event:
        whole = event.message_finished and not self._within_message
        data: str | bytes = event.data if isinstance(event.data, str) else bytes(event.data)
        self._size += len(data.encode()) if isinstance(data, str) else len(data)
        if self._max_message_size is not None and self._size > self._max_message_size:
            return PeerBrokeProtocol(1009, f"a message of more than {self._max_message_size} bytes")
        self._within_message = not event.message_finished
        if event.message_finished:
            self._size = 0
        return data if whole else Fragment(data, event.message_finished)

    def _close(self, event: CloseConnection) -> CloseReceived | PeerBrokeProtocol:
        code, reason = int(event.code), event.reason or ""
        # A parse failure is reported as a close event too, but leaves the state as it was.
        if self._wsproto.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED):
            return CloseReceived(code, reason)
        return PeerBrokeProtocol(code, reason)

    def message(self, data: str | bytes | bytearray | memoryview) -> bytes:
        """Build the frame of a whole message."""
        if isinstance(data, str):
            return self._wsproto.send(TextMessage(data=data))
        return self._wsproto.send(BytesMessage(data=bytes(data)))

    def ping(self, payload: bytes) -> bytes:
        """Build a ping frame."""
        return self._wsproto.send(Ping(payload=payload))

    def pong(self, payload: bytes) -> bytes:
        """Build a pong frame."""
        return self._wsproto.send(Pong(payload=payload))

    def close(self, code: int, reason: str) -> bytes:
        """Build the close frame; 1005 means one without a code. Nothing can follow it."""
        if code == NO_CODE:
            return self._wsproto.send(CloseConnection(code=CloseReason.NO_STATUS_RCVD))
        return self._wsproto.send(CloseConnection(code=code, reason=reason or None))
