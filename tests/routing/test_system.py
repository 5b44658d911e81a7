from __future__ import annotations

import sys

import pytest

from trio_wsproxy._routing import _system


def test_no_desktop() -> None:
    """Without a variable that desktops set, no closer look is taken."""
    assert not _system.may_have_desktop()


@pytest.mark.parametrize("name", _system._TELLTALES)
def test_a_desktop(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each variable that desktops set is worth one."""
    monkeypatch.setenv(name, "x")
    assert _system.may_have_desktop()


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_platforms(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    """Windows and macOS have settings at any rate."""
    monkeypatch.setattr(sys, "platform", platform)
    assert _system.may_have_desktop()


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is a copy of the process's own."""
    monkeypatch.setenv("https_proxy", "proxy:3128")
    variables = _system.environment()
    assert variables["https_proxy"] == "proxy:3128"
    monkeypatch.delenv("https_proxy")
    assert variables["https_proxy"] == "proxy:3128"


def test_environment_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names variables gets those alone, in any spelling."""
    monkeypatch.setenv("https_proxy", "proxy:3128")
    monkeypatch.setenv("ALL_PROXY", "other:3128")
    monkeypatch.setenv("http_proxy", "proxy:3128")
    found = _system.environment({"https_proxy", "all_proxy", "no_proxy"})
    assert found == {"https_proxy": "proxy:3128", "ALL_PROXY": "other:3128"}


def test_variable_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that another thread takes out of the environment meanwhile is none."""

    class Names(frozenset[str]):
        def __contains__(self, name: object) -> bool:
            monkeypatch.delenv("https_proxy", raising=False)
            return name == "https_proxy"

    monkeypatch.setenv("https_proxy", "proxy:3128")
    assert _system.environment(Names()) == {}
