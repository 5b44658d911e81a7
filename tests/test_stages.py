"""The stages: what is being waited for, and how long each wait took."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_wsproxy._stages import Stage, StageLog


async def test_stages_in_order(mock_clock: MockClock) -> None:
    """Each stage is noted when it ends, with the time it began and took."""
    log = StageLog()
    mock_clock.jump(1)
    with log.stage("tcp", 1, "the TCP connection"):
        mock_clock.jump(2)
    with log.stage("connect", 1, "the answer"):
        mock_clock.jump(4)
    assert log.stages == [
        Stage("tcp", 1, start=1, duration=2, ok=True),
        Stage("connect", 1, start=3, duration=4, ok=True),
    ]


async def test_failed_stage(mock_clock: MockClock) -> None:
    """A stage that fails is noted as failed, and lets the error through."""
    log = StageLog()

    def fail() -> None:
        with log.stage("tcp", None, "the TCP connection"):
            mock_clock.jump(2)
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        fail()
    assert log.stages == [Stage("tcp", None, start=0, duration=2, ok=False)]


async def test_cancelled_stage(mock_clock: MockClock) -> None:
    """A stage that is cancelled stays what was waited for."""
    log = StageLog()
    assert log.waiting_for == "the configuration"
    with log.stage("tcp", 1, "the TCP connection"):
        pass
    with trio.CancelScope() as scope:
        scope.cancel()
        with log.stage("connect", 1, "the answer"):
            await trio.sleep_forever()
    assert log.waiting_for == "the answer"
    assert [stage.ok for stage in log.stages] == [True, False]


async def test_logs_are_apart() -> None:
    """Two logs share nothing."""
    one, other = StageLog(), StageLog()
    with one.stage("tcp", None, "x"):
        pass
    assert other.stages == []
