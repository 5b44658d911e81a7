"""A desktop's session for tests: a bus, GNOME's and KDE's settings, and those who are asked about them."""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import proxylib
import pytest
from _proxies import missing, program, running

TIMEOUT = 60  # seconds for programs that take milliseconds, on a machine that is busy


class Session:
    """Settings and programs of one user who does not exist.

    Args:
      directory: For all files.
      bus: The address of a bus; empty for KDE, which needs none.

    """

    def __init__(self, directory: Path, bus: str = "") -> None:
        self.directory = directory
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory),
            "XDG_CONFIG_DIRS": str(directory / "none"),
            "XDG_RUNTIME_DIR": str(directory / "run"),
            "DBUS_SESSION_BUS_ADDRESS": bus or "disabled:",
            "LC_ALL": "C.UTF-8",
            "GATEWAY": "http://m:1",
            "GATEWAY_HOST": "m",
        }

    def run(self, *command: str, given: str = "") -> str:
        """Run a program in this session, and give what it prints."""
        done = subprocess.run(  # programs of the tests
            command,
            input=given,
            env=self.environ,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=True,
        )
        return done.stdout

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this process one of the session, too."""
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name.upper() == "TRIO_WSPROXY_PAC":
                monkeypatch.delenv(name)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)

    def use_gnome(self, settings: Mapping[str, str]) -> None:
        """Replace all of GNOME's settings, by ``dconf``."""
        self.environ.update(XDG_CURRENT_DESKTOP="GNOME", DESKTOP_SESSION="gnome")
        groups: dict[str, list[str]] = {}
        for name, value in settings.items():
            group, _, key = name.rpartition("/")
            groups.setdefault(group or "/", []).append(f"{key}={value}")
        text = "".join(f"[{name}]\n" + "\n".join(lines) + "\n\n" for name, lines in groups.items())
        self.run("dconf", "reset", "-f", "/system/proxy/")
        self.run("dconf", "load", "/system/proxy/", given=text)

    def use_kde(self, settings: Mapping[str, str]) -> None:
        """Replace all of KDE's settings."""
        self.environ.update(XDG_CURRENT_DESKTOP="KDE", KDE_FULL_SESSION="true")
        lines = [f"{name}={value}" for name, value in settings.items()]
        text = "\n".join(["[Proxy Settings]", *lines, ""])
        (self.directory / "kioslaverc").write_text(text, encoding="utf-8")

    def libproxy(self, hosts: list[str]) -> list[str]:
        """What the program ``proxy`` of libproxy says, first of all, for ``https``."""
        urls = "".join(f"https://{host}/\n" for host in hosts)
        return [
            told(line.split(" ")[0])
            for line in self.run(libproxy_program(), given=urls).splitlines()
        ]

    def portal(self, host: str) -> str:
        """What the portal says for ``https``, which is what GLib says."""
        where = [
            *("--dest", "org.freedesktop.portal.Desktop"),
            *("--object-path", "/org/freedesktop/portal/desktop"),
        ]
        method = ("--method", "org.freedesktop.portal.ProxyResolver.Lookup", f"https://{host}:443/")
        said = self.run("gdbus", "call", "--session", *where, *method)
        first: str = ast.literal_eval(said)[0][0]  # (['direct://'],)
        return told(first)

    def proxylib(self, hosts: list[str]) -> list[str]:
        """What proxylib says by itself; this process has to be one of the session."""
        proxylib.clear_caches()
        found = proxylib.auto_proxy(system=False)
        answers: list[Any] = [found[f"https://{host}/"] for host in hosts]
        return ["direct" if ways[0] is None else told(str(ways[0])) for ways in answers]


def libproxy_program() -> str:
    """The path of libproxy's program, or :func:`missing`; a virtual environment may have proxy.py's."""
    path = shutil.which("proxy", path=os.defpath)
    if path is None:
        missing("libproxy-tools is not installed")
    return path


def told(url: str) -> str:
    """A proxy's URL without credentials, in the words of the table."""
    if url.startswith("direct"):
        return "direct"
    scheme, _, rest = url.partition("://")
    rest = rest.rpartition("@")[2].rstrip("/")
    with contextlib.suppress(ValueError):
        parts = urlsplit(f"//{rest}")
        if parts.hostname and not parts.port:
            rest = f"{rest.rpartition(':')[0] or rest}:{1080 if scheme.startswith('socks') else 80}"
    return f"{'socks' if scheme.startswith('socks') else scheme}://{rest}"


# A bus that starts two services and no other: the portal would have one mount a file system.
_CONFIG = """\
<busconfig>
  <type>session</type>
  <listen>unix:path={directory}/bus</listen>
  <servicedir>{directory}/services</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_SERVICES = ("ca.desrt.dconf", "org.freedesktop.portal.Desktop")


def _listens(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        return True
    return False


@contextlib.contextmanager
def bus(directory: Path) -> Iterator[str]:
    """A session's bus; its services end with it."""
    command = [program("dbus-daemon"), f"--config-file={directory / 'bus.conf'}", "--nofork"]
    (directory / "bus.conf").write_text(_CONFIG.format(directory=directory), encoding="utf-8")
    (directory / "services").mkdir()
    for name in _SERVICES:
        service = Path(f"/usr/share/dbus-1/services/{name}.service")
        if service.exists():
            (directory / "services" / service.name).write_bytes(service.read_bytes())
    # dconf has a file of the same name below either of them.
    environ = {name: str(directory) for name in ("HOME", "XDG_CONFIG_HOME")}
    environ["XDG_RUNTIME_DIR"] = str(directory / "run")
    (directory / "run").mkdir(mode=0o700)
    # Of the portal, too, for which it is GLib that resolves.
    environ["XDG_CURRENT_DESKTOP"] = "GNOME"
    log, path = directory / "bus.log", directory / "bus"
    with running("dbus-daemon", command, log, lambda _: _listens(path), environ=environ):
        yield f"unix:path={path}"
