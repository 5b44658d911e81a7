"""Compression: what is agreed on, what goes over the wire, what comes back, and how large."""

from __future__ import annotations

import itertools
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import trio
import trio.testing
from _peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Wire,
    close_payload,
    connect,
    frame,
    put_together,
    received,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, Event, Message, TextMessage
from wsproto.extensions import PerMessageDeflate as ServerDeflate
from wsproto.utilities import RemoteProtocolError, generate_accept_token

from trio_wsproxy._exceptions import HandshakeError
from trio_wsproxy._websocket import OpeningRequest, shake_hands
from trio_wsproxy._websocket._deflate import TAIL, Deflate, PerMessageDeflate
from trio_wsproxy._websocket._events import (
    CloseReceived,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
)
from trio_wsproxy._websocket._events import Event as OurEvent
from trio_wsproxy._websocket._protocol import Protocol

from .test_protocol import one_by_one

RSV1 = 0x40
NAME = "permessage-deflate"


def agreed(
    answer: str = NAME, options: Deflate | None = None, max_message_size: int | None = None
) -> PerMessageDeflate:
    """The client's side after the server's answer."""
    extension = PerMessageDeflate(options or Deflate(), max_message_size)
    extension.finalize(answer)
    return extension


def receive(
    chunks: Iterable[bytes], max_message_size: int | None = None, answer: str = NAME
) -> list[OurEvent]:
    """What a client with compression makes of these bytes; messages whole."""
    protocol = Protocol([agreed(answer, None, max_message_size)], max_message_size)
    return put_together(received(protocol, *chunks))


