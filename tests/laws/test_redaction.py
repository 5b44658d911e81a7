"""No secret and nothing that a terminal obeys gets into what is told.

Secrets go into everything that takes a setting, and into what a peer answers. Told is: ``str``,
``repr``, ``args`` and notes of an error and of all that is chained to it, log records, the dial
report and its JSON. An error's ``headers``, ``body`` and ``reason`` are the peer's own data and
are no message; nobody looks there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trustme
from _wire import Peer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request

import trio_wsproxy
from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    CloseReason,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    DialReport,
    DigestAuth,
    HandshakeError,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyRejected,
    connect_websocket,
    connect_websocket_url,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket,
    open_websocket_url,
    reconnecting_websocket_url,
    resolve_proxy,
    wrap_client_stream,
)
from trio_wsproxy._report._certificates import read_certificate
from trio_wsproxy.testing import Answer, open_http_proxy, open_tcp_server

CORE = "s3cReT"
AWKWARD = "/?#@:%[]\\\"' ;,&=+!*{}<>|^`~$()\t\r\n\0\x07\x1b\x7f\x85\x9bä€\u2028\u202e\u2066\ud800x7"
OBEYED = frozenset(
    [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202e\u2066\ud800"]
)

around = st.text(AWKWARD, max_size=4)
# What a password that should have been encoded looks like, and one that was.
secrets = st.builds(lambda before, after: f"{before}{CORE}{after}", around, around)
users = st.sampled_from(["ada", "", "a%40b", "DOMAIN%5Cada", "ada@corp"])


def everything_told(error: BaseException | None) -> Iterator[str]:
    """All that a traceback shows of an error."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        error = waiting.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        yield str(error)
        yield repr(error)
        yield repr(error.args)
        yield from getattr(error, "__notes__", ())
        yield repr(getattr(error, "proxy", None))
        waiting += [error.__cause__, error.__context__, *getattr(error, "exceptions", ())]


def check(told: str, lines: str = "") -> None:
    """Neither a secret nor a control character is in a text, but for the line ends of a report."""
    assert CORE not in told
    assert not (OBEYED - set(lines)) & set(told), ascii(told)


def check_error(error: BaseException) -> None:
    """Nothing is told by an error, nor by its report."""
    for text in everything_told(error):
        check(text)
    check_report(getattr(error, "dial_report", None))


def check_report(report: DialReport | None) -> None:
    """Nor is anything told by a report."""
    if report is not None:
        check(str(report), "\n")
        check(json.dumps(report.as_dict(), ensure_ascii=False))


class _Records(logging.Handler):
    """Checks each record as it is written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())
        if record.exc_info and record.exc_info[1]:
            self.texts += everything_told(record.exc_info[1])


@contextmanager
def logged() -> Iterator[None]:
    """Have everything logged, and check it."""
    logger = logging.getLogger("trio_wsproxy")
    before, handler = logger.level, _Records()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    for text in handler.texts:
        check(text)


def check_settings(make: Callable[[], object]) -> None:
    """What is made, or the error in its place, tells nothing."""
    with logged():
        try:
            made = make()
        except (ValueError, TypeError, OSError) as error:
            check_error(error)
        else:
            check(str(made))
            check(repr(made))


# --- settings ----------------------------------------------------------------------------

PROXY_URLS = [
    "http://{user}:{secret}@proxy.test",
    "https://{user}:{secret}@proxy.test:8443",
    "socks5h://{user}:{secret}@proxy.test",
    "socks4://{user}:{secret}@proxy.test",
    "ftp://{user}:{secret}@proxy.test",
    "http:/{user}:{secret}@proxy.test",
    "{user}:{secret}@proxy.test:0",
    "http://{user}:{secret}@proxy..test",
    "http://{user}:{secret}@[::1",
    "proxy.test:3128:{user}:{secret}",
    "http://proxy.test:3128:{user}:{secret}",
    "http://[2001:db8:1::1]:3128:{user}:{secret}",
    "http://proxy.test/?token={secret}",
    "http://proxy.test#{secret}",
]
proxy_urls = st.builds(
    lambda form, user, secret: form.format(user=user, secret=secret),
    st.sampled_from(PROXY_URLS),
    users,
    secrets,
)
targets = st.builds(
    lambda form, secret: form.format(secret=secret),
    st.sampled_from(
        [
            "ws://ada:{secret}@echo.test/chat",
            "ws://ada:{secret}@echo.test:99999/chat",
            "ws://echo.test/chat?token={secret}",
            "ws://echo.test/chat#{secret}",
            "http://ada:{secret}@echo.test/",
            "ada:{secret}@echo.test",
        ]
    ),
    secrets,
)


@given(proxy_urls)
def test_proxies(url: str) -> None:
    """A proxy's URL is masked, whether it can be read or not."""
    check_settings(lambda: Proxy(url))
    check_settings(lambda: resolve_proxy("wss://echo.test", proxy=url))
    check_settings(lambda: resolve_proxy("wss://echo.test", proxy=["http://a.test", url]))


