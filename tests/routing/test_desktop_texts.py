"""Whatever stands in a desktop's settings: readers end in settings, in linear time, and in no other error."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from _desktops import SETTINGS, FakeAsker, FakeRegistry, gsettings
from hypothesis import example, given
from hypothesis import strategies as st

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import exceptions_of, proxy_of, ways_of
from trio_wsproxy._routing._desktop._asking import NoAnswer
from trio_wsproxy._routing._desktop._gnome import read_gnome
from trio_wsproxy._routing._desktop._kconfig import Group
from trio_wsproxy._routing._desktop._kde import settings_of
from trio_wsproxy._routing._desktop._macos import SCUTIL, read_macos
from trio_wsproxy._routing._desktop._portal import read_portal
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._desktop._windows import read_windows
from trio_wsproxy._routing._route import Trail
from trio_wsproxy._urls import parse_target

TARGET = parse_target("ws://h.test")
LONG = 2**14


def gnome(text: str) -> DesktopSettings:
    """Put a text into all of GNOME's fields."""
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
    keys = ("http host", "https host", "socks host", "http authentication-password")
    more = {"mode": "'manual'", "http authentication-user": "'ada'", "ignore-hosts": f"[{quoted}]"}
    fields = dict.fromkeys(keys, quoted)
    return read_gnome(
        FakeAsker({"gsettings": gsettings({**fields, **more, "http use-authentication": "true"})})
    )


def gnome_raw(text: str) -> DesktopSettings:
    """Let gsettings print a text."""
    return read_gnome(FakeAsker({"gsettings": f"{text}\norg.gnome.system.proxy mode {text}\n"}))


def kde(text: str) -> DesktopSettings:
    """Put a text into KDE's file, as it is and in all fields."""
    group = Group("Proxy Settings", {"A": text})
    line = text.replace("\n", " ")
    group.add(
        f"[Proxy Settings]\nProxyType=1\nhttpsProxy={line}\nsocksProxy[$e]={line}\n"
        f"NoProxyFor={line}\nReversedException={line}\n{text}\n"
    )
    return settings_of(group, "KDE's settings", {"A": text})


def kde_variables(text: str) -> DesktopSettings:
    """Let KDE name variables."""
    group = Group("Proxy Settings", {})
    line = text.replace("\n", " ")
    group.add(f"[Proxy Settings]\nProxyType=4\nhttpsProxy=A\nhttpProxy={line}\nNoProxyFor={line}\n")
    return settings_of(group, "KDE's settings", {"A": text})


def windows(text: str) -> DesktopSettings:
    """Put a text into all of the registry."""
    names = ("ProxyServer", "ProxyOverride", "AutoDetect")
    values: dict[str, object] = {"ProxyEnable": 1, **dict.fromkeys(names, text)}
    registry: Any = FakeRegistry({("HKCU", SETTINGS): values})
    settings = read_windows(registry)
    assert settings is not None
    return settings


def macos(text: str) -> DesktopSettings:
    """Put a text into what scutil prints, and into its fields."""
    line = text.replace("\n", " ")
    printed = (
        f"<dictionary> {{\n  HTTPSEnable : 1\n  HTTPSProxy : {line}\n  HTTPSPort : {line}\n"
        f"  HTTPEnable : 1\n  HTTPProxy : {line}\n"
        f"  ExceptionsList : <array> {{\n    0 : {line}\n  }}\n{text}\n}}\n"
    )
    settings = read_macos(FakeAsker({SCUTIL: printed}), None)
    assert settings is not None
    return settings


def portal(text: str) -> DesktopSettings:
    """Let a portal say a text, by each program."""
    for program in ("gdbus", "busctl"):
        with suppress(NoAnswer):
            return read_portal(FakeAsker({program: text}), ("https://h.test:80/",))
    return read_portal(FakeAsker({"dbus-send": f"array [ {text} ]"}), ("https://h.test:80/",))


READERS = [gnome, gnome_raw, kde, kde_variables, windows, macos, portal]
TEXTS = st.text(alphabet="'\"\\[]()$@,;:=/ \n\taZ0.%{}<>*ä\x00\x1b\u202e", max_size=80)


def use(read: Callable[[str], DesktopSettings], text: str) -> None:
    """Read a text and go by it."""
    settings = read(text)
    trail = Trail()
    exceptions = exceptions_of(settings, TARGET)
    if exceptions is not None:
        exceptions.entries.find(TARGET)
    with suppress(ProxyConfigError):
        proxy_of(settings, TARGET, trail)
    with suppress(ProxyConfigError):
        ways_of(settings, trail)
    for look in (*settings.looks, *trail):
        assert str(look).isprintable()
    for place, note in settings.notes:
        assert f"{place}: {note}".isprintable()


@pytest.mark.parametrize("read", READERS)
@given(text=TEXTS)
@example(text="\\ud800")
@example(text="\ud800")
@example(text="(['\\ud800://'],)")
@example(text='{"data": [["\\ud800://x"]]}')
@example(text="\x1b[31m")
def test_any_text(read: Callable[[str], DesktopSettings], text: str) -> None:
    """Any text ends in settings or in the error that names their place, and what is told is printable."""
    use(read, text)


AWKWARD = [
    "[",
    "]",
    "$(",
    "${",
    "$",
    "=",
    " ",
    "a ",
    "'",
    "\\",
    ",",
    "@a ",
    ":",
    " : ",
    "//",
    "http://",
]
AWKWARD += ["%", "a[", "[$", "\n[", "\n ", ";=", "(", "\n a[$", "{", "0", "<array> {\n", "}\n"]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("piece", AWKWARD)
def test_long_text(read: Callable[[str], DesktopSettings], piece: str) -> None:
    """16 KiB of an awkward repetition take no more than a moment of processor time."""
    begin = time.process_time()
    for before, behind in (("", ""), ("a", "["), ("'", "x"), ("[", "?")):
        use(read, before + piece * (LONG // len(piece)) + behind)
    assert time.process_time() - begin < 10  # quadratic ones take longer
