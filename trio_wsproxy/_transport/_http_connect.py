"""A tunnel through an HTTP proxy: ``CONNECT`` (RFC 9110 section 9.3.6).

What goes out is a request with the authority as its target and as its ``Host``. What comes
back is any number of 1xx answers, skipped, and one final answer: 2xx opens the tunnel at the
byte behind its blank line, anything else is a refusal with a body worth keeping. The answer
may arrive in any pieces, and the tunnel's first bytes may stick to it.
"""

from __future__ import annotations

import logging
from contextlib import suppress

import h11
import trio

from trio_wsproxy._exceptions import ProxyAuthenticationError, ProxyRejected
from trio_wsproxy._http import (
    MAX_BODY,
    MAX_HEAD,
    Head,
    HeaderPairs,
    NotHTTP,
    masked_head,
    status_code,
    without_framing,
)

from ._auth import basic
from ._endpoints import with_prefix
from ._hop import Hop

logger = logging.getLogger("trio_wsproxy")

_AUTHENTICATION = (407, 401)  # the second is tinyproxy's answer to wrong credentials
RECEIVE_SIZE = 4096  # bytes; an answer fits, and a page behind a refusal is read in few calls
BODY_PATIENCE = 1  # seconds for the rest of that page; the refusal must not wait for more


async def open_connect_tunnel(
    stream: trio.abc.Stream, hop: Hop, authority: str, headers: HeaderPairs
) -> trio.abc.Stream:
    """Ask an HTTP proxy for a tunnel.

    Args:
      stream: An open connection to the proxy; its TLS, if any, is done.
      hop: The proxy at the other end; its credentials are sent if it has any.
      authority: Host and port to reach, for example ``"[::1]:443"``.
      headers: Additional headers for all proxies; those of the proxy's own replace them.

    Returns:
      A stream whose other end is ``authority``. Bytes that the proxy sent behind its answer
      are the first ones read from it.

    Raises:
      ProxyAuthenticationError: It answered 407.
      ProxyRejected: It answered another status than 2xx.
      ProxyProtocolError: The answer was not HTTP/1.x, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    request = h11.Request(
        method="CONNECT", target=authority, headers=_headers(hop, authority, headers)
    )
    hello = (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")
    logger.debug("asks %s: %s", hop, masked_head(hello))
    with hop.conversation("connect", f"being asked for a tunnel to {authority}"):
        await stream.send_all(hello)
    rest = b""
    while True:
        head, rest = await _receive_head(stream, hop, authority, rest)
        logger.debug("%s answers: %s", hop, masked_head(head))
        answer = _parse(http, head, hop, authority)
        if isinstance(answer, h11.InformationalResponse):
            continue  # RFC 9110 section 15.2: any number of them, and none is final
        if 200 <= answer.status_code < 300:
            return with_prefix(rest, stream)
        body = await _receive_body(http, stream, rest)
        raise _refusal(hop, authority, answer, body)


def _headers(hop: Hop, authority: str, headers: HeaderPairs) -> list[tuple[bytes, bytes]]:
    proxy = hop.proxy
    own = {name.lower() for name, _ in proxy.headers}
    general = [pair for pair in headers if pair[0].lower() not in own]
    result = [(b"Host", authority.encode("ascii")), *general, *proxy.headers]
    given = {name.lower() for name, _ in result}
    if proxy.username is not None and b"proxy-authorization" not in given:
        value = basic(proxy.username, proxy.password or "")
        result.append((b"Proxy-Authorization", value))
    return result


async def _receive_head(
    stream: trio.abc.Stream, hop: Hop, authority: str, rest: bytes
) -> tuple[bytes, bytes]:
    reader = Head()
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
            "connect", f"answered CONNECT with {exc}; is {hop.proxy.scheme}:// its right scheme?"
        ) from None
    return cut


def _cut_off(partial: bytes, hop: Hop, authority: str) -> str:
    if partial:
        return f"closed the connection in the middle of its answer to CONNECT {authority}"
    hint = "does it speak HTTP (rather than SOCKS or TLS) on that port?"
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
        raise hop.broke_protocol(
            "connect", f"answered CONNECT {authority} with broken HTTP: {exc}"
        ) from None
    assert isinstance(event, (h11.Response, h11.InformationalResponse))  # a head makes no other
    return event


async def _receive_body(http: h11.Connection, stream: trio.abc.Stream, rest: bytes) -> bytes:
    """Read what explains a refusal; whatever goes wrong, the refusal itself matters more."""
    body = bytearray()
    with (
        trio.move_on_after(BODY_PATIENCE),
        suppress(h11.RemoteProtocolError, trio.BrokenResourceError),
    ):
        if rest:
            http.receive_data(rest)
        while len(body) < MAX_BODY:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(bytes(await stream.receive_some(RECEIVE_SIZE)))
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
    return bytes(body[:MAX_BODY])


def _refusal(hop: Hop, authority: str, answer: h11.Response, body: bytes) -> ProxyRejected:
    status = answer.status_code
    reason = bytes(answer.reason).decode("latin-1").strip()
    said = f"{hop} answered {status} {reason}".rstrip() + f" to CONNECT {authority}"
    kind = ProxyAuthenticationError if status in _AUTHENTICATION else ProxyRejected
    return kind(
        f"{said}; {_remedy(hop, status, authority)}",
        proxy=hop.proxy.url,
        hop=hop.number,
        stage="connect",
        status_code=status,
        headers=tuple((bytes(name), bytes(value)) for name, value in answer.headers),
        body=body,
    )


def _remedy(hop: Hop, status: int, authority: str) -> str:
    if status in _AUTHENTICATION and hop.proxy.username is None:
        return "it wants credentials: put user:password@ into the proxy URL"
    if status in _AUTHENTICATION:
        return "it refuses these credentials: check user name and password in the proxy URL"
    if status == 403:
        return f"its rules forbid {authority}: ask for this host and port to be allowed"
    if status in (502, 503, 504):
        return f"it could not reach {authority}: is that server up, and its name known there?"
    if status in (400, 405, 501):
        return "it may not be a proxy, or not allow CONNECT: check the proxy URL's host and port"
    return "see the error's .headers and .body for what it says"
