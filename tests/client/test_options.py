"""The options: what signatures, docs and command line say is what is declared, and is checked."""

from __future__ import annotations

import argparse
import inspect
import math
import re
import ssl
import sys
import typing
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import trio
from _network import Network
from _peer import Wire

from trio_wsproxy import (
    Options,
    ProxyConfigError,
    StreamOptions,
    connect_websocket,
    connect_websocket_url,
    open_ssl_over_tcp_stream,
    open_tcp_stream,
    open_websocket,
    open_websocket_url,
    reconnecting_websocket_url,
    wrap_client_stream,
)
from trio_wsproxy._cli._parser import make_parser
from trio_wsproxy._cli._settings import connection_arguments
from trio_wsproxy._client._options import ALL, FOR_DIALING, FOR_STREAMS, DialingOptions, checked
from trio_wsproxy._transport import DialOptions
from trio_wsproxy._websocket import ConnectionSettings

URL = "ws://example.org/chat"

REDIRECTS = ("max_redirects", "redirect_policy")

# In the order of the design, topic by topic.
TOPICS = {
    "target": ["subprotocols", "extra_headers"],
    "proxy": ["proxy", "proxy_ssl_context", "proxy_auth", "proxy_headers"],
    "transport": ["local_address", "happy_eyeballs_delay", "trace"],
    "WebSocket": ["compression", "max_redirects", "redirect_policy"],
    "keepalive": ["ping_interval", "ping_timeout"],
    "timeouts": ["connect_timeout", "disconnect_timeout"],
    "limits": ["max_message_size", "message_queue_size", "receive_buffer_size"],
}


# --- each option once -----------------------------------------------------------------------


def documented(function: Callable[..., Any]) -> dict[str, str]:
    """What a docstring says of each argument, in order and in one line each."""
    text = inspect.getdoc(function) or ""
    args = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    entries = re.split(r"^  (?=\w+: )", args, flags=re.MULTILINE)[1:]
    pairs = (" ".join(entry.split()).partition(": ") for entry in entries)
    return {name: said for name, _, said in pairs}


def own_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that may only be given by name."""
    parameters = inspect.signature(function).parameters.values()
    return [x for x in parameters if x.kind is inspect.Parameter.KEYWORD_ONLY]


def test_order() -> None:
    """The options are declared topic by topic."""
    assert list(ALL) == [name for names in TOPICS.values() for name in names]


@pytest.mark.parametrize(
    ("function", "kind", "more"),
    [
        (open_websocket_url, Options, ()),
        (open_tcp_stream, DialingOptions, ()),
        (open_ssl_over_tcp_stream, DialingOptions, ("ssl_context", "https_compatible")),
    ],
)
def test_signatures(function: Callable[..., Any], kind: type, more: tuple[str, ...]) -> None:
    """A signature that is written out has the names, order, defaults and types declared."""
    parameters = [x for x in own_parameters(function) if x.name not in more]
    declared = {
        name: option.default for name, option in ALL.items() if name in kind.__annotations__
    }
    assert {x.name: x.default for x in parameters} == declared
    assert [x.name for x in parameters] == list(declared)
    types = typing.get_type_hints(function)
    assert {name: types[name] for name in declared} == typing.get_type_hints(kind)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (open_websocket, "Options"),
        (connect_websocket, "Options"),
        (connect_websocket_url, "Options"),
        (reconnecting_websocket_url, "Options"),
        (wrap_client_stream, "StreamOptions"),
    ],
)
def test_other_signatures(function: Callable[..., Any], kind: str) -> None:
    """All others take the same as ``**options``."""
    options = inspect.signature(function).parameters["options"]
    assert options.kind is inspect.Parameter.VAR_KEYWORD
    assert options.annotation == f"Unpack[{kind}]"
    assert "options" in documented(function)


@pytest.mark.parametrize(
    "function", [open_websocket_url, open_tcp_stream, open_ssl_over_tcp_stream]
)
def test_documented(function: Callable[..., Any]) -> None:
    """A docstring has each parameter, in the order of the signature."""
    assert list(documented(function)) == list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", ALL)
def test_documented_as_declared(name: str) -> None:
    """A docstring begins with the declared line, and names the default unless that is nothing."""
    said = documented(open_websocket_url)[name]
    assert said.startswith(ALL[name].text)
    default = ALL[name].default
    if isinstance(default, int) and not isinstance(default, bool):
        assert f"{default} by default" in said.replace("1 MiB", str(2**20))


def test_subset_for_streams() -> None:
    """A stream that was given takes all that does not concern the way, and says what that is."""
    way = [*TOPICS["proxy"], "local_address", "happy_eyeballs_delay", *REDIRECTS]
    assert list(FOR_STREAMS) == [name for name in ALL if name not in way]
    said = documented(wrap_client_stream)["options"].partition("the way:")[2]
    assert re.findall(r"``(\w+)``", said) == list(FOR_STREAMS)
    assert FOR_STREAMS.items() <= ALL.items()
    assert FOR_DIALING.items() <= ALL.items()
    assert StreamOptions.__annotations__.keys() == FOR_STREAMS.keys()


@pytest.mark.parametrize("kind", [ConnectionSettings, DialOptions])
def test_settings(kind: Any) -> None:
    """The rooms below know each setting by its option's name, and a default of none but None."""
    translated = {"omitted_headers", "make_headers", "check_addresses"}  # parts of proxy_headers
    names = set(kind._fields) - translated
    assert names <= set(ALL)
    assert {kind._field_defaults[name] for name in names & kind._field_defaults.keys()} <= {
        None,
        (),
    }


