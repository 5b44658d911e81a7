"""Headers that somebody gives as an argument."""

from __future__ import annotations

import pytest

from trio_wsproxy._http import HeadersArgument, header_pairs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, ()),
        ({}, ()),
        ({"A": "1"}, ((b"A", b"1"),)),
        ([("A", b"1"), (b"A", "2")], ((b"A", b"1"), (b"A", b"2"))),
        ((("A", ""),), ((b"A", b""),)),
        ({"A": "\xe4"}, ((b"A", b"\xe4"),)),
        ([("A", bytearray(b"1"))], ((b"A", b"1"),)),
        ({"Host": "x"}, ((b"Host", b"x"),)),
    ],
)
def test_header_pairs(given: HeadersArgument | None, expected: object) -> None:
    """Mappings and pairs, str and bytes, become pairs of bytes in the same order."""
    assert header_pairs(given, name="n") == expected


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"A B": "secret"}, ValueError),
        ({"A\r\n": "secret"}, ValueError),
        ({"": "secret"}, ValueError),
        ({"A": "secret\n"}, ValueError),
        ({"A": "secret\0"}, ValueError),
        ({"A": "secret \u20ac"}, ValueError),
        ({"\u20ac": "secret"}, ValueError),
        ([("A: secret", "x")], ValueError),
        ({"x-owned": "secret"}, ValueError),
        ({"A": 5}, TypeError),
        ([(5, "secret")], TypeError),
        ({"A": None}, TypeError),
    ],
)
def test_header_pairs_refuses(given: HeadersArgument, error: type[Exception]) -> None:
    """What h11 would refuse is refused here, and no value shows in the message or behind it."""
    with pytest.raises(error) as caught:
        header_pairs(given, name="extra_headers", reserved={b"x-owned"})
    told = caught.value
    if error is ValueError:
        assert "extra_headers" in str(told)
    assert "secret" not in f"{told!r} {told.__cause__!r} {told.__context__!r}"
