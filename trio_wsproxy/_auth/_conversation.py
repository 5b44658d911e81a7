"""What a tunnel says when it is challenged: the conversation of one hop.

:class:`Authentication` is the memory of one hop while its tunnel is being opened: which schemes
there are credentials for, which of them were refused, and what to send with the next request,
be it on this connection or on another one.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from trio_wsproxy._exceptions import Headers, ProxyConfigError, failure_of, misconfigured
from trio_wsproxy._failures import Words, words
from trio_wsproxy._http import header_pairs
from trio_wsproxy._redaction import shown_page

from ._basic import TokenConversation
from ._challenges import ProxyChallenge, as_sent
from ._choice import Chosen, failed_here, lacks_library, strength, without_tls
from ._digest import DigestConversation
from ._memory import Known, known
from ._scheme import (
    ProxyAuth,
    ProxyAuthConversation,
    ProxyAuthRequest,
    secrets_of,
    url_of,
    user_of,
)
from ._spnego import SpnegoConversation
from ._voice import Voice, is_of_system

logger = logging.getLogger("trio_wsproxy")

# Requests for one tunnel: one unasked, three of a Negotiate that changes to NTLM, one on a connection that
# was not kept, and Digest, whose nonce each machine behind a balancer calls stale (curl goes on for ever).
MAX_ROUNDS = 10

_HEADER = b"Proxy-Authorization"

#: See :class:`Authentication`.
Waits: TypeAlias = Callable[[Words], AbstractContextManager[object]]


class Authentication:
    """The memory of one hop while a tunnel through it is being opened.

    Args:
      chosen: What there are credentials for; the first may speak before it is asked.
      request: What is to be authenticated.

    Raises:
      ProxyConfigError: None of them may be used without TLS, or a library is missing.

    Attributes:
      value: The value of ``Proxy-Authorization`` for the next request, or ``None``.
      rounds: How many requests were sent.
      ordered: Whether what is preferred was said, by names.
      schemes: The names of the schemes there are credentials for, and that may be used here.
      secrets: Their passwords and tokens, so far as they are kept where ours are.
      said: The names of those that have spoken.
      forbidden: The names of those that may not be used here, for want of TLS.
      impossible: Why schemes cannot be spoken here, by their names in lower case.
      withheld: Whether Basic was asked for, and not sent in the clear.
      spared: The names of those that were not tried, for a password that is refused once in a scheme that
        was asked for is not tried in others: a few wrong ones in a row lock an account.
      waits: Makes a context manager for the time in which something of this program or of this
        machine is waited for, and not the proxy; it is told what. By default nobody is.
      cause: The error of a scheme that failed here, or ``None``.

    """

    def __init__(self, chosen: Chosen | Sequence[ProxyAuth], request: ProxyAuthRequest) -> None:
        chosen = chosen if isinstance(chosen, Chosen) else Chosen(tuple(chosen))
        self._in_the_clear = request.proxy_scheme != "https"
        schemes = chosen.schemes
        forbidden = [auth for auth in schemes if self._in_the_clear and _requires_tls(auth)]
        usable = [auth for auth in schemes if auth not in forbidden] if forbidden else [*schemes]
        if schemes and not usable:
            raise without_tls(schemes, request)
        self._whole = chosen.whole
        self.ordered, self._noted = chosen.ordered, chosen.noted
        self._request = request
        self._voices: list[Voice] = []
        self._bound: list[Voice] = []
        self._usable: list[ProxyAuth] = []
        self.schemes: tuple[str, ...] = ()
        self._take(usable, lenient=chosen.lenient)
        self._connected = False
        self._known = known(request, user_of(usable)) if usable else Known()
        self._current: ProxyAuthConversation | None = None
        self._spoken = ""  # the name of its scheme
        self._challenge: ProxyChallenge | None = None
        self.value: bytes | None = None
        self.rounds = 0
        self.secrets = secrets_of(usable)
        self.said: list[str] = []
        self.forbidden = tuple(auth.name for auth in forbidden) if forbidden else ()
        self.impossible: dict[str, Words] = dict(chosen.impossible)
        self.withheld = False
        self.spared: list[str] = []
        self._judged: str | None = None  # the scheme, where all share one password
        self.waits: Waits = lambda _: nullcontext()
        self._begun = False
        self.cause: Exception | None = None

    def _take(self, schemes: Sequence[ProxyAuth], *, lenient: bool) -> None:
        """Let these schemes speak, too."""
        voices = [Voice(auth, self._request, lenient=lenient) for auth in schemes]
        self._voices += voices
        self._usable += schemes
        self.schemes += tuple([auth.name for auth in schemes])
        if not self._in_the_clear:
            self._bound += [voice for voice in voices if voice.binds]

    def challenged(self) -> None:
        """Be told that the proxy asks, or once did: what was left for that case is made now."""
        if self._whole is None:
            return
        chosen, self._whole = self._whole(), None
        self._take(chosen.schemes[len(self._usable) :], lenient=chosen.lenient)
        self.impossible.update(chosen.impossible)

    async def begin(self) -> None:
        """Say what there is to say unasked: by what opened the last tunnel, or the first scheme."""
        if not self._voices or self._begun:
            return
        if self._known.better or self._known.took not in (None, self._voices[0].name.lower()):
            self.challenged()
        took = [voice for voice in self._voices if voice.name.lower() == self._known.took]
        speakers = dict.fromkeys([*took, self._voices[0]])
        if not self._connected and any(voice in self._bound for voice in speakers):
            return  # it is called again when there is something to be bound to
        self._begun = True
        for voice in speakers:
            if not self._may_say(voice.name) or (voice.waits and voice not in took):
                continue
            if not self._is_here(voice):
                continue
            value: bytes | None = None
            if not voice.waits:
                conversation = voice.conversation
                value = await self._checked(voice.name, conversation, conversation.first())
            if value is None and voice in took and voice.is_spnego:
                # It is known to be taken, so the round in which it would be asked for is spared.
                value = await self._ask(voice, ProxyChallenge(voice.name))
            if value is not None:
                self._say(voice, value)
                return

    @property
    def binds_to_channel(self) -> bool:
        """Whether :meth:`connected` is to be told of the TLS of each connection."""
        return bool(self._bound)

    async def connected(self, channel_binding: bytes | None) -> None:
        """Be told what the next request goes out on; what is bound to another channel begins anew.

        Args:
          channel_binding: As in :class:`ProxyAuthRequest`.

        """
        self._connected = True
        if channel_binding == self._request.channel_binding:
            return
        self._request = replace(self._request, channel_binding=channel_binding)
        for voice in self._bound:
            speaks = not voice.waits and self._current is voice.conversation
            voice.begin_anew(self._request)
            if speaks:
                self._current = voice.conversation
                if self.value is not None:  # made for another connection, which was not kept
                    self.value = await self._ask(voice, ProxyChallenge(voice.name))

    def _is_here(self, voice: Voice) -> bool:
        """Tell whether a scheme can be spoken; one that lacks its library is left out from now on."""
        lacking = lacks_library(voice.name) if voice.waits else None
        if lacking is None:
            return True
        self.impossible[voice.name.lower()] = lacking
        self._voices.remove(voice)
        if not self._noted:
            _note_once(
                f"proxy {url_of(self._request)} wants {voice.name}, which is passed over: {lacking}"
            )
        return False

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

    def _say(self, voice: Voice, value: bytes) -> None:
        self._current, self._spoken, self.value = voice.conversation, voice.name, value
        self.said.append(voice.name)

    @property
    def wants_to_stay(self) -> bool:
        """Whether a scheme is among them that takes several messages on one connection."""
        return any(
            voice.conversation.needs_same_connection for voice in self._voices if not voice.waits
        )

    @property
    def has_password(self) -> bool:
        """Whether there is a password or a token, and not the system's ticket alone."""
        return any(
            getattr(auth, "password", None) is not None or not is_of_system(auth)
            for auth in self._usable
        )

    @property
    def lacks_password(self) -> bool:
        """Whether what there are for passwords is empty: a user name alone was given."""
        passwords = [getattr(auth, "password", None) for auth in self._usable]
        return "" in passwords and not any(passwords)

    @property
    def broken_off(self) -> set[str]:
        """The names, in lower case, of what was refused before user and password could be judged."""
        return {
            voice.name.lower()
            for voice in self._voices
            if voice.name in self.said and not voice.has_shown_password
        }

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
        self.challenged()
        self._note_judged(challenges)
        if self.rounds < MAX_ROUNDS:
            for challenge in sorted(challenges, key=self._preference, reverse=True):
                if await self._answer(challenge):
                    return True
        return False

    def _note_judged(self, challenges: Sequence[ProxyChallenge]) -> None:
        """See whether user and password of a URL are refused in a scheme that was asked for."""
        offered = {challenge.scheme.lower() for challenge in challenges}
        for voice in self._voices:
            asked = voice.name == self._spoken and self._challenge is not None
            if asked and voice.shares and voice.name.lower() in offered:
                self._judged = voice.name if voice.has_shown_password else None

    async def _answer(self, challenge: ProxyChallenge) -> bool:
        for voice in tuple(self._voices):
            if voice.name.lower() != challenge.scheme.lower() or not self._is_here(voice):
                continue
            if not self._may_say(voice.name):
                self.withheld = True
                continue
            if voice.shares and self._judged not in (None, voice.name):
                self.spared.append(voice.name)
                continue
            value = await self._ask(voice, challenge)
            if value is not None:
                self._known.better = self._known.better or voice.name.lower() != "basic"
                self._challenge = challenge
                self._say(voice, value)
                return True
        return False

    def _preference(self, challenge: ProxyChallenge) -> tuple[int, float]:
        """Where a challenge stands: what is preferred first, else what is stronger."""
        names = [name.lower() for name in self.schemes]
        scheme = challenge.scheme.lower()
        place = -names.index(scheme) if self.ordered and scheme in names else 0
        return place, strength(challenge)

    async def _ask(self, voice: Voice, challenge: ProxyChallenge) -> bytes | None:
        name, conversation = voice.name, voice.conversation
        failed = None
        try:
            value = await self._checked(name, conversation, conversation.answer(challenge))
        except ProxyConfigError as exc:
            told = failure_of(exc)
            if not (voice.may_be_left_out and told):
                raise
            self._voices.remove(voice)  # its library is there, and lacks something itself
            failed, value = told.what, None
        except Exception as exc:  # GSSAPI and SSPI fail in many ways: another scheme may do
            if not voice.is_spnego:
                raise
            self._voices.remove(voice)  # nor is it tried again
            self.cause = exc
            why = f"{type(exc).__name__}: {shown_page(str(exc))}"
            failed = failed_here(name, why, sso=not self.has_password)
            if isinstance(conversation, SpnegoConversation):
                failed = conversation.unknown_to_kerberos(exc) or failed
            value = None
        else:
            if value is None and isinstance(conversation, SpnegoConversation):
                failed = conversation.without_kerberos()
        if failed is not None:
            self.impossible[name.lower()] = failed
        return value

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

    def repeats(self) -> None:
        """Be told that the same is said once more, on another connection, for it had no answer."""
        if isinstance(self._current, DigestConversation) and self.value is not None:
            value = self._current.first()  # which counts
            self.value = self.value if value is None else as_sent(value)

    def accepted(self, headers: Headers) -> None:
        """Tell the scheme that has spoken last that the tunnel is open."""
        if self._current is not None:
            self._current.accepted(headers)
            self._known.took = self._spoken.lower()

    def refused(self) -> None:
        """Be told that nothing has opened the tunnel: the next one begins without what did once."""
        self.challenged()  # what there might have been said is told, too
        self._known.took = None


def _requires_tls(auth: ProxyAuth) -> bool:
    return getattr(auth, "require_tls", False)


@lru_cache(32)  # a program that connects again and again says it once
def _note_once(note: str) -> None:
    logger.info("%s", note)


def _whom(name: str, conversation: ProxyAuthConversation) -> Words:
    """Say who is waited for where a scheme takes its time."""
    if isinstance(conversation, SpnegoConversation):
        return words("{name} on this machine (a ticket or its library)", name=name)
    if isinstance(conversation, TokenConversation):
        return words("the function that gives BearerAuth its token")
    return words("the scheme {name} of this program", name=name)
