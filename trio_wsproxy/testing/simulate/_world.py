"""The inside of a universe: its time, its events, who listens where, and what goes wrong.

Theory of operation
-------------------

Time is a :class:`trio.testing.MockClock` that jumps when all tasks wait. What the network does later is an event
in a heap, and one system task, the pump, sleeps until the first of them is due. So the network is for trio
what any sleeping task is: :func:`trio.testing.wait_all_tasks_blocked` returns before time goes on.

All of it happens in trio's thread and in an order that depends on the seed alone: events of one moment in
the order in which they were made, tasks as :mod:`._chance` has it.
"""

from __future__ import annotations

import contextvars
import heapq
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio
import trio.testing

from ._chance import generator
from ._faults import Fault, Operation, OperationKind, Struck, struck_by
from ._network import HERE, Network
from ._trace import Trace

if TYPE_CHECKING:
    from ._connection import Connection
    from ._socket import SimulatedSocket
    from ._transfer import Transfer

FIRST_PORT = (
    49152  # of those that are given to who asks for none in particular (RFC 6335 section 6)
)
FIRST_DESCRIPTOR = 1 << 30  # far above any that the system has open: a mistake meets no file

_host: contextvars.ContextVar[str] = contextvars.ContextVar("trio_wsproxy.simulated_host")

_both_families: contextvars.ContextVar[bool]
_both_families = contextvars.ContextVar("trio_wsproxy.simulated_families", default=False)


class World:
    """See the theory of operation above.

    Args:
      seed: Of all that is chosen here.
      network: What it is like.

    Attributes:
      network (Network): As given.
      chance (random.Random): For what the network does.
      trace (Trace): What has happened.
      struck (list[Struck]): The faults so far, in order.
      operations (int): How many there were.
      sockets (dict[int, Transfer]): Those that are open.
      connections (list[Connection]): All so far.
      down (set[str]): Hosts that are cut off.
      clock (trio.testing.MockClock): Of the run.
      on_cancel (list[trio.CancelScope]): What :attr:`Fault.CANCEL` cancels.

    """

    def __init__(self, seed: int, network: Network) -> None:
        self.network = network
        self.chance = generator(seed, "network")
        self._fate = generator(seed, "faults")
        self.trace = Trace()
        self.struck: list[Struck] = []
        self.operations = 0
        self.sockets: dict[int, Transfer] = {}
        self.listeners: dict[tuple[str, str, int], SimulatedSocket] = {}
        self.connections: list[Connection] = []
        self.down: set[str] = set()
        self.on_cancel: list[trio.CancelScope] = []
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._ports = itertools.count(FIRST_PORT)
        self._descriptors = itertools.count(FIRST_DESCRIPTOR)
        self._alarm: trio.CancelScope | None = None
        self.clock = trio.testing.MockClock(autojump_threshold=0)

    # -- time -------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.clock.current_time()

    def note(self, where: str, what: str) -> None:
        """Add a line to the trace."""
        self.trace.add(self.now, where, what)

    def at(self, time: float, action: Callable[[], object]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._events, (time, next(self._order), action))
        if self._alarm is not None and time < self._alarm.deadline:
            self._alarm.deadline = time

    def forget(self) -> None:
        """Forget what would have happened later, and with it the tasks of the program: the run is over."""
        self._events.clear()

    async def pump(self) -> None:
        """Let happen what is due, for ever."""
        while True:
            due = self._events[0][0] if self._events else math.inf
            with trio.CancelScope(deadline=due) as self._alarm:
                await trio.sleep_forever()
            if not self._alarm.cancelled_caught:
                return
            self._alarm = None
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()

    # -- places -----------------------------------------------------------------------------

    @property
    def here(self) -> str:
        """The host that the current task runs on."""
        return _host.get(HERE)

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Let what begins in the block run on a host."""
        token = _host.set(self.network.machine(host))  # raises ValueError
        try:
            yield
        finally:
            _host.reset(token)

    @property
    def both_families(self) -> bool:
        """Tell whether a listener that begins now hears IPv4 at an IPv6 address, too, whatever its options say."""
        return _both_families.get()

    @contextmanager
    def of_both_families(self) -> Iterator[None]:
        """Let listeners that begin in the block hear both."""
        token = _both_families.set(True)
        try:
            yield
        finally:
            _both_families.reset(token)

    def free_port(self) -> int:
        """Give a port that nobody has had."""
        return next(self._ports)

    def adopt(self, socket: Transfer) -> int:
        """Note a new socket, and give its descriptor."""
        descriptor = next(self._descriptors)
        self.sockets[descriptor] = socket
        return descriptor

    def listener_at(self, host: str, address: str, port: int) -> SimulatedSocket | None:
        """Find who listens on a host, at an address or at all of them."""
        everywhere = "::" if ":" in address else "0.0.0.0"  # noqa: S104  # nothing is bound here
        for candidate in (address, everywhere, "::"):
            listener = self.listeners.get((host, candidate, port))
            if listener is not None and listener.hears(address):
                return listener
        return None

    def is_silent(self, here: str, host: str | None, address: str) -> bool:
        """Tell whether nothing comes back from there; a host reaches itself without a cable."""
        cut_off = here != host and not self.down.isdisjoint((here, host))
        return address in self.network.black_holes or cut_off

    # -- what goes wrong ----------------------------------------------------------------------

    def operation(
        self, kind: OperationKind, host: str, peer: str, connection: int = 0
    ) -> Fault | None:
        """Count an operation; give the fault that strikes it, which is recorded."""
        self.operations += 1
        operation = Operation(self.operations, kind, host, peer, connection, self.now)
        fault = struck_by(self.network.faults, operation, self._fate)
        if fault is not None:
            self.struck.append(Struck(operation, fault))
            where = f"operation {operation.number} {host}>{peer}"
            self.trace.add(self.now, where, f"{kind} {fault.value}")
            if fault is Fault.CANCEL:
                for scope in self.on_cancel:
                    scope.cancel()
        return fault

    def some_seconds(self) -> float:
        """Choose how long something takes that is slow."""
        return self.chance.uniform(0.5, 5.0)
