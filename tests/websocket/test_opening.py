from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import pytest
import trio
from _peer import Wire
from wsproto.utilities import generate_accept_token

from trio_wsproxy._exceptions import ConnectionRejected, HandshakeError, ServerRejected, failure_of
from trio_wsproxy._failures import Kind, Place
from trio_wsproxy._http import MAX_BODY, HeadersArgument
from trio_wsproxy._websocket import OpeningRequest, check_extra_headers, shake_hands
from trio_wsproxy._websocket._opening import OpeningAnswer

REQUEST = OpeningRequest(
    url="ws://example.org/chat",
    host="example.org",
    resource="/chat?room=1",
    subprotocols=("chat", "superchat"),
    headers=((b"X-Token", b"t"), (b"Cookie", b"a=b")),
)

Answer = Callable[[bytes], list[bytes | Exception]]  # the accept token → what the wire gives


def accept(token: bytes, *lines: bytes, newline: bytes = b"\r\n") -> bytes:
    """The usual answer, with more lines behind it."""
    head = [
        b"HTTP/1.1 101 Switching Protocols",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Accept: " + token,
        *lines,
    ]
    return newline.join([*head, b"", b""])


async def shake(answer: Answer, request: OpeningRequest = REQUEST) -> OpeningAnswer:
    """Shake hands with a server that answers like this."""
    wire = Wire()

    def on_write() -> None:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)\r\n", wire.writes[0])
        assert key is not None
        for chunk in answer(generate_accept_token(key[1])):
            wire.put(chunk)

    wire.on_write = on_write
    return await shake_hands(wire, request)


async def test_the_request() -> None:
    """One write holds the whole request, as RFC 6455 section 4.1 wants it."""
    wire = Wire()
    wire.put(b"")
    with pytest.raises(HandshakeError):
        await shake_hands(wire, REQUEST)
    (request,) = wire.writes
    lines = request.decode().split("\r\n")
    assert lines[0] == "GET /chat?room=1 HTTP/1.1"
    assert lines[1] == "Host: example.org"
    key = next(x for x in lines if x.startswith("Sec-WebSocket-Key: ")).partition(" ")[2]
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}==", key)  # 16 bytes
    assert set(lines[1:]) == {
        "Host: example.org",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: chat, superchat",
        "X-Token: t",
        "Cookie: a=b",
        "",
    }


async def test_the_answer() -> None:
    """What the server agreed to is told; the headers of the handshake itself are not repeated."""
    answer = await shake(
        lambda token: [accept(token, b"Sec-WebSocket-Protocol: superchat", b"Server: x", b"Y: 1")]
    )
    expected = OpeningAnswer("superchat", ((b"server", b"x"), (b"y", b"1")), (), b"", answer.sent)
    assert answer == expected
    assert answer.sent.hide(b"see room=1") == b"see ***"


@pytest.mark.parametrize("trailing", [b"", b"\x81\x02hi", b"\n\r\n\n"])
async def test_cut_anywhere(trailing: bytes) -> None:
    """Wherever the network cuts the answer, nothing behind it gets lost or eaten."""
    head_size = len(accept(generate_accept_token(b"x" * 24)))

    def cut_into(token: bytes, *sizes: int) -> list[bytes | Exception]:
        data = accept(token) + trailing
        return [data[i:j] for i, j in itertools.pairwise([0, *sizes, len(data)]) if i < j]

    answer = await shake(lambda token: cut_into(token, *range(1, head_size)))
    assert answer.trailing == trailing
    for cut in range(1, head_size + len(trailing)):
        answer = await shake(lambda token, cut=cut: cut_into(token, cut))  # type: ignore[misc]
        came_with_the_head = trailing if cut < head_size else trailing[: cut - head_size]
        assert answer.trailing == came_with_the_head


async def test_nothing_is_read_behind_the_answer() -> None:
    """What is not in the segments of the answer is left on the stream."""
    wire = Wire()

    def on_write() -> None:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)\r\n", wire.writes[0])
        assert key is not None
        wire.put(accept(generate_accept_token(key[1])) + b"first")
        wire.put(b"second")

    wire.on_write = on_write
    assert (await shake_hands(wire, REQUEST)).trailing == b"first"
    assert await wire.receive_some() == b"second"


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n",
        b"HTTP/1.1 102\n\n" * 50,
    ],
)
async def test_informational_answers_are_skipped(before: bytes) -> None:
    """RFC 9110 section 15.2: any number of 1xx answers may precede the final one."""
    answer = await shake(lambda token: [before + accept(token) + b"first"])
    assert answer.trailing == b"first"


