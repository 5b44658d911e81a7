"""``check``: connect, ping, close, and tell everything about it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Request

import trio_wsproxy
from trio_wsproxy._cli._check import Findings, _rows
from trio_wsproxy._report import Certificate
from trio_wsproxy.testing import (
    Certificates,
    Fail,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

ROOT = Path(trio_wsproxy.__file__).parent.parent
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "error",
}
COMMAND = [sys.executable, "-m", "trio_wsproxy", "check"]
SECRET = "s3cret-of-ada"


async def check(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    done = await trio.run_process(
        [*COMMAND, *arguments],
        stdin=b"",
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={**ENVIRON, **environ},
    )
    result = subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )
    assert "Traceback" not in result.stderr
    for secret in (SECRET, "\x1b"):
        assert secret not in result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture
def cafile(certificates: Certificates, tmp_path: Path) -> str:
    """That CA in a file."""
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.ca_pem)
    return str(path)


async def test_good(certificates: Certificates, cafile: str) -> None:
    """A good one shows waterfall, latency, TLS, certificate and close, and exits with 0."""
    known = {"localhost": "127.0.0.1"}
    async with (
        open_echo_server(ssl_context=certificates.server_context("localhost")) as echo,
        open_socks_proxy(credentials=("ada", SECRET), resolve=known) as proxy,
    ):
        done = await check(
            "--cacert",
            cafile,
            "--proxy",
            proxy.url_for("socks5h", credentials=("ada", SECRET)),
            echo.url_for("localhost") + f"?key={SECRET}",
        )
    assert (done.returncode, done.stderr) == (0, "")
    for text in (
        "connected after ",
        "route by --proxy: ",
        "\n  socks 1 ",
        "\n  server_tls ",
        "\n    TLSv1.3, TLS_AES_256_GCM_SHA384",
        "\n    HTTP/1.1 101",
        "\nlatency ",
        "highest of 3 pings)",
        "\ncertificate  ",
        "days left)",
        "\nclosed       1000 NORMAL_CLOSURE",
    ):
        assert text in done.stdout, done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert [request.authority for request in proxy.requests] == [f"localhost:{echo.port}"] * 2


async def test_json(certificates: Certificates, cafile: str) -> None:
    """``--json`` writes one object with the documented keys."""
    async with open_echo_server(ssl_context=certificates.server_context("localhost")) as echo:
        done = await check(
            "--json",
            "--no-proxy",
            "--compression",
            "--pings",
            "2",
            "--cacert",
            cafile,
            echo.url_for("localhost"),
        )
    known = json.loads(done.stdout)
    assert done.returncode == 0
    assert known.keys() == {
        *("command", "ok", "url", "target", "source", "hops", "trail", "picture"),
        *("alternatives", "notes", "tried", "duration", "error", "stages"),
        "latencies",
        *("subprotocol", "extensions", "certificates", "looked_again", "closed"),
    }
    assert known["tried"] == []
    assert known["looked_again"] is True
    assert known["certificates"][0]["names"] == ["localhost"]
    assert known["certificates"][0]["begins"].endswith("+00:00")
    assert (known["ok"], known["error"], len(known["latencies"])) == (True, None, 2)
    assert known["certificates"][0]["subject"]
    assert known["certificates"][0]["expires"].endswith("+00:00")


@pytest.mark.parametrize("number", range(6))
async def test_bad_set_ups(certificates: Certificates, cafile: str, number: int) -> None:
    """What is wrong is told in the last lines, with what to try; the exit code is 1."""
    page = b"<title>ERROR: The requested URL could not be retrieved</title>"
    squid = Fail(403, body=page, headers=[("X-Squid-Error", "ERR_ACCESS_DENIED 0")])
    async with (
        open_echo_server(ssl_context=Certificates().server_context("localhost")) as echo,
        open_http_proxy(credentials=("ada", SECRET)) as guarded,
        open_http_proxy(script=[squid]) as strict,
        open_http_proxy() as http,
    ):
        url = echo.url_for("localhost")
        cases = [
            ([url, "--proxy", "http://127.0.0.1:1"], "! tcp 1", "is it running, and are its host"),
            (
                [url, "--proxy", guarded.url_for()],
                "! connect 1",
                "put user:password@ into the proxy URL",
            ),
            ([url, "--proxy", f"socks5h://{http.authority}"], "! socks 1", "use http:// for its"),
            ([url, "--proxy", strict.url], "! connect 1", "let nothing but port 443 through"),
            ([url, "--no-proxy", "--cacert", cafile], "! server_tls", "file with --cacert"),
            ([f"ws://{echo.authority}/", "--no-proxy"], "! upgrade", "TLS"),
        ]
        assert len(cases) == 6  # each has its turn
        arguments, row, hint = cases[number]
        done = await check(*arguments)
        assert done.returncode == 1, done
        assert f"\n{row}" in done.stdout, done.stdout
        assert hint in " ".join(done.stdout.split("\n\n")[-1].split()), done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
        told = json.loads((await check("--json", *arguments)).stdout)
        assert not told["ok"]
        assert told["error"] or row == "! connect 1"


async def test_certificates_of_a_refused_server(certificates: Certificates, cafile: str) -> None:
    """The chain is shown also, and most, where it is what was refused."""
    others = Certificates()
    async with open_echo_server(ssl_context=others.server_context("localhost")) as echo:
        done = await check("--no-proxy", "--cacert", cafile, echo.url_for("localhost"))
        assert echo.connections == 2
    assert done.returncode == 1
    assert "\ncertificate  " in done.stdout
    assert "\n             for localhost; issued by OU=" in done.stdout
    assert "\n             (looked at over a second connection)\n" in done.stdout


@pytest.mark.parametrize(
    ("issuer", "names", "shown"),
    [
        ("OU=CA", ("h.test",), ["left)", "for h.test; issued by OU=CA"]),
        ("OU=CA", (), ["left); issued by OU=CA"]),
        ("CN=h.test", (), ["left); issued by itself"]),
        ("", ("h.test",), ["left)", "for h.test"]),
        ("O=\x1b[2J", (), ["left); issued by O=\\x1b[2J"]),
    ],
)
def test_issuer(issuer: str, names: tuple[str, ...], shown: list[str]) -> None:
    """Behind whom a certificate is for stands who issued it, if that has a name."""
    certificate = Certificate(
        "CN=h.test", issuer, datetime.max.replace(tzinfo=timezone.utc), names=names
    )
    rows = [text for _, text in _rows(Findings(certificates=[certificate]))]
    assert len(rows) == len(shown) + 3
    for row, end in zip(rows[1:], shown, strict=False):
        assert row.endswith(end)


@pytest.mark.parametrize("insecure", [(), ("-k",)])
async def test_certificate_of_a_refused_proxy(
    certificates: Certificates, cafile: str, insecure: tuple[str, ...]
) -> None:
    """Where a proxy's certificate was refused, that one is shown, and -k is not said to be for it."""
    others = Certificates()
    async with open_http_proxy(ssl_context=others.server_context("localhost")) as proxy:
        url = proxy.url_for("https", host="localhost")
        done = await check("--proxy", url, "--proxy-cacert", cafile, *insecure, "wss://e.test/")
        assert (proxy.connections, proxy.requests) == (2, [])
    assert done.returncode == 1
    assert "\n! proxy_tls 1" in done.stdout
    assert "\n             for localhost; issued by " in done.stdout
    assert "\n             (proxy 1's; looked at over a second connection)\n" in done.stdout
    assert ("--proxy-insecure for the proxy" in " ".join(done.stdout.split())) is bool(insecure)


