"""The SOCKS tunnel: the bytes of each version, every reply, and answers cut anywhere.

The expected bytes are written down from RFC 1928, RFC 1929 and the SOCKS4 and 4a memos, not
made by the library under test.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
import trio
from _wire import Chunks, Peer, all_texts, cancelled_after, cuts, hop, one_by_one, rest_of

from trio_wsproxy import (
    ProxyAuthenticationError,
    ProxyProtocolError,
    ProxyRejected,
)
from trio_wsproxy._transport._socks import REPLIES, open_socks_tunnel

PORT = 443
P = b"\x01\xbb"  # the port on the wire

# RFC 1928 section 3: greeting and choice of a method. RFC 1929 section 2: the login's answer.
ANONYMOUS, HAS_LOGIN = b"\x05\x01\x00", b"\x05\x02\x00\x02"
CHOOSES_NONE, CHOOSES_LOGIN, LOGGED_IN = b"\x05\x00", b"\x05\x02", b"\x01\x00"

# RFC 1928 section 6, with a bound address of each type; the last is not UTF-8.
GRANTED5 = b"\x05\x00\x00\x01\x7f\x00\x00\x01\x1f\x90"
GRANTED5_V6 = b"\x05\x00\x00\x04" + bytes(15) + b"\x01\x1f\x90"
GRANTED5_NAME = b"\x05\x00\x00\x03\x04exit\x1f\x90"
GRANTED5_NO_NAME = b"\x05\x00\x00\x03\x00\x1f\x90"
GRANTED5_NOT_UTF8 = b"\x05\x00\x00\x03\x04\xff\xfe\x00\xc3\x1f\x90"
GRANTED4 = b"\x00\x5a\x1f\x90\x7f\x00\x00\x01"
GRANTED4_ZEROS = b"\x00\x5a\x00\x00\x00\x00\x00\x00"

TUNNELLED = b"\x05\x05\x00\x01SSH-2.0-x\r\n"  # nothing of it may be taken for SOCKS


async def tunnel(peer: Peer, url: str, host: str = "echo.test") -> Peer:
    """Ask a peer for a tunnel."""
    await open_socks_tunnel(peer, hop(url), host, PORT)
    return peer


# --- the bytes ---------------------------------------------------------------------------


def name5(name: bytes) -> bytes:
    """The request of SOCKS5 for a name."""
    return b"\x05\x01\x00\x03" + bytes([len(name)]) + name + P


def login(user: bytes, password: bytes) -> bytes:
    """The login of RFC 1929."""
    return b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password


LONG_NAME = ".".join(["a" * 63] * 3 + ["b" * 61])  # 253 characters
LONG_TEXT = "\N{EURO SIGN}" * 85  # 255 bytes

WIRE5 = [
    # URL, host, what is sent after the greeting
    ("socks5h://p", "echo.test", [name5(b"echo.test")]),
    ("socks5h://p", "under_score", [name5(b"under_score")]),
    ("socks5h://p", "xn--bcher-kva.example", [name5(b"xn--bcher-kva.example")]),
    ("socks5h://p", LONG_NAME, [name5(LONG_NAME.encode())]),
    ("socks5h://p", "192.0.2.7", [b"\x05\x01\x00\x01\xc0\x00\x02\x07" + P]),
    ("socks5h://p", "2001:db8::7", [b"\x05\x01\x00\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x07" + P]),
    ("socks5h://p", "::ffff:1.2.3.4", [b"\x05\x01\x00\x04" + bytes(10) + b"\xff\xff\1\2\3\4" + P]),
    ("socks5://p", "192.0.2.7", [b"\x05\x01\x00\x01\xc0\x00\x02\x07" + P]),
    ("socks5h://ada:s3@p", "e.test", [login(b"ada", b"s3"), name5(b"e.test")]),
    ("socks5h://:@p", "e.test", [login(b"", b""), name5(b"e.test")]),  # as curl
    ("socks5h://ada:@p", "e.test", [login(b"ada", b""), name5(b"e.test")]),
    ("socks5h://ada@p", "e.test", [login(b"ada", b""), name5(b"e.test")]),
    (
        "socks5h://j%C3%BCrgen:p%C3%A4ss%3A@p",
        "e.test",
        [login(b"j\xc3\xbcrgen", b"p\xc3\xa4ss:"), name5(b"e.test")],
    ),
    (
        f"socks5h://{'u' * 255}:{LONG_TEXT}@p",
        "e.test",
        [login(b"u" * 255, LONG_TEXT.encode()), name5(b"e.test")],
    ),
]


@pytest.mark.parametrize(("url", "host", "messages"), WIRE5)
async def test_socks5_bytes(url: str, host: str, messages: list[bytes]) -> None:
    """Each message is these bytes in one write, and waits for the answer to the one before."""
    answers = [CHOOSES_LOGIN, LOGGED_IN] if "@" in url else [CHOOSES_NONE]
    peer = await tunnel(Peer(*answers, GRANTED5), url, host)
    assert peer.heard == [HAS_LOGIN if "@" in url else ANONYMOUS, *messages]
    assert not peer.early


async def test_socks5_login_not_wanted() -> None:
    """Credentials are not sent to a proxy that does not ask for them."""
    peer = await tunnel(Peer(CHOOSES_NONE, GRANTED5), "socks5h://ada:s3cret@p")
    assert peer.heard == [HAS_LOGIN, name5(b"echo.test")]


WIRE4 = [
    ("socks4://p", "192.0.2.7", b"\x04\x01" + P + b"\xc0\x00\x02\x07\x00"),
    ("socks4://ada@p", "192.0.2.7", b"\x04\x01" + P + b"\xc0\x00\x02\x07ada\x00"),
    ("socks4://j%C3%BC@p", "192.0.2.7", b"\x04\x01" + P + b"\xc0\x00\x02\x07j\xc3\xbc\x00"),
    ("socks4://:@p", "192.0.2.7", b"\x04\x01" + P + b"\xc0\x00\x02\x07\x00"),
    ("socks4a://p", "192.0.2.7", b"\x04\x01" + P + b"\xc0\x00\x02\x07\x00"),
    ("socks4a://p", "echo.test", b"\x04\x01" + P + b"\x00\x00\x00\x01\x00echo.test\x00"),
    ("socks4a://ada@p", "e.test", b"\x04\x01" + P + b"\x00\x00\x00\x01ada\x00e.test\x00"),
    # 4a has no IPv6 addresses; as a name it is what OpenSSH and others resolve to itself.
    ("socks4a://p", "2001:db8::7", b"\x04\x01" + P + b"\x00\x00\x00\x01\x002001:db8::7\x00"),
]


@pytest.mark.parametrize(("url", "host", "message"), WIRE4)
async def test_socks4_bytes(url: str, host: str, message: bytes) -> None:
    """The one message is these bytes, in one write."""
    peer = await tunnel(Peer(GRANTED4), url, host)
    assert peer.heard == [message]


# --- success -----------------------------------------------------------------------------


class Conversation(NamedTuple):
    """A proxy URL, and the answers that lead to a tunnel."""

    url: str
    answers: tuple[bytes, ...]


OPENING = {
    "5": Conversation("socks5h://p", (CHOOSES_NONE, GRANTED5)),
    "5 with a login": Conversation("socks5h://u:p@p", (CHOOSES_LOGIN, LOGGED_IN, GRANTED5)),
    "5, bound IPv6": Conversation("socks5://p", (CHOOSES_NONE, GRANTED5_V6)),
    "5, bound name": Conversation("socks5h://p", (CHOOSES_NONE, GRANTED5_NAME)),
    "5, bound empty name": Conversation("socks5h://p", (CHOOSES_NONE, GRANTED5_NO_NAME)),
    "5, bound name not UTF-8": Conversation("socks5h://p", (CHOOSES_NONE, GRANTED5_NOT_UTF8)),
    # What curl has nothing against: versions and reserved bytes that mean nothing.
    "5, login's version 5": Conversation("socks5h://u:p@p", (CHOOSES_LOGIN, b"\x05\0", GRANTED5)),
    "5, login's version 0": Conversation("socks5h://u:p@p", (CHOOSES_LOGIN, b"\0\0", GRANTED5)),
    "5, login's version 255": Conversation("socks5h://u:p@p", (CHOOSES_LOGIN, b"\xff\0", GRANTED5)),
    "5, reserved byte": Conversation("socks5h://p", (CHOOSES_NONE, b"\x05\0\xff" + GRANTED5[3:])),
    "5, reserved byte, name": Conversation(
        "socks5h://u:p@p", (CHOOSES_LOGIN, b"\x05\0", b"\x05\0\x01" + GRANTED5_NAME[3:])
    ),
    "4, version 4": Conversation("socks4a://p", (b"\x04" + GRANTED4[1:],)),
    "4": Conversation("socks4a://p", (GRANTED4,)),
    "4, zeros": Conversation("socks4a://p", (GRANTED4_ZEROS,)),
}
every_opening = pytest.mark.parametrize("talk", OPENING.values(), ids=OPENING)


@every_opening
async def test_tunnel_begins_behind_the_reply(talk: Conversation) -> None:
    """However the answers are cut, what follows them is the tunnel's."""
    for index, answer in enumerate(talk.answers):
        last = index == len(talk.answers) - 1
        for pieces in cuts(answer + TUNNELLED if last else answer):
            script: list[Chunks] = [*talk.answers[:-1], talk.answers[-1] + TUNNELLED]
            script[index] = pieces
            peer = Peer(*script)
            stream = await open_socks_tunnel(peer, hop(talk.url), "echo.test", PORT)
            assert await rest_of(stream) == TUNNELLED
            assert not peer.early


