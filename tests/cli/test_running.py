"""Ctrl-C ends a command's run of trio, wherever it strikes."""

from __future__ import annotations

import signal

import pytest
import trio

from trio_wsproxy._cli._running import run_in_trio


async def interrupt() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    await trio.lowlevel.checkpoint()


def test_another_task() -> None:
    """A task in which Ctrl-C strikes goes on; the first one hears it, and the other ends by being cancelled."""
    ends: list[type[BaseException]] = []

    async def struck() -> None:
        try:
            await interrupt()
            await trio.sleep_forever()
        except BaseException as exc:
            ends.append(type(exc))
            raise

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(struck)
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt) as caught:
        run_in_trio(main, at_checkpoints=True)
    assert caught.type is KeyboardInterrupt
    assert ends == [trio.Cancelled]


def test_in_a_group() -> None:
    """A task that Ctrl-C has struck ends the run, and what comes out of it is no group."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt)
            await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt) as caught:
        run_in_trio(main)
    assert caught.type is KeyboardInterrupt


def test_results_and_failures_pass() -> None:
    """What the function returns or raises is what its caller gets."""

    async def twice(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * number

    async def fail() -> None:
        raise ValueError("no")

    assert run_in_trio(twice, 2) == 4
    with pytest.raises(ValueError, match="no"):
        run_in_trio(fail)
