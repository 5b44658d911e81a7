"""``python -m tests.fuzz --minutes N``: each reader of foreign text is tried for its share of the time.

Prints for each its executions, what libFuzzer reached (edges of our code and of what is below it),
and the findings, whose inputs stay in a folder. Exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTING = 240  # seconds that a process may need beyond its time: to instrument, to read a corpus


def run(name: str, engine: str, seconds: float, folder: Path) -> list[str]:
    """Try one reader, print what came of it, and give its findings."""
    path = os.pathsep.join(
        [str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    )
    command = [sys.executable, "-m", "tests.fuzz._engine", name, engine, str(seconds), str(folder)]
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds + STARTING,
            check=False,
        )
    except subprocess.TimeoutExpired:
        findings = [f"no end within {seconds + STARTING:.0f} s"]
        print(f"{name}: {findings[0]}", flush=True)
        return findings
    findings = re.findall(r"^FINDING (.*)$", result.stdout, re.MULTILINE)
    output = result.stdout + result.stderr
    done = re.search(r"^Done (\d+) runs", output, re.MULTILINE)
    if result.returncode or done is None:  # a crash, a hang, or a sanitizer
        findings.append(f"exit code {result.returncode}:\n{output[-4000:]}")
    executions = done[1] if done else "?"
    reached = re.findall(r"cov: (\d+)", result.stderr)
    coverage = f"{reached[-1]} edges" if reached else "unknown"
    line = f"{name:14}{executions:>10}  {coverage:>14}  {len(findings):>8}"
    print("\n    ".join([line, *findings]), flush=True)
    return findings


def main() -> int:
    """Read the command line, and try all readers."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
    from tests.fuzz._readers import READERS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="for all readers (default 1)")
    parser.add_argument("--reader", action="append", choices=READERS, help="this one; repeatable")
    parser.add_argument("--engine", choices=("atheris", "mutations"), help="default: what is there")
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "reports" / "fuzz", help="of corpora and findings"
    )
    arguments = parser.parse_args()
    names = arguments.reader or list(READERS)
    there = importlib.util.find_spec("atheris") is not None
    engine = arguments.engine or ("atheris" if there else "mutations")
    jobs = min(len(names), os.cpu_count() or 1)
    seconds = arguments.minutes * 60 * jobs / len(names)
    print(f"{engine}, {len(names)} readers, {seconds:.1f} s each, {jobs} at a time")
    print(f"{'reader':14}{'executions':>10}  {'coverage':>14}  {'findings':>8}")
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda name: run(name, engine, seconds, arguments.folder), names))
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
