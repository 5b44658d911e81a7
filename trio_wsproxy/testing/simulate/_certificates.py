"""Certificates of which each has the same length in each process.

What OpenSSL draws in C is not seeded, so the bytes of TLS differ from run to run. Their number must not, for it decides
how they are cut and when they arrive. ECDSA's signatures and random serial numbers have several lengths;
Ed25519's signatures have one, and here serial numbers are counted. Nor are there session tickets,
whose length depends on random numbers within.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import itertools
import ssl
import tempfile
from pathlib import Path
from typing import Any

# What a server can be called, beside the names that are asked for.
DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """A certificate authority (CA) for universes, and what it signs.

    As :class:`trio_wsproxy.testing.Certificates`, with handshakes that are as long in each run. One
    instance serves a whole test run::

        certificates = simulate.Certificates()
        async with universe.serve(
            "echo.test", open_echo_server, ssl_context=certificates.server_context("echo.test")
        ) as echo:
            async with open_websocket_url(echo.url_for("echo.test"), certificates.client_context()) as ws:
                ...

    Raises:
      ImportError: The package cryptography is not installed; it comes with trustme
        (extra ``testing``).

    """

    def __init__(self) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        except ImportError as exc:
            raise ImportError(
                "certificates are made with the package cryptography, which comes with trustme and is not installed; "
                "run: pip install trustme"
            ) from exc
        self._serials = itertools.count(0x10000000)
        self._key = Ed25519PrivateKey.generate()
        self._ca = self._sign("trio_wsproxy's simulated CA", self._key.public_key(), ())

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the CA, in PEM."""
        return _pem(self._ca)

    def _sign(self, name: str, key: Any, names: tuple[str, ...]) -> Any:
        from cryptography import x509

        now = dt.datetime.now(dt.timezone.utc)
        is_ca = not names
        issuer = "trio_wsproxy's simulated CA"
        builder = (
            x509.CertificateBuilder()
            .subject_name(_called(name))
            .issuer_name(_called(issuer))
            .public_key(key)
            .serial_number(next(self._serials))
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if not is_ca:
            alternatives = x509.SubjectAlternativeName([_general_name(n) for n in names])
            builder = builder.add_extension(alternatives, critical=False)
        else:
            usage = x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self._key, None)

    @functools.lru_cache(maxsize=64)  # noqa: B019  # as long as the instance, which is for ever
    def server_context(self, *names: str) -> ssl.SSLContext:
        """Give a server-side context with a certificate of its own; the same for the same names.

        Args:
          *names: What the server is called: host names, wildcards, IP addresses. Without any,
            ``"localhost"``, ``"127.0.0.1"`` and ``"::1"``.

        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        names = names or DEFAULT_NAMES
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.num_tickets = 0
        with tempfile.TemporaryDirectory() as folder:  # ssl reads keys from files only
            file = Path(folder) / "server.pem"
            file.write_bytes(private + _pem(self._sign(names[0], key.public_key(), names)))
            context.load_cert_chain(file)
        return context

    @functools.lru_cache(maxsize=1)  # noqa: B019  # likewise
    def client_context(self) -> ssl.SSLContext:
        """Give a client-side context that trusts this CA and no other; always the same."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca_pem.decode())
        return context


def _called(name: str) -> Any:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _general_name(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    pem: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return pem
