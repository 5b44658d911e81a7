from __future__ import annotations

import copy
import pickle
import ssl
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._urls import (
    Proxy,
    Target,
    make_target,
    parse_proxy,
    parse_target,
    parse_tcp_target,
)

SECRET = "sEcReT-77"


class UrlObject:
    """Like yarl.URL: no string, but str() makes one of it."""

    def __str__(self) -> str:
        return "wss://example.org/chat"


def everything_told(error: BaseException | None) -> str:
    """All text that a log with a traceback, or a debugger, could get out of an exception."""
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(error.args), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


# --- targets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "resource"),
    [
        ("ws://example.org", "ws", "example.org", 80, "/"),
        ("wss://example.org", "wss", "example.org", 443, "/"),
        ("WSS://EXAMPLE.org/Chat", "wss", "example.org", 443, "/Chat"),
        ("  ws://example.org/  ", "ws", "example.org", 80, "/"),
        ("ws://example.org:8080/a/b?c=d&e", "ws", "example.org", 8080, "/a/b?c=d&e"),
        ("ws://example.org:/", "ws", "example.org", 80, "/"),
        ("ws://example.org?c=d", "ws", "example.org", 80, "/?c=d"),
        ("ws://example.org./", "ws", "example.org", 80, "/"),
        ("ws://my_service:1/", "ws", "my_service", 1, "/"),
        ("ws://h/sp ace?q=a b", "ws", "h", 80, "/sp%20ace?q=a%20b"),
        ("ws://h/ä?ö=€", "ws", "h", 80, "/%C3%A4?%C3%B6=%E2%82%AC"),
        ("ws://h/%20%zz", "ws", "h", 80, "/%20%zz"),
        ("ws://h/a\\b|c", "ws", "h", 80, "/a%5Cb%7Cc"),
        ("ws://h/@me?to=a@b:c//d", "ws", "h", 80, "/@me?to=a@b:c//d"),
        ("ws://bücher.example/", "ws", "xn--bcher-kva.example", 80, "/"),
        ("ws://BÜCHER.example/", "ws", "xn--bcher-kva.example", 80, "/"),
        ("ws://b%C3%BCcher.example/", "ws", "xn--bcher-kva.example", 80, "/"),
        ("ws://XN--bcher-KVA.example/", "ws", "xn--bcher-kva.example", 80, "/"),
        ("ws://例え。テスト/", "ws", "xn--r8jz45g.xn--zckzah", 80, "/"),
        ("ws://127.0.0.1:65535/", "ws", "127.0.0.1", 65535, "/"),
        ("ws://127.0.0.1./", "ws", "127.0.0.1", 80, "/"),
        ("ws://web.1/", "ws", "web.1", 80, "/"),
        ("ws://[::1]/", "ws", "::1", 80, "/"),
        ("ws://[2001:DB8:0:0::1]:81/", "ws", "2001:db8::1", 81, "/"),
        ("ws://[fe80::1%25eth0]:81/", "ws", "fe80::1%eth0", 81, "/"),
        ("ws://[fe80::1%eth0]/", "ws", "fe80::1%eth0", 80, "/"),
    ],
)
def test_target(url: str, scheme: Any, host: str, port: int, resource: str) -> None:
    """A WebSocket URL becomes a target in the one spelling of each of its parts."""
    assert parse_target(url) == Target(scheme, host, port, resource)


