"""An HTTP proxy that asks who comes, in several rounds: by Digest, NTLM or Negotiate.

Whether it keeps a connection behind a refusal, whether a nonce is stale, how many rounds it takes, is the universe's choice.
NTLM is checked by pyspnego's acceptor. Negotiate would need a KDC, which knows real time only; so here both ends of
its security context are scripted (:class:`ScriptedNegotiate`), and all that carries it is real.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol
from unittest import mock

import trio

from trio_wsproxy import NegotiateAuth, ProxyAuthConversation, ProxyAuthRequest
from trio_wsproxy._auth._spnego import ServiceName, SpnegoConversation
from trio_wsproxy.testing import ProxyRequest
from trio_wsproxy.testing._http_proxy import address_type
from trio_wsproxy.testing._server import RelayingServer, listen, running, serving, with_tls
from trio_wsproxy.testing.simulate import current_universe

MAX_HEAD = 64 * 1024
MOST_ROUNDS = (
    3  # of tokens; with the request that has none, they are all that our client takes part in
)
HELLO = b"hello"

AuthScheme = Literal["digest", "ntlm", "negotiate"]


class Checks(Protocol):
    """Checks what is said on one connection."""

    def hears(self, value: str, target: str, /) -> tuple[bool, str]:
        """Tell whether the tunnel opens, and what stands behind the scheme in the next answer."""


class Digest:
    """Knows the nonces of its proxy, of which the first may be stale.

    Args:
      credentials: User name and password.
      nonces: Of the proxy, the last one last.
      counted: How each of them was used so far (RFC 7616 section 3.3).
      odd: Is told of what was used twice.

    """

    def __init__(
        self,
        credentials: tuple[str, str],
        nonces: list[str],
        counted: set[str],
        odd: list[str],
    ) -> None:
        self._credentials = credentials
        self._nonces = nonces
        self._counted = counted
        self._odd = odd

    def hears(self, value: str, target: str) -> tuple[bool, str]:
        """See :class:`Checks`."""
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', value))
        proven = self._proves(fields, target)
        nonce = fields.get("nonce", "")
        if proven and nonce == "n1" and current_universe().choice((True, False)):
            self._nonces[0] = ""  # stale already: another round
        if proven and nonce in self._nonces:
            return True, ""
        self._nonces.append(f"n{len(self._nonces) + 1}")
        stale = ", stale=true" if proven else ""
        return False, f'realm="r", nonce="{self._nonces[-1]}", qop="auth"{stale}'

    def _proves(self, fields: dict[str, str], target: str) -> bool:
        if "response" not in fields:
            return False
        use = " ".join(fields[name] for name in ("nonce", "cnonce", "nc"))
        if use in self._counted:
            self._odd.append(f"a nonce is used twice with the same count: {use}")
        self._counted.add(use)
        user, password = self._credentials

        def h(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        middle = f"{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth"
        answer = h(f"{h(f'{user}:r:{password}')}:{middle}:{h(f'CONNECT:{target}')}")
        return fields["response"] == answer


class NTLM:
    """Leaves it to pyspnego, which looks for the user in the file of :func:`ntlm_user`."""

    def __init__(self) -> None:
        import spnego

        self._failed = spnego.exceptions.SpnegoError
        self._new: Callable[[], Any] = lambda: spnego.server(protocol="ntlm")
        self._acceptor = self._new()

    def hears(self, value: str, _: str) -> tuple[bool, str]:
        """See :class:`Checks`."""
        if not value:
            return False, ""
        try:
            token = self._acceptor.step(base64.b64decode(value.removeprefix("NTLM ")))
        except self._failed:
            self._acceptor = self._new()
            return False, ""
        return self._acceptor.complete, base64.b64encode(token or b"").decode()


class Negotiate:
    """One side of a context that wants one to three messages, each a proof behind the first."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._left = current_universe().times(MOST_ROUNDS) - 1
        self._expected: bytes | None = None

    def hears(self, value: str, _: str) -> tuple[bool, str]:
        """See :class:`Checks`."""
        said = base64.b64decode(value.removeprefix("Negotiate "))
        if not value or said != (HELLO if self._expected is None else self._expected):
            self._expected = None
            return False, ""
        token = current_universe().bytes(12) + bytes([self._left])
        self._expected = proof(self._password, token)
        self._left -= 1
        return self._left < 0, base64.b64encode(token).decode()


def proof(password: str, token: bytes) -> bytes:
    """Answer a token of :class:`Negotiate`."""
    return hmac.new(password.encode(), token, "sha256").digest()


@dataclass(frozen=True)
class ScriptedNegotiate(NegotiateAuth):
    """The other side: Negotiate with a context that needs no KDC."""

    def begin(self, request: ProxyAuthRequest) -> ProxyAuthConversation:
        """See :meth:`ProxyAuth.begin`."""
        service = ServiceName(self.service, request.proxy_host)
        return _Conversation(self.name, self.username, self.password, service, request)


