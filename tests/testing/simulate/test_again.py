"""The line behind a failure runs the same universe again, pasted into a shell, from any folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import trio

from trio_wsproxy.testing.simulate import (
    At,
    Chance,
    Fault,
    FaultPlan,
    Link,
    Network,
    Operation,
    Universe,
    run,
)
from trio_wsproxy.testing.simulate._again import as_code

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="exceptions have no notes")

PROGRAM = '''
from dataclasses import dataclass
import trio
from trio_wsproxy.testing.simulate import At, Chance, Fault, Network, current_universe, run

@dataclass(frozen=True)
class NoNames:
    """A plan that is written as the code which makes it."""
    kind: str
    def strike(self, operation, chance):
        return Fault.FAIL if operation.kind == self.kind and chance.random() < 0.9 else None

class Nameless:
    """One that is not."""
    def strike(self, operation, chance):
        return Fault.FAIL if chance.random() < 0.9 else None

async def main(*args):
    """Tell all that is known of this universe, and fail."""
    failed = []
    for number in range(5):
        try:
            await trio.open_tcp_stream("far.test", 80)
        except OSError as exc:
            failed.append(str(exc))
    universe = current_universe()
    raise AssertionError(f"{args} {universe.trace.digest} {universe.times(10**6)}")

HOSTS = {"far.test": ("10.0.0.2",)}
'''


def note_of(call: str, folder: Path, environ: dict[str, str]) -> tuple[str, str]:
    """What a program in a folder says when it fails, and the line that is to say it again."""
    (folder / "run.py").write_text(f"from feed.prices import *\n{call}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(folder / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
    )
    lines = done.stderr.splitlines()
    (said,) = [line for line in lines if line.startswith("AssertionError")]
    return said, lines[lines.index("once more:") + 1].strip()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A folder with a package that has the program."""
    folder = tmp_path / "a folder"
    (folder / "feed").mkdir(parents=True)
    (folder / "feed" / "__init__.py").touch()
    (folder / "feed" / "prices.py").write_text(PROGRAM, encoding="utf-8")
    return folder


