"""What reading foreign text costs: 64 KiB of an awkward repetition, compared with 32 KiB of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

SIZE = 64 * 1024  # bytes; no reader of a peer's text takes more at once
NOTHING = 0.03  # seconds; below that a ratio says more about the machine than about the reader
LINEAR = 3.0  # twice as much text may cost twice as much, and some noise
ROUNDS = 3  # what else the machine does must not look like the reader's cost

# What quoted strings, lists, heads, URLs and pages are made of, and what makes a reader begin again.
REPETITIONS = [
    *(
        '"',
        '"\\',
        '\\"',
        '",',
        ',"',
        '"",',
        ",",
        ", ",
        " ",
        "\t",
        " \t",
        "=",
        "a",
        "a ",
        "a=",
        "a=,",
    ),
    *(
        'a="',
        'a=" ',
        'a="\\"',
        'a="b" ',
        'a="b",',
        'a="b"c',
        "a=b c",
        "a= ",
        "a =",
        "A b",
        "A b=c,",
    ),
    *(
        "A b==,",
        "A a=b, ",
        "é",
        "\x00",
        "\\",
        "://",
        "//",
        "//::::",
        "//a:1:",
        "@",
        "%40",
        "?",
        "#",
    ),
    *(
        "&",
        "&amp",
        "&#",
        "<",
        "<title",
        "<title ",
        "<title>",
        "<title a",
        "</title",
        "<title>a</title>",
    ),
    *(
        "\r",
        "\n ",
        "a\n",
        "a:\n",
        "a:\r\n",
        " b\n",
        "a :b\n",
        "\r\n",
        "\r\r\n",
        "Via: a\r\n",
        "\t\n",
    ),
    *(
        "1\r\nx\r\n",
        "1;x\r\n",
        "0;",
        "HTTP/1.1 100\n\n",
        "HTTP/1.1 ",
        "200 ",
        ";",
        "; ",
        "%",
        "[",
        "]",
    ),
]


def linear(read: Callable[[str], object], repetition: str) -> bool:
    """Tell whether twice as much text costs a reader about twice as much.

    Args:
      read: The reader; what it makes of the text, and whether it likes it, does not matter.
      repetition: What the text is made of.

    """
    text = (repetition * (SIZE // len(repetition) + 1))[:SIZE]
    for _ in range(ROUNDS):
        half = _cost(read, text[: SIZE // 2])
        if half > 1:
            return False  # nor need anybody wait for the other half
        whole = _cost(read, text)
        if whole < NOTHING or whole < LINEAR * half:
            return True
    return False


def _cost(read: Callable[[str], object], text: str) -> float:
    """Seconds of the processor, the best of three: others use the machine, too."""
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        with suppress(Exception):  # a refusal must not take long either
            read(text)
        best = min(best, time.thread_time() - start)
        if best > 1:
            break
    return best
