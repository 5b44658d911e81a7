from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterable, Sequence

import pytest
from _peer import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_payload,
    frame,
    put_together,
    received,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from trio_wsproxy._websocket._deflate import Deflate, PerMessageDeflate
from trio_wsproxy._websocket._events import (
    NO_CODE,
    CloseReceived,
    Event,
    Fragment,
    PeerBrokeProtocol,
    PingReceived,
    PongReceived,
)
from trio_wsproxy._websocket._protocol import COLLECT, Protocol


def receive(chunks: Iterable[bytes], max_message_size: int | None = None) -> list[Event]:
    """What a fresh protocol makes of these bytes."""
    protocol = Protocol((), max_message_size)
    return received(protocol, *chunks)


def one_by_one(data: bytes) -> list[bytes]:
    """Cut this into single bytes."""
    return [data[i : i + 1] for i in range(len(data))]


CONVERSATIONS: dict[str, tuple[bytes, list[Event]]] = {
    "text": (frame(TEXT, "grüß 🌍".encode()), ["grüß 🌍"]),
    "empty text": (frame(TEXT), [""]),
    "binary": (frame(BINARY, bytes(range(256))), [bytes(range(256))]),
    "empty binary": (frame(BINARY), [b""]),
    "extended length": (frame(BINARY, b"x" * 126), [b"x" * 126]),
    "fragments": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", fin=False) + frame(0, b"c"),
        ["abc"],
    ),
    "a character in two fragments": (
        frame(TEXT, "ü".encode()[:1], fin=False) + frame(CONTINUATION, "ü".encode()[1:]),
        ["ü"],
    ),
    "an empty first fragment": (
        frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"late"),
        ["late"],
    ),
    "an empty last fragment": (
        frame(BINARY, b"early", fin=False) + frame(CONTINUATION),
        [b"early"],
    ),
    "empty fragments only": (
        frame(TEXT, fin=False) + frame(0, fin=False) + frame(0),
        [""],
    ),
    "control frames between fragments": (
        frame(TEXT, b"a", fin=False)
        + frame(PING, b"1")
        + frame(CONTINUATION, b"b", fin=False)
        + frame(PONG, b"2")
        + frame(CONTINUATION, b"c")
        + frame(BINARY, b"d"),
        [PingReceived(b"1"), PongReceived(b"2"), "abc", b"d"],
    ),
    "pings and pongs": (
        frame(PING) + frame(PONG) + frame(PING, b"x" * 125),
        [PingReceived(b""), PongReceived(b""), PingReceived(b"x" * 125)],
    ),
    "close without a code": (frame(CLOSE), [CloseReceived(NO_CODE, "")]),
    "close with a code": (frame(CLOSE, close_payload(1001)), [CloseReceived(1001, "")]),
    "close with a reason": (
        frame(TEXT, b"last") + frame(CLOSE, close_payload(4000, "tschüß")),
        ["last", CloseReceived(4000, "tschüß")],
    ),
    "close within a message": (
        frame(TEXT, b"half", fin=False) + frame(CLOSE, close_payload(1000)),
        [CloseReceived(1000, "")],
    ),
    "anything behind a close": (
        frame(CLOSE, close_payload(1000)) + frame(TEXT, b"no") + frame(PING) + b"\xff\xff",
        [CloseReceived(1000, "")],
    ),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_frames_in_one_piece(name: str) -> None:
    """Each sequence of frames has its events, in order."""
    data, expected = CONVERSATIONS[name]
    assert put_together(receive([data])) == expected


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_frames_cut_anywhere(name: str) -> None:
    """It makes no difference where the network cuts them, byte by byte included."""
    data, expected = CONVERSATIONS[name]
    assert put_together(receive(one_by_one(data))) == expected
    for cut in range(len(data)):
        assert put_together(receive([data[:cut], data[cut:]])) == expected


def test_whole_messages_stay_whole() -> None:
    """A message in one frame that arrives in one piece is not taken apart."""
    assert receive([frame(TEXT, b"a") + frame(BINARY, b"b")]) == ["a", b"b"]


def test_a_fragment_comes_as_soon_as_it_is_there() -> None:
    """A message in pieces is handed on piece by piece, and so is a large frame."""
    assert receive([frame(TEXT, b"abc", fin=False)]) == [Fragment("abc", last=False)]
    large = frame(BINARY, b"x" * (COLLECT + 1))
    assert receive([large[:-1]]) == [Fragment(b"x" * COLLECT, last=False)]


