"""Results as tables, in Markdown for a terminal and in reStructuredText for the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ._clients import US, lacks_speedups, title
from ._footprint import Import, Load, Memory, Scale
from ._rows import Row
from ._sessions import Client

Figure = float | str | None  # a string says why there is none
Cell = tuple[str, ...]  # its lines


@dataclass(frozen=True)
class Table:
    """A table; all columns but the first hold figures."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """Lay it out for people and for web pages."""
        lines = [list(self.heads), ["---", *["---:"] * (len(self.heads) - 1)]]
        lines += [["<br>".join(cell) for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def rst(self) -> str:
        """Lay it out for Sphinx."""
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for number, row in enumerate([[(head,) for head in self.heads], *self.rows]):
            for column, cell in enumerate(row):
                # A figure stays in one line, for wide tables can be scrolled.
                space = "\N{NO-BREAK SPACE}" if number and column else " "
                first, *others = (line.replace(" ", space) for line in cell)
                start = f"   {' ' if column else '*'} - {'| ' if others else ''}{first}"
                lines.append(start.rstrip())
                lines += [f"       | {other}" for other in others]
        return "\n".join(lines)


@dataclass(frozen=True)
class Section:
    """A table with its title, and what one must know to read it."""

    title: str
    text: str
    table: Table


@dataclass(frozen=True)
class Report:
    """All that is shown.

    Attributes:
      warnings: Why the figures should not be trusted, if so.
      machine: Where they come from.
      legend: How to read them.
      sections: They.

    """

    warnings: Sequence[str]
    machine: str
    legend: str
    sections: Sequence[Section]

    def markdown(self) -> str:
        """Lay it out, warnings first."""
        parts = [f"> **Warning:** {warning}" for warning in self.warnings]
        parts += [self.machine, self.legend]
        for section in self.sections:
            parts += [f"### {section.title}", section.text, section.table.markdown()]
        return "\n\n".join(filter(None, parts)) + "\n"

    def rst(self) -> str:
        """Lay it out as a part of a page, below a section's underline of hyphens."""
        parts = [f".. warning:: {warning}" for warning in self.warnings]
        parts += [self.machine, self.legend]
        for section in self.sections:
            parts += [f"{section.title}\n{'^' * len(section.title)}", section.text]
            parts.append(section.table.rst())
        return "\n\n".join(filter(None, parts)) + "\n"


def rows_sections(rows: Sequence[Row], clients: Sequence[Client]) -> Iterable[Section]:
    """Make a section for each group."""
    for group in dict.fromkeys(row.group for row in rows):
        table = rounds_table([row for row in rows if row.group == group], clients)
        yield Section(group, TEXTS.get(group, ""), table)


TEXTS = {
    "Messages": "Binary messages, and text where it is said, which is ASCII. 256 B are what the "
    "public suite websocket-benchmark echoes.",
    "Bursts": "Per message. Libraries without calls that do not wait await each message; picows has "
    "no others.",
    "Set-up": "With defaults, and with the closing handshake and all that follows it.",
}


def rounds_table(rows: Sequence[Row], clients: Sequence[Client]) -> Table:
    """Make the table of some rows: medians by the clock and of CPU time, and ratios to us."""
    lines = []
    for row in rows:
        wall: dict[str, Figure] = dict(row.missing)
        cpu: dict[str, Figure] = dict(row.missing)
        for client, samples in row.samples.items():
            if client not in row.missing:
                wall[client] = statistics.median(sample.wall for sample in samples)
                cpu[client] = statistics.median(sample.cpu for sample in samples)
        lines.append([(row.name,), *_both(wall, cpu, clients)])
    return Table(["operation", *map(title, clients)], lines)


def _both(
    wall: Mapping[str, Figure], cpu: Mapping[str, Figure], clients: Sequence[Client]
) -> Iterable[Cell]:
    for client in clients:
        by_clock, of_cpu = wall.get(client.name), cpu.get(client.name)
        if not isinstance(by_clock, float) or not isinstance(of_cpu, float):
            yield (by_clock if isinstance(by_clock, str) else "—",)
            continue
        yield (
            f"{seconds(by_clock)}{_ratio(by_clock, wall, client.name)}",
            f"CPU {seconds(of_cpu)}{_ratio(of_cpu, cpu, client.name)}",
        )


def _ratio(figure: float, figures: Mapping[str, Figure], client: str) -> str:
    ours = figures.get(US)
    if client == US or not isinstance(ours, float) or not ours:
        return ""
    return f" (×{figure / ours:.2f})"


