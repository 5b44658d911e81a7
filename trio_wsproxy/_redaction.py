"""Text from the network, made fit to be shown: one line, no secrets, nothing that a terminal obeys."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_SHOWN = 200  # characters of what others wrote; a message is read by a person

# A user name and password before a host. A password that should have been encoded may hold "/",
# "?" and more; then it is the ":" with no port behind it that tells. Bounded, for time's sake.
USERINFO = re.compile(
    r"(?<=//)(?:[^/?#\s]*|(?!\[)[^/?#\s@]{0,200}:(?!\d{1,5}(?:[/?#\s]|$))\S{0,200})@"
)

# Names of headers whose values are secrets, as far as a name can tell.
_MASKED_HEADERS = (
    r"[\w-]{0,64}(?:authorization|authentication-info|cookie|token|secret|password|api-?key|session)"
    r"[\w-]{0,64}"
)
_QUERY = re.compile(r"\?\S*")
# Headers that are URLs: there is a fragment too, and blanks in it belong to it.
_REFERENCE = re.compile(
    r"^([^\S\n]*(?:content-)?(?:location|refresh|link)[^\S\n]*:[^\n?#]*[?#])[^\n]*",
    re.IGNORECASE | re.MULTILINE,
)
_CHALLENGE = re.compile(r"^[^\S\n]*(?:proxy|www)-authenticate[^\n]*", re.IGNORECASE | re.MULTILINE)
_CHALLENGE_TOKEN = re.compile(
    r"\b(negotiate|ntlm|kerberos)[ \t]+[\w.~+/-]+=*(?=[\s,]|$)", re.IGNORECASE
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


class LoggedHead:
    """A head that is masked only if a log record is really written."""

    def __init__(self, head: bytes, *, also: Iterable[bytes] = ()) -> None:
        self._head = head
        self._also = also

    def __str__(self) -> str:
        return masked_head(self._head, also=self._also)


def masked_head(head: bytes, *, also: Iterable[bytes] = ()) -> str:
    """Write a head for the log, in one line; see :func:`masked_lines`."""
    return " | ".join(masked_lines(head, also=also))


def masked_lines(head: bytes, *, also: Iterable[bytes] = ()) -> list[str]:
    """Write the lines of a request's or an answer's head without secrets.

    Credentials and cookies become ``***``, and so does what stands in front of a URL's host;
    queries become ``?…``, in the request line, in ``Location`` and anywhere else.

    Args:
      head: The head.
      also: Names of more headers whose values are nobody's business.

    """
    names = "|".join([_MASKED_HEADERS, *(re.escape(x.decode("latin-1")) for x in also)])
    # A value goes on where a line begins with a blank (RFC 9112 section 5.2).
    text = re.sub(r"\n[ \t]+", " ", head.decode("latin-1").replace("\r", "").strip("\n"))
    secret = rf"^({names})([^\S\n]*:)[^\n]*"
    text = re.sub(secret, r"\1\2 ***", text, flags=re.IGNORECASE | re.MULTILINE)
    text = _CHALLENGE.sub(lambda line: _CHALLENGE_TOKEN.sub(r"\1 ***", line[0]), text)
    text = _REFERENCE.sub(r"\1…", USERINFO.sub("***@", text))
    text = _QUERY.sub("?…", text)
    # What a peer sends must not forge records, nor command the terminal.
    return [re.sub(r"[^ -~…]", "?", line) for line in text.split("\n")]


def complaint(problem: object) -> str:
    """Say what h11 or wsproto dislikes, fit for a message.

    They quote the line of a header that is malformed; of that the name has to do.
    """
    quoted = re.compile(r"(illegal header line: bytearray\(b['\"][\w-]{0,64}).*", re.DOTALL)
    return printable(quoted.sub(r"\1…", str(problem)))
