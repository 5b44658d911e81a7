"""From a route to a stream.

For each hop, in order: a TCP connection (the first) or the tunnel so far (the others); TLS,
if the proxy speaks it; then its protocol's request for a tunnel to the next authority. At
the end of the last tunnel stands the target, with TLS on top if it wants it.

Seen from the end, "a stream to X through n hops" is "a stream to hop n through n - 1 hops,
asked for a tunnel to X". :class:`_Dial` is written that way round, because a proxy that
takes addresses only (``socks4``, ``socks5``) has a fresh connection made to it for each
address of X that is tried.

Whoever holds a stream closes it on failure or cancellation, at once and without a word: a
tunnel that is half built has nobody at its other end to say good-bye to.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

import trio

from trio_wsproxy._exceptions import (
    ProxyAuthenticationError,
    ProxyRejected,
    ProxyUnreachable,
    ServerUnreachable,
    misconfigured,
)
from trio_wsproxy._failures import Kind, Place, Words, words
from trio_wsproxy._report import TLS, Addresses, Attempt, Attempts, StageLog
from trio_wsproxy._routing import MEANS_NONE, Route, decider, is_loopback
from trio_wsproxy._urls import Proxy, Target, bare_host

from ._exhausted import exhaustion, is_exhausted
from ._hop import Hop, Stop, stops
from ._http_connect import DialAgain, open_connect_tunnel
from ._names import AddressInfo, look_up, numeric_address
from ._preparation import DialOptions, prepare
from ._setup import Contexts, set_up
from ._tcp import connect_tcp
from ._tcp_stream import CAN_READ_AND_WRITE, TCPStream
from ._tls import Seen, add_tls, check_client_context
from ._tls_failure import explain_tls_failure
from ._tls_stream import TLSStream


async def dial(
    route: Route,
    options: DialOptions,
    log: StageLog,
    *,
    ssl_context: ssl.SSLContext | None = None,
    alpn: tuple[str, ...] = (),
    https_compatible: bool = True,
    immediate: bool = False,
    tls_later: bool = False,
) -> trio.abc.Stream:
    """Open the stream that a route describes.

    Args:
      route: Hops and target.
      options: See :class:`DialOptions`.
      log: Is told each stage as it begins.
      ssl_context: For TLS with the target; ``None`` means the default context where the target
        wants TLS, and no TLS elsewhere.
      alpn: What the default context offers to the target.
      https_compatible: For TLS with the target, as in :class:`trio.SSLStream`.
      immediate: Whether the stream at the bottom is to take and give without waiting, where that
        is possible: a :class:`TCPStream` in place of a :class:`trio.SocketStream`, with
        :class:`TLSStream` above it where there is TLS.
      tls_later: Whether TLS with the target is left to :func:`dial_tls`.

    Returns:
      A stream to the target; a :class:`trio.SocketStream` where the route is direct and
      without TLS, a :class:`trio.SSLStream` where there is TLS with the target.

    Raises:
      ProxyError: A hop failed; see its subclasses.
      ServerUnreachable: The target failed.

    A cancelled call leaves nothing behind.

    """
    target = route.target
    _check_addresses(route)
    for context in (ssl_context, options.proxy_ssl_context, *(p.ssl_context for p in route.hops)):
        check_client_context(context)
    walk = _Dial(route, options, log, immediate=immediate)
    given = Contexts(options.proxy_ssl_context, ssl_context)
    try:
        server = None if tls_later else walk.server
        contexts = await set_up(walk.hops, server, log, given, alpn)
        walk.proxy_context = contexts.proxies
        stream = await walk.reach(len(route.hops), target.host, target.port)
        if contexts.server is None:
            return stream
        return await walk.add_tls(
            stream, walk.server, contexts.server, https_compatible=https_compatible
        )
    except OSError as exc:
        if not is_exhausted(exc):
            raise
        raise walk.exhausted(exc) from exc


async def dial_tls(
    stream: trio.abc.Stream,
    route: Route,
    log: StageLog,
    *,
    ssl_context: ssl.SSLContext | None = None,
    alpn: tuple[str, ...] = (),
    host: str | None = None,
) -> trio.abc.Stream:
    """Put TLS with the target on a stream that :func:`dial` has opened ``tls_later``.

    Args:
      stream: The stream; this call owns it.
      route: The way that it took.
      log: Is told each stage as it begins.
      ssl_context: The context; ``None`` is the default one.
      alpn: What the default context offers.
      host: The name that the certificate must be valid for, if not the target's.

    Returns:
      A :class:`TLSStream` over a stream that takes and gives without waiting, else one of trio's.

    Raises:
      ServerUnreachable: The target failed.

    A cancelled call leaves nothing behind.

    """
    walk = _Dial(route, DialOptions(), log)
    try:
        check_client_context(ssl_context)
        contexts = await set_up((), walk.server, log, Contexts(server=ssl_context), alpn)
        assert contexts.server is not None  # the target's scheme says so
        tls = await walk.add_tls(stream, walk.server, contexts.server, host=host)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return tls


def _check_addresses(route: Route) -> None:
    """Refuse what a hop's protocol cannot ask for, before anything is dialed."""
    followers: list[Proxy | Target] = [*route.hops[1:], route.target]
    for number, hop in enumerate(route.hops, start=1):
        follower = followers[number - 1]
        if hop.scheme == "socks4" and ":" in follower.host:
            what = words(
                "proxy {url} (from {source}) cannot be asked for {authority}: "
                "SOCKS4 carries IPv4 addresses only",
                url=hop.url,
                source=decider(route),
                authority=follower.authority,
            )
            remedy = words("use socks5:// if the proxy speaks it")
            raise misconfigured(what, remedy, Place(hop.url, number))


