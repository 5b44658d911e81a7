"""The dial report: how a connection came about, or why it did not."""

from __future__ import annotations

import gc
import json
import socket
import sys
import unicodedata
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_wsproxy import (
    ConnectionTimeout,
    DialReport,
    HandshakeError,
    Proxy,
    ProxyAuthenticationError,
    ProxyError,
    ProxyRejected,
    ServerRejected,
    ServerUnreachable,
    Stage,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
    resolve_proxy,
    wrap_client_stream,
)
from trio_wsproxy._report._certificates import Certificate
from trio_wsproxy._report._dial_report import reporting
from trio_wsproxy._report._evidence import (
    TLS,
    Addresses,
    Attempt,
    Attempts,
    HTTPAnswer,
    SocksAnswer,
    StageEvidence,
)
from trio_wsproxy._report._stages import StageLog
from trio_wsproxy.testing import (
    Certificates,
    Fail,
    Stall,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

SECRET = "s3cret-of-ada"


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture(scope="module")
def others() -> Certificates:
    """Another CA, that nobody trusts."""
    return Certificates()


def texts(report: DialReport) -> str:
    """All that a report says, in every way it can be asked."""
    return f"{report} {report!r} {report.render(40)} {json.dumps(report.as_dict())} {report.stages}"


@asynccontextmanager
async def chain(certificates: Certificates) -> AsyncIterator[tuple[str, list[Proxy], Any]]:
    """A wss server behind an https proxy and a socks5h proxy with a password."""
    known = {"echo.test": "127.0.0.1"}
    async with (
        open_echo_server(ssl_context=certificates.server_context("echo.test")) as echo,
        open_http_proxy(ssl_context=certificates.server_context("127.0.0.1")) as https,
        open_socks_proxy(credentials=("ada", SECRET), resolve=known) as socks,
    ):
        first = Proxy(https.url_for(host="127.0.0.1"), ssl_context=certificates.client_context())
        second = Proxy(socks.url_for("socks5h", credentials=("ada", SECRET)))
        yield echo.url_for("echo.test"), [first, second], echo


async def test_connected(certificates: Certificates) -> None:
    """A connection's report has each stage with its hop, and what was found there."""
    async with (
        chain(certificates) as (url, hops, _),
        open_websocket_url(
            f"{url}?token={SECRET}", certificates.client_context(), proxy=hops
        ) as ws,
    ):
        report = ws.dial_report
    assert isinstance(report, DialReport)
    assert report.error is None
    assert report.route is ws.route
    assert [(stage.name, stage.hop, stage.ok) for stage in report.stages] == [
        ("tcp", 1, True),
        ("proxy_tls", 1, True),
        ("connect", 1, True),
        ("socks", 2, True),
        ("server_tls", None, True),
        ("upgrade", None, True),
    ]
    tcp, proxy_tls, connect, socks, server_tls, upgrade = report.stages
    assert tcp.details == {"attempts": [{"address": "127.0.0.1", "outcome": "connected"}]}
    assert proxy_tls.details["version"].startswith("TLSv1.")
    assert "trustme" in proxy_tls.details["issuer"]
    assert connect.peer == hops[1].authority
    assert connect.details["status"].startswith("HTTP/1.1 200")
    assert socks.details["reply"].startswith("05 00 00")
    assert {"cipher", "expires", "subject"} <= server_tls.details.keys()
    assert upgrade.details["status"].startswith("HTTP/1.1 101")
    assert report.duration >= upgrade.start
    assert SECRET not in texts(report)


async def test_waterfall(certificates: Certificates) -> None:
    """It fits 80 columns, or fewer, and has a line for each stage."""
    async with (
        chain(certificates) as (url, hops, _),
        open_websocket_url(url, certificates.client_context(), proxy=hops) as ws,
    ):
        report = ws.dial_report
    for width in (40, 80, 100):
        lines = report.render(width).split("\n")
        assert max(map(len, lines)) <= width
        rows = [line[2:].split() for line in lines if "ms" in line and line.startswith("  ")]
        names = ["tcp", "proxy_tls", "connect", "socks", "server_tls", "upgrade"]
        assert [row[0] for row in rows if row[0] in names] == names
    assert str(report) == report.render(80)
    assert "█" in str(report)
    assert "route by argument proxy=" in str(report)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            [("resolve", None, "echo.test", 0, 1, Addresses(("192.0.2.1", "192.0.2.2")))],
            [
                "  resolve     echo.test                1000.0 ms  ███████",
                "    192.0.2.1, 192.0.2.2",
            ],
        ),
        (
            [
                (
                    "tcp",
                    1,
                    "a-proxy-with-a-very-long-name.example.org:3128",
                    0,
                    0.25,
                    Attempts(
                        [Attempt("::1", "Connection refused"), Attempt("127.0.0.1", "connected")]
                    ),
                ),
                (
                    "connect",
                    1,
                    "e:443",
                    0.25,
                    0.75,
                    HTTPAnswer(b"HTTP/1.1 403 No\r\nSet-Cookie: x\r\n\r\n"),
                ),
            ],
            [
                "  tcp 1       …g-name.example.org:3128  250.0 ms  ███",
                "    ::1 Connection refused, 127.0.0.1 connected",
                "! connect 1   e:443                     750.0 ms     ████████",
                "    HTTP/1.1 403 No",
                "    Set-Cookie: ***",
            ],
        ),
    ],
)
async def test_rows(stages: list[Any], expected: list[str], mock_clock: MockClock) -> None:
    """A stage has its name, hop, peer, time and bar; below it stands what it found."""
    log = StageLog()
    for name, hop, peer, _, took, evidence in stages:
        with pytest.MonkeyPatch.context(), log.stage(name, hop, peer, "x") as running:
            mock_clock.jump(took)
            running.evidence = evidence
    if stages[-1][0] == "connect":
        log.running[-1]._ok = False
    text = DialReport("wss://echo.test/", None, log).render(64)
    lines = text.split("\n")
    for line in expected:
        assert any(shown.startswith(line) for shown in lines), text


