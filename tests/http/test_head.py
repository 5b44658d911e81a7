from __future__ import annotations

import itertools

import h11
import pytest
from _cost import REPETITIONS, linear
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._http._head import (
    MAX_HEAD,
    Fields,
    Head,
    NotHTTP,
    plain_fields,
    read_fields,
    status_code,
)

HEADS = [
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 Connection established\r\nVia: x\r\nX: y\r\n\r\n",
    b"HTTP/1.0 407 \nProxy-Authenticate: Basic\n\n",
    b"HTTP/1.1 101\r\nX: y\n\r\n",
    b"HTTP/1.1 200 OK\n\r\n",
    b"HTTP/1.1 200 OK\r\r\nVia: x\r\r\n\r\r\n",
    b"HTTP/1.1 200 OK\r\r\r\n\r\r\r\n",
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
        (b"HTTP/1.1  200\r\n\r\n", 200),
        (b"HTTP/1.1 \t 200  OK\r\n\r\n", 200),
        (b"HTTP/1.1 200\tOK\r\n\r\n", 200),
        (b"HTTP/1.1 200OK\r\n\r\n", 200),
        (b"HTTP/1.10 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 407 a\0b\rc\r\r\n\r\n", 407),
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
        b"HTTP/1.1 2 00",
        b"HTTP/1.1 OK 200",
        b"HTTP/1.1200",
        b"HTTP/11 200",
        b"HTTP/1.1 OK",
    ],
)
def test_no_status_code(line: bytes) -> None:
    """Anything else is not a status line."""
    with pytest.raises(NotHTTP, match="status line"):
        status_code(line + b"\r\n\r\n")


