"""permessage-deflate (RFC 7692), as an extension for wsproto.

wsproto has one of its own, but it takes any answer of the server's for an agreement, and
inflates whatever it is given in one go, so that a few kilobytes on the wire can become
gigabytes in memory. Here the answer is held against the offer word by word (section 7.1),
and inflating stops one byte above the limit on a message's size.

A message is compressed as it is queued, and frames leave in the order in which they were
queued, so the sliding window of the compressor is the one the server expects, always.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits
from wsproto.utilities import RemoteProtocolError

TAIL = b"\x00\x00\xff\xff"  # an empty block, left out on the wire (section 7.2.1)
# Final blocks in one piece of a message. No compressor ends its stream within a message; each end
# costs a copy of what is left.
MAX_STREAMS = 64
LEAST_BITS, MOST_BITS = 9, 15  # of a window that zlib compresses with
RSV1 = RsvBits(rsv1=True, rsv2=False, rsv3=False)  # "this message is compressed" (section 6)

# extension-param = token [ "=" (token | quoted-string) ] (RFC 6455 section 9.1)
_PARAMETER = re.compile(r'([a-z_]+)(?:\s*=\s*(?:"([0-9]+)"|([0-9]+)))?')


@dataclass(frozen=True)
class Deflate:
    """How to compress; give it as ``compression=``.

    ``compression="deflate"`` stands for ``Deflate()``, which suits most: the server may lower
    the window of what this side sends, and both sides keep their windows between messages. A
    server that refuses parameters that it does not know is offered none of them by
    ``Deflate(client_max_window_bits=None)``.

    Attributes:
      client_max_window_bits: Base-two logarithm of the window in bytes that this side
        compresses with, 9 to 15, 15 by default; smaller needs less memory at the server. ``None``
        is 15 too, but does not offer the server to lower it.
      server_max_window_bits: The same for the server, or ``None`` (default) to leave it to it.
      client_no_context_takeover: Whether this side forgets its window after each message:
        less memory, less compression; ``False`` by default.
      server_no_context_takeover: Whether the server is asked to forget its window after each
        message; ``False`` by default.
      memory_level: zlib's, 1 to 9, 8 by default: memory of the compressor against speed.
      level: zlib's compression level, 0 to 9, or -1 (default) for zlib's own choice, 6.

    Raises:
      ValueError: A number is out of its range.

    """

    client_max_window_bits: int | None = 15
    server_max_window_bits: int | None = None
    client_no_context_takeover: bool = False
    server_no_context_takeover: bool = False
    memory_level: int = 8
    level: int = -1

    def __post_init__(self) -> None:
        # zlib cannot compress with a window of 8 bits, which RFC 7692 allows.
        if self.client_max_window_bits is not None:
            _check("client_max_window_bits", self.client_max_window_bits, LEAST_BITS, MOST_BITS)
        if self.server_max_window_bits is not None:
            _check("server_max_window_bits", self.server_max_window_bits, LEAST_BITS, MOST_BITS)
        _check("memory_level", self.memory_level, 1, 9)
        _check("level", self.level, -1, 9)


def _check(name: str, value: int, low: int, high: int) -> None:
    if value not in range(low, high + 1):
        raise ValueError(f"{name} must be {low} to {high}, not {value}")


class PerMessageDeflate(Extension):
    """One connection's compressor and decompressor.

    Args:
      options: What to offer.
      max_message_size: Bytes to inflate of one message at most; ``None`` is no limit.

    """

    name = "permessage-deflate"

    def __init__(self, options: Deflate, max_message_size: int | None) -> None:
        self._options = options
        self._limit = max_message_size
        self._agreed = False
        self._client_bits = options.client_max_window_bits or MOST_BITS
        self._server_bits = MOST_BITS
        self._client_forgets = options.client_no_context_takeover
        self._server_forgets = False
        self._deflater: Any = None  # zlib's types have no public names
        self._inflater: Any = None
        self._inflating = False  # the message that arrives is compressed
        self._empty = True  # nothing of its payload came yet
        self._control = False  # the frame that arrives is a control frame
        self._size = 0  # of the inflated message so far
        self.streams = 0  # of zlib's that the last piece has begun

    # -- negotiation (section 7.1) ------------------------------------------------------

    def offer(self) -> str | bool:
        """Write the parameters of the offer; ``True`` is one without any."""
        options = self._options
        bits = options.client_max_window_bits
        words = []
        # Without a value: "you may limit my window"; with one: "and I will not exceed this".
        if bits is not None:
            words.append("client_max_window_bits" + (f"={bits}" if bits < MOST_BITS else ""))
        if options.server_max_window_bits is not None:
            words.append(f"server_max_window_bits={options.server_max_window_bits}")
        if options.client_no_context_takeover:
            words.append("client_no_context_takeover")
        if options.server_no_context_takeover:
            words.append("server_no_context_takeover")
        return "; ".join(words) or True

    def finalize(self, offer: str) -> None:
        """Hold the server's answer against the offer.

        Raises:
          RemoteProtocolError: The answer has an unknown, repeated or malformed parameter, or
            one that the offer does not allow; the connection must be failed.

        """
        if self._agreed:
            raise RemoteProtocolError("permessage-deflate is accepted twice")
        parameters = _parse(offer)
        options = self._options
        if options.client_max_window_bits is None and "client_max_window_bits" in parameters:
            raise RemoteProtocolError("permessage-deflate: client_max_window_bits was not offered")
        bits = _bits(parameters, "client_max_window_bits", self._client_bits)
        # zlib has no window of 8 bits, but with 9 it refers to 250 bytes before at most, which one of
        # 8 holds: a match and what is looked ahead for it have to fit into the window, too.
        self._client_bits = max(bits, LEAST_BITS)
        self._server_bits = _bits(
            parameters, "server_max_window_bits", options.server_max_window_bits or MOST_BITS
        )
        if options.server_max_window_bits and "server_max_window_bits" not in parameters:
            raise RemoteProtocolError("the server does not limit its window as it was asked to")
        self._client_forgets |= "client_no_context_takeover" in parameters
        self._server_forgets = "server_no_context_takeover" in parameters
        if options.server_no_context_takeover and not self._server_forgets:
            raise RemoteProtocolError("the server keeps its window, which it was asked not to")
        self._agreed = True

    def enabled(self) -> bool:
        """Whether the server agreed."""
        return self._agreed

    # -- receiving (section 7.2.2) ------------------------------------------------------

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002  # wsproto's signature, as below
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,  # noqa: ARG002
    ) -> CloseReason | RsvBits:
        """Note whether a message begins that is compressed."""
        self._control = opcode.iscontrol()
        if rsv.rsv1 and (self._control or opcode is Opcode.CONTINUATION):
            return CloseReason.PROTOCOL_ERROR  # only a message's first frame has it (section 6)
        if opcode in (Opcode.TEXT, Opcode.BINARY):
            self._inflating, self._size, self._empty = rsv.rsv1, 0, True
        return RSV1

    def frame_inbound_payload_data(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002
        data: bytes,
    ) -> bytes | CloseReason:
        """Inflate a piece of a frame."""
        if self._control or not self._inflating:
            return data
        self._empty = self._empty and not data
        return self._inflate(data)

    def frame_inbound_complete(
        self,
        proto: FrameDecoder | FrameProtocol,  # noqa: ARG002
        fin: bool,
    ) -> bytes | CloseReason | None:
        """Inflate what is left at a message's end."""
        if self._control or not self._inflating or not fin:
            return None
        # The tail completes a block that the payload began. There is none behind a final block,
        # nor where a message has no bytes at all, which some send for an empty one.
        rest = b"" if self._empty or self._inflater is None else self._inflate(TAIL)
        self._inflating = False  # a continuation would be out of place, not compressed
        if self._server_forgets:
            self._inflater = None
        return rest

    def begin(self) -> None:
        """Begin to inflate a message; what wsproto does with the methods above."""
        self._size, self._empty = 0, True

    def inflate(self, data: bytes, *, last: bool) -> bytes | CloseReason:
        """Inflate a piece of a message, of any size; ``last`` ends it."""
        self._empty = self._empty and not data
        inflated = self._inflate(data)
        if not last or not isinstance(inflated, bytes):
            return inflated
        # See above for when there is none.
        rest = b"" if self._empty or self._inflater is None else self._inflate(TAIL)
        if self._server_forgets:
            self._inflater = None
        return inflated + rest if isinstance(rest, bytes) else rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        pieces: list[bytes] = []
        self.streams = 0
        while data:
            if self._inflater is None:
                self._inflater = zlib.decompressobj(-self._server_bits)
                self.streams += 1
                if self.streams > MAX_STREAMS:
                    return CloseReason.POLICY_VIOLATION
            room = 0 if self._limit is None else self._limit - self._size + 1  # 0: no limit
            try:
                piece = self._inflater.decompress(data, room)
            except zlib.error:
                return CloseReason.INVALID_FRAME_PAYLOAD_DATA
            self._size += len(piece)
            if self._limit is not None and self._size > self._limit:
                return CloseReason.MESSAGE_TOO_BIG
            pieces.append(piece)
            data = self._inflater.unused_data
            if self._inflater.eof:  # a final block ends zlib's stream, not the message
                self._inflater = None
        return b"".join(pieces)

    # -- sending (section 7.2.1) --------------------------------------------------------

    def compress(self, data: bytes, *, last: bool) -> bytes:
        """Compress a frame of a message; ``last`` ends the message.

        What a frame carries can be inflated as soon as it is there: nothing is held back.
        """
        if self._deflater is None:
            self._deflater = zlib.compressobj(
                self._options.level,
                zlib.DEFLATED,
                -self._client_bits,
                self._options.memory_level,
            )
        result: bytes = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if last:
            result = result[: -len(TAIL)]
            if self._client_forgets:
                self._deflater = None
        return result

    def __repr__(self) -> str:
        return f"<PerMessageDeflate client {self._client_bits} bits, server {self._server_bits}>"


