"""TCP: from addresses to one connection."""

from __future__ import annotations

import errno
import signal
import socket
import ssl
from typing import Any

import pytest
import trio
from _wire import Peer
from trio.testing import MockClock

from trio_wsproxy._report._evidence import Attempt
from trio_wsproxy._transport._prefixed_stream import PrefixedStream, with_prefix
from trio_wsproxy._transport._tcp import connect_tcp, socket_of

NEVER = float("inf")


class FakeSocket(trio.socket.SocketType):
    """A socket that takes its time, and then connects or does not."""

    def __init__(self, network: FakeNetwork) -> None:
        self._network = network
        self.closed = False

    type = socket.SOCK_STREAM

    async def connect(self, address: Any) -> None:
        """Do what the network says about the address."""
        seconds, error = self._network.behaviour[address[0]]
        self._network.begun.append((address[0], trio.current_time()))
        await trio.sleep(seconds)
        if error is not None:
            raise error

    def setsockopt(self, *_: Any) -> None:
        """Take all that trio sets."""

    def getpeername(self) -> Any:
        """Be connected, as trio's SocketStream wants to see it."""
        return ("peer", 1)

    def close(self) -> None:
        """Note it."""
        self.closed = True


class FakeNetwork(trio.abc.SocketFactory):
    """Knows how long each address takes, and how it answers."""

    def __init__(self, behaviour: dict[str, tuple[float, BaseException | None]]) -> None:
        self.behaviour = behaviour
        self.sockets: list[FakeSocket] = []
        self.begun: list[tuple[str, float]] = []
        trio.socket.set_custom_socket_factory(self)  # until the end of this trio run

    def socket(self, *_: Any) -> FakeSocket:
        """Make one more."""
        self.sockets.append(FakeSocket(self))
        return self.sockets[-1]

    @property
    def open(self) -> int:
        """How many are not closed."""
        return sum(not sock.closed for sock in self.sockets)


def info(address: str) -> Any:
    """What getaddrinfo says of an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return (family, socket.SOCK_STREAM, 6, "", (address, 80))


def refused() -> OSError:
    """What connect() raises where nobody listens."""
    return ConnectionRefusedError(errno.ECONNREFUSED, "no")


async def test_one_address_runs_in_the_callers_task() -> None:
    """A single address is connected to without a nursery."""
    FakeNetwork({"192.0.2.1": (0, None)})
    attempts: list[Attempt] = []
    before = trio.lowlevel.current_task().child_nurseries
    await connect_tcp([info("192.0.2.1")], attempts)
    assert trio.lowlevel.current_task().child_nurseries == before
    assert attempts == [Attempt("192.0.2.1", "connected")]


async def test_one_address_that_refuses() -> None:
    """Its error is raised, and its socket closed."""
    network = FakeNetwork({"192.0.2.1": (0, refused())})
    attempts: list[Attempt] = []
    with pytest.raises(ConnectionRefusedError):
        await connect_tcp([info("192.0.2.1")], attempts)
    assert attempts[0].outcome == "Connection refused"
    assert network.open == 0


async def test_families_take_turns(autojump_clock: MockClock) -> None:
    """The second address tried is of the other family (RFC 8305 section 4)."""
    names = ["::1", "::2", "::3", "192.0.2.1", "192.0.2.2"]
    network = FakeNetwork(dict.fromkeys(names, (0, refused())))
    with pytest.raises(ConnectionRefusedError):
        await connect_tcp([info(name) for name in names], [])
    assert [name for name, _ in network.begun] == ["::1", "192.0.2.1", "::2", "192.0.2.2", "::3"]


@pytest.mark.parametrize(("head_start", "expected"), [(None, 0.25), (2.0, 2.0)])
async def test_head_start(
    autojump_clock: MockClock, head_start: float | None, expected: float
) -> None:
    """A slow address is overtaken by the next, which begins a head start later."""
    network = FakeNetwork({"::1": (NEVER, None), "192.0.2.1": (1, None)})
    attempts: list[Attempt] = []
    await connect_tcp([info("::1"), info("192.0.2.1")], attempts, head_start=head_start)
    assert network.begun == [("::1", 0), ("192.0.2.1", expected)]
    assert [attempt.outcome for attempt in attempts] == ["given up", "connected"]
    assert [sock.closed for sock in network.sockets] == [True, False]


async def test_failure_begins_the_next(autojump_clock: MockClock) -> None:
    """After a failure the next address does not wait for its turn."""
    network = FakeNetwork({"192.0.2.1": (0.1, refused()), "192.0.2.2": (0, None)})
    await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], [])
    assert network.begun[1] == ("192.0.2.2", 0.1)


async def test_early_one_may_win_late(autojump_clock: MockClock) -> None:
    """An address that was overtaken wins if the others fail."""
    network = FakeNetwork({"192.0.2.1": (5, None), "192.0.2.2": (1, refused())})
    attempts: list[Attempt] = []
    await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], attempts)
    assert [attempt.outcome for attempt in attempts] == ["connected", "Connection refused"]
    assert network.open == 1


async def test_all_fail(autojump_clock: MockClock) -> None:
    """Where all fail, at different times, the error of the first in the list is raised."""
    unreachable = OSError(errno.EHOSTUNREACH, "no")
    network = FakeNetwork({"192.0.2.1": (9, refused()), "192.0.2.2": (1, unreachable)})
    attempts: list[Attempt] = []
    with pytest.raises(ConnectionRefusedError):
        await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], attempts)
    assert [attempt.outcome for attempt in attempts] == ["Connection refused", "No route to host"]
    assert network.open == 0


async def test_photo_finish(autojump_clock: MockClock) -> None:
    """Of two that connect in the same moment one is kept and the other closed."""
    network = FakeNetwork({"192.0.2.1": (1.25, None), "192.0.2.2": (1, None)})
    await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], [])
    assert network.open == 1


async def test_cancelled(autojump_clock: MockClock) -> None:
    """A cancelled race leaves no socket open."""
    network = FakeNetwork({"192.0.2.1": (NEVER, None), "192.0.2.2": (NEVER, None)})
    attempts: list[Attempt] = []
    with trio.move_on_after(1) as scope:
        await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], attempts)
    assert scope.cancelled_caught
    assert (len(network.sockets), network.open) == (2, 0)
    assert [attempt.outcome for attempt in attempts] == ["given up", "given up"]


def test_interrupted() -> None:
    """Ctrl-C during a race comes out as itself, in no group, and leaves no socket open."""
    networks = []

    async def interrupt() -> None:
        await trio.testing.wait_all_tasks_blocked()
        signal.raise_signal(signal.SIGINT)

    @trio.lowlevel.enable_ki_protection
    async def main() -> None:
        networks.append(FakeNetwork({"192.0.2.1": (NEVER, None), "192.0.2.2": (NEVER, None)}))
        trio.lowlevel.spawn_system_task(interrupt)
        await connect_tcp([info("192.0.2.1"), info("192.0.2.2")], [], head_start=0)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)
    assert networks[0].open == 0


async def test_socket_of() -> None:
    """The socket is found below any number of TLS layers and prefixes."""
    context = ssl.create_default_context()
    with trio.socket.socket() as below:
        stream = trio.SocketStream(below)
        assert socket_of(stream) is below
        tls = trio.SSLStream(PrefixedStream(b"x", stream), context, server_hostname="a.test")
        nested = trio.SSLStream(with_prefix(b"y", tls), context, server_hostname="b.test")
        assert socket_of(nested) is below
        assert socket_of(with_prefix(b"x", Peer())) is None
        assert socket_of(Peer()) is None
