"""Tries universes, in several processes at once, and counts what came of them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CPU = 30  # seconds of the processor's time behind which a universe hangs; it takes 0.03
AT_ONCE = 10  # universes that are handed to a process, less than a second of work
TOLD_EVERY = 60.0  # seconds
IN_A_NEW_ONE = 3  # an exit code: a law was broken in universes that are new, and in no other


@dataclass
class Tally:
    """What came of some universes.

    Attributes:
      count: How many there were.
      broken: The numbers of those with a broken law.
      found: What is to be said about them.
      by: How often each scenario, route and fault was there, and each law broken.

    """

    count: int = 0
    broken: list[int] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    by: dict[str, Counter[str]] = field(
        default_factory=lambda: {k: Counter() for k in ("scenario", "route", "fault", "law")}
    )

    def add(self, other: Tally) -> None:
        """Add what came of others."""
        self.count += other.count
        self.broken += other.broken
        for kind, counted in other.by.items():
            self.by[kind].update(counted)

    def __str__(self) -> str:
        return "\n".join(
            f"by {kind}: " + ", ".join(f"{name} {n}" for name, n in sorted(counted.items()))
            for kind, counted in self.by.items()
        )


def watch(says: str, seconds: int = CPU) -> None:
    """Let this process end, with some words, where a universe spins."""
    if not hasattr(signal, "setitimer"):  # Windows
        return

    def ends(*_: object) -> None:
        print(says, flush=True)
        os._exit(1)

    signal.signal(signal.SIGPROF, ends)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def again(seed: int, behaviour: str | None) -> list[str]:
    """Give the arguments that run a universe once more."""
    only = [] if behaviour is None else ["--behaviour", behaviour]
    return ["-m", "tests.simulation", "--replay", str(seed), *only]


def try_some(first: int, count: int, behaviour: str | None) -> Tally:
    """Try some universes, in this process."""
    from _laws import LAWS, LAWS_BEHIND
    from _scenarios import case_of, smaller, try_case

    tally = Tally()
    tally.by["law"].update(dict.fromkeys((*LAWS, *LAWS_BEHIND), 0))
    for seed in range(first, first + count):
        line = f"    python {subprocess.list2cmdline(again(seed, behaviour))}"
        watch(f"BROKEN in_time: it hangs\n{line}")
        case = case_of(seed, behaviour)
        verdict = try_case(case)
        tally.count += 1
        tally.by["scenario"][case.behaviour] += 1
        tally.by["route"][case.way.name] += 1
        for struck in verdict.universe.struck:
            tally.by["fault"][f"{struck.fault.value} {struck.operation.kind}"] += 1
        if verdict.broken:
            watch("    it hangs while something smaller is looked for", 20 * CPU)
            tally.broken.append(seed)
            tally.by["law"].update(law for law, _ in verdict.broken)
            tally.found += [f"BROKEN {law}: {how}\n    {case}" for law, how in verdict.broken]
            tally.found += [line, f"    smaller: {smaller(verdict)}"]
    watch("", 0)  # no more
    gc.collect()  # what was frozen counts as old, and Python seldom looks at that by itself
    return tally


def search(
    first: int, most: int, seconds: float, *, behaviour: str | None = None, jobs: int = 1
) -> Tally:
    """Try universes until there were enough of them or time is over; print what came of it.

    Args:
      first: The number of the first.
      most: How many at most.
      seconds: How long at most, but for what has begun.
      behaviour: Of this kind only.
      jobs: In how many processes; 1 is this one.

    """
    print(f"universes from {first} on, in {jobs} processes", flush=True)
    began = told = time.monotonic()
    chunks = _chunks(first, most, lambda: time.monotonic() - began < seconds)
    tally = Tally()
    for some in _tallies(chunks, behaviour, jobs):
        tally.add(some)
        if some.found:
            print(*some.found, sep="\n", flush=True)
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            print(f"{tally.count} so far, {tally.count / (told - began):.1f} a second", flush=True)
    passed = time.monotonic() - began
    print(
        f"{tally.count} universes in {passed:.0f} s, {tally.count / passed:.1f} a second;", end=""
    )
    print(f" {len(tally.broken)} with a broken law\n{tally}", flush=True)
    return tally


def _chunks(first: int, most: int, goes_on: Callable[[], bool]) -> Iterator[tuple[int, int]]:
    done = 0
    while done < most and goes_on():
        yield first + done, min(AT_ONCE, most - done)
        done += AT_ONCE


def _tallies(
    chunks: Iterator[tuple[int, int]], behaviour: str | None, jobs: int
) -> Iterator[Tally]:
    if jobs == 1:
        for chunk in chunks:
            yield try_some(*chunk, behaviour)
        return
    running: set[Future[Tally]] = set()
    # Each process begins anew, as the one does in which a universe is run once more.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        more = True
        while more or running:
            while more and len(running) < jobs:
                several = next(chunks, None)
                more = several is not None
                if several is not None:
                    running.add(pool.submit(try_some, *several, behaviour))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def bounded(fixed: int, first: int, seconds: float, jobs: int) -> int:
    """Try some universes that are always the same, then new ones until time is over; tell what is to fail.

    A law that is broken in the first ones fails. One that is broken in a new universe, and once more in a process of its
    own, is a fault, but nothing that the change brought which is tried: it has an exit code of its own. Where it is not
    broken once more, the universe depends on what ran before it, which is a fault of the simulation, and only told.

    Args:
      fixed: How many are the same, from 0 on.
      first: The number of the first new one.
      seconds: For all of it.
      jobs: In how many processes.

    Returns:
      An exit code: 0, or 1 where a law was broken in a universe that is always the same, or :data:`IN_A_NEW_ONE`.

    """
    began = time.monotonic()
    try:
        same = search(0, fixed, seconds, jobs=jobs)
        if same.count < fixed:
            print(f"time is over: {fixed - same.count} that are always the same were not tried")
        left = seconds - (time.monotonic() - began)
        new = search(first, sys.maxsize, left, jobs=jobs) if left > 0 else Tally()
    except BrokenProcessPool:
        return 1  # one hangs, and has said so
    again_broken = False
    for seed in new.broken:
        result = subprocess.run(
            [sys.executable, *again(seed, None)], cwd=ROOT, check=False, capture_output=True
        )
        print(f"universe {seed}, once more: {'broken' if result.returncode else 'all is well'}")
        again_broken |= bool(result.returncode)
    if same.broken:
        return 1
    return IN_A_NEW_ONE if again_broken else 0
