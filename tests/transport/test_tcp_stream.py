"""A TCP stream that takes and gives without waiting, over real sockets."""

from __future__ import annotations

import select
import socket
from collections.abc import AsyncIterator

import pytest
import trio
from _peer import CancelAtStep
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._transport._tcp_stream import CAN_READ_AND_WRITE, TCPStream
from trio_wsproxy.testing._server import reset_on_close

pytestmark = pytest.mark.skipif(not CAN_READ_AND_WRITE, reason="sockets are no file descriptors")

MUCH = b"0123456789abcdef" * 2**19  # 8 MiB: more than the kernel takes


@pytest.fixture
async def ends() -> AsyncIterator[tuple[TCPStream, trio.SocketStream]]:
    """Give both ends of a connection."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        near = await trio.testing.open_stream_to_socket_listener(listener)
        far = await listener.accept()
    stream = TCPStream(near)
    stream.never_block()
    async with stream, far:
        yield stream, far


Ends = tuple[TCPStream, trio.SocketStream]


async def test_take(ends: Ends) -> None:
    """What the kernel takes has left at once."""
    stream, far = ends
    stream.take(b"one")
    stream.take(memoryview(b"two"))
    assert (stream.accepted, stream.pending, stream.error) == (6, 0, None)
    assert not stream.flush()
    assert await far.receive_some() == b"onetwo"


async def test_what_is_not_taken_is_kept_in_order(ends: Ends) -> None:
    """It pends, what comes behind it does too, and leaves as there is room."""
    stream, far = ends
    stream.take(MUCH)
    assert 0 < stream.pending < len(MUCH)
    pending = stream.pending
    stream.take(b"behind")
    assert stream.pending == pending + 6
    assert stream.accepted == len(MUCH) + 6
    received = bytearray()
    progress = 0
    while len(received) < stream.accepted:
        received += await far.receive_some()
        before = stream.pending
        assert stream.flush() is (stream.pending < before)
        progress += stream.pending < before
    assert received == MUCH + b"behind"
    assert stream.pending == 0
    assert progress
    stream.take(b"at once again")
    assert stream.pending == 0


async def test_wait_until_more_is_taken(ends: Ends) -> None:
    """One can wait until there is room."""
    stream, far = ends
    stream.take(MUCH)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            left = len(MUCH)
            while left:
                left -= len(await far.receive_some())

        nursery.start_soon(read)
        while stream.pending:
            await stream.wait_send_all_might_not_block()
            stream.flush()


async def test_an_error_of_writing_is_kept(ends: Ends) -> None:
    """It is not raised, and what comes later pends."""
    stream, far = ends
    reset_on_close(far)
    await far.aclose()
    for _ in range(3):
        stream.take(b"x")
        stream.flush()
    assert isinstance(stream.error, trio.BrokenResourceError)
    assert isinstance(stream.error.__cause__, OSError)
    assert stream.accepted == 3
    assert stream.pending >= 1
    pending = stream.pending
    stream.take(b"more")
    assert stream.pending == pending + 4
    assert not stream.flush()


async def test_an_error_of_reading_is_raised(ends: Ends) -> None:
    """Nothing more will come, and nothing above would look for an attribute."""
    stream, far = ends
    reset_on_close(far)
    await far.aclose()
    await stream.wait_gives()
    with pytest.raises(trio.BrokenResourceError) as caught:
        stream.give()
    assert isinstance(caught.value.__cause__, OSError)


async def test_give(ends: Ends) -> None:
    """Gives what is there, at most so much; nothing yet is ``None``, the end is empty."""
    stream, far = ends
    assert stream.give() is None
    await far.send_all(b"abcdef")
    await stream.wait_gives()
    assert stream.give(4) == b"abcd"
    assert stream.give(4) == b"ef"
    assert stream.give(4) is None
    await far.send_eof()
    await stream.wait_gives()
    assert stream.give() == b""
    assert stream.give() == b""


async def test_wait_only_where_nothing_is_there(ends: Ends) -> None:
    """A read that was filled has left something, perhaps; one that was not has left nothing."""
    stream, far = ends
    await far.send_all(b"abcd")
    await stream.wait_gives()
    while stream.give(2) is None:
        await stream.wait_gives()
    with trio.move_on_after(0):
        await stream.wait_gives()
    assert stream.give(100) == b"cd"
    # Behind it, waiting does wait.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.wait_gives)
        await wait_all_tasks_blocked()
        assert nursery.child_tasks
        await far.send_all(b"ef")
    assert stream.give(100) == b"ef"


async def test_waiting_is_a_checkpoint(ends: Ends) -> None:
    """Also where something is there already."""
    stream, far = ends
    await far.send_all(b"abcd")
    await stream.wait_gives()
    with trio.CancelScope() as scope:
        scope.cancel()
        await stream.wait_gives()
    assert scope.cancelled_caught


async def test_interrupt(ends: Ends) -> None:
    """Whoever waits is told, and the stream goes on as before."""
    stream, far = ends
    stream.take(MUCH)
    while select.select([], [stream.socket_stream.socket], [], 0)[1]:
        stream.flush()  # the kernel makes room while it takes
    assert stream.give() is None
    interrupted = []

    async def wait_to_read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_gives()
        interrupted.append("read")

    async def wait_to_write() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.wait_send_all_might_not_block()
        interrupted.append("write")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_to_read)
        nursery.start_soon(wait_to_write)
        await wait_all_tasks_blocked()
        stream.interrupt()
    assert sorted(interrupted) == ["read", "write"]
    await far.send_all(b"still here")
    assert await stream.receive_some() == b"still here"


async def test_closed(ends: Ends) -> None:
    """A closed stream touches no file descriptor: that may be somebody else's by now."""
    stream, far = ends
    fd = stream.socket_stream.socket.fileno()
    stream.close()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert fd in (ours.fileno(), theirs.fileno())
        stream.take(b"for nobody")
        assert isinstance(stream.error, trio.ClosedResourceError)
        assert stream.pending == 10
        assert not stream.flush()
        stream.interrupt()
        with pytest.raises(trio.ClosedResourceError):
            stream.give()
        for one in (ours, theirs):
            one.setblocking(False)
            with pytest.raises(BlockingIOError):
                one.recv(100)
    stream.close()
    await stream.aclose()
    assert await far.receive_some() == b""