@pytest.mark.parametrize(
    ("url", "username", "password"),
    [
        ("ws://user:pw@h/", "user", "pw"),
        ("ws://user@h/", "user", None),
        ("ws://user:@h/", "user", ""),
        ("ws://:pw@h/", "", "pw"),
        ("ws://@h/", None, None),
        ("ws://h/a:b@c", None, None),
        ("ws://us%C3%A9r:p%40s%3as%2F%23@h/", "usér", "p@s:s/#"),
        ("ws://usér:100%@h/", "usér", "100%"),
    ],
)
def test_target_credentials(url: str, username: str | None, password: str | None) -> None:
    """User name and password are taken out of the URL and decoded."""
    target = parse_target(url)
    assert (target.username, target.password, target.host) == (username, password, "h")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "scheme is missing"),
        ("example.org/chat", "scheme is missing"),
        ("//example.org/chat", "scheme is missing"),
        ("ws:example.org", "scheme is missing"),
        ("https://example.org/", "'https' is not supported; use ws:// or wss://"),
        ("tcp://example.org:1", "'tcp' is not supported"),
        ("ws://", "host is missing"),
        ("ws:///path", "host is missing"),
        ("ws://:80/", "host is missing"),
        ("ws://user:pw@/", "host is missing"),
        ("ws://h/#top", "no fragment"),
        ("ws://h#", "no fragment"),
        ("ws://h/?q#", "no fragment"),
        ("ws://h:0/", "out of range"),
        ("ws://h:65536/", "out of range"),
        ("ws://h:" + "9" * 5000 + "/", "out of range"),
        ("ws://h:8x/", "not a number"),
        ("ws://h:-1/", "not a number"),
        ("ws://h:٣/", "not a number"),
        ("ws://h:1:2/", "too many colons"),
        ("ws://::1/", "too many colons"),
        ("ws://[::1/", "IPv6 address is written"),
        ("ws://[::1]x/", "IPv6 address is written"),
        ("ws://[::g]/", "not an IPv6 address"),
        ("ws://[1.2.3.4]/", "not an IPv6 address"),
        ("ws://[fe80::1%25]x/", "IPv6 address is written"),
        ("ws://[fe80::1%]/", "not an IPv6 address"),
        ("ws://[fe80::1%a b]/", "not an IPv6 address"),
        ("ws://h/a\r\nX: y", "control characters"),
        ("ws://h\n/", "control characters"),
        ("ws://h/\x85", "control characters"),
        ("ws://h/\udcff", "not UTF-8"),
        ("ws://u%ff@h/", "not UTF-8"),
        ("ws://h%ff/", "not UTF-8"),
        ("ws://u%3Av:pw@h/", "user name with ':'"),
        ("ws://u:p%0Aw@h/", "control characters in the credentials"),
        ("ws://a b/", "not a valid name"),
        ("ws://a..b/", "not a valid name"),
        ("ws://./", "not a valid name"),
        ("ws://a%3Ab/", "not a valid name"),
        ("ws://a\\b/", "not a valid name"),
        ("ws://*.example.org/", "not a valid name"),
        ("ws://" + "a" * 64 + "/", "not a valid name"),
        ("ws://" + "a." * 127 + "aa/", "not a valid name"),
        ("ws://☃\u2044.example/", "not a valid name"),
        ("ws://" + "ü" * 300 + "/", "not a valid name"),
        ("ws://127.1/", "all four parts"),
        ("ws://0x7f.1/", "all four parts"),
        ("ws://0x7F.0.0.1/", "all four parts"),
        ("ws://2130706433/", "all four parts"),
        ("ws://010.0.0.1/", "all four parts"),
        ("ws://256.1.1.1/", "all four parts"),
        ("ws://１２７.1/", "all four parts"),
    ],
)
def test_target_refused(url: str, problem: str) -> None:
    """What is no usable WebSocket URL is a plain ValueError that says why."""
    with pytest.raises(ValueError) as info:
        parse_target(url)
    assert type(info.value) is ValueError
    assert problem in str(info.value)
    assert info.value.__context__ is None


def test_target_from_object() -> None:
    """A URL may be any object whose str() is one."""
    target = parse_target(UrlObject())  # type: ignore[arg-type]
    assert target == Target("wss", "example.org", 443, "/chat")


def test_target_unescaped_password_hint() -> None:
    """A '/' in the password, which ends the authority, is explained without showing any of it."""
    with pytest.raises(ValueError, match="%2F") as info:
        parse_target(f"wss://user:{SECRET}/x@example.org/")
    assert SECRET not in everything_told(info.value)
    assert "'wss://***@example.org/'" in str(info.value)


