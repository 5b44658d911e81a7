"""Results as Markdown tables, with the machine named."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import ssl
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ._clients import CLIENTS, US
from ._footprint import Import, Memory, Scale
from ._rows import Row, Sample

Cell = float | str | None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; all columns but the first hold figures."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rounds_table(
    rows: Sequence[Row], clients: Sequence[str], pick: Callable[[Sample], float]
) -> str:
    """Make the table of some rows: medians, and each client's ratio to us."""
    lines = []
    for row in rows:
        cells: dict[str, Cell] = dict(row.missing)
        for client, samples in row.samples.items():
            if client not in cells:
                cells[client] = statistics.median(map(pick, samples))
        lines.append([row.name, *_with_ratios(cells, clients, seconds)])
    return table(["operation", *clients], lines)


def _with_ratios(
    cells: dict[str, Cell], clients: Sequence[str], show: Callable[[float], str]
) -> list[str]:
    ours = cells.get(US)
    shown = []
    for client in clients:
        cell = cells.get(client)
        if not isinstance(cell, float):
            shown.append(cell or "—")
        elif client == US or not isinstance(ours, float) or not ours:
            shown.append(show(cell))
        else:
            shown.append(f"{show(cell)} (×{cell / ours:.2f})")
    return shown


def memory_table(results: dict[str, dict[str, Memory | str]], clients: Sequence[str]) -> str:
    """Make the table of memory per idle connection; results by scheme, then by client."""
    lines = []
    for scheme, by_client in results.items():
        for name, attribute in (("resident", "resident"), ("Python objects", "python")):
            cells: dict[str, Cell] = {
                client: result if isinstance(result, str) else getattr(result, attribute)
                for client, result in by_client.items()
            }
            lines.append([f"{name}, {scheme}", *_with_ratios(cells, clients, kilobytes)])
    return table(["per idle connection", *clients], lines)


def import_table(results: dict[str, Import]) -> str:
    """Make the table of import times, each after ``import trio``."""
    lines = [
        [f"`{name}`", seconds(result.wall), seconds(result.cpu), f"{result.modules:.0f}"]
        for name, result in results.items()
    ]
    trio = statistics.median(result.trio for result in results.values())
    lines.insert(0, ["`trio` itself", seconds(trio), "", ""])
    return table(["import, after trio", "takes", "CPU time", "modules"], lines)


def scale_table(results: dict[str, list[Scale | str]]) -> str:
    """Make the table of many connections; results by client."""
    lines = []
    for client, sizes in results.items():
        for size in sizes:
            if isinstance(size, str):
                lines.append([client, *[size] * 7])
                continue
            lines.append(
                [
                    client,
                    f"{size.connections:,}",
                    f"{size.throughput:,.0f}",
                    seconds(size.cpu),
                    f"{size.least:,}",
                    f"{size.median:,.0f}",
                    f"{size.most:,}",
                    kilobytes(size.resident),
                ]
            )
    heads = ["client", "connections", "messages/s", "CPU per message"]
    heads += ["fewest", "median", "most", "memory each"]
    return table(heads, lines)


def seconds(value: float) -> str:
    """Format a duration with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def kilobytes(value: float) -> str:
    """Format a size with one digit behind the point."""
    return f"{value / 1000:.1f} kB"


def machine(clients: Sequence[str]) -> str:
    """Describe where the figures come from: machine, interpreter, versions."""
    names = [CLIENTS[client].distribution for client in clients]
    names += ["trio", "trio-websocket", "wsproto", "picows"]
    versions = ", ".join(f"{name} {_version(name)}" for name in dict.fromkeys(names))
    return (
        f"{_processor()}, {_cores()} cores, {platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION}; {versions}; trio_wsproxy's extension module: {_extension()}."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    return os.cpu_count() or 1


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _extension() -> str:
    """Tell whether a compiled module of ours is in use, whatever its name."""
    for name, module in sys.modules.items():
        file = getattr(module, "__file__", None) or ""
        if name.startswith("trio_wsproxy.") and file.endswith((".so", ".pyd")):
            return "in use"
    return "not in use"


def raw(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return every sample, for those who want to judge the noise."""
    return [
        {
            "group": row.group,
            "name": row.name,
            "missing": row.missing,
            "samples": {
                client: [[sample.wall, sample.cpu] for sample in samples]
                for client, samples in row.samples.items()
            },
        }
        for row in rows
    ]
