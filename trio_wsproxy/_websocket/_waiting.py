"""Where tasks of a connection wait: for one task a doorbell, for any number a bench.

trio's Event and ParkingLot do the same. These take a fraction of the memory, of which there are
thousands, and half the time, which counts at each message; and one can wait on a bench without
an exception when it is cancelled.
"""

from __future__ import annotations

import outcome
import trio


class Doorbell:
    """Lets one task sleep until another rings."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    def __bool__(self) -> bool:
        """Tell whether somebody sleeps."""
        return self._task is not None

    async def sleep(self) -> None:
        """Sleep until :meth:`ring`; a ring from before does not count.

        A cancelled call sleeps no more.
        """
        assert self._task is None
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def ring(self) -> None:
        """Wake the sleeper, if there is one."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)


class Bell(Doorbell):
    """The doorbell of a task that also waits in a cancel scope, from which it can be called.

    Attributes:
      alarm (trio.CancelScope | None): In which the task waits now.

    """

    __slots__ = ("alarm",)

    def __init__(self) -> None:
        super().__init__()
        self.alarm: trio.CancelScope | None = None

    def call(self) -> None:
        """Let the task look at everything anew, unless it is doing so."""
        if self._task is not None:
            self.ring()
        elif self.alarm is not None:
            self.alarm.cancel()

    async def sleep_until(self, deadline: float) -> None:
        """Sleep until :meth:`call`, or a time by trio's clock."""
        try:
            with trio.CancelScope(deadline=deadline) as self.alarm:
                await self.sleep()
        finally:
            self.alarm = None


class Bench:
    """Lets any number of tasks wait, first come, first served."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: dict[trio.lowlevel.Task, None] | None = None  # made when it is needed

    def __bool__(self) -> bool:
        """Tell whether somebody waits."""
        return bool(self._tasks)

    def _sit_down(self) -> trio.lowlevel.Task:
        task = trio.lowlevel.current_task()
        if self._tasks is None:
            self._tasks = {}
        self._tasks[task] = None
        return task

    def _stand_up(self, task: trio.lowlevel.Task) -> None:
        assert self._tasks is not None
        del self._tasks[task]
        if not self._tasks:
            self._tasks = None

    async def wait(self) -> None:
        """Wait to be woken; a cancelled call waits no more."""
        task = self._sit_down()

        def abort(_: object) -> trio.lowlevel.Abort:
            self._stand_up(task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def wait_in_vain(self) -> bool:
        """Wait to be woken, or to be cancelled, which raises nothing; tell which it was.

        For who has done already what it was called for, and must not claim otherwise.

        Returns:
          Whether it was woken.

        """
        task = self._sit_down()

        def abort(_: object) -> trio.lowlevel.Abort:
            # The cancellation stays due; the next checkpoint raises it.
            self._stand_up(task)
            trio.lowlevel.reschedule(task, outcome.Value(False))
            return trio.lowlevel.Abort.FAILED

        return bool(await trio.lowlevel.wait_task_rescheduled(abort))

    def wake_one(self) -> None:
        """Wake who has waited longest."""
        if self._tasks:
            self._wake(next(iter(self._tasks)))

    def wake_all(self) -> None:
        """Wake all who wait."""
        while self._tasks:
            self._wake(next(iter(self._tasks)))

    def _wake(self, task: trio.lowlevel.Task) -> None:
        self._stand_up(task)
        trio.lowlevel.reschedule(task, outcome.Value(True))
