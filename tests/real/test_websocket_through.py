"""The client through real proxies: what a user does, against what a user has.

Every test asks the proxy's own log whether the traffic went through it, so a client that
silently dials directly fails. ``test_proxies_with_curl.py`` proves the proxies themselves.
"""

from __future__ import annotations

import os
import shlex
import ssl
import subprocess
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
from _pages import checked_by
from _proxies import (
    PROXIES,
    SQUID_NAME,
    RealProxies,
    RealProxy,
    legs,
    names,
    need_ipv6,
    program,
    reserved_port,
    targets,
)

from trio_wsproxy import (
    ConnectionClosedLocally,
    ConnectionLost,
    Proxy,
    ProxyAuthenticationError,
    ProxyError,
    ProxyRejected,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy.testing import (
    Certificates,
    open_counting_relay,
    open_echo_server,
    open_tcp_server,
)


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    """The authority behind the echo servers' certificates."""
    return Certificates()


def hop(proxy: RealProxy, scheme: str, **url_options: Any) -> Proxy:
    """A real proxy as our client takes it, its TLS trusted."""
    context = ssl.create_default_context(cafile=proxy.ca_pem) if proxy.ca_pem else None
    return Proxy(proxy.url(scheme, **url_options), ssl_context=context)


def server_context(certificates: Certificates, tls: bool) -> ssl.SSLContext | None:
    """The echo server's TLS, valid for all the names it is called by."""
    hosts = ("localhost", "127.0.0.1", "::1", SQUID_NAME)
    return certificates.server_context(*hosts) if tls else None


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize(
    ("name", "scheme", "host"),
    [(name, scheme, host) for name, scheme in legs() for host in targets(name, scheme)],
)
async def test_right_credentials_echo(
    *, real: RealProxies, certificates: Certificates, name: str, scheme: str, host: str, tls: bool
) -> None:
    """Each proxy carries ws and wss, to IPv4, IPv6 and a name, and its log shows it."""
    if host == "::1":
        need_ipv6()
    proxy = real[name]
    listen = "::1" if host == "::1" else "127.0.0.1"
    context = certificates.client_context() if tls else None
    async with open_echo_server(
        host=listen, ssl_context=server_context(certificates, tls)
    ) as server:
        logged = host
        times = 1
        if host == "localhost" and scheme in {"socks4", "socks5"}:
            logged = "127.0.0.1"  # resolved here; ::1, if it comes first, is refused by the target
        authority = f"[{logged}]:{server.port}" if ":" in logged else f"{logged}:{server.port}"
        async with proxy.carries(authority, times=times):
            url = server.url_for(host)
            async with open_websocket_url(url, context, proxy=hop(proxy, scheme)) as ws:
                await ws.send("grüße")
                assert await ws.receive() == "grüße"
                await ws.send(b"\x00" * 70_000)
                assert await ws.receive() == b"\x00" * 70_000
        assert ws.closed is not None
        assert ws.closed.code == 1000


@pytest.mark.parametrize("name", [n for n in names() if not n.startswith(("tiny-", "proxy.py"))])
async def test_proxy_at_an_ipv6_address(real: RealProxies, name: str) -> None:
    """A proxy is reached at ``[::1]`` too."""
    need_ipv6()
    proxy = real[name]
    scheme = PROXIES[name][0][-1]
    async with open_echo_server() as server, proxy.carries(server.authority):
        async with open_websocket_url(server.url, proxy=hop(proxy, scheme, host="::1")) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("name", names("http", "https")[:4])
async def test_proxy_resolves_the_name(
    real: RealProxies, certificates: Certificates, name: str, tls: bool
) -> None:
    """A name that only squid knows is reached through it, and TLS checks that name."""
    proxy = real[name]
    context = certificates.client_context() if tls else None
    async with open_echo_server(ssl_context=server_context(certificates, tls)) as server:
        async with proxy.carries(f"{SQUID_NAME}:{server.port}"):
            url = server.url_for(SQUID_NAME)
            async with open_websocket_url(
                url, context, proxy=hop(proxy, PROXIES[name][0][0])
            ) as ws:
                await ws.send("x")
                assert await ws.receive() == "x"


@pytest.mark.parametrize("kind", ["wrong", "none"])
@pytest.mark.parametrize(("name", "scheme"), legs(auth=True))
async def test_other_credentials_are_named(
    real: RealProxies, name: str, scheme: str, kind: str
) -> None:
    """Wrong and absent credentials end in an error that says so, and no tunnel is opened."""
    proxy = real[name]
    wrong = ("mallory", "" if "socks4" in scheme else "hunter2secret")
    chosen = hop(proxy, scheme, credentials=wrong if kind == "wrong" else None)
    async with open_echo_server() as server, proxy.carries(server.authority, times=0):
        with pytest.raises(ProxyRejected) as caught:
            async with open_websocket_url(server.url, proxy=chosen):
                pytest.fail("connected")
    error = caught.value
    assert "hunter2secret" not in f"{error} {error!r}"
    assert error.hop == 1
    expected = proxy.wrong_credentials if kind == "wrong" else proxy.no_credentials
    if scheme.startswith("socks4"):
        assert error.reply_code == expected
        return
    assert isinstance(error, ProxyAuthenticationError)
    assert "credentials" in str(error) or "authentication" in str(error)
    if scheme.startswith("http"):
        assert error.status_code == expected
        assert error.stage == "connect"
    else:
        assert error.stage == "socks"


@pytest.mark.parametrize(("name", "scheme"), legs())
async def test_server_that_is_down(real: RealProxies, name: str, scheme: str) -> None:
    """Behind a living proxy, a server that refuses is told by what the proxy said."""
    proxy = real[name]
    with reserved_port() as port, pytest.raises(ProxyError) as caught:
        async with open_websocket_url(f"ws://127.0.0.1:{port}/", proxy=hop(proxy, scheme)):
            pytest.fail("connected")
    answer = proxy.refused[scheme]
    if answer is None:
        assert "closed the connection" in str(caught.value)
        return
    assert isinstance(caught.value, ProxyRejected)
    assert answer in (caught.value.status_code, caught.value.reply_code)


CHAINS = [
    (("squid", "http"), ("ssh", "socks5h")),
    (("ssh", "socks5h"), ("squid-tls-auth", "https")),
    (("dante-auth", "socks5"), ("tinyproxy-auth", "http")),
    (("squid-tls", "https"), ("dante", "socks4")),
    (("squid-tls", "https"), ("ssh", "socks4a"), ("squid-tls-auth", "https")),
]


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(name for name, _ in chain))
async def test_chain(
    real: RealProxies,
    certificates: Certificates,
    chain: tuple[tuple[str, str], ...],
    tls: bool,
) -> None:
    """Proxies of any kinds are chained, each with its own TLS and credentials."""
    proxies = [real[name] for name, _ in chain]
    hops = [hop(proxy, scheme) for proxy, (_, scheme) in zip(proxies, chain, strict=True)]
    context = certificates.client_context() if tls else None
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(
            open_echo_server(ssl_context=server_context(certificates, tls))
        )
        authorities = [*(hop.authority for hop in hops[1:]), f"127.0.0.1:{server.port}"]
        for proxy, authority in zip(proxies, authorities, strict=True):
            await stack.enter_async_context(proxy.carries(authority))
        url = server.url_for("127.0.0.1")
        async with open_websocket_url(url, context, proxy=hops) as ws:
            await ws.send("through all of them")
            assert await ws.receive() == "through all of them"
        assert len(server.requests) == 1