@every_opening
async def test_server_is_silent_at_first(talk: Conversation) -> None:
    """The tunnel is open with the last byte of the reply; nothing more is waited for."""
    peer = Peer(*[one_by_one(answer) for answer in talk.answers], then="silence")
    await tunnel(peer, talk.url)
    assert not peer.closed


# --- refusals ----------------------------------------------------------------------------


def ends_of(refusal: bytes, *, needed: int) -> Iterable[tuple[list[bytes], Any]]:
    """All ways in which a refusal may arrive once its first bytes do."""
    for length in range(needed, len(refusal) + 1):
        for then in ("eof", "reset", "silence"):
            yield [refusal[:length]], then
            yield one_by_one(refusal[:length]), then


def check_attributes(error: ProxyRejected, code: int | None, url: str) -> None:
    """Hold what every refusal carries."""
    assert (error.reply_code, error.status_code, error.body) == (code, None, b"")
    assert (error.proxy, error.hop, error.stage) == (url, 1, "socks")
    assert str(error).startswith(f"proxy {url} (from argument proxy=) ")


CODES5 = [*range(1, 9), 9, 0xFF]


@pytest.mark.parametrize("code", CODES5)
@pytest.mark.parametrize("user", ["", "u:p@"])
async def test_socks5_reply_codes(code: int, user: str) -> None:
    """The code counts from its byte on: with the rest of the reply, or without it.

    Some proxies send two bytes only, and hang up, reset, or hold the connection.
    """
    before = [CHOOSES_LOGIN, LOGGED_IN] if user else [CHOOSES_NONE]
    refusal = bytes([5, code]) + GRANTED5[2:]
    for pieces, then in ends_of(refusal, needed=2):
        with pytest.raises(ProxyRejected) as caught:
            await tunnel(Peer(*before, pieces, then=then), f"socks5h://{user}proxy.test")
        assert type(caught.value) is ProxyRejected
        assert f"refused the tunnel to echo.test:443: reply {code}, " in str(caught.value)
        assert REPLIES.get(code, "which RFC 1928 does not know") in str(caught.value)
        masked = "u:***@" if user else ""
        check_attributes(caught.value, code, f"socks5h://{masked}proxy.test:1080")