def compressor(bits: int = 15) -> Callable[[bytes], bytes]:
    """A server's compressor, which keeps its window; gives payloads."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -bits)

    def compress(data: bytes) -> bytes:
        result = deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH)
        return result.removesuffix(TAIL) or b"\0"

    return compress


def compressed(data: bytes) -> bytes:
    """A payload without anything in front of it."""
    return compressor()(data)


# --- options ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "offer"),
    [
        ({}, "client_max_window_bits"),
        ({"client_max_window_bits": 15}, "client_max_window_bits"),
        ({"client_max_window_bits": 9}, "client_max_window_bits=9"),
        ({"server_max_window_bits": 10}, "client_max_window_bits; server_max_window_bits=10"),
        (
            {"client_no_context_takeover": True},
            "client_max_window_bits; client_no_context_takeover",
        ),
        (
            {"server_no_context_takeover": True},
            "client_max_window_bits; server_no_context_takeover",
        ),
        ({"memory_level": 1, "level": 0}, "client_max_window_bits"),
        ({"client_max_window_bits": None}, True),
        (
            {"client_max_window_bits": None, "server_no_context_takeover": True},
            "server_no_context_takeover",
        ),
        ({"memory_level": 9, "level": 9}, "client_max_window_bits"),
    ],
)
def test_offer(options: dict[str, Any], offer: str | bool) -> None:
    """The offer has what was asked for, and leaves the rest to the server."""
    assert PerMessageDeflate(Deflate(**options), None).offer() == offer


@pytest.mark.parametrize("value", [-2, 0, 7, 8, 16, 12.5, "x"])
@pytest.mark.parametrize(
    "name", ["client_max_window_bits", "server_max_window_bits", "memory_level", "level"]
)
def test_options_out_of_range(name: str, value: Any) -> None:
    """A number that zlib or the RFC does not know is refused at once, by name."""
    if (name, value) in [
        ("memory_level", 7), ("memory_level", 8), ("level", 0), ("level", 7), ("level", 8)
    ]:  # fmt: skip
        Deflate(**{name: value})
        return
    with pytest.raises(ValueError, match=name):
        Deflate(**{name: value})


# --- negotiation (RFC 7692 section 7.1) ---------------------------------------------------

EVERYTHING = {
    "client_max_window_bits": 12,
    "server_max_window_bits": 11,
    "client_no_context_takeover": True,
    "server_no_context_takeover": True,
}

# What was offered, the answer's parameters, and the outcome: the bits of the client's and of
# the server's window, and whether either is forgotten.
ACCEPTED: list[tuple[dict[str, Any], str, tuple[int, int, bool, bool]]] = [
    ({}, "", (15, 15, False, False)),
    ({}, "; client_max_window_bits=15", (15, 15, False, False)),
    ({}, "; client_max_window_bits=9", (9, 15, False, False)),
    ({}, ";client_max_window_bits=10", (10, 15, False, False)),
    ({}, '; client_max_window_bits="10"', (10, 15, False, False)),
    ({}, "  ;  client_max_window_bits = 10  ", (10, 15, False, False)),
    # zlib's 9 is compressed with where the server has room for 8.
    ({}, "; client_max_window_bits=8", (9, 15, False, False)),
    ({"client_max_window_bits": 9}, '; client_max_window_bits="8"', (9, 15, False, False)),
    ({"client_max_window_bits": None}, "", (15, 15, False, False)),
    (
        {"client_max_window_bits": None},
        "; server_max_window_bits=9; client_no_context_takeover",
        (15, 9, True, False),
    ),
    # What a server may add without being asked (7.1.1.1, 7.1.1.2, 7.1.2.1).
    ({}, "; server_max_window_bits=15", (15, 15, False, False)),
    ({}, "; server_max_window_bits=8", (15, 8, False, False)),
    ({}, '; server_max_window_bits="9"', (15, 9, False, False)),
    ({}, "; server_no_context_takeover", (15, 15, False, True)),
    ({}, "; client_no_context_takeover", (15, 15, True, False)),
    ({}, "; server_no_context_takeover; client_no_context_takeover", (15, 15, True, True)),
    # A hint need not be repeated in the answer (7.1.1.2, 7.1.2.2).
    ({"client_no_context_takeover": True}, "", (15, 15, True, False)),
    ({"client_max_window_bits": 10}, "", (10, 15, False, False)),
    ({"client_max_window_bits": 10}, "; client_max_window_bits=10", (10, 15, False, False)),
    ({"client_max_window_bits": 10}, "; client_max_window_bits=9", (9, 15, False, False)),
    ({"server_max_window_bits": 12}, "; server_max_window_bits=12", (15, 12, False, False)),
    ({"server_max_window_bits": 12}, "; server_max_window_bits=8", (15, 8, False, False)),
    (
        {"server_no_context_takeover": True},
        "; server_no_context_takeover",
        (15, 15, False, True),
    ),
    (
        EVERYTHING,
        (
            "; server_no_context_takeover; client_no_context_takeover"
            "; server_max_window_bits=10; client_max_window_bits=9"
        ),
        (9, 10, True, True),
    ),
]


@pytest.mark.parametrize(("offered", "answer", "outcome"), ACCEPTED)
def test_accepted(
    offered: dict[str, Any], answer: str, outcome: tuple[int, int, bool, bool]
) -> None:
    """An answer that the offer allows is an agreement, on exactly this."""
    extension = PerMessageDeflate(Deflate(**offered), None)
    assert not extension.enabled()
    extension.finalize(NAME + answer)
    assert extension.enabled()
    assert outcome == (
        extension._client_bits,
        extension._server_bits,
        extension._client_forgets,
        extension._server_forgets,
    )
    assert f"client {outcome[0]} bits, server {outcome[1]}" in repr(extension)


@pytest.mark.parametrize("level", range(-1, 10))
@pytest.mark.parametrize("memory_level", [1, 8, 9])
def test_a_window_of_8_bits(level: int, memory_level: int) -> None:
    """What is compressed for a server with a window of 8 bits can be inflated with one, always."""
    options = Deflate(level=level, memory_level=memory_level)
    extension = agreed(f"{NAME}; client_max_window_bits=8", options)
    inflater = zlib.decompressobj(-8)
    block = bytes(i * i % 251 for i in range(300))
    for distance in (1, 200, 249, 250, 251, 256, 257, 300, 511, 512):
        message = (block[:distance] * 20)[:5000]
        payload = extension.compress(message, last=True)
        assert inflater.decompress(payload + TAIL) == message


@pytest.mark.parametrize("bits", [None, 15, 9])
async def test_the_offer_on_the_wire(bits: int | None) -> None:
    """Without any parameter the offer is the bare name, which even the oldest servers know."""
    wire = Wire()
    wire.put(b"")
    request = OpeningRequest(url="ws://example.org/", host="example.org", resource="/")
    extension = PerMessageDeflate(Deflate(client_max_window_bits=bits), None)
    with pytest.raises(HandshakeError):
        await shake_hands(wire, request, [extension])
    parameter = {None: "", 15: "; client_max_window_bits", 9: "; client_max_window_bits=9"}[bits]
    assert f"\r\nSec-WebSocket-Extensions: {NAME}{parameter}\r\n".encode() in wire.writes[0]


REFUSED: list[tuple[dict[str, Any], str]] = [
    # Unknown, or written in another way.
    ({}, "; x"),
    ({}, "; x=1"),
    ({}, "; x-client_max_window_bits=10"),
    ({}, "; Client_Max_Window_Bits=10"),
    ({}, ";"),
    ({}, "; client_max_window_bits=10;"),
    ({}, "; client_max_window_bits=10 server_max_window_bits=10"),
    # Repeated.
    ({}, "; client_max_window_bits=10; client_max_window_bits=10"),
    ({}, "; server_max_window_bits=10; server_max_window_bits=9"),
    ({}, "; server_no_context_takeover; server_no_context_takeover"),
    # A value where there is none, or none where there is one.
    ({}, "; server_no_context_takeover=1"),
    ({}, '; server_no_context_takeover=""'),
    ({}, "; client_no_context_takeover=10"),
    ({}, "; client_max_window_bits"),
    ({}, "; client_max_window_bits="),
    ({}, '; client_max_window_bits=""'),
    ({}, "; server_max_window_bits"),
    # Not a decimal number without leading zeros, or not from 8 to 15.
    ({}, "; client_max_window_bits=010"),
    ({}, "; client_max_window_bits=09"),
    ({}, '; server_max_window_bits="09"'),
    ({}, "; server_max_window_bits=08"),
    ({}, "; server_max_window_bits=0"),
    ({}, "; server_max_window_bits=7"),
    ({}, "; server_max_window_bits=16"),
    ({}, "; server_max_window_bits=100"),
    ({}, "; server_max_window_bits=" + "9" * 5000),
    ({}, "; server_max_window_bits=-9"),
    ({}, "; server_max_window_bits=+9"),
    ({}, "; server_max_window_bits=9.0"),
    ({}, "; server_max_window_bits=\N{ARABIC-INDIC DIGIT NINE}"),
    ({}, '; server_max_window_bits="9'),
    ({}, '; server_max_window_bits=9"'),
    ({}, "; server_max_window_bits='9'"),
    ({}, '; server_max_window_bits="9 "'),
    ({}, "; client_max_window_bits=16"),
    # zlib cannot compress with such a window.
    # A bare offer does not say that the window may be limited (7.1.2.2).
    ({"client_max_window_bits": None}, "; client_max_window_bits=15"),
    ({"client_max_window_bits": None}, "; client_max_window_bits=8"),
    ({}, "; client_max_window_bits=7"),
    # More than was offered.
    ({"client_max_window_bits": 10}, "; client_max_window_bits=11"),
    ({"server_max_window_bits": 10}, "; server_max_window_bits=11"),
    # What was asked for is not granted (7.1.1.1, 7.1.2.1: the offer is to be declined then).
    ({"server_max_window_bits": 10}, ""),
    ({"server_no_context_takeover": True}, ""),
    ({"server_no_context_takeover": True}, "; client_no_context_takeover"),
]


@pytest.mark.parametrize(("offered", "answer"), REFUSED)
def test_refused(offered: dict[str, Any], answer: str) -> None:
    """An answer that the offer does not allow fails the handshake."""
    extension = PerMessageDeflate(Deflate(**offered), None)
    with pytest.raises(RemoteProtocolError):
        extension.finalize(NAME + answer)
    assert not extension.enabled()


def test_accepted_twice() -> None:
    """A server may accept one offer once."""
    extension = agreed()
    with pytest.raises(RemoteProtocolError, match="twice"):
        extension.finalize(NAME)


async def shake(header: bytes, offers: Sequence[PerMessageDeflate]) -> tuple[Any, ...]:
    """Shake hands with a server that answers with this Sec-WebSocket-Extensions header."""
    wire = Wire()

    def on_write() -> None:
        key = wire.writes[0].partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        wire.put(
            b"HTTP/1.1 101 \r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + generate_accept_token(key) + b"\r\n" + header + b"\r\n"
        )

    wire.on_write = on_write
    request = OpeningRequest(url="ws://a/", host="a", resource="/")
    answer = await shake_hands(wire, request, offers)
    assert (b"permessage-deflate" in wire.writes[0]) is bool(offers)
    return answer.extensions


async def test_in_the_handshake() -> None:
    """The server's header decides: it is agreed on, or left out."""
    extension = PerMessageDeflate(Deflate(), None)
    header = b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n"
    assert await shake(header, [extension]) == (extension,)
    assert extension.enabled()
    extension = PerMessageDeflate(Deflate(), None)
    assert await shake(b"", [extension]) == ()
    assert not extension.enabled()


