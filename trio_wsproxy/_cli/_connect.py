"""``connect URL``: talk to a WebSocket server from a terminal or a pipe.

Two tasks. One reads lines and sends them; the main one receives messages and shows them, for
Ctrl-C arrives in the main task and must be able to interrupt a write that the reader of our output
is slow to take. What ends the conversation is the end of the input or of the connection, or
Ctrl-C, whichever comes first; leaving the client's ``async with`` does the closing handshake.

The input's end has two meanings. A user who types Ctrl-D has seen all answers. At the end of a
pipe the answers may still be on their way, and servers answer nothing any more once they have our
close frame, so we send a ping first, whose pong says that everything has arrived, and close when
no message has come for ``--wait`` seconds.
"""

from __future__ import annotations

import argparse
import copy
import functools
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import trio

from trio_wsproxy import (
    ConnectionClosed,
    ConnectionEnded,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)
from trio_wsproxy._client import MAX_MESSAGE_SIZE
from trio_wsproxy._failures import Words, render
from trio_wsproxy._redaction import escaped, shown_subprotocols
from trio_wsproxy._websocket._events import Described

from ._arguments import add_connection_options, add_url, connection_arguments, seconds_or_more
from ._console import Console
from ._json import pretty
from ._secrets import take_secrets
from ._stdin import each_line
from ._words import OPTIONS, message

WAIT = 1.0  # seconds; much longer than a server takes for an answer, short enough to wait for
DISCONNECT_TIMEOUT = 10  # seconds; somebody sits in front of it

EXAMPLES = """\
examples:
  %(prog)s wss://example.org/chat
  %(prog)s --proxy socks5h://127.0.0.1:1080 wss://example.org/
  %(prog)s --proxy http://ada@proxy.corp:3128 wss://example.org/
  %(prog)s --header @headers.txt wss://example.org/
  echo subscribe | %(prog)s --wait inf --json wss://example.org/

Each line of the input is sent as a text message. Ctrl-D closes the connection,
and so does Ctrl-C; a second Ctrl-C does not wait for the server.

exit code:
  0    closed by you, or by the server with 1000, 1001 or no code
  1    no connection; closed with another code; a line was not sent
  2    wrong arguments or proxy settings
  130  Ctrl-C
"""