@given(targets)
def test_targets(url: str) -> None:
    """So is a target's, with its query."""
    check_settings(lambda: resolve_proxy(url, proxy=None).explain().replace("\n", ""))
    check_settings(lambda: resolve_proxy(url, proxy="http://proxy.test"))


settings_of_proxies = st.sampled_from(
    [
        ("https_proxy", "{}"),
        ("ALL_PROXY", "{}"),
        ("no_proxy", "a.test,{}"),
        ("no_proxy", "a.test,http://ada:{}@proxy.test"),
    ]
)


@given(proxy_urls, targets, settings_of_proxies)
def test_environment(proxy: str, target: str, setting: tuple[str, str]) -> None:
    """And so is what stands in the environment, however it is explained."""
    name, form = setting
    environ = {"all_proxy": "http://other.test", name: form.format(proxy.replace("\0", ""))}

    def explain() -> str:
        return resolve_proxy("wss://echo.test", environ=environ).explain().replace("\n", "")

    check_settings(explain)
    check_settings(lambda: resolve_proxy(target, environ=environ))


@given(secrets, st.sampled_from(["X-Token", "Authorization", "X y", "Host"]))
def test_headers(secret: str, name: str) -> None:
    """A header's value is in no message."""
    check_settings(lambda: Proxy("http://proxy.test", headers={name: secret}))
    check_settings(lambda: Proxy("http://proxy.test", headers=[(f"{name}: {secret}", "x")]))
    check_settings(lambda: Proxy("socks5://proxy.test", headers={name: secret}))


@given(secrets)
def test_credentials(secret: str) -> None:
    """A scheme shows neither password nor token, and neither does what refuses them."""
    for make in (BasicAuth, DigestAuth, NTLMAuth, NegotiateAuth):
        check_settings(lambda make=make: make("ada", secret))  # type: ignore[misc]
    check_settings(lambda: BearerAuth(secret))
    check_settings(lambda: Proxy("http://ada:pw@proxy.test", auth=BearerAuth(secret)))
    check_settings(lambda: Proxy("socks5://proxy.test", auth=BasicAuth("ada", secret)))


def run_and_check(function: Callable[[], Any]) -> None:
    """An async function fails, and tells nothing."""

    async def main() -> None:
        with pytest.raises((ValueError, TypeError, OSError, HandshakeError)) as caught:
            await function()
        check_error(caught.value)

    with logged():
        trio.run(main)


async def in_nursery(connect: Callable[[trio.Nursery], Awaitable[object]]) -> None:
    """Give a nursery to what needs one, and raise its error as it was."""
    error: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            await connect(nursery)
        except Exception as exc:  # looked at by whoever called
            error = exc
        nursery.cancel_scope.cancel()
    if error is not None:
        raise error


