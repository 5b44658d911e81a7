"""What ``docs/company.rst`` shows of squid is what squid brings about.

A block of the page is run in the variables that it exports, at the port of squid that the comment before
it names. Compared are the words, without what differs from run to run: ports, times, dates, how a
paragraph is broken. ``…`` on a line of its own stands for any number of lines.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from _challenging import PASSWORD, Challenging
from _pages import all_blocks, checked_by
from _proxies import reserved_port
from test_company import COMMAND, need_kerberos, run

from trio_wsproxy.testing import open_echo_server, open_tcp_server

RUN = re.compile(r"The tests run this at squid's port (\S+?)(, with a ticket)?\.")
ANY = "…"
MASKS = {
    r"localhost|old\.corp|squid\.test": "proxy.corp",
    r"127\.0\.0\.1": "192.0.2.7",
    r":\d+": ":PORT",
    r"\S*/proxy\.pac": "PAC",
    r"\d+ characters": "LENGTH",
    r"[\d.]+( / [\d.]+)* ms": "TIME",
    r"█+": "",
    r"\d{4}-\d\d-\d\d( \d\d:PORT UTC)?": "DATE",
    r"\d+ days left": "DAYS left",
    r'nonce="\w+"': "nonce",
    r"\s": "",
    r"itwasissuedby'[^']*';": "",  # which Python knows from 3.13 on
    r"OU=Testingcert#[\w-]+,O=trustmev[\d.]+": "CN=echo.example",
}


class Block(NamedTuple):
    """Where and how something is run, and what it prints."""

    port: str
    ticket: bool
    exported: dict[str, str]
    arguments: list[str]
    output: str


def blocks() -> list[Block]:
    """Those of the page, in order."""
    found = []
    for block in all_blocks():
        run_at = RUN.fullmatch(block.comment)
        if run_at is None:
            continue
        port, ticket = run_at.groups()
        lines = block.text.splitlines()
        typed = [line[2:] for line in lines if line.startswith("$ ")]
        pairs = [line.removeprefix("export ").partition("=") for line in typed[:-1]]
        program, *arguments = typed[-1].split()
        assert program == "trio-wsproxy"
        output = "\n".join(line for line in lines if not line.startswith("$ "))
        exported = {name: value for name, _, value in pairs}
        found.append(Block(port, bool(ticket), exported, arguments, output))
    return found


def masked(text: str) -> str:
    """What is compared."""
    for pattern, replacement in MASKS.items():
        text = re.sub(pattern, replacement, text)
    return text


def script(proxy: str, old: str) -> bytes:
    """The PAC script that the page shows, with these two proxies, as a web server sends it."""
    text = checked_by(__file__)["script"].text
    body = text.replace("proxy.corp:3128", proxy).replace("old.corp:3128", old).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def replaced(text: str, replacements: Mapping[str, str]) -> str:
    """A text in which these stand for others."""
    for there, here in replacements.items():
        text = text.replace(there, here)
    return text


@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"{block.port}-{block.arguments[0]}")
async def test_block(squid: Challenging, tmp_path: Path, block: Block) -> None:
    """What stands there is printed."""
    need_kerberos()
    pytest.importorskip("quickjs")
    proxy = f"localhost:{squid.proxies[block.port].port}"

    async def web_server(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(script(proxy, f"localhost:{old}"))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    squid.servers.issue_cert("echo.example").configure_cert(context)
    async with AsyncExitStack() as stack:
        old = stack.enter_context(reserved_port())
        plain = await stack.enter_async_context(open_echo_server())
        secure = await stack.enter_async_context(open_echo_server(ssl_context=context))
        web = await stack.enter_async_context(open_tcp_server(web_server))
        here = {
            ":secret@": f":{PASSWORD}@",
            "proxy.corp:3128": proxy,
            "/etc/ssl/company.pem": str(squid.company_pem),
            "wpad.corp": f"localhost:{web.port}",
            "echo.example:18080": f"echo.example:{plain.port}",
            "echo.example:18443": f"echo.example:{secure.port}",
        }
        exported = {name: replaced(value, here) for name, value in block.exported.items()}
        arguments = [replaced(argument, here) for argument in block.arguments]
        variables = {**(squid.ticket if block.ticket else squid.no_ticket), **exported}
        ended = await run([*COMMAND, *arguments], {"COLUMNS": "80", **variables}, tmp_path)
    printed = masked(ended.out + ended.err)
    parts = [re.escape(masked(part)) for part in block.output.split(ANY)]
    assert re.fullmatch(".*".join(parts), printed), ended.out + ended.err


def test_there_are_some() -> None:
    """The page has blocks to be run."""
    assert len(blocks()) >= 6