def _parse(answer: str) -> dict[str, str | None]:
    """Read ``permessage-deflate; name; name=value``; each name once."""
    parameters: dict[str, str | None] = {}
    for text in answer.split(";")[1:]:
        match = _PARAMETER.fullmatch(text.strip())
        name = match[1] if match else text.strip()
        if match is None or name not in _KNOWN or name in parameters:
            raise RemoteProtocolError(
                f"permessage-deflate parameter {name!r} is unknown, malformed or repeated"
            )
        value = match[2] or match[3]
        if (value is None) is not _KNOWN[name]:
            raise RemoteProtocolError(f"permessage-deflate parameter {text.strip()!r}")
        parameters[name] = value
    return parameters


# name → whether it stands without a value in a server's answer
_KNOWN = {
    "client_max_window_bits": False,
    "server_max_window_bits": False,
    "client_no_context_takeover": True,
    "server_no_context_takeover": True,
}


def _bits(parameters: dict[str, str | None], name: str, most: int) -> int:
    value = parameters.get(name)
    if value is None:
        return most
    # No leading zeros; 8 to 15, and not above what was offered (sections 7.1.2.1, 7.1.2.2).
    if len(value) > 2 or value.startswith("0") or not 8 <= int(value) <= most:
        raise RemoteProtocolError(f"permessage-deflate: {name}={value} was not offered")
    return int(value)
