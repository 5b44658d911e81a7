"""What all servers of this package share: a loopback port, a nursery, a record.

A server here is an async context manager around one nursery. Entering binds a port that
the system chooses; leaving cancels every task of it and closes every socket. In between,
whatever goes wrong with one connection is kept in ``errors`` and ends that connection
only, so that a test fails at its own assertion and not at an exception group of ours.
"""

from __future__ import annotations

import ipaddress
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import trio

from ._here import in_a_universe

Event = Literal[
    "accept",  # a TCP connection was accepted
    "greeting",  # a SOCKS5 client's list of methods was read
    "auth",  # a SOCKS5 client's user name and password were read
    "request",  # a request was read and is the last one in ``requests``
    "reply",  # the answer to it comes next
    "tunnel",  # the answer was sent, bytes flow
    "stall",  # a script has made the server silent
    "message",  # an echo server got a message
    "close",  # the server's socket of a connection is closed
]

# All that is waiting on a socket of ours fits; a bigger gulp is not faster on loopback.
CHUNK = 64 * 1024


# What is called with the stream of each connection.
Handler = Callable[[Any], Awaitable[object]]

# What accepts connections for ever and runs a handler for each in the nursery it is given.
Serve = Callable[[trio.Nursery, trio.TaskStatus[Any]], Awaitable[object]]


@dataclass(frozen=True)
class _Connection:
    """What :meth:`LoopbackServer.kill` needs: the task to cancel and what to reset."""

    scope: trio.CancelScope
    streams: list[trio.abc.Stream]


class LoopbackServer:
    """A running server and what it has seen so far.

    Attributes:
      host (str): The address it listens on.
      port (int): The port, chosen by the system.
      connections (int): How many TCP connections were accepted.
      events (list[str]): What happened, in order, over all connections; see
        :meth:`wait_for`.
      errors (list[Exception]): What went wrong with single connections: a failed TLS
        handshake, a client that hung up inside a message, an exception of a handler.

    """

    def __init__(self, listener: trio.SocketListener, *, tls: bool) -> None:
        self.host, self.port = listener.socket.getsockname()[:2]
        self.connections = 0
        self.events: list[str] = []
        self.errors: list[Exception] = []
        self._tls = tls
        self._changed = trio.Event()
        self._open: dict[trio.abc.Stream, _Connection] = {}  # by the accepted stream

    @property
    def authority(self) -> str:
        """Host and port, for example ``"127.0.0.1:41234"`` or ``"[::1]:41234"``."""
        return authority(self.host, self.port)

    @property
    def open_connections(self) -> int:
        """How many connections are open at this moment."""
        return len(self._open)

    async def wait_for(self, event: Event, count: int = 1) -> None:
        """Wait until something has happened, without sleeping.

        What happened before the call counts too, so there is no moment to miss.

        Args:
          event: ``"accept"``, ``"greeting"``, ``"auth"``, ``"request"``, ``"reply"``,
            ``"tunnel"``, ``"stall"``, ``"message"`` or ``"close"``.
          count: How often it must have happened since the server was started.

        Raises:
          ValueError: There is no such event; waiting would never end.

        """
        if event not in get_args(Event):
            raise ValueError(f"no event {event!r}; there are {', '.join(get_args(Event))}")
        await trio.lowlevel.checkpoint()
        while self.events.count(event) < count:
            await self._changed.wait()

    def kill(self) -> None:
        """Pull the plug: reset all connections that are open now (TCP RST).

        The server itself goes on and accepts new ones. The resets are sent when the
        tasks of the connections run next; ``await wait_for("close", n)`` knows when.
        """
        for connection in self._open.values():
            for stream in connection.streams:
                reset_on_close(stream)
            connection.scope.cancel()

    def _record(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()
        self._changed = trio.Event()


class RelayingServer(LoopbackServer):
    """A server that passes bytes on to somewhere else.

    Attributes:
      bytes_up (int): How many bytes of clients were passed on to targets.
      bytes_down (int): How many bytes of targets were passed back to clients.

    """

    def __init__(self, listener: trio.SocketListener, *, tls: bool) -> None:
        super().__init__(listener, tls=tls)
        self.bytes_up = 0
        self.bytes_down = 0

    def _adopt(self, accepted: trio.abc.Stream, target: trio.abc.Stream) -> None:
        """Close ``target``, and let :meth:`kill` reset it, together with a connection."""
        self._open[accepted].streams.append(target)

    async def _relay(self, client: trio.abc.Stream, target: trio.abc.Stream) -> None:
        """Pass bytes both ways until both sides have said all, or one of them broke."""

        async def up() -> None:
            while data := await receive(client):
                self.bytes_up += len(data)  # first, so that whoever has the bytes sees the count
                await target.send_all(data)
            await end(target)

        async def down() -> None:
            while data := await receive(target):
                self.bytes_down += len(data)
                await client.send_all(data)
            await end(client)

        async def end(sink: trio.abc.Stream) -> None:
            if isinstance(sink, trio.abc.HalfCloseableStream):
                await sink.send_eof()
            else:  # TLS: trio cannot close one direction only
                nursery.cancel_scope.cancel()

        async def run(direction: Callable[[], Awaitable[None]]) -> None:
            try:
                await direction()
            except trio.BrokenResourceError:  # that side is gone: the other has nobody to talk to
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, up)
            nursery.start_soon(run, down)


class TCPServer(LoopbackServer):
    """A running :func:`open_tcp_server`."""


