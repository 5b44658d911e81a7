"""The few bytes of a certificate that tell who made it.

Python's ssl shows the fields of a certificate only where it was verified, and takes its time.
Where that is what failed, the question is who signed it, so here is just enough of DER (X.690) and of the
certificate's structure (RFC 5280 section 4.1) to find the two names, the dates, and whom it is for.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_text

# RFC 4519's short names, by the DER of the object identifiers 2.5.4.x.
_ATTRIBUTES = {
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}
_TIME = lazy_pattern(r"\d{14}Z", re.ASCII)  # RFC 5280 section 4.1.2.5
_VERSION, _UTC_TIME, _BMP_STRING = 0xA0, 0x17, 0x1E
_EXTENSIONS, _DNS_NAME, _IP_ADDRESS = 0xA3, 0x82, 0x87
_SUBJECT_ALT_NAME = b"\x55\x1d\x11"  # 2.5.29.17
MAX_NAMES = 100  # that are read; some certificates are for thousands


class Certificate(NamedTuple):
    """Names in a certificate.

    Attributes:
      subject: Whom it is for, for example ``"CN=example.org"``; may be empty. Fit to be shown,
        like the other.
      issuer: Who signed it.
      expires: The end of its validity, by the clock of the world.
      begins: The beginning of it.
      names: The names and addresses that it is for (subjectAltName), as far as they are read: the
        subject does not count.

    """

    subject: str
    issuer: str
    expires: datetime
    begins: datetime = datetime(1970, 1, 1, tzinfo=timezone.utc)
    names: tuple[str, ...] = ()

    def details(self) -> dict[str, str]:
        """Give all of it as what JSON has."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "expires": self.expires.strftime("%Y-%m-%d %H:%M"),
        }


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate.

    Raises:
      ValueError: These bytes are none.

    """
    try:
        ((_, certificate),) = _items(der)
        fields = _items(_items(certificate)[0][1])
        if fields[0][0] == _VERSION:
            fields = fields[1:]
        _serial, _algorithm, issuer, validity, subject = fields[:5]
        not_before, not_after = _items(validity[1])[:2]
        return Certificate(
            _name(subject[1]),
            _name(issuer[1]),
            _time(*not_after),
            _time(*not_before),
            tuple(_alternative_names(fields[6:])),
        )
    except (IndexError, ValueError) as exc:
        raise ValueError(f"not a certificate: {exc}") from None


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """Cut a sequence of DER values into tags and contents."""
    items = []
    position = 0
    while position < len(data):
        tag, size, start = data[position], data[position + 1], position + 2
        if size & 0x80:
            end = start + (size & 0x7F)
            size, start = int.from_bytes(data[start:end], "big"), end
        position = start + size
        if position > len(data):
            raise ValueError("it is cut off")
        items.append((tag, data[start:position]))
    return items


def _name(data: bytes) -> str:
    parts = []
    for _, rdn in _items(data):
        for _, pair in _items(rdn):
            (_, identifier), (tag, value) = _items(pair)[:2]
            if identifier in _ATTRIBUTES:
                encoding = "utf-16-be" if tag == _BMP_STRING else "utf-8"
                parts.append(
                    (_ATTRIBUTES[identifier], shown_text(value.decode(encoding, "replace")))
                )
    # The most specific part first (RFC 4514 section 2.1).
    return shown_text(", ".join(f"{key}={value}" for key, value in reversed(parts)))


def _alternative_names(fields: list[tuple[int, bytes]]) -> Iterator[str]:
    """Find what a certificate is for (RFC 5280 section 4.2.1.6); what cannot be read is left out."""
    for _, extensions in [field for field in fields if field[0] == _EXTENSIONS]:
        for _, extension in _items(_items(extensions)[0][1]):
            identifier, *_, value = _items(extension)
            if identifier[1] != _SUBJECT_ALT_NAME:
                continue
            for tag, name in _items(_items(value[1])[0][1])[:MAX_NAMES]:
                if tag == _DNS_NAME:
                    yield shown_text(name.decode("latin-1"))
                elif tag == _IP_ADDRESS and len(name) in (4, 16):
                    family = socket.AF_INET if len(name) == 4 else socket.AF_INET6
                    yield socket.inet_ntop(family, name)


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year; below 50 is this century
        text = ("20" if text[:2] < "50" else "19") + text
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
