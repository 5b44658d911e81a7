"""What is written wrong is told with the line that is right, and nothing is dialed for it."""

from __future__ import annotations

import asyncio
import inspect
import ssl
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from _network import Network
from _peer import Wire

import trio_wsproxy
from trio_wsproxy import (
    connect_websocket,
    connect_websocket_url,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket,
    open_websocket_url,
    reconnecting_websocket_url,
    wrap_client_stream,
)

URL = "wss://ada:s3cret@example.org/chat?s3cret"
SHOWN = r"'wss://\*\*\*@example.org/chat\?…'"
# Type checkers tell of all this before.
anyhow: Any = trio_wsproxy


# --- async with, forgotten ------------------------------------------------------------------

MANAGERS: list[tuple[Callable[[], Any], str]] = [
    (lambda: open_websocket_url(URL), r"async with open_websocket_url\(…\) as ws:"),
    (
        lambda: open_websocket("example.org", 80, "/", use_ssl=False),
        r"async with open_websocket\(…\) as ws:",
    ),
    (
        lambda: reconnecting_websocket_url(URL),
        r"async with reconnecting_websocket_url\(…\) as connections:' and in it 'async for ws in",
    ),
]


async def awaited(manager: Any) -> None:
    """Await it."""
    await manager


async def looped_over(manager: Any) -> None:
    """Go through it."""
    async for _ in manager:
        pass


async def looped_over_at_once(manager: Any) -> None:
    """Go through it, without async."""
    for _ in manager:
        pass


async def entered(manager: Any) -> None:
    """Enter it, without async."""
    with manager:
        pass


async def used(manager: Any) -> None:
    """Take it for what it gives."""
    await manager.send_message("x")


@pytest.mark.parametrize(("make", "line"), MANAGERS)
@pytest.mark.parametrize(
    ("use", "error", "wrong"),
    [
        (awaited, TypeError, r"not 'await \w+\(…\)'"),
        (looped_over, TypeError, r"not 'async for … in \w+\(…\)'"),
        (looped_over_at_once, TypeError, r"not 'for … in \w+\(…\)'"),
        (entered, RuntimeError, r"not 'with \w+\(…\)'"),
        (used, AttributeError, r"not '\w+\(…\).send_message'"),
    ],
)
async def test_async_with(
    *,
    make: Callable[[], Any],
    line: str,
    use: Callable[[Any], Awaitable[None]],
    error: type[Exception],
    wrong: str,
    network: Network,
) -> None:
    """Whoever forgets it is told how it is written."""
    with pytest.raises(error, match=f"{line}.*{wrong}"):
        await use(make())
    assert network.routes == []


async def test_iterator_of_connections(network: Network) -> None:
    """So is whoever has the iterator, and forgets "async"."""
    async with reconnecting_websocket_url(URL) as connections:
        for use in (looped_over_at_once, awaited):
            with pytest.raises(TypeError, match="use 'async for ws in connections:', not"):
                await use(connections)
    assert network.routes == []


@pytest.mark.parametrize(("make", "_line"), MANAGERS)
def test_still_an_object(make: Callable[[], Any], _line: str) -> None:
    """What Python and debuggers ask of any object is answered as ever."""
    manager = make()
    assert not hasattr(manager, "__fspath__")
    assert not hasattr(manager, "_repr_html_")
    assert getattr(manager, "missing", 1) == 1
    assert "object at" in repr(manager)
    assert inspect.isawaitable(manager)  # so that "await" can say something


# --- another function's arguments -----------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "options"),
    [
        ((URL,), {}),
        ((URL,), {"use_ssl": True}),
        ((URL, ssl.create_default_context()), {}),
        ((URL, 443, "/"), {"use_ssl": True}),
        ((), {"host": URL, "port": 443, "resource": "/", "use_ssl": True}),
    ],
)
def test_open_websocket_with_a_url(args: tuple[Any, ...], options: dict[str, Any]) -> None:
    """It says which function takes URLs, and shows no secret."""
    with pytest.raises((TypeError, ValueError), match=rf"open_websocket_url\({SHOWN}\)") as caught:
        anyhow.open_websocket(*args, **options)
    assert "s3cret" not in str(caught.value)


