"""Ctrl-C in a command's run of trio: it ends that run, and is the one exception that comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

T = TypeVar("T")


def run_in_trio(
    function: Callable[..., Awaitable[T]], *args: Any, at_checkpoints: bool = False
) -> T:
    """Do what :func:`trio.run` does.

    Args:
      function: The async function.
      *args: What it is called with.
      at_checkpoints: Whether Ctrl-C is heard at checkpoints of the function's own task alone. In another one, one of the
        demo's servers for example, it would be that task's failure, and would be told as one. Not for a
        command that may wait for who reads its output, for that is no checkpoint.

    Raises:
      KeyboardInterrupt: The user has enough, also where a nursery has put that into a group.

    """
    try:
        return trio.run(function, *args, restrict_keyboard_interrupt_to_checkpoints=at_checkpoints)
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
