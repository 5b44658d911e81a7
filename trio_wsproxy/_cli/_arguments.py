"""The options that several commands share, and what they become for ``open_websocket_url``."""

from __future__ import annotations

import argparse
import ssl
from typing import Any

from trio_wsproxy._client import CONNECT_TIMEOUT
from trio_wsproxy._failures import Topic
from trio_wsproxy._redaction import secret
from trio_wsproxy._routing import PAC, ProxyArgument

from ._secrets import add_credentials, headers


def add_url(parser: argparse.ArgumentParser) -> None:
    """Add the one argument that every command needs."""
    parser.add_argument("url", metavar="URL", help="ws:// or wss://")


def add_proxy_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that choose the way, and give their group."""
    group = parser.add_argument_group(
        "proxy", "without these, the system's settings (https_proxy, no_proxy, ...) are used"
    )
    either = group.add_mutually_exclusive_group()
    either.add_argument(
        "--proxy",
        action="append",
        metavar="URL",
        help="go through this proxy; several make a chain, nearest first",
    )
    either.add_argument(
        "--pac",
        type=secret,
        metavar="SOURCE",
        help="go through what a PAC script says: its URL (http, https, file) or path",
    )
    either.add_argument("--no-proxy", action="store_true", help="connect directly")
    return group


def add_connection_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a connection: the way, TLS, the WebSocket request, the time."""
    parser.add_argument(
        "--header",
        action="extend",
        type=headers,
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header with the WebSocket request, or with @FILE those in a file, a line "
        "each, where nobody else can read them; may be repeated",
    )
    parser.add_argument(
        "--subprotocol",
        action="append",
        metavar="NAME",
        help="offer this subprotocol; may be repeated, the preferred one first",
    )
    parser.add_argument(
        "--compression", action="store_true", help="offer compression (permessage-deflate)"
    )
    parser.add_argument(
        "--connect-timeout",
        type=_seconds,
        default=CONNECT_TIMEOUT,
        metavar="SECONDS",
        help="give up when the connection is not open by then (default: %(default)s)",
    )
    add_credentials(add_proxy_options(parser))
    group = parser.add_argument_group("TLS", "without these, the platform's trust store is used")
    group.add_argument(
        "--cacert",
        type=_trusting,
        metavar="FILE",
        help="trust only these certificates (PEM) for a wss:// server",
    )
    group.add_argument(
        "--proxy-cacert",
        type=_trusting,
        metavar="FILE",
        help="trust only these certificates (PEM) for https:// proxies",
    )


def proxy_argument(arguments: argparse.Namespace) -> ProxyArgument:
    """Say what the options about the way are as the parameter ``proxy``."""
    if arguments.no_proxy:
        return None
    if arguments.pac is not None:
        return PAC(arguments.pac, place=Topic.PAC_ARGUMENT)
    proxies: list[str] = arguments.proxy or []
    if len(proxies) == 1:  # no list, or an error would tell the number of the only hop
        return proxies[0]
    return proxies or True


def connection_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Say what the options of a connection are as parameters of ``open_websocket_url``."""
    return {
        "ssl_context": arguments.cacert,
        "subprotocols": arguments.subprotocol,
        "extra_headers": arguments.header,
        "proxy": proxy_argument(arguments),
        "proxy_ssl_context": arguments.proxy_cacert,
        "proxy_auth": arguments.proxy_auth,
        "compression": "deflate" if arguments.compression else None,
        "connect_timeout": arguments.connect_timeout,
    }


def seconds_or_more(text: str, least: float) -> float:
    """Read a number of seconds.

    Raises:
      argparse.ArgumentTypeError: It is not a number, or too small.

    """
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not value >= least:  # "nan" is not, either
        raise argparse.ArgumentTypeError(f"{text!r}: must be {least:g} or more")
    return value


def _seconds(text: str) -> float:
    return seconds_or_more(text, 0)


def _trusting(path: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise argparse.ArgumentTypeError(f"{path!r} has no certificates in PEM format") from None
    except OSError as exc:
        if exc.filename not in (None, path):  # the ssl module's, out of SSLKEYLOGFILE
            raise argparse.ArgumentTypeError(
                f"SSLKEYLOGFILE names {exc.filename!r}, to which the keys of TLS cannot be written: "
                f"{exc.strerror}"
            ) from None
        raise argparse.ArgumentTypeError(f"cannot read {path!r}: {exc.strerror}") from None
    context.set_alpn_protocols(["http/1.1"])  # as the client's own context does
    return context
