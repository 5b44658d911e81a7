"""Text from the network, made fit to be shown: one line, no secrets, nothing that a terminal obeys."""

from __future__ import annotations

import re

MAX_SHOWN = 200  # characters of what others wrote; a message is read by a person

# A user name and password before a host. A password that should have been encoded may hold "/",
# "?" and more; then it is the ":" with no port behind it that tells. Bounded, for time's sake.
USERINFO = re.compile(
    r"(?<=//)(?:[^/?#\s]*|(?!\[)[^/?#\s@]{0,200}:(?!\d{1,5}(?:[/?#\s]|$))\S{0,200})@"
)


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    """Replace control characters, those that turn the direction of writing, and their like.

    Args:
      text: From the network.
      limit: Characters to keep.

    """
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def masked_reference(text: str) -> str:
    """Show where a URL leads, without user name, password, query and fragment.

    Args:
      text: A URL from the network, or what stands behind ``Location:`` in its place.

    """
    return printable(re.split("[?#]", USERINFO.sub("***@", text), maxsplit=1)[0])
