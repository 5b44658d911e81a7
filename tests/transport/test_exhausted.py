"""What this process may run out of in the middle of a dial, and how that is told."""

from __future__ import annotations

import errno
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

import pytest
import trio

from trio_wsproxy import HandshakeError, ProxyUnreachable, ServerUnreachable, open_tcp_stream
from trio_wsproxy._client._reconnect import is_transient
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind
from trio_wsproxy._threads import NoThread, ThreadsHang
from trio_wsproxy._transport import _setup
from trio_wsproxy._transport._exhausted import check_descriptors, exhaustion, is_exhausted

NO_DESCRIPTOR = (
    "this process has no free file descriptor (Too many open files); close connections and files "
    "that nobody needs, or allow more of them (ulimit -n)"
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EMFILE, "x"), True),
        (OSError(errno.ENFILE, "x"), True),
        (OSError(errno.ENOMEM, "x"), True),
        (OSError(errno.ENOBUFS, "x"), True),
        (OSError(errno.EAGAIN, "x"), False),
        (OSError("x"), False),
        (ssl.SSLError(errno.EMFILE, "x"), False),
        (socket.gaierror(errno.EMFILE, "x"), False),
        (RuntimeError(), False),
        (ThreadsHang(3), True),
        (NoThread(errno.EAGAIN, "x"), True),
    ],
)
def test_is_exhausted(error: BaseException, expected: bool) -> None:
    """The system's numbers count, those of OpenSSL and of resolvers, which are others, do not."""
    assert is_exhausted(error) is expected
    if expected:
        assert isinstance(error, OSError)
        what, remedy = exhaustion(error)
        assert str(what)
        assert str(remedy)


def test_check_descriptors(no_descriptors: Callable[[], Any]) -> None:
    """It raises where there is none, and leaves none behind."""
    for _ in range(3):
        check_descriptors()
    with no_descriptors(), pytest.raises(OSError) as caught:  # by its number
        check_descriptors()
    assert caught.value.errno == errno.EMFILE


async def dial(proxy: str | None, host: str) -> HandshakeError:
    """Fail to dial."""
    with pytest.raises(HandshakeError) as caught:
        await open_tcp_stream(host, 80, proxy=proxy)
    return caught.value


@pytest.mark.parametrize(
    ("proxy", "host", "kind", "stage"),
    [
        (None, "127.0.0.1", ServerUnreachable, "tcp"),
        (None, "example.test", ServerUnreachable, "resolve"),
        ("http://127.0.0.1:1", "example.test", ProxyUnreachable, "tcp"),
        ("http://proxy.test", "example.test", ProxyUnreachable, "resolve"),
        ("socks5h://127.0.0.1:1", "example.test", ProxyUnreachable, "tcp"),
        # The target's name, for a proxy that takes addresses only.
        ("socks5://127.0.0.1:1", "example.test", ServerUnreachable, "resolve"),
    ],
)
async def test_no_descriptor(
    proxy: str | None,
    host: str,
    kind: type[HandshakeError],
    stage: str,
    no_descriptors: Callable[[], Any],
) -> None:
    """Without a free descriptor a dial says so, with hop and stage, and blames no peer."""
    _setup._import()  # what is imported already needs none
    with no_descriptors():
        error = await dial(proxy, host)
    assert isinstance(error, kind)
    assert str(error).endswith(f"cannot be reached: {NO_DESCRIPTOR}")
    failure = failure_of(error)
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.EXHAUSTED, stage)
    assert failure.place.hop == (1 if kind is ProxyUnreachable else None)
    assert is_transient(error)


async def test_no_descriptor_for_an_import(
    monkeypatch: pytest.MonkeyPatch, no_descriptors: Callable[[], Any]
) -> None:
    """Without one python-socks cannot be imported, which is told; the next dial imports it."""
    module = "trio_wsproxy._transport._socks"
    monkeypatch.setattr(_setup, "_imported", False)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr("trio_wsproxy._transport._socks", raising=False)
    with no_descriptors():
        error = await dial("socks5h://127.0.0.1:1", "example.test")
    assert str(error) == (
        "proxy socks5h://127.0.0.1:1 (from argument proxy=) cannot be reached: it has to wait for "
        f"python-socks to be imported: {NO_DESCRIPTOR}"
    )
    assert [(x.name, x.hop, x.ok) for x in error.dial_report.stages] == [("setup", 1, False)]
    error = await dial("socks5h://127.0.0.1:1", "example.test")
    assert [x.name for x in error.dial_report.stages] == ["setup", "tcp"]


@pytest.mark.parametrize("stage", ["tcp", "connect"])
async def test_anything_else_that_wants_one(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has thought of and fails for want of a descriptor is told with its stage, too."""
    from trio_wsproxy._transport import _dialer
    from trio_wsproxy.testing import open_http_proxy

    async def failing(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENFILE, "Too many open files in system")

    name = "connect_tcp" if stage == "tcp" else "open_connect_tunnel"
    async with open_http_proxy() as proxy:
        monkeypatch.setattr(_dialer, name, failing)
        error = await dial(proxy.url, "example.test")
    assert isinstance(error, ProxyUnreachable)
    assert (error.hop, error.stage) == (1, stage)
    assert "this machine has no free file descriptor" in str(error)


async def test_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no other thread, a look-up says so."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(trio.to_thread, "run_sync", refuse)
    error = await dial(None, "example.test")
    assert "cannot be reached: this process can start no other thread (can't" in str(error)
