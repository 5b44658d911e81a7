"""Laws about the ways to the server: who is asked for what, who hears which secret, what a report says of it."""

from __future__ import annotations

from collections.abc import Iterator

import trio_websocket
from _places import HOSTS, PROXIES, SERVER, TOKEN
from _record import ClientSide, Record
from _routes import Route, speaks_tls

from trio_wsproxy import ProxyRejected
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy.testing.simulate import Fault, Universe

Broken = Iterator[str]


def each_hears_its_own_secrets(universe: Universe, route: Route, record: Record) -> Broken:
    """Credentials and headers go to whom they are for: to one proxy, to the origin that was named."""
    bearer = f"Bearer {TOKEN}".encode()
    for asked in record.requests:
        elsewhere = asked.path == "/moved"  # of another origin, and nothing was granted
        expected = [] if elsewhere or record.bare else [bearer]
        if asked.values(b"authorization") != expected:
            yield f"{asked.path} was asked for with {asked.values(b'authorization')}"
        if any(name.lower().startswith(b"proxy-") for name, _ in asked.headers):
            yield f"the server has heard {asked.headers}"
        host, _, port = asked.values(b"host")[0].decode().rpartition(":")
        if not record.bare and (host != SERVER or not port.isdigit()):
            yield f"Host is {asked.values(b'host')}"
    for number, (scheme, requests) in enumerate(record.asked, start=1):
        last = number == len(route.hops)
        for request in requests:
            said = request.header("proxy-authorization") is not None or request.username
            if said and not (last and (route.login or route.asks)):
                yield f"hop {number} ({scheme}) was told credentials"
            if request.header("authorization") is not None:
                yield f"hop {number} ({scheme}) was told what is for the server"
            if request.headers and request.header("host") != request.authority:
                yield f"hop {number}: Host is {request.header('host')!r}"


def connections_go_their_way(universe: Universe, route: Route, record: Record) -> Broken:
    """A connection goes through all proxies of its way, and says where its other end is."""
    first = PROXIES[0] if route.hops else SERVER
    for client in record.clients:
        if record.crowded or client.report is None:
            continue
        if client.remote and client.remote not in HOSTS[first]:
            yield f"the other end is {client.remote}"
        if not all(record.tunnels.values()):
            yield "a proxy was left out"
    missed = not all(record.tunnels.values())
    if missed and record.first_way and record.clients and not universe.struck:
        yield "the first way was not gone"


def reports_are_complete(universe: Universe, route: Route, record: Record) -> Broken:
    """A report has all stages of its way, each with its outcome; that of a failure has one that failed."""
    for client in record.clients:
        if client.report is not None and not record.crowded:
            yield from _lacks(client, route)
    for error in record.errors:
        failure, report = failure_of(error), getattr(error, "dial_report", None)
        if failure is None or report is None or record.crowded:
            continue
        if isinstance(error, trio_websocket.DisconnectionTimeout) or failure.stage == "config":
            continue
        failed = {stage.name for stage in report.stages if stage.ok is not True}
        behind = {"proxy_tls", "server_tls"}  # TLS tells of some failures behind its handshake
        if failure.stage not in failed and not (failure.stage in behind and failed):
            yield f"{failure.stage!r} has failed, and the report has it for {failed}"


def _lacks(client: ClientSide, route: Route) -> Broken:
    assert client.report is not None
    stages = client.report.stages
    expected: set[tuple[str, int | None]] = {("upgrade", None), ("tcp", 1 if route.hops else None)}
    for number, scheme in enumerate(route.hops, start=1):
        expected.add(("socks" if scheme.startswith("socks") else "connect", number))
        if speaks_tls(scheme):
            expected.add(("proxy_tls", number))
    if route.tls:
        expected.add(("server_tls", None))
    missing = expected - {(stage.name, stage.hop) for stage in stages if stage.ok}
    if missing:
        yield f"the report lacks {missing}"
    if any(stage.duration is None for stage in stages) or stages[-1].name != "upgrade":
        yield "the report ends before the connection was open"
    addresses = [a["outcome"] for s in stages for a in s.details.get("attempts", ())]
    if "connected" not in addresses:
        yield f"the report says of addresses: {addresses}"


def another_address_is_tried(universe: Universe, route: Route, record: Record) -> Broken:
    """Where one of the server's two addresses cannot be reached, the other one is."""
    if len(universe.struck) != 1 or record.disturbed or record.crowded or not record.errors:
        return
    (operation, fault), *_ = universe.struck
    if operation.kind != "connect" or operation.peer != SERVER or record.refused:
        return
    direct = not route.hops and operation.host == "here"
    if direct and fault in (Fault.FAIL, Fault.CUT, Fault.STALL):
        yield f"one address failed, and the other was not tried: {record.errors[0]}"


def a_refusal_is_no_accident(universe: Universe, route: Route, record: Record) -> Broken:
    """Where a proxy says that it cannot connect, it has refused: it has not broken its protocol."""
    if len(universe.struck) != 1 or record.disturbed or record.crowded or not record.errors:
        return
    (operation, fault), *_ = universe.struck
    if operation.host not in PROXIES or operation.kind not in ("resolve", "connect"):
        return
    if fault not in (Fault.FAIL, Fault.CUT) or record.refused:
        return
    if not isinstance(record.errors[0], ProxyRejected):
        yield f"{operation.host} could not connect, and {record.errors[0]!r} is told"


def what_failed_is_remembered(universe: Universe, route: Route, record: Record) -> Broken:
    """An alternative that failed is not tried first again, for some minutes."""
    if universe.struck or not record.remembers:
        return
    for client in record.clients[1:]:
        tried = client.report.as_dict()["tried"] if client.report is not None else []
        if tried:
            yield f"tried once more: {tried}"


LAWS_OF_WAYS = (
    each_hears_its_own_secrets,
    connections_go_their_way,
    reports_are_complete,
    another_address_is_tried,
    a_refusal_is_no_accident,
    what_failed_is_remembered,
)
