"""One program in many universes: some that are always the same, and some that are new."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ._checks import check_whole
from ._network import Network
from ._universe import DAY, Universe

USUAL = 20  # universes, of a program that takes a few hundredths of a second in each
FRESH = 0.2  # of them, with seeds that nobody has had


class RunUniverses:
    """Runs a program in many universes; what the fixture ``universes`` gives.

    Args:
      count: How many, whatever a call says.
      only: The seed of the only one.
      command: The line for a shell that runs them, without a seed; ``" --universe SEED"`` is added to it.

    """

    def __init__(
        self, *, count: int | None = None, only: int | None = None, command: str | None = None
    ) -> None:
        self._count = count
        self._only = only
        self._command = command

    def __call__(
        self,
        main: Callable[..., Awaitable[Any]],
        *args: Any,
        network: Network | None = None,
        count: int = USUAL,
        at_most: int | None = None,
        limit: float = 7 * DAY,
    ) -> None:
        """Run it in each; four of five have seeds from 0 on, the others have new ones.

        Args:
          main: The program, as for :func:`run`.
          *args: What it is called with.
          network: What the universes are like.
          count: How many.
          at_most: Bounds what :meth:`Universe.times` gives.
          limit: Virtual seconds after which each is cancelled, a week by default. A program that does something every second
            gets there sooner in real time, too, with an hour.

        Raises:
          BaseException: Whatever it raises in the first universe in which it fails, with the line as a note
            that runs that one once more.

        """
        __tracebackhide__ = True  # what a test does is above this
        for seed in self._seeds(count):
            universe = Universe(seed, network, at_most=at_most, limit=limit)
            if self._command is not None:
                universe.command = f"{self._command} --universe {seed}"
            universe.run(main, *args)

    def _seeds(self, count: int) -> Iterator[int]:
        if self._only is not None:
            yield self._only
            return
        count = check_whole("count", count if self._count is None else self._count, least=1)
        fresh = int(count * FRESH)
        yield from range(count - fresh)
        source = random.SystemRandom()
        for _ in range(fresh):
            yield source.randrange(1 << 32)
