"""What is shown while somebody waits, what is coloured, and what is left when it is over."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest
import trio
from _deaf import open_deaf_server
from _tmux import COMMAND, EDITED, open_conversation, open_terminal

from trio_wsproxy.testing import (
    Certificates,
    Fail,
    open_echo_server,
    open_http_proxy,
    open_tcp_server,
)

PROGRAM = COMMAND[:-1]
GREEN, RED, YELLOW = "\x1b[1m\x1b[32m", "\x1b[1m\x1b[31m", "\x1b[33m"
ALL_WIDTHS = [40, 80, 140]


@pytest.mark.parametrize("width", ALL_WIDTHS)
@pytest.mark.parametrize("command", ["connect", "check"])
async def test_the_waiting_line(command: str, width: int) -> None:
    """One line tells what is waited for, with a clock that goes on; it is gone when there is an end."""
    async with open_deaf_server() as server:
        arguments = [*PROGRAM, command, "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*arguments, width=width) as terminal:
            rows = await terminal.eventually(lambda rows: rows[0].startswith("asking "))
            assert len(rows) == 1
            assert len(rows[0]) < width
            first = rows[0]
            if width > 40:
                assert re.fullmatch(r"asking \S+ for a WebSocket … \d+\.\d s", first)
                await terminal.eventually(lambda rows: rows[0] != first and len(rows) == 1)
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130
            await terminal.eventually(lambda rows: not any("asking" in row for row in rows))
            assert all(len(row) <= width for row in await terminal.rows())


@pytest.mark.parametrize("options", [["-q"], ["-v"]])
async def test_no_waiting_line(options: list[str]) -> None:
    """With ``-q`` nothing is shown, with ``-v`` lines that stay."""
    async with open_deaf_server() as server:
        url = f"ws://{server.authority}"
        command = [*COMMAND, "--no-proxy", "--connect-timeout", "2", *options, url]
        async with open_terminal(*command) as terminal:
            await server.asked.wait()
            assert await terminal.exit_code() == 1
            text = await terminal.text()
            assert "asking" not in text
            assert ("* connected to 127.0.0.1" in text) is (options == ["-v"])


async def test_nothing_in_a_pipe(tmp_path: Path) -> None:
    """Where errors are no terminal there is no line."""

    async def late(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await trio.sleep_forever()

    async with open_tcp_server(late) as server:
        done = await trio.run_process(
            [*PROGRAM, "check", "--no-proxy", "--max-time", "1", f"ws://{server.authority}"],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.stderr == b""
    assert b"asking" not in done.stdout


async def test_colours_mean_something() -> None:
    """The verdict is green or red, a stage that failed is red, a warning yellow."""
    async with (
        open_echo_server(ssl_context=Certificates().server_context()) as echo,
        open_http_proxy(script=[Fail(403)]) as proxy,
    ):
        async with open_terminal(*PROGRAM, "check", "--no-proxy", "-k", echo.url) as terminal:
            assert await terminal.exit_code() == 0
            shown = await terminal.tmux("capture-pane", "-p", "-e", "-S", "-")
            assert f"{GREEN}OK: " in shown
            assert f"{YELLOW}warning: " in shown
            assert "\x1b[31m" not in shown
        command = [*PROGRAM, "check", "--proxy", proxy.url, "ws://h.test/"]
        async with open_terminal(*command, width=140) as terminal:
            assert await terminal.exit_code() == 1
            shown = await terminal.tmux("capture-pane", "-p", "-e", "-S", "-")
            assert re.search(r"\x1b\[[0-9;]*31m(\x1b\[[0-9;]*m)*FAILED: |31mFAILED: ", shown)
            assert re.search(r"31m(\x1b\[[0-9;]*m)*! connect 1", shown)
            assert "\x1b[32m" not in shown
            assert re.search(r"31m(\x1b\[[0-9;]*m)*ProxyRejected:(\x1b\[[0-9;]*m)+ proxy ", shown)


@pytest.mark.parametrize("width", ALL_WIDTHS)
async def test_demo_fits(width: int) -> None:
    """The demo folds nothing by accident at any width, and its bar is gone at the end."""
    async with open_terminal(*PROGRAM, "demo", width=width, edited=False) as terminal:
        assert await terminal.exit_code() == 0
        rows = await terminal.rows()
        assert (await terminal.text()).split("\n") == rows
        assert max(map(len, rows)) <= width
        assert not any("█" in row or "─" in row for row in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes")
async def test_history(tmp_path: Path) -> None:
    """Lines are there the next time, in a file that nobody else can read; an arrow brings them back."""
    state = str(tmp_path)
    for again in (False, True):
        async with open_conversation(XDG_STATE_HOME=state) as (terminal, server):
            if again:
                await terminal.type("", "Up")
            else:
                await terminal.type("helo", "Left", "l")
            await terminal.shows("> hello")
            await terminal.type("", "Enter", "C-d")
            assert await terminal.exit_code() == 0
            assert server.messages == ["hello"]
    path = tmp_path / "trio-wsproxy" / "history"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    before = path.read_bytes()
    async with open_conversation("--no-history", XDG_STATE_HOME=state) as (terminal, server):
        await terminal.type("", "Up")
        await terminal.type("other")
        await terminal.shows("> other")
        await terminal.type("", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == ["other"]
    assert path.read_bytes() == before


async def test_lines_that_are_pasted() -> None:
    """Each is a message of its own."""
    async with open_conversation() as (terminal, server):
        await terminal.tmux("set-buffer", "one\ntwo\nthree")
        await terminal.tmux("paste-buffer", "-p")
        await terminal.eventually(lambda rows: "three" in rows[-1])
        await terminal.type("", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == ["one", "two", "three"]


# The shell compares its terminal's settings before and after, and keeps the program's number.
COMPARING = (
    'before=$(stty -g); trap : INT; sh -c \'echo $$ >"$PID"; exec "$@"\' sh "$@"; code=$?; '
    '[ "$(stty -g)" = "$before" ] && echo "same after $code"'
)


@EDITED
@pytest.mark.parametrize("end", ["C-c", "C-d", "server", "lost", "term"])
async def test_the_terminal_is_given_back(end: str, edited: bool, tmp_path: Path) -> None:
    """However a conversation ends, the shell's terminal is as it was."""
    pid = tmp_path / "pid"
    code = {"C-c": 130, "C-d": 0, "server": 0, "lost": 1, "term": 143}[end]
    async with open_conversation(edited=edited, shell=COMPARING, PID=str(pid)) as (
        terminal,
        server,
    ):
        await terminal.type("日本")
        await terminal.shows("> 日本")
        assert server.connection is not None
        if end == "server":
            await server.connection.aclose()
        elif end == "lost":
            await server.connection.aclose(1011)
        elif end == "term":
            os.kill(int(pid.read_text()), signal.SIGTERM)
        elif end == "C-d":
            await terminal.type("", "C-u", "C-d")
        else:
            await terminal.type("", end)
        await terminal.eventually(lambda rows: f"same after {code}" in rows)
