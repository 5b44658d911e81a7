"""What a connection is made with: what its opening found out, and how it is to behave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from trio_websocket import Endpoint
from wsproto.extensions import Extension

from trio_wsproxy._exceptions import Headers

if TYPE_CHECKING:  # this room knows nothing of routing, and of reports only that there is one
    from trio_wsproxy._redaction import SentSecrets
    from trio_wsproxy._report import DialReport
    from trio_wsproxy._routing import Route

Address: TypeAlias = tuple[str, int, bool] | str


class ConnectionInfo(NamedTuple):
    """What the opening of a connection found out.

    Attributes:
      path: The resource that was asked for.
      dial_report: What the opening took and found.
      subprotocol: The subprotocol agreed on.
      headers: The headers of the server's answer.
      extensions: The extensions agreed on.
      trailing: Bytes behind the server's answer.
      local: This end of the TCP connection: address, port, whether TLS is spoken; or words.
      remote: Its other end: the first proxy, or the server.
      route: What the client dialed; ``None`` for a stream that was given.
      sent: What the server was sent, and is not shown where it repeats that.

    """

    path: str
    dial_report: DialReport
    subprotocol: str | None = None
    headers: Headers = ()
    extensions: Sequence[Extension] = ()
    trailing: bytes = b""
    local: Address = ""
    remote: Address = ""
    route: Route | None = None
    sent: SentSecrets | None = None

    # Made when they are asked for: reading an address takes longer than asking the system for it.

    @property
    def local_endpoint(self) -> Endpoint | str:
        """See :attr:`WebSocketConnection.local`."""
        return self.local if isinstance(self.local, str) else Endpoint(*self.local)

    @property
    def remote_endpoint(self) -> Endpoint | str:
        """See :attr:`WebSocketConnection.remote`."""
        return self.remote if isinstance(self.remote, str) else Endpoint(*self.remote)


class ConnectionSettings(NamedTuple):
    """How a connection behaves: checked options of :func:`open_websocket_url`."""

    ping_interval: float | None
    ping_timeout: float | None
    disconnect_timeout: float
    max_message_size: int | None
    message_queue_size: int | None
    receive_buffer_size: int | None