@asynccontextmanager
async def open_tcp_server(
    handler: Callable[[trio.abc.Stream], Awaitable[object]],
    *,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[TCPServer]:
    r"""Run a function of yours for each connection to a loopback port.

    For servers that no other function of this module can play::

        async def greet(stream: trio.abc.Stream) -> None:
            await stream.send_all(b"220 hello\r\n")

        async with open_tcp_server(greet) as server:
            async with await trio.open_tcp_stream(server.host, server.port) as stream:
                assert await stream.receive_some() == b"220 hello\r\n"

    Args:
      handler: Called with the stream of each connection, in a task of its own; its TLS
        handshake is done. When it returns, the stream is closed; when it raises, the
        error is kept in ``errors`` and the server goes on.
      host: The loopback address to listen on, ``"127.0.0.1"`` or ``"::1"``.
      ssl_context: A server-side context, for TLS.

    Yields:
      The running server. Leaving the block cancels all handlers and closes all sockets.

    Raises:
      ValueError: ``host`` is not a loopback address.

    """
    listener = await listen(host)
    server = TCPServer(listener, tls=ssl_context is not None)
    tls_listener = with_tls(listener, ssl_context)
    async with running(server, tls_listener, serving(tls_listener, handler)):
        yield server


async def listen(host: str) -> trio.SocketListener:
    """Bind a port of a loopback address; the system chooses which."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback and not in_a_universe():
        raise ValueError(f"host {host!r} is not a loopback address; use '127.0.0.1' or '::1'")
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    return listener


def with_tls(
    listener: trio.SocketListener, ssl_context: ssl.SSLContext | None
) -> trio.SocketListener | trio.SSLListener[trio.SocketStream]:
    """Let ``listener`` hand out TLS streams, if there is a context."""
    if ssl_context is None:
        return listener
    # https_compatible, as in trio-websocket's server: clients may leave without close_notify.
    return trio.SSLListener(listener, ssl_context, https_compatible=True)


def serving(listener: trio.abc.Listener[Any], handler: Handler) -> Serve:
    """Return what :func:`running` runs for a server that is just a function of a stream."""

    async def serve(nursery: trio.Nursery, task_status: trio.TaskStatus[Any]) -> None:
        await trio.serve_listeners(
            handler, [listener], handler_nursery=nursery, task_status=task_status
        )

    return serve


@asynccontextmanager
async def running(
    server: LoopbackServer, listener: trio.abc.Listener[Any], serve: Serve
) -> AsyncIterator[None]:
    """Serve while the block runs; let the block's exception out as it is."""
    error: BaseException | None = None
    try:
        async with listener, trio.open_nursery() as nursery:
            attendant = cast("trio.Nursery", _Attendant(server, nursery))

            async def start(*, task_status: trio.TaskStatus[Any]) -> None:
                await serve(attendant, task_status)

            await nursery.start(start)
            try:
                yield
            except BaseException as exc:
                error = exc
            finally:
                nursery.cancel_scope.cancel()
    except BaseException:
        # The attendant lets nothing through but cancellation, so beside an exception of
        # the block there is nothing to report.
        if error is None:
            raise
    if error is not None:
        try:
            raise error
        finally:
            del error  # no cycle through this frame


class _Attendant:
    """Stands in for the nursery of :func:`trio.serve_listeners`; keeps errors from it.

    trio documents that any object with a ``start_soon`` will do.
    """

    def __init__(self, server: LoopbackServer, nursery: trio.Nursery) -> None:
        self._server = server
        self._nursery = nursery

    def start_soon(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Run ``function``, which has the accepted stream among its arguments."""
        stream = next(arg for arg in args if isinstance(arg, trio.abc.Stream))
        connection = _Connection(trio.CancelScope(), [stream])
        self._server.connections += 1
        self._server._open[stream] = connection  # noqa: SLF001  # one class in two halves
        self._server._record("accept")  # noqa: SLF001
        self._nursery.start_soon(self._attend, connection, function, args)

    async def _attend(
        self,
        connection: _Connection,
        function: Callable[..., Awaitable[object]],
        args: tuple[Any, ...],
    ) -> None:
        (stream,) = connection.streams
        try:
            with connection.scope:
                if isinstance(stream, trio.SSLStream):
                    await stream.do_handshake()
                await function(*args)
        except BaseException as exc:  # also groups of Cancelled and errors, see leaves()
            for leaf in leaves(exc):
                if isinstance(leaf, Exception):
                    self._server.errors.append(leaf)
                elif not isinstance(leaf, trio.Cancelled):
                    raise
        finally:
            with trio.CancelScope(shield=True):  # nothing here blocks; the socket must go
                for open_stream in connection.streams:
                    await trio.aclose_forcefully(open_stream)
            del self._server._open[stream]  # noqa: SLF001
            self._server._record("close")  # noqa: SLF001


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, or ``error`` itself if it is none."""
    # Python 3.10 has no ExceptionGroup to ask for; the backport has the same attribute.
    inner = getattr(error, "exceptions", None)
    if isinstance(inner, tuple):
        for exc in inner:
            yield from leaves(exc)
    else:
        yield error


def authority(host: str, port: int) -> str:
    """Return host and port as they stand in a URL, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def receive(stream: trio.abc.Stream, at_most: int = CHUNK) -> bytes:
    """Receive some bytes; ``b""`` also when the peer left without a word."""
    try:
        return bytes(await stream.receive_some(at_most))
    except trio.BrokenResourceError:
        return b""


async def wait_for_hangup(stream: trio.abc.Stream) -> None:
    """Read and forget until the peer is gone."""
    while await receive(stream):
        pass


def reset_on_close(stream: trio.abc.Stream) -> None:
    """Make the coming close of ``stream`` a reset (RST) instead of an orderly end (FIN)."""
    while isinstance(stream, trio.SSLStream):
        stream = stream.transport_stream
    if isinstance(stream, trio.SocketStream):
        # struct linger of socket(7): on, and 0 seconds; Windows has 16-bit fields.
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        try:
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, linger)
        except OSError:  # closed already
            return
