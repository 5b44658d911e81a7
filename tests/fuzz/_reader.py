"""What a reader of foreign text is to a fuzzer: something that is given bytes, and a law that holds.

A :class:`Reader` has one definition, :meth:`Reader.check`, for all who try it: Hypothesis in
``test_readers.py``, atheris and the mutations of ``_engine.py``. It raises where the law is broken:

* an exception that is not among the documented ones;
* a secret, or what a terminal obeys, in what would be shown;
* two implementations of the same thing that differ;
* a cost that is not linear (:class:`TooSlow`).

For the last one short inputs can stand for long ones: what begins with :data:`PUMP` has a piece in it
that is repeated up to :data:`SIZE` bytes (:func:`pumped`), so that a fuzzer finds an awkward
repetition by changing a few bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

PUMP = b"\xfe\xff"  # no text begins so
SIZE = 64 * 1024  # bytes; few readers of ours take more at once
# Seconds of this process' own time, whatever else the machine does.
SUSPICIOUS = 0.15  # what takes that long is looked at
MOST = 3.0  # and this is too long, instrumented as all may be
SUPERLINEAR = 3.0  # times the cost of half of it; a linear reader has 2, a quadratic one 4
TIMES = 3  # the best of so many counts

SECRET = "s3cReT77"  # in passwords, wherever a reader's text may have one
_OBEYED = frozenset(
    [*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202e\u2066\u2069"]
)


class Broken(AssertionError):
    """A law does not hold."""


class TooSlow(Broken):
    """A reader's cost is not linear, or too large."""


class Reader(NamedTuple):
    """A reader of foreign text.

    Attributes:
      name: What the command line calls it.
      read: Gives it bytes, and raises where its law is broken.
      seeds: Inputs to begin with.
      tokens: Pieces that inputs are made of.
      size: Bytes that a short input may stand for.

    """

    name: str
    read: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    tokens: tuple[bytes, ...] = ()
    size: int = SIZE

    def check(self, data: bytes) -> None:
        """Give the reader an input, and raise if a law is broken."""
        cost = self._cost(pumped(data, self.size))
        if cost > SUSPICIOUS:
            self._look_at_the_cost(data)

    def _cost(self, data: bytes) -> float:
        begin = time.process_time()
        self.read(data)
        return time.process_time() - begin

    def _look_at_the_cost(self, data: bytes) -> None:
        whole = min(self._cost(pumped(data, self.size)) for _ in range(TIMES))
        half = min(self._cost(pumped(data, self.size // 2)) for _ in range(TIMES))
        is_pumped = data.startswith(PUMP)
        # What is short for nothing has no half, and no excuse.
        if whole > (MOST if is_pumped else SUSPICIOUS) or (
            is_pumped and whole > SUSPICIOUS and whole > SUPERLINEAR * half
        ):
            raise TooSlow(f"{whole:.2f} s, for half of it {half:.2f} s")


def pump(before: bytes, unit: bytes, after: bytes = b"") -> bytes:
    """Write ``before``, ``unit`` again and again, ``after`` as a short input."""
    return PUMP + bytes((len(before), len(unit))) + before + unit + after


def pumped(data: bytes, size: int = SIZE) -> bytes:
    """Give what an input stands for."""
    if not data.startswith(PUMP) or len(data) < 5:
        return data
    first, second, rest = data[2], data[3], data[4:]
    before, unit, after = rest[:first], rest[first : first + second], rest[first + second :]
    return before + unit * (size // len(unit) if unit else 0) + after


def fields(data: bytes, number: int) -> list[bytes]:
    """Cut an input into so many fields, at its first NULs; those that are missing are empty."""
    parts = data.split(b"\0", number - 1)
    return parts + [b""] * (number - len(parts))


def chunks(data: bytes, size: int) -> list[bytes]:
    """Cut data into chunks of a size, up to 1000 of them; 0 is one chunk."""
    step = max(size, len(data) // 1000 + 1) if size else max(1, len(data))
    return [data[i : i + step] for i in range(0, len(data), step)]


def shown(texts: Iterable[str], *secrets: str, most: int = 4000) -> None:
    """Hold that these texts may be shown.

    Args:
      texts: What a user, a log or a terminal would be told.
      secrets: What must not be in them.
      most: Characters that one may have.

    """
    for text in texts:
        for secret in (SECRET, *secrets):
            if secret in text:
                raise Broken(f"a secret is shown: {text[:500]!a}")
        if obeyed := _OBEYED & set(text):
            raise Broken(f"a terminal obeys {''.join(obeyed)!a}: {text[:500]!a}")
        if len(text) > most:
            raise Broken(f"{len(text)} characters are shown: {text[:200]!a}")


def told(error: BaseException | None) -> list[str]:
    """Give what a traceback shows of an error and of what is chained to it.

    Not its attributes: an answer's headers and body are the peer's own, and no message.
    """
    texts: list[str] = []
    seen: list[BaseException] = []
    pending = [error]
    while pending:
        one = pending.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        texts += [str(one), repr(one), repr(one.args), *getattr(one, "__notes__", ())]
        pending += [one.__cause__, one.__context__]
    return texts


def holds(condition: object, what: str) -> None:
    """Hold that this is so."""
    if not condition:
        raise Broken(what)