READ = [
    # the lines behind the status line, the headers read, what frames the body
    (b"", [], b""),
    (b"Via: 1.1 x\r\nX:\r\n", [(b"via", b"1.1 x"), (b"x", b"")], b""),
    (b"X: \t a b\t \r\n", [(b"x", b"a b")], b""),
    (b"X: a\r\n\t b\n  c\r\r\nY: d\n", [(b"x", b"a b c"), (b"y", b"d")], b""),
    (b"X: \xfc\x01\r\n", [(b"x", b"\xfc\x01")], b""),
    # Blanks between name and colon go; all that is not allowed goes with its line.
    (b"Proxy-Agent : x\r\nA\t: b\r\n", [(b"proxy-agent", b"x"), (b"a", b"b")], b""),
    (b"A B: v\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b"nonsense\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b"N\xc3\xa4me: v\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b": v\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b"A: b\rc\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b"A: \0\r\nB: \x0b\nC: \x0c\nX: y\r\n", [(b"x", b"y")], b""),
    (b"\rA: b\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b" folded: into nothing\r\nX: y\r\n", [(b"x", b"y")], b""),
    # Where the body ends.
    (b"Content-Length: 5\r\n", [(b"content-length", b"5")], b"Content-Length: 5\r\n"),
    (
        b"Content-Length: 5, 5\r\nCONTENT-LENGTH:5\r\n",
        [(b"content-length", b"5, 5"), (b"content-length", b"5")],
        b"Content-Length: 5\r\n",
    ),
    (
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        [(b"content-length", b"5"), (b"content-length", b"6")],
        b"",
    ),
    (b"Content-Length: -1\r\n", [(b"content-length", b"-1")], b""),
    (b"Content-Length: " + b"9" * 21 + b"\r\n", [(b"content-length", b"9" * 21)], b""),
    (b"Content-Length :5\r\nX: y\r\n", [(b"x", b"y")], b""),
    (b"Content-Length: \0\r\nContent-Length: 5\r\n", [(b"content-length", b"5")], b""),
    (
        b"Transfer-Encoding: CHUNKED\r\nContent-Length: 5\r\n",
        [(b"transfer-encoding", b"CHUNKED"), (b"content-length", b"5")],
        b"Transfer-Encoding: chunked\r\n",
    ),
    (
        b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n",
        [(b"transfer-encoding", b"gzip, chunked"), (b"content-length", b"5")],
        b"",
    ),
    (
        b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        [(b"transfer-encoding", b"identity"), (b"content-length", b"5")],
        b"Content-Length: 5\r\n",
    ),
    (b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", [(b"content-length", b"5")], b""),
]


@pytest.mark.parametrize(("lines", "headers", "framing"), READ)
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r\r\n"])
def test_fields(
    lines: bytes, headers: list[tuple[bytes, bytes]], framing: bytes, end: bytes
) -> None:
    """What HTTP allows is read, what it does not is left out, and the body ends in one place."""
    head = b"HTTP/1.0 403  No way " + end + lines + end
    assert read_fields(head) == Fields(0, b"No way", tuple(headers), framing)


names = st.text("Aa-_1 \t\r:é", min_size=1, max_size=5).map(str.encode)
values = st.text("aB \t,\r\0;é", max_size=8).map(str.encode)


@given(st.lists(st.tuples(names, values), max_size=5))
def test_what_h11_reads_is_read(pairs: list[tuple[bytes, bytes]]) -> None:
    """A head that h11 has nothing against means to us what it means to h11; the others open, too."""
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%b:%b\r\n" % pair for pair in pairs) + b"\r\n"
    fields = read_fields(head)
    http = h11.Connection(h11.CLIENT)
    http.receive_data(head)
    try:
        event = http.next_event()
    except h11.RemoteProtocolError:
        return
    assert isinstance(event, h11.Response)
    assert list(fields.headers) == [(bytes(name), bytes(value)) for name, value in event.headers]


@pytest.mark.parametrize("repetition", REPETITIONS)
def test_cost_is_linear(repetition: str) -> None:
    """However a head is filled, and cut, finding its end and reading it costs what it weighs."""

    def read(text: str) -> None:
        data = text.encode()
        read_fields(b"HTTP/1.1 403 " + data)
        read_fields(b"HTTP/1.1 403 No\r\nX: " + data)
        read_fields(b"HTTP/1.1 403 No\r\n" + data)
        Head().feed(b"HTTP/1.1 403 No\r\nX: " + data)
        status_code(data)

    def read_in_pieces(text: str) -> None:
        reader = Head()
        reader.feed(b"HTTP/1.1 403 No\r\n")
        for start in range(0, len(text), 16):
            if reader.feed(text[start : start + 16].encode()):
                reader = Head()
                reader.feed(b"HTTP/1.1 403 No\r\n")

    assert linear(read, repetition)
    assert linear(read_in_pieces, repetition)


PIECES = [b"A", b"via", b"Content-Length", b"\xe9", b" ", b"\t", b":", b": ", b"5", b"\0"]
PIECES += [b"\x01", b"\r\n", b"\r", b"\x0b"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_plain(lines: bytes) -> None:
    """A head in which nothing is odd is read in one step, and as one with other line ends is."""
    head = b"HTTP/1.1 403 No\r\n" + lines + b"\r\n\r\n"
    cut = Head().feed(head)
    assert cut is not None
    plain = plain_fields(cut[0])
    if plain is not None:
        slowly = cut[0].replace(b"\r\n", b"\n")
        assert plain_fields(slowly) is None
        assert read_fields(cut[0]) == read_fields(slowly)
        assert read_fields(cut[0]).headers == plain


def test_plain_ones() -> None:
    """What servers answer is plain; what is folded, or has no colon, or a control in it, is not."""
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade:websocket\r\nX: \xe4 \t\r\n%b\r\n"
    assert plain_fields(head % b"") == ((b"upgrade", b"websocket"), (b"x", b"\xe4"))
    for line in (b" folded", b"none", b"A : b", b"A: \x01", b": x", b"A: b\rC: d"):
        assert plain_fields(head % (line + b"\r\n")) is None
