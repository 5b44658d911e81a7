"""The oracle: what holds in each universe, whatever went wrong in it."""

from __future__ import annotations

import base64
import itertools
import json
import traceback
from collections.abc import Callable, Iterator
from urllib.parse import quote

import trio_websocket
from _asking_proxy import HELLO as SAID_FIRST
from _laws_of_ends import LAWS_OF_ENDS
from _laws_of_ways import LAWS_OF_WAYS
from _places import CONNECT_TIMEOUT, DISCONNECT_TIMEOUT, HOSTS, PROXIES, TOKEN
from _record import ClientSide, Record
from _routes import PASSWORD, USER, WRONG, Route

import trio_wsproxy
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy.testing.simulate import Fault, Struck, Universe

Broken = Iterator[str]  # how a law is broken; nothing where it holds
Law = Callable[[Universe, Route, Record], Broken]

PONG = 6.0  # seconds in which a client that does nothing answers a ping; four of the slowest links need 4
SILENT = 2.0  # seconds; twice as long as an answer takes on the slowest way through one hop
SHARE = 15.0  # seconds; of ``connect_timeout``, for each of two ways
SHOWN = 6  # kinds of objects; one that is held holds many others
EPSILON = 1e-6  # seconds; virtual time is a float
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
HELLO = base64.b64encode(SAID_FIRST).decode()  # anybody may know it
SECRETS = (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe=""), BASIC, TOKEN, WRONG)
LETHAL = {Fault.FAIL, Fault.CUT, Fault.STALL}


def pairs(record: Record) -> Iterator[tuple[ClientSide, list[str | bytes], list[str | bytes]]]:
    """Each connection that has two known sides: the client's, what the server sent, what it got."""
    for client in record.clients:
        if client.number is not None:
            server = record.servers[client.number]
            yield client, server.sent, server.received


def received_was_sent(universe: Universe, route: Route, record: Record) -> Broken:
    """A message that receive returned was sent: whole, once, in order."""
    for client, sent, _ in pairs(record):
        if client.received != sent[: len(client.received)]:
            yield f"the client received {_short(client.received)}, of {_short(sent)}"


def sent_is_received_in_order(universe: Universe, route: Route, record: Record) -> Broken:
    """What a server gets is what send took: whole, once, in order, and nothing that was cancelled."""
    for client, _, received in pairs(record):
        possible = [m for m in client.offered if not any(m is c for c in client.cancelled)]
        if received != possible[: len(received)]:
            yield f"the server received {_short(received)}, of {_short(possible)}"


def confirmed_has_arrived(universe: Universe, route: Route, record: Record) -> Broken:
    """What was sent before a closing handshake that both sides confirmed has arrived."""
    for client, _, received in pairs(record):
        if client.confirmed and received[: len(client.sent)] != client.sent:
            yield f"confirmed by 1000, but {_short(client.sent)} arrived as {_short(received)}"


def only_documented_errors(universe: Universe, route: Route, record: Record) -> Broken:
    """Only documented exceptions, with words; never a group of ours."""
    for error in record.errors:
        if not isinstance(error, (trio_websocket.HandshakeError, trio_wsproxy.ConnectionClosed)):
            yield f"undocumented: {error!r}"
        elif isinstance(error, trio_websocket.HandshakeError) and not str(error):
            yield f"without a word: {error!r}"
        elif hasattr(error, "exceptions"):
            yield f"a group: {error!r}"


def pings_are_answered(universe: Universe, route: Route, record: Record) -> Broken:
    """Behind an answer to our close frame no ping is without an answer."""
    for server in record.servers.values():
        if server.unanswered:
            yield f"{server.unanswered} of {server.pings} pings were not answered"
        if server.slowest_pong > PONG and not universe.struck:
            yield f"a pong took {server.slowest_pong:.3f} s"


