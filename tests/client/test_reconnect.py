"""Connections in a row, over a network whose next answer is always the script's.

The clock is virtual, so hours of outage take milliseconds and delays can be compared.
"""
# ruff: noqa: PT012  # the blocks of async with are left by what is raised in them

from __future__ import annotations

import email.utils
import itertools
import logging
import math
import signal
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from _peer import CancelAtStep, Peer
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock
from wsproto.events import CloseConnection, TextMessage

from trio_wsproxy import (
    ConnectionEnded,
    ConnectionLost,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    Route,
    ServerRejected,
    ServerUnreachable,
    WebSocketConnection,
    is_transient,
    reconnecting_websocket_url,
)
from trio_wsproxy._client import _attempt
from trio_wsproxy._failures import StageName

if sys.version_info < (3, 11):
    # trio brings it along there
    from exceptiongroup import ExceptionGroup  # type: ignore[import-not-found, unused-ignore]

URL = "ws://example.org/feed"
DOWN = ServerUnreachable("the server example.org:80 is down", stage="tcp")

Behaviour = Callable[[Peer], Awaitable[None]]


async def be_good(peer: Peer) -> None:
    """Do the server's part of the closing handshake."""
    while not peer.stream.closed:
        await peer.stream.wait_for_write()
        for event in peer.heard():
            if isinstance(event, CloseConnection):
                peer.say(event.response())
                peer.hang_up()


async def hang_up(peer: Peer) -> None:
    """Say one word and end TCP."""
    peer.say(TextMessage(data="word"))
    peer.hang_up()


async def reset(peer: Peer) -> None:
    """Reset TCP."""
    peer.reset()


async def be_done(peer: Peer) -> None:
    """Close normally."""
    peer.say(CloseConnection(code=1000))
    peer.hang_up()


async def be_silent(peer: Peer) -> None:
    """Never say another word."""


class Network:
    """Where each dialing meets the next entry of a script, and the last one for ever.

    An exception is raised, bytes are the answer to the WebSocket request, and a function
    plays the server behind an opening handshake that succeeds.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self.script: list[Exception | bytes | Behaviour] = [be_good]
        self.routes: list[Route] = []
        self.times: list[float] = []
        self.peers: list[Peer] = []
        self._nursery = nursery

    async def dial(self, route: Route, *_: Any, **__: Any) -> trio.abc.Stream:
        """Stand in for the dialer."""
        self.routes.append(route)
        self.times.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        entry = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(entry, Exception):
            raise entry
        peer = Peer(handshake=True)
        self.peers.append(peer)
        if isinstance(entry, bytes):
            answer = entry
            peer.stream.on_write = lambda: peer.say_bytes(answer, b"")
        else:
            accept, behaviour = peer.stream.on_write, entry

            def accept_and_behave() -> None:
                accept()
                if peer.request is not None:
                    self._nursery.start_soon(behaviour, peer)

            peer.stream.on_write = accept_and_behave
        return peer.stream

    @property
    def delays(self) -> list[float]:
        """What passed between one dialing and the next."""
        return [later - earlier for earlier, later in itertools.pairwise(self.times)]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, nursery: trio.Nursery) -> Network:
    """Put a :class:`Network` in the place of the real one."""
    network = Network(nursery)
    monkeypatch.setattr(_attempt, "dial", network.dial)
    for name in ("ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return network


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every jitter be the largest one."""
    monkeypatch.setattr("random.random", lambda: 1.0)


def our_tasks() -> list[str]:
    """Find all tasks that run code of ours."""
    found = []
    pending = [trio.lowlevel.current_root_task()]
    while pending:
        task = pending.pop()
        assert task is not None
        if task.name.startswith("trio_wsproxy."):
            found.append(task.name)
        pending += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found


def assert_nothing_left(network: Network) -> None:
    """No task of ours is left, and no stream."""
    assert our_tasks() == []
    assert [peer for peer in network.peers if not peer.stream.closed] == []


