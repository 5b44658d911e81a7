"""What is said about websockets, asked of the real one."""

from __future__ import annotations

import os
from unittest import mock

import pytest
from _rival_cases import (
    CASES,
    FAILS,
    Environ,
    Outcome,
    ids,
    outcome,
)

from trio_wsproxy._cli import _rivals
from trio_wsproxy._urls import parse_target


def ask_websockets(environ: Environ, url: str) -> Outcome:
    """Where websockets would connect to."""
    import websockets.exceptions
    import websockets.proxy
    import websockets.uri

    with mock.patch.dict(os.environ, environ, clear=True):
        chosen = websockets.proxy.get_proxy(websockets.uri.parse_uri(url))
    if chosen is None:
        return None
    try:
        proxy = websockets.proxy.parse_proxy(chosen)
    except (ValueError, websockets.exceptions.InvalidProxy):
        return FAILS
    return proxy.scheme, proxy.host, proxy.port


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_websockets(case: tuple[Environ, str]) -> None:
    """The library websockets goes where we say that it goes."""
    pytest.importorskip("websockets", reason="websockets 17 needs Python 3.11")
    environ, url = case
    assert outcome(_rivals.websockets(parse_target(url), environ)) == ask_websockets(environ, url)
