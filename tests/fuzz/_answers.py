"""Readers of what a peer answers: a proxy to CONNECT, a SOCKS proxy, a server to the upgrade."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio
from _wire import Peer, hop, rest_of
from wsproto.utilities import generate_accept_token

from trio_wsproxy import HandshakeError, ProxyError
from trio_wsproxy._auth import MAX_ROUNDS
from trio_wsproxy._transport._http_connect import DialAgain, open_connect_tunnel
from trio_wsproxy._transport._socks import open_socks_tunnel
from trio_wsproxy._websocket import OpeningRequest, shake_hands
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate

from ._reader import SECRET, Broken, Reader, chunks, holds, pump, shown, told

BASIC = base64.b64encode(f"ada:{SECRET}".encode()).decode()
NEXT = b"\xff\xff"  # between two answers; no answer of the seeds has it
ACCEPT = b"{accept}"  # in an answer: the right Sec-WebSocket-Accept
SCHEMES = ("socks5h", "socks5", "socks4a", "socks4")
MOST_LOGGED = 512 * 1024  # characters; a head of 64 KiB is logged whole, and escaped


class _Kept(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def _logged() -> Iterator[list[str]]:
    logger, handler = logging.getLogger("trio_wsproxy"), _Kept()
    level, propagates = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


def _try(
    function: Callable[[], Awaitable[trio.abc.Stream | bytes | None]],
    documented: type[Exception] | tuple[type[Exception], ...],
    came: bytes,
) -> None:
    """Run it, and look at what it raises or gives."""
    behind = b""

    async def main() -> None:
        nonlocal behind
        result = await function()
        behind = await rest_of(result) if isinstance(result, trio.abc.Stream) else result or b""

    error: Exception | None = None
    with _logged() as texts:
        try:
            trio.run(main)
        except documented as exc:
            error = exc
    if error is None:
        holds(behind in came, "what is behind the answer is not what came")
    else:
        shown(told(error), BASIC)
        holds(len(str(error)) < 2000, f"a message of {len(str(error))} characters")
    shown(texts, BASIC, most=MOST_LOGGED)


def read_connect(data: bytes) -> None:
    """An input is whether there are credentials, the size of chunks, and the answers."""
    if len(data) < 2:
        return
    answers = [chunks(one, data[1]) for one in data[2:].split(NEXT)[: MAX_ROUNDS + 1]]
    userinfo = f"ada:{SECRET}@" if data[0] & 1 else ""
    peer = Peer(*answers)
    proxy = hop(f"http://{userinfo}proxy.test:3128")
    _try(
        lambda: open_connect_tunnel(peer, proxy, "echo.test:443", ()),
        (ProxyError, DialAgain),
        data.replace(NEXT, b""),
    )
    holds(len(peer.heard) <= MAX_ROUNDS, "a proxy is asked again and again")


def read_socks(data: bytes) -> None:
    """An input is the scheme and whether there are credentials, the size of chunks, the answers."""
    if len(data) < 2:
        return
    answers = [chunks(one, data[1]) for one in data[2:].split(NEXT)[:4]]
    scheme = SCHEMES[data[0] % 4]
    userinfo = "" if not data[0] & 4 else f"ada:{SECRET}@" if "5" in scheme else "ada@"
    proxy = hop(f"{scheme}://{userinfo}proxy.test")
    came = data.replace(NEXT, b"")
    host = "192.0.2.1" if scheme == "socks4" else "echo.test"
    _try(lambda: open_socks_tunnel(Peer(*answers), proxy, host, 443), ProxyError, came)


class _Server(Peer):
    """A server that knows the right answer to the key."""

    def __init__(self, answer: bytes, size: int) -> None:
        super().__init__(b"")
        self._answer, self._size = answer, size

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await super().send_all(data)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", bytes(data))
        if key is None:
            raise Broken("a request without a key")
        self._waiting += chunks(
            self._answer.replace(ACCEPT, generate_accept_token(key[1])), self._size
        )


def read_upgrade(data: bytes) -> None:
    """An input is whether compression is offered, the size of chunks, and the answer."""
    if len(data) < 2:
        return
    request = OpeningRequest(
        url="ws://echo.test/",
        host="echo.test",
        resource=f"/?token={SECRET}",
        subprotocols=("chat", "superchat"),
        headers=((b"Authorization", f"Basic {BASIC}".encode()),),
    )
    offered = [PerMessageDeflate(Deflate(), 1000)] if data[0] & 1 else []

    async def upgrade() -> bytes:
        answer = await shake_hands(_Server(data[2:], data[1]), request, offered)
        holds(answer.subprotocol in (None, *request.subprotocols), "a subprotocol nobody offered")
        holds(len(answer.extensions) <= len(offered), "an extension nobody offered")
        return answer.trailing

    _try(upgrade, HandshakeError, data)


def _seeds(answers: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(
        bytes((i, size)) + data for data in answers for i, size in ((0, 0), (5, 3), (7, 0))
    )


_REFUSALS = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n<p>no",
    b"HTTP/1.1 403 x\r\nContent-Type: text/html\r\n\r\n<html><title>See http://a:b@c/?d</title>",
    b"HTTP/1.0 502 Bad Gateway\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n",
    b'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n{"error": "upgrade"}',
    b"HTTP/1.1 302 Found\r\nLocation: https://login.test/?x#y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\nA B: v\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 x\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n",
    b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8\r\n\r\n",
    b"SSH-2.0-OpenSSH\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"\x05\x00",
)
_WORDS = (
    *(
        b"HTTP/1.1 101 ",
        b"HTTP/1.1 200 ",
        b"HTTP/1.0 407 ",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b": ",
        b"\r",
    ),
    *(b"Connection: ", b"Upgrade: websocket", b"close", b"keep-alive", b"Content-Length: ", NEXT),
    *(b"Transfer-Encoding: chunked", b"Proxy-Authenticate: ", b"Basic ", b"Digest ", b"realm="),
    *(b"Location: ", b"//u:p@h", b"<title>", b"</title>", b"\x1b[2J", b"\xe2\x80\xae"),
)

CONNECT = Reader(
    "connect",
    read_connect,
    (
        *_seeds(
            (
                b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x01",
                b"HTTP/1.0 200\n\nfirst",
                b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
                b'HTTP/1.1 407 x\r\nProxy-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
                b"Content-Length: 0\r\n\r\n" + NEXT + b"HTTP/1.1 200 OK\r\n\r\nfirst",
                b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nConnection: close\r\n\r\n",
                *_REFUSALS,
            )
        ),
        pump(b"\0\0HTTP/1.1 200 OK\r\n", b"X: y\r\n", b"\r\n"),
        pump(b"\1\0HTTP/1.1 407 x\r\nProxy-Authenticate: Digest ", b'"\\', b"\r\n\r\n"),
        pump(b"\1\0HTTP/1.1 403 x\r\nX: ", b"//::::", b"\r\n\r\n"),
        pump(b"\0\0HTTP/1.1 403 x\r\n\r\n", b"<title>"),
    ),
    _WORDS,
)
SOCKS = Reader(
    "socks",
    read_socks,
    (
        *_seeds(
            (
                b"\x05\x00" + NEXT + b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90first",
                b"\x05\x02" + NEXT + b"\x01\x00" + NEXT + b"\x05\x00\x00\x03\x04exit\x1f\x90",
                b"\x05\x02" + NEXT + b"\x01\x01",
                b"\x05\x00" + NEXT + b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00",
                b"\x05\xff",
                b"\x00\x5a\x1f\x90\x7f\x00\x00\x01first",
                b"\x00\x5b\x00\x00\x00\x00\x00\x00",
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
            )
        ),
        *(bytes((i, 0)) + b"\x00\x5a\x1f\x90\x7f\x00\x00\x01" for i in range(8)),
    ),
    (NEXT, b"\x05\x00", b"\x05\x02", b"\x01\x00", b"\x00\x5a", b"\x00\x00\x03"),
)
_HEAD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: {accept}\r\n"
)
UPGRADE = Reader(
    "upgrade",
    read_upgrade,
    (
        *_seeds(
            (
                _HEAD + b"\r\n\x81\x02hi",
                _HEAD + b"Sec-WebSocket-Protocol: chat\r\n\r\n",
                _HEAD
                + b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n\r\n",
                _HEAD + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                _HEAD
                + b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=8\r\n\r\n",
                _HEAD + b"Connection: keep-alive\r\nTransfer-Encoding: identity\r\n\r\n",
                _HEAD + b"Content-Length: -1\r\n\r\n",
                *_REFUSALS,
            )
        ),
        pump(b"\0\0" + _HEAD, b"Connection: ,\r\n", b"\r\n"),
        pump(b"\1\0" + _HEAD + b"Sec-WebSocket-Extensions: ", b"permessage-deflate;", b"\r\n\r\n"),
        pump(b"\0\0HTTP/1.1 400 x\r\n\r\n", b'{"a":'),
    ),
    (*_WORDS, ACCEPT, _HEAD, b"Sec-WebSocket-Extensions: ", b"permessage-deflate", b"; ", b"=8"),
)