async def test_key_log_that_cannot_be_written(cafile: str, tmp_path: Path) -> None:
    """A bad SSLKEYLOGFILE is named, not the file of certificates that was given; no traceback."""
    keys = str(tmp_path / "none" / "keys")
    for arguments in ((), ("--cacert", cafile)):
        url = "wss://localhost:1/"
        done = await check("--no-proxy", *arguments, url, SSLKEYLOGFILE=keys)
        assert done.returncode in (1, 2)
        told = " ".join((done.stdout + done.stderr).split())
        assert "SSLKEYLOGFILE names" in told
        assert "Traceback" not in told
        assert "cannot read" not in told


async def test_one_ping() -> None:
    """Of one ping there is no mean."""
    async with open_echo_server() as echo:
        done = await check("--no-proxy", "--pings", "1", echo.url)
    assert " ms (of one ping)" in done.stdout


async def test_lost_while_pinging() -> None:
    """A connection that is lost behind its opening is told, below the report of the opening."""

    # trio-websocket resets the connection when a ping comes behind its close frame, which may
    # then be lost with it; so this server closes only once it has the ping.
    async def close_when_pinged(stream: trio.abc.Stream) -> None:
        ws = WSConnection(ConnectionType.SERVER)
        answers: dict[type[Event], Event] = {
            Request: AcceptConnection(),
            Ping: CloseConnection(1011, "no"),
        }
        async for data in stream:
            ws.receive_data(bytes(data))
            for event in ws.events():
                if type(event) in answers:
                    await stream.send_all(ws.send(answers[type(event)]))
                elif isinstance(event, CloseConnection):
                    return

    async with open_tcp_server(close_when_pinged) as server:
        done = await check("--no-proxy", f"ws://127.0.0.1:{server.port}/")
    assert done.returncode == 1
    assert "connected after" in done.stdout
    error = done.stdout.rpartition("\n\n")[2]  # its paragraph may have several lines
    assert error.startswith("ConnectionLost: ")
    assert "1011" in error


