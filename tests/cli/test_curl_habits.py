"""The options that people type without looking: what each does, and what is wrong with it."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from _deaf import open_deaf_server
from trio_websocket import ConnectionClosed, WebSocketRequest, wrap_server_stream
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Request

import trio_wsproxy
from trio_wsproxy.testing import Certificates, open_echo_server, open_http_proxy, open_tcp_server

ROOT = Path(trio_wsproxy.__file__).parent.parent
ENVIRON = {
    **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "PYTHONWARNINGS": "error",
    "TRIO_WSPROXY_DESKTOP": "0",
}
UNIX = pytest.mark.skipif(sys.platform == "win32", reason="Python knows no Unix sockets there")


async def run(*arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Run the program with pipes: exit code, output, errors."""
    done = await trio.run_process(
        [sys.executable, "-m", "trio_wsproxy", *arguments],
        stdin=stdin,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env=ENVIRON,
    )
    told = done.stderr.decode()
    assert "Traceback" not in told
    assert "\x1b" not in told
    return done.returncode, done.stdout, told


@asynccontextmanager
async def telling(*messages: str | bytes) -> AsyncIterator[str]:
    """A server that sends these, and then waits for the close; its URL."""

    async def handler(request: WebSocketRequest) -> None:
        connection = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await connection.send_message(message)
            await connection.get_message()

    async with open_echo_server(handler=handler) as server:
        yield server.url


async def test_short_names() -> None:
    """``-x`` and ``-H`` are ``--proxy`` and ``--header``; ``--origin`` and ``--user`` are headers."""
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        options = ["-x", proxy.url, "-H", "X-One: 1", "--origin", "https://app.test"]
        code, _, told = await run("connect", *options, "--user", "ada:s3 cret", "-v", echo.url)
    assert code == 0, told
    (request,) = echo.requests
    assert request.header("X-One") == "1"
    assert request.header("Origin") == "https://app.test"
    token = base64.b64encode(b"ada:s3 cret").decode()
    assert request.header("Authorization") == f"Basic {token}"
    assert token not in told
    assert [x.authority for x in proxy.requests] == [echo.authority]


async def test_headers_as_curl_has_them() -> None:
    """``Name;`` is sent without a value; ``Name:`` would take one of ours away, and is not sent."""
    async with open_echo_server() as echo:
        options = ["-H", "X-One;", "-H", "X-Two:", "-H", "X-Three: a;", "-H", "Host:"]
        code, _, told = await run("connect", *options, echo.url)
    assert (code, told) == (0, "")
    (request,) = echo.requests
    sent = {name.decode().lower() for name, _ in request.headers}
    assert {"x-one", "x-three"} <= sent
    assert "x-two" not in sent
    assert request.header("X-One") == ""
    assert request.header("X-Three") == "a;"
    assert request.header("Host") == echo.authority


@pytest.mark.parametrize("option", ["--max-time", "--connect-timeout"])
async def test_no_limit(option: str) -> None:
    """A time of 0 is no limit, as curl has it."""
    async with open_echo_server() as echo:
        assert await run("connect", option, "0", echo.url, stdin=b"hi") == (0, b"hi\n", "")


async def test_insecure_without_tls() -> None:
    """``-k`` is nothing where there is no certificate, so nobody is warned."""
    async with open_echo_server() as echo:
        assert await run("connect", "-k", echo.url, stdin=b"hi") == (0, b"hi\n", "")


async def test_much_in_and_out() -> None:
    """A megabyte of any bytes comes back through pipes as it went in."""
    data = random.Random(15).randbytes(2**20)
    async with open_echo_server() as echo:
        code, out, told = await run("connect", "--binary", "--wait", "5", echo.url, stdin=data)
    assert (code, told) == (0, "")
    assert out == data


@pytest.mark.parametrize("option", ["-1", "--messages"])
async def test_so_many_messages(option: str) -> None:
    """``-1`` and ``--messages`` close after so many, with 0, though more would come."""
    async with telling("one", "two", "three") as url:
        options = ["-1"] if option == "-1" else ["--messages", "2"]
        code, out, told = await run("connect", *options, "--wait", "inf", url)
    assert (code, out.split(), told) == (0, [b"one", b"two"][: len(options)], "")


