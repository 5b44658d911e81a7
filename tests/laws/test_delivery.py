"""The delivery law: what ``send`` accepted and the kernel never took is not lost in silence.

Over real sockets, plain and TLS. What the kernel took is confirmed by the peer's answer to our close
frame and by nothing else, so without one ``closed`` never says our own 1000.
"""
# ruff: noqa: PT012  # the blocks of async with are left by what is raised in them

from __future__ import annotations

import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from _by_hand import Heard, MiB, accept, read
from _left import nothing_left
from _peer import CLOSE, close_payload, frame
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_wsproxy import (
    ConnectionClosed,
    ConnectionLost,
    WebSocketConnection,
    open_websocket_url,
    reconnecting_websocket_url,
)
from trio_wsproxy.testing import Certificates, open_http_proxy, open_tcp_server
from trio_wsproxy.testing._server import reset_on_close

SIZE = 8 * MiB  # far above what the kernel keeps for a peer that does not read
ON_THE_WIRE = SIZE + SIZE // 500  # a frame's header, and those of TLS records
MESSAGE = random.Random(1).randbytes(SIZE)

Behaviour = Callable[[trio.abc.Stream, Heard], Awaitable[None]]


@dataclass
class Net:
    """How to reach a server, plain or TLS.

    Attributes:
      heard: What the servers heard, connection by connection.

    """

    scheme: str
    client: ssl.SSLContext | None
    server: ssl.SSLContext | None
    heard: list[Heard] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serve(self, behaviour: Behaviour) -> AsyncIterator[str]:
        """Run a server that behaves so behind the opening handshake; give its URL."""

        async def handle(stream: trio.abc.Stream) -> None:
            await accept(stream)
            self.heard.append(Heard())
            await behaviour(stream, self.heard[-1])

        async with (
            nothing_left(),
            open_tcp_server(handle, ssl_context=self.server) as server,
        ):
            host = "localhost" if self.client else "127.0.0.1"
            yield f"{self.scheme}://{host}:{server.port}"

    def open(self, url: str, **options: Any) -> Any:
        """Open a WebSocket there."""
        return open_websocket_url(url, self.client, proxy=options.pop("proxy", None), **options)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture(params=["ws", "wss"])
def net(request: pytest.FixtureRequest, certificates: Certificates) -> Net:
    """What lies below."""
    if request.param == "ws":
        return Net("ws", None, None)
    return Net("wss", certificates.client_context(), certificates.server_context())


def bottom_of(stream: Any) -> trio.SocketStream:
    """The socket stream below all layers."""
    while not isinstance(stream, trio.SocketStream):
        stream = getattr(stream, "transport_stream", None) or stream.socket_stream
    return stream


def keep_little(ws: WebSocketConnection) -> None:
    """Let this side's kernel keep little, so that what leaves is what the peer takes."""
    bottom_of(ws._attendant._wire.stream).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)


async def as_far_as_it_goes(call: Awaitable[object]) -> bool:
    """Cancel a call once it waits, and everybody else does; tell whether it had to be cancelled."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                await wait_all_tasks_blocked(0.01)
                scope.cancel()

            nursery.start_soon(cancel)
            await call
            nursery.cancel_scope.cancel()
    return scope.cancel_called


async def reset(stream: trio.abc.Stream) -> None:
    """Reset the connection."""
    reset_on_close(stream)
    await trio.aclose_forcefully(stream)


# --- a peer that goes without a word ------------------------------------------------------


@pytest.mark.parametrize("after", [0, 100_000, SIZE - 1000])
async def test_a_reset_is_told(net: Net, after: int) -> None:
    """A message that is lost by a reset, at any place, is told with its count; never 1000."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard, size=after)
        await reset(stream)

    async with net.serve(behave) as url:
        lost = None
        try:
            async with net.open(url) as ws:
                await ws.send(MESSAGE)
        except ConnectionLost as exc:
            lost = exc
        if after < SIZE // 2 or lost is not None:
            assert lost is not None
            assert lost.unsent_messages == 1
            assert 0 < lost.unsent_bytes <= ON_THE_WIRE
        assert ws.closed is not None
        assert ws.closed.code == 1006


