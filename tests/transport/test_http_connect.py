"""The CONNECT tunnel: what goes out, and every answer that may come back, cut anywhere."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from _wire import Chunks, Peer, all_texts, cancelled_after, cuts, hop, one_by_one, rest_of

from trio_wsproxy import (
    ProxyAuthenticationError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    __version__,
)
from trio_wsproxy._http import MAX_BODY, MAX_HEAD
from trio_wsproxy._transport._http_connect import open_connect_tunnel

AUTHORITY = "echo.test:443"
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


async def tunnel(peer: Peer, url: str = "http://proxy.test:3128") -> trio.abc.Stream:
    """Ask a peer for a tunnel."""
    return await open_connect_tunnel(peer, hop(url), AUTHORITY, ())


# --- the request -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authority", "url", "options", "headers", "request_lines"),
    [
        ("echo.test:443", "http://p", {}, (), []),
        ("127.0.0.1:80", "http://p", {}, (), []),
        ("[::1]:443", "http://p", {}, (), []),
        ("xn--bcher-kva.example:443", "https://p", {}, (), []),
        # RFC 7617: Basic over UTF-8; the password may have colons, or be empty or missing.
        ("e.test:1", "http://ada:s@p", {}, (), ["Proxy-Authorization: Basic YWRhOnM="]),
        ("e.test:1", "http://ada:@p", {}, (), ["Proxy-Authorization: Basic YWRhOg=="]),
        ("e.test:1", "http://ada@p", {}, (), ["Proxy-Authorization: Basic YWRhOg=="]),
        ("e.test:1", "http://:s@p", {}, (), ["Proxy-Authorization: Basic OnM="]),
        ("e.test:1", "http://u:a%3Ab@p", {}, (), ["Proxy-Authorization: Basic dTphOmI="]),
        (
            "e.test:1",
            "http://j%C3%BC:%E2%82%AC@p",
            {},
            (),
            ["Proxy-Authorization: Basic asO8OuKCrA=="],
        ),
        # Headers for all proxies, for this one, and for both.
        ("e.test:1", "http://p", {}, ((b"User-Agent", b"x"),), ["User-Agent: x"]),
        ("e.test:1", "http://p", {"headers": {"X-Key": "k"}}, (), ["X-Key: k"]),
        (
            "e.test:1",
            "http://p",
            {"headers": [("X-Key", "one"), ("X-Key", "two")]},
            ((b"User-Agent", b"x"), (b"x-key", b"general")),
            ["User-Agent: x", "X-Key: one", "X-Key: two"],
        ),
        # A Proxy-Authorization of the caller's own replaces that of the URL.
        (
            "e.test:1",
            "http://ada:s@p",
            {},
            ((b"proxy-authorization", b"Bearer t"),),
            ["proxy-authorization: Bearer t"],
        ),
        (
            "e.test:1",
            "http://ada:s@p",
            {"headers": {"Proxy-Authorization": "Bearer own"}},
            ((b"Proxy-Authorization", b"Bearer general"),),
            ["Proxy-Authorization: Bearer own"],
        ),
    ],
)
async def test_request(
    authority: str,
    url: str,
    options: dict[str, Any],
    headers: tuple[tuple[bytes, bytes], ...],
    request_lines: list[str],
) -> None:
    """The request is these bytes, in one write; the program's name comes first, unless changed."""
    peer = Peer(GRANTED)
    await open_connect_tunnel(peer, hop(url, **options), authority, headers)
    if "User-Agent: x" not in request_lines:
        request_lines = [f"User-Agent: trio_wsproxy/{__version__}", *request_lines]
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", *request_lines, "", ""]
    assert peer.heard == ["\r\n".join(lines).encode()]


# --- success -----------------------------------------------------------------------------

