"""Basic and Bearer: what they say, once."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from _said import REQUEST, said
from _wire import all_texts

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
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


SURROGATES = ["s3cret\ud800", "\udce4s3cret", "s3c\udfffret"]


@pytest.mark.parametrize("password", SURROGATES)
@pytest.mark.parametrize(
    "make",
    [
        lambda text: BasicAuth("ada", text),
        lambda text: BasicAuth(text, "x"),
        lambda text: DigestAuth("ada", text),
        lambda text: DigestAuth(text, "x"),
        lambda text: NTLMAuth("ada", text),
        lambda text: NTLMAuth(text, "x"),
        lambda text: NegotiateAuth("ada", text),
        NegotiateAuth,
        lambda text: NegotiateAuth(service=text),
        BearerAuth,
        lambda text: Proxy(f"http://ada:{text}@p"),
        lambda text: Proxy(f"http://{text}@p"),
        lambda text: Proxy(f"socks5://ada:{text}@p"),
        lambda text: Proxy(f"socks4://{text}@p"),
        lambda text: Proxy("http://p", headers={"X": text}),
    ],
)
def test_what_has_no_encoding(make: Any, password: str) -> None:
    """A lone surrogate is refused when the credentials are given, and nothing of them is shown."""
    with pytest.raises(ValueError) as caught:
        make(password)
    assert isinstance(caught.value, ProxyConfigError)
    told = all_texts(caught.value)
    assert "s3c" not in told
    assert not any(isinstance(x, UnicodeError) for x in chain_of(caught.value))


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what is behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("scheme", [NTLMAuth, NegotiateAuth])
def test_other_credentials_of_another_type(scheme: Any) -> None:
    """Bytes are no credentials there either."""
    with pytest.raises(TypeError, match="is str"):
        scheme("ada", b"s")


@pytest.mark.parametrize("token", [b"s3cret", 5, None])
async def test_token_of_another_type(token: Any) -> None:
    """A token is a str, also where a function gives it, and that function is async."""

    async def give() -> Any:
        return token

    with pytest.raises(TypeError, match="a token is a str") as caught:
        BearerAuth(token)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(TypeError, match="a token is a str"):
        await said(BearerAuth(give).begin(REQUEST).first())
    not_async: Any = lambda: token  # noqa: E731  # as users write it
    with pytest.raises(TypeError, match="must be async; it gave"):
        await said(BearerAuth(not_async).begin(REQUEST).first())
