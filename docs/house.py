"""The picture and the table of the rooms, drawn from the package's own imports: ``.. house::``.

A room is a folder or a module at the package's root. What it answers is the first sentence of
its docstring, what it knows are its imports; both are read from the source at each build, so
neither can be out of date.

The picture shows the imports that no others imply (the transitive reduction), or it would be
one black square: all know ``_redaction``. A room stands one row below the lowest of those that
import it. An arrow that passes rows keeps a gap free in each of them, as in Sugiyama's way of
drawing layered graphs. There are two drawings, for wide windows and for narrow ones, where the
boxes have room for names only (the table tells what each answers); style sheets choose one, and
give the colours, which so follow the reader's light or dark theme.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PACKAGE = Path(__file__).parent.parent / "trio_wsproxy"

WIDE, NARROW = 700, 340  # pixels: furo's column of text, and a telephone's
GAP, NARROW_GAP = 20, 9  # between boxes side by side
FALL = 30  # between rows, where the arrows are
PASSAGE = 20  # what an arrow takes in a row that it passes
PADDING = 12  # inside of a box
LINE = 17  # of text
LETTER = 7.3  # no less than the mean width of a character in common fonts; nobody measures
WIDEST = 460  # of a box that is alone in its row


@dataclass(frozen=True)
class Room:
    """One room: how it is called, what it answers, whom it knows."""

    name: str
    answers: str
    files: int
    knows: frozenset[str]

    @property
    def title(self) -> str:
        """The name that a reader looks for."""
        return PACKAGE.name if self.name == "__init__" else self.name


@dataclass(frozen=True)
class Box:
    """The place of a room, or of an arrow that passes a row (then without a room)."""

    key: tuple[str, ...]
    left: float
    width: float

    @property
    def middle(self) -> float:
        """Where arrows arrive and leave."""
        return self.left + self.width / 2


def rooms() -> dict[str, Room]:
    """Read all rooms from the source."""
    modules = {_module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    found: dict[str, dict[str, Path]] = {}
    for module, path in modules.items():
        found.setdefault(_room_of(module), {})[module] = path
    return {
        name: Room(
            name=name,
            answers=_first_sentence(next(iter(files.values()))),
            files=len(files),
            knows=frozenset(
                _room_of(imported)
                for module, path in files.items()
                for imported in _imports(module, path)
                if imported in modules
            )
            - {name},
        )
        for name, files in found.items()
    }


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All of a module but what only type checkers read: annotations may look upward."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _running(child)


def _imports(module: str, path: Path) -> Iterator[str]:
    """All that a module imports, and the modules that its names may be."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                submodule = PACKAGE.parent.joinpath(*source.split("."), alias.name)
                is_module = submodule.is_dir() or submodule.with_suffix(".py").is_file()
                yield f"{source}.{alias.name}" if is_module else source


def reduced(graph: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    """Leave out what follows from the rest: the transitive reduction of a graph without circles."""

    @cache
    def below(name: str) -> frozenset[str]:
        return graph[name].union(*(below(other) for other in graph[name]))

    return {
        name: sorted(
            other
            for other in others
            if not any(other in below(between) for between in others - {other})
        )
        for name, others in graph.items()
    }


def rows_of(graph: Mapping[str, Sequence[str]]) -> list[list[tuple[str, ...]]]:
    """Give each room a row, and each arrow a passage through the rows between its ends."""

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(other) for other in graph if name in graph[other]), default=-1)

    rows: list[list[tuple[str, ...]]] = [[] for _ in range(1 + max(map(depth, graph)))]
    for name in sorted(graph):
        rows[depth(name)].append((name,))
        for other in graph[name]:
            for row in rows[depth(name) + 1 : depth(other)]:
                row.append((name, other))
    return rows


def _neighbours(key: tuple[str, ...], graph: Mapping[str, Sequence[str]]) -> set[tuple[str, ...]]:
    """What is tied to a place from above or below, of whatever row."""
    if len(key) > 1:
        return {key, (key[0],), (key[1],)}
    (name,) = key
    down = {tie for other in graph[name] for tie in ((other,), (name, other))}
    up = {tie for other in graph if name in graph[other] for tie in ((other,), (other, name))}
    return down | up


def arranged(graph: Mapping[str, Sequence[str]], width: int) -> list[list[Box]]:
    """Put the places of each row where their neighbours are, so that few arrows cross."""
    rows = rows_of(graph)
    boxes = [_placed(row, width) for row in rows]
    for _ in range(4):  # sweeps; nothing changes after the second one
        for number, row in enumerate(rows):
            around = {
                box.key: box
                for near in (number - 1, number + 1)
                if 0 <= near < len(rows)
                for box in boxes[near]
            }
            weight = {}
            for box in boxes[number]:
                ties = [around[key].middle for key in _neighbours(box.key, graph) if key in around]
                weight[box.key] = sum(ties) / len(ties) if ties else box.middle
            row.sort(key=lambda key: (weight[key], key))
            boxes[number] = _placed(row, width)
    return boxes