OPENING = {
    "plain": GRANTED,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nProxy-agent: Apache\r\n\r\n",
    "LF alone": b"HTTP/1.1 200 OK\nVia: 1.1 x\n\n",
    "LF and CRLF": b"HTTP/1.1 200 OK\r\nVia: 1.1 x\n\r\n",
    "no reason": b"HTTP/1.1 200\r\n\r\n",
    "empty reason": b"HTTP/1.1 200 \r\n\r\n",
    "no reason, LF": b"HTTP/1.0 200\n\n",
    "reason in Latin-1": b"HTTP/1.1 200 Verbindung ge\xf6ffnet\r\n\r\n",
    "another 2xx": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unknown 2xx": b"HTTP/1.1 299 Fine\r\n\r\n",
    "folded header": b"HTTP/1.1 200 OK\r\nVia: 1.1 x,\r\n 1.1 y\r\n\r\n",
    "100 before": b"HTTP/1.1 100 Continue\r\n\r\n" + GRANTED,
    "1xx before": b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 102 W\n\n" + GRANTED,
    # RFC 9110 section 9.3.6: a client must ignore these in a 2xx answer to CONNECT.
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "lengths that differ": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n",
    "no length at all": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length, chunked": b"HTTP/1.1 200 OK\nTRANSFER-ENCODING: chunked\nContent-Length: 0\n\n",
    "gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "to be closed": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    # What curl has nothing against, and h11 would refuse.
    "no header": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
    "NUL in a header": b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
    "blank before the colon": b"HTTP/1.1 200 OK\r\nProxy-Agent : x\r\n\r\n",
    "blank in a name": b"HTTP/1.1 200 OK\r\nA B: v\r\n\r\n",
    "name not ASCII": b"HTTP/1.1 200 OK\r\nN\xc3\xa4me: v\r\n\r\n",
    "name not UTF-8": b"HTTP/1.1 200 OK\r\nN\xe4me: v\r\n\r\n",
    "no name": b"HTTP/1.1 200 OK\r\n: v\r\n\r\n",
    "bare CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    "bare CR in the reason": b"HTTP/1.1 200 O\rK\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\n\r\n",
    "folded at once": b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
    "two blanks": b"HTTP/1.1  200  Connection established\r\n\r\n",
    "no blank": b"HTTP/1.1 200Connection established\r\n\r\n",
    "CR CR LF": b"HTTP/1.1 200 OK\r\r\nVia: 1.1 x\r\r\n\r\r\n",
    "CR CR LF, then CR LF": b"HTTP/1.1 200 OK\r\r\nVia: 1.1 x\r\r\n\r\n",
    "broken length": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\nContent-Length: -1\r\n\r\n",
}
TUNNELLED = b"\x16\x03HTTP/1.1 407 No\r\n\r\n\n"  # nothing of it may be taken for HTTP


@pytest.mark.parametrize("answer", OPENING.values(), ids=OPENING)
async def test_tunnel_begins_behind_the_answer(answer: bytes) -> None:
    """However the answer is cut, the bytes behind it are the tunnel's first, and all of them."""
    for pieces in cuts(answer + TUNNELLED):
        assert await rest_of(await tunnel(Peer(pieces))) == TUNNELLED


async def test_server_is_silent_at_first() -> None:
    """The tunnel is open with the last byte of the answer; nothing more is waited for."""
    stream = await tunnel(Peer(one_by_one(GRANTED), then="silence"))
    await stream.send_all(b"first")


async def test_stream_without_early_bytes_is_handed_on() -> None:
    """Without bytes behind the answer the tunnel is the stream itself, not a wrapper."""
    peer = Peer(GRANTED)
    assert await tunnel(peer) is peer


@pytest.mark.parametrize("piece", [1 << 20, 1000])
async def test_large_head(piece: int) -> None:
    """A head of 64 KiB is accepted, whatever the size of its pieces."""
    start, end = b"HTTP/1.1 200 OK\r\nX: ", b"\r\n\r\n"
    head = start + b"x" * (MAX_HEAD - len(start + end)) + end
    pieces = [head[i : i + piece] for i in range(0, len(head), piece)]
    pieces[-1] += TUNNELLED
    assert await rest_of(await tunnel(Peer(pieces))) == TUNNELLED


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"", b"x" * (1 << 20)])
async def test_larger_head(end: bytes) -> None:
    """One byte more is refused, whether or not the end of the head is in sight."""
    start = b"HTTP/1.1 200 OK\r\nX: "
    head = start + b"x" * (MAX_HEAD + 1 - len(start + end[:4])) + end
    with pytest.raises(ProxyProtocolError, match="head of more than 64 KiB"):
        await tunnel(Peer(head, then="silence"))


