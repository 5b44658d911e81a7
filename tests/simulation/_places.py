"""The hosts of a scenario: a server, and the proxies on the way to it."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
from _asking_proxy import ntlm_user, open_asking_proxy
from _by_hand import GUID, Heard
from _peer import BINARY, CONTINUATION, PING, TEXT, frame
from _record import Record, ServerSide
from _routes import DOMAIN, LOGINS, PASSWORD, USER, Route, Scheme, speaks_tls
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from trio_wsproxy import Proxy
from trio_wsproxy.testing import (
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)
from trio_wsproxy.testing.simulate import Certificates, Universe

TOKEN = "t0p-s3cret-t0ken"

SERVER = "echo.test"
PROXIES = ("one.test", "two.test", "three.test")
HOSTS = {
    SERVER: ("10.0.0.2", "fd00::2"),
    "one.test": ("10.0.1.1",),
    "two.test": ("10.0.1.2",),
    "three.test": ("10.0.1.3",),
}

CERTIFICATES = Certificates()


@dataclass
class Places:
    """What a client needs to know of the hosts.

    Attributes:
      proxies: The URLs of the hops, nearest first.
      client_context: For TLS with the server.

    """

    route: Route
    port: int
    raw_port: int
    proxies: list[str] = field(default_factory=list)

    def url(self, path: str = "/", *, raw: bool = False) -> str:
        """The server's URL."""
        port = self.raw_port if raw else self.port
        return f"{'wss' if self.route.tls else 'ws'}://{SERVER}:{port}{path}"

    @property
    def options(self) -> dict[str, Any]:
        """What ``open_websocket_url`` is to be called with."""
        context = CERTIFICATES.client_context()
        proxy: list[str | Proxy] = [*self.proxies]
        if self.route.asks:
            proxy[-1] = Proxy(self.proxies[-1], auth=LOGINS[self.route.asks])
        return {
            "ssl_context": context if self.route.tls else None,
            "proxy": proxy or None,
            "proxy_ssl_context": context if any(map(speaks_tls, self.route.hops)) else None,
            "extra_headers": [("Authorization", f"Bearer {TOKEN}")],
            "connect_timeout": CONNECT_TIMEOUT,
            "disconnect_timeout": DISCONNECT_TIMEOUT,
        }


CONNECT_TIMEOUT = 30.0
DISCONNECT_TIMEOUT = 10.0


def context_of(host: str, *, tls: bool) -> ssl.SSLContext | None:
    """The server-side context of a host, where it speaks TLS."""
    return CERTIFICATES.server_context(host) if tls else None


@asynccontextmanager
async def places(universe: Universe, route: Route, record: Record) -> AsyncIterator[Places]:
    """Run the servers of a route."""
    async with trio.open_nursery() as nursery:
        async with AsyncExitStack() as stack:
            if route.asks == "ntlm":
                stack.enter_context(ntlm_user(DOMAIN, USER, PASSWORD))
            server_tls = context_of(SERVER, tls=route.tls)
            handler = _Handler(universe, record)
            echo = await stack.enter_async_context(
                universe.serve(
                    SERVER,
                    open_echo_server,
                    address="::",
                    ssl_context=server_tls,
                    handler=handler.serve,
                )
            )
            raw = await stack.enter_async_context(
                universe.serve(
                    SERVER,
                    open_tcp_server,
                    address="::",
                    handler=handler.raw,
                    ssl_context=server_tls,
                )
            )
            found = Places(route, echo.port, raw.port)
            handler.elsewhere = (
                f"HTTP/1.1 307 Elsewhere\r\nLocation: {found.url('/moved')}\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            for number, (scheme, host) in enumerate(
                zip(route.hops, PROXIES, strict=False), start=1
            ):
                proxy = await stack.enter_async_context(_proxy(universe, scheme, host, route))
                record.tunnels[number] = []
                nursery.start_soon(_note_tunnels, proxy, record.tunnels[number])
                # Only one of a chain wants to know who comes, or credentials would not be told apart.
                last = number == len(route.hops)
                password = None if scheme == "socks4" else PASSWORD  # it knows user ids only
                login = (USER, password) if route.login and last else None
                name = None if last and route.asks else scheme
                found.proxies.append(proxy.url_for(name, host=host, credentials=login))
                record.asked.append((scheme, getattr(proxy, "requests", [])))
                record.secrets = getattr(proxy, "secrets", record.secrets)
            yield found
        nursery.cancel_scope.cancel()


def _proxy(universe: Universe, scheme: Scheme, host: str, route: Route) -> Any:
    last = host == PROXIES[len(route.hops) - 1]
    credentials = (USER, PASSWORD) if route.login and last else None
    context = context_of(host, tls=speaks_tls(scheme))
    if last and route.asks:
        return universe.serve(
            host,
            open_asking_proxy,
            scheme=route.asks,
            ssl_context=context,
            credentials=(USER, PASSWORD),
        )
    if scheme in ("http", "https"):
        return universe.serve(
            host, open_http_proxy, address="::", ssl_context=context, credentials=credentials
        )
    return universe.serve(host, open_socks_proxy, credentials=credentials)


async def _note_tunnels(proxy: Any, times: list[float]) -> None:
    while True:
        await proxy.wait_for("tunnel", len(times) + 1)
        times.append(trio.current_time())


