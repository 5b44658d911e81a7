"""What a client does where links die, calls are cancelled, and hosts come and go; and the table of all behaviours."""

from __future__ import annotations

import itertools
from contextlib import suppress

import trio
from _delays import FIRST, MOST, Delays
from _odd_talks import (
    greeted,
    parts,
    pings,
    reconnecting_cancelled,
    refused,
    rude,
    sorry,
)
from _places import CONNECT_TIMEOUT, DISCONNECT_TIMEOUT, PROXIES, SERVER, Places
from _record import ClientSide, Record, Timed
from _talks import (
    CLOSING,
    KEEPALIVE,
    SILENCE,
    Behaviour,
    bulk,
    burst,
    connected,
    crossing,
    deflate,
    echo,
    failover,
    fire_and_forget,
    fragments,
    idle,
    message,
    pac,
    redirects,
    send,
    slow_consumer,
    suppress_end,
)

from trio_wsproxy import (
    ConnectionClosed,
    HandshakeError,
    WebSocketConnection,
    open_tcp_stream,
    reconnecting_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._websocket import attendant_of
from trio_wsproxy.testing.simulate import Universe


async def cancelled_calls(universe: Universe, places: Places, record: Record) -> None:
    """Send and receive, and do so again where a call was cancelled in the middle of its work."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        for index in range(universe.times(8)):
            data = f"{index}:".encode() + b"x" * universe.times(300)
            with universe.cancellable():
                await send(ws, client, data, in_a_buffer=universe.choice((True, False)))
        while len(client.received) < len(client.sent):
            with universe.cancellable(), trio.fail_after(300):
                client.received.append(await ws.receive())


async def foreign_stream(universe: Universe, places: Places, record: Record) -> None:
    """Speak WebSocket over a stream of trio's own, of which less is known."""
    client = ClientSide()
    options = {x: places.options[x] for x in ("proxy", "proxy_ssl_context")}
    error: BaseException | None = None
    try:
        with trio.move_on_after(CONNECT_TIMEOUT) as opening:  # like trio's own, it has none itself
            stream = await open_tcp_stream(SERVER, places.port, **options)
    except HandshakeError as exc:
        record.failed(exc)
        return
    if opening.cancelled_caught:
        return
    async with trio.open_nursery() as nursery:
        try:
            if places.route.tls:
                context = places.options["ssl_context"]
                stream = trio.SSLStream(stream, context, server_hostname=SERVER)
            record.bare = True
            path, size = universe.choice((("/", None), ("/push", 1), ("/push", 1000)))
            ws = await wrap_client_stream(nursery, stream, SERVER, path, message_queue_size=size)
            record.clients.append(client)
            first = await ws.receive()
            assert isinstance(first, str)
            client.number = int(first.split()[1])
            with suppress_end(client):
                for index in range(universe.times(5)):
                    if path == "/":
                        await send(ws, client, message(universe, index))
                    else:
                        await trio.sleep(1)
                    client.received.append(await ws.receive())
            patience = universe.choice((0.0, 0.05, 1.0, CLOSING, CLOSING))
            began = trio.current_time()
            with trio.move_on_after(patience) as leaving:
                await ws.aclose()
            record.timed.append(Timed("leaving", trio.current_time() - began, patience))
            confirmed = ws.closed is not None and ws.closed.code == 1000
            client.confirmed = confirmed and not leaving.cancelled_caught
        except (HandshakeError, ConnectionClosed) as exc:
            error = exc
        nursery.cancel_scope.cancel()
    if error is not None:
        client.error = error
        record.failed(error)


async def dead_link(universe: Universe, places: Places, record: Record) -> None:
    """Wait for a message on a connection that dies silently: keepalive notices."""
    interval, timeout = KEEPALIVE
    async with connected(
        universe, places, record, ping_interval=interval, ping_timeout=timeout
    ) as found:
        if found is None:
            return
        ws, client = found
        await send(ws, client, "before")
        client.received.append(await ws.receive())
        nearest = PROXIES[0] if places.proxies else SERVER
        await trio.sleep(universe.choice((0, 1, 30)))
        universe.cut_off(nearest)
        began = trio.current_time()
        if universe.choice((True, False, False)):
            try:
                await ws.aclose()
            finally:  # no byte leaves any more, so its clock does not begin anew
                took = trio.current_time() - began
                record.timed.append(Timed("closing a dead link", took, DISCONNECT_TIMEOUT + 1.5))
            return
        try:
            await ws.receive()
        finally:
            record.timed.append(Timed("noticing a dead link", trio.current_time() - began, SILENCE))


async def many(universe: Universe, places: Places, record: Record) -> None:
    """Many connections at once, each cancelled at some time, or not."""

    async def one() -> None:
        with trio.move_on_after(universe.choice((0, 0.05, 0.3, 1, 3, 100))):
            await echo(universe, places, record)

    async with trio.open_nursery() as nursery:
        for _ in range(universe.times(6)):
            nursery.start_soon(one)


async def hour_of_outages(universe: Universe, places: Places, record: Record) -> None:
    """Stay connected through an hour in which hosts come and go; then be connected again."""
    hosts = [SERVER, *PROXIES[: len(places.proxies)]]
    lost = ConnectionClosed
    over = trio.Event()
    again = trio.Event()
    delays = Delays(record)

    async def weather() -> None:
        while trio.current_time() < HOUR:
            await trio.sleep(universe.choice((5, 60, 300)))
            host = universe.choice(hosts)
            if universe.choice((True, False)):
                universe.reset(host)
                continue
            universe.cut_off(host)
            await trio.sleep(universe.choice((1, 30, 200)))
            universe.restore(host)
        over.set()

    async def feed() -> None:
        options = {**places.options, "ping_interval": KEEPALIVE[0], "ping_timeout": KEEPALIVE[1]}
        options |= {"first_delay": FIRST, "max_delay": MOST, "retry": note, "trace": begins}
        async with reconnecting_websocket_url(places.url("/later"), **options) as connections:
            before: WebSocketConnection | None = None
            async for ws in connections:
                if before is not None and before.closed is None:
                    record.left.append("a connection that the loop was done with")
                before = ws
                opened = trio.current_time()
                with suppress(lost):
                    await talk(ws)
                if again.is_set():
                    break
                closing = 0.0 if attendant_of(ws).finished else CLOSING
                now = trio.current_time()
                delays.over(now, lived=now - opened, closing=closing)

    def note(exc: Exception) -> bool | None:
        record.failed(exc)
        delays.failed(trio.current_time(), exc)
        return True

    def begins(event: str, _: object) -> None:
        if event == "begin":
            delays.begins(trio.current_time())

    async def talk(ws: WebSocketConnection) -> None:
        client = ClientSide()
        record.clients.append(client)
        first = await ws.receive()
        assert isinstance(first, str)
        client.number = int(first.split()[1])
        try:
            for index in itertools.count():
                await send(ws, client, f"{index}")
                client.received.append(await ws.receive())
                if over.is_set():
                    again.set()
                    return
                if universe.times(40) == 1:
                    return  # the loop is to close it, and to go on with another one
                await trio.sleep(10)
        finally:
            client.closed = ws.closed

    async with trio.open_nursery() as nursery:
        nursery.start_soon(weather)
        nursery.start_soon(feed)
        await over.wait()
        began = trio.current_time()
        with trio.move_on_after(LIVENESS + 1):
            await again.wait()
        record.timed.append(Timed("being connected again", trio.current_time() - began, LIVENESS))
        nursery.cancel_scope.cancel()


HOUR = 3600.0
# A link that died just before is noticed by keepalive or by the deadline of an attempt; then a delay of
# max_delay at most, and a good attempt.
LIVENESS = max(SILENCE, CONNECT_TIMEOUT) + 60.0 + CONNECT_TIMEOUT + 15.0


async def cancelled(universe: Universe, places: Places, record: Record) -> None:
    """Talk until a cancellation strikes, at any operation; nothing is left then."""
    with universe.cancellable():
        await echo(universe, places, record)


BEHAVIOURS: dict[str, Behaviour] = {
    "echo": echo,
    "deflate": deflate,
    "redirects": redirects,
    "failover": failover,
    "pac": pac,
    "burst": burst,
    "crossing": crossing,
    "fire and forget": fire_and_forget,
    "bulk": bulk,
    "cancelled calls": cancelled_calls,
    "slow consumer": slow_consumer,
    "fragments": fragments,
    "idle": idle,
    "foreign stream": foreign_stream,
    "dead link": dead_link,
    "pings": pings,
    "parts": parts,
    "rude": rude,
    "refused": refused,
    "greeted": greeted,
    "sorry": sorry,
    "reconnecting, cancelled": reconnecting_cancelled,
    "many": many,
    "cancelled": cancelled,
    "hour of outages": hour_of_outages,
}
