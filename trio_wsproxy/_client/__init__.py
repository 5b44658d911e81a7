"""How does a URL become a connection? The one room that knows all others.

``_options`` declares each option once, ``_checks`` says what is wrong with a value, ``_misuse`` what
is wrong with a call, and ``_plan`` has what an attempt is to do. ``_open`` has the public functions,
``_attempt`` does what they ask for, ``_hosting`` gives the connection a nursery. ``_reconnect`` makes
attempt after attempt (``_retry_after`` reads when), ``_redirects`` has the rules for following a server
elsewhere (``_spaces`` tells where that is), and ``_streams`` opens streams for other protocols; ``_tunnel`` those
whose TLS is asked for later, and is loaded by those alone who want that.
``_way`` tries the alternatives of a route, and ``_pac_world`` gives a PAC script what it needs.
"""

from ._open import (
    connect_websocket,
    connect_websocket_url,
    open_websocket,
    open_websocket_url,
    wrap_client_stream,
)
from ._options import DialingOptions, Options, StreamOptions
from ._reconnect import Reconnections, is_transient, reconnecting_websocket_url
from ._redirects import Redirect, RedirectGrant, RedirectPolicy
from ._streams import open_ssl_over_tcp_stream, open_tcp_stream
from ._way import Found, find_ways, resolve_proxy_async

__all__ = [
    "DialingOptions",
    "Found",
    "Options",
    "Reconnections",
    "Redirect",
    "RedirectGrant",
    "RedirectPolicy",
    "StreamOptions",
    "connect_websocket",
    "connect_websocket_url",
    "find_ways",
    "is_transient",
    "open_ssl_over_tcp_stream",
    "open_tcp_stream",
    "open_websocket",
    "open_websocket_url",
    "reconnecting_websocket_url",
    "resolve_proxy_async",
    "wrap_client_stream",
]
