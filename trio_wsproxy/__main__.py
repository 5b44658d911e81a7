"""``python -m trio_wsproxy``, and the script ``trio-wsproxy``: the command line, and what ends it.

Ctrl-C while modules are imported, and when all is done, ends the process at once and without a word: there
is nothing yet, or nothing any more, that could be lost. In between it is what it is everywhere in Python.
A request to terminate (SIGTERM), or the end of the terminal (SIGHUP), is then taken as Ctrl-C is, so that connections
are closed and the terminal is given back as it was, with the exit code that a shell expects of it.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes longer than all the rest
    from types import FrameType

INTERRUPTED = 128 + signal.SIGINT  # what a shell reports for a program that Ctrl-C has ended
TERMINATING = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP

_terminated_by = 0


def main() -> int:
    """Run the command that the process was started for; give the exit code."""
    # A shell that starts a program in the background may have it ignore Ctrl-C.
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, _leave)
    from ._cli import main as run

    code = run(ready=_be_interruptible if ours else None)
    if ours:
        signal.signal(signal.SIGINT, _leave)
    return 128 + _terminated_by if _terminated_by else code


def _be_interruptible() -> None:
    for name in TERMINATING:
        number = getattr(signal, name, None)
        if (
            number is not None and signal.getsignal(number) is signal.SIG_DFL
        ):  # nohup has one ignored
            signal.signal(number, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(_number: int, _frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)


def _terminate(number: int, _frame: FrameType | None) -> None:
    global _terminated_by  # noqa: PLW0603  # a signal has no other way to say that it came
    _terminated_by = number
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
