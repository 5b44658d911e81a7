"""What the HTTP and the SOCKS proxy have in common: the record, the script, the dialing."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn
from urllib.parse import quote

import trio
import trio.testing

from ._here import in_a_universe
from ._server import (
    RelayingServer,
    authority,
    leaves,
    receive,
    reset_on_close,
    wait_for_hangup,
)
from ._steps import (
    Answer,
    AnswerMoment,
    ByteByByte,
    CutAnswer,
    Fail,
    Glue,
    Moment,
    Reset,
    Stall,
    Step,
    check_script,
)

# A user name and a password; None where there is none.
Credentials = tuple[str, str | None]

# Names to the loopback address, or address and port, that they stand for.
Resolve = Mapping[str, str | tuple[str, int]]

# Where dialing ends: the HTTP status and the SOCKS5 reply code (RFC 1928 section 6) for it.
Failure = Literal["refused", "unresolvable", "forbidden", "unreachable"]


@dataclass(frozen=True)
class ProxyRequest:
    """What a client has asked a proxy for.

    Attributes:
      protocol (str): ``"http"``, ``"socks4"``, ``"socks4a"`` or ``"socks5"``.
      method (str): The HTTP method, or of SOCKS ``"CONNECT"``, ``"BIND"``,
        ``"UDP ASSOCIATE"`` or the number of the command.
      host (str): The host to reach, as it came: not resolved, IPv6 without brackets.
      port (int): The port to reach.
      address_type (str): ``"ipv4"``, ``"ipv6"`` or ``"name"``, as the client sent it.
      headers (tuple[tuple[bytes, bytes], ...]): HTTP's, names in lower case.
      username (str | None): What the client presented: with Basic, with RFC 1929, or the
        user id of SOCKS4.
      password (str | None): What the client presented.

    """

    protocol: Literal["http", "socks4", "socks4a", "socks5"]
    method: str
    host: str
    port: int
    address_type: Literal["ipv4", "ipv6", "name"]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    username: str | None = None
    password: str | None = None

    @property
    def authority(self) -> str:
        """Host and port, IPv6 in brackets."""
        return authority(self.host, self.port)

    def header(self, name: str) -> str | None:
        """Return the value of the first header of that name, or ``None``."""
        wanted = name.lower().encode()
        return next((value.decode() for key, value in self.headers if key == wanted), None)


class ProxyServer(RelayingServer):
    """A running :func:`open_http_proxy` or :func:`open_socks_proxy`.

    Attributes:
      requests (list[ProxyRequest]): All requests, in order, the refused ones too.
      logins (list[tuple[str, str | None]]): User names and passwords as presented, in
        order, the wrong ones too.
      greetings (list[tuple[int, ...]]): The methods that SOCKS5 clients have offered.
      answers (list[bytes]): Each answer in full, before a script cuts it.

    """

    def __init__(
        self,
        listener: trio.SocketListener,
        *,
        scheme: str,
        stages: tuple[Moment, ...],
        ssl_context: ssl.SSLContext | None,
        credentials: Credentials | None,
        script: Iterable[Step],
        resolve: Resolve | None,
    ) -> None:
        super().__init__(listener, tls=ssl_context is not None)
        self.requests: list[ProxyRequest] = []
        self.logins: list[Credentials] = []
        self.greetings: list[tuple[int, ...]] = []
        self.answers: list[bytes] = []
        self._scheme = scheme
        self._stages = stages
        self._ssl_context = ssl_context
        self._credentials = credentials
        self._script = check_script(script, stages)
        self._resolve = {_fold(name): value for name, value in (resolve or {}).items()}

    @property
    def script(self) -> tuple[Step, ...]:
        """The steps of misbehaviour; assign others to change what later connections meet."""
        return self._script

    @script.setter
    def script(self, steps: Iterable[Step]) -> None:
        self._script = check_script(steps, self._stages)

    @property
    def url(self) -> str:
        """The proxy's URL, such as ``http://127.0.0.1:PORT``.

        With the credentials that it asks for, if it asks for any, so that a client which is
        given it gets through; :meth:`url_for` has a URL without. The host is ``localhost``
        with TLS, the scheme ``socks5h`` for a SOCKS proxy (or ``socks4a`` if it does not
        speak SOCKS5).
        """
        return self.url_for(credentials=self._credentials)

    def url_for(
        self,
        scheme: str | None = None,
        *,
        credentials: Credentials | None = None,
        host: str | None = None,
    ) -> str:
        """Return the proxy's URL in another form; without credentials unless they are given.

        Args:
          scheme: Instead of the usual one, for example ``"socks5"``.
          credentials: User name and password to put in, percent-encoded; the password
            may be ``None``.
          host: Instead of the usual one.

        """
        if host is None:
            host = "localhost" if self._tls and self.host == "127.0.0.1" else self.host
        userinfo = ""
        if credentials is not None:
            userinfo = ":".join(quote(part, safe="") for part in credentials if part is not None)
            userinfo += "@"
        return f"{scheme or self._scheme}://{userinfo}{authority(host, self.port)}"

    async def _dial(self, host: str, port: int) -> trio.SocketStream:
        """Connect to a target; nothing but loopback and what ``resolve`` names is dialed."""
        mapped = self._resolve.get(_fold(host))
        if mapped is not None:
            host, port = (mapped, port) if isinstance(mapped, str) else mapped
        elif _fold(host) != "localhost" and not in_a_universe():
            try:
                if not ipaddress.ip_address(host).is_loopback:
                    raise DialError("forbidden", host, port)
            except ValueError:
                raise DialError("unresolvable", host, port) from None
        try:
            return await trio.open_tcp_stream(host, port)
        except OSError as exc:
            if isinstance(exc, socket.gaierror):
                raise DialError("unresolvable", host, port) from exc
            causes = [] if exc.__cause__ is None else list(leaves(exc.__cause__))
            refused = any(isinstance(cause, ConnectionRefusedError) for cause in [exc, *causes])
            raise DialError("refused" if refused else "unreachable", host, port) from exc


class DialError(Exception):
    """The target cannot be reached; becomes a status or a reply code."""

    def __init__(self, failure: Failure, host: str, port: int) -> None:
        super().__init__(f"{authority(host, port)} is {failure}")
        self.failure: Failure = failure


class HangUp(Exception):
    """Ends the dialogue with a client; the connection is closed."""


class Dialogue:
    """One connection of a proxy: reads, answers, and plays the script at every stage."""

    def __init__(self, server: ProxyServer, accepted: trio.SocketStream) -> None:
        self.server = server
        self.accepted = accepted
        self.stream: trio.abc.Stream = accepted  # becomes the TLS stream in start()
        self._script = server.script

    async def start(self) -> None:
        """Play the stage ``"accept"``, then do the TLS handshake if there is to be one."""
        await self._misbehave("accept")
        context = self.server._ssl_context  # noqa: SLF001  # this package's own class
        if context is not None:
            # Not https_compatible: a closed tunnel must reach the client as close_notify.
            tls = trio.SSLStream(self.accepted, context, server_side=True)
            self.stream = tls
            await tls.do_handshake()

    async def asked(self, request: ProxyRequest) -> None:
        """Record a request, and play the stage ``"reply"``."""
        self.server.requests.append(request)
        self.server._record("request")  # noqa: SLF001
        await self.reached("reply")

    async def reached(self, stage: Moment) -> None:
        """Record a stage, and play what the script has for it."""
        self.server._record(stage)  # noqa: SLF001
        await self._misbehave(stage)

    async def _misbehave(self, stage: Moment) -> None:
        for step in self._script:
            if isinstance(step, Reset) and step.at == stage:
                reset_on_close(self.accepted)
                await trio.aclose_forcefully(self.stream)  # no close_notify before the reset
                raise HangUp
            if isinstance(step, Stall) and step.at == stage:
                self.server._record("stall")  # noqa: SLF001
                await self.hold(read=step.read)

    def failure(self, stage: AnswerMoment) -> Fail | None:
        """Return what the script wants instead of success at this stage."""
        return next((s for s in self._script if isinstance(s, Fail) and s.at == stage), None)

    async def read_exactly(self, count: int, what: str, *, starts_message: bool = False) -> bytes:
        """Read ``count`` bytes and not one more; the next ones may be the tunnel's.

        Before a message a client may leave; inside one that is an error.
        """
        data = b""
        while len(data) < count:
            more = await receive(self.stream, count - len(data))
            if not more and not data and starts_message:
                raise HangUp
            if not more:
                raise EOFError(f"the client hung up after {len(data)} of {count} bytes of {what}")
            data += more
        return data

    async def answer(self, stage: AnswerMoment, data: bytes, *, opens_tunnel: bool = False) -> None:
        """Send an answer, or what the script makes of it."""
        instead = next((s for s in self._script if isinstance(s, Answer) and s.at == stage), None)
        if instead is not None:
            data = instead.data
        if opens_tunnel:
            data += b"".join(s.data for s in self._script if isinstance(s, Glue))
        self.server.answers.append(data)
        cut = next((s for s in self._script if isinstance(s, CutAnswer) and s.at == stage), None)
        if cut is not None:
            data = data[: cut.after]
        try:
            if any(isinstance(step, ByteByByte) for step in self._script):
                for i in range(len(data)):
                    await self.stream.send_all(data[i : i + 1])
                    # The client, if it runs in this trio program, has read that byte now.
                    await trio.testing.wait_all_tasks_blocked()
            elif data:
                await self.stream.send_all(data)
        except trio.BrokenResourceError:
            raise HangUp from None  # the client did not wait for the answer
        if cut is not None:
            raise HangUp
        if instead is not None and instead.then == "close":
            raise HangUp
        if instead is not None and instead.then == "hold":
            await self.hold()

    def answers_itself(self, stage: AnswerMoment) -> bool:
        """Tell whether the script has an answer that makes the dialogue end here."""
        return any(
            isinstance(s, Answer) and s.at == stage and s.then != "continue" for s in self._script
        )

    def is_login(self, username: str | None, password: str | None) -> bool:
        """Tell whether these are the credentials asked for; no password is an empty one."""
        wanted = self.server._credentials  # noqa: SLF001
        return wanted is None or (username, password) == (wanted[0], wanted[1] or "")

    async def hold(self, *, read: bool = True) -> NoReturn:
        """Say nothing more until the client hangs up."""
        if read:
            await wait_for_hangup(self.stream)
        else:
            await trio.sleep_forever()
        raise HangUp

    async def dial(self, host: str, port: int) -> trio.SocketStream:
        """Connect to a target; the stream is closed together with the connection."""
        target = await self.server._dial(host, port)  # noqa: SLF001
        self.server._adopt(self.accepted, target)  # noqa: SLF001
        return target

    async def tunnel(self, target: trio.SocketStream, early: bytes = b"") -> None:
        """Pass bytes both ways; ``early`` ones came right behind the request."""
        await self.reached("tunnel")
        if early:
            self.server.bytes_up += len(early)
            await target.send_all(early)
        await self.server._relay(self.stream, target)  # noqa: SLF001

    async def close(self) -> None:
        """Close the connection in order: with close_notify, if it has TLS."""
        try:
            await self.stream.aclose()
        except trio.BrokenResourceError:
            return  # the client was faster


def _fold(host: str) -> str:
    return host.lower().rstrip(".")
