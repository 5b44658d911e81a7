"""Credentials for a proxy out of the keyring of this machine, for those who ask for it.

Theory of operation
-------------------

The package keyring speaks with GNOME's and KDE's keyrings, Windows' and macOS's, and with whatever else is installed
for it. Each of them may wait: for D-Bus, for a user who is to unlock it in a window that nobody sees, for a terminal. So
all of it, the import included, happens in a thread, which a cancelled call leaves to itself
(:class:`~trio_wsproxy._threads.Workers`).

A password is looked up as pip does it: under the proxy's URL, then under ``host:port``, and then under its host; for
the user whom its URL names, or for any, which not every keyring can do.

Frames of a traceback show their variables, and what a backend raises may quote its file, so no function that
raises holds a password, nothing of theirs is chained to our errors, and of their texts only those are shown that
the package keyring itself defines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_wsproxy._exceptions import misconfigured
from trio_wsproxy._failures import Place, Topic, Value, words
from trio_wsproxy._redaction import secret, shown_page, shown_text
from trio_wsproxy._threads import Workers
from trio_wsproxy._urls import Proxy, bare_host, bracketed

if TYPE_CHECKING:
    from trio_wsproxy._exceptions import ProxyConfigError
    from trio_wsproxy._failures import Words

_WORKERS = Workers("keyring", awaited=4, most=16)
# By the class's name; the others may quote what they have read.
_SPEAKING = ("InitError", "KeyringLocked", "NoKeyringError")


class _Problem(NamedTuple):
    """Why there are no credentials, told by the thread that looked.

    Attributes:
      what: In words.
      remedy: What to try; how to store a password is added.

    """

    what: Value
    remedy: str = ""


async def keyring_credentials(proxy: Proxy, hop: int | None = None) -> tuple[str, str]:
    """Look a proxy up in the keyring.

    Args:
      proxy: The proxy; the user in its URL, if it names one, is the one whose password is looked up.
      hop: Its place in the chain, for the error.

    Returns:
      User name and password.

    Raises:
      ProxyConfigError: The package keyring is missing, has nothing to keep passwords in on this machine, fails,
        or knows none for this proxy.
      ThreadsHang: Too many earlier look-ups have not come back.

    A cancelled call returns at once, whatever the keyring does.

    """
    netloc = _netloc(proxy)
    services = (f"{proxy.scheme}://{netloc}", netloc, bare_host(proxy.host))
    username = proxy.username or None
    found = await _WORKERS.run(lambda: _look_up(services, username))
    if isinstance(found, _Problem):
        raise _error(found, proxy, hop)
    return found


def _error(problem: _Problem, proxy: Proxy, hop: int | None) -> ProxyConfigError:
    place = Place(proxy.url, hop)
    what = words("{setting}: {what}", setting=Topic.KEYRING, what=problem.what)
    if not problem.remedy:
        return misconfigured(what, _how_to_store(proxy), place)
    remedy = words("{first}, and {store}", first=problem.remedy, store=_how_to_store(proxy))
    return misconfigured(what, remedy, place)


def _netloc(proxy: Proxy) -> str:
    return f"{bracketed(bare_host(proxy.host))}:{proxy.port}"


def _how_to_store(proxy: Proxy) -> Words:
    netloc = _netloc(proxy)
    # A user name that stands alone in a URL may be a key: it is not shown.
    user = proxy.username if proxy.username and proxy.password else "USER"
    store = words(
        "store one with: keyring set {service} {user}",
        service=netloc,
        user=shown_text(user),
    )
    if proxy.username:
        return store
    return words(
        "{store} (and name that user in the proxy URL, {scheme}://USER@{service}, for a keyring that "
        "finds nothing without)",
        store=store,
        scheme=proxy.scheme,
        service=netloc,
    )


# --- in the thread -----------------------------------------------------------------------


def _look_up(services: tuple[str, ...], username: str | None) -> tuple[str, str] | _Problem:
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        return _Problem("it needs the package keyring", "pip install keyring")
    name = ""
    try:
        backend = keyring.get_keyring()
        name = shown_text(f"{type(backend).__module__}.{type(backend).__qualname__}")
        if isinstance(backend, fail.Keyring):
            return _NO_BACKEND
        if isinstance(backend, null.Keyring):
            return _Problem("keyring is switched off here (its null backend)", "choose another one")
        for service in services:
            credentials = _credentials(backend.get_credential, service, username)
            if credentials is not None:
                return credentials
    except Exception as exc:  # of any backend, and of reading its settings
        kind = type(exc).__name__
        said = f": {shown_page(str(exc))}" if kind in _SPEAKING else ""
        where = f" ({name})" if name else ""
        what = f"the keyring{where} failed ({kind}{said})"
        return _Problem(what, "see that it is unlocked and that the command keyring can read it")
    looked = ", ".join(services)
    return _Problem(f"the keyring ({name}) has no password under {shown_text(looked)}")


_NO_BACKEND = _Problem(
    "keyring finds nothing on this machine to keep passwords in",
    "start one (gnome-keyring or KWallet on a desktop), or choose one with PYTHON_KEYRING_BACKEND (the "
    "package keyrings.alt keeps them in a file)",
)


def _credentials(
    get: Callable[[str, str | None], Any], service: str, username: str | None
) -> tuple[str, str] | None:
    """Ask for one service; a user without a password counts, a password without a user does not."""
    found = get(service, username)
    if found is None:
        return None
    user, password = found.username or username, found.password
    if not isinstance(user, str) or not isinstance(password, str):
        return None
    return user, secret(password)
