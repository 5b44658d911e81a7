"""The dialer, on loopback: every kind of hop, chains, names, failures, cancellation.

Each proxy is one of :mod:`trio_wsproxy.testing` and records what it was asked, so a client
that went around it would fail here.
"""

from __future__ import annotations

import socket
import ssl
import sys
import traceback
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from _wire import all_texts, nothing_left

from trio_wsproxy import (
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
    open_tcp_stream,
)
from trio_wsproxy._report._stages import StageLog
from trio_wsproxy._routing import _system, resolve_target
from trio_wsproxy._transport import DialOptions, _dialer, dial
from trio_wsproxy._transport._tcp import connect_tcp
from trio_wsproxy._urls import make_target
from trio_wsproxy.testing import (
    Answer,
    ByteByByte,
    Certificates,
    CutAnswer,
    Fail,
    Glue,
    ProxyServer,
    Reset,
    Stall,
    TCPServer,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

SECRET = "s3cret/@:\N{EURO SIGN}"  # needs to be encoded in every way there is
LOGIN = ("ada", SECRET)
SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
HTTP, SOCKS = ("http", "https"), ("socks4", "socks4a", "socks5", "socks5h")

needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


class Names(trio.abc.HostnameResolver):
    """A name service of the test's own, for names that this machine resolves.

    Attributes:
      asked: The names and address families, in order.

    """

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._addresses = addresses
        trio.socket.set_custom_hostname_resolver(self)  # until the end of this trio run

    async def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, *_: Any, **__: Any
    ) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append((name, family))
        infos: list[Any] = []
        for address in self._addresses.get(name, ()):
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            if family in (0, kind):
                end: Any = (address, port, 0, 0) if ":" in address else (address, port)
                infos.append((kind, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", end))
        if not infos:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return infos

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        raise NotImplementedError


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


async def check_echo(stream: trio.abc.Stream, data: bytes = b"hello") -> None:
    """Hold that an echo server is at the other end."""
    await stream.send_all(data)
    received = b""
    while len(received) < len(data):
        received += await stream.receive_some()
    assert received == data


async def keep_echoing(stream: trio.abc.Stream) -> None:
    """Use an echo server until something breaks."""
    while True:
        await check_echo(stream)


class Town:
    """Proxies, a server, and the options to reach it through them."""

    def __init__(self, certificates: Certificates) -> None:
        self.certificates = certificates
        self.stack = AsyncExitStack()
        self.proxies: list[ProxyServer] = []
        self.hops: list[str | Proxy] = []
        self.log = StageLog()

    async def add_server(self, handler: Any, *, ssl_context: Any = None) -> TCPServer:
        """Run one more server."""
        server = open_tcp_server(handler, ssl_context=ssl_context)
        return await self.stack.enter_async_context(server)

    async def add_proxy(self, scheme: str, *, login: Any = None, **options: Any) -> ProxyServer:
        """Run one more proxy, and make it the last hop; ``login`` is what its URL has."""
        context = self.certificates.server_context() if scheme == "https" else None
        opener = open_http_proxy if scheme in HTTP else open_socks_proxy
        proxy = await self.stack.enter_async_context(opener(ssl_context=context, **options))
        url = proxy.url_for(scheme, credentials=login)
        ours = self.certificates.client_context() if scheme == "https" else None
        self.proxies.append(proxy)
        self.hops.append(Proxy(url, ssl_context=ours))
        return proxy

    async def dial(
        self,
        host: str,
        port: int,
        *,
        ssl_context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> trio.abc.Stream:
        """Dial through all hops."""
        route = resolve_target(make_target("tcp", host, port), proxy=self.hops)
        self.log = StageLog()
        return await dial(route, DialOptions(**options), self.log, ssl_context=ssl_context)

    @property
    def stages(self) -> list[tuple[str, int | None]]:
        """The stages of the last dial, with their hops."""
        return [(stage.name, stage.hop) for stage in self.log.stages]


@asynccontextmanager
async def town(certificates: Certificates) -> AsyncIterator[tuple[Town, TCPServer]]:
    """Open a place with an echo server, and see to it that nothing is left of it."""
    async with nothing_left(), open_tcp_server(echo) as server:
        place = Town(certificates)
        async with place.stack:
            yield place, server


def shown(error: BaseException) -> str:
    """The traceback that a user sees."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


# --- ways that lead there ----------------------------------------------------------------

CHAINS = [
    *[(scheme,) for scheme in SCHEMES],
    ("http", "socks5h"),
    ("socks5h", "http"),
    ("https", "https"),
    ("socks4a", "https"),
    ("socks5", "socks4"),
    ("https", "socks5h", "http"),
    ("socks5h", "https", "socks4a"),
    ("http", "http", "http"),
    ("https", "https", "https"),
    ("socks4", "socks5", "https"),
    ("http", "https", "socks4", "socks4a", "socks5", "socks5h"),
]


def tunnel_stages(chain: Sequence[str]) -> list[tuple[str, int | None]]:
    """The stages of a dial to addresses through such a chain."""
    stages: list[tuple[str, int | None]] = [("tcp", 1)]
    for number, scheme in enumerate(chain, start=1):
        if scheme == "https":
            stages.append(("proxy_tls", number))
        stages.append(("connect" if scheme in HTTP else "socks", number))
    return stages


def without_lookups(stages: Iterable[tuple[str, int | None]]) -> list[tuple[str, int | None]]:
    """Leave out the looking up of names, which some hops need and some do not."""
    return [stage for stage in stages if stage[0] != "resolve"]


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
@pytest.mark.parametrize("script", [[], [ByteByByte()]], ids=["", "bytes"])
async def test_chains(certificates: Certificates, chain: Sequence[str], script: list[Any]) -> None:
    """Any chain leads there, hop by hop, each with credentials and a context of its own."""
    async with town(certificates) as (place, server):
        for number, scheme in enumerate(chain):
            socks4 = scheme.startswith("socks4")
            login = (f"user{number}", None if socks4 else f"{SECRET}{number}")
            place.certificates = Certificates() if scheme == "https" else certificates
            await place.add_proxy(scheme, login=login, credentials=login, script=script)
        stream = await place.dial(server.host, server.port)
        await check_echo(stream, b"x" * 100_000)
        await stream.aclose()
        followers = [*place.proxies[1:], server]
        for number, (proxy, follower) in enumerate(zip(place.proxies, followers, strict=True)):
            (request,) = proxy.requests
            local = ("socks4", "socks5")
            host = "127.0.0.1" if chain[number] in local else follower.host
            names = {host, "localhost"} if follower is not server else {host}
            assert request.host in names
            assert request.port == follower.port
            assert request.username == f"user{number}"
            assert request.password in (f"{SECRET}{number}", None)
            assert proxy.bytes_up >= 100_000
        assert without_lookups(place.stages) == tunnel_stages(chain)
        assert all(stage.ok for stage in place.log.stages)


async def test_context_of_a_hop(certificates: Certificates) -> None:
    """A hop's own context comes before the one for all proxies, which the others use."""
    async with town(certificates) as (place, server):
        await place.add_proxy("https")
        place.certificates = others = Certificates()
        second = await place.add_proxy("https")
        place.hops[1] = second.url
        stream = await place.dial(
            server.host, server.port, proxy_ssl_context=others.client_context()
        )
        await check_echo(stream)
        await stream.aclose()


async def test_tls_to_the_server(certificates: Certificates) -> None:
    """TLS to the server stands on top of the whole chain."""
    async with town(certificates) as (place, _):
        for scheme in ("https", "socks5h", "https"):
            await place.add_proxy(scheme)
        server = await place.add_server(echo, ssl_context=certificates.server_context())
        ours = certificates.client_context()
        stream = await place.dial("localhost", server.port, ssl_context=ours)
        assert isinstance(stream, trio.SSLStream)
        await check_echo(stream)
        assert place.stages[-1] == ("server_tls", None)
        await stream.aclose()


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_bytes_behind_the_answer(certificates: Certificates, scheme: str) -> None:
    """What a proxy sends together with its answer is the first that is read."""
    async with town(certificates) as (place, server):
        await place.add_proxy(scheme, script=[Glue(b"220 early\r\n")])
        stream = await place.dial(server.host, server.port)
        assert await stream.receive_some(4) == b"220 "
        assert await stream.receive_some() == b"early\r\n"
        await check_echo(stream)
        await stream.aclose()


async def test_early_bytes_of_a_tls_server(certificates: Certificates) -> None:
    """Also where the next thing on the stream is TLS."""
    async with town(certificates) as (place, server):
        await place.add_proxy("http", script=[Glue(b"early, and so no TLS")])
        with pytest.raises(ServerUnreachable, match="does not speak TLS on that port"):
            await place.dial(server.host, server.port, ssl_context=certificates.client_context())


@pytest.mark.parametrize("scheme", ["direct", *SCHEMES])
async def test_server_speaks_first(certificates: Certificates, scheme: str) -> None:
    """A server that greets is heard, without a word from the client."""

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"SSH-2.0-test\r\n")
        await echo(stream)

    async with town(certificates) as (place, _):
        server = await place.add_server(greet)
        if scheme != "direct":
            await place.add_proxy(scheme)
        stream = await place.dial(server.host, server.port)
        assert await stream.receive_some() == b"SSH-2.0-test\r\n"
        await check_echo(stream)
        await stream.aclose()


@pytest.mark.parametrize("chain", [(), ("http",), ("socks4a",), ("socks5h", "http")], ids="-".join)
@pytest.mark.parametrize("early", [b"", b"early"])
async def test_half_close(certificates: Certificates, chain: Sequence[str], early: bytes) -> None:
    """The sending half can be closed through a tunnel without TLS."""

    async def shout(stream: trio.abc.Stream) -> None:
        said = b"".join([bytes(chunk) async for chunk in stream])
        await stream.send_all(said.upper())

    async with town(certificates) as (place, _):
        server = await place.add_server(shout)
        for number, scheme in enumerate(chain, start=1):
            script = [Glue(early)] if early and number == len(chain) else []
            await place.add_proxy(scheme, script=script)
        stream = await place.dial(server.host, server.port)
        assert isinstance(stream, trio.abc.HalfCloseableStream)
        await stream.send_all(b"said")
        await stream.send_eof()
        received = b"".join([bytes(chunk) async for chunk in stream])
        assert received == (early if chain else b"") + b"SAID"
        await stream.aclose()


async def test_direct_is_a_socket(certificates: Certificates) -> None:
    """A direct route gives trio's own stream, with its socket's options."""
    async with town(certificates) as (place, server):
        stream = await place.dial(server.host, server.port)
        assert type(stream) is trio.SocketStream
        assert stream.socket.getpeername() == (server.host, server.port)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert place.stages == [("tcp", None)]
        await stream.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address")
@pytest.mark.parametrize("chain", [(), ("http",)])
async def test_local_address(certificates: Certificates, chain: Sequence[str]) -> None:
    """The TCP connection comes from the address asked for."""
    seen = []

    async def spy(stream: trio.SocketStream) -> None:
        seen.append(stream.socket.getpeername()[0])

    async with town(certificates) as (place, _):
        server = await place.add_server(spy)
        if chain:
            place.hops = [f"http://{server.authority}"]
            with pytest.raises(ProxyProtocolError):
                await place.dial("e.test", 1, local_address="127.0.0.2")
        else:
            stream = await place.dial(server.host, server.port, local_address="127.0.0.2")
            await stream.aclose()
        await server.wait_for("close")
    assert seen == ["127.0.0.2"]


async def test_local_address_of_another_machine(certificates: Certificates) -> None:
    """An address that this machine does not have is named as the reason."""
    async with town(certificates) as (place, server):
        with pytest.raises(ServerUnreachable, match=r"local_address='192\.0\.2\.1' is incompat"):
            await place.dial(server.host, server.port, local_address="192.0.2.1")


# --- names and addresses -----------------------------------------------------------------


@needs_ipv6
@pytest.mark.parametrize("scheme", ["direct", "http", "socks5h"])
async def test_happy_eyeballs(certificates: Certificates, scheme: str) -> None:
    """Where the first hop listens on one of its addresses only, that one is found."""
    async with town(certificates) as (place, server):
        names = Names({"first.test": ["::1", "127.0.0.1"]})
        if scheme == "direct":
            stream = await place.dial("first.test", server.port)
        else:
            proxy = await place.add_proxy(scheme)
            place.hops = [proxy.url_for(scheme, host="first.test")]
            stream = await place.dial(server.host, server.port)
        await check_echo(stream)
        await stream.aclose()
        assert names.asked == [("first.test", 0)]


async def test_impatient_eyeballs(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delay becomes the head start of each address."""
    seen = []

    async def spy(*args: Any, head_start: float | None, **options: Any) -> trio.SocketStream:
        seen.append(head_start)
        return await connect_tcp(*args, head_start=head_start, **options)

    monkeypatch.setattr(_dialer, "connect_tcp", spy)
    async with town(certificates) as (place, server):
        for delay in (None, 0.01):
            stream = await place.dial(server.host, server.port, happy_eyeballs_delay=delay)
            await stream.aclose()
    assert seen == [None, 0.01]


@pytest.mark.parametrize("scheme", ["http", "https", "socks4a", "socks5h"])
async def test_names_go_to_the_proxy(certificates: Certificates, scheme: str) -> None:
    """The proxy resolves the server's name; this machine is not asked for it."""
    async with town(certificates) as (place, server):
        proxy = await place.add_proxy(scheme, resolve={"echo.test": server.host})
        names = Names({"localhost": ["127.0.0.1"]})
        stream = await place.dial("echo.test", server.port)
        await check_echo(stream)
        await stream.aclose()
        assert (proxy.requests[0].host, proxy.requests[0].address_type) == ("echo.test", "name")
        assert "echo.test" not in dict(names.asked)


@pytest.mark.parametrize(
    ("scheme", "addresses", "asked"),
    [
        ("socks5", ["127.0.0.1"], ["127.0.0.1"]),
        ("socks5", ["192.0.2.1", "127.0.0.1"], ["192.0.2.1", "127.0.0.1"]),
        (
            "socks5",
            ["2001:db8::1", "2001:db8::1", "192.0.2.1", "127.0.0.1", "192.0.2.9"],
            ["2001:db8::1", "192.0.2.1", "127.0.0.1"],
        ),
        # SOCKS4 has no room for an IPv6 address.
        ("socks4", ["2001:db8::1", "192.0.2.1", "127.0.0.1"], ["192.0.2.1", "127.0.0.1"]),
    ],
)
async def test_every_address_is_tried(
    certificates: Certificates, scheme: str, addresses: list[str], asked: list[str]
) -> None:
    """With names resolved here, the proxy is asked for each address until one is granted."""
    async with town(certificates) as (place, server):
        Names({"echo.test": addresses})
        proxy = await place.add_proxy(scheme)
        stream = await place.dial("echo.test", server.port)
        await check_echo(stream)
        await stream.aclose()
        assert [request.host for request in proxy.requests] == asked
        assert proxy.connections == len(asked)


async def test_every_address_is_refused(certificates: Certificates) -> None:
    """If none is granted the last refusal is raised, caused by the one before."""
    async with town(certificates) as (place, _):
        Names({"echo.test": ["2001:db8::1", "192.0.2.1"]})
        await place.add_proxy("socks5")
        with pytest.raises(ProxyRejected, match=r"192\.0\.2\.1:80: reply 2") as caught:
            await place.dial("echo.test", 80)
        assert "[2001:db8::1]:80: reply 2" in str(caught.value.__cause__)


async def test_wrong_password_is_sent_once(certificates: Certificates) -> None:
    """With credentials that are refused, the other addresses are not tried."""
    async with town(certificates) as (place, _):
        Names({"echo.test": ["192.0.2.1", "192.0.2.2"]})
        proxy = await place.add_proxy("socks5", login=("ada", "wrong"), credentials=LOGIN)
        with pytest.raises(ProxyAuthenticationError):
            await place.dial("echo.test", 80)
        assert proxy.logins == [("ada", "wrong")]


@pytest.mark.parametrize("scheme", ["http", "https", "socks4a", "socks5", "socks5h"])
async def test_zone_stays_here(certificates: Certificates, scheme: str) -> None:
    """An IPv6 zone means something on this machine only, and is not sent to a proxy."""
    async with town(certificates) as (place, _):
        proxy = await place.add_proxy(scheme)
        with pytest.raises(ProxyRejected):
            await place.dial("fe80::1%lo", 80)
        assert proxy.requests[0].host == "fe80::1"


@pytest.mark.parametrize("hops", [["socks4://127.0.0.1"], ["http://127.0.0.1", "socks4://p.test"]])
async def test_ipv6_over_socks4(certificates: Certificates, hops: list[str | Proxy]) -> None:
    """An address that SOCKS4 cannot carry is refused before anything is dialed."""
    async with town(certificates) as (place, _):
        place.hops = hops
        with pytest.raises(ProxyConfigError, match=r"asked for \[::1\]:80: SOCKS4") as caught:
            await place.dial("::1", 80)
        assert caught.value.hop == len(hops)
        assert place.stages == []


# --- failures ----------------------------------------------------------------------------


@pytest.fixture
async def dead_port() -> AsyncIterator[int]:
    """A port where nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_server_is_down(certificates: Certificates, dead_port: int) -> None:
    """A direct connection that is refused says so, in one line and without a group."""
    async with town(certificates) as (place, _):
        with pytest.raises(ServerUnreachable) as caught:
            await place.dial("127.0.0.1", dead_port)
        assert str(caught.value) == (
            f"the server 127.0.0.1:{dead_port} cannot be reached: Connection refused; "
            "is it running, and are its host and port right?"
        )
        assert caught.value.stage == "tcp"
        assert isinstance(caught.value.__cause__, ConnectionRefusedError)
        assert "ExceptionGroup" not in shown(caught.value)


@pytest.mark.parametrize(
    ("variables", "rule"),
    [
        ({"no_proxy": "127.0.0.0/8"}, "The entry '127.0.0.0/8' of environment variable no_proxy"),
        ({}, "The loopback rule (which '<-loopback>' in no_proxy switches off)"),
    ],
)
async def test_server_is_down_that_no_proxy_was_asked_for(
    variables: dict[str, str],
    rule: str,
    dead_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a rule has kept it from a proxy, the message names both."""
    environ = {"https_proxy": "http://ada:s3cret@proxy.corp:3128", **variables}
    monkeypatch.setattr(_system, "environment", lambda _: dict(environ))
    route = resolve_target(make_target("tcp", "127.0.0.1", dead_port))
    async with nothing_left():
        with pytest.raises(ServerUnreachable) as caught:
            await dial(route, DialOptions(), StageLog())
    assert str(caught.value) == (
        f"the server 127.0.0.1:{dead_port} cannot be reached: Connection refused; is it running, and "
        f"are its host and port right? {rule} kept it from proxy http://ada:***@proxy.corp:3128 (from "
        "environment variable https_proxy)"
    )


@needs_ipv6
async def test_proxy_is_down(certificates: Certificates, dead_port: int) -> None:
    """So does a proxy, whatever the number of its addresses."""
    async with town(certificates) as (place, server):
        Names({"proxy.test": ["::1", "127.0.0.1"]})
        place.hops = [f"socks5h://ada:s3cret@proxy.test:{dead_port}"]
        with pytest.raises(ProxyUnreachable) as caught:
            await place.dial(server.host, server.port)
        assert str(caught.value) == (
            f"proxy socks5h://ada:***@proxy.test:{dead_port} (from argument proxy=) cannot be "
            "reached: Connection refused; is it running, and are its host and port right?"
        )
        assert (caught.value.hop, caught.value.stage) == (1, "tcp")
        assert "ExceptionGroup" not in shown(caught.value)


async def test_ipv6_in_messages(certificates: Certificates, dead_port: int) -> None:
    """An IPv6 address has its brackets in messages."""
    async with town(certificates) as (place, _):
        with pytest.raises(ServerUnreachable, match=rf"^the server \[::1\]:{dead_port} cannot"):
            await place.dial("::1", dead_port)
        assert f"the server [::1]:{dead_port}" in str(place.log.waiting_for)


@pytest.mark.parametrize(
    ("hops", "kind", "hop", "words"),
    [
        (
            [],
            ServerUnreachable,
            None,
            [
                "the server gone.test:80 ",
                "'gone.test' has no address",
                "If only a proxy gets there, n",
            ],
        ),
        (
            ["socks5://127.0.0.1:1"],
            ServerUnreachable,
            None,
            ["the server gone.test:80 ", "socks5:// resolves names on this machine, socks5h:// at"],
        ),
        (
            ["socks4://127.0.0.1:1"],
            ServerUnreachable,
            None,
            ["the server gone.test:80 ", "socks4:// resolves names on this machine, socks4a:// at"],
        ),
        (["http://gone.test"], ProxyUnreachable, 1, ["proxy http://gone.test:80 (from "]),
        (
            ["socks5://127.0.0.1:1", "http://gone.test", "http://127.0.0.1"],
            ProxyUnreachable,
            2,
            ["proxy http://gone.test:80 (hop 2 of 3, ", "socks5h:// at the proxy"],
        ),
    ],
)
async def test_name_without_address(
    certificates: Certificates,
    hops: list[str | Proxy],
    kind: type[Exception],
    hop: int | None,
    words: list[str],
) -> None:
    """A name that this machine cannot resolve is blamed on its owner, with what to try."""
    async with town(certificates) as (place, _):
        Names({})
        place.hops = hops
        with pytest.raises((ServerUnreachable, ProxyUnreachable)) as caught:
            await place.dial("gone.test", 80)
        assert type(caught.value) is kind
        assert getattr(caught.value, "hop", None) == hop
        assert getattr(caught.value, "stage", None) == "resolve"
        for word in [*words, "(Name or service not known)"]:
            assert word in str(caught.value)


# What a proxy may do in each stage, and the class and the stage of the error for it.
MISBEHAVIOUR: list[tuple[tuple[str, ...], Any, type[ProxyError], str]] = [
    (("http", *SOCKS), Reset("accept"), ProxyProtocolError, "tunnel"),
    (("https",), Reset("accept"), ProxyUnreachable, "proxy_tls"),
    (("socks5", "socks5h"), Reset("greeting"), ProxyProtocolError, "tunnel"),
    (("socks5", "socks5h"), Reset("auth"), ProxyProtocolError, "tunnel"),
    (SCHEMES, Reset("reply"), ProxyProtocolError, "tunnel"),
    (SCHEMES, CutAnswer(0), ProxyProtocolError, "tunnel"),
    (SCHEMES, CutAnswer(1), ProxyProtocolError, "tunnel"),
    (HTTP, CutAnswer(20), ProxyProtocolError, "tunnel"),
    (("socks5", "socks5h"), CutAnswer(1, "greeting"), ProxyProtocolError, "tunnel"),
    (("socks5", "socks5h"), CutAnswer(1, "auth"), ProxyProtocolError, "tunnel"),
    (SCHEMES, Answer(b"SSH-2.0-OpenSSH_9.2\r\n"), ProxyProtocolError, "tunnel"),
    (HTTP, Answer(b"\x05\xff"), ProxyProtocolError, "tunnel"),
    (SOCKS, Answer(b"HTTP/1.1 400 No\r\n\r\n"), ProxyProtocolError, "tunnel"),
    (SCHEMES, Fail(), ProxyRejected, "tunnel"),
    (HTTP, Fail(407), ProxyAuthenticationError, "tunnel"),
    (HTTP, Fail(403, body=b"x" * 100_000), ProxyRejected, "tunnel"),
    (("socks5", "socks5h"), Fail(at="greeting"), ProxyAuthenticationError, "tunnel"),
    (("socks5", "socks5h"), Fail(at="auth"), ProxyAuthenticationError, "tunnel"),
    (("socks5", "socks5h"), Fail(reply=5), ProxyRejected, "tunnel"),
    (("socks4", "socks4a"), Fail(reply=93), ProxyRejected, "tunnel"),
]
EACH = [
    pytest.param(scheme, step, kind, stage, id=f"{scheme}-{step!r:.40}")
    for schemes, step, kind, stage in MISBEHAVIOUR
    for scheme in schemes
]


@pytest.mark.parametrize(("scheme", "step", "kind", "stage"), EACH)
@pytest.mark.parametrize("place_in_chain", [1, 2])
async def test_misbehaviour(
    *,
    certificates: Certificates,
    scheme: str,
    step: Any,
    kind: type[ProxyError],
    stage: str,
    place_in_chain: int,
) -> None:
    """Whatever a proxy does wrong is told by class, hop and stage, and leaks nothing."""
    socks4 = scheme.startswith("socks4")
    login = ("ada", None if socks4 else SECRET)
    if stage == "tunnel":
        stage = "socks" if scheme in SOCKS else "connect"
    async with town(certificates) as (place, server):
        if place_in_chain == 2:
            await place.add_proxy("socks5h", login=LOGIN, credentials=LOGIN)
        proxy = await place.add_proxy(scheme, login=login, credentials=login, script=[step])
        await place.add_proxy("http", login=LOGIN)
        with pytest.raises(ProxyError) as caught:
            await place.dial(server.host, server.port)
        error = caught.value
        assert type(error) is kind
        assert (error.hop, error.stage) == (place_in_chain, stage)
        assert error.proxy == str(place.hops[place_in_chain - 1])
        assert f"hop {place_in_chain} of {place_in_chain + 1}" in str(error)
        assert place.log.stages[-1].name == stage
        assert not place.log.stages[-1].ok
        for text in (all_texts(error), shown(error)):
            assert SECRET not in text
            assert "s3cret" not in text
        await proxy.wait_for("close")
        assert server.connections == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("login", [None, ("ada", "wrong-s3cret")], ids=["none", "wrong"])
async def test_credentials(certificates: Certificates, scheme: str, login: Any) -> None:
    """Missing and wrong credentials are told apart, and none is shown."""
    socks4 = scheme.startswith("socks4")
    if socks4 and login:
        login = ("eve", None)
    async with town(certificates) as (place, server):
        proxy = await place.add_proxy(scheme, login=login, credentials=LOGIN)
        with pytest.raises(ProxyRejected) as caught:
            await place.dial(server.host, server.port)
        if socks4:  # its replies do not tell a wrong user id from another user
            assert caught.value.reply_code == 93
        else:
            assert type(caught.value) is ProxyAuthenticationError
            word = "check user name and password" if login else "put user:password@ into"
            assert word in str(caught.value)
        sends = login is not None or (scheme in SOCKS and not socks4)
        assert proxy.logins == ([login] if login else [])
        assert sends or not proxy.logins
        assert "s3cret" not in all_texts(caught.value) + shown(caught.value)


async def test_server_down_behind_proxies(certificates: Certificates, dead_port: int) -> None:
    """A server that is down is told by the hop that was asked for it: the last."""
    async with town(certificates) as (place, _):
        await place.add_proxy("http")
        await place.add_proxy("socks5h")
        with pytest.raises(ProxyRejected, match="reply 5, connection refused; is that") as caught:
            await place.dial("127.0.0.1", dead_port)
        assert (caught.value.hop, caught.value.reply_code) == (2, 5)


async def test_second_proxy_down(certificates: Certificates, dead_port: int) -> None:
    """A proxy that is down in the middle is told by the hop before it."""
    async with town(certificates) as (place, server):
        await place.add_proxy("http")
        place.hops.append(f"socks5h://ada:s3cret@127.0.0.1:{dead_port}")
        with pytest.raises(ProxyRejected, match=f"could not reach 127.0.0.1:{dead_port}") as caught:
            await place.dial(server.host, server.port)
        assert (caught.value.hop, caught.value.status_code) == (1, 503)


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_reset_tunnel(certificates: Certificates, scheme: str) -> None:
    """A tunnel that is reset later is a broken stream, as any other."""
    async with town(certificates) as (place, server):
        proxy = await place.add_proxy(scheme)
        stream = await place.dial(server.host, server.port)
        await check_echo(stream)
        proxy.kill()
        await proxy.wait_for("close")
        with pytest.raises(trio.BrokenResourceError):
            await keep_echoing(stream)
        await stream.aclose()


# --- cancellation ------------------------------------------------------------------------

STALLS = [
    (("http", *SOCKS), "accept", "the {} of proxy"),
    (("https",), "accept", "the TLS handshake with proxy"),
    (("socks5", "socks5h"), "greeting", "the {} of proxy"),
    (("socks5", "socks5h"), "auth", "the {} of proxy"),
    (SCHEMES, "reply", "the {} of proxy"),
]


@pytest.mark.parametrize(
    ("scheme", "at", "waiting_for"),
    [(scheme, at, text) for schemes, at, text in STALLS for scheme in schemes],
)
@pytest.mark.parametrize("place_in_chain", [1, 2])
async def test_cancelled_at_each_stage(
    certificates: Certificates, scheme: str, at: Any, waiting_for: str, place_in_chain: int
) -> None:
    """Wherever a proxy falls silent the dial can be cancelled, and hangs up on all hops."""
    login = ("ada", None if scheme.startswith("socks4") else SECRET)
    async with town(certificates) as (place, server):
        if place_in_chain == 2:
            await place.add_proxy("https")
        proxy = await place.add_proxy(scheme, login=login, credentials=login, script=[Stall(at)])
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    await proxy.wait_for("stall")
                    await trio.testing.wait_all_tasks_blocked()
                    scope.cancel()

                nursery.start_soon(cancel)
                await place.dial(server.host, server.port)
        assert scope.cancelled_caught
        text = waiting_for.format("SOCKS reply" if scheme in SOCKS else "answer to CONNECT")
        assert str(place.log.waiting_for).startswith(f"{text} {place.hops[-1]} (")
        assert SECRET not in str(place.log.waiting_for)
        for one in place.proxies:
            await one.wait_for("close")


class CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task is about to take its n-th step."""

    def __init__(self, step: int, scope: trio.CancelScope) -> None:
        self._task = trio.lowlevel.current_task()
        self._left = step
        self._scope = scope

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


@pytest.mark.parametrize(
    "chain", [(), ("http",), ("https",), ("socks4",), ("socks5",), ("https", "socks5h", "https")]
)
async def test_cancelled_at_each_checkpoint(
    certificates: Certificates, chain: Sequence[str]
) -> None:
    """Cancelled at any checkpoint, a dial leaves no socket and no task."""
    step = 0
    finished = False
    async with town(certificates) as (place, _):
        server = await place.add_server(echo, ssl_context=certificates.server_context())
        for scheme in chain:
            login = ("ada", None if scheme.startswith("socks4") else SECRET)
            await place.add_proxy(scheme, login=login, credentials=login)
        ours = certificates.client_context()
        while not finished:
            step += 1
            with trio.CancelScope() as scope:
                instrument = CancelAt(step, scope)
                trio.lowlevel.add_instrument(instrument)
                try:
                    stream = await place.dial("localhost", server.port, ssl_context=ours)
                    finished = True
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            if finished:
                await trio.aclose_forcefully(stream)
            for one in [*place.proxies, server]:
                await one.wait_for("close", one.connections)
    assert step > len(tunnel_stages(chain))


@pytest.mark.parametrize("chain", [(), ("http",), ("socks5h",), ("https", "socks5h", "https")])
async def test_trace_that_ends_the_program(
    certificates: Certificates, chain: Sequence[str]
) -> None:
    """Where a trace raises what ends a program, wherever that is, no stream is left open."""
    left = 0

    def trace(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise SystemExit(7)

    async with town(certificates) as (place, _):
        server = await place.add_server(echo, ssl_context=certificates.server_context())
        for scheme in chain:
            await place.add_proxy(scheme)
        route = resolve_target(make_target("tcp", "127.0.0.1", server.port), proxy=place.hops)
        context = certificates.client_context()
        await trio.aclose_forcefully(
            await dial(route, DialOptions(), StageLog(trace), ssl_context=context)
        )
        assert left <= -4  # begin and end of tcp and of TLS at least
        for number in range(1, 1 - left):
            left = number
            with pytest.raises(SystemExit):
                await dial(route, DialOptions(), StageLog(trace), ssl_context=context)
            for one in [*place.proxies, server]:
                await one.wait_for("close", one.connections)


# --- a failure is not looked at twice ----------------------------------------------------


@pytest.mark.parametrize("where", ["server", "proxy", "server behind proxies"])
@pytest.mark.parametrize("wrong", ["issuer", "name"])
async def test_a_refused_certificate_costs_one_connection(
    certificates: Certificates, where: str, wrong: str
) -> None:
    """Whatever is wrong with a certificate, nobody is dialed again: no proxy is asked twice."""
    asked = 0

    async def make_headers(*_: object) -> dict[str, str]:
        nonlocal asked
        asked += 1
        return {"X-Token": "can be had once"}

    authority = Certificates() if wrong == "issuer" else certificates
    context = authority.server_context("other.test" if wrong == "name" else "127.0.0.1")
    async with town(certificates) as (place, _):
        server = await place.add_server(echo, ssl_context=context)
        if where == "server behind proxies":
            await place.add_proxy("https", login=("ada", "x"), credentials=("ada", "x"))
            await place.add_proxy("socks5h")
        elif where == "proxy":
            opener = open_http_proxy(ssl_context=context)
            proxy = await place.stack.enter_async_context(opener)
            place.proxies.append(proxy)
            ours = certificates.client_context()
            place.hops.append(Proxy(proxy.url_for("https", host="127.0.0.1"), ssl_context=ours))
        with pytest.raises((ServerUnreachable, ProxyUnreachable), match="was refused"):
            await place.dial(
                "127.0.0.1",
                server.port,
                ssl_context=certificates.client_context(),
                make_headers=make_headers,
            )
        await trio.testing.wait_all_tasks_blocked()
        assert [proxy.connections for proxy in place.proxies] == [1] * len(place.proxies)
        assert server.connections == (where != "proxy")
    assert asked == (where != "server")


@pytest.mark.parametrize("chain", [(), ("https", "socks5h")])
async def test_cancelled_at_each_checkpoint_of_a_refusal(
    certificates: Certificates, chain: Sequence[str]
) -> None:
    """Cancelled at any checkpoint before a certificate is refused, a dial leaves no socket."""
    step = 0
    finished = False
    async with town(certificates) as (place, _):
        server = await place.add_server(echo, ssl_context=Certificates().server_context())
        for scheme in chain:
            await place.add_proxy(scheme)
        ours = certificates.client_context()
        while not finished:
            step += 1
            with trio.CancelScope() as scope:
                instrument = CancelAt(step, scope)
                trio.lowlevel.add_instrument(instrument)
                try:
                    await place.dial("127.0.0.1", server.port, ssl_context=ours)
                except ServerUnreachable:
                    finished = not scope.cancel_called
                finally:
                    trio.lowlevel.remove_instrument(instrument)
            for one in [*place.proxies, server]:
                await one.wait_for("close", one.connections)
    assert step > 5


@pytest.mark.parametrize("name", ["none", "None", "false", "DIRECT", "undefined"])
async def test_a_word_that_means_no_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting such as "none" is a host's name, as for curl; where it has no address, that is told."""
    Names({})
    monkeypatch.setenv("https_proxy", name)
    with pytest.raises(ProxyUnreachable) as caught:
        await open_tcp_stream("e.test", 1)
    assert str(caught.value).endswith(
        "is no proxy meant? Then leave the setting out or empty: "
        f"{name.lower()!r} is read as the name of one"
    )
