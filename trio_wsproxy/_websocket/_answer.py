"""A server's 101, read and judged (RFC 6455 section 4.1).

wsproto's own handshake takes the last of several header lines of one name, and asks h11, which judges a
body that a 101 does not have. So the head is read as all answers are (lines that HTTP does not allow are
left out) and tidied; then it is judged as wsproto does it, in the same words, but for h11's part in it:
that would cost an opening more than all the rest of the handshake. wsproto's extensions decide what
is agreed on about them.

* Lines of one name are one value with commas between (RFC 9110 section 5.3), then RFC 6455 decides:
  ``Connection`` and ``Sec-WebSocket-Extensions`` are lists, of the others there is one value.
* ``Content-Length`` and ``Transfer-Encoding`` mean nothing in a 101 (RFC 9112 section 6.3).
* A line without a ``:``, or with a NUL in it, is not HTTP, for curl neither. And where a line that is left
  out would be one of the handshake's own, nobody may guess what it was to agree on.

What is wrong is told in words that are fit for a message; nothing here raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wsproto.extensions import Extension
from wsproto.handshake import client_extensions_handshake
from wsproto.utilities import ProtocolError, generate_accept_token

from trio_wsproxy._http import FRAMING, HeaderPairs, plain_fields, read_fields
from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_page, shown_problem

_VALUE = bytes((9, *range(0x20, 0x7F), *range(0x80, 0x100)))  # RFC 9110 section 5.5
_BEGINNING = lazy_pattern(rb"[\w-]{0,64}")  # of a line; what follows may be a secret
MAX_UPGRADE = 40  # characters of what a server upgrades to; it stands in a message
_LIST = {b"connection", b"sec-websocket-extensions"}
_SINGLE = {b"upgrade", b"sec-websocket-accept", b"sec-websocket-protocol"}
_OWN = _LIST | _SINGLE


class Agreed(NamedTuple):
    """What a server has agreed to.

    Attributes:
      subprotocol: The one it chose, or ``None``.
      headers: Its other headers, names in lower case.
      extensions: Those of ours that it accepted, finalised.

    """

    subprotocol: str | None
    headers: HeaderPairs
    extensions: tuple[Extension, ...]


def judged(
    head: bytes, key: bytes, subprotocols: Sequence[str], extensions: Sequence[Extension]
) -> Agreed | str:
    """Judge a 101.

    Args:
      head: Status line and header lines, with the blank line.
      key: The value of ``Sec-WebSocket-Key`` that was sent.
      subprotocols: Those that were offered.
      extensions: Likewise.

    Returns:
      What was agreed on, or what is wrong, in words that are fit for a message.

    """
    answer = tidied(head)
    if isinstance(answer, str):
        return answer
    own = {name: value for name, value in answer if name in _OWN}
    subprotocol = own.get(b"sec-websocket-protocol")
    accepted = own.get(b"sec-websocket-extensions")
    try:
        if "upgrade" not in _items(own.get(b"connection", b"").lower()):
            return "Missing header, 'Connection: Upgrade'"
        if b"upgrade" not in own or not own[b"upgrade"]:
            return "Missing header, 'Upgrade: websocket'"
        if b"sec-websocket-accept" not in own:
            return "Missing header, 'Sec-WebSocket-Accept'"
        if own[b"sec-websocket-accept"] != generate_accept_token(key):
            return "Bad accept token"
        chosen = None if subprotocol is None else subprotocol.decode("ascii")
        if chosen is not None and chosen not in subprotocols:
            return shown_problem(f"unrecognized subprotocol {chosen}")
        agreed = client_extensions_handshake(_items(accepted), extensions) if accepted else ()
    except (ProtocolError, UnicodeDecodeError) as exc:
        return shown_problem(exc)
    headers = tuple(pair for pair in answer if pair[0] not in _OWN)
    return Agreed(chosen, headers, tuple(agreed))


def _items(value: bytes) -> list[str]:
    return [item.strip() for item in value.decode("ascii").split(",")]


def tidied(head: bytes) -> HeaderPairs | str:
    """Read the headers of a 101.

    Args:
      head: Status line and header lines, with the blank line.

    Returns:
      The headers that have a meaning there, those of the handshake once each, or what is wrong.

    """
    fields = plain_fields(head)
    if fields is None:
        problem = _no_http(head)
        if problem:
            return problem
        fields = read_fields(head).headers
    own: dict[bytes, list[bytes]] = {}
    pairs = []
    for pair in fields:
        name, value = pair
        if name in _OWN:
            own.setdefault(name, []).append(value)
        elif name not in FRAMING and not value.translate(None, _VALUE):
            pairs.append(pair)
    for name, values in own.items():
        value = values[0] if len(values) == 1 and b"," not in values[0] else _joined(values)
        if name == b"upgrade" and value and value.lower() != b"websocket":
            shown = shown_page(value.decode("latin-1"), MAX_UPGRADE)
            return f"Upgrade is {shown!r}, not 'websocket'"
        if name in _SINGLE and b"," in value:
            return f"{_titled(name)} has several values"
        if value or name != b"sec-websocket-extensions":
            pairs.append((name, value))
    return tuple(pairs)


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
