from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing._by_desktop import exceptions_of, proxy_of
from trio_wsproxy._routing._desktop._asking import NoAnswer
from trio_wsproxy._routing._desktop._kde import files, read_kde
from trio_wsproxy._routing._desktop._settings import DesktopSettings
from trio_wsproxy._routing._route import Trail
from trio_wsproxy._urls import parse_target


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """A function that reads the settings of a kioslaverc with these lines."""

    def use(*lines: str, **environ: str) -> DesktopSettings:
        text = "\n".join(["[Proxy Settings][$i]", *lines, ""])
        (tmp_path / "kioslaverc").write_text(text, encoding="utf-8")
        return read_kde({"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/none", **environ})

    return use


def proxy(settings: DesktopSettings, url: str = "wss://h.test") -> str | None:
    """The URL of the proxy for a target."""
    found, source = proxy_of(settings, parse_target(url), Trail())
    assert source == ("direct" if found is None else "KDE's settings")
    return None if found is None else found.url


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("httpsProxy=http://p 3128", "http://p:3128"),
        ("httpsProxy=http://p:3128", "http://p:3128"),
        ("httpsProxy=http://p:3128/", "http://p:3128"),
        ("httpsProxy=p 3128", "http://p:3128"),
        ("httpsProxy=p", "http://p:80"),
        ("httpsProxy=https://p 3128", "https://p:3128"),
        ("httpsProxy=http://p 0", "http://p:80"),
        ("httpsProxy=http://ada:pw@p 1", "http://ada:***@p:1"),
        ("httpsProxy=http://[fd00::1] 1", "http://[fd00::1]:1"),
        ("httpsProxy=http://fd00::1 1", "http://[fd00::1]:1"),
        ("httpsProxy=socks://s 1", "socks5h://s:1"),
        ("socksProxy=socks://s 1080", "socks5h://s:1080"),
        ("socksProxy=http://s 1080", "socks5h://s:1080"),
        ("socksProxy[$e]=socks://$SOCKS 1080", "socks5h://s.test:1080"),
        ("httpProxy=http://p 3128", None),
        ("httpsProxy=//:", None),
        ("httpsProxy=", None),
        ("httpsProxy=http:// 0", None),
    ],
)
def test_manual(read: Any, line: str, expected: str | None) -> None:
    """Type 1: the proxies of the file, in KDE's own spelling of a port."""
    assert proxy(read("ProxyType=1", line, SOCKS="s.test")) == expected


def test_http(read: Any) -> None:
    """The proxy for HTTP is for ws alone, where there is no other."""
    settings = read("ProxyType=1", "httpProxy=http://p 3128")
    assert proxy(settings, "ws://h.test") == "http://p:3128"
    assert (
        proxy(read("ProxyType=1", "httpProxy=http://p 1", "socksProxy=s 2"), "ws://h")
        == "socks5h://s:2"
    )


@pytest.mark.parametrize("port", ["http", "99999999", "-5", "80x"])
def test_malformed_port(read: Any, port: str) -> None:
    """A port that makes no sense is an error that names file and key."""
    with pytest.raises(ProxyConfigError, match=r"^KDE's settings \(/.*/kioslaverc\), httpsProxy: "):
        proxy(read("ProxyType=1", f"httpsProxy=http://p {port}"))


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (["ProxyType=1"], "1, but there is no proxy"),
        (["ProxyType=2"], "2, a PAC script, but there is no address: no proxy"),
        (["ProxyType=3"], "3, which is WPAD, does not exist here: no proxy"),
        (["ProxyType=4", "httpsProxy=MY_PROXY"], "4, but there is no proxy"),
        (["ProxyType=9"], "'9' is none of 0 to 4: no proxy"),
        (["ProxyType=x"], "'x' is none of 0 to 4: no proxy"),
    ],
)
def test_notes(read: Any, lines: list[str], note: str) -> None:
    """What comes to no proxy although one was meant is noted, not an error."""
    settings = read(*lines)
    [(place, said)] = settings.notes
    assert place.endswith("kioslaverc), ProxyType")
    assert said == note
    assert (settings.proxies, settings.pac) == ({}, None)


@pytest.mark.parametrize("lines", [[], ["ProxyType=0", "httpsProxy=http://p 1"], ["Other=1"]])
def test_none(read: Any, lines: list[str]) -> None:
    """Type 0, and no type: no proxy, whatever else stands there."""
    settings = read(*lines)
    assert not settings.proxies
    assert not settings.notes
    assert settings.looks[0].value == "0"


def test_pac(read: Any) -> None:
    """Type 2: the PAC script, before which no exceptions count."""
    settings = read("ProxyType=2", "Proxy Config Script=http://wpad/p.pac", "NoProxyFor=h.test")
    assert settings.pac.value == "http://wpad/p.pac"
    assert settings.pac.place.endswith("kioslaverc), Proxy Config Script")
    assert exceptions_of(settings, parse_target("wss://h.test")) is None


