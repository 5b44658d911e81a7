"""The dial report: how a connection came about, or why it did not, on one screen.

It is made for every connection and every failure, so it is three references until somebody
asks; all that can be read off it is computed then.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, NamedTuple

from trio_wsproxy._exceptions import HandshakeError
from trio_wsproxy._routing import Route
from trio_wsproxy._urls._proxies import Proxy

from ._drawing import WIDTH, draw, duration_of
from ._stages import Stage, StageLog, stage_objects


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
        return duration_of(self.stages)

    @property
    def error(self) -> str | None:
        """The class and the message of what went wrong, with what to try; ``None`` if nothing."""
        return self._error

    def as_dict(self) -> dict[str, Any]:
        """Give the whole report as what JSON has.

        Returns:
          ``url``, ``source`` (of the route), ``hops`` (a list of URLs), ``looks`` (a list of
          lines: each place looked at), ``tried`` (likewise: the alternatives that failed before),
          ``duration`` (seconds), ``error``, and ``stages``, a list
          of objects with the fields of :class:`Stage`.

        """
        route, stages = self._route, self.stages
        return {
            "url": self._url,
            "source": route.source if route else None,
            "hops": [hop.url for hop in route.hops] if route else [],
            "looks": [str(look) for look in route.trail] if route else [],
            "tried": [str(look) for look in route.tried] if route else [],
            "duration": duration_of(stages),
            "error": self._error,
            "stages": stage_objects(stages),
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
        return str(draw(self._url, self._route, self.stages, self._error, width))

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        outcome = self._error or "connected"
        return f"<DialReport {self._url}: {outcome}>"

    def __eq__(self, other: object) -> bool:
        """Compare what is told: a copy that came from another process tells the same."""
        return isinstance(other, DialReport) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self._url, self._error))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what is shown: an error travels to other processes, and passwords do not."""
        state = (self._url, _without_secrets(self._route), self._log, self._error)
        return _restored, state


def _restored(url: str, route: Route | None, log: StageLog, error: str | None) -> DialReport:
    report = DialReport(url, route, log)
    report._error = error  # noqa: SLF001 - its own file
    return report


def _without_secrets(route: Route | None) -> Route | None:
    """Leave of each proxy what its masked URL says: no password, header, context or scheme."""
    if route is None:
        return None
    target = replace(route.target, username=None, password=None)
    hops = tuple(Proxy(hop.url, server_hostname=hop.server_hostname) for hop in route.hops)
    return replace(route, hops=hops, target=target, alternatives=())


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
