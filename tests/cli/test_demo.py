"""The demo: what it shows, and that it cannot be fooled."""

from __future__ import annotations

import functools
import io
import os
import subprocess
import sys
from typing import Any

import pytest

from trio_wsproxy import open_websocket_url
from trio_wsproxy._cli import _demo
from trio_wsproxy._cli._console import Console
from trio_wsproxy.testing import Fail, open_socks_proxy

ROUTES = ["direct", "http", "https", "socks4a", "socks5", "socks5h", "https > socks5h"]


def row(line: str) -> tuple[str, str, str]:
    """Result, route and server of a line of the table."""
    return line[:4].strip(), line[6:21].strip(), line[23:26].strip()


async def run_demo() -> tuple[bool, list[str]]:
    """The outcome of the demo and its lines."""
    out = io.StringIO()
    good = await _demo.demo(Console(out, io.StringIO(), environ={}))
    return good, out.getvalue().splitlines()


def test_whole_program() -> None:
    """``python -m trio_wsproxy demo`` succeeds, whatever proxies the environment names."""
    dead = "http://user:secret@127.0.0.1:9"
    settings = {
        "http_proxy": dead,
        "https_proxy": dead,
        "all_proxy": dead,
        "no_proxy": "<-loopback>",
    }
    done = subprocess.run(
        [sys.executable, "-m", "trio_wsproxy", "demo"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    rows = [row(line) for line in done.stdout.splitlines()]
    assert [r for r in rows if r[0] in ("ok", "FAIL")] == [
        ("ok", route, server) for route in ROUTES for server in ("ws", "wss")
    ]


async def test_text_is_plain_and_fits() -> None:
    """The table is printable ASCII within 100 columns; each row ends with its stages."""
    good, lines = await run_demo()
    assert good
    assert all(len(line) <= 100 for line in lines)
    assert all(line.isascii() and (line.isprintable() or not line) for line in lines)
    last = next(line for line in lines if row(line) == ("ok", "https > socks5h", "wss"))
    stages = [stage.split()[0] for stage in last[35:].split(", ")]
    assert stages == ["tcp", "tls", "connect", "socks", "tls", "upgrade"]


async def test_a_failed_leg_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses fails its legs only, with the error's message and no password."""
    refusing = functools.partial(open_socks_proxy, script=[Fail(reply=2)])
    monkeypatch.setattr(_demo, "open_socks_proxy", refusing)
    good, lines = await run_demo()
    assert not good
    results = {row(line)[1:]: row(line)[0] for line in lines if row(line)[0] in ("ok", "FAIL")}
    assert len(results) == 14
    for (route, server), result in results.items():
        assert result == ("FAIL" if "socks" in route else "ok"), (route, server)
    text = " ".join(line.strip() for line in lines)
    assert "ProxyRejected: proxy socks5h://ada:***@127.0.0.1" in text
    assert "connection not allowed by its rules" in text
    assert "8 of 14 legs failed." in text
    assert "battery" not in text
    assert all(len(line) <= 100 for line in lines)


async def test_a_client_that_dials_directly_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """An echo that did not come through the proxies is no success."""

    def direct(url: str, ssl_context: Any, **options: Any) -> Any:
        local = url.replace("echo.test", "127.0.0.1")
        return open_websocket_url(local, ssl_context, **{**options, "proxy": None})

    monkeypatch.setattr(_demo, "open_websocket_url", direct)
    good, lines = await run_demo()
    assert not good
    ok = [row(line)[1] for line in lines if row(line)[0] == "ok"]
    assert ok == ["direct", "direct"]
    assert "was asked for nothing instead of http echo.test" in " ".join(x.strip() for x in lines)


async def test_a_client_that_skips_a_hop_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that is cut short does not pass for the chain."""

    def short(url: str, ssl_context: Any, **options: Any) -> Any:
        return open_websocket_url(url, ssl_context, **{**options, "proxy": options["proxy"][-1:]})

    monkeypatch.setattr(_demo, "open_websocket_url", short)
    good, lines = await run_demo()
    assert not good
    failed = [row(line)[1:] for line in lines if row(line)[0] == "FAIL"]
    assert failed == [("https > socks5h", "ws"), ("https > socks5h", "wss")]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.00004, "0.0"), (0.00994, "9.9"), (0.00996, "10"), (1.2345, "1234")]
)
def test_milliseconds(seconds: float, text: str) -> None:
    """Two digits are enough: one behind the point below ten, none above."""
    assert _demo._ms(seconds) == text
