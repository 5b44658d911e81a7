"""Fixtures for pytest with pytest-trio: a server, proxies, certificates, no settings from outside.

They are opt-in. Write this into the ``conftest.py`` at the root of your tests, or into a single
test module, and name what a test needs as its parameters::

    pytest_plugins = ["trio_wsproxy.testing.fixtures"]

Whatever a fixture opens listens on loopback and is closed when the test ends. Options (a script,
credentials, TLS) need the functions of :mod:`trio_wsproxy.testing` itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trio_wsproxy.testing import (
    Certificates,
    EchoServer,
    ProxyServer,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)
from trio_wsproxy.testing._settings import hide_proxy_settings

__all__ = ["certificates", "echo_server", "http_proxy", "no_proxy_settings", "socks_proxy"]

# What a proxy of a fixture knows beside addresses; ``.test`` exists nowhere (RFC 6761 section 6.2).
NAMES = {"echo.test": "127.0.0.1"}


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """A certificate authority for the whole run; it needs trustme (extra ``testing``)."""
    return Certificates()


@pytest.fixture
async def echo_server() -> AsyncIterator[EchoServer]:
    """A server that sends each message back; its ``url`` is ``ws://127.0.0.1:PORT``."""
    async with open_echo_server() as server:
        yield server


@pytest.fixture
async def http_proxy() -> AsyncIterator[ProxyServer]:
    """An HTTP proxy; the name ``echo.test`` is this machine to it."""
    async with open_http_proxy(resolve=NAMES) as proxy:
        yield proxy


@pytest.fixture
async def socks_proxy() -> AsyncIterator[ProxyServer]:
    """A SOCKS proxy (4, 4a, 5, 5h); the name ``echo.test`` is this machine to it."""
    async with open_socks_proxy(resolve=NAMES) as proxy:
        yield proxy


@pytest.fixture
def no_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the settings of the machine that runs the test: it is as if there were none.

    The variables of proxies are removed until the test ends, those of ``TRIO_WSPROXY_…`` too,
    and the desktop is not asked. Set what the test is about with ``monkeypatch.setenv`` then.
    """
    hide_proxy_settings(monkeypatch)
