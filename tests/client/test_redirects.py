"""Redirects: the rules as tables, and the whole with real servers and proxies."""
# the blocks of async with are left by what is raised in them

from __future__ import annotations

import functools
import gc
import pickle
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import WebSocketRequest

from trio_wsproxy import (
    HandshakeError,
    Redirect,
    RedirectGrant,
    ServerRejected,
    ServerUnreachable,
    open_websocket_url,
)
from trio_wsproxy._client._redirects import (
    address_check,
    check_name,
    granted,
    headers_for,
    read_redirect,
    source_space,
)
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind, Place
from trio_wsproxy._transport import _dialer
from trio_wsproxy._urls import Target, parse_target
from trio_wsproxy.testing import (
    Certificates,
    EchoServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)


def moved(location: str | None, status: int = 302) -> ServerRejected:
    """A server's answer."""
    headers = () if location is None else ((b"location", location.encode("latin-1")),)
    return ServerRejected(status, headers, b"", url="ws://x/")


def redirect_target(target: Target, refusal: ServerRejected) -> Target | None:
    """Where an answer leads."""
    redirect = read_redirect(target, refusal)
    return None if redirect is None else redirect.target


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


def test_long_location() -> None:
    """A URL that no server has to read is refused, in few words."""
    target = redirect_target(parse_target("ws://a/"), moved("/" + "x" * 8191))
    assert target is not None
    with pytest.raises(HandshakeError, match="a URL of 8,193 bytes") as caught:
        redirect_target(parse_target("ws://a/"), moved("/" + "x" * 8192))
    assert len(str(caught.value)) < 500


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


PRIVATE = ((b"Authorization", b"1"), (b"cookie", b"2"), (b"HOST", b"3"), (b"Cookie", b"4"))
HEADERS = (*PRIVATE, (b"Origin", b"5"), (b"X-Cookie", b"6"))


@pytest.mark.parametrize(
    ("new", "same"),
    [
        ("ws://a/x", True),
        ("ws://a./x", True),
        ("ws://b/", False),
        ("ws://a:81/", False),
        ("wss://a/", False),
    ],
)
def test_headers(new: str, same: bool) -> None:
    """All that a program adds is for one origin only: scheme, host and port."""
    redirect = Redirect(302, parse_target("ws://a/"), parse_target(new))
    assert redirect.same_origin is same
    assert headers_for(HEADERS, redirect, RedirectGrant()) == (HEADERS if same else ())


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        (False, b""),
        ((), b""),
        (True, b"12456"),
        (("origin", "X-COOKIE"), b"56"),
        (["Authorization"], b"1"),
        ({"Host", "Cookie"}, b"24"),
        (("x-\u20ac",), b""),
    ],
)
def test_headers_that_are_granted(allowed: Any, kept: bytes) -> None:
    """A grant names those that go along, or is for all, but Host."""
    redirect = Redirect(302, parse_target("ws://a/"), parse_target("ws://b/"))
    found = headers_for(HEADERS, redirect, RedirectGrant(headers=allowed))
    assert b"".join(value for _, value in found) == kept


async def coroutine(_: Redirect) -> None:
    """Be no plain function."""


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (1, "not int"),
        ("x", "not str"),
        (RedirectGrant, "not type"),
        (RedirectGrant(headers="Origin"), r"\['Origin'\]"),
    ],
)
def test_policies_that_make_no_sense(verdict: Any, says: str) -> None:
    """What a policy gives and may not give is refused by name."""
    redirect = Redirect(302, parse_target("ws://a/"), parse_target("ws://b/"))
    with pytest.raises(TypeError, match=says):
        granted(lambda _: verdict, redirect)


def test_a_policy_that_must_be_awaited() -> None:
    """So is a coroutine, and no warning tells of one that nobody awaits."""
    redirect = Redirect(302, parse_target("ws://a/"), parse_target("ws://b/"))
    policy: Any = functools.partial(coroutine)  # not seen at the call
    with pytest.raises(TypeError, match="plain function"):
        granted(policy, redirect)
    gc.collect()


