"""Why TLS failed: pages in its place, other protocols, client certificates, and all that is wrong with one."""

from __future__ import annotations

import datetime as dt
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from _wire import hop, nothing_left, rest_of
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from trio_wsproxy import (
    HandshakeError,
    Proxy,
    ProxyUnreachable,
    ServerUnreachable,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind, Topic
from trio_wsproxy._report import Certificate
from trio_wsproxy._transport._tls import MAX_PAGE, Seen
from trio_wsproxy._transport._tls_failure import explain_tls_failure
from trio_wsproxy.testing import Certificates, open_http_proxy, open_tcp_server

SHOWN = sys.version_info >= (3, 13)  # Python tells what was presented
NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


def kind_of(error: BaseException) -> Kind | None:
    """What kind of failure an error tells of."""
    failure = failure_of(error)
    return failure and failure.kind


# --- pages -------------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html>\n<html><head><TITLE>Hotel &amp; Bar: log in</title></head>...</html>"
PAGES: dict[str, tuple[bytes, str]] = {
    "head and page": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + PAGE,
        "a web page came in place of TLS: 'Hotel & Bar: log in' (HTTP/1.1 200 OK)",
    ),
    "page alone": (PAGE, "a web page came in place of TLS: 'Hotel & Bar: log in'"),
    "behind blank lines": (
        b"\r\n\r\n" + PAGE,
        "a web page came in place of TLS: 'Hotel & Bar: log in'",
    ),
    "without a title": (b"<html>no</html>", "a web page came in place of TLS"),
    "a refusal": (
        b"HTTP/1.1 403 Forbidden\r\n\r\n<title>Blocked</title>",
        "a web page came in place of TLS: 'Blocked' (HTTP/1.1 403 Forbidden)",
    ),
    "no page": (
        b"HTTP/1.0 302 Found\r\nLocation: http://portal/?token=s3cret\r\n\r\n",
        "an HTTP answer came in place of TLS (HTTP/1.0 302 Found)",
    ),
}


async def read_head(stream: trio.abc.Stream) -> None:
    """Read a request's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()


@pytest.mark.parametrize("pace", ["with the answer", "behind it", "bytewise"])
@pytest.mark.parametrize(("page", "text"), PAGES.values(), ids=PAGES)
async def test_page_in_place_of_tls(page: bytes, text: str, pace: str) -> None:
    """After a 200 to CONNECT a web page comes: the message has its title and nothing of ws://."""

    async def answer(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        granted = b"HTTP/1.1 200 Connection established\r\n\r\n"
        if pace == "with the answer":
            await stream.send_all(granted + page)
        else:
            await stream.send_all(granted)
            await stream.receive_some()  # TLS
            cut = 1 if pace == "bytewise" else len(page)
            for begin in range(0, len(page), cut):
                await stream.send_all(page[begin : begin + cut])
                await trio.sleep(0)
        assert isinstance(stream, trio.SocketStream)
        await stream.send_eof()
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(answer) as server:
        url = f"http://{server.authority}"
        with pytest.raises(ServerUnreachable) as caught:
            async with open_websocket_url("wss://e.test/", proxy=url):
                pass
    assert str(caught.value) == (
        f"the server e.test:443, reached through {url}, could not be understood: {text}; is "
        "that the right port? Else somebody on the way answers in its place (a captive portal, a "
        "filter, or the proxy itself): a browser shows what it wants"
    )
    assert (caught.value.stage, kind_of(caught.value)) == ("server_tls", Kind.OTHER_PROTOCOL)


@pytest.mark.parametrize("reached", ["proxy", "second proxy"])
async def test_page_in_place_of_the_tls_of_a_proxy(reached: str) -> None:
    """The same where it is an https proxy that answers with a page."""

    async def answer(stream: trio.abc.Stream) -> None:
        if reached == "second proxy":
            await read_head(stream)
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        await stream.receive_some()
        await stream.send_all(PAGE)
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(answer) as server:
        hops = [f"https://localhost:{server.port}"]
        if reached == "second proxy":
            hops = [f"http://{server.authority}", "https://proxy.test"]
        with pytest.raises(ProxyUnreachable) as caught:
            await open_tcp_stream("e.test", 1, proxy=hops)
    assert "cannot be used: a web page came in place of TLS: 'Hotel & Bar" in str(caught.value)
    assert (caught.value.hop, caught.value.stage) == (len(hops), "proxy_tls")


@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mx.test ESMTP ready\r\n", b'{"error":"what"}\n']
)
@pytest.mark.parametrize("who", ["server", "proxy"])
async def test_another_service_speaks_first(banner: bytes, who: str) -> None:
    """A port of SSH, SMTP or the like is told by what it says, and not to be used without TLS."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(banner)
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(answer) as server:
        url, proxy = f"wss://127.0.0.1:{server.port}/", None
        if who == "proxy":
            url, proxy = "wss://e.test/", f"https://127.0.0.1:{server.port}"
        with pytest.raises((ServerUnreachable, ProxyUnreachable)) as caught:
            async with open_websocket_url(url, proxy=proxy):
                pass
    question = "is that the right port?"
    if who == "proxy":
        question = "that is no proxy: are host and port of the proxy URL right?"
    assert "it does not speak TLS on that port: it sent " in str(caught.value)
    assert repr(banner.decode().strip()) in str(caught.value)
    assert str(caught.value).endswith(f"; {question}")
    assert kind_of(caught.value) == Kind.NO_TLS


async def test_web_server_that_is_sent_tls(certificates: Certificates) -> None:
    """A server that answers TLS with 400 does not speak it: ws:// is what to use, without a proxy."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n<title>400 Bad Request</title>")
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(answer) as server, open_http_proxy() as proxy:
        messages = []
        for way in (None, proxy.url):
            with pytest.raises(ServerUnreachable) as caught:
                async with open_websocket_url(f"wss://{server.authority}/", proxy=way):
                    pass
            messages.append(str(caught.value))
    assert messages[0].endswith("port (OpenSSL: WRONG_VERSION_NUMBER); use ws://")
    assert "a web page came in place of TLS: '400 Bad Request' (HTTP/1.1 400" in messages[1]
    assert "ws://" not in messages[1]