async def test_binary() -> None:
    """``--binary`` sends what it reads as it is, and writes what comes as it is."""
    data = bytes(range(256))
    async with open_echo_server() as echo:
        code, out, told = await run("connect", "--binary", echo.url, stdin=data)
    assert (code, out, told) == (0, data, "")
    assert b"".join(x if isinstance(x, bytes) else b"" for x in echo.messages) == data
    async with telling("text\n", b"\0") as url:
        _, out, _ = await run("connect", "--binary", "--messages", "2", "--wait", "inf", url)
    assert out == b"text\n\0"


async def test_timestamps() -> None:
    """``--timestamps`` puts the time before each message, with milliseconds and its offset."""
    async with telling("one") as url:
        _, out, _ = await run("connect", "--timestamps", "-1", "--wait", "inf", url)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d one\n", out.decode())


async def test_quiet_and_verbose() -> None:
    """``-q`` shows messages alone, an error all the same; it does not go with ``-v``."""
    async with open_echo_server() as echo:
        assert await run("connect", "-q", echo.url, stdin=b"hi") == (0, b"hi\n", "")
    code, _, told = await run("connect", "-q", "--no-proxy", "ws://127.0.0.1:1")
    assert code == 1
    assert "cannot be reached" in told
    assert (await run("connect", "-q", "-v", "ws://h.test"))[0] == 2


@pytest.mark.parametrize("command", ["connect", "check"])
async def test_max_time(command: str) -> None:
    """``--max-time`` ends it wherever it is, with 1 and a word."""
    async with open_deaf_server() as server:
        code, out, told = await run(
            command, "--no-proxy", "--max-time", "0.3", f"ws://{server.authority}"
        )
    assert code == 1
    assert "--max-time is over: " in told + out.decode()


async def test_max_time_of_a_conversation() -> None:
    """It ends an open connection, too."""
    async with telling() as url:
        code, _, told = await run("connect", "--max-time", "2", "--wait", "inf", url)
    assert (code, told) == (1, "--max-time is over: 2 s\n")


async def test_ping_interval() -> None:
    """``--ping-interval`` pings in silence, and 0 never does."""
    async with telling() as url:
        options = ["--wait", "inf", "--max-time", "2", "-v"]
        _, _, told = await run("connect", "--ping-interval", "0.1", *options, url)
        assert told.count("* sends ping") > 1
        _, _, told = await run("connect", "--ping-interval", "0", *options, url)
        assert told.count("* sends ping") == 1  # that at the end of the input


async def test_redirects() -> None:
    """``--max-redirects`` follows so many, and none without."""
    async with open_echo_server() as echo:

        async def redirect(stream: trio.abc.Stream) -> None:
            await stream.receive_some()
            await stream.send_all(
                f"HTTP/1.1 302 Found\r\nLocation: {echo.url}\r\nContent-Length: 0\r\n\r\n".encode()
            )

        async with open_tcp_server(redirect) as server:
            url = f"ws://{server.authority}/"
            code, _, told = await run("connect", "--no-proxy", url)
            assert (code, "302" in told) == (1, True)
            code, out, _ = await run(
                "connect", "--no-proxy", "--max-redirects", "1", url, stdin=b"x"
            )
            assert (code, out) == (0, b"x\n")


