"""What is said about curl, Go, requests and websockets, asked of the real ones.

A table of environments is given to our rules and to each client. requests and websockets are
asked for the proxy that they would use. curl is run, and tells with ``--verbose`` where it
connects to; all proxies are addresses of loopback on which nobody listens, and so is what it
takes for the server. Debian's curl 7.88 does not know ``ws://``, and is asked for ``http://`` where that
makes no difference. What Go says stands in go-answers.txt, what a libcurl of 2026 says in
curl-answers.txt, each with how it was asked.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import pytest
import requests
import requests.utils
from hypothesis import example, given
from hypothesis import strategies as st

from trio_wsproxy import resolve_proxy
from trio_wsproxy._cli._rivals import _rules as _rivals
from trio_wsproxy._routing import _system
from trio_wsproxy._routing._system import SystemSettings
from trio_wsproxy._urls._proxies import parse_target

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
    return None if answer.hop is None else (answer.hop.scheme, answer.hop.host, answer.hop.port)


# --- the real ones -----------------------------------------------------------------------


def from_url(url: str | None, ports: Mapping[str, int]) -> Outcome:
    """A proxy URL that a client has chosen."""
    if not url:
        return None
    parts = urlsplit(url)
    return parts.scheme, str(parts.hostname), parts.port or ports[parts.scheme]


def ask_requests(environ: Environ, url: str) -> Outcome:
    """Where requests would connect to, as far as it goes without doing it."""
    http_url = re.sub("^ws", "http", url)
    with mock.patch.dict(os.environ, environ, clear=True), requests.Session() as session:
        prepared = requests.Request("GET", http_url).prepare()
        settings = session.merge_environment_settings(http_url, {}, None, None, None)
        adapter = session.get_adapter(http_url)
        assert isinstance(adapter, requests.adapters.HTTPAdapter)
        chosen = requests.utils.select_proxy(http_url, settings["proxies"])
        try:
            pool = adapter.get_connection_with_tls_context(prepared, True, settings["proxies"])
        except (ValueError, requests.RequestException):
            return FAILS
    if pool.proxy is not None:
        host = str(pool.proxy.host)
        return str(pool.proxy.scheme), host.strip("[]"), int(pool.proxy.port or 0)
    return from_url(chosen, {"socks4": 1080, "socks5": 1080})  # PySocks knows the port


def ask_websockets(environ: Environ, url: str) -> Outcome:
    """Where websockets would connect to."""
    import websockets.exceptions
    import websockets.proxy
    import websockets.uri

    with mock.patch.dict(os.environ, environ, clear=True):
        chosen = websockets.proxy.get_proxy(websockets.uri.parse_uri(url))
    if chosen is None:
        return None
    try:
        proxy = websockets.proxy.parse_proxy(chosen)
    except (ValueError, websockets.exceptions.InvalidProxy):
        return FAILS
    return proxy.scheme, proxy.host, proxy.port


@functools.lru_cache(maxsize=1)
def curl_version() -> tuple[str, tuple[int, ...], bool]:
    """Path and version of the installed curl, and whether it knows WebSockets."""
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"curl ([0-9]+)\.([0-9]+)", text)
    assert version
    return path, (int(version[1]), int(version[2])), re.search(r"\bwss?\b", text) is not None


def ask_curl(environ: Environ, url: str) -> Outcome:
    """Where curl connects to; the scheme is not to be seen, and is left empty."""
    path, version, knows_ws = curl_version()
    original = url
    if not knows_ws:
        if {name.lower() for name in environ} & {"ws_proxy", "wss_proxy"}:
            pytest.skip("this curl knows no ws://")
        url = re.sub("^ws", "http", url)
    if version < (8, 0) and (environ, original) in ONLY_CURL_8:
        pytest.skip("this curl is too old")
    if (8, 21) <= version <= (8, 23) and (environ, original) in NOT_CURL_8_21:
        pytest.skip("this curl has a mistake")
    command = [path, "--disable", "--silent", "--show-error", "--verbose", "--globoff"]
    command += ["--max-time", "10", "--connect-to", f"::{NOBODY}", url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    tried = re.search(r"Trying (\S+):([0-9]+)\.\.\.", done.stderr)
    if tried is None:
        assert "nsupported proxy" in done.stderr
        return FAILS
    host, port = tried[1].strip("[]"), int(tried[2])
    return None if f"{host}:{port}" == NOBODY else ("", host, port)


@functools.cache
def answers(name: str) -> dict[str, str]:
    """What was said to each case, from a file: "direct", a URL or authority, or "error"."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split(" => ") for line in lines if line and not line.startswith("#"))


