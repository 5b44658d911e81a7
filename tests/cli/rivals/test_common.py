"""What holds for the rules of all clients."""

from __future__ import annotations

import pytest
from _rival_cases import (
    ALL,
    CASES,
    SECRET,
    Environ,
    P,
    answers,
    ids,
)
from hypothesis import example, given
from hypothesis import strategies as st

from trio_wsproxy._cli import _rivals
from trio_wsproxy._urls import parse_target


@pytest.mark.parametrize("name", ["go-answers.txt", "curl-answers.txt"])
def test_everything_was_asked(name: str) -> None:
    """A file of answers has one for each case, and no other."""
    assert list(answers(name)) == [ids(case) for case in CASES]


PIECES = [*"ab1:/@[]%?#*., \t\x1b\udc80ü", "://", "http://", "socks5://", "[::", "%zz", "/8", "<"]
VALUES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(
    st.dictionaries(st.sampled_from([*ALL, *map(str.upper, ALL), "no_proxy", "NO_PROXY"]), VALUES),
    st.sampled_from(["ws://h.test", "wss://192.0.2.1:1", "wss://[2001:db8::1]", "ws://localhost"]),
)
@example({"http_proxy": "http://\udc80:a@p.test"}, "ws://h.test")
def test_nothing_is_raised(environ: Environ, url: str) -> None:
    """However malformed the environment, each client gets an answer."""
    for ask in (_rivals.curl, _rivals.go, _rivals.requests, _rivals.websockets):
        assert ask(parse_target(url), environ).route


@pytest.mark.parametrize(
    "text",
    [
        f"http://ada:{SECRET}@p.test:1",
        f"http://{SECRET}@p.test:1",
        f"ada:{SECRET}@p.test",
        f"http://ada:a/{SECRET}@p.test",
        f"htp://ada:{SECRET}@p.test:1",
        f"http://ada:{SECRET}@p.test:x",
        f"http://ada:{SECRET}@p.test:1 ",
        f"socks://ada:{SECRET}@p.test:1",
        f"http://p.test:1/?token={SECRET}",
    ],
)
def test_no_secrets(text: str) -> None:
    """No answer shows a password, wherever the value that holds it stands."""
    for name in (*ALL, "no_proxy"):
        for environ in ({name: text, "all_proxy": P}, {name: text}):
            for ask in (_rivals.curl, _rivals.go, _rivals.requests, _rivals.websockets):
                for url in ("ws://p.test", "wss://p.test:1"):
                    answer = ask(parse_target(url), environ)
                    assert SECRET not in f"{answer!r} {answer.route}"
