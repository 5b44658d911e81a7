"""A program in simulated universes, and a plan of faults of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass

from typing_extensions import assert_type

from trio_wsproxy import open_websocket_url
from trio_wsproxy.testing import EchoServer, ProxyServer, open_echo_server, open_http_proxy
from trio_wsproxy.testing.simulate import (
    Chance,
    Fault,
    Link,
    Network,
    Operation,
    RunUniverses,
    Struck,
    Universe,
    current_universe,
    pairs,
    run,
    shrink,
    torture,
)


@dataclass(frozen=True)
class Mine:
    name: str

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        return Fault.FAIL if operation.peer == self.name and chance.random() < 0.5 else None


class NoPlan:
    def strike(self, operation: Operation) -> bool:
        return operation.number > 5


async def main(count: int, text: str = "x") -> int:
    universe = current_universe()
    async with (
        universe.serve("echo.test", open_echo_server, ssl_context=None) as echo,
        universe.serve("proxy.test", open_http_proxy, address="::") as proxy,
    ):
        assert_type(echo, EchoServer)
        assert_type(proxy, ProxyServer)
        async with open_websocket_url(echo.url_for("echo.test"), proxy=proxy.url) as ws:
            await ws.send(text * universe.times(50))
        assert_type(universe.choice([1, 2, 3]), int)
        assert_type(universe.bytes(5), bytes)
    return count


async def subject() -> None:
    with current_universe().cancellable() as scope:
        await main(1)
    assert_type(scope.cancelled_caught, bool)


def not_async() -> int:
    return 5


NETWORK = Network(hosts={"echo.test": ("10.0.0.2",)}, faults=Mine("echo.test"))
Network(hosts={"echo.test": "10.0.0.2"})  # type: ignore[dict-item]
Network(faults=NoPlan())  # type: ignore[arg-type]
Network(link=Link(latency=0.5))  # type: ignore[arg-type]


def test_feed(universes: RunUniverses) -> None:
    universes(main, 1, network=Network(faults=Chance(0.1)), count=5)
    universes(subject, at_most=5, limit=3600)
    assert_type(run(main, 1, seed=3, network=NETWORK, at_most=5, limit=60), int)
    assert_type(run(subject, seed=3), None)
    assert_type(shrink(subject, seed=3, at_most=5, limit=60), Universe)
    assert_type(torture(subject, kinds=[Fault.FAIL], limit=60), int)
    assert_type(pairs(subject, 50, network=NETWORK, limit=60), int)
    assert_type(Universe(5).struck, list[Struck])
    run(main, 1)  # type: ignore[call-arg]
    run(not_async, seed=1)  # type: ignore[arg-type]
    run(subject(), seed=1)  # type: ignore[arg-type]
    torture(main)  # type: ignore[arg-type]
