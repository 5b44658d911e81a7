"""From environment and URL to the route: tables, as in Go's httpproxy and in websockets."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from traceback import walk_tb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing import _by_desktop, _system, resolve_proxy, resolve_target
from trio_wsproxy._routing._desktop import Bypass, DesktopSettings, Setting
from trio_wsproxy._routing._resolve import Question, steps_to
from trio_wsproxy._routing._route import warn_once
from trio_wsproxy._urls import Proxy, make_target, parse_target

SECRET = "sEcReT-77"
PLACE = "operating system settings (a fake)"

A, B, C, D, E, F = (f"http://{name}:80" for name in "abcdef")
ALL = {
    "wss_proxy": "a",
    "ws_proxy": "b",
    "socks_proxy": "http://c",
    "https_proxy": "d",
    "http_proxy": "e",
    "all_proxy": "f",
}


def without(*names: str) -> dict[str, str]:
    """All variables but these."""
    return {name: value for name, value in ALL.items() if name not in names}


def hops(url: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """The masked URLs of the hops to a target."""
    return [hop.url for hop in resolve_proxy(url, environ=environ).hops]


# --- the environment ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "wss://h", None),
        # wss
        (ALL, "wss://h", A),
        (without("wss_proxy"), "wss://h", C),
        (without("wss_proxy", "socks_proxy"), "wss://h", D),
        (without("wss_proxy", "socks_proxy", "https_proxy"), "wss://h", F),
        ({"http_proxy": "e", "ws_proxy": "b"}, "wss://h", None),
        # ws
        (ALL, "ws://h", B),
        (without("ws_proxy"), "ws://h", C),
        (without("ws_proxy", "socks_proxy"), "ws://h", D),
        (without("ws_proxy", "socks_proxy", "https_proxy"), "ws://h", E),
        ({"all_proxy": "f", "wss_proxy": "a"}, "ws://h", F),
        ({"wss_proxy": "a"}, "ws://h", None),
        # https and http: their own first, and never the other's
        (ALL, "https://h/x?y#z", D),
        (without("https_proxy"), "https://h", C),
        (without("https_proxy", "socks_proxy"), "https://h", F),
        ({"http_proxy": "e", "ws_proxy": "b", "wss_proxy": "a"}, "https://h", None),
        (ALL, "http://h", E),
        (without("http_proxy"), "HTTP://h", C),
        (without("http_proxy", "socks_proxy"), "http://h", F),
        ({"https_proxy": "d", "ws_proxy": "b", "wss_proxy": "a"}, "http://h", None),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, "http://h", None),
        ({"https_proxy": "a", "no_proxy": "h:8443"}, "https://h:8443", None),
        # the dialer's
        (ALL, "tcp://h:1", C),
        (ALL, "tls://h:1", C),
        (without("socks_proxy"), "tcp://h:1", D),
        (without("socks_proxy", "https_proxy"), "tls://h:1", F),
        ({"http_proxy": "e", "ws_proxy": "b", "wss_proxy": "a"}, "tls://h:1", None),
        # case
        ({"HTTPS_PROXY": "A"}, "wss://h", A),
        ({"https_proxy": "a", "HTTPS_PROXY": "b"}, "wss://h", A),
        ({"HTTPS_PROXY": "a", "https_proxy": "b"}, "wss://h", B),
        ({"Https_Proxy": "a"}, "wss://h", A),
        ({"Https_Proxy": "a", "HTTPS_PROXY": "b"}, "wss://h", B),
        ({"Https_Proxy": "a", "https_proxy": "b"}, "wss://h", B),
        ({"https_Proxy": "b", "Https_proxy": "a"}, "wss://h", A),
        ({"Https_Proxy": "a", "HTTPS_PROXY": "", "https_proxy": " "}, "wss://h", A),
        ({"Https_Proxy": "", "all_proxy": "b"}, "wss://h", B),
        ({"Http_Proxy": "a"}, "ws://h", A),
        ({"Http_Proxy": "a", "REQUEST_METHOD": "GET"}, "ws://h", None),
        ({"Http_Proxy": "a", "http_proxy": "b", "REQUEST_METHOD": "GET"}, "ws://h", B),
        ({"https_proxy": "a", "No_Proxy": "h"}, "wss://h", None),
        ({"https_proxy": "a", "No_Proxy": "h", "NO_PROXY": "x"}, "wss://h", A),
        ({"All_Proxy": "socks4://ada:pw@a"}, "wss://h", "socks4://ada@a:1080"),
        ({"HTTP_PROXY": "a"}, "ws://h", A),
        ({"WSS_PROXY": "a", "https_proxy": "b"}, "wss://h", A),
        # empty is unset
        ({"wss_proxy": "", "https_proxy": "a"}, "wss://h", A),
        ({"https_proxy": "", "HTTPS_PROXY": "a"}, "wss://h", A),
        ({"https_proxy": " \t", "all_proxy": "a"}, "wss://h", A),
        ({"https_proxy": ""}, "wss://h", None),
        # CGI
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, "ws://h", None),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": ""}, "ws://h", None),
        ({"http_proxy": "a", "REQUEST_METHOD": "GET"}, "ws://h", A),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET", "all_proxy": "b"}, "ws://h", B),
        ({"HTTPS_PROXY": "a", "REQUEST_METHOD": "GET"}, "wss://h", A),
        # values
        ({"https_proxy": " a:3128 "}, "wss://h", "http://a:3128"),
        ({"https_proxy": "socks://a"}, "wss://h", "socks5h://a:1080"),
        ({"https_proxy": "user:pw@a"}, "wss://h", "http://user:***@a:80"),
        ({"http_proxy": "https://a"}, "ws://h", "https://a:443"),
        ({"socks_proxy": "a:9050"}, "wss://h", "socks5h://a:9050"),
        ({"socks_proxy": "socks4://a"}, "wss://h", "socks4://a:1080"),
        ({"all_proxy": "socks5://[::1]"}, "wss://h", "socks5://[::1]:1080"),
        # no_proxy
        ({"https_proxy": "a", "no_proxy": "h"}, "wss://h", None),
        ({"https_proxy": "a", "no_proxy": "h"}, "wss://x.h", None),
        ({"https_proxy": "a", "no_proxy": "h"}, "wss://xh", A),
        ({"https_proxy": "a", "NO_PROXY": "h"}, "wss://h", None),
        ({"https_proxy": "a", "no_proxy": "x", "NO_PROXY": "h"}, "wss://h", A),
        ({"https_proxy": "a", "no_proxy": "", "NO_PROXY": "h"}, "wss://h", None),
        ({"https_proxy": "a", "no_proxy": "*"}, "wss://h", None),
        ({"https_proxy": "a", "no_proxy": "h:443"}, "wss://h", None),
        ({"https_proxy": "a", "no_proxy": "h:443"}, "wss://h:80", A),
        ({"https_proxy": "a", "no_proxy": "10.0.0.0/8"}, "wss://10.1.1.1", None),
        ({"https_proxy": "a", "no_proxy": "[::2]:81"}, "tls://[::2]:81", None),
        ({"https_proxy": "a", "no_proxy": "bücher.example"}, "wss://bücher.example.", None),
        # loopback
        ({"https_proxy": "a"}, "wss://localhost", None),
        ({"https_proxy": "a"}, "wss://LOCALHOST.", None),
        ({"https_proxy": "a"}, "wss://app.localhost", None),
        ({"https_proxy": "a"}, "wss://127.9.9.9", None),
        ({"https_proxy": "a"}, "wss://[::1]", None),
        ({"https_proxy": "a"}, "tcp://localhost:1", None),
        ({"https_proxy": "a", "no_proxy": "<-loopback>"}, "wss://localhost", A),
        ({"https_proxy": "a", "no_proxy": "<-loopback>,x"}, "wss://[::1]", A),
        ({"https_proxy": "a", "no_proxy": "<-loopback>,localhost"}, "wss://localhost", None),
    ],
)
def test_environment(environ: Any, url: str, proxy: Any) -> None:
    """The table of environments: which proxy a URL gets."""
    assert hops(url, environ) == ([] if proxy is None else [proxy])


@pytest.mark.parametrize(
    ("environ", "url", "source"),
    [
        ({}, "wss://h", "direct"),
        ({"https_proxy": "a"}, "wss://h", "environment variable https_proxy"),
        ({"ALL_PROXY": "a"}, "wss://h", "environment variable ALL_PROXY"),
        ({"no_proxy": "h"}, "wss://h", "environment variable no_proxy"),
        ({"NO_PROXY": "h"}, "wss://h", "environment variable NO_PROXY"),
        ({"https_proxy": "a"}, "wss://localhost", "loopback rule"),
    ],
)
def test_source(environ: Any, url: str, source: str) -> None:
    """A route names the place that decided."""
    assert resolve_proxy(url, environ=environ).source == source


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"https_proxy": "ftp://a"}, "environment variable https_proxy: "),
        ({"HTTPS_PROXY": "a:0"}, "environment variable HTTPS_PROXY: "),
        ({"ALL_PROXY": "http://a/proxy.pac"}, "environment variable ALL_PROXY: "),
        ({"wss_proxy": "http:/a"}, "environment variable wss_proxy: "),
        ({"NO_PROXY": "[::1", "https_proxy": "a:b"}, "environment variable https_proxy: "),
    ],
)
def test_malformed_setting(environ: Any, place: str) -> None:
    """A malformed setting is an error that names its variable; it is never ignored."""
    with pytest.raises(ProxyConfigError) as info:
        resolve_proxy("wss://example.org", environ=environ)
    assert str(info.value).startswith(place)


@pytest.mark.parametrize(
    ("environ", "url", "expected"),
    [
        ({"no_proxy": "/docker.sock", "https_proxy": "a"}, "wss://h", [A]),
        ({"no_proxy": "/docker.sock,h", "https_proxy": "a"}, "wss://h", []),
        ({"no_proxy": "/docker.sock", "https_proxy": "a"}, "ws://localhost", []),
        ({"no_proxy": "/docker.sock"}, "wss://h", []),
        ({"NO_PROXY": "[::1,/docker.sock", "https_proxy": "a"}, "wss://[::1]", []),
    ],
)
def test_odd_entry(
    environ: Any, url: str, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An odd entry stops nothing; the explanation, a note and one record of the log name it."""
    warn_once.cache_clear()
    for _ in range(2):
        route = resolve_proxy(url, environ=environ)
        assert [hop.url for hop in route.hops] == expected
        (note,) = route.notes
        variable = "NO_PROXY" if "NO_PROXY" in environ else "no_proxy"
        assert note.startswith(f"environment variable {variable}: no sense can be made of ")
        assert "'/docker.sock' (this is not a network)" in note
        assert f"  {note}" in route.explain().splitlines()
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("trio_wsproxy", "WARNING", note)
    ]


