"""Redirects: the rules as tables, and the whole with real servers and proxies."""
# the blocks of async with are left by what is raised in them

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import WebSocketRequest

from trio_wsproxy import HandshakeError, ServerRejected, open_websocket_url
from trio_wsproxy._client._redirects import headers_for, redirect_target
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind, Place
from trio_wsproxy._urls import parse_target
from trio_wsproxy.testing import EchoServer, open_echo_server, open_http_proxy


def moved(location: str | None, status: int = 302) -> ServerRejected:
    """A server's answer."""
    headers = () if location is None else ((b"location", location.encode("latin-1")),)
    return ServerRejected(status, headers, b"", url="ws://x/")


# --- the rules ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "location", "leads_to"),
    [
        ("ws://a/b/c?d=1", "ws://other/x", "ws://other:80/x"),
        ("ws://a/b/c?d=1", "wss://other/x", "wss://other:443/x"),
        ("ws://a/b/c?d=1", "http://other/x", "ws://other:80/x"),
        ("ws://a/b/c?d=1", "https://other/x", "wss://other:443/x"),
        ("ws://a/b/c?d=1", "HTTPS://OTHER/x", "wss://other:443/x"),
        ("wss://a/b/c?d=1", "https://other:8443/x", "wss://other:8443/x"),
        ("ws://a/b/c?d=1", "/x", "ws://a:80/x"),
        ("ws://a/b/c?d=1", "x", "ws://a:80/b/x"),
        ("ws://a/b/c?d=1", "../x", "ws://a:80/x"),
        ("ws://a/b/c?d=1", "?e=2", "ws://a:80/b/c?e=2"),
        ("ws://a/b/c?d=1", "//other/x", "ws://other:80/x"),
        ("wss://a/b/c?d=1", "//other/x", "wss://other:443/x"),
        ("wss://a:444/b", "/x", "wss://a:444/x"),
        ("wss://[::1]:444/b", "/x", "wss://[::1]:444/x"),
        ("ws://a/b", "/x#fragment", "ws://a:80/x"),
        ("ws://a/b", "https://other/x?e=2#fragment", "wss://other:443/x?e=2"),
        ("ws://a/b", "http://other", "ws://other:80/"),
    ],
)
def test_locations(url: str, location: str, leads_to: str) -> None:
    """A location is read relative to the target; http means ws, and https means wss."""
    target = redirect_target(parse_target(url), moved(location))
    assert target is not None
    assert f"{target.scheme}://{target.authority}{target.resource}" == leads_to


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_followed(status: int) -> None:
    """These are redirects."""
    assert redirect_target(parse_target("ws://a/"), moved("/x", status)) is not None


@pytest.mark.parametrize("status", [200, 201, 300, 304, 305, 306, 400, 401, 503])
def test_not_followed(status: int) -> None:
    """These are not, even with a location."""
    assert redirect_target(parse_target("ws://a/"), moved("/x", status)) is None


@pytest.mark.parametrize("location", [None, ""])
def test_no_location(location: str | None) -> None:
    """A redirect to nowhere is a refusal like others."""
    assert redirect_target(parse_target("ws://a/"), moved(location)) is None


@pytest.mark.parametrize(
    ("url", "location", "says"),
    [
        ("wss://a/", "ws://a/", "leave TLS"),
        ("wss://a/", "http://a/", "leave TLS"),
        ("wss://a/", "http://other/x", "leave TLS"),
        ("wss://a/", "ws://user:s3cret@a/?s3cret#s3cret", "leave TLS"),
        ("ws://a/", "ftp://user:s3cret@b/?s3cret", "no WebSocket URL"),
        ("ws://a/", "javascript:s3cret@", "no WebSocket URL"),
        ("ws://a/", "https://", "no WebSocket URL"),
        ("ws://a/", "http://b:99999/", "no WebSocket URL"),
        ("ws://a/", "http://[b/", "no WebSocket URL"),
        ("ws://a/", "http://b c/", "no WebSocket URL"),
    ],
)
def test_refused(url: str, location: str, says: str) -> None:
    """What leaves TLS or is no WebSocket URL is refused, by name, and without its secrets."""
    with pytest.raises(HandshakeError, match=says) as caught:
        redirect_target(parse_target(url), moved(location))
    assert "s3cret" not in str(caught.value)
    assert parse_target(url).url in str(caught.value)
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.stage, failure.place) == (Kind.REFUSED, "upgrade", Place())


