"""Threads for what cannot be interrupted."""

from __future__ import annotations

import threading

import pytest
import trio

from trio_wsproxy._threads import NoThread, ThreadsHang, Workers


async def test_result_and_error() -> None:
    """What a call returns and raises comes back, and it is made in another thread."""
    workers = Workers("tests", awaited=1, most=1)
    assert await workers.run(threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        await workers.run(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="own"):
        await workers.run(lambda: _raise(RuntimeError("own")))
    assert await workers.run(lambda: 3) == 3


def _raise(error: Exception) -> None:
    raise error


async def test_abandoned_calls_keep_nobody_waiting_and_are_bounded() -> None:
    """Of three threads two may hang, and the third serves all; where all hang a call fails at once."""
    workers = Workers("tests", awaited=1, most=3)
    let = threading.Event()
    try:
        for number in range(3):
            assert await workers.run(lambda: 3) == 3
            begun = threading.Event()

            def hang(begun: threading.Event = begun) -> None:
                begun.set()
                let.wait()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(workers.run, hang)
                while not begun.is_set():
                    await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
            assert number < 3
        with pytest.raises(ThreadsHang) as caught:
            await workers.run(lambda: 3)
        assert caught.value.count == 3
    finally:
        let.set()


async def test_awaited_calls_take_turns() -> None:
    """No more calls go on at a time than may be awaited."""
    workers = Workers("tests", awaited=2, most=9)
    running, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(workers.run, work)
    assert 1 <= most <= 2


async def test_patience(mock_clock: trio.testing.MockClock) -> None:
    """A call that takes longer than it may is left to itself, and keeps no later one waiting."""
    workers = Workers("tests", awaited=1, most=2)
    begun, let = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        let.wait()

    async def pass_time() -> None:
        while not begun.is_set():
            await trio.sleep(0)
        mock_clock.jump(3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_time)
        with pytest.raises(trio.TooSlowError):
            await workers.run(hang, patience=3)
    assert await workers.run(lambda: 3, patience=3) == 3
    let.set()


async def test_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no other thread, that is an OSError, and nothing is held on to."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    workers = Workers("tests", awaited=1, most=1)
    with monkeypatch.context() as patch:
        patch.setattr(trio.to_thread, "run_sync", refuse)
        with pytest.raises(NoThread, match="start new thread"):
            await workers.run(lambda: 3)
    assert await workers.run(lambda: 3) == 3


def test_each_run_has_its_own() -> None:
    """Two runs of trio in a row use the same workers."""
    workers = Workers("tests", awaited=1, most=1)
    assert trio.run(workers.run, lambda: 1) == 1
    assert trio.run(workers.run, lambda: 2) == 2


async def test_a_clock_that_jumps(autojump_clock: trio.abc.Clock) -> None:
    """With a clock that jumps whenever all tasks wait, a call takes no time."""
    workers = Workers("tests", awaited=1, most=1)
    with trio.fail_after(1):
        assert await workers.run(threading.get_ident) == threading.get_ident()
