"""Negotiate and NTLM, with the acceptors of pyspnego."""

from __future__ import annotations

import base64
import sys
import threading
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from _said import REQUEST, said
from _wire import ntlm_users

from trio_wsproxy import (
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyChallenge,
    ProxyConfigError,
)
from trio_wsproxy._auth._spnego import SpnegoConversation


async def test_ntlm_is_real() -> None:
    """Pyspnego's acceptor takes the messages for NTLM's, and the password for the right one."""
    spnego = pytest.importorskip("spnego")
    credentials = ("TEST\\ada", "s3cret")
    conversation = NTLMAuth(*credentials).begin(REQUEST)
    assert await said(conversation.first()) is None
    one = await said(conversation.answer(ProxyChallenge("NTLM")))
    assert one is not None
    assert base64.b64decode(one.removeprefix("NTLM "))[:12] == b"NTLMSSP\0\1\0\0\0"
    with ntlm_users(*credentials):
        server = spnego.server(protocol="ntlm")
        two = server.step(base64.b64decode(one.removeprefix("NTLM ")))
        challenge = ProxyChallenge("NTLM", {}, base64.b64encode(two).decode())
        three = await said(conversation.answer(challenge))
        assert three is not None
        server.step(base64.b64decode(three.removeprefix("NTLM ")))
    assert server.complete
    assert server.client_principal == "TEST\\ada"
    assert await said(conversation.answer(ProxyChallenge("NTLM"))) is None


@pytest.mark.parametrize("token", ["%", "abc"])
async def test_negotiate_with_a_broken_token(token: str) -> None:
    """What is not Base64 is answered by nothing."""
    pytest.importorskip("spnego")
    conversation = NegotiateAuth("u", "p").begin(REQUEST)
    assert await said(conversation.answer(ProxyChallenge("Negotiate", {}, token))) is None


@pytest.mark.parametrize("auth", [NegotiateAuth(), NTLMAuth("u", "s3cret")])
def test_pyspnego_is_missing(auth: ProxyAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyspnego the error names what to install."""
    monkeypatch.setitem(sys.modules, "spnego", None)
    with pytest.raises(ProxyConfigError, match="pip install pyspnego"):
        auth.begin(REQUEST)


async def test_nothing_of_it_happens_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import, context and each step belong to threads; a cancelled one is left to itself at once."""
    pytest.importorskip("spnego")
    seen: list[str] = []
    may_end = threading.Event()

    class Context:
        complete = False

        def step(self, _: bytes | None) -> bytes:
            seen.append(threading.current_thread().name)
            trio.from_thread.run_sync(scope.cancel)
            may_end.wait()
            return b"x"

    def import_(_: str) -> Any:
        seen.append(threading.current_thread().name)
        return lambda *_, **__: Context()

    monkeypatch.setattr("trio_wsproxy._auth._spnego._spnego_client", import_)
    conversation = NegotiateAuth().begin(REQUEST)
    with trio.CancelScope() as scope:
        await said(conversation.answer(ProxyChallenge("Negotiate")))
    assert scope.cancelled_caught
    assert len(seen) == 2
    assert threading.current_thread().name not in seen
    may_end.set()


async def test_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tickets are waited for, trio's threads for all others are free."""
    pytest.importorskip("spnego")
    may_end = threading.Event()
    monkeypatch.setattr(
        "trio_wsproxy._auth._spnego.SpnegoConversation._step", lambda *_: may_end.wait() and b"x"
    )
    limiter = trio.to_thread.current_default_thread_limiter()
    async with trio.open_nursery() as nursery:
        for _ in range(60):
            answer = NegotiateAuth().begin(REQUEST).answer(ProxyChallenge("Negotiate"))
            nursery.start_soon(said, answer)
        await trio.testing.wait_all_tasks_blocked()
        assert limiter.borrowed_tokens == 0
        with trio.fail_after(60):
            await trio.to_thread.run_sync(lambda: None)
        nursery.cancel_scope.cancel()
        may_end.set()


async def test_pyspnego_lacks_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is there and cannot be imported, that is told like one that is missing."""
    pytest.importorskip("spnego")
    conversation = NegotiateAuth().begin(REQUEST)
    monkeypatch.setitem(sys.modules, "spnego", None)
    with pytest.raises(ProxyConfigError, match="needs pyspnego") as caught:
        await said(conversation.answer(ProxyChallenge("Negotiate")))
    assert caught.value.__cause__ is None


# --- the name in Kerberos ----------------------------------------------------------------


class Given:
    """Stands in place of pyspnego, and notes what it is given."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def __call__(self, _: str) -> Any:
        def client(*_: object, **options: Any) -> Any:
            self.options = options
            return self

        return client

    def step(self, _: object) -> bytes:
        return b"token"


@pytest.mark.parametrize(
    ("options", "host", "service"),
    [
        ({}, "proxy.test", "HTTP"),
        ({"hostname": "Proxy.CORP."}, "proxy.corp", "HTTP"),
        ({"hostname": "b\u00fccher.example", "service": "http"}, "xn--bcher-kva.example", "http"),
    ],
)
async def test_hostname(
    options: dict[str, Any], host: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kerberos is asked for the proxy's host, or for the name that it knows it by."""
    given = Given()
    monkeypatch.setattr("trio_wsproxy._auth._spnego._spnego_client", given)
    conversation = NegotiateAuth(**options).begin(REQUEST)
    assert await said(conversation.answer(ProxyChallenge("Negotiate"))) == "Negotiate dG9rZW4="
    assert (given.options["hostname"], given.options["service"]) == (host, service)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "HTTP/proxy.corp",
        "proxy.corp@CORP",
        "proxy.corp:3128",
        "https://proxy.corp",
        "a b",
        pytest.param("a" * 254, id="long"),
        pytest.param("\u00fc" * 100_000, id="endless"),
        "a\0b",
        "\u0660\u200f.\u05d0",
        "\ud800",
    ],
)
def test_hostname_that_is_none(name: str) -> None:
    """What is no name alone is refused at once."""
    with pytest.raises(ProxyConfigError, match="Negotiate") as caught:
        NegotiateAuth(hostname=name)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("service", ["", "HTTP/", "HTTP/proxy.corp", "HTTP@proxy.corp", "H TTP"])
