"""The title of a page for people: what tells in a few words who answered."""

from __future__ import annotations

import re

from trio_wsproxy._lazy import lazy_pattern
from trio_wsproxy._redaction import SentSecrets, shown_page

# Bounded, or a page of a thousand titles without an end would take seconds.
_TITLE = lazy_pattern(rb"<title(?:\s[^>]{0,200})?>([^<]{0,1000})</title", re.IGNORECASE)
MAX_TITLE = 80  # characters; it stands in an error message
_TITLE_WITHIN = 16 * 1024  # bytes of a page; what looks for it must not cost more than it tells


def page_title(body: bytes) -> str | None:
    """Find the title of an HTML page, fit for a message."""
    match = _TITLE.search(body, 0, _TITLE_WITHIN)
    if match is None:
        return None
    text = " ".join(_unescaped(match[1]).split())
    return shown_page(text, MAX_TITLE) or None


def title_without(body: bytes, sent: SentSecrets) -> bytes:
    """Give a page in whose title nothing stands that was sent, however its entities spell it."""
    match = _TITLE.search(body, 0, _TITLE_WITHIN)
    if match is None or b"&" not in match[1]:
        return body
    text = _unescaped(match[1])
    hidden = sent.hide_text(text)
    if hidden == text:
        return body
    title = hidden.replace("&", "&amp;").replace("<", "&lt;").encode("utf-8", "replace")
    return body[: match.start(1)] + title + body[match.end(1) :]


def _unescaped(title: bytes) -> str:
    text = title.decode("utf-8", "replace")
    try:
        import html  # its table of entities is for error pages alone

        return html.unescape(text)
    except (ImportError, OSError):  # no free file descriptor: a title is shown as it stands
        return text
