"""What proxies write into Proxy-Authenticate, and what is read out of it."""

from __future__ import annotations

from typing import Any

import pytest
from _cost import REPETITIONS, linear
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy import ProxyChallenge
from trio_wsproxy._auth._challenges import (
    MAX_CHALLENGES,
    MAX_ITEMS,
    parse_challenges,
    parse_parameters,
)


@pytest.mark.parametrize(
    ("values", "challenges"),
    [
        ([], []),
        ([b""], []),
        ([b"Negotiate"], [("Negotiate", {}, None)]),
        ([b"Negotiate", b"NTLM"], [("Negotiate", {}, None), ("NTLM", {}, None)]),
        ([b"Negotiate, NTLM"], [("Negotiate", {}, None), ("NTLM", {}, None)]),
        ([b"NTLM TlRMTVNTUAAC+/=="], [("NTLM", {}, "TlRMTVNTUAAC+/==")]),
        (
            [b'Negotiate YII=, Basic realm="a"'],
            [("Negotiate", {}, "YII="), ("Basic", {"realm": "a"}, None)],
        ),
        ([b"Basic realm=squid"], [("Basic", {"realm": "squid"}, None)]),
        ([b'basic REALM = "a"'], [("basic", {"realm": "a"}, None)]),
        # Commas, quotation marks and a scheme in a quoted string.
        (
            [rb'Basic realm="a, \"b\", Digest c=d"'],
            [("Basic", {"realm": 'a, "b", Digest c=d'}, None)],
        ),
        # RFC 9110 section 11.6.1's example.
        (
            [b'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'],
            [
                ("Basic", {"realm": "simple"}, None),
                ("Newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}, None),
            ],
        ),
        (
            [b'Digest realm="d", qop="auth,auth-int", nonce="n", stale=false,Basic realm="b"'],
            [
                (
                    "Digest",
                    {"realm": "d", "qop": "auth,auth-int", "nonce": "n", "stale": "false"},
                    None,
                ),
                ("Basic", {"realm": "b"}, None),
            ],
        ),
        ([b", ,Basic ,, realm=x,"], [("Basic", {"realm": "x"}, None)]),
        (['Basic realm="jürgen"'.encode()], [("Basic", {"realm": "jürgen"}, None)]),
        ([b'Basic realm="\xfc"'], [("Basic", {"realm": "\udcfc"}, None)]),
        # Broken ones: what can be read is read.
        ([b'Basic realm="open, Digest'], [("Basic", {}, None)]),
        ([b'"x", Basic realm=y'], [("Basic", {"realm": "y"}, None)]),
        ([b"Basic realm=a, realm=b"], [("Basic", {"realm": "a"}, None)]),
        ([b"A x=y, " * 100], [("A", {"x": "y"}, None)] * 32),
    ],
)
def test_challenges(values: list[bytes], challenges: list[Any]) -> None:
    """The challenges of all headers are read in order, with their parameters or token."""
    assert parse_challenges(values) == [ProxyChallenge(*challenge) for challenge in challenges]


QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"))


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "realm", "x-y"]), QUOTED, min_size=1), max_size=6
    )
)
def test_what_is_quoted_comes_back(challenges: list[dict[str, str]]) -> None:
    """Whatever stands in quoted strings, parameters and challenges are kept apart."""

    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        "Any " + ", ".join(f"{name}={quote(value)}" for name, value in one.items())
        for one in challenges
    )
    parsed = [dict(one.parameters) for one in parse_challenges([header.encode()])]
    assert parsed == challenges


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Nothing that a proxy can send makes the parsers fail or hang."""
    parse_challenges([data])
    parse_parameters(data.decode("latin-1"))


def test_parameters() -> None:
    """Proxy-Authentication-Info is a list of parameters, of whatever order."""
    text = 'nextnonce="a,b", qop=auth , ,"junk", rspauth="x"'
    assert parse_parameters(text) == {"nextnonce": "a,b", "qop": "auth", "rspauth": "x"}


@pytest.mark.parametrize("repetition", REPETITIONS)
def test_cost_is_linear(repetition: str) -> None:
    """However a head is filled, reading the challenges of it costs what it weighs."""
    assert linear(lambda text: parse_challenges([text.encode()]), repetition)
    assert linear(lambda text: parse_challenges([b"A " + text.encode()]), repetition)
    assert linear(lambda text: parse_challenges([b"a=" + text.encode()] * 2), repetition)
    assert linear(lambda text: parse_challenges([text.encode() + b'" x']), repetition)
    assert linear(parse_parameters, repetition)


def test_reading_stops() -> None:
    """Behind the last challenge that is kept nothing is read, nor behind so many items."""

    def values(first: bytes) -> Any:
        yield first
        pytest.fail("one more header was read")

    assert len(parse_challenges(values(b"A, " * (MAX_CHALLENGES + 1)))) == MAX_CHALLENGES
    assert parse_challenges(values(b"=, " * MAX_ITEMS)) == []
    assert len(parse_parameters(",".join(f"x{n}=y" for n in range(MAX_ITEMS + 1)))) == MAX_ITEMS


def test_mark_that_is_not_closed() -> None:
    """A quotation mark without an end takes the rest of its header, and of no other."""
    values = [b'A x=y, z="open, B', b"C"]
    assert parse_challenges(values) == [ProxyChallenge("A", {"x": "y"}), ProxyChallenge("C")]
    assert parse_challenges([b'A x="y\\']) == [ProxyChallenge("A")]
