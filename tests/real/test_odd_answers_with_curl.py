"""Where curl connects, we connect: odd answers of proxies, given to curl and to us.

The proxy here sends bytes and nothing else. What curl makes of them is seen from whether it goes on
to the server; what we make of them, from whether there is a tunnel. ``STRICTER`` has the answers that
curl takes and we do not, each with its reason.
"""

from __future__ import annotations

import functools
import shutil
from typing import NamedTuple

import pytest
import trio

from trio_wsproxy import ProxyError, open_tcp_stream

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 5\r\n"

HTTP = [
    *(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\n\n", b"HTTP/1.1  200 OK\r\n\r\n"),
    *(b"HTTP/1.1 200  OK\r\n\r\n", b"HTTP/1.1 200OK\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n"),
    *(b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.1\t200\r\n\r\n", b"HTTP/1.2 200 OK\r\n\r\n"),
    *(b"HTTP/1.9 200 OK\r\n\r\n", b"HTTP/1.10 200 OK\r\n\r\n", b"HTTP/1.1 +200 OK\r\n\r\n"),
    *(b"HTTP/2 200\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n", b"HTTP/1 200 OK\r\n\r\n"),
    *(b"http/1.1 200 OK\r\n\r\n", b"HTTP 200 OK\r\n\r\n", b"ICY 200 OK\r\n\r\n"),
    *(b"HTTP/1.1 200 \xff\r\n\r\n", b"HTTP/1.1 200 O\0K\r\n\r\n", b"HTTP/1.1 200\0\r\n\r\n"),
    *(b"HTTP/1.1 200,\r\n\r\n", b"HTTP/1.1 200-OK\r\n\r\n", b"HTTP/1.1 200\tOK\r\n\r\n"),
    *(b" HTTP/1.1 200 OK\r\n\r\n", b"\r\nHTTP/1.1 200 OK\r\n\r\n", b"x\r\n" + OK + b"\r\n"),
    *(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\n", b"X: y\r\n" + OK + b"\r\n"),
    *(b"HTTP/1.1 200 OK\r\r\n\r\r\n", b"HTTP/1.1 200 OK\r\r\nX: y\r\r\n\r\r\n"),
    *(OK + b"X: y\r\n\r\r\n", OK + b"X: y\r\n\r\r\r\r\r\n", OK + b"\rX\r\n"),
    *(b"HTTP/1.1 200 OK\r\rX: y\r\r", OK[:-2] + b"\n\rX: y\n\n", OK + b" \r\n\r\n"),
    *(b"HTTP/1.1 201 C\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n", b"HTTP/1.1 299 N\r\n\r\n"),
    *(b"HTTP/1.1 000 N\r\n\r\n", b"HTTP/1.1 300 N\r\n\r\n", b"HTTP/1.1 101 S\r\n\r\n", OK),
    *(OK + b"HTTP/1.1 407 no\r\n\r\n", b"HTTP/1.1 407 no\r\n" + OK + b"\r\n"),
    *(
        OK + lines + b"\r\n"
        for lines in (
            *(b"nonsense\r\n", b"A B: v\r\n", b"P : v\r\n", b": v\r\n", b"X: \0\r\n"),
            *(b"X\0: v\r\n", b"X: a\rb\r\n", b" X: v\r\n", b"\xc3\xa4: v\r\n", b"\xe4: v\r\n"),
            *(LENGTH, b"Content-Length: -1\r\n", b"Content-Length: x\r\n", LENGTH + LENGTH),
            *(LENGTH + b"Content-Length: 6\r\n", b"Content-Length: " + b"9" * 30 + b"\r\n"),
            *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
            *(b"Connection: close\r\n", b"Proxy-Connection: close\r\n", b"Upgrade: h2\r\n"),
            *(b"Proxy-Authenticate: Basic\r\n", b"Location: x\r\n", b"Set-Cookie: \x80\r\n"),
            *(b"X: " + b"y" * 15_000 + b"\r\n", b"X: y\r\n" * 9_000, b"X: y\r\n" * 12_000),
        )
    ),
]

NONE, LOGIN = b"\x05\0", b"\x05\x02"
GRANTED = b"\x05\0\0\x01\x01\x02\x03\x04\0\x50"
SOCKS5 = [
    *((NONE, GRANTED), (NONE, b"\x05\0\xff" + GRANTED[3:]), (NONE, b"\x05\0\x01" + GRANTED[3:])),
    *((NONE, b"\0" + GRANTED[1:]), (NONE, b"\x01" + GRANTED[1:]), (NONE, b"\x05\x01")),
    *((b"\x04\0", GRANTED), (b"\0\0", GRANTED), (b"\x01\0", GRANTED), (NONE, b"\x05\0")),
    *((NONE, b"\x05\0\0\0" + bytes(6)), (NONE, b"\x05\0\0\x02" + bytes(6)), (NONE, GRANTED[:8])),
    *((NONE, b"\x05\0\0\x04" + bytes(18)), (NONE, b"\x05\0\0\x03\x04exit\0\0")),
    *((NONE, b"\x05\0\0\x03\0\0\0"), (NONE, b"\x05\0\0\x03\x03\0\xff\xfe\0\0")),
    (NONE, b"\x05\0\0\x03\xff" + b"a" * 255 + bytes(2)),
    (NONE + b"\0", GRANTED[1:]),
]
LOGINS = [
    *((LOGIN, answer, GRANTED) for answer in (b"\x01\0", b"\x05\0", b"\0\0", b"\xff\0", b"\x02\0")),
    *((LOGIN, answer) for answer in (b"\x01\x01", b"\0\x01", b"\x05\xff", b"\x01")),
    *((NONE, GRANTED), (b"\x05\x01",), (b"\x05\xff",), (b"\x05\x03",)),
]
SOCKS4 = [
    *((bytes([version, 0x5A]) + bytes(6),) for version in (0, 1, 4, 5)),
    *((bytes([0, code]) + bytes(6),) for code in (0, 1, 0x5B, 0x5C, 0x5D, 0xFF)),
    *((b"\0\x5a" + b"\xff" * 6,), (b"\0\x5a",)),
]


class Case(NamedTuple):
    """A kind of proxy, and what it answers to each message."""

    scheme: str
    userinfo: str
    answers: tuple[bytes, ...]


CASES = [
    *(Case("http", "", (answer,)) for answer in HTTP),
    *(Case("socks5h", "", answers) for answers in SOCKS5),
    *(Case("socks5h", "ada:pw@", answers) for answers in LOGINS),
    *(Case("socks4a", "", answers) for answers in SOCKS4),
]

# What curl 7.88 takes and we do not.
STRICTER = {
    b"HTTP/1.1 +200 OK\r\n\r\n": "no status code; C's scanf reads that",
    OK + b"\rX\r\n": "the head would end in the middle of a header, and X be the server's",
    OK + b"X: y\r\n" * 12_000 + b"\r\n": "more than 64 KiB; nobody sends that",
}


async def talk(case: Case, went_on: list[bool], stream: trio.SocketStream) -> None:
    """Answer each message; then see whether there is another one."""
    async with stream:
        try:
            for answer in case.answers:
                data = b""
                while not data or (case.scheme == "http" and b"\r\n\r\n" not in data):
                    if not (more := await stream.receive_some()):
                        return
                    data += more
                await stream.send_all(answer)
            await stream.send_eof()
            went_on.append(bool(await stream.receive_some()))
        except trio.BrokenResourceError:
            pass


async def curl_connects(case: Case, port: int, went_on: list[bool]) -> bool:
    """Send curl through the proxy."""
    proxy = f"{case.scheme}://{case.userinfo}127.0.0.1:{port}"
    command = ["curl", "-q", "-s", "-m", "60", "--noproxy", "", "-p", "-x", proxy, "http://e.test/"]
    await trio.run_process(command, check=False, capture_stdout=True, capture_stderr=True)
    return True in went_on


async def we_connect(case: Case, port: int) -> bool:
    """Open a tunnel."""
    proxy = f"{case.scheme}://{case.userinfo}127.0.0.1:{port}"
    try:
        async with await open_tcp_stream("e.test", 80, proxy=proxy):
            return True
    except ProxyError:
        return False


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.scheme}:{case.answers}"[:70])
async def test_where_curl_connects_we_connect(case: Case) -> None:
    """Whatever a proxy answers, we are no stricter than curl, but where a reason is given."""
    went_on: list[bool] = []
    async with trio.open_nursery() as nursery:
        serve = functools.partial(
            trio.serve_tcp, functools.partial(talk, case, went_on), 0, host="127.0.0.1"
        )
        listeners = await nursery.start(serve)
        port: int = listeners[0].socket.getsockname()[1]
        with trio.fail_after(100):
            theirs = await curl_connects(case, port, went_on)
            ours = await we_connect(case, port)
        nursery.cancel_scope.cancel()
    if case.answers[-1] in STRICTER:
        assert not ours
    elif theirs:
        assert ours