@pytest.mark.parametrize("code", [91, 92, 93])
@pytest.mark.parametrize("version", [0, 4])
async def test_socks4_reply_codes(code: int, version: int) -> None:
    """SOCKS4 has three codes for "no"; they count as soon as they are there, too."""
    refusal = bytes([version, code]) + GRANTED4[2:]
    for pieces, then in ends_of(refusal, needed=2):
        with pytest.raises(ProxyRejected, match=REPLIES[code]) as caught:
            await tunnel(Peer(pieces, then=then), "socks4a://ada@proxy.test")
        assert type(caught.value) is ProxyRejected
        check_attributes(caught.value, code, "socks4a://ada@proxy.test:1080")


AUTHENTICATION = {
    # What the proxy answers, with and without credentials in the URL, and what is told.
    "no method": ("", [b"\x05\xff"], "none of the authentication methods offered; it wants"),
    "no method for me": ("u:s3cret@", [b"\x05\xff"], "methods offered; no password was sent"),
    "a login, unasked": (
        "",
        [b"\x05\x02"],
        r"wants authentication method 2, user name and password, which was not offered; it wants cr",
    ),
    "GSSAPI": (
        "u:s3cret@",
        [b"\x05\x01"],
        r"method 1, GSSAPI \(Kerberos\), which was not offered; no password was sent, for user",
    ),
    "GSSAPI, no login": ("", [b"\x05\x01"], r"method 1, GSSAPI \(Kerberos\), .*; no password was"),
    "CHAP": ("u:s3cret@", [b"\x05\x03"], "authentication method 3, CHAP, which was not offered"),
    "an odd method": ("u:s3cret@", [b"\x05\x09"], "method 9, which is little known"),
    "a private method": ("u:s3cret@", [b"\x05\x80"], "method 128, one of its own, which was not"),
    "no": ("u:s3cret@", [CHOOSES_LOGIN, b"\x01\x01"], "refuses these credentials; check"),
    "no, loudly": ("u:s3cret@", [CHOOSES_LOGIN, b"\x01\xff"], "refuses these credentials"),
    # RFC 1929 says version 1, but some proxies write SOCKS's.
    "no, version 5": ("u:s3cret@", [CHOOSES_LOGIN, b"\x05\x01"], "refuses these credentials"),
    "no, version 0": ("u:s3cret@", [CHOOSES_LOGIN, b"\x00\x01"], "refuses these credentials; ch"),
    "no, of whatever version": ("u:s3cret@", [CHOOSES_LOGIN, b"\x07\xff"], "refuses these"),
    "no, without a password": ("u@", [CHOOSES_LOGIN, b"\x01\x01"], "no password was given: put us"),
    "no, empty password": ("u:@", [CHOOSES_LOGIN, b"\x01\x01"], "the password is empty: put user"),
}


