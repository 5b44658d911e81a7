"""Simulated sockets keep the manners of the kernel's."""

from __future__ import annotations

import errno
import socket as stdlib
import struct
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from typing import Any

import pytest
import trio

from trio_wsproxy.testing import open_echo_server
from trio_wsproxy.testing.simulate import (
    At,
    Fault,
    FaultPlan,
    Link,
    Network,
    Nothing,
    current_universe,
    run,
)

HOSTS = {
    "far.test": ("10.0.0.2", "fd00::2"),
    "gone.test": ("10.9.9.9",),
    "hole.test": ("10.8.8.8",),
}
PLAIN = Link(latency=(0.01, 0.01), jitter=0, fragmentation=0, late_ends=0, lost_on_reset=0)

Ends = Callable[[trio.SocketStream, trio.SocketStream], Awaitable[Any]]


def network(faults: FaultPlan | None = None, link: Link = PLAIN) -> Network:
    """A network without surprises, but for these."""
    known = {name: addresses for name, addresses in HOSTS.items() if name != "gone.test"}
    return Network(hosts=known, link=link, black_holes=("10.8.8.8",), faults=faults or Nothing())


def with_ends(
    program: Ends, *, faults: FaultPlan | None = None, link: Link = PLAIN, seed: int = 1
) -> Any:
    """Run a program with the two ends of a connection."""

    async def main() -> Any:
        with current_universe().on("far.test"):
            (listener,) = await trio.open_tcp_listeners(80, host="10.0.0.2")
        async with listener:
            near = await trio.open_tcp_stream("far.test", 80)
            far = await listener.accept()
            async with near, far:
                return await program(near, far)

    return run(main, seed=seed, network=network(faults, link))


def test_names_and_addresses() -> None:
    """Each end knows where it is, and where the other one is."""

    async def look(near: trio.SocketStream, far: trio.SocketStream) -> None:
        assert far.socket.getsockname() == near.socket.getpeername() == ("10.0.0.2", 80)
        assert near.socket.getsockname() == far.socket.getpeername()
        assert near.socket.getsockname()[0] == "10.0.0.1"
        assert near.socket.fileno() != far.socket.fileno()

    with_ends(look)


@pytest.mark.parametrize("fragmentation", [0, 1])
def test_bytes_arrive_in_order(fragmentation: float) -> None:
    """All bytes arrive, once and in order, however they are cut; and they are cut anywhere."""
    sent = bytes(range(256)) * 40

    async def talk(near: trio.SocketStream, far: trio.SocketStream) -> list[bytes]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, sent)
            pieces: list[bytes] = []
            while sum(map(len, pieces)) < len(sent):
                pieces.append(await far.receive_some())
            return pieces

    link = Link(latency=(0.01, 0.01), jitter=0.01, bandwidth=10_000, fragmentation=fragmentation)
    for seed in range(5):
        pieces = with_ends(talk, link=link, seed=seed)
        assert b"".join(pieces) == sent
        if fragmentation:
            assert min(map(len, pieces)) < 5


def test_a_full_buffer() -> None:
    """Who sends to somebody who does not read waits, and goes on when that one reads."""

    async def fill(near: trio.SocketStream, far: trio.SocketStream) -> None:
        with trio.move_on_after(1000) as scope:
            await near.send_all(bytes(10**6))
        assert scope.cancelled_caught
        received = 0
        with trio.move_on_after(10):
            while True:
                received += len(await far.receive_some())
        assert 0 < received < 10**6

    with_ends(fill)


def test_half_close() -> None:
    """Behind an end in one direction the other goes on."""

    async def halve(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await near.send_all(b"that is all")
        await near.send_eof()
        assert await far.receive_some() == b"that is all"
        assert await far.receive_some() == b""
        await far.send_all(b"fine")
        assert await near.receive_some() == b"fine"
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"more")

    with_ends(halve)


