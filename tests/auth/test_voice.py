"""When the conversation of a scheme begins."""

from __future__ import annotations

import pytest
from _said import REQUEST

from trio_wsproxy import DigestAuth, NegotiateAuth, NTLMAuth, ProxyAuth
from trio_wsproxy._auth._voice import Voice, is_of_system


class Own(NTLMAuth):
    """A user's own kind of NTLM."""


@pytest.mark.parametrize(
    ("auth", "expected"),
    [(NTLMAuth(), True), (NegotiateAuth(), True), (Own(), True), (DigestAuth("a", "b"), False)],
)
def test_is_of_system(auth: ProxyAuth, expected: bool) -> None:
    """Negotiate, NTLM and what is made of them know who has logged in."""
    assert is_of_system(auth) is expected


@pytest.mark.parametrize("lenient", [False, True])
def test_begins(lenient: bool) -> None:
    """What may be left out begins when it is needed, all else at once; and anew for another request."""
    pytest.importorskip("spnego")
    voice = Voice(NTLMAuth(), REQUEST, lenient=lenient)
    assert (voice.waits, voice.may_be_left_out) == (lenient, lenient)
    voice.begin_anew(REQUEST)
    assert voice.waits == lenient
    before = voice.conversation
    assert voice.conversation is before
    assert not voice.waits
    voice.begin_anew(REQUEST)
    assert voice.conversation is not before
    assert not Voice(DigestAuth("a", "b"), REQUEST, lenient=lenient).waits
