"""The blocks of the documentation and of the README, and which test each of them says checks it.

A block is whatever is shown as it stands: ``code-block``, ``literalinclude``, the paragraph behind ``::``,
a fence of Markdown. A comment on the line before it says who checks it::

   .. Checked by tests/cli/test_check_page.py: refused.

   .. code-block:: text

That test asks :func:`checked_by` for its blocks, by name. ``tests/test_pages.py`` sees to it that no
block is left out.
"""

from __future__ import annotations

import ast
import re
import textwrap
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = (*sorted((ROOT / "docs").glob("*.rst")), *(ROOT / name for name in BESIDE))

# What begins a block, in reStructuredText and in Markdown.
LITERAL = "code-block|code|sourcecode|parsed-literal|literalinclude|doctest|prompt|raw|math"
DIRECTIVE = re.compile(rf"( *)\.\. ({LITERAL}):: *(.*)")
COLONS = re.compile(r"( *)(?!\.\. ).*::")
PROMPT = re.compile(r"( *)>>> .*")
OPTION = re.compile(r" *:([\w-]+): *(.*)")
FENCE = re.compile(r" *(`{3,}|~{3,}) *(.*)")
INDENTED = re.compile(r"(?: {4}|\t)\S.*")
ITEM = re.compile(r" *(?:[-*+]|\d+[.)]) ")
COMMENT = re.compile(r" *(?:\.\. (?!.*::)|<!-- )(.*?)(?: -->)?")
CHECKED = re.compile(r"Checked by (tests/[\w/]+\.py): (.+)\.")


class Block(NamedTuple):
    """One of them.

    Attributes:
      page: Its file, without folder and suffix.
      line: Where it begins, counted from 1.
      language: As ``code-block`` or the fence has it, or the name of the directive.
      text: What is shown.
      source: The file that is included, as a path from the root, or nothing.
      comment: The one on the line before it, or nothing.
      output: Whether nothing stands between it and the block before: it is what that one prints.

    """

    page: str
    line: int
    language: str
    text: str
    comment: str
    source: str = ""
    output: bool = False

    @property
    def name(self) -> str:
        """What it is called where it is listed: its page and its first line."""
        return f"{self.page}: {self.text.partition(chr(10))[0][:60]}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Those of a page, in order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    find = _fence if page.suffix == ".md" else _literal
    found: list[Block] = []
    number = end = 0
    while number < len(lines):
        begin = number
        block, number = find(page.stem, lines, begin)
        if block is not None:
            between = lines[end:begin] if found else ["before the first"]
            found.append(block._replace(output=not any(line.strip() for line in between)))
            end = number
    return tuple(found)


def all_blocks() -> list[Block]:
    """Those of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def in_docstrings(text: str) -> list[tuple[str, str]]:
    """What the docstrings of a module show: the name of what each is of, and the text of a block."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (ast.get_docstring(node) or "").splitlines()
            number = 0
            while number < len(lines):
                block, number = _literal("", lines, number)
                if block is not None:
                    found.append((getattr(node, "name", ""), block.text))
    return found


def is_program(block: Block) -> bool:
    """Whether it is a program that can be run as it is, and brings what it talks to."""
    return block.language == "python" and bool(
        re.search(r"^(trio|anyio)\.run\(main|\.explain\(\)\)$", block.text, re.MULTILINE)
    )


# Pages whose Python has tests of its own: tests/testing/test_fixtures.py, tests/testing/simulate/test_page.py.
OWN_TESTS = {"testing", "simulate"}


def is_snippet(block: Block) -> bool:
    """Whether it is Python that is run among the hosts that it names."""
    return block.language == "python" and not is_program(block) and block.page not in OWN_TESTS


def programs() -> list[tuple[Block, Block]]:
    """Those, each with what it prints."""
    pairs = zip(all_blocks(), all_blocks()[1:], strict=False)
    return [(one, other) for one, other in pairs if is_program(one) and other.output]


def checked_by(file: str | Path) -> dict[str, Block]:
    """The blocks that say that this test, given as its ``__file__``, checks them, by name."""
    here = Path(file).resolve().relative_to(ROOT).as_posix()
    found: dict[str, Block] = {}
    for block in all_blocks():
        said = CHECKED.fullmatch(block.comment)
        if said and said[1] == here:
            assert said[2] not in found, f"two blocks are called {said[2]}"
            found[said[2]] = block
    return found


def _literal(page: str, lines: list[str], number: int) -> tuple[Block | None, int]:
    """The block of reStructuredText that a line begins, if it does, and where to go on."""
    line = lines[number]
    if found := DIRECTIVE.fullmatch(line):
        language = found[3] if found[2] == "code-block" else found[2]
        start = number + 1
    elif found := COLONS.fullmatch(line):
        language, start = "::", number + 1
    elif found := PROMPT.fullmatch(line):
        language, start = "doctest", number
    else:
        return None, number + 1
    end = start
    if language == "doctest":
        while end < len(lines) and lines[end].strip():
            end += 1
    else:
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > len(found[1])):
            end += 1
    shown = lines[start:end]
    options: dict[str, str] = {}
    while shown and (option := OPTION.fullmatch(shown[0])):
        options[option[1]] = option[2]
        del shown[0]
    source = found[3].removeprefix("../") if language == "literalinclude" else ""
    if source:
        shown = _included(source, options)
    text = textwrap.dedent("\n".join(shown)).strip("\n") + "\n"
    return Block(page, number + 1, language, text, _comment(lines, number), source), end


def _included(source: str, options: dict[str, str]) -> list[str]:
    """The lines of a file that ``literalinclude`` shows."""
    lines = (ROOT / source).read_text(encoding="utf-8").splitlines()
    assert options.keys() <= {"language", "lines", "start-at"}, options
    if "lines" in options:
        first, dash, last = options["lines"].partition("-")
        assert dash == "-", options
        lines = lines[int(first) - 1 : int(last) if last else None]
    if "start-at" in options:
        start = next(number for number, line in enumerate(lines) if options["start-at"] in line)
        lines = lines[start:]
    return lines


def _fence(page: str, lines: list[str], number: int) -> tuple[Block | None, int]:
    """The same of Markdown."""
    if found := FENCE.fullmatch(lines[number]):
        end = next(
            (n for n in range(number + 1, len(lines)) if lines[n].strip() == found[1]), len(lines)
        )
        start, after, language = number + 1, end + 1, found[2]
    elif INDENTED.fullmatch(lines[number]) and not _in_a_list(lines, number):
        end = number
        while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) >= 4):
            end += 1
        start, after, language = number, end, "::"
    else:
        return None, number + 1
    text = textwrap.dedent("\n".join(lines[start:end])).strip("\n") + "\n"
    return Block(page, number + 1, language, text, _comment(lines, number)), after


def _in_a_list(lines: list[str], number: int) -> bool:
    """Whether an indented line goes on with what is above it: a paragraph, or an item of a list."""
    if number and lines[number - 1].strip():
        return True
    above = next((line for line in reversed(lines[:number]) if line and not line[0].isspace()), "")
    return bool(ITEM.match(above))


def _comment(lines: list[str], number: int) -> str:
    """What the comment above a line says."""
    above = next((line for line in reversed(lines[:number]) if line.strip()), "")
    found = COMMENT.fullmatch(above)
    return found[1] if found else ""


def _indent(line: str) -> int:
    """How far it is indented."""
    return len(line) - len(line.lstrip())