@pytest.mark.parametrize(
    ("url", "authority", "host_header", "shown"),
    [
        ("ws://h/", "h:80", "h", "ws://h/"),
        ("ws://h:443/", "h:443", "h:443", "ws://h:443/"),
        ("wss://h/a?token=1", "h:443", "h", "wss://h/a?…"),
        ("wss://h:80/", "h:80", "h:80", "wss://h:80/"),
        ("ws://[::1]/", "[::1]:80", "[::1]", "ws://[::1]/"),
        ("ws://[::1]:81/", "[::1]:81", "[::1]:81", "ws://[::1]:81/"),
        ("ws://[fe80::1%25e0]/", "[fe80::1]:80", "[fe80::1]", "ws://[fe80::1%e0]/"),
        ("ws://u:p@h/", "h:80", "h", "ws://h/"),
        ("ws://u:12/pw@h/", "u:12", "u:12", "ws://u:12/***@h/"),
    ],
)
def test_target_texts(url: str, authority: str, host_header: str, shown: str) -> None:
    """A target tells its authority, its Host header, and a URL without secrets."""
    target = parse_target(url)
    assert (target.authority, target.host_header) == (authority, host_header)
    assert target.url == str(target) == shown
    assert repr(target) == f"Target({shown!r})"


@pytest.mark.parametrize(
    ("scheme", "secure"), [("ws", False), ("wss", True), ("tcp", False), ("tls", True)]
)
def test_target_secure(scheme: Any, secure: bool) -> None:
    """TLS is spoken with wss and tls targets."""
    assert make_target(scheme, "h", 1).secure is secure


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (("ws", "H", 80), Target("ws", "h", 80)),
        (("wss", "::1", 1, "/x y"), Target("wss", "::1", 1, "/x%20y")),
        (("wss", "[::1]", 1, ""), Target("wss", "::1", 1)),
        (("tcp", "fe80::1%eth0", 1), Target("tcp", "fe80::1%eth0", 1)),
        (("tls", "bücher.example", 1, "?a"), Target("tls", "xn--bcher-kva.example", 1, "/?a")),
    ],
)
def test_make_target(arguments: Any, target: Target) -> None:
    """Parts become the same target as a URL, with IPv6 in or out of brackets."""
    assert make_target(*arguments) == target


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("ws", "", 80), ValueError),
        (("ws", "a b", 80), ValueError),
        (("ws", "a\n", 80), ValueError),
        (("ws", "a:1", 80), ValueError),
        (("ws", "[::1", 80), ValueError),
        (("ws", "127.1", 80), ValueError),
        (("ws", "h", 0), ValueError),
        (("ws", "h", 65536), ValueError),
        (("ws", "h", 80, "chat"), ValueError),
        (("ws", "h", 80, "/#a"), ValueError),
        (("ws", "h", 80, "/\r\n"), ValueError),
        (("ftp", "h", 80), ValueError),
        (("ws", b"h", 80), TypeError),
        (("ws", "h", "80"), TypeError),
        (("ws", "h", True), TypeError),
        (("ws", "h", 80, None), TypeError),
    ],
)
def test_make_target_refused(arguments: Any, error: type[Exception]) -> None:
    """Parts are checked as those of a URL are."""
    with pytest.raises(error):
        make_target(*arguments)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("tcp://example.org:5432", Target("tcp", "example.org", 5432)),
        ("TLS://[::1]:1/", Target("tls", "::1", 1)),
    ],
)
def test_tcp_target(url: str, target: Target) -> None:
    """tcp:// and tls:// name a host and a port."""
    assert parse_tcp_target(url) == target
    assert str(target) == url.lower().removesuffix("/")


@pytest.mark.parametrize(
    "url",
    ["tcp://h", "tcp://h:1/x", "tcp://h:1?x", "tcp://h:0", "tcp://u:p@h:1", "tls://", "ws://h:1"],
)
def test_tcp_target_refused(url: str) -> None:
    """tcp:// and tls:// have a port and nothing else."""
    with pytest.raises(ValueError):
        parse_tcp_target(url)


