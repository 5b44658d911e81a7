"""Environments and targets that are put to curl, Go, requests and websockets, and to our rules for them.

The real ones say where they would go: requests and websockets are asked for the proxy that they
would use, curl is run, and what Go and a newer libcurl say stands in files.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from trio_wsproxy._cli import _rivals

SECRET = "sEcReT-77"
P, Q, R, S, T, U = (f"http://127.0.0.{number}:9" for number in range(11, 17))
ALL = {
    "wss_proxy": P,
    "ws_proxy": Q,
    "socks_proxy": "socks5h://127.0.0.13:9",
    "https_proxy": S,
    "http_proxy": T,
    "all_proxy": U,
}
NOBODY = "127.0.0.99:9"  # where curl finds every server
FAILS = "fails"

Environ = dict[str, str]
# Direct, a proxy's scheme, host and port, or FAILS.
Outcome = tuple[str, str, int] | str | None


def no_proxy(entries: str, host: str) -> tuple[Environ, str]:
    """A case: is the proxy bypassed?"""
    return {"http_proxy": P, "https_proxy": P, "no_proxy": entries}, f"wss://{host}/"


def value(text: str, name: str = "https_proxy") -> tuple[Environ, str]:
    """A case: how is the value read?"""
    return {name: text}, "wss://h.test/"


CASES: list[tuple[Environ, str]] = [
    # which variable
    *((environ, url) for environ in ({}, ALL) for url in ("ws://h.test/", "wss://h.test/")),
    *(
        ({spelling: P}, f"{scheme}://h.test/")
        for name in ALL
        for spelling in (name, name.upper())
        for scheme in ("ws", "wss")
    ),
    *(
        ({name: P, name.upper(): Q}, "wss://h.test/")
        for name in ("wss_proxy", "socks_proxy", "https_proxy", "all_proxy")
    ),
    ({"http_proxy": P, "HTTP_PROXY": Q}, "ws://h.test/"),
    ({"https_proxy": "", "HTTPS_PROXY": P}, "wss://h.test/"),
    ({"https_proxy": "", "all_proxy": P}, "wss://h.test/"),
    ({"http_proxy": "", "HTTP_PROXY": P}, "ws://h.test/"),
    ({"Https_Proxy": P}, "wss://h.test/"),
    ({"HTTPS_proxy": P, "https_PROXY": Q}, "wss://h.test/"),
    ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, "ws://h.test/"),
    ({"http_proxy": P, "REQUEST_METHOD": "GET"}, "ws://h.test/"),
    ({"HTTPS_PROXY": P, "REQUEST_METHOD": "GET"}, "wss://h.test/"),
    # how its value is read
    *map(
        value,
        [
            "127.0.0.11:9",
            "127.0.0.11",
            "http://127.0.0.11",
            "https://127.0.0.11",
            "HTTP://127.0.0.11:9",
            "http://127.0.0.11:9/",
            "http://127.0.0.11:9/path?query",
            "socks://127.0.0.11:9",
            "socks4://127.0.0.11:9",
            "socks4a://127.0.0.11:9",
            "socks5://127.0.0.11:9",
            "socks5h://127.0.0.11:9",
            "socks4://127.0.0.11",
            "socks5://127.0.0.11",
            "http://ada:sEcReT-77@127.0.0.11:9",
            "http://ada:sEcReT%2F77@127.0.0.11:9",
            "http://ada@127.0.0.11:9",
            "http://ada:@127.0.0.11:9",
            "ada:sEcReT-77@127.0.0.11:9",
            "http://127.0.0.11:9 ",
            " http://127.0.0.11:9",
            "127.0.0.11:9 ",
            " 127.0.0.11:9",
            " ",
            "htp://127.0.0.11:9",
            "htp://127.0.0.11",
            "http://[::11]:9",
        ],
    ),
    value("127.0.0.11:9", "socks_proxy"),
    value("http://127.0.0.11", "socks_proxy"),
    value("127.0.0.11:9", "all_proxy"),
    # names in no_proxy
    no_proxy("example.org", "example.org"),
    no_proxy("example.org", "www.example.org"),
    no_proxy("example.org", "notexample.org"),
    no_proxy("EXAMPLE.org", "example.org"),
    no_proxy("example.org.", "example.org"),
    no_proxy(".example.org", "example.org"),
    no_proxy(".example.org", "www.example.org"),
    no_proxy("..example.org", "www.example.org"),
    no_proxy("*.example.org", "example.org"),
    no_proxy("*.example.org", "www.example.org"),
    no_proxy("*example.org", "example.org"),
    no_proxy("www.*", "www.example.org"),
    no_proxy("bücher.example", "xn--bcher-kva.example"),
    no_proxy("xn--bcher-kva.example", "xn--bcher-kva.example"),
    no_proxy("<local>", "intranet"),
    # all
    no_proxy("*", "example.org"),
    no_proxy(" *", "example.org"),
    no_proxy("a.test,*", "example.org"),
    no_proxy("*", "192.0.2.1"),
    # separators
    no_proxy("a.test,example.org", "example.org"),
    no_proxy("a.test, example.org", "example.org"),
    no_proxy("a.test ,example.org", "example.org"),
    no_proxy("a.test,,example.org", "example.org"),
    no_proxy("a.test example.org", "example.org"),
    no_proxy("example.org a.test", "example.org"),
    no_proxy("a.test b.test,example.org", "example.org"),
    no_proxy("exam ple.org", "example.org"),
    no_proxy("a.test;example.org", "example.org"),
    # ports
    no_proxy("example.org:8443", "example.org:8443"),
    no_proxy("example.org:8443", "www.example.org:8443"),
    no_proxy("example.org:8443", "example.org"),
    no_proxy("example.org:443", "example.org"),
    no_proxy("192.0.2.1:8443", "192.0.2.1:8443"),
    no_proxy("192.0.2.1:8443", "192.0.2.1"),
    no_proxy("[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    # addresses and networks
    no_proxy("192.0.2.1", "192.0.2.1"),
    no_proxy("192.0.2.1", "192.0.2.10"),
    no_proxy(".2.1", "192.0.2.1"),
    no_proxy("192.0.2.0/24", "192.0.2.1"),
    no_proxy("192.0.2.77/24", "192.0.2.1"),
    no_proxy("192.0.2.0/24", "192.0.3.1"),
    no_proxy("192.0.2.1/32", "192.0.2.1"),
    no_proxy("0.0.0.0/0", "192.0.2.1"),
    no_proxy("192.0.2.1/33", "192.0.2.1"),
    no_proxy("192/8", "192.0.2.1"),
    no_proxy("192.0.2.*", "192.0.2.1"),
    no_proxy("192.0.2.1/x", "192.0.2.1"),
    no_proxy("2001:db8::1", "[2001:db8::1]"),
    no_proxy("2001:db8:0::1", "[2001:db8::1]"),
    no_proxy("[2001:db8::1]", "[2001:db8::1]"),
    no_proxy("2001:db8::/32", "[2001:db8::1]"),
    no_proxy("::/0", "[2001:db8::1]"),
    # spellings of no_proxy
    ({"https_proxy": P, "NO_PROXY": "example.org"}, "wss://example.org/"),
    ({"https_proxy": P, "no_proxy": "example.org", "NO_PROXY": "x"}, "wss://example.org/"),
    ({"https_proxy": P, "no_proxy": "x", "NO_PROXY": "example.org"}, "wss://example.org/"),
    ({"https_proxy": P, "no_proxy": "", "NO_PROXY": "example.org"}, "wss://example.org/"),
    # this machine
    *(
        ({"http_proxy": P, "no_proxy": entries}, f"ws://{host}/")
        for host in ("localhost", "www.localhost", "127.0.0.1", "127.8.9.10", "[::1]")
        for entries in ("", "<-loopback>")
    ),
]
# Debian's curl 7.88 compares IPv6 addresses as texts, takes blanks for commas, and no letters
# for a prefix of 0.
ONLY_CURL_8 = (
    no_proxy("a.test b.test,example.org", "example.org"),
    no_proxy("a.test example.org", "example.org"),
    no_proxy("2001:db8:0::1", "[2001:db8::1]"),
    no_proxy("2001:db8::/32", "[2001:db8::1]"),
    no_proxy("192.0.2.1/x", "192.0.2.1"),
)
# Versions 8.21 to 8.23 take port 80, against the manual (github.com/curl/curl/issues/23681).
NOT_CURL_8_21 = (value("127.0.0.11"), value("http://127.0.0.11"))


def ids(case: tuple[Environ, str]) -> str:
    """A name for a case."""
    environ, url = case
    shown = " ".join(f"{name}={text}" for name, text in environ.items())
    return f"{shown} {url}"


def outcome(answer: _rivals.Answer) -> Outcome:
    """An answer of ours, for a comparison."""
    if answer.failure:
        return FAILS
    return (
        None
        if answer.proxy is None
        else (answer.proxy.scheme, answer.proxy.host, answer.proxy.port)
    )


def from_url(url: str | None, ports: Mapping[str, int]) -> Outcome:
    """A proxy URL that a client has chosen."""
    if not url:
        return None
    parts = urlsplit(url)
    return parts.scheme, str(parts.hostname), parts.port or ports[parts.scheme]


@functools.cache
def answers(name: str) -> dict[str, str]:
    """What was said to each case, from a file: "direct", a URL or authority, or "error"."""
    folder = Path(__file__).parent.parent / "cli" / "rivals"
    lines = (folder / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split(" => ") for line in lines if line and not line.startswith("#"))
