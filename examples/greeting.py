"""Print the first line that a server sends, through a proxy: python greeting.py HOST PORT PROXY.

For SMTP, FTP, IMAP, IRC, SSH: servers that speak first.
"""

import sys

import trio

from trio_wsproxy import open_tcp_stream


async def main(host: str, port: str, proxy: str) -> None:
    with trio.fail_after(10):
        stream = await open_tcp_stream(host, int(port), proxy=proxy)
        async with stream:
            line = b""
            while not line.endswith(b"\n"):
                data = await stream.receive_some()
                if not data:
                    break
                line += data
    print(line.partition(b"\n")[0].decode().rstrip())


host, port, proxy = sys.argv[1:]
trio.run(main, host, port, proxy)
