"""What a tunnel says when it is challenged: the conversation of one hop.

:class:`Authentication` is the memory of one hop while its tunnel is being opened: which schemes
there are credentials for, which of them were refused, and what to send with the next request,
be it on this connection or on another one.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeAlias

from trio_wsproxy._exceptions import Headers, ProxyConfigError, misconfigured
from trio_wsproxy._failures import Place, Words, words
from trio_wsproxy._http import header_pairs
from trio_wsproxy._redaction import secret, shown_page

from ._basic import BasicAuth, TokenConversation
from ._challenges import ProxyChallenge, as_sent
from ._digest import ALGORITHMS, DigestAuth
from ._memory import Known, known
from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest
from ._spnego import SpnegoConversation

MAX_ROUNDS = 4  # requests for one tunnel; NTLM behind a refused Basic takes three

# Who passes a token or a scheme of their own means it; then by what an eavesdropper learns.
_STRENGTH = {"negotiate": 5, "ntlm": 4, "digest": 2, "basic": 0}
_OWN_SCHEME = 6

_HEADER = b"Proxy-Authorization"

#: See :class:`Authentication`.
Waits: TypeAlias = Callable[[Words], AbstractContextManager[object]]


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

    Raises:
      ProxyConfigError: None of them may be used without TLS, or a library is missing.

    Attributes:
      value: The value of ``Proxy-Authorization`` for the next request, or ``None``.
      rounds: How many requests were sent.
      schemes: The names of the schemes there are credentials for, and that may be used here.
      secrets: Their passwords and tokens, so far as they are kept where ours are.
      said: The names of those that have spoken.
      forbidden: The names of those that may not be used here, for want of TLS.
      hides_others: Whether others were given that these go before.
      withheld: Whether Basic was asked for, and not sent in the clear.
      waits: Makes a context manager for the time in which something of this program or of this
        machine is waited for, and not the proxy; it is told what. By default nobody is.
      problem: Why a scheme could not answer, in words; or ``None``.
      cause: The error behind that, or ``None``.

    """

    def __init__(self, schemes: Sequence[ProxyAuth], request: ProxyAuthRequest) -> None:
        self._in_the_clear = request.proxy_scheme != "https"
        usable = [auth for auth in schemes if not (self._in_the_clear and _requires_tls(auth))]
        if schemes and not usable:
            raise _without_tls(schemes, request)
        self._conversations = [(auth.name, auth.begin(request)) for auth in usable]
        self._request = request
        self._bound = [
            (auth, conversation)
            for auth, (_, conversation) in zip(usable, self._conversations, strict=True)
            if not self._in_the_clear and getattr(auth, "binds_to_channel", False)
        ]
        self._connected = False
        self._known = known(request, _user(usable)) if usable else Known()
        self._current: ProxyAuthConversation | None = None
        self._spoken = ""  # the name of its scheme
        self._challenge: ProxyChallenge | None = None
        self.value: bytes | None = None
        self.rounds = 0
        self.schemes = tuple(auth.name for auth in usable)
        kept = (getattr(auth, name, None) for auth in usable for name in ("password", "token"))
        self.secrets = tuple(secret(value) for value in kept if isinstance(value, str))
        self.said: list[str] = []
        self.forbidden = tuple(auth.name for auth in schemes if auth not in usable)
        self.withheld = False
        self.hides_others = False
        self.waits: Waits = lambda _: nullcontext()
        self._begun = False
        self.problem: str | None = None
        self.cause: Exception | None = None

    async def begin(self) -> None:
        """Say what there is to say unasked: by what opened the last tunnel, or the first scheme."""
        if not self._conversations or self._begun:
            return
        took = [pair for pair in self._conversations if pair[0].lower() == self._known.took]
        speakers = dict.fromkeys([*took, self._conversations[0]])
        if not self._connected and any(self._is_bound(one) for _, one in speakers):
            return  # it is called again when there is something to be bound to
        self._begun = True
        for name, conversation in speakers:
            if not self._may_say(name):
                continue
            value = await self._checked(name, conversation, conversation.first())
            if value is None and took and isinstance(conversation, SpnegoConversation):
                # It is known to be taken, so the round in which it would be asked for is spared.
                value = await self._ask(name, conversation, ProxyChallenge(name))
            if value is not None:
                self._say(name, conversation, value)
                return

    @property
    def binds_to_channel(self) -> bool:
        """Whether :meth:`connected` is to be told of the TLS of each connection."""
        return bool(self._bound)

    def _is_bound(self, conversation: ProxyAuthConversation) -> bool:
        return any(one is conversation for _, one in self._bound)

    async def connected(self, channel_binding: bytes | None) -> None:
        """Be told what the next request goes out on; what is bound to another channel begins anew.

        Args:
          channel_binding: As in :class:`ProxyAuthRequest`.

        """
        self._connected = True
        if channel_binding == self._request.channel_binding:
            return
        self._request = replace(self._request, channel_binding=channel_binding)
        before, self._bound = self._bound, []
        for auth, old in before:
            new = auth.begin(self._request)
            self._bound.append((auth, new))
            self._conversations = [
                (name, new if one is old else one) for name, one in self._conversations
            ]
            if self._current is old:
                self._current = new
                if self.value is not None:  # made for another connection, which was not kept
                    self.value = await self._ask(auth.name, new, ProxyChallenge(auth.name))

    def _may_say(self, name: str) -> bool:
        """Tell whether a scheme may be used, for everybody on the way can read Basic.

        Who brings nothing but Basic, insists on it.
        """
        return not (
            name.lower() == "basic"
            and self._in_the_clear
            and self._known.better
            and any(other.lower() != "basic" for other in self.schemes)
        )

    def _say(self, name: str, conversation: ProxyAuthConversation, value: bytes) -> None:
        self._current, self._spoken, self.value = conversation, name, value
        self.said.append(name)

    @property
    def wants_to_stay(self) -> bool:
        """Whether a scheme is among them that takes several messages on one connection."""
        return any(one.needs_same_connection for _, one in self._conversations)

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
            for name, conversation in tuple(self._conversations):
                if name.lower() != challenge.scheme.lower():
                    continue
                if not self._may_say(name):
                    self.withheld = True
                    continue
                value = await self._ask(name, conversation, challenge)
                if value is not None:
                    self._known.better = self._known.better or name.lower() != "basic"
                    self._challenge = challenge
                    self._say(name, conversation, value)
                    return True
        return False

    async def _ask(
        self, name: str, conversation: ProxyAuthConversation, challenge: ProxyChallenge
    ) -> bytes | None:
        try:
            return await self._checked(name, conversation, conversation.answer(challenge))
        except ProxyConfigError:
            raise
        except Exception as exc:  # GSSAPI and SSPI fail in many ways: another scheme may do
            if not isinstance(conversation, SpnegoConversation):
                raise
            self._conversations.remove((name, conversation))  # nor is it tried again
            self.cause = exc
            self.problem = f"{name} failed here ({type(exc).__name__}: {shown_page(str(exc))})"
            return None

    async def _checked(
        self,
        name: str,
        conversation: ProxyAuthConversation,
        value: str | Awaitable[str | None] | None,
    ) -> bytes | None:
        """Wait for a value if need be, and refuse what would break out of its header."""
        if inspect.isawaitable(value):
            with self.waits(_whom(name, conversation)):
                value = await value
        if value is None:
            return None
        if not isinstance(value, str):
            raise TypeError(f"the scheme {name} says a str or None, not {type(value).__name__}")
        try:
            pairs = header_pairs([(_HEADER, as_sent(value))], name=f"the scheme {name}")
        except ValueError as exc:
            problem = str(exc)
        else:
            return pairs[0][1]
        raise misconfigured(problem)

    def accepted(self, headers: Headers) -> None:
        """Tell the scheme that has spoken last that the tunnel is open."""
        if self._current is not None:
            self._current.accepted(headers)
            self._known.took = self._spoken.lower()


