"""Reading foreign text costs linear time, whatever is in it.

A peer, a proxy and a setting may send what was made to keep a reader busy: one short piece, over
and over, behind something that brings the reader into the state where that piece is hard. The list
of such texts is generated here and fed to each reader of foreign text: 64 KiB of each, 16 to those that
take long. What takes next to no time is cheap enough, quadratic or not. Of the rest the cost is compared
with that of half the text: twice as much is linear, four times is quadratic.

To add a reader, add a row to ``READERS``: its delimiters, the prefixes that enter its hard states, and
a function of one text, which may raise what the reader raises.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from trio_wsproxy import (
    CloseReason,
    ConnectionLost,
    HandshakeError,
    Proxy,
    ServerRejected,
    resolve_proxy,
)
from trio_wsproxy._auth import parse_challenges
from trio_wsproxy._auth._challenges import parse_parameters
from trio_wsproxy._cli._json import pretty
from trio_wsproxy._cli._rivals import compare
from trio_wsproxy._client._redirects import read_redirect
from trio_wsproxy._client._retry_after import retry_after
from trio_wsproxy._http import sign_of
from trio_wsproxy._http._exchange import Exchange, FinalHead
from trio_wsproxy._http._head import MAX_HEAD, Head, NotHTTP, status_code
from trio_wsproxy._http._page import page_title
from trio_wsproxy._http._proof import refused_by_proxy, refused_by_server
from trio_wsproxy._redaction import (
    escaped,
    hide_userinfo,
    holds_secret,
    shown_bytes,
    shown_head_lines,
    shown_page,
    shown_problem,
    shown_setting,
    shown_text,
    shown_url,
)
from trio_wsproxy._report import HTTPAnswer, Stage, draw, read_certificate
from trio_wsproxy._routing import parse_bypass
from trio_wsproxy._routing._bypass import PatternRule
from trio_wsproxy._routing._netrc import netrc_credentials
from trio_wsproxy._transport._channel_binding import server_end_point
from trio_wsproxy._urls import make_target, parse_any_target, parse_proxy, parse_target
from trio_wsproxy._urls._hosts import percent_decode
from trio_wsproxy._urls._slips import shown_proxy
from trio_wsproxy._websocket._answer import judged

SIZE = 64 * 1024  # characters
FEW = 24  # texts for a reader that takes long
CHEAP = 0.2  # seconds of this process; what 64 KiB cost in a quadratic reader is seconds
DEAR = 2.0  # seconds; who takes longer is not fit for an event loop, linear or not
RATIO = 3.2  # of 64 to 32 KiB: 2 is linear, 4 is quadratic; in between is the noise
SAMPLES = 3
ROUNDS = 3

# What no reader should mind, in one piece or mixed with the delimiters of its own.
SPECIALS = [
    *('"\\', "\\", '\\"', "//", "://", "::", ":", "@", "%", "%4", "%40", "a,", "a=", "a=,", "=?"),
    *("<title", "<title>", "<title ", "</", "&#", "&amp", "\x1b[", " ", "\t", " \t", "[", "]", "{"),
    *('{"":', "[[", "}", "*", "*a", ".", "..", "-", "--", "-a", ";", "a;", ";a=", "#", "?", "/"),
    *("a", "a ", "a.", "1", "1:", ":1:", "//a:b", "//:", "//@", "\r", "\n", "\r\n", "\n ", "\n\t"),
    *(
        "\r\n a",
        "a: b\r\n",
        "a\n",
        "\x00",
        "\x7f",
        "\x85",
        "é",
        "Ⅷ",
        "\u202e",
        "ﬃ",
        "xn--",
        "=",
        "==",
    ),
    *("negotiate ", "basic ", "digest ", "token", "Bearer ", "machine ", "default ", "macdef a\n"),
]


class Reader(NamedTuple):
    """A reader of foreign text.

    Attributes:
      delimiters: Of its format; all pieces of one and two of these are tried.
      read: The reader.
      prefixes: What brings it into its hard states.
      dear: Whether it takes so long that shorter texts and a part of the list have to do.

    """

    delimiters: str
    read: Callable[[str], object]
    prefixes: tuple[str, ...] = ("",)
    dear: bool = False


def encoded(text: str) -> bytes:
    """As it would stand on the wire."""
    return text.encode("utf-8", "surrogatepass")


def rejected(**headers: str) -> ServerRejected:
    """A refusal with these headers."""
    pairs = tuple((name.replace("_", "-").encode(), encoded(x)) for name, x in headers.items())
    return ServerRejected(302, pairs, b"", url="ws://e.test/")


def cut_head(text: str) -> bytes:
    """Cut a head off, as it is for all who read one."""
    cut = Head().feed(encoded(text)[: MAX_HEAD - 4] + b"\r\n\r\n")
    assert cut is not None
    return cut[0]


def read_head(text: str) -> object:
    """Cut a head off, and let h11 read it."""
    head = cut_head(text)
    exchange = Exchange(None, "x")  # type: ignore[arg-type]  # nothing is sent
    return exchange.read(FinalHead(status_code(head), head))


def read_upgrade(text: str) -> object:
    """Judge a 101."""
    return judged(cut_head(text), b"x" * 24, ["a", "b"], [])


def read_target(text: str) -> object:
    """Read a target, and show it."""
    return str(parse_target(text))


def read_bypass(text: str, *, system: bool = False) -> object:
    """Read a list in which no entry is like another, and ask it."""
    target = parse_target("wss://www.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org")
    entries = (f"{entry}{number:04}" for number, entry in enumerate(text.split(",")))
    parse_bypass.cache_clear()
    bypass = parse_bypass(",".join(entries), system=system)
    return bypass.oddities, bypass.find(target), bypass.find(make_target("ws", "10.1.2.3", 80))


def read_netrc(text: str) -> object:
    """Read the file that NETRC names."""
    Path(NETRC[0]).write_bytes(encoded(text))
    return trio.run(netrc_credentials, "proxy.test")


NETRC: list[str] = []  # the path, once there is one


def resolve(name: str) -> Callable[[str], object]:
    """Put a text into a variable, and explain the route."""

    def read(text: str) -> object:
        parse_bypass.cache_clear()
        environ = {"https_proxy": "http://p.test", name: text}
        return resolve_proxy("wss://a.b.example.org", environ=environ).explain()

    return read


def compare_with_others(text: str) -> object:
    """Say what others would do."""
    environ = {"https_proxy": "http://p.test", "no_proxy": text}
    route = resolve_proxy("wss://a.b.example.org", environ={"https_proxy": "http://p.test"})
    return compare(route, environ)


def drawn(text: str) -> object:
    """Draw a report with that head in it."""
    head = HTTPAnswer(encoded(text))
    stage = Stage("upgrade", None, "e.test", 0, 1, ok=False, details=head.details())
    return str(draw("ws://e.test", None, [stage], text))


HEADS = (
    "HTTP/1.1 407 ",
    "HTTP/1.1 407 x\r\nProxy-Authenticate: ",
    "HTTP/1.1 407 x\r\nLocation: ",
    "HTTP/1.1 407 x\r\nX-y: ",
    "HTTP/1.1 407 x\r\n",
)
UPGRADE = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
CHALLENGES = ("", "Digest ", 'Digest a="', 'Digest a=b, "', "Basic a", 'a="\\')
URLS = ("", "//", "http://", "http://a:", "//ada:pw@", "h:1:", "http://h?", "http://[")

READERS = {
    "shown_text": Reader("\x1b \n", shown_text),
    "shown_page": Reader("/:@?[ ", shown_page, ("", "//", "//a:", "http://a@", "//h:1:")),
    "shown_url": Reader("/:@?#%[]", shown_url, URLS),
    "hide_userinfo": Reader("/:@%", hide_userinfo, URLS),
    "shown_setting": Reader(",:@?#%[]/ ", shown_setting, ("", "a,", "h:1:", "http://")),
    "holds_secret": Reader(",:@?#%[]/ ", holds_secret, ("", "a,", "h:1:", "http://")),
    "shown_problem": Reader("'\"\\:", shown_problem, ("", "illegal header line: bytearray(b'")),
    "shown_bytes": Reader("/:@?", lambda text: shown_bytes(encoded(text), 60), ("", "//")),
    "shown_head_lines": Reader(
        ":/@?# \t\r\n-,=", lambda text: shown_head_lines(encoded(text)), (*HEADS, "GET /?")
    ),
    "sign": Reader(
        "<> \r\n-:/@?", lambda text: sign_of(encoded(text)), ("", "SSH-", "HTTP/1.1 ", "<", "220 ")
    ),
    "escaped": Reader("\x1b\x85\ud800", escaped),
    "challenges": Reader('",= \t\\;', lambda text: parse_challenges([encoded(text)]), CHALLENGES),
    "authentication-info": Reader('",= \t\\;', parse_parameters, ("", 'nextnonce="', 'a=b, "')),
    "connect head": Reader(":\r\n \t,;", read_head, HEADS),
    "title": Reader("<>/ &#;", lambda text: page_title(encoded(text)), ("", "<title>", "<title ")),
    "proxy's hint": Reader(
        "<> /:@?",
        lambda text: refused_by_proxy(
            403, "h:443", ((b"x-squid-error", encoded(text)),), encoded(text)
        ),
        ("", "ERR_DNS_FAIL", "<title>"),
    ),
    "server's hint": Reader(
        "/:?[]@\n",
        lambda text: refused_by_server(
            "ws://h:1/", 302, ((b"location", encoded(text)), (b"via", encoded(text))), encoded(text)
        ),
        ("", "https://", "https://h", "https://[", "https://h:1"),
    ),
    "certificate": Reader(
        "\x30\x00\x31\x02",
        lambda text: read_certificate(text.encode("latin-1", "replace")),
        ("", "\x30"),
    ),
    "certificate's signature": Reader(
        "\x30\x00\x80\x06",
        lambda text: server_end_point(text.encode("latin-1", "replace")),
        ("", "\x30\x82\xff\xff", "\x30\x82\xff\xff\x30\x00\x30\x82\xff\x00"),
    ),
    "upgrade head": Reader(
        ':\r\n \t,;="',
        read_upgrade,
        (
            UPGRADE,
            f"{UPGRADE}Sec-WebSocket-Accept: ",
            f"{UPGRADE}Sec-WebSocket-Extensions: permessage-deflate; ",
            f"{UPGRADE}Sec-WebSocket-Protocol: ",
            f"{UPGRADE}Upgrade: ",
        ),
    ),
    "target": Reader(
        "/:@?#%[].\\", read_target, ("", "ws://", "wss://a:", "ws://h/", "ws://[", "ws://h?")
    ),
    "tcp target": Reader(":[].%/", parse_any_target, ("tcp://", "tls://[", "tcp://h:")),
    "resource": Reader("/?#%", lambda text: str(make_target("ws", "h", 80, text)), ("/", "?")),
    "host": Reader(".-:[]%", lambda text: make_target("ws", text, 80), ("", "[", "[fe80::1%", "é")),
    "proxy": Reader("/:@?#%[].", lambda text: parse_proxy(text, source="x"), URLS),
    "Proxy()": Reader("/:@?#%[].", Proxy, URLS),
    "no_proxy": Reader(
        ",* .:/[]-", read_bypass, ("", "*", "[", "10.", "a*", "*.*.*.*.*."), dear=True
    ),
    "the system's list": Reader(
        ",;* .:/[]-\\",
        lambda text: read_bypass(text, system=True),
        ("", "*", "[", "10.", "http://", "*.*.*.*.*."),
        dear=True,
    ),
    "pattern": Reader("*.", lambda text: PatternRule(text).covers("a." * 126 + "a"), ("", "*a*")),
    "malformed proxy": Reader("/:@?#%[].=;", shown_proxy, URLS),
    "percent": Reader("%aAfF0", percent_decode),
    "no_proxy, explained": Reader(",* .:/[]@", resolve("no_proxy"), ("", "*", "http://")),
    "all_proxy, explained": Reader("/:@?#%[].", resolve("all_proxy"), URLS),
    "wss_proxy, explained": Reader("/:@?#%[].=; ", resolve("wss_proxy"), URLS),
    "other programs": Reader(",* .:/[]", compare_with_others, ("", "*", "http://"), dear=True),
    "netrc": Reader(
        '# \n\t"\\',
        read_netrc,
        ("", "machine a login b password c\n", "machine a login ", "macdef x\n", 'machine "'),
    ),
    "redirect": Reader(
        "/:@?#%[].;\\",
        lambda text: read_redirect(parse_target("ws://e.test/a/b?c"), rejected(location=text)),
        ("", "//", "ws://", "http://a:", "/", "../", "?"),
    ),
    "Retry-After": Reader(
        ", :+-1aG", lambda text: retry_after(rejected(retry_after=text).headers), ("", "Mon, ", "1")
    ),
    "JSON": Reader('[]{},:"\\ ', pretty, ("", "[", "{", '{"a":', '["')),
    "close reason": Reader(
        "\x1b\n", lambda text: (str(lost := ConnectionLost(CloseReason(1008, text))), repr(lost))
    ),
    "drawing": Reader("-/. \r\n:", drawn, ("HTTP/1.1 403 ", "HTTP/1.1 403 x\r\nVia: "), dear=True),
}
# What a reader may raise: an error of ours, or one that its callers turn into one.
EXPECTED = (ValueError, HandshakeError, NotHTTP)


def cases(reader: Reader) -> Iterator[tuple[str, str, str]]:
    """What stands in front, what is repeated, what stands at the end."""
    alphabet = [*reader.delimiters, "a"]
    short = list(dict.fromkeys([*SPECIALS, *alphabet]))
    pairs = list(map("".join, itertools.product(alphabet, alphabet)))
    behind = list(zip(itertools.cycle(reader.prefixes), [*alphabet, *pairs], strict=False))
    ends = itertools.cycle(("", "\x00"))
    for prefix, piece in (
        behind[:FEW] if reader.dear else [*itertools.product(reader.prefixes, short), *behind]
    ):
        yield prefix, piece, next(ends)


def text_of(prefix: str, piece: str, tail: str, size: int) -> str:
    """That many characters."""
    return (prefix + piece * (size // len(piece) + 1))[:size] + tail


def cost(reader: Reader, text: str) -> float:
    """Seconds that this process works on a text."""
    began = time.process_time()
    with suppress(*EXPECTED):
        reader.read(text)
    return time.process_time() - began


def check_linear(reader: Reader, prefix: str, piece: str, tail: str) -> None:
    """Compare the cost of a long text with that of one of half the length."""
    most = SIZE // 4 if reader.dear else SIZE
    for size in (most // 8, most):  # the short one first, or a failure would take minutes
        long = text_of(prefix, piece, tail, size)
        if cost(reader, long) < CHEAP * (size / SIZE) ** 2:
            return  # then the longer one is cheap even where it is quadratic
        short = text_of(prefix, piece, tail, size // 2)
        for _ in range(ROUNDS):  # what else the machine does must not look like the reader's cost
            dear = min(cost(reader, long) for _ in range(SAMPLES))
            cheap = min(cost(reader, short) for _ in range(SAMPLES))
            if dear < CHEAP or (dear < DEAR * size / SIZE and dear < RATIO * cheap):
                break
        else:
            told = f"{prefix!r}, then {piece!r} again and again, then {tail!r}"
            pytest.fail(f"{told}: {dear:.3f} s for {size} characters, {cheap:.3f} s for half")


@pytest.fixture(autouse=True)
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file for credentials that is nobody's."""
    NETRC[:] = [str(tmp_path / "netrc")]
    Path(NETRC[0]).touch(mode=0o600)
    monkeypatch.setenv("NETRC", NETRC[0])
    monkeypatch.setattr(logging.getLogger("trio_wsproxy"), "disabled", True)  # what is odd is told


@pytest.mark.parametrize("name", READERS)
def test_linear(name: str) -> None:
    """No repetition of anything costs a reader more than linear time."""
    for case in cases(READERS[name]):
        check_linear(READERS[name], *case)


def test_this_test_finds_what_is_quadratic() -> None:
    """A reader that searches the rest of its text again and again is found."""
    quadratic = Reader("", lambda text: [text.count("aab", n) for n in range(0, len(text), 24)])
    with pytest.raises(pytest.fail.Exception, match="again and again"):
        check_linear(quadratic, "", "a", "")
