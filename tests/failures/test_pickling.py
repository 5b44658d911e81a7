"""Errors travel to other processes, and are copied, with all that they know but no secret."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import ssl
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

import trio_wsproxy
from trio_wsproxy import (
    CloseReason,
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ConnectionRejected,
    ConnectionTimeout,
    DisconnectionTimeout,
    HandshakeError,
    Proxy,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
    open_websocket_url,
)
from trio_wsproxy._exceptions import failed, failure_of, shown_reason
from trio_wsproxy._failures import Failure, Kind, Place, Topic, words
from trio_wsproxy.testing import open_echo_server, open_http_proxy

FAILURE = Failure(
    Kind.REFUSED, "connect", words("no"), words("use {x}", x=Topic.PROXY), Place("http://p:1", 2)
)
ERRORS: list[Exception] = [
    ConnectionClosed(shown_reason(CloseReason(1008, "a\nb"))),
    ConnectionLost(CloseReason(1011, "\x1b"), unsent_messages=2, unsent_bytes=7),
    ConnectionRejected(403, ((b"a", b"b"),), b"no"),
    ConnectionEnded(CloseReason(1000, "bye")),
    ConnectionLost(CloseReason(1006, None)),
    ConnectionLost(None),
    ConnectionClosedLocally(CloseReason(1000, None)),
    HandshakeError("x"),
    ConnectionTimeout(words("{x}", x=Topic.CONNECT_TIMEOUT)),
    DisconnectionTimeout("x"),
    ServerUnreachable("x", stage="tcp"),
    ServerRejected(403, ((b"a", b"b"),), b"no", url="ws://e/"),
    ProxyError("x", proxy="http://p:1", hop=1, stage="tcp"),
    ProxyConfigError("x"),
    ProxyUnreachable("x", proxy="http://p:1", hop=2, stage="proxy_tls"),
    ProxyRejected("x", status_code=502, headers=((b"a", b"b"),), body=b"no"),
    ProxyAuthenticationError("x", stage="socks", reply_code=0xFF),
    ProxyProtocolError("x", hop=1),
    failed(ProxyRejected, FAILURE, status_code=403),
    failed(ServerUnreachable, Failure(Kind.NO_TLS, "server_tls", words("no"))),
    failed(HandshakeError, Failure(Kind.CUT_OFF, "upgrade", words("no"))),
]
WAYS: list[Callable[[Any], Any]] = [
    *(lambda error, n=n: pickle.loads(pickle.dumps(error, n)) for n in range(2, 6)),
    copy.copy,
    copy.deepcopy,
]


def known(error: Exception) -> dict[str, Any]:
    """What an error knows."""
    values = {**vars(error), "args": error.args, "failure": failure_of(error)}
    values["stage"] = getattr(error, "stage", None)
    return {**values, "str": str(error), "repr": repr(error)}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("way", WAYS)
def test_copies(error: Exception, way: Callable[[Any], Any]) -> None:
    """A copy is of the same class and knows the same."""
    other = way(error)
    assert type(other) is type(error)
    assert known(other) == known(error)


def test_all_errors_are_here() -> None:
    """No public class of errors is left out."""
    public = {
        kind
        for name in trio_wsproxy.__all__
        if isinstance(kind := getattr(trio_wsproxy, name), type) and issubclass(kind, Exception)
    }
    assert public == {type(error) for error in ERRORS}


def echo(error: Exception) -> Exception:
    """Send it back from where it went."""
    return error


def fail() -> None:
    """Raise what takes keywords in another process."""
    raise failed(ProxyRejected, FAILURE, status_code=403)


def test_other_process() -> None:
    """An error comes back from a worker process, as a result and raised."""
    error = ServerRejected(403, ((b"a", b"b"),), b"no", url="ws://e/")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        assert known(pool.submit(echo, error).result()) == known(error)
        with pytest.raises(ProxyRejected, match="no; use proxy=") as caught:
            pool.submit(fail).result()
    assert (caught.value.hop, caught.value.status_code) == (2, 403)


async def test_report_travels_without_secrets() -> None:
    """The report of an error goes along, says the same, and has no password in its pickle."""
    async with open_echo_server() as server, open_http_proxy(credentials=("ada", "pw")) as one:
        url = one.url_for(credentials=("ada", "s3cret"))
        secure = Proxy("https://u:s3cret@p.test", ssl_context=ssl.create_default_context())
        proxies: list[str | Proxy] = [url, secure]
        with pytest.raises(ProxyAuthenticationError) as caught:
            async with open_websocket_url(f"ws://a:s3cret@{server.host}/", proxy=proxies):
                pass
    error = caught.value
    data = pickle.dumps(error)
    assert b"s3cret" not in data
    for other in (pickle.loads(data), copy.copy(error), copy.deepcopy(error)):
        assert other.dial_report.as_dict() == error.dial_report.as_dict()
        assert str(other.dial_report) == str(error.dial_report)
        assert other.dial_report == error.dial_report
        assert hash(other.dial_report) == hash(error.dial_report)
        assert known(other) == known(error)
        assert failure_of(other) == failure_of(error)
