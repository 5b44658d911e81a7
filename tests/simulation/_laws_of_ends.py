"""Laws about how connections and attempts end: with the right code, the right error, not too early, nothing untold."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from _places import CONNECT_TIMEOUT, DISCONNECT_TIMEOUT
from _record import Record
from _routes import Route

import trio_wsproxy
from trio_wsproxy.testing.simulate import Universe

Broken = Iterator[str]
EPSILON = 1e-6  # seconds
NORMAL = (1000, 1001)
LOST = 1006  # no close frame came
CONTROL = 1000  # bytes; control frames have fewer
PROOFS = 4  # of wrong credentials, in all; more would lock an account


def a_normal_end_is_one(universe: Universe, route: Route, record: Record) -> Broken:
    """Only where the server has closed normally, a normal end is told, behind all that it had sent."""
    for client in record.clients:
        end: BaseException | None = client.end
        server = record.servers.get(client.number or 0)
        if end is None or server is None:
            continue
        if (
            type(end) is trio_wsproxy.ConnectionClosed
        ):  # of a stream, which an end would end normally
            end = end.__cause__
        if isinstance(end, trio_wsproxy.ConnectionEnded):
            if server.said is None or server.said[0] not in NORMAL:
                yield f"the server has said {server.said}, and {end!r} is told"
            if client.received != server.sent:
                yield f"{end!r} behind {len(client.received)} of {len(server.sent)} messages"
        elif server.said is not None and server.said[0] in NORMAL and not universe.struck:
            yield f"the server has said {server.said}, and {end!r} is told"


def close_codes_arrive(universe: Universe, route: Route, record: Record) -> Broken:
    """Code and reason of a close frame are told at the other end as they were given."""
    for client in record.clients:
        server = record.servers.get(client.number or 0)
        if server is None:
            continue
        heard = client.end.reason if client.end is not None else None
        if heard is not None and server.said is not None and heard.code == server.said[0]:
            if (heard.reason or "") != server.said[1]:
                yield f"the server has said {server.said}, and the client heard {heard.reason!r}"
        elif heard is not None and server.said is not None and not universe.struck:
            yield f"the server has said {server.said}, and the client heard {heard.code}"
        if client.close is not None and server.heard is not None and server.heard[0] != LOST:
            code, reason = client.close
            if server.heard[0] != code or reason not in ("", server.heard[1]):
                yield f"closed with {client.close}, and the server heard {server.heard}"


def refusals_are_told(universe: Universe, route: Route, record: Record) -> Broken:
    """Who is refused, or has a rude server, is told so: by class, by code, and by hop."""
    if universe.struck or record.disturbed or not record.refused:
        return
    kinds = [kind for kind, _ in record.refused]
    if trio_wsproxy.ProxyAuthenticationError in kinds and len(record.secrets) > PROOFS:
        yield f"{len(record.secrets)} answers were tried, with credentials that are refused"
    told = [(error, _code(error)) for error in record.errors]
    fits = len(told) == len(record.refused) and all(
        isinstance(error, kind) and code == expected
        for (error, code), (kind, expected) in zip(told, record.refused, strict=True)
    )
    if not fits:
        yield f"{record.refused} was told as {told}"
    for error, _ in told:
        if record.crowded or not isinstance(error, trio_wsproxy.ProxyError):
            continue
        if error.hop != len(route.hops):
            yield f"hop {len(route.hops)} has refused, and hop {error.hop} is told"


def _code(error: BaseException) -> int | None:
    if isinstance(error, trio_wsproxy.ConnectionClosed):
        return error.reason.code if error.reason is not None else None
    return getattr(error, "status_code", None)


def time_outs_are_not_early(universe: Universe, route: Route, record: Record) -> Broken:
    """A time-out strikes when its time is over."""
    limits: dict[type[BaseException], float] = {
        trio_wsproxy.ConnectionTimeout: CONNECT_TIMEOUT,
        trio_wsproxy.DisconnectionTimeout: DISCONNECT_TIMEOUT,
    }
    for error, at, began in zip(record.errors, record.failed_at, record.began, strict=True):
        limit = limits.get(type(error))
        if limit is None or began is None:
            continue
        if at - began < limit - EPSILON:
            yield f"{error!r} after {at - began:.3f} s"


def what_is_lost_is_told(universe: Universe, route: Route, record: Record) -> Broken:
    """What was accepted and has not left is told when a connection is left, and counted rightly."""
    for client in record.clients:
        error = client.error
        if client.unsent and error is None:
            yield f"{client.unsent} messages have not left, and nobody was told"
        if client.number is None:
            continue
        server = record.servers[client.number]
        accepted = [m for m in client.offered if not any(m is c for c in client.cancelled)]
        if len(server.received) + client.unsent > len(accepted):
            arrived = len(server.received)
            yield f"{client.unsent} of {len(accepted)} messages are unsent, and {arrived} have arrived"
        if isinstance(error, trio_wsproxy.ConnectionLost) and not server.pings:
            messages, size = error.unsent_messages, error.unsent_bytes
            if (messages > 0) > (size > 0) or (size > CONTROL and not messages):
                yield f"{messages} messages of {size} bytes are told as unsent"


def keys_are_fresh(universe: Universe, route: Route, record: Record) -> Broken:
    """Each frame has a masking key of its own, and each handshake another nonce."""
    for server in record.servers.values():
        if len(server.masks) > 2 and len(set(server.masks)) * 2 < len(server.masks):
            yield f"{len(set(server.masks))} masking keys for {len(server.masks)} frames"
    nonces = [value for asked in record.requests for value in asked.values(b"sec-websocket-key")]
    if any(one == other for one, other in itertools.combinations(nonces, 2)):
        yield "two handshakes with one nonce"


def nothing_is_odd(universe: Universe, route: Route, record: Record) -> Broken:
    """What a behaviour, or a host, looks at by itself is as it must be; each says what is not."""
    yield from record.odd


LAWS_OF_ENDS = (
    a_normal_end_is_one,
    close_codes_arrive,
    refusals_are_told,
    time_outs_are_not_early,
    what_is_lost_is_told,
    keys_are_fresh,
    nothing_is_odd,
)
