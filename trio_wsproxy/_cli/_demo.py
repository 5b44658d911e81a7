"""The demo: one message over every kind of route, on loopback.

A leg is a route and a server, ``ws`` or ``wss``. It is good when the echo came back *and* the
servers' own records say that it took the route: every proxy on it was asked exactly once, for
the next authority and with its credentials, no other proxy was asked at all, and the echo
server has the message. A client that quietly dials the server itself fails.

``echo.test`` is a name that no name service knows (RFC 6761 section 6.2). Only the proxies
know it, so a leg that succeeds has let its last proxy resolve it. ``direct`` and ``socks5``
resolve on this machine and use an address instead.
"""

from __future__ import annotations

import argparse
import ssl
import textwrap
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import trio

from trio_wsproxy._client import open_websocket_url
from trio_wsproxy._report import Stage
from trio_wsproxy._urls import Proxy
from trio_wsproxy.testing import (
    Certificates,
    EchoServer,
    ProxyServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)

from ._console import Console
from ._running import run_in_trio

LOOPBACK = "127.0.0.1"
NAME = "echo.test"
CREDENTIALS = ("ada", "correct horse: battery@staple")  # characters that must be encoded
LEG_TIMEOUT = 10  # seconds; a leg takes some milliseconds, so this only ends a hang
WIDTH = 100  # columns
LEAST = 24  # columns for stages beside the rest of a row
BAR = 20  # columns
BLANK = "\0"  # one at which no line is broken, while lines are broken
GOOD, BAD = "ok", "FAIL"
HEAD = (
    "Echo servers and proxies run on loopback; no network is used. Times in milliseconds.",
    "A tls before connect or socks is the proxy's, after it the server's.",
)
INDENT = " " * 6  # what a failed leg says stands below its route

PROTOCOLS = {
    "http": "http",
    "https": "http",
    "socks4a": "socks4a",
    "socks5": "socks5",
    "socks5h": "socks5",
}
# Short, so that the longest row fits. Before connect or socks, TLS is the proxy's, else the
# server's.
SHORT = {"proxy_tls": "tls", "server_tls": "tls"}


Asked = tuple[str, str, str | None, str | None]  # protocol, authority, user name, password


@dataclass(frozen=True)
class RunningProxy:
    """A running proxy, and how the client is to use it."""

    server: ProxyServer
    proxy: Proxy


