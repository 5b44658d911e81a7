r"""What may be shown, and to whom: the one place that masks and escapes.

Text of a peer or of a setting may hold a secret, and may hold what a terminal obeys. Whatever of
it goes into a message, log record, report or JSON passes one of these, by what it is:

* :func:`shown_text`: words, in a message of one line.
* :func:`shown_page`: words in which URLs may stand, such as a page's title or a reason phrase.
* :func:`shown_url`: a URL, or what somebody wrote in place of one.
* :func:`shown_setting`: a list of names, where a URL may stand by mistake.
* :func:`shown_head`, :func:`shown_head_lines`, :class:`LoggedHead`: a request's or answer's head.
* :func:`shown_problem`: what h11 or wsproto dislikes, for they quote headers.
* :func:`escaped`: what is meant to be read as it was written, such as a close reason; and all that
  the command line writes to a terminal.

A secret becomes :data:`HIDDEN`, a character that is not printable ``?`` or, escaped, ``\x1b``. The
text is foreign: each of these takes linear time, and what it shows is bounded, but for a head,
which is bounded where it is read, and for :func:`escaped`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trio_wsproxy._lazy import lazy_pattern

HIDDEN = "***"  # in place of a secret
MAX_SHOWN = 200  # characters of what others wrote; a message is read by a person
MAX_SETTING = 4096  # characters of a list that the user wrote; "explain" is to show it whole

# A user name and password before a host. A password that should have been encoded may hold "/",
# "?" and more; then it is the ":" with no port behind it that tells. Bounded, for time's sake.
_USERINFO = lazy_pattern(
    r"(?<=//)(?:[^/?#\s]*|(?!\[)[^/?#\s@]{0,200}:(?!\d{1,5}(?:[/?#\s]|$))\S{0,200})@"
)

# Names of headers whose values are secrets, as far as a name can tell.
_MASKED_HEADERS = (
    r"[\w-]{0,64}(?:authorization|authentication-info|cookie|token|secret|password|api-?key|session)"
    r"[\w-]{0,64}"
)
# Up to its ":" a name that is no token (RFC 9110 section 5.6.2), but for blanks at its end.
_ILLEGAL_NAME = lazy_pattern(
    r"^(?![!#$%&'*+.^_`|~0-9A-Za-z-]+[^\S\n]*:)([^:\n]*:)[^\n]*", re.MULTILINE
)
_QUERY = lazy_pattern(r"\?\S*")
# Headers that are URLs: there is a fragment too, and blanks in it belong to it.
_REFERENCE = lazy_pattern(
    r"^([^\S\n]*(?:content-)?(?:location|refresh|link)[^\S\n]*:[^\n?#]*[?#])[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_CHALLENGE = lazy_pattern(
    r"^[^\S\n]*(?:proxy|www)-authenticate[^\n]*", re.IGNORECASE | re.MULTILINE
)
_CHALLENGE_TOKEN = lazy_pattern(
    r"\b(negotiate|ntlm|kerberos)[ \t]+[\w.~+/-]+=*(?=[\s,]|$)", re.IGNORECASE
)
_SCHEME_PATTERN = r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//"
_SCHEME = lazy_pattern(_SCHEME_PATTERN)
# Up to the end of an IPv6 literal, in which there may be a ":1:" that is no port.
_ADDRESS = lazy_pattern(
    rf"(?:{_SCHEME_PATTERN})?(?:{re.escape(HIDDEN)}@)?\[[0-9A-Fa-f:.]*(?:%[\w.~\-]*)?\]"
)
_BEHIND_PORT = lazy_pattern(r"(:[0-9]+:).+", re.DOTALL)
# Behind the "@" of host:port:user@corp:password stands no host.
_NO_PORT = lazy_pattern(r"(@[^/?#:\[\]]*:)(?!\d{0,5}(?:[/?#]|$)).+", re.DOTALL)
_AT = lazy_pattern("@|%40")
_PASSWORD = lazy_pattern(r"^[^/:]*:(?!\d{0,5}(?:/|$))")  # no port behind the first ":"
_SELLERS = lazy_pattern(r"(?:\[[^\]/@]*\]|[^/:@\[\]]*):[0-9]+:")
_TAIL = lazy_pattern(r"([?#]).*", re.DOTALL)
# In a list: what has two ":" and what else belongs to it. It may be an IPv6 address, too.
_SELLERS_IN_LIST = lazy_pattern(
    rf"(?<![^\s,;])(?P<before>(?:{_SCHEME_PATTERN})?(?:\[[^\]\s,;]*\]|[^/:\[\]\s,;]*):[0-9]+:)[^\s,;]*"
)
_IPV6_IN_LIST = lazy_pattern(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[\w.~\-]*)?(?:/[0-9]*)?")
_QUERY_IN_WORDS = lazy_pattern(r"\?\S+")
# As sellers of proxies write it, among words; bounded as a host name is.
_BEHIND_PORT_IN_WORDS = lazy_pattern(r"(//[^/?#:\s\[\]]{0,255}:[0-9]{1,5}:)\S+")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# What a terminal obeys instead of showing it: C0, DEL and C1, the other line ends of Unicode,
# the controls that turn the direction of text; and what cannot be encoded, lone surrogates.
# Joiners and wide blanks are left, for emoji and scripts that need them.
_OBEYED = lazy_pattern(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


_QUOTED = lazy_pattern(
    r"(illegal (?:header line: bytearray\(b['\"][\w-]{0,64}"
    r"|status line: bytearray\(b['\"](?:HTTP/[\d.]{1,5} \d{1,5})?)).*",
    re.DOTALL,
)


def shown_text(text: str, limit: int = MAX_SHOWN) -> str:
    """Make words fit for a message: one line, bounded, nothing that is obeyed or not seen.

    Args:
      text: From the network.
      limit: Characters to keep.

    """
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def shown_page(text: str, limit: int = MAX_SHOWN) -> str:
    """Make words fit for a message in which URLs may stand: no user name, no query.

    Args:
      text: A page's title, a reason phrase, a library's complaint.
      limit: Characters to keep.

    """
    return shown_text(_QUERY_IN_WORDS.sub("?…", _hide_in_words(text)), limit)


def _hide_in_words(text: str) -> str:
    """Hide the credentials of all URLs that stand in a text."""
    return _BEHIND_PORT_IN_WORDS.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", text))


def shown_url(text: str) -> str:
    """Make a URL, or any unparsable text in its place, fit for a message.

    Hidden are everything between ``//`` (or the start, if there is no scheme) and the last ``@``,
    a query or a fragment, and what follows ``host:port:`` (sellers of proxies write
    ``host:port:user:password``). Long texts are cut.

    Args:
      text: The text as the user or a peer wrote it.

    Returns:
      The masked text, without blanks around it.

    """
    text = text.strip()
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    tail = _TAIL.search(text, start)
    before = text[start : tail.start()] if tail else text[start:]
    # A query with an "@" in it, or a password with a "?": what looks like neither user:password
    # nor like one "@" may have its secret on both sides. So may host:port:user:p@ssword.
    in_tail = tail is not None and _AT.search(tail[0])
    odd = in_tail and (_AT.search(before) or not _PASSWORD.search(before))
    if odd or (_SELLERS.match(before) and _AT.search(text, start)):
        return shown_text(f"{text[:start]}{HIDDEN}@…")
    shown = _TAIL.sub(r"\1…", hide_userinfo(text), count=1)
    shown = _NO_PORT.sub(rf"\1{HIDDEN}", shown, count=1)
    address = _ADDRESS.match(shown)
    start = address.end() if address else 0
    return shown_text(shown[:start] + _BEHIND_PORT.sub(rf"\1{HIDDEN}", shown[start:], count=1))


def hide_userinfo(text: str) -> str:
    """Hide everything between ``//``, or the start, and the last ``@``.

    Works on any text, whether it can be parsed or not. A ``%40`` counts as an ``@``: who
    encoded too much has still written a password before it.

    Args:
      text: A URL, or what somebody wrote in place of one.

    Returns:
      The text with ``***@`` in that place; it is not yet fit to be shown.

    """
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme else 0
    end = max(text.rfind("@") + 1, text.rfind("%40") + 3 if "%40" in text else 0)
    return f"{text[:start]}{HIDDEN}@{text[end:]}" if end > start else text


def holds_userinfo(text: str) -> bool:
    """Tell whether :func:`hide_userinfo` finds something to hide."""
    return hide_userinfo(text) != text


def holds_secret(text: str) -> bool:
    """Tell whether :func:`shown_setting` finds something to hide in a list."""
    return _without_secrets(text) != text


def shown_setting(text: str) -> str:
    """Make a list such as ``no_proxy`` fit for an explanation: escaped, no secrets.

    A password may hold what separates entries, so what is hidden goes on to the end: of what
    follows ``host:port:``, of a query, of a fragment. All before an ``@`` is hidden.

    Args:
      text: The list as the user wrote it.

    """
    shown = _without_secrets(text)
    return escaped(shown if len(shown) <= MAX_SETTING else shown[:MAX_SETTING] + "…")


def _without_secrets(text: str) -> str:
    """Hide what an entry of a list has that only a URL has, and what may belong to it."""
    if text.count(":") < 2 and not any(mark in text for mark in ("@", "%40", "?", "#")):
        return text  # nearly always, and each route with such a list asks
    tail = _TAIL.search(text)
    if tail and "/" not in text and "=" not in tail[0]:
        tail = None  # no URL: somebody thinks that "?" is a wildcard
    seller = next(filter(_is_no_address, _SELLERS_IN_LIST.finditer(text)), None)
    if (tail or seller) and _AT.search(text):
        return f"{HIDDEN}@…"  # the secret may stand on either side
    if seller and not (tail and tail.start() < seller.end("before")):
        return text[: seller.end("before")] + HIDDEN
    return text[: tail.end(1)] + "…" if tail else hide_userinfo(text)


def _is_no_address(entry: re.Match[str]) -> bool:
    return _IPV6_IN_LIST.fullmatch(entry[0]) is None


def escaped(text: str, *, keep: str = "") -> str:
    r"""Escape what a terminal would obey, as ``\x1b`` or ``\u202e``; hide nothing else.

    Args:
      text: From the network, or from anywhere else that is not trusted.
      keep: The control characters to leave as they are, for example ``"\n\t"``.

    """
    return _OBEYED.sub(lambda found: _escape(found[0], keep), text)


def _escape(character: str, keep: str) -> str:
    return character if character in keep else ascii(character)[1:-1]


def has_controls(text: str) -> bool:
    """Tell whether there are control characters, or bytes that were not UTF-8, in a text."""
    return _CONTROLS.search(text) is not None


def is_visible(text: str) -> bool:
    """Tell whether each character of a text can be seen."""
    return text.isprintable()


class LoggedHead:
    """A head that is masked only if a log record is really written."""

    def __init__(self, head: bytes, *, also: Iterable[bytes] = ()) -> None:
        self._head = head
        self._also = also

    def __str__(self) -> str:
        return shown_head(self._head, also=self._also)


def shown_head(head: bytes, *, also: Iterable[bytes] = ()) -> str:
    """Write a head for the log, in one line; see :func:`shown_head_lines`."""
    return " | ".join(shown_head_lines(head, also=also))


def shown_head_lines(head: bytes, *, also: Iterable[bytes] = ()) -> list[str]:
    """Write the lines of a request's or an answer's head without secrets.

    Credentials and cookies become ``***``, and so does what stands in front of a URL's host;
    queries become ``?…``, in the request line, in ``Location`` and anywhere else.

    Args:
      head: The head.
      also: Names of more headers whose values are nobody's business.

    """
    names = "|".join([_MASKED_HEADERS, *(re.escape(x.decode("latin-1")) for x in also)])
    text = head.decode("latin-1").replace("\r", "").strip("\n")
    start, end, fields = text.partition("\n")
    # A value goes on where a line begins with a blank (RFC 9112 section 5.2).
    fields = re.sub(r"\n[ \t]+", " ", fields)
    # What has no name of a header may have been meant as anything.
    text = start + end + _ILLEGAL_NAME.sub(rf"\1 {HIDDEN}", fields)
    secret = rf"^({names})([^\S\n]*:)[^\n]*"
    text = re.sub(secret, rf"\1\2 {HIDDEN}", text, flags=re.IGNORECASE | re.MULTILINE)
    text = _CHALLENGE.sub(lambda line: _CHALLENGE_TOKEN.sub(rf"\1 {HIDDEN}", line[0]), text)
    text = _REFERENCE.sub(r"\1…", _hide_in_words(text))
    text = _QUERY.sub("?…", text)
    # What a peer sends must not forge records, nor command the terminal.
    return [re.sub(r"[^ -~…]", "?", line) for line in text.split("\n")]


def shown_problem(problem: object) -> str:
    """Say what h11 or wsproto dislikes, fit for a message.

    They quote the line of a header that is malformed; of that the name has to do. They quote the
    subprotocol and the extensions that a server chose, too.
    """
    return shown_page(_QUOTED.sub(r"\1…", str(problem)))


def shown_bytes(data: bytes, limit: int) -> str:
    """Write the first bytes of what is not HTTP as Python does, without URLs' secrets.

    Args:
      data: From the network; not much more than is kept is looked at.
      limit: Bytes to keep.

    """
    text = data[: limit + MAX_SHOWN].decode("latin-1")
    text = _QUERY_IN_WORDS.sub("?", _hide_in_words(text))
    return repr(text.encode("latin-1")[:limit])
