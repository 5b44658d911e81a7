"""What holds for every server of trio_wsproxy.testing, and the raw TCP server.

No test here sleeps: a server is asked with ``wait_for`` whether something has happened.
"""

from __future__ import annotations

import errno
import ssl
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest
import trio

from trio_wsproxy.testing import (
    Certificates,
    open_counting_relay,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


def open_server(kind: str, **options: Any) -> AbstractAsyncContextManager[Any]:
    """Open a server of that kind."""
    match kind:
        case "tcp":
            return open_tcp_server(echo, **options)
        case "echo":
            return open_echo_server(**options)
        case "http":
            return open_http_proxy(**options)
        case "socks":
            return open_socks_proxy(**options)
        case _:
            return open_counting_relay("127.0.0.1", 1, listen_host=options.get("host", "127.0.0.1"))


every_kind = pytest.mark.parametrize("kind", ["tcp", "echo", "http", "socks", "relay"])
every_tls_kind = pytest.mark.parametrize("kind", ["tcp", "echo", "http", "socks"])


@every_kind
async def test_nothing_is_left(kind: str) -> None:
    """After the block its port is free, its connections are closed and its tasks are gone."""
    tasks = trio.lowlevel.current_statistics().tasks_living
    async with open_server(kind) as server:
        client = await trio.open_tcp_stream(server.host, server.port)
        await server.wait_for("accept")
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert server.open_connections == 0
    assert server.events.count("close") == 1
    async with client:
        with trio.fail_after(60):
            with suppress(trio.BrokenResourceError):  # a reset will do as well
                assert await client.receive_some() == b""
    with pytest.raises(OSError, match="failed"):
        await trio.open_tcp_stream(server.host, server.port)


@every_kind
async def test_an_exception_in_the_block_comes_out_as_it_is(kind: str) -> None:
    """An exception of the block is not wrapped in a group."""
    error = LookupError("mine")
    with pytest.raises(LookupError) as caught:
        async with (
            open_server(kind) as server,
            await trio.open_tcp_stream(server.host, server.port),
        ):
            raise error
    assert caught.value is error
    assert server.open_connections == 0


@every_kind
async def test_a_cancelled_block_ends(kind: str) -> None:
    """Cancellation around a block closes the server and is absorbed by its own scope."""
    tasks = trio.lowlevel.current_statistics().tasks_living
    with trio.CancelScope() as scope:
        async with (
            open_server(kind) as server,
            await trio.open_tcp_stream(server.host, server.port),
        ):
            await server.wait_for("accept")
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert server.open_connections == 0
    assert server.errors == []


@every_kind
async def test_cancelled_while_it_starts(kind: str) -> None:
    """A server that is cancelled before it is ready leaves no socket behind."""
    with trio.CancelScope() as scope:
        scope.cancel()
        async with open_server(kind):
            raise AssertionError("the block must not start")
    assert scope.cancelled_caught  # an unclosed socket would be a ResourceWarning, an error here


@every_kind
async def test_ipv6(kind: str) -> None:
    """Every server listens on ::1 when told to, and brackets it."""
    async with open_server(kind, host="::1") as server:
        assert server.authority == f"[::1]:{server.port}"
        async with await trio.open_tcp_stream("::1", server.port):
            await server.wait_for("accept")
        assert server.connections == 1


@every_kind
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", ""])
async def test_loopback_only(kind: str, host: str) -> None:
    """No server listens where others could reach it."""
    with pytest.raises(ValueError, match="is not a loopback address"):
        async with open_server(kind, host=host):
            raise AssertionError("the block must not start")


@every_tls_kind
async def test_a_failed_tls_handshake_is_recorded(kind: str, certificates: Certificates) -> None:
    """A client that does not trust the server ends its own connection only."""
    async with open_server(kind, ssl_context=certificates.server_context()) as server:
        async with await trio.open_ssl_over_tcp_stream(
            "localhost", server.port, ssl_context=Certificates().client_context()
        ) as stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.do_handshake()
        await server.wait_for("close")
        (error,) = server.errors
        assert isinstance(error.__cause__, ssl.SSLError | OSError)
        async with await trio.open_ssl_over_tcp_stream(
            "localhost", server.port, ssl_context=certificates.client_context()
        ) as stream:
            await stream.do_handshake()
        assert server.connections == 2


async def test_a_failing_handler_ends_its_connection_only() -> None:
    """What a handler raises is kept, also out of a nursery, and the next client is served."""

    async def handler(stream: trio.abc.Stream) -> None:
        if await stream.receive_some() == b"fail":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                raise LookupError("no such thing")
        await stream.send_all(b"fine")

    async with open_tcp_server(handler) as server:
        async with await trio.open_tcp_stream(server.host, server.port) as client:
            await client.send_all(b"fail")
            assert await client.receive_some() == b""
        async with await trio.open_tcp_stream(server.host, server.port) as client:
            await client.send_all(b"go on")
            assert await client.receive_some() == b"fine"
        assert [repr(error) for error in server.errors] == ["LookupError('no such thing')"]


async def test_tcp_server_with_tls(certificates: Certificates) -> None:
    """The handler gets a stream whose TLS handshake is done."""
    protocols: list[str | None] = []

    async def handler(stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SSLStream)
        protocols.append(stream.selected_alpn_protocol())
        await echo(stream)

    context = certificates.server_context()
    context.set_alpn_protocols(["http/1.1"])
    asking = certificates.client_context()
    asking.set_alpn_protocols(["http/1.1"])
    async with (
        open_tcp_server(handler, ssl_context=context) as server,
        await trio.open_ssl_over_tcp_stream("localhost", server.port, ssl_context=asking) as stream,
    ):
        await stream.send_all(b"hello")
        assert await stream.receive_some() == b"hello"
    assert protocols == ["http/1.1"]


async def test_wait_for_sees_the_past_and_the_future() -> None:
    """An event that happened before counts; one that has not is waited for."""
    async with open_tcp_server(echo) as server, trio.open_nursery() as nursery:
        waiting = trio.Event()

        async def wait() -> None:
            waiting.set()
            await server.wait_for("accept", 2)
            assert server.connections == 2
            nursery.cancel_scope.cancel()

        async with await trio.open_tcp_stream(server.host, server.port):
            await server.wait_for("accept")
            await server.wait_for("accept")
            nursery.start_soon(wait)
            await waiting.wait()
            async with await trio.open_tcp_stream(server.host, server.port):
                await trio.sleep_forever()


async def test_wait_for_knows_its_events() -> None:
    """A misspelled event is refused, for it would never happen."""
    async with open_tcp_server(echo) as server:
        with pytest.raises(ValueError, match="no event 'conect'; there are accept, "):
            await server.wait_for("conect")  # type: ignore[arg-type]


@pytest.mark.parametrize("tls", [False, True])
async def test_kill_pulls_the_plug(tls: bool, certificates: Certificates) -> None:
    """All open connections are reset, and the server goes on."""
    context = certificates.server_context() if tls else None

    async def connect() -> trio.abc.Stream:
        if tls:
            return await trio.open_ssl_over_tcp_stream(
                "localhost", server.port, ssl_context=certificates.client_context()
            )
        return await trio.open_tcp_stream(server.host, server.port)

    async with open_tcp_server(echo, ssl_context=context) as server:
        async with await connect() as client:
            await client.send_all(b"hello")
            assert await client.receive_some() == b"hello"
            assert server.open_connections == 1
            server.kill()
            with pytest.raises(trio.BrokenResourceError) as caught:
                await client.receive_some()
            cause = caught.value.__cause__
            while isinstance(cause, trio.BrokenResourceError):
                cause = cause.__cause__
            assert isinstance(cause, OSError)
            assert cause.errno == errno.ECONNRESET
            await server.wait_for("close")
            assert server.open_connections == 0
        async with await connect() as client:
            await client.send_all(b"again")
            assert await client.receive_some() == b"again"
        assert server.errors == []
