"""TLS layers: the contexts, what they offer, and what each failure is called."""

from __future__ import annotations

import datetime as dt
import pickle
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from _wire import Peer, nothing_left, rest_of

from trio_wsproxy import (
    Proxy,
    ProxyError,
    ProxyProtocolError,
    ProxyUnreachable,
    ServerUnreachable,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._failures import Kind, Topic
from trio_wsproxy._transport._tls import (
    add_tls,
    check_client_context,
)
from trio_wsproxy._transport._tls_failure import client_certificate_hint, explain_tls_failure
from trio_wsproxy._transport._trust import forget_contexts
from trio_wsproxy.testing import (
    Certificates,
    Reset,
    TCPServer,
    open_echo_server,
    open_http_proxy,
    open_tcp_server,
)

LONG_AGO = dt.datetime(2001, 1, 1, tzinfo=dt.timezone.utc)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


@pytest.fixture
def trusted(
    certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let the platform's trust store be our CA, as an administrator would do it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.write_pem(tmp_path).ca))
    forget_contexts()
    yield
    forget_contexts()


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


async def check_echo(stream: trio.abc.Stream) -> None:
    """Hold that an echo server is at the other end."""
    await stream.send_all(b"hello")
    assert await stream.receive_some() == b"hello"


# --- contexts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "error", "text"),
    [
        (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ValueError, "for servers"),
        ("context", TypeError, "not str"),
        (True, TypeError, "not (bool|True)"),  # the second is the client's own check
    ],
)
async def test_context_that_is_none_for_clients(
    context: Any, error: type[Exception], text: str
) -> None:
    """A context that cannot work is refused before anything is dialed."""
    with pytest.raises(error, match=text):
        check_client_context(context)
    async with open_tcp_server(echo) as server:
        with pytest.raises(error, match=text):
            await open_ssl_over_tcp_stream(
                server.host, server.port, proxy=None, ssl_context=context
            )
        with pytest.raises(error, match=text):
            await open_tcp_stream(
                "e.test", 1, proxy=f"https://{server.authority}", proxy_ssl_context=context
            )
        assert server.connections == 0


# --- ALPN --------------------------------------------------------------------------------


def choosing_context(certificates: Certificates) -> ssl.SSLContext:
    """A server's context that would take HTTP/2 if it were offered."""
    context = certificates.server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


async def test_alpn_of_the_default_context(certificates: Certificates, trusted: None) -> None:
    """By default http/1.1 is offered to https proxies and wss servers, and to nobody else."""
    seen = []

    async def spy(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SSLStream)
        seen.append(stream.selected_alpn_protocol())

    context = choosing_context(certificates)
    async with open_tcp_server(spy, ssl_context=context) as server:
        with pytest.raises(Exception, match="CONNECT"):
            await open_tcp_stream("e.test", 1, proxy=f"https://localhost:{server.port}")
        with pytest.raises(Exception, match="WebSocket"):
            async with open_websocket_url(f"wss://localhost:{server.port}", proxy=None):
                pass
        stream = await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)
        await stream.aclose()
        await server.wait_for("close", 3)
    assert seen == ["http/1.1", "http/1.1", None]


async def test_caller_s_context_is_not_changed(certificates: Certificates) -> None:
    """Of a context that the caller brings, ALPN included, nothing is changed."""
    seen = []

    async def spy(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SSLStream)
        seen.append(stream.selected_alpn_protocol())
        await echo(stream)

    plain, own = certificates.client_context(), certificates.client_context()
    own.set_alpn_protocols(["h2"])
    before = [(c.options, c.verify_mode, c.verify_flags, c.check_hostname) for c in (plain, own)]
    async with open_tcp_server(spy, ssl_context=choosing_context(certificates)) as server:
        for context in (plain, own):
            for _ in range(2):
                proxy = Proxy(f"https://localhost:{server.port}", ssl_context=context)
                kind: type[ProxyError] = ProxyProtocolError
                text = "answered CONNECT with 'CONNECT"
                if context is own:
                    kind, text = ProxyUnreachable, "took the protocol 'h2'"
                with pytest.raises(kind, match=text):
                    await open_tcp_stream("e.test", 1, proxy=proxy)
    after = [(c.options, c.verify_mode, c.verify_flags, c.check_hostname) for c in (plain, own)]
    assert seen == [None, None, "h2", "h2"]
    assert before == after


