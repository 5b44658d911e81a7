"""Connections in a row: a new one whenever the last is over, for feeds that must not end.

The nursery in which the connections run belongs to the ``async with``. The iterator is a
plain object with ``__anext__``, not an async generator, for a generator may not hold a
nursery or a cancel scope across its ``yield``: with it, ``break`` would leave the nursery
open until the garbage collector came by. So the loop can be left in any way at any point.
"""

from __future__ import annotations

import email.utils
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import trio

from trio_wsproxy._exceptions import (
    ConnectionLost,
    ConnectionTimeout,
    DisconnectionTimeout,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyRejected,
    ServerRejected,
    failure_of,
)
from trio_wsproxy._failures import Kind
from trio_wsproxy._urls import parse_target
from trio_wsproxy._websocket import WebSocketConnection, attendant_of

from ._attempt import Plan, connect, make_plan
from ._hosting import Leave, hosted
from ._options import Options

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

logger = logging.getLogger("trio_wsproxy")

FIRST_DELAY = 0.5  # seconds; a server that restarts is given a moment, a user is not made to wait
MAX_DELAY = 60.0  # seconds; an outage of hours costs its operator one attempt a minute
GROWTH = 2.0  # each delay's ratio to the one before
STABLE = 10.0  # seconds that a connection must have lived for the delays to begin anew
TRANSIENT_STATUS = frozenset((408, 429, 502, 503, 504))
TRANSIENT_REPLIES = frozenset((1, 3, 4, 5, 6, 91))  # SOCKS: failures, not rules


def is_transient(exc: Exception) -> bool:
    """Tell whether the same attempt may succeed later.

    Args:
      exc: What an attempt to connect raised.

    Returns:
      ``True`` for what the network or an overloaded peer does: :exc:`OSError`, time-outs, a
      TLS connection cut off, status 408, 429, 502, 503, 504, SOCKS failures. ``False`` for
      what someone must mend: credentials, certificates, rules, addresses, arguments.

    """
    failure = failure_of(exc)
    if failure is not None and failure.kind is Kind.MISCONFIGURED:
        return False  # ProxyConfigError; a variable of the environment
    if isinstance(exc, (ProxyConfigError, ProxyAuthenticationError)):
        return False
    if isinstance(exc, ServerRejected):
        return exc.status_code in TRANSIENT_STATUS
    if isinstance(exc, ProxyRejected):
        return exc.status_code in TRANSIENT_STATUS or exc.reply_code in TRANSIENT_REPLIES
    causes = list(_causes(exc))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return any(isinstance(cause, ssl.SSLEOFError) for cause in causes)
    if any(isinstance(cause, ValueError) for cause in causes):
        return False  # a name that neither DNS nor TLS can carry
    if any(isinstance(cause, trio.BrokenResourceError) for cause in causes):
        return True
    return isinstance(exc, (OSError, ConnectionTimeout))


def reconnecting_websocket_url(
    url: str,
    ssl_context: ssl.SSLContext | None = None,
    *,
    first_delay: float = FIRST_DELAY,
    max_delay: float = MAX_DELAY,
    retry: Callable[[Exception], bool | None] | None = None,
    **options: Unpack[Options],
) -> AbstractAsyncContextManager[Reconnections]:
    """Open a WebSocket to a URL, and again whenever it is over.

    ::

        async with reconnecting_websocket_url("wss://example.org/feed") as connections:
            async for ws in connections:
                try:
                    await ws.send("subscribe")
                    async for message in ws:
                        print(message)
                except ConnectionLost:
                    pass  # the loop goes on with a new connection

    The loop's next turn closes the connection of the last one, waits (longer after each
    failure, with jitter; not before ``Retry-After`` where a server sends one), resolves the
    proxy anew, and connects. ``break``, ``return``, exceptions and cancellation may leave it
    at any point.

    Args:
      url: As for :func:`open_websocket_url`.
      ssl_context: As for :func:`open_websocket_url`.
      first_delay: Seconds before the first new attempt, 0.5 by default; it doubles with each.
      max_delay: Seconds that no delay exceeds (but ``Retry-After`` may), 60 by default.
      retry: Is asked about each failed attempt: ``True`` tries again, ``False`` raises,
        ``None`` decides as usual: what is transient is tried again (see the documentation
        for the list), the rest raised.
      options: The keyword arguments of :func:`open_websocket_url`; ``connect_timeout`` is for
        one attempt.

    Returns:
      An async context manager that gives a :class:`Reconnections`, an async iterator of
      :class:`WebSocketConnection`.

    Raises:
      ValueError: An argument is malformed; nothing was sent.
      HandshakeError: From the loop: an attempt failed that is not worth another.

    A cancelled call, or a cancelled turn of the loop, leaves no connection behind.

    """
    plan = make_plan(parse_target(url), ssl_context, options)
    if not 0 < first_delay <= max_delay:
        raise ValueError(f"first_delay must be above 0 and at most max_delay, not {first_delay}")
    backoff = _Backoff(first_delay, max_delay)

    def begin(nursery: trio.Nursery) -> tuple[Reconnections, Leave]:
        reconnections = Reconnections(nursery, plan, backoff, retry)
        return reconnections, reconnections._leave  # noqa: SLF001  # hidden from users, not from us

    return hosted(begin)


