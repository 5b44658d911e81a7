"""TRIO_WSPROXY_AUTH: which proxies it is for, and what is wrong with it when."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from _wire import all_texts

from trio_wsproxy import BasicAuth, ProxyConfigError, reconnecting_websocket_url, resolve_proxy
from trio_wsproxy._routing import Schemes, _by_desktop, _route, _schemes, _system, equip
from trio_wsproxy._routing._desktop import DesktopSettings, Setting
from trio_wsproxy._urls import Proxy

URL = "wss://echo.test"
AUTH = {"TRIO_WSPROXY_AUTH": "NTLM, basic"}


@pytest.mark.parametrize(
    ("environ", "auth"),
    [
        ({"https_proxy": "http://ada:pw@p", **AUTH}, ("ntlm", "basic")),
        ({"all_proxy": "p", "trio_wsproxy_auth": "Negotiate"}, ("negotiate",)),
        (
            {"all_proxy": "p", "TRIO_WSPROXY_AUTH": "basic", "trio_wsproxy_auth": "digest"},
            ("digest",),
        ),
        ({"all_proxy": "p", "TRIO_WSPROXY_AUTH": " , "}, ()),
        ({"all_proxy": "p", "TRIO_WSPROXY_AUTH": ""}, ()),
        ({"all_proxy": "socks5://p", **AUTH}, ()),
        ({"all_proxy": "p"}, ()),
    ],
)
def test_proxies_of_the_environment(environ: dict[str, str], auth: tuple[str, ...]) -> None:
    """Its names are the schemes of the environment's HTTP proxies, in order."""
    route = resolve_proxy(URL, environ=environ)
    assert route.hops[0].auth == auth
    looks = [look for look in route.trail if (look.variable or "").upper() == "TRIO_WSPROXY_AUTH"]
    assert [look.value for look in looks if look.value] == ([", ".join(auth)] if auth else [])
    if route.hops[0].is_socks:
        assert looks[0].outcome.startswith("set, but not looked at: it is for HTTP proxies")


@pytest.mark.parametrize(
    ("names", "notes"),
    [
        (
            "digest",
            (
                "environment variable TRIO_WSPROXY_AUTH: no single sign-on (:@) is possible with Digest",
            ),
        ),
        ("basic, ntlm", ()),
    ],
)
def test_single_sign_on(names: str, notes: tuple[str, ...]) -> None:
    """Where the names leave nothing for single sign-on, explaining the route says so before a dial fails."""
    pytest.importorskip("spnego")
    environ = {"all_proxy": "http://:@p", "TRIO_WSPROXY_AUTH": names}
    route = resolve_proxy(URL, environ=environ)
    assert route.notes == notes
    assert all(note in route.explain() for note in notes)


def test_proxies_of_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxies of the system's settings are spoken with in these schemes, too."""
    proxies = {"https": Setting("a fake", "http://p:8080")}
    settings = DesktopSettings("a fake", "operating system settings", proxies=proxies)
    monkeypatch.setattr(_system, "environment", lambda *_: dict(AUTH))
    monkeypatch.setattr(_by_desktop, "desktop_settings", lambda _: settings)
    assert resolve_proxy(URL).hops[0].auth == ("ntlm", "basic")


def test_proxy_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the program names is none of the variable's business, nor is what is wrong in it."""
    monkeypatch.setenv("TRIO_WSPROXY_AUTH", "s3cret")
    assert resolve_proxy(URL, proxy="http://p").hops[0].auth == ()


@pytest.mark.parametrize(
    "others", [{}, {"all_proxy": "p", "no_proxy": "echo.test"}, {"all_proxy": "socks5h://p"}]
)
def test_what_is_wrong_does_not_matter(others: dict[str, str]) -> None:
    """What is wrong in it stops nobody who needs no HTTP proxy."""
    resolve_proxy(URL, environ={"TRIO_WSPROXY_AUTH": "kerberos", **others})


@pytest.mark.parametrize(("word", "shown"), [("kerberos", "'kerberos'"), ("s3cret", "not shown")])
def test_unknown_word(word: str, shown: str) -> None:
    """A word that is no scheme is an error that names variable, word and what is known."""
    with pytest.raises(ProxyConfigError) as caught:
        resolve_proxy(URL, environ={"all_proxy": "p", "TRIO_WSPROXY_AUTH": f"ntlm {word}"})
    text = str(caught.value)
    assert text.startswith("environment variable TRIO_WSPROXY_AUTH: ")
    assert shown in text
    assert "negotiate, ntlm, digest, basic" in text
    assert "s3cret" not in all_texts(caught.value)


async def test_unknown_word_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reconnecting loop ends with it."""
    monkeypatch.setattr(
        _system, "environment", lambda *_: {"all_proxy": "p", "TRIO_WSPROXY_AUTH": "kerberos"}
    )
    async with reconnecting_websocket_url(URL) as connections:
        with pytest.raises(ProxyConfigError, match="negotiate was probably meant"):
            await anext(connections)


@pytest.mark.parametrize(
    ("environ", "note"),
    [
        (
            {"all_proxy": "http://ada:s3cret@p", **AUTH},
            "environment variable TRIO_WSPROXY_AUTH: passed over: NTLM needs pyspnego (pip install",
        ),
        (
            {"all_proxy": "http://:@p"},
            "proxy http://:@p:80: passed over: Negotiate needs pyspnego",
        ),
    ],
)
def test_library_is_missing(
    environ: dict[str, str],
    note: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What needs a library that is missing is passed over, with a note and one log record."""
    monkeypatch.setitem(sys.modules, "spnego", None)
    _route.warn_once.cache_clear()
    for _ in range(3):
        route = resolve_proxy(URL, environ=environ)
    assert route.notes[0].startswith(note)
    assert note in route.explain()
    assert [record.getMessage() for record in caplog.records] == [route.notes[0]]
    assert "s3cret" not in route.explain()


def test_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies with a user, with none, and those of SOCKS cost no look for a library."""
    monkeypatch.setattr(_schemes, "lacks_library", None)
    for url in ("http://p", "http://ada:pw@p", "socks5://:@p"):
        assert equip((Proxy(url),), None).hops == (Proxy(url),)
    given: list[Any] = ["netrc", "keyring", BasicAuth("ada", "pw")]
    for auth in given:
        assert equip((Proxy("http://p", auth=auth),), None).notes == ()
    assert equip((), Schemes("x", "s3cret")).hops == ()
    assert "s3cret" not in repr(equip((Proxy("http://p"),), None))
