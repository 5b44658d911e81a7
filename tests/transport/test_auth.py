"""Proxy authentication: the value of the header."""

from __future__ import annotations

import base64

import pytest

from trio_wsproxy._transport._auth import basic


@pytest.mark.parametrize(
    ("username", "password", "value"),
    [
        ("Aladdin", "open sesame", b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 section 2
        ("test", "123\N{POUND SIGN}", b"Basic dGVzdDoxMjPCow=="),  # RFC 7617 section 2.1
        ("", "", b"Basic Og=="),
        ("a", "b:c:", b"Basic YTpiOmM6"),
    ],
)
def test_basic(username: str, password: str, value: bytes) -> None:
    """Basic is user name and password in UTF-8, as RFC 7617 shows it."""
    assert basic(username, password) == value


def test_basic_stays_on_one_line() -> None:
    """Long credentials are not broken into lines, which a header does not survive."""
    value = basic("u" * 1000, "p" * 1000)
    assert base64.b64decode(value.removeprefix(b"Basic "), validate=True).count(b"p") == 1000
