"""The whole job, end to end: a WebSocket by every way, to every kind of address.

=============  ==========================================================================
way            direct, each kind of proxy, and chains of them
server         ws, wss
address        IPv4, IPv6, a name (resolved by the proxy, or here, as its scheme says)
credentials    right, wrong, none
outcome        works, refused, silent, cut, cancelled
=============  ==========================================================================

The proxies record what they carry, so a client that went around them would fail here. After
each failure they have been hung up on, and no socket and no task is left.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from _left import nothing_left
from trio.testing import MockClock

from trio_wsproxy import (
    ConnectionTimeout,
    HandshakeError,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyProtocolError,
    ProxyRejected,
    ServerUnreachable,
    open_websocket_url,
)
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy.testing import (
    Certificates,
    CutAnswer,
    EchoServer,
    ProxyServer,
    Stall,
    TCPServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

PASSWORD = "s3cret \N{EURO SIGN}:@/"
WAYS = [
    (),
    ("http",),
    ("https",),
    ("socks4",),
    ("socks4a",),
    ("socks5",),
    ("socks5h",),
    ("http", "socks5h"),
    ("socks5", "http"),
    ("https", "https"),
    ("socks5h", "https", "socks4a"),
]
RESOLVED_HERE = {(), ("socks4",), ("socks5",)}
ADDRESSES = {"IPv4": "127.0.0.1", "IPv6": "::1", "name": "echo.test"}
LISTENS_ON = {"IPv4": "127.0.0.1", "IPv6": "::1", "name": "127.0.0.1"}


def every(*, through: Iterable[tuple[str, ...]] = WAYS) -> pytest.MarkDecorator:
    """Parametrise a test with all ways, servers and addresses that go together."""
    rows = [
        pytest.param(way, scheme, kind, id=f"{'-'.join(way) or 'direct'}-{scheme}-{kind}")
        for way in through
        for scheme in ("ws", "wss")
        for kind in ADDRESSES
        if (way[-1:], kind) != (("socks4",), "IPv6")  # see test_ipv6_over_socks4
    ]
    return pytest.mark.parametrize(("way", "scheme", "kind"), rows)


def url_of(scheme: str, kind: str, port: int) -> str:
    """The URL of a server on this machine."""
    host = "[::1]" if kind == "IPv6" else ADDRESSES[kind]
    return f"{scheme}://{host}:{port}"


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


class Names(trio.abc.HostnameResolver):
    """This machine's name service."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        trio.socket.set_custom_hostname_resolver(self)  # until the end of this trio run

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        assert name in ("localhost", "echo.test")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


class Scene:
    """A client's surroundings: names, a server, proxies, and the way through them."""

    def __init__(self, certificates: Certificates, stack: AsyncExitStack) -> None:
        self.names = Names()
        self.proxies: list[ProxyServer] = []
        self.hops: list[Proxy] = []
        self._certificates = certificates
        self._stack = stack

    async def serve(self, scheme: str, kind: str) -> tuple[EchoServer, str]:
        """Run an echo server; return it and its URL."""
        context = None
        if scheme == "wss":
            context = self._certificates.server_context("echo.test", "127.0.0.1", "::1")
        host = LISTENS_ON[kind]
        server = await self._stack.enter_async_context(
            open_echo_server(host=host, ssl_context=context)
        )
        return server, server.url_for(ADDRESSES[kind])

    async def serve_tcp(self, scheme: str, kind: str, handler: Any) -> tuple[TCPServer, str]:
        """Run a server that does what ``handler`` does; return it and its URL."""
        host = LISTENS_ON[kind]
        server = await self._stack.enter_async_context(open_tcp_server(handler, host=host))
        return server, url_of(scheme, kind, server.port)

    async def build(
        self, way: tuple[str, ...], *, credentials: str = "right", script: Iterable[Any] = ()
    ) -> None:
        """Run the proxies of a way; the last is the one with the script and the trouble."""
        for number, scheme in enumerate(way, start=1):
            last = number == len(way)
            socks4 = scheme.startswith("socks4")
            login = ("ada", None if socks4 else PASSWORD)
            presented: Any = login
            if last and credentials == "wrong":
                presented = ("eve", None) if socks4 else ("ada", f"wrong-{PASSWORD}")
            if last and credentials == "none":
                presented = None
            tls = scheme == "https"
            opener = open_http_proxy if scheme.startswith("http") else open_socks_proxy
            proxy = await self._stack.enter_async_context(
                opener(
                    ssl_context=self._certificates.server_context() if tls else None,
                    credentials=login,
                    script=script if last else (),
                    resolve={"echo.test": "127.0.0.1"},
                )
            )
            self.proxies.append(proxy)
            self.hops.append(
                Proxy(
                    proxy.url_for(scheme, credentials=presented),
                    ssl_context=self._certificates.client_context() if tls else None,
                )
            )

    def open(self, url: str, **options: Any) -> Any:
        """Open a WebSocket through all hops."""
        context = self._certificates.client_context() if url.startswith("wss") else None
        return open_websocket_url(url, context, proxy=self.hops, **options)

    async def hung_up(self) -> None:
        """Wait until all proxies have seen the end of all their connections."""
        for proxy in self.proxies:
            await proxy.wait_for("close", proxy.connections)