# --- the handshake -----------------------------------------------------------------------


async def test_layers_on_layers(certificates: Certificates) -> None:
    """TLS stands on any stream: here three layers deep, on one in memory."""
    client, server = trio.testing.memory_stream_pair()
    layers = 3

    async def serve(stream: trio.abc.Stream) -> None:
        for _ in range(layers):
            tls = trio.SSLStream(
                stream, certificates.server_context(), server_side=True, https_compatible=True
            )
            await tls.do_handshake()
            stream = tls
        await echo(stream)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, server)
        stream: trio.abc.Stream = client
        for _ in range(layers):
            stream = await add_tls(stream, certificates.client_context(), "localhost")
        await check_echo(stream)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("then", ["eof", "reset"])
async def test_failed_handshake_closes_the_stream(then: Any) -> None:
    """After a handshake that fails the stream below is closed."""
    peer = Peer(b"", then=then)
    with pytest.raises(trio.BrokenResourceError):
        await add_tls(peer, ssl.create_default_context(), "echo.test")
    assert peer.closed


async def test_cancelled_handshake_closes_the_stream(autojump_clock: trio.abc.Clock) -> None:
    """A handshake that is cancelled closes the stream below, too."""
    peer = Peer(b"", then="silence")
    with trio.move_on_after(5) as scope:
        await add_tls(peer, ssl.create_default_context(), "echo.test")
    assert scope.cancelled_caught
    assert peer.closed


async def test_name_that_tls_cannot_carry() -> None:
    """A name that is none is refused with words of its own, and the stream is closed."""
    peer = Peer()
    with pytest.raises(ValueError, match="leading dot") as caught:
        await add_tls(peer, ssl.create_default_context(), ".test")
    assert peer.closed
    failure = explain_tls_failure(caught.value, Topic.TRUST_SERVER)
    assert failure.kind is Kind.MISCONFIGURED
    assert str(failure.what).startswith("its name cannot be used with TLS (")


# --- what a failure is called ------------------------------------------------------------


def expired(certificates: Certificates) -> ssl.SSLContext:
    """A server whose certificate has expired."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = certificates._ca.issue_cert("localhost", not_before=LONG_AGO, not_after=LONG_AGO)
    leaf.configure_cert(context)
    return context


FAILURES: dict[str, tuple[Callable[[Certificates], ssl.SSLContext], str]] = {
    "wrong name": (
        lambda ours: ours.server_context("other.test"),
        (
            "its certificate was refused: Hostname mismatch, certificate is not valid for "
            "'localhost'; use a name that the certificate is for"
        ),
    ),
    "unknown CA": (
        lambda _: Certificates().server_context(),
        (
            "its certificate was refused: unable to get local issuer certificate; if that is your "
            "company's own authority (TLS inspection), name the authority's file in SSL_CERT_FILE or in "
            "ssl_context=ssl.create_default_context(cafile=…), or give ssl_context= a context of the "
            "package truststore, which trusts what the system trusts"
        ),
    ),
    "expired": (
        expired,
        (
            "its certificate was refused: certificate has expired; (the clock) it has to be renewed, "
            "if the clock of this machine is right"
        ),
    ),
}
each_failure = pytest.mark.parametrize(("context", "text"), FAILURES.values(), ids=FAILURES)


DAY = r"\d{4}-\d\d-\d\d \d\d:\d\d"


def without_issuer(error: BaseException) -> str:
    """The message, without what is another thing each time: testing authority, clock; and names.

    Names and dates of a certificate are known from Python 3.13 on.
    """
    text = re.sub(r"it was issued by 'OU=Testing CA #[^']*, O=trustme[^']*'; ", "", str(error))
    text = re.sub(r"it is for other\.test; ", "", text)
    clock = f"the clock of this machine says {DAY} UTC; "
    return re.sub(f"(it is valid from {DAY} to {DAY} UTC, and )?{clock}", "(the clock) ", text)


@each_failure
async def test_failure_at_the_server(
    certificates: Certificates, context: Callable[[Certificates], ssl.SSLContext], text: str
) -> None:
    """What is wrong with the server's TLS is told by OpenSSL's reason and the server's name."""
    async with nothing_left(), open_tcp_server(echo, ssl_context=context(certificates)) as server:
        with pytest.raises(ServerUnreachable) as caught:
            await open_ssl_over_tcp_stream(
                "localhost", server.port, proxy=None, ssl_context=certificates.client_context()
            )
        assert without_issuer(caught.value) == (
            f"the server localhost:{server.port} could not be trusted: {text}"
        )
        assert caught.value.stage == "server_tls"
        assert isinstance(caught.value.__cause__, trio.BrokenResourceError)


