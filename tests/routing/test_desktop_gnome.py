from __future__ import annotations

from typing import Any

import pytest
from _desktops import SILENT, FakeAsker, gsettings

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import exceptions_of, proxy_of
from trio_wsproxy._routing._desktop._asking import NoAnswer, NoProgram
from trio_wsproxy._routing._desktop._gnome import read_gnome
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._route import Trail
from trio_wsproxy._urls import parse_any_target, parse_target


def read(**changes: str) -> DesktopSettings:
    """Settings in which http_host is the key host of http."""
    keys = {name.replace("__", " ").replace("_", "-"): value for name, value in changes.items()}
    return read_gnome(FakeAsker({"gsettings": gsettings(keys)}))


def proxy(settings: DesktopSettings, url: str = "wss://h.test") -> str | None:
    """The URL of the proxy for a target, with its password."""
    found, _ = proxy_of(settings, parse_any_target(url), Trail())
    if found is None:
        return None
    return found.url.replace("***", found.password or "")


def manual(**changes: str) -> DesktopSettings:
    """The same in mode manual."""
    return read(mode="'manual'", **changes)


def test_defaults() -> None:
    """A GNOME in which nobody has set anything has no proxy, and says why."""
    settings = read()
    assert not settings.proxies
    assert settings.pac is None
    assert [str(look) for look in settings.looks] == [
        "GNOME's settings, org.gnome.system.proxy mode = 'none': no proxy"
    ]


@pytest.mark.parametrize(
    ("changes", "url", "expected"),
    [
        ({"https__host": "'p'", "https__port": "3128"}, "wss://h.test", "http://p:3128"),
        ({"https__host": "'p'", "https__port": "3128"}, "ws://h.test", "http://p:3128"),
        ({"https__host": "'p'"}, "wss://h.test", "http://p:80"),
        ({"socks__host": "'s'", "https__host": "'p'"}, "wss://h.test", "socks5h://s:1080"),
        ({"socks__host": "'s'", "socks__port": "9050"}, "tcp://h.test:1", "socks5h://s:9050"),
        # use-same-proxy is on unless somebody has switched it off.
        ({"http__host": "'p'"}, "wss://h.test", "http://p:8080"),
        ({"http__host": "'p'"}, "tls://h.test:1", "http://p:8080"),
        ({"http__host": "'p'", "use_same_proxy": "false"}, "wss://h.test", None),
        ({"http__host": "'p'", "use_same_proxy": "false"}, "ws://h.test", "http://p:8080"),
        ({"http__host": "'p'", "https__host": "'q'"}, "wss://h.test", "http://q:80"),
        ({"http__host": "'p'", "socks__host": "'s'"}, "wss://h.test", "socks5h://s:1080"),
        ({"ftp__host": "'p'", "ftp__port": "1"}, "wss://h.test", None),
        # As people fill these fields in.
        ({"https__host": "' p.corp '", "https__port": "1"}, "wss://h.test", "http://p.corp:1"),
        ({"https__host": "'http://p'", "https__port": "1"}, "wss://h.test", "http://p:1"),
        ({"https__host": "'https://p/'", "https__port": "1"}, "wss://h.test", "https://p:1"),
        ({"https__host": "'p:3128'", "https__port": "0"}, "wss://h.test", "http://p:3128"),
        ({"https__host": "'p:3128'", "https__port": "8080"}, "wss://h.test", "http://p:3128"),
        ({"https__host": "'::1'", "https__port": "1"}, "wss://h.test", "http://[::1]:1"),
        ({"https__host": "'[fd00::1]'", "https__port": "1"}, "wss://h.test", "http://[fd00::1]:1"),
        ({"https__host": "'ada:pw@p'", "https__port": "1"}, "wss://h.test", "http://ada:pw@p:1"),
        ({"socks__host": "'socks://s'", "socks__port": "1"}, "wss://h.test", "socks5h://s:1"),
    ],
)
def test_manual(changes: Any, url: str, expected: str | None) -> None:
    """In mode manual the hosts count, in the order of our own precedence."""
    assert proxy(manual(**changes), url) == expected


CREDENTIALS = {
    "http__use_authentication": "true",
    "http__authentication_user": "'CORP\\\\ada'",
    "http__authentication_password": r'"p@ss\"wörd/"',
}


def test_credentials() -> None:
    """User and password of the proxy for HTTP are used, whatever is in them, and no text shows them."""
    settings = manual(http__host="'p'", **CREDENTIALS)
    trail = Trail()
    found, source = proxy_of(settings, parse_target("ws://h.test"), trail)
    assert found is not None
    assert (found.username, found.password) == ("CORP\\ada", 'p@ss"wörd/')
    assert source == "GNOME's settings"
    for text in (repr(settings), str(trail), found.url):
        assert "p@ss" not in text
        assert "p%40ss" not in text