def refusal(status: str, *headers: str) -> bytes:
    """An answer to the WebSocket request that is none."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", ""]).encode()


# --- what is worth another attempt ----------------------------------------------------------


def caused(exc: Exception, *causes: Exception) -> Exception:
    """Chain exceptions as ``raise … from …`` does; return the first."""
    for outer, inner in itertools.pairwise((exc, *causes)):
        outer.__cause__ = inner
    return exc


def server(stage: StageName, *causes: Exception) -> Exception:
    """An error of the server's, with its causes."""
    """Make what a server that is not reached raises."""
    return caused(ServerUnreachable("x", stage=stage), *causes)


def proxy(stage: StageName, *causes: Exception) -> Exception:
    """An error of the first proxy's, with its causes."""
    """Make what a proxy that is not reached raises."""
    return caused(ProxyUnreachable("x", stage=stage), *causes)


def rejected(status: int) -> Exception:
    """A server's refusal."""
    """Make what a server raises that answers with this status."""
    return ServerRejected(status, (), b"", url="ws://x/")


BROKEN = trio.BrokenResourceError
CERTIFICATE = ssl.SSLCertVerificationError("self-signed")
TRANSIENT = [
    OSError("any"),
    ConnectionRefusedError(),
    ConnectionTimeout(),
    server("resolve", socket.gaierror(socket.EAI_AGAIN, "again")),
    server("tcp", ConnectionRefusedError()),
    server("server_tls", BROKEN(), ssl.SSLEOFError(8, "EOF")),
    server("server_tls", BROKEN(), ConnectionResetError()),
    server("server_tls", BROKEN()),
    proxy("resolve", socket.gaierror(socket.EAI_AGAIN, "again")),
    proxy("tcp", TimeoutError()),
    proxy("proxy_tls", BROKEN(), ssl.SSLEOFError(8, "EOF")),
    ProxyProtocolError("cut off"),
    caused(HandshakeError(), BROKEN(), ConnectionResetError()),
    caused(HandshakeError(), BROKEN(), ssl.SSLEOFError(8, "EOF")),
    *(rejected(status) for status in (408, 429, 502, 503, 504)),
    *(ProxyRejected("x", status_code=status) for status in (408, 429, 502, 503, 504)),
    *(ProxyRejected("x", reply_code=code) for code in (1, 3, 4, 5, 6, 91)),
]
PERMANENT = [
    ValueError("any"),
    HandshakeError(),
    ProxyConfigError("x"),
    ProxyAuthenticationError("x", status_code=407),
    ProxyAuthenticationError("x", status_code=503),
    server("server_tls", BROKEN(), CERTIFICATE),
    server("server_tls", BROKEN(), ssl.SSLError(1, "WRONG_VERSION_NUMBER")),
    server("server_tls", ValueError("no TLS server name")),
    server("resolve", UnicodeError("label too long")),
    proxy("proxy_tls", BROKEN(), CERTIFICATE),
    caused(HandshakeError(), BROKEN(), ssl.SSLError(1, "ALERT_CERTIFICATE_REQUIRED")),
    CERTIFICATE,
    *(rejected(status) for status in (200, 301, 400, 401, 403, 404, 407, 410, 426, 500, 501, 505)),
    *(ProxyRejected("x", status_code=status) for status in (301, 400, 403, 404, 405, 500)),
    *(ProxyRejected("x", reply_code=code) for code in (2, 7, 8, 92, 93)),
]


def shown(exc: object) -> str:
    """Name a row of the tables."""
    parts = [type(exc).__name__]
    for name in ("stage", "status_code", "reply_code"):
        parts += [str(getattr(exc, name))] if getattr(exc, name, None) else []
    cause = getattr(exc, "__cause__", None)
    return "-".join(parts) + (f" from {shown(cause)}" if cause else "")


@pytest.mark.parametrize(
    ("exc", "transient"),
    [*((exc, True) for exc in TRANSIENT), *((exc, False) for exc in PERMANENT)],
    ids=shown,
)
def test_is_transient(exc: Exception, transient: bool) -> None:
    """What the network or an overloaded peer does may pass; what someone must mend does not."""
    assert is_transient(exc) is transient


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 10"])
async def test_an_end_instead_of_an_answer_is_transient(
    answer: bytes, network: Network, autojump_clock: MockClock
) -> None:
    """A server that hangs up on the WebSocket request, as one that restarts does, is retried."""
    network.script = [answer, be_good]
    async with reconnecting_websocket_url(URL) as connections:
        async for _ in connections:
            break
    assert len(network.times) == 2
    assert_nothing_left(network)


