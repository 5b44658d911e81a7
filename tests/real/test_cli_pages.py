"""What the pages of the command line show of squid, dante and tinyproxy is what these bring about."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from _challenging import Challenging
from _pages import checked_by
from _proxies import RealProxies, reserved_port
from _typed import masked, session, typed

from trio_wsproxy.testing import EchoServer, open_echo_server

SESSIONS = {name: session(block) for name, block in checked_by(__file__).items()}
SQUID = {"open": 3128, "basic": 3129, "inspecting": 3130}
OTHERS = {"dante": 1080, "tinyproxy": 8888}
OWNER = "Example Org"
MASKS = {
    r"squid\.test": "proxy.corp",
    # What a squid says of itself and its cache is another thing in each version.
    r"\n +(Server|Mime-Version|Vary|X-Cache[\w-]*|Cache-Status|Via): [^\n]*(\n {6}[^\n]*)*": "",
    r"Content-Length: \d+": "Content-Length: LENGTH",
    r"(echo\.example)(:\d+)?": r"\1",
    r"within \d+ s": "within TIME",
    r"::1, 127\.0\.0\.1|::1": "127.0.0.1",
    # From Python 3.13 on the whole chain is known, and a certificate that was refused.
    r"\n +certificate: CN=echo\.example[^\n]*\n +issued by OU=TLS Inspection[^\n]*(\n +UTC)?": "",
    r"\n +OU=[\w ]+, O=[\w ]+: valid until [\d-]+\s+\(\d+\s+days\s+left\);\s+issued\s+by\s+itself": "",
    r"it\s+was\s+issued\s+by\s+'[^']*';\s+": "",
}


def authority() -> trustme.CA:
    """Who has signed for the server."""
    return trustme.CA(organization_unit_name="Example Root", organization_name=OWNER)


@asynccontextmanager
async def echo_example(ca: trustme.CA) -> AsyncIterator[EchoServer]:
    """The server whose name only squid knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = ca.issue_cert(
        "echo.example",
        common_name="echo.example",
        organization_unit_name="Echo",
        organization_name=OWNER,
    )
    leaf.configure_cert(context)
    async with open_echo_server(ssl_context=context) as server:
        yield server


def here(commands: str, squid: Challenging, real: RealProxies) -> dict[str, str]:
    """This machine's proxies for those that are named; they are started for that."""
    named = {port: squid.proxies[name].port for name, port in SQUID.items()}
    for name, port in OTHERS.items():
        if f"localhost:{port}" in commands:
            named[port] = real[name].port
    return {f"localhost:{there}": f"localhost:{port}" for there, port in named.items()}


@pytest.mark.parametrize("name", [name for name in SESSIONS if name != "conversation"])
async def test_check(squid: Challenging, real: RealProxies, tmp_path: Path, name: str) -> None:
    """What stands there is printed."""
    commands, output = SESSIONS[name]
    inspected = "localhost:3130" in commands
    ca = squid.servers if inspected else authority()
    ca.cert_pem.write_to_path(tmp_path / "root.pem")
    async with echo_example(ca) as echo:
        with reserved_port() as nobody:
            known = {
                "localhost:3131": f"localhost:{nobody}",
                "echo.example/": f"echo.example:{echo.port}/",
                "--connect-timeout 5": "--connect-timeout 10",  # this machine is slow
                **here(commands, squid, real),
            }
            printed = await typed(commands, tmp_path, known)
    assert masked(printed, MASKS) == masked(output, MASKS), printed


async def test_conversation(squid: Challenging, real: RealProxies, tmp_path: Path) -> None:
    """What stands there is to be seen in a terminal, where that is typed which the page says."""
    from _conversations import conversation  # which skips what imports it where there is no tmux

    shown = SESSIONS["conversation"]
    ca = authority()
    ca.cert_pem.write_to_path(tmp_path / "root.pem")
    async with echo_example(ca) as echo:
        known = {
            "root.pem": str(tmp_path / "root.pem"),
            "echo.example/": f"echo.example:{echo.port}/",
            **here(shown.commands, squid, real),
        }
        seen = await conversation(shown, known, tmp_path)
    assert masked(seen, MASKS) == masked(shown.output, MASKS), seen
