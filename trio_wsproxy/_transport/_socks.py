"""A tunnel through a SOCKS proxy: SOCKS4, 4a (socks4.protocol, socks4a.protocol), 5 (RFC 1928, 1929).

The messages are python-socks's; this file lends them a stream of ours and tells their
outcome in our errors. python-socks takes the stream from an object given as ``forward=``,
uses its ``write``, ``read_exactly`` and ``close``, and would close it on failure; but a
stream has one owner, the dialer, so ``close`` does nothing here.

Four things python-socks does that would hurt are met at this boundary:

* it encodes credentials as ASCII and drops a user name without a password: :class:`_Credential`;
* it treats a refusal that is cut short as a cut: :class:`_Borrowed` keeps the bytes read;
* it decodes the bound name, which nobody needs, as UTF-8 and fails on others;
* its ``timeout`` has a default; the only deadline is our caller's.
"""

from __future__ import annotations

import math
from typing import Any, cast

import trio
from python_socks import ProxyError as SocksError
from python_socks import ProxyType
from python_socks.async_.trio.v2 import Proxy as SocksClient

from trio_wsproxy._exceptions import ProxyAuthenticationError, ProxyProtocolError, ProxyRejected

from ._hop import Hop

# RFC 1928 section 6; 90 and above: the SOCKS4 memo.
REPLIES = {
    1: "general failure",
    2: "connection not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
    91: "request rejected or failed",
    92: "request rejected: it cannot reach identd on this machine",
    93: "request rejected: identd reports another user id",
}
_REMEDIES = {
    2: "ask for this host and port to be allowed there",
    4: "is that server's name known there, and the server up?",
    5: "is that server up, and its port right?",
    8: "use a host name, or an IPv4 address",
}


async def open_socks_tunnel(stream: trio.abc.Stream, hop: Hop, host: str, port: int) -> None:
    """Ask a SOCKS proxy for a tunnel; on return the stream's other end is ``host:port``.

    Each message is sent in one write and its answer awaited before the next is sent, for
    some proxies read one message per ``recv``. Exactly the answer's bytes are read, so what
    follows them stays in the stream.

    Args:
      stream: An open connection to the proxy; its TLS, if any, is done.
      hop: The proxy at the other end; its credentials are offered if it has any.
      host: A name (the proxy resolves it) or an IP literal.
      port: The TCP port.

    Raises:
      ProxyAuthenticationError: No authentication method in common, or wrong credentials.
      ProxyRejected: Another refusal; ``reply_code`` says which.
      ProxyProtocolError: The answer was not SOCKS, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    borrowed = _Borrowed(stream, hop)
    proxy = hop.proxy
    version = ProxyType.SOCKS4 if proxy.scheme.startswith("socks4") else ProxyType.SOCKS5
    client = SocksClient(
        version,
        proxy.host,
        proxy.port,
        username=_credential(proxy.username),
        password=None if proxy.username is None else _credential(proxy.password or ""),
        rdns=True,  # what is to be resolved here has been resolved by the dialer
        forward=cast("Any", borrowed),  # documented as any object of that shape
    )
    try:
        with hop.conversation("socks", f"being asked for a tunnel to {host}:{port}"):
            await client.connect(host, port, timeout=math.inf)
    except UnicodeDecodeError:
        # The reply was read to its end and granted the request; only the name the proxy
        # bound, which nobody needs, is not UTF-8.
        return
    except SocksError as exc:
        raise _failure(hop, f"{host}:{port}", borrowed, exc) from None


class _Credential(str):
    """A user name or password that python-socks sends as UTF-8, even when it is empty.

    python-socks takes ``len()`` for the length byte, ``encode("ascii")`` for the bytes and
    truth for "there is one"; RFC 1929 names no encoding, and servers compare bytes.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return len(self.encode())

    def __bool__(self) -> bool:
        return True

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:  # noqa: ARG002
        return str.encode(self, "utf-8", errors)


def _credential(text: str | None) -> _Credential | None:
    return None if text is None else _Credential(text)


