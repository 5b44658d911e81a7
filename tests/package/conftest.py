"""Builds the package as a release does, from a copy of the source, without fetching anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# What stands in a working copy and is nobody's source.
MADE = [
    ".*_cache",
    ".coverage*",
    ".git",
    ".hypothesis",
    ".nox",
    ".venv",
    "*.egg-info",
    "*.pyc",
    "*.pyd",
    "*.so",
    "__pycache__",
    "_build",
    "build",
    "dist",
    "node_modules",
    "reports",
    "venv",
]


def build(source: Path, output: Path, *options: str, **environment: str) -> list[Path]:
    """Run ``python -m build`` as .github/workflows/release.yml does; give what it has made."""
    if importlib.util.find_spec("build") is None:
        pytest.skip("build is not installed; it is in the dependency group 'test'")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), *options],
        cwd=source,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(output.iterdir())


def once(name: str, make: Callable[[Path], object], factory: pytest.TempPathFactory) -> Path:
    """Make a folder once, for all workers of pytest-xdist; whoever comes later waits for the first.

    Where that one fails, it tells why, and the others find a folder in which what they want is missing.
    """
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # that of all workers
    folder, done = base / name, base / f"{name}.done"
    try:
        folder.mkdir()
    except FileExistsError:
        while not done.exists():
            time.sleep(0.05)
        return folder
    try:
        make(folder)
    finally:
        done.touch()
    return folder


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""

    def make(folder: Path) -> None:
        shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*MADE))
        (made,) = build(folder / "source", folder / "dist", "--sdist")
        shutil.unpack_archive(made, folder / "unpacked")

    (unpacked,) = (once("sdist", make, tmp_path_factory) / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the source distribution."""

    def make(folder: Path) -> None:
        build(sdist, folder / "dist", "--wheel")

    (made,) = (once("wheel", make, tmp_path_factory) / "dist").iterdir()
    return made


@pytest.fixture(scope="session")
def pure_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is made where there is no compiler."""

    def make(folder: Path) -> None:
        shutil.copytree(sdist, folder / "source", ignore=shutil.ignore_patterns(*MADE))
        build(folder / "source", folder / "dist", "--wheel", CC="false", CXX="false")

    (made,) = (once("pure", make, tmp_path_factory) / "dist").iterdir()
    return made
