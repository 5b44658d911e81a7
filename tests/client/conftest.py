"""Fixtures of the client's tests."""

from __future__ import annotations

import pytest
from _network import Network
from _peer import Peer

from trio_wsproxy._client import _attempt


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    """Put a :class:`Network` in the place of the real one."""
    network = Network()
    monkeypatch.setattr(_attempt, "dial", network.dial)
    for name in ("ws_proxy", "wss_proxy", "http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return network


@pytest.fixture
def peer(network: Network) -> Peer:
    """Give the first peer of the network."""
    return network.peer
