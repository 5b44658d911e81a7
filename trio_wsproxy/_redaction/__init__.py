r"""What may be shown, and to whom: the one place that masks and escapes.

Text of a peer or of a setting may hold a secret, and may hold what a terminal obeys. Whatever of
it goes into a message, log record, report or JSON passes one of these, by what it is:

* :func:`shown_text`: words, in a message of one line.
* :func:`shown_page`: words in which URLs may stand, such as a page's title or a reason phrase.
* :func:`shown_quotation`: what a peer explains in its own words, quoted.
* :func:`shown_url`: a URL, or what somebody wrote in place of one.
* :func:`shown_setting`: a list of names, where a URL may stand by mistake.
* :func:`shown_head_lines`, :class:`LoggedHead`: a request's or answer's head.
* :func:`shown_subprotocols`: what was offered or chosen, for some carry tokens there.
* :func:`shown_problem`: what h11 or wsproto dislikes, for they quote headers.
* :func:`escaped`: what is meant to be read as it was written, such as a close reason; and all that
  the command line writes to a terminal; :func:`escaped_json`: JSON.

A secret becomes :data:`HIDDEN`, a character that is not printable ``?`` or, escaped, ``\x1b``. The
text is foreign: each of these takes linear time, looks at :data:`MAX_LOOKED_AT` characters at most,
and shows a bounded part of them, but for :func:`escaped`, which shows all.

Two things keep a secret out of what nobody here writes: :func:`secret` makes a text that hides
itself in ``repr()``, for what tells of our variables; :class:`SentSecrets` remembers what was sent to one
peer, for what that one repeats.
"""

from ._heads import LoggedHead, shown_head_lines, shown_problem, shown_subprotocols
from ._quotes import shown_quotation
from ._secret import SecretBytes, hiding, kind_of, secret
from ._sent import SentSecrets
from ._text import HIDDEN, escaped, escaped_json, has_controls, is_visible, shown_text
from ._urls import (
    MAX_LOOKED_AT,
    hide_userinfo,
    holds_secret,
    holds_userinfo,
    shown_bytes,
    shown_page,
    shown_setting,
    shown_url,
)

__all__ = [
    "HIDDEN",
    "MAX_LOOKED_AT",
    "LoggedHead",
    "SecretBytes",
    "SentSecrets",
    "escaped",
    "escaped_json",
    "has_controls",
    "hide_userinfo",
    "hiding",
    "holds_secret",
    "holds_userinfo",
    "is_visible",
    "kind_of",
    "secret",
    "shown_bytes",
    "shown_head_lines",
    "shown_page",
    "shown_problem",
    "shown_quotation",
    "shown_setting",
    "shown_subprotocols",
    "shown_text",
    "shown_url",
]
