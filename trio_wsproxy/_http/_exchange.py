"""One HTTP exchange on a stream that is to become something else: one request, one answer.

A request goes out as it is. What comes back is any number of informational answers, skipped,
and a final one. Its head arrives in any pieces; the bytes that stick to it are the tunnel's or
the WebSocket's first, or a refusal's body. In this order:

1. :meth:`Exchange.ask` sends, and finds the final head. Nothing in it is judged but the status,
   for a 101 is wsproto's to judge.
2. :meth:`Exchange.read` reads that head, and leaves out what HTTP does not allow in one.
3. :meth:`Exchange.body` lets h11 read what explains a refusal, within one bound and one patience.

Who is at the other end, and what its failures are called, the callers know. To them goes a
:class:`Problem`, a value: so they raise outside of any ``except`` block, and what h11 says, which
quotes headers, is neither the cause nor the context of what they raise.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

import h11
import trio

from trio_wsproxy._redaction import LoggedHead, SecretBytes, SentSecrets

from ._head import Head, NotHTTP, read_fields, status_code
from ._headers import HeaderPairs
from ._sign import Speaks

logger = logging.getLogger("trio_wsproxy")

RECEIVE_SIZE = 4096  # bytes; an answer fits, and a page behind a refusal is read in few calls
LAST_WORD = 1  # s, for what came before a request could not be sent
MAX_BODY = 64 * 1024  # bytes of a refusal's body that are kept; services explain in JSON there
# Seconds for that body. It comes with the head or in the flights right behind it. Who gives no end
# to it must not cost more: the refusal is known, and within a connect_timeout of a few seconds a
# caller is to get it, not a timeout.
BODY_PATIENCE = 1


class ProblemKind(enum.Enum):
    """What kept an exchange from having an answer."""

    BROKE_WHILE_ASKED = enum.auto()  # the stream, before the request was out
    BROKE_WHILE_ANSWERING = enum.auto()  # the stream, before the head was complete
    CUT_OFF = enum.auto()  # the stream ended before the head was complete
    NOT_HTTP = enum.auto()  # these bytes cannot become an HTTP answer's head
    BROKEN_HEAD = enum.auto()  # a head, but not one that HTTP allows


class Problem(NamedTuple):
    """Why there is no answer.

    Attributes:
      kind: What happened.
      text: What the bytes are, or what is wrong with the head, fit for a message; else nothing.
      speaks: What the bytes were recognised as, if they are no HTTP.
      received: What has come of the head: nothing, a part, or all of it.
      cause: How the stream broke, if it did.

    """

    kind: ProblemKind
    text: str = ""
    speaks: Speaks = ""
    received: bytes = b""
    cause: trio.BrokenResourceError | None = None


class FinalHead(NamedTuple):
    """The head of a final answer, cut off and not yet read.

    Attributes:
      status: Its status code; 101 or 200 to 999.
      head: Status line and headers with the blank line.

    """

    status: int
    head: bytes


class Answer(NamedTuple):
    """The head of a final answer, read.

    Attributes:
      status: Its status code.
      reason: The phrase behind it; of a refusal, without what was sent.
      headers: Names in lower case.
      promises_to_stay: Whether the peer says that it keeps the connection.

    """

    status: int
    reason: bytes
    headers: HeaderPairs
    promises_to_stay: bool


class Body(NamedTuple):
    """The body of a refusal.

    Attributes:
      data: Its first :data:`MAX_BODY` bytes, or what came of them in time.
      ended: Whether all of it has come and nothing behind it, so that a request may follow.

    """

    data: bytes
    ended: bool


class Exchange:
    """One request and its answer.

    Args:
      stream: An open connection; a failed or cancelled call leaves it unusable.
      peer: Who is at its other end, for the log.
      sent: What was sent on the same way before, and is secret; this request's is added.

    Attributes:
      rest: The bytes behind the answer's head.
      sent: What of the request is secret, and not told where the answer repeats it.

    """

    def __init__(
        self, stream: trio.abc.Stream, peer: object, sent: SentSecrets | None = None
    ) -> None:
        self._stream = stream
        self._peer = peer
        self._framed_by = b""
        self.rest = b""
        self.sent = SentSecrets() if sent is None else sent

    async def ask(self, request: bytes, *, secret: Iterable[bytes] = ()) -> FinalHead | Problem:
        """Send a request, and read up to the end of the final answer's head.

        That is the first one that is 101 or not informational (RFC 9110 section 15.2).

        Args:
          request: The request's head.
          secret: Names of headers whose values stay out of the log, but for those that always do.

        """
        self.sent.add_request(request, also=secret)
        logger.debug("asks %s: %s", self._peer, LoggedHead(request, also=secret))
        try:
            await self._stream.send_all(request)
        except trio.BrokenResourceError as exc:
            return await self._last_word(exc)
        return await self._final_head()

    async def _last_word(self, cause: trio.BrokenResourceError) -> FinalHead | Problem:
        """Look for what a peer said before it closed the connection in the face of the request.

        That may be an answer, or the alert of a TLS 1.3 server that wants a client certificate: it
        comes behind the handshake, and a reset follows if the request has crossed it.
        """
        with trio.move_on_after(LAST_WORD):
            found = await self._final_head()
            if isinstance(found, FinalHead):
                return found
            cause = found.cause or cause
        return Problem(ProblemKind.BROKE_WHILE_ASKED, cause=cause)

    async def _final_head(self) -> FinalHead | Problem:
        while True:
            head = await self._receive_head()
            if isinstance(head, Problem):
                return head
            logger.debug("%s answers: %s", self._peer, LoggedHead(head, sent=self.sent))
            try:
                status = status_code(head)
            except NotHTTP as exc:
                text = str(_told_of(head, status_code, self.sent) or exc)
                return Problem(ProblemKind.BROKEN_HEAD, text, received=SecretBytes(head))
            if status == 101 or status >= 200:
                return FinalHead(status, SecretBytes(head))

    async def _receive_head(self) -> bytes | Problem:
        reader = Head()
        data = self.rest
        try:
            while (cut := reader.feed(data)) is None:
                data = bytes(await self._stream.receive_some(RECEIVE_SIZE))
                if not data:
                    return Problem(ProblemKind.CUT_OFF, received=SecretBytes(reader.partial))
        except NotHTTP as exc:
            data = SecretBytes(reader.partial)
            text = str(_told_of(data, Head().feed, self.sent) or exc)
            return Problem(ProblemKind.NOT_HTTP, text, exc.speaks, data)
        except trio.BrokenResourceError as exc:
            kind = ProblemKind.BROKE_WHILE_ANSWERING
            return Problem(kind, received=SecretBytes(reader.partial), cause=exc)
        self.rest = SecretBytes(cut[1])
        return SecretBytes(cut[0])

    def read(self, final: FinalHead) -> Answer | Problem:
        """Read the head of an answer that opens a tunnel, or of a refusal.

        Header lines that HTTP does not allow are left out: a status says what it says, whatever
        else is in the head. Where that contradicts itself about the body behind it, the body ends
        with the stream; a 2xx to CONNECT has none (RFC 9110 section 9.3.6).

        Args:
          final: The head that :meth:`ask` found.

        """
        status = final.status
        if status == 101:
            problem = "it switches to another protocol, for which nobody asked"
            return Problem(ProblemKind.BROKEN_HEAD, problem, received=final.head)
        fields = read_fields(final.head)
        headers = tuple((name, SecretBytes(value)) for name, value in fields.headers)
        # What h11 is to read the body by.
        self._framed_by = b"HTTP/1.1 %d \r\n%b\r\n" % (status, fields.framing)
        framed = bool(fields.framing) or status in (204, 304)
        stays = framed and _promises_to_stay(fields.version, fields.headers)
        reason = fields.reason if 200 <= status < 300 else self.sent.hide(fields.reason)
        return Answer(status, reason, headers, stays)

    async def body(self, limit: int = MAX_BODY) -> Body:
        """Read what explains a refusal; whatever goes wrong, the refusal itself matters more.

        Args:
          limit: Bytes to read at most.

        """
        body = bytearray()
        ended = False
        http = h11.Connection(h11.CLIENT)
        http.receive_data(self._framed_by)
        http.next_event()
        with (
            trio.move_on_after(BODY_PATIENCE),
            suppress(h11.RemoteProtocolError, trio.BrokenResourceError),
        ):
            if self.rest:
                http.receive_data(self.rest)
            while len(body) < limit:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    http.receive_data(bytes(await self._stream.receive_some(RECEIVE_SIZE)))
                elif isinstance(event, h11.Data):
                    body += event.data
                else:
                    # What follows unasked is no answer to a request that was not sent yet.
                    trailing, _ = http.trailing_data
                    ended = isinstance(event, h11.EndOfMessage) and not trailing
                    break
        return Body(SecretBytes(body[:MAX_BODY]), ended)


def _told_of(data: bytes, read: Callable[[bytes], object], sent: SentSecrets) -> NotHTTP | None:
    """Read once more what is no HTTP, for its description, without what was sent; ``None`` if it is now."""
    try:
        read(sent.hide(data))
    except NotHTTP as exc:
        return exc
    return None


def _promises_to_stay(version: int, headers: HeaderPairs) -> bool:
    """Tell whether a peer says that it keeps the connection (RFC 9112 section 9.3).

    ``Proxy-Connection`` is in no RFC but to be warned of; older proxies say there what they
    mean. A body that ends with the connection is the third way to say no.
    """
    options: set[bytes] = set()
    for name, value in headers:
        if name in (b"connection", b"proxy-connection"):
            options |= {item.strip().lower() for item in value.split(b",")}
    return b"close" not in options and (version >= 1 or b"keep-alive" in options)
