"""A tunnel through a SOCKS proxy: SOCKS4, 4a (socks4.protocol, socks4a.protocol), 5 (RFC 1928, 1929).

The messages are python-socks's; this file lends them a stream of ours and tells their
outcome in our errors. python-socks takes the stream from an object given as ``forward=``,
uses its ``write``, ``read_exactly`` and ``close``, and would close it on failure; but a
stream has one owner, the dialer, so ``close`` does nothing here.

Five things python-socks does that would hurt are met at this boundary:

* it encodes credentials as ASCII and drops a user name without a password: it never gets them,
  and :class:`_Borrowed` writes them where they belong;
* it waits for the rest of a refusal, which some proxies never send: :class:`_Borrowed` reads
  the code as soon as it is there;
* it decodes the bound name, which nobody needs, as UTF-8 and fails on others;
* it insists on bytes that mean nothing: the version in the answer to a login (tinyproxy-like servers
  write SOCKS's 5, others 0), the reserved byte of a reply, the version in a reply of SOCKS4. As curl,
  :class:`_Borrowed` does not look at them, and hands on what should stand there;
* its ``timeout`` has a default; the only deadline is our caller's.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any, Literal, cast

import trio
from python_socks import ProxyError as SocksError
from python_socks import ProxyType
from python_socks.async_.trio.v2 import Proxy as SocksClient

from trio_wsproxy._exceptions import (
    ProxyAuthenticationError,
    ProxyProtocolError,
    ProxyRejected,
)
from trio_wsproxy._failures import Kind, Words, words
from trio_wsproxy._http import Speaks, sign_of
from trio_wsproxy._redaction import SentSecrets
from trio_wsproxy._report import Running, SocksAnswer
from trio_wsproxy._urls import Proxy

from ._hop import Hop
from ._prefixed_stream import with_prefix
from ._refused_credentials import give_password, missing_password

RECEIVE_SIZE = 4096  # bytes; an answer has some hundred at most
LAST_WORD = 1  # s, for what came before a message could not be sent
USER_ID_AT = 8  # in a SOCKS4 request: behind version, command, port and address
MAX_EVIDENCE = 32  # bytes of an answer that a report shows
MAX_SHOWN = 16  # bytes of one in a message

# RFC 1928 section 6; above 90: the SOCKS4 memo.
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
# Of RFC 1928 section 3, and of IANA's list.
METHODS = {0: "no login", 1: "GSSAPI (Kerberos)", 2: "user name and password", 3: "CHAP"}
_REMEDIES = {
    2: words("ask for this host and port to be allowed there"),
    4: words("is that server's name known there, and the server up?"),
    5: words("is that server up, and its port right?"),
    8: words("use a host name, or an IPv4 address"),
}


async def open_socks_tunnel(
    stream: trio.abc.Stream, hop: Hop, host: str, port: int, stage: Running | None = None
) -> trio.abc.Stream:
    """Ask a SOCKS proxy for a tunnel; on return the stream's other end is ``host:port``.

    Each message is sent in one write and its answer awaited before the next is sent, for
    some proxies read one message per ``recv``.

    Args:
      stream: An open connection to the proxy; its TLS, if any, is done.
      hop: The proxy at the other end; its credentials are offered if it has any.
      host: A name (the proxy resolves it) or an IP literal.
      port: The TCP port.
      stage: Gets the proxy's last answer as its evidence.

    Returns:
      The tunnel: the same stream, with those bytes in front of it that came together with the
      proxy's last answer and belong to the server.

    Raises:
      ProxyAuthenticationError: No authentication method in common, or wrong credentials.
      ProxyRejected: Another refusal; ``reply_code`` says which.
      ProxyProtocolError: The answer was not SOCKS, or was cut half-way.

    A failed or cancelled call leaves the stream unusable; the caller closes it.

    """
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    borrowed = _Borrowed(stream, hop, authority)
    proxy = hop.proxy
    version = ProxyType.SOCKS4 if borrowed.socks4 else ProxyType.SOCKS5
    # Makes python-socks offer a login, which _Borrowed then writes; SOCKS4 has none to offer.
    stand_in = None if borrowed.socks4 or proxy.username is None else "-"
    client = SocksClient(
        version,
        proxy.host,
        proxy.port,
        username=stand_in,
        password=stand_in,
        rdns=True,  # what is to be resolved here has been resolved by the dialer
        forward=cast("Any", borrowed),  # documented as any object of that shape
    )
    try:
        doing = f"being asked for a tunnel to {authority}"
        with hop.conversation("socks", doing, borrowed.why_cut_off):
            await client.connect(host, port, timeout=math.inf)
    except UnicodeDecodeError:
        # The reply was read to its end and granted the request; only the name the proxy
        # bound, which nobody needs, is not UTF-8.
        pass
    except SocksError:
        raise borrowed.broke_protocol() from None  # no refusal, for it tells those itself
    finally:
        if stage is not None and borrowed.answer:
            stage.evidence = SocksAnswer(bytes(borrowed.answer[:MAX_EVIDENCE]))
    return with_prefix(borrowed.rest, stream)


def _login(proxy: Proxy) -> bytes:
    """Make the message of RFC 1929 section 2.

    The RFC names no encoding, and servers compare bytes. A password may be empty; that neither
    is longer than 255 bytes, :class:`~trio_wsproxy.Proxy` has seen to.
    """
    message = bytearray([1])
    for text in (proxy.username or "", proxy.password or ""):
        value = text.encode()
        message += bytes([len(value)]) + value
    return bytes(message)


class _Borrowed:
    """A stream in the shape python-socks wants, handed over by its ``forward=`` protocol.

    It looks at each answer as it comes. The answers are: SOCKS4 ``00 REP …``; SOCKS5
    ``05 METHOD``, then perhaps ``01 STATUS``, then ``05 REP …``. So the second byte tells a
    refusal, and the rest of one does not matter.
    """

    def __init__(self, stream: trio.abc.Stream, hop: Hop, authority: str) -> None:
        self._stream = stream
        self._hop = hop
        self._authority = authority
        self._asked: Literal["", "greeting", "login", "request"] = ""
        self.socks4 = hop.proxy.scheme.startswith("socks4")
        self.answer = bytearray()  # as far as it has come, and perhaps more than that
        self._taken = 0  # bytes of it

    async def connect(self, **_: object) -> _Borrowed:
        """Stand in for the proxy before this one: the way to this proxy exists already."""
        return self

    async def write(self, data: bytes) -> None:
        """Send a message, with the credentials that python-socks does not know."""
        if data[0] == 1:  # RFC 1929 has a version of its own
            self._asked = "login"
            data = _login(self._hop.proxy)
        else:
            self._asked = "request" if self.socks4 or self._asked else "greeting"
        if self.socks4:  # the user id stands between the address and a NUL
            user_id = (self._hop.proxy.username or "").encode()
            data = data[:USER_ID_AT] + user_id + data[USER_ID_AT:]
        self.answer = bytearray(self.rest)
        self._taken = 0
        try:
            await self._stream.send_all(data)
        except trio.BrokenResourceError:
            await self._hear_last_word()
            raise

    async def _hear_last_word(self) -> None:
        """Raise what the proxy said before it closed the connection in the face of a message."""
        with trio.move_on_after(LAST_WORD), suppress(trio.BrokenResourceError):
            while data := await self._stream.receive_some(RECEIVE_SIZE):
                self.answer += data
                self._check_refusal()
                if len(self.answer) >= RECEIVE_SIZE:
                    break
        if self.speaks_otherwise:
            raise self.broke_protocol() from None

    async def read_exactly(self, size: int) -> bytes:
        """Give the next bytes of an answer, or raise the refusal that it is."""
        start, self._taken = self._taken, self._taken + size
        while True:
            self._check_refusal()
            if len(self.answer) >= self._taken:
                return self._expected(start, self.answer[start : self._taken])
            # What is there is taken at once: python-socks asks for a reply in three pieces.
            data = await self._stream.receive_some(RECEIVE_SIZE)
            if not data and self.speaks_otherwise:
                raise self.broke_protocol()
            if not data:
                middle = "in the middle of" if self.answer else "without"
                what = words(
                    "closed the connection {middle} an answer to the request for {authority}",
                    middle=middle,
                    authority=self._authority,
                )
                raise self._hop.broke_protocol("socks", what, self.why_cut_off(), Kind.CUT_OFF)
            self.answer += data

    def why_cut_off(self) -> Words:
        """What to try where it hangs up: once it has answered, the scheme is right."""
        if self._is_first or not self._asked:
            return self._hop.right_protocol
        if self._asked == "login":
            return _check(self._hop)
        return words(
            "it could not reach {authority}, or forbids it (ssh -D hangs up like that): is that server "
            "up, and does the proxy know its name?",
            authority=self._authority,
        )

    def _expected(self, start: int, data: bytearray) -> bytes:
        """Put what python-socks insists on where it means nothing; no refusal comes here."""
        if start == 0 and self.socks4 and data[:2] == b"\x04\x5a":
            data[0] = 0
        elif start == 0 and self._asked == "login":
            data[0] = 1
        elif start == 0 and self._asked == "request" and data[0] == 5:
            data[2] = 0
        return bytes(data)

    @property
    def speaks_otherwise(self) -> bool:
        """Whether its first answer is one of another protocol."""
        return self._is_first and sign_of(bytes(self.answer)).speaks not in ("", self._version)

    @property
    def _is_first(self) -> bool:
        return self.socks4 or self._asked == "greeting"

    @property
    def _version(self) -> Speaks:
        return "SOCKS4" if self.socks4 else "SOCKS5"

    def broke_protocol(self) -> ProxyProtocolError:
        """Make the error for an answer that is not what was asked for; not kept, likewise."""
        proxy = self._hop.proxy
        sent = SentSecrets()
        sent.add(proxy.password or proxy.username)  # which it may repeat
        start = sent.hide(bytes(self.answer))
        speaks, what = sign_of(start)
        other = self.speaks_otherwise
        said = words(
            "answered with {what}, which is not {version}",
            what=what if other else repr(start[:MAX_SHOWN]),
            version=self._version,
        )
        return self._hop.broke_protocol(
            "socks", said, self._hop.other_scheme(speaks) if self._is_first else None
        )

    @property
    def rest(self) -> bytes:
        """What came and was not asked for."""
        return bytes(self.answer[self._taken :])

    async def close(self) -> None:
        """Leave the stream to its owner."""
        await trio.lowlevel.checkpoint()

    def _check_refusal(self) -> None:
        """Raise the refusal in the answer, if it is one; not kept, for that would be a cycle."""
        if len(self.answer) < 2:
            return
        version, code = self.answer[:2]
        hop = self._hop
        if self.socks4:
            if version in (0, 4) and code in (91, 92, 93):
                raise _rejected(hop, self._authority, code)
        elif self._asked == "login":
            if code != 0:  # whatever stands where RFC 1929 has its version
                raise _unauthenticated(hop, words("refuses these credentials"), _check(hop))
        elif version == 5 and code != 0:
            if self._asked == "request":
                raise _rejected(hop, self._authority, code)
            if code != 2 or hop.proxy.username is None:
                raise _wants_another_method(hop, code)


def _rejected(hop: Hop, authority: str, code: int) -> ProxyRejected:
    what = words(
        "refused the tunnel to {authority}: reply {code}, {meaning}",
        authority=authority,
        code=code,
        meaning=REPLIES.get(code, "which RFC 1928 does not know"),
    )
    return hop.rejected("socks", what, _REMEDIES.get(code), reply_code=code)


def _wants_another_method(hop: Hop, code: int) -> ProxyAuthenticationError:
    """Say what a proxy wants that has taken none of what was offered: no password was sent."""
    if code == 0xFF:
        what = words("accepts none of the authentication methods offered")
    else:
        what = words(
            "wants authentication method {code}, {name}, which was not offered",
            code=code,
            name=METHODS.get(code, "one of its own" if code >= 0x80 else "which is little known"),
        )
    if hop.proxy.username is None and code in (2, 0xFF):
        remedy = words("it wants credentials: put user:password@ into the proxy URL")
    else:
        remedy = words(
            "no password was sent, for {login} and {none} are what is spoken here: use a port or a proxy "
            "that takes one of them, or have this machine allowed there",
            login=METHODS[2],
            none=METHODS[0],
        )
    return _unauthenticated(hop, what, remedy)


def _check(hop: Hop) -> Words:
    if not hop.proxy.password:
        return words("{missing}: {give}", missing=missing_password(hop), give=give_password(hop))
    return words("check user name and password in the proxy URL")


def _unauthenticated(hop: Hop, what: Words, remedy: Words) -> ProxyAuthenticationError:
    return hop.unauthenticated("socks", what, remedy)
