"""What cannot run here is at least consistent: workflows, versions, the lists of Pythons."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import trio_wsproxy

yaml: Any = pytest.importorskip("yaml")  # of the dependency group "test"; it has no types
# Python 3.10 has it from pytest, which needs it there.
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").iterdir())
}
JOBS: dict[str, dict[str, Any]] = {
    f"{name}:{title}": job
    for name, workflow in WORKFLOWS.items()
    for title, job in workflow["jobs"].items()
}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
PYTHONS = re.findall(r'"([\dt.]+)"', NOXFILE.partition("PYTHONS = [")[2].partition("]")[0])


def matrix_values(text: str, job: dict[str, Any]) -> list[str]:
    """What an expression such as ``${{ matrix.os }}`` stands for in a job."""
    name = re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", text)
    return list(map(str, job["strategy"]["matrix"][name[1]])) if name else [text]


def test_workflows() -> None:
    """There is one for each change and one for a release, and neither may write by default."""
    assert set(WORKFLOWS) == {"ci.yml", "release.yml"}
    for workflow in WORKFLOWS.values():
        assert set(workflow) - {"env", "concurrency"} == {"name", True, "permissions", "jobs"}
        assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_job(job: dict[str, Any]) -> None:
    """A job runs on a machine with a version, ends in the end, and has steps that do something."""
    assert job["timeout-minutes"] <= 45
    for machine in matrix_values(job["runs-on"], job):
        assert re.fullmatch(r"(ubuntu|macos|windows)-\d[\w.-]*", machine)
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert "secrets." not in str(step)
        # What somebody else may choose, such as a branch's name, is no part of a shell's line.
        assert not re.search(r"\$\{\{(?! matrix\.)", step.get("run", ""))


@pytest.mark.parametrize("step", [step for step in STEPS if "uses" in step], ids=str)
def test_pinned(step: dict[str, Any]) -> None:
    """An action has a full version, and a checkout leaves no token behind."""
    assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", step["uses"])
    if step["uses"].startswith("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False


def test_needs() -> None:
    """A job waits for jobs that exist, and nothing is published without all others."""
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            assert set(job.get("needs", ())) <= set(workflow["jobs"])
    jobs = WORKFLOWS["release.yml"]["jobs"]
    assert set(jobs["publish"]["needs"]) == set(jobs) - {"publish"}


def test_trusted_publishing() -> None:
    """One job may identify itself to PyPI, for tags only, and signs what it uploads."""
    (publish,) = (job for job in JOBS.values() if "permissions" in job)
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["if"] == "startsWith(github.ref, 'refs/tags/')"
    assert publish["environment"]["name"] == "pypi"
    *_, upload = publish["steps"]
    assert upload["with"] == {"attestations": True}


def test_pythons() -> None:
    """All lists of Pythons are the same: noxfile, workflow, classifiers, and what is required."""
    matrix = WORKFLOWS["ci.yml"]["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert {machine.partition("-")[0] for machine in matrix["os"]} == {"ubuntu", "macos", "windows"}
    project = PYPROJECT["project"]
    classified = re.findall(r":: (3\.\d+)'", str(project["classifiers"]))
    assert classified == [python for python in PYTHONS if not python.endswith("t")]
    assert project["requires-python"] == f">={classified[0]}"
    assert ("Free Threading" in str(project["classifiers"])) == any("t" in p for p in PYTHONS)


@pytest.mark.parametrize(
    "session",
    sorted(
        {
            value
            for job in JOBS.values()
            for step in job["steps"]
            for name in re.findall(r"nox -s (\$\{\{.*?\}\}|\w+)", step.get("run", ""))
            for value in matrix_values(name, job)
        }
    ),
)
def test_sessions(session: str) -> None:
    """A session of nox that a workflow runs exists."""
    assert re.search(rf"^def {session}\(", NOXFILE, re.MULTILINE)


def test_wheels() -> None:
    """Wheels are built on x86-64 and ARM of each system, of the oldest Python and free-threaded."""
    wheels = WORKFLOWS["release.yml"]["jobs"]["wheels"]["strategy"]["matrix"]["os"]
    assert {re.sub(r"-[\d.]+", "", machine) for machine in wheels} == {
        *("ubuntu", "ubuntu-arm"),
        *("macos", "macos-intel"),
        *("windows", "windows-arm"),
    }
    oldest = PYTHONS[0].replace(".", "")
    threaded = PYTHONS[-1].replace(".", "")
    assert PYPROJECT["tool"]["cibuildwheel"]["build"] == [f"cp{oldest}-*", f"cp{threaded}-*"]
    assert "skip" not in PYPROJECT["tool"]["cibuildwheel"]  # musl is among them
    assert f'"py_limited_api": "cp{oldest}"' in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_one_version() -> None:
    """The version stands in _version.py alone, and the changelog begins with it."""
    assert "version" in PYPROJECT["project"]["dynamic"]
    assert "version" not in PYPROJECT["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^(\d\S*), ", changelog, re.MULTILINE)
    newest = re.findall(r"^(\d+\.\d+\.\d+), ", changelog, re.MULTILINE)[0]
    assert newest == trio_wsproxy.__version__


def test_reasons() -> None:
    """Each dependency has its reason beside it."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    begin, end = text.index("\ndependencies = ["), text.index("[tool.setuptools.dynamic]")
    for line in text[begin:end].splitlines():
        if re.search(r'"[a-z][\w.-]*(\[\w+\])?(>=|<)', line):
            assert "#" in line, line


@pytest.mark.parametrize("name", [".readthedocs.yaml", ".pre-commit-config.yaml"])
def test_yaml(name: str) -> None:
    """The other configurations are YAML, and what they name is there or has a version."""
    settings = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    if name == ".readthedocs.yaml":
        assert (ROOT / settings["sphinx"]["configuration"]).is_file()
    else:
        assert all(re.fullmatch(r"v[\d.]+", repo["rev"]) for repo in settings["repos"])


def hints() -> list[tuple[str, str]]:
    """Each requirement that a message or a docstring says to install, and where."""
    found = []
    for path in sorted((ROOT / "trio_wsproxy").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for hint in re.findall(
            r"pip install ('[^']+'|[\w.-]+(?: [\w-]+)*?(?=[`\"',.;) ]|$))", text
        ):
            found += [(path.name, name) for name in hint.strip("'").split()]
    return found


def test_hints() -> None:
    """What messages say to install is on the index before and after a release, and in an extra."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    known = {re.split("[>=<;]", item)[0] for items in extras.values() for item in items}
    assert len(hints()) > 5
    for where, name in hints():
        assert name in known | {"{names[-1]}"}, where
    for path in (ROOT / "trio_wsproxy").rglob("*.py"):
        assert "trio-wsproxy[" not in path.read_text(encoding="utf-8"), path
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.rst")):
        assert "trio-wsproxy[" not in page.read_text(encoding="utf-8"), page
