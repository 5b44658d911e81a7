"""The corpus of PAC scripts in ``tests/routing/pac``: each says in its head what comes of it.

``// time:`` is the time that it runs at (UTC), ``// mine:`` this machine's addresses, ``// name:`` a
name's, ``// ask: URL => answer`` a question and its answer, or ``!OUTCOME text`` for what fails.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from pathlib import Path
from typing import NamedTuple

from trio_wsproxy._routing._pac_engine import MINE

FILES = sorted((Path(__file__).parent.parent / "routing" / "pac").glob("*.pac"))
HEAD = re.compile(r"// (time|mine|name|ask): (.*)")


class Case(NamedTuple):
    """A script, and what its head says."""

    text: str
    now: float
    names: dict[str, tuple[str, ...]]
    asks: list[tuple[str, str]]


def read(path: Path) -> Case:
    """Read a script and its head."""
    text = path.read_text(encoding="utf-8")
    now, asks = time.time(), []
    names: dict[str, tuple[str, ...]] = {MINE: ("127.0.0.1",)}
    for key, value in HEAD.findall(text):
        if key == "time":
            now = dt.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        elif key == "mine":
            names[MINE] = tuple(value.split(", "))
        elif key == "name":
            name, _, found = value.partition(" = ")
            names[name] = tuple(found.split(", "))
        else:
            url, _, answer = value.partition(" => ")
            asks.append((url, answer))
    return Case(text, now, names, asks)
