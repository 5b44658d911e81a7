"""Tries universes until a law is broken; ``_planting.py`` runs it in a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]


CPU = (
    30  # seconds of the processor's time after which a universe hangs; it takes a twentieth of one
)


def watch(seed: int) -> None:
    """Let this process end with a finding where a universe spins."""

    def ends(*_: object) -> None:
        print(f"FOUND {seed + 1} it_hangs", flush=True)
        os._exit(0)

    signal.signal(signal.SIGPROF, ends)
    signal.setitimer(signal.ITIMER_PROF, CPU)


def main() -> None:
    """Print a line for each universe, and ``FOUND`` with the number of the first that breaks a law."""
    from _scenarios import case_of, try_case

    parser = argparse.ArgumentParser()
    parser.add_argument("universes", type=int)
    parser.add_argument("--behaviour")
    arguments = parser.parse_args()
    for seed in range(arguments.universes):
        watch(seed)
        verdict = try_case(case_of(seed, arguments.behaviour))
        if verdict.broken:
            print(f"FOUND {seed + 1} {verdict.broken[0][0]}", flush=True)
            return
        print(seed, flush=True)


if __name__ == "__main__":
    main()
