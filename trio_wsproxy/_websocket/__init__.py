"""From a stream to messages: the opening handshake, and the connection after it."""

from ._attendant import Attendant
from ._connection import WebSocketConnection, attendant_of
from ._deflate import Deflate, PerMessageDeflate
from ._frames import SPEEDUPS, forget_masking_keys
from ._message_stream import MessageStream
from ._opening import OpeningRequest, check_extra_headers, shake_hands
from ._settings import Address, ConnectionInfo, ConnectionSettings

__all__ = [
    "SPEEDUPS",
    "Address",
    "Attendant",
    "ConnectionInfo",
    "ConnectionSettings",
    "Deflate",
    "MessageStream",
    "OpeningRequest",
    "PerMessageDeflate",
    "WebSocketConnection",
    "attendant_of",
    "check_extra_headers",
    "forget_masking_keys",
    "shake_hands",
]
