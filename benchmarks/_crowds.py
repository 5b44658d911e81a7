"""The fresh process of ``_footprint.py``: takes a job as JSON, prints the answer.

Every connection here is as users have it: with the library's default keepalive, where it has
one that is on by default.
"""

from __future__ import annotations

import gc
import json
import os
import ssl
import statistics
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ._clients import make_client
from ._footprint import Echoes, Load, Scale
from ._processes import raise_file_limit
from ._rows import Stopwatch
from ._sessions import Client, Link, Session, UnsupportedError

MESSAGE = bytes(64)
OPENING = 50  # connections opened at a time, below the limits of any listen queue
WARM_UP = 20  # connections opened and closed first: what they leave behind is no one's share
IDLE = 0.5  # seconds, where no keepalive is at work
ENOUGH = 1000  # connections; with fewer a run only proves that it works

Hold = Callable[[int], AbstractAsyncContextManager[list[Session]]]


def holding(client: Client, link: Link) -> Hold:
    """Return what holds connections, each in a task of its own, as a program would."""

    @asynccontextmanager
    async def hold_many(count: int) -> AsyncIterator[list[Session]]:
        sessions: list[Session] = []
        complete, done = client.loop.event(), client.loop.event()
        limit = client.loop.semaphore(OPENING)

        async def hold() -> None:
            await limit.acquire()
            async with client.connect(link) as session:
                limit.release()
                sessions.append(session)
                if len(sessions) == count:
                    complete.set()
                await done.wait()

        async with client.loop.tasks() as start_soon:
            for _ in range(count):
                start_soon(hold)
            await complete.wait()
            yield sessions
            done.set()

    return hold_many


def resident_size() -> int:
    """Return the bytes of physical memory this process has; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def memory(hold: Hold, count: int, *, trace: bool) -> dict[str, float]:
    """Return the bytes that one more idle connection takes."""
    async with hold(WARM_UP):
        pass
    gc.collect()
    if trace:
        tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0] if trace else resident_size()
    async with hold(count):
        gc.collect()
        after = tracemalloc.get_traced_memory()[0] if trace else resident_size()
        if trace:
            tracemalloc.stop()
    return {"bytes": (after - before) / count}


async def echo_all(client: Client, sessions: Sequence[Session], seconds: float) -> Echoes:
    """Let sessions echo at once for some seconds."""
    counts = [0] * len(sessions)
    running = True

    async def echo(number: int, session: Session) -> None:
        once = [MESSAGE]
        while running:
            await session.echo(once)
            counts[number] += 1

    async with client.loop.tasks() as start_soon:
        for number, session in enumerate(sessions):
            start_soon(echo, number, session)
        # The first turns are not counted. An event would make each echo cost more than an echo.
        while not all(counts):
            await client.loop.sleep(0.1)
        first, watch = list(counts), Stopwatch()
        watch.start()
        await client.loop.sleep(seconds)
        watch.stop()
        done = [now - then for now, then in zip(counts, first, strict=True)]
        # The tasks are told to stop instead of being cancelled: a cancelled echo would leave
        # a message unread, which not every client survives when it is closed.
        running = False
    return Echoes(
        throughput=sum(done) / watch.wall,
        cpu=watch.cpu / max(1, sum(done)),
        least=min(done),
        median=statistics.median(done),
        most=max(done),
    )


async def scale(client: Client, hold: Hold, count: int, seconds: float) -> Scale:
    """Let all connections echo."""
    gc.collect()
    before = resident_size()
    async with hold(count) as sessions:
        echoes = await echo_all(client, sessions, seconds)
        after = resident_size()
    return Scale(**asdict(echoes), connections=count, resident=(after - before) / count)


async def load(client: Client, hold: Hold, count: int, active: int, seconds: float) -> Load:
    """Let some of many connections echo, and close all of them."""
    async with hold(WARM_UP):
        pass
    gc.collect()
    before = resident_size()
    opening, idle, closing = Stopwatch(), Stopwatch(), Stopwatch()
    opening.start()
    async with hold(count) as sessions:
        opening.stop()
        gc.collect()
        after = resident_size()
        idle.start()  # for one interval, in which each connection pings once
        await client.loop.sleep(max(IDLE, client.keepalive) if count > ENOUGH else IDLE)
        idle.stop()
        echoes = await echo_all(client, sessions[:: max(1, count // active)][:active], seconds)
        closing.start()
    closing.stop()
    return Load(
        **asdict(echoes),
        connections=count,
        active=active,
        open_wall=opening.wall,
        open_cpu=opening.cpu,
        resident=(after - before) / count,
        idle_cpu=idle.cpu / idle.wall,
        close_wall=closing.wall,
        close_cpu=closing.cpu,
    )


def main(job: dict[str, Any]) -> None:
    """Do a job, print the answer."""
    raise_file_limit()
    client = make_client(job["client"], uvloop=job["uvloop"])
    context = None
    if job["url"].startswith("wss:"):
        context = ssl.create_default_context(cafile=job["ca"])
    link = Link(job["url"], context, proxy=job.get("proxy"), defaults=True)
    hold = holding(client, link)

    async def task() -> dict[str, Any]:
        async with client.program():
            async with client.connect(link):
                pass  # tells whether the client can do this at all
            if job["task"] == "memory":
                return await memory(hold, job["count"], trace=job["trace"])
            if job["task"] == "scale":
                return asdict(await scale(client, hold, job["count"], job["seconds"]))
            arguments = job["count"], job["active"], job["seconds"]
            return asdict(await load(client, hold, *arguments))

    try:
        answer = client.loop.run(task, job["patience"])
    except UnsupportedError:
        answer = {"missing": "—"}
    print(json.dumps(answer))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
