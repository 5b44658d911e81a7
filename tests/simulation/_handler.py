"""The server of a scenario: what it does follows from the path that it is asked for."""

from __future__ import annotations

import base64
import hashlib
import re

import trio
from _by_hand import GUID, Heard
from _peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, frame
from _record import Asked, Record, ServerSide
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from trio_wsproxy.testing.simulate import Universe

# What a server says at its end: normal ones, one of a program's own, and one for trouble.
CLOSES = ((1000, "enough"), (1000, "enough"), (1001, ""), (4321, "own"), (1013, "trouble"))
LIMIT = 2000  # bytes; the client's max_message_size where a server is rude
OPENS = 3400.0  # seconds behind which nobody is asked to come later
LONG_NAP = 20  # seconds
MANY = 700  # pings of 100 bytes, for which more is to be said than this client keeps

# What no server may send, and the code that a client closes with then (RFC 6455 section 7.4.1).
RUDE: dict[str, tuple[bytes, int]] = {
    "masked": (b"\x81\x81abcdx", 1002),
    "reserved": (frame(3), 1002),
    "half-utf-8": (frame(TEXT, b"\xc3"), 1007),
    "long-ping": (frame(PING, bytes(126)), 1002),
    "continues-nothing": (frame(CONTINUATION, b"x"), 1002),
    "large": (frame(BINARY, bytes(LIMIT + 1)), 1009),
    "large-in-parts": (
        frame(BINARY, bytes(LIMIT), fin=False) + frame(CONTINUATION, b"x"),
        1009,
    ),
    "closes-without-code": (frame(CLOSE, close_payload(1005)), 1002),
}


def asked(head: bytes) -> Asked:
    """Read a request."""
    line, *lines = head.split(b"\r\n")
    pairs = (line.partition(b":") for line in lines if line)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Asked(line.split()[1].decode(), headers)


