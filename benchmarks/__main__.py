"""Measure trio_wsproxy beside its rivals; print Markdown tables, or publish them."""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import re
import resource
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import _report as report
from ._chart import charts
from ._clients import CLIENTS, US, make_client
from ._footprint import Import, Load, Measurer, Memory, Scale, measure_imports
from ._machine import busy_warnings, core_warnings, machine
from ._processes import helper, raise_file_limit, write_certificates
from ._report import Report, Section
from ._rows import FAILED, Places, Row, all_rows, measure
from ._sessions import Client

ROW_PARTS = ("messages", "bursts", "compressed", "set-up")
PARTS = (*ROW_PARTS, "memory", "import", "scale", "load")
SPARE_FILES = 200  # what a process has open beside its connections


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults take eleven minutes with two cores.

    Attributes:
      rounds: Turns of each client in each row.
      effort: Scales the operations of a turn.
      turn: Seconds for a turn; who is slow does fewer operations in it.
      idle: Connections held for the memory rows.
      idle_schemes: How these are made.
      crowds: Connections in the scale rows.
      load: Connections in the rows under load.
      active: How many of these echo.
      seconds: Time to let each crowd echo.
      load_seconds: Likewise, under load.
      imports: Interpreters started for each import.

    """

    rounds: int = 5
    effort: float = 1.0
    turn: float = 0.1
    idle: int = 500
    idle_schemes: tuple[str, ...] = ("ws", "wss")
    crowds: tuple[int, ...] = (100, 1000)
    load: int = 10_000
    active: int = 1000
    seconds: float = 2.0
    load_seconds: float = 5.0
    imports: int = 5


QUICK = Sizes(
    rounds=1,
    effort=0.005,
    turn=0.01,
    idle=20,
    idle_schemes=("ws",),
    crowds=(10,),
    load=40,
    active=10,
    seconds=0.1,
    load_seconds=0.1,
    imports=1,
)


@dataclass
class Results:
    """What was measured; empty where the command line did not ask for it."""

    rows: list[Row] = field(default_factory=list)
    memory: dict[str, dict[str, Memory | str]] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    scale: dict[str, list[Scale | str]] = field(default_factory=dict)
    load: dict[str, Load | str] = field(default_factory=dict)


def main() -> None:
    """Measure what the command line asks for, show it."""
    started = time.monotonic()
    options = parse_arguments()
    sizes = QUICK
    if not options.quick:
        sizes = Sizes(options.rounds, options.effort, options.turn, load=options.load)
    random.seed(6455)  # the same messages in every run
    warnings = busy_warnings()
    raise_file_limit()
    forget_proxies()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ca, certificate = write_certificates(folder)
        trust_by_default(ca, folder)
        clients, missing = make_clients(options)  # now, for some make default contexts at once
        cpus = pin() if options.pin else None
        warnings += core_warnings() if not options.pin else []
        servers = stack.enter_context(helper("_server", str(certificate), cpus=cpus))
        proxies = stack.enter_context(helper("_proxies", str(certificate), cpus=cpus))
        places = Places(servers, proxies, ssl.create_default_context(cafile=str(ca)))
        results = Results([row for row in all_rows(places) if wanted(row, options)])
        measure_rows(results.rows, clients, sizes)
        # A quick run proves that fresh processes work, with one client on trio and another.
        fresh = [*clients[:1], *clients[1:][-1:]] if options.quick else clients
        measurer = Measurer(ca, options.uvloop)
        measure_fresh(options.parts, fresh, places, (measurer, certificate), sizes, results)

    warnings += [*missing, *report.speedups_warnings(clients)]
    sections = list(make_sections(results, clients, sizes))
    shown = Report(warnings, machine(clients), legend(sizes, clients), sections)
    print(shown.markdown(), end="")
    if options.publish:
        publish(options.publish, shown, results.rows, clients)
    if options.json:
        options.json.write_text(json.dumps(raw(shown, results), indent=1))
    progress(f"took {time.monotonic() - started:.0f} s")
    if we_failed(results):
        sys.exit(f"{US} failed; see above")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser()
    options = parser.parse_args()
    if options.publish and (options.quick or options.only.pattern or options.parts):
        parser.error("only a whole run is worth publishing: no --quick, --only or --parts")
    if options.parts is None:
        options.parts = ROW_PARTS if options.only.pattern else PARTS
    return options


def make_parser() -> argparse.ArgumentParser:
    """Say what the command line may have."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little of everything, no figures")
    parser.add_argument("--rounds", type=int, default=Sizes.rounds, help="default: %(default)s")
    parser.add_argument(
        "--effort", type=float, default=Sizes.effort, help="scales a turn; default: %(default)s"
    )
    parser.add_argument(
        "--turn", type=float, default=Sizes.turn, help="its seconds; default: %(default)s"
    )
    parser.add_argument(
        "--load", type=int, default=Sizes.load, help="connections under load; default: %(default)s"
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
        "--no-uvloop",
        dest="uvloop",
        action="store_false",
        help="run asyncio's clients in asyncio's own loop; default: uvloop where it is installed",
    )
    parser.add_argument(
        "--pin", action="store_true", help="a core for the client, others for helpers"
    )
    parser.add_argument(
        "--publish", type=Path, metavar="DOCS", help="write tables and charts into this folder"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser


def make_clients(options: argparse.Namespace) -> tuple[list[Client], list[str]]:
    """Make the clients asked for; say which are not installed."""
    clients, missing = [], []
    for name in options.clients:
        try:
            clients.append(make_client(name, uvloop=options.uvloop))
        except ImportError as exc:
            missing.append(f"{name} is left out, for it is not installed here: {exc}.")
    if not clients:
        sys.exit("; ".join(missing))
    return clients, missing


def wanted(row: Row, options: argparse.Namespace) -> bool:
    """Tell whether the command line asks for a row."""
    return row.group.lower() in options.parts and options.only.search(row.name) is not None


def forget_proxies() -> None:
    """Let no setting of this machine come between clients and servers."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]


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


def measure_rows(rows: Sequence[Row], clients: Sequence[Client], sizes: Sizes) -> None:
    """Measure the rows that are measured in rounds."""
    gc.collect()
    gc.freeze()  # no client's collections look through the modules of all the others
    for row in rows:
        progress(row.name)
        measure(row, clients, rounds=sizes.rounds, effort=sizes.effort, turn=sizes.turn)


def measure_fresh(
    parts: Sequence[str],
    clients: Sequence[Client],
    places: Places,
    tools: tuple[Measurer, Path],
    sizes: Sizes,
    results: Results,
) -> None:
    """Measure what needs a fresh process for each client."""
    measurer, certificate = tools
    names = [client.name for client in clients]
    if "memory" in parts:
        for scheme in sizes.idle_schemes:
            url = places.servers[scheme] + "/echo"
            for name in names:
                progress(f"memory, {scheme}, {name}")
                by_client = results.memory.setdefault(scheme, {})
                by_client[name] = measurer.memory(name, url, sizes.idle)
    if "import" in parts:
        progress("import")
        results.imports = measure_imports(import_bases(clients), sizes.imports)
    if "scale" in parts:
        url, proxy = places.servers["ws"] + "/echo", places.proxies["http"]
        for count in sizes.crowds:
            for name in names:
                sofar = results.scale.setdefault(name, [])
                if any(isinstance(earlier, str) for earlier in sofar):
                    continue  # what fails with few, or cannot do it, is not asked again
                progress(f"scale, {count}, {name}")
                sofar.append(measurer.scale(name, url, proxy, count, sizes.seconds))
    if "load" in parts:
        count = load_size(sizes)
        for name in names:
            progress(f"load, {count}, {name}")
            active = min(sizes.active, count)
            results.load[name] = measurer.load(name, certificate, count, active, sizes.load_seconds)


def load_size(sizes: Sizes) -> int:
    """Return how many connections there will be under load: as many as this process may hold."""
    return min(sizes.load, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)


def import_bases(clients: Sequence[Client]) -> dict[str, str]:
    """Return the modules of clients and their bases; the floors have none."""
    return {client.module: client.base for client in clients if client.module}


def make_sections(results: Results, clients: Sequence[Client], sizes: Sizes) -> Iterator[Section]:
    """Make a section of each part that was measured."""
    yield from report.rows_sections(results.rows, clients)
    if results.memory:
        yield Section(
            f"Memory, {sizes.idle:,} idle connections",
            "With defaults, so with the keepalive of those that have one on by default.",
            report.memory_table(results.memory, clients),
        )
    if results.imports:
        table = report.import_table(results.imports, import_bases(clients))
        yield Section("Import", "", table)
    if results.scale:
        yield Section(
            "Scale: echoes of 64 B, all connections at once, through one http proxy",
            f"Messages per connection within {sizes.seconds:g} s.",
            report.scale_table(results.scale, clients),
        )
    if results.load:
        count, active = load_size(sizes), min(sizes.active, load_size(sizes))
        yield Section(
            f"Under load: {count:,} connections in one process, {active:,} of them echoing 64 B",
            "With defaults, keepalive included; opened by fifty at a time. First all are idle, "
            "for one interval of the keepalive where there is one; then come echoes, counted per "
            f"connection within {sizes.load_seconds:g} s; then all are "
            "closed at once.",
            report.load_table(results.load, clients),
        )


def legend(sizes: Sizes, clients: Sequence[Client]) -> str:
    """Say how to read the tables."""
    loops = sorted({client.loop.name for client in clients} - {"trio"})
    marked = f" † runs on another event loop ({', '.join(loops)}): no trio there." if loops else ""
    return (
        f"Medians of {sizes.rounds} interleaved rounds: wall time, and CPU time of the client's "
        f"process. In parentheses: times {US}; above 1 is slower, or more, than we are. The floors "
        "move the same bytes and neither mask nor parse them: one with trio's streams, one "
        "without any call in vain (write, wait for readability, read)."
        f"{marked} — : the client lacks the feature."
    )


def publish(folder: Path, shown: Report, rows: Sequence[Row], clients: Sequence[Client]) -> None:
    """Write what docs/performance.rst includes."""
    (folder / "performance-table.txt").write_text(shown.rst())
    for name, drawing in charts(rows, clients).items():
        (folder / "_static" / name).write_text(drawing)


def raw(shown: Report, results: Results) -> dict[str, Any]:
    """Return everything that was measured, as JSON has it."""
    return {
        "warnings": list(shown.warnings),
        "machine": shown.machine,
        "rows": report.raw(results.rows),
        "memory": report.plain(results.memory),
        "import": report.plain(results.imports),
        "scale": report.plain(results.scale),
        "load": report.plain(results.load),
    }


def we_failed(results: Results) -> bool:
    """Tell whether any part did not work with our client; a rival's failure is a result."""
    cells: list[object] = [row.missing.get(US) for row in results.rows]
    cells += [by_client.get(US) for by_client in results.memory.values()]
    cells += [*results.scale.get(US, []), results.load.get(US)]
    return any(isinstance(cell, str) and cell.startswith(FAILED) for cell in cells)


if __name__ == "__main__":
    main()