# --- proxies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("proxy", "http://proxy:80"),
        ("proxy:3128", "http://proxy:3128"),
        ("PROXY:3128", "http://proxy:3128"),
        ("proxy.:3128", "http://proxy:3128"),
        ("proxy:", "http://proxy:80"),
        ("127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("[::1]:3128", "http://[::1]:3128"),
        ("user:pw@proxy:3128", "http://user:***@proxy:3128"),
        ("user:pw@[::1]", "http://user:***@[::1]:80"),
        (" http://proxy \n", "http://proxy:80"),
        ("http://proxy/", "http://proxy:80"),
        ("http://@proxy", "http://proxy:80"),
        ("http://:@proxy", "http://proxy:80"),
        ("http://proxy", "http://proxy:80"),
        ("HTTPS://proxy", "https://proxy:443"),
        ("socks4://user@proxy", "socks4://user@proxy:1080"),
        ("socks4a://proxy", "socks4a://proxy:1080"),
        ("socks5://proxy", "socks5://proxy:1080"),
        ("SOCKS5H://proxy", "socks5h://proxy:1080"),
        ("socks://proxy", "socks5h://proxy:1080"),
        ("Socks://user:pw@proxy:1", "socks5h://user:***@proxy:1"),
        ("http://bücher.example", "http://xn--bcher-kva.example:80"),
        ("http://key@proxy", "http://***@proxy:80"),
        ("http://key:@proxy", "http://***@proxy:80"),
        ("http://:pw@proxy", "http://:***@proxy:80"),
        ("http://a%40b:pw@proxy", "http://a%40b:***@proxy:80"),
        ("http://[fe80::1%25eth0]:1", "http://[fe80::1%eth0]:1"),
    ],
)
def test_proxy(url: str, shown: str) -> None:
    """A proxy URL is read as curl, desktops and users mean it, and shown without secrets."""
    proxy = Proxy(url)
    assert proxy.url == str(proxy) == shown
    assert repr(proxy) == f"Proxy({shown!r})"
    assert parse_proxy(url, source="here") == proxy


@pytest.mark.parametrize(
    ("userinfo", "username", "password"),
    [
        ("user:pw", "user", "pw"),
        ("user", "user", None),
        ("user:", "user", ""),
        (":pw", "", "pw"),
        ("u%40x:p%3A%2F%3F%23%25", "u@x", "p:/?#%"),
        ("us%C3%A9r:pässword", "usér", "pässword"),
        ("user:a:b", "user", "a:b"),
        ("user:100%", "user", "100%"),
        ("user:a+b", "user", "a+b"),
    ],
)
def test_proxy_credentials(userinfo: str, username: str | None, password: str | None) -> None:
    """Credentials are percent-decoded as UTF-8; a lone '%' and a '+' stand for themselves."""
    proxy = Proxy(f"http://{userinfo}@proxy")
    assert (proxy.username, proxy.password) == (username, password)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("http://", "host is missing"),
        ("http://:3128", "host is missing"),
        ("http://user:pw@", "host is missing"),
        ("http://proxy:0", "out of range"),
        ("http://proxy:65536", "out of range"),
        ("http://proxy:http", "not a number"),
        ("http://proxy:3128/path", "remove the path"),
        ("http://proxy:3128?a", "remove the path, query"),
        ("http://proxy:3128/#", "fragment"),
        ("proxy:3128/x", "remove the path"),
        ("http:/proxy:3128", "remove the path"),
        ("http://proxy/proxy.pac", "PAC"),
        ("http://wpad/WPAD.dat", "PAC"),
        ("http://wpad/wpad.dat?x", "PAC"),
        ("pac+http://proxy/x", "PAC"),
        ("file:///etc/proxy.pac", "PAC"),
        ("http://pro xy:3128", "not a valid name"),
        ("http://pro\nxy:3128", "control characters"),
        ("http://proxy\udcff", "not UTF-8"),
        ("http://::1:3128", "brackets"),
        ("::1", "brackets"),
        ("http://127.1", "all four parts"),
        ("'http://proxy'", "quotation marks"),
        ('"proxy:3128"', "quotation marks"),
        ("proxy:3128:user:pw", "user:password@host:port"),
        (
            "ftp://proxy",
            (
                "proxy URL scheme 'ftp' is not supported; "
                "use http, https, socks4, socks4a, socks5 or socks5h"
            ),
        ),
        ("socks6://proxy", "'socks6' is not supported"),
        ("http://user:a/b@proxy", "%2F"),
        ("http://user:a?b@proxy", "%3F"),
        ("http://user:a#b@proxy", "%23"),
        ("http://user:a@b@proxy", "%40"),
        ("http://user:%ff@proxy", "not UTF-8"),
        ("http://a%3Ab:c@proxy", "user name with ':'"),
        ("http://a:b%00@proxy", "control characters in the credentials"),
        ("socks4://user:pw@proxy", "no passwords"),
        ("socks4a://us%00er@proxy", "NUL"),
        ("socks5://:pw@proxy", "without a user name"),
        (f"socks5://{'u' * 256}:p@proxy", "user name of more than 255 bytes"),
        (f"socks5h://u:{'%C3%A9' * 128}@proxy", "password of more than 255 bytes"),
    ],
)
def test_proxy_refused(url: str, problem: str) -> None:
    """What is no usable proxy URL is a ProxyConfigError with its source and the reason."""
    with pytest.raises(ProxyConfigError) as info:
        parse_proxy(url, source="environment variable https_proxy")
    assert str(info.value).startswith("environment variable https_proxy: ")
    assert problem in str(info.value)
    assert info.value.__context__ is None
    assert (info.value.proxy, info.value.hop, info.value.stage) == (None, None, "config")