async def test_endless_page() -> None:
    """A page without an end costs a bounded number of bytes."""
    sent = 0

    async def answer(stream: trio.abc.Stream) -> None:
        nonlocal sent
        await stream.receive_some()
        with trio.move_on_after(20):
            while True:
                await stream.send_all(b"<p>" * 1000)
                sent += 3000

    async with open_tcp_server(answer) as server:
        with pytest.raises(ServerUnreachable, match="a web page came in place of TLS; is"):
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)
    assert MAX_PAGE <= 2**15


async def test_silent_page(autojump_clock: trio.abc.Clock) -> None:
    """A page that stops in the middle is waited for a second at most."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"<html><title>wait")
        await trio.sleep_forever()

    async with open_tcp_server(answer) as server:
        with trio.fail_after(2), pytest.raises(ServerUnreachable, match="a web page came"):
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)


@pytest.mark.parametrize(
    "greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x05\xff"]
)
async def test_other_protocols(greeting: bytes) -> None:
    """What speaks neither TLS nor HTTP is told as before."""

    async def answer(stream: trio.abc.Stream) -> None:
        await stream.send_all(greeting + b"\0" * 9)
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(answer) as server:
        with pytest.raises(ServerUnreachable, match="it does not speak TLS on that port") as caught:
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=None)
    assert kind_of(caught.value) is Kind.NO_TLS


# --- behind the handshake ----------------------------------------------------------------


@asynccontextmanager
async def tls_server(
    context: ssl.SSLContext, answer: bytes = b"", *, then: str = "wait"
) -> AsyncIterator[Any]:
    """Run a server with OpenSSL's part done by hand: trio's own TLS hangs up without alerts."""

    async def serve(stream: trio.abc.Stream) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await stream.send_all(outgoing.read())
                incoming.write(await stream.receive_some())
            except ssl.SSLError:
                await stream.send_all(outgoing.read())  # the alert
                await rest_of(stream)
                return
        if answer:
            tls.write(answer)
        await stream.send_all(outgoing.read())
        if then == "wait":
            await rest_of(stream)

    async with open_tcp_server(serve) as server:
        yield server
        assert server.errors == []


def wants_certificate(certificates: Certificates) -> ssl.SSLContext:
    """A server that says behind the handshake that it wants a certificate."""
    context = certificates.server_context(client_ca=certificates)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


WANTS = (
    "broke TLS off behind its handshake (OpenSSL: TLSV13_ALERT_CERTIFICATE_REQUIRED); it wants a "
    "client certificate: load one into the context (load_cert_chain) of ssl_context=, for a proxy of "
    "proxy_ssl_context="
)


async def test_server_that_wants_a_certificate(certificates: Certificates) -> None:
    """With TLS 1.3 the alert comes with the answer to the opening: it is told as what it is."""
    ours = certificates.client_context()
    async with nothing_left(), tls_server(wants_certificate(certificates)) as server:
        url = f"wss://localhost:{server.port}/"
        with pytest.raises(ServerUnreachable) as caught:
            async with open_websocket_url(url, ours, proxy=None):
                pass
        assert str(caught.value) == f"the server {url} {WANTS}"
        assert (caught.value.stage, kind_of(caught.value)) == ("server_tls", Kind.TLS_FAILED)
        report = caught.value.dial_report
        assert [(x.name, x.ok) for x in report.stages[-2:]] == [
            ("server_tls", True),
            ("upgrade", False),
        ]


async def test_proxy_that_wants_a_certificate(certificates: Certificates) -> None:
    """The same at a proxy, in the answer to CONNECT."""
    ours = certificates.client_context()
    async with nothing_left(), tls_server(wants_certificate(certificates)) as server:
        url = f"https://localhost:{server.port}"
        with pytest.raises(ProxyUnreachable) as caught:
            async with open_websocket_url("ws://e.test/", proxy=url, proxy_ssl_context=ours):
                pass
        assert str(caught.value) == f"proxy {url} (from argument proxy=) {WANTS}"
        assert (caught.value.stage, kind_of(caught.value)) == ("proxy_tls", Kind.TLS_FAILED)


async def test_given_stream_to_a_server_that_wants_one(
    certificates: Certificates, nursery: trio.Nursery
) -> None:
    """The same for a stream that was given."""
    async with nothing_left(), tls_server(wants_certificate(certificates)) as server:
        below = await trio.open_tcp_stream(server.host, server.port)
        stream = trio.SSLStream(below, certificates.client_context(), server_hostname="localhost")
        with pytest.raises(ServerUnreachable, match="it wants a client certificate"):
            await wrap_client_stream(nursery, stream, "e.test", "/")


# The preface of an HTTP/2 server: SETTINGS; then GOAWAY.
HTTP2 = b"\0\0\0\4\0\0\0\0\0" + b"\0\0\x08\x07\0\0\0\0\0" + b"\0" * 7 + b"\1"


def speaks_http2(certificates: Certificates) -> ssl.SSLContext:
    """A server that takes HTTP/2 where it is offered."""
    context = certificates.server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.mark.parametrize("then", ["wait", "hang up"])
@pytest.mark.parametrize("answer", [HTTP2, b""])
@pytest.mark.parametrize("where", ["server", "proxy"])
async def test_http2(where: str, answer: bytes, then: str, certificates: Certificates) -> None:
    """A peer that took h2 out of the caller's context is told as that, whatever it then sends."""
    if not answer and then == "wait":
        then = "hang up"  # who is silent may be waiting
    ours = certificates.client_context()
    ours.set_alpn_protocols(["h2", "http/1.1"])
    server = tls_server(speaks_http2(certificates), answer, then=then)
    async with nothing_left(), server as server:
        if where == "server":
            dial = open_websocket_url(f"wss://localhost:{server.port}/", ours, proxy=None)
            who, option = f"the server wss://localhost:{server.port}/", "ssl_context"
        else:
            url = f"https://localhost:{server.port}"
            dial = open_websocket_url("ws://e.test/", proxy=url, proxy_ssl_context=ours)
            who, option = f"proxy {url} (from argument proxy=)", "proxy_ssl_context"
        with pytest.raises((ServerUnreachable, ProxyUnreachable)) as caught:
            async with dial:
                pass
    assert str(caught.value) == (
        f"{who} took the protocol 'h2' in the TLS handshake (ALPN), and only HTTP/1.1 is spoken here; "
        f"offer nothing else with {option}: context.set_alpn_protocols(['http/1.1'])"
    )
    assert kind_of(caught.value) is Kind.OTHER_PROTOCOL


