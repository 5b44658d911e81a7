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

import logging
from contextlib import suppress
from dataclasses import dataclass

import h11
import trio

from trio_wsproxy._auth._scheme import ProxyAuthRequest, ProxyChallenge, parse_challenges
from trio_wsproxy._auth._schemes import Authentication, from_url
from trio_wsproxy._exceptions import ProxyAuthenticationError, ProxyProtocolError, ProxyRejected
from trio_wsproxy._http._head import (
    FRAMING,
    MAX_BODY,
    MAX_HEAD,
    Head,
    HeaderPairs,
    LoggedHead,
    NotHTTP,
    complaint,
    status_code,
    without_framing,
)
from trio_wsproxy._http._proof import refused_by_proxy
from trio_wsproxy._redaction import printable
from trio_wsproxy._report._stages import Running
from trio_wsproxy._version import VERSION

from ._hop import Hop
from ._prefixed_stream import with_prefix

logger = logging.getLogger("trio_wsproxy")

_AUTHENTICATION = (407, 401)  # the second is tinyproxy's answer to wrong credentials
RECEIVE_SIZE = 4096  # bytes; an answer fits, and a page behind a refusal is read in few calls
BODY_PATIENCE = 1  # seconds for the rest of that page; the refusal must not wait for more
MAX_REASON = 80  # characters of the phrase behind a status; it stands in a message
MAX_DRAINED = 256 * 1024  # bytes of a page behind a 407; a new connection is cheaper than more
USER_AGENT = f"trio_wsproxy/{VERSION}".encode("ascii")


_OTHER_SCHEME = {"TLS": "use https:// for its scheme", "SOCKS": "use socks5h:// for its scheme"}
_WRONG_SCHEME = "are the proxy URL's scheme, host and port right?"


class DialAgain(Exception):  # a signal to the dialer, it never leaves this package
    """The proxy has closed the connection; the next request needs a new one."""


@dataclass(frozen=True)
class _Page:
    """The body of an answer, and whether another request may follow it."""

    body: bytes
    kept: bool


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
        schemes = () if proxy.username is None else from_url(proxy.username, proxy.password or "")
        request = ProxyAuthRequest("CONNECT", authority, proxy.host, proxy.port)
        authentication = Authentication(schemes, request)
    pairs = _headers(hop, authority, headers, omitted)
    speaks_for_itself = any(name.lower() == b"proxy-authorization" for name, _ in pairs)
    if not speaks_for_itself:
        await authentication.begin()
    used = False  # whether an answer has come on this connection
    while True:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        reader = Head()
        headers_now = _with_value(pairs, authentication)
        authentication.rounds += 1
        try:
            answer, rest = await _ask(http, stream, hop, authority, headers_now, reader, stage)
        except ProxyProtocolError:
            # It had promised to keep the connection, and has closed it without a word.
            if used and not reader.partial and authentication.may_go_elsewhere:
                raise DialAgain from None
            raise
        used = True
        if 200 <= answer.status_code < 300:
            authentication.accepted(_pairs(answer))
            return with_prefix(rest, stream)
        challenges = _challenges(answer)
        goes_on = (
            answer.status_code == 407
            and not speaks_for_itself
            and await authentication.answer(challenges)
        )
        if not goes_on:
            page = await _receive_body(http, stream, rest, MAX_BODY)
            raise _refusal(  # not kept, for that would be a cycle
                hop, authority, answer, page.body, authentication, challenges
            ) from authentication.cause
        page = _Page(b"", kept=False)
        if _promises_to_stay(answer):
            page = await _receive_body(http, stream, rest, MAX_DRAINED)
        if not page.kept and authentication.bound_to_connection:
            raise hop.broke_protocol(
                "connect",
                "closed the connection in the middle of an authentication that is bound to it "
                f"({', '.join(c.scheme for c in challenges)})",
            )
        if not page.kept:
            raise DialAgain


