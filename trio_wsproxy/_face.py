"""All public names, from the rooms that make them; who imports one from the package gets it here.

It is a file of its own so that the command line can be asked for its version, and be interrupted,
before trio and the rest are there.
"""

from trio_websocket import CloseReason, Endpoint

from . import _public
from ._auth import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyAuthArgument,
    ProxyAuthConversation,
    ProxyAuthRequest,
    ProxyChallenge,
)
from ._client import (
    Options,
    Reconnections,
    Redirect,
    RedirectGrant,
    RedirectPolicy,
    StreamOptions,
    connect_websocket,
    connect_websocket_url,
    is_transient,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket,
    open_websocket_url,
    reconnecting_websocket_url,
    resolve_proxy_async,
    wrap_client_stream,
)
from ._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
)
from ._failures import StageName
from ._http import HeadersArgument, ProxyHeadersArgument
from ._report import DialReport, Stage, Trace
from ._routing import PAC, Failover, Look, ProxyArgument, Route, resolve_proxy
from ._transport import MakeProxyHeaders
from ._urls import Proxy, Target
from ._websocket import SPEEDUPS, Deflate, MessageStream, WebSocketConnection

__all__ = [
    "PAC",
    "SPEEDUPS",
    "BasicAuth",
    "BearerAuth",
    "CloseReason",
    "ConnectionClosed",
    "ConnectionClosedLocally",
    "ConnectionEnded",
    "ConnectionLost",
    "ConnectionRejected",
    "ConnectionTimeout",
    "Deflate",
    "DialReport",
    "DigestAuth",
    "DisconnectionTimeout",
    "Endpoint",
    "Failover",
    "HandshakeError",
    "HeadersArgument",
    "Look",
    "MakeProxyHeaders",
    "MessageStream",
    "NTLMAuth",
    "NegotiateAuth",
    "Options",
    "Proxy",
    "ProxyArgument",
    "ProxyAuth",
    "ProxyAuthArgument",
    "ProxyAuthConversation",
    "ProxyAuthRequest",
    "ProxyAuthenticationError",
    "ProxyChallenge",
    "ProxyConfigError",
    "ProxyError",
    "ProxyHeadersArgument",
    "ProxyProtocolError",
    "ProxyRejected",
    "ProxyUnreachable",
    "Reconnections",
    "Redirect",
    "RedirectGrant",
    "RedirectPolicy",
    "Route",
    "ServerRejected",
    "ServerUnreachable",
    "Stage",
    "StageName",
    "StreamOptions",
    "Target",
    "Trace",
    "WebSocketConnection",
    "connect_websocket",
    "connect_websocket_url",
    "is_transient",
    "open_ssl_over_tcp_stream",
    "open_tcp_stream",
    "open_websocket",
    "open_websocket_url",
    "reconnecting_websocket_url",
    "resolve_proxy",
    "resolve_proxy_async",
    "wrap_client_stream",
]

_public.show_as_public(__package__, map(globals().__getitem__, __all__))
