"""The other end of a connection: a server that does nothing unasked.

A :class:`Peer` says what a test tells it to, when and in the pieces that the test wants, and
keeps what the client wrote, write by write. Between the two is a :class:`Wire`, a stream
without an operating system below it, so nothing happens by chance and a virtual clock can
be trusted.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import trio
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, Event, Message, Request
from wsproto.extensions import Extension
from wsproto.extensions import PerMessageDeflate as ServerDeflate

from trio_wsproxy._client._options import checked, connection_settings
from trio_wsproxy._report._dial_report import DialReport
from trio_wsproxy._report._stages import StageLog
from trio_wsproxy._websocket import (
    Attendant,
    ConnectionInfo,
    WebSocketConnection,
)
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._events import Event as ProtocolEvent
from trio_wsproxy._websocket._events import Fragment
from trio_wsproxy._websocket._protocol import Protocol

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, first_bits: int = 0) -> bytes:
    """A server's frame; ``first_bits`` are set on top in its first byte."""
    head = bytes([(0x80 if fin else 0) | opcode | first_bits])
    if len(payload) < 126:
        return head + bytes([len(payload)]) + payload
    if len(payload) < 2**16:
        return head + b"\x7e" + struct.pack("!H", len(payload)) + payload
    return head + b"\x7f" + struct.pack("!Q", len(payload)) + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """What a close frame with this code carries."""
    return struct.pack("!H", code) + reason.encode()


def received(protocol: Protocol, *chunks: bytes | bytearray) -> list[ProtocolEvent]:
    """Feed a protocol, and take all events as a connection does that has the time."""
    events = []
    for chunk in chunks:
        protocol.feed(chunk)
        while protocol.undigested:
            events += protocol.events()
    return events


def put_together(events: Iterable[ProtocolEvent]) -> list[ProtocolEvent]:
    """The same events, with messages whole: where they are cut depends on the network."""
    result: list[ProtocolEvent] = []
    parts: list[str | bytes] = []
    for event in events:
        if isinstance(event, Fragment):
            parts.append(event.data)
            if event.last:
                result.append(type(event.data)().join(parts))  # type: ignore[arg-type]
                parts = []
        else:
            result.append(event)
    return result


class Wire(trio.abc.Stream):
    """The client's end of the connection; the peer moves the other end by hand."""

    def __init__(self) -> None:
        self.closed = False
        self.writes: list[bytes] = []
        self.chunks: deque[bytes | Exception] = deque()  # to be read; b"" and errors stay
        self.write_error: Exception | None = None
        self.close_error: Exception | None = None
        self.writable = trio.Event()
        self.writable.set()
        self.on_write: Callable[[], object] = lambda: None
        self._busy: set[str] = set()
        self._readers = trio.lowlevel.ParkingLot()
        self._watchers = trio.lowlevel.ParkingLot()

    def _enter(self, what: str) -> None:
        assert what not in self._busy, f"two tasks {what} at the same time"
        self._busy.add(what)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._enter("write")
        try:
            await trio.lowlevel.checkpoint()
            if self.write_error is not None:
                raise self.write_error
            assert not self.closed
            self.writes.append(bytes(data))
            self.on_write()
            self._watchers.unpark_all()
            await self.writable.wait()
        finally:
            self._busy.discard("write")

    async def wait_send_all_might_not_block(self) -> None:
        await self.writable.wait()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._enter("read")
        try:
            await trio.lowlevel.checkpoint()
            while not self.chunks:
                await self._readers.park()
            chunk = self.chunks[0]
            if isinstance(chunk, Exception):
                raise chunk
            if chunk:
                self.chunks.popleft()
                if max_bytes is not None and len(chunk) > max_bytes:
                    self.chunks.appendleft(chunk[max_bytes:])
            return chunk[:max_bytes]
        finally:
            self._busy.discard("read")

    def put(self, chunk: bytes | Exception) -> None:
        """Let the client read this, in one piece."""
        self.chunks.append(chunk)
        self._readers.unpark_all()

    async def aclose(self) -> None:
        self.closed = True
        self._watchers.unpark_all()
        if self.close_error is not None:
            raise self.close_error
        await trio.lowlevel.checkpoint()

    def wake_writers(self) -> None:
        """Let who waits to write look again; here an event does it."""

    async def wait_for_write(self) -> None:
        """Wait until the client writes, or closes the stream."""
        await self._watchers.park()


