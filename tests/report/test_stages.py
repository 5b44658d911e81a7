"""The stages: what is being waited for, what each wait took and found."""

from __future__ import annotations

import logging

import pytest
import trio
from trio.testing import MockClock

from trio_wsproxy._report._evidence import Addresses, Attempt, Attempts
from trio_wsproxy._report._stages import Stage, StageLog


async def test_stages_in_order(mock_clock: MockClock) -> None:
    """Each stage is noted with the time it began and took, and what it found."""
    log = StageLog()
    mock_clock.jump(1)
    with log.stage("resolve", 1, "proxy", "the address") as running:
        mock_clock.jump(2)
        running.evidence = Addresses(("192.0.2.1",))
    with log.stage("tcp", 1, "proxy:80", "the TCP connection") as running:
        running.evidence = Attempts([Attempt("192.0.2.1", "connected")])
        mock_clock.jump(4)
    tried = [{"address": "192.0.2.1", "outcome": "connected"}]
    assert log.stages == (
        Stage("resolve", 1, "proxy", 1, 2, True, {"addresses": ["192.0.2.1"]}),
        Stage("tcp", 1, "proxy:80", 3, 4, True, {"attempts": tried}),
    )


async def test_failed_stage(mock_clock: MockClock) -> None:
    """A stage that fails is noted as failed, and lets the error through."""
    log = StageLog()

    def fail() -> None:
        with log.stage("tcp", None, "server:80", "the TCP connection"):
            mock_clock.jump(2)
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        fail()
    assert log.stages == (Stage("tcp", None, "server:80", 0, 2, ok=False),)


async def test_stage_that_goes_on() -> None:
    """A stage that is not over has neither a duration nor an outcome."""
    log = StageLog()
    with log.stage("tcp", None, "server:80", "the TCP connection"):
        (stage,) = log.stages
    assert (stage.duration, stage.ok) == (None, None)


async def test_cancelled_stage(mock_clock: MockClock) -> None:
    """A stage that is cancelled stays what was waited for."""
    log = StageLog()
    assert log.waiting_for == "the configuration"
    with log.stage("tcp", 1, "proxy:80", "the TCP connection"):
        pass
    with trio.CancelScope() as scope:
        scope.cancel()
        with log.stage("connect", 1, "server:80", "the answer"):
            await trio.sleep_forever()
    assert log.waiting_for == "the answer"
    assert [stage.ok for stage in log.stages] == [True, False]


async def test_logs_are_apart() -> None:
    """Two logs share nothing."""
    one, other = StageLog(), StageLog()
    with one.stage("tcp", None, "server:80", "x"):
        pass
    assert other.stages == ()


async def test_trace(mock_clock: MockClock) -> None:
    """A trace is told each begin and each end as it happens, with what is known then."""
    told: list[tuple[str, str, float | None, bool | None]] = []
    log = StageLog(lambda event, stage: told.append((event, stage.name, stage.duration, stage.ok)))
    with log.stage("tcp", 1, "proxy:80", "x"):
        assert told == [("begin", "tcp", None, None)]
        mock_clock.jump(2)
    with pytest.raises(OSError, match="no"), log.stage("connect", 1, "server:80", "x"):
        raise OSError("no")
    assert told[1:] == [
        ("end", "tcp", 2, True),
        ("begin", "connect", None, None),
        ("end", "connect", 0, False),
    ]


async def test_broken_trace(caplog: pytest.LogCaptureFixture) -> None:
    """A trace that raises is logged, and costs nothing else."""

    def trace(*_: object) -> None:
        raise RuntimeError("mine")

    log = StageLog(trace)
    with caplog.at_level(logging.ERROR, "trio_wsproxy"), log.stage("tcp", 1, "proxy:80", "x"):
        pass
    assert log.stages[0].ok
    assert [record.getMessage() for record in caplog.records] == [
        "trace= raised at the begin of stage tcp",
        "trace= raised at the end of stage tcp",
    ]
