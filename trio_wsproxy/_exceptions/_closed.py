"""How a connection ended: the errors below trio-websocket's ``ConnectionClosed``."""

from __future__ import annotations

import ssl

import trio
from trio_websocket import CloseReason, ConnectionClosed

from trio_wsproxy._failures import Topic, Words, words
from trio_wsproxy._redaction import escaped

ABNORMAL_CLOSURE = 1006  # RFC 6455 section 7.1.4: no close frame came
APPLICATION_CODES = range(3000, 5000)  # RFC 6455 section 7.4.2: of libraries and programs


class ShownCloseReason(CloseReason):
    """trio-websocket's own, but that its ``repr()`` and ``str()`` command no terminal, nor forge a line.

    ``reason`` is what the peer said, as it said it; what it was sent and repeats is not shown.
    """

    def __init__(self, code: int, reason: str | None, told: str | None = None) -> None:
        super().__init__(code, reason)
        self._told = reason if told is None else told

    def __repr__(self) -> str:
        return f"CloseReason<code={self.code}, name={self.name}, reason={self._shown}>"

    @property
    def name(self) -> str:
        """The name of the code; trio-websocket has none for the latest of IANA's registry."""
        return "BAD_GATEWAY" if self.code == 1014 else str(super().name)

    @property
    def _shown(self) -> str:
        # What a peer says is escaped, not cut: it is short, and meant to be read.
        return escaped(str(self._told))

    @property
    def said(self) -> str:
        """What is shown of what the peer said; nothing where that is nothing."""
        return escaped(self._told or "")

    def __eq__(self, other: object) -> bool:
        """Compare what was said, also with trio-websocket's: a copy of an error says the same."""
        if not isinstance(other, CloseReason):
            return NotImplemented
        return (self.code, self.reason) == (other.code, other.reason)

    def __hash__(self) -> int:
        return hash((self.code, self.reason))


def shown_reason(reason: CloseReason | None) -> CloseReason | None:
    """Give the same reason, but fit to be shown."""
    if isinstance(reason, CloseReason) and not isinstance(reason, ShownCloseReason):
        return ShownCloseReason(reason.code, reason.reason)
    return reason


def words_of_loss(error: ConnectionLost) -> Words:
    reason, unsent = error.reason, _unsent(error.unsent_messages, error.unsent_bytes)
    if reason is not None and reason.code == ABNORMAL_CLOSURE and not reason.reason:
        return words(
            "the connection is lost {end}{why}{unsent}",
            end=Topic.LOST,
            why=_what_broke_it(error),
            unsent=unsent,
        )
    template = "the connection is lost ({reason}){unsent}"
    if reason is not None and reason.code in APPLICATION_CODES:  # this side sends none by itself
        template = "the peer closed the connection ({reason}){unsent}"
    what = Words(template, (("reason", _describe(reason)), ("unsent", unsent)))
    remedy = error._remedy  # noqa: SLF001 - its own file
    return what if remedy is None else words("{what}; {remedy}", what=what, remedy=remedy)


def _what_broke_it(error: ConnectionLost) -> str:
    """Say what the operating system or OpenSSL says, if one of them does; trio wraps that."""
    cause = error.__cause__
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLError):
        reason = getattr(cause, "reason", None)  # which not all of them have
        return f" (OpenSSL: {reason})" if reason else ""
    return f" ({escaped(cause.strerror)})" if cause is not None and cause.strerror else ""


def _unsent(messages: int, size: int) -> str:
    if not messages:
        return ""
    what = "a message was" if messages == 1 else f"{messages:,} messages were"
    return f"; {what} not sent ({size:,} bytes)"


def _describe(reason: CloseReason | None) -> str:
    if reason is None:
        return "no close code"
    # A name is told where the code has one of its own (RFC 6455 section 7.4.2).
    named = reason.code not in APPLICATION_CODES
    text = f"{reason.code} {reason.name}" if named else str(reason.code)
    said = reason.said if isinstance(reason, ShownCloseReason) else escaped(reason.reason or "")
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

    def __init__(self, reason: CloseReason | None) -> None:
        super().__init__(shown_reason(reason))

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
        super().__init__(shown_reason(reason))
        self.unsent_messages = unsent_messages
        self.unsent_bytes = unsent_bytes

    _remedy: Words | None = None  # what to try, where somebody knows

    __repr__ = _shown

    def __str__(self) -> str:
        return str(words_of_loss(self))


class ConnectionClosedLocally(ConnectionClosed, trio.ClosedResourceError):
    """This side closed the connection, by ``aclose()`` or by leaving its ``async with``.

    Attributes:
      reason (CloseReason): The code and the text of the close frame that was sent.

    """

    def __init__(self, reason: CloseReason | None) -> None:
        super().__init__(shown_reason(reason))

    __repr__ = _shown

    def __str__(self) -> str:
        return f"the connection was closed by this side ({_describe(self.reason)})"
