"""A universe: the same seed is the same universe, to the byte, and nothing of it stays behind."""

from __future__ import annotations

import gc
import os
import random
import secrets
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_wsproxy import ServerUnreachable, open_websocket_url
from trio_wsproxy.testing import open_echo_server, open_http_proxy, open_socks_proxy
from trio_wsproxy.testing.simulate import (
    At,
    Certificates,
    Chance,
    Fault,
    LeftOpen,
    Link,
    Network,
    NothingHappens,
    Universe,
    current_universe,
    run,
)

HOSTS = {"echo.test": ("10.0.0.2", "fd00::2"), "one.test": ("10.0.1.1",), "two.test": ("10.0.1.2",)}
NETWORK = Network(hosts=HOSTS)
CERTIFICATES = Certificates()


async def chat_in_the_clear() -> None:
    """A client, two proxies and an echo server; bytes of every kind."""
    universe = current_universe()
    async with (
        universe.serve("echo.test", open_echo_server) as echo,
        universe.serve("one.test", open_http_proxy, credentials=("ada", "secret")) as one,
        universe.serve("two.test", open_socks_proxy) as two,
    ):
        ways = [
            one.url_for(host="one.test", credentials=("ada", "secret")),
            two.url_for(host="two.test"),
        ]
        url = echo.url_for("echo.test")
        async with open_websocket_url(url, proxy=ways, compression="deflate") as ws:
            for _ in range(universe.times(5)):
                message = universe.bytes(universe.times(5000))
                await ws.send(message)
                assert await ws.receive() == message
        await echo.wait_for("close")


async def chat_with_tls() -> None:
    """TLS in TLS."""
    universe = current_universe()
    async with (
        universe.serve(
            "echo.test", open_echo_server, ssl_context=CERTIFICATES.server_context("echo.test")
        ) as echo,
        universe.serve(
            "one.test", open_http_proxy, ssl_context=CERTIFICATES.server_context("one.test")
        ) as one,
    ):
        client = CERTIFICATES.client_context()
        proxy = one.url_for(host="one.test")
        url = echo.url_for("echo.test")
        async with open_websocket_url(url, client, proxy=proxy, proxy_ssl_context=client) as ws:
            for _ in range(universe.times(5)):
                message = universe.bytes(universe.times(5000))
                await ws.send(message)
                assert await ws.receive() == message


def lived(seed: int, program: object, network: Network = NETWORK) -> Universe:
    """A universe in which a program has run."""
    universe = Universe(seed, network)
    universe.run(program)  # type: ignore[arg-type]  # each is a coroutine function
    return universe


def test_twenty_seeds_bit_for_bit() -> None:
    """The same seed does the same again: each event, each time, each byte; another one does not."""
    digests = set()
    for seed in range(20):
        one, other = lived(seed, chat_in_the_clear), lived(seed, chat_in_the_clear)
        assert one.trace.lines == other.trace.lines
        assert one.trace.digest == other.trace.digest
        assert one.trace.payload_digest == other.trace.payload_digest
        digests.add(one.trace.digest)
    assert len(digests) == 20


def test_tls_but_for_the_bytes_of_records() -> None:
    """With TLS each event, each time and each number of bytes is the same; OpenSSL's randomness is not."""
    for seed in range(10):
        one, other = lived(seed, chat_with_tls), lived(seed, chat_with_tls)
        assert one.trace.lines == other.trace.lines
        assert one.trace.payload_digest != other.trace.payload_digest


PROGRAM = """
import sys
import weakref
sys.path.insert(0, sys.argv[1])
from test_universe import chat_in_the_clear, chat_with_tls, lived
print(*(lived(3, program).trace.digest for program in (chat_in_the_clear, chat_with_tls)))
print(lived(3, chat_in_the_clear).trace.payload_digest)
"""


def test_in_another_process() -> None:
    """The line that is printed runs the same universe in another process, whatever its hash seed is."""
    told = set()
    for hash_seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(result.stdout)
    (only,) = told
    assert lived(3, chat_in_the_clear).trace.payload_digest in only