def what_go_said(text: str) -> Outcome:
    """What ``http.Transport`` makes of it: it speaks HTTP where it does not know the scheme."""
    parts = urlsplit(text)
    if text in ("direct", "error"):
        return None if text == "direct" else FAILS
    if not parts.hostname or parts.path.startswith("//"):
        return FAILS  # not the host that was meant
    schemes = {"http": "http", "https": "https", "socks5": "socks5h", "socks5h": "socks5h"}
    ports = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
    port = parts.port or ports.get(parts.scheme)
    return FAILS if port is None else (schemes.get(parts.scheme, "http"), parts.hostname, port)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_requests(case: tuple[Environ, str]) -> None:
    """The library requests goes where we say that it goes."""
    environ, url = case
    assert outcome(_rivals.requests(parse_target(url), environ)) == ask_requests(environ, url)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_websockets(case: tuple[Environ, str]) -> None:
    """The library websockets goes where we say that it goes."""
    pytest.importorskip("websockets", reason="websockets 17 needs Python 3.11")
    environ, url = case
    assert outcome(_rivals.websockets(parse_target(url), environ)) == ask_websockets(environ, url)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_curl(case: tuple[Environ, str]) -> None:
    """The program curl goes where we say that it goes."""
    environ, url = case
    said = outcome(_rivals.curl(parse_target(url), environ))
    said = ("", *said[1:]) if isinstance(said, tuple) else said
    asked = ask_curl(environ, url)
    assert said == asked


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_go(case: tuple[Environ, str]) -> None:
    """Programs in Go go where we say that they go."""
    environ, url = case
    said = outcome(_rivals.go(parse_target(url), environ))
    assert said == what_go_said(answers("go-answers.txt")[ids(case)])


@pytest.mark.parametrize("case", [case for case in CASES if case not in NOT_CURL_8_21], ids=ids)
def test_newer_curl(case: tuple[Environ, str]) -> None:
    """A newer libcurl than may be installed here agrees, with ws:// too."""
    environ, url = case
    answer = _rivals.curl(parse_target(url), environ)
    authority = "" if answer.hop is None else answer.hop.url.partition("://")[2].split("@")[-1]
    said = "error" if answer.failure else authority or "direct"
    assert said == answers("curl-answers.txt")[ids(case)]


@pytest.mark.parametrize("name", ["go-answers.txt", "curl-answers.txt"])
def test_everything_was_asked(name: str) -> None:
    """A file of answers has one for each case, and no other."""
    assert list(answers(name)) == [ids(case) for case in CASES]


