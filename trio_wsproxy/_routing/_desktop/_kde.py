"""KDE: ``kioslaverc``, from Plasma 4 to 6.

Files of the system (``$XDG_CONFIG_DIRS``) are read before that of the user, as KConfig does. Plasma 5 and 6 have theirs in
``$XDG_CONFIG_HOME``, versions before in ``$KDEHOME/share/config``.

As KIO and Chromium read it: ``ProxyType`` decides (0 none, 1 these proxies, 2 a PAC script, 3 WPAD, which does not exist
here, 4 variables that are named in place of proxies). The exceptions count for 1 and 4; a name covers itself and all
below it, and with ``ReversedException`` (for 1 alone) the list has what does go through a proxy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from trio_wsproxy._redaction import secret, shown_text
from trio_wsproxy._routing._route import KDE, Look, place_of

from ._asking import NoAnswer
from ._kconfig import MAX_FILE, Group
from ._settings import Bypass, DesktopSettings, Setting, url_of

_FILE = "kioslaverc"
_GROUP = "Proxy Settings"
_PROTOCOLS = ("socks", "https", "http")
_URL_SCHEME = re.compile(r"(?<![^\s,])[A-Za-z][A-Za-z0-9+.\-]*://")
# How KDE writes that there is none.
_NONE = re.compile(r"([a-z]*:)?/*:?\s*(0|-1)?", re.IGNORECASE)


def read_kde(environ: Mapping[str, str]) -> DesktopSettings:
    """Read the settings of KDE.

    Args:
      environ: For the places of its files, and for what it names.

    Returns:
      The settings.

    Raises:
      NoAnswer: A file cannot be read.

    """
    group = Group(_GROUP, environ)
    read = ""
    for path in files(environ):
        try:
            with open(path, "rb") as file:  # noqa: PTH123  # a setting, not a path of ours
                group.add(file.read(MAX_FILE).decode("utf-8", "replace"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as exc:  # no permission, no file, a NUL in its name
            raise NoAnswer(
                f"{shown_text(path)} cannot be read ({getattr(exc, 'strerror', exc)})"
            ) from None
        read = path
    place = f"{KDE} ({shown_text(read)})" if read else KDE
    return settings_of(group, place, environ)


def files(environ: Mapping[str, str]) -> Iterator[str]:
    """Name the files, the weakest first.

    Args:
      environ: For their places.

    """
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  # text, not a path of ours
    systems = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    for directory in reversed(systems.split(":")[:16]):
        if directory:
            yield os.path.join(directory, _FILE)  # noqa: PTH118  # likewise
    old = [environ.get("KDEHOME", ""), f"{home}/.kde4", f"{home}/.kde"]
    own = os.path.join(environ.get("XDG_CONFIG_HOME") or f"{home}/.config", _FILE)  # noqa: PTH118  # likewise
    older = (f"{x}/share/config/{_FILE}" for x in old if x)
    is_old = environ.get("KDE_SESSION_VERSION", "") in ("", "3", "4")
    if is_old and not os.path.exists(own):  # noqa: PTH110  # likewise
        own = next(filter(os.path.exists, older), own)
    yield own


def settings_of(group: Group, place: str, environ: Mapping[str, str]) -> DesktopSettings:
    """Make settings of what stands in the group.

    Args:
      group: All files together.
      place: For messages.
      environ: For the variables that are named there.

    """
    values = group.values
    notes = [(place, note) for note in group.notes]
    where = f"{place}, ProxyType"
    kind = values.get("ProxyType", "0").strip()
    settings = DesktopSettings(place, KDE)
    if kind == "0":
        settings = settings._replace(looks=(Look(where, kind, "no proxy"),))
    elif kind in ("1", "4"):
        settings = _manual(settings, values, where, environ if kind == "4" else None)
    elif kind == "2" and (script := values.get("Proxy Config Script", "").strip()):
        looks = (Look(where, kind, "a PAC script counts"),)
        pac = Setting(f"{place}, Proxy Config Script", secret(script))
        settings = settings._replace(looks=looks, pac=pac)
    elif kind == "2":
        notes.append((where, "2, a PAC script, but there is no address: no proxy"))
    elif kind == "3":
        notes.append((where, "3, which is WPAD, does not exist here: no proxy"))
    else:
        notes.append((where, f"{shown_text(kind)!r} is none of 0 to 4: no proxy"))
    return settings._replace(notes=(*notes, *settings.notes))


def _manual(
    settings: DesktopSettings,
    values: Mapping[str, str],
    where: str,
    environ: Mapping[str, str] | None,
) -> DesktopSettings:
    place = settings.place
    proxies: dict[str, Setting] = {}
    for protocol in _PROTOCOLS:
        key = f"{protocol}Proxy"
        setting = Setting(f"{place}, {key}", secret(values.get(key, "").strip()))
        if environ is not None:
            setting = _named(setting, environ)
            if setting.value:
                proxies[protocol] = setting
        elif not _NONE.fullmatch(setting.value):
            proxies[protocol] = setting._replace(value=_proxy_url(setting.value))
    bypass = Setting(f"{place}, NoProxyFor", values.get("NoProxyFor", ""))
    if environ is not None:
        bypass = _named(bypass, environ)
    turned = environ is None and _is_true(values.get("ReversedException", ""))
    kind = "1" if environ is None else "4"
    what = "the proxies below it" if environ is None else "the variables that are named below it"
    if not proxies:
        note = f"{kind}, but there is no proxy"
        return settings._replace(notes=((where, note),))
    return settings._replace(
        looks=(Look(where, kind, f"{what} count"),),
        proxies=proxies,
        # KIO compares hosts with what stands behind http://, if that does.
        bypass=Bypass(
            bypass.place, secret(_URL_SCHEME.sub("", bypass.value)), "KDE", reversed=turned
        ),
    )


def _named(setting: Setting, environ: Mapping[str, str]) -> Setting:
    """Follow the name of a variable to what it says."""
    for name in re.split(r"[,\s]+", setting.value.replace("$", "")):
        if name and (value := environ.get(name, "").strip()):
            return Setting(f"{setting.place}, {place_of(shown_text(name))}", secret(value))
    return setting._replace(value="")


def _proxy_url(value: str) -> str:
    """Bring ``http://host 8080`` into the usual form; what is no port stays, and is told."""
    host, _, port = value.rpartition(" ")
    host = host.strip()
    if not host:
        return secret(url_of(value, 0))
    if port.isascii() and port.isdigit() and len(port) < 6:
        return secret(url_of(host, int(port)))
    return secret(f"{host}:{port}")


def _is_true(text: str) -> bool:
    text = text.strip().lower()
    return text in ("true", "on", "yes") or (text.isascii() and text.strip("+-0").isdigit())