@pytest.mark.parametrize(
    "spelled",
    [
        lambda token: accept(token, newline=b"\n"),
        lambda token: accept(token).replace(b" Switching Protocols", b""),
        lambda token: accept(token).replace(b"websocket", b"WebSocket"),
        lambda token: accept(token).replace(b": Upgrade", b": keep-alive, UPGRADE"),
        lambda token: accept(token, b"X-Large: " + b"x" * 20_000),
    ],
    ids=["LF alone", "no reason", "Upgrade's case", "Connection's list", "20 KB of headers"],
)
async def test_other_spellings(spelled: Callable[[bytes], bytes]) -> None:
    """What HTTP allows is understood."""
    assert (await shake(lambda token: [spelled(token)])).subprotocol is None


REJECTED = {
    "length": (b"Content-Length: 6\r\n\r\nsecret", b"secret"),
    "length, glued": (b"Content-Length: 6\r\n\r\nsecretHTTP/1.1 200 OK", b"secret"),
    "no body": (b"Content-Length: 0\r\n\r\n", b""),
    "chunks": (b"Transfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nret\r\n0\r\n\r\n", b"secret"),
    "until close": (b"\r\nsecret", b"secret"),
    "cut off": (b"Content-Length: 100\r\n\r\nsecret", b"secret"),
    "cut off within a chunk": (b"Transfer-Encoding: chunked\r\n\r\n99\r\nsecret", b"secret"),
    "a chunk of no length": (
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nsecret\r\nxyz\r\n",
        b"secret",
    ),
    "too long": (b"\r\n" + b"x" * (MAX_BODY + 5000), b"x" * MAX_BODY),
    "two lengths": (b"Content-Length: 6\r\nContent-Length: 7\r\n\r\nsecret", b"secret"),
    "a length that is no number": (b"Content-Length: many\r\n\r\nsecret", b"secret"),
    "an unknown coding": (b"Transfer-Encoding: gzip\r\n\r\nsecret", b"secret"),
}


@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
@pytest.mark.parametrize("framing", REJECTED)
async def test_refusals(framing: str, cut: str) -> None:
    """A refusal is told with status, headers and body, however the body is framed."""
    rest, body = REJECTED[framing]
    data = b"HTTP/1.1 403 Forbidden\r\nX-Why: because\r\n" + rest
    whole = cut == "whole" or len(data) > 1000
    chunks = [data] if whole else [data[i : i + 1] for i in range(len(data))]
    with pytest.raises(ConnectionRejected) as caught:
        await shake(lambda _: [*chunks, b""])
    error = caught.value
    assert isinstance(error, ServerRejected)
    assert error.status_code == 403
    assert (b"x-why", b"because") in error.headers
    assert error.body == body
    assert "ws://example.org/chat answered 403 Forbidden" in str(error)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_refusals_without_a_body(status: bytes) -> None:
    """Where HTTP knows no body, none is waited for."""
    with pytest.raises(ServerRejected) as caught:
        await shake(lambda _: [b"HTTP/1.1 " + status + b"\r\n\r\n"])
    assert caught.value.body == b""


@pytest.mark.parametrize("status", [200, 301, 400, 401, 407, 426, 500, 503, 599, 999])
async def test_every_other_status_is_a_refusal(status: int) -> None:
    """Only 101 opens a WebSocket."""
    head = b"HTTP/1.1 %d \r\nContent-Length: 0\r\n\r\n" % status
    with pytest.raises(ServerRejected) as caught:
        await shake(lambda _: [head])
    assert caught.value.status_code == status


