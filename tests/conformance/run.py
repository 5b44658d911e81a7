"""Run the client against Autobahn|Testsuite, the conformance tests of RFC 6455 and RFC 7692.

::

    python tests/conformance/run.py --report reports/autobahn

Needs a CPython 2.7, for Autobahn is Python 2: the one that ``$AUTOBAHN_PYTHON`` names, the
``python2.7`` on ``PATH``, or one of pyenv's. Makes a virtual environment for it, once, with the
packages of ``requirements.txt``; starts Autobahn's fuzzing server on loopback; answers every
case with an echo; and has the server write its report, one page per case, into the folder.

The 216 cases of 12 and 13 compress a thousand messages each, which is nearly all of the time a
run takes, and zlib's. ``--messages 100`` runs every case a tenth as long, for CI.

The exit code is 0 if every case is OK, NON-STRICT or INFORMATIONAL and was closed as it
should be; 1 if one was not, and the case is named; 2 if the cases could not be run; 3 if
there is no CPython 2.7.
"""

# ruff: noqa: T201  # a command prints

from __future__ import annotations

import argparse
import inspect
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

import trio_wsproxy

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
SERVER = HERE / "fuzzing_server.py"
VIRTUALENV = "virtualenv==20.21.1"  # the last that makes environments for 2.7

AGENT = "trio_wsproxy"
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}
CLOSED_WELL = {"OK", "INFORMATIONAL"}
MESSAGES = 1000  # per case of 12 and 13; Autobahn's own
TIMEOUT = 3600  # seconds for all cases; an idle machine needs about 11 minutes

# The cases of 12 and 13 compress; they are of no use without permessage-deflate.
HAS_DEFLATE = "compression" in inspect.signature(trio_wsproxy.open_websocket_url).parameters
ALL = ["*"] if HAS_DEFLATE else [f"{chapter}.*" for chapter in range(1, 11)]
OPTIONS: dict[str, Any] = {
    "proxy": None,
    "disconnect_timeout": 10,  # Autobahn itself waits for 1 s
    "ping_interval": None,  # Autobahn counts a ping of ours as a wrong answer
    "max_message_size": None,  # the largest message is one of 16 MiB
    **({"compression": "deflate"} if HAS_DEFLATE else {}),
}


class CannotRun(Exception):
    """The cases cannot be run; the message says why."""


# -- Python 2.7 and its packages ------------------------------------------------------------


def find_python27() -> str | None:
    """Return the first CPython 2.7, or ``None``; one that was named must be one."""
    if named := os.environ.get("AUTOBAHN_PYTHON"):
        if not is_cpython27(named):
            raise CannotRun(f"AUTOBAHN_PYTHON={named} is not a CPython 2.7")
        return named
    return next(filter(is_cpython27, candidates()), None)


def candidates() -> Iterator[str]:
    """All that may be a CPython 2.7."""
    if on_path := shutil.which("python2.7"):
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/2.7*/bin/python2.7"), reverse=True))


def is_cpython27(python: str) -> bool:
    """Run it and see; pyenv has a ``python2.7`` on ``PATH`` that is none."""
    code = "import platform; print(platform.python_implementation() + platform.python_version())"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.stdout.startswith("CPython2.7.")


