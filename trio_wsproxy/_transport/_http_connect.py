"""A tunnel through an HTTP proxy: ``CONNECT`` (RFC 9110 section 9.3.6).

What goes out is a request with the authority as its target and as its ``Host``. What comes
back is any number of 1xx answers, skipped, and one final answer: 2xx opens the tunnel at the
byte behind its blank line, anything else is a refusal with a body worth keeping. The answer
may arrive in any pieces, and the tunnel's first bytes may stick to it.

A 407 is a challenge first, and a refusal only when there is nothing (more) to say to it.
The answer goes out on the same connection, once the challenge's body has been read off it:
NTLM and Negotiate authenticate connections. Where the proxy does not keep it, the dialer is
told so by :exc:`DialAgain`, and comes back with another one and the same memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from trio_wsproxy._auth import (
    Authentication,
    Chosen,
    ProxyAuthRequest,
    ProxyChallenge,
    from_url,
    parse_challenges,
)
from trio_wsproxy._exceptions import (
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
)
from trio_wsproxy._failures import Kind, words
from trio_wsproxy._http import (
    Answer,
    Exchange,
    HeaderPairs,
    Problem,
    ProblemKind,
    refused_by_proxy,
    request_head,
    told_body,
)
from trio_wsproxy._redaction import SentSecrets, shown_page
from trio_wsproxy._report import HTTPAnswer, Running
from trio_wsproxy._urls import Proxy, bare_host
from trio_wsproxy._version import VERSION

from ._hop import Hop
from ._prefixed_stream import with_prefix
from ._refused_credentials import credentials_remedy, names_of, offer_of
from ._tls_failure import CLIENT_CERTIFICATE

_AUTHENTICATION = (407, 401)  # the second is tinyproxy's answer to wrong credentials
MAX_REASON = 80  # characters of the phrase behind a status; it stands in a message
MAX_DRAINED = 256 * 1024  # bytes of a page behind a 407; a new connection is cheaper than more
USER_AGENT = f"trio_wsproxy/{VERSION}".encode("ascii")


class DialAgain(Exception):  # a signal to the dialer, it never leaves this package
    """The proxy has closed the connection; the next request needs a new one."""


async def open_connect_tunnel(
    stream: trio.abc.Stream,
    hop: Hop,
    authority: str,
    headers: HeaderPairs,
    authentication: Authentication | None = None,
    stage: Running | None = None,
    *,
    omitted: frozenset[bytes] = frozenset(),
) -> trio.abc.Stream:
    """Ask an HTTP proxy for a tunnel.

    Args:
      stream: An open connection to the proxy; its TLS, if any, is done.
      hop: The proxy at the other end.
      authority: Host and port to reach, for example ``"[::1]:443"``.
      headers: Additional headers for all proxies; those of the proxy's own replace them.
      authentication: What to say to a challenge, and what was said on earlier connections;
        by default the credentials of the proxy's URL, if it has any.
      stage: Gets the head of each answer as its evidence.
      omitted: Names, in lower case, of headers that are not to be sent.

    Returns:
      A stream whose other end is ``authority``. Bytes that the proxy sent behind its answer
      are the first ones read from it.

    Raises:
      DialAgain: Call again with another connection and the same ``authentication``.
      ProxyAuthenticationError: It answered 407, and there is no other answer to that.
      ProxyRejected: It answered another status than 2xx.
      ProxyProtocolError: The answer was not HTTP/1.x, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    if authentication is None:
        proxy = hop.proxy
        chosen = Chosen()
        if proxy.username is not None:
            sso = proxy.is_single_sign_on
            chosen = from_url(proxy.username, proxy.password or "", sso=sso)
        request = ProxyAuthRequest(
            "CONNECT", authority, bare_host(proxy.host), proxy.port, proxy.scheme
        )
        authentication = Authentication(chosen, request)
    conversation = _Conversation(stream, hop, authority, headers, authentication, stage, omitted)
    return await conversation.open()


