"""The only reader of the environment, the Windows registry and macOS's network settings.

:func:`urllib.request.getproxies` would do for the most part, but it looks at the operating
system only if no variable ending in ``_proxy`` is set, and so forgets about it as soon as there is
a ``no_proxy``. Its functions for one platform each are called here instead. Its
``proxy_bypass`` resolves names, so the list of exceptions is read as it stands and judged by
:mod:`._bypass`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType
from typing import NamedTuple

__all__ = [
    "SystemSettings",
    "TLSSettings",
    "environment",
    "netrc_file",
    "operating_system_settings",
    "tls_settings",
]

_INTERNET_SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


class SystemSettings(NamedTuple):
    """What the operating system says.

    Attributes:
      place: The name of the place, for messages.
      proxies: Proxy URLs by the protocol they are for: ``"http"``, ``"https"``, ``"socks"``.
      bypass: The hosts to reach directly, with ``;`` or blanks between them.
      auto_config: Whether a PAC file is set, which is not run.

    """

    place: str
    proxies: Mapping[str, str] = MappingProxyType({})
    bypass: str = ""
    auto_config: bool = False


def environment() -> dict[str, str]:
    """Take a copy of the environment.

    On Windows ``os.environ`` finds a variable by any spelling, which would let ``HTTP_PROXY``
    pass for ``http_proxy`` under CGI; a copy has the names as they are, in upper case.

    Returns:
      Names and values.

    """
    return dict(os.environ)


def netrc_file() -> tuple[str, bool]:
    """Name the file with a user's passwords: the variable ``NETRC``, or ``~/.netrc``.

    On Windows it may also be called ``_netrc``, as curl has it. Looking for it may take time.

    Returns:
      The path, and whether it is the usual one.

    """
    if path := os.environ.get("NETRC"):
        return path, False
    usual = os.path.join(os.path.expanduser("~"), ".netrc")  # noqa: PTH111, PTH118
    other = os.path.join(os.path.expanduser("~"), "_netrc")  # noqa: PTH111, PTH118
    found = not os.path.exists(usual) and os.path.exists(other)  # noqa: PTH110
    return other if found else usual, True


class TLSSettings(NamedTuple):
    """What the environment says about TLS; empty values mean nothing, as for curl.

    Attributes:
      cert_file: The file of certificates to trust (``SSL_CERT_FILE``).
      cert_dir: The directories of them (``SSL_CERT_DIR``).
      key_log: The file to write the keys of TLS to (``SSLKEYLOGFILE``).

    """

    cert_file: str | None
    cert_dir: str | None
    key_log: str | None


def tls_settings() -> TLSSettings:
    """Look at the variables of OpenSSL and of the ssl module.

    Returns:
      Their values now.

    """
    get = os.environ.get
    # As the ssl module has it; OpenSSL looks at its own whatever Python was told to ignore.
    key_log = None if sys.flags.ignore_environment else get("SSLKEYLOGFILE")
    return TLSSettings(get("SSL_CERT_FILE") or None, get("SSL_CERT_DIR") or None, key_log or None)


def operating_system_settings(platform: str = sys.platform) -> SystemSettings | None:
    """Read the settings of the operating system.

    Args:
      platform: As in :data:`sys.platform`.

    Returns:
      The settings, or ``None`` where there is no such place.

    """
    reader = _READERS.get(platform)
    return reader() if reader is not None else None


def _import(name: str) -> ModuleType | None:
    """Import what exists on one platform only, out of sight of the type checker."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _windows_settings() -> SystemSettings | None:
    winreg = _import("winreg")
    if winreg is None:
        return None
    place = "operating system settings (Windows registry)"
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, _INTERNET_SETTINGS) as key:
            override = _registry_text(winreg, key, "ProxyOverride")
            auto_config = bool(_registry_text(winreg, key, "AutoConfigURL"))
    except OSError:  # no such key: an account that never had settings
        return None
    # ProxyServer has a syntax of its own, which the standard library reads.
    proxies = importlib.import_module("urllib.request").getproxies_registry()
    return SystemSettings(place, proxies, override, auto_config)


def _registry_text(winreg: ModuleType, key: object, name: str) -> str:
    try:
        return str(winreg.QueryValueEx(key, name)[0])
    except OSError:  # no such value
        return ""


def _macos_settings() -> SystemSettings | None:
    # The module below urllib.request.getproxies_macosx_sysconf and proxy_bypass.
    scproxy = _import("_scproxy")
    if scproxy is None:
        return None
    settings = scproxy._get_proxy_settings()  # noqa: SLF001 - there is no public name for it
    exceptions = [entry for entry in settings.get("exceptions", ()) if entry]
    if settings.get("exclude_simple"):
        exceptions.append("<local>")
    return SystemSettings(
        "operating system settings (macOS network settings)",
        scproxy._get_proxies(),  # noqa: SLF001 - likewise
        ";".join(exceptions),
    )


_READERS: dict[str, Callable[[], SystemSettings | None]] = {
    "win32": _windows_settings,
    "darwin": _macos_settings,
}
