"""The cut between an HTTP answer's head and what follows it.

A proxy's ``CONNECT`` and the server's upgrade begin as HTTP/1.1 and then become something else
in the middle of a stream, so the one thing that must never go wrong is the place of the cut.
:class:`Head` finds it: bytes go in as they come from the network, split anywhere, and out come
the head (status line and headers, up to and including the blank line) and whatever followed it.

What the head says, :func:`read_fields` reads, and not h11: where curl connects we are to connect, and
many a proxy puts a line into its answer that h11 refuses all of it for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import shown_bytes

from ._headers import FRAMING, HeaderPairs
from ._sign import Speaks, sign_of

MAX_HEAD = 64 * 1024  # bytes; curl stops at 300 KiB, h11 at 16 KiB, IIS sends 16 KiB and more

# h11 takes quadratic time over a run of them that ends in what no header may have in it: 23 s of
# the event loop for 64 KiB. Bounded below, so that this expression does not.
_LONG_BLANKS = re.compile(rb"[ \t]{16,}")
# LF alone ends a line too (RFC 9112 section 2.2). What writes CR LF to a file or a socket that makes
# CR LF of LF sends CR CR LF. Bounded, so that each piece costs no more than what is new in it.
_MAX_CR = 15
_BLANK_LINE = re.compile(rb"\n\r{0,%d}\n" % _MAX_CR)
_STATUS = re.compile(rb"HTTP/1\.([0-9]{1,2})[ \t]+([0-9]{3})(?![0-9])")
_NAME = lazy_pattern(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110 section 5.6.2
_NOT_IN_VALUES = lazy_pattern(rb"[\x00\r\x0b\x0c]")
# A head that needs no judgement: each line has a token, a colon, and what a value may have in it.
_PLAIN = re.compile(
    rb"HTTP/1\.[0-9][^\r\n]*\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*\r\n"
)
_LENGTH = lazy_pattern(rb"[0-9]{1,20}")  # as many digits as h11 takes


class NotHTTP(Exception):  # it never leaves this package; callers name the peer
    """The bytes are not the head of an HTTP/1.x answer; ``str()`` says what they are.

    Attributes:
      speaks (str): The protocol that they were recognised as (:data:`Speaks`), if any.

    """

    def __init__(self, text: str, speaks: Speaks = "") -> None:
        super().__init__(text)
        self.speaks = speaks


class Head:
    """Cuts an HTTP/1.x answer's head off a stream of bytes (RFC 9112 section 2.2)."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes | bytearray) -> tuple[bytes, bytes] | None:
        """Take more bytes.

        Returns:
          The head, with long runs of blanks shortened, and the bytes behind it once the head is
          complete, else ``None``.

        Raises:
          NotHTTP: This cannot become an HTTP answer, or the head is larger than
            :data:`MAX_HEAD` bytes.

        """
        self._buffer += data
        if self._buffer[:5] != b"HTTP/"[: len(self._buffer)]:
            raise _guess(bytes(self._buffer))
        match = _BLANK_LINE.search(self._buffer, self._searched)
        end = match.end() if match else len(self._buffer)
        if end > MAX_HEAD:
            raise NotHTTP(f"an HTTP head of more than {MAX_HEAD // 1024} KiB")
        if match is None:
            self._searched = max(0, len(self._buffer) - _MAX_CR - 1)  # it may be cut in two
            return None
        return _LONG_BLANKS.sub(b" ", self._buffer[:end]), bytes(self._buffer[end:])

    @property
    def partial(self) -> bytes:
        """What has come so far of a head that is not complete."""
        return bytes(self._buffer)


def _guess(data: bytes) -> NotHTTP:
    """Name what the first bytes of something that is not HTTP look like."""
    speaks, what = sign_of(data)
    if speaks in ("", "HTTP"):  # nearly HTTP, or behind something that does not belong there
        return NotHTTP(f"{shown_bytes(data, 40)}, which is not HTTP")
    tail = ", which is not HTTP" if speaks == "words" else f": that port speaks {speaks}"
    return NotHTTP(what + tail, speaks)