class _Backoff:
    """How long to wait before the next attempt (exponential, with full jitter upwards)."""

    def __init__(self, first: float, most: float) -> None:
        self.first = first
        self.most = most
        self.failures = 0

    def next(self) -> float:
        """Count a failure and give the seconds to wait: half of them fixed, half random."""
        delay = min(self.first * GROWTH ** min(self.failures, 64), self.most)
        self.failures += 1
        return delay * (0.5 + 0.5 * random.random())  # noqa: S311  # not a secret

    def reset(self) -> None:
        """Begin anew."""
        self.failures = 0


class Reconnections:
    """An async iterator of connections; see :func:`reconnecting_websocket_url`."""

    def __init__(
        self,
        nursery: trio.Nursery,
        plan: Plan,
        backoff: _Backoff,
        retry: Callable[[Exception], bool | None] | None,
    ) -> None:
        self._nursery = nursery
        self._plan = plan
        self._backoff = backoff
        self._retry = retry
        self._current: WebSocketConnection | None = None
        self._opened = 0.0

    def __aiter__(self) -> Reconnections:
        return self

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> WebSocketConnection:
        if self._current is not None:
            await self._retire(self._current)
        while True:
            try:
                connection = await connect(self._plan)
            except Exception as exc:
                await self._wait_after(exc)
                continue
            self._nursery.start_soon(attendant_of(connection).run)
            self._current = connection
            self._opened = trio.current_time()
            return connection

    async def _retire(self, connection: WebSocketConnection) -> None:
        """Close the connection that the loop is done with, and wait if it did not live long."""
        try:
            await connection.aclose()
        except (ConnectionLost, DisconnectionTimeout) as exc:
            logger.warning("%s", exc)
        self._current = None
        if trio.current_time() - self._opened >= STABLE:
            self._backoff.reset()
        delay = self._backoff.next()
        logger.info(
            "connection to %s is over (%s); the next attempt is in %.1f s",
            self._plan.target.url,
            connection.closed,
            delay,
        )
        await trio.sleep(delay)

    async def _wait_after(self, exc: Exception) -> None:
        """Wait for the next attempt, or raise what is not worth one."""
        verdict = self._retry(exc) if self._retry is not None else None
        if not (is_transient(exc) if verdict is None else verdict):
            raise exc
        delay = max(self._backoff.next(), _retry_after(exc))
        logger.warning("%s; the next attempt is in %.1f s", exc, delay)
        await trio.sleep(delay)

    async def _leave(self, error: BaseException | None) -> None:
        if self._current is not None:
            await attendant_of(self._current).leave(error)


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Go through an exception and what it was raised from."""
    while exc is not None:
        yield exc
        exc = exc.__cause__


def _retry_after(exc: Exception) -> float:
    """Read the seconds of a ``Retry-After`` header (RFC 9110 section 10.2.3), 0 without one."""
    headers = exc.headers if isinstance(exc, (ServerRejected, ProxyRejected)) else ()
    value = dict(headers).get(b"retry-after", b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])  # digits; more of them are no date of this life
    parsed = email.utils.parsedate_tz(value) if value else None
    try:
        return max(0.0, email.utils.mktime_tz(parsed) - time.time()) if parsed else 0.0
    except (ValueError, OverflowError):  # a year that there is not
        return 0.0
