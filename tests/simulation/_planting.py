"""Plants the faults of ``_mutations.py``, one by one, and tells after how many universes a law was broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from _mutation import Mutation
from _mutations import MUTATIONS

import trio_wsproxy

NEWLINE = b"\n"
ROOT = Path(__file__).parents[2]
PACKAGE = Path(trio_wsproxy.__file__).parent
SECONDS = 900  # for one mutation


def plant_all(words: str, universes: int, jobs: int) -> int:
    """Plant each one whose name matches an expression; print a table; tell whether one was missed."""
    print(f"laws, and after how many universes they were broken, of {universes} at most")
    chosen = [m for m in MUTATIONS if re.search(words, m.name)]
    missed = 0
    with ThreadPoolExecutor(jobs) as pool:
        planted = {pool.submit(plant, mutation, universes): mutation for mutation in chosen}
        for done in as_completed(planted):
            print(f"{done.result():>42}  {planted[done].name}", flush=True)
            missed += done.result().startswith("MISSED")
    print(f"{len(chosen) - missed} of {len(chosen)} planted faults were found")
    return bool(missed)


def plantable() -> list[Mutation]:
    """Give all, if each can be planted."""
    for mutation in MUTATIONS:
        text = (PACKAGE / mutation.file).read_text(encoding="utf-8")
        assert text.count(mutation.before) == 1, f"{mutation.name}: not there once"
        compile(text.replace(mutation.before, mutation.after), mutation.file, "exec")
    return MUTATIONS


def plant(mutation: Mutation, universes: int) -> str:
    """Plant one in a copy of the package; tell by which law it was found, and when."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "trio_wsproxy"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutation.file
        text = file.read_text(encoding="utf-8")
        assert text.count(mutation.before) == 1, f"{mutation.name}: not there once"
        file.write_text(text.replace(mutation.before, mutation.after), encoding="utf-8")
        behaviour = ["--behaviour", mutation.behaviour] if mutation.behaviour else []
        program = (
            "import sys; sys.path.insert(0, sys.argv.pop(1)); import trio_wsproxy; import runpy;"
            "runpy.run_module('tests.simulation._one', run_name='__main__')"
        )
        try:
            result = subprocess.run(
                [sys.executable, "-c", program, folder, str(universes), *behaviour],
                cwd=ROOT,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            return f"MISSED in {(exc.stdout or b'').count(NEWLINE)}, time is over"
    found = re.search(r"^FOUND (\d+) (\S+)$", result.stdout, re.MULTILINE)
    if found:
        return f"{found[2]}: {found[1]}"
    if result.returncode:
        return "crashed: " + result.stderr.strip()[-60:].replace("\n", " ")
    return "MISSED"
