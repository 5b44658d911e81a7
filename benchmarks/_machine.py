"""Where figures come from: the machine, what else it does, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import ssl
from collections.abc import Sequence
from pathlib import Path

from ._sessions import Client

BUSY = 0.5  # processes that wait for a core; more than a desktop's own


def machine(clients: Sequence[Client]) -> str:
    """Describe where the figures come from: machine, interpreter, versions."""
    names = [client.distribution for client in clients]
    names += ["trio", "trio-websocket", "wsproto", "picows"]
    if any(client.loop.name == "uvloop" for client in clients):
        names.append("uvloop")
    versions = ", ".join(f"{name} {_version(name)}" for name in dict.fromkeys(names))
    return (
        f"{_processor()}, {_cores()} cores, {platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION}; {versions}."
    )


def busy_warnings() -> list[str]:
    """Say if the machine has something else to do; call it before anything is measured."""
    load = os.getloadavg()[0]
    if load < BUSY:
        return []
    return [f"The machine was not idle before the run: its load average was {load:.1f}."]


def core_warnings() -> list[str]:
    """Say if client, server and proxies have to share one core."""
    if len(os.sched_getaffinity(0)) > 1:
        return []
    return ["Client, server and proxies shared one core: wall times contain all of them."]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    return os.cpu_count() or 1


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"
