"""What a dial costs, in calls of our functions: nothing is made for nobody.

Seconds say more about the machine than about us; calls are counted, and grow when a dial begins to
prepare what only few dials need. A bound here is what was needed when it was written, and a tenth more.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import trio_wsproxy
from trio_wsproxy import open_websocket_url
from trio_wsproxy.testing import open_echo_server, open_http_proxy

PACKAGE = str(Path(trio_wsproxy.__file__).parent)
SERVERS = str(Path(PACKAGE, "testing"))
DIALS = 6  # answers may come in pieces, and each piece costs; the cheapest counts


class Calls:
    """How often functions of ours are called, or resumed, in this thread."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(PACKAGE) and not name.startswith(SERVERS):
            self.count += 1


async def cheapest(url: str, **options: Any) -> int:
    """The calls of the cheapest of several dials."""
    found = []
    for _ in range(DIALS):
        calls, before = Calls(), sys.getprofile()
        sys.setprofile(calls)
        try:
            async with open_websocket_url(url, **options):
                sys.setprofile(before)
        finally:
            sys.setprofile(before)
        found.append(calls.count)
    return min(found)


@pytest.mark.parametrize(
    ("variables", "proxy", "most"),
    [
        ({}, None, 205),
        ({}, True, 245),
        ({"no_proxy": "127.0.0.1", "all_proxy": "{plain}"}, True, 240),
        ({"no_proxy": "<-loopback>", "all_proxy": "{plain}"}, True, 405),
        ({"no_proxy": "<-loopback>", "all_proxy": "{checked}"}, True, 495),
        ({}, "{plain}", 375),
        ({}, "{checked}", 430),
    ],
    ids=["direct", "no proxy", "bypassed", "variable", "credentials", "argument", "both"],
)
async def test_calls(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: Any, most: int
) -> None:
    """A dial takes no more calls than it needs, whether it goes through a proxy or not."""
    async with open_echo_server() as server, open_http_proxy() as plain:
        async with open_http_proxy(credentials=("ada", "s3cret")) as checked:
            urls = {"plain": plain.url, "checked": checked.url}
            for name, value in variables.items():
                monkeypatch.setenv(name, value.format(**urls))
            setting = proxy.format(**urls) if isinstance(proxy, str) else proxy
            assert await cheapest(server.url, proxy=setting) <= most
