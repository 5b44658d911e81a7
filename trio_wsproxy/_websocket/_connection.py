"""The connection: two tasks, three queues, one state.

Theory of operation
-------------------

Only the **writer** task writes to the stream, only the **reader** task reads from it. Both
run inside :meth:`WebSocketConnection._run`, which is the one owner of the stream: it closes
it when the two are done, and nobody else ever does. Public methods never touch the stream.
They take from ``_incoming`` or put whole frames into ``_outgoing``, in one step without an
``await`` in it, so a cancellation finds either nothing or all of a message queued::

    send()  ──frame──▶ _outgoing ──▶ writer ──▶ stream ──▶ reader ──▶ _incoming ──▶ receive()
                          ▲                                   │
                          └────────── pong, close reply ──────┘

* The writer sends everything queued since its last turn in one write. ``send`` waits while
  more than ``HIGH_WATER`` bytes are queued; control frames never wait.
* The reader acts on pings, pongs and closes at once, however many messages wait unread, up
  to ``READ_AHEAD`` bytes of them. Past that it stops reading until the application has
  caught up, and TCP tells the peer.
* Neither raises. What ends the connection is recorded with :meth:`_end`, the first end
  wins, and every operation raises it.

State
-----

=========  ======================================================  =======================
state      meaning                                                 left by
=========  ======================================================  =======================
OPEN       messages go both ways                                   see ``NEXT_STATE``
CLOSING    our close frame is queued; the peer's is awaited        its close frame, an error
LEAVING    nothing more will come: both close frames are there,    the TCP end, or ``LINGER``
           the peer broke the protocol, or writing failed
CLOSED     the stream is closed, or about to be                    —
=========  ======================================================  =======================

In LEAVING the reader goes on for ``LINGER`` seconds at most: for the writer to send what is
queued, and for the peer to close TCP first, as RFC 6455 section 7.1.1 wants it.

Ending
------

``aclose`` queues the close frame and waits for ``_run`` to finish. If it is cancelled or
runs out of time it cancels ``_run`` instead, which closes the stream at once. When the
nursery is the user's, its cancellation reaches ``_run`` directly; when it is
:func:`open_websocket`'s, ``_run`` is shielded from it and :meth:`_leave` decides. Ctrl-C is
kept off the background tasks, so that trio delivers it to the main task, where it belongs,
and off the steps of each method that belong together.
"""

from __future__ import annotations

import contextlib
import enum
import itertools
import logging
import random
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from trio_websocket import CloseReason, Endpoint
from wsproto.extensions import Extension

from trio_wsproxy._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    DisconnectionTimeout,
    Headers,
)
from trio_wsproxy._redaction import printable

from ._doorbell import Doorbell
from ._keepalive import keep_alive
from ._message_stream import MessageStream
from ._protocol import (
    MAX_CONTROL_PAYLOAD,
    NO_CODE,
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
    Protocol,
    describe_event,
    describe_frame,
)

Message: TypeAlias = str | bytes
Address: TypeAlias = tuple[str, int, bool] | str
_WHOLE = (str, bytes, bytearray, memoryview)  # a message that is not an iterable of parts

logger = logging.getLogger("trio_wsproxy")
_ids = itertools.count(1)  # of connections, in log records

HIGH_WATER = 64 * 1024  # bytes queued or being sent, above which send() waits
READ_AHEAD = 1024 * 1024  # bytes unread, above which reading stops
MESSAGE_COST = 128  # bytes that an unread message counts beside its own; Python needs as much
MAX_PONGS = 64  # pongs queued; past that only the latest ping is answered (RFC 6455 section 5.5.3)
LINGER = 1.0  # seconds for the last bytes and the TCP end
LEAVE_ON_ERROR = 1.0  # seconds that the closing handshake may delay a user's exception
NORMAL_CODES = (1000, 1001, NO_CODE)  # the peer is done or going away: no error
ABNORMAL = 1006  # RFC 6455 section 7.1.5: the connection ended without a close frame


if TYPE_CHECKING:
    _LoggerAdapter = logging.LoggerAdapter[logging.Logger]
else:
    _LoggerAdapter = logging.LoggerAdapter  # takes no type before Python 3.11


class _ConnectionLog(_LoggerAdapter):
    """Puts the connection's id into each record, in the text and as ``connection_id``."""

    def process(
        self, msg: str, kwargs: MutableMapping[str, Any]
    ) -> tuple[str, MutableMapping[str, Any]]:
        assert self.extra is not None
        return f"[ws-{self.extra['connection_id']}] {msg}", {**kwargs, "extra": self.extra}


