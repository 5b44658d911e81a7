"""The command line in a real terminal: tmux, typed into and looked at.

Each test has a tmux server of its own, behind a socket of its own, and ends it by that. A
terminal gives no event when a text is there, so this looks again and again, in one place
(:func:`eventually`).
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
from trio_websocket import CloseReason, ConnectionClosed, WebSocketConnection, WebSocketRequest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

import trio_wsproxy
from trio_wsproxy.testing import open_echo_server, open_tcp_server

ROOT = Path(trio_wsproxy.__file__).parent.parent
COMMAND = [sys.executable, "-m", "trio_wsproxy", "connect"]
DEADLINE = 60.0  # seconds; only there to end a hang, each text is there in less than one
POLL = 0.02  # seconds
WIDTHS = [40, 120]
HEIGHT = 12  # rows
WITHOUT_RICH = 'import sys\nsys.modules["rich"] = None\n'  # for sitecustomize.py

# Keeps a program's exit code, which tmux 3.3 sometimes fails to tell. Ctrl-C is for the program.
WRAPPER = ["sh", "-c", 'code=$1; shift; trap : INT; "$@"; echo $? >"$code"', "sh"]

TMUX = shutil.which("tmux")
if TMUX is None:
    if os.environ.get("CI", "").lower() in {"true", "1"}:
        pytest.fail(
            "tmux is not installed; .ci/run does that, and CI=true forbids to go on without",
            pytrace=False,
        )
    pytest.skip("tmux is not installed; .ci/run installs it", allow_module_level=True)


@dataclass
class Terminal:
    """One tmux server with one window."""

    socket: Path
    code: Path

    async def tmux(self, *arguments: str) -> str:
        """Have tmux do something."""
        assert TMUX is not None
        done = await trio.run_process(
            [TMUX, "-u", "-f", os.devnull, "-S", str(self.socket), *arguments],
            capture_stdout=True,
            # pytest-xdist sets COLUMNS for its workers; a terminal knows its own.
            env={
                name: value
                for name, value in os.environ.items()
                if name not in {"TMUX", "COLUMNS", "LINES"}
            },
        )
        return done.stdout.decode()

    async def type(self, text: str, *keys: str) -> None:
        """Type a text, then press keys such as ``Enter`` and ``C-c``."""
        if text:
            await self.tmux("send-keys", "-l", text)
        if keys:
            await self.tmux("send-keys", *keys)

    async def rows(self) -> list[str]:
        """What is to be seen, without the empty rows below."""
        return (await self.tmux("capture-pane", "-p")).rstrip("\n").split("\n")

    async def text(self) -> str:
        """What is to be seen, long lines as they were written."""
        return (await self.tmux("capture-pane", "-p", "-J")).rstrip("\n")

    async def codes(self) -> set[str]:
        """The escape codes for colours on the screen."""
        return set(re.findall(r"\x1b\[[0-9;]*m", await self.tmux("capture-pane", "-p", "-e")))

    async def eventually(self, condition: Callable[[list[str]], object]) -> list[str]:
        """Wait until the screen is as it should be."""
        rows: list[str] = []
        with trio.move_on_after(DEADLINE):
            while True:
                rows = await self.rows()
                if condition(rows):
                    return rows
                await trio.sleep(POLL)
        raise AssertionError("the screen stays at\n" + "\n".join(rows))

    async def shows(self, *last: str) -> None:
        """Wait until these are the last rows."""
        await self.eventually(lambda rows: [row.rstrip() for row in rows[-len(last) :]] == [*last])

    async def exit_code(self) -> int:
        """Wait for the program's end, and until the terminal has read all that it wrote."""
        with trio.move_on_after(DEADLINE):
            while not (code := self.code.read_text(encoding="ascii")).endswith("\n"):
                await trio.sleep(POLL)
            while "1" not in await self.tmux("display-message", "-p", "#{pane_dead}"):
                await trio.sleep(POLL)
            return int(code)
        raise AssertionError("it does not end; the screen is\n" + await self.text())


