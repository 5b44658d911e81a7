"""What ``docs/tutorial.rst`` types into a shell is printed as it stands there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from _example_org import example_org
from _pages import ROOT, checked_by
from _typed import masked, session, typed

from trio_wsproxy.testing import open_http_proxy

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's words")

SESSIONS = {name: session(block) for name, block in checked_by(__file__).items()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that has the examples, as a clone has them."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


async def test_hello(home: Path) -> None:
    """The example finds the proxy in the environment."""
    commands, output = SESSIONS["hello"]
    async with example_org(home) as org:
        known = {"proxy.corp:3128": org.proxy.authority}
        assert await typed(commands, home, known, {"SSL_CERT_FILE": str(org.trusted)}) == output
        assert [request.authority for request in org.proxy.requests] == ["example.org:443"]


async def test_explain(home: Path) -> None:
    """A route is explained in a shell."""
    commands, output = SESSIONS["explain"]
    assert await typed(commands, home) == output


async def test_follow(home: Path) -> None:
    """What failed is told, wherever its line is broken."""
    async with open_http_proxy() as proxy:
        nobody = proxy.authority
    commands, output = SESSIONS["follow"]
    printed = await typed(commands, home, {"127.0.0.1:9": nobody})
    assert masked(printed) == masked(output), printed
