"""What comes in: messages that nobody has taken yet, and the parts of the one that is arriving.

Whole messages wait in a queue. The parts of one that is not complete are kept until it is, or are
given to the stream of ``receive_stream()`` that has taken hold of it. A budget bounds what waits
here unread, in bytes of memory as Python uses it: past it, reading stops until somebody takes
something, and TCP tells the peer. Many small parts are joined to few, or their number would cost more
than what is in them.

Taking is one step without an ``await`` in it, so a cancelled receiver has taken nothing.

A stream waits and reads as ``receive()`` does. It takes hold of a message with the first part that it
takes; until the message is over, other receivers are refused rather than kept waiting for what may
never come, and whole messages behind it queue up. Let go in the middle, what is left of it is
skipped as it arrives.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import trio

from ._events import Fragment
from ._message_stream import MessageStream
from ._state import Life
from ._waiting import Bell, Bench

Message: TypeAlias = str | bytes

READ_AHEAD = 1024 * 1024  # bytes of memory that unread messages take, above which reading stops
SLOT = 8  # bytes that a queue or a list takes for each of its objects
FEW = 64  # small parts that are joined to one
SMALL = 1024  # bytes of memory up to which a part is small


class Parts:
    """Parts of one message, in few objects.

    Attributes:
      memory (int): Bytes that they take.
      complete (bool): The last one is here.

    """

    __slots__ = ("_large", "_small", "complete", "memory")

    def __init__(self) -> None:
        self._large: list[Message] = []
        self._small: list[Message] = []  # behind them
        self.memory = 0
        self.complete = False

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._large or self._small)

    def add(self, data: Message) -> None:
        """Put one behind the others."""
        memory = sys.getsizeof(data) + SLOT
        self.memory += memory
        if memory > SMALL and not self._small:
            self._large.append(data)
            return
        self._small.append(data)
        if memory > SMALL or len(self._small) >= FEW:
            self._join_small()

    def _join_small(self) -> None:
        self.memory -= sum(map(sys.getsizeof, self._small)) + SLOT * len(self._small)
        joined = _join(self._small)
        self.memory += sys.getsizeof(joined) + SLOT
        self._large.append(joined)
        self._small = []

    def join(self) -> Message:
        """Put them together."""
        return _join(self._large + self._small)


# Of all connections that have not received any yet: an empty deque takes more than 600 bytes.
_NO_MESSAGES: deque[Message] = deque(maxlen=0)


class Inbox:
    """The unread messages of one connection.

    Args:
      life: Of the connection.
      limit: Unread messages above which reading stops; ``None`` counts bytes only.
      emptied: Called where there may be room again for who has stopped reading.

    Attributes:
      messages (deque[Message]): Those that are whole.
      receiving (int): Tasks that wait for a message or a part.
      was_full (bool): When somebody last looked whether to read on.
      read_on_at (float): When reading went on after it had stopped.

    """

    __slots__ = (
        "_arriving",
        "_emptied",
        "_life",
        "_limit",
        "_part_reader",
        "_parts",
        "_receivers",
        "_skipping",
        "_unread",
        "messages",
        "read_on_at",
        "receiving",
        "was_full",
    )

    def __init__(self, life: Life, limit: int | None, emptied: Bell) -> None:
        self._life = life
        self._limit = limit
        self._emptied = emptied
        self.messages: deque[Message] = _NO_MESSAGES
        self._unread = 0  # bytes of memory that they take
        self._arriving: Parts | None = None  # of the message that is not complete
        self._part_reader: MessageStream | None = None  # has taken a part of a message
        self._parts: Parts | None = None  # of that message, not taken yet
        self._skipping = False  # the rest of a message whose stream was closed
        self._receivers = Bench()
        self.receiving = 0
        self.was_full = False  # somebody has stopped reading
        self.read_on_at = -math.inf

    @property
    def is_empty(self) -> bool:
        """Whether a message that arrives now is the first, and may be taken at once."""
        return not self.messages and self._part_reader is None and self._life.end is None

    # -- filling ------------------------------------------------------------------------

    @property
    def unread(self) -> int:
        """Bytes of memory that everything here takes."""
        unread = self._unread
        for parts in (self._arriving, self._parts):
            if parts is not None:
                unread += parts.memory
        return unread

    def is_full(self) -> bool:
        """Tell whether reading has to stop."""
        # Whoever waits may wait for a message that is larger than the budget.
        self.was_full = (
            not self.receiving
            and (
                self.unread >= READ_AHEAD
                or (
                    self._limit is not None and len(self.messages) > self._limit
                )  # trio-websocket's
            )
            and self._life.is_open
        )
        return self.was_full

    def deliver(self, message: Message) -> None:
        """Keep a whole message, and wake one who waits for it."""
        if self.messages is _NO_MESSAGES:
            self.messages = deque()
        self.messages.append(message)
        self._unread += sys.getsizeof(message) + SLOT
        self._receivers.wake_one()

    def collect(self, part: Fragment) -> None:
        """Keep a part for the stream that reads its message, or until the message is whole."""
        if self._skipping:
            self._skipping = not part.last
        elif self._part_reader is not None and not (self._parts and self._parts.complete):
            if self._parts is None:
                self._parts = Parts()
            self._parts.add(part.data)
            self._parts.complete = part.last
        else:
            if self._arriving is None:
                self._arriving = Parts()
            self._arriving.add(part.data)
            if part.last:
                message, self._arriving = self._arriving.join(), None
                self.deliver(message)
        self.wake_receivers()

    def clear(self) -> None:
        """Forget all of it: nobody will ask for it."""
        self.messages.clear()
        self._arriving = self._parts = None
        self._unread = 0

    def wake_receivers(self) -> None:
        """Let all who wait look again."""
        self._receivers.wake_all()

    def wake_one_receiver(self) -> bool:
        """Let one who waits look again, if there is one; tell whether there was."""
        waits = bool(self._receivers)
        self._receivers.wake_one()
        return waits

    def let_read_on(self) -> None:
        """Wake who has stopped reading, if there is room again."""
        if self.was_full and not self.is_full():
            self.read_on_at = trio.current_time()
            self._emptied.call()

    # -- taking whole messages ------------------------------------------------------------

    def take(self) -> Message:
        """Take the first message."""
        message = self.messages.popleft()
        self._unread -= sys.getsizeof(message) + SLOT
        if self.was_full:
            self.let_read_on()
        return message

    def has_message(self) -> bool:
        """Tell whether a whole message may be taken.

        Raises:
          trio.BusyResourceError: A stream is in the middle of one.

        """
        if self._part_reader is None:
            return bool(self.messages)
        self.check_reader(None)
        return False

    async def wait(self) -> None:
        """Wait for more; a cancelled call has taken nothing."""
        self.receiving += 1
        try:
            self.let_read_on()
            await self._receivers.wait()
        finally:
            self.receiving -= 1

    # -- taking a message in parts ---------------------------------------------------------

    def has_something(self) -> bool:
        """Tell whether a message, or a part of one, waits here."""
        return bool(self.messages or self._arriving or self._parts)

    def take_part(self, reader: MessageStream) -> tuple[Message, bool] | None:
        """Take what there is of the message at the front; tell whether that is its end.

        Returns:
          ``None`` where nothing has come.

        Raises:
          trio.BusyResourceError: Another stream is in the middle of a message.

        """
        self.check_reader(reader)
        if self._part_reader is None and self.messages:
            return self.take(), True
        if self._part_reader is None and self._arriving:
            self._part_reader = reader
            self._parts, self._arriving = self._arriving, None
        parts = self._parts
        if not parts:
            return None
        self._parts = None
        if parts.complete:
            self._part_reader = None
            self.wake_receivers()
        self.let_read_on()
        return parts.join(), parts.complete

    def discard_rest(self, reader: MessageStream) -> None:
        """Let go of a message that a stream does not want the rest of."""
        if self._part_reader is reader:
            self._skipping = not (self._parts and self._parts.complete)
            self._parts = self._part_reader = None
            self.wake_receivers()
            self.let_read_on()

    def check_reader(self, reader: MessageStream | None) -> None:
        """Refuse another reader in the middle of a message.

        Raises:
          trio.BusyResourceError: A stream is in the middle of a message.

        """
        if self._part_reader in (None, reader):
            return
        # Where the connection ended within the message, nobody can read that to its end.
        if self._parts or not self._life.exhausted():
            raise trio.BusyResourceError(
                "a stream of receive_stream() is in the middle of a message: "
                "read it to its end, or close it"
            )


def _join(parts: Sequence[Message]) -> Message:
    """Put the parts of a message together; they are all of one type."""
    return type(parts[0])().join(parts)  # type: ignore[arg-type]
