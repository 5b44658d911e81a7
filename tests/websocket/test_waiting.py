"""Where one task rests until it is wanted."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_wsproxy._websocket._waiting import Bell, Bench, Doorbell


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


# --- a bench ------------------------------------------------------------------------------


async def test_first_come_first_served(nursery: trio.Nursery) -> None:
    """Who has waited longest is woken first, or all are."""
    bench, woken = Bench(), []

    async def wait(name: int) -> None:
        await bench.wait()
        woken.append(name)

    assert not bench
    for name in range(4):
        nursery.start_soon(wait, name)
        await wait_all_tasks_blocked()
    assert bench
    bench.wake_one()
    await wait_all_tasks_blocked()
    assert woken == [0]
    bench.wake_all()
    await wait_all_tasks_blocked()
    assert sorted(woken) == [0, 1, 2, 3]
    assert not bench
    bench.wake_one()
    bench.wake_all()


async def test_a_cancelled_waiter_is_passed_over(nursery: trio.Nursery) -> None:
    """A wake is for somebody who still waits."""
    bench, woken = Bench(), []
    scopes = [trio.CancelScope() for _ in range(2)]

    async def wait(name: int) -> None:
        with scopes[name]:
            await bench.wait()
            woken.append(name)

    for name in range(2):
        nursery.start_soon(wait, name)
        await wait_all_tasks_blocked()
    scopes[0].cancel()
    bench.wake_one()
    await wait_all_tasks_blocked()
    assert woken == [1]


async def test_wait_in_vain_is_woken(nursery: trio.Nursery) -> None:
    """It tells that it was woken."""
    bench, results = Bench(), []

    async def wait() -> None:
        results.append(await bench.wait_in_vain())

    nursery.start_soon(wait)
    await wait_all_tasks_blocked()
    bench.wake_one()
    await wait_all_tasks_blocked()
    assert results == [True]
    assert not bench


async def test_wait_in_vain_is_cancelled() -> None:
    """A cancellation ends it in silence, stays due, and is raised by the next checkpoint."""
    bench = Bench()
    results: list[bool] = []
    with trio.move_on_after(0) as scope:
        results.append(await bench.wait_in_vain())
        assert not bench
        results.append(await bench.wait_in_vain())  # at once again, for it is still due
        await trio.lowlevel.checkpoint()
        results.append(True)
    assert results == [False, False]
    assert scope.cancelled_caught
    bench.wake_all()
    await trio.lowlevel.checkpoint()


async def test_wait_in_vain_woken_and_cancelled(nursery: trio.Nursery) -> None:
    """Where both happen in one step, the first counts."""
    for wake_first in (True, False):
        bench = Bench()
        results: list[bool] = []
        scope = trio.CancelScope()

        async def wait(
            scope: trio.CancelScope = scope, bench: Bench = bench, results: list[bool] = results
        ) -> None:
            with scope:
                results.append(await bench.wait_in_vain())

        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        for action in (bench.wake_all, scope.cancel)[:: 1 if wake_first else -1]:
            action()
        await wait_all_tasks_blocked()
        assert results == [wake_first]


# --- a bell -------------------------------------------------------------------------------


async def test_a_bell_calls_who_sleeps_and_who_waits(autojump_clock: MockClock) -> None:
    """One call ends a sleep, a time does, and a call ends whatever the task waits for."""
    bell = Bell()
    async with trio.open_nursery() as nursery:

        async def call_at(time: float) -> None:
            await trio.sleep_until(time)
            bell.call()

        nursery.start_soon(call_at, 1)
        await bell.sleep_until(5)
        assert trio.current_time() == 1
        await bell.sleep_until(3)
        assert trio.current_time() == 3
        assert bell.alarm is None
        bell.call()  # for nobody
        nursery.start_soon(call_at, 4)
        with trio.CancelScope(deadline=9) as bell.alarm:
            await trio.sleep_forever()
        assert trio.current_time() == 4
