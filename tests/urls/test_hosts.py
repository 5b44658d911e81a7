"""Hosts and ports: one spelling, and what is malformed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from _awkward import SECRET, everything_told

from trio_wsproxy import Proxy
from trio_wsproxy._urls import (
    Malformed,
    make_target,
    normalise_host,
    parse_target,
    split_host_port,
)
from trio_wsproxy._urls._targets import parse_tcp_target


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("EXAMPLE.org.", "example.org."),
        ("bücher.example。", "xn--bcher-kva.example."),
        ("127.0.0.1.", "127.0.0.1"),
        ("localhost.", "localhost."),
        ("a" * 63 + ".", "a" * 63 + "."),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[fe80::1%25eth0]", "fe80::1%eth0"),
        ("127.0.0.1", "127.0.0.1"),
        ("under_score", "under_score"),
    ],
)
def test_one_spelling(text: str, host: str) -> None:
    """A host has one spelling, and that one is left as it is."""
    assert normalise_host(text) == host
    assert normalise_host(host) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..",
        "a..b",
        "127.1.",
        "127.1",
        "0x7f.1",
        "010.0.0.1",
        "[::1",
        "::g",
        "a" * 64,
        "é" * 254,
    ],
)
def test_no_host(text: str) -> None:
    """What is no host is told by a problem, which does not quote it."""
    with pytest.raises(Malformed) as caught:
        normalise_host(text)
    assert str(caught.value) == str(caught.value.problem)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("h", ("h", None)),
        ("h:", ("h", None)),
        ("h:1", ("h", 1)),
        ("h:0000003128", ("h", 3128)),
        ("[::1]", ("[::1]", None)),
        ("[::1]:65535", ("[::1]", 65535)),
    ],
)
def test_split(text: str, parts: tuple[str, int | None]) -> None:
    """Host and port are cut at the colon behind the brackets."""
    assert split_host_port(text) == parts


@pytest.mark.parametrize(
    "text", ["::1", "[::1", "[::1]1", "h:x", "h:0", "h:00", "h:65536", "h:" + "9" * 9999]
)
def test_no_split(text: str) -> None:
    """What has no host and port in it is malformed."""
    with pytest.raises(Malformed):
        split_host_port(text)


@pytest.mark.parametrize(
    "entry",
    [parse_target, parse_tcp_target, Proxy, lambda text: make_target("ws", text, 1)],
    ids=["parse_target", "parse_tcp_target", "Proxy", "make_target"],
)
def test_nothing_hangs_behind_a_refusal(entry: Callable[[str], Any]) -> None:
    """Whoever is asked from outside raises an error that has no other one behind it."""
    with pytest.raises(ValueError) as caught:
        entry(f"u:{SECRET}@h:x")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert SECRET not in everything_told(caught.value)
