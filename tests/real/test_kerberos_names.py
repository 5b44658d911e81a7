"""Kerberos with a real KDC: by which name a proxy is known, and what a ticket is bound to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from _binding import BindingProxy, certificate, expected, server_context, serving, unverified
from _challenging import PASSWORD, REALM, USER, kdc
from _pages import checked_by
from _proxies import missing, own_directory
from _wire import all_texts

from trio_wsproxy import NegotiateAuth, Proxy, ProxyAuthenticationError, open_websocket_url
from trio_wsproxy.testing import open_echo_server

CHANNEL_BOUND = 0x800  # GSS_C_CHANNEL_BOUND_FLAG of MIT's gssapi_ext.h, from 1.19 on


def gssapi() -> Any:
    """The package, or a skipped test."""
    pytest.importorskip("spnego")
    try:
        import gssapi as package
        import krb5  # noqa: F401  # pyspnego wants both
    except ImportError:
        missing("gssapi and krb5, of pyspnego[kerberos], are not installed")
    return package


class KerberosAcceptor:
    """GSSAPI's own, which sees to it that what is demanded was bound to.

    MIT's takes a ticket that is bound to nothing though it is given a binding itself, and tells so by
    a flag; so does Apache's mod_auth_gssapi, which looks at it.
    """

    scheme = b"Negotiate"

    def __init__(self, demanded: bytes | None) -> None:
        from gssapi.raw import ChannelBindings

        self._demanded = demanded
        bindings = None if demanded is None else ChannelBindings(application_data=demanded)
        self._context = gssapi().SecurityContext(usage="accept", channel_bindings=bindings)
        self.complete = False

    def step(self, token: bytes) -> bytes | None:
        answer: bytes | None = self._context.step(token)
        self.complete = bool(self._context.complete)
        if self.complete and self._demanded and not int(self._context.actual_flags) & CHANNEL_BOUND:
            self.complete = False
            raise PermissionError("the ticket is not bound to the channel")
        return answer


@pytest.fixture(scope="module")
def realm() -> Iterator[dict[str, str]]:
    """A KDC that knows HTTP/localhost; gives the environment of somebody with a ticket."""
    gssapi()
    with own_directory() as directory, kdc(directory) as environ:
        yield {**environ, "KRB5CCNAME": f"FILE:{directory}/ticket"}


@pytest.fixture
def ticket(realm: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has a ticket, and the proxy's key."""
    for name, value in realm.items():
        monkeypatch.setenv(name, value)


def kerberos_proxy(demanded: bytes | None = None, certified: str = "SHA384") -> BindingProxy:
    """A proxy behind TLS that wants Kerberos."""
    context = server_context(certificate("ec", certified), "ec")
    return BindingProxy([context], [demanded], acceptor=KerberosAcceptor)


async def through(proxy: BindingProxy, auth: NegotiateAuth, host: str = "localhost") -> None:
    """Open a WebSocket through it, with a first tunnel and one that begins with Kerberos."""
    hop = Proxy(f"https://{host}:{proxy.port}", ssl_context=unverified(), auth=auth)
    async with open_echo_server() as server:
        for _ in range(2):
            async with open_websocket_url(server.url, proxy=hop) as ws:
                await ws.send("x")
                assert await ws.receive() == "x"


@pytest.mark.usefixtures("ticket")
async def test_bound_to_the_certificate() -> None:
    """A proxy that demands its own certificate takes the ticket."""
    one = certificate("ec", "SHA384")
    async with serving(kerberos_proxy(expected(one))) as proxy:
        await through(proxy, NegotiateAuth())
    assert not proxy.refused
    assert len(proxy.requests) == 3  # the second tunnel is asked for in one round


@pytest.mark.usefixtures("ticket")
async def test_bound_to_another_certificate() -> None:
    """One that demands another certificate refuses it."""
    async with serving(kerberos_proxy(expected(certificate("ec", "SHA512")))) as proxy:
        with pytest.raises(ProxyAuthenticationError):
            await through(proxy, NegotiateAuth())
    assert type(proxy.refused[0]).__name__ in ("BadChannelBindingsError", "GSSError")


