"""What goes wrong in a universe, and when.

Theory of operation
-------------------

Each thing that a program asks of the network is an *operation*: a name is looked up, a socket connects,
sends, receives. Operations are counted from 1, in the order in which they happen. For each, the plan of
the universe is asked whether a fault strikes it. A plan is a frozen value with a ``repr`` that makes it
again; which faults have struck is recorded, and is itself a plan (:class:`At`), which a shrinker makes smaller.

=============  =======================  ==============================  =====================================
fault          ``resolve``              ``connect``                     ``send``, ``receive``
=============  =======================  ==============================  =====================================
``FAIL``       no such name             refused (RST)                   the connection is reset, both ways
``CUT``        temporary failure        unreachable                     the peer sees the end after some bytes
``STALL``      never answers            never answers                   dies silently: nothing passes any more
``SLOW``       seconds later            seconds later                   seconds later
``FULL``       as ``SLOW``              as ``SLOW``                     takes nothing for some seconds
``CANCEL``     cancels the subject      cancels the subject             cancels the subject
=============  =======================  ==============================  =====================================
"""

from __future__ import annotations

import enum
import random
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, NamedTuple, Protocol

from ._checks import check_mapping, check_members, check_number, check_probability, check_whole

OperationKind = Literal["resolve", "connect", "send", "receive"]


class Fault(enum.Enum):
    """See the table; the subject is what stands in a block of ``Universe.cancellable``."""

    FAIL = "fail"
    CUT = "cut"
    STALL = "stall"
    SLOW = "slow"
    FULL = "full"
    CANCEL = "cancel"

    def __repr__(self) -> str:
        return f"Fault.{self.name}"


class Operation(NamedTuple):
    """Something that a program asks of the network.

    Attributes:
      number (int): Counted from 1, over the whole universe.
      kind (str): ``"resolve"``, ``"connect"``, ``"send"`` or ``"receive"``.
      host (str): On which host.
      peer (str): The name or the host at the other end; ``""`` if nobody knows.
      connection (int): The number of the connection, 0 where there is none.
      time (float): When, in virtual seconds.

    """

    number: int
    kind: OperationKind
    host: str
    peer: str
    connection: int
    time: float


class Struck(NamedTuple):
    """A fault that has struck.

    Attributes:
      operation (Operation): What it struck.
      fault (Fault): How.

    """

    operation: Operation
    fault: Fault


class FaultPlan(Protocol):
    """Decides which operations fail; :class:`Nothing`, :class:`Chance` and :class:`At` are such plans."""

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        """Give the fault that strikes an operation, if one does.

        Args:
          operation: What is about to happen.
          chance: A generator for this purpose, seeded; a plan that asks it is reproducible.

        """


@dataclass(frozen=True)
class Nothing:
    """No operation fails."""

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        """Let it pass."""


@dataclass(frozen=True)
class Chance:
    """Each operation may fail, with the same probability.

    Args:
      probability: Of a fault, for each operation, 0 to 1.
      kinds: Which faults; each is as probable as the others.
      until: Virtual seconds after which nothing fails any more, so that recovery can be looked at.
      host: Only operations of this host fail, whichever of its names this is; of all hosts by default.

    """

    probability: float
    kinds: tuple[Fault, ...] = (Fault.FAIL, Fault.CUT, Fault.STALL, Fault.SLOW, Fault.FULL)
    until: float = float("inf")
    host: str | None = None

    def __post_init__(self) -> None:
        check_probability("probability", self.probability)
        check_kinds(self.kinds)
        check_number("until", self.until)

    def __repr__(self) -> str:
        return what_differs(self)

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        """Throw the dice."""
        if chance.random() >= self.probability or operation.time >= self.until:
            return None
        if self.host not in (None, operation.host):
            return None
        return chance.choice(self.kinds)


@dataclass(frozen=True)
class At:
    """The operations of these numbers fail: one for torture, two for pairs, any for a replay.

    Args:
      faults: Faults by the number of the operation.

    """

    faults: Mapping[int, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_mapping("At(faults)", self.faults, "{3: Fault.FAIL}")
        for number, fault in self.faults.items():
            check_whole("the number of an operation", number, least=1)
            if not isinstance(fault, Fault):
                raise TypeError(f"At({{{number}: {fault!r}}}): a Fault, such as Fault.FAIL")

    def strike(self, operation: Operation, chance: random.Random) -> Fault | None:
        """Look it up."""
        return self.faults.get(operation.number)

    def __repr__(self) -> str:
        return f"At({dict(sorted(self.faults.items()))!r})"


def check_kinds(kinds: Iterable[Fault]) -> tuple[Fault, ...]:
    """See that there are faults to choose from, and give them."""
    checked = check_members("kinds", kinds, Fault, "(Fault.FAIL, Fault.CUT)")
    if not checked:
        raise ValueError("kinds=(): at least one Fault; what never fails is Nothing()")
    return checked


def struck_by(plan: FaultPlan, operation: Operation, chance: random.Random) -> Fault | None:
    """Ask a plan, which may be anybody's."""
    fault = plan.strike(operation, chance)
    if fault is not None and not isinstance(fault, Fault):
        raise TypeError(f"{plan!r}: strike() gave {fault!r}, and should give a Fault or None")
    return fault


def what_differs(value: Any) -> str:
    """Write a dataclass as code: the fields that are not as usual."""
    parts = [
        f"{f.name}={getattr(value, f.name)!r}"
        for f in fields(value)
        if getattr(value, f.name) != _usual(f)
    ]
    return f"{type(value).__name__}({', '.join(parts)})"


def _usual(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()
