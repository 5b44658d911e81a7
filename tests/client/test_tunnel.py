"""A dial in two steps: one log, two time limits, nothing left behind."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio

from trio_wsproxy import (
    PAC,
    ConnectionTimeout,
    Failover,
    ProxyConfigError,
    ProxyRejected,
    ServerUnreachable,
)
from trio_wsproxy._client._tunnel import checked_for_tunnels, open_tunnel, open_unix_tunnel
from trio_wsproxy._urls import TargetScheme, make_target
from trio_wsproxy.testing import (
    Certificates,
    Fail,
    Stall,
    open_http_proxy,
    open_tcp_server,
)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    async for chunk in stream:
        await stream.send_all(chunk)


@pytest.mark.parametrize(
    ("first", "then"), [("http", "https"), ("ws", "wss"), ("tcp", "tls"), ("https", "https")]
)
async def test_both_steps(certificates: Certificates, first: TargetScheme, then: str) -> None:
    """TLS is put on later, under the name that is asked for; the target is one of TLS from then on."""
    stages: list[str] = []

    def trace(event: str, stage: Any) -> None:
        stages.extend([stage.name] if event == "begin" else [])

    context = certificates.server_context("other.test")
    async with open_tcp_server(echo, ssl_context=context) as server, open_http_proxy() as proxy:
        options = checked_for_tunnels({"proxy": proxy.url, "trace": trace})
        target = make_target(first, server.host, server.port)
        tunnel = await open_tunnel(target, options, timeout=20)
        assert not tunnel.tls
        assert stages == ["tcp", "connect"]
        tunnel = await tunnel.add_tls(certificates.client_context(), host="other.test", timeout=20)
        assert tunnel.tls
        assert tunnel.route.target.scheme == then
        assert [hop.port for hop in tunnel.route.hops] == [proxy.port]
        await tunnel.stream.send_all(b"hello")
        assert await tunnel.stream.receive_some() == b"hello"
        await tunnel.stream.aclose()
        assert stages == ["tcp", "connect", "server_tls"]
        assert [stage.name for stage in tunnel.dial_report.stages] == stages


async def test_error_of_the_second_step(certificates: Certificates) -> None:
    """What goes wrong with TLS is told with the whole way, and the stream is closed."""
    context = certificates.server_context("other.test")
    async with open_tcp_server(echo, ssl_context=context) as server, open_http_proxy() as proxy:
        target = make_target("http", server.host, server.port)
        options = checked_for_tunnels({"proxy": proxy.url})
        tunnel = await open_tunnel(target, options, timeout=20)
        with pytest.raises(ServerUnreachable) as caught:
            await tunnel.add_tls(certificates.client_context(), timeout=20)
        assert [x.name for x in caught.value.dial_report.stages] == ["tcp", "connect", "server_tls"]
        assert caught.value.dial_report.url == f"https://{server.authority}/"
        await proxy.wait_for("close")


async def test_error_of_the_first_step() -> None:
    """A proxy that refuses is told as everywhere."""
    async with open_http_proxy(script=[Fail(403)]) as proxy:
        options = checked_for_tunnels({"proxy": proxy.url})
        with pytest.raises(ProxyRejected) as caught:
            await open_tunnel(make_target("https", "web.test", 443), options, timeout=20)
        assert caught.value.dial_report.url == "https://web.test/"


async def test_both_time_limits(certificates: Certificates) -> None:
    """Each step has a limit of its own; one that takes too long leaves nothing."""
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        options = checked_for_tunnels({"proxy": proxy.url})
        with pytest.raises(ConnectionTimeout, match="the answer to CONNECT"):
            await open_tunnel(make_target("https", "web.test", 443), options, timeout=0.1)
        await proxy.wait_for("close")
    async with open_http_proxy(script=[Stall("tunnel")]) as proxy, open_tcp_server(echo) as server:
        options = checked_for_tunnels({"proxy": proxy.url})
        target = make_target("http", server.host, server.port)
        tunnel = await open_tunnel(target, options, timeout=20)
        with pytest.raises(ConnectionTimeout, match="the TLS handshake with the server"):
            await tunnel.add_tls(certificates.client_context(), timeout=0.1)
        await proxy.wait_for("close")


async def test_cancelled_steps(certificates: Certificates) -> None:
    """A step that is cancelled leaves no connection."""
    async with open_http_proxy(script=[Stall("tunnel")]) as proxy, open_tcp_server(echo) as server:
        options = checked_for_tunnels({"proxy": proxy.url})
        target = make_target("http", server.host, server.port)
        tunnel = await open_tunnel(target, options, timeout=20)
        with trio.move_on_after(0.1) as scope:
            await tunnel.add_tls(certificates.client_context(), timeout=20)
        assert scope.cancelled_caught
        await proxy.wait_for("close")


async def test_wrong_context(certificates: Certificates) -> None:
    """A context for servers is refused, and the stream closed."""
    async with open_tcp_server(echo) as server:
        target = make_target("http", server.host, server.port)
        tunnel = await open_tunnel(target, checked_for_tunnels({"proxy": None}), timeout=20)
        with pytest.raises(ValueError, match="for servers"):
            await tunnel.add_tls(certificates.server_context("web.test"), timeout=20)
        await server.wait_for("close")


async def test_unix(tmp_path: Any) -> None:
    """A Unix socket that is not there is told by its path."""
    target = make_target("http", "web.test", 80)
    with pytest.raises(
        ServerUnreachable, match=r"the Unix socket .*/none cannot be reached: No such"
    ):
        await open_unix_tunnel(str(tmp_path / "none"), target, timeout=20)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"proxy": "ftp://p"}, ProxyConfigError),
        ({"proxy": ["http://p", "ftp://p"]}, ProxyConfigError),
        ({"proxy": 3}, TypeError),
        ({"nothing": 3}, TypeError),
        ({"proxy": None, "proxy_ssl_context": ssl.create_default_context()}, ValueError),
    ],
)
def test_checked(options: Any, kind: type[Exception]) -> None:
    """What is wrong is told before anything is dialed."""
    with pytest.raises(kind):
        checked_for_tunnels(options)


def test_not_yet_known() -> None:
    """What only a dial can find out is left to it."""
    context = ssl.create_default_context()
    for proxy in (
        True,
        PAC("function FindProxyForURL() {}"),
        Failover("https://p", None),
        Failover(True, None),
    ):
        values = checked_for_tunnels({"proxy": proxy, "proxy_ssl_context": context})
        assert values["proxy"] is proxy
