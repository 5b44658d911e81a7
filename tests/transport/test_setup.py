"""What a dial needs of this machine before it begins is a stage of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from trio_wsproxy import open_tcp_stream, open_websocket_url
from trio_wsproxy._transport import _setup
from trio_wsproxy._transport._trust import forget_contexts
from trio_wsproxy.testing import (
    Certificates,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture
def trusted(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let the platform's trust store be our CA; nobody has read it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.write_pem(tmp_path).ca))
    forget_contexts()
    yield
    forget_contexts()


async def test_trust_store(certificates: Certificates, trusted: None) -> None:
    """The first dial that needs it reads the trust store before it dials; no other one does."""
    async with (
        open_echo_server(ssl_context=certificates.server_context()) as server,
        open_http_proxy(ssl_context=certificates.server_context()) as proxy,
    ):
        found = []
        for _ in range(2):
            async with open_websocket_url(server.url, proxy=proxy.url) as ws:
                stages = ws.dial_report.stages
                found.append([(x.name, x.hop) for x in stages if x.name != "resolve"])
                if stages[0].name == "setup":
                    assert (stages[0].peer, stages[0].details) == ("trust store", {})
    dialed = [("tcp", 1), ("proxy_tls", 1), ("connect", 1), ("server_tls", None), ("upgrade", None)]
    assert found == [[("setup", 1), *dialed], dialed]


async def test_context_of_the_caller_needs_nothing(certificates: Certificates) -> None:
    """Where all contexts are given, no trust store is read."""
    ours = certificates.client_context()
    forget_contexts()
    async with (
        open_echo_server(ssl_context=certificates.server_context()) as server,
        open_http_proxy(ssl_context=certificates.server_context()) as proxy,
        open_websocket_url(server.url, ours, proxy=proxy.url, proxy_ssl_context=ours) as ws,
    ):
        assert "setup" not in [x.name for x in ws.dial_report.stages]


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


async def test_python_socks(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is imported in a thread, before the proxy is dialed, once."""
    monkeypatch.setattr(_setup, "_imported", False)
    monkeypatch.delitem(sys.modules, "trio_wsproxy._transport._socks", raising=False)
    monkeypatch.delattr("trio_wsproxy._transport._socks", raising=False)
    told: list[tuple[str, str, int | None, str]] = []
    threads = []
    real = _setup._import

    def importing() -> None:
        threads.append(threading.current_thread())
        real()

    monkeypatch.setattr(_setup, "_import", importing)
    async with open_tcp_server(echo) as server, open_socks_proxy() as proxy:
        for _ in range(2):
            stream = await open_tcp_stream(
                "127.0.0.1",
                server.port,
                proxy=proxy.url_for("socks5h"),
                trace=lambda event, x: told.append((event, x.name, x.hop, x.peer)),
            )
            await stream.aclose()
    begun = [(name, hop, peer) for event, name, hop, peer in told if event == "begin"]
    tunnel = [("tcp", 1, proxy.authority), ("socks", 1, server.authority)]
    assert begun == [("setup", 1, "python-socks"), *tunnel, *tunnel]
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
