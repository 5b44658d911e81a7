"""Every example runs as it stands, the one of the README too."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import trio
from _pages import checked_by
from trio_websocket import WebSocketRequest

from trio_wsproxy.testing import (
    Fail,
    open_echo_server,
    open_http_proxy,
    open_socks_proxy,
    open_tcp_server,
)

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"


async def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run Python as a user would: in a process of its own, with no proxies but these."""
    inherited = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return await trio.run_process(
        [sys.executable, *arguments],
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environment},
    )


async def test_hello_through_the_systems_proxy() -> None:
    """hello.py finds the proxy in the environment, and prints the echo."""
    async with (
        open_echo_server() as echo,
        open_http_proxy(resolve={"echo.test": echo.host}) as proxy,
    ):
        done = await run("examples/hello.py", echo.url_for("echo.test"), http_proxy=proxy.url)
        assert (done.stdout, done.stderr, done.returncode) == (b"hello\n", b"", 0)
        assert [request.authority for request in proxy.requests] == [f"echo.test:{echo.port}"]


async def test_follow_until_the_server_is_done() -> None:
    """follow.py prints all messages, through a chain, and ends well when the server does."""

    async def count(request: WebSocketRequest) -> None:
        connection = await request.accept()
        for message in ("one", "two", "three"):
            await connection.send_message(message)
        await connection.aclose()

    async with (
        open_echo_server(handler=count) as server,
        open_http_proxy() as first,
        open_socks_proxy() as second,
    ):
        done = await run("examples/follow.py", server.url, first.url, second.url)
        assert (done.stdout, done.stderr, done.returncode) == (b"one\ntwo\nthree\n", b"", 0)
        assert [request.authority for request in first.requests] == [second.authority]
        assert [request.authority for request in second.requests] == [server.authority]


async def test_follow_tells_what_went_wrong() -> None:
    """follow.py names the hop and the stage of a proxy that refuses, and exits with 1."""
    async with open_socks_proxy(script=[Fail(reply=5)]) as proxy:
        done = await run("examples/follow.py", "ws://echo.test", proxy.url)
        assert done.returncode == 1
        assert done.stdout == b""
        assert done.stderr.startswith(b"hop 1, stage socks: proxy socks5h://127.0.0.1:")
        assert b"connection refused" in done.stderr


async def test_follow_tells_that_it_broke() -> None:
    """follow.py says so when the server closes with an error, and exits with 1."""

    async def fail(request: WebSocketRequest) -> None:
        connection = await request.accept()
        await connection.aclose(code=1011, reason="out of paper")

    async with open_echo_server(handler=fail) as server:
        done = await run("examples/follow.py", server.url)
        assert done.returncode == 1
        assert b"1011 INTERNAL_ERROR: out of paper" in done.stderr


async def test_greeting() -> None:
    """greeting.py prints the first line of a server that speaks first."""
    command, shown = checked_by(__file__)["greeting"].text.splitlines()
    assert command.startswith("$ python greeting.py ")
    host, port, there = command.split()[3:]

    async def greet(stream: trio.abc.Stream) -> None:
        await stream.send_all(f"220 {host} ES".encode())
        await stream.send_all(b"MTP\r\n250 ")

    async with (
        open_tcp_server(greet) as server,
        open_socks_proxy(resolve={host: (server.host, server.port)}) as proxy,
    ):
        assert proxy.url.replace(str(proxy.port), "1080") == there
        done = await run("examples/greeting.py", host, port, proxy.url)
        assert (done.stdout.decode(), done.stderr, done.returncode) == (f"{shown}\n", b"", 0)
        assert proxy.requests[0].authority == f"{host}:{port}"


async def test_readme(tmp_path: Path) -> None:
    """The README's example runs, prints what stands below it, and has twelve lines at most."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example, output = re.findall(r"^```(?:python)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[:2]
    assert len([line for line in example.splitlines() if line]) <= 12
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    done = await run(str(script))
    assert done.stderr == b""
    assert re.sub(r":\d+", ":PORT", done.stdout.decode()) == re.sub(r":\d+", ":PORT", output)


def test_all_examples_are_tested() -> None:
    """No example is forgotten here."""
    tested = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f"examples/{path.name}" in tested


async def test_trace_with_structlog() -> None:
    """trace_structlog.py logs both ends of each stage, and what it found."""
    async with (
        open_echo_server() as echo,
        open_http_proxy(resolve={"echo.test": echo.host}) as proxy,
    ):
        url = echo.url_for("echo.test")
        done = await run("examples/trace_structlog.py", url, ws_proxy=proxy.url)
    assert done.returncode == 0, done.stderr
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout.decode())
    logged = [re.findall(r"\[(\w+) *\] (\w+)|stage=(\w+)", line) for line in text.splitlines()]
    assert ["".join(word for parts in line for word in parts) for line in logged] == [
        "debugbegintcp",
        "infoendtcp",
        "debugbeginconnect",
        "infoendconnect",
        "debugbeginupgrade",
        "infoendupgrade",
        "infoopen",
    ]
    assert "HTTP/1.1 101" in text


async def test_trace_with_opentelemetry() -> None:
    """trace_opentelemetry.py makes a span of each stage, below the one for the connection."""
    async with open_echo_server() as echo:
        done = await run("examples/trace_opentelemetry.py", echo.url)
    assert done.returncode == 0, done.stderr
    decoder, text, spans = json.JSONDecoder(), done.stdout.decode(), []
    while text := text.lstrip():
        span, end = decoder.raw_decode(text)
        spans.append(span)
        text = text[end:]
    assert [span["name"] for span in spans] == ["tcp", "upgrade", "websocket"]
    parent = spans[-1]["context"]["span_id"]
    assert {span["parent_id"] for span in spans[:-1]} == {parent}
    assert "HTTP/1.1 101" in spans[1]["attributes"]["trio_wsproxy.status"]


async def test_simulated_feed() -> None:
    """simulated_feed.py passes as its first lines say, in a few universes."""
    plugin = "trio_wsproxy.testing.simulate.pytest_plugin"
    command = ("-m", "pytest", "-q", "-p", plugin, "--universes=3", "examples/simulated_feed.py")
    done = await run(*command)
    assert done.returncode == 0, done.stdout.decode()
    assert b"1 passed" in done.stdout
