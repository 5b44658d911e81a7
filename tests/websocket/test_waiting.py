"""Where one task rests until it is wanted."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._websocket._waiting import Doorbell


async def test_ring_wakes_the_sleeper(nursery: trio.Nursery) -> None:
    """A sleeper wakes when the bell rings, and can sleep again."""
    bell, woken = Doorbell(), []

    async def sleep_twice() -> None:
        for turn in range(2):
            await bell.sleep()
            woken.append(turn)

    nursery.start_soon(sleep_twice)
    for turns in ([0], [0, 1]):
        await wait_all_tasks_blocked()
        assert bell
        bell.ring()
        bell.ring()  # nobody sleeps any more
        await wait_all_tasks_blocked()
        assert woken == turns
    assert not bell


async def test_early_ring_is_forgotten(nursery: trio.Nursery) -> None:
    """A ring without a sleeper wakes nobody later."""
    bell = Doorbell()
    bell.ring()
    nursery.start_soon(bell.sleep)
    await wait_all_tasks_blocked()
    assert bell
    bell.ring()


async def test_cancelled_sleeper() -> None:
    """A cancelled sleeper is gone: a ring behind it disturbs nobody."""
    bell = Doorbell()
    with trio.CancelScope() as scope:
        scope.cancel()
        await bell.sleep()
    assert scope.cancelled_caught
    assert not bell
    bell.ring()
    await trio.lowlevel.checkpoint()
