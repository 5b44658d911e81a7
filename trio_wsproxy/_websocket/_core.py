"""The core of a connection: who waits, reads; who sends, writes; the attendant does all else.

Theory of operation
-------------------

A scheduler's turn costs as much as all the work on a small message. So nothing is handed from task
to task that the task which is there anyway can do::

    send()    ──frame──▶ outbox ──▶ kernel            in the sender's step
    receive() ──waits for the socket──▶ protocol ──▶ inbox ──▶ its message

**Reading.** One task at a time reads (``_reading``). A task in ``receive()`` reads, if nobody else does,
until a message is there; more receivers wait in the inbox. Waiting for the socket can be cancelled
without losing a byte; between the read itself, TLS, and the inbox there is no ``await``, and taking
from the inbox is one step. So a receiver that is cancelled has taken nothing, and what it has read for
others stays. When a receiver leaves, another one that waits goes on reading. If there is none, the
attendant takes over, but :data:`DELAY` later, so that question and answer in turn never wake it. When
it reads and a receiver comes, that one waits in the inbox; the message wakes it, the attendant steps back.

**Writing.** See :mod:`._outbox`. What the kernel does not take, the attendant flushes.

**The attendant** (:mod:`._attendant`) is the one background task. It reads while nobody receives (pings,
pongs, the close, and messages up to the budget of the inbox), flushes, keeps the clocks of keepalive
and closing, and closes the stream when all is over; nobody else ever does. It sleeps on a doorbell
until a deadline; before it sleeps it looks at everything anew, in one step, so no ring is lost.

**Other streams** (:attr:`Kind.OTHER`) promise less: a cancelled read may lose bytes, a write may wait. Of
these one task reads and one writes, and the attendant keeps the clocks.

**Budgets.** A read is worked on for some milliseconds (:data:`._protocol.WORK`), then there is a checkpoint.
What is left stays in the protocol until somebody works on: the receiver, or the attendant unless the
inbox is full.

**Nobody raises into a nursery.** What ends the connection is recorded in its :class:`Life`, the first end
wins, and every operation raises it. Whoever notices changes the state (:meth:`Attendant._enter`), which
wakes all who wait for what will not come any more; a task that waits for the socket is interrupted.
"""

from __future__ import annotations

import logging

import trio

from trio_wsproxy._exceptions import ConnectionClosedLocally

from ._events import (
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
    describe_event,
)
from ._inbox import Inbox, Message
from ._log import ConnectionLog, ids, logger
from ._outbox import Outbox
from ._pings import Keepalive, PingInFlight, Pings
from ._protocol import Protocol
from ._settings import ConnectionInfo, ConnectionSettings
from ._state import ABNORMAL, Cause, Life, State
from ._waiting import Bell, Bench
from ._wire import Kind, Wire

DELAY = 0.05  # seconds after a read of a receiver's until the attendant reads in its place


