"""The cancellation law: cancel anything anywhere, and no message is cut, lost or doubled.

Every operation is cancelled at each of its checkpoints in turn, over real sockets: plain,
TLS, and TLS in TLS (an ``https://`` proxy before a ``wss://`` server), compressed and not.
The server parses what arrives with wsproto, so half a frame would be an error of the test.
"""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import trio
import trio.testing
from _left import nothing_left
from _peer import TEXT, CancelAtStep, connect, frame
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import Extension, PerMessageDeflate

from trio_wsproxy import ConnectionClosedLocally, Proxy, WebSocketConnection, open_websocket_url
from trio_wsproxy.testing import Certificates, TCPServer, open_http_proxy, open_tcp_server


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@contextmanager
def cancelled_after(steps: int) -> Iterator[trio.CancelScope]:
    """Cancel the block when its task has taken so many steps."""
    with trio.CancelScope() as scope:
        instrument = CancelAtStep(scope, steps)
        trio.lowlevel.add_instrument(instrument)
        try:
            yield scope
        finally:
            trio.lowlevel.remove_instrument(instrument)


class Server:
    """Keeps whole messages, connection by connection; answers a text that ends with "?"."""

    def __init__(self) -> None:
        self.messages: list[list[str | bytes]] = []

    async def __call__(self, stream: trio.abc.Stream) -> None:
        """Serve one connection."""
        messages: list[str | bytes] = []
        self.messages.append(messages)
        ws = WSConnection(ConnectionType.SERVER)
        parts: list[Any] = []
        try:
            while data := await stream.receive_some():
                ws.receive_data(bytes(data))
                answer = b""
                for event in ws.events():
                    if isinstance(event, Request):
                        wanted = any("permessage-deflate" in str(x) for x in event.extensions)
                        extensions: list[Extension] = [PerMessageDeflate()] if wanted else []
                        answer += ws.send(AcceptConnection(extensions=extensions))
                    elif isinstance(event, (CloseConnection, Ping)):
                        answer += ws.send(event.response())
                    elif isinstance(event, (TextMessage, BytesMessage)):
                        piece = event.data
                        parts.append(piece if isinstance(piece, str) else bytes(piece))
                        if event.message_finished:
                            message: str | bytes = type(parts[0])().join(parts)
                            parts.clear()
                            messages.append(message)
                            if isinstance(message, str) and message.endswith("?"):
                                answer += ws.send(TextMessage(data=message + "!"))
                if answer:
                    await stream.send_all(answer)
                if ws.state is ConnectionState.CLOSED:
                    break
        except trio.BrokenResourceError:
            pass  # a client that was cancelled says nothing

    @property
    def last(self) -> list[str | bytes]:
        """The messages of the last connection."""
        return self.messages[-1]


