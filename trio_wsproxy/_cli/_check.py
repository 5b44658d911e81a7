"""``check URL``: connect, ping, close, and tell everything about it; made for support tickets.

What is shown is the dial report, which masks what it shows, and what only an open connection
knows. The chain of a ``wss://`` server's certificates, or of a proxy's that were refused, is looked at
over a connection of its own, and the output says so, for it is of interest also, and most, where the handshake failed because of it.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from statistics import mean
from typing import Any

import trio

from trio_wsproxy import (
    ConnectionClosed,
    HandshakeError,
    ProxyConfigError,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._redaction import escaped, shown_subprotocols
from trio_wsproxy._report import Certificate, DialReport, Stage, draw
from trio_wsproxy._routing import Route
from trio_wsproxy._transport import presented_certificates
from trio_wsproxy._urls import Proxy, Target, bare_host, parse_target

from ._arguments import add_connection_options, add_url, connection_arguments
from ._console import Console
from ._json import written
from ._secrets import take_secrets
from ._words import message, refuse, route_as_typed

PINGS = 3
DISCONNECT_TIMEOUT = 10  # seconds; somebody sits in front of it
CURIOSITY = 5  # seconds to look at the certificates; all else is known then
NARROWEST, WIDEST = 40, 100  # columns of the waterfall
NAMES_WIDTH = 60  # columns for the names that a certificate is for
SOON = 14  # days before its end from which on a certificate is worth a warning

_ERRORS = (OSError, HandshakeError, trio.BrokenResourceError, ValueError)

STYLES = {"over": "", "failed": "bad", "not over": "warn", "found": "dim"}

EXAMPLES = """\
examples:
  %(prog)s wss://example.org/chat
  %(prog)s --proxy http://proxy.corp:3128 wss://example.org/
  %(prog)s --json wss://example.org/ > ticket.json

Passwords, cookies and queries are masked.

exit code:
  0    connected, pinged and closed
  1    one of these failed; the last lines say what to try
  2    wrong arguments or proxy settings
  130  Ctrl-C
"""


@dataclass
class Findings:
    """What a check found out, as far as it came."""

    report: DialReport | None = None
    route: Route | None = None  # that of the report, with the options that were typed
    stage: Stage | None = None  # the last one that has begun
    latencies: list[float] = field(default_factory=list)  # seconds
    subprotocol: str | None = None
    extensions: str = ""
    certificates: list[Certificate] = field(default_factory=list)  # the server's own first
    closed: str | None = None
    error: str | None = None
    misconfigured: bool = False  # that error was one of the settings

    def note(self, event: str, stage: Stage) -> None:
        """Remember what goes on, for a user who does not wait for the end."""
        del event
        self.stage = stage


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "check",
        help="connect, ping, close; show each step, and on failure what to try",
        description=(
            "Connect to a WebSocket server, ping it, close, and show what each step took and found."
        ),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_url(parser)
    add_connection_options(parser)
    parser.add_argument(
        "--pings",
        type=_count,
        default=PINGS,
        metavar="COUNT",
        help="how often to ping (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command; see :func:`trio_wsproxy._cli.main` for the exit codes."""
    findings = Findings()
    take_secrets(arguments)
    try:
        trio.run(_check, arguments, findings)
    except KeyboardInterrupt:
        told = _interrupted(findings)
        if console.terminal and console.err_terminal:
            console.insert(told, style="bad", last=True)  # over the ^C
        else:
            console.error(told)
        raise
    except ValueError as exc:  # ProxyConfigError is one
        return refuse(exc, console, as_json=arguments.json)
    if arguments.json:
        console.print(written(_as_json(findings), indent=2))
    else:
        _show(findings, console)
    if findings.misconfigured:
        return 2
    return 1 if findings.error else 0


