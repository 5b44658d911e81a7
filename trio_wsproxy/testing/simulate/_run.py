"""The shortest way to a universe."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ._network import Network
from ._universe import Universe

ResultT = TypeVar("ResultT")


def run(
    main: Callable[..., Awaitable[ResultT]],
    *args: Any,
    seed: int,
    network: Network | None = None,
    at_most: int | None = None,
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
      seed: Of everything: another number is another universe.
      network: What the network is like, and what goes wrong; two quiet hosts by default.
      at_most: Bounds what :meth:`Universe.times` gives.

    Returns:
      What ``main`` returns.

    Raises:
      LeftOpen: It has returned with sockets open.
      NothingHappens: It waits for something that will never come.
      BaseException: Whatever it raises, with the line as a note that runs this universe once more.

    """
    return Universe(seed, network, at_most=at_most).run(main, *args)
