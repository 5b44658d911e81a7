"""The libraries that run on trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ._loops import Loop
from ._sessions import (
    MAX_MESSAGE,
    Client,
    LibrarySession,
    Link,
    NowaitSession,
    Session,
    UnsupportedError,
)


class TrioWSProxy(Client):
    """Us."""

    name = title = "trio_wsproxy"
    module = "trio_wsproxy"
    distribution = "trio-wsproxy"
    keepalive = 20

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        import trio_wsproxy

        self._open: Callable[..., Any] = trio_wsproxy.open_websocket_url

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        options: dict[str, Any] = {}
        if not link.defaults:
            options = {"proxy": None, "ping_interval": None, "max_message_size": MAX_MESSAGE}
            options["compression"] = "deflate" if link.deflate else None
        if link.proxy is not None:
            options |= {"proxy": link.proxy, "proxy_ssl_context": link.proxy_context}
        async with self._open(link.url, link.context, **options) as connection:
            yield NowaitSession(connection)


class Websockets(Client):
    """websockets, its trio client."""

    name = title = "websockets"
    module = "websockets.trio.client"
    distribution = "websockets"
    keepalive = 20
    speedups = "websockets.speedups"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        from websockets.trio.client import connect

        self._connect: Callable[..., Any] = connect

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        async with self._connect(link.url, **websockets_options(link)) as connection:
            yield LibrarySession(connection.send, connection.recv)


def websockets_options(link: Link) -> dict[str, Any]:
    """Return what both of websockets' clients are given."""
    options: dict[str, Any] = {}
    if not link.defaults:
        options = {"proxy": None, "ping_interval": None, "max_size": MAX_MESSAGE}
        options["compression"] = "deflate" if link.deflate else None
    if link.context is not None:
        options["ssl"] = link.context
    if link.proxy is not None:
        options["proxy"] = link.proxy
    if link.proxy_context is not None:
        options["proxy_ssl"] = link.proxy_context
    return options


class TrioWebSocket(Client):
    """trio-websocket; it has neither keepalive nor compression."""

    name = title = "trio-websocket"
    module = "trio_websocket"
    distribution = "trio-websocket"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        from trio_websocket import open_websocket_url

        self._open = open_websocket_url

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        if link.proxy is not None or link.deflate:
            raise UnsupportedError
        options: dict[str, Any] = {} if link.defaults else {"max_message_size": MAX_MESSAGE}
        async with self._open(link.url, link.context, **options) as connection:
            yield LibrarySession(connection.send_message, connection.get_message)
