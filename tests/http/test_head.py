from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._http._head import (
    MAX_HEAD,
    Head,
    HeadersArgument,
    NotHTTP,
    header_pairs,
    masked_head,
    status_code,
    without_framing,
)

HEADS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 Connection established\r\nVia: x\r\nX: y\r\n\r\n",
    b"HTTP/1.0 407 \nProxy-Authenticate: Basic\n\n",
    b"HTTP/1.1 101\r\nX: y\n\r\n",
    b"HTTP/1.1 200 OK\n\r\n",
]


@pytest.mark.parametrize("trailing", [b"", b"x", b"\n\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
@pytest.mark.parametrize("head", HEADS)
def test_head_cut_anywhere(head: bytes, trailing: bytes) -> None:
    """The head ends at its blank line, and what stands behind it is left alone."""
    data = head + trailing
    for cut in range(len(data) + 1):
        reader = Head()
        result = reader.feed(data[:cut])
        if cut < len(head):
            assert result is None
            assert reader.partial == data[:cut]
            assert reader.feed(data[cut:]) == (head, trailing)
        else:
            assert result == (head, data[len(head) : cut])


@given(st.sampled_from(HEADS), st.binary(max_size=20), st.data())
def test_head_in_any_pieces(head: bytes, trailing: bytes, data: st.DataObject) -> None:
    """However many pieces it comes in, no byte gets lost or is looked at twice."""
    wire = head + trailing
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=10)))
    reader = Head()
    edges = [0, *cuts, len(wire)]
    for start, stop in itertools.pairwise(edges):
        if (result := reader.feed(wire[start:stop])) is not None:
            assert stop >= len(head)
            assert result == (head, wire[len(head) : stop])
            return
    pytest.fail("the head was not found")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x15\x03\x01\x00\x02\x02\x46", "TLS"),
        (b"\x05\xff", "SOCKS"),
        (b"\x05", "SOCKS"),
        (b"\x00\x5b", "SOCKS"),
        (b"\x00", "not HTTP"),
        (b"SSH-2.0-OpenSSH\r\n", "SSH server"),
        (b"220 ready\r\n", "220 ready"),
        (b"<html>", "<html>"),
        (b"HTTPS", "not HTTP"),
        (b"http/1.1 200 OK\r\n\r\n", "not HTTP"),
        (b"\r\nHTTP/1.1 200 OK\r\n\r\n", "not HTTP"),
    ],
)
def test_not_http(data: bytes, says: str) -> None:
    """What cannot become an HTTP answer is told by its first bytes, and named."""
    with pytest.raises(NotHTTP, match=says):
        Head().feed(data)


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
@pytest.mark.parametrize("pieces", [1, 100])
def test_a_large_head(pieces: int, end: bytes) -> None:
    """A head of 64 KiB is accepted, one byte more is not, complete or not."""
    reader = Head()
    start = b"HTTP/1.1 200 OK\r\nX: "
    whole = start + b"x" * (MAX_HEAD - len(start) - 4) + b"\r\n\r\n"
    assert Head().feed(whole) == (whole, b"")
    too_large = start + b"x" * (MAX_HEAD + 1 - len(start) - len(end)) + end
    size = -(-len(too_large) // pieces)
    with pytest.raises(NotHTTP, match="64 KiB"):  # noqa: PT012
        for i in range(0, len(too_large), size):
            assert reader.feed(too_large[i : i + size]) is None


def test_what_stands_behind_a_head_may_be_large() -> None:
    """The limit is about the head, not about what came with it."""
    trailing = b"x" * MAX_HEAD
    assert Head().feed(HEADS[0] + trailing) == (HEADS[0], trailing)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.0 407 Proxy Authentication Required\r\n\r\n", 407),
        (b"HTTP/1.1 101\r\n\r\n", 101),
        (b"HTTP/1.1 502 \n\n", 502),
        (b"HTTP/1.1 599 \xff\r\n\r\n", 599),
    ],
)
def test_status_code(head: bytes, status: int) -> None:
    """The code is read with any reason, or none."""
    assert status_code(head) == status


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200",
        b"HTTP/1.1",
        b"HTTP/1.1 20",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1  200",
        b"HTTP/1.1 OK",
    ],
)
def test_no_status_code(line: bytes) -> None:
    """Anything else is not a status line."""
    with pytest.raises(NotHTTP, match="status line"):
        status_code(line + b"\r\n\r\n")


def test_without_framing() -> None:
    """Only the two headers that frame a body are dropped, however they are spelled."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\nTRANSFER-ENCODING : chunked\n"
        b"X-Content-Length: 2\r\n\r\n"
    )
    assert without_framing(head) == b"HTTP/1.1 200 OK\r\nX: 1\r\nX-Content-Length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ({}, ()),
        ({"A": "1"}, ((b"A", b"1"),)),
        ([("A", b"1"), (b"A", "2")], ((b"A", b"1"), (b"A", b"2"))),
        ((("A", ""),), ((b"A", b""),)),
        ({"A": "\xe4"}, ((b"A", b"\xe4"),)),
        ([("A", bytearray(b"1"))], ((b"A", b"1"),)),
        ({"Host": "x"}, ((b"Host", b"x"),)),
    ],
)
def test_header_pairs(given: HeadersArgument | None, expected: object) -> None:
    """Mappings and pairs, str and bytes, become pairs of bytes in the same order."""
    assert header_pairs(given, name="n") == expected


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"A B": "secret"}, ValueError),
        ({"A\r\n": "secret"}, ValueError),
        ({"": "secret"}, ValueError),
        ({"A": "secret\n"}, ValueError),
        ({"A": "secret\0"}, ValueError),
        ({"A": "secret \u20ac"}, ValueError),
        ({"\u20ac": "secret"}, ValueError),
        ([("A: secret", "x")], ValueError),
        ({"x-owned": "secret"}, ValueError),
        ({"A": 5}, TypeError),
        ([(5, "secret")], TypeError),
        ({"A": None}, TypeError),
    ],
)
def test_header_pairs_refuses(given: HeadersArgument, error: type[Exception]) -> None:
    """What h11 would refuse is refused here, and no value shows in the message or behind it."""
    with pytest.raises(error) as caught:
        header_pairs(given, name="extra_headers", reserved={b"x-owned"})
    told = caught.value
    if error is ValueError:
        assert "extra_headers" in str(told)
    assert "secret" not in f"{told!r} {told.__cause__!r} {told.__context__!r}"


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
