"""Headers that somebody gives as an argument: checked, and brought into h11's form.

What h11 would refuse is refused here, before anything is dialed, and no message shows a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import h11

from trio_wsproxy._failures import Value, words
from trio_wsproxy._redaction import kind_of, secret

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

# Ours to write: a body or a second authority would break what the request is for.
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
CONNECT_OWNED = FRAMING | {b"host"}


def header_pairs(
    headers: HeadersArgument | None, *, name: Value, reserved: Collection[bytes] = ()
) -> HeaderPairs:
    """Bring headers into h11's form, and refuse what h11 would refuse, before anything is sent.

    Args:
      headers: A mapping, or pairs of names and values; ``str`` is encoded as Latin-1, as
        HTTP field values are (RFC 9110 section 5.5).
      name: The argument they came from, for the message.
      reserved: Names, in lower case, that the caller sets itself.

    Returns:
      Pairs of bytes, in the order given; values hide themselves in ``repr()``.

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
            raise ValueError(
                words(
                    "{option}: the header {shown!r} is not yours to set", option=name, shown=shown
                )
            )
        if pair[0] is None or pair[1] is None or not _accepted_by_h11(pair[0], pair[1]):
            raise ValueError(
                words(
                    "{option}: HTTP does not allow the name or value of header {shown!r}",
                    option=name,
                    shown=shown,
                )
            )
        pairs.append((pair[0], secret(pair[1])))
    return tuple(pairs)


def proxy_header_pairs(
    headers: ProxyHeadersArgument | None, *, name: Value
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
        raise TypeError(f"header names and values are str or bytes, not {kind_of(text)}")
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
