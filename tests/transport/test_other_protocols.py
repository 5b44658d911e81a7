"""What speaks another protocol than it was asked in is recognised, and the message says what to write.

Each pair of what is spoken here and what the other end is, as far as its bytes tell.
"""

from __future__ import annotations

import pytest
import trio
from _wire import all_texts, nothing_left, rest_of

from trio_wsproxy import HandshakeError, open_ssl_over_tcp_stream, open_websocket_url
from trio_wsproxy._exceptions import failure_of
from trio_wsproxy._failures import Kind
from trio_wsproxy.testing import open_http_proxy, open_tcp_server

BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"
PLAIN_TO_TLS = b"<title>400 The plain HTTP request was sent to HTTPS port</title>"
TOR = b"<title>This is a SOCKS Proxy, Not An HTTP Proxy</title>"
PEERS = {
    "TLS": b"\x15\x03\x01\x00\x02\x02\x0a",
    "TLS, in HTTP": BAD % (len(PLAIN_TO_TLS), PLAIN_TO_TLS),
    "SOCKS5": b"\x05\xff",
    "SOCKS4": b"\x00\x5b" + bytes(6),
    "HTTP": BAD % (2, b"no"),
    "HTTP/2": b"\x00\x00\x12\x04" + bytes(5) + bytes(18),
    "Tor": b"HTTP/1.0 501 Tor is not an HTTP Proxy\r\nContent-Type: text/html\r\n\r\n" + TOR,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "mail": b"220 mx.example ESMTP Postfix\r\n",
    "page": b"<html><title>Log in</title></html>",
    "other": b"J\x00\x00\x00\n8.0.33\x00\x0b\x00",
}

TLS, FIVE, FOUR, PLAIN = (
    f"use {x}:// for its scheme" for x in ("https", "socks5h", "socks4a", "http")
)
NO_PROXY = "that is no proxy: are host and port of the proxy URL right?"
WHICH = "are the proxy URL's scheme, host and port right?"
ELSEWHERE = "use a port where it speaks HTTP/1.1"
IS_PROXY = "it is a proxy: name it in proxy=, and the server in its place"
PORT = "is that the right port?"
PORTAL = "Else somebody on the way answers in its place (a captive portal): a browser shows what it wants"
SOCKS = {
    "TLS": TLS,
    "HTTP": PLAIN,
    "TLS, in HTTP": PLAIN,
    "HTTP/2": ELSEWHERE,
    "SSH": NO_PROXY,
    "mail": NO_PROXY,
    "page": NO_PROXY,
    "other": WHICH,
}
NO_TLS = {"SSH": PORT, "mail": PORT, "page": PORTAL, "other": PORT, "HTTP/2": PORT}
REMEDIES: dict[str, dict[str, str]] = {
    "http": {
        "TLS": TLS,
        "TLS, in HTTP": "it wants TLS: use https:// for its scheme (page '400 The plain HTTP request was "
        "sent to HTTPS port')",
        "SOCKS5": FIVE,
        "SOCKS4": FOUR,
        "HTTP/2": ELSEWHERE,
        "Tor": "it speaks SOCKS on that port: use socks5h:// for its scheme (page 'This is a SOCKS Proxy, "
        "Not An HTTP Proxy')",
        "SSH": NO_PROXY,
        "mail": NO_PROXY,
        "page": NO_PROXY,
        "other": WHICH,
    },
    "https": {
        "HTTP": PLAIN,
        "TLS, in HTTP": PLAIN,
        "SOCKS5": FIVE,
        "SOCKS4": FOUR,
        "HTTP/2": ELSEWHERE,
        "SSH": NO_PROXY,
        "mail": NO_PROXY,
        "page": PORTAL,
        "other": WHICH,
    },
    "socks5h": {**SOCKS, "SOCKS4": FOUR},
    "socks5": {**SOCKS, "SOCKS4": FOUR},
    "socks4a": {**SOCKS, "SOCKS5": FIVE},
    "socks4": {**SOCKS, "SOCKS5": FIVE},
    "ws": {
        "TLS": "use wss://",
        "TLS, in HTTP": "it wants TLS: use wss://",
        "SOCKS5": IS_PROXY,
        "SOCKS4": IS_PROXY,
        "HTTP/2": PORT,
        "Tor": IS_PROXY,
        "SSH": PORT,
        "mail": PORT,
        "page": PORT,
        "other": PORT,
    },
    "wss": {
        **NO_TLS,
        "HTTP": "use ws://",
        "TLS, in HTTP": "use ws://",
        "SOCKS5": IS_PROXY,
        "SOCKS4": IS_PROXY,
    },
    "tls": {
        **dict.fromkeys(("SSH", "mail", "other", "HTTP/2"), f"{PORT} It may want STARTTLS first"),
        "HTTP": f"{PORT} It may want STARTTLS first",
        "SOCKS5": IS_PROXY,
        "SOCKS4": IS_PROXY,
    },
    "wss through a proxy": {**NO_TLS, "page": PORT, "SOCKS5": IS_PROXY, "SOCKS4": IS_PROXY},
}
PAIRS = [
    pytest.param(spoken, PEERS[peer], remedy, id=f"{spoken} to {peer}")
    for spoken, remedies in REMEDIES.items()
    for peer, remedy in remedies.items()
]


