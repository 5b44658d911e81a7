"""A feed client, and the test that lets it live through hours of bad network.

The client keeps a price up to date: it connects again whenever its connection is
over, asks for everything since the last number that it has, and must show no number
twice and none before another. Run it with pytest::

    python -m pytest -p trio_wsproxy.testing.simulate.pytest_plugin examples/simulated_feed.py
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from trio_websocket import ConnectionClosed, WebSocketRequest

from trio_wsproxy import ConnectionLost, ProxyArgument, reconnecting_websocket_url
from trio_wsproxy.testing import open_echo_server, open_http_proxy
from trio_wsproxy.testing.simulate import Chance, Network, RunUniverses, current_universe

# -- the program ---------------------------------------------------------------


async def follow(url: str, show: Callable[[int], None], proxy: ProxyArgument = True) -> None:
    """Show each number of a feed once, in order, for ever."""
    last = 0
    async with reconnecting_websocket_url(url, proxy=proxy) as connections:
        async for ws in connections:
            try:
                await ws.send(f"after {last}")
                async for message in ws:
                    last = int(message)
                    show(last)
            except ConnectionLost:
                pass  # the loop goes on with a new connection


# -- its test ------------------------------------------------------------------

HOUR = 3600
NETWORK = Network(
    hosts={"feed.test": ("10.0.0.2",), "proxy.test": ("10.0.0.3",)},
    faults=Chance(0.01, until=HOUR),  # each operation on the network may fail, for an hour
)


async def feed(request: WebSocketRequest) -> None:
    """Send a number every ten seconds."""
    connection = await request.accept()
    try:
        _, last = (await connection.get_message()).split()
        for number in range(int(last) + 1, 10_000):
            await trio.sleep(10)
            await connection.send_message(str(number))
    except ConnectionClosed:
        pass


async def an_hour_of_trouble() -> None:
    """Live through an hour of faults and an outage; then be up to date again within minutes."""
    universe = current_universe()
    shown: list[int] = []
    async with (
        universe.serve("feed.test", open_echo_server, handler=feed) as server,
        universe.serve("proxy.test", open_http_proxy) as proxy,
        trio.open_nursery() as nursery,
    ):
        url, way = server.url_for("feed.test"), proxy.url_for(host="proxy.test")
        nursery.start_soon(follow, url, shown.append, way)
        await trio.sleep(HOUR / 2)
        universe.cut_off("proxy.test")  # somebody pulls the plug
        await trio.sleep(300)
        universe.restore("proxy.test")
        await trio.sleep_until(HOUR)
        before = len(shown)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    assert shown == list(range(1, len(shown) + 1))  # each one, once, in order
    assert len(shown) > before  # it is alive


def test_feed(universes: RunUniverses) -> None:
    """The client shows each number once, in order, and recovers from whatever happens."""
    universes(an_hour_of_trouble, network=NETWORK, count=20)
