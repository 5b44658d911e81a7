"""Real settings: dconf and gsettings on a bus of their own, kioslaverc, a portal; and others' opinions on them."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trio
from _desktop_cases import (
    GNOME,
    KDE,
    LIBPROXY,
    OTHER_GLIB,
    OTHER_GNOME,
    OTHER_KDE,
    PROXYLIB,
    Case,
    Other,
)
from _pages import checked_by
from _proxies import missing, program
from _sessions import Session, bus, libproxy_program, told
from _typed import masked, session

from trio_wsproxy import Route, resolve_proxy, resolve_proxy_async
from trio_wsproxy._routing._desktop import _reading

pytestmark = pytest.mark.filterwarnings("ignore:ignoring unparsable bypass entries")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for programs as long as a busy machine takes for them."""
    monkeypatch.setattr(_reading, "PATIENCE", 60.0)


@pytest.fixture(scope="module")
def gnome_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A session with dconf."""
    for name in ("gsettings", "dconf"):
        program(name)
    directory = tmp_path_factory.mktemp("gnome")
    with bus(directory) as address:
        yield Session(directory, address)


@pytest.fixture
def portal_session(tmp_path: Path) -> Iterator[Session]:
    """A session with dconf and a portal of its own, which takes notice of changes when it likes."""
    for name in ("gsettings", "dconf", "gdbus"):
        program(name)
    if not Path("/usr/libexec/xdg-desktop-portal").exists():
        missing("xdg-desktop-portal is not installed")
    with bus(tmp_path) as address:
        yield Session(tmp_path, address)


def answer(route: Route) -> str:
    """A route in the words of the table."""
    return told(route.hops[0].url) if route.hops else "direct"


def check_ours(session: Session, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare our answers with those of the table."""
    session.enter(monkeypatch)
    _reading.forget()
    ours = {host: answer(resolve_proxy(f"wss://{host}/")) for host in case.answers}
    assert ours == dict(case.answers)


def check_others(session: Session, case: Case, others: tuple[Other, ...], who: str) -> None:
    """Compare theirs with ours, but for what is known to be different."""
    hosts = list(case.answers)
    found = (session.libproxy if who == LIBPROXY else session.proxylib)(hosts)
    known = {other.host: other.answer for other in others if other.who == who}
    assert dict(zip(hosts, found, strict=True)) == {**case.answers, **known}