def test_odd_entries_of_the_system(system: Any, caplog: pytest.LogCaptureFixture) -> None:
    """So it is with the operating system's list."""
    warn_once.cache_clear()
    system(proxies={"https": "http://a:80"}, bypass=r"172.19.0.0/40;*.local;\\server")
    assert hops("wss://h") == [A]
    assert hops("wss://x.local") == []
    route = resolve_proxy("wss://172.19.0.1")
    assert [hop.url for hop in route.hops] == [A]
    (note,) = route.notes
    assert note.startswith(f"{PLACE}, exceptions: no sense can be made of '172.19.0.0/40' (")
    assert r"server' (a backslash is in no name): ignored" in note
    assert len(caplog.records) == 1


def test_password_for_socks4(caplog: pytest.LogCaptureFixture) -> None:
    """A password for SOCKS4 in the environment is not sent; the route and the log say so."""
    warn_once.cache_clear()
    environ = {"all_proxy": f"socks4a://ada:{SECRET}@a"}
    route = resolve_proxy("wss://h", environ=environ)
    assert [hop.url for hop in route.hops] == ["socks4a://ada@a:1080"]
    (note,) = route.notes
    assert note == (
        "environment variable all_proxy: SOCKS4 has no passwords, so the one in it is not sent; "
        "socks5h:// has"
    )
    assert f"  {note}" in route.explain().splitlines()
    assert [record.getMessage() for record in caplog.records] == [note]
    with pytest.raises(ProxyConfigError, match="no passwords"):
        resolve_proxy("wss://h", proxy=environ["all_proxy"])


