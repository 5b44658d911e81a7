"""``check URL``: connect, ping, close, and tell everything about it; made for support tickets.

What is shown is the dial report, which masks what it shows, and what only an open connection
knows. The chain of a ``wss://`` server's certificates, or of a proxy's that were refused, is looked at
over a connection of its own, and the output says so, for it is of interest also, and most, where the handshake failed because of it.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from statistics import mean
from typing import Any, Literal

import trio

from trio_wsproxy import (
    ConnectionClosed,
    HandshakeError,
    ProxyConfigError,
    WebSocketConnection,
    open_tcp_stream,
)
from trio_wsproxy._redaction import escaped, shown_subprotocols, shown_url
from trio_wsproxy._report import Certificate, DialReport, Stage, draw, duration_of, stage_objects
from trio_wsproxy._routing import Route
from trio_wsproxy._transport import presented_certificates
from trio_wsproxy._urls import Proxy, Target, bare_host, parse_target

from ._console import Console
from ._json import written
from ._objects import of_error, of_route
from ._opening import with_connection
from ._progress import HeadHandler, Progress, log_shown
from ._running import run_in_trio
from ._settings import connection_arguments, warn
from ._words import message, refuse, route_as_typed, what_to_ask

DISCONNECT_TIMEOUT = 10  # seconds; somebody sits in front of it
CURIOSITY = 5  # seconds to look at the certificates; all else is known then
NARROWEST, WIDEST = 40, 100  # columns of the waterfall
NAMES_WIDTH = 60  # columns for the names that a certificate is for
SOON = 14  # days before its end from which on a certificate is worth a warning

_ERRORS = (OSError, HandshakeError, trio.BrokenResourceError, ValueError)

INTERRUPTED, TOO_SLOW = "KeyboardInterrupt", "TooSlowError"  # where it is no error of the client's

STYLES = {"over": "", "failed": "bad", "not over": "warn", "found": "dim"}


@dataclass
class Findings:
    """What a check found out, as far as it came."""

    connected: bool = False
    report: DialReport | None = None
    route: Route | None = None  # that of the report, with the options that were typed
    stages: list[Stage] = field(default_factory=list)  # as they were told, for Ctrl-C
    latencies: list[float] = field(default_factory=list)  # seconds
    subprotocol: str | None = None
    extensions: str = ""
    certificates: list[Certificate] = field(default_factory=list)  # the server's own first
    whose: str = ""  # these are, where there is a proxy
    closed: str | None = None
    error: dict[str, Any] | None = None
    misconfigured: bool = False  # that error was one of the settings

    @property
    def seen(self) -> Sequence[Stage]:
        """The stages: those of the report, where there is one."""
        return self.stages if self.report is None else self.report.stages

    def note(self, event: str, stage: Stage) -> None:
        """Remember what goes on, for a user who does not wait for the end."""
        if event == "begin":
            self.stages.append(stage)
        else:
            self.stages[-1] = stage

    def opened(self, ws: WebSocketConnection) -> None:
        """Take what an open connection knows."""
        self.connected = True
        self.report = ws.dial_report
        self.subprotocol = ws.subprotocol
        self.extensions = ", ".join(
            value.decode("latin-1")
            for name, value in ws.handshake_headers
            if name == b"sec-websocket-extensions"
        )

    def failed(self, exc: HandshakeError | ConnectionClosed, arguments: argparse.Namespace) -> None:
        """Take what an error knows.

        Raises:
          ProxyConfigError: A setting is malformed: told as a wrong argument is. (A PAC script that is
            no good has been a stage already.)

        """
        self.misconfigured = isinstance(exc, ProxyConfigError)
        report = getattr(exc, "dial_report", None)
        if self.misconfigured and (report is None or not report.stages):
            raise exc
        self.report = report or self.report
        # ping() raises trio-websocket's own error, from the one that says it in a sentence.
        told = exc.__cause__ if isinstance(exc.__cause__, ConnectionClosed) else exc
        self.error = of_error(type(told).__name__, message(told, arguments), exc)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command; see :func:`trio_wsproxy._cli.main` for the exit codes."""
    findings = Findings()
    progress = Progress(console, verbose=arguments.verbose)
    try:
        options = connection_arguments(arguments)
        warn(arguments, console)
        with log_shown(HeadHandler(console.note), verbose=arguments.verbose):
            run_in_trio(_check, arguments, options, findings, progress)
    except KeyboardInterrupt as exc:
        progress.stop()
        findings.error = of_error(INTERRUPTED, _interrupted(findings) + what_to_ask(exc))
        _tell(findings, arguments, console)
        raise
    except ValueError as exc:  # ProxyConfigError is one
        progress.stop()
        return refuse(exc, console, arguments)
    _tell(findings, arguments, console)
    if findings.misconfigured:
        return 2
    return 1 if findings.error else 0