@asynccontextmanager
async def open_terminal(
    *command: str, width: int = 80, rich: bool = True, **environ: str
) -> AsyncIterator[Terminal]:
    """Run a command in a terminal."""
    with tempfile.TemporaryDirectory(prefix="wsproxy-") as directory:  # a socket's path is short
        path = [str(ROOT)]
        if not rich:
            (Path(directory) / "sitecustomize.py").write_text(WITHOUT_RICH, encoding="utf-8")
            path.insert(0, directory)
        variables = {"NO_COLOR": "", "PYTHONPATH": os.pathsep.join(path), "PYTHONUTF8": "1"}
        pairs = [f"{name}={value}" for name, value in {**variables, **environ}.items()]
        terminal = Terminal(Path(directory) / "tmux", Path(directory) / "code")
        terminal.code.touch()
        size = ["-x", str(width), "-y", str(HEIGHT)]
        try:
            await terminal.tmux(
                *("start-server", ";"),
                *("set-option", "-g", "remain-on-exit", "on", ";"),
                *("set-option", "-g", "remain-on-exit-format", "", ";"),
                *("set-option", "-g", "status", "off", ";"),
                *(
                    "new-session",
                    "-d",
                    *size,
                    "env",
                    *pairs,
                    *WRAPPER,
                    str(terminal.code),
                    *command,
                ),
            )
            yield terminal
        finally:
            with trio.CancelScope(shield=True):
                await terminal.tmux("kill-server")


@dataclass
class Server:
    """A server whose test says what it sends; keeps what it gets."""

    connected: trio.Event = field(default_factory=trio.Event)
    closed: trio.Event = field(default_factory=trio.Event)
    messages: list[str | bytes] = field(default_factory=list)
    connection: WebSocketConnection | None = None
    reason: CloseReason | None = None

    async def handle(self, request: WebSocketRequest) -> None:
        self.connection = await request.accept()
        self.connected.set()
        try:
            while True:
                self.messages.append(await self.connection.get_message())
        except ConnectionClosed as exc:
            self.reason = exc.reason
        self.closed.set()

    async def send(self, message: str | bytes) -> None:
        await self.connected.wait()
        assert self.connection is not None
        await self.connection.send_message(message)


@asynccontextmanager
async def open_conversation(
    *options: str, width: int = 80, rich: bool = True, **environ: str
) -> AsyncIterator[tuple[Terminal, Server]]:
    """Run ``connect`` in a terminal, and wait until it is connected."""
    server = Server()
    async with open_echo_server(handler=server.handle) as listener:
        command = [*COMMAND, "--no-proxy", *options, listener.url]
        async with open_terminal(*command, width=width, rich=rich, **environ) as terminal:
            await server.connected.wait()
            await terminal.eventually(lambda rows: rows[-1].startswith(">"))
            yield terminal, server


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
async def test_echo(width: int, rich: bool, environ: dict[str, str], coloured: bool) -> None:
    """A line is sent, its echo is shown, Ctrl-D closes; coloured with rich, if nobody objects."""
    async with open_echo_server() as echo:
        command = [*COMMAND, "--no-proxy", echo.url]
        async with open_terminal(*command, width=width, rich=rich, **environ) as terminal:
            await terminal.eventually(lambda rows: rows[-1].startswith(">"))
            await terminal.type("hello wörld", "Enter")
            dumb = environ.get("TERM") == "dumb"
            between = [">"] if dumb else []  # it cannot write above the prompt
            await terminal.shows("> hello wörld", *between, "< hello wörld", ">")
            assert ("\x1b[36m" in await terminal.codes()) is coloured
            assert coloured or not await terminal.codes()
            await terminal.type("", "C-d")
            assert await terminal.exit_code() == 0
            await terminal.shows("< hello wörld", *([">"] if dumb else []), "* closed by this side")
            text = " ".join((await terminal.text()).split())
            assert text.startswith(f"* connected: client ─tcp→ 127.0.0.1:{echo.port}")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("used", [0, HEIGHT], ids=["top", "bottom"])
