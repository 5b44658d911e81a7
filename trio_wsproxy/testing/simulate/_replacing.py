"""Functions of other modules that are another one's while a universe runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replacing(*functions: tuple[Any, str, Callable[..., Any]]) -> Iterator[None]:
    """Let each owner (a module, a class) have the function under that name, while the block runs."""
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in functions]
    for owner, name, function in functions:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in originals:
            setattr(owner, name, function)
