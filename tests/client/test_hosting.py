"""How the blocks of ``async with`` end, and that nothing is left behind them."""
# ruff: noqa: PT012  # the blocks of async with are left by what is raised in them

from __future__ import annotations

import gc
import signal
import sys
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from _network import Network, UserError, assert_nothing_left, be_good, with_a_history
from _peer import BINARY, TEXT, Peer, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, TextMessage

from trio_wsproxy import (
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    DisconnectionTimeout,
    WebSocketConnection,
    connect_websocket_url,
    open_websocket_url,
)
from trio_wsproxy._client import _attempt
from trio_wsproxy._websocket import Attendant

if sys.version_info < (3, 11):
    # trio brings it along there
    from exceptiongroup import ExceptionGroup  # type: ignore[import-not-found, unused-ignore]

URL = "ws://example.org/chat"


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
    assert TextMessage(data="last words") in peer.heard() or len(peer.stream.writes) >= 2
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
    monkeypatch.setattr(Attendant, "put_ping", lambda *_: press_ctrl_c())

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
    upgrade = _attempt._upgrade

    async def and_then(*args: Any, **options: Any) -> Any:
        result = await upgrade(*args, **options)
        press_ctrl_c()
        return result

    def start(self: trio.Nursery, function: Any, *args: Any, **options: Any) -> None:
        start_soon(self, function, *args, **options)
        if getattr(function, "__name__", "") == "run":
            press_ctrl_c()

    if where == "_upgrade":
        monkeypatch.setattr(_attempt, "_upgrade", and_then)
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