@pytest.mark.parametrize("rich", [True, False])
async def test_a_message_while_typing(width: int, used: int, rich: bool) -> None:
    """A message of several rows stands above the line that is being typed, which goes on."""
    async with open_conversation(width=width, rich=rich) as (terminal, server):
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


async def test_a_message_longer_than_the_screen() -> None:
    """Its end is to be seen, the prompt is below it, and what was typed is not lost."""
    async with open_conversation(width=40) as (terminal, server):
        await terminal.type("half")
        await terminal.eventually(lambda rows: rows[-1] == "> half")
        await server.send("x" * 40 * HEIGHT * 2 + "END")
        await terminal.eventually(lambda rows: rows[-1] == ">" and rows[-2].endswith("END"))
        await terminal.type(" a line", "Enter", "C-d")
        assert await terminal.exit_code() == 0
        assert server.messages == ["half a line"]


async def test_a_hostile_message() -> None:
    """A message does not command the terminal, nor does any line of it look like one of ours."""
    async with open_conversation() as (terminal, server):
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


async def test_json_and_verbose() -> None:
    """``--json`` indents, and with ``-v`` a ping does not disturb the line that is being typed."""
    async with open_conversation("--json", "-v") as (terminal, server):
        await terminal.type("ty")
        await server.send('{"a":[1]}')
        await terminal.shows("< {", '    "a": [', "      1", "    ]", "  }", "> ty")
        assert server.connection is not None
        await server.connection.ping(b"1234")
        await terminal.shows("* received ping, 4 bytes", "* sends pong, 4 bytes", "> ty")


async def test_ctrl_d() -> None:
    """Ctrl-D closes with 1000 at once, without waiting for more messages."""
    async with open_conversation("--wait", "inf") as (terminal, server):
        await terminal.type("", "C-d")
        assert await terminal.exit_code() == 0
        await server.closed.wait()
        assert server.reason is not None
        assert server.reason.code == 1000
        await terminal.eventually(lambda rows: rows[-1] == "* closed by this side")


async def test_ctrl_c() -> None:
    """Ctrl-C does the closing handshake, writes over the half line, and exits with 130."""
    async with open_conversation() as (terminal, server):
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
            await terminal.eventually(lambda rows: rows[-1].startswith(">"))
            await terminal.type("", "C-d")
            await closing.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130


async def test_ctrl_c_while_connecting() -> None:
    """Ctrl-C before there is a connection ends it without a traceback."""
    asked = trio.Event()

    async def never_answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        asked.set()
        await trio.sleep_forever()

    async with open_tcp_server(never_answer) as server:
        command = [*COMMAND, "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*command) as terminal:
            await asked.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130
            assert "Traceback" not in await terminal.text()


async def test_ctrl_c_during_a_check() -> None:
    """Ctrl-C ends a check that hangs, and what was being waited for is told."""
    asked = trio.Event()

    async def never_answer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        asked.set()
        await trio.sleep_forever()

    async with open_tcp_server(never_answer) as server:
        command = [*COMMAND[:-1], "check", "--no-proxy", f"ws://{server.authority}"]
        async with open_terminal(*command) as terminal:
            await asked.wait()
            await terminal.type("", "C-c")
            assert await terminal.exit_code() == 130
            stage = f"interrupted during the stage upgrade, {server.authority}"
            await terminal.eventually(lambda rows: rows[-1] == stage)


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
async def test_closed_by_the_server(code: int, reason: str, shown: str, exit_code: int) -> None:
    """The end is shown over the line that is being typed, with its reason."""
    async with open_conversation() as (terminal, server):
        await terminal.type("half a line")
        await terminal.eventually(lambda rows: rows[-1] == "> half a line")
        assert server.connection is not None
        await server.connection.aclose(code, reason)
        assert await terminal.exit_code() == exit_code
        await terminal.eventually(lambda rows: rows[-1] == shown)


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
