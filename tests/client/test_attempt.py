"""What is asked for on the way to a connection, and how an attempt fails."""

from __future__ import annotations

import pickle
import signal
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from _deaf import open_deaf_server
from _network import Network, assert_nothing_left, be_good, our_tasks
from _peer import Peer, Wire
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock

from trio_wsproxy import (
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    ServerRejected,
    connect_websocket_url,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._client import _attempt
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import PARAMETERS, Kind
from trio_wsproxy._report import Stage

URL = "ws://example.org/chat"


@pytest.mark.parametrize(
    ("url", "headers", "host"),
    [
        ("ws://example.org/", None, "example.org"),
        ("ws://example.org:80/", None, "example.org"),
        ("ws://example.org:443/", None, "example.org:443"),
        ("wss://example.org/", None, "example.org"),
        ("wss://example.org:443/", None, "example.org"),
        ("wss://example.org:80/", None, "example.org:80"),
        ("WS://EXAMPLE.org./", None, "example.org."),
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
    assert network.contexts == [None, None, mine]
    assert [route.target.secure for route in network.routes] == [False, True, True]
    assert set(network.offers) == {("http/1.1",)}  # by the default context, where there is TLS


# --- opening fails --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stall", "environ", "waiting_for", "why"),
    [
        (
            True,
            {},
            "the TCP connection to the server example.org:80",
            " If only a proxy gets there, name it in https_proxy or in proxy=",
        ),
        (
            True,
            {"https_proxy": "http://ada:secret@proxy.corp:3128", "no_proxy": "example.org"},
            "the TCP connection to the server example.org:80",
            (
                " The entry 'example.org' of environment variable no_proxy kept it from proxy "
                "http://ada:***@proxy.corp:3128 (from environment variable https_proxy)"
            ),
        ),
        (False, {}, "the answer of ws://example.org/chat?… to the WebSocket request", ""),
    ],
)
async def test_connect_timeout(
    stall: bool,
    environ: dict[str, str],
    waiting_for: str,
    why: str,
    network: Network,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message says what was being waited for, and why no proxy was asked that might have served."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    network.stall = stall
    network.peer.stream.on_write = lambda: None
    with pytest.raises(ConnectionTimeout) as caught:
        async with open_websocket_url(
            "ws://user:pw@example.org/chat?token=secret", connect_timeout=7
        ):
            pass
    assert str(caught.value) == (
        f"no connection to ws://example.org/chat?… within 7 s; was waiting for {waiting_for}; "
        f"does that one answer at all, or is connect_timeout too short?{why}"
    )
    assert trio.current_time() == 7
    assert our_tasks() == []
    assert network.peer.stream.closed is not stall


class Silent(trio.abc.HostnameResolver):
    """A name server that never answers."""

    async def getaddrinfo(self, *_: Any) -> Any:
        """Wait for ever."""
        await trio.sleep_forever()

    async def getnameinfo(self, *_: Any) -> Any:
        """Nobody asks."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("proxy", "whose", "why"),
    [
        (None, "example.org", " If only a proxy gets there, name it in proxy="),
        ("http://proxy.corp:3128", "proxy.corp", ""),
    ],
)
async def test_timeout_of_a_name(
    proxy: str | None, whose: str, why: str, autojump_clock: MockClock
) -> None:
    """The message asks for who would know the name: this machine's name server, or a proxy."""
    trio.socket.set_custom_hostname_resolver(Silent())
    with pytest.raises(ConnectionTimeout) as caught:
        async with open_websocket_url(URL, proxy=proxy, connect_timeout=7):
            pass
    assert str(caught.value) == (
        f"no connection to {URL} within 7 s; was waiting for the address of {whose}; does this "
        f"machine's name server answer, or is connect_timeout too short?{why}"
    )


ANSWER = "does that one answer at all?"


@pytest.mark.parametrize(
    ("scheme", "name", "told"),
    [
        (
            "socks5h",
            "socks",
            "it has not sent a byte; if it is an HTTP proxy, use http:// for its scheme",
        ),
        ("socks5h", "tcp", f"(from argument proxy=); {ANSWER}"),
        ("http", "connect", f"; {ANSWER}"),
        ("https", "proxy_tls", f"(from argument proxy=); {ANSWER}"),
        ("", "tcp", f"; {ANSWER}"),
        ("", "upgrade", f" to the WebSocket request; {ANSWER}"),
    ],
)
async def test_ctrl_c_carries_what_a_timeout_asks(scheme: str, name: str, told: str) -> None:
    """Whoever shows that Ctrl-C struck can say at whom, and what to try, as a time-out does."""

    def strike(event: str, stage: Stage) -> None:
        if (event, stage.name) == ("begin", name):
            raise KeyboardInterrupt

    async with open_deaf_server() as deaf:
        proxy = f"{scheme}://ada:s3cret@{deaf.authority}" if scheme else None
        with pytest.raises(KeyboardInterrupt) as caught:
            async with open_websocket_url(f"ws://{deaf.authority}", proxy=proxy, trace=strike):
                pass
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.TIMED_OUT, name)
    text = failure.render(PARAMETERS)
    assert text.startswith("was waiting for ")
    assert text.endswith(told)
    assert "s3cret" not in text
    assert failure.place.hop == (1 if scheme else None)


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


@pytest.mark.parametrize("connect", [connect_websocket_url, wrap_client_stream])
async def test_a_nursery_that_is_closed(connect: Any, peer: Peer) -> None:
    """Where the nursery takes no tasks any more, the stream is closed."""
    async with trio.open_nursery() as nursery:
        pass
    arguments = [URL] if connect is connect_websocket_url else [peer.stream, "example.org", "/"]
    with pytest.raises(RuntimeError, match="closed"):
        await connect(nursery, *arguments)
    assert_nothing_left(peer)


async def test_wrap_client_stream_timeout(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """The deadline holds for the opening handshake, and the stream is closed."""
    wire = Wire()
    with pytest.raises(ConnectionTimeout, match=r"example.org within 3 s; .* WebSocket request"):
        await wrap_client_stream(nursery, wire, "example.org", "/", connect_timeout=3)
    assert trio.current_time() == 3
    assert wire.closed


class Faulty(Wire):
    """A stream that fails at its n-th operation, and when it is closed."""

    def __init__(self, error: Exception, operation: str) -> None:
        super().__init__()
        self._error = error
        self._operation = operation

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Fail, or send."""
        if self._operation == "send":
            raise self._error
        await super().send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:  # noqa: ARG002  # as trio has it
        """Fail."""
        raise self._error

    async def aclose(self) -> None:
        """Close, and complain."""
        await super().aclose()
        raise trio.BrokenResourceError("of closing")


@pytest.mark.parametrize("operation", ["send", "receive"])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (trio.ClosedResourceError(), "was closed on this side"),
        (trio.BusyResourceError(), "is in use by another task"),
        (trio.BrokenResourceError(), "broke the connection during the opening handshake"),
        (OSError(5, "Input/output error\n\x1b"), r"failed \(\[Errno 5\] Input/output error\?\?\)"),
    ],
)
async def test_wrap_client_stream_whose_stream_fails(
    error: Exception, says: str, operation: str, nursery: trio.Nursery
) -> None:
    """What a stream of the user's raises in the handshake is the cause of a HandshakeError."""
    wire = Faulty(error, operation)
    with pytest.raises(HandshakeError, match=says) as caught:
        await wrap_client_stream(nursery, wire, "example.org", "/")
    assert caught.value.__cause__ is error
    assert "example.org" in str(caught.value)
    assert wire.closed
    assert nursery.child_tasks == frozenset()


@pytest.mark.parametrize("closes", ["before", "meanwhile"])
async def test_wrap_client_stream_that_is_closed(
    closes: str, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """So it is with trio's own streams, closed by the program before the call or during it."""
    ours, _ = trio.testing.memory_stream_pair()
    if closes == "before":
        await ours.aclose()
    else:
        nursery.start_soon(close_later, ours)
    with pytest.raises(HandshakeError, match="was closed on this side"):
        await wrap_client_stream(nursery, ours, "example.org", "/")


async def close_later(stream: trio.abc.Stream) -> None:
    """Close a stream that somebody waits for."""
    await trio.sleep(1)
    await stream.aclose()


async def test_wrap_client_stream_that_is_busy(nursery: trio.Nursery) -> None:
    """And where another task reads from it."""
    ours, _ = trio.testing.memory_stream_pair()

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()

    nursery.start_soon(read)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(HandshakeError, match="is in use by another task"):
        await wrap_client_stream(nursery, ours, "example.org", "/")


def press_ctrl_c() -> None:
    """Do what the terminal does."""
    signal.raise_signal(signal.SIGINT)


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program of the user's, who may press Ctrl-C."""
    trio.run(main, clock=MockClock(autojump_threshold=0), strict_exception_groups=True)


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
        patch.setattr(_attempt, "dial", dial)
        run(main)


@pytest.mark.parametrize("proxy", [None, "http://ada:s3cret@proxy.test:3128"])
async def test_silence_at_the_end_names_the_server(
    proxy: str | None, network: Network, autojump_clock: MockClock
) -> None:
    """A server that does not answer the close is named, not the proxy that TCP ends at."""
    with pytest.raises(DisconnectionTimeout) as caught:
        async with open_websocket_url(f"{URL}?token=s3cret", proxy=proxy, disconnect_timeout=7):
            pass
    through = ", reached through http://ada:***@proxy.test:3128," if proxy else ""
    assert str(caught.value) == (
        f"the server {URL}?…{through} did not finish the closing handshake within 7 s; is it gone, or "
        "is disconnect_timeout too short?"
    )
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.TIMED_OUT, "close")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
