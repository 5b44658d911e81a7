"""What was sent is not told where the peer repeats it, and no local variable of ours shows a secret.

Peers repeat what they are sent: in the phrase behind a status, in a page's title, in headers, or as
all of an answer that is no HTTP. Error trackers send the ``repr()`` of each local variable of each
frame that an exception went through.
"""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

import trio_wsproxy
from trio_wsproxy import (
    PAC,
    BasicAuth,
    BearerAuth,
    ConnectionClosed,
    DigestAuth,
    Failover,
    HandshakeError,
    Proxy,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket,
    open_websocket_url,
    resolve_proxy,
)
from trio_wsproxy._auth._digest import digest
from trio_wsproxy._http import page_title, said_in, told_body
from trio_wsproxy._redaction import SentSecrets
from trio_wsproxy.httpcore import AsyncHTTPTransport
from trio_wsproxy.testing import open_tcp_server

PASSWORD = "Tr0ub4dor&3"
TOKEN = "eyJhbGciOiJub25lIn0.e30.c2ln"
BASIC = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
# Each as it was sent, and as a page or a URL would have it.
SECRETS = [
    PASSWORD,
    quote(PASSWORD),
    PASSWORD.replace("&", "&amp;"),
    TOKEN,
    BASIC,
    f"Basic {BASIC}",
    "sid-0123456789",
    "ticket-in-query",
    "value of mine",
]
HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Cookie": "sid=sid-0123456789; theme=dark",
    "X-Mine": "value of mine",
}
PACKAGE = Path(trio_wsproxy.__file__).parent


def told_of(error: BaseException | None) -> Iterator[str]:
    """All that a traceback shows of an error, and its report."""
    while error is not None:
        yield from (str(error), repr(error), repr(error.args))
        report = getattr(error, "dial_report", None)
        if report is not None:
            yield from (str(report), repr(report), json.dumps(report.as_dict()))
            for other in (pickle.loads(pickle.dumps(report)), copy.deepcopy(report)):
                yield json.dumps(other.as_dict())
        error = error.__cause__ or error.__context__


def check(texts: Iterator[str] | list[str]) -> None:
    """None of the secrets is in a text, nor the most of one."""
    for text in texts:
        for secret in (PASSWORD, TOKEN, BASIC, *SECRETS):
            assert secret not in text
            assert secret[:8] not in text, text


ECHOES: dict[str, Callable[[str], bytes]] = {
    "phrase": lambda x: f"HTTP/1.1 403 no {x} here\r\nContent-Length: 0\r\n\r\n".encode(),
    "phrase of a challenge": lambda x: (
        f"HTTP/1.1 407 not {x}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "title": lambda x: (
        "HTTP/1.1 403 no\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        f"<title>bad {x}!</title>"
    ).encode(),
    "title of a page": lambda x: (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
        f"<title>hello {x}</title>"
    ).encode(),
    "body": lambda x: (
        f"HTTP/1.1 400 no\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nbad {x}"
    ).encode(),
    "X-Squid-Error": lambda x: f"HTTP/1.1 403 no\r\nX-Squid-Error: {x} 0\r\n\r\n".encode(),
    "Via": lambda x: f"HTTP/1.1 502 no\r\nVia: {x}\r\nServer: {x}\r\n\r\n".encode(),
    "Location": lambda x: f"HTTP/1.1 302 no\r\nLocation: /{x}\r\n\r\n".encode(),
    "a header of its own": lambda x: f"HTTP/1.1 403 no\r\nX-Echo: {x}\r\n\r\n".encode(),
    "a header's name": lambda x: f"HTTP/1.1 403 no\r\n{x}: y\r\n\r\n".encode(),
    "scheme": lambda x: (
        f"HTTP/1.1 407 no\r\nProxy-Authenticate: {x}\r\nContent-Length: 0\r\n\r\n"
    ).encode(),
    "realm": lambda x: (
        f'HTTP/1.1 407 no\r\nProxy-Authenticate: Basic realm="{x}"\r\nContent-Length: 0\r\n\r\n'
    ).encode(),
    "garbage": lambda x: f"{x} is what you said\r\n\r\n".encode(),
    "garbage that is cut off": lambda x: x.encode()[:9],
    "status line": lambda x: f"HTTP/1.1 {x}\r\n\r\n".encode(),
    "SSH": lambda x: f"SSH-2.0-{x}\r\n\r\n".encode(),
    "a broken 101": lambda x: (
        f"HTTP/1.1 101 {x}\r\nUpgrade: {x}\r\nConnection: {x}\r\nSec-WebSocket-Accept: {x}\r\n"
        f"Sec-WebSocket-Protocol: {x}\r\n\r\n"
    ).encode(),
}


