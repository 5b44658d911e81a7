"""What the documentation shows of a shell: what is typed there is run, and what that prints is compared.

What differs from run to run is masked on both sides, and how lines are broken is not compared: names and
ports are of other lengths.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import trio
from _pages import ROOT, Block

NOT_OURS = re.compile(
    r".*_proxy|(KRB5|SSL_|TRIO_WSPROXY|XDG_|KDE_|GNOME_|DESKTOP_).*|NETRC|NO_COLOR", re.IGNORECASE
)
MASKS = {
    r"█+": "",
    r"[\d.]+( / [\d.]+)* m?s\b": "TIME",
    r"\d{4}-\d\d-\d\d( \d\d:\d\d)?( UTC)?": "DATE",
    r"\w{3}, \d\d \w{3} \d{4} [\d:]+ GMT": "DATE",
    r"\d+\s+days\s+left": "DAYS",
    r"(Sec-WebSocket-\w+: )\S+=": r"\1RANDOM",
    r":\d+\b": ":PORT",
    r"\s+": "",
}


class Session(NamedTuple):
    """What is typed into a shell, and what that prints.

    Attributes:
      commands: All that is typed at a prompt.
      output: The rest, which is printed.

    """

    commands: str
    output: str


def session(block: Block) -> Session:
    """Take a block apart."""
    commands: list[str] = []
    output: list[str] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
            while commands[-1].endswith("\\"):
                commands[-1] += "\n" + next(lines)
        else:
            output.append(line)
    return Session("\n".join(commands), "\n".join(output).strip("\n") + "\n")


def masked(text: str, more: Mapping[str, str] | None = None) -> str:
    """What is compared of two texts; ``more`` is masked first."""
    for pattern, replacement in {**(more or {}), **MASKS}.items():
        text = re.sub(pattern, replacement, text)
    return text


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """A text in which these stand for others."""
    for there, here in replacements.items():
        text = text.replace(there, here)
    return text


def environ(home: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing; ``python`` and our command are found."""
    own = {name: value for name, value in os.environ.items() if not NOT_OURS.fullmatch(name)}
    programs = home / "bin"
    programs.mkdir(exist_ok=True)
    for name, arguments in {"python": "", "trio-wsproxy": "-m trio_wsproxy"}.items():
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
        path.chmod(0o755)
    return {
        **own,
        "PATH": os.pathsep.join([str(programs), own["PATH"]]),
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "COLUMNS": "80",
    }


async def typed(
    commands: str,
    home: Path,
    replacements: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What a shell in this directory prints where this is typed into it."""
    commands = replaced(commands, replacements or {})
    done = await trio.run_process(
        ["sh", "-c", commands],
        cwd=home,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        check=False,
        env={**environ(home), **(variables or {})},
    )
    return done.stdout.decode()
