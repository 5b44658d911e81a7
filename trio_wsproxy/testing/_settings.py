"""Hiding the proxy settings of the machine that runs a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# What decides on a route, see docs/routing.rst; names are read in either case.
SCHEMES = ("ws", "wss", "http", "https", "socks", "all", "no")
VARIABLES = [
    *(f"{scheme}_proxy" for scheme in SCHEMES),
    *(f"{scheme}_proxy".upper() for scheme in SCHEMES),
    "TRIO_WSPROXY_AUTH",
    "TRIO_WSPROXY_PAC",
]


def hide_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of proxies until the test ends, and let the desktop not be asked."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRIO_WSPROXY_DESKTOP", "0")