@asynccontextmanager
async def scene(certificates: Certificates) -> AsyncIterator[Scene]:
    """Set the scene, and see to it that nothing is left of it."""
    async with nothing_left(), AsyncExitStack() as stack:
        yield Scene(certificates, stack)


def check_record(scene: Scene, way: tuple[str, ...], port: int, kind: str) -> None:
    """Hold that each proxy was asked for the next one, and the last for the server."""
    ports = [*[proxy.port for proxy in scene.proxies], port][1:]
    for proxy, expected in zip(scene.proxies, ports, strict=True):
        assert [request.port for request in proxy.requests] == [expected]
    if way:
        request = scene.proxies[-1].requests[0]
        here = kind == "name" and way[-1:] in RESOLVED_HERE
        assert request.host == ("127.0.0.1" if here else ADDRESSES[kind])
    asked = "echo.test" in scene.names.asked
    assert asked == (kind == "name" and way[-1:] in RESOLVED_HERE)


# --- works -------------------------------------------------------------------------------


@every()
async def test_works(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str
) -> None:
    """With the right credentials a message goes there and back, through every proxy."""
    async with scene(certificates) as s:
        server, url = await s.serve(scheme, kind)
        await s.build(way)
        async with s.open(url) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
        assert server.messages == ["hello"]
        check_record(s, way, server.port, kind)
        for proxy, hop in zip(s.proxies, way, strict=True):
            password = None if hop.startswith("socks4") else PASSWORD
            assert proxy.logins == [("ada", password)]
            assert proxy.bytes_up > 100  # the request and the frames
        await s.hung_up()


# --- credentials -------------------------------------------------------------------------


@every(through=[way for way in WAYS if way])
@pytest.mark.parametrize("credentials", ["wrong", "none"])
async def test_credentials(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str, credentials: str
) -> None:
    """With others, or none, the last proxy refuses, and is the one that is named."""
    async with scene(certificates) as s:
        server, url = await s.serve(scheme, kind)
        await s.build(way, credentials=credentials)
        with pytest.raises(ProxyRejected) as caught:
            async with s.open(url):
                pass
        error = caught.value
        socks4 = way[-1].startswith("socks4")
        assert type(error) is (ProxyRejected if socks4 else ProxyAuthenticationError)
        assert (error.hop, error.proxy) == (len(way), str(s.hops[-1]))
        assert "s3cret" not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
        assert server.connections == 0
        await s.hung_up()


# --- refused -----------------------------------------------------------------------------


@every()
async def test_refused(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str
) -> None:
    """A server that is down is told as that, by the proxy that tried."""
    family = socket.AF_INET6 if kind == "IPv6" else socket.AF_INET
    # Bound but not listening: refused, and given to nobody else meanwhile.
    with socket.socket(family) as bound:
        bound.bind((LISTENS_ON[kind], 0))
        port = bound.getsockname()[1]
        async with scene(certificates) as s:
            await s.build(way)
            with pytest.raises((ProxyRejected, ServerUnreachable)) as caught:
                async with s.open(url_of(scheme, kind, port)):
                    pass
            error = caught.value
            if isinstance(error, ProxyRejected):
                assert error.hop == len(way)
                assert error.status_code == 503 or error.reply_code in (5, 91)
            else:
                assert not way
                assert getattr(error, "stage", None) == "tcp"
            assert f":{port}" in str(error)
            check_record(s, way, port, kind)
            await s.hung_up()


