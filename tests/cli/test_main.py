"""The command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

import trio_wsproxy
from trio_wsproxy import _cli


def test_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, with each command in it."""
    assert _cli.main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: python -m trio_wsproxy")
    assert "demo" in out
    assert err == ""


def test_as_a_module() -> None:
    """``python -m trio_wsproxy --version`` tells the version."""
    done = subprocess.run(
        [sys.executable, "-m", "trio_wsproxy", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"trio-wsproxy {trio_wsproxy.__version__}\n"


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is refused with exit code 2 and a list of those that exist."""
    with pytest.raises(SystemExit) as excinfo:
        _cli.main(["dance"])
    assert excinfo.value.code == 2
    assert "demo" in capsys.readouterr().err


@pytest.mark.parametrize(("good", "code"), [(True, 0), (False, 1)])
def test_demo_exit_code(monkeypatch: pytest.MonkeyPatch, good: bool, code: int) -> None:
    """``demo`` exits with 0 if all legs were good, else with 1."""

    async def demo() -> bool:
        return good

    monkeypatch.setattr(_cli, "demo", demo)
    assert _cli.main(["demo"]) == code


def test_demo_without_trustme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra, ``demo`` says how to install it, and exits with 2."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert _cli.main(["demo"]) == 2
    assert "pip install 'trio-wsproxy[testing]'" in capsys.readouterr().err


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command without a traceback."""

    async def demo() -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "demo", demo)
    assert _cli.main(["demo"]) == 130
