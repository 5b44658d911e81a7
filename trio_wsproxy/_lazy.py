"""Regular expressions that are compiled when they are first used.

A module compiles its patterns while it is imported; those that only errors, reports and odd input
need would make every start of every program slower for what most runs never do. Patterns that each
opening needs are compiled at import as ever: that is before anybody waits for a connection.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, Generic, cast


def lazy_pattern(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give what :func:`re.compile` gives, but compile it at its first use.

    Args:
      pattern: The regular expression; that it is well-formed is seen at its first use only.
      flags: As :mod:`re` has them.

    Returns:
      What has all attributes and methods of the compiled pattern.

    """
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))


class _Lazy(Generic[AnyStr]):
    def __init__(self, pattern: AnyStr, flags: int) -> None:
        self._arguments: tuple[AnyStr, int] = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        """Compile, and keep the method: the next use finds it without coming here."""
        value = getattr(re.compile(*self._arguments), name)  # re caches what it has compiled
        setattr(self, name, value)
        return value