@pytest.mark.parametrize(
    ("location", "resource"),
    [
        ("/é".encode(), "/%C3%A9"),
        ("/日本?q=é#ü".encode(), "/%E6%97%A5%E6%9C%AC?q=%C3%A9"),
        (b"/%C3%A9", "/%C3%A9"),
        (b"/\xe9", "/%E9"),
        (b"/a%2Fb%c3", "/a%2Fb%c3"),
        (b"/a b", "/a%20b"),
    ],
)
def test_locations_that_are_not_ascii(location: bytes, resource: str) -> None:
    """Bytes are encoded once, as they stand."""
    answer = ServerRejected(302, ((b"location", location),), b"", url="ws://x/")
    target = redirect_target(parse_target("ws://a/"), answer)
    assert target is not None
    assert target.resource == resource


def test_host_that_is_not_ascii() -> None:
    """A host in UTF-8 becomes A-labels."""
    answer = ServerRejected(302, ((b"location", "ws://bücher.example/é".encode()),), b"", url="x")
    target = redirect_target(parse_target("ws://a/"), answer)
    assert target is not None
    assert target.url == "ws://xn--bcher-kva.example/%C3%A9"


@pytest.mark.parametrize(("second", "follows"), [("/x", True), ("/y", False), ("", False)])
def test_two_locations(second: str, follows: bool) -> None:
    """One that is there twice is followed, two are refused: others may have taken the other one."""
    headers = ((b"location", b"/x"), (b"location", second.encode()))
    answer = ServerRejected(302, headers, b"", url="ws://x/")
    if follows:
        assert redirect_target(parse_target("ws://a/"), answer) is not None
        return
    with pytest.raises(HandshakeError, match="to another place at once"):
        redirect_target(parse_target("ws://a/"), answer)


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
        assert request.header("X-Other") is None


