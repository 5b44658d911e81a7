from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._bypass import (
    AddressRule,
    AllRule,
    DomainRule,
    DotlessRule,
    NetworkRule,
    PatternRule,
    is_loopback,
    parse_bypass,
)
from trio_wsproxy._urls import make_target, parse_target


def covered(value: str, host: str, port: int = 443, *, system: bool = False) -> bool:
    """Read a list and ask it about a host."""
    bypass = parse_bypass(value, source="here", system=system)
    return bypass.find(make_target("wss", host, port)) is not None


# --- one rule of each kind ---------------------------------------------------------------


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "::1"])
def test_all_rule(host: str) -> None:
    """The rule "*" covers every host."""
    assert AllRule().covers(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("example.org", True),
        ("www.example.org", True),
        ("a.b.example.org", True),
        ("notexample.org", False),
        ("example.org.uk", False),
        ("org", False),
    ],
)
def test_domain_rule(host: str, expected: bool | None) -> None:
    """A domain rule covers the name itself and everything below it, at a label's edge."""
    assert DomainRule("example.org").covers(host) is expected


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("*.internal.*", "a.internal.b", True),
        ("*.internal.*", "internal.b", False),
        ("foo*.bar", "foo.bar", True),
        ("foo*.bar", "foobar.bar", True),
        ("foo*.bar", "xfoo.bar", False),
        ("foo*.bar", "foo.barx", False),
        ("a.b*", "a-b", False),
        ("192.168.*", "192.168.1.2", True),
        ("192.168.*", "::ffff:192.168.1.2", True),
        ("192.168.*", "192.169.1.2", False),
        ("10.*", "10.example.org", False),
        ("10.*", "10.9", False),
        ("*.1", "::1", False),
    ],
)
def test_pattern_rule(pattern: str, host: str, expected: bool | None) -> None:
    """In a pattern "*" stands for any characters; one of digits is about IPv4 addresses only."""
    assert PatternRule(pattern).covers(host) is expected


@pytest.mark.parametrize(
    ("address", "host", "expected"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.10", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("10.0.0.1", "example.org", False),
        ("2001:db8::1", "2001:db8:0:0::1", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("::1", "::2", False),
    ],
)
def test_address_rule(address: str, host: str, expected: bool | None) -> None:
    """Addresses are compared as addresses; a zone is no part of one."""
    assert AddressRule(ip_address(address)).covers(host) is expected


@pytest.mark.parametrize(
    ("network", "host", "expected"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "10.example.org", False),
        ("0.0.0.0/0", "1.2.3.4", True),
        ("0.0.0.0/0", "::2", False),
        ("fd00::/8", "fd12::1", True),
        ("fd00::/8", "fe12::1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("::/0", "1.2.3.4", False),
    ],
)
def test_network_rule(network: str, host: str, expected: bool | None) -> None:
    """A network rule covers the IP literals in the network, and no names."""
    assert NetworkRule(ip_network(network)).covers(host) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("intranet", True), ("example.org", False), ("10.0.0.1", False), ("::1", False)],
)
def test_dotless_rule(host: str, expected: bool | None) -> None:
    """<local> covers names without dots, and no IP literals."""
    assert DotlessRule().covers(host) is expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("app.localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("notlocalhost", False),
        ("localhost.example.org", False),
        ("127.example.org", False),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::2", False),
    ],
)
def test_is_loopback(host: str, expected: bool | None) -> None:
    """Loopback are localhost, names below it, 127.0.0.0/8 and ::1."""
    assert is_loopback(host) is expected


