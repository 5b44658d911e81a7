"""Looking for universes in which a program fails, and making those small.

* :func:`torture` lets each operation of a program fail in turn (as curl's tests do with ``-t``);
* :func:`pairs` lets two of them fail, chosen by chance;
* :func:`shrink` takes faults away from a failing universe, then operations, as long as it fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any

from trio_wsproxy.testing._server import leaves

from ._chance import generator
from ._checks import check_type, check_whole
from ._faults import At, Fault, check_kinds
from ._network import Network
from ._universe import DAY, Universe

Program = Callable[[], Awaitable[Any]]

KINDS = (Fault.FAIL, Fault.CUT, Fault.STALL, Fault.CANCEL)
MANY = 1 << 10  # what a shrinker begins with; more than any program does in a universe


def torture(
    main: Program,
    *,
    seed: int = 0,
    network: Network | None = None,
    kinds: Iterable[Fault] = KINDS,
    limit: float = 7 * DAY,
) -> int:
    """Run a program once for each of its operations and each fault, which strikes that operation.

    Faults of ``network`` are not played. The program has to bear all of them: what it raises ends the search.

    Args:
      main: The program, without arguments.
      seed: Of all these universes.
      network: What they are like.
      kinds: Which faults: ``FAIL``, ``CUT``, ``STALL`` and ``CANCEL`` by default, the last one where the program has a
        block of :meth:`Universe.cancellable`.
      limit: Of each, as for :func:`run`.

    Returns:
      How many universes there were.

    Raises:
      ValueError: The program asks nothing of the network, or there is nothing to cancel and no other kind.
      BaseException: What the program raises, with the line as a note that runs that universe once more.

    """
    network = _checked(network)
    wanted = check_kinds(kinds)
    quiet = _lived_quietly(seed, network, main, limit)
    count = 0
    for number in range(1, quiet.operations + 1):
        for kind in _possible(wanted, quiet):
            Universe(seed, replace(network, faults=At({number: kind})), limit=limit).run(main)
            count += 1
    return count


def _checked(network: Network | None) -> Network:
    network = Network() if network is None else network
    check_type("network", network, Network)
    return network


def _lived_quietly(seed: int, network: Network, main: Program, limit: float) -> Universe:
    """Run a program where nothing fails, and see that something could."""
    quiet = Universe(seed, replace(network, faults=At()), limit=limit)
    quiet.run(main)
    if not quiet.operations:
        raise ValueError("nothing can fail: the program has asked nothing of the network")
    return quiet


def _possible(kinds: tuple[Fault, ...], quiet: Universe) -> tuple[Fault, ...]:
    """Leave out what would do nothing."""
    possible = tuple(k for k in kinds if k is not Fault.CANCEL or quiet.has_a_subject)
    if not possible:
        raise ValueError(
            "nothing can be cancelled: the program has no block of Universe.cancellable"
        )
    return possible


def pairs(
    main: Program,
    count: int,
    *,
    seed: int = 0,
    network: Network | None = None,
    kinds: Iterable[Fault] = KINDS,
    limit: float = 7 * DAY,
) -> int:
    """Run a program in some universes, in each of which two faults strike at random operations.

    Args:
      main: The program, without arguments.
      count: In how many.
      seed: Of the choice.
      network: What they are like.
      kinds: Which faults.
      limit: Of each, as for :func:`run`.

    Returns:
      ``count``.

    Raises:
      BaseException: As for :func:`torture`.

    """
    network = _checked(network)
    check_whole("count", count, least=1)
    wanted = check_kinds(kinds)
    quiet = _lived_quietly(seed, network, main, limit)
    dice, choice = generator(seed, "pairs"), _possible(wanted, quiet)
    for number in range(count):
        faults = {dice.randint(1, quiet.operations): dice.choice(choice) for _ in range(2)}
        Universe(seed + number, replace(network, faults=At(faults)), limit=limit).run(main)
    return count


def shrink(
    main: Program,
    *,
    seed: int,
    network: Network | None = None,
    fails: Callable[[Universe], bool] | None = None,
    at_most: int | None = None,
    limit: float = 7 * DAY,
) -> Universe:
    """Look for the smallest universe in which a program still fails: fewer faults, then fewer operations.

    Args:
      main: The program, without arguments. Only what it asks :meth:`Universe.times` for can be made less.
      seed: Of the universe in which it fails.
      network: Of that universe.
      fails: Runs the program in the given universe and tells whether it fails; by default it fails if it
        raises what it raises now.
      at_most: Of that universe, as for :func:`run`.
      limit: Likewise.

    Returns:
      The smallest that was found; it has run, and its :meth:`~Universe.replay` runs it once more.

    Raises:
      ValueError: It does not fail.

    """
    first, known = (Universe(seed, network, at_most=at_most, limit=limit) for _ in range(2))
    fails = fails or _raises_the_same(main, known)
    if not fails(first):
        raise ValueError("there is nothing to shrink: the program does not fail in this universe")
    smallest = _as_list_of_faults(first, fails)
    smallest = _with_fewer_faults(smallest, fails)
    smallest = _with_fewer_operations(smallest, fails)
    return _with_fewer_faults(smallest, fails)


def _raises_the_same(main: Program, universe: Universe) -> Callable[[Universe], bool]:
    known = _raised(main, universe)
    return lambda other: bool(known) and _raised(main, other) == known


def _raised(main: Program, universe: Universe) -> set[type[BaseException]]:
    """Give the classes of what the program raises, without the groups around it."""
    try:
        universe.run(main)
    except (KeyboardInterrupt, SystemExit):  # these are for whoever looks on
        raise
    except BaseException as exc:  # pytest.fail() raises no Exception
        return {type(leaf) for leaf in leaves(exc)}
    return set()


def _try(universe: Universe, fails: Callable[[Universe], bool], **changes: Any) -> Universe | None:
    """Make another universe, and give it if the program fails there, too."""
    faults = changes.get("faults", universe.network.faults)
    other = Universe(
        universe.seed,
        replace(universe.network, faults=faults),
        at_most=changes.get("at_most", universe.at_most),
        limit=universe.limit,
    )
    return other if fails(other) else None


def _as_list_of_faults(universe: Universe, fails: Callable[[Universe], bool]) -> Universe:
    return _try(universe, fails, faults=universe.faults) or universe


def _with_fewer_faults(universe: Universe, fails: Callable[[Universe], bool]) -> Universe:
    """Take away halves, quarters, single ones."""
    plan = universe.network.faults
    if not isinstance(plan, At):
        return universe
    size = max(1, len(plan.faults) // 2)
    while size:
        numbers = sorted(universe.faults.faults)
        for start in range(0, len(numbers), size):
            gone = set(numbers[start : start + size])
            kept = {n: f for n, f in universe.faults.faults.items() if n not in gone}
            smaller = _try(universe, fails, faults=At(kept))
            if smaller is not None:
                universe = smaller
                break
        else:
            size //= 2
    return universe


def _with_fewer_operations(universe: Universe, fails: Callable[[Universe], bool]) -> Universe:
    """Find how few of everything will do; a fault that is needed then may strike elsewhere."""
    too_few, most = 0, 1
    while most < MANY:
        smaller = _try(universe, fails, at_most=most)
        if smaller is not None:
            break
        too_few, most = most, 2 * most
    else:
        return universe
    while most - too_few > 1:  # between the last two
        middle = (too_few + most) // 2
        found = _try(universe, fails, at_most=middle)
        if found is None:
            too_few = middle
        else:
            most, smaller = middle, found
    return smaller