def _with_value(
    pairs: list[tuple[bytes, bytes]], authentication: Authentication
) -> list[tuple[bytes, bytes]]:
    if authentication.value is None:
        return pairs
    return [*pairs, (b"Proxy-Authorization", authentication.value)]


async def _ask(  # two ends, one request, one answer
    http: h11.Connection,
    stream: trio.abc.Stream,
    hop: Hop,
    authority: str,
    headers: list[tuple[bytes, bytes]],
    reader: Head,
    stage: Running | None,
) -> tuple[h11.Response, bytes]:
    """Send one request, and read the head of its final answer and the bytes behind that."""
    request = h11.Request(method="CONNECT", target=authority, headers=headers)
    hello = (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")
    # What the user adds for a proxy is a token as often as not.
    own = [name for name, _ in headers if name.lower() not in (b"host", b"user-agent")]
    logger.debug("asks %s: %s", hop, LoggedHead(hello, also=own))
    with hop.conversation("connect", f"being asked for a tunnel to {authority}"):
        await stream.send_all(hello)
    rest = b""
    while True:
        head, rest = await _receive_head(reader, stream, hop, authority, rest)
        logger.debug("%s answers: %s", hop, LoggedHead(head))
        if stage is not None:
            stage.evidence = head
        answer = _parse(http, head, hop, authority)
        if isinstance(answer, h11.Response):
            return answer, rest
        reader = Head()  # RFC 9110 section 15.2: any number of 1xx answers, and none is final


def _headers(
    hop: Hop, authority: str, headers: HeaderPairs, omitted: frozenset[bytes]
) -> list[tuple[bytes, bytes]]:
    proxy = hop.proxy
    own = {name.lower() for name, _ in proxy.headers}
    general = [
        pair for pair in headers if pair[0].lower() not in own and pair[0].lower() not in omitted
    ]
    result = [*general, *proxy.headers]
    given = {name.lower() for name, _ in result}
    if not given | omitted | proxy.omitted_headers >= {b"user-agent"}:
        result.insert(0, (b"User-Agent", USER_AGENT))
    result = [pair for pair in result if pair[0].lower() not in proxy.omitted_headers]
    return [(b"Host", authority.encode("ascii")), *result]


def _pairs(answer: h11.Response) -> HeaderPairs:
    return tuple((bytes(name), bytes(value)) for name, value in answer.headers)


def _challenges(answer: h11.Response) -> list[ProxyChallenge]:
    return parse_challenges(
        value for name, value in _pairs(answer) if name == b"proxy-authenticate"
    )


def _promises_to_stay(answer: h11.Response) -> bool:
    """Tell whether a proxy keeps the connection (RFC 9112 section 9.3).

    ``Proxy-Connection`` is in no RFC but to be warned of; older proxies say there what they
    mean. A body that ends with the connection is the third way to say no.
    """
    options: set[bytes] = set()
    framed = answer.status_code in (204, 304)
    for name, value in _pairs(answer):
        if name in (b"connection", b"proxy-connection"):
            options |= {item.strip().lower() for item in value.split(b",")}
        framed = framed or name in FRAMING
    if b"close" in options or not framed:
        return False
    return answer.http_version >= b"1.1" or b"keep-alive" in options


async def _receive_head(
    reader: Head, stream: trio.abc.Stream, hop: Hop, authority: str, rest: bytes
) -> tuple[bytes, bytes]:
    try:
        cut = reader.feed(rest)
        while cut is None:
            with hop.conversation("connect", f"answering the request for {authority}"):
                data = await stream.receive_some(RECEIVE_SIZE)
            if not data:
                raise hop.broke_protocol("connect", _cut_off(reader.partial, hop, authority))
            cut = reader.feed(data)
    except NotHTTP as exc:
        raise hop.broke_protocol(
            "connect",
            f"answered CONNECT with {exc}; {_OTHER_SCHEME.get(exc.speaks, _WRONG_SCHEME)}",
        ) from None
    return cut


def _cut_off(partial: bytes, hop: Hop, authority: str) -> str:
    if partial:
        return f"closed the connection in the middle of its answer to CONNECT {authority}"
    hint = hop.right_protocol
    if hop.proxy.scheme == "https":
        hint = "if it wants a client certificate, load one into the context (load_cert_chain)"
    return f"closed the connection without an answer to CONNECT {authority}; {hint}"


def _parse(
    http: h11.Connection, head: bytes, hop: Hop, authority: str
) -> h11.Response | h11.InformationalResponse:
    try:
        if 200 <= status_code(head) < 300:
            head = without_framing(head)
        http.receive_data(head)
        event = http.next_event()
    except (h11.RemoteProtocolError, NotHTTP) as exc:
        problem = complaint(exc)  # not chained, not even as a context: it quotes headers
    else:
        assert isinstance(event, (h11.Response, h11.InformationalResponse))  # a head makes no other
        return event
    raise hop.broke_protocol("connect", f"answered CONNECT {authority} with broken HTTP: {problem}")


async def _receive_body(
    http: h11.Connection, stream: trio.abc.Stream, rest: bytes, limit: int
) -> _Page:
    """Read what explains a refusal; whatever goes wrong, the refusal itself matters more."""
    body = bytearray()
    with (
        trio.move_on_after(BODY_PATIENCE),
        suppress(h11.RemoteProtocolError, trio.BrokenResourceError),
    ):
        if rest:
            http.receive_data(rest)
        while len(body) < limit:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some(RECEIVE_SIZE)))
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                # What follows unasked is no answer to a request that was not sent yet.
                trailing, _ = http.trailing_data
                return _Page(
                    bytes(body[:MAX_BODY]), isinstance(event, h11.EndOfMessage) and not trailing
                )
    return _Page(bytes(body[:MAX_BODY]), kept=False)