def test_a_small_frame_comes_whole() -> None:
    """The pieces of a small frame are awaited: one event costs less than two."""
    small = frame(BINARY, b"x" * COLLECT)
    assert receive([small[:-1]]) == []
    assert receive([small[:-1], small[-1:]]) == [b"x" * COLLECT]


BROKEN: dict[str, tuple[bytes, int]] = {
    "a masked frame": (b"\x81\x81\0\0\0\0a", 1002),
    "a reserved data opcode": (frame(3), 1002),
    "a reserved control opcode": (frame(11), 1002),
    "a reserved bit": (frame(TEXT, b"a", first_bits=0x40), 1002),
    "a fragmented ping": (frame(PING, fin=False), 1002),
    "a long ping": (frame(PING, b"x" * 126), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"a"), 1002),
    "a message within a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "a length in more bytes than needed": (b"\x81\x7e\x00\x01a", 1002),
    "a negative length": (b"\x82\x7f" + struct.pack("!Q", 2**63), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "text that ends within a character": (frame(TEXT, "ü".encode()[:1]), 1007),
    "a fragment that is not UTF-8": (frame(TEXT, b"\xff", fin=False), 1007),
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "half a close code": (frame(CLOSE, b"\x03"), 1002),
    "a close code below 1000": (frame(CLOSE, close_payload(999)), 1002),
    "a close code that is never sent": (frame(CLOSE, close_payload(1006)), 1002),
    "a close code above 4999": (frame(CLOSE, close_payload(5000)), 1002),
    "a close reason that is not UTF-8": (frame(CLOSE, close_payload(1000) + b"\xff"), 1007),
}


@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames(name: str, cut: str) -> None:
    """What a peer must not send is told apart from a close frame, with the code to close with."""
    data, code = BROKEN[name]
    data = frame(PONG) + data + frame(TEXT, b"behind")
    events = receive([data] if cut == "whole" else one_by_one(data))
    broken = events[-1]
    assert events[0] == PongReceived(b"")
    assert isinstance(broken, PeerBrokeProtocol)
    assert broken.code == code
    assert broken.reason
    assert "behind" not in events


# RFC 6455 section 7.4 and IANA's registry: what may be in a close frame, and what never is.
CODES = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3003, 3999, 4000, 4999]
NO_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 0xFFFF]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("reason", ["", "bad gateway: grüß"])
@pytest.mark.parametrize("code", CODES)
def test_close_codes(code: int, reason: str, compressed: bool) -> None:
    """Each code that may be on the wire is told with its reason, with compression and without."""
    for within in (b"", frame(TEXT, b"half", fin=False)):
        data = within + frame(CLOSE, close_payload(code, reason))
        for chunks in ([data], one_by_one(data)):
            events = received(Protocol(deflate() if compressed else (), None), *chunks)
            assert events[-1] == CloseReceived(code, reason)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("code", NO_CODES)
def test_close_codes_that_are_none(code: int, compressed: bool) -> None:
    """Each other one is an error of the peer's, which is told 1002."""
    protocol = Protocol(deflate() if compressed else (), None)
    (event,) = received(protocol, frame(CLOSE, close_payload(code, "x")))
    assert isinstance(event, PeerBrokeProtocol)
    assert event.code == 1002


