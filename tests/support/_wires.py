"""Runs what stands on a peer over both kinds of its wire: any stream, and one that takes and gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _peer import KIND_OF_WIRE, ImmediateWire, Wire

from trio_wsproxy._websocket import _attendant, _core


@pytest.fixture(params=[Wire, ImmediateWire], ids=["any stream", "takes and gives"], autouse=True)
def kind_of_wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each peer of a test have this kind of wire, and the attendant read without a delay."""
    monkeypatch.setattr(_core, "DELAY", 0)
    monkeypatch.setattr(_attendant, "DELAY", 0)
    KIND_OF_WIRE.append(request.param)
    yield
    KIND_OF_WIRE.pop()