@pytest.mark.parametrize("exc", [DOWN, *(exc for exc in TRANSIENT if exc is not DOWN)], ids=shown)
async def test_transient_failures_are_retried(
    exc: Exception, network: Network, autojump_clock: MockClock
) -> None:
    """The loop does not see them."""
    network.script = [exc, exc, be_good]
    async with reconnecting_websocket_url(URL) as connections:
        async for ws in connections:
            assert ws.closed is None
            break
    assert len(network.times) == 3
    assert_nothing_left(network)


@pytest.mark.parametrize("exc", PERMANENT, ids=shown)
async def test_permanent_failures_are_raised(
    exc: Exception, network: Network, autojump_clock: MockClock
) -> None:
    """They come out of the loop as they are, at once, in no group."""
    network.script = [exc]
    with pytest.raises(type(exc)) as caught:
        async with reconnecting_websocket_url(URL) as connections:
            async for _ in connections:
                pytest.fail("there is no connection")
    assert caught.value is exc
    assert network.times == [0]
    assert trio.current_time() == 0
    assert our_tasks() == []


async def test_a_permanent_failure_after_a_connection(
    network: Network, autojump_clock: MockClock
) -> None:
    """So they do when a connection was there before."""
    network.script = [be_done, refusal("410 Gone")]
    seen = 0
    with pytest.raises(ServerRejected) as caught:
        async with reconnecting_websocket_url(URL) as connections:
            async for ws in connections:
                seen += 1
                async for _ in ws:
                    pass
    assert (seen, caught.value.status_code) == (1, 410)
    assert_nothing_left(network)


@pytest.mark.parametrize(
    ("answer", "verdict", "again"),
    [
        ("404 Not Found", True, True),
        ("404 Not Found", None, False),
        ("503 Busy", False, False),
        ("503 Busy", None, True),
    ],
)
async def test_the_hook_decides(
    answer: str, verdict: bool | None, again: bool, network: Network, autojump_clock: MockClock
) -> None:
    """True tries again, False raises, None decides as usual; it is asked with the exception."""
    asked = []
    network.script = [refusal(answer), be_good]

    def retry(exc: Exception) -> bool | None:
        asked.append(exc)
        return verdict

    try:
        async with reconnecting_websocket_url(URL, retry=retry) as connections:
            async for _ in connections:
                break
    except ServerRejected as exc:
        assert not again
        assert asked == [exc]
    else:
        assert again
        assert [type(exc) for exc in asked] == [ServerRejected]
    assert_nothing_left(network)


async def test_the_hook_raises(network: Network, autojump_clock: MockClock) -> None:
    """What the hook raises comes out as it is."""
    error = LookupError("mine")
    network.script = [DOWN]

    def retry(exc: Exception) -> bool:
        raise error

    with pytest.raises(LookupError) as caught:
        async with reconnecting_websocket_url(URL, retry=retry) as connections:
            async for _ in connections:
                pass
    assert caught.value is error
    assert our_tasks() == []


# --- delays ---------------------------------------------------------------------------------


async def dial_times(network: Network, count: int, **options: Any) -> None:
    """Let the loop dial so often, all in vain."""
    network.script = [*itertools.repeat(DOWN, count - 1), be_good]
    async with reconnecting_websocket_url(URL, **options) as connections:
        async for _ in connections:
            break
    assert len(network.times) == count


async def test_delays_grow(network: Network, autojump_clock: MockClock, steady: None) -> None:
    """Each is twice the one before, up to max_delay."""
    await dial_times(network, 11)
    assert network.delays == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_delays_of_the_users(
    network: Network, autojump_clock: MockClock, steady: None
) -> None:
    """first_delay and max_delay are theirs to choose."""
    await dial_times(network, 6, first_delay=3, max_delay=10)
    assert network.delays == [3, 6, 10, 10, 10]


async def test_a_long_outage(network: Network, autojump_clock: MockClock, steady: None) -> None:
    """So many failures in a row that no float holds a delay that has doubled each time overflow nothing."""
    await dial_times(network, sys.float_info.max_exp + 76, max_delay=1)
    assert network.delays[-1] == 1