@pytest.mark.parametrize("code", [1000, 1014, 4000])
@pytest.mark.parametrize("reason", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_close_reasons_that_are_not_utf_8(code: int, reason: bytes) -> None:
    """A reason that is not UTF-8 is an error of its own, whatever the code is (section 8.1)."""
    (event,) = received(Protocol((), None), frame(CLOSE, close_payload(code) + reason))
    assert isinstance(event, PeerBrokeProtocol)
    assert event.code == 1007


def deflate() -> list[PerMessageDeflate]:
    """Compression, as agreed on."""
    extension = PerMessageDeflate(Deflate(), None)
    extension.finalize("permessage-deflate")
    return [extension]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_peer_is_told(name: str) -> None:
    """The close frame for a peer that broke the protocol can be built, and it understands it."""
    protocol = Protocol((), None)
    (broken,) = (x for x in received(protocol, BROKEN[name][0]) if isinstance(x, PeerBrokeProtocol))
    (event,) = heard_by_server([protocol.close(broken.code, broken.reason)])
    assert isinstance(event, CloseConnection)
    assert event.code == broken.code


def test_broken_while_closing() -> None:
    """A broken frame that crosses our close frame is not taken for the peer's close."""
    protocol = Protocol((), None)
    protocol.close(1000, "")
    (event,) = received(protocol, frame(3))
    assert isinstance(event, PeerBrokeProtocol)


@pytest.mark.parametrize(
    ("frames", "fits"),
    [
        ([frame(TEXT, b"x" * 10)], True),
        ([frame(TEXT, b"x" * 11)], False),
        ([frame(BINARY, b"x" * 10)], True),
        ([frame(BINARY, b"x" * 11)], False),
        ([frame(TEXT, "ü".encode() * 5)], True),  # ten bytes
        ([frame(TEXT, "ü".encode() * 5 + b"x")], False),  # six characters
        ([frame(TEXT, b"x" * 6, fin=False), frame(0, b"x" * 4)], True),
        ([frame(TEXT, b"x" * 6, fin=False), frame(0, b"x" * 5, fin=False)], False),
        ([frame(TEXT, b"x" * 10), frame(TEXT, b"x" * 10), frame(BINARY, b"x" * 10)], True),
        ([frame(TEXT, b"x" * 10, fin=False), frame(PING, b"x" * 99), frame(0)], True),
    ],
)
@pytest.mark.parametrize("cut", ["whole", "byte by byte"])
def test_max_message_size(frames: Sequence[bytes], fits: bool, cut: str) -> None:
    """The limit holds for each message, in bytes of UTF-8 for text, however it is cut."""
    data = b"".join([*frames, frame(PONG, b"behind")])
    events = receive([data] if cut == "whole" else one_by_one(data), max_message_size=10)
    too_big = PeerBrokeProtocol(1009, "a message of more than 10 bytes")
    assert (too_big in events) is not fits
    assert events[-1] == (PongReceived(b"behind") if fits else too_big)


def test_a_message_that_is_too_big_is_refused_early() -> None:
    """The limit strikes when it is passed, not when the message is complete."""
    head = frame(BINARY, b"x" * 2**16)[:10]
    events = receive([head, b"x" * 11], max_message_size=10)
    assert events == [PeerBrokeProtocol(1009, "a message of more than 10 bytes")]


def test_nothing_behind_a_close_is_seen() -> None:
    """A ping in front of a close frame is an event, one behind it is not."""
    protocol = Protocol((), None)
    events = received(protocol, frame(PING, b"1") + frame(CLOSE) + frame(PING, b"2"))
    assert events == [PingReceived(b"1"), CloseReceived(NO_CODE, "")]


def test_nothing_is_parsed_behind_the_end() -> None:
    """Bytes that arrive after the end are forgotten, however many."""
    protocol = Protocol((), None)
    assert len(list(received(protocol, frame(CLOSE)))) == 1
    protocol.close(NO_CODE, "")
    for _ in range(3):
        assert list(received(protocol, frame(TEXT, b"again") * 100)) == []


def heard_by_server(frames: Iterable[bytes]) -> list[object]:
    """What a server makes of these frames."""
    server = Connection(ConnectionType.SERVER)
    events: list[object] = []
    for data in frames:
        server.receive_data(data)
        events += server.events()
    return events


def test_frames_to_the_server() -> None:
    """A server understands the frames built here."""
    protocol = Protocol((), None)
    frames = [
        protocol.message("grüß"),
        protocol.message(b"\0\1"),
        protocol.message(bytearray(b"ba")),
        protocol.message(memoryview(b"m-v-")[::2]),
        protocol.message(""),
        protocol.message(b"x" * 70_000),
        protocol.ping(b"1"),
        protocol.pong(b"2"),
        protocol.close(4000, "tschüß"),
    ]
    assert heard_by_server(frames) == [
        TextMessage(data="grüß"),
        BytesMessage(data=b"\0\1"),
        BytesMessage(data=b"ba"),
        BytesMessage(data=b"mv"),
        TextMessage(data=""),
        BytesMessage(data=b"x" * 70_000),
        Ping(payload=b"1"),
        Pong(payload=b"2"),
        CloseConnection(code=4000, reason="tschüß"),
    ]


def test_close_without_a_code() -> None:
    """1005 never goes over the wire; it stands for an empty close frame."""
    data = Protocol((), None).close(NO_CODE, "")
    assert len(data) == 2 + 4  # a header and a masking key


def test_every_frame_has_a_mask_of_its_own() -> None:
    """RFC 6455 section 5.3: a fresh masking key for each frame."""
    protocol = Protocol((), None)
    keys = {protocol.message(b"x")[2:6] for _ in range(20)}
    assert len(keys) > 15


def test_a_message_that_cannot_be_encoded_leaves_no_trace() -> None:
    """A lone surrogate is refused, and the next message is well."""
    protocol = Protocol((), None)
    with pytest.raises(UnicodeEncodeError):
        protocol.message("\ud800")
    assert heard_by_server([protocol.message(b"next")]) == [BytesMessage(data=b"next")]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
messages = st.one_of(texts, st.binary(max_size=300))
controls = st.one_of(
    st.binary(max_size=125).map(PingReceived), st.binary(max_size=125).map(PongReceived)
)


@given(data=st.data())
def test_any_conversation_in_any_pieces(data: st.DataObject) -> None:
    """Messages in any fragments with any control frames between them, cut anywhere, come whole."""
    wire = b""
    expected: list[Event] = []
    for message in data.draw(st.lists(messages, max_size=4)):
        opcode = TEXT if isinstance(message, str) else BINARY
        payload = message.encode() if isinstance(message, str) else message
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        edges = [0, *cuts, len(payload)]
        for i, (start, stop) in enumerate(itertools.pairwise(edges)):
            for control in data.draw(st.lists(controls, max_size=2)):
                is_ping = isinstance(control, PingReceived)
                wire += frame(PING if is_ping else PONG, control.payload)
                expected.append(control)
            last = i == len(edges) - 2
            wire += frame(opcode if i == 0 else CONTINUATION, payload[start:stop], fin=last)
        expected.append(message)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=20)))
    edges = [0, *cuts, len(wire)]
    chunks = [wire[i:j] for i, j in itertools.pairwise(edges)]
    assert put_together(receive(chunks)) == expected


