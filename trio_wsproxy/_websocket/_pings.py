"""Pings that wait for their pongs, and the keepalive.

The keepalive is a ping after silence, and an end to a connection that stays silent.

Any byte from the peer proves that it lives, not only a pong: behind a long message a pong
has to wait its turn. And silence that this side has asked for, because it does not read
while too much waits unread, proves nothing; the caller then says that it was quiet "now".
"""

from __future__ import annotations

import enum
import math

import trio

from ._frames import random_label
from ._waiting import Bench

JITTER = 0.1  # of the interval, taken off at random, so that many connections do not ping at once
# Of the interval: so much earlier a ping is sent where the clock is looked at anyway. A peer that answers
# is heard from a round trip after each ping; without this, the attendant would wake up twice for the next.
SLACK = 0.01
LATE = 0.01  # seconds; who looks at the clock later than that was kept from it
SECOND_LOOK = 0.1  # seconds until then
MAX_LATE = 64  # pings that were cancelled, and whose pong would answer those before them


class PingInFlight:
    """A ping that was sent.

    Attributes:
      number: Counted from 1, in the order in which they were sent.
      sent: When, by trio's clock.
      round_trip: Seconds; ``None`` where there was no pong.

    """

    __slots__ = ("_over", "_waiting", "number", "round_trip", "sent")

    def __init__(self, number: int, sent: float) -> None:
        self.number = number
        self.sent = sent
        self.round_trip: float | None = None
        self._waiting = Bench()
        self._over = False

    async def wait(self) -> None:
        """Wait for the pong, or the end of the connection."""
        if not self._over:
            await self._waiting.wait()

    def end(self) -> None:
        """Wake who waits."""
        self._over = True
        self._waiting.wake_all()


class Pings:
    """The pings of one connection that were not answered yet.

    Attributes:
      in_flight (dict[bytes, PingInFlight]): By payload, in the order in which they were sent.
      latency (float | None): The last round trip in seconds.

    """

    __slots__ = ("_count", "_late", "_of_keepalive", "in_flight", "latency")

    def __init__(self) -> None:
        self.in_flight: dict[bytes, PingInFlight] = {}
        self.latency: float | None = None
        self._count = 0  # pings that were sent
        # Numbers of those that nobody waits for, by payload: a peer may answer the latest ping only.
        self._late: dict[bytes, int] | None = None
        self._of_keepalive = b""

    def fresh_payload(self) -> bytes:
        """Make a payload that no ping in flight has."""
        # Neither from a generator that the program may have seeded, and counts on, nor a system call.
        while True:
            payload = random_label()
            if payload not in self.in_flight:
                return payload

    def fresh_payload_of_keepalive(self) -> bytes:
        """Make one for the keepalive, which forgets its last ping: one at a time is enough."""
        self.in_flight.pop(self._of_keepalive, None)
        self._of_keepalive = self.fresh_payload()
        return self._of_keepalive

    def sent(self, payload: bytes) -> PingInFlight:
        """Note that a ping leaves."""
        self._count += 1
        ping = self.in_flight[payload] = PingInFlight(self._count, trio.current_time())
        return ping

    def forget(self, payload: bytes, ping: PingInFlight) -> None:
        """Let a late pong be ignored, but for the pings before this one, which it answers, too."""
        if self.in_flight.get(payload) is not ping:
            return
        del self.in_flight[payload]
        late = self._late = self._late or {}
        late[payload] = ping.number
        if len(late) > MAX_LATE:
            del late[next(iter(late))]
        self._forget_late()

    def _forget_late(self) -> None:
        """Forget the late ones where nobody waits who was before them."""
        if not self.in_flight:
            self._late = None

    def match(self, payload: bytes) -> None:
        """Wake the ping with this payload, and those before it (RFC 6455 section 5.5.3)."""
        answered = self.in_flight.get(payload)
        last = answered.number if answered is not None else (self._late or {}).get(payload, 0)
        now = trio.current_time()
        for sent_payload, ping in list(self.in_flight.items()):
            if ping.number > last:  # all of them, where the pong is unsolicited, which is allowed
                return
            del self.in_flight[sent_payload]
            ping.round_trip = now - ping.sent
            ping.end()
            if ping is answered:
                self.latency = ping.round_trip
        self._forget_late()

    def give_up(self) -> None:
        """Wake all who wait: no pong will come."""
        for ping in self.in_flight.values():
            ping.end()


class Verdict(enum.Enum):
    """What the keepalive asks for."""

    WAIT = "nothing, until a time"
    PING = "a ping"
    GIVE_UP = "the end: the peer is dead"


class Keepalive:
    """Watches one connection's silence; it waits for nothing itself.

    Args:
      interval: Seconds of silence after which a ping is sent, and sent again.
      timeout: Seconds of silence after a ping after which the connection is given up;
        ``None`` never gives up.
      now: By trio's clock.

    """

    __slots__ = ("_again", "_interval", "_last_ping", "_pause", "_pinged", "_timeout")

    def __init__(self, interval: float, timeout: float | None, now: float) -> None:
        self._interval = interval
        self._timeout = math.inf if timeout is None else timeout
        self._pinged = math.inf  # when the first ping left that nothing has followed yet
        self._again = -math.inf  # a second look; see check()
        self._last_ping = now
        self._pause = _with_jitter(interval)

    def check(self, now: float, quiet: float) -> tuple[Verdict, float]:
        """Look at the clock.

        Args:
          now: By trio's clock.
          quiet: When the last byte came from the peer.

        Returns:
          What is due, and the time to look again.

        """
        if quiet >= self._pinged:
            self._pinged, self._again = math.inf, -math.inf
        end = max(self._pinged + self._timeout, self._again)
        if now >= end:
            if now < end + LATE or self._again > self._pinged:
                return Verdict.GIVE_UP, math.inf
            # The event loop stood still meanwhile: a pong may wait in the socket. Whoever reads has a
            # turn before the second look.
            self._again = now + SECOND_LOOK
            return Verdict.WAIT, self._again
        verdict = Verdict.WAIT
        if now >= max(quiet, self._last_ping) + self._pause - SLACK * self._interval:
            verdict = Verdict.PING
            self._last_ping, self._pause = now, _with_jitter(self._interval)
            self._pinged = min(self._pinged, now)
        due = max(quiet, self._last_ping) + self._pause
        return verdict, min(due, max(self._pinged + self._timeout, self._again))


def _with_jitter(interval: float) -> float:
    return interval * (1 - JITTER * int.from_bytes(random_label(), "big") / 2**32)
