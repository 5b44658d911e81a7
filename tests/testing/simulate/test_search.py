"""Torture, pairs, and the shrinker."""

from __future__ import annotations

import sys

import pytest
import trio

from trio_wsproxy.testing._server import leaves
from trio_wsproxy.testing.simulate import (
    Chance,
    Fault,
    Network,
    NothingHappens,
    Universe,
    current_universe,
    pairs,
    shrink,
    torture,
)

HOSTS = {"far.test": ("10.0.0.2",)}
NETWORK = Network(hosts=HOSTS)


async def exchange(count: int) -> int:
    """Send so many bytes one by one, and give how many have come."""
    universe = current_universe()
    with universe.on("far.test"):
        (listener,) = await trio.open_tcp_listeners(80, host="10.0.0.2")
    received = 0

    async def serve(stream: trio.SocketStream) -> None:
        nonlocal received
        async with stream:
            while data := await stream.receive_some():
                received += len(data)

    async def client() -> None:
        with universe.cancellable():
            async with await trio.open_tcp_stream("far.test", 80) as stream:
                for _ in range(count):
                    await stream.send_all(b"x")
                    await trio.sleep(1)

    async with listener, trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        with trio.move_on_after(100):
            await client()
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    return received


def is_of_the_network(error: Exception) -> bool:
    """Whether that is what a network may do, in a nursery's group or not."""
    return all(isinstance(leaf, (OSError, trio.BrokenResourceError)) for leaf in leaves(error))


async def tolerant() -> None:
    """A program that bears all that a network does."""
    try:
        await exchange(3)
    except Exception as exc:
        if not is_of_the_network(exc):
            raise


async def careless() -> None:
    """One that does not bear a lost byte."""
    count = current_universe().times(30)
    assert await exchange(count) == count


def test_torture() -> None:
    """Each operation is struck by each fault, in a universe of its own."""
    quiet = Universe(0, NETWORK)
    quiet.run(tolerant)
    assert torture(tolerant, network=NETWORK) == 4 * quiet.operations


def test_torture_finds() -> None:
    """A program that does not bear one of them is told, with the line for that universe."""

    async def main() -> None:
        with trio.fail_after(50):
            await tolerant()

    with pytest.raises(Exception) as caught:
        torture(main, network=NETWORK, kinds=[Fault.STALL])
    if sys.version_info >= (3, 11):
        assert "faults=At({" in caught.value.__notes__[-1]


def test_pairs() -> None:
    """Two operations are struck, as often as was asked for."""
    assert pairs(tolerant, 20, network=NETWORK) == 20


def test_shrink() -> None:
    """Of many faults and operations those are left that are needed."""

    async def main() -> None:
        try:
            await careless()
        except Exception as exc:
            raise AssertionError from exc

    network = Network(hosts=HOSTS, faults=Chance(0.2, (Fault.STALL, Fault.SLOW)))
    for seed in range(100):
        universe = Universe(seed, network)
        try:
            universe.run(main)
        except AssertionError:
            if len(universe.struck) > 2:
                break
    smallest = shrink(main, seed=seed, network=network)
    assert len(smallest.faults.faults) == 1
    assert smallest.at_most is not None
    assert smallest.at_most < 30
    again = Universe(smallest.seed, smallest.network, at_most=smallest.at_most)
    with pytest.raises(AssertionError):
        again.run(main)


def test_nothing_to_shrink() -> None:
    """A program that does not fail cannot fail in a smaller universe."""
    with pytest.raises(ValueError, match="does not fail"):
        shrink(tolerant, seed=1, network=NETWORK)


async def idle() -> None:
    """Ask nothing of the network."""
    await trio.sleep(1)


async def without_a_subject() -> None:
    """Look a name up, where nothing can be cancelled."""
    try:
        with trio.move_on_after(60):
            await trio.socket.getaddrinfo("far.test", 80)
    except OSError:
        pass


def test_nothing_to_torture() -> None:
    """A search that cannot find anything says so, instead of nothing."""
    with pytest.raises(ValueError, match="asked nothing of the network"):
        torture(idle)
    with pytest.raises(ValueError, match="asked nothing of the network"):
        pairs(idle, 5)
    with pytest.raises(ValueError, match="nothing can be cancelled"):
        torture(without_a_subject, kinds=[Fault.CANCEL])
    assert torture(without_a_subject) == 3  # what would do nothing is left out


async def looks_up_in_tasks() -> None:
    """Look a name up in a nursery, which makes a group of what fails; then fail as a test does."""
    try:
        async with trio.open_nursery() as nursery:
            for _ in range(current_universe().times(5)):
                nursery.start_soon(trio.socket.getaddrinfo, "far.test", 80)
    except Exception as exc:
        if not is_of_the_network(exc):
            raise
        pytest.fail("no name")


async def or_something_else() -> None:
    """Raise groups of two kinds, by the number of faults."""
    count = 0
    for _ in range(10):
        try:
            await trio.socket.getaddrinfo("far.test", 80)
        except OSError:
            count += 1
    if count:
        async with trio.open_nursery():
            raise KeyError if count > 1 else ValueError


def test_shrink_what_pytest_raises() -> None:
    """A test that calls pytest.fail() is made smaller as any other program."""
    network = Network(hosts=HOSTS, faults=Chance(0.9, (Fault.FAIL,)))
    smallest = shrink(looks_up_in_tasks, seed=1, network=network)
    assert len(smallest.faults.faults) == 1
    assert smallest.at_most == 1


def test_shrink_by_what_is_in_groups() -> None:
    """A group around another error is another failure."""
    network = Network(hosts=HOSTS, faults=Chance(0.9, (Fault.FAIL,)))
    assert len(shrink(or_something_else, seed=1, network=network).faults.faults) == 2


def test_mistakes() -> None:
    """What would try nothing is refused."""
    with pytest.raises(ValueError, match="count=0: a whole number, at least 1"):
        pairs(tolerant, 0, network=NETWORK)
    with pytest.raises(ValueError, match="at least one Fault"):
        torture(tolerant, network=NETWORK, kinds=())
    with pytest.raises(TypeError, match="kinds is a tuple such as"):
        torture(tolerant, network=NETWORK, kinds="fail")  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match=r"network is a Network\(…\)"):
        torture(tolerant, network={})  # type: ignore[arg-type]  # likewise


def test_limits() -> None:
    """Each search may bound how long its universes last."""

    async def main() -> None:
        await trio.socket.getaddrinfo("far.test", 80)
        await trio.sleep(10)

    with pytest.raises(NothingHappens, match="after 5 "):
        torture(main, network=NETWORK, limit=5)
    with pytest.raises(NothingHappens, match="after 5 "):
        pairs(main, 3, network=NETWORK, limit=5)
    smallest = shrink(main, seed=1, network=NETWORK, limit=5, at_most=7)
    assert (smallest.limit, smallest.at_most) == (5, 1)
