"""The rule of fail-over alone: after which errors another way is tried, and who goes to the end."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_wsproxy import (
    ConnectionTimeout,
    Failover,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    Route,
    ServerUnreachable,
    resolve_proxy,
)
from trio_wsproxy._exceptions import failed
from trio_wsproxy._failures import Failure, Kind, words
from trio_wsproxy._routing import in_order, is_worth_another, note_failure, note_success
from trio_wsproxy._routing._failover import BAD_FOR, MAX_REMEMBERED, _remembered, bad_for


def route(proxy: str | None = "http://p", url: str = "wss://h.test") -> Route:
    """The way through a proxy."""
    return resolve_proxy(url, proxy=proxy)


def error(kind: Any, what: Kind, stage: Any = "tcp", **more: Any) -> Any:
    """An error as the dialer makes it."""
    return failed(kind, Failure(what, stage, words("it failed")), **more)


PROXY, DIRECT = "http://p", None


@pytest.mark.parametrize(
    ("exc", "proxy", "worth"),
    [
        (error(ProxyUnreachable, Kind.NAME_UNKNOWN, "resolve"), PROXY, True),
        (error(ProxyUnreachable, Kind.NO_CONNECTION), PROXY, True),
        (error(ProxyUnreachable, Kind.TLS_FAILED, "proxy_tls"), PROXY, True),
        (error(ProxyUnreachable, Kind.CERTIFICATE_REFUSED, "proxy_tls"), PROXY, True),
        (error(ProxyUnreachable, Kind.EXHAUSTED), PROXY, False),
        (error(ProxyRejected, Kind.REFUSED, "connect", status_code=502), PROXY, True),
        (error(ProxyRejected, Kind.REFUSED, "connect", status_code=504), PROXY, True),
        (error(ProxyRejected, Kind.REFUSED, "connect", status_code=500), PROXY, False),
        (error(ProxyRejected, Kind.REFUSED, "connect", status_code=403), PROXY, False),
        (error(ProxyRejected, Kind.REFUSED, "socks", reply_code=5), PROXY, True),
        (error(ProxyRejected, Kind.REFUSED, "socks", reply_code=2), PROXY, False),
        (error(ProxyRejected, Kind.REFUSED, "socks", reply_code=91), PROXY, False),
        (error(ProxyAuthenticationError, Kind.UNAUTHENTICATED, status_code=407), PROXY, False),
        (error(ProxyProtocolError, Kind.CUT_OFF, "connect"), PROXY, True),
        (error(ProxyProtocolError, Kind.OTHER_PROTOCOL, "connect"), PROXY, False),
        (error(ProxyConfigError, Kind.MISCONFIGURED, "config"), PROXY, False),
        (error(ServerUnreachable, Kind.NO_CONNECTION, "tcp"), DIRECT, True),
        (error(ServerUnreachable, Kind.NAME_UNKNOWN, "resolve"), DIRECT, True),
        (error(ServerUnreachable, Kind.NAME_UNKNOWN, "resolve"), PROXY, True),
        (error(ServerUnreachable, Kind.CERTIFICATE_REFUSED, "server_tls"), DIRECT, False),
        (error(ServerUnreachable, Kind.CERTIFICATE_REFUSED, "server_tls"), PROXY, False),
        (error(ServerUnreachable, Kind.TIMED_OUT, "server_tls"), DIRECT, True),
        (error(ProxyUnreachable, Kind.TIMED_OUT, "server_tls"), PROXY, True),
        (error(ConnectionTimeout, Kind.TIMED_OUT), PROXY, False),
    ],
)
def test_rule(exc: Exception, proxy: str | None, worth: bool) -> None:
    """Another way is tried where this one is to blame or cannot now, never where somebody refused."""
    assert is_worth_another(exc, route(proxy)) is worth


DEAD = error(ProxyUnreachable, Kind.NO_CONNECTION)
FAR_SERVER = error(ProxyRejected, Kind.REFUSED, "connect", status_code=502)


async def test_order(autojump_clock: trio.testing.MockClock) -> None:
    """Bad ones go to the end, the one that was bad first before the others, until their time is over."""
    a, b, c = (route(f"http://{name}") for name in "abc")
    note_failure(a, DEAD)
    await trio.sleep(1)
    note_failure(b, DEAD)
    assert in_order([a, b, c]) == [c, a, b]
    assert bad_for(a) == BAD_FOR - 1
    await trio.sleep(BAD_FOR - 1)
    assert in_order([a, b, c]) == [a, c, b]
    note_success(b)
    assert in_order([a, b, c]) == [a, b, c]


async def test_whose_fault() -> None:
    """A proxy that is dead is so for all targets, one that cannot reach a server for that one."""
    here, there = route(url="wss://here.test"), route(url="wss://there.test")
    note_failure(here, FAR_SERVER)
    assert (bad_for(here) > 0, bad_for(there)) == (True, 0)
    note_failure(here, error(ProxyUnreachable, Kind.TIMED_OUT, "connect"))
    assert bad_for(there) == 0
    note_failure(here, error(ProxyUnreachable, Kind.TIMED_OUT, "tcp"))
    assert bad_for(there) > 0
    other = route("http://q", url="wss://here.test"), route("http://q", url="wss://there.test")
    note_failure(other[0], DEAD)
    assert bad_for(other[1]) > 0


async def test_direct_is_never_bad() -> None:
    """What failed with a direct connection was the server."""
    note_failure(route(None), error(ServerUnreachable, Kind.NO_CONNECTION))
    assert bad_for(route(None)) == 0


async def test_bounded(autojump_clock: trio.testing.MockClock) -> None:
    """Not more than some are remembered, and those whose time is over are not."""
    for number in range(MAX_REMEMBERED + 9):
        note_failure(route(f"http://p{number}"), DEAD)
    assert len(_remembered()) == MAX_REMEMBERED
    await trio.sleep(BAD_FOR)
    note_failure(route(), DEAD)
    assert len(_remembered()) == 1


async def test_no_secret_is_kept() -> None:
    """What is remembered has masked URLs in it."""
    note_failure(route("http://ada:sEcReT@p"), DEAD)
    assert "sEcReT" not in repr(_remembered())


def test_outside_of_trio() -> None:
    """Where nothing was dialed nothing is bad, and the order is that of the list."""
    found = resolve_proxy("wss://h.test", proxy=Failover("http://a", ["http://b", "c"], None))
    assert [x.way for x in found.alternatives] == [
        "http://a:80",
        "http://b:80, http://c:80",
        "DIRECT",
    ]
    assert found.hops == found.alternatives[0].hops
    assert "alternative 2 of 3 = 'http://b:80, http://c:80': would be tried if" in found.explain()
