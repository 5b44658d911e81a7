"""The clients, made to look alike.

A :class:`Client` opens a :class:`Session`, and a session knows the work that rows consist of.
The loops over messages stand here and call the libraries' own methods, so that what makes
the clients look alike costs nothing per message.
"""

from __future__ import annotations

import base64
import inspect
import os
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import trio

MAX_MESSAGE = 4 * 2**20  # bytes; the same limit for all
CHUNK = 64 * 1024  # bytes; what the floor sends at once in a burst

Message = str | bytes


class UnsupportedError(Exception):
    """This client has no such feature."""


@dataclass(frozen=True)
class Link:
    """Where to connect, and how.

    Attributes:
      url: The server.
      context: For its TLS; ``None`` lets the client make its default.
      proxy: The proxy's URL; ``None`` is a direct connection.
      proxy_context: For TLS with the proxy.
      deflate: Whether to offer permessage-deflate.

    """

    url: str
    context: ssl.SSLContext | None = None
    proxy: str | None = None
    proxy_context: ssl.SSLContext | None = None
    deflate: bool = False


class Session(ABC):
    """An open connection, and the work to be measured."""

    @abstractmethod
    async def echo(self, messages: Sequence[Message]) -> None:
        """Send each message and await its echo before the next."""

    @abstractmethod
    async def send(self, messages: Sequence[bytes]) -> None:
        """Send each message, awaited, to the sink; return when it has counted them all."""

    @abstractmethod
    async def receive(self, count: int, size: int) -> None:
        """Let the source flood; await each message."""

    @abstractmethod
    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        """Send all messages in one burst, then take all echoes; without awaiting, if possible."""

    @abstractmethod
    async def send_burst(self, messages: Sequence[bytes]) -> None:
        """Do as :meth:`send`, without awaiting each message if possible."""

    @abstractmethod
    async def receive_burst(self, count: int, size: int) -> None:
        """Do as :meth:`receive`, without awaiting each message if possible."""


class LibrarySession(Session):
    """A session of a library: it sends and receives messages.

    A library without methods for bursts does its best with the awaited ones.

    Args:
      send: Sends a message.
      receive: Receives one.

    """

    def __init__(
        self,
        send: Callable[[Any], Awaitable[object]],
        receive: Callable[[], Awaitable[Message]],
    ) -> None:
        self._send = send
        self._receive = receive

    async def echo(self, messages: Sequence[Message]) -> None:
        send, receive = self._send, self._receive
        for message in messages:
            await send(message)
            echo = await receive()
            assert len(echo) == len(message)
        assert echo == message  # of the last only: comparing takes time

    async def send(self, messages: Sequence[bytes]) -> None:
        send = self._send
        for message in messages:
            await send(message)
        await self._confirm(len(messages))

    async def _confirm(self, count: int) -> None:
        await self._send("?")
        assert await self._receive() == str(count)

    async def receive(self, count: int, size: int) -> None:
        receive = self._receive
        await self._send(f"{count} {size}")
        for _ in range(count):
            message = await receive()
            assert len(message) == size

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        send, receive = self._send, self._receive
        for message in messages:
            await send(message)
        for message in messages:
            echo = await receive()
            assert len(echo) == len(message)

    async def send_burst(self, messages: Sequence[bytes]) -> None:
        await self.send(messages)

    async def receive_burst(self, count: int, size: int) -> None:
        await self.receive(count, size)