@pytest.mark.parametrize(
    ("scheme", "first"),
    [
        ("http", b"C"),  # CONNECT
        ("https", b"\x16"),  # a TLS record
        ("socks", b"\x04"),
        ("socks4", b"\x04"),
        ("socks4a", b"\x04"),
        ("socks5", b"\x05"),
        ("socks5h", b"\x05"),
    ],
)
def test_curl_scheme(scheme: str, first: bytes) -> None:
    """What curl speaks to a proxy is what we say: socks:// is SOCKS4 to it."""
    path, _, _ = curl_version()
    received = b""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def accept() -> None:
            nonlocal received
            connection, _ = listener.accept()
            with connection:
                received = connection.recv(1)

        thread = threading.Thread(target=accept)
        thread.start()
        environ = {"https_proxy": f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"}
        command = [path, "--disable", "--silent", "--max-time", "10", "https://192.0.2.1/"]
        subprocess.run(command, env=environ, check=False)
        thread.join()
    assert received == first
    answer = _rivals.curl(parse_target("wss://192.0.2.1"), environ)
    assert answer.hop
    spoken = {"http": b"C", "https": b"\x16", "socks4": b"\x04", "socks4a": b"\x04"}
    assert spoken.get(answer.hop.scheme, b"\x05") == first


# --- the comparison ----------------------------------------------------------------------


def reasons(environ: Environ, url: str, platform: str = "linux") -> dict[str, str]:
    """Why each client that goes another way does so."""
    route = resolve_proxy(url, environ=environ)
    compared = _rivals.compare(route, environ, platform=platform)
    assert [one.client for one in compared] == ["curl", "Go", "requests", "websockets"]
    for one in compared:
        assert one.why.startswith(f"{one.client} ") if one.differs else not one.why
    return {one.client: one.why for one in compared if one.differs}


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({}, "ws://h.test", {}),
        ({"https_proxy": P}, "wss://h.test", {}),
        (
            {"socks_proxy": "socks5h://p.test", "https_proxy": P},
            "wss://h.test",
            {
                "curl": "curl does not look at socks_proxy; it takes https_proxy",
                "Go": "Go does not look at socks_proxy; it takes https_proxy",
                "requests": "requests does not look at socks_proxy; it takes https_proxy",
                "websockets": "websockets takes port 80 where none is given (in socks_proxy)",
            },
        ),
        (
            {"https_proxy": P},
            "ws://h.test",
            {
                "curl": "curl does not look at https_proxy for ws://",
                "Go": "Go does not look at https_proxy for ws://",
                "requests": "requests does not look at https_proxy for ws://",
            },
        ),
        (
            {"HTTP_PROXY": P},
            "ws://h.test",
            {"curl": "curl looks at http_proxy in lower case only"},
        ),
        (
            {"https_proxy": P, "HTTPS_PROXY": Q},
            "wss://h.test",
            {"Go": "Go prefers HTTPS_PROXY to https_proxy; it takes HTTPS_PROXY"},
        ),
        (
            {"https_proxy": "", "HTTPS_PROXY": P},
            "wss://h.test",
            {
                "requests": "requests takes the empty https_proxy for an answer, "
                "and not HTTPS_PROXY",
                "websockets": "websockets takes the empty https_proxy for an answer, "
                "and not HTTPS_PROXY",
            },
        ),
        (
            {"http_proxy": P, "REQUEST_METHOD": "GET"},
            "ws://h.test",
            {"Go": "Go refuses http_proxy where REQUEST_METHOD is set (CGI)"},
        ),
        (
            {"HTTP_PROXY": P, "REQUEST_METHOD": "GET"},
            "ws://h.test",
            {"Go": "Go refuses HTTP_PROXY where REQUEST_METHOD is set (CGI)"},
        ),
        (
            {"all_proxy": "socks5://p.test"},
            "wss://h.test",
            {
                "Go": "Go does not look at all_proxy",
                "websockets": "websockets does not look at all_proxy",
            },
        ),
        (
            {"https_proxy": "socks5://p.test:1080"},
            "wss://h.test",
            {"Go": "Go leaves the server's name to a socks5:// proxy (in https_proxy)"},
        ),
        # No name is left to be resolved.
        ({"https_proxy": "socks5://p.test:1080"}, "wss://192.0.2.1", {}),
        (
            {"https_proxy": "socks://p.test:1080"},
            "wss://h.test",
            {
                "curl": "curl takes socks:// for SOCKS4 (in https_proxy)",
                "Go": "Go speaks HTTP to a socks:// proxy (in https_proxy)",
                "requests": "requests knows no socks:// proxies (in https_proxy)",
                "websockets": "websockets knows no socks:// proxies (in https_proxy)",
            },
        ),
        (
            {"https_proxy": "p.test:3128"},
            "wss://h.test",
            {"websockets": "websockets wants a scheme, as in http://host:port (in https_proxy)"},
        ),
        (
            {"https_proxy": "http://p.test"},
            "wss://h.test",
            {"curl": "curl takes port 1080 where none is given (in https_proxy)"},
        ),
        (
            {"http_proxy": P},
            "ws://localhost",
            {
                "curl": "curl has no rule for loopback hosts",
                "requests": "requests has no rule for loopback hosts",
                "websockets": "websockets has no rule for loopback hosts",
            },
        ),
        (
            {"http_proxy": P, "no_proxy": "<-loopback>"},
            "ws://localhost",
            {"Go": "Go never sends localhost to a proxy"},
        ),
        (
            {"https_proxy": P, "no_proxy": "a.test, 10.0.0.0/8"},
            "wss://10.1.2.3",
            {"websockets": "websockets knows no networks in no_proxy"},
        ),
        (
            {"https_proxy": P, "no_proxy": ".example.org"},
            "wss://example.org",
            {
                "Go": "Go takes a leading dot in no_proxy for the names below, "
                "not for the name itself"
            },
        ),
        (
            {"https_proxy": P, "no_proxy": "example.org:8443"},
            "wss://example.org:8443",
            {"curl": "curl knows no ports in no_proxy"},
        ),
        (
            {"https_proxy": P, "no_proxy": "*,a.test"},
            "wss://example.org",
            {
                client: f"{client} takes '*' only if it is all of no_proxy"
                for client in ("curl", "requests", "websockets")
            },
        ),
        (
            {"https_proxy": P, "no_proxy": "a.test example.org"},
            "wss://example.org",
            {
                client: f"{client} wants commas between the entries of no_proxy"
                for client in ("curl", "Go", "requests", "websockets")
            },
        ),
        (
            {"https_proxy": P, "no_proxy": "example.org", "NO_PROXY": "x"},
            "wss://example.org",
            {"Go": "Go prefers NO_PROXY to no_proxy"},
        ),
        (
            {"https_proxy": P, "no_proxy": "x", "NO_PROXY": "example.org"},
            "wss://example.org",
            {"Go": "Go takes 'example.org' in NO_PROXY to cover example.org:443"},
        ),
    ],
)
def test_reasons(environ: Environ, url: str, expected: dict[str, str]) -> None:
    """Only who goes another way is given a reason, in one sentence."""
    assert reasons(environ, url) == expected


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_every_difference_has_a_reason(case: tuple[Environ, str]) -> None:
    """Whatever the difference, the reason is more than its mere consequence."""
    environ, url = case
    try:
        found = reasons(environ, url)
    except ValueError:
        return  # malformed for us, so there is no route to compare
    for client, why in found.items():
        assert not re.fullmatch(f"{client} takes [a-zA-Z]+_(proxy|PROXY)", why), why
        assert not why.endswith(("finds no variable that it looks at", "otherwise")), why


