"""The opening handshake (RFC 6455 section 4.1), in the caller's task.

One request goes out; informational answers are skipped; then the answer is either 101 with
the right proofs, and what follows its blank line are the first bytes of the WebSocket, or a
refusal with a body worth keeping.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import h11
import trio
from wsproto.extensions import Extension
from wsproto.utilities import generate_nonce

from trio_wsproxy._exceptions import HandshakeError, Headers, ServerRejected, failed
from trio_wsproxy._failures import Failure, Kind, Topic, Words, words
from trio_wsproxy._http import (
    FRAMING,
    IS_PROXY,
    Exchange,
    FinalHead,
    HeaderPairs,
    HeadersArgument,
    Problem,
    ProblemKind,
    header_pairs,
    request_head,
    told_body,
)
from trio_wsproxy._records import Record
from trio_wsproxy._redaction import SentSecrets, secret
from trio_wsproxy._report import HTTPAnswer, Running

from ._answer import judged

# RFC 6455 section 4.1 gives these values to the handshake itself.
_OWNED = frozenset(
    (
        b"connection",
        b"upgrade",
        b"sec-websocket-key",
        b"sec-websocket-version",
        b"sec-websocket-accept",
        b"sec-websocket-extensions",
    )
)
# Of what is sent, values that are no secret, and stand in explanations and in the log.
_NO_SECRETS = (b"host", b"origin", b"user-agent", b"accept", b"accept-language")
_INSTEAD = {
    b"sec-websocket-protocol": words("use {subprotocols}", subprotocols=Topic.BY_SUBPROTOCOLS),
    b"proxy-authorization": words(
        "it would go to the server, not to the proxy; "
        "put user:password@ into the proxy URL{or_proxy_headers}",
        or_proxy_headers=Topic.OR_PROXY_HEADERS,
    ),
}


class OpeningRequest(Record):
    """What the client asks for.

    Attributes:
      url: The server's URL for messages; masked.
      host: The value of the ``Host`` header.
      resource: Path and query.
      subprotocols: In order of preference.
      headers: Additional headers; see :func:`check_extra_headers`.

    """

    __slots__ = ("headers", "host", "resource", "subprotocols", "url")

    def __init__(
        self,
        url: str,
        host: str,
        resource: str,
        subprotocols: tuple[str, ...] = (),
        headers: HeaderPairs = (),
    ) -> None:
        self.url = url
        self.host = host
        self.resource = resource
        self.subprotocols = subprotocols
        self.headers = headers
        self._check()

    def __repr__(self) -> str:
        """Show nothing of what may be a secret."""
        return f"OpeningRequest(url={self.url!r}, …)"

    def _check(self) -> None:
        """Refuse early, with a ValueError, what wsproto and h11 would refuse when it is sent."""
        if _can_be_sent(self.host, self.resource):
            return
        for name, host, target in (
            ("host", self.host, "/"),
            ("resource", "localhost", self.resource),
        ):
            if not _can_be_sent(host, target):
                shown = getattr(self, name).partition("?")[0]  # a query may hold a token
                raise ValueError(f"the {name} {shown!r} cannot stand in a WebSocket request")


# What nearly all are: labels that IDNA leaves alone, or an address, with or without a port.
_USUAL_HOST = re.compile(r"[A-Za-z0-9_-]{1,57}(?:\.[A-Za-z0-9_-]{1,57})*(?::[0-9]{1,5})?")
_USUAL_TARGET = re.compile(r"/[!-~]*")


def _can_be_sent(host: str, target: str) -> bool:
    if _USUAL_HOST.fullmatch(host) and _USUAL_TARGET.fullmatch(target):
        return True
    try:
        headers = [(b"Host", host.encode("idna"))]  # as wsproto does it
        h11.Request(method=b"GET", target=target.encode("ascii"), headers=headers)
    except (h11.LocalProtocolError, UnicodeError):
        return False
    return True


class OpeningAnswer(NamedTuple):
    """What the server agreed to.

    Attributes:
      subprotocol: The one it chose, or ``None``.
      headers: Its other headers, names in lower case.
      extensions: wsproto's extensions, finalised.
      trailing: The bytes behind the answer: the WebSocket's first.
      sent: What of the request is secret, and not told where the server repeats it.

    """

    subprotocol: str | None
    headers: Headers
    extensions: tuple[Extension, ...]
    trailing: bytes
    sent: SentSecrets


def check_extra_headers(headers: HeadersArgument | None) -> HeaderPairs:
    """Bring ``extra_headers`` into h11's form.

    Raises:
      ValueError: HTTP cannot carry a name or value, or the header is not the caller's to set.

    """
    pairs = header_pairs(headers, name=Topic.EXTRA_HEADERS, reserved=FRAMING)
    for name, _ in pairs:
        key = name.lower()
        if key in _OWNED:
            raise ValueError(
                words(
                    "{option}: {name!r} is set by the handshake itself",
                    option=Topic.EXTRA_HEADERS,
                    name=name.decode(),
                )
            )
        if key in _INSTEAD:
            raise ValueError(
                words(
                    "{option}: {name!r} is not sent: {instead}",
                    option=Topic.EXTRA_HEADERS,
                    name=name.decode(),
                    instead=_INSTEAD[key],
                )
            )
    return pairs


async def shake_hands(
    stream: trio.abc.Stream,
    request: OpeningRequest,
    extensions: Sequence[Extension] = (),
    stage: Running | None = None,
) -> OpeningAnswer:
    """Ask a server to speak WebSocket.

    Args:
      stream: An open connection to the server; its TLS, if any, is done.
      request: What to ask for.
      extensions: wsproto's extensions to offer.
      stage: Gets the head of the answer as its evidence.

    Raises:
      ConnectionRejected: The server answered with another status than 101.
      HandshakeError: Its answer is not a WebSocket handshake, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    key = generate_nonce()
    hello = _hello(request, key, extensions)
    exchange = Exchange(stream, request.url, None if stage is None else stage.sent)
    own = [name for name, _ in request.headers if name.lower() not in _NO_SECRETS]
    final = await exchange.ask(hello, secret=own)
    if isinstance(final, Problem):
        raise _failure(request, final) from _cause(final)
    if stage is not None:
        stage.evidence = HTTPAnswer(final.head, exchange.sent)
    if final.status != 101:
        raise await _refusal(request, exchange, final)
    agreed = judged(final.head, key, request.subprotocols, extensions)
    if isinstance(agreed, str):
        agreed = exchange.sent.hide_text(agreed)
        raise _not_a_handshake(request, agreed)
    return OpeningAnswer(*agreed, exchange.rest, exchange.sent)


