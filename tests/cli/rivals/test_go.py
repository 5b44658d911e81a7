"""What is said about Go, and what Go said: go-answers.txt, with how it was asked."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from _rival_cases import (
    CASES,
    FAILS,
    Environ,
    Outcome,
    answers,
    ids,
    outcome,
)

from trio_wsproxy._cli import _rivals
from trio_wsproxy._urls import parse_target


def what_go_said(text: str) -> Outcome:
    """What ``http.Transport`` makes of it: it speaks HTTP where it does not know the scheme."""
    parts = urlsplit(text)
    if text in ("direct", "error"):
        return None if text == "direct" else FAILS
    if not parts.hostname or parts.path.startswith("//"):
        return FAILS  # not the host that was meant
    schemes = {"http": "http", "https": "https", "socks5": "socks5h", "socks5h": "socks5h"}
    ports = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
    port = parts.port or ports.get(parts.scheme)
    return FAILS if port is None else (schemes.get(parts.scheme, "http"), parts.hostname, port)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_go(case: tuple[Environ, str]) -> None:
    """Programs in Go go where we say that they go."""
    environ, url = case
    said = outcome(_rivals.go(parse_target(url), environ))
    assert said == what_go_said(answers("go-answers.txt")[ids(case)])