def command_line(*more: str) -> argparse.Namespace:
    """What ``trio-wsproxy connect`` makes of its arguments."""
    return make_parser().parse_args(["connect", URL, *more])


def test_command_line() -> None:
    """The command line's defaults are the declared ones."""
    given = {
        **connection_arguments(command_line()),
        "max_message_size": command_line().max_size,
    }
    assert given.pop("ssl_context") is None
    assert checked(given) == checked({})
    assert "proxy" in given
    assert "connect_timeout" in given


@pytest.mark.parametrize("way", [open_websocket_url, connect_websocket_url])
async def test_no_such_option(way: Callable[..., Any], nursery: trio.Nursery) -> None:
    """A name that is not declared is refused as Python does it."""
    arguments = (URL,) if way is open_websocket_url else (nursery, URL)
    with pytest.raises(TypeError, match="unexpected keyword argument 'pings'"):
        await way(*arguments, pings=1)


async def test_no_such_option_for_a_stream(nursery: Any) -> None:
    """So is one that concerns the way where there is a stream already; the stream is closed."""
    wire = Wire()
    options: Any = {"proxy": None}
    with pytest.raises(TypeError, match="unexpected keyword argument 'proxy'"):
        await wrap_client_stream(nursery, wire, "example.org", "/", **options)
    assert wire.closed


# --- bad values -----------------------------------------------------------------------------


