"""What an unexpected HTTP answer proves about who sent it, and what to try."""

from __future__ import annotations

import pytest
from _cost import REPETITIONS, linear

from trio_wsproxy import ServerRejected
from trio_wsproxy._http._page import page_title
from trio_wsproxy._http._proof import refused_by_proxy, refused_by_server

SQUID = b"ERR_ACCESS_DENIED 0"
NGINX = (
    b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>"
    b"<body>...</body></html>"
)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"<html><head><title>Access\n denied</title>", "Access denied"),
        (b"<TITLE lang='de'>Zugang &amp; mehr</TITLE>", "Zugang & mehr"),
        (b"<title>\x1b[31mred\x07</title>", "?[31mred?"),
        (b"<title>" + b"x" * 200 + b"</title>", "x" * 80 + "…"),
        ("<title>Öffnen</title>".encode(), "Öffnen"),
        (b"<title></title>", None),
        (b"no page", None),
        (b"<title>cut of", None),
        (b"<titles>no</titles>", None),
        (
            b"<title>/chat?token=s3 &#155;[2J&#x202e; is not here</title>",
            "/chat?… ›[2J? is not here",
        ),
        pytest.param(b"<title>" * 9000, None, id="many"),  # or this would take seconds
        pytest.param(b"<title" * 9000, None, id="open"),
    ],
)
def test_page_title(body: bytes, title: str | None) -> None:
    """A title is one short line that commands no terminal."""
    assert page_title(body) == title


@pytest.mark.parametrize(
    ("status", "authority", "headers", "body", "hint"),
    [
        (403, "echo.test:443", [], b"", "its rules forbid echo.test:443: ask"),
        (403, "echo.test:8443", [], b"", "many proxies let nothing but port 443 through"),
        (403, "echo.test:80", [(b"x-squid-error", SQUID)], b"", "(ERR_ACCESS_DENIED)"),
        (
            503,
            "echo.test:443",
            [(b"X-Squid-Error", b"ERR_DNS_FAIL 0")],
            b"<title>ERROR: The requested URL could not be retrieved</title>",
            "known on this side only? (ERR_DNS_FAIL, page 'ERROR: The requested URL could not be r",
        ),
        (
            503,
            "[::1]:443",
            [(b"x-squid-error", b"ERR_DNS_FAIL 0")],
            b"",
            "found no address of [::1]:",
        ),
        (503, "e:443", [(b"x-squid-error", b"ERR_CONNECT_FAIL 111")], b"", "could not reach e:443"),
        (503, "e:443", [(b"retry-after", b"9")], b"", "or is too busy"),
        (502, "e:443", [], b"", "it could not reach e:443: is that server up"),
        (511, "e:443", [], b"<title>Log in</title>", "a captive portal? (page 'Log in')"),
        (302, "e:443", [(b"location", b"http://portal/")], b"", "a captive portal?"),
        (405, "e:443", [], b"", "it may not be a proxy"),
        (418, "e:443", [], b"", "see the error's .headers and .body"),
        (418, "e:443", [(b"x-squid-error", b"\x1b[31m")], b"", "(?[31m)"),
        (
            403,
            "e:443",
            [(b"content-type", b"text/plain; charset=utf-8")],
            b"Blocked by policy 17\r\n",
            "to be allowed ('Blocked by policy 17')",
        ),
        (
            429,
            "e:443",
            [(b"content-type", b"application/problem+json")],
            b'{"type": "about:blank", "detail": "monthly quota used up"}',
            "('monthly quota used up')",
        ),
    ],
)
def test_refused_by_proxy(
    status: int, authority: str, headers: list[tuple[bytes, bytes]], body: bytes, hint: str
) -> None:
    """What a proxy's refusal proves becomes what to try."""
    assert hint in str(refused_by_proxy(status, authority, headers, body))


