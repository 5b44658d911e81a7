"""Texts that hide themselves wherever somebody looks at our variables.

An error tracker sends the local variables of each frame that an exception went through, a debugger and
``print(vars(x))`` show attributes; all of them by ``repr()``. So what is secret, or may be, is kept as
a :class:`SecretStr` or :class:`SecretBytes`: it is the text, in every respect, but for its ``repr()``,
wherever in a tuple or a dictionary it stands. What is made of it (a part, a concatenation, what
``encode()`` gives) is an ordinary text again; whoever keeps that in a variable wraps it again.
"""

from __future__ import annotations

from typing import overload

from ._text import HIDDEN


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