@pytest.mark.parametrize("length", [255, 1])
def test_longest_socks5_credentials(length: int) -> None:
    """255 bytes of user name and of password are what RFC 1929 can carry."""
    proxy = Proxy(f"socks5://{'u' * length}:{'p' * length}@proxy")
    assert proxy.username is not None
    assert len(proxy.username) == length


@pytest.mark.parametrize(
    ("scheme", "is_socks", "resolves_locally"),
    [
        ("http", False, False),
        ("https", False, False),
        ("socks4", True, True),
        ("socks4a", True, False),
        ("socks5", True, True),
        ("socks5h", True, False),
    ],
)
def test_proxy_kinds(scheme: Any, is_socks: bool, resolves_locally: bool) -> None:
    """Only socks4 and socks5 leave the resolving to this machine."""
    proxy = Proxy(f"{scheme}://proxy")
    assert (proxy.is_socks, proxy.resolves_locally) == (is_socks, resolves_locally)


def test_proxy_authority() -> None:
    """The authority always has its port, brackets around IPv6, and no zone."""
    assert Proxy("proxy").authority == "proxy:80"
    assert Proxy("socks5://[fe80::1%25eth0]").authority == "[fe80::1]:1080"


def test_default_scheme() -> None:
    """A setting that is about SOCKS can give URLs without a scheme another meaning."""
    proxy = parse_proxy("proxy", source="socks_proxy", default_scheme="socks5h")
    assert proxy.url == "socks5h://proxy:1080"


def test_parse_proxy_returns_a_proxy_as_it_is() -> None:
    """A Proxy stands for itself."""
    proxy = Proxy("http://proxy")
    assert parse_proxy(proxy, source="here") is proxy


@pytest.mark.parametrize("value", [None, True, b"http://proxy", 3128, UrlObject()])
def test_proxy_of_another_type(value: Any) -> None:
    """A proxy URL is a string; anything else is a TypeError that shows its type alone."""
    with pytest.raises(TypeError, match=f"not {type(value).__name__}$"):
        parse_proxy(value, source="here")


def test_proxy_is_a_value() -> None:
    """Proxies are frozen, compared by value, hashed, copied and pickled."""
    proxy = Proxy("http://user:pw@proxy", headers={"X-Team": "a"})
    assert proxy == Proxy("HTTP://user:pw@PROXY:80/", headers=[(b"X-Team", b"a")])
    assert proxy != Proxy("http://user:other@proxy", headers={"X-Team": "a"})
    assert len({proxy, copy.copy(proxy), copy.deepcopy(proxy)}) == 1
    assert pickle.loads(pickle.dumps(proxy)) == proxy
    with pytest.raises(AttributeError):
        proxy.host = "other"  # type: ignore[misc]


