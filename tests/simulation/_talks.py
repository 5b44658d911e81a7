"""What a client does: each is a coroutine that leaves its evidence in the record; more in ``_behaviours.py``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio
from _places import CONNECT_TIMEOUT, DISCONNECT_TIMEOUT, Places
from _record import SKIPPED, ClientSide, Message, Record, Timed

from trio_wsproxy import (
    PAC,
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionLost,
    ConnectionRejected,
    Deflate,
    Endpoint,
    Failover,
    HandshakeError,
    RedirectGrant,
    WebSocketConnection,
    open_websocket_url,
)
from trio_wsproxy._websocket import attendant_of
from trio_wsproxy.testing.simulate import Universe

Behaviour = Callable[[Universe, Places, Record], Awaitable[None]]

# Closing waits for progress, not for a time: each byte that leaves begins its clock anew. What is sent
# here has left, or stalls, within these seconds; then the TCP end is awaited for one more.
CLOSING = DISCONNECT_TIMEOUT + 30.0
SENDING = 100.0  # seconds for the largest message over the slowest link
KEEPALIVE = (20.0, 20.0)
SILENCE = (
    sum(KEEPALIVE) + 5.0 + 5.0
)  # a clock may stand still, or bytes be late, for some seconds: a fault


HIGH_WATER = 64 * 1024  # bytes above which send() waits
READ_AHEAD = 1024 * 1024  # bytes unread above which reading stops
ON_ERROR = 1.0  # seconds that leaving may keep a program's own exception waiting

# Where frames have another header, where they are collected no more, and where sending waits; seldom, for
# long ones are a universe's time.
SIZES = (*(0, 1, 60, 125, 126, 1000, 5000) * 3, 17_000, 70_000)


def message(universe: Universe, index: int) -> Message:
    """Make a message, of many sizes, which tells itself apart."""
    size = universe.choice(SIZES)
    text = f"{index}:" + "ä" * (universe.times(size, 0) // 2)
    return text if universe.choice((True, False)) else text.encode()


class Sorry(Exception):
    """A program's own."""


@asynccontextmanager
async def connected(
    universe: Universe,
    places: Places,
    record: Record,
    path: str = "/",
    *,
    raw: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[WebSocketConnection, ClientSide] | None]:
    """Open a connection, and note how it ends; what the network does is not raised."""
    client = ClientSide()
    manager = open_websocket_url(places.url(path, raw=raw), **{**places.options, **options})
    began = trio.current_time()
    try:
        ws = await manager.__aenter__()
    except (HandshakeError, ConnectionClosed) as exc:
        record.failed(exc, began)
        yield None
        return
    finally:
        record.timed.append(Timed("opening", trio.current_time() - began, CONNECT_TIMEOUT))
    record.clients.append(client)
    client.report = ws.dial_report
    client.remote = str(ws.remote.address) if isinstance(ws.remote, Endpoint) else ""
    error: BaseException | None = None
    told = False
    try:
        first = await ws.receive()
        assert isinstance(first, str)
        client.number = int(first.split()[1])
        told = True
        yield ws, client
    except BaseException as exc:
        error = exc
    began, since = trio.current_time(), None
    bound = 0.0 if isinstance(error, trio.Cancelled) else CLOSING
    if isinstance(error, Sorry):
        bound = ON_ERROR
    try:
        await manager.__aexit__(type(error) if error else None, error, None)
        code = client.close[0] if client.close else 1000
        client.confirmed = ws.closed is not None and ws.closed.code == code and error is None
    except (HandshakeError, ConnectionClosed) as exc:
        if isinstance(error, Sorry):
            record.odd.append(f"{error!r} became {exc!r}")
        error, since = exc, began
    finally:
        record.timed.append(Timed("leaving", trio.current_time() - began, bound))
        client.closed = ws.closed
        client.error = error
        client.unsent = attendant_of(ws).life.unsent.messages
    if isinstance(error, (HandshakeError, ConnectionClosed)):
        record.failed(error, since)
        error = None
    if error is not None and not isinstance(error, Sorry):
        raise error
    if not told:
        yield None


async def send(
    ws: WebSocketConnection, client: ClientSide, data: Message, *, in_a_buffer: bool = False
) -> None:
    """Send, and note what became of it; ``in_a_buffer`` takes the longer way through the code."""
    client.offered.append(data)
    try:
        await ws.send(bytearray(data) if in_a_buffer and isinstance(data, bytes) else data)
    except trio.Cancelled:
        client.cancelled.append(data)
        raise
    except BaseException:
        client.doubtful.append(data)
        raise
    client.sent.append(data)


