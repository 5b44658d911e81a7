"""Conversations that the documentation shows: what was typed there is typed into a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from _tmux import open_terminal
from _typed import Session, environ, replaced

HEIGHT = 100  # rows; nothing scrolls away


async def conversation(session: Session, known: Mapping[str, str], home: Path) -> str:
    """What is to be seen where this is typed into a terminal, and ended with Ctrl-D.

    Lines behind ``>`` are typed, each when all that the page shows before it is there.

    Args:
      session: Its last command is one that talks.
      known: What stands for other things here.
      home: A directory for files.

    Returns:
      The screen.

    """
    pytest.importorskip("prompt_toolkit")
    lines = session.output.partition("* connected: ")[2].split("\n")
    typed = [number for number, line in enumerate(lines) if line.startswith("> ")]
    command = ["sh", "-c", replaced(session.commands, known)]
    path = environ(home)["PATH"]
    async with open_terminal(*command, height=HEIGHT, HOME=str(home), PATH=path) as terminal:
        await terminal.eventually(partial(_shows, ""))
        for number, following in itertools.pairwise([*typed, None]):
            assert number is not None
            await terminal.type(lines[number].removeprefix("> "), "Enter")
            last = [line for line in lines[number:following] if not line.startswith("* ")][-1]
            await terminal.eventually(partial(_shows, last))
        await terminal.type("", "C-d")
        assert await terminal.exit_code() == 0
        return await terminal.text()


def _shows(last: str, rows: list[str]) -> bool:
    """Whether this is to be seen, and the prompt for the next line below all."""
    return (not last or last in rows) and rows[-1].rstrip() == ">"
