"""What the desktop says about proxies: GNOME, KDE, a sandbox's portal, Windows, macOS.

Theory of operation
-------------------

*Which.* :mod:`._which` tells from the environment which desktop there is, as Chromium does; on a server, in
a container or a cron job there is none, and nothing of this package is imported.

*What.* One file for each desktop turns what stands there into one :class:`DesktopSettings`: proxies by
protocol, a list of exceptions, a PAC script, notes. They get a way to ask a program and the
environment, and judge nothing: precedence is the business of ``_resolve``, malformed URLs are that
of ``_urls``.

*When.* Reading takes a process or a file, and both may hang. So it is done in a thread
(:mod:`._reading`), for :data:`PATIENCE` seconds at most, once in :data:`MAX_AGE` seconds for all dials,
and only where the environment names no proxy for a target. A desktop that does not answer is one that
has no settings, or those that it had when it last answered, and that is noted: curl, which asks no desktop,
connects there. A process is ended by its own id as soon as nobody waits for it.
"""

from ._reading import MAX_AGE, PATIENCE, Wanted, at_hand, fetch, read_now, wanted
from ._settings import Bypass, DesktopSettings, Setting
from ._which import Desktop

__all__ = [
    "MAX_AGE",
    "PATIENCE",
    "Bypass",
    "Desktop",
    "DesktopSettings",
    "Setting",
    "Wanted",
    "at_hand",
    "fetch",
    "read_now",
    "wanted",
]