class ImmediateWire(Wire):
    """One that takes and gives without waiting, as the transport's TCPStream does.

    What a peer that does not read is sent is not taken, and pends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.accepted = 0
        self.pending = 0
        self.error: Exception | None = None
        self.never_blocks = False
        self._kept: list[bytes] = []
        self._interrupts = 0
        self._waiting_writers = trio.lowlevel.ParkingLot()

    def never_block(self) -> None:
        self.never_blocks = True

    def take(self, data: bytes) -> None:
        assert self.never_blocks
        self.accepted += len(data)
        self.pending += len(data)
        self._kept.append(data)
        self.flush()

    def flush(self) -> bool:
        if self.closed:
            self.error = self.error or trio.ClosedResourceError("this stream was closed")
        self.error = self.error or self.write_error
        if self.error is not None or not self._kept or not self.writable.is_set():
            return False
        self.writes += self._kept
        self._kept = []
        self.pending = 0
        self.on_write()
        self._watchers.unpark_all()
        return True

    def give(self, size: int) -> bytes | None:
        if self.closed:
            raise trio.ClosedResourceError("this stream was closed")
        if not self.chunks:
            return None
        chunk = self.chunks[0]
        if isinstance(chunk, Exception):
            raise chunk
        if chunk:
            self.chunks.popleft()
            if len(chunk) > size:
                self.chunks.appendleft(chunk[size:])
        return chunk[:size]

    async def wait_gives(self) -> None:
        self._enter("wait to read")
        try:
            before = self._interrupts
            if self.chunks:
                await trio.lowlevel.checkpoint()
            while not self.chunks:
                await self._readers.park()
                if self.closed or self._interrupts != before:
                    raise trio.ClosedResourceError("interrupted")
        finally:
            self._busy.discard("wait to read")

    async def wait_send_all_might_not_block(self) -> None:
        self._enter("wait to write")
        try:
            await trio.lowlevel.checkpoint()
            before = self._interrupts
            while not self.writable.is_set() and self.write_error is None:
                await self._waiting_writers.park()
                if self.closed or self._interrupts != before:
                    raise trio.ClosedResourceError("interrupted")
        finally:
            self._busy.discard("wait to write")

    def interrupt(self) -> None:
        self._interrupts += 1
        self._readers.unpark_all()
        self._waiting_writers.unpark_all()

    def wake_writers(self) -> None:
        """Let who waits to write look again."""
        self._waiting_writers.unpark_all()

    def close(self) -> None:
        self.closed = True
        self._watchers.unpark_all()
        self._readers.unpark_all()
        self._waiting_writers.unpark_all()

    async def aclose(self) -> None:
        self.close()
        await super().aclose()


# What a Peer makes; a fixture puts another kind there.
KIND_OF_WIRE: list[type[Wire]] = [Wire]


class Peer:
    """A WebSocket server.

    Args:
      handshake: Accept the opening handshake, which is the client's first write.
      answer: How.
      extensions: What was agreed on, where there is no handshake.

    """

    def __init__(
        self,
        *,
        handshake: bool = False,
        answer: AcceptConnection | None = None,
        extensions: Sequence[Extension] = (),
    ) -> None:
        self.stream = KIND_OF_WIRE[-1]()
        self.request: Request | None = None
        self._answer = answer or AcceptConnection()
        self._wsproto: WSConnection | Connection = (
            WSConnection(ConnectionType.SERVER)
            if handshake
            else Connection(ConnectionType.SERVER, list(extensions))
        )
        self._parsed = 0  # writes
        self._heard: list[Event] = []
        self._piece: Any = None  # of a frame that is not complete
        if handshake:
            self.stream.on_write = self._accept

    def _accept(self) -> None:
        self._parse()
        if self._heard and isinstance(self._heard[0], Request):
            self.request = self._heard.pop(0)  # type: ignore[assignment]
            self.stream.put(bytes(self._wsproto.send(self._answer)))
            self.stream.on_write = lambda: None

    def _parse(self) -> None:
        for write in self.stream.writes[self._parsed :]:
            self._wsproto.receive_data(write)
            for event in self._wsproto.events():
                self._hear(event)
        self._parsed = len(self.stream.writes)

    def _hear(self, event: Event) -> None:
        """Put the pieces of a frame together again, in which it may have been written."""
        if isinstance(event, Message):
            data = event.data if self._piece is None else self._piece + event.data
            self._piece = None if event.frame_finished else data
            if self._piece is not None:
                return
            event = replace(event, data=data)
        self._heard.append(event)

    # -- what the client said ------------------------------------------------------------

    def heard(self) -> list[Event]:
        """All that the client has said and that was not asked for before."""
        self._parse()
        heard, self._heard = self._heard, []
        return heard

    async def next(self) -> Event:
        """Wait for the next thing that the client says."""
        self._parse()
        while not self._heard:
            assert not self.stream.closed, "the client closed the stream without another word"
            await self.stream.wait_for_write()
            self._parse()
        return self._heard.pop(0)

    # -- what the client is told ---------------------------------------------------------

    def say(self, *events: Event) -> None:
        """Say this, in one piece."""
        self.stream.put(b"".join(self._wsproto.send(event) for event in events))

    def say_bytes(self, *chunks: bytes) -> None:
        """Say this, in these pieces."""
        for chunk in chunks:
            self.stream.put(chunk)

    def hang_up(self) -> None:
        """Close TCP, without a close frame; what is still written to us gets lost."""
        self.stream.put(b"")

    def reset(self) -> None:
        """Reset TCP: neither reading nor writing is possible any more."""
        cause = ConnectionResetError("reset by peer")
        self.stream.write_error = trio.BrokenResourceError("cannot write")
        self.stream.write_error.__cause__ = cause
        error = trio.BrokenResourceError("cannot read")
        error.__cause__ = cause
        self.stream.put(error)
        self.stream.wake_writers()

    def stop_reading(self) -> None:
        """Let the client's next write block, as a full socket buffer does."""
        self.stream.writable = trio.Event()

    def read_on(self) -> None:
        """Let it go on."""
        self.stream.writable.set()
        self.stream.wake_writers()