@pytest.mark.parametrize(
    ("offered", "value"),
    [
        (True, b"permessage-deflate; x"),
        (True, b"permessage-deflate, permessage-deflate"),
        (True, b"permessage-deflate; server_no_context_takeover=1"),
        (True, b"x-webkit-deflate-frame"),
        (True, b"permessage-deflate, x"),
        (False, b"permessage-deflate"),
    ],
)
async def test_refused_in_the_handshake(offered: bool, value: bytes) -> None:
    """What was not offered is not taken for an agreement (RFC 6455 section 9.1)."""
    offers = [PerMessageDeflate(Deflate(), None)] if offered else []
    with pytest.raises(HandshakeError, match="not a WebSocket handshake"):
        await shake(b"Sec-WebSocket-Extensions: " + value + b"\r\n", offers)


# --- both ways with a server --------------------------------------------------------------


def pair(options: Deflate, server: ServerDeflate) -> tuple[Protocol, Connection]:
    """A client and a server of wsproto's that have agreed."""
    extension = PerMessageDeflate(options, None)
    accepted = server.accept(f"{NAME}; {extension.offer()}")
    assert isinstance(accepted, str)
    extension.finalize("; ".join(filter(None, [NAME, accepted])))
    return Protocol([extension], None), Connection(ConnectionType.SERVER, [server])


