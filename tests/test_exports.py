"""What users import, and the names under which everything shows itself."""

from __future__ import annotations

import dataclasses
import inspect
import os
import pickle
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import trio_wsproxy
import trio_wsproxy.httpcore
import trio_wsproxy.testing
import trio_wsproxy.testing.simulate
from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    CloseReason,
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    Deflate,
    Look,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
    Stage,
    resolve_proxy,
)
from trio_wsproxy.testing import Answer, ByteByByte, CutAnswer, Fail, Stall

DOCS = Path(__file__).parent.parent / "docs"
MODULES = [
    trio_wsproxy,
    trio_wsproxy.httpcore,
    trio_wsproxy.testing,
    trio_wsproxy.testing.simulate,
]
if sys.version_info >= (3, 11):  # as httpx2 needs it
    import trio_wsproxy.httpcore2

    MODULES.append(trio_wsproxy.httpcore2)
PUBLIC = [
    pytest.param(module, name, id=f"{module.__name__}.{name}")
    for module in MODULES
    for name in module.__all__
]


# Members of public classes for other rooms, which the reference does not have.
INTERNAL = {"way"}


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The functions of a class, and those that its properties and class methods stand on."""
    for name, member in vars(kind).items():
        for part in (
            member,
            *(getattr(member, x, None) for x in ("__func__", "fget", "fset", "fdel")),
        ):
            if isinstance(part, FunctionType):
                yield name, part


def is_ours(thing: object) -> bool:
    """Whether a class or function is of this package."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "trio_wsproxy"


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_shown_as_imported(module: ModuleType, name: str) -> None:
    """Everything public says that it is from where users import it, its methods too."""
    thing = getattr(module, name)
    if not is_ours(thing):
        return  # trio-websocket's, or an alias
    assert (thing.__module__, thing.__qualname__) == (module.__name__, name)
    if isinstance(thing, type):
        for member, function in members(thing):
            assert not function.__module__.startswith("trio_wsproxy._"), member


def test_something_is_ours() -> None:
    """The test above has something to look at."""
    assert sum(is_ours(getattr(trio_wsproxy, name)) for name in trio_wsproxy.__all__) > 40


@pytest.mark.parametrize("name", ["ConnectionClosed", "CloseReason", "Endpoint", "HandshakeError"])
def test_others_are_left_alone(name: str) -> None:
    """Classes of trio-websocket keep their names, which other programs may have pickled."""
    assert getattr(trio_wsproxy, name).__module__.startswith("trio_websocket")


@pytest.mark.parametrize("module", MODULES)
def test_dir(module: ModuleType) -> None:
    """What is seen from outside is what is public, but for modules."""
    seen = {
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), ModuleType)
    }
    assert seen == set(module.__all__)
    assert sorted(set(module.__all__)) == sorted(module.__all__)


@pytest.mark.parametrize(
    ("module", "page"),
    [
        (
            module,
            {
                "trio_wsproxy": "reference.rst",
                "trio_wsproxy.testing": "testing.rst",
                "trio_wsproxy.testing.simulate": "simulate.rst",
            }.get(name, "http.rst"),
        )
        for module in MODULES
        for name in [module.__name__]
    ],
)
def test_reference(module: ModuleType, page: str) -> None:
    """Everything public has an entry in the documentation, under its public name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    entries = re.findall(r"^\s*\.\. (?:auto|py:)\w+:: ([\w.]+)", text, re.MULTILINE)
    assert set(module.__all__) <= {entry.removeprefix(module.__name__ + ".") for entry in entries}
    assert "trio_wsproxy._" not in text


def hints(thing: Any) -> Iterator[tuple[str, Any]]:
    """The annotations of a function, or of all public functions of a class."""
    functions: list[tuple[str, Any]] = [(thing.__name__, inspect.unwrap(thing))]
    if isinstance(thing, type):
        functions = [
            (name, inspect.unwrap(x)) for name, x in members(thing) if not name.startswith("_")
        ]
        functions += [(thing.__name__, thing)] if dataclasses.is_dataclass(thing) else []
    for name, function in functions:
        # What stands there for type checkers alone has its public name.
        known = {
            **vars(trio_wsproxy),
            **getattr(function, "__globals__", {}),
            "os": os,
            "Unpack": type,
        }
        for field, hint in typing.get_type_hints(function, known).items():
            if not field.startswith("_"):
                yield name, hint


def classes(hint: Any) -> Iterator[type]:
    """All classes that a type is put together from."""
    if isinstance(hint, type) and not typing.get_args(hint):
        yield hint
    for argument in typing.get_args(hint):
        for part in argument if isinstance(argument, list) else (argument,):
            yield from classes(part)


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_annotations_can_be_written(module: ModuleType, name: str) -> None:
    """A class of ours that a public function takes or gives can be imported."""
    thing = getattr(module, name)
    if not is_ours(thing):
        return
    for where, hint in hints(thing):
        for kind in filter(is_ours, classes(hint)):
            if where not in INTERNAL:
                assert kind.__module__ in (x.__name__ for x in MODULES), (where, kind)


VALUES: list[Any] = [
    Answer(b"x"),
    BasicAuth("ada", "lovelace"),
    BearerAuth("token"),
    ByteByByte(),
    CloseReason(1000, "bye"),
    CutAnswer(3),
    Deflate(),
    Fail(503),
    Look("argument proxy=", None, "used"),
    Proxy("https://ada:lovelace@proxy.test"),
    Stage("tcp", 1, "proxy.test:80", 0.5),
    Stall("greeting"),
    resolve_proxy("wss://example.org", proxy=["http://one.test", "socks5h://two.test"]),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_values_pickle(value: Any, protocol: int) -> None:
    """A value survives pickling, and its pickle knows public names only."""
    pickled = pickle.dumps(value, protocol)
    assert b"trio_wsproxy._" not in pickled
    again = pickle.loads(pickled)
    assert type(again) is type(value)
    assert again == value or str(again) == str(value)


ERRORS: list[Exception] = [
    ConnectionClosed(CloseReason(1000, None)),
    ConnectionClosedLocally(CloseReason(1000, None)),
    ConnectionEnded(CloseReason(1001, "restart")),
    ConnectionLost(None),
    ProxyAuthenticationError("no", proxy="http://p", hop=1, status_code=407),
    ProxyConfigError("no", proxy="http://p"),
    ProxyProtocolError("no", proxy="http://p", hop=2, stage="socks"),
    ProxyRejected("no", hop=1, status_code=403, headers=((b"a", b"b"),), body=b"x"),
    ProxyUnreachable("no", proxy="http://p", hop=1, stage="tcp"),
    ServerRejected(404, ((b"a", b"b"),), b"no", url="ws://example.org/"),
    ServerUnreachable("no", stage="server_tls"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_pickle(error: Exception) -> None:
    """So does an error, with its message and its attributes."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), repr(again.args)) == (str(error), repr(error.args))
    known = {name: repr(value) for name, value in vars(error).items()}
    assert {name: repr(value) for name, value in vars(again).items()} == known


def test_traceback_shows_public_names() -> None:
    """What a program that failed prints can be imported."""
    with pytest.raises(ProxyConfigError) as caught:
        resolve_proxy("wss://example.org", proxy="ftp://proxy")
    shown = caught.exconly()
    assert shown.startswith("trio_wsproxy.ProxyConfigError: argument proxy=")