def _without_zone(host: str) -> str:
    """Drop an IPv6 zone: it means something on this machine only (RFC 6874 section 1)."""
    return host.partition("%")[0]


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Dial:
    """One walk along a route."""

    def __init__(
        self, route: Route, options: DialOptions, log: StageLog, *, immediate: bool = False
    ) -> None:
        self._route = route
        self.hops, self.server = stops(route.hops, route.target, decider(route))
        self._stops: tuple[Stop, ...] = (*self.hops, self.server)
        self._options = options
        self._log = log
        self._immediate = immediate and CAN_READ_AND_WRITE
        self.proxy_context = options.proxy_ssl_context

    def exhausted(self, exc: OSError) -> ProxyUnreachable | ServerUnreachable:
        """Make the error for something that was used up in the stage that was going on."""
        stage = self._log.running[-1].stage() if self._log.running else None
        hop = stage.hop if stage is not None else None
        stop = self.server if hop is None else self.hops[hop - 1]
        why, remedy = exhaustion(exc)
        name = stage.name if stage is not None else "setup"
        return stop.unreachable(Kind.EXHAUSTED, name, why, remedy, None)

    async def reach(self, count: int, host: str, port: int) -> trio.abc.Stream:
        """Open a stream to ``host:port`` through the first ``count`` hops."""
        if count == 0:
            return await self._connect_tcp(host, port)
        hop = self.hops[count - 1]
        if not hop.proxy.resolves_locally:
            return await self._tunnel(hop, host, port)
        refusals: list[ProxyRejected] = []
        for address in await self._resolve(hop, host, port):
            try:
                return await self._tunnel(hop, address, port)
            except ProxyAuthenticationError:
                raise  # the next address would be asked for with the same credentials
            except ProxyRejected as exc:
                refusals.append(exc)
        try:
            raise refusals[-1] from (refusals[-2] if len(refusals) > 1 else None)
        finally:
            refusals.clear()  # their tracebacks lead here, which would be a cycle

    async def _tunnel(self, hop: Hop, host: str, port: int) -> trio.abc.Stream:
        host = _without_zone(host)
        authority = _authority(host, port)
        if not hop.proxy.is_socks:
            return await self._http_tunnel(hop, authority)
        stream = await self._connect_proxy(hop)
        waiting_for = words(
            "the SOCKS reply of {hop} for {authority}", hop=hop.name, authority=authority
        )
        try:
            with self._log.stage("socks", hop.number, authority, waiting_for) as stage:
                from ._socks import open_socks_tunnel  # imported already, see set_up()

                return await open_socks_tunnel(stream, hop, host, port, stage)
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise

    async def _http_tunnel(self, hop: Hop, authority: str) -> trio.abc.Stream:
        authentication, headers, omitted = await prepare(hop, authority, self._options, self._log)
        waiting_for = words(
            "the answer to CONNECT of {hop} for {authority}", hop=hop.name, authority=authority
        )
        while True:  # Authentication counts the rounds
            stream = await self._connect_proxy(hop)
            try:
                with (
                    self._log.stage("connect", hop.number, authority, waiting_for) as stage,
                    suppress(DialAgain),
                    hop.behind_handshake(stream),
                ):
                    return await open_connect_tunnel(
                        stream, hop, authority, headers, authentication, stage, omitted=omitted
                    )
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
            await trio.aclose_forcefully(stream)

    async def _connect_proxy(self, hop: Hop) -> trio.abc.Stream:
        """Open a stream to the proxy itself, with its TLS."""
        proxy = hop.proxy
        stream = await self.reach(hop.number - 1, proxy.host, proxy.port)
        if proxy.scheme != "https":
            return stream
        context = proxy.ssl_context or self.proxy_context
        assert context is not None  # set_up() has seen to it
        return await self.add_tls(stream, hop, context)

    async def add_tls(
        self,
        stream: trio.abc.Stream,
        stop: Stop,
        context: ssl.SSLContext,
        *,
        https_compatible: bool = True,
        host: str | None = None,
    ) -> trio.SSLStream[trio.abc.Stream] | TLSStream:
        """Put TLS with a stop on a stream; this call owns it until it returns.

        Args:
          stream: The stream.
          stop: Whom it is done with.
          context: The context.
          https_compatible: As in :class:`trio.SSLStream`.
          host: Its name for TLS, if that is not its name.

        """
        waiting_for = words("the TLS handshake with {stop}", stop=stop.name)
        try:
            with self._log.stage(stop.tls_stage, stop.number, stop.authority, waiting_for) as stage:
                if stop.tls_name != bare_host(stop.host):
                    stage.server_hostname = stop.tls_name
                seen = Seen()
                try:
                    tls = await add_tls(
                        stream,
                        context,
                        stop.tls_name if host is None else bare_host(host),
                        https_compatible=https_compatible,
                        seen=seen,
                    )
                except (trio.BrokenResourceError, ValueError) as exc:
                    certificate = stage.evidence = seen.chain[0] if seen.chain else None
                    failure = explain_tls_failure(
                        exc, stop.trust, seen, context, tunnelled=stop.hops_before > 0
                    )
                    raise stop.distrusted(failure, certificate) from exc
                stage.evidence = TLS.of(tls)
                return tls
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise

    async def _connect_tcp(self, host: str, port: int) -> trio.abc.Stream:
        """Open the TCP connection to the first hop, or to the target of a direct route."""
        stop = self._stops[0]
        options = self._options
        infos = numeric_address(host, port) or await self._look_up(stop, host, port)
        waiting_for = words("the TCP connection to {stop}", stop=stop.name)
        stream: trio.SocketStream | None = None
        try:
            with self._log.stage("tcp", stop.number, _authority(host, port), waiting_for) as stage:
                attempts: list[Attempt] = []
                tried = stage.evidence = Attempts(attempts)
                try:
                    stream = await connect_tcp(
                        infos,
                        attempts,
                        local_address=options.local_address,
                        head_start=options.happy_eyeballs_delay,
                    )
                except OSError as exc:
                    if is_exhausted(exc):
                        raise self.exhausted(exc) from exc
                    why = words("{outcomes}", outcomes=tried.outcomes)
                    remedy = words("is it running, and are its host and port right?")
                    remedy = self._and_why_direct(remedy, advise=False)
                    raise stop.unreachable(Kind.NO_CONNECTION, "tcp", why, remedy, tried) from exc
        except BaseException:
            if stream is not None:  # the caller's trace has raised
                await trio.aclose_forcefully(stream)
            raise
        return TCPStream(stream) if self._immediate else stream

    async def _resolve(self, hop: Hop, host: str, port: int) -> list[str]:
        """Look up, on this machine, the addresses to ask ``hop`` for."""
        family = socket.AF_INET if hop.proxy.scheme == "socks4" else socket.AF_UNSPEC
        owner = self._stops[hop.number]  # of the name
        infos = await self._look_up(owner, host, port, family, resolver=hop)
        return list(dict.fromkeys(str(info[4][0]) for info in infos))

    async def _look_up(
        self,
        owner: Stop,
        host: str,
        port: int,
        family: int = socket.AF_UNSPEC,
        resolver: Hop | None = None,
    ) -> list[AddressInfo]:
        with self._log.stage("resolve", owner.number, host, f"the address of {host}") as stage:
            try:
                # Files of hosts have localhost without a dot (and RFC 6761 no search domains).
                infos = await look_up(bare_host(host) if is_loopback(host) else host, port, family)
            except OSError as exc:
                if is_exhausted(exc):
                    raise self.exhausted(exc) from exc
                why = words(
                    "the name {host!r} has no address here ({error})",
                    host=host,
                    error=str(exc.strerror),
                )
                remedy = self._right_name(resolver)
                if isinstance(owner, Hop) and host in MEANS_NONE:
                    remedy = words(
                        "is no proxy meant? Then leave the setting out or empty: {host!r} is read as the "
                        "name of one",
                        host=host,
                    )
                raise owner.unreachable(Kind.NAME_UNKNOWN, "resolve", why, remedy, None) from exc
            found = tuple(dict.fromkeys(str(info[4][0]) for info in infos))
            stage.evidence = Addresses(found)
            if self._options.check_addresses is not None and owner is self.server:
                self._options.check_addresses(found)
        return infos

    def _right_name(self, resolver: Hop | None) -> Words:
        """What to try where a name has no address."""
        if resolver is not None:
            here = resolver.proxy.scheme
            return words(
                "is it right? ({here}:// resolves names on this machine, {there}:// at the proxy)",
                here=here,
                there={"socks4": "socks4a", "socks5": "socks5h"}[here],
            )
        return self._and_why_direct(words("is it right?"))

    def _and_why_direct(self, question: Words, *, advise: bool = True) -> Words:
        from trio_wsproxy._routing._why_direct import and_why_direct  # for errors alone

        return and_why_direct(question, self._route, advise=advise)
