"""The lane for odd frames: wsproto keeps the rules of RFC 6455, and says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import CloseConnection, Message, Ping, Pong
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason

from ._events import (
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
)


def too_big(limit: int) -> str:
    """Say that a message is larger than is allowed."""
    return f"a message of more than {limit} bytes"


class SlowLane:
    """A wsproto connection that gives events of ours.

    Args:
      extensions: As they were agreed on.
      limit: Bytes of a message beyond which it is refused.
      size: Bytes so far of the message that is going on, if one is.
      within: The opcode that it began with; ``None`` between two messages.

    """

    __slots__ = ("_connection", "_limit", "_size", "_within")

    def __init__(
        self,
        extensions: Sequence[Extension],
        limit: int,
        size: int = 0,
        within: int | None = None,
    ) -> None:
        self._connection = Connection(ConnectionType.CLIENT, list(extensions))
        self._limit = limit
        self._size = size if within is not None else 0
        self._within = within is not None
        if within is not None:
            # It has to know that a message is going on; an empty fragment of that kind tells it.
            self._connection.receive_data(bytes((within, 0)))
            list(self._connection.events())

    def receive(self, data: bytes, events: list[Event]) -> bool:
        """Take bytes, add the events that they complete; tell whether more may come."""
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, Message):
                events.append(self._message(event))
            elif isinstance(event, Ping):
                events.append(PingReceived(bytes(event.payload)))
            elif isinstance(event, Pong):
                events.append(PongReceived(bytes(event.payload)))
            else:
                assert isinstance(event, CloseConnection)  # wsproto has no other event here
                events.append(self._close(event))
            if isinstance(events[-1], (CloseReceived, PeerBrokeProtocol)):
                return False
            if isinstance(events[-1], Fragment) and not (events[-1].data or events[-1].last):
                events.pop()  # endless empty ones would pass the limit on the size
        return True

    def _message(self, event: Message[str] | Message[bytes | bytearray]) -> Event:
        whole = event.message_finished and not self._within
        data: str | bytes = event.data if isinstance(event.data, str) else bytes(event.data)
        self._size += len(data.encode()) if isinstance(data, str) else len(data)
        if self._size > self._limit:
            return PeerBrokeProtocol(1009, too_big(self._limit))
        self._within = not event.message_finished
        if event.message_finished:
            self._size = 0
        return data if whole else Fragment(data, event.message_finished)

    def _close(self, event: CloseConnection) -> CloseReceived | PeerBrokeProtocol:
        code, reason = int(event.code), event.reason or ""
        # A parse failure is reported as a close event too, but leaves the state as it was.
        if self._connection.state in (ConnectionState.REMOTE_CLOSING, ConnectionState.CLOSED):
            return CloseReceived(code, reason)
        if code == CloseReason.MESSAGE_TOO_BIG:
            # Where the inflated message is too big, for which wsproto has no words.
            return PeerBrokeProtocol(1009, too_big(self._limit))
        return PeerBrokeProtocol(code, reason)
