"""The pictures of a terminal in README, on the home page and on others show what the program prints."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from _pages import blocks
from _typed import masked

ROOT = Path(__file__).parent.parent


def screens() -> ModuleType:
    """The program that draws the pictures; it is no module of the package."""
    spec = importlib.util.spec_from_file_location("screens", ROOT / "docs" / "screens.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ALIKE = ["terminal.svg", "terminal-narrow.svg"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("name", ALIKE)
async def test_picture(name: str) -> None:
    """Its words are those of a new run; ``python docs/screens.py`` draws it anew."""
    pytest.importorskip("rich")
    module = screens()
    assert [path.name for path in module.PICTURES] == ALIKE
    path = module.FOLDER / name
    shown = await module.screen(module.PICTURES[path])
    drawn = path.read_text(encoding="utf-8")
    assert module.plain(module.text_of(drawn)) == module.plain(shown)
    assert "put DOMAIN%5Cuser:password@ into the proxy URL" in module.plain(shown)


PAGES = sorted((ROOT / "docs").glob("cli*.rst"))
PICTURES = [
    pytest.param(page, found[1], text.count("\n", 0, found.start()), id=found[1])
    for page in PAGES
    for text in [page.read_text(encoding="utf-8")]
    for found in re.finditer(r"^\.\. image:: _static/([\w-]+)\.svg$", text, re.MULTILINE)
]


@pytest.mark.parametrize(("page", "name", "line"), PICTURES)
def test_pictures_of_the_command_line(page: Path, name: str, line: int) -> None:
    """Their words are those of the block below, which is compared with what is printed."""
    pytest.importorskip("rich")
    below = next(block for block in blocks(page) if block.line > line)
    picture = (ROOT / "docs" / "_static" / f"{name}.svg").read_text(encoding="utf-8")
    assert masked(screens().text_of(picture)) == masked(below.text)


def test_there_are_pictures() -> None:
    """The test above has something to look at."""
    assert len(PICTURES) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("name", ALIKE)
async def test_picture_loads_nothing(name: str) -> None:
    """A README's pictures may load nothing from elsewhere, and have a name for those who cannot see."""
    pytest.importorskip("rich")
    drawn = (screens().FOLDER / name).read_text(encoding="utf-8")
    assert "url(" not in drawn.replace("url(#", "")
    assert "<title>" in drawn