def columns(line: str) -> int:
    """How many columns of a terminal a line takes."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("width", [1, 40, 80, 200])
async def test_whatever_comes_fits(width: int, mock_clock: MockClock) -> None:
    """No line is too wide, whatever was found, and however much of it, at any time."""
    long, wide = "x" * 500, "例え" * 100
    evidence: list[StageEvidence | None] = [
        Addresses(tuple(f"2001:db8::{n:x}" for n in range(30))),
        Attempts([Attempt(f"2001:db8::{n:x}", "No route to host") for n in range(30)]),
        Certificate(wide, f"CN={wide}, O={long}", datetime(9999, 12, 31, tzinfo=timezone.utc)),
        TLS("TLSv1.3", long, wide, b"no certificate"),
        HTTPAnswer(b"HTTP/1.1 200 " + b"y" * 500 + b"\r\n" + b"Header: a value\r\n" * 30),
        SocksAnswer(bytes(32)),
        None,
    ]
    log = StageLog()
    dials = [DialReport("ws://e.test/", None, log)]
    for number, found in enumerate(evidence):
        with log.stage("proxy_tls", 10**number, wide, "x") as running:
            running.evidence = found
            dials += [
                DialReport(f"ws://{long}/", None, log, OSError(f"{wide} {long}")),
                DialReport(f"ws://{wide}/", None, log),
            ]
            for report in dials:
                assert max(map(columns, report.render(width).split("\n"))) <= max(width, 40)
                json.dumps(report.as_dict())
            mock_clock.jump(10.0 ** (number - 1))
        running._ok = bool(number % 2)
    for report in dials:
        lines = report.render(width).split("\n")
        assert max(map(columns, lines)) <= max(width, 40)
        assert sum(line[2:].startswith("proxy_tls") for line in lines) == len(evidence)


async def test_failures_have_reports(certificates: Certificates, others: Certificates) -> None:
    """Each error of an opening carries the report of how far it came."""
    async with (
        open_echo_server() as echo,
        open_echo_server(ssl_context=others.server_context("127.0.0.1")) as distrusted,
        open_http_proxy(credentials=("ada", "x")) as guarded,
        open_http_proxy(script=[Fail(503)]) as broken,
    ):
        cases: list[tuple[str, Any, type[HandshakeError], list[str]]] = [
            (echo.url, [broken.url], ProxyRejected, ["tcp", "connect"]),
            (echo.url, [guarded.url_for()], ProxyAuthenticationError, ["tcp", "connect"]),
            ("ws://127.0.0.1:1/", None, ServerUnreachable, ["tcp"]),
            ("ws://no-such-name.invalid/", None, ServerUnreachable, ["resolve"]),
            (distrusted.url_for("127.0.0.1"), None, ServerUnreachable, ["tcp", "server_tls"]),
        ]
        for url, hops, kind, stages in cases:
            with pytest.raises(kind) as caught:
                async with open_websocket_url(url, proxy=hops):
                    pass
            report = caught.value.dial_report
            dialed = [stage for stage in report.stages if stage.name != "setup"]
            assert [stage.name for stage in dialed] == stages
            assert [stage.ok for stage in dialed] == [True] * (len(stages) - 1) + [False]
            assert report.error == f"{kind.__name__}: {caught.value}"
            assert str(caught.value) in " ".join(str(report).split())
            assert max(map(len, str(report).split("\n"))) <= 80


async def test_refused_upgrade_has_a_report() -> None:
    """A server's refusal is shown with its headers."""
    async with open_http_proxy() as proxy:  # speaks HTTP, and refuses what is no CONNECT
        with pytest.raises(ServerRejected) as caught:
            async with open_websocket_url(f"ws://{proxy.authority}/x?t={SECRET}", proxy=None):
                pass
    report = caught.value.dial_report
    (stage,) = [stage for stage in report.stages if not stage.ok]
    assert stage.name == "upgrade"
    assert stage.details["status"].startswith("HTTP/1.1 4")
    assert all(line in str(report) for line in stage.details["headers"])
    assert SECRET not in texts(report)