async def test_http11_out_of_h2_and_http11(certificates: Certificates) -> None:
    """A peer that takes http/1.1 out of such a context is answered in its own words."""
    theirs, ours = certificates.server_context(), certificates.client_context()
    theirs.set_alpn_protocols(["http/1.1"])
    ours.set_alpn_protocols(["h2", "http/1.1"])
    async with nothing_left(), tls_server(theirs, b"what?\r\n") as server:
        with pytest.raises(HandshakeError, match="what") as caught:
            async with open_websocket_url(f"wss://localhost:{server.port}/", ours, proxy=None):
                pass
    assert "ALPN" not in str(caught.value)


def test_nothing_but_http2() -> None:
    """A peer that speaks HTTP/2 alone refuses what is offered: that is told, by OpenSSL's name."""
    error = ssl.SSLError(1, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)")
    failure = explain_tls_failure(error, Topic.TRUST_SERVER)
    assert str(failure.what).endswith("(OpenSSL: TLSV1_ALERT_NO_APPLICATION_PROTOCOL)")
    assert "speaks no HTTP/1.1, which is what was offered (ALPN)" in str(failure.remedy)
    error = ssl.SSLError(1, "[SSL] something else")
    assert "[SSL] something else" in str(explain_tls_failure(error, Topic.TRUST_SERVER).what)


