"""Connections in a row: a new one whenever the last is over, for feeds that must not end.

The nursery in which the connections run belongs to the ``async with``. The iterator is a
plain object with ``__anext__``, not an async generator, for a generator may not hold a
nursery or a cancel scope across its ``yield``: with it, ``break`` would leave the nursery
open until the garbage collector came by. So the loop can be left in any way at any point.
"""

from __future__ import annotations

import inspect
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, NoReturn

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
from trio_wsproxy._redaction import escaped
from trio_wsproxy._websocket import WebSocketConnection, attendant_of

from ._attempt import connect
from ._checks import plain_function, seconds
from ._hosting import Leave, hosted
from ._misuse import read_target
from ._options import Options
from ._plan import Plan, make_plan
from ._retry_after import retry_after

if TYPE_CHECKING:
    from typing_extensions import Unpack  # in typing from Python 3.11 on

logger = logging.getLogger("trio_wsproxy")

FIRST_DELAY = 0.5  # seconds; a server that restarts is given a moment, a user is not made to wait
MAX_DELAY = 60.0  # seconds; an outage of hours costs its operator one attempt a minute
MAX_RETRY_AFTER = 3600.0  # seconds; a maintenance is waited for, a slip or a joke is not
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
    max_retry_after: float = MAX_RETRY_AFTER,
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
      max_retry_after: Seconds of a ``Retry-After`` header to wait for at most, 3600 by default;
        0 ignores it, ``math.inf`` waits as long as any server says.
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
    plan = make_plan(read_target(url), ssl_context, options)
    first_delay, max_delay = seconds("first_delay", first_delay), seconds("max_delay", max_delay)
    max_retry_after = seconds("max_retry_after", max_retry_after)
    plain_function("retry", retry)
    if not 0 < first_delay <= max_delay:
        raise ValueError(f"first_delay must be above 0 and at most max_delay, not {first_delay}")
    backoff = _Backoff(first_delay, max_delay, max_retry_after)

    def begin(nursery: trio.Nursery) -> tuple[Reconnections, Leave]:
        reconnections = Reconnections(nursery, plan, backoff, retry)
        return reconnections, reconnections._leave  # noqa: SLF001  # hidden from users, not from us

    return _reconnecting(begin)


class _Backoff:
    """How long to wait before the next attempt (exponential, with full jitter upwards)."""

    def __init__(self, first: float, most: float, most_asked: float) -> None:
        self.first = first
        self.most = most
        self.most_asked = most_asked  # of what a Retry-After asks for
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
        self._busy = False  # with a turn
        self._over = False  # the block was left

    def __aiter__(self) -> Reconnections:
        return self

    if not TYPE_CHECKING:  # what a type checker is to refuse

        def __iter__(self) -> NoReturn:
            raise TypeError("use 'async for ws in connections:', not 'for ws in connections:'")

        def __await__(self) -> NoReturn:
            raise TypeError("use 'async for ws in connections:', not 'await connections'")

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> WebSocketConnection:
        if self._busy:
            raise trio.BusyResourceError("another task is waiting for the next connection already")
        self._busy = True
        try:
            self._check_block()
            if self._current is not None:
                await self._retire(self._current)
            return await self._connect()
        finally:
            self._busy = False

    async def _connect(self) -> WebSocketConnection:
        while True:
            self._check_block()
            try:
                connection = await connect(self._plan, self._start_soon, shielded=True)
            except Exception as exc:
                self._check_block()
                await self._wait_after(exc)
                continue
            self._current = connection
            self._opened = trio.current_time()
            return connection

    def _start_soon(self, run: Callable[[], Awaitable[None]]) -> None:
        """Start a connection; where that is refused, whoever has made it closes its stream."""
        self._check_block()
        self._nursery.start_soon(run)

    def _check_block(self) -> None:
        """Refuse to go on behind the block, where nobody would close what is opened."""
        if self._over:
            raise RuntimeError(
                "the block of 'async with reconnecting_websocket_url(…) as connections' is over; "
                "iterate over connections inside of it"
            )

    async def _retire(self, connection: WebSocketConnection) -> None:
        """Close the connection that the loop is done with, and wait if it did not live long."""
        try:
            await connection.aclose()
        except (ConnectionLost, DisconnectionTimeout) as exc:
            logger.warning("%s", escaped(str(exc)))
        self._current = None
        if trio.current_time() - self._opened >= STABLE:
            self._backoff.reset()
        delay = self._backoff.next()
        logger.info(
            "connection to %s is over (%s); the next attempt is in %.1f s",
            self._plan.target.url,
            escaped(str(connection.closed)),  # the peer's words are in there
            delay,
        )
        await trio.sleep(delay)

    async def _wait_after(self, exc: Exception) -> None:
        """Wait for the next attempt, or raise what is not worth one."""
        verdict = self._retry(exc) if self._retry is not None else None
        if inspect.iscoroutine(verdict):
            verdict.close()  # nobody awaits it
            raise TypeError("retry is called and not awaited: make it 'def', not 'async def'")
        if not (is_transient(exc) if verdict is None else verdict):
            raise exc
        delay, most = self._backoff.next(), self._backoff.most_asked
        asked = retry_after(exc.headers) if isinstance(exc, (ServerRejected, ProxyRejected)) else 0
        delay = max(delay, min(asked, most))
        capped = f" (Retry-After asks for {asked:.0f} s, max_retry_after is {most:g} s)"
        why = escaped(str(exc))
        logger.warning(
            "%s %.1f s%s",
            why + (" Next attempt in" if why.endswith("?") else "; the next attempt is in"),
            delay,
            capped if asked > most else "",
        )
        await trio.sleep(delay)

    async def _leave(self, error: BaseException | None) -> None:
        self._over = True
        if self._current is not None:
            await attendant_of(self._current).leave(error)


class _reconnecting(hosted[Reconnections]):  # noqa: N801  # as hosted
    """A row of connections, which knows what it is called."""

    __slots__ = ()

    call = "reconnecting_websocket_url(…)"
    guest = "connections"
    then = " and in it 'async for ws in connections:'"


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Go through an exception and what it was raised from."""
    while exc is not None:
        yield exc
        exc = exc.__cause__