class _Conversation:
    """Requests and answers on one connection, until one opens the tunnel or ends the attempt."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        hop: Hop,
        authority: str,
        headers: HeaderPairs,
        authentication: Authentication,
        stage: Running | None,
        omitted: frozenset[bytes],
    ) -> None:
        self._stream = stream
        self._hop = hop
        self._authority = authority
        self._headers = headers
        self._omitted = omitted
        self._authentication = authentication
        self._stage = stage
        self._speaks_for_itself = speaks_for_itself(hop.proxy, headers)
        self._used = False  # whether an answer has come on this connection

    async def open(self) -> trio.abc.Stream:
        """Ask, and answer what is asked back; see :func:`open_connect_tunnel`."""
        if not self._speaks_for_itself:
            await self._bind()
            await self._authentication.begin()
        while True:
            sent = None if self._stage is None else self._stage.sent
            exchange = Exchange(self._stream, self._hop.name, sent)
            answer = await self._ask(exchange)
            if 200 <= answer.status < 300:
                self._authentication.accepted(answer.headers)
                return with_prefix(exchange.rest, self._stream)
            challenges = _challenges(answer)
            if not await self._may_answer(answer, challenges):
                body = await exchange.body()
                challenges = _told(challenges, exchange.sent)
                raise self._refusal(  # not kept, for that would be a cycle
                    answer, body.data, challenges, exchange.sent
                ) from self._authentication.cause
            kept = answer.promises_to_stay and (await exchange.body(MAX_DRAINED)).ended
            if not kept and self._authentication.bound_to_connection:
                what = words(
                    "closed the connection in the middle of an authentication that is bound to it "
                    "({schemes})",
                    schemes=names_of(_told(challenges, exchange.sent)),
                )
                raise self._hop.broke_protocol("connect", what, kind=Kind.CUT_OFF)
            if not kept:
                raise DialAgain

    async def _bind(self) -> None:
        """Tell the schemes that want it of the TLS that this connection has."""
        if self._authentication.binds_to_channel:
            from ._channel_binding import channel_binding  # for few; others import it in vain

            await self._authentication.connected(channel_binding(self._stream))

    async def _may_answer(self, answer: Answer, challenges: list[ProxyChallenge]) -> bool:
        if answer.status != 407 or self._speaks_for_itself:
            return False
        self._authentication.challenged()
        await self._bind()
        return await self._authentication.answer(challenges)

    async def _ask(self, exchange: Exchange) -> Answer:
        """Send one request, and read the head of its answer."""
        # Whether the connection has to be kept is seen from what the proxy asks for.
        stay = self._authentication.wants_to_stay and not self._speaks_for_itself
        headers = _headers(self._hop, self._authority, self._headers, self._omitted, stay=stay)
        if self._authentication.value is not None:
            headers.append((b"Proxy-Authorization", self._authentication.value))
        self._authentication.rounds += 1
        request = request_head(b"CONNECT", self._authority.encode("ascii"), headers)
        # What the user adds for a proxy is a token as often as not.
        own = [name for name, _ in headers if name.lower() not in (b"host", b"user-agent")]
        exchange.sent.add(*self._authentication.secrets, self._hop.proxy.password)
        outcome: Answer | Problem
        final = await exchange.ask(request, secret=own)
        if isinstance(final, Problem):
            outcome = final
            evidence = final.received if final.kind is ProblemKind.BROKEN_HEAD else b""
        else:
            outcome = exchange.read(final)
            evidence = final.head
        if self._stage is not None and evidence:
            self._stage.evidence = HTTPAnswer(evidence, exchange.sent)
        if isinstance(outcome, Problem):
            error = self._failure(outcome)
            # It had promised to keep the connection, and has closed it without a word.
            silent = isinstance(error, ProxyProtocolError) and not outcome.received
            if self._used and silent and self._authentication.may_go_elsewhere:
                self._authentication.repeats()
                raise DialAgain
            raise error from outcome.cause
        self._used = True
        return outcome

    def _failure(self, problem: Problem) -> ProxyProtocolError | ProxyUnreachable:
        """Say what kept this proxy's answer away."""
        authority = self._authority
        if problem.cause is not None:
            doing = f"answering the request for {authority}"
            if problem.kind is ProblemKind.BROKE_WHILE_ASKED:
                doing = f"being asked for a tunnel to {authority}"
            return self._hop.broken("connect", doing, problem.cause)
        if problem.kind is ProblemKind.CUT_OFF:
            return _cut_off(self._hop, authority, middle=bool(problem.received))
        if problem.kind is ProblemKind.NOT_HTTP:
            what = words("answered CONNECT with {answer}", answer=problem.text)
            remedy = self._hop.other_scheme(problem.speaks)
            return self._hop.broke_protocol("connect", what, remedy)
        what = words(
            "answered CONNECT {authority} with broken HTTP: {problem}",
            authority=authority,
            problem=problem.text,
        )
        return self._hop.broke_protocol("connect", what)

    def _refusal(
        self, answer: Answer, body: bytes, challenges: list[ProxyChallenge], sent: SentSecrets
    ) -> ProxyRejected:
        hop, status = self._hop, answer.status
        reason = shown_page(answer.reason.decode("latin-1").strip(), MAX_REASON)
        what = words(
            "answered {status} to CONNECT {authority}",
            status=f"{status} {reason}".rstrip(),
            authority=self._authority,
        )
        if status in _AUTHENTICATION:
            self._authentication.refused()
            if self._speaks_for_itself:
                remedy = words(
                    "it refuses the Proxy-Authorization header that it was given{offer}",
                    offer=offer_of(challenges),
                )
            else:
                remedy = credentials_remedy(hop, self._authentication, challenges)
            refusal: Callable[..., ProxyRejected] = hop.unauthenticated
        else:
            said = sent.hide_headers(answer.headers), told_body(answer.headers, body, sent)
            remedy = refused_by_proxy(status, self._authority, *said)
            refusal = hop.rejected
        return refusal(
            "connect", what, remedy, status_code=status, headers=answer.headers, body=body
        )


