"""Text from the network, made fit to be shown."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from trio_wsproxy._redaction import (
    escaped,
    kind_of,
    secret,
    shown_head_lines,
    shown_page,
    shown_setting,
    shown_subprotocols,
    shown_text,
    shown_url,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("\x1b[31mred\x9b2J\r\n", "?[31mred?2J??"),
        ("a\u202eb\u2066c\u200bd\u2028e\ud800f", "a?b?c?d?e?f"),
        ("x" * 201, "x" * 200 + "…"),
        ("", ""),
    ],
)
def test_shown_text(text: str, shown: str) -> None:
    """Nothing is left that a terminal obeys or a reader does not see."""
    assert shown_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://example.org/login", "https://example.org/login"),
        ("https://example.org:8443/@ada", "https://***@ada"),
        ("https://[::1]/@ada", "https://***@ada"),
        ("/cb?code=s3#s3", "/cb?…"),
        ("/cb#access_token=s3", "/cb#…"),
        ("//ada:s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3/s3@example.org/x", "//***@example.org/x"),
        ("//ada:s3?s3@example.org/x", "//***@example.org/x"),
        ("//a/\x1b]0;x\x9b", "//a/?]0;x?"),
        ("ws://h:1:ada:pw", "ws://h:1:***"),
        ("http://[2001:db8:1::1]:80/x", "http://[2001:db8:1::1]:80/x"),
        ("http://[::1]:80:ada:pw", "http://[::1]:80:***"),
        ("http://ada:pw@[2001:1:2::1]:80", "http://***@[2001:1:2::1]:80"),
    ],
)
def test_shown_reference(text: str, shown: str) -> None:
    """Of a URL that somebody sent no user information, query or fragment is shown."""
    assert shown_url(text) == shown


PIECES = [
    "//",
    "//:",
    "//a:b",
    ":",
    "@",
    "//@",
    "?",
    "a",
    "[",
    ":1",
    ":1:",
    "%40",
    " ",
    "-",
    "\n a",
]
LABELS = ["Location: ", "Proxy-Authenticate: negotiate ", "x-token"]


@pytest.mark.parametrize("shown", [shown_url, shown_page, shown_setting, shown_text, escaped])
@pytest.mark.parametrize("piece", PIECES)
def test_masking_takes_no_time(shown: Callable[[str], str], piece: str) -> None:
    """A text made to keep it busy does not, or this test would take minutes."""
    assert shown(piece * (65536 // len(piece))) is not None


@pytest.mark.parametrize("piece", [*PIECES, "negotiate ", "token", "\r\n"])
@pytest.mark.parametrize("label", LABELS)
def test_masking_a_head_takes_no_time(label: str, piece: str) -> None:
    """Nor does a head."""
    assert shown_head_lines(f"x\r\n{label}{piece * (65536 // len(piece))}\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Access denied", "Access denied"),
        ("no way to http://ada:s3@h/x?k=s3 today", "no way to http://***@h/x?… today"),
        ("really?\x1b[2J", "really?…"),
        ("x" * 300, "x" * 200 + "…"),
    ],
)
def test_shown_page(text: str, shown: str) -> None:
    """Of URLs among words no user information and no query is left."""
    assert shown_page(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.test, 10.0.0.0/8\x1b", "a.test, 10.0.0.0/8\\x1b"),
        ("::1,fe80:0:0:0:1:2:3:4/64,1:2:3::4%eth0,[2001:1:2::1]:80", None),
        ("h:80,*.a.test;b.test:1, a?c", None),
        ("a.test,http://ada:s3@b", "***@b"),
        ("a.test,h:3128:ada:s3,s3 s3", "a.test,h:3128:***"),
        ("a.test http://h:3128:ada:s3,b.test", "a.test http://h:3128:***"),
        ("http://[2001:1:2::1]:3128:ada:s3,b.test", "http://[2001:1:2::1]:3128:***"),
        ("fe80:3128:ada:s3", "fe80:3128:***"),
        ("h:3128:ada:s3@s3", "***@…"),
        ("a.test,http://h/?token=s3,s3", "a.test,http://h/?…"),
        ("h?token=s3", "h?…"),
        ("http://h#s3", "http://h#…"),
        ("http://h/?token=s3@s3", "***@…"),
        ("http://h/?s3,h:3128:ada:s3", "http://h/?…"),
        ("h:3128:ada:s3,http://h/?s3", "h:3128:***"),
    ],
)
def test_shown_setting(text: str, shown: str | None) -> None:
    """A list is shown as it was written, but for secrets in it and what is obeyed."""
    assert shown_setting(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 | Host: a"),
        (b"CONNECT a:443 HTTP/1.1\r\n\r\n", "CONNECT a:443 HTTP/1.1"),
        (b"GET /chat?token=s3 HTTP/1.1\r\n\r\n", "GET /chat?… HTTP/1.1"),
        (b"GET /? HTTP/1.1\r\n\r\n", "GET /?… HTTP/1.1"),
        (b"HTTP/1.1 101 \r\nVia: Authorization: y\n\n", "HTTP/1.1 101  | Via: Authorization: y"),
        (b"HTTP/1.1 101 \r\nX: Authorization: s3\n\n", "HTTP/1.1 101  | X: ***"),
        (b"x\r\nAuthorization: Bearer s3\r\nVia: z\r\n\r\n", "x | Authorization: *** | Via: z"),
        (b"x\r\nproxy-AUTHORIZATION:s3\r\n\r\n", "x | proxy-AUTHORIZATION: ***"),
        (b"x\r\nCookie: a=s3; b=s3\r\nCookie: s3\r\n\r\n", "x | Cookie: *** | Cookie: ***"),
        (b"x\r\nSet-Cookie : s3\r\n\r\n", "x | Set-Cookie : ***"),
        (
            b"x\r\nSet-Cookie: s3;\r\n  path=s3\r\n\ts3\nvia: z\r\n\r\n",
            "x | Set-Cookie: *** | via: z",
        ),
        (b"x\r\nLocation: wss://u:s3@b/c?d=s3#e\r\n\r\n", "x | Location: wss://***@b/c?…"),
        (b"x\r\nVia: //b/c@d, a?s3 z\r\n\r\n", "x | Via: //b/c@d, a?… z"),
        (b"x\r\nY: //b/c@d, a?s3 z\r\n\r\n", "x | Y: ***"),
        (b"x\r\nVia: //ada:s3/s3@h, z\r\n\r\n", "x | Via: //***@h, z"),
        (b"x\r\nLocation: /b#s3\r\nlink: </b>; x\r\n\r\n", "x | Location: /b#… | link: </b>; x"),
        (b"x\r\nLocation: //u:s3/s3@b/c d?s3 s3\r\n\r\n", "x | Location: //***@b/c d?…"),
        (b"x\r\nLocation:\r\n /b?s3\r\n s3\r\n\r\n", "x | Location: /b?…"),
        (
            b"x\r\nSet-Cookie2: s3\r\nX-Auth-Token: s3\r\n\r\n",
            "x | Set-Cookie2: *** | X-Auth-Token: ***",
        ),
        (b"x\r\nProxy-Authentication-Info: s3\r\n\r\n", "x | Proxy-Authentication-Info: ***"),
        (
            b'x\r\nProxy-Authenticate: Negotiate s3==, NTLM s3, Basic realm="a b"\r\n\r\n',
            'x | Proxy-Authenticate: Negotiate ***, NTLM ***, Basic realm="a b"',
        ),
        (b"x\r\nWWW-Authenticate: Negotiate, NTLM\r\n", "x | WWW-Authenticate: Negotiate, NTLM"),
        (b"x\r\nServer: \x1b[2J\xff\rz\r\n\r\n", "x | Server: ?[2J?z"),
        (b"x\r\nX y: s3\r\nDate: z\r\n\r\n", "x | X y: *** | Date: z"),
        (b"x\r\ns3 without a colon\r\nDate: z\r\n\r\n", "x | *** | Date: z"),
        (b"x\r\nX\xffy:s3:s3\r\n s3\r\n: s3\r\n\r\n", "x | X?y: *** | : ***"),
        (
            b"HTTP/1.1 200 a: b\r\n X: s3\r\nVia : z\r\n\r\n",
            "HTTP/1.1 200 a: b |  X: *** | Via : z",
        ),
        (b"x\r\nServer: " + b"z" * 1001, "x | Server: " + "z" * 1000 + "…"),
        (b"x\r\nSec-WebSocket-Protocol: bearer, s3\r\n", "x | Sec-WebSocket-Protocol: bearer, ***"),
    ],
)
def test_shown_head_lines(head: bytes, shown: str) -> None:
    """A head is shown line by line, without credentials, cookies and queries."""
    assert " | ".join(shown_head_lines(head)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("http://proxy:3128", "http://proxy:3128"),
        ("http://user:pw@proxy", "http://***@proxy"),
        ("user:pw@proxy", "***@proxy"),
        ("http://user:p@w@proxy", "http://***@proxy"),
        ("http://user:p/w?#@proxy", "http://***@proxy"),
        ("http://user:p\n@proxy", "http://***@proxy"),
        ("http:/user:pw@proxy", "***@proxy"),
        ("user:a://b@proxy", "***@proxy"),
        ("  http://user:pw@proxy ", "http://***@proxy"),
        ("http://user:pw%40proxy", "http://***@proxy"),
        ("ws://h/p?token=1", "ws://h/p?…"),
        ("ws://h/p#token=1", "ws://h/p#…"),
        ("proxy:3128:user:pw", "proxy:3128:***"),
        ("http://proxy:3128:user:pw", "http://proxy:3128:***"),
        ("h" * 300, "h" * 200 + "…"),
    ],
)
def test_shown_url(text: str, shown: str) -> None:
    """Everything that may be a secret is masked, whether the text is a URL or not."""
    assert shown_url(text) == shown


def test_escaped() -> None:
    """Whatever a terminal would obey is escaped, but for what is kept; all else is left."""
    assert escaped("\x1b[2J\x07\r\n\t\x7f\x9b1m\u202e\u2066\u2028\ud800") == (
        "\\x1b[2J\\x07\\r\\n\\t\\x7f\\x9b1m\\u202e\\u2066\\u2028\\ud800"
    )
    assert escaped("a\nb\tc\rd", keep="\n\t") == "a\nb\tc\\rd"
    for text in ("naïve 日本 ✓ \\x1b", "👩\u200d💻", "nb\u00a0sp"):
        assert escaped(text) == text


@pytest.mark.parametrize(
    ("offered", "shown"),
    [
        ("graphql-transport-ws, graphql-ws", None),
        ("v5.channel.k8s.io, v4.channel.k8s.io, channel.k8s.io", None),
        ("ocpp2.0.1, ocpp1.6, mqttv3.1, v12.stomp, wamp.2.json, MBWS.huawei.com, xmpp, sip", None),
        ("base64url.bearer.authorization.k8s.io.czNjcmV0", "base64url.bearer***"),
        ("bearer, correct", "bearer, ***"),
        ("access_token, s3,chat", "access_token, ***, chat"),
        ("realtime, openai-insecure-api-key.sk-s3", "realtime, openai-insecure-api-key***"),
        ("chat, eyJhbGciOiJIUzI1NiJ9.e30.s3", "chat, ***"),
        ("9f86d081884c7d659a2feaa0c55ad015", "***"),
    ],
)
def test_shown_subprotocols(offered: str, shown: str | None) -> None:
    """Names of subprotocols are shown, tokens in their place are not."""
    assert shown_subprotocols(offered) == (offered if shown is None else shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see http://h/?a=//ada:s3@b", "see http://h/?…"),
        ("http://ada:s3/s3@h/x", "http://***@h/x"),
        ("http://h/@ada", "http://h/@ada"),
        ("http://h:80/@ada http://[::1]:80/@ada", "http://h:80/@ada http://[::1]:80/@ada"),
        ("http://h:1:ada:s3 http://[::1]:1:ada:s3", "http://h:1:*** http://[::1]:1:***"),
        ("x//y//ada:s3@h", "x//y//***@h"),
        ("http:///ada:s3@h/x", "http:///***@h/x"),
        ("http://" + "s3" * 40000 + "@h", "…"),
        ("no http://ada:" + "s3" * 40000 + "@h", "no …"),
    ],
)
def test_urls_in_words(text: str, shown: str) -> None:
    """What may be a password is hidden whole, in a word that is too long as well."""
    assert shown_page(text).strip() == shown


def test_secrets_are_texts_that_hide() -> None:
    """A secret is its text in every respect but one; nobody sees it in a container either."""
    word, data = secret("s3cret"), secret(b"s3cret")
    assert (word, data) == ("s3cret", b"s3cret")
    assert (hash(word), hash(data)) == (hash("s3cret"), hash(b"s3cret"))
    assert (f"{word}", word.encode(), data.decode()) == ("s3cret", b"s3cret", "s3cret")
    assert "s3cret" not in repr([word, {data: (word,)}]) + str(data)
    for kept in (word, data):
        for other in (pickle.loads(pickle.dumps(kept)), copy.copy(kept), copy.deepcopy(kept)):
            assert type(other) is type(kept)
            assert other == kept
        assert secret(kept) is kept
    assert secret(None) is None


def test_a_text_that_hides_is_named_as_a_text() -> None:
    """Messages about the type of an argument name the type that was given."""
    assert [kind_of(secret(x)) for x in ("x", b"x", None)] == ["str", "bytes", "NoneType"]
    assert kind_of(5) == "int"