def connect(
    nursery: trio.Nursery,
    *,
    trailing: bytes = b"",
    compression: Deflate | None = None,
    **settings: Any,
) -> tuple[WebSocketConnection, Peer]:
    """Make a connection without an opening handshake, and its peer.

    There is no keepalive, unless it is asked for.
    """
    extensions: list[PerMessageDeflate] = []
    peer = Peer()
    if compression is not None:
        extensions = [PerMessageDeflate(compression, settings.get("max_message_size", 2**20))]
        server = ServerDeflate()
        extensions[0].finalize(f"x; {server.accept(f'x; {extensions[0].offer()}')}")
        peer = Peer(extensions=[server])
    attendant = Attendant(
        peer.stream,
        ConnectionInfo(
            path="/",
            trailing=trailing,
            remote="the peer",
            dial_report=DialReport("wss://the.peer/?…", None, StageLog()),
            extensions=extensions,
        ),
        connection_settings(checked({"ping_interval": None, **settings})),
        shielded=False,
    )
    nursery.start_soon(attendant.run)
    return WebSocketConnection(attendant), peer


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when its task has taken so many steps.

    With 0, 1, 2, ... steps every checkpoint of an operation is hit once::

        for steps in itertools.count():
            with cancel_after(steps) as scope:
                await operation()
            if not scope.cancelled_caught:
                break
    """

    def __init__(self, scope: trio.CancelScope, steps: int) -> None:
        self._scope = scope
        self._left = steps
        self._task = trio.lowlevel.current_task()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count; runs when the task has gone to sleep."""
        if task is self._task:
            self._left -= 1
            if self._left < 0:
                self._scope.cancel()
