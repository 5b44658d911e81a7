"""The simulated DNS answers as the system's does."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import trio

from trio_wsproxy.testing.simulate import At, Fault, Network, current_universe, run

HOSTS = {"far.test": ("10.0.0.2", "fd00::2"), "Six.Test": ("FD00::6",), "also.test": ("10.0.0.2",)}


def looked_up(*args: Any, faults: At | None = None, **options: Any) -> list[tuple[Any, ...]]:
    """The addresses that a look-up gives."""

    async def main() -> list[tuple[Any, ...]]:
        found = await trio.socket.getaddrinfo(*args, **options)
        return [info[4] for info in found]

    return run(main, seed=1, network=Network(hosts=HOSTS, faults=faults or At()))


def test_several_addresses() -> None:
    """All addresses are given in their order, or those of one family."""
    four, six = ("10.0.0.2", 80), ("fd00::2", 80, 0, 0)
    assert looked_up("far.test", 80) == [four, six]
    assert looked_up("FAR.test.", 80, family=socket.AF_INET) == [four]
    assert looked_up("far.test", 80, family=socket.AF_INET6) == [six]
    assert looked_up("six.test", 80) == [("fd00::6", 80, 0, 0)]


def test_services() -> None:
    """Ports have names, and need not be there."""
    assert looked_up("also.test", "https") == [("10.0.0.2", 443)]
    assert looked_up("also.test", None) == [("10.0.0.2", 0)]
    assert looked_up("also.test", "8080") == [("10.0.0.2", 8080)]
    with pytest.raises(socket.gaierror) as caught:
        looked_up("also.test", "no-such-service")
    assert caught.value.errno == socket.EAI_SERVICE


@pytest.mark.parametrize(
    ("fault", "number"), [(Fault.FAIL, socket.EAI_NONAME), (Fault.CUT, socket.EAI_AGAIN)]
)
def test_failures(fault: Fault, number: int) -> None:
    """A look-up fails as the fault says; the next one does not."""
    with pytest.raises(socket.gaierror) as caught:
        looked_up("far.test", 80, faults=At({1: fault}))
    assert caught.value.errno == number
    with pytest.raises(socket.gaierror, match="not known"):
        looked_up("nobody.test", 80)


def test_hangs() -> None:
    """A look-up that hangs hangs until it is cancelled."""

    async def main() -> float:
        with trio.move_on_after(100_000):
            await trio.socket.getaddrinfo("far.test", 80)
        return trio.current_time()

    assert run(main, seed=1, network=Network(hosts=HOSTS, faults=At({1: Fault.STALL}))) == 100_000


def test_backwards() -> None:
    """An address has the name of its machine, or none."""

    async def main() -> list[tuple[str, str]]:
        ask = trio.socket.getnameinfo
        return [
            await ask(("10.0.0.2", 443), socket.NI_NUMERICSERV),
            await ask(("10.0.0.2", 443), socket.NI_NUMERICHOST),
            await ask(("10.7.7.7", 4), 0),
        ]

    names = run(main, seed=1, network=Network(hosts=HOSTS))
    assert names == [("far.test", "443"), ("10.0.0.2", "https"), ("10.7.7.7", "4")]


def test_other_sockets() -> None:
    """What is no TCP is refused by its name."""

    async def main() -> None:
        await trio.lowlevel.checkpoint()
        with pytest.raises(ValueError, match="AF_INET, SOCK_DGRAM"):
            trio.socket.socket(type=socket.SOCK_DGRAM)
        if hasattr(socket, "AF_UNIX"):
            with pytest.raises(ValueError, match="AF_UNIX, SOCK_STREAM"):
                await trio.open_unix_socket("/run/some.sock")

    run(main, seed=1)


def test_names_of_one_machine() -> None:
    """Whoever listens under one of a machine's names is found under the other."""

    async def main() -> bytes:
        universe = current_universe()

        async def greet(stream: trio.SocketStream) -> None:
            async with stream:
                await stream.send_all(b"hello")

        async with trio.open_nursery() as nursery:
            with universe.on("also.test"):
                await nursery.start(trio.serve_tcp, greet, 80)
            async with await trio.open_tcp_stream("far.test", 80) as stream:
                greeting = await stream.receive_some()
            universe.cut_off("ALSO.test")
            with trio.move_on_after(10) as scope:
                await trio.open_tcp_stream("far.test", 80)
            assert scope.cancelled_caught
            nursery.cancel_scope.cancel()
        return bytes(greeting)

    assert run(main, seed=1, network=Network(hosts=HOSTS)) == b"hello"
