"""From a route to a stream: TCP, tunnels through proxies, TLS."""

from ._auth import BasicAuth, BearerAuth, DigestAuth, NegotiateAuth, NTLMAuth, basic
from ._dialer import DialOptions, MakeProxyHeaders, dial
from ._endpoints import socket_of
from ._tls import HTTP_1_1, default_context, presented_certificates

__all__ = [
    "HTTP_1_1",
    "BasicAuth",
    "BearerAuth",
    "DialOptions",
    "DigestAuth",
    "MakeProxyHeaders",
    "NTLMAuth",
    "NegotiateAuth",
    "basic",
    "default_context",
    "dial",
    "presented_certificates",
    "socket_of",
]
