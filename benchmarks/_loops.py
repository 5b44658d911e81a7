"""The event loops, made to look alike: trio, and asyncio's, with uvloop where it installs.

Each turn of a client runs in a loop of its own, so that clients of different loops can be
interleaved in one process, and nothing that one of them leaves behind is another's burden.
What stands here runs a few times per connection, never per message.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol, TypeVar

import trio

T = TypeVar("T")

StartSoon = Callable[..., object]  # a function and its arguments, as trio's start_soon


class Event(Protocol):
    """What the events of both have in common."""

    def set(self) -> object:
        """Wake all who wait."""

    async def wait(self) -> object:
        """Wait until it is set."""


class Semaphore(Protocol):
    """What the semaphores of both have in common."""

    async def acquire(self) -> object:
        """Wait until it is above zero, and count it down."""

    def release(self) -> object:
        """Count it up."""


class Loop(ABC):
    """An event loop, as far as the benchmarks need one.

    Attributes:
      name: As in tables.

    """

    name: str

    @abstractmethod
    def run(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Run a function in a new loop; an exception ends it after ``patience`` seconds."""

    @abstractmethod
    def event(self) -> Event:
        """Make an event."""

    @abstractmethod
    def semaphore(self, value: int) -> Semaphore:
        """Make a semaphore."""

    @abstractmethod
    async def sleep(self, seconds: float) -> None:
        """Let others run."""

    @abstractmethod
    def tasks(self) -> AbstractAsyncContextManager[StartSoon]:
        """Hold tasks; the block ends when all of them have."""


class TrioLoop(Loop):
    """trio."""

    name = "trio"

    def run(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Run it in trio."""

        async def hurried() -> T:
            with trio.fail_after(patience):
                return await function()

        return trio.run(hurried)

    def event(self) -> Event:
        """Make trio's."""
        return trio.Event()

    def semaphore(self, value: int) -> Semaphore:
        """Make trio's."""
        return trio.Semaphore(value)

    async def sleep(self, seconds: float) -> None:
        """Sleep as trio does."""
        await trio.sleep(seconds)

    @asynccontextmanager
    async def tasks(self) -> AsyncIterator[StartSoon]:
        """Hold them in a nursery."""
        async with trio.open_nursery() as nursery:
            yield nursery.start_soon


class AsyncioLoop(Loop):
    """asyncio's interface; uvloop's loop, which is C, where it is installed.

    Args:
      uvloop: Whether to use it if it is there.

    """

    def __init__(self, *, uvloop: bool = True) -> None:
        self._new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
        self.name = "asyncio"
        if uvloop:
            try:
                import uvloop as faster
            except ImportError:
                return
            self._new_loop, self.name = faster.new_event_loop, "uvloop"

    def run(self, function: Callable[[], Coroutine[Any, Any, T]], patience: float) -> T:
        """Run it as ``asyncio.run`` would, which takes no loop's maker before Python 3.12."""
        loop = self._new_loop()
        try:
            return loop.run_until_complete(asyncio.wait_for(function(), patience))
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def event(self) -> Event:
        """Make asyncio's."""
        return asyncio.Event()

    def semaphore(self, value: int) -> Semaphore:
        """Make asyncio's."""
        return asyncio.Semaphore(value)

    async def sleep(self, seconds: float) -> None:
        """Sleep as asyncio does."""
        await asyncio.sleep(seconds)

    @asynccontextmanager
    async def tasks(self) -> AsyncIterator[StartSoon]:
        """Hold them; one that fails cancels whoever holds them (a TaskGroup needs Python 3.11)."""
        tasks: list[asyncio.Task[object]] = []
        host = asyncio.current_task()
        assert host is not None

        def look(task: asyncio.Task[object]) -> None:
            if not task.cancelled() and task.exception() is not None:
                host.cancel()

        def start_soon(function: Callable[..., Coroutine[Any, Any, object]], *args: Any) -> None:
            tasks.append(asyncio.create_task(function(*args)))
            tasks[-1].add_done_callback(look)

        yield start_soon
        await asyncio.gather(*tasks)
