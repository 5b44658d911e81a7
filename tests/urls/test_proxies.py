"""Proxy URLs, what else a proxy is made of, and what is refused."""

from __future__ import annotations

import copy
import pickle
import ssl
import sys
from typing import Any

import pytest
from _awkward import SECRET, SHAPES, UrlObject, anything, everything_told, inside, nearly_urls
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy import NegotiateAuth, NTLMAuth
from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._urls import (
    Proxy,
    parse_proxy,
    parse_shared_proxy,
)


@pytest.mark.parametrize(
    ("userinfo", "told"),
    [
        ("ada:s3@cret", "'@' stands unescaped before the host; write '@' as %40 inside"),
        ("ada:s3/cret", "'/' stands unescaped before the host; write '/' as %2F inside"),
        ("ada:s3?cret", "'?' stands unescaped before the host; write '?' as %3F inside"),
        ("ada:s3#cret", "'#' stands unescaped before the host; write '#' as %23 inside"),
        (
            "a@da:s3#cret",
            "'@' and '#' stand unescaped before the host; write '@' as %40 and '#' as",
        ),
        (
            "ada:s3%E9cret",
            "so é is %C3%A9 and not %E9; write a '%' that stands for itself as %25 (in",
        ),
    ],
)
def test_character_that_is_not_encoded(userinfo: str, told: str) -> None:
    """It is named with what to write for it; nothing else of the password is shown."""
    with pytest.raises(ProxyConfigError) as caught:
        Proxy(f"http://{userinfo}@proxy.corp")
    assert told in str(caught.value)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("character", "%:;,&=+$!*'()[]{}|^~\"<> é")