@pytest.mark.parametrize(
    ("url", "status", "headers", "body", "hint"),
    [
        ("ws://e.test/", 400, [], NGINX, "it wants TLS: use wss://"),
        (
            "ws://e.test/",
            400,
            [],
            b"Client sent an HTTP request to an HTTPS server.\n",
            "it wants TLS: use wss://",
        ),
        ("ws://e.test/x", 301, [(b"location", b"https://e.test/x")], b"", "use wss://"),
        ("ws://e.test:80", 301, [(b"location", b"wss://e.test/")], b"", "wss:// and port 443"),
        ("ws://e.test:81", 301, [(b"location", b"wss://e.test:81")], b"", "TLS: use wss://"),
        ("ws://e.test/x", 301, [], b"<title>Moved</title>", "does not say where to"),
        ("wss://e.test/x", 308, [(b"location", b"")], b"", "does not say where to"),
        ("wss://e.test/x", 304, [], b"", None),
        ("ws://e.test/x", 201, [(b"location", b"https://e.test/x")], b"", None),
        ("ws://e.test/x", 500, [], NGINX, None),
        (
            "wss://e.test/",
            400,
            [(b"x-squid-error", b"ERR_INVALID_REQ 0")],
            b"",
            "(X-Squid-Error), one that stands before the server or inspects TLS",
        ),
        ("wss://e.test/", 200, [], b"<title>Hotel</title>", "on that path or port"),
        ("ws://e.test/x", 301, [(b"location", b"https://e.test.evil/x")], b"", None),
        ("ws://e.test/x", 302, [(b"location", b"https://e.test/login")], b"", None),
        ("ws://e.test/x?…", 308, [(b"location", b"https://e.test:8443/x?t=1")], b"", "port 8443"),
        ("ws://[::1]/", 301, [(b"location", b"https://[::1]")], b"", "use wss://"),
        ("wss://e.test/", 400, [], NGINX, None),
        (
            "ws://e.test/",
            400,
            [(b"x-squid-error", b"ERR_INVALID_REQ 0")],
            b"",
            "a proxy answered in its place (X-Squid-Error)",
        ),
        ("ws://e.test/", 407, [], b"", "a proxy answered in its place (status 407)"),
        ("ws://e.test/", 511, [], b"", "a captive portal"),
        ("ws://e.test/", 200, [], b"<title>Hotel</title>", "a web page ('Hotel') came instead"),
        ("ws://e.test/", 200, [(b"content-type", b"text/html; x")], b"", "a web page came instead"),
        ("ws://e.test/", 200, [(b"content-type", b"application/json")], b"{}", None),
        ("ws://e.test/", 403, [(b"via", b"1.1 cdn")], b"", None),
        ("wss://e.test/", 400, [(b"via", b"1.1 cdn")], b"", None),
        (
            "wss://e.test/",
            400,
            [(b"via", b"1.1 corp (squid/5.7)")],
            b"",
            "excluded from inspection",
        ),
    ],
)
def test_refused_by_server(
    url: str, status: int, headers: list[tuple[bytes, bytes]], body: bytes, hint: str | None
) -> None:
    """Who answered in the server's place is told, and nothing where nothing proves it."""
    told = refused_by_server(url, status, headers, body)
    if hint is None:
        assert told is None
    else:
        assert told is not None
        assert hint in str(told)
        error = ServerRejected(status, tuple(headers), body, url=url)
        assert str(told) in str(error)


REVERSE_PROXY = "a reverse proxy before it does not pass Upgrade on"
# What servers say to a request that has lost Upgrade or Connection.
SAY_SO = [
    b"Bad Request\nwebsocket: the client is not using the websocket protocol: 'upgrade' token not found",
    b'Can "Upgrade" only to "WebSocket".',
    b"No WebSocket UPGRADE hdr: None",
    b'"Connection" must be "Upgrade".',
    b"Expected Upgrade: websocket",
    b"Invalid Upgrade header",
    b"<html><body>Missing upgrade header</body></html>",
    b'{"error": "Upgrade required"}',
    b"Not a websocket request",
    b"not a valid WebSocket handshake request",
    b"Expected a WebSocket request",
]


@pytest.mark.parametrize("status", [400, 426])
@pytest.mark.parametrize("body", SAY_SO)
@pytest.mark.parametrize("version", [None, b"13", b"13, 8"])
def test_upgrade_is_lost(status: int, body: bytes, version: bytes | None) -> None:
    """A server that was not asked for a WebSocket stands behind a proxy that passes no Upgrade on."""
    headers = () if version is None else ((b"sec-websocket-version", version),)
    told = str(refused_by_server("wss://e.test/", status, headers, body))
    assert REVERSE_PROXY in told
    assert "wss://" not in told
    assert "wss:// keeps out" in str(refused_by_server("ws://e.test/", status, headers, body))


@pytest.mark.parametrize(
    ("status", "headers", "body", "hint"),
    [
        (426, [], b"", REVERSE_PROXY),
        (426, [(b"upgrade", b"websocket")], b"", REVERSE_PROXY),
        (426, [(b"upgrade", b"WebSocket, h2c")], b"", REVERSE_PROXY),
        (426, [(b"sec-websocket-version", b"8, 7")], b"", "another protocol version: 8, 7"),
        (400, [(b"sec-websocket-version", b"8")], b"", "another protocol version: 8"),
        (426, [(b"sec-websocket-version", b"\x1b[2J" * 99)], b"", "version: ?[2J"),
        (426, [(b"upgrade", b"TLS/1.2, HTTP/1.1")], b"", "it wants TLS: use wss://"),
        (426, [(b"upgrade", b"h2c")], b"", "it wants the protocol 'h2c'"),
        (400, [], b"Upgrade your plan", None),
        (400, [], b"please upgrade to the latest version", None),
        (400, [], b"upgraded", None),
        (400, [(b"sec-websocket-version", b"13")], b"Sec-WebSocket-Key is missing", None),
        (403, [], b"missing upgrade header", None),
        (400, [], b" " * 5000 + b"upgrade", None),
    ],
)
def test_versions_and_protocols(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, hint: str | None
) -> None:
    """Another version, another protocol and a lost Upgrade are told apart by what proves them."""
    told = refused_by_server("ws://e.test/", status, headers, body)
    assert hint in str(told) if hint is not None else told is None


@pytest.mark.parametrize("repetition", REPETITIONS)
def test_cost_is_linear(repetition: str) -> None:
    """However a page and a Location are filled, what they prove is found in what they weigh."""

    def read(text: str) -> None:
        data = text.encode()
        page_title(data)
        refused_by_server("ws://a/", 400, (), data)
        refused_by_server("ws://a/", 301, ((b"location", b"https://" + data),), b"")

    assert linear(read, repetition)


def test_titles_far_below() -> None:
    """A title is looked for where error pages have theirs."""
    assert page_title(b" " * 16_000 + b"<title>no</title>") == "no"
    assert page_title(b" " * 17_000 + b"<title>no</title>") is None
