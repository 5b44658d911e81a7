"""What programs written for trio-websocket rely on, against its own server.

The differences that we want are listed in ``docs/trio-websocket.rst``.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
import trio_websocket
from _peer import TEXT, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio_websocket import ConnectionClosed, WebSocketRequest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Ping, Pong, Request

import trio_wsproxy
from trio_wsproxy import ServerRejected, open_websocket_url
from trio_wsproxy.testing import open_echo_server, open_tcp_server


@pytest.mark.parametrize("size", [2, 3, None])
async def test_messages_before_a_close(size: int | None) -> None:
    """A close behind as many messages as the queue holds is answered before they are read."""
    closed = trio.Event()

    async def say_two_words(request: WebSocketRequest) -> None:
        async with await request.accept() as ws:
            await ws.send_message("1")
            await ws.send_message("2")
        closed.set()

    async with open_echo_server(handler=say_two_words) as server:
        async with open_websocket_url(server.url, proxy=None, message_queue_size=size) as ws:
            await closed.wait()
            assert await ws.get_message() == "1"
            assert await ws.get_message() == "2"
            with pytest.raises(ConnectionClosed):
                await ws.get_message()


@pytest.mark.parametrize("size", [0, 1, 2, 5])
async def test_message_queue_size(size: int, nursery: trio.Nursery) -> None:
    """So many messages wait, and one more in the reader's hand, before reading stops."""
    ws, peer = connect(nursery, message_queue_size=size)
    for number in range(size):
        peer.say_bytes(frame(TEXT, b"%d" % number))
    peer.say(Ping(payload=b"seen"))
    assert await peer.next() == Pong(payload=b"seen")
    peer.say_bytes(frame(TEXT, b"one more"))
    await trio.testing.wait_all_tasks_blocked()
    peer.say(Ping(payload=b"unseen"))
    await trio.testing.wait_all_tasks_blocked()
    assert peer.heard() == []
    await ws.get_message()
    assert await peer.next() == Pong(payload=b"unseen")
    nursery.cancel_scope.cancel()


async def test_informational_answers() -> None:
    """They are skipped, unlike there; the final answer is what counts."""

    async def hesitate(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async with open_tcp_server(hesitate) as server:
        with pytest.raises(ServerRejected) as caught:
            async with open_websocket_url(f"ws://{server.authority}", proxy=None):
                pass
    assert caught.value.status_code == 404


# --- the same on the wire ------------------------------------------------------------------


class Heard:
    """What a server of ours was told by a close frame."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Accept, answer the close frame, and keep it."""
        ws = WSConnection(ConnectionType.SERVER)
        while not any(isinstance(event, Request) for event in ws.events()):
            ws.receive_data(bytes(await stream.receive_some()))
        await stream.send_all(ws.send(AcceptConnection()))
        while not self.frames:
            ws.receive_data(bytes(await stream.receive_some()))
            for event in ws.events():
                if isinstance(event, CloseConnection):
                    said = repr((event.code, event.reason or None)).encode()
                    self.frames.append(said)
                    await stream.send_all(ws.send(event.response()))


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 1014, 1015, 3000, 4999])
@pytest.mark.parametrize("reason", [None, "", "why", "x" * 124, "ü" * 62, "€" * 50])
async def test_closing_says_the_same(code: int, reason: str | None) -> None:
    """Whatever code and reason: the same bytes leave as with trio-websocket, and nothing is raised."""
    heard: list[list[bytes]] = []
    for module in (trio_websocket, trio_wsproxy):
        one = Heard()
        async with open_tcp_server(one.serve) as server:
            url = f"ws://{server.authority}/"
            with trio.fail_after(60):
                async with module.open_websocket_url(url) as ws:
                    await ws.aclose(code, reason)
        heard.append(one.frames)
    assert heard[0] == heard[1]
    assert len(heard[0]) == 1


# trio-websocket leaves the socket to the garbage collector where the peer has gone first.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["get_message", "send_message", "ping", "pong"])
@pytest.mark.parametrize("end", ["peer closes", "peer closes badly", "peer is gone", "we close"])
async def test_errors_are_the_same(name: str, end: str) -> None:
    """Each old name raises the very class that trio-websocket raises, with the same code."""
    raised: list[tuple[type, object]] = []

    async def serve(stream: trio.abc.Stream) -> None:
        ws = WSConnection(ConnectionType.SERVER)
        while not any(isinstance(event, Request) for event in ws.events()):
            ws.receive_data(bytes(await stream.receive_some()))
        await stream.send_all(ws.send(AcceptConnection()))
        if end == "peer closes":
            await stream.send_all(ws.send(CloseConnection(1000)))
        elif end == "peer closes badly":
            await stream.send_all(ws.send(CloseConnection(4000, "no")))
        if end != "peer is gone":
            await stream.receive_some()

    for module in (trio_websocket, trio_wsproxy):
        async with open_tcp_server(serve) as server:
            url = f"ws://{server.authority}/"
            with trio.fail_after(60):
                async with module.open_websocket_url(url) as ws:
                    if end == "we close":
                        await ws.aclose()
                    while not ws.closed:
                        await trio.sleep(0.001)
                    with pytest.raises(ConnectionClosed) as caught:
                        await getattr(ws, name)(*["x"] * (name == "send_message"))
        assert caught.value.reason is not None
        raised.append((type(caught.value), caught.value.reason.code))
    if end == "we close":  # what was never answered is 1006 here
        raised = [(kind, None) for kind, _ in raised]
    assert raised[0] == raised[1]


async def test_attributes_may_be_set() -> None:
    """Bots note on a connection what belongs to it."""
    async with open_echo_server() as server:
        for module in (trio_websocket, trio_wsproxy):
            async with module.open_websocket_url(server.url) as ws:
                ws.name = "mine"
                assert ws.name == "mine"
