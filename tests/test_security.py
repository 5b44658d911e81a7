"""SECURITY.md promises what the code does: its numbers are the code's."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from trio_wsproxy import open_websocket_url, reconnecting_websocket_url
from trio_wsproxy._auth import MAX_ROUNDS
from trio_wsproxy._auth._challenges import MAX_CHALLENGES, MAX_ITEMS
from trio_wsproxy._http import MAX_BODY, MAX_HEAD
from trio_wsproxy._http._exchange import BODY_PATIENCE
from trio_wsproxy._redaction._text import MAX_SHOWN
from trio_wsproxy._routing._bypass import MAX_LIST
from trio_wsproxy._routing._netrc import MAX_FILE
from trio_wsproxy._transport._http_connect import MAX_DRAINED
from trio_wsproxy._urls._parts import MAX_URL
from trio_wsproxy._websocket import _protocol
from trio_wsproxy._websocket._deflate import MAX_STREAMS
from trio_wsproxy._websocket._inbox import READ_AHEAD
from trio_wsproxy._websocket._outbox import MAX_PONGS

ROOT = Path(__file__).parent.parent
UNITS = {"KiB": 2**10, "MiB": 2**20}

# What a row begins with → its numbers, in order.
NUMBERS: dict[str, tuple[float, ...]] = {
    "head of an HTTP answer": (MAX_HEAD,),
    "body of a refusal": (MAX_BODY, BODY_PATIENCE),
    "page behind a 407": (MAX_DRAINED,),
    "requests for one tunnel": (MAX_ROUNDS,),
    "challenges": (MAX_CHALLENGES, MAX_ITEMS),
    "small fragments": (_protocol.MAX_SMALL_FRAGMENTS,),
    "unread messages": (READ_AHEAD,),
    "pongs that wait": (MAX_PONGS,),
    "streams of zlib's": (MAX_STREAMS,),
    "work between": (_protocol.WORK, _protocol.BYTES, _protocol.INFLATED),
    "bytes that are inflated": (_protocol.SLICE,),
    "a URL": (MAX_URL,),
    "a list": (MAX_LIST,),
    "a netrc": (MAX_FILE,),
    "text of a peer's": (MAX_SHOWN,),
}
# What a row names is an option; its number is the default.
OPTIONS = {"max_message_size", "connect_timeout", "disconnect_timeout", "max_retry_after"} | {
    "max_redirects"
}


def rows() -> dict[str, str]:
    """The table of limits."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = text.partition("## Limits")[2].partition("## ")[0]
    return dict(re.findall(r"^\| ([^|-][^|]*) \| ([^|]*) \|$", table, re.MULTILINE)[1:])


def numbers(text: str) -> tuple[float, ...]:
    """The numbers in a text, in their units."""
    found = re.findall(r"(?<![\w.])(\d[\d,]*)(?: (KiB|MiB))?", text)
    return tuple(int(number.replace(",", "")) * UNITS.get(unit, 1) for number, unit in found)


@pytest.mark.parametrize("beginning", NUMBERS)
def test_limits(beginning: str) -> None:
    """A limit in the table is the constant in the code."""
    (limit,) = (limit for what, limit in rows().items() if what.startswith(beginning))
    assert numbers(limit) == NUMBERS[beginning]


def test_options() -> None:
    """A limit that is an option has the option's default."""
    named = {
        name: numbers(limit) for limit in rows().values() for name in re.findall(r"^`(\w+)`", limit)
    }
    assert set(named) == OPTIONS
    for name, promised in named.items():
        functions = (open_websocket_url, reconnecting_websocket_url)
        (default,) = {
            inspect.signature(x).parameters[name].default
            for x in functions
            if name in inspect.signature(x).parameters
        }
        assert promised == (default,)


def test_all_rows() -> None:
    """No row is left out."""
    for what, limit in rows().items():
        assert limit.startswith("`") or any(what.startswith(beginning) for beginning in NUMBERS)


def test_small_fragments() -> None:
    """What a small fragment is stands in the table, too."""
    (what,) = (what for what in rows() if what.startswith("small fragments"))
    assert numbers(what) == (_protocol.SMALL_FRAGMENT,)