async def refused(
    caplog: pytest.LogCaptureFixture, answer: bytes, dial: Callable[[int], Awaitable[object]]
) -> None:
    """Have one answer given to whatever is asked, and look at all that is told."""

    async def serve(stream: trio.abc.Stream) -> None:
        while await stream.receive_some():
            await stream.send_all(answer)
            await stream.aclose()
            return

    async with open_tcp_server(serve) as server:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, "trio_wsproxy"):
            with pytest.raises(HandshakeError) as caught:
                await dial(server.port)
        check(told_of(caught.value))
        check([record.getMessage() for record in caplog.records])
        check(list(shown_locals(caught.value)))


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("echo", ECHOES)
async def test_what_a_server_repeats(
    echo: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A server repeats a header, a password, a query: it is told nowhere."""

    async def dial(port: int) -> None:
        url = f"ws://127.0.0.1:{port}/chat?ticket=ticket-in-query"
        headers = {**HEADERS, "X-Basic": f"Basic {BASIC}", "X-Password": PASSWORD}
        async with open_websocket_url(url, proxy=None, extra_headers=headers):
            pass

    await refused(caplog, ECHOES[echo](secret), dial)


@pytest.mark.parametrize("secret", [PASSWORD, quote(PASSWORD), BASIC, TOKEN])
@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("scheme", ["url", "basic", "digest", "bearer"])
async def test_what_a_proxy_repeats(
    echo: str, secret: str, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    """So does a proxy with its credentials, sent or only proven, and with headers for it."""
    auth: Any = {
        "basic": BasicAuth("ada", PASSWORD),
        "digest": DigestAuth("ada", PASSWORD),
        "bearer": BearerAuth(TOKEN),
    }

    async def dial(port: int) -> None:
        userinfo = f"ada:{quote(PASSWORD, safe='')}@" if scheme == "url" else ""
        proxy = Proxy(
            f"http://{userinfo}127.0.0.1:{port}",
            auth=auth.get(scheme),
            headers={"X-Token": TOKEN, "X-Basic": BASIC, "X-Password": PASSWORD},
        )
        async with open_websocket_url("ws://echo.test", proxy=proxy):
            pass

    await refused(caplog, ECHOES[echo](secret), dial)


@pytest.mark.parametrize(
    ("password", "said", "told"),
    [
        ("pw", b"403 wrong pw!", b"403 wrong ***!"),
        ("pw", b"no pwned", b"no pwned"),
        ("a", b"not a password", b"not *** password"),
        ("p\xe4ss", "p\xe4ss".encode(), b"***"),
        ("", b"nothing", b"nothing"),
    ],
)
def test_short_passwords(password: str, said: bytes, told: bytes) -> None:
    """A short one is hidden where it is a word of its own."""
    sent = SentSecrets()
    credentials = base64.b64encode(f"ada:{password}".encode())
    sent.add_request(b"GET / HTTP/1.1\r\nAuthorization: Basic " + credentials + b"\r\n\r\n")
    if password:
        assert sent.hide(said) == told
    assert sent.hide(b"bad " + credentials) == b"bad ***"
    assert sent.hide_text("nothing \ud800") == "nothing \ud800"


@pytest.mark.parametrize("where", ["digest", "query"])
def test_what_a_peer_has_had_us_repeat_is_looked_for_in_bounded_work(where: str) -> None:
    """A challenge of thousands of values, or a redirect to such a URL, costs nothing in each header."""
    values = [f"x=<<e {number:05}/" for number in range(1000)]
    request = f"GET /?{'&'.join(values)} HTTP/1.1\r\n\r\n"
    if where == "digest":
        parameters = {"realm": ",".join(values), "nonce": 'n, response="00000000"'}
        said = digest("ada", "pw", "CONNECT", "a:1", parameters, cnonce="c" * 32, count=1)
        request = f"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: {said}\r\n\r\n"
    sent = SentSecrets()
    sent.add_request(request.encode())
    sent.hide(b"made")
    few, many = ((b"a", b"b" * 4000),), ((b"a", b"bbbb"),) * 1000
    costs = []
    for headers in (few, many):
        start = time.thread_time()
        assert sent.hide_headers(headers) == headers
        costs.append(time.thread_time() - start)
    assert costs[1] < 50 * costs[0] + 0.1


def test_of_digest_what_is_ours_is_hidden() -> None:
    """The proof and our nonce are no secret of the proxy's; what its challenge says is its own."""
    parameters = {"realm": 'r, a=12345678, response="11112222"', "nonce": "n" * 20, "qop": "auth"}
    said = digest("ada", "pw", "CONNECT", "a:1", parameters, cnonce="c" * 32, count=1)
    sent = SentSecrets()
    sent.add_request(f"CONNECT a:1 HTTP/1.1\r\nProxy-Authorization: {said}\r\n\r\n".encode())
    response = said.rpartition('response="')[2].partition('"')[0].encode()
    assert sent.hide(b"no " + response) == b"no ***"
    assert sent.hide(b"no " + response[:9]) == b"no ***"
    assert sent.hide(b"no " + b"c" * 32 + b"!") == b"no ***!"
    assert sent.hide(b"12345678 11112222 " + b"n" * 20) == b"12345678 11112222 " + b"n" * 20


@pytest.mark.parametrize(
    "said",
    [
        "a%2fb%26c%27%c3%a9%3c%22",  # .NET
        "a\\/b&c'\\u00e9<\\\"",  # PHP
        "a/b\\u0026c'\\u00e9\\u003c\\\"",  # Go
        "a/b&amp;c&#39;\xe9&lt;&quot;",
        "a/b&amp;c&#39;\xe9&lt;&#34;",
        "a/b&c'\xe9<\\\"",
        base64.b64encode(b"user:a/b&c'\xc3\xa9<\"").decode().rstrip("="),
    ],
)
def test_a_secret_in_the_spellings_of_others(said: str) -> None:
    """A password is hidden as servers in other languages write it, and in Latin-1."""
    password = "a/b&c'\xe9<\""
    sent = SentSecrets()
    credentials = base64.b64encode(f"user:{password}".encode())
    sent.add_request(b"GET / HTTP/1.1\r\nAuthorization: Basic " + credentials + b"\r\n\r\n")
    assert sent.hide(b"bad " + said.encode() + b"!") == b"bad ***!"
    assert sent.hide(b"bad " + password.encode("latin-1") + b"!") == b"bad ***!"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"application/json", rb'{"message": "bad \u0068unte\u0072/2!"}'),
        (b"application/json", rb'{"error": {"detail": "bad hunte\u0072\/2!"}}'),
        (b"text/html", b"<html><title>bad &#104;unter&#x2f;2!</title>"),
        (b"text/html", b"<html><title>bad hunter&sol;2!</title>"),
    ],
)
def test_a_secret_that_only_decoding_shows(kind: bytes, body: bytes) -> None:
    """What is decoded to be quoted is looked at decoded."""
    sent = SentSecrets()
    sent.add("hunter/2")
    headers = ((b"content-type", kind),)
    told = told_body(headers, body, sent)
    assert "bad ***!" in (said_in(headers, told), page_title(told))
    assert told_body(headers, told, sent) == told


