"""WebSocket URLs, tcp:// and tls:// URLs, and the parts of one: what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest
from _awkward import SECRET, SHAPES, UrlObject, anything, everything_told, inside, nearly_urls
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._urls import Target, make_target, parse_any_target, parse_target
from trio_wsproxy._urls._targets import parse_http_target, parse_tcp_target


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
        ("ws://EXAMPLE.org./", "ws", "example.org.", 80, "/"),
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
        ("ws://[::1%25eth0]/", "ws", "::1%eth0", 80, "/"),
        ("ws://good?@evil", "ws", "good", 80, "/?@evil"),
        ("ws://good/\\@evil", "ws", "good", 80, "/%5C@evil"),
        ("ws://a%2Eb/", "ws", "a.b", 80, "/"),
        ("ws://%31%32%37.0.0.1/", "ws", "127.0.0.1", 80, "/"),
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
        ("", "it is empty; a URL here starts with ws:// or wss://"),
        ("example.org/chat", "scheme is missing"),
        ("//example.org/chat", "ws:// or wss://; wss://example.org was probably meant"),
        ("example.org:8443/chat?s3cret", "; wss://example.org:8443 was probably meant"),
        ("localhost:8000", "; ws://localhost:8000 was probably meant"),
        ("127.0.0.1", "; ws://127.0.0.1 was probably meant"),
        ("[::1]:80/", "; ws://[::1]:80 was probably meant"),
        ("ws:example.org", "scheme is missing"),
        (
            "ws:/example.org/chat",
            "'://' goes between the scheme and the host; ws://example.org was",
        ),
        ("WSS//example.org?s3cret", "; wss://example.org was probably meant"),
        ("wss:\\\\example.org", "; wss://example.org was probably meant"),
        ("ws;//localhost:8080", "; ws://localhost:8080 was probably meant"),
        ("ws:://example.org", "; ws://example.org was probably meant"),
        ("http:/example.org", "; ws://example.org was probably meant"),
        ("https//example.org", "; wss://example.org was probably meant"),
        ("ws:/us er", "'://' goes between the scheme and the host"),
        ("://example.org", "; wss://example.org was probably meant"),
        ("http://example.org/", "use ws:// or wss://; ws:// was probably meant"),
        (
            "https://example.org/",
            "'https' is not supported; use ws:// or wss://; wss:// was probably",
        ),
        ("wsss://example.org/", "; wss:// was probably meant"),
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
        ("ws://a b/", "there is a blank in the host"),
        ("ws://a..b/", "not a valid name"),
        ("ws://./", "not a valid name"),
        ("ws://a%3Ab/", "not a valid name"),
        ("ws://a\\b/", "backslash"),
        ("ws://good\\@evil/", "backslash"),
        ("ws://good\\evil/", "backslash"),
        ("ws://u:p\\w@h/", "%5C"),
        ("ws://h\\/@evil/", "backslash"),
        ("ws:\\\\h/", "'://' goes between the scheme and the host; ws://h was"),
        ("ws:/\\h/", "scheme is missing"),
        ("ws://good#@evil", "no fragment"),
        ("ws://good /@evil/", "there is a blank in the host"),
        ("ws://good @evil/", "a blank before the host"),
        ("ws://good\t@evil/", "control characters"),
        ("ws://go\rod/", "control characters"),
        ("ws://good\x00@evil/", "control characters"),
        ("ws://good\u2028evil/", "there is a blank in the host"),
        ("ws://good／@evil/", "looks like one of"),
        ("ws://good＠evil/", "looks like one of"),
        ("ws://good：80/", "looks like one of"),
        ("ws://good＃@evil/", "looks like one of"),
        ("ws://good？@evil/", "looks like one of"),
        ("ws://good＼@evil/", "looks like one of"),
        ("ws://good℀.evil/", "looks like one of"),
        ("ws://a%2Fb/", "not a valid name"),
        ("ws://good%40evil/", "not a valid name"),
        ("ws://good%5C@evil%5c/", "not a valid name"),
        ("ws://good%5Cevil/", "not a valid name"),
        ("ws://good%23/", "not a valid name"),
        ("ws://good%00/", "not a valid name"),
        ("ws://good%EF%BC%8Fevil/", "not a valid name"),
        ("ws://good%252Fevil/", "not a valid name"),
        ("ws://%5B::1%5D/", "too many colons"),
        ("ws:///evil/", "host is missing"),
        ("ws:////evil/", "host is missing"),
        ("ws://127.0.0.1%2f/", "not a valid name"),
        ("ws://0X7F.1/", "all four parts"),
        ("ws://0x/", "all four parts"),
        ("ws://1.2.3.4.5/", "all four parts"),
        ("ws://127.1./", "all four parts"),
        ("ws://0177.0.0.01/", "all four parts"),
        ("ws://h/" + "a" * 65536, "too long"),
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


def test_a_target_that_nobody_reads_to_its_end() -> None:
    """A message shows the beginning of what is much too long, and not 100,000 characters."""
    with pytest.raises(ValueError, match="it is too long; a URL has at most 65,536") as info:
        parse_target("ws://h/" + "x" * 100_000)
    assert "'ws://h/xxx" in str(info.value)
    assert len(str(info.value)) < 1_000


def test_target_from_object() -> None:
    """A URL may be any object whose str() is one."""
    target = parse_target(UrlObject())  # type: ignore[arg-type]
    assert target == Target("wss", "example.org", 443, "/chat")


@pytest.mark.parametrize(
    ("between", "hint"),
    [
        ("/", "write '/' as %2F inside"),
        ("?", "write '?' as %3F inside"),
        ("#", "write '#' as %23 inside"),
        ("#@/", "write '@' as %40 and '/' as %2F and '#' as %23 inside"),
    ],
)
def test_target_unescaped_password_hint(between: str, hint: str) -> None:
    """What ends the authority in a password is named, with its encoding, and nothing else of it."""
    with pytest.raises(ValueError, match="inside a user name") as info:
        parse_target(f"wss://user:{SECRET}{between}x@example.org/")
    assert SECRET not in everything_told(info.value)
    assert hint in str(info.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://ada:hunter2", "ws://ada:***"),
        ("ws://ada:hunter2/x", "ws://ada:***"),
        ("ws://ada:hunter2:h:80/", "ws://ada:***"),
        ("ws://h:80:ada:hunter2/", "ws://h:***"),
        ("ws://h:80@ada:hunter2/", "ws://***@ada:***"),
        ("ws:ada:hunter2", "ws:***"),
        ("ada:hunter2", "ada:***"),
        ("http://ada:hunter2/", "http://ada:***"),
        ("ws://ada hunter2/", "ws://ada ***"),
        ("ws://ada;hunter2:h/", "ws://ada;***"),
        ("ws://ada:123456/", "ws://ada:***"),
        ("http://h:8080/chat", "http://h:8080/chat"),
        ("ws://h:70000/chat", "ws://h:70000/chat"),
        ("ws://::1/chat", "ws://::1/chat"),
        ("ws://[::g]:80/", "ws://[::g]:80/"),
        ("ws://a..b/chat", "ws://a..b/chat"),
    ],
)
def test_what_may_be_a_password_is_not_shown(url: str, shown: str) -> None:
    """Of a malformed URL nothing is shown that stands where a password may."""
    with pytest.raises(ValueError) as info:
        parse_target(url)
    assert repr(shown) in str(info.value)
    assert "hunter2" not in everything_told(info.value)


@pytest.mark.parametrize("host", ["ada:hunter2", "ada:hunter2@h", "ada hunter2", "a,hunter2"])
def test_nor_of_a_host(host: str) -> None:
    """So it is with a host."""
    with pytest.raises(ValueError, match=r"\*\*\*") as info:
        make_target("ws", host, 80)
    assert "hunter2" not in everything_told(info.value)


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
        ("ws://h./", "h.:80", "h.", "ws://h./"),
        ("wss://h.:1/", "h.:1", "h.:1", "wss://h.:1/"),
        ("ws://u:12/pw@h/", "u:12", "u:12", "ws://u:12/***@h/"),
        ("ws://ada:/top/secret?!@h", "ada:80", "ada", "ws://ada/***@?…"),
        ("ws://ada:/top?sec/ret!@h/", "ada:80", "ada", "ws://ada/***@?…"),
        ("ws://ada?secret@h/x", "ada:80", "ada", "ws://ada/***@?…"),
        ("ws://ada:1/top/secret%40h", "ada:1", "ada:1", "ws://ada:1/***@h"),
        ("ws://ada:1?secret%40h/x", "ada:1", "ada:1", "ws://ada:1/***@?…"),
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


target_starts = st.sampled_from(["ws://", "wss://", "WSS://", "https://", "ws:/", "", "ws:// "])


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


@pytest.mark.parametrize("host", ["example.org:80", "ada:pw@example.org", "127.0.0.1:1"])
def test_host_with_a_port(host: str) -> None:
    """A port in the place of a host alone is called that, and no broken IPv6 address."""
    with pytest.raises(ValueError, match="a host goes here alone, without a port"):
        make_target("ws", host, 80)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.ORG/a?b=c#d", Target("https", "example.org", 443, "/a?b=c")),
        (" http://[::1]:8080 ", Target("http", "::1", 8080)),
        ("HTTP://bücher.example", Target("http", "xn--bcher-kva.example", 80)),
        ("https://u:p@h", Target("https", "h", 443, "/", "u", "p")),
    ],
)
def test_http_url(url: str, target: Target) -> None:
    """http:// and https:// name a server; what is behind # is not sent, so it does not matter."""
    assert parse_http_target(url) == target


