"""Which lines of a program its tasks wait at, for who wonders why nothing happens."""

from __future__ import annotations

import contextlib
import linecache
import os
from collections.abc import Iterator
from pathlib import Path

import trio
import trio_websocket

SHOWN = 10  # tasks; a program with more has mostly the same ones
# What stands between a program's line and the wait below it.
NOT_THE_PROGRAM = (
    *(str(Path(str(module.__file__)).parent) + os.sep for module in (trio, trio_websocket)),
    str(Path(__file__).parents[2]) + os.sep,
    str(contextlib.__file__),
)


def places(task: trio.lowlevel.Task) -> str:
    """Give a line of text for each task from this one down: where it waits, as in a traceback."""
    lines = [_place(one) for one in _with_children(task)]
    more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more])


def _with_children(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        # A set, whose order is that of addresses.
        for child in sorted(nursery.child_tasks, key=lambda t: (t.name, _place(t))):
            yield from _with_children(child)


def _place(task: trio.lowlevel.Task) -> str:
    """Write the innermost line that is the program's own."""
    frames = list(task.iter_await_frames())
    own = [
        (frame, line)
        for frame, line in frames
        if not frame.f_code.co_filename.startswith(NOT_THE_PROGRAM)
    ]
    if not own:
        return f"  task {task.name!r}"
    frame, number = own[-1]
    file, name = frame.f_code.co_filename, frame.f_code.co_name
    text = linecache.getline(file, number).strip()
    return f'  File "{file}", line {number}, in {name}: {text}  (task {task.name!r})'
