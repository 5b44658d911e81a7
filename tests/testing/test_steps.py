"""The steps of misbehaviour, each with every proxy that can play it.

The client here is bytes of our own: nothing between the test and the wire hides how an
answer came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import pytest
import trio

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
    Step,
    TCPServer,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

GRANTED_HTTP = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


@asynccontextmanager
async def open_scripted(
    kind: str, script: Iterable[Step]
) -> AsyncIterator[tuple[ProxyServer, TCPServer]]:
    """Open a proxy with that script, and an echo server to reach through it."""
    async with open_tcp_server(echo) as server:
        if kind == "http":
            async with open_http_proxy(script=script) as proxy:
                yield proxy, server
        else:
            credentials = ("u", "p") if kind == "socks5" else None
            async with open_socks_proxy(script=script, credentials=credentials) as proxy:
                yield proxy, server


def talk(kind: str, server: TCPServer) -> list[bytes]:
    """Return the messages of a client up to and with its request."""
    port = server.port.to_bytes(2, "big")
    if kind == "http":
        return [f"CONNECT {server.authority} HTTP/1.1\r\nHost: {server.authority}\r\n\r\n".encode()]
    if kind == "socks4":
        return [b"\x04\x01" + port + b"\x7f\x00\x00\x01\x00"]
    return [b"\x05\x01\x02", b"\x01\x01u\x01p", b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port]


async def connect(proxy: ProxyServer) -> trio.SocketStream:
    """Open a plain connection to the proxy."""
    return await trio.open_tcp_stream(proxy.host, proxy.port)


async def dialogue(kind: str, stream: trio.abc.Stream, server: TCPServer) -> bytes:
    """Say everything and return the answer to the request, or ``b""`` if it ends before."""
    received = b""
    for message in talk(kind, server):
        await stream.send_all(message)
        received = bytes(await stream.receive_some())
        if not received:
            break
    return received


async def rest(stream: trio.abc.Stream) -> bytes:
    """Read to the end."""
    return b"".join([chunk async for chunk in stream])


every_kind = pytest.mark.parametrize("kind", ["http", "socks4", "socks5"])
STAGES = [
    ("http", "accept"),
    ("http", "reply"),
    ("http", "tunnel"),
    ("socks4", "accept"),
    ("socks4", "reply"),
    ("socks4", "tunnel"),
    ("socks5", "accept"),
    ("socks5", "greeting"),
    ("socks5", "auth"),
    ("socks5", "reply"),
    ("socks5", "tunnel"),
]
every_stage = pytest.mark.parametrize(("kind", "stage"), STAGES)
ANSWERS = [pair for pair in STAGES if pair[1] not in {"accept", "tunnel"}]
every_answer = pytest.mark.parametrize(("kind", "stage"), ANSWERS)


@every_kind
async def test_byte_by_byte(kind: str) -> None:
    """A client that reads what is there gets each byte of each answer on its own."""
    async with (
        open_scripted(kind, [ByteByByte()]) as (proxy, server),
        await connect(proxy) as stream,
    ):
        received: list[bytes] = []
        for message in talk(kind, server):
            await stream.send_all(message)
            count = len(received)
            while len(proxy.answers) <= count or len(received[count]) < len(proxy.answers[count]):
                byte = await stream.receive_some()
                assert len(byte) == 1
                received[count:] = [b"".join(received[count:]) + byte]
        assert received == proxy.answers
        await stream.send_all(b"hello")
        assert (await stream.receive_some()) == b"hello"


@every_answer
async def test_answer_and_close(kind: str, stage: str) -> None:
    """Bytes of the test's choice come instead of that answer, then the end."""
    script = [Answer(b"SSH-2.0-OpenSSH\r\n", at=stage)]  # type: ignore[arg-type]
    async with open_scripted(kind, script) as (proxy, server):
        async with await connect(proxy) as stream:
            for message in talk(kind, server):
                await stream.send_all(message)
                received = await stream.receive_some()
                if len(received) > 12:
                    break
            assert received == b"SSH-2.0-OpenSSH\r\n"
            assert await stream.receive_some() == b""
        assert server.connections == 0
        assert len(proxy.requests) == (1 if stage == "reply" else 0)