def test_credentials_of_another_proxy() -> None:
    """They are those of the proxy for HTTP: of HTTPS, too, where both are the same, else not."""
    same = manual(http__host="'p'", https__host="'p'", https__port="8080", **CREDENTIALS)
    other = manual(http__host="'p'", https__host="'p'", https__port="8081", **CREDENTIALS)
    assert "@p:8080" in str(proxy(same))
    assert proxy(other) == "http://p:8081"
    switched_off = {**CREDENTIALS, "http__use_authentication": "false"}
    assert proxy(manual(http__host="'p'", **switched_off)) == "http://p:8080"


def test_malformed_host() -> None:
    """A host that makes no sense is an error that names the place, where it would be used."""
    settings = manual(https__host="'a b'", https__port="1")
    with pytest.raises(
        ProxyConfigError, match=r"^GNOME's settings, org.gnome.system.proxy.https host"
    ):
        proxy(settings)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"mode": "'manual'"}, "manual, but there is no host: no proxy"),
        ({"mode": "'manual'", "https__host": "'  '"}, "manual, but there is no host: no proxy"),
        ({"mode": "'odd'"}, "'odd' is none of none, manual and auto: no proxy"),
        ({"mode": "7"}, "'' is none of none, manual and auto: no proxy"),
        (
            {"mode": "'auto'"},
            "auto, without an address: that is WPAD, which does not exist here; no proxy",
        ),
    ],
)
def test_notes(changes: Any, note: str) -> None:
    """What comes to no proxy although one was meant is noted, not an error."""
    settings = read(**changes)
    assert settings.notes == (("GNOME's settings, org.gnome.system.proxy mode", note),)
    assert not settings.proxies
    assert settings.pac is None


@pytest.mark.parametrize(
    "address", ["http://wpad/proxy.pac", "file:///etc/proxy.pac", "/etc/proxy.pac"]
)
def test_auto(address: str) -> None:
    """In mode auto the PAC script counts and no host, and the list of exceptions goes before it."""
    settings = read(mode="'auto'", autoconfig_url=f"'{address}'", https__host="'p'")
    assert settings.pac is not None
    assert settings.pac.value == address
    assert settings.pac.place == "GNOME's settings, org.gnome.system.proxy autoconfig-url"
    assert not settings.proxies
    assert settings.bypass is not None
    assert settings.bypass.for_pac


@pytest.mark.parametrize(
    ("entries", "host", "direct"),
    [
        ("['example.org']", "example.org", True),
        ("['example.org']", "www.example.org", True),
        ("['example.org']", "notexample.org", False),
        ("['*.example.org']", "www.example.org", True),
        ("['*.example.org']", "example.org", True),
        ("['.example.org']", "www.example.org", True),
        ("['10.0.0.0/8']", "10.1.2.3", True),
        ("['10.0.0.0/8']", "11.1.2.3", False),
        ("['fd00::/8']", "[fd00::1]", True),
        ("['::1', '2001:db8::1']", "[2001:db8::1]", True),
        ("['example.org:8443']", "example.org", False),
        ("['example.org:443']", "example.org", True),
        ("['a.test, b.test']", "b.test", True),
        ("['/var/run', 'b.test']", "b.test", True),
        ("['']", "b.test", False),
        ("@as []", "b.test", False),
        ("['*']", "b.test", True),
        ("7", "b.test", False),
    ],
)
def test_ignore_hosts(entries: str, host: str, direct: bool) -> None:
    """An entry covers names as GLib documents it, addresses and networks; what makes no sense covers nothing."""
    target = parse_target(f"wss://{host}")
    exceptions = exceptions_of(manual(https__host="'p'", ignore_hosts=entries), target)
    assert exceptions is not None
    assert (exceptions.entries.find(target) is not None) is direct
    assert exceptions.place == "GNOME's settings, org.gnome.system.proxy ignore-hosts"


def test_dconf() -> None:
    """Without gsettings, dconf is asked, which leaves out what was never set."""
    dump = "[/]\nmode='manual'\n\n[http]\nhost='p'\n\n[https]\nhost='q'\nport=3128\n"
    asker = FakeAsker({"dconf": dump})
    settings = read_gnome(asker)
    assert [program for program, *_ in asker.asked] == ["gsettings", "dconf"]
    assert proxy(settings) == "http://q:3128"
    assert str(settings.proxies["http"].value) == "p:8080"
    assert settings.bypass is not None
    assert settings.bypass.value == "localhost,127.0.0.0/8,::1"
    assert not read_gnome(FakeAsker({"dconf": ""})).proxies


def test_no_program() -> None:
    """Without both there is no answer."""
    with pytest.raises(NoProgram, match="dconf is not installed"):
        read_gnome(FakeAsker({}))
    with pytest.raises(NoAnswer, match="did not answer"):
        read_gnome(FakeAsker({"gsettings": SILENT, "dconf": ""}))


def test_nonsense() -> None:
    """Whatever else a program prints is passed over."""
    text = "\n\nx\n[\norg.gnome.system.proxy mode 'manual\norg.gnome.system.proxy x {'a': <1>}\n"
    assert read_gnome(FakeAsker({"gsettings": text})).looks[0].value == "none"