@pytest.mark.parametrize("url", ["tcp://h.test:1", "tls://h.test:1"])
def test_only_websockets(url: str) -> None:
    """They have nothing to say about URLs that they do not know."""
    assert _rivals.compare(resolve_proxy(url, environ={}), {}) == ()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_operating_system(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """Clients in Python look at the operating system's settings too, curl and Go do not."""
    settings = SystemSettings("a fake", {"https": "p.test:80"})
    monkeypatch.setattr(_system, "operating_system_settings", lambda: settings)
    monkeypatch.setattr(_system, "environment", dict)
    route = resolve_proxy("wss://h.test")
    others = {one.client: one for one in _rivals.compare(route, {}, platform=platform)}
    assert [one.differs for one in others.values()] == [True, True, False, False]
    assert others["Go"].why == "Go does not look at the operating system's settings"
    assert others["requests"].route == "as the operating system says"
    # urllib forgets about the settings as soon as there is any variable.
    environ = {"no_proxy": "x"}
    monkeypatch.setattr(_system, "environment", lambda: environ)
    route = resolve_proxy("wss://h.test")
    others = {one.client: one for one in _rivals.compare(route, environ, platform=platform)}
    assert others["websockets"].route == "direct"
    assert others["websockets"].why.endswith("settings as soon as a variable ends in _proxy")


def test_windows_has_one_case() -> None:
    """On Windows, HTTP_PROXY is http_proxy to everybody."""
    environ = {"HTTP_PROXY": P, "NO_PROXY": "10.0.0.0/8"}
    assert reasons(environ, "ws://h.test", "win32") == {}
    assert reasons(environ, "ws://10.0.0.1", "win32") == {
        "websockets": "websockets knows no networks in no_proxy"
    }


PIECES = [*"ab1:/@[]%?#*., \t\x1b\udc80ü", "://", "http://", "socks5://", "[::", "%zz", "/8", "<"]
VALUES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(
    st.dictionaries(st.sampled_from([*ALL, *map(str.upper, ALL), "no_proxy", "NO_PROXY"]), VALUES),
    st.sampled_from(["ws://h.test", "wss://192.0.2.1:1", "wss://[2001:db8::1]", "ws://localhost"]),
)
@example({"http_proxy": "http://\udc80:a@p.test"}, "ws://h.test")
def test_nothing_is_raised(environ: Environ, url: str) -> None:
    """However malformed the environment, each client gets an answer."""
    for ask in (_rivals.curl, _rivals.go, _rivals.requests, _rivals.websockets):
        assert ask(parse_target(url), environ).route


@pytest.mark.parametrize(
    "text",
    [
        f"http://ada:{SECRET}@p.test:1",
        f"http://{SECRET}@p.test:1",
        f"ada:{SECRET}@p.test",
        f"http://ada:a/{SECRET}@p.test",
        f"htp://ada:{SECRET}@p.test:1",
        f"http://ada:{SECRET}@p.test:x",
        f"http://ada:{SECRET}@p.test:1 ",
        f"socks://ada:{SECRET}@p.test:1",
        f"http://p.test:1/?token={SECRET}",
    ],
)
def test_no_secrets(text: str) -> None:
    """No answer shows a password, wherever the value that holds it stands."""
    for name in (*ALL, "no_proxy"):
        for environ in ({name: text, "all_proxy": P}, {name: text}):
            for ask in (_rivals.curl, _rivals.go, _rivals.requests, _rivals.websockets):
                for url in ("ws://p.test", "wss://p.test:1"):
                    answer = ask(parse_target(url), environ)
                    assert SECRET not in f"{answer!r} {answer.route}"
