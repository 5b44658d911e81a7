"""What both HTTP conversations need: a proxy's ``CONNECT`` and the server's upgrade.

Each begins as HTTP/1.1 and then becomes something else in the middle of a stream, so the
one thing that must never go wrong is the place of the cut. :class:`Head` finds it: bytes go
in as they come from the network, split anywhere, and out come the head (status line and
headers, up to and including the blank line) and whatever followed it. The meaning of the
head is h11's business.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import h11

from trio_wsproxy._redaction import USERINFO, printable

HeaderPairs = tuple[tuple[bytes, bytes], ...]
HeadersArgument = (
    Mapping[str, str] | Mapping[bytes, bytes] | Sequence[tuple[str | bytes, str | bytes]]
)
# With None for a value: a header that is not to be sent.
ProxyHeadersArgument = (
    Mapping[str, str]
    | Mapping[bytes, bytes]
    | Mapping[str, str | None]
    | Sequence[tuple[str | bytes, str | bytes | None]]
)

MAX_HEAD = 64 * 1024  # bytes; curl stops at 300 KiB, h11 at 16 KiB, IIS sends 16 KiB and more
MAX_BODY = 8 * 1024  # bytes of a refusal's body that are kept; an error page's title is in there

# Ours to write: a body or a second authority would break what the request is for.
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
CONNECT_OWNED = FRAMING | {b"host"}

_BLANK_LINE = re.compile(rb"\n\r?\n")  # LF alone ends a line too (RFC 9112 section 2.2)

# Names of headers whose values are secrets, as far as a name can tell.
_MASKED_HEADERS = (
    r"[\w-]{0,64}(?:authorization|authentication-info|cookie|token|secret|password|api-?key|session)"
    r"[\w-]{0,64}"
)
_QUERY = re.compile(r"\?\S*")
# Headers that are URLs: there is a fragment too, and blanks in it belong to it.
_REFERENCE = re.compile(
    r"^([^\S\n]*(?:content-)?(?:location|refresh|link)[^\S\n]*:[^\n?#]*[?#])[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_CHALLENGE = re.compile(r"^[^\S\n]*(?:proxy|www)-authenticate[^\n]*", re.IGNORECASE | re.MULTILINE)
_CHALLENGE_TOKEN = re.compile(
    r"\b(negotiate|ntlm|kerberos)[ \t]+[\w.~+/-]+=*(?=[\s,]|$)", re.IGNORECASE
)


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
          The head and the bytes behind it once the head is complete, else ``None``.

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
        return bytes(self._buffer[:end]), bytes(self._buffer[end:])

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
        return NotHTTP(f"the greeting of an SSH server ({data[:40]!r})")
    return NotHTTP(f"{data[:40]!r}, which is not HTTP")


def status_code(head: bytes) -> int:
    """Read the status code off a head's first line.

    Raises:
      NotHTTP: The line is not a status line (RFC 9112 section 4).

    """
    line = head.split(b"\n", 1)[0].rstrip(b"\r")
    match = re.match(rb"HTTP/1\.[0-9] ([0-9]{3})(?: |$)", line)
    if match is None:
        raise NotHTTP(f"the status line {line[:60]!r}")
    return int(match[1])


class LoggedHead:
    """A head that is masked only if a log record is really written."""

    def __init__(self, head: bytes, *, also: Iterable[bytes] = ()) -> None:
        self._head = head
        self._also = also

    def __str__(self) -> str:
        return masked_head(self._head, also=self._also)


def masked_head(head: bytes, *, also: Iterable[bytes] = ()) -> str:
    """Write a head for the log, in one line; see :func:`masked_lines`."""
    return " | ".join(masked_lines(head, also=also))


def masked_lines(head: bytes, *, also: Iterable[bytes] = ()) -> list[str]:
    """Write the lines of a request's or an answer's head without secrets.

    Credentials and cookies become ``***``, and so does what stands in front of a URL's host;
    queries become ``?…``, in the request line, in ``Location`` and anywhere else.

    Args:
      head: The head.
      also: Names of more headers whose values are nobody's business.

    """
    names = "|".join([_MASKED_HEADERS, *(re.escape(x.decode("latin-1")) for x in also)])
    # A value goes on where a line begins with a blank (RFC 9112 section 5.2).
    text = re.sub(r"\n[ \t]+", " ", head.decode("latin-1").replace("\r", "").strip("\n"))
    secret = rf"^({names})([^\S\n]*:)[^\n]*"
    text = re.sub(secret, r"\1\2 ***", text, flags=re.IGNORECASE | re.MULTILINE)
    text = _CHALLENGE.sub(lambda line: _CHALLENGE_TOKEN.sub(r"\1 ***", line[0]), text)
    text = _REFERENCE.sub(r"\1…", USERINFO.sub("***@", text))
    text = _QUERY.sub("?…", text)
    # What a peer sends must not forge records, nor command the terminal.
    return [re.sub(r"[^ -~…]", "?", line) for line in text.split("\n")]


def complaint(problem: object) -> str:
    """Say what h11 or wsproto dislikes, fit for a message.

    They quote the line of a header that is malformed; of that the name has to do.
    """
    quoted = re.compile(r"(illegal header line: bytearray\(b['\"][\w-]{0,64}).*", re.DOTALL)
    return printable(quoted.sub(r"\1…", str(problem)))


def without_framing(head: bytes) -> bytes:
    """Drop ``Content-Length`` and ``Transfer-Encoding`` from a head.

    A 2xx answer to CONNECT has no content; a client must ignore these headers there
    (RFC 9110 section 9.3.6), but h11 refuses an answer in which they contradict each other.
    """
    lines = head.split(b"\n")
    return b"\n".join(x for x in lines if x.split(b":", 1)[0].strip().lower() not in FRAMING)


def header_pairs(
    headers: HeadersArgument | None, *, name: str, reserved: Collection[bytes] = ()
) -> HeaderPairs:
    """Bring headers into h11's form, and refuse what h11 would refuse, before anything is sent.

    Args:
      headers: A mapping, or pairs of names and values; ``str`` is encoded as Latin-1, as
        HTTP field values are (RFC 9110 section 5.5).
      name: The argument they came from, for the message.
      reserved: Names, in lower case, that the caller sets itself.

    Returns:
      Pairs of bytes, in the order given.

    Raises:
      ValueError: A name or value is not allowed in an HTTP header. Neither the message nor
        what is chained to it shows the value, which may be a token.
      TypeError: A name or value is neither ``str`` nor ``bytes``.

    """
    items: Iterable[tuple[str | bytes, str | bytes]]
    items = headers.items() if isinstance(headers, Mapping) else headers or ()
    pairs = []
    for key, value in items:
        pair = _to_bytes(key), _to_bytes(value)
        # Somebody may have put the whole line into the name.
        shown = (pair[0] or b"").decode("latin-1").partition(":")[0]
        if pair[0] is not None and pair[0].lower() in reserved:
            raise ValueError(f"{name}: the header {shown!r} is not yours to set")
        if pair[0] is None or pair[1] is None or not _accepted_by_h11(pair[0], pair[1]):
            raise ValueError(f"{name}: HTTP does not allow the name or value of header {shown!r}")
        pairs.append((pair[0], pair[1]))
    return tuple(pairs)


def proxy_header_pairs(
    headers: ProxyHeadersArgument | None, *, name: str
) -> tuple[HeaderPairs, frozenset[bytes]]:
    """Bring the headers of a ``CONNECT`` request into h11's form, like :func:`header_pairs`.

    Args:
      headers: As there; the value ``None`` stands for a header that is not to be sent.
      name: The argument they came from, for the message.

    Returns:
      The pairs to send, and the names, in lower case, of what is not to be sent.

    Raises:
      ValueError: As there.
      TypeError: As there.

    """
    items: Iterable[tuple[str | bytes, str | bytes | None]]
    items = list(headers.items() if isinstance(headers, Mapping) else headers or ())
    kept = [(key, value) for key, value in items if value is not None]
    omitted = [(key, b"") for key, value in items if value is None]
    checked = header_pairs(omitted, name=name, reserved=CONNECT_OWNED)
    return (
        header_pairs(kept, name=name, reserved=CONNECT_OWNED),
        frozenset(key.lower() for key, _ in checked),
    )


def _to_bytes(text: str | bytes) -> bytes | None:
    if isinstance(text, (bytes, bytearray, memoryview)):
        return bytes(text)
    if not isinstance(text, str):
        raise TypeError(f"header names and values are str or bytes, not {type(text).__name__}")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _accepted_by_h11(name: bytes, value: bytes) -> bool:
    # A Host header of the caller's own is the only one then; two would be refused.
    host = [] if name.lower() == b"host" else [(b"host", b"x")]
    try:
        h11.Request(method=b"GET", target=b"/", headers=[*host, (name, value)])
    except h11.LocalProtocolError:
        return False
    return True
