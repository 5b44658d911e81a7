"""Why no proxy was asked: each rule that keeps a target from one is named, with the proxy."""

from __future__ import annotations

from typing import Any

import pytest

from trio_wsproxy import Failover, resolve_proxy
from trio_wsproxy._cli._words import OPTIONS
from trio_wsproxy._failures import words
from trio_wsproxy._routing import Look, Route, _by_desktop, _system
from trio_wsproxy._routing._desktop._settings import Bypass, DesktopSettings, Setting
from trio_wsproxy._routing._why_direct import and_why_direct, why_direct
from trio_wsproxy._urls import parse_target

PROXY = "http://ada:s3cret@proxy.corp:3128"
SHOWN = "proxy http://ada:***@proxy.corp:3128 (from environment variable https_proxy)"
SWITCH = "The loopback rule (which '<-loopback>' in no_proxy switches off)"
URL = "wss://chat.corp.example/"

BY_ENVIRONMENT: dict[str, tuple[dict[str, str], str, str | None]] = {
    # Variables, the URL, what is said.
    "entry": (
        {"https_proxy": PROXY, "no_proxy": "localhost, corp.example"},
        URL,
        f"The entry 'corp.example' of environment variable no_proxy kept it from {SHOWN}",
    ),
    "spelling": (
        {"https_proxy": PROXY, "NO_PROXY": "*"},
        URL,
        f"The entry '*' of environment variable NO_PROXY kept it from {SHOWN}",
    ),
    "entry and loopback": (
        {"https_proxy": PROXY, "no_proxy": "127.0.0.0/8"},
        "ws://127.0.0.1:8080/",
        f"The entry '127.0.0.0/8' of environment variable no_proxy kept it from {SHOWN}",
    ),
    "loopback": ({"https_proxy": PROXY}, "ws://localhost:8080/", f"{SWITCH} kept it from {SHOWN}"),
    "script": (
        {"TRIO_WSPROXY_PAC": "http://wpad.corp/proxy.pac", "no_proxy": "corp.example"},
        URL,
        (
            "The entry 'corp.example' of environment variable no_proxy kept it from PAC script "
            "http://wpad.corp/proxy.pac"
        ),
    ),
    "secret": (
        {"https_proxy": PROXY, "no_proxy": "*,http://ada:s3cret@proxy.corp"},
        URL,
        f"The entry '***' of environment variable no_proxy kept it from {SHOWN}",
    ),
    "nothing": ({}, URL, "If only a proxy gets there, name it in https_proxy or in proxy="),
    "nothing for ws": (
        {},
        "ws://chat.corp.example/",
        "If only a proxy gets there, name it in https_proxy or in proxy=",
    ),
    "nothing for http": (
        {},
        "http://chat.corp.example/",
        "If only a proxy gets there, name it in http_proxy or in proxy=",
    ),
    "an entry, and no proxy": (
        {"no_proxy": "*"},
        URL,
        "If only a proxy gets there, name it in proxy=",
    ),
    "an entry, and a malformed proxy": (
        {"no_proxy": "*", "https_proxy": "htp://ada:s3cret@proxy"},
        URL,
        "If only a proxy gets there, name it in proxy=",
    ),
    "loopback, and no proxy": ({}, "ws://127.0.0.1:8080/", None),
    "proxy": ({"https_proxy": PROXY}, URL, None),
}


@pytest.mark.parametrize(
    ("environ", "url", "said"), BY_ENVIRONMENT.values(), ids=BY_ENVIRONMENT.keys()
)
def test_by_the_environment(
    environ: dict[str, str], url: str, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is named, with the proxy that it keeps a target from, and no password."""
    monkeypatch.setattr(_system, "environment", lambda _: dict(environ))
    told = why_direct(resolve_proxy(url))
    assert (None if told is None else str(told)) == said
    assert "s3cret" not in repr(told)


@pytest.mark.parametrize(
    ("environ", "proxy", "said", "typed"),
    [
        (
            {"https_proxy": PROXY},
            None,
            f"proxy=None kept it from {SHOWN}",
            f"--no-proxy kept {SHOWN}",
        ),
        (
            {"https_proxy": PROXY, "no_proxy": "*"},
            None,
            "If only a proxy gets there, name it in proxy=",
            "If only a proxy gets there, name it with --proxy",
        ),
        (
            {},
            None,
            "If only a proxy gets there, name it in proxy=",
            "If only a proxy gets there, name it with --proxy",
        ),
        ({}, Failover(None, PROXY), None, None),
        ({}, PROXY, None, None),
    ],
)
def test_by_an_argument(
    environ: dict[str, str],
    proxy: Any,
    said: str | None,
    typed: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A direct connection that was asked for is told as that; one of several ways is not explained."""
    monkeypatch.setattr(_system, "environment", lambda _: dict(environ))
    told = why_direct(resolve_proxy(URL, proxy=proxy))
    assert (None if told is None else str(told)) == said
    if told is not None and typed is not None:
        assert told.render(OPTIONS).replace("kept it from", "kept") == typed


@pytest.mark.parametrize(
    ("bypass", "known", "said"),
    [
        (
            Bypass("a fake, exceptions", "*.corp.example", "system"),
            True,
            (
                "The entry '*.corp.example' of a fake, exceptions kept it from proxy "
                "http://proxy.corp:8080 (from operating system settings)"
            ),
        ),
        (
            Bypass("a fake, exceptions", "*.corp.example", "system"),
            False,
            "operating system settings sent it past all proxies",
        ),
        (
            Bypass("a fake, exceptions", "other.example", "system", reversed=True),
            True,
            "operating system settings sent it past all proxies",
        ),
    ],
)
def test_by_the_desktop(
    bypass: Bypass, known: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desktop's list is named as well; it is not read once more for that."""
    proxies = {"https": Setting("a fake", "http://proxy.corp:8080")}
    settings = DesktopSettings(
        "a fake", "operating system settings", proxies=proxies, bypass=bypass
    )
    monkeypatch.setattr(_system, "environment", lambda _: {})
    monkeypatch.setattr(_by_desktop, "desktop_settings", lambda _: settings)
    route = resolve_proxy(URL)
    assert route.hops == ()
    if not known:

        def unread(target: object) -> None:
            del target
            raise _by_desktop.Unread(None)  # type: ignore[arg-type]  # nobody looks

        monkeypatch.setattr(_by_desktop, "desktop_settings", unread)
    assert str(why_direct(route)) == said


def test_by_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that says DIRECT is named."""
    monkeypatch.setattr(_system, "environment", lambda _: {})
    route = Route((), parse_target(URL), "PAC script http://wpad.corp/proxy.pac")
    assert (
        str(why_direct(route)) == "PAC script http://wpad.corp/proxy.pac sent it past all proxies"
    )


def test_after_other_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where proxies were tried before, the message tells of those."""
    monkeypatch.setattr(_system, "environment", lambda _: {})
    tried = (Look("proxy", None, "refused"),)
    assert why_direct(Route((), parse_target(URL), "direct", tried=tried)) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "is it up?"),
        (
            {"https_proxy": PROXY, "no_proxy": "*"},
            f"is it up? The entry '*' of environment variable no_proxy kept it from {SHOWN}",
        ),
    ],
)
def test_behind_a_question(
    environ: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes behind what is asked; advice is left out where it is not wanted."""
    monkeypatch.setattr(_system, "environment", lambda _: dict(environ))
    told = and_why_direct(words("is it up?"), resolve_proxy(URL), advise=False)
    assert str(told) == said
