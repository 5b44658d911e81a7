"""A failure knows where, what and why, and says it when it is asked."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import trio_wsproxy
from trio_wsproxy import HandshakeError, ProxyConfigError, ProxyRejected, ServerUnreachable
from trio_wsproxy._exceptions import failed, failure_of, misconfigured, told
from trio_wsproxy._failures import PARAMETERS, Failure, Kind, Place, Topic, Words, words

SHELL = {**PARAMETERS, Topic.PROXY: "--proxy"}


@pytest.mark.parametrize(
    ("remedy", "message"), [(None, "no"), (words("use {x}", x=Topic.PROXY), "no; use proxy=")]
)
def test_message(remedy: Words | None, message: str) -> None:
    """The remedy stands behind what happened, if there is one."""
    failure = Failure(Kind.REFUSED, "connect", words("no"), remedy)
    assert failure.render(PARAMETERS) == message


def test_error_of_a_proxy() -> None:
    """An error carries its failure, and has its attributes and its message from it."""
    remedy = words("use {x}", x=Topic.PROXY)
    place = Place("http://p:1", 2)
    failure = Failure(Kind.REFUSED, "connect", words("no"), remedy, place)
    error = failed(ProxyRejected, failure, status_code=403)
    assert (str(error), error.args) == ("no; use proxy=", ("no; use proxy=",))
    assert (error.proxy, error.hop, error.stage) == ("http://p:1", 2, "connect")
    assert error.status_code == 403
    assert failure_of(error) is failure
    assert told(error, SHELL) == "no; use --proxy"


def test_errors_of_the_server() -> None:
    """So do those of the server, trio-websocket's own class among them."""
    failure = Failure(Kind.NO_TLS, "server_tls", words("no"))
    assert failed(ServerUnreachable, failure).stage == "server_tls"
    error = failed(HandshakeError, failure)
    assert (type(error), str(error), failure_of(error)) == (HandshakeError, "no", failure)


def test_error_of_a_setting() -> None:
    """A setting that cannot be used is a failure, whether a proxy came of it or not."""
    error = misconfigured("no {braces}")
    assert (type(error), str(error), error.proxy) == (ProxyConfigError, "no {braces}", None)
    assert failure_of(error) == Failure(
        Kind.MISCONFIGURED, "config", words("{what}", what="no {braces}")
    )
    place = Place("http://p:1", 2)
    error = misconfigured(words("{x} no", x=Topic.PROXY), words("yes"), place)
    assert (told(error, SHELL), error.proxy, error.hop) == ("--proxy no; yes", "http://p:1", 2)


# What is raised with a failure in it, by those who make it with failed().
MADE_OF_FAILURES = {
    "ConnectionTimeout",
    "HandshakeError",
    "ProxyAuthenticationError",
    "ProxyConfigError",
    "ProxyProtocolError",
    "ProxyRejected",
    "ProxyUnreachable",
    "ServerUnreachable",
}
FILES = sorted(Path(trio_wsproxy.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_error_is_made_without_a_failure(path: Path) -> None:
    """None of these is made of a mere text."""
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert not MADE_OF_FAILURES & set(calls)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("no {proxy}"), "no {proxy}"),
        (OSError(), ""),
        (ValueError(words("{x} no", x=Topic.PROXY)), "--proxy no"),
    ],
)
def test_told(error: Exception, message: str) -> None:
    """What somebody else has raised is told as it is."""
    assert told(error, SHELL) == message
