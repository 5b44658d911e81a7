from __future__ import annotations

from typing import Any

import pytest
from _desktops import SILENT, FakeAsker

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import ways_of
from trio_wsproxy._routing._desktop._asking import NoAnswer, NoProgram
from trio_wsproxy._routing._desktop._portal import read_portal
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._route import Trail

URL = "https://h.test:443/"
BUSCTL = '{"type":"as","data":[["http://p:3128","direct://"]]}\n'
DBUS_SEND = "   array [\n      http://p:3128\n      direct://\n   ]\n"


def read(answers: Any) -> DesktopSettings:
    """What the portal says, by whichever program."""
    return read_portal(FakeAsker(answers), (URL,))


def ways(*texts: str) -> list[list[str]]:
    """The URLs of the hops of each alternative."""
    settings = read({"gdbus": f"({list(texts)!r},)"})
    return [[hop.url for hop in hops] for hops in ways_of(settings, Trail())]


@pytest.mark.parametrize(
    "answers",
    [
        {"gdbus": "(['http://p:3128', 'direct://'],)\n", "busctl": "", "dbus-send": ""},
        {"busctl": BUSCTL, "dbus-send": ""},
        {"dbus-send": DBUS_SEND},
    ],
)
def test_programs(answers: Any) -> None:
    """Whichever program there is, it is asked the same and understood alike."""
    asker = FakeAsker(answers)
    settings = read_portal(asker, (URL,))
    assert [way.value for way in settings.ways] == ["http://p:3128", "direct://"]
    assert any(URL in argument for argument in asker.asked[-1])
    assert any("org.freedesktop.portal.ProxyResolver" in argument for argument in asker.asked[-1])
    assert settings.looks[0].value == "http://p:3128, direct://"


@pytest.mark.parametrize("answer", ["", "x", "()", "('a',)", "{}", "[]", "(['a'], ['b'])", "5"])
@pytest.mark.parametrize("program", ["gdbus", "busctl"])
def test_no_list(program: str, answer: str) -> None:
    """An answer that is no list of proxies is none, and none of it is told."""
    with pytest.raises(NoAnswer, match=r"^its answer is no list of proxies$"):
        read({program: answer})


def test_no_answer() -> None:
    """Without a program, or with a portal that does not answer, there is none."""
    with pytest.raises(NoProgram, match="none of gdbus, busctl and dbus-send is installed"):
        read({})
    with pytest.raises(NoAnswer, match="did not answer"):
        read({"gdbus": SILENT, "busctl": BUSCTL})


def test_ways() -> None:
    """Each alternative is a proxy or a direct connection; socks:// is version 5, with names at the proxy."""
    assert ways("http://p:3128", "socks://s:1080", "socks4a://t", "https://q", "direct://") == [
        ["http://p:3128"],
        ["socks5h://s:1080"],
        ["socks4a://t:1080"],
        ["https://q:443"],
        [],
    ]


def test_odd_ways() -> None:
    """What makes no sense is passed over and noted; where nothing else is left it is an error."""
    trail = Trail()
    settings = read({"gdbus": "(['ftp://p', 'http://p:1'],)"})
    assert [hop.url for [hop] in ways_of(settings, trail)] == ["http://p:1"]
    assert "passed over" in trail.notes[0]
    with pytest.raises(ProxyConfigError, match=r"^the sandbox's portal: proxy URL scheme 'ftp'"):
        ways_of(read({"gdbus": "(['ftp://p'],)"}), Trail())


def test_empty() -> None:
    """A portal that names no way has no settings, and that is noted."""
    settings = read({"gdbus": "(@as [],)"})
    assert settings.notes == (("the sandbox's portal", "it names no way"),)
    assert not settings.ways


def test_passwords() -> None:
    """A password in its answer is used, and not shown."""
    settings = read({"gdbus": "(['http://ada:pw@p:1'],)"})
    [[hop]] = ways_of(settings, Trail())
    assert hop.password == "pw"
    assert "pw" not in repr(settings)


def test_ws() -> None:
    """For ws the URL is asked about as http where it gets no proxy as https."""
    asker = FakeAsker({"gdbus": "(['direct://'],)"})
    settings = read_portal(asker, ("https://h.test:80/", "http://h.test:80/"))
    assert [arguments[-1] for arguments in asker.asked] == [
        "https://h.test:80/",
        "http://h.test:80/",
    ]
    assert [look.outcome for look in settings.looks] == [
        "its answer for https://h.test:80/",
        "its answer for http://h.test:80/",
    ]
    asker = FakeAsker({"gdbus": "(['http://p:1'],)"})
    read_portal(asker, ("https://h.test:80/", "http://h.test:80/"))
    assert len(asker.asked) == 1