async def test_jitter(network: Network, autojump_clock: MockClock) -> None:
    """A delay is between half and all of what it grew to, and no two are alike."""
    await dial_times(network, 100, first_delay=8, max_delay=8)
    assert all(4 <= delay <= 8 for delay in network.delays)
    assert len({round(delay, 6) for delay in network.delays}) > 90
    assert min(network.delays) < 5
    assert max(network.delays) > 7


async def test_reset_after_a_stable_connection(
    network: Network, autojump_clock: MockClock, steady: None
) -> None:
    """A connection that lived for ten seconds lets the delays begin anew; a shorter one does not."""

    async def end_after_ten(peer: Peer) -> None:
        await trio.sleep(10)
        peer.hang_up()

    network.script = [DOWN, DOWN, hang_up, hang_up, end_after_ten, DOWN, be_good]
    async with reconnecting_websocket_url(URL, ping_interval=None) as connections:
        async for ws in connections:
            if len(network.times) == 7:
                break
            with pytest.raises(ConnectionLost):
                while True:
                    await ws.receive()
    assert network.delays == pytest.approx([0.5, 1, 2, 4, 10 + 0.5, 1])


DATE = 1_700_000_000


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        (None, 0.5),
        ("7", 7),
        (" 7 ", 7),
        ("0", 0.5),
        ("300", 300),  # above max_delay: the server knows better
        (email.utils.formatdate(DATE + 90, usegmt=True), 90),
        (email.utils.formatdate(DATE - 90, usegmt=True), 0.5),
        ("-7", 0.5),
        ("7.5", 0.5),
        ("soon", 0.5),
        ("", 0.5),
        ("\xb2", 0.5),
        ("Mon, 01 Jan 99999 00:00:00 GMT", 0.5),
        ("Mon, 01 Jan", 0.5),
    ],
)
@pytest.mark.parametrize("by", ["server", "proxy"])
async def test_retry_after(
    by: str,
    header: str | None,
    delay: float,
    network: Network,
    autojump_clock: MockClock,
    steady: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Retry-After of a server or proxy, in seconds or as a date, is the least that is waited."""
    monkeypatch.setattr("time.time", lambda: float(DATE))
    headers = () if header is None else ((b"retry-after", header.encode("latin-1")),)
    exc: Exception = ServerRejected(503, headers, b"", url=URL)
    if by == "proxy":
        exc = ProxyRejected("busy", status_code=503, headers=headers)
    network.script = [exc, be_good]
    async with reconnecting_websocket_url(URL) as connections:
        async for _ in connections:
            break
    assert network.delays == [delay]


@pytest.mark.parametrize(
    ("header", "options", "delay", "told"),
    [
        (b"999999999", {}, 3600, "(Retry-After asks for 999999999 s, max_retry_after is 3600 s)"),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", {}, 3600, "max_retry_after is 3600 s)"),
        (b"1" + b"0" * 400, {}, 3600, "max_retry_after is 3600 s)"),
        (b"3601", {}, 3600, "(Retry-After asks for 3601 s, max_retry_after is 3600 s)"),
        (b"3600", {}, 3600, ""),
        (b"90", {"max_retry_after": 30}, 30, "max_retry_after is 30 s)"),
        (b"90", {"max_retry_after": 0}, 0.5, "max_retry_after is 0 s)"),
        (b"90", {"max_retry_after": 90}, 90, ""),
        (b"86400", {"max_retry_after": math.inf}, 86400, ""),
    ],
)
@pytest.mark.parametrize("by", ["server", "proxy"])
async def test_retry_after_is_capped(
    *,
    by: str,
    header: bytes,
    options: dict[str, float],
    delay: float,
    told: str,
    network: Network,
    autojump_clock: MockClock,
    steady: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No peer makes the loop wait longer than max_retry_after, and the log says what it wanted."""
    headers = ((b"retry-after", header),)
    exc: Exception = ServerRejected(503, headers, b"", url=URL)
    if by == "proxy":
        exc = ProxyRejected("busy", status_code=503, headers=headers)
    network.script = [exc, be_good]
    async with reconnecting_websocket_url(URL, None, **options) as connections:  # type: ignore[arg-type]  # by name
        async for _ in connections:
            break
    assert network.delays == [delay]
    assert told in caplog.text
    assert ("Retry-After" in caplog.text) == bool(told)


async def test_retry_after_off_the_wire(
    network: Network, autojump_clock: MockClock, steady: None
) -> None:
    """It is found in a real answer."""
    network.script = [refusal("429 Too Many", "Retry-After: 12"), be_good]
    async with reconnecting_websocket_url(URL) as connections:
        async for _ in connections:
            break
    assert network.delays == [12]


# --- the loop -------------------------------------------------------------------------------


async def test_a_new_connection_each_turn(network: Network, autojump_clock: MockClock) -> None:
    """A connection that is lost in the body is closed, and the next turn has another one."""
    network.script = [hang_up, reset, be_done, be_good]
    seen: list[WebSocketConnection] = []
    ends = []
    async with reconnecting_websocket_url(URL) as connections:
        async for ws in connections:
            assert ws not in seen
            assert all(old.closed for old in seen)
            seen.append(ws)
            if len(seen) == 4:
                await ws.send("last")
                break
            try:
                while True:
                    await ws.receive()
            except (ConnectionLost, ConnectionEnded) as exc:
                ends.append(type(exc))
                continue
    assert ends == [ConnectionLost, ConnectionLost, ConnectionEnded]
    assert_nothing_left(network)


async def test_a_turn_that_leaves_the_connection_open(
    network: Network, autojump_clock: MockClock
) -> None:
    """The next turn closes it properly."""
    seen: list[WebSocketConnection] = []
    async with reconnecting_websocket_url(URL) as connections:
        async for ws in connections:
            seen.append(ws)
            if len(seen) == 3:
                break
    assert [ws.closed.code for ws in seen if ws.closed] == [1000, 1000, 1000]
    assert_nothing_left(network)


async def test_a_peer_that_does_not_close(
    network: Network, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The DisconnectionTimeout of an old connection is told to the log, not to the loop."""
    network.script = [be_silent, be_good]
    turns = 0
    async with reconnecting_websocket_url(URL, disconnect_timeout=3) as connections:
        async for _ in connections:
            turns += 1
            if turns == 2:
                break
    assert 3 < network.delays[0] <= 3.5
    assert "did not finish the closing handshake within 3 s" in caplog.text
    assert_nothing_left(network)


async def test_leaving_by_its_end(network: Network, autojump_clock: MockClock) -> None:
    """The last connection's DisconnectionTimeout is raised, as by open_websocket_url."""
    network.script = [be_silent]
    with pytest.raises(DisconnectionTimeout):
        async with reconnecting_websocket_url(URL, disconnect_timeout=3) as connections:
            async for _ in connections:
                break
    assert trio.current_time() == 3
    assert_nothing_left(network)


async def test_again_after_break(network: Network, autojump_clock: MockClock) -> None:
    """A second loop over the same object goes on where the first one ended."""
    async with reconnecting_websocket_url(URL) as connections:
        async for first in connections:  # noqa: B007  # looked at below
            break
        async for second in connections:  # noqa: B007
            break
        assert first.closed
    assert_nothing_left(network)


async def test_connect_timeout_is_for_one_attempt(
    network: Network, autojump_clock: MockClock, steady: None
) -> None:
    """A server that never answers is given up on, and asked again."""
    calls = 0
    dial = network.dial

    async def stall_once(*args: Any, **options: Any) -> trio.abc.Stream:
        nonlocal calls
        calls += 1
        stream = await dial(*args, **options)
        if calls == 1:
            network.peers[0].stream.on_write = lambda: None
        return stream

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_attempt, "dial", stall_once)
        async with reconnecting_websocket_url(URL, connect_timeout=5) as connections:
            async for _ in connections:
                break
    assert network.delays == [5.5]
    assert_nothing_left(network)


async def test_the_proxy_is_resolved_anew(
    network: Network, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the environment is seen by the next attempt, after failures and ends alike."""
    network.script = [DOWN, hang_up, be_good]
    settings = iter(["http://second:1", "http://third:1", ""])

    def next_setting() -> None:
        value = next(settings)
        monkeypatch.setenv("all_proxy", value)

    def retry(exc: Exception) -> None:
        next_setting()

    monkeypatch.setenv("all_proxy", "http://first:1")
    async with reconnecting_websocket_url(URL, retry=retry) as connections:
        async for _ in connections:
            if len(network.routes) == 3:
                break
            next_setting()
    assert [route.hops[0].host for route in network.routes] == ["first", "second", "third"]


async def test_a_bad_environment_is_raised(
    network: Network, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a bad one, which is no reason to wait."""
    network.script = [hang_up]
    with pytest.raises(ProxyConfigError, match="environment variable all_proxy"):
        async with reconnecting_websocket_url(URL) as connections:
            async for _ in connections:
                monkeypatch.setenv("all_proxy", "ftp://proxy")
    assert_nothing_left(network)


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("http://example.org", {}, "ws://"),
        (URL, {"first_delay": 0}, "first_delay"),
        (URL, {"first_delay": -1}, "first_delay"),
        (URL, {"first_delay": float("nan")}, "first_delay"),
        (URL, {"first_delay": 61}, "first_delay"),
        (URL, {"first_delay": 2, "max_delay": 1}, "first_delay"),
        (URL, {"max_retry_after": -1}, "max_retry_after"),
        (URL, {"max_retry_after": float("nan")}, "max_retry_after"),
        (URL, {"max_redirects": -1}, "max_redirects"),
        (URL, {"ping_interval": 0}, "ping_interval"),
        (URL, {"extra_headers": {"A B": "1"}}, "extra_headers"),
        (URL, {"compression": "zip"}, "compression"),
        (URL, {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, "wss://"),
    ],
)
def test_bad_arguments(url: str, options: dict[str, Any], says: str) -> None:
    """They are refused by the call itself, not by the first attempt."""
    with pytest.raises(ValueError, match=says):
        reconnecting_websocket_url(url, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"first_delay": "1"}, "first_delay is a number of seconds, not a str"),
        ({"max_delay": True}, "max_delay is a number of seconds, not True"),
        ({"max_delay": None}, "max_delay is a number of seconds, not None"),
        ({"max_retry_after": "hour"}, "max_retry_after is a number of seconds, not a str"),
        ({"max_retry_after": None}, "math.inf waits for ever"),
        ({"retry": True}, "retry is a function or None, not bool"),
        ({"retry": be_good}, "retry is called and not awaited"),
    ],
)
def test_arguments_of_other_types(options: dict[str, Any], says: str) -> None:
    """So are those of another type, by name."""
    with pytest.raises(TypeError, match=says):
        reconnecting_websocket_url(URL, **options)


