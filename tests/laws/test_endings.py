"""How blocks end: the rows of the table in ``_hosting.py`` that ``test_hosting.py`` leaves.

Those with two things happening at the same time, and where blocks stand within each other.
"""
# ruff: noqa: PT012  # the blocks of async with are left by what is raised in them

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from _network import Network, UserError, assert_nothing_left, be_good, our_tasks, with_a_history
from _peer import Peer
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock

from trio_wsproxy import (
    DisconnectionTimeout,
    WebSocketConnection,
    connect_websocket_url,
    open_websocket_url,
    reconnecting_websocket_url,
)
from trio_wsproxy._client import _attempt

if sys.version_info < (3, 11):
    # trio brings them along there
    from exceptiongroup import (  # type: ignore[import-not-found, unused-ignore]
        BaseExceptionGroup,
        ExceptionGroup,
    )

URL = "ws://example.org/chat"


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Peer:
    """Put one peer in the place of the network."""
    network = Network()
    monkeypatch.setattr(_attempt, "dial", network.dial)
    monkeypatch.setenv("no_proxy", "*")
    return network.peer


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a program of the user's, who may press Ctrl-C."""
    trio.run(main, clock=MockClock(autojump_threshold=0), strict_exception_groups=True)


async def press_ctrl_c_at(time: float) -> None:
    """Do what the terminal does."""
    await trio.sleep_until(time)
    signal.raise_signal(signal.SIGINT)


# What ends the block, and what the KeyboardInterrupt then has below it.
ENDS: list[Callable[[], BaseException | None]] = [
    lambda: None,
    lambda: UserError("mine"),
    lambda: ExceptionGroup("mine", [UserError("1"), LookupError("2")]),
    lambda: SystemExit(3),
]


@pytest.mark.parametrize("end", ENDS, ids=["normal", "exception", "group", "exit"])
def test_ctrl_c_while_leaving(end: Callable[[], BaseException | None], peer: Peer) -> None:
    """Ctrl-C that is pressed while leaving comes out, with what ended the block below it."""
    error = end()

    async def main() -> None:
        trio.lowlevel.spawn_system_task(press_ctrl_c_at, 0.5)
        try:
            async with open_websocket_url(URL):
                if error is not None:
                    raise error
        finally:
            assert trio.current_time() == 0.5
            assert_nothing_left(peer)

    with pytest.raises(KeyboardInterrupt) as caught:
        run(main)
    if error is not None:
        assert caught.value.__context__ is error
    assert caught.value.__cause__ is None


def test_ctrl_c_twice(peer: Peer) -> None:
    """The second Ctrl-C ends the wait that the first one began."""
    times = []

    async def main() -> None:
        trio.lowlevel.spawn_system_task(press_ctrl_c_at, 3)
        trio.lowlevel.spawn_system_task(press_ctrl_c_at, 3.25)
        try:
            async with open_websocket_url(URL) as ws:
                await ws.receive()
        finally:
            times.append(trio.current_time())
            assert_nothing_left(peer)

    with pytest.raises(KeyboardInterrupt):
        run(main)
    assert times == [3.25]


@pytest.mark.parametrize(
    "error",
    [
        ExceptionGroup("mine", [UserError("1"), ExceptionGroup("inner", [UserError("2")])]),
        BaseExceptionGroup("mine", [UserError("1"), KeyboardInterrupt()]),
        ExceptionGroup("mine", [DisconnectionTimeout()]),
    ],
    ids=["nested", "Ctrl-C in it", "an error of ours in it"],
)
async def test_a_group_of_the_users(
    error: BaseException, peer: Peer, autojump_clock: MockClock
) -> None:
    """A group passes through as it is, even when the peer does not answer."""
    error = with_a_history(error)
    context = error.__context__
    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_websocket_url(URL, disconnect_timeout=0.5):
            raise error
    assert caught.value is error
    assert error.__context__ is context
    assert error.__cause__ is None
    assert_nothing_left(peer)