async def test_secrets_do_not_come_back() -> None:
    """What was left out for another origin is not sent when that one redirects back."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": f"{two.url}/2", "/2": f"{one.url}/3"}
        options: dict[str, Any] = {"proxy": None, "max_redirects": 9, "extra_headers": SECRETS}
        async with open_websocket_url(one.url + "/1", subprotocols=["t0ken"], **options):
            pass
        assert [r.subprotocols for r in one.requests] == [("t0ken",), ()]
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
        says = (
            "max_redirects=1 follows it" if limit == 0 else f"and {limit} before it were followed"
        )
        assert says in str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
        for server in (one, two):
            await server.wait_for("close", server.connections)


async def test_policy() -> None:
    """A policy is asked once for each redirect, and what it grants goes along."""
    asked: list[Redirect] = []

    def policy(redirect: Redirect) -> RedirectGrant | None:
        asked.append(redirect)
        if redirect.target.resource == "/4":
            return RedirectGrant(headers=["X-Other", "Host"], subprotocols=True)
        return None

    async with two_servers() as (servers, one, two):
        servers.where = {"/1": "/2", "/2": "/3", "/3": f"{two.url}/4", "/4": f"{one.url}/5"}
        async with open_websocket_url(
            one.url.replace("ws://", "ws://user:s3cret@") + "/1",
            proxy=None,
            max_redirects=9,
            redirect_policy=policy,
            extra_headers=SECRETS,
            subprotocols=["t0ken"],
        ) as ws:
            assert await ws.receive() == "you are at /5"
    assert [redirect.target.resource for redirect in asked] == ["/2", "/3", "/4", "/5"]
    assert [redirect.same_origin for redirect in asked] == [True, True, False, False]
    assert {redirect.status_code for redirect in asked} == {307}
    assert "s3cret" not in repr(asked)
    (request,) = two.requests
    assert request.header("X-Other") == "stays"
    assert request.header("Authorization") is request.header("Cookie") is None
    assert request.header("Host") == two.authority
    assert request.subprotocols == ("t0ken",)
    assert [x.header("X-Other") for x in one.requests] == ["stays", "stays", "stays", None]
    assert one.requests[-1].subprotocols == ()


@pytest.mark.parametrize("target", ["/2", "{two}/2"])
async def test_policy_that_refuses(target: str) -> None:
    """What a policy refuses is not asked for, at the same origin neither."""
    async with two_servers() as (servers, one, two):
        servers.where = {"/1": target.replace("{two}", two.url)}
        with pytest.raises(HandshakeError, match="/2, which redirect_policy refuses"):
            async with open_websocket_url(
                one.url + "/1", proxy=None, max_redirects=9, redirect_policy=lambda _: False
            ):
                pass
        assert one.connections + two.connections == 1
        await one.wait_for("close")


async def test_policy_that_raises() -> None:
    """What it raises comes out as it is, and nothing is left open."""
    async with two_servers() as (servers, one, _):
        servers.where = {"/1": "/2"}
        options: Any = {"redirect_policy": lambda _: [].pop()}
        with pytest.raises(IndexError):
            async with open_websocket_url(one.url + "/1", proxy=None, max_redirects=9, **options):
                pass
        await one.wait_for("close")


# --- TLS and its context --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grant", "opens"), [(None, False), (False, False), (True, True), ("another", True)]
)
async def test_context(grant: Any, opens: bool) -> None:
    """A context, with the client certificate that may be in it, is for its origin, if not granted."""
    certificates = Certificates()
    mine, other = certificates.client_context(), certificates.client_context()
    server_context = certificates.server_context()
    used: list[ssl.SSLContext] = []
    rules = RedirectGrant(ssl_context=other if grant == "another" else bool(grant))
    where: dict[str, str] = {}

    async def answer(request: WebSocketRequest) -> None:
        location = where.get(request.path)
        if location is None:
            await request.accept()
        else:
            await request.reject(307, extra_headers=[(b"Location", location.encode())])

    add_tls = vars(_dialer)["add_tls"]

    async def noted(stream: Any, context: ssl.SSLContext, *args: Any, **more: Any) -> Any:
        used.append(context)
        return await add_tls(stream, context, *args, **more)

    async with AsyncExitStack() as stack:
        urls = []
        for _ in range(2):
            server = open_echo_server(handler=answer, ssl_context=server_context)
            port = (await stack.enter_async_context(server)).port
            urls.append(f"wss://localhost:{port}")
        where |= {"/1": "/2", "/2": f"{urls[1]}/3"}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(_dialer, "add_tls", noted)
        options: Any = {"proxy": None, "max_redirects": 9}
        if grant is not None:
            options["redirect_policy"] = lambda _: rules
        try:
            async with open_websocket_url(f"{urls[0]}/1", mine, **options):
                assert opens
        except ServerUnreachable as exc:
            assert not opens
            assert exc.stage == "server_tls"
            assert "ssl_context is for the origin that was asked for first" in str(exc)
            assert "RedirectGrant(ssl_context=…)" in str(exc)
    assert used[:2] == [mine, mine]
    (last,) = used[2:]
    if opens:
        assert last is (other if grant == "another" else mine)
    else:
        assert last not in (mine, other)


# --- from the world to what is near ---------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("ws://127.0.0.1:{port}/2", "which is this machine itself"),
        ("ws://[::1]:{port}/2", "which is this machine itself"),
        ("ws://[::ffff:127.0.0.1]:{port}/2", "which is this machine itself"),
        ("ws://0.0.0.0:{port}/2", "which is this machine itself"),
        ("ws://localhost:{port}/2", "which is this machine itself"),
        ("ws://a.localhost.:{port}/2", "which is this machine itself"),
        ("ws://169.254.169.254/2", "which is a private address"),
        ("ws://metadata.google.internal/2", "which is a private address"),
        ("ws://192.168.0.1/2", "which is a private address"),
        ("ws://direct.test:{port}/2", r"which is this machine itself \(127.0.0.1\)"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "socks5h", "socks5"])
async def test_nearer(
    scheme: str, location: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public host leads to no private one, past the proxy or through it, by whatever name."""
    resolver = Resolver({"one.example": "8.8.8.8", "direct.test": "127.0.0.1"})
    trio.socket.set_custom_hostname_resolver(resolver)
    async with two_servers() as (servers, one, two), AsyncExitStack() as stack:
        names = {"one.example": (one.host, one.port), "8.8.8.8": (one.host, one.port)}
        if scheme == "http":
            proxy = await stack.enter_async_context(open_http_proxy(resolve=names))
            url = proxy.url
        else:
            socks = await stack.enter_async_context(open_socks_proxy(resolve=names))
            url = socks.url.replace("socks5h", scheme)
        monkeypatch.setenv("all_proxy", url)
        monkeypatch.setenv("no_proxy", "direct.test")
        servers.where = {"/1": location.replace("{port}", str(two.port))}
        with pytest.raises(HandshakeError, match=says) as caught:
            async with open_websocket_url("ws://one.example/1", max_redirects=9):
                pass
        assert "RedirectGrant(private=True)" in str(caught.value)
        failure = failure_of(caught.value)
        assert failure is not None
        assert failure.kind is Kind.REFUSED
        assert two.connections == 0
        await one.wait_for("close")


