"""The fixture: fixed universes and fresh ones, as many as asked for, or one only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from trio_wsproxy.testing.simulate import NothingHappens, RunUniverses, current_universe

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


@pytest.mark.parametrize("count", [0, -3])
def test_no_universes(count: int) -> None:
    """No universes are a mistake: nothing would be tried, and nothing would fail."""
    for universes, told in ((RunUniverses(), count), (RunUniverses(count=count), 5)):
        with pytest.raises(ValueError, match=f"count={count}: a whole number, at least 1"):
            universes(trio.sleep, 1, count=told)


def test_bounds() -> None:
    """A call may bound how long each lasts, and how much its program does."""

    async def main() -> None:
        assert current_universe().times(100) <= 3
        await trio.sleep(10)

    with pytest.raises(NothingHappens, match="after 5 virtual seconds"):
        RunUniverses()(main, at_most=3, limit=5)


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
        line = line_in(result.stdout)
        assert line.startswith("cd ")
        assert line.endswith(
            "-p trio_wsproxy.testing.simulate.pytest_plugin test_it.py::test_all --universe 5"
        )


def line_in(output: str) -> str:
    """The line for a shell that stands in what pytest has printed."""
    (line,) = [x for x in output.splitlines() if x.startswith("E") and " -m pytest " in x]
    return line[1:].strip()


PARAMETRIZED = """
import pytest
import trio
from trio_wsproxy.testing.simulate import Network, current_universe, run

pytest_plugins = ["trio_wsproxy.testing.simulate.pytest_plugin"]

class TestFeed:
    @pytest.mark.parametrize("text", ["it's \\"quoted\\" $HOME", "b"])
    def test_all(self, universes, text):
        async def main():
            await trio.lowlevel.checkpoint()
            assert current_universe().seed < 3, f"{text} {current_universe().seed}"
        universes(main, count=10)
"""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
def test_line_for_a_shell(tmp_path: Path) -> None:
    """The line runs that one test in that one universe, from another folder, whatever the test is called."""
    project = tmp_path / "my project"
    (project / "tests").mkdir(parents=True)
    (project / "tests" / "test_it.py").write_text(PARAMETRIZED, encoding="utf-8")
    (project / "pytest.ini").touch()
    first = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_it.py", "-k", "quoted"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    again = subprocess.run(
        line_in(first.stdout), shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    for output in (first.stdout, again.stdout):
        assert 'it\'s "quoted" $HOME 3' in output
        assert "1 failed" in output
    assert line_in(first.stdout) == line_in(again.stdout)


SETTINGS = """
import os
import trio
from trio_wsproxy import resolve_proxy

async def hops():
    await trio.lowlevel.checkpoint()
    found.append(len(resolve_proxy("wss://example.org/").hops))

found = []

def test_hidden(universes):
    universes(hops, count=1)
    assert found.pop() == 0

def test_of_its_own(universes, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    universes(hops, count=1)
    assert found.pop() == 1

async def test_async(universes):
    try:
        universes(hops, count=1)
    except RuntimeError as exc:
        assert "written with def, not with async def" in str(exc)
    else:
        raise AssertionError

def test_still_there():
    assert os.environ["https_proxy"] == "http://real.test:80"
"""


def test_settings_of_the_machine(tmp_path: Path) -> None:
    """Proxies of whoever runs the tests do not count, those of a test do; an async test is told what to write."""
    (tmp_path / "test_it.py").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\n", encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "trio_wsproxy.testing.simulate.pytest_plugin"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "https_proxy": "http://real.test:80"},
    )
    assert "4 passed" in result.stdout, result.stdout
