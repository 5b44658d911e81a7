"""The stages of one connection: what is being waited for, and how long each wait took.

A :class:`StageLog` is made by whoever opens a connection and handed down. Each layer says
what it begins; when the deadline strikes, the stage that is still open is the answer to
"timed out while doing what?".
"""

from __future__ import annotations

from dataclasses import dataclass

import trio


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished step of a connection.

    Attributes:
      name: ``"resolve"``, ``"tcp"``, ``"proxy_tls"``, ``"connect"``, ``"socks"``,
        ``"server_tls"`` or ``"upgrade"``.
      hop: The proxy it concerns, counted from 1, nearest first; ``None`` for the server.
      start: Seconds since the log began.
      duration: Seconds it took.
      ok: Whether it succeeded.

    """

    name: str
    hop: int | None
    start: float
    duration: float
    ok: bool


class StageLog:
    """Collects the stages of one attempt to connect, in the order in which they end.

    Attributes:
      stages (list[Stage]): Those that have ended.
      waiting_for (str): Completes "was waiting for …".
      began (float): When this log was made, by trio's clock.

    """

    __slots__ = ("began", "stages", "waiting_for")

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.waiting_for = "the configuration"
        self.began = trio.current_time()

    def stage(self, name: str, hop: int | None, waiting_for: str) -> Running:
        """Note that a stage goes on, as long as the block of the context manager lasts."""
        self.waiting_for = waiting_for
        return Running(self, name, hop)


class Running:
    """A stage that goes on; a class of its own, for a generator would take five times as long."""

    __slots__ = ("_hop", "_log", "_name", "_start")

    def __init__(self, log: StageLog, name: str, hop: int | None) -> None:
        self._log = log
        self._name = name
        self._hop = hop

    def __enter__(self) -> None:
        self._start = trio.current_time()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        start, log = self._start, self._log
        duration = trio.current_time() - start
        log.stages.append(Stage(self._name, self._hop, start - log.began, duration, kind is None))
