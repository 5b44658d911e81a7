"""The options that several commands share. What they become for the client is in ``_settings``.

Nothing heavy is imported here; see ``_parser``.
"""

from __future__ import annotations

import argparse
import functools
import math
import sys
from typing import TYPE_CHECKING, NoReturn

from trio_wsproxy._defaults import CONNECT_TIMEOUT
from trio_wsproxy._redaction import secret

from ._secrets import add_credentials, headers

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

Formatter = argparse.RawDescriptionHelpFormatter


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the usage of the command that it is wrong for.

    argparse itself hands options that no command knows up to the program, and shows its usage.
    """

    def parse_known_args(  # type: ignore[override]  # argparse's own signature is overloaded
        self, args: object = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """See argparse; for commands there is nothing that is not known."""
        arguments, unknown = super().parse_known_args(args, namespace)  # type: ignore[call-overload]
        if unknown:
            shown = " ".join(word.partition("=")[0] for word in unknown if word.startswith("-"))
            if shown:
                self._print_message(self._short_usage(), sys.stderr)
            self.error(f"no such option: {shown}" if shown else "too many arguments")
        return arguments, unknown

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Show the help, and do not keep it to oneself where that fails."""
        (sys.stdout if file is None else file).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong, and where to read more."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _short_usage(self) -> str:
        """Give the usage in a line: the options are many, and --help tells what each is for."""
        arguments = [str(x.metavar) for x in self._actions if not x.option_strings]
        return " ".join(["usage:", self.prog, "[OPTION ...]", *arguments]) + "\n"


def path(text: str) -> str:
    """Read a path: an empty one is a variable of a script that is not set, and means nothing.

    Raises:
      argparse.ArgumentTypeError: It is empty.

    """
    if not text:
        raise argparse.ArgumentTypeError("a path is missing")
    return text


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
        "-x",
        "--proxy",
        action="append",
        type=secret,
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
    """Add the options of a connection: the WebSocket request, the time, the way, TLS."""
    _add_request_options(parser.add_argument_group("request"))
    _add_time_options(parser.add_argument_group("time"))
    group = add_proxy_options(parser)
    add_credentials(group)
    group.add_argument(
        "--unix",
        type=path,
        metavar="PATH",
        help="connect to this Unix socket; the URL says what is asked for there",
    )
    _add_tls_options(
        parser.add_argument_group("TLS", "without these, the platform's trust store is used")
    )


def _add_request_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-H",
        "--header",
        action="extend",
        type=headers,
        default=[],
        metavar="'NAME: VALUE'",
        help="send this header with the WebSocket request, 'NAME;' without a value, or with @FILE "
        "those in a file, a line each, where nobody else can read them; may be repeated",
    )
    group.add_argument(
        "--origin", metavar="ORIGIN", help="send this Origin, as a page from there would"
    )
    group.add_argument(
        "--user",
        metavar="USER[:PASSWORD]",
        help="log in at the server (HTTP Basic); a password that is left out is asked for",
    )
    group.add_argument(
        "--subprotocol",
        action="append",
        metavar="NAME",
        help="offer this subprotocol; may be repeated, the preferred one first",
    )
    group.add_argument(
        "--compression", action="store_true", help="offer compression (permessage-deflate)"
    )
    group.add_argument(
        "--max-redirects",
        type=functools.partial(number, of="redirects"),
        default=0,
        metavar="COUNT",
        help="follow so many redirects (default: %(default)s)",
    )


def _add_time_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--connect-timeout",
        type=limit,
        default=CONNECT_TIMEOUT,
        metavar="SECONDS",
        help="give up when the connection is not open by then; 0 is no limit (default: %(default)s)",
    )
    group.add_argument(
        "--max-time",
        type=limit,
        default=math.inf,
        metavar="SECONDS",
        help="end after so long, whatever goes on, with exit code 1; 0 is no limit (default)",
    )


def _add_tls_options(group: argparse._ArgumentGroup) -> None:
    for prefix, peer in (("", "a wss:// server"), ("proxy-", "https:// proxies")):
        group.add_argument(
            f"--{prefix}cacert",
            type=path,
            metavar="FILE",
            help=f"trust only these certificates (PEM) for {peer}",
        )
        group.add_argument(
            f"--{prefix}cert",
            type=path,
            metavar="FILE",
            help=f"show this client certificate (PEM) to {peer}; with its key, if --{prefix}key is "
            "not given",
        )
        group.add_argument(
            f"--{prefix}key", type=path, metavar="FILE", help="its private key (PEM)"
        )
        names = (f"--{prefix}insecure",) if prefix else ("-k", "--insecure")
        group.add_argument(
            *names,
            action="store_true",
            help=f"do not check the certificate of {peer}: anybody on the way can then read and "
            "change everything",
        )


def number(text: str, *, of: str, least: int = 0) -> int:
    """Read a number of something.

    Raises:
      argparse.ArgumentTypeError: It is none, or too small.

    """
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {of}")
    if int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r}: must be {least} or more")
    return int(text)


def limit(text: str) -> float:
    """Read how many seconds something may take; 0 is no limit, as curl has it."""
    return seconds(text) or math.inf


def seconds(text: str) -> float:
    """Read a number of seconds.

    Raises:
      argparse.ArgumentTypeError: It is not a number, or below 0.

    """
    try:
        # Digits of other scripts, and 1_000, are Python's numbers and nobody else's.
        value = float(text if text.isascii() and "_" not in text else "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not value >= 0:  # "nan" is not, either
        raise argparse.ArgumentTypeError(f"{text!r}: must be 0 or more")
    return value