@pytest.mark.parametrize(
    ("url", "location", "kept"),
    [
        ("ws://u:p@a/", "/x", ("u", "p")),
        ("ws://u:p@a/", "ws://a:80/x", ("u", "p")),
        ("ws://u:p@a/", "http://A./x", ("u", "p")),
        ("ws://u:p@a/", "ws://v:q@a/x", ("v", "q")),
        ("ws://u:p@a/", "ws://b/x", (None, None)),
        ("ws://u:p@a/", "ws://sub.a/x", (None, None)),
        ("ws://u:p@a/", "ws://a:81/x", (None, None)),
        ("ws://u:p@a/", "wss://a/x", (None, None)),
        ("ws://u:p@a:443/", "wss://a/x", (None, None)),
        ("ws://u:p@a/", "ws://v:q@b/x", ("v", "q")),
    ],
)
def test_credentials(url: str, location: str, kept: tuple[str | None, str | None]) -> None:
    """Credentials of the URL are for its origin: scheme, host and port."""
    target = redirect_target(parse_target(url), moved(location))
    assert target is not None
    assert (target.username, target.password) == kept


@pytest.mark.parametrize(
    ("new", "same"),
    [("ws://a/x", True), ("ws://b/", False), ("ws://a:81/", False), ("wss://a/", False)],
)
def test_headers(new: str, same: bool) -> None:
    """Authorization, Cookie and Host are for one origin only, however they are spelt."""
    private = ((b"Authorization", b"1"), (b"cookie", b"2"), (b"HOST", b"3"), (b"Cookie", b"4"))
    public = ((b"Origin", b"5"), (b"X-Cookie", b"6"))
    found = headers_for((*private, *public), parse_target("ws://a/"), parse_target(new))
    assert found == ((*private, *public) if same else public)


# --- end to end -----------------------------------------------------------------------------


SECRETS = {"Authorization": "Bearer s3cret", "Cookie": "a=s3cret", "X-Other": "stays"}


class Servers:
    """Servers on ports of their own, so of different origins, that redirect by a table."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.where: dict[str, str] = {}  # path → location
        self._stack = stack

    async def add(self) -> EchoServer:
        """Run another one."""
        return await self._stack.enter_async_context(open_echo_server(handler=self._answer))

    async def _answer(self, request: WebSocketRequest) -> None:
        location = self.where.get(request.path)
        if location is None:
            connection = await request.accept()
            await connection.send_message(f"you are at {request.path}")
            return
        headers = [(b"Location", location.encode())]
        await request.reject(307, extra_headers=headers, body=b"s3cret")


@asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Servers, EchoServer, EchoServer]]:
    """Run two of them."""
    async with AsyncExitStack() as stack:
        servers = Servers(stack)
        yield servers, await servers.add(), await servers.add()


async def test_followed_to_its_end() -> None:
    """A chain of redirects over two origins ends with a connection to the last target."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": "/2", "/2": f"http://{two.authority}/3", "/3": "4?t=1"}
        async with open_websocket_url(one.url + "/1", proxy=None, max_redirects=3) as ws:
            assert await ws.receive() == "you are at /4?t=1"
            assert ws.path == "/4?t=1"
            assert ws.route is not None
            assert ws.route.target.port == two.port
        for server in (one, two):
            await server.wait_for("close", 2)
        assert [request.path for request in one.requests] == ["/1", "/2"]
        assert [request.path for request in two.requests] == ["/3", "/4?t=1"]
        gc.collect()  # a socket that was left is an error now


