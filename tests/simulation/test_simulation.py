"""The laws hold in some universes that are always the same; ``python -m tests.simulation`` tries others."""

from __future__ import annotations

from types import SimpleNamespace

import _searching
import pytest
from _behaviours import BEHAVIOURS
from _laws import LAWS, LAWS_BEHIND
from _memory import MOST, SELDOM, left_in_memory
from _planting import plantable
from _routes import ROUTES
from _scenarios import LINKS, Case, case_of, smaller, try_case
from _searching import Tally

import trio_wsproxy._client
from trio_wsproxy import Proxy
from trio_wsproxy.testing.simulate import At, Fault, Nothing

SEEDS = 96  # universes in all; some seconds
AT_ONCE = 8


def broken(case: Case) -> str:
    """How laws are broken in a universe, and in a smaller one; nothing where they hold."""
    verdict = try_case(case)
    if not verdict.broken:
        return ""
    lines = [f"{law}: {how}" for law, how in verdict.broken]
    return "\n".join([f"{case}", *lines, f"smaller: {smaller(verdict)}"])


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_laws(first: int) -> None:
    """No law is broken, whatever strikes."""
    for seed in range(first, first + AT_ONCE):
        assert not broken(case_of(seed))


@pytest.mark.parametrize("route", range(len(ROUTES)), ids=[route.name for route in ROUTES])
def test_quiet_routes(route: int) -> None:
    """Where nothing strikes, everything works, on each route and on each kind of link."""
    for link in range(len(LINKS)):
        assert not broken(Case(1, route, "echo", link, Nothing(), at_most=3))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_quiet_behaviours(behaviour: str) -> None:
    """Likewise, whatever the client does."""
    assert not broken(Case(1, 3, behaviour, 0, Nothing()))


@pytest.mark.parametrize("fault", Fault, ids=[fault.name for fault in Fault])
@pytest.mark.parametrize("route", [0, 3, 16])
def test_each_operation(route: int, fault: Fault) -> None:
    """Each of the first operations is struck in turn, by each fault: nothing is left, and the place is told."""
    quiet = try_case(Case(1, route, "cancelled", 1, Nothing(), at_most=1))
    for number in range(1, min(quiet.universe.operations, 24) + 1):
        assert not broken(Case(1, route, "cancelled", 1, At({number: fault}), at_most=1))


def test_the_same_again() -> None:
    """A case has the same trace each time, whatever is in it; so a failure can be had again."""
    for seed in range(24):
        case = case_of(seed)
        first, again = try_case(case), try_case(case)
        assert first.universe.trace.lines == again.universe.trace.lines, case


def test_mutations_can_be_planted() -> None:
    """Each planted fault changes a place that is there, once; that laws notice it, ``--mutations`` shows."""
    assert len(plantable()) >= 100


def test_laws_have_words() -> None:
    """Each law says what holds."""
    assert all(law.__doc__ for law in (LAWS | LAWS_BEHIND).values())


def test_objects_in_memory() -> None:
    """What a universe has made and something still holds is told; what nobody holds is not."""
    with left_in_memory():
        Proxy("http://one.test:1")  # imports what it needs
    with left_in_memory() as left:
        Proxy("http://one.test:1")
    assert left == []
    with left_in_memory() as left:
        held = Proxy("http://one.test:1")
    assert left == ["1 of trio_wsproxy.Proxy"]
    del held


def test_entries_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container on module level that gets more entries than a cache has is told, once."""
    everything: list[str] = []
    monkeypatch.setattr(trio_wsproxy._client, "everything", everything, raising=False)
    told: list[str] = []
    for size in (0, MOST, MOST + 1, MOST + 1):
        everything[:] = ["message"] * size
        for _ in range(SELDOM):
            with left_in_memory() as left:
                pass
            told += left
    assert told == [f"trio_wsproxy._client.everything has {MOST + 1} entries"]


@pytest.mark.parametrize(
    ("same", "new", "once_more", "code"),
    [
        ([], [], 0, 0),
        ([3], [], 0, 1),
        ([3], [70], 1, 1),
        ([], [70], 1, _searching.IN_A_NEW_ONE),
        ([], [70], 0, 0),  # not broken in a process of its own
    ],
)
def test_what_fails_in_ci(
    same: list[int],
    new: list[int],
    once_more: int,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A broken law fails in a universe that is always tried; in a new one it is told if it is broken there again."""
    tried: list[list[str]] = []

    def search(first: int, most: int, *_: object, jobs: int) -> Tally:
        assert jobs == 2
        return Tally(count=min(most, 10), broken=new if first else same)

    def run(arguments: list[str], **_: object) -> SimpleNamespace:
        tried.append(arguments[1:])
        return SimpleNamespace(returncode=once_more)

    monkeypatch.setattr(_searching, "search", search)
    monkeypatch.setattr("subprocess.run", run)
    assert _searching.bounded(10, 50, 60.0, 2) == code
    assert tried == [["-m", "tests.simulation", "--replay", "70"]] * len(new)
    told = capsys.readouterr().out
    assert all(f"universe {number}, once more: " in told for number in new)


def test_counted() -> None:
    """Universes are counted by scenario, route and fault, and each law is there, broken or not."""
    tally = Tally()
    for first in (0, 3):
        tally.add(_searching.try_some(first, 3, "echo"))
    assert tally.count == tally.by["scenario"]["echo"] == tally.by["route"].total() == 6
    assert tally.by["law"] == dict.fromkeys((*LAWS, *LAWS_BEHIND), 0)
    assert tally.by["fault"]
    assert not tally.found
    assert [line.partition(":")[0] for line in str(tally).splitlines()] == [
        "by scenario",
        "by route",
        "by fault",
        "by law",
    ]
