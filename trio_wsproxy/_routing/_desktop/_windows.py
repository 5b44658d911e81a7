r"""Windows: the Internet settings in the registry.

Those of the user count, or those of the machine, where the policy ``ProxySettingsPerUser`` is 0. ``ProxyServer`` has one
proxy for all protocols, or a list such as ``http=a:80;https=b:80;socks=c:1080``; it counts if ``ProxyEnable`` does not say 0.
``AutoConfigURL`` names a PAC script, which is asked first; where it cannot be loaded, ``ProxyServer`` counts, as for
Windows' own programs. ``ProxyOverride`` is about ``ProxyServer`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from trio_wsproxy._redaction import secret, shown_url
from trio_wsproxy._routing._route import SYSTEM, Look

from ._settings import Bypass, DesktopSettings, Setting

PLACE = "operating system settings (Windows registry)"
MACHINE_PLACE = "operating system settings (Windows registry, the machine's)"
_KEY = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
_POLICY = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"
_PROTOCOLS = ("socks", "https", "http")
MAX_SERVERS = 2**12  # characters; five protocols have some hundred
_SEPARATORS = re.compile(r"[;\s]+")
_DRIVE = re.compile(r"file:/{2,}([A-Za-z])[:|]", re.IGNORECASE)


def read_windows(winreg: ModuleType | None) -> DesktopSettings | None:
    """Read the registry.

    Args:
      winreg: The module; ``None`` in a Python without it.

    Returns:
      The settings, or ``None`` for an account that never had any.

    """
    if winreg is None:
        return None
    machine = _value(winreg, winreg.HKEY_LOCAL_MACHINE, _POLICY, "ProxySettingsPerUser") == "0"
    root = winreg.HKEY_LOCAL_MACHINE if machine else winreg.HKEY_CURRENT_USER
    place = MACHINE_PLACE if machine else PLACE

    def value(name: str) -> str:
        return secret(_value(winreg, root, _KEY, name).strip())

    notes: list[tuple[str, str]] = []
    looks: list[Look] = []
    pac, address = None, value("AutoConfigURL")
    if address:
        pac = Setting(f"{place}, AutoConfigURL", secret(_as_url(address)))
    enabled, server = value("ProxyEnable"), value("ProxyServer")
    proxies: dict[str, Setting] = {}
    if server and enabled in ("", "0"):
        where = f"{place}, ProxyServer"
        looks.append(Look(where, shown_url(server), "switched off (ProxyEnable is 0)"))
    elif server:
        proxies = dict(_proxies(server, place, notes))
    if value("AutoDetect") == "1":
        notes.append((f"{place}, AutoDetect", "WPAD does not exist here: not looked for"))
    bypass = Bypass(f"{place}, exceptions", value("ProxyOverride"), "system")
    return DesktopSettings(place, SYSTEM, tuple(looks), proxies, bypass, pac, notes=tuple(notes))


def _value(winreg: ModuleType, root: object, path: str, name: str) -> str:
    """A value as text, whatever its type; empty if there is none."""
    try:
        with winreg.OpenKey(root, path) as key:
            value = winreg.QueryValueEx(key, name)[0]
    except OSError:  # no such key, no such value
        return ""
    return "" if value is None else str(value)


def _proxies(
    server: str, place: str, notes: list[tuple[str, str]]
) -> Iterator[tuple[str, Setting]]:
    """Read one proxy for all, or a list by protocol."""
    parts = [part for part in _SEPARATORS.split(server[:MAX_SERVERS]) if part]
    named = {part.partition("=")[0].strip().lower() for part in parts if "=" in part}
    for part in parts:
        protocol, sign, address = part.partition("=")
        protocol = protocol.strip().lower()
        if not sign:  # one for all that are not named
            for other in ("https", "http"):
                if other not in named:
                    yield other, Setting(f"{place}, {other}", secret(part))
        elif protocol in _PROTOCOLS and address:
            yield protocol, Setting(f"{place}, {protocol}", secret(address))
    if named - {*_PROTOCOLS, "ftp", "gopher"}:
        notes.append((f"{place}, ProxyServer", "a protocol in it is not known: passed over"))


def _as_url(address: str) -> str:
    r"""Make ``file://C:\proxy.pac``, which Windows takes, what others take for it."""
    drive = _DRIVE.match(address)
    if drive is None:
        return address
    return f"file:///{drive[1]}:" + address[drive.end() :].replace("\\", "/")
