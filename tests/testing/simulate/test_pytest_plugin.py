"""The fixture: fixed universes and fresh ones, as many as asked for, or one only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from trio_wsproxy.testing.simulate import RunUniverses, current_universe

TEST = """
import trio
from trio_wsproxy.testing.simulate import Network, current_universe

async def main(seen):
    await trio.lowlevel.checkpoint()
    seen.append(current_universe().seed)
    assert seen[-1] != 5

def test_all(universes):
    seen = []
    try:
        universes(main, seen, network=Network(black_holes=("10.8.8.8",)), count=10)
    finally:
        print("SEEN", *seen)
"""


def test_seeds() -> None:
    """Most seeds are the same each time, some are new."""

    async def main(seen: list[int]) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(current_universe().seed)

    first: list[int] = []
    second: list[int] = []
    for seen in (first, second):
        RunUniverses()(main, seen, count=10)
    assert first[:8] == second[:8] == list(range(8))
    assert first[8:] != second[8:]
    only: list[int] = []
    RunUniverses(only=77, count=3)(main, only)
    assert only == [77]


@pytest.mark.parametrize(
    ("options", "seen", "code"),
    [([], "0 1 2 3 4 5", 1), (["--universe=7"], "7", 0), (["--universes=4"], "0 1 2 3 4", 0)],
)
def test_in_pytest(options: list[str], seen: str, code: int, tmp_path: Path) -> None:
    """A failure names its universe; the options choose others."""
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "pytest.ini").touch()
    plugin = "trio_wsproxy.testing.simulate.pytest_plugin"
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", plugin, *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if options != ["--universes=4"]:  # no fresh one among so few
        assert f"SEEN {seen}\n" in result.stdout
    assert result.returncode == code, result.stdout
    if code and sys.version_info >= (3, 11):
        assert "once more: simulate.run(main, seed=5, network=Network(black_holes=" in result.stdout
