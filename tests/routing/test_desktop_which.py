from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_wsproxy._routing._desktop._which import Desktop, desktops

NONE = "/nothing/of/this/name"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"DISPLAY": ":0"}, []),
        ({"XDG_CURRENT_DESKTOP": "GNOME"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "ubuntu:GNOME"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "GNOME-Classic:GNOME"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "Unity"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "X-Cinnamon"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "Budgie:GNOME"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "MATE"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "Pantheon"}, ["GNOME"]),
        ({"XDG_CURRENT_DESKTOP": "KDE"}, ["KDE"]),
        ({"XDG_CURRENT_DESKTOP": "XFCE"}, []),
        ({"XDG_CURRENT_DESKTOP": "XFCE", "DESKTOP_SESSION": "gnome"}, []),
        ({"XDG_CURRENT_DESKTOP": "LXQt"}, []),
        ({"XDG_CURRENT_DESKTOP": "sway"}, []),
        ({"XDG_CURRENT_DESKTOP": "odd", "DESKTOP_SESSION": "plasma"}, ["KDE"]),
        ({"XDG_CURRENT_DESKTOP": ""}, []),
        ({"DESKTOP_SESSION": "gnome"}, ["GNOME"]),
        ({"DESKTOP_SESSION": "mate"}, ["GNOME"]),
        ({"DESKTOP_SESSION": "/usr/share/xsessions/plasma"}, ["KDE"]),
        ({"DESKTOP_SESSION": "kde"}, ["KDE"]),
        ({"DESKTOP_SESSION": "xubuntu", "GNOME_DESKTOP_SESSION_ID": "x"}, []),
        ({"DESKTOP_SESSION": "default", "GNOME_DESKTOP_SESSION_ID": "x"}, ["GNOME"]),
        ({"KDE_FULL_SESSION": "true"}, ["KDE"]),
        ({"SNAP": "/snap/x/1", "XDG_CURRENT_DESKTOP": "GNOME"}, ["PORTAL", "GNOME"]),
        ({"SNAP": "/snap/x/1"}, ["PORTAL"]),
        ({"SNAP": ""}, []),
    ],
)
def test_linux(environ: Any, expected: list[str]) -> None:
    """The desktop is told as Chromium tells it; in a sandbox, the portal is asked before it."""
    found = desktops(environ, "linux", flatpak_info=NONE)
    assert [desktop.name for desktop in found] == expected


def test_flatpak(tmp_path: Path) -> None:
    """A Flatpak is known by the file that is there in each."""
    info = tmp_path / ".flatpak-info"
    info.touch()
    environ = {"XDG_CURRENT_DESKTOP": "KDE"}
    found = desktops(environ, "linux", flatpak_info=str(info))
    assert found == (Desktop.PORTAL, Desktop.KDE)


@pytest.mark.parametrize(("platform", "name"), [("win32", "WINDOWS"), ("darwin", "MACOS")])
def test_others(platform: str, name: str) -> None:
    """Windows and macOS have one place, whatever the environment says."""
    assert [x.name for x in desktops({"XDG_CURRENT_DESKTOP": "GNOME"}, platform)] == [name]
