"""The dialer's public functions: the twins of trio's own that know proxies."""

from __future__ import annotations

import inspect
import socket
import ssl
from typing import Any

import pytest
import trio

import trio_wsproxy
from trio_wsproxy import (
    Proxy,
    ProxyConfigError,
    ServerUnreachable,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
)
from trio_wsproxy.testing import (
    Certificates,
    Glue,
    Stall,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

VARIABLES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "socks_proxy", "all_proxy")


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no setting of the machine that runs the tests count."""
    for name in (*VARIABLES, "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


async def check_echo(stream: trio.abc.Stream) -> None:
    """Hold that an echo server is at the other end."""
    await stream.send_all(b"hello")
    assert await stream.receive_some() == b"hello"


@pytest.mark.parametrize("function", [open_tcp_stream, open_ssl_over_tcp_stream])
def test_twins(function: Any) -> None:
    """Each takes what trio's function of that name takes, with the same kinds and defaults."""
    ours = inspect.signature(function).parameters
    for name, parameter in inspect.signature(getattr(trio, function.__name__)).parameters.items():
        assert name in ours
        assert ours[name].kind == parameter.kind
        if name != "happy_eyeballs_delay":  # None is trio's own default, by value
            assert ours[name].default == parameter.default


# --- routes ------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [None, []])
async def test_direct(proxy: Any) -> None:
    """Without a proxy it is trio's own stream, with its socket's options."""
    async with open_tcp_server(echo) as server:
        async with await open_tcp_stream(server.host, server.port, proxy=proxy) as stream:
            assert isinstance(stream, trio.SocketStream)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await check_echo(stream)


@pytest.mark.parametrize("variable", ["https_proxy", "socks_proxy", "all_proxy", "ALL_PROXY"])
async def test_system_s_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the proxy is the system's."""
    async with open_tcp_server(echo) as server:
        async with open_http_proxy(resolve={"echo.test": server.host}) as proxy:
            monkeypatch.setenv(variable, proxy.url)
            async with await open_tcp_stream("echo.test", server.port) as stream:
                await check_echo(stream)
            assert [request.host for request in proxy.requests] == ["echo.test"]


@pytest.mark.parametrize("as_what", [str, Proxy])
async def test_chain(as_what: Any) -> None:
    """A sequence of URLs or proxies is a chain, nearest first."""
    async with open_tcp_server(echo) as server:
        async with open_http_proxy() as one, open_socks_proxy() as two:
            chain = [as_what(one.url), as_what(two.url_for("socks5h"))]
            async with await open_tcp_stream(server.host, server.port, proxy=chain) as stream:
                await check_echo(stream)
            assert one.requests[0].authority == two.authority
            assert two.requests[0].authority == server.authority


async def test_server_speaks_first() -> None:
    """Bytes of a server that greets are the first ones read, also if they came early."""
    async with open_tcp_server(echo) as server:
        async with open_http_proxy(script=[Glue(b"220 ready\r\n")]) as proxy:
            async with await open_tcp_stream(server.host, server.port, proxy=proxy.url) as stream:
                assert await stream.receive_some() == b"220 ready\r\n"
                await check_echo(stream)


# --- TLS with the host -------------------------------------------------------------------


@pytest.mark.parametrize("through", ["direct", "http", "https"])
async def test_tls(certificates: Certificates, through: str) -> None:
    """The TLS handshake is done when the stream is handed out."""
    ours = certificates.client_context()
    async with open_tcp_server(echo, ssl_context=certificates.server_context()) as server:
        context = certificates.server_context() if through == "https" else None
        async with open_http_proxy(ssl_context=context) as proxy:
            async with await open_ssl_over_tcp_stream(
                "localhost",
                server.port,
                proxy=None if through == "direct" else proxy.url,
                ssl_context=ours,
                proxy_ssl_context=ours if through == "https" else None,
            ) as stream:
                assert isinstance(stream, trio.SSLStream)
                assert stream.version() == "TLSv1.3"
                assert stream.selected_alpn_protocol() is None
                await check_echo(stream)
            assert proxy.connections == (through != "direct")


@pytest.mark.parametrize("compatible", [False, True])
async def test_https_compatible(certificates: Certificates, compatible: bool) -> None:
    """An end without close_notify is an error, unless it was said to be none."""

    async def cut(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SSLStream)
        await stream.send_all(b"half")
        await stream.transport_stream.aclose()

    async with open_tcp_server(cut, ssl_context=certificates.server_context()) as server:
        async with await open_ssl_over_tcp_stream(
            "localhost",
            server.port,
            proxy=None,
            ssl_context=certificates.client_context(),
            https_compatible=compatible,
        ) as stream:
            assert await stream.receive_some() == b"half"
            if compatible:
                assert await stream.receive_some() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await stream.receive_some()


async def test_default_context_checks() -> None:
    """Without a context the platform's trust store decides, and it does not know a test's CA."""
    context = Certificates().server_context()
    async with open_tcp_server(echo, ssl_context=context) as server:
        with pytest.raises(ServerUnreachable, match="its certificate was refused"):
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)


