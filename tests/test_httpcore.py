"""HTTP through all proxies: both client libraries, a real server, the proxies of trio_wsproxy.testing."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import ssl
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from _web import CHUNK, LIBRARIES, Library, Web, make_web, open_web_server

import trio_wsproxy
from trio_wsproxy import (
    ConnectionTimeout,
    Failover,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
)
from trio_wsproxy.testing import (
    Answer,
    Fail,
    ProxyServer,
    Stall,
    open_counting_relay,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

pytestmark = pytest.mark.parametrize("library", LIBRARIES)
NAMES = {"web.test": "127.0.0.1"}
HTTP2 = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
SECRET = "sEcReT-77"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """An authority and a server's certificate."""
    return make_web(tmp_path_factory.mktemp("web"))


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's environment says, a test begins without."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def client(library: Library, web: Web) -> Callable[..., Any]:
    """Make a client, with the transport's parameters."""

    def make(proxy: Any = True, *, timeout: Any = 20, **options: Any) -> Any:
        options.setdefault("verify", web.certificates.client_context())
        transport = library.ours.AsyncHTTPTransport(proxy, **options)
        return library.client.AsyncClient(transport=transport, timeout=timeout)

    return make


# --- ways ----------------------------------------------------------------------------------


async def proxies(stack: AsyncExitStack, web: Web, kinds: str) -> tuple[list[Proxy], Any]:
    """Open proxies of these kinds; give them as hops, and the servers."""
    hops, servers = [], []
    for kind in kinds.split():
        opened: Any
        if kind == "https":
            context = web.certificates.server_context("localhost")
            opened = open_http_proxy(ssl_context=context, resolve=NAMES)
        elif kind == "http":
            opened = open_http_proxy(resolve=NAMES, credentials=("ada", "lovelace"))
        else:
            opened = open_socks_proxy(resolve=NAMES)
        server: ProxyServer = await stack.enter_async_context(opened)
        servers.append(server)
        if kind == "https":
            hops.append(Proxy(server.url, ssl_context=web.certificates.client_context()))
        elif kind == "http":
            hops.append(Proxy(server.url_for(credentials=("ada", "lovelace"))))
        else:
            hops.append(Proxy(server.url_for(kind)))
    return hops, servers


@HTTP2
@pytest.mark.parametrize(
    "kinds", ["", "http", "https", "socks4a", "socks5", "socks5h", "https socks5h http"]
)
async def test_ways(client: Callable[..., Any], web: Web, kinds: str, http2: bool) -> None:
    """A request goes through every kind of proxy and through chains, by HTTP/1.1 and by HTTP/2."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server(web.pem))
        hops, servers = await proxies(stack, web, kinds)
        host = "127.0.0.1" if kinds in ("", "socks5") else "web.test"
        url = server.url_for(host)
        async with client(hops or None, http2=http2) as c:
            response = await c.get(f"{url}/hello")
            assert response.status_code == 200
            assert response.json()["version"] == ("2" if http2 else "1.1")
            assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
            stream = response.extensions["network_stream"]
            assert stream.get_extra_info("route").hops == tuple(hops)
            for number, proxy in enumerate(servers, start=1):
                asked = [*(hop.authority for hop in hops), f"{host}:{server.port}"][number]
                assert [(x.method, x.authority) for x in proxy.requests] == [("CONNECT", asked)]
            sock = stream.get_extra_info("socket")
            assert sock.fileno() >= 0
        assert sock.fileno() < 0


@pytest.mark.parametrize("kinds", ["", "http", "https", "socks5h", "http https"])
async def test_plain_http(client: Callable[..., Any], web: Web, kinds: str) -> None:
    """http:// is tunnelled, too: an HTTP proxy is asked by CONNECT and sees nothing of the request."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server())
        hops, servers = await proxies(stack, web, kinds)
        async with client(hops or None, http2=True) as c:
            response = await c.get(f"{server.url}/hello")
            assert response.json()["version"] == "1.1"
            stream = response.extensions["network_stream"]
            assert stream.get_extra_info("ssl_object") is None
        assert [x.method for proxy in servers for x in proxy.requests] == ["CONNECT"] * len(hops)