def heard(server: Connection, data: bytes) -> list[Any]:
    """The messages a server of wsproto's hears; whole."""
    server.receive_data(data)
    result: list[Any] = []
    parts: list[Any] = []
    for event in server.events():
        assert isinstance(event, Message)
        parts.append(event.data)
        if event.message_finished:
            result.append(type(event.data)().join(parts))
            parts = []
    return result


SETTINGS: list[tuple[Deflate, dict[str, Any]]] = [
    (Deflate(), {}),
    (Deflate(client_max_window_bits=9, memory_level=1, level=1), {}),
    (Deflate(server_max_window_bits=9), {}),
    (Deflate(client_no_context_takeover=True), {}),
    (Deflate(server_no_context_takeover=True), {}),
    (Deflate(), {"client_no_context_takeover": True, "client_max_window_bits": 9}),
    (Deflate(), {"server_no_context_takeover": True, "server_max_window_bits": 9}),
    (Deflate(level=0), {}),
]
messages = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
    st.binary(max_size=300),
    st.sampled_from(["", b"", "grüß" * 200, b"\0" * 70_000, bytes(range(256)) * 40]),
)


@given(setting=st.sampled_from(SETTINGS), sent=st.lists(messages, max_size=6))
def test_round_trip(setting: tuple[Deflate, dict[str, Any]], sent: list[str | bytes]) -> None:
    """Whatever is agreed on, wsproto's server hears what was sent, and the other way round."""
    options, server_options = setting
    client, server = pair(options, ServerDeflate(**server_options))
    for message in sent:
        assert heard(server, client.message(message)) == [message]
        event: Event = (
            TextMessage(data=message) if isinstance(message, str) else BytesMessage(data=message)
        )
        assert put_together(received(client, server.send(event))) == [message]


