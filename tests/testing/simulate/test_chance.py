"""Where chance comes from: one seam of trio's, and the system's randomness for this thread alone."""

from __future__ import annotations

import importlib
import os
import random
import secrets
import sys
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import trio

from trio_wsproxy._websocket._frames import build_frame
from trio_wsproxy.testing.simulate import _chance
from trio_wsproxy.testing.simulate._chance import generator, scheduler_generator, seeded


def test_purposes() -> None:
    """Each purpose has a generator of its own."""
    one, again, other = (generator(1, purpose).random() for purpose in ("a", "a", "b"))
    assert one == again != other


def test_trios_generator() -> None:
    """Trio's scheduler shuffles with the generator that it hands out for Hypothesis."""
    found = scheduler_generator()
    assert found is scheduler_generator()

    async def three() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(trio.lowlevel.checkpoint)

    before = found.getstate()
    trio.run(three)
    assert found.getstate() != before


@pytest.mark.parametrize("installed", [True, False])
def test_with_hypothesis_or_without(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for in Hypothesis' name, whether that is there or not, and that is as it was then."""
    module = ModuleType("hypothesis")
    if installed:
        monkeypatch.setitem(sys.modules, "hypothesis", module)
    else:
        monkeypatch.delitem(sys.modules, "hypothesis", raising=False)
    monkeypatch.setattr(_chance, "_found", [])
    assert isinstance(scheduler_generator(), random.Random)
    assert sys.modules.get("hypothesis") is (module if installed else None)


def test_another_trio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trio without that seam is told of; nothing is guessed."""
    monkeypatch.setattr(_chance, "_found", [])
    monkeypatch.setattr(_chance, "entry_points", lambda **_: ())
    with pytest.raises(RuntimeError, match="entry point 'trio' in the group 'hypothesis'"):
        scheduler_generator()


def test_masking_keys() -> None:
    """Masking keys come from the seed, and none that did is used afterwards."""
    frames = []
    for _ in range(2):
        with seeded(1):
            frames.append([build_frame(0x81, b"text") for _ in range(3)])
    assert frames[0] == frames[1]
    following = build_frame(0x81, b"text")
    with seeded(1):
        inside = [build_frame(0x81, b"text") for _ in range(256)]
    assert following not in inside


def test_other_threads() -> None:
    """Another thread of the program goes on drawing from the system."""
    drawn = []
    for _ in range(2):
        with seeded(1):
            thread = threading.Thread(target=lambda: drawn.append(os.urandom(8)))
            thread.start()
            thread.join()
            os.urandom(8)
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda: os.urandom(8), id="os.urandom"),
        pytest.param(random.random, id="random"),
        pytest.param(lambda: random.Random().random(), id="random.Random without a seed"),
        pytest.param(lambda: random.seed() or random.random(), id="random.seed without one"),
        pytest.param(lambda: random.SystemRandom().random(), id="random.SystemRandom"),
        pytest.param(lambda: random.SystemRandom().randbytes(8), id="SystemRandom.randbytes"),
        pytest.param(lambda: secrets.randbits(64), id="secrets.randbits"),
        pytest.param(lambda: secrets.randbelow(1 << 64), id="secrets.randbelow"),
        pytest.param(lambda: secrets.choice(range(1 << 60)), id="secrets.choice"),
        pytest.param(lambda: secrets.token_bytes(8), id="secrets.token_bytes"),
        pytest.param(uuid.uuid4, id="uuid4"),
    ],
)
def test_each_way_to_draw(draw: Callable[[], object]) -> None:
    """Whatever draws in Python draws from the seed, and from the system again afterwards."""
    drawn = []
    for seed in (1, 1, 2):
        with seeded(seed):
            drawn.append((draw(), draw()))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][1]
    if draw is not random.random:  # that one goes on where it was
        assert draw() not in drawn[0]


def test_a_seed_of_the_programs_own() -> None:
    """A generator that the program has given a seed is left alone."""
    with seeded(1):
        assert random.Random(5).random() == random.Random(5).random()
    with seeded(2):
        inside = random.Random(5).random()
    assert inside == random.Random(5).random()


def test_universes_take_turns() -> None:
    """Threads that run universes wait for each other, and the real randomness comes back."""
    real = os.urandom, random.Random.seed
    inside = threading.Event()
    first = threading.Event()
    order = []

    def one() -> None:
        with seeded(1):
            inside.set()
            first.wait(60)
            order.append(1)

    def other() -> None:
        inside.wait(60)
        with seeded(2):
            order.append(2)

    threads = [threading.Thread(target=function) for function in (one, other)]
    for thread in threads:
        thread.start()
    inside.wait(60)
    first.set()
    for thread in threads:
        thread.join()
    assert order == [1, 2]
    assert (os.urandom, random.Random.seed) == real


DRAWS_WHEN_IMPORTED = """
import os, random, uuid
own = random.Random()
key = os.urandom(8), uuid.uuid4(), random.random()
"""


def test_imports_shift_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that draws while it is imported, which happens once, draws from the system."""
    (tmp_path / "draws_when_imported.py").write_text(DRAWS_WHEN_IMPORTED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    keys, drawn = [], []
    for imported in (False, True, False):
        if not imported:
            monkeypatch.delitem(sys.modules, "draws_when_imported", raising=False)
        with seeded(1):
            module = importlib.import_module("draws_when_imported")
            drawn.append((os.urandom(8), random.Random().random(), uuid.uuid4()))
        keys.append((module.key[:2], module.own.random()))
    assert drawn[0] == drawn[1] == drawn[2]
    assert keys[0] != keys[2]


def test_generators_shift_no_others() -> None:
    """Where a generator is made decides on its seed, so one that is made once in a process is nobody else's loss."""

    def kept() -> random.Random:
        return random.Random()

    def mine() -> list[float]:
        return [random.Random().random() for _ in range(3)]

    with seeded(1):
        kept()
        kept()
        first = mine(), os.urandom(4)
    with seeded(1):
        assert (mine(), os.urandom(4)) == first
    assert len(set(first[0])) == 3


SEEDED_WHEN_IMPORTED = """
import os
from trio_wsproxy.testing.simulate._chance import seeded
with seeded(1):
    drawn = os.urandom(8)
"""


def test_a_universe_while_a_module_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that runs universes when it is imported has the same ones as any other."""
    (tmp_path / "seeded_when_imported.py").write_text(SEEDED_WHEN_IMPORTED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "seeded_when_imported", raising=False)
    with seeded(1):
        expected = os.urandom(8)
    assert importlib.import_module("seeded_when_imported").drawn == expected
