"""Credentials out of the keyring: the package itself, with keyrings that lie in files or in this process."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from _awkward import everything_told

from trio_wsproxy import Proxy, ProxyConfigError
from trio_wsproxy._cli._words import OPTIONS
from trio_wsproxy._exceptions import told
from trio_wsproxy._routing._keyring import keyring_credentials

keyring = pytest.importorskip("keyring")
PASSWORD = "s3cret-p\u00e4ss"


class Fake(keyring.backend.KeyringBackend):  # type: ignore[misc,name-defined]  # keyring has types; the skip hides them
    """A keyring in this process, which finds any user's password as those of desktops do."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], Any] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.threads: set[int] = set()

    def get_password(self, service: str, username: str) -> Any:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def get_credential(self, service: str, username: str | None) -> Any:
        self.asked.append((service, username))
        self.threads.add(threading.get_ident())
        for (one, user), password in self.passwords.items():
            if one == service and username in (None, user):
                return keyring.credentials.SimpleCredential(user, password)
        return None


@pytest.fixture
def use() -> Iterator[Any]:
    """Choose a keyring for the test; that of before comes back."""
    before = keyring.get_keyring()

    def choose(backend: Any) -> Any:
        keyring.set_keyring(backend)
        return backend

    yield choose
    keyring.set_keyring(before)


@pytest.mark.parametrize("stored", ["http://proxy.test:3128", "proxy.test:3128", "proxy.test"])
@pytest.mark.parametrize("user", ["", "ada@"])
async def test_where_it_is_stored(use: Any, stored: str, user: str) -> None:
    """The proxy's URL, host and port, and host are looked under, with its user or with any."""
    fake = use(Fake())
    fake.set_password(stored, "ada", PASSWORD)
    found = await keyring_credentials(Proxy(f"http://{user}proxy.test:3128"))
    assert found == ("ada", PASSWORD)
    services = ["http://proxy.test:3128", "proxy.test:3128", "proxy.test"]
    expected = services[: services.index(stored) + 1]
    assert fake.asked == [(service, "ada" if user else None) for service in expected]
    assert threading.get_ident() not in fake.threads
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    ("url", "services"),
    [
        ("proxy.test.", ["http://proxy.test:80", "proxy.test:80", "proxy.test"]),
        ("https://[::1]:8443", ["https://[::1]:8443", "[::1]:8443", "::1"]),
        (
            "b\u00fccher.example",
            [
                "http://xn--bcher-kva.example:80",
                "xn--bcher-kva.example:80",
                "xn--bcher-kva.example",
            ],
        ),
    ],
)
async def test_names(use: Any, url: str, services: list[str]) -> None:
    """Ports are always written, brackets as in URLs, names as the wire has them."""
    fake = use(Fake())
    with pytest.raises(ProxyConfigError):
        await keyring_credentials(Proxy(url))
    assert [service for service, _ in fake.asked] == services


async def test_another_user_is_not_taken(use: Any) -> None:
    """A URL that names a user gets that user's password, and nobody else's."""
    fake = use(Fake())
    fake.set_password("proxy.test:80", "bob", "x")
    fake.set_password("proxy.test", "ada", PASSWORD)
    assert await keyring_credentials(Proxy("http://ada@proxy.test")) == ("ada", PASSWORD)


async def test_file(use: Any, tmp_path: Path) -> None:
    """A keyring in a file, as on servers, finds passwords by user."""
    file = pytest.importorskip("keyrings.alt.file")
    backend = file.PlaintextKeyring()
    backend.file_path = str(tmp_path / "passwords.cfg")
    use(backend)
    backend.set_password("proxy.test:3128", "ada", PASSWORD)
    found = await keyring_credentials(Proxy("http://ada@proxy.test:3128"))
    assert found == ("ada", PASSWORD)
    with pytest.raises(
        ProxyConfigError, match=r"name that user in the proxy URL, http://USER@proxy"
    ):
        await keyring_credentials(Proxy("http://proxy.test:3128"))


async def refused(url: str) -> str:
    """The message of the error; nothing else of it may know more."""
    with pytest.raises(ProxyConfigError) as caught:
        await keyring_credentials(Proxy(url))
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert PASSWORD not in everything_told(error)
    return str(error)


