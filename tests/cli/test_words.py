"""Messages of the client in the words of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

import trio_wsproxy
from trio_wsproxy import CloseReason, ConnectionLost, Proxy, resolve_proxy
from trio_wsproxy._cli._credentials import proxy_argument
from trio_wsproxy._cli._words import OPTIONS, message, route_as_typed
from trio_wsproxy._failures import PARAMETERS, Kind, Topic, words
from trio_wsproxy._transport._hop import stops
from trio_wsproxy._transport._tls_failure import TLSFailure
from trio_wsproxy._urls import parse_target

SOURCES = [
    path.read_text(encoding="utf-8")
    for path in Path(trio_wsproxy.__file__).parent.rglob("*.py")
    if path.name != "_words.py"
]


def test_topics() -> None:
    """Each topic that programs have a phrase for has one on the command line, and no other has."""
    assert OPTIONS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ValueError(words("{place}, hop {n}: no", place=Topic.ARGUMENT, n=2)),
            "--proxy, hop 2: no",
        ),
        (ValueError(words("{option}: no", option=Topic.EXTRA_HEADERS)), "--header: no"),
        (ValueError("extra_headers: no"), "extra_headers: no"),
        (
            ConnectionLost(CloseReason(1006, None)),
            "the connection is lost (1006): it ended without a close; the server or a proxy has gone",
        ),
        (
            OSError(words("{x} is {option} too short?", x="\x1b[2J", option=Topic.CONNECT_TIMEOUT)),
            "\\x1b[2J is --connect-timeout too short?",
        ),
    ],
)
def test_message(error: BaseException, told: str) -> None:
    """Parameters become options, and nothing commands the terminal."""
    assert message(error) == told


@pytest.mark.parametrize("topic", Topic)
def test_topic_is_used(topic: Topic) -> None:
    """Each topic is one that the client speaks of."""
    name = f"Topic.{topic.name}"
    assert [source for source in SOURCES if name in source]


def test_credentials_need_no_program() -> None:
    """What is said of credentials on the command line names its options, and no parameter."""
    assert not [phrase for phrase in OPTIONS.values() if "proxy_auth" in phrase]
    problem = words("{netrc}: no", netrc=Topic.NETRC)
    assert message(ValueError(problem)) == "--proxy-auth netrc: no"
    assert str(problem) == 'proxy_auth="netrc": no'


def test_whose_certificate() -> None:
    """The option for a certificate is that of the stop that showed it."""
    hops, server = stops((Proxy("https://p"),), parse_target("wss://e.test"), "a setting")
    tls = TLSFailure(Kind.UNKNOWN_ISSUER, words("no"), words("{trust}", trust=server.trust))
    told = message(server.distrusted(tls, None))
    assert told.endswith("file with --cacert or in SSL_CERT_FILE")
    tls = tls._replace(remedy=words("{trust}", trust=hops[0].trust))
    told = message(hops[0].distrusted(tls, None))
    assert told.endswith("file with --proxy-cacert or in SSL_CERT_FILE")


@pytest.mark.parametrize(
    ("kind", "insecure", "proxy_insecure", "told"),
    [
        (Kind.UNKNOWN_ISSUER, True, False, True),
        (Kind.CERTIFICATE_REFUSED, True, False, True),
        (Kind.TLS_FAILED, True, False, False),
        (Kind.UNKNOWN_ISSUER, True, True, False),
        (Kind.UNKNOWN_ISSUER, False, False, False),
    ],
)
def test_insecure_in_vain(kind: Kind, insecure: bool, proxy_insecure: bool, told: bool) -> None:
    """Where a proxy's certificate was refused in spite of -k, the option for proxies is named."""
    hops, server = stops((Proxy("https://p"),), parse_target("wss://e.test"), "a setting")
    arguments = argparse.Namespace(insecure=insecure, proxy_insecure=proxy_insecure)
    tls = TLSFailure(kind, words("no"), words("why?"))
    hint = "; -k is for the server, --proxy-insecure for the proxy"
    assert message(hops[0].distrusted(tls, None), arguments).endswith(hint) is told
    assert "--proxy-insecure" not in message(server.distrusted(tls, None), arguments)


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
    arguments = argparse.Namespace(proxy=proxy, no_proxy=no_proxy, pac=None)
    route = resolve_proxy("ws://localhost/", proxy=proxy_argument(arguments))
    shown = route_as_typed(route, arguments)
    assert (shown.source, shown.hops) == (source, route.hops)
    assert str(shown.trail[0]).startswith(look)