@given(sent=st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=5), max_size=4))
def test_fragments_round_trip(sent: list[list[bytes]]) -> None:
    """Fragmented messages arrive too, in both directions, with empty fragments among them."""
    client, server = pair(Deflate(), ServerDeflate())
    for parts in sent:
        frames = [
            client.fragment(part, first=i == 0, last=i == len(parts) - 1)
            for i, part in enumerate(parts)
        ]
        assert heard(server, b"".join(frames)) == [b"".join(parts)]
        data = b"".join(
            server.send(BytesMessage(data=part, message_finished=i == len(parts) - 1))
            for i, part in enumerate(parts)
        )
        assert put_together(received(client, data)) == [b"".join(parts)]


@pytest.mark.parametrize("forget", [False, True])
def test_context_takeover(forget: bool) -> None:
    """The second of two equal messages is much shorter, unless the window is forgotten."""
    options = Deflate(client_no_context_takeover=forget)
    client, _ = pair(options, ServerDeflate())
    text = "".join(map(chr, range(40, 120))) * 2
    first, second = client.message(text), client.message(text)
    assert (len(second) < len(first) / 2) is not forget
    assert (len(second) == len(first)) is forget


def test_the_window_is_kept_small() -> None:
    """What is further back than the agreed window is not referred to."""
    block = bytes(itertools.islice(itertools.cycle(range(251)), 400)) + bytes(
        (i * i * 7 + i) % 256 for i in range(2000)
    )
    small, _ = pair(Deflate(client_max_window_bits=9), ServerDeflate())
    inflater = zlib.decompressobj(-9)  # refuses distances beyond 512 bytes
    for _ in range(3):
        message = small.message(block)
        payload = unmasked(message)
        assert inflater.decompress(payload + TAIL) == block


def unmasked(data: bytes) -> bytes:
    """The payload of one client's frame."""
    start = {126: 4, 127: 10}.get(data[1] & 0x7F, 2)
    key, payload = data[start : start + 4], data[start + 4 :]
    return bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def test_first_bytes() -> None:
    """Only a message's first frame has RSV1, and control frames never have it."""
    protocol = Protocol([agreed()], None)
    assert protocol.message("a")[0] == 0x80 | RSV1 | TEXT
    assert protocol.fragment(b"a", first=True, last=False)[0] == RSV1 | BINARY
    assert protocol.ping(b"a")[0] == 0x80 | PING
    assert protocol.fragment(b"b", first=False, last=False)[0] == CONTINUATION
    assert protocol.fragment(b"c", first=False, last=True)[0] == 0x80 | CONTINUATION
    assert protocol.pong(b"a")[0] == 0x80 | PONG
    assert protocol.close(1000, "")[0] == 0x80 | CLOSE


def test_empty_messages_to_the_server() -> None:
    """Empty messages are one zero byte each, however many follow one another (7.2.3.6)."""
    protocol = Protocol([agreed()], None)
    assert [unmasked(protocol.message(b"")) for _ in range(3)] == [b"\0"] * 3
    protocol.message(b"x")
    assert [unmasked(protocol.message("")) for _ in range(2)] == [b"\0"] * 2


def test_a_fragment_can_be_inflated_when_it_is_there() -> None:
    """What a fragment carries does not wait in the compressor for the next one."""
    protocol = Protocol([agreed()], None)
    inflater = zlib.decompressobj(-15)
    for i in range(3):
        data = unmasked(protocol.fragment(b"part", first=i == 0, last=False))
        assert inflater.decompress(data) == b"part"
    data = unmasked(protocol.fragment(b"", first=False, last=True))
    assert inflater.decompress(data + TAIL) == b""
    assert inflater.decompress(unmasked(protocol.message(b"next")) + TAIL) == b"next"


def test_a_message_that_cannot_be_encoded_leaves_no_trace() -> None:
    """A lone surrogate does not get into the compressor."""
    client, server = pair(Deflate(), ServerDeflate())
    with pytest.raises(UnicodeEncodeError):
        client.message("fine until here \ud800")
    assert heard(server, client.message("next")) == ["next"]


# --- what a server may send ---------------------------------------------------------------

HELLO = compressed(b"Hello")
EARLIER = compressor()
FINAL = zlib.compress(b"Hello")[2:-4]  # without zlib's frame: one block, with BFINAL

