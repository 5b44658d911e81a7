"""No processes in a universe: what one does takes real time, which is none there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import trio


async def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError(
        "there are no processes in a universe: virtual time would jump past what one does; "
        "hand your program a function to start it with, and let the test give another one"
    )


@contextmanager
def without_processes() -> Iterator[None]:
    """Let trio start none, while the block runs."""
    run, start = trio.run_process, trio.lowlevel.open_process
    trio.run_process = trio.lowlevel.open_process = _refuse
    try:
        yield
    finally:
        trio.run_process, trio.lowlevel.open_process = run, start