FIRST = """
import sys
sys.path.insert(0, sys.argv[1])
from test_universe import default_trust, lived
first, again = lived(int(sys.argv[2]), default_trust), lived(int(sys.argv[2]), default_trust)
assert first.trace.lines == again.trace.lines
"""


async def default_trust() -> None:
    """A context that this process makes once, and python-socks, which it imports once; by several at a time."""
    universe = current_universe()
    server = CERTIFICATES.server_context("echo.test")
    async with (
        universe.serve("echo.test", open_echo_server, ssl_context=server) as echo,
        universe.serve("two.test", open_socks_proxy) as two,
        trio.open_nursery() as nursery,
    ):
        url, way = echo.url_for("echo.test"), two.url_for(host="two.test")

        async def fail(proxy: str | None) -> None:
            with pytest.raises(ServerUnreachable, match="certificate"):
                async with open_websocket_url(url, proxy=proxy):
                    pass  # pragma: no cover

        for proxy in (way, None, way, None):
            nursery.start_soon(fail, proxy)


@pytest.mark.parametrize("seed", range(3))
def test_the_first_in_a_process(seed: int) -> None:
    """What a process does once for all connections makes its first universe no other than the next."""
    subprocess.run(
        [sys.executable, "-c", FIRST, str(Path(__file__).parent), str(seed)],
        check=True,
        env={key: value for key, value in os.environ.items() if "proxy" not in key.lower()},
    )


def test_with_faults() -> None:
    """Faults strike the same operations again, and as a list they do so, too."""
    network = Network(hosts=HOSTS, faults=Chance(0.05, (Fault.SLOW, Fault.FULL)))
    first = lived(5, chat_in_the_clear, network)
    assert first.struck
    again = lived(5, chat_in_the_clear, network)
    assert again.struck == first.struck
    listed = lived(5, chat_in_the_clear, Network(hosts=HOSTS, faults=first.faults))
    assert [s.operation for s in listed.struck] == [s.operation for s in first.struck]


def test_randomness() -> None:
    """What a program draws comes from the seed, whichever way it draws; the real source comes back."""

    async def draw() -> tuple[object, ...]:
        await trio.lowlevel.checkpoint()
        return (
            os.urandom(8),
            random.random(),
            secrets.token_hex(8),
            secrets.randbelow(10**9),
            random.SystemRandom().random(),
        )

    real = os.urandom
    random.seed(1)
    expected = random.random()
    random.seed(1)
    assert run(draw, seed=1) == run(draw, seed=1) != run(draw, seed=2)
    assert os.urandom is real
    assert random.random() == expected
    assert secrets.token_hex(8) != secrets.token_hex(8)


def test_time_is_virtual() -> None:
    """A day passes at once; waiting for all tasks to block takes none of it."""

    async def sleep() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 86_400)
            await trio.testing.wait_all_tasks_blocked()
            assert trio.current_time() == 0
        return trio.current_time()

    assert run(sleep, seed=1) == pytest.approx(86_400)


def test_tasks_take_turns_by_the_seed() -> None:
    """Tasks that can run at the same time do so in an order that the seed chooses."""

    async def order() -> tuple[int, ...]:
        seen: list[int] = []

        async def one(number: int) -> None:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
                seen.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(6):
                nursery.start_soon(one, number)
        return tuple(seen)

    orders = [run(order, seed=seed) for seed in range(10)]
    assert orders == [run(order, seed=seed) for seed in range(10)]
    assert len(set(orders)) > 5


async def test_refused_within_trio() -> None:
    """A universe does not begin within another run of trio, and leaves that one as it is."""
    with pytest.raises(RuntimeError, match=r"inside a run: .* with def, not with async def"):
        run(trio.lowlevel.checkpoint, seed=1)
    assert len(os.urandom(4)) == 4


def test_left_open() -> None:
    """A program that leaves a socket behind is told of, with the line that runs it again."""

    async def leave() -> None:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])

    with pytest.raises(LeftOpen, match="3 sockets") as caught:
        run(leave, seed=4, network=NETWORK)
    if sys.version_info >= (3, 11):
        (note,) = caught.value.__notes__
        assert "simulate.run(" in note
        assert f"seed=4, network={NETWORK!r}" in note


