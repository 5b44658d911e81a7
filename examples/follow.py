"""Print all messages of a WebSocket server, and tell what went wrong.

python follow.py URL [PROXY ...], nearest proxy first; without any, the system's is used.
Exit code 0: the server closed the connection normally. 1: no connection, or it broke.
"""

import sys

import trio

from trio_wsproxy import ConnectionClosed, HandshakeError, ProxyError, open_websocket_url


async def main(url: str, proxies: list[str]) -> int:
    try:
        async with open_websocket_url(url, proxy=proxies or True) as ws:
            async for message in ws:
                print(message)
    except ProxyError as exc:
        print(f"hop {exc.hop}, stage {exc.stage}: {exc}", file=sys.stderr)
    except HandshakeError as exc:
        print(f"no connection: {exc}", file=sys.stderr)
    except ConnectionClosed as exc:
        print(f"it broke: {exc}", file=sys.stderr)
    else:
        return 0
    return 1


url, *proxies = sys.argv[1:]
sys.exit(trio.run(main, url, proxies))