async def test_a_hook_that_must_be_awaited(network: Network, autojump_clock: MockClock) -> None:
    """A hook whose coroutine nobody would await does not pass for "try again"."""

    async def decide(_: Exception) -> bool:
        return False

    network.script = [DOWN, be_good]
    hook: Any = lambda exc: decide(exc)  # noqa: E731, PLW0108  # not seen at the call
    with pytest.raises(TypeError, match="retry is called and not awaited"):
        async with reconnecting_websocket_url(URL, retry=hook) as connections:
            async for _ in connections:
                pass


# --- the log --------------------------------------------------------------------------------


async def test_each_outage_is_logged_once(
    network: Network, autojump_clock: MockClock, steady: None, caplog: pytest.LogCaptureFixture
) -> None:
    """With its reason and the delay; the URL without its secrets."""
    caplog.set_level(logging.INFO, "trio_wsproxy")

    async def overloaded(peer: Peer) -> None:
        peer.say(CloseConnection(code=1013, reason="come back later"))
        peer.hang_up()

    network.script = [DOWN, refusal("503 Busy"), overloaded, hang_up, be_good]
    turns = 0
    url = "ws://user:secret@example.org/feed?token=secret"
    async with reconnecting_websocket_url(url) as connections:
        async for ws in connections:
            turns += 1
            if turns == 3:
                break
            with pytest.raises(ConnectionLost):
                while True:
                    await ws.receive()
    told = [record.message for record in caplog.records if "next attempt" in record.message]
    assert [message.partition("the next attempt is in ")[2] for message in told] == [
        "0.5 s",
        "1.0 s",
        "2.0 s",
        "4.0 s",
    ]
    for message, reason in zip(
        told, ["example.org:80 is down", "503", "come back later", "1006"], strict=True
    ):
        assert reason in message
    assert "secret" not in caplog.text