class _Handler:
    """The server: says which connection this is, then does what the path asks for."""

    def __init__(self, universe: Universe, record: Record) -> None:
        self._universe = universe
        self._record = record
        self.elsewhere = b""  # the answer that leads there

    async def serve(self, request: WebSocketRequest) -> None:
        """Serve one connection."""
        number, side = self._record.new_server_side()
        connection = await request.accept()
        try:
            await connection.send_message(f"number {number}")
            await (self._push if request.path.startswith("/push") else self._echo)(connection, side)
        except ConnectionClosed:
            pass

    async def _echo(self, connection: WebSocketConnection, side: ServerSide) -> None:
        answering = True
        while True:  # what has arrived is taken even where no answer can be sent any more
            message = await connection.get_message()
            side.received.append(message)
            if answering:
                side.sent.append(message)
                try:
                    await connection.send_message(message)
                except ConnectionClosed:
                    answering = False

    async def _push(self, connection: WebSocketConnection, side: ServerSide) -> None:
        """Send many, and close."""
        for index in range(self._universe.times(40)):
            text = f"{index} " + "ä" * self._universe.times(3000)
            message: str | bytes = text if index % 3 else text.encode()
            side.sent.append(message)
            await connection.send_message(message)
        await connection.aclose(1000, "enough")

    async def _request(self, stream: trio.abc.Stream) -> bytes:
        """Read a request's head."""
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            data = await stream.receive_some()
            if not data:
                raise EOFError
            request += data
        return request

    async def _accept(self, stream: trio.abc.Stream, request: bytes) -> None:
        """Do the opening handshake."""
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
        assert key is not None
        proof = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
        await stream.send_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
        )

    async def raw(self, stream: trio.abc.Stream) -> None:
        """Send messages in fragments, with pings between them; then close."""
        number, side = self._record.new_server_side()
        heard = Heard()
        try:
            request = await self._request(stream)
            if b"/elsewhere" in request:
                await stream.send_all(self.elsewhere)
                return
            if b"/deflate" in request:
                await self._deflate(stream, request, number, side)
                return
            await self._accept(stream, request)
            await stream.send_all(frame(TEXT, f"number {number}".encode()))
            if b"/idle" in request:
                await self._ping(stream, side, heard)
            else:
                for index in range(self._universe.times(6)):
                    await self._send_in_fragments(stream, side, index)
            await stream.send_all(frame(8, b"\x03\xe8"))
            while data := await stream.receive_some():
                heard.feed(bytes(data))
                if heard.close is not None:
                    side.unanswered = side.pings - heard.pongs
                    await trio.sleep(self._universe.choice((0, 0, 200)))  # and only then hang up
                    return
        except (trio.BrokenResourceError, EOFError):
            pass

    async def _deflate(
        self, stream: trio.abc.Stream, data: bytes, number: int, side: ServerSide
    ) -> None:
        """Echo, compressed, on wsproto: trio-websocket's server does not know how."""
        connection = WSConnection(ConnectionType.SERVER)
        parts: list[str | bytes] = []
        while data:
            connection.receive_data(data)
            for event in connection.events():
                reply = b""
                if isinstance(event, Request):
                    reply = connection.send(AcceptConnection(extensions=[PerMessageDeflate()]))
                    reply += connection.send(TextMessage(f"number {number}"))
                elif isinstance(event, (TextMessage, BytesMessage)):
                    parts.append(
                        event.data if isinstance(event, TextMessage) else bytes(event.data)
                    )
                    if event.message_finished:
                        message = type(parts[0])().join(parts)  # type: ignore[arg-type]  # of one type
                        parts = []
                        side.received.append(message)
                        side.sent.append(message)
                        whole = (
                            TextMessage(message)
                            if isinstance(message, str)
                            else BytesMessage(message)
                        )
                        reply = connection.send(whole)
                elif isinstance(event, (Ping, CloseConnection)):
                    reply = connection.send(event.response())
                await stream.send_all(reply)
                if isinstance(event, CloseConnection):
                    return
            data = bytes(await stream.receive_some())

    async def _ping(self, stream: trio.abc.Stream, side: ServerSide, heard: Heard) -> None:
        """Ping a client that waits for nothing, and note how long the pong takes."""
        for _ in range(self._universe.times(4)):
            await trio.sleep(self._universe.choice((0.1, 3, 20)))
            began = trio.current_time()
            side.pings += 1
            await stream.send_all(frame(PING, b"alive?"))
            while heard.pongs < side.pings:
                data = await stream.receive_some()
                if not data:
                    raise EOFError
                heard.feed(bytes(data))
            side.slowest_pong = max(side.slowest_pong, trio.current_time() - began)

    async def _send_in_fragments(
        self, stream: trio.abc.Stream, side: ServerSide, index: int
    ) -> None:
        universe = self._universe
        parts = [universe.bytes(universe.times(5000)) for _ in range(universe.times(5))]
        side.sent.append(b"".join(parts))
        for place, part in enumerate(parts):
            opcode = CONTINUATION if place else BINARY
            data = frame(opcode, part, fin=place == len(parts) - 1)
            if index % 2:
                data = frame(PING, b"alive?") + data
                side.pings += 1
            await stream.send_all(data)
