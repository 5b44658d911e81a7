"""Desktops that answer, hang and change, as dials and the synchronous function find them."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from _desktops import HANG, gsettings, is_gone, saying, use_gnome, without_proxies

from trio_wsproxy import Failover, Route, resolve_proxy, resolve_proxy_async
from trio_wsproxy._exceptions import ProxyConfigError
from trio_wsproxy._routing import _route
from trio_wsproxy._routing._desktop import _reading
from trio_wsproxy._threads import NoThread

P = gsettings({"mode": "'manual'", "https host": "'p'", "https port": "3128"})
Q = gsettings({"mode": "'manual'", "https host": "'q'", "https port": "3128"})
COUNT = 'echo x >> "$0.count"\n'


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for programs as long as a busy machine takes for them."""
    monkeypatch.setattr(_reading, "PATIENCE", 60.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which readings grow old."""
    clock = Clock()
    monkeypatch.setattr(_reading, "time", clock)
    return clock


def hops(route: Route) -> list[str]:
    """The URLs of the hops."""
    return [hop.url for hop in route.hops]


def count(directory: Path) -> int:
    """How often gsettings was asked."""
    path = directory / "gsettings.count"
    return len(path.read_text().split()) if path.exists() else 0


async def pids_of(path: Path) -> list[int]:
    """The ids of the hanging program, as soon as it has written them down."""
    while not path.exists():
        await trio.sleep(0.01)  # another process's doing; pytest's timeout bounds it
    return [int(pid) for pid in path.read_text().split()]


async def end_of(pids: list[int]) -> None:
    """Wait until these have ended; they have been killed, but that may take a moment to be seen."""
    while not all(map(is_gone, pids)):
        await trio.sleep(0.01)  # likewise


def test_sync(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The synchronous function reads the desktop, and explains what it found."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    route = resolve_proxy("wss://h.test")
    assert hops(route) == ["http://p:3128"]
    assert route.source == "GNOME's settings"
    lines = route.explain().splitlines()
    assert (
        "  GNOME's settings, org.gnome.system.proxy mode = 'manual': the hosts below it count"
        in lines
    )
    assert "  GNOME's settings, org.gnome.system.proxy.https host = 'http://p:3128': used" in lines


async def test_async(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The asynchronous one does, too."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    assert hops(await resolve_proxy_async("wss://h.test")) == ["http://p:3128"]


async def test_under_a_clock_that_jumps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A clock that jumps while tasks wait takes no time away from the desktop."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    assert hops(await resolve_proxy_async("wss://h.test")) == ["http://p:3128"]
    assert trio.current_time() < 1


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_age(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock, asynchronous: bool
) -> None:
    """A reading counts for five seconds, and its age is told."""

    async def find() -> Route:
        return (
            await resolve_proxy_async("wss://h.test")
            if asynchronous
            else resolve_proxy("wss://h.test")
        )

    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    assert "GNOME's settings: read now, in 0 ms" in (await find()).explain()
    use_gnome(monkeypatch, tmp_path, COUNT + saying(Q))
    clock.now += 4.9
    route = await find()
    assert (hops(route), count(tmp_path)) == (["http://p:3128"], 1)
    assert "GNOME's settings: read 4.9 s ago, in 0 ms" in route.explain()
    clock.now += 0.1
    assert (hops(await find()), count(tmp_path)) == (["http://q:3128"], 2)


async def test_other_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A reading counts for the environment in which it was made."""
    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    await resolve_proxy_async("wss://h.test")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere")
    await resolve_proxy_async("wss://h.test")
    assert count(tmp_path) == 2


async def test_one_reading(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that want it at the same time share one reading."""
    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    found: list[Route] = []

    async def find(number: int) -> None:
        found.append(await resolve_proxy_async(f"wss://h{number}.test"))

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(find, number)
    assert [hops(route) for route in found] == [["http://p:3128"]] * 10
    assert count(tmp_path) == 1


def test_one_reading_for_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So do threads."""
    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    found: list[Route] = []
    threads = [
        threading.Thread(target=lambda: found.append(resolve_proxy("wss://h.test")))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [hops(route) for route in found] == [["http://p:3128"]] * 5
    assert count(tmp_path) == 1


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("https_proxy", "http://e:1", "wss://h.test"),
        ("ALL_PROXY", "http://e:1", "tcp://h.test:1"),
        ("no_proxy", "h.test", "wss://h.test"),
        ("TRIO_WSPROXY_DESKTOP", "0", "wss://h.test"),
        ("XDG_CURRENT_DESKTOP", "sway", "wss://h.test"),
        ("XDG_CURRENT_DESKTOP", "GNOME", "wss://localhost"),
        ("XDG_CURRENT_DESKTOP", "GNOME", "wss://127.0.0.1"),
    ],
)
def test_never_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, url: str
) -> None:
    """Where the environment answers, the target is this machine or there is no desktop, nothing is read."""
    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    monkeypatch.setenv(name, value)
    assert hops(resolve_proxy(url)) in ([], ["http://e:1"])
    assert count(tmp_path) == 0