class State(enum.Enum):
    """See the theory of operation."""

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


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What the opening of a connection found out.

    Attributes:
      path: The resource that was asked for.
      subprotocol: The subprotocol agreed on.
      headers: The headers of the server's answer.
      extensions: The extensions agreed on.
      trailing: Bytes behind the server's answer.
      local: This end of the TCP connection: address, port, whether TLS is spoken; or words.
      remote: Its other end: the first proxy, or the server.
      route: What the client dialed; ``None`` for a stream that was given.
      dial_report: What the opening took and found.

    """

    path: str
    subprotocol: str | None = None
    headers: Headers = ()
    extensions: Sequence[Extension] = ()
    trailing: bytes = b""
    local: Address = ""
    remote: Address = ""
    route: Any = None  # a Route; this room knows nothing of routing
    dial_report: Any = None  # a DialReport; nor of reports


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How a connection behaves; each is a parameter of :func:`open_websocket_url`."""

    ping_interval: float | None = 20
    ping_timeout: float | None = 20
    disconnect_timeout: float = 60
    max_message_size: int | None = 2**20
    message_queue_size: int | None = None
    receive_buffer_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse, with a ValueError, what would only be noticed much later, or never."""
        for name, zero_will_do in (
            ("ping_interval", False),
            ("ping_timeout", False),
            ("disconnect_timeout", True),
            ("max_message_size", True),
            ("message_queue_size", True),
            ("receive_buffer_size", False),
        ):
            value = getattr(self, name)
            if value is not None and not (value > 0 or (value == 0 and zero_will_do)):
                least = "0 or more" if zero_will_do else "more than 0"
                raise ValueError(f"{name} must be {least}, not {value!r}")


def check_close(code: int, reason: str | None) -> None:
    """Refuse what a close frame cannot carry (RFC 6455 sections 5.5 and 7.4).

    Raises:
      ValueError: The code must not be sent, or the reason is too long.

    """
    if not (code in range(1000, 1004) or code in range(1007, 1015) or code in range(3000, 5000)):
        raise ValueError(
            f"close code {code} cannot be sent; use 1000 to 1003, 1007 to 1014, or 3000 to 4999"
        )
    if reason is not None and len(reason.encode()) > MAX_CONTROL_PAYLOAD - 2:
        raise ValueError(
            f"a close reason has {MAX_CONTROL_PAYLOAD - 2} bytes of UTF-8 at most, "
            f"not {len(reason.encode())}"
        )


# Of all connections that have not received any yet: an empty deque takes more than 600 bytes.
_NO_MESSAGES: deque[Message] = deque(maxlen=0)


def _endpoint(address: Address) -> Endpoint | str:
    # Made when it is asked for: reading the address takes longer than asking the system for it.
    return address if isinstance(address, str) else Endpoint(*address)


def _checked(value: Message | bytearray | memoryview, kind: type[Message] | None = None) -> Message:
    """Make a message, or a part of one, immutable; the caller may reuse its buffer.

    Raises:
      TypeError: It is neither text nor bytes, or not of the kind of the parts before it.

    """
    if isinstance(value, (bytearray, memoryview)):
        value = bytes(value)
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"a message is str or bytes, not {type(value).__name__}")
    if kind is not None and not isinstance(value, kind):
        raise TypeError("the parts of a message are all str or all bytes")
    return value


def _join(parts: Sequence[Message]) -> Message:
    """Put the parts of a message together; they are all of one type."""
    return type(parts[0])().join(parts)  # type: ignore[arg-type]


@dataclass
class _PingInFlight:
    sent: float
    answered: trio.Event = field(default_factory=trio.Event)
    round_trip: float | None = None


class WebSocketConnection(trio.abc.Channel[Message]):
    """An open WebSocket connection: a :class:`trio.abc.Channel` of ``str`` and ``bytes``.

    Made by :func:`open_websocket_url` and its relatives. Its methods may be called from any
    number of tasks at the same time.
    """

    __slots__ = (  # there may be thousands of them
        "__weakref__",
        "_alarm",
        "_ended",
        "_finished",
        "_fragments",
        "_frames_logged",
        "_id",
        "_in_flight",
        "_incoming",
        "_info",
        "_keepalive_payload",
        "_last_byte",
        "_last_frame_queued",
        "_late_pong",
        "_latency",
        "_opened",
        "_outgoing",
        "_outgoing_size",
        "_part_reader",
        "_parts",
        "_pings",
        "_pongs",
        "_protocol",
        "_reader_waits",
        "_reading",
        "_receivers",
        "_receiving",
        "_scope",
        "_senders",
        "_settings",
        "_skipping",
        "_state",
        "_stream",
        "_unread",
        "_within_message",
        "_write_error",
        "_writer_done",
        "_writer_idle",
    )

    def __init__(
        self,
        stream: trio.abc.Stream,
        info: ConnectionInfo,
        settings: ConnectionSettings,
        *,
        shielded: bool,
    ) -> None:
        self._stream = stream
        self._info = info
        self._settings = settings
        self._id = next(_ids)
        self._frames_logged = logger.isEnabledFor(logging.DEBUG)
        self._opened = trio.current_time()
        self._protocol = Protocol(info.extensions, settings.max_message_size)

        self._state = State.OPEN
        self._ended: ConnectionClosed | None = None  # the first end; a template, never raised
        self._scope = trio.CancelScope(shield=shielded)  # around _run
        self._reading = trio.CancelScope()  # around the reader; its deadline is LINGER's
        self._finished = trio.Event()  # _run is over, the stream closed

        self._outgoing: list[bytes] = []
        self._outgoing_size = 0
        self._in_flight = 0  # bytes that the writer is sending
        self._pongs = 0  # queued in _outgoing
        self._within_message = False  # some fragments of a message are sent, not yet its last
        self._late_pong: bytes | None = None  # payload; see MAX_PONGS
        self._last_frame_queued = False  # the close frame is in _outgoing
        self._writer_idle = Doorbell()
        self._writer_done = trio.Event()
        self._write_error: BaseException | None = None  # if it is what ended the connection
        self._senders = trio.lowlevel.ParkingLot()

        self._incoming: deque[Message] = _NO_MESSAGES
        self._unread = 0  # bytes in _incoming, see MESSAGE_COST
        self._fragments: list[Message] = []  # of the message that is arriving
        self._part_reader: MessageStream | None = None  # has taken a part of a message
        self._parts: list[Fragment] = []  # for it; the last one ends its message
        self._receiving = 0  # tasks that wait for a message or a part
        self._skipping = False  # the rest of a message whose stream was closed
        self._receivers = trio.lowlevel.ParkingLot()
        self._reader_waits = Doorbell()

        self._pings: dict[bytes, _PingInFlight] = {}  # in the order in which they were sent
        self._keepalive_payload = b""
        self._alarm: trio.CancelScope | None = None  # in which the keepalive sleeps
        self._latency: float | None = None
        self._last_byte = trio.current_time()

    @property
    def _log(self) -> _ConnectionLog:
        return _ConnectionLog(logger, {"connection_id": self._id})

    # -- what is known about the connection ---------------------------------------------

    @property
    def closed(self) -> CloseReason | None:
        """Why the connection is closed or closing, or ``None`` while it is open.

        Returns:
          The :class:`CloseReason` of whichever side closed first; code 1006 when the
          connection was lost.

        """
        return self._ended.reason if self._ended else None

    @property
    def local(self) -> Endpoint | str:
        """This end of the TCP connection.

        Returns:
          An :class:`Endpoint`, or the stream's ``repr`` where there is no socket below it.

        """
        return _endpoint(self._info.local)

    @property
    def remote(self) -> Endpoint | str:
        """The other end of the TCP connection: the server, or the first proxy.

        Returns:
          An :class:`Endpoint`, or the stream's ``repr`` where there is no socket below it.

        """
        return _endpoint(self._info.remote)

    @property
    def path(self) -> str:
        """The path and query that were requested."""
        return self._info.path

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or ``None``."""
        return self._info.subprotocol

    @property
    def handshake_headers(self) -> Headers:
        """The headers of the server's answer, as pairs of bytes, names in lower case."""
        return self._info.headers

    @property
    def route(self) -> Any:
        """The :class:`Route` that was dialed; ``None`` for a stream that was given."""
        return self._info.route

    @property
    def dial_report(self) -> Any:
        """The :class:`DialReport` of the opening; ``print()`` it."""
        return self._info.dial_report

    @property
    def is_client(self) -> bool:
        """Always ``True``; trio-websocket's connections have two sides."""
        return True

    @property
    def is_server(self) -> bool:
        """Always ``False``."""
        return False

    @property
    def latency(self) -> float | None:
        """The last round-trip time measured by a ping, in seconds, or ``None``."""
        return self._latency

    def __repr__(self) -> str:
        end = f" {printable(str(self._ended.reason))}" if self._ended else ""
        return f"<WebSocketConnection {self._state.value} to {self.remote}{end}>"

    # -- the end ------------------------------------------------------------------------

    def _enter(self, cause: Cause) -> None:
        """Change the state, and wake whoever waits for what will not come any more."""
        state = NEXT_STATE.get((self._state, cause), self._state)
        if state is self._state:
            return
        self._state = state
        if state is State.CLOSING:
            # aclose() has the same limit; this one is for a close that nobody waits for.
            timeout = self._settings.disconnect_timeout
            self._reading.deadline = trio.current_time() + timeout + LINGER
        if state is State.LEAVING:
            self._reading.deadline = trio.current_time() + LINGER
        self._senders.unpark_all()
        self._reader_waits.ring()
        self._receivers.unpark_all()
        self._writer_idle.ring()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._exhausted():  # else what the peer says last is still awaited
            for ping in self._pings.values():
                ping.answered.set()

    def _end(
        self, kind: type[ConnectionClosed], code: int, reason: str, cause: BaseException | None
    ) -> None:
        """Record why the connection is over; the first reason stays."""
        if self._ended is None:
            self._ended = kind(CloseReason(code, reason or None))
            if cause is not None and cause.__traceback__ is not None:
                # Its outermost frame is one of ours, through which we would keep ourselves alive.
                cause.__traceback__ = cause.__traceback__.tb_next
            self._ended.__cause__ = cause

    def _closed_error(self) -> ConnectionClosed:
        """Make the exception to raise; each operation gets its own, with its own traceback."""
        assert self._ended is not None
        error = type(self._ended)(self._ended.reason)
        error.__cause__ = self._ended.__cause__
        return error

    def _queue_close(self, code: int, reason: str) -> None:
        if not self._last_frame_queued:
            self._queue(self._protocol.close(code, reason))
            self._last_frame_queued = True

    def _close_locally(self, code: int, reason: str) -> None:
        self._end(ConnectionClosedLocally, code, reason, None)
        self._queue_close(code, reason)
        self._incoming.clear()
        self._fragments.clear()
        self._parts.clear()
        self._unread = 0
        self._enter(Cause.CLOSE_SENT)

    def _lose(self, cause: Cause, code: int, reason: str, exc: BaseException | None = None) -> None:
        """End the connection because of the peer or the network."""
        self._end(ConnectionLost, code, reason, exc)
        if cause is Cause.PEER_BROKE_PROTOCOL:
            self._queue_close(code, reason)
        self._enter(cause)

    # -- the background -----------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def _run(self) -> None:
        """Own the stream: read and write until the connection ends, then close it."""
        settings = self._settings
        self._log.info("opened: %s", self._info.dial_report.way)
        with self._scope:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._recorded, self._write)
                    if settings.ping_interval is not None:
                        nursery.start_soon(self._recorded, self._keep_alive)
                    with self._reading:
                        await self._recorded(self._read)
                        if self._state is State.LEAVING and not self._writer_done.is_set():
                            await self._writer_done.wait()
                    nursery.cancel_scope.cancel()
            finally:
                self._end(ConnectionClosedLocally, ABNORMAL, "cancelled", None)
                self._enter(Cause.STREAM_ENDED)
                if logger.isEnabledFor(logging.INFO):
                    seconds = trio.current_time() - self._opened
                    end = printable(str(self.closed))  # the peer's words are in there
                    self._log.info("closed: %s, after %.3f s", end, seconds)
                try:
                    with contextlib.suppress(Exception):  # it is thrown away, whatever it says
                        await self._close_stream()
                finally:
                    self._finished.set()

    async def _close_stream(self) -> None:
        """Close the stream at once."""
        if type(self._stream) is trio.SocketStream:
            self._stream.socket.close()  # all that its aclose() does, but for two checkpoints
        else:
            await trio.aclose_forcefully(self._stream)

    @trio.lowlevel.enable_ki_protection
    async def _recorded(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a background task; an error, ours included, ends the connection, not the nursery."""
        try:
            await task()
        except Exception as exc:
            self._lose(Cause.PEER_BROKE_PROTOCOL, 1011, "internal error", exc)

    async def _write(self) -> None:
        """Send what is queued, all of it in one write, until the close frame is sent."""
        try:
            while self._outgoing or not self._last_frame_queued:
                if self._outgoing:
                    data = self._take_outgoing()
                    self._in_flight = len(data)
                    await self._stream.send_all(data)
                    self._in_flight = 0
                    if self._senders:
                        self._senders.unpark_all()
                else:
                    await self._writer_idle.sleep()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            if self._ended is None:
                # The peer may have said why before it went: the reader looks, for a moment.
                self._write_error = exc
            self._lose(Cause.WRITING_FAILED, ABNORMAL, "", exc)
        finally:
            self._writer_done.set()

    def _take_outgoing(self) -> bytes:
        frames = self._outgoing
        if self._late_pong is not None:
            # The close frame, if there is one, is the last; no pong may follow it.
            if not self._last_frame_queued:
                frames.append(self._protocol.pong(self._late_pong))
            self._late_pong = None
        self._outgoing = []
        self._outgoing_size = self._pongs = 0
        if self._senders:
            self._senders.unpark_all()
        return frames[0] if len(frames) == 1 else b"".join(frames)

    async def _read(self) -> None:
        """Receive until the peer is done, and act on each event as it comes."""
        self._act_on(self._info.trailing)
        size = self._settings.receive_buffer_size
        error: BaseException | None = None
        try:
            while True:
                while self._read_ahead_is_full():
                    await self._reader_waits.sleep()
                data = await self._stream.receive_some(size or self._protocol.wanted())
                if not data:
                    break
                self._act_on(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            error = exc
        if self._state is not State.LEAVING:
            self._lose(Cause.STREAM_ENDED, ABNORMAL, "", error)

    def _read_ahead_is_full(self) -> bool:
        limit = self._settings.message_queue_size
        # Whoever waits may wait for a message that is larger than the budget.
        return (
            self._state is State.OPEN
            and not self._receiving
            and (
                self._unread >= READ_AHEAD
                or (limit is not None and len(self._incoming) > limit)  # as in trio-websocket
            )
        )

    def _act_on(self, data: bytes | bytearray) -> None:
        self._last_byte = trio.current_time()
        for event in self._protocol.receive(data):
            if self._frames_logged:
                self._log.debug("received %s", describe_event(event))
            self._handle(event)

    def _handle(self, event: Event) -> None:
        if isinstance(event, (str, bytes)):
            self._deliver(event)
        elif isinstance(event, Fragment):
            self._collect(event)
        elif isinstance(event, PingReceived):
            self._queue_pong(event.payload)
        elif isinstance(event, PongReceived):
            self._match_pong(event.payload)
        elif isinstance(event, CloseReceived):
            self._close_received(event)
        else:
            assert isinstance(event, PeerBrokeProtocol)
            self._lose(Cause.PEER_BROKE_PROTOCOL, event.code, event.reason)

    def _collect(self, part: Fragment) -> None:
        """Keep a part for the stream that reads its message, or until the message is whole."""
        if not part.data and not part.last:
            return  # endless empty ones would pass the limit on the size
        if isinstance(self._ended, ConnectionClosedLocally):
            return  # nobody will ask for it
        if self._skipping:
            self._skipping = not part.last
        elif self._part_reader is not None and not (self._parts and self._parts[-1].last):
            self._parts.append(part)
            self._unread += len(part.data) + MESSAGE_COST
        else:
            self._fragments.append(part.data)
            self._unread += len(part.data)
            if part.last:
                message = _join(self._fragments)
                self._fragments = []
                self._unread -= len(message)
                self._deliver(message)
        if self._receiving:
            self._receivers.unpark_all()

    def _deliver(self, message: Message) -> None:
        if isinstance(self._ended, ConnectionClosedLocally):
            return  # nobody will ask for it
        if self._incoming is _NO_MESSAGES:
            self._incoming = deque()
        self._incoming.append(message)
        self._unread += len(message) + MESSAGE_COST
        if self._receiving:
            self._receivers.unpark()

    def _close_received(self, event: CloseReceived) -> None:
        if self._write_error is not None:
            self._ended = self._write_error = None  # here is the reason why writing failed
        kind = ConnectionEnded if event.code in NORMAL_CODES else ConnectionLost
        self._end(kind, event.code, event.reason, None)
        self._queue_close(event.code, "")
        self._enter(Cause.CLOSE_RECEIVED)

    def _queue_pong(self, payload: bytes) -> None:
        if self._last_frame_queued:
            return
        if self._pongs >= MAX_PONGS:
            self._late_pong = payload
            return
        self._pongs += 1
        self._queue(self._protocol.pong(payload))

    def _match_pong(self, payload: bytes) -> None:
        """Wake the ping with this payload, and those before it (RFC 6455 section 5.5.3)."""
        if payload not in self._pings:
            return  # unsolicited, which is allowed
        now = trio.current_time()
        for sent_payload in list(self._pings):
            ping = self._pings.pop(sent_payload)
            ping.round_trip = now - ping.sent
            ping.answered.set()
            if sent_payload == payload:
                self._latency = ping.round_trip
                return

    def _queue(self, frame: bytes) -> None:
        """Hand a whole frame to the writer."""
        if self._frames_logged:
            self._log.debug("sends %s", describe_frame(frame))
        self._outgoing.append(frame)
        self._outgoing_size += len(frame)
        self._writer_idle.ring()

    async def _keep_alive(self) -> None:
        assert self._settings.ping_interval is not None
        await keep_alive(
            self._settings.ping_interval,
            self._settings.ping_timeout,
            quiet_since=self._quiet_since,
            send_ping=self._send_keepalive_ping,
            give_up=self._give_up,
            pause_until=self._pause_until,
        )

    async def _pause_until(self, deadline: float) -> bool:
        # Its scope is kept, so that the end of the connection does not find the task asleep: that
        # would take a turn of the scheduler more.
        if self._state is State.OPEN:
            with trio.CancelScope(deadline=deadline) as self._alarm:
                await trio.sleep_forever()
        return self._state is State.OPEN

    def _quiet_since(self) -> float:
        return trio.current_time() if self._reader_waits else self._last_byte

    def _send_keepalive_ping(self) -> None:
        if self._state is State.OPEN:
            self._pings.pop(self._keepalive_payload, None)  # one of them at a time is enough
            self._keepalive_payload = self._fresh_payload()
            self._send_ping(self._keepalive_payload)

    def _give_up(self) -> None:
        if self._state is State.OPEN:  # closing has time limits of its own, and sends no pings
            self._lose(Cause.PEER_BROKE_PROTOCOL, 1011, "keepalive ping timeout")

    # -- sending ------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def send(
        self,
        value: Message | bytearray | memoryview | AsyncIterable[Message | bytearray | memoryview],
    ) -> None:
        """Send a message.

        Returns once the message is queued as a whole; it is written together with whatever
        else is queued. Waits while more than 64 KiB are queued, that is while the peer or
        the network is slower than this side.

        Args:
          value: ``str`` is sent as text; ``bytes``, ``bytearray`` and ``memoryview`` as
            binary. An async iterable of parts, all of one kind, is sent as one message in
            fragments, each as it comes, without holding the message in memory; other
            messages wait until it is complete. One without any part sends nothing. An async
            generator that is left early is closed.

        Raises:
          ConnectionClosed: The connection is closed or closing; see its subclasses
            :exc:`ConnectionEnded`, :exc:`ConnectionLost`, :exc:`ConnectionClosedLocally`.
          TypeError: ``value`` is of another type.
          ValueError: ``value`` is a ``str`` that UTF-8 cannot encode: it has lone surrogates.

        A cancelled call has sent nothing of the message, and nothing of it will be sent. Only
        an async iterable that is cancelled, or raises, between its parts has sent some; the
        connection is then closed with code 1011, for the message can never be completed.

        """
        # A checkpoint in two halves, with the queueing between them: the writer has its turn in
        # the second, so that the message is on its way when this returns.
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while self._must_wait() and self._state is State.OPEN:
            await self._senders.park()
            waited = True
        try:
            if not isinstance(value, _WHOLE) and isinstance(value, AsyncIterable):
                await self._send_fragments(value)
            else:
                self._send_now(value)
        finally:
            if not waited:
                await trio.lowlevel.cancel_shielded_checkpoint()

    def _must_wait(self) -> bool:
        return self._above_high_water() or self._within_message

    def _above_high_water(self) -> bool:
        return self._outgoing_size + self._in_flight > HIGH_WATER

    async def _send_fragments(self, parts: AsyncIterable[Message | bytearray | memoryview]) -> None:
        """Send a message in fragments (RFC 6455 section 5.4), none of another in between."""
        kind: type[Message] | None = None
        if self._state is not State.OPEN:
            raise self._closed_error()  # without waiting for a part
        self._within_message = True
        try:
            async for part in parts:
                data = _checked(part, kind)
                while self._above_high_water() and self._state is State.OPEN:
                    await self._senders.park()
                self._queue_fragment(data, first=kind is None, last=False)
                kind = type(data)
            if kind is not None:
                self._queue_fragment(kind(), first=False, last=True)
        except BaseException:
            if kind is not None and self._state is State.OPEN:
                self._close_locally(1011, "a message in fragments was abandoned")
            raise
        finally:
            self._within_message = False
            self._senders.unpark_all()
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()  # nobody else can where it was made for this call

    def _queue_fragment(self, data: Message, *, first: bool, last: bool) -> None:
        if self._state is not State.OPEN:
            raise self._closed_error()
        self._queue(self._protocol.fragment(data, first=first, last=last))

    @trio.lowlevel.enable_ki_protection
    def send_nowait(self, value: Message | bytearray | memoryview) -> None:
        """Queue a message at once, for bursts.

        Many messages queued in a row leave in one write. Not a checkpoint: call
        :meth:`send` now and then, or nothing else runs.

        Args:
          value: As for :meth:`send`.

        Raises:
          trio.WouldBlock: More than 64 KiB are queued; :meth:`send` would wait.
          ConnectionClosed: As for :meth:`send`.
          TypeError: ``value`` is of another type.
          ValueError: As for :meth:`send`.

        """
        if self._must_wait() and self._state is State.OPEN:
            raise trio.WouldBlock
        self._send_now(value)

    def _send_now(self, value: Message | bytearray | memoryview) -> None:
        data = _checked(value)
        if self._state is not State.OPEN:
            raise self._closed_error()
        self._queue(self._protocol.message(data))

    async def send_message(self, message: Message) -> None:
        """Send a message; trio-websocket's name for :meth:`send`.

        Args:
          message: ``str`` is sent as text, ``bytes`` as binary.

        Raises:
          ConnectionClosed: As for :meth:`send`.
          ValueError: ``message`` is of another type, as trio-websocket has it.

        """
        if not isinstance(message, (str, bytes, bytearray, memoryview)):
            raise ValueError(f"a message is str or bytes, not {type(message).__name__}")  # noqa: TRY004
        await self.send(message)

    # -- receiving ----------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def receive(self) -> Message:
        """Receive the next message.

        Messages that arrived before the peer closed are still given out, before the
        exception is raised. ``async for message in connection`` does the same, and ends
        where this raises :exc:`ConnectionEnded`.

        Returns:
          ``str`` for a text message, ``bytes`` for a binary one.

        Raises:
          ConnectionEnded: The peer closed the connection normally.
          ConnectionLost: The connection ended in another way.
          ConnectionClosedLocally: This side closed it.

        A cancelled call has taken no message.

        """
        if self._incoming or self._exhausted():
            await trio.lowlevel.checkpoint()
        while not self._incoming or self._part_reader is not None:
            self._check_not_within_message(None)
            if self._exhausted():
                raise self._closed_error()
            await self._wait_for_more()
        return self._take()

    async def _wait_for_more(self) -> None:
        self._receiving += 1
        try:
            self._read_on()
            await self._receivers.park()
        finally:
            self._receiving -= 1

    @trio.lowlevel.enable_ki_protection
    def receive_nowait(self) -> Message:
        """Receive a message that is there already, for bursts.

        Returns:
          ``str`` for a text message, ``bytes`` for a binary one.

        Raises:
          trio.WouldBlock: There is none yet.
          ConnectionClosed: As for :meth:`receive`.

        """
        self._check_not_within_message(None)
        if self._incoming:
            return self._take()
        if self._exhausted():
            raise self._closed_error()
        raise trio.WouldBlock

    def receive_stream(self) -> MessageStream:
        """Receive the next message in parts, as they arrive, without holding it in memory.

        ::

            async for part in ws.receive_stream():
                file.write(part)

        Useful with ``max_message_size=None``. Until the message is read to its end, or the
        stream closed, other tasks cannot receive.

        Returns:
          A :class:`MessageStream`, an async iterator of ``str`` or ``bytes``. It takes hold of
          a message when its first part is received, not before.

        """
        return MessageStream(self._next_part, self._discard_rest)

    async def _next_part(self, reader: MessageStream) -> tuple[Message, bool]:
        """Take what there is of the message at the front; tell whether that is its end."""
        if self._incoming or self._fragments or self._parts or self._exhausted():
            await trio.lowlevel.checkpoint()
        while True:
            self._check_not_within_message(reader)
            if self._part_reader is None and self._incoming:
                return self._take(), True
            if self._part_reader is None and self._fragments:
                self._part_reader = reader
                self._parts.append(Fragment(_join(self._fragments), last=False))
                self._fragments = []
                self._unread += MESSAGE_COST
            if self._parts:
                return self._take_parts()
            if self._exhausted():
                raise self._closed_error()
            await self._wait_for_more()

    def _take_parts(self) -> tuple[Message, bool]:
        data, last = _join([part.data for part in self._parts]), self._parts[-1].last
        self._unread -= len(data) + MESSAGE_COST * len(self._parts)
        self._parts.clear()
        if last:
            self._part_reader = None
            self._receivers.unpark_all()
        self._read_on()
        return data, last

    def _discard_rest(self, reader: MessageStream) -> None:
        if self._part_reader is reader:
            self._skipping = not (self._parts and self._parts[-1].last)
            self._unread -= sum(len(part.data) + MESSAGE_COST for part in self._parts)
            self._parts.clear()
            self._part_reader = None
            self._receivers.unpark_all()
            self._read_on()

    def _check_not_within_message(self, reader: MessageStream | None) -> None:
        if self._part_reader in (None, reader):
            return
        # Where the connection ended within the message, nobody can read that to its end.
        if self._parts or not self._exhausted():
            raise trio.BusyResourceError(
                "a stream of receive_stream() is in the middle of a message: "
                "read it to its end, or close it"
            )

    async def get_message(self) -> Message:
        """Receive the next message; trio-websocket's name for :meth:`receive`.

        Returns:
          ``str`` for a text message, ``bytes`` for a binary one.

        Raises:
          ConnectionClosed: As for :meth:`receive`.

        """
        return await self.receive()

    def _exhausted(self) -> bool:
        """Tell whether no message can arrive any more."""
        # After a failed write the reader still looks for what the peer had sent.
        return self._ended is not None and (
            self._write_error is None or self._state is State.CLOSED
        )

    def _take(self) -> Message:
        message = self._incoming.popleft()
        self._unread -= len(message) + MESSAGE_COST
        if self._reader_waits:
            self._read_on()
        return message

    def _read_on(self) -> None:
        if self._reader_waits and not self._read_ahead_is_full():
            self._last_byte = trio.current_time()  # the silence until now was of our making
            self._reader_waits.ring()

    # -- pings --------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def ping(self, payload: bytes | None = None) -> float:
        """Send a ping and wait for its pong, to measure the round trip or to prove life.

        Args:
          payload: At most 125 bytes, not equal to those of another ping on its way; four
            random bytes by default.

        Returns:
          The round-trip time in seconds.

        Raises:
          ConnectionClosed: The connection is closed, or ended while waiting.
          ValueError: ``payload`` is too long, or on its way already.

        A cancelled call leaves nothing behind; a late pong is ignored.

        """
        await trio.lowlevel.checkpoint()
        if payload is None:
            payload = self._fresh_payload()
        if len(payload) > MAX_CONTROL_PAYLOAD:
            raise ValueError(f"a ping carries {MAX_CONTROL_PAYLOAD} bytes at most")
        if payload in self._pings:
            raise ValueError(f"a ping with the payload {payload!r} is already in flight")
        if self._write_error is not None:
            await self._finished.wait()  # the reader still looks for why, for a second at most
        ping = self._send_ping(payload)
        try:
            await ping.answered.wait()
        finally:
            if self._pings.get(payload) is ping:
                del self._pings[payload]
        if ping.round_trip is None:
            raise self._closed_error()
        return ping.round_trip

    def _fresh_payload(self) -> bytes:
        while True:
            payload = random.randbytes(4)  # noqa: S311  # a label, not a secret
            if payload not in self._pings:
                return payload

    def _send_ping(self, payload: bytes) -> _PingInFlight:
        if self._state is not State.OPEN:
            raise self._closed_error()
        self._queue(self._protocol.ping(payload))
        ping = self._pings[payload] = _PingInFlight(trio.current_time())
        return ping

    @trio.lowlevel.enable_ki_protection
    async def pong(self, payload: bytes | None = None) -> None:
        """Send an unsolicited pong, as a one-way heartbeat (RFC 6455 section 5.5.3).

        Args:
          payload: At most 125 bytes; none by default.

        Raises:
          ConnectionClosed: The connection is closed or closing.
          ValueError: ``payload`` is too long.

        A cancelled call has sent nothing.

        """
        await trio.lowlevel.checkpoint()
        payload = payload or b""
        if len(payload) > MAX_CONTROL_PAYLOAD:
            raise ValueError(f"a pong carries {MAX_CONTROL_PAYLOAD} bytes at most")
        if self._state is not State.OPEN:
            raise self._closed_error()
        self._queue(self._protocol.pong(payload))

    # -- closing ------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def aclose(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection: send what is queued and a close frame, await the peer's.

        Messages that were not received yet are discarded. Any number of calls is allowed;
        later ones wait for the first to succeed.

        Args:
          code: The close code to send: 1000 to 1003, 1007 to 1014, or 3000 to 4999.
          reason: Text for the peer, at most 123 bytes of UTF-8.

        Raises:
          ValueError: ``code`` or ``reason`` cannot be sent; nothing was.
          DisconnectionTimeout: The peer did not finish the closing handshake within
            ``disconnect_timeout`` seconds. The connection is closed all the same.

        A cancelled call has closed the connection at once, without waiting for the peer.

        """
        check_close(code, reason)
        if self._state is State.OPEN:
            self._close_locally(code, reason or "")
        timeout = self._settings.disconnect_timeout
        try:
            with trio.move_on_after(timeout) as scope:
                await self._finished.wait()
        finally:
            await self._abort()
        if scope.cancelled_caught:
            raise DisconnectionTimeout(
                f"{self.remote} did not finish the closing handshake within {timeout} s"
            )

    async def _abort(self) -> None:
        """Close at once, whatever goes on."""
        if not self._finished.is_set():
            self._scope.cancel()
            with trio.CancelScope(shield=True):
                await self._finished.wait()

    async def _leave(self, error: BaseException | None) -> None:
        """Close when the block of :func:`open_websocket` is left, normally or by ``error``."""
        if error is None:
            await self.aclose()
        else:
            with trio.move_on_after(LEAVE_ON_ERROR):
                await self.aclose()
