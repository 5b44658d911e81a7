"""URLs, alone, in a list or among words: no user name and password, no query.

Each reader goes over its text a fixed number of times. An expression that is searched for in all of a
text stops at what it may stop at next, so that no two searches cross the same piece; where that cannot be
said in an expression, the text is cut by hand. What is longer than :data:`MAX_LOOKED_AT` is cut
before, at the beginning of the word or entry in which the limit is: half a URL may be a password without the
``@`` that tells.
"""

from __future__ import annotations

import re

from trio_wsproxy._lazy import lazy_pattern

from ._text import HIDDEN, MAX_SHOWN, escaped, shown_text

MAX_LOOKED_AT = 64 * 1024  # characters; no head is longer, and no setting that a person wrote
MAX_SETTING = 4096  # characters of a list that the user wrote; "explain" is to show it whole

_SCHEME_PATTERN = r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//"
_SCHEME = lazy_pattern(_SCHEME_PATTERN)
# Up to the end of an IPv6 literal, in which there may be a ":1:" that is no port.
_ADDRESS = lazy_pattern(
    rf"(?:{_SCHEME_PATTERN})?(?:{re.escape(HIDDEN)}@)?\[[0-9A-Fa-f:.]*(?:%[\w.~\-]*)?\]"
)
_BEHIND_PORT = lazy_pattern(r"(:[0-9]+:).+", re.DOTALL)
# Behind the "@" of host:port:user@corp:password stands no host.
_NO_PORT = lazy_pattern(r"(@[^/?#:\[\]@]*:)(?!\d{0,5}(?:[/?#]|$)).+", re.DOTALL)
_AT = lazy_pattern("@|%40")
_PASSWORD = lazy_pattern(r"[^/:]*:(?!\d{0,5}(?:/|$))")  # no port behind the first ":"
_SELLERS = lazy_pattern(r"(?:\[[^\]/@]*\]|[^/:@\[\]]*):[0-9]+:")
_TAIL = lazy_pattern(r"([?#]).*", re.DOTALL)
# In a list: what has two ":" and what else belongs to it. It may be an IPv6 address, too.
_SELLERS_IN_LIST = lazy_pattern(
    rf"(?<![^\s,;])(?P<before>(?:{_SCHEME_PATTERN})?(?:\[[^\]\s,;]*\]|[^/:\[\]\s,;]*):[0-9]+:)[^\s,;]*"
)
_IPV6_IN_LIST = lazy_pattern(r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]+(?:%[\w.~\-]*)?(?:/[0-9]*)?")
_BLANK = lazy_pattern(r"\s")
_QUERY_IN_WORDS = lazy_pattern(r"\?\S+")
_BEHIND_AUTHORITY = lazy_pattern(r"[/?#]")
# As sellers of proxies write it.
_SELLERS_IN_WORD = lazy_pattern(r"(?:\[[^\]]*\]|[^/?#:\[\]]*):[0-9]{1,5}:")


def shown_page(text: str, limit: int = MAX_SHOWN) -> str:
    """Make words fit for a message in which URLs may stand: no user name, no query.

    Args:
      text: A page's title, a reason phrase, a library's complaint.
      limit: Characters to keep.

    """
    return shown_text(_QUERY_IN_WORDS.sub("?…", hide_in_words(text)), limit)


def hide_in_words(text: str) -> str:
    """Hide the credentials of all URLs that stand in a text."""
    if len(text) > MAX_LOOKED_AT:
        text = _cut_before_word(text)
    pieces, done, start = [], 0, text.find("//")
    while start >= 0:
        blank = _BLANK.search(text, start)
        end = blank.start() if blank else len(text)
        pieces += [text[done:start], _hide_in_url(text[start:end])]
        done, start = end, text.find("//", end)
    return "".join(pieces) + text[done:]


def _cut_before_word(text: str) -> str:
    """Cut a text that is too long, and leave out the word that would be cut in two."""
    kept = text[:MAX_LOOKED_AT]
    words = kept.rsplit(None, 1)
    return (words[0] if len(words) > 1 else "") + " …"


def _hide_in_url(word: str) -> str:
    """Hide the credentials of the URLs in what begins with "//" and has no blank in it.

    A password that should have been encoded may hold "/", "?" and more, so once there is a user name,
    or a ":" with no port behind it, all is hidden up to the last "@".
    """
    last = word.rfind("@")  # once: to look for it anew behind each "//" would be quadratic
    start = 2
    while start >= 2:
        while word.startswith("/", start):  # http:///ada:pw@h is a slip
            start += 1
        found = _BEHIND_AUTHORITY.search(word, start)
        end = found.start() if found else len(word)
        authority = word[start:end]
        if "@" in authority or _may_have_password(authority):
            if last >= start:
                return f"{word[:start]}{HIDDEN}@{_hide_behind_port(word[last + 1 :])}"
            if seller := _SELLERS_IN_WORD.match(word, start, end):
                return word[: seller.end()] + (HIDDEN if seller.end() < len(word) else "")
        start = word.find("//", end) + 2
    return word


def _may_have_password(authority: str) -> bool:
    behind = authority.rpartition("]")[2] if authority.startswith("[") else authority
    _, colon, port = behind.partition(":")
    return bool(colon) and not (port.isdecimal() and len(port) <= 5)


def _hide_behind_port(text: str) -> str:
    seller = _SELLERS_IN_WORD.match(text)
    return text[: seller.end()] + HIDDEN if seller and seller.end() < len(text) else text


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
    odd = in_tail and (_AT.search(before) or not _PASSWORD.match(before))
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
    if "@" not in text and "%40" not in text:  # nearly always, and each opening asks
        return text
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


def shown_bytes(data: bytes, limit: int) -> str:
    """Write the first bytes of what is not HTTP as Python does, without URLs' secrets.

    Args:
      data: From the network; not much more than is kept is looked at.
      limit: Bytes to keep.

    """
    text = data[: limit + MAX_SHOWN].decode("latin-1")
    text = _QUERY_IN_WORDS.sub("?", hide_in_words(text))
    return repr(text.encode("latin-1")[:limit])