def _tell(findings: Findings, arguments: argparse.Namespace, console: Console) -> None:
    if findings.report is not None and findings.report.route is not None:
        findings.route = route_as_typed(findings.report.route, arguments)
    url = shown_url(arguments.url) if findings.report is None else findings.report.url
    if arguments.json:
        console.print(written(_as_json(findings, url), indent=2))
    else:
        _show(findings, url, console)


async def _check(
    arguments: argparse.Namespace,
    options: dict[str, Any],
    findings: Findings,
    progress: Progress,
) -> None:
    async def ping(ws: WebSocketConnection) -> None:
        progress.stop()
        findings.opened(ws)
        for _ in range(arguments.pings):
            findings.latencies.append(await ws.ping())
        await ws.aclose()
        findings.closed = _closed(ws.closed)

    def trace(event: Literal["begin", "end"], stage: Stage) -> None:
        findings.note(event, stage)
        progress.trace(event, stage)

    more = {"disconnect_timeout": DISCONNECT_TIMEOUT, "trace": trace}
    progress.start()
    try:
        with trio.move_on_after(arguments.max_time) as scope:
            await with_connection(arguments, {**options, **more}, ping)
    except (HandshakeError, ConnectionClosed) as exc:
        findings.failed(exc, arguments)
    finally:
        progress.stop()
    if scope.cancelled_caught:
        findings.error = of_error(
            TOO_SLOW, f"--max-time is over: it took more than {arguments.max_time:g} s"
        )
    if arguments.unix is None and not scope.cancelled_caught:
        await _look_at_certificates(arguments, options, findings)


def _interrupted(findings: Findings) -> str:
    """Say how far it came."""
    if findings.connected:
        return "interrupted while the connection was open"
    if not findings.stages:
        return "interrupted before anything was asked"
    stage = findings.stages[-1]
    name = stage.name if stage.hop is None else f"{stage.name} {stage.hop}"
    return (
        f"interrupted {'after' if stage.ok else 'during'} the stage {name}, {escaped(stage.peer)}"
    )


def _closed(reason: Any) -> str:
    said = getattr(reason, "said", reason.reason)
    return f"{reason.code} {reason.name}" + (f": {said}" if said else "")


async def _look_at_certificates(
    arguments: argparse.Namespace, options: dict[str, Any], findings: Findings
) -> None:
    report = findings.report
    if report is None or report.route is None or not report.stages:
        return
    last, hops = report.stages[-1], report.route.hops
    whose: Target | Proxy = parse_target(arguments.url)
    if last.name == "proxy_tls" and last.hop is not None:
        whose, hops = hops[last.hop - 1], hops[: last.hop - 1]
        findings.whose = f"proxy {last.hop}'s; "
    elif not any(stage.name == "server_tls" for stage in report.stages):
        return
    elif hops:
        findings.whose = "the server's; "
    inside_tls = any(hop.scheme == "https" for hop in hops)  # else the context is refused
    context = options["proxy_ssl_context"] if inside_tls else None
    with trio.move_on_after(CURIOSITY), suppress(*_ERRORS):
        stream = await open_tcp_stream(
            whose.host, whose.port, proxy=hops or None, proxy_ssl_context=context
        )
        findings.certificates = await presented_certificates(stream, bare_host(whose.host))


# --- for programs ------------------------------------------------------------------------


