"""What needs a fresh process for each client: memory, import time, scale.

As a module this file is that process: it takes a job as JSON and prints the answer.
"""

from __future__ import annotations

import gc
import json
import math
import os
import ssl
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trio

from ._clients import CLIENTS, Client, Link, Session, UnsupportedError
from ._processes import raise_file_limit, run_child
from ._rows import FAILED

MESSAGE = bytes(64)
OPENING = 50  # connections opened at a time, below the limits of any listen queue
WARM_UP = 20  # connections opened and closed first: what they leave behind is no one's share


@dataclass(frozen=True)
class Memory:
    """Bytes per idle connection: of the process, and of Python's objects alone."""

    resident: float
    python: float


@dataclass(frozen=True)
class Scale:
    """Connections in one process, all of them echoing.

    Attributes:
      connections: How many.
      throughput: Messages per second, all connections together.
      cpu: Seconds of CPU time per message.
      least: Messages of the connection that got the fewest.
      median: Of the one in the middle.
      most: Of the one that got the most.
      resident: Bytes of the process per connection, while echoing.

    """

    connections: int
    throughput: float
    cpu: float
    least: int
    median: float
    most: int
    resident: float


@dataclass(frozen=True)
class Import:
    """Seconds: ``import trio``; then the module, by the clock and of CPU time; modules loaded."""

    trio: float
    wall: float
    cpu: float
    modules: int


IMPORTING = """
import json, sys, time
start = time.perf_counter()
import trio
had, wall, cpu = len(sys.modules), time.perf_counter(), time.process_time()
import {}
took = [time.perf_counter() - wall, time.process_time() - cpu]
print(json.dumps([wall - start, *took, len(sys.modules) - had]))
"""


def measure_memory(client: str, url: str, ca: Path, count: int) -> Memory | str:
    """Measure idle connections; twice, for tracing allocations takes memory itself."""
    job = {"task": "memory", "client": client, "url": url, "ca": str(ca), "count": count}
    resident = _run(job | {"trace": False}, timeout=300)
    python = _run(job | {"trace": True}, timeout=300)
    if isinstance(resident, str):
        return resident
    return Memory(resident["bytes"], math.nan if isinstance(python, str) else python["bytes"])


def measure_scale(
    client: str, url: str, proxy: str | None, count: int, seconds: float
) -> Scale | str:
    """Measure echoes over many connections at once."""
    job = {
        "task": "scale",
        "client": client,
        "url": url,
        "proxy": proxy,
        "count": count,
        "seconds": seconds,
    }
    answer = _run(job, timeout=seconds + 300)
    return answer if isinstance(answer, str) else Scale(**answer)


def measure_imports(modules: Sequence[str], repeats: int) -> dict[str, Import]:
    """Measure what importing each module costs a program that has imported trio.

    Each figure is the median of new interpreters, in rounds over all modules.
    """
    results: dict[str, list[list[float]]] = {module: [] for module in modules}
    for _ in range(repeats):
        for module, samples in results.items():
            command = [sys.executable, "-c", IMPORTING.format(module)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            samples.append(json.loads(done.stdout))
    return {
        module: Import(*(statistics.median(column) for column in zip(*samples, strict=True)))
        for module, samples in results.items()
    }


def _run(job: dict[str, Any], *, timeout: float) -> Any:
    try:
        answer = run_child("_footprint", job, timeout=timeout)
    except subprocess.SubprocessError as exc:
        return f"{FAILED}: {type(exc).__name__}"
    return answer.get("missing", answer)


# -- in the child -------------------------------------------------------------------------


@asynccontextmanager
async def many_sessions(client: Client, link: Link, count: int) -> AsyncIterator[list[Session]]:
    """Hold connections, each in a task of its own, as a program would."""
    sessions: list[Session] = []
    complete, done = trio.Event(), trio.Event()
    limit = trio.CapacityLimiter(OPENING)

    async def hold() -> None:
        await limit.acquire()
        async with client.connect(link) as session:
            limit.release()
            sessions.append(session)
            if len(sessions) == count:
                complete.set()
            await done.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(hold)
        await complete.wait()
        yield sessions
        done.set()


def resident_size() -> int:
    """Return the bytes of physical memory this process has; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def memory(client: Client, link: Link, count: int, *, trace: bool) -> dict[str, float]:
    """Return the bytes that one more idle connection takes."""
    async with many_sessions(client, link, WARM_UP):
        pass
    gc.collect()
    if trace:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if trace else resident_size()
    async with many_sessions(client, link, count):
        gc.collect()
        after = tracemalloc.get_traced_memory()[0] if trace else resident_size()
        if trace:
            tracemalloc.stop()
    return {"bytes": (after - before) / count}


async def scale(client: Client, link: Link, count: int, seconds: float) -> dict[str, float]:
    """Let all connections echo at once for some seconds."""
    counts = [0] * count
    running = True
    gc.collect()
    before = resident_size()

    async def echo(number: int, session: Session) -> None:
        once = [MESSAGE]
        while running:
            await session.echo(once)
            counts[number] += 1

    async with many_sessions(client, link, count) as sessions, trio.open_nursery() as nursery:
        for number, session in enumerate(sessions):
            nursery.start_soon(echo, number, session)
        # The first turns are not counted. An event would make each echo cost more than an echo.
        while not all(counts):  # noqa: ASYNC110 - therefore
            await trio.sleep(0.1)
        first = list(counts)
        wall, cpu = time.perf_counter(), time.process_time()
        await trio.sleep(seconds)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        done = [now - then for now, then in zip(counts, first, strict=True)]
        after = resident_size()
        # The tasks are told to stop instead of being cancelled: a cancelled echo would leave
        # a message unread, which not every client survives when it is closed.
        running = False
    return asdict(
        Scale(
            connections=count,
            throughput=sum(done) / wall,
            cpu=cpu / max(1, sum(done)),
            least=min(done),
            median=statistics.median(done),
            most=max(done),
            resident=(after - before) / count,
        )
    )


def main(job: dict[str, Any]) -> None:
    """Do a job, print the answer."""
    raise_file_limit()
    client = CLIENTS[job["client"]]()
    context = None
    if job["url"].startswith("wss:"):
        context = ssl.create_default_context(cafile=job["ca"])
    link = Link(job["url"], context, proxy=job.get("proxy"))

    async def task() -> dict[str, float]:
        async with client.connect(link):
            pass  # tells whether the client can do this at all
        if job["task"] == "memory":
            return await memory(client, link, job["count"], trace=job["trace"])
        return await scale(client, link, job["count"], job["seconds"])

    try:
        answer: dict[str, Any] = trio.run(task)
    except UnsupportedError:
        answer = {"missing": "—"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
