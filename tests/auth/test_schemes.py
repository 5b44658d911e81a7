"""Proxy authentication: what each scheme says, and which of them speaks."""

from __future__ import annotations

import base64
import copy
import hashlib
import pickle
import sys
from collections.abc import Awaitable
from typing import Any

import pytest
from _wire import all_texts, ntlm_users

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
    ProxyAuthRequest,
    ProxyChallenge,
    ProxyConfigError,
)
from trio_wsproxy._auth._scheme import parse_challenges, parse_parameters
from trio_wsproxy._auth._schemes import (
    MAX_ROUNDS,
    Authentication,
    basic,
    can_answer_digest,
    digest,
    from_url,
)

REQUEST = ProxyAuthRequest("CONNECT", "echo.test:443", "proxy.test", 3128)


async def said(value: str | Awaitable[str | None] | None) -> str | None:
    """Wait for what a conversation says, where it does not say it at once."""
    return value if value is None or isinstance(value, str) else await value


def parameters(value: str | None) -> dict[str, str]:
    """Read the parameters of a Digest answer."""
    assert value is not None
    assert value.startswith("Digest ")
    return parse_parameters(value.removeprefix("Digest "))


# --- Basic and Bearer --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 section 2
        ("test", "123\N{POUND SIGN}", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("", "", "Basic Og=="),
        ("a", "b:c:", "Basic YTpiOmM6"),
    ],
)
def test_basic(username: str, password: str, value: str) -> None:
    """Basic is user name and password in UTF-8, as RFC 7617 shows it."""
    assert basic(username, password) == value


def test_basic_stays_on_one_line() -> None:
    """Long credentials are not broken into lines, which a header does not survive."""
    value = basic("u" * 1000, "p" * 1000)
    assert base64.b64decode(value.removeprefix("Basic "), validate=True).count(b"p") == 1000


async def test_basic_is_said_once() -> None:
    """Basic goes out at once, and a challenge behind it is a refusal."""
    conversation = BasicAuth("ada", "s").begin(REQUEST)
    assert await said(conversation.first()) == "Basic YWRhOnM="
    assert await said(conversation.answer(ProxyChallenge("Basic"))) is None


@pytest.mark.parametrize("scheme", [BasicAuth, DigestAuth])
@pytest.mark.parametrize("credentials", [("a:b", "s3cret"), ("a", "s3cret\n"), ("a\0", "s3cret")])
def test_credentials_that_cannot_be_carried(scheme: Any, credentials: tuple[str, str]) -> None:
    """What would be read as something else is refused at once, and not shown."""
    with pytest.raises(ProxyConfigError, match="cannot carry") as caught:
        scheme(*credentials)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", [BasicAuth, DigestAuth])
def test_credentials_of_another_type(scheme: Any) -> None:
    """Bytes are no credentials."""
    with pytest.raises(TypeError, match="are str"):
        scheme("ada", b"s")


async def test_bearer() -> None:
    """A Bearer token is given, or asked for with each tunnel."""
    tokens = iter(["one", "two=="])

    async def next_token() -> str:
        return next(tokens)

    assert await said(BearerAuth("abc").begin(REQUEST).first()) == "Bearer abc"
    auth = BearerAuth(next_token)
    assert await said(auth.begin(REQUEST).first()) == "Bearer one"
    conversation = auth.begin(REQUEST)
    assert await said(conversation.answer(ProxyChallenge("Bearer"))) == "Bearer two=="
    assert await said(conversation.answer(ProxyChallenge("Bearer"))) is None


@pytest.mark.parametrize("token", ["", "a b", "s3cret\r\nX: y", "töken"])
async def test_bearer_token_that_is_none(token: str) -> None:
    """What would break out of the header is refused, and not shown."""
    with pytest.raises(ProxyConfigError, match="no token has") as caught:
        await said(BearerAuth(token).begin(REQUEST).first())
    assert "s3cret" not in str(caught.value)


# --- Digest ------------------------------------------------------------------------------

