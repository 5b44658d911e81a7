"""The few bytes of a certificate that tell who made it.

Python's ssl shows the fields of a certificate only where it was verified, and takes its time.
Where that is what failed, the question is who signed it, so here is just enough of DER (X.690) and of the
certificate's structure (RFC 5280 section 4.1) to find the two names and the dates.
"""

from __future__ import annotations

import re
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


class Certificate(NamedTuple):
    """Names in a certificate.

    Attributes:
      subject: Whom it is for, for example ``"CN=example.org"``; may be empty. Fit to be shown,
        like the other.
      issuer: Who signed it.
      expires: The end of its validity, by the clock of the world.

    """

    subject: str
    issuer: str
    expires: datetime

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
        tag, not_after = _items(validity[1])[1]
        return Certificate(_name(subject[1]), _name(issuer[1]), _time(tag, not_after))
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


def _time(tag: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year; below 50 is this century
        text = ("20" if text[:2] < "50" else "19") + text
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
