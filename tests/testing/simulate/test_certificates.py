"""Certificates for universes: trusted where they should be, and of one length."""

from __future__ import annotations

import contextlib
import ssl
import sys

import pytest

from trio_wsproxy.testing.simulate import Certificates


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> list[int]:
    """Shake hands in memory; give how many bytes went in each turn."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        (client.wrap_bio(to_client, to_server, server_hostname=name), to_server),
        (server.wrap_bio(to_server, to_client, server_side=True), to_client),
    ]
    sizes = []
    for turn in range(8):
        end, written = ends[turn % 2]
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
        sizes.append(written.pending)
    return sizes


def test_one_length() -> None:
    """Each handshake has as many bytes as any other, also with another CA, as in another process."""
    sizes = {
        tuple(handshake(c.client_context(), c.server_context("echo.test", "10.0.0.2"), "echo.test"))
        for c in (Certificates() for _ in range(10))
        for _ in range(10)
    }
    assert len(sizes) == 1


def test_names() -> None:
    """A certificate is valid for its names, and for no others; nobody else's CA is trusted."""
    certificates = Certificates()
    client, server = certificates.client_context(), certificates.server_context()
    for name in ("localhost", "127.0.0.1", "::1"):
        handshake(client, server, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client, server, "echo.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(Certificates().client_context(), server, "localhost")
    assert certificates.server_context("a", "b") is certificates.server_context("a", "b")
    assert certificates.ca_pem.startswith(b"-----BEGIN CERTIFICATE-----")


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the error says what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(ImportError, match=r"comes with trustme .* pip install trustme"):
        Certificates()