def test_nothing_happens() -> None:
    """A program that waits for what never comes ends, at once in real time."""
    with pytest.raises(NothingHappens, match="waits for something"):
        run(trio.sleep_forever, seed=1)


def test_runs_once() -> None:
    """A universe is not used twice."""
    universe = lived(1, chat_in_the_clear)
    with pytest.raises(RuntimeError, match="once"):
        universe.run(chat_in_the_clear)
    assert repr(universe) == f"Universe(seed=1, network={NETWORK!r})"


def test_no_universe() -> None:
    """Outside there is none."""
    with pytest.raises(RuntimeError, match="does not run in a simulated universe"):
        current_universe()


def test_gc_is_as_it_was() -> None:
    """The garbage collector rests meanwhile, and works again."""

    async def look() -> bool:
        await trio.lowlevel.checkpoint()
        return gc.isenabled()

    assert gc.isenabled()
    assert run(look, seed=1) is False
    assert gc.isenabled()


def test_times() -> None:
    """Numbers for the program come from its seed, and a shrinker bounds them."""

    async def numbers() -> list[int]:
        await trio.lowlevel.checkpoint()
        return [current_universe().times(100) for _ in range(20)]

    usual = run(numbers, seed=1)
    assert usual == run(numbers, seed=1)
    assert max(usual) > 20
    assert run(numbers, seed=1, at_most=7) == [min(n, 7) for n in usual]


def test_cut_off_and_restored() -> None:
    """A host whose plug is pulled is silent; afterwards it can be reached again."""

    async def outage() -> list[float]:
        universe = current_universe()
        async with universe.serve("echo.test", open_echo_server) as echo:
            url = echo.url_for("echo.test")
            times = []
            async with open_websocket_url(url, ping_interval=20, ping_timeout=20) as ws:
                universe.cut_off("echo.test")
                began = trio.current_time()
                with pytest.raises(trio.BrokenResourceError):
                    await ws.receive()
                times.append(trio.current_time() - began)
            with pytest.raises(Exception, match="within 5 s"):
                async with open_websocket_url(url, connect_timeout=5):
                    pass
            universe.restore("echo.test")
            async with open_websocket_url(url) as ws:
                await ws.send("again")
                assert await ws.receive() == "again"
                universe.reset("echo.test")
                with pytest.raises(trio.BrokenResourceError):
                    await ws.receive()
            return times

    (silence,) = run(outage, seed=1, network=NETWORK)
    assert 30 < silence < 45


def test_cancelled_at_an_operation() -> None:
    """The fault CANCEL cancels the subject, and nothing else."""

    async def subject() -> bool:
        universe = current_universe()
        async with universe.serve("echo.test", open_echo_server) as echo:
            with universe.cancellable() as scope:
                async with open_websocket_url(echo.url_for("echo.test")) as ws:
                    await ws.send("x")
                    await ws.receive()
                    await trio.sleep_forever()
        return scope.cancelled_caught

    assert run(subject, seed=1, network=Network(hosts=HOSTS, faults=At({5: Fault.CANCEL})))


def test_slow_links() -> None:
    """What a link does takes the time that it says."""
    seconds = []
    for latency in (0.001, 1.0):

        async def once() -> float:
            universe = current_universe()
            async with universe.serve("echo.test", open_echo_server) as echo:
                async with open_websocket_url(echo.url_for("echo.test")) as ws:
                    began = trio.current_time()
                    await ws.send("x")
                    await ws.receive()
                    return trio.current_time() - began

        link = Link(latency=(latency, latency), jitter=0, fragmentation=0)
        seconds.append(run(once, seed=1, network=Network(hosts=HOSTS, link=link)))
    assert seconds == pytest.approx([0.002, 2.0], rel=0.01)


def test_not_async() -> None:
    """A program that is no async function, or was called already, is told so with the right line."""

    def main() -> int:
        return 5

    with pytest.raises(TypeError, match=r"no async function: it gave 5"):
        run(main, seed=1)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError, match=r"write run\(sleep, …\)"):
        run(trio.sleep(1), seed=1)  # type: ignore[arg-type]  # that is the point