def test_closed_with_bytes_unread() -> None:
    """A close with bytes unread is a reset, and so is one without lingering; else what was sent arrives."""

    async def unread(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await near.send_all(b"never read")
        await trio.sleep(1)
        await far.aclose()
        with pytest.raises(trio.BrokenResourceError, match="reset"):
            await near.receive_some()

    async def no_lingering(near: trio.SocketStream, far: trio.SocketStream) -> None:
        far.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
        await far.aclose()
        with pytest.raises(trio.BrokenResourceError, match="reset"):
            await near.receive_some()

    async def in_order(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await far.send_all(b"x" * 200_000)
        await far.aclose()
        received = b""
        while data := await near.receive_some():
            received += data
        assert len(received) == 200_000

    async def to_the_closed(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await far.aclose()
        await near.send_all(b"is anybody there?")
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await near.send_all(b"hello?")

    wide = Link(latency=(0.01, 0.01), send_buffers=(300_000,), receive_buffers=(300_000,))
    with_ends(unread)
    with_ends(no_lingering)
    with_ends(in_order, link=wide)
    with_ends(to_the_closed)


def test_closing_wakes_who_waits() -> None:
    """Who waits on a socket that another task closes is told so."""

    async def close(near: trio.SocketStream, _: trio.SocketStream) -> None:
        async def wait() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await near.receive_some()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"x")

    with_ends(close)


@pytest.mark.parametrize("seed", range(4))
def test_a_full_buffer_is_refilled_by_thirds(seed: int) -> None:
    """Where bytes arrive one by one, they do not leave one by one: a writer is told when there is room for many."""
    size = 60_000

    async def talk(near: trio.SocketStream, far: trio.SocketStream) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, bytes(size))
            count = 0
            while count < size:
                count += len(await far.receive_some())
        return sum(" send " in line for line in current_universe().trace.lines)

    crumbs = Link(fragmentation=1, send_buffers=(4096,), receive_buffers=(2048,))
    assert with_ends(talk, link=crumbs, seed=seed) < size / 500


def test_without_waiting() -> None:
    """The stand-in for the system calls never waits; a closed socket says so."""

    async def at_once(near: Any, far: Any) -> None:
        kernel = near.socket.kernel
        with pytest.raises(BlockingIOError):
            kernel.read(0, 10)
        far.socket.kernel.write(0, b"hello")
        await kernel.wait_readable(0)
        assert kernel.read(0, 3) == b"hel"
        await kernel.wait_readable(0)
        assert kernel.read(0, 10) == b"lo"
        await near.aclose()
        with pytest.raises(OSError, match="descriptor"):
            kernel.read(0, 10)

    with_ends(at_once)


@pytest.mark.parametrize(
    ("host", "port", "code", "seconds"),
    [
        ("10.0.0.2", 81, errno.ECONNREFUSED, 0.01),
        ("10.7.7.7", 80, errno.EHOSTUNREACH, 3),
        ("10.8.8.8", 80, errno.ETIMEDOUT, 127),
    ],
)
def test_no_connection(host: str, port: int, code: int, seconds: float) -> None:
    """A port refuses, an address is unreachable, a black hole is silent: each takes its time."""

    async def main() -> None:
        began = trio.current_time()
        sock = trio.socket.socket()
        with pytest.raises(OSError) as caught:
            await sock.connect((host, port))
        assert caught.value.errno == code
        assert trio.current_time() - began == pytest.approx(seconds, abs=0.2)

    run(main, seed=1, network=network())


def test_two_that_cannot_meet() -> None:
    """A port is bound once; a strange address cannot be bound; loopback is each host's own."""

    async def main() -> None:
        universe = current_universe()
        async with (await trio.open_tcp_listeners(80, host="127.0.0.1"))[0]:
            with pytest.raises(OSError, match="in use"):
                await trio.open_tcp_listeners(80, host="127.0.0.1")
            with pytest.raises(OSError, match="assign"):
                await trio.open_tcp_listeners(80, host="10.0.0.2")
            with universe.on("far.test"):
                async with (await trio.open_tcp_listeners(80, host="127.0.0.1"))[0] as listener:
                    with pytest.raises(OSError):
                        await trio.open_tcp_stream("10.0.0.2", 80)
                    async with await trio.open_tcp_stream("localhost", 80):
                        async with await listener.accept() as accepted:
                            assert accepted.socket.getpeername()[0] == "127.0.0.1"

    run(main, seed=1, network=network())


async def _ask(near: trio.SocketStream, far: trio.SocketStream) -> tuple[str, str]:
    """A question and its answer, and what becomes of each end."""

    async def end(stream: trio.SocketStream, asks: bool) -> str:
        try:
            with trio.fail_after(600):
                if asks:
                    await stream.send_all(b"question")
                data = b""
                while len(data) < 6:
                    more = await stream.receive_some()
                    if not more:
                        return "end"
                    data += more
                if not asks:
                    await stream.send_all(b"answer")
        except trio.BrokenResourceError:
            return "broken"
        except trio.TooSlowError:
            return "silence"
        return "well"

    results = {}

    async def note(name: str, stream: trio.SocketStream, asks: bool) -> None:
        results[name] = await end(stream, asks)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(note, "near", near, True)
        nursery.start_soon(note, "far", far, False)
    return results["near"], results["far"]


@pytest.mark.parametrize(
    ("fault", "operation", "result"),
    [
        (Fault.FAIL, 3, {("broken", "broken")}),
        (Fault.STALL, 3, {("silence", "silence")}),
        (Fault.SLOW, 3, {("well", "well")}),
        (Fault.FULL, 3, {("well", "well")}),
        (Fault.CUT, 3, {("broken", "end"), ("broken", "broken"), ("broken", "well")}),
        (Fault.FAIL, 4, {("broken", "broken")}),
        (Fault.STALL, 4, {("silence", "silence")}),
        (Fault.SLOW, 4, {("well", "well")}),
        (Fault.CUT, 4, {("broken", "end"), ("broken", "broken"), ("broken", "well")}),
    ],
)
def test_faults(fault: Fault, operation: int, result: set[tuple[str, str]]) -> None:
    """Each fault does to sending (3) and receiving (4) what the table of faults says."""
    for seed in range(10):
        assert with_ends(_ask, faults=At({operation: fault}), seed=seed) in result


def test_given_up() -> None:
    """Who has sent into a dead connection is told after a quarter of an hour, as by the kernel."""

    async def send(near: trio.SocketStream, _: trio.SocketStream) -> float:
        await near.send_all(b"x")
        began = trio.current_time()
        await trio.sleep(1000)
        with pytest.raises(trio.BrokenResourceError, match="timed out"):
            await near.send_all(b"y")
        return trio.current_time() - began

    with_ends(send, faults=At({3: Fault.STALL}))


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.FAIL, "not known"), (Fault.CUT, "Temporary"), (Fault.STALL, None), (Fault.SLOW, "")],
)
def test_names(fault: Fault, error: str | None) -> None:
    """Look-ups fail, hang or are slow as they are told."""

    async def main() -> None:
        with trio.move_on_after(100) as scope:
            if error:
                with pytest.raises(OSError, match=error):
                    await trio.socket.getaddrinfo("far.test", 80)
            else:
                infos = await trio.socket.getaddrinfo("far.test", 80)
                assert [info[4][0] for info in infos] == ["10.0.0.2", "fd00::2"]
        assert scope.cancelled_caught is (error is None)

    run(main, seed=1, network=network(At({1: fault})))


