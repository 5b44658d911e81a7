from __future__ import annotations

import re
import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_wsproxy._routing._bypass import (
    MAX_ENTRIES,
    MAX_LIST,
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
    bypass = parse_bypass(value, system=system)
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
        ("*", "", True),
        ("a*a", "a", False),
        ("a*b*a", "aba", True),
        ("a*b*a", "aa", False),
        ("*ab*ab*", "ab.ab", True),
        ("*ab*ab*", "ab.a", False),
        ("*a*b", "a.b.b", True),
        ("*.a", ".a", True),
        ("*.*", "a.b", True),
        ("*.*", "10.0.0.1", True),
        ("*", "::1", True),
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


@given(st.text("ab.*", max_size=12), st.text("ab.", max_size=16))
def test_pattern_is_what_an_expression_says(pattern: str, host: str) -> None:
    """The linear matcher agrees with a regular expression."""
    expression = ".*".join(map(re.escape, pattern.split("*")))
    assert PatternRule(pattern).covers(host) is bool(re.fullmatch(expression, host))


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
        ("*.example.org", "example.org", False),
        ("*.example.org", "www.example.org", True),
        ("*.example.org", "a.b.example.org", True),
        ("*.example.org", "notexample.org", False),
        ("*.bücher.example", "xn--bcher-kva.example", False),
        ("*.bücher.example", "www.xn--bcher-kva.example", True),
        ("*.org", "org", False),
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
        ("**", "example.org", True),
        ("*.*", "example.org", True),
        ("*.*", "intranet", False),
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
        assert not covered(value, host)
        assert len(parse_bypass(value).odd) == 1
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
    entry = parse_bypass("example.org:443")
    assert entry.find(parse_target("wss://example.org/")) is not None
    assert entry.find(parse_target("ws://example.org/")) is None


ODD = [
    "10.0.0.0/99",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.256/8",
    "10.0.0.0/24-26",
    "10.0.0.0/8:8080",
    "fd00::/129",
    "/8",
    "/",
    "example.org/",
    "example.org/8",
    "/var/run/docker.sock",
    "unix:///var/run/docker.sock",
    "C:\\ProgramData",
    "http://example.org",
    "https://example.org:443/",
    "//example.org",
    "[::1",
    "::1]",
    "[::1]x",
    "[::g]",
    "[1.2.3.4]",
    "::1::",
    ":8080",
    ":",
    "example.org:0",
    "example.org:65536",
    "example.org:https",
    "example.org:8000-9000",
    "example.org:*",
    "a:b:c",
    "192.168.",
    "10.",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "256.1.1.1",
    "10.0.0.1-10.0.0.254",
    "10.0.0.1-254",
    "10.0.0-5.1",
    "10.0.0.*-10.0.1.*",
    "fd00::1-fd00::9",
    "-",
    "--",
    "_",
    ".",
    "..",
    "*.",
    "..a",
    "a..b",
    "*..a",
    "a;b",
    "a|b",
    "=a",
    "(a)",
    "<foo>",
    "<loopback>",
    "exa[m]ple.org",
    "a?c",
    "*.a!*",
    "bü*er.example",
    "é" * 70,
    "a" * 64,
    "a" * 70_000,
    "*a" * 300,
    "\x00",
    "a\x1b[31m",
    "%eth0",
    "${NO}",
    "$NO_PROXY",
    "%NO_PROXY%",
    '"a.b"',
    "'a.b'",
    "`a.b`",
    "“a.b”",
    "‘a.b’",
    "„a.b“",
    "«a.b»",
    '"[::1]"',
    '["a.b"]',
    "{a.b}",
]


@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("entry", ODD, ids=lambda entry: ascii(entry)[:40])
def test_odd_entry(entry: str, system: bool) -> None:
    """An entry that makes no sense covers nothing and stops nothing, and is named."""
    separated = system and ";" in entry
    urls = system and "://" in entry and not entry.endswith("/") and "sock" not in entry
    bypass = parse_bypass(f"first.test,{entry} last.test", system=system)
    assert [rule.text for rule in bypass.entries if ".test" in rule.text] == [
        "first.test",
        "last.test",
    ]
    if separated or urls:
        return  # an entry there
    assert len(bypass.entries) == 2
    (odd,) = bypass.odd
    assert odd.text.isprintable()
    assert len(odd.text) < 300
    assert repr(odd.text) in bypass.oddities
    assert odd.problem in bypass.oddities


@pytest.mark.parametrize(
    ("value", "odd", "good"),
    [
        ("localhost,127.0.0.0/8,::1,/var/run/docker.sock", ["/var/run/docker.sock"], "127.9.9.9"),
        ('"a.b",c.d', ['"a.b"'], "c.d"),
        ('"a.b,x.y,c.d"', ['"a.b', 'c.d"'], "x.y"),
        ("a;b,c", ["a;b"], "c"),
        ('["a.b", "c.d"],e', ['["a.b"', '"c.d"]'], "e"),
        (":8080,h", [":8080"], "h"),
        ("${NO},h", ["${NO}"], "h"),
        ("10.0.0.1 - 10.0.0.254", ["-"], "10.0.0.254"),
        ("10.0.0.1-10.0.0.254,10.0.1.0/24", ["10.0.0.1-10.0.0.254"], "10.0.1.9"),
    ],
)
def test_good_neighbours(value: str, odd: list[str], good: str) -> None:
    """The neighbours of an odd entry count."""
    bypass = parse_bypass(value)
    assert [entry.text for entry in bypass.odd] == odd
    assert covered(value, good)
    assert not covered(value, "10.0.0.77")


@pytest.mark.parametrize(
    ("value", "odd", "good", "bad"),
    [
        ("172.19.0.0/40;*.local", "172.19.0.0/40", "a.local", "172.19.0.1"),
        ("<loopback>;a", "<loopback>", "a", "localhost"),
        (r"\\server;a", r"\\server", "a", "server"),
        ("http://*.corp/;a", "http://*.corp/", "a", "www.corp"),
        ("10.0.0.1-10.0.0.254;a", "10.0.0.1-10.0.0.254", "a", "10.0.0.2"),
    ],
)
def test_odd_entry_of_the_system(value: str, odd: str, good: str, bad: str) -> None:
    """So it is with the lists of Windows and macOS."""
    (entry,) = parse_bypass(value, system=True).odd
    assert entry.text == odd
    assert covered(value, good, system=True)
    assert not covered(value, bad, system=True)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("http://h", "a URL stands where a host belongs"),
        ("${NO}", "a variable was not put in"),
        ("“h”", "quotation marks are a part of it"),
        ("a;b", "commas or blanks go between entries"),
        (r"\\h", "a backslash is in no name"),
        ("10.0.0.1-9", "this is a range of addresses"),
        ("/x", "this is not a network"),
        ("127.1", "the host is a number but no IPv4 address"),
        ("h:x", "the port is not a number"),
        ("-", "there is no letter and no digit in it"),
    ],
)
def test_what_is_odd(entry: str, problem: str) -> None:
    """What is told of an odd entry is what is wrong with it."""
    (odd,) = parse_bypass(entry).odd
    assert odd.problem == problem
    assert (
        parse_bypass(entry).oddities == f"no sense can be made of {odd.text!r} ({problem}): ignored"
    )


