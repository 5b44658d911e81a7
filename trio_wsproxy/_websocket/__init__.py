"""From a stream to messages: the opening handshake, and the connection after it."""

from ._connection import Address, ConnectionInfo, ConnectionSettings, WebSocketConnection
from ._deflate import Deflate, PerMessageDeflate
from ._frames import SPEEDUPS
from ._message_stream import MessageStream
from ._opening import OpeningRequest, check_extra_headers, shake_hands

__all__ = [
    "SPEEDUPS",
    "Address",
    "ConnectionInfo",
    "ConnectionSettings",
    "Deflate",
    "MessageStream",
    "OpeningRequest",
    "PerMessageDeflate",
    "WebSocketConnection",
    "check_extra_headers",
    "shake_hands",
]