@pytest.mark.parametrize("name", GNOME)
def test_gnome(name: str, gnome_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dconf has is read by gsettings, and comes to the proxy of the table."""
    gnome_session.use_gnome(GNOME[name].settings)
    check_ours(gnome_session, GNOME[name], monkeypatch)


def test_page(
    gnome_session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What docs/routing.rst types is understood, and what it shows is printed."""
    commands, output = session(checked_by(__file__)["GNOME"])
    *settings, ask = map(shlex.split, commands.splitlines())
    gnome_session.use_gnome({})
    for words in settings:
        gnome_session.run(*words)
    gnome_session.enter(monkeypatch)
    _reading.forget()
    assert ask[:2] == ["python", "-c"]
    exec(ask[2], {})
    assert masked(capsys.readouterr().out) == masked(output)


@pytest.mark.parametrize("name", GNOME)
def test_gnome_with_libproxy(name: str, gnome_session: Session) -> None:
    """Libproxy says the same, or there is a reason."""
    libproxy_program()
    gnome_session.use_gnome(GNOME[name].settings)
    check_others(gnome_session, GNOME[name], OTHER_GNOME.get(name, ()), LIBPROXY)


@pytest.mark.parametrize("name", GNOME)
def test_gnome_with_proxylib(
    name: str, gnome_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxylib says the same, or there is a reason."""
    gnome_session.use_gnome(GNOME[name].settings)
    gnome_session.enter(monkeypatch)
    check_others(gnome_session, GNOME[name], OTHER_GNOME.get(name, ()), PROXYLIB)


@pytest.mark.parametrize("name", GNOME)
def test_gnome_with_glib(name: str, portal_session: Session) -> None:
    """GLib, whom the real portal asks, says the same, or there is a reason."""
    portal_session.use_gnome(GNOME[name].settings)
    known = {other.host: other.answer for other in OTHER_GLIB.get(name, ())}
    found = {host: portal_session.portal(host) for host in GNOME[name].answers}
    assert found == {**GNOME[name].answers, **known}


@pytest.mark.parametrize("name", KDE)
def test_kde(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kioslaverc comes to the proxy of the table."""
    session = Session(tmp_path)
    session.use_kde(KDE[name].settings)
    check_ours(session, KDE[name], monkeypatch)


@pytest.mark.parametrize("name", KDE)
def test_kde_with_libproxy(name: str, tmp_path: Path) -> None:
    """Libproxy says the same, or there is a reason."""
    libproxy_program()
    program("kreadconfig5")
    session = Session(tmp_path)
    session.use_kde(KDE[name].settings)
    check_others(session, KDE[name], OTHER_KDE.get(name, ()), LIBPROXY)


@pytest.mark.parametrize("name", KDE)
def test_kde_with_proxylib(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxylib says the same, or there is a reason."""
    session = Session(tmp_path)
    session.use_kde(KDE[name].settings)
    session.enter(monkeypatch)
    check_others(session, KDE[name], OTHER_KDE.get(name, ()), PROXYLIB)


@pytest.mark.parametrize(
    ("cases", "others"), [(GNOME, OTHER_GNOME), (GNOME, OTHER_GLIB), (KDE, OTHER_KDE)]
)
def test_reasons(cases: Mapping[str, Case], others: Mapping[str, tuple[Other, ...]]) -> None:
    """Each difference is one, of a case that there is, and has a reason."""
    for name, differences in others.items():
        for other in differences:
            assert cases[name].answers[other.host] != other.answer
            assert other.reason


def test_password_of_gnome(gnome_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in a password comes through dconf, gsettings and our reading, and nothing shows it."""
    gnome_session.use_gnome(GNOME["credentials"].settings)
    gnome_session.enter(monkeypatch)
    route = resolve_proxy("wss://h.test")
    assert (route.hops[0].username, route.hops[0].password) == ("ada", "pä:@")
    assert "pä" not in route.explain()


async def test_without_gsettings(
    gnome_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dconf alone says the same."""
    gnome_session.use_gnome(GNOME["manual"].settings)
    gnome_session.enter(monkeypatch)
    (tmp_path / "dconf").symlink_to(program("dconf"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert answer(await resolve_proxy_async("wss://h.test")) == "http://p:3128"


async def test_auto(gnome_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PAC script that dconf names is asked."""
    pytest.importorskip("quickjs")
    script = gnome_session.directory / "a.pac"
    script.write_text('function FindProxyForURL(url, host) { return "SOCKS5 " + host + ":1"; }')
    gnome_session.use_gnome({"mode": "'auto'", "autoconfig-url": f"'file://{script}'"})
    gnome_session.enter(monkeypatch)
    with trio.fail_after(60):
        route = await resolve_proxy_async("wss://h.test")
    assert answer(route) == "socks://h.test:1"


@pytest.mark.parametrize("tool", ["gdbus", "busctl", "dbus-send"])
async def test_portal(
    tool: str, portal_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sandbox the real portal is asked, by whichever program there is."""
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"there is no {tool} here")
    portal_session.use_gnome({**GNOME["manual"].settings, "ignore-hosts": "['a.test']"})
    portal_session.enter(monkeypatch)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / tool).symlink_to(path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SNAP", "/snap/something/1")
    monkeypatch.setattr(_reading, "PATIENCE", 60.0)  # it is started by the first call
    route = await resolve_proxy_async("wss://h.test")
    assert (answer(route), route.source) == ("http://p:3128", "the sandbox's portal")
    route = await resolve_proxy_async("wss://a.test")
    assert (answer(route), route.source) == ("direct", "the sandbox's portal")


def test_no_portal(gnome_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bus knows no portal, GNOME's settings count."""
    gnome_session.use_gnome(GNOME["manual"].settings)
    gnome_session.enter(monkeypatch)
    monkeypatch.setenv("SNAP", "/snap/something/1")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nothing/of/this/name")
    _reading.forget()
    route = resolve_proxy("wss://h.test")
    assert (answer(route), route.source) == ("http://p:3128", "GNOME's settings")
    assert "the sandbox's portal: cannot be read: gdbus failed" in route.explain()