def _requires_tls(auth: ProxyAuth) -> bool:
    return getattr(auth, "require_tls", False)


def _without_tls(schemes: Sequence[ProxyAuth], request: ProxyAuthRequest) -> ProxyConfigError:
    host, port = request.proxy_host, request.proxy_port
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    what = words(
        "proxy {url} is spoken to without TLS, and {names} with require_tls=True is not sent that way",
        url=url,
        names=" and ".join(dict.fromkeys(auth.name for auth in schemes)),
    )
    remedy = words(
        "use https:// for its scheme if it speaks TLS, or a scheme that shows no password, such as "
        "DigestAuth"
    )
    return misconfigured(what, remedy, Place(url))


def _user(schemes: Sequence[ProxyAuth]) -> str | None:
    names = (getattr(auth, "username", None) for auth in schemes)
    return next((name for name in names if name is not None), None)


def _whom(name: str, conversation: ProxyAuthConversation) -> Words:
    """Say who is waited for where a scheme takes its time."""
    if isinstance(conversation, SpnegoConversation):
        return words("{name} on this machine (a ticket or its library)", name=name)
    if isinstance(conversation, TokenConversation):
        return words("the function that gives BearerAuth its token")
    return words("the scheme {name} of this program", name=name)


def _strength(challenge: ProxyChallenge) -> float:
    scheme = challenge.scheme.lower()
    strength = _STRENGTH.get(scheme, _OWN_SCHEME)
    if scheme == "digest":
        algorithm = challenge.parameters.get("algorithm", "MD5").lower().removesuffix("-sess")
        order = list(ALGORITHMS)
        return strength + (order.index(algorithm) / 10 if algorithm in order else 0)
    return strength
