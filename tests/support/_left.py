"""What must not be left behind by anything."""

from __future__ import annotations

import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio


def open_sockets() -> set[str]:
    """Tell which sockets this process has open."""
    files = Path("/proc/self/fd")
    if files.is_dir():
        links = set()
        for file in files.iterdir():
            with suppress(OSError):  # the one that lists them is gone by now
                links.add(str(file.readlink()))
        return {link for link in links if link.startswith("socket:")}
    sockets = [one for one in gc.get_objects() if isinstance(one, socket.socket)]
    return {f"{id(one)}" for one in sockets if one.fileno() != -1}


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Hold that the block leaves no socket and no task."""
    task = trio.lowlevel.current_task()
    sockets, nurseries = open_sockets(), len(task.child_nurseries)
    yield
    assert open_sockets() <= sockets
    assert len(task.child_nurseries) == nurseries
