"""What a peer explains in its own words, quoted in a message: nothing in it that may be a secret."""

from __future__ import annotations

import re

from trio_wsproxy._lazy import lazy_pattern

from ._text import HIDDEN, MAX_SHOWN
from ._urls import shown_page

MAX_QUOTED = 4096  # characters that are looked at; of a few hundred a quotation is made

# What stands behind the name of a secret, and what a scheme of authentication says.
_NAMED = lazy_pattern(
    r"([\w-]{0,32}(?:token|secret|passw|pwd|key|cookie|session|credential|signature|auth)[\w-]{0,32}"
    r"[\"']?\s{0,3}[=:]\s{0,3})(\"[^\"]*\"?|'[^']*'?|[^\s,;}&]+)",
    re.IGNORECASE,
)
_SCHEMES = lazy_pattern(
    r"\b((?:basic|bearer|negotiate|ntlm|digest)\s{1,3})([\w.~+/=-]{4,})", re.IGNORECASE
)
# Tokens, hashes, keys and other long names that nobody reads.
_LONG = lazy_pattern(r"(?=[\w.~+/=-]{0,64}[0-9])[\w.~+/=-]{16,}|[\w~+=-]{33,}")


def shown_quotation(text: str, limit: int = MAX_SHOWN) -> str:
    """Make a peer's explanation fit to be quoted in a message.

    Hidden are URLs' secrets, what follows the name of one, and what looks like a token; what the
    peer was sent is known, and hidden before (:class:`SentSecrets`).

    Args:
      text: What the peer says.
      limit: Characters to keep.

    """
    text = text[:MAX_QUOTED]
    text = _SCHEMES.sub(rf"\1{HIDDEN}", _NAMED.sub(rf"\1{HIDDEN}", text))
    return shown_page(" ".join(_LONG.sub(HIDDEN, text).split()), limit)
