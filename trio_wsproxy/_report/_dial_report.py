"""The dial report: how a connection came about, or why it did not, on one screen.

It is made for every connection and every failure, so it is three references until somebody
asks; all that can be read off it is computed then.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, NamedTuple
from unicodedata import east_asian_width

from trio_wsproxy._exceptions import HandshakeError
from trio_wsproxy._routing import Route

from ._stages import Stage, StageLog

WIDTH = 80  # columns; what mails, tickets and terminals have
MIN_WIDTH = 40  # columns that a line of the waterfall takes at least
_INDENT = " " * 4
_FILLER = "\ue000"  # a private character, which no text that is fit to be shown has


class DialReport:
    """What a dial did: the route and why, each stage with what it took and found, the outcome.

    ``ws.dial_report`` of a connection, ``exc.dial_report`` of each :exc:`HandshakeError` that a
    function of this package raises. ``print()`` shows a waterfall of at most 80 columns that can
    be pasted into a ticket: passwords, cookies and queries are masked.

    """

    __slots__ = ("_error", "_log", "_route", "_url")

    def __init__(
        self, url: str, route: Route | None, log: StageLog, error: BaseException | None = None
    ) -> None:
        self._url = url
        self._route = route
        self._log = log
        self._error = None if error is None else f"{type(error).__name__}: {error}"

    @property
    def url(self) -> str:
        """The URL that was to be reached, masked."""
        return self._url

    @property
    def route(self) -> Route | None:
        """The :class:`Route`; ``None`` for a stream that was given, or where none was found."""
        return self._route

    @property
    def way(self) -> Way:
        """URL and route in one line, for logs; ``str()`` of it makes them."""
        return Way(self._url, self._route)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages, in the order in which they began."""
        return self._log.stages

    @property
    def duration(self) -> float:
        """Seconds from the beginning to the end of the last stage that has ended."""
        return _duration(self.stages)

    @property
    def error(self) -> str | None:
        """The class and the message of what went wrong, with what to try; ``None`` if nothing."""
        return self._error

    def as_dict(self) -> dict[str, Any]:
        """Give the whole report as what JSON has.

        Returns:
          ``url``, ``source`` (of the route), ``hops`` (a list of URLs), ``looks`` (a list of
          lines: each place looked at), ``duration`` (seconds), ``error``, and ``stages``, a list
          of objects with the fields of :class:`Stage`.

        """
        route, stages = self._route, self.stages
        return {
            "url": self._url,
            "source": route.source if route else None,
            "hops": [hop.url for hop in route.hops] if route else [],
            "looks": [str(look) for look in route.trail] if route else [],
            "duration": _duration(stages),
            "error": self._error,
            "stages": [
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
            ],
        }

    def render(self, width: int = WIDTH) -> str:
        """Draw the waterfall.

        Args:
          width: Columns to stay within, 40 or more; 80 by default, as for ``str()``.

        Returns:
          Lines: the outcome, the route and what decided on it; a line and a bar for each stage,
          ``!`` before one that failed, ``?`` before one that was not over, and below it what it
          found; the error, if there is one.

        """
        return "\n".join(self._lines(width))

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        outcome = self._error or "connected"
        return f"<DialReport {self._url}: {outcome}>"

    def _lines(self, width: int) -> Iterator[str]:
        width = max(width, MIN_WIDTH)
        stages = self.stages  # once: certificates are read for it
        total = _duration(stages)
        outcome = "no connection" if self._error else "connected"
        yield from _wrapped(f"{self._url}: {outcome} after {_ms(total)}", "", width)
        if self._route is not None:
            text = f"route by {self._route.source}: {self._route.picture}"
            yield from _wrapped(text, "  ", width)
        if stages:
            yield ""
        for stage in stages:
            yield _row(stage, total or 1, width)
            for line in _details(stage):
                yield from _wrapped(line, _INDENT, width)
        if self._error:
            yield ""
            yield from _wrapped(self._error, "", width)


class Way(NamedTuple):
    """A line of the log that is made only if it is really written."""

    url: str
    route: Route | None

    def __str__(self) -> str:
        return f"{self.url} by {self.route.picture if self.route else 'a stream'}"


class reporting(AbstractContextManager["reporting"]):  # noqa: N801  # used like a function
    """Give each :exc:`HandshakeError` that leaves the block a report.

    Args:
      url: What is to be reached.
      log: Of the stages.

    Attributes:
      url: May be changed, where a redirect leads elsewhere.
      route: To be set when there is one.

    """

    def __init__(self, url: str, log: StageLog) -> None:
        self.url = url
        self.log = log
        self.route: Route | None = None

    def report(self, error: BaseException | None = None) -> DialReport:
        """Make a report of what is known when all is over."""
        self.log.trace = None  # the report may live long, and what the caller traces with need not
        return DialReport(self.url, self.route, self.log, error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, HandshakeError):
            error.dial_report = self.report(error)


def _duration(stages: Sequence[Stage]) -> float:
    return max((s.start + s.duration for s in stages if s.duration is not None), default=0)


def _row(stage: Stage, total: float, width: int) -> str:
    """One line of the waterfall."""
    name = stage.name if stage.hop is None else f"{stage.name} {stage.hop}"
    took = "not over" if stage.duration is None else _ms(stage.duration)
    mark = {True: " ", False: "!", None: "?"}[stage.ok]
    room = width - len(f"{mark} {name:<11}  {took:>9}")
    who = min(room, 24)
    peer = _stretched(stage.peer)
    peer = peer if len(peer) <= who else "…" + peer[1 - who :]
    bar = "  " + _bar(stage, total, room - who - 2) if room - who > 10 else ""
    return _shrunk(f"{mark} {name:<11} {peer:<{who}} {took:>9}{bar}").rstrip()


def _bar(stage: Stage, total: float, columns: int) -> str:
    took = total - stage.start if stage.duration is None else stage.duration
    begin = min(int(stage.start / total * columns), columns - 1)
    return " " * begin + "█" * max(1, min(round(took / total * columns), columns - begin))


def _details(stage: Stage) -> Iterator[str]:
    """What a stage found, a line each; headers only where they may explain a failure."""
    known = stage.details
    if "addresses" in known:
        yield ", ".join(known["addresses"])
    if "attempts" in known:
        yield ", ".join(f"{x['address']} {x['outcome']}" for x in known["attempts"])
    if "version" in known:
        words = [known["version"], known.get("cipher")]
        words += [f"ALPN {known['alpn']}"] if "alpn" in known else []
        yield ", ".join(word for word in words if word)
    if "issuer" in known:
        if known["subject"]:
            yield f"certificate: {known['subject']}"
        issuer = known["issuer"] or "an issuer without a name"
        yield f"issued by {issuer}, valid until {known['expires']} UTC"
    if "status" in known:
        yield known["status"]
        if not stage.ok:
            yield from known["headers"]
    if "reply" in known and not stage.ok:
        yield f"answer: {known['reply']}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 10 else f"{seconds:.1f} s"


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    text = _stretched(text)
    width -= _FILLER in text  # a wide character may be cut from its filler
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "  ")
    return [_shrunk(line) for line in lines]


def _stretched(text: str) -> str:
    """Make a text as long as the columns that it takes: some characters take two."""
    if text.isascii():
        return text
    return "".join(c + _FILLER if east_asian_width(c) in "WF" else c for c in text)


def _shrunk(text: str) -> str:
    return text.replace(_FILLER, "")
