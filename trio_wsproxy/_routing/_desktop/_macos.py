"""macOS: the network settings, as ``scutil --proxy`` prints them.

``_scproxy``, the module below :func:`urllib.request.getproxies`, knows nothing of PAC, and is asked where ``scutil``
does not answer, in a sandbox for example. A PAC script comes first; where it cannot be loaded the other
settings count, as in Safari and Chromium. The list of exceptions is about those alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from trio_wsproxy._redaction import secret
from trio_wsproxy._routing._route import SYSTEM

from ._asking import Asker, NoAnswer
from ._settings import Bypass, DesktopSettings, Setting, url_of

PLACE = "operating system settings (macOS network settings)"
SCUTIL = "/usr/sbin/scutil"
_PROTOCOLS = ("socks", "https", "http")


def read_macos(asker: Asker, scproxy: ModuleType | None) -> DesktopSettings | None:
    """Read the network settings.

    Args:
      asker: Asks ``scutil``.
      scproxy: The module; ``None`` in a Python without it.

    Returns:
      The settings, or ``None`` where there is no way to find them out.

    """
    problem = ""
    try:
        return settings_of(*parse_scutil(asker.ask(SCUTIL, "--proxy")))
    except NoAnswer as exc:
        problem = str(exc)
    if scproxy is None:
        return None
    known = scproxy._get_proxy_settings()  # noqa: SLF001 - there is no public name for it
    urls = scproxy._get_proxies()  # noqa: SLF001 - likewise
    exceptions = [entry for entry in known.get("exceptions", ()) if entry]
    if known.get("exclude_simple"):
        exceptions.append("<local>")
    proxies = {
        protocol: Setting(f"{PLACE}, {protocol}", secret(urls[protocol]))
        for protocol in _PROTOCOLS
        if urls.get(protocol)
    }
    notes = ((PLACE, f"{problem}; a PAC script cannot be seen without it"),)
    bypass = Bypass(f"{PLACE}, exceptions", secret(";".join(exceptions)), "system")
    return DesktopSettings(PLACE, SYSTEM, proxies=proxies, bypass=bypass, notes=notes)


def parse_scutil(text: str) -> tuple[dict[str, str], list[str]]:
    """Read what ``scutil --proxy`` prints.

    Args:
      text: A dictionary in its own format, which knows no escapes.

    Returns:
      The values of the outermost dictionary, and the list of exceptions.

    """
    values: dict[str, str] = {}
    exceptions: list[str] = []
    inside: list[str] = []  # the keys of the dictionaries and arrays that are open
    for line in text.splitlines():
        if line.strip() == "}":
            inside = inside[:-1]
            continue
        key, sign, value = line.partition(" : ")
        key, value = (key.strip(), value.strip()) if sign else ("", line.strip())
        if value in ("<dictionary> {", "<array> {"):
            inside.append(key)
        elif inside == ["", "ExceptionsList"]:
            exceptions.append(value)
        elif inside == [""]:
            values[key] = secret(value)
    return values, exceptions


def settings_of(values: Mapping[str, str], exceptions: list[str]) -> DesktopSettings:
    """Make settings of the values of ``scutil``.

    Args:
      values: Of the outermost dictionary.
      exceptions: The hosts to reach directly.

    """
    proxies: dict[str, Setting] = {}
    notes: list[tuple[str, str]] = []
    for protocol in _PROTOCOLS:
        name = protocol.upper()
        if values.get(f"{name}Enable") != "1":
            continue
        host, port = values.get(f"{name}Proxy", "").strip(), values.get(f"{name}Port", "")
        where = f"{PLACE}, {protocol}"
        if not host:
            notes.append((where, "switched on, but there is no host"))
            continue
        proxies[protocol] = Setting(where, _url(host, port))
    pac, address = None, values.get("ProxyAutoConfigURLString", "").strip()
    if values.get("ProxyAutoConfigEnable") == "1":
        where = f"{PLACE}, ProxyAutoConfigURLString"
        if address:
            pac = Setting(where, secret(address))
        else:
            notes.append((where, "switched on, but there is no address"))
    if values.get("ProxyAutoDiscoveryEnable") == "1":
        where = f"{PLACE}, ProxyAutoDiscoveryEnable"
        notes.append((where, "WPAD does not exist here: not looked for"))
    entries = list(exceptions)
    if values.get("ExcludeSimpleHostnames") == "1":
        entries.append("<local>")
    bypass = Bypass(f"{PLACE}, exceptions", secret(";".join(entries)), "system")
    return DesktopSettings(
        PLACE, SYSTEM, proxies=proxies, bypass=bypass, pac=pac, notes=tuple(notes)
    )


def _url(host: str, port: str) -> str:
    """Put host and port together. Without the password, which is in the keychain, a user is of no use."""
    if port.isascii() and port.isdigit() and len(port) < 6:
        return url_of(host, int(port))
    return secret(f"{host}:{port}" if port else url_of(host, 0))
