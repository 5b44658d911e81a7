"""Ctrl-C in a command's run of trio: it ends that run, and is the one exception that comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

T = TypeVar("T")


def run_in_trio(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Do what :func:`trio.run` does.

    Ctrl-C is heard at the checkpoints of the function's own task. In any other, one of the demo's servers for example,
    it would be that task's failure, and would be reported as one.

    Raises:
      KeyboardInterrupt: The user has enough, also where a nursery has put that into a group.

    """
    try:
        return trio.run(function, *args, restrict_keyboard_interrupt_to_checkpoints=True)
    except BaseException as exc:
        interrupt = _interrupt_in(exc)
        if interrupt is None:
            raise
    raise interrupt


def _interrupt_in(error: BaseException) -> KeyboardInterrupt | None:
    if isinstance(error, KeyboardInterrupt):
        return error
    for inner in getattr(error, "exceptions", ()):  # Python 3.10 has no groups to ask for
        if (found := _interrupt_in(inner)) is not None:
            return found
    return None
