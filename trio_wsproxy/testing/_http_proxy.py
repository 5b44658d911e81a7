"""An HTTP proxy that knows CONNECT (RFC 9110 section 9.3.6), on h11 as the server."""

from __future__ import annotations

import base64
import binascii
import http
import ipaddress
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Literal

import h11
import trio

from trio_wsproxy._auth import forget_proxies

from ._proxy import (
    Credentials,
    DialError,
    Dialogue,
    Failure,
    HangUp,
    ProxyRequest,
    ProxyServer,
    Resolve,
)
from ._server import CHUNK, listen, receive, running, serving
from ._steps import Step

STATUS_OF: dict[Failure, int] = {
    "forbidden": 403,
    "unresolvable": 502,
    "unreachable": 502,
    "refused": 503,
}

CHALLENGE = ("Proxy-Authenticate", 'Basic realm="trio_wsproxy.testing", charset="UTF-8"')

# authority-form, RFC 9112 section 3.2.3: the port is not optional.
AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>[0-9]{1,5})")


@asynccontextmanager
async def open_http_proxy(
    *,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    credentials: Credentials | None = None,
    script: Iterable[Step] = (),
    resolve: Resolve | None = None,
) -> AsyncIterator[ProxyServer]:
    """Run an HTTP proxy on loopback that opens tunnels for CONNECT.

    A client, an echo server, and a proxy that knows a name nobody else does::

        async with open_echo_server() as echo:
            async with open_http_proxy(resolve={"echo.test": echo.host}) as proxy:
                url = f"ws://echo.test:{echo.port}"
                async with trio_wsproxy.open_websocket_url(url, proxy=proxy.url) as ws:
                    await ws.send("hello")
                assert proxy.requests[0].authority == f"echo.test:{echo.port}"

    It answers 407 to missing and wrong credentials, 405 to other methods, 400 to what is not
    HTTP, 503 where nobody listens, 502 for names it cannot resolve, and 403 for addresses
    that are not loopback. No name service is asked and no packet leaves this machine: it
    knows ``localhost``, addresses, and what is in ``resolve``.

    Args:
      host: The loopback address to listen on, ``"127.0.0.1"`` or ``"::1"``.
      ssl_context: A server-side context, for an ``https`` proxy; see
        :meth:`Certificates.server_context`.
      credentials: The user name and the password to ask for (Basic, UTF-8).
      script: Steps of misbehaviour, played on every connection; its stages are
        ``"accept"``, ``"reply"`` and ``"tunnel"``.
      resolve: Host names, or addresses, and what to dial instead: an address, or an address
        and a port.

    Yields:
      The running proxy and its record. Leaving the block closes all sockets.

    Raises:
      ValueError: ``host`` is not a loopback address, or a step has a stage that an HTTP
        proxy does not have.

    """
    listener = await listen(host)
    try:
        proxy = ProxyServer(
            listener,
            scheme="http" if ssl_context is None else "https",
            stages=("accept", "reply", "tunnel"),
            ssl_context=ssl_context,
            credentials=credentials,
            script=script,
            resolve=resolve,
        )
    except BaseException:
        listener.socket.close()
        raise
    forget_proxies(proxy.port)  # what listened there before was another one

    async def serve(stream: trio.SocketStream) -> None:
        await _HTTPDialogue(proxy, stream).run()

    async with running(proxy, listener, serving(listener, serve)):
        yield proxy


class _HTTPDialogue(Dialogue):
    """One connection: requests are refused one after the other, until one is granted."""

    def __init__(self, server: ProxyServer, accepted: trio.SocketStream) -> None:
        super().__init__(server, accepted)
        self._h11 = h11.Connection(h11.SERVER)

    async def run(self) -> None:
        try:
            await self.start()
            while request := await self._next_request():
                await self._serve(request)
                if self._h11.our_state is not h11.DONE:
                    break  # a tunnel that has ended, or "Connection: close"
                self._h11.start_next_cycle()
        except HangUp:
            pass
        except h11.RemoteProtocolError:
            with suppress(HangUp):
                await self._refuse(400, ())
            raise
        finally:
            await self.close()

    async def _next_request(self) -> h11.Request | None:
        request = None
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await receive(self.stream, CHUNK))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage):
                return request
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def _serve(self, request: h11.Request) -> None:
        method = request.method.decode()
        headers = tuple((bytes(name), bytes(value)) for name, value in request.headers)
        username, password = _basic_credentials(headers)
        if username is not None:
            self.server.logins.append((username, password))
        target = request.target.decode("latin-1")
        match = AUTHORITY.fullmatch(target)
        host = target if match is None else match["v6"] or match["host"]
        port = 0 if match is None else int(match["port"])
        await self.asked(
            ProxyRequest(
                "http", method, host, port, address_type(host), headers, username, password
            )
        )

        if fail := self.failure("reply"):
            await self._refuse(fail.status, fail.headers, fail.body)
        elif self.answers_itself("reply"):
            await self.answer("reply", b"")
        elif not self.is_login(username, password):
            await self._refuse(407, ())
        elif method != "CONNECT":
            await self._refuse(405, [("Allow", "CONNECT")])
        elif match is None or not 0 < port < 2**16:
            await self._refuse(400, ())
        else:
            await self._grant(host, port)

    async def _grant(self, host: str, port: int) -> None:
        try:
            target = await self.dial(host, port)
        except DialError as exc:
            await self._refuse(STATUS_OF[exc.failure], (), f"{exc}\n".encode())
            return
        response = h11.Response(status_code=200, reason="Connection established", headers=[])
        await self.answer("reply", self._h11.send(response) or b"", opens_tunnel=True)
        early, _ = self._h11.trailing_data
        await self.tunnel(target, early)

    async def _refuse(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes = b""
    ) -> None:
        headers = list(headers)
        if status == 407 and all(name.lower() != "proxy-authenticate" for name, _ in headers):
            headers.append(CHALLENGE)
        if all(name.lower() != "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        try:
            reason = http.HTTPStatus(status).phrase
        except ValueError:  # not registered
            reason = ""
        parts = [self._h11.send(h11.Response(status_code=status, reason=reason, headers=headers))]
        if body:
            parts.append(self._h11.send(h11.Data(data=body)))
        parts.append(self._h11.send(h11.EndOfMessage()))
        await self.answer("reply", b"".join(part or b"" for part in parts))


def address_type(host: str) -> Literal["ipv4", "ipv6", "name"]:
    """Tell what kind of host that is."""
    try:
        return "ipv4" if ipaddress.ip_address(host).version == 4 else "ipv6"
    except ValueError:
        return "name"


def _basic_credentials(
    headers: Iterable[tuple[bytes, bytes]],
) -> tuple[str, str] | tuple[None, None]:
    """Find user name and password of RFC 7617, in UTF-8."""
    for name, value in headers:
        scheme, _, token = value.partition(b" ")
        if name == b"proxy-authorization" and scheme.lower() == b"basic":
            try:
                text = base64.b64decode(token.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None, None
            username, _, password = text.partition(":")
            return username, password
    return None, None