@pytest.mark.parametrize(
    "environ",
    [
        {"https_proxy": f"http://ada:{SECRET}@a:b"},
        {"https_proxy": f"a:1@ada:{SECRET}", "PASSWORD": SECRET},
        {"no_proxy": f"http://ada:{SECRET}@a:b", "all_proxy": f"ftp://{SECRET}"},
    ],
)
@pytest.mark.parametrize("given", [False, True])
def test_no_frame_has_a_secret(environ: dict[str, str], given: bool) -> None:
    """Nor has any frame of ours: error trackers send what variables are in them."""
    if given:
        arguments: dict[str, Any] = {"proxy": environ.get("https_proxy") or environ["all_proxy"]}
    else:
        arguments = {"environ": environ}
    with pytest.raises(ProxyConfigError) as caught:
        resolve_proxy("wss://h", **arguments)
    shown = "".join(
        f"{frame.f_code.co_name}: {frame.f_locals!r}"
        for frame, _ in walk_tb(caught.value.__traceback__)
        if "trio_wsproxy" in frame.f_code.co_filename
    )
    assert "resolve_target" in shown
    assert SECRET not in shown


@pytest.mark.parametrize("scheme", ["wss", "tcp", "http"])
def test_no_frame_has_the_password_of_a_target(scheme: str) -> None:
    """So it is with a target's URL."""
    with pytest.raises(ValueError) as caught:
        resolve_proxy(f"{scheme}://ada:{SECRET}@h:x", environ={})
    frames = [frame for frame, _ in walk_tb(caught.value.__traceback__)][1:]
    assert SECRET not in "".join(repr(frame.f_locals) for frame in frames)


