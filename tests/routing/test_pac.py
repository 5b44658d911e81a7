"""From a PAC script to an answer, in a world of the test's own; no file, no network."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
import trio
import trio.testing

from trio_wsproxy import PAC, ProxyConfigError
from trio_wsproxy._routing import _pac
from trio_wsproxy._routing._pac import MAX_KEPT, MAX_NAMES, NAME_PATIENCE, Answer, World, ask
from trio_wsproxy._routing._pac_engine import Outcome, Run
from trio_wsproxy._threads import ThreadsHang
from trio_wsproxy._urls import parse_any_target

pytest.importorskip("quickjs")


class Fake:
    """A world with these names.

    Attributes:
      asked: The names that were looked up.
      loads: How often a script was loaded.

    """

    def __init__(self, script: str = "", **names: tuple[str, ...]) -> None:
        self.names = names
        self.script = script
        self.asked: list[str] = []
        self.loads = 0

    async def load(self, _pac: PAC) -> str:
        await trio.lowlevel.checkpoint()
        self.loads += 1
        return self.script

    async def look_up(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        if name == "slow":
            await trio.sleep_forever()
        return self.names.get(name, ())

    async def own(self) -> tuple[str, ...]:
        return ("10.0.0.5",)

    async def ask(self, body: str, url: str = "wss://h.test/") -> Answer:
        """Ask a script with this body."""
        pac = PAC(f"function FindProxyForURL(url, host) {{ {body} }}")
        return await ask(
            pac, parse_any_target(url), "a test", World(self.load, self.look_up, self.own)
        )


async def test_names() -> None:
    """Each name is looked up once, whatever its case, in the order in which it is asked for."""
    fake = Fake(a=("10.0.0.1",), b=("10.0.0.2", "fd00::2"))
    answer = await fake.ask(
        'return "PROXY p" + [dnsResolve("A"), dnsResolveEx("b"), dnsResolve("a")].length + ":1"'
    )
    assert fake.asked == ["a", "b"]
    assert answer.names == (("a", ("10.0.0.1",)), ("b", ("10.0.0.2", "fd00::2")))
    assert answer.runs == 3


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a\\0b", "a\\u0000", "x".ljust(300, "x"), "..", "[", "\\ud800"]
)
async def test_no_names(name: str) -> None:
    """What can be no name is not looked up, and has no address."""
    fake = Fake()
    answer = await fake.ask(f'return dnsResolve("{name}") === null ? "DIRECT" : "PROXY bad:1"')
    assert answer.text == "DIRECT"
    assert fake.asked == []


async def test_slow_name(autojump_clock: trio.testing.MockClock) -> None:
    """A name that nobody answers has no address after a while."""
    answer = await Fake().ask('return isResolvable("slow") ? "PROXY bad:1" : "DIRECT"')
    assert answer.text == "DIRECT"
    assert answer.seconds == pytest.approx(NAME_PATIENCE)


@pytest.mark.parametrize(("count", "fine"), [(MAX_NAMES, True), (MAX_NAMES + 1, False)])
async def test_many_names(count: int, fine: bool) -> None:
    """Twenty names are looked up, and not one more."""
    fake = Fake()
    body = f'for (var i = 0; i < {count}; i++) dnsResolve("h" + i); return "DIRECT"'
    if fine:
        assert (await fake.ask(body)).runs == MAX_NAMES + 1
    else:
        with pytest.raises(ProxyConfigError, match="more than 20 names; it should compare names"):
            await fake.ask(body)
    assert len(fake.asked) == MAX_NAMES


async def test_query_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """The query of ws://, which the script gets, is in no message, record or answer."""
    caplog.set_level(logging.DEBUG)
    url = "ws://h.test/?sEcReT=1"
    answer = await Fake().ask('alert(url); return "FOO " + url + "; DIRECT"', url)
    assert "sEcReT" not in f"{answer}{caplog.text}"
    assert "says: ws://h.test/?…" in caplog.text
    told = str(await Fake().ask('return "PROXY ada:sEcReT@p:1; DIRECT"'))
    assert "sEcReT" not in told
    assert "'PROXY ***@p:1; DIRECT'" in told
    for body in ("throw url", "return url", "throw url.split('?')[1]", "return 'FOO ' + url"):
        with pytest.raises(ProxyConfigError) as caught:
            await Fake().ask(body, url)
        assert "sEcReT" not in str(caught.value)