def test_service_that_is_none(service: str) -> None:
    """So is a service that is more than the first part."""
    with pytest.raises(ProxyConfigError, match=r"service is one part of HTTP/proxy\.example"):
        NegotiateAuth(service=service)


class Wrapped(Exception):
    """As pyspnego wraps errors of GSSAPI and of Windows."""

    def __init__(self, base: BaseException | None, **codes: object) -> None:
        super().__init__("no prose")
        self.base_error = base
        vars(self).update(codes)


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (Wrapped(Wrapped(None, min_code=2529638919)), False),
        (Wrapped(None, min_code=-1765328377), False),
        (Wrapped(Wrapped(None, winerror=-2146893053)), False),
        (Wrapped(None, winerror=0x80090303), False),
        (Wrapped(None, min_code=2529639053), True),  # there is no ticket
        (Wrapped(None, min_code="2529638919"), True),
        (OSError(5, "x"), True),
    ],
)
def test_server_that_kerberos_does_not_know(error: Exception, known: bool) -> None:
    """It is told by the error's number, with the name that was asked for and how to give another."""
    pytest.importorskip("spnego")
    conversation = NegotiateAuth(hostname="lb.corp").begin(REQUEST)
    assert isinstance(conversation, SpnegoConversation)
    told = conversation.unknown_to_kerberos(error)
    assert (told is None) == known
    if told is not None:
        assert str(told) == (
            "Negotiate failed on this machine: Kerberos knows no HTTP/lb.corp (Server not found in "
            "Kerberos database); write the name that Kerberos knows it by into the proxy URL, or into "
            "NegotiateAuth(hostname=…)"
        )


@pytest.mark.parametrize(
    ("make", "protocol", "library", "told"),
    [
        (NegotiateAuth, "ntlm", True, True),
        (NegotiateAuth, "kerberos", True, False),
        (NegotiateAuth, "ntlm", False, False),
        (NTLMAuth, "ntlm", True, False),
    ],
)
async def test_refused_without_kerberos(
    make: type[NTLMAuth | NegotiateAuth],
    protocol: str,
    library: bool,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where NTLM was refused in the place of Kerberos, that is told; where there is none, it is as it is."""
    given: Any = Given()
    given.negotiated_protocol = protocol
    given.complete = False
    monkeypatch.setattr("trio_wsproxy._auth._spnego._spnego_client", given)
    monkeypatch.setattr("trio_wsproxy._auth._spnego.find_spec", lambda _: library or None)
    monkeypatch.setattr("trio_wsproxy._auth._spnego._check_installed", lambda _: None)
    conversation = make("ada", "s3cret").begin(REQUEST)
    assert isinstance(conversation, SpnegoConversation)
    challenge = ProxyChallenge(make.name)
    assert await said(conversation.answer(challenge)) is not None
    assert conversation.without_kerberos() is None
    assert await said(conversation.answer(challenge)) is None
    words = conversation.without_kerberos()
    assert (words is not None) == told
    assert words is None or "no ticket for HTTP/proxy.test, so Negotiate spoke NTLM; if" in str(
        words
    )


# --- channel binding ---------------------------------------------------------------------

BINDING = b"tls-server-end-point:" + bytes(32)


@pytest.mark.parametrize("sent", [BINDING, BINDING + b"x", None])
@pytest.mark.parametrize("make", [NTLMAuth, NegotiateAuth])
async def test_channel_binding(
    make: type[NTLMAuth | NegotiateAuth], sent: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An acceptor that demands a channel binding takes the same one, and neither another nor none."""
    spnego = pytest.importorskip("spnego")
    from spnego.channel_bindings import GssChannelBindings

    monkeypatch.setenv("KRB5_CONFIG", "/nowhere")  # so that it is NTLM in any case
    auth = make("TEST\\ada", "s3cret")
    conversation = auth.begin(replace(REQUEST, proxy_scheme="https", channel_binding=sent))
    with ntlm_users("TEST\\ada", "s3cret"):
        server = spnego.server(
            protocol=auth.name.lower(),
            channel_bindings=GssChannelBindings(application_data=BINDING),
        )
        token: bytes | None = None
        refused = False
        while not server.complete and not refused:
            text = None if token is None else base64.b64encode(token).decode()
            value = await said(conversation.answer(ProxyChallenge(auth.name, {}, text)))
            assert value is not None
            try:
                token = server.step(base64.b64decode(value.removeprefix(f"{auth.name} ")))
            except spnego.exceptions.BadBindingsError:
                refused = True
    assert refused == (sent != BINDING)
