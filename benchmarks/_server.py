"""The WebSocket server, in a process of its own: ``python -m benchmarks._server PEM``.

Built on picows, whose frames and transports are C: it answers a small message in some
microseconds, a fraction of what any client here needs. By path:

``/echo``
    sends back every message.
``/sink``
    counts binary messages; a text message is answered with the count, which starts anew.
``/source``
    takes the text ``"COUNT SIZE"`` and floods so many binary messages of that size.
``/deflate``
    is ``/echo`` with permessage-deflate. The server neither inflates nor deflates: the
    client's compressed frames, sent back in order, are a valid compressed stream, as long as
    both directions use the same window. So only the client compresses, and this row too
    measures it alone.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from ._processes import announce, raise_file_limit

BATCH = 128 * 1024  # bytes per write of the source; more than clients read at once
BACKLOG = 4096  # the scale rows open thousands of connections
MAX_FRAME = 16 * 1024 * 1024


class Mode(WSListener):
    """What all modes share: the closing handshake, and pings (which picows answers)."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Pass data frames on, answer close frames."""
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            self.on_data(transport, frame)

    def on_data(self, transport: WSTransport, frame: WSFrame) -> None:
        """Handle a text or binary frame."""
        raise NotImplementedError


class Echo(Mode):
    """Sends back every frame as it is, its compression bit included."""

    def on_data(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send it back."""
        transport.send(frame.msg_type, frame.get_payload_as_memoryview(), frame.fin, frame.rsv1)


class Sink(Mode):
    """Counts binary messages until it is asked."""

    def __init__(self) -> None:
        self._count = 0

    def on_data(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count it, or tell."""
        if frame.msg_type is WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, str(self._count))
            self._count = 0
        elif frame.fin:
            self._count += 1


class Source(Mode):
    """Floods messages, as fast as the client takes them."""

    def __init__(self) -> None:
        self._raw: asyncio.Transport | None = None
        self._frame_size = 0
        self._batch = memoryview(b"")
        self._left = 0
        self._paused = False

    def on_data(self, transport: WSTransport, frame: WSFrame) -> None:
        """Begin a flood."""
        count, size = map(int, frame.get_payload_as_ascii_text().split())
        one = binary_frame(bytes(size))
        self._raw = transport.underlying_transport
        self._frame_size = len(one)
        self._batch = memoryview(one * max(1, BATCH // len(one)))
        self._left = count * len(one)
        self._pump()

    def _pump(self) -> None:
        assert self._raw is not None
        while self._left and not self._paused:
            piece = self._batch[: self._left]
            self._left -= len(piece)
            self._raw.write(piece)  # whole frames, made in advance: nothing left to do per message

    def pause_writing(self) -> None:
        """Wait for a slow client."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        if self._raw is not None:
            self._pump()


def binary_frame(payload: bytes) -> bytes:
    """Build an unmasked frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        header = bytes((0x82, size))
    elif size < 2**16:
        header = bytes((0x82, 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((0x82, 127)) + size.to_bytes(8, "big")
    return header + payload


def choose_mode(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
    """Choose by path; ``None`` is a 404."""
    path = request.path.decode()
    if path == "/deflate":
        return accept_deflate(request)
    modes: dict[str, type[Mode]] = {"/echo": Echo, "/sink": Sink, "/source": Source}
    return modes[path]() if path in modes else None


def accept_deflate(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener | None:
    """Agree on permessage-deflate with its defaults (RFC 7692 section 7.1).

    A client that restricts the server's window gets a 404: its own window might be larger,
    and what it compressed could not be sent back as it is.
    """
    offer = request.headers.get("Sec-WebSocket-Extensions", "")
    if "permessage-deflate" not in offer or "server_" in offer:
        return None
    accepted = [("Sec-WebSocket-Extensions", "permessage-deflate")]
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(accepted), Echo())


async def main(certificate: str) -> None:
    """Serve ``ws`` and ``wss`` until standard input ends."""
    raise_file_limit()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    options: dict[str, Any] = {"backlog": BACKLOG, "max_frame_size": MAX_FRAME}
    plain = await ws_create_server(choose_mode, "127.0.0.1", 0, **options)
    secure = await ws_create_server(choose_mode, "127.0.0.1", 0, ssl=context, **options)
    announce(
        {
            "ws": f"ws://127.0.0.1:{plain.sockets[0].getsockname()[1]}",
            "wss": f"wss://127.0.0.1:{secure.sockets[0].getsockname()[1]}",
        }
    )
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
