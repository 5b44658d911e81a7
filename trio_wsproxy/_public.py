"""The names that users see: those that they import.

Tracebacks, ``repr``, pickles and documentation show a thing's ``__module__``. That would be a
private file, which may be renamed at any time; so it is set to the module that users import the
thing from, as trio does it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import is_dataclass
from types import FunctionType
from typing import Any, get_type_hints


def show_as_public(module: str, things: Iterable[Any]) -> None:
    """Let things of ours say that they are from a public module.

    Classes of other packages stay as they are, and so do type aliases, which have no name of
    their own.

    Args:
      module: The module that users import them from.
      things: Classes and functions, and whatever else is public there.

    """
    for thing in things:
        if not _is_private(thing, module):
            continue
        if is_dataclass(thing):
            # Names in annotations are looked up in the module that a class says it is from.
            with contextlib.suppress(NameError):  # one that is there for type checkers alone
                hints = get_type_hints(thing, include_extras=True)
                thing.__annotations__ = {name: hints[name] for name in thing.__annotations__}
        members = vars(thing).values() if isinstance(thing, type) else ()
        for part in (thing, *(part for member in members for part in _parts(member))):
            if _is_private(part, module):
                part.__module__ = module


def _parts(member: Any) -> tuple[Any, ...]:
    """Give the functions that a member of a class is made of."""
    if isinstance(member, property):
        return (member.fget, member.fset, member.fdel)
    if isinstance(member, (classmethod, staticmethod)):
        return (member, member.__func__)
    return (member,) if isinstance(member, FunctionType) else ()


def _is_private(thing: object, module: str) -> bool:
    package = module.partition(".")[0]
    return str(getattr(thing, "__module__", "")).startswith((f"{module}._", f"{package}._"))