class _Borrowed:
    """A stream in the shape python-socks wants, handed over by its ``forward=`` protocol."""

    def __init__(self, stream: trio.abc.Stream, hop: Hop) -> None:
        self._stream = stream
        self._hop = hop
        self.sent = 0  # messages
        self.answer = bytearray()  # of the answer that is being read

    async def connect(self, **_: object) -> _Borrowed:
        """Stand in for the proxy before this one: the way to this proxy exists already."""
        await trio.lowlevel.checkpoint()
        return self

    async def write(self, data: bytes) -> None:
        self.sent += 1
        self.answer.clear()
        await self._stream.send_all(data)

    async def read(self, max_bytes: int = 65536) -> bytes:
        data = bytes(await self._stream.receive_some(max_bytes))
        self.answer += data
        return data

    async def read_exactly(self, size: int) -> bytes:
        start = len(self.answer)
        while len(self.answer) < start + size:
            if not await self.read(start + size - len(self.answer)):
                raise SocksError("closed")
        return bytes(self.answer[start:])

    async def close(self) -> None:
        """Leave the stream to its owner."""
        await trio.lowlevel.checkpoint()


def _failure(
    hop: Hop, authority: str, borrowed: _Borrowed, exc: SocksError
) -> ProxyRejected | ProxyProtocolError:
    """Tell from the bytes of the last answer how the conversation ended.

    The answers are: SOCKS4 ``00 REP …``; SOCKS5 ``05 METHOD``, then perhaps ``01 STATUS``,
    then ``05 REP …``. REP counts even where the rest of a refusal is missing.
    """
    answer = bytes(borrowed.answer)
    socks4 = hop.proxy.scheme.startswith("socks4")
    if len(answer) >= 2:
        first, second = answer[0], answer[1]
        if socks4 and first == 0 and second in REPLIES:
            return _rejected(hop, authority, second)
        if not socks4 and first == 5 and borrowed.sent == 1 and second == 0xFF:
            return _unauthenticated(hop, "accepts none of the authentication methods offered")
        if not socks4 and first == 5 and borrowed.sent == 1 and second:
            return _unauthenticated(
                hop, f"wants authentication method {second}, which was not offered"
            )
        if not socks4 and first == 1 and borrowed.sent == 2 and second:
            return _unauthenticated(hop, "refuses these credentials")
        if not socks4 and first == 5 and borrowed.sent > 1 and second >= 1:
            return _rejected(hop, authority, second)
    if str(exc) == "closed":
        middle = "in the middle of" if answer else "without"
        return hop.broke_protocol(
            "socks",
            f"closed the connection {middle} an answer to the request for {authority}; "
            f"does it speak {hop.proxy.scheme} on that port?",
        )
    return hop.broke_protocol("socks", f"answered with {_guess(answer)}")


def _guess(answer: bytes) -> str:
    if answer[:1] == b"H":
        return "HTTP; use http:// for its scheme"
    if answer[:1] == b"\x15":
        return "a TLS alert: that port speaks TLS, which SOCKS does not"
    return f"{answer[:16]!r}, which is not SOCKS of that version"


def _rejected(hop: Hop, authority: str, code: int) -> ProxyRejected:
    text = f"{hop} refused the tunnel to {authority}: reply {code}, "
    text += REPLIES.get(code, "unknown to RFC 1928")
    remedy = _REMEDIES.get(code)
    return ProxyRejected(
        f"{text}; {remedy}" if remedy else text,
        proxy=hop.proxy.url,
        hop=hop.number,
        stage="socks",
        reply_code=code,
    )


def _unauthenticated(hop: Hop, text: str) -> ProxyAuthenticationError:
    if hop.proxy.username is None:
        remedy = "it wants credentials: put user:password@ into the proxy URL"
    else:
        remedy = "check user name and password in the proxy URL"
    return ProxyAuthenticationError(
        f"{hop} {text}; {remedy}", proxy=hop.proxy.url, hop=hop.number, stage="socks"
    )