def test_unknown_names() -> None:
    """What nobody has said is not known; localhost always is."""

    async def main() -> None:
        with pytest.raises(OSError, match="not known"):
            await trio.socket.getaddrinfo("gone.test", 80)
        infos = await trio.socket.getaddrinfo("localhost", 80, family=trio.socket.AF_INET6)
        assert infos[0][4][:2] == ("::1", 80)
        with pytest.raises(ValueError, match="nothing else"):
            trio.socket.socket(type=trio.socket.SOCK_DGRAM)

    run(main, seed=1, network=network())


def test_shut_for_reading() -> None:
    """Who has said that it reads no more sees the end."""

    async def shut(near: trio.SocketStream, far: trio.SocketStream) -> None:
        near.socket.shutdown(trio.socket.SHUT_RD)
        assert await near.receive_some() == b""
        await near.send_all(b"still")
        assert await far.receive_some() == b"still"

    with_ends(shut)


def test_given_up_while_reading() -> None:
    """Who has sent into a dead connection is told after a quarter of an hour, where it reads, too."""

    async def silence(near: trio.SocketStream, _: trio.SocketStream) -> float:
        await near.send_all(b"is anybody there?")
        current_universe().cut_off("far.test")
        with pytest.raises(trio.BrokenResourceError, match="timed out"):
            await near.receive_some()
        return trio.current_time()

    assert 900 < with_ends(silence) < 1000


