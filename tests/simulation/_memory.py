"""What a universe leaves in memory: objects of ours, of trio's and of TLS, and what grows on module level.

All that is there when a universe begins is frozen (:func:`gc.freeze`). So what the garbage collector finds behind it is
what the universe has made and something still holds, and looking at that takes a fraction of a millisecond.
What it does not track (bytes, text, numbers) is seen where it is kept: in containers of modules and classes, which
may not grow beyond what a cache has. Caches that have a bound are emptied before; one without is a leak.
"""

from __future__ import annotations

import functools
import gc
import itertools
import sys
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

# Values that bounded caches keep: parsed URLs.
CACHED = {"trio_wsproxy.Target", "trio_wsproxy._redaction._secret.SecretStr"}
MOST = 256  # entries of a container that came since it was first seen; caches have 64
SELDOM = 8  # universes, of which one has its containers looked at: that takes a millisecond
CONTAINERS = (list, dict, set, deque, bytearray)
OTHERS = {  # than ours
    "trio.lowlevel.Task",
    "trio.Nursery",
    "trio.SocketStream",
    "trio.SSLStream",
    "ssl.SSLObject",
    "_ssl._SSLSocket",
}
PACKAGE = "trio_wsproxy"
TESTING = "trio_wsproxy.testing"  # plans of faults belong to the case, which is kept


@contextmanager
def left_in_memory() -> Iterator[list[str]]:
    """Give a list, which behind the block tells what the universe in it has left."""
    left: list[str] = []
    modules = len(_modules())
    gc.freeze()
    try:
        yield left
    finally:
        for cache in _bounded_caches(len(_modules())):
            cache.cache_clear()
        gc.collect()
        kinds = Counter(map(_kind, gc.get_objects()))
        gc.unfreeze()
    if modules == len(_modules()):  # what a module makes when it is imported is there to stay
        left += [f"{n} of {kind}" for kind, n in sorted(kinds.items()) if _must_go(kind)]
    if next(_count) % SELDOM == 0:
        left += _grown()


def _kind(thing: object) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _must_go(kind: str) -> bool:
    if kind.startswith(TESTING):
        return False
    return kind.startswith(PACKAGE) or kind in OTHERS


def _modules() -> list[ModuleType]:
    return [module for name, module in [*sys.modules.items()] if name.startswith(PACKAGE)]


@functools.cache  # looking for them takes a millisecond, and they come with modules
def _bounded_caches(_modules_so_far: int) -> list[functools._lru_cache_wrapper[Any]]:
    return [
        value
        for module in _modules()
        if not module.__name__.startswith(TESTING)
        for value in vars(module).values()
        if isinstance(value, functools._lru_cache_wrapper)
        and value.cache_parameters()["maxsize"] is not None
    ]


_count = itertools.count()
_first_seen: dict[str, int] = {}


def _grown() -> Iterator[str]:
    """Tell which containers on module level, or of a class, have more than a cache would."""
    for name, container in _containers():
        size = len(container)
        if size - _first_seen.setdefault(name, size) > MOST:
            _first_seen[name] = size  # told once, then it has to grow again
            yield f"{name} has {size} entries"


def _containers() -> Iterator[tuple[str, Any]]:
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] == PACKAGE and not name.startswith(TESTING):
            yield from _containers_of(name, module)


def _containers_of(name: str, holder: ModuleType | type) -> Iterator[tuple[str, Any]]:
    for key, value in [*vars(holder).items()]:
        if key.startswith("__"):
            continue
        if isinstance(value, CONTAINERS):
            yield f"{name}.{key}", value
        elif (
            isinstance(value, type) and value.__module__ == name and isinstance(holder, ModuleType)
        ):
            yield from _containers_of(f"{name}.{key}", value)