@pytest.mark.usefixtures("ticket")
async def test_bound_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a binding the one that demands it refuses the same ticket: it does demand it."""
    monkeypatch.setattr("trio_wsproxy._transport._channel_binding.channel_binding", lambda _: None)
    async with serving(kerberos_proxy(expected(certificate("ec", "SHA384")))) as proxy:
        with pytest.raises(ProxyAuthenticationError):
            await through(proxy, NegotiateAuth())
    assert isinstance(proxy.refused[0], PermissionError)


@pytest.mark.usefixtures("ticket")
async def test_nothing_is_demanded() -> None:
    """Who demands nothing takes a ticket that is bound to something."""
    async with serving(kerberos_proxy()) as proxy:
        await through(proxy, NegotiateAuth())
    assert not proxy.refused


@pytest.mark.usefixtures("ticket")
async def test_by_an_address() -> None:
    """Kerberos knows no address: the error says by which name it was asked, and what to give."""
    async with serving(kerberos_proxy()) as proxy:
        with pytest.raises(ProxyAuthenticationError) as caught:
            await through(proxy, NegotiateAuth(), "127.0.0.1")
        shown = checked_by(__file__)["by an address"].text
        said = re.sub(r"https://127\.0\.0\.1:\d+", "http://10.20.30.40:3128", str(caught.value))
        said = re.sub(r"CONNECT [\d.:]+", "CONNECT example.org:443", said)
        said = said.replace("127.0.0.1", "10.20.30.40")
        said = said.replace("407 No ", "407 Proxy Authentication Required ")
        assert f"{type(caught.value).__name__}: {said}" == " ".join(shown.split())
        assert (
            "Negotiate failed on this machine: Kerberos knows no HTTP/127.0.0.1 (Server not found in "
            "Kerberos database); write the name that Kerberos knows it by into the proxy URL, or into "
            "NegotiateAuth(hostname=…)"
        ) in str(caught.value)
        await through(proxy, NegotiateAuth(hostname="localhost"), "127.0.0.1")
        await through(proxy, NegotiateAuth(hostname="LOCALHOST."), "127.0.0.1")


@pytest.mark.usefixtures("ticket")
async def test_another_service() -> None:
    """So it is with a service that Kerberos does not know."""
    async with serving(kerberos_proxy()) as proxy:
        with pytest.raises(ProxyAuthenticationError, match="Kerberos knows no proxy/localhost"):
            await through(proxy, NegotiateAuth(service="proxy"))


@pytest.mark.usefixtures("ticket")
async def test_password_at_an_unknown_name() -> None:
    """With a password Negotiate goes on with NTLM; where that is refused, it is told that Kerberos failed."""
    auth = NegotiateAuth(f"{USER}@{REALM}", PASSWORD)
    async with serving(kerberos_proxy()) as proxy:
        with pytest.raises(ProxyAuthenticationError) as caught:
            await through(proxy, auth, "127.0.0.1")
        assert "it refuses these credentials (it offers Negotiate): check user name" in str(
            caught.value
        )
        assert "Kerberos gave no ticket for HTTP/127.0.0.1, so Negotiate spoke NTLM; if" in str(
            caught.value
        )
        assert PASSWORD not in all_texts(caught.value)
        await through(proxy, replace(auth, hostname="localhost"), "127.0.0.1")


@pytest.mark.usefixtures("ticket")
async def test_no_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no ticket, that is told, and not that a name is unknown."""
    monkeypatch.setenv("KRB5CCNAME", "FILE:/nowhere")
    async with serving(kerberos_proxy()) as proxy:
        with pytest.raises(ProxyAuthenticationError) as caught:
            await through(proxy, NegotiateAuth(), "127.0.0.1")
    assert "No Kerberos credentials available" in str(caught.value)
    assert "Kerberos knows no" not in str(caught.value)
    assert REALM not in str(caught.value)
