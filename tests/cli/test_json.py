"""JSON for the eye."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._cli._json import pretty

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3))
def test_as_python_does(value: object) -> None:
    """It is indented as ``json.dumps(indent=2)`` does, from any spacing."""
    expected = json.dumps(value, indent=2, ensure_ascii=False)
    for separators in ((",", ":"), (" ,\n", "\t: ")):
        text = json.dumps(value, ensure_ascii=False, separators=separators)
        assert pretty(text) == expected


def test_nothing_is_changed() -> None:
    """Numbers, escapes and repeated names stay as they were sent."""
    text = r'{"a":1.10,"a":1e400,"b":"\u00e9\"{,:","c":[ ],"d":{ }}'
    assert pretty(text) == (
        '{\n  "a": 1.10,\n  "a": 1e400,\n  "b": "\\u00e9\\"{,:",\n  "c": [],\n  "d": {}\n}'
    )


@pytest.mark.parametrize("text", ["", "hello", "[", "{'a': 1}", "12", '"x"', "[" * 100_000])
def test_anything_else(text: str) -> None:
    """What is no array and no object of JSON is left alone."""
    assert pretty(text) is None