# --- certificates ------------------------------------------------------------------------


def issue(
    names: list[str],
    *,
    begins: dt.datetime = NOW - DAY,
    ends: dt.datetime = NOW + 30 * DAY,
    key: Any = None,
    signed_by: tuple[x509.Certificate, Any] | None = None,
    without: str = "",
) -> tuple[x509.Certificate, Any]:
    """Make a certificate, and sign it by itself or by another one."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0] if names else "CA")])
    issuer, signing = (signed_by[0].subject, signed_by[1]) if signed_by else (subject, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(
            x509.BasicConstraints(ca=not names, path_length=None),
            critical=without != "critical constraints",
        )
    )
    if names and without != "names":
        general = [x509.DNSName(name) for name in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    if not names and without != "key usage":
        usage = x509.KeyUsage(*[name in (5, 6) for name in range(9)])
        builder = builder.add_extension(usage, critical=True)
    if without != "subject key":
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    if signed_by and without != "authority key":
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(signing, hashes.SHA256()), key


def server_of(folder: Path, one: tuple[x509.Certificate, Any]) -> ssl.SSLContext:
    """Make the context of a server with that certificate."""
    certificate, key = one
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.load_cert_chain(file)
    return context


def trusting(one: tuple[x509.Certificate, Any], *, strict: bool = True) -> ssl.SSLContext:
    """Make a client's context, as Python 3.13 does it."""
    pem = one[0].public_bytes(serialization.Encoding.PEM).decode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    if strict:
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


DISTRUSTED = (Kind.UNKNOWN_ISSUER, Kind.CERTIFICATE_REFUSED)


async def refused(where: str, theirs: ssl.SSLContext, ours: ssl.SSLContext) -> str:
    """Let a peer be refused; give what is said behind its name, and hold the rest."""
    if where == "proxy":
        async with open_http_proxy(ssl_context=theirs) as proxy:
            with pytest.raises(ProxyUnreachable) as at_proxy:
                await open_tcp_stream("e.test", 1, proxy=proxy.url, proxy_ssl_context=ours)
            assert (at_proxy.value.hop, at_proxy.value.stage) == (1, "proxy_tls")
            assert proxy.connections == 1
            return str(at_proxy.value).partition(" cannot be used: ")[2]
    async with open_tcp_server(rest_of, ssl_context=theirs) as server, open_http_proxy() as proxy:
        way = proxy.url if where == "server behind a proxy" else None
        with pytest.raises(ServerUnreachable) as at_server:
            await open_ssl_over_tcp_stream("localhost", server.port, proxy=way, ssl_context=ours)
        assert at_server.value.stage == "server_tls"
        assert server.connections == 1
        assert proxy.connections == (way is not None)
        done = "trusted" if kind_of(at_server.value) in DISTRUSTED else "used"
        return str(at_server.value).partition(f" could not be {done}: ")[2]


each_place = pytest.mark.parametrize("where", ["server", "server behind a proxy", "proxy"])

STRICT: dict[str, tuple[str, str, str]] = {
    "authority key": ("leaf", "authority key", "Missing Authority Key Identifier"),
    "subject key": ("CA", "subject key", "Missing Subject Key Identifier"),
    "constraints": (
        "CA",
        "critical constraints",
        "Basic Constraints of CA cert not marked critical",
    ),
    "key usage": ("CA", "key usage", "CA cert does not include key usage extension"),
}


