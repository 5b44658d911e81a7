"""Tries universes until a law is broken; ``_planting.py`` runs it in a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE)]


def main() -> None:
    """Print a line for each universe, and ``FOUND`` with the number of the first that breaks laws, and those."""
    from _scenarios import case_of, try_case
    from _searching import watch

    parser = argparse.ArgumentParser()
    parser.add_argument("universes", type=int)
    parser.add_argument("--behaviour")
    arguments = parser.parse_args()
    for seed in range(arguments.universes):
        watch(f"FOUND {seed + 1} in_time")
        verdict = try_case(case_of(seed, arguments.behaviour))
        if verdict.broken:
            laws = dict.fromkeys(law for law, _ in verdict.broken)
            print(f"FOUND {seed + 1} {'+'.join(laws)}", flush=True)
            return
        print(seed, flush=True)


if __name__ == "__main__":
    main()
