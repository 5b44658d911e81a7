"""Log each stage of a connection with structlog.

::

    python -m pip install structlog
    python examples/trace_structlog.py wss://example.org/
"""

from __future__ import annotations

import sys

import structlog
import trio

from trio_wsproxy import Stage, open_websocket_url

log = structlog.get_logger()


def trace(event: str, stage: Stage) -> None:
    """Write a line when a stage begins, and one with what it found when it ends."""
    known = {"stage": stage.name, "hop": stage.hop, "peer": stage.peer}
    if stage.duration is None:
        log.debug(event, **known)
    else:
        log.info(event, **known, ok=stage.ok, seconds=round(stage.duration, 3), **stage.details)


async def main(url: str) -> None:
    """Open a connection, and close it."""
    async with open_websocket_url(url, trace=trace):
        log.info("open")


trio.run(main, sys.argv[1])
