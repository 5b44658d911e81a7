"""Options of the whole suite, Hypothesis' profiles, and which tests are slow."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent

# What takes most of the suite's time: other programs, real clocks, or every combination of all.
SLOW = [
    HERE / "cli" / "test_check.py",  # each test is a process, or several
    HERE / "cli" / "test_connect.py",
    HERE / "cli" / "test_demo.py",
    HERE / "cli" / "test_main.py",
    HERE / "cli" / "test_pages.py",
    HERE / "cli" / "test_stdin.py",
    HERE / "cli" / "test_terminal.py",
    HERE / "laws",  # every stage, every route, every cut
    HERE / "package",  # builds it three times
    HERE / "simulation",  # hours, in virtual time
    HERE / "real",  # squid, dante, OpenSSH and others
    HERE / "typing",  # mypy and pyright
    HERE / "test_docs.py",
    HERE / "test_examples.py",
    HERE / "test_tutorial.py",
    HERE / "test_httpcore.py",  # a real server, a hundred requests, 64 MiB
]

# A deadline for each example, Hypothesis' default, fails on a machine that has other things to
# do. CI tries more, and prints how to have a failure again.
settings.register_profile(
    "local", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.register_profile("ci", settings.get_profile("local"), max_examples=250, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "local")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ours to pytest's command line."""
    parser.addoption(
        "--no-speedups",
        action="store_true",
        help="run as where the C extension was not built",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hide the C extension, or take another one, before anything imports the package."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's job in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # there are tests of Ctrl-C
    import _load_speedups  # noqa: F401  # pytest has made tests/support importable by now

    if config.getoption("--no-speedups"):
        assert "trio_wsproxy" not in sys.modules
        sys.modules["trio_wsproxy._websocket._speedups"] = None  # type: ignore[assignment]


@pytest.fixture(autouse=True)
def _no_proxy_is_known() -> None:
    """Begin each test as a program begins: what proxies wanted in another one is forgotten."""
    from trio_wsproxy._auth import forget_proxies  # not before pytest_configure

    forget_proxies()


@pytest.fixture(autouse=True)
def _no_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the desktop of whoever runs the tests, and what was read of another one."""
    for name in (
        *("XDG_CURRENT_DESKTOP", "DESKTOP_SESSION", "GNOME_DESKTOP_SESSION_ID"),
        *("KDE_FULL_SESSION", "KDE_SESSION_VERSION", "KDEHOME", "SNAP", "TRIO_WSPROXY_DESKTOP"),
    ):
        monkeypatch.delenv(name, raising=False)
    reading = sys.modules.get("trio_wsproxy._routing._desktop._reading")
    if reading is not None:
        reading.forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, so that ``-m "not slow"`` leaves it out."""
    for item in items:
        if any(item.path.is_relative_to(slow) for slow in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _imported() -> None:
    """Import python-socks: the first dial that needs it would have another stage than all others."""
    from trio_wsproxy._transport import _setup

    _setup._import()
