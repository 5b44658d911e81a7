"""Where chance comes from: one seam of trio's, and the system's randomness for this thread alone."""

from __future__ import annotations

import os
import random
import sys
import threading
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
