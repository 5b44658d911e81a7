"""Ctrl-C and SIGTERM at any time, and what is imported for an answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from _deaf import open_deaf_server

import trio_wsproxy
from trio_wsproxy.testing import open_echo_server

ROOT = Path(trio_wsproxy.__file__).parent.parent
WAYS = {
    "module": ["-m", "trio_wsproxy"],
    "script": ["-c", "import sys; from trio_wsproxy.__main__ import main; sys.exit(main())"],
}
# For sitecustomize.py: Ctrl-C in the moment in which a module is looked for.
STRIKE = """\
import os, signal, sys

class Striking:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["STRIKE_AT"]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Striking())
"""
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for others")


def environ(*paths: Path, **more: str) -> dict[str, str]:
    """The variables of this process, and those."""
    path = os.pathsep.join(map(str, [*paths, ROOT]))
    return {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", **more}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "module",
    [
        "trio_wsproxy._cli",
        "argparse",
        "trio_wsproxy._cli._parser",
        "trio_wsproxy._cli._check",
        "trio",
        "ssl",
        "h11",
        "trio_websocket",
        "trio_wsproxy._face",
        "trio_wsproxy._client",
    ],
)
def test_ctrl_c_during_imports(way: str, module: str, tmp_path: Path) -> None:
    """It ends the program with 130 and without a word, whatever is being imported."""
    (tmp_path / "sitecustomize.py").write_text(STRIKE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *WAYS[way], "check", "--no-proxy", "ws://127.0.0.1:1/"],
        env=environ(tmp_path, STRIKE_AT=module),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("command", ["connect", "check"])
async def test_sigterm(command: str) -> None:
    """SIGTERM ends a command as Ctrl-C does, with the exit code that a shell expects."""
    async with open_deaf_server() as server:
        process = await trio.lowlevel.open_process(
            [
                *sys.orig_argv[:1],
                *WAYS["module"],
                command,
                "--no-proxy",
                f"ws://{server.authority}",
            ],
            env=environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        await server.asked.wait()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert b"".join([data async for data in process.stderr]) == b""
        assert await process.wait() == 128 + signal.SIGTERM


@contextmanager
def a_terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the program's side of it, and ours."""
    ours, theirs = os.openpty()
    try:
        yield theirs, ours
    finally:
        os.close(ours)
        os.close(theirs)


@contextmanager
def signals_as_in_a_terminal() -> Iterator[None]:
    """What starts in the block ignores none of them, as it would where nohup, or a shell's ``&``, runs the tests."""
    numbers = [getattr(signal, name) for name in NUMBERS]
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


async def read_until(fd: int, text: bytes, read: bytearray) -> None:
    """Read a terminal until a text is there."""
    while text not in read:
        await trio.lowlevel.wait_readable(fd)
        read += os.read(fd, 65536)


NUMBERS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
MOMENTS = {
    "connect edited": (["connect", "--no-proxy", "URL"], b"\x1b[?2004h"),  # pasting, bracketed
    "connect": (["connect", "--no-proxy", "URL"], b"> "),
    "connect waiting": (["connect", "--no-proxy", "NEVER"], b"for a WebSocket"),
    "check waiting": (["check", "--no-proxy", "NEVER"], b"for a WebSocket"),
    "demo": (["demo"], b"stages, in order"),
}


def hide_the_editor(moment: str, folder: Path) -> None:
    """Have no prompt_toolkit, but for a moment of its own."""
    if moment != "connect edited":
        hidden = 'import sys\nsys.modules["prompt_toolkit"] = None\n'
        (folder / "sitecustomize.py").write_text(hidden, encoding="utf-8")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_terminal_is_given_back(name: str, moment: str, tmp_path: Path) -> None:
    """Whatever signal ends a command, its terminal is as it was, its code what a shell expects."""
    termios = pytest.importorskip("termios")
    hide_the_editor(moment, tmp_path)
    arguments, shown = MOMENTS[moment]
    read = bytearray()
    async with open_deaf_server() as silent, open_echo_server() as echo:
        urls = {"URL": echo.url, "NEVER": f"ws://{silent.authority}"}
        with a_terminal() as (theirs, ours):
            before = termios.tcgetattr(theirs)
            with signals_as_in_a_terminal():
                process = await trio.lowlevel.open_process(
                    [sys.executable, *WAYS["module"], *(urls.get(x, x) for x in arguments)],
                    env=environ(tmp_path, XDG_STATE_HOME=str(tmp_path), TERM="xterm"),
                    stdin=theirs,
                    stdout=theirs,
                    stderr=theirs,
                )
            await read_until(ours, shown, read)
            process.send_signal(getattr(signal, name))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_until, ours, b"never to be seen", read)
                code = await process.wait()
                nursery.cancel_scope.cancel()
            assert termios.tcgetattr(theirs) == before
    assert code == NUMBERS[name], read.decode()
    assert b"Traceback" not in read


def test_ignored() -> None:
    """Where Ctrl-C is ignored, as in the background of a shell's script, it stays so."""
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from trio_wsproxy import __main__; import sys\n"
        "sys.argv[1:] = ['explain', '--no-proxy', 'ws://h.test']\n"
        "assert __main__.main() == 0\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN"
    )
    subprocess.run([sys.executable, "-c", code], env=environ(), check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--version"], 0),
        (["--help"], 0),
        *((["connect", "--help"], 0), (["check", "--help"], 0)),
        *((["explain", "--help"], 0), (["demo", "--help"], 0)),
        (["dance"], 2),
        (["check", "--danse", "ws://h.test"], 2),
        (["check", "--pings", "many", "ws://h.test"], 2),
    ],
)
def test_what_is_imported(arguments: list[str], code: int) -> None:
    """What needs no connection is answered before trio, ssl and the client are imported."""
    program = (
        "import atexit, sys; from trio_wsproxy._cli import main\n"
        "heavy = {'trio', 'ssl', 'asyncio', 'h11', 'wsproto', 'trio_websocket', 'rich'}\n"
        "atexit.register(lambda: sys.stderr.write(f'heavy: {sorted(heavy & set(sys.modules))}'))\n"
        "sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr.endswith("heavy: []")


def test_what_is_imported_before_ctrl_c_is_quiet() -> None:
    """Nothing that takes long: in these moments it is still Python's own, with a traceback."""
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import trio_wsproxy.__main__\n"
        "print(sorted({'typing', 're', 'argparse', 'trio_wsproxy._cli'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("moment", ["connect edited", "connect"])
async def test_a_terminal_that_is_gone(moment: str, tmp_path: Path) -> None:
    """Where nobody says that a terminal is gone, reading does, and the conversation is over."""
    arguments, shown = MOMENTS[moment]
    hide_the_editor(moment, tmp_path)
    async with open_echo_server() as echo:
        with a_terminal() as (theirs, ours):
            process = await trio.lowlevel.open_process(
                [
                    sys.executable,
                    *WAYS["module"],
                    *(echo.url if x == "URL" else x for x in arguments),
                ],
                env=environ(tmp_path, XDG_STATE_HOME=str(tmp_path), TERM="xterm"),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            await read_until(ours, shown, bytearray())
        try:
            with trio.fail_after(60):  # to end a hang; it takes less than one
                assert await process.wait() == 1
        finally:
            process.kill()
