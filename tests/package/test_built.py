"""What a release uploads: the source distribution and the wheels, as they are built."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import trio_wsproxy

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ["benchmarks", "docs", "examples", "packaging", "tests", "trio_wsproxy"]
FILES = [
    *(".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml", ".readthedocs.yaml"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "README.md", "SECURITY.md"),
    *("noxfile.py", "pyproject.toml", "setup.py"),
]
COMPILER = shutil.which(os.environ.get("CC", "cc").split()[0] or "cc")


def source(folder: Path) -> set[str]:
    """All files of a folder that somebody has written."""
    made = re.compile(r"(^|/)(__pycache__|_build|\.[\w-]+)/|\.(pyc|so|pyd)$")
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {path for path in paths if not made.search(path)}


def content(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def headers(files: dict[str, bytes], name: str) -> Message:
    """One of the files of metadata."""
    (text,) = (data for path, data in files.items() if path.endswith(f".dist-info/{name}"))
    return Parser().parsestr(text.decode())


def run(code: str, *path: Path) -> str:
    """Run a program that finds the package at this path first."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=path[0],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("folder", FOLDERS)
def test_source_distribution_has_the_folder(sdist: Path, folder: str) -> None:
    """The source distribution has all that the repository has in it."""
    assert source(sdist / folder) == source(ROOT / folder)
    assert source(sdist / folder)


@pytest.mark.parametrize("name", FILES)
def test_source_distribution_has_the_file(sdist: Path, name: str) -> None:
    """So it is with what stands beside the folders."""
    assert (sdist / name).read_bytes() == (ROOT / name).read_bytes()


def test_tests_of_the_source_distribution(sdist: Path) -> None:
    """The tests run in it, on the package that is in it."""
    code = "import trio_wsproxy; print(trio_wsproxy.__file__)"
    assert Path(run(code, sdist)) == (sdist / "trio_wsproxy" / "__init__.py").resolve()
    tests = ["tests/test_lazy.py", "tests/test_records.py", "tests/urls/test_hosts.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        capture_output=True,
        text=True,
        check=False,
        cwd=sdist,
        env={**os.environ, "PYTHONPATH": str(sdist)},
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE)


def test_wheels_have_no_source_but_python(wheel: Path, pure_wheel: Path) -> None:
    """No wheel has C source or tests; each has what marks the package as typed, and the script of PAC."""
    for made in (wheel, pure_wheel):
        files = content(made)
        kinds = {Path(name).suffix for name in files if name.startswith("trio_wsproxy/")}
        assert kinds - {".so", ".pyd"} == {".py", ".pyi", ".js", ".typed"}
        assert {name.partition("/")[0] for name in files} == {
            "trio_wsproxy",
            f"trio_wsproxy-{trio_wsproxy.__version__}.dist-info",
        }
        python = {x for x in source(ROOT / "trio_wsproxy") if x.endswith(".py")}
        assert {f"trio_wsproxy/{x}" for x in python} <= set(files)


def test_metadata(wheel: Path) -> None:
    """The index is told version, licence with its file, Pythons, and the extras."""
    files = content(wheel)
    metadata = headers(files, "METADATA")
    assert metadata["Version"] == trio_wsproxy.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.10"
    licence = f"trio_wsproxy-{trio_wsproxy.__version__}.dist-info/licenses/LICENSE"
    assert files[licence] == (ROOT / "LICENSE").read_bytes()
    extras = set(metadata.get_all("Provides-Extra", []))
    assert {"cli", "httpcore", "httpcore2", "kerberos", "negotiate", "pac", "testing"} <= extras
    assert "Framework :: Trio" in metadata.get_all("Classifier", [])
    assert metadata["Description-Content-Type"] == "text/markdown"


def test_pure_wheel(pure_wheel: Path, tmp_path: Path) -> None:
    """Without a compiler a wheel is pure, says so, and works."""
    assert pure_wheel.name == f"trio_wsproxy-{trio_wsproxy.__version__}-py3-none-any.whl"
    files = content(pure_wheel)
    said = headers(files, "WHEEL")
    assert (said["Tag"], said["Root-Is-Purelib"]) == ("py3-none-any", "true")
    assert not [name for name in files if name.endswith((".so", ".pyd"))]
    shutil.unpack_archive(pure_wheel, tmp_path, "zip")
    assert run("import trio_wsproxy; print(trio_wsproxy.SPEEDUPS)", tmp_path) == "False"


@pytest.mark.skipif(COMPILER is None, reason="there is no compiler")
def test_compiled_wheel(wheel: Path, tmp_path: Path) -> None:
    """With a compiler it has the extension, for this platform, and uses it."""
    said = headers(content(wheel), "WHEEL")
    assert said["Root-Is-Purelib"] == "false"
    assert said["Tag"].endswith("-none-any") is False
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert said["Tag"].startswith("cp310-abi3-")
    shutil.unpack_archive(wheel, tmp_path, "zip")
    code = "import trio_wsproxy as t; print(t.SPEEDUPS, t.__file__)"
    assert run(code, tmp_path) == f"True {tmp_path / 'trio_wsproxy' / '__init__.py'}"
