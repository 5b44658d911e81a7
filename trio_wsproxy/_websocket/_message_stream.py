"""One message, read in parts as they arrive."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

Message = str | bytes


class MessageStream(trio.abc.ReceiveChannel[Message]):
    """The parts of one message, as they arrive; made by ``receive_stream()``.

    An async iterator that ends with the message, and a :class:`trio.abc.ReceiveChannel`. A
    cancelled wait for a part has taken nothing: go on with the next one. Whoever does not
    want the rest of the message calls :meth:`aclose`, or uses ``async with``.
    """

    def __init__(
        self,
        next_part: Callable[[MessageStream], Awaitable[tuple[Message, bool]]],
        discard: Callable[[MessageStream], None],
    ) -> None:
        self._next_part = next_part
        self._discard = discard
        self._begun = False
        self._ended = False
        self._closed = False

    @trio.lowlevel.enable_ki_protection
    async def receive(self) -> Message:
        """Receive what has arrived of the message since the last call, at least something.

        Returns:
          ``str`` of a text message, ``bytes`` of a binary one.

        Raises:
          trio.EndOfChannel: The message is complete.
          trio.ClosedResourceError: :meth:`aclose` was called.
          trio.BusyResourceError: Another stream is in the middle of a message.
          ConnectionClosed: The connection ended before the message did, or before there was one; if the
            peer has ended it normally, not :exc:`ConnectionEnded`, with which ``async for`` would end as it
            does behind a whole message: that one is its ``__cause__``.

        A cancelled call has taken nothing.

        """
        if self._closed or self._ended:
            await trio.lowlevel.checkpoint()
            if self._closed:
                raise trio.ClosedResourceError
            raise trio.EndOfChannel
        part, self._ended = await self._next_part(self)
        if self._begun and not part:
            raise trio.EndOfChannel  # it ended with an empty fragment
        self._begun = True
        return part

    @trio.lowlevel.enable_ki_protection
    async def aclose(self) -> None:
        """Discard what is left of the message, also what has not arrived yet."""
        if not self._ended and not self._closed:
            self._discard(self)
        self._closed = True
        await trio.lowlevel.checkpoint()