@each_place
@pytest.mark.parametrize(("whose", "without", "text"), STRICT.values(), ids=STRICT)
async def test_strict_verification(
    whose: str, without: str, text: str, where: str, tmp_path: Path
) -> None:
    """What Python 3.13 alone refuses is told with the issuer, and with the way out."""
    ca = issue([], without=without if whose == "CA" else "")
    leaf = issue(["localhost"], signed_by=ca, without=without if whose == "leaf" else "")
    message = await refused(where, server_of(tmp_path, leaf), trusting(ca))
    issuer = "; it was issued by 'CN=CA'" if SHOWN else ""
    assert message == (
        f"its certificate was refused: {text}{issuer}; its authority should issue it anew; Python "
        "checks more strictly since 3.13, and a context with verify_flags &= ~ssl.VERIFY_X509_STRICT "
        "takes it as it is"
    )
    # And it does.
    async with open_tcp_server(rest_of, ssl_context=server_of(tmp_path, leaf)) as server:
        context = trusting(ca, strict=False)
        stream = await open_ssl_over_tcp_stream(
            "localhost", server.port, proxy=None, ssl_context=context, https_compatible=True
        )
        await stream.aclose()


@each_place
async def test_self_signed(where: str, tmp_path: Path, certificates: Certificates) -> None:
    """A certificate that is signed by itself may be trusted by itself."""
    theirs = server_of(tmp_path, issue(["localhost"]))
    message = await refused(where, theirs, certificates.client_context())
    issuer = "; it was issued by 'CN=localhost'" if SHOWN else ""
    assert message.startswith(
        f"its certificate was refused: self-signed certificate{issuer}; if you know that it is that "
        "one's own, name the authority's file in SSL_CERT_FILE or in "
        f"{'proxy_' if where == 'proxy' else ''}ssl_context=ssl.create_default_context(cafile=…)"
    )


async def test_context_of_a_proxy_s_own(certificates: Certificates) -> None:
    """Where a proxy has a context of its own, that is what has to trust."""
    context = certificates.server_context("localhost")
    ours = Certificates().client_context()
    async with open_http_proxy(ssl_context=context) as proxy:
        own = Proxy(f"https://localhost:{proxy.port}", ssl_context=ours)
        with pytest.raises(ProxyUnreachable) as caught:
            await open_tcp_stream("e.test", 1, proxy=own)
    assert str(caught.value).endswith(
        "(TLS inspection), let the context that this Proxy(…, ssl_context=…) has trust it: "
        "context.load_verify_locations(…)"
    )


@each_place
async def test_weak_key(where: str, tmp_path: Path) -> None:
    """A key that is too short is told with what takes it."""
    ca = issue([])
    weak = rsa.generate_private_key(65537, 1024)
    leaf = issue(["localhost"], signed_by=ca, key=weak)
    ours = trusting(ca)
    ours.set_ciphers("DEFAULT:@SECLEVEL=2")
    message = await refused(where, server_of(tmp_path, leaf), ours)
    issuer = "; it was issued by 'CN=CA'" if SHOWN else ""
    assert message == (
        f"its certificate was refused: EE certificate key too weak{issuer}; it has to be made stronger "
        "there; a context with set_ciphers('DEFAULT:@SECLEVEL=1') takes it as it is"
    )


@each_place
async def test_other_name(where: str, tmp_path: Path) -> None:
    """A certificate for other names is told with them, as far as there is room."""
    ca = issue([])
    names = ["a.test", "*.b.test", "c.test", "d.test", "e.test", "f.test", "g.test"]
    leaf = issue(names, signed_by=ca)
    message = await refused(where, server_of(tmp_path, leaf), trusting(ca))
    known = "; it is for a.test, *.b.test, c.test, d.test, e.test and 2 more" if SHOWN else ""
    ask = "; Proxy(…, server_hostname=…) asks for one that is not in the URL"
    assert message == (
        "its certificate was refused: Hostname mismatch, certificate is not valid for 'localhost'"
        f"{known}; use a name that the certificate is for{ask if where == 'proxy' else ''}"
    )


def test_name_that_a_proxy_does_not_know() -> None:
    """Where a proxy refuses the name itself, it is told how to ask for another."""
    error = ssl.SSLError(1, "x")
    error.reason = "TLSV1_UNRECOGNIZED_NAME"
    failure = explain_tls_failure(error, Topic.TRUST_PROXY)
    assert str(hop("https://10.0.0.1").distrusted(failure, None)).endswith(
        "; it does not know that name: is it right? Proxy(…, server_hostname=…) asks for one that is "
        "not in the URL"
    )


