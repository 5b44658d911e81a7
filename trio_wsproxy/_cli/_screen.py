"""What ``connect`` shows: messages, and what happens around them."""

from __future__ import annotations

import argparse
import copy
import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import cast

from trio_wsproxy import WebSocketConnection
from trio_wsproxy._failures import Words, render
from trio_wsproxy._redaction import escaped, shown_subprotocols
from trio_wsproxy._websocket._events import Described

from ._console import Console
from ._editing import Editor, may_edit, open_editor
from ._json import pretty
from ._progress import head_lines, log_shown
from ._words import OPTIONS

# Frames whose messages are on the screen anyway.
SHOWN_ANYWAY = ("text", "binary", "continuation")
UNEDITED = "lines cannot be edited here; pip install prompt_toolkit"


class Screen:
    """What is shown, and where.

    On a terminal on both sides, messages are marked with ``<`` and stand above the line that is
    being typed. Otherwise output has nothing but messages, and all else goes to the errors.

    Attributes:
      typed (bool): Whether somebody types the input.
      interactive (bool): Whether a terminal is on both sides.
      editor (Editor | None): What lines are read with in :meth:`editing`; ``None`` is the kernel.

    """

    def __init__(self, console: Console, arguments: argparse.Namespace) -> None:
        self.typed = sys.stdin is not None and sys.stdin.isatty()
        self.interactive = self.typed and console.terminal
        self._console = console
        self._verbose: bool = arguments.verbose
        self._quiet: bool = arguments.quiet
        self._json: bool = arguments.json
        self._binary: bool = arguments.binary
        self._timestamps: bool = arguments.timestamps
        self._prompting = False
        self._edited = False  # a line was: the editor has taken it away
        self.editor: Editor | None = None

    @contextmanager
    def editing(self, *, history: bool) -> Iterator[None]:
        """Let lines be edited while the block lasts, where that can be done.

        Args:
          history: Whether lines are kept for the next time.

        """
        self.editor = open_editor(self._console, history=history) if self.interactive else None
        if self.editor is None:
            if self.interactive and may_edit(self._console) and not self._quiet:
                self.note(UNEDITED)
            yield
            return
        console, self._console = self._console, self.editor.console
        try:
            yield
        finally:
            self.editor.close()
            self._console, self._edited = console, True
            if self.editor.unsent:
                self.note(f"not sent: {self.editor.unsent}")

    def prompt(self) -> None:
        """Let the user type a line, if there is one."""
        if self.interactive:
            self._console.prompt()
            self._prompting = True

    def end_line(self) -> None:
        """Begin another line: what was typed has no end."""
        if self.interactive:
            self._console.print()

    def message(self, message: str | bytes) -> None:
        """Show a message."""
        if self._binary:
            self._console.write(message.encode() if isinstance(message, str) else message)
            return
        if isinstance(message, bytes):
            text = message.hex()
            text = f"(binary) {text}" if self.interactive else text
        else:
            text = (pretty(message) if self._json else None) or message
        if self._timestamps:
            text = f"{_now(self.interactive)} {text}"
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
        if not self._quiet and (self.interactive or self._verbose):
            name = ws.subprotocol
            subprotocol = f", subprotocol {shown_subprotocols(name)}" if name else ""
            picture = ws.route.picture if ws.route else "a stream"
            self.note(f"connected: {self._console.drawn(picture)}{subprotocol}")

    def refused(self, text: str) -> None:
        """Tell why the line that was just typed or read was not sent."""
        self._console.error(escaped(text))

    def end(self, text: str, *, bad: bool = False) -> None:
        """Tell how it ended."""
        text = escaped(text)
        if self._prompting and self._console.err_terminal:
            text, style = self._console.folded(f"* {text}"), "bad" if bad else "dim"
            if self._edited:
                self._console.print(text, style=style)
            else:
                self._console.insert(text, style=style, last=True)
        elif bad:
            self._console.error(text)
        else:
            self._console.note(f"* {text}")

    def end_if_wanted(self, text: str) -> None:
        """Tell how it ended, where it ended as the user wanted."""
        if not self._quiet and (self.interactive or self._verbose):
            self.end(text)

    def note(self, text: str) -> None:
        """Tell what is going on."""
        self.told(f"* {text}")

    def told(self, text: str) -> None:
        """Show a line that has its mark."""
        text = escaped(text)
        if self._prompting and self._console.err_terminal and not self._edited:
            self._console.insert(self._console.folded(text), style="dim")
        else:
            self._console.note(text)

    def showing_log(self) -> AbstractContextManager[None]:
        """Show the client's log while it runs, if the user wants to know."""
        return log_shown(_LogHandler(self), verbose=self._verbose)


class _LogHandler(logging.Handler):
    """Shows what the log says about requests, answers and control frames."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        said = getattr(record, "said", None)  # by a connection
        if said is None:
            lines = head_lines(record)
            if lines is None:
                self._screen.note(_text(record))
            for line in lines or ():
                self._screen.told(line)
        elif record.levelno < logging.INFO:  # the screen itself tells of the opening and the end
            (frame,) = cast("tuple[Described]", record.args)
            if frame.kind not in SHOWN_ANYWAY:
                self._screen.note(said % (frame._replace(name=None),))


def _now(short: bool) -> str:
    """The time in this place: of the day for people, whole for programs."""
    now = datetime.now().astimezone()
    return f"{now:%H:%M:%S}" if short else now.isoformat(timespec="milliseconds")


def _text(record: logging.LogRecord) -> str:
    """The text of a record, in which our options are called what they are called here."""
    arguments = record.args
    if isinstance(arguments, tuple):
        named = (render(x, OPTIONS) if isinstance(x, Words) else x for x in arguments)
        record = copy.copy(record)
        record.args = tuple(named)
    return record.getMessage()
