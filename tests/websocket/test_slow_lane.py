"""The lane for odd frames: wsproto judges, in our words."""

from __future__ import annotations

import pytest
from _peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, frame

from trio_wsproxy._websocket._events import (
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
)
from trio_wsproxy._websocket._frames import NO_LIMIT
from trio_wsproxy._websocket._slow_lane import SlowLane, too_big


def events_of(lane: SlowLane, data: bytes) -> tuple[list[Event], bool]:
    """What it makes of these bytes, and whether more may come."""
    events: list[Event] = []
    return events, lane.receive(data, events)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (frame(TEXT, b"a"), ["a"]),
        (frame(BINARY, b"a"), [b"a"]),
        (frame(PING, b"1") + frame(PONG, b"2"), [PingReceived(b"1"), PongReceived(b"2")]),
        (
            frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b"),
            [Fragment("a", last=False), Fragment("b", last=True)],
        ),
        (frame(TEXT, fin=False) + frame(0, fin=False), []),
    ],
)
def test_events(data: bytes, expected: list[Event]) -> None:
    """Each frame is the event that the fast lane would make of it; empty parts are none."""
    assert events_of(SlowLane((), NO_LIMIT), data) == (expected, True)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_within_a_message(opcode: int) -> None:
    """It can begin in the middle of a message, whose size so far counts."""
    last: str | bytes = "bc" if opcode == TEXT else b"bc"
    rest = frame(CONTINUATION, b"bc")
    assert events_of(SlowLane((), 10, 8, opcode), rest) == ([Fragment(last, last=True)], True)
    assert events_of(SlowLane((), 10, 9, opcode), rest) == (
        [PeerBrokeProtocol(1009, too_big(10))],
        False,
    )


def test_the_size_is_of_each_message() -> None:
    """Behind the end of a message it is counted anew; a size between messages counts for none."""
    lane = SlowLane((), 10, 7)
    assert events_of(lane, frame(TEXT, b"x" * 10) * 2) == (["x" * 10] * 2, True)
    events, more = events_of(lane, frame(TEXT, "ü".encode() * 6))
    assert (events, more) == ([PeerBrokeProtocol(1009, too_big(10))], False)


def test_the_end() -> None:
    """A close frame is told apart from a broken one, and nothing comes behind either."""
    behind = frame(TEXT, b"behind")
    events, more = events_of(
        SlowLane((), NO_LIMIT), frame(CLOSE, close_payload(4000, "bye")) + behind
    )
    assert (events, more) == ([CloseReceived(4000, "bye")], False)
    events, more = events_of(SlowLane((), NO_LIMIT), frame(PONG) + frame(3) + behind)
    assert not more
    assert events[0] == PongReceived(b"")
    (broken,) = events[1:]
    assert isinstance(broken, PeerBrokeProtocol)
    assert broken.code == 1002
