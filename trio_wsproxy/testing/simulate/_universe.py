"""One run of a trio program in a universe of its own."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trio_wsproxy.testing._here import IN_A_UNIVERSE

from . import _pace
from ._again import line_for
from ._chance import generator, seeded
from ._checks import check_number, check_type, check_whole
from ._faults import At, Struck
from ._network import Network
from ._outside import check_that_no_trio_runs, without_gc
from ._real import without_what_is_real
from ._resolver import Factory, Resolver
from ._trace import Trace
from ._waiting import places
from ._world import World

if TYPE_CHECKING:
    from ._connection import Connection

ResultT = TypeVar("ResultT")
ServerT = TypeVar("ServerT")
ThingT = TypeVar("ThingT")

DAY = 86_400.0  # seconds
SHOWN = 10  # faults of a universe; one that has so many is for the shrinker

_current: trio.lowlevel.RunVar[Universe]
_current = trio.lowlevel.RunVar("trio_wsproxy.universe")


class LeftOpen(AssertionError):
    """The program has returned, and left sockets open."""


class NothingHappens(AssertionError):
    """The program waits for what will never come, or for longer than a universe lasts."""


class Universe:
    """A network, a clock and chance for one run of a program; made by :func:`run`, or to be looked at afterwards.

    Args:
      seed: Of everything in it; the same seed is the same universe.
      network: What the network is like, and what goes wrong.
      at_most: Bounds what :meth:`times` gives; a shrinker lowers it.
      limit: Virtual seconds after which it ends with :exc:`NothingHappens`, a week by default.

    Attributes:
      seed (int): As given.
      network (Network): As given.
      at_most (int | None): As given.
      limit (float): As given.
      command (str | None): The line that runs it again; set it before it runs where that is known better than by itself,
        by a test for example.
      has_a_subject (bool): The program has had a block of :meth:`cancellable`.

    """

    def __init__(
        self,
        seed: int,
        network: Network | None = None,
        *,
        at_most: int | None = None,
        limit: float = 7 * DAY,
    ) -> None:
        self.seed = check_whole("seed", seed)
        self.network = Network() if network is None else network
        check_type("network", self.network, Network)
        self.at_most = None if at_most is None else check_whole("at_most", at_most, least=0)
        check_number("limit", limit, above=0)
        self.limit = limit
        self._world = World(self.seed, self.network)
        self._choices = generator(self.seed, "program")
        self._used = False
        self._why_over = ""
        self.command: str | None = None
        self.has_a_subject = False

    def __repr__(self) -> str:
        return f"Universe({self._arguments()})"

    def _arguments(self) -> str:
        few = "" if self.at_most is None else f", at_most={self.at_most}"
        return f"seed={self.seed}, network={self.network!r}{few}"

    # -- running --------------------------------------------------------------------------------

    def run(self, main: Callable[..., Awaitable[ResultT]], *args: Any) -> ResultT:
        """Run a program in it, once; see :func:`run`."""
        __tracebackhide__ = True  # what a test does is above this
        if self._used:
            raise RuntimeError("a universe runs once; make another one of the same seed")
        check_that_no_trio_runs()
        if inspect.iscoroutine(main):
            main.close()
            raise TypeError(
                f"run({main.__name__}(…)): a universe calls its program itself; write run({main.__name__}, …)"
            )
        self._used = True
        try:
            with seeded(self.seed), without_gc(), _pace.threads_that_wait(), without_what_is_real():
                return trio.run(self._main, main, args, clock=self._world.clock)
        except BaseException as exc:
            self._note_command(main, args)
            _add_note(exc, self.replay())
            raise
        finally:
            self._note_command(main, args)
            self._world.forget()

    def _note_command(self, main: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Write down now what runs it again: a program that is kept may keep all that it has made."""
        if self.command is None:
            self.command = line_for(self, main, args)

    def replay(self) -> str:
        """Say which faults have struck, and give the line that runs it again.

        That is a line for a shell where the program is a function of a module and its arguments can be written down;
        else it is a call of :func:`run`.
        """
        if self.command is None:
            return f"not run yet: {self!r}"
        struck = [_told(s) for s in self.struck[:SHOWN]]
        if len(self.struck) > SHOWN:
            struck.append(f"  and {len(self.struck) - SHOWN} more")
        told = ["faults that struck:", *struck] if struck else []
        return "\n".join([*told, "once more:", f"  {self.command}"])

    async def _main(
        self, main: Callable[..., Awaitable[ResultT]], args: tuple[Any, ...]
    ) -> ResultT:
        __tracebackhide__ = True  # what a test does is above this
        world = self._world
        _current.set(self)
        IN_A_UNIVERSE.set(True)
        trio.socket.set_custom_hostname_resolver(Resolver(world))
        trio.socket.set_custom_socket_factory(Factory(world))
        trio.lowlevel.spawn_system_task(world.pump)
        with trio.CancelScope() as over:
            self._set_bounds(over)
            result = await self._call(main, args)
            left = sorted(map(repr, world.sockets.values()))
            if left and not self._why_over:
                raise LeftOpen(f"{len(left)} sockets were left open: {', '.join(left)}")
        if self._why_over:
            raise NothingHappens(self._why_over)
        return result

    def _set_bounds(self, over: trio.CancelScope) -> None:
        """End the program at the limit, or when it goes round in circles."""
        program = trio.lowlevel.current_task()
        program.name = "main"  # whatever it is called, that is what it was given as

        def end(why: str) -> None:
            if not self._why_over:
                self._why_over = f"{why}\n{places(program)}"
                over.cancel()

        late = (
            f"after {self.limit:g} virtual seconds the program had not returned: it waits for something that "
            "will not come, or lasts longer than its universe. Its tasks wait at these lines:"
        )
        spins = (
            f"{_pace.MOST_TURNS} turns of the scheduler passed at one moment of virtual time: a task goes round in "
            "circles without waiting for anything. Its tasks were at these lines:"
        )
        self._world.at(self.limit, partial(end, late))
        trio.lowlevel.add_instrument(_pace.Pace(self._world.clock, partial(end, spins)))

    async def _call(
        self, main: Callable[..., Awaitable[ResultT]], args: tuple[Any, ...]
    ) -> ResultT:
        __tracebackhide__ = True  # what a test does is above this
        awaitable: object = main(*args)
        if not inspect.isawaitable(awaitable):
            raise TypeError(f"{main!r} is no async function: it gave {awaitable!r}")
        try:
            result: ResultT = await awaitable
        except Exception as exc:
            if self._why_over:
                _add_note(exc, f"its universe ended: {self._why_over}")
            raise
        return result

    # -- for the program --------------------------------------------------------------------------

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Let servers and connections that begin in the block be those of a host of the network.

        ``localhost`` and loopback addresses are the host's own there, and it connects from its own address.

        Args:
          host: One of the network's names, or ``"here"``.

        Raises:
          ValueError: The network has no such host.

        """
        with self._world.on(host):
            yield

    @asynccontextmanager
    async def serve(
        self,
        host: str,
        server: Callable[..., AbstractAsyncContextManager[ServerT]],
        *,
        address: str | None = None,
        **options: Any,
    ) -> AsyncIterator[ServerT]:
        """Run a server of :mod:`trio_wsproxy.testing` on a host, at its first address.

        ::

            async with universe.serve("proxy.test", open_http_proxy, credentials=("ada", "secret")) as proxy:
                url = proxy.url_for(host="proxy.test")

        Args:
          host: One of the network's names, or ``"here"``.
          server: A function such as :func:`.open_echo_server`; it is called with ``host`` and the options.
          address: Another one of the host's addresses, or ``"::"`` for all of them.
          options: Whatever else it is called with.

        Raises:
          ValueError: The network has no such host.

        """
        async with AsyncExitStack() as stack:
            with self.on(host), self._world.of_both_families():
                running = await stack.enter_async_context(
                    server(host=address or self.address(host), **options)
                )
            yield running

    def address(self, host: str) -> str:
        """Give the first address of a host; a :exc:`ValueError` if the network has none of that name."""
        for address in self.network.addresses_of(host):
            return address
        raise ValueError(f"host {host!r} has no address in this network")

    @contextmanager
    def cancellable(self) -> Iterator[trio.CancelScope]:
        """Make the block the subject that the fault ``CANCEL`` cancels."""
        self.has_a_subject = True
        with trio.CancelScope() as scope:
            self._world.on_cancel.append(scope)
            try:
                yield scope
            finally:
                self._world.on_cancel.remove(scope)

    def times(self, most: int, least: int = 1) -> int:
        """Choose a number for the program, from its seed: how many messages, bytes, connections.

        Args:
          most: At most so many, or :attr:`at_most` where that is less.
          least: At least so many.

        """
        number = self._choices.randint(least, max(least, most))
        return number if self.at_most is None else max(least, min(number, self.at_most))

    def choice(self, options: Sequence[ThingT]) -> ThingT:
        """Choose one of some things for the program, from its seed.

        Args:
          options: In an order that is always the same; no set.

        """
        return self._choices.choice(options)

    def bytes(self, size: int) -> bytes:
        """Make bytes for the program, from its seed."""
        return self._choices.randbytes(size)

    def cut_off(self, host: str) -> None:
        """Pull a host's plug: its connections die silently, and nobody reaches it until :meth:`restore`.

        Raises:
          ValueError: The network has no such host; likewise below.

        """
        self._world.down.add(self.network.machine(host))
        self._world.note(self.network.machine(host), "is cut off")
        for connection in self._connections_of(host):
            if len(set(connection.hosts)) > 1:  # with itself it goes on
                connection.die()

    def restore(self, host: str) -> None:
        """Let a host be reached again; the connections of before stay dead."""
        self._world.down.discard(self.network.machine(host))
        self._world.note(self.network.machine(host), "is restored")

    def reset(self, host: str) -> None:
        """Reset all connections of a host."""
        for connection in self._connections_of(host):
            connection.break_now()

    def _connections_of(self, host: str) -> list[Connection]:
        machine = self.network.machine(host)
        return [c for c in self._world.connections if machine in c.hosts]

    # -- what has happened ------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """What has happened on the network, and a digest of it."""
        return self._world.trace

    @property
    def struck(self) -> list[Struck]:
        """The faults that have struck, in order."""
        return self._world.struck

    @property
    def faults(self) -> At:
        """The same as a plan, which lets them strike again."""
        return At({s.operation.number: s.fault for s in self.struck})

    @property
    def operations(self) -> int:
        """How many operations there were so far."""
        return self._world.operations

    @property
    def open_sockets(self) -> list[str]:
        """The sockets that are open now: on which host, from where to where."""
        return [repr(socket) for socket in self._world.sockets.values()]


def current_universe() -> Universe:
    """Give the universe that the current task is in.

    Raises:
      RuntimeError: It is in the real one.

    """
    try:
        return _current.get()
    except (LookupError, RuntimeError):  # of the real one, or none of trio's
        raise RuntimeError("this program does not run in a simulated universe") from None


def _told(struck: Struck) -> str:
    number, kind, host, peer, _, time = struck.operation
    return f"  {number}: {struck.fault.value} ({kind} of {host!r}, {peer!r}, after {time:.3f} s)"


def _add_note(exc: BaseException, note: str) -> None:
    if hasattr(exc, "add_note"):
        exc.add_note(note)
    else:  # Python 3.10
        print(note, file=sys.stderr)  # noqa: T201  # there is nowhere else to put it
