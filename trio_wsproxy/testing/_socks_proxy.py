"""A SOCKS proxy: versions 4 and 4a, and version 5 (RFC 1928, user and password RFC 1929).

The client's messages are read to the byte, so that what it sends behind its request, before
the answer even, is the first thing the target gets.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Literal, NoReturn

import trio

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
from ._server import listen, running, serving
from ._steps import Moment, Step

CONNECT = 1
COMMANDS = {1: "CONNECT", 2: "BIND", 3: "UDP ASSOCIATE"}

# RFC 1928 section 3
NO_AUTHENTICATION = 0
USERNAME_PASSWORD = 2
NO_ACCEPTABLE_METHOD = 0xFF

# RFC 1928 section 6
GENERAL_FAILURE = 1
COMMAND_NOT_SUPPORTED = 7
ADDRESS_TYPE_NOT_SUPPORTED = 8
REPLY_OF: dict[Failure, int] = {
    "forbidden": 2,  # by the ruleset
    "unresolvable": 4,
    "unreachable": 4,
    "refused": 5,
}

# The SOCKS4 protocol: request granted, rejected, user ids differ.
GRANTED = 90
REJECTED = 91
OTHER_USER_ID = 93

NOWHERE = b"\x00\x00\x00\x00\x00\x00"  # a refusal has no bound address and port

# Neither a user id nor a name is longer; it bounds what a client without a NUL can send.
MAX_STRING = 255


@asynccontextmanager
async def open_socks_proxy(
    *,
    versions: Iterable[int] = (4, 5),
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    credentials: Credentials | None = None,
    script: Iterable[Step] = (),
    resolve: Resolve | None = None,
) -> AsyncIterator[ProxyServer]:
    """Run a SOCKS proxy on loopback that connects.

    A proxy that asks for a password, and refuses every request with code 2::

        async with open_socks_proxy(
            credentials=("ada", "secret"), script=[Fail(reply=2)]
        ) as proxy:
            url = proxy.url  # with user and password
            with pytest.raises(trio_wsproxy.ProxyRejected):
                async with trio_wsproxy.open_websocket_url("ws://echo.test", proxy=url):
                    ...
            assert proxy.requests[0].host == "echo.test"

    Its reply codes are 5 where nobody listens, 4 for names it cannot resolve, 2 for addresses
    that are not loopback, 7 and 8 for commands and address types that it does not know; over
    SOCKS4 all of them are 91. No name service is asked and no packet leaves this machine: it
    knows ``localhost``, addresses, and what is in ``resolve``.

    Args:
      versions: Which versions it speaks, 4 (with 4a) and 5. A client with another version is
        hung up on.
      host: The loopback address to listen on, ``"127.0.0.1"`` or ``"::1"``.
      ssl_context: A server-side context, for SOCKS inside TLS.
      credentials: The user name and the password to ask for. A SOCKS4 client needs the user
        name as its user id.
      script: Steps of misbehaviour, played on every connection. All stages exist with SOCKS5;
        without it there is no ``"greeting"`` and no ``"auth"``.
      resolve: Host names, or addresses, and what to dial instead: an address, or an address
        and a port.

    Yields:
      The running proxy and its record. Leaving the block closes all sockets.

    Raises:
      ValueError: ``host`` is not a loopback address, a version is unknown, or a step has a
        stage that these versions do not have.

    """
    spoken = frozenset(versions)
    if not spoken or not spoken <= {4, 5}:
        raise ValueError(f"versions {sorted(spoken)}: SOCKS has versions 4 and 5")
    stages: tuple[Moment, ...] = ("accept", "reply", "tunnel")
    if 5 in spoken:
        stages = ("accept", "greeting", "auth", "reply", "tunnel")
    listener = await listen(host)
    try:
        proxy = ProxyServer(
            listener,
            scheme="socks5h" if 5 in spoken else "socks4a",
            stages=stages,
            ssl_context=ssl_context,
            credentials=credentials,
            script=script,
            resolve=resolve,
        )
    except BaseException:
        listener.socket.close()
        raise

    async def serve(stream: trio.SocketStream) -> None:
        await _SOCKSDialogue(proxy, stream, spoken).run()

    async with running(proxy, listener, serving(listener, serve)):
        yield proxy


class _SOCKSDialogue(Dialogue):
    """One connection: greeting, login, one request, its answer."""

    def __init__(
        self, server: ProxyServer, accepted: trio.SocketStream, versions: frozenset[int]
    ) -> None:
        super().__init__(server, accepted)
        self._versions = versions

    async def run(self) -> None:
        try:
            await self.start()
            (version,) = await self.read_exactly(1, "the version", starts_message=True)
            if version not in self._versions:
                raise ValueError(f"the client speaks version {version}, not {set(self._versions)}")
            await (self._socks4() if version == 4 else self._socks5())
        except HangUp:
            pass
        finally:
            await self.close()

    # SOCKS4: VN CD DSTPORT DSTIP USERID NUL, and with 4a: DSTIP 0.0.0.x, NAME NUL at the end

    async def _socks4(self) -> None:
        command = (await self.read_exactly(1, "the command"))[0]
        port = int.from_bytes(await self.read_exactly(2, "the port"), "big")
        address = await self.read_exactly(4, "the address")
        user_id = await self._read_string("the user id")
        protocol: Literal["socks4", "socks4a"] = "socks4"
        host = str(ipaddress.IPv4Address(address))
        if address[:3] == b"\0\0\0" and address[3]:
            protocol = "socks4a"
            host = await self._read_string("the name")
        self.server.logins.extend([(user_id, None)] if user_id else [])
        kind: Literal["ipv4", "name"] = "ipv4" if protocol == "socks4" else "name"
        method = COMMANDS.get(command, str(command))
        await self.asked(ProxyRequest(protocol, method, host, port, kind, username=user_id or None))

        wanted = self.server._credentials  # noqa: SLF001  # this package's own class
        if fail := self.failure("reply"):
            await self._refuse4(REJECTED if fail.reply is None else fail.reply)
        if self.answers_itself("reply"):
            await self._refuse4(REJECTED)
        if wanted is not None and user_id != wanted[0]:
            await self._refuse4(OTHER_USER_ID)
        if command != CONNECT:
            await self._refuse4(REJECTED)
        try:
            target = await self.dial(host, port)
        except DialError:
            await self._refuse4(REJECTED)
        bound = _bound_address(target)
        # VN is 0 in answers. There is no room for an IPv6 address; zeros say nothing.
        packed = bound[:4] if len(bound) == 6 else bytes(4)
        answer = bytes([0, GRANTED]) + bound[-2:] + packed
        await self.answer("reply", answer, opens_tunnel=True)
        await self.tunnel(target)

    async def _refuse4(self, code: int) -> NoReturn:
        await self.answer("reply", bytes([0, code]) + NOWHERE)
        raise HangUp

    async def _read_string(self, what: str) -> str:
        data = bytearray()
        while (byte := await self.read_exactly(1, what)) != b"\0":
            data += byte
            if len(data) > MAX_STRING:
                raise ValueError(f"{what} has no end")
        return data.decode()

    # SOCKS5

    async def _socks5(self) -> None:
        count = (await self.read_exactly(1, "the greeting"))[0]
        methods = tuple(await self.read_exactly(count, "the greeting"))
        self.server.greetings.append(methods)
        await self.reached("greeting")
        username, password = await self._log_in(methods)

        version, command, _, kind = await self.read_exactly(4, "the request", starts_message=True)
        if version != 5:
            raise ValueError(f"the request has version {version}, not 5")
        address_type: Literal["ipv4", "ipv6", "name"]
        if kind == 1:
            address_type = "ipv4"
            host = str(ipaddress.IPv4Address(await self.read_exactly(4, "the address")))
        elif kind == 4:
            address_type = "ipv6"
            host = str(ipaddress.IPv6Address(await self.read_exactly(16, "the address")))
        elif kind == 3:
            address_type = "name"
            length = (await self.read_exactly(1, "the name"))[0]
            host = (await self.read_exactly(length, "the name")).decode()
        else:  # how long such an address is, nobody knows
            await self._refuse5(ADDRESS_TYPE_NOT_SUPPORTED)
        port = int.from_bytes(await self.read_exactly(2, "the port"), "big")
        method = COMMANDS.get(command, str(command))
        await self.asked(
            ProxyRequest("socks5", method, host, port, address_type, (), username, password)
        )

        if fail := self.failure("reply"):
            await self._refuse5(GENERAL_FAILURE if fail.reply is None else fail.reply)
        if self.answers_itself("reply"):
            await self._refuse5(GENERAL_FAILURE)
        if command != CONNECT:
            await self._refuse5(COMMAND_NOT_SUPPORTED)
        try:
            target = await self.dial(host, port)
        except DialError as exc:
            await self._refuse5(REPLY_OF[exc.failure])
        bound = _bound_address(target)
        answer = bytes([5, 0, 0, 1 if len(bound) == 6 else 4]) + bound
        await self.answer("reply", answer, opens_tunnel=True)
        await self.tunnel(target)

    async def _log_in(self, methods: tuple[int, ...]) -> tuple[str | None, str | None]:
        """Choose a method, and check the password (RFC 1929) if that is the method."""
        wanted = self.server._credentials  # noqa: SLF001
        method = NO_AUTHENTICATION if wanted is None else USERNAME_PASSWORD
        if self.failure("greeting") or method not in methods:
            method = NO_ACCEPTABLE_METHOD
        await self.answer("greeting", bytes([5, method]))
        if method == NO_ACCEPTABLE_METHOD:
            raise HangUp
        if method == NO_AUTHENTICATION:
            return None, None
        version, length = await self.read_exactly(2, "the login", starts_message=True)
        if version != 1:
            raise ValueError(f"the login has version {version}, not 1")
        username = (await self.read_exactly(length, "the user name")).decode()
        length = (await self.read_exactly(1, "the login"))[0]
        password = (await self.read_exactly(length, "the password")).decode()
        self.server.logins.append((username, password))
        await self.reached("auth")
        status = 0 if self.is_login(username, password) else 1
        if fail := self.failure("auth"):
            status = 1 if fail.reply is None else fail.reply
        await self.answer("auth", bytes([1, status]))
        if status != 0:
            raise HangUp
        return username, password

    async def _refuse5(self, code: int) -> NoReturn:
        await self.answer("reply", bytes([5, code, 0, 1]) + NOWHERE)
        raise HangUp


def _bound_address(target: trio.SocketStream) -> bytes:
    """Pack this end of the connection to the target: 4 or 16 bytes, and the port."""
    host, port = target.socket.getsockname()[:2]
    packed: bytes = ipaddress.ip_address(host).packed
    return packed + int(port).to_bytes(2, "big")