# --- two lanes, one outcome ---------------------------------------------------------------

TOO_BIG = 200  # bytes; the limit in one half of the cases


def lanes_frame(first: int, payload: bytes, form: str) -> bytes:
    """A server's frame, or what looks like one."""
    size = len(payload)
    if form == "masked":
        return bytes((first, 0x80 | min(size, 125))) + b"mask" + payload
    if form == "long" and size < 2**16:  # a length in more bytes than needed, if it is short
        return bytes((first, 126)) + struct.pack("!H", size) + payload
    if form in ("long", "longest"):
        return bytes((first, 127)) + struct.pack("!Q", size) + payload
    return frame(first & 0x0F, payload, fin=bool(first & 0x80), first_bits=first & 0x70)


lane_payloads = st.one_of(
    st.binary(max_size=300),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(str.encode),
    # As large as COLLECT and larger, with a character across each even place or with an error.
    st.sampled_from(
        [b"x" * COLLECT, b"x" * (COLLECT + 1), b"x" + b"\xc3\xa4" * 9000, b"\xff" * 17_000]
    ),
    st.sampled_from(
        [close_payload(1000), close_payload(4000, "bye"), close_payload(1005), b"\x03"]
    ),
)
lane_frames = st.builds(
    lanes_frame,
    st.one_of(
        st.sampled_from([0x81, 0x82]),
        st.sampled_from([0x01, 0x02, 0x00, 0x80, 0x89, 0x8A]),
        st.sampled_from([0x88, 0xC1, 0x91, 0x83, 0x09, 0x8B]),
    ),
    lane_payloads,
    st.sampled_from(["right"] * 12 + ["long", "longest", "masked"]),
)


def of_protocol(
    chunks: Sequence[bytes], limit: int | None, *, fast_lane: bool = True
) -> list[Event | int]:
    """What a protocol makes of these bytes; of an error its code."""
    protocol = Protocol((), limit, fast_lane=fast_lane)
    events = put_together(received(protocol, *chunks))
    return [x.code if isinstance(x, PeerBrokeProtocol) else x for x in events]


def of_wsproto(chunks: Sequence[bytes]) -> list[Event | int]:
    """What wsproto alone makes of them, in our words."""
    wsproto = Connection(ConnectionType.CLIENT)
    result: list[Event | int] = []
    parts: list[str | bytes] = []
    for chunk in chunks:
        wsproto.receive_data(chunk)
        for event in wsproto.events():
            if isinstance(event, Ping):
                result.append(PingReceived(bytes(event.payload)))
            elif isinstance(event, Pong):
                result.append(PongReceived(bytes(event.payload)))
            elif isinstance(event, CloseConnection):
                if wsproto.state is ConnectionState.REMOTE_CLOSING:
                    return [*result, CloseReceived(event.code, event.reason or "")]
                return [*result, int(event.code)]
            elif isinstance(event, (TextMessage, BytesMessage)):
                parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
                if event.message_finished:
                    result.append(type(parts[0])().join(parts))  # type: ignore[arg-type]
                    parts = []
    return result


