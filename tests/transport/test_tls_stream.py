"""TLS that takes and gives without waiting, over real sockets, against trio's own TLS."""

from __future__ import annotations

import itertools
import random
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from _peer import CancelAtStep
from trio.testing import wait_all_tasks_blocked

from trio_wsproxy._transport._tcp_stream import CAN_READ_AND_WRITE, TCPStream
from trio_wsproxy._transport._tls_stream import RECORD, TLSStream
from trio_wsproxy.testing import Certificates

pytestmark = pytest.mark.skipif(not CAN_READ_AND_WRITE, reason="sockets are no file descriptors")

MUCH = random.Random(1).randbytes(2**22)


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    """One CA for all tests of this module."""
    return Certificates()


Far = trio.SSLStream[Any]


@asynccontextmanager
async def connected(
    certificates: Certificates, layers: int, version: ssl.TLSVersion | None = None
) -> AsyncIterator[tuple[TLSStream, Far, TCPStream]]:
    """Give both ends of a connection, its handshakes done, and what is at the bottom of ours."""
    server = certificates.server_context()
    if version is not None:
        server.maximum_version = version
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        socket = await trio.testing.open_stream_to_socket_listener(listener)
        far: Any = await listener.accept()
    bottom = TCPStream(socket)
    near: TCPStream | TLSStream = bottom
    try:
        for _ in range(layers):
            near = TLSStream(near, certificates.client_context(), "localhost")
            far = trio.SSLStream(far, server, server_side=True, https_compatible=True)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(far.do_handshake)
                await near.do_handshake()
        assert isinstance(near, TLSStream)
        near.never_block()
        yield near, far, bottom
    finally:
        await near.aclose()
        await trio.aclose_forcefully(far)


@pytest.fixture(params=[1, 2], ids=["TLS", "TLS in TLS"])
async def ends(
    request: pytest.FixtureRequest, certificates: Certificates
) -> AsyncIterator[tuple[TLSStream, Far, TCPStream]]:
    """Give both ends of a connection."""
    async with connected(certificates, request.param) as ends:
        yield ends


Ends = tuple[TLSStream, Far, TCPStream]


async def receive(stream: Far, size: int) -> bytes:
    """Receive so many bytes."""
    received = bytearray()
    while len(received) < size:
        data = await stream.receive_some()
        assert data
        received += data
    return bytes(received)


async def test_take(ends: Ends) -> None:
    """What is sent is encrypted and has left at once, in order."""
    near, far, bottom = ends
    near.take(b"one")
    near.take(memoryview(b"two"))
    assert bottom.pending == 0
    assert await receive(far, 6) == b"onetwo"


async def test_what_is_not_taken_pends_at_the_bottom(ends: Ends, nursery: trio.Nursery) -> None:
    """It leaves as there is room, and nothing is out of order."""
    near, far, bottom = ends
    while not bottom.pending:
        near.take(MUCH)
    near.take(b"behind")
    sent = 0
    received = bytearray()

    async def flush() -> None:
        while bottom.pending:
            await bottom.wait_send_all_might_not_block()
            bottom.flush()

    nursery.start_soon(flush)
    while not received.endswith(b"behind"):
        received += await far.receive_some()
        sent += 1
    assert len(received) % len(MUCH) == 6
    assert received[: len(MUCH)] == MUCH


async def test_give(ends: Ends) -> None:
    """Nothing is there, then something, then the end, again and again."""
    near, far, _ = ends
    assert near.give() is None
    await far.send_all(b"hello")
    assert await near.receive_some() == b"hello"
    assert near.give() is None
    await trio.aclose_forcefully(far)
    for _ in range(3):
        await near.wait_gives()
        assert near.give() == b""
    assert near.error is None


