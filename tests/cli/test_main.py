"""The command line."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import trio_wsproxy
from trio_wsproxy import _cli
from trio_wsproxy._cli import _demo
from trio_wsproxy._cli._console import Console
from trio_wsproxy._cli._parser import make_parser


def test_without_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, with each command in it."""
    assert _cli.main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: python -m trio_wsproxy")
    assert "demo" in out
    assert err == ""


def test_as_a_module() -> None:
    """``python -m trio_wsproxy --version`` tells the version."""
    done = subprocess.run(
        [sys.executable, "-m", "trio_wsproxy", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"trio-wsproxy {trio_wsproxy.__version__}\n"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/usr/bin/trio-wsproxy", "trio-wsproxy"),
        ("/x/trio_wsproxy/__main__.py", "python -m trio_wsproxy"),
    ],
)
def test_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: str, name: str
) -> None:
    """The help calls the program by the name that it was started under."""
    monkeypatch.setattr(sys, "argv", [path])
    _cli.main([])
    assert capsys.readouterr().out.startswith(f"usage: {name} [-h]")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_completion() -> None:
    """``--print-completion bash`` makes bash complete commands, options and files."""
    script = subprocess.run(
        [sys.executable, "-m", "trio_wsproxy", "--print-completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    def completed(*words: str) -> list[str]:
        """What bash offers for the last word."""
        line = " ".join(words)
        ask = (
            f"{script}\nCOMP_WORDS=({line!s}); COMP_CWORD={len(words) - 1}\n"
            "$(complete -p trio-wsproxy | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
            ' trio-wsproxy "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("trio-wsproxy", "conn") == ["connect"]
    assert completed("trio-wsproxy", "connect", "--proxy-u") == ["--proxy-user"]
    assert completed("trio-wsproxy", "connect", "--cacert", "/dev/nul") == ["/dev/null"]


def test_completion_without_shtab(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra, ``--print-completion`` says how to install it, and exits with 2."""
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as excinfo:
        _cli.main(["--print-completion", "bash"])
    assert excinfo.value.code == 2
    assert "pip install shtab" in capsys.readouterr().err


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is refused with exit code 2 and a list of those that exist."""
    with pytest.raises(SystemExit) as excinfo:
        _cli.main(["dance"])
    assert excinfo.value.code == 2
    assert "demo" in capsys.readouterr().err


@pytest.mark.parametrize(("good", "code"), [(True, 0), (False, 1)])
def test_demo_exit_code(monkeypatch: pytest.MonkeyPatch, good: bool, code: int) -> None:
    """``demo`` exits with 0 if all legs were good, else with 1."""

    async def demo(console: Console) -> bool:
        return good

    monkeypatch.setattr(_demo, "demo", demo)
    assert _cli.main(["demo"]) == code


def test_demo_without_trustme(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the extra, ``demo`` says how to install it, and exits with 2."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    assert _cli.main(["demo"]) == 2
    out, told = capsys.readouterr()
    assert "pip install trustme" in told
    assert not out


@pytest.mark.parametrize("command", ["connect", "check", "explain", "demo"])
def test_help_fits(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line of the help of a command of the installed program is longer than a usual terminal's."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        make_parser().parse_args([command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command without a traceback."""

    async def demo(console: Console) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "demo", demo)
    assert _cli.main(["demo"]) == 130


def exit_codes(text: str | None) -> list[str]:
    """Those of a table."""
    lines = textwrap.dedent(text or "").splitlines()
    rows = [line for line in lines if re.match(r"\d+ {3,}\w", line)]
    return [code for row in rows for code in re.findall(r"^\d+|(?<=; )\d{3}(?=,)", row)]


def test_exit_codes_are_told() -> None:
    """The pages have the exit codes that the package says it has."""
    docs = Path(__file__).parent.parent.parent / "docs"
    pages = [(docs / f"{name}.rst").read_text("utf-8") for name in ("cli", "cli-connect")]
    assert len(exit_codes(_cli.__doc__)) == 6
    assert [exit_codes(page) for page in pages] == [exit_codes(_cli.__doc__)] * 2


def test_documentation() -> None:
    """Each command has a page, which tells each of its options, or the page of shared ones does."""
    parser = make_parser("trio-wsproxy")
    (commands,) = (x for x in parser._actions if isinstance(x, argparse._SubParsersAction))
    docs = Path(__file__).parent.parent.parent / "docs"
    shared = (docs / "cli.rst").read_text(encoding="utf-8")
    for name, command in commands.choices.items():
        page = (docs / f"cli-{name}.rst").read_text(encoding="utf-8")
        assert f":doc:`trio-wsproxy {name} <cli-{name}>`" in shared
        for option in command._option_string_actions.keys() - {"-h", "--help"}:
            assert f"``{option}" in page + shared, f"{name} {option}"