def _placed(row: Sequence[tuple[str, ...]], width: int) -> list[Box]:
    passages = sum(len(key) > 1 for key in row)
    gap = NARROW_GAP if width == NARROW else GAP
    free = width - passages * PASSAGE - (len(row) - 1) * gap
    each = min(WIDEST, free / (len(row) - passages))
    widths = [PASSAGE if len(key) > 1 else each for key in row]
    left = (width - sum(widths) - (len(row) - 1) * gap) / 2
    boxes = []
    for key, own in zip(row, widths, strict=True):
        boxes.append(Box(key, left, own))
        left += own + gap
    return boxes


def picture(house: Mapping[str, Room], width: int) -> str:
    """Draw the rooms and the arrows between them, as an ``<svg>`` element."""
    graph = reduced({name: room.knows for name, room in house.items()})
    boxes = arranged(graph, width)
    drawn: list[str] = []
    tops: list[float] = []
    bottoms: list[float] = []
    top = 1.0
    for row in boxes:
        texts = {box.key: _lines(house[box.key[0]], box, width) for box in row if len(box.key) == 1}
        height = 2 * PADDING + LINE * (1 + max(map(len, texts.values()))) - 3
        for box in row:
            if len(box.key) == 1:
                drawn += _drawn_room(house[box.key[0]], box, texts[box.key], top, height)
        tops.append(top)
        bottoms.append(top + height)
        top += height + FALL
    arrows = list(_arrows(graph, boxes, tops, bottoms))
    view = f"-1 0 {width + 2} {bottoms[-1] + 1:g}"  # half of a border lies outside of its box
    label = f"The rooms of {PACKAGE.name}; the table below has the same in words"
    head = f'<svg viewBox="{view}" role="img" aria-label="{label}">'
    return "\n".join([head, *arrows, *drawn, "</svg>"])


def _lines(room: Room, box: Box, width: int) -> list[str]:
    """What a room answers, in lines that fit into its box; none where the drawing is narrow."""
    if width == NARROW:
        return []
    text = room.answers.replace("``", "")
    return textwrap.wrap(text, int((box.width - 2 * PADDING) / LETTER), break_on_hyphens=False)


def _drawn_room(
    room: Room, box: Box, lines: Sequence[str], top: float, height: float
) -> Iterator[str]:
    left, baseline = box.left + PADDING, top + PADDING + 11
    yield (f'<rect x="{box.left:g}" y="{top:g}" width="{box.width:g}" height="{height:g}" rx="5"/>')
    place = f'x="{left:g}"' if lines else f'text-anchor="middle" x="{box.middle:g}"'
    yield f'<text class="name" {place} y="{baseline:g}">{escape(room.title)}</text>'
    for number, line in enumerate(lines, 1):
        yield f'<text x="{left:g}" y="{baseline + number * LINE:g}">{escape(line)}</text>'


def _arrows(
    graph: Mapping[str, Sequence[str]],
    boxes: Sequence[Sequence[Box]],
    tops: Sequence[float],
    bottoms: Sequence[float],
) -> Iterator[str]:
    where = {(*box.key, number): box for number, row in enumerate(boxes) for box in row}
    row_of = {
        box.key[0]: number for number, row in enumerate(boxes) for box in row if len(box.key) == 1
    }
    for name, others in graph.items():
        for other in others:
            first, last = row_of[name], row_of[other]
            stops = [(where[name, first].middle, bottoms[first])]
            for number in range(first + 1, last):
                x = where[name, other, number].middle
                stops += [(x, tops[number]), (x, bottoms[number])]
            stops.append((where[other, last].middle, tops[last] - 6))
            yield f'<path d="{_curve(stops)}"/>'
            x, y = stops[-1]
            yield f'<path class="head" d="M{x:g} {y + 6:g}l-4 -8h8z"/>'


def _curve(stops: Sequence[tuple[float, float]]) -> str:
    """Lead a line through points, upright at each of them."""
    path = "M{:g} {:g}".format(*stops[0])
    for (x1, y1), (x2, y2) in pairwise(stops):
        middle = (y1 + y2) / 2
        path += f"C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
    return path


def table(house: Mapping[str, Room]) -> str:
    """List the rooms from top to bottom, with all of their imports, as reStructuredText."""
    graph = reduced({name: room.knows for name, room in house.items()})
    order = [key[0] for row in rows_of(graph) for key in row if len(key) == 1]
    lines = [".. list-table::", "   :header-rows: 1", "   :class: rooms", "   :widths: auto", ""]
    lines += ["   * - room", "     - answers", "     - knows"]
    for name in order:
        known = ", ".join(f"``{house[o].title}``" for o in order if o in house[name].knows)
        lines += [
            f"   * - ``{house[name].title}``",
            f"     - {house[name].answers}",
            f"     - {known or 'nobody'}",
        ]
    return "\n".join(lines)


class House(SphinxDirective):
    """``.. house::`` puts the picture and the table here."""

    def run(self) -> list[nodes.Node]:
        """Draw them from what the source is now."""
        self.env.note_dependency(str(__file__))
        for path in PACKAGE.rglob("*.py"):
            self.env.note_dependency(str(path))
        house = rooms()
        drawings = "".join(
            f'<div class="house {name}">{picture(house, width)}</div>'
            for name, width in (("wide", WIDE), ("narrow", NARROW))
        )
        return [nodes.raw("", drawings, format="html"), *self.parse_text_to_nodes(table(house))]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
