"""The headers of a 101, tidied: lines of one name joined, what means nothing left out."""

from __future__ import annotations

import re

import pytest
from _peer import Wire
from hypothesis import given
from hypothesis import strategies as st
from wsproto.utilities import generate_accept_token

from trio_wsproxy import HandshakeError
from trio_wsproxy._websocket import shake_hands
from trio_wsproxy._websocket._answer import tidied
from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._opening import OpeningAnswer

from .test_opening import REQUEST, accept, shake


def usual(*lines: bytes) -> bytes:
    """The usual answer with other lines behind it, without an accept token."""
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return b"\r\n".join([head + (lines[0] if lines else b""), *lines[1:], b"", b""])


# What stands in the answer beside the usual lines, and what becomes of it.
TIDIED: list[tuple[list[bytes], list[bytes]]] = [
    ([b"Server: x", b"X:  y \t"], [b"server: x", b"x: y"]),
    ([b"Set-Cookie: a", b"Set-Cookie: b"], [b"set-cookie: a", b"set-cookie: b"]),
    ([b"X: a", b" folded", b"\tagain"], [b"x: a folded again"]),
    (
        [b"Sec-WebSocket-Extensions: a; b", b"sec-websocket-extensions : c"],
        [b"sec-websocket-extensions: a; b, c"],
    ),
    ([b"Sec-WebSocket-Extensions:"], []),
    (
        [b"Sec-WebSocket-Extensions: ,a,,", b"Sec-WebSocket-Extensions: "],
        [b"sec-websocket-extensions: a"],
    ),
    ([b"Content-Length: -1", b"Transfer-Encoding: identity", b"CONTENT-LENGTH: x"], []),
    (
        [b"A B: v", b"\xe4: v", b": v", b"X: a\rb", b"X: a\x01b", b"Y : \xe4"],
        [b"y: \xe4"],
    ),
]


@pytest.mark.parametrize(("lines", "rest"), TIDIED)
def test_tidied(lines: list[bytes], rest: list[bytes]) -> None:
    """Lines of the handshake are one for each name, illegal lines and framing are gone, others stay."""
    expected = sorted([b"upgrade: websocket", b"connection: Upgrade", *rest])
    for newline in (b"\r\n", b"\n", b"\r\r\n"):
        said = tidied(usual(*lines).replace(b"\r\n", newline))
        assert isinstance(said, tuple)
        assert sorted(b": ".join(pair) for pair in said) == expected


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([b"no colon: s3cret".replace(b":", b"")], "the header line 'no…'"),
        ([b"X: s3cret\0"], "the header line 'X…'"),
        ([b"Upgrade: h2c"], "Upgrade is 'websocket, h2c', not 'websocket'"),
        ([b"Upgrade: websocket"], "Upgrade is 'websocket, websocket', not 'websocket'"),
        ([b"Sec-WebSocket-Accept: s3cret", b"Sec-WebSocket-Accept: b"],
         "Sec-WebSocket-Accept has several values"),
        ([b"Sec-WebSocket-Protocol: s3cret, b"], "Sec-WebSocket-Protocol has several values"),
    ],
)  # fmt: skip
def test_problems(lines: list[bytes], problem: str) -> None:
    """What cannot be a handshake is told without a value that may be a secret."""
    said = tidied(usual(*lines))
    assert isinstance(said, str)
    assert problem in said
    assert "s3cret" not in said


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """Whatever stands there, it is headers or words; and such headers stay as they are."""
    said = tidied(usual(data))
    if isinstance(said, tuple):
        lines = (b": ".join(pair) for pair in said)
        assert tidied(b"\r\n".join([b"HTTP/1.1 101 ", *lines, b"", b""])) == said
    else:
        assert said.isprintable()