async def test_a_question_is_followed_by_a_sentence(
    network: Network, autojump_clock: MockClock, steady: None, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that ends in a question mark has no semicolon put behind it."""
    network.script = [ServerUnreachable("it is down; is it up?", stage="tcp"), be_good]
    async with reconnecting_websocket_url("ws://example.org/") as connections:
        async for _ in connections:
            break
    assert "it is down; is it up? Next attempt in 0.5 s" in caplog.messages


async def test_a_peer_cannot_forge_records(
    network: Network, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What a peer says in its close frame stays in one line, and commands no terminal."""
    caplog.set_level(logging.INFO, "trio_wsproxy")

    async def say_much(peer: Peer) -> None:
        peer.say(CloseConnection(code=1013, reason="x\nINFO forged \x1b[2J\u202e"))
        peer.hang_up()

    network.script = [say_much, be_good]
    turns = 0
    async with reconnecting_websocket_url(URL) as connections:
        async for ws in connections:
            turns += 1
            if turns == 2:
                break
            with pytest.raises(ConnectionLost):
                while True:
                    await ws.receive()
    for record in caplog.records:
        assert not set("\n\x1b\u202e") & set(record.message)


# --- leaving, in every way, at every point --------------------------------------------------


class UserError(Exception):
    """An exception of the user's."""


@pytest.mark.parametrize("behaviour", [be_good, hang_up, reset, be_done, be_silent])
@pytest.mark.parametrize("kind", [UserError, KeyboardInterrupt, GeneratorExit, ConnectionLost])
async def test_an_exception_in_the_body(
    kind: Callable[[str], BaseException],
    behaviour: Behaviour,
    network: Network,
    autojump_clock: MockClock,
) -> None:
    """The very exception comes out, in no group, within a second."""
    network.script = [DOWN, hang_up, behaviour]
    error = kind("mine")
    error.__context__ = context = LookupError("before")
    with pytest.raises(type(error)) as caught:
        async with reconnecting_websocket_url(URL, first_delay=0.001) as connections:
            async for ws in connections:
                if len(network.times) == 3:
                    raise error
                with pytest.raises(ConnectionLost):
                    while True:
                        await ws.receive()
    assert caught.value is error
    assert error.__context__ is context
    assert trio.current_time() < 1.1
    assert_nothing_left(network)


async def test_a_group_in_the_body(network: Network, autojump_clock: MockClock) -> None:
    """A group of the user's own passes through as it is."""
    error = ExceptionGroup("mine", [UserError("1"), UserError("2")])
    with pytest.raises(ExceptionGroup) as caught:
        async with reconnecting_websocket_url(URL) as connections:
            async for _ in connections:
                raise error
    assert caught.value is error
    assert_nothing_left(network)


async def test_return_from_the_body(network: Network, autojump_clock: MockClock) -> None:
    """A return in the body closes the connection on its way out."""

    async def first_word() -> object:
        async with reconnecting_websocket_url(URL) as connections:
            async for ws in connections:
                return ws.closed
        return "never"

    assert await first_word() is None
    assert_nothing_left(network)
    assert len(network.peers[0].stream.writes) == 2  # the request and the close frame


async def test_fail_after(network: Network, autojump_clock: MockClock) -> None:
    """A timeout around it all is a TooSlowError, whatever goes on."""
    network.script = [DOWN]
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(100):
            async with reconnecting_websocket_url(URL) as connections:
                async for _ in connections:
                    pass
    assert trio.current_time() == 100
    assert our_tasks() == []


async def test_a_timeout_around_one_turn(network: Network, autojump_clock: MockClock) -> None:
    """A turn that is cancelled leaves an iterator that can be asked again."""
    network.script = [DOWN, DOWN, DOWN, be_good]
    async with reconnecting_websocket_url(URL, first_delay=50, max_delay=50) as connections:
        for _ in range(3):
            with trio.move_on_after(1):
                await connections.__anext__()
        ws = await connections.__anext__()
        assert ws.closed is None
    assert trio.current_time() == 3
    assert_nothing_left(network)


@pytest.mark.parametrize("kind", ["cancelled", "raised"])
async def test_ended_at_every_checkpoint(
    kind: str, network: Network, autojump_clock: MockClock
) -> None:
    """Cancelled anywhere in three connections and their outages, nothing is left."""
    error = UserError("mine")
    for steps in itertools.count():
        network.script = [DOWN, hang_up, refusal("503 Busy"), be_good, be_done, be_good]
        network.peers.clear()
        turns = 0
        with trio.CancelScope() as scope:
            instrument = CancelAtStep(scope, steps)
            trio.lowlevel.add_instrument(instrument)
            try:
                async with reconnecting_websocket_url(URL) as connections:
                    async for ws in connections:
                        turns += 1
                        try:
                            if turns == 4:
                                break
                            await ws.send("x")
                            if turns != 2:
                                await ws.receive()
                                await ws.receive()
                        except (ConnectionLost, ConnectionEnded):
                            pass
                        except trio.Cancelled:
                            if kind == "raised":
                                raise error from None
                            raise
            except UserError as exc:
                assert exc is error
                assert kind == "raised"
            finally:
                trio.lowlevel.remove_instrument(instrument)
        assert_nothing_left(network)
        if turns == 4 and not scope.cancelled_caught:
            break
    assert steps > 20


async def test_behind_its_block(network: Network, autojump_clock: MockClock) -> None:
    """An iterator that outlives its block opens nothing, and says what is wrong."""
    async with reconnecting_websocket_url(URL) as connections:
        async for _ in connections:
            break
    dialed = len(network.times)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="iterate over connections inside of it"):
            await connections.__anext__()
    assert len(network.times) == dialed
    assert_nothing_left(network)