async def be_asked(*_: object) -> None:
    """Be a function that must be awaited."""


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}, ValueError, "wss://"),
    ({"proxy": "ftp://user:secret@proxy"}, ProxyConfigError, "'ftp'"),
    ({"proxy": "http://user:secret@proxy:99999"}, ProxyConfigError, "port is out of range"),
    ({"proxy": "socks4://user:secret@proxy"}, ProxyConfigError, "SOCKS4"),
    ({"proxy": ["http://proxy", "gopher://proxy"]}, ProxyConfigError, "hop 2: proxy URL scheme"),
    ({"proxy": False}, TypeError, "None"),
    (
        {"proxy": "none"},
        ProxyConfigError,
        "'none' names no proxy; for a direct connection give None",
    ),
    ({"proxy": " DIRECT "}, ProxyConfigError, "'direct' names no proxy"),
    ({"proxy": ["none"]}, ProxyConfigError, "'none' names no proxy"),
    ({"proxy": "system"}, ProxyConfigError, "for the system's settings leave it out"),
    ({"proxy": "True"}, ProxyConfigError, "for the system's settings leave it out"),
    ({"proxy": b"http://proxy"}, TypeError, "not bytes"),
    (
        {"proxy": "http://proxy", "proxy_ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)},
        ValueError,
        "https:// proxy",
    ),
    ({"proxy_headers": {"A B": "secret"}}, ValueError, "proxy_headers"),
    ({"proxy_headers": {"Host": "x"}}, ValueError, "proxy_headers"),
    ({"extra_headers": {"A B": "secret"}}, ValueError, "extra_headers"),
    ({"extra_headers": {"A": "secret\r\nB: 1"}}, ValueError, "extra_headers"),
    ({"extra_headers": {"Proxy-Authorization": "secret"}}, ValueError, "proxy URL"),
    ({"extra_headers": {"Sec-WebSocket-Protocol": "x"}}, ValueError, "subprotocols="),
    ({"extra_headers": {"Host": "a..b"}}, ValueError, "host 'a..b'"),
    ({"subprotocols": "chat"}, TypeError, r"\['chat'\]"),
    ({"subprotocols": ["a b"]}, ValueError, "token"),
    ({"subprotocols": [""]}, ValueError, "token"),
    ({"subprotocols": ["a", "b", "a"]}, ValueError, "once"),
    ({"ping_interval": 0}, ValueError, "ping_interval"),
    ({"ping_timeout": -1}, ValueError, "ping_timeout"),
    ({"disconnect_timeout": -1}, ValueError, "disconnect_timeout"),
    ({"connect_timeout": -1}, ValueError, "connect_timeout must be 0 or more"),
    ({"message_queue_size": -1}, ValueError, "message_queue_size"),
    ({"max_redirects": -1}, ValueError, "max_redirects"),
    ({"happy_eyeballs_delay": -1}, ValueError, "happy_eyeballs_delay"),
    ({"max_message_size": -1}, ValueError, "max_message_size"),
    ({"receive_buffer_size": 0}, ValueError, "receive_buffer_size"),
    ({"compression": "gzip"}, ValueError, "compression"),
    ({"proxy_auth": "secret"}, TypeError, "proxy_auth"),
    ({"redirect_policy": True}, TypeError, "redirect_policy is a function or None, not bool"),
    ({"redirect_policy": be_asked}, TypeError, "redirect_policy is called and not awaited"),
]


@pytest.mark.parametrize(("options", "error", "says"), BAD)
async def test_bad_options(
    options: dict[str, Any], error: type[Exception], says: str, network: Network
) -> None:
    """A bad value is refused by name before anything is dialed, and secrets are not repeated."""
    with pytest.raises(error, match=says) as caught:
        async with open_websocket_url(URL, **options):
            pass
    assert type(caught.value) is error
    assert "secret" not in f"{caught.value} {caught.value!r}"
    assert network.routes == []


SECONDS = ["ping_interval", "ping_timeout", "happy_eyeballs_delay"]
ALWAYS_SECONDS = ["connect_timeout", "disconnect_timeout"]
WHOLE = ["max_message_size", "message_queue_size", "receive_buffer_size"]
ALL_NUMBERS = [*SECONDS, *ALWAYS_SECONDS, *WHOLE, "max_redirects"]


@pytest.mark.parametrize("name", ALL_NUMBERS)
@pytest.mark.parametrize("value", ["20", "1MB", b"20", True, False, [1], {}, 1j, object(), len])
def test_no_number(name: str, value: Any) -> None:
    """What is no number is refused by the name of its parameter, and texts are not shown."""
    with pytest.raises(TypeError, match=f"^{name} is a.* not (a \\w+|True|False)$"):
        checked({name: value})


@pytest.mark.parametrize("name", [*WHOLE, "max_redirects"])
@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, math.nan, 1e6, 1.0, Decimal(5), Fraction(3)]
)
def test_no_integer(name: str, value: Any) -> None:
    """Sizes and counts are integers; what has a point is none, nor is infinity."""
    with pytest.raises(TypeError, match=f"^{name} is an integer"):
        checked({name: value})


@pytest.mark.parametrize("name", ALL_NUMBERS)
@pytest.mark.parametrize("value", [-1, -(10**400)])
def test_negative(name: str, value: Any) -> None:
    """Nothing is less than nothing."""
    with pytest.raises(ValueError, match=f"^{name} must be [01] or more, not (-1|a huge number)"):
        checked({name: value})


@pytest.mark.parametrize("name", [*SECONDS, *ALWAYS_SECONDS])
@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, -0.1, Decimal("nan"), Decimal(-1), Fraction(-1, 2), 10**400]
)
def test_no_time(name: str, value: Any) -> None:
    """No time is negative, no number at all, or beyond what a float holds."""
    with pytest.raises(ValueError, match=f"^{name} must be "):
        checked({name: value})