@pytest.mark.parametrize("option", ["-k", "--insecure"])
async def test_insecure(option: str) -> None:
    """``-k`` does not check the server's certificate, and warns; nor that of proxies, by its own name."""
    certificates = Certificates()
    async with (
        open_echo_server(ssl_context=certificates.server_context("other.test")) as echo,
        open_http_proxy(ssl_context=certificates.server_context("other.test")) as proxy,
    ):
        url = echo.url_for("127.0.0.1")
        code, out, told = await run("connect", "--no-proxy", option, url, stdin=b"hi")
        assert (code, out) == (0, b"hi\n")
        assert told.startswith("warning: the certificate of the server is not checked (--insecure)")
        assert len(told.splitlines()) == 1
        options = ["-x", proxy.url_for("https", host="127.0.0.1"), option]
        code, _, told = await run("connect", *options, url)
        assert (code, "its certificate was refused" in told) == (1, True)
        code, out, told = await run("connect", *options, "--proxy-insecure", url, stdin=b"hi")
        assert (code, out) == (0, b"hi\n")
        assert "warning: the certificate of proxies is not checked (--proxy-insecure)" in told


async def test_client_certificates(tmp_path: Path) -> None:
    """``--cert`` and ``--key`` show a certificate to the server; the key may be in the same file."""
    certificates, authority = Certificates(), trustme.CA()
    (tmp_path / "ca").write_bytes(certificates.ca_pem)
    mine = authority.issue_cert("ada@e.test")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "cert")
    mine.private_key_pem.write_to_path(tmp_path / "key")
    mine.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both")
    other = authority.issue_cert("bob@e.test")
    other.private_key_pem.write_to_path(tmp_path / "other")
    context = certificates.server_context("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    path = {name: str(tmp_path / name) for name in ("ca", "cert", "key", "both", "other", "none")}
    async with open_echo_server(ssl_context=context) as echo:
        arguments = ["--no-proxy", "--cacert", path["ca"], echo.url_for("127.0.0.1")]
        for given in (
            ["--cert", path["both"]],
            ["--cert", path["cert"], "--key", path["key"]],
        ):
            code, out, told = await run("connect", *given, *arguments, stdin=b"hi")
            assert (code, out) == (0, b"hi\n"), told
        assert (await run("connect", *arguments))[0] == 1
        for given, said in (
            (["--cert", path["cert"]], "--cert: "),
            (["--cert", path["none"]], "cannot be read: No such file or directory"),
            (["--cert", path["cert"], "--key", path["other"]], "its key is another certificate's"),
            (["--key", path["key"]], "--key is of no use without --cert"),
            (["--proxy-key", path["key"]], "--proxy-key is of no use without --proxy-cert"),
        ):
            code, _, told = await run("connect", *given, *arguments)
            assert (code, said in told, len(told.splitlines())) == (2, True, 1), told


@UNIX
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("command", ["connect", "check"])
async def test_unix(command: str, secure: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    """``--unix`` connects to a Unix socket, with TLS where the URL says so."""
    directory = tmp_path_factory.mktemp("u")
    certificates = Certificates()
    (directory / "ca").write_bytes(certificates.ca_pem)
    paths: list[str] = []

    async def echo(request: WebSocketRequest) -> None:
        paths.append(request.path)
        connection = await request.accept()
        with contextlib.suppress(ConnectionClosed):
            while True:
                await connection.send_message(await connection.get_message())

    path = str(directory / "s")
    listening = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    with listening:
        await listening.bind(path)
        listening.listen(5)
        listener: Any = trio.SocketListener(listening)
        if secure:
            context = certificates.server_context("app.test")
            listener = trio.SSLListener(listener, context, https_compatible=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(_serve, listener, echo))
            scheme = "wss" if secure else "ws"
            options = ["--unix", path, "--cacert", str(directory / "ca")]
            code, out, told = await run(
                command, *options, f"{scheme}://app.test/chat", stdin=b"hi\n"
            )
            assert (code, told) == (0, ""), out
            assert (out == b"hi\n") is (command == "connect")
            if secure:
                code, out, told = await run(command, "--unix", path, "wss://app.test/")
                assert code == 1
                assert "TLS with app.test at the Unix socket" in out.decode() + told
            nursery.cancel_scope.cancel()
    assert paths[0] == "/chat"


async def _serve(listener: Any, handler: Any) -> None:
    # trio-websocket's own server looks for an IP address.
    async def handle(stream: trio.abc.Stream) -> None:
        # A client that breaks TLS off is no failure of the server.
        with contextlib.suppress(trio.BrokenResourceError):
            async with trio.open_nursery() as nursery:
                await handler(await wrap_server_stream(nursery, stream))
                nursery.cancel_scope.cancel()

    await trio.serve_listeners(handle, [listener])


@UNIX
@pytest.mark.parametrize("command", ["connect", "check"])
async def test_no_unix_socket(command: str, tmp_path: Path) -> None:
    """A path where nobody listens is told; a proxy beside it is refused."""
    path = str(tmp_path / "none")
    code, out, told = await run(command, "--unix", path, "ws://app.test/")
    assert code == 1
    said = " ".join((out.decode() + told).split())
    assert f"the Unix socket '{path}' cannot be connected to: No such file or directory" in said
    code, _, told = await run(command, "--unix", path, "-x", "http://p.test", "ws://app.test/")
    assert (code, "--unix connects directly" in told) == (2, True)


@pytest.mark.parametrize("when", ["before the ping", "behind the ping"])
@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        (4001, 1, "the peer closed the connection (4001: bye)"),
        (1000, 0, "the peer closed the connection (1000 NORMAL_CLOSURE: bye)"),
    ],
)
async def test_a_close_of_the_application(code: int, exit_code: int, said: str, when: str) -> None:
    """A code of its own is told, and is no success, but nothing is called lost.

    Whenever it comes: the program, whose input has ended, pings.
    """

    async def close(stream: trio.abc.Stream) -> None:
        server = WSConnection(ConnectionType.SERVER)
        server.receive_data(bytes(await stream.receive_some()))
        assert isinstance(next(server.events()), Request)
        first = server.send(AcceptConnection())
        last = server.send(CloseConnection(code=code, reason="bye"))
        if when == "behind the ping":
            await stream.send_all(first)
            await stream.receive_some()
            await stream.send_all(last)
        else:
            await stream.send_all(first + last)
        async for _ in stream:
            pass

    async with open_tcp_server(close) as server:
        found, _, told = await run("connect", "--wait", "inf", f"ws://{server.authority}")
    assert (found, told.strip().removeprefix("* ")) == (exit_code, said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--messages", "0"], "must be 1 or more"),
        (["--messages", "many"], "not a number of messages"),
        (["--max-redirects", "-1"], "max-redirects"),
        (["--max-redirects", "1.5"], "not a number of redirects"),
        (["--max-time", "soon"], "not a number of seconds"),
        (["--max-time", "nan"], "must be 0 or more"),
        (["--max-time=-1"], "must be 0 or more"),
        (["--max-time", "1_0"], "not a number of seconds"),
        (["--connect-timeout", "\N{ARABIC-INDIC DIGIT ONE}"], "not a number of seconds"),
        (["--connect-timeout", "nan"], "must be 0 or more"),
        *(
            ([option, ""], "a path is missing")
            for option in ("--unix", "--cacert", "--cert", "--key", "--proxy-cert")
        ),
        (["-H", "@"], "a path is missing behind the @"),
        (["-H", ";"], "a header is written 'Name: value'"),
        (["-H", "X-One: a\r\nX-Two: b"], "HTTP does not allow the name or value of header 'X-One'"),
        (["--binary", "--json"], "--json is for text"),
        (["--binary", "--timestamps"], "--timestamps is for text"),
        (["--unix", "x", "--proxy", "http://h"], "so --proxy is of no use with it"),
        (["--unix", "x", "--pac", "http://h"], "so --pac is of no use with it"),
        (["--ping-interval", "x"], "not a number of seconds"),
        (["--origin", "a\r\nX: y"], "rigin"),
        (["-H", "s3cret"], "a header is written 'Name: value'"),
    ],
)
async def test_wrong(arguments: list[str], said: str) -> None:
    """What makes no sense is told with the option's name, with 2, and without a secret."""
    code, out, told = await run("connect", *arguments, "ws://127.0.0.1:1")
    assert (code, out) == (2, b"")
    assert said in told
    assert "s3cret" not in told
