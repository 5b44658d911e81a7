"""The floors: what moving the bytes of the same frames costs, whatever one does with them.

*floor* is bare trio streams, which try each call first, and wait where it fails. *inline* does
less: a write that does not block, without any turn of the scheduler; then a wait until the
socket is readable, and one read. So it shows what a client can reach that never tries in vain.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

from ._loops import Loop
from ._sessions import Client, Link, Message, Session, UnsupportedError

CHUNK = 64 * 1024  # bytes; sent at once in a burst, and read at once, as trio's streams do


class FloorSession(Session):
    """Moves the bytes of the same frames, and knows only how many must come back.

    Its masking key is zero, so that nothing has to be masked: legal for a server to receive,
    but no client may do it (RFC 6455 section 5.3).

    Args:
      stream: Its opening handshake is done.

    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = 0
        self._messages: Sequence[Message] = ()
        self._frames: list[bytes] = []

    async def _await(self, size: int) -> None:
        receive_some = self._stream.receive_some
        while self._received < size:
            data = await receive_some()
            assert data
            self._received += len(data)
        self._received -= size

    def _framed(self, messages: Sequence[Message]) -> list[bytes]:
        """Return the frames of messages, each frame made once."""
        frames: dict[Message, bytes] = {}
        for message in messages:
            if message not in frames:
                frames[message] = masked_frame(message)
        return [frames[message] for message in messages]

    async def echo(self, messages: Sequence[Message]) -> None:
        send_all = self._stream.send_all
        for frame in self._framed(messages):
            await send_all(frame)
            await self._await(len(frame) - 4)  # comes back without a masking key

    async def send(self, messages: Sequence[bytes]) -> None:
        send_all = self._stream.send_all
        for frame in self._framed(messages):
            await send_all(frame)
        await self._confirm(len(messages))

    async def _confirm(self, count: int) -> None:
        await self._stream.send_all(masked_frame("?"))
        await self._await(2 + len(str(count)))

    async def receive(self, count: int, size: int) -> None:
        await self._stream.send_all(masked_frame(f"{count} {size}"))
        await self._await(count * (len(masked_frame(bytes(size))) - 4))

    async def echo_burst(self, messages: Sequence[bytes]) -> None:
        frames = b"".join(self._framed(messages))
        await self._stream.send_all(frames)
        await self._await(len(frames) - 4 * len(messages))

    async def send_burst(self, messages: Sequence[bytes]) -> None:
        frames = self._framed(messages)
        per_chunk = max(1, CHUNK // len(frames[0]))
        for start in range(0, len(frames), per_chunk):
            await self._stream.send_all(b"".join(frames[start : start + per_chunk]))
        await self._confirm(len(messages))

    async def receive_burst(self, count: int, size: int) -> None:
        await self.receive(count, size)


def masked_frame(message: Message) -> bytes:
    """Build a client's frame whose masking key is zero (RFC 6455 section 5.2)."""
    payload = message.encode() if isinstance(message, str) else message
    first = 0x81 if isinstance(message, str) else 0x82
    size = len(payload)
    if size < 126:
        header = bytes((first, 0x80 | size))
    elif size < 2**16:
        header = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return header + bytes(4) + payload


class Floor(Client):
    """Bare trio streams; every handshake is the shortest that works, and nothing is checked."""

    name = "floor"
    title = "floor: trio streams"
    module = None
    distribution = "trio"

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._default_context: ssl.SSLContext | None = None

    @asynccontextmanager
    async def connect(self, link: Link) -> AsyncIterator[Session]:
        if link.deflate:
            raise UnsupportedError  # it moves the same bytes, and these depend on a compressor
        target = urlsplit(link.url)
        assert target.hostname is not None
        assert target.port is not None
        stream = await self._dial(link, target.hostname, target.port)
        try:
            if target.scheme == "wss":
                stream = await self._add_tls(stream, link.context, target.hostname)
            await stream.send_all(
                f"GET {target.path} HTTP/1.1\r\nHost: {target.netloc}\r\n"
                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            await self._skip_header(stream)
            yield FloorSession(stream)
            await stream.send_all(b"\x88\x82\x00\x00\x00\x00\x03\xe8")  # close, 1000
            while await stream.receive_some():
                pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _dial(self, link: Link, host: str, port: int) -> trio.abc.Stream:
        if link.proxy is None:
            return await self._open(host, port)
        proxy = urlsplit(link.proxy)
        assert proxy.hostname is not None
        assert proxy.port is not None
        stream = await self._open(proxy.hostname, proxy.port)
        if proxy.scheme == "https":
            stream = await self._add_tls(stream, link.proxy_context, proxy.hostname)
        if proxy.scheme.startswith("http"):
            await stream.send_all(
                f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
            )
            await self._skip_header(stream)
        else:
            user, password = (proxy.username or "").encode(), (proxy.password or "").encode()
            login = bytes((1, len(user))) + user + bytes((len(password),)) + password
            address = bytes(map(int, host.split("."))) + port.to_bytes(2, "big")
            for request in (b"\x05\x01\x02", login, b"\x05\x01\x00\x01" + address):
                await stream.send_all(request)
                await stream.receive_some()
        return stream

    async def _add_tls(
        self, stream: trio.abc.Stream, context: ssl.SSLContext | None, host: str
    ) -> trio.abc.Stream:
        if context is None:
            if self._default_context is None:
                self._default_context = ssl.create_default_context()
            context = self._default_context
        return await self._wrap(stream, context, host)

    async def _open(self, host: str, port: int) -> trio.abc.Stream:
        return await trio.open_tcp_stream(host, port)

    async def _wrap(
        self, stream: trio.abc.Stream, context: ssl.SSLContext, host: str
    ) -> trio.abc.Stream:
        tls = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
        await tls.do_handshake()
        return tls

    async def _skip_header(self, stream: trio.abc.Stream) -> None:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            data = await stream.receive_some()
            assert data
            received += data


class Inline(Floor):
    """The floor without futile calls: it writes at once, and reads when there is something."""

    name = "inline"
    title = "floor: inline"

    async def _open(self, host: str, port: int) -> trio.abc.Stream:
        sock = socket.socket()  # the addresses of the helpers are all IPv4
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if sock.connect_ex((host, port)):
                await trio.lowlevel.wait_writable(sock)
                sock.getpeername()  # raises where the connection failed
        except BaseException:
            sock.close()
            raise
        return InlineStream(sock.detach())

    async def _wrap(
        self, stream: trio.abc.Stream, context: ssl.SSLContext, host: str
    ) -> trio.abc.Stream:
        tls = InlineTLS(stream, context, host)
        await tls.do_handshake()
        return tls


class InlineStream(trio.abc.Stream):
    """A socket, known by its descriptor.

    Args:
      fd: Connected, does not block.

    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write; wait only where the kernel takes no more."""
        sent = self._write(data)
        while sent < len(data):
            await trio.lowlevel.wait_writable(self._fd)
            sent += self._write(memoryview(data)[sent:])

    def _write(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the kernel takes something."""
        await trio.lowlevel.wait_writable(self._fd)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Wait, then read once."""
        await trio.lowlevel.wait_readable(self._fd)
        return os.read(self._fd, max_bytes or CHUNK)

    async def aclose(self) -> None:
        """Close it at once."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            trio.lowlevel.notify_closing(fd)
            os.close(fd)


class InlineTLS(trio.abc.Stream):
    """TLS over one of these, with OpenSSL's memory between them.

    Args:
      stream: What is below.
      context: As for any client.
      host: Whom the certificate must name.

    """

    def __init__(self, stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> None:
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def do_handshake(self) -> None:
        """Go through the handshake."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._incoming.write(await self._stream.receive_some())
            else:
                await self._flush()
                return

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._stream.send_all(self._outgoing.read())

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt all of it, then write."""
        self._tls.write(data)
        await self._flush()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream below does."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Decrypt what is there; if that is nothing, wait and read."""
        while True:
            try:
                return self._tls.read(max_bytes or CHUNK)
            except ssl.SSLWantReadError:
                received = await self._stream.receive_some()
                if not received:
                    return b""
                self._incoming.write(received)
            except ssl.SSLZeroReturnError:
                return b""

    async def aclose(self) -> None:
        """Close without a word."""
        await self._stream.aclose()
