"""A server's 101, brought into the form in which wsproto can judge it (RFC 6455 section 4.1).

wsproto takes the last of several header lines of one name, and asks h11, which judges a body that a 101
does not have. So the head is read here first, line by line:

* Lines of one name are one value with commas between (RFC 9110 section 5.3), then RFC 6455 decides:
  ``Connection`` and ``Sec-WebSocket-Extensions`` are lists, of the others there is one value.
* ``Content-Length`` and ``Transfer-Encoding`` mean nothing in a 101 (RFC 9112 section 6.3), nor does a
  line whose name is no name or whose value holds what no value may; they are left out, as browsers and
  curl do. But where such a line would be one of the handshake's own, nobody may guess what it was.
* A line without a ``:``, or with a NUL in it, is not HTTP.

What is wrong is told in words that are fit for a message; nothing here raises.
"""

from __future__ import annotations

import string

from trio_wsproxy._http import FRAMING
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_page

# What a name and a value are made of (RFC 9110 sections 5.6.2 and 5.5).
_NAME = b"!#$%&'*+.^_`|~-" + (string.digits + string.ascii_letters).encode()
_VALUE = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))
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
    lines = [line.rstrip(b"\r") for line in head.rstrip(b"\r\n").split(b"\n")]
    handshake: dict[bytes, list[bytes]] = {}
    others = []
    for line in _unfolded(lines[1:]):
        name, colon, value = line.partition(b":")
        if not colon or b"\0" in line:
            return _bad(line)
        name, value = name.lower(), value.strip(b" \t")
        wrong = not name or bool(name.translate(None, _NAME) or value.translate(None, _VALUE))
        own = name.strip() if name.strip() in _OWN else b""
        if own and wrong:
            return _bad(line)
        if own:
            handshake.setdefault(own, []).append(value)
        elif not wrong and name not in FRAMING:
            others.append(name + b": " + value)
    joined = []
    for name, values in handshake.items():
        value = _joined(values)
        if name == b"upgrade" and value and value.lower() != b"websocket":
            shown = shown_page(value.decode("latin-1"), MAX_UPGRADE)
            return f"Upgrade is {shown!r}, not 'websocket'"
        if name in _SINGLE and b"," in value:
            return f"{_titled(name)} has several values"
        if value or name != b"sec-websocket-extensions":
            joined.append(name + b": " + value)
    return b"\r\n".join([b"HTTP/1.1 101 ", *joined, *others, b"", b""])


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """Put lines together that go on where the next begins with a blank (RFC 9112 section 5.2)."""
    result: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and result:
            result[-1].append(line.strip(b" \t"))
        else:
            result.append([line])
    return [b" ".join(parts) for parts in result]


def _joined(values: list[bytes]) -> bytes:
    """Make one value of several; empty elements mean nothing (RFC 9110 section 5.6.1)."""
    parts = (part.strip(b" \t") for value in values for part in value.split(b","))
    return b", ".join(part for part in parts if part)


def _bad(line: bytes) -> str:
    beginning = _BEGINNING.match(line)
    return f"Bad HTTP message: the header line '{beginning[0].decode() if beginning else ''}…'"


def _titled(name: bytes) -> str:
    return name.decode().title().replace("Websocket", "WebSocket")