@each_failure
async def test_failure_at_the_proxy(
    certificates: Certificates, context: Callable[[Certificates], ssl.SSLContext], text: str
) -> None:
    """The same at a proxy names the proxy."""
    async with nothing_left(), open_http_proxy(ssl_context=context(certificates)) as proxy:
        with pytest.raises(ProxyUnreachable) as caught:
            await open_tcp_stream(
                "e.test", 1, proxy=proxy.url, proxy_ssl_context=certificates.client_context()
            )
        if text.endswith("use a name that the certificate is for"):
            text += "; Proxy(…, server_hostname=…) asks for one that is not in the URL"
        text = text.replace("ssl_context=", "proxy_ssl_context=")
        assert without_issuer(caught.value) == (
            f"proxy {proxy.url} (from argument proxy=) cannot be used: {text}"
        )
        assert (caught.value.proxy, caught.value.hop) == (proxy.url, 1)
        assert caught.value.stage == "proxy_tls"
        assert proxy.requests == []


@each_failure
async def test_failure_at_the_server_behind_a_proxy(
    certificates: Certificates, context: Callable[[Certificates], ssl.SSLContext], text: str
) -> None:
    """Behind an https proxy whose TLS is fine, it is the server that is blamed."""
    ours = certificates.client_context()
    async with nothing_left(), open_tcp_server(echo, ssl_context=context(certificates)) as server:
        async with open_http_proxy(ssl_context=certificates.server_context()) as proxy:
            with pytest.raises(ServerUnreachable) as caught:
                await open_ssl_over_tcp_stream(
                    "localhost",
                    server.port,
                    proxy=proxy.url,
                    proxy_ssl_context=ours,
                    ssl_context=ours,
                )
            assert without_issuer(caught.value) == (
                f"the server localhost:{server.port}, reached through {proxy.url}, could not be "
                f"trusted: {text}"
            )


async def test_certificate_for_an_address(certificates: Certificates) -> None:
    """A certificate without the address asked for is refused by address."""
    context = certificates.server_context("localhost")
    async with open_tcp_server(echo, ssl_context=context) as server:
        with pytest.raises(
            ServerUnreachable, match=r"for '127\.0\.0\.1'; (it is for localhost; )?use a name"
        ):
            await open_ssl_over_tcp_stream(
                "127.0.0.1", server.port, proxy=None, ssl_context=certificates.client_context()
            )


# --- a proxy under another name ----------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["proxy.corp", "PROXY.corp.", "192.0.2.7", "[2001:db8::7]", "prøxy.corp"]
)
async def test_proxy_by_another_name(certificates: Certificates, name: str) -> None:
    """TLS asks for server_hostname, the name is sent but for an address, and the report tells it."""
    plain = str(Proxy("https://x", server_hostname=name).server_hostname)
    context, asked = certificates.server_context(plain), list[Any]()
    context.sni_callback = lambda _, name, __: asked.append(name)
    ours = certificates.client_context()
    async with nothing_left(), open_echo_server() as server:
        async with open_http_proxy(ssl_context=context) as proxy:
            hop = Proxy(proxy.url, ssl_context=ours, server_hostname=name)
            async with open_websocket_url(server.url, proxy=hop) as ws:
                report = ws.dial_report
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=hop)).aclose()
    assert asked == [None if "7" in name else plain] * 2
    (stage,) = [stage for stage in report.stages if stage.name == "proxy_tls"]
    assert stage.details["server_hostname"] == plain
    assert stage.peer == f"localhost:{proxy.port}"
    assert f"by the name {plain}\n" in str(report)
    assert pickle.loads(pickle.dumps(report)) == report


