"""Heads of requests: those that are usual are what h11 would write, and nothing breaks out of a line."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trio_wsproxy._http import request_head

Headers = list[tuple[bytes, bytes]]
HOST = (b"Host", b"e.test")


def by_h11(method: bytes, target: bytes, headers: Headers) -> bytes | None:
    """Let h11 write the same head; ``None`` where it refuses to."""
    try:
        request = h11.Request(method=method, target=target, headers=headers)
    except h11.LocalProtocolError:
        return None
    return h11.Connection(h11.CLIENT).send(request)


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        (b"GET", b"/", []),
        (b"GET", b"/a?b=c%20d", [(b"Sec-WebSocket-Key", b"x" * 24), (b"X", b"")]),
        (b"CONNECT", b"[::1]:443", [(b"User-Agent", b"a b"), (b"X", b"\xe4\t\xf6")]),
    ],
)
def test_as_h11_writes_it(method: bytes, target: bytes, headers: Headers) -> None:
    """It is the same, byte for byte, and hides itself."""
    head = request_head(method, target, [HOST, *headers])
    assert head == by_h11(method, target, [HOST, *headers])
    assert "e.test" not in repr(head)


texts = st.lists(
    st.sampled_from(
        [b"a", b"X", b" ", b"\t", b"\r", b"\n", b"\r\n", b": ", b"\0", b"\x7f", b"\xe4"]
    ),
    max_size=4,
).map(b"".join)


@example(b"/", b"a: ", b"a")
@given(texts.map(lambda text: b"/" + text), texts, texts)
def test_whatever_it_is_given(target: bytes, name: bytes, value: bytes) -> None:
    """What h11 refuses is refused, and what is written is what h11 writes."""
    headers = [HOST, (name, value)]
    expected = by_h11(b"GET", target, headers)
    if expected is None:
        with pytest.raises(h11.LocalProtocolError):
            request_head(b"GET", target, headers)
    else:
        assert request_head(b"GET", target, headers) == expected