async def echo(universe: Universe, places: Places, record: Record, **options: Any) -> None:
    """Question and answer in turn."""
    delay = universe.choice((None, 0.0))
    async with connected(universe, places, record, happy_eyeballs_delay=delay, **options) as found:
        if found is None:
            return
        ws, client = found
        for index in range(universe.times(6)):
            data = message(universe, index)
            await send(ws, client, data)
            client.received.append(await ws.receive())
            if not record.struck_any(universe):
                assert client.received[-1] == data


async def deflate(universe: Universe, places: Places, record: Record) -> None:
    """The same, compressed; what is said twice lies further apart than the smallest window."""
    compression = universe.choice(
        (
            "deflate",
            Deflate(client_no_context_takeover=True),
            Deflate(server_no_context_takeover=True),
            Deflate(client_max_window_bits=None),
        )
    )
    options: dict[str, Any] = {"compression": compression}
    async with connected(universe, places, record, "/deflate", raw=True, **options) as found:
        if found is None:
            return
        ws, client = found
        for index in range(universe.times(6)):
            data = message(universe, index)
            if isinstance(data, bytes):
                data = universe.bytes(700) * universe.choice((2, 3)) + data
            await send(ws, client, data)
            client.received.append(await ws.receive())


async def redirects(universe: Universe, places: Places, record: Record) -> None:
    """The same, behind a redirect to another port, or one redirect too many."""

    def follow(_: object) -> RedirectGrant:
        record.dialed_again.append(trio.current_time())
        return RedirectGrant(ssl_context=True)

    steps, most = universe.choice(((1, 1), (1, 1), (2, 2), (2, 1)))
    if steps > most:
        record.refused.append((ConnectionRejected, 307))
    options = {"max_redirects": most, "redirect_policy": follow}
    path = "/elsewhere/2" if steps == 2 else "/elsewhere"
    await echo(universe, places, record, path=path, raw=True, **options)


async def failover(universe: Universe, places: Places, record: Record) -> None:
    """The same, where the first alternatives are dead; twice, for what failed is remembered."""
    dead = universe.choice(
        ("http://nowhere.test:3128", "http://one.test:1", "socks5h://10.8.8.8:1080")
    )
    ways = Failover(dead, places.options["proxy"])
    record.remembers = True
    for _ in range(2):
        await echo(universe, places, record, proxy=ways)


async def pac(universe: Universe, places: Places, record: Record) -> None:
    """The same, where a script that looks names up chooses the way."""
    way = "DIRECT"
    if len(places.proxies) == 1 and not places.route.login:
        kind, _, authority = places.proxies[0].partition("://")
        known = {
            "http": "PROXY",
            "https": "HTTPS",
            "socks4": "SOCKS4",
            "socks4a": "SOCKS4",
            "socks5": "SOCKS5",
        }
        way = f"{known[kind]} {authority}; DIRECT"
        record.first_way = True
    script = (
        "function FindProxyForURL(url, host) {"
        f"  return isInNet(dnsResolve(host), '10.0.0.0', '255.0.0.0') ? '{way}' : 'PROXY 10.8.8.8:1'; }}"
    )
    options: dict[str, Any] = {"proxy": PAC(script)}
    if "HTTPS" not in way:
        options["proxy_ssl_context"] = None
    await echo(universe, places, record, **options)


async def burst(universe: Universe, places: Places, record: Record) -> None:
    """Send many without waiting, then take all answers."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        count = universe.times(20)
        for index in range(count):
            data = f"{index}:" + "x" * universe.times(200)
            client.offered.append(data)
            ws.send_nowait(data)
            client.sent.append(data)
        await ws.drain()
        for _ in range(count):
            client.received.append(await ws.receive())


async def crossing(universe: Universe, places: Places, record: Record) -> None:
    """Send in one task, receive in one or two others; some sends and receives are cancelled."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        problem: list[BaseException] = []

        async def sender() -> None:
            try:
                for index in range(universe.times(12)):
                    with trio.move_on_after(universe.choice((0, 0.001, 0.1, 60))):
                        await send(ws, client, message(universe, index))
                    await trio.sleep(universe.choice((0, 0.01, 1)))
            except ConnectionClosed as exc:
                problem.append(exc)

        async def receiver() -> None:
            try:
                while True:
                    with trio.move_on_after(universe.choice((0, 0.01, 0.5, 60))):
                        client.received.append(await ws.receive())
            except ConnectionClosed as exc:
                problem.append(exc)

        async with trio.open_nursery() as nursery:
            for _ in range(universe.choice((1, 2))):
                nursery.start_soon(receiver)
            await sender()
            await trio.sleep(universe.choice((0, 1, 10)))
            nursery.cancel_scope.cancel()
        if problem:
            raise problem[0]


