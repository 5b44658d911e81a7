"""``python -m trio_wsproxy.testing.simulate``: a program, and the universes that it is to run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trio_wsproxy.testing.simulate.__main__ import main

MODULE = '''
import trio
from trio_wsproxy.testing.simulate import Chance, Fault, Network, current_universe

HOSTS = {"far.test": ("10.0.0.2",)}
NETWORK = Network(hosts=HOSTS, faults=Chance(0.3, (Fault.FAIL,)))

class Programs:
    @staticmethod
    async def seven(*args):
        """Give all that it is given, and seven."""
        await trio.lowlevel.checkpoint()
        return *args, current_universe().times(7, 7)

async def unlucky():
    """Look up a name often enough."""
    for number in range(current_universe().times(100)):
        await trio.socket.getaddrinfo("far.test", 80)
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module that can be imported."""
    (tmp_path / "some_programs.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_programs", raising=False)
    return "some_programs"


def test_one_universe(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A program is found by its name, is called with arguments, and what it gives is shown."""
    assert main([f"{module}:Programs.seven", "--seed=3", "--args=('x', HOSTS)"]) == 0
    expected = "universe 3: nothing failed; it gave ('x', {'far.test': ('10.0.0.2',)}, 7)\n"
    assert capsys.readouterr().out == expected


def test_many_universes(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a seed there are many; the first that fails ends the search."""
    assert main([f"{module}:unlucky", "--universes=5", "--network=Network(hosts=HOSTS)"]) == 0
    assert capsys.readouterr().out == "5 universes: nothing failed\n"
    with pytest.raises(OSError, match="not known"):
        main([f"{module}:unlucky", "--network", "NETWORK"])


def test_trace(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What has happened on the network is printed, where it failed, too."""
    with pytest.raises(OSError, match="not known"):
        main([f"{module}:unlucky", "--seed=1", "--network=NETWORK", "--trace"])
    assert "resolve fail\n" in capsys.readouterr().out


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")
def test_shrink(module: str) -> None:
    """Of a universe that fails a smaller one is run, and its line is told."""
    with pytest.raises(OSError, match="not known") as caught:
        main([f"{module}:unlucky", "--seed=1", "--network=NETWORK", "--shrink"])
    note = getattr(caught.value, "__notes__", [""])[-1]
    assert note.count("fail (resolve of") == 1
    assert note.endswith("--at-most 3")  # the fault strikes the third look-up


def test_no_such_program(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A function that is not there is told of."""
    assert main([f"{module}:nothing"]) == 2
    assert capsys.readouterr().err == "some_programs has no function 'nothing'\n"
