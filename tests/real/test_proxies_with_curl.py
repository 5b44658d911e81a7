"""The fixtures themselves, proven with curl: what fails here is not our client's fault.

Every case sends curl through one real proxy to a small HTTP server on loopback, and asks the
proxy's log for the tunnel. Each test has servers, and so ports, of its own.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from _proxies import (
    SQUID_NAME,
    STARTERS,
    RealProxies,
    RealProxy,
    Starter,
    legs,
    names,
    need_ipv6,
    program,
    reserved_port,
    targets,
)

BODY = b"reached the server"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)

# Exit codes of curl, see its man page.
RECEIVE_FAILED = 56  # the proxy answered CONNECT with another status than 2xx
SOCKS_FAILED = 97


@dataclass
class Server:
    """A loopback server that answers every request with BODY."""

    scheme: str
    host: str
    port: int
    ca_pem: Path

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}/"


@asynccontextmanager
async def open_server(
    directory: Path, *, host: str = "127.0.0.1", tls: bool = False
) -> AsyncIterator[Server]:
    """Serve on ``host``; with TLS, for all the names and addresses of loopback."""

    async def answer(stream: trio.abc.Stream) -> None:
        async with stream:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    if not (chunk := await stream.receive_some()):
                        return
                    request += chunk
                await stream.send_all(ANSWER)
            except trio.BrokenResourceError:
                pass  # curl has left; the test looks at what curl says

    ca_pem = directory / "server-ca.pem"
    address = "::1" if host == "::1" else "127.0.0.1"
    async with trio.open_nursery() as nursery:
        serve: Callable[..., Awaitable[None]] = trio.serve_tcp
        if tls:
            ca = trustme.CA()
            ca.cert_pem.write_to_path(ca_pem)
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            ca.issue_cert("localhost", "127.0.0.1", "::1", SQUID_NAME).configure_cert(context)
            serve = partial(trio.serve_ssl_over_tcp, ssl_context=context)
        listeners = await nursery.start(partial(serve, answer, 0, host=address))
        listener = listeners[0].transport_listener if tls else listeners[0]
        port = listener.socket.getsockname()[1]
        yield Server("https" if tls else "http", host, port, ca_pem)
        nursery.cancel_scope.cancel()


@dataclass
class Outcome:
    """How curl ended: its exit code, the CONNECT status (0 if none), and what it printed."""

    code: int
    connect_status: int
    body: bytes
    message: str


async def curl(
    server: Server, proxy: RealProxy, proxy_url: str, *, options: tuple[str, ...] = ()
) -> Outcome:
    """Fetch ``server.url`` through ``proxy_url``, always by a tunnel."""
    command = [program("curl"), "--disable", "--silent", "--show-error", "--globoff"]
    command += ["--max-time", "60", "--noproxy", "", "--proxy", proxy_url, *options]
    if proxy.schemes[0] in {"http", "https"}:
        command += ["--proxytunnel"]  # CONNECT for http:// targets too
    if proxy.ca_pem:
        command += ["--proxy-cacert", str(proxy.ca_pem)]
    if server.scheme == "https":
        command += ["--cacert", str(server.ca_pem)]
    command += ["--write-out", "%{stderr}\nstatus=%{http_connect}", server.url]
    done = await trio.run_process(
        command,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    message, _, status = done.stderr.decode().rpartition("\nstatus=")
    return Outcome(done.returncode, int(status), done.stdout, message)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("name", "scheme", "host"),
    [(name, scheme, host) for name, scheme in legs() for host in targets(name, scheme)],
)
async def test_right_credentials_open_a_tunnel(
    *, real: RealProxies, tmp_path: Path, name: str, scheme: str, host: str, tls: bool
) -> None:
    """Each proxy carries http and https, to IPv4, IPv6 and a name, and its log shows it."""
    if host == "::1":
        need_ipv6()
    proxy = real[name]
    async with open_server(tmp_path, host=host, tls=tls) as server:
        asked = server.authority
        options: tuple[str, ...] = ()
        if host == "localhost" and scheme in {"socks4", "socks5"}:
            # curl resolves, and the proxy sees the address.
            asked, options = f"127.0.0.1:{server.port}", ("--ipv4",)
        async with proxy.carries(asked):
            outcome = await curl(server, proxy, proxy.url(scheme), options=options)
            assert (outcome.code, outcome.body) == (0, BODY), outcome.message


@pytest.mark.parametrize("name", [n for n in names() if not n.startswith(("tiny-", "proxy.py"))])
async def test_listens_on_ipv6(real: RealProxies, tmp_path: Path, name: str) -> None:
    """The Debian proxies can be reached at ``[::1]`` too, under the same port."""
    need_ipv6()
    proxy = real[name]
    # An IPv6 target, because curl before 8 compares an https proxy's certificate with an
    # IPv6 address only if the target is one too.
    async with open_server(tmp_path, host="::1") as server, proxy.carries(server.authority):
        outcome = await curl(server, proxy, proxy.url(proxy.schemes[-1], host="::1"))
        assert (outcome.code, outcome.body) == (0, BODY), outcome.message


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("name", [n for n in names() if n.startswith("squid")])
async def test_squid_knows_a_name_of_its_own(
    real: RealProxies, tmp_path: Path, name: str, tls: bool
) -> None:
    """A name that only the proxy can resolve is reached through it."""
    proxy = real[name]
    async with (
        open_server(tmp_path, host=SQUID_NAME, tls=tls) as server,
        proxy.carries(server.authority),
    ):
        outcome = await curl(server, proxy, proxy.url())
        assert (outcome.code, outcome.body) == (0, BODY), outcome.message


@pytest.mark.parametrize("kind", ["wrong", "none"])
@pytest.mark.parametrize(("name", "scheme"), legs(auth=True))
async def test_other_credentials_open_no_tunnel(
    real: RealProxies, tmp_path: Path, name: str, scheme: str, kind: str
) -> None:
    """A proxy with credentials turns wrong and absent ones away, with the answer it is known for."""
    proxy = real[name]
    wrong = ("mallory", "" if "socks4" in scheme else "wrong")
    async with open_server(tmp_path) as server:
        url = proxy.url(scheme, credentials=wrong if kind == "wrong" else None)
        async with proxy.carries(server.authority, times=0):
            outcome = await curl(server, proxy, url)
        answer = proxy.wrong_credentials if kind == "wrong" else proxy.no_credentials
        if scheme.startswith("http"):
            assert (outcome.code, outcome.connect_status) == (RECEIVE_FAILED, answer)
        else:
            assert outcome.code == SOCKS_FAILED
            if scheme.startswith("socks4"):
                expected = f"({answer})"
            elif kind == "wrong":
                expected = f"User was rejected by the SOCKS5 server (1 {answer})"
            else:
                expected = "No authentication method was acceptable"
            assert expected in outcome.message
        assert outcome.body == b""


@pytest.mark.parametrize(("name", "scheme"), legs())
async def test_target_that_refuses(
    real: RealProxies, tmp_path: Path, name: str, scheme: str
) -> None:
    """When nobody listens at the target, each proxy says what it is known to say."""
    proxy = real[name]
    with reserved_port() as port:
        server = Server("http", "127.0.0.1", port, tmp_path)
        async with proxy.carries(server.authority, times=0):
            outcome = await curl(server, proxy, proxy.url(scheme))
    answer = proxy.refused[scheme]
    if scheme.startswith("http"):
        assert (outcome.code, outcome.connect_status) == (RECEIVE_FAILED, answer)
    else:
        assert outcome.code == SOCKS_FAILED
        # curl waits in vain for the rest of tiny-proxy's reply, which is cut short.
        cut_short = name.startswith("tiny-proxy-socks5")
        closed = answer is None or cut_short
        assert ("connection to proxy closed" if closed else f"({answer})") in outcome.message


async def test_dante_does_not_speak_socks4a(real: RealProxies, tmp_path: Path) -> None:
    """Dante takes the name marker 0.0.0.1 for an address: that is why no leg has it."""
    proxy = real["dante"]
    async with open_server(tmp_path, host="localhost") as server:
        async with proxy.carries(server.authority, times=0):
            outcome = await curl(server, proxy, proxy.url("socks4a"))
        assert outcome.code == SOCKS_FAILED
        assert "(91)" in outcome.message


async def test_a_direct_connection_is_no_proof(
    real: RealProxies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``carries`` fails a client that goes around the proxy."""
    monkeypatch.setattr("_proxies.LOG_TIMEOUT", 0.05)  # no use in waiting for what never comes
    proxy = real["squid"]
    async with open_server(tmp_path) as server:
        carried = proxy.carries(server.authority)
        await carried.__aenter__()
        await trio.run_process([program("curl"), "-s", "--noproxy", "*", server.url])
        with pytest.raises(AssertionError, match="0 new tunnels"):
            await carried.__aexit__(None, None, None)


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.provides[0])
def test_program_ends(starter: Starter) -> None:
    """A program and its ports are gone when its fixture ends."""
    with starter.start() as proxies:
        addresses = [(host, proxy.port) for proxy in proxies for host in proxy.hosts]
        for address in addresses:
            socket.create_connection(address).close()
    assert proxies[0].daemon.process.returncode is not None
    deadline = time.monotonic() + 60
    for address in addresses:
        while True:  # the processes it has started are killed; the kernel buries them
            try:
                socket.create_connection(address).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:
                pass  # met it on its way out
            assert time.monotonic() < deadline


@pytest.mark.parametrize(
    ("value", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_missing_program(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: type[BaseException]
) -> None:
    """A missing program skips on a laptop, and fails where CI is true."""
    monkeypatch.setenv("CI", value)
    with pytest.raises(outcome, match="no-such-program"):
        program("no-such-program")
