"""The corpus of PAC scripts: each answers, or fails, as its head says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pac_corpus import FILES, Case, read

from trio_wsproxy import ProxyConfigError
from trio_wsproxy._routing import PAC, _pac, _pac_engine
from trio_wsproxy._routing._pac import World, ask
from trio_wsproxy._routing._pac_answer import question
from trio_wsproxy._routing._pac_engine import MINE, Outcome, Run, run_script
from trio_wsproxy._urls import parse_any_target

pytest.importorskip("quickjs")

CASES = [
    pytest.param(path, url, answer, id=f"{path.stem}-{number}")
    for path in FILES
    for number, (url, answer) in enumerate(read(path).asks)
]


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let local time be UTC, for the scripts that ask for it."""
    monkeypatch.setenv("TZ", "UTC")
    if hasattr(time, "tzset"):
        time.tzset()
    yield
    os.environ.pop("TZ", None)
    if hasattr(time, "tzset"):
        time.tzset()


def settled(case: Case, url: str) -> Run:
    """Run a script until it asks for no name that is not known."""
    asked, host = question(parse_any_target(url))
    known: dict[str, tuple[str, ...]] = {}
    while len(known) <= _pac.MAX_NAMES:
        run = run_script(case.text.lstrip("\ufeff"), asked, host, known, case.now)
        if run.wanted is None:
            return run
        known[run.wanted] = case.names.get(run.wanted, ())
    return Run(Outcome.ANSWERED, "!NAMES")


def short(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Let a script that never ends have a tenth of its time; test_pac_engine waits for all of it."""
    if answer.startswith("!TOO_LONG"):
        monkeypatch.setattr(_pac_engine, "CPU_SECONDS", _pac_engine.CPU_SECONDS / 10)


@pytest.mark.parametrize(("path", "url", "answer"), CASES)
def test_corpus(monkeypatch: pytest.MonkeyPatch, path: Path, url: str, answer: str) -> None:
    """A script of the corpus answers what its head says, or fails as it says."""
    short(monkeypatch, answer)
    run = settled(read(path), url)
    if not answer.startswith("!") or answer == "!NAMES":
        assert run.text.encode("ascii", "backslashreplace").decode() == answer, run
        assert run.outcome is Outcome.ANSWERED
        return
    outcome, _, text = answer[1:].partition(" ")
    assert (run.outcome.name, run.text[: len(text)]) == (outcome, text)


def test_size() -> None:
    """The corpus has sixty scripts and more."""
    assert len(FILES) >= 60
    assert all(read(path).asks for path in FILES)


FAILING = [path for path in FILES if read(path).asks[0][1].startswith("!")]


@pytest.mark.parametrize("path", FAILING, ids=[path.stem for path in FAILING])
async def test_failures_say_so(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """A script that fails is an error that names its source and a remedy, not a direct connection."""
    case = read(path)
    short(monkeypatch, case.asks[0][1])

    async def load(_pac: PAC) -> str:
        return case.text

    async def look_up(name: str) -> tuple[str, ...]:
        return case.names.get(name, ())

    async def own() -> tuple[str, ...]:
        return case.names[MINE]

    pac = PAC(f"http://wpad.test/{path.name}")
    with pytest.raises(ProxyConfigError) as caught:
        await ask(
            pac, parse_any_target("wss://h.test/?secret"), "a test", World(load, look_up, own)
        )
    said = str(caught.value)
    assert said.startswith(f"a test: the PAC script http://wpad.test/{path.name} ")
    assert "; " in said
    assert "in proxy=" in said
    assert "secret" not in said
