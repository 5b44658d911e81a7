"""Digest, NTLM and Negotiate with a real squid and a real KDC: curl first, then our client."""

from __future__ import annotations

import os

import pytest
import trio
from _challenging import PASSWORD, REALM, USER, Challenging
from _proxies import CREDENTIALS, RealProxy, missing, program

from trio_wsproxy import (
    BasicAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyAuth,
    ProxyAuthenticationError,
    open_websocket_url,
)
from trio_wsproxy.testing import open_echo_server


@pytest.fixture
def ticket(squid: Challenging, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has a ticket, as after kinit."""
    for name, value in squid.ticket.items():
        monkeypatch.setenv(name, value)


def need_kerberos() -> None:
    """Skip the test unless pyspnego has its Kerberos part."""
    pytest.importorskip("spnego")
    for module in ("gssapi", "krb5"):
        try:
            __import__(module)
        except ImportError:
            missing(f"{module}, of pyspnego[kerberos], is not installed")


def user_of_last_tunnel(proxy: RealProxy) -> str:
    """Who squid says has opened the last tunnel through this port."""
    lines = [line.split() for line in proxy.daemon.text().splitlines()]
    return next(
        line[-1] for line in reversed(lines) if line[0] == str(proxy.port) and "TUNNEL" in line[1]
    )


WAYS = {
    "digest": (["--proxy-digest"], f"{USER}:{PASSWORD}"),
    "ntlm": (["--proxy-ntlm"], f"{USER}:{PASSWORD}"),
    "negotiate": (["--proxy-negotiate"], ":"),
}


@pytest.mark.parametrize("name", WAYS)
async def test_curl(squid: Challenging, name: str) -> None:
    """Curl gets through each port with its scheme: what fails below is ours."""
    proxy = squid.proxies[name]
    options, user = WAYS[name]
    command = [program("curl"), "--disable", "--silent", "--show-error", "--max-time", "60"]
    command += ["--noproxy", "", "--proxytunnel", *options, "--proxy-user", user]
    # It asks a WebSocket server for a page, and is told 4xx: through the tunnel.
    async with open_echo_server() as server, proxy.carries(server.authority):
        command += ["--proxy", f"http://localhost:{proxy.port}", f"http://{server.authority}/"]
        done = await trio.run_process(
            [*command, "--write-out", "%{stderr}%{http_connect}"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env={**os.environ, **squid.ticket},
        )
        assert done.stderr.endswith(b"200"), done.stderr


@pytest.mark.parametrize("name", WAYS)
async def test_curl_without_credentials(squid: Challenging, name: str) -> None:
    """Without credentials curl is told 407, and there is no tunnel."""
    proxy = squid.proxies[name]
    command = [program("curl"), "--disable", "--silent", "--max-time", "60", "--noproxy", ""]
    command += ["--proxytunnel", "--proxy", f"http://localhost:{proxy.port}"]
    done = await trio.run_process(
        [*command, "--write-out", "%{stderr}%{http_connect}", "http://127.0.0.1:9/"],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert done.stderr.endswith(b"407"), done.stderr


async def echo(proxy: RealProxy, given: Proxy) -> str:
    """Open a WebSocket, use it, and tell for whom squid has taken us."""
    async with open_echo_server() as server, proxy.carries(server.authority):
        async with open_websocket_url(server.url, proxy=given) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
    return user_of_last_tunnel(proxy)


def at(proxy: RealProxy, *auth: ProxyAuth) -> Proxy:
    """The proxy by the name that Kerberos knows it by."""
    return Proxy(f"http://localhost:{proxy.port}", auth=auth)


@pytest.mark.parametrize("credentials", [(USER, PASSWORD), CREDENTIALS])
async def test_digest(squid: Challenging, credentials: tuple[str, str]) -> None:
    """Digest opens a tunnel, with UTF-8 too; the second one with the nonce of the first."""
    proxy = squid.proxies["digest"]
    given = at(proxy, DigestAuth(*credentials))
    for _ in range(2):
        before = proxy.daemon.text().count("/407 ")
        user = await echo(proxy, given)
        assert user == credentials[0] or not credentials[0].isascii()  # squid escapes those
        challenges = proxy.daemon.text().count("/407 ") - before
    assert challenges == 0


async def test_url_credentials(squid: Challenging) -> None:
    """The URL's credentials do for a proxy that wants Digest, and for one that takes Basic."""
    for name in ("digest", "all"):
        proxy = squid.proxies[name]
        assert await echo(proxy, Proxy(proxy.url())) == USER


@pytest.mark.parametrize("name", ["digest", "all"])
async def test_wrong_password(squid: Challenging, name: str) -> None:
    """A wrong password is told as one, with what squid offers."""
    proxy = squid.proxies[name]
    auth = DigestAuth(USER, "wr0ng"), BasicAuth(USER, "wr0ng")
    with pytest.raises(ProxyAuthenticationError, match=r"it offers .*Digest") as caught:
        async with open_websocket_url("ws://127.0.0.1:9", proxy=at(proxy, *auth)):
            pass
    assert caught.value.status_code == 407
    assert b"ERR_CACHE_ACCESS_DENIED" in dict(caught.value.headers)[b"x-squid-error"]
    assert b"<html>" in caught.value.body
    assert "wr0ng" not in str(caught.value)


async def test_ntlm(squid: Challenging) -> None:
    """NTLM's three messages go over one connection; Samba checks the password in the third."""
    pytest.importorskip("spnego")
    proxy = squid.proxies["ntlm"]
    user = await echo(proxy, at(proxy, NTLMAuth(f"TEST\\{USER}", PASSWORD)))
    assert user == f"TEST\\{USER}"
    with pytest.raises(ProxyAuthenticationError, match="it refuses these credentials"):
        await echo(proxy, at(proxy, NTLMAuth(f"TEST\\{USER}", "wr0ng")))


@pytest.mark.usefixtures("ticket")
async def test_single_sign_on(squid: Challenging) -> None:
    """A ticket opens the tunnel without a password."""
    need_kerberos()
    for name in ("negotiate", "all"):
        proxy = squid.proxies[name]
        given = at(proxy, NegotiateAuth(), DigestAuth(USER, PASSWORD))
        assert await echo(proxy, given) == f"{USER}@{REALM}"


async def test_kerberos_with_a_password(
    squid: Challenging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a ticket, user name and password get one."""
    need_kerberos()
    for name, value in squid.no_ticket.items():
        monkeypatch.setenv(name, value)
    proxy = squid.proxies["negotiate"]
    given = at(proxy, NegotiateAuth(f"{USER}@{REALM}", PASSWORD))
    assert await echo(proxy, given) == f"{USER}@{REALM}"


async def test_no_ticket(squid: Challenging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a ticket the error says what GSSAPI says, and the next scheme is tried."""
    need_kerberos()
    for name, value in squid.no_ticket.items():
        monkeypatch.setenv(name, value)
    proxy = squid.proxies["negotiate"]
    with pytest.raises(ProxyAuthenticationError, match="Negotiate failed on this machine"):
        async with open_websocket_url("ws://127.0.0.1:9", proxy=at(proxy, NegotiateAuth())):
            pass
    proxy = squid.proxies["all"]
    assert await echo(proxy, at(proxy, NegotiateAuth(), DigestAuth(USER, PASSWORD))) == USER