@every_kind
async def test_answer_and_hold(kind: str) -> None:
    """After such an answer the connection can stay open until the client leaves."""
    async with open_scripted(kind, [Answer(b"?", then="hold")]) as (proxy, server):
        async with await connect(proxy) as stream:
            assert await dialogue(kind, stream, server) == b"?"
            await stream.send_all(b"hello")
            assert proxy.open_connections == 1
        await proxy.wait_for("close")
        assert server.connections == 0


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("http", b"HTTP/1.0 204\n\n"),
        ("socks4", b"\x04\x5a\x00\x00\x00\x00\x00\x00"),
        ("socks5", b"\x05\x00\x00\x03\x04name\x00\x00"),
    ],
)
async def test_answer_and_continue(kind: str, answer: bytes) -> None:
    """An odd answer can open a tunnel that works."""
    async with (
        open_scripted(kind, [Answer(answer, then="continue")]) as (proxy, server),
        await connect(proxy) as stream,
    ):
        assert await dialogue(kind, stream, server) == answer
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
        assert server.connections == 1


@every_answer
@pytest.mark.parametrize("after", [0, 1])
async def test_cut_answer(kind: str, stage: str, after: int) -> None:
    """That many bytes of the answer come, then the end; the target is let go."""
    script = [CutAnswer(after, at=stage)]  # type: ignore[arg-type]
    async with open_scripted(kind, script) as (proxy, server):
        async with await connect(proxy) as stream:
            for message in talk(kind, server):
                await stream.send_all(message)
                received = await stream.receive_some()
                if len(received) < 2:
                    break
            assert len(received) == after
            assert await stream.receive_some() == b""
        assert proxy.answers[-1].startswith(received)
        assert len(proxy.answers[-1]) > 1
        await server.wait_for("close", server.connections)


@every_kind
async def test_glue(kind: str) -> None:
    """The bytes come in the segment of the answer, and the tunnel goes on behind them."""
    async with (
        open_scripted(kind, [Glue(b"220 hello\r\n")]) as (proxy, server),
        await connect(proxy) as stream,
    ):
        received = await dialogue(kind, stream, server)
        assert received == proxy.answers[-1]
        assert received.endswith(b"220 hello\r\n")
        if kind == "http":
            assert received == GRANTED_HTTP + b"220 hello\r\n"
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"


@every_kind
async def test_no_glue_on_a_refusal(kind: str) -> None:
    """Only the answer that opens the tunnel gets bytes behind it."""
    async with (
        open_scripted(kind, [Glue(b"glue"), Fail()]) as (proxy, server),
        await connect(proxy) as stream,
    ):
        assert b"glue" not in await dialogue(kind, stream, server)


@every_stage
@pytest.mark.parametrize("read", [True, False])
async def test_stall(kind: str, stage: str, read: bool) -> None:
    """The proxy falls silent there; a client that leaves is noticed if it reads."""
    script = [Stall(at=stage, read=read)]  # type: ignore[arg-type]
    async with open_scripted(kind, script) as (proxy, server):
        async with await connect(proxy) as stream:
            if stage != "accept":
                for message in talk(kind, server):
                    await stream.send_all(message)
            await proxy.wait_for("stall")
            assert proxy.open_connections == 1
            assert "tunnel" not in proxy.events or stage == "tunnel"
            assert server.connections == (1 if stage == "tunnel" else 0)
        if read:
            await proxy.wait_for("close")
            await server.wait_for("close", server.connections)
        assert proxy.errors == []
    assert proxy.open_connections == 0


@every_stage
async def test_reset(kind: str, stage: str) -> None:
    """The connection is reset there, not closed in order."""
    script = [Reset(at=stage)]  # type: ignore[arg-type]
    async with open_scripted(kind, script) as (proxy, server):
        async with await connect(proxy) as stream:
            with pytest.raises(trio.BrokenResourceError) as caught:  # noqa: PT012
                if await dialogue(kind, stream, server):
                    await stream.receive_some()
            assert isinstance(caught.value.__cause__, ConnectionResetError | BrokenPipeError)
        await proxy.wait_for("close")
        await server.wait_for("close", server.connections)
        assert proxy.errors == []