# --- in a handshake -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        lambda answer: answer.replace(b"Connection: ", b"Connection: keep-alive\r\nConnection: "),
        lambda answer: answer.replace(b": Upgrade", b": Upgrade\r\nConnection: keep-alive"),
        lambda answer: answer.replace(b": Upgrade", b": ,\r\nConnection:\r\nConnection: upgrade,"),
        lambda answer: answer.replace(b"Upgrade: ", b"Transfer-Encoding: identity\r\nUpgrade: "),
        lambda answer: answer.replace(b"Upgrade: ", b"Content-Length: -1\r\nUpgrade: "),
        lambda answer: answer.replace(
            b"Upgrade: ", b"Content-Length: 5\r\nContent-Length: 6\r\nUpgrade: "
        ),
        lambda answer: answer.replace(b"Upgrade: ", b"Transfer-Encoding: chunked\r\nUpgrade: "),
        lambda answer: answer.replace(b"Upgrade: ", b"Proxy Agent: x\r\nX-\xe4: y\r\nUpgrade: "),
        lambda answer: answer.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions:\r\n\r\n"),
    ],
)
async def test_opens(spelled: object) -> None:
    """Repeated lines of Connection in either order, framing and illegal lines do not keep it shut."""
    assert callable(spelled)
    answer = await shake(lambda token: [spelled(accept(token)) + b"\x81\x01x"])
    assert answer.trailing == b"\x81\x01x"
    assert not {b"content-length", b"transfer-encoding"} & {name for name, _ in answer.headers}


async def test_a_subprotocol_in_the_second_line() -> None:
    """An empty line of a name takes nothing away from another one."""
    answer = await shake(
        lambda token: [
            accept(token, b"Sec-WebSocket-Protocol: ", b"Sec-WebSocket-Protocol: superchat")
        ]
    )
    assert answer.subprotocol == "superchat"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"Sec-WebSocket-Accept: " + generate_accept_token(b"x" * 24), "has several values"),
        (b"Upgrade: h2c", "Upgrade is"),
        (b"Upgrade: websocket/13", "Upgrade is"),
    ],
)
async def test_two_lines(line: bytes, problem: str, first: bool) -> None:
    """Where two lines contradict each other, neither is believed, in whatever order they come."""

    def answer(token: bytes) -> bytes:
        whole = accept(token, b"" if first else line).replace(b"\r\n\r\n\r\n", b"\r\n\r\n")
        return whole.replace(b"Upgrade: w", line + b"\r\nUpgrade: w") if first else whole

    with pytest.raises(HandshakeError, match=problem):
        await shake(lambda token: [answer(token)])


@pytest.mark.parametrize("lines", [["chat", "superchat"], ["superchat", "chat"], ["chat", "chat"]])
@pytest.mark.parametrize("together", [True, False])
async def test_two_subprotocols(lines: list[str], together: bool) -> None:
    """One subprotocol is chosen, not two."""
    name = b"Sec-WebSocket-Protocol: "
    values = [", ".join(lines)] if together else lines
    with pytest.raises(HandshakeError, match="Sec-WebSocket-Protocol has several values"):
        await shake(lambda token: [accept(token, *(name + x.encode() for x in values))])


async def shake_with_deflate(*extensions: bytes) -> OpeningAnswer:
    """Offer compression to a server that answers with these lines."""
    wire = Wire()

    def on_write() -> None:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)\r\n", wire.writes[0])
        assert key is not None
        lines = (b"Sec-WebSocket-Extensions: " + x for x in extensions)
        wire.put(accept(generate_accept_token(key[1]), *lines))

    wire.on_write = on_write
    return await shake_hands(wire, REQUEST, [PerMessageDeflate(Deflate(), None)])


async def test_extensions() -> None:
    """What was offered once may be accepted once, wherever in several lines."""
    answer = await shake_with_deflate(b"", b"permessage-deflate; client_max_window_bits=10")
    (extension,) = answer.extensions
    assert extension.enabled()
    assert (await shake_with_deflate()).extensions == ()


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([b"permessage-deflate"] * 2, "accepted twice"),
        ([b"permessage-deflate, permessage-deflate"], "accepted twice"),
        ([b"permessage-deflate; server_no_context_takeover", b"permessage-deflate"], "twice"),
        ([b"x-webkit-deflate-frame", b"permessage-deflate"], "x-webkit-deflate-frame"),
        ([b"permessage-deflate", b"mux"], "mux"),
        ([b"Permessage-Deflate"], "Permessage-Deflate"),
    ],
)
async def test_extensions_refused(lines: list[bytes], problem: str) -> None:
    """An extension that was not offered, or is accepted twice, in one line or two, is refused."""
    with pytest.raises(HandshakeError, match=problem):
        await shake_with_deflate(*lines)
