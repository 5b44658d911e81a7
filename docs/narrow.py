"""What pages need to be read in narrow windows: tables whose rows stack, messages that wrap.

Style sheets (``wrap.css``) decide when; they need names for what they may do:

* ``stacks``: a table whose rows can become blocks of their own, a cell below the other. Each cell
  then begins with the heading of its column, which wide windows hide.
* ``many``: a table with too many columns for that. It scrolls below its first column, which stays.
* ``long``: a literal with a word that fits in no narrow window; all others are never broken.
* ``wraps``: a block of text whose lines are sentences. Where the source breaks the lines of one
  message it is made one line again, so that the window alone breaks it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

MOST_COLUMNS = 5  # that stack: more make a list nobody can compare
LONGEST_WORD = 30  # characters of a literal that stay together: 3/5 of a telephone's width
LONGEST_LINE = 100  # of a block: what stands in columns is never as long (terminals have 80)
MESSAGE = re.compile(r"(?:\w+(?:Error|Lost|Rejected|Timeout|Unreachable):|…;) ")


class Narrow(SphinxPostTransform):
    """Name tables, literals and blocks as the module says."""

    default_priority = 500
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Change the page that is about to be written."""
        for table in self.document.findall(nodes.table):
            columns = sum(1 for _ in table.findall(nodes.colspec))
            table["classes"].append("stacks" if columns <= MOST_COLUMNS else "many")
            if 2 < columns <= MOST_COLUMNS:
                _label(table)
        for literal in self.document.findall(nodes.literal):
            if max(map(len, literal.astext().split()), default=0) > LONGEST_WORD:
                literal["classes"].append("long")
        for block in self.document.findall(nodes.literal_block):
            _unwrap(block)


def _label(table: nodes.table) -> None:
    """Let each cell but a row's first begin with the heading of its column."""
    rows = [list(row.findall(nodes.entry)) for row in table.findall(nodes.row)]
    if table.next_node(nodes.thead) is None:
        return
    headings = [entry.astext() for entry in rows[0]]
    for row in rows[1:]:
        for heading, entry in list(zip(headings, row, strict=True))[1:]:
            first = entry.next_node(nodes.paragraph)
            if heading and first is not None:
                first.insert(0, nodes.inline("", f"{heading}: ", classes=["label"]))


def _unwrap(block: nodes.literal_block) -> None:
    """Let sentences wrap; a message that the source has broken becomes one line."""
    text = block.astext()
    if MESSAGE.match(text) and "\n " not in text:
        text = " ".join(text.splitlines())
        block.rawsource = text
        block.children[:] = [nodes.Text(text)]
        block["classes"].append("wraps")
    elif max(map(len, text.splitlines()), default=0) > LONGEST_LINE:
        block["classes"].append("wraps")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_post_transform(Narrow)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
