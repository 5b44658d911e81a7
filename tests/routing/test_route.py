from __future__ import annotations

import dataclasses
import pickle

import pytest

from trio_wsproxy._routing import Look, Route
from trio_wsproxy._urls import Proxy, Target, TargetScheme, make_target


@pytest.mark.parametrize(
    ("hops", "scheme", "picture"),
    [
        ([], "wss", "client ─tcp→ example.org:443 ─TLS→ WebSocket"),
        ([], "ws", "client ─tcp→ example.org:443 ─→ WebSocket"),
        ([], "tls", "client ─tcp→ example.org:443 ─TLS→ stream"),
        ([], "tcp", "client ─tcp→ example.org:443 ─→ stream"),
        (
            ["http://user:pw@proxy:3128"],
            "wss",
            "client ─tcp→ proxy:3128 ─CONNECT→ example.org:443 ─TLS→ WebSocket",
        ),
        (
            ["https://proxy:3128"],
            "wss",
            "client ─tcp→ proxy:3128 ─TLS→ ─CONNECT→ example.org:443 ─TLS→ WebSocket",
        ),
        (
            ["socks4://a", "socks4a://b", "socks5://[::1]"],
            "ws",
            (
                "client ─tcp→ a:1080 ─SOCKS4→ b:1080 ─SOCKS4a→ [::1]:1080 ─SOCKS5→ "
                "example.org:443 ─→ WebSocket"
            ),
        ),
        (
            ["socks5h://a", "https://b"],
            "ws",
            "client ─tcp→ a:1080 ─SOCKS5h→ b:443 ─TLS→ ─CONNECT→ example.org:443 ─→ WebSocket",
        ),
    ],
)
def test_picture(hops: list[str], scheme: TargetScheme, picture: str) -> None:
    """The picture shows every hop, nearest first, and every layer spoken, in order."""
    target = make_target(scheme, "example.org", 443)
    route = Route(tuple(map(Proxy, hops)), target, "here")
    assert route.picture == picture


def test_explain() -> None:
    """The explanation is the target, each place looked at in order, and the picture."""
    trail = (
        Look("environment variable no_proxy", None, "not set"),
        Look("argument proxy=", "http://proxy:80", "used"),
    )
    route = Route((Proxy("proxy"),), Target("ws", "h", 80, "/?token=1"), "here", trail)
    assert route.explain() == (
        "Route to ws://h/?…\n"
        "  environment variable no_proxy: not set\n"
        "  argument proxy = 'http://proxy:80': used\n"
        "client ─tcp→ proxy:80 ─CONNECT→ h:80 ─→ WebSocket"
    )


def test_route_is_a_value() -> None:
    """A route is frozen, equal to its copy, and shows no secret."""
    hops = (Proxy("http://user:hidden@proxy"),)
    route = Route(hops, Target("ws", "h", 80, "/?hidden", "user", "hidden"), "here")
    assert pickle.loads(pickle.dumps(route)) == route
    assert "hidden" not in f"{route} {route!r} {route.explain()}"
    with pytest.raises(dataclasses.FrozenInstanceError):
        route.hops = ()  # type: ignore[misc]


def test_look_is_plain_data() -> None:
    """A look can be turned into JSON as it is."""
    assert dataclasses.asdict(Look("a", None, "b")) == {"place": "a", "value": None, "outcome": "b"}
