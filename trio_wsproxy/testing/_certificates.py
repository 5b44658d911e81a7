"""Certificates made for a test, with trustme."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    import trustme

# What a loopback server can be called; see server_context().
DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class PEMFiles:
    """Where :meth:`Certificates.write_pem` has put its files.

    Attributes:
      ca (pathlib.Path): The certificate of the CA, for clients.
      certificate (pathlib.Path): The server's certificate.
      key (pathlib.Path): The server's private key, without a passphrase.

    """

    ca: Path
    certificate: Path
    key: Path


class Certificates:
    """A certificate authority (CA) for tests, and what it signs.

    Nobody trusts it but the contexts made here. One instance serves a whole test run;
    making one takes some milliseconds::

        certificates = Certificates()
        async with open_echo_server(ssl_context=certificates.server_context()) as echo:
            async with open_websocket_url(echo.url, certificates.client_context()) as ws:
                ...

    Raises:
      ImportError: trustme is not installed; it comes with the extra
        ``testing``.

    """

    def __init__(self) -> None:
        try:
            import trustme
        except ImportError as exc:
            raise ImportError(
                "test certificates are made with trustme, which is not installed; "
                "run: pip install trustme"
            ) from exc
        self._ca: trustme.CA = trustme.CA()

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the CA, in PEM."""
        pem: bytes = self._ca.cert_pem.bytes()
        return pem

    def server_context(self, *names: str, client_ca: Certificates | None = None) -> ssl.SSLContext:
        """Return a new server-side context with a certificate of its own.

        Args:
          *names: What the server is called: host names, wildcards, IP addresses. Without
            any, ``"localhost"``, ``"127.0.0.1"`` and ``"::1"``. A name that is not the
            server's makes a certificate that clients must refuse.
          client_ca: Ask every client for a certificate signed by this CA, and refuse
            those without one (mutual TLS).

        Returns:
          The context; yours to change, for example to offer ALPN protocols.

        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or DEFAULT_NAMES)).configure_cert(context)
        if client_ca is not None:
            context.load_verify_locations(cadata=client_ca.ca_pem.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return a new client-side context that trusts this CA and no other.

        It checks host names and asks for no ALPN protocol.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._ca.configure_trust(context)
        return context

    def client_certificate_context(self, name: str = "client.test") -> ssl.SSLContext:
        """Return a :meth:`client_context` that shows a certificate when it is asked for one.

        Args:
          name: The host name or e-mail address in that certificate.

        """
        context = self.client_context()
        self._ca.issue_cert(name).configure_cert(context)
        return context

    def write_pem(self, directory: str | os.PathLike[str], *names: str) -> PEMFiles:
        """Write ``ca.pem``, ``server.pem`` and ``server.key``, for servers outside Python.

        Args:
          directory: Where to; it exists, and files of these names are overwritten.
          *names: As for :meth:`server_context`.

        Returns:
          The paths.

        """
        folder = Path(directory)
        files = PEMFiles(folder / "ca.pem", folder / "server.pem", folder / "server.key")
        issued = self._ca.issue_cert(*(names or DEFAULT_NAMES))
        files.ca.write_bytes(self.ca_pem)
        files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        files.key.write_bytes(issued.private_key_pem.bytes())
        files.key.chmod(0o600)  # OpenSSH and others refuse a key that all may read
        return files
