"""Text from the network, made fit to be shown."""

from __future__ import annotations

import pytest

from trio_wsproxy._redaction import masked_head, masked_reference, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("\x1b[31mred\x9b2J\r\n", "?[31mred?2J??"),
        ("a\u202eb\u2066c\u200bd\u2028e\ud800f", "a?b?c?d?e?f"),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Nothing is left that a terminal obeys or a reader does not see."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.org/login", "https://example.org/login"),
        ("https://example.org:8443/@ada", "https://example.org:8443/@ada"),
        ("https://[::1]/@ada", "https://[::1]/@ada"),
        ("/cb?code=s3#s3", "/cb"),
        ("/cb#access_token=s3", "/cb"),
        ("//ada:s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3/s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3?s3@example.org/x", "//***@example.org/x"),
        ("//a/\x1b]0;x\x9b", "//a/?]0;x?"),
    ],
)
def test_masked_reference(text: str, shown: str) -> None:
    """Of a URL that somebody sent nothing is shown but where it leads."""
    assert masked_reference(text) == shown


@pytest.mark.parametrize("piece", ["//", "//:", "//a:b", ":", "@", "//@", "?"])
def test_masking_takes_no_time(piece: str) -> None:
    """A text made to keep it busy does not, or this test would take minutes."""
    assert masked_reference(piece * (65536 // len(piece))) is not None


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 | Host: a"),
        (b"CONNECT a:443 HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/1.1"),
        (b"GET /chat?token=s3 HTTP/1.1\r\n\r\n", "GET /chat?… HTTP/1.1"),
        (b"GET /? HTTP/1.1\r\n\r\n", "GET /?… HTTP/1.1"),
        (b"HTTP/1.1 101 \r\nX: Authorization: y\n\n", "HTTP/1.1 101  | X: Authorization: y"),
        (b"x\r\nAuthorization: Bearer s3\r\nY: z\r\n\r\n", "x | Authorization: *** | Y: z"),
        (b"x\r\nproxy-AUTHORIZATION:s3\r\n\r\n", "x | proxy-AUTHORIZATION: ***"),
        (b"x\r\nCookie: a=s3; b=s3\r\nCookie: s3\r\n\r\n", "x | Cookie: *** | Cookie: ***"),
        (b"x\r\nSet-Cookie : s3\r\n\r\n", "x | Set-Cookie : ***"),
        (b"x\r\nSet-Cookie: s3;\r\n  path=s3\r\n\ts3\nY: z\r\n\r\n", "x | Set-Cookie: *** | Y: z"),
        (b"x\r\nLocation: wss://u:s3@b/c?d=s3#e\r\n\r\n", "x | Location: wss://***@b/c?…"),
        (b"x\r\nY: //b/c@d, a?s3 z\r\n\r\n", "x | Y: //b/c@d, a?… z"),
        (b"x\r\nLocation: /b#s3\r\nlink: </b>; x\r\n\r\n", "x | Location: /b#… | link: </b>; x"),
        (b"x\r\nLocation: //u:s3/s3@b/c d?s3 s3\r\n\r\n", "x | Location: //***@b/c d?…"),
        (b"x\r\nLocation:\r\n /b?s3\r\n s3\r\n\r\n", "x | Location: /b?…"),
        (
            b"x\r\nSet-Cookie2: s3\r\nX-Auth-Token: s3\r\n\r\n",
            "x | Set-Cookie2: *** | X-Auth-Token: ***",
        ),
        (b"x\r\nProxy-Authentication-Info: s3\r\n\r\n", "x | Proxy-Authentication-Info: ***"),
        (
            b'x\r\nProxy-Authenticate: Negotiate s3==, NTLM s3, Basic realm="a b"\r\n\r\n',
            'x | Proxy-Authenticate: Negotiate ***, NTLM ***, Basic realm="a b"',
        ),
        (b"x\r\nWWW-Authenticate: Negotiate, NTLM\r\n", "x | WWW-Authenticate: Negotiate, NTLM"),
        (b"x\r\nY: \x1b[2J\xff\rz\r\n\r\n", "x | Y: ?[2J?z"),
    ],
)
def test_masked_head(head: bytes, shown: str) -> None:
    """A head stands in the log in one line, without credentials, cookies and queries."""
    assert masked_head(head) == shown
