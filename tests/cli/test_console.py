"""What the commands write to."""

from __future__ import annotations

import io
import re
import sys

import pytest

from trio_wsproxy._cli import _console
from trio_wsproxy._cli._console import STYLES, Console


class Terminal(io.StringIO):
    """Claims to be one, of 40 columns."""

    def isatty(self) -> bool:
        return True


SMALL = {"COLUMNS": "40", "TERM": "xterm"}


def show(console: Console) -> None:
    """Use everything that may write to something that is not a terminal."""
    for style in STYLES:
        console.print("[bold]literal[/bold] :smile: 12 'x'", style=style)
    console.print("ok    direct", style="good", first=2)
    console.print()
    console.table(
        ["stage", "", "what"],
        [["tcp", "1", "it answered"], ["connect", "23", "word " * 9], ["日本", "", ""]],
        indent=2,
    )
    console.error("wrong")
    console.note("so so")


def without_codes(text: str) -> str:
    """What is left to read."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
@pytest.mark.parametrize("rich", [True, False])
def test_colour(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], coloured: bool, rich: bool
) -> None:
    """A terminal is coloured if rich is there and nobody objects; the text is always the same."""
    if not rich:
        monkeypatch.setitem(sys.modules, "rich", None)
    out, err, plain = Terminal(), Terminal(), Terminal()
    console = Console(out, err, environ={**SMALL, **environ})
    show(console)
    assert console.coloured is (coloured and rich)
    for stream in (out, err):
        assert ("\x1b" in stream.getvalue()) is console.coloured
    show(Console(plain, Terminal(), environ={**SMALL, "NO_COLOR": "1"}))
    assert without_codes(out.getvalue()) == plain.getvalue()
    assert without_codes(err.getvalue()) == "wrong\nso so\n"


def test_no_terminal() -> None:
    """A pipe gets no escape codes, and 80 columns, whatever the environment says."""
    out, err = io.StringIO(), io.StringIO()
    console = Console(out, err, environ={**SMALL, "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"})
    show(console)
    assert not console.coloured
    assert not console.terminal
    assert console.width == 80
    assert "\x1b" not in out.getvalue() + err.getvalue()


def test_one_of_two() -> None:
    """Where output is piped and errors are not, only the errors are coloured."""
    out, err = io.StringIO(), Terminal()
    show(Console(out, err, environ=SMALL))
    assert "\x1b" not in out.getvalue()
    assert "\x1b" in err.getvalue()


def test_table() -> None:
    """Columns are aligned, wide characters count double, and the last column is wrapped."""
    out = Terminal()
    console = Console(out, environ={**SMALL, "NO_COLOR": "1"})
    console.table(
        ["stage", "", "what"],
        [["tcp", "1", "it answered"], ["connect", "23", "word " * 9], ["日本", "", ""]],
        indent=2,
    )
    assert out.getvalue().splitlines() == [
        "  stage        what",
        "  tcp      1   it answered",
        "  connect  23  word word word word word",
        "               word word word word",
        "  日本",
    ]


def test_table_without_headings() -> None:
    """Empty headings are not written, and there may be no rows."""
    out = io.StringIO()
    console = Console(out, environ={})
    console.table(["", ""], [["a", "b"]])
    console.table(["x", "y"], [])
    assert out.getvalue() == "a  b\nx  y\n"


def test_what_the_encoding_lacks() -> None:
    """What a stream cannot encode is escaped; it is no reason to fail."""
    raw = io.BytesIO()
    console = Console(io.TextIOWrapper(raw, encoding="ascii", newline=""), environ={})
    console.print("client ─tcp→ \ud800")
    assert raw.getvalue() == b"client \\u2500tcp\\u2192 \\ud800\n"


@pytest.mark.parametrize(
    ("text", "rows"),
    [("", 1), ("x" * 10, 1), ("x" * 11, 2), ("日" * 5, 1), ("x日日日日日", 2), ("e\u0301" * 10, 1)],
)
def test_rows(text: str, rows: int) -> None:
    """Of ten columns; a wide character that does not fit goes to the next row as a whole."""
    assert _console._rows(text, 10) == rows


@pytest.mark.parametrize("style", ["", "received"])
def test_insert_is_one_write(style: str) -> None:
    """A message goes out in one write, or what is typed could be echoed in its middle."""
    writes: list[str] = []

    class Recording(Terminal):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    Console(Recording(), environ=SMALL).insert("hello\nworld", style=style)
    (written,) = filter(None, writes)  # rich writes nothing, too
    assert written.startswith("\x1b7\n\n\x1b[2A\x1b[2L")
    assert without_codes(written.replace("\x1b[2L", "").replace("\x1b[2B", "")).endswith(
        "hello\nworld\n\x1b8"
    )


def test_insert_into_a_dumb_terminal() -> None:
    """A terminal that cannot move the cursor gets a line of its own and a new prompt."""
    out = Terminal()
    console = Console(out, environ={**SMALL, "TERM": "dumb"})
    console.prompt()
    console.insert("hello", style="received")
    console.insert("bye", last=True)
    assert out.getvalue() == "> \nhello\n> \nbye\n"


@pytest.mark.parametrize(
    ("encoding", "drawn"),
    [("utf-8", "a ─→ b…  ██"), ("ascii", "a -> b~  ##"), ("cp1252", "a -> b~  ##")],
)
def test_drawn(encoding: str, drawn: str) -> None:
    """A drawing is in ASCII where output has not all of its characters, column for column."""
    console = Console(io.TextIOWrapper(io.BytesIO(), encoding=encoding), io.StringIO(), environ={})
    assert console.drawn("a ─→ b…  ██") == drawn
