"""What httpcore asks of a network: a stream to a host, then TLS on it.

httpcore changes the TLS context that it is given: it sets the protocols to offer. The default context of
this package is shared by all that is dialed, so it is never given out. :class:`PlatformTrust` stands for
it, takes what is set, and is replaced where the handshake begins; so the trust store is read as ever, in a
thread, when it is first needed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

import trio

from trio_wsproxy._auth import ProxyAuthArgument
from trio_wsproxy._client import DialingOptions

# Not from the room itself, which all programs load.
from trio_wsproxy._client._tunnel import (
    Tunnel,
    checked_for_tunnels,
    open_tunnel,
    open_unix_tunnel,
)
from trio_wsproxy._http import ProxyHeadersArgument
from trio_wsproxy._redaction import hiding, shown_text
from trio_wsproxy._report import Trace
from trio_wsproxy._routing import ProxyArgument
from trio_wsproxy._transport import MakeProxyHeaders, socket_of
from trio_wsproxy._urls import Target, TargetScheme, make_target

from ._carrier import Carrier
from ._errors import Errors, connecting, transferring

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

SocketOption: TypeAlias = (
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
)

# What a port says where nothing else does.
_SCHEMES: dict[int, TargetScheme] = {80: "http", 443: "https"}


class PlatformTrust(ssl.SSLContext):
    """Stands for the default context; see above. By itself it trusts nobody.

    Attributes:
      alpn (tuple[str, ...]): What is to be offered.

    """

    alpn: tuple[str, ...] = ()

    def __new__(cls) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Remember them for the context that this one stands for."""
        self.alpn = tuple(alpn_protocols)


class NetworkStream:
    """A tunnel, as httpcore has streams; a base beside the library's own class."""

    _errors: ClassVar[Errors]

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel
        self._carrier = Carrier(tunnel.stream)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive what has arrived; ``b""`` is the end."""
        limit, errors = _seconds(timeout), self._errors
        route = self._tunnel.route
        with transferring(route, limit, errors.read, errors.read_timeout, "sent nothing"):
            return await self._carrier.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        if not buffer:
            await trio.lowlevel.checkpoint()
            return
        limit, errors = _seconds(timeout), self._errors
        route = self._tunnel.route
        with transferring(route, limit, errors.write, errors.write_timeout, "taken nothing more"):
            await self._carrier.write(buffer)

    async def aclose(self) -> None:
        """Close at once."""
        await self._carrier.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Any:  # of the class that the library knows
        """Put TLS on it; this stream is used up then."""
        alpn: tuple[str, ...] = ()
        context: ssl.SSLContext | None = ssl_context
        if isinstance(ssl_context, PlatformTrust):
            context, alpn = None, ssl_context.alpn
        limit = _seconds(timeout)
        with connecting(self._errors):
            tunnel = await self._tunnel.add_tls(
                context, alpn=alpn, host=server_hostname, timeout=limit
            )
        return type(self)(tunnel)

    def get_extra_info(self, info: str) -> Any:
        """Tell what is known under a name; ``None`` where nothing is."""
        tunnel = self._tunnel
        if info == "ssl_object":
            return tunnel.stream if tunnel.tls else None
        if info == "is_readable":
            return self._carrier.is_readable
        if info == "route":
            return tunnel.route
        if info == "dial_report":
            return tunnel.dial_report
        socket = socket_of(tunnel.stream)
        if socket is None or info not in ("client_addr", "server_addr", "socket"):
            return None
        if info == "socket":
            return socket
        return socket.getsockname() if info == "client_addr" else socket.getpeername()


class NetworkBackend:
    """The dialer, as httpcore has networks; a base beside the library's own class."""

    _errors: ClassVar[Errors]
    _stream: ClassVar[type[NetworkStream]]

    def __init__(
        self,
        proxy: ProxyArgument = True,
        *,
        proxy_ssl_context: ssl.SSLContext | None = None,
        proxy_auth: ProxyAuthArgument = None,
        proxy_headers: ProxyHeadersArgument | MakeProxyHeaders | None = None,
        happy_eyeballs_delay: float | None = None,
        trace: Trace | None = None,
    ) -> None:
        proxy, proxy_headers = hiding(proxy), hiding(proxy_headers)
        options = DialingOptions(
            proxy=proxy,
            proxy_ssl_context=proxy_ssl_context,
            proxy_auth=proxy_auth,
            proxy_headers=proxy_headers,
            happy_eyeballs_delay=happy_eyeballs_delay,
            trace=trace,
        )
        self._options: Mapping[str, Any] = checked_for_tunnels(options)
        self._origin: tuple[TargetScheme, str, int] | None = None

    def for_origin(self, scheme: bytes, host: bytes, port: int) -> Any:
        """Give a copy for one origin, which knows what is going to be spoken.

        Args:
          scheme: ``b"https"``, for example.
          host: The host, as httpcore has it.
          port: The port.

        """
        other = object.__new__(type(self))
        other._options = self._options
        other._origin = (cast("TargetScheme", scheme.decode("ascii")), host.decode("ascii"), port)
        return other

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> Any:  # of the class that the library knows
        """Open a stream to a host, through the proxies."""
        scheme = self._origin[0] if self._origin else _SCHEMES.get(port, "tcp")
        options = self._options
        if local_address is not None:
            options = {**options, "local_address": local_address}
        target = self._target(scheme, host, port)
        with connecting(self._errors):
            tunnel = await open_tunnel(target, options, timeout=_seconds(timeout))
        return await self._made(tunnel, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> Any:  # of the class that the library knows
        """Open a stream to a Unix socket; no proxy leads there."""
        scheme, host, port = self._origin or ("http", "localhost", 80)
        target = self._target(scheme, host, port)
        with connecting(self._errors):
            tunnel = await open_unix_tunnel(path, target, timeout=_seconds(timeout))
        return await self._made(tunnel, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait before another attempt."""
        await trio.sleep(seconds)

    def _target(self, scheme: TargetScheme, host: str, port: int) -> Target:
        try:
            return make_target(scheme, host, port)
        except (
            ValueError
        ) as exc:  # what a URL's author wrote; the libraries' callers catch this one
            problem = str(exc)
        raise self._errors.connect(problem)

    async def _made(self, tunnel: Tunnel, options: Iterable[SocketOption] | None) -> NetworkStream:
        """Set options of the socket at the bottom, which is the one to the first hop."""
        socket = socket_of(tunnel.stream)
        try:
            for option in options or ():
                if socket is not None:
                    socket.setsockopt(*option)
            return self._stream(tunnel)
        except OSError as exc:
            await trio.aclose_forcefully(tunnel.stream)
            problem = shown_text(str(exc.strerror or exc))
            raise self._errors.connect(f"socket_options: {problem}") from exc
        except BaseException:
            await trio.aclose_forcefully(tunnel.stream)
            raise


def _seconds(timeout: float | None) -> float:
    return float("inf") if timeout is None else timeout
