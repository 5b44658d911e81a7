"""What ``docs/routing.rst`` shows is so."""

from __future__ import annotations

import doctest
import re
import shutil
import sys
from pathlib import Path

import pytest
from _pages import ROOT, checked_by
from _typed import session, typed

from trio_wsproxy import ProxyConfigError, resolve_proxy
from trio_wsproxy.testing import open_echo_server, open_http_proxy

BLOCKS = checked_by(__file__)
ROW = re.compile(r"^   \* - ``(.+)``\n     - (.+)$", re.MULTILINE)


def malformed() -> list[tuple[str, str]]:
    """The table of values that are slips, and what is told of them."""
    page = (ROOT / "docs" / "routing.rst").read_text(encoding="utf-8")
    found: list[tuple[str, str]] = ROW.findall(page.rpartition("   * - value\n     - told\n")[2])
    return found


@pytest.mark.parametrize("name", ["notes", "malformed"])
def test_interpreter(name: str) -> None:
    """What is typed into Python has that answer, wherever lines are broken."""
    test = doctest.DocTestParser().get_doctest(BLOCKS[name].text, {}, name, None, None)
    assert test.examples
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.DocTestRunner(optionflags=flags).run(test).failed == 0


@pytest.mark.parametrize(("value", "told"), malformed())
def test_malformed(value: str, told: str) -> None:
    """What the table says is told of a value is told."""
    with pytest.raises(ProxyConfigError) as caught:
        resolve_proxy("wss://example.org", environ={"https_proxy": value})
    parts = [re.escape(part.strip()) for part in told.replace("``", "").split("… ")]
    assert re.search(".*".join(parts).removesuffix("…"), str(caught.value)), caught.value


def test_there_are_some() -> None:
    """The table was found."""
    assert len(malformed()) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's words")
async def test_loopback(tmp_path: Path) -> None:
    """The entry ``<-loopback>`` sends a loopback host through the proxy."""
    commands, output = session(BLOCKS["loopback"])
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    async with open_echo_server() as echo, open_http_proxy() as proxy:
        known = {"localhost:8000": f"localhost:{echo.port}", "127.0.0.1:8080": proxy.authority}
        assert await typed(commands, tmp_path, known) == output
        assert [request.authority for request in proxy.requests] == [f"localhost:{echo.port}"]
