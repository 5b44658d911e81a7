"""Credentials that are bound to the proxy's certificate: what they are bound to, and that it is demanded."""

from __future__ import annotations

import hashlib
import ssl
from typing import Any

import pytest
import trio
from _binding import (
    BindingProxy,
    certificate,
    der,
    expected,
    old_certificate,
    server_context,
    serving,
    unverified,
)
from _wire import Peer, all_texts, nothing_left, ntlm_users

from trio_wsproxy import (
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    Proxy,
    ProxyAuthConversation,
    ProxyAuthenticationError,
    ProxyAuthRequest,
    ProxyChallenge,
    ProxyRejected,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._transport._channel_binding import (
    channel_binding,
    server_end_point,
    signature_hash,
)
from trio_wsproxy.testing import Certificates, open_echo_server, open_http_proxy

SHA_2 = ["SHA224", "SHA256", "SHA384", "SHA512"]
SHA_3 = ["SHA3_224", "SHA3_256", "SHA3_384", "SHA3_512"]
KINDS: list[tuple[str, str | None, bool]] = [
    *[("rsa", function, False) for function in (*SHA_2, *SHA_3)],
    *[("rsa", function, True) for function in (*SHA_2, *SHA_3)],
    *[("ec", function, False) for function in (*SHA_2, *SHA_3)],
    ("ed25519", None, False),
    ("ed448", None, False),
]
AUTH = NTLMAuth("TEST\\ada", "s3cret")


# --- the hash ----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "function", "pss"), KINDS)
def test_against_cryptography(kind: str, function: str | None, pss: bool) -> None:
    """The hash is what the cryptography package says of the signature, and none where there is none."""
    one = certificate(kind, function, pss=pss)
    assert server_end_point(der(one)) == expected(one)
    assert (expected(one) is None) == (function is None)


@pytest.mark.parametrize("function", ["md5", "sha1"])
def test_old_functions_against_cryptography(function: str) -> None:
    """SHA-256 takes the place of those that are broken."""
    one = old_certificate(function)
    assert one.signature_hash_algorithm is not None
    assert one.signature_hash_algorithm.name == function
    assert server_end_point(der(one)) == expected(one)
    assert str(signature_hash(der(one))) == function


# The same certificate each time, but for signatureAlgorithm, which nobody verifies here.
PSS = "2a864886f70d01010a"
ALGORITHMS = {
    "md5 with RSA": ("06092a864886f70d0101040500", "sha256"),
    "sha1 with RSA": ("06092a864886f70d0101050500", "sha256"),
    "sha1 with ECDSA": ("06072a8648ce3d0401", "sha256"),
    "sha1 with DSA": ("06072a8648ce380403", "sha256"),
    "sha256 with DSA": ("0609608648016503040302", "sha256"),
    "sha512/256 with RSA": ("06092a864886f70d0101100500", "sha512_256"),
    "sha3-384 with RSA": ("060960864801650304030f0500", "sha3_384"),
    "PSS without parameters": (f"0609{PSS}", None),
    "PSS with none of them": (f"0609{PSS}3000", "sha256"),  # the default is SHA-1
    "PSS with a salt's length alone": (f"0609{PSS}3005a203020120", "sha256"),
    "PSS with MD5": (f"0609{PSS}3010a00e300c06082a864886f70d02050500", "sha256"),
    "PSS with SHA-384": (f"0609{PSS}3011a00f300d06096086480165030402020500", "sha384"),
    "PSS with what nobody knows": (f"0609{PSS}3007a005300306012a", None),
    "ML-DSA-65": ("0609608648016503040312", None),
    "md2 with RSA": ("06092a864886f70d0101020500", None),
    "unknown": ("06012a", None),
}


def with_algorithm(algorithm: str) -> bytes:
    """A certificate with this content of its signatureAlgorithm, and little else."""
    return element(
        0x30, element(0x30, b"x" * 300), element(0x30, bytes.fromhex(algorithm)), b"\x03\x01\0"
    )


def element(tag: int, *contents: bytes) -> bytes:
    """An element of DER."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


@pytest.mark.parametrize(("algorithm", "function"), ALGORITHMS.values(), ids=ALGORITHMS)
def test_algorithms(algorithm: str, function: str | None) -> None:
    """MD5 and SHA-1 give way to SHA-256, the parameters of PSS count, and unknown ones bind nothing."""
    one = with_algorithm(algorithm)
    prefix = b"tls-server-end-point:"
    hashed = prefix + hashlib.new(function, one).digest() if function else None
    assert server_end_point(one) == hashed


def test_cut_anywhere() -> None:
    """Half a certificate has a hash function only where all of its name is there, and never fails."""
    whole = der(certificate("rsa", "SHA384", pss=True))
    found = {signature_hash(whole[:length]) for length in range(len(whole))}
    assert found == {None}
    assert signature_hash(whole) == "sha384"


HOSTILE = {
    "nothing": b"",
    "a tag": b"\x30",
    "indefinite": b"\x30\x80" + b"\x30\x80" * 100 + b"\0\0",
    "a huge length": b"\x30\x84\xff\xff\xff\xff",
    "a length of 127 bytes": b"\x30\xff" + b"\xff" * 127,
    "a longer length than needed": b"\x30\x82\x00\x05\x30\x01\0\x30\0",
    "a long form of a short one": b"\x30\x81\x05\x30\x01\0\x30\0",
    "another tag": b"\x31\x03\x30\x01\0",
    "deep": b"\x30\x82\xff\xff" * 16_000,
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile(data: bytes) -> None:
    """What is no certificate binds nothing."""
    assert server_end_point(data) is None


@pytest.mark.parametrize("position", range(40))
def test_flipped_bits(position: int) -> None:
    """A bit that is another one, in the head or in the algorithm, is never an error."""
    whole = with_algorithm(ALGORITHMS["PSS with SHA-384"][0])
    places = [position, len(whole) - 1 - position]
    for place in places:
        for bit in range(8):
            one = bytearray(whole)
            one[place] ^= 1 << bit
            found = signature_hash(bytes(one))
            assert found is None or found in hashlib.algorithms_available


def test_no_tls() -> None:
    """A stream without TLS binds nothing."""
    assert channel_binding(Peer()) is None


# --- what is demanded --------------------------------------------------------------------


DEMANDED: list[tuple[str, str, bool]] = [
    ("rsa", "SHA256", False),
    ("rsa", "SHA384", False),
    ("rsa", "SHA512", False),
    ("rsa", "SHA256", True),
    ("ec", "SHA256", False),
    ("ec", "SHA384", False),
]


@pytest.mark.parametrize(("kind", "function", "pss"), DEMANDED)
async def test_same_certificate(kind: str, function: str, pss: bool) -> None:
    """A proxy that demands its own certificate takes credentials that were sent to it."""
    pytest.importorskip("spnego")
    one = certificate(kind, function, pss=pss)
    proxy = BindingProxy([server_context(one, kind)], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with nothing_left(), open_echo_server() as server, serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            for _ in range(2):  # the second one begins with NTLM
                async with open_websocket_url(server.url, proxy=hop) as ws:
                    await ws.send("x")
                    assert await ws.receive() == "x"
            stream = await open_tcp_stream("127.0.0.1", server.port, proxy=hop)
            await stream.aclose()
    assert not proxy.refused
    assert proxy.connections == 3
    assert len(proxy.requests) == 3 + 2 + 2


async def test_old_certificate() -> None:
    """So does one whose certificate is signed with SHA-1."""
    pytest.importorskip("spnego")
    one = old_certificate("sha1")
    proxy = BindingProxy([server_context(one, "rsa")], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with open_echo_server() as server, serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=hop)).aclose()
    assert not proxy.refused


async def test_verified_certificate() -> None:
    """So it is with a certificate that was verified, where the ssl module knows its names, too."""
    pytest.importorskip("spnego")
    one = certificate("ec", "SHA256")
    ours = ssl.create_default_context(cadata=der(one))
    ours.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    proxy = BindingProxy([server_context(one, "ec")], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with open_echo_server() as server, serving(proxy):
            async with open_websocket_url(
                server.url, proxy=proxy.url, proxy_ssl_context=ours, proxy_auth=AUTH
            ):
                pass
    assert not proxy.refused


@pytest.mark.parametrize(
    "demanded",
    [b"tls-server-end-point:" + bytes(32), expected(certificate("ec", "SHA512"))],
    ids=["nobody's", "another's"],  # each process of pytest-xdist makes another certificate
)
async def test_another_certificate(demanded: bytes) -> None:
    """Credentials that were meant for another certificate's owner are refused, and say no secret."""
    spnego = pytest.importorskip("spnego")
    proxy = BindingProxy([server_context(certificate("ec", "SHA256"), "ec")], [demanded])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with nothing_left(), serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            with pytest.raises(ProxyAuthenticationError) as caught:
                await open_tcp_stream("127.0.0.1", 9, proxy=hop)
    assert "s3cret" not in all_texts(caught.value)
    (refused,) = proxy.refused
    assert isinstance(refused, spnego.exceptions.BadBindingsError)


async def test_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The acceptor does demand it: without what this file is about it refuses the same credentials."""
    spnego = pytest.importorskip("spnego")
    monkeypatch.setattr("trio_wsproxy._transport._channel_binding.channel_binding", lambda _: None)
    one = certificate("ec", "SHA256")
    proxy = BindingProxy([server_context(one, "ec")], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            with pytest.raises(ProxyAuthenticationError):
                await open_tcp_stream("127.0.0.1", 9, proxy=hop)
    assert isinstance(proxy.refused[0], spnego.exceptions.BadBindingsError)


async def test_undefined_is_taken_where_none_is_demanded() -> None:
    """With Ed25519 nothing is bound, and who does not demand it goes on."""
    pytest.importorskip("spnego")
    proxy = BindingProxy([server_context(certificate("ed25519", None), "ed25519")], [None])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with open_echo_server() as server, serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=hop)).aclose()
    assert not proxy.refused


async def test_credentials_of_a_url() -> None:
    """NTLM that a challenge has brought into play, behind a Basic that was refused, is bound, too."""
    pytest.importorskip("spnego")
    one = certificate("ec", "SHA256")
    proxy = BindingProxy([server_context(one, "ec")], [expected(one)])
    with ntlm_users("TEST\\ada", "s3cret"):
        async with nothing_left(), open_echo_server() as server, serving(proxy):
            url = proxy.url.replace("//", "//TEST%5Cada:s3cret@")
            hop = Proxy(url, ssl_context=unverified())
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=hop)).aclose()
    assert not proxy.refused


async def test_another_connection_with_another_certificate() -> None:
    """Behind a balancer each connection has its machine's certificate, and is bound to that."""
    pytest.importorskip("spnego")
    one, two = certificate("ec", "SHA256"), certificate("ec", "SHA384")
    contexts = [server_context(one, "ec"), server_context(two, "ec")]
    proxy = BindingProxy(contexts, [expected(one), expected(two)], keep=False)
    with ntlm_users("TEST\\ada", "s3cret"):
        async with nothing_left(), open_echo_server() as server, serving(proxy):
            hop = Proxy(proxy.url, ssl_context=unverified(), auth=AUTH)
            await (await open_tcp_stream("127.0.0.1", server.port, proxy=hop)).aclose()
    assert not proxy.refused
    assert proxy.connections == 2


@pytest.mark.parametrize("first", ["http", "https"])
async def test_in_a_chain(first: str) -> None:
    """In TLS in TLS it is the certificate of the proxy that is asked, not that of the one before."""
    pytest.importorskip("spnego")
    one, office = certificate("rsa", "SHA384"), Certificates()
    proxy = BindingProxy([server_context(one, "rsa")], [expected(one)])
    outer = office.server_context() if first == "https" else None
    ours = office.client_context()
    with ntlm_users("TEST\\ada", "s3cret"):
        async with nothing_left(), open_echo_server(ssl_context=office.server_context()) as server:
            async with open_http_proxy(ssl_context=outer) as nearest, serving(proxy):
                hops: list[str | Proxy] = [nearest.url]
                if outer:
                    hops = [Proxy(nearest.url, ssl_context=ours)]
                hops.append(Proxy(proxy.url, ssl_context=unverified(), auth=AUTH))
                async with open_websocket_url(server.url, ours, proxy=hops) as ws:
                    await ws.send("x")
                    assert await ws.receive() == "x"
                tls = await open_ssl_over_tcp_stream(
                    "127.0.0.1", server.port, proxy=hops, ssl_context=ours
                )
                await trio.aclose_forcefully(tls)
    assert not proxy.refused


async def test_plain_proxy_inside_tls() -> None:
    """A proxy without TLS of its own binds nothing, though the one before it has TLS."""
    office = Certificates()
    auth = Noting()
    async with open_http_proxy(ssl_context=office.server_context()) as nearest:
        async with open_http_proxy() as second:
            hops = [
                Proxy(nearest.url, ssl_context=office.client_context()),
                Proxy(second.url, auth=auth),
            ]
            with pytest.raises(ProxyRejected, match="503"):
                await open_tcp_stream("127.0.0.1", 9, proxy=hops)
    assert auth.bindings == [None]


# --- schemes of users --------------------------------------------------------------------


class Noting:
    """A scheme of a user's own that notes what it is bound to."""

    name = "Noting"
    binds_to_channel: Any = True

    def __init__(self) -> None:
        self.bindings: list[bytes | None] = []
        self.said: list[bytes | None] = []

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        self.bindings.append(request.channel_binding)
        return NotingConversation(self, request.channel_binding)


class NotingConversation:
    """It says what it is bound to."""

    needs_same_connection = False

    def __init__(self, auth: Noting, binding: bytes | None) -> None:
        self.auth, self.binding = auth, binding

    def first(self) -> str:
        self.auth.said.append(self.binding)
        return "Noting " + (self.binding or b"none").hex()

    def answer(self, _: ProxyChallenge) -> None:
        return None

    def accepted(self, headers: object) -> None:
        pass


@pytest.mark.parametrize("binds", [True, False])
async def test_schemes_of_users(binds: bool) -> None:
    """Who asks for it speaks when TLS is there, and knows the binding; who does not is as ever."""
    auth, office = Noting(), Certificates()
    auth.binds_to_channel = binds
    context, ours = office.server_context(), office.client_context()
    async with open_echo_server() as server, open_http_proxy(ssl_context=context) as proxy:
        async with open_websocket_url(
            server.url, proxy=proxy.url, proxy_ssl_context=ours, proxy_auth=auth
        ) as ws:
            assert ws.dial_report.route is not None
        (request,) = proxy.requests
    value = dict(request.headers)[b"proxy-authorization"]
    if not binds:
        assert auth.bindings == auth.said == [None]
        return
    assert auth.bindings[0] is None
    (said,) = auth.said
    assert said == auth.bindings[1]
    assert said is not None
    assert said.startswith(b"tls-server-end-point:")
    assert value == b"Noting " + said.hex().encode()


def test_who_binds() -> None:
    """Negotiate and NTLM are bound; nothing is to be bound of the others."""
    assert NegotiateAuth.binds_to_channel
    assert NTLMAuth.binds_to_channel
    assert not hasattr(DigestAuth, "binds_to_channel")
