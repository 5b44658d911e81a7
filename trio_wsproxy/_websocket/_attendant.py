"""The attendant: the one background task of a connection, from its start until nothing is left of it.

See :mod:`._core` for who does what. Here is what nobody else is there for.

Ending
------

In CLOSING our close frame is on its way, and the peer's is awaited for ``disconnect_timeout``. In
LEAVING nothing more will come; what is queued is flushed, and the peer may close TCP first, as RFC 6455
section 7.1.1 wants it, within :data:`LINGER`. Both clocks begin anew whenever the kernel takes something
that had to wait: they run only while no byte leaves. A clock that is up ends nothing before it was
looked for what has arrived (:meth:`~Attendant._look`): a program that stood still, or a machine that is
loaded, may have given nobody a turn in time, and the peer's last words lie in the socket.

Whoever opens a connection makes an :class:`Attendant`, has its :meth:`~Attendant.run` run in a nursery,
and hands out the :class:`WebSocketConnection` that stands on it. :meth:`~Attendant.aclose` waits for
``run`` to finish; if it is cancelled or runs out of time it cancels ``run`` instead, which closes the
stream at once. When the nursery is the user's, its cancellation reaches ``run`` directly; when it
is :func:`open_websocket`'s, ``run`` is shielded from it and :meth:`~Attendant.leave` decides. Ctrl-C is
kept off the attendant, so that trio delivers it to the main task, where it belongs.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import math
from collections.abc import Awaitable, Callable

import trio

from trio_wsproxy._exceptions import (
    ConnectionClosedLocally,
    DisconnectionTimeout,
    failed,
)
from trio_wsproxy._failures import Failure, Topic, words
from trio_wsproxy._failures import Kind as FailureKind
from trio_wsproxy._redaction import shown_text

from ._core import DELAY, Core
from ._log import logger
from ._pings import Verdict
from ._state import ABNORMAL, Cause, State
from ._wire import Immediate, Kind

LINGER = 1.0  # seconds for the last bytes and the TCP end
LEAVE_ON_ERROR = 1.0  # seconds that the closing handshake may delay a user's exception
# Reads of a last look. What a socket's buffer holds takes fewer (6 MiB on Linux, 64 KiB each); a peer that
# never stops talking is not heard out.
LOOKS = 128
TURNS = 8  # of the scheduler, for what another stream has to hand up through its layers


class Attendant(Core):
    """Owns the stream of one connection; arguments as for :class:`Core`."""

    __slots__ = ()

    # -- the attendant ------------------------------------------------------------------

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Own the stream until the connection has ended, then close it."""
        self._log.info("opened: %s", self.info.dial_report.way)
        with self._scope:
            try:
                if self._wire.kind is Kind.OTHER:
                    await self._attend_other()
                else:
                    await self._recorded(self._attend)
            finally:
                self._finish()
                try:
                    with contextlib.suppress(Exception):  # it is thrown away, whatever it says
                        await self._wire.close()
                finally:
                    self.finished = True
                    self._waiting_for_end.wake_all()

    def _finish(self) -> None:
        self.life.record(ConnectionClosedLocally, ABNORMAL, "cancelled", None)
        self.life.unsent = self.outbox.unsent
        self._enter(Cause.STREAM_ENDED)
        self.outbox.give_up()
        if logger.isEnabledFor(logging.INFO):
            seconds = trio.current_time() - self._opened
            end = shown_text(str(self.life.reason))  # the peer's words are in there
            self._log.info("closed: %s, after %.3f s", end, seconds)

    @trio.lowlevel.enable_ki_protection  # which a task does not get from its parent
    async def _recorded(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a background task; an error, ours included, ends the connection, not the nursery."""
        try:
            await task()
        except Exception as exc:
            self._fail(exc)

    async def _attend(self, *, while_flushing: bool = False) -> None:
        """Do what nobody else is there for, until all is over."""
        outbox = self.outbox
        while self._flushing or not while_flushing:
            now = trio.current_time()
            if self._over(now):
                await self._look()
                if self._over(trio.current_time()):
                    return
                continue
            until = self._watch(now)
            if outbox.queued:
                self.leave_now()
            elif self._wire.pending and outbox.error is None and not self._flushing:
                await self._attend_and_flush()
            elif self._should_read(now):
                await self._read_until(until)
            else:
                await self._bell.sleep_until(min(until, self._takes_over(now)))

    def _over(self, now: float) -> bool:
        """Tell whether nothing is left to wait for, or no time to wait."""
        if self.life.is_open:
            return False
        if now >= self._limit():
            self._try_to_flush()
            if now >= self._limit():
                return True
        if self.life.state is State.CLOSING:
            return False
        outbox = self.outbox
        return self._ended and (outbox.error is not None or not outbox.backlog)

    async def _look(self) -> None:
        """Read what has arrived, before a clock ends the connection over its head."""
        turns = TURNS
        for _ in range(LOOKS):
            if self._ended or self.finished or not turns:
                return
            reads = self._reads
            if self._wire.plain is not None and not self._read_at_once(self._wire.plain):
                return
            await trio.lowlevel.checkpoint()
            turns = TURNS if self._reads != reads else turns - 1

    def _read_at_once(self, plain: Immediate) -> bool:
        """Work on what has arrived, whoever else waits for it; tell whether something has."""
        if not self.protocol.undigested:
            try:
                data = plain.give(self.protocol.wanted())
            except Exception as exc:
                self._receiving_ended(exc)
                return False
            if data is None:
                return False
            if not data:
                self._receiving_ended(None)
                return False
            self._last_byte = trio.current_time()
            self.protocol.feed(data)
        self._reads += 1
        self._work()
        return True

    def _try_to_flush(self) -> None:
        """Hand over what fits, before time is called up.

        The kernel calls a socket writable when a third of its buffer is free, which takes a slow
        peer seconds; that a little leaves now shows that it reads.
        """
        if self._wire.pending and self.outbox.error is None and not self.finished:
            self.outbox.flush()

    def _limit(self) -> float:
        """When closing has taken too long; that clock runs only while no byte leaves."""
        patience = LINGER
        if self.life.state is State.CLOSING:
            # aclose() has the same limit; this one is for a close that nobody waits for.
            patience += self._settings.disconnect_timeout
        return max(self._entered, self.outbox.progressed) + patience

    def _watch(self, now: float) -> float:
        """Keep the clocks; tell when to look again."""
        if not self.life.is_open:
            return self._limit()
        if self._keepalive is None:
            return math.inf
        # Silence while too much is unread is of our making.
        quiet = now if self.inbox.was_full else max(self._last_byte, self.inbox.read_on_at)
        verdict, due = self._keepalive.check(now, quiet)
        if verdict is Verdict.GIVE_UP:
            self._lose(Cause.PEER_BROKE_PROTOCOL, 1011, "keepalive ping timeout")
            return self._limit()
        if verdict is Verdict.PING:
            self.put_ping(self.pings.fresh_payload_of_keepalive())
            self.leave_now()
        return due

    def _should_read(self, now: float) -> bool:
        if self._reading or self._ended:
            return False
        if not self.life.is_open:
            return True
        if self.inbox.is_full():
            return False
        return self._summoned > 0 or self.protocol.undigested or now >= self._last_received + DELAY

    def _takes_over(self, now: float) -> float:
        """When to read in the place of receivers, if none comes back."""
        if self._reading or self._ended or self.inbox.was_full:
            return math.inf  # whoever reads, or takes a message, calls
        return max(now, self._last_received + DELAY)

    async def _read_until(self, deadline: float) -> None:
        bell = self._bell
        self._reading = True
        try:
            with trio.CancelScope(deadline=deadline) as alarm:
                bell.alarm = alarm
                await self._read()
                while self._reads_on():
                    now = trio.current_time()
                    alarm.deadline = self._watch(now)
                    await self._read()
        finally:
            bell.alarm = None
            self._reading = False
            if self.inbox.receiving:  # whoever waits goes on reading when it comes back
                self._last_received = self._last_byte
                self.inbox.wake_one_receiver()

    def _reads_on(self) -> bool:
        """Tell whether there is nothing to do but to read, and for nobody else either."""
        outbox = self.outbox
        return (
            self.life.is_open
            and not self._ended
            and not self.inbox.receiving
            and not outbox.queued
            and (not self._wire.pending or self._flushing)
            and not self.inbox.is_full()
        )

    async def _attend_and_flush(self) -> None:
        """Do the same while bytes are left that the kernel does not take."""
        self._flushing = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._recorded, self._flush)
            await self._recorded(functools.partial(self._attend, while_flushing=True))
            nursery.cancel_scope.cancel()

    async def _flush(self) -> None:
        """Hand over what pends, as the kernel takes it."""
        outbox, bottom = self.outbox, self._wire.bottom
        assert bottom is not None
        try:
            while bottom.pending and outbox.error is None:
                interrupts = self._interrupts
                try:
                    await bottom.wait_send_all_might_not_block()
                except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                    if self._interrupts == interrupts:
                        outbox.error = exc.with_traceback(None)
                outbox.flush()
            self.check_sent()
        finally:
            self._flushing = False
            self._bell.call()

    # -- other streams ------------------------------------------------------------------

    async def _attend_other(self) -> None:
        """Let one task read and one write, and keep the clocks."""
        self._reading = True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._recorded, self._write_other)
            nursery.start_soon(self._recorded, self._read_other)
            await self._recorded(self._watch_other)
            nursery.cancel_scope.cancel()

    async def _watch_other(self) -> None:
        while True:
            if self._over(trio.current_time()):
                await self._look()
                if self._over(trio.current_time()):
                    return
            await self._bell.sleep_until(self._watch(trio.current_time()))

    async def _write_other(self) -> None:
        outbox = self.outbox
        while outbox.error is None and (outbox.queued or not outbox.closed):
            if outbox.queued:
                await outbox.write()
                self.check_sent()
            else:
                await self._write_on.sleep()
        self._bell.call()

    async def _read_other(self) -> None:
        while not self._ended:
            if self.inbox.is_full():
                await self._read_on.sleep()
            else:
                await self._read()
                self._reads += 1
        self._bell.call()

    # -- leaving ------------------------------------------------------------------------

    async def leave(self, error: BaseException | None) -> None:
        """Close when the block of :func:`open_websocket` is left, normally or by ``error``."""
        if error is None:
            await self.aclose(1000, "")
        else:
            with trio.move_on_after(LEAVE_ON_ERROR):
                await self.aclose(1000, "")

    async def aclose(self, code: int, reason: str) -> None:
        """Close, and wait for the end; see :meth:`WebSocketConnection.aclose`."""
        if self.life.is_open:
            self.close_locally(code, reason)
        if self.finished:
            await trio.lowlevel.checkpoint()
        timeout = self._settings.disconnect_timeout
        began = trio.current_time()
        in_time = True
        try:
            while not self.finished and in_time:
                with trio.CancelScope(deadline=max(began, self.outbox.progressed) + timeout):
                    await self._waiting_for_end.wait()
                self._try_to_flush()
                in_time = trio.current_time() < max(began, self.outbox.progressed) + timeout
            if not in_time:
                in_time = await self._answered_in_time()
        except BaseException:
            self.life.told = True  # that it was cut short
            raise
        finally:
            await self._abort()
        if not in_time:
            self.life.told = True
            raise self._never_finished()
        self._tell_unsent()

    async def _answered_in_time(self) -> bool:
        """Tell whether the answer of the peer only waited to be read; wait for the end then."""
        await self._look()
        if not (self.life.answered or (self._ended and not self.outbox.backlog)):
            return False
        await self.wait_finished()  # for LINGER at most
        return True

    def _never_finished(self) -> DisconnectionTimeout:
        """Make the error for a server that is silent; the other end of TCP may be a proxy's."""
        route = self.info.route
        what = words(
            "the server {url}{through} did not finish the closing handshake within {timeout:g} s",
            url=self.info.dial_report.url,
            through=f", reached through {route.hops[-1].url}," if route and route.hops else "",
            timeout=self._settings.disconnect_timeout,
        )
        remedy = words(
            "is it gone, or is {disconnect_timeout} too short?",
            disconnect_timeout=Topic.DISCONNECT_TIMEOUT,
        )
        failure = Failure(FailureKind.TIMED_OUT, "close", what, remedy)
        error = failed(DisconnectionTimeout, failure)
        error.dial_report = self.info.dial_report
        return error

    def _tell_unsent(self) -> None:
        """Raise what was accepted and never sent, once.

        Raises:
          ConnectionLost: There is something.

        """
        if self.life.unsent.messages and not self.life.told:
            raise self.life.loss()

    async def _abort(self) -> None:
        """Close at once, whatever goes on."""
        if not self.finished:
            self._scope.cancel()
            with trio.CancelScope(shield=True):
                while not self.finished:
                    await self._waiting_for_end.wait()

    async def wait_finished(self) -> None:
        """Wait for the end."""
        while not self.finished:
            await self._waiting_for_end.wait()

    async def wait_finished_in_vain(self) -> None:
        """Wait for the end, or to be cancelled, in silence."""
        while not self.finished and await self._waiting_for_end.wait_in_vain():
            pass