# --- no_proxy ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "host", "expected"),
    [
        # separators
        ("", "example.org", False),
        (",, ,", "example.org", False),
        ("a,b", "b", True),
        ("a b", "b", True),
        (" a ,\tb\n,c ", "c", True),
        # names
        ("example.org", "example.org", True),
        ("example.org", "www.example.org", True),
        ("example.org", "notexample.org", False),
        (".example.org", "example.org", True),
        (".example.org", "www.example.org", True),
        (".example.org", "notexample.org", False),
        ("*.example.org", "example.org", True),
        ("*.example.org", "www.example.org", True),
        ("*.example.org", "notexample.org", False),
        ("*example.org", "notexample.org", True),
        ("org", "example.org", True),
        ("my_service", "my_service", True),
        # spelling
        ("EXAMPLE.org", "example.ORG", True),
        ("example.org.", "example.org", True),
        ("example.org", "example.org.", True),
        ("*.example.org.", "www.example.org", True),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("xn--bcher-kva.example", "www.BÜCHER.example", True),
        ("*.bücher.*", "a.xn--bcher-kva.b", True),
        # everything
        ("*", "example.org", True),
        ("*", "::1", True),
        ("a,*", "example.org", True),
        # patterns
        ("*.internal.*", "a.internal.example", True),
        ("*.INTERNAL.*", "a.internal.example", True),
        ("foo*.bar", "foo1.bar", True),
        ("foo*.bar", "www.foo1.bar", False),
        (".foo*.bar", "www.foo1.bar", True),
        ("192.168.*", "192.168.0.1", True),
        # addresses
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "110.0.0.1", False),
        ("0.0.1", "10.0.0.1", None),
        ("::1", "0:0:0:0:0:0:0:1", True),
        ("[::1]", "::1", True),
        ("[2001:DB8::1]", "2001:db8::1", True),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("1.2.3.4", "::ffff:1.2.3.4", True),
        ("fe80::1%eth0", "fe80::1", True),
        # networks
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("10.0.0.0/255.0.0.0", "10.9.9.9", True),
        ("10/8", "10.9.9.9", True),
        ("169.254/16", "169.254.1.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("fd00::/8", "fd00::1", True),
        ("[fd00::]/8", "fd00::1", True),
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("10.0.0.0/8", "example.org", False),
        # others
        ("<local>", "intranet", True),
        ("<local>", "example.org", False),
        ("<-loopback>", "localhost", False),
    ],
)
def test_no_proxy(value: str, host: str, expected: bool | None) -> None:
    """The table of no_proxy: what is written, and which hosts it covers."""
    if expected is None:
        with pytest.raises(ProxyConfigError):
            parse_bypass(value, source="here")
    else:
        assert covered(value, host) is expected


@pytest.mark.parametrize(
    ("value", "host", "port", "expected"),
    [
        ("example.org:443", "example.org", 443, True),
        ("example.org:443", "www.example.org", 443, True),
        ("example.org:443", "example.org", 80, False),
        (".example.org:80", "example.org", 80, True),
        ("10.0.0.1:80", "10.0.0.1", 80, True),
        ("10.0.0.1:80", "10.0.0.1", 81, False),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("::1:80", "::1", 80, False),
        ("*:80", "example.org", 80, True),
        ("*:80", "example.org", 81, False),
        ("foo*.bar:80", "foo.bar", 80, True),
        ("example.org:", "example.org", 81, True),
    ],
)
def test_no_proxy_port(value: str, host: str, port: int, expected: bool | None) -> None:
    """An entry with a port covers that port only."""
    assert covered(value, host, port) is expected