def test_a_given_proxy_has_no_notes() -> None:
    """Where no list is looked at, nothing is odd in it."""
    assert resolve_proxy("wss://h", proxy="a", environ={"no_proxy": "/"}).notes == ()


def test_settings_not_looked_at_may_be_malformed() -> None:
    """A variable behind the one that decides, or for another scheme, does no harm."""
    environ = {"https_proxy": "a", "http_proxy": "b:x", "all_proxy": "ftp://"}
    assert hops("wss://h", environ) == [A]
    assert hops("wss://h", environ | {"no_proxy": "h", "https_proxy": "ftp://"}) == []


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "https://h:x", "http:h", "h", "ws://h#x", "tcp://h", "wss://"]
)
def test_malformed_url(url: str) -> None:
    """A malformed URL is a ValueError, and none about proxies."""
    with pytest.raises(ValueError) as info:
        resolve_proxy(url, environ={})
    assert not isinstance(info.value, ProxyConfigError)


# --- the operating system ----------------------------------------------------------------


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A function that sets the process's environment and the operating system's settings."""
    calls: list[str] = []

    def use(environ: Any = (), *, proxies: Any = (), bypass: str = "", pac: str = "") -> list[str]:
        def read(target: object) -> DesktopSettings:
            del target
            calls.append("read")
            return DesktopSettings(
                PLACE,
                "operating system settings",
                proxies={
                    name: Setting(f"{PLACE}, {name}", url) for name, url in dict(proxies).items()
                },
                bypass=Bypass(f"{PLACE}, exceptions", bypass, "system"),
                pac=Setting(f"{PLACE}, AutoConfigURL", pac) if pac else None,
            )

        monkeypatch.setattr(_system, "environment", lambda *_: dict(environ))
        monkeypatch.setattr(_by_desktop, "desktop_settings", read)
        return calls

    return use


@pytest.mark.parametrize(
    ("proxies", "url", "proxy"),
    [
        ({}, "wss://h", None),
        ({"https": "http://a:80", "http": "http://b:80"}, "wss://h", A),
        ({"https": "http://a:80", "http": "http://b:80"}, "ws://h", A),
        ({"http": "http://b:80"}, "ws://h", B),
        ({"http": "http://b:80"}, "wss://h", None),
        ({"ftp": "http://b:80"}, "ws://h", None),
        ({"https": "", "http": "http://b:80"}, "ws://h", B),
        ({"socks": "http://c:1080", "https": "http://a:80"}, "wss://h", "socks5h://c:1080"),
        ({"socks": "socks://c:1080"}, "ws://h", "socks5h://c:1080"),
        ({"socks": "socks4://c"}, "tcp://h:1", "socks5h://c:1080"),
        ({"socks": "c:1"}, "tls://h:1", "socks5h://c:1"),
        ({"https": "http://a:80"}, "wss://localhost", None),
    ],
)
def test_system_proxies(system: Any, proxies: Any, url: str, proxy: Any) -> None:
    """The operating system's proxies: SOCKS first, and spoken to as SOCKS5h."""
    system(proxies=proxies)
    assert hops(url) == ([] if proxy is None else [proxy])


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({"https_proxy": "b"}, "wss://h", B),
        ({"all_proxy": "b"}, "tcp://h:1", B),
        ({"https_proxy": ""}, "wss://h", A),
        ({"no_proxy": "x"}, "wss://h", A),
        ({"no_proxy": "h"}, "wss://h", None),
        ({"http_proxy": "b"}, "wss://h", A),
        ({"http_proxy": "b"}, "ws://h", B),
        ({"HTTP_PROXY": "b", "REQUEST_METHOD": "GET"}, "ws://h", A),
        ({"TRIO_WSPROXY_DESKTOP": "0"}, "wss://h", None),
        ({"trio_wsproxy_desktop": " 0 "}, "wss://h", None),
        ({"TRIO_WSPROXY_DESKTOP": ""}, "wss://h", A),
        ({"TRIO_WSPROXY_DESKTOP": "1"}, "wss://h", A),
        ({"TRIO_WSPROXY_DESKTOP": "off"}, "wss://h", A),
    ],
)
def test_environment_and_system(system: Any, environ: Any, url: str, proxy: Any) -> None:
    """The operating system is asked only if the environment says nothing about the target."""
    calls = system(environ, proxies={"https": "http://a:80"}, bypass="h" if proxy == B else "")
    assert hops(url) == ([] if proxy is None else [proxy])
    assert bool(calls) is (proxy == A)