# RFC 7616 section 3.9.1.
MUFASA = {
    "realm": "http-auth@example.org",
    "qop": "auth, auth-int",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
}
# RFC 7616 section 3.9.2.
JASON = {
    "realm": "api@example.org",
    "qop": "auth",
    "algorithm": "SHA-512-256",
    "nonce": "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
    "opaque": "HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS",
    "charset": "UTF-8",
    "userhash": "true",
}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_of_the_rfc(algorithm: str, response: str) -> None:
    """RFC 7616 section 3.9.1, to the letter."""
    value = digest(
        "Mufasa",
        "Circle of Life",
        "GET",
        "/dir/index.html",
        {**MUFASA, "algorithm": algorithm},
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        count=1,
    )
    assert parameters(value) == {
        "username": "Mufasa",
        "realm": MUFASA["realm"],
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": MUFASA["nonce"],
        "nc": "00000001",
        "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "qop": "auth",
        "response": response,
        "opaque": MUFASA["opaque"],
    }


def test_digest_of_the_rfc_with_userhash() -> None:
    """RFC 7616 section 3.9.2, with the values of its erratum 4897."""
    if not can_answer_digest(ProxyChallenge("Digest", JASON)):
        pytest.skip("this OpenSSL has no SHA-512/256")
    value = digest(
        "J\N{LATIN SMALL LETTER A WITH DIAERESIS}s\N{LATIN SMALL LETTER O WITH STROKE}n Doe",
        "Secret, or not?",
        "GET",
        "/doe.json",
        JASON,
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        count=1,
    )
    answer = parameters(value)
    assert answer["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert answer["userhash"] == "true"
    assert answer["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


def test_digest_of_rfc_2617() -> None:
    """RFC 2617 section 3.5, which names no algorithm."""
    challenge = {
        "realm": "testrealm@host.com",
        "qop": "auth,auth-int",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
    }
    value = digest(
        "Mufasa",
        "Circle Of Life",
        "GET",
        "/dir/index.html",
        challenge,
        cnonce="0a4f113b",
        count=1,
    )
    assert parameters(value)["response"] == "6629fae49393a05397450978507c4ef1"
    assert "algorithm" not in parameters(value)


def test_digest_of_rfc_2069() -> None:
    """Without qop it is RFC 2069's, with the response of that RFC's errata."""
    value = digest(
        "Mufasa",
        "CircleOfLife",
        "GET",
        "/dir/index.html",
        {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"},
        cnonce="x",
        count=1,
    )
    answer = parameters(value)
    assert answer["response"] == "1949323746fe6a43ef61f9606e7febea"
    assert not {"qop", "nc", "cnonce"} & set(answer)


def test_digest_sess() -> None:
    """A session's key is bound to both nonces (RFC 7616 section 3.4.2)."""

    def h(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    key = h(f"{h('u:r:p')}:n:c")
    expected = h(f"{key}:n:00000002:c:auth:{h('CONNECT:e.test:1')}")
    challenge = {"realm": "r", "nonce": "n", "qop": "auth", "algorithm": "SHA-256-sess"}
    value = digest("u", "p", "CONNECT", "e.test:1", challenge, cnonce="c", count=2)
    assert parameters(value)["response"] == expected


@pytest.mark.parametrize(
    ("username", "more", "field"),
    [
        ('a"b\\c', {}, 'username="a\\"b\\\\c"'),
        ("jürgen", {}, 'username="jürgen"'),
        ("jürgen", {"charset": "UTF-8"}, "username*=UTF-8''j%C3%BCrgen"),
        ("ada", {"charset": "UTF-8"}, 'username="ada"'),
        ("ada", {"userhash": "false"}, 'username="ada"'),
    ],
)
def test_digest_user_name(username: str, more: dict[str, str], field: str) -> None:
    """The user name is quoted, or encoded where the proxy says that it reads that."""
    value = digest(
        username, "p", "CONNECT", "e:1", {"realm": "r", "nonce": "n", **more}, cnonce="c", count=1
    )
    assert field in value.removeprefix("Digest ").split(", ")


@pytest.mark.parametrize(
    ("challenge", "can"),
    [
        ({"realm": "r", "nonce": "n"}, True),
        ({"realm": "r", "nonce": "n", "qop": "auth-int,auth"}, True),
        ({"realm": "r", "nonce": "n", "qop": "auth-int"}, False),
        ({"realm": "r", "nonce": "n", "algorithm": "sha-256-SESS"}, True),
        ({"realm": "r", "nonce": "n", "algorithm": "SHA-3"}, False),
        ({"realm": "r"}, False),
        ({"nonce": "n"}, False),
    ],
)
def test_digest_challenges_that_can_be_answered(challenge: dict[str, str], can: bool) -> None:
    """A Digest challenge is answered only if all it asks for is known here."""
    assert can_answer_digest(ProxyChallenge("Digest", challenge)) is can
    answer = DigestAuth("u", "p").begin(REQUEST).answer(ProxyChallenge("Digest", challenge))
    assert (answer is not None) is can


async def test_digest_remembers() -> None:
    """The next tunnel uses the nonce again, with the next count, and then the next nonce."""
    auth = DigestAuth("u", "p")
    challenge = ProxyChallenge("Digest", {"realm": "r", "nonce": "n", "qop": "auth"})
    first = auth.begin(REQUEST)
    assert await said(first.first()) is None
    one = parameters(await said(first.answer(challenge)))
    first.accepted(())
    second = auth.begin(REQUEST)
    two = parameters(await said(second.first()))
    assert (one["nc"], two["nc"], one["cnonce"]) == ("00000001", "00000002", two["cnonce"])
    second.accepted(((b"proxy-authentication-info", b'rspauth="x", nextnonce="n2"'),))
    three = parameters(await said(auth.begin(REQUEST).first()))
    assert (three["nonce"], three["nc"]) == ("n2", "00000001")
    elsewhere = ProxyAuthRequest("CONNECT", "echo.test:443", "other.test", 3128)
    assert await said(auth.begin(elsewhere).first()) is None


async def test_digest_refused_and_stale() -> None:
    """A second challenge is a refusal, unless it says that only the nonce was too old."""
    conversation = DigestAuth("u", "p").begin(REQUEST)
    fresh = {"realm": "r", "nonce": "n", "qop": "auth"}
    stale = {**fresh, "nonce": "n2", "stale": "TRUE"}
    assert await said(conversation.answer(ProxyChallenge("Digest", fresh)))
    answer = parameters(await said(conversation.answer(ProxyChallenge("Digest", stale))))
    assert (answer["nonce"], answer["nc"]) == ("n2", "00000001")
    assert await said(conversation.answer(ProxyChallenge("Digest", fresh))) is None


# --- NTLM and Negotiate ------------------------------------------------------------------


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


# --- the choice --------------------------------------------------------------------------

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


@pytest.mark.parametrize(
    ("schemes", "answers"),
    [
        ([BASIC], ["Basic"]),
        ([DIGEST, BASIC], ['nonce="s"', "Basic"]),
        ([Ticket(), BASIC, DIGEST], ["Ticket echo.test:443 t", 'nonce="s"', "Basic"]),
        ([], []),
    ],
)
async def test_strongest_first(schemes: list[ProxyAuth], answers: list[str]) -> None:
    """Of what is offered the strongest is taken for which there are credentials, then the next."""
    schemes = [copy.copy(scheme) for scheme in schemes]
    authentication = Authentication(schemes, REQUEST)
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


# --- secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "auth",
    [
        BasicAuth("ada", "s3cret"),
        DigestAuth("ada", "s3cret"),
        BearerAuth("s3cret"),
        NegotiateAuth("ada", "s3cret"),
        NTLMAuth("ada", "s3cret"),
    ],
)
def test_secrets_are_not_shown(auth: ProxyAuth) -> None:
    """No scheme shows its secret; each can be compared, copied, pickled and used as a key."""
    assert "s3cret" not in f"{auth} {auth!r}"
    assert pickle.loads(pickle.dumps(auth)) == copy.copy(auth) == auth
    assert hash(copy.copy(auth)) == hash(auth)