def memory_table(
    results: Mapping[str, Mapping[str, Memory | str]], clients: Sequence[Client]
) -> Table:
    """Make the table of memory per idle connection; results by scheme, then by client."""
    lines = []
    measured = set().union(*results.values())
    clients = [client for client in clients if client.name in measured]
    for scheme, by_client in results.items():
        for name, attribute in (("resident", "resident"), ("Python objects", "python")):
            figures: dict[str, Figure] = {
                client: result if isinstance(result, str) else float(getattr(result, attribute))
                for client, result in by_client.items()
            }
            cells: list[Cell] = [(f"{name}, {scheme}",)]
            for client in clients:
                figure = figures.get(client.name)
                if isinstance(figure, float):
                    cells.append((kilobytes(figure) + _ratio(figure, figures, client.name),))
                else:
                    cells.append((figure or "—",))
            lines.append(cells)
    return Table(["per idle connection", *map(title, clients)], lines)


def import_table(results: Mapping[str, Import], bases: Mapping[str, str]) -> Table:
    """Make the table of import times, each after its base."""
    rows: list[list[Cell]] = []
    for base in dict.fromkeys(bases.values()):
        took = [result.base for module, result in results.items() if bases[module] == base]
        rows.append([(f"{base} itself",), (seconds(statistics.median(took)),), ("",), ("",)])
    for name, result in results.items():
        figures = seconds(result.wall), seconds(result.cpu), f"{result.modules:.0f}"
        rows.append([(f"{name}, after {bases[name]}",), *((figure,) for figure in figures)])
    return Table(["import", "takes", "CPU time", "modules"], rows)


def scale_table(results: Mapping[str, Sequence[Scale | str]], clients: Sequence[Client]) -> Table:
    """Make the table of crowds that echo; results by client."""
    heads = ["client", "connections", "messages/s", "CPU per message"]
    heads += ["fewest", "median", "most", "memory each"]
    rows: list[list[Cell]] = []
    for client in clients:
        for size in results.get(client.name, ()):
            if isinstance(size, str):
                rows.append([(title(client),), *[(size,)] * 7])
                continue
            figures = [f"{size.connections:,}", f"{size.throughput:,.0f}", seconds(size.cpu)]
            figures += [f"{size.least:,}", f"{size.median:,.0f}", f"{size.most:,}"]
            figures.append(kilobytes(size.resident))
            rows.append([(title(client),), *((figure,) for figure in figures)])
    return Table(heads, rows)


def load_table(results: Mapping[str, Load | str], clients: Sequence[Client]) -> Table:
    """Make the table of many connections of which some echo; results by client."""
    heads = ["client", "open all", "memory each", "CPU while idle", "messages/s"]
    heads += ["CPU per message", "fewest", "median", "most", "close all"]
    rows: list[list[Cell]] = []
    for client in clients:
        result = results.get(client.name)
        if result is None:
            continue
        if isinstance(result, str):
            rows.append([(title(client),), *[(result,)] * 9])
            continue
        rows.append(
            [
                (title(client),),
                (seconds(result.open_wall), f"CPU {seconds(result.open_cpu)}"),
                (kilobytes(result.resident),),
                (f"{result.idle_cpu:.1%}",),
                (f"{result.throughput:,.0f}",),
                (seconds(result.cpu),),
                (f"{result.least:,}",),
                (f"{result.median:,.0f}",),
                (f"{result.most:,}",),
                (seconds(result.close_wall), f"CPU {seconds(result.close_cpu)}"),
            ]
        )
    return Table(heads, rows)


def seconds(value: float) -> str:
    """Format a duration with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"


def kilobytes(value: float) -> str:
    """Format a size with one digit behind the point."""
    return f"{value / 1000:.1f} kB"


def speedups_warnings(clients: Sequence[Client]) -> list[str]:
    """Say which clients were measured without a compiled part that they can have."""
    return [
        f"The C extension of {client.name} is not in use: its figures are those of pure Python."
        for client in clients
        if lacks_speedups(client)
    ]


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


def plain(results: Any) -> Any:
    """Turn result objects within dictionaries and lists into what JSON has."""
    if isinstance(results, dict):
        return {key: plain(value) for key, value in results.items()}
    if isinstance(results, list):
        return [plain(value) for value in results]
    return asdict(results) if isinstance(results, (Import, Load, Memory, Scale)) else results
