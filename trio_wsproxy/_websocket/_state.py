"""The state of a connection, and why it ended.

=========  ======================================================  =======================
state      meaning                                                 left by
=========  ======================================================  =======================
OPEN       messages go both ways                                   see ``NEXT_STATE``
CLOSING    our close frame is queued; the peer's is awaited        its close frame, an error
LEAVING    nothing more will come: both close frames are there,    the TCP end, or the
           the peer broke the protocol, or writing failed          linger of the attendant
CLOSED     the stream is closed, or about to be                    —
=========  ======================================================  =======================

The end is recorded once, by whoever notices it first, and raised by every operation from then
on. What is recorded is a template: each operation gets an exception of its own, with its own
traceback.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from trio_websocket import CloseReason

from trio_wsproxy._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ShownCloseReason,
    shown_reason,
)
from trio_wsproxy._failures import Topic, words

from ._events import NO_CODE, CloseReceived

if TYPE_CHECKING:
    from trio_wsproxy._redaction import SentSecrets

NORMAL_CODES = (1000, 1001, NO_CODE)  # the peer is done or going away: no error
TOO_BIG = 1009  # RFC 6455 section 7.4.1; this side sends it for max_message_size alone
ABNORMAL = 1006  # RFC 6455 section 7.1.5: the connection ended without a close frame

_RAISE_IT = words(
    "{limit} is the limit here: raise it if the peer may send so much", limit=Topic.MAX_MESSAGE_SIZE
)


class State(enum.Enum):
    """See the table at the head of this file."""

    OPEN = "open"
    CLOSING = "closing"
    LEAVING = "leaving"
    CLOSED = "closed"


class Cause(enum.Enum):
    """What changes the state."""

    CLOSE_SENT = "our close frame is queued"
    CLOSE_RECEIVED = "the peer's close frame is there"
    PEER_BROKE_PROTOCOL = "nothing behind this can be understood"
    WRITING_FAILED = "nothing more can be sent"
    STREAM_ENDED = "nothing more can be received"


# RFC 6455 section 7. A pair that is absent changes nothing.
NEXT_STATE = {
    (State.OPEN, Cause.CLOSE_SENT): State.CLOSING,
    (State.OPEN, Cause.CLOSE_RECEIVED): State.LEAVING,
    (State.OPEN, Cause.PEER_BROKE_PROTOCOL): State.LEAVING,
    (State.OPEN, Cause.WRITING_FAILED): State.LEAVING,
    (State.CLOSING, Cause.CLOSE_RECEIVED): State.LEAVING,
    (State.CLOSING, Cause.PEER_BROKE_PROTOCOL): State.LEAVING,
    (State.CLOSING, Cause.WRITING_FAILED): State.LEAVING,
    (State.OPEN, Cause.STREAM_ENDED): State.CLOSED,
    (State.CLOSING, Cause.STREAM_ENDED): State.CLOSED,
    (State.LEAVING, Cause.STREAM_ENDED): State.CLOSED,
}


class Unsent(NamedTuple):
    """What was accepted and the kernel has not taken.

    Attributes:
      messages: How many were not taken whole.
      size: Bytes of frames, as they stand on the wire.

    """

    messages: int = 0
    size: int = 0


class Life:
    """The state of one connection, and why it ended.

    Args:
      sent: What the peer was sent, and is not shown where its close frame repeats it.

    Attributes:
      state (State): Now.
      end (ConnectionClosed | None): The first end; a template, never raised.
      write_error (BaseException | None): What made writing fail, if that is what ended the
        connection: the peer may have said why before it went, and what it said is still looked at.
      unsent (Unsent): What was lost, as far as it is known.
      told (bool): Somebody has been raised an exception that says what was not sent.

    """

    __slots__ = (
        "_confirmed",
        "_said_by_peer",
        "_sent",
        "end",
        "state",
        "told",
        "unsent",
        "write_error",
    )

    def __init__(self, sent: SentSecrets | None = None) -> None:
        self.state = State.OPEN
        self._sent = sent
        self.end: ConnectionClosed | None = None
        self.write_error: BaseException | None = None
        self.unsent = Unsent()
        self.told = False
        self._confirmed = False  # the peer has answered our close frame
        self._said_by_peer: CloseReason | None = None  # in a close frame that was no answer

    @property
    def is_open(self) -> bool:
        """Whether messages go both ways."""
        return self.state is State.OPEN

    @property
    def answered(self) -> bool:
        """Whether the peer has sent a close frame behind ours."""
        return self._said_by_peer is not None

    def enter(self, cause: Cause) -> bool:
        """Change the state; tell whether it changed."""
        state = NEXT_STATE.get((self.state, cause), self.state)
        changed = state is not self.state
        self.state = state
        return changed

    def record(
        self, kind: type[ConnectionClosed], code: int, reason: str, cause: BaseException | None
    ) -> None:
        """Record why the connection is over; the first reason stays."""
        if self.end is not None:
            return
        self.end = kind(self._shown(code, reason))
        if cause is not None and cause.__traceback__ is not None:
            # Its outermost frame is one of ours, through which the connection would keep itself alive.
            cause.__traceback__ = cause.__traceback__.tb_next
        self.end.__cause__ = cause

    def _shown(self, code: int, reason: str) -> CloseReason:
        told = self._sent.hide_text(reason) if self._sent is not None and reason else None
        return ShownCloseReason(code, reason or None, told)

    def lose(self, code: int, reason: str, cause: BaseException | None) -> None:
        """Record that this side gave the connection up; a limit of ours can be raised."""
        known = self.end is not None
        self.record(ConnectionLost, code, reason, cause)
        if not known and code == TOO_BIG and isinstance(self.end, ConnectionLost):
            self.end._remedy = _RAISE_IT  # noqa: SLF001 - hidden from users, not from us

    def record_close_of_peer(self, event: CloseReceived) -> bool:
        """Record what the peer says; tell whether it explains a failure to write."""
        explains = self.write_error is not None
        if explains:
            self.end = self.write_error = None
        if isinstance(self.end, ConnectionClosedLocally):
            assert self.end.reason is not None
            self._confirmed = event.code == self.end.reason.code
            self._said_by_peer = self._shown(event.code, event.reason)
        kind = ConnectionEnded if event.code in NORMAL_CODES else ConnectionLost
        self.record(kind, event.code, event.reason, None)
        return explains

    @property
    def reason(self) -> CloseReason | None:
        """Why the connection is closed or closing, as far as that is certain.

        That our close frame has left proves nothing; only the peer's answer does.
        """
        if self.end is None:
            return None
        if self.state is not State.CLOSED or not isinstance(self.end, ConnectionClosedLocally):
            return self.end.reason
        if self._confirmed or self.end.reason is None or self.end.reason.code == ABNORMAL:
            return self.end.reason
        return self._said_by_peer or shown_reason(CloseReason(ABNORMAL, None))

    def error(self) -> ConnectionClosed:
        """Make the exception to raise; each operation gets its own, with its own traceback."""
        assert self.end is not None
        if isinstance(self.end, ConnectionLost):
            return self.loss()
        error = type(self.end)(self.end.reason)
        error.__cause__ = self.end.__cause__
        return error

    def loss(self) -> ConnectionLost:
        """Make the exception that tells of a loss, and of what was not sent."""
        messages, size = self.unsent
        self.told = self.told or messages > 0  # more may turn out to be lost later
        error = ConnectionLost(self.reason, unsent_messages=messages, unsent_bytes=size)
        error.__cause__ = self.end.__cause__ if self.end is not None else None
        if isinstance(self.end, ConnectionLost):
            error._remedy = self.end._remedy  # noqa: SLF001 - likewise
        return error

    def exhausted(self) -> bool:
        """Tell whether no message can arrive any more."""
        # After a failed write the reader still looks for what the peer had sent.
        return self.end is not None and (self.write_error is None or self.state is State.CLOSED)
