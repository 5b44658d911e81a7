"""The only reader of the environment. What is not in there, but in the desktop's settings, ``_desktop`` reads.

:func:`urllib.request.getproxies` would do for some of it, but it looks at the operating system only if no
variable ending in ``_proxy`` is set, knows no Linux desktop and no PAC script, and its ``proxy_bypass``
resolves names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Container
from typing import NamedTuple

__all__ = [
    "TLSSettings",
    "environment",
    "may_have_desktop",
    "netrc_file",
    "tls_settings",
]

# Without one of these there is no desktop on Linux.
_TELLTALES = (
    *("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "GNOME_DESKTOP_SESSION_ID", "KDE_FULL_SESSION"),
    "SNAP",
)


def environment(names: Container[str] | None = None) -> dict[str, str]:
    """Take a copy of the environment.

    On Windows ``os.environ`` finds a variable by any spelling, which would let ``HTTP_PROXY``
    pass for ``http_proxy`` under CGI; a copy has the names as they are, in upper case.

    Args:
      names: What to look for, in lower case; a variable is taken in any spelling. Default: all.

    Returns:
      Names and values.

    """
    if names is None:
        return dict(os.environ)
    # To decode all values would take four times as long, and each dial asks. Meanwhile another thread
    # may take one away.
    found = [name for name in os.environ if name.lower() in names]
    return {name: value for name in found if (value := os.environ.get(name)) is not None}


def forget_variable(name: str) -> None:
    """Take a variable out of this process's environment, in any spelling.

    For a command of ours, one of whose options has been typed to go before it.

    Args:
      name: Its name.

    """
    for spelling in list(os.environ):
        if spelling.upper() == name.upper():
            del os.environ[spelling]


def may_have_desktop() -> bool:
    """Tell whether a closer look for a desktop is worth it: on servers and in containers it is not."""
    if sys.platform in ("win32", "darwin") or any(name in os.environ for name in _TELLTALES):
        return True
    return os.path.exists("/.flatpak-info")  # noqa: PTH110  # at each dial, so it has to be cheap


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
