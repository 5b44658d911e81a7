"""What the pages show of messages, reports and logs, among the hosts that they name, is brought about here.

A block names its function below: ``.. Checked by tests/test_shown.py: second hop.`` Compared are the words,
without times, and without what Python knows of a certificate that was refused from 3.13 on.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import shlex
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from _named_hosts import Hosts, named_hosts
from _pages import checked_by

from trio_wsproxy import HandshakeError, Proxy, open_websocket_url, resolve_proxy
from trio_wsproxy.testing import Certificates, Fail, Stall, open_http_proxy

BLOCKS = checked_by(__file__)
URL = "wss://example.org/"
MASKS = {
    r"\b[\d.]+ (m?s)\b": r"TIME \1",
    r"\[ws-\d+\]": "[ws-N]",
    r"█+": "",
    r"127\.0\.0\.1": "192.0.2.7",
    r"\s+": " ",
    r"it (was issued by '[^']*'|is for [\w.]+); ": "",
    r"certificate: [\w=,. ]+ issued by [\w=,. ]+ valid until \S+ \S+ UTC ": "",
}


async def connect(url: str = URL, **options: object) -> HandshakeError:
    """Open a connection in vain."""
    with pytest.raises(HandshakeError) as caught:
        async with open_websocket_url(url, **options):  # type: ignore[arg-type]  # whatever it is
            pass
    return caught.value


def message(error: HandshakeError) -> str:
    """An error as a traceback ends with it."""
    return f"{type(error).__name__}: {error}"


def distrust(patch: pytest.MonkeyPatch) -> None:
    """Trust another authority than that of the hosts."""
    Path("other.pem").write_bytes(Certificates().ca_pem)
    patch.setenv("SSL_CERT_FILE", "other.pem")


async def logs(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """A connection that was opened and closed, at the level INFO."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    patch.setattr(handler, "emit", records.append)
    logger = logging.getLogger("trio_wsproxy")
    patch.setattr(logger, "handlers", [handler])
    patch.setattr(logger, "level", logging.INFO)
    patch.setattr(logger, "propagate", False)
    logger.manager._clear_cache()  # type: ignore[attr-defined]  # as setLevel does it
    async with open_websocket_url(URL, proxy="http://proxy.corp:3128"):
        pass
    formatter = logging.Formatter("%(levelname)s %(name)s %(message)s")
    return "\n".join(map(formatter.format, records))


