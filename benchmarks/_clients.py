"""All clients, by name, in the order of the tables."""

from __future__ import annotations

import sys

from ._floors import Floor, Inline
from ._loops import AsyncioLoop, TrioLoop
from ._on_asyncio import AioHTTP, AsyncioWebsockets, Picows
from ._on_trio import TrioWebSocket, TrioWSProxy, Websockets
from ._sessions import Client

ON_TRIO: tuple[type[Client], ...] = (TrioWSProxy, Websockets, TrioWebSocket, Floor, Inline)
ON_ASYNCIO: tuple[type[Client], ...] = (AsyncioWebsockets, AioHTTP, Picows)
CLIENTS = {client.name: client for client in (*ON_TRIO, *ON_ASYNCIO)}
US = TrioWSProxy.name


def make_client(name: str, *, uvloop: bool = True) -> Client:
    """Make a client in its loop.

    Args:
      name: One of ``CLIENTS``.
      uvloop: Whether asyncio's clients run in uvloop where it is installed.

    Raises:
      ImportError: The library is not installed.

    """
    kind = CLIENTS[name]
    return kind(TrioLoop() if kind in ON_TRIO else AsyncioLoop(uvloop=uvloop))


def title(client: Client) -> str:
    """Return a client's name in tables, which marks those of other event loops than ours."""
    return (
        client.title
        if isinstance(client.loop, TrioLoop)
        else f"{client.title}, {client.loop.name} †"
    )


def lacks_speedups(client: Client) -> bool:
    """Tell whether a compiled part that the client can have is not in use in this process."""
    if client.name == US:
        from trio_wsproxy import SPEEDUPS

        return not SPEEDUPS
    return client.speedups is not None and client.speedups not in sys.modules