async def test_nearer_through_a_resolving_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """With socks5:// this machine looks up what the proxy is asked for, and looks at it first."""
    resolver = Resolver({"one.example": "8.8.8.8", "inner.example": "10.0.0.1"})
    trio.socket.set_custom_hostname_resolver(resolver)
    async with two_servers() as (servers, one, _):
        names = {"8.8.8.8": (one.host, one.port)}
        async with open_socks_proxy(resolve=names) as proxy:
            monkeypatch.setenv("all_proxy", proxy.url_for("socks5"))
            servers.where = {"/1": "ws://inner.example/2"}
            with pytest.raises(HandshakeError, match=r"a private address \(10.0.0.1\)"):
                async with open_websocket_url("ws://one.example/1", max_redirects=9):
                    pass
            assert [request.authority for request in proxy.requests] == ["8.8.8.8:80"]


async def test_the_same_origin_that_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points to the world first, and to this machine then, is found out."""
    resolver = Resolver({"one.example": "8.8.8.8"})
    trio.socket.set_custom_hostname_resolver(resolver)
    async with two_servers() as (servers, one, _):
        names = {"8.8.8.8": (one.host, one.port)}
        async with open_socks_proxy(resolve=names) as proxy:
            monkeypatch.setenv("all_proxy", proxy.url_for("socks5"))
            servers.where = {"/1": "/2"}

            def move(_: Redirect) -> None:
                resolver.names["one.example"] = "127.0.0.1"

            with pytest.raises(HandshakeError, match=r"this machine itself \(127.0.0.1\)"):
                async with open_websocket_url(
                    "ws://one.example/1", max_redirects=9, redirect_policy=move
                ):
                    pass


@pytest.mark.parametrize(
    ("source", "target", "follows"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "192.168.0.1", True),
        ("10.0.0.1", "8.8.8.8", True),
        ("10.0.0.1", "127.0.0.1", False),
        ("8.8.8.8", "10.0.0.1", False),
    ],
)
def test_spaces(source: str, target: str, follows: bool) -> None:
    """A redirect leads as far away as it came from, or farther."""
    redirect = Redirect(302, parse_target(f"ws://{source}/"), parse_target(f"ws://{target}/"))
    space = source_space(redirect.source, ())
    if follows:
        check_name(redirect, space)
        address_check(redirect, space)([target])
        return
    with pytest.raises(HandshakeError, match="no redirect leads nearer"):
        check_name(redirect, space)
    with pytest.raises(HandshakeError, match="no redirect leads nearer"):
        address_check(redirect, space)(["8.8.8.8", target])


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
            # Where one.test is, only the proxy knows, and direct.test is on this machine.
            async with open_websocket_url(
                "ws://one.test/1",
                max_redirects=2,
                redirect_policy=lambda _: RedirectGrant(private=True),
            ) as ws:
                assert await ws.receive() == "you are at /3"
                assert ws.route is not None
                assert ws.route.hops == ()
            assert [r.authority for r in proxy.requests] == ["one.test:80", "two.test:80"]
            assert resolver.asked == ["direct.test"]


class Resolver(trio.abc.HostnameResolver):
    """This machine's name service."""

    def __init__(self, names: dict[str, str]) -> None:
        self.asked: list[str] = []
        self.names = names

    async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        """Look a name up."""
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        family, kind = trio.socket.AF_INET, trio.socket.SOCK_STREAM
        return [(family, kind, 0, "", (self.names[name], port))]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Not needed."""
        raise NotImplementedError