@pytest.mark.parametrize("sizes", [[1], [RECORD], [7, RECORD + 1, 3, 64 * 1024, 1], [2**20] * 2])
@pytest.mark.parametrize("wanted", [1000, RECORD, 2**18])
async def test_all_that_arrives_is_given(
    wanted: int, sizes: list[int], ends: Ends, nursery: trio.Nursery
) -> None:
    """Whatever the records and the calls are, each byte comes once, and no call gives too many."""
    near, far, _ = ends
    messages = [MUCH[:size] for size in sizes]

    async def send() -> None:
        for message in messages:
            await far.send_all(message)

    nursery.start_soon(send)
    received = bytearray()
    while len(received) < sum(sizes):
        await near.wait_gives()
        data = near.give(wanted)
        assert data is None or 0 < len(data) <= wanted
        received += data or b""
    assert received == b"".join(messages)
    assert near.give(wanted) is None


async def test_records_that_came_together_are_given_together(ends: Ends) -> None:
    """Where there is room for them."""
    near, far, _ = ends
    for part in (b"a", b"b", b"c"):
        await far.send_all(part)
    await wait_all_tasks_blocked()
    await near.wait_gives()
    assert near.give(2) == b"ab"
    assert near.give() == b"c"


async def test_a_good_bye_behind_data_is_the_end(certificates: Certificates) -> None:
    """It is not lost where it comes with the last bytes, and TCP stays open."""
    async with connected(certificates, 1) as (near, far, _):
        await far.send_all(b"first")  # with what TLS has to say behind its handshake
        assert await near.receive_some() == b"first"
        server = far._ssl_object
        server.write(b"last")
        with pytest.raises(ssl.SSLWantReadError):
            server.unwrap()
        await far.transport_stream.send_all(far._outgoing.read())
        await wait_all_tasks_blocked()
        await near.wait_gives()
        assert near.give() == b"last"
        with trio.fail_after(60):
            await near.wait_gives()
        assert near.give() == b""


async def test_what_is_no_tls(ends: Ends) -> None:
    """Whatever comes in its place is an error."""
    near, far, _ = ends
    plain: Any = far
    while hasattr(plain, "transport_stream"):
        plain = plain.transport_stream
    await plain.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(trio.BrokenResourceError) as caught:
        await near.receive_some()
    assert isinstance(caught.value.__cause__, ssl.SSLError)


async def test_what_cannot_be_encrypted_is_kept(certificates: Certificates) -> None:
    """An error of TLS is kept rather than raised, and its bytes count as not sent."""
    async with connected(certificates, 1) as (near, _, bottom):
        with pytest.raises(ssl.SSLWantReadError):
            near._ssl.unwrap()
        near.take(b"never")
        assert isinstance(near.error, trio.BrokenResourceError)
        assert isinstance(near.error.__cause__, ssl.SSLError)
        assert bottom.pending == 5
        near.take(b"nor this")
        assert bottom.pending == 13