class NowaitSession(LibrarySession):
    """A session of trio_wsproxy, which has methods for bursts.

    Args:
      connection: A ``WebSocketConnection``.

    """

    def __init__(self, connection: Any) -> None:
        super().__init__(connection.send, connection.receive)
        self._send_nowait = connection.send_nowait
        self._receive_nowait = connection.receive_nowait

    async def _queue(self, messages: Sequence[bytes]) -> None:
        send_nowait = self._send_nowait
        for message in messages:
            try:
                send_nowait(message)
            except trio.WouldBlock:
                await self._send(message)

    async def _take(self, count: int, size: int) -> None:
        receive_nowait = self._receive_nowait
        for _ in range(count):
            try:
                message = receive_nowait()
            except trio.WouldBlock:
                message = await self._receive()
            assert len(message) == size

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        await self._queue(messages)
        await self._take(len(messages), len(messages[0]))

    async def send_burst(self, messages: Sequence[bytes]) -> None:
        await self._queue(messages)
        await self._confirm(len(messages))

    async def receive_burst(self, count: int, size: int) -> None:
        await self._send(f"{count} {size}")
        await self._take(count, size)


class FloorSession(Session):
    """Moves the bytes of the same frames, and knows only how many must come back.

    Its masking key is zero, so that nothing has to be masked: legal for a server to receive,
    but no client may do it (RFC 6455 section 5.3).

    Args:
      stream: Its opening handshake is done.

    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = 0
        self._messages: Sequence[Message] = ()
        self._frames: list[bytes] = []

    async def _await(self, size: int) -> None:
        receive_some = self._stream.receive_some
        while self._received < size:
            data = await receive_some()
            assert data
            self._received += len(data)
        self._received -= size

    def _framed(self, messages: Sequence[Message]) -> list[bytes]:
        """Return the frames of messages, each frame made once."""
        frames: dict[Message, bytes] = {}
        for message in messages:
            if message not in frames:
                frames[message] = masked_frame(message)
        return [frames[message] for message in messages]

    async def echo(self, messages: Sequence[Message]) -> None:
        send_all = self._stream.send_all
        for frame in self._framed(messages):
            await send_all(frame)
            await self._await(len(frame) - 4)  # comes back without a masking key

    async def send(self, messages: Sequence[bytes]) -> None:
        send_all = self._stream.send_all
        for frame in self._framed(messages):
            await send_all(frame)
        await self._confirm(len(messages))

    async def _confirm(self, count: int) -> None:
        await self._stream.send_all(masked_frame("?"))
        await self._await(2 + len(str(count)))

    async def receive(self, count: int, size: int) -> None:
        await self._stream.send_all(masked_frame(f"{count} {size}"))
        await self._await(count * (len(masked_frame(bytes(size))) - 4))

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        frames = b"".join(self._framed(messages))
        await self._stream.send_all(frames)
        await self._await(len(frames) - 4 * len(messages))

    async def send_burst(self, messages: Sequence[bytes]) -> None:
        frames = self._framed(messages)
        per_chunk = max(1, CHUNK // len(frames[0]))
        for start in range(0, len(frames), per_chunk):
            await self._stream.send_all(b"".join(frames[start : start + per_chunk]))
        await self._confirm(len(messages))

    async def receive_burst(self, count: int, size: int) -> None:
        await self.receive(count, size)


def masked_frame(message: Message) -> bytes:
    """Build a client's frame whose masking key is zero (RFC 6455 section 5.2)."""
    payload = message.encode() if isinstance(message, str) else message
    first = 0x81 if isinstance(message, str) else 0x82
    size = len(payload)
    if size < 126:
        header = bytes((first, 0x80 | size))
    elif size < 2**16:
        header = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return header + bytes(4) + payload


class Client(ABC):
    """A library to measure.

    Attributes:
      name: As in tables and on the command line.
      module: What to import to use it; ``None`` if it is no library.
      distribution: Where its version is found.

    """

    name: ClassVar[str]
    module: ClassVar[str | None]
    distribution: ClassVar[str]

    @abstractmethod
    def connect(self, link: Link) -> AbstractAsyncContextManager[Session]:
        """Open a connection.

        Raises:
          UnsupportedError: The client cannot do this.

        """


