"""The picture of a terminal in README and on the home page shows what the program prints."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def screens() -> ModuleType:
    """The program that draws the picture; it is no module of the package."""
    spec = importlib.util.spec_from_file_location("screens", ROOT / "docs" / "screens.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
async def test_picture() -> None:
    """Its words are those of a new run; ``python docs/screens.py`` draws it anew."""
    pytest.importorskip("rich")
    module = screens()
    shown = await module.screen()
    drawn = module.PICTURE.read_text(encoding="utf-8")
    assert module.plain(module.text_of(drawn)) == module.plain(shown)
    assert "put DOMAIN%5Cuser:password@ into the proxy URL" in module.plain(shown)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
async def test_picture_loads_nothing() -> None:
    """A README's pictures may load nothing from elsewhere, and have a name for those who cannot see."""
    drawn = screens().PICTURE.read_text(encoding="utf-8")
    assert "url(" not in drawn.replace("url(#", "")
    assert "<title>" in drawn
