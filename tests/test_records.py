"""Classes that are nothing but their values."""

from __future__ import annotations

from trio_wsproxy._records import Record


class Point(Record):
    """Two numbers."""

    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


class Pair(Point):
    """Another kind of two numbers."""

    __slots__ = ()


def test_compared_by_value() -> None:
    """Two of a class with the same values are equal, and have one hash."""
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert len({Point(1, 2), Point(1, 2)}) == 1


def test_kinds_differ() -> None:
    """Two kinds with the same values are not equal, and neither is a tuple of them."""
    assert Point(1, 2) != Pair(1, 2)
    assert Point(1, 2) != (1, 2)


def test_shown() -> None:
    """They show their values by name."""
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
