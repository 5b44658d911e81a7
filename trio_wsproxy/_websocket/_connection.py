"""The connection as its users see it: the public methods over the parts below.

======================  ================================================================
part                    owns
======================  ================================================================
:mod:`._state`          the state, and why it ended
:mod:`._outbox`         what goes out
:mod:`._inbox`          what came in and was not taken
:mod:`._pings`          pings in flight, the keepalive
:mod:`._attendant`      the stream, the tasks, starting and leaving
======================  ================================================================

Public methods never touch the stream. They take from the inbox or put whole frames into the outbox,
in one step without an ``await`` in it, so a cancellation finds either nothing or all of a message
there. Ctrl-C is kept off the steps of each method that belong together.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from types import TracebackType
from typing import TYPE_CHECKING

import trio
from trio_websocket import CloseReason, Endpoint

from trio_wsproxy._exceptions import ConnectionClosed, ConnectionEnded, Headers
from trio_wsproxy._redaction import shown_text

from ._attendant import Attendant
from ._events import MAX_CONTROL_PAYLOAD
from ._inbox import Message
from ._message_stream import MessageStream
from ._outbox import HIGH_WATER
from ._state import State

if TYPE_CHECKING:
    from trio_wsproxy._report import DialReport
    from trio_wsproxy._routing import Route

_NEVER_SENT = (1005, 1006, 1015)
_WHOLE = (str, bytes, bytearray, memoryview)  # a message that is not an iterable of parts


def as_sent(code: int | None, reason: str | None) -> tuple[int, str]:
    """Make a close frame's code and text of what somebody wants to say, often in an ``except``.

    The codes that stand for the lack of a frame, and so are never sent (RFC 6455 section 7.4.1), become
    1000, as with trio-websocket; a reason is cut between two characters where a frame has no
    room for more (section 5.5), and what UTF-8 cannot encode becomes ``?``.

    Raises:
      TypeError: The code is no integer, or the reason no text.
      ValueError: The code is no close code.

    """
    if code is None:  # what trio-websocket takes for "no code"
        code = 1000
    if not isinstance(code, int):
        raise TypeError(f"code is an integer, not {type(code).__name__}")
    if not isinstance(reason, (str, type(None))):
        raise TypeError(f"reason is a str or None, not {type(reason).__name__}")
    if code in _NEVER_SENT:
        code = 1000
    if not (code in range(1000, 1004) or code in range(1007, 1015) or code in range(3000, 5000)):
        raise ValueError(
            f"close code {code} cannot be sent; use 1000 to 1003, 1007 to 1014, or 3000 to 4999"
        )
    data = (reason or "").encode("utf-8", "replace")
    return code, data[: MAX_CONTROL_PAYLOAD - 2].decode("utf-8", "ignore")


def _control_payload(name: str, payload: bytes | bytearray | memoryview) -> bytes:
    """Make what a ping or a pong carries immutable.

    Raises:
      TypeError: It is not bytes.
      ValueError: It is too long for a control frame (RFC 6455 section 5.5).

    """
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        raise TypeError(f"payload is bytes or None, not {type(payload).__name__}")
    payload = bytes(payload)
    if len(payload) > MAX_CONTROL_PAYLOAD:
        raise ValueError(f"a {name} carries {MAX_CONTROL_PAYLOAD} bytes at most")
    return payload


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


class _Plainly:
    """Within its block an end of the connection is trio-websocket's error, which is none of trio's.

    A class, for a generator would cost each message ten times as much.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, ConnectionClosed):
            raise ConnectionClosed(error.reason) from error


_PLAINLY = _Plainly()