def prepare(venv: Path, python27: str) -> str:
    """Make the virtual environment, unless it is there already; return its Python."""
    python = str(venv / "bin" / "python")
    stamp = venv / "installed.txt"
    wanted = f"{python27}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and is_cpython27(python):
        return python
    print(f"installing Autobahn|Testsuite for {python27} into {venv}", flush=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        run([sys.executable, *pip, "--target", folder, VIRTUALENV])
        run(
            [sys.executable, "-m", "virtualenv", "--quiet", "--clear", "-p", python27, str(venv)],
            env={**os.environ, "PYTHONPATH": folder},
        )
    pip += ["--no-python-version-warning", "--no-deps", "--requirement"]
    run([python, *pip, str(REQUIREMENTS)])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def run(command: Sequence[str], env: dict[str, str] | None = None) -> None:
    """Run a command; what it has to say is shown if it fails."""
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise CannotRun(f"{done.stdout}\nexit code {done.returncode} of: {' '.join(command)}")


# -- the server and the cases ---------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A running fuzzing server: its URL, and the ids of its cases in the order of their numbers."""

    url: str
    cases: tuple[str, ...]


@asynccontextmanager
async def fuzzing_server(
    python: str, report: Path, patterns: Sequence[str], messages: int
) -> AsyncGenerator[Server, None]:
    """Start the server, wait until it listens, and end it with the block."""
    log = report / "server.log"
    with log.open("wb") as stderr:
        process = await trio.lowlevel.open_process(
            [python, str(SERVER), str(report), str(messages), *patterns],
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        line = b""
        while not line.endswith(b"\n"):
            data = await process.stdout.receive_some()
            if not data:
                text = log.read_text(encoding="utf-8", errors="replace")
                raise CannotRun(f"{text}\nthe fuzzing server did not start")
            line += data
        announced = json.loads(line)
        yield Server(f"ws://127.0.0.1:{announced['port']}", tuple(announced["cases"]))
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()


async def echo(url: str) -> None:
    """Send every message back until the server is done with us."""
    try:
        async with trio_wsproxy.open_websocket_url(url, **OPTIONS) as ws:
            async for message in ws:
                await ws.send(message)
    except trio_wsproxy.ConnectionClosed:
        pass  # how it was closed is for Autobahn to judge


def batches(cases: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Order the cases so that they do not disturb each other, each batch with its concurrency.

    Many cases give the client one second, and the server computes in one thread: so the quick
    ones run first. A case that takes long runs beside those of about the same size.
    """

    def size(case: str) -> int:
        return int(case.rpartition(".")[2])

    chapters: dict[bool | None, list[str]] = {None: [], False: [], True: []}
    for case in cases:
        chapter = int(case.partition(".")[0])
        chapters[None if chapter < 9 or chapter == 10 else chapter > 10].append(case)
    yield 4, chapters[None]
    yield 2, chapters[False]
    yield 2, sorted(chapters[True], key=size)


async def run_cases(server: Server, running: set[str]) -> dict[str, str]:
    """Run all cases; return what our side raised, by case.

    ``running`` tells at any time which cases are.
    """
    raised: dict[str, str] = {}

    async def worker(queue: Iterator[str]) -> None:
        for case in queue:
            number = server.cases.index(case) + 1
            running.add(case)
            try:
                await echo(f"{server.url}/runCase?case={number}&agent={AGENT}")
            except Exception as exc:
                raised[case] = repr(exc)
            running.remove(case)

    for concurrency, cases in batches(server.cases):
        queue = iter(cases)
        async with trio.open_nursery() as nursery:
            for _ in range(concurrency):
                nursery.start_soon(worker, queue)
    return raised


# -- the verdict ----------------------------------------------------------------------------


def by_number(case: str) -> list[int]:
    """Sort "9.10" behind "9.2"."""
    return [int(part) for part in case.split(".")]


def failures(
    results: dict[str, dict[str, Any]], cases: Sequence[str], raised: dict[str, str]
) -> Iterator[str]:
    """One line for each case that did not pass."""
    for case in sorted(cases, key=by_number):
        result = results.get(case)
        if result is None:
            yield f"{case}: has no result; {raised.get(case, 'the server did not see its end')}"
        elif result["behavior"] not in PASSED or result["behaviorClose"] not in CLOSED_WELL:
            yield (
                f"{case}: {result['behavior']}, close: {result['behaviorClose']}, "
                f"see {result['reportfile']}" + (f"; {raised[case]}" if case in raised else "")
            )
        elif case in raised:
            yield f"{case}: {raised[case]}"


def counted(words: Iterator[str]) -> str:
    """For example ``292 OK, 9 NON-STRICT``."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


async def conformance(
    python: str, report: Path, patterns: Sequence[str], messages: int, timeout: float
) -> int:
    """Run the cases that match the patterns, print the verdict, return the exit code."""
    index = report / "index.json"
    report.mkdir(parents=True, exist_ok=True)
    index.unlink(missing_ok=True)  # an old report must not pass for this one
    begin = time.monotonic()
    running: set[str] = set()
    try:
        with trio.fail_after(timeout):
            async with fuzzing_server(python, report, patterns, messages) as server:
                raised = await run_cases(server, running)
                await echo(f"{server.url}/updateReports?agent={AGENT}")
    except trio.TooSlowError:
        cases = ", ".join(sorted(running, key=by_number))
        raise CannotRun(f"not done within {timeout:g} s; running: {cases or 'none'}") from None
    except trio_wsproxy.HandshakeError as exc:
        raise CannotRun(f"no report: {exc}; see {report / 'server.log'}") from None
    if not index.exists():
        raise CannotRun(f"the fuzzing server wrote no report; see {report / 'server.log'}")
    results = json.loads(index.read_text(encoding="utf-8")).get(AGENT, {})
    failed = list(failures(results, server.cases, raised))
    for line in failed:
        print(line)
    shorter = "" if messages == MESSAGES else f" of {messages} messages instead of {MESSAGES}"
    print(
        f"Autobahn|Testsuite: {len(server.cases)} cases{shorter if HAS_DEFLATE else ''}, "
        f"{counted(result['behavior'] for result in results.values())}; "
        f"close: {counted(result['behaviorClose'] for result in results.values())}; "
        f"{len(failed)} failed; {time.monotonic() - begin:.0f} s; {report / 'index.html'}"
    )
    return 1 if failed or not server.cases else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        description="Run the client against Autobahn|Testsuite.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--report", type=Path, default=ROOT / "reports" / "autobahn", help="folder for the report"
    )
    parser.add_argument(
        "--venv",
        type=Path,
        default=ROOT / ".nox" / "autobahn",
        help="folder for Autobahn's virtual environment, which is kept",
    )
    parser.add_argument(
        "--cases", nargs="+", default=ALL, metavar="PATTERN", help='for example "1.*" 9.1.6'
    )
    parser.add_argument(
        "--messages", type=int, default=MESSAGES, help="messages of each case of 12 and 13"
    )
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds for all cases")
    arguments = parser.parse_args()

    try:
        python27 = find_python27()
        if python27 is None:
            print("no CPython 2.7 here; AUTOBAHN_PYTHON may name one", file=sys.stderr)
            return 3
        if not HAS_DEFLATE:
            print("the client has no permessage-deflate yet: cases 12 and 13 are left out")
        python = prepare(arguments.venv.resolve(), python27)
        return trio.run(
            conformance,
            python,
            arguments.report.resolve(),
            arguments.cases,
            arguments.messages,
            arguments.timeout,
        )
    except CannotRun as exc:
        print(exc, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
