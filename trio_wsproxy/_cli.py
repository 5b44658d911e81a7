"""The command line: ``python -m trio_wsproxy COMMAND``.

Each command is a function from the parsed arguments to an exit code: 0 is success, 1 is
"it did not work", 2 is "it could not be tried", as with argparse's own errors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import trio

from . import __version__
from ._demo import demo

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C has ended: 128 + SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: The arguments behind the program's name; by default those of the process.

    Returns:
      The exit code.

    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trio_wsproxy",
        description="A WebSocket client for trio that connects through any proxy.",
    )
    parser.add_argument("--version", action="version", version=f"trio-wsproxy {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    command = commands.add_parser(
        "demo",
        help="echo a message through every kind of proxy; needs no network",
        description=(
            "Starts echo servers and proxies on loopback and echoes a message over each kind of "
            "route, with ws:// and wss://. Exits with 1 if one of them failed."
        ),
    )
    command.set_defaults(run=_demo)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    del arguments  # there are none yet
    try:
        return 0 if trio.run(demo) else 1
    except ImportError as exc:  # trustme comes with an extra
        print(f"the demo cannot run: {exc}", file=sys.stderr)
        return 2
