"""The shortest way to a universe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ._network import Network
from ._universe import DAY, Universe

ResultT = TypeVar("ResultT")


def run(
    main: Callable[..., Awaitable[ResultT]],
    *args: Any,
    seed: int,
    network: Network | None = None,
    at_most: int | None = None,
    limit: float = 7 * DAY,
) -> ResultT:
    """Run a trio program in a universe of its own, in place of :func:`trio.run`.

    Time is virtual and jumps when all tasks wait; sockets, addresses and names are those of ``network``; the order of
    tasks and everything random comes from ``seed``. So the same call does the same again, to the byte::

        async def main():
            async with open_echo_server() as echo, open_websocket_url(echo.url) as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"

        simulate.run(main, seed=1, network=Network(link=Link(latency=(0.1, 2.0))))

    Args:
      main: The program; it gets at its universe with :func:`current_universe`.
      *args: What it is called with.
      seed: Of everything: any whole number, and another one is another universe.
      network: What the network is like, and what goes wrong; two quiet hosts by default.
      at_most: Bounds what :meth:`Universe.times` gives; no bound by default.
      limit: Virtual seconds after which the program is cancelled; a week by default.

    Returns:
      What ``main`` returns.

    Raises:
      LeftOpen: It has returned with sockets open.
      NothingHappens: It waits for something that will never come, or goes round in circles.
      TypeError: ``main`` is no async function, or was called already: ``run(main())``; or something else is of the wrong type.
      ValueError: ``at_most`` is below 0, or ``limit`` not above it.
      RuntimeError: This is called within a run of trio, or this version of trio cannot be made deterministic.
      BaseException: Whatever it raises, with a note that has the line which runs this universe once more (on
        Python 3.10, which has no notes, it is printed to ``stderr``).

    """
    return Universe(seed, network, at_most=at_most, limit=limit).run(main, *args)
