"""A WebSocket server on a real socket that does by hand what a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import re
import struct

import trio

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
MiB = 1024 * 1024


async def accept(stream: trio.abc.Stream) -> None:
    """Do the opening handshake; the client waits for its end before it goes on."""
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += await stream.receive_some()
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    assert found is not None
    proof = base64.b64encode(hashlib.sha1(found[1] + GUID).digest())
    await stream.send_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
    )


class Heard:
    """What came of the client's frames: how long each message is, unmasked nowhere.

    Attributes:
      messages: The sizes of the whole messages.
      pongs: How many pongs.
      pings: What the pings carry.
      last_pong: What the last pong carries.
      masks: The masking keys of all control frames.
      close: The payload of the close frame, if it came.
      size: Bytes in all.

    """

    def __init__(self) -> None:
        self.messages: list[int] = []
        self.pongs = 0
        self.pings: list[bytes] = []
        self.last_pong = b""
        self.masks: list[bytes] = []
        self.close: bytes | None = None
        self.size = 0
        self._head = b""  # of a frame, not yet whole
        self._left = 0  # of a data frame's payload

    def feed(self, data: bytes) -> None:
        """Take what was read."""
        self.size += len(data)
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                if not self._left:
                    self.messages.append(self._size_of_message)
                continue
            data, self._head = self._head + data, b""
            data = self._frame(data)

    def _frame(self, data: bytes) -> bytes:
        size = data[1] & 0x7F if len(data) > 1 else 0
        begin = 6 + (2 if size == 126 else 8 if size == 127 else 0)
        if len(data) < begin:
            self._head = data
            return b""
        assert data[1] & 0x80, "a frame that is not masked"
        if size == 126:
            size = struct.unpack_from("!H", data, 2)[0]
        elif size == 127:
            size = struct.unpack_from("!Q", data, 2)[0]
        if data[0] & 8:
            if len(data) < begin + size:
                self._head = data
                return b""
            payload, mask = data[begin : begin + size], data[begin - 4 : begin]
            self.masks.append(mask)
            payload = bytes(x ^ mask[i % 4] for i, x in enumerate(payload))
            if data[0] == 0x88:
                self.close = payload
            elif data[0] == 0x89:
                self.pings.append(payload)
            else:
                self.pongs += 1
                self.last_pong = payload
            return data[begin + size :]
        assert data[0] in (0x81, 0x82)
        self._left = self._size_of_message = size
        if not size:
            self.messages.append(0)
        return data[begin:]


async def read(stream: trio.abc.Stream, heard: Heard, *, size: float = float("inf")) -> bool:
    """Read so many bytes, or to the close frame or the end; tell whether the end has come."""
    while heard.close is None and heard.size < size:
        try:
            data = await stream.receive_some()
        except trio.BrokenResourceError:
            return True
        if not data:
            return True
        heard.feed(bytes(data))
    return False
