"""The libraries that run on asyncio: another event loop, so that a reader sees what trio costs."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ._loops import Loop
from ._on_trio import websockets_options
from ._sessions import (
    MAX_MESSAGE,
    Client,
    LibrarySession,
    Link,
    Message,
    Receive,
    Send,
    Session,
    UnsupportedError,
)


class AsyncioWebsockets(Client):
    """websockets, its asyncio client."""

    name = "asyncio-websockets"
    title = "websockets"
    module = "websockets.asyncio.client"
    distribution = "websockets"
    keepalive = 20
    base = "asyncio"
    speedups = "websockets.speedups"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        from websockets.asyncio.client import connect

        self._connect: Callable[..., Any] = connect

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        async with self._connect(link.url, **websockets_options(link)) as connection:
            yield LibrarySession(connection.send, connection.recv)


class AioHTTP(Client):
    """aiohttp; it has no SOCKS, and asks an HTTP proxy for a tunnel with ``wss`` only."""

    name = title = "aiohttp"
    module = "aiohttp"
    distribution = "aiohttp"
    base = "asyncio"
    speedups = "aiohttp._websocket.reader_c"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        import aiohttp

        self._aiohttp = aiohttp
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def program(self) -> AsyncIterator[None]:
        connector = self._aiohttp.TCPConnector(limit=0)  # by default it opens a hundred, and waits
        async with self._aiohttp.ClientSession(connector=connector) as self._session:
            yield

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        assert self._session is not None
        if link.proxy is not None and not (link.url.startswith("wss:") and "http" in link.proxy):
            raise UnsupportedError
        options: dict[str, Any] = {} if link.defaults else {"max_msg_size": MAX_MESSAGE}
        if link.deflate:
            options["compress"] = 15  # bits of the window
        if link.context is not None:
            options["ssl"] = link.context  # serves for the proxy, too
        async with self._session.ws_connect(link.url, proxy=link.proxy, **options) as connection:
            yield AioHTTPSession(connection)


class AioHTTPSession(LibrarySession):
    """A session of aiohttp, which has a method for each type of message.

    Args:
      connection: A ``ClientWebSocketResponse``.

    """

    def __init__(self, connection: Any) -> None:
        super().__init__(connection.send_bytes, connection.receive_bytes)
        self._text = connection.send_str, connection.receive_str

    def _methods(self, message: Message) -> tuple[Send, Receive]:
        return self._text if isinstance(message, str) else (self._send, self._receive)


class Picows(Client):
    """picows, which is C, and calls back for each frame; there is no queue, and no ``await``."""

    name = title = "picows"
    module = "picows"
    distribution = "picows"
    base = "asyncio"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        import picows

        self._picows = picows
        self._make_listener = picows_listener()

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        if link.deflate:
            raise UnsupportedError
        options: dict[str, Any] = {} if link.defaults else {"max_frame_size": MAX_MESSAGE}
        proxy = link.proxy
        if proxy is not None and proxy.startswith("socks5h:"):
            proxy = proxy.replace(
                "socks5h:", "socks5:"
            )  # its name for the same; hosts are addresses
        transport, listener = await self._picows.ws_connect(
            self._make_listener,
            link.url,
            ssl_context=link.context,
            proxy=proxy,
            proxy_ssl_context=link.proxy_context,
            **options,
        )
        try:
            yield PicowsSession(transport, listener)
            transport.send_close(self._picows.WSCloseCode.OK)
            await transport.wait_disconnected()
        finally:
            transport.disconnect(graceful=False)  # at once, where that failed


def picows_listener() -> Callable[[], Any]:
    """Make the class of the listeners; picows need not be installed to read this file."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport

    class Listener(WSListener):
        """Hands each message to whatever is at work, and wakes who waits to write."""

        def __init__(self) -> None:
            self.on_message: Callable[[Message], None] | None = None
            self.writable: asyncio.Future[None] | None = None

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            """Make a message of it, as the others do."""
            if frame.msg_type is WSMsgType.BINARY:
                message: Message = frame.get_payload_as_bytes()
            elif frame.msg_type is WSMsgType.TEXT:
                message = frame.get_payload_as_utf8_text()
            else:
                if frame.msg_type is WSMsgType.CLOSE:
                    transport.disconnect()
                return
            if self.on_message is not None:
                self.on_message(message)

        def pause_writing(self) -> None:
            """Let writers wait."""
            self.writable = asyncio.get_running_loop().create_future()

        def resume_writing(self) -> None:
            """Let them go on."""
            if self.writable is not None:
                self.writable.set_result(None)
                self.writable = None

    return Listener


class PicowsSession(Session):
    """A session of picows: an echo sends the next message from within the callback.

    Args:
      transport: What sends.
      listener: What is called.

    """

    def __init__(self, transport: Any, listener: Any) -> None:
        from picows import WSMsgType

        self._transport = transport
        self._listener = listener
        self._text, self._binary = WSMsgType.TEXT, WSMsgType.BINARY

    async def _until(self, on_message: Callable[[Message], bool], start: Callable[[], Any]) -> None:
        """Start something, then let messages be handled until the handler says it was the last."""
        done = asyncio.get_running_loop().create_future()

        def handle(message: Message) -> None:
            try:
                if on_message(message):
                    done.set_result(None)
            except Exception as exc:  # of an assertion; picows would only log it
                done.set_exception(exc)

        self._listener.on_message = handle
        if inspect.isawaitable(started := start()):
            await started
        await done
        self._listener.on_message = None

    def _send(self, message: Message) -> None:
        if isinstance(message, str):
            self._transport.send(self._text, message.encode())
        else:
            self._transport.send(self._binary, message)

    async def _send_all(self, messages: Sequence[bytes]) -> None:
        send, binary, listener = self._transport.send, self._binary, self._listener
        for message in messages:
            send(binary, message)
            if listener.writable is not None:
                await listener.writable

    async def echo(self, messages: Sequence[Message]) -> None:
        send = self._send
        left = iter(messages)
        sent = next(left)

        def on_message(message: Message) -> bool:
            nonlocal sent
            assert len(message) == len(sent)
            following = next(left, None)
            if following is None:
                assert message == sent
                return True
            sent = following
            send(following)
            return False

        await self._until(on_message, lambda: send(sent))

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._send_all(messages)
        expected = str(len(messages))
        await self._until(lambda message: message == expected, lambda: self._send("?"))

    async def receive(self, count: int, size: int) -> None:
        left = count

        def on_message(message: Message) -> bool:
            nonlocal left
            assert len(message) == size
            left -= 1
            return not left

        await self._until(on_message, lambda: self._send(f"{count} {size}"))

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        left = len(messages)
        size = len(messages[0])

        def on_message(message: Message) -> bool:
            nonlocal left
            assert len(message) == size
            left -= 1
            return not left

        await self._until(on_message, lambda: self._send_all(messages))

    async def send_burst(self, messages: Sequence[bytes]) -> None:
        await self.send(messages)

    async def receive_burst(self, count: int, size: int) -> None:
        await self.receive(count, size)
