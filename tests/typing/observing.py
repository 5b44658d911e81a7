"""Reconnecting, traces, reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from typing_extensions import assert_type

from trio_wsproxy import (
    SPEEDUPS,
    ConnectionLost,
    DialReport,
    Reconnections,
    Route,
    Stage,
    WebSocketConnection,
    open_websocket_url,
    reconnecting_websocket_url,
)

URL = "wss://example.org/feed"


def retry(exc: Exception) -> bool | None:
    return True if isinstance(exc, OSError) else None


async def follow() -> None:
    async with reconnecting_websocket_url(URL, retry=retry, first_delay=1) as connections:
        assert_type(connections, Reconnections)
        async for ws in connections:
            assert_type(ws, WebSocketConnection)
            try:
                async for message in ws:
                    assert_type(message, str | bytes)
            except ConnectionLost:
                pass
    reconnecting_websocket_url(URL, retry=True)  # type: ignore[arg-type]
    for _ in connections:  # type: ignore[attr-defined]
        pass


def trace(event: Literal["begin", "end"], stage: Stage) -> None:
    assert_type(stage.hop, int | None)
    assert_type(stage.peer, str)
    assert_type(stage.start, float)
    assert_type(stage.duration, float | None)
    assert_type(stage.ok, bool | None)
    assert_type(stage.details, Mapping[str, Any])
    if event == "start":  # type: ignore[comparison-overlap]
        pass


def wrong_trace(stage: Stage) -> None:
    print(stage)


async def report() -> None:
    async with open_websocket_url(URL, trace=trace) as ws:
        report = ws.dial_report
        assert_type(report, DialReport)
        assert_type(report.url, str)
        assert_type(report.route, Route | None)
        assert_type(report.stages, tuple[Stage, ...])
        assert_type(report.duration, float)
        assert_type(report.error, str | None)
        assert_type(report.as_dict(), dict[str, Any])
        report.anything  # type: ignore[attr-defined]
    open_websocket_url(URL, trace=wrong_trace)  # type: ignore[arg-type]
    assert_type(SPEEDUPS, bool)