async def test_as_any_stream(ends: Ends) -> None:
    """Before it is told never to block it is a stream as any other; then, sending never waits."""
    stream, far = ends
    ordinary = TCPStream(stream.socket_stream)
    await ordinary.send_all(b"abc")
    assert await far.receive_some() == b"abc"
    await far.send_all(b"def")
    assert await ordinary.receive_some(2) == b"de"
    assert ordinary.accepted == 0
    assert await stream.receive_some() == b"f"
    with trio.move_on_after(0):
        await ordinary.send_all(MUCH)
    data = bytearray(b"mutable")
    await stream.send_all(MUCH)
    await stream.send_all(data)
    data[:] = b"changed"
    assert stream._buffers is not None
    assert bytes(stream._buffers[-1]) == b"mutable"


async def test_half_close(ends: Ends) -> None:
    """The sending half can be closed alone."""
    stream, far = ends
    await stream.send_eof()
    assert await far.receive_some() == b""
    await far.send_all(b"abc")
    assert await stream.receive_some() == b"abc"


async def test_a_cancelled_read_loses_nothing(ends: Ends) -> None:
    """Wherever it is cancelled, the next read has what came."""
    stream, far = ends
    for steps in range(4):
        await far.send_all(b"abc")
        received = b""
        with trio.CancelScope() as scope:
            instrument = CancelAtStep(scope, steps)
            trio.lowlevel.add_instrument(instrument)
            received += await stream.receive_some()
        trio.lowlevel.remove_instrument(instrument)
        if scope.cancelled_caught:
            assert received == b""
            received = await stream.receive_some()
        assert received == b"abc"


async def test_a_socket_with_system_calls_of_its_own() -> None:
    """Where a socket brings what stands in for the system calls, those are made, and no others."""
    asked: list[tuple[object, ...]] = []

    class Kernel:
        def read(self, *arguments: object) -> bytes:
            asked.append(("read", *arguments))
            raise BlockingIOError

        def write(self, *arguments: object) -> int:
            asked.append(("write", *arguments))
            return 2

        def wait_readable(self, *arguments: object) -> object:
            asked.append(("wait_readable", *arguments))
            return trio.lowlevel.checkpoint()

        def notify_closing(self, *arguments: object) -> None:
            asked.append(("notify_closing", *arguments))

    class Socket(trio.socket.SocketType):
        kernel = Kernel()
        type = trio.socket.SOCK_STREAM

        def __init__(self) -> None: ...

        def fileno(self) -> int:
            return 7

        def setsockopt(self, *arguments: object) -> None: ...

    stream = TCPStream(trio.SocketStream(Socket()))
    stream.take(b"abc")
    assert stream.pending == 1
    assert stream.give(10) is None
    await stream.wait_gives()
    stream.interrupt()
    assert asked == [
        ("write", 7, b"abc"),
        ("read", 7, 10),
        ("wait_readable", 7),
        ("notify_closing", 7),
    ]
