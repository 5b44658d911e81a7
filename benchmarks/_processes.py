"""Helper processes: started as modules of this package, ended with the block.

A helper prints one line of JSON when it is ready, and ends when its standard input does. So
it outlives nobody, however the benchmark ends.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have; 2,000 connections need them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def announce(facts: dict[str, Any]) -> None:
    """Tell the benchmark that this helper is ready, and how to reach it."""
    print(json.dumps(facts), flush=True)


@contextmanager
def helper(module: str, *arguments: str, cpus: set[int] | None = None) -> Iterator[Any]:
    """Run a helper while the block runs.

    Args:
      module: Its name in this package.
      arguments: Its command line.
      cpus: The processors it may use; all by default.

    Yields:
      What it announced.

    """
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if cpus:
            os.sched_setaffinity(process.pid, cpus)
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} ended with status {process.wait()}")
        yield json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def run_child(module: str, job: dict[str, Any], *, timeout: float) -> Any:
    """Run a module of this package with a job as JSON, return its answer.

    Raises:
      subprocess.SubprocessError: It failed, or took longer than ``timeout`` seconds.

    """
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.{module}", json.dumps(job)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=timeout,
    )
    return json.loads(done.stdout)


def write_certificates(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for the loopback servers.

    Returns:
      Two files: the CA's certificate for clients; certificate and key for servers.

    """
    ca = trustme.CA()
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca.cert_pem.write_to_path(ca_file)
    ca.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        server_file
    )
    return ca_file, server_file
