"""A company's proxy on loopback: it offers schemes, and checks what is said in them."""

from __future__ import annotations

import base64
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_wsproxy._auth import forget_proxies
from trio_wsproxy._auth._challenges import parse_parameters
from trio_wsproxy._auth._digest import digest

TITLES = {"basic": "Basic", "digest": "Digest", "ntlm": "NTLM", "negotiate": "Negotiate"}


class CompanyProxy:
    """It opens tunnels to itself: what comes through one is sent back.

    NTLM and Negotiate are checked by pyspnego's acceptor, which knows who ``ntlm_users`` has named.

    Args:
      offers: The schemes, in lower case.
      user: Who may pass.
      password: His password, for Basic and Digest.
      keep: Whether a connection is kept behind a 407 that has no token.
      digest_offer: What stands behind ``Digest`` in its offer.

    Attributes:
      said: The scheme of each request, or an empty text.
      connections: How many came.
      behind: The proxy that its tunnels lead to in place of itself.

    """

    def __init__(
        self,
        *offers: str,
        user: str = "CORP\\ada",
        password: str = "s3cret",
        keep: bool = True,
        digest_offer: str = 'realm="r", nonce="n", qop="auth"',
    ) -> None:
        self.offers: Sequence[str] = offers
        self.user, self.password = user, password
        self.keep = keep
        self.digest_offer = digest_offer
        self.said: list[str] = []
        self.connections = 0
        self.port = 0
        self.behind: CompanyProxy | None = None

    def url(self, userinfo: str = "") -> str:
        """Its URL, with what is to stand before the ``@``."""
        return f"http://{userinfo}{'@' if userinfo else ''}127.0.0.1:{self.port}"

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        self.connections += 1
        acceptors: dict[str, Any] = {}
        try:
            while request := await self._request(stream):
                scheme, _, value = self._value(request).partition(" ")
                self.said.append(scheme)
                passed, token = self._check(scheme.lower(), value, request, acceptors)
                if passed:
                    await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
                    if self.behind is not None:
                        await self.behind.serve(stream)
                        return
                    async for data in stream:
                        await stream.send_all(data)
                    return
                close = not (self.keep or token)
                await stream.send_all(self._refusal(scheme, token, close=close))
                if close:
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has left
        finally:
            await trio.aclose_forcefully(stream)

    async def _request(self, stream: trio.SocketStream) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            if not (chunk := await stream.receive_some()):
                return b""
            request += chunk
        return request

    def _value(self, request: bytes) -> str:
        for line in request.split(b"\r\n"):
            if line.lower().startswith(b"proxy-authorization: "):
                return line.partition(b": ")[2].decode()
        return ""

    def _check(
        self, scheme: str, value: str, request: bytes, acceptors: dict[str, Any]
    ) -> tuple[bool, str]:
        """Whether the tunnel opens, and the token that is the next part of an offer."""
        if not self.offers:
            return True, ""
        if scheme not in self.offers:
            return False, ""
        if scheme == "basic":
            return base64.b64decode(value).decode() == f"{self.user}:{self.password}", ""
        if scheme == "digest":
            return self._proves(value, request), ""
        import spnego

        acceptor = acceptors.setdefault(scheme, spnego.server(protocol=scheme))
        try:
            answer = acceptor.step(base64.b64decode(value))
        except spnego.exceptions.SpnegoError:
            acceptors.clear()
            return False, ""
        return acceptor.complete, base64.b64encode(answer).decode() if answer else ""

    def _proves(self, value: str, request: bytes) -> bool:
        given = parse_parameters(value)
        offer = parse_parameters(self.digest_offer)
        authority = request.split()[1].decode()
        count, cnonce = int(given["nc"], 16), given["cnonce"]
        expected = digest(
            self.user, self.password, "CONNECT", authority, offer, cnonce=cnonce, count=count
        )
        return parse_parameters(expected.removeprefix("Digest ")) == given

    def _refusal(self, said: str, token: str, *, close: bool) -> bytes:
        lines = ["HTTP/1.1 407 Proxy Authentication Required"]
        offers = [said.lower()] if token else self.offers
        for name in offers:
            more = token or (self.digest_offer if name == "digest" else "")
            more = 'realm="r"' if name == "basic" else more
            lines.append(f"Proxy-Authenticate: {TITLES.get(name, name)} {more}".rstrip())
        lines += ["Connection: close"] if close else []
        return "\r\n".join([*lines, "Content-Length: 2", "", "no"]).encode()


@asynccontextmanager
async def company(*proxies: CompanyProxy) -> AsyncIterator[None]:
    """Run proxies on loopback; nothing is known of them when it begins."""
    async with trio.open_nursery() as nursery:
        for proxy in proxies:
            serve = functools.partial(trio.serve_tcp, proxy.serve, 0, host="127.0.0.1")
            listeners = await nursery.start(serve)
            proxy.port = listeners[0].socket.getsockname()[1]
            forget_proxies(proxy.port)
        yield
        nursery.cancel_scope.cancel()