def test_character_that_needs_no_encoding(character: str) -> None:
    """Others are taken as they stand, as curl does; a '%' too, where no two digits follow."""
    assert Proxy(f"http://ada:s3{character}zz@proxy.corp").password == f"s3{character}zz"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("proxy", "http://proxy:80"),
        ("proxy:3128", "http://proxy:3128"),
        ("PROXY:3128", "http://proxy:3128"),
        ("proxy.:3128", "http://proxy.:3128"),
        ("127.0.0.1.:3128", "http://127.0.0.1:3128"),
        ("proxy:", "http://proxy:80"),
        ("127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("[::1]:3128", "http://[::1]:3128"),
        ("user:pw@proxy:3128", "http://user:***@proxy:3128"),
        ("user:pw@[::1]", "http://user:***@[::1]:80"),
        (" http://proxy \n", "http://proxy:80"),
        ("http://proxy/", "http://proxy:80"),
        ("http://@proxy", "http://proxy:80"),
        ("http://:@proxy", "http://:@proxy:80"),
        ("https://:@proxy", "https://:@proxy:443"),
        ("socks5h://:@proxy", "socks5h://:@proxy:1080"),
        ("socks4://:@proxy", "socks4://proxy:1080"),
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
        (":", "", ""),
        ("", None, None),
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
        ("http:/proxy:3128", "go on both sides of '://'"),
        ("http://proxy/proxy.js", "the address of a proxy auto-configuration (PAC) file"),
        ("http://proxy:3128/array.dll?Get.Routing.Script", "(PAC) file, name it in"),
        ("“http://proxy”", "quotation marks"),
        ("‘proxy:3128’", "quotation marks"),
        ("`proxy:3128`", "quotation marks"),
        ("http://user:p%E9@proxy", "UTF-8 is meant, so é is %C3%A9 and not %E9"),
        ("socks5h://caf%E9:pw@proxy", "UTF-8 is meant"),
        ("http://proxy/proxy.pac", "PAC"),
        ("http://wpad/WPAD.dat", "PAC"),
        ("http://wpad/wpad.dat?x", "PAC"),
        ("pac+http://proxy/x", "PAC"),
        ("file:///etc/proxy.pac", "PAC"),
        ("http://pro xy:3128", "there is a blank in the host"),
        ("http://pro%20xy:3128", "there is a blank in the host"),
        ("http:// proxy:3128", "there is a blank in the host"),
        ("http://proxy :3128", "there is a blank in the host"),
        ("http://pro\u00a0xy:3128", "there is a blank in the host"),
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
        ("http://good\\@evil", "%5C"),
        ("http://good\\user:a\\b@evil", "%5C"),
        ("http://\\user:pw@evil", "%5C"),
        ("http://pro\\xy", "backslash"),
        ("http://" + "a" * 65536, "too long"),
        ("hunter2://proxy", "scheme (not shown here) is not supported"),
        ("http://user:%ff@proxy", "not UTF-8"),
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


@pytest.mark.parametrize(
    ("userinfo", "problem"),
    [
        ("a%3Ab:s3cret", "Basic cannot carry a user name with ':' in it; Digest cannot carry"),
        ("a:s3cret%07", "Basic cannot carry control characters in the credentials; Digest cannot"),
    ],
)
def test_credentials_for_ntlm_alone(
    userinfo: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Basic and Digest cannot carry is taken where NTLM can; where it is missing, that is told."""
    pytest.importorskip("spnego")
    assert Proxy(f"http://{userinfo}@proxy").username in ("a:b", "a")
    monkeypatch.setitem(sys.modules, "spnego", None)
    with pytest.raises(ProxyConfigError) as caught:
        Proxy(f"http://{userinfo}@proxy")
    assert problem in str(caught.value)
    assert "NTLM can: pip install pyspnego" in str(caught.value)
    assert "s3cret" not in everything_told(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("auth", ["ntlm", ["Negotiate", "digest"], NTLMAuth(), NegotiateAuth()])
def test_schemes_for_the_credentials_of_the_url(auth: Any) -> None:
    """A proxy may name the schemes that the credentials of its URL are for."""
    proxy = Proxy("http://ada:s3cret@proxy", auth=auth)
    assert len(proxy.auth) in (1, 2)
    assert pickle.loads(pickle.dumps(proxy)) == proxy


PW = "hunter2"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        # swapped, and in all other orders
        (f"proxy.corp:3128@ada:{PW}", "***"),
        (f"http://proxy.corp:3128@ada:{PW}", "http://***"),
        (f"http://proxy.corp@ada:{PW}", "http://***"),
        ("ftp://proxy.corp:3128@ada.corp:1234", "ftp://***"),
        ("ftp://proxy@ada.corp:1234", "ftp://***"),
        (f"ada:{PW}:proxy.corp:3128", "***"),
        (f"http://ada:{PW}:proxy.corp:3128", "http://***"),
        (f"proxy.corp:3128:ada:{PW}", "***"),
        (f"[::1]:3128:ada:{PW}", "***"),
        (f"http://ada:{PW}", "http://***"),
        (f"ada:{PW}", "***"),
        ("ada:123456", "***"),
        (f"ada:{PW}/proxy.corp:3128", "***"),
        (f"ada/{PW}@proxy.corp:3128", "***"),
        (f"proxy.corp:3128/ada:{PW}", "proxy.corp:3128/…"),
        (f"proxy.corp:3128?{PW}", "proxy.corp:3128?…"),
        (f"proxy.corp:3128#{PW}", "proxy.corp:3128#…"),
        (f"proxy.corp:3128 ada:{PW}", "***"),
        (f"proxy.corp:3128,ada:{PW}", "***"),
        (f"proxy.corp;ada;{PW}", "***"),
        (f"ada {PW} proxy.corp", "***"),
        (f"http:/ada:{PW}", "***"),
        (f"http:ada:{PW}", "***"),
        (f"http//ada:{PW}@proxy.corp:3128", "***"),
        (f"://ada:{PW}@proxy.corp:3128", "***"),
        (f"http://http://ada:{PW}@proxy.corp:3128", "http://***"),
        (f"http://ada:{PW}@", "http://***"),
        (f"http://ada:{PW}%40proxy.corp", "http://***"),
        (f"http://ada:p@{PW}@proxy.corp:3128", "http://***"),
        (f"http://ada:{PW}\\@proxy.corp:3128", "http://***"),
        (f"http://\\ada:{PW}@proxy.corp:3128", "http://***"),
        (f"'ada:{PW}@proxy.corp:3128", "***@proxy.corp:3128"),
        (f"https_proxy=http://ada:{PW}@proxy.corp:3128", "***"),
        (f"{PW}://proxy.corp:3128", "***://proxy.corp:3128"),
        (f"{PW}://ada@proxy.corp:3128", "***://***"),
        (f"ftp://{PW}@proxy.corp:3128", "ftp://***"),
        # harmless, and proven to be
        (f"ftp://ada:{PW}@proxy.corp:3128", "ftp://***@proxy.corp:3128"),
        (f"htp://ada:{PW}@[::1]:3128", "htp://***@[::1]:3128"),
        ("htp://proxy:3128/", "htp://proxy:3128/"),
        ("http://proxy:65536", "http://***"),
        ("proxy:3128/path", "proxy:3128/…"),
        ("htp://BÜCHER.example", "htp://xn--bcher-kva.example"),
        ("ftp://", "ftp://"),
    ],
)
def test_only_what_is_harmless_is_shown(value: str, shown: str) -> None:
    """Of a malformed value nothing is shown that is not proven to be no credential."""
    with pytest.raises(ProxyConfigError) as info:
        parse_proxy(value, source="here")
    assert str(info.value).endswith(f"(in {shown!r})")
    assert PW not in everything_told(info.value)
    assert "1234" not in everything_told(info.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("http:/p:3128", "go on both sides of '://'; http://p:3128 was probably meant"),
        ("http:p:3128", "go on both sides of '://'; http://p:3128 was probably meant"),
        ("http:p.corp", "go on both sides of '://'; http://p.corp was probably meant"),
        ("http//p:3128", "http://p:3128 was probably meant"),
        ("http;//p:3128", "http://p:3128 was probably meant"),
        ("http:///p:3128", "http://p:3128 was probably meant"),
        ("http:://p:3128", "http://p:3128 was probably meant"),
        (r"http:\\p:3128", "http://p:3128 was probably meant"),
        (r"http:\p:3128", "http://p:3128 was probably meant"),
        ("SOCKS5:/p:1080", "SOCKS5://p:1080 was probably meant"),
        ("http://http://p:3128", "more than once; http://p:3128 was probably meant"),
        ("http://https://p:3128", "more than once; https://p:3128 was probably meant"),
        ("//p:3128", "the scheme is missing; http://p:3128 was probably meant"),
        ("://p:3128", "the scheme is missing; http://p:3128 was probably meant"),
        ("http=p:80;https=p:80", "how Windows names one proxy for each protocol; http://p:80 was"),
        ("http=p:80", "how Windows names one proxy for each protocol; http://p:80 was"),
        ("https=http://p.corp:80;ftp=q", "how Windows names one proxy for each"),
        ("https=p:80 ftp=q:21", "how Windows names one proxy for each protocol; http://p:80 was"),
        ("socks=p:1080", "how Windows names one proxy for each protocol; socks5h://p:1080 was"),
        ("PROXY p:80; DIRECT", "what a PAC file says; http://p:80 was probably meant"),
        ("PROXY p:80", "what a PAC file says; http://p:80 was probably meant"),
        ("HTTPS p:80; PROXY q:80", "what a PAC file says; https://p:80 was probably meant"),
        ("SOCKS p:80", "what a PAC file says; socks5h://p:80 was probably meant"),
        ("SOCKS5 p:80;DIRECT", "what a PAC file says; socks5h://p:80 was probably meant"),
        ("SOCKS4 p:80", "what a PAC file says; socks4a://p:80 was probably meant"),
        ("https_proxy=http://p:80", "the name of the variable is a part of the value; http://p:80"),
        ("${PROXY}", "a variable that was not put in"),
        ("$proxy", "a variable that was not put in"),
        ("%PROXY%", "a variable that was not put in"),
        ("http://p:80;", "a separator stands behind it; http://p:80 was probably meant"),
        ("p.corp,", "a separator stands behind it; p.corp was probably meant"),
        ("http://p:80,http://q:80", "one proxy goes here, and nothing behind it; http://p:80 was"),
        ("p:80 q:80", "one proxy goes here, and nothing behind it; p:80 was probably meant"),
        (f"http:/ada:{PW}@p.corp:3128", "; http://***@p.corp:3128 was probably meant"),
        (f"http=ada:{PW}", "how Windows names one proxy for each protocol (in"),
        (f"http:{PW}", "go on both sides of '://' (in"),
        (f"PROXY ada:{PW}", "what a PAC file says (in"),
        (f"PROXY {PW}", "what a PAC file says (in"),
        (f"{PW},", "a separator stands behind it (in"),
        (f"https_proxy={PW}", "the name of the variable is a part of the value (in"),
    ],
)
def test_what_was_meant(value: str, told: str) -> None:
    """Where a slip is likely, it is named, and what was meant, if that is harmless."""
    with pytest.raises(ProxyConfigError) as info:
        parse_proxy(value, source="here")
    assert told in str(info.value)
    assert PW not in everything_told(info.value)


@pytest.mark.parametrize(
    ("scheme", "meant"), [("htp", "http"), ("sock5", "socks5"), ("htttps", "https"), ("ftp", "")]
)
def test_scheme_that_was_meant(scheme: str, meant: str) -> None:
    """A scheme that is nearly one is said to be meant."""
    with pytest.raises(ProxyConfigError) as info:
        parse_proxy(f"{scheme}://proxy", source="here")
    assert (f"; {meant}:// was probably meant" in str(info.value)) is bool(meant)
    assert f"{scheme!r} is not supported" in str(info.value)


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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"socks4://ada:{PW}@p", "socks4://ada@p:1080"),
        (f"socks4a://ada:{PW}@p:1", "socks4a://ada@p:1"),
        (f"socks4a://:{PW}@p:1", "socks4a://p:1"),
    ],
)
def test_password_for_socks4(value: str, shown: str) -> None:
    """SOCKS4 has no passwords: in a shared setting one is passed over, in an argument refused."""
    proxy, passed_over = parse_shared_proxy(value, source="here")
    assert proxy.url == shown
    assert proxy.password is None
    assert passed_over.startswith("SOCKS4 has no passwords")
    assert PW not in repr((proxy.username, proxy.host))
    assert proxy == Proxy(shown)
    with pytest.raises(ProxyConfigError, match="SOCKS4 has no passwords"):
        parse_proxy(value, source="here")
    with pytest.raises(ProxyConfigError, match="SOCKS4 has no passwords"):
        Proxy(value)


@pytest.mark.parametrize("value", ["socks4://ada@p", "socks4://ada:@p", "http://ada:pw@p", "p"])
def test_shared_setting(value: str) -> None:
    """A setting in which nothing is too much is read as an argument is."""
    assert parse_shared_proxy(value, source="here") == (parse_proxy(value, source="here"), "")


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
    ("written", "name"),
    [
        (None, None),
        ("proxy.corp", "proxy.corp"),
        ("Proxy.CORP.", "proxy.corp"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("::1", "::1"),
        ("[2001:DB8::0]", "2001:db8::"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_proxy_server_hostname(written: str | None, name: str | None) -> None:
    """The name for TLS is read as any host is, and is a part of the value."""
    proxy = Proxy("https://10.0.0.1", server_hostname=written)
    assert proxy.server_hostname == name
    assert proxy == Proxy("https://10.0.0.1", server_hostname=name)
    assert pickle.loads(pickle.dumps(proxy)) == copy.deepcopy(proxy) == proxy
    assert (proxy.host, str(proxy)) == ("10.0.0.1", "https://10.0.0.1:443")
    if name is not None:
        other = Proxy("https://10.0.0.1")
        assert proxy != other
        assert len({proxy, other}) == 2
        assert repr(proxy) == f"Proxy('https://10.0.0.1:443', server_hostname={name!r})"


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "proxy.corp:443", "https://proxy.corp", "*.corp", "a b", "x/y", "[::1", "1.2"],
)
def test_proxy_server_hostname_that_is_none(name: str) -> None:
    """What is no name alone is refused, by the argument's name."""
    with pytest.raises(ProxyConfigError, match=r"^Proxy\(\): server_hostname: ") as caught:
        Proxy("https://ada:s3cret@10.0.0.1", server_hostname=name)
    assert "s3cret" not in str(caught.value)


def test_proxy_server_hostname_without_tls() -> None:
    """Without TLS to the proxy there is no name for it."""
    for scheme in ("http", "socks4", "socks5h"):
        with pytest.raises(ProxyConfigError, match=f"no TLS is spoken with a {scheme}:// proxy"):
            Proxy(f"{scheme}://proxy", server_hostname="proxy.corp")
    with pytest.raises(TypeError, match="server_hostname must be a str, not bytes"):
        Proxy("https://proxy", server_hostname=b"x")  # type: ignore[arg-type]


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


proxy_starts = st.one_of(
    anything,
    st.sampled_from(["http://", "https://", "socks5h://", "socks4://", "ftp://", "http:/", ""]),
)


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


@pytest.mark.parametrize("written", [r"CORP\ada:pw", r"CORP\ada", "CORP%5Cada:pw"])
def test_user_of_a_domain(written: str) -> None:
    """The backslash between a Windows domain and a user is taken as it is, as curl takes it."""
    assert Proxy(f"http://{written}@proxy.corp:3128").username == r"CORP\ada"


def test_setting_is_read_once() -> None:
    """What each dial finds in the environment is read once, but for passwords, which are not kept."""
    read = [parse_shared_proxy("proxy.test:3128", source="a test")[0] for _ in range(2)]
    assert read[0] is read[1]
    assert parse_shared_proxy("proxy.test:3128", source="a test", default_scheme="socks5h")[
        0
    ].is_socks
    kept = [parse_shared_proxy("ada:s3cret@proxy.test", source="a test")[0] for _ in range(2)]
    assert kept[0] == kept[1]
    assert kept[0] is not kept[1]
