"""The client's functions, mostly over a network of one peer that does what a test says.

How they fail on the way to a server is the business of the tests of the dialer; that the
whole stands on real sockets and real proxies is shown in ``tests/real``.
"""
# ruff: noqa: PT012  # the blocks of async with are left by what is raised in them

from __future__ import annotations

import gc
import itertools
import signal
import ssl
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from _network import Network, UserError, assert_nothing_left, be_good, our_tasks, with_a_history
from _peer import BINARY, TEXT, CancelAtStep, Peer, Wire, frame
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import AcceptConnection, CloseConnection, TextMessage

from trio_wsproxy import (
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    Endpoint,
    HandshakeError,
    ProxyConfigError,
    ServerRejected,
    WebSocketConnection,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._client import _open as _client
from trio_wsproxy._websocket import Attendant
from trio_wsproxy.testing import open_echo_server

if sys.version_info < (3, 11):
    # trio brings it along there
    from exceptiongroup import ExceptionGroup  # type: ignore[import-not-found, unused-ignore]

URL = "ws://example.org/chat"


# --- bad input ------------------------------------------------------------------------------


BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("http://example.org", {}, ValueError, "ws://"),
    ("example.org", {}, ValueError, "scheme"),
    ("", {}, ValueError, "scheme"),
    ("ws://", {}, ValueError, "host"),
    ("ws://example.org/#fragment", {}, ValueError, "fragment"),
    ("ws://example.org/\n", {}, ValueError, "control characters"),
    ("ws://example.org:0/", {}, ValueError, "port"),
    ("ws://example.org:65536/", {}, ValueError, "65536"),
    ("ws://user:secret@example.org:x/", {}, ValueError, "port"),
    ("ws://user:secret@exa mple.org/", {}, ValueError, "host"),
    (URL, {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, ValueError, "wss://"),
    (URL, {"proxy": "ftp://user:secret@proxy"}, ProxyConfigError, "'ftp'"),
    (URL, {"proxy": "http://user:secret@proxy:99999"}, ProxyConfigError, "99999"),
    (URL, {"proxy": "socks4://user:secret@proxy"}, ProxyConfigError, "SOCKS4"),
    (URL, {"proxy": ["http://proxy", "gopher://proxy"]}, ProxyConfigError, "'gopher'"),
    (URL, {"proxy": False}, TypeError, "None"),
    (
        URL,
        {"proxy": "http://proxy", "proxy_ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
        ValueError,
        "https:// proxy",
    ),
    (URL, {"proxy_headers": {"A B": "secret"}}, ValueError, "proxy_headers"),
    (URL, {"proxy_headers": {"Host": "x"}}, ValueError, "proxy_headers"),
    (URL, {"extra_headers": {"A B": "secret"}}, ValueError, "extra_headers"),
    (URL, {"extra_headers": {"A": "secret\r\nB: 1"}}, ValueError, "extra_headers"),
    (URL, {"extra_headers": {"Proxy-Authorization": "secret"}}, ValueError, "proxy URL"),
    (URL, {"extra_headers": {"Sec-WebSocket-Protocol": "x"}}, ValueError, "subprotocols="),
    (URL, {"extra_headers": {"Host": "a..b"}}, ValueError, "host 'a..b'"),
    (URL, {"subprotocols": "chat"}, TypeError, r"\['chat'\]"),
    (URL, {"subprotocols": ["a b"]}, ValueError, "token"),
    (URL, {"subprotocols": [""]}, ValueError, "token"),
    (URL, {"subprotocols": ["a", "b", "a"]}, ValueError, "once"),
    (URL, {"ping_interval": 0}, ValueError, "ping_interval"),
    (URL, {"ping_timeout": -1}, ValueError, "ping_timeout"),
    (URL, {"disconnect_timeout": -1}, ValueError, "disconnect_timeout"),
    (URL, {"connect_timeout": -1}, ValueError, "non-negative"),
    (URL, {"message_queue_size": -1}, ValueError, "message_queue_size"),
]


@pytest.mark.parametrize(("url", "options", "error", "says"), BAD)
async def test_bad_input(
    url: str, options: dict[str, Any], error: type[Exception], says: str, network: Network
) -> None:
    """Bad input is refused by name before anything is dialed, and secrets are not repeated."""
    with pytest.raises(error, match=says) as caught:
        async with open_websocket_url(url, **options):
            pass
    assert type(caught.value) is error
    assert "secret" not in f"{caught.value} {caught.value!r}"
    assert network.routes == []


@pytest.mark.parametrize(
    ("host", "port", "resource", "use_ssl", "error"),
    [
        ("", 80, "/", False, ValueError),
        ("exa mple", 80, "/", False, ValueError),
        ("example.org", 0, "/", False, ValueError),
        ("example.org", 65536, "/", False, ValueError),
        ("example.org", "80", "/", False, TypeError),
        ("example.org", 80, "chat", False, ValueError),
        ("example.org", 80, "/#f", False, ValueError),
        ("example.org", 80, "/", None, TypeError),
        ("example.org", 80, "/", "yes", TypeError),
    ],
)
async def test_bad_parts(
    *,
    host: str,
    port: int,
    resource: str,
    use_ssl: bool,
    error: type[Exception],
    network: Network,
    nursery: trio.Nursery,
) -> None:
    """So it is where the URL comes in parts."""
    with pytest.raises(error):
        async with open_websocket(host, port, resource, use_ssl=use_ssl):
            pass
    with pytest.raises(error):
        await connect_websocket(nursery, host, port, resource, use_ssl=use_ssl)
    assert network.routes == []


async def test_bad_environment(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A malformed variable is named, and its password is not shown."""
    monkeypatch.setenv("all_proxy", "ftp://user:secret@proxy")
    with pytest.raises(ProxyConfigError, match="environment variable all_proxy") as caught:
        async with open_websocket_url(URL):
            pass
    assert "secret" not in str(caught.value)
    assert network.routes == []


# --- opening --------------------------------------------------------------------------------


@asynccontextmanager
async def by_open_websocket_url(network: Network) -> AsyncIterator[WebSocketConnection]:
    """Open by URL."""
    async with open_websocket_url("ws://example.org:8080/chat?a=1", subprotocols=["x"]) as ws:
        yield ws


@asynccontextmanager
async def by_open_websocket(network: Network) -> AsyncIterator[WebSocketConnection]:
    """Open by parts."""
    async with open_websocket(
        "example.org", 8080, "/chat?a=1", use_ssl=False, subprotocols=["x"]
    ) as ws:
        yield ws


@asynccontextmanager
async def by_connect_websocket_url(network: Network) -> AsyncIterator[WebSocketConnection]:
    """Open by URL, in a nursery of the user's."""
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket_url(
            nursery, "ws://example.org:8080/chat?a=1", subprotocols=["x"]
        )
        async with ws:
            yield ws


@asynccontextmanager
async def by_connect_websocket(network: Network) -> AsyncIterator[WebSocketConnection]:
    """Open by parts, in a nursery of the user's."""
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket(
            nursery, "example.org", 8080, "/chat?a=1", use_ssl=False, subprotocols=["x"]
        )
        async with ws:
            yield ws


@asynccontextmanager
async def by_wrap_client_stream(network: Network) -> AsyncIterator[WebSocketConnection]:
    """Open over a stream of the user's."""
    async with trio.open_nursery() as nursery:
        ws = await wrap_client_stream(
            nursery, network.peer.stream, "example.org:8080", "/chat?a=1", subprotocols=["x"]
        )
        async with ws:
            yield ws


WAYS = [
    by_open_websocket_url,
    by_open_websocket,
    by_connect_websocket_url,
    by_connect_websocket,
    by_wrap_client_stream,
]


@pytest.mark.parametrize("way", WAYS)
async def test_all_ways(
    way: Callable[[Network], Any],
    network: Network,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """Each function asks for the same thing and gives a connection that works."""
    answer = AcceptConnection(subprotocol="x", extra_headers=[(b"Server", b"peer")])
    peer = network.replace_peer(answer=answer)
    nursery.start_soon(be_good, peer)
    async with way(network) as ws:
        assert peer.request is not None
        assert (peer.request.host, peer.request.target) == ("example.org:8080", "/chat?a=1")
        assert peer.request.subprotocols == ["x"]
        assert ws.path == "/chat?a=1"
        assert ws.subprotocol == "x"
        assert ws.handshake_headers == ((b"server", b"peer"),)
        assert (ws.is_client, ws.is_server) == (True, False)
        assert ws.dial_report.stages[-1].name == "upgrade"
        assert (ws.route is None) is (way is by_wrap_client_stream)
        peer.say(TextMessage(data="hello"))
        assert await ws.receive() == "hello"
        assert len(our_tasks()) == 3  # the reader, who owns the stream; the writer; the keepalive
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert peer.stream.closed
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("url", "headers", "host"),
    [
        ("ws://example.org/", None, "example.org"),
        ("ws://example.org:80/", None, "example.org"),
        ("ws://example.org:443/", None, "example.org:443"),
        ("wss://example.org/", None, "example.org"),
        ("wss://example.org:443/", None, "example.org"),
        ("wss://example.org:80/", None, "example.org:80"),
        ("WS://EXAMPLE.org./", None, "example.org"),
        ("ws://[::1]:81/", None, "[::1]:81"),
        ("ws://b\xfccher.example/", None, "xn--bcher-kva.example"),
        ("ws://example.org/", {"Host": "other.example"}, "other.example"),
        ("ws://example.org/", {"host": "other.example:1"}, "other.example:1"),
    ],
)
async def test_host(
    url: str, headers: dict[str, str] | None, host: str, peer: Peer, nursery: trio.Nursery
) -> None:
    """Host is the server's name, with the port unless it is the scheme's; the user's own wins."""
    nursery.start_soon(be_good, peer)
    async with open_websocket_url(url, extra_headers=headers):
        pass
    request = peer.stream.writes[0].split(b"\r\n")
    assert [x for x in request if x.lower().startswith(b"host:")] == [b"Host: " + host.encode()]


@pytest.mark.parametrize(
    ("userinfo", "headers", "sent"),
    [
        ("", None, None),
        ("user:pass@", None, "Basic dXNlcjpwYXNz"),
        ("user@", None, "Basic dXNlcjo="),
        ("us%C3%A9r:p%40ss@", None, "Basic dXPDqXI6cEBzcw=="),
        ("user:pass@", {"Authorization": "Bearer x"}, "Bearer x"),
        ("user:pass@", {"authorization": "Bearer x"}, "Bearer x"),
        ("", {"Authorization": "Bearer x"}, "Bearer x"),
    ],
)
async def test_authorization(
    userinfo: str,
    headers: dict[str, str] | None,
    sent: str | None,
    peer: Peer,
    nursery: trio.Nursery,
) -> None:
    """User name and password of the URL become Basic credentials, unless the user brings others."""
    nursery.start_soon(be_good, peer)
    async with open_websocket_url(f"ws://{userinfo}example.org/", extra_headers=headers) as ws:
        assert "pass" not in repr(ws)
    assert peer.request is not None
    found = [v for k, v in peer.request.extra_headers if k.lower() == b"authorization"]
    assert found == ([] if sent is None else [sent.encode()])


async def test_tls_context(network: Network, nursery: trio.Nursery) -> None:
    """wss:// brings TLS, with the caller's context where there is one; ws:// brings none."""
    mine = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for url, context in (("ws://x/", None), ("wss://x/", None), ("wss://x/", mine)):
        nursery.start_soon(be_good, network.replace_peer())
        async with open_websocket_url(url, context):
            pass
    without, default, given = network.contexts
    assert without is None
    assert isinstance(default, ssl.SSLContext)
    assert given is mine


async def test_real_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a real server: echo, endpoints, stages, and nothing left."""
    async with open_echo_server() as server:
        async with open_websocket_url(server.url + "/path", proxy=None) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
            assert isinstance(ws.remote, Endpoint)
            assert isinstance(ws.local, Endpoint)
            assert ws.remote.url == server.url
            assert str(ws.local.address) == server.host
            assert [stage.name for stage in ws.dial_report.stages] == ["tcp", "upgrade"]
            assert await ws.ping() > 0
        await server.wait_for("close")
        assert ws.closed is not None
        assert ws.closed.code == 1000
    assert our_tasks() == []


# --- opening fails --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stall", "waiting_for"),
    [
        (True, "the TCP connection to the server example.org:80"),
        (False, "the answer of ws://example.org/chat?… to the WebSocket request"),
    ],
)
async def test_connect_timeout(
    stall: bool, waiting_for: str, network: Network, autojump_clock: MockClock
) -> None:
    """The message says what was being waited for."""
    network.stall = stall
    network.peer.stream.on_write = lambda: None
    with pytest.raises(ConnectionTimeout) as caught:
        async with open_websocket_url(
            "ws://user:pw@example.org/chat?token=secret", connect_timeout=7
        ):
            pass
    assert str(caught.value) == (
        f"no connection to ws://example.org/chat?… within 7 s; was waiting for {waiting_for}; "
        "does that one answer at all, or is connect_timeout too short?"
    )
    assert trio.current_time() == 7
    assert our_tasks() == []
    assert network.peer.stream.closed is not stall


async def test_a_refusal_closes_the_stream(peer: Peer, nursery: trio.Nursery) -> None:
    """A refusal is told with its body, and no stream is left, whichever way was taken."""
    refusal = b"HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater"
    peer.stream.on_write = lambda: peer.stream.put(refusal)
    with pytest.raises(ConnectionRejected) as caught:
        async with open_websocket_url(URL):
            pass
    assert isinstance(caught.value, ServerRejected)
    assert (caught.value.status_code, caught.value.body) == (503, b"later")
    assert_nothing_left(peer)


async def test_a_refusal_in_a_users_nursery(peer: Peer, nursery: trio.Nursery) -> None:
    """It comes as it is, and the nursery runs nothing."""
    peer.stream.on_write = lambda: peer.stream.put(b"HTTP/1.1 404 \r\n\r\n")
    peer.stream.put(b"")
    with pytest.raises(HandshakeError):
        await connect_websocket_url(nursery, URL)
    assert nursery.child_tasks == frozenset()
    assert peer.stream.closed


@pytest.mark.parametrize(
    "way", [by_open_websocket_url, by_connect_websocket_url, by_wrap_client_stream]
)
async def test_cancelled_at_every_checkpoint(
    way: Callable[[Network], Any],
    network: Network,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """Cancelled anywhere between the first packet and the last, nothing is left."""
    for steps in itertools.count():
        peer = network.replace_peer(answer=AcceptConnection(subprotocol="x"))
        network.routes.clear()
        nursery.start_soon(be_good, peer)
        with trio.CancelScope() as scope:
            instrument = CancelAtStep(scope, steps)
            trio.lowlevel.add_instrument(instrument)
            try:
                async with way(network) as ws:
                    await ws.send("x")
            finally:
                trio.lowlevel.remove_instrument(instrument)
        assert our_tasks() == []
        if len(peer.stream.writes) > 0:
            assert peer.stream.closed
        peer.stream.closed = True  # let be_good go where nothing was opened
        peer.stream._watchers.unpark_all()
        if not scope.cancelled_caught:
            break
    assert steps >= 5
    assert trio.current_time() == 0


@pytest.mark.parametrize("connect", [connect_websocket_url, wrap_client_stream])
async def test_a_nursery_that_is_closed(connect: Any, peer: Peer) -> None:
    """Where the nursery takes no tasks any more, the stream is closed."""
    async with trio.open_nursery() as nursery:
        pass
    arguments = [URL] if connect is connect_websocket_url else [peer.stream, "example.org", "/"]
    with pytest.raises(RuntimeError, match="closed"):
        await connect(nursery, *arguments)
    assert_nothing_left(peer)


@pytest.mark.parametrize(
    ("host", "resource", "options"),
    [
        ("example.org", "/a b", {}),
        ("exa\nmple", "/", {}),
        ("example.org", "/", {"extra_headers": {"A B": "1"}}),
        ("example.org", "/", {"subprotocols": ["a b"]}),
        ("example.org", "/", {"ping_interval": 0}),
        ("example.org", "/", {"connect_timeout": -1}),
    ],
)
async def test_wrap_client_stream_refuses(
    host: str, resource: str, options: dict[str, Any], nursery: trio.Nursery
) -> None:
    """Bad input is refused before anything is written, and the stream is closed."""
    wire = Wire()
    with pytest.raises(ValueError):
        await wrap_client_stream(nursery, wire, host, resource, **options)
    assert wire.writes == []
    assert wire.closed


async def test_wrap_client_stream_timeout(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The deadline holds for the opening handshake, and the stream is closed."""
    wire = Wire()
    with pytest.raises(ConnectionTimeout, match=r"example.org within 3 s; .* WebSocket request"):
        await wrap_client_stream(nursery, wire, "example.org", "/", connect_timeout=3)
    assert trio.current_time() == 3
    assert wire.closed


# --- leaving --------------------------------------------------------------------------------


async def be_silent(peer: Peer) -> None:
    """Never say another word."""


async def keep_tcp_open(peer: Peer) -> None:
    """Answer the close frame, and leave it to the client to end TCP."""
    while not peer.stream.closed:
        await peer.stream.wait_for_write()
        for event in peer.heard():
            if isinstance(event, CloseConnection):
                peer.say(event.response())


async def flood(peer: Peer) -> None:
    """Talk without end."""
    while not peer.stream.closed:
        peer.say_bytes(frame(BINARY, b"x" * 1000) * 10)
        await trio.sleep(0.5)


async def be_gone(peer: Peer) -> None:
    """Reset the connection."""
    peer.reset()


async def have_said_much(peer: Peer) -> None:
    """Have more to say than is read ahead, and be good."""
    for _ in range(30):
        peer.say_bytes(frame(TEXT, b"x" * 1000) * 100)
    await be_good(peer)


async def not_read(peer: Peer) -> None:
    """Stop reading."""
    peer.stop_reading()


# How many seconds leaving takes: normally, and by an exception; inf is an error.
PEERS: dict[Callable[[Peer], Awaitable[None]], tuple[float, float]] = {
    be_good: (0, 0),
    keep_tcp_open: (1, 1),
    be_silent: (60, 1),
    flood: (60, 1),
    be_gone: (0, 0),
    have_said_much: (0, 0),
    not_read: (60, 1),
}


@pytest.mark.parametrize("behaviour", PEERS)
async def test_left_normally(
    behaviour: Callable[[Peer], Awaitable[None]],
    peer: Peer,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """What was sent goes out, the handshake is done in time, or DisconnectionTimeout tells."""
    takes = PEERS[behaviour][0]
    try:
        async with open_websocket_url(URL, disconnect_timeout=60) as ws:
            nursery.start_soon(behaviour, peer)
            await wait_all_tasks_blocked()
            if behaviour is not be_gone:
                await ws.send("last words")
    except DisconnectionTimeout:
        assert takes == 60
    else:
        assert takes < 60
    assert trio.current_time() == takes
    assert_nothing_left(peer)


@pytest.mark.parametrize("behaviour", PEERS)
@pytest.mark.parametrize(
    "kind", [UserError, KeyboardInterrupt, SystemExit, GeneratorExit, ConnectionLost]
)
async def test_left_by_an_exception(
    kind: Callable[[str], BaseException],
    behaviour: Callable[[Peer], Awaitable[None]],
    peer: Peer,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """The very exception comes out, in no group, its history kept, within a second."""
    error = with_a_history(kind("mine"))
    context = error.__context__
    with pytest.raises(type(error)) as caught:
        async with open_websocket_url(URL):
            nursery.start_soon(behaviour, peer)
            await wait_all_tasks_blocked()
            raise error
    assert caught.value is error
    assert error.__context__ is context
    assert error.__cause__ is None
    assert trio.current_time() == PEERS[behaviour][1]
    assert_nothing_left(peer)


async def test_left_by_a_group(
    peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A group of the user's own passes through as it is."""
    error = with_a_history(ExceptionGroup("mine", [UserError("1"), UserError("2")]))
    with pytest.raises(type(error)) as caught:
        async with open_websocket_url(URL):
            nursery.start_soon(be_good, peer)
            raise error
    assert caught.value is error
    assert_nothing_left(peer)


@pytest.mark.parametrize("behaviour", PEERS)
async def test_left_by_a_cancellation(
    behaviour: Callable[[Peer], Awaitable[None]],
    peer: Peer,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """A cancelled block closes everything at once."""
    with trio.move_on_after(5) as scope:
        async with open_websocket_url(URL) as ws:
            nursery.start_soon(behaviour, peer)
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() == 5
    assert_nothing_left(peer)
    with pytest.raises((ConnectionClosedLocally, ConnectionLost)):
        async for _ in ws:
            pass


async def test_cancelled_while_leaving(peer: Peer, autojump_clock: MockClock) -> None:
    """So does a cancellation that comes while leaving."""
    with trio.move_on_after(5) as scope:
        async with open_websocket_url(URL):
            pass
    assert scope.cancelled_caught
    assert trio.current_time() == 5
    assert_nothing_left(peer)


async def test_cancelled_while_leaving_by_an_exception(
    peer: Peer, autojump_clock: MockClock
) -> None:
    """The user's exception outlives a cancellation that comes while leaving."""
    error = with_a_history(UserError("mine"))
    with trio.move_on_after(0.5), pytest.raises(UserError) as caught:
        async with open_websocket_url(URL):
            raise error
    assert caught.value is error
    assert trio.current_time() == 0.5
    assert_nothing_left(peer)


async def test_an_exception_and_a_cancellation(peer: Peer, autojump_clock: MockClock) -> None:
    """An exception out of a block that is cancelled already comes out at once."""
    error = with_a_history(UserError("mine"))
    with trio.CancelScope() as scope, pytest.raises(UserError) as caught:
        async with open_websocket_url(URL):
            scope.cancel()
            raise error
    assert caught.value is error
    assert trio.current_time() == 0
    assert_nothing_left(peer)


async def test_a_timeout_while_leaving_by_an_exception(
    peer: Peer, autojump_clock: MockClock
) -> None:
    """A disconnect_timeout below a second does not hide the user's exception."""
    error = with_a_history(UserError("mine"))
    with pytest.raises(UserError) as caught:
        async with open_websocket_url(URL, disconnect_timeout=0.25):
            raise error
    assert caught.value is error
    assert trio.current_time() == 0.25


async def test_a_shielded_block(
    peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The connection works on for a user who shields some last words from a cancellation."""
    nursery.start_soon(be_good, peer)
    with trio.CancelScope() as scope:
        async with open_websocket_url(URL) as ws:
            scope.cancel()
            with trio.CancelScope(shield=True):
                await ws.send("last words")
                await ws.aclose()
    assert TextMessage(data="last words") in peer.heard() or len(peer.stream.writes) == 2
    assert ws.closed is not None
    assert ws.closed.code == 1000


async def test_closed_within_the_block(
    peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A user who closes the connection, with a code, is not in the way of its end."""
    nursery.start_soon(be_good, peer)
    async with open_websocket_url(URL) as ws:
        await ws.aclose(4000, "done")
        with pytest.raises(ConnectionClosedLocally):
            await ws.receive()
    assert ws.closed is not None
    assert ws.closed.code == 4000


async def test_closed_by_the_peer(peer: Peer, autojump_clock: MockClock) -> None:
    """The peer's end comes out of the block as it was raised."""
    with pytest.raises(ConnectionEnded) as caught:
        async with open_websocket_url(URL) as ws:
            peer.say(CloseConnection(code=1001))
            peer.hang_up()
            await ws.receive()
    assert caught.value.reason is not None
    assert caught.value.reason.code == 1001
    assert trio.current_time() == 0
    assert_nothing_left(peer)


async def test_the_users_nursery_is_cancelled(peer: Peer, autojump_clock: MockClock) -> None:
    """A connection of connect_…() dies with the nursery it was given, at once."""
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket_url(nursery, URL)
        nursery.cancel_scope.cancel()
    assert_nothing_left(peer)
    with pytest.raises(ConnectionClosedLocally):
        await ws.send("x")


async def test_the_users_nursery_fails(peer: Peer, autojump_clock: MockClock) -> None:
    """It adds no exception of its own to the nursery's."""
    group: Any = BaseException
    with pytest.raises(group) as caught:
        async with trio.open_nursery() as nursery:
            await connect_websocket_url(nursery, URL)
            raise UserError
    assert [type(exc) for exc in caught.value.exceptions] == [UserError]
    assert_nothing_left(peer)


# --- Ctrl-C ---------------------------------------------------------------------------------


def press_ctrl_c() -> None:
    """Do what the terminal does."""
    signal.raise_signal(signal.SIGINT)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program of the user's, who may press Ctrl-C."""
    trio.run(main, clock=MockClock(autojump_threshold=0), strict_exception_groups=True)


def test_ctrl_c_in_the_block(peer: Peer) -> None:
    """Ctrl-C ends the block as an exception does."""
    times = []

    async def main() -> None:
        try:
            async with open_websocket_url(URL):
                press_ctrl_c()
        finally:
            times.append(trio.current_time())
            assert_nothing_left(peer)

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert times == [1]


def test_ctrl_c_while_leaving(peer: Peer) -> None:
    """Ctrl-C while an exception waits for the closing handshake comes out, the other below it."""
    error = UserError("mine")

    async def main() -> None:
        trio.lowlevel.spawn_system_task(press_at, 0.5)
        try:
            async with open_websocket_url(URL):
                raise error
        finally:
            assert trio.current_time() == 0.5
            assert_nothing_left(peer)

    async def press_at(time: float) -> None:
        await trio.sleep_until(time)
        press_ctrl_c()

    with pytest.raises(KeyboardInterrupt) as caught:
        run(main)
    assert caught.value.__context__ is error


def test_ctrl_c_in_a_background_task(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C that hits a task of the connection's is delivered to the user's block, in no group."""
    monkeypatch.setattr(Attendant, "_send_keepalive_ping", lambda _: press_ctrl_c())

    async def main() -> None:
        async with open_websocket_url(URL):
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert peer.stream.closed


@pytest.mark.parametrize("where", ["_upgrade", "before the block", "behind the block"])
def test_ctrl_c_between_two_lines(where: str, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the worst moments of opening and leaving leaves no stream and no task."""
    start_soon = trio.Nursery.start_soon
    upgrade = _client._upgrade

    async def and_then(*args: Any, **options: Any) -> Any:
        result = await upgrade(*args, **options)
        press_ctrl_c()
        return result

    def start(self: trio.Nursery, function: Any, *args: Any, **options: Any) -> None:
        start_soon(self, function, *args, **options)
        if getattr(function, "__name__", "") == "run":
            press_ctrl_c()

    if where == "_upgrade":
        monkeypatch.setattr(_client, "_upgrade", and_then)
    elif where == "before the block":
        monkeypatch.setattr(trio.Nursery, "start_soon", start)
    else:
        leave = Attendant.leave

        def leave_after_ctrl_c(attendant: Attendant, error: BaseException | None) -> Any:
            press_ctrl_c()
            return leave(attendant, error)

        monkeypatch.setattr(Attendant, "leave", leave_after_ctrl_c)

    async def main() -> None:
        try:
            async with open_websocket_url(URL):
                pass
        finally:
            assert_nothing_left(peer)

    with pytest.raises(KeyboardInterrupt):
        run(main)


def test_ctrl_c_behind_dialing(network: Network) -> None:
    """Nor is one left where the connection is for a nursery of the user's."""

    async def dial(*args: Any, **options: Any) -> trio.abc.Stream:
        stream = await network.dial(*args, **options)
        press_ctrl_c()
        return stream

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with pytest.raises(KeyboardInterrupt):
                await connect_websocket_url(nursery, URL)
            assert_nothing_left(network.peer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_client, "dial", dial)
        run(main)


# --- what is left ---------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["exception", "timeout", "normal"])
async def test_no_garbage(
    end: str, network: Network, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """What came out of a block keeps nothing alive, and is freed without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        peer = network.peer
        if end == "normal":
            nursery.start_soon(be_good, peer)
        alive: weakref.ref[WebSocketConnection] | None = None
        try:
            async with open_websocket_url(URL) as ws:
                alive = weakref.ref(ws)
                del ws
                if end == "exception":
                    raise UserError  # noqa: TRY301
        except (UserError, DisconnectionTimeout):
            pass
        await wait_all_tasks_blocked()
        assert alive is not None
        assert alive() is None
    finally:
        gc.enable()
