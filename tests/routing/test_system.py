from __future__ import annotations

import sys
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest

from trio_wsproxy._routing import _system
from trio_wsproxy._routing._system import SystemSettings, operating_system_settings


class FakeRegistry:
    """The part of winreg that is used, over a dict."""

    HKEY_CURRENT_USER = object()

    def __init__(self, values: dict[str, str] | None) -> None:
        self.values = values

    def OpenKey(self, root: object, path: str) -> FakeRegistry:  # noqa: N802 - winreg's name
        assert root is self.HKEY_CURRENT_USER
        if self.values is None:
            raise FileNotFoundError(path)
        return self

    def __enter__(self) -> str:
        return "key"

    def __exit__(self, *args: object) -> None:
        return None

    def QueryValueEx(self, key: object, name: str) -> tuple[str, int]:  # noqa: N802 - winreg's name
        assert key == "key"
        if self.values is None or name not in self.values:
            raise FileNotFoundError(name)
        return self.values[name], 1


def fake_windows(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str] | None, proxies: dict[str, str]
) -> None:
    """Put a registry in place that says this."""
    monkeypatch.setitem(sys.modules, "winreg", FakeRegistry(values))
    monkeypatch.setattr(urllib.request, "getproxies_registry", lambda: proxies, raising=False)


def test_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: the proxies as the standard library reads them, and the exceptions as they stand."""
    proxies = {"http": "http://proxy:80"}
    fake_windows(monkeypatch, {"ProxyOverride": "*.corp;<local>"}, proxies)
    assert operating_system_settings("win32") == SystemSettings(
        "operating system settings (Windows registry)", proxies, "*.corp;<local>"
    )


def test_windows_without_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: a PAC file is noticed, and a value that is absent is no error."""
    fake_windows(monkeypatch, {"AutoConfigURL": "http://wpad/wpad.dat"}, {})
    settings = operating_system_settings("win32")
    assert settings is not None
    assert (settings.bypass, settings.auto_config) == ("", True)


def test_windows_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows: an account that never had settings has none."""
    fake_windows(monkeypatch, None, {})
    assert operating_system_settings("win32") is None


def fake_macos(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], proxies: dict[str, str]
) -> None:
    """Put network settings in place that say this."""
    fake = SimpleNamespace(_get_proxy_settings=lambda: settings, _get_proxies=lambda: proxies)
    monkeypatch.setitem(sys.modules, "_scproxy", fake)


def test_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS: the proxies, the exceptions, and 'exclude simple hostnames' as <local>."""
    proxies = {"socks": "http://proxy:1080"}
    settings = {"exclude_simple": True, "exceptions": ("*.local", None, "169.254/16")}
    fake_macos(monkeypatch, settings, proxies)
    assert operating_system_settings("darwin") == SystemSettings(
        "operating system settings (macOS network settings)",
        proxies,
        "*.local;169.254/16;<local>",
    )


def test_macos_without_exceptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS: no list of exceptions is an empty one."""
    fake_macos(monkeypatch, {"exclude_simple": False}, {})
    settings = operating_system_settings("darwin")
    assert settings is not None
    assert settings.bypass == ""


@pytest.mark.parametrize(("platform", "module"), [("win32", "winreg"), ("darwin", "_scproxy")])
def test_module_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, platform: str, module: str
) -> None:
    """A Python built without the platform's module finds no settings."""
    monkeypatch.setitem(sys.modules, module, None)
    assert operating_system_settings(platform) is None


def test_other_platforms() -> None:
    """Elsewhere the environment is all there is."""
    assert operating_system_settings("linux") is None


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is a copy of the process's own."""
    monkeypatch.setenv("https_proxy", "proxy:3128")
    variables = _system.environment()
    assert variables["https_proxy"] == "proxy:3128"
    monkeypatch.delenv("https_proxy")
    assert variables["https_proxy"] == "proxy:3128"
