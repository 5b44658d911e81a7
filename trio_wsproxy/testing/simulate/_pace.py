"""Time stands still while a thread works, and does not stand still for ever.

Theory of operation
-------------------

:class:`trio.testing.MockClock` jumps as soon as no task can run, and takes no notice of threads: while one reads a file, an
hour would pass. So an instrument looks at each turn of trio's scheduler, and forbids the clock to jump while
threads of this run are at work. In the turn in which it says so the jump is already decided; but one
does not take place when something has happened meanwhile, so it lets something happen.

A thread that has called :func:`trio.from_thread.run` is not at work: it waits for an async function, which may sleep. Those
are counted where they run, in trio's thread, so the clock stops in the turn in which one returns and its thread goes on.

A program that goes round in circles without waiting for anything stops time, too: virtual time passes only when all wait.
After so many turns at one moment it is taken for that.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
import trio.testing

from ._replacing import replacing

MOST_TURNS = 1_000_000  # of the scheduler at one moment; some tens of seconds


_called_back: trio.lowlevel.RunVar[int] = trio.lowlevel.RunVar("trio_wsproxy.called_back")


async def _counted(function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """Call an async function for a thread that waits for it."""
    _called_back.set(_called_back.get(0) + 1)
    try:
        return await function(*args)
    finally:
        _called_back.set(_called_back.get(0) - 1)


@contextmanager
def threads_that_wait() -> Iterator[None]:
    """Let trio's threads that wait for an async function be counted, while the block runs."""
    real = trio.from_thread.run

    def counted(afn: Any, *args: Any, trio_token: trio.lowlevel.TrioToken | None = None) -> Any:
        if trio_token is not None:  # a thread of the program's own, which stops no clock
            return real(afn, *args, trio_token=trio_token)
        return real(_counted, afn, *args)

    with replacing((trio.from_thread, "run", counted)):
        yield


class Pace(trio.abc.Instrument):
    """See the theory of operation above.

    Args:
      clock: Whose time it is.
      spins: Called when the program goes round in circles.

    """

    def __init__(self, clock: trio.testing.MockClock, spins: Callable[[], None]) -> None:
        self._clock = clock
        self._spins = spins
        self._token = trio.lowlevel.current_trio_token()
        self._turns = 0
        self._moment = -1.0
        self._pauses = False
        # Trio keeps threads for a while, under this name. Where there is none, no thread can be at work as long as
        # there are only those that were there before, which is cheap to know.
        threads = set(threading.enumerate())
        kept = any(thread.name.startswith("Trio thread") for thread in threads)
        self._usual = set[threading.Thread]() if kept else threads

    def before_io_wait(self, timeout: float) -> None:
        """Look at the threads, and at the clock."""
        if self._pauses or not self._usual.issuperset(threading.enumerate()):
            self._look_at_threads()
        self._turns += 1
        if self._turns >= MOST_TURNS:
            now = self._clock.current_time()
            if now == self._moment:
                self._spins()
            self._moment, self._turns = now, 0

    def _look_at_threads(self) -> None:
        pauses = trio.testing.active_thread_count() > _called_back.get(0)
        if pauses is not self._pauses:
            self._pauses = pauses
            self._clock.autojump_threshold = math.inf if pauses else 0
            self._token.run_sync_soon(_something_happens)


def _something_happens() -> None:
    """Let the scheduler have another turn."""