def _as_json(findings: Findings, url: str) -> dict[str, Any]:
    """The object that docs/cli.rst and its schema describe."""
    route = findings.route
    return {
        "command": "check",
        "ok": findings.error is None,
        "error": findings.error,
        **of_route(url, route),
        "tried": [escaped(str(look)) for look in route.tried] if route else [],
        "duration": duration_of(findings.seen),
        "stages": stage_objects(findings.seen),
        "latencies": findings.latencies,
        "subprotocol": findings.subprotocol and shown_subprotocols(findings.subprotocol),
        "extensions": findings.extensions,
        "certificates": [
            {
                "subject": x.subject,
                "issuer": x.issuer,
                "expires": x.expires.isoformat(),
                "begins": x.begins.isoformat(),
                "names": list(x.names),
            }
            for x in findings.certificates
        ],
        "looked_again": bool(findings.certificates),
        "closed": findings.closed,
    }


# --- for people --------------------------------------------------------------------------


def _show(findings: Findings, url: str, console: Console) -> None:
    error = _told(findings)
    width = max(NARROWEST, min(console.width, WIDEST))
    dialed = None if findings.connected else error
    drawing = draw(f"{_verdict(findings)} {url}", findings.route, findings.seen, dialed, width)
    for text in drawing.outcome:
        console.print(escaped(text), style="bad" if findings.error else "good")
    for text in drawing.way:
        console.print(console.drawn(escaped(text)))
    if drawing.stages:
        console.print()
    for line in drawing.stages:  # the error is shown last, in the words of the command line
        console.print(console.drawn(escaped(line.text)), style=STYLES[line.of])
    console.print()
    console.table(("", ""), list(_rows(findings)))
    if error is not None:
        console.print()
        begin, *rest = textwrap.wrap(escaped(error), console.width, break_on_hyphens=False)
        # What kind it is stands out; a sentence that says what to do is to be read.
        console.print(begin, style="bad", first=begin.find(": ") + 1 or None)
        for text in rest:
            console.print(text)


def _told(findings: Findings) -> str | None:
    """What went wrong, with the name of its class where that is one of the client's."""
    if findings.error is None:
        return None
    kind, told = findings.error["type"], str(findings.error["message"])
    return told if kind in (INTERRUPTED, TOO_SLOW) else f"{kind}: {told}"


def _verdict(findings: Findings) -> str:
    if findings.error is None:
        return "OK:"
    return "INTERRUPTED:" if findings.error["type"] == INTERRUPTED else "FAILED:"


def _rows(findings: Findings) -> Iterator[tuple[str, str]]:
    """What the report does not know."""
    yield "latency", _latency(findings.latencies)
    if findings.closed is not None:
        yield "subprotocol", shown_subprotocols(findings.subprotocol or "none")
        yield "extensions", escaped(findings.extensions or "none")
    for number, certificate in enumerate(findings.certificates):
        issued = _issued(certificate)
        title = "" if number else "certificate"
        yield title, _validity(certificate, "" if certificate.names else issued)
        if certificate.names:
            names = f"for {', '.join(map(escaped, certificate.names))}"
            yield "", f"{textwrap.shorten(names, NAMES_WIDTH, placeholder=' …')}{issued}"
    if findings.certificates:
        yield "", f"({findings.whose}looked at over a second connection)"
    yield "closed", escaped(findings.closed or "-")


def _latency(pings: Sequence[float]) -> str:
    if not pings:
        return "-"
    if len(pings) == 1:
        return f"{pings[0] * 1e3:.1f} ms (of one ping)"
    times = " / ".join(f"{x * 1e3:.1f}" for x in (min(pings), mean(pings), max(pings)))
    return f"{times} ms (lowest, mean, highest of {len(pings)} pings)"


def _issued(certificate: Certificate) -> str:
    """Say who issued it, behind whom it is for; nothing where no name is in it."""
    if not certificate.issuer:
        return ""
    own = certificate.issuer == certificate.subject
    return f"; issued by {'itself' if own else escaped(certificate.issuer)}"


def _validity(certificate: Certificate, issued: str) -> str:
    days = (certificate.expires - datetime.now(tz=timezone.utc)).days
    left = "expired" if days < 0 else f"{days} day{'' if days == 1 else 's'} left"
    warning = "" if days >= SOON else "  !"
    name = escaped(certificate.subject)
    return f"{name}: valid until {certificate.expires:%Y-%m-%d} ({left}){issued}{warning}"