# --- silent and cancelled ----------------------------------------------------------------


async def keep_silent(stream: trio.abc.Stream) -> None:
    """Read whatever comes and say nothing."""
    async for _ in stream:
        pass


@asynccontextmanager
async def open_silent(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str
) -> AsyncIterator[Any]:
    """Set a scene whose last proxy, or else its server, falls silent.

    Yields the scene, the URL to open, and a function that waits for the silence.
    """
    async with scene(certificates) as s:
        server, url = await s.serve_tcp(scheme, kind, keep_silent)
        await s.build(way, script=[Stall("reply")] if way else ())

        async def silence() -> None:
            await (s.proxies[-1].wait_for("stall") if way else server.wait_for("accept"))
            await trio.testing.wait_all_tasks_blocked()

        yield s, url, silence
        await s.hung_up()
        assert server.connections == (not way)
        await server.wait_for("close", server.connections)


@every()
async def test_silent(
    certificates: Certificates,
    way: tuple[str, ...],
    scheme: str,
    kind: str,
    mock_clock: MockClock,
) -> None:
    """Silence is ended by the deadline, and the message says whose silence it was."""
    async with open_silent(certificates, way, scheme, kind) as (s, url, silence):
        async with trio.open_nursery() as nursery:

            async def let_time_pass() -> None:
                await silence()
                mock_clock.jump(5)

            nursery.start_soon(let_time_pass)
            with pytest.raises(ConnectionTimeout) as caught:
                async with s.open(url, connect_timeout=5):
                    pass
        text = str(caught.value)
        assert text.startswith(f"no connection to {url}/ within 5 s; was waiting for the ")
        failure = failure_of(caught.value)
        assert failure is not None
        assert failure.place.hop == (len(way) or None)
        if way:
            assert failure.place.url == str(s.hops[-1])
            assert f" of proxy {s.hops[-1]} (" in text
        else:
            who = "TLS handshake with the server" if scheme == "wss" else "answer of ws://"
            assert who in text
        assert "s3cret" not in text


@every()
async def test_cancelled(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str
) -> None:
    """Cancelling ends it at once, and hangs up on all."""
    async with open_silent(certificates, way, scheme, kind) as (s, url, silence):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await silence()
                    scope.cancel()

                nursery.start_soon(cancel)
                async with s.open(url):
                    pass
        assert scope.cancelled_caught


# --- cut ---------------------------------------------------------------------------------


async def hang_up(stream: trio.abc.Stream) -> None:
    """Take the client's first bytes and close."""
    await stream.receive_some()


@every()
async def test_cut(
    certificates: Certificates, way: tuple[str, ...], scheme: str, kind: str
) -> None:
    """An answer that is cut is told as that, with the hop."""
    async with scene(certificates) as s:
        server, url = await s.serve_tcp(scheme, kind, hang_up)
        await s.build(way, script=[CutAnswer(1)] if way else ())
        with pytest.raises(HandshakeError, match="closed the connection") as caught:
            async with s.open(url):
                pass
        if way:
            assert type(caught.value) is ProxyProtocolError
            assert caught.value.hop == len(way)
            check_record(s, way, server.port, kind)
        await s.hung_up()


# --- what does not go together -----------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_ipv6_over_socks4(certificates: Certificates, scheme: str) -> None:
    """SOCKS4 cannot carry an IPv6 address: refused before the proxy is dialed."""
    async with scene(certificates) as s:
        await s.build(("socks4",))
        with pytest.raises(ProxyConfigError, match="SOCKS4 carries IPv4 addresses only"):
            async with s.open(f"{scheme}://[::1]:80"):
                pass
        assert s.proxies[0].connections == 0
