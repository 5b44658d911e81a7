"""Negotiate and NTLM, with the acceptors of pyspnego."""

from __future__ import annotations

import base64
import sys

import pytest
from _said import REQUEST, said
from _wire import ntlm_users

from trio_wsproxy import (
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyChallenge,
    ProxyConfigError,
)


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
    with pytest.raises(ProxyConfigError, match=r"install trio-wsproxy\[negotiate\]"):
        auth.begin(REQUEST)
