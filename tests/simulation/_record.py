"""What each side of each connection has sent and received: the oracle's evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from trio_wsproxy import CloseReason, ConnectionClosed, DialReport
from trio_wsproxy.testing import ProxyRequest
from trio_wsproxy.testing.simulate import Universe

Message = str | bytes
Headers = tuple[tuple[bytes, bytes], ...]
Close = tuple[int, str]  # code and reason of a close frame


@dataclass
class ServerSide:
    """What a server did on one connection; ``sent`` has also what was on its way when it broke.

    Attributes:
      said: The close frame that it has sent before the client did.
      heard: The client's close frame.
      masks: The masking keys that it has seen.
      pinged: How often the client has pinged it.
      long_naps: How often it was silent for so long that the client pings it.

    """

    sent: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)
    pings: int = 0
    unanswered: int = 0
    slowest_pong: float = 0.0
    said: Close | None = None
    heard: Close | None = None
    masks: list[bytes] = field(default_factory=list)
    pinged: int = 0
    long_naps: int = 0


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
      error: What ended it, if something was raised.
      end: What ``receive`` raised where all messages were taken, and no more had come.
      close: What ``aclose`` was called with.
      report: Of the dial.
      remote: The other end of its TCP connection.
      unsent: How many messages the kernel had not taken in the end, and nobody was told of.

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
    end: ConnectionClosed | None = None
    close: Close | None = None
    report: DialReport | None = None
    remote: str = ""
    unsent: int = 0


@dataclass
class Timed:
    """How long a call took, how long it may, and how long it must."""

    what: str
    seconds: float
    bound: float
    least: float = 0.0


@dataclass
class Asked:
    """A request that the server has had."""

    path: str
    headers: Headers

    def values(self, name: bytes) -> list[bytes]:
        """Give the values of all headers of a name."""
        return [value for key, value in self.headers if key.lower() == name]


@dataclass
class Record:
    """All that happened in one universe.

    Attributes:
      servers: By the number of the connection.
      clients: In the order in which they began.
      errors: What attempts and connections raised.
      failed_at: When.
      began: When its clock did, if that is known.
      timed: Calls that have a bound.
      tunnels: When each hop, nearest first, has opened a tunnel.
      asked: The scheme of each proxy, and the requests that it has had.
      secrets: What was said to a proxy that asks who comes.
      left: What was left behind.
      in_memory: What of it is there when all of this record is gone.
      dialed_again: When a redirect was followed.
      requests: What the server was asked.
      odd: What else went otherwise than it must, in words.
      disturbed: Something goes wrong without a fault of the plan.
      crowded: There is more than one way.
      first_way: The first of them works, and leads through the proxies.
      remembers: What failed first is known when it is dialed again.
      bare: The client has no token for the server.
      refused: What a peer has said no to, as the client is to be told: the class, the code.

    """

    servers: dict[int, ServerSide] = field(default_factory=dict)
    clients: list[ClientSide] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    failed_at: list[float] = field(default_factory=list)
    began: list[float | None] = field(default_factory=list)
    timed: list[Timed] = field(default_factory=list)
    tunnels: dict[int, list[float]] = field(default_factory=dict)
    asked: list[tuple[str, list[ProxyRequest]]] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    in_memory: list[str] = field(default_factory=list)
    dialed_again: list[float] = field(default_factory=list)
    requests: list[Asked] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    refused: list[tuple[type[Exception], int | None]] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    disturbed: bool = False
    crowded: bool = False
    first_way: bool = False
    remembers: bool = False
    bare: bool = False

    def new_server_side(self) -> tuple[int, ServerSide]:
        """Begin the server's side of a connection."""
        number = len(self.servers) + 1
        self.servers[number] = ServerSide()
        return number, self.servers[number]

    def failed(self, error: BaseException, began: float | None = None) -> None:
        """Note that an attempt has failed, now; ``began`` is when its clock did."""
        self.errors.append(error)
        self.failed_at.append(trio.current_time())
        self.began.append(began)

    @staticmethod
    def struck_any(universe: Universe) -> bool:
        """Tell whether a fault has struck so far."""
        return bool(universe.struck)
