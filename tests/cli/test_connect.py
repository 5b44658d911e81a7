"""``connect`` with pipes: what is sent, what is shown, how it ends."""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketRequest

import trio_wsproxy
from trio_wsproxy import _cli
from trio_wsproxy._cli import _connect
from trio_wsproxy.testing import (
    Certificates,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
)

ROOT = Path(trio_wsproxy.__file__).parent.parent
PROXY_VARIABLES = {"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy"}
ENVIRON = {
    **{name: value for name, value in os.environ.items() if name.lower() not in PROXY_VARIABLES},
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "error",
}
COMMAND = [sys.executable, "-m", "trio_wsproxy", "connect"]


class Done:
    """What a run has left: exit code, output, errors."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.out = done.stdout.replace(os.linesep.encode(), b"\n")
        self.err = done.stderr.decode().replace(os.linesep, "\n")
        assert "Traceback" not in self.err
        assert "\x1b" not in self.err


async def connect(
    *arguments: str, stdin: bytes | int = b"", environ: dict[str, str] | None = None
) -> Done:
    """Run the command to its end."""
    return Done(
        await trio.run_process(
            [*COMMAND, *arguments],
            stdin=stdin,
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env={**ENVIRON, **(environ or {})},
        )
    )


async def connect_and_say_nothing(*arguments: str) -> Done:
    """Run the command with an input that does not end, until the server closes.

    At the end of its input it pings, and trio-websocket's server trips over that while it closes.
    """
    reading, writing = os.pipe()
    try:
        return await connect(*arguments, stdin=reading)
    finally:
        os.close(reading)
        os.close(writing)


async def test_echo() -> None:
    """``echo hi | connect`` against an echo server prints ``hi``, nothing else, and succeeds."""
    async with open_echo_server() as echo:
        done = await connect(echo.url, stdin=b"hi\n")
    assert (done.code, done.out, done.err) == (0, b"hi\n", "")
    assert echo.messages == ["hi"]


async def test_many_lines() -> None:
    """All lines are sent in order, more than fit anywhere, and all answers are shown."""
    lines = [f"{number} {'x' * (number % 700)} é" for number in range(3000)]
    data = "".join(line + "\r\n" for line in lines).encode().removesuffix(b"\r\n")
    async with open_echo_server() as echo:
        done = await connect(echo.url, stdin=data)
    assert done.code == 0
    assert echo.messages == lines
    assert done.out.decode().splitlines() == lines


async def test_a_file(tmp_path: Path) -> None:
    """Standard input may be a file."""
    path = tmp_path / "lines"
    path.write_bytes(b"one\n\ntwo")
    with path.open("rb") as file:
        async with open_echo_server() as echo:
            done = await trio.run_process(
                [*COMMAND, echo.url], stdin=file, capture_stdout=True, env=ENVIRON
            )
    assert done.stdout.splitlines() == [b"one", b"", b"two"]
    assert echo.messages == ["one", "", "two"]


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's words")
async def test_no_input() -> None:
    """Without any standard input nothing is sent, and nothing fails."""
    async with open_echo_server() as echo:
        await trio.run_process(
            ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "--wait", "0", echo.url], env=ENVIRON
        )
    assert echo.messages == []


async def test_lines_that_are_not_utf8() -> None:
    """A line that is not UTF-8 is told with its number, all others are sent, and it exits with 1."""
    async with open_echo_server() as echo:
        done = await connect(echo.url, stdin=b"one\ntw\xffo\nthr\xc3\xa9e")
    assert done.code == 1
    assert done.err == "line 2 was not sent: it is not UTF-8, see byte 3 (0xff)\n"
    assert echo.messages == ["one", "thrée"]


async def sends(request: WebSocketRequest, messages: Sequence[str | bytes]) -> None:
    """Accept, send these, and close."""
    connection = await request.accept()
    for message in messages:
        await connection.send_message(message)
    await connection.aclose()


async def shown(*messages: str | bytes, option: str = "") -> bytes:
    """What is written to a pipe for these messages."""
    async with open_echo_server(handler=lambda request: sends(request, messages)) as server:
        done = await connect_and_say_nothing(*filter(None, [option]), server.url)
    assert done.code == 0
    assert done.err == "* the peer closed the connection (1000 NORMAL_CLOSURE)\n"
    return done.out


async def test_messages_in_a_pipe() -> None:
    """Text goes into a pipe as it came, for tools to read; binary as hex."""
    text = "\x1b[2J\ttwo\nlines é"
    assert await shown(text, b"\x00\xffA", "{}") == f"{text}\n00ff41\n{{}}\n".encode()


async def test_json() -> None:
    """``--json`` indents what is JSON, and leaves the rest."""
    out = await shown('{"a":[1.10,"\u00e9"]}', "[no", b"{}", option="--json")
    assert out.decode() == '{\n  "a": [\n    1.10,\n    "é"\n  ]\n}\n[no\n7b7d\n'


@pytest.mark.parametrize(
    ("code", "reason", "exit_code"),
    [(1000, None, 0), (1001, "going home", 0), (1011, "boom\x1b[31m", 1), (4000, "mine", 1)],
)
async def test_closed_by_the_server(code: int, reason: str | None, exit_code: int) -> None:
    """1000 and 1001 are good ends, others are not; code and reason are shown, harmlessly."""

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.aclose(code, reason)

    async with open_echo_server(handler=handler) as server:
        done = await connect_and_say_nothing(server.url)
    assert done.code == exit_code
    assert str(code) in done.err
    assert (reason or "").replace("\x1b", "\\x1b") in done.err


async def test_too_long() -> None:
    """``--max-size`` ends the connection at a longer message, and 0 is no limit."""
    async with open_echo_server() as echo:
        done = await connect("--max-size", "10", echo.url, stdin=b"x" * 11)
        assert done.code == 1
        assert "1009" in done.err
        done = await connect("--max-size", "0", echo.url, stdin=b"x" * (2**20 + 1))
        assert len(done.out) == 2**20 + 2


async def test_the_request() -> None:
    """Headers, subprotocols and compression are asked for as the options say."""
    async with open_echo_server() as echo:
        done = await connect(
            *("--header", "X-One: a: b", "--header", "x-two;"),
            *("--subprotocol", "v2.chat", "--subprotocol", "v1.chat"),
            *("--compression", "--wait", "0", "-v"),
            echo.url_for(echo.host, "/path?q=1"),
        )
    (request,) = echo.requests
    assert done.code == 0
    assert request.path == "/path?q=1"
    assert request.header("X-One") == "a: b"
    assert request.header("X-Two") == ""
    assert request.subprotocols == ("v2.chat", "v1.chat")
    assert "Sec-WebSocket-Extensions: permessage-deflate" in done.err
    assert "subprotocol v2.chat" in done.err


async def test_proxies() -> None:
    """Each ``--proxy`` is a hop, nearest first, and wins over the environment's."""
    async with open_echo_server() as echo, open_http_proxy() as near, open_socks_proxy() as far:
        options = ["--proxy", near.url, "--proxy", far.url_for("socks5h"), "--wait", "0"]
        done = await connect(*options, echo.url, environ={"all_proxy": "http://127.0.0.1:9"})
    assert done.code == 0, done.err
    assert [request.authority for request in near.requests] == [far.authority]
    assert [request.authority for request in far.requests] == [echo.authority]