async def _check(arguments: argparse.Namespace, findings: Findings) -> None:
    options = connection_arguments(arguments)
    try:
        async with open_websocket_url(
            arguments.url, **options, disconnect_timeout=DISCONNECT_TIMEOUT, trace=findings.note
        ) as ws:
            findings.report = ws.dial_report
            findings.subprotocol = ws.subprotocol
            findings.extensions = ", ".join(
                value.decode("latin-1")
                for name, value in ws.handshake_headers
                if name == b"sec-websocket-extensions"
            )
            for _ in range(arguments.pings):
                findings.latencies.append(await ws.ping())
        findings.closed = _closed(ws.closed)
    except (HandshakeError, ConnectionClosed) as exc:
        # A setting that is malformed is told as a wrong argument is; a PAC script that is no good has
        # been a stage already.
        findings.misconfigured = isinstance(exc, ProxyConfigError)
        report = getattr(exc, "dial_report", None)
        if findings.misconfigured and (report is None or not report.stages):
            raise
        findings.report = report or findings.report
        # ping() raises trio-websocket's own error, from the one that says it in a sentence.
        told = exc.__cause__ if isinstance(exc.__cause__, ConnectionClosed) else exc
        findings.error = f"{type(told).__name__}: {message(told)}"
    if findings.report is not None and findings.report.route is not None:
        findings.route = route_as_typed(findings.report.route, arguments)
    await _look_at_certificates(arguments, options, findings)


def _interrupted(findings: Findings) -> str:
    """Say how far it came."""
    stage = findings.stage
    if findings.report is not None:
        return "interrupted while the connection was open"
    if stage is None:
        return "interrupted before anything was asked"
    name = stage.name if stage.hop is None else f"{stage.name} {stage.hop}"
    doing = "after" if stage.ok else "during"
    return f"interrupted {doing} the stage {name}, {escaped(stage.peer)}"


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
    elif not any(stage.name == "server_tls" for stage in report.stages):
        return
    inside_tls = any(hop.scheme == "https" for hop in hops)  # else the context is refused
    context = options["proxy_ssl_context"] if inside_tls else None
    with trio.move_on_after(CURIOSITY), suppress(*_ERRORS):
        stream = await open_tcp_stream(
            whose.host, whose.port, proxy=hops or None, proxy_ssl_context=context
        )
        findings.certificates = await presented_certificates(stream, bare_host(whose.host))


# --- for programs ------------------------------------------------------------------------


def _as_json(findings: Findings) -> dict[str, Any]:
    """The object that docs/cli-check.rst describes."""
    report = findings.report.as_dict() if findings.report else {}
    if findings.route is not None:
        report["source"] = findings.route.source
        report["looks"] = [str(look) for look in findings.route.trail]
    return {
        "ok": findings.error is None,
        **report,
        "error": findings.error,
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


def _show(findings: Findings, console: Console) -> None:
    report = findings.report
    if report is not None:
        width = max(NARROWEST, min(console.width, WIDEST))
        drawing = draw(report.url, findings.route, report.stages, report.error, width)
        for number, text in enumerate(drawing.head):
            console.print(console.drawn(escaped(text)), style="" if number else "strong")
        if drawing.stages:
            console.print()
        for line in drawing.stages:  # the error is shown last, in the words of the command line
            console.print(console.drawn(escaped(line.text)), style=STYLES[line.of])
    rows = list(_rows(findings))
    if rows:
        console.print()
        console.table(("", ""), rows)
    if findings.error:
        console.print()
        for text in textwrap.wrap(escaped(findings.error), console.width):
            console.print(text, style="bad")


def _rows(findings: Findings) -> Iterator[tuple[str, str]]:
    """What the report does not know."""
    if findings.latencies:
        pings = findings.latencies
        times = " / ".join(f"{x * 1e3:.1f}" for x in (min(pings), mean(pings), max(pings)))
        if len(pings) == 1:
            yield "latency", f"{pings[0] * 1e3:.1f} ms (of one ping)"
        else:
            yield "latency", f"{times} ms (lowest, mean, highest of {len(pings)} pings)"
    if findings.closed is not None:
        yield "subprotocol", shown_subprotocols(findings.subprotocol or "none")
        yield "extensions", escaped(findings.extensions or "none")
    for number, certificate in enumerate(findings.certificates):
        yield "" if number else "certificate", _validity(certificate)
        if certificate.names:
            names = f"for {', '.join(map(escaped, certificate.names))}"
            yield "", textwrap.shorten(names, NAMES_WIDTH, placeholder=" …")
    if findings.certificates:
        yield "", "(looked at over another connection, made for that)"
    if findings.closed is not None:
        yield "closed", escaped(findings.closed)


def _validity(certificate: Certificate) -> str:
    days = (certificate.expires - datetime.now(tz=timezone.utc)).days
    left = "expired" if days < 0 else f"{days} day{'' if days == 1 else 's'} left"
    warning = "" if days >= SOON else "  !"
    name = escaped(certificate.subject)
    return f"{name}: valid until {certificate.expires:%Y-%m-%d} ({left}){warning}"


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pings")
    return int(text)