async def test_a_nursery_within(peer: Peer, autojump_clock: MockClock) -> None:
    """The group of a nursery in the block holds the user's exceptions, and nothing of ours."""

    async def listen(ws: WebSocketConnection) -> None:
        async for _ in ws:
            pass

    async def fail() -> None:
        raise UserError

    with pytest.raises(BaseExceptionGroup) as caught:
        async with open_websocket_url(URL) as ws, trio.open_nursery() as nursery:
            nursery.start_soon(listen, ws)
            nursery.start_soon(fail)
    assert [type(exc) for exc in caught.value.exceptions] == [UserError]
    assert_nothing_left(peer)


async def test_fail_after(peer: Peer, autojump_clock: MockClock) -> None:
    """A timeout around the block is a TooSlowError on time, whatever the peer does."""
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(5):
            async with open_websocket_url(URL) as ws:
                await ws.receive()
    assert trio.current_time() == 5
    assert_nothing_left(peer)


async def test_fail_after_within(peer: Peer, autojump_clock: MockClock) -> None:
    """One within the block is an exception of the user's."""
    with pytest.raises(trio.TooSlowError):
        async with open_websocket_url(URL) as ws:
            with trio.fail_after(5):
                await ws.receive()
    assert trio.current_time() == 6
    assert_nothing_left(peer)


async def test_the_timeout_of_leaving_has_no_context(peer: Peer, autojump_clock: MockClock) -> None:
    """DisconnectionTimeout at the end of a block that went well stands alone, in no group."""
    with pytest.raises(DisconnectionTimeout) as caught:
        async with open_websocket_url(URL, disconnect_timeout=7) as ws:
            pass
    assert trio.current_time() == 7
    assert not isinstance(caught.value.__context__, UserError)
    assert caught.value.dial_report is ws.dial_report
    assert_nothing_left(peer)


async def test_handled_within(peer: Peer, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """An exception that the block handles itself is no business of its end."""
    nursery.start_soon(be_good, peer)
    async with open_websocket_url(URL) as ws:
        try:
            raise UserError  # noqa: TRY301
        except UserError:
            pass
    assert ws.closed is not None
    assert ws.closed.code == 1000
    assert trio.current_time() == 0


async def test_blocks_within_blocks(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    """An exception leaves two blocks as itself, and each takes its second at most."""
    network = Network()
    monkeypatch.setattr(_attempt, "dial", network.dial)
    outer = network.peer
    error = with_a_history(UserError("mine"))
    with pytest.raises(UserError) as caught:
        async with open_websocket_url(URL, proxy=None):
            inner = network.replace_peer()
            async with open_websocket_url(URL, proxy=None):
                raise error
    assert caught.value is error
    assert trio.current_time() == 2
    for one in (outer, inner):
        assert_nothing_left(one)


async def test_cancelled_by_its_own_block(peer: Peer, autojump_clock: MockClock) -> None:
    """A block that cancels the scope around it ends at once, and nothing comes out."""
    with trio.CancelScope() as scope:
        async with open_websocket_url(URL):
            scope.cancel()
    assert trio.current_time() == 0
    assert_nothing_left(peer)


async def test_the_connection_of_a_nursery(peer: Peer, autojump_clock: MockClock) -> None:
    """Of a connection in the user's nursery comes no exception that nobody waits for."""
    async with trio.open_nursery() as nursery:
        ws = await connect_websocket_url(nursery, URL)
        peer.reset()
        await trio.sleep(1)
        assert ws.closed is not None
    assert our_tasks() == []
    assert peer.stream.closed


@pytest.mark.parametrize("function", [open_websocket_url, reconnecting_websocket_url])
async def test_entered_twice(
    function: Callable[[str], AbstractAsyncContextManager[object]],
    peer: Peer,
    nursery: trio.Nursery,
    autojump_clock: MockClock,
) -> None:
    """A context manager is good for one block; a second one is refused and harms nothing."""
    nursery.start_soon(be_good, peer)
    manager = function(URL)
    async with manager:
        with pytest.raises(RuntimeError, match="make another one"):
            async with manager:
                pass
    with pytest.raises(RuntimeError, match="make another one"):
        async with manager:
            pass
