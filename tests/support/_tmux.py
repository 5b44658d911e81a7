"""The command line in a real terminal: tmux, typed into and looked at.

Each test has a tmux server of its own, behind a socket of its own, and ends it by that. A
terminal gives no event when a text is there, so this looks again and again, in one place
(:meth:`Terminal.eventually`).
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

import trio_wsproxy
from trio_wsproxy.testing import open_echo_server

ROOT = Path(trio_wsproxy.__file__).parent.parent
COMMAND = [sys.executable, "-m", "trio_wsproxy", "connect"]
DEADLINE = 60.0  # seconds; only there to end a hang, each text is there in less than one
POLL = 0.02  # seconds
WIDTHS = [40, 120]
HEIGHT = 12  # rows
PLAIN = {"\x1b[0m", "\x1b[39m", "\x1b[m"}  # what ends a colour
WITHOUT = 'import sys\nsys.modules["{name}"] = None\n'  # for sitecustomize.py

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

    async def written(self) -> str:
        """The same, and what has scrolled off: an editor that is told late where its cursor is may scroll by a row."""
        return (await self.tmux("capture-pane", "-p", "-J", "-S", "-")).rstrip("\n")

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
    *command: str,
    width: int = 80,
    height: int = HEIGHT,
    rich: bool = True,
    edited: bool = True,
    **environ: str,
) -> AsyncIterator[Terminal]:
    """Run a command in a terminal, with and without rich and prompt_toolkit."""
    with tempfile.TemporaryDirectory(prefix="wsproxy-") as directory:  # a socket's path is short
        hidden = [name for name, there in (("rich", rich), ("prompt_toolkit", edited)) if not there]
        (Path(directory) / "sitecustomize.py").write_text(
            "".join(WITHOUT.format(name=name) for name in hidden), encoding="utf-8"
        )
        variables = {
            "NO_COLOR": "",
            "PYTHONPATH": os.pathsep.join([directory, str(ROOT)]),
            "PYTHONUTF8": "1",
            "XDG_STATE_HOME": directory,
        }
        pairs = [f"{name}={value}" for name, value in {**variables, **environ}.items()]
        terminal = Terminal(Path(directory) / "tmux", Path(directory) / "code")
        terminal.code.touch()
        size = ["-x", str(width), "-y", str(height)]
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
    *options: str,
    width: int = 80,
    rich: bool = True,
    edited: bool = True,
    shell: str = "",
    **environ: str,
) -> AsyncIterator[tuple[Terminal, Server]]:
    """Run ``connect`` in a terminal, and wait until it is connected."""
    server = Server()
    async with open_echo_server(handler=server.handle) as listener:
        command = [*COMMAND, "--no-proxy", *options, listener.url]
        if shell:  # a script in which it is "$@"
            command = ["sh", "-c", shell, "sh", *command]
        async with open_terminal(
            *command, width=width, height=HEIGHT, rich=rich, edited=edited, **environ
        ) as terminal:
            await server.connected.wait()
            await terminal.eventually(lambda rows: rows[-1].rstrip() == ">")
            yield terminal, server


EDITED = pytest.mark.parametrize("edited", [True, False], ids=["edited", "kernel"])
