"""Digest, with the examples of its RFCs."""

from __future__ import annotations

import hashlib

import pytest
from _cost import REPETITIONS, linear
from _said import REQUEST, said

from trio_wsproxy import (
    DigestAuth,
    ProxyAuthRequest,
    ProxyChallenge,
)
from trio_wsproxy._auth._challenges import parse_parameters
from trio_wsproxy._auth._digest import can_answer_digest, digest


def parameters(value: str | None) -> dict[str, str]:
    """Read the parameters of a Digest answer."""
    assert value is not None
    assert value.startswith("Digest ")
    return parse_parameters(value.removeprefix("Digest "))


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


@pytest.mark.parametrize("repetition", REPETITIONS)
def test_cost_is_linear(repetition: str) -> None:
    """However long what a challenge has in it is, the answer costs what that weighs."""

    def read(text: str) -> None:
        for name in ("realm", "nonce", "qop", "opaque", "algorithm", "charset", "stale"):
            parameters = {"realm": "r", "nonce": "n", "qop": "auth", name: text}
            conversation = DigestAuth("ada", "s").begin(REQUEST)
            conversation.answer(ProxyChallenge("Digest", parameters))
        conversation.accepted(((b"proxy-authentication-info", text.encode()),))

    assert linear(read, repetition)
