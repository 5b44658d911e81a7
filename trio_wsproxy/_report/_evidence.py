"""What the stages of a dial found, in words and without secrets.

=====================  ====================================================================
evidence               of
=====================  ====================================================================
``Addresses``          a lookup
list of ``Attempt``    TCP
``TLS``                a TLS handshake that succeeded
``Certificate``        one that failed, where the peer's certificate is known all the same
``bytes`` (HTTP)       the head of an answer to ``CONNECT`` or to the upgrade
``SocksAnswer``        a SOCKS proxy
=====================  ====================================================================
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import trio

from trio_wsproxy._redaction import masked_lines

from ._certificates import Certificate, read_certificate


class Addresses(list[str]):
    """What a name resolved to."""


@dataclass(slots=True)
class Attempt:
    """What happened to one address.

    Attributes:
      address: ``"192.0.2.1"``.
      outcome: ``"connected"``, the system's words for its error, or ``"given up"`` where
        another address was faster, or the caller did not wait.

    """

    address: str
    outcome: str = "given up"


class SocksAnswer(bytes):
    """The first bytes of a SOCKS proxy's last answer."""


class TLS(NamedTuple):
    """What a handshake agreed on; taken at once, for a stream forgets it when it is closed.

    Attributes:
      version: ``"TLSv1.3"``.
      cipher: OpenSSL's name.
      alpn: The protocol, or ``None``.
      certificate: The peer's, in DER; it is read when somebody asks.

    """

    version: str | None
    cipher: str | None
    alpn: str | None
    certificate: bytes | None

    @classmethod
    def of(cls, stream: trio.SSLStream[Any]) -> TLS:
        """Take what a stream knows."""
        cipher = stream.cipher()
        return cls(
            stream.version(),
            cipher[0] if cipher else None,
            stream.selected_alpn_protocol(),
            stream.getpeercert(binary_form=True),
        )


def describe(evidence: Any) -> dict[str, Any]:
    """Write evidence as what JSON has."""
    if isinstance(evidence, bytes) and evidence.startswith(b"HTTP/"):
        status, *headers = masked_lines(evidence)
        return {"status": status, "headers": headers}
    if isinstance(evidence, TLS):
        return _describe_tls(evidence)
    if isinstance(evidence, Certificate):
        return _describe_certificate(evidence)
    if isinstance(evidence, Addresses):
        return {"addresses": list(evidence)}
    if isinstance(evidence, list):
        return {"attempts": [{"address": x.address, "outcome": x.outcome} for x in evidence]}
    if isinstance(evidence, SocksAnswer) and evidence:
        return {"reply": evidence.hex(" ")}
    return {}


def _describe_tls(tls: TLS) -> dict[str, Any]:
    known = {"version": tls.version, "cipher": tls.cipher, "alpn": tls.alpn}
    details: dict[str, Any] = {name: value for name, value in known.items() if value is not None}
    if tls.certificate:
        with suppress(ValueError):  # OpenSSL has read it; what we cannot read is left out
            details |= _describe_certificate(read_certificate(tls.certificate))
    return details


def _describe_certificate(certificate: Certificate) -> dict[str, Any]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "expires": certificate.expires.strftime("%Y-%m-%d %H:%M"),
    }