CONVERSATIONS: dict[str, tuple[bytes, list[OurEvent]]] = {
    # The examples of RFC 7692 section 7.2.3.
    "7.2.3.1": (bytes.fromhex("c1 07 f2 48 cd c9 c9 07 00"), ["Hello"]),
    "7.2.3.1 in fragments": (bytes.fromhex("41 03 f2 48 cd 80 04 c9 c9 07 00"), ["Hello"]),
    "7.2.3.2": (
        bytes.fromhex("c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00"),
        ["Hello", "Hello"],
    ),
    "7.2.3.3, no compression": (
        bytes.fromhex("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00"),
        ["Hello"],
    ),
    "7.2.3.4, BFINAL": (bytes.fromhex("c1 08 f3 48 cd c9 c9 07 00 00"), ["Hello"]),
    "7.2.3.5, two blocks": (
        bytes.fromhex("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00"),
        ["Hello"],
    ),
    "BFINAL at the very end": (frame(TEXT, FINAL, first_bits=RSV1) * 3, ["Hello"] * 3),
    "BFINAL in the middle": (
        frame(TEXT, FINAL * 2 + HELLO, first_bits=RSV1) + frame(TEXT, HELLO, first_bits=RSV1),
        ["HelloHelloHello", "Hello"],
    ),
    "not compressed": (
        frame(TEXT, HELLO, first_bits=RSV1) + frame(TEXT, b"plain") + frame(BINARY, HELLO),
        ["Hello", "plain", HELLO],
    ),
    "not compressed, in fragments": (
        frame(TEXT, b"pl", fin=False) + frame(CONTINUATION, b"ain"),
        ["plain"],
    ),
    "the window goes past what is not compressed": (
        frame(TEXT, EARLIER(b"twice upon a time"), first_bits=RSV1)
        + frame(TEXT, b"plain")
        + frame(TEXT, EARLIER(b"twice upon a time"), first_bits=RSV1),
        ["twice upon a time", "plain", "twice upon a time"],
    ),
    "empty": (frame(TEXT, b"\0", first_bits=RSV1) * 2, ["", ""]),
    "empty without a byte": (
        frame(BINARY, b"", first_bits=RSV1) * 2
        + frame(BINARY, compressed(b"x"), first_bits=RSV1)
        + frame(BINARY, b"", first_bits=RSV1)
        + frame(BINARY, compressed(b"y"), first_bits=RSV1),
        [b"", b"", b"x", b"", b"y"],
    ),
    "empty fragments around": (
        frame(TEXT, b"", fin=False, first_bits=RSV1)
        + frame(CONTINUATION, HELLO, fin=False)
        + frame(CONTINUATION, b""),
        ["Hello"],
    ),
    "control frames between fragments": (
        frame(TEXT, HELLO[:2], fin=False, first_bits=RSV1)
        + frame(PING, b"1")
        + frame(CONTINUATION, HELLO[2:4], fin=False)
        + frame(PONG, HELLO)
        + frame(CONTINUATION, HELLO[4:])
        + frame(CLOSE, close_payload(1000, "bye")),
        [PingReceived(b"1"), PongReceived(HELLO), "Hello", CloseReceived(1000, "bye")],
    ),
    "a character in two fragments": (
        frame(TEXT, compressed("ü".encode())[:2], fin=False, first_bits=RSV1)
        + frame(CONTINUATION, compressed("ü".encode())[2:]),
        ["ü"],
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_compressed_frames(name: str) -> None:
    """Whatever the RFC allows is understood, wherever the network cuts it."""
    data, expected = CONVERSATIONS[name]
    assert receive([data]) == expected
    assert receive(one_by_one(data)) == expected
    for cut in range(len(data)):
        assert receive([data[:cut], data[cut:]]) == expected


def test_a_server_that_forgets() -> None:
    """Where the server said that it forgets its window, each message begins anew."""
    data = b"".join(frame(TEXT, compressed(b"again"), first_bits=RSV1) for _ in range(3))
    answer = f"{NAME}; server_no_context_takeover"
    assert receive([data], answer=answer) == ["again"] * 3
    cheat = compressor()
    data = b"".join(frame(TEXT, cheat(b"again" * 9), first_bits=RSV1) for _ in range(3))
    broken = receive([data], answer=answer)[-1]
    assert isinstance(broken, PeerBrokeProtocol)
    assert broken.code == 1007


BROKEN: dict[str, tuple[bytes, int]] = {
    "RSV1 on a continuation": (
        frame(TEXT, HELLO[:2], fin=False, first_bits=RSV1)
        + frame(CONTINUATION, HELLO[2:], first_bits=RSV1),
        1002,
    ),
    "RSV1 on a continuation of what is not compressed": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, HELLO, first_bits=RSV1),
        1002,
    ),
    "RSV1 on a ping": (frame(PING, b"a", first_bits=RSV1), 1002),
    "RSV1 on a pong": (frame(PONG, b"a", first_bits=RSV1), 1002),
    "RSV1 on a close": (frame(CLOSE, close_payload(1000), first_bits=RSV1), 1002),
    "RSV2": (frame(TEXT, HELLO, first_bits=RSV1 | 0x20), 1002),
    "RSV3": (frame(TEXT, b"a", first_bits=0x10), 1002),
    "garbage": (frame(BINARY, b"\xff\xff\xff\xff", first_bits=RSV1), 1007),
    "garbage behind a final block": (frame(BINARY, FINAL + b"\xff", first_bits=RSV1), 1007),
    "not UTF-8 inside": (frame(TEXT, compressed(b"\xff"), first_bits=RSV1), 1007),
    "half a character inside": (frame(TEXT, compressed(b"\xc3"), first_bits=RSV1), 1007),
    "a message within a message": (
        frame(TEXT, HELLO, fin=False, first_bits=RSV1) + frame(TEXT, b"behind"),
        1002,
    ),
}