class Core:
    """What any task may do with a connection.

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
      finished (bool): :meth:`run` is over, the stream closed.

    """

    __slots__ = (  # there may be thousands of them
        "_bell",
        "_ended",
        "_entered",
        "_flushing",
        "_frames_logged",
        "_id",
        "_interrupts",
        "_keepalive",
        "_last_byte",
        "_last_received",
        "_opened",
        "_read_on",
        "_reading",
        "_reads",
        "_scope",
        "_settings",
        "_summoned",
        "_waiting_for_end",
        "_wire",
        "_write_on",
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
        self._wire = Wire(stream)
        self._settings = settings
        self._id = next(ids)
        self._frames_logged = logger.isEnabledFor(logging.DEBUG)
        now = trio.current_time()
        self._opened = self._last_byte = self._last_received = self._entered = now
        self._scope = trio.CancelScope(shield=shielded)  # around run()
        self._bell = self._read_on = self._write_on = Bell()  # of the attendant
        if self._wire.kind is Kind.OTHER:
            self._read_on, self._write_on = Bell(), Bell()  # of two tasks more
        self._reading = False  # somebody reads
        self._summoned = 0  # tasks that wait for what only reading brings
        self._interrupts = self._reads = 0  # how often the attendant has read
        self._ended = self._flushing = self.finished = False  # nothing can be read; see _flush()
        self._waiting_for_end = Bench()
        self._keepalive: Keepalive | None = None
        if settings.ping_interval is not None:
            self._keepalive = Keepalive(settings.ping_interval, settings.ping_timeout, now)
        self.info = info
        self.life = Life(info.sent)
        self.protocol = Protocol(info.extensions, settings.max_message_size)
        self.outbox = Outbox(
            self._wire, self.protocol, self._write_on, self._log if self._frames_logged else None
        )
        self.inbox = Inbox(self.life, settings.message_queue_size, self._read_on)
        self.pings = Pings()
        if info.trailing:
            self.protocol.feed(info.trailing)

    @property
    def _log(self) -> ConnectionLog:
        return ConnectionLog(logger, {"connection_id": self._id})

    # -- the end ------------------------------------------------------------------------

    def _enter(self, cause: Cause) -> None:
        """Change the state, and wake whoever waits for what will not come any more."""
        if not self.life.enter(cause):
            return
        self._entered = trio.current_time()
        self._wake_all()

    def _wake_all(self) -> None:
        """Let all who wait look what has changed."""
        self.outbox.wake_senders()
        self.inbox.wake_receivers()
        if self.life.exhausted():  # else what the peer says last is still awaited
            self.pings.give_up()
            if self._reading:
                self._interrupts += 1
                self._wire.interrupt()
        self._bell.call()
        if self._wire.kind is Kind.OTHER:
            self._read_on.ring()
            self._write_on.ring()

    def close_locally(self, code: int, reason: str) -> None:
        """Send our close frame; what was not received yet is discarded."""
        self.life.record(ConnectionClosedLocally, code, reason, None)
        self.outbox.put_close(code, reason)
        self.inbox.clear()
        self.leave_now()
        self._enter(Cause.CLOSE_SENT)

    def _lose(self, cause: Cause, code: int, reason: str, exc: BaseException | None = None) -> None:
        """End the connection because of the peer or the network."""
        self.life.lose(code, reason, exc)
        if cause is Cause.PEER_BROKE_PROTOCOL:
            self.outbox.put_close(code, reason)
            self.leave_now()
        self._enter(cause)

    # -- sending ------------------------------------------------------------------------

    def leave_now(self) -> None:
        """Let what is queued leave without waiting, by whoever can."""
        self.outbox.leave()
        self.outbox.wake_if_below()
        self.check_sent()

    def check_sent(self) -> None:
        """Notice that nothing more can be sent, or that the last byte has left."""
        error = self.outbox.error
        if not self.life.is_open and not self.outbox.backlog:
            self._bell.call()
        if error is None or self.life.state in (State.LEAVING, State.CLOSED):
            return
        if self.life.end is None:
            # The peer may have said why before it went: whoever reads looks, for a moment.
            self.life.write_error = error
        self.life.unsent = self.outbox.unsent
        self._lose(Cause.WRITING_FAILED, ABNORMAL, "", error)

    async def send_queued(self) -> None:
        """Let what is queued leave, in this step if possible; a checkpoint, not to be cancelled."""
        self.leave_now()
        await trio.lowlevel.cancel_shielded_checkpoint()

    # -- receiving ----------------------------------------------------------------------

    async def more(self, *, whole: bool = False) -> Message | None:
        """Wait until more has come, or will not; read, if nobody else does.

        Args:
          whole: Whether the caller takes a whole message.

        Returns:
          That message, where there is nothing else; usually what has come is in the inbox.

        """
        inbox = self.inbox
        if self._reading or self._wire.kind is Kind.OTHER:
            await inbox.wait()
            return None
        self._reading = True
        inbox.receiving += 1
        if inbox.was_full:
            inbox.let_read_on()  # the clock of keepalive stood still
        try:
            message = await self._read(whole=whole)
            while message is None and not (
                inbox.has_something() or self._ended or self.life.exhausted()
            ):
                message = await self._read(whole=whole)  # that was a ping, or a pong
            return message
        finally:
            inbox.receiving -= 1
            self._reading = False
            self._last_received = self._last_byte
            if not inbox.wake_one_receiver():
                self._take_over_soon()

    def _take_over_soon(self) -> None:
        """Let the attendant read in a moment; it is asleep, and need not wake for that now."""
        alarm = self._bell.alarm
        if self._summoned or not self.life.is_open:
            self._bell.call()
        elif alarm is not None and alarm.deadline > self._last_byte + DELAY:
            alarm.deadline = trio.current_time() + DELAY

    async def _read(self, *, whole: bool = False) -> Message | None:
        """Read once, or work on what was read before; at least a checkpoint.

        A cancelled call has lost nothing. For ``whole`` and what is given see :meth:`more`.
        """
        self.outbox.bursting = False
        if self.protocol.undigested:
            await trio.lowlevel.checkpoint()
        elif self._ended:
            await self.inbox.wait()
            return None
        elif not await self._receive():
            return None
        message = self._work(whole=whole)
        if self.outbox.queued:
            self.leave_now()
        return message

    async def _receive(self) -> bool:
        """Feed the protocol with what arrives; tell whether something has."""
        if self.outbox.queued:
            self.leave_now()
        interrupts = self._interrupts
        wire = self._wire
        try:
            size = self._settings.receive_buffer_size or self.protocol.wanted()
            if wire.plain is not None:
                await wire.plain.wait_gives()
                data: bytes | bytearray | None = wire.plain.give(size)
            else:
                data = await wire.stream.receive_some(size)
        except trio.ClosedResourceError as exc:
            if self._interrupts == interrupts:
                self._receiving_ended(exc)
            return False
        except Exception as exc:
            self._receiving_ended(exc)
            return False
        if not data:
            if data is not None:
                self._receiving_ended(None)
            return False
        self._last_byte = trio.current_time()
        self.protocol.feed(data)
        return True

    def _receiving_ended(self, exc: Exception | None) -> None:
        """Nothing more can be read."""
        self._ended = True
        if exc is not None and not isinstance(
            exc, (trio.BrokenResourceError, trio.ClosedResourceError)
        ):
            self._fail(exc)
        elif self.life.state is State.LEAVING:
            if self.life.write_error is not None:
                self._enter(Cause.STREAM_ENDED)
            self._bell.call()
        else:
            self._lose(Cause.STREAM_ENDED, ABNORMAL, "", exc)
            self._bell.call()

    def _fail(self, exc: Exception) -> None:
        self.life.unsent = self.outbox.unsent
        self._lose(Cause.PEER_BROKE_PROTOCOL, 1011, "internal error", exc)

    def _work(self, *, whole: bool = False) -> Message | None:
        """Act on what was read, for some milliseconds."""
        try:
            events = self.protocol.events()
            if whole and len(events) == 1 and not self._frames_logged:
                event = events[0]
                if isinstance(event, (bytes, str)) and self.inbox.is_empty:
                    return event  # its receiver is here
            for event in events:
                if self._frames_logged:
                    self._log.debug("received %s", describe_event(event))
                self.handle(event)
        except Exception as exc:
            self._fail(exc)
        return None

    def work(self) -> None:
        """Act on what was read and left, for who does not wait."""
        if self.protocol.undigested and not self._reading:
            self._work()
            self.leave_now()

    def handle(self, event: Event) -> None:
        """Act on one event."""
        if isinstance(event, (str, bytes, Fragment)):
            if isinstance(self.life.end, ConnectionClosedLocally):
                return  # nobody will ask for it
            if isinstance(event, Fragment):
                self.inbox.collect(event)
            else:
                self.inbox.deliver(event)
        elif isinstance(event, PingReceived):
            self.outbox.put_pong(event.payload)
        elif isinstance(event, PongReceived):
            self.pings.match(event.payload)
        elif isinstance(event, CloseReceived):
            if self.life.record_close_of_peer(event):  # then nothing is awaited any more
                self._wake_all()
            self.outbox.put_close(event.code, "")
            self.leave_now()
            self._enter(Cause.CLOSE_RECEIVED)
        else:
            assert isinstance(event, PeerBrokeProtocol)
            self._lose(Cause.PEER_BROKE_PROTOCOL, event.code, event.reason)

    # -- pings --------------------------------------------------------------------------

    def put_ping(self, payload: bytes) -> PingInFlight:
        """Queue a ping.

        Raises:
          ConnectionClosed: The connection is closed or closing.

        """
        if not self.life.is_open:
            raise self.life.error()
        self.outbox.put(self.protocol.ping(payload))
        return self.pings.sent(payload)

    async def wait_for_pong(self, ping: PingInFlight) -> None:
        """Wait for the answer to a ping that was sent, or for the end."""
        self._summoned += 1
        try:
            if not self._reading:
                self._bell.call()
            await ping.wait()
        finally:
            self._summoned -= 1