@pytest.mark.parametrize(
    ("bypass", "url", "proxy"),
    [
        ("*.corp;<local>", "wss://www.corp", None),
        ("*.corp;<local>", "wss://intranet", None),
        ("*.corp;<local>", "wss://example.org", A),
        ("169.254/16", "wss://169.254.1.1", None),
        ("<-loopback>", "wss://localhost", A),
        ("<-loopback>;<local>", "wss://localhost", None),
    ],
)
def test_system_bypass(system: Any, bypass: str, url: str, proxy: Any) -> None:
    """The operating system's own exceptions count for its proxies."""
    system(proxies={"https": "http://a:80"}, bypass=bypass)
    route = resolve_proxy(url)
    assert [hop.url for hop in route.hops] == ([] if proxy is None else [proxy])
    assert route.source == "operating system settings"


def test_loopback_switch_in_no_proxy(system: Any) -> None:
    """<-loopback> in no_proxy counts for the operating system's proxies too."""
    system({"no_proxy": "<-loopback>"}, proxies={"https": "http://a:80"}, bypass="x")
    assert hops("wss://localhost") == [A]


def test_system_bypass_without_proxies(system: Any) -> None:
    """Without a proxy of the operating system its list of exceptions does not matter."""
    system(proxies={"http": "http://a:80"}, bypass="10.0.0.0/99")
    assert hops("wss://h") == []


