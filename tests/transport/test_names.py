"""From a name to addresses, whatever the resolver of this machine does."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trio

from trio_wsproxy import ServerUnreachable, open_tcp_stream
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind
from trio_wsproxy._threads import Workers
from trio_wsproxy._transport import _names
from trio_wsproxy._transport._names import look_up, numeric_address
from trio_wsproxy.testing import open_tcp_server


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("example.org", None)]
)
async def test_numeric_address(host: str, address: str | None) -> None:
    """An IP address needs no name service, and a name is not one."""
    infos = numeric_address(host, 80)
    assert [entry[4][0] for entry in infos] == ([address] if address else [])


async def test_look_up() -> None:
    """Only stream sockets are asked for, and only of the family that is wanted."""
    infos = await look_up("localhost", 80, socket.AF_INET)
    assert {entry[:2] for entry in infos} == {(socket.AF_INET, socket.SOCK_STREAM)}


class Resolver:
    """Does not come back for names that begin with "dead", before it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.begun = 0
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        """Stand in for getaddrinfo."""
        flags = args[4] if len(args) > 4 else kwargs.get("flags", 0)
        if str(host).startswith("b'dead") and not flags & socket.AI_NUMERICHOST:
            self.begun += 1
            self.let.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real(host, *args, **kwargs)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """Let the resolver hang."""
    fake = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", fake)
    yield fake
    fake.let.set()


async def abandon(resolver: Resolver, name: str) -> None:
    """Begin a look-up and go away."""
    async with trio.open_nursery() as nursery:
        before = resolver.begun
        nursery.start_soon(look_up, name, 80)
        while resolver.begun == before:
            await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_abandoned_look_ups_keep_nobody_waiting(resolver: Resolver) -> None:
    """With 60 look-ups that hang and that nobody waits for, names are found and threads are free."""
    for number in range(60):
        await abandon(resolver, f"dead{number}.test")
    limiter = trio.to_thread.current_default_thread_limiter()
    assert limiter.borrowed_tokens == 0
    assert await trio.to_thread.run_sync(int) == 0
    async with open_tcp_server(lambda stream: stream.aclose()) as server:
        stream = await open_tcp_stream("localhost", server.port, proxy=None)
        await stream.aclose()


async def test_threads_of_look_ups_are_bounded(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where as many hang as there may be, another one fails at once, and says why; then it goes on."""
    monkeypatch.setattr(_names, "LOOK_UPS", Workers("some look-ups", awaited=2, most=3))
    for _ in range(3):
        await abandon(resolver, "dead.test")
    with pytest.raises(ServerUnreachable) as caught:
        await open_tcp_stream("localhost", 80, proxy=None)
    assert resolver.begun == 3
    assert str(caught.value) == (
        "the server localhost:80 cannot be reached: 3 threads still wait for earlier ones to come "
        "back; does what they wait for answer at all (name server, file server)?"
    )
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.EXHAUSTED, "resolve")
    resolver.let.set()
    while True:
        try:
            infos = await look_up("localhost", 80, socket.AF_INET)
            break
        except OSError:
            await trio.sleep(0)  # threads end when they are let
    assert infos


async def test_local_address_by_name(resolver: Resolver) -> None:
    """A name in local_address is looked up in the threads for names, too."""
    async with open_tcp_server(lambda stream: stream.aclose()) as server:
        stream = await open_tcp_stream(
            "127.0.0.1", server.port, proxy=None, local_address="localhost"
        )
        await stream.aclose()
        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                await open_tcp_stream("127.0.0.1", server.port, proxy=None, local_address="dead")

            nursery.start_soon(connect)
            while not resolver.begun:
                await trio.testing.wait_all_tasks_blocked()
            assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0
            nursery.cancel_scope.cancel()


async def test_resolver_without_a_descriptor(
    monkeypatch: pytest.MonkeyPatch, no_descriptors: Callable[[], Any]
) -> None:
    """A resolver that fails for want of a socket does not make the name unknown."""

    def failing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", failing)
    with pytest.raises(socket.gaierror):
        await look_up("example.org", 80)
    with no_descriptors(), pytest.raises(OSError, match=os.strerror(errno.EMFILE)) as caught:
        await look_up("example.org", 80)
    assert caught.value.errno == errno.EMFILE
