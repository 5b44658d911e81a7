"""Each reader of foreign text, tried by Hypothesis; ``nox -s fuzz`` tries for longer.

What is found is printed as bytes: put them among the seeds of the reader, and mend it.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from . import _reader
from ._reader import SECRET, SIZE, Broken, Reader, TooSlow, pump, pumped, shown
from ._readers import READERS

names = pytest.mark.parametrize("name", READERS)


@names
def test_seeds(name: str) -> None:
    """Each seed of a reader keeps its law."""
    for seed in READERS[name].seeds:
        READERS[name].check(seed)


@names
@settings(max_examples=100)  # in CI too: there the fuzzers have a minute of their own
@given(data=st.data())
def test_reader(name: str, data: st.DataObject) -> None:
    """So do bytes, pieces of its language, and its seeds with other pieces in them."""
    reader = READERS[name]
    pieces = st.one_of(st.sampled_from(reader.tokens or (b"",)), st.binary(max_size=8))
    seed = data.draw(st.sampled_from([b"\0\0", *reader.seeds]))
    seed = seed if len(seed) < 5000 else b"\0\0"
    first = data.draw(st.integers(0, len(seed)))
    last = data.draw(st.integers(first, len(seed)))
    middle = b"".join(data.draw(st.lists(pieces, max_size=8)))
    reader.check(seed[:first] + middle + seed[last:])


@names
@settings(max_examples=20)  # of 64 KiB each
@given(data=st.data())
def test_repetitions(name: str, data: st.DataObject) -> None:
    """Nor does a repetition of a few pieces, up to 64 KiB, cost more than its size."""
    reader = READERS[name]
    pieces = st.one_of(st.sampled_from(reader.tokens or (b"",)), st.binary(min_size=1, max_size=3))
    before, unit = (
        b"".join(data.draw(st.lists(pieces, max_size=3)))[:255] for _ in ("before", "unit")
    )
    reader.check(pump(b"\0\0" + before[:253], unit, data.draw(pieces)))


# --- the law itself -----------------------------------------------------------------------


def test_pumped() -> None:
    """A short input stands for a long one; any other for itself."""
    assert pumped(pump(b"a", b"bc", b"d")) == b"a" + b"bc" * (SIZE // 2) + b"d"
    assert pumped(pump(b"a", b"", b"d")) == b"ad"
    for data in (b"", b"abc", pump(b"", b"")):
        assert pumped(data) in (data, b"")


def test_a_quadratic_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader whose cost is quadratic is found by one repetition, a linear one is not."""

    def quadratic(data: bytes) -> None:
        for start in range(0, len(data), 128):
            data.count(b"xy", start)

    monkeypatch.setattr(_reader, "SUSPICIOUS", 0.02)  # this one is to be over soon
    reader = Reader("quadratic", quadratic, ())
    with pytest.raises(TooSlow):
        reader.check(pump(b"", b"x"))
    Reader("linear", bytes.split, ()).check(pump(b"", b"x"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [f"user:{SECRET}", "\x1b[2J", "a\nb", "\u202e", "x" * 5000])
def test_what_must_not_be_shown(text: str) -> None:
    """A secret, what a terminal obeys, and what is endless are found in a text."""
    shown(["harmless"])
    with pytest.raises(Broken):
        shown(["harmless", text])
