"""Lines from standard input."""

from __future__ import annotations

import itertools
import os
import socket
import threading
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._cli._stdin import LineSplitter, each_line

LINES = st.lists(st.text(alphabet="aé€😀\r \0").filter(lambda line: not line.endswith("\r")))


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.text("aé😀"), st.lists(st.integers(0, 60)))
def test_any_cut(lines: list[str], ending: str, last: str, cuts: list[int]) -> None:
    """However the bytes are cut, the lines are the same; a last one needs no end."""
    data = "".join(line + ending for line in lines).encode() + last.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    splitter = LineSplitter()
    found: list[bytes] = []
    for begin, end in itertools.pairwise(edges):
        found += splitter.feed(data[begin:end])
    found += splitter.end()
    assert [line.decode() for line in found] == lines + [last] * bool(last)


async def lines_of(fd: int) -> list[bytes]:
    """All lines of a file descriptor."""
    lines = []

    async def handle(line: bytes) -> None:
        lines.append(line)

    await each_line(fd, handle)
    return lines


async def test_pipe() -> None:
    """A pipe is read as it comes, in the event loop's own thread, and is not changed."""
    theirs, ours = os.pipe()
    got = trio.Event()

    async def handle(line: bytes) -> None:
        assert line == b"one"
        got.set()

    threads = threading.active_count()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(each_line, theirs, handle)
            os.write(ours, b"one\ntw")
            await got.wait()
            await wait_all_tasks_blocked()
            assert threading.active_count() == threads
            assert os.get_blocking(theirs)
            nursery.cancel_scope.cancel()
    finally:
        os.close(theirs)
        os.close(ours)


async def test_socket() -> None:
    """A socket will do, as inetd and some shells have it; its end is the end."""
    theirs, ours = socket.socketpair()
    with theirs:
        with ours:
            ours.send(b"one\ntwo")
        assert await lines_of(theirs.fileno()) == [b"one", b"two"]


@pytest.mark.parametrize("size", [0, 3, 200_000])
async def test_file(tmp_path: Path, size: int) -> None:
    """A file is read to its end, of whatever size."""
    path = tmp_path / "lines"
    path.write_bytes(b"x\n" * size)
    with path.open("rb") as file:
        assert await lines_of(file.fileno()) == [b"x"] * size


@pytest.mark.skipif(os.name == "nt", reason="Windows opens no directories")
async def test_what_cannot_be_read(tmp_path: Path) -> None:
    """``< /dev/null`` has no lines, and a directory has none either."""
    for path in (Path(os.devnull), tmp_path):
        fd = os.open(path, os.O_RDONLY)
        assert await lines_of(fd) == []
        os.close(fd)


async def test_non_blocking_pipe() -> None:
    """A pipe that somebody else made non-blocking, and read first, is waited for again."""
    theirs, ours = os.pipe()
    os.set_blocking(theirs, False)
    reads = []
    real_wait = trio.lowlevel.wait_readable

    async def wait_too_short(fd: int) -> None:
        reads.append(fd)
        if len(reads) > 1:
            await real_wait(fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio.lowlevel, "wait_readable", wait_too_short)
        async with trio.open_nursery() as nursery:

            async def end() -> None:
                await wait_all_tasks_blocked()
                os.write(ours, b"late")
                os.close(ours)

            nursery.start_soon(end)
            assert await lines_of(theirs) == [b"late"]
    os.close(theirs)
