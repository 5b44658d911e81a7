"""The command line: ``trio-wsproxy COMMAND``, or ``python -m trio_wsproxy COMMAND``.

The parser (``_parser``) knows all commands and options, and imports nothing heavy. Each command is
a function ``run`` from the parsed arguments and a :class:`Console` to an exit code, in a module of its
own that is imported when it is wanted.

====  ===========================================================================
code  meaning
====  ===========================================================================
0     it worked
1     it did not work: no connection, an abnormal end, or output cannot be written
2     it could not be tried: wrong arguments, a malformed setting, a missing extra
130   Ctrl-C
143   a request to terminate (SIGTERM); 129, the terminal was closed (SIGHUP)
====  ===========================================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from ._console import Console
from ._parser import SCRIPT, make_parser

INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C has ended: 128 + SIGINT


def main(argv: Sequence[str] | None = None, *, ready: Callable[[], object] | None = None) -> int:
    """Run one command.

    Args:
      argv: The arguments behind the program's name; by default those of the process.
      ready: Is called once all is imported, before the command begins.

    Returns:
      The exit code.

    """
    _open_streams()
    try:
        try:
            code = _run(argv, ready)
        finally:
            sys.stdout.flush()  # here, for what fails is noticed too late at exit
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # "| head" has seen enough
        code = 1
    except OSError as exc:  # /dev/full
        with suppress(OSError):
            sys.stderr.write(f"{SCRIPT}: the output cannot be written: {exc.strerror}\n")
        code = 1
    _discard_what_is_left()
    return code


def _run(argv: Sequence[str] | None, ready: Callable[[], object] | None) -> int:
    parser = make_parser(SCRIPT if Path(sys.argv[0]).stem == SCRIPT else "python -m trio_wsproxy")
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    command = import_module(f"{__name__}.{arguments.run}")
    if ready is not None:
        ready()
    code: int = command.run(arguments, Console())
    return code


def _open_streams() -> None:
    """Give output somewhere to go where the shell has closed it, and spare it characters it lacks."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # >&-
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # for good
            setattr(sys, name, nowhere)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _discard_what_is_left() -> None:
    """Let Python's own flush at exit succeed, or it would complain once more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