def in_time(universe: Universe, route: Route, record: Record) -> Broken:
    """Each call ends within its bound, in virtual time."""
    for call in record.timed:
        if call.seconds > call.bound + EPSILON:
            yield f"{call.what} took {call.seconds:.3f} s; its bound is {call.bound:g}"


def nothing_is_left(universe: Universe, route: Route, record: Record) -> Broken:
    """No socket, task or thread is left."""
    yield from record.left


def no_memory_is_left(universe: Universe, route: Route, record: Record) -> Broken:
    """Behind a universe none of its connections, streams, sessions and tasks is held by anything."""
    if record.in_memory:
        more = ", and more" if len(record.in_memory) > SHOWN else ""
        yield ", ".join(record.in_memory[:SHOWN]) + more


def no_secret_is_told(universe: Universe, route: Route, record: Record) -> Broken:
    """No secret is in any message, cause, traceback, report or log record."""
    texts = [*record.logged]
    for error in record.errors:
        texts += traceback.format_exception(error)
        cause: BaseException | None = error
        while cause is not None:
            texts += [repr(cause), repr(cause.args)]
            report = getattr(cause, "dial_report", None)
            if report is not None:
                texts += [str(report), repr(report), json.dumps(report.as_dict())]
            cause = cause.__cause__ or cause.__context__
    said = {value.partition(" ")[2] for value in record.secrets} - {HELLO}
    for text in texts:
        for secret in (*SECRETS, *said):
            if secret in text:
                yield f"{secret!r} is told in {text[:200]!r}"


# Where bytes flow all the time, these may run out without a fault.
TIMEOUTS: dict[type[Exception], float] = {
    trio_wsproxy.ConnectionTimeout: CONNECT_TIMEOUT,
    trio_wsproxy.DisconnectionTimeout: DISCONNECT_TIMEOUT,
}


def without_faults_all_is_well(universe: Universe, route: Route, record: Record) -> Broken:
    """Where nothing went wrong, nothing fails, and everything that was sent is received."""
    if universe.struck or record.disturbed:
        return
    told = [client.error for client in record.clients if _was_said(client, record)]
    for error, failed_at in zip(record.errors, record.failed_at, strict=True):
        if record.refused or any(error is one for one in told):
            continue
        allowed = [seconds for kind, seconds in TIMEOUTS.items() if isinstance(error, kind)]
        if not any(_flowed(universe, failed_at - x, failed_at, record) for x in allowed):
            yield f"nothing went wrong, but: {error!r}"
    for client, sent, _ in pairs(record):
        if client.error is None and client.received != sent[: len(client.received)]:
            yield "nothing went wrong, but messages are missing"


def _was_said(client: ClientSide, record: Record) -> bool:
    """Tell whether a connection was lost because the server said so."""
    error, server = client.error, record.servers.get(client.number or 0)
    if not isinstance(error, trio_wsproxy.ConnectionLost) or error.reason is None:
        return False
    return server is not None and server.said is not None and server.said[0] == error.reason.code


def _flowed(universe: Universe, began: float, until: float, record: Record) -> bool:
    """Tell whether bytes were moved all the time before a time-out: what had left was still on its way.

    With small windows and long ways a large message takes longer than ``disconnect_timeout``, whose clock looks at
    bytes that leave this machine, and two dials with TLS through a chain, which is what a redirect is, longer than
    ``connect_timeout``; one dial longer than the share of it that a way has which is one of two. A client
    that is stuck is told by a network that is silent.
    """
    moves = (" send ", " receive ", " operation ", " is reset")
    lines = [line for line in universe.trace.lines if any(move in line for move in moves)]
    times = [float(line.partition(" ")[0]) for line in lines]
    times = [began, *(time for time in times if began < time <= until), until]
    enough = SHARE - SILENT if record.crowded else until - began
    since = began
    for before, now in itertools.pairwise(times):
        if now - before >= SILENT:
            since = now
        elif now - since >= enough:
            return True
    return False


