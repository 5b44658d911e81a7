"""The client's functions, mostly over a network of one peer that does what a test says.

How they fail on the way to a server is the business of the tests of the dialer; that the
whole stands on real sockets and real proxies is shown in ``tests/real``.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from _network import Network, be_good, our_tasks
from _peer import CancelAtStep, Wire
from trio.testing import MockClock
from wsproto.events import AcceptConnection, TextMessage

from trio_wsproxy import (
    Endpoint,
    ProxyConfigError,
    WebSocketConnection,
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy.testing import open_echo_server

URL = "ws://example.org/chat"


# --- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org", "ws://"),
        ("example.org", "scheme"),
        ("", "it is empty"),
        ("ws://", "host"),
        ("ws://example.org/#fragment", "fragment"),
        ("ws://example.org/\n", "control characters"),
        ("ws://example.org:0/", "port"),
        ("ws://example.org:65536/", "65536"),
        ("ws://user:secret@example.org:x/", "port"),
        ("ws://user:secret@exa mple.org/", "host"),
    ],
)
async def test_bad_url(url: str, says: str, network: Network) -> None:
    """A bad URL is refused before anything is dialed, and secrets are not repeated."""
    with pytest.raises(ValueError, match=says) as caught:
        async with open_websocket_url(url):
            pass
    assert type(caught.value) is ValueError
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
