r"""KConfig's syntax, as far as ``kioslaverc`` has it.

Groups in brackets, ``key=value`` lines, comments. Behind a key may stand a locale (``[de]``, of no
interest here) or flags: ``$e`` lets variables be put in, ``$d`` deletes. Files are read from the system's to the
user's, and what one of them has marked ``$i`` (a key, a group, all of it) no later one changes. In a value, ``\s``, ``\t``, ``\n``, ``\r``, ``\\`` and ``\x20`` stand for
characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_FILE = 2**18  # bytes; a kioslaverc has hundreds
MAX_LINE = 2**16  # characters; longer lists of exceptions have not been seen
MAX_MARKED = 2**10  # characters of a group's or a key's line in which brackets are looked for
MAX_EXPANDED = 2**12  # characters of a value in which variables are looked for

_FLAGS = re.compile(r"\[\$([a-z]*)\]")
_BRACKETS = re.compile(r"\[([^\]]*)\]")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_ESCAPES = {"s": " ", "t": "\t", "n": "\n", "r": "\r", "\\": "\\", ";": ";", ",": ","}
_VARIABLE = re.compile(
    r"\$(?:\$|\((?P<command>[^)]*)\)|\{(?P<braces>[^}]*)\}|(?P<name>[A-Za-z_][A-Za-z0-9_]*))"
)


class Group:
    """One group, of several files.

    Args:
      name: Its name.
      environ: What ``[$e]`` puts in.

    Attributes:
      values: Key → value.
      notes: What is odd, a line each.

    """

    def __init__(self, name: str, environ: Mapping[str, str]) -> None:
        self._name = name
        self._environ = environ
        self._fixed: set[str] = set()
        self._all_fixed = False
        self.values: dict[str, str] = {}
        self.notes: list[str] = []

    def add(self, text: str) -> None:
        """Read another file, whose values win over those of the files before."""
        inside = file_fixed = group_fixed = False
        locked = frozenset(self._fixed)
        for line in text.splitlines():
            line = line.strip()[:MAX_LINE]  # noqa: PLW2901  # the same line, cut
            if line.startswith("[$i]") and not inside:
                file_fixed = True
            elif line.startswith("["):
                names = _BRACKETS.findall(line[:MAX_MARKED])
                inside = names[:1] == [self._name] and all(x.startswith("$") for x in names[1:])
                group_fixed = group_fixed or (inside and "$i" in names[1:])
            elif inside and line and not line.startswith("#") and not self._all_fixed:
                self._add_entry(line, locked)
        self._all_fixed = self._all_fixed or group_fixed or (file_fixed and bool(self.values))

    def _add_entry(self, line: str, locked: frozenset[str]) -> None:
        marked, sign, value = line.partition("=")
        key, bracket, rest = marked[:MAX_MARKED].partition("[")
        key, brackets = key.strip(), bracket + rest.strip()
        flags = "".join(_FLAGS.findall(brackets))
        if key in locked or (brackets and not flags):  # another language
            return
        if "i" in flags:
            self._fixed.add(key)
        if "d" in flags:
            self.values.pop(key, None)
        elif sign:
            text = _ESCAPE.sub(lambda found: _unescaped(found[1]), value.strip())
            expand = "e" in flags and len(text) <= MAX_EXPANDED
            self.values[key] = self._expanded(key, text) if expand else text

    def _expanded(self, key: str, text: str) -> str:
        def put_in(found: re.Match[str]) -> str:
            if found["command"] is not None:
                self.notes.append(f"the command in {key} is not run")
                return ""
            name = found["braces"] if found["braces"] is not None else found["name"]
            return "$" if name is None else self._environ.get(name, "")

        return _VARIABLE.sub(put_in, text)


def _unescaped(escape: str) -> str:
    if escape[0] == "x" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return _ESCAPES.get(escape, "\\" + escape)
