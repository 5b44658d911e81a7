"""Threads for what may wait for ever and cannot be interrupted: name servers, files, imports.

Theory of operation
-------------------

A call that waits in C cannot be cancelled: whoever is cancelled while waiting for one leaves, and its thread
stays until the call comes back by itself, after half a minute or never. With trio's default limiter such
threads, which nobody waits for, would keep all other work of the program waiting. So each purpose has
:class:`Workers` of its own, with two limits:

* ``awaited`` calls go on at a time, others queue. Who is cancelled gives up the place at once,
  so an abandoned call never keeps a later one waiting;
* ``most`` threads there are in all, with the abandoned ones. Where so many hang, there is no point in
  another: the call fails at once, with :exc:`ThreadsHang`.

A clock that jumps as soon as all tasks wait (``trio.testing.MockClock``) takes no notice of threads: each would
look like an hour. In tests with such a clock calls are made right here.
"""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from typing import TypeVar

import trio

ResultT = TypeVar("ResultT")


class ThreadsHang(OSError):
    """So many earlier calls hang that no other one is begun.

    Attributes:
      count (int): How many.

    """

    def __init__(self, count: int) -> None:
        super().__init__(errno.EAGAIN, f"{count} earlier calls have not come back")
        self.count = count


class NoThread(OSError):
    """The system starts no other thread."""


class Limit:
    """A limiter for one purpose, made anew in each run of trio.

    Args:
      purpose: What for; shown by debuggers only.
      tokens: How many at a time.

    """

    def __init__(self, purpose: str, tokens: int) -> None:
        self._tokens = tokens
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter]
        self._limiter = trio.lowlevel.RunVar(f"trio_wsproxy.{purpose}")

    def get(self) -> trio.CapacityLimiter:
        """Give the limiter of this run."""
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(self._tokens)
            self._limiter.set(limiter)
            return limiter


class Workers:
    """Threads for one purpose, in each run of trio.

    Args:
      purpose: What for; shown by debuggers only.
      awaited: How many calls go on at a time.
      most: How many threads there are in all, those included that nobody waits for any more.

    """

    def __init__(self, purpose: str, *, awaited: int, most: int) -> None:
        self._most = most
        self._awaited = Limit(f"{purpose}.awaited", awaited)
        self._threads = Limit(f"{purpose}.threads", most)

    async def run(self, call: Callable[[], ResultT], *, patience: float = math.inf) -> ResultT:
        """Make a call in a thread; a cancelled one leaves the thread to itself.

        Args:
          call: What to do there.
          patience: Seconds for the call, from its own beginning: what others have kept it waiting
            is not counted.

        Returns:
          What it returns.

        Raises:
          trio.TooSlowError: It took longer than that, and is left to itself.
          ThreadsHang: Too many earlier ones have not come back.
          NoThread: The system starts no other.
          BaseException: Whatever the call raises.

        """
        if getattr(trio.lowlevel.current_clock(), "autojump_threshold", math.inf) < math.inf:
            await trio.lowlevel.checkpoint()
            return call()
        awaited, threads = self._awaited.get(), self._threads.get()
        begun = False

        def begin() -> ResultT:
            nonlocal begun
            begun = True
            return call()

        async with awaited:
            if threads.available_tokens < 1:
                raise ThreadsHang(self._most)
            try:
                with trio.fail_after(patience):
                    return await trio.to_thread.run_sync(
                        begin, abandon_on_cancel=True, limiter=threads
                    )
            except RuntimeError as exc:  # as Python says it where the system refuses a thread
                if begun:
                    raise
                raise NoThread(errno.EAGAIN, str(exc)) from exc
