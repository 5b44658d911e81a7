r"""GVariant's text format, as ``gsettings``, ``dconf`` and ``gdbus`` print it.

Read is what they print for proxies: texts in either quotation marks, numbers, booleans, arrays, tuples,
and type annotations (``@as []``, ``uint32 5``), which say nothing that is needed here. Linear time; the
text has a limit where it comes in (:mod:`._asking`).
"""

from __future__ import annotations

import re
from typing import TypeAlias

Value: TypeAlias = "str | int | bool | list[Value]"

MAX_DEPTH = 4  # (['a'],) has 2
_TOKEN = re.compile(
    r"""\s*(?:@\w+\s+|(?:byte|u?int(?:16|32|64)|handle|double)\s+)?"""
    r"""(?:'(?P<one>(?:[^'\\]|\\.)*)'|"(?P<two>(?:[^"\\]|\\.)*)"|(?P<mark>[\[\](),])"""
    r"""|(?P<word>[\w.+-]+))""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CLOSING = {"[": "]", "(": ")"}


class NoVariant(ValueError):
    """A text is none of these values."""


def parse_variant(text: str) -> Value:
    """Read one value.

    Args:
      text: What was printed.

    Returns:
      The value; arrays and tuples are lists.

    Raises:
      NoVariant: It is something else.

    """
    value, end = _value(text, 0, 0)
    if text[end:].strip():
        raise NoVariant("there is something behind the value")
    return value


def _value(text: str, start: int, depth: int) -> tuple[Value, int]:
    token = _TOKEN.match(text, start)
    if token is None or depth > MAX_DEPTH:
        raise NoVariant("this is no value")
    end = token.end()
    if token["mark"] in _CLOSING:
        return _values(text, end, _CLOSING[token["mark"]], depth + 1)
    for quoted in (token["one"], token["two"]):
        if quoted is not None:
            return _ESCAPE.sub(lambda found: _unescaped(found[1]), quoted), end
    word = token["word"]
    if word in ("true", "false"):
        return word == "true", end
    if word is None or not re.fullmatch(r"[+-]?[0-9]{1,20}", word):
        raise NoVariant("this is no value")
    return int(word), end


def _values(text: str, start: int, closing: str, depth: int) -> tuple[list[Value], int]:
    found: list[Value] = []
    while True:
        token = _TOKEN.match(text, start)
        if token is None:
            raise NoVariant("there is no end")
        if token["mark"] == closing:
            return found, token.end()
        if token["mark"] == "," and found:
            start = token.end()
            continue
        value, start = _value(text, start, depth)
        found.append(value)


def _unescaped(escape: str) -> str:
    if escape[0] in "uU" and len(escape) > 1:
        code = int(escape[1:], 16)
        # A half of a pair is no character, and nothing could encode it.
        return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
    return _ESCAPES.get(escape, escape)
