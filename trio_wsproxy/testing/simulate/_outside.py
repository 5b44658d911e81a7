"""What is around a universe: the process that it runs in, and who waits for it there."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from trio_wsproxy.testing._here import in_a_universe


@contextmanager
def without_gc() -> Iterator[None]:
    """Let no finalizer run at a moment that depends on what ran before in this process."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def check_that_no_trio_runs() -> None:
    """See that nobody waits for this thread who would have to go on while it is in a universe."""
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "a universe is a run of trio by itself, and this is called from inside a run: "
            "call it from a plain function; a test that has universes is written with def, not with async def"
        )
    try:
        within = trio.from_thread.run_sync(in_a_universe)
    except RuntimeError:  # this thread is none of trio's
        return
    if within:
        raise RuntimeError("this thread works for a universe, and there is none within another one")
