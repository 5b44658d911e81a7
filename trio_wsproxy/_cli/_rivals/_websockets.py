"""websockets 17 with its ``proxy=True``: ``websockets.proxy.get_proxy``."""

from __future__ import annotations

from collections.abc import Mapping

from trio_wsproxy._urls import Target

from ._common import (
    NAME_WORDS,
    NONSENSE,
    OTHERWISE,
    SOCKS,
    Answer,
    Client,
    ProxyAsRead,
    Unusable,
    ask_client,
    cut,
    host_of,
    proxy_as_read,
    shape_of,
)
from ._urllib import covering_as_urllib, find_as_urllib, overlooked_by_urllib


def _covering(target: Target, value: str) -> str | None:
    return covering_as_urllib(host_of(target), target.port, value)


_PORTS = {"https": 443, "http": 80, **dict.fromkeys(SOCKS, 80)}


def _read(name: str, value: str) -> ProxyAsRead | Unusable:
    if value.strip() and value != value.rstrip():
        return Unusable("does not strip blanks")
    pieces = cut(value.lstrip())
    if pieces is None:
        return NONSENSE
    if not pieces.scheme:
        return Unusable("wants a scheme, as in http://host:port")
    if pieces.scheme not in _PORTS:
        return Unusable(f"knows no {pieces.scheme}:// proxies")
    if pieces.tail not in ("", "/"):
        return Unusable("wants nothing behind the port")
    if pieces.userinfo is not None and ":" not in pieces.userinfo:
        return Unusable("wants a password beside the user name")
    if name == "socks_proxy" and pieces.scheme == "http":
        remark = "takes http:// in socks_proxy for socks5h://"
        return proxy_as_read(pieces, "socks5h", _PORTS, remark)
    return proxy_as_read(pieces, pieces.scheme, _PORTS)


def _entry_words(target: Target, entry: str) -> str:
    del target
    words = {
        **NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "knows no networks in no_proxy",
        "address": "compares IPv6 addresses as texts",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "wants IPv6 addresses in no_proxy without brackets",
    }
    return words.get(shape_of(entry), OTHERWISE)


WEBSOCKETS = Client(
    "websockets",
    {
        "ws": ("ws_proxy", "socks_proxy", "https_proxy", "http_proxy"),
        "wss": ("wss_proxy", "socks_proxy", "https_proxy"),
    },
    find_as_urllib,
    _covering,
    _read,
    _entry_words,
    overlooked_by_urllib,
)


def websockets(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where websockets would go."""
    return ask_client(WEBSOCKETS, target, environ)