@pytest.mark.parametrize("name", [*ALWAYS_SECONDS, "max_redirects"])
def test_none(name: str) -> None:
    """Where None means nothing, it is refused by name."""
    with pytest.raises(TypeError, match=f"^{name} is a.*, not (None|a NoneType)"):
        checked({name: None})


class Whole:
    """What numpy's integers have."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __index__(self) -> int:
        """Give the integer."""
        return self._value


@pytest.mark.parametrize("name", [*WHOLE, "max_redirects"])
def test_integers(name: str) -> None:
    """Whatever is an integer is taken as one, however large."""
    for value in (5, Whole(5)):
        assert checked({name: value})[name] == 5
        assert type(checked({name: value})[name]) is int
    assert checked({name: 10**400})[name] == sys.maxsize


@pytest.mark.parametrize("name", [*SECONDS, *ALWAYS_SECONDS])
@pytest.mark.parametrize("value", [2, 2.5, Decimal("2.5"), Fraction(5, 2), Whole(3), math.inf])
def test_seconds(name: str, value: Any) -> None:
    """Whatever is a real number is a time."""
    found = checked({name: value})[name]
    assert found == float(value)
    assert type(found) in (int, float)


@pytest.mark.parametrize("name", ["extra_headers", "proxy_headers"])
@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("A: s3cret", "is a mapping or pairs, not str"),
        (b"A: s3cret", "is a mapping or pairs, not bytes"),
        (5, "is a mapping or pairs, not int"),
        (["A: s3cret"], "has str in place of a pair"),
        ([("A", "s3cret", "B")], "has tuple in place of a pair"),
        ([("A",)], "has tuple in place of a pair"),
        ([{"A": "s3cret"}], "has dict in place of a pair"),
        ([5], "has int in place of a pair"),
        ({"A": 5}, "str or bytes, not int"),
        ({"A": ["s3cret"]}, "str or bytes, not list"),
        ({5: "s3cret"}, "str or bytes, not int"),
        ([(None, "s3cret")], "str or bytes, not NoneType"),
    ],
)
def test_no_headers(name: str, value: Any, says: str) -> None:
    """What has no names and values is refused with the line that is right, and not shown."""
    with pytest.raises(TypeError, match=f"^{name}:? ?.*{says}: {name}={{") as caught:
        checked({name: value})
    assert "s3cret" not in str(caught.value)


def test_headers_from_anywhere() -> None:
    """Pairs may be lists, and come from a generator."""
    pairs = checked({"extra_headers": (x for x in [["A", "1"], ("B", b"2")])})["extra_headers"]
    assert [bytes(value) for _, value in pairs] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"trace": 5}, "trace is a function or None, not int"),
        ({"trace": be_asked}, "trace is called and not awaited"),
        ({"subprotocols": 5}, "subprotocols is a sequence of str or None, not int"),
        ({"subprotocols": [b"x"]}, "subprotocols is a sequence of str, and one is bytes"),
        ({"subprotocols": [None]}, "one is NoneType"),
        ({"local_address": 5}, "local_address is a str or None, not int"),
        ({"local_address": b"::1"}, "local_address is a str or None, not bytes"),
        ({"proxy_ssl_context": False}, "proxy_ssl_context is an ssl.SSLContext or None, not False"),
    ],
)
def test_other_types(options: dict[str, Any], says: str) -> None:
    """So is what is of another type than it may be."""
    with pytest.raises(TypeError, match=says):
        checked(options)


@pytest.mark.parametrize(
    "settings",
    [
        {"ping_interval": 0},
        {"ping_interval": -1},
        {"ping_timeout": 0},
        {"disconnect_timeout": -1},
        {"max_message_size": -1},
        {"message_queue_size": -1},
        {"receive_buffer_size": 0},
        {"ping_interval": float("nan")},
        {"connect_timeout": float("nan")},
        {"happy_eyeballs_delay": float("nan")},
    ],
)
def test_settings_refused(settings: dict[str, Any]) -> None:
    """A number that no connection could live with is refused, by name."""
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        checked(settings)