async def test_no_way() -> None:
    """An answer that names no way is an error that shows it, not a direct connection."""
    with pytest.raises(ProxyConfigError) as caught:
        await Fake().ask('return "FOO a; PROXY"')
    assert str(caught.value).startswith(
        "a test: the PAC script (given as text) answered 'FOO a; PROXY' for h.test:443, which names "
        "no way ('FOO a' is no kind of proxy that is known; 'PROXY' has no host and port that make "
        "sense); an answer is such as 'PROXY host:port; DIRECT'; "
    )


async def test_each_dial_asks() -> None:
    """Loaded once, a script is asked for each dial, also for several at a time: it may draw lots."""
    body = "return 'PROXY p' + Math.random().toString().slice(2) + ':80'"
    fake = Fake(f"function FindProxyForURL() {{ {body} }}")
    world, answers = World(fake.load, fake.look_up, fake.own), set()

    async def find() -> None:
        answers.add(
            (await ask(PAC("http://h/"), parse_any_target("wss://h"), "a test", world)).text
        )

    await find()
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(find)
    assert (len(answers), fake.loads) == (4, 1)


async def test_few_are_kept() -> None:
    """Not more than some scripts are kept; another one is loaded again."""
    fake = Fake("function FindProxyForURL() { return 'DIRECT'; }")
    world = World(fake.load, fake.look_up, fake.own)
    for number in range(MAX_KEPT + 1):
        await ask(PAC(f"http://h/{number}"), parse_any_target("wss://h"), "a test", world)
    await ask(PAC("http://h/0"), parse_any_target("wss://h"), "a test", world)
    assert fake.loads == MAX_KEPT + 2


async def test_runs_that_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that the engine cannot interrupt is left behind; so many of them, and no more are run."""
    monkeypatch.setattr(_pac, "PATIENCE", 0.05)
    end = threading.Event()
    with monkeypatch.context() as patch:
        patch.setattr(_pac, "run_script", lambda *_: end.wait())
        with pytest.raises(ProxyConfigError, match="did not end in time"):
            await Fake().ask("return 'DIRECT'")
        end.set()
        while _pac._RUNS._threads.get().borrowed_tokens:  # it may not have begun yet
            await trio.sleep(0)

    async def hang(_call: Any, **_: Any) -> Any:
        raise ThreadsHang(4)

    monkeypatch.setattr(_pac._RUNS, "run", hang)
    with pytest.raises(ProxyConfigError, match="is not run: 4 runs do not end"):
        await Fake().ask("return 'DIRECT'")


async def test_runs_that_wait_for_others(
    monkeypatch: pytest.MonkeyPatch, mock_clock: trio.testing.MockClock
) -> None:
    """A run has all of its time from when it begins, however long others have kept it waiting."""
    ends: list[threading.Event] = []  # of each run that has begun
    answers: list[str] = []

    def run_script(*_: object) -> Run:
        end = threading.Event()
        ends.append(end)
        end.wait()
        return Run(Outcome.ANSWERED, "DIRECT")

    async def find() -> None:
        answers.append((await Fake().ask("")).text)

    monkeypatch.setattr(_pac, "run_script", run_script)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(find)
        while len(ends) < 2:
            await trio.sleep(0)
        mock_clock.jump(_pac.PATIENCE - 0.1)
        for end in ends[:2]:
            end.set()
        while len(ends) < 3 or len(answers) < 2:
            await trio.sleep(0)
        mock_clock.jump(0.2)
        await trio.testing.wait_all_tasks_blocked()
        ends[2].set()
    assert answers == ["DIRECT"] * 3