# --- refusals ----------------------------------------------------------------------------

PAGE = b"<title>no</title>"
BODIES = {
    "length": (b"Content-Length: 17\r\n\r\n" + PAGE, PAGE),
    "length, more behind": (b"Content-Length: 17\r\n\r\n" + PAGE + b"HTTP/1.1 200", PAGE),
    "chunked": (
        b"Transfer-Encoding: chunked\r\n\r\n7\r\n<title>\r\na\r\nno</title>\r\n0\r\n\r\n",
        PAGE,
    ),
    "until the end": (b"Connection: close\r\n\r\n" + PAGE, PAGE),
    "two lengths": (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n" + PAGE, PAGE),
    "none": (b"Content-Length: 0\r\n\r\n", b""),
    "none, until the end": (b"\r\n", b""),
    # What has come of a broken body is kept; the status counts.
    "cut": (b"Content-Length: 170\r\n\r\n" + PAGE, PAGE),
    "cut in a chunk": (b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + PAGE, PAGE),
    "broken chunk": (b"Transfer-Encoding: chunked\r\n\r\n11\r\n" + PAGE + b"\r\nzz\r\n", PAGE),
}
STATUSES = [
    (407, "Proxy Authentication Required", ProxyAuthenticationError, "put user:password@ into"),
    (401, "Unauthorized", ProxyAuthenticationError, "put user:password@ into"),
    (403, "Forbidden", ProxyRejected, "its rules forbid echo.test:443"),
    (502, "Bad Gateway", ProxyRejected, "could not reach echo.test:443"),
    (503, "", ProxyRejected, "could not reach echo.test:443"),
    (504, "Gateway Timeout", ProxyRejected, "could not reach echo.test:443"),
    (400, "Bad Request", ProxyRejected, "may not be a proxy"),
    (405, "Method Not Allowed", ProxyRejected, "may not be a proxy"),
    (302, "Found", ProxyRejected, "a captive portal?"),
    (599, "Odd", ProxyRejected, r"see the error's \.headers and \.body"),
]


@pytest.mark.parametrize(("status", "reason", "kind", "remedy"), STATUSES)
async def test_refusal(status: int, reason: str, kind: type[ProxyRejected], remedy: str) -> None:
    """A refusal tells who refused what and how, in words and in attributes."""
    line = f"HTTP/1.1 {status} {reason}".rstrip()
    peer = Peer(f"{line}\r\nX-Squid-Error: ERR 0\r\nContent-Length: 2\r\n\r\nno".encode())
    target = hop("http://proxy.test:3128", number=2, count=3)
    with pytest.raises(ProxyRejected, match=remedy) as caught:
        await open_connect_tunnel(peer, target, AUTHORITY, ())
    error = caught.value
    assert type(error) is kind
    assert str(error).startswith(
        "proxy http://proxy.test:3128 (hop 2 of 3, from argument proxy=) answered "
        f"{status} {reason}".rstrip()
        + " to CONNECT echo.test:443; "
    )
    assert (error.status_code, error.body, error.reply_code) == (status, b"no", None)
    assert error.headers == ((b"x-squid-error", b"ERR 0"), (b"content-length", b"2"))
    assert (error.proxy, error.hop, error.stage) == ("http://proxy.test:3128", 2, "connect")


ODD_LINES = [
    b"Proxy-Agent : x",
    b"A B: v",
    b"N\xc3\xa4me: v",
    b"X: a\rb",
    b"nonsense",
    b"X: \0",
    b"Content-Length: 2\r\nContent-Length: 3",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
]


@pytest.mark.parametrize("line", ODD_LINES)
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r\r\n"])
@pytest.mark.parametrize("blanks", [b" ", b"  "])
@pytest.mark.parametrize(
    ("status", "kind"), [(407, ProxyAuthenticationError), (403, ProxyRejected)]
)
async def test_refusal_with_an_odd_line(
    line: bytes, end: bytes, blanks: bytes, status: int, kind: type[ProxyRejected]
) -> None:
    """A refusal comes out as what it is, whatever else its head has, with what can be read of it."""
    lines = [
        b"HTTP/1.1%b%d No" % (blanks, status),
        b"Proxy-Authenticate: Basic",
        line,
        b"",
        b"page",
    ]
    with pytest.raises(ProxyRejected) as caught:
        await tunnel(Peer(end.join(lines)))
    assert type(caught.value) is kind
    assert (caught.value.status_code, caught.value.body) == (status, b"page")
    assert (b"proxy-authenticate", b"Basic") in caught.value.headers
    assert ("it offers Basic" in str(caught.value)) is (status == 407)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (
            b"HTTP/1.1 403 \x1b[31mNo\x9b2J\r\nContent-Length: 0\r\n\r\n",
            "403 ?[31mNo?2J to CONNECT",
        ),
        (
            b"HTTP/1.1 407 No\r\nProxy-Authenticate: " + b"x" * 9000 + b"\r\n\r\n",
            f"(it offers {'x' * 200}…)",
        ),
        (b"HTTP/1.1 403 " + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n", "xxx… to CONNECT"),
        (b"HTTP/1.1 101 s3cret\r\nSet-Cookie : s3cret\r\n\r\n", "broken HTTP: it switches to"),
    ],
)
async def test_message_shows_no_more_than_is_good(answer: bytes, says: str) -> None:
    """A proxy's words command no terminal, fill no screen, and give no cookie away."""
    with pytest.raises(ProxyError) as caught:
        await tunnel(Peer(answer))
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert "s3cret" not in all_texts(caught.value)


