"""What a client and a connection of it look like to the rows.

A :class:`Client` opens a :class:`Session`, and a session knows the work that rows consist of.
The loops over messages stand here and call the libraries' own methods, so that what makes
the clients look alike costs nothing per message.
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import trio

from ._loops import Loop

MAX_MESSAGE = 4 * 2**20  # bytes; the same limit for all

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
      defaults: Whether to leave all else as users have it who give nothing but a URL, contexts
        and a proxy: keepalive, limits, compression, the search for a proxy.

    """

    url: str
    context: ssl.SSLContext | None = None
    proxy: str | None = None
    proxy_context: ssl.SSLContext | None = None
    deflate: bool = False
    defaults: bool = False


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

    async def echo_nowait(self, messages: Sequence[bytes]) -> None:
        """Do as :meth:`echo`, and send without awaiting, if possible."""
        await self.echo(messages)

    @abstractmethod
    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        """Send all messages in one burst, then take all echoes; without awaiting, if possible."""

    @abstractmethod
    async def send_burst(self, messages: Sequence[bytes]) -> None:
        """Do as :meth:`send`, without awaiting each message if possible."""

    @abstractmethod
    async def receive_burst(self, count: int, size: int) -> None:
        """Do as :meth:`receive`, without awaiting each message if possible."""


Send = Callable[[Any], Awaitable[object]]
Receive = Callable[[], Awaitable[Message]]


class LibrarySession(Session):
    """A session of a library: it sends and receives messages.

    A library without methods for bursts does its best with the awaited ones.

    Args:
      send: Sends a message.
      receive: Receives one.

    """

    def __init__(self, send: Send, receive: Receive) -> None:
        self._send = send
        self._receive = receive

    def _methods(self, message: Message) -> tuple[Send, Receive]:
        """Return the methods for messages of this type, for libraries that have two of each."""
        del message
        return self._send, self._receive

    async def echo(self, messages: Sequence[Message]) -> None:
        send, receive = self._methods(messages[0])
        for message in messages:
            await send(message)
            echo = await receive()
            assert len(echo) == len(message)
        assert echo == message  # of the last only: comparing takes time

    async def send(self, messages: Sequence[bytes]) -> None:
        send, _ = self._methods(b"")
        for message in messages:
            await send(message)
        await self._confirm(len(messages))

    async def _confirm(self, count: int) -> None:
        send, receive = self._methods("")
        await send("?")
        assert await receive() == str(count)

    async def _ask(self, count: int, size: int) -> None:
        send, _ = self._methods("")
        await send(f"{count} {size}")

    async def receive(self, count: int, size: int) -> None:
        receive = self._methods(b"")[1]
        await self._ask(count, size)
        for _ in range(count):
            message = await receive()
            assert len(message) == size

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        send, receive = self._methods(b"")
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

    async def echo_nowait(self, messages: Sequence[bytes]) -> None:
        send_nowait, receive = self._send_nowait, self._receive
        for message in messages:
            send_nowait(message)  # all before it was taken, so there is room
            echo = await receive()
            assert len(echo) == len(message)
        assert echo == message

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


class Client(ABC):
    """A library to measure.

    Args:
      loop: What it runs in.

    Attributes:
      name: As on the command line.
      title: As in tables; where the loop is another one than ours, that is added.
      module: What to import to use it; ``None`` if it is no library.
      distribution: Where its version is found.
      base: What a program of its kind has imported already.
      keepalive: Seconds between pings by default; 0 where there are none.
      speedups: The module that is compiled where the library is as fast as it can be.

    """

    name: ClassVar[str]
    title: ClassVar[str]
    module: ClassVar[str | None]
    distribution: ClassVar[str]
    base: ClassVar[str] = "trio"
    keepalive: ClassVar[float] = 0
    speedups: ClassVar[str | None] = None

    def __init__(self, loop: Loop) -> None:
        self.loop = loop

    def program(self) -> AbstractAsyncContextManager[object]:
        """Hold what a program of this library keeps for its whole life, beside connections."""
        return _nothing()

    @abstractmethod
    def connect(self, link: Link) -> AbstractAsyncContextManager[Session]:
        """Open a connection, and close it in the library's ordinary way.

        Raises:
          UnsupportedError: The client cannot do this.

        """


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