async def test_uppermost_tls_is_the_server_s(client: Callable[..., Any], web: Web) -> None:
    """What a stream tells of TLS is what was agreed on with the server, not with a proxy."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server(web.pem))
        hops, (proxy,) = await proxies(stack, web, "https")
        async with client(hops, http2=True) as c:
            response = await c.get(f"{server.url}/hello")
            stream = response.extensions["network_stream"]
            tls = stream.get_extra_info("ssl_object")
            assert tls.selected_alpn_protocol() == "h2"
            assert ("DNS", "web.test") in tls.getpeercert()["subjectAltName"]
            assert tls.version() == "TLSv1.3"
            assert stream.get_extra_info("server_addr")[1] == proxy.port
            assert stream.get_extra_info("client_addr")[0] == "127.0.0.1"
            assert stream.get_extra_info("socket").getpeername()[1] == proxy.port
            assert stream.get_extra_info("is_readable") is False
            assert stream.get_extra_info("nothing known") is None
            report = stream.get_extra_info("dial_report")
            names = [stage.name for stage in report.stages]
            assert names[-2:] == ["connect", "server_tls"]


@HTTP2
async def test_failover(client: Callable[..., Any], web: Web, http2: bool) -> None:
    """A proxy that is down is passed over, and the others are tried in order."""
    async with open_web_server(web.pem) as server, open_http_proxy(resolve=NAMES) as proxy:
        async with open_http_proxy() as down:
            pass
        way = Failover(down.url, proxy.url)
        async with client(way, http2=http2) as c:
            response = await c.get(f"{server.url_for('web.test')}/hello")
            route = response.extensions["network_stream"].get_extra_info("route")
            assert [hop.port for hop in route.hops] == [proxy.port]
            assert len(route.tried) == 1


@pytest.mark.skipif(not importlib.util.find_spec("quickjs"), reason="PAC scripts need an engine")
async def test_pac(client: Callable[..., Any], web: Web) -> None:
    """A PAC script is asked with the scheme of the request."""
    async with AsyncExitStack() as stack:
        secure = await stack.enter_async_context(open_web_server(web.pem))
        plain = await stack.enter_async_context(open_web_server())
        first = await stack.enter_async_context(open_http_proxy(resolve=NAMES))
        second = await stack.enter_async_context(open_socks_proxy(resolve=NAMES))
        script = f"""function FindProxyForURL(url, host) {{
            if (url == "https://web.test:{secure.port}/") return "PROXY {first.authority}";
            if (url == "http://web.test:{plain.port}/") return "SOCKS5 {second.authority}";
        }}"""
        async with client(trio_wsproxy.PAC(script)) as c:
            for server in (secure, plain):
                response = await c.get(f"{server.url_for('web.test')}/hello?a=b")
                assert response.status_code == 200
        assert [x.port for x in first.requests] == [secure.port]
        assert [x.port for x in second.requests] == [plain.port]


async def test_environment(
    client: Callable[..., Any], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each scheme goes by its own variable, no_proxy counts, and httpx does not double a proxy."""
    async with AsyncExitStack() as stack:
        secure = await stack.enter_async_context(open_web_server(web.pem))
        plain = await stack.enter_async_context(open_web_server())
        first = await stack.enter_async_context(open_http_proxy(resolve=NAMES))
        second = await stack.enter_async_context(open_http_proxy(resolve=NAMES))
        monkeypatch.setenv("https_proxy", first.url)
        monkeypatch.setenv("http_proxy", second.url)
        async with client() as c:
            for server in (secure, plain):
                response = await c.get(f"{server.url_for('web.test')}/hello")
                assert response.status_code == 200
            assert [x.authority for x in first.requests] == [f"web.test:{secure.port}"]
            assert [x.authority for x in second.requests] == [f"web.test:{plain.port}"]
            response = await c.get(f"{plain.url}/hello")
            route = response.extensions["network_stream"].get_extra_info("route")
            assert route.source == "loopback rule"


