"""Builds the package as a release does, from a copy of the source, without fetching anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
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


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*MADE))
    (made,) = build(folder / "source", folder / "dist", "--sdist")
    shutil.unpack_archive(made, folder / "unpacked")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


@pytest.fixture(scope="session")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made from the source distribution."""
    (made,) = build(sdist, tmp_path_factory.mktemp("wheel"), "--wheel")
    return made


@pytest.fixture(scope="session")
def pure_wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is made where there is no compiler."""
    folder = tmp_path_factory.mktemp("pure")
    shutil.copytree(sdist, folder / "source", ignore=shutil.ignore_patterns(*MADE))
    (made,) = build(folder / "source", folder / "dist", "--wheel", CC="false", CXX="false")
    return made
