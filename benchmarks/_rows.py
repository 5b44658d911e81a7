"""The rows that are measured in rounds, all clients in one process.

A :class:`Row` names an operation and knows how to do it some number of times. All rows work
alike: connect, warm up, then measure.
"""

from __future__ import annotations

import gc
import json
import random
import ssl
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from ._sessions import Client, Link, Message, Session, UnsupportedError

# 256 B are those of the public suite websocket-benchmark.
SIZES = {"64 B": 64, "256 B": 256, "16 kB": 16_000, "1 MB": 1_000_000}
COUNTS = {"64 B": 3000, "256 B": 3000, "16 kB": 1500, "1 MB": 40}  # messages per turn, no more
BURST = 100  # messages; a small burst, as of a market feed
LETTERS = "abcdefghijklmnopqrstuvwxyz ,.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"  # of messages of text
FAILED = "failed"  # begins the cell of a client that did not finish
PATIENCE = 20  # seconds for one turn, after which a client counts as hanging


@dataclass
class Sample:
    """Seconds per operation: by the clock, and of this process's CPU time."""

    wall: float
    cpu: float


Exchange = Callable[[Session, int], Awaitable[None]]


class Work(Protocol):
    """Measures a number of operations of a client."""

    def __call__(self, client: Client, count: int, turn: float) -> Coroutine[Any, Any, Sample]:
        """Do ``count`` operations, or as many as fit; return the cost of one."""


@dataclass
class Row:
    """An operation, and what it cost.

    Attributes:
      group: The table it stands in.
      name: What is done.
      work: Does it.
      count: How often in one turn, if its time allows.
      samples: By client; one for each round.
      missing: By client; why there is none.

    """

    group: str
    name: str
    work: Work
    count: int
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


