"""What went wrong, by exceptions of a library: class, message, cause."""

from __future__ import annotations

import errno
import ssl
from typing import Any

import pytest
import trio

from trio_wsproxy import (
    ConnectionTimeout,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    Route,
    ServerUnreachable,
    resolve_proxy,
)
from trio_wsproxy._exceptions import failed
from trio_wsproxy._failures import PARAMETERS, Failure, Kind, Topic, words
from trio_wsproxy._httpcore._errors import OF_CLIENT, Errors, connecting, transferring

NAMES = ("connect", "connect_timeout", "read", "read_timeout", "write", "write_timeout", "proxy")
ERRORS = Errors(*(type(name, (Exception,), {}) for name in NAMES))


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (ProxyUnreachable("x"), "connect"),
        (ProxyRejected("x"), "proxy"),
        (ProxyAuthenticationError("x"), "proxy"),
        (ProxyProtocolError("x"), "proxy"),
        (ProxyConfigError("x"), "proxy"),
        (ServerUnreachable("x", stage="tcp"), "connect"),
        (ConnectionTimeout("x"), "connect_timeout"),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, Exception) else x,
)
def test_connecting(error: Exception, name: str) -> None:
    """Each of ours becomes the library's, keeps its message, and is the cause."""
    with pytest.raises(getattr(ERRORS, name), match=r"^x$") as caught:
        with connecting(ERRORS):
            raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [LookupError("x"), OSError("x"), ValueError("x")])
def test_others_are_left_alone(error: Exception) -> None:
    """What is not ours goes up as it is."""
    with pytest.raises(type(error)) as caught:
        with connecting(ERRORS):
            raise error
    assert caught.value is error


def test_words() -> None:
    """Options have the names that readers know from httpcore, whose pool takes an ssl_context."""
    what = words("{a}, {b}", a=Topic.CONNECT_TIMEOUT, b=Topic.TRUST_SERVER)
    error = failed(ConnectionTimeout, Failure(Kind.TIMED_OUT, "tcp", what, None))
    with pytest.raises(ERRORS.connect_timeout) as caught:
        with connecting(ERRORS):
            raise error
    assert str(caught.value).startswith("the timeout for connecting, name the authority's file in ")
    assert " or give ssl_context= a context of the package truststore" in str(caught.value)


def test_words_of_httpx() -> None:
    """What httpx takes as verify= is called that; what concerns proxies, as the transport has it."""
    assert "ssl_context" not in OF_CLIENT[Topic.SSL_CONTEXT] + OF_CLIENT[Topic.TRUST_SERVER]
    assert " or in verify=ssl.create_default_context(cafile=…)" in OF_CLIENT[Topic.TRUST_SERVER]
    certificate = OF_CLIENT[Topic.CLIENT_CERTIFICATE]
    assert certificate.endswith(" of verify=, for a proxy of proxy_ssl_context=")
    assert " proxy_ssl_context=ssl.create_default" in OF_CLIENT[Topic.TRUST_PROXY]
    assert OF_CLIENT.keys() == PARAMETERS.keys()


def broken(cause: BaseException | None, text: str = "") -> trio.BrokenResourceError:
    """As trio wraps it."""
    error = trio.BrokenResourceError(text)
    error.__cause__ = cause
    return error


TLS = ssl.SSLError(1, "[SSL: BAD_RECORD] bad record")
TLS.reason = "BAD_RECORD"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (broken(OSError(errno.ECONNRESET, "Connection reset by peer")), "Connection reset by peer"),
        (broken(broken(OSError(errno.EPIPE, "Broken pipe"))), "Broken pipe"),
        (broken(TLS), "BAD_RECORD"),
        (broken(None, "another request was cancelled"), "another request was cancelled"),
        (broken(None), "the peer is gone"),
        (trio.ClosedResourceError(), "it was closed on this side"),
    ],
)
@pytest.mark.parametrize("proxy", [None, ["http://ada:pw@one.test", "socks5h://two.test"]])
async def test_transferring(error: Exception, why: str, proxy: Any) -> None:
    """A connection that breaks is told with server, proxies and reason, without a password."""
    route: Route = resolve_proxy("https://web.test/a?b", proxy=proxy)
    with pytest.raises(ERRORS.read) as caught:
        with transferring(route, 9, ERRORS.read, ERRORS.read_timeout, "sent nothing"):
            raise error
    through = " through http://ada:***@one.test:80 → socks5h://two.test:1080" if proxy else ""
    assert str(caught.value) == f"the connection to {route.target.url}{through} broke: {why}"
    assert "pw" not in str(caught.value)
    assert caught.value.__cause__ is error


async def test_too_slow(autojump_clock: trio.testing.MockClock) -> None:
    """So is a timeout, with its seconds."""
    route = resolve_proxy("https://web.test", proxy=None)
    with pytest.raises(ERRORS.write_timeout) as caught:
        with transferring(route, 2.5, ERRORS.write, ERRORS.write_timeout, "taken nothing more"):
            await trio.sleep_forever()
    assert str(caught.value) == "https://web.test/ has taken nothing more for 2.5 s"