def test_no_proxy_default_port() -> None:
    """An entry's port is compared with the scheme's own where the URL has none."""
    entry = parse_bypass("example.org:443", source="here")
    assert entry.find(parse_target("wss://example.org/")) is not None
    assert entry.find(parse_target("ws://example.org/")) is None


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/99",
        "10.0.0.0/",
        "10.0.0.256/8",
        "fd00::/129",
        "/8",
        "example.org/8",
        "http://example.org",
        "[::1",
        "[::1]x",
        "[::g]",
        "[1.2.3.4]",
        "::1::",
        "example.org:0",
        "example.org:65536",
        "example.org:https",
        "a:b:c",
        "192.168.",
        "127.1",
        "256.1.1.1",
        ".",
        "*.",
        "..a",
        "a..b",
        "a;b",
        "<foo>",
        "exa[m]ple.org",
        "a?c",
        "*.a!*",
        "bü*er.example",
        "é" * 70,
        "\x00",
        "%eth0",
    ],
)
def test_no_proxy_refused(entry: str) -> None:
    """An entry that makes no sense is an error that names the list and the entry."""
    with pytest.raises(ProxyConfigError) as info:
        parse_bypass(f"example.org, {entry}", source="environment variable no_proxy")
    assert str(info.value).startswith("environment variable no_proxy: ")
    assert repr(entry) in str(info.value)
    assert info.value.__context__ is None


def test_entry_found_is_the_first() -> None:
    """Of several entries that cover a target, the first is the one named."""
    bypass = parse_bypass("a.example,example,*", source="here")
    entry = bypass.find(make_target("ws", "b.example", 80))
    assert entry is not None
    assert entry.text == "example"


def test_loopback_switch() -> None:
    """<-loopback>, in any case, is noticed and covers nothing."""
    bypass = parse_bypass("a,<-LOOPBACK>", source="here")
    assert bypass.proxies_loopback
    assert len(bypass.entries) == 1
    assert not parse_bypass("a", source="here").proxies_loopback


# --- the list of an operating system -----------------------------------------------------


@pytest.mark.parametrize(
    ("value", "host", "expected"),
    [
        ("a;b", "b", True),
        ("example.org", "example.org", True),
        ("example.org", "www.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.example.org", "www.example.org", True),
        (".example.org", "www.example.org", True),
        ("*example.org", "notexample.org", True),
        ("192.168.*;<local>", "192.168.3.4", True),
        ("192.168.*;<local>", "intranet", True),
        ("192.168.*;<local>", "intra.net", False),
        ("https://example.org", "example.org", True),
        ("HTTP://*.example.org:443", "www.example.org", True),
        ("HTTP://*.example.org:80", "www.example.org", False),
        ("169.254/16;*.local", "169.254.7.7", True),
        ("169.254/16;*.local", "printer.local", True),
        ("fe80::/10", "fe80::1", True),
        ("*", "example.org", True),
    ],
)
def test_system_list(value: str, host: str, expected: bool | None) -> None:
    """In the lists of Windows and macOS a name covers itself alone, and ';' separates."""
    assert covered(value, host, system=True) is expected


# --- all of it ---------------------------------------------------------------------------


def test_nothing_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule asks a resolver, neither for its own name nor for the host's."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a name was resolved")

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "getfqdn", "gethostbyaddr"):
        monkeypatch.setattr(socket, name, refuse)
    everything = "a.example,10.0.0.1,10.0.0.0/8,foo*.bar,[::1]:80,<local>"
    for system in (False, True):
        assert not covered(everything, "example.org", system=system)


@given(st.one_of(st.text(), st.text("a1.*:/[]<>-%;@ ,é")), st.booleans())
def test_any_text_is_a_list_or_an_error(value: str, system: bool) -> None:
    """Whatever stands in a list, reading it ends in a list or in a ProxyConfigError."""
    try:
        bypass = parse_bypass(value, source="here", system=system)
    except ProxyConfigError as caught:
        context = caught.__context__
    else:
        context = None
        bypass.find(make_target("ws", "example.org", 80))
        bypass.find(make_target("ws", "fe80::1%eth0", 80))
    assert context is None


@given(st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_no_secret_is_told(before: str, after: str, system: bool) -> None:
    """A URL with a password that got into the list does not get into a message."""
    told = ""
    try:
        parse_bypass(f"{before}user:sEcReT-77@{after}", source="here", system=system)
    except ProxyConfigError as error:
        told = f"{error} {error!r} {vars(error)}"
    assert "sEcReT" not in told
