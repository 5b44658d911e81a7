"""The HTTP proxy, driven by bytes of our own and by h11."""

from __future__ import annotations

import base64

import h11
import pytest
import trio

from trio_wsproxy import open_websocket_url
from trio_wsproxy.testing import (
    Certificates,
    ProxyServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


async def shout(stream: trio.abc.Stream) -> None:
    """Answer in capitals once all was said; it needs the client's half-close."""
    assert isinstance(stream, trio.SocketStream)
    said = b"".join([chunk async for chunk in stream])
    await stream.send_all(said.upper())
    await stream.send_eof()


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


class Client:
    """An HTTP client for one connection; raw streams below, h11 to read the answers."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.h11 = h11.Connection(h11.CLIENT)

    async def ask(
        self, target: str, *headers: tuple[str, str], method: str = "CONNECT"
    ) -> tuple[h11.Response, bytes]:
        """Send a request, return the answer and its body."""
        fields = [("Host", target or "x"), *headers]
        data = self.h11.send(h11.Request(method=method, target=target, headers=fields))
        data += self.h11.send(h11.EndOfMessage()) or b""
        await self.stream.send_all(data)
        response = None
        body = b""
        while True:
            event = self.h11.next_event()
            if event is h11.NEED_DATA:
                self.h11.receive_data(bytes(await self.stream.receive_some()))
            elif isinstance(event, h11.Response):
                response = event
                if method == "CONNECT" and 200 <= event.status_code < 300:
                    return event, body
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert response is not None
                if self.h11.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    self.h11.start_next_cycle()
                return response, body


async def connect(proxy: ProxyServer) -> trio.SocketStream:
    """Open a plain connection to the proxy."""
    return await trio.open_tcp_stream(proxy.host, proxy.port)


def basic(text: str) -> tuple[str, str]:
    """Make a header for user and password."""
    return "Proxy-Authorization", "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tls", [False, True])
async def test_tunnel(host: str, tls: bool, certificates: Certificates) -> None:
    """A tunnel passes bytes both ways, counts them, and is recorded; TLS and IPv6 too."""
    context = certificates.server_context() if tls else None
    async with (
        open_tcp_server(echo, host=host) as server,
        open_http_proxy(host=host, ssl_context=context) as proxy,
    ):
        stream: trio.abc.Stream = await connect(proxy)
        if tls:
            stream = trio.SSLStream(
                stream, certificates.client_context(), server_hostname=proxy.host
            )
        async with stream:
            response, _ = await Client(stream).ask(server.authority, ("X-Name", "ada"))
            assert response.status_code == 200
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
            assert server.connections == proxy.connections == 1
        await server.wait_for("close")
        await proxy.wait_for("close")
        (request,) = proxy.requests
        assert (request.protocol, request.method) == ("http", "CONNECT")
        assert (request.host, request.port) == (host, server.port)
        assert request.authority == server.authority
        assert request.address_type == ("ipv6" if host == "::1" else "ipv4")
        assert request.header("X-NAME") == "ada"
        assert request.header("y-name") is None
        assert (request.username, request.password) == (None, None)
        assert (proxy.bytes_up, proxy.bytes_down) == (5, 5)
        assert proxy.events == ["accept", "request", "reply", "tunnel", "close"]
        assert proxy.errors == []


async def test_half_close() -> None:
    """The end of what the client says reaches the target, and the answer comes back."""
    async with (
        open_tcp_server(shout) as server,
        open_http_proxy() as proxy,
        await connect(proxy) as stream,
    ):
        await Client(stream).ask(server.authority)
        await stream.send_all(b"hello")
        await stream.send_eof()
        assert b"".join([chunk async for chunk in stream]) == b"HELLO"


async def test_the_end_of_a_tunnel_over_tls_is_announced(certificates: Certificates) -> None:
    """When the target closes, a client of a TLS proxy gets close_notify, no bare end."""

    async def say_bye(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"bye")

    async with (
        open_tcp_server(say_bye) as server,
        open_http_proxy(ssl_context=certificates.server_context()) as proxy,
        await trio.open_ssl_over_tcp_stream(
            "localhost", proxy.port, ssl_context=certificates.client_context()
        ) as stream,
    ):
        await stream.send_all(f"CONNECT {server.authority} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b"".join([chunk async for chunk in stream])  # raises without close_notify
        assert received.endswith(b"\r\n\r\nbye")


async def test_early_bytes() -> None:
    """What a client sends behind its request, before the answer, reaches the target first."""
    async with (
        open_tcp_server(shout) as server,
        open_http_proxy() as proxy,
        await connect(proxy) as stream,
    ):
        head = f"CONNECT {server.authority} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        await stream.send_all(head + b"early ")
        await stream.send_all(b"bird")
        await stream.send_eof()
        answer = b"".join([chunk async for chunk in stream])
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\nEARLY BIRD")
        assert proxy.bytes_up == 10


@pytest.mark.parametrize("secret", ["pässwörd", "with:colon", "", None])
async def test_credentials(secret: str | None) -> None:
    """None and wrong ones get 407 and may try again on the same connection; UTF-8 counts."""
    sent = secret or ""
    async with (
        open_tcp_server(echo) as server,
        open_http_proxy(credentials=("ada", secret)) as proxy,
    ):
        async with await connect(proxy) as stream:
            client = Client(stream)
            for headers in [[], [basic("ada:wrong")], [("Proxy-Authorization", "Basic %%%")]]:
                response, _ = await client.ask(server.authority, *headers)
                assert response.status_code == 407
                challenge = dict(response.headers)[b"proxy-authenticate"]
                assert challenge == b'Basic realm="trio_wsproxy.testing", charset="UTF-8"'
            response, _ = await client.ask(server.authority, basic(f"ada:{sent}"))
            assert response.status_code == 200
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
        assert proxy.logins == [("ada", "wrong"), ("ada", sent)]
        assert [request.password for request in proxy.requests] == [None, "wrong", None, sent]
        assert server.connections == 1


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("nobody.test:80", 502),
        ("192.0.2.1:80", 403),
        ("[2001:db8::1]:80", 403),
        ("127.0.0.1", 400),
        ("127.0.0.1:", 400),
        ("127.0.0.1:0", 400),
        ("127.0.0.1:65536", 400),
        ("::1:80", 400),
    ],
)
async def test_targets_that_cannot_be(target: str, status: int) -> None:
    """Unknown names, other machines and nonsense are refused, each with its own status."""
    async with open_http_proxy() as proxy, await connect(proxy) as stream:
        response, _ = await Client(stream).ask(target)
        assert response.status_code == status
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "gone.test"])
async def test_nobody_listens_there(name: str) -> None:
    """Where nobody listens the status is 503, and the body says why."""
    async with open_tcp_server(echo) as gone:
        pass
    async with (
        open_http_proxy(resolve={"gone.test": "127.0.0.1"}) as proxy,
        await connect(proxy) as stream,
    ):
        response, body = await Client(stream).ask(f"{name}:{gone.port}")
        assert response.status_code == 503
        assert body.endswith(b" is refused\n")


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_other_methods(method: str) -> None:
    """Only CONNECT is served; others are recorded and get 405."""
    async with open_http_proxy() as proxy, await connect(proxy) as stream:
        client = Client(stream)
        response, _ = await client.ask("http://echo.test/", method=method)
        assert response.status_code == 405
        assert dict(response.headers)[b"allow"] == b"CONNECT"
        (request,) = proxy.requests
        assert (request.method, request.host) == (method, "http://echo.test/")


@pytest.mark.parametrize("junk", [b"\x05\x01\x00\r\n\r\n", b"CONNECT\r\n\r\n", b"CONNECT x:1 HTTP"])
async def test_junk(junk: bytes) -> None:
    """What is not HTTP gets 400, is recorded as an error, and does not stop the proxy."""
    async with open_http_proxy() as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(junk)
            await stream.send_eof()
            answer = b"".join([chunk async for chunk in stream])
            assert answer.startswith(b"HTTP/1.1 400 ")
        await proxy.wait_for("close")
        assert [type(error) for error in proxy.errors] == [h11.RemoteProtocolError]
        async with await connect(proxy) as stream:
            assert (await Client(stream).ask("x.test:1"))[0].status_code == 502


async def test_a_client_that_says_nothing() -> None:
    """Connecting and leaving is no error."""
    async with open_http_proxy() as proxy:
        async with await connect(proxy):
            pass
        await proxy.wait_for("close")
        assert proxy.errors == []
        assert proxy.requests == []


async def test_resolve() -> None:
    """Names are dialed as the test says, whatever their case or final dot; ports may change."""
    async with open_tcp_server(echo) as server:
        resolve = {
            "Echo.test": server.host,
            "other.test": (server.host, server.port),
            "192.0.2.1": server.host,
        }
        async with open_http_proxy(resolve=resolve) as proxy:
            for target in [
                f"echo.TEST.:{server.port}",
                "other.test:80",
                f"192.0.2.1:{server.port}",
                f"localhost:{server.port}",
            ]:
                async with await connect(proxy) as stream:
                    response, _ = await Client(stream).ask(target)
                    assert response.status_code == 200
            assert proxy.requests[0].host == "echo.TEST."
            assert proxy.requests[0].address_type == "name"
        assert server.connections == 4


async def test_urls(certificates: Certificates) -> None:
    """``url`` gets a client through; other URLs have no secrets unless asked for; all are encoded."""
    async with open_http_proxy(credentials=("ada", "secret")) as proxy:
        assert proxy.url == f"http://ada:secret@127.0.0.1:{proxy.port}"
        assert proxy.url_for() == f"http://127.0.0.1:{proxy.port}"
        assert (
            proxy.url_for(credentials=("a:b", "p@ß/"), host="proxy.test")
            == f"http://a%3Ab:p%40%C3%9F%2F@proxy.test:{proxy.port}"
        )
        assert proxy.url_for(credentials=("ada", None)) == f"http://ada@127.0.0.1:{proxy.port}"
    async with open_echo_server() as echo:
        for kind in (open_http_proxy, open_socks_proxy):
            async with kind(credentials=("a@b", "p:ß/%")) as proxy:
                async with open_websocket_url(echo.url, proxy=proxy.url) as ws:
                    await ws.send("hello")
                    assert await ws.receive() == "hello"
                assert proxy.logins == [("a@b", "p:ß/%")]
    async with open_http_proxy(ssl_context=certificates.server_context()) as proxy:
        assert proxy.url == f"https://localhost:{proxy.port}"
    async with open_http_proxy(host="::1") as proxy:
        assert proxy.url == f"http://[::1]:{proxy.port}"


async def test_kill_ends_tunnels() -> None:
    """Pulling the plug resets the client, and the target notices."""
    async with open_echo_server() as server, open_http_proxy() as proxy:
        async with await connect(proxy) as stream:
            await Client(stream).ask(server.authority)
            proxy.kill()
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        await server.wait_for("close")
        assert proxy.open_connections == server.open_connections == 0
