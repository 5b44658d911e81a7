"""Other clients beside ours, and the reasons for the differences."""

from __future__ import annotations

import re

import pytest
from _rival_cases import (
    CASES,
    Environ,
    P,
    Q,
    ids,
)

from trio_wsproxy import resolve_proxy
from trio_wsproxy._cli import _rivals
from trio_wsproxy._routing import _by_desktop, _system
from trio_wsproxy._routing._desktop import DesktopSettings, Setting


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
    proxies = {"https": Setting("a fake", "p.test:80")}
    settings = DesktopSettings("a fake", "operating system settings", proxies=proxies)
    monkeypatch.setattr(_by_desktop, "desktop_settings", lambda _: settings)
    monkeypatch.setattr(_system, "environment", lambda *_: {})
    route = resolve_proxy("wss://h.test")
    others = {one.client: one for one in _rivals.compare(route, {}, platform=platform)}
    assert [one.differs for one in others.values()] == [True, True, False, False]
    assert others["Go"].why == "Go does not look at the operating system's settings"
    assert others["requests"].route == "as the operating system says"
    # urllib forgets about the settings as soon as there is any variable.
    environ = {"no_proxy": "x"}
    monkeypatch.setattr(_system, "environment", lambda *_: environ)
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
