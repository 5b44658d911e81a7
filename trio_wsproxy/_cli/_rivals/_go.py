"""Go 1.27: ``http.ProxyFromEnvironment``, which is golang.org/x/net/http/httpproxy.

It looks for ``http://`` in place of ``ws://``, as gorilla/websocket and others have it do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network

from trio_wsproxy._urls import Target, ip_literal

from ._common import (
    NAME_WORDS,
    NONSENSE,
    OTHERWISE,
    URL_PORTS,
    Answer,
    Client,
    ProxyAsRead,
    Unusable,
    ask_client,
    cut,
    host_of,
    normal_host,
    proxy_as_read,
    shape_of,
    upper_first,
)


def _covering(target: Target, value: str) -> str | None:
    texts = [text.strip().lower() for text in value.split(",")]
    if "*" in texts:
        return "*"
    return next((text for text in texts if text and _covers(target, text)), None)


def _covers(target: Target, entry: str) -> bool:
    address = ip_literal(host_of(target))
    if "/" in entry:
        try:
            network = ip_network(entry, strict=False) if "." in entry or ":" in entry else None
        except ValueError:
            return False
        return network is not None and address is not None and address in network
    host, port = _split(entry)
    if port not in ("", str(target.port)):
        return False
    literal = ip_literal(host)
    if literal is not None or address is not None:
        return literal == address
    name = host.removeprefix("*") if host.startswith("*.") else host
    if not name.isascii():
        name = normal_host(name.removeprefix(".")) or name
    if name.startswith("."):  # the names below it, not itself
        return target.host.endswith(name)
    return target.host == name or bool(name and target.host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """As Go's ``net.SplitHostPort``, with the whole entry for the host where that fails."""
    match = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", entry)
    return (entry, "") if match is None else (match[1] or match[2] or "", match[3])


def _never(target: Target) -> bool:
    address = ip_literal(host_of(target))
    return target.host == "localhost" if address is None else address.is_loopback


def _read(name: str, value: str) -> ProxyAsRead | Unusable:
    del name
    if value != value.strip():
        # What is no URL by its first character is ignored, the rest is taken for a strange one.
        ignored = bool(value.strip()) and not value[0].isalpha()
        return Unusable("does not strip blanks", ignored)
    pieces = cut(value)
    if pieces is None:
        return NONSENSE
    scheme = pieces.scheme or "http"
    if scheme in ("socks5", "socks5h"):
        remark = "leaves the server's name to a socks5:// proxy" if scheme == "socks5" else ""
        return proxy_as_read(pieces, "socks5h", URL_PORTS, remark)
    if scheme in ("http", "https"):
        return proxy_as_read(pieces, scheme, URL_PORTS)
    if pieces.port is None:  # it knows no default
        return Unusable(f"knows no {scheme}:// proxies")
    return proxy_as_read(pieces, "http", URL_PORTS, f"speaks HTTP to a {scheme}:// proxy")


def _entry_words(target: Target, entry: str) -> str:
    del target
    shape = shape_of(entry)
    if shape == "dot" or re.fullmatch(r"\*\.[^*]+", entry):
        return "takes a leading dot in no_proxy for the names below, not for the name itself"
    words = {
        **NAME_WORDS,
        "wildcard": "knows no wildcards in no_proxy but a leading '*.'",
        "angle": "knows no <local> in no_proxy",
        "network": "wants whole addresses before the / of a network",
        "brackets": "wants IPv6 addresses in no_proxy without brackets, or with a port",
    }
    return words.get(shape, OTHERWISE)


GO = Client(
    "Go",
    {"ws": ("http_proxy",), "wss": ("https_proxy",)},
    upper_first,
    _covering,
    _read,
    _entry_words,
    never_proxies=_never,
)


def go(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where Go's ``net/http`` would go."""
    answer = ask_client(GO, target, environ)
    setting = upper_first("http_proxy", environ)
    if target.scheme == "ws" and environ.get("REQUEST_METHOD") and setting is not None:
        because = f"refuses {setting.spelling} where REQUEST_METHOD is set (CGI)"
        failure = f"refuses {setting.spelling}"
        return Answer("Go", None, because, failure, remarks=answer.remarks)
    return answer
