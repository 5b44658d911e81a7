"""The SOCKS proxy, driven by python-socks and by bytes of our own."""

from __future__ import annotations

import ssl

import pytest
import python_socks
import trio
from python_socks.async_.trio import Proxy

from trio_wsproxy.testing import Certificates, ProxyServer, open_socks_proxy, open_tcp_server


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


async def shout(stream: trio.abc.Stream) -> None:
    """Answer in capitals once all was said; it needs the client's half-close."""
    assert isinstance(stream, trio.SocketStream)
    said = b"".join([chunk async for chunk in stream])
    await stream.send_all(said.upper())
    await stream.send_eof()


async def connect(proxy: ProxyServer) -> trio.SocketStream:
    """Open a plain connection to the proxy."""
    return await trio.open_tcp_stream(proxy.host, proxy.port)


async def tunnel(url: str, host: str, port: int, *, rdns: bool) -> trio.SocketStream:
    """Open a tunnel with python-socks, which knows no socks5h and no socks4a."""
    kind, _, rest = url.partition("://")
    client = Proxy.from_url(f"{kind[:6]}://{rest}", rdns=rdns)
    return trio.SocketStream(await client.connect(host, port, timeout=60))


@pytest.mark.parametrize(
    ("scheme", "rdns", "protocol", "address_type"),
    [
        ("socks4", False, "socks4", "ipv4"),
        ("socks4a", True, "socks4a", "name"),
        ("socks5", False, "socks5", "ipv4"),
        ("socks5h", True, "socks5", "name"),
    ],
)
@pytest.mark.parametrize("credentials", [None, ("ada", "secret")])
async def test_tunnel(
    scheme: str,
    rdns: bool,
    protocol: str,
    address_type: str,
    credentials: tuple[str, str] | None,
) -> None:
    """Each protocol opens a tunnel, with and without credentials, and is recorded."""
    async with (
        open_tcp_server(echo) as server,
        open_socks_proxy(credentials=credentials, resolve={"echo.test": server.host}) as proxy,
    ):
        url = proxy.url_for(scheme, credentials=credentials)
        host = "echo.test" if rdns else server.host
        async with await tunnel(url, host, server.port, rdns=rdns) as stream:
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
        await proxy.wait_for("close")
        await server.wait_for("close")
        (request,) = proxy.requests
        assert (request.protocol, request.method) == (protocol, "CONNECT")
        assert (request.host, request.port) == (host, server.port)
        assert request.address_type == address_type
        secret = None if protocol.startswith("socks4") or credentials is None else credentials[1]
        assert request.username == (None if credentials is None else "ada")
        assert request.password == secret
        assert proxy.logins == ([] if credentials is None else [("ada", secret)])
        assert (proxy.bytes_up, proxy.bytes_down) == (5, 5)
        assert (proxy.connections, server.connections) == (1, 1)
        assert proxy.errors == []


async def test_ipv6_targets() -> None:
    """SOCKS5 carries IPv6 addresses, and answers with one."""
    async with open_tcp_server(echo, host="::1") as server, open_socks_proxy() as proxy:
        async with await tunnel(proxy.url, "::1", server.port, rdns=False) as stream:
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
        assert proxy.requests[0].address_type == "ipv6"
        assert proxy.requests[0].authority == server.authority
        assert proxy.answers[-1][:4] == b"\x05\x00\x00\x04"
        assert len(proxy.answers[-1]) == 4 + 16 + 2