async def fire_and_forget(universe: Universe, places: Places, record: Record) -> None:
    """Send some, and leave at once: what the closing handshake confirms has arrived."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        large = universe.choice((0, 0, 0, 60_000))
        for index in range(universe.times(6)):
            # Mostly small ones: the server sends all of it back before it answers the close frame.
            size = universe.times(1000) + (0 if index else large)
            await send(ws, client, f"{index}:" + "x" * size)
        client.close = universe.choice(((1000, ""), (3000, "done"), (4999, "ä" * 40)))
        began = trio.current_time()
        try:
            await ws.aclose(*client.close)
        finally:
            record.timed.append(
                Timed("closing", trio.current_time() - began, 10 * CLOSING if large else CLOSING)
            )


async def bulk(universe: Universe, places: Places, record: Record) -> None:
    """Send more than is kept for a slow network; then take all answers."""
    # With few pings, for each would wake who has been forgotten.
    options: dict[str, Any] = {"ping_interval": 300, "ping_timeout": 300}
    async with connected(universe, places, record, **options) as found:
        if found is None:
            return
        ws, client = found
        for index in range(universe.times(2, 2)):
            began = trio.current_time()
            await send(ws, client, bytes([index]) * (40_000 + universe.times(40_000)))
            if not universe.struck:
                record.timed.append(Timed("sending", trio.current_time() - began, SENDING))
            backlog = attendant_of(ws).outbox.backlog
            if backlog > HIGH_WATER and ws.closed is None:
                record.odd.append(f"send returned, and {backlog} bytes were left")
        for _ in client.sent:
            client.received.append(await ws.receive())


async def slow_consumer(universe: Universe, places: Places, record: Record) -> None:
    """Take messages later than they come, sometimes later than keepalive would wait."""
    path, size = "/push", universe.choice((1, 10, 1000))
    options: dict[str, Any] = {"message_queue_size": size, "receive_buffer_size": 4096}
    if universe.times(12) == 1 and universe.network.link.bandwidth > 1e6:
        path, size, options = "/push/large", 1_000_000, {}  # bytes alone stop reading then
    async with connected(universe, places, record, path, **options) as found:
        if found is None:
            return
        ws, client = found
        with suppress_end(client):
            while True:
                client.received.append(await ws.receive())
                await trio.sleep(universe.choice((0, 0, 0, 0.5, 50)))
                _look_at_unread(ws, record, size)


def _look_at_unread(ws: WebSocketConnection, record: Record, size: int) -> None:
    """See that reading has stopped: what came behind the last message that fits, came with it."""
    inbox = attendant_of(ws).inbox
    more = sum(len(m) for m in [*inbox.messages][size + 1 :])
    if more > 4096 or inbox.unread > READ_AHEAD + 256 * 1024:
        record.odd.append(f"reading did not stop: {more} bytes, {inbox.unread} in all")


async def fragments(universe: Universe, places: Places, record: Record) -> None:
    """Take messages that come in fragments, whole or as streams."""
    async with connected(universe, places, record, raw=True) as found:
        if found is None:
            return
        ws, client = found
        with suppress_end(client):
            while True:
                if universe.choice((True, False)):
                    client.received.append(await ws.receive())
                    continue
                parts: list[bytes] = []
                enough = universe.choice((1, 2, 1000, 1000))
                async with ws.receive_stream() as stream:
                    async for part in stream:
                        assert isinstance(part, bytes)
                        parts.append(part)
                        if len(parts) == enough:
                            break
                client.received.append(SKIPPED if len(parts) == enough else b"".join(parts))


class suppress_end:  # noqa: N801  # used like contextlib.suppress
    """Let a normal end of the connection end the block, and note it; a loss goes on."""

    def __init__(self, client: ClientSide) -> None:
        self._client = client

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: object
    ) -> bool:
        if isinstance(exc, ConnectionClosed):
            self._client.end = exc
        return isinstance(exc, ConnectionClosed) and not isinstance(
            exc, (ConnectionLost, ConnectionClosedLocally)
        )


async def idle(universe: Universe, places: Places, record: Record) -> None:
    """Wait for nothing while the server pings, until it closes."""
    # Mostly none of ours, for each would wake who has been forgotten.
    interval, timeout = universe.choice(((300, 300), (300, 300), (16, 8), (5, 300)))
    options: dict[str, Any] = {"ping_interval": interval, "ping_timeout": timeout}
    async with connected(universe, places, record, "/idle", raw=True, **options) as found:
        if found is None:
            return
        ws, client = found
        await trio.sleep(100)
        with suppress_end(client):
            client.received.append(await ws.receive())
    if client.number is not None and interval == 5 and not universe.struck:
        server = record.servers[client.number]
        if not 2 * server.long_naps <= server.pinged <= 6 * server.long_naps + 4:
            record.odd.append(f"{server.pinged} pings in {server.long_naps} times 20 s of silence")
