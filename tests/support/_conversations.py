"""Conversations that the documentation shows: what was typed there is typed into a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from _tmux import open_terminal
from _typed import Session, environ, replaced

HEIGHT = 100  # rows; nothing scrolls away


async def conversation(session: Session, known: Mapping[str, str], home: Path) -> str:
    """What is to be seen where this is typed into a terminal, and ended with Ctrl-D.

    Lines behind ``>`` are typed; before the next one there is an answer.

    Args:
      session: Its last command is one that talks.
      known: What stands for other things here.
      home: A directory for files.

    Returns:
      The screen.

    """
    _, _, talk = session.output.partition("* connected: ")
    assert talk
    typed = [line.removeprefix("> ") for line in talk.split("\n") if line.startswith("> ")]
    command = ["sh", "-c", replaced(session.commands, known)]
    path = environ(home)["PATH"]
    async with open_terminal(*command, height=HEIGHT, HOME=str(home), PATH=path) as terminal:
        await terminal.eventually(lambda rows: rows[-1].rstrip() == ">")
        for line in typed:
            await terminal.type(line, "Enter")
            await terminal.eventually(partial(_answered, line))
        await terminal.type("", "C-d")
        assert await terminal.exit_code() == 0
        return await terminal.text()


def _answered(line: str, rows: list[str]) -> bool:
    """Whether the echo of a line is to be seen, and the prompt for the next one."""
    return f"< {line}" in rows and rows[-1].rstrip() == ">"
