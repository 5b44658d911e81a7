"""What the documentation shows is true: its programs run, its table of no_proxy holds."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import trio
from _pages import checked_by, programs

import trio_wsproxy
from trio_wsproxy import _urls

ROOT = Path(__file__).parent.parent
PROGRAMS = [
    pytest.param(program.text, output.text, id=f"{program.page}-{program.line}")
    for program, output in programs()
    if program.page != "README"  # tests/test_examples.py has that one
]


@pytest.mark.parametrize(("program", "output"), PROGRAMS)
async def test_program(program: str, output: str, tmp_path: Path) -> None:
    """A whole program runs, and prints what stands below it."""
    script = tmp_path / "program.py"
    script.write_text(program, encoding="utf-8")
    done = await trio.run_process(
        [sys.executable, str(script)],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.stderr == b""
    assert masked(done.stdout.decode().replace(os.linesep, "\n")) == masked(output)


def masked(text: str) -> str:
    """What is printed, without ports and times."""
    return re.sub(r"\b[\d.]+ (m?s)\b", r"TIME \1", re.sub(r":\d+", ":PORT", text))


def no_proxy_table() -> list[tuple[str, str, bool]]:
    """Entry, host and whether the one covers the other, from docs/routing.rst."""
    text = (ROOT / "docs" / "routing.rst").read_text(encoding="utf-8")
    table = text.partition(".. csv-table::")[2].partition("\n\n")[2].partition("\n\n")[0]
    result = []
    for line in table.splitlines():
        entry, covered, others = (re.findall(r"``(.+?)``", cell) for cell in line.split(","))
        result += [(entry[0], host, True) for host in covered]
        result += [(entry[0], host, False) for host in others]
    return result


@pytest.mark.parametrize(("entry", "host", "covered"), no_proxy_table())
def test_no_proxy_table(entry: str, host: str, covered: bool) -> None:
    """Each example of the table does what the table says."""
    environ = {"all_proxy": "http://proxy.test:3128", "no_proxy": entry}
    route = trio_wsproxy.resolve_proxy(f"ws://{host}", environ=environ)
    assert (route.hops == ()) is covered


PLACES = [
    pytest.param(place, id=f"{page.stem}:{place}")
    for page in (ROOT / "docs" / "architecture.rst", ROOT / "CONTRIBUTING.md")
    for place in sorted(
        set(
            re.findall(
                r"`((?:_[a-z]+(?:/_\w+)?|(?:tests|docs|testing)/[\w./]+)(?:\.\w+)?)`",
                page.read_text(encoding="utf-8"),
            )
        )
    )
]


@pytest.mark.parametrize("place", PLACES)
def test_places(place: str) -> None:
    """A room or file that the pages for contributors name is there."""
    above = ROOT / "trio_wsproxy" if place.startswith("_") else ROOT
    assert any(found.is_dir() or found.suffix for found in above.glob(f"{place}*")), place


def test_one_connection() -> None:
    """The picture of its life names rooms, and what passes from one to the next."""
    picture = checked_by(__file__)["one connection"].text
    rooms = re.findall(r"│  (_\w+)", picture)
    values = re.findall(r"^([A-Za-z.]+)", picture, re.MULTILINE)
    assert rooms == ["_urls", "_routing", "_transport", "_websocket"]
    assert values == ["Target", "Route", "trio.abc.Stream", "WebSocketConnection"]
    assert all((ROOT / "trio_wsproxy" / room).is_dir() for room in rooms)
    assert all(
        value in {*trio_wsproxy.__all__, *_urls.__all__, "trio.abc.Stream"} for value in values
    )


def test_something_was_found() -> None:
    """The tests above have something to look at."""
    assert len(PROGRAMS) == 17
    assert len(no_proxy_table()) > 30
    assert len(PLACES) > 30