DATES: dict[str, tuple[dt.datetime, dt.datetime, str]] = {
    "expired": (NOW - 9 * DAY, NOW - DAY, "certificate has expired"),
    "not yet": (NOW + DAY, NOW + 9 * DAY, "certificate is not yet valid"),
}


@each_place
@pytest.mark.parametrize(("begins", "ends", "text"), DATES.values(), ids=DATES)
async def test_out_of_date(
    begins: dt.datetime, ends: dt.datetime, text: str, where: str, tmp_path: Path
) -> None:
    """A certificate that is out of date is told with its dates, and with the clock of this machine."""
    ca = issue([])
    leaf = issue(["localhost"], begins=begins, ends=ends, signed_by=ca)
    message = await refused(where, server_of(tmp_path, leaf), trusting(ca))
    known = f"it is valid from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, and "
    assert message.startswith(
        f"its certificate was refused: {text}; {known if SHOWN else ''}the clock of this machine says "
        f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d }"
    )
    assert message.endswith("; it has to be renewed, if the clock of this machine is right")


def refusal(code: int) -> ssl.SSLCertVerificationError:
    """An error of OpenSSL's."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = code, "a reason"
    return error


def certificate(**fields: Any) -> Certificate:
    """A certificate that was presented."""
    known: dict[str, Any] = {"subject": "CN=s", "issuer": "CN=i", "expires": NOW + DAY}
    return Certificate(**(known | {"begins": NOW - DAY} | fields))


@pytest.mark.parametrize(
    ("code", "chain", "text"),
    [
        (62, [certificate(names=("a.test", "b.test"))], "a reason; it is for a.test, b.test; use"),
        (64, [certificate(names=("192.0.2.1",))], "a reason; it is for 192.0.2.1; use"),
        (62, [certificate()], "a reason; it is for no name at all (its subject, 'CN=s', does"),
        (10, [certificate(expires=NOW - DAY)], "a reason; it is valid from "),
        (
            10,
            [certificate(), certificate(expires=NOW - DAY, subject="CN=x")],
            "; that of 'CN=x' is",
        ),
        (9, [certificate(begins=NOW + DAY)], "a reason; it is valid from "),
        (10, [], "a reason; the clock of this machine says 2"),
        (20, [certificate()], "a reason; it was issued by 'CN=i'; if that is your company's"),
        (18, [certificate(issuer="CN=s")], "a reason; it was issued by 'CN=s'; if you know"),
        (85, [certificate()], "a reason; it was issued by 'CN=i'; its authority should"),
        (66, [], "a reason; it has to be made stronger"),
        (1, [certificate()], "a reason; it was issued by 'CN=i'"),
    ],
)
def test_what_was_presented(code: int, chain: list[Certificate], text: str) -> None:
    """What is known of the certificates is told, whatever the version of Python."""
    failure = explain_tls_failure(refusal(code), Topic.TRUST_SERVER, Seen(chain))
    assert text in f"{failure.what}; {failure.remedy}"


def test_empty_context_of_the_caller() -> None:
    """A context of the caller's may find its certificates in a directory: nothing is said of it."""
    empty = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    failure = explain_tls_failure(refusal(20), Topic.TRUST_SERVER, None, empty)
    assert str(failure.what).endswith("a reason")
    assert str(failure.remedy).startswith("if that is your company's")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("UNSUPPORTED_PROTOCOL", "minimum_version"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "minimum_version"),
        ("DH_KEY_TOO_SMALL", "SECLEVEL=1"),
        ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "OP_LEGACY_SERVER_CONNECT"),
        ("TLSV1_UNRECOGNIZED_NAME", "is it right?"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "refuses the client certificate"),
        ("WHATEVER", "None"),
    ],
)
def test_other_reasons(reason: str, text: str) -> None:
    """OpenSSL's reasons have their remedies."""
    error = ssl.SSLError(1, "x")
    error.reason = reason
    failure = explain_tls_failure(error, Topic.TRUST_SERVER)
    assert text in str(failure.remedy)
    assert failure.kind is Kind.TLS_FAILED


def test_a_context_that_is_too_old() -> None:
    """Where our own context forbids the newest TLS, an alert about versions does not blame the peer."""
    error = ssl.SSLError(1, "x")
    error.reason = "TLSV1_ALERT_PROTOCOL_VERSION"
    context = ssl.create_default_context()
    assert "minimum" in str(explain_tls_failure(error, Topic.TRUST_SERVER, None, context).remedy)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "maximum" in str(explain_tls_failure(error, Topic.TRUST_SERVER, None, context).remedy)