def cut(wire: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut at these places; those behind the end are none."""
    edges = [0, *sorted(place for place in places if place < len(wire)), len(wire)]
    return [wire[i:j] for i, j in itertools.pairwise(edges)]


@settings(max_examples=3 * settings().max_examples)
@given(
    frames=st.lists(lane_frames, max_size=8),
    cuts=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 2000), st.integers(0, 60_000))),
)
def test_lanes(frames: list[bytes], cuts: list[int]) -> None:
    """Legal or not, cut anywhere: with and without the fast lane, and for wsproto, it is the same."""
    chunks = cut(b"".join(frames), cuts)
    expected = of_wsproto(chunks)
    assert of_protocol(chunks, None) == expected
    assert of_protocol(chunks, None, fast_lane=False) == expected


@settings(max_examples=3 * settings().max_examples)
@given(
    frames=st.lists(lane_frames, max_size=8),
    cuts=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 2000), st.integers(0, 60_000))),
)
def test_lanes_with_a_limit(frames: list[bytes], cuts: list[int]) -> None:
    """The limit strikes the same message; where that is also not UTF-8, either may come first."""
    chunks = cut(b"".join(frames), cuts)
    events = of_protocol(chunks, TOO_BIG)
    slow = of_protocol(chunks, TOO_BIG, fast_lane=False)
    if events[-1:] == [1009] and slow[-1:] == [1007]:
        slow[-1] = 1009
    assert events == slow
    expected = of_wsproto(chunks)
    if events[-1:] == [1009]:
        events.pop()
    assert events == expected[: len(events)]
    assert all(len(x) <= TOO_BIG for x in events if isinstance(x, (str, bytes)))


@given(wire=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60)))
def test_lanes_with_noise(wire: bytes, cuts: list[int]) -> None:
    """Noise makes no difference, but that an error may be told later: when its frame is whole."""
    chunks = cut(wire, cuts)
    expected = of_wsproto(chunks)
    sooner = expected[:-1] if expected and isinstance(expected[-1], int) else expected
    assert of_protocol(chunks, None) in (expected, sooner)
    assert of_protocol(chunks, None, fast_lane=False) in (expected, sooner)


def of_compressed(
    chunks: Sequence[bytes], limit: int | None, *, fast_lane: bool
) -> list[Event | int]:
    """What a protocol with compression makes of these bytes; of an error its code."""
    extension = PerMessageDeflate(Deflate(), limit)
    extension.finalize("permessage-deflate")
    protocol = Protocol([extension], limit, fast_lane=fast_lane)
    events = put_together(received(protocol, *chunks))
    return [x.code if isinstance(x, PeerBrokeProtocol) else x for x in events]


@st.composite
def compressed_conversations(draw: st.DrawFn) -> list[bytes]:
    """Messages, compressed or not, in fragments, control frames between, and an odd frame or two."""
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    frames = []
    for message in draw(st.lists(st.one_of(messages, st.just(b"z" * 20_000)), max_size=5)):
        opcode = TEXT if isinstance(message, str) else BINARY
        payload = message.encode() if isinstance(message, str) else message
        compressed = draw(st.booleans())
        if compressed:
            payload = (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
        places = draw(st.lists(st.integers(0, len(payload)), max_size=4))
        parts = [payload[i:j] for i, j in itertools.pairwise([0, *sorted(places), len(payload)])]
        for number, part in enumerate(parts):
            frames += draw(
                st.lists(st.binary(max_size=20).map(lambda x: frame(PING, x)), max_size=2)
            )
            frames.append(
                frame(
                    CONTINUATION if number else opcode,
                    part,
                    fin=number == len(parts) - 1,
                    first_bits=0x40 if compressed and not number else 0,
                )
            )
    for odd in draw(st.lists(lane_frames, max_size=1)):
        frames.insert(draw(st.integers(0, len(frames))), odd)
    return frames


@settings(max_examples=2 * settings().max_examples)
@given(
    frames=compressed_conversations(),
    cuts=st.lists(st.one_of(st.integers(0, 40), st.integers(0, 2000))),
    every=st.booleans(),
    limit=st.sampled_from([None, 250]),
)
def test_lanes_with_compression(
    frames: list[bytes], cuts: list[int], every: bool, limit: int | None
) -> None:
    """Compressed fragments, control frames between and odd ones anywhere: both lanes agree."""
    wire = b"".join(frames)
    chunks = one_by_one(wire) if every and len(wire) < 3000 else cut(wire, cuts)
    fast = of_compressed(chunks, limit, fast_lane=True)
    slow = of_compressed(chunks, limit, fast_lane=False)
    if {*fast[-1:], *slow[-1:]} == {1007, 1009}:  # both are true; which comes first is open
        fast, slow = fast[:-1], slow[:-1]
    assert fast == slow