def status_code(head: bytes) -> int:
    """Read the status code off a head's first line.

    As curl does: what stands before and behind the three digits does not matter, more than one
    blank, or none in front of the reason.

    Raises:
      NotHTTP: The line is not a status line (RFC 9112 section 4).

    """
    match = _STATUS.match(head)
    if match is None:
        line = head[: head.find(b"\n")].rstrip(b"\r")
        raise NotHTTP(f"the status line {shown_bytes(line, 60)}")
    return int(match[2])


class Fields(NamedTuple):
    """What an answer's head says.

    Attributes:
      version: The second number of HTTP's version.
      reason: The phrase behind the status.
      headers: The header lines that HTTP allows, names in lower case.
      framing: The one line that tells where the body ends, as h11 takes it; nothing where none
        does, or where they contradict each other: then the end of the stream does.

    """

    version: int
    reason: bytes
    headers: HeaderPairs
    framing: bytes


def plain_fields(head: bytes) -> HeaderPairs | None:
    """Read the header lines of a head in which nothing is odd, as nearly all are.

    Args:
      head: Up to and including the blank line.

    Returns:
      The pairs, names in lower case; ``None`` where a line is folded, illegal, or ends with LF alone.

    """
    if not _PLAIN.fullmatch(head):
        return None
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:-2]]
    return tuple((name.lower(), value.strip(b" \t")) for name, _, value in fields)


def read_fields(head: bytes) -> Fields:
    """Read a head, whose status line has been seen to be one.

    Lines that HTTP does not allow are left out: without a colon, with a name that is no token, with
    a NUL or a bare CR in the value. Blanks between name and colon are taken away, as RFC 9112
    section 5.1 tells proxies to do with answers. A framing header that is broken in any such way
    makes all of them void: where a body ends must not be a matter of taste.

    Args:
      head: Up to and including the blank line.

    """
    lines = head.split(b"\n")
    match = _STATUS.match(head)
    assert match is not None  # by contract
    reason = lines[0][match.end() :].strip(b" \t\r")
    plain = plain_fields(head)
    if plain is not None:
        return Fields(int(match[1]), reason, plain, _framing(plain))
    headers: list[tuple[bytes, bytes]] = []
    framing_is_broken = False
    for line in _unfolded(lines[1:]):
        name, colon, value = line.partition(b":")
        key = name.rstrip(b" \t")
        legal = colon and _NAME.fullmatch(key) and not _NOT_IN_VALUES.search(value)
        if key.strip().lower() in FRAMING and (not legal or key != name):
            framing_is_broken = True
        elif legal:
            headers.append((key.lower(), value.strip(b" \t")))
    pairs = tuple(headers)
    return Fields(int(match[1]), reason, pairs, b"" if framing_is_broken else _framing(pairs))


def _unfolded(lines: list[bytes]) -> Iterator[bytes]:
    """Join what goes on where a line begins with a blank (RFC 9112 section 5.2), until the end."""
    gathered: list[bytes] = []
    for line in lines:
        text = line.rstrip(b"\r")
        if text[:1] not in (b" ", b"\t") and gathered:
            yield b" ".join(gathered)
            gathered.clear()
        if text:
            gathered.append(text.strip(b" \t") if gathered else text)
    if gathered:
        yield b" ".join(gathered)


def _framing(headers: HeaderPairs) -> bytes:
    """Find the header that tells where the body ends (RFC 9112 section 6.3)."""
    found: dict[bytes, set[bytes]] = {}
    for name, value in headers:
        if name in FRAMING:
            items = {item.strip(b" \t").lower() for item in value.split(b",")}
            found[name] = found.get(name, set()) | items
    # "identity" is the old word for none (RFC 2616 section 3.6).
    codings = found.get(b"transfer-encoding", set()) - {b"identity"}
    if codings:
        return b"Transfer-Encoding: chunked\r\n" if codings == {b"chunked"} else b""
    lengths = found.get(b"content-length", set())
    if len(lengths) != 1:
        return b""
    length = lengths.pop()
    return b"Content-Length: %b\r\n" % length if _LENGTH.fullmatch(length) else b""