async def test_stages_and_tls(certificates: Certificates) -> None:
    """Stalling and resetting at "accept" comes before TLS, at "reply" inside it."""
    context = certificates.client_context()
    async with open_http_proxy(ssl_context=certificates.server_context()) as proxy:
        proxy.script = (Reset(at="accept"),)
        async with await trio.open_ssl_over_tcp_stream(
            "localhost", proxy.port, ssl_context=context
        ) as stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.do_handshake()
        proxy.script = (Stall(at="accept"),)
        async with await connect(proxy) as plain:
            await plain.send_all(b"this is no TLS, but nobody looks at it")
            await proxy.wait_for("stall")
        proxy.script = (Reset(at="reply"),)
        async with await trio.open_ssl_over_tcp_stream(
            "localhost", proxy.port, ssl_context=context
        ) as stream:
            await stream.send_all(b"CONNECT x.test:1 HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
        await proxy.wait_for("close", 3)
        assert proxy.errors == []


async def test_fail_http() -> None:
    """Status, headers and body are the test's, and the connection stays usable."""
    script = [Fail(status=429, headers=[("Retry-After", "9")], body=b"slow down")]
    async with open_scripted("http", script) as (proxy, server):
        async with await connect(proxy) as stream:
            for _ in range(2):
                answer = await dialogue("http", stream, server)
                assert answer.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
                assert b"\r\nRetry-After: 9\r\n" in answer
                assert answer.endswith(b"\r\n\r\nslow down")
        assert server.connections == 0
        assert len(proxy.requests) == 2


async def test_fail_http_407() -> None:
    """A 407 has a challenge: the test's own, or one for Basic."""
    async with open_http_proxy() as proxy, open_tcp_server(echo) as server:
        for headers, challenge in [
            ([], b"Basic realm="),
            ([("Proxy-Authenticate", "Negotiate")], b"Negotiate\r\n"),
        ]:
            proxy.script = (Fail(status=407, headers=headers),)
            async with await connect(proxy) as stream:
                answer = await dialogue("http", stream, server)
                assert answer.startswith(b"HTTP/1.1 407 Proxy Authentication Required\r\n")
                assert answer.count(b"Proxy-Authenticate: ") == 1
                assert b"Proxy-Authenticate: " + challenge in answer


async def test_fail_http_and_close() -> None:
    """With ``Connection: close`` the proxy closes after its refusal."""
    script = [Fail(status=599, headers=[("Connection", "close")])]
    async with open_scripted("http", script) as (proxy, server), await connect(proxy) as stream:
        await stream.send_all(talk("http", server)[0])
        assert (await rest(stream)).startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize(
    ("kind", "step", "answer"),
    [
        ("socks4", Fail(), b"\x00\x5b"),
        ("socks4", Fail(reply=92), b"\x00\x5c"),
        ("socks5", Fail(), b"\x05\x01"),
        ("socks5", Fail(reply=2), b"\x05\x02"),
        ("socks5", Fail(at="auth"), b"\x01\x01"),
        ("socks5", Fail(at="auth", reply=255), b"\x01\xff"),
        ("socks5", Fail(at="greeting"), b"\x05\xff"),
    ],
)
async def test_fail_socks(kind: str, step: Fail, answer: bytes) -> None:
    """Each stage of SOCKS can refuse with its own code, and then closes."""
    async with open_scripted(kind, [step]) as (proxy, server):
        async with await connect(proxy) as stream:
            await stream.send_all(b"".join(talk(kind, server)))
            with suppress(trio.BrokenResourceError):  # what was sent too early makes a reset
                await rest(stream)
        await proxy.wait_for("close")
        assert proxy.answers[-1].startswith(answer)
        assert server.connections == 0


async def test_the_script_can_change() -> None:
    """Connections that come later meet the new script: a client that tries again."""
    async with open_scripted("http", [Fail()]) as (proxy, server):
        for script, status in [(None, b"503"), ((), b"200"), ([Fail(status=403)], b"403")]:
            if script is not None:
                proxy.script = script
            async with await connect(proxy) as stream:
                assert (await dialogue("http", stream, server)).startswith(b"HTTP/1.1 " + status)
        assert proxy.script == (Fail(status=403),)


async def test_impossible_scripts() -> None:
    """A step that would never be played is refused at once, and later too."""
    for step in (Stall(at="greeting"), Reset(at="auth"), CutAnswer(1, at="auth")):
        with pytest.raises(ValueError, match="this proxy has no stage"):
            async with open_http_proxy(script=[step]):
                raise AssertionError("the block must not start")
        with pytest.raises(ValueError, match="it has accept, reply, tunnel"):
            async with open_socks_proxy(versions=[4], script=[step]):
                raise AssertionError("the block must not start")
        async with open_socks_proxy(versions=[5], script=[step]):
            pass
    with pytest.raises(TypeError, match="'stall' is not a step"):
        async with open_http_proxy(script=["stall"]):  # type: ignore[list-item]
            raise AssertionError("the block must not start")
    with pytest.raises(ValueError, match="status 204 is no refusal"):
        Fail(status=204)


@every_stage
async def test_a_stall_and_a_virtual_clock(kind: str, stage: str, autojump_clock: object) -> None:
    """With a clock that jumps, a client's deadline of an hour takes no time."""
    script = [Stall(at=stage)]  # type: ignore[arg-type]
    async with open_scripted(kind, script) as (proxy, server):
        async with await connect(proxy) as stream:
            with pytest.raises(trio.TooSlowError), trio.fail_after(3600):  # noqa: PT012
                await dialogue(kind, stream, server)
                await stream.receive_some()
        await proxy.wait_for("close")
