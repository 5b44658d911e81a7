"""Words: one line, bounded, nothing in them that is obeyed or not seen."""

from __future__ import annotations

import re

from trio_wsproxy._lazy import lazy_pattern

HIDDEN = "***"  # in place of a secret
MAX_SHOWN = 200  # characters of what others wrote; a message is read by a person

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# What a terminal obeys instead of showing it: C0, DEL and C1, the other line ends of Unicode,
# the controls that turn the direction of text; what nobody sees, in which text can be hidden; and what
# cannot be encoded, lone surrogates. Joiners and wide blanks are left, for emoji and scripts that
# need them.
_OBEYED = lazy_pattern(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
    "\xad\u034f\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
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


def escaped(text: str, *, keep: str = "") -> str:
    r"""Escape what a terminal would obey, as ``\x1b`` or ``\u202e``; hide nothing else.

    Args:
      text: From the network, or from anywhere else that is not trusted.
      keep: The control characters to leave as they are, for example ``"\n\t"``.

    """
    return _OBEYED.sub(lambda found: _escape(found[0], keep), text)


def escaped_json(text: str) -> str:
    r"""Escape what is not printable in JSON, as ``\u202e``, which is the same text to its readers.

    Args:
      text: JSON; its line ends and blanks stay.

    """
    if text.isascii():  # json has escaped C0 itself; DEL is left
        return text.replace("\x7f", "\\u007f")
    return "".join(c if c.isprintable() or c in "\n\r\t" else _unicode_escape(c) for c in text)


def _unicode_escape(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[n]:02x}{data[n + 1]:02x}" for n in range(0, len(data), 2))


def _escape(character: str, keep: str) -> str:
    return character if character in keep else ascii(character)[1:-1]


def has_controls(text: str) -> bool:
    """Tell whether there are control characters, or bytes that were not UTF-8, in a text."""
    return _CONTROLS.search(text) is not None


def is_visible(text: str) -> bool:
    """Tell whether each character of a text can be seen."""
    return text.isprintable()
