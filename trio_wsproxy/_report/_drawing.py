"""The drawing of a dial report: a waterfall that can be pasted into a ticket.

It comes in three parts, each a list of lines, and the lines about stages say what they are, so that
a terminal may colour and arrange them and cuts no text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple
from unicodedata import east_asian_width

from trio_wsproxy._routing import Route

from ._stages import Stage

WIDTH = 80  # columns; what mails, tickets and terminals have
MIN_WIDTH = 40  # columns that a line of the waterfall takes at least
_INDENT = " " * 4
_FILLER = "\ue000"  # a private character, which no text that is fit to be shown has


class Line(NamedTuple):
    """A line about a stage.

    Attributes:
      text: The line.
      of: What it tells: that a stage was over, or had failed, or was not over; or what it found.

    """

    text: str
    of: Literal["over", "failed", "not over", "found"]


class Drawing(NamedTuple):
    """A drawing; ``str()`` puts its parts one below the other.

    Attributes:
      outcome: What came of it.
      way: The route and what decided on it.
      stages: A line and a bar for each stage, and below it what it found.
      error: What went wrong and what to try, if anything did.

    """

    outcome: list[str]
    way: list[str]
    stages: list[Line]
    error: list[str]

    def __str__(self) -> str:
        parts = (self.outcome + self.way, [line.text for line in self.stages], self.error)
        return "\n\n".join("\n".join(part) for part in parts if part)


def draw(
    url: str, route: Route | None, stages: Sequence[Stage], error: str | None, width: int = WIDTH
) -> Drawing:
    """Draw what a dial did.

    Args:
      url: What was to be reached, masked.
      route: The way, if one was found.
      stages: In the order in which they began.
      error: What went wrong, if anything did.
      width: Columns to stay within; 40 at least.

    """
    width = max(width, MIN_WIDTH)
    total = duration_of(stages)
    outcome = "no connection" if error else "connected"
    way: list[str] = []
    if route is not None:
        way += _wrapped(f"route by {route.source}: {route.picture}", "  ", width)
        for look in route.tried:
            way += _wrapped(f"tried before: {look}", "  ", width)
        for note in route.notes:
            way += _wrapped(f"note: {note}", "  ", width)
    lines: list[Line] = []
    for stage in stages:
        lines.append(_row(stage, total or 1, width))
        for detail in _details(stage):
            lines += [Line(line, "found") for line in _wrapped(detail, _INDENT, width)]
    return Drawing(
        _wrapped(f"{url}: {outcome} after {_ms(total)}", "", width),
        way,
        lines,
        _wrapped(error, "", width) if error else [],
    )


def duration_of(stages: Sequence[Stage]) -> float:
    """Seconds from the beginning to the end of the last stage that has ended."""
    return max((s.start + s.duration for s in stages if s.duration is not None), default=0)


def _row(stage: Stage, total: float, width: int) -> Line:
    """One line of the waterfall."""
    name = stage.name if stage.hop is None else f"{stage.name} {stage.hop}"
    took = "not over" if stage.duration is None else _ms(stage.duration)
    mark, of = _MARKS[stage.ok]
    room = width - len(f"{mark} {name:<11}  {took:>9}")
    who = min(room, 24)
    peer = _stretched(stage.peer)
    peer = peer if len(peer) <= who else "…" + peer[1 - who :]
    bar = "  " + _bar(stage, total, room - who - 2) if room - who > 10 else ""
    return Line(_shrunk(f"{mark} {name:<11} {peer:<{who}} {took:>9}{bar}").rstrip(), of)


_MARKS: dict[bool | None, tuple[str, Literal["over", "failed", "not over"]]] = {
    True: (" ", "over"),
    False: ("!", "failed"),
    None: ("?", "not over"),
}


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
    if "server_hostname" in known:
        yield f"by the name {known['server_hostname']}"
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
    if "answer" in known:
        yield known["answer"]
        for found in known["names"]:
            yield f"{found['name']}: {', '.join(found['addresses']) or 'no address'}"
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
