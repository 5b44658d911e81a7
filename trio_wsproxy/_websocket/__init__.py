"""From a stream to messages: the opening handshake, and the connection after it."""

from ._connection import ConnectionInfo, ConnectionSettings, WebSocketConnection
from ._opening import OpeningRequest, check_extra_headers, shake_hands

__all__ = [
    "ConnectionInfo",
    "ConnectionSettings",
    "OpeningRequest",
    "WebSocketConnection",
    "check_extra_headers",
    "shake_hands",
]