async def test_while_a_server_negotiates_anew(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be encrypted yet leaves in its order as soon as the peer has spoken."""
    async with connected(certificates, 1, ssl.TLSVersion.TLSv1_2) as (near, far, _):
        real = near._ssl

        class Negotiating:
            busy = True

            def write(self, data: bytes) -> int:
                if self.busy:
                    raise ssl.SSLWantReadError
                return real.write(data)

            def read(self, size: int) -> bytes:
                self.busy = False
                return real.read(size)

            def pending(self) -> int:
                return real.pending()

        near._ssl = Negotiating()  # type: ignore[assignment]
        near.take(b"one")
        near.take(b"two")
        await far.send_all(b"x")
        assert await near.receive_some() == b"x"
        near.take(b"three")
        assert await receive(far, 11) == b"onetwothree"


async def test_keys_that_change(certificates: Certificates) -> None:
    """What TLS itself has to answer leaves in the step that reads."""
    async with connected(certificates, 1) as (near, far, bottom):
        accepted = bottom.accepted
        real = near._ssl

        class Answering:
            def read(self, size: int) -> bytes:
                real.write(b"answer")  # as OpenSSL does it, into what goes out
                return real.read(size)

            def pending(self) -> int:
                return real.pending()

        near._ssl = Answering()  # type: ignore[assignment]
        await far.send_all(b"x")
        assert await near.receive_some() == b"x"
        assert bottom.accepted > accepted
        assert await receive(far, 6) == b"answer"


async def test_interrupt(ends: Ends, nursery: trio.Nursery) -> None:
    """Who waits is woken by an error, and reading goes on later."""
    near, far, _ = ends
    assert near.give() is None

    async def interrupt() -> None:
        await wait_all_tasks_blocked()
        near.interrupt()

    nursery.start_soon(interrupt)
    with pytest.raises(trio.ClosedResourceError):
        await near.wait_gives()
    await far.send_all(b"x")
    assert await near.receive_some() == b"x"


async def test_waiting_is_a_checkpoint(ends: Ends) -> None:
    """Also where something is there."""
    near, far, _ = ends
    await far.send_all(b"xy")
    await near.wait_gives()
    assert near.give(1) == b"x"
    with trio.testing.assert_checkpoints():
        await near.wait_gives()
    assert near.give(1) == b"y"


async def test_a_cancelled_read_loses_nothing(ends: Ends, nursery: trio.Nursery) -> None:
    """Wherever it is cancelled."""
    near, far, _ = ends

    async def send() -> None:
        for number in range(100):
            await far.send_all(bytes([number]))
            await trio.lowlevel.checkpoint()

    nursery.start_soon(send)
    received = b""
    for steps in itertools.cycle(range(3)):
        with trio.CancelScope() as scope:
            instrument = CancelAtStep(scope, steps)
            trio.lowlevel.add_instrument(instrument)
            try:
                received += await near.receive_some(3)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        if len(received) == 100:
            break
    assert received == bytes(range(100))


async def test_closed(ends: Ends) -> None:
    """Who reads is told; what is sent then is not sent."""
    near, _, bottom = ends
    near.close()
    with pytest.raises(trio.ClosedResourceError):
        near.give()
    near.take(b"x")
    assert isinstance(near.error, trio.ClosedResourceError)
    assert bottom.pending > 0
    await near.aclose()


async def test_as_any_stream(certificates: Certificates) -> None:
    """Before it is told never to block it sends and receives as others do."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        socket = await trio.testing.open_stream_to_socket_listener(listener)
        far = trio.SSLStream(
            await listener.accept(), certificates.server_context(), server_side=True
        )
    near = TLSStream(TCPStream(socket), certificates.client_context(), "localhost")
    got: list[bytes] = []

    async def serve() -> None:
        await far.do_handshake()
        got.append(await receive(far, len(MUCH)))
        await far.send_all(b"thanks")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await near.do_handshake()
        await near.wait_send_all_might_not_block()
        await near.send_all(MUCH)  # more than the kernel takes: this waits
        assert await near.receive_some() == b"thanks"
    assert got == [MUCH]
    await near.aclose()
    await trio.aclose_forcefully(far)


async def test_what_was_agreed_on(certificates: Certificates) -> None:
    """It tells version, cipher, protocol, certificate and channel as trio's does."""
    async with connected(certificates, 1) as (near, far, _):
        ours: list[Callable[[], Any]] = [near.version, near.cipher, near.selected_alpn_protocol]
        theirs: list[Callable[[], Any]] = [far.version, far.cipher, far.selected_alpn_protocol]
        assert [ask() for ask in ours] == [ask() for ask in theirs]
        assert near.getpeercert()["subjectAltName"]
        assert isinstance(near.getpeercert(binary_form=True), bytes)
        near.get_channel_binding()


@pytest.mark.parametrize("name", ["wrong.example", "127.0.0.9"])
async def test_a_refused_certificate(name: str, certificates: Certificates) -> None:
    """The handshake raises what trio's raises, with OpenSSL's error, and tells the peer."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        socket = await trio.testing.open_stream_to_socket_listener(listener)
        far = trio.SSLStream(
            await listener.accept(), certificates.server_context(), server_side=True
        )
    near = TLSStream(TCPStream(socket), certificates.client_context(), name)
    told: list[BaseException] = []

    async def serve() -> None:
        with pytest.raises(trio.BrokenResourceError) as caught:  # noqa: PT012  # when, depends on TLS
            await far.do_handshake()
            await far.receive_some()
        told.append(caught.value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        with pytest.raises(trio.BrokenResourceError) as caught:
            await near.do_handshake()
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert len(told) == 1
    await near.aclose()
    await trio.aclose_forcefully(far)