class WebSocketConnection(trio.abc.Channel[Message]):
    """An open WebSocket connection: a :class:`trio.abc.Channel` of ``str`` and ``bytes``.

    Made by :func:`open_websocket_url` and its relatives. Its methods may be called from any
    number of tasks at the same time.
    """

    # "__dict__", for programs that set attributes of their own; there is none until one does.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_attendant",
        "_inbox",
        "_life",
        "_outbox",
        "_pings",
        "_protocol",
    )

    def __init__(self, attendant: Attendant) -> None:
        self._attendant = attendant
        # Kept here too, for the shortest way in the methods that are called most.
        self._life = attendant.life
        self._outbox = attendant.outbox
        self._inbox = attendant.inbox
        self._pings = attendant.pings
        self._protocol = attendant.protocol

    # -- what is known about the connection ---------------------------------------------

    @property
    def closed(self) -> CloseReason | None:
        """Why the connection is closed or closing, or ``None`` while it is open.

        Returns:
          The :class:`CloseReason` of whichever side closed first; code 1006 when the connection
          was lost. Where this side closed first, that becomes certain with the peer's answer:
          without one it is 1006, or what the peer said instead.

        """
        return self._life.reason

    @property
    def local(self) -> Endpoint | str:
        """This end of the TCP connection.

        Returns:
          An :class:`Endpoint`, or the stream's ``repr`` where there is no socket below it.

        """
        return self._attendant.info.local_endpoint

    @property
    def remote(self) -> Endpoint | str:
        """The other end of the TCP connection: the server, or the first proxy.

        Returns:
          An :class:`Endpoint`, or the stream's ``repr`` where there is no socket below it.

        """
        return self._attendant.info.remote_endpoint

    @property
    def path(self) -> str:
        """The path and query that were requested."""
        return self._attendant.info.path

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, or ``None``."""
        return self._attendant.info.subprotocol

    @property
    def handshake_headers(self) -> Headers:
        """The headers of the server's answer, as pairs of bytes, names in lower case."""
        return self._attendant.info.headers

    @property
    def route(self) -> Route | None:
        """The :class:`Route` that was dialed; ``None`` for a stream that was given."""
        return self._attendant.info.route

    @property
    def dial_report(self) -> DialReport:
        """The :class:`DialReport` of the opening; ``print()`` it."""
        return self._attendant.info.dial_report

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
        return self._pings.latency

    def __repr__(self) -> str:
        end = f" {shown_text(str(self.closed))}" if self.closed else ""
        return f"<WebSocketConnection {self._life.state.value} to {self.remote}{end}>"

    # -- sending ------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def send(
        self,
        value: Message | bytearray | memoryview | AsyncIterable[Message | bytearray | memoryview],
    ) -> None:
        """Send a message.

        The message is handed to the operating system at once where that takes it, else to a
        queue from which it leaves whole. Waits while more than 64 KiB are queued before it, and
        until less than that is left of it, that is while the peer or the network is slower
        than this side; :meth:`drain` waits for all. That the peer has it, only an answer tells.

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

        A cancelled call has sent nothing of the message, and nothing of it will be sent; cancelled
        while it waits for the rest of its own message to leave, it returns. Only
        an async iterable that is cancelled, or raises, between its parts has sent some; the
        connection is then closed with code 1011, for the message can never be completed.

        """
        await trio.lowlevel.checkpoint_if_cancelled()
        outbox = self._outbox
        if (
            outbox.idle
            and self._life.state is State.OPEN
            and (type(value) is bytes or type(value) is str)
        ):
            # The shortest way, which nearly every message takes.
            outbox.put(self._protocol.message(value), message=True)
            outbox.leave()
            await trio.lowlevel.cancel_shielded_checkpoint()
            if outbox.idle:
                return
            self._attendant.check_sent()
        else:
            await self._send(value)
        if outbox.backlog > HIGH_WATER:
            await outbox.settle()
        if outbox.error is not None:
            await self._tell_not_sent()

    async def _send(
        self,
        value: Message | bytearray | memoryview | AsyncIterable[Message | bytearray | memoryview],
    ) -> None:
        """Wait for room, then send what is no short message, or not the only one."""
        while self._outbox.has_to_wait() and self._life.is_open:
            await self._outbox.wait()
        if not isinstance(value, _WHOLE) and isinstance(value, AsyncIterable):
            await self._send_fragments(value)
            return
        try:
            self._put(value)
        finally:
            # From here on it is sent: nothing of this can be cancelled, or it ends early in silence.
            await self._attendant.send_queued()

    async def _tell_not_sent(self) -> None:
        """Raise why the connection is over, once that is known."""
        await self._attendant.wait_finished_in_vain()
        if self._attendant.finished:
            # Whatever the peer said: what was accepted and is lost is a loss.
            raise self._life.loss() if self._life.unsent.messages else self._life.error()

    async def _send_fragments(self, parts: AsyncIterable[Message | bytearray | memoryview]) -> None:
        """Send a message in fragments (RFC 6455 section 5.4), none of another in between."""
        kind: type[Message] | None = None
        if not self._life.is_open:
            raise self._life.error()  # without waiting for a part
        outbox = self._outbox
        outbox.within_message = True
        try:
            async for part in parts:
                data = _checked(part, kind)
                while outbox.backlog > HIGH_WATER and self._life.is_open:
                    await outbox.wait()
                self._put_fragment(data, first=kind is None, last=False)
                kind = type(data)
                await self._attendant.send_queued()
            if kind is not None:
                self._put_fragment(kind(), first=False, last=True)
                await self._attendant.send_queued()
        except BaseException:
            if kind is not None and self._life.is_open:
                self._attendant.close_locally(1011, "a message in fragments was abandoned")
            raise
        finally:
            outbox.within_message = False
            outbox.wake_senders()
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()  # nobody else can where it was made for this call

    def _put_fragment(self, data: Message, *, first: bool, last: bool) -> None:
        if not self._life.is_open:
            raise self._life.error()
        self._outbox.put(self._protocol.fragment(data, first=first, last=last), message=last)

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
        if self._outbox.has_to_wait() and self._life.is_open:
            raise trio.WouldBlock
        self._put(value)
        if self._outbox.bursting:
            self._outbox.call()  # the others leave in one write, when somebody has a turn
        else:
            self._attendant.leave_now()
            self._outbox.bursting = True

    def _put(self, value: Message | bytearray | memoryview) -> None:
        data = _checked(value)
        if not self._life.is_open:
            raise self._life.error()
        self._outbox.put(self._protocol.message(data), message=True)

    async def send_message(self, message: Message) -> None:
        """Send a message; trio-websocket's name for :meth:`send`.

        Args:
          message: ``str`` is sent as text, ``bytes`` as binary.

        Raises:
          ConnectionClosed: As for :meth:`get_message`.
          ValueError: ``message`` is of another type, as trio-websocket has it.

        """
        if not isinstance(message, (str, bytes, bytearray, memoryview)):
            raise ValueError(f"a message is str or bytes, not {type(message).__name__}")  # noqa: TRY004
        with _PLAINLY:
            await self.send(message)

    @trio.lowlevel.enable_ki_protection
    async def drain(self) -> None:
        """Wait until everything that was accepted is handed to the kernel.

        What the kernel has is not yet what the peer has: only an answer of the application, or the
        peer's close frame in answer to ours, proves that.

        Raises:
          ConnectionClosed: The connection ended before.

        A cancelled call changes nothing.

        """
        await trio.lowlevel.checkpoint()
        while self._outbox.backlog:
            if self._outbox.error is not None or self._attendant.finished:
                await self._attendant.wait_finished()
                raise self._life.error()
            self._outbox.call()
            await self._outbox.wait_for_empty()

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
        inbox, life = self._inbox, self._life
        if inbox.messages or life.exhausted():
            await trio.lowlevel.checkpoint()
        while not inbox.has_message():
            if life.exhausted():
                raise life.error()
            message = await self._attendant.more(whole=True)
            if message is not None:
                return message
        return inbox.take()

    @trio.lowlevel.enable_ki_protection
    def receive_nowait(self) -> Message:
        """Receive a message that is there already, for bursts.

        Returns:
          ``str`` for a text message, ``bytes`` for a binary one.

        Raises:
          trio.WouldBlock: There is none yet.
          ConnectionClosed: As for :meth:`receive`.

        """
        if not self._inbox.has_message():
            self._attendant.work()
        if self._inbox.has_message():
            return self._inbox.take()
        if self._life.exhausted():
            raise self._life.error()
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
        return MessageStream(self._next_part, self._inbox.discard_rest)

    async def _next_part(self, reader: MessageStream) -> tuple[Message, bool]:
        """Take what there is of the message at the front; tell whether that is its end."""
        inbox = self._inbox
        if inbox.has_something() or self._life.exhausted():
            await trio.lowlevel.checkpoint()
        while True:
            part = inbox.take_part(reader)
            if part is not None:
                return part
            if self._life.exhausted():
                error = self._life.error()
                if isinstance(error, ConnectionEnded):
                    # It is an EndOfChannel, which would end the loop over a message that is cut short.
                    raise ConnectionClosed(error.reason) from error
                raise error
            await self._attendant.more()

    async def get_message(self) -> Message:
        """Receive the next message; trio-websocket's name for :meth:`receive`.

        Returns:
          ``str`` for a text message, ``bytes`` for a binary one.

        Raises:
          ConnectionClosed: The connection is over: trio-websocket's own class and none below it, for
            programs that know these names have ``except trio.BrokenResourceError`` for streams of
            their own. What :meth:`receive` raises is its ``__cause__``.

        """
        with _PLAINLY:
            return await self.receive()

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
          ConnectionClosed: As for :meth:`get_message`, also where the connection ended while waiting.
          TypeError: ``payload`` is not bytes.
          ValueError: ``payload`` is too long, or on its way already.

        A cancelled call leaves nothing behind; a late pong is ignored.

        """
        await trio.lowlevel.checkpoint()
        if payload is None:
            payload = self._pings.fresh_payload()
        payload = _control_payload("ping", payload)
        if payload in self._pings.in_flight:
            raise ValueError(f"a ping with the payload {payload!r} is already in flight")
        with _PLAINLY:
            if self._life.write_error is not None:
                await self._tell_not_sent()  # that is looked for, for a second at most
            ping = self._attendant.put_ping(payload)
            try:
                await self._attendant.send_queued()
                await self._attendant.wait_for_pong(ping)
            finally:
                self._pings.forget(payload, ping)
            if ping.round_trip is None:
                raise self._life.error()
            return ping.round_trip

    @trio.lowlevel.enable_ki_protection
    async def pong(self, payload: bytes | None = None) -> None:
        """Send an unsolicited pong, as a one-way heartbeat (RFC 6455 section 5.5.3).

        Args:
          payload: At most 125 bytes; none by default.

        Raises:
          ConnectionClosed: As for :meth:`get_message`.
          TypeError: ``payload`` is not bytes.
          ValueError: ``payload`` is too long.

        A cancelled call has sent nothing.

        """
        await trio.lowlevel.checkpoint()
        payload = _control_payload("pong", payload or b"")
        with _PLAINLY:
            if not self._life.is_open:
                raise self._life.error()
            self._outbox.put(self._protocol.pong(payload))
            await self._attendant.send_queued()

    # -- closing ------------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def aclose(self, code: int | None = 1000, reason: str | None = None) -> None:
        """Close the connection: send what is queued and a close frame, await the peer's.

        Messages that were not received yet are discarded. Any number of calls is allowed;
        later ones wait for the first to succeed. ``disconnect_timeout`` runs only while no byte
        leaves.

        Args:
          code: The close code to send: 1000 to 1003, 1007 to 1014, or 3000 to 4999. 1005, 1006 and
            1015 never stand in a frame; 1000 is sent for them, and for ``None``.
          reason: Text for the peer; it is cut at 123 bytes of UTF-8, between two characters.

        Raises:
          ValueError: ``code`` is another number; nothing was sent.
          TypeError: ``code`` is no integer, or ``reason`` no text; nothing was sent.
          DisconnectionTimeout: The peer did not finish the closing handshake within
            ``disconnect_timeout`` seconds. The connection is closed all the same.
          ConnectionLost: The connection ended before everything that was sent was handed to the
            operating system, and no exception has told so yet; it says how much was not.

        A cancelled call has closed the connection at once, without waiting for the peer.

        """
        code, reason = as_sent(code, reason)
        await self._attendant.aclose(code, reason)


def attendant_of(connection: WebSocketConnection) -> Attendant:
    """Give the part of a connection that is started and left; for the client, not for users."""
    return connection._attendant  # noqa: SLF001  # the other half of this class
