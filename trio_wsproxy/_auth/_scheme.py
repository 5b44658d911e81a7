"""What HTTP authentication with a proxy is made of: requests, challenges, and schemes.

A scheme, such as Digest, is an object with the credentials in it: a :class:`ProxyAuth`. For
each tunnel it begins a :class:`ProxyAuthConversation`, which holds what belongs to that one
tunnel. A conversation does no I/O: challenges go in, header values come out, and whoever
owns the connection sends them. (One that has to ask somebody else, for a token say, may
return an awaitable.)

The grammar of challenges is that of RFC 9110 section 11: several of them may stand in one
``Proxy-Authenticate`` header, between the same commas as their parameters.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from trio_wsproxy._exceptions import Headers

_MAX_CHALLENGES = 32  # nobody offers that many; a hostile head must not cost more than it weighs

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 section 5.6.2
_SEPARATORS = re.compile(r"[\s,]*")
_SCHEME = re.compile(rf"({_TOKEN})(?=[ \t,]|$)")
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")  # RFC 9110 section 11.2
_PARAMETER = re.compile(
    rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))[ \t]*(?=,|$)', re.DOTALL
)
_REST = re.compile(r'(?:"(?:[^"\\]|\\.)*(?:"|$)|[^,"])*', re.DOTALL)  # up to the next comma


@dataclass(frozen=True)
class ProxyAuthRequest:
    """The request that is to be authenticated.

    Attributes:
      method: ``"CONNECT"``.
      target: Host and port that the proxy is asked for, for example ``"example.org:443"``;
        what Digest calls the ``uri``.
      proxy_host: The proxy's host, by which Kerberos knows it.
      proxy_port: The proxy's port.

    """

    method: str
    target: str
    proxy_host: str
    proxy_port: int


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


class ProxyAuthConversation(Protocol):
    """One authentication for one tunnel; made by :meth:`ProxyAuth.begin`.

    Attributes:
      needs_same_connection: Whether the answer to a challenge that carries a token must go
        out on the connection that the challenge came in on, as with NTLM and Negotiate.

    """

    needs_same_connection: bool

    def first(self) -> str | Awaitable[str | None] | None:
        """Give the value of ``Proxy-Authorization`` to send before any challenge.

        Returns:
          The value with the scheme's name in front, or ``None`` to wait for a challenge.

        """

    def answer(self, challenge: ProxyChallenge) -> str | Awaitable[str | None] | None:
        """Answer a challenge for this scheme.

        Args:
          challenge: One whose scheme is this one's name.

        Returns:
          The value, or ``None`` if there is nothing (more) to say: the credentials were
          refused, or the challenge asks for what is not known here.

        """

    def accepted(self, headers: Headers) -> None:
        """Be told that the proxy has opened the tunnel.

        Args:
          headers: Those of its answer, names in lower case.

        """


@runtime_checkable
class ProxyAuth(Protocol):
    """A scheme with its credentials; implement it to bring a scheme of your own.

    ::

        class Ticket:
            name = "Ticket"

            def begin(self, request):
                return TicketConversation(request.target)

    Attributes:
      name: The scheme's name, as it stands in ``Proxy-Authenticate``.

    """

    @property
    def name(self) -> str:
        """The scheme's name."""

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """Begin the authentication of one request.

        Args:
          request: What is to be authenticated.

        Returns:
          An object with the state of this one conversation.

        """


ProxyAuthArgument: TypeAlias = ProxyAuth | Sequence[ProxyAuth] | Literal["netrc"] | None
CheckedProxyAuth: TypeAlias = tuple[ProxyAuth, ...] | Literal["netrc"]


def check_proxy_auth(argument: ProxyAuthArgument, *, name: str) -> CheckedProxyAuth:
    """Check what was given as a scheme, or several of them.

    Args:
      argument: What was given.
      name: The argument it was given as, for the message.

    Returns:
      The schemes, or ``"netrc"``.

    Raises:
      TypeError: It is something else; the message does not show it, it may be a password.

    """
    if isinstance(argument, str):
        if argument != "netrc":
            raise TypeError(
                f'{name} is a scheme such as BasicAuth("user", "password"), a sequence of '
                'them, or "netrc"; it is another str'
            )
        return "netrc"
    if argument is None:
        return ()
    schemes = (argument,) if isinstance(argument, ProxyAuth) else tuple(argument)
    for scheme in schemes:
        if not isinstance(scheme, ProxyAuth) or isinstance(scheme, type):
            raise TypeError(
                f'{name} takes schemes such as BasicAuth("user", "password"), '
                f"not {type(scheme).__name__}"
            )
    return schemes


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