@pytest.mark.parametrize(
    ("proxies", "bypass"),
    [({"https": "ftp://a"}, ""), ({"https": "http://a:b"}, "10.0.0.0/99")],
)
def test_malformed_system_setting(system: Any, proxies: Any, bypass: str) -> None:
    """A malformed setting of the operating system is an error that names it."""
    system(proxies=proxies, bypass=bypass)
    with pytest.raises(ProxyConfigError, match=r"^operating system settings"):
        resolve_proxy("wss://h")


def test_given_environment_is_all(system: Any) -> None:
    """With an environment given, neither the process's nor the operating system is looked at."""
    calls = system({"all_proxy": "b"}, proxies={"https": "http://a:80"})
    assert hops("wss://h", {}) == []
    assert hops("wss://h", {"https_proxy": "c"}) == [C]
    assert calls == []


def test_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an environment given, the process's own is looked at."""
    monkeypatch.setenv("wss_proxy", "a")
    assert hops("wss://example.org") == [A]


def test_environment_of_windows(system: Any) -> None:
    """The names of Windows's variables are upper case, so HTTP_PROXY does not pass for lower."""
    system({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET", "NO_PROXY": "x"})
    assert hops("ws://h") == []
    system({"HTTPS_PROXY": "a", "NO_PROXY": "x"})
    assert hops("ws://h") == [A]
    assert hops("ws://x") == []


def test_nothing_is_resolved(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finding a route asks no resolver."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a name was resolved")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "getfqdn", "gethostbyaddr"):
        monkeypatch.setattr(socket, name, refuse)
    system({"no_proxy": "x,10/8"}, proxies={"https": "http://a:80"}, bypass="10/8;*.b;<local>")
    assert hops("wss://example.org") == [A]


# --- the argument ------------------------------------------------------------------------

EVERYTHING_DIRECT = {"no_proxy": "*", "https_proxy": "b"}


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        (None, []),
        ([], []),
        ((), []),
        ("a", [A]),
        (Proxy("a"), [A]),
        (["a"], [A]),
        (["socks://a", Proxy("https://b")], ["socks5h://a:1080", "https://b:443"]),
        (("a", "b", "a"), [A, B, A]),
    ],
)
@pytest.mark.parametrize("url", ["wss://h", "wss://localhost", "tcp://[::1]:1"])
def test_argument(proxy: Any, expected: Any, url: str) -> None:
    """An explicit proxy, a chain or none, wins over variables, bypass rules and loopback rule."""
    route = resolve_proxy(url, proxy=proxy, environ=EVERYTHING_DIRECT)
    assert [hop.url for hop in route.hops] == expected
    assert route.source == "argument proxy="


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        ("", "argument proxy=: "),
        ("ftp://a", "argument proxy=: "),
        (["a", "b:0"], "argument proxy=, hop 2: "),
    ],
)
def test_malformed_argument(proxy: Any, message: str) -> None:
    """A malformed argument is an error that names it, and the hop of a chain."""
    with pytest.raises(ProxyConfigError) as info:
        resolve_proxy("wss://h", proxy=proxy, environ={})
    assert str(info.value).startswith(message)


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        (False, "use proxy=None for a direct connection"),
        (b"http://a", "not bytes"),
        (3128, "not int"),
        ({"https": "a"}, "not dict"),
        (iter(["a"]), "not list_iterator"),
        ([None], "hop 1: a proxy URL must be a string, not NoneType"),
        (["a", True], "hop 2: a proxy URL must be a string, not bool"),
    ],
)
def test_argument_of_another_type(proxy: Any, message: str) -> None:
    """Something else as argument is a TypeError that tells what it may be."""
    with pytest.raises(TypeError, match=message):
        resolve_proxy("wss://h", proxy=proxy, environ={})


