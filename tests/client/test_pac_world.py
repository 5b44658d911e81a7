"""Where a PAC script comes from: HTTP, files; and what of that is refused."""

from __future__ import annotations

import codecs
import gzip
import os
import pickle
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_wsproxy import (
    PAC,
    ConnectionTimeout,
    ProxyConfigError,
    ProxyError,
    ProxyUnreachable,
    is_transient,
    open_websocket_url,
    resolve_proxy_async,
)
from trio_wsproxy._client._pac_world import world
from trio_wsproxy._routing._pac import MAX_AGE
from trio_wsproxy._routing._pac_value import MAX_SCRIPT
from trio_wsproxy.testing import Certificates, TCPServer, open_echo_server, open_tcp_server

pytest.importorskip("quickjs")

SCRIPT = 'function FindProxyForURL(url, host) { return "PROXY p:1"; }'
PACKED = gzip.compress(SCRIPT.encode())
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s"


def ok(body: bytes | str = SCRIPT, headers: bytes = b"") -> bytes:
    """An answer with a script."""
    data = body.encode() if isinstance(body, str) else body
    return OK % (len(data), headers, data)


class Web:
    """A server of HTTP that gives prepared answers and keeps the requests."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []

    async def __call__(self, stream: trio.abc.Stream) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += await stream.receive_some()
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await stream.send_all(answer)


async def found(source: str) -> str:
    """The way that a script names."""
    return (await resolve_proxy_async("wss://echo.test", proxy=PAC(source))).way


async def serve(
    web: Callable[[trio.abc.Stream], Awaitable[None]], check: Callable[[str], Awaitable[Any]]
) -> TCPServer:
    """Run a server, and check its URL."""
    async with open_tcp_server(web) as server:
        await check(f"http://127.0.0.1:{server.port}")
    return server


async def test_loaded_once_and_again_after_an_hour(autojump_clock: trio.testing.MockClock) -> None:
    """A script is loaded once, and again when it is an hour old."""
    web = Web(ok())

    async def check(url: str) -> None:
        for _ in range(3):
            assert await found(f"{url}/proxy.pac") == "http://p:1"
        assert len(web.requests) == 1
        await trio.sleep(MAX_AGE - 1)
        await found(f"{url}/proxy.pac")
        assert len(web.requests) == 1
        await trio.sleep(1)
        await found(f"{url}/proxy.pac")
        assert len(web.requests) == 2

    await serve(web, check)


async def test_loaded_once_by_many() -> None:
    """Who comes while it is being loaded waits for the first one."""
    web = Web(ok())

    async def check(url: str) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(found, f"{url}/proxy.pac")
        assert len(web.requests) == 1

    await serve(web, check)


async def test_failed_once_for_many() -> None:
    """Who waits for one that cannot be loaded has its failure, and does not try again."""
    web = Web(b"HTTP/1.1 503 Later\r\n\r\n")

    async def fails(url: str) -> None:
        with pytest.raises(ProxyUnreachable, match="503"):
            await found(f"{url}/proxy.pac")

    async def check(url: str) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(fails, url)
        assert len(web.requests) == 1
        web.answers = [ok()]
        assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(web, check)


async def test_who_loads_is_cancelled() -> None:
    """Where the one that loads it is cancelled, the next one loads it."""
    begun = trio.Event()

    async def once(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        if not begun.is_set():
            begun.set()
            await trio.sleep_forever()
        await stream.send_all(ok())

    async def check(url: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(found, f"{url}/proxy.pac")
            await begun.wait()
            async with trio.open_nursery() as others:
                others.start_soon(found, f"{url}/proxy.pac")
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(once, check)


async def test_old_one_is_not_used(autojump_clock: trio.testing.MockClock) -> None:
    """Where it cannot be loaded again after an hour, that is an error; the next question tries again."""
    web = Web(ok(), b"HTTP/1.1 503 Later\r\n\r\n", ok())

    async def check(url: str) -> None:
        await found(f"{url}/proxy.pac")
        await trio.sleep(MAX_AGE)
        with pytest.raises(ProxyUnreachable, match=r"cannot be loaded: .* answered 503 Later"):
            await found(f"{url}/proxy.pac")
        assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(web, check)


@pytest.mark.parametrize("way", ["variable", "argument", "for proxies", "nothing"])
async def test_https(way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A script at an https:// URL is loaded where SSL_CERT_FILE, the PAC or the call trusts its server."""
    ours = Certificates()
    web = Web(ok('function FindProxyForURL() { return "DIRECT"; }'))
    if way == "variable":
        path = tmp_path / "ca.pem"
        path.write_bytes(ours.ca_pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ours.client_context()
    async with open_tcp_server(web, ssl_context=ours.server_context("127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.port}/proxy.pac"
        pac = PAC(url, ssl_context=context if way == "argument" else None)
        async with open_echo_server() as echo:
            opening = open_websocket_url(
                echo.url, proxy=pac, proxy_ssl_context=context if way == "for proxies" else None
            )
            if way == "nothing":
                with pytest.raises(ProxyUnreachable, match=r"SSL_CERT_FILE") as caught:
                    async with opening:
                        pass
                assert str(caught.value).startswith(f"argument proxy=: the PAC script {url} cannot")
            else:
                async with opening as ws:
                    assert ws.route is not None
                    assert ws.route.hops == ()


async def test_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request has credentials of the URL and its query, and goes through no proxy."""
    web = Web(ok())
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def check(url: str) -> None:
        assert await found(f"{url.replace('//', '//ada:pw@')}/proxy.pac?site=1") == "http://p:1"

    await serve(web, check)
    assert web.requests[0].startswith(b"GET /proxy.pac?site=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nAuthorization: Basic YWRhOnB3\r\n" in web.requests[0]


async def test_redirects() -> None:
    """Redirects are followed, relative ones too."""
    web = Web(b"HTTP/1.1 302 Found\r\nLocation: /there.pac\r\nContent-Length: 0\r\n\r\n", ok())

    async def check(url: str) -> None:
        assert await found(f"{url}/here.pac") == "http://p:1"

    await serve(web, check)
    assert [request.split()[1] for request in web.requests] == [b"/here.pac", b"/there.pac"]


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (SCRIPT.encode("utf-8"), b""),
        (codecs.BOM_UTF8 + SCRIPT.encode("utf-8"), b""),
        (SCRIPT.encode("utf-16"), b""),
        (SCRIPT.encode("utf-16-le"), b"Content-Type: a/b; charset=UTF-16LE\r\n"),
        (SCRIPT.encode("latin-1") + b" // \xe9", b""),
        (SCRIPT.encode("cp1252") + b" // \x80", b'Content-Type: a/b;charset="windows-1252"\r\n'),
        (SCRIPT.encode("utf-8"), b"Content-Type: a/b; charset=zlib\r\n"),
        (SCRIPT.encode("utf-8"), b"Content-Type: a/b; charset=idna\r\n"),
    ],
)
async def test_charset(data: bytes, headers: bytes) -> None:
    """The charset is that of a byte order mark, of the answer, UTF-8, or ISO-8859-1."""

    async def check(url: str) -> None:
        assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(Web(ok(data, headers)), check)


@pytest.mark.parametrize("encoding", [b"gzip", b"GZIP ", b"x-gzip", b"deflate", b"identity", b""])
async def test_packed(encoding: bytes) -> None:
    """What a server packs though nobody has asked for it is unpacked."""
    plain = SCRIPT.encode()
    others = {b"deflate": zlib.compress(plain), b"identity": plain, b"": plain}
    body = others.get(encoding, PACKED + bytes(99))

    async def check(url: str) -> None:
        assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(Web(ok(body, b"Content-Encoding: %s\r\n" % encoding)), check)


async def test_chunked() -> None:
    """A body in chunks, or up to the end of the connection, is a body."""
    size = b"%x\r\n" % len(SCRIPT)
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + SCRIPT.encode()

    async def check(url: str) -> None:
        assert await found(f"{url}/proxy.pac") == "http://p:1"

    await serve(Web(chunks + b"\r\n0\r\n\r\n"), check)
    await serve(Web(b"HTTP/1.0 200 OK\r\n\r\n" + SCRIPT.encode()), check)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", ProxyConfigError, "answered 404 Not Found; is its add"),
        (b"HTTP/1.1 401 No\r\n\r\n", ProxyConfigError, "put user:password@ into its URL"),
        (b"HTTP/1.1 204 No\r\n\r\n", ProxyConfigError, "answered 204 No"),
        (b"HTTP/1.1 503 Later\r\n\r\n", ProxyUnreachable, "answered 503 Later"),
        (
            ok("<!DOCTYPE html><title>Log in</title>"),
            ProxyConfigError,
            "portal's page there? Else ask who runs it",
        ),
        (ok(""), ProxyConfigError, "has no function FindProxyForURL; is its address right"),
        (ok("var x = 1;"), ProxyConfigError, "has no function FindProxyForURL"),
        (ok("a\0b"), ProxyConfigError, "is no JavaScript"),
        (ok(b"x", b"Content-Encoding: br\r\n"), ProxyConfigError, "it is packed (br)"),
        (ok(b"x" * 99, b"Content-Encoding: gzip\r\n"), ProxyConfigError, "is broken"),
        (ok(PACKED[:-9], b"Content-Encoding: gzip\r\n"), ProxyUnreachable, "broke off"),
        (
            ok(gzip.compress(bytes(3 * MAX_SCRIPT)), b"Content-Encoding: gzip\r\n"),
            ProxyConfigError,
            "longer than 1,048,576 bytes",
        ),
        (OK % (int("9" * 20), b"", b"x"), ProxyConfigError, "longer than 1,048,576 bytes"),
        (OK % (3 * 2**30, b"", b"x"), ProxyConfigError, "longer than 1,048,576 bytes"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b" " * (MAX_SCRIPT + 1), ProxyConfigError, "longer than"),
        (OK % (100, b"", b"x"), ProxyUnreachable, "broke off"),
        (b"SSH-2.0-OpenSSH\r\n", ProxyUnreachable, "speaks no HTTP"),
        (b"", ProxyUnreachable, "closed the connection without an answer; is its address right?"),
        (
            b"SSH-2.0-x\r\n",
            ProxyUnreachable,
            "speaks no HTTP (it said 'SSH-2.0-x'); is its address",
        ),
        (
            b"HTTP/1.1 302 F\r\nLocation: ftp://h/\r\n\r\n",
            ProxyConfigError,
            "redirects to ftp://h/",
        ),
        (b"HTTP/1.1 302 F\r\nLocation: /\r\n\r\n", ProxyConfigError, "more than 5 times"),
        (b"HTTP/1.1 302 F\r\n\r\n", ProxyConfigError, "answered 302 F"),
        (b"HTTP/1.1 302 F\r\nLocation: http://[\r\n\r\n", ProxyConfigError, ""),
    ],
    ids=range(23),
)
async def test_unloadable(answer: bytes, error: type[ProxyError], says: str) -> None:
    """What is no script is an error that names address and remedy; a server's trouble may pass."""

    async def check(url: str) -> None:
        with pytest.raises(error) as caught:
            await found(f"{url.replace('//', '//ada:sEcReT@')}/proxy.pac?sEcReT")
        said = str(caught.value)
        assert said.startswith("argument proxy=: the PAC script http://***@127.0.0.1:")
        assert says in said
        assert "sEcReT" not in said
        assert "; " in said
        assert caught.value.stage in ("pac", "config")
        assert is_transient(caught.value) is (error is ProxyUnreachable)

    await serve(Web(answer), check)


async def test_unreachable() -> None:
    """A server that is not there is told as any other, and may be back later."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(ProxyUnreachable, match="Connection refused") as caught:
            await found(f"http://127.0.0.1:{sock.getsockname()[1]}/proxy.pac")
    assert is_transient(caught.value)


async def test_silent_server(autojump_clock: trio.testing.MockClock) -> None:
    """A server that never answers is given up, under the dial's deadline or after half a minute."""

    async def check(url: str) -> None:
        with pytest.raises(ConnectionTimeout, match="the PAC script http://"):
            async with open_websocket_url(
                "ws://echo.test", proxy=PAC(f"{url}/p"), connect_timeout=7
            ):
                pass
        assert trio.current_time() == pytest.approx(began + 7, abs=0.1)
        with pytest.raises(ProxyUnreachable, match="did not come within 30 s"):
            await found(f"{url}/p")

    began = trio.current_time()

    async def silent(_stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    await serve(silent, check)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://", "is malformed"),
        ("http://h:x/", "is malformed"),
        ("file://other.test/proxy.pac", "a file of another machine"),
        ("/nowhere/proxy.pac", "No such file.*; is its address right\\?$"),
        ("wpad.corp/proxy.pac", r"No such file.*right\? A URL begins with http://"),
        ("file:/nowhere/proxy.pac", "No such file"),
        ("file:///nowhere/proxy.pac", "No such file"),
        ("/", "no regular file"),
    ],
)
async def test_bad_sources(url: str, says: str) -> None:
    """An address that is no good is an error that says so."""
    with pytest.raises(ProxyConfigError, match=says):
        await found(url)


@pytest.mark.parametrize("source", ["", "  ", "ftp://h/p", "ws://h/p", f"Data:text/x,{SCRIPT}"])
def test_no_sources(source: str) -> None:
    """What can be no source is refused at once."""
    with pytest.raises(ProxyConfigError, match=r"PAC\(\): "):
        PAC(source)


async def test_files(tmp_path: Path) -> None:
    """A path, as text or not, and a file:// URL are read; not more than 1 MB."""
    path = tmp_path / "proxy x.pac"
    path.write_text(SCRIPT)
    assert await found(str(path)) == "http://p:1"
    assert await found(path.as_uri()) == "http://p:1"
    assert await found(path.as_uri().replace("file://", "file:")) == "http://p:1"
    assert await found(path.as_uri().replace("file://", "FILE://LocalHost")) == "http://p:1"
    route = await resolve_proxy_async("wss://echo.test", proxy=PAC(path))
    assert route.source == f"PAC script {path}"
    path = tmp_path / "long.pac"
    path.write_bytes(b" " * (MAX_SCRIPT + 1))
    with pytest.raises(ProxyConfigError, match="longer than"):
        await found(str(path))


async def test_names() -> None:
    """Names are looked up by trio, and one without an address has none."""

    class Names(trio.abc.HostnameResolver):
        async def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> Any:
            if host != b"db.corp":
                raise socket.gaierror(socket.EAI_NONAME, "no such name")
            v4, v6 = ("10.0.0.7", port), ("fe80::1%eth0", port, 0, 0)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", v4),
                (socket.AF_INET6, socket.SOCK_STREAM, 6, "", v6),
            ]

        async def getnameinfo(self, *_: Any) -> Any:
            raise NotImplementedError

    trio.socket.set_custom_hostname_resolver(Names())
    assert await world().look_up("db.corp") == ("10.0.0.7", "fe80::1")
    assert await world().look_up("nowhere.corp") == ()


async def test_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's addresses are those that it would send from; nothing is sent."""
    for address in await world().own():
        socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)

    def no_way(*_: Any) -> Any:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(trio.socket, "socket", no_way)
    assert await world().own() == ()


