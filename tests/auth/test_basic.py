"""Basic and Bearer: what they say, once."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from _said import REQUEST, said

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    ProxyChallenge,
    ProxyConfigError,
)
from trio_wsproxy._auth._basic import basic


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