@pytest.mark.parametrize("code", [1000, 1008])
async def test_what_a_close_frame_repeats(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """A server that closes with the token that it refuses has it shown nowhere; ``reason`` has it."""
    token = "eyJfalse.token7"
    said = code.to_bytes(2, "big") + b"bad " + token.encode() + b"!"

    async def serve(stream: trio.abc.Stream) -> None:
        request = bytes(await stream.receive_some())
        ws = WSConnection(ConnectionType.SERVER)
        ws.receive_data(request)
        await stream.send_all(ws.send(AcceptConnection()) + bytes((0x88, len(said))) + said)
        while await stream.receive_some():
            pass

    headers = [("Authorization", f"Bearer {token}")]
    async with open_tcp_server(serve) as server:
        with caplog.at_level(logging.DEBUG, "trio_wsproxy"):
            url = f"ws://127.0.0.1:{server.port}/"
            async with open_websocket_url(url, proxy=None, extra_headers=headers) as ws:
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.receive()
                assert ws.closed is not None
                shown = [str(ws.closed), repr(ws.closed), str(caught.value), repr(caught.value)]
                copied = pickle.loads(pickle.dumps(caught.value))
                shown += [str(copied), repr(copied), repr(caught.value.args)]
    assert all("bad ***!" in text for text in shown)
    assert not any(token in text for text in [*shown, caplog.text])
    assert caught.value.reason is not None
    assert caught.value.reason.reason == f"bad {token}!"


def test_headers_are_hidden_one_by_one() -> None:
    """No secret reaches over the end of a header, and a part at the end of each is hidden."""
    sent = SentSecrets()
    sent.add("secret word", "one\ntwo")
    headers = ((b"a", b"a secret"), (b"b", b"word"), (b"c", b"secret word!"), (b"d", b"one"))
    told = ((b"a", b"a ***"), (b"b", b"word"), (b"c", b"***!"), (b"d", b"one"))
    assert sent.hide_headers(headers) == told
    assert sent.hide_headers(()) == ()


# --- the variables of our frames -----------------------------------------------------------


def frames_of(error: BaseException | None) -> Iterator[TracebackType]:
    """All frames that an error and what is chained to it went through."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        traceback = error.__traceback__
        while traceback is not None:
            yield traceback
            traceback = traceback.tb_next
        waiting += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]


def shown_locals(error: BaseException) -> Iterator[str]:
    """What a tracker sends of the frames that are ours."""
    for traceback in frames_of(error):
        code = traceback.tb_frame.f_code
        if PACKAGE in Path(code.co_filename).parents and "testing" not in code.co_filename:
            for name, value in traceback.tb_frame.f_locals.items():
                yield f"{Path(code.co_filename).name}:{code.co_qualname if hasattr(code, 'co_qualname') else code.co_name}:{name}={value!r}"


async def ask_by_http(proxy: Any, **options: Any) -> None:
    """Send a request of httpx; raise our own error, behind which is httpx's."""
    transport = AsyncHTTPTransport(proxy, **options)
    url, headers = f"https://ada:{PASSWORD}@echo.test/?t={PASSWORD}", {"Authorization": PASSWORD}
    try:
        await transport.handle_async_request(httpx.Request("GET", url, headers=headers))
    except httpx.TransportError as exc:
        assert exc.__cause__ is not None
        raise exc.__cause__ from exc


URL = f"http://ada:{quote(PASSWORD, safe='')}@127.0.0.1:9"
RAW = f"http://ada:{PASSWORD}@127.0.0.1:9"
GIVEN = {"X-Mine": PASSWORD}
OPENING: dict[str, Callable[[], Any]] = {
    "by URL": lambda: open_websocket_url(
        f"ws://ada:{PASSWORD}@echo.test/?t={PASSWORD}",
        proxy=RAW,
        extra_headers=GIVEN,
        proxy_headers=GIVEN,
    ),
    "by parts": lambda: open_websocket(
        "127.0.0.1", 9, f"/?{PASSWORD}", use_ssl=False, proxy=URL, extra_headers=[("X", PASSWORD)]
    ),
    "SOCKS": lambda: open_websocket_url(
        "ws://echo.test", proxy=f"socks5h://ada:{PASSWORD}@127.0.0.1:9"
    ),
    "a chain": lambda: open_websocket_url("ws://echo.test", proxy=[RAW, URL]),
    "a scheme": lambda: open_websocket_url(
        "ws://echo.test", proxy="http://127.0.0.1:9", proxy_auth=BasicAuth("ada", PASSWORD)
    ),
    "a bad proxy": lambda: open_websocket_url("ws://echo.test", proxy=f"ftp://a:{PASSWORD}@p"),
    "a bad URL": lambda: open_websocket_url(f"ftp://ada:{PASSWORD}@echo.test"),
    "alternatives": lambda: open_websocket_url(
        f"ws://echo.test/?t={PASSWORD}",
        proxy=Failover(URL, f"socks5h://ada:{PASSWORD}@127.0.0.1:9"),
    ),
    "a bad alternative": lambda: open_websocket_url(
        "ws://echo.test", proxy=Failover(URL, f"ftp://ada:{PASSWORD}@p.test")
    ),
    "a script": lambda: open_websocket_url(
        f"ws://echo.test/?t={PASSWORD}", proxy=Failover(PAC(f"{URL}/p?{PASSWORD}"), URL)
    ),
    "a script with a secret": lambda: open_websocket_url(
        f"ws://echo.test/?t={PASSWORD}",
        proxy=PAC(f"function FindProxyForURL(url) {{ throw url + 'http://ada:{PASSWORD}@p'; }}"),
    ),
    "a script that says one": lambda: open_websocket_url(
        f"ws://echo.test/?t={PASSWORD}",
        proxy=PAC(f"function FindProxyForURL() {{ return 'PROXY ada:{PASSWORD}@p'; }}"),
    ),
    "no script": lambda: open_websocket_url("ws://echo.test", proxy=PAC(f"ftp://a:{PASSWORD}@p")),
    "TCP": lambda: open_tcp_stream("echo.test", 80, proxy=RAW, proxy_headers=GIVEN),
    "TCP, a bad proxy": lambda: open_tcp_stream("echo.test", 80, proxy=f"ftp://a:{PASSWORD}@p"),
    "HTTP": lambda: ask_by_http(RAW, proxy_headers=GIVEN),
    "HTTP by a chain": lambda: ask_by_http([URL, RAW], proxy_headers=GIVEN),
    "HTTP, a bad proxy": lambda: ask_by_http(f"ftp://a:{PASSWORD}@p", proxy_headers=GIVEN),
    "TLS": lambda: open_ssl_over_tcp_stream("echo.test", 443, proxy=RAW, proxy_headers=GIVEN),
}


@pytest.mark.parametrize("name", OPENING)
async def test_variables(name: str) -> None:
    """Nothing that a program gives is shown by a local variable of ours when it fails."""
    with pytest.raises((ValueError, OSError, HandshakeError)) as caught:
        await opened_by(name)
    shown = list(shown_locals(caught.value))
    assert shown
    check(shown)


async def opened_by(name: str) -> None:
    """Open in one of the ways."""
    opening = OPENING[name]()
    if hasattr(opening, "__aenter__"):
        async with opening:
            pass
    else:
        await opening


@pytest.mark.parametrize("name", ["https_proxy", "all_proxy", "no_proxy"])
@pytest.mark.parametrize(
    "value",
    [f"http://ada:{PASSWORD}@p.test:0", f"ftp://ada:{PASSWORD}@p.test", f"a:1:ada:{PASSWORD}"],
)
def test_variables_of_the_resolver(name: str, value: str) -> None:
    """Nor is what stands in the environment."""
    environ = {"all_proxy": "ftp://x", name: value}
    with pytest.raises(ValueError, match="environment variable") as caught:
        resolve_proxy("wss://echo.test", environ=environ)
    check([text for text in shown_locals(caught.value) if "resolve_proxy:environ" not in text])
