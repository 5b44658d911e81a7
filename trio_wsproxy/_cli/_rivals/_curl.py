"""curl 8: ``detect_proxy`` and ``parse_proxy`` in lib/url.c, and lib/noproxy.c. It knows ``ws://``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from trio_wsproxy._urls import Target, ip_literal

from ._common import (
    NAME_WORDS,
    NONSENSE,
    OTHERWISE,
    SOCKS_PORTS,
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


def _find(name: str, environ: Mapping[str, str]) -> Setting | None:
    if name == "http_proxy":  # never in upper case, which a CGI program's visitor could set
        return Setting(name, environ[name]) if environ.get(name) else None
    return lower_first(name, environ)


def _covering(target: Target, value: str) -> str | None:
    host = host_of(target)
    address = ip_literal(host)
    if value == "*":
        return value
    covers = _covers_name if address is None else _covers_address
    return next((word for word in entries_of(value) if covers(word, host)), None)


def entries_of(value: str) -> Iterator[str]:
    """Blanks may stand around the commas, but where there is no comma the list ends."""
    for text in value.split(","):
        words = text.split()
        yield from words[:1]
        if len(words) > 1:
            return


def _covers_name(entry: str, host: str) -> bool:
    name = entry.removesuffix(".").removeprefix(".").lower()
    return host == name or bool(name and host.endswith(f".{name}"))


def _covers_address(entry: str, host: str) -> bool:
    base, slash, prefix = entry.partition("/")
    address, network = ip_address(host), ip_literal(base)
    if network is None or network.version != address.version:
        return False
    if slash and not (prefix.isascii() and prefix.isdecimal()):
        return False
    bits = int(prefix or "0")
    if not bits:  # a prefix of 0 is taken for none
        return network == address
    if bits > address.max_prefixlen:
        return False
    return address in ip_network(f"{base}/{bits}", strict=False)


# curl's manual, --proxy. Versions 8.21 to 8.23 take the port of the URL's scheme instead
# (github.com/curl/curl/issues/23681).
_PORTS = {"http": 1080, "https": 443, **SOCKS_PORTS}


def _read(name: str, value: str) -> ProxyAsRead | Unusable:
    del name
    if value != value.strip():
        return Unusable("does not strip blanks")
    pieces = cut(value)
    if pieces is None:
        return NONSENSE
    # socks:// has always meant version 4 to curl.
    scheme = {"": "http", "socks": "socks4"}.get(pieces.scheme, pieces.scheme)
    if scheme not in _PORTS:
        return Unusable(f"knows no {scheme}:// proxies")
    remark = "takes socks:// for SOCKS4" if pieces.scheme == "socks" else ""
    return proxy_as_read(pieces, scheme, _PORTS, remark)


def _entry_words(target: Target, entry: str) -> str:
    del target
    words = {
        **NAME_WORDS,
        "star": "takes '*' only if it is all of no_proxy",
        "wildcard": "knows no wildcards in no_proxy",
        "angle": "knows no <local> in no_proxy",
        "network": "takes the prefix /0 for none at all",
        "brackets": "wants IPv6 addresses in no_proxy without brackets",
        "port": "knows no ports in no_proxy",
    }
    return words.get(shape_of(entry), OTHERWISE)


def _overlooks(spelling: str, environ: Mapping[str, str]) -> str:
    del environ
    return "looks at http_proxy in lower case only" if spelling == "HTTP_PROXY" else ""


CURL = Client(
    "curl",
    {
        # The general names for ws:// and wss:// are a fallback since curl 8.2.
        "ws": ("ws_proxy", "http_proxy", "all_proxy"),
        "wss": ("wss_proxy", "https_proxy", "all_proxy"),
    },
    _find,
    _covering,
    _read,
    _entry_words,
    _overlooks,
    "sends an empty user name and password there (Basic); single sign-on takes its option "
    "--proxy-negotiate",
)


def curl(target: Target, environ: Mapping[str, str]) -> Answer:
    """Say where curl would go."""
    return ask_client(CURL, target, environ)
