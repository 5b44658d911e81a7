"""Closed streams, full disks, narrow encodings, and arguments that make no sense: one message each."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import trio

import trio_wsproxy
from trio_wsproxy.testing import open_echo_server

ROOT = Path(trio_wsproxy.__file__).parent.parent
PROGRAM = [sys.executable, "-m", "trio_wsproxy"]
COMMANDS = ["connect", "check", "explain", "demo"]
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    "PYTHONPATH": str(ROOT),
    "TRIO_WSPROXY_DESKTOP": "0",
}
POSIX = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's words")


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run the program; it never shows a traceback."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env={**ENVIRON, "PYTHONUTF8": "1", **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    return done


def in_shell(script: str, *arguments: str) -> tuple[int, str, str]:
    """Run the program by a script in which it is ``"$@"``; exit code, output, errors."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}", "bash", *PROGRAM, *arguments],
        env={**ENVIRON, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("arguments", [["--help"], *([x, "--help"] for x in COMMANDS)])
def test_help_in_any_encoding(arguments: list[str], encoding: str) -> None:
    """Help is shown in full whatever the encoding has."""
    done = run(*arguments, PYTHONUTF8="0", PYTHONIOENCODING=encoding, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.rstrip().isascii()


def report(command: str, url: str, encoding: str) -> subprocess.CompletedProcess[bytes]:
    """A report in an encoding."""
    return run(command, "--no-proxy", url, PYTHONUTF8="0", PYTHONIOENCODING=encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_reports_in_any_encoding(encoding: str) -> None:
    """The drawings of a report are in ASCII where the encoding has none."""
    async with open_echo_server() as echo:
        for command in ("check", "explain"):
            done = await trio.to_thread.run_sync(report, command, echo.url, encoding)
            assert done.returncode == 0
            assert b"client -tcp> 127.0.0.1" in done.stdout
            assert b"\\u" not in done.stdout


@POSIX
@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["explain", "--help"], ["explain", "--no-proxy", "ws://h.test"]],
)
def test_streams_that_take_nothing(arguments: list[str]) -> None:
    """Closed output is no failure, closed errors neither; a full disk is one message, and 1."""
    assert in_shell('"$@" >&-', *arguments) == (0, "", "")
    assert in_shell('"$@" 2>&- >/dev/null', *arguments) == (0, "", "")
    if Path("/dev/full").exists():
        code, _, told = in_shell('"$@" >/dev/full', *arguments)
        assert code == 1
        assert told == ("trio-wsproxy: the output cannot be written: No space left on device\n")
        assert in_shell('"$@" >/dev/full 2>/dev/full', *arguments)[0] == 1


@POSIX
def test_errors_that_nobody_reads() -> None:
    """An error that cannot be told does not change the exit code."""
    assert in_shell('"$@" 2>&-', "check", "--no-proxy", "http://h.test") == (2, "", "")
    assert in_shell('"$@" 2>&-', "check", "--danse", "ws://h.test") == (2, "", "")


@POSIX
@pytest.mark.parametrize("arguments", [["--help"], ["explain", "--no-proxy", "ws://h.test"]])
def test_a_reader_that_has_enough(arguments: list[str]) -> None:
    """``| head -1`` is quiet."""
    code, out, told = in_shell('"$@" | head -1', *arguments)
    assert code in (0, 1)  # whether head was there in time
    assert len(out.splitlines()) == 1
    assert told == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option(command: str) -> None:
    """It is named, with the usage of the command that it is wrong for, and no value is repeated."""
    done = run(command, "--danse=s3cret", *([] if command == "demo" else ["ws://h.test"]))
    assert (done.returncode, done.stdout) == (2, b"")
    told = done.stderr.decode()
    assert told.startswith(f"usage: python -m trio_wsproxy {command} ")
    assert "no such option: --danse; see" in told
    assert "s3cret" not in told
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-H", "X-A", "ws://h.test"], "a header is written 'Name: value', or @FILE; see "),
        (["-H", "@nofile", "ws://h.test"], "cannot read 'nofile'"),
        (["--messages", "0", "ws://h.test"], "must be 1 or more"),
        ([], "are required: URL"),
        (["ws://h.test", "ws://h.test"], "too many arguments"),
    ],
)
def test_a_wrong_value(arguments: list[str], said: str) -> None:
    """It is told in one line, without the usage, that says where to read more."""
    done = run("connect", *arguments)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in told
    assert told.endswith("; see python -m trio_wsproxy connect --help\n")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", ["connect", "check", "explain"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--proxy", "", "ws://h.test"],
            "--proxy is empty; for a direct connection give --no-proxy",
        ),
        (["-x", "  ", "ws://h.test"], "--proxy is empty; for a direct connection give --no-proxy"),
        (["example.org"], "wss://example.org"),
        (["example.org:8443/chat?s3cret"], "wss://example.org:8443 was probably meant"),
        (["localhost:8000"], "ws://localhost:8000"),
        (["ftp://example.org"], "the scheme 'ftp' is not supported"),
        (["//example.org/chat"], "wss://example.org was probably meant"),
        (["ws:/example.org"], "'://' goes between the scheme and the host; ws://example.org was"),
        (["ws://h/" + "x" * 100_000], "it is too long"),
    ],
)
def test_arguments_that_make_no_sense(command: str, arguments: list[str], said: str) -> None:
    """They are told in one line that says what was meant, with exit code 2."""
    done = run(command, *arguments)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in told
    assert len(told.splitlines()) == 1