@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames(name: str, cut: str) -> None:
    """What a server must not send is refused, with the right code, and ends everything."""
    data, code = BROKEN[name]
    data = frame(PONG) + data + frame(TEXT, b"behind")
    events = receive([data] if cut == "whole" else one_by_one(data))
    broken = events[-1]
    assert events[0] == PongReceived(b"")
    assert isinstance(broken, PeerBrokeProtocol)
    assert broken.code == code


TOO_BIG = 60  # bytes

message_payloads = st.one_of(
    st.binary(max_size=80),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.encode),
    st.sampled_from([b"x" * 100, b"again and again"]),
)
frames = st.tuples(
    st.sampled_from([0xC1, 0xC2] * 4 + [0x81, 0x82, 0x41, 0x00, 0x80, 0x89, 0x88, 0xC0]),
    message_payloads,
    st.sampled_from(["compressed"] * 9 + ["as it is", "final"]),
)


@settings(max_examples=3 * settings().max_examples)
@given(
    sent=st.lists(frames, max_size=8),
    cuts=st.lists(st.integers(0, 400)),
    limit=st.sampled_from([None, TOO_BIG]),
    forgets=st.booleans(),
)
def test_lanes(
    sent: list[tuple[int, bytes, str]], cuts: list[int], limit: int | None, forgets: bool
) -> None:
    """Legal or not, cut anywhere: with and without the fast lane it is the same."""
    wire = b""
    compress = compressor()
    for first, data, form in sent:
        if forgets:
            compress = compressor()
        payload = data
        if form == "compressed":
            payload = compress(data)
        elif form == "final":
            payload = zlib.compress(data)[2:-4]
        wire += frame(first & 0x0F, payload, fin=bool(first & 0x80), first_bits=first & 0x70)
    edges = [0, *sorted(place for place in cuts if place < len(wire)), len(wire)]
    chunks = [wire[i:j] for i, j in itertools.pairwise(edges)]
    answer = NAME + "; server_no_context_takeover" * forgets
    outcomes = []
    for fast_lane in (True, False):
        protocol = Protocol([agreed(answer, None, limit)], limit, fast_lane=fast_lane)
        events = put_together(received(protocol, *chunks))
        outcomes.append([x.code if isinstance(x, PeerBrokeProtocol) else x for x in events])
    fast, slow = outcomes
    if fast[-1:] == [1009] and slow[-1:] == [1007]:
        slow[-1] = 1009  # too big, and not UTF-8: either may be noticed first
    assert fast == slow


