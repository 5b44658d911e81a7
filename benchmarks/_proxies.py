"""The proxies, in a process of their own: ``python -m benchmarks._proxies PEM``.

An HTTP proxy, an HTTPS proxy and a SOCKS5 proxy that wants a password. Callbacks on picows's
C transports, and nothing per byte but handing it on, so that they are no bottleneck. They do
only what the rows need: IPv4 addresses, and no manners towards broken clients.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import aiofastnet  # comes with picows

from ._processes import announce, raise_file_limit

USER, PASSWORD = "user", "secret"
BACKLOG = 4096  # the scale rows open thousands of connections


class End(asyncio.Protocol):
    """One end of a tunnel: what it receives leaves at the other end, as fast as that takes it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.other: End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand it on."""
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        """Stop the other end, for this one is full."""
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the other end go on."""
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _exc: BaseException | None) -> None:
        """Close the other end."""
        if self.other is not None:
            self.other.transport.close()


class Client(End):
    """The end towards the client, which begins with a request."""

    def __init__(self) -> None:
        super().__init__()
        self._request = b""
        self._dialing: asyncio.Task[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Collect the request; later, hand bytes on."""
        if self.other is not None:
            self.other.transport.write(data)
        else:
            self._request += data
            self._request = self.negotiate(self._request)

    def negotiate(self, received: bytes) -> bytes:
        """Answer what is complete in ``received``, return the rest."""
        raise NotImplementedError

    def open_tunnel(self, host: str, port: int, answer: bytes) -> None:
        """Connect to the target, then answer."""
        self._dialing = asyncio.create_task(self._dial(host, port, answer))

    async def _dial(self, host: str, port: int, answer: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, other = await aiofastnet.create_connection(loop, End, host, port)
        self.other, other.other = other, self
        self.transport.write(answer)


class HTTPClient(Client):
    """Asks with CONNECT (RFC 9110 section 9.3.6)."""

    def negotiate(self, received: bytes) -> bytes:
        """Wait for the end of the header."""
        if b"\r\n\r\n" not in received:
            return received
        method, authority, _ = received.split(b"\r\n", 1)[0].decode().split()
        assert method == "CONNECT"
        host, port = authority.rsplit(":", 1)
        self.open_tunnel(host, int(port), b"HTTP/1.1 200 OK\r\n\r\n")
        return b""


class SOCKSClient(Client):
    """Asks with SOCKS5, user name and password (RFC 1928, RFC 1929).

    Each message is expected in one piece, which loopback keeps for messages that small.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps = [self._greeting, self._login, self._connect]

    def negotiate(self, received: bytes) -> bytes:
        """Take one message per step."""
        self._steps.pop(0)(received)
        return b""

    def _greeting(self, message: bytes) -> None:
        assert message[0] == 5
        assert 2 in message[2:]  # user name and password
        self.transport.write(b"\x05\x02")

    def _login(self, message: bytes) -> None:
        expected = bytes((1, len(USER))) + USER.encode()
        expected += bytes((len(PASSWORD),)) + PASSWORD.encode()
        self.transport.write(b"\x01\x00" if message == expected else b"\x01\x01")

    def _connect(self, message: bytes) -> None:
        assert message[:4] == b"\x05\x01\x00\x01"  # CONNECT to an IPv4 address
        host = ".".join(map(str, message[4:8]))
        port = int.from_bytes(message[8:10], "big")
        self.open_tunnel(host, port, b"\x05\x00\x00\x01" + bytes(6))


async def main(certificate: str) -> None:
    """Serve until standard input ends."""
    raise_file_limit()
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    servers = {
        "http": await aiofastnet.create_server(loop, HTTPClient, "127.0.0.1", 0, backlog=BACKLOG),
        "https": await aiofastnet.create_server(
            loop, HTTPClient, "127.0.0.1", 0, ssl=context, backlog=BACKLOG
        ),
        "socks5": await aiofastnet.create_server(
            loop, SOCKSClient, "127.0.0.1", 0, backlog=BACKLOG
        ),
    }
    ports = {name: server.sockets[0].getsockname()[1] for name, server in servers.items()}
    announce(
        {
            "http": f"http://127.0.0.1:{ports['http']}",
            "https": f"https://127.0.0.1:{ports['https']}",
            "socks5": f"socks5h://{USER}:{PASSWORD}@127.0.0.1:{ports['socks5']}",
        }
    )
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
