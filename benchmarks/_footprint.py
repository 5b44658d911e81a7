"""What needs a fresh process for each client: memory, import time, crowds of connections."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._processes import helper, run_child
from ._rows import FAILED

PATIENCE = 150  # seconds for one process, after which a client counts as hanging


@dataclass(frozen=True)
class Memory:
    """Bytes per idle connection: of the process, and of Python's objects alone."""

    resident: float
    python: float


@dataclass(frozen=True)
class Echoes:
    """What connections did that all echoed at once.

    Attributes:
      throughput: Messages per second, all connections together.
      cpu: Seconds of CPU time per message.
      least: Messages of the connection that got the fewest.
      median: Of the one in the middle.
      most: Of the one that got the most.

    """

    throughput: float
    cpu: float
    least: int
    median: float
    most: int


@dataclass(frozen=True)
class Scale(Echoes):
    """Connections in one process, all of them echoing.

    Attributes:
      connections: How many.
      resident: Bytes of the process per connection, while echoing.

    """

    connections: int
    resident: float


@dataclass(frozen=True)
class Load(Echoes):
    """Many connections in one process, with keepalive, most of them idle.

    Attributes:
      connections: How many.
      active: How many of them echo.
      open_wall: Seconds to open all of them.
      open_cpu: CPU time of that.
      resident: Bytes of the process per connection, while all are idle.
      idle_cpu: Share of one core that the process takes while all are idle.
      close_wall: Seconds to close all of them.
      close_cpu: CPU time of that.

    """

    connections: int
    active: int
    open_wall: float
    open_cpu: float
    resident: float
    idle_cpu: float
    close_wall: float
    close_cpu: float


@dataclass(frozen=True)
class Import:
    """Seconds: the base; then the module, by the clock and of CPU time; modules loaded."""

    base: float
    wall: float
    cpu: float
    modules: int


IMPORTING = """
import json, sys, time
start = time.perf_counter()
import {}
had, wall, cpu = len(sys.modules), time.perf_counter(), time.process_time()
from {} import *  # what is there is wanted, too: packages may put that off
took = [time.perf_counter() - wall, time.process_time() - cpu]
print(json.dumps([wall - start, *took, len(sys.modules) - had]))
"""


@dataclass(frozen=True)
class Measurer:
    """Starts fresh processes.

    Attributes:
      ca: The certificate of the CA that the helpers' own are from.
      uvloop: Whether asyncio's clients run in it where it is installed.

    """

    ca: Path
    uvloop: bool

    def memory(self, client: str, url: str, count: int) -> Memory | str:
        """Measure idle connections; twice, for tracing allocations takes memory itself."""
        job = {"task": "memory", "url": url, "count": count}
        resident = self._run(client, job | {"trace": False})
        python = self._run(client, job | {"trace": True})
        if isinstance(resident, str):
            return resident
        return Memory(resident["bytes"], math.nan if isinstance(python, str) else python["bytes"])

    def scale(
        self, client: str, url: str, proxy: str | None, count: int, seconds: float
    ) -> Scale | str:
        """Measure echoes over many connections at once."""
        job = {"task": "scale", "url": url, "proxy": proxy, "count": count, "seconds": seconds}
        answer = self._run(client, job)
        return answer if isinstance(answer, str) else Scale(**answer)

    def load(
        self, client: str, certificate: Path, count: int, active: int, seconds: float
    ) -> Load | str:
        """Measure a crowd of which some echo, against a server that has seen no other one.

        So no client pays for the ports and the memory that the one before it left in use.
        """
        with helper("_server", str(certificate)) as servers:
            url = servers["ws"] + "/echo"
            job = {"task": "load", "url": url, "count": count, "active": active}
            answer = self._run(client, job | {"seconds": seconds})
        return answer if isinstance(answer, str) else Load(**answer)

    def _run(self, client: str, job: Mapping[str, Any]) -> Any:
        job = {"client": client, "ca": str(self.ca), "uvloop": self.uvloop, **job}
        try:
            answer = run_child("_crowds", job | {"patience": PATIENCE}, timeout=PATIENCE + 30)
        except subprocess.SubprocessError as exc:
            return f"{FAILED}: {type(exc).__name__}"
        return answer.get("missing", answer)


def measure_imports(modules: Mapping[str, str], repeats: int) -> dict[str, Import]:
    """Measure what importing each module costs a program that has imported its base.

    Each figure is the median of new interpreters, in rounds over all modules.

    Args:
      modules: The base of each, ``trio`` or ``asyncio``.
      repeats: How many rounds.

    """
    results: dict[str, list[list[float]]] = {module: [] for module in modules}
    for _ in range(repeats):
        for module, samples in results.items():
            command = [sys.executable, "-c", IMPORTING.format(modules[module], module)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            samples.append(json.loads(done.stdout))
    return {
        module: Import(*(statistics.median(column) for column in zip(*samples, strict=True)))
        for module, samples in results.items()
    }