def _headers(
    hop: Hop, authority: str, headers: HeaderPairs, omitted: frozenset[bytes], *, stay: bool
) -> list[tuple[bytes, bytes]]:
    """Put the request's headers together: the general ones, and the proxy's own in place of those.

    A proxy of HTTP/1.0, such as squid 2, keeps the connection where this is asked for, and in its
    own way only; so with ``stay``, where the connection must be kept, it is asked for, as curl does.
    """
    proxy = hop.proxy
    own = {name.lower() for name, _ in proxy.headers}
    general = [
        pair for pair in headers if pair[0].lower() not in own and pair[0].lower() not in omitted
    ]
    result = [*general, *proxy.headers]
    given = _names(result)
    if stay and not given | omitted >= {b"proxy-connection"}:
        result.append((b"Proxy-Connection", b"Keep-Alive"))
    if not given | omitted | proxy.omitted_headers >= {b"user-agent"}:
        result.insert(0, (b"User-Agent", USER_AGENT))
    result = [pair for pair in result if pair[0].lower() not in proxy.omitted_headers]
    return [(b"Host", authority.encode("ascii")), *result]


def _names(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    return {name.lower() for name, _ in headers}


def speaks_for_itself(proxy: Proxy, headers: HeaderPairs) -> bool:
    """Tell whether a program gives its own ``Proxy-Authorization``, in place of all credentials."""
    given = [*proxy.headers, *headers]
    return bool(given) and b"proxy-authorization" in _names(given)


def _challenges(answer: Answer) -> list[ProxyChallenge]:
    if answer.status not in _AUTHENTICATION:
        return []  # whatever stands there, nobody is asked for anything
    return parse_challenges(
        value for name, value in answer.headers if name == b"proxy-authenticate"
    )


def _told(challenges: list[ProxyChallenge], sent: SentSecrets) -> list[ProxyChallenge]:
    """Give challenges that may be told: a proxy may repeat a password in the place of a scheme."""
    return [
        ProxyChallenge(
            sent.hide_text(challenge.scheme),
            {name: sent.hide_text(value) for name, value in challenge.parameters.items()},
        )
        for challenge in challenges
    ]


def _cut_off(hop: Hop, authority: str, *, middle: bool) -> ProxyProtocolError:
    if middle:
        what = words(
            "closed the connection in the middle of its answer to CONNECT {authority}",
            authority=authority,
        )
        return hop.broke_protocol("connect", what, kind=Kind.CUT_OFF)
    what = words(
        "closed the connection without an answer to CONNECT {authority}", authority=authority
    )
    remedy = CLIENT_CERTIFICATE if hop.proxy.scheme == "https" else hop.right_protocol
    return hop.broke_protocol("connect", what, remedy, Kind.CUT_OFF)
