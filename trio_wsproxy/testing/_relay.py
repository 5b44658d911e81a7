"""A TCP relay: proof that traffic went this way, and a plug to pull."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ._server import RelayingServer, listen, reset_on_close, running, serving


class CountingRelay(RelayingServer):
    """A running :func:`open_counting_relay`."""

    async def _serve(self, client: trio.SocketStream, host: str, port: int) -> None:
        try:
            target = await trio.open_tcp_stream(host, port)
        except OSError:
            reset_on_close(client)
            raise
        self._adopt(client, target)
        self._record("tunnel")
        await self._relay(client, target)


@asynccontextmanager
async def open_counting_relay(
    host: str, port: int, *, listen_host: str = "127.0.0.1"
) -> AsyncIterator[CountingRelay]:
    """Pass every connection on to ``host`` and ``port``, and count.

    Put in front of a proxy or a server of another make, it shows that a client went
    there, and it can pull the plug::

        async with open_counting_relay("127.0.0.1", 3128) as relay:
            proxy = f"http://{relay.authority}"
            ...
            assert relay.connections == 1
            assert relay.bytes_down > 0
            relay.kill()  # resets both sides of all connections

    Args:
      host: Where to connect to for each client: a name or an IP address.
      port: The port there.
      listen_host: The loopback address to listen on, ``"127.0.0.1"`` or ``"::1"``.

    Yields:
      The running relay. Leaving the block closes all sockets. While nobody listens at
      ``host`` and ``port``, clients are reset and the reason is in ``errors``.

    Raises:
      ValueError: ``listen_host`` is not a loopback address.

    """
    listener = await listen(listen_host)
    relay = CountingRelay(listener, tls=False)

    async def serve(client: trio.SocketStream) -> None:
        await relay._serve(client, host, port)  # noqa: SLF001

    async with running(relay, listener, serving(listener, serve)):
        yield relay
