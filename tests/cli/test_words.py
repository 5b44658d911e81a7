"""Messages of the client in the words of the command line."""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

import pytest

import trio_wsproxy
from trio_wsproxy import CloseReason, ConnectionLost, ProxyUnreachable, resolve_proxy
from trio_wsproxy._cli._arguments import proxy_argument
from trio_wsproxy._cli._words import OPTIONS, message, route_as_typed
from trio_wsproxy._failures import PARAMETERS

PACKAGE = Path(trio_wsproxy.__file__).parent
TEXTS = [
    node.value
    for path in PACKAGE.rglob("*.py")
    if "_cli" not in path.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Constant) and isinstance(node.value, str)
]


def test_topics() -> None:
    """Each topic that programs have a phrase for has one on the command line, and no other has."""
    assert OPTIONS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("argument proxy=, hop 2: no"), "--proxy, hop 2: no"),
        (ValueError("extra_headers: no"), "--header: no"),
        (
            ValueError("proxy_ssl_context needs an https:// proxy, but proxy= is http://p:1"),
            "--proxy-cacert needs an https:// proxy, but the way is http://p:1",
        ),
        (
            ConnectionLost(CloseReason(1006, None)),
            "the connection is lost (1006): it ended without a close; the server or a proxy has gone",
        ),
        (
            OSError("\x1b[2J is connect_timeout too short?"),
            "\\x1b[2J is --connect-timeout too short?",
        ),
    ],
)
def test_message(error: BaseException, told: str) -> None:
    """Parameters become options, and nothing commands the terminal."""
    assert message(error) == told


def test_whose_certificate() -> None:
    """The option for a certificate is that of the hop that showed it."""
    text = next(text for text in TEXTS if "load_verify_locations" in text and "truststore" in text)
    assert message(OSError(text)).endswith("file with --cacert or in SSL_CERT_FILE")
    error = ProxyUnreachable(text, proxy=None, hop=1, stage="proxy_tls")
    assert message(error).endswith("file with --proxy-cacert or in SSL_CERT_FILE")


@pytest.mark.parametrize(
    ("proxy", "no_proxy", "source", "look"),
    [
        (["p:1"], False, "--proxy", "--proxy = 'http://p:1': used; it wins over "),
        (["p:1", "q:2"], False, "--proxy", "--proxy = 'http://p:1, http://q:2': used"),
        (None, True, "--no-proxy", "--no-proxy: a direct connection"),
        (None, False, "loopback rule", "environment variable no_proxy: not set"),
    ],
)
def test_route(
    proxy: list[str] | None,
    no_proxy: bool,
    source: str,
    look: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A route names the option that decided on it, and is left alone where none did."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    arguments = argparse.Namespace(proxy=proxy, no_proxy=no_proxy)
    route = resolve_proxy("ws://localhost/", proxy=proxy_argument(arguments))
    shown = route_as_typed(route, arguments)
    assert (shown.source, shown.hops) == (source, route.hops)
    assert str(shown.trail[0]).startswith(look)
