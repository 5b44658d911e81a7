"""Which desktop there is, as Chromium tells it (``base/nix/xdg_util.cc``, ``proxy_config_service_linux.cc``).

``XDG_CURRENT_DESKTOP`` decides, whose entries count in their order; then ``DESKTOP_SESSION``, then what desktops of
2010 set. XFCE, LXQt and window managers have no settings of their own: there the environment is all there is. Budgie and
MATE, which Chromium finds by other variables, keep theirs where GNOME does.

In a sandbox the portal is asked first (as GLib does), for GNOME's or KDE's files are not there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum

from trio_wsproxy._routing._route import GNOME, KDE, PORTAL


class Desktop(Enum):
    """A kind of settings, by the name of its place."""

    WINDOWS = "the Windows registry"
    MACOS = "macOS' network settings"
    PORTAL = PORTAL
    GNOME = GNOME
    KDE = KDE


_GNOME = frozenset(
    (
        *("gnome", "gnome-classic", "gnome-flashback", "unity", "x-cinnamon", "cinnamon"),
        *("mate", "budgie", "pantheon", "deepin", "dde", "ukui", "cosmic"),
    )
)
_NO_SETTINGS = frozenset(("xfce", "lxqt", "lxde"))
_GNOME_SESSIONS = frozenset(("gnome", "mate", "deepin", "ukui", "cinnamon", "ubuntu", "pop"))
_KDE_SESSIONS = frozenset(("kde", "kde4", "kde-plasma", "plasma", "plasmawayland"))
_OF_MACHINES = {"win32": Desktop.WINDOWS, "darwin": Desktop.MACOS}
FLATPAK_INFO = "/.flatpak-info"


def desktops(
    environ: Mapping[str, str], platform: str, *, flatpak_info: str = FLATPAK_INFO
) -> tuple[Desktop, ...]:
    """Tell whose settings count.

    Args:
      environ: The process's.
      platform: As in :data:`sys.platform`.
      flatpak_info: The file that is there in a Flatpak.

    Returns:
      The desktops to ask, in order, until one answers; empty if there is none.

    """
    if platform in _OF_MACHINES:
        return (_OF_MACHINES[platform],)
    of_session = _of_session(environ)
    found = () if of_session is None else (of_session,)
    if environ.get("SNAP") or os.path.exists(flatpak_info):  # noqa: PTH110  # at each dial, so cheap
        return (Desktop.PORTAL, *found)
    return found


def _of_session(environ: Mapping[str, str]) -> Desktop | None:
    for name in environ.get("XDG_CURRENT_DESKTOP", "").split(":"):
        name = name.strip().lower()  # noqa: PLW2901  # the same name
        if name in _GNOME:
            return Desktop.GNOME
        if name == "kde":
            return Desktop.KDE
        if name in _NO_SETTINGS:
            return None
    session = environ.get("DESKTOP_SESSION", "").rpartition("/")[2].strip().lower()
    if session in _GNOME_SESSIONS:
        return Desktop.GNOME
    if session in _KDE_SESSIONS:
        return Desktop.KDE
    if "xfce" in session or session == "xubuntu":
        return None
    if environ.get("GNOME_DESKTOP_SESSION_ID"):
        return Desktop.GNOME
    return Desktop.KDE if environ.get("KDE_FULL_SESSION") else None
