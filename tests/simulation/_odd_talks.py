"""What a client does with peers that refuse or are rude, and with what programs seldom use of a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import trio
from _handler import LIMIT, RUDE
from _places import CERTIFICATES, CONNECT_TIMEOUT, PROXIES, SERVER, Places
from _record import ClientSide, Record, Timed
from _routes import PASSWORD, USER, WRONG
from _talks import Sorry, connected, echo, send, suppress_end

from trio_wsproxy import (
    ConnectionClosed,
    ConnectionLost,
    ConnectionRejected,
    DigestAuth,
    Failover,
    HandshakeError,
    NTLMAuth,
    Proxy,
    ProxyAuthenticationError,
    ProxyRejected,
    WebSocketConnection,
    open_tcp_stream,
    reconnecting_websocket_url,
)
from trio_wsproxy._websocket import attendant_of
from trio_wsproxy.testing import open_tcp_server
from trio_wsproxy.testing.simulate import Universe

ANSWERED = 12.0  # seconds, where it need not; twice what the slowest way takes, and before keepalive's next pong
PATIENCE = 300.0  # seconds for a pong; on the slowest way it has to wait behind 700 others
GREETING = 3000  # bytes at most


async def pings(universe: Universe, places: Places, record: Record) -> None:
    """Ping a server that answers the latest ping only, from several tasks; some give up."""
    async with connected(universe, places, record, "/lazy", raw=True) as found:
        if found is None:
            return
        ws, client = found
        assert client.number is not None
        side = record.servers[client.number]
        ends: list[ConnectionClosed] = []

        async def ping(patience: float) -> None:
            began = trio.current_time()
            try:
                with trio.move_on_after(patience) as waiting:
                    seconds = await ws.ping()
            except ConnectionClosed as exc:
                ends.append(exc)
                return
            if not waiting.cancelled_caught:
                if not 0 < seconds <= trio.current_time() - began:
                    record.odd.append(f"a round trip of {seconds} s")
                if seconds > ANSWERED and not (universe.struck or side.pings):
                    record.odd.append(f"a ping was answered after {seconds:.3f} s")
            elif patience == PATIENCE and not universe.struck:
                record.odd.append("a ping was not answered")

        async with trio.open_nursery() as nursery:
            for _ in range(universe.times(5)):
                nursery.start_soon(ping, universe.choice((0.001, PATIENCE)))
                await trio.sleep(universe.choice((0, 0, 0.05)))
        waiting = len(attendant_of(ws).pings.in_flight)
        if waiting > 1:  # keepalive's
            record.odd.append(f"{waiting} pings are in flight, and nobody waits")
        if ends:
            raise ends[0]
        await trio.sleep(PATIENCE)  # for the server's last ping


async def parts(universe: Universe, places: Places, record: Record) -> None:
    """Send messages in parts while another task sends; sometimes the parts fail before they end."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        for index in range(universe.times(4)):
            pieces = [b"%d:" % index * 100 for _ in range(universe.times(4))]
            fails_at = universe.choice((None, None, None, None, 0, 1))
            ends: list[ConnectionClosed] = []
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send_meanwhile, ws, client, f"{index}", ends)
                try:
                    await _send_parts(universe, ws, client, pieces, fails_at)
                except ConnectionClosed as exc:
                    ends.append(exc)
            if fails_at:  # the message can never be completed
                client.close = (1011, "a message in fragments was abandoned")
                if ws.closed is None:
                    record.odd.append("a message was abandoned, and the connection is open")
                return
            if ends:
                raise ends[0]
        while len(client.received) < len(client.sent):
            client.received.append(await ws.receive())


async def _send_parts(
    universe: Universe,
    ws: WebSocketConnection,
    client: ClientSide,
    pieces: list[bytes],
    fails_at: int | None,
) -> None:
    """Send pieces as one message; ``fails_at`` is how many there are before an exception."""

    async def each() -> AsyncIterator[bytes]:
        for number, piece in enumerate(pieces):
            if number == fails_at:
                raise Sorry
            yield piece
            await trio.sleep(universe.choice((0, 0.01, 0.3)))
        if fails_at is not None:
            raise Sorry

    whole = b"".join(pieces)
    client.offered.append(whole)
    try:
        await ws.send(each())
        client.sent.append(whole)
    except Sorry:
        client.cancelled.append(whole)
    except ConnectionClosed:
        client.doubtful.append(whole)
        raise


async def _send_meanwhile(
    ws: WebSocketConnection, client: ClientSide, text: str, ends: list[ConnectionClosed]
) -> None:
    await trio.sleep(0.005)
    try:
        await send(ws, client, text)
    except ConnectionClosed as exc:
        ends.append(exc)


async def rude(universe: Universe, places: Places, record: Record) -> None:
    """Take a message of just the limit from a server that then sends what no server may send."""
    how = universe.choice([*RUDE, "wrong-token"])
    if how == "wrong-token":
        record.refused.append((HandshakeError, None))
        await echo(universe, places, record, path="/wrong-token", raw=True)
        return
    record.refused.append((ConnectionLost, RUDE[how][1]))
    options: dict[str, Any] = {"max_message_size": LIMIT}
    async with connected(universe, places, record, f"/rude/{how}", raw=True, **options) as found:
        if found is None:
            return
        ws, client = found
        client.close = (RUDE[how][1], "")
        with suppress_end(client):
            while True:
                client.received.append(await ws.receive())