@settings(max_examples=30)
@given(secrets.map("ftp://ada:{}@proxy.test".format), targets, secrets)
def test_arguments_of_the_functions(bad: str, target: str, secret: str) -> None:
    """What is refused before anything is dialed is refused without telling it."""

    async def url() -> None:
        async with open_websocket_url(target, proxy=bad):
            pass

    async def headers() -> None:
        async with open_websocket_url(
            "ws://echo.test", proxy=None, extra_headers={"X": f"{secret}\n"}
        ):
            pass

    async def resource() -> None:
        async with open_websocket("echo.test", 80, f"/?{secret}\n", use_ssl=False, proxy=None):
            pass

    async def by_parts(nursery: trio.Nursery) -> None:
        host = f"ada:{secret}@echo.test"
        await connect_websocket(nursery, host, 80, "/", use_ssl=False, proxy=None)

    async def by_resource(nursery: trio.Nursery) -> None:
        path = f"/?{secret}\n"
        await connect_websocket(nursery, "echo.test", 80, path, use_ssl=False, proxy=None)

    async def again_and_again() -> None:
        async with reconnecting_websocket_url(target, proxy=bad) as connections:
            async for _ in connections:
                pass

    run_and_check(url)
    run_and_check(headers)
    run_and_check(resource)
    run_and_check(lambda: in_nursery(lambda one: connect_websocket_url(one, target, proxy=bad)))
    run_and_check(lambda: in_nursery(by_parts))
    run_and_check(lambda: in_nursery(by_resource))
    run_and_check(again_and_again)
    run_and_check(lambda: open_tcp_stream("echo.test", 80, proxy=bad))
    run_and_check(lambda: open_tcp_stream(f"http://ada:{secret}@echo.test", 80, proxy=None))
    run_and_check(lambda: open_ssl_over_tcp_stream("echo.test", 443, proxy=bad))
    run_and_check(
        lambda: open_tcp_stream(
            "echo.test", 80, proxy="http://a.test", proxy_headers={"X y": secret}
        )
    )


# --- peers -------------------------------------------------------------------------------

# In words a peer's URLs are cut at blanks: what stands behind one is another word.
words = st.text(AWKWARD.replace("\n", ""), max_size=10)
in_headers = st.sampled_from(
    [
        "Set-Cookie: a={core}",
        "Location: http://ada:{core}@h/x?token={core}#{core}",
        "Location: http://h:1:ada:{core}",
        "X-Auth-Token: {core}",
        "Proxy-Authenticate: Negotiate {core}",
        "WWW-Authenticate: NTLM {core}",
        "X-Squid-Error: http://ada:{core}@h/?{core} 0",
        "Via: http://ada:{core}@h/",
        "X y: {core}",
        "X\xa0y: {core}",
    ]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A refusal that holds secrets wherever there is room for them, and control characters."""
    status = draw(st.sampled_from([200, 302, 400, 401, 403, 407, 429, 502, 511, 999]))
    noise = draw(words)
    phrase = f"{noise} http://ada:{CORE}@h/?t={CORE} {noise}"
    headers = draw(st.lists(in_headers, max_size=3))
    page = f"<title>{noise} http://ada:{CORE}@h/?t={CORE} {noise}</title>"
    lines = [f"HTTP/1.1 {status} {phrase}", *(x.format(core=CORE) for x in headers), f"X: {noise}"]
    text = "\r\n".join(lines) + f"\r\nConnection: close\r\n\r\n{page}"
    return text.encode("utf-8", "surrogateescape" if "\ud800" not in text else "surrogatepass")


@settings(max_examples=40)
@given(answers())
def test_what_a_proxy_answers(answer: bytes) -> None:
    """A proxy's refusal is told without its secrets, and the report of the dial too."""
    if answer.startswith(b"HTTP/1.1 200"):
        answer = answer.replace(b"200", b"403", 1)

    async def dial() -> None:
        async with open_http_proxy(script=[Answer(answer)]) as proxy:
            url = proxy.url.replace("://", f"://ada:{CORE}@")
            async with open_websocket_url(f"ws://echo.test/?token={CORE}", proxy=url):
                pass

    run_and_check(dial)


@settings(max_examples=40)
@given(answers())
def test_what_a_server_answers(answer: bytes) -> None:
    """So is a server's."""

    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)

    async def dial() -> None:
        async with open_tcp_server(refuse) as server:
            url = f"ws://ada:{CORE}@127.0.0.1:{server.port}/?token={CORE}"
            async with open_websocket_url(url, proxy=None, extra_headers={"X-Token": CORE}):
                pass

    run_and_check(dial)


@settings(max_examples=40)
@given(st.sampled_from([b"", b"\x05", b"SSH-2.0-", b"HTTP/1.1 "]), words)
def test_what_is_not_http(start: bytes, noise: str) -> None:
    """What is not HTTP at all commands no terminal."""
    peer = Peer(start + noise.encode("utf-8", "surrogatepass") + b"\r\n\r\n")

    async def dial() -> None:
        async with trio.open_nursery() as nursery:
            await wrap_client_stream(nursery, peer, "echo.test", f"/?token={CORE}")

    async def main() -> None:
        with pytest.raises(BaseException) as caught:
            await dial()
        for text in everything_told(caught.value):
            check(text)

    with logged():
        trio.run(main)


