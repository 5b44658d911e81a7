"""The steps that a proxy of this package can be told to go wrong with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Moment = Literal[
    "accept",  # a connection was accepted; nothing was read, no TLS was spoken
    "greeting",  # SOCKS5: the list of methods was read
    "auth",  # SOCKS5: user name and password were read
    "reply",  # the request was read; nothing was dialed or answered
    "tunnel",  # the answer was sent
]

# The stages that have an answer.
AnswerMoment = Literal["greeting", "auth", "reply"]


@dataclass(frozen=True)
class ByteByByte:
    """Send every answer one byte at a time.

    Each byte is a send of its own, and the proxy lets the other tasks of this trio program
    run until they wait for something before it sends the next.
    """


@dataclass(frozen=True)
class Answer:
    r"""Send these bytes instead of the usual answer.

    ``Answer(b"HTTP/1.0 200\n\n", then="continue")`` opens a tunnel with an odd answer;
    ``Answer(b"SSH-2.0-OpenSSH\r\n")`` is not a proxy at all.

    Args:
      data: The bytes.
      at: Which answer: ``"greeting"`` and ``"auth"`` are SOCKS5's, ``"reply"`` is the one to
        the request.
      then: ``"close"`` the connection; ``"hold"`` it open in silence until the client
        hangs up; or ``"continue"`` as after the usual answer.

    """

    data: bytes
    at: AnswerMoment = "reply"
    then: Literal["close", "hold", "continue"] = "close"


@dataclass(frozen=True)
class CutAnswer:
    """Send the first bytes of an answer, then close the connection.

    Args:
      after: How many bytes; 0 closes without an answer.
      at: Which answer, as for :class:`Answer`.

    """

    after: int
    at: AnswerMoment = "reply"


@dataclass(frozen=True)
class Glue:
    """Append bytes to the answer that opens the tunnel, in the same segment.

    As if the server behind the proxy speaks first and is quick.

    Args:
      data: The bytes; to the client they are the first ones from the server.

    """

    data: bytes


@dataclass(frozen=True)
class Stall:
    """Fall silent for ever, but keep the connection open.

    Args:
      at: Where. ``"accept"`` is before TLS, ``"tunnel"`` is right after the answer.
      read: Go on reading, and forget what is read: a client that hangs up is noticed, so
        that ``wait_for("close")`` ends. With ``False`` the client's sends block once the
        buffers between are full.

    """

    at: Moment
    read: bool = True


@dataclass(frozen=True)
class Reset:
    """Reset the connection (TCP RST).

    Args:
      at: Where, as for :class:`Stall`.

    """

    at: Moment


@dataclass(frozen=True)
class Fail:
    """Refuse in the proxy's own protocol.

    An HTTP proxy uses ``status``, ``headers`` and ``body``, and takes another request on the
    same connection afterwards. A SOCKS proxy uses ``at`` and ``reply``, and closes.

    Args:
      status: The status code, 300 to 599.
      headers: Further headers. A 407 without ``Proxy-Authenticate`` gets one for Basic.
      body: The body.
      at: ``"greeting"`` refuses all methods (``0xFF``), ``"auth"`` the password,
        ``"reply"`` the request.
      reply: The reply code; without it 1 (SOCKS5: general failure, or the status of
        ``"auth"``) and 91 (SOCKS4: rejected).

    Raises:
      ValueError: ``status`` would open the tunnel.

    """

    status: int = 503
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    at: AnswerMoment = "reply"
    reply: int | None = None

    def __post_init__(self) -> None:
        if not 300 <= self.status <= 599:
            raise ValueError(f"status {self.status} is no refusal; use 300 to 599, or Answer")


Step = ByteByByte | Answer | CutAnswer | Glue | Stall | Reset | Fail


def check_script(steps: Iterable[Step], stages: Iterable[str]) -> tuple[Step, ...]:
    """Return the steps as a tuple; refuse what would never happen, for it hides mistakes."""
    script = tuple(steps)
    for step in script:
        if not isinstance(step, get_args(Step)):
            raise TypeError(f"{step!r} is not a step of a script")
        at = getattr(step, "at", "reply")
        if at not in stages:
            raise ValueError(
                f"{step!r}: this proxy has no stage {at!r}; it has {', '.join(stages)}"
            )
    return script
