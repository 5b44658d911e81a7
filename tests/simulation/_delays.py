"""How long the reconnecting loop may wait before each attempt, by its documentation, and whether it did."""

from __future__ import annotations

from _record import Record

from trio_wsproxy import ConnectionRejected

FIRST, MOST = 0.5, 60.0  # seconds
STABLE = 10.0  # seconds that a connection lives for the delays to begin anew
EPSILON = 1e-6


class Delays:
    """What is known of the loop's next attempt.

    How often it has failed is known within bounds, for whether a connection has lived for long enough is seen from
    outside within the time that closing it may take.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._few = self._many = 0  # failures so far
        self._earliest = self._latest = 0.0
        self._waits = False

    def failed(self, now: float, error: Exception) -> None:
        """Be told that an attempt has failed."""
        asked = 0.0
        if isinstance(error, ConnectionRejected):
            asked = float(dict(error.headers or ()).get(b"retry-after", b"0"))
        self._wait(now, now, asked)

    def over(self, now: float, *, lived: float, closing: float) -> None:
        """Be told that the loop is done with a connection, which it closes within some seconds."""
        if lived + closing >= STABLE - EPSILON:
            self._few = 0
        if lived >= STABLE:
            self._many = 0
        self._wait(now, now + closing, 0.0)

    def _wait(self, earliest: float, latest: float, asked: float) -> None:
        self._earliest = earliest + max(0.5 * _delay(self._few), asked)
        self._latest = latest + max(_delay(self._many), asked)
        self._few, self._many = self._few + 1, self._many + 1
        self._waits = True

    def begins(self, now: float) -> None:
        """Be told that a stage begins, which is the next attempt if one was waited for."""
        if self._waits and not self._earliest - EPSILON <= now <= self._latest + EPSILON:
            self._record.odd.append(
                f"the next attempt began at {now:.3f}, not from {self._earliest:.3f} to {self._latest:.3f}"
            )
        self._waits = False


def _delay(failures: int) -> float:
    return min(FIRST * 2.0**failures, MOST)