def test_not_agreed() -> None:
    """Where nothing was agreed on, RSV1 is an error (RFC 6455 section 5.2)."""
    (broken,) = received(Protocol((), None), frame(TEXT, HELLO, first_bits=RSV1))
    assert isinstance(broken, PeerBrokeProtocol)
    assert broken.code == 1002


# --- the limit ----------------------------------------------------------------------------


@pytest.mark.parametrize("fragments", [1, 2, 3])
@pytest.mark.parametrize(("size", "fits"), [(0, True), (99, True), (100, True), (101, False)])
def test_max_message_size(size: int, fits: bool, fragments: int) -> None:
    """The limit holds for the inflated size, to the byte, over all fragments of a message."""
    compress = compressor()
    data = b""
    for _ in range(3):
        payload = compress(b"\0" * size)
        step = -(-len(payload) // fragments)
        pieces = [payload[i * step : (i + 1) * step] for i in range(fragments)]
        for i, piece in enumerate(pieces):
            first, last = i == 0, i == fragments - 1
            data += frame(
                BINARY if first else CONTINUATION, piece, fin=last, first_bits=RSV1 * first
            )
    for chunks in ([data], one_by_one(data)):
        events = receive(chunks, max_message_size=100)
        if fits:
            assert events == [b"\0" * size] * 3
        else:
            assert events == [PeerBrokeProtocol(1009, "a message of more than 100 bytes")]


def bomb() -> bytes:
    """A message of 24 MiB that is small on the wire, in three blocks, one of them final."""
    zeros = bytes(2**20)
    result = b""
    for flush in (zlib.Z_SYNC_FLUSH, zlib.Z_FINISH, zlib.Z_SYNC_FLUSH):
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        result += b"".join(deflater.compress(zeros) for _ in range(8)) + deflater.flush(flush)
    return frame(BINARY, result.removesuffix(TAIL), first_bits=RSV1)


@pytest.mark.parametrize("chunk", [2**20, 1000], ids=["one chunk", "many chunks"])
def test_a_bomb(chunk: int) -> None:
    """Inflating stops at the limit; what lies behind it never gets into memory."""
    limit = 2**18
    data = bomb()
    chunks = [data[i : i + chunk] for i in range(0, len(data), chunk)]
    tracemalloc.start()
    try:
        events = receive(chunks, max_message_size=limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert events == [PeerBrokeProtocol(1009, f"a message of more than {limit} bytes")]
    # zlib's blocks and the bytes made of them, the wire's bytes a few times over; not 24 MiB.
    assert peak < 4 * limit + 6 * len(data)


def test_no_limit() -> None:
    """Without a limit such a message is one like any other."""
    (message,) = receive([bomb()])
    assert message == bytes(24 * 2**20)


# --- in a connection ----------------------------------------------------------------------


async def test_a_connection(nursery: trio.Nursery) -> None:
    """A connection with compression sends and receives, in order."""
    ws, peer = connect(nursery, compression=Deflate())
    for i in range(5):
        await ws.send(f"message {i}")
    assert [(await peer.next()).data for _ in range(5)] == [  # type: ignore[attr-defined]
        f"message {i}" for i in range(5)
    ]
    peer.say_bytes(frame(TEXT, HELLO, first_bits=RSV1))
    assert await ws.receive() == "Hello"


async def test_a_cancelled_send_leaves_the_compressor_alone(nursery: trio.Nursery) -> None:
    """A send that is cancelled while it waits has not touched the window either."""
    ws, peer = connect(nursery, compression=Deflate())
    peer.stop_reading()
    noise = "".join(chr(0x100 + (i * i) % 30_000) for i in range(100_000))
    nursery.start_soon(ws.send, noise)
    await trio.testing.wait_all_tasks_blocked()
    with trio.move_on_after(0) as scope:
        await ws.send("never")
    assert scope.cancelled_caught
    peer.read_on()
    await ws.send("after")
    await trio.testing.wait_all_tasks_blocked()
    text = "".join(event.data for event in peer.heard())  # type: ignore[attr-defined]
    assert text == noise + "after"
