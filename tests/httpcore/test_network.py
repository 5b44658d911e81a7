"""The stand-in for the default context, and what a network says before it dials."""

from __future__ import annotations

import ssl

import httpcore
import pytest
import trio

from trio_wsproxy._httpcore._httpx import AsyncNetworkBackend, AsyncNetworkStream
from trio_wsproxy._httpcore._network import PlatformTrust
from trio_wsproxy.testing import Stall, open_http_proxy, open_tcp_server


def test_platform_trust() -> None:
    """It keeps what it is told to offer, and by itself trusts nobody."""
    context = PlatformTrust()
    assert isinstance(context, ssl.SSLContext)
    assert not context.alpn
    context.set_alpn_protocols(["http/1.1", "h2"])
    assert context.alpn == ("http/1.1", "h2")
    assert context.get_ca_certs() == []
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_library_s_own_classes() -> None:
    """What is given is what the library's annotations and checks ask for."""
    assert issubclass(AsyncNetworkBackend, httpcore.AsyncNetworkBackend)
    assert issubclass(AsyncNetworkStream, httpcore.AsyncNetworkStream)


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    while data := await stream.receive_some():
        await stream.send_all(data)


async def test_stream() -> None:
    """A stream sends, receives and closes; nothing to send is a checkpoint, too."""
    async with open_tcp_server(echo) as server, open_http_proxy() as proxy:
        backend = AsyncNetworkBackend(proxy.url)
        stream = await backend.connect_tcp(server.host, server.port, timeout=20)
        with trio.testing.assert_checkpoints():
            await stream.write(b"")
        await stream.write(b"hello", timeout=20)
        assert await stream.read(3, timeout=20) == b"hel"
        assert await stream.read(100) == b"lo"
        assert stream.get_extra_info("ssl_object") is None
        await stream.aclose()
        with pytest.raises(httpcore.ReadError, match="closed on this side"):
            await stream.read(1)
        with pytest.raises(httpcore.WriteError, match="closed on this side"):
            await stream.write(b"x")


async def test_first_bytes_of_a_tunnel() -> None:
    """Bytes that came together with a proxy's answer are the first that are read."""

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"hello")

    async with open_tcp_server(greet) as server, open_http_proxy() as proxy:
        stream = await AsyncNetworkBackend(proxy.url).connect_tcp(server.host, server.port)
        assert await stream.read(100) == b"hello"
        await stream.aclose()


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "", "a b", "ex%ample"])
async def test_bad_host(host: str) -> None:
    """A host that cannot be is a ConnectError, as a name that is not known."""
    with pytest.raises(httpcore.ConnectError):
        await AsyncNetworkBackend(None).connect_tcp(host, 80)


async def test_bad_socket_option() -> None:
    """A socket option that the system refuses is told, and the socket closed."""
    async with open_tcp_server(echo) as server:
        backend = AsyncNetworkBackend(None)
        with pytest.raises(httpcore.ConnectError, match=r"^socket_options: "):
            await backend.connect_tcp(
                server.host, server.port, socket_options=[(trio.socket.SOL_SOCKET, 9999, 1)]
            )
        with pytest.raises(TypeError):
            await backend.connect_tcp(server.host, server.port, socket_options=[("a", 1, 1)])  # type: ignore[list-item]  # what programs do
        await server.wait_for("close", 2)


async def test_timeout() -> None:
    """A timeout ends a dial, and leaves nothing."""
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        with pytest.raises(httpcore.ConnectTimeout, match=r"within 0\.1 s"):
            await AsyncNetworkBackend(proxy.url).connect_tcp("web.test", 443, timeout=0.1)
        await proxy.wait_for("close")


async def test_sleep(autojump_clock: trio.testing.MockClock) -> None:
    """Before another attempt it waits by trio's clock."""
    before = trio.current_time()
    await AsyncNetworkBackend().sleep(3)
    assert trio.current_time() - before == 3
