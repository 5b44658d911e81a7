"""``connect URL``: talk to a WebSocket server from a terminal or a pipe.

Two tasks. One reads lines and sends them; the main one receives messages and shows them, for
Ctrl-C arrives in the main task and must be able to interrupt a write that the reader of our output
is slow to take. What ends the conversation is the end of the input or of the connection, or
Ctrl-C, whichever comes first; leaving the client's ``async with`` does the closing handshake.

The input's end has two meanings. A user who types Ctrl-D has seen all answers, but to what stood in the
line: as with ``cat``, the kernel hands that over with a first Ctrl-D, and a second is the end. At the end of a
pipe the answers may still be on their way, and servers answer nothing any more once they have our
close frame, so we send a ping first, whose pong says that everything has arrived, and close when
no message has come for ``--wait`` seconds.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import trio

from trio_wsproxy import (
    ConnectionClosed,
    ConnectionEnded,
    HandshakeError,
    WebSocketConnection,
)

from ._console import Console
from ._opening import with_connection
from ._progress import Progress
from ._running import run_in_trio
from ._screen import Screen
from ._secrets import Refused
from ._settings import connection_arguments, warn
from ._stdin import each_chunk, each_line
from ._words import message, what_was_waited_for

CONTINUED: signal.Signals | None = getattr(signal, "SIGCONT", None)  # Windows has none
DISCONNECT_TIMEOUT = 10  # seconds; somebody sits in front of it


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the command; see :func:`trio_wsproxy._cli.main` for the exit codes."""
    screen = Screen(console, arguments)
    progress = Progress(console, verbose=arguments.verbose, quiet=arguments.quiet, note=screen.told)
    try:
        _check_binary(arguments, screen)
        options = connection_arguments(arguments)
        warn(arguments, console)
        with screen.showing_log():
            return run_in_trio(_connect, arguments, options, screen, progress)
    except ValueError as exc:  # ProxyConfigError is one
        progress.stop()
        screen.end(message(exc), bad=True)
        return 2
    except (HandshakeError, ConnectionClosed) as exc:
        progress.stop()
        screen.end(message(exc, arguments), bad=True)
        return 1


def _check_binary(arguments: argparse.Namespace, screen: Screen) -> None:
    if not arguments.binary:
        return
    if screen.interactive:
        raise Refused("--binary is for pipes and files: a terminal shows no bytes")
    for name in ("json", "timestamps"):
        if getattr(arguments, name):
            raise Refused(f"--{name} is for text: with --binary what comes is written as it is")


async def _connect(
    arguments: argparse.Namespace, options: dict[str, Any], screen: Screen, progress: Progress
) -> int:
    conversation: Conversation | None = None

    async def talk(ws: WebSocketConnection) -> None:
        nonlocal conversation
        progress.stop()
        screen.connected(ws)
        conversation = Conversation(ws, screen, arguments)
        with screen.editing(history=not arguments.no_history):
            await conversation.run()

    progress.start()
    more = {
        "trace": progress.trace,
        "ping_interval": arguments.ping_interval or None,
        "max_message_size": arguments.max_size or None,
        "disconnect_timeout": DISCONNECT_TIMEOUT,
    }
    try:
        with trio.move_on_after(arguments.max_time) as scope:
            await with_connection(arguments, {**options, **more}, talk)
    except ConnectionEnded as exc:
        screen.end(str(exc))
    except KeyboardInterrupt as exc:
        progress.stop()
        screen.end_if_wanted(f"interrupted{what_was_waited_for(exc)}")
        raise
    else:
        if scope.cancelled_caught:
            progress.stop()
            screen.end(f"--max-time is over: {arguments.max_time:g} s", bad=True)
            return 1
        screen.end_if_wanted("closed by this side")
    return 1 if conversation is not None and conversation.refused else 0


class Conversation:
    """Lines out, messages in.

    Attributes:
      refused (int): How many lines were not sent, because they are not UTF-8.

    """

    def __init__(
        self, ws: WebSocketConnection, screen: Screen, arguments: argparse.Namespace
    ) -> None:
        self.refused = 0
        self._ws = ws
        self._screen = screen
        self._binary: bool = arguments.binary
        self._left: float = math.inf if arguments.messages is None else arguments.messages
        self._wait_for_answers: float = arguments.wait
        self._wait: float = 0 if screen.typed else arguments.wait
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
            if self._screen.interactive and self._screen.editor is None and CONTINUED is not None:
                nursery.start_soon(self._prompt_again, CONTINUED)
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
            while self._left:
                self._screen.message(await self._ws.receive())
                self._left -= 1
                if self._input_ended:
                    self._showing.deadline = trio.current_time() + self._wait

    @trio.lowlevel.enable_ki_protection
    async def _send_lines(self) -> None:
        try:
            if sys.stdin is not None:  # None where the shell has closed it: connect URL <&-
                self._screen.prompt()
                if self._screen.editor is not None:
                    await self._screen.editor.each_line(self._send)
                elif self._binary:
                    await each_chunk(sys.stdin.fileno(), self._ws.send)
                else:
                    await each_line(sys.stdin.fileno(), self._send, self._send_rest)
            if self._wait:
                await self._ws.ping()
        except ConnectionClosed:
            return  # receive() says so too, after the last message
        self._input_ended = True
        self._showing.deadline = trio.current_time() + self._wait

    @trio.lowlevel.enable_ki_protection  # or Ctrl-C could end this task, in a group
    async def _prompt_again(self, resumed: signal.Signals) -> None:
        """Show a prompt where the terminal comes back from the shell (Ctrl-Z, ``fg``), which wrote below it.

        There is no line to be shown behind it: with Ctrl-Z the kernel throws away what was typed. In the
        background (``bg``) the terminal is the shell's.
        """
        with trio.open_signal_receiver(resumed) as signals:
            async for _ in signals:
                with suppress(OSError):  # the terminal has been closed
                    if not self._input_ended and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp():
                        self._screen.prompt()

    async def _send_rest(self, line: bytes) -> None:
        """Send what was typed when Ctrl-D was pressed twice: its answer has not been seen."""
        self._screen.end_line()
        self._wait = self._wait_for_answers
        await self._send(line)

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
