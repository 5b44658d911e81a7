"""The command line: ``trio-wsproxy COMMAND``, or ``python -m trio_wsproxy COMMAND``.

Each command is a function from the parsed arguments and a :class:`Console` to an exit code,
in a module of its own that also knows its options (``add_parser``). What a command needs
beyond the parser it imports when it runs.

====  ===========================================================================
code  meaning
====  ===========================================================================
0     it worked
1     it did not work: no connection, an abnormal end, or nobody reads the output
2     it could not be tried: wrong arguments, a malformed setting, a missing extra
130   Ctrl-C
====  ===========================================================================
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from trio_wsproxy import __version__

from . import _check, _completion, _connect, _demo, _explain
from ._console import Console

SCRIPT = "trio-wsproxy"  # as pyproject.toml names it
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C has ended: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: The arguments behind the program's name; by default those of the process.

    Returns:
      The exit code.

    """
    parser = _parser(SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m trio_wsproxy")
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        code: int = arguments.run(arguments, Console())
        sys.stdout.flush()  # here, for a reader that has gone would be noticed too late at exit
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # "| head" has seen enough
        _discard_output()
        return 1
    return code


def _discard_output() -> None:
    """Let Python's own flush at exit succeed, or it would complain about the broken pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description="A WebSocket client for trio that connects through any proxy.",
    )
    parser.add_argument("--version", action="version", version=f"{SCRIPT} {__version__}")
    _completion.add_option(parser, lambda: _parser(SCRIPT))
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _connect.add_parser(commands)
    _explain.add_parser(commands)
    _check.add_parser(commands)
    _demo.add_parser(commands)
    return parser