def test_a_block_closes_it() -> None:
    """A socket is closed by its block, as any of trio's."""

    async def main() -> None:
        with trio.socket.socket() as socket:
            assert socket.fileno() > 0
        assert socket.fileno() == -1

    run(main, seed=1)


def test_connect_by_name() -> None:
    """A socket is connected and bound by names, as any of trio's."""

    async def main() -> None:
        with current_universe().on("far.test"), trio.socket.socket() as listener:
            await listener.bind(("localhost", 0))
            assert listener.getsockname()[0] == "127.0.0.1"
        with current_universe().on("far.test"), trio.socket.socket() as listener:
            await listener.bind(("", 80))
            listener.listen()
            with trio.socket.socket(trio.socket.AF_INET6) as six:
                with pytest.raises(OSError, match="refused"):
                    await six.connect(("far.test", 80))
            with trio.socket.socket() as near:
                await near.connect(("far.test", 80))
                assert near.getpeername() == ("10.0.0.2", 80)
            (await listener.accept())[0].close()

    run(main, seed=1, network=network())


def test_into_a_buffer() -> None:
    """Bytes are received into a buffer, too, and as a datagram's with an address."""

    async def talk(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await near.send_all(b"hello, world")
        buffer = bytearray(b"-" * 8)
        assert await far.socket.recv_into(buffer, 5) == 5
        assert buffer == b"hello---"
        assert await far.socket.recv_into(buffer) == 7
        assert buffer == b", world-"

    with_ends(talk)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: s.recv(1, trio.socket.MSG_PEEK), "flags"),
        (lambda s: s.send(b"x", trio.socket.MSG_OOB), "flags"),
        (lambda s: s.recvfrom(1), "recvfrom"),
        (lambda s: s.sendto(b"x", ("10.0.0.2", 80)), "sendto"),
        (lambda s: s.dup(), "dup"),
        (lambda s: s.detach(), "detach"),
    ],
)
def test_what_there_is_not(call: Callable[[Any], Any], words: str) -> None:
    """What a simulated socket cannot do is told by its name, and not done halfway."""

    async def use(near: trio.SocketStream, far: trio.SocketStream) -> None:
        await far.send_all(b"x")
        with pytest.raises(NotImplementedError, match=f"simulated socket.*{words}"):
            await call(near.socket)
        assert await near.receive_some() == b"x"

    with_ends(use)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.CANCEL])