class Stopwatch:
    """Adds up wall and CPU time between start and stop."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.cpu = 0.0

    def start(self) -> None:
        """Start, or go on."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """Stop."""
        self.wall += time.perf_counter() - self._wall
        self.cpu += time.process_time() - self._cpu

    def per(self, count: int) -> Sample:
        """Return the cost of one of ``count`` operations."""
        return Sample(self.wall / count, self.cpu / count)


@dataclass(frozen=True)
class Places:
    """Where the helpers listen, and the context that trusts them.

    Attributes:
      servers: URLs by scheme, ``ws`` and ``wss``.
      proxies: URLs by kind, ``http``, ``https`` and ``socks5``.
      context: Trusts them all.

    """

    servers: dict[str, str]
    proxies: dict[str, str]
    context: ssl.SSLContext

    def link(self, scheme: str, path: str, *, proxy: str | None = None) -> Link:
        """Return the link to a mode of the server, with the given context for all TLS."""
        return Link(
            url=self.servers[scheme] + path,
            context=self.context if scheme == "wss" else None,
            proxy=self.proxies[proxy] if proxy else None,
            proxy_context=self.context if proxy == "https" else None,
        )


def all_rows(places: Places) -> Iterator[Row]:
    """Make the rows, in the order of the tables."""
    for scheme in places.servers:
        yield from _message_rows(places, scheme)
    for scheme in places.servers:
        yield from _burst_rows(places, scheme)
    yield from _compressed_rows(places)
    yield from _set_up_rows(places)


def _message_rows(places: Places, scheme: str) -> Iterator[Row]:
    for label, size in SIZES.items():
        binary = random.randbytes(size)
        text = "".join(random.choices(LETTERS, k=size))
        count = COUNTS[label]

        for kind, message in (("", binary), (" text", text)):
            work = exchanging(places.link(scheme, "/echo"), echoing(message))
            yield Row("Messages", f"echo {label}{kind}, {scheme}", work, count)
        if label == "256 B":
            continue

        async def send(session: Session, count: int, message: bytes = binary) -> None:
            await session.send([message] * count)

        async def receive(session: Session, count: int, size: int = size) -> None:
            await session.receive(count, size)

        for name, path, exchange in (("send", "/sink", send), ("receive", "/source", receive)):
            work = exchanging(places.link(scheme, path), exchange)
            yield Row("Messages", f"{name} {label}, {scheme}", work, count)


def echoing(message: Message) -> Exchange:
    """Return what echoes a message again and again."""

    async def echo(session: Session, count: int) -> None:
        await session.echo([message] * count)

    return echo


def _burst_rows(places: Places, scheme: str) -> Iterator[Row]:
    size = SIZES["64 B"]
    message = random.randbytes(size)

    async def echo_nowait(session: Session, count: int) -> None:
        await session.echo_nowait([message] * count)

    async def echo(session: Session, count: int) -> None:
        while count > 0:
            await session.echo_burst([message] * min(count, BURST))
            count -= BURST

    async def send(session: Session, count: int) -> None:
        await session.send_burst([message] * count)

    async def receive(session: Session, count: int) -> None:
        await session.receive_burst(count, size)

    for name, path, exchange, count in (
        ("echo 64 B, send_nowait", "/echo", echo_nowait, 3000),
        (f"echo bursts of {BURST} × 64 B", "/echo", echo, 10_000),
        ("send 64 B, nowait", "/sink", send, 10_000),
        ("receive 64 B, nowait", "/source", receive, 10_000),
    ):
        work = exchanging(places.link(scheme, path), exchange)
        yield Row("Bursts", f"{name}, {scheme}", work, count)


def _compressed_rows(places: Places) -> Iterator[Row]:
    link = Link(places.servers["ws"] + "/deflate", deflate=True)
    for label, ticks, count in (("200 B", 2, 2000), ("16 kB", 160, 300)):
        messages = [json_message(ticks, seed) for seed in range(50)]

        async def echo(session: Session, count: int, messages: list[str] = messages) -> None:
            await session.echo((messages * (count // len(messages) + 1))[:count])

        yield Row("Compressed", f"echo JSON {label}, deflate, ws", exchanging(link, echo), count)


def json_message(ticks: int, seed: int) -> str:
    """Make a message as a market feed would send it, some 100 bytes per tick."""
    source = random.Random(seed)
    return json.dumps(
        [
            {
                "symbol": source.choice(["BTC-USD", "ETH-USD", "EUR-USD"]),
                "price": round(source.uniform(1, 60_000), 2),
                "size": round(source.random(), 6),
                "time": 1_700_000_000_000 + source.randrange(10**9),
            }
            for _ in range(ticks)
        ]
    )


def _set_up_rows(places: Places) -> Iterator[Row]:
    """Open and close, with defaults; the closing handshake counts, and what follows it."""
    for name, link in (
        ("ws", places.link("ws", "/echo")),
        ("wss, context given", places.link("wss", "/echo")),
        ("wss, default context", Link(places.servers["wss"] + "/echo")),
        ("ws through an http proxy", places.link("ws", "/echo", proxy="http")),
        ("wss through an http proxy", places.link("wss", "/echo", proxy="http")),
        ("ws through a socks5 proxy, password", places.link("ws", "/echo", proxy="socks5")),
        ("wss through an https proxy (TLS in TLS)", places.link("wss", "/echo", proxy="https")),
    ):
        work = opening(replace(link, defaults=True))
        yield Row("Set-up", f"open and close {name}", work, 100)


def fitting(count: int, each: float, turn: float) -> int:
    """Return how many operations fit into a turn, if one takes ``each`` seconds."""
    return max(1, min(count, int(turn / each)))


def exchanging(link: Link, exchange: Exchange) -> Work:
    """Return work that exchanges messages over one connection."""

    async def work(client: Client, count: int, turn: float) -> Sample:
        warm_up, watch = Stopwatch(), Stopwatch()
        async with client.program(), client.connect(link) as session:
            few = max(1, count // 20)  # warms up caches and TCP's window, and tells how many fit
            warm_up.start()
            await exchange(session, few)
            warm_up.stop()
            count = fitting(count, warm_up.per(few).wall, turn)
            watch.start()
            await exchange(session, count)
            watch.stop()
        return watch.per(count)

    return work


def opening(link: Link) -> Work:
    """Return work that opens and closes connections."""

    async def work(client: Client, count: int, turn: float) -> Sample:
        warm_up, watch = Stopwatch(), Stopwatch()
        async with client.program():
            async with client.connect(link):
                pass  # makes what a client keeps for the process
            warm_up.start()
            async with client.connect(link):
                pass
            warm_up.stop()
            count = fitting(count, warm_up.per(1).wall, turn)
            watch.start()
            for _ in range(count):
                async with client.connect(link):
                    pass
            watch.stop()
        return watch.per(count)

    return work


def measure(
    row: Row, clients: Sequence[Client], *, rounds: int, effort: float, turn: float
) -> None:
    """Measure a row in rounds; each client has a turn in each round, first each in its turn.

    Args:
      row: Gets the samples.
      clients: Who takes part.
      rounds: How many.
      effort: Scales the operations of a turn; 1 is as many as the row says.
      turn: Seconds that one turn may take, about.

    """
    count = max(1, round(row.count * effort))
    for number in range(rounds):
        shift = number % len(clients)
        for client in [*clients[shift:], *clients[:shift]]:
            if client.name in row.missing:
                continue
            gc.collect()  # the garbage of one client must not cost another its time
            try:
                sample = client.loop.run(partial(row.work, client, count, turn), PATIENCE)
            except UnsupportedError:
                row.missing[client.name] = "—"
            except Exception as exc:  # a rival's failure is a result, not our end
                traceback.print_exc()
                row.missing[client.name] = f"{FAILED}: {type(exc).__name__}"
            else:
                row.samples.setdefault(client.name, []).append(sample)