@pytest.mark.parametrize(
    "url", ["http://", "https:///x", "http://h:0", "ws://h", "h", "http://h:x"]
)
def test_malformed_http_url(url: str) -> None:
    """What is no such URL is refused."""
    with pytest.raises(ValueError):
        parse_http_target(url)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        (" WSS://h/a", Target("wss", "h", 443, "/a")),
        ("http://h#x", Target("http", "h", 80)),
        ("tls://h:5", Target("tls", "h", 5)),
    ],
)
def test_any_url(url: str, target: Target) -> None:
    """Whatever there is a way to is read by its scheme."""
    assert parse_any_target(url) == target


ALL = "ws://, wss://, http://, https://, tcp:// or tls://"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", f"it is empty; a URL here starts with {ALL}"),
        (
            "h.test",
            f"the scheme is missing; a URL here starts with {ALL}; wss://h.test was probably meant",
        ),
        (
            "http:/h.test",
            "'://' goes between the scheme and the host; http://h.test was probably meant",
        ),
        ("htp://h", f"the scheme 'htp' is not supported; use {ALL}; http:// was probably meant"),
        ("ftp://h", f"the scheme 'ftp' is not supported; use {ALL}"),
        ("ws\n://h", "there are control characters"),
        ("x" * 100_000, "it is too long"),
        ("http://", "the host is missing"),
        ("ada:s3cret@h", "a URL here starts with"),
    ],
)
def test_malformed_any_url(url: str, problem: str) -> None:
    """All schemes are named where none of them is there, and nothing that may be secret."""
    with pytest.raises(ValueError, match=r"^URL '") as caught:
        parse_any_target(url)
    assert problem in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_http_target() -> None:
    """Ports, TLS and URL of a target of HTTP are those of its scheme."""
    plain, secure = make_target("http", "h", 80), make_target("https", "h", 443)
    assert (plain.secure, secure.secure) == (False, True)
    assert (plain.url, secure.url) == ("http://h/", "https://h/")
    assert make_target("https", "h", 80).url == "https://h:80/"
    assert (plain.host_header, secure.host_header) == ("h", "h")