# --- arguments ---------------------------------------------------------------------------


async def test_proxy_headers() -> None:
    """The headers go to each HTTP proxy of a chain, and to nobody else."""
    heard = b""

    async def listen(stream: trio.abc.Stream) -> None:
        nonlocal heard
        heard = bytes(await stream.receive_some())
        await stream.send_all(b"ok")

    async with open_tcp_server(listen) as server, open_http_proxy() as one:
        async with open_socks_proxy() as two, open_http_proxy() as three:
            async with await open_tcp_stream(
                server.host,
                server.port,
                proxy=[one.url, two.url, three.url],
                proxy_headers={"X-Token": "t"},
            ) as stream:
                await stream.send_all(b"hello")
                assert await stream.receive_some() == b"ok"
    assert [proxy.requests[0].header("x-token") for proxy in (one, three)] == ["t", "t"]
    assert heard == b"hello"


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BAD: list[tuple[str, int | str, dict[str, Any], type[Exception], str]] = [
    ("", 80, {}, ValueError, "host is missing"),
    ("a b", 80, {}, ValueError, "there is a blank in the host"),
    ("a\r\nb", 80, {}, ValueError, "control characters"),
    ("e.test", 0, {}, ValueError, "port is out of range"),
    ("e.test", 65536, {}, ValueError, "port is out of range"),
    ("e.test", "80", {}, TypeError, "port must be an integer"),
    ("e.test", 80, {"proxy": "gopher://{proxy}"}, ProxyConfigError, "scheme .* is not supported"),
    ("e.test", 80, {"proxy": "http://u:s3cret@{proxy}/x"}, ProxyConfigError, r"remove the path"),
    ("e.test", 80, {"proxy": False}, TypeError, "None"),
    ("::1", 80, {"proxy": "socks4://{proxy}"}, ProxyConfigError, "SOCKS4 carries IPv4"),
    ("e.test", 80, {"proxy_headers": {"X": "s3cret\r\n"}}, ValueError, "proxy_headers: HTTP does"),
    ("e.test", 80, {"proxy_headers": {"X\n": "s3cret"}}, ValueError, "proxy_headers: HTTP does"),
    ("e.test", 80, {"proxy_headers": {"Host": "x"}}, ValueError, "'Host' is not yours to set"),
    ("e.test", 80, {"proxy_headers": {"Content-Length": "1"}}, ValueError, "not yours to set"),
    (
        "e.test",
        80,
        {"proxy_ssl_context": CONTEXT},
        ValueError,
        r"needs an https:// proxy, but proxy= is http://127.0.0.1",
    ),
    (
        "e.test",
        80,
        {"proxy_ssl_context": CONTEXT, "proxy": None},
        ValueError,
        "needs an https:// proxy, but proxy= is a direct connection",
    ),
]


@pytest.mark.parametrize("function", [open_tcp_stream, open_ssl_over_tcp_stream])
@pytest.mark.parametrize(("host", "port", "options", "error", "text"), BAD)
async def test_bad_arguments(
    *, function: Any, host: str, port: Any, options: dict[str, Any], error: Any, text: str
) -> None:
    """What cannot work is refused before anything is dialed, with secrets masked."""
    async with open_http_proxy() as proxy:
        options = {"proxy": proxy.url, **options}
        if isinstance(options["proxy"], str):
            options["proxy"] = options["proxy"].replace("{proxy}", proxy.authority)
        with pytest.raises(error, match=text) as caught:
            await function(host, port, **options)
        assert "s3cret" not in f"{caught.value} {caught.value!r}"
        assert proxy.connections == 0


async def test_context_for_the_system_s_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system chooses, a program may bring a context that is then not needed."""
    async with open_tcp_server(echo) as server:
        async with open_http_proxy(resolve={"echo.test": server.host}) as proxy:
            monkeypatch.setenv("https_proxy", proxy.url)
            async with await open_tcp_stream(
                "echo.test", server.port, proxy_ssl_context=CONTEXT
            ) as stream:
                await check_echo(stream)


async def test_deadline_is_the_caller_s(autojump_clock: trio.abc.Clock) -> None:
    """There is no timeout of ours; trio's ends the wait, and nothing is left of it."""
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        for function in (open_tcp_stream, open_ssl_over_tcp_stream):
            with pytest.raises(trio.TooSlowError):
                with trio.fail_after(10**6):
                    await function("e.test", 1, proxy=proxy.url)
        await proxy.wait_for("close", 2)


def test_public() -> None:
    """Both functions are public names."""
    assert {"open_tcp_stream", "open_ssl_over_tcp_stream"} <= set(trio_wsproxy.__all__)


@pytest.mark.parametrize("delay", [-1, float("nan")])
async def test_negative_delay(delay: float) -> None:
    """A delay that cannot be is refused before anything is dialed, and not in a group."""
    with pytest.raises(ValueError, match="happy_eyeballs_delay must be 0 or more"):
        await open_tcp_stream("localhost", 1, proxy=None, happy_eyeballs_delay=delay)
