"""A stream to a server whose TLS is asked for later, for libraries that dial in two steps.

Both steps are one dial to whoever reads of it: they have one log, so an error of the second one shows
the whole way, and one rule for what a timeout says. Each has a time limit of its own, because those
libraries ask for it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import trio

from trio_wsproxy._exceptions import ServerUnreachable, failed
from trio_wsproxy._failures import Failure, Kind, words
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._report import DialReport, StageLog, reporting
from trio_wsproxy._routing import Route, Unread, steps_to
from trio_wsproxy._transport import dial, dial_tls
from trio_wsproxy._urls import Target, TargetScheme

from ._attempt import timed_out
from ._misuse import check_trio
from ._options import FOR_DIALING, DialingOptions, check_proxy_ssl_context, checked, dial_options
from ._way import open_way

_WITH_TLS: dict[TargetScheme, TargetScheme] = {"http": "https", "ws": "wss", "tcp": "tls"}


class Tunnel:
    """A stream to a target, and how it came about; made by :func:`open_tunnel`.

    Attributes:
      stream (trio.abc.Stream): The stream; whoever has the tunnel owns it.
      route (Route): The way that it took; its target is whom a message is about.
      tls (bool): Whether TLS is spoken with the target.

    """

    __slots__ = ("_report", "route", "stream", "tls")

    def __init__(
        self, stream: trio.abc.Stream, route: Route, report: reporting, *, tls: bool = False
    ) -> None:
        self.stream = stream
        self.route = route
        self.tls = tls
        self._report = report

    @property
    def dial_report(self) -> DialReport:
        """How it came about."""
        return self._report.report()

    @trio.lowlevel.enable_ki_protection
    async def add_tls(
        self,
        context: ssl.SSLContext | None,
        *,
        alpn: tuple[str, ...] = (),
        host: str | None = None,
        timeout: float,
    ) -> Tunnel:
        """Put TLS with the target on it; this tunnel is used up, whatever happens.

        Args:
          context: The context; ``None`` is the default one.
          alpn: What the default context offers.
          host: The name that the certificate must be valid for, if not the target's.
          timeout: Seconds for the handshake.

        Raises:
          ServerUnreachable: It failed.
          ConnectionTimeout: It took too long.

        A cancelled call leaves nothing behind.

        """
        target = self.route.target
        target = replace(target, scheme=_WITH_TLS.get(target.scheme, target.scheme))
        route = replace(self.route, target=target)
        report = self._report
        with report:
            report.url, report.route = target.url, route
            with trio.move_on_after(timeout):
                stream = await dial_tls(
                    self.stream, route, report.log, ssl_context=context, alpn=alpn, host=host
                )
                return Tunnel(stream, route, report, tls=True)
            raise timed_out(target.url, timeout, report)


def checked_for_tunnels(options: DialingOptions) -> Mapping[str, Any]:
    """Check the options of all tunnels to come, so that what is wrong is told before any is opened.

    Raises:
      ProxyConfigError: ``proxy`` is malformed; what the system says is looked at later.
      ValueError: Another option is.
      TypeError: An option is of another type.

    """
    values = checked(options, FOR_DIALING)
    if values["proxy"] is not True:
        with suppress(Unread):  # Failover(True, …): the desktop is asked by each dial
            steps = steps_to(Target("tcp", "example.invalid", 1), values["proxy"])
            check_proxy_ssl_context(values["proxy_ssl_context"], steps)
    return values


@trio.lowlevel.enable_ki_protection
async def open_tunnel(target: Target, options: Mapping[str, Any], *, timeout: float) -> Tunnel:
    """Open a stream to a target, without TLS with it.

    Args:
      target: Its scheme is what is going to be spoken, which decides on the settings that are looked at.
      options: As :func:`checked_for_tunnels` gives them.
      timeout: Seconds for all of it.

    Raises:
      ProxyError: A proxy failed, or a setting is malformed.
      ServerUnreachable: The target failed.
      ConnectionTimeout: It took too long.

    A cancelled call leaves nothing behind.

    """
    check_trio()
    log = StageLog(options["trace"])
    how = dial_options(options)

    async def dial_route(route: Route) -> trio.abc.Stream:
        return await dial(route, how, log, immediate=True, tls_later=True)

    with reporting(target.url, log) as report:
        with trio.move_on_after(timeout):
            stream = await open_way(
                target, options["proxy"], dial_route, report, options["proxy_ssl_context"]
            )
            assert report.route is not None  # open_way() has said which it took
            return Tunnel(stream, report.route, report)
        raise timed_out(target.url, timeout, report)


@trio.lowlevel.enable_ki_protection
async def open_unix_tunnel(path: str, target: Target, *, timeout: float) -> Tunnel:
    """Connect to a Unix socket in place of a target; no proxy leads there.

    Args:
      path: Of the socket.
      target: Whom to ask for TLS.
      timeout: Seconds.

    Raises:
      ServerUnreachable: It failed.
      ConnectionTimeout: It took too long.

    A cancelled call leaves nothing behind.

    """
    check_trio()
    log = StageLog()
    shown = shown_text(path)
    with reporting(target.url, log) as report:
        report.route = route = Route((), target, "a Unix socket")
        with trio.move_on_after(timeout):
            waiting_for = words("the connection to the Unix socket {path}", path=shown)
            try:
                with log.stage("tcp", None, shown, waiting_for):
                    return Tunnel(await trio.open_unix_socket(path), route, report)
            except (OSError, RuntimeError) as exc:  # the latter where there are no such sockets
                why = shown_text(str(getattr(exc, "strerror", None) or exc))
                what = words("the Unix socket {path} cannot be reached: {why}", path=shown, why=why)
                remedy = words("does a server listen there?")
                failure = Failure(Kind.NO_CONNECTION, "tcp", what, remedy)
                raise failed(ServerUnreachable, failure) from exc
        raise timed_out(target.url, timeout, report)
