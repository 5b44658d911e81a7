"""The default contexts: made once, out of what the environment names, and made anew when that changes."""

from __future__ import annotations

import errno
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from _wire import nothing_left
from trio.testing import MockClock

from trio_wsproxy import (
    ConnectionTimeout,
    HandshakeError,
    ProxyUnreachable,
    ServerUnreachable,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._client._reconnect import is_transient
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind
from trio_wsproxy._transport import _trust
from trio_wsproxy._transport._trust import (
    HTTP_1_1,
    forget_contexts,
    kept_context,
    made_context,
)
from trio_wsproxy.testing import Certificates, open_echo_server, open_http_proxy, open_tcp_server


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin with an environment that says nothing, and keep nothing."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    forget_contexts()
    yield
    forget_contexts()


@pytest.fixture
def ca(certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the platform's trust store be our CA, as an administrator would do it."""
    path = certificates.write_pem(tmp_path).ca
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


# --- once --------------------------------------------------------------------------------


def count_contexts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give a list that gets a 1 for each reading of the trust store."""
    made = []
    create = ssl.create_default_context

    def counting(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append(1)
        return create(*args, **kwargs)

    monkeypatch.setattr(ssl, "create_default_context", counting)
    return made


async def test_default_context_is_made_once() -> None:
    """There is one default context for each ALPN offer, and it checks certificates."""
    assert await kept_context(()) is None
    plain, http = await made_context(()), await made_context(HTTP_1_1)
    assert plain is not http
    assert await made_context(()) is await kept_context(()) is plain
    assert await made_context(HTTP_1_1) is await kept_context(HTTP_1_1) is http
    assert plain.check_hostname
    assert plain.verify_mode is ssl.CERT_REQUIRED


async def test_default_context_is_made_once_for_all_connections(
    certificates: Certificates, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two connections through TLS in TLS read the trust store once."""
    made = count_contexts(monkeypatch)
    async with open_echo_server(ssl_context=certificates.server_context()) as echo_server:
        async with open_http_proxy(ssl_context=certificates.server_context()) as proxy:
            for _ in range(2):
                async with open_websocket_url(echo_server.url, proxy=proxy.url):
                    pass
    assert made == [1]


async def test_dials_that_begin_together_read_once(
    certificates: Certificates, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten dials at once read the trust store once."""
    made = count_contexts(monkeypatch)

    async def dial(port: int) -> None:
        await (await open_ssl_over_tcp_stream("localhost", port, proxy=None)).aclose()

    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(dial, server.port)
    assert made == [1]


# --- anew --------------------------------------------------------------------------------


async def test_another_file_is_seen(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set later, a file that appears later, and one that changes, count at once."""
    await made_context(())
    file = tmp_path / "bundle.pem"
    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:

        async def dial() -> None:
            await (await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)).aclose()

        with pytest.raises(ServerUnreachable, match="its certificate was refused"):
            await dial()
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        with pytest.raises(ServerUnreachable, match=r"bundle\.pem"):
            await dial()
        file.write_bytes(Certificates().ca_pem)
        with pytest.raises(ServerUnreachable, match="its certificate was refused"):
            await dial()
        file.write_bytes(file.read_bytes() + certificates.ca_pem)
        await dial()
        file.write_bytes(Certificates().ca_pem)
        with pytest.raises(ServerUnreachable, match="its certificate was refused"):
            await dial()


@pytest.mark.parametrize("variables", [("",), ("", "SSL_CERT_FILE"), ("SSL_CERT_DIR",)])
async def test_directory_of_certificates(
    variables: tuple[str, ...],
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SSL_CERT_DIR counts, alone and beside a file; an empty SSL_CERT_FILE means none."""
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    # The name that OpenSSL looks for is made of the subject; trustme tells only the certificate.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificates.ca_pem.decode())
    name = _subject_hash(certificates, tmp_path)
    (hashed / f"{name}.0").write_bytes(certificates.ca_pem)
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'none'}{os.pathsep}{hashed}")
    if "SSL_CERT_FILE" in variables:
        other = tmp_path / "other.pem"
        other.write_bytes(Certificates().ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(other))
    else:
        monkeypatch.setenv("SSL_CERT_FILE", "")
    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:
        await (await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)).aclose()


def _subject_hash(certificates: Certificates, folder: Path) -> str:
    import subprocess

    file = folder / "one.pem"
    file.write_bytes(certificates.ca_pem)
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# --- nothing is kept that trusts nobody --------------------------------------------------


async def test_no_descriptor_at_the_first_connection(
    certificates: Certificates, ca: Path, no_descriptors: Callable[[], Any]
) -> None:
    """Without a free descriptor the store is not read: that is told, and the next dial succeeds."""
    async with open_echo_server(ssl_context=certificates.server_context()) as server:
        with no_descriptors(), pytest.raises(ServerUnreachable) as caught:
            async with open_websocket_url(server.url, proxy=None):
                pass
        assert str(caught.value).endswith(
            f"cannot be reached: SSL_CERT_FILE={ca} cannot be used: this process has no free file "
            "descriptor (Too many open files); close connections and files that nobody needs, or "
            "allow more of them (ulimit -n)"
        )
        assert caught.value.stage == "setup"
        assert is_transient(caught.value)
        async with open_websocket_url(server.url, proxy=None):
            pass


async def test_no_descriptor_for_the_platform_s_file(
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_descriptors: Callable[[], Any],
) -> None:
    """The same where no variable names the file, at a proxy."""
    file = tmp_path / "platform.pem"
    file.write_bytes(certificates.ca_pem)
    monkeypatch.setattr(_trust, "_platform", lambda: _trust._Platform(str(file), str(tmp_path)))
    async with open_http_proxy(ssl_context=certificates.server_context()) as proxy:
        with no_descriptors(), pytest.raises(ProxyUnreachable) as caught:
            await open_tcp_stream("e.test", 1, proxy=proxy.url)
        assert f"the certificates in {file} cannot be used: this process" in str(caught.value)
        assert (caught.value.hop, caught.value.stage) == (1, "setup")
        assert await kept_context(HTTP_1_1) is None
        async with open_tcp_server(echo) as server:
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=proxy.url)).aclose()


async def test_a_platform_without_certificates(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a platform has neither file nor directory, the context is made and not kept."""
    nowhere = _trust._Platform(str(tmp_path / "none.pem"), str(tmp_path / "none"))
    monkeypatch.setattr(_trust, "_platform", lambda: nowhere)
    assert (await made_context(())).cert_store_stats()["x509"] == 0
    assert await kept_context(()) is None
    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:
        with pytest.raises(ServerUnreachable) as caught:
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)
    assert (
        f"; this machine knows no authority, for there is nothing in {nowhere.file} and "
        f"{nowhere.directory}; "
    ) in str(caught.value)
    assert "; install the system's package ca-certificates, or name the autho" in str(caught.value)
    (tmp_path / "none.pem").write_bytes(Certificates().ca_pem)
    assert (await made_context(())).cert_store_stats()["x509"] == 1
    assert await kept_context(()) is not None


# --- what cannot be used -----------------------------------------------------------------


def damaged(pem: bytes) -> bytes:
    """A bundle whose second certificate lost its end."""
    return pem + pem[: len(pem) // 2]


UNUSABLE: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "missing": (lambda path, _: path, "cannot be read (No such file or directory)"),
    "directory": (lambda path, _: path.mkdir(), "cannot be read (Is a directory)"),
    "empty": (lambda path, _: path.write_bytes(b""), "is empty"),
    "blank": (lambda path, _: path.write_bytes(b" \n"), "is empty"),
    "garbage": (
        lambda path, _: path.write_bytes(b"\x00\xff" * 9000),
        "has no certificate in it",
    ),
    "key only": (
        lambda path, _: path.write_text(
            "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"
        ),
        "has no certificate in it",
    ),
    "DER": (
        lambda path, pem: path.write_bytes(ssl.PEM_cert_to_DER_cert(pem.decode())),
        "is in DER, and has to be in PEM",
    ),
    "damaged": (
        lambda path, pem: path.write_bytes(damaged(pem)),
        "in which a certificate is damaged",
    ),
    "below a file": (
        lambda path, _: path.parent.write_bytes(b""),
        "cannot be read (Not a directory)",
    ),
    "loop": (lambda path, _: path.symlink_to(path), "cannot be read (Too many levels"),
}


@pytest.mark.parametrize("where", ["server", "proxy"])
@pytest.mark.parametrize(("make", "text"), UNUSABLE.values(), ids=UNUSABLE)
async def test_unusable_file(
    make: Callable[[Path, bytes], object],
    text: str,
    where: str,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What SSL_CERT_FILE names and nobody can use is told, before anything is dialed; once."""
    folder = tmp_path / "folder"
    if text != "cannot be read (Not a directory)":
        folder.mkdir()
    file = folder / "ca.pem"
    make(file, certificates.ca_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with nothing_left(), open_tcp_server(echo) as server:
        url = f"wss://localhost:{server.port}/"
        proxy = None
        if where == "proxy":
            url, proxy = "ws://e.test", f"https://localhost:{server.port}"
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket_url(url, proxy=proxy):
                pass
        assert server.connections == 0
    message = str(caught.value)
    assert f"SSL_CERT_FILE names '{file}', " in message
    assert text in message
    assert "name the authority's file in" not in message
    assert isinstance(caught.value, ProxyUnreachable if where == "proxy" else ServerUnreachable)
    assert caught.value.stage == "setup"
    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind is Kind.MISCONFIGURED
    assert not is_transient(caught.value)
    assert [(x.name, x.ok) for x in caught.value.dial_report.stages] == [("setup", False)]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path, "No such file or directory"),
        (lambda path: (path.parent.mkdir(), path.mkdir()), "Is a directory"),
        (lambda path: path.parent.write_bytes(b""), "Not a directory"),
    ],
)
async def test_unusable_key_log(
    make: Callable[[Path], object], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where SSLKEYLOGFILE cannot be written to, that is told, and not tried again."""
    file = tmp_path / "folder" / "keys"
    make(file)
    monkeypatch.setenv("SSLKEYLOGFILE", str(file))
    with pytest.raises(ServerUnreachable) as caught:
        async with open_websocket_url("wss://localhost:1/", proxy=None):
            pass
    assert str(caught.value) == (
        f"the server localhost:1 cannot be reached: SSLKEYLOGFILE names '{file}', to which the keys "
        f"of TLS cannot be written ({text}); correct that variable of the environment, or unset it"
    )
    assert not is_transient(caught.value)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
async def test_file_of_another_user(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that this user may not touch is told as that."""
    file = tmp_path / "file"
    file.write_bytes(b"")

    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setenv(variable, str(file))
    monkeypatch.setattr(ssl, "create_default_context", refuse)
    monkeypatch.setattr(_trust, "open", refuse, raising=False)
    with pytest.raises(ServerUnreachable) as caught:
        await open_ssl_over_tcp_stream("localhost", 1, proxy=None)
    assert f"{variable} names '{file}', " in str(caught.value)
    assert "(Permission denied); correct that variable" in str(caught.value)
    assert not is_transient(caught.value)


async def test_key_log(
    certificates: Certificates, ca: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it can, keys are written."""
    file = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(file))
    async with open_echo_server(ssl_context=certificates.server_context()) as server:
        async with open_websocket_url(server.url, proxy=None):
            pass
    assert "TRAFFIC_SECRET" in file.read_text()


# --- what waits --------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
async def test_fifo_that_nobody_serves(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock
) -> None:
    """A FIFO that nobody writes or reads keeps neither the loop nor the deadline from going on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setenv(variable, str(fifo))
    threads = _trust._FILES._threads.get()
    turns = 0

    async def go_on() -> None:
        nonlocal turns
        while turns < 2:
            turns += threads.borrowed_tokens  # while a thread has the FIFO
            await trio.sleep(0)
        mock_clock.jump(0.2)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        with pytest.raises(ConnectionTimeout) as caught:
            async with open_websocket_url("wss://localhost:1/", proxy=None, connect_timeout=0.2):
                pass
    assert turns > 1
    assert str(caught.value) == (
        "no connection to wss://localhost:1/ within 0.2 s; was waiting for the certificates that this "
        f"machine trusts to be read ({variable}={fifo}); does that file lie on a server that is down, "
        "or is it a pipe that nobody serves?"
    )
    while threads.borrowed_tokens:  # lets the thread go, which may still be on its way to the FIFO
        os.close(os.open(fifo, os.O_RDWR | os.O_NONBLOCK))
        await trio.sleep(0)


async def test_fifo_that_somebody_serves(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a shell makes of <(cat a.pem b.pem) is read once, and lasts."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setenv("SSL_CERT_FILE", str(fifo))
    writer = threading.Thread(target=lambda: fifo.write_bytes(certificates.ca_pem))
    writer.start()
    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:
        for _ in range(2):
            await (await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)).aclose()
    writer.join()


async def test_a_reading_that_was_given_up_replaces_no_newer_one(
    certificates: Certificates, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that comes back late, with what nobody waits for, leaves what was read meanwhile."""
    create = ssl.create_default_context
    begun, let, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        begun.set()
        let.wait()
        try:
            return create(*args, **kwargs)
        finally:
            ended.set()

    with monkeypatch.context() as patch:
        patch.setattr(ssl, "create_default_context", slow)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made_context, ())
            while not begun.is_set():
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    ca.write_bytes(certificates.ca_pem + Certificates().ca_pem)
    newer = await made_context(())
    let.set()
    await trio.to_thread.run_sync(ended.wait)
    while _trust._FILES._threads.get().borrowed_tokens:
        await trio.sleep(0)
    assert await kept_context(()) is newer
