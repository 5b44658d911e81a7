"""The echo server, driven by trio-websocket's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio_websocket
from trio_websocket import WebSocketRequest, open_websocket_url
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Request

from trio_wsproxy.testing import Certificates, EchoServer, open_echo_server


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@asynccontextmanager
async def open_client(server: EchoServer) -> AsyncIterator[trio_websocket.WebSocketConnection]:
    """Open a client whose socket is closed also when the server closes first.

    ``open_websocket_url`` of trio-websocket 0.12 leaves it open then.
    """
    async with (
        await trio.open_tcp_stream(server.host, server.port) as stream,
        trio.open_nursery() as nursery,
    ):
        yield await trio_websocket.wrap_client_stream(nursery, stream, server.authority, "/")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tls", [False, True])
async def test_echo(host: str, tls: bool, certificates: Certificates) -> None:
    """Text comes back as text and bytes as bytes, over ws and wss, IPv4 and IPv6."""
    server_tls = certificates.server_context() if tls else None
    client_tls = certificates.client_context() if tls else None
    async with open_echo_server(host=host, ssl_context=server_tls) as server:
        assert server.url.startswith("wss://" if tls else "ws://")
        async with open_websocket_url(server.url, client_tls) as ws:
            for message in ("Grüße", b"\x00\xff", "", "x" * 100_000):
                await ws.send_message(message)
                assert await ws.get_message() == message
        await server.wait_for("message", 4)
        assert server.messages == ["Grüße", b"\x00\xff", "", "x" * 100_000]
        await server.wait_for("close")
        assert server.errors == []


async def test_urls(certificates: Certificates) -> None:
    """The URL has the host that certificates are for, and any other one on demand."""
    async with open_echo_server() as server:
        assert server.url == f"ws://127.0.0.1:{server.port}"
        assert server.url_for("echo.test", "/a?b=c") == f"ws://echo.test:{server.port}/a?b=c"
        assert server.url_for("::1") == f"ws://[::1]:{server.port}"
    async with open_echo_server(ssl_context=certificates.server_context()) as server:
        assert server.url == f"wss://localhost:{server.port}"


async def test_handshakes_are_recorded() -> None:
    """Path, headers and subprotocols of each client are kept in order; the first one is chosen."""
    async with open_echo_server() as server:
        async with open_websocket_url(
            server.url + "/one?q=1", subprotocols=["b", "a"], extra_headers=[(b"X-Name", b"ada")]
        ) as ws:
            assert ws.subprotocol == "b"
        async with open_websocket_url(server.url + "/two") as ws:
            assert ws.subprotocol is None
        assert [request.path for request in server.requests] == ["/one?q=1", "/two"]
        one, two = server.requests
        assert one.subprotocols == ("b", "a")
        assert one.header("X-NAME") == "ada"
        assert one.header("host") == server.authority
        assert one.header("upgrade") == "websocket"
        assert two.header("x-name") is None
        assert server.connections == 2


async def test_own_handler() -> None:
    """A handler of the test may refuse, and its return closes the connection."""

    async def handler(request: trio_websocket.WebSocketRequest) -> None:
        if request.path == "/secret":
            await request.reject(401, body=b"no")
            return
        connection = await request.accept(extra_headers=[(b"x-served-by", b"me")])
        await connection.send_message("bye")

    async with open_echo_server(handler=handler) as server:
        async with await trio.open_tcp_stream(server.host, server.port) as stream:
            await stream.send_all(
                b"GET /secret HTTP/1.1\r\nHost: echo.test\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            answer = await stream.receive_some()
            assert answer.startswith(b"HTTP/1.1 401 ")
        async with open_client(server) as ws:
            assert (b"x-served-by", b"me") in ws.handshake_headers
            assert await ws.get_message() == "bye"
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await ws.get_message()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 1000
        assert [request.path for request in server.requests] == ["/secret", "/"]
        assert server.messages == []


async def test_max_message_size() -> None:
    """A message above the limit ends the connection with 1009."""
    async with (
        open_echo_server(max_message_size=10) as server,
        open_client(server) as ws,
    ):
        await ws.send_message("x" * 11)
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await ws.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1009


async def test_a_client_that_is_no_websocket() -> None:
    """Noise ends its own connection; the next client is served."""
    async with open_echo_server() as server:
        async with await trio.open_tcp_stream(server.host, server.port) as stream:
            await stream.send_all(b"\x00\x01\x02\r\n\r\n")
            async for _ in stream:
                pass
        async with open_websocket_url(server.url) as ws:
            await ws.send_message("still there")
            assert await ws.get_message() == "still there"


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_leaves_before_its_request(
    said: bytes, tls: bool, certificates: Certificates
) -> None:
    """Its connection is closed at once, and it is no request."""
    context = certificates.server_context() if tls else None
    async with open_echo_server(ssl_context=context) as server:
        stream: trio.abc.Stream = await trio.open_tcp_stream(server.host, server.port)
        if tls:
            stream = trio.SSLStream(
                stream, certificates.client_context(), server_hostname="localhost"
            )
        async with stream:
            await stream.send_all(said)
            await server.wait_for("accept")
        await server.wait_for("close")
        assert server.requests == []


@pytest.mark.parametrize("turns", range(8))
async def test_a_ping_that_crosses_the_close(turns: int) -> None:
    """The close of a handler reaches a client whose ping arrives at any moment of it."""
    for _ in range(10):
        pinged = trio.Event()

        async def handler(request: WebSocketRequest) -> None:
            connection = await request.accept()
            await pinged.wait()  # noqa: B023  # of this round
            for _ in range(turns):
                await trio.lowlevel.checkpoint()
            await connection.aclose(4001, "bye")

        async with (
            open_echo_server(handler=handler) as server,
            await trio.open_tcp_stream(server.host, server.port) as stream,
        ):
            client = WSConnection(ConnectionType.CLIENT)
            await stream.send_all(client.send(Request(host="localhost", target="/")))
            client.receive_data(await stream.receive_some())
            assert isinstance(next(client.events()), AcceptConnection)
            pinged.set()  # whose task has its turn when the ping has left
            await stream.send_all(client.send(Ping(payload=b"crossing")))
            events: list[object] = []
            while not events or not isinstance(events[-1], CloseConnection):
                data = await stream.receive_some()
                assert data, "the server ended the connection without a close frame"
                client.receive_data(data)
                events += client.events()
            assert events[-1] == CloseConnection(code=4001, reason="bye")