KNOWN = {
    "connect": "ws:// or wss://",
    "check": "ws:// or wss://",
    "explain": "ws://, wss://, http://, https://, tcp:// or tls://",
}


@pytest.mark.parametrize("command", KNOWN)
@pytest.mark.parametrize(
    ("url", "said", "meant", "meant_by_explain"),
    [
        ("", "it is empty; a URL here starts with {}", "", ""),
        (
            "example.org",
            "the scheme is missing; a URL here starts with {}",
            "wss://example.org",
            "",
        ),
        ("w://example.org", "the scheme 'w' is not supported; use {}", "", ""),
        ("htps://x", "the scheme 'htps' is not supported; use {}", "wss://", "https://"),
        ("https//example.org", "'://' goes", "wss://example.org", "https://example.org"),
    ],
)
def test_a_url_of_no_known_scheme(
    command: str, url: str, said: str, meant: str, meant_by_explain: str
) -> None:
    """What a URL may start with is told: more for `explain`, which connects to nothing."""
    told = run(command, url).stderr.decode()
    if command == "explain":
        meant = meant_by_explain or meant
    assert said.format(KNOWN[command]) in told
    assert told.endswith(f"; {meant} was probably meant\n" if meant else f"{KNOWN[command]}\n")


@pytest.mark.parametrize("command", ["connect", "check"])
@pytest.mark.parametrize(("scheme", "meant"), [("http", "ws"), ("https", "wss"), ("HTTP", "ws")])
def test_a_url_out_of_a_browser(command: str, scheme: str, meant: str) -> None:
    """It is told which scheme goes there; `explain` knows what proxies make of http too."""
    done = run(command, f"{scheme}://example.org/chat?s3cret")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        (
            f"WebSocket URL '{scheme}://example.org/chat?…': the scheme {scheme!r} is not supported; "
            f"use ws:// or wss://; {meant}:// was probably meant"
        )
    ]


def in_terminal(columns: int, *arguments: str) -> tuple[int, bytes]:
    """Run the program in a terminal that has so many columns: exit code, what it shows."""
    fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {name: value for name, value in ENVIRON.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        env={**environ, "PYTHONUTF8": "1", "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    read = b""
    with contextlib.suppress(OSError):  # EIO, once the program has ended
        while data := os.read(ours, 65536):
            read += data
    os.close(ours)
    return process.wait(), read


@POSIX
@pytest.mark.parametrize("command", ["check", "explain", "demo"])
@pytest.mark.parametrize("columns", ["0", "1", "7", "20"])
async def test_narrow_terminals(command: str, columns: str) -> None:
    """A terminal may have no columns, or one; reports are made for some more, and it folds them."""
    async with open_echo_server() as echo:
        url = [] if command == "demo" else ["--no-proxy", echo.url]
        code, read = await trio.to_thread.run_sync(in_terminal, int(columns), command, *url)
    assert code == 0, read
    assert b"Traceback" not in read


def test_the_order_of_commands() -> None:
    """It is the same in the help, in the documentation and in its list of pages."""
    places = [
        run("--help").stdout.decode(),
        (ROOT / "docs/cli.rst").read_text(encoding="utf-8"),
        (ROOT / "docs/index.rst").read_text(encoding="utf-8"),
    ]
    for text, form in zip(places, ["  {} ", "<cli-{}>", "cli-{}\n"], strict=True):
        found = [text.index(form.format(name)) for name in COMMANDS]
        assert found == sorted(found)