# Frames whose messages are on the screen anyway.
SHOWN_ANYWAY = ("text", "binary", "continuation")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "connect",
        help="send lines, show messages",
        description="Connect to a WebSocket server, send lines as messages, show what it sends.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_url(parser)
    add_connection_options(parser)
    parser.add_argument(
        "--max-size",
        type=_size,
        default=MAX_MESSAGE_SIZE,
        metavar="BYTES",
        help="end at a longer message; 0 is no limit (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="indent messages that are JSON")
    parser.add_argument(
        "--wait",
        type=functools.partial(seconds_or_more, least=0),
        default=WAIT,
        metavar="SECONDS",
        help="at the end of a pipe or a file, close when no message has come for so long; "
        "inf: when the server closes (default: %(default)g)",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="tell about requests and answers, pings, pongs and the close",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command; see :func:`trio_wsproxy._cli.main` for the exit codes."""
    take_secrets(arguments)
    screen = Screen(console, verbose=arguments.verbose, json=arguments.json)
    try:
        with screen.showing_log():
            return trio.run(_connect, arguments, screen)
    except ValueError as exc:  # ProxyConfigError is one
        screen.end(message(exc), bad=True)
        return 2
    except (HandshakeError, ConnectionClosed) as exc:
        screen.end(message(exc), bad=True)
        return 1


async def _connect(arguments: argparse.Namespace, screen: Screen) -> int:
    opening = open_websocket_url(
        arguments.url,
        **connection_arguments(arguments),
        max_message_size=arguments.max_size or None,
        disconnect_timeout=DISCONNECT_TIMEOUT,
    )
    try:
        async with opening as ws:
            screen.connected(ws)
            conversation = Conversation(ws, screen, arguments.wait)
            await conversation.run()
    except ConnectionEnded as exc:
        screen.end(str(exc))
    except KeyboardInterrupt:
        screen.end_if_wanted("interrupted")
        raise
    else:
        screen.end_if_wanted("closed by this side")
    return 1 if conversation.refused else 0


def _size(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of bytes")
    return int(text)


class Conversation:
    """Lines out, messages in.

    Attributes:
      refused (int): How many lines were not sent, because they are not UTF-8.

    """

    def __init__(self, ws: WebSocketConnection, screen: Screen, wait: float) -> None:
        self.refused = 0
        self._ws = ws
        self._screen = screen
        self._wait = 0 if screen.typed else wait
        self._lines = 0
        self._input_ended = False
        self._showing = trio.CancelScope()

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Return when this side has nothing more to say or to wait for.

        Raises:
          ConnectionClosed: The connection is over.
          KeyboardInterrupt: The user has enough.
          BrokenPipeError: So has the reader of our output.

        """
        end: BaseException | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_lines)
            # Kept, for the nursery would wrap it in a group.
            try:
                await self._show_messages()
            except (ConnectionClosed, KeyboardInterrupt, OSError) as exc:
                end = exc
            nursery.cancel_scope.cancel()
        if end is not None:
            raise end

    @trio.lowlevel.disable_ki_protection
    async def _show_messages(self) -> None:
        with self._showing:
            while True:
                self._screen.message(await self._ws.receive())
                if self._input_ended:
                    self._showing.deadline = trio.current_time() + self._wait

    @trio.lowlevel.enable_ki_protection
    async def _send_lines(self) -> None:
        try:
            if sys.stdin is not None:  # None where the shell has closed it: connect URL <&-
                self._screen.prompt()
                await each_line(sys.stdin.fileno(), self._send)
            if self._wait:
                await self._ws.ping()
        except ConnectionClosed:
            return  # receive() says so too, after the last message
        self._input_ended = True
        self._showing.deadline = trio.current_time() + self._wait

    async def _send(self, line: bytes) -> None:
        self._lines += 1
        try:
            text = line.decode()
        except UnicodeDecodeError as exc:
            self.refused += 1
            self._screen.refused(
                f"line {self._lines} was not sent: it is not UTF-8, see byte {exc.start + 1} "
                f"(0x{line[exc.start]:02x})"
            )
            self._screen.prompt()
            return
        # First the prompt, then the message: an answer that came between the two would be
        # written above a prompt that is not there yet, and a plain terminal would show it twice.
        self._screen.prompt()
        await self._ws.send(text)


class Screen:
    """What is shown, and where.

    On a terminal on both sides, messages are marked with ``<`` and stand above the line that is
    being typed. Otherwise output has nothing but messages, and all else goes to the errors.
    """

    def __init__(self, console: Console, *, verbose: bool, json: bool) -> None:
        self.typed = sys.stdin is not None and sys.stdin.isatty()
        self.interactive = self.typed and console.terminal
        self._console = console
        self._verbose = verbose
        self._json = json
        self._prompting = False

    def prompt(self) -> None:
        """Let the user type a line, if there is one."""
        if self.interactive:
            self._console.prompt()
            self._prompting = True

    def message(self, message: str | bytes) -> None:
        """Show a message."""
        if isinstance(message, bytes):
            text = message.hex()
            text = f"(binary) {text}" if self.interactive else text
        else:
            text = (pretty(message) if self._json else None) or message
        if self.interactive:
            # The lines of a message are indented, so that none of them looks like ours.
            text = escaped(text, keep="\n\t").expandtabs().replace("\n", "\n  ")
            self._console.insert(f"< {text}", style="received")
        elif self._console.terminal:
            self._console.print(escaped(text, keep="\n\t"))
        else:
            self._console.print(text)

    def connected(self, ws: WebSocketConnection) -> None:
        """Tell the way to the server."""
        if self.interactive or self._verbose:
            name = shown_subprotocols(ws.subprotocol or "")
            subprotocol = f", subprotocol {name}" if name else ""
            picture = ws.route.picture if ws.route else "a stream"
            self.note(f"connected: {self._console.drawn(picture)}{subprotocol}")

    def refused(self, text: str) -> None:
        """Tell why the line that was just typed or read was not sent."""
        self._console.error(escaped(text))

    def end(self, text: str, *, bad: bool = False) -> None:
        """Tell how it ended."""
        text = escaped(text)
        if self._prompting and self._console.err_terminal:
            text = self._console.folded(f"* {text}")
            self._console.insert(text, style="bad" if bad else "dim", last=True)
        elif bad:
            self._console.error(text)
        else:
            self._console.note(f"* {text}")

    def end_if_wanted(self, text: str) -> None:
        """Tell how it ended, where it ended as the user wanted."""
        if self.interactive or self._verbose:
            self.end(text)

    def note(self, text: str) -> None:
        """Tell what is going on."""
        text = f"* {escaped(text)}"
        if self._prompting and self._console.err_terminal:
            self._console.insert(self._console.folded(text), style="dim")
        else:
            self._console.note(text)

    @contextmanager
    def showing_log(self) -> Iterator[None]:
        """Show the client's log while it runs, if the user wants to know."""
        logger = logging.getLogger("trio_wsproxy")
        handler, level = _LogHandler(self), logger.level
        if self._verbose:
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)


class _LogHandler(logging.Handler):
    """Shows what the log says about requests, answers and control frames."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        said = getattr(record, "said", None)  # by a connection
        if said is None:
            self._screen.note(_text(record))
        elif record.levelno < logging.INFO:  # the screen itself tells of the opening and the end
            (frame,) = cast("tuple[Described]", record.args)
            if frame.kind not in SHOWN_ANYWAY:
                self._screen.note(said % (frame._replace(name=None),))


def _text(record: logging.LogRecord) -> str:
    """The text of a record, in which our options are called what they are called here."""
    arguments = record.args
    if isinstance(arguments, tuple):
        named = (render(x, OPTIONS) if isinstance(x, Words) else x for x in arguments)
        record = copy.copy(record)
        record.args = tuple(named)
    return record.getMessage()
