from __future__ import annotations

import pytest
import trio

from trio_wsproxy import CloseReason, ConnectionEnded, ConnectionLost
from trio_wsproxy._websocket._events import CloseReceived
from trio_wsproxy._websocket._state import Cause, Life, State

NEXT = {
    #                           OPEN             CLOSING          LEAVING          CLOSED
    Cause.CLOSE_SENT:          (State.CLOSING,   State.CLOSING,   State.LEAVING,   State.CLOSED),
    Cause.CLOSE_RECEIVED:      (State.LEAVING,   State.LEAVING,   State.LEAVING,   State.CLOSED),
    Cause.PEER_BROKE_PROTOCOL: (State.LEAVING,   State.LEAVING,   State.LEAVING,   State.CLOSED),
    Cause.WRITING_FAILED:      (State.LEAVING,   State.LEAVING,   State.LEAVING,   State.CLOSED),
    Cause.STREAM_ENDED:        (State.CLOSED,    State.CLOSED,    State.CLOSED,    State.CLOSED),
}  # fmt: skip


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("state", State)
def test_next_state(state: State, cause: Cause) -> None:
    """Each cause leads from each state to the one in the table."""
    life = Life()
    life.state = state
    assert life.enter(cause) is (life.state is not state)
    assert life.state is NEXT[cause][list(State).index(state)]


def test_first_end_stays() -> None:
    """The first reason is the one that every operation raises, each time anew."""
    life = Life()
    cause = trio.BrokenResourceError("reset")
    life.record(ConnectionLost, 1006, "", cause)
    life.record(ConnectionEnded, 1000, "late", None)
    one, other = life.error(), life.error()
    assert one is not other
    assert isinstance(one, ConnectionLost)
    assert str(one.reason) == str(CloseReason(1006, None))
    assert one.__cause__ is cause


def test_peer_explains_a_failed_write() -> None:
    """What a peer said before it went replaces the failure to write that it caused."""
    life = Life()
    life.write_error = trio.BrokenResourceError("pipe")
    life.record(ConnectionLost, 1006, "", life.write_error)
    assert not life.exhausted()
    life.record_close_of_peer(CloseReceived(1001, "restart"))
    assert life.exhausted()
    error = life.error()
    assert isinstance(error, ConnectionEnded)
    assert str(error.reason) == str(CloseReason(1001, "restart"))
