"""Two pictures: the layers of a connection, and its states, drawn from the package's own table.

``.. layers::`` shows a connection through two proxies, as one bar for each thing that is spoken:
from the client to whoever speaks it at the other end. ``.. states::`` draws ``NEXT_STATE`` as it is
when the page is built, so it cannot be out of date; an arrow's numbers stand for the causes below.

Colours and fonts are those of the picture of the rooms (``house.py``, ``house.css``).
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from trio_wsproxy._websocket._state import NEXT_STATE, Cause, State

WIDTH = 340  # pixels: what a telephone has; a wide window has room for it, too
BAR, GAP = 30, 8  # of a layer, and between two of them
BOX = 34  # of a state
STEP = 96  # from one state to the next
LANE = 56  # between arrows that pass states

PLACES = ("client", "proxy 1", "proxy 2", "server")
# Each layer, from the ground up, and the place of its other end.
LAYERS = (
    ("TCP", 1),
    ("TLS with https:// proxy", 1),
    ("CONNECT: tunnel to proxy 2", 2),
    ("SOCKS5: tunnel to the server", 3),
    ("TLS with the server (wss://)", 3),
    ("WebSocket: handshake, then messages", 3),
)


def layers() -> str:
    """Draw the layers, the first one lowest, as an ``<svg>`` element."""
    column = WIDTH / len(PLACES)
    height = (len(LAYERS) + 1) * (BAR + GAP)
    drawn = []
    for number, place in enumerate(PLACES):
        x = number * column + column / 2
        drawn.append(f'<path class="place" d="M{x:g} 24V{height:g}"/>')
        drawn.append(f'<text class="name" text-anchor="middle" x="{x:g}" y="14">{place}</text>')
    for number, (name, end) in enumerate(reversed(LAYERS)):
        y = 30 + number * (BAR + GAP)
        width = (end + 1) * column
        drawn.append(f'<rect x="0" y="{y:g}" width="{width:g}" height="{BAR}" rx="5"/>')
        drawn.append(f'<text x="10" y="{y + 20:g}">{escape(name)}</text>')
    head = f'<svg viewBox="-1 0 {WIDTH + 2} {height + 4:g}" role="img"'
    label = "Layers of a connection through two proxies, from TCP below to WebSocket on top"
    return "\n".join([f'{head} aria-label="{label}">', *drawn, "</svg>"])


def arrows() -> dict[tuple[State, State], list[Cause]]:
    """Which causes lead from one state to another one, in the order of the states."""
    found: dict[tuple[State, State], list[Cause]] = {}
    for (state, cause), following in NEXT_STATE.items():
        found.setdefault((state, following), []).append(cause)
    return found


def states() -> str:
    """Draw the states below each other, and the arrows between them, as an ``<svg>`` element."""
    order = list(State)
    height = (len(order) - 1) * STEP + BOX
    drawn = list(_arrows(order))
    for number, state in enumerate(order):
        y = number * STEP
        drawn.append(f'<rect x="20" y="{y + 1}" width="120" height="{BOX - 2}" rx="5"/>')
        drawn.append(
            f'<text class="name" text-anchor="middle" x="80" y="{y + 22}">{state.name}</text>'
        )
    label = "The states of a connection; the list below has the causes"
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">'
    return "\n".join([head, *drawn, "</svg>"])


def _arrows(order: list[State]) -> Iterator[str]:
    """To the next state straight down, past others in a lane of its own at the right."""
    causes, lane = list(Cause), 0
    for (state, following), why in arrows().items():
        start, end = order.index(state), order.index(following)
        numbers = ", ".join(str(causes.index(cause) + 1) for cause in sorted(why, key=causes.index))
        top, bottom = start * STEP + BOX, end * STEP
        if end == start + 1:
            yield f'<path d="M80 {top}V{bottom - 6}"/>'
            yield f'<path class="head" d="M80 {bottom}l-4 -8h8z"/>'
            yield f'<text x="90" y="{(top + bottom) / 2 + 4:g}">{numbers}</text>'
            continue
        x = 140 + (lane + 1) * LANE
        into = bottom + 8 + 8 * lane
        yield f'<path d="M140 {top - 8 - 8 * lane}H{x}V{into}H148"/>'
        yield f'<path class="head" d="M140 {into}l8 -4v8z"/>'
        yield f'<text text-anchor="end" x="{x - 6}" y="{top + 36}">{numbers}</text>'
        lane += 1


class Drawing(SphinxDirective):
    """``.. layers::`` and ``.. states::``."""

    def run(self) -> list[nodes.Node]:
        """Draw what the directive is named after."""
        self.env.note_dependency(str(__file__))
        if self.name == "layers":
            return [nodes.raw("", f'<div class="house small">{layers()}</div>', format="html")]
        drawing = nodes.raw("", f'<div class="house small">{states()}</div>', format="html")
        legend = "\n".join(f"{n}. {cause.value}" for n, cause in enumerate(Cause, 1))
        return [drawing, *self.parse_text_to_nodes(legend)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("layers", Drawing)
    app.add_directive("states", Drawing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