@pytest.mark.parametrize(
    "proxy", [None, "http://e:1", ["http://e:1"], Failover("http://e:1", None)]
)
def test_never_read_with_an_argument(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: Any
) -> None:
    """Nor is anything read where proxy= or environ= was given."""
    use_gnome(monkeypatch, tmp_path, COUNT + saying(P))
    assert resolve_proxy("wss://h.test", proxy=proxy).hops in (
        (),
        resolve_proxy("wss://h", proxy="http://e:1").hops,
    )
    assert not resolve_proxy("wss://h.test", environ={"XDG_CURRENT_DESKTOP": "GNOME"}).hops
    assert count(tmp_path) == 0


def test_one_of_several_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a Failover, True is the desktop's, too."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    route = resolve_proxy("wss://h.test", proxy=Failover(True, "http://e:1"))
    assert [way.way for way in route.alternatives] == ["http://p:3128", "http://e:1"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_hanging(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    asynchronous: bool,
) -> None:
    """A desktop that does not answer is one without settings: that is noted, and the program ended."""
    monkeypatch.setattr(_reading, "PATIENCE", 0.3)
    _route.warn_once.cache_clear()
    use_gnome(monkeypatch, tmp_path, HANG)
    url = "wss://h.test"
    with caplog.at_level(logging.WARNING, "trio_wsproxy"):
        route = await resolve_proxy_async(url) if asynchronous else resolve_proxy(url)
    assert not route.hops
    assert route.notes
    assert route.notes[0].startswith("GNOME's settings: ")
    assert "did not answer within 0.3 s" in route.notes[0]
    assert caplog.messages == [route.notes[0]]
    noted = tmp_path / "gsettings.pid"
    if noted.exists():  # on a loaded machine it may not have come so far
        await end_of(await pids_of(noted))


def test_hanging_after_an_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: Clock
) -> None:
    """What it said before counts then, however old it is, and that is noted."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    resolve_proxy("wss://h.test")
    use_gnome(monkeypatch, tmp_path, "exit 1")
    for age in (10, 20):
        clock.now += 10
        route = resolve_proxy("wss://h.test")
        assert hops(route) == ["http://p:3128"]
        assert route.notes == (
            "GNOME's settings: cannot be read: gsettings failed (status 1)",
            f"GNOME's settings: what it said {age} s ago counts",
        )
    use_gnome(monkeypatch, tmp_path, saying(Q))
    clock.now += 10
    route = resolve_proxy("wss://h.test")
    assert (hops(route), route.notes) == (["http://q:3128"], ())


async def test_cancelled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who is cancelled while it is read ends the program, and others begin anew."""
    monkeypatch.setattr(_reading, "PATIENCE", 1000.0)
    use_gnome(monkeypatch, tmp_path, HANG)
    found: list[Route] = []

    async def find() -> None:
        found.append(await resolve_proxy_async("wss://h.test"))

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(find)
                pids = await pids_of(tmp_path / "gsettings.pid")
                nursery.start_soon(find)
                use_gnome(monkeypatch, tmp_path, saying(P))
                scope.cancel()
        await end_of(pids)
    assert [hops(route) for route in found] == [["http://p:3128"]]


