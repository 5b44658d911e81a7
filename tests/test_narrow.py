"""What pages need in narrow windows (docs/narrow.py): headings in cells, messages of one line."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sphinx", reason="it comes with the dependency group docs")

from docutils import nodes
from docutils.core import publish_doctree


def extension() -> ModuleType:
    """The extension; it is no module of the package."""
    path = Path(__file__).parent.parent / "docs" / "narrow.py"
    spec = importlib.util.spec_from_file_location("narrow", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


narrow = extension()

TABLE = """
.. list-table::
   :header-rows: 1

   * - option
     - seconds
     - ends
   * - a
     - 60
     - b
   * - c
     -
     - d
"""


def page(source: str) -> nodes.document:
    """A page as it is before it is written, with the names that style sheets need."""
    document = publish_doctree(source)
    narrow.Narrow(document).run()
    return document


def test_cells_have_headings() -> None:
    """A cell begins with its column's heading; neither a row's first one does, nor an empty one."""
    document = page(TABLE)
    (table,) = document.findall(nodes.table)
    assert "stacks" in table["classes"]
    cells = [entry.astext() for entry in table.findall(nodes.entry)]
    assert cells == ["option", "seconds", "ends", "a", "seconds: 60", "ends: b", "c", "", "ends: d"]


def test_many_columns_scroll() -> None:
    """A table with many columns is left as it is, and named so."""
    row = "   * - 1\n" + "     - 2\n" * 5
    document = page(f".. list-table::\n   :header-rows: 1\n\n{row * 2}")
    (table,) = document.findall(nodes.table)
    assert "many" in table["classes"]
    assert {entry.astext() for entry in table.findall(nodes.entry)} == {"1", "2"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ProxyRejected: proxy\nanswered 403", "ProxyRejected: proxy answered 403"),
        ("FAILED: it\n  route by", None),
        ("ProxyError: it\n  is drawn in columns", None),
        ("hello\nworld", None),
        ("word " * 30, "word " * 30),
    ],
)
def test_messages_wrap(text: str, shown: str | None) -> None:
    """A message becomes one line and may wrap, as may lines that are long; all else stays as it is."""
    block = nodes.literal_block(text, text)
    narrow._unwrap(block)
    assert block.astext() == (text if shown is None else shown)
    assert ("wraps" in block["classes"]) is (shown is not None)


def test_words_of_code_stay_whole() -> None:
    """Only a literal with a very long word may be broken inside of it."""
    document = page(f"``--proxy`` and ``{'x' * 40}``")
    assert [literal["classes"] for literal in document.findall(nodes.literal)] == [[], ["long"]]