def test_nothing_is_missing_before_something(fault: Fault) -> None:
    """Whatever strikes, what is read is how what was sent begins: a stream has no gap."""
    sent = bytes(range(256)) * 40

    async def talk(near: trio.SocketStream, far: trio.SocketStream) -> None:
        read = bytearray()

        async def write() -> None:
            with suppress(trio.BrokenResourceError):
                for start in range(0, len(sent), 500):
                    await near.send_all(sent[start : start + 500])

        with trio.move_on_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                with suppress(trio.BrokenResourceError):
                    for _ in range(2):  # behind the end, too, as a program may
                        while data := await far.receive_some(300):
                            read += data
                        await trio.sleep(1)
                nursery.cancel_scope.cancel()
        assert sent.startswith(read)

    link = Link(latency=(0.001, 0.02), send_buffers=(2048,), receive_buffers=(1024,))
    for operation in range(3, 27):  # the first two look the host up, and connect
        for seed in range(4):
            with_ends(talk, faults=At({operation: fault}), link=link, seed=seed)


def test_both_families() -> None:
    """A listener at :: hears IPv4 as its option says; one of universe.serve hears both; others hear their own family."""

    async def reached(listener: trio.SocketListener) -> list[bool]:
        found = []
        async with listener:
            for address in ("10.0.0.2", "fd00::2"):
                try:
                    stream = await trio.open_tcp_stream(address, 80)
                except OSError:
                    found.append(False)
                else:
                    await stream.aclose()
                    found.append(True)
        return found

    async def main() -> None:
        universe = current_universe()
        for host, expected in (("0.0.0.0", [True, False]), ("::", [False, True])):
            with universe.on("far.test"):
                (listener,) = await trio.open_tcp_listeners(80, host=host)
            assert await reached(listener) == expected, host
        with universe.on("far.test"):
            dual = trio.socket.socket(stdlib.AF_INET6)
            await dual.bind(("::", 80))
            dual.listen()
        assert await reached(trio.SocketListener(dual)) == [True, True]
        async with universe.serve("far.test", open_echo_server, address="::") as echo:
            for address in ("10.0.0.2", "fd00::2"):
                await (await trio.open_tcp_stream(address, echo.port)).aclose()

    run(main, seed=1, network=network())


@pytest.mark.parametrize(
    ("one", "other", "free"),
    [
        ("0.0.0.0", "0.0.0.0", False),
        ("0.0.0.0", "10.0.0.1", False),
        ("10.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "fd00::1", True),
        ("0.0.0.0", "::", False),
        ("::", "10.0.0.1", False),
    ],
)
def test_one_listens(one: str, other: str, *, free: bool) -> None:
    """Who listens at all addresses listens at each: nobody else has the port there."""

    async def main() -> None:
        sockets = []
        for address in (one, other):
            family = stdlib.AF_INET6 if ":" in address else stdlib.AF_INET
            sockets.append(trio.socket.socket(family))
        with sockets[0], sockets[1]:
            await sockets[0].bind((one, 80))
            sockets[0].listen()
            sockets[0].listen(5)  # which only changes the number
            with nullcontext() if free else pytest.raises(OSError, match="in use"):
                await sockets[1].bind((other, 80))
                sockets[1].listen()

    run(main, seed=1)


def test_who_listens_first() -> None:
    """Two may bind before one of them listens; the second one does not take the port away."""

    async def main() -> None:
        with trio.socket.socket() as one, trio.socket.socket() as other:
            for socket in (one, other):
                await socket.bind(("10.0.0.1", 80))
            one.listen()
            with pytest.raises(OSError, match="in use"):
                other.listen()

    run(main, seed=1)


def test_options() -> None:
    """What was set is given back, as a number or as bytes; what the kernel knows by itself is there."""

    async def look(near: trio.SocketStream, far: trio.SocketStream) -> None:
        level = stdlib.SOL_SOCKET
        assert near.getsockopt(level, stdlib.SO_TYPE) == stdlib.SOCK_STREAM
        assert near.getsockopt(level, stdlib.SO_RCVBUF) > 0
        assert near.getsockopt(level, stdlib.SO_ERROR) == 0
        near.setsockopt(level, stdlib.SO_KEEPALIVE, True)
        assert near.getsockopt(level, stdlib.SO_KEEPALIVE) == 1
        assert near.getsockopt(level, stdlib.SO_KEEPALIVE, 4) == struct.pack("i", 1)
        near.setsockopt(level, stdlib.SO_LINGER, struct.pack("ii", 0, 5))
        assert near.getsockopt(level, stdlib.SO_LINGER, 8) == struct.pack("ii", 0, 5)
        near.socket.setsockopt(level, stdlib.SO_LINGER, None, 8)
        assert near.getsockopt(level, stdlib.SO_LINGER, 8) == bytes(8)
        for wrong in ("x", 1.5):
            with pytest.raises(TypeError, match="a number or bytes"):
                near.setsockopt(level, stdlib.SO_KEEPALIVE, wrong)  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="negative"):
            await near.socket.recv(-1)

    with_ends(look)


