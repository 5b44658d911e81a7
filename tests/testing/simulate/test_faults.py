"""Plans of faults: which operations they strike."""

from __future__ import annotations

from random import Random

from trio_wsproxy.testing.simulate import At, Chance, Fault, Nothing, Operation


def operation(number: int, *, host: str = "here", time: float = 0.0) -> Operation:
    """Some operation."""
    return Operation(number, "send", host, "far.test", 1, time)


def test_nothing() -> None:
    """Nothing strikes nothing."""
    assert Nothing().strike(operation(1), Random(1)) is None


def test_chance() -> None:
    """Chance strikes about as often as it says, with each of its faults, until its time is over."""
    dice = Random(1)
    plan = Chance(0.25, (Fault.FAIL, Fault.SLOW), until=10, host="here")
    struck = [plan.strike(operation(n), dice) for n in range(4000)]
    assert 900 < sum(fault is not None for fault in struck) < 1100
    assert set(struck) == {None, Fault.FAIL, Fault.SLOW}
    assert all(plan.strike(operation(n, host="far"), dice) is None for n in range(100))
    assert all(plan.strike(operation(n, time=10), dice) is None for n in range(100))


def test_at() -> None:
    """A list strikes what is in it, and writes itself in order."""
    plan = At({7: Fault.CUT, 3: Fault.FULL})
    assert [plan.strike(operation(n), Random(1)) for n in (3, 5, 7)] == [
        Fault.FULL,
        None,
        Fault.CUT,
    ]
    assert repr(plan) == "At({3: Fault.FULL, 7: Fault.CUT})"