async def test_a_reset_after_a_burst_is_told_on_leaving(net: Net) -> None:
    """What was queued without waiting is told, too, and only by leaving; the count is exact."""
    gone = trio.Event()

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await gone.wait()
        await reset(stream)

    async with net.serve(behave) as url:
        with pytest.raises(ConnectionLost) as caught:
            async with net.open(url) as ws:
                assert await as_far_as_it_goes(ws.send(MESSAGE))
                assert not ws.closed
                gone.set()
        assert caught.value.unsent_messages == 1
        assert 0 < caught.value.unsent_bytes <= ON_THE_WIRE
        assert f"({caught.value.unsent_bytes:,} bytes)" in str(caught.value)
        assert ws.closed.code == 1006
        assert net.heard[0].messages == []


async def test_another_exception_is_not_hidden(net: Net) -> None:
    """Where another exception is on its way out of the block, that one comes out."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard, size=100_000)
        await reset(stream)

    async with net.serve(behave) as url:
        with pytest.raises(LookupError, match="mine"):
            async with net.open(url) as ws:
                with trio.move_on_after(0.05), contextlib.suppress(ConnectionLost):
                    await ws.send(MESSAGE)
                raise LookupError("mine")


async def test_an_end_of_tcp_is_told(net: Net) -> None:
    """So is a message that is lost because the peer closes TCP in the middle of it."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard, size=100_000)

    async with net.serve(behave) as url:
        with pytest.raises(ConnectionLost) as caught:
            async with net.open(url) as ws:
                await ws.send(MESSAGE)
        assert caught.value.unsent_messages == 1
        assert caught.value.unsent_bytes > 0
        assert ws.closed.code == 1006


@pytest.mark.parametrize("code", [1000, 1011])
async def test_a_close_and_gone_is_told(net: Net, code: int) -> None:
    """So is one that is lost because the peer closes in the middle of it, whatever its code."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard, size=100_000)
        await stream.send_all(frame(CLOSE, close_payload(code, "theirs")))

    async with net.serve(behave) as url:
        with pytest.raises(ConnectionLost) as caught:
            async with net.open(url) as ws:
                await ws.send(MESSAGE)
        assert caught.value.unsent_messages == 1
        assert caught.value.unsent_bytes > 0
        # What the peer said may be lost with the reset that follows its close.
        assert ws.closed.code in (code, 1006)
        if ws.closed.code == code:
            assert ws.closed.reason == "theirs"


async def test_no_answer_is_no_confirmation(net: Net) -> None:
    """A peer that hangs up instead of answering our close: quiet, but 1006, not our 1000."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard)
        assert heard.close is not None

    async with net.serve(behave) as url:
        async with net.open(url) as ws:
            await ws.send(b"x")
        assert ws.closed.code == 1006
        assert net.heard[0].messages == [1]