def test_values() -> None:
    """A PAC compares, hides secrets and scripts, is frozen, and takes text and paths alone."""
    pac = PAC("http://ada:sEcReT@wpad/proxy.pac?sEcReT")
    assert pac == PAC(pac.source)
    assert repr(pac) == "PAC('http://***@wpad/proxy.pac?…')"
    assert repr(PAC(SCRIPT)) == f"PAC(<{len(SCRIPT)} characters>)"
    assert pickle.loads(pickle.dumps(pac)) == pac
    with pytest.raises(AttributeError):
        pac.source = ""
    others: list[Any] = [5, b"http://h/p", None, Bytes()]
    for other in others:
        with pytest.raises(TypeError, match="a URL, a path or a script, not"):
            PAC(other)
    with pytest.raises(ProxyConfigError, match="longer than 1,048,576 characters"):
        PAC(SCRIPT + " " * MAX_SCRIPT + ";")
    with pytest.raises(TypeError, match=r"an ssl\.SSLContext, not bool"):
        PAC("https://h/p", ssl_context=True)  # type: ignore[arg-type]
    for source in ("http://h/p", "/p", SCRIPT):
        with pytest.raises(ProxyConfigError, match="ssl_context is for an https:// URL"):
            PAC(source, ssl_context=ssl.create_default_context())


class Bytes(os.PathLike[bytes]):
    """A path of bytes."""

    def __fspath__(self) -> bytes:
        return b"/p"