def names_are_asked_where_they_should(universe: Universe, route: Route, record: Record) -> Broken:
    """A proxy is asked for a name, but with SOCKS4 and SOCKS5: this machine knows the address then."""
    for scheme, requests in () if record.crowded else record.asked:  # PAC's SOCKS4 is 4a
        by_address = scheme in ("socks4", "socks5")
        for request in requests:
            if by_address == (request.address_type == "name"):
                yield f"{scheme} was asked for {request.host!r}"


def errors_name_the_place(universe: Universe, route: Route, record: Record) -> Broken:
    """Where one fault has made an attempt fail, the error names the hop and the stage that it struck."""
    lethal = [s for s in universe.struck if s.fault in LETHAL]
    if len(universe.struck) != 1 or len(lethal) != 1 or not record.errors or record.disturbed:
        return
    # Whose tunnel it was, nobody knows; who refuses is at another place.
    if record.crowded or record.refused:
        return
    for error, failed_at in zip(record.errors, record.failed_at, strict=True):
        failure = failure_of(error)
        if not isinstance(error, trio_websocket.HandshakeError) or failure is None:
            continue
        if isinstance(error, trio_wsproxy.DisconnectionTimeout):
            continue
        expected = _places(lethal[0], route, record, failed_at)
        found = (failure.place.hop, failure.stage)
        if not any(_fits(found, place) for place in expected):
            yield f"{lethal[0]} was told as {found}, not {expected}: {error}"


Place = tuple[int | None, tuple[str, ...]]  # the hop, None for the server; the stages


def _fits(found: tuple[int | None, str], place: Place) -> bool:
    return found[0] == place[0] and found[1] in place[1]


def _places(struck: Struck, route: Route, record: Record, failed_at: float) -> list[Place]:
    """Where an error may say that it happened."""
    operation = struck.operation
    count = len(route.hops)
    if operation.host == "here" and operation.kind == "resolve":
        return [(_number(operation.peer, count), ("resolve",))]
    if operation.host == "here" and operation.kind == "connect":
        return [(1 if count else None, ("tcp",))]
    if operation.host in PROXIES and operation.kind in ("resolve", "connect"):
        return [(PROXIES.index(operation.host) + 1, ("connect", "socks"))]
    # Bytes: how far the client had come, between what was known when it struck and when it failed; behind a
    # redirect it begins again.
    began = max((time for time in record.dialed_again if time <= operation.time), default=-1.0)
    tunnels = [[time for time in times if time > began] for times in record.tunnels.values()]
    low = sum(bool(times) and times[0] <= operation.time for times in tunnels)
    high = sum(bool(times) and times[0] <= failed_at for times in tunnels)
    if route.asks:  # a proxy that asks who comes may hang up: the whole way to it is dialed again
        low = 0
    hops = range(max(1, low), min(high + 1, count) + 1)
    places: list[Place] = [(hop, ("proxy_tls", "connect", "socks")) for hop in hops]
    if high >= count:
        places.append((None, ("server_tls", "upgrade", "tls")))
    return places


def _number(name: str, count: int) -> int | None:
    assert name in HOSTS
    if name not in PROXIES:
        return None
    return PROXIES[:count].index(name) + 1


def _short(messages: list[str | bytes]) -> str:
    return "[" + ", ".join(f"{m[:8]!r}…{len(m)}" for m in messages) + "]"


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        received_was_sent,
        sent_is_received_in_order,
        confirmed_has_arrived,
        pings_are_answered,
        only_documented_errors,
        in_time,
        nothing_is_left,
        no_secret_is_told,
        without_faults_all_is_well,
        errors_name_the_place,
        names_are_asked_where_they_should,
        *LAWS_OF_ENDS,
        *LAWS_OF_WAYS,
    )
}

# What can be seen only when the record of a universe is gone, for it holds connections itself.
LAWS_BEHIND: dict[str, Law] = {no_memory_is_left.__name__: no_memory_is_left}
