"""What the commands write to: a terminal with colour, a terminal without, a pipe or a file.

The layout is ours and the same everywhere; rich, if it is there, only adds colour. Nothing
depends on it, and no escape code is ever written to anything but a terminal.

While the user types a line, the kernel has it and shows it; we never see it before Enter. So
that nothing is written into it, :meth:`Console.insert` makes room above it: it remembers the
place of the cursor, scrolls if it has to, inserts blank rows where the typed line stands, fills
them, and puts the cursor back where it was in the line, now further down.

What came from the network must go through ``_redaction.escaped`` before it is shown on a terminal,
which would obey it otherwise.
"""

from __future__ import annotations

import os
import sys
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

STYLES = {
    "": "",
    "good": "bold green",
    "bad": "bold red",
    "warn": "yellow",
    "dim": "dim",
    "strong": "bold",
    "received": "cyan",
}
DRAWN_IN_ASCII = str.maketrans("─→█…", "->#~")  # one for one, so that columns stay
PROMPT = "> "
GAP = "  "  # between two columns of a table
NARROWEST = 20  # columns of a text, and of a table's last column, however narrow the terminal is


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


class Console:
    """Where a command's output and errors go.

    Args:
      out: For output; ``sys.stdout`` by default.
      err: For errors; ``sys.stderr`` by default.
      edited: Whether the streams put what is written above a line that is being edited
        (:mod:`._editing`), which is no business of ours then.
      environ: Environment variables (``NO_COLOR``, ``TERM``, ``COLUMNS``); by default those of the
        process.

    Attributes:
      coloured (bool): Whether output is coloured: it goes to a terminal that understands colours,
        ``NO_COLOR`` is not set, and rich is installed.
      terminal (bool): Whether output goes to a terminal.
      err_terminal (bool): Whether errors do.
      rewrites (bool): Whether errors go to a terminal on which a line can be rewritten.
      moves (bool): Whether output goes to a terminal whose cursor can be moved.

    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        edited: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._edited = edited
        self._out = sys.stdout if out is None else out
        self._err = sys.stderr if err is None else err
        self._environ = environ = os.environ if environ is None else environ
        self._rich_out = _rich_console(self._out, environ)
        self._rich_err = _rich_console(self._err, environ)
        self.terminal = self._out.isatty()
        self.err_terminal = self._err.isatty()
        self.coloured = self._rich_out is not None
        # The console of Windows knows these codes only after it was asked to.
        knows_codes = environ.get("TERM") != "dumb" and sys.platform != "win32"
        self.rewrites = self.err_terminal and knows_codes
        self.moves = self.terminal and knows_codes

    @property
    def width(self) -> int:
        """Columns of the terminal, at this moment; 80 where output does not go to one.

        Of one that is narrower than any text of ours can be made, the terminal folds the lines.
        """
        return max(self._size()[0], NARROWEST)

    def _size(self, *, err: bool = False) -> tuple[int, int]:
        """Columns and lines, as ``shutil.get_terminal_size`` has them, of any stream."""
        stream, terminal = (self._err, self.err_terminal) if err else (self._out, self.terminal)
        try:
            size = tuple(os.get_terminal_size(stream.fileno())) if terminal else (0, 0)
        except (OSError, ValueError):  # not a terminal of this system
            size = (0, 0)
        columns = self._environ.get("COLUMNS", "") if terminal else ""
        if columns.isdecimal() and int(columns) > 0:
            return int(columns), size[1] or 24
        return size[0] or 80, size[1] or 24

    def drawn(self, text: str) -> str:
        """Give a drawing of ours in ASCII, where output has no characters for it.

        Windows, for example, writes files and pipes in cp1252.
        """
        return _drawn(text, self._out)

    def print(self, text: str = "", *, style: str = "", first: int | None = None) -> None:
        """Write a line of output.

        Args:
          text: The line, or several; it is literal, and not wrapped.
          style: ``"good"``, ``"bad"``, ``"warn"``, ``"dim"`` or ``"strong"``; none by default.
          first: How many characters at the beginning have that style; all by default.

        """
        _write(self._out, self._rich_out, text, style, first=first)

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._out.flush()
        self._out.buffer.write(data)
        self._out.buffer.flush()

    def paragraph(self, text: str, *, style: str = "", indent: int = 0) -> None:
        """Write a text, wrapped where it goes to a terminal that is narrower.

        Args:
          text: One line.
          style: As for :meth:`print`.
          indent: Blanks before each line.

        """
        blanks = " " * indent
        width = self.width if self.terminal else sys.maxsize
        wrapped = textwrap.wrap(text, width, initial_indent=blanks, subsequent_indent=blanks)
        for line in wrapped or [""]:
            self.print(line, style=style)

    def folded(self, text: str) -> str:
        """Fold a line between words where it is shown on a terminal, and nowhere else."""
        if not (self.terminal and self.err_terminal):
            return text
        lines = textwrap.wrap(text, self.width, subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(lines)

    def error(self, text: str) -> None:
        """Write a line to the stream for errors."""
        _write(self._err, self._rich_err, self.folded(text), "bad")

    def note(self, text: str) -> None:
        """Write a line about what is going on, which is not output, to the stream for errors."""
        _write(self._err, self._rich_err, self.folded(text), "dim")

    def warn(self, text: str) -> None:
        """Write a line about what may go wrong to the stream for errors."""
        _write(self._err, self._rich_err, self.folded(text), "warn")

    def rewrite(self, text: str) -> None:
        """Show a line in place of the last one that was shown so, on the stream for errors."""
        columns = self._size(err=True)[0] - len("^C ")  # which a terminal writes behind it
        shown = text if columns_of(text) <= columns else f"{_cut(text, columns - 1)}…"
        self._err.write(f"\r\x1b[K{_drawn(shown, self._err)}")
        self._err.flush()

    def prompt(self) -> None:
        """Show that a line may be typed."""
        if self._edited:
            return
        self._out.write(PROMPT)
        self._out.flush()

    def insert(self, text: str, *, style: str = "", last: bool = False) -> None:
        """Write a line above the one that the user is typing; output must go to a terminal.

        Args:
          text: As for :meth:`print`, without tabs.
          style: As for :meth:`print`.
          last: The line that is being typed will not be sent any more: write over it.

        """
        columns, lines = self._size()
        rows = sum(_rows(line, columns) for line in text.split("\n"))
        if self._edited:
            before = after = ""
        elif not self.moves:
            before, after = "\n", "" if last else PROMPT
        elif last:
            before, after = "\r\x1b[K", ""
        elif rows >= lines:  # there is not enough room; what is typed is kept, but not seen
            before, after = "\r\x1b[K", PROMPT
        else:
            # Remember the cursor, scroll if need be, go up again, insert rows; and back.
            before = f"\x1b7{chr(10) * rows}\x1b[{rows}A\x1b[{rows}L"
            after = f"\x1b8\x1b[{rows}B"
        _write(self._out, self._rich_out, text, style, before, after)

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, indent: int = 0
    ) -> None:
        """Write a table whose columns are aligned.

        Args:
          columns: The headings; without any (all empty) none are written.
          rows: The cells. Those of the last column are wrapped where the line would be too long.
          indent: Blanks before each line.

        """
        widths = [max(map(columns_of, cells)) for cells in zip(columns, *rows, strict=True)]
        widths[-1] = max(
            self.width - indent - sum(widths[:-1]) - len(GAP) * len(widths[1:]), NARROWEST
        )
        if any(columns):
            self._row(columns, widths, indent, "strong")
        for row in rows:
            self._row(row, widths, indent)

    def _row(
        self, cells: Sequence[str], widths: Sequence[int], indent: int, style: str = ""
    ) -> None:
        *first, last = cells
        head = [
            cell + " " * (width - columns_of(cell))
            for cell, width in zip(first, widths, strict=False)
        ]
        for line in textwrap.wrap(last, widths[-1]) or [""]:
            self.print((" " * indent + GAP.join([*head, line])).rstrip(), style=style)
            head = [" " * width for width in widths[:-1]]


def _rich_console(stream: TextIO, environ: Mapping[str, str]) -> Any:
    """Rich's console for a stream that is to be coloured, else ``None``."""
    if not stream.isatty() or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return None
    try:
        import rich.console
    except ImportError:
        return None
    return rich.console.Console(file=stream, _environ=environ, highlight=False)


