"""Test certificates."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_wsproxy.testing import Certificates


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


async def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Shake hands in memory and return the subject of the client's certificate, if any."""
    ours, theirs = trio.testing.memory_stream_pair()
    server_side = trio.SSLStream(theirs, server, server_side=True)
    client_side = trio.SSLStream(ours, client, server_hostname=name)
    errors: list[BaseException] = []

    async def use(stream: trio.SSLStream[Any]) -> None:
        try:
            # In TLS 1.3 a client learns only from the first byte that the server refused it.
            await stream.do_handshake()
            if stream is server_side:
                await stream.send_all(b"!")
            else:
                await stream.receive_some()
        except trio.BrokenResourceError as exc:
            errors.append(exc.__cause__ or exc)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use, server_side)
        nursery.start_soon(use, client_side)
    if errors:
        raise errors[0]
    shown = server_side.getpeercert()
    return None if not shown else str(shown["subjectAltName"][0][1])


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
async def test_default_names(certificates: Certificates, name: str) -> None:
    """A server without names of its own is good for all that loopback is called."""
    assert (
        await shake_hands(certificates.server_context(), certificates.client_context(), name)
        is None
    )


async def test_other_names(certificates: Certificates) -> None:
    """A certificate is for the names it was asked for and for no others."""
    server = certificates.server_context("echo.test", "*.wild.test")
    for name in ["echo.test", "any.wild.test"]:
        await shake_hands(server, certificates.client_context(), name)
    with pytest.raises(ssl.SSLCertVerificationError, match="localhost"):
        await shake_hands(server, certificates.client_context(), "localhost")


async def test_clients_trust_this_authority_only(certificates: Certificates) -> None:
    """A client trusts one CA: not another test's, and none of the system's."""
    client = certificates.client_context()
    assert client.cert_store_stats()["x509_ca"] == 1
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(Certificates().server_context(), client, "localhost")


async def test_contexts_are_new(certificates: Certificates) -> None:
    """Contexts may be changed by whoever asked for them."""
    assert certificates.client_context() is not certificates.client_context()
    assert certificates.server_context() is not certificates.server_context()


async def test_client_certificates(certificates: Certificates) -> None:
    """With ``client_ca`` only clients with a certificate of that CA get in."""
    server = certificates.server_context(client_ca=certificates)
    assert (
        await shake_hands(server, certificates.client_certificate_context("ada.test"), "localhost")
        == "ada.test"
    )
    with pytest.raises(ssl.SSLError, match=r"(?i)peer did not return a certificate"):
        await shake_hands(server, certificates.client_context(), "localhost")
    other = certificates.server_context(client_ca=Certificates())
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(other, certificates.client_certificate_context(), "localhost")


async def test_pem_files(certificates: Certificates, tmp_path: Path) -> None:
    """The files are what a server and a client outside this package need."""
    files = certificates.write_pem(tmp_path, "proxy.test")
    assert (files.ca, files.certificate, files.key) == (
        tmp_path / "ca.pem",
        tmp_path / "server.pem",
        tmp_path / "server.key",
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=files.ca)
    await shake_hands(server, client, "proxy.test")
    assert files.ca.read_bytes() == certificates.ca_pem


def test_without_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without trustme the error names the extra that brings it."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ImportError, match=r"pip install trustme"):
        Certificates()