@pytest.mark.parametrize("name", ["other.corp", "192.0.2.9"])
async def test_proxy_without_the_other_name(certificates: Certificates, name: str) -> None:
    """A certificate that is not for server_hostname is refused, though it is for the URL's host."""
    context = certificates.server_context("localhost")
    async with nothing_left(), open_http_proxy(ssl_context=context) as proxy:
        hop = Proxy(proxy.url, ssl_context=certificates.client_context(), server_hostname=name)
        with pytest.raises(ProxyUnreachable, match=f"not valid for '{name}'") as caught:
            await open_tcp_stream("e.test", 1, proxy=hop)
    report = caught.value.dial_report
    assert report.stages[-1].details["server_hostname"] == name
    assert f"by the name {name}\n" in str(report)


async def test_other_name_of_a_later_hop(certificates: Certificates) -> None:
    """In a chain each proxy is asked for its own name."""
    ours = certificates.client_context()
    async with open_echo_server() as server:
        async with open_http_proxy(ssl_context=certificates.server_context("one.corp")) as one:
            async with open_http_proxy(ssl_context=certificates.server_context("two.corp")) as two:
                hops = [
                    Proxy(one.url, ssl_context=ours, server_hostname="one.corp"),
                    Proxy(two.url, ssl_context=ours, server_hostname="two.corp"),
                ]
                async with open_websocket_url(server.url, proxy=hops) as ws:
                    names = [
                        stage.details.get("server_hostname") for stage in ws.dial_report.stages
                    ]
    assert [name for name in names if name] == ["one.corp", "two.corp"]


async def talk_plainly(stream: trio.abc.Stream) -> None:
    """Answer like an HTTP server that does not know TLS."""
    await stream.receive_some()
    await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def hang_up(stream: trio.abc.Stream) -> None:
    """Take the client's first bytes and close."""
    await stream.receive_some()


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (talk_plainly, "it does not speak TLS on that port (OpenSSL: WRONG_VERSION_NUMBER)"),
        (hang_up, "it closed the connection during the TLS handshake"),
    ],
)
async def test_no_tls_on_that_port(
    certificates: Certificates, handler: Callable[[trio.abc.Stream], Any], text: str
) -> None:
    """A port without TLS is recognised; for a proxy the scheme to use is named."""
    ours = certificates.client_context()
    async with nothing_left(), open_tcp_server(handler) as server:
        with pytest.raises(ServerUnreachable) as at_server:
            await open_ssl_over_tcp_stream(server.host, server.port, proxy=None, ssl_context=ours)
        with pytest.raises(ProxyUnreachable) as at_proxy:
            await open_tcp_stream(
                "e.test", 1, proxy=f"https://{server.authority}", proxy_ssl_context=ours
            )
    assert text in str(at_server.value)
    hint = "; use http:// for its scheme"
    if "not speak" not in text:
        hint = "; if it speaks no TLS on that port, use http:// for its scheme, or socks5h:// for SOCKS"
    assert str(at_proxy.value).endswith(text + hint)


async def test_reset_in_the_handshake(certificates: Certificates) -> None:
    """A reset during the handshake is told as one."""
    context = certificates.server_context()
    async with nothing_left():
        async with open_http_proxy(ssl_context=context, script=[Reset("accept")]) as proxy:
            with pytest.raises(ProxyUnreachable, match="during the TLS handshake") as caught:
                await open_tcp_stream(
                    "e.test", 1, proxy=proxy.url, proxy_ssl_context=certificates.client_context()
                )
            assert caught.value.stage == "proxy_tls"


