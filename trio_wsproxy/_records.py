"""What small classes of ours share: they compare, hash and show themselves by their slots.

``dataclass`` writes and compiles half a dozen methods for each class at every import; two thirds
of the time that importing this package took went there. So what is inside the package is a
:class:`~typing.NamedTuple`, or, where a tuple would say too much (two kinds with the same values
are not equal, and nobody is to unpack them), a class with ``__slots__`` below :class:`Record`. What
users see stays a ``dataclass``: they may replace and list its fields.
"""

from __future__ import annotations


class Record:
    """A base for classes that are nothing but the values of their ``__slots__``."""

    __slots__: tuple[str, ...] = ()

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        """Compare with another of the very same class, value by value."""
        if type(self) is not type(other) or not isinstance(other, Record):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__qualname__}({inside})"