async def failed_report(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """The report of a dial that ended at the server's certificate."""
    distrust(patch)
    return str((await connect(proxy="http://proxy.corp:3128")).dial_report)


async def not_spoken(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """Why none of what a proxy offers could be spoken: a library, a name, an algorithm that is missing."""
    patch.setitem(sys.modules, "spnego", None)
    digest = 'Digest realm="r", nonce="n", algorithm=SHA-3'
    tails = []
    for offer in ("NTLM", "Negotiate", digest):
        async with open_http_proxy(
            script=[Fail(407, headers=[("Proxy-Authenticate", offer)])]
        ) as proxy:
            patch.setenv("https_proxy", proxy.url_for(credentials=("ada", "secret")))
            tails.append(message(await connect()).partition("example.org:443; ")[2])
    return "\n\n".join(f"…; {tail}" for tail in tails)


async def quoting(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """The command that quotes a password."""
    command = BLOCKS["quoting"].text
    quoted = io.StringIO()
    patch.setattr("getpass.getpass", lambda: "p@ss:w/rd")
    with contextlib.redirect_stdout(quoted):
        exec(shlex.split(command)[3], {})
    assert quoted.getvalue() == "p%40ss%3Aw%2Frd\n"
    return command


async def tls_in_tls(_: Hosts, __: pytest.MonkeyPatch) -> str:
    """The way through a proxy with TLS."""
    return resolve_proxy(URL, proxy="https://proxy.corp").picture


async def distrusted_proxy(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """A proxy whose certificate nobody knows here."""
    distrust(patch)
    return message(await connect(proxy="https://proxy.corp"))


async def other_name(hosts: Hosts, _: pytest.MonkeyPatch) -> str:
    """A proxy whose certificate is for another name than its URL has; told that one, it does."""
    error = await connect(proxy="https://10.20.30.40")
    async with open_websocket_url(
        URL, proxy=Proxy("https://10.20.30.40", server_hostname="proxy.corp")
    ):
        pass
    assert hosts.secure_proxy.requests
    return message(error)


async def second_hop(_: Hosts, __: pytest.MonkeyPatch) -> str:
    """The second proxy of a chain that never answers; the clock does not wait for it either."""

    async def wait() -> str:
        async with open_http_proxy(script=[Stall("reply")]) as silent:
            behind = {"gateway.example": (silent.host, silent.port)}
            async with open_http_proxy(resolve=behind) as first:
                chain = [first.url, "http://gateway.example:3128"]
                return message(await connect("ws://example.org/", proxy=chain))

    clock = trio.testing.MockClock(autojump_threshold=0)
    return await trio.to_thread.run_sync(partial(trio.run, wait, clock=clock))


async def netrc(hosts: Hosts, patch: pytest.MonkeyPatch) -> str:
    """The line of a file, with which a proxy lets the client through."""
    Path("netrc").write_text(BLOCKS["netrc"].text, encoding="utf-8")
    Path("netrc").chmod(0o600)
    patch.setenv("NETRC", str(Path("netrc").resolve()))
    await with_password(hosts, "http://proxy.corp:3128", "netrc")
    return BLOCKS["netrc"].text


async def with_password(hosts: Hosts, url: str, auth: str) -> None:
    """Open a connection through a proxy that lets ada in with her password."""
    async with open_http_proxy(credentials=("ada", "secret"), resolve=hosts.known) as proxy:
        hosts.add(proxy, "proxy.corp:3128")
        async with open_websocket_url(URL, proxy=url, proxy_auth=auth):  # type: ignore[arg-type]  # a name
            assert proxy.requests[-1].authority == "example.org:443"


async def keyring(hosts: Hosts, patch: pytest.MonkeyPatch) -> str:
    """What is typed to store a password, and asked; the proxy takes what was stored."""
    package = pytest.importorskip("keyring")
    cli = pytest.importorskip("keyring.cli")
    files = pytest.importorskip("keyrings.alt.file")
    store = files.PlaintextKeyring()
    store.file_path = str(Path("keyring").resolve())
    asked: list[str] = []
    patch.setattr(cli.CommandLineTool, "pass_from_pipe", lambda _: None)  # there is a terminal

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "secret"

    patch.setattr("getpass.getpass", answer)
    patch.setattr(package.core, "_keyring_backend", store)
    command = BLOCKS["keyring"].text.splitlines()[0]
    cli.main(command.removeprefix("$ keyring ").split())
    await with_password(hosts, "http://ada@proxy.corp:3128", "keyring")
    return "\n".join([command, *asked])


async def nothing_in_keyring(_: Hosts, patch: pytest.MonkeyPatch) -> str:
    """A keyring that has no password for the proxy."""
    package = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")

    class Keyring(backend.KeyringBackend):  # type: ignore[misc,name-defined]  # the skip hides its types
        """GNOME's, and there is nothing in it."""

        priority = 1

        def get_password(self, service: str, username: str) -> None:
            pass

        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

        def get_credential(self, service: str, username: str | None) -> None:
            pass

    Keyring.__module__, Keyring.__qualname__ = "keyring.backends.SecretService", "Keyring"
    patch.setattr(package.core, "_keyring_backend", Keyring())
    return message(await connect(proxy="http://ada@proxy.corp:3128", proxy_auth="keyring"))


async def one_line(_: Hosts, __: pytest.MonkeyPatch) -> str:
    """Both lines of a change import what they say."""
    shown = BLOCKS["one line"].text
    for line in shown.splitlines():
        exec(line[1:], {})
    assert "from trio_wsproxy import" in shown
    return shown


SCENES: dict[str, Callable[[Hosts, pytest.MonkeyPatch], Awaitable[str]]] = {
    function.__name__.replace("_", " "): function
    for function in (
        *(logs, failed_report, tls_in_tls, distrusted_proxy, other_name, second_hop, netrc),
        *(keyring, nothing_in_keyring, one_line, not_spoken, quoting),
    )
}


def masked(text: str) -> str:
    """What is compared."""
    for pattern, replacement in MASKS.items():
        text = re.sub(pattern, replacement, text)
    return text.strip()


@pytest.mark.parametrize("name", BLOCKS)
async def test_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there is said."""
    async with named_hosts(tmp_path, monkeypatch) as hosts:
        said = await SCENES[name](hosts, monkeypatch)
    assert masked(said) == masked(BLOCKS[name].text), said


def test_all_are_shown() -> None:
    """Each of the functions here has a page that shows what it brings about."""
    assert SCENES.keys() == BLOCKS.keys()
