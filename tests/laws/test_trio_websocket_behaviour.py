"""What programs written for trio-websocket rely on, against its own server.

The differences that we want are listed in ``docs/trio-websocket.rst``.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from _peer import TEXT, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio_websocket import ConnectionClosed, WebSocketRequest
from wsproto.events import Ping, Pong

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
