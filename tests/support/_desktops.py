"""Desktops for tests: programs that answer what a test says, and settings read from text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trio_wsproxy._routing._desktop._asking import Asker, NoAnswer, NoProgram

GSETTINGS = """\
org.gnome.system.proxy autoconfig-url ''
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '::1']
org.gnome.system.proxy mode 'none'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.ftp host ''
org.gnome.system.proxy.ftp port 0
org.gnome.system.proxy.http authentication-password ''
org.gnome.system.proxy.http authentication-user ''
org.gnome.system.proxy.http enabled false
org.gnome.system.proxy.http host ''
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.http use-authentication false
org.gnome.system.proxy.https host ''
org.gnome.system.proxy.https port 0
org.gnome.system.proxy.socks host ''
org.gnome.system.proxy.socks port 0
"""


def gsettings(changes: Mapping[str, str]) -> str:
    """What gsettings prints when these keys ("http host", "mode") have these values (in GVariant)."""
    lines = []
    for line in GSETTINGS.splitlines():
        schema, key, value = line.split(" ", 2)
        name = f"{schema.removeprefix('org.gnome.system.proxy').lstrip('.')} {key}".strip()
        lines.append(f"{schema} {key} {changes.get(name, value)}")
    return "\n".join(lines) + "\n"


class FakeAsker(Asker):
    """Answers by program; a program that is not there is not installed."""

    def __init__(self, answers: Mapping[str, str | Exception]) -> None:
        super().__init__({}, 1.0)
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []

    def ask(self, program: str, *arguments: str) -> str:
        """Give the answer that the test has for this program."""
        self.asked.append((program, *arguments))
        answer = self.answers.get(program, NoProgram(f"{program} is not installed"))
        if isinstance(answer, Exception):
            raise answer
        return answer


SETTINGS = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


class FakeRegistry:
    """The part of winreg that is used, over dicts of keys."""

    HKEY_CURRENT_USER = "HKCU"
    HKEY_LOCAL_MACHINE = "HKLM"

    def __init__(self, keys: dict[tuple[str, str], dict[str, object]]) -> None:
        self.keys = keys
        self.open = 0

    def OpenKey(self, root: str, path: str) -> Any:  # noqa: N802 - winreg's name
        if (root, path) not in self.keys:
            raise FileNotFoundError(path)
        registry, values = self, self.keys[root, path]

        class Key:
            def __enter__(self) -> dict[str, object]:
                registry.open += 1
                return values

            def __exit__(self, *args: object) -> None:
                registry.open -= 1

        return Key()

    def QueryValueEx(self, key: dict[str, object], name: str) -> tuple[object, int]:  # noqa: N802 - winreg's name
        if name not in key:
            raise FileNotFoundError(name)
        return key[name], 1


SILENT = NoAnswer("it did not answer within 2 s")


def put_program(directory: Path, name: str, script: str) -> Path:
    """Put a shell script where only this test finds it."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def use_gnome(monkeypatch: pytest.MonkeyPatch, directory: Path, script: str) -> None:
    """Make this a GNOME desktop whose gsettings is a shell script, with no proxy in the environment."""
    put_program(directory, "gsettings", script)
    if str(directory) not in os.environ["PATH"]:
        monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")
    without_proxies(monkeypatch)


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all proxies out of the environment."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.upper() == "TRIO_WSPROXY_PAC":
            monkeypatch.delenv(name)


# Writes down its own id and that of a child, and hangs.
HANG = 'sleep 1000 & echo $$ $! > "$0.new"; mv "$0.new" "$0.pid"; wait'


def is_gone(pid: int) -> bool:
    """Whether a process has ended; who should have reaped it does not matter."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")


def saying(text: str) -> str:
    """A script that says this."""
    return f"cat <<'END_OF_TEXT'\n{text}\nEND_OF_TEXT"
