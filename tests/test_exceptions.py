from __future__ import annotations

import builtins
import itertools
import re
import ssl
import sys
import textwrap
from typing import Any

import pytest
import trio
import trio_websocket
from _pages import checked_by
from trio_websocket import CloseReason

import trio_wsproxy
from trio_wsproxy import _exceptions
from trio_wsproxy._exceptions import (
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ConnectionRejected,
    HandshakeError,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
)
from trio_wsproxy._http import page_title

TREE: dict[type[Exception], tuple[type[Exception], ...]] = {
    ServerRejected: (ConnectionRejected, HandshakeError),
    ServerUnreachable: (HandshakeError, OSError),
    ProxyError: (HandshakeError, OSError),
    ProxyConfigError: (ProxyError, ValueError),
    ProxyUnreachable: (ProxyError,),
    ProxyRejected: (ProxyError,),
    ProxyAuthenticationError: (ProxyRejected,),
    ProxyProtocolError: (ProxyError,),
    ConnectionEnded: (ConnectionClosed, trio.EndOfChannel),
    ConnectionLost: (ConnectionClosed, trio.BrokenResourceError),
    ConnectionClosedLocally: (ConnectionClosed, trio.ClosedResourceError),
}


@pytest.mark.parametrize(("kind", "bases"), TREE.items())
def test_tree(kind: type[Exception], bases: tuple[type[Exception], ...]) -> None:
    """An except clause for any of its bases catches an error."""
    assert all(issubclass(kind, base) for base in bases)
    assert not issubclass(kind, AssertionError)


def drawn(text: str) -> dict[str, list[str]]:
    """The classes of a drawn tree, each with those that it is said to be below."""
    found: dict[str, list[str]] = {}
    above: list[str] = []
    for line in filter(str.strip, text.splitlines()):
        shape = re.fullmatch(r"([│├└─ ]*)(\w[\w., ]*?)(?: {2,}(.*))?", line)
        assert shape
        depth = len(shape[1]) // 3
        names = [name.rpartition(".")[2] for name in shape[2].split(", ")]
        others = re.match(r"also an? (\w+):|also (trio\.\w+):", shape[3] or "")
        del above[depth:]
        for name in names:
            found[name] = [*above, *([others[1] or others[2]] if others else [])]
        above.append(names[-1])
    return found


@pytest.mark.parametrize("where", ["docs/reference.rst", "_exceptions/__init__.py"])
def test_drawn_tree(where: str) -> None:
    """The tree that is drawn is the one that there is, with all that is in it."""
    text = checked_by(__file__)["tree"].text
    if where.endswith(".py"):
        text = (_exceptions.__doc__ or "").partition("::\n")[2].partition("\nNothing")[0]
    tree = drawn(textwrap.dedent(text))
    classes = {name: getattr(trio_wsproxy, name) for name in tree}
    for name, bases in tree.items():
        for base in bases:
            there = classes.get(base) or getattr(
                trio if "." in base else builtins, base.rpartition(".")[2]
            )
            assert issubclass(classes[name], there), (name, base)
    errors = [thing for thing in vars(_exceptions).values() if isinstance(thing, type)]
    public = {error for error in errors if issubclass(error, Exception)}
    assert set(classes.values()) == {e for e in public if e.__name__ in trio_wsproxy.__all__}
    for kind, other in itertools.permutations(classes.values(), 2):
        assert issubclass(kind, other) is (other.__name__ in tree[kind.__name__])


@pytest.mark.parametrize(
    "name",
    [
        "CloseReason",
        "ConnectionClosed",
        "ConnectionRejected",
        "ConnectionTimeout",
        "DisconnectionTimeout",
        "Endpoint",
        "HandshakeError",
    ],
)
def test_trio_websockets_own(name: str) -> None:
    """trio-websocket's classes are its own, so that code written for it catches them."""
    assert getattr(trio_wsproxy, name) is getattr(trio_websocket, name)


def test_all_are_public() -> None:
    """Every class of the tree can be imported from the package."""
    things = [getattr(_exceptions, name) for name in _exceptions.__all__]
    errors = [x for x in things if isinstance(x, type) and issubclass(x, BaseException)]
    assert len(errors) > 15
    assert {error.__name__ for error in errors} <= set(trio_wsproxy.__all__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionEnded(CloseReason(1000, None)),
            "the peer closed the connection (1000 NORMAL_CLOSURE)",
        ),
        (
            ConnectionEnded(CloseReason(1001, "restart")),
            "the peer closed the connection (1001 GOING_AWAY: restart)",
        ),
        (
            ConnectionLost(CloseReason(1006, None)),
            (
                "the connection is lost (1006 ABNORMAL_CLOSURE): it ended without a close; the server or a "
                "proxy has gone"
            ),
        ),
        (ConnectionLost(None), "the connection is lost (no close code)"),
        (
            ConnectionLost(CloseReason(4000, "x")),
            "the peer closed the connection (4000: x)",
        ),
        (
            ConnectionClosedLocally(CloseReason(1000, None)),
            "the connection was closed by this side (1000 NORMAL_CLOSURE)",
        ),
    ],
)
def test_closed_messages(error: ConnectionClosed, text: str) -> None:
    """A closed connection says who closed it, with code, its name and reason."""
    assert str(error) == text


