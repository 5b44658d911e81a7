"""What others send to ``http://:@proxy``, asked of the real ones: our single sign-on."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
import trio

from trio_wsproxy import resolve_proxy
from trio_wsproxy._cli import _rivals

EMPTY = "Proxy-Authorization: Basic Og=="  # ":" in Base64
COMMANDS = {
    "curl": ["curl", "--disable", "--silent", "--max-time", "20", "https://h.test/"],
    "requests": [sys.executable, "-c", "import requests; requests.get('https://h.test/')"],
    "websockets": [
        sys.executable,
        "-c",
        "from websockets.sync.client import connect; connect('wss://h.test/')",
    ],
}


@contextlib.contextmanager
def refusing_proxy() -> Iterator[tuple[int, list[str]]]:
    """A proxy that wants Negotiate or Basic and lets nobody through; its port, and what it was sent."""
    heads: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:  # the end of the test
                return
            with peer:
                received = b""
                while b"\r\n\r\n" not in received and (more := peer.recv(4096)):
                    received += more
                heads.append(received.decode())
                peer.sendall(
                    b"HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n"
                    b'Proxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n'
                    b"Connection: close\r\n\r\n"
                )

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def clauses(environ: dict[str, str], url: str = "wss://h.test/") -> dict[str, tuple[bool, str]]:
    """Whether each client goes another way, and what is said of it."""
    compared = _rivals.compare(resolve_proxy(url, environ=environ), environ)
    return {one.client: (one.differs, one.clause) for one in compared}


@pytest.mark.skipif(sys.platform != "linux", reason="shutdown() ends accept() on Linux alone")
@pytest.mark.parametrize("client", COMMANDS)
async def test_what_is_sent(client: str) -> None:
    """Each of them is said to send what it sends: empty Basic, or nothing."""
    if client == "curl" and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    if client != "curl":
        pytest.importorskip(client)
    with refusing_proxy() as (port, heads):
        url = f"http://:@127.0.0.1:{port}"
        environ = {key: x for key, x in os.environ.items() if not key.lower().endswith("_proxy")}
        await trio.run_process(
            COMMANDS[client],
            check=False,
            capture_stderr=True,
            env={**environ, "https_proxy": url},
        )
    differs, clause = clauses({"https_proxy": url})[client]
    assert not differs
    assert heads[0].startswith("CONNECT h.test:443 ")
    assert (EMPTY in heads[0]) is ("sends an empty user name and password" in clause)
    assert ("Proxy-Authorization" not in heads[0]) is ("sends no credentials" in clause)


def test_elsewhere() -> None:
    """It is said of HTTP proxies, with what else is to be said, and where nothing stands before the @."""
    differs, clause = clauses({"https_proxy": "http://:@p.test"})["curl"]
    assert differs
    assert clause.startswith(
        "takes port 1080 where none is given (in https_proxy); it sends an empty"
    )
    for value in ("http://@p.test:1", "http://u:@p.test:1", "socks5h://:@p.test:1"):
        told = clauses({"https_proxy": value}).values()
        assert not any("single sign-on" in clause for _, clause in told)
