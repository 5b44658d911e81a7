"""One of several schemes that may speak for a tunnel: when its conversation begins, and begins anew."""

from __future__ import annotations

from ._scheme import ProxyAuth, ProxyAuthConversation, ProxyAuthRequest
from ._spnego import NegotiateAuth, NTLMAuth, SpnegoConversation

_OF_SYSTEM = frozenset((NegotiateAuth, NTLMAuth))


def is_of_system(auth: ProxyAuth) -> bool:
    """Tell whether a scheme is Negotiate or NTLM, which know who has logged in."""
    # isinstance() takes ten times as long, for they are protocols.
    return not _OF_SYSTEM.isdisjoint(type(auth).__mro__)


class Voice:
    """A scheme that may speak: its conversation begins when there is something to say, or at once.

    With ``shares`` its user and password are those of others, too: those of the proxy's URL.

    It waits where it is Negotiate or NTLM and may be left out: then whether their library is there is
    looked up when a proxy asks for it, and not for each tunnel.
    """

    __slots__ = (
        "_auth",
        "_conversation",
        "_request",
        "binds",
        "is_spnego",
        "may_be_left_out",
        "name",
        "shares",
    )

    def __init__(self, auth: ProxyAuth, request: ProxyAuthRequest, *, lenient: bool) -> None:
        self.name = auth.name
        self.is_spnego = is_of_system(auth)
        self.binds = bool(getattr(auth, "binds_to_channel", False))
        self._auth, self._request = auth, request
        self.shares = lenient and getattr(auth, "password", None) is not None
        self.may_be_left_out = lenient and self.is_spnego
        self._conversation = None if self.may_be_left_out else auth.begin(request)

    @property
    def waits(self) -> bool:
        """Whether it has not begun."""
        return self._conversation is None

    @property
    def has_shown_password(self) -> bool:
        """Whether what it has said is judged by user and password: NTLM says hello first."""
        conversation = self._conversation
        return not isinstance(conversation, SpnegoConversation) or not conversation.said_hello_only

    @property
    def conversation(self) -> ProxyAuthConversation:
        """What speaks; it begins now if it has not yet."""
        if self._conversation is None:
            self._conversation = self._auth.begin(self._request)
        return self._conversation

    def begin_anew(self, request: ProxyAuthRequest) -> None:
        """Forget what was said, where something was, for another request."""
        self._request = request
        if self._conversation is not None:
            self._conversation = self._auth.begin(request)
