"""An ``https://`` proxy whose NTLM or Kerberos demands to be bound to its certificate, and certificates of all kinds for it."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from trio_wsproxy._auth import forget_proxies

NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
BEGINS = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
ENDS = dt.datetime(2099, 1, 1, tzinfo=dt.timezone.utc)


@functools.cache
def key(kind: str) -> Any:
    """A private key, made once."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return (ed25519.Ed25519PrivateKey if kind == "ed25519" else ed448.Ed448PrivateKey).generate()


@functools.cache
def certificate(kind: str, function: str | None, *, pss: bool = False) -> x509.Certificate:
    """A certificate that signs itself, with this hash function; made once.

    Args:
      kind: Of the key: ``"rsa"``, ``"ec"``, ``"ed25519"`` or ``"ed448"``.
      function: The name of a hash function in the cryptography package; ``None`` for keys that take none.
      pss: Whether RSA signs with RSASSA-PSS.

    """
    private = key(kind)
    builder = x509.CertificateBuilder(NAME, NAME, private.public_key(), 1, BEGINS, ENDS)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.DNSName("proxy.test")])
    algorithm: Any = getattr(hashes, function)() if function else None
    options: dict[str, Any] = {}
    if pss:
        options["rsa_padding"] = padding.PSS(padding.MGF1(algorithm), padding.PSS.DIGEST_LENGTH)
    return builder.add_extension(names, critical=False).sign(private, algorithm, **options)


def old_certificate(function: str) -> x509.Certificate:
    """One for RSA that says that it is signed with ``"md5"`` or ``"sha1"``; nobody signs so any more.

    Its signature is not right, which a client that verifies nothing does not mind.
    """
    beginning = bytes.fromhex("2a864886f70d0101")
    new = beginning + {"md5": b"\x04", "sha1": b"\x05"}[function]
    data = der(certificate("rsa", "SHA256")).replace(beginning + b"\x0b", new)
    return x509.load_der_x509_certificate(data)


def der(certificate: x509.Certificate) -> bytes:
    """Its bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def expected(certificate: x509.Certificate) -> bytes | None:
    """What RFC 5929 section 4.1 says, by the cryptography package; ``None`` where that is undefined."""
    function = certificate.signature_hash_algorithm
    if function is None:
        return None
    name = "sha256" if function.name in ("md5", "sha1") else function.name.replace("-", "_")
    return b"tls-server-end-point:" + hashlib.new(name, der(certificate)).digest()


def server_context(certificate: x509.Certificate, kind: str) -> ssl.SSLContext:
    """A context for a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for SHA-1
    pem = serialization.Encoding.PEM
    private = key(kind).private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "both.pem")
        file.write_bytes(certificate.public_bytes(pem) + private)
        context.load_cert_chain(file)
    return context


def unverified() -> ssl.SSLContext:
    """A client's context that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


class NTLMAcceptor:
    """Pyspnego's, which refuses what is not bound to what is demanded."""

    scheme = b"NTLM"

    def __init__(self, demanded: bytes | None) -> None:
        import spnego
        from spnego.channel_bindings import GssChannelBindings

        bindings = None if demanded is None else GssChannelBindings(application_data=demanded)
        self._context = spnego.server(protocol="ntlm", channel_bindings=bindings)

    @property
    def complete(self) -> bool:
        return self._context.complete

    def step(self, token: bytes) -> bytes | None:
        return self._context.step(token)


class BindingProxy:
    """A proxy behind TLS with an acceptor that demands a channel binding.

    Args:
      contexts: For TLS, one for each connection, the last for all that follow.
      demanded: What the acceptor is given, likewise; ``None`` demands nothing.
      keep: Whether the connection of a 407 is kept, where NTLM does not need it.
      acceptor: Makes what judges, of what is demanded.

    Attributes:
      requests: All that came.
      refused: What the acceptor raised.

    """

    def __init__(
        self,
        contexts: list[ssl.SSLContext],
        demanded: list[bytes | None],
        *,
        keep: bool = True,
        acceptor: Callable[[bytes | None], Any] = NTLMAcceptor,
    ) -> None:
        self.contexts = contexts
        self.demanded = demanded
        self.keep = keep
        self.acceptor = acceptor
        self.connections = 0
        self.requests: list[bytes] = []
        self.refused: list[Exception] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    async def serve(self, accepted: trio.SocketStream) -> None:
        number, self.connections = self.connections, self.connections + 1
        context = self.contexts[min(number, len(self.contexts) - 1)]
        stream = trio.SSLStream(accepted, context, server_side=True, https_compatible=True)
        try:
            demanded = self.demanded[min(number, len(self.demanded) - 1)]
            await self._talk(stream, self.acceptor(demanded))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has left
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(self, stream: trio.SSLStream[Any], acceptor: Any) -> None:
        while request := await self._request(stream):
            self.requests.append(request)
            _, _, value = request.partition(b"Proxy-Authorization: " + acceptor.scheme + b" ")
            token = b""
            if value:
                try:
                    answer = acceptor.step(base64.b64decode(value.partition(b"\r\n")[0]))
                except Exception as exc:
                    self.refused.append(exc)
                    answer = None
                if acceptor.complete:
                    await self._tunnel(stream, request.split()[1].decode())
                    return
                token = b" " + base64.b64encode(answer) if answer else b""
            close = b"" if self.keep or token else b"Connection: close\r\n"
            head = (
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: "
                + acceptor.scheme
                + token
                + b"\r\n"
                + close
            )
            await stream.send_all(head + b"Content-Length: 4\r\n\r\npage")
            if close:
                return

    async def _request(self, stream: trio.abc.Stream) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (chunk := await stream.receive_some()):
                return b""
            request += chunk
        return request

    async def _tunnel(self, stream: trio.abc.Stream, authority: str) -> None:
        host, _, port = authority.rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as upstream:
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._copy, stream, upstream)
                await self._copy(upstream, stream)
                nursery.cancel_scope.cancel()

    async def _copy(self, source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
        try:
            async for data in source:
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one side has left


@asynccontextmanager
async def serving(proxy: BindingProxy) -> AsyncIterator[BindingProxy]:
    """Run it on loopback."""
    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1")
        listeners = await nursery.start(serve)
        proxy.port = listeners[0].socket.getsockname()[1]
        forget_proxies(proxy.port)
        yield proxy
        nursery.cancel_scope.cancel()