def test_nothing_is_held_afterwards() -> None:
    """A universe that is over, and is kept to be looked at, holds no task of its program."""
    tasks: list[weakref.ref[trio.lowlevel.Task]] = []

    async def main() -> None:
        tasks.append(weakref.ref(trio.lowlevel.current_task()))

    universe = Universe(1)
    universe.run(main)
    gc.collect()
    assert tasks[0]() is None


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"seed": "x"}, TypeError, "seed is a whole number, not 'x'"),
        ({"seed": None}, TypeError, "seed is a whole number, not None"),
        ({"seed": 1.5}, TypeError, "seed is a whole number, not 1.5"),
        ({"seed": 1, "network": {}}, TypeError, r"network is a Network\(…\), not {}"),
        ({"seed": 1, "at_most": -1}, ValueError, "at_most=-1: a whole number, at least 0"),
        ({"seed": 1, "limit": 0}, ValueError, "limit=0: a number above 0"),
        ({"seed": 1, "limit": float("nan")}, ValueError, "limit=nan"),
        ({"seed": 1, "limit": None}, TypeError, "limit is a number, not None"),
    ],
)
def test_mistakes(arguments: dict[str, Any], error: type[Exception], told: str) -> None:
    """What makes no universe is refused before there is one."""
    with pytest.raises(error, match=told):
        run(trio.sleep, 1, **arguments)


def test_any_whole_number_is_a_seed() -> None:
    """Below zero, of any size, and whatever Python takes for one."""
    assert [run(trio.sleep, 1, seed=s) for s in (-1, 10**30, True)] == [None] * 3
    assert repr(Universe(True)) == "Universe(seed=1, network=Network())"


def test_a_plan_that_gives_something_else() -> None:
    """A plan of a program's own that gives no Fault is told, before anything strikes."""

    class Wrong:
        def strike(self, *_: object) -> str:
            return "fail"

    network = Network(faults=Wrong())  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError, match=r"strike\(\) gave 'fail', and should give a Fault"):
        run(trio.socket.getaddrinfo, "far.test", 80, seed=1, network=network)


def test_what_a_trace_tells() -> None:
    """Who asks for a name, listens, connects, sends, ends, closes and dies is told, and how that went."""

    async def main() -> None:
        universe = current_universe()
        with pytest.raises(OSError, match="not known"):
            await trio.open_tcp_stream("nobody.test", 80)
        with pytest.raises(OSError, match="all attempts"):
            await trio.open_tcp_stream("one.test", 80)
        with universe.on("one.test"):
            (listener,) = await trio.open_tcp_listeners(80, host="10.0.1.1")
        async with listener, await trio.open_tcp_stream("one.test", 80) as near:
            async with await listener.accept():
                await near.send_eof()
                await trio.sleep(10)
                universe.cut_off("one.test")
            universe.restore("one.test")

    universe = Universe(1, NETWORK)
    universe.run(main)
    assert [line.partition(" ")[2] for line in universe.trace.lines] == [
        "here looks up nobody.test: no such name",
        "here looks up one.test: 10.0.1.1",
        "here connect to 10.0.1.1:80: Connection refused",
        "one.test listen at 10.0.1.1:80",
        "here looks up one.test: 10.0.1.1",
        "#1 here>one.test connect to 10.0.1.1:80",
        "#1 here>one.test end is sent",
        "#1 here>one.test end is there",
        "one.test is cut off",
        "#1 here>one.test dies silently",
        "#1 one.test>here dies silently",
        "#1 one.test close",
        "#1 one.test>here end is sent",
        "one.test is restored",
        "#1 here close",
        "one.test close 10.0.1.1:80",
    ]


def test_the_host_of_an_operation() -> None:
    """It is the socket's: a program may connect on one host, and go on anywhere."""

    async def main() -> None:
        universe = current_universe()
        async with universe.serve("echo.test", open_echo_server) as echo:
            with universe.on("one.test"):
                stream = await trio.open_tcp_stream("echo.test", echo.port)
            async with stream:
                await stream.send_all(b"x")
                await trio.sleep(1)

    universe = Universe(1, Network(hosts=HOSTS, faults=Chance(1, (Fault.SLOW,), host="one.test")))
    universe.run(main)
    assert [s.operation.kind for s in universe.struck] == ["resolve", "connect", "connect", "send"]
