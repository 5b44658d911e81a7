"""What a PAC script is asked, and how its answer is read."""

from __future__ import annotations

import pytest
from _cost import linear

from trio_wsproxy._routing._pac_answer import MAX_WAYS, parse_answer, question
from trio_wsproxy._urls import parse_any_target


def ways(text: str) -> list[str]:
    """The alternatives of an answer."""
    return [", ".join(hop.url for hop in way) or "DIRECT" for way in parse_answer(text)[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DIRECT", ["DIRECT"]),
        ("PROXY a:8080", ["http://a:8080"]),
        ("HTTP a:8080", ["http://a:8080"]),
        ("HTTPS a:8443", ["https://a:8443"]),
        ("SOCKS a:1080", ["socks4a://a:1080"]),
        ("SOCKS4 a:1080", ["socks4a://a:1080"]),
        ("SOCKS5 a:1080", ["socks5h://a:1080"]),
        ("PROXY a", ["http://a:80"]),
        ("PROXY a:", ["http://a:80"]),
        ("HTTPS a", ["https://a:443"]),
        ("SOCKS5 a", ["socks5h://a:1080"]),
        ("PROXY [2001:db8::1]:3128", ["http://[2001:db8::1]:3128"]),
        ("PROXY [::1]", ["http://[::1]:80"]),
        ("PROXY 192.0.2.1:1", ["http://192.0.2.1:1"]),
        ("proxy A.Example:1; direct", ["http://a.example:1", "DIRECT"]),
        ("  PROXY\ta:1  ;\n SOCKS5   b:2;;DIRECT ; ", ["http://a:1", "socks5h://b:2", "DIRECT"]),
        ("PROXY a:1;DIRECT", ["http://a:1", "DIRECT"]),
        ("PROXY a:1; PROXY a:1; DIRECT; DIRECT", ["http://a:1", "DIRECT"]),
        ("PROXY b\u00fccher.test:1", ["http://xn--bcher-kva.test:1"]),
        ("PROXY a_b:1", ["http://a_b:1"]),
    ],
)
def test_understood(text: str, expected: list[str]) -> None:
    """Each kind of proxy, in any case and with any blanks, is an alternative, once."""
    assert ways(text) == expected
    assert parse_answer(text)[1] == ()


@pytest.mark.parametrize(
    "element",
    [
        "FOO a:1",
        "PROXY",
        "PROXY :80",
        "PROXY a:0",
        "PROXY a:65536",
        "PROXY a:b",
        "PROXY http://a:80",
        "PROXY ada:pw@a:80",
        "PROXY a:80/path",
        "PROXY a:80?x",
        "PROXY a:80 b:80",
        "PROXY a:1,PROXY b:2",
        "PROXY 2001:db8::1",
        "PROXY a b",
        "PROXYa:80",
        "DIRECT please",
        "DIRECTLY",
        "undefined",
        "\x1b[31m",
        "PROXY " + "a" * 70_000,
        "PROXY \ud800:1",
    ],
)
def test_odd(element: str) -> None:
    """What makes no sense is passed over and told, escaped; alone it is no way at all."""
    assert ways(f"{element}; PROXY good:1") == ["http://good:1"]
    found, odd = parse_answer(element)
    assert found == ()
    assert len(odd) == 1
    assert "\x1b" not in odd[0]
    assert "pw" not in odd[0]
    assert len(odd[0]) < 400


@pytest.mark.parametrize("text", ["", " ", ";", " ; ;"])
def test_empty(text: str) -> None:
    """An empty answer is no way, and nothing is odd about it but that."""
    assert parse_answer(text) == ((), ())


def test_many() -> None:
    """More alternatives than anybody has are not read."""
    found, odd = parse_answer(";".join(f"PROXY p{number}:1" for number in range(5000)))
    assert len(found) == MAX_WAYS
    assert odd == (f"more than {MAX_WAYS} alternatives",)


@pytest.mark.parametrize("piece", [";", " ", "PROXY ", "[", ":", "a;", "\u2028", "PROXY a;", "@"])
def test_linear(piece: str) -> None:
    """Awkward repetitions take time that is linear in their length."""
    assert linear(parse_answer, piece)


@pytest.mark.parametrize(
    ("url", "asked", "host"),
    [
        ("wss://h.test/a?b", "wss://h.test/", "h.test"),
        ("wss://ada:pw@h.test:8443/a?b", "wss://h.test:8443/", "h.test"),
        ("ws://ada:pw@h.test/a?b", "ws://h.test/a?b", "h.test"),
        ("ws://h.test:80", "ws://h.test/", "h.test"),
        ("tcp://h.test:22", "https://h.test:22/", "h.test"),
        ("tls://h.test:443", "https://h.test/", "h.test"),
        ("wss://[2001:DB8::1]:8/", "wss://[2001:db8::1]:8/", "2001:db8::1"),
        ("wss://B\u00dcCHER.test", "wss://xn--bcher-kva.test/", "xn--bcher-kva.test"),
    ],
)
def test_question(url: str, asked: str, host: str) -> None:
    """A script is told scheme, host and port, and of ws:// the rest; never credentials."""
    assert question(parse_any_target(url)) == (asked, host)
