"""What went wrong, by the exceptions of whichever library asked.

Its callers catch those, so the class says what they can know; the message is ours, with who, which hop,
which stage and what to try, and our own exception is the ``__cause__``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

import trio

from trio_wsproxy._exceptions import (
    ConnectionTimeout,
    HandshakeError,
    ProxyError,
    ProxyUnreachable,
    told,
)
from trio_wsproxy._failures import (
    PARAMETERS,
    Topic,
    Vocabulary,
    showing_certificate,
    trusting,
)
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._routing import Route

# What our options are called by whoever uses httpcore, whose pool has an ssl_context, too, …
OF_CORE: Vocabulary = MappingProxyType(
    {
        **PARAMETERS,
        Topic.CONNECT_TIMEOUT: "the timeout for connecting",
        Topic.SEE_ANSWER: "see .headers and .body of the error's __cause__ for what it says",
    }
)
# … and by whoever uses httpx.
OF_CLIENT: Vocabulary = MappingProxyType(
    {
        **OF_CORE,
        Topic.SSL_CONTEXT: "verify",
        Topic.TRUST_SERVER: trusting("verify"),
        Topic.CLIENT_CERTIFICATE: showing_certificate("verify"),
    }
)


class Errors(NamedTuple):
    """The exceptions of one library."""

    connect: type[Exception]
    connect_timeout: type[Exception]
    read: type[Exception]
    read_timeout: type[Exception]
    write: type[Exception]
    write_timeout: type[Exception]
    proxy: type[Exception]


@contextmanager
def connecting(errors: Errors) -> Iterator[None]:
    """Say by the library's exceptions why there is no connection.

    Args:
      errors: The library's.

    Raises:
      Exception: One of ``errors``. A proxy that cannot be reached is a failure to connect, as in
        httpcore, so that it is tried again where ``retries`` says so; one that refuses is ``proxy``.

    """
    try:
        yield
    except ConnectionTimeout as exc:
        raise errors.connect_timeout(told(exc, OF_CORE)) from exc
    except ProxyUnreachable as exc:
        raise errors.connect(told(exc, OF_CORE)) from exc
    except ProxyError as exc:
        raise errors.proxy(told(exc, OF_CORE)) from exc
    except HandshakeError as exc:
        raise errors.connect(told(exc, OF_CORE)) from exc


@contextmanager
def transferring(
    route: Route, timeout: float, error: type[Exception], too_slow: type[Exception], what: str
) -> Iterator[None]:
    """Say by the library's exceptions why no bytes went, or none came.

    Args:
      route: The way.
      timeout: Seconds.
      error: For a connection that broke.
      too_slow: For the timeout.
      what: Completes "the server has …".

    """
    try:
        with trio.fail_after(timeout):
            yield
    except trio.TooSlowError as exc:
        raise too_slow(f"{_peer(route)} has {what} for {timeout:g} s") from exc
    except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
        raise error(f"the connection to {_peer(route)} broke: {_reason(exc)}") from exc


def _peer(route: Route) -> str:
    """Name the server, and the proxies that lead to it."""
    through = " → ".join(hop.url for hop in route.hops)
    return route.target.url + (f" through {through}" if through else "")


def _reason(exc: BaseException) -> str:
    """Say what the system or OpenSSL says; trio's own words are a wrapper around that."""
    if isinstance(exc, trio.ClosedResourceError):
        return "it was closed on this side"
    cause = exc.__cause__
    while isinstance(cause, trio.BrokenResourceError) and cause.__cause__ is not None:
        cause = cause.__cause__
    reason = getattr(cause, "reason", None) or getattr(cause, "strerror", None)
    return shown_text(str(reason or str(exc) or "the peer is gone"))
