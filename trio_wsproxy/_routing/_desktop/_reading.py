"""Reading a desktop's settings: in a thread, within a time, once for all who want them.

A reading is kept for :data:`MAX_AGE` seconds. In a run of trio, and likewise among threads that call the synchronous
function, one reads and the others wait. Who is cancelled while reading ends the program that was
asked, and the next one in the line begins anew.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import NamedTuple

import trio

from trio_wsproxy._redaction import secret
from trio_wsproxy._routing import _system
from trio_wsproxy._routing._route import Look
from trio_wsproxy._threads import NoThread, ThreadsHang, Workers
from trio_wsproxy._urls import Target

from ._asking import Asker, NoAnswer
from ._gnome import read_gnome
from ._kde import read_kde
from ._macos import read_macos
from ._portal import read_portal
from ._settings import DesktopSettings
from ._which import Desktop
from ._windows import read_windows

PATIENCE = 2.0  # seconds; gsettings takes 0.02, on a machine that is busy 0.5
MAX_AGE = 5.0  # seconds; somebody who changes a setting looks at once whether it works
MAX_KEPT = 16  # readings; a program has one, with a portal one for each server
MAX_THREADS = 4  # that do not come back, from a home on a dead network drive
_SLACK = 0.5  # seconds that a thread has to come back in by itself

# What readings depend on.
_VARIABLES = (
    *("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "KDEHOME", "KDE_SESSION_VERSION"),
    *("DBUS_SESSION_BUS_ADDRESS", "DCONF_PROFILE", "GSETTINGS_BACKEND", "PATH"),
)

_WORKERS = Workers("desktop", awaited=1, most=MAX_THREADS)
_line: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("trio_wsproxy.desktop.line")
_thread_line = threading.Lock()


class Wanted(NamedTuple):
    """What is to be read.

    Attributes:
      desktops: Whose settings, in order, until one answers.
      urls: What a portal is asked about.
      variables: What the reading depends on.

    """

    desktops: tuple[Desktop, ...]
    urls: tuple[str, ...]
    variables: tuple[str, ...]

    @property
    def place(self) -> str:
        """Whose settings, for messages."""
        return self.desktops[0].value


class _Kept(NamedTuple):
    """A reading, and the last one that was answered."""

    settings: DesktopSettings | None
    when: float
    took: float
    good: DesktopSettings | None
    good_when: float


_kept: dict[Wanted, _Kept] = {}


def wanted(desktops: tuple[Desktop, ...], target: Target, environ: Mapping[str, str]) -> Wanted:
    """Tell what has to be read for a target.

    Args:
      desktops: Whose settings.
      target: Where to.
      environ: The process's environment.

    """
    urls: tuple[str, ...] = ()
    if Desktop.PORTAL in desktops:
        schemes = ("https", "http") if target.scheme == "ws" else ("https",)
        urls = tuple(f"{scheme}://{target.authority}/" for scheme in schemes)
    return Wanted(desktops, urls, tuple(secret(environ.get(name, "")) for name in _VARIABLES))


def at_hand(what: Wanted) -> tuple[DesktopSettings | None, bool]:
    """Give what was read lately.

    Args:
      what: What is wanted.

    Returns:
      The settings, or ``None``; and whether it was.

    """
    kept = _kept.get(what)
    if kept is None or (ago := time.monotonic() - kept.when) >= MAX_AGE:
        return None, False
    return _dated(kept, ago), True


def read_now(what: Wanted) -> DesktopSettings | None:
    """Read the settings, waiting in the calling thread.

    Args:
      what: What is wanted.

    Returns:
      The settings, or ``None`` if there are none.

    """
    with _thread_line:
        settings, fresh = at_hand(what)
        if fresh:
            return settings
        asker, began = Asker(_system.environment(), PATIENCE), time.monotonic()
        found: list[DesktopSettings | None] = []
        thread = threading.Thread(target=lambda: found.append(_read(what, asker)), daemon=True)
        try:
            thread.start()
            thread.join(PATIENCE + _SLACK)
        except RuntimeError:  # the system starts no other
            pass
        finally:
            asker.cancel()
        return _keep(what, found[0] if found else _silent(what), began)


async def fetch(what: Wanted) -> DesktopSettings | None:
    """Read the settings in a thread; see :func:`read_now`.

    A cancelled call ends the program that was asked.

    """
    try:
        line = _line.get()
    except LookupError:
        line = trio.Lock()
        _line.set(line)
    async with line:
        settings, fresh = at_hand(what)
        if fresh:
            return settings
        asker, began = Asker(_system.environment(), PATIENCE), time.monotonic()
        settings = _silent(what)
        try:
            with trio.move_on_after(PATIENCE + _SLACK):
                settings = await _WORKERS.run(partial(_read, what, asker))
        except (ThreadsHang, NoThread):
            pass
        finally:
            asker.cancel()
        return _keep(what, settings, began)


# --- what is kept ------------------------------------------------------------------------


def _keep(what: Wanted, settings: DesktopSettings | None, began: float) -> DesktopSettings | None:
    now, before = time.monotonic(), _kept.pop(what, None)
    good, good_when = settings, now
    if settings is not None and not settings.answered:
        good, good_when = (before.good, before.good_when) if before else (None, now)
        if good is not None:
            # Better what was true a while ago than a way past the proxy.
            note = (settings.place, f"what it said {now - good_when:.0f} s ago counts")
            settings = good._replace(notes=(*good.notes, *settings.notes, note))
    while len(_kept) >= MAX_KEPT:
        _kept.pop(next(iter(_kept)), None)
    kept = _kept[what] = _Kept(settings, now, now - began, good, good_when)
    return _dated(kept, 0.0)


def _dated(kept: _Kept, ago: float) -> DesktopSettings | None:
    settings = kept.settings
    if settings is None:
        return None
    when = "now" if ago < 0.001 else f"{ago:.1f} s ago"
    look = Look(settings.place, None, f"read {when}, in {kept.took * 1000:.0f} ms")
    return settings._replace(looks=(look, *settings.looks))


def forget() -> None:
    """Forget all readings; for tests."""
    _kept.clear()


# --- reading -----------------------------------------------------------------------------


def _read(what: Wanted, asker: Asker) -> DesktopSettings | None:
    problems: list[tuple[str, str]] = []
    for desktop in what.desktops:
        try:
            settings = _read_one(desktop, what, asker)
        except NoAnswer as exc:
            problems.append((desktop.value, f"cannot be read: {exc}"))
            continue
        if settings is None:
            return None
        looks = (Look(place, None, problem) for place, problem in problems)
        return settings._replace(looks=(*looks, *settings.looks))
    place = what.desktops[-1].value
    return DesktopSettings(place, place, notes=tuple(problems), answered=False)


def _read_one(desktop: Desktop, what: Wanted, asker: Asker) -> DesktopSettings | None:
    if desktop is Desktop.GNOME:
        return read_gnome(asker)
    if desktop is Desktop.KDE:
        return read_kde(asker.environ)
    if desktop is Desktop.PORTAL:
        return read_portal(asker, what.urls)
    if desktop is Desktop.WINDOWS:
        return read_windows(_module("winreg"))
    return read_macos(asker, _module("_scproxy"))


def _module(name: str) -> ModuleType | None:
    """Import what exists on one platform only, out of sight of the type checker."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _silent(what: Wanted) -> DesktopSettings:
    """Say that nothing came in time."""
    place = what.desktops[-1].value
    note = (place, f"the desktop did not answer within {PATIENCE:g} s: no proxy of its")
    return DesktopSettings(place, place, notes=(note,), answered=False)
