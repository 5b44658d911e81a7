"""What docstrings show runs: the reference shows it, too, and editors do.

An example stands as it would in an async function of a program that has imported the public names. It is
executed among the hosts that it names (``_named_hosts``).
"""

from __future__ import annotations

import ast
import inspect
import io
from pathlib import Path
from typing import Any

import pytest
import trio
from _named_hosts import Hosts, named_hosts
from _pages import in_docstrings

import trio_wsproxy
from trio_wsproxy import resolve_proxy, testing
from trio_wsproxy.testing import simulate

ROOT = Path(trio_wsproxy.__file__).parent
ASYNC = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
# Drawings, and who checks them.
DRAWN = {
    "_exceptions/__init__": "tests/test_exceptions.py::test_drawn_tree",
    "_routing/_route: explain": "test_way",
    "_websocket/_core": "a theory of operation; nobody but its readers sees it",
    "testing/simulate/_pipe": "likewise",
}
SHOWN = {
    f"{path.relative_to(ROOT).with_suffix('').as_posix()}: {name}".removesuffix(": "): text
    for path in sorted(ROOT.rglob("*.py"))
    for name, text in in_docstrings(path.read_text(encoding="utf-8"))
}
IN_UNIVERSES = sorted(name for name in SHOWN.keys() - DRAWN if "/simulate/" in name)
EXAMPLES = sorted(SHOWN.keys() - DRAWN - set(IN_UNIVERSES))


def names() -> dict[str, Any]:
    """What a program has imported."""
    public = {name: getattr(trio_wsproxy, name) for name in trio_wsproxy.__all__}
    public |= {name: getattr(testing, name) for name in testing.__all__}
    return {**public, "trio": trio, "trio_wsproxy": trio_wsproxy, "pytest": pytest}


async def executed(text: str, hosts: Hosts, **more: Any) -> dict[str, Any]:
    """Run a text; return what it has defined."""
    defined = {**names(), **more, "__name__": "example"}
    result = eval(compile(text, "example", "exec", ASYNC, dont_inherit=True), defined)
    if inspect.iscoroutine(result):
        await result
    return defined


@pytest.mark.parametrize("name", EXAMPLES)
async def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not fail, and what it asserts is so."""
    text = SHOWN[name]
    if "import httpx2" in text:
        pytest.importorskip("httpx2")
    async with named_hosts(tmp_path, monkeypatch) as hosts:
        if name.endswith(": open_counting_relay"):
            text = text.replace("3128", str(hosts.proxy.port))
            text = text.replace(
                "...", "async with open_websocket_url('wss://example.org', proxy=proxy): pass"
            )
            await executed(text, hosts)
        elif name.endswith(": reconnecting_websocket_url"):
            with trio.CancelScope() as scope:
                await executed(text, hosts, print=lambda _: scope.cancel())
            assert scope.cancelled_caught
            assert hosts.echo.messages == ["subscribe"]
        elif name.endswith(": receive_stream"):
            async with trio_wsproxy.open_websocket_url("wss://example.org") as ws:
                await ws.send("hello")
                file = io.StringIO()
                await executed(text, hosts, ws=ws, file=file)
                assert file.getvalue() == "hello"
        else:
            await executed(text, hosts)


@pytest.mark.parametrize("name", IN_UNIVERSES)
def test_example_in_a_universe(name: str) -> None:
    """What is shown of simulated networks does not fail, in a universe or around some."""
    text = SHOWN[name]
    network = simulate.Network(hosts={"echo.test": ("10.0.0.2",), "proxy.test": ("10.0.0.3",)})
    defined = {**names(), "simulate": simulate, "main": trio.lowlevel.checkpoint}
    defined |= {shown: getattr(simulate, shown) for shown in simulate.__all__}
    code = compile(text, "example", "exec", ASYNC, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:  # it stands in a main

        async def main() -> None:
            defined["universe"] = simulate.current_universe()
            await eval(code, defined)

        simulate.run(main, seed=1, network=network)
        return
    exec(code, defined)
    if "test_feed" in defined:
        counts: list[int] = []

        def universes(main: Any, *, network: simulate.Network, count: int) -> None:
            counts.append(count)

        defined["test_feed"](universes)
        assert counts == [50]


def test_way() -> None:
    """The way that a docstring draws is drawn so."""
    shown = SHOWN["_routing/_route: explain"]
    assert resolve_proxy("wss://example.org", proxy="https://proxy:3128").picture == shown.strip()


def test_drawings_are_there() -> None:
    """What is no example is listed, and there."""
    assert DRAWN.keys() <= SHOWN.keys()
    assert len(EXAMPLES) > 12
