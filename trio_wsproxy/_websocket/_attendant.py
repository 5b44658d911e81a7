"""What happens in the background of a connection, from its start until nothing of it is left.

Theory of operation
-------------------

Only the **writer** task writes to the stream, only the **reader** task reads from it. Both
run inside :meth:`Attendant.run`, which is the one owner of the stream: it closes it when the two
are done, and nobody else ever does::

    send()  ──frame──▶ outbox ──▶ writer ──▶ stream ──▶ reader ──▶ inbox ──▶ receive()
                         ▲                                 │
                         └────────── pong, close reply ────┘

* The writer sends everything queued since its last turn in one write.
* The reader acts on pings, pongs and closes at once, however many messages wait unread, up
  to the budget of the inbox. Past that it stops reading until the application has caught up.
* Neither raises. What ends the connection is recorded in its :class:`Life`, the first end
  wins, and every operation raises it.

In LEAVING the reader goes on for ``LINGER`` seconds at most: for the writer to send what is
queued, and for the peer to close TCP first, as RFC 6455 section 7.1.1 wants it.

Starting and ending
-------------------

Whoever opens a connection makes an :class:`Attendant`, has its :meth:`~Attendant.run` run in a nursery,
and hands out the :class:`WebSocketConnection` that stands on it. :meth:`~Attendant.wait_closed`
waits for ``run`` to finish; if it is cancelled or runs out of time it cancels ``run`` instead, which
closes the stream at once. When the nursery is the user's, its cancellation reaches ``run``
directly; when it is :func:`open_websocket`'s, ``run`` is shielded from it and
:meth:`~Attendant.leave` decides. Ctrl-C is kept off the background tasks, so that trio delivers it
to the main task, where it belongs.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import trio

from trio_wsproxy._exceptions import (
    ConnectionClosedLocally,
    ConnectionLost,
    DisconnectionTimeout,
)
from trio_wsproxy._redaction import shown_text

from ._inbox import Inbox
from ._outbox import Outbox
from ._pings import PingInFlight, Pings, keep_alive
from ._protocol import (
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
    Protocol,
    describe_event,
)
from ._settings import ConnectionInfo, ConnectionSettings
from ._state import ABNORMAL, Cause, Life, State

LINGER = 1.0  # seconds for the last bytes and the TCP end
LEAVE_ON_ERROR = 1.0  # seconds that the closing handshake may delay a user's exception

logger = logging.getLogger("trio_wsproxy")
_ids = itertools.count(1)  # of connections, in log records

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
        extra = {**self.extra, "said": msg}  # without the id, for whoever shows one connection
        return f"[ws-{self.extra['connection_id']}] {msg}", {**kwargs, "extra": extra}


class Attendant:
    """Owns the stream of one connection, and everything that happens in its background.

    Args:
      stream: After the opening handshake.
      info: What that found out.
      settings: How the connection is to behave.
      shielded: Whether :meth:`run` is kept from the cancellation of its nursery, because
        :meth:`leave` decides.

    Attributes:
      info (ConnectionInfo): As given.
      life (Life): The state, and why it ended.
      outbox (Outbox): What goes out.
      inbox (Inbox): What came in.
      pings (Pings): Those in flight.
      protocol (Protocol): Bytes to events, messages to frames.
      finished (trio.Event): :meth:`run` is over, the stream closed.

    """

    __slots__ = (  # there may be thousands of them
        "_alarm",
        "_frames_logged",
        "_id",
        "_last_byte",
        "_opened",
        "_reading",
        "_scope",
        "_settings",
        "_stream",
        "_writer_done",
        "finished",
        "inbox",
        "info",
        "life",
        "outbox",
        "pings",
        "protocol",
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
        self._settings = settings
        self._id = next(_ids)
        self._frames_logged = logger.isEnabledFor(logging.DEBUG)
        self._opened = self._last_byte = trio.current_time()
        self._scope = trio.CancelScope(shield=shielded)  # around run()
        self._reading = trio.CancelScope()  # around the reader; its deadline is LINGER's
        self._writer_done = trio.Event()
        self._alarm: trio.CancelScope | None = None  # in which the keepalive sleeps
        self.info = info
        self.life = Life()
        self.protocol = Protocol(info.extensions, settings.max_message_size)
        self.outbox = Outbox(self.protocol, self._log if self._frames_logged else None)
        self.inbox = Inbox(self.life, settings.message_queue_size)
        self.pings = Pings()
        self.finished = trio.Event()

    @property
    def _log(self) -> _ConnectionLog:
        return _ConnectionLog(logger, {"connection_id": self._id})

    # -- the end ------------------------------------------------------------------------

    def _enter(self, cause: Cause) -> None:
        """Change the state, and wake whoever waits for what will not come any more."""
        if not self.life.enter(cause):
            return
        if self.life.state is State.CLOSING:
            # wait_closed() has the same limit; this one is for a close that nobody waits for.
            timeout = self._settings.disconnect_timeout
            self._reading.deadline = trio.current_time() + timeout + LINGER
        if self.life.state is State.LEAVING:
            self._reading.deadline = trio.current_time() + LINGER
        self.outbox.wake_senders()
        self.inbox.read_on.ring()
        self.inbox.wake_receivers()
        self.outbox.filled.ring()
        if self._alarm is not None:
            self._alarm.cancel()
        if self.life.exhausted():  # else what the peer says last is still awaited
            self.pings.give_up()

    def close_locally(self, code: int, reason: str) -> None:
        """Queue our close frame; what was not received yet is discarded."""
        self.life.record(ConnectionClosedLocally, code, reason, None)
        self.outbox.put_close(code, reason)
        self.inbox.clear()
        self._enter(Cause.CLOSE_SENT)

    def _lose(self, cause: Cause, code: int, reason: str, exc: BaseException | None = None) -> None:
        """End the connection because of the peer or the network."""
        self.life.record(ConnectionLost, code, reason, exc)
        if cause is Cause.PEER_BROKE_PROTOCOL:
            self.outbox.put_close(code, reason)
        self._enter(cause)

    # -- the background -----------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Own the stream: read and write until the connection ends, then close it."""
        self._log.info("opened: %s", self.info.dial_report.way)
        with self._scope:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._recorded, self._write)
                    if self._settings.ping_interval is not None:
                        nursery.start_soon(self._recorded, self._keep_alive)
                    with self._reading:
                        await self._recorded(self._read)
                        if self.life.state is State.LEAVING and not self._writer_done.is_set():
                            await self._writer_done.wait()
                    nursery.cancel_scope.cancel()
            finally:
                self.life.record(ConnectionClosedLocally, ABNORMAL, "cancelled", None)
                self._enter(Cause.STREAM_ENDED)
                self._log_end()
                try:
                    with contextlib.suppress(Exception):  # it is thrown away, whatever it says
                        await self._close_stream()
                finally:
                    self.finished.set()

    def _log_end(self) -> None:
        if logger.isEnabledFor(logging.INFO):
            assert self.life.end is not None
            seconds = trio.current_time() - self._opened
            end = shown_text(str(self.life.end.reason))  # the peer's words are in there
            self._log.info("closed: %s, after %.3f s", end, seconds)

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
        outbox = self.outbox
        try:
            while outbox or not outbox.closed:
                if outbox:
                    data = outbox.take()
                    outbox.in_flight = len(data)
                    await self._stream.send_all(data)
                    outbox.in_flight = 0
                    outbox.wake_senders()
                else:
                    await outbox.filled.sleep()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            if self.life.end is None:
                # The peer may have said why before it went: the reader looks, for a moment.
                self.life.write_error = exc
            self._lose(Cause.WRITING_FAILED, ABNORMAL, "", exc)
        finally:
            self._writer_done.set()

    async def _read(self) -> None:
        """Receive until the peer is done, and act on each event as it comes."""
        self._act_on(self.info.trailing)
        size = self._settings.receive_buffer_size
        error: BaseException | None = None
        try:
            while True:
                while self.inbox.is_full():
                    await self.inbox.read_on.sleep()
                data = await self._stream.receive_some(size or self.protocol.wanted())
                if not data:
                    break
                self._act_on(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            error = exc
        if self.life.state is not State.LEAVING:
            self._lose(Cause.STREAM_ENDED, ABNORMAL, "", error)

    # -- what arrives -------------------------------------------------------------------

    def _act_on(self, data: bytes | bytearray) -> None:
        self._last_byte = trio.current_time()
        for event in self.protocol.receive(data):
            if self._frames_logged:
                self._log.debug("received %s", describe_event(event))
            self.handle(event)

    def handle(self, event: Event) -> None:
        """Act on one event."""
        if isinstance(event, (str, bytes)):
            if not self._nobody_asks():
                self.inbox.deliver(event)
        elif isinstance(event, Fragment):
            if not self._nobody_asks():
                self.inbox.collect(event)
        elif isinstance(event, PingReceived):
            self.outbox.put_pong(event.payload)
        elif isinstance(event, PongReceived):
            self.pings.match(event.payload)
        elif isinstance(event, CloseReceived):
            self.life.record_close_of_peer(event)
            self.outbox.put_close(event.code, "")
            self._enter(Cause.CLOSE_RECEIVED)
        else:
            assert isinstance(event, PeerBrokeProtocol)
            self._lose(Cause.PEER_BROKE_PROTOCOL, event.code, event.reason)

    def _nobody_asks(self) -> bool:
        """Tell whether messages are discarded: this side has closed."""
        return isinstance(self.life.end, ConnectionClosedLocally)

    # -- the keepalive ------------------------------------------------------------------

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
        if self.life.is_open:
            with trio.CancelScope(deadline=deadline) as self._alarm:
                await trio.sleep_forever()
        return self.life.is_open

    def _quiet_since(self) -> float:
        # Silence while too much is unread is of our making.
        if self.inbox.read_on:
            return trio.current_time()
        return max(self._last_byte, self.inbox.quiet_until)

    def send_ping(self, payload: bytes) -> PingInFlight:
        """Queue a ping.

        Raises:
          ConnectionClosed: The connection is closed or closing.

        """
        if not self.life.is_open:
            raise self.life.error()
        self.outbox.put(self.protocol.ping(payload))
        return self.pings.sent(payload)

    def _send_keepalive_ping(self) -> None:
        if self.life.is_open:
            self.send_ping(self.pings.fresh_payload_of_keepalive())

    def _give_up(self) -> None:
        if self.life.is_open:  # closing has time limits of its own, and sends no pings
            self._lose(Cause.PEER_BROKE_PROTOCOL, 1011, "keepalive ping timeout")

    # -- leaving ------------------------------------------------------------------------

    async def leave(self, error: BaseException | None) -> None:
        """Close when the block of :func:`open_websocket` is left, normally or by ``error``."""
        if error is None:
            await self.aclose(1000, "")
        else:
            with trio.move_on_after(LEAVE_ON_ERROR):
                await self.aclose(1000, "")

    async def aclose(self, code: int, reason: str) -> None:
        """Close, and wait for the end; see :meth:`WebSocketConnection.aclose`."""
        if self.life.is_open:
            self.close_locally(code, reason)
        timeout = self._settings.disconnect_timeout
        try:
            with trio.move_on_after(timeout) as scope:
                await self.finished.wait()
        finally:
            await self._abort()
        if scope.cancelled_caught:
            error = DisconnectionTimeout(
                f"{self.info.remote_endpoint} did not finish the closing handshake within {timeout} s"
            )
            error.dial_report = self.info.dial_report
            raise error

    async def _abort(self) -> None:
        """Close at once, whatever goes on."""
        if not self.finished.is_set():
            self._scope.cancel()
            with trio.CancelScope(shield=True):
                await self.finished.wait()
