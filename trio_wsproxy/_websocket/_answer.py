"""A server's 101, brought into the form in which wsproto can judge it (RFC 6455 section 4.1).

wsproto takes the last of several header lines of one name, and asks h11, which judges a body that a 101
does not have. So the head is read as all answers are (lines that HTTP does not allow are left out), and
written anew:

* Lines of one name are one value with commas between (RFC 9110 section 5.3), then RFC 6455 decides:
  ``Connection`` and ``Sec-WebSocket-Extensions`` are lists, of the others there is one value.
* ``Content-Length`` and ``Transfer-Encoding`` mean nothing in a 101 (RFC 9112 section 6.3).
* A line without a ``:``, or with a NUL in it, is not HTTP, for curl neither. And where a line that is left
  out would be one of the handshake's own, nobody may guess what it was to agree on.

What is wrong is told in words that are fit for a message; nothing here raises.
"""

from __future__ import annotations

from trio_wsproxy._http import FRAMING, read_fields
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_page

_VALUE = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))  # RFC 9110 section 5.5
_BEGINNING = lazy_pattern(rb"[\w-]{0,64}")  # of a line; what follows may be a secret
MAX_UPGRADE = 40  # characters of what a server upgrades to; it stands in a message
_LIST = {b"connection", b"sec-websocket-extensions"}
_SINGLE = {b"upgrade", b"sec-websocket-accept", b"sec-websocket-protocol"}
_OWN = _LIST | _SINGLE


def tidied(head: bytes) -> bytes | str:
    """Bring the head of a 101 into wsproto's form.

    Args:
      head: Status line and header lines, with the blank line.

    Returns:
      The head with what matters to the handshake, each name once, or what is wrong with it.

    """
    problem = _no_http(head)
    if problem:
        return problem
    own: dict[bytes, list[bytes]] = {}
    lines = []
    for name, value in read_fields(head).headers:
        if name in _OWN:
            own.setdefault(name, []).append(value)
        elif name not in FRAMING and not value.translate(None, _VALUE):
            lines.append(name + b": " + value)
    for name, values in own.items():
        value = _joined(values)
        if name == b"upgrade" and value and value.lower() != b"websocket":
            shown = shown_page(value.decode("latin-1"), MAX_UPGRADE)
            return f"Upgrade is {shown!r}, not 'websocket'"
        if name in _SINGLE and b"," in value:
            return f"{_titled(name)} has several values"
        if value or name != b"sec-websocket-extensions":
            lines.append(name + b": " + value)
    return b"\r\n".join([b"HTTP/1.1 101 ", *lines, b"", b""])


def _no_http(head: bytes) -> str:
    """Find a line that is no header line at all, or an illegal one of the handshake's own."""
    own = False  # whether the line belongs to one of those
    for line in head.split(b"\n")[1:]:
        text = line.rstrip(b"\r")
        goes_on = text[:1] in (b" ", b"\t")  # the line before (RFC 9112 section 5.2)
        name, colon, value = text.partition(b":")
        if not goes_on:
            own = name.strip().lower() in _OWN
        if text and (b"\0" in text or not (colon or goes_on)):
            return _bad(text)
        if own and (text if goes_on else value).translate(None, _VALUE):
            return _bad(text)
    return ""


def _bad(line: bytes) -> str:
    beginning = _BEGINNING.match(line)
    name = beginning[0].decode() if beginning else ""
    return f"Bad HTTP message: the header line '{name}…'"


def _joined(values: list[bytes]) -> bytes:
    """Make one value of several; empty elements mean nothing (RFC 9110 section 5.6.1)."""
    parts = (part.strip(b" \t") for value in values for part in value.split(b","))
    return b", ".join(part for part in parts if part)


def _titled(name: bytes) -> str:
    return name.decode().title().replace("Websocket", "WebSocket")
