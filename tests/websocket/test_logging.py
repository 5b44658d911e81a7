"""What the log says, and what it never says."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator

import pytest
import trio
from _peer import BINARY, CLOSE, CONTINUATION, TEXT, close_payload, connect, frame
from _wires import kind_of_wire  # noqa: F401  # a fixture for all tests here
from trio.testing import MockClock, wait_all_tasks_blocked
from trio_websocket import WebSocketRequest
from wsproto.events import BytesMessage, Ping, TextMessage

import trio_wsproxy
from trio_wsproxy.testing import open_echo_server, open_http_proxy, open_tcp_server


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All records of ours, DEBUG included."""
    caplog.set_level(logging.DEBUG, logger="trio_wsproxy")
    return caplog


def lines(log: pytest.LogCaptureFixture, level: int) -> list[str]:
    """The texts of one level, without the connection's id."""
    return [
        re.sub(r"^\[ws-\d+\] ", "", record.getMessage())
        for record in log.records
        if record.levelno == level
    ]


async def test_opened_and_closed(
    nursery: trio.Nursery, log: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """INFO has the way, and when it is over the code, the reason and the duration."""
    _, peer = connect(nursery)
    await trio.sleep(12.5)
    assert lines(log, logging.INFO) == ["opened: wss://the.peer/?… by a stream"]
    peer.say_bytes(frame(CLOSE, close_payload(1001, "restart\n\x1b[2J")))
    peer.hang_up()
    await wait_all_tasks_blocked()
    _, closed = lines(log, logging.INFO)
    assert closed.startswith("closed: ")
    assert "1001" in closed
    assert "restart" in closed
    assert closed.isprintable()  # a peer writes no lines of its own
    assert closed.endswith(", after 12.500 s")


@pytest.mark.parametrize(
    ("end", "code"), [("hang up", "1006"), ("aclose", "1006"), ("cancel", "1006")]
)
async def test_every_end_is_told(log: pytest.LogCaptureFixture, end: str, code: str) -> None:
    """However it ends, one record says so."""
    async with trio.open_nursery() as nursery:
        ws, peer = connect(nursery)
        await wait_all_tasks_blocked()
        peer.hang_up() if end != "cancel" else nursery.cancel_scope.cancel()
        if end == "aclose":
            await ws.aclose()
    _, closed = lines(log, logging.INFO)
    assert code in closed


async def test_one_id(nursery: trio.Nursery, log: pytest.LogCaptureFixture) -> None:
    """Each record has its connection's id, in the text and as an attribute."""
    connections = [connect(nursery) for _ in range(2)]
    for ws, peer in connections:
        await ws.send("x")
        peer.say(TextMessage(data="y"))
        await ws.receive()
        peer.hang_up()
    await wait_all_tasks_blocked()
    ids = {record.connection_id for record in log.records}  # type: ignore[attr-defined]
    assert len(ids) == 2
    for record in log.records:
        assert record.name == "trio_wsproxy"
        assert record.getMessage().startswith(f"[ws-{record.connection_id}] ")  # type: ignore[attr-defined]
    for number in ids:
        count = sum(record.connection_id == number for record in log.records)  # type: ignore[attr-defined]
        assert count == 4  # opened, sends, received, closed


async def test_frames(nursery: trio.Nursery, log: pytest.LogCaptureFixture) -> None:
    """DEBUG has each frame's kind and size, never what is in it."""
    ws, peer = connect(nursery)

    async def parts() -> AsyncIterator[str]:
        yield "secret"
        yield "secret!"

    await ws.send("secret")
    await ws.send(b"secret" * 100)
    await ws.send(b"secret" * 20_000)
    await ws.send(parts())
    await ws.pong(b"secret")
    assert lines(log, logging.DEBUG) == [
        "sends text, 6 bytes",
        "sends binary, 600 bytes",
        "sends binary, 120000 bytes",
        "sends text, 6 bytes, more to come",
        "sends continuation, 7 bytes, more to come",
        "sends continuation, 0 bytes",
        "sends pong, 6 bytes",
    ]
    log.clear()
    peer.say(TextMessage(data="secrét"), BytesMessage(data=b"secret"), Ping(payload=b"secret"))
    peer.say_bytes(frame(BINARY, b"secret", fin=False) + frame(CONTINUATION, b"secret"))
    peer.say_bytes(frame(CLOSE, close_payload(1000)))
    await wait_all_tasks_blocked()
    assert lines(log, logging.DEBUG) == [
        "received text, 6 characters",
        "received binary, 6 bytes",
        "received ping, 6 bytes",
        "sends pong, 6 bytes",
        "received a part of 6, more to come",
        "received a part of 6",
        "received CloseReceived 1000",
        "sends close, 2 bytes",
    ]
    assert "secret" not in log.text
    peer.hang_up()


async def test_broken_frames(nursery: trio.Nursery, log: pytest.LogCaptureFixture) -> None:
    """What broke the protocol is told, without the bytes that did."""
    _, peer = connect(nursery)
    peer.say_bytes(frame(TEXT, b"secret\xff"))
    peer.hang_up()
    await wait_all_tasks_blocked()
    assert lines(log, logging.DEBUG)[0] == "received PeerBrokeProtocol 1007"
    assert "secret" not in log.text


async def test_no_frames_at_info(nursery: trio.Nursery, caplog: pytest.LogCaptureFixture) -> None:
    """At INFO a connection has two records, however busy it is."""
    caplog.set_level(logging.INFO, logger="trio_wsproxy")
    ws, peer = connect(nursery)
    for _ in range(10):
        await ws.send("x")
    peer.hang_up()
    await wait_all_tasks_blocked()
    assert len(caplog.records) == 2


# --- secrets ------------------------------------------------------------------------------

SECRETS = ["s3cret", "czNjcmV0", "p4ssword", "cDRzc3dvcmQ"]  # and in Base64
HEADERS = [("Cookie", "session=s3cret"), ("X-Harmless", "shown")]


def check(log: pytest.LogCaptureFixture) -> None:
    """No record has a secret in it: not its text, its arguments, its error or its traceback."""
    assert log.records
    text = log.text + "".join(map(repr, (vars(record) for record in log.records)))
    for secret in SECRETS:
        assert secret not in text


async def test_no_secrets(log: pytest.LogCaptureFixture) -> None:
    """A whole connection with every kind of credential leaves none of them in the log."""

    async def echo(request: WebSocketRequest) -> None:
        ws = await request.accept(extra_headers=[(b"Set-Cookie", b"s3cret"), (b"X-Server", b"me")])
        await ws.send_message(await ws.get_message())

    async with (
        open_echo_server(handler=echo) as server,
        open_http_proxy(credentials=("Aladdin", "p4ssword")) as proxy,
    ):
        url = server.url.replace("ws://", "ws://ann:s3cret@") + "/chat?token=s3cret"
        async with trio_wsproxy.open_websocket_url(
            url,
            proxy=proxy.url,
            extra_headers=HEADERS,
        ) as ws:
            await ws.send("s3cret")
            assert await ws.receive() == "s3cret"
            with pytest.raises(trio_wsproxy.ConnectionEnded):
                await ws.receive()
        seen = {name for request in server.requests for name, _ in request.headers}
        assert {b"authorization", b"cookie"} <= seen  # so there was something to hide
    check(log)
    debug = "\n".join(lines(log, logging.DEBUG))
    for shown in (
        f"CONNECT {server.authority} HTTP/1.1",
        "Proxy-Authorization: ***",
        "HTTP/1.1 200",
        "GET /chat?… HTTP/1.1",
        "Authorization: ***",
        "Cookie: ***",
        "X-Harmless: ***",  # a name, but no value that is not known to be harmless
        "HTTP/1.1 101",
        "Set-Cookie: ***",
        "X-Server: ***",
    ):
        assert shown.lower() in debug.lower()
    info = "\n".join(lines(log, logging.INFO))
    assert f"{server.url}/chat?…" in info
    assert proxy.authority in info


async def test_no_secrets_in_own_proxy_headers(log: pytest.LogCaptureFixture) -> None:
    """Nor does a Proxy-Authorization that the caller writes, or a refusal that repeats it."""
    async with open_http_proxy(credentials=("Aladdin", "other")) as proxy:
        with pytest.raises(trio_wsproxy.ProxyAuthenticationError):
            async with trio_wsproxy.open_websocket_url(
                "ws://echo.test/?s3cret",
                proxy=trio_wsproxy.Proxy(
                    proxy.url_for(), headers={"Proxy-Authorization": "Bearer s3cret"}
                ),
            ):
                pytest.fail("it asks for other credentials")
    check(log)
    assert "HTTP/1.1 407" in log.text


async def test_no_secrets_in_a_refusal(log: pytest.LogCaptureFixture) -> None:
    """A redirect's Location and a refusal's cookies are masked as well."""

    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(
            b"HTTP/1.1 302 Found\r\nLocation: wss://ann:p4ssword@b.test/x?token=s3cret\r\n"
            b"Set-Cookie: a=s3cret;\r\n b=s3cret\r\nContent-Length: 0\r\n\r\n"
        )

    async with open_tcp_server(refuse) as server:
        with pytest.raises(trio_wsproxy.ConnectionRejected):
            async with trio_wsproxy.open_websocket_url(
                f"ws://{server.host}:{server.port}/?s3cret", proxy=None, extra_headers=HEADERS
            ):
                pytest.fail("it refuses")
    check(log)
    assert "Location: wss://***@b.test/x?…" in log.text
