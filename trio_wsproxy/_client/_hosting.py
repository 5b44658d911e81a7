"""A nursery for the length of a block, and never an exception group.

Theory of operation
-------------------

An ``async with`` of this package hosts something that runs tasks: a connection, or a row of
them. Its tasks need a nursery, and a nursery wraps what is raised in its block in a group. So
the block's exception is kept while the nursery ends and raised outside of it, and the guest's
own tasks record what happened instead of raising.

How the ``open_…`` context managers end
---------------------------------------

==========================  ============================  ==============================
the block ends by           meanwhile, leaving            the caller sees
==========================  ============================  ==============================
its end                     succeeds                      nothing
its end                     takes ``disconnect_timeout``  DisconnectionTimeout
its end                     is cancelled                  Cancelled, passed on
its end                     meets Ctrl-C                  KeyboardInterrupt
an exception of the user's  anything but Ctrl-C           that exception itself
an exception of the user's  Ctrl-C                        KeyboardInterrupt; the exception
                                                          is its ``__context__``
Cancelled                   closes at once                Cancelled, passed on
==========================  ============================  ==============================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeAlias, TypeVar

import trio

from ._misuse import NotYet, check_trio

GuestT = TypeVar("GuestT")
Leave: TypeAlias = Callable[[BaseException | None], Awaitable[None]]


# Ctrl-C between two lines of this would leave a task that nothing can stop. It is kept off
# here, and not off the user's block; where this waits, trio delivers it.
class hosted(NotYet, AbstractAsyncContextManager[GuestT]):  # noqa: N801  # used like a function
    """Give something a nursery of its own for the length of a block, and no exception group.

    See the table at the head of this file. A class, for two generators, one around the other,
    would cost each connection a kilobyte.

    Args:
      begin: Makes it, in the nursery; gives it, and what ends it when the block has ended, by an
        exception or normally.

    """

    __slots__ = ("_begin", "_leave", "_nursery_manager")

    def __init__(self, begin: Callable[[trio.Nursery], tuple[GuestT, Leave]]) -> None:
        self._begin: Callable[[trio.Nursery], tuple[GuestT, Leave]] | None = begin

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> GuestT:
        check_trio()
        begin, self._begin = self._begin, None
        if begin is None:
            raise entered_already()
        self._nursery_manager = trio.open_nursery()
        nursery = await self._nursery_manager.__aenter__()
        guest, self._leave = begin(nursery)
        return guest

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leaving: BaseException | None = None
        try:
            # Whatever is raised here is kept, for the nursery would wrap it in a group.
            try:
                await self._leave(error)
            except BaseException as exc:
                leaving = exc
            await self._nursery_manager.__aexit__(None, None, None)
            if leaving is not None and (error is None or isinstance(leaving, KeyboardInterrupt)):
                leaving.__context__ = error or leaving.__context__
                raise leaving
        finally:
            del error, leaving  # no cycle through this frame


def entered_already() -> RuntimeError:
    """Make the error for a second ``async with`` of the same object."""
    return RuntimeError("this context manager has been entered already; make another one")