async def test_nothing_found(use: Any) -> None:
    """It is told where was looked, and how to store a password."""
    use(Fake())
    assert await refused("http://proxy.test:3128") == (
        'proxy_auth="keyring": the keyring (test_keyring.Fake) has no password under '
        "http://proxy.test:3128, proxy.test:3128, proxy.test; store one with: keyring set "
        "proxy.test:3128 USER (and name that user in the proxy URL, http://USER@proxy.test:3128, for "
        "a keyring that finds nothing without)"
    ).replace("test_keyring", Fake.__module__)


async def test_words_of_the_command_line(use: Any) -> None:
    """Whoever typed a command is told its option."""
    use(Fake())
    with pytest.raises(ProxyConfigError) as caught:
        await keyring_credentials(Proxy("http://proxy.test"))
    assert told(caught.value, OPTIONS).startswith("--proxy-auth keyring: the keyring (")


async def test_user_is_not_told(use: Any) -> None:
    """A user name alone in a URL is likely to be a key, and stays where it is."""
    use(Fake())
    text = await refused("http://k3y@proxy.test:3128")
    assert text.endswith("; store one with: keyring set proxy.test:3128 USER")
    assert "k3y" not in text


async def test_no_backend(use: Any) -> None:
    """Where keyring has nothing to keep passwords in, that is told, with or without a user."""
    use(keyring.backends.fail.Keyring())
    for url in ("http://proxy.test", "http://ada@proxy.test"):
        text = await refused(url)
        assert "finds nothing on this machine to keep passwords in; start one" in text
        assert "keyring set proxy.test:80 USER" in text


async def test_switched_off(use: Any) -> None:
    """So is a keyring that is switched off."""
    use(keyring.backends.null.Keyring())
    assert "keyring is switched off here" in await refused("http://ada@proxy.test")


@pytest.mark.parametrize("module", ["keyring", "keyring.backends"])
async def test_not_installed(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error names the extra."""
    monkeypatch.setitem(sys.modules, module, None)
    text = await refused("http://proxy.test")
    assert "it needs the package keyring; pip install keyring, and store one" in text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            keyring.errors.KeyringLocked("Failed to unlock!"),
            r"failed (KeyringLocked: Failed to unlock!)",
        ),
        (keyring.errors.InitError("no D-Bus"), "failed (InitError: no D-Bus)"),
        (ValueError(f"line 3: {PASSWORD}"), "failed (ValueError); see that it is unlocked"),
        (keyring.errors.KeyringError(PASSWORD), "failed (KeyringError); "),
        (OSError(5, PASSWORD), "failed (OSError); "),
    ],
)
async def test_backend_that_raises(use: Any, error: Exception, text: str) -> None:
    """Its error is told by class; its words only where they cannot be what it has read."""

    def fail(*_: object) -> None:
        raise error

    fake = use(Fake())
    fake.get_credential = fail
    assert text in await refused("http://proxy.test")


async def test_settings_that_cannot_be_read(use: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backend that is named in a variable and is not there is told like one that fails."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.module.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    assert "the keyring failed (ModuleNotFoundError)" in await refused("http://proxy.test")


@pytest.mark.parametrize(
    "odd", [(None, PASSWORD), ("ada", None), (b"ada", PASSWORD), ("ada", PASSWORD.encode())]
)
async def test_odd_credentials(use: Any, odd: tuple[Any, Any]) -> None:
    """What is no user with a password is nothing."""
    fake = use(Fake())
    fake.get_credential = lambda *_: keyring.credentials.SimpleCredential(*odd)
    assert "has no password under" in await refused("http://proxy.test")


async def test_keyring_that_hangs(use: Any) -> None:
    """A keyring that waits for its user is left to itself, and the event loop goes on."""
    begun, let = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        begun.set()
        let.wait()

    fake = use(Fake())
    fake.get_credential = wait
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keyring_credentials, Proxy("http://proxy.test"))
            await trio.to_thread.run_sync(begun.wait)
            scope.cancel()
    assert scope.cancelled_caught
    let.set()


def test_import_is_left_for_later() -> None:
    """Nobody imports keyring before it is asked for."""
    code = "import sys, trio_wsproxy; print('keyring' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
