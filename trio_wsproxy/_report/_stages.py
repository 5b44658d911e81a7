"""The stages of one connection: what is being waited for, what each wait took and found.

Theory of operation
-------------------

A :class:`StageLog` is made by whoever opens a connection and handed down. Each layer says
what it begins (:meth:`StageLog.stage`), and leaves in :attr:`Running.evidence` what it found:
the addresses it tried, the TLS stream, the head of an answer. Nothing is made of that until
somebody asks, for nearly nobody does: a :class:`Stage`, with words in place of the evidence,
is made for a report, for an error, or for the caller's ``trace``.

When the deadline strikes, the stage that is still open is the answer to "timed out while
doing what?".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from trio_wsproxy._failures import StageName, Value, Words
from trio_wsproxy._redaction import SentSecrets

from ._evidence import StageEvidence

if TYPE_CHECKING:
    from typing_extensions import Self  # in typing from Python 3.11 on

logger = logging.getLogger("trio_wsproxy")


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a connection.

    Attributes:
      name: ``"desktop"``, ``"pac"``, ``"setup"``, ``"resolve"``, ``"tcp"``, ``"proxy_tls"``, ``"connect"``,
        ``"socks"``, ``"server_tls"`` or ``"upgrade"``.
      hop: The proxy it concerns, counted from 1, nearest first; ``None`` for the server.
      peer: Whom it is done with: ``"host:port"``, the host to look up, what is set up, where the
        PAC script is from, or whose settings are read.
      start: Seconds since the dial began.
      duration: Seconds it took; ``None`` while it goes on.
      ok: Whether it succeeded; ``None`` while it goes on.
      details: What it found, by name; the values are what JSON has. ``resolve``: ``addresses``.
        ``tcp``: ``attempts``, a list of ``address`` and ``outcome``. ``proxy_tls`` and
        ``server_tls``: ``version``, ``cipher``, ``alpn``, ``subject``, ``issuer``, ``expires``
        (text, UTC), and ``server_hostname`` where another name was dialed. ``connect`` and
        ``upgrade``: ``status`` (the line) and ``headers``, a list of lines, masked. ``pac``:
        ``answer``, ``names`` (a list of ``name`` and ``addresses``) and ``runs``. ``socks``:
        ``reply``, the answer's bytes in hexadecimal. Those that
        are not known are absent.

    """

    name: StageName
    hop: int | None
    peer: str
    start: float
    duration: float | None = None
    ok: bool | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def stage_objects(stages: Sequence[Stage]) -> list[dict[str, Any]]:
    """Give stages as what JSON has: objects with the fields of :class:`Stage`."""
    return [
        {
            "name": stage.name,
            "hop": stage.hop,
            "peer": stage.peer,
            "start": stage.start,
            "duration": stage.duration,
            "ok": stage.ok,
            "details": dict(stage.details),
        }
        for stage in stages
    ]


Trace: TypeAlias = Callable[[Literal["begin", "end"], Stage], object]


class StageLog:
    """Collects the stages of one dial, in the order in which they begin.

    Args:
      trace: Is told each stage's begin and end as it happens.

    Attributes:
      running (list[Running]): The stages.
      waiting_for (Value): Completes "was waiting for …".
      began (float): When this log was made, by trio's clock.
      sent (SentSecrets): The secrets that were sent; who repeats them may be at any place of the way.

    """

    __slots__ = ("began", "running", "sent", "trace", "waiting_for")

    def __init__(self, trace: Trace | None = None) -> None:
        self.running: list[Running] = []
        self.waiting_for: Value = "the configuration"
        self.began = trio.current_time()
        self.trace = trace
        self.sent = SentSecrets()

    def stage(self, name: StageName, hop: int | None, peer: str, waiting_for: Value) -> Running:
        """Note that a stage goes on, as long as the block of the context manager lasts."""
        self.waiting_for = waiting_for
        return Running(self, name, hop, peer)

    @contextmanager
    def waiting(self, waiting_for: Value) -> Iterator[None]:
        """Note that something else is waited for, within a stage."""
        before, self.waiting_for = self.waiting_for, waiting_for
        yield
        self.waiting_for = before  # not where it failed: that is then the answer

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All that is known now."""
        return tuple(running.stage() for running in self.running)


class Running:
    """A stage that goes on; a class of its own, for a generator would take five times as long.

    Attributes:
      name (StageName): As in :class:`Stage`.
      evidence: What was found; see :mod:`._evidence` for what it may be.
      server_hostname: The name that TLS asks for, where another one was dialed.
      question: What to ask where it takes too long, if that is known better than elsewhere.

    """

    __slots__ = (
        *("_end", "_hop", "_log", "_ok", "_peer", "_start"),
        *("evidence", "name", "question", "server_hostname"),
    )

    def __init__(self, log: StageLog, name: StageName, hop: int | None, peer: str) -> None:
        self._log = log
        self.name = name
        self._hop = hop
        self._peer = peer
        self._end: float | None = None
        self._ok: bool | None = None
        self.evidence: StageEvidence | None = None
        self.question: Words | None = None
        self.server_hostname: str | None = None

    def __enter__(self) -> Self:
        self._start = trio.current_time()
        self._log.running.append(self)
        if self._log.trace is not None:
            self._tell("begin")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end = trio.current_time()
        self._ok = kind is None
        if self._log.trace is not None:
            self._tell("end")

    def _tell(self, event: Literal["begin", "end"]) -> None:
        assert self._log.trace is not None
        try:
            self._log.trace(event, self.stage())
        except Exception:  # an error of the observer's must not cost the connection
            logger.exception("trace= raised at the %s of stage %s", event, self.name)

    @property
    def sent(self) -> SentSecrets:
        """The secrets that were sent on this way."""
        return self._log.sent

    def stage(self) -> Stage:
        """Make what may be shown of it."""
        details: Mapping[str, Any] = {} if self.evidence is None else self.evidence.details()
        if self.server_hostname is not None:
            details = {"server_hostname": self.server_hostname, **details}
        return Stage(
            name=self.name,
            hop=self._hop,
            peer=self._peer,
            start=self._start - self._log.began,
            duration=None if self._end is None else self._end - self._start,
            ok=self._ok,
            details=details,
        )
