"""Time in a universe: it stands still for threads, and does not stand still for ever."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
import trio

from trio_wsproxy.testing.simulate import NothingHappens, Universe, _pace, run


async def sleeper(times: list[float]) -> None:
    """Note when an hour is over, again and again."""
    while True:
        await trio.sleep(3600)
        times.append(trio.current_time())


async def with_a_sleeper(work: object) -> tuple[object, float, list[float]]:
    """What a call in a thread gives, how long it took, and what another task saw meanwhile."""
    times: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, times)
        began = trio.current_time()
        result = await work()  # type: ignore[operator]  # a coroutine function
        took = trio.current_time() - began
        nursery.cancel_scope.cancel()
    return result, took, times


def test_a_thread_takes_no_time() -> None:
    """The clock waits until a thread has come back, however long that takes."""
    other_is_done = threading.Event()
    threading.Timer(0.05, other_is_done.set).start()

    async def work() -> bool:
        return await trio.to_thread.run_sync(other_is_done.wait, 60)

    assert run(with_a_sleeper, work, seed=1) == (True, 0, [])


def test_while_other_threads_end() -> None:
    """Threads of the program's own that end meanwhile do not hide one that works."""
    ends, never = threading.Event(), threading.Event()
    other = threading.Thread(target=ends.wait)
    other.start()

    async def work() -> bool:
        ends.set()
        other.join()
        return await trio.to_thread.run_sync(never.wait, 0.05)  # for so long it works

    assert run(with_a_sleeper, work, seed=1) == (False, 0, [])


def test_files_take_no_time() -> None:
    """So do trio's files and paths, which are read in threads."""

    async def work() -> bool:
        async with await trio.open_file(__file__) as file:
            text = await file.read()
        return text == await trio.Path(__file__).read_text()

    assert run(with_a_sleeper, work, seed=1) == (True, 0, [])


def test_a_thread_that_calls_back() -> None:
    """A thread may call into trio; what it waits for there takes its virtual time."""

    async def back() -> float:
        await trio.lowlevel.checkpoint()
        return trio.current_time()

    async def work() -> float:
        return await trio.to_thread.run_sync(trio.from_thread.run, back)

    assert run(with_a_sleeper, work, seed=1) == (0.0, 0, [])


def test_a_thread_that_sleeps_in_trio() -> None:
    """What a thread waits for in trio may sleep: time goes on then, and stops where the thread goes on."""
    never = threading.Event()

    def hour_by_hour() -> list[float]:
        times = []
        for _ in range(3):
            trio.from_thread.run(trio.sleep, 3600)
            never.wait(0.01)  # for so long it works
            times.append(trio.from_thread.run_sync(trio.current_time))
        return times

    async def main() -> list[float]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeper, [])
            times = await trio.to_thread.run_sync(hour_by_hour)
            nursery.cancel_scope.cancel()
        return times

    assert run(main, seed=1) == pytest.approx([3600, 7200, 10800])


def test_a_thread_that_calls_back_for_another() -> None:
    """A thread works while another one waits for what it does."""

    async def outer() -> float:
        await trio.to_thread.run_sync(threading.Event().wait, 0.01)
        return trio.current_time()

    async def work() -> float:
        return await trio.to_thread.run_sync(trio.from_thread.run, outer)

    before = trio.from_thread.run
    assert run(with_a_sleeper, work, seed=1) == (0.0, 0, [])
    assert trio.from_thread.run is before


def test_a_universe_in_a_thread_of_one() -> None:
    """It is refused: both would wait for each other for ever. In a thread of a run that is real there may be one."""

    async def within() -> float:
        await trio.lowlevel.checkpoint()
        return trio.current_time()

    async def main() -> float:
        return await trio.to_thread.run_sync(lambda: run(within, seed=2))

    with pytest.raises(RuntimeError, match="there is none within another one"):
        run(main, seed=1)
    assert trio.run(main) == 0.0


def test_after_a_thread() -> None:
    """Time goes on afterwards, and jumps as before."""

    async def main() -> float:
        await trio.to_thread.run_sync(int)
        await trio.sleep(1000)
        return trio.current_time()

    assert run(main, seed=1) == pytest.approx(1000)


def test_where_tasks_wait() -> None:
    """A program that waits for ever is told which of its lines wait, and nothing of trio's or ours."""

    async def never(event: trio.Event) -> None:
        await event.wait()  # this line

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(never, trio.Event())
            nursery.start_soon(trio.sleep_forever, name="the sleeper")

    with pytest.raises(NothingHappens) as caught:
        run(main, seed=1)
    text = str(caught.value)
    number = 1 + Path(__file__).read_text().splitlines().index(
        "        await event.wait()  # this line"
    )
    assert f'File "{__file__}", line {number}, in never: await event.wait()  # this line' in text
    assert "task 'the sleeper'" in text
    assert "(task 'main')" in text
    assert "_universe.py" not in text
    assert "_run.py" not in text


def test_many_tasks_wait() -> None:
    """Of many tasks that wait some are shown, and how many there are."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(trio.sleep_forever)

    with pytest.raises(NothingHappens, match=r"and \d\d more") as caught:
        run(main, seed=1)
    assert len(str(caught.value)) < 5000


def test_going_in_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that never lets time pass ends, too."""
    monkeypatch.setattr(_pace, "MOST_TURNS", 1000)

    async def main() -> None:
        while True:
            await trio.lowlevel.checkpoint()

    with pytest.raises(NothingHappens, match="1000 turns") as caught:
        run(main, seed=1)
    assert "in main: await trio.lowlevel.checkpoint()" in str(caught.value)


def test_many_turns_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns are counted anew at each moment."""
    monkeypatch.setattr(_pace, "MOST_TURNS", 100)

    async def main() -> int:
        for _ in range(1000):
            await trio.sleep(0.001)
        return 5

    assert run(main, seed=1) == 5


@pytest.mark.parametrize("start", ["run_process", "open_process"])
def test_no_processes(start: str) -> None:
    """A process is refused with words, for time would jump past it; afterwards they begin as before."""
    functions = {"run_process": trio.run_process, "open_process": trio.lowlevel.open_process}

    async def main() -> None:
        owner = trio if start == "run_process" else trio.lowlevel
        await getattr(owner, start)([sys.executable, "-c", ""])

    with pytest.raises(RuntimeError, match="there are no processes in a universe"):
        run(main, seed=1)
    assert functions["run_process"] is trio.run_process
    assert functions["open_process"] is trio.lowlevel.open_process


def test_an_end_that_is_swallowed() -> None:
    """Whatever the program raises at the end of its universe is told with the reason why it ended."""

    async def main() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("lost")

    with pytest.raises(KeyError) as caught:
        Universe(1, limit=60).run(main)
    if sys.version_info >= (3, 11):
        assert any("after 60 virtual seconds" in note for note in caught.value.__notes__)
