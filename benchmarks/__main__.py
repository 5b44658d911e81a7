"""Measure trio_wsproxy beside its rivals; print Markdown tables."""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import trio

from . import _report as report
from ._clients import CLIENTS, US
from ._footprint import (
    Import,
    Memory,
    Scale,
    measure_imports,
    measure_memory,
    measure_scale,
)
from ._processes import helper, raise_file_limit, write_certificates
from ._rows import FAILED, Places, Row, all_rows, measure

PARTS = ("messages", "bursts", "compressed", "set-up", "memory", "import", "scale")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
      rounds: Turns of each client in each row.
      effort: Scales the operations of a turn.
      idle: Connections held for the memory rows.
      crowds: Connections in the scale rows.
      seconds: Time for each of these.
      imports: Interpreters started for each import.
      idle_schemes: How the idle connections are made.

    """

    rounds: int = 7
    effort: float = 1.0
    idle: int = 1000
    crowds: tuple[int, ...] = (10, 100, 1000, 2000)
    seconds: float = 10.0
    imports: int = 10
    idle_schemes: tuple[str, ...] = ("ws", "wss")


QUICK = Sizes(
    rounds=1, effort=0.005, idle=20, crowds=(10,), seconds=0.2, imports=1, idle_schemes=("ws",)
)


def main() -> None:
    """Measure what the command line asks for, print the tables."""
    options = parse_arguments()
    sizes = QUICK if options.quick else Sizes(options.rounds, options.effort)
    clients: list[str] = options.clients
    random.seed(6455)  # the same messages in every run
    raise_file_limit()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca, certificate = write_certificates(folder)
        trust_by_default(ca, folder)
        cpus = pin() if options.pin else None
        servers = stack.enter_context(helper("_server", str(certificate), cpus=cpus))
        proxies = stack.enter_context(helper("_proxies", str(certificate), cpus=cpus))
        places = Places(servers, proxies, ssl.create_default_context(cafile=str(ca)))

        # A quick run proves that fresh processes work, with one client for all.
        fresh = clients[:1] if options.quick else clients
        sections: list[str] = []
        figures: dict[str, Any] = {}
        rows = [row for row in all_rows(places) if wanted(row, options)]
        measure_rows(rows, clients, sizes)
        sections += rows_sections(rows, clients)
        figures["rows"] = report.raw(rows)
        if "memory" in options.parts:
            memory = measure_all_memory(places, ca, fresh, sizes)
            sections.append(
                f"### Memory, {sizes.idle:,} idle connections\n\n"
                + report.memory_table(memory, fresh)
            )
            figures["memory"] = plain(memory)
        if "import" in options.parts:
            imports = measure_all_imports(fresh, sizes)
            sections.append("### Import\n\n" + report.import_table(imports))
            figures["import"] = plain(imports)
        if "scale" in options.parts:
            scale = measure_all_scale(places, fresh, sizes)
            sections.append(
                "### Scale: echoes of 64 B, all connections at once, through one http proxy\n\n"
                f"Messages per connection within {sizes.seconds:g} s.\n\n"
                + report.scale_table(scale)
            )
            figures["scale"] = plain(scale)

    figures["machine"] = report.machine(clients)
    text = "\n\n".join([f"{figures['machine']}\n\n{legend(sizes)}", *sections]) + "\n"
    print(text, end="")
    if options.output:
        options.output.write_text(text)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    if we_failed(rows, figures):
        sys.exit(f"{US} failed; see above")


def we_failed(rows: Sequence[Row], figures: dict[str, Any]) -> bool:
    """Tell whether any part did not work with our client; a rival's failure is a result."""
    cells = [row.missing.get(US) for row in rows]
    cells += [by_client.get(US) for by_client in figures.get("memory", {}).values()]
    cells += figures.get("scale", {}).get(US, [])
    return any(isinstance(cell, str) and cell.startswith(FAILED) for cell in cells)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, no figures")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds, help="default: %(default)s")
    parser.add_argument(
        "--effort", type=float, default=Sizes.effort, help="scales a turn; default: %(default)s"
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=None, metavar="PART", help=", ".join(PARTS)
    )
    parser.add_argument(
        "--only",
        default="",
        type=re.compile,
        metavar="REGEX",
        help='rows of the first four parts whose name has this in it, for example "echo 64 B, ws$"',
    )
    parser.add_argument(
        "--clients",
        nargs="+",
        choices=list(CLIENTS),
        default=list(CLIENTS),
        metavar="CLIENT",
        help=", ".join(CLIENTS),
    )
    parser.add_argument(
        "--pin", action="store_true", help="a core for the client, others for helpers"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    options = parser.parse_args()
    if options.parts is None:
        options.parts = PARTS[:4] if options.only.pattern else PARTS
    return options


def wanted(row: Row, options: argparse.Namespace) -> bool:
    """Tell whether the command line asks for a row."""
    return row.group.lower() in options.parts and options.only.search(row.name) is not None


def trust_by_default(ca: Path, folder: Path) -> None:
    """Let default contexts trust our CA too, beside everything the system trusts.

    Reading the system's whole trust store is what a default context costs, so the file that
    stands in for it must be as long.
    """
    system = ssl.get_default_verify_paths().cafile
    bundle = folder / "bundle.pem"
    bundle.write_bytes((Path(system).read_bytes() if system else b"") + ca.read_bytes())
    os.environ["SSL_CERT_FILE"] = str(bundle)


def pin() -> set[int] | None:
    """Keep this process on one core, return the others for the helpers."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {first})
    return set(others) or None


def progress(text: str) -> None:
    """Show on standard error what is being measured."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def measure_rows(rows: Sequence[Row], names: Sequence[str], sizes: Sizes) -> None:
    """Measure the rows that are measured in rounds."""
    clients = [CLIENTS[name]() for name in names]

    async def all_of_them() -> None:
        for row in rows:
            progress(row.name)
            await measure(row, clients, rounds=sizes.rounds, effort=sizes.effort)

    trio.run(all_of_them)


def rows_sections(rows: Sequence[Row], clients: Sequence[str]) -> Iterator[str]:
    """Make a section for each group: wall time, then CPU time."""
    for group in dict.fromkeys(row.group for row in rows):
        members = [row for row in rows if row.group == group]
        yield f"### {group}\n\nWall time per operation:\n\n" + report.rounds_table(
            members, clients, lambda sample: sample.wall
        )
        yield "CPU time of the client per operation:\n\n" + report.rounds_table(
            members, clients, lambda sample: sample.cpu
        )


def measure_all_memory(
    places: Places, ca: Path, clients: Sequence[str], sizes: Sizes
) -> dict[str, dict[str, Memory | str]]:
    """Measure idle connections by scheme and client."""
    results: dict[str, dict[str, Memory | str]] = {}
    for scheme in sizes.idle_schemes:
        for client in clients:
            progress(f"memory, {scheme}, {client}")
            results.setdefault(scheme, {})[client] = measure_memory(
                client, places.servers[scheme] + "/echo", ca, sizes.idle
            )
    return results


def measure_all_imports(clients: Sequence[str], sizes: Sizes) -> dict[str, Import]:
    """Measure imports by module; the floor has none."""
    progress("import")
    modules = [module for client in clients if (module := CLIENTS[client].module)]
    return measure_imports(modules, sizes.imports)


def measure_all_scale(
    places: Places, clients: Sequence[str], sizes: Sizes
) -> dict[str, list[Scale | str]]:
    """Measure crowds by client; the floor shows what the proxy can do."""
    results: dict[str, list[Scale | str]] = {client: [] for client in clients}
    for count in sizes.crowds:
        for client in clients:
            if any(isinstance(earlier, str) for earlier in results[client]):
                continue
            progress(f"scale, {count}, {client}")
            results[client].append(
                measure_scale(
                    client,
                    places.servers["ws"] + "/echo",
                    places.proxies["http"],
                    count,
                    sizes.seconds,
                )
            )
    return results


def plain(results: Any) -> Any:
    """Turn result objects within dictionaries and lists into what JSON has."""
    if isinstance(results, dict):
        return {key: plain(value) for key, value in results.items()}
    if isinstance(results, list):
        return [plain(value) for value in results]
    return asdict(results) if isinstance(results, (Import, Memory, Scale)) else results


def legend(sizes: Sizes) -> str:
    """Say how to read the tables."""
    return (
        f"Medians of {sizes.rounds} interleaved rounds. In parentheses: times {US}; above 1 is "
        "slower, or more, than we are. The floor is bare trio streams that move the same bytes "
        "and neither mask nor parse them. — : the client lacks the feature."
    )


if __name__ == "__main__":
    main()
