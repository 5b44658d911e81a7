"""Dials of those who have a desktop: what it says is waited for, told, and given up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from _desktops import HANG, gsettings, is_gone, saying, use_gnome

from trio_wsproxy import (
    ConnectionTimeout,
    ProxyConfigError,
    ProxyUnreachable,
    Stage,
    open_tcp_stream,
    open_websocket_url,
)
from trio_wsproxy._client._way import find_ways
from trio_wsproxy._routing import _by_desktop
from trio_wsproxy._routing._desktop import Bypass, DesktopSettings, Setting, _reading

P = gsettings({"mode": "'manual'", "https host": "'127.0.0.1'", "https port": "9"})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a desktop take its time."""
    monkeypatch.setattr(_reading, "PATIENCE", 1000.0)


async def pids_of(path: Path) -> list[int]:
    """The ids of the hanging program, as soon as it has written them down."""
    while not path.exists():
        await trio.sleep(0.01)  # another process's doing; pytest's timeout bounds it
    return [int(pid) for pid in path.read_text().split()]


async def end_of(pids: list[int]) -> None:
    """Wait until these have ended; they have been killed, but that may take a moment to be seen."""
    while not all(map(is_gone, pids)):
        await trio.sleep(0.01)  # likewise


async def test_the_proxy_is_dialed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The desktop's proxy is dialed, and the trace hears of the reading before that."""
    use_gnome(monkeypatch, tmp_path, saying(P))
    stages: list[Stage] = []
    with pytest.raises(ProxyUnreachable) as caught:
        await open_tcp_stream("h.test", 443, trace=lambda _, stage: stages.append(stage))
    assert caught.value.proxy == "http://127.0.0.1:9"
    assert (stages[1].name, stages[1].peer, stages[1].ok) == ("desktop", "GNOME's settings", True)


@pytest.mark.usefixtures("patient")
async def test_a_cancelled_dial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A dial that is cancelled while the desktop is read leaves no process behind."""
    use_gnome(monkeypatch, tmp_path, HANG)

    async def dial() -> None:
        async with open_websocket_url("wss://h.test"):
            raise AssertionError("not reached")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial)
        pids = await pids_of(tmp_path / "gsettings.pid")
        nursery.cancel_scope.cancel()
    await end_of(pids)


@pytest.mark.usefixtures("patient")
async def test_the_deadline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The dial's deadline holds, and says what was being waited for."""
    use_gnome(monkeypatch, tmp_path, HANG)
    with pytest.raises(ConnectionTimeout, match="was waiting for the desktop's settings"):
        async with open_websocket_url("wss://h.test", connect_timeout=0.3):
            raise AssertionError("not reached")
    noted = tmp_path / "gsettings.pid"
    if noted.exists():  # on a loaded machine it may not have come so far
        await end_of(await pids_of(noted))


def manual(monkeypatch: pytest.MonkeyPatch, pac: str, proxies: Any, bypass: str = "") -> None:
    """Use settings as of Windows, with a PAC script that cannot be loaded."""
    settings = DesktopSettings(
        "a fake",
        "operating system settings",
        proxies={name: Setting(f"a fake, {name}", url) for name, url in proxies.items()},
        bypass=Bypass("a fake, exceptions", bypass, "system"),
        pac=Setting("a fake, AutoConfigURL", pac),
    )
    monkeypatch.setattr(_by_desktop, "desktop_settings", lambda _: settings)


@pytest.mark.parametrize(
    ("proxies", "bypass", "way"),
    [
        ({"https": "http://127.0.0.1:9"}, "", "http://127.0.0.1:9"),
        ({"https": "http://127.0.0.1:9"}, "h.test", "DIRECT"),
    ],
)
async def test_instead_of_a_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxies: Any, bypass: str, way: str
) -> None:
    """Where a script of Windows or macOS cannot be loaded, the other settings count, and why is noted."""
    manual(monkeypatch, str(tmp_path / "none.pac"), proxies, bypass)
    route = (await find_ways("wss://h.test")).route
    assert route.way == way
    assert "no answer, so the other settings count" in route.notes[0]
    if way != "DIRECT":
        with pytest.raises(ProxyUnreachable, match=r"127\.0\.0\.1:9"):
            await open_tcp_stream("h.test", 443)


@pytest.mark.parametrize("proxies", [{}, {"http": "http://127.0.0.1:9"}, {"https": "ftp://x"}])
async def test_nothing_instead_of_a_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxies: Any
) -> None:
    """Where they name no proxy for the target, the script's error stands: there is no direct connection."""
    manual(monkeypatch, str(tmp_path / "none.pac"), proxies)
    with pytest.raises(ProxyConfigError, match=r"^a fake, AutoConfigURL: the PAC script"):
        await open_tcp_stream("h.test", 443)
