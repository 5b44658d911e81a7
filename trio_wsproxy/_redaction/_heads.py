"""Heads of requests and answers: of their headers the values are shown that tell no secret.

Which name a program gives to the header with its token, nobody can list; so those are listed whose
values may be shown (:data:`_SHOWN`), and of all others only the names are. What stands in a shown value and is
a URL loses user name and query, a challenge its token, and an offer of subprotocols what does not look
like the name of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from trio_wsproxy._lazy import lazy_pattern

from ._text import HIDDEN
from ._urls import MAX_LOOKED_AT, hide_in_words, shown_page

if TYPE_CHECKING:
    from ._sent import SentSecrets

MAX_VALUE = 1000  # characters of one header's value that are shown

# What HTTP and WebSocket need, and what proxies and servers tell about themselves and a failure.
_SHOWN = frozenset(
    [
        "accept",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "accept-ranges",
        "age",
        "allow",
        "alt-svc",
        "cache-control",
        "connection",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "expires",
        "host",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "max-forwards",
        "mime-version",
        "origin",
        "pragma",
        "proxy-agent",
        "proxy-authenticate",
        "proxy-connection",
        "proxy-status",
        "refresh",
        "retry-after",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "sec-websocket-version",
        "server",
        "strict-transport-security",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "x-cache",
        "x-cache-lookup",
        "x-content-type-options",
        "x-powered-by",
        "x-squid-error",
    ]
)
_REFERENCES = frozenset(("location", "content-location", "refresh", "link"))
_CHALLENGES = frozenset(("proxy-authenticate", "www-authenticate"))

_TOKEN = lazy_pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_FOLD = lazy_pattern(r"\n[ \t]+")
_QUERY = lazy_pattern(r"\?\S*")
_TAIL = lazy_pattern(r"([?#]).*")
_CHALLENGE_TOKEN = lazy_pattern(
    r"\b(negotiate|ntlm|kerberos|bearer|basic)[ \t]+[\w.~+/-]+=*(?=[\s,]|$)", re.IGNORECASE
)
_UNSEEN = lazy_pattern(r"[^ -~…]")
# A subprotocol's name: words and numbers of a version, as in the registry of IANA.
_NAME = lazy_pattern(
    r"(?:[a-z]{1,20}|[A-Z]{1,20}|[A-Z][a-z]{1,20}|[A-Za-z]{0,12}[0-9]{1,3})"
    r"(?:[._+/-](?:[a-z]{1,20}|[A-Z]{1,20}|[A-Z][a-z]{1,20}|[A-Za-z]{0,12}[0-9]{1,3}|[a-z][0-9]{1,2}[a-z]))*"
)
_TELLS_OF_SECRET = lazy_pattern(
    r"auth|bearer|credential|jwt|key|passw|pwd|secret|session|ticket|token", re.IGNORECASE
)
_MAX_NAME = 64  # characters; the longest that is registered has 50
_QUOTED = lazy_pattern(
    r"(illegal (?:header line: bytearray\(b['\"][\w-]{0,64}"
    r"|status line: bytearray\(b['\"](?:HTTP/[\d.]{1,5} \d{1,5})?)).*",
    re.DOTALL,
)


def is_shown(name: str) -> bool:
    """Tell whether the value of a header tells no secret; the name is in lower case."""
    return name in _SHOWN


class LoggedHead:
    """A head that is masked only if a log record is really written."""

    __slots__ = ("_also", "_head", "_sent")

    def __init__(
        self, head: bytes, *, also: Iterable[bytes] = (), sent: SentSecrets | None = None
    ) -> None:
        self._head = head
        self._also = also
        self._sent = sent

    @property
    def is_answer(self) -> bool:
        """Whether a peer has sent it."""
        return self._sent is not None

    def lines(self) -> list[str]:
        """Give its lines, masked."""
        head = self._head if self._sent is None else self._sent.hide(self._head)
        return shown_head_lines(head, also=self._also)

    def __str__(self) -> str:
        return " | ".join(self.lines())


def shown_head_lines(head: bytes, *, also: Iterable[bytes] = ()) -> list[str]:
    """Write the lines of a request's or an answer's head without secrets.

    Args:
      head: The head.
      also: Names of more headers whose values are nobody's business.

    """
    text = head[:MAX_LOOKED_AT].decode("latin-1").replace("\r", "").strip("\n")
    start, _, fields = text.partition("\n")
    # A value goes on where a line begins with a blank (RFC 9112 section 5.2).
    fields = _FOLD.sub(" ", fields)
    hidden = {name.decode("latin-1").lower() for name in also}
    lines = [_QUERY.sub("?…", hide_in_words(start))]
    lines += [_shown_field(line, hidden) for line in fields.split("\n") if line]
    # What a peer sends must not forge records, nor command the terminal.
    return [_UNSEEN.sub("?", line) for line in lines]


def _shown_field(line: str, hidden: set[str]) -> str:
    name, colon, value = line.partition(":")
    key = name.rstrip(" \t").lower()
    if not colon:
        return HIDDEN  # no header at all: it may have been meant as anything
    if key not in _SHOWN or key in hidden:
        shown = name if _TOKEN.fullmatch(key) else hide_in_words(name)
        return f"{shown[:MAX_VALUE]}: {HIDDEN}"
    blank = value[: len(value) - len(value.lstrip(" \t"))]
    value = _shown_value(key, value.strip(" \t"))
    if len(value) > MAX_VALUE:
        value = value[:MAX_VALUE] + "…"
    return f"{name}:{blank}{value}"


def _shown_value(key: str, value: str) -> str:
    if key == "sec-websocket-protocol":
        return shown_subprotocols(value)
    if key in _CHALLENGES:
        value = _CHALLENGE_TOKEN.sub(rf"\1 {HIDDEN}", value)
    value = hide_in_words(value)
    if key in _REFERENCES:  # there is a fragment too, and blanks belong to it
        return _TAIL.sub(r"\1…", value, count=1)
    return _QUERY.sub("?…", value)


def shown_subprotocols(text: str) -> str:
    """Write the subprotocols that were offered or chosen, without tokens.

    Browsers can send no header, so servers take tokens there: ``bearer, TOKEN``. Shown is what
    looks like a name and does not follow one that announces a secret.

    Args:
      text: Names, with commas between them.

    """
    shown, hides_next = [], False
    for item in text[:MAX_LOOKED_AT].split(","):
        name = item.strip(" \t")
        telling = _TELLS_OF_SECRET.search(name)
        if hides_next or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
            # "bearer.TOKEN" tells what it is about.
            shown.append(name[: telling.end()] + HIDDEN if telling and not hides_next else HIDDEN)
        elif telling and telling.end() < len(name):
            shown.append(name[: telling.end()] + HIDDEN)
        else:
            shown.append(name)
        hides_next = telling is not None
    return ", ".join(shown)


def shown_problem(problem: object) -> str:
    """Say what h11 or wsproto dislikes, fit for a message.

    They quote the line of a header that is malformed; of that the name has to do. They quote the
    subprotocol and the extensions that a server chose, too.
    """
    return shown_page(_QUOTED.sub(r"\1…", str(problem)))