def _drawn(text: str, stream: TextIO) -> str:
    """See :meth:`Console.drawn`."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.translate(DRAWN_IN_ASCII)
    return text


def _cut(text: str, columns: int) -> str:
    """Give what fits of a text; a wide character is not cut in two."""
    while text and columns_of(text) > columns:
        text = text[:-1]
    return text


def _rows(line: str, columns: int) -> int:
    """How many rows of a terminal a line takes; a wide character is not cut in two."""
    rows, column = 1, 0
    for character in line:
        width = columns_of(character)
        if column + width > columns:
            rows, column = rows + 1, 0
        column += width
    return rows


def _write(
    stream: TextIO,
    rich_console: Any,
    text: str,
    style: str,
    before: str = "",
    after: str = "",
    first: int | None = None,
) -> None:
    """Write a line at once, for a terminal must not echo what is typed in the middle of it."""
    encoding = stream.encoding or "utf-8"  # a StringIO has none
    text = text.encode(encoding, "backslashreplace").decode(encoding) + "\n"
    if rich_console is not None and STYLES[style]:
        from rich.text import Text

        styled = Text(text[:first], style=STYLES[style], end="")
        with rich_console.capture() as capture:
            rich_console.print(styled, soft_wrap=True, end="")
        text = capture.get() + text[len(styled) :]
    stream.write(before + text + after)
    stream.flush()
