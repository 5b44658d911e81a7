"""What a proxy asks for: ``Proxy-Authenticate`` headers in, challenges out.

The grammar is that of RFC 9110 section 11: several challenges may stand in one header, between
the same commas as their parameters. What does not follow it is skipped.

Theory of operation
-------------------

A header is gone through once. It is cut at the commas that stand in no quoted string; of an item
between two commas all is read at the place where the one before ended, and where something does
not fit, the rest of the item is left out: nothing begins again behind the place where it failed.
A quotation mark that is never closed takes all that follows, once. So each character is looked at
a few times, whatever is sent, and the number of items and of challenges is bounded while they are
read, not afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from trio_wsproxy._lazy import lazy_pattern

MAX_CHALLENGES = 32  # nobody offers that many
MAX_ITEMS = 512  # between commas, of all headers: that many challenges with all their parameters

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 section 5.6.2
_SEPARATORS = lazy_pattern(r"[\s,]*")
_BLANKS = lazy_pattern(r"\s*")
# It matches at any place and up to a comma or the end, so there is nothing to go back for.
_ITEM = lazy_pattern(r'[^,"]*(?:"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)[^,"]*)*', re.DOTALL)
# In an item:
_SCHEME = lazy_pattern(rf"({_TOKEN})(?=[ \t]|\Z)")
_TOKEN68 = lazy_pattern(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*\Z")  # RFC 9110 section 11.2
_PARAMETER = lazy_pattern(
    rf'({_TOKEN})[ \t]*=[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"]+))[ \t]*\Z', re.DOTALL
)
_ESCAPED = lazy_pattern(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class ProxyChallenge:
    """One challenge of a 407 answer.

    Attributes:
      scheme: The scheme as the proxy wrote it, for example ``"Digest"``; compare it without
        regard to case.
      parameters: The parameters, names in lower case, values without their quotation marks;
        bytes that are not UTF-8 as :pep:`383` has them.
      token68: What Negotiate and NTLM send in place of parameters, or ``None``.

    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    token68: str | None = None


def parse_challenges(values: Iterable[bytes]) -> list[ProxyChallenge]:
    """Read ``Proxy-Authenticate`` headers (RFC 9110 section 11.3).

    Args:
      values: The values of all of them, in order.

    Returns:
      The challenges in order. What does not follow the grammar is skipped: a challenge that
      can be read is worth more than a complaint about one that cannot.

    """
    challenges: list[ProxyChallenge] = []
    items = 0
    for value in values:
        parameters: dict[str, str] = {}  # those of the challenge that is being read
        for item in _items(value.decode("utf-8", "surrogateescape")):
            items += 1
            following = _read_item(item, parameters, challenges)
            if following is None or items == MAX_ITEMS:
                return challenges
            parameters = following
    return challenges


def parse_parameters(text: str) -> dict[str, str]:
    """Read comma-separated parameters, as in ``Proxy-Authentication-Info``.

    Args:
      text: The header's value.

    Returns:
      The parameters, names in lower case.

    """
    parameters: dict[str, str] = {}
    for item in islice(_items(text), MAX_ITEMS):
        if match := _PARAMETER.match(item):
            _keep(match, parameters)
    return parameters


def as_sent(text: str) -> bytes:
    """Encode as UTF-8; what the proxy has sent in another encoding goes back as it came."""
    return text.encode("utf-8", "surrogateescape")


def _items(text: str) -> Iterator[str]:
    """Cut a header at those commas that stand in no quoted string; empty items are left out."""
    position = _end_of(_SEPARATORS, text, 0)
    while position < len(text):
        end = _end_of(_ITEM, text, position)
        yield text[position:end]
        position = _end_of(_SEPARATORS, text, end)


def _read_item(
    item: str, parameters: dict[str, str], challenges: list[ProxyChallenge]
) -> dict[str, str] | None:
    """Read what stands between two commas: schemes, a token, or a parameter.

    Args:
      item: The text.
      parameters: Where those of the challenge before it are kept.
      challenges: Gets those that begin here.

    Returns:
      Where the parameters in the next item belong; ``None`` where one challenge more begins here
      than are read.

    """
    position = 0
    while position < len(item):
        if match := _PARAMETER.match(item, position):  # first, for "a =b" begins like a scheme
            _keep(match, parameters)
            break
        match = _SCHEME.match(item, position)
        if match is None:
            break
        if len(challenges) == MAX_CHALLENGES:
            return None
        token = _TOKEN68.match(item, match.end())
        parameters = {}
        challenges.append(ProxyChallenge(match[1], parameters, token[1] if token else None))
        position = len(item) if token else _end_of(_BLANKS, item, match.end())
    return parameters


def _keep(match: re.Match[str], parameters: dict[str, str]) -> None:
    quoted = match[2]
    value = match[3] if quoted is None else _ESCAPED.sub(r"\1", quoted)
    parameters.setdefault(match[1].lower(), value)


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    assert match is not None  # each of these may match nothing at all
    return match.end()
