"""What was sent to one peer, so that nothing of it is told where the peer repeats it.

A refusal says ``bad token eyJ…`` in its reason phrase, in the title of its page, in a header; an echo says all of
it. No expression can tell that from other words. But the very bytes are known: those of the request's headers
that are not shown, the credentials in them and the query of its URL, as they were sent and as a page would
write them.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from trio_wsproxy._lazy import lazy_pattern

from ._heads import is_shown, shown_subprotocols
from ._text import HIDDEN

MIN_LENGTH = 4  # bytes; what is shorter is looked for as a word of its own
_MAX_PART = 4096  # bytes of a secret that is looked for at the end of what was cut off
# Of one query, or of one header; it is looked for as a whole, too. A server that redirects writes the query.
_MAX_VALUES = 64
# What is ours in Digest. All else is the challenge's, and a realm of 64 KiB would be thousands of values to
# look for. In what a challenge says, a quotation mark is escaped, so none of this can stand there.
_OURS = lazy_pattern(rb'\b(?:response|cnonce)="([0-9A-Za-z]{8,128})"')
_ENCODED = lazy_pattern(r"%[0-9A-F]{2}")
_UNSAFE = lazy_pattern(r"[<>&]")  # in a page, so Go escapes them in JSON
_CREDENTIALS = frozenset((b"authorization", b"proxy-authorization"))
_HIDDEN = HIDDEN.encode("ascii")


class SentSecrets:
    """The secrets of one exchange; nothing is made of them until somebody tells of an answer."""

    __slots__ = ("_begun", "_found", "_more", "_requests")

    def __init__(self) -> None:
        self._requests: list[tuple[bytes, frozenset[bytes]]] = []
        self._more: set[bytes] = set()
        self._found: list[bytes] | None = None  # the longest first
        self._begun: list[bytes] = []  # the same in alphabetical order

    def __reduce__(self) -> tuple[type[SentSecrets], tuple[()]]:
        """Stay here: what is told in another process was hidden in this one."""
        return SentSecrets, ()

    def add_request(self, head: bytes, *, also: Iterable[bytes] = ()) -> None:
        """Remember what is secret in a request.

        Args:
          head: The request's head.
          also: Names of headers whose values are secret, beside those that always are.

        """
        self._requests.append((head, frozenset(name.lower() for name in also)))
        self._found = None

    def add(self, *values: str | bytes | None) -> None:
        """Remember what is secret and stands in no request: a password that is only proven."""
        for value in values:
            if value:
                data = value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)
                self._more.add(data)
        self._found = None

    def hide(self, data: bytes) -> bytes:
        """Give what a peer sent with each of the secrets in it hidden, and a part of one at its end."""
        return self._without_begun(self._without_whole(data, self._all()))

    @staticmethod
    def _without_whole(data: bytes, secrets: Iterable[bytes]) -> bytes:
        for found in secrets:
            if len(found) >= MIN_LENGTH:
                data = data.replace(found, _HIDDEN)
            elif found in data:
                word = rb"(?<![0-9A-Za-z])" + re.escape(found) + rb"(?![0-9A-Za-z])"
                data = re.sub(word, _HIDDEN, data)
        return data

    def hide_text(self, text: str) -> str:
        """Do the same with a text."""
        data = text.encode("utf-8", "surrogatepass")
        hidden = self.hide(data)
        return text if hidden == data else hidden.decode("utf-8", "replace")

    def hide_headers(
        self, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Do the same with the values of headers, in which no line ends.

        A head may have twenty thousand of them, so each secret is looked for once, in all of them.
        """
        pairs = list(headers)
        if not pairs:
            return ()
        lines = b"\n".join(value.replace(b"\n", b" ") for _, value in pairs)
        secrets = (found for found in self._all() if b"\n" not in found)
        values = self._without_whole(lines, secrets).split(b"\n")
        return tuple(
            (name, self._without_begun(value))
            for (name, _), value in zip(pairs, values, strict=True)
        )

    def _without_begun(self, data: bytes) -> bytes:
        """Hide a secret that was cut off: a network gives its pieces one by one."""
        begun = self._begun
        for start in range(max(0, len(data) - _MAX_PART), len(data) - MIN_LENGTH + 1):
            end = data[start:]
            place = bisect_left(begun, end)  # where those are that begin with it
            if place < len(begun) and begun[place].startswith(end):
                return data[:start] + _HIDDEN
        return data

    def _all(self) -> list[bytes]:
        if self._found is None:
            self._begun = sorted(set(self._made()))
            self._found = sorted(self._begun, key=len, reverse=True)
        return self._found

    def _made(self) -> Iterator[bytes]:
        for value in self._more:
            yield from _forms(value)
        for head, also in self._requests:
            for value in _secrets_of(head, also):
                yield from _forms(value)


