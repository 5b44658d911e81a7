"""README says what is so: its figures are the benchmark's, its files are there, its pages exist."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from _pages import checked_by

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"""(?:\]\(|(?:href|src|srcset)=")([^)"\s]+)""")
LINKS = LINK.findall(README)
SITE = "https://trio-wsproxy.readthedocs.io"


def test_echo_is_the_benchmarks() -> None:
    """The row with figures has those of the table in docs/, rounded."""
    table = (ROOT / "docs" / "performance-table.txt").read_text(encoding="utf-8")
    row = table.partition("   * - echo 64 B, ws\n")[2].partition("   * - ")[0]
    measured = [
        f"{float(number):.0f} {unit}" for number, unit in re.findall(r"- \| ([\d.]+)\s(\S+)", row)
    ]
    shown = re.search(r"^\| echo of 64 bytes in (.*?) \(.*$", README, re.MULTILINE)
    assert shown
    cells = [cell.strip() for cell in shown[0].strip("|").split("|")][1:]
    assert [shown[1], *cells] == [*measured[:3], "–"]


@pytest.mark.parametrize("link", sorted({link for link in LINKS if "://" not in link}))
def test_files(link: str) -> None:
    """A file that README links to is in the repository."""
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("link", sorted({link for link in LINKS if link.startswith(SITE)}))
def test_pages(link: str) -> None:
    """A page of the documentation that README links to is one of its sources, and has the place."""
    name, _, place = link.removeprefix(SITE).removeprefix("/en/latest/").partition("#")
    page = (ROOT / "docs" / f"{name.removesuffix('.html') or 'index'}.rst").read_text("utf-8")
    assert not place or f"\n.. _{place}:\n" in page


def test_versions() -> None:
    """The rivals' versions are those that the tests ask for, and so is Python's."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    wanted = " ".join([*map(str, settings["dependency-groups"]["test"]), *project["dependencies"]])
    rivals = re.search(r"versions on PyPI \((.*?)\)", README, re.DOTALL)
    assert rivals
    versions = re.findall(r"([a-z-]+) (\d[\d.]*)", rivals[1])
    assert [name for name, _ in versions] == ["websockets", "trio-websocket", "httpx-ws"]
    for name, version in versions:
        assert f"{name}>={version}" in wanted
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer." in README


def test_five_lines() -> None:
    """What is in one's own program is as long as is said."""
    _, own = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len([line for line in own.splitlines() if line]) == 5
    assert "In your program it is five lines" in README


def test_extras() -> None:
    """The table of extras has all of them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    section = README.partition("\n## Install\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(
        project["optional-dependencies"]
    )


def test_dependencies() -> None:
    """What it stands on is what the package asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shown = re.search(r"Without any it stands on (.*?)\.\n", README, re.DOTALL)
    assert shown
    names = [re.split(r"[^\w-]", wanted)[0] for wanted in project["dependencies"]]
    assert sorted(re.split(r",\s|\sand\s", shown[1])) == sorted(names)


def commands(title: str) -> list[str]:
    """The lines of the first block of a section."""
    section = README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    block = re.search(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block
    return block[1].splitlines()


@pytest.mark.parametrize("title", ["Run it", "Test it"])
def test_how_to_run_and_test(title: str) -> None:
    """The first blocks of these two sections are commands, for people and for programs that read them."""
    upgrade, install, run = commands(title)
    assert checked_by(__file__)[title].text.splitlines() == [upgrade, install, run]
    assert upgrade == "python -m pip install --quiet --upgrade pip"
    found = re.fullmatch(
        r"python -m pip install --quiet -e '\.\[(\w+)\]'(?: --group (\w+))?", install
    )
    assert found
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert found[1] in project["project"]["optional-dependencies"]
    if title == "Run it":
        assert run == "python -m trio_wsproxy demo"  # tests/cli/test_pages.py runs it
        return
    # .ci/run does what stands there, as a CI's log shows; -n is of pytest-xdist.
    assert run == "python -m pytest -n auto"
    assert any(item.startswith("pytest-xdist") for item in project["dependency-groups"][found[2]])
    assert '$0 == "## Test it"' in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_index() -> None:
    """On the package index, where there are no files, no link and no picture leads to one."""
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    source = setup.partition("REPOSITORY = ")[1] + setup.partition("REPOSITORY = ")[2]
    names = {"re": re, "Path": Path, "__file__": str(ROOT / "setup.py")}
    exec(source.partition("\n\n\nsetup(")[0], names)  # without building anything
    text = names["described"]()  # type: ignore[operator]  # a dictionary's values are of any type
    links = LINK.findall(text)
    assert len(links) == len(LINKS)
    assert all(link.startswith("https://") for link in links)
    pictures = [link for link in links if link.endswith(".svg")]
    assert len(pictures) == 3
    assert all(
        link.startswith("https://raw.githubusercontent.com/trio-wsproxy/trio-wsproxy/main/docs/")
        for link in pictures
    )
