"""What ``docs/performance.rst`` says and draws is what its table has."""

from __future__ import annotations

import itertools
import re
from html import unescape

import pytest
from _pages import ROOT

from trio_wsproxy._websocket import _outbox

DOCS = ROOT / "docs"
PAGE = " ".join((DOCS / "performance.rst").read_text(encoding="utf-8").split())
TABLE = (
    (DOCS / "performance-table.txt").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
)
ROW = re.compile(r"^   \* - (.+)\n((?:     .*\n?)+)", re.MULTILINE)
CELL = re.compile(r"^     - (?:\| )?(.*)$", re.MULTILINE)
TEXT = re.compile(r"<text[^>]*>([^<]*)</text>")
ON_TRIO = ("websockets", "trio-websocket")
AHEAD = 0.95  # times our own time; what is nearer is as fast


def rows() -> list[tuple[str, dict[str, str]]]:
    """Each row of the tables: its name, and the first line of each cell by the head of its column."""
    found: list[tuple[str, dict[str, str]]] = []
    head: list[str] = []
    for part in TABLE.split(".. list-table::\n")[1:]:
        for number, (name, cells) in enumerate(ROW.findall(part)):
            if number == 0:
                head = CELL.findall(cells)
            else:
                found.append((name, dict(zip(head, CELL.findall(cells), strict=False))))
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chart(theme: str) -> None:
    """Each figure of a chart is one of the table."""
    svg = (DOCS / "_static" / f"performance-{theme}.svg").read_text(encoding="utf-8")
    operations = {name: cells for name, cells in rows() if "trio_wsproxy" in cells}
    operation = ""
    texts = [unescape(text) for text in TEXT.findall(svg)][2:]  # behind what the colours mean
    figures = 0
    for text, following in itertools.pairwise(texts):
        if text in operations:
            operation = text
        elif text in operations[operation]:
            shown = operations[operation][text].replace("(", "").replace(")", "")
            assert following == shown, (operation, text)
            figures += 1
    assert figures > 40


def test_who_is_ahead_is_named() -> None:
    """Each row in which another client on trio is ahead is named, as the table calls it."""
    named = PAGE.partition("Where nobody on trio is much faster")[2].partition("The figures")[0]
    lost = [
        name
        for name, cells in rows()
        for client in ON_TRIO
        if (ratio := re.search(r"\(×([\d.]+)\)", cells.get(client, ""))) and float(ratio[1]) < AHEAD
    ]
    assert lost
    for name in lost:
        assert f"``{name}``" in named, name


def test_ten_thousand() -> None:
    """With ten thousand connections, trio-websocket is ahead, and floors take a fifth, as is said."""
    took = {name: cells["CPU per message"] for name, cells in rows() if "close all" in cells}
    cost = {name: float(text.split()[0]) for name, text in took.items() if text != "—"}
    assert cost["trio-websocket"] < cost["trio_wsproxy"]
    assert cost["floor: trio streams"] / cost["trio_wsproxy"] == pytest.approx(0.2, abs=0.05)


def test_high_water() -> None:
    """So much may be queued until ``send`` waits."""
    assert f"more than {_outbox.HIGH_WATER // 1024} KiB" in PAGE