@pytest.mark.parametrize("when", ["in a delay", "in an attempt", "in the handshake"])
async def test_left_while_another_task_waits(
    when: str, network: Network, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Where another task waits for the next connection, it gets none, and none is left open."""
    network.script = [DOWN, be_good] if when == "in a delay" else [be_good]
    dial, go_on = network.dial, trio.Event()
    errors: list[RuntimeError] = []

    async def wait(*args: Any, **options: Any) -> trio.abc.Stream:
        if when == "in an attempt":
            await go_on.wait()
        stream = await dial(*args, **options)
        if when == "in the handshake":
            await go_on.wait()
        return stream

    async def turn() -> None:
        with pytest.raises(RuntimeError, match="is over") as caught:
            await connections.__anext__()
        errors.append(caught.value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_attempt, "dial", wait)
        async with reconnecting_websocket_url(URL) as connections:
            nursery.start_soon(turn)
            await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        await trio.sleep(100)
    assert len(errors) == 1
    assert_nothing_left(network)


async def test_two_tasks_at_once(
    network: Network, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A second task that asks meanwhile is refused, as by trio's own streams."""
    network.script = [DOWN, be_good]
    async with reconnecting_websocket_url(URL) as connections:
        nursery.start_soon(connections.__anext__)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError, match="another task"):
            await connections.__anext__()
        await trio.sleep(10)
        assert len(network.peers) == 1
    assert_nothing_left(network)


@pytest.mark.parametrize("moment", [0.1, 2.0, 3.5])
def test_ctrl_c(moment: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a delay, in an attempt and in the body comes out, in no group."""
    left = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            network = Network(nursery)
            monkeypatch.setattr(_attempt, "dial", network.dial)
            monkeypatch.setattr("random.random", lambda: 1.0)
            network.script = [DOWN, hang_up, be_good]
            trio.lowlevel.spawn_system_task(press_at, moment)
            try:
                async with reconnecting_websocket_url(URL, first_delay=1, proxy=None) as turns:
                    async for ws in turns:
                        try:
                            while True:
                                await ws.receive()
                        except ConnectionLost:
                            pass
            except KeyboardInterrupt:
                left.append(our_tasks())
                assert_nothing_left(network)

    async def press_at(when: float) -> None:
        await trio.sleep_until(when)
        signal.raise_signal(signal.SIGINT)

    trio.run(main, clock=MockClock(autojump_threshold=0), strict_exception_groups=True)
    assert left == [[]]
