"""What binds credentials to the TLS that they are sent in: ``tls-server-end-point`` (RFC 5929 section 4).

Theory of operation
-------------------

Whoever lures a client to a proxy of his own could pass its NTLM or Kerberos messages on to the real one. So
they are bound to the certificate that the client has seen: its hash goes into them, and the real
proxy finds that it is not its own.

The hash function is the one of the certificate's signature, for there is nothing weaker to attack then;
SHA-256 in place of MD5 and SHA-1. It stands in ``signatureAlgorithm``, the second of the three parts of a
certificate (RFC 5280 section 4.1.1.2), and with RSASSA-PSS in the parameters of that (RFC 4055 section 3.1).
Where a signature names none (Ed25519, Ed448, ML-DSA), RFC 5929 defines nothing, and nothing is bound: whoever
does not demand it takes that, and a guess that is not the proxy's own he would refuse. (curl and libpq give up there,
requests-gssapi and requests-ntlm bind nothing either, requests-negotiate-sspi guesses SHA-256.)

What is read comes from a peer whom nobody may have verified. The reader below is for DER (X.690) and for what
stands in its way there: it goes forward only, copies nothing but what it returns, and calls nothing itself again.
"""

from __future__ import annotations

import hashlib
from typing import Any

import trio

PREFIX = b"tls-server-end-point:"

_SEQUENCE, _OBJECT, _PARAMETER_0 = 0x30, 0x06, 0xA0
_PKCS1 = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1
_ECDSA = bytes.fromhex("2a8648ce3d04")  # 1.2.840.10045.4
_NIST = bytes.fromhex("6086480165030403")  # 2.16.840.1.101.3.4.3
_NIST_HASH = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2
_PSS = _PKCS1 + b"\x0a"

_SHA_3 = ("sha3_224", "sha3_256", "sha3_384", "sha3_512")
# hashlib's names, by the object identifiers of signatures (RFC 8017, RFC 5758, NIST's list).
_SIGNATURES = {
    _PKCS1 + b"\x04": "md5",
    _PKCS1 + b"\x05": "sha1",
    _PKCS1 + b"\x0b": "sha256",
    _PKCS1 + b"\x0c": "sha384",
    _PKCS1 + b"\x0d": "sha512",
    _PKCS1 + b"\x0e": "sha224",
    _PKCS1 + b"\x0f": "sha512_224",
    _PKCS1 + b"\x10": "sha512_256",
    _ECDSA + b"\x01": "sha1",
    _ECDSA + b"\x03\x01": "sha224",
    _ECDSA + b"\x03\x02": "sha256",
    _ECDSA + b"\x03\x03": "sha384",
    _ECDSA + b"\x03\x04": "sha512",
    bytes.fromhex("2a8648ce380403"): "sha1",  # with DSA, 1.2.840.10040.4.3
    _NIST + b"\x01": "sha224",  # with DSA, up to the fourth
    _NIST + b"\x02": "sha256",
    _NIST + b"\x03": "sha384",
    _NIST + b"\x04": "sha512",
    # SHA-3 with DSA, with ECDSA, with RSA.
    **{_NIST + bytes([first + n]): name for first in (5, 9, 13) for n, name in enumerate(_SHA_3)},
}
# … and of hash functions, as the parameters of RSASSA-PSS have them.
_HASHES = {
    bytes.fromhex("2a864886f70d0205"): "md5",
    bytes.fromhex("2b0e03021a"): "sha1",
    _NIST_HASH + b"\x01": "sha256",
    _NIST_HASH + b"\x02": "sha384",
    _NIST_HASH + b"\x03": "sha512",
    _NIST_HASH + b"\x04": "sha224",
    _NIST_HASH + b"\x05": "sha512_224",
    _NIST_HASH + b"\x06": "sha512_256",
    **{_NIST_HASH + bytes([7 + n]): name for n, name in enumerate(_SHA_3)},
}


def channel_binding(stream: trio.abc.Stream) -> bytes | None:
    """Give what binds credentials to the outermost TLS of a stream.

    Args:
      stream: Whose handshake is done; whether the certificate was verified does not matter.

    Returns:
      ``tls-server-end-point:`` and the hash of the peer's certificate; ``None`` where there is no
      TLS, or none is defined.

    """
    ask: Any = getattr(stream, "getpeercert", None)
    certificate = ask(binary_form=True) if ask is not None else None
    return server_end_point(certificate) if certificate else None


def server_end_point(certificate: bytes) -> bytes | None:
    """Hash a certificate as RFC 5929 section 4.1 has it.

    Args:
      certificate: In DER.

    Returns:
      See :func:`channel_binding`.

    """
    name = signature_hash(certificate)
    if name is None:
        return None
    try:
        digest = hashlib.new("sha256" if name in ("md5", "sha1") else name, certificate)
    except ValueError:  # this machine's OpenSSL has it not
        return None
    return PREFIX + digest.digest()


def signature_hash(certificate: bytes) -> str | None:
    """Find the hash function of a certificate's signature.

    Args:
      certificate: In DER, or anything else.

    Returns:
      Its name for :mod:`hashlib`; ``None`` where there is none, or it is unknown, or these bytes
      are no certificate.

    """
    try:
        start, end = _element(certificate, 0, len(certificate), _SEQUENCE)
        _, after_content = _element(certificate, start, end, _SEQUENCE)
        start, end = _element(certificate, after_content, end, _SEQUENCE)
        first, last = _element(certificate, start, end, _OBJECT)
        identifier = certificate[first:last]
        if identifier != _PSS:
            return _SIGNATURES.get(identifier)
        start, end = _element(certificate, last, end, _SEQUENCE)
        if start == end or certificate[start] != _PARAMETER_0:
            return "sha1"  # the default (RFC 4055 section 3.1)
        start, end = _element(certificate, start, end, _PARAMETER_0)
        start, end = _element(certificate, start, end, _SEQUENCE)
        first, last = _element(certificate, start, end, _OBJECT)
        return _HASHES.get(certificate[first:last])
    except ValueError:
        return None


def _element(data: bytes, start: int, end: int, tag: int) -> tuple[int, int]:
    """Find the content of one element of DER.

    Args:
      data: Where it stands.
      start: Where it begins.
      end: Where the element ends that it stands in.
      tag: What it must be.

    Returns:
      Where its content begins and ends.

    Raises:
      ValueError: It is another one, is cut off, or its length is not written as DER has it.

    """
    if end - start < 2 or data[start] != tag:
        raise ValueError("another element")
    size, start = data[start + 1], start + 2
    if size & 0x80:
        digits = size & 0x7F
        size = int.from_bytes(data[start : start + digits], "big")
        # In as few bytes as possible, and four are enough for any certificate.
        if not 1 <= digits <= 4 or size < 0x80 or size >> (8 * (digits - 1)) == 0:
            raise ValueError("a length that is none of DER")
        start += digits
    if size > end - start:
        raise ValueError("cut off")
    return start, start + size
