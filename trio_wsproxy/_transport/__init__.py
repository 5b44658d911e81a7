"""From a route to a stream: TCP, tunnels through proxies, TLS."""

from ._dialer import DialOptions, MakeProxyHeaders, dial
from ._tcp import socket_of
from ._tls import HTTP_1_1, default_context, presented_certificates

__all__ = [
    "HTTP_1_1",
    "DialOptions",
    "MakeProxyHeaders",
    "default_context",
    "dial",
    "presented_certificates",
    "socket_of",
]