@pytest.mark.parametrize(("user", "answers", "text"), AUTHENTICATION.values(), ids=AUTHENTICATION)
@pytest.mark.parametrize("then", ["eof", "reset", "silence"])
async def test_authentication_fails(user: str, answers: list[bytes], text: str, then: Any) -> None:
    """What is wrong with the credentials is told, and no password with it."""
    peer = Peer(*map(one_by_one, answers), then=then)
    with pytest.raises(ProxyAuthenticationError, match=text) as caught:
        await tunnel(peer, f"socks5h://{user}proxy.test")
    masked = {"": "", "u@": "***@", "u:@": "***@"}.get(user, "u:***@")
    check_attributes(caught.value, None, f"socks5h://{masked}proxy.test:1080")
    assert "s3cret" not in all_texts(caught.value)
    assert len(peer.heard) == len(answers)
    data = pickle.dumps(caught.value)
    assert b"s3cret" not in data
    assert str(pickle.loads(data)) == str(caught.value)


# --- what is no answer -------------------------------------------------------------------


@every_opening
async def test_cut_answers(talk: Conversation) -> None:
    """Whichever answer is cut, behind whichever byte, is told as a cut conversation."""
    for index, answer in enumerate(talk.answers):
        for length in range(len(answer)):
            script = [*talk.answers[:index], answer[:length]]
            for then, text in (("eof", "closed the connection"), ("reset", "broke the connection")):
                with pytest.raises(ProxyProtocolError, match=text) as caught:
                    await tunnel(Peer(*script, then=then), talk.url)  # type: ignore[arg-type]
                assert "echo.test:443" in str(caught.value)
                assert (caught.value.hop, caught.value.stage) == (1, "socks")


