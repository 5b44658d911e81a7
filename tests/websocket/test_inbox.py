"""What comes in: the parts of messages, the memory that they take, and the budget."""

from __future__ import annotations

import gc
import random
import tracemalloc

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._websocket._events import Fragment
from trio_wsproxy._websocket._inbox import READ_AHEAD, Inbox, Message, Parts
from trio_wsproxy._websocket._message_stream import MessageStream
from trio_wsproxy._websocket._state import Life
from trio_wsproxy._websocket._waiting import Bell


def make(limit: int | None = None) -> tuple[Inbox, Bell]:
    """Make an inbox, and the bell of who reads for it."""
    bell = Bell()
    return Inbox(Life(), limit, bell), bell


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("sizes", [(0, 3), (0, 2000), (1020, 1030), (5000, 9000), (0, 1)])
def test_parts(sizes: tuple[int, int], text: bool) -> None:
    """Whatever their sizes, together they are the message."""
    chance = random.Random(1)
    parts, expected = Parts(), []
    assert not parts
    for _ in range(500):
        size = chance.randrange(*sizes)
        data: Message = "ü🌍"[chance.randrange(2)] * size if text else chance.randbytes(size)
        parts.add(data)
        expected.append(data)
        assert parts
    whole: Message = "" if text else b""
    assert parts.join() == type(whole)().join(expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, 2, 100, 1000, 5000])
@pytest.mark.parametrize("character", [b"x", "x", "🌍"])
def test_memory_of_parts(size: int, character: Message) -> None:
    """It is what Python takes for them, and many small ones take little more than what is in them."""
    number = 3000
    gc.collect()
    tracemalloc.start()
    try:
        parts = Parts()
        for _ in range(number):
            parts.add(character * size)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    content = number * size * (4 if character == "🌍" else 1)
    assert content <= parts.memory <= 1.15 * content + 10_000
    # Empty ones are all the same object of Python's.
    assert taken <= 1.2 * parts.memory + 10_000


def test_memory_of_messages() -> None:
    """What is unread is counted as it is taken, and nothing is left when all is."""
    inbox, _ = make()
    messages: list[Message] = ["", b"", "x", "🌍" * 100, b"y" * 1000]
    for message in messages * 10:
        inbox.deliver(message)
    assert inbox.unread > 10 * (400 + 1000 + 5 * 40)
    assert [inbox.take() for _ in range(50)] == messages * 10
    assert inbox.unread == 0


@pytest.mark.parametrize("message", [b"", "x", "🌍" * 20_000])
async def test_the_budget(message: Message) -> None:
    """Past a megabyte of memory it is full, and calls when there is room again."""
    inbox, bell = make()
    number = 0
    while not inbox.is_full():
        inbox.deliver(message)
        number += 1
    assert READ_AHEAD <= inbox.unread <= READ_AHEAD + 80_100
    assert inbox.was_full
    with trio.CancelScope() as bell.alarm:
        inbox.take()
        assert not inbox.was_full
        assert bell.alarm.cancel_called


async def test_parts_count_too() -> None:
    """So do the parts of a message that is not complete, unless somebody waits for it."""
    inbox, _ = make()
    while not inbox.is_full():
        inbox.collect(Fragment(b"x" * 5000, last=False))
    assert inbox.unread >= READ_AHEAD
    inbox.receiving += 1
    assert not inbox.is_full()
    inbox.receiving -= 1
    assert inbox.is_full()
    inbox.collect(Fragment(b"", last=True))
    assert len(inbox.take()) >= READ_AHEAD - 100_000
    assert inbox.unread == 0
    await trio.lowlevel.checkpoint()


def test_the_number_of_messages() -> None:
    """trio-websocket's ``message_queue_size`` counts them."""
    inbox, _ = make(3)
    for number in range(4):
        assert not inbox.is_full()
        inbox.deliver(str(number))
    assert inbox.is_full()


async def test_a_cancelled_receiver_has_taken_nothing(nursery: trio.Nursery) -> None:
    """One is woken for each message; if it is cancelled then, the message is for another one."""
    inbox, _ = make()
    taken: list[Message] = []

    async def receive(scope: trio.CancelScope) -> None:
        with scope:
            while not inbox.has_message():
                await inbox.wait()
            await trio.lowlevel.checkpoint()
            taken.append(inbox.take())

    scopes = [trio.CancelScope() for _ in range(3)]
    for scope in scopes:
        nursery.start_soon(receive, scope)
        await wait_all_tasks_blocked()
    assert inbox.receiving == 3
    inbox.deliver("one")
    scopes[0].cancel()
    await wait_all_tasks_blocked()
    assert taken == []
    inbox.deliver("two")
    inbox.wake_receivers()
    await wait_all_tasks_blocked()
    assert taken == ["one", "two"]
    assert inbox.receiving == 0


async def test_streams_take_parts() -> None:
    """A stream holds its message, others are refused, and what it does not want is skipped."""
    inbox, _ = make()

    async def never(_: MessageStream) -> tuple[Message, bool]:
        await trio.sleep_forever()
        raise AssertionError

    first, second = (MessageStream(never, inbox.discard_rest) for _ in range(2))
    assert inbox.take_part(first) is None
    inbox.collect(Fragment("a", last=False))
    inbox.collect(Fragment("b", last=False))
    assert inbox.take_part(first) == ("ab", False)
    with pytest.raises(trio.BusyResourceError):
        inbox.take_part(second)
    with pytest.raises(trio.BusyResourceError):
        inbox.has_message()
    inbox.collect(Fragment("c", last=False))
    inbox.discard_rest(first)
    inbox.collect(Fragment("d", last=True))
    inbox.collect(Fragment("e", last=True))
    assert inbox.take_part(second) == ("e", True)
    inbox.deliver(b"whole")
    assert inbox.take_part(first) == (b"whole", True)
    assert inbox.unread == 0
    assert not inbox.has_something()
    await trio.lowlevel.checkpoint()


def test_clear() -> None:
    """What nobody asks for any more takes no memory."""
    inbox, _ = make()
    inbox.deliver("x" * 1000)
    inbox.collect(Fragment(b"x" * 1000, last=False))
    inbox.clear()
    assert inbox.unread == 0
    assert not inbox.has_something()
