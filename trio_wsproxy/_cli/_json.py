"""JSON for the eye: only the white space is changed, so nothing of a message is lost.

Parsing and writing it again would: ``1.10`` would become ``1.1``, ``1e400`` infinity, and of two
members with one name only the last would be left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

# A string, a bracket, a comma, a colon, an empty array or object; a number or a name.
PART = re.compile(r'"(?:[^"\\]|\\.)*"|\[\s*\]|\{\s*\}|[][{},:]|[^][{},:"\s]+')


def pretty(text: str) -> str | None:
    """Indent an array or an object; ``None`` if the text is neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return "".join(_indented(PART.findall(text)))


def _indented(parts: list[str]) -> Iterator[str]:
    depth = 0
    for part in parts:
        if part in ("[", "{"):
            depth += 1
            yield part + _new_line(depth)
        elif part in ("]", "}"):
            depth -= 1
            yield _new_line(depth) + part
        elif part == ",":
            yield part + _new_line(depth)
        elif part == ":":
            yield ": "
        else:
            yield "".join(part.split()) if part[0] in "[{" else part


def _new_line(depth: int) -> str:
    return "\n" + "  " * depth