async def test_neither_scheme_goes_by_the_other_s_variable(
    client: Callable[..., Any], library: Library, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With http_proxy alone an https:// URL is connected to directly, as everywhere."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with client() as c:
        with pytest.raises(library.client.ConnectError, match=r"has no address here"):
            await c.get("https://web.invalid/hello")


async def test_backend_alone(library: Library, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network backend serves the library's own pool; there the port says what is spoken."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(open_web_server())
        proxy = await stack.enter_async_context(
            open_http_proxy(resolve={"web.test": ("127.0.0.1", server.port)})
        )
        monkeypatch.setenv("http_proxy", proxy.url)
        backend = library.ours.AsyncNetworkBackend()
        async with library.core.AsyncConnectionPool(network_backend=backend) as pool:
            response = await pool.request("GET", "http://web.test/hello")
            assert response.status == 200
        monkeypatch.delenv("http_proxy")
        monkeypatch.setenv("https_proxy", proxy.url)
        backend = library.ours.AsyncNetworkBackend()
        async with library.core.AsyncConnectionPool(network_backend=backend) as pool:
            response = await pool.request("GET", f"http://web.test:{server.port}/hello")
            assert response.status == 200
        assert [x.port for x in proxy.requests] == [80, server.port]


async def test_pool_alone(library: Library, web: Web) -> None:
    """The pool serves programs that use the lower library; its default trust is the platform's."""
    async with open_web_server(web.pem) as server, open_socks_proxy() as proxy:
        context = web.certificates.client_context()
        pool = library.ours.AsyncConnectionPool(proxy.url, ssl_context=context, http2=True)
        async with pool:
            response = await pool.request("GET", f"{server.url}/hello")
            assert (response.status, response.extensions["http_version"]) == (200, b"HTTP/2")
        async with library.ours.AsyncConnectionPool(proxy.url) as pool:
            with pytest.raises(library.core.ConnectError, match="its certificate was refused"):
                await pool.request("GET", f"{server.url}/hello")


async def test_platform_trust(
    client: Callable[..., Any], web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The default trusts what SSL_CERT_FILE names, offers what was asked for, and is not spoilt."""
    monkeypatch.setenv("SSL_CERT_FILE", str(web.pem.ca))
    async with open_web_server(web.pem) as server:
        for http2 in (True, False, True):
            async with client(None, verify=True, http2=http2) as c:
                response = await c.get(f"{server.url}/hello")
                assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


async def test_verify_false(client: Callable[..., Any], web: Web) -> None:
    """Without verification any server is good."""
    async with open_web_server(web.pem) as server, client(None, verify=False) as c:
        assert (await c.get(f"{server.url}/hello")).status_code == 200


async def test_sni_hostname(client: Callable[..., Any], web: Web) -> None:
    """The extension sni_hostname asks for a certificate of another name than the URL's."""
    async with open_web_server(web.pem) as server:
        url = f"https://127.0.0.2:{server.port}/hello"
        async with open_socks_proxy(resolve={"127.0.0.2": "127.0.0.1"}) as proxy:
            async with client(proxy.url) as c:
                response = await c.get(url, extensions={"sni_hostname": "web.test"})
                assert response.status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix sockets there")
async def test_unix_socket(client: Callable[..., Any], library: Library, tmp_path: Path) -> None:
    """With uds= a Unix socket is connected to, and no proxy."""
    path = tmp_path / "s"
    async with open_web_server(unix=path), client("http://127.0.0.1:1", uds=str(path)) as c:
        response = await c.get("http://web.test/hello")
        assert response.json()["headers"]["host"] == "web.test"
    async with client(None, uds=str(tmp_path / "none")) as c:
        with pytest.raises(
            library.client.ConnectError, match=r"the Unix socket .* cannot be reached"
        ):
            await c.get("http://web.test/hello")


async def test_local_address_and_socket_options(client: Callable[..., Any]) -> None:
    """The socket to the first hop is bound and has its options."""
    option = (trio.socket.SOL_SOCKET, trio.socket.SO_KEEPALIVE, 1)
    async with open_web_server() as server, open_http_proxy() as proxy:
        options = {"local_address": "127.0.0.1", "socket_options": [option]}
        async with client(proxy.url, **options) as c:
            response = await c.get(f"{server.url}/hello")
            sock = response.extensions["network_stream"].get_extra_info("socket")
            assert sock.getsockopt(*option[:2]) == 1


# --- bodies ----------------------------------------------------------------------------------


@HTTP2
async def test_streaming(client: Callable[..., Any], web: Web, http2: bool) -> None:
    """A part of an answer is there before the next one is sent."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        async with (
            client(proxy.url, http2=http2) as c,
            c.stream("GET", f"{server.url}/stream") as response,
        ):
            got = b""
            async for data in response.aiter_raw():
                if not got:
                    assert data == b"one"
                    server.go.set()
                got += data
            assert got == b"onetwo"


@HTTP2
async def test_upload_with_backpressure(client: Callable[..., Any], web: Web, http2: bool) -> None:
    """A body is not read faster than the server takes it, and arrives whole."""
    # More than all windows of HTTP/2, or 64 MiB, more than all kernel buffers on the way.
    total = 16 if http2 else 256
    made = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(total):
            made += 1
            yield CHUNK

    async with open_web_server(web.pem) as server, open_socks_proxy() as proxy:
        async with client(proxy.url, http2=http2) as c, trio.open_nursery() as nursery:
            answers: list[bytes] = []

            async def upload() -> None:
                response = await c.post(f"{server.url}/upload", content=body())
                answers.append(response.content)

            nursery.start_soon(upload)
            while not server.paths:
                await trio.testing.wait_all_tasks_blocked()
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert 0 < made < total
            server.go.set()
        assert answers == [str(total * len(CHUNK)).encode()]
        assert made == total


async def test_large_body_in_one_piece(client: Callable[..., Any], web: Web) -> None:
    """A body that is one piece in memory arrives whole."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        server.go.set()
        async with client(proxy.url) as c:
            response = await c.post(f"{server.url}/upload", content=CHUNK * 20)
            assert response.content == str(20 * len(CHUNK)).encode()


# --- many, and again --------------------------------------------------------------------------


@HTTP2
async def test_concurrent_requests(
    client: Callable[..., Any], library: Library, web: Web, http2: bool
) -> None:
    """A hundred requests at once share one connection of HTTP/2, or as many as are allowed."""
    statuses: list[int] = []
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        limits = library.client.Limits(max_connections=10)
        async with client(proxy.url, http2=http2, limits=limits) as c:

            async def get() -> None:
                statuses.append((await c.get(f"{server.url}/hello")).status_code)

            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(get)
        assert statuses == [200] * 100
        assert len(proxy.requests) == 1 if http2 else 1 <= len(proxy.requests) <= 10


@HTTP2
async def test_reuse(client: Callable[..., Any], library: Library, web: Web, http2: bool) -> None:
    """The next request uses the same tunnel; after the peer has hung up, a new one is opened."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        async with client(proxy.url, http2=http2) as c:
            for _ in range(3):
                assert (await c.get(f"{server.url}/hello")).status_code == 200
            assert len(proxy.requests) == 1
            proxy.kill()
            await proxy.wait_for("close")
            if http2:  # the libraries do not look whether such a connection is alive
                with suppress(library.client.TransportError):
                    await c.get(f"{server.url}/hello")
            assert (await c.get(f"{server.url}/hello")).status_code == 200
            assert len(proxy.requests) == 2


def descriptors() -> int:
    """How many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists descriptors so")
@HTTP2
async def test_no_socket_left(client: Callable[..., Any], web: Web, http2: bool) -> None:
    """Behind the client's block no descriptor is left, whatever became of the requests."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:

        async def use() -> None:
            async with client(proxy.url, http2=http2) as c:
                await c.get(f"{server.url}/hello")
                with trio.move_on_after(0.01):
                    await c.get(f"{server.url}/never")
                async with c.stream("GET", f"{server.url}/never") as response:
                    assert response.status_code == 200

        await use()
    gc.collect()
    before = descriptors()
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        await use()
    assert descriptors() <= before


# --- endings -----------------------------------------------------------------------------------


@HTTP2
async def test_pulled_plug(
    client: Callable[..., Any], library: Library, web: Web, http2: bool
) -> None:
    """Where the way breaks in the middle of an answer, the error says which, and why."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        async with open_counting_relay(proxy.host, proxy.port) as relay:
            way = f"http://ada:{SECRET}@{relay.authority}"
            async with client(way, http2=http2) as c:
                with pytest.raises(library.client.TransportError) as caught:  # noqa: PT012  # here
                    async with c.stream("GET", f"{server.url}/never") as response:
                        async with aclosing(response.aiter_raw()) as parts:
                            async for data in parts:
                                assert data == b"one"
                                relay.kill()
        shown = str(caught.value)
        assert (
            f"the connection to {server.url}/ through http://ada:***@{relay.authority} broke"
            in shown
        )
        assert SECRET not in shown


@HTTP2
async def test_cancelled_in_the_middle(client: Callable[..., Any], web: Web, http2: bool) -> None:
    """A cancelled request leaves nothing open; its neighbours do not notice, on the same connection neither."""
    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        async with client(proxy.url, http2=http2) as c:
            async with c.stream("GET", f"{server.url}/stream") as neighbour:
                async with aclosing(neighbour.aiter_raw()) as parts:
                    assert await anext(parts) == b"one"
                    with trio.CancelScope() as scope:
                        async with c.stream("GET", f"{server.url}/never") as response:
                            sock = response.extensions["network_stream"].get_extra_info("socket")
                            async with aclosing(response.aiter_raw()) as others:
                                async for _ in others:
                                    scope.cancel()
                    assert scope.cancelled_caught
                    assert (sock.fileno() >= 0) is http2
                    if not http2:
                        await server.wait_for_gone()
                    server.go.set()
                    assert [part async for part in parts] == [b"two"]
            assert (await c.get(f"{server.url}/hello")).status_code == 200
        assert len(proxy.requests) == (1 if http2 else 2)
        assert sock.fileno() < 0


async def test_neighbours_of_a_cancelled_upload(client: Callable[..., Any], web: Web) -> None:
    """An upload that is cancelled at any time leaves the connection of HTTP/2 whole for others."""

    async def body() -> AsyncGenerator[bytes, None]:
        while True:
            yield CHUNK

    async with open_web_server(web.pem) as server, open_http_proxy() as proxy:
        async with client(proxy.url, http2=True) as c:
            assert (await c.get(f"{server.url}/hello")).status_code == 200
            for steps in range(1, 12):
                async with aclosing(body()) as content, trio.open_nursery() as nursery:
                    post = partial(c.post, f"{server.url}/upload", content=content)
                    nursery.start_soon(post)
                    for _ in range(steps):
                        await trio.lowlevel.checkpoint()
                    nursery.cancel_scope.cancel()
                assert (await c.get(f"{server.url}/hello")).status_code == 200
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("at", ["accept", "reply", "tunnel"])
async def test_cancelled_while_connecting(client: Callable[..., Any], web: Web, at: Any) -> None:
    """Whatever a dial waits for, a cancelled one leaves no connection."""
    async with open_web_server(web.pem) as server, open_http_proxy(script=[Stall(at)]) as proxy:
        async with client(proxy.url) as c, trio.open_nursery() as nursery:
            nursery.start_soon(c.get, f"{server.url}/hello")
            await proxy.wait_for("stall")
            nursery.cancel_scope.cancel()
        await proxy.wait_for("close")


# --- errors ------------------------------------------------------------------------------------


async def error_of(c: Any, url: str, **options: Any) -> Any:
    """What a request raises."""
    with pytest.raises(Exception) as caught:
        await c.get(url, **options)
    assert SECRET not in f"{caught.value!r}{caught.value.__cause__!r}"
    return caught.value


async def test_refusal(client: Callable[..., Any], library: Library) -> None:
    """A proxy that refuses is a ProxyError, with our message; our own error is its cause."""
    async with open_http_proxy(script=[Fail(403, body=b"not this one")]) as proxy:
        async with client(f"http://ada:{SECRET}@{proxy.authority}") as c:
            error = await error_of(c, "http://web.test/hello")
    assert type(error) is library.client.ProxyError
    assert "answered 403 Forbidden to CONNECT web.test:80" in str(error)
    cause = error.__cause__
    assert type(cause) is ProxyRejected
    assert (cause.hop, cause.stage, cause.status_code) == (1, "connect", 403)
    assert str(cause) == str(error)
    assert [stage.name for stage in cause.dial_report.stages] == ["tcp", "connect"]


async def test_wrong_credentials(client: Callable[..., Any], library: Library) -> None:
    """So is one that wants other credentials, of HTTP and of SOCKS."""
    async with (
        open_http_proxy(credentials=("ada", "lovelace")) as first,
        open_socks_proxy(credentials=("ada", "lovelace")) as second,
    ):
        for proxy in (first, second):
            way = proxy.url_for(credentials=("ada", SECRET))
            async with client(way) as c:
                error = await error_of(c, "https://web.test/hello")
            assert type(error) is library.client.ProxyError
            assert type(error.__cause__) is ProxyAuthenticationError


async def test_unreachable_proxy(client: Callable[..., Any], library: Library) -> None:
    """A proxy that is down is a ConnectError that names it, its place and what to try."""
    async with open_http_proxy() as first, open_http_proxy() as down:
        pass
    async with open_http_proxy() as first:
        async with client([first.url, down.url]) as c:
            error = await error_of(c, "https://web.test/hello")
    assert type(error) is library.client.ProxyError  # the first one says 503
    async with client(down.url) as c:
        error = await error_of(c, "https://web.test/hello")
    assert type(error) is library.client.ConnectError
    assert type(error.__cause__) is ProxyUnreachable
    assert f"proxy {down.url} (from argument proxy=) cannot be reached" in str(error)


async def test_unreachable_server(client: Callable[..., Any], library: Library) -> None:
    """So is a server that is down."""
    async with open_web_server() as down:
        pass
    async with client(None) as c:
        error = await error_of(c, f"{down.url}/hello")
    assert type(error) is library.client.ConnectError
    assert type(error.__cause__) is ServerUnreachable


async def test_no_tls(client: Callable[..., Any], library: Library) -> None:
    """A server without TLS is told by what it sent, with what to try; and the whole way is shown."""

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 mail.test\r\n")

    async with open_tcp_server(greet) as server, open_http_proxy() as proxy:
        async with client(proxy.url) as c:
            error = await error_of(c, f"https://{server.authority}/hello")
    assert type(error) is library.client.ConnectError
    assert "it does not speak TLS on that port" in str(error)
    report = error.__cause__.dial_report
    assert [stage.name for stage in report.stages] == ["tcp", "connect", "server_tls"]


async def test_untrusted_server(client: Callable[..., Any], library: Library, web: Web) -> None:
    """A certificate for another name is a ConnectError, and no retry connects by accident."""
    context = web.certificates.server_context("other.test")
    async with open_tcp_server(lambda _: trio.sleep(0), ssl_context=context) as server:
        async with client(None, retries=1) as c:
            error = await error_of(c, f"https://127.0.0.1:{server.port}/")
    assert type(error) is library.client.ConnectError
    assert "its certificate was refused" in str(error)
    assert server.connections == 2


async def test_bad_environment(
    client: Callable[..., Any], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed variable is a ProxyError that names it, when it would be used."""
    monkeypatch.setenv("https_proxy", "ftp://proxy.test")
    async with client() as c:
        error = await error_of(c, "https://web.test/")
    assert type(error) is library.client.ProxyError
    assert type(error.__cause__) is ProxyConfigError
    assert "environment variable https_proxy" in str(error)


async def test_bad_host(client: Callable[..., Any], library: Library) -> None:
    """A host that no server can have is a ConnectError."""
    async with client(None) as c:
        error = await error_of(c, f"http://{'a' * 70}.test/")
    assert isinstance(error, library.client.ConnectError)


@pytest.mark.parametrize("at", ["reply", "tunnel"])
async def test_connect_timeout(
    client: Callable[..., Any], library: Library, web: Web, at: Any
) -> None:
    """The timeout for connecting ends the dial and the handshake, and says what was waited for."""
    waited = {
        "reply": "the answer to CONNECT of proxy",
        "tunnel": "the TLS handshake with the server",
    }
    async with open_http_proxy(script=[Stall(at)], resolve=NAMES) as proxy:
        async with open_web_server(web.pem) as server:
            timeout = library.client.Timeout(20, connect=0.3)
            async with client(proxy.url, timeout=timeout) as c:
                error = await error_of(c, f"{server.url}/hello")
        await proxy.wait_for("close")
    assert type(error) is library.client.ConnectTimeout
    assert type(error.__cause__) is ConnectionTimeout
    assert f"no connection to {server.url}/ within 0.3 s; was waiting for {waited[at]}" in str(
        error
    )
    assert "connect_timeout" not in str(error)


async def test_read_timeout(client: Callable[..., Any], library: Library, web: Web) -> None:
    """The timeout for reading names the server and the way."""
    async with open_web_server(web.pem) as server, open_socks_proxy() as proxy:
        timeout = library.client.Timeout(20, read=0.2)
        async with client(proxy.url, timeout=timeout) as c:
            with pytest.raises(library.client.ReadTimeout) as caught:
                await c.get(f"{server.url}/never")
    assert str(caught.value) == f"{server.url}/ through {proxy.url} has sent nothing for 0.2 s"


async def test_write_timeout(client: Callable[..., Any], library: Library, web: Web) -> None:
    """The timeout for writing, too."""
    async with open_web_server(web.pem) as server, open_socks_proxy() as proxy:
        timeout = library.client.Timeout(20, write=0.2)
        async with client(proxy.url, timeout=timeout) as c:
            with pytest.raises(library.client.WriteTimeout) as caught:
                await c.post(f"{server.url}/upload", content=CHUNK * 256)
    assert f"{server.url}/ through {proxy.url} has taken nothing more for 0.2 s" in str(
        caught.value
    )


async def test_retries(client: Callable[..., Any], library: Library) -> None:
    """With retries a proxy that cannot be reached is tried again, one that refuses is not."""
    begun: list[str] = []
    async with open_http_proxy() as down:
        pass

    def trace(event: str, stage: Any) -> None:
        begun.extend([stage.name] if event == "begin" else [])

    async with client(down.url, retries=1, trace=trace) as c:
        await error_of(c, "https://web.test/")
    assert begun == ["tcp", "tcp"]
    async with open_http_proxy(script=[Fail(403)]) as proxy:
        async with client(proxy.url, retries=1) as c:
            await error_of(c, "https://web.test/")
        assert len(proxy.requests) == 1


async def test_not_http(client: Callable[..., Any], library: Library) -> None:
    """A proxy that is something else is a ProxyError."""
    async with open_http_proxy(script=[Answer(b"SSH-2.0-OpenSSH\r\n")]) as proxy:
        async with client(proxy.url) as c:
            error = await error_of(c, "https://web.test/")
    assert type(error) is library.client.ProxyError


async def test_unsupported_scheme(client: Callable[..., Any], library: Library) -> None:
    """What the library itself refuses, it refuses as ever."""
    async with client(None) as c:
        error = await error_of(c, "ftp://web.test/")
    assert type(error) is library.client.UnsupportedProtocol


async def test_program_s_own_error(client: Callable[..., Any]) -> None:
    """What a function of the program's raises, goes up as it is."""

    async def headers(proxy: Proxy, authority: str) -> Any:
        raise LookupError(authority)

    async with client("http://127.0.0.1:1", proxy_headers=headers) as c:
        error = await error_of(c, "https://web.test/")
    assert type(error) is LookupError


# --- wrong inputs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"proxy": "ftp://p"}, ProxyConfigError, "argument proxy="),
        ({"proxy": "direct"}, ProxyConfigError, "names no proxy"),
        ({"proxy": False}, TypeError, "proxy=None"),
        ({"proxy": ["http://p", 3]}, TypeError, "int"),
        ({"verify": "ca.pem"}, TypeError, "verify is True, False or an ssl.SSLContext, not str"),
        ({"verify": None}, TypeError, "verify is True, False or an ssl.SSLContext"),
        ({"verify": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError, "for servers"),
        ({"proxy": "http://p", "proxy_ssl_context": ssl.create_default_context()}, ValueError, "https://"),
        ({"proxy_ssl_context": True}, TypeError, "proxy_ssl_context"),
        ({"proxy_auth": 3}, TypeError, "proxy_auth"),
        ({"proxy_headers": "A: b"}, TypeError, "proxy_headers"),
        ({"happy_eyeballs_delay": -1}, ValueError, "happy_eyeballs_delay"),
        ({"trace": 3}, TypeError, "trace"),
        ({"ssl_context": None}, TypeError, "ssl_context"),
    ],
)  # fmt: skip
def test_wrong_arguments(
    library: Library, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """A transport is not made out of wrong arguments, and the message says which."""
    with pytest.raises(kind, match=message):
        library.ours.AsyncHTTPTransport(**options)


def test_http2_without_h2(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP/2 is refused at once where its library is missing, with what to install."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="pip install h2"):
        library.ours.AsyncHTTPTransport(http2=True)


def test_under_asyncio(library: Library) -> None:
    """Under asyncio the first request says what to do."""

    async def main() -> None:
        async with library.client.AsyncClient(transport=library.ours.AsyncHTTPTransport(None)) as c:
            await c.get("http://127.0.0.1:1/")

    with pytest.raises(RuntimeError, match="trio_wsproxy needs trio, and this runs under asyncio"):
        asyncio.run(main())
