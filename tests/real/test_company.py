"""A company's network by variables alone: programs that know of no proxy, and the command line.

Each runs as a process of its own in an environment that says all there is to say. What it was
taken for, and that it has gone through the proxy, is read in squid's log.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from _challenging import PASSWORD, USER, Challenging
from _proxies import SQUID_NAME, RealProxy

from trio_wsproxy.testing import open_echo_server

ROOT = Path(__file__).parent.parent.parent
PROGRAM = [sys.executable, str(Path(__file__).with_name("_unaware.py"))]
COMMAND = [sys.executable, "-m", "trio_wsproxy"]
NOT_OURS = re.compile(r".*_proxy|(KRB5|SSL_|TRIO_WSPROXY).*|NETRC|NO_COLOR", re.IGNORECASE)


class Ended(NamedTuple):
    """What came of a process."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """What it said last: the last line of a traceback, the message of a command."""
        return self.err.strip().rpartition("\n")[2]


async def run(
    command: list[str], variables: Mapping[str, str], home: Path, stdin: bytes = b""
) -> Ended:
    """Run something with these variables, and none about proxies but them."""
    own = {name: value for name, value in os.environ.items() if not NOT_OURS.fullmatch(name)}
    done = await trio.run_process(
        command,
        stdin=stdin,
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        env={
            **own,
            "HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            **variables,
        },
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def at(proxy: RealProxy, userinfo: str) -> str:
    """The proxy's URL as a user writes it, with the name that Kerberos knows it by."""
    return f"{proxy.schemes[0]}://{userinfo}localhost:{proxy.port}"


def tunnels(proxy: RealProxy) -> list[str]:
    """For whom a port of squid has opened a tunnel, ``-`` where it has asked nobody."""
    lines = [line.split() for line in proxy.daemon.text().splitlines()]
    return [line[-1] for line in lines if line[0] == str(proxy.port) and "/200" in line[1]]


def refusals(proxy: RealProxy) -> int:
    """How often a port of squid has said 407."""
    return len(re.findall(rf"^{proxy.port} \S+/407 ", proxy.daemon.text(), re.MULTILINE))


class Setting(NamedTuple):
    """What a user writes, and whom squid takes him for."""

    port: str
    userinfo: str
    user: str


URLS = {
    "basic": Setting("basic", f"{USER}:{PASSWORD}@", USER),
    "basic, utf-8": Setting("basic", "j%C3%BCrgen:p%C3%A4ss%3Aw%C3%B6rd@", "jürgen"),
    "digest": Setting("digest", f"{USER}:{PASSWORD}@", USER),
}


@pytest.mark.parametrize("name", URLS)
async def test_url_in_a_variable(squid: Challenging, tmp_path: Path, name: str) -> None:
    """What stands in https_proxy is enough for each scheme, in a program and on the command line."""
    port, userinfo, user = URLS[name]
    proxy = squid.proxies[port]
    async with open_echo_server() as server:
        url, authority = server.url_for(SQUID_NAME), f"{SQUID_NAME}:{server.port}"
        variables = {"https_proxy": at(proxy, userinfo)}
        before = len(tunnels(proxy))
        async with proxy.carries(authority, times=4):
            program = await run([*PROGRAM, url, url], variables, tmp_path)
            connect = await run([*COMMAND, "connect", url], variables, tmp_path, b"hello\n")
            check = await run([*COMMAND, "check", "--pings", "1", url], variables, tmp_path)
    assert program == (0, "hello\nhello\n", "")
    assert connect == (0, "hello\n", "")
    assert "connected after" in check.out
    assert check.code == 0
    assert {found.lower() for found in tunnels(proxy)[before:]} == {user.lower()}
    assert PASSWORD not in check.out + check.err


async def test_wrong_password(squid: Challenging, tmp_path: Path) -> None:
    """A wrong one is told with the variable that it stands in, and not shown."""
    url = f"ws://{SQUID_NAME}:9/"
    for port in ("basic", "digest"):
        variables = {"https_proxy": at(squid.proxies[port], f"{USER}:wr0ng@")}
        program = await run([*PROGRAM, url], variables, tmp_path)
        check = await run([*COMMAND, "check", url], variables, tmp_path)
        assert program.code == check.code == 1
        for told in (program.error, " ".join(check.out.split())):
            assert "from environment variable https_proxy" in told
            assert "it refuses these credentials" in told
        assert "wr0ng" not in program.err + check.out + check.err


async def test_no_proxy(squid: Challenging, tmp_path: Path) -> None:
    """What no_proxy covers is reached directly, whatever else is set; the rest through the proxy."""
    proxy = squid.proxies["basic"]
    variables = {"all_proxy": at(proxy, f"{USER}:{PASSWORD}@"), "no_proxy": "127.0.0.1,.corp"}
    async with open_echo_server() as server:
        async with proxy.carries(f"{SQUID_NAME}:{server.port}"):
            urls = server.url_for("127.0.0.1"), server.url_for(SQUID_NAME)
            assert await run([*PROGRAM, *urls], variables, tmp_path) == (0, "hello\nhello\n", "")
        assert proxy.count(server.authority) == 0


async def test_inspecting_proxy(squid: Challenging, tmp_path: Path) -> None:
    """A proxy that looks into TLS is trusted by SSL_CERT_FILE, and blamed by name without it."""
    proxy = squid.proxies["inspecting"]
    context = server_context(squid)
    async with open_echo_server(ssl_context=context) as server:
        url = server.url_for(SQUID_NAME)
        variables = {"https_proxy": at(proxy, "")}
        refused = await run([*PROGRAM, url], variables, tmp_path)
        variables["SSL_CERT_FILE"] = str(squid.company_pem)
        trusted = await run([*PROGRAM, url], variables, tmp_path)
    assert trusted == (0, "hello\n", "")
    assert refused.code == 1
    assert "its certificate was refused" in refused.error
    assert "SSL_CERT_FILE" in refused.error


def server_context(squid: Challenging) -> ssl.SSLContext:
    """The TLS of a server that the inspecting proxy trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    squid.servers.issue_cert(SQUID_NAME).configure_cert(context)
    return context
