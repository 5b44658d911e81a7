"""The dialer for any protocol: twins of trio's own functions that know proxies.

Ctrl-C between two lines of the dialer, a socket in no variable yet, would leave that socket to the
garbage collector. It is kept off all that these functions call; where they wait, trio delivers it.
"""

from __future__ import annotations

import ssl

import trio

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._http import ProxyHeadersArgument
from trio_wsproxy._report import StageLog, Trace, reporting
from trio_wsproxy._routing import ProxyArgument, Route
from trio_wsproxy._transport import MakeProxyHeaders, dial
from trio_wsproxy._urls import Target, make_target

from ._misuse import check_context, check_trio, checks_first, host_at
from ._options import (
    FOR_DIALING,
    DialingOptions,
    checked,
    dial_options,
)
from ._way import open_way


@checks_first(
    host_at(0, "open_tcp_stream", "await open_tcp_stream(host, port), with the parts of {url}")
)
@trio.lowlevel.enable_ki_protection
async def open_tcp_stream(
    host: str,
    port: int,
    *,
    proxy: ProxyArgument = True,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
    local_address: str | None = None,
    happy_eyeballs_delay: float | None = None,
    trace: Trace | None = None,
) -> trio.abc.Stream:
    """Open a TCP connection to a host, through the system's proxy if there is one.

    The twin of :func:`trio.open_tcp_stream` for programs that must work behind a proxy:
    SSH, IRC, SMTP, databases, any protocol over TCP, also one where the server speaks first.

    Args:
      host: A name or an IP address. Names are resolved by the proxy, except behind
        ``socks4://`` and ``socks5://``.
      port: 1 to 65535.
      proxy: ``True`` (default) for what the system says, see :func:`resolve_proxy`; ``None``
        for a direct connection; a URL or a :class:`Proxy`; a sequence of them, nearest
        first; a :class:`PAC` script; or a :class:`Failover` of any of these.
      proxy_ssl_context: For ``https://`` proxies; the platform's trust store by default.
      proxy_auth: How to authenticate with each HTTP proxy; as for :func:`open_websocket_url`.
      proxy_headers: Additional headers for each HTTP proxy, or an async function that gives
        them; as for :func:`open_websocket_url`.
      local_address: The address of this machine to connect from; any by default.
      happy_eyeballs_delay: Seconds after which another address of the first hop is tried
        beside the first (RFC 8305); ``None`` (default) is 0.25.
      trace: Is called at the begin and the end of each stage; see
        :func:`open_websocket_url`. None by default.

    Returns:
      A stream to the host. Where the route is direct it is a :class:`trio.SocketStream`, with
      its socket options. Bytes that the server sent at once are the first ones read.

    Raises:
      ProxyConfigError: A proxy setting is malformed; nothing was sent.
      ProxyError: A proxy failed; its subclasses tell how, ``.hop`` and ``.stage`` where.
      ServerUnreachable: Without a proxy, or with names resolved here, the host failed.
      ValueError: Another argument is malformed; nothing was sent.

    There is no timeout here, as in trio; use :func:`trio.fail_after`. A cancelled call leaves
    nothing behind.

    """
    options = DialingOptions(
        proxy=proxy,
        proxy_ssl_context=proxy_ssl_context,
        proxy_auth=proxy_auth,
        proxy_headers=proxy_headers,
        local_address=local_address,
        happy_eyeballs_delay=happy_eyeballs_delay,
        trace=trace,
    )
    return await _open_stream(make_target("tcp", host, port), options)


@checks_first(
    host_at(
        0,
        "open_ssl_over_tcp_stream",
        "await open_ssl_over_tcp_stream(host, port), with the parts of {url}",
    )
)
@trio.lowlevel.enable_ki_protection
async def open_ssl_over_tcp_stream(
    host: str,
    port: int,
    *,
    proxy: ProxyArgument = True,
    ssl_context: ssl.SSLContext | None = None,
    https_compatible: bool = False,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
    local_address: str | None = None,
    happy_eyeballs_delay: float | None = None,
    trace: Trace | None = None,
) -> trio.SSLStream[trio.abc.Stream]:
    """Open a TLS connection to a host, through the system's proxy if there is one.

    The twin of :func:`trio.open_ssl_over_tcp_stream`. Unlike there the TLS handshake is done
    when this returns, so that a certificate that is refused is told here, by name.

    Args:
      host: A name or an IP address; the certificate must be valid for it.
      port: 1 to 65535.
      proxy: As for :func:`open_tcp_stream`.
      ssl_context: For TLS with the host; the platform's trust store, without ALPN, by default.
      https_compatible: As in :class:`trio.SSLStream`: whether a connection may end without
        TLS's own good-bye; ``False`` by default.
      proxy_ssl_context: As for :func:`open_tcp_stream`.
      proxy_auth: As for :func:`open_tcp_stream`.
      proxy_headers: As for :func:`open_tcp_stream`.
      local_address: As for :func:`open_tcp_stream`.
      happy_eyeballs_delay: As for :func:`open_tcp_stream`.
      trace: As for :func:`open_tcp_stream`.

    Returns:
      A TLS stream to the host.

    Raises:
      ProxyError: As for :func:`open_tcp_stream`.
      ServerUnreachable: The host failed; with ``.stage == "server_tls"`` its TLS did.
      ValueError: An argument is malformed; nothing was sent.

    There is no timeout here, as in trio; use :func:`trio.fail_after`. A cancelled call leaves
    nothing behind.

    """
    options = DialingOptions(
        proxy=proxy,
        proxy_ssl_context=proxy_ssl_context,
        proxy_auth=proxy_auth,
        proxy_headers=proxy_headers,
        local_address=local_address,
        happy_eyeballs_delay=happy_eyeballs_delay,
        trace=trace,
    )
    stream = await _open_stream(
        make_target("tls", host, port),
        options,
        ssl_context=ssl_context,
        https_compatible=https_compatible,
    )
    assert isinstance(stream, trio.SSLStream)  # dial() puts TLS on top where it gets a context
    return stream


async def _open_stream(
    target: Target,
    options: DialingOptions,
    *,
    ssl_context: ssl.SSLContext | None = None,
    https_compatible: bool = False,
) -> trio.abc.Stream:
    check_trio()
    check_context("ssl_context", ssl_context)
    values = checked(options, FOR_DIALING)
    proxy: ProxyArgument = values["proxy"]
    log = StageLog(values["trace"])
    dialing = dial_options(values)

    async def dial_route(route: Route) -> trio.abc.Stream:
        return await dial(
            route, dialing, log, ssl_context=ssl_context, https_compatible=https_compatible
        )

    with reporting(target.url, log) as report:
        return await open_way(target, proxy, dial_route, report, values["proxy_ssl_context"])