def test_variables(read: Any) -> None:
    """Type 4: the variables that are named count, and are named in turn."""
    settings = read(
        "ProxyType=4",
        "httpsProxy=MY_PROXY",
        "httpProxy=$NOTHING",
        "NoProxyFor=MY_HOSTS",
        MY_PROXY="http://ada:pw@p:1",
        MY_HOSTS="a.test b.test",
    )
    assert proxy(settings) == "http://ada:***@p:1"
    assert settings.proxies["https"].place.endswith("httpsProxy, environment variable MY_PROXY")
    exceptions = exceptions_of(settings, parse_target("wss://b.test"))
    assert exceptions is not None
    assert exceptions.entries.find(parse_target("wss://b.test"))
    assert "pw" not in repr(settings)


@pytest.mark.parametrize(
    ("entries", "host", "covered"),
    [
        ("example.org", "example.org", True),
        ("example.org", "www.example.org", True),
        ("example.org", "notexample.org", False),
        (".example.org", "www.example.org", True),
        ("*.example.org", "example.org", False),
        ("http://example.org", "example.org", True),
        ("a.test,http://b.test, c.test d.test", "d.test", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("<local>", "intranet", True),
        ("/nonsense/x,b.test", "b.test", True),
    ],
)
@pytest.mark.parametrize("turned", ["", "ReversedException=true", "ReversedException=1"])
def test_exceptions(read: Any, entries: str, host: str, covered: bool, turned: str) -> None:
    """An entry covers a name and all below it; reversed, the list has what goes through a proxy."""
    target = parse_target(f"wss://{host}")
    settings = read("ProxyType=1", "httpsProxy=p 1", f"NoProxyFor={entries}", turned)
    exceptions = exceptions_of(settings, target)
    assert exceptions is not None
    assert (exceptions.entries.find(target) is not None) is covered
    assert exceptions.reversed is bool(turned)


@pytest.mark.parametrize("text", ["", "false", "0", "off", "x"])
def test_not_reversed(read: Any, text: str) -> None:
    """Anything but true or a number is no reversal."""
    settings = read("ProxyType=1", "httpsProxy=p 1", f"ReversedException={text}")
    assert not settings.bypass.reversed


@pytest.mark.parametrize(
    ("environ", "present", "expected"),
    [
        ({}, [], [".config"]),
        ({}, [".kde/share/config"], [".kde/share/config"]),
        ({}, [".kde/share/config", ".config"], [".config"]),
        ({"KDE_SESSION_VERSION": "5"}, [".kde/share/config"], [".config"]),
        ({"KDE_SESSION_VERSION": "6"}, [".kde4/share/config"], [".config"]),
        ({"KDE_SESSION_VERSION": "4"}, [".kde4/share/config"], [".kde4/share/config"]),
        ({"KDEHOME": "{home}/k"}, ["k/share/config", ".kde4/share/config"], ["k/share/config"]),
        ({"XDG_CONFIG_HOME": "{home}/x"}, [], ["x"]),
    ],
)
def test_own_file(tmp_path: Path, environ: Any, present: list[str], expected: list[str]) -> None:
    """The user's file is where the version of KDE has it."""
    for directory in present:
        (tmp_path / directory).mkdir(parents=True)
        (tmp_path / directory / "kioslaverc").touch()
    environ = {name: value.format(home=tmp_path) for name, value in environ.items()}
    found = list(files({"HOME": str(tmp_path), "XDG_CONFIG_DIRS": "/none", **environ}))
    assert found == ["/none/kioslaverc", *(str(tmp_path / x / "kioslaverc") for x in expected)]


def test_system_files(tmp_path: Path) -> None:
    """Files of the system are weaker than the user's, the first of them strongest."""
    found = list(files({"HOME": "/h", "XDG_CONFIG_DIRS": "/a:/b"}))
    assert found == ["/b/kioslaverc", "/a/kioslaverc", "/h/.config/kioslaverc"]
    assert next(files({"HOME": "/h"})) == "/etc/xdg/kioslaverc"
    (tmp_path / "sys").mkdir()
    text = "[Proxy Settings]\nProxyType=1\nhttpsProxy[$i]=http://company 3128\n"
    (tmp_path / "sys" / "kioslaverc").write_text(text)
    (tmp_path / "kioslaverc").write_text("[Proxy Settings]\nhttpsProxy=http://own 1\n")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "sys")}
    assert proxy(read_kde(environ)) == "http://company:3128"


def test_no_file(tmp_path: Path) -> None:
    """Without a file there is no proxy; one that cannot be read is no answer."""
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path)}
    assert not read_kde(environ).proxies
    (tmp_path / "kioslaverc").mkdir()
    with pytest.raises(NoAnswer, match="cannot be read"):
        read_kde(environ)
    with pytest.raises(NoAnswer, match="cannot be read"):
        read_kde(
            {"XDG_CONFIG_HOME": "/a\0b", "XDG_CONFIG_DIRS": "/none", "KDE_SESSION_VERSION": "6"}
        )
