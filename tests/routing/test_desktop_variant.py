from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._routing._desktop._variant import NoVariant, parse_variant


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("''", ""),
        ("'manual'", "manual"),
        ('"pro\'xy"', "pro'xy"),
        (r'"p\"ä\'\\x"', "p\"ä'\\x"),
        (r"'\u00e4\U0001f600\n\t'", "ä\U0001f600\n\t"),
        ("true", True),
        ("false", False),
        ("8080", 8080),
        ("-1", -1),
        ("uint32 5", 5),
        ("@as []", []),
        ("[]", []),
        ("['localhost', '127.0.0.0/8', \"::1\"]", ["localhost", "127.0.0.0/8", "::1"]),
        ("(['direct://'],)", [["direct://"]]),
        ("(['http://a:80', 'direct://'],)\n", [["http://a:80", "direct://"]]),
    ],
)
def test_values(text: str, value: Any) -> None:
    """What gsettings, dconf and gdbus print is read as GVariant has it."""
    assert parse_variant(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "'",
            "'a",
            "\"a'",
            "[",
            "['a'",
            "['a'] x",
            "a",
            "1e400",
            "[[[[[[1]]]]]]",
            ",",
            "]",
        ),
        *("{'a': 1}", "nothing", "9" * 30, "(", "'a' 'b'", "[,]"),
    ],
)
def test_no_value(text: str) -> None:
    """What is something else is refused, and nothing else is raised."""
    with pytest.raises(NoVariant):
        parse_variant(text)


@given(st.text(alphabet="'\"\\[](),@u0a1 .-", max_size=60))
def test_any_text(text: str) -> None:
    """Any text is a value, or none; no other error comes of it."""
    try:
        parse_variant(text)
    except NoVariant:
        return
