"""The dialer for any protocol: twins of trio's own functions that know proxies."""

from __future__ import annotations

import ssl
from typing import TypeAlias

import trio

from trio_wsproxy._auth._scheme import ProxyAuthArgument, check_proxy_auth
from trio_wsproxy._http._head import ProxyHeadersArgument, proxy_header_pairs
from trio_wsproxy._report._dial_report import reporting
from trio_wsproxy._report._stages import StageLog, Trace
from trio_wsproxy._routing import ProxyArgument, Route, resolve_target
from trio_wsproxy._transport import DialOptions, MakeProxyHeaders, default_context, dial
from trio_wsproxy._urls._proxies import make_target

ProxyHeadersOption: TypeAlias = ProxyHeadersArgument | MakeProxyHeaders | None


def check_proxy_ssl_context(
    context: ssl.SSLContext | None, proxy: ProxyArgument, route: Route
) -> None:
    """Refuse a context that nothing would use.

    Where the system chooses the proxy, a program cannot know whether that will be an
    ``https://`` one, and may bring the context in any case.

    Raises:
      ValueError: The proxies were given explicitly, and none of them is ``https://``.

    """
    if context is None or proxy is True or any(hop.scheme == "https" for hop in route.hops):
        return
    hops = ", ".join(hop.url for hop in route.hops) or "a direct connection"
    raise ValueError(f"proxy_ssl_context needs an https:// proxy, but proxy= is {hops}")


def dial_options(
    *,
    proxy_ssl_context: ssl.SSLContext | None,
    proxy_auth: ProxyAuthArgument,
    proxy_headers: ProxyHeadersOption,
    local_address: str | None,
    happy_eyeballs_delay: float | None,
) -> DialOptions:
    """Check the arguments that are the same for streams and for WebSockets.

    Raises:
      ValueError: HTTP does not allow a header, or a delay is negative.
      TypeError: An argument is of another type.

    """
    if happy_eyeballs_delay is not None and not happy_eyeballs_delay >= 0:
        raise ValueError(f"happy_eyeballs_delay is 0 or more, not {happy_eyeballs_delay}")
    make = proxy_headers if callable(proxy_headers) else None
    pairs, omitted = proxy_header_pairs(
        None if callable(proxy_headers) else proxy_headers, name="proxy_headers"
    )
    return DialOptions(
        proxy_ssl_context=proxy_ssl_context,
        proxy_auth=check_proxy_auth(proxy_auth, name="proxy_auth"),
        proxy_headers=pairs,
        omitted_headers=omitted,
        make_headers=make,
        local_address=local_address,
        happy_eyeballs_delay=happy_eyeballs_delay,
    )


async def open_tcp_stream(
    host: str,
    port: int,
    *,
    proxy: ProxyArgument = True,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersOption = None,
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
        for a direct connection; a URL or a :class:`Proxy`; or a sequence of them, nearest
        first.
      proxy_ssl_context: For ``https://`` proxies; the platform's trust store by default.
      proxy_auth: How to authenticate with each HTTP proxy whose URL has no credentials; as for
        :func:`open_websocket_url`.
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
    route = resolve_target(make_target("tcp", host, port), proxy=proxy)
    check_proxy_ssl_context(proxy_ssl_context, proxy, route)
    options = dial_options(
        proxy_ssl_context=proxy_ssl_context,
        proxy_auth=proxy_auth,
        proxy_headers=proxy_headers,
        local_address=local_address,
        happy_eyeballs_delay=happy_eyeballs_delay,
    )
    log = StageLog(trace)
    with reporting(route.target.url, log) as report:
        report.route = route
        return await dial(route, options, log)


async def open_ssl_over_tcp_stream(
    host: str,
    port: int,
    *,
    proxy: ProxyArgument = True,
    ssl_context: ssl.SSLContext | None = None,
    https_compatible: bool = False,
    proxy_ssl_context: ssl.SSLContext | None = None,
    proxy_auth: ProxyAuthArgument = None,
    proxy_headers: ProxyHeadersOption = None,
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
    route = resolve_target(make_target("tls", host, port), proxy=proxy)
    check_proxy_ssl_context(proxy_ssl_context, proxy, route)
    options = dial_options(
        proxy_ssl_context=proxy_ssl_context,
        proxy_auth=proxy_auth,
        proxy_headers=proxy_headers,
        local_address=local_address,
        happy_eyeballs_delay=happy_eyeballs_delay,
    )
    log = StageLog(trace)
    with reporting(route.target.url, log) as report:
        report.route = route
        stream = await dial(
            route,
            options,
            log,
            ssl_context=ssl_context or default_context(),
            https_compatible=https_compatible,
        )
    assert isinstance(stream, trio.SSLStream)  # dial() puts TLS on top where it gets a context
    return stream
