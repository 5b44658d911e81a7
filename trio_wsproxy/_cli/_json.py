r"""JSON for the eye: only the white space is changed, so nothing of a message is lost.

Parsing and writing it again would: ``1.10`` would become ``1.1``, ``1e400`` infinity, and of two
members with one name only the last would be left. But what a terminal obeys is escaped, as ``\u202e``: to
a program that is the same text. So it is in the objects that commands write.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from trio_wsproxy._redaction import escaped_json

MAX_DEPTH = 64  # brackets in each other; what is deeper is not for the eye
MAX_GROWTH = 16  # times as long as it came; deep lists of many numbers are mostly white space
SMALL = 64 * 1024  # characters that any message may grow to

# A string, a bracket, a comma, a colon, an empty array or object; a number or a name.
PART = re.compile(r'"(?:[^"\\]|\\.)*"|\[\s*\]|\{\s*\}|[][{},:]|[^][{},:"\s]+')


def written(value: Any, *, indent: int | None = None) -> str:
    """Write a value as JSON that may go to a terminal."""
    return escaped_json(json.dumps(value, ensure_ascii=False, indent=indent))


def pretty(text: str) -> str | None:
    """Indent an array or an object; ``None`` if the text is neither, or too deep for the eye."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return None
    parts = PART.findall(text)
    room = MAX_GROWTH * len(text) + SMALL
    if _depth(parts) > MAX_DEPTH or sum(map(len, _indented(parts))) > room:
        return None
    return escaped_json("".join(_indented(parts)))


def _depth(parts: list[str]) -> int:
    """How many brackets stand in each other at most."""
    steps = ((part in ("[", "{")) - (part in ("]", "}")) for part in parts)
    return max(itertools.accumulate(steps))


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
