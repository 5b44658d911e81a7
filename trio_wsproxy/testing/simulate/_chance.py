"""Everything that is random in a universe, drawn from its seed.

Theory of operation
-------------------

A seed makes several generators, one for each purpose, so that a fault more or less shifts no other
choice than it must: ``network`` (delays, cuts), ``faults``, ``scheduler``, ``entropy``.

**The scheduler.** trio shuffles tasks that are runnable at the same time with a generator of its own, and
makes their order independent of memory addresses first, if Hypothesis asks for it. It is asked through
a documented seam: trio's entry point ``trio`` in the group ``hypothesis``, which hands its generator to
:func:`hypothesis.register_random`. Here a stand-in takes Hypothesis' part, so no private name
of trio's is used, and Hypothesis need not be installed. What the entry point does lasts: from the
first universe on trio's scheduler is deterministic in this process, as it is where Hypothesis was imported.

**Randomness.** wsproto and the standard library ask :func:`os.urandom`, and have no other seam. While a
universe runs, it answers the universe's thread from the seed, under the name that the module :mod:`random` has for it, too
(so do :class:`random.SystemRandom` and :mod:`secrets`); generators that are given no seed are given one, and the
module's own is seeded. All of that is put back. A module that draws while it is imported does so in the first
universe of a process only, and would shift what all others are given: it is not answered from the seed. What OpenSSL draws in C is not seeded: the bytes
of TLS records differ from run to run, their lengths do not (see :class:`.Certificates`).

These are the process's, so universes of several threads take turns.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import FrameType, ModuleType
from typing import Any

from trio_wsproxy._auth import forget_proxies
from trio_wsproxy._transport import forget_setup
from trio_wsproxy._websocket import forget_masking_keys

from ._replacing import replacing

_found: list[random.Random] = []  # trio's generator, once it was asked for
IMPORTING = "<frozen importlib._bootstrap>"  # whose frames there are while a module is imported
_one_at_a_time = threading.RLock()  # trio itself refuses a run within a run, in one thread


def generator(seed: int, purpose: str) -> random.Random:
    """Make the generator for one purpose of a universe."""
    # Not a secret: the point of it is that it can be had again.
    return random.Random(f"trio_wsproxy {seed} {purpose}")  # noqa: S311


def scheduler_generator() -> random.Random:
    """Make trio's scheduler deterministic, and give the generator that it shuffles with.

    Raises:
      RuntimeError: This trio has no entry point for Hypothesis, or it gives no generator.

    """
    if not _found:
        for entry in entry_points(group="hypothesis", name="trio"):
            _ask(entry.load())
    if not _found:
        raise RuntimeError(
            "this version of trio does not say how to make its scheduler deterministic: "
            "its entry point 'trio' in the group 'hypothesis' is missing, or has changed"
        )
    return _found[0]


def _ask(plugin: Callable[[], object]) -> None:
    """Let trio register its generator with us instead of Hypothesis."""
    stand_in = ModuleType("hypothesis")
    stand_in.register_random = _found.append  # type: ignore[attr-defined]  # a module made here
    original = sys.modules.get("hypothesis")
    sys.modules["hypothesis"] = stand_in
    try:
        plugin()
    finally:
        if original is None:
            del sys.modules["hypothesis"]
        else:
            sys.modules["hypothesis"] = original


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let all that is random in this thread come from a seed, while the block runs."""
    with _one_at_a_time:
        scheduler = scheduler_generator()
        kept, kept_of_scheduler = random.getstate(), scheduler.getstate()
        _forget()
        random.seed(f"trio_wsproxy {seed} random")
        scheduler.seed(f"trio_wsproxy {seed} scheduler")
        try:
            with _entropy(seed):
                yield
        finally:
            random.setstate(kept)
            scheduler.setstate(kept_of_scheduler)
            _forget()  # nothing that is real may go out with a key that a seed has made


def _forget() -> None:
    """Forget what this package keeps from one connection to the next."""
    forget_masking_keys()
    forget_proxies()
    forget_setup()


@contextmanager
def _entropy(seed: int) -> Iterator[None]:
    """Answer this thread's questions for the operating system's randomness from a seed."""
    source, thread, made = generator(seed, "entropy"), threading.get_ident(), Counter[str]()
    outermost = id(next(_frames()))  # a universe may itself begin while a module is imported
    real, set_one, set_all = os.urandom, random.Random.seed, random.seed

    def is_ours() -> bool:
        return threading.get_ident() == thread and not _something_is_imported(outermost)

    def urandom(size: int, /) -> bytes:
        return source.randbytes(size) if is_ours() else real(size)

    def unless_given(a: Any) -> Any:
        if a is not None or not is_ours():
            return a
        place = _place()
        made[place] += 1
        return f"trio_wsproxy {seed} {place} {made[place]}"

    def seed_one(self: random.Random, a: Any = None, version: int = 2) -> None:
        set_one(self, unless_given(a), version)

    def seed_all(a: Any = None, version: int = 2) -> None:
        set_all(unless_given(a), version)

    # secrets has methods of a SystemRandom that was made when it was imported; all of them end here.
    with replacing(
        (os, "urandom", urandom),
        (random, "_urandom", urandom),
        (random.Random, "seed", seed_one),
        (random, "seed", seed_all),
    ):
        yield


def _frames(outermost: int = 0) -> Iterator[FrameType]:
    """Give the frames above this module, the innermost first, up to one that has this ``id``."""
    frame = inspect.currentframe()
    while frame is not None and id(frame) != outermost:
        if frame.f_code.co_filename not in (__file__, contextlib.__file__):
            yield frame
        frame = frame.f_back


def _something_is_imported(outermost: int) -> bool:
    """Tell whether a module runs for the first time: what it draws then, it draws once in a process."""
    return any(f.f_code.co_filename == IMPORTING for f in _frames(outermost))


def _place() -> str:
    """Name the function that wants a generator: the same in each process, however many others there are."""
    frame = next(f for f in _frames() if f.f_globals.get("__name__") != "random")
    return f"{frame.f_globals.get('__name__')} {frame.f_code.co_name}"