async def test_bound_addresses() -> None:
    """The answer has the proxy's end of the connection to the target, as the target sees it."""
    peers: list[tuple[str, int]] = []

    async def handler(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        peers.append(stream.socket.getpeername())
        await echo(stream)

    async with open_tcp_server(handler) as server, open_socks_proxy() as proxy:
        port = server.port.to_bytes(2, "big")
        async with await connect(proxy) as stream:
            await stream.send_all(b"\x04\x01" + port + b"\x7f\0\0\x01\0")
            answer = await stream.receive_some()
            await stream.send_all(b"x")
            await stream.receive_some()
            assert answer == b"\x00\x5a" + peers[0][1].to_bytes(2, "big") + b"\x7f\0\0\x01"
        async with await connect(proxy) as stream:
            await stream.send_all(b"\x05\x01\x00")
            await stream.receive_some()
            await stream.send_all(b"\x05\x01\x00\x01\x7f\0\0\x01" + port)
            answer = await stream.receive_some()
            await stream.send_all(b"x")
            await stream.receive_some()
            bound = b"\x7f\0\0\x01" + peers[1][1].to_bytes(2, "big")
            assert answer == b"\x05\x00\x00\x01" + bound


async def test_half_close_and_exact_reading() -> None:
    """Bytes right behind the request are the tunnel's, and its end reaches the target."""
    async with open_tcp_server(shout) as server, open_socks_proxy() as proxy:
        port = server.port.to_bytes(2, "big")
        for messages, answers in [
            (b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port, 2 + 10),
            (b"\x05\x01\x00" + b"\x05\x01\x00\x03\x09localhost" + port, 2 + 10),
            (b"\x04\x01" + port + b"\x7f\x00\x00\x01ada\x00", 8),
            (b"\x04\x01" + port + b"\x00\x00\x00\x01\x00localhost\x00", 8),
        ]:
            async with await connect(proxy) as stream:
                await stream.send_all(messages + b"hello")
                await stream.send_eof()
                answer = b"".join([chunk async for chunk in stream])
                assert answer[answers:] == b"HELLO"
        assert proxy.greetings == [(0,), (0,)]


async def test_credentials_are_utf_8() -> None:
    """User name and password are UTF-8; what is not ends the connection and is an error."""
    async with open_socks_proxy(credentials=("ädä", "s€cret")) as proxy:
        secret = "s€cret".encode()
        for user, answer in [("ädä".encode(), b"\x01\x00"), ("ädä".encode("latin-1"), b"")]:
            async with await connect(proxy) as stream:
                await stream.send_all(b"\x05\x01\x02")
                assert await stream.receive_some() == b"\x05\x02"
                await stream.send_all(bytes([1, len(user)]) + user)
                if answer:
                    await stream.send_all(bytes([len(secret)]) + secret)
                assert await stream.receive_some() == answer
        assert proxy.logins == [("ädä", "s€cret")]
        await proxy.wait_for("close", 2)
        assert [type(error) for error in proxy.errors] == [UnicodeDecodeError]


async def test_bytes_one_by_one() -> None:
    """A client may send its messages a byte at a time."""
    async with open_tcp_server(echo) as server, open_socks_proxy(credentials=("u", "p")) as proxy:
        async with await connect(proxy) as stream:
            port = server.port.to_bytes(2, "big")
            for message, answer in [
                (b"\x05\x02\x00\x02", b"\x05\x02"),
                (b"\x01\x01u\x01p", b"\x01\x00"),
                (b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port, b"\x05\x00\x00\x01\x7f\x00\x00\x01"),
            ]:
                for byte in message:
                    await stream.send_all(bytes([byte]))
                received = await stream.receive_some()
                assert received.startswith(answer)
        assert proxy.greetings == [(0, 2)]


@pytest.mark.parametrize(
    ("credentials", "greeting", "login", "answer"),
    [
        (None, b"\x05\x01\x02", b"", b"\x05\xff"),
        (None, b"\x05\x00", b"", b"\x05\xff"),
        (("u", "p"), b"\x05\x01\x00", b"", b"\x05\xff"),
        (("u", "p"), b"\x05\x01\x02", b"\x01\x01u\x01q", b"\x05\x02\x01\x01"),
        (("u", "p"), b"\x05\x01\x02", b"\x01\x01u\x00", b"\x05\x02\x01\x01"),
    ],
)
async def test_logins_refused(
    credentials: tuple[str, str] | None, greeting: bytes, login: bytes, answer: bytes
) -> None:
    """No common method is 0xFF, a wrong password is 1, and both end the connection."""
    async with open_socks_proxy(credentials=credentials) as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(greeting + login)
            assert b"".join([chunk async for chunk in stream]) == answer
        assert proxy.requests == []
        assert [user for user, _ in proxy.logins] == (["u"] if login else [])
        assert proxy.errors == []


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_wrong_credentials(scheme: str) -> None:
    """python-socks too understands that its credentials are wrong."""
    async with open_socks_proxy(credentials=("ada", "secret")) as proxy:
        with pytest.raises(python_socks.ProxyError):
            await tunnel(
                proxy.url_for(scheme, credentials=("bob", "x")), "127.0.0.1", 1, rdns=False
            )
        if scheme == "socks4":
            assert proxy.answers[-1][1] == 93


@pytest.mark.parametrize(
    ("host", "code"),
    [("gone.test", 5), ("127.0.0.1", 5), ("nobody.test", 4), ("192.0.2.1", 2), ("2001:db8::1", 2)],
)
async def test_reply_codes(host: str, code: int) -> None:
    """Refused, unresolvable and forbidden targets have their codes, and 91 in SOCKS4."""
    async with open_tcp_server(echo) as gone:
        pass
    async with open_socks_proxy(resolve={"gone.test": "127.0.0.1"}) as proxy:
        with pytest.raises(python_socks.ProxyError) as caught:
            await tunnel(proxy.url_for("socks5"), host, gone.port, rdns=True)
        assert caught.value.error_code == code
        if ":" not in host:
            with pytest.raises(python_socks.ProxyError) as caught:
                await tunnel(proxy.url_for("socks4"), host, gone.port, rdns=True)
            assert caught.value.error_code == 91
        await proxy.wait_for("close", proxy.connections)
        assert proxy.errors == []


@pytest.mark.parametrize(
    ("request_bytes", "answer", "method"),
    [
        (b"\x05\x02\x00\x01\x7f\0\0\1\0\1", b"\x05\x07", "BIND"),
        (b"\x05\x03\x00\x01\x7f\0\0\1\0\1", b"\x05\x07", "UDP ASSOCIATE"),
        (b"\x05\x09\x00\x01\x7f\0\0\1\0\1", b"\x05\x07", "9"),
        (b"\x05\x01\x00\x02", b"\x05\x08", None),
        (b"\x04\x02\0\1\x7f\0\0\1\0", b"\x00\x5b", "BIND"),
    ],
)
async def test_unknown_commands(request_bytes: bytes, answer: bytes, method: str | None) -> None:
    """Commands other than CONNECT and unknown address types have their own refusals."""
    async with (
        open_tcp_server(echo) as server,
        # Where the requests ask to go there is somebody; it is the command that is refused.
        open_socks_proxy(resolve={"127.0.0.1": (server.host, server.port)}) as proxy,
        await connect(proxy) as stream,
    ):
        is_5 = request_bytes[0] == 5
        await stream.send_all((b"\x05\x01\x00" if is_5 else b"") + request_bytes)
        received = b"".join([chunk async for chunk in stream])
        assert received[2 if is_5 else 0 :][:2] == answer
        assert [request.method for request in proxy.requests] == ([method] if method else [])
        assert server.connections == 0


@pytest.mark.parametrize(
    ("versions", "first"), [((5,), b"\x04"), ((4,), b"\x05"), ((4, 5), b"\x06"), ((4, 5), b"G")]
)
async def test_other_versions(versions: tuple[int, ...], first: bytes) -> None:
    """A client of another version is hung up on, and the error says so."""
    async with open_socks_proxy(versions=versions) as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(first)
            assert await stream.receive_some() == b""
        await proxy.wait_for("close")
        (error,) = proxy.errors
        assert f"version {first[0]}" in str(error)
        assert proxy.answers == []


async def test_versions_that_do_not_exist() -> None:
    """There are two versions to choose from."""
    for versions in ([], [6], [4, 3]):
        with pytest.raises(ValueError, match="SOCKS has versions 4 and 5"):
            async with open_socks_proxy(versions=versions):
                raise AssertionError("the block must not start")


@pytest.mark.parametrize(
    "cut", [b"\x05\x02\x00", b"\x05\x01\x00\x05\x01", b"\x04\x01\x00", b"\x04\x01\0\1\x7f\0\0\1ada"]
)
async def test_a_client_that_hangs_up(cut: bytes) -> None:
    """Leaving inside a message is kept as an error that says where."""
    async with open_socks_proxy() as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(cut)
            await stream.send_eof()
            async for _ in stream:
                pass
        await proxy.wait_for("close")
        (error,) = proxy.errors
        assert isinstance(error, EOFError)
        assert "hung up after" in str(error)


@pytest.mark.parametrize("messages", [b"", b"\x05\x01\x02", b"\x05\x01\x02\x01\x01u\x01p"])
async def test_a_client_that_leaves_between_messages(messages: bytes) -> None:
    """Leaving before a message is no error: clients are cancelled there."""
    async with open_socks_proxy(credentials=("u", "p")) as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(messages)
            await stream.send_eof()
            async for _ in stream:
                pass
        await proxy.wait_for("close")
        assert proxy.errors == []


async def test_a_string_without_end() -> None:
    """A SOCKS4 client cannot make the proxy read for ever."""
    async with open_socks_proxy() as proxy:
        async with await connect(proxy) as stream:
            await stream.send_all(b"\x04\x01\0\1\x7f\0\0\1" + b"x" * 256)
            await proxy.wait_for("close")
        (error,) = proxy.errors
        assert str(error) == "the user id has no end"


async def test_tls(certificates: Certificates) -> None:
    """SOCKS runs inside TLS, and python-socks can use it."""
    context: ssl.SSLContext = certificates.client_context()
    async with (
        open_tcp_server(echo) as server,
        open_socks_proxy(ssl_context=certificates.server_context()) as proxy,
        await trio.open_ssl_over_tcp_stream("localhost", proxy.port, ssl_context=context) as stream,
    ):
        assert proxy.url == f"socks5h://localhost:{proxy.port}"
        await stream.send_all(b"\x05\x01\x00")
        assert await stream.receive_some() == b"\x05\x00"
        await stream.send_all(b"\x05\x01\x00\x01\x7f\0\0\1" + server.port.to_bytes(2, "big"))
        assert (await stream.receive_some())[:2] == b"\x05\x00"
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"


async def test_urls() -> None:
    """The URL's scheme is one whose names the proxy resolves."""
    async with open_socks_proxy() as proxy, open_socks_proxy(versions=[4]) as old:
        assert proxy.url == f"socks5h://127.0.0.1:{proxy.port}"
        assert old.url == f"socks4a://127.0.0.1:{old.port}"
        assert proxy.url_for("socks4") == f"socks4://127.0.0.1:{proxy.port}"