SSL_ERROR = ssl.SSLError(1, "[SSL: BAD_RECORD] bad record")
SSL_ERROR.reason = "BAD_RECORD"


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (OSError(104, "Connection reset by peer"), " (Connection reset by peer)"),
        (SSL_ERROR, " (OpenSSL: BAD_RECORD)"),
        (ssl.SSLError("odd"), ""),
        (OSError("odd"), ""),
        (None, ""),
    ],
)
def test_why_it_is_lost(cause: Exception | None, why: str) -> None:
    """What the system or OpenSSL says of the end is told behind it, however trio wraps that."""
    error = ConnectionLost(CloseReason(1006, None))
    error.__cause__ = trio.BrokenResourceError()
    error.__cause__.__cause__ = cause
    assert str(error).endswith(f"; the server or a proxy has gone{why}")


def test_closed_message_commands_no_terminal() -> None:
    """The text of a peer's close frame is shown as text, and kept as it is in ``.reason``."""
    reason = CloseReason(1008, "\x1b[31mno\n\u202e")
    error = ConnectionLost(reason)
    assert str(error).endswith(r": \x1b[31mno\n\u202e)")
    assert error.reason == reason
    assert error.reason is not None
    assert error.reason.reason == reason.reason
    for shown in (repr(error), repr(error.reason), str(error.reason), f"{error.args}"):
        assert r"reason=\x1b[31mno\n\u202e>" in shown


@pytest.mark.parametrize(
    ("status", "headers", "says"),
    [
        (400, (), "answered 400 Bad Request to the WebSocket request; it did not like"),
        (401, (), "Authorization header: use extra_headers="),
        (403, (), "it forbids it"),
        (404, (), "it knows no such path"),
        (426, (), "a reverse proxy before it does not pass Upgrade on"),
        (426, ((b"sec-websocket-version", b"8"),), "another protocol version: 8"),
        (503, (), "answered 503 Service Unavailable to the WebSocket request; see the error's"),
        (799, (), "answered 799 to the WebSocket request; see the error's"),
        (301, (), "answered 301 Moved Permanently to the WebSocket request"),
        (
            302,
            ((b"location", b"https://example.org/login?token=secret"),),
            "; it redirects to https://example.org/login",
        ),
        (302, ((b"location", b"/cb#access_token=secret"),), "; it redirects to /cb"),
        (302, ((b"location", b"//ada:secret@e.test/\x1b[2J\x9b"),), "to //***@e.test/?[2J?"),
    ],
)
def test_server_rejected(status: int, headers: tuple[tuple[bytes, bytes], ...], says: str) -> None:
    """A refusal says which server answered what, and what to try; no query is shown."""
    error = ServerRejected(status, headers, b"body secret", url="ws://example.org/?…")
    assert str(error).startswith(f"the server ws://example.org/?… answered {status}")
    assert says in str(error)
    assert "secret" not in str(error)
    assert (error.status_code, error.headers, error.body) == (status, headers, b"body secret")


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        (ProxyConfigError, {}, {"proxy": None, "hop": None, "stage": "config"}),
        (
            ProxyUnreachable,
            {"proxy": "http://p:80", "hop": 1, "stage": "tcp"},
            {"proxy": "http://p:80", "hop": 1, "stage": "tcp"},
        ),
        (
            ProxyRejected,
            {"hop": 2, "status_code": 403, "headers": ((b"a", b"b"),), "body": b"no"},
            {
                "hop": 2,
                "stage": "connect",
                "status_code": 403,
                "headers": ((b"a", b"b"),),
                "body": b"no",
                "reply_code": None,
            },
        ),
        (
            ProxyAuthenticationError,
            {"stage": "socks", "reply_code": 0xFF},
            {"stage": "socks", "reply_code": 0xFF, "status_code": None, "headers": (), "body": b""},
        ),
        (ServerUnreachable, {"stage": "server_tls"}, {"stage": "server_tls"}),
    ],
)
def test_attributes(kind: type[Any], more: dict[str, Any], expected: dict[str, Any]) -> None:
    """What an error knows stands in its attributes, and its message is what was given."""
    error = kind("the message", **more)
    assert str(error) == "the message"
    assert {name: getattr(error, name) for name in expected} == expected


def test_a_message_without_a_free_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a module that only words need cannot be loaded, the error is told in fewer words."""
    error = ServerRejected(404, (), b"", url="ws://h/")
    page = b"<title>a &amp; b</title>"
    monkeypatch.setitem(sys.modules, "http", None)
    monkeypatch.setitem(sys.modules, "html", None)
    assert str(error).startswith("the server ws://h/ answered 404 to the WebSocket request; ")
    assert page_title(page) == "a &amp; b"
    monkeypatch.undo()
    assert "404 Not Found" in str(error)
    assert page_title(page) == "a & b"
