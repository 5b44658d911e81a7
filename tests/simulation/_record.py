"""What each side of each connection has sent and received: the oracle's evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from trio_wsproxy import CloseReason
from trio_wsproxy.testing import ProxyRequest
from trio_wsproxy.testing.simulate import Universe

Message = str | bytes


@dataclass
class ServerSide:
    """What a server did on one connection; ``sent`` has also what was on its way when it broke."""

    sent: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    pings: int = 0
    unanswered: int = 0
    slowest_pong: float = 0.0


class _Skipped(bytes):
    """Stands for a message that the client did not want to see whole."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


SKIPPED = _Skipped(b"skipped")


@dataclass
class ClientSide:
    """What the client did on one connection.

    Attributes:
      number: By which the server knows it; ``None`` before it has said so.
      sent: Messages whose ``send`` returned, in order of their calls.
      doubtful: Those whose ``send`` raised something else than Cancelled.
      cancelled: Those whose ``send`` raised Cancelled.
      offered: All of them, in order of their calls.
      received: What ``receive`` returned.
      closed: What the connection says at the end.
      confirmed: Leaving raised nothing, and the closing handshake was done by both.
      route: The names of the hosts on the way.
      error: What ended it, if something was raised.

    """

    number: int | None = None
    sent: list[Message] = field(default_factory=list)
    doubtful: list[Message] = field(default_factory=list)
    cancelled: list[Message] = field(default_factory=list)
    offered: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    closed: CloseReason | None = None
    confirmed: bool = False
    error: BaseException | None = None


@dataclass
class Timed:
    """How long a call took, and how long it may."""

    what: str
    seconds: float
    bound: float


@dataclass
class Record:
    """All that happened in one universe.

    Attributes:
      servers: By the number of the connection.
      clients: In the order in which they began.
      errors: What attempts and connections raised.
      timed: Calls that have a bound.
      tunnels: When each hop, nearest first, has opened a tunnel.
      asked: The scheme of each proxy, and the requests that it has had.
      secrets: What was said to a proxy that asks who comes.
      left: What was left behind.
      in_memory: What of it is there when all of this record is gone.
      dialed_again: When a redirect was followed.

    """

    servers: dict[int, ServerSide] = field(default_factory=dict)
    clients: list[ClientSide] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)
    timed: list[Timed] = field(default_factory=list)
    tunnels: dict[int, list[float]] = field(default_factory=dict)
    asked: list[tuple[str, list[ProxyRequest]]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    in_memory: list[str] = field(default_factory=list)
    dialed_again: list[float] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    disturbed: bool = False
    crowded: bool = False

    def new_server_side(self) -> tuple[int, ServerSide]:
        """Begin the server's side of a connection."""
        number = len(self.servers) + 1
        self.servers[number] = ServerSide()
        return number, self.servers[number]

    def failed(self, error: BaseException) -> None:
        """Note that an attempt has failed, now."""
        self.errors.append(error)
        self.failed_at.append(trio.current_time())

    @staticmethod
    def struck_any(universe: Universe) -> bool:
        """Tell whether a fault has struck so far."""
        return bool(universe.struck)
