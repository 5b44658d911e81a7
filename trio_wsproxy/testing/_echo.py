"""A WebSocket server that says what it is told."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio
from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream

from ._server import LoopbackServer, authority, listen, running, serving, with_tls

# trio-websocket's own: how long a client may take for its part of the closing handshake.
DISCONNECT_TIMEOUT = 60
CLOSE_FRAME = b"\x88"  # the first byte of one: whole, and of that kind (RFC 6455 section 5.2)
CLOSE_PATIENCE = 1  # seconds for one, after its connection was cancelled; a kill() is to be soon


@dataclass(frozen=True)
class EchoRequest:
    """The opening handshake of one client.

    Attributes:
      path (str): The resource asked for, with its query.
      headers (tuple[tuple[bytes, bytes], ...]): All of them, names in lower case.
      subprotocols (tuple[str, ...]): What the client proposed, in its order.

    """

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    subprotocols: tuple[str, ...]

    def header(self, name: str) -> str | None:
        """Return the value of the first header of that name, or ``None``."""
        wanted = name.lower().encode()
        return next((value.decode() for key, value in self.headers if key == wanted), None)


class EchoServer(LoopbackServer):
    """A running :func:`open_echo_server`.

    Attributes:
      requests (list[EchoRequest]): The opening handshakes, in order.
      messages (list[str | bytes]): What clients sent, in order; nothing is added when
        there is a handler of your own.

    """

    def __init__(self, listener: trio.SocketListener, *, tls: bool) -> None:
        super().__init__(listener, tls=tls)
        self.requests: list[EchoRequest] = []
        self.messages: list[str | bytes] = []

    @property
    def url(self) -> str:
        """``ws://127.0.0.1:PORT``, or ``wss://localhost:PORT`` with TLS."""
        return self.url_for("localhost" if self._tls and self.host == "127.0.0.1" else self.host)

    def url_for(self, host: str, path: str = "") -> str:
        """Return the URL under another name, for example one that a proxy resolves.

        Args:
          host: A host name or an IP address.
          path: The resource; starts with a slash.

        """
        return f"{'wss' if self._tls else 'ws'}://{authority(host, self.port)}{path}"

    async def _echo(self, request: WebSocketRequest) -> None:
        proposed = request.proposed_subprotocols
        connection = await request.accept(subprotocol=proposed[0] if proposed else None)
        try:
            while True:
                message = await connection.get_message()
                self.messages.append(message)
                self._record("message")
                await connection.send_message(message)
        except ConnectionClosed:
            pass


@asynccontextmanager
async def open_echo_server(
    *,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    handler: Callable[[WebSocketRequest], Awaitable[object]] | None = None,
    max_message_size: int = 2**26,
    message_queue_size: int = 64,
) -> AsyncIterator[EchoServer]:
    """Run a WebSocket server on loopback that sends every message back.

    It speaks through trio-websocket. It accepts every path, and the first subprotocol that a
    client proposes::

        async with open_echo_server() as echo:
            async with trio_wsproxy.open_websocket_url(echo.url) as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"
            assert echo.messages == ["hello"]

    Args:
      host: The loopback address to listen on, ``"127.0.0.1"`` or ``"::1"``.
      ssl_context: A server-side context, for ``wss``; see
        :meth:`Certificates.server_context`.
      handler: Called with each request instead of echoing; it accepts or rejects. When it
        returns, the connection is closed.
      max_message_size: The longest message taken; a longer one ends the connection with
        code 1009.
      message_queue_size: How many messages wait for a handler. While more are waiting,
        trio-websocket answers no ping.

    Yields:
      The running server. Leaving the block cancels all handlers and closes all sockets.

    Raises:
      ValueError: ``host`` is not a loopback address.

    """
    listener = await listen(host)
    server = EchoServer(listener, tls=ssl_context is not None)

    async def answer(request: WebSocketRequest) -> None:
        server.requests.append(
            EchoRequest(
                request.path,
                (
                    # trio-websocket hands out all headers but this one.
                    (b"host", request._event.host.encode()),  # noqa: SLF001
                    *((bytes(name).lower(), bytes(value)) for name, value in request.headers),
                ),
                request.proposed_subprotocols,
            )
        )
        server._record("request")  # noqa: SLF001  # one class in two halves
        await (handler or server._echo)(request)  # noqa: SLF001

    async def serve(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as opening:
                request = await wrap_server_stream(
                    nursery,
                    _OpeningStream(stream, opening),
                    message_queue_size=message_queue_size,
                    max_message_size=max_message_size,
                )
            if opening.cancelled_caught:
                return
            try:
                await answer(request)
            finally:
                # What trio-websocket's own server does after a handler.
                with trio.move_on_after(DISCONNECT_TIMEOUT):
                    await request._connection.aclose()  # noqa: SLF001

    tls_listener = with_tls(listener, ssl_context)
    async with running(server, tls_listener, serving(tls_listener, serve)):
        yield server


class _OpeningStream(trio.abc.Stream):
    """Mends two habits of trio-websocket's server.

    When the client leaves without a request, the wait for it ends: trio-websocket goes on waiting; its
    own server gives up after a minute. Here "close" has to be recorded at once.

    When a ping arrives while a close frame is about to leave, the frame leaves all the same:
    trio-websocket cannot answer the ping any more, breaks off, and cancels the frame. The client
    would hear of no close, once in some hundred runs of a test.
    """

    def __init__(self, stream: trio.abc.Stream, opening: trio.CancelScope) -> None:
        self._stream = stream
        self._opening = opening

    def __repr__(self) -> str:
        return repr(self._stream)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
        except trio.Cancelled:
            if data[:1] == CLOSE_FRAME:
                limit = trio.current_time() + CLOSE_PATIENCE
                with trio.CancelScope(deadline=limit, shield=True):
                    await self._stream.send_all(data)
            raise
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
        except trio.BrokenResourceError:
            self._opening.cancel()
            raise
        if not data:
            self._opening.cancel()  # without effect once the request has come
        return data

    async def aclose(self) -> None:
        self._opening.cancel()
        await self._stream.aclose()