@asynccontextmanager
async def open_strict_server(
    certificates: Certificates, version: ssl.TLSVersion
) -> AsyncIterator[TCPServer]:
    """Run a server that wants a client certificate, and says so with an alert.

    trio's own TLS hangs up without the alert, so here OpenSSL's part is done by hand.
    """
    context = certificates.server_context(client_ca=certificates)
    context.minimum_version = context.maximum_version = version

    async def serve(stream: trio.abc.Stream) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await stream.send_all(outgoing.read())
                incoming.write(await stream.receive_some())
            except ssl.SSLError:
                break  # the alert is in outgoing now
        await stream.send_all(outgoing.read())
        await rest_of(stream)  # so that no reset overtakes the alert

    async with open_tcp_server(serve) as server:
        yield server
        assert server.errors == []


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (
            ssl.TLSVersion.TLSv1_2,
            (
                "cannot be used: the TLS handshake failed (OpenSSL: SSLV3_ALERT_HANDSHAKE_FAILURE); if it "
                "wants a client certificate, load one into the context (load_cert_chain) of ssl_context=, for a "
                "proxy of proxy_ssl_context="
            ),
        ),
        # With TLS 1.3 it shows only after the handshake.
        (
            ssl.TLSVersion.TLSv1_3,
            (
                "broke TLS off behind its handshake (OpenSSL: TLSV13_ALERT_CERTIFICATE_REQUIRED); it wants "
                "a client certificate: load one into the context (load_cert_chain) of ssl_context=, for a "
                "proxy of proxy_ssl_context="
            ),
        ),
    ],
)
async def test_missing_client_certificate(
    certificates: Certificates, version: ssl.TLSVersion, text: str
) -> None:
    """A proxy that misses a client certificate fails as TLS does, whatever the version."""
    async with nothing_left(), open_strict_server(certificates, version) as server:
        url = f"https://localhost:{server.port}"
        with pytest.raises(ProxyUnreachable) as caught:
            await open_tcp_stream(
                "e.test", 1, proxy=url, proxy_ssl_context=certificates.client_context()
            )
        assert str(caught.value) == f"proxy {url} (from argument proxy=) {text}"
        assert caught.value.stage == "proxy_tls"


async def test_client_certificate(certificates: Certificates) -> None:
    """A context with a client certificate opens what is closed to one without."""
    context = certificates.server_context(client_ca=certificates)
    async with nothing_left(), open_tcp_server(echo) as server:
        async with open_http_proxy(ssl_context=context) as proxy:
            with pytest.raises(ProxyError):  # an end or a reset: this proxy sends no alert
                await open_tcp_stream(
                    server.host,
                    server.port,
                    proxy=proxy.url,
                    proxy_ssl_context=certificates.client_context(),
                )
            stream = await open_tcp_stream(
                server.host,
                server.port,
                proxy=proxy.url,
                proxy_ssl_context=certificates.client_certificate_context(),
            )
            await check_echo(stream)
            await stream.aclose()


@pytest.mark.parametrize(
    ("reason", "hinted"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", True),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", True),
        ("TLSV1_ALERT_UNKNOWN_CA", True),
        ("TLSV1_ALERT_PROTOCOL_VERSION", False),
        ("WRONG_VERSION_NUMBER", False),
    ],
)
def test_client_certificate_hint(reason: str, hinted: bool) -> None:
    """Client certificates are mentioned where they may be the reason."""
    hint = client_certificate_hint(reason)
    assert (hint is not None and "load_cert_chain" in str(hint)) is hinted


def test_failure_without_a_reason() -> None:
    """A stream that breaks without OpenSSL's word is told as that."""
    failure = explain_tls_failure(trio.BrokenResourceError(), Topic.TRUST_SERVER)
    assert str(failure.what) == "it broke the connection during the TLS handshake"
    assert (failure.kind, failure.remedy) == (Kind.CUT_OFF, None)