async def test_connect_websocket_with_a_url(nursery: trio.Nursery) -> None:
    """So does this one."""
    for args in ((URL,), (URL, 443, "/chat")):
        with pytest.raises((TypeError, ValueError), match=r"connect_websocket_url\(nursery, 'wss"):
            await anyhow.connect_websocket(nursery, *args, use_ssl=True)


@pytest.mark.parametrize("name", ["open_tcp_stream", "open_ssl_over_tcp_stream"])
@pytest.mark.parametrize("more", [(), (80,)])
async def test_streams_with_a_url(name: str, more: tuple[int, ...]) -> None:
    """And the twins of trio's own."""
    error = ValueError if more else TypeError
    with pytest.raises(error, match=rf"{name}\(host, port\), with the parts of 'http://h/'"):
        await getattr(anyhow, name)("http://h/", *more)


@pytest.mark.parametrize("nursery", [None, URL, 5])
async def test_no_nursery(nursery: Any) -> None:
    """Who gives no nursery is told where it comes from; a stream that was given is closed."""
    wire = Wire()
    for name, args in (
        ("connect_websocket_url", ("ws://h/",)),
        ("connect_websocket", ("h", 80, "/")),
        ("wrap_client_stream", (wire, "h", "/")),
    ):
        with pytest.raises(
            TypeError, match=rf"trio.open_nursery\(\) as nursery: ws = await {name}"
        ):
            await getattr(anyhow, name)(nursery, *args)
    assert wire.closed
    with pytest.raises(TypeError, match="connect_websocket_url"):
        await anyhow.connect_websocket_url(URL)


async def test_a_stream_in_the_place_of_a_nursery() -> None:
    """A call without a nursery has not taken the stream, and says what is missing."""
    wire = Wire()
    for args in ((wire, "h", "/"), (wire, "h", "/", "x"), (wire,), ()):
        with pytest.raises(TypeError, match=r"wrap_client_stream\(\) takes a nursery first"):
            await anyhow.wrap_client_stream(*args)
    assert not wire.closed


@pytest.mark.parametrize(("host", "resource"), [(None, "/"), ("h", b"/"), (5, None)])
async def test_parts_of_another_type(host: Any, resource: Any, nursery: trio.Nursery) -> None:
    """Host and resource are texts, and the one that is none is named; the stream is closed."""
    wire = Wire()
    name = "resource is a str, not bytes" if host == "h" else "host is a str, not (NoneType|int)"
    with pytest.raises(TypeError, match=f"^{name}$"):
        await wrap_client_stream(nursery, wire, host, resource)
    assert wire.closed


async def test_any_stream_will_do(nursery: trio.Nursery, autojump_clock: trio.abc.Clock) -> None:
    """What has a stream's methods is one, whatever its class."""

    class Duck:
        send_all = Wire().send_all
        receive_some = Wire().receive_some
        aclose = Wire().aclose

    duck: Any = Duck()
    with trio.move_on_after(0.01) as scope:
        await wrap_client_stream(nursery, duck, "h", "/")
    assert scope.cancelled_caught


async def test_a_nursery_too_many(nursery: trio.Nursery) -> None:
    """Who gives one where there is none is told which function takes it."""
    for function in (anyhow.open_websocket_url, anyhow.reconnecting_websocket_url):
        with pytest.raises(TypeError, match=r"await connect_websocket_url\(nursery, url\)"):
            function(nursery, URL)


@pytest.mark.parametrize("url", [b"ws://h/", bytearray(b"ws://h/"), None, 5, ["ws://h/"], {}])
def test_no_url(url: Any) -> None:
    """A URL is a text, or an object that is written as one."""
    for function in (anyhow.open_websocket_url, anyhow.reconnecting_websocket_url):
        with pytest.raises(TypeError, match=f"url is a str, not {type(url).__name__}"):
            function(url)


