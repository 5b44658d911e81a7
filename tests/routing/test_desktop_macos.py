"""macOS' network settings, played back as ``scutil --proxy`` prints them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from _desktops import SILENT, FakeAsker

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import exceptions_of, proxy_of
from trio_wsproxy._routing._desktop._macos import SCUTIL, read_macos
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._route import Trail
from trio_wsproxy._urls import parse_target

PLACE = "operating system settings (macOS network settings)"
FULL = """\
<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
    2 : fe80::/10
  }
  ExcludeSimpleHostnames : 1
  FTPPassive : 1
  HTTPEnable : 1
  HTTPPort : 8080
  HTTPProxy : web.corp
  HTTPSEnable : 1
  HTTPSPort : 8443
  HTTPSProxy : secure.corp
  HTTPSUser : ada
  ProxyAutoConfigEnable : 0
  ProxyAutoConfigURLString : http://wpad.corp/proxy.pac
  ProxyAutoDiscoveryEnable : 0
  SOCKSEnable : 0
  SOCKSPort : 1080
  SOCKSProxy : socks.corp
  __SCOPED__ : <dictionary> {
    en0 : <dictionary> {
      ExceptionsList : <array> {
        0 : *.scoped
      }
      HTTPSEnable : 1
      HTTPSPort : 1
      HTTPSProxy : scoped.corp
    }
  }
}
"""


def read(text: str) -> DesktopSettings:
    """The settings that scutil prints."""
    settings = read_macos(FakeAsker({SCUTIL: text}), None)
    assert settings is not None
    return settings


def proxy(settings: DesktopSettings, url: str = "wss://h.test") -> str | None:
    """The URL of the proxy for a target."""
    found, source = proxy_of(settings, parse_target(url), Trail())
    assert source == ("direct" if found is None else "operating system settings")
    return None if found is None else found.url


def test_full() -> None:
    """Proxies that are switched on count, of the outermost dictionary alone.

    A user's name is of no use without the password, which is in the keychain.
    """
    settings = read(FULL)
    assert proxy(settings) == "http://secure.corp:8443"
    assert set(settings.proxies) == {"https", "http"}
    assert settings.bypass is not None
    assert settings.bypass.value == "*.local;169.254/16;fe80::/10;<local>"
    assert settings.pac is None
    assert not settings.notes


def test_socks() -> None:
    """SOCKS comes first where it is switched on."""
    assert (
        proxy(read(FULL.replace("SOCKSEnable : 0", "SOCKSEnable : 1")))
        == "socks5h://socks.corp:1080"
    )


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("a.local", True),
        ("local", True),
        ("169.254.1.1", True),
        ("intranet", True),
        ("a.test", False),
    ],
)
def test_exceptions(host: str, direct: bool) -> None:
    """The list of exceptions, and simple host names."""
    target = parse_target(f"wss://{host}")
    exceptions = exceptions_of(read(FULL), target)
    assert exceptions is not None
    assert (exceptions.entries.find(target) is not None) is direct


def test_pac() -> None:
    """A PAC script that is switched on comes first, and the others stay."""
    settings = read(FULL.replace("ConfigEnable : 0", "ConfigEnable : 1"))
    assert settings.pac == (f"{PLACE}, ProxyAutoConfigURLString", "http://wpad.corp/proxy.pac")
    assert "https" in settings.proxies


@pytest.mark.parametrize(
    ("before", "after", "place", "note"),
    [
        (
            "DiscoveryEnable : 0",
            "DiscoveryEnable : 1",
            "ProxyAutoDiscoveryEnable",
            "WPAD does not exist",
        ),
        ("HTTPSProxy : secure.corp", "HTTPSProxy : ", "https", "switched on, but there is no host"),
        (
            "ConfigEnable : 0\n  ProxyAutoConfigURLString : http://wpad.corp/proxy.pac",
            "ConfigEnable : 1",
            "ProxyAutoConfigURLString",
            "switched on, but there is no address",
        ),
    ],
)
def test_notes(before: str, after: str, place: str, note: str) -> None:
    """What does not count although it is switched on is noted."""
    [(where, said)] = read(FULL.replace(before, after, 1)).notes
    assert where == f"{PLACE}, {place}"
    assert said.startswith(note)


def test_malformed() -> None:
    """A port that makes no sense is an error that names the place."""
    with pytest.raises(
        ProxyConfigError, match=r"^operating system settings \(macOS network settings\), https"
    ):
        proxy(read(FULL.replace("HTTPSPort : 8443", "HTTPSPort : x")))


@pytest.mark.parametrize(
    "text", ["", "<dictionary> {\n}\n", "}\n}\n", "x", "No such key", " : \n: :"]
)
def test_nothing(text: str) -> None:
    """No proxy is set, or what is printed is something else: there is none."""
    settings = read(text)
    assert not settings.proxies
    assert settings.pac is None


def test_scproxy() -> None:
    """Where scutil does not answer, Python's own module is asked, which knows no PAC script, and that is noted."""
    known: Any = {"exclude_simple": True, "exceptions": ("*.local", None, "169.254/16")}
    fake: Any = SimpleNamespace(
        _get_proxy_settings=lambda: known, _get_proxies=lambda: {"socks": "http://proxy:1080"}
    )
    settings = read_macos(FakeAsker({SCUTIL: SILENT}), fake)
    assert settings is not None
    assert proxy(settings) == "socks5h://proxy:1080"
    assert settings.bypass is not None
    assert settings.bypass.value == "*.local;169.254/16;<local>"
    assert settings.notes[0][1].endswith("a PAC script cannot be seen without it")


def test_scproxy_without_exceptions() -> None:
    """No list of exceptions is an empty one."""
    fake: Any = SimpleNamespace(
        _get_proxy_settings=lambda: {"exclude_simple": False}, _get_proxies=dict
    )
    settings = read_macos(FakeAsker({}), fake)
    assert settings is not None
    assert settings.bypass is not None
    assert settings.bypass.value == ""


def test_neither() -> None:
    """Without both there are no settings."""
    assert read_macos(FakeAsker({}), None) is None