async def test_wrong_credentials() -> None:
    """With credentials in the URL the advice for a 407 is another, and shows no password."""
    peer = Peer(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ProxyAuthenticationError, match="refuses these credentials") as caught:
        await tunnel(peer, "http://ada:s3cret@proxy.test:3128")
    assert caught.value.proxy == "http://ada:***@proxy.test:3128"
    assert "s3cret" not in all_texts(caught.value)


@pytest.mark.parametrize("then", ["eof", "reset"])
@pytest.mark.parametrize(("body", "kept"), BODIES.values(), ids=BODIES)
async def test_body_of_a_refusal(body: bytes, kept: bytes, then: Any) -> None:
    """The body is kept however it is framed and cut; a broken one hides no refusal."""
    answer = b"HTTP/1.1 403 Forbidden\r\n" + body
    for pieces in cuts(answer):
        with pytest.raises(ProxyRejected, match="403 Forbidden") as caught:
            await tunnel(Peer(pieces, then=then))
        assert caught.value.status_code == 403
        assert caught.value.body == kept


@pytest.mark.parametrize("framing", [b"Content-Length: 170", b"X: y"])
async def test_body_that_never_ends(framing: bytes, autojump_clock: trio.abc.Clock) -> None:
    """A proxy that refuses, but keeps the rest of its page to itself, has refused."""
    answer = b"HTTP/1.1 407 No\r\n" + framing + b"\r\n\r\n" + PAGE
    with trio.fail_after(10), pytest.raises(ProxyAuthenticationError) as caught:
        await tunnel(Peer(answer, then="silence"))
    assert caught.value.body == PAGE


async def test_large_body() -> None:
    """Of a large body the first 64 KiB are kept, and no more is read than that takes."""
    pieces = [b"HTTP/1.1 403 No\r\nContent-Length: 1000000\r\n\r\n", *[b"x" * 1000] * 70]
    with pytest.raises(ProxyRejected) as caught:
        await tunnel(Peer(pieces, then="silence"))
    assert caught.value.body == b"x" * MAX_BODY