@dataclass(frozen=True)
class Leg:
    """One route to one echo server."""

    hops: tuple[RunningProxy, ...]
    host: str
    echo: EchoServer
    ssl_context: ssl.SSLContext | None

    @property
    def route(self) -> str:
        """The kinds of proxies on the way, nearest first."""
        return " > ".join(hop.proxy.scheme for hop in self.hops) or "direct"

    @property
    def url(self) -> str:
        """The URL to open."""
        return self.echo.url_for(self.host)

    def expected(self) -> list[tuple[ProxyServer, Asked]]:
        """What each proxy on the way must be asked for."""
        stations = [*(hop.server.authority for hop in self.hops), f"{self.host}:{self.echo.port}"]
        return [
            (
                hop.server,
                (PROTOCOLS[hop.proxy.scheme], station, hop.proxy.username, hop.proxy.password),
            )
            for hop, station in zip(self.hops, stations[1:], strict=True)
        ]


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command; see :func:`trio_wsproxy._cli.main` for the exit codes."""
    del arguments  # there are none
    try:
        return 0 if run_in_trio(demo, console, at_checkpoints=True) else 1
    except ImportError as exc:  # trustme comes with an extra
        console.error(f"the demo cannot run: {exc}")
        return 2


class UnprovenLeg(Exception):
    """There was no echo, or it did not come over the route."""


async def demo(console: Console) -> bool:
    """Run all legs and show a table.

    Args:
      console: Where to show it.

    Returns:
      Whether all legs were good.

    Raises:
      ImportError: trustme is not installed; the message says how to install it.

    """
    width = min(console.width, WIDTH) if console.terminal else WIDTH
    failed = 0
    async with _servers() as (legs, proxies):  # first, for without certificates there is no table
        for text in HEAD:
            console.print("\n".join(textwrap.wrap(text, width)), style="dim")
        console.print()
        console.print(_row("", "route", "to", "total", "stages, in order", width), style="strong")
        for count, leg in enumerate(legs):
            if console.rewrites:
                console.rewrite(console.drawn(_bar(count, len(legs), leg.route)))
            good, text = await _told(leg, proxies, width)
            failed += not good
            if console.rewrites:
                console.rewrite("")
            console.print(text, style="good" if good else "bad", first=len(GOOD if good else BAD))
    console.print()
    verdict = (
        f"All {len(legs)} legs are good: the echo came back, and each proxy's record has its part."
    )
    if failed:
        verdict = f"{failed} of {len(legs)} legs failed."
    console.print("\n".join(textwrap.wrap(verdict, width)), style="bad" if failed else "good")
    return not failed


def _bar(done: int, of: int, what: str) -> str:
    filled = done * BAR // of
    return f"{'█' * filled}{'─' * (BAR - filled)} {done} of {of}, now {what}"


async def _told(leg: Leg, proxies: Sequence[ProxyServer], width: int) -> tuple[bool, str]:
    """Run a leg; whether it was good, and what is to be shown of it."""
    try:
        stages = await _run(leg, proxies)
    except Exception as exc:  # whatever it is, the other legs are of interest too
        row = _row(BAD, leg.route, leg.url.partition(":")[0], "-", "", width)
        return False, "\n".join([row, *_failure(exc, width)])
    return True, _result(leg, stages, width)


@asynccontextmanager
async def _servers() -> AsyncIterator[tuple[list[Leg], list[ProxyServer]]]:
    """Run the servers; give the legs over them, and all proxies."""
    certificates = Certificates()
    trusting = certificates.client_context()
    known = {NAME: LOOPBACK}
    async with AsyncExitStack() as stack:
        ws = await stack.enter_async_context(open_echo_server())
        wss = await stack.enter_async_context(
            open_echo_server(ssl_context=certificates.server_context(NAME, LOOPBACK))
        )
        http = await stack.enter_async_context(open_http_proxy(resolve=known))
        https = await stack.enter_async_context(
            open_http_proxy(ssl_context=certificates.server_context(), resolve=known)
        )
        socks = await stack.enter_async_context(open_socks_proxy(resolve=known))
        guarded = await stack.enter_async_context(
            open_socks_proxy(resolve=known, credentials=CREDENTIALS)
        )

        http_hop = RunningProxy(http, Proxy(http.url))
        https_hop = RunningProxy(https, Proxy(https.url_for(host=LOOPBACK), ssl_context=trusting))
        socks5h_hop = RunningProxy(
            guarded, Proxy(guarded.url_for("socks5h", credentials=CREDENTIALS))
        )
        routes: list[tuple[str, tuple[RunningProxy, ...]]] = [
            (LOOPBACK, ()),
            (NAME, (http_hop,)),
            (NAME, (https_hop,)),
            (NAME, (RunningProxy(socks, Proxy(socks.url_for("socks4a"))),)),
            (LOOPBACK, (RunningProxy(socks, Proxy(socks.url_for("socks5"))),)),
            (NAME, (socks5h_hop,)),
            (NAME, (https_hop, socks5h_hop)),
        ]
        legs = [
            Leg(hops, host, echo, context)
            for host, hops in routes
            for echo, context in ((ws, None), (wss, trusting))
        ]
        yield legs, [http, https, socks, guarded]


async def _run(leg: Leg, proxies: Sequence[ProxyServer]) -> Sequence[Stage]:
    """Echo a message over one leg; what it took, or an exception."""
    asked_before = {proxy: len(proxy.requests) for proxy in proxies}
    messages_before = len(leg.echo.messages)
    message = f"hello over {leg.route}"
    with trio.move_on_after(LEG_TIMEOUT) as scope:
        async with open_websocket_url(
            leg.url,
            leg.ssl_context,
            proxy=[hop.proxy for hop in leg.hops],
            connect_timeout=LEG_TIMEOUT / 2,  # strikes first, for its error tells the stage
            disconnect_timeout=LEG_TIMEOUT / 2,
        ) as ws:
            await ws.send(message)
            answer = await ws.receive()
            stages: Sequence[Stage] = ws.dial_report.stages
    if scope.cancelled_caught:
        raise UnprovenLeg(f"no echo within {LEG_TIMEOUT} s")
    if answer != message:
        raise UnprovenLeg(f"the echo of {message!r} was {answer!r}")
    if leg.echo.messages[messages_before:] != [message]:
        raise UnprovenLeg("the echo did not come from the echo server")
    for proxy in proxies:
        _check_record(leg, proxy, asked_before[proxy])
    return stages


def _check_record(leg: Leg, proxy: ProxyServer, before: int) -> None:
    expected = [asked for server, asked in leg.expected() if server is proxy]
    recorded: list[Asked] = [
        (request.protocol, request.authority, request.username, request.password)
        for request in proxy.requests[before:]
    ]
    if recorded != expected:
        # Without the credentials: they are the demo's own, but a message never shows any.
        raise UnprovenLeg(
            f"the echo came back, but the proxy {proxy.url} was asked for "
            f"{_authorities(recorded)} instead of {_authorities(expected)}"
        )


def _authorities(asked: Iterable[Asked]) -> str:
    return ", ".join(f"{protocol} {authority}" for protocol, authority, _, _ in asked) or "nothing"


def _result(leg: Leg, stages: Sequence[Stage], width: int) -> str:
    times = [(stage.name, stage.start, stage.duration or 0.0) for stage in stages]
    total = max(start + duration for _, start, duration in times)
    shown = (f"{SHORT.get(name, name)}{BLANK}{_ms(duration)}" for name, _, duration in times)
    scheme = leg.url.partition(":")[0]
    return _row(GOOD, leg.route, scheme, _ms(total), ", ".join(shown), width)


def _row(result: str, route: str, scheme: str, total: str, stages: str, width: int) -> str:
    """A row; where it is too long, the stages stand below, and those of all rows do where it is narrow."""
    first = f"{result:4}  {route:15}  {scheme:3}  {total:>5}"
    if len(first) + 2 + len(stages) <= width:
        return f"{first}  {stages}".rstrip().replace(BLANK, " ")
    blanks = " " * (len(first) + 2 if width - len(first) >= LEAST else len(INDENT))
    below = textwrap.wrap(stages, width - len(blanks), break_on_hyphens=False)
    if width - len(first) >= LEAST:
        rows = [f"{first}  {below[0]}", *(blanks + line for line in below[1:])]
    else:
        rows = [first, *(blanks + line for line in below)]
    return "\n".join(rows).replace(BLANK, " ")


def _ms(seconds: float) -> str:
    ms = seconds * 1000
    return f"{ms:.1f}" if ms < 9.95 else f"{ms:.0f}"


def _failure(exc: Exception, width: int) -> list[str]:
    text = f"{type(exc).__name__}: {exc}"
    return textwrap.wrap(text, width, initial_indent=INDENT, subsequent_indent=INDENT)
