"""The stages of one connection: what is being waited for, and how long each wait took.

A :class:`StageLog` is made by whoever opens a connection and handed down. Each layer says
what it begins; when the deadline strikes, the stage that is still open is the answer to
"timed out while doing what?".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio


@dataclass(frozen=True)
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


@dataclass
class StageLog:
    """Collects the stages of one attempt to connect, in the order in which they end."""

    stages: list[Stage] = field(default_factory=list)
    waiting_for: str = "the configuration"
    began: float = field(default_factory=trio.current_time)

    @contextmanager
    def stage(self, name: str, hop: int | None, waiting_for: str) -> Iterator[None]:
        """Note that a stage goes on; ``waiting_for`` completes "was waiting for …"."""
        self.waiting_for = waiting_for
        start = trio.current_time()
        ok = False
        try:
            yield
            ok = True
        finally:
            now = trio.current_time()
            self.stages.append(Stage(name, hop, start - self.began, now - start, ok))
