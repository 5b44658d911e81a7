"""``python -m trio_wsproxy.testing.simulate``: a program, and the universes that it is to run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trio_wsproxy.testing.simulate import NothingHappens
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

async def sleepy():
    """Sleep too long where it may do two things at most, and for ever elsewhere."""
    await trio.sleep(10 if current_universe().times(100, 2) == 2 else 1e9)

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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("some_program:main", "no module 'some_program' in "),
        ("some_programs.py:unlucky", "no module 'some_programs.py' in "),
        ("some_programs.py:unlucky", "; it is MODULE:FUNCTION, so some_programs:…"),
        ("some_programs", "'some_programs' is not MODULE:FUNCTION, such as feed:main"),
        (":unlucky", "':unlucky' is not MODULE:FUNCTION"),
        ("some_programs:HOSTS", "some_programs has no function 'HOSTS'"),
        ("some_programs:unlucky --network Network(", "--network Network(: SyntaxError: "),
        ("some_programs:unlucky --network Netz()", "NameError: name 'Netz' is not defined"),
        ("some_programs:unlucky --network Link()", "network is a Network(…), not Link()"),
        ("some_programs:unlucky --args 5", "--args 5: a tuple, such as '(5,)'"),
        ("some_programs:unlucky --universes 0", "--universes=0: a whole number, at least 1"),
        ("some_programs:unlucky --universes=-4", "--universes=-4: a whole number, at least 1"),
        ("some_programs:unlucky --limit=nan", "limit=nan: a number"),
        ("some_programs:unlucky --at-most=-1", "at_most=-1: a whole number, at least 0"),
    ],
)
def test_mistakes(module: str, words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the words do not mean is told in one line, without a traceback."""
    assert module == "some_programs"
    assert main(words.split(" ")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


@pytest.mark.parametrize("words", ["--trace", "--shrink", "--seed=1 --universes=3"])
def test_options_that_do_not_fit(
    module: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An option that would do nothing is refused."""
    with pytest.raises(SystemExit) as caught:
        main([f"{module}:unlucky", *words.split()])
    assert caught.value.code == 2
    assert "--seed" in capsys.readouterr().err.splitlines()[-1]


def test_what_a_module_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot import another one shows where it tries to."""
    (tmp_path / "lacks_another.py").write_text("import no_such_thing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        main(["lacks_another:main"])


@pytest.mark.parametrize("words", ["", "--seed=4", "--seed=4 --shrink"])
def test_bounds(module: str, words: str) -> None:
    """Bounds hold for one universe, for many and for those of a shrinker."""
    with pytest.raises(NothingHappens, match="after 5 virtual seconds"):
        main([f"{module}:sleepy", "--limit=5", "--at-most=2", *words.split()])