async def test_secrets_stay_where_they_belong() -> None:
    """Within an origin headers and URL credentials are sent again, to another one they are not."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": "/2", "/2": f"{two.url}/3"}
        url = one.url.replace("ws://", "ws://user:s3cret@") + "/1"
        headers = {"Cookie": "a=s3cret", "X-Other": "stays", "Host": "virtual.example"}
        async with open_websocket_url(url, proxy=None, max_redirects=9, extra_headers=headers):
            pass
        for request in one.requests:
            assert request.header("Authorization") == "Basic dXNlcjpzM2NyZXQ="
            assert request.header("Cookie") == "a=s3cret"
            assert request.header("Host") == "virtual.example"
        (request,) = two.requests
        assert request.header("Authorization") is None
        assert request.header("Cookie") is None
        assert request.header("Host") == two.authority
        assert request.header("X-Other") == "stays"


async def test_secrets_do_not_come_back() -> None:
    """What was left out for another origin is not sent when that one redirects back."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": f"{two.url}/2", "/2": f"{one.url}/3"}
        options: dict[str, Any] = {"proxy": None, "max_redirects": 9, "extra_headers": SECRETS}
        async with open_websocket_url(one.url + "/1", **options):
            pass
        assert [r.header("Cookie") for r in one.requests] == ["a=s3cret", None]
        assert [r.header("Authorization") for r in one.requests] == ["Bearer s3cret", None]


@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_loops_end(limit: int) -> None:
    """After max_redirects the last refusal is raised; with 0, the first one."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": f"{two.url}/2", "/2": f"{one.url}/1"}
        url = one.url + "/1?token=s3cret"
        servers.where["/1?token=s3cret"] = f"{two.url}/2?token=s3cret"
        servers.where["/2?token=s3cret"] = url
        with pytest.raises(ServerRejected) as caught:
            async with open_websocket_url(url, proxy=None, max_redirects=limit):
                pass
        assert caught.value.status_code == 307
        assert one.connections + two.connections == limit + 1
        assert (one if limit % 2 == 0 else two).authority in str(caught.value)
        assert "s3cret" not in str(caught.value)
        for server in (one, two):
            await server.wait_for("close", server.connections)


async def test_bad_location() -> None:
    """A location that leads nowhere is told, and both streams are closed."""
    async with two_servers() as (servers, one, _):
        servers.where = {"/1": "/2", "/2": "http://user:s3cret@[x/?s3cret"}
        with pytest.raises(HandshakeError, match="no WebSocket URL") as caught:
            async with open_websocket_url(one.url + "/1", proxy=None, max_redirects=9):
                pass
        assert "s3cret" not in str(caught.value)
        await one.wait_for("close", 2)


async def test_one_deadline_for_all(autojump_clock: trio.testing.MockClock) -> None:
    """connect_timeout holds for the chain as a whole; its message names the last target."""
    async with two_servers() as (servers, one, _):
        async with open_echo_server(handler=lambda _: trio.sleep_forever()) as silent:
            servers.where = {"/1": f"{silent.url}/2"}
            with pytest.raises(HandshakeError, match=f"{silent.authority}/2 within 4 s"):
                async with open_websocket_url(
                    one.url + "/1", proxy=None, max_redirects=1, connect_timeout=4
                ):
                    pass


async def test_the_proxy_is_resolved_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each target goes by the way that the environment has for it."""
    async with two_servers() as (servers, one, two):
        names = {"one.test": (one.host, one.port), "two.test": (two.host, two.port)}
        async with open_http_proxy(resolve=names) as proxy:
            monkeypatch.setenv("all_proxy", proxy.url)
            monkeypatch.setenv("no_proxy", "direct.test")
            resolver = Resolver({"direct.test": two.host})
            trio.socket.set_custom_hostname_resolver(resolver)
            servers.where = {
                "/1": "ws://two.test/2",
                "/2": f"ws://direct.test:{two.port}/3",
            }
            async with open_websocket_url("ws://one.test/1", max_redirects=2) as ws:
                assert await ws.receive() == "you are at /3"
                assert ws.route is not None
                assert ws.route.hops == ()
            assert [r.authority for r in proxy.requests] == ["one.test:80", "two.test:80"]
            assert resolver.asked == ["direct.test"]


class Resolver(trio.abc.HostnameResolver):
    """This machine's name service."""

    def __init__(self, names: dict[str, str]) -> None:
        self.asked: list[str] = []
        self._names = names

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        """Look a name up."""
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        family, kind = trio.socket.AF_INET, trio.socket.SOCK_STREAM
        return [(family, kind, 0, "", (self._names[name], port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Not needed."""
        raise NotImplementedError
