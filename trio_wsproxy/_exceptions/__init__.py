"""The error tree.

trio-websocket's classes are re-exported, not copied, so that an ``except`` written for it
goes on working; the new ones hang below them::

    trio_websocket.HandshakeError            no connection
    ├─ trio_websocket.ConnectionTimeout, DisconnectionTimeout
    ├─ trio_websocket.ConnectionRejected     the server answered the upgrade, and said no
    │  └─ ServerRejected                     … in words that a person can read
    ├─ ServerUnreachable                     also an OSError: name, TCP or TLS of the server
    └─ ProxyError                            also an OSError: a hop on the way failed
       ├─ ProxyConfigError                   also a ValueError: nothing was sent yet
       ├─ ProxyUnreachable                   name, TCP or TLS to the proxy
       ├─ ProxyRejected                      the proxy answered, and said no
       │  └─ ProxyAuthenticationError        … because of the credentials
       └─ ProxyProtocolError                 not the protocol of its scheme, or cut half-way

    trio_websocket.ConnectionClosed          no connection any more
    ├─ ConnectionEnded                       also trio.EndOfChannel: the peer closed normally
    ├─ ConnectionLost                        also trio.BrokenResourceError: anything abnormal
    └─ ConnectionClosedLocally               also trio.ClosedResourceError: this side closed it

Nothing in a message, an attribute or a ``repr`` here may hold a secret: whoever raises
passes masked URLs only.
"""

from trio_websocket import ConnectionClosed

from ._closed import (
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ShownCloseReason,
    shown_reason,
)
from ._connecting import (
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    Headers,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
    carry,
    failed,
    failure_of,
    misconfigured,
    told,
    was_last_redirect,
)

__all__ = [
    "ConnectionClosed",
    "ConnectionClosedLocally",
    "ConnectionEnded",
    "ConnectionLost",
    "ConnectionRejected",
    "ConnectionTimeout",
    "DisconnectionTimeout",
    "HandshakeError",
    "Headers",
    "ProxyAuthenticationError",
    "ProxyConfigError",
    "ProxyError",
    "ProxyProtocolError",
    "ProxyRejected",
    "ProxyUnreachable",
    "ServerRejected",
    "ServerUnreachable",
    "ShownCloseReason",
    "carry",
    "failed",
    "failure_of",
    "misconfigured",
    "shown_reason",
    "told",
    "was_last_redirect",
]
