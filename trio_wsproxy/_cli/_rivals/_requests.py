"""requests 2.34: ``should_bypass_proxies`` and ``select_proxy``.

It looks for ``http://`` in place of ``ws://``, for what is built upon it.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, ip_network

from trio_wsproxy._urls import Target, ip_literal

from ._common import (
    DEFAULT_PORTS,
    NAME_WORDS,
    NONSENSE,
    OTHERWISE,
    URL_PORTS,
    Answer,
    Client,
    ProxyAsRead,
    Setting,
    Unusable,
    ask_client,
    cut,
    host_of,
    lower_first,
    proxy_as_read,
    shape_of,
)
from ._urllib import covering_as_urllib, find_as_urllib, overlooked_by_urllib


def _covering(target: Target, value: str) -> str | None:
    host = host_of(target)
    # Only a port that stands in the URL is compared; a target has forgotten whether it did.
    port = None if target.port == DEFAULT_PORTS[target.scheme] else target.port
    literal = ip_literal(host)
    for text in value.replace(" ", "").split(","):
        if isinstance(literal, IPv4Address):
            if text == host or _network(text, literal):
                return text
        elif text and covering_as_urllib(host, port, text) and text != "*":
            return text
    # After its own rules it asks urllib, without the port.
    return covering_as_urllib(host, None, value)


def _network(entry: str, address: IPv4Address) -> bool:
    base, _, prefix = entry.partition("/")
    if not isinstance(ip_literal(base), IPv4Address):
        return False
    if not (prefix.isdecimal() and 1 <= int(prefix) <= 32):
        return False
    return address in ip_network(f"{base}/{prefix}", strict=False)


def _find(name: str, environ: Mapping[str, str]) -> Setting | None:
    return (lower_first if name == "no_proxy" else find_as_urllib)(name, environ)


def _read(name: str, value: str) -> ProxyAsRead | Unusable:
    del name
    if value != value.strip():
        return Unusable("does not strip blanks")
    pieces = cut(value)
    if pieces is None:
        return NONSENSE
    if not pieces.scheme and pieces.userinfo is not None:
        return Unusable("wants a scheme before credentials")
    scheme = pieces.scheme or "http"
    if scheme not in URL_PORTS:
        return Unusable(f"knows no {scheme}:// proxies")
    return proxy_as_read(pieces, scheme, URL_PORTS)


def _entry_words(target: Target, entry: str) -> str:
    shape = shape_of(entry)
    if shape == "port" and isinstance(ip_literal(host_of(target)), IPv4Address):
        return "knows no ports of IPv4 addresses in no_proxy"
    words = {
        **NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "knows only IPv4 networks in no_proxy, from /1 to /32",
        "address": "compares IPv6 addresses as texts",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "compares ports in no_proxy only with a port that stands in the URL",
    }
    return words.get(shape, OTHERWISE)


REQUESTS = Client(
    "requests",
    {"ws": ("http_proxy", "all_proxy"), "wss": ("https_proxy", "all_proxy")},
    _find,
    _covering,
    _read,
    _entry_words,
    overlooked_by_urllib,
    "knows no single sign-on, and sends no credentials there",
)


def requests(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where requests would go."""
    return ask_client(REQUESTS, target, environ)
