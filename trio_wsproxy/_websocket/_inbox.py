"""What comes in: messages that nobody has taken yet, and the parts of the one that is arriving.

Whole messages wait in a queue. The parts of one that is not complete are kept until it is, or are
given to the stream of ``receive_stream()`` that has taken hold of it. A budget bounds what waits
here unread: past it, reading stops until somebody takes something, and TCP tells the peer.

Taking is one step without an ``await`` in it, so a cancelled receiver has taken nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

import trio

from ._doorbell import Doorbell
from ._message_stream import MessageStream
from ._protocol import Fragment
from ._state import Life

Message: TypeAlias = str | bytes

READ_AHEAD = 1024 * 1024  # bytes unread, above which reading stops
MESSAGE_COST = 128  # bytes that an unread message counts beside its own; Python needs as much

# Of all connections that have not received any yet: an empty deque takes more than 600 bytes.
_NO_MESSAGES: deque[Message] = deque(maxlen=0)


class Inbox:
    """The unread messages of one connection.

    Args:
      life: Of the connection.
      limit: Unread messages above which reading stops; ``None`` counts bytes only.

    Attributes:
      read_on (Doorbell): Where who reads waits while too much is unread.
      quiet_until (float): When reading went on; until then silence was of our making.

    """

    __slots__ = (
        "_fragments",
        "_life",
        "_limit",
        "_part_reader",
        "_parts",
        "_receivers",
        "_receiving",
        "_skipping",
        "messages",
        "quiet_until",
        "read_on",
        "unread",
    )

    def __init__(self, life: Life, limit: int | None) -> None:
        self._life = life
        self._limit = limit
        self.messages: deque[Message] = _NO_MESSAGES
        self.unread = 0  # bytes of what waits here, see MESSAGE_COST
        self._fragments: list[Message] = []  # of the message that is arriving
        self._part_reader: MessageStream | None = None  # has taken a part of a message
        self._parts: list[Fragment] = []  # for it; the last one ends its message
        self._receiving = 0  # tasks that wait for a message or a part
        self._skipping = False  # the rest of a message whose stream was closed
        self._receivers = trio.lowlevel.ParkingLot()
        self.read_on = Doorbell()
        self.quiet_until = trio.current_time()

    # -- filling ------------------------------------------------------------------------

    def is_full(self) -> bool:
        """Tell whether reading has to stop."""
        # Whoever waits may wait for a message that is larger than the budget.
        return (
            self._life.is_open
            and not self._receiving
            and (
                self.unread >= READ_AHEAD
                or (
                    self._limit is not None and len(self.messages) > self._limit
                )  # trio-websocket's
            )
        )

    def deliver(self, message: Message) -> None:
        """Keep a whole message, and wake one who waits for it."""
        if self.messages is _NO_MESSAGES:
            self.messages = deque()
        self.messages.append(message)
        self.unread += len(message) + MESSAGE_COST
        if self._receiving:
            self._receivers.unpark()

    def collect(self, part: Fragment) -> None:
        """Keep a part for the stream that reads its message, or until the message is whole."""
        if not part.data and not part.last:
            return  # endless empty ones would pass the limit on the size
        if self._skipping:
            self._skipping = not part.last
        elif self._part_reader is not None and not (self._parts and self._parts[-1].last):
            self._parts.append(part)
            self.unread += len(part.data) + MESSAGE_COST
        else:
            self._fragments.append(part.data)
            self.unread += len(part.data)
            if part.last:
                message = _join(self._fragments)
                self._fragments = []
                self.unread -= len(message)
                self.deliver(message)
        self.wake_receivers()

    def clear(self) -> None:
        """Forget all of it: nobody will ask for it."""
        self.messages.clear()
        self._fragments.clear()
        self._parts.clear()
        self.unread = 0

    def wake_receivers(self) -> None:
        """Let all who wait look again."""
        if self._receiving:
            self._receivers.unpark_all()

    def let_read_on(self) -> None:
        """Wake who reads, if there is room again."""
        if self.read_on and not self.is_full():
            self.quiet_until = trio.current_time()
            self.read_on.ring()

    # -- taking whole messages ------------------------------------------------------------

    def take(self) -> Message:
        """Take the first message."""
        message = self.messages.popleft()
        self.unread -= len(message) + MESSAGE_COST
        if self.read_on:
            self.let_read_on()
        return message

    def has_message(self) -> bool:
        """Tell whether a whole message may be taken.

        Raises:
          trio.BusyResourceError: A stream is in the middle of one.

        """
        self.check_reader(None)
        return bool(self.messages) and self._part_reader is None

    async def wait(self) -> None:
        """Wait for more; a cancelled call has taken nothing."""
        self._receiving += 1
        try:
            self.let_read_on()
            await self._receivers.park()
        finally:
            self._receiving -= 1

    # -- taking a message in parts ---------------------------------------------------------

    def has_something(self) -> bool:
        """Tell whether a message, or a part of one, waits here."""
        return bool(self.messages or self._fragments or self._parts)

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
        if self._part_reader is None and self._fragments:
            self._part_reader = reader
            self._parts.append(Fragment(_join(self._fragments), last=False))
            self._fragments = []
            self.unread += MESSAGE_COST
        return self._take_parts() if self._parts else None

    def _take_parts(self) -> tuple[Message, bool]:
        data, last = _join([part.data for part in self._parts]), self._parts[-1].last
        self.unread -= len(data) + MESSAGE_COST * len(self._parts)
        self._parts.clear()
        if last:
            self._part_reader = None
            self.wake_receivers()
        self.let_read_on()
        return data, last

    def discard_rest(self, reader: MessageStream) -> None:
        """Let go of a message that a stream does not want the rest of."""
        if self._part_reader is reader:
            self._skipping = not (self._parts and self._parts[-1].last)
            self.unread -= sum(len(part.data) + MESSAGE_COST for part in self._parts)
            self._parts.clear()
            self._part_reader = None
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
