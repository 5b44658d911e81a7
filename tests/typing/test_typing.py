"""What users write is understood by type checkers, and what is wrong is told.

The programs beside this file are read by mypy and pyright, both strict. Each ``type: ignore`` in
them stands at a mistake that must be told, by mypy under the code in brackets: where nobody
complains, that comment is unused, which is an error. ``assert_type`` says what both must infer.
What documentation and README show of Python, and ``examples/``, is read in the same way: each block
as a module of its own, so what it does not define or import is told, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from _pages import all_blocks

import trio_wsproxy
import trio_wsproxy.httpcore
import trio_wsproxy.testing
import trio_wsproxy.testing.simulate

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WRITTEN = sorted(path for path in HERE.glob("*.py") if path != Path(__file__))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

needs_mypy = pytest.mark.skipif(find_spec("mypy") is None, reason="there is no mypy")
needs_pyright = pytest.mark.skipif(find_spec("pyright") is None, reason="there is no pyright")


def documented() -> dict[str, str]:
    """The Python that documentation and README show, by the names of modules."""
    return {
        f"{block.page.replace('-', '_')}_{block.line}": block.text
        for block in all_blocks()
        if block.language == "python" or block.source
    }


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with all programs of documentation and README, and the examples."""
    for name, text in documented().items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    for path in EXAMPLES:
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def mypy(*arguments: str | Path) -> str:
    """What mypy complains about."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def pyright(project: Path) -> str:
    """What pyright complains about, and that it looked at something."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "-p", str(project)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "No source files found" in done.stdout:
        return done.stdout
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_something_was_found() -> None:
    """The tests below have something to look at."""
    assert len(WRITTEN) == 6
    assert sum(path.read_text("utf-8").count("type: ignore") for path in WRITTEN) > 40
    assert len(EXAMPLES) == 6
    names = {name.rpartition("_")[0] for name in documented()}
    assert names >= {"README", "tutorial", "connection", "observing", "proxies", "reference"}


@needs_mypy
def test_mypy_on_programs() -> None:
    """What is right is understood by mypy, and what is wrong is told."""
    assert mypy("--strict", *WRITTEN) == ""


@needs_pyright
def test_pyright_on_programs() -> None:
    """So does pyright."""
    assert pyright(HERE) == ""


@needs_mypy
def test_mypy_on_documentation(programs: Path) -> None:
    """There is nothing that mypy has against the documentation's programs and the examples."""
    settings = programs / "mypy.ini"
    settings.write_text(f"[mypy]\nstrict = true\nmypy_path = {ROOT}\n", encoding="utf-8")
    assert mypy("--config-file", settings, *sorted(programs.glob("*.py"))) == ""


@needs_pyright
def test_pyright_on_documentation(programs: Path) -> None:
    """Nor has pyright."""
    settings = {"include": ["."], "extraPaths": [str(ROOT)], "typeCheckingMode": "standard"}
    (programs / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    assert pyright(programs) == ""


@needs_mypy
@pytest.mark.parametrize(
    "module",
    [trio_wsproxy, trio_wsproxy.httpcore, trio_wsproxy.testing, trio_wsproxy.testing.simulate],
)
def test_all_is_exported(module: ModuleType, tmp_path: Path) -> None:
    """A type checker sees each public name under the module that it is imported from, and no other."""
    program = tmp_path / "program.py"
    names = sorted(module.__all__)
    program.write_text(f"from {module.__name__} import {', '.join(names)}\n", encoding="utf-8")
    assert mypy("--strict", program) == ""
    private = "import trio_wsproxy\ntrio_wsproxy.show_as_public\ntrio_wsproxy.VERSION\n"
    program.write_text(private, encoding="utf-8")
    assert mypy("--strict", program).count("[attr-defined]") == 2


@needs_mypy
def test_a_wrong_program(tmp_path: Path) -> None:
    """What is wrong in a program is told, so the tests above mean something."""
    program = tmp_path / "program.py"
    wrong = (
        "from trio_wsproxy import open_websocket_url\nopen_websocket_url(1)  # type: ignore[misc]\n"
    )
    program.write_text(wrong, encoding="utf-8")
    assert {"[arg-type]", "[unused-ignore]"} <= set(mypy("--strict", program).split())
