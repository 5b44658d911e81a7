"""The chart of the documentation: a few rows as bars, one SVG for each theme.

A panel is a row. A bar is a client's wall time, its darker part the client's own CPU time. The
scale of a panel is ours: bars that would be longer than ``LONGEST`` times our own are cut, and
say so by their open end; each bar has its figure behind it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ._clients import ON_TRIO, US, title
from ._report import seconds
from ._rows import Row, Sample
from ._sessions import Client

CHARTED = (
    "echo 64 B, ws",
    "echo 64 B, wss",
    "echo 16 kB, ws",
    "receive 64 B, ws",
    "open and close ws",
    "open and close wss, context given",
)
LONGEST = 2.5  # times our own bar
WIDTH, NAMES, FIGURES = 480, 138, 104  # pixels; narrow, so that letters stay legible on telephones
BAR, PITCH, PANEL, HEADING = 12, 17, 16, 24
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"


@dataclass(frozen=True)
class Theme:
    """Colours: of text, of what explains, and of bars by kind."""

    text: str
    muted: str
    ours: str
    on_trio: str
    on_asyncio: str
    floor: str

    def bar(self, client: Client) -> str:
        """Return the colour of a client."""
        if client.name == US:
            return self.ours
        if client.module is None:
            return self.floor
        return self.on_trio if isinstance(client, ON_TRIO) else self.on_asyncio


THEMES = {
    "light": Theme("#1f2328", "#59636e", "#1f6feb", "#6e7781", "#b08800", "#4a9c5d"),
    "dark": Theme("#e6edf3", "#9198a1", "#4493f8", "#8b949e", "#d2a520", "#57ab6a"),
}


def charted(rows: Sequence[Row]) -> list[Row]:
    """Choose what is drawn."""
    by_name = {row.name: row for row in rows if row.samples.get(US)}
    return [by_name[name] for name in CHARTED if name in by_name]


def draw(rows: Sequence[Row], clients: Sequence[Client], theme: Theme) -> str:
    """Draw a chart.

    Args:
      rows: Those that :func:`charted` chose.
      clients: In the order of their bars.
      theme: Its colours.

    Returns:
      An SVG document without a background.

    """
    body: list[str] = []
    top = PANEL
    for line in (
        "Time per operation; shorter is better. Solid: CPU time of the client.",
        "× is the ratio to trio_wsproxy. † another event loop.",
    ):
        body.append(_text(0, top, line, theme.muted))
        top += PITCH
    for row in rows:
        top += HEADING
        body.append(_text(0, top - 6, row.name, theme.text, bold=True))
        for client in clients:
            samples = row.samples.get(client.name)
            if not samples or client.name in row.missing:
                continue
            body += _bar(top, client, _median(samples), _median(row.samples[US]), theme)
            top += PITCH
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 6}" '
        f'width="{WIDTH}" height="{top + 6}" font-family="{FONT}" font-size="12">'
    )
    return "\n".join([head, *body, "</svg>"]) + "\n"


def _median(samples: Sequence[Sample]) -> Sample:
    return Sample(
        statistics.median(sample.wall for sample in samples),
        statistics.median(sample.cpu for sample in samples),
    )


def _bar(top: int, client: Client, its: Sample, ours: Sample, theme: Theme) -> Iterator[str]:
    room = WIDTH - NAMES - FIGURES
    unit = room / LONGEST / ours.wall
    cut = its.wall * unit > room
    length = min(its.wall * unit, room)
    colour = theme.bar(client)
    us = client.name == US
    yield _text(NAMES - 6, top + 10, title(client), theme.text, bold=us, anchor="end")
    yield _rectangle(top, length, colour, "0.4")
    yield _rectangle(top, min(its.cpu * unit, length), colour, "1")
    if cut:  # two strokes across its end
        for x in (NAMES + room - 12, NAMES + room - 6):
            yield (
                f'<path d="M{x} {top + BAR + 2} l5 -{BAR + 4}" stroke="{theme.text}" '
                'stroke-width="1.5"/>'
            )
    ratio = "" if us else f" ×{its.wall / ours.wall:.2f}"
    yield _text(NAMES + length + 5, top + 10, seconds(its.wall) + ratio, theme.text, bold=us)


def _rectangle(top: int, length: float, colour: str, opacity: str) -> str:
    return (
        f'<rect x="{NAMES}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{colour}" '
        f'fill-opacity="{opacity}"/>'
    )


def _text(
    x: float, y: float, text: str, colour: str, *, bold: bool = False, anchor: str = "start"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


def charts(rows: Sequence[Row], clients: Sequence[Client]) -> Mapping[str, str]:
    """Draw all charts, by the names of their files."""
    chosen = charted(rows)
    return {f"performance-{name}.svg": draw(chosen, clients, THEMES[name]) for name in THEMES}