class TrioWSProxy(Client):
    """Us."""

    name = "trio_wsproxy"
    module = "trio_wsproxy"
    distribution = "trio-wsproxy"

    def __init__(self) -> None:
        import trio_wsproxy

        self._open: Callable[..., Any] = trio_wsproxy.open_websocket_url
        self._compresses = "compression" in inspect.signature(self._open).parameters

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        options: dict[str, Any] = {}
        if link.deflate:
            if not self._compresses:
                raise UnsupportedError
            options["compression"] = "deflate"
        async with self._open(
            link.url,
            link.context,
            proxy=link.proxy,
            proxy_ssl_context=link.proxy_context,
            ping_interval=None,
            max_message_size=MAX_MESSAGE,
            **options,
        ) as connection:
            yield NowaitSession(connection)


class Websockets(Client):
    """websockets, its trio client."""

    name = "websockets"
    module = "websockets.trio.client"
    distribution = "websockets"

    def __init__(self) -> None:
        from websockets.trio.client import connect

        self._connect = connect

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        async with self._connect(
            link.url,
            ssl=link.context,
            proxy=link.proxy,
            proxy_ssl=link.proxy_context,
            compression="deflate" if link.deflate else None,
            ping_interval=None,
            max_size=MAX_MESSAGE,
        ) as connection:
            yield LibrarySession(connection.send, connection.recv)


class TrioWebSocket(Client):
    """trio-websocket."""

    name = "trio-websocket"
    module = "trio_websocket"
    distribution = "trio-websocket"

    def __init__(self) -> None:
        from trio_websocket import open_websocket_url

        self._open = open_websocket_url

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        if link.proxy is not None or link.deflate:
            raise UnsupportedError
        async with self._open(link.url, link.context, max_message_size=MAX_MESSAGE) as connection:
            yield LibrarySession(connection.send_message, connection.get_message)


class Floor(Client):
    """Bare trio streams; every handshake is the shortest that works, and nothing is checked."""

    name = "floor"
    module = None
    distribution = "trio"

    def __init__(self) -> None:
        self._default_context: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        if link.deflate:
            raise UnsupportedError  # it moves the same bytes, and these depend on a compressor
        target = urlsplit(link.url)
        assert target.hostname is not None
        assert target.port is not None
        stream = await self._dial(link, target.hostname, target.port)
        try:
            if target.scheme == "wss":
                stream = await self._add_tls(stream, link.context, target.hostname)
            await stream.send_all(
                f"GET {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            await self._skip_header(stream)
            yield FloorSession(stream)
            await stream.send_all(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # close, 1000
            while await stream.receive_some():
                pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _dial(self, link: Link, host: str, port: int) -> trio.abc.Stream:
        if link.proxy is None:
            return await trio.open_tcp_stream(host, port)
        proxy = urlsplit(link.proxy)
        assert proxy.hostname is not None
        assert proxy.port is not None
        stream: trio.abc.Stream = await trio.open_tcp_stream(proxy.hostname, proxy.port)
        if proxy.scheme == "https":
            stream = await self._add_tls(stream, link.proxy_context, proxy.hostname)
        if proxy.scheme.startswith("http"):
            await stream.send_all(
                f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
            )
            await self._skip_header(stream)
        else:
            user, password = (proxy.username or "").encode(), (proxy.password or "").encode()
            login = bytes((1, len(user))) + user + bytes((len(password),)) + password
            address = bytes(map(int, host.split("."))) + port.to_bytes(2, "big")
            for request in (b"\x05\x01\x02", login, b"\x05\x01\x00\x01" + address):
                await stream.send_all(request)
                await stream.receive_some()
        return stream

    async def _add_tls(
        self, stream: trio.abc.Stream, context: ssl.SSLContext | None, host: str
    ) -> trio.abc.Stream:
        if context is None:
            if self._default_context is None:
                self._default_context = ssl.create_default_context()
            context = self._default_context
        tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        await tls.do_handshake()
        return tls

    async def _skip_header(self, stream: trio.abc.Stream) -> None:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            data = await stream.receive_some()
            assert data
            received += data


CLIENTS: dict[str, type[Client]] = {
    client.name: client for client in (TrioWSProxy, Websockets, TrioWebSocket, Floor)
}
US = TrioWSProxy.name
