"""An HTTP proxy that asks for Digest, in two rounds or three, on one connection or several."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_wsproxy.testing._server import RelayingServer, listen, running, serving
from trio_wsproxy.testing.simulate import current_universe

MAX_HEAD = 64 * 1024


class DigestProxy(RelayingServer):
    """See :func:`open_digest_proxy`."""

    def __init__(self, listener: trio.SocketListener, credentials: tuple[str, str]) -> None:
        super().__init__(listener, tls=False)
        self._credentials = credentials
        self._rounds = 0
        self._nonces: set[str] = set()

    def url_for(self, scheme: str = "http", *, host: str, **_: object) -> str:
        """The URL; credentials are not for it."""
        return f"{scheme}://{host}:{self.port}"

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection: refusals, then a tunnel."""
        universe = current_universe()
        while True:
            head = await _head(stream)
            if head is None:
                return
            target = head.split()[1].decode()
            if self._proves(head, target):
                break
            self._rounds += 1
            self._nonces.add(f"n{self._rounds}")
            keep = universe.choice((True, False))
            stale = ", stale=true" if b"response=" in head else ""
            await stream.send_all(
                b"HTTP/1.1 407 Who are you?\r\nContent-Length: 5\r\n"
                + (b"" if keep else b"Connection: close\r\n")
                + f'Proxy-Authenticate: Digest realm="r", nonce="n{self._rounds}", qop="auth"'.encode()
                + f"{stale}\r\n\r\nnever".encode()
            )
            if not keep:
                return
        host, _, port = target.rpartition(":")
        try:
            far = await trio.open_tcp_stream(host.strip("[]"), int(port))
        except OSError:
            await stream.send_all(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
            return
        self._adopt(stream, far)
        await stream.send_all(b"HTTP/1.1 200 Yes\r\n\r\n")
        self._record("tunnel")
        await self._relay(stream, far)

    def _proves(self, head: bytes, target: str) -> bool:
        """Tell whether the answer is right, and its nonce is one that is not stale."""
        fields = dict(re.findall(r'(\w+)="?([^",\r]*)"?', head.decode("latin-1")))
        nonce = fields.get("nonce", "")
        if "response" not in fields or nonce not in self._nonces:
            return False
        if nonce == "n1" and current_universe().choice((True, False)):
            self._nonces.discard(nonce)
            return False  # stale already: another round
        user, password = self._credentials

        def h(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth"
        answer = h(f"{h(f'{user}:r:{password}')}:{middle}:{h(f'CONNECT:{target}')}")
        return str(fields["response"]) == answer


async def _head(stream: trio.abc.Stream) -> bytes | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some(1)
        if not data or len(head) > MAX_HEAD:
            return None
        head += data
    return head


@asynccontextmanager
async def open_digest_proxy(*, host: str, credentials: tuple[str, str]) -> AsyncIterator[Any]:
    """Run one."""
    listener = await listen(host)
    proxy = DigestProxy(listener, credentials)
    async with running(proxy, listener, serving(listener, proxy.serve)):
        yield proxy