def _secrets_of(head: bytes, also: frozenset[bytes]) -> Iterator[bytes]:
    """Find what is secret in a request."""
    start, *lines = head.replace(b"\r", b"").split(b"\n")
    _, _, query = start.rpartition(b" ")[0].partition(b"?")
    yield query
    yield from _values(re.split(rb"[&;]", query))
    for line in lines:
        name, _, value = line.partition(b":")
        key, value = name.strip().lower(), value.strip()
        if key == b"sec-websocket-protocol":
            yield from _of_subprotocols(value)
        elif not value or (is_shown(key.decode("latin-1")) and key not in also):
            continue
        elif key in _CREDENTIALS:
            yield from _of_credentials(value)
        elif len(value) >= MIN_LENGTH:
            yield value
            yield from _values(re.split(rb"; *", value))
            if len(value.split(b" ")) == 2:  # credentials under a name of somebody's own
                yield from _of_credentials(value)


def _values(pairs: list[bytes]) -> Iterator[bytes]:
    for pair in islice(pairs, _MAX_VALUES):
        value = pair.partition(b"=")[2]
        if len(value) >= MIN_LENGTH:
            yield value


def _of_subprotocols(value: bytes) -> Iterator[bytes]:
    """Find those that are no names."""
    shown = shown_subprotocols(value.decode("latin-1")).split(", ")
    for item, told in zip(value.split(b","), shown, strict=False):
        if item.strip().decode("latin-1") != told:
            yield item.strip()


def _of_credentials(value: bytes) -> Iterator[bytes]:
    """Find what is secret in credentials: all of it, and in Basic the password, which is encoded."""
    scheme, _, token = value.partition(b" ")
    if scheme.lower() == b"digest":
        yield from _OURS.findall(token)
        return
    yield token.strip()
    yield token.strip().rstrip(b"=")
    if scheme.lower() != b"basic":
        yield from (x.strip(b' "') for x in _values(token.split(b",")) if len(x) > 2 * MIN_LENGTH)
        return
    try:
        decoded = base64.b64decode(token, validate=True)
    except binascii.Error:
        return
    username, _, password = decoded.partition(b":")
    yield decoded
    yield password or username  # a lone user name is a key as often as not


def _forms(value: bytes) -> Iterator[bytes]:
    """Write a secret as a URL, a page and JSON do; Go, .NET and PHP each have a way of their own."""
    import html
    import json
    from urllib.parse import quote, quote_plus, unquote_to_bytes

    if not value:
        return
    text = value.decode("utf-8", "replace")
    yield value
    yield unquote_to_bytes(value.replace(b"+", b" "))
    yield unquote_to_bytes(value)
    quoted = (quote(value, safe=""), quote(value), quote_plus(value))
    page = html.escape(text)
    written = json.dumps(text)[1:-1]
    for form in (
        *quoted,
        *(_ENCODED.sub(lambda found: found[0].lower(), form) for form in quoted),
        page,
        page.replace("&#x27;", "&#39;"),
        page.replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        html.escape(text, quote=False),
        written,
        written.replace("/", "\\/"),
        _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written),
        json.dumps(text, ensure_ascii=False)[1:-1],
    ):
        yield form.encode("utf-8", "replace")
    with suppress(UnicodeEncodeError):
        yield text.encode("latin-1")