@pytest.mark.parametrize(
    "name", ["1-2", "a-b.example", "10-0-0-1.example", "web.1", "_x", "3com.com"]
)
def test_names_that_are_nearly_odd(name: str) -> None:
    """Names with digits and hyphens are names."""
    assert not parse_bypass(name).odd
    assert covered(name, name)


def test_many_odd_entries() -> None:
    """Ten are named, the others counted."""
    told = parse_bypass(",".join(f"/{n}" for n in range(1, 1013))).oddities
    assert told.count("(this is not a network)") == 10
    assert told.endswith(", and 1,002 more: ignored")


@pytest.mark.parametrize("size", [9, 20])
def test_a_list_has_an_end(size: int) -> None:
    """What is behind the longest list is not read, nor is half an entry; that is told."""
    texts = [f"{n:0{size - 6}}.test" for n in range(MAX_LIST // size + 1)]
    bypass = parse_bypass(",".join(texts) + "x" * 100 + ",y")
    assert len(bypass.entries) == min(MAX_ENTRIES, MAX_LIST // size)
    assert [entry.text for entry in bypass.entries] == texts[: len(bypass.entries)]
    assert [entry.text for entry in bypass.odd] == ["…"]


def test_once_per_value() -> None:
    """A list is read once."""
    value = ",".join(f"h{n}.test" for n in range(100))
    assert parse_bypass(value) is parse_bypass("".join(value))


def test_entry_found_is_the_first() -> None:
    """Of several entries that cover a target, the first is the one named."""
    bypass = parse_bypass("a.example,example,*")
    entry = bypass.find(make_target("ws", "b.example", 80))
    assert entry is not None
    assert entry.text == "example"


def test_loopback_switch() -> None:
    """<-loopback>, in any case, is noticed and covers nothing."""
    bypass = parse_bypass("a,<-LOOPBACK>")
    assert bypass.proxies_loopback
    assert len(bypass.entries) == 1
    assert not parse_bypass("a").proxies_loopback


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
def test_any_text_is_a_list(value: str, system: bool) -> None:
    """Whatever stands in a list, reading it ends in a list, and what is odd can be shown."""
    bypass = parse_bypass(value, system=system)
    bypass.find(make_target("ws", "example.org", 80))
    bypass.find(make_target("ws", "fe80::1%eth0", 80))
    assert bypass.oddities.isprintable()


@given(st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_no_secret_is_told(before: str, after: str, system: bool) -> None:
    """A URL with a password that got into the list does not get into a message."""
    bypass = parse_bypass(f"{before}user:sEcReT-77@{after}", system=system)
    assert "sEcReT" not in f"{bypass.odd} {bypass.oddities} {bypass.shown}"