def _hello(request: OpeningRequest, key: bytes, extensions: Sequence[Extension]) -> bytes:
    """Write the request, in the order in which wsproto does (RFC 6455 section 4.1)."""
    host = request.host
    headers = [
        (b"Host", host.encode("ascii") if host.isascii() else host.encode("idna")),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", key),
        (b"Sec-WebSocket-Version", b"13"),
    ]
    if request.subprotocols:
        offered = ", ".join(request.subprotocols).encode("ascii")
        headers.append((b"Sec-WebSocket-Protocol", secret(offered)))  # tokens are sent there, too
    offers = [_offer(extension) for extension in extensions]
    if any(offers):
        value = ", ".join(offer for offer in offers if offer)
        headers.append((b"Sec-WebSocket-Extensions", value.encode("ascii")))
    return request_head(b"GET", request.resource.encode("ascii"), [*headers, *request.headers])


def _offer(extension: Extension) -> str:
    """Write what an extension offers: its parameters, or whether there are none."""
    offer = extension.offer()
    if isinstance(offer, bool):
        return extension.name if offer else ""
    return f"{extension.name}; {offer}"


async def _refusal(
    request: OpeningRequest, exchange: Exchange, final: FinalHead
) -> ServerRejected | HandshakeError:
    answer = exchange.read(final)
    if isinstance(answer, Problem):
        return _not_a_handshake(request, answer.text)
    body = await exchange.body()
    told = (
        exchange.sent.hide_headers(answer.headers),
        told_body(answer.headers, body.data, exchange.sent),
    )
    return ServerRejected(
        answer.status,
        answer.headers,
        body.data,
        url=request.url,
        told=told,
    )


# By what the server speaks in place of HTTP.
_OTHER = {"TLS": words("use wss://"), "SOCKS5": IS_PROXY, "SOCKS4": IS_PROXY}
_RIGHT_PORT = words("is that the right port?")


def _failure(request: OpeningRequest, problem: Problem) -> HandshakeError:
    """Say what kept the server's answer away."""
    server = words("the server {url}", url=request.url)
    if problem.kind is ProblemKind.NOT_HTTP:
        what = words(
            "{server} answered the WebSocket request with {answer}",
            server=server,
            answer=problem.text,
        )
        return _failed(Kind.OTHER_PROTOCOL, what, _OTHER.get(problem.speaks, _RIGHT_PORT))
    if problem.kind is ProblemKind.BROKEN_HEAD:
        return _not_a_handshake(request, problem.text)
    or_tls = ", or want TLS (wss://)" if request.url.startswith("ws://") else ""
    question = words("does it speak WebSocket there{or_tls}?", or_tls=or_tls)
    if problem.cause is not None:
        how = words("broke the connection during the opening handshake")
    else:
        middle = "in the middle of" if problem.received else "without"
        how = words(
            "closed the connection {middle} an answer to the WebSocket request", middle=middle
        )
    return _failed(Kind.CUT_OFF, words("{server} {how}", server=server, how=how), question)


def _cause(problem: Problem) -> trio.BrokenResourceError | None:
    if problem.kind is ProblemKind.CUT_OFF:
        return trio.BrokenResourceError("end of file")  # as for a connection that is reset
    return problem.cause


def _not_a_handshake(request: OpeningRequest, problem: str) -> HandshakeError:
    what = words(
        "the server {url} answered the WebSocket request with something that is "
        "not a WebSocket handshake: {problem}",
        url=request.url,
        problem=problem,
    )
    return _failed(Kind.OTHER_PROTOCOL, what)


def _failed(kind: Kind, what: Words, remedy: Words | None = None) -> HandshakeError:
    return failed(HandshakeError, Failure(kind, "upgrade", what, remedy))