async def _request(stream: trio.abc.Stream, ws: WSConnection) -> None:
    """Read the opening handshake."""
    while not any(isinstance(event, Request) for event in ws.events()):
        ws.receive_data(bytes(await stream.receive_some()))


BROKEN = ["Sec-WebSocket-Accept", "Upgrade", "Connection", "Sec-WebSocket-Protocol", "X y\0"]


@settings(max_examples=40)
@given(st.lists(in_headers, max_size=3), words, st.sampled_from(BROKEN))
def test_a_broken_101(headers: list[str], noise: str, broken: str) -> None:
    """An answer that accepts, and breaks the rules, is told without its secrets."""

    async def accept(stream: trio.abc.Stream) -> None:
        ws = WSConnection(ConnectionType.SERVER)
        await _request(stream, ws)
        lines = ws.send(AcceptConnection()).decode("ascii").rstrip().split("\r\n")
        kept = [line for line in lines if not line.lower().startswith(broken.lower())]
        more = [
            *(x.format(core=CORE) for x in headers),
            f"{broken}: {noise} //ada:{CORE}@h/?{CORE}",
        ]
        text = "\r\n".join([*kept, *more]) + "\r\n\r\n"
        await stream.send_all(text.encode("utf-8", "surrogatepass"))

    async def dial() -> None:
        async with open_tcp_server(accept) as server:
            url = f"ws://ada:{CORE}@127.0.0.1:{server.port}/?token={CORE}"
            async with open_websocket_url(url, proxy=None):
                pass

    run_and_check(dial)


@settings(max_examples=40)
@given(st.text(AWKWARD.replace("\ud800", ""), max_size=30), st.sampled_from([1000, 1011, 4000]))
def test_close_frames(reason: str, code: int) -> None:
    """What a peer says in its close frame commands no terminal, wherever it is told."""

    async def close(stream: trio.abc.Stream) -> None:
        ws = WSConnection(ConnectionType.SERVER)
        await _request(stream, ws)
        accept = ws.send(AcceptConnection(extra_headers=[(b"set-cookie", CORE.encode())]))
        await stream.send_all(accept + ws.send(CloseConnection(code, reason)))
        await stream.receive_some()

    async def main() -> None:
        async with open_tcp_server(close) as server:
            url = f"ws://ada:{CORE}@127.0.0.1:{server.port}/?token={CORE}"
            async with open_websocket_url(url, proxy=None) as ws:
                with pytest.raises((ConnectionEnded, ConnectionLost)) as caught:
                    await ws.receive()
                # Not its args: they are the reason, as trio-websocket's are.
                check(str(caught.value))
                check(repr(caught.value))
                check_error(caught.value.__cause__ or caught.value.__context__ or OSError())
                check_report(ws.dial_report)
                check(repr(ws))
                check(str(ws))

    with logged():
        trio.run(main)


@given(st.text(AWKWARD, max_size=40), st.sampled_from([1000, 1006, 1011, 4000]))
def test_close_reasons(reason: str, code: int) -> None:
    """The words of a close frame are shown, and obeyed by nobody."""
    for kind in (ConnectionEnded, ConnectionLost, ConnectionClosedLocally):
        error = kind(CloseReason(code, reason))
        check(str(error))
        check(repr(error))


@settings(max_examples=15)
@given(st.text(AWKWARD.replace("\ud800", ""), min_size=1, max_size=20))
def test_names_in_certificates(name: str) -> None:
    """What somebody had certified commands no terminal either."""
    issued = trustme.CA().issue_cert("echo.test", common_name=name)
    pem = issued.cert_chain_pems[0].bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == name
    details = read_certificate(certificate.public_bytes(Encoding.DER)).details()
    check(json.dumps(details, ensure_ascii=False))


def test_all_that_is_refused_is_an_error_of_ours() -> None:
    """The errors that the tests above look at are the public ones."""
    assert issubclass(ProxyRejected, HandshakeError)
    assert trio_wsproxy.ProxyConfigError.__module__ == "trio_wsproxy"
