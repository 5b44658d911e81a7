"""What a program does with a connection."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import trio
from typing_extensions import assert_type

from trio_wsproxy import (
    CloseReason,
    Deflate,
    Endpoint,
    MessageStream,
    Route,
    WebSocketConnection,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
)

URL = "wss://example.org/chat"


async def talk() -> None:
    async with open_websocket_url(URL) as ws:
        assert_type(ws, WebSocketConnection)
        await ws.send("text")
        await ws.send(b"bytes")
        ws.send_nowait("text")
        await ws.send(1)  # type: ignore[arg-type]
        await ws.send(None)  # type: ignore[arg-type]
        message = await ws.receive()
        assert_type(message, str | bytes)
        message.encode()  # type: ignore[union-attr]
        if isinstance(message, str):
            assert_type(message, str)
        else:
            assert_type(message, bytes)
        assert_type(ws.receive_nowait(), str | bytes)
        assert_type(await ws.get_message(), str | bytes)
        async for each in ws:
            assert_type(each, str | bytes)
        assert_type(await ws.ping(), float)
        await ws.aclose(4000, "done")
        await ws.aclose("done")  # type: ignore[arg-type]


async def look(ws: WebSocketConnection) -> None:
    assert_type(ws.closed, CloseReason | None)
    assert_type(ws.latency, float | None)
    assert_type(ws.local, Endpoint | str)
    assert_type(ws.remote, Endpoint | str)
    assert_type(ws.path, str)
    assert_type(ws.subprotocol, str | None)
    assert_type(ws.handshake_headers, tuple[tuple[bytes, bytes], ...])
    assert_type(ws.route, Route | None)
    ws.route.picture  # type: ignore[union-attr]
    ws.route = None  # type: ignore[misc]
    ws.cookies  # type: ignore[attr-defined]


async def parts(ws: WebSocketConnection) -> None:
    async def lines() -> AsyncIterator[str]:
        yield "one"

    await ws.send(lines())
    stream = ws.receive_stream()
    assert_type(stream, MessageStream)
    async for part in stream:
        assert_type(part, str | bytes)


async def as_a_channel(ws: WebSocketConnection) -> None:
    channel: trio.abc.Channel[str | bytes] = ws
    sender: trio.abc.SendChannel[str] = ws
    texts: trio.abc.ReceiveChannel[str] = ws  # type: ignore[assignment]
    await channel.send("x")
    await sender.send("x")
    await texts.receive()


async def all_ways(nursery: trio.Nursery) -> None:
    context = ssl.create_default_context()
    assert_type(await connect_websocket_url(nursery, URL, context), WebSocketConnection)
    assert_type(
        await connect_websocket(nursery, "example.org", 443, "/", use_ssl=True), WebSocketConnection
    )
    async with open_websocket("example.org", 443, "/", use_ssl=context, ping_interval=None) as ws:
        assert_type(ws, WebSocketConnection)
    open_websocket("example.org", 443, "/")  # type: ignore[call-arg]
    open_websocket("example.org", "443", "/", use_ssl=True)  # type: ignore[arg-type]
    await open_websocket_url(URL)  # type: ignore[misc]
    with open_websocket_url(URL):  # type: ignore[attr-defined]
        pass


def options() -> None:
    open_websocket_url(URL, None, subprotocols=["chat"], extra_headers={"Origin": "x"})
    open_websocket_url(URL, extra_headers=[("A", b"1"), (b"B", "2")], compression="deflate")
    open_websocket_url(URL, compression=Deflate(client_max_window_bits=12), max_message_size=None)
    open_websocket_url(URL, compression="gzip")  # type: ignore[arg-type]
    open_websocket_url(URL, connect_timeout="7")  # type: ignore[arg-type]
    open_websocket_url(URL, connect_timeout=None)  # type: ignore[arg-type]
    open_websocket_url(URL, extra_headers={"A": None})  # type: ignore[arg-type]
    open_websocket_url(URL, timeout=7)  # type: ignore[call-arg]
