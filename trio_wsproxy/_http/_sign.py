"""What speaks at the other end of a connection, by the first bytes of an answer that was not expected.

Each protocol begins in its own way, whoever is asked for what: TLS with the type and the version of a
record, SOCKS with its version, HTTP/2 with a frame of settings, and services that people type into with
words. One who has mistaken a port or a scheme is told which one is right, so what is recognised is data;
:class:`Sign` says how it is called.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from trio_wsproxy._redaction import shown_bytes, shown_page

#: What is recognised; ``"words"`` is any service that begins with a line of text, and nothing is the rest.
Speaks: TypeAlias = Literal["TLS", "SOCKS5", "SOCKS4", "HTTP", "HTTP/2", "words", ""]

MAX_SHOWN = 40  # bytes of an answer in a message
_MAX_LINE = 60  # characters of a greeting or a status line
_MIN_WORDS = 4  # characters; less may be anything
_SETTINGS, _NO_STREAM = 4, bytes(4)  # RFC 9113 section 6.5: the first frame of a server
_ANSWERS_OF_SOCKS4 = (0x5A, 0x5B, 0x5C, 0x5D)


class Sign(NamedTuple):
    """What an answer was recognised as.

    Attributes:
      speaks: The protocol.
      what: The answer, fit for a message: "a TLS alert".

    """

    speaks: Speaks
    what: str


def sign_of(data: bytes) -> Sign:
    """Recognise the beginning of an answer.

    Args:
      data: Its first bytes, as many as have come.

    """
    if data[:1] in (b"\x15", b"\x16") and data[1:2] == b"\x03":
        return Sign("TLS", "a TLS alert" if data[0] == 0x15 else "a TLS message")
    if data[:1] == b"\x05":
        return Sign("SOCKS5", f"a SOCKS5 reply ({data[:8]!r})")
    if data[:1] == b"\x00" and data[1:2] and data[1] in _ANSWERS_OF_SOCKS4:
        return Sign("SOCKS4", f"a SOCKS4 reply ({data[:8]!r})")
    if len(data) >= 9 and data[3] == _SETTINGS and data[4] <= 1 and data[5:9] == _NO_STREAM:
        return Sign("HTTP/2", "a frame of HTTP/2")
    if len(data) > 1 and data[:5] == b"HTTP/"[: len(data)]:
        return Sign("HTTP", f"HTTP ({_line(data)!r})" if b"\n" in data else "HTTP")
    return _words(data) or Sign("", shown_bytes(data, MAX_SHOWN))


def _words(data: bytes) -> Sign | None:
    """Recognise a service that begins with a line of text: SSH, mail, a page without a head."""
    line = _line(data)
    if data.startswith(b"SSH-"):
        return Sign("words", f"the greeting of an SSH server ({line!r})")
    if data.lstrip().startswith(b"<"):
        return Sign("words", f"a web page ({line!r})")
    first = data.strip().partition(b"\n")[0].rstrip()[:_MAX_LINE]
    if len(first) >= _MIN_WORDS and all(32 <= byte < 127 for byte in first):  # ASCII, no controls
        return Sign("words", repr(line))
    return None


def _line(data: bytes) -> str:
    """Give the first line of a text, fit to be shown."""
    return shown_page(data.strip().partition(b"\n")[0].decode("latin-1").strip(), _MAX_LINE)
