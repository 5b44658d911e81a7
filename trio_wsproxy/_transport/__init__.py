"""From a route to a stream: TCP, tunnels through proxies, TLS."""

from ._dialer import DialOptions, dial
from ._endpoints import socket_of
from ._tls import HTTP_1_1, default_context

__all__ = ["HTTP_1_1", "DialOptions", "default_context", "dial", "socket_of"]
