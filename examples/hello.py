"""Say hello to a WebSocket server, whose URL is the argument: python hello.py ws://host:port/.

The proxy, if one is needed, is the system's.
"""

import sys

import trio

from trio_wsproxy import open_websocket_url


async def main(url: str) -> None:
    async with open_websocket_url(url) as ws:
        await ws.send("hello")
        print(await ws.receive())


trio.run(main, sys.argv[1])
