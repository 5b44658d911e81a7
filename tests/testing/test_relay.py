"""The counting relay."""

from __future__ import annotations

import pytest
import trio

from trio_wsproxy.testing import open_counting_relay, open_tcp_server


async def shout(stream: trio.abc.Stream) -> None:
    """Answer in capitals once all was said; it needs the client's half-close."""
    assert isinstance(stream, trio.SocketStream)
    said = b"".join([chunk async for chunk in stream])
    await stream.send_all(said.upper() * 2)
    await stream.send_eof()


async def test_relays_counts_and_half_closes() -> None:
    """Bytes go both ways, are counted each way, and the end of one way leaves the other open."""
    async with (
        open_tcp_server(shout) as server,
        open_counting_relay(server.host, server.port) as relay,
    ):
        for _ in range(2):
            async with await trio.open_tcp_stream(relay.host, relay.port) as client:
                await client.send_all(b"hello")
                await client.send_eof()
                assert b"".join([chunk async for chunk in client]) == b"HELLOHELLO"
        await relay.wait_for("close", 2)
        assert (relay.connections, server.connections) == (2, 2)
        assert (relay.bytes_up, relay.bytes_down) == (10, 20)
        assert relay.errors == server.errors == []


async def test_kill_resets_both_sides() -> None:
    """Pulling the plug resets the client's and the server's connection; new ones work."""
    ends: list[BaseException | None] = []

    async def handler(stream: trio.abc.Stream) -> None:
        try:
            await stream.send_all(b"hello")
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError as exc:
            ends.append(exc.__cause__)

    async with (
        open_tcp_server(handler) as server,
        open_counting_relay(server.host, server.port) as relay,
    ):
        for count in (1, 2):
            async with await trio.open_tcp_stream(relay.host, relay.port) as client:
                assert await client.receive_some() == b"hello"
                relay.kill()
                with pytest.raises(trio.BrokenResourceError) as caught:
                    await client.receive_some()
                assert isinstance(caught.value.__cause__, ConnectionResetError)
            await server.wait_for("close", count)
            assert relay.open_connections == 0
        assert [type(end) for end in ends] == [ConnectionResetError, ConnectionResetError]
        assert relay.errors == []


async def test_nobody_at_the_other_end() -> None:
    """Without a target the client is reset, the reason is kept, and the relay goes on."""
    async with open_tcp_server(shout) as gone:
        pass
    async with open_counting_relay(gone.host, gone.port) as relay:
        for count in (1, 2):
            async with await trio.open_tcp_stream(relay.host, relay.port) as client:
                with pytest.raises(trio.BrokenResourceError):
                    await client.receive_some()
            await relay.wait_for("close", count)
        assert [type(error) for error in relay.errors] == [OSError, OSError]
