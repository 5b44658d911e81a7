"""Lines from standard input, without keeping anything else waiting.

A terminal, a pipe and a socket are waited for as trio waits for any socket, and then read with
one ``os.read``, which does not block. They are not made non-blocking: that would be a change to
an open file that the shell and other programs share. What cannot be waited for (a file,
``/dev/null``; anything on Windows) is read in a thread. A read from a file ends soon; only on
Windows may a thread stay behind when the wait is cancelled, for nothing can interrupt it.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Awaitable, Callable, Iterator

import trio

CHUNK = 64 * 1024  # bytes; the capacity of a pipe on Linux


class LineSplitter:
    """Cuts bytes into lines, wherever the bytes were cut before."""

    def __init__(self) -> None:
        self._begun: list[bytes] = []  # the line that is not complete yet

    def feed(self, data: bytes) -> Iterator[bytes]:
        r"""Give the lines that ``data`` completes, without their ``\n`` or ``\r\n``."""
        first, *others = data.split(b"\n")
        self._begun.append(first)
        for following in others:
            yield b"".join(self._begun).removesuffix(b"\r")
            self._begun = [following]

    def end(self) -> Iterator[bytes]:
        """Give the last line, if it has no end."""
        last = b"".join(self._begun)
        self._begun = []
        if last:
            yield last


async def each_line(
    fd: int,
    handle: Callable[[bytes], Awaitable[object]],
    handle_rest: Callable[[bytes], Awaitable[object]] | None = None,
) -> None:
    """Call ``handle`` with each line of a file descriptor, until its end.

    A callback, and not an async generator: that would not be closed when its user is cancelled.

    Args:
      fd: The file descriptor.
      handle: Is awaited with each line that has an end.
      handle_rest: Is awaited with what stands behind the last of them, if there is something; by
        default, ``handle`` is.

    """
    splitter = LineSplitter()
    while data := await _read(fd):
        for line in splitter.feed(data):
            await handle(line)
    for line in splitter.end():
        await (handle_rest or handle)(line)


async def each_chunk(fd: int, handle: Callable[[bytes], Awaitable[object]]) -> None:
    """Call ``handle`` with what each reading gives, until the end."""
    while data := await _read(fd):
        await handle(data)


async def _read(fd: int) -> bytes:
    """Read what there is; nothing at the end."""
    try:
        if not _can_be_waited_for(fd):
            return await trio.to_thread.run_sync(os.read, fd, CHUNK, abandon_on_cancel=True)
        while True:
            await trio.lowlevel.wait_readable(fd)
            try:
                return os.read(fd, CHUNK)
            except BlockingIOError:  # somebody else made it non-blocking, and has read from it
                continue
    except OSError:  # a terminal that has been closed (EIO), a directory
        return b""


def _can_be_waited_for(fd: int) -> bool:
    if sys.platform == "win32":
        return False
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)