@pytest.mark.parametrize(
    "repeated", ["Bearer t0ken", "t0ken", "hunter=2", "hunter%3D2", "a-very-long-subprotocol-t0ken"]
)
async def test_a_refusal_that_repeats_what_was_sent(repeated: str) -> None:
    """A server's explanation is told, and nothing in it that came from here and may be a secret."""
    request = OpeningRequest(
        url="ws://example.org/?…",
        host="example.org",
        resource="/?x=hunter%3D2",
        subprotocols=("chat", "a-very-long-subprotocol-t0ken"),
        headers=((b"Authorization", b"Bearer t0ken"), (b"Origin", b"http://example.org")),
    )
    head = b"HTTP/1.1 403 No\r\nContent-Type: text/plain\r\n\r\n"
    body = f"not for ({repeated}) from http://example.org in chat"
    with pytest.raises(ServerRejected) as caught:
        await shake(lambda _: [head + body.encode(), b""], request)
    assert "it says 'not for (" in str(caught.value)
    assert "from http://example.org in chat'" in str(caught.value)
    assert repeated not in str(caught.value)
    assert caught.value.body == body.encode()  # the peer's own data


async def test_a_body_that_breaks_off() -> None:
    """A reset within the body does not hide the refusal."""
    with pytest.raises(ServerRejected) as caught:
        await shake(lambda _: [b"HTTP/1.1 500 Oops\r\n\r\nsec", trio.BrokenResourceError()])
    assert caught.value.body == b"sec"


@pytest.mark.parametrize("rest", [b"\r\nsec", b"Content-Length: 9\r\n\r\nsec"])
async def test_a_body_that_never_ends(rest: bytes, autojump_clock: trio.testing.MockClock) -> None:
    """A server that keeps us waiting for the body does not hide the refusal either."""
    with trio.fail_after(10), pytest.raises(ServerRejected) as caught:
        await shake(lambda _: [b"HTTP/1.1 503 Busy\r\n" + rest])
    assert caught.value.status_code == 503
    assert caught.value.body == b"sec"


NOT_A_HANDSHAKE: dict[str, tuple[Answer, str]] = {
    "a wrong key": (lambda token: [accept(token.swapcase())], "Bad accept token"),
    "no key": (
        lambda token: [accept(token).replace(b"Sec-WebSocket-Accept", b"X")],
        "Missing header, 'Sec-WebSocket-Accept'",
    ),
    "no Upgrade": (lambda token: [accept(token).replace(b"Upgrade: w", b"X: w")], "Upgrade"),
    "no Connection": (
        lambda token: [accept(token).replace(b"Connection: ", b"X: ")],
        "Connection: Upgrade",
    ),
    "a subprotocol nobody asked for": (
        lambda token: [accept(token, b"Sec-WebSocket-Protocol: other")],
        "subprotocol other",
    ),
    "a subprotocol that is not ASCII": (
        lambda token: [accept(token, b"Sec-WebSocket-Protocol: \xff")],
        "not a WebSocket handshake",
    ),
    "an extension nobody asked for": (
        lambda token: [accept(token, b"Sec-WebSocket-Extensions: permessage-deflate")],
        "permessage-deflate",
    ),
    "a broken header line": (lambda token: [accept(token, b"no colon")], "Bad HTTP message"),
    "TLS": (lambda _: [b"\x15\x03\x03\x00\x02\x02\x28"], "that port speaks TLS"),
    "SSH": (lambda _: [b"SSH-2.0-OpenSSH_9.2\r\n"], "an SSH server"),
    "SOCKS": (lambda _: [b"\x05\xff"], "that port speaks SOCKS"),
    "another protocol": (lambda _: [b"220 smtp ready\r\n"], "220 smtp ready"),
    "HTTP/2": (lambda _: [b"HTTP/2 101 \r\n\r\n"], "the status line"),
    "no number": (lambda _: [b"HTTP/1.1 abc\r\n\r\n"], "the status line"),
    "a head without end": (lambda _: [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000], "64 KiB"),
    "nothing": (lambda _: [b""], "closed the connection without an answer"),
    "half a head": (lambda token: [accept(token)[:30], b""], "in the middle of an answer"),
    "1xx and nothing more": (
        lambda _: [b"HTTP/1.1 100 Continue\r\n\r\n", b""],
        "closed the connection without an answer",
    ),
    "a reset": (lambda _: [trio.BrokenResourceError("reset")], "broke the connection"),
}


