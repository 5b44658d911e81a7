"""What a refusal says in its body: quoted where it is short, never a secret."""

from __future__ import annotations

import pickle

import pytest

from trio_wsproxy import ServerRejected
from trio_wsproxy._http import said_in

TEXT, JSON = b"text/plain; charset=utf-8", b"application/json"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        (TEXT, b"  no such\r\n room\n", "no such room"),
        (TEXT, "Zürich ist voll".encode(), "Zürich ist voll"),
        (b"TEXT/PLAIN", b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"text/html", b"Invalid Sec-WebSocket-Key header", "Invalid Sec-WebSocket-Key header"),
        (b"text/html", b"\xef\xbb\xbf\n<html><p>no</html>", ""),
        (TEXT, b"<!doctype html>", ""),
        (TEXT, b"x " * 500, "x " * 100 + "…"),
        (TEXT, b"x " * 5000, ""),
        (TEXT, b"a\x1b[2Jb\xe2\x80\xae", "a?[2Jb?"),
        (JSON, b'{"message": "no such room"}', "no such room"),
        (JSON, b'{"code": 7, "error": {"message": "quota"}}', "quota"),
        (JSON, b'{"errors": [{"x": 1}, {"detail": "late"}]}', "late"),
        (b"application/problem+json", b'{"type": "about:blank", "title": "Gone"}', "Gone"),
        (JSON, b'{"error": "invalid_token", "error_description": "it has expired"}', "it has expired"),
        (JSON, b'"just words"', "just words"),
        (JSON, b'{"token": "s3cret", "data": "s3cret"}', ""),
        (JSON, b'{"message": {"message": {"message": {"message": {"message": "deep"}}}}}', ""),
        (JSON, b"[" * 60_000, ""),
        (JSON, b'{"message": ', ""),
        (JSON, b"\xff", ""),
        (b"application/octet-stream", b"words", ""),
        (b"", b"words", ""),
    ],
)  # fmt: skip
def test_said(kind: bytes, body: bytes, said: str) -> None:
    """A short text is said, and the message of JSON; no page, no data, nothing that is obeyed."""
    assert said_in([(b"content-type", kind)], body) == said


@pytest.mark.parametrize(
    "text",
    [
        "bad token=s3cret77x",
        "api_key: s3cret77x",
        "{'password': 's3cret77x'}",
        'access_token = "s3cret77x and more"',
        "Basic czNjcmV0NzdhZGE=",
        "got Bearer s3cret77x",
        "see https://ada:s3cret77x@e.test/",
        "see /login?code=s3cret77x",
        "eyJhbGciOiJIUzI1NiJ9.s3cret77x.abc is invalid",
        "session s3cret77x0123456789abcdef ended",
    ],
)
def test_secrets(text: str) -> None:
    """What names, schemes and shapes show to be a secret is not quoted."""
    for kind, body in ((TEXT, text), (JSON, f'{{"message": {text!r}}}')):
        said = said_in([(b"content-type", kind)], body.encode())
        assert "s3cret77x" not in said
        assert "czNj" not in said
    assert "***" in said_in([(b"content-type", TEXT)], text.encode()) or "?…" in said_in(
        [(b"content-type", TEXT)], text.encode()
    )


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, b"not from here", "; it says 'not from here'; it forbids it"),
        (500, b"oops", "to the WebSocket request; it says 'oops'"),
        (400, b"missing Upgrade", "; it says 'missing Upgrade'; a reverse proxy"),
        (404, b"Not Found", "; it knows no such path"),
        (404, b"404 Not Found.\n", "; it knows no such path"),
    ],
)
def test_in_the_message(status: int, body: bytes, says: str) -> None:
    """The message has it, unless it says no more than the status does; a copy has it, too."""
    error = ServerRejected(status, ((b"content-type", TEXT),), body, url="wss://e.test/")
    assert says in str(error)
    assert "see the error's" not in str(error)
    assert ("it says" in str(error)) is ("it says" in says)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