@pytest.mark.parametrize("stream", [None, "ws://h/", ssl.create_default_context()])
async def test_no_stream(stream: Any, nursery: trio.Nursery) -> None:
    """Nor is everything a stream."""
    with pytest.raises(TypeError, match=r"stream is a trio.abc.Stream, not \w+"):
        await wrap_client_stream(nursery, stream, "h", "/")


# --- TLS ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("context", "says"),
    [
        (False, "not False: context = ssl.create_default_context"),
        (True, "not True"),
        ("ca.pem", "not str"),
        (ssl, "not module"),
        (0, "not int"),
    ],
)
async def test_no_context(context: Any, says: str, nursery: trio.Nursery) -> None:
    """What is no context is refused, and never taken for the default one."""
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("ssl_context", lambda: open_websocket_url("wss://h/", context)),
        ("ssl_context", lambda: open_websocket_url("ws://h/", context)),
        ("ssl_context", lambda: reconnecting_websocket_url("wss://h/", context)),
        ("ssl_context", lambda: connect_websocket_url(nursery, "wss://h/", context)),
        ("ssl_context", lambda: open_ssl_over_tcp_stream("h", 1, ssl_context=context)),
        ("proxy_ssl_context", lambda: open_websocket_url("ws://h/", proxy_ssl_context=context)),
        ("proxy_ssl_context", lambda: open_tcp_stream("h", 1, proxy_ssl_context=context)),
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name} is an ssl.SSLContext or None, {says}"):
            await call()


async def test_context_for_servers() -> None:
    """A context for servers is refused by name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(ValueError, match="ssl_context is a context for servers"):
        open_websocket_url("wss://h/", context)


def test_context_for_the_other_tls() -> None:
    """Who gives a context for TLS that there is none of, is told of the one for the other."""
    context = ssl.create_default_context()
    with pytest.raises(ValueError, match="but this is ws://example") as caught:
        open_websocket_url("ws://example.org/", context, proxy="https://proxy.corp")
    assert str(caught.value) == (
        "ssl_context is for TLS with the server and needs a wss:// URL, but this is ws://example.org/; "
        "for TLS with an https:// proxy there is proxy_ssl_context"
    )


# --- another library's loop -----------------------------------------------------------------


def open_all() -> list[tuple[str, Callable[[], Any]]]:
    """Each way to open something, not begun yet."""

    class Nursery:
        start_soon = print

    nursery: Any = Nursery()
    return [
        ("open_websocket_url", open_websocket_url("ws://h/").__aenter__),
        ("reconnecting", reconnecting_websocket_url("ws://h/").__aenter__),
        ("connect_websocket_url", lambda: connect_websocket_url(nursery, "ws://h/")),
        ("connect_websocket", lambda: connect_websocket(nursery, "h", 1, "/", use_ssl=False)),
        ("wrap_client_stream", lambda: wrap_client_stream(nursery, Wire(), "h", "/")),
        ("open_tcp_stream", lambda: open_tcp_stream("h", 1)),
        ("open_ssl_over_tcp_stream", lambda: open_ssl_over_tcp_stream("h", 1)),
    ]


@pytest.mark.parametrize("place", range(len(open_all())))
def test_under_asyncio(place: int) -> None:
    """Under asyncio each says that trio is missing, and how it is run."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"needs trio, .* asyncio: trio.run\(main\), not"):
            await open_all()[place][1]()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())


@pytest.mark.parametrize("place", range(len(open_all())))
def test_under_nothing(place: int) -> None:
    """So does each where nothing runs, as in a thread."""
    coroutine = open_all()[place][1]()
    with pytest.raises(RuntimeError, match=r"within a run of trio: trio.run\(main\)"):
        coroutine.send(None)


# --- what the functions are -----------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        connect_websocket_url,
        connect_websocket,
        wrap_client_stream,
        open_tcp_stream,
        open_ssl_over_tcp_stream,
    ],
)
def test_still_coroutine_functions(function: Any) -> None:
    """Tools see coroutine functions, with the signature that is written."""
    assert inspect.iscoroutinefunction(function)
    assert "args" not in inspect.signature(function).parameters
    assert function.__module__ == "trio_wsproxy"