class Handler:
    """Says which connection this is, then does what the path asks for."""

    def __init__(self, universe: Universe, record: Record) -> None:
        self._universe = universe
        self._record = record
        self.elsewhere = ""  # the URL that leads to

    async def serve(self, request: WebSocketRequest) -> None:
        """Serve one connection with trio-websocket."""
        host = request._event.host.encode()  # it hands out all headers but this one
        self._record.requests.append(Asked(request.path, ((b"host", host), *request.headers)))
        if (
            request.path == "/later"
            and trio.current_time() < OPENS
            and self._universe.times(8) == 1
        ):
            seconds = self._universe.choice((0, 90))
            await request.reject(503, extra_headers=[(b"Retry-After", b"%d" % seconds)])
            return
        number, side = self._record.new_server_side()
        connection = await request.accept()
        try:
            await connection.send_message(f"number {number}")
            await (self._push if request.path.startswith("/push") else self._echo)(connection, side)
        except ConnectionClosed as exc:
            if side.said is None and exc.reason is not None:
                side.heard = (exc.reason.code, exc.reason.reason or "")

    async def _echo(self, connection: WebSocketConnection, side: ServerSide) -> None:
        answering = True
        while True:  # what has arrived is taken even where no answer can be sent any more
            message = await connection.get_message()
            side.received.append(message)
            if answering:
                side.sent.append(message)
                try:
                    await connection.send_message(message)
                except ConnectionClosed:
                    answering = False

    async def _push(self, connection: WebSocketConnection, side: ServerSide) -> None:
        """Send many, and close."""
        large = connection.path == "/push/large"
        for index in range(15 if large else self._universe.times(40)):
            text = f"{index} " + "ä" * (50_000 if large else self._universe.times(3000))
            message: str | bytes = text if index % 3 and not large else text.encode()
            side.sent.append(message)
            await connection.send_message(message)
        code, reason = self._universe.choice(CLOSES)
        side.said = (code, reason)
        await connection.aclose(code, reason)

    # -- by hand ---------------------------------------------------------------------------------

    async def raw(self, stream: trio.abc.Stream) -> None:
        """Serve one connection, byte by byte; some are no WebSocket at all."""
        try:
            request = await self._request(stream)
            answer = self._answer(request)
            if answer and b"/reset/" in request:  # before its body has ended
                await stream.send_all(answer[:-1])
                await trio.sleep(0.5)
                self._universe.reset("echo.test")
            elif answer:
                await stream.send_all(answer)
            elif b"/deflate" in request:
                await self._deflate(stream, request, *self._record.new_server_side())
            else:
                await self._speak(stream, request)
        except (trio.BrokenResourceError, EOFError):
            pass

    async def _request(self, stream: trio.abc.Stream) -> bytes:
        """Read a request's head."""
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            data = await stream.receive_some()
            if not data:
                raise EOFError
            request += data
        if not request.startswith(b"CONNECT"):
            self._record.requests.append(asked(request))
        return request

    def _answer(self, request: bytes) -> bytes:
        """Give what is said to who is not to have a WebSocket here; nothing to others."""
        path = request.split()[1].decode()
        status, more = 403, ""
        if path.startswith("/elsewhere"):
            status = 307
            more = f"Location: {'/elsewhere' if path.endswith('/2') else self.elsewhere}\r\n"
        elif path.startswith("/refuse/"):
            status = int(path.rpartition("/")[2])
        elif path == "/wrong-token":
            status, more = 101, "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            more += "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        elif not request.startswith(b"CONNECT"):
            return b""
        length = "" if status == 101 else "Content-Length: 2\r\n"
        body = "" if status == 101 else "no"
        return f"HTTP/1.1 {status} So\r\n{more}{length}\r\n{body}".encode()

    async def _speak(self, stream: trio.abc.Stream, request: bytes) -> None:
        number, side = self._record.new_server_side()
        heard = Heard()
        side.masks = heard.masks
        await self._accept(stream, request)
        await stream.send_all(frame(TEXT, f"number {number}".encode()))
        rude = re.search(rb"/rude/(\S+)", request)
        if b"/lazy" in request:
            await self._answer_seldom(stream, side, heard)
        elif rude:
            await self._be_rude(stream, side, rude[1].decode())
        elif b"/idle" in request:
            await self._ping(stream, side, heard)
        else:
            for index in range(self._universe.times(6)):
                await self._send_in_fragments(stream, side, index)
        if not rude:
            side.said = (1000, "")
            await stream.send_all(frame(CLOSE, b"\x03\xe8"))
        await self._hear_close(stream, side, heard)

    async def _hear_close(self, stream: trio.abc.Stream, side: ServerSide, heard: Heard) -> None:
        while heard.close is None:
            data = await stream.receive_some()
            if not data:
                return
            heard.feed(bytes(data))
        side.pinged = len(heard.pings)
        side.heard = (int.from_bytes(heard.close[:2], "big"), heard.close[2:].decode())
        side.unanswered += side.pings - heard.pongs if side.pings < MANY else 0
        await trio.sleep(self._universe.choice((0, 0, 200)))  # and only then hang up

    async def _accept(self, stream: trio.abc.Stream, request: bytes) -> None:
        """Do the opening handshake."""
        key = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
        assert key is not None
        proof = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n"
        await stream.send_all(
            hints
            * self._universe.choice((0, 0, 1))
            + b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + proof + b"\r\n\r\n"
        )

    async def _be_rude(self, stream: trio.abc.Stream, side: ServerSide, how: str) -> None:
        """Send a message of just the limit, then what no server may send."""
        side.sent.append(bytes(LIMIT))
        await stream.send_all(frame(BINARY, bytes(LIMIT)) + RUDE[how][0])

    async def _answer_seldom(self, stream: trio.abc.Stream, side: ServerSide, heard: Heard) -> None:
        """Answer the latest of several pings only (RFC 6455 section 5.5.3); perhaps ping very often first."""
        side.pings = self._universe.choice((0,) * 9 + (MANY,))
        last = b""
        for index in range(side.pings):
            last = b"%0100d" % index
            await stream.send_all(frame(PING, last))
        answered = 0
        while heard.close is None:
            data = await stream.receive_some()
            if not data:
                raise EOFError
            heard.feed(bytes(data))
            with trio.move_on_after(0.5):  # for more of them
                while data and len(heard.pings) > answered:
                    data = await stream.receive_some()
                    heard.feed(bytes(data))
            if len(heard.pings) > answered:
                answered = len(heard.pings)
                await stream.send_all(frame(PONG, heard.pings[-1]))
        side.heard = (int.from_bytes(heard.close[:2], "big"), heard.close[2:].decode())
        side.unanswered = int(side.pings > 0 and heard.last_pong != last)
        await stream.send_all(frame(CLOSE, heard.close))
        raise EOFError

    async def _ping(self, stream: trio.abc.Stream, side: ServerSide, heard: Heard) -> None:
        """Ping a client that waits for nothing, and note how long the pong takes."""
        for _ in range(self._universe.times(4)):
            nap = self._universe.choice((0.1, 3, LONG_NAP))
            side.long_naps += nap == LONG_NAP
            await trio.sleep(nap)
            began = trio.current_time()
            side.pings += 1
            await stream.send_all(frame(PING, b"alive?"))
            while heard.pongs < side.pings:
                data = await stream.receive_some()
                if not data:
                    raise EOFError
                heard.feed(bytes(data))
            side.slowest_pong = max(side.slowest_pong, trio.current_time() - began)

    async def _send_in_fragments(
        self, stream: trio.abc.Stream, side: ServerSide, index: int
    ) -> None:
        universe = self._universe
        parts = [universe.bytes(universe.times(5000)) for _ in range(universe.times(5))]
        side.sent.append(b"".join(parts))
        for place, part in enumerate(parts):
            opcode = CONTINUATION if place else BINARY
            data = frame(opcode, part, fin=place == len(parts) - 1)
            if index % 2:
                data = frame(PING, b"alive?") + data
                side.pings += 1
            await stream.send_all(data)

    async def _deflate(
        self, stream: trio.abc.Stream, data: bytes, number: int, side: ServerSide
    ) -> None:
        """Echo, compressed, on wsproto: trio-websocket's server does not know how."""
        connection = WSConnection(ConnectionType.SERVER)
        choice = self._universe.choice
        bits = (15, 9) if b"client_max_window_bits" in data else (15,)  # wsproto does not look
        extension = PerMessageDeflate(
            client_no_context_takeover=choice((False, True)), client_max_window_bits=choice(bits)
        )
        parts: list[str | bytes] = []
        while data:
            connection.receive_data(data)
            for event in connection.events():
                reply = b""
                if isinstance(event, Request):
                    reply = connection.send(AcceptConnection(extensions=[extension]))
                    reply += connection.send(TextMessage(f"number {number}"))
                elif isinstance(event, (TextMessage, BytesMessage)):
                    parts.append(
                        event.data if isinstance(event, TextMessage) else bytes(event.data)
                    )
                    if event.message_finished:
                        message = type(parts[0])().join(parts)  # type: ignore[arg-type]  # of one type
                        parts = []
                        side.received.append(message)
                        side.sent.append(message)
                        whole = (
                            TextMessage(message)
                            if isinstance(message, str)
                            else BytesMessage(message)
                        )
                        reply = connection.send(whole)
                elif isinstance(event, (Ping, CloseConnection)):
                    reply = connection.send(event.response())
                await stream.send_all(reply)
                if isinstance(event, CloseConnection):
                    return
            data = bytes(await stream.receive_some())
