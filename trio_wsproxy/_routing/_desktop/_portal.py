"""A sandbox's portal (Flatpak, Snap): it says for one URL which proxies there are, PAC and exceptions included.

Asked is ``org.freedesktop.portal.ProxyResolver.Lookup`` over the session's bus, by whichever of ``gdbus``, ``busctl`` and
``dbus-send`` there is: a library for D-Bus would be another dependency, for one call in five seconds that few programs
make.

The URL is ``https://host:port/``, without path and query: for that a proxy is asked to tunnel. Where that names no
proxy, ``ws`` targets are asked for as ``http``.
"""

from __future__ import annotations

import json
from contextlib import suppress

from trio_wsproxy._redaction import secret, shown_url
from trio_wsproxy._routing._route import PORTAL, Look

from ._asking import Asker, NoAnswer, NoProgram
from ._settings import DesktopSettings, Setting
from ._variant import NoVariant, Value, parse_variant

DIRECT = "direct"
MAX_WAYS = 16
_NAME = "org.freedesktop.portal.Desktop"
_PATH = "/org/freedesktop/portal/desktop"
_INTERFACE = "org.freedesktop.portal.ProxyResolver"


def read_portal(asker: Asker, urls: tuple[str, ...]) -> DesktopSettings:
    """Ask the portal for one target.

    Args:
      asker: Asks it.
      urls: What to ask about, one after the other, until a proxy is named.

    Returns:
      What it says.

    Raises:
      NoAnswer: There is no portal, or no program to ask it with.

    """
    looks: list[Look] = []
    found: list[str] = []
    for url in urls:
        found = _look_up(asker, url)[:MAX_WAYS]
        shown = ", ".join(_shown(way) for way in found)
        looks.append(Look(PORTAL, shown, f"its answer for {url}"))
        if any(not is_direct(way) for way in found):
            break
    ways = tuple(Setting(PORTAL, secret(way.strip())) for way in found if way.strip())
    if not ways:
        notes = ((PORTAL, "it names no way"),)
        return DesktopSettings(PORTAL, PORTAL, looks=tuple(looks), notes=notes)
    return DesktopSettings(PORTAL, PORTAL, looks=tuple(looks), ways=ways)


def is_direct(way: str) -> bool:
    """Tell whether an alternative is a direct connection."""
    return way.partition(":")[0].lower() == DIRECT


def _shown(way: str) -> str:
    return "direct://" if is_direct(way) else shown_url(way)


def _look_up(asker: Asker, url: str) -> list[str]:
    for ask in (_by_gdbus, _by_busctl, _by_dbus_send):
        with suppress(NoProgram):
            return ask(asker, url)
    raise NoProgram("none of gdbus, busctl and dbus-send is installed")


def _by_gdbus(asker: Asker, url: str) -> list[str]:
    text = asker.ask(
        "gdbus",
        *("call", "--session", "--dest", _NAME, "--object-path", _PATH),
        *("--method", f"{_INTERFACE}.Lookup", url),
    )
    value: Value = []
    with suppress(NoVariant):
        value = parse_variant(text)
    return _texts(value)


def _by_busctl(asker: Asker, url: str) -> list[str]:
    text = asker.ask(
        "busctl",
        *("--user", "--json=short", "call", _NAME, _PATH, _INTERFACE, "Lookup", "s", url),
    )
    answer: object = None
    with suppress(ValueError, RecursionError):
        answer = json.loads(text)
    return _texts(answer.get("data") if isinstance(answer, dict) else None)


def _by_dbus_send(asker: Asker, url: str) -> list[str]:
    text = asker.ask(
        "dbus-send",
        *("--session", "--print-reply=literal", f"--dest={_NAME}", _PATH),
        *(f"{_INTERFACE}.Lookup", f"string:{url}"),
    )
    inside = text.partition("[")[2].rpartition("]")[0]
    return _texts([inside.split()])


def _texts(answer: object) -> list[str]:
    """The one array that an answer is."""
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], list):
        return [text for text in answer[0] if isinstance(text, str)]
    raise NoAnswer("its answer is no list of proxies")
