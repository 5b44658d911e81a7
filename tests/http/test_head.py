from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._http._head import (
    MAX_HEAD,
    Head,
    NotHTTP,
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