class _Conversation(SpnegoConversation):
    def _step(self, token: bytes) -> bytes | None:
        if self._context is None:
            self._context = _Context(self._arguments[1] or "")
        answer: bytes | None = self._context.step(token or None)
        return answer


class _Context:
    complete = False

    def __init__(self, password: str) -> None:
        self._password = password

    def step(self, token: bytes | None) -> bytes:
        if token is None:
            return HELLO
        self.complete = token[-1] == 1  # so many more are wanted
        return proof(self._password, token)


class AskingProxy(RelayingServer):
    """See :func:`open_asking_proxy`."""

    def __init__(
        self, listener: trio.SocketListener, title: str, new: Callable[[], Checks], *, tls: bool
    ) -> None:
        super().__init__(listener, tls=tls)
        self._title = title
        self._new = new
        # It hangs up in silence once, and not where there are as many rounds as our client takes part in anyway:
        # four requests are sent for a tunnel, and one that nobody hears counts.
        self._may_not_lie = title == "Negotiate"
        self.secrets: list[str] = []
        self.requests: list[ProxyRequest] = []

    def url_for(self, scheme: str | None = None, *, host: str, **_: object) -> str:
        """The URL; credentials are not for it."""
        return f"{scheme or ('https' if self._tls else 'http')}://{host}:{self.port}"

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection: refusals, then a tunnel."""
        checks = self._new()
        while True:
            head = await _head(stream)
            if head is None:
                return
            target = head.split()[1].decode()
            self.requests.append(_asked(head, target))
            said = re.search(rb"(?i)\r\nproxy-authorization: *([^\r]*)", head)
            value = said[1].decode("latin-1") if said else ""
            self.secrets += [value] if value else []
            passes, more = checks.hears(value, target)
            if passes:
                break
            has_token = bool(more) and self._title != "Digest"
            keep = has_token or current_universe().choice((True, False))
            says = not keep and (self._may_not_lie or current_universe().choice((True, False)))
            self._may_not_lie |= not (keep or says)
            await stream.send_all(
                b"HTTP/1.1 407 Who are you?\r\nContent-Length: 5\r\n"
                + (b"Connection: close\r\n" if says else b"")
                + f"Proxy-Authenticate: {self._title} {more}".rstrip().encode()
                + b"\r\n\r\nnever"
            )
            if not keep:
                return
        await self._tunnel(stream, target, f"Proxy-Authenticate: {self._title} {more}" * bool(more))

    async def _tunnel(self, stream: trio.SocketStream, target: str, header: str) -> None:
        host, _, port = target.rpartition(":")
        try:
            far = await trio.open_tcp_stream(host.strip("[]"), int(port))
        except OSError:
            await stream.send_all(b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
            return
        self._adopt(stream, far)
        more = f"{header}\r\n".encode() if header else b""
        await stream.send_all(b"HTTP/1.1 200 Yes\r\n" + more + b"\r\n")
        self._record("tunnel")
        await self._relay(stream, far)


def _asked(head: bytes, target: str) -> ProxyRequest:
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:] if line)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return ProxyRequest("http", "CONNECT", host, int(port), address_type(host), headers)


async def _head(stream: trio.abc.Stream) -> bytes | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some(1)
        if not data or len(head) > MAX_HEAD:
            return None
        head += data
    return head


@asynccontextmanager
async def open_asking_proxy(
    *,
    host: str,
    scheme: AuthScheme,
    credentials: tuple[str, str],
    odd: list[str],
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[Any]:
    """Run one; ``odd`` is told of what no client may do."""
    listener = await listen(host)
    nonces: list[str] = []
    counted: set[str] = set()
    kinds: dict[AuthScheme, tuple[str, Callable[[], Checks]]] = {
        "digest": ("Digest", lambda: Digest(credentials, nonces, counted, odd)),
        "ntlm": ("NTLM", NTLM),
        "negotiate": ("Negotiate", lambda: Negotiate(credentials[1])),
    }
    title, new = kinds[scheme]
    proxy = AskingProxy(listener, title, new, tls=ssl_context is not None)
    tls_listener = with_tls(listener, ssl_context)
    async with running(proxy, tls_listener, serving(tls_listener, proxy.serve)):
        yield proxy


@contextmanager
def ntlm_user(domain: str, user: str, password: str) -> Iterator[None]:
    """Let NTLM's acceptor know one user, and let what it says be as long on each machine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "users"
        file.write_text(f"{domain}:{user}:{password}\n", encoding="utf-8")
        names = {"NTLM_USER_FILE": str(file), "NETBIOS_COMPUTER_NAME": "HERE"}
        with (
            mock.patch.dict(os.environ, names),
            mock.patch.object(socket, "gethostname", return_value="one"),
        ):
            yield
