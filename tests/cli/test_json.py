"""JSON for the eye."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._cli._json import pretty, written
from trio_wsproxy._redaction import escaped_json

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
        shown = pretty(text)
        assert shown is not None
        assert json.loads(shown) == value
        assert re.sub(r"\\u....", "", shown) == re.sub(r"\\u....", "", escaped_json(expected))
        assert all(c.isprintable() or c == "\n" for c in shown)


def test_nothing_is_changed() -> None:
    """Numbers, escapes and repeated names stay as they were sent."""
    text = r'{"a":1.10,"a":1e400,"b":"\u00e9\"{,:","c":[ ],"d":{ }}'
    assert pretty(text) == (
        '{\n  "a": 1.10,\n  "a": 1e400,\n  "b": "\\u00e9\\"{,:",\n  "c": [],\n  "d": {}\n}'
    )


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_deep(opening: str, closing: str) -> None:
    """What is nested too deep for the eye is left alone, and costs no more than its length."""
    value = "1"
    for depth in (64, 65, 500, 980, 5000, 30_000):
        times = depth // opening.count("[") if opening == "[" else depth // len(closing)
        text = opening * times + value + closing * times
        assert (pretty(text) is not None) is (times * len(closing) <= 64)


def test_white_space_is_no_way_to_fill_the_memory() -> None:
    """Nor is what would grow by far more than it says."""
    deep = "[" * 60 + ",".join("1" * 100_000) + "]" * 60
    assert pretty(deep) is None


def test_what_is_not_printable() -> None:
    """What a terminal obeys is escaped, and is the same text to a program."""
    text = '["\x9b2J\u202e\u2028\x7f\U000e0041\u200d", "\\u0007"]'
    shown = pretty(text)
    assert shown == ('[\n  "\\u009b2J\\u202e\\u2028\\u007f\\udb40\\udc41\\u200d",\n  "\\u0007"\n]')
    assert json.loads(shown) == json.loads(text)
    assert json.loads(written({"a": json.loads(text)})) == {"a": json.loads(text)}
    assert written({"\x9b": "\u2066"}) == '{"\\u009b": "\\u2066"}'


@pytest.mark.parametrize("text", ["", "hello", "[", "{'a': 1}", "12", '"x"', "[" * 100_000])
def test_anything_else(text: str) -> None:
    """What is no array and no object of JSON is left alone."""
    assert pretty(text) is None