@pytest.mark.parametrize(("name", "scheme"), legs("http", "https", "socks4", "socks5h"))
async def test_other_protocols(real: RealProxies, name: str, scheme: str) -> None:
    """A server that speaks first is heard through the tunnel of every proxy."""
    proxy = real[name]

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"220 ready\r\n")
        await stream.send_all(await stream.receive_some())

    async with open_tcp_server(greet) as server, proxy.carries(server.authority):
        stream = await open_tcp_stream(server.host, server.port, proxy=hop(proxy, scheme))
        async with stream:
            received = b""
            while b"\n" not in received:
                received += await stream.receive_some()
            assert received == b"220 ready\r\n"
            await stream.send_all(b"QUIT\r\n")
            assert await stream.receive_some() == b"QUIT\r\n"


async def test_tls_for_other_protocols(real: RealProxies, certificates: Certificates) -> None:
    """TLS in TLS carries any protocol through squid."""
    proxy = real["squid-tls-auth"]

    async def echo(stream: trio.abc.Stream) -> None:
        await stream.send_all(await stream.receive_some())

    context = certificates.server_context("127.0.0.1")
    async with open_tcp_server(echo, ssl_context=context) as server:
        async with proxy.carries(server.authority):
            stream = await open_ssl_over_tcp_stream(
                server.host,
                server.port,
                proxy=hop(proxy, "https"),
                ssl_context=certificates.client_context(),
                https_compatible=True,
            )
            async with stream:
                await stream.send_all(b"hello")
                assert await stream.receive_some() == b"hello"


@pytest.mark.parametrize("environment", ["https_proxy", "all_proxy", "ws_proxy"])
async def test_the_environment_chooses_the_proxy(
    real: RealProxies, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    """Without being asked, the client uses the proxy that the environment names."""
    proxy = real["squid-auth"]
    monkeypatch.setenv(environment, proxy.url())
    monkeypatch.setenv("no_proxy", "<-loopback>")  # or a loopback server would not be proxied
    async with open_echo_server() as server, proxy.carries(server.authority):
        async with open_websocket_url(server.url) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
        assert ws.route is not None
        assert ws.route.source == f"environment variable {environment}"


@pytest.mark.parametrize("name", ["squid", "ssh", "dante"])
async def test_pulled_plug(real: RealProxies, name: str) -> None:
    """When the way to the proxy breaks, a waiting receive ends at once, and so does the block."""
    proxy = real[name]
    scheme = PROXIES[name][0][-1]
    async with open_echo_server() as server, open_counting_relay("127.0.0.1", proxy.port) as relay:
        url = f"{scheme}://{relay.authority}"
        async with open_websocket_url(server.url, proxy=url) as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
            relay.kill()
            with pytest.raises(ConnectionLost) as caught:
                await ws.receive()
            assert caught.value.reason is not None
            assert caught.value.reason.code == 1006
        with pytest.raises(ConnectionLost):
            await ws.send("y")
        assert not isinstance(caught.value, ConnectionClosedLocally)


def test_ssh_command() -> None:
    """The command that a page shows is one to OpenSSH: it forwards what SOCKS clients ask for, and runs nothing."""
    words = shlex.split(checked_by(__file__)["ssh"].text.removeprefix("$ "))
    assert words[0] == "ssh"
    command = [program("ssh"), "-G", "-F", os.devnull, *words[1:]]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    settings = done.stdout.splitlines()
    assert {"hostname bastion.corp", "sessiontype none"} <= set(settings)
    assert "dynamicforward [127.0.0.1]:1080" in settings
