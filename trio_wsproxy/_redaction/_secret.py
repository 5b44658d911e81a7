"""Texts that hide themselves wherever somebody looks at our variables.

An error tracker sends the local variables of each frame that an exception went through, a debugger and
``print(vars(x))`` show attributes; all of them by ``repr()``. So what is secret, or may be, is kept as
a :class:`SecretStr` or :class:`SecretBytes`: it is the text, in every respect, but for its ``repr()``,
wherever in a tuple or a dictionary it stands. What is made of it (a part, a concatenation, what
``encode()`` gives) is an ordinary text again; whoever keeps that in a variable wraps it again.
"""

from __future__ import annotations

from typing import TypeVar, cast, overload

from ._text import HIDDEN

ValueT = TypeVar("ValueT")


class SecretStr(str):
    """A ``str`` that ``repr()`` does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)


class SecretBytes(bytes):
    """``bytes`` that ``repr()`` does not show, nor ``str()``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN.encode())

    __str__ = __repr__


def kind_of(value: object) -> str:
    """Name the type of a value as its owner knows it, for messages: a text that hides is a text."""
    for kind in (str, bytes):
        if isinstance(value, kind):
            return kind.__name__
    return type(value).__name__


def hiding(value: ValueT) -> ValueT:
    """Give an argument that hides the texts in it, in a list, a tuple or a dictionary, too.

    Args:
      value: What a program has given for a URL, a proxy or headers; another kind of object stays.

    """
    kind = type(value)
    made: object = value
    if (
        kind is str
    ):  # bytes are of headers alone; elsewhere they are refused, by the name of their type
        made = secret(cast("str", value))
    elif kind is dict:
        made = {key: _inside(item) for key, item in cast("dict[object, object]", value).items()}
    elif kind is list or kind is tuple:
        made = cast("type[list[object]]", kind)(_inside(x) for x in cast("list[object]", value))
    return cast("ValueT", made)


def _inside(item: object) -> object:
    return secret(item) if type(item) is bytes else hiding(item)


@overload
def secret(value: str) -> SecretStr: ...
@overload
def secret(value: bytes) -> SecretBytes: ...
@overload
def secret(value: None) -> None: ...


def secret(value: str | bytes | None) -> SecretStr | SecretBytes | None:
    """Give the same text, but one that hides itself.

    Args:
      value: What may be a secret: a header's value, a proxy's URL, a password. ``None`` stays.

    """
    if isinstance(value, str):
        return value if isinstance(value, SecretStr) else SecretStr(value)
    if value is None or isinstance(value, SecretBytes):
        return value
    return SecretBytes(value)