async def speak(spoken: str, host: str, port: int) -> None:
    """Open a connection to what is there, in that protocol."""
    if spoken == "tls":
        stream = await open_ssl_over_tcp_stream(host, port, proxy=None)
        await stream.do_handshake()
    elif spoken == "wss through a proxy":
        async with open_http_proxy() as proxy:
            async with open_websocket_url(f"wss://{host}:{port}/", proxy=proxy.url):
                pass
    elif spoken in ("ws", "wss"):
        async with open_websocket_url(f"{spoken}://{host}:{port}/", proxy=None):
            pass
    else:
        user = "ada" if spoken.startswith("socks4") else "ada:s3cret"
        proxy_url = f"{spoken}://{user}@{host}:{port}"
        async with open_websocket_url("ws://192.0.2.1/", proxy=proxy_url):
            pass


@pytest.mark.parametrize(("spoken", "answer", "remedy"), PAIRS)
async def test_another_protocol(spoken: str, answer: bytes, remedy: str) -> None:
    """The message ends with what to write, or what to look at, and shows no password."""

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(answer)
        assert isinstance(stream, trio.SocketStream)
        await stream.send_eof()
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(peer) as server:
        with pytest.raises(HandshakeError) as caught:
            await speak(spoken, server.host, server.port)
    told = str(caught.value)
    assert remedy in told if "browser" in told else told.endswith(f"; {remedy}")
    failure = failure_of(caught.value)
    assert failure is not None
    assert failure.kind in (Kind.OTHER_PROTOCOL, Kind.NO_TLS, Kind.REFUSED)
    assert "s3cret" not in all_texts(caught.value)


@pytest.mark.parametrize(
    ("spoken", "remedy"),
    [
        (
            "http",
            "if it speaks SOCKS or TLS on that port, use socks5h:// or https:// for its scheme",
        ),
        (
            "https",
            "if it speaks no TLS on that port, use http:// for its scheme, or socks5h:// for SOCKS",
        ),
        (
            "socks5h",
            "if it speaks SOCKS4 or HTTP on that port, use socks4a:// or http:// for its scheme",
        ),
        (
            "socks4",
            "if it speaks SOCKS5 or HTTP on that port, use socks5h:// or http:// for its scheme",
        ),
        ("ws", "does it speak WebSocket there, or want TLS (wss://)?"),
        ("wss", "does it speak TLS on that port? If not, use ws://"),
        ("tls", "does it speak TLS on that port?"),
    ],
)
async def test_hangs_up(spoken: str, remedy: str) -> None:
    """Where it closes the connection without a word, the message says what it may speak."""

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        assert isinstance(stream, trio.SocketStream)
        await stream.send_eof()
        await rest_of(stream)

    async with nothing_left(), open_tcp_server(peer) as server:
        with pytest.raises(HandshakeError) as caught:
            await speak(spoken, server.host, server.port)
    assert str(caught.value).endswith(f"; {remedy}")


@pytest.mark.parametrize("scheme", ["socks5h", "socks4a"])
async def test_what_a_proxy_repeats_is_hidden(scheme: str) -> None:
    """What was sent and comes back where an answer should stand is no part of the message."""

    async def peer(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"\x07 s3cret and s3cret")
        await rest_of(stream)

    user = "s3cret" if scheme == "socks4a" else "ada:s3cret"
    async with nothing_left(), open_tcp_server(peer) as server:
        with pytest.raises(HandshakeError, match="answered with b") as caught:
            async with open_websocket_url(
                "ws://192.0.2.1/", proxy=f"{scheme}://{user}@{server.authority}"
            ):
                pass
    assert "s3cret" not in str(caught.value).partition(" answered with ")[2]