RIGHT_SCHEME = "; if it speaks SOCKS"
NOT_REACHED = (
    "; it could not reach echo.test:443, or forbids it (ssh -D hangs up like that): is that server up, and "
    "does the proxy know its name?"
)


@pytest.mark.parametrize(
    ("url", "answers", "remedy"),
    [
        ("socks5h://proxy.test", [], RIGHT_SCHEME),
        ("socks4a://proxy.test", [], RIGHT_SCHEME),
        ("socks5h://proxy.test", [CHOOSES_NONE], NOT_REACHED),
        ("socks5h://proxy.test", [CHOOSES_NONE, GRANTED5[:1]], NOT_REACHED),
        (
            "socks5h://u:p@proxy.test",
            [CHOOSES_LOGIN],
            "; check user name and password in the proxy",
        ),
        ("socks5h://u:p@proxy.test", [CHOOSES_LOGIN, LOGGED_IN], NOT_REACHED),
    ],
)
@pytest.mark.parametrize("then", ["eof", "reset"])
async def test_where_it_hangs_up(url: str, answers: list[bytes], remedy: str, then: Any) -> None:
    """The scheme is doubted until the proxy has answered in it; from then on, what it was asked."""
    with pytest.raises(ProxyProtocolError) as caught:
        await tunnel(Peer(*answers, then=then), url)
    assert remedy in str(caught.value)