async def test_no_proxy() -> None:
    """The environment's proxy is used, unless ``--no-proxy`` says otherwise."""
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        environ = {"all_proxy": proxy.url, "no_proxy": "<-loopback>"}
        for option, count in ((["--no-proxy"], 0), ([], 1)):
            done = await connect(*option, "--wait", "0", echo.url, environ=environ)
            assert done.code == 0, done.err
            assert len(proxy.requests) == count


async def test_certificates(tmp_path: Path) -> None:
    """``--cacert`` is for the server, ``--proxy-cacert`` for proxies; each trusts only its own."""
    for_server, for_proxy = Certificates(), Certificates()
    files = []
    for name, certificates in (("server", for_server), ("proxy", for_proxy)):
        (tmp_path / name).mkdir()
        files.append(str(certificates.write_pem(tmp_path / name).ca))
    async with (
        open_echo_server(ssl_context=for_server.server_context()) as echo,
        open_http_proxy(ssl_context=for_proxy.server_context()) as proxy,
    ):
        options = ["--proxy", proxy.url, "--wait", "0", echo.url]
        done = await connect("--cacert", files[0], "--proxy-cacert", files[1], *options)
        assert done.code == 0, done.err
        done = await connect("--cacert", files[1], "--proxy-cacert", files[1], *options)
        assert (done.code, "the server" in done.err) == (1, True)
        done = await connect("--cacert", files[0], *options)
        assert (done.code, "its certificate was refused" in done.err) == (1, True)


async def test_verbose() -> None:
    """``-v`` shows request, answer, pings, pongs and the close, never a secret, nor a message."""
    async with open_echo_server() as echo:
        done = await connect(
            "-v", "--header", "Authorization: Bearer hush", echo.url, stdin=b"secret"
        )
    assert done.out == b"secret\n"
    lines = done.err.splitlines()
    order = [
        *("* connecting to 127.0.0.1:", "* connected to 127.0.0.1 (", "> GET / HTTP/1.1"),
        *("> Host: 127.0.0.1:", "> Authorization: ***", "< HTTP/1.1 101 ", "< Upgrade: websocket"),
        *("* connected: client ─tcp→", "* sends ping", "* received pong"),
    ]
    places = [next(i for i, x in enumerate(lines) if x.startswith(start)) for start in order]
    assert places == sorted(places)
    assert lines[-3:] == [
        "* sends close, 2 bytes",
        "* received close 1000",
        "* closed by this side",
    ]
    assert "hush" not in done.err
    assert "secret" not in done.err


