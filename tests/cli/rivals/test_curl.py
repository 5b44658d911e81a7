"""What is said about curl, asked of the real one.

It is run, and tells with ``--verbose`` where it connects to; all proxies are addresses of loopback
on which nobody listens, and so is what it takes for the server. Debian's curl 7.88 does not know
``ws://``, and is asked for ``http://`` where that makes no difference. What a libcurl of 2026 says
stands in curl-answers.txt, with how it was asked.
"""

from __future__ import annotations

import functools
import re
import shutil
import socket
import subprocess
import threading

import pytest
from _rival_cases import (
    CASES,
    FAILS,
    NOBODY,
    NOT_CURL_8_21,
    ONLY_CURL_8,
    Environ,
    Outcome,
    answers,
    ids,
    outcome,
)

from trio_wsproxy._cli import _rivals
from trio_wsproxy._urls import parse_target


@functools.lru_cache(maxsize=1)
def curl_version() -> tuple[str, tuple[int, ...], bool]:
    """Path and version of the installed curl, and whether it knows WebSockets."""
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed")
    text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"curl ([0-9]+)\.([0-9]+)", text)
    assert version
    return path, (int(version[1]), int(version[2])), re.search(r"\bwss?\b", text) is not None


def ask_curl(environ: Environ, url: str) -> Outcome:
    """Where curl connects to; the scheme is not to be seen, and is left empty."""
    path, version, knows_ws = curl_version()
    original = url
    if not knows_ws:
        if {name.lower() for name in environ} & {"ws_proxy", "wss_proxy"}:
            pytest.skip("this curl knows no ws://")
        url = re.sub("^ws", "http", url)
    if version < (8, 0) and (environ, original) in ONLY_CURL_8:
        pytest.skip("this curl is too old")
    if (8, 21) <= version <= (8, 23) and (environ, original) in NOT_CURL_8_21:
        pytest.skip("this curl has a mistake")
    command = [path, "--disable", "--silent", "--show-error", "--verbose", "--globoff"]
    command += ["--max-time", "10", "--connect-to", f"::{NOBODY}", url]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    tried = re.search(r"Trying (\S+):([0-9]+)\.\.\.", done.stderr)
    if tried is None:
        assert "nsupported proxy" in done.stderr
        return FAILS
    host, port = tried[1].strip("[]"), int(tried[2])
    return None if f"{host}:{port}" == NOBODY else ("", host, port)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_curl(case: tuple[Environ, str]) -> None:
    """The program curl goes where we say that it goes."""
    environ, url = case
    said = outcome(_rivals.curl(parse_target(url), environ))
    said = ("", *said[1:]) if isinstance(said, tuple) else said
    asked = ask_curl(environ, url)
    assert said == asked


@pytest.mark.parametrize("case", [case for case in CASES if case not in NOT_CURL_8_21], ids=ids)
def test_newer_curl(case: tuple[Environ, str]) -> None:
    """A newer libcurl than may be installed here agrees, with ws:// too."""
    environ, url = case
    answer = _rivals.curl(parse_target(url), environ)
    authority = "" if answer.proxy is None else answer.proxy.url.partition("://")[2].split("@")[-1]
    said = "error" if answer.failure else authority or "direct"
    assert said == answers("curl-answers.txt")[ids(case)]


@pytest.mark.parametrize(
    ("scheme", "first"),
    [
        ("http", b"C"),  # CONNECT
        ("https", b"\x16"),  # a TLS record
        ("socks", b"\x04"),
        ("socks4", b"\x04"),
        ("socks4a", b"\x04"),
        ("socks5", b"\x05"),
        ("socks5h", b"\x05"),
    ],
)
def test_curl_scheme(scheme: str, first: bytes) -> None:
    """What curl speaks to a proxy is what we say: socks:// is SOCKS4 to it."""
    path, _, _ = curl_version()
    received = b""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)

        def accept() -> None:
            nonlocal received
            connection, _ = listener.accept()
            with connection:
                received = connection.recv(1)

        thread = threading.Thread(target=accept)
        thread.start()
        environ = {"https_proxy": f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"}
        command = [path, "--disable", "--silent", "--max-time", "10", "https://192.0.2.1/"]
        subprocess.run(command, env=environ, check=False)
        thread.join()
    assert received == first
    answer = _rivals.curl(parse_target("wss://192.0.2.1"), environ)
    assert answer.proxy
    spoken = {"http": b"C", "https": b"\x16", "socks4": b"\x04", "socks4a": b"\x04"}
    assert spoken.get(answer.proxy.scheme, b"\x05") == first