@pytest.mark.parametrize("arguments", [["http://example.org/"], ["ws://e/", "--proxy", "x://y"]])
async def test_malformed(arguments: list[str]) -> None:
    """What is malformed exits with 2 and one line; with ``--json`` as an object, too."""
    done = await check(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    done = await check("--json", *arguments)
    told = json.loads(done.stdout)
    assert (told["command"], told["ok"]) == ("check", False)
    assert told["error"]["message"] == done.stderr.rstrip("\n")
    done = await check("--pings", "many", "ws://e/")
    assert done.returncode == 2


async def test_pac(tmp_path: Path) -> None:
    """Asking a PAC script is a stage; those that were tried are told, in JSON too."""
    pytest.importorskip("quickjs")
    path = tmp_path / "proxy.pac"
    async with open_echo_server() as echo, open_http_proxy(script=[Fail(502)]) as bad:
        async with open_http_proxy() as good:
            path.write_text(
                "function FindProxyForURL() { return "
                f"'PROXY {bad.authority}; PROXY {good.authority}'; }}"
            )
            done = await check("--pac", str(path), echo.url)
            assert done.returncode == 0, done.stdout
            assert f"tried before: {bad.url}: " in " ".join(done.stdout.split())
            assert "\n  pac  " in done.stdout
            assert f"    PROXY {bad.authority}; PROXY {good.authority}\n" in done.stdout
            told = json.loads((await check("--json", "--pac", str(path), echo.url)).stdout)
            assert told["stages"][0]["details"]["answer"].startswith(f"PROXY {bad.authority}; ")
            assert told["tried"][0].startswith(f"{bad.url}: ")
            assert told["hops"] == [good.url]


async def test_pac_that_fails(tmp_path: Path) -> None:
    """A PAC script that is no good is shown as the stage that failed, and exits with 2."""
    pytest.importorskip("quickjs")
    path = tmp_path / "proxy.pac"
    path.write_text("<html>FindProxyForURL")
    done = await check("--pac", str(path), "ws://e/")
    assert done.returncode == 2
    assert "\n! pac  " in done.stdout
    assert "client ─?→ e:80" in done.stdout
    said = " ".join(done.stdout.split())  # lines are broken to the terminal's width
    assert "ProxyConfigError: --pac: the PAC script " in said
    assert "is no JavaScript (SyntaxError: " in said
    done = await check("--json", "--pac", str(path), "ws://e/")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["stages"][0]["name"]) == (2, False, "pac")