async def test_a_server_that_pings() -> None:
    """Its pings and our pongs are shown."""

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.ping(b"1234")

    async with open_echo_server(handler=handler) as server:
        done = await connect("-v", "--wait", "inf", server.url)
    assert "* received ping, 4 bytes\n* sends pong, 4 bytes\n" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["http://127.0.0.1"], 2, "scheme"),
        (["--proxy", "ftp://127.0.0.1", "ws://127.0.0.1"], 2, "'ftp' is not supported"),
        (["--proxy", "x:1", "--no-proxy", "ws://127.0.0.1"], 2, "not allowed with"),
        (["--header", "hush hush", "ws://127.0.0.1"], 2, "a header is written 'Name: value'"),
        (["--header", "Na me: x", "ws://127.0.0.1"], 2, "Na me"),
        (["--subprotocol", "a b", "ws://127.0.0.1"], 2, "'a b' is not a token"),
        (["--cacert", "/nowhere/at/all", "ws://127.0.0.1"], 2, "cannot read '/nowhere/at/all'"),
        (["--cacert", __file__, "ws://127.0.0.1"], 2, "has no certificates in PEM format"),
        (["--max-size=-1", "ws://127.0.0.1"], 2, "not a number of bytes"),
        (["--wait", "nan", "ws://127.0.0.1"], 2, "must be 0 or more"),
        (["--connect-timeout", "soon", "ws://127.0.0.1"], 2, "'soon' is not a number"),
        (["--connect-timeout", "1e-9", "ws://127.0.0.1"], 1, "no connection to ws://127.0.0.1"),
        (["--proxy", "http://u:hush@127.0.0.1:1", "ws://x"], 1, "u:***@127.0.0.1:1"),
    ],
)
def test_errors(
    capfd: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    """What cannot work is one message without a traceback, and without a secret."""
    try:
        exit_code = _cli.main(["connect", *arguments])
    except SystemExit as exc:  # argparse's way
        assert isinstance(exc.code, int)
        exit_code = exc.code
    out, err = capfd.readouterr()
    assert exit_code == code
    assert out == ""
    assert message in err
    assert "hush" not in err


async def test_refused() -> None:
    """A server that says no is told with its status."""

    async def handler(request: WebSocketRequest) -> None:
        await request.reject(404)

    async with open_echo_server(handler=handler) as server:
        done = await connect(server.url)
    assert done.code == 1
    assert "answered 404 Not Found" in done.err


@asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[trio.Process]:
    """Run the command with pipes at all ends."""
    async with trio.open_nursery() as nursery:
        run = functools.partial(
            trio.run_process,
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            env=ENVIRON,
        )
        process: trio.Process = await nursery.start(run)
        yield process


async def rest_of(stream: trio.abc.ReceiveStream | None) -> bytes:
    """All that is still to be read."""
    assert stream is not None
    return b"".join([data async for data in stream])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for others")
async def test_interrupted() -> None:
    """Ctrl-C does the closing handshake, and exits with 130 and without a word."""
    codes = []

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.send_message("ready")
        with pytest.raises(ConnectionClosed) as excinfo:
            await connection.get_message()
        assert excinfo.value.reason is not None
        codes.append(excinfo.value.reason.code)

    async with open_echo_server(handler=handler) as server, running(server.url) as process:
        assert process.stdout is not None
        assert await process.stdout.receive_some() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert await rest_of(process.stderr) == b""
    assert codes == [1000]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for others")
async def test_interrupted_while_nobody_reads() -> None:
    """Ctrl-C also works where the reader of our output has stopped reading."""
    stuck = trio.Event()

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(50_000):  # 50 MB: more than fits into all buffers on the way
                with trio.move_on_after(1) as scope:
                    await connection.send_message("x" * 1000)
                if scope.cancelled_caught:
                    break
            stuck.set()
            await trio.sleep_forever()

    async with open_echo_server(handler=handler) as server, running(server.url) as process:
        await stuck.wait()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert await rest_of(process.stderr) == b""


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell's words")
async def test_nobody_reads() -> None:
    """``| head -1`` ends it without a word, with exit code 1."""
    script = 'yes | "$@" | head -1; echo "${PIPESTATUS[1]}"'
    async with open_echo_server() as echo:
        done = Done(
            await trio.run_process(
                ["bash", "-c", script, "bash", *COMMAND, echo.url],
                capture_stdout=True,
                capture_stderr=True,
                env=ENVIRON,
            )
        )
    assert (done.out, done.err) == (b"y\n1\n", "")


def test_help(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The help has examples, and fits 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "argv", ["/usr/bin/trio-wsproxy"])
    with pytest.raises(SystemExit):
        _cli.main(["connect", "--help"])
    out = capsys.readouterr().out
    assert "\n  trio-wsproxy connect wss://example.org/chat\n" in out
    assert "exit code" in out
    assert all(len(line) <= 80 for line in out.splitlines())


async def test_the_prompt_stands_before_an_answer_can() -> None:
    """An answer that comes while its question is being sent finds the next prompt there."""
    shown: list[str] = []

    class Server:
        async def send(self, message: str) -> None:
            shown.append(f"sent {message}")

    class Prompts:
        typed = True

        def prompt(self) -> None:
            shown.append("prompt")

    conversation = _connect.Conversation(
        cast("Any", Server()),
        cast("Any", Prompts()),
        argparse.Namespace(binary=False, messages=None, wait=0),
    )
    await conversation._send(b"hello")
    assert shown == ["prompt", "sent hello"]