# --- what is no answer -------------------------------------------------------------------


@pytest.mark.parametrize("then", ["eof", "reset"])
@pytest.mark.parametrize("answer", [OPENING["plain"], OPENING["1xx before"], OPENING["LF alone"]])
async def test_cut_answer(answer: bytes, then: Any) -> None:
    """An answer that is cut behind any byte is told as one, with the place."""
    for length in range(len(answer)):
        with pytest.raises(ProxyProtocolError) as caught:
            await tunnel(Peer(answer[:length], then=then))
        text = str(caught.value)
        assert text.startswith("proxy http://proxy.test:3128 (from argument proxy=) ")
        if then == "reset":
            assert "broke the connection while answering" in text
        elif length == 0:
            assert "closed the connection without an answer to CONNECT" in text
        assert (caught.value.hop, caught.value.stage) == (1, "connect")


async def test_client_certificate_missed_in_silence() -> None:
    """An https proxy that hangs up at once may have missed a client certificate."""
    with pytest.raises(ProxyProtocolError, match="client certificate, load one into the context"):
        await tunnel(Peer(), "https://proxy.test")


NOT_HTTP = {
    "TLS alert": (b"\x15\x03\x01\x00\x02\x02\x16", "a TLS alert: that port speaks TLS"),
    "SOCKS5": (b"\x05\xff", "that port speaks SOCKS"),
    "SOCKS4": (b"\x00\x5b\x00\x00\x00\x00\x00\x00", "that port speaks SOCKS"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "greeting of an SSH server"),
    "SMTP": (b"220 mail.test ESMTP\r\n", "220 mail.test ESMTP"),
    "zeros": (bytes(1000), "is not HTTP"),
    "nearly": (b"HTTPS/1.1 200 OK\r\n\r\n", "is not HTTP"),
    "blank line first": (b"\r\n" + GRANTED, "is not HTTP"),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", "broken HTTP: the status line b'HTTP/2 200'"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "broken HTTP: the status line b'HTTP/1.1 OK'"),
    "short status": (b"HTTP/1.1 20\r\n\r\n", "broken HTTP"),
    "a fourth digit": (b"HTTP/1.1 2000 OK\r\n\r\n", "broken HTTP"),
    "HTTP/2 with a reason": (b"HTTP/2.0 200 OK\r\n\r\n", "broken HTTP"),
    "another protocol": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "broken HTTP"),
}


@pytest.mark.parametrize(("answer", "text"), NOT_HTTP.values(), ids=NOT_HTTP)
@pytest.mark.parametrize("pieces", [lambda data: [data], one_by_one], ids=["whole", "bytes"])
async def test_not_http(answer: bytes, text: str, pieces: Any) -> None:
    """An answer that is not HTTP is shown, and guessed at where it came in one piece."""
    with pytest.raises(ProxyProtocolError) as caught:
        await tunnel(Peer(pieces(answer), then="silence"))
    if len(pieces(answer)) == 1 or "broken HTTP" in text:
        assert text in str(caught.value)
    assert "answered CONNECT" in str(caught.value)
    assert caught.value.__cause__ is None  # nothing of h11 is shown


async def test_silence(autojump_clock: trio.abc.Clock) -> None:
    """There is no deadline here but the caller's."""
    answers: list[Chunks] = [b"", GRANTED[:10]]
    for answer in answers:
        with trio.move_on_after(10**6) as scope:
            await tunnel(Peer(answer, then="silence"))
        assert scope.cancelled_caught


async def test_cancelled_at_each_checkpoint() -> None:
    """It can be cancelled wherever it waits, and closes nothing that is not its own."""
    answer = one_by_one(b"HTTP/1.1 403 No\n\n")
    for count in range(len(answer) + 2):
        peer = Peer(answer, then="silence")
        assert await cancelled_after(count, tunnel, peer)
        assert not peer.closed
