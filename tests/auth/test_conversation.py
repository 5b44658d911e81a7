"""The conversation of one hop: which of several schemes speaks."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import pytest
from _said import REQUEST
from _wire import all_texts

from trio_wsproxy import (
    BasicAuth,
    DigestAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyAuthRequest,
    ProxyChallenge,
    ProxyConfigError,
)
from trio_wsproxy._auth._challenges import parse_challenges
from trio_wsproxy._auth._choice import from_url, unasked
from trio_wsproxy._auth._conversation import MAX_ROUNDS, Authentication

EVERYTHING = (
    b'Basic realm="b", Digest realm="d", nonce="m", Digest realm="d", nonce="s", qop="auth"'
)
EVERYTHING += b', algorithm=SHA-256, Ticket realm="t"'


class Ticket:
    """A scheme of the user's own."""

    name = "Ticket"

    def begin(self, request: ProxyAuthRequest) -> TicketConversation:
        return TicketConversation(request.target)


class TicketConversation:
    needs_same_connection = False

    def __init__(self, target: str) -> None:
        self.target = target
        self.asked = 0

    def first(self) -> None:
        return None

    def answer(self, challenge: ProxyChallenge) -> str | None:
        self.asked += 1
        return f"Ticket {self.target} {challenge.parameters['realm']}" if self.asked == 1 else None

    def accepted(self, headers: Any) -> None:
        pass


BASIC, DIGEST = BasicAuth("u", "p"), DigestAuth("u", "p")


IN_THE_CLEAR = REQUEST
INSIDE_TLS = ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3128, "https")


@pytest.mark.parametrize(
    ("schemes", "request_", "answers"),
    [
        ([BASIC], IN_THE_CLEAR, ["Basic"]),
        ([DIGEST, BASIC], INSIDE_TLS, ['nonce="s"', "Basic"]),
        ([DIGEST, BASIC], IN_THE_CLEAR, ['nonce="s"']),
        (
            [Ticket(), BASIC, DIGEST],
            INSIDE_TLS,
            ["Ticket echo.test:443 t", 'nonce="s"', "Basic"],
        ),
        ([Ticket(), BASIC, DIGEST], IN_THE_CLEAR, ["Ticket echo.test:443 t", 'nonce="s"']),
        ([], IN_THE_CLEAR, []),
    ],
)
async def test_strongest_first(
    schemes: list[ProxyAuth], request_: ProxyAuthRequest, answers: list[str]
) -> None:
    """Of what is offered the strongest is taken for which there are credentials, then the next.

    But for Basic, where everybody could read it and the proxy has offered something stronger.
    """
    schemes = [copy.copy(scheme) for scheme in schemes]
    authentication = Authentication(schemes, request_)
    for expected in answers:
        assert await authentication.answer(parse_challenges([EVERYTHING]))
        assert expected.encode() in (authentication.value or b"")
    assert not await authentication.answer(parse_challenges([EVERYTHING]))
    assert authentication.value is None


async def test_first_of_several_speaks() -> None:
    """The first scheme may speak unasked, the others may not; a URL's is Basic."""
    authentication = Authentication([DigestAuth("u", "p"), BASIC], REQUEST)
    await authentication.begin()
    assert authentication.value is None
    authentication = Authentication(from_url("u", "p"), REQUEST)
    await authentication.begin()
    assert authentication.value == b"Basic dTpw"
    assert await authentication.answer(parse_challenges([EVERYTHING]))
    assert b'nonce="s"' in (authentication.value or b"")


async def test_nothing_is_made_for_a_challenge_that_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a URL's schemes only Basic is made, until the proxy asks; then all of them may answer."""
    made: list[str] = []
    for scheme in (BasicAuth, DigestAuth, NTLMAuth):
        monkeypatch.setattr(scheme, "__post_init__", lambda self: made.append(self.name))
    authentication = Authentication(unasked("ada", "s3cret"), REQUEST)
    await authentication.begin()
    assert (authentication.value or b"").startswith(b"Basic ")
    assert made == ["Basic"]
    assert authentication.secrets == ("s3cret",)
    assert await authentication.answer(parse_challenges([EVERYTHING]))
    assert b'nonce="s"' in (authentication.value or b"")
    assert authentication.schemes == Authentication(from_url("ada", "s3cret"), REQUEST).schemes
    authentication.accepted(())
    following = Authentication(unasked("ada", "s3cret"), REQUEST)
    await following.begin()
    assert (following.value or b"").startswith(b"Digest ")


@pytest.mark.parametrize(("username", "name"), [("a:b", "NTLM"), ("ada", "Basic")])
async def test_unasked(username: str, name: str) -> None:
    """Where Basic cannot carry a URL's credentials, the others are made at once."""
    assert unasked(username, "s3cret").schemes[0].name == name
    assert "s3cret" not in repr(unasked(username, "s3cret"))


async def test_refused_without_a_challenge() -> None:
    """A refusal that is no challenge tells of all schemes that there are credentials for."""
    authentication = Authentication(unasked("ada", "s3cret"), REQUEST)
    await authentication.begin()
    authentication.refused()
    assert authentication.schemes == ("Basic", "Digest", "NTLM")
    authentication.challenged()
    assert authentication.schemes == ("Basic", "Digest", "NTLM")


async def test_rounds_are_counted() -> None:
    """A proxy that calls every nonce stale is not answered for ever."""
    authentication = Authentication([DigestAuth("u", "p")], REQUEST)
    stale = parse_challenges([b'Digest realm="d", nonce="n", stale=true'])
    authentication.rounds = MAX_ROUNDS - 1
    assert await authentication.answer(stale)
    authentication.rounds = MAX_ROUNDS
    assert not await authentication.answer(stale)


async def test_value_that_breaks_out() -> None:
    """What a scheme of the user's own says is checked like any header, and not shown."""

    class Broken(Ticket):
        def begin(self, request: ProxyAuthRequest) -> TicketConversation:  # noqa: ARG002
            return TicketConversation("s3cret\r\nX: y")

    authentication = Authentication([Broken()], REQUEST)
    with pytest.raises(ProxyConfigError, match="the scheme Ticket: HTTP does not al") as caught:
        await authentication.answer(parse_challenges([EVERYTHING]))
    assert "s3cret" not in all_texts(caught.value)


async def test_realm_that_is_not_utf8() -> None:
    """A realm in another encoding goes back as it came, into the hash too."""
    authentication = Authentication([DigestAuth("u", "p")], REQUEST)
    assert await authentication.answer(parse_challenges([b'Digest realm="\xfc", nonce="n"']))
    secret = hashlib.md5(b"u:\xfc:p").hexdigest()
    request = hashlib.md5(b"CONNECT:echo.test:443").hexdigest()
    response = hashlib.md5(f"{secret}:n:{request}".encode()).hexdigest()
    assert b'realm="\xfc"' in (authentication.value or b"")
    assert response.encode() in (authentication.value or b"")