async def refused(universe: Universe, places: Places, record: Record) -> None:
    """Be refused: for wrong credentials, by the server, or by a proxy that others stand behind."""
    who = universe.choice(("login", "login", "server", "proxy"))
    options = places.options
    asks = places.route.asks
    # Negotiate is scripted, and may want no proof.
    if who == "login" and (asks in ("digest", "ntlm") if asks else places.route.login):
        options["proxy"] = _with_wrong_login(places)
        last = places.route.hops[-1].removeprefix("tls-")
        code = 407 if last in ("http", "https") or places.route.asks else None
        kind = ProxyRejected if last.startswith("socks4") else ProxyAuthenticationError
        record.refused.append((kind, code))
        await echo(universe, places, record, proxy=options["proxy"])
        return
    if who == "proxy":
        tls = places.route.tls
        proxy = f"http{'s' if tls else ''}://{SERVER}:{places.raw_port}"
        ways = Failover(proxy, options["proxy"])
        record.refused.append((ProxyRejected, 403))
        record.crowded = True  # there is another way, which must not be gone
        context = CERTIFICATES.client_context() if tls else options["proxy_ssl_context"]
        await echo(universe, places, record, proxy=ways, proxy_ssl_context=context)
        return
    status = universe.choice((401, 403, 503))
    record.refused.append((ConnectionRejected, status))
    path = f"/refuse/{status}"
    if universe.choice((True, False, False)):
        record.disturbed, path = True, f"/refuse/reset/{status}"
    await echo(universe, places, record, path=path, raw=True)


def _with_wrong_login(places: Places) -> list[str | Proxy]:
    *others, last = places.proxies
    if places.route.asks:
        auth = {"digest": DigestAuth, "ntlm": NTLMAuth}[places.route.asks]
        return [*others, Proxy(last, auth=auth(USER, WRONG))]
    return [*others, last.replace(quote(PASSWORD, safe=""), WRONG).replace(f"{USER}@", "bob@")]


async def greeted(universe: Universe, places: Places, record: Record) -> None:
    """Speak something else than WebSocket with a server that speaks first."""
    greeting = universe.bytes(universe.times(GREETING))

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(greeting)
        async for data in stream:
            await stream.send_all(data)

    options = {x: places.options[x] for x in ("proxy", "proxy_ssl_context")}
    name = universe.choice((SERVER, "wrong.test"))
    if universe.choice((True, False)):
        options = {"proxy": None}
        name = universe.choice((SERVER, SERVER, "half.test", "wrong.test"))
        if name == SERVER:  # where both addresses answer, perhaps at the same moment
            options["happy_eyeballs_delay"] = 0.0
        record.disturbed = True  # it is not the way of this scenario
    heard = b""
    address = "::" if name == SERVER else None  # of the others one address is to fail
    async with universe.serve(SERVER, open_tcp_server, address=address, handler=greet) as server:
        with trio.move_on_after(CONNECT_TIMEOUT) as opening:  # like trio's own, it has none itself
            try:
                stream = await open_tcp_stream(name, server.port, **options)
            except HandshakeError as exc:
                record.failed(exc)
                if not universe.struck:
                    record.odd.append(f"{name} has another address: {exc!r}")
                return
        if opening.cancelled_caught:
            if not universe.struck:
                record.odd.append(f"{name} has another address, which was not tried in time")
            return
        with trio.move_on_after(CONNECT_TIMEOUT) as talking:
            try:
                await stream.send_all(b"hello")
                while len(heard) < len(greeting) + 5:
                    data = await stream.receive_some(universe.choice((1, 100, None)))
                    if not data:
                        break
                    heard += data
            except trio.BrokenResourceError:
                pass
        await trio.aclose_forcefully(stream)
    if (greeting + b"hello")[: len(heard)] != heard:
        record.odd.append(f"heard {heard[:16]!r}…, of {greeting[:16]!r}…")
    if not universe.struck and (talking.cancelled_caught or len(heard) < len(greeting) + 5):
        record.odd.append(f"{len(heard)} of {len(greeting) + 5} bytes have come")


async def sorry(universe: Universe, places: Places, record: Record) -> None:
    """Leave by an exception of one's own, with things unsent, and a peer that may be gone."""
    async with connected(universe, places, record) as found:
        if found is None:
            return
        ws, client = found
        for data in (b"first", b"x" * universe.choice((10, 60_000)), b"last"):
            client.offered.append(data)
            ws.send_nowait(data)
            client.sent.append(data)
        await trio.sleep(universe.choice((0, 0.1)))
        nearest = PROXIES[0] if places.proxies else SERVER
        how = universe.choice((universe.cut_off, universe.reset, None))
        if how is not None:
            how(nearest)
            await trio.sleep(universe.choice((0, 0.3)))
        raise Sorry


async def reconnecting_cancelled(universe: Universe, places: Places, record: Record) -> None:
    """Cancel the reconnecting loop at any moment, while it connects, waits or closes."""
    options: dict[str, Any] = {**places.options, "connect_timeout": 1.0}
    retried: list[Exception] = []

    def note(exc: Exception) -> bool:
        retried.append(exc)
        return True

    began, patience = trio.current_time(), universe.choice((0.01, 0.1, 0.5, 3, 10))
    with trio.move_on_after(patience):
        async with reconnecting_websocket_url(places.url(), retry=note, **options) as connections:
            async for ws in connections:
                try:
                    await ws.receive()
                except ConnectionClosed:
                    continue
    record.timed.append(Timed("leaving the loop", trio.current_time() - began, patience))
    for error in retried:
        record.failed(error)
