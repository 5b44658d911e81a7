"""Asking a program, in a thread: with a deadline, a limit on what it says, and an end from outside.

A program that hangs is killed by its own id (with those that it started: it is the leader of a session
of its own), by whoever asked when the time is over, or by :meth:`Asker.cancel`, which another thread may call
at any moment. Either of the two sees what the other has done: the process is named before the flag is
looked at, and the flag is set before the process is.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO

MAX_ANSWER = 2**18  # bytes; all of GNOME's settings with a full list of exceptions have a tenth


class NoAnswer(Exception):  # it never leaves this package
    """A desktop's settings cannot be read; the text says why."""


class NoProgram(NoAnswer):
    """There is no such program here."""


class Asker:
    """Asks programs, one after the other.

    Args:
      environ: The environment of the programs.
      patience: Seconds for all of them together.

    Attributes:
      environ: As given.

    """

    def __init__(self, environ: Mapping[str, str], patience: float) -> None:
        self.environ = environ
        self._patience = patience
        self._deadline = time.monotonic() + patience
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def ask(self, program: str, *arguments: str) -> str:
        """Run a program and give what it prints.

        Args:
          program: Its name.
          arguments: For it.

        Returns:
          Its standard output.

        Raises:
          NoProgram: It is not installed.
          NoAnswer: It failed, said too much, or did not end in time.

        """
        path = shutil.which(program, path=self.environ.get("PATH"))
        if path is None:
            raise NoProgram(f"{program} is not installed")
        try:
            process = subprocess.Popen(  # noqa: S603  # a program of the desktop's, no shell
                [path, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**self.environ, "LC_ALL": "C.UTF-8"},  # texts come in UTF-8 then
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:  # no more processes; a NUL in the environment
            raise NoAnswer(f"{program} cannot be run ({getattr(exc, 'strerror', exc)})") from None
        self._process = process
        try:
            assert process.stdout is not None
            with process.stdout as stdout:
                if self._cancelled:
                    raise NoAnswer("nobody waits for it")
                answer = self._read(program, stdout)
                self._wait(program, process)
        finally:
            self._end(process)
        if process.returncode:
            raise NoAnswer(f"{program} failed (status {process.returncode})")
        return answer.decode("utf-8", "replace")

    def cancel(self) -> None:
        """End what goes on, if anything does; from any thread."""
        self._cancelled = True
        process = self._process
        if process is not None and process.returncode is None:
            _kill(process)

    def _left(self, program: str) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer(f"{program} did not answer within {self._patience:g} s")
        return left

    def _read(self, program: str, stdout: IO[bytes]) -> bytes:
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(self._left(program)):
                    continue
                data = os.read(stdout.fileno(), 65536)
                if not data:
                    return bytes(answer)
                answer += data
                if len(answer) > MAX_ANSWER:
                    raise NoAnswer(f"{program} said more than {MAX_ANSWER:,} bytes")

    def _wait(self, program: str, process: subprocess.Popen[bytes]) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(self._left(program))
            return
        self._left(program)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode is None:
            _kill(process)
        process.wait()  # a killed process ends
        self._process = None


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # it has ended meanwhile
        os.killpg(process.pid, signal.SIGKILL)