@pytest.mark.parametrize("name", NOT_A_HANDSHAKE)
async def test_not_a_handshake(name: str) -> None:
    """Anything else is a HandshakeError that says who answered what, and shows no library of ours."""
    answer, text = NOT_A_HANDSHAKE[name]
    with pytest.raises(HandshakeError) as caught:
        await shake(answer)
    error = caught.value
    assert type(error) is HandshakeError
    assert "the server ws://example.org/chat" in str(error)
    assert text in str(error)
    failure = failure_of(error)
    assert failure is not None
    cut_off = re.search("closed the connection|broke the connection|middle", text)
    assert failure.kind is (Kind.CUT_OFF if cut_off else Kind.OTHER_PROTOCOL)
    assert (failure.stage, failure.place) == ("upgrade", Place())
    assert error.__cause__ is None or isinstance(error.__cause__, trio.BrokenResourceError)


async def test_the_request_cannot_be_sent(autojump_clock: trio.testing.MockClock) -> None:
    """A server that is gone before the request is a HandshakeError too."""
    wire = Wire()
    wire.write_error = trio.BrokenResourceError("gone")
    with pytest.raises(HandshakeError, match="broke the connection") as caught:
        await shake_hands(wire, REQUEST)
    assert caught.value.__cause__ is wire.write_error


@pytest.mark.parametrize(
    ("host", "resource"),
    [
        ("example.org\r\nX: y", "/"),
        ("a..b", "/"),
        ("x" * 64, "/"),
        ("example.org", "/a b"),
        ("example.org", "/\r\n\r\nGET"),
        ("example.org", "/grüße"),
        ("example.org", ""),
    ],
)
def test_impossible_requests(host: str, resource: str) -> None:
    """What HTTP cannot carry is refused with a ValueError, before anything can be sent."""
    with pytest.raises(ValueError, match=r"host|resource"):
        OpeningRequest(url="ws://example.org/", host=host, resource=resource)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ([], ()),
        ({"X-A": "1", "X-B": "2"}, ((b"X-A", b"1"), (b"X-B", b"2"))),
        ({b"X-A": b"1"}, ((b"X-A", b"1"),)),
        ([("X-A", "1"), ("X-A", "2")], ((b"X-A", b"1"), (b"X-A", b"2"))),
        ([(b"X-A", "1"), ("X-B", b"2")], ((b"X-A", b"1"), (b"X-B", b"2"))),
        ({"X-A": "gr\xfc\xdfe"}, ((b"X-A", b"gr\xfc\xdfe"),)),
        (
            {"Host": "other.example", "Origin": "null"},
            ((b"Host", b"other.example"), (b"Origin", b"null")),
        ),
        ({"Authorization": "Bearer x"}, ((b"Authorization", b"Bearer x"),)),
    ],
)
def test_extra_headers(
    given: HeadersArgument | None, expected: tuple[tuple[bytes, bytes], ...]
) -> None:
    """Headers are taken as a mapping or as pairs, of str or of bytes."""
    assert check_extra_headers(given) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"Connection": "close"}, "set by the handshake itself"),
        ({"UPGRADE": "h2c"}, "set by the handshake itself"),
        ({"sec-websocket-key": "x"}, "set by the handshake itself"),
        ({"Sec-WebSocket-Version": "8"}, "set by the handshake itself"),
        ({"Sec-WebSocket-Extensions": "x"}, "set by the handshake itself"),
        ({"Sec-WebSocket-Protocol": "x"}, "use subprotocols="),
        ({"proxy-authorization": "Basic secret"}, "not to the proxy"),
        ({"Content-Length": "5"}, "not yours to set"),
        ({"Transfer-Encoding": "chunked"}, "not yours to set"),
        ({"X A": "secret"}, "does not allow"),
        ({"X-A": "secret\r\nX-B: 2"}, "does not allow"),
        ({"X-A": "\U0001f30d secret"}, "does not allow"),
        ({"X-\u20ac": "secret"}, "does not allow"),
        ({"": "secret"}, "does not allow"),
        ([("X-A: secret", "")], "does not allow"),
    ],
)
def test_extra_headers_refused(given: HeadersArgument, text: str) -> None:
    """What is not the caller's to set, or not HTTP, is refused without showing the value."""
    with pytest.raises(ValueError, match=text) as caught:
        check_extra_headers(given)
    assert "extra_headers" in str(caught.value)
    assert "secret" not in str(caught.value)
