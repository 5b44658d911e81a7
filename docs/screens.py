"""The pictures of a terminal that README and the home page show: ``python docs/screens.py`` draws them.

The program is run in a terminal of its own, against a proxy of ``trio_wsproxy.testing`` that wants
credentials; rich draws what it printed. There are two pictures of the same, for wide windows and for
telephones, where 80 columns cannot be read. ``tests/test_screens.py`` compares their text with a new
run, without ports and times, so no picture can be out of date.

The pictures of the command line's pages show what stands below them there, which is compared with real
programs: ``python docs/screens.py NAME TITLE`` draws ``_static/NAME.svg`` of what it reads, with the
escape codes of a terminal, as ``script`` keeps them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import trio
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from trio_wsproxy.testing import Fail, open_http_proxy

FOLDER = Path(__file__).parent / "_static"
PICTURES = {FOLDER / "terminal.svg": 80, FOLDER / "terminal-narrow.svg": 44}  # and their columns
URL = "wss://example.org/chat"
WIDTH = 80
TITLE = "A check in a terminal; it says what failed and what to try"
# Eight colours and the same, bright. Each has a contrast of 4.5 or more to the background (WCAG AA).
COLOURS = [
    *((110, 118, 129), (255, 123, 114), (86, 211, 100), (227, 179, 65)),
    *((121, 192, 255), (210, 168, 255), (86, 212, 221), (230, 237, 243)),
]
BACKGROUND, TEXT = (27, 31, 36), (230, 237, 243)
THEME = TerminalTheme(BACKGROUND, TEXT, COLOURS, COLOURS)
BAR = "█"
# A proxy on loopback has an address of as many characters as the one that stands for it.
STANDS_FOR = {r"127\.0\.0\.1:\d{5}": "proxy.corp:3128", r"127\.0\.0\.1": "192.0.2.7"}
OFFERS = [("Proxy-Authenticate", "Negotiate"), ("Proxy-Authenticate", "NTLM")]
# As rich's own, without fonts from elsewhere: a README's pictures may load nothing.
FORMAT = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font-family: 'DejaVu Sans Mono', Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<rect fill="#1b1f24" width="{width}" height="{height}" rx="8"/>
<g transform="translate(24,22)"><circle r="7" fill="#ff5f57"/>\
<circle cx="22" r="7" fill="#febc2e"/><circle cx="44" r="7" fill="#28c840"/></g>
<g transform="translate({terminal_x}, {terminal_y})"><g class="{unique_id}-matrix">
{backgrounds}
{matrix}
</g></g>
</svg>
"""


def in_terminal(command: list[str], environ: dict[str, str]) -> str:
    """What a program writes to a terminal, colours included."""
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(  # noqa: S603  # this very Python, and the package's own command
        command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=environ
    ):
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:
            pass  # Linux says EIO where nobody has the other end any more
        finally:
            os.close(ours)
    return written.decode().replace("\r\n", "\n")


async def screen(width: int) -> str:
    """Run the check, and return what a terminal of that width shows, with the prompt before it."""
    async with open_http_proxy(script=[Fail(407, headers=OFFERS)]) as proxy:
        inherited = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        environ = {
            **inherited,
            "https_proxy": proxy.url,
            "COLUMNS": str(width),
            "TERM": "xterm-256color",
            "PYTHONUTF8": "1",
        }
        environ.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "trio_wsproxy", "check", URL]
        shown = await trio.to_thread.run_sync(in_terminal, command, environ)
    shown = as_left(shown)
    for pattern, name in STANDS_FOR.items():
        shown = re.sub(pattern, name, shown)
    typed = f"$ export https_proxy=http://proxy.corp:3128\n$ trio-wsproxy check {URL}\n"
    return typed + shown.rstrip("\n") + "\n"


def plain(text: str) -> str:
    """The words of a screen, without colours, times and bars."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    return re.sub(r"[\d.]+ m?s\b|█+|\s+", " ", re.sub(r"\s*█+", "", text)).strip()


def as_left(shown: str) -> str:
    """What a terminal shows in the end: a line that is rewritten is shown as it was left."""
    return re.sub(r"\x1b\[\d*[A-HJKST]|\x1b\[\?\d+[hl]", "", re.sub(r"[^\n]*\r", "", shown))


def draw(shown: str, title: str = TITLE, width: int = WIDTH) -> str:
    """The picture of a screen."""
    console = Console(record=True, file=StringIO(), width=width, force_terminal=True)
    console.print(_with_bars(Text.from_ansi(shown)), soft_wrap=True)
    code = FORMAT.replace("TITLE", title)
    svg = console.export_svg(theme=THEME, code_format=code, unique_id="t")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _with_bars(text: Text) -> Text:
    """Draw bars as backgrounds: as letters, some fonts leave gaps between them."""
    console = Console()
    for found in re.finditer(f"{BAR}+", text.plain):
        colour = text.get_style_at_offset(console, found.start()).color
        text.stylize(Style(bgcolor=colour or "white", color=colour or "white"), *found.span())
    text.plain = text.plain.replace(BAR, " ")
    return text


def text_of(svg: str) -> str:
    """The words that a picture shows, line by line."""
    rows: dict[str, str] = {}
    for baseline, words in re.findall(r'<text [^>]*?y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        rows[baseline] = rows.get(baseline, "") + words.strip("\n")
    lines = [rows[key] for key in sorted(rows, key=float)]
    text = "\n".join(lines).replace("&#160;", " ")
    return (
        text.replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'").replace("&amp;", "&")
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        name, title = sys.argv[1:]
        drawn = draw(as_left(sys.stdin.read().replace("\r\n", "\n")), title)
        (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")
    else:
        for picture, columns in PICTURES.items():
            drawn = draw(trio.run(screen, columns), width=columns)
            picture.write_text(drawn, encoding="utf-8")