def test_no_other_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the system starts no thread, that is as if the desktop had not answered."""
    use_gnome(monkeypatch, tmp_path, saying(P))

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert "did not answer" in resolve_proxy("wss://h.test").notes[0]


async def test_no_other_thread_in_trio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So it is in trio."""
    use_gnome(monkeypatch, tmp_path, saying(P))

    async def refuse(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise NoThread

    monkeypatch.setattr(_reading._WORKERS, "run", refuse)
    assert "did not answer" in (await resolve_proxy_async("wss://h.test")).notes[0]


def test_in_a_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A portal that answers is all; where there is none, the desktop is asked, and the trail says so."""
    without_proxies(monkeypatch)
    monkeypatch.setenv("SNAP", "/snap/x/1")
    use_gnome(monkeypatch, tmp_path, saying(Q))
    (tmp_path / "gdbus").write_text("#!/bin/sh\necho \"(['http://p:3128', 'direct://'],)\"\n")
    (tmp_path / "gdbus").chmod(0o755)
    route = resolve_proxy("wss://h.test")
    assert [way.way for way in route.alternatives] == ["http://p:3128", "DIRECT"]
    assert route.source == "the sandbox's portal"
    assert "its answer for https://h.test:443/" in route.explain()
    (tmp_path / "gdbus").write_text("#!/bin/sh\nexit 1\n")
    _reading.forget()
    route = resolve_proxy("wss://h.test")
    assert hops(route) == ["http://q:3128"]
    assert "the sandbox's portal: cannot be read: gdbus failed (status 1)" in route.explain()
    assert not route.notes


def test_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A desktop without its programs has no settings, and that is noted."""
    use_gnome(monkeypatch, tmp_path, "")
    monkeypatch.setenv("PATH", "/nothing")
    [note] = resolve_proxy("wss://h.test").notes
    assert note == "GNOME's settings: cannot be read: dconf is not installed"


def test_many_readings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Readings are not kept without end."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    for number in range(_reading.MAX_KEPT + 5):
        monkeypatch.setenv("XDG_CONFIG_HOME", f"/elsewhere/{number}")
        resolve_proxy("wss://h.test")
    assert len(_reading._kept) == _reading.MAX_KEPT


def test_pac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The synchronous function says that a PAC script has to be asked, and where it is named."""
    use_gnome(
        monkeypatch, tmp_path, saying(gsettings({"mode": "'auto'", "autoconfig-url": "'/p'"}))
    )
    with pytest.raises(
        ProxyConfigError, match=r"^GNOME's settings, org.gnome.system.proxy autoconfig-url: "
    ):
        resolve_proxy("wss://h.test")


async def test_pac_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The asynchronous function asks it; its answer counts like that of any other."""
    pytest.importorskip("quickjs")
    script = tmp_path / "a.pac"
    script.write_text('function FindProxyForURL() { return "PROXY p:1; DIRECT"; }')
    keys = {"mode": "'auto'", "autoconfig-url": f"'file://{script}'", "ignore-hosts": "['*.corp']"}
    use_gnome(monkeypatch, tmp_path, saying(gsettings(keys)))
    route = await resolve_proxy_async("wss://h.test")
    assert [way.way for way in route.alternatives] == ["http://p:1", "DIRECT"]
    assert "org.gnome.system.proxy autoconfig-url" in route.explain()
    assert (await resolve_proxy_async("wss://a.corp")).source == "GNOME's settings"


def test_kde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """KDE's file counts on KDE; reversed exceptions leave all others direct."""
    without_proxies(monkeypatch)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    text = "[Proxy Settings]\nProxyType=1\nhttpsProxy=http://p 1\nNoProxyFor=a.test\nReversedException=true\n"
    (tmp_path / "kioslaverc").write_text(text)
    assert hops(resolve_proxy("wss://www.a.test")) == ["http://p:1"]
    route = resolve_proxy("wss://b.test")
    assert (route.hops, route.source) == ((), "KDE's settings")
    assert "the list has what goes through a proxy: direct" in route.explain()


def test_time_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home on a network drive that is gone keeps nobody waiting."""
    monkeypatch.setattr(_reading, "PATIENCE", 0.0)
    monkeypatch.setattr(_reading, "_SLACK", 0.1)
    over = threading.Event()

    def wait(_: object) -> None:
        over.wait()

    monkeypatch.setattr(_reading, "read_kde", wait)
    without_proxies(monkeypatch)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    began = time.monotonic()
    try:
        assert "did not answer" in resolve_proxy("wss://h.test").notes[0]
    finally:
        over.set()
    assert time.monotonic() - began < 60