def test_proxy_ssl_context() -> None:
    """A TLS context belongs to an https proxy, and nothing else will do as one."""
    context = ssl.create_default_context()
    assert Proxy("https://proxy", ssl_context=context).ssl_context is context
    for scheme in ("http", "socks5h"):
        with pytest.raises(ProxyConfigError, match="ssl_context is for https://"):
            Proxy(f"{scheme}://proxy", ssl_context=context)
    with pytest.raises(TypeError):
        Proxy("https://proxy", ssl_context=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "pairs"),
    [
        (None, ()),
        ({}, ()),
        ({"X-A": "b"}, ((b"X-A", b"b"),)),
        ([("X-A", b"\xff"), (b"X-A", "c")], ((b"X-A", b"\xff"), (b"X-A", b"c"))),
    ],
)
def test_proxy_headers(headers: Any, pairs: Any) -> None:
    """Headers are kept as pairs of bytes, in their order, repeated ones too."""
    assert Proxy("http://proxy", headers=headers).headers == pairs


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://proxy", [("X-A", f"{SECRET}\r\nX-B: c")]),
        ("http://proxy", [("X-A", f"{SECRET}€")]),
        ("http://proxy", [("X-A", f" {SECRET}")]),
        ("http://proxy", [(f"X-A: {SECRET}", "")]),
        ("http://proxy", [("", SECRET)]),
        ("http://proxy", [("Hö", SECRET)]),
        ("http://proxy", [("Host", SECRET)]),
        ("http://proxy", [(b"content-length", b"1")]),
        ("http://proxy", [("Transfer-Encoding", "chunked")]),
        ("socks5://proxy", [("X-A", SECRET)]),
    ],
)
def test_proxy_headers_refused(url: str, headers: Any) -> None:
    """Headers that h11 or CONNECT cannot take are refused, and their values not shown."""
    with pytest.raises(ProxyConfigError) as info:
        Proxy(url, headers=headers)
    assert SECRET not in everything_told(info.value)


def test_proxy_headers_of_another_type() -> None:
    """A header is made of strings or bytes."""
    with pytest.raises(TypeError):
        Proxy("http://proxy", headers=[("X-A", 5)])  # type: ignore[list-item]


anything = st.text(max_size=30)
# A ":" behind a lone secret would make a user name of it, and those may be shown; an "@" before
# it can make a valid URL in which the "secret" is the host.
inside = st.one_of(
    st.text(st.characters(exclude_characters="@:"), max_size=10),
    st.text("0aé/?#[]%. -\\\n\x00", max_size=10),
)
proxy_starts = st.one_of(
    anything,
    st.sampled_from(["http://", "https://", "socks5h://", "socks4://", "ftp://", "http:/", ""]),
)
target_starts = st.sampled_from(["ws://", "wss://", "WSS://", "https://", "ws:/", "", "ws:// "])
nearly_urls = st.text(string.ascii_lowercase + "0123456789:/@?#[]%. -\\\n\x00é", max_size=30)
SHAPES = ("{0}user:{1}@{2}", "{0}user:{1}%40{2}", "{0}{1}@{2}")


@given(proxy_starts, inside, inside, st.one_of(anything, nearly_urls), st.sampled_from(SHAPES))
def test_no_secret_is_told_about_a_proxy(
    start: str, before: str, after: str, end: str, shape: str
) -> None:
    """Whatever is written before an '@' in a proxy URL comes out nowhere."""
    text = shape.format(start, f"{before}{SECRET}{after}", end)
    try:
        proxy = parse_proxy(text, source="here")
    except ProxyConfigError as error:
        told = everything_told(error)
    else:
        told = f"{proxy} {proxy!r} {proxy.url} {proxy.authority}"
        if proxy.scheme.startswith("socks4"):
            told = ""  # a SOCKS4 user name is no secret
    assert SECRET.lower() not in told.lower()


@given(target_starts, inside, inside, st.one_of(anything, nearly_urls), st.sampled_from(SHAPES[:2]))
def test_no_secret_is_told_about_a_target(
    start: str, before: str, after: str, end: str, shape: str
) -> None:
    """Whatever is written before an '@' in a WebSocket URL comes out nowhere."""
    text = shape.format(start, f"{before}{SECRET}{after}", end)
    try:
        target = parse_target(text)
    except ValueError as error:
        told = everything_told(error)
    else:
        told = f"{target} {target!r} {target.url}"
        assert target.resource.startswith("/")
        assert target.resource.isascii()
    assert SECRET.lower() not in told.lower()


@given(st.one_of(anything, nearly_urls).map("ws://".__add__))
def test_parsing_a_target_twice_changes_nothing(url: str) -> None:
    """A target that was accepted is accepted again in its own spelling."""
    try:
        target = parse_target(url)
    except ValueError:
        return
    host = f"[{target.host}]" if ":" in target.host else target.host
    again = parse_target(f"ws://{host}:{target.port}{target.resource}")
    assert (again.host, again.port, again.resource) == (target.host, target.port, target.resource)
