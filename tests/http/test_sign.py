"""Protocols are recognised by the first bytes of an answer."""

from __future__ import annotations

import pytest

from trio_wsproxy._http import sign_of

SIGNS = [
    (b"\x15\x03\x01\x00\x02\x02\x0a", "TLS", "a TLS alert"),
    (b"\x15\x03", "TLS", "a TLS alert"),
    (b"\x16\x03\x03\x00\x7a\x02", "TLS", "a TLS message"),
    (b"\x15\x02", "", r"b'\x15\x02'"),
    (b"\x05\xff", "SOCKS5", r"a SOCKS5 reply (b'\x05\xff')"),
    (b"\x05", "SOCKS5", r"a SOCKS5 reply (b'\x05')"),
    (
        b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00P",
        "SOCKS5",
        r"a SOCKS5 reply (b'\x05\x00\x00\x01\x7f\x00\x00\x01')",
    ),
    (b"\x00\x5a", "SOCKS4", r"a SOCKS4 reply (b'\x00Z')"),
    (b"\x00\x5d", "SOCKS4", r"a SOCKS4 reply (b'\x00]')"),
    (b"\x00\x5e", "", r"b'\x00^'"),
    (b"\x00", "", r"b'\x00'"),
    (b"\x00\x00\x12\x04" + bytes(5), "HTTP/2", "a frame of HTTP/2"),
    (b"\x00\x00\x00\x04\x01" + bytes(4), "HTTP/2", "a frame of HTTP/2"),
    (b"\x00\x00\x12\x04\x00\x00\x00\x00\x01", "", r"b'\x00\x00\x12\x04\x00\x00\x00\x00\x01'"),
    (b"HTTP/1.1 400 Bad\r\nX: y\r\n\r\n", "HTTP", "HTTP ('HTTP/1.1 400 Bad')"),
    (b"HT", "HTTP", "HTTP"),
    (b"H", "", "b'H'"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "words", "the greeting of an SSH server ('SSH-2.0-OpenSSH_9.2')"),
    (b"220 mx.example ESMTP\r\n", "words", "'220 mx.example ESMTP'"),
    (b"\r\n\r\n* OK IMAP4 ready\r\n", "words", "'* OK IMAP4 ready'"),
    (b"<html><title>x</title>", "words", "a web page ('<html><title>x</title>')"),
    (b"\n <p>", "words", "a web page ('<p>')"),
    (b"ab\n", "", r"b'ab\n'"),
    (b"J\x00\x00\x00\n8.0.33", "", r"b'J\x00\x00\x00\n8.0.33'"),
    (b"", "", "b''"),
]


@pytest.mark.parametrize(("data", "speaks", "what"), SIGNS)
def test_sign(data: bytes, speaks: str, what: str) -> None:
    """Each is named, with what came of it; what is not known is shown as it is."""
    assert sign_of(data) == (speaks, what)


@pytest.mark.parametrize("start", [b"220 ", b"SSH-", b"<", b"\x07", b"HTTP/"])
def test_long_answers(start: bytes) -> None:
    """A message shows no more of one than fits into it, and no secret of a URL."""
    sign = sign_of(start + b"http://ada:s3cret@proxy.corp/?token=s3cret " + b"x" * 70_000)
    assert len(sign.what) < 220
    assert "s3cret" not in sign.what
