"""The keepalive: a ping after silence, and an end to a connection that stays silent.

Any byte from the peer proves that it lives, not only a pong: behind a long message a pong
has to wait its turn. And silence that this side has asked for, because it does not read
while too much waits unread, proves nothing; the caller's ``quiet_since`` then says "now".
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import trio

JITTER = 0.1  # of the interval, taken off at random, so that many connections do not ping at once


async def keep_alive(
    interval: float,
    timeout: float | None,
    *,
    quiet_since: Callable[[], float],
    send_ping: Callable[[], None],
    give_up: Callable[[], None],
    pause_until: Callable[[float], Awaitable[bool]],
) -> None:
    """Watch a connection until it is given up or over, or this is cancelled.

    Args:
      interval: Seconds of silence after which a ping is sent, and sent again.
      timeout: Seconds of silence after a ping after which the connection is given up;
        ``None`` never gives up.
      quiet_since: Tells the time of the last byte from the peer.
      send_ping: Queues a ping.
      give_up: Ends the connection.
      pause_until: Sleeps until a time; tells whether there is still something to watch.

    """
    pinged: float | None = None  # the first ping that nothing has followed yet
    last_ping = quiet_since()
    pause = _with_jitter(interval)
    while True:
        now, quiet = trio.current_time(), quiet_since()
        if pinged is not None and quiet >= pinged:
            pinged = None
        if pinged is not None and timeout is not None and now >= pinged + timeout:
            give_up()
            return
        due = max(quiet, last_ping) + pause
        if now >= due:
            send_ping()
            last_ping, pause = now, _with_jitter(interval)
            pinged = now if pinged is None else pinged
        else:
            if pinged is not None and timeout is not None:
                due = min(due, pinged + timeout)
            if not await pause_until(due):
                return


def _with_jitter(interval: float) -> float:
    return interval * (1 - JITTER * random.random())  # noqa: S311  # not a secret
