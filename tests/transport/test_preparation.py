"""What functions of the program's do to a dial: they are named, and no proxy is blamed for them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import trio
from _wire import all_texts

from trio_wsproxy import (
    BearerAuth,
    ConnectionTimeout,
    Proxy,
    ProxyAuthRequest,
    ProxyChallenge,
    Stage,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy.testing import Fail, Stall, open_echo_server, open_http_proxy


async def hang(*_: object) -> Any:
    """Give nothing."""
    await trio.sleep_forever()


class Slow:
    """A scheme of the program's that takes its time."""

    name = "Slow"
    needs_same_connection = False

    def begin(self, _: ProxyAuthRequest) -> Slow:
        return self

    def first(self) -> None:
        return None

    def answer(self, _: ProxyChallenge) -> Any:
        return hang()

    def accepted(self, headers: Any) -> None:
        pass


TOKEN = "the function that gives BearerAuth its token"
HEADERS = "the function given as proxy_headers="


@pytest.mark.parametrize(
    ("options", "named"),
    [({"proxy_auth": BearerAuth(hang)}, TOKEN), ({"proxy_headers": hang}, HEADERS)],
)
@pytest.mark.parametrize("chain", [False, True])
async def test_function_that_hangs(
    options: dict[str, Any], named: str, chain: bool, autojump_clock: trio.abc.Clock
) -> None:
    """A timeout names the function, and nobody was dialed for it."""
    async with open_http_proxy() as proxy:
        route: list[str | Proxy] = [proxy.url, "http://last.test:1"] if chain else [proxy.url]
        with pytest.raises(ConnectionTimeout) as caught:
            async with open_websocket_url("ws://e.test", proxy=route, connect_timeout=3, **options):
                pass
        asked = "http://last.test:1 (hop 2 of 2, " if chain else f"{proxy.url} ("
        text = (
            f"no connection to ws://e.test/ within 3 s; was waiting for {named}, for proxy {asked}"
        )
        assert str(caught.value).startswith(text)
        question = "; does it come to an end, or is connect_timeout too short?"
        assert str(caught.value).endswith(question)
        failure = failure_of(caught.value)
        assert failure is not None
        assert failure.stage == "setup"
        assert [stage.name for stage in caught.value.dial_report.stages] == ["setup"]
        assert not proxy.events


async def test_scheme_that_hangs_when_challenged(autojump_clock: trio.abc.Clock) -> None:
    """Behind a challenge it is the scheme that is waited for; then it is the proxy again."""
    challenge = "Slow"
    async with open_http_proxy(credentials=("a", "b")) as proxy:
        proxy.script = [Fail(407, headers=[("Proxy-Authenticate", challenge)])]
        with pytest.raises(ConnectionTimeout, match="was waiting for the scheme Slow of this prog"):
            async with open_websocket_url(
                "ws://e.test", proxy=proxy.url_for(), proxy_auth=Slow(), connect_timeout=3
            ):
                pass


async def test_bearer_that_answers_in_time(autojump_clock: trio.abc.Clock) -> None:
    """Once a function has answered, the proxy is waited for."""

    async def token() -> str:
        await trio.sleep(1)
        return "abc"

    stages: list[Stage] = []
    async with open_http_proxy(script=[Stall("reply")]) as proxy:
        with pytest.raises(
            ConnectionTimeout, match="was waiting for the answer to CONNECT of prox"
        ):
            async with open_websocket_url(
                "ws://e.test",
                proxy=proxy.url,
                proxy_auth=BearerAuth(token),
                connect_timeout=3,
                trace=lambda event, stage: stages.append(stage) if event == "end" else None,
            ):
                pass
    assert stages[0].name == "setup"
    assert stages[0].duration == pytest.approx(1, abs=0.5)


class Broken(Exception):
    pass


async def broken(*_: object) -> Any:
    """Fail."""
    raise Broken("s3cret")


@pytest.mark.parametrize(
    ("options", "named"),
    [({"proxy_auth": BearerAuth(broken)}, TOKEN), ({"proxy_headers": broken}, HEADERS)],
)
async def test_function_that_raises(options: dict[str, Any], named: str) -> None:
    """Its own error goes up as it is, with a note from where, and nobody was dialed."""
    async with open_http_proxy() as proxy:
        with pytest.raises(Broken) as caught:
            await open_tcp_stream("e.test", 1, proxy=proxy.url, **options)
        assert not proxy.events
        if sys.version_info >= (3, 11):
            (note,) = caught.value.__notes__
            assert note == f"raised by {named}, for proxy {proxy.url} (from argument proxy=)"


@pytest.mark.parametrize("made", [{"X": "s3cret"}, None, 5])
async def test_function_that_is_not_async(made: Any) -> None:
    """The line that is wrong is named, not the word await."""

    def headers(*_: object) -> Any:
        return made

    with pytest.raises(TypeError, match="proxy_headers: the function must be async; it") as caught:
        await open_tcp_stream("e.test", 1, proxy="http://127.0.0.1:1", proxy_headers=headers)
    assert "s3cret" not in all_texts(caught.value)


@pytest.mark.parametrize("made", [5, "X: s3cret", b"X: s3cret", True])
async def test_function_that_gives_no_headers(made: Any) -> None:
    """What is no mapping and no pairs is named with the parameter, and not shown."""

    async def headers(*_: object) -> Any:
        return made

    with pytest.raises(TypeError, match="proxy_headers: the function gives a mapping") as caught:
        await open_tcp_stream("e.test", 1, proxy="http://127.0.0.1:1", proxy_headers=headers)
    assert "s3cret" not in all_texts(caught.value)


async def test_token_is_asked_for_once() -> None:
    """Each tunnel asks for a token once, before it is dialed; a header of one's own spares that."""
    asked = []

    async def token() -> str:
        asked.append(proxy.events[:])
        return "abc"

    async with open_echo_server() as server, open_http_proxy() as proxy:
        for own in ({}, {"Proxy-Authorization": "Bearer own"}):
            async with open_websocket_url(
                server.url, proxy=proxy.url, proxy_auth=BearerAuth(token), proxy_headers=own
            ) as ws:
                await ws.send("x")
        values = [request.header("proxy-authorization") for request in proxy.requests]
    assert values == ["Bearer abc", "Bearer own"]
    assert asked == [[]]