@pytest.mark.parametrize("url", [None, 5, b"ws://h", ["ws://h"]])
def test_url_of_another_type(url: Any) -> None:
    """What no URL is made of is named by its type, as where it is opened."""
    with pytest.raises(TypeError, match=f"^url is a str, not {type(url).__name__}$"):
        resolve_proxy(url)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (5, "environ is a mapping or None, not int"),
        ([("http_proxy", "http://a")], "environ is a mapping or None, not list"),
        ({"http_proxy": None}, "http_proxy in environ is a str, not NoneType"),
    ],
)
def test_environment_of_another_type(environ: Any, message: str) -> None:
    """An environment is texts by name, and what is none is named."""
    with pytest.raises(TypeError, match=f"^{message}$"):
        resolve_proxy("ws://h", environ=environ)


def test_resolve_target() -> None:
    """A target that is parsed already is resolved like its URL."""
    target = make_target("tls", "h", 5432)
    route = resolve_target(target, environ={"https_proxy": "a"})
    assert route == resolve_proxy("tls://h:5432", environ={"https_proxy": "a"})
    assert route.target is target


# --- the trail ---------------------------------------------------------------------------


def test_trail() -> None:
    """The trail tells every place in order, masked, and then the picture."""
    environ = {"https_proxy": "https://user:pw@proxy:3128", "no_proxy": "10.0.0.0/8"}
    assert resolve_proxy("wss://example.org/x?token=1", environ=environ).explain() == (
        "Route to wss://example.org/x?…\n"
        "  environment variable no_proxy = '10.0.0.0/8': covers example.org:443 with no entry\n"
        "  loopback rule: example.org is no loopback host\n"
        "  environment variable wss_proxy: not set\n"
        "  environment variable socks_proxy: not set\n"
        "  environment variable https_proxy = 'https://user:***@proxy:3128': used\n"
        "client ─tcp→ proxy:3128 ─TLS→ ─CONNECT→ example.org:443 ─TLS→ WebSocket"
    )


@pytest.mark.parametrize(
    ("environ", "url", "line"),
    [
        (
            {"no_proxy": "a, .example.org"},
            "wss://www.example.org",
            (
                "environment variable no_proxy = 'a, .example.org': "
                "the entry '.example.org' covers www.example.org:443: direct"
            ),
        ),
        (
            {},
            "ws://localhost",
            (
                "loopback rule: localhost is a loopback host: direct, whatever proxy is set elsewhere; "
                "the entry '<-loopback>' in no_proxy switches this rule off"
            ),
        ),
        (
            {"no_proxy": "<-loopback>"},
            "ws://localhost",
            "loopback rule: switched off by the entry '<-loopback>'",
        ),
        (
            {"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"},
            "ws://h",
            (
                "environment variable HTTP_PROXY: not looked at: REQUEST_METHOD is set, so this is a "
                "CGI program, and there the client can set it; use http_proxy"
            ),
        ),
        (
            {"HTTP_PROXY": "a"},
            "wss://h",
            "environment variable HTTP_PROXY: set, but not looked at for wss://",
        ),
        ({}, "ws://h", "operating system settings: not looked at: an environment was given"),
        ({}, "ws://h", "direct: no proxy is set"),
    ],
)
def test_trail_lines(environ: Any, url: str, line: str) -> None:
    """The trail says which rule matched, and why a place was not looked at."""
    explained = resolve_proxy(url, environ=environ).explain()
    assert f"  {line}" in explained.splitlines()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"proxies": {"https": "http://a:80"}}, f"{PLACE}, https = 'http://a:80': used"),
        (
            {"proxies": {"https": "http://a:80"}, "bypass": "x;h"},
            f"{PLACE}, exceptions = 'x;h': the entry 'h' covers h:443: direct",
        ),
        ({"proxies": {"http": "http://a:80"}}, f"{PLACE}: name no proxy for wss://"),
    ],
)
def test_trail_of_the_system(system: Any, settings: Any, line: str) -> None:
    """The trail says what stood in the operating system's settings."""
    system(**settings)
    assert f"  {line}" in resolve_proxy("wss://h").explain().splitlines()


