"""The commands, their options and their help.

Nothing heavy is imported here: ``--version``, ``--help`` and a mistyped option are answered before
trio is there. What a command does stands in a module of its own, whose name is ``run``'s default.
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import TYPE_CHECKING, TypeAlias

from trio_wsproxy._defaults import MAX_MESSAGE_SIZE, PING_INTERVAL
from trio_wsproxy._version import VERSION

from . import _completion
from ._arguments import (
    Formatter,
    Parser,
    add_connection_options,
    add_proxy_options,
    add_url,
    number,
    seconds,
)

SCRIPT = "trio-wsproxy"  # as pyproject.toml names it
WAIT = 1.0  # seconds; much longer than a server takes for an answer, short enough to wait for
PINGS = 3

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[Parser]  # noqa: SLF001  # it has no other name

_ABOUT = """\
A WebSocket client for trio that connects through any proxy.
"""
_START = """\
examples:
  %(prog)s connect wss://example.org/chat
  %(prog)s check wss://example.org/chat
  %(prog)s explain wss://example.org/chat
  %(prog)s demo

%(prog)s COMMAND --help tells about one of them.
"""

_CONNECT = """\
examples:
  %(prog)s wss://example.org/chat
  %(prog)s -x socks5h://127.0.0.1:1080 wss://example.org/
  %(prog)s -x http://ada@proxy.corp:3128 wss://example.org/
  %(prog)s -H @headers.txt wss://example.org/
  %(prog)s -1 --timestamps wss://example.org/ticker
  echo subscribe | %(prog)s --wait inf --json wss://example.org/

Each line of the input is sent as a text message. Ctrl-D closes the connection,
and so does Ctrl-C; a second Ctrl-C does not wait for the server.

exit code:
  0    closed by you, after -1 or --messages N, or by the server with 1000,
       1001 or no code
  1    no connection; closed with another code; a line was not sent;
       --max-time is over
  2    wrong arguments or proxy settings
  130  Ctrl-C
"""

_CHECK_ABOUT = """\
Connects to a WebSocket server, pings it, closes, and shows what each step took
and what it found.
"""
_CHECK = """\
examples:
  %(prog)s wss://example.org/chat
  %(prog)s -x http://proxy.corp:3128 wss://example.org/
  %(prog)s --json wss://example.org/ > ticket.json

Passwords, cookies and queries are masked. Ctrl-C shows what is known so far.

exit code:
  0    connected, pinged and closed
  1    one of these failed; the last lines say what to try
  2    wrong arguments or proxy settings
  130  Ctrl-C
"""

_EXPLAIN_ABOUT = """\
Shows the route to a URL without connecting: each place looked at for a proxy,
what stood there and what came of it, and what curl, Go, requests and websockets
would do in the same environment where that differs. Passwords are masked.
"""
_EXPLAIN = """\
examples:
  trio-wsproxy explain wss://example.org/chat
  trio-wsproxy explain --json tls://example.org:8443
  https_proxy=http://proxy.corp:3128 trio-wsproxy explain wss://example.org
  trio-wsproxy explain --pac http://wpad.corp/proxy.pac wss://example.org

A PAC script is loaded and asked.

exit code:
  0    there is a route
  2    the URL or a setting is malformed, or a script no good; the message
       names the variable
  130  Ctrl-C
"""


_DEMO_ABOUT = """\
Starts echo servers and proxies on loopback and echoes a message over each kind
of route, with ws:// and wss://. Exits with 1 if one of them failed.
"""


class _Version(argparse.Action):
    """argparse's own does not tell where the output cannot be written."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"{SCRIPT} {VERSION}\n")
        parser.exit()


def make_parser(name: str = SCRIPT) -> argparse.ArgumentParser:
    """Make the parser of the whole program.

    Args:
      name: What the program was called as.

    """
    parser = Parser(
        prog=name,
        description=_ABOUT,
        epilog=_START,
        formatter_class=Formatter,
    )
    parser.add_argument(
        "-V", "--version", action=_Version, nargs=0, help="show the version, and exit"
    )
    _completion.add_option(parser, make_parser)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _add_connect(commands)
    _add_check(commands)
    _add_explain(commands)
    _add_demo(commands)
    return parser


def _add_connect(commands: Commands) -> None:
    parser = commands.add_parser(
        "connect",
        help="send lines, show messages",
        description="Connects to a WebSocket server, sends lines as messages, shows what it sends.",
        epilog=_CONNECT,
        formatter_class=Formatter,
    )
    add_url(parser)
    group = parser.add_argument_group("messages")
    _add_message_options(group)
    _add_limits(group)
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="show messages, warnings and errors, nothing else",
    )
    loud.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="tell what happens: addresses, TLS, requests and answers, pings, pongs, the close",
    )
    add_connection_options(parser)
    parser.set_defaults(run="_connect")


def _add_message_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--json",
        action="store_true",
        help="indent messages that are JSON (of other commands it makes one object)",
    )
    group.add_argument(
        "--binary",
        action="store_true",
        help="send the input as binary messages, in the pieces in which it is read, and write what "
        "comes as it is, with nothing between; in pipes only",
    )
    group.add_argument(
        "--timestamps", action="store_true", help="show when each message came, in local time"
    )
    group.add_argument(
        "-1",
        dest="messages",
        action="store_const",
        const=1,
        help="close after the first message, with exit code 0",
    )
    group.add_argument(
        "--messages",
        type=functools.partial(number, of="messages", least=1),
        metavar="COUNT",
        help="close after so many messages, with exit code 0",
    )


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--max-size",
        type=functools.partial(number, of="bytes"),
        default=MAX_MESSAGE_SIZE,
        metavar="BYTES",
        help="end at a longer message; 0 is no limit (default: %(default)s)",
    )
    group.add_argument(
        "--wait",
        type=seconds,
        default=WAIT,
        metavar="SECONDS",
        help="at the end of a pipe or a file, close when no message has come for so long; "
        "inf: when the server closes (default: %(default)g)",
    )
    group.add_argument(
        "--ping-interval",
        type=seconds,
        default=PING_INTERVAL,
        metavar="SECONDS",
        help="ping after so long a silence; 0 is never (default: %(default)g)",
    )
    group.add_argument(
        "--no-history",
        action="store_true",
        help="keep no lines for the next time, where they can be edited (extra cli)",
    )


def _add_check(commands: Commands) -> None:
    parser = commands.add_parser(
        "check",
        help="connect, ping, close; show each step, and on failure what to try",
        description=_CHECK_ABOUT,
        epilog=_CHECK,
        formatter_class=Formatter,
    )
    add_url(parser)
    parser.add_argument(
        "--pings",
        type=functools.partial(number, of="pings"),
        default=PINGS,
        metavar="COUNT",
        help="how often to ping (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="tell each step as it happens, a line each"
    )
    add_connection_options(parser)
    parser.set_defaults(run="_check")


def _add_explain(commands: Commands) -> None:
    parser = commands.add_parser(
        "explain",
        help="show which proxy would be used, and why, without connecting",
        description=_EXPLAIN_ABOUT,
        epilog=_EXPLAIN,
        formatter_class=Formatter,
    )
    parser.add_argument(
        "url", metavar="URL", help="ws, wss, http or https URL, tcp://host:port or tls://host:port"
    )
    add_proxy_options(parser)
    parser.add_argument("--json", action="store_true", help="write one JSON object")
    parser.set_defaults(run="_explain")


def _add_demo(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="echo a message through every kind of proxy; needs no network",
        description=_DEMO_ABOUT,
        formatter_class=Formatter,
    )
    parser.set_defaults(run="_demo")
