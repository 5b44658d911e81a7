"""What a refusal explains in its body: a short text, or the message in JSON.

Services and gateways say there what is wrong, in a sentence that spares a search. A page for people
is none of it; of that the title has to do (``_page``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trio_wsproxy._redaction import SentSecrets, shown_quotation

from ._page import title_without

MAX_SAID = 200  # characters that are quoted; what is longer is cut
MAX_TEXT = 2048  # bytes; a longer text is a page
MAX_DEPTH = 4  # of objects in JSON in which a message is looked for
# Where services have their message, the best first: RFC 9457, OAuth and many others.
_NAMES = (
    *("message", "detail", "error_description", "error_message", "error", "msg", "reason"),
    *("description", "title", "errors", "code"),
)


def said_in(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> str:
    """Find what a refusal says in words, fit for a message.

    Args:
      headers: Of the answer, names in lower case.
      body: Of the answer, without what the peer was sent and repeats.

    Returns:
      The words; nothing, where there are none, or a page.

    """
    kind = _kind(headers)
    if _is_json(kind):
        text = _message(body)
    elif kind in (b"text/plain", b"text/html"):
        text = body.decode("utf-8", "replace")
        if len(body) > MAX_TEXT or text.lstrip("\ufeff \t\r\n").startswith("<"):
            return ""
    else:
        return ""
    return shown_quotation(text, MAX_SAID)


def told_body(headers: Sequence[tuple[bytes, bytes]], body: bytes, sent: SentSecrets) -> bytes:
    """Give a refusal's body without what the peer was sent and repeats.

    What :func:`said_in` and :func:`~._page.page_title` decode is looked at decoded, too: there are many
    ways to write one text in JSON and in HTML.

    Args:
      headers: Of the answer, names in lower case.
      body: Of the answer.
      sent: What the peer was sent.

    """
    told = title_without(sent.hide(body), sent)
    if not _is_json(_kind(headers)):
        return told
    message = _message(told)
    hidden = sent.hide_text(message)
    if hidden == message:
        return told
    import json

    return json.dumps({_NAMES[0]: hidden}).encode()


def _kind(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    kind = next((value for name, value in headers if name == b"content-type"), b"")
    return kind.split(b";")[0].strip().lower()


def _is_json(kind: bytes) -> bool:
    return kind == b"application/json" or kind.endswith(b"+json")


def _message(body: bytes) -> str:
    import json  # for the few refusals that have any

    try:
        # A recursion that is too deep is none of a message's.
        return _in_json(json.loads(body), MAX_DEPTH)
    except (ValueError, RecursionError):
        return ""


def _in_json(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if depth == 0:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_in_json(item, depth - 1) for item in value[:4])), "")
    if isinstance(value, dict):
        found = (_in_json(value.get(name), depth - 1) for name in _NAMES)
        return next(filter(None, found), "")
    return ""