@pytest.mark.parametrize(("answer", "code"), [(1000, 1000), (1001, 1001), (1011, 1011)])
async def test_only_the_answer_confirms(net: Net, answer: int, code: int) -> None:
    """With the peer's answer ``closed`` is our code if that is what it answers, else what it says."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard)
        await stream.send_all(frame(CLOSE, close_payload(answer)))

    async with net.serve(behave) as url:
        async with net.open(url) as ws:
            await ws.send(b"x")
        assert ws.closed.code == code


# --- a peer that is slow ------------------------------------------------------------------


async def slowly(stream: trio.abc.Stream, heard: Heard, *, pause: float, size: int) -> None:
    """Read to the close frame or the end, about so many bytes after each pause."""
    ended = False
    while heard.close is None and not ended:
        await trio.sleep(pause)
        ended = await read(stream, heard, size=heard.size + size)


async def test_a_peer_that_closes_first_and_reads_on_gets_all(net: Net) -> None:
    """Its close frame ends what it says, not what it is told: it gets every byte."""
    has_read_on = trio.Event()

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard, size=100_000)
        await stream.send_all(frame(CLOSE, close_payload(1000)))
        await slowly(stream, heard, pause=0.1, size=256 * 1024)
        has_read_on.set()

    async with net.serve(behave) as url:
        async with net.open(url) as ws:
            await ws.send(MESSAGE)
        await has_read_on.wait()  # what the kernel has may take the peer longer than we stay
        assert net.heard[0].messages == [SIZE]
        assert net.heard[0].close is not None
        assert ws.closed.code == 1000


async def test_draining_is_not_counted_against_the_timeout(net: Net, mock_clock: MockClock) -> None:
    """The clock of closing runs only while no byte leaves."""

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        bottom_of(stream).setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        while heard.close is None:  # time passes only by what is read, on whatever machine
            assert not await read(stream, heard, size=heard.size + 16 * 1024)
            mock_clock.jump(0.01)
        await stream.send_all(frame(CLOSE, close_payload(1000)))

    async with net.serve(behave) as url:
        started = trio.current_time()
        async with net.open(url, disconnect_timeout=0.4) as ws:
            keep_little(ws)
            await as_far_as_it_goes(ws.send(MESSAGE[: 2 * MiB]))
        assert trio.current_time() - started > 0.4
        assert net.heard[0].messages == [2 * MiB]
        assert ws.closed.code == 1000


async def test_drain_waits_until_all_is_handed_over(net: Net) -> None:
    """``drain`` returns when the kernel has everything, and raises where it never will."""
    go_on = trio.Event()

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await go_on.wait()
        await read(stream, heard, size=SIZE // 2)
        await reset(stream) if len(net.heard) > 1 else await read(stream, heard)

    async with net.serve(behave) as url:
        async with net.open(url) as ws:
            assert await as_far_as_it_goes(ws.send(MESSAGE))
            assert ws._outbox.backlog > 0
            assert await as_far_as_it_goes(ws.drain())
            go_on.set()
            await ws.drain()
            assert ws._outbox.backlog == 0
        with pytest.raises(ConnectionLost) as caught:
            async with net.open(url) as ws:
                with trio.move_on_after(0):
                    await ws.send(b"nothing of this is sent")
                ws.send_nowait(MESSAGE)
                await ws.drain()
        assert caught.value.unsent_messages == 1
        assert net.heard[0].messages == [SIZE]


# --- behind a proxy that dies -------------------------------------------------------------


async def test_clean_exits_behind_a_dying_proxy(net: Net) -> None:
    """With proxies killed under load each clean exit is confirmed by the server, or tells."""
    chance = random.Random(2)
    outcomes: list[tuple[bool, int, int]] = []  # raised, code, number
    confirmed: set[int] = set()

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await read(stream, heard)
        if heard.close is not None:
            confirmed.add(int(heard.close[2:]))
            with contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(frame(CLOSE, heard.close))

    async def one(url: str, proxy: str, number: int) -> None:
        try:
            async with net.open(url, proxy=proxy) as ws:
                for _ in range(number % 4):
                    await ws.send(MESSAGE[:20_000])
                await ws.aclose(1000, str(number))
            outcomes.append((False, ws.closed.code, number))
        except ConnectionClosed:
            outcomes.append((True, 0, number))
        except Exception:  # the opening failed: nothing was sent
            pass

    async with net.serve(behave) as url, open_http_proxy() as proxy:
        for batch in range(15):
            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(one, url, proxy.url, 20 * batch + number)
                for _ in range(chance.randrange(40, 400)):
                    await trio.lowlevel.checkpoint()
                proxy.kill()
    assert len(outcomes) > 20
    for raised, code, number in outcomes:
        assert raised or code == 1006 or (code == 1000 and number in confirmed)


async def test_the_reconnecting_loop_logs_a_loss(
    net: Net, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the loop closes a connection, what was not sent is a warning in the log."""
    gone = trio.Event()

    async def behave(stream: trio.abc.Stream, heard: Heard) -> None:
        await gone.wait()
        await reset(stream)

    caplog.set_level(logging.WARNING, logger="trio_wsproxy")
    async with net.serve(behave) as url:
        turns = 0
        async with reconnecting_websocket_url(
            url, net.client, proxy=None, first_delay=0.001, max_delay=0.001
        ) as connections:
            async for ws in connections:
                turns += 1
                if turns == 2:
                    break
                assert await as_far_as_it_goes(ws.send(MESSAGE))
                gone.set()
    (record,) = [x for x in caplog.records if "not sent" in x.getMessage()]
    assert "a message was not sent" in record.getMessage()