@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
@pytest.mark.parametrize(
    "call",
    [
        "run(main, 1, ('a \"b\" c', None), seed=5)",
        "run(main, seed=5, network=Network(hosts=HOSTS), at_most=3, limit=5000)",
        "run(main, seed=6, network=Network(hosts=HOSTS, faults=Chance(0.5, until=9)))",
        "run(main, seed=6, network=Network(hosts=HOSTS, faults=NoNames('connect')))",
        "run(main, seed=6, network=Network(hosts=HOSTS, faults=Nameless()))",
    ],
)
def test_in_a_shell(call: str, program: Path, tmp_path: Path) -> None:
    """It does the same in another folder and process, hash seed included."""
    said, line = note_of(call, program, {"PYTHONHASHSEED": "7"})
    assert "PYTHONHASHSEED=7 " in line
    assert "feed.prices:main --seed" in line
    done = subprocess.run(
        line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert said in done.stderr.splitlines()


async def fails(*_: object, **__: object) -> None:
    """Fail at once."""
    await trio.lowlevel.checkpoint()
    raise KeyError


def notes(exc: BaseException) -> list[str]:
    """What was added to an exception."""
    return list(getattr(exc, "__notes__", ()))


def note(program: object, *args: object, network: Network | None = None) -> str:
    """What stands behind a failure."""
    universe = Universe(1, network)
    with pytest.raises(KeyError) as caught:
        universe.run(program, *args)  # type: ignore[arg-type]  # each is a coroutine function
    assert notes(caught.value) == [universe.replay()]
    return universe.replay()


def test_what_has_no_name() -> None:
    """A function in a function, or an argument without a name, is run again where it is known."""

    async def local(*_: object) -> None:
        await fails()

    assert "once more:\n  cd " in note(fails)
    qualname = "test_what_has_no_name.<locals>.local"
    assert note(local) == f"once more:\n  simulate.run({qualname}, seed=1)"
    network = Network(black_holes=("10.8.8.8",))
    assert f"({qualname}, 5, seed=1, network={network!r})" in note(local, 5, network=network)
    assert "simulate.run(fails, <object" in note(fails, object())


class Bot:
    """A program that keeps something."""

    async def __call__(self) -> None:
        """Fail at once."""
        await fails()

    async def live(self) -> None:
        """Likewise."""
        await fails()


def test_what_is_no_function() -> None:
    """A partial of a function is that function with arguments; what has no name at all hides no failure."""
    named = note(partial(partial(fails, 1), "a"), 5)
    assert ":fails --seed 1 --args \"(1, 'a', 5)\"" in named
    for program in (partial(fails, key=1), Bot()):
        assert f"simulate.run({program!r}, seed=1)" in note(program)
    assert "simulate.run(Bot.live, seed=1)" in note(Bot().live)


def test_a_module_that_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ``python -m`` has started is named as there, so its relative imports work."""

    async def main() -> None:
        await fails()

    module = ModuleType("__main__")
    module.__file__ = str(tmp_path / "feed" / "bot.py")
    module.__spec__ = ModuleSpec("feed.bot", None)
    vars(module)["main"] = main
    main.__module__, main.__qualname__ = "__main__", "main"
    monkeypatch.setitem(sys.modules, "__main__", module)
    text = note(main)
    assert f"cd {tmp_path} && " in text
    assert text.endswith("feed.bot:main --seed 1")


def test_faults_are_told() -> None:
    """Those that struck stand before the line, some of them."""

    async def looks_up() -> None:
        for _ in range(30):
            with pytest.raises(OSError, match="not known"):
                await trio.open_tcp_stream("far.test", 80)
        raise KeyError

    text = note(looks_up, network=Network(faults=Chance(1, (Fault.FAIL,))))
    assert "faults that struck:\n  1: fail (resolve of 'here', 'far.test', after 0.0" in text
    assert "  and 20 more\nonce more:" in text


def test_before_it_has_run() -> None:
    """A universe that has not run has no line yet."""
    assert Universe(3).replay() == "not run yet: Universe(seed=3, network=Network())"


@pytest.mark.parametrize("mistake", [KeyboardInterrupt, SystemExit, pytest.fail.Exception])
def test_whatever_is_raised(mistake: type[BaseException]) -> None:
    """The line stands behind what is no Exception, too: who interrupts a universe wants it."""

    async def main() -> None:
        await trio.lowlevel.checkpoint()
        raise mistake

    with pytest.raises(mistake) as caught:
        run(main, seed=9)
    assert "seed=9" in notes(caught.value)[-1]


@dataclass(frozen=True)
class Local(FaultPlan):
    """A plan of a program's own."""

    kind: str

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        """Let operations of the kind fail."""
        return Fault.FAIL if operation.kind == self.kind and chance.random() < 1 else None


@pytest.mark.parametrize(
    "network",
    [
        Network(),
        Network(hosts={"a.test": ("10.0.0.2", "fd00::2")}, black_holes=("10.0.0.2",)),
        Network(
            hosts={"a": ()},
            link=Link(latency=(0.5, 1), send_buffers=(9,)),
            links={("a", "here"): Link()},
        ),
        Network(faults=Chance(0.1)),
        Network(faults=Chance(0.1, (Fault.CANCEL,), until=5, host="here")),
        Network(faults=At({3: Fault.SLOW, 1: Fault.FULL})),
        Network(faults=Local("send")),
    ],
)
def test_as_code(network: Network) -> None:
    """A network is written as the code that makes it."""
    assert as_code(network, At(), globals()) == repr(network)


def test_a_plan_that_cannot_be_written() -> None:
    """The faults that struck stand for it."""
    network, faults = Network(faults=Local("send")), At({5: Fault.FAIL})
    assert as_code(network, faults, {}) == "Network(faults=At({5: Fault.FAIL}))"
