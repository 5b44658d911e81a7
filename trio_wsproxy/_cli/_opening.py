"""The connection that a command is about: to a URL, or over a Unix socket (``--unix``)."""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from trio_wsproxy import (
    ConnectionClosed,
    HandshakeError,
    ServerUnreachable,
    WebSocketConnection,
    open_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._exceptions import failed
from trio_wsproxy._failures import Failure, Kind, words
from trio_wsproxy._urls import Target, bare_host, parse_target

from ._secrets import Refused

# What the way alone is asked for.
_OF_THE_WAY = ("ssl_context", "proxy", "proxy_ssl_context", "proxy_auth", "max_redirects")


async def with_connection(
    arguments: argparse.Namespace,
    options: dict[str, Any],
    use: Callable[[WebSocketConnection], Awaitable[None]],
) -> None:
    """Open what the arguments name, use it, and close it.

    Args:
      arguments: ``url`` and ``unix``.
      options: Keyword arguments of ``open_websocket_url``.
      use: Is awaited with the open connection.

    Raises:
      Refused: There is a Unix socket and a proxy.
      HandshakeError: There is no connection.
      ConnectionClosed: There was one.

    """
    if arguments.unix is None:
        async with open_websocket_url(arguments.url, **options) as ws:
            await use(ws)
        return
    for name in ("proxy", "pac"):
        if getattr(arguments, name):
            raise Refused(f"--unix connects directly, so --{name} is of no use with it")
    target = parse_target(arguments.url)
    end: BaseException | None = None
    async with trio.open_nursery() as nursery:
        # Kept, for the nursery would wrap it in a group.
        try:
            stream = await _unix_stream(arguments.unix, target, options)
            ws = await wrap_client_stream(
                nursery,
                stream,
                target.host_header,
                target.resource,
                **{name: x for name, x in options.items() if name not in _OF_THE_WAY},
            )
            async with ws:
                await use(ws)
        except (HandshakeError, ConnectionClosed, KeyboardInterrupt, OSError, ValueError) as exc:
            end = exc
        nursery.cancel_scope.cancel()
    if end is not None:
        raise end


async def _unix_stream(path: str, target: Target, options: dict[str, Any]) -> trio.abc.Stream:
    problem = f"nobody answers within {options['connect_timeout']:g} s"
    with trio.move_on_after(options["connect_timeout"]):
        try:
            stream: trio.abc.Stream = await trio.open_unix_socket(path)
        except OSError as exc:
            problem = exc.strerror or str(exc)
        except (RuntimeError, ValueError) as exc:  # a system without them; a path that is too long
            problem = str(exc)
        else:
            return await _with_tls(stream, path, target, options["ssl_context"])
    what = words(
        "the Unix socket {path!r} cannot be connected to: {problem}", path=path, problem=problem
    )
    remedy = words("does a server listen there, and may you use it?")
    raise failed(ServerUnreachable, Failure(Kind.NO_CONNECTION, "tcp", what, remedy))


async def _with_tls(
    stream: trio.abc.Stream, path: str, target: Target, context: ssl.SSLContext | None
) -> trio.abc.Stream:
    if not target.secure:
        return stream
    context = context or ssl.create_default_context()
    tls = trio.SSLStream(
        stream, context, server_hostname=bare_host(target.host), https_compatible=True
    )
    try:
        await tls.do_handshake()
    except trio.BrokenResourceError as exc:
        await trio.aclose_forcefully(stream)
        reason = getattr(exc.__cause__, "verify_message", None) or exc.__cause__
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    else:
        return tls
    what = words(
        "TLS with {host} at the Unix socket {path!r} failed: {reason}",
        host=target.host,
        path=path,
        reason=str(reason),
    )
    raise failed(ServerUnreachable, Failure(Kind.TLS_FAILED, "server_tls", what))
