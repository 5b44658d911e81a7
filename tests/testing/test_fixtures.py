"""The plugin for pytest: its fixtures, in a run of pytest as users have it."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from pathlib import Path

import trio
from _pages import checked_by

ROOT = Path(__file__).parent.parent.parent
TESTS = """
import os

import pytest
import trio_wsproxy

pytest_plugins = ["trio_wsproxy.testing.fixtures"]


async def echo(url, *args, **options):
    async with trio_wsproxy.open_websocket_url(url, *args, **options) as ws:
        await ws.send("hello")
        return await ws.receive()


async def test_both_proxies(echo_server, http_proxy, socks_proxy):
    url = echo_server.url_for("echo.test")
    chain = [http_proxy.url, socks_proxy.url]
    assert await echo(url, proxy=chain) == "hello"
    assert http_proxy.requests[0].authority == socks_proxy.authority
    assert socks_proxy.requests[0].authority == f"echo.test:{echo_server.port}"


async def test_certificates(certificates):
    context = certificates.server_context()
    async with trio_wsproxy.testing.open_echo_server(ssl_context=context) as server:
        assert await echo(server.url, certificates.client_context(), proxy=None) == "hello"


def test_settings_are_there_without_it():
    assert os.environ["https_proxy"] == os.environ["TRIO_WSPROXY_AUTH"] == "x"


@pytest.mark.usefixtures("no_proxy_settings")
def test_settings_are_hidden(monkeypatch):
    assert trio_wsproxy.resolve_proxy("wss://example.org").hops == ()
    assert "TRIO_WSPROXY_AUTH" not in os.environ
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    assert trio_wsproxy.resolve_proxy("wss://example.org").hops != ()


def test_settings_are_there_again():
    assert os.environ["https_proxy"] == os.environ["TRIO_WSPROXY_AUTH"] == "x"
"""


async def pytest_run(folder: Path, tests: str) -> str:
    """What pytest prints of a module with these tests, in a process and a folder of its own."""
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    ini = checked_by(__file__)["ini"].text
    assert ini == "[pytest]\ntrio_mode = true\n"
    (folder / "pytest.ini").write_text(ini + "filterwarnings = error\n")
    done = await trio.run_process(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        capture_stdout=True,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "https_proxy": "x",
            "TRIO_WSPROXY_AUTH": "x",
        },
    )
    return done.stdout.decode()


async def test_fixtures(tmp_path: Path) -> None:
    """Each fixture does what its docstring says, and only where a test names it."""
    shown = await pytest_run(tmp_path, TESTS)
    assert re.search(r"^5 passed in", shown, re.MULTILINE), shown


async def test_they_are_opt_in(tmp_path: Path) -> None:
    """Installing the package gives nobody a fixture."""
    shown = await pytest_run(tmp_path, "async def test_it(echo_server):\n    pass\n")
    assert "fixture 'echo_server' not found" in shown


async def test_what_the_page_shows(tmp_path: Path) -> None:
    """The modules of docs/testing.rst are complete: their tests pass as they stand."""
    page = (ROOT / "docs" / "testing.rst").read_text(encoding="utf-8")
    modules = re.findall(r"^\.\. code-block:: python\n\n((?:(?: {3}.*)?\n)+)", page, re.MULTILINE)
    assert len(modules) == 2
    for module in modules:
        shown = await pytest_run(tmp_path, textwrap.dedent(module))
        assert re.search(r"^2 passed in", shown, re.MULTILINE), shown