@dataclass
class Scene:
    """A server and the way to it."""

    server: Server
    tcp: TCPServer
    url: str
    context: ssl.SSLContext | None
    proxy: Proxy | None
    compression: Literal["deflate"] | None

    def open(self) -> Any:
        """Open a WebSocket."""
        return open_websocket_url(
            self.url,
            self.context,
            proxy=self.proxy,
            compression=self.compression,
            max_message_size=None,
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[WebSocketConnection]:
        """Open one that is compressed if it should be."""
        async with self.open() as ws:
            assert bool(ws._attendant.info.extensions) == (self.compression is not None)
            yield ws
        await self.hung_up()

    async def hung_up(self) -> None:
        """Wait until the server has seen the end of all connections."""
        await self.tcp.wait_for("close", self.tcp.connections)


@pytest.fixture(params=["plain", "TLS", "TLS in TLS"])
def layers(request: pytest.FixtureRequest) -> str:
    """What lies below."""
    return str(request.param)


@pytest.fixture(params=[None, "deflate"])
def compression(request: pytest.FixtureRequest) -> Literal["deflate"] | None:
    """How messages travel."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
async def scene(
    layers: str, compression: Literal["deflate"] | None, certificates: Certificates
) -> AsyncIterator[Scene]:
    """Set the scene, and see to it that no socket is left."""
    tls = layers != "plain"
    context = certificates.client_context() if tls else None
    async with nothing_left(), AsyncExitStack() as stack:
        server = Server()
        server_context = certificates.server_context() if tls else None
        tcp = await stack.enter_async_context(open_tcp_server(server, ssl_context=server_context))
        proxy = None
        if layers == "TLS in TLS":
            relay = await stack.enter_async_context(
                open_http_proxy(ssl_context=certificates.server_context())
            )
            proxy = Proxy(relay.url, ssl_context=context)
        url = f"wss://localhost:{tcp.port}" if tls else f"ws://127.0.0.1:{tcp.port}"
        yield Scene(server, tcp, url, context, proxy, compression)
        # A client that was cancelled within its TLS handshake, and no mistake of the protocol.
        assert {type(error) for error in tcp.errors} <= {trio.BrokenResourceError}


@pytest.mark.parametrize("size", [1, 2**20])
async def test_send(size: int, scene: Scene) -> None:
    """A send that is cancelled has sent nothing; any other has sent all, once, in its order."""
    sent: list[str | bytes] = []
    cancelled = 0
    payload = random.Random(1).randbytes(size)  # compression must not make it small
    async with scene.opened() as ws:
        with trio.CancelScope() as before:
            before.cancel()
            await ws.send(b"never")
        assert before.cancelled_caught
        for steps in itertools.count():
            message = b"%d.first " % steps + payload
            with suppress(trio.WouldBlock):
                while True:  # until the queue is full, so that the next one must wait
                    ws.send_nowait(message)
                    sent.append(message)
                    if size == 1:
                        break
            message = b"%d.second " % steps + payload
            with cancelled_after(steps) as scope:
                await ws.send(message)
                sent.append(message)
            cancelled += scope.cancelled_caught
            if not scope.cancelled_caught:
                break
    assert cancelled >= (size > 1)  # a small one is queued before there is a wait to cancel
    assert scene.server.last == sent
    assert len(scene.server.messages) == 1


async def test_receive(scene: Scene) -> None:
    """A receive that is cancelled has taken nothing."""
    received: list[str | bytes] = []
    async with scene.opened() as ws:
        for steps in itertools.count():
            await ws.send(f"{steps}?")
            with cancelled_after(steps) as scope:
                received.append(await ws.receive())
            if not scope.cancelled_caught:
                break
        while len(received) <= steps:
            received.append(await ws.receive())
    assert steps >= 1
    assert received == [f"{number}?!" for number in range(steps + 1)]


async def test_ping(scene: Scene) -> None:
    """A ping that is cancelled leaves nothing behind, and the next one works."""
    async with scene.opened() as ws:
        for steps in itertools.count():
            with cancelled_after(steps) as scope:
                await ws.ping()
            assert ws._pings.in_flight == {}
            if not scope.cancelled_caught:
                break
        await ws.send("after?")
        assert await ws.receive() == "after?!"
    assert steps >= 1
    assert scene.server.last == ["after?"]


async def test_aclose(scene: Scene) -> None:
    """An aclose that is cancelled has closed; what was sent before arrives whole or not at all."""
    for steps in itertools.count():
        async with scene.opened() as ws:
            await ws.send("one")
            await ws.send(b"x" * 2**20)
            with cancelled_after(steps) as scope:
                await ws.aclose()
            assert ws._attendant.finished
            with pytest.raises(ConnectionClosedLocally):
                await ws.send("never")
        expected = ["one", b"x" * 2**20]
        assert scene.server.last == expected[: len(scene.server.last)]
        if not scope.cancelled_caught:
            break
    assert steps >= 1
    assert scene.server.last == expected


async def test_the_whole_life(scene: Scene) -> None:
    """A cancellation anywhere from the first packet to the last leaves whole messages only."""
    sent: list[str | bytes] = ["one?", "two", b"three" * 50_000]
    for steps in itertools.count():
        with cancelled_after(steps) as scope:
            async with scene.open() as ws:
                await ws.send("one?")
                await ws.send("two")
                assert await ws.receive() == "one?!"
                await ws.send(b"three" * 50_000)
        await trio.testing.wait_all_tasks_blocked()
        await scene.hung_up()
        got = scene.server.last if scene.server.messages else []
        assert got == sent[: len(got)]
        if not scope.cancelled_caught:
            break
    assert steps >= 6  # of this task: to connect, be answered, send, receive and close
    assert scene.server.last == sent


async def test_a_thousand_cancelled_receives(nursery: trio.Nursery) -> None:
    """Among 20,000 messages they lose, repeat and reorder none."""
    chance = random.Random(1)
    total = 20_000
    stream = b"".join(frame(TEXT, b"%d" % number) for number in range(total))
    ws, peer = connect(nursery)

    async def feed() -> None:
        at = 0
        while at < len(stream):
            size = chance.randrange(1, 60)  # cuts anywhere, in frames too
            peer.say_bytes(stream[at : at + size])
            at += size
            for _ in range(chance.randrange(3)):
                await trio.lowlevel.checkpoint()

    nursery.start_soon(feed)
    received: list[str | bytes] = []
    cancelled = 0
    while len(received) < total:
        if chance.random() < 0.2:
            with cancelled_after(chance.randrange(3)) as scope:
                received.append(await ws.receive())
            cancelled += scope.cancelled_caught
        else:
            received.append(await ws.receive())
    assert cancelled >= 1000
    assert received == [str(number) for number in range(total)]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("compression", [None])
async def test_20_000_messages_under_random_cancellation(scene: Scene) -> None:
    """Sent and received over real sockets: none is lost, doubled, cut or out of order."""
    chance = random.Random(3)
    total = 20_000
    received: list[str | bytes] = []
    sent: list[str] = []
    cancelled = {"send": 0, "receive": 0}

    async def send(ws: WebSocketConnection) -> None:
        for number in range(total):
            message = f"{number} " + "x" * (chance.randrange(5000) if number % 50 == 0 else 3) + "?"
            while True:
                if chance.random() < 0.7:
                    await ws.send(message)
                    break
                with cancelled_after(chance.randrange(4)) as scope:
                    if chance.random() < 0.2:
                        scope.cancel()
                    await ws.send(message)
                    break
                cancelled["send"] += 1
            sent.append(message)

    async def receive(ws: WebSocketConnection) -> None:
        while len(received) < total:
            if chance.random() < 0.7:
                received.append(await ws.receive())
                continue
            with cancelled_after(chance.randrange(4)) as scope:
                if chance.random() < 0.2:
                    scope.cancel()
                received.append(await ws.receive())
            cancelled["receive"] += scope.cancelled_caught

    async with scene.opened() as ws, trio.open_nursery() as nursery:
        nursery.start_soon(send, ws)
        nursery.start_soon(receive, ws)
    assert min(cancelled.values()) >= 500
    assert scene.server.last == sent
    assert received == [f"{message}!" for message in sent]
