"""The command line in a real terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio
from _deaf import open_deaf_server
from _tmux import (
    COMMAND,
    DEADLINE,
    EDITED,
    HEIGHT,
    PLAIN,
    POLL,
    WIDTHS,
    open_conversation,
    open_terminal,
)
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from trio_wsproxy.testing import open_echo_server, open_tcp_server


@EDITED
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("rich", "environ", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
    ids=["rich", "no-rich", "NO_COLOR", "dumb"],
)
async def test_echo(
    width: int, rich: bool, environ: dict[str, str], coloured: bool, edited: bool
) -> None:
    """A line is sent, its echo is shown, Ctrl-D closes; coloured with rich, if nobody objects."""
    async with open_echo_server() as echo:
        command = [*COMMAND, "--no-proxy", echo.url]
        async with open_terminal(
            *command, width=width, height=HEIGHT, rich=rich, edited=edited, **environ
        ) as terminal:
            await terminal.eventually(lambda rows: rows[-1].rstrip() == ">")
            await terminal.type("hello wörld", "Enter")
            dumb = environ.get("TERM") == "dumb"
            between = [">"] if dumb else []  # it cannot write above the prompt
            await terminal.shows("> hello wörld", *between, "< hello wörld", ">")
            assert ("\x1b[36m" in await terminal.codes()) is coloured
            assert coloured or not await terminal.codes() - PLAIN
            await terminal.type("", "C-d")
            assert await terminal.exit_code() == 0
            await terminal.shows("< hello wörld", *([">"] if dumb else []), "* closed by this side")
            text = " ".join((await terminal.written()).split())
            assert text.startswith(f"* connected: client ─tcp→ 127.0.0.1:{echo.port}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("used", [0, HEIGHT], ids=["top", "bottom"])
@pytest.mark.parametrize("rich", [True, False])
@EDITED
async def test_a_message_while_typing(width: int, used: int, rich: bool, edited: bool) -> None:
    """A message of several rows stands above the line that is being typed, which goes on."""
    async with open_conversation(width=width, rich=rich, edited=edited) as (terminal, server):
        for number in range(used):
            await terminal.type(f"line {number}", "Enter")
            await terminal.shows(f"> line {number}", ">")  # the terminal echoes at once
        await terminal.type("half a")
        await terminal.eventually(lambda rows: rows[-1] == "> half a")
        news = "日本 news " * 15
        await server.send(news + "\nmore")
        await terminal.shows("  more", "> half a")
        text = await terminal.text()
        assert f"\n< {news.rstrip()}" in re.sub(r"(?<=[^\n])\n(?=[^<> ])", "", text)
        await terminal.type(" line", "Enter")
        await terminal.shows("> half a line", ">")
        with trio.fail_after(DEADLINE):
            while len(server.messages) <= used:
                await trio.sleep(POLL)
        assert server.messages[-1] == "half a line"


@EDITED
async def test_a_message_longer_than_the_screen(edited: bool) -> None:
    """Its end is to be seen, the prompt is below it, and what was typed is not lost."""
    async with open_conversation(width=40, edited=edited) as (terminal, server):
        await terminal.type("half")
        await terminal.eventually(lambda rows: rows[-1] == "> half")
        await server.send("x" * 40 * HEIGHT * 2 + "END")
        last = "> half" if edited else ">"  # the kernel has it, and does not show it again
        await terminal.eventually(lambda rows: rows[-1] == last and rows[-2].endswith("END"))
        await terminal.type(" a line", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == ["half a line"]


@EDITED
async def test_a_hostile_message(edited: bool) -> None:
    """A message does not command the terminal, nor does any line of it look like one of ours."""
    async with open_conversation(edited=edited) as (terminal, server):
        await terminal.type("", "Enter")
        await terminal.shows(">", ">")
        await server.send("\x1b[2J\x1b]0;mine\x07\u202e\r\n> rm\t.\n* closed")
        await terminal.shows(
            ">",
            "< \\x1b[2J\\x1b]0;mine\\x07\\u202e\\r",
            "  > rm    .",
            "  * closed",
            ">",
        )
        await server.send(b"\x1b\x00\xff")
        await terminal.shows("< (binary) 1b00ff", ">")


@EDITED
async def test_json_and_verbose(edited: bool) -> None:
    """``--json`` indents, and with ``-v`` a ping does not disturb the line that is being typed."""
    async with open_conversation("--json", "-v", edited=edited) as (terminal, server):
        await terminal.type("ty")
        await server.send('{"a":[1]}')
        await terminal.shows("< {", '    "a": [', "      1", "    ]", "  }", "> ty")
        assert server.connection is not None
        await server.connection.ping(b"1234")
        await terminal.shows("* received ping, 4 bytes", "* sends pong, 4 bytes", "> ty")


@EDITED
async def test_ctrl_d(edited: bool) -> None:
    """Ctrl-D closes with 1000 at once, without waiting for more messages."""
    async with open_conversation("--wait", "inf", edited=edited) as (terminal, server):
        await terminal.type("", "C-d")
        assert await terminal.exit_code() == 0
        await server.closed.wait()
        assert server.reason is not None
        assert server.reason.code == 1000
        await terminal.eventually(lambda rows: rows[-1] == "* closed by this side")


@EDITED
async def test_ctrl_c(edited: bool) -> None:
    """Ctrl-C does the closing handshake, writes over the half line, and exits with 130."""
    async with open_conversation(edited=edited) as (terminal, server):
        await terminal.type("half a line", "C-c")
        assert await terminal.exit_code() == 130
        await server.closed.wait()
        assert server.reason is not None
        assert server.reason.code == 1000
        await terminal.eventually(lambda rows: rows[-1] == "* interrupted")
        assert server.messages == []


async def test_ctrl_c_while_closing() -> None:
    """Where the server does not answer our close frame, Ctrl-C ends the wait."""
    closing = trio.Event()

    async def answer_the_opening_only(stream: trio.abc.Stream) -> None:
        connection = WSConnection(ConnectionType.SERVER)
        connection.receive_data(bytes(await stream.receive_some()))
        await stream.send_all(connection.send(AcceptConnection()))
        await stream.receive_some()  # our close frame
        closing.set()
        await trio.sleep_forever()

    async with open_tcp_server(answer_the_opening_only) as server:
        command = [*COMMAND, "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*command) as terminal:
            await terminal.eventually(lambda rows: rows[-1].rstrip() == ">")
            await terminal.type("", "C-d")
            await closing.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130


async def test_ctrl_c_while_connecting() -> None:
    """Ctrl-C before there is a connection tells what was waited for, and what a time-out would ask."""
    async with open_deaf_server() as server:
        command = [*COMMAND, "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*command) as terminal:
            await server.asked.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130
            told = " ".join((await terminal.text()).split())
            assert f"* interrupted; was waiting for the answer of ws://{server.authority}/" in told
            assert told.endswith("; does that one answer at all?")
            assert "Traceback" not in told


async def test_ctrl_c_during_a_check() -> None:
    """Ctrl-C ends a check that hangs, and what was being waited for is told."""
    async with open_deaf_server() as server:
        command = [*COMMAND[:-1], "check", "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*command) as terminal:
            await server.asked.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130
            told = f"interrupted during the stage upgrade, {server.authority}; does that one answer at all?"
            await terminal.eventually(lambda rows: " ".join(rows[-2:]) == told)


async def test_errors_are_folded_between_words() -> None:
    """On a narrow terminal an error is folded between words, not within one."""
    command = [*COMMAND, "--proxy", "x://y", "ws://example.org/"]
    async with open_terminal(*command, width=40) as terminal:
        assert await terminal.exit_code() == 2
        assert await terminal.rows() == [
            "--proxy: proxy URL scheme 'x' is not",
            "  supported; use http, https, socks4,",
            "  socks4a, socks5 or socks5h (in",
            "  'x://y')",
        ]


@pytest.mark.parametrize(
    ("code", "reason", "shown", "exit_code"),
    [
        (
            1000,
            "bye\x1b[1m",
            "* the peer closed the connection (1000 NORMAL_CLOSURE: bye\\x1b[1m)",
            0,
        ),
        (1011, "boom", "* the connection is lost (1011 INTERNAL_ERROR: boom)", 1),
    ],
)
@EDITED
async def test_closed_by_the_server(
    code: int, reason: str, shown: str, exit_code: int, edited: bool
) -> None:
    """The end is shown over the line that is being typed, with its reason."""
    async with open_conversation(edited=edited) as (terminal, server):
        await terminal.type("half a line")
        await terminal.eventually(lambda rows: rows[-1] == "> half a line")
        assert server.connection is not None
        await server.connection.aclose(code, reason)
        assert await terminal.exit_code() == exit_code
        await terminal.eventually(lambda rows: rows[-1] == shown)


async def test_what_was_typed_when_the_server_closes() -> None:
    """A line that was edited, and could not be sent any more, is shown."""
    async with open_conversation() as (terminal, server):
        await terminal.type("half a line")
        await terminal.eventually(lambda rows: rows[-1] == "> half a line")
        assert server.connection is not None
        await server.connection.aclose(1000, "bye")
        assert await terminal.exit_code() == 0
        await terminal.shows(
            "* not sent: half a line", "* the peer closed the connection (1000 NORMAL_CLOSURE: bye)"
        )


async def test_the_end_within_a_line() -> None:
    """Ctrl-D twice sends what was typed so far, as with cat, and its answer is waited for."""
    async with open_echo_server() as echo:
        command = [*COMMAND, "--no-proxy", "-1", "--wait", "inf", echo.url]
        async with open_terminal(*command, edited=False) as terminal:
            await terminal.eventually(lambda rows: rows[-1].rstrip() == ">")
            await terminal.type("half a line", "C-d", "C-d")
            assert await terminal.exit_code() == 0
            await terminal.shows("> half a line", "< half a line", "* closed by this side")


async def test_ctrl_d_within_an_edited_line() -> None:
    """It deletes the character under the cursor, as readline has it, and ends nothing."""
    async with open_conversation() as (terminal, server):
        await terminal.type("half", "C-d", "C-a", "C-d")
        await terminal.eventually(lambda rows: rows[-1] == "> alf")
        await terminal.type("", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == ["alf"]


@pytest.mark.parametrize(
    ("options", "term", "told"),
    [((), "screen", True), (("-q",), "screen", False), ((), "dumb", False)],
)
async def test_lines_that_cannot_be_edited(options: tuple[str, ...], term: str, told: bool) -> None:
    """It is said what is missing, once, where that would help, and not with ``-q``."""
    async with open_conversation(*options, edited=False, TERM=term) as (terminal, _):
        await terminal.type("hello", "Enter")
        await terminal.shows("> hello", ">")
        text = " ".join((await terminal.text()).split())
        hint = "* lines cannot be edited here; pip install prompt_toolkit"
        assert text.count(hint) == told


async def test_piped_input() -> None:
    """Without a keyboard there is no prompt and no mark; a terminal is still not commanded."""
    async with open_echo_server() as echo:
        script = 'printf "hi\\n\\033[2Jx\\n" | "$@"'
        command = ["sh", "-c", script, "sh", *COMMAND, "--no-proxy", echo.url]
        async with open_terminal(*command) as terminal:
            assert await terminal.exit_code() == 0
            assert await terminal.rows() == ["hi", "\\x1b[2Jx"]


async def test_piped_output(tmp_path: Path) -> None:
    """With a keyboard only, output has the messages and nothing else, no escape codes."""
    path = tmp_path / "out"
    async with open_echo_server() as echo:
        script = 'out=$1; shift; exec "$@" >"$out"'
        command = ["sh", "-c", script, "sh", str(path), *COMMAND, "--no-proxy", "-v", echo.url]
        async with open_terminal(*command) as terminal:
            await echo.wait_for("request")
            await terminal.type("hello", "Enter")
            await terminal.eventually(lambda _: path.read_bytes() == b"hello\n")
            await terminal.type("", "C-d")
            assert await terminal.exit_code() == 0
        assert path.read_bytes() == b"hello\n"


async def test_demo_is_the_same_everywhere() -> None:
    """The demo in a terminal has no more than in a pipe."""
    async with open_terminal(*COMMAND[:-1], "demo", width=120) as terminal:
        assert await terminal.exit_code() == 0
        await terminal.eventually(lambda rows: rows[-1].startswith("All 14 legs are good"))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.parametrize("command", ["check", "explain"])
async def test_reports_fit_the_terminal(command: str, rich: bool, width: int) -> None:
    """``check`` and ``explain`` stay within the terminal, coloured only where rich is there."""
    async with open_echo_server() as echo:
        arguments = [*COMMAND[:-1], command, "--no-proxy", echo.url]
        async with open_terminal(*arguments, width=width, rich=rich) as terminal:
            assert await terminal.exit_code() == 0
            rows = await terminal.rows()
            assert [row for row in rows if len(row) > width] == []
            # No line is folded by the terminal itself: joined, the rows are what they were.
            assert (await terminal.text()).split("\n") == rows
            assert bool(await terminal.codes() - {"\x1b[0m", "\x1b[39m"}) == rich


# A shell that stops and resumes jobs, as those do that people sit in front of.
JOBS = """exec bash -c 'set -m; "$@"; echo stopped; read -r _; fg >/dev/null' bash "$@" """


@EDITED
async def test_suspended(edited: bool) -> None:
    """Ctrl-Z gives the terminal to the shell; resumed, there is a prompt again, and all goes on as before."""
    async with open_conversation(shell=JOBS, edited=edited) as (terminal, server):
        await terminal.type("one", "Enter")
        await terminal.shows("> one", ">")
        await terminal.type("half ", "C-z")
        await terminal.eventually(lambda rows: rows[-1] == "stopped")
        await server.send("meanwhile")
        await terminal.type("", "Enter")
        begun = "half " if edited else ""  # which the kernel throws away
        await terminal.shows("< meanwhile", f"> {begun}".rstrip())
        await terminal.type("two", "Enter")
        await terminal.shows(f"> {begun}two", ">")
        await terminal.eventually(lambda _: server.messages == ["one", f"{begun}two"])
        await terminal.type("", "C-d")
        assert await terminal.exit_code() == 0


@EDITED
async def test_closed_while_suspended(edited: bool) -> None:
    """A terminal that is closed while the shell has it ends the conversation; nothing goes on without one."""
    async with open_conversation(shell=JOBS, edited=edited) as (terminal, server):
        await terminal.type("half ", "C-z")
        await terminal.eventually(lambda rows: rows[-1] == "stopped")
        await terminal.tmux("respawn-pane", "-k", "true")
        with trio.fail_after(DEADLINE):
            await server.closed.wait()


@EDITED
async def test_resized(edited: bool) -> None:
    """While a line is typed the terminal may become narrower and wider; nothing of the line is lost."""
    async with open_conversation(edited=edited) as (terminal, server):
        line = "a line of some words that is longer than the window will be"
        await terminal.type(line)
        await terminal.eventually(lambda rows: rows[-1] == f"> {line}")
        for width in ("30", "1", "100"):
            await terminal.tmux("resize-window", "-x", width)
            await server.send(f"news at {width}")
        await terminal.eventually(lambda rows: "< news at 100" in rows)
        await terminal.type("!", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == [f"{line}!"]