def _refusal(  # all of it goes into the message
    hop: Hop,
    authority: str,
    answer: h11.Response,
    body: bytes,
    authentication: Authentication,
    challenges: list[ProxyChallenge],
) -> ProxyRejected:
    status = answer.status_code
    reason = printable(bytes(answer.reason).decode("latin-1").strip(), MAX_REASON)
    said = f"{hop} answered {status} {reason}".rstrip() + f" to CONNECT {authority}"
    remedy = str(refused_by_proxy(status, authority, _pairs(answer), body))
    kind = ProxyRejected
    if status in _AUTHENTICATION:
        kind = ProxyAuthenticationError
        remedy = _credentials_remedy(hop, authentication, challenges)
    return kind(
        f"{said}; {remedy}",
        proxy=hop.proxy.url,
        hop=hop.number,
        stage="connect",
        status_code=status,
        headers=_pairs(answer),
        body=body,
    )


def _credentials_remedy(
    hop: Hop, authentication: Authentication, challenges: list[ProxyChallenge]
) -> str:
    """Say what the proxy offers, and what can be done about it."""
    offered = list(dict.fromkeys(challenge.scheme for challenge in challenges))
    names = ", ".join(offered)
    offer = f" (it offers {names})" if offered else ""
    able = {name.lower() for name in authentication.schemes}
    if authentication.problem:
        return f"{authentication.problem}{offer}"
    if not able:
        known = {name.lower() for name in offered}
        if known and not known & {"basic", "digest"}:
            return f"it wants credentials{offer}: give them with proxy_auth="
        return f"it wants credentials{offer}: put user:password@ into the proxy URL"
    if offered and not able & {name.lower() for name in offered}:
        given = ", ".join(dict.fromkeys(authentication.schemes))
        return f"it offers {names}, and there are credentials for {given}: see proxy_auth="
    place = "in the proxy URL" if hop.proxy.username is not None else "of proxy_auth="
    return f"it refuses these credentials{offer}: check user name and password {place}"
