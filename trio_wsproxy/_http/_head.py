"""The cut between an HTTP answer's head and what follows it.

A proxy's ``CONNECT`` and the server's upgrade begin as HTTP/1.1 and then become something else
in the middle of a stream, so the one thing that must never go wrong is the place of the cut.
:class:`Head` finds it: bytes go in as they come from the network, split anywhere, and out come
the head (status line and headers, up to and including the blank line) and whatever followed it.
The meaning of the head is h11's business.
"""

from __future__ import annotations

import re

from trio_wsproxy._redaction import shown_bytes

from ._headers import FRAMING

MAX_HEAD = 64 * 1024  # bytes; curl stops at 300 KiB, h11 at 16 KiB, IIS sends 16 KiB and more

# h11 takes quadratic time over a run of them that ends in what no header may have in it: 23 s of
# the event loop for 64 KiB. Bounded below, so that this expression does not.
_LONG_BLANKS = re.compile(rb"[ \t]{16,}")
_BLANK_LINE = re.compile(rb"\n\r?\n")  # LF alone ends a line too (RFC 9112 section 2.2)


class NotHTTP(Exception):  # it never leaves this package; callers name the peer
    """The bytes are not the head of an HTTP/1.x answer; ``str()`` says what they are.

    Attributes:
      speaks (str): ``"TLS"`` or ``"SOCKS"`` where that is what they are, else nothing.

    """

    def __init__(self, text: str, speaks: str = "") -> None:
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
            self._searched = max(0, len(self._buffer) - 2)  # the blank line may be cut in two
            return None
        return _LONG_BLANKS.sub(b" ", self._buffer[:end]), bytes(self._buffer[end:])

    @property
    def partial(self) -> bytes:
        """What has come so far of a head that is not complete."""
        return bytes(self._buffer)


def _guess(data: bytes) -> NotHTTP:
    """Name what the first bytes of something that is not HTTP look like."""
    if data[:2] == b"\x15\x03":
        return NotHTTP("a TLS alert: that port speaks TLS", "TLS")
    if data[:1] == b"\x05" or (data[:1] == b"\x00" and data[1:2] in (b"Z", b"[", b"\\", b"]")):
        return NotHTTP(f"a SOCKS reply ({data[:8]!r}): that port speaks SOCKS", "SOCKS")
    if data[:4] == b"SSH-":
        return NotHTTP(f"the greeting of an SSH server ({shown_bytes(data, 40)})")
    return NotHTTP(f"{shown_bytes(data, 40)}, which is not HTTP")


def status_code(head: bytes) -> int:
    """Read the status code off a head's first line.

    Raises:
      NotHTTP: The line is not a status line (RFC 9112 section 4).

    """
    line = head.split(b"\n", 1)[0].rstrip(b"\r")
    match = re.match(rb"HTTP/1\.[0-9] ([0-9]{3})(?: |$)", line)
    if match is None:
        raise NotHTTP(f"the status line {shown_bytes(line, 60)}")
    return int(match[1])


def without_framing(head: bytes) -> bytes:
    """Drop ``Content-Length`` and ``Transfer-Encoding`` from a head.

    A 2xx answer to CONNECT has no content; a client must ignore these headers there
    (RFC 9110 section 9.3.6), but h11 refuses an answer in which they contradict each other.
    """
    lines = head.split(b"\n")
    return b"\n".join(x for x in lines if x.split(b":", 1)[0].strip().lower() not in FRAMING)
