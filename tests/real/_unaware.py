"""A program with no line about proxies: it is run in environments that tell it all."""

from __future__ import annotations

import sys

import trio

from trio_wsproxy import open_websocket_url


async def main() -> None:
    """Say hello to each server whose URL is given, and print the answers."""
    for url in sys.argv[1:]:
        async with open_websocket_url(url) as ws:
            await ws.send("hello")
            print(await ws.receive())  # noqa: T201 - a program prints


trio.run(main)