async def test_timeout_has_a_report(autojump_clock: MockClock) -> None:
    """A timeout's report ends with the stage that was waited for."""
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        with pytest.raises(ConnectionTimeout) as caught:
            async with open_websocket_url("ws://e.test/", proxy=proxy.url, connect_timeout=5):
                pass
    report = caught.value.dial_report
    assert [(stage.name, stage.ok) for stage in report.stages] == [
        ("tcp", True),
        ("connect", False),
    ]
    assert "\n! connect 1" in str(report)


@pytest.mark.parametrize("answers", [False, True])
async def test_silence_after_a_socks_greeting(answers: bool, autojump_clock: MockClock) -> None:
    """Who says nothing to SOCKS may be an HTTP proxy; who has begun to answer is none."""

    async def wait_for_the_rest(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        if answers:
            await stream.send_all(b"\x05")
        await trio.sleep_forever()

    async with open_tcp_server(wait_for_the_rest) as server:
        with pytest.raises(ConnectionTimeout) as caught:
            async with open_websocket_url(
                "ws://e.test/", proxy=f"socks5h://{server.authority}", connect_timeout=5
            ):
                pass
    hint = "if it is an HTTP proxy, use http:// for its scheme"
    assert (hint in str(caught.value)) is not answers


async def test_malformed_setting_has_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error before anything was dialed has a report without a route."""
    monkeypatch.setenv("https_proxy", f"http://ada:{SECRET}@proxy:99999")
    with pytest.raises(ProxyError) as caught:
        async with open_websocket_url("wss://example.org/"):
            pass
    report = caught.value.dial_report
    assert (report.route, report.stages) == (None, ())
    assert "environment variable https_proxy" in str(report)
    assert SECRET not in texts(report)


async def test_odd_settings_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An odd entry of no_proxy stops no connection, and stands in its report."""
    monkeypatch.setenv("no_proxy", "/var/run/docker.sock,localhost")
    async with open_echo_server() as server, open_websocket_url(server.url) as ws:
        report = ws.dial_report
    assert isinstance(report, DialReport)
    drawn = " ".join(str(report).split())
    assert "note: environment variable no_proxy: no sense can be made of" in drawn
    assert "'/var/run/docker.sock' (this is not a network): ignored" in drawn
    assert any("docker.sock" in look and "ignored" in look for look in report.as_dict()["looks"])


@pytest.mark.parametrize("function", [open_tcp_stream, open_ssl_over_tcp_stream])
async def test_streams_have_reports(function: Any) -> None:
    """Errors of the streams alone have one, too, and their stages are traced."""
    told: list[tuple[str, str]] = []
    with pytest.raises(ServerUnreachable) as caught:
        await function(
            "127.0.0.1",
            1,
            proxy=None,
            trace=lambda event, stage: told.append((event, stage.name)),
        )
    report = caught.value.dial_report
    assert [stage.name for stage in report.stages if stage.name != "setup"] == ["tcp"]
    assert told[-2:] == [("begin", "tcp"), ("end", "tcp")]


async def test_given_stream_has_a_report(nursery: trio.Nursery) -> None:
    """A connection over a stream that was given has the upgrade in its report."""
    async with open_echo_server() as echo:
        stream = await trio.open_tcp_stream(echo.host, echo.port)
        ws = await wrap_client_stream(nursery, stream, "e.test", "/")
        assert [stage.name for stage in ws.dial_report.stages] == ["upgrade"]
        assert ws.dial_report.route is None
        await ws.aclose()


async def test_trace_of_a_connection(certificates: Certificates) -> None:
    """``trace`` is told each begin and end in order, with the same stages as the report."""
    told: list[tuple[str, Stage]] = []
    async with (
        chain(certificates) as (url, hops, _),
        open_websocket_url(
            url,
            certificates.client_context(),
            proxy=hops,
            trace=lambda event, stage: told.append((event, stage)),
        ) as ws,
    ):
        report = ws.dial_report
    assert [event for event, _ in told] == ["begin", "end"] * 6
    assert [stage for event, stage in told if event == "end"] == list(report.stages)


@pytest.mark.parametrize("where", ["server", "proxy"])
async def test_interception_names_the_issuer(
    certificates: Certificates, others: Certificates, where: str
) -> None:
    """A certificate of an unknown authority is told by the name of who signed it."""
    async with (
        open_echo_server(ssl_context=others.server_context("127.0.0.1")) as echo,
        open_http_proxy(ssl_context=others.server_context("127.0.0.1")) as https,
        open_http_proxy() as http,
    ):
        hop = https.url_for(host="127.0.0.1") if where == "proxy" else http.url
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket_url(
                echo.url_for("127.0.0.1"),
                certificates.client_context(),
                proxy=hop,
                proxy_ssl_context=certificates.client_context() if where == "proxy" else None,
            ):
                pass
        shown = sys.version_info >= (3, 13)  # before, Python does not tell
        assert ("it was issued by 'O" in str(caught.value)) is shown
        assert "truststore" in str(caught.value)
        assert "SSL_CERT_FILE" in str(caught.value)
        report = caught.value.dial_report
        failed = report.stages[-1]
        assert failed.name == f"{where}_tls"
        assert ("trustme" in failed.details.get("issuer", "")) is shown
        # Nothing was sent to the server that is not trusted.
        assert echo.messages == []
        assert echo.connections == 0 or where == "server"


def test_reporting_leaves_others_alone() -> None:
    """Only errors of opening get a report; others pass as they are."""

    async def main() -> None:
        with pytest.raises(KeyError) as caught, reporting("ws://e/", StageLog()):
            raise KeyError("x")
        assert not hasattr(caught.value, "dial_report")

    trio.run(main)


async def test_as_dict_is_json() -> None:
    """The report as a dictionary has the documented keys, and is what JSON has."""
    log = StageLog()
    route = resolve_proxy("wss://e.test/", proxy=f"http://ada:{SECRET}@proxy.test:3128")
    with log.stage("tcp", 1, "proxy.test:3128", "x"):
        pass
    report = DialReport("wss://e.test/", route, log)
    known = json.loads(json.dumps(report.as_dict()))
    assert known.keys() == {
        "url",
        "source",
        "hops",
        "looks",
        "tried",
        "duration",
        "error",
        "stages",
    }
    assert known["hops"] == ["http://ada:***@proxy.test:3128"]
    (stage,) = known["stages"]
    assert stage.keys() == {"name", "hop", "peer", "start", "duration", "ok", "details"}


@pytest.mark.parametrize("where", ["tcp", "race", "addresses", "connect", "server_tls", "upgrade"])
async def test_failure_leaves_no_garbage(
    certificates: Certificates, others: Certificates, where: str
) -> None:
    """A failure, its report and all, is freed without the garbage collector."""
    race = where == "race"
    async with (
        open_echo_server(ssl_context=others.server_context("127.0.0.1")) as distrusted,
        open_socks_proxy(script=[Fail(403)] * 2) as socks,
        open_http_proxy(script=[Fail(403)]) as http,
    ):
        url = "ws://127.0.0.1:1/" if where == "tcp" else "ws://e.test:1/"
        hops = {"addresses": [socks.url_for("socks5")], "connect": [http.url]}.get(where)
        if where == "upgrade":
            url = f"ws://{http.authority}/"
        if where == "server_tls":
            url = distrusted.url_for("127.0.0.1")
        context = certificates.client_context() if where == "server_tls" else None
        trio.socket.set_custom_hostname_resolver(TwoAddresses())
        gc.collect()
        gc.disable()
        alive: weakref.ref[BaseException] | None = None
        try:
            try:
                async with open_websocket_url(url, context, proxy=hops):
                    pass
            except HandshakeError as exc:
                assert len(str(exc.dial_report).split("\n")) > 3
                if race:
                    (_, tcp) = exc.dial_report.stages
                    assert len(tcp.details["attempts"]) == 2
                alive = weakref.ref(exc)
            assert alive is not None
            await trio.lowlevel.checkpoint()
            assert alive() is None
        finally:
            gc.enable()


class TwoAddresses(trio.abc.HostnameResolver):
    """Says that each name has two addresses, both of this machine."""

    async def getaddrinfo(self, *_: Any, **__: Any) -> list[Any]:
        """Give what nobody listens on."""
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{number}", 1))
            for number in (1, 2)
        ]

    async def getnameinfo(self, *_: Any) -> tuple[str, str]:
        """Not asked for."""
        raise NotImplementedError


async def test_trace_is_not_kept() -> None:
    """Once a dial is over nothing of its report holds the caller's trace."""

    class Observer:
        def trace(self, *_: object) -> None:
            pass

    observer = Observer()
    alive = weakref.ref(observer)
    async with (
        open_echo_server() as echo,
        open_websocket_url(echo.url, proxy=None, trace=observer.trace) as ws,
    ):
        del observer
        assert alive() is None
        assert ws.dial_report.stages