def test_closed_and_connected() -> None:
    """A closed socket has no names any more, and one that is connected does not connect again."""

    async def look(near: trio.SocketStream, far: trio.SocketStream) -> None:
        with pytest.raises(OSError, match="already connected") as caught:
            await near.socket.connect(("10.0.0.2", 80))
        assert caught.value.errno == errno.EISCONN
        await near.send_all(b"it goes on")
        assert await far.receive_some() == b"it goes on"
        await far.aclose()
        for name in (far.socket.getsockname, far.socket.getpeername):
            with pytest.raises(OSError, match="Bad file descriptor"):
                name()

    with_ends(look)


@pytest.mark.parametrize(
    ("family", "kind", "told"),
    [
        (stdlib.AF_INET, stdlib.SOCK_DGRAM, "AF_INET, SOCK_DGRAM"),
        (stdlib.AF_INET, 77, "AF_INET, 77"),
        (7777, stdlib.SOCK_STREAM, "7777, SOCK_STREAM"),
    ],
)
def test_other_kinds(family: int, kind: int, told: str) -> None:
    """What is no TCP is refused, whatever it is."""

    async def main() -> None:
        await trio.lowlevel.checkpoint()
        with pytest.raises(ValueError, match=f"{told}: a simulated network has TCP"):
            trio.socket.socket(family, kind)
        flags = getattr(stdlib, "SOCK_NONBLOCK", 0)
        trio.socket.socket(stdlib.AF_INET, stdlib.SOCK_STREAM | flags).close()

    run(main, seed=1)


def test_sockets_of_the_system() -> None:
    """They lead out of a universe and are refused there, but for pairs; afterwards they are as before."""
    before = (trio.socket.from_stdlib_socket, trio.socket.fromfd)

    async def main() -> None:
        await trio.lowlevel.checkpoint()
        with stdlib.socket() as real:
            with pytest.raises(RuntimeError, match="leads out of the universe"):
                trio.socket.from_stdlib_socket(real)
            with pytest.raises(RuntimeError, match="leads out of the universe"):
                trio.socket.fromfd(real.fileno(), stdlib.AF_INET, stdlib.SOCK_STREAM)
        if hasattr(stdlib, "AF_UNIX"):
            for end in stdlib.socketpair():
                trio.socket.from_stdlib_socket(end).close()

    run(main, seed=1)
    assert (trio.socket.from_stdlib_socket, trio.socket.fromfd) == before


def test_a_cable_that_is_pulled() -> None:
    """A host that is cut off from the others still reaches itself, and so do its connections from before."""

    async def main() -> None:
        universe = current_universe()
        (listener,) = await trio.open_tcp_listeners(80, host="127.0.0.1")
        async with listener, await trio.open_tcp_stream("localhost", 80) as near:
            async with await listener.accept() as far:
                universe.cut_off("here")
                await near.send_all(b"x")
                assert await far.receive_some() == b"x"
            async with await trio.open_tcp_stream("localhost", 80):
                (await listener.accept()).socket.close()

    run(main, seed=1)
