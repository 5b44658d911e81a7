"""What a tunnel says when it is challenged: the conversation of one hop.

:class:`Authentication` is the memory of one hop while its tunnel is being opened: which schemes
there are credentials for, which of them were refused, and what to send with the next request,
be it on this connection or on another one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence

from trio_wsproxy._exceptions import Headers, ProxyConfigError, misconfigured
from trio_wsproxy._http import header_pairs
from trio_wsproxy._redaction import shown_page

from ._basic import BasicAuth
from ._challenges import ProxyChallenge, as_sent
from ._digest import ALGORITHMS, DigestAuth
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest
from ._spnego import SpnegoConversation

MAX_ROUNDS = 4  # requests for one tunnel; NTLM behind a refused Basic takes three

# Who passes a token or a scheme of their own means it; then by what an eavesdropper learns.
_STRENGTH = {"negotiate": 5, "ntlm": 4, "digest": 2, "basic": 0}
_OWN_SCHEME = 6

_HEADER = b"Proxy-Authorization"


def from_url(username: str, password: str) -> tuple[ProxyAuth, ...]:
    """Make schemes out of the credentials of a proxy URL.

    Args:
      username: The user name.
      password: The password.

    Returns:
      Basic, which is said at once, and Digest, for proxies that want that.

    """
    return BasicAuth(username, password), DigestAuth(username, password)


class Authentication:
    """The memory of one hop while a tunnel through it is being opened.

    Args:
      schemes: Those there are credentials for; the first may speak before it is asked.
      request: What is to be authenticated.

    Attributes:
      value: The value of ``Proxy-Authorization`` for the next request, or ``None``.
      rounds: How many requests were sent.
      schemes: The names of the schemes there are credentials for.
      problem: Why a scheme could not answer, in words; or ``None``.
      cause: The error behind that, or ``None``.

    """

    def __init__(self, schemes: Sequence[ProxyAuth], request: ProxyAuthRequest) -> None:
        self._conversations = [(auth.name, auth.begin(request)) for auth in schemes]
        self._current: ProxyAuthConversation | None = None
        self._challenge: ProxyChallenge | None = None
        self.value: bytes | None = None
        self.rounds = 0
        self.schemes = tuple(auth.name for auth in schemes)
        self.problem: str | None = None
        self.cause: Exception | None = None

    async def begin(self) -> None:
        """Ask the first scheme whether it has something to say at once."""
        if self._conversations and self.rounds == 0:
            name, self._current = self._conversations[0]
            self.value = await _checked(name, self._current.first())

    @property
    def bound_to_connection(self) -> bool:
        """Whether :attr:`value` makes sense on the connection only that it was made for."""
        return (
            self._current is not None
            and self._current.needs_same_connection
            and self._challenge is not None
            and self._challenge.token68 is not None
        )

    @property
    def may_go_elsewhere(self) -> bool:
        """Whether the same request may be sent once more, on another connection."""
        return self.rounds < MAX_ROUNDS and not self.bound_to_connection

    async def answer(self, challenges: Sequence[ProxyChallenge]) -> bool:
        """Find something to say to a 407.

        Args:
          challenges: All that it carries.

        Returns:
          Whether :attr:`value` is to be sent; ``False`` is the end of the conversation.

        """
        self.value = None
        if self.rounds >= MAX_ROUNDS:
            return False
        for challenge in sorted(challenges, key=_strength, reverse=True):
            for name, conversation in self._conversations:
                if name.lower() != challenge.scheme.lower():
                    continue
                value = await self._ask(name, conversation, challenge)
                if value is not None:
                    self._current, self._challenge = conversation, challenge
                    self.value = value
                    return True
        return False

    async def _ask(
        self, name: str, conversation: ProxyAuthConversation, challenge: ProxyChallenge
    ) -> bytes | None:
        try:
            return await _checked(name, conversation.answer(challenge))
        except ProxyConfigError:
            raise
        except Exception as exc:  # GSSAPI and SSPI fail in many ways: another scheme may do
            if not isinstance(conversation, SpnegoConversation):
                raise
            self.cause = exc
            self.problem = f"{name} failed here ({type(exc).__name__}: {shown_page(str(exc))})"
            return None

    def accepted(self, headers: Headers) -> None:
        """Tell the scheme that has spoken last that the tunnel is open."""
        if self._current is not None:
            self._current.accepted(headers)


async def _checked(name: str, value: str | Awaitable[str | None] | None) -> bytes | None:
    """Wait for a value if need be, and refuse what would break out of its header."""
    said = await value if inspect.isawaitable(value) else value
    if said is None:
        return None
    try:
        pairs = header_pairs([(_HEADER, as_sent(said))], name=f"the scheme {name}")
    except ValueError as exc:
        problem = str(exc)
    else:
        return pairs[0][1]
    raise misconfigured(problem)


def _strength(challenge: ProxyChallenge) -> float:
    scheme = challenge.scheme.lower()
    strength = _STRENGTH.get(scheme, _OWN_SCHEME)
    if scheme == "digest":
        algorithm = challenge.parameters.get("algorithm", "MD5").lower().removesuffix("-sess")
        order = list(ALGORITHMS)
        return strength + (order.index(algorithm) / 10 if algorithm in order else 0)
    return strength