FIVE, LOGIN, FOUR = "socks5h://p", "socks5h://u:s3cret@p", "socks4a://p"
NOT_SOCKS = {
    "5: HTTP": (FIVE, [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "; use http:// for its scheme"),
    "5: TLS": (FIVE, [b"\x15\x03\x01\x00\x02\x02\x16"], "a TLS alert, which is not SOCKS5; use"),
    "5: SSH": (FIVE, [b"SSH-2.0-OpenSSH_9.2\r\n"], "which is not SOCKS5"),
    "5: version 4": (FIVE, [GRANTED4], "is not SOCKS5"),
    "5: reply of version 4": (FIVE, [CHOOSES_NONE, GRANTED4], "is not SOCKS5"),
    "5: reply of version 1": (FIVE, [CHOOSES_NONE, b"\x01\x01\x00"], "is not SOCKS5"),
    "5: unknown address type": (FIVE, [CHOOSES_NONE, b"\x05\x00\x00\x02\x00"], "is not SOCKS5"),
    "4: HTTP": (FOUR, [b"HTTP/1.1 400 Bad Request\r\n\r\n"], "; use http:// for its scheme"),
    "4: TLS": (FOUR, [b"\x15\x03\x01\x00\x02\x02\x16\x00"], "a TLS alert"),
    "4: version 5": (FOUR, [b"\x05\xff" + bytes(6)], "is not SOCKS4"),
    "4: unknown code": (FOUR, [b"\x00\x05" + bytes(6)], "is not SOCKS4"),
    "4: request echoed": (FOUR, [b"\x04\x01" + P + b"\x00\x00\x00\x01"], "is not SOCKS4"),
}


@pytest.mark.parametrize(("url", "answers", "text"), NOT_SOCKS.values(), ids=NOT_SOCKS)
async def test_not_socks(url: str, answers: list[bytes], text: str) -> None:
    """Answers of another protocol are shown, and guessed at."""
    for pieces in cuts(answers[-1]):
        with pytest.raises(ProxyProtocolError) as caught:
            await tunnel(Peer(*answers[:-1], pieces), url)
        assert text in str(caught.value)
        assert "s3cret" not in all_texts(caught.value)
        assert caught.value.__cause__ is None  # nothing of python-socks is shown


class GonePeer(Peer):
    """One that has said all and is gone when a message, counted from 0, is to be sent."""

    def __init__(self, message: int, *answers: Chunks, then: Any = "reset") -> None:
        super().__init__(*answers, then=then)
        self._message = message

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        gone = len(self.heard) == self._message
        await super().send_all(data)
        if gone:
            raise trio.BrokenResourceError from BrokenPipeError(32, "Broken pipe")


LAST_WORDS: dict[str, tuple[str, list[bytes], type[Exception], str]] = {
    "5: no method": (FIVE, [b"\x05\xff"], ProxyAuthenticationError, "none of the authentication"),
    "5: HTTP": (FIVE, [b"HTTP/1.1 503 Busy\r\n\r\n"], ProxyProtocolError, "use http://"),
    "5: credentials": (LOGIN, [CHOOSES_LOGIN, b"\x01\x01"], ProxyAuthenticationError, "refuses"),
    "5: request": (FIVE, [CHOOSES_NONE, b"\x05\x02\x00"], ProxyRejected, "reply 2"),
    "4: request": (FOUR, [b"\x00\x5b" + bytes(6)], ProxyRejected, "reply 91"),
    "4: HTTP": (FOUR, [b"HTTP/1.1 503 Busy\r\n\r\n"], ProxyProtocolError, "use http://"),
}


@pytest.mark.parametrize("name", LAST_WORDS)
@pytest.mark.parametrize("then", ["eof", "reset", "silence"])
async def test_last_words(name: str, then: str, autojump_clock: trio.abc.Clock) -> None:
    """What a proxy said before a message to it could not be sent is told, not a broken pipe."""
    url, answers, kind, text = LAST_WORDS[name]
    with pytest.raises(kind, match=text) as caught:
        await tunnel(GonePeer(len(answers) - 1, *answers, then=then), url)
    assert type(caught.value) is kind
    assert "s3cret" not in all_texts(caught.value)


@pytest.mark.parametrize("url", [FIVE, FOUR])
@pytest.mark.parametrize("then", ["eof", "reset", "silence"])
async def test_no_last_words(url: str, then: str, autojump_clock: trio.abc.Clock) -> None:
    """Where it said nothing, that the connection is broken is told, after a second at most."""
    with pytest.raises(ProxyProtocolError, match="broke the connection"):
        await tunnel(GonePeer(0, then=then), url)
    assert trio.current_time() == (1 if then == "silence" else 0)


async def test_ipv6_in_messages() -> None:
    """An IPv6 address has its brackets in messages."""
    with pytest.raises(ProxyProtocolError, match=r"the request for \[::1\]:443;"):
        await tunnel(Peer(), "socks5h://p", "::1")


@every_opening
async def test_silence(talk: Conversation, autojump_clock: trio.abc.Clock) -> None:
    """There is no deadline here but the caller's, python-socks's own included."""
    for index, answer in enumerate(talk.answers):
        with trio.move_on_after(10**6) as scope:
            script = [*talk.answers[:index], answer[:-1]]
            await tunnel(Peer(*script, then="silence"), talk.url)
        assert scope.cancelled_caught


@every_opening
async def test_cancelled_at_each_checkpoint(talk: Conversation) -> None:
    """It can be cancelled wherever it waits, and closes nothing that is not its own."""
    steps = 0
    while True:
        peer = Peer(*map(one_by_one, talk.answers))
        cancelled = await cancelled_after(steps, tunnel, peer, talk.url)
        assert not peer.closed
        if not cancelled:
            break
        steps += 1
    assert steps >= sum(map(len, talk.answers))  # it was cancelled at each byte, at least
