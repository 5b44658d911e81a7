"""From a route to a stream: TCP, tunnels through proxies, TLS."""

from ._dialer import dial, dial_tls
from ._names import look_up
from ._preparation import DialOptions, MakeProxyHeaders
from ._setup import forget_setup
from ._tcp import socket_of, speaks_tls
from ._tls import presented_certificates
from ._tls_failure import failure_behind_handshake
from ._trust import HTTP_1_1

__all__ = [
    "HTTP_1_1",
    "DialOptions",
    "MakeProxyHeaders",
    "dial",
    "dial_tls",
    "failure_behind_handshake",
    "forget_setup",
    "look_up",
    "presented_certificates",
    "socket_of",
    "speaks_tls",
]
