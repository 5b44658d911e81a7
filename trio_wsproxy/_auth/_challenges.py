"""What a proxy asks for: ``Proxy-Authenticate`` headers in, challenges out.

The grammar is that of RFC 9110 section 11: several challenges may stand in one header, between
the same commas as their parameters. What does not follow it is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trio_wsproxy._lazy import lazy_pattern

_MAX_CHALLENGES = 32  # nobody offers that many; a hostile head must not cost more than it weighs

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 section 5.6.2
_SEPARATORS = lazy_pattern(r"[\s,]*")
_SCHEME = lazy_pattern(rf"({_TOKEN})(?=[ \t,]|$)")
_TOKEN68 = lazy_pattern(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")  # RFC 9110 section 11.2
_PARAMETER = lazy_pattern(
    rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))[ \t]*(?=,|$)', re.DOTALL
)
_REST = lazy_pattern(r'(?:"(?:[^"\\]|\\.)*(?:"|$)|[^,"])*', re.DOTALL)  # up to the next comma


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
    for value in values:
        challenges += _parse_one_header(value.decode("utf-8", "surrogateescape"))
    return challenges[:_MAX_CHALLENGES]


def parse_parameters(text: str) -> dict[str, str]:
    """Read comma-separated parameters, as in ``Proxy-Authentication-Info``.

    Args:
      text: The header's value.

    Returns:
      The parameters, names in lower case.

    """
    parameters: dict[str, str] = {}
    position = 0
    while position < len(text):
        position = _end_of(_SEPARATORS, text, position)
        if match := _PARAMETER.match(text, position):
            _keep(match, parameters)
            position = match.end()
        else:
            position = max(_end_of(_REST, text, position), position + 1)
    return parameters


def as_sent(text: str) -> bytes:
    """Encode as UTF-8; what the proxy has sent in another encoding goes back as it came."""
    return text.encode("utf-8", "surrogateescape")


def _parse_one_header(text: str) -> list[ProxyChallenge]:
    challenges: list[ProxyChallenge] = []
    parameters: dict[str, str] = {}  # those of the challenge that is being read
    position = 0
    while position < len(text):
        position = _end_of(_SEPARATORS, text, position)
        if match := _PARAMETER.match(text, position):  # first, for "a =b" begins like a scheme
            _keep(match, parameters)
            position = match.end()
        elif match := _SCHEME.match(text, position):
            position = match.end()
            token = _TOKEN68.match(text, position)
            parameters = {}
            challenges.append(ProxyChallenge(match[1], parameters, token[1] if token else None))
            position = token.end() if token else position
        else:
            position = max(_end_of(_REST, text, position), position + 1)
    return challenges


def _keep(match: re.Match[str], parameters: dict[str, str]) -> None:
    quoted = match[2]
    value = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
    parameters.setdefault(match[1].lower(), value)


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