def test_pac_of_the_system(system: Any) -> None:
    """A PAC script of the system's is a question, which the trail shows and the synchronous function refuses."""
    system(pac="http://user:pw@wpad/proxy.pac?x", proxies={"https": "http://a:80"}, bypass="h")
    [step] = steps_to(parse_target("wss://h"), True)
    assert isinstance(step, Question)
    assert step.source == f"{PLACE}, AutoConfigURL"
    assert step.route.trail[-1].place == step.source
    assert "pw" not in str(step.route.trail[-1])
    assert str(step.route.trail[-1]).endswith("a PAC script")
    # The list of exceptions is about the other settings, which count if the script gives no answer.
    assert step.instead is not None
    assert (step.instead.hops, step.instead.source) == ((), "operating system settings")
    with pytest.raises(ProxyConfigError, match=r"AutoConfigURL: a PAC script has to be asked"):
        resolve_proxy("wss://h")


def test_no_settings_instead_of_pac(system: Any) -> None:
    """Where no proxy is set besides a PAC script, nothing counts in its place, least of all a direct connection."""
    system(pac="http://wpad/proxy.pac", proxies={"http": "http://a:80"})
    [step] = steps_to(parse_target("wss://h"), True)
    assert isinstance(step, Question)
    assert step.instead is None


def test_trail_of_an_argument() -> None:
    """The trail of an explicit proxy is the argument alone, masked."""
    route = resolve_proxy("ws://h", proxy=["http://u:pw@a", "b"], environ=EVERYTHING_DIRECT)
    (look,) = route.trail
    assert look.place == "argument proxy="
    assert look.value == "http://u:***@a:80, http://b:80"


# --- secrets -----------------------------------------------------------------------------

NAMES = [*ALL, *(name.upper() for name in ALL), "no_proxy", "NO_PROXY"]


@given(
    st.sampled_from(NAMES),
    st.one_of(st.text(max_size=20), st.sampled_from(["http://", "socks5h://", "a,", ""])),
    st.text(max_size=20),
    st.sampled_from(["ws://h", "wss://h", "wss://localhost", "tcp://h:1"]),
)
def test_no_secret_is_told(name: str, before: str, after: str, url: str) -> None:
    """A password in any setting, well-formed or not, comes out nowhere."""
    environ = {name: f"{before}user:{SECRET}@{after}"}
    try:
        route = resolve_proxy(url, environ=environ)
    except ProxyConfigError as error:
        told = f"{error} {error!r} {vars(error)} {error.__context__!r}"
    else:
        told = f"{route} {route!r} {route.explain()}"
    assert SECRET not in told


@pytest.mark.parametrize(
    "word", ["none", "None", "null", "direct", "DIRECT ", "false", "off", "no"]
)
def test_words_for_none(word: str) -> None:
    """A word that means "no proxy" is no host, in an argument; a URL with that host is one."""
    for proxy in (word, [word], ["http://a.test", word]):
        with pytest.raises(ProxyConfigError, match="for a direct connection give None"):
            resolve_proxy("ws://e.test", proxy=proxy)
    hops = resolve_proxy("ws://e.test", proxy=f"http://{word.strip()}:3128").hops
    assert [hop.host for hop in hops] == [word.strip().lower()]


@pytest.mark.parametrize("word", ["true", "True", "system", "auto", "default", "env"])
def test_words_for_the_system_s(word: str) -> None:
    """Nor is one that means the default."""
    with pytest.raises(ProxyConfigError, match="leave it out"):
        resolve_proxy("ws://e.test", proxy=word)
