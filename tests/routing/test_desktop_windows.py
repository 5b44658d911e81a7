r"""The registry as Windows has it, played back: the values are those of real machines."""

from __future__ import annotations

from typing import Any

import pytest
from _desktops import SETTINGS, FakeRegistry

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import exceptions_of, proxy_of
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._desktop._windows import read_windows
from trio_wsproxy._routing._route import Trail
from trio_wsproxy._urls import parse_target

POLICIES = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"


def read(values: dict[str, object], **keys: Any) -> DesktopSettings:
    """The settings of a user with these values."""
    registry = FakeRegistry({("HKCU", SETTINGS): values, **keys.get("others", {})})
    settings = read_windows(registry)  # type: ignore[arg-type]  # a module's stand-in
    assert settings is not None
    assert registry.open == 0
    return settings


def proxy(settings: DesktopSettings, url: str = "wss://h.test") -> str | None:
    """The URL of the proxy for a target."""
    found, _ = proxy_of(settings, parse_target(url), Trail())
    return None if found is None else found.url


@pytest.mark.parametrize(
    ("server", "wss", "ws"),
    [
        ("proxy:8080", "http://proxy:8080", "http://proxy:8080"),
        ("http://proxy:8080", "http://proxy:8080", "http://proxy:8080"),
        ("proxy", "http://proxy:80", "http://proxy:80"),
        ("http=a:80;https=b:81", "http://b:81", "http://b:81"),
        ("http=a:80", None, "http://a:80"),
        ("HTTPS=b:81", "http://b:81", "http://b:81"),
        ("https=https://b:81", "https://b:81", "https://b:81"),
        ("https=http://b:81;ftp=c:1;gopher=d:1", "http://b:81", "http://b:81"),
        ("http=a:80;https=b:81;socks=s:1080", "socks5h://s:1080", "socks5h://s:1080"),
        ("socks=s", "socks5h://s:1080", "socks5h://s:1080"),
        ("socks=socks4://s:1", "socks5h://s:1", "socks5h://s:1"),
        ("http=a:80 https=b:81", "http://b:81", "http://b:81"),
        ("http=a:80; https=b:81;", "http://b:81", "http://b:81"),
        ("http=a:80;other:3128", "http://other:3128", "http://other:3128"),
        ("https=", None, None),
        ("", None, None),
    ],
)
def test_servers(server: str, wss: str | None, ws: str | None) -> None:
    """ProxyServer is one proxy for all, or a list by protocol."""
    settings = read({"ProxyEnable": 1, "ProxyServer": server})
    assert proxy(settings, "wss://h.test") == wss
    assert proxy(settings, "ws://h.test") == ws


@pytest.mark.parametrize("values", [{"ProxyEnable": 0}, {}, {"ProxyEnable": "0"}])
def test_switched_off(values: dict[str, object]) -> None:
    """A proxy that is not switched on does not count, and is told without its password."""
    settings = read({**values, "ProxyServer": "http://ada:pw@p:80"})
    assert not settings.proxies
    [look] = settings.looks
    assert look.outcome == "switched off (ProxyEnable is 0)"
    assert "pw" not in str(look)


def test_malformed() -> None:
    """A proxy that makes no sense is an error that names the place, where it would be used."""
    settings = read({"ProxyEnable": 1, "ProxyServer": "http=a:80;https=b:c"})
    with pytest.raises(
        ProxyConfigError, match=r"^operating system settings \(Windows registry\), https: "
    ):
        proxy(settings)
    settings = read({"ProxyEnable": 1, "ProxyServer": "htps=b:1;http=a:80"})
    assert "not known" in settings.notes[0][1]
    assert proxy(settings, "ws://h") == "http://a:80"


@pytest.mark.parametrize(
    ("override", "host", "direct"),
    [
        ("*.corp;<local>", "www.corp", True),
        ("*.corp;<local>", "corp.test", False),
        ("*.corp;<local>", "intranet", True),
        ("corp.test", "www.corp.test", False),
        ("10.*;192.168.*", "10.1.2.3", True),
        ("http://corp.test", "corp.test", True),
        (";;C:\\x;corp.test", "corp.test", True),
        ("", "corp.test", False),
    ],
)
def test_exceptions(override: str, host: str, direct: bool) -> None:
    """ProxyOverride is read as Windows has it."""
    settings = read({"ProxyEnable": 1, "ProxyServer": "p:1", "ProxyOverride": override})
    target = parse_target(f"wss://{host}")
    exceptions = exceptions_of(settings, target)
    assert exceptions is not None
    assert (exceptions.entries.find(target) is not None) is direct


def test_loopback() -> None:
    """<-loopback> in the list makes this machine's own names go to the proxy."""
    settings = read({"ProxyEnable": 1, "ProxyServer": "p:1", "ProxyOverride": "<-loopback>"})
    exceptions = exceptions_of(settings, parse_target("wss://localhost"))
    assert exceptions is not None
    assert exceptions.entries.proxies_loopback


@pytest.mark.parametrize(
    ("address", "pac"),
    [
        ("http://wpad.corp/wpad.dat", "http://wpad.corp/wpad.dat"),
        ("file://C:\\Proxy\\a.pac", "file:///C:/Proxy/a.pac"),
        ("file:///C:/Proxy/a.pac", "file:///C:/Proxy/a.pac"),
        ("FILE:////C|/a.pac", "file:///C:/a.pac"),
    ],
)
def test_pac(address: str, pac: str) -> None:
    """AutoConfigURL is a PAC script, besides the other settings, whose exceptions are not about it."""
    values = {"AutoConfigURL": address, "ProxyOverride": "h.test", "ProxyEnable": 0}
    settings = read(values)
    assert settings.pac is not None
    assert settings.pac.value == pac
    assert settings.pac.place == "operating system settings (Windows registry), AutoConfigURL"
    assert exceptions_of(settings, parse_target("wss://h.test")) is None


def test_wpad() -> None:
    """WPAD is noted, for it does not exist here."""
    [(place, note)] = read({"AutoDetect": 1}).notes
    assert place.endswith("AutoDetect")
    assert note == "WPAD does not exist here: not looked for"


@pytest.mark.parametrize(("per_user", "expected"), [(0, "http://machine:1"), (1, "http://user:1")])
def test_settings_of_the_machine(per_user: int, expected: str) -> None:
    """Where a policy says so, the machine's settings count in place of the user's."""
    machine = {"ProxyEnable": 1, "ProxyServer": "machine:1"}
    others = {
        ("HKLM", POLICIES): {"ProxySettingsPerUser": per_user},
        ("HKLM", SETTINGS): machine,
    }
    settings = read({"ProxyEnable": 1, "ProxyServer": "user:1"}, others=others)
    assert proxy(settings) == expected
    assert ("the machine's" in settings.place) is (per_user == 0)


def test_odd_types() -> None:
    """A value of another type than Windows writes is read as text."""
    settings = read({"ProxyEnable": "1", "ProxyServer": "p:1", "ProxyOverride": None})
    assert proxy(settings) == "http://p:1"


def test_no_settings() -> None:
    """An account without the key has no proxy, and a Python without winreg no settings."""
    settings = read_windows(FakeRegistry({}))  # type: ignore[arg-type]  # a module's stand-in
    assert settings is not None
    assert (settings.proxies, settings.pac, settings.notes) == ({}, None, ())
    assert read_windows(None) is None
