"""TCP: from addresses to one connection, and back to its socket.

Theory of operation
-------------------

Nearly always there is one address, and then it is connected to right here, in the caller's
task. Only where there are several does a nursery let them race as RFC 8305 section 5 has it:
each gets a head start, the next one begins when the head start is over or all before it have
failed, the first to connect wins, and the sockets of all others are closed. An
``Attempt`` is kept for each address, so that an error, or a report, can tell what
happened to which.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import trio

from trio_wsproxy._report import Attempt

from ._exhausted import is_exhausted
from ._names import AddressInfo, look_up, numeric_address
from ._prefixed_stream import PrefixedStream
from ._tcp_stream import TCPStream
from ._tls_stream import TLSStream

HEAD_START = 0.25  # seconds; RFC 8305 section 5 recommends it, and it is trio's default


async def connect_tcp(
    infos: Sequence[AddressInfo],
    attempts: list[Attempt],
    *,
    local_address: str | None = None,
    head_start: float | None = None,
) -> trio.SocketStream:
    """Connect to one of some addresses.

    Args:
      infos: The addresses, in the system's order of preference; at least one.
      attempts: Gets an entry for each address that is tried.
      local_address: The address of this machine to connect from.
      head_start: Seconds; ``None`` is :data:`HEAD_START`.

    Raises:
      OSError: None could be connected to; that of the first one. What became of the others is in
        ``attempts``.

    A cancelled call leaves no socket open.

    """
    if len(infos) == 1:
        return trio.SocketStream(await _connect(infos[0], local_address, attempts))
    if head_start is None:
        head_start = HEAD_START
    return trio.SocketStream(await _race(_alternating(infos), local_address, head_start, attempts))


def _alternating(infos: Sequence[AddressInfo]) -> list[AddressInfo]:
    """Let the families take turns, the preferred one first (RFC 8305 section 4)."""
    first = infos[0][0]
    preferred = [info for info in infos if info[0] == first]
    others = [info for info in infos if info[0] != first]
    result = []
    while preferred or others:
        result += preferred[:1] + others[:1]
        preferred, others = preferred[1:], others[1:]
    return result


async def _race(
    infos: Sequence[AddressInfo],
    local_address: str | None,
    head_start: float,
    attempts: list[Attempt],
) -> trio.socket.SocketType:
    """Give the socket of the first to connect; all others are closed."""
    race = _Race(local_address, attempts)
    interrupt: KeyboardInterrupt | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                await race.run(nursery, infos, head_start)
            except KeyboardInterrupt as exc:
                interrupt = exc  # the nursery would put it into a group
            nursery.cancel_scope.cancel()
        if interrupt is not None:
            raise interrupt
        return race.winner()
    finally:
        race.clear()
        del interrupt


class _Race:
    """Those who run, and what has become of them."""

    def __init__(self, local_address: str | None, attempts: list[Attempt]) -> None:
        self._local_address = local_address
        self._attempts = attempts
        self._winners: list[trio.socket.SocketType] = []
        self._errors: dict[int, OSError] = {}
        self._running = 0
        self._wake = trio.Event()  # one that runs has won, or failed

    async def run(
        self, nursery: trio.Nursery, infos: Sequence[AddressInfo], head_start: float
    ) -> None:
        """Start one after the other until one has won or all have failed; all have ended then."""
        for number, info in enumerate(infos):
            self._wake = trio.Event()
            self._running += 1
            nursery.start_soon(self._try, number, info)
            with trio.move_on_after(head_start):
                await self._wake.wait()
            if self._winners:
                break
        while self._running and not self._winners:
            await self._next()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            while self._running:
                await self._next()

    async def _next(self) -> None:
        self._wake = trio.Event()
        await self._wake.wait()

    @trio.lowlevel.enable_ki_protection
    async def _try(self, number: int, info: AddressInfo) -> None:
        try:
            self._winners.append(await _connect(info, self._local_address, self._attempts))
        except OSError as exc:
            self._errors[number] = exc
        finally:
            self._running -= 1
            self._wake.set()

    def winner(self) -> trio.socket.SocketType:
        """Hand the first one over.

        Raises:
          OSError: All have failed; that of the first address.

        """
        if not self._winners:
            raise self._errors[min(self._errors)]
        return self._winners.pop(0)

    def clear(self) -> None:
        """Close all that nobody has taken, and forget the errors."""
        for sock in self._winners:  # of the same moment, or nobody's any more
            sock.close()
        self._errors.clear()  # their tracebacks lead here, which would be a cycle


async def _connect(
    info: AddressInfo, local_address: str | None, attempts: list[Attempt]
) -> trio.socket.SocketType:
    family, kind, protocol, _, address = info
    attempt = Attempt(str(address[0]))
    attempts.append(attempt)
    try:
        sock = trio.socket.socket(family, kind, protocol)
        try:
            if local_address is not None:
                await _bind(sock, local_address, address)
            await sock.connect(address)
        except BaseException:
            sock.close()
            raise
    except OSError as exc:
        attempt.outcome = os.strerror(exc.errno) if exc.errno else str(exc)
        raise
    attempt.outcome = "connected"
    return sock


async def _bind(sock: trio.socket.SocketType, local_address: str, address: Any) -> None:
    # Linux can leave the choice of the port to connect(), which knows better what is free.
    with suppress(OSError, AttributeError):
        sock.setsockopt(trio.socket.IPPROTO_IP, trio.socket.IP_BIND_ADDRESS_NO_PORT, 1)
    try:
        local = local_address
        if not numeric_address(local, 0):  # trio would look it up in a thread that others need
            local = (await look_up(local, 0, sock.family))[0][4][0]
        await sock.bind((local, 0))
    except OSError as exc:
        if is_exhausted(exc):
            raise
        raise OSError(
            f"local_address={local_address!r} is incompatible with remote address {address!r}"
        ) from None


def speaks_tls(stream: trio.abc.Stream) -> bool:
    """Tell whether TLS is spoken with the other end of a stream."""
    # Classes of trio's are asked last, for they are abstract ones, which ask others in turn.
    return type(stream) is not TCPStream and isinstance(stream, (TLSStream, trio.SSLStream))


def socket_of(stream: trio.abc.Stream) -> trio.socket.SocketType | None:
    """Find the TCP socket below any number of TLS layers, or ``None``."""
    while type(stream) is not TCPStream and isinstance(
        stream, (TLSStream, PrefixedStream, trio.SSLStream)
    ):
        stream = stream.transport_stream
    if isinstance(stream, TCPStream):
        stream = stream.socket_stream
    return stream.socket if isinstance(stream, trio.SocketStream) else None
