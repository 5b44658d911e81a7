"""What the page about simulated networks shows does what it says, printed as it is."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _pages import blocks, checked_by

ROOT = Path(__file__).parents[3]
BLOCKS = [block for block in blocks(ROOT / "docs" / "simulate.rst") if not block.source]
PYTHON = [block.text for block in BLOCKS if block.language == "python"]
PROGRAMS = [
    (block.text, following.text)
    for block, following in itertools.pairwise(BLOCKS)
    if block.language == "python" and following.output
]
TESTS = [text for text in PYTHON if "def test_" in text]
PLUGIN = "trio_wsproxy.testing.simulate.pytest_plugin"


def said(command: list[str], folder: Path) -> str:
    """What a command prints, which has to succeed."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_all_are_tried() -> None:
    """Each Python block of the page is one of those below."""
    assert len(PROGRAMS) == 2
    assert len(TESTS) == 1
    assert len(PYTHON) == 3


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
def test_programs(program: str, output: str, tmp_path: Path) -> None:
    """A whole program runs, and prints what stands below it."""
    (tmp_path / "program.py").write_text(program, encoding="utf-8")
    assert said(["program.py"], tmp_path) == output


@pytest.mark.parametrize("mode", ["trio_mode = true", ""])
@pytest.mark.parametrize("module", TESTS)
def test_test_modules(module: str, mode: str, tmp_path: Path) -> None:
    """A whole test module passes, whether pytest-trio runs tests or not."""
    (tmp_path / "test_it.py").write_text(module, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\n{mode}\n", encoding="utf-8")
    assert "2 passed" in said(["-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path)


def test_command() -> None:
    """The command of the page prints what stands below it."""
    command, output = (
        checked_by(__file__)["a command"].text.removeprefix("$ python ").split("\n", 1)
    )
    assert said(command.split(), ROOT) == output


def test_line_behind_a_failure(tmp_path: Path) -> None:
    """What stands behind a failure looks as the page shows it."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "tests" / "test_feed.py").write_text(
        "import trio\n"
        "from trio_wsproxy.testing.simulate import Chance, Network\n"
        "async def main():\n"
        "    for _ in range(20):\n"
        "        await trio.open_tcp_stream('feed.test', 80)\n"
        "def test_feed(universes):\n"
        "    universes(main, network=Network(faults=Chance(1)))\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    shown = checked_by(__file__)["a failure"].text
    pattern = re.escape(shown.splitlines()[-1].strip())
    pattern = (
        pattern.replace("/home/ada/feed", ".+").replace("17", r"\d+").replace("python", r"\S+", 1)
    )
    if sys.version_info >= (3, 11):
        assert re.search(pattern, done.stdout), done.stdout
        assert re.search(r"E +faults that struck:\nE +1: \w+ \(resolve of", done.stdout)
